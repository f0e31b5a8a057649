/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#include "tests/sim/route.h"

#include <string.h>

enum { AS_TRANS = 23456, UPDATE = 2 };

/* Bytes being written; tests know their sizes. */
struct out {
	uint8_t *at;
};

static void u8(struct out *o, unsigned v)
{
	*o->at++ = (uint8_t)v;
}

static void u16(struct out *o, unsigned v)
{
	u8(o, v >> 8);
	u8(o, v & 0xff);
}

static void u32(struct out *o, uint32_t v)
{
	u16(o, v >> 16);
	u16(o, v & 0xffff);
}

static void bytes(struct out *o, const void *data, size_t n)
{
	memcpy(o->at, data, n);
	o->at += n;
}

static void head(struct out *o, unsigned flags, unsigned code, size_t size)
{
	u8(o, flags);
	u8(o, code);
	u8(o, (unsigned)size);
}

static void addr(struct out *o, const struct vrs_addr *a)
{
	bytes(o, a->bytes, a->afi == VRS_AFI_IP4 ? 4 : 16);
}

static void number(struct out *o, unsigned flags, unsigned code, uint32_t v)
{
	head(o, flags, code, 4);
	u32(o, v);
}

static void as_path(
	struct out *o, unsigned flags, unsigned code, const struct sim_attrs *a, unsigned width)
{
	size_t size = (a->n_path > 0 ? 2u + a->n_path * width : 0) + (a->set != 0 ? 2 + width : 0);

	head(o, flags, code, size);
	for (unsigned i = 0; i <= a->n_path; i++) {
		uint32_t asn = i < a->n_path ? a->path[i] : a->set;

		if (i == 0 && a->n_path > 0)
			u16(o, 2u << 8 | a->n_path);
		if (asn == 0)
			continue;
		if (i == a->n_path)
			u16(o, 1u << 8 | 1);
		if (width == 4)
			u32(o, asn);
		else
			u16(o, asn > UINT16_MAX ? AS_TRANS : asn);
	}
}

static bool needs_as4(const struct sim_attrs *a)
{
	bool wide = a->set > UINT16_MAX;

	for (unsigned i = 0; i < a->n_path; i++)
		wide |= a->path[i] > UINT16_MAX;
	return wide;
}

/* What follows the next hop, in order of codes. @p flags of the unknown one. */
static void rest(struct out *o, const struct sim_attrs *a, bool as4, unsigned unknown_flags)
{
	static const uint8_t large[12] = {0, 0, 0xfd, 0xe9, 0, 0, 0, 1, 0, 0, 0, 2};
	static const uint8_t ext[8] = {0, 2, 0xfd, 0xe9, 0, 0, 0, 7};

	if (a->has_med)
		number(o, 0x80, 4, a->med);
	if (a->has_local_pref)
		number(o, 0x40, 5, a->local_pref);
	if (a->n_communities > 0) {
		head(o, 0xc0, 8, 4u * a->n_communities);
		for (unsigned i = 0; i < a->n_communities; i++)
			u32(o, a->communities[i]);
	}
	if (a->has_originator)
		number(o, 0x80, 9, a->originator);
	if (a->n_clusters > 0) {
		head(o, 0x80, 10, 4u * a->n_clusters);
		for (unsigned i = 0; i < a->n_clusters; i++)
			u32(o, a->clusters[i]);
	}
	if (a->ext) {
		head(o, 0xc0, 16, sizeof(ext));
		bytes(o, ext, sizeof(ext));
	}
	if (!as4 && needs_as4(a))
		as_path(o, 0xc0, 17, a, 4);
	if (a->large) {
		head(o, 0xc0, 32, sizeof(large));
		bytes(o, large, sizeof(large));
	}
	if (a->otc != 0)
		number(o, 0xc0, 35, a->otc);
	if (a->unknown) {
		head(o, unknown_flags, 99, 3);
		bytes(o, "sim", 3);
	}
}

struct sim_attrs sim_received(const struct sim_attrs *a, bool ibgp)
{
	struct sim_attrs kept = *a;

	if (!ibgp) {
		kept.has_local_pref = kept.has_originator = false;
		kept.n_clusters = 0;
	}
	return kept;
}

size_t sim_canonical(const struct sim_attrs *a, uint8_t *out)
{
	struct out o = {out};

	head(&o, 0x40, 1, 1);
	u8(&o, a->origin);
	as_path(&o, 0x40, 2, a, 4);
	head(&o, 0x40, 3, a->hop.afi == VRS_AFI_IP4 ? 4 : 16);
	addr(&o, &a->hop);
	rest(&o, a, true, 0xe0);
	return (size_t)(o.at - out);
}

static void nlri(struct out *o, const struct vrs_prefix *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		u8(o, p[i].len);
		bytes(o, p[i].addr, (p[i].len + 7u) / 8);
	}
}

static void set16(uint8_t *at, size_t v)
{
	at[0] = (uint8_t)(v >> 8);
	at[1] = (uint8_t)v;
}

static struct out begin(uint8_t *out)
{
	memset(out, 0xff, 16);
	out[18] = UPDATE;
	return (struct out){out + 19};
}

static size_t end(const struct out *o, uint8_t *out)
{
	size_t size = (size_t)(o->at - out);

	set16(out + 16, size);
	return size;
}

/* An MP attribute: its size is known when its prefixes are written. */
static void mp(struct out *o, unsigned code, const struct vrs_addr *hop, const struct vrs_prefix *p,
	size_t n)
{
	u8(o, 0x90);
	u8(o, code);
	uint8_t *size = o->at;
	o->at += 2;
	u16(o, VRS_AFI_IP6);
	u8(o, 1);
	if (hop != NULL) {
		u8(o, 16);
		addr(o, hop);
		u8(o, 0);
	}
	nlri(o, p, n);
	set16(size, (size_t)(o->at - size - 2));
}

size_t sim_update(const struct sim_attrs *a, bool as4, const struct vrs_prefix *p, size_t n,
	enum sim_damage damage, uint8_t *out)
{
	struct out o = begin(out);
	bool ip6 = p[0].afi == VRS_AFI_IP6;

	u16(&o, 0); /* withdrawn */
	uint8_t *size = o.at;
	o.at += 2;
	if (ip6)
		mp(&o, 14, &a->hop, p, n);
	head(&o, 0x40, 1, 1);
	u8(&o, damage == SIM_BAD_ORIGIN ? 7 : a->origin);
	as_path(&o, 0x40, 2, a, as4 ? 4 : 2);
	if (!ip6) {
		head(&o, 0x40, 3, 4);
		addr(&o, &a->hop);
	}
	if (damage == SIM_BAD_MED) {
		head(&o, 0x80, 4, 3);
		bytes(&o, "med", 3);
	}
	struct sim_attrs sent = *a;
	sent.has_med &= damage != SIM_BAD_MED;
	rest(&o, &sent, as4, 0xc0);
	if (damage == SIM_TWICE) {
		head(&o, 0x40, 1, 1);
		u8(&o, 2);
	}
	if (damage == SIM_BAD_ATOMIC) {
		head(&o, 0x40, 6, 1);
		u8(&o, 0);
	}
	if (damage == SIM_BAD_ATTR_LEN) {
		head(&o, 0xc0, 8, 8);
		u32(&o, 1);
	}
	set16(size, (size_t)(o.at - size - 2));
	if (!ip6)
		nlri(&o, p, n);
	if (damage == SIM_BAD_NLRI) {
		u8(&o, 77);
		u8(&o, 1);
	}
	return end(&o, out);
}

size_t sim_withdraw(const struct vrs_prefix *p, size_t n, uint8_t *out)
{
	struct out o = begin(out);
	bool ip6 = p[0].afi == VRS_AFI_IP6;

	uint8_t *size = o.at;
	o.at += 2;
	if (!ip6)
		nlri(&o, p, n);
	set16(size, (size_t)(o.at - size - 2));
	size = o.at;
	o.at += 2;
	if (ip6)
		mp(&o, 15, NULL, p, n);
	set16(size, (size_t)(o.at - size - 2));
	return end(&o, out);
}

size_t sim_eor(unsigned afi, uint8_t *out)
{
	struct out o = begin(out);

	u16(&o, 0);
	u16(&o, afi == VRS_AFI_IP6 ? 6 : 0);
	if (afi == VRS_AFI_IP6) {
		head(&o, 0x80, 15, 3);
		u16(&o, VRS_AFI_IP6);
		u8(&o, 1);
	}
	return end(&o, out);
}
