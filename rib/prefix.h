/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rib/base/bytes.h"
#include "rib/base/macro.h"

/**
 * @file
 * IP addresses and prefixes: the keys of every table in rib/.
 *
 * Both are values: copied freely, owning nothing. A prefix is always canonical (host bits and
 * padding are zero), so two prefixes are equal exactly when their bytes are. Every function
 * here is pure and safe from any thread.
 */

/** Address families, numbered as on the wire (RFC 4760, section 3). 0 is "none". */
enum vrs_afi {
	VRS_AFI_NONE = 0,
	VRS_AFI_IP4 = 1,
	VRS_AFI_IP6 = 2,
};

struct vrs_addr {
	uint8_t bytes[16]; /**< Network byte order; IPv4 fills the first 4, the rest is zero. */
	uint8_t afi;       /**< enum vrs_afi. */
};
static_assert(sizeof(struct vrs_addr) == 17, "compared as bytes");

struct vrs_prefix {
	uint8_t addr[16]; /**< Network byte order; IPv4 fills the first 4. */
	uint8_t len;      /**< Bits: 0..32 for IPv4, 0..128 for IPv6. */
	uint8_t afi;      /**< enum vrs_afi. */
};
static_assert(sizeof(struct vrs_prefix) == 18, "compared and hashed as bytes");

/** Room for the longest text form and its NUL. */
#define VRS_PREFIX_STRLEN 50
#define VRS_ADDR_STRLEN   46

/** @return Bits of an address: 32 or 128. */
static inline unsigned vrs_afi_width(unsigned afi)
{
	return afi == VRS_AFI_IP4 ? 32 : 128;
}

/**
 * Read one prefix from an NLRI field (RFC 4271, section 4.3).
 *
 * Bits past the length are cleared, as the RFC calls them irrelevant.
 *
 * @param[out] p  Written only on success.
 * @param afi     Family of the field.
 * @param buf     Field from the next prefix on; any alignment, not retained.
 * @param size    Bytes left in the field.
 * @return        Bytes consumed (1..17), or -EBADMSG if the length is over the
 *                family's width or the field ends early.
 */
VRS_NODISCARD int vrs_prefix_read(
	struct vrs_prefix *p, enum vrs_afi afi, const uint8_t *buf, size_t size);

/** Append @p p as NLRI: its length and as many bytes as that needs. */
void vrs_prefix_write(struct vrs_writer *w, const struct vrs_prefix *p);

/** @return Bytes that vrs_prefix_write() takes: 1..17. */
static inline size_t vrs_prefix_wire_size(const struct vrs_prefix *p)
{
	return 1 + (p->len + 7u) / 8;
}

/** Make a prefix of @p a; bits past @p len are cleared. @p len is at most the width. */
struct vrs_prefix vrs_prefix_of(const struct vrs_addr *a, unsigned len);

/** The address part of @p p. */
struct vrs_addr vrs_prefix_addr(const struct vrs_prefix *p);

/** Whether @p a covers @p b. A prefix covers itself; families never mix. */
bool vrs_prefix_covers(const struct vrs_prefix *a, const struct vrs_prefix *b);

/** Whether @p addr lies in @p p. */
bool vrs_prefix_covers_addr(const struct vrs_prefix *p, const struct vrs_addr *addr);

static inline bool vrs_prefix_equal(const struct vrs_prefix *a, const struct vrs_prefix *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

static inline bool vrs_addr_equal(const struct vrs_addr *a, const struct vrs_addr *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

/** @return Whether @p a is in fe80::/10 (RFC 4291, section 2.5.6). */
static inline bool vrs_addr_is_link_local(const struct vrs_addr *a)
{
	return a->afi == VRS_AFI_IP6 && a->bytes[0] == 0xfe && (a->bytes[1] & 0xc0) == 0x80;
}

/** Order of a table walk: family, address, shorter first. @return <0, 0 or >0. */
int vrs_prefix_cmp(const struct vrs_prefix *a, const struct vrs_prefix *b);

/** Family, then address. @return <0, 0 or >0. */
int vrs_addr_cmp(const struct vrs_addr *a, const struct vrs_addr *b);

/** Text form, e.g. "192.0.2.0/24". @return @p out, so it fits in a log call. */
const char *vrs_prefix_str(const struct vrs_prefix *p, char out[VRS_PREFIX_STRLEN]);

/** Text form, e.g. "192.0.2.1"; "-" for none. @return @p out. */
const char *vrs_addr_str(const struct vrs_addr *a, char out[VRS_ADDR_STRLEN]);

/**
 * Parse "10.0.0.0/16" or "fd00::/8".
 *
 * @param[out] p  Written only on success.
 * @return        0; -EINVAL if it is no prefix; -ERANGE if bits past the length are set.
 */
VRS_NODISCARD int vrs_prefix_parse(struct vrs_prefix *p, const char *text);

/** Parse an address without a length. @return 0 or -EINVAL. */
VRS_NODISCARD int vrs_addr_parse(struct vrs_addr *a, const char *text);

/** An IPv4 address from its 32 bits in host order. */
struct vrs_addr vrs_addr_ip4(uint32_t bits);

/** The 32 bits of an IPv4 address, host order; 0 for IPv6. */
uint32_t vrs_addr_ip4_bits(const struct vrs_addr *a);
