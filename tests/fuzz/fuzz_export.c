/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 *
 * The way out: two bytes choose receiver and family, one the room of a message; the rest is a
 * set of attributes as it came in. It is sent with a few prefixes and read back as that
 * receiver reads it: well formed, the path longer by what was put in front, every prefix there.
 * Then the prefixes are withdrawn.
 */

#include <stdio.h>

#include "io/bgp/encode.h"
#include "io/bgp/open.h"
#include "tests/fuzz/fuzz.h"
#include "tests/io/bgp_build.h"

enum { N_PREFIXES = 70 };

static struct vrs_prefix prefix(unsigned afi, unsigned i)
{
	struct vrs_addr a = {.afi = (uint8_t)afi, .bytes = {10, (uint8_t)i, 3, 4, 5}};

	return vrs_prefix_of(&a, i % (vrs_afi_width(afi) + 1));
}

/* @return Prefixes that @p u announces or withdraws. */
static uint32_t prefixes_of(const struct vrs_bgp_update *u)
{
	return u->announced.n + u->mp_reach.n + u->withdrawn.n + u->mp_unreach.n;
}

static void withdraw(unsigned afi, const struct vrs_bgp_decode_ctx *in)
{
	static uint8_t message[VRS_BGP_MAX_SIZE];
	static struct vrs_bgp_update u;
	struct vrs_bgp_pack p;
	uint32_t n = 0;

	vrs_bgp_pack_begin_withdraw(&p, message, sizeof(message), afi);
	FUZZ_CHECK(vrs_bgp_pack_end(&p) == 0);
	vrs_bgp_pack_begin_withdraw(&p, message, sizeof(message), afi);
	for (; n < N_PREFIXES; n++) {
		struct vrs_prefix one = prefix(afi, n);

		FUZZ_CHECK(vrs_bgp_pack_add(&p, &one));
	}
	size_t size = vrs_bgp_pack_end(&p);
	vrs_bgp_update_decode(in, message + VRS_BGP_HEADER_SIZE, size - VRS_BGP_HEADER_SIZE, &u);
	FUZZ_CHECK(u.verdict.action == VRS_BGP_ACCEPT && prefixes_of(&u) == n);
	FUZZ_CHECK(u.withdrawn.n + u.mp_unreach.n == n && u.eor == 0);
}

static void announce(const struct vrs_bgp_export *out, const struct vrs_bgp_decode_ctx *in,
	const uint8_t *set, size_t size, const struct vrs_attrs_info *info, unsigned afi,
	size_t room)
{
	static uint8_t attrs[VRS_BGP_CANONICAL_MAX], message[VRS_BGP_MAX_SIZE_EXTENDED];
	static uint8_t again[VRS_BGP_CANONICAL_MAX];
	static struct vrs_bgp_update u;
	struct vrs_bgp_attr_block block;
	struct vrs_attrs_info there;
	struct vrs_bgp_pack p;
	uint32_t n = 0;

	if (vrs_bgp_encode_attrs(out, set, size, afi, attrs, sizeof(attrs), &block) != 0 ||
		!vrs_bgp_pack_begin(&p, message, room, &block))
		return;
	for (; n < N_PREFIXES; n++) {
		struct vrs_prefix one = prefix(afi, n);

		if (!vrs_bgp_pack_add(&p, &one))
			break;
	}
	FUZZ_CHECK(n > 0);
	size_t used = vrs_bgp_pack_end(&p);
	FUZZ_CHECK(used > VRS_BGP_HEADER_SIZE && used <= room);
	vrs_bgp_update_decode(in, message + VRS_BGP_HEADER_SIZE, used - VRS_BGP_HEADER_SIZE, &u);
	FUZZ_CHECK(u.verdict.action == VRS_BGP_ACCEPT && prefixes_of(&u) == n);
	/* 2-byte numbers become 4-byte ones: too long for a set, at worst. */
	if (vrs_bgp_update_canonical(&u, block.mp ? VRS_BGP_MP : VRS_BGP_CLASSIC, again,
		    sizeof(again), &used, &there) != 0)
		return;
	if (in->as4)
		FUZZ_CHECK(there.path_len == info->path_len + (out->prepend_as != 0));
	if (out->prepend_as != 0 && !out->ibgp)
		FUZZ_CHECK(there.first_as == out->prepend_as);
	FUZZ_CHECK(out->ibgp || (there.flags & VRS_ATTRS_HAS_MED) == 0);
	FUZZ_CHECK(there.origin == info->origin);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct vrs_bgp_decode_ctx from = {.as4 = true, .ibgp = true, .families = 3};
	static const size_t rooms[] = {VRS_BGP_MAX_SIZE, VRS_BGP_MAX_SIZE_EXTENDED, 200, 64};
	static uint8_t set[VRS_BGP_CANONICAL_MAX];
	static struct vrs_bgp_update u;
	struct vrs_attrs_info info;
	size_t n;

	if (size < 3 || size > 60000)
		return 0;
	const bool ibgp = (data[0] & 1) != 0, as4 = (data[0] & 2) != 0;
	const unsigned afi = data[1] & 1 ? VRS_AFI_IP6 : VRS_AFI_IP4;
	const struct vrs_bgp_decode_ctx in = {.as4 = as4,
		.ibgp = ibgp,
		.families = VRS_BGP_IP4 | VRS_BGP_IP6,
		.ext_next_hop = VRS_BGP_IP4};
	struct vrs_bgp_export out = {.ibgp = ibgp,
		.as4 = as4,
		.prepend_as = ibgp    ? 0
			: data[0] & 4 ? 70000
				      : 65515,
		.originator_id = ibgp && data[0] & 8 ? 0x0a000001 : 0,
		.cluster_id = 0x0a000004,
		.otc_as = data[0] & 16 ? 65515 : 0};

	if (data[0] & 32)
		out.next_hop = afi == VRS_AFI_IP4
			? vrs_addr_ip4(0x0a000004)
			: (struct vrs_addr){.afi = VRS_AFI_IP6, .bytes = {0xfd, [15] = 4}};
	withdraw(afi, &in);
	vrs_bgp_update_decode_attrs(&from, data + 3, size - 3, &u);
	if (u.verdict.action >= VRS_BGP_TREAT_AS_WITHDRAW ||
		vrs_bgp_update_canonical(&u, data[1] & 2 ? VRS_BGP_MP : VRS_BGP_CLASSIC, set,
			sizeof(set), &n, &info) != 0)
		return 0;
	struct vrs_span there;
	/* In a RIB there is no route without these. */
	if (vrs_bgp_attr_find(set, n, VRS_BGP_ORIGIN, &there) &&
		vrs_bgp_attr_find(set, n, VRS_BGP_AS_PATH, &there) &&
		vrs_bgp_attr_find(set, n, VRS_BGP_NEXT_HOP, &there) &&
		vrs_bgp_next_hop_valid(there))
		announce(&out, &in, set, n, &info, afi, rooms[data[2] % VRS_N_ELEMS(rooms)]);

	/* A route of our own, and the end of the table. */
	n = vrs_bgp_local_attrs(&out.next_hop, set, 64, &info);
	if (out.next_hop.afi != VRS_AFI_NONE)
		announce(&out, &in, set, n, &info, afi, VRS_BGP_MAX_SIZE);
	n = vrs_bgp_eor_encode(afi, set, sizeof(set));
	vrs_bgp_update_decode(&in, set + VRS_BGP_HEADER_SIZE, n - VRS_BGP_HEADER_SIZE, &u);
	FUZZ_CHECK(u.verdict.action == VRS_BGP_ACCEPT && u.eor == afi);
	return 0;
}

/* @p count elements of @p hex behind a header of an extended attribute. */
static size_t repeated(uint8_t *out, size_t cap, const char *head, const char *hex, unsigned count)
{
	size_t n = build_hex(head, out, cap), begin = n;

	for (unsigned i = 0; i < count; i++) {
		n += build_hex(hex, out + n, cap - n);
		out[n - 1] = (uint8_t)i;
		out[n - 2] = (uint8_t)(i >> 8);
	}
	vrs_put_u16(out + begin - 2, (uint16_t)(n - begin));
	return n;
}

size_t fuzz_seed(unsigned i, uint8_t *out, size_t cap)
{
	static const char *const kinds[] = {"00 00 00 ", "02 00 00 ", "06 00 01 ", "12 00 00 ",
		"03 00 00 ", "0b 00 00 ", "09 00 02 ", "22 00 03 ", "23 01 00 ", "02 03 00 "};
	static const char *const sets[] = {HEX_BASE,
		HEX_ORIGIN "40 02 10 0203 0000fde9 00011170 00000007 0000 " HEX_NEXT_HOP,
		HEX_ORIGIN "40 02 0c 0102 0000fde9 00011170 " HEX_NEXT_HOP,
		HEX_ORIGIN "40 02 00 " HEX_NEXT_HOP "80 04 04 00000007 40 05 04 000000c8",
		HEX_ORIGIN "40 02 0e 0203 0000fde9 00011170 00000007 " HEX_NEXT_HOP
			   "c0 07 08 00011170 0a000001 80 09 04 0a000009 80 0a 04 0a000009",
		HEX_BASE "c0 08 04 fde90001 c0 23 04 0000fde9 e0 63 01 01",
		HEX_ORIGIN HEX_PATH "80 0e 11 10 20010db8000000000000000000000001"};
	const unsigned n_kinds = VRS_N_ELEMS(kinds), n_sets = VRS_N_ELEMS(sets);
	char text[512];

	if (i < n_kinds * n_sets) {
		(void)snprintf(text, sizeof(text), "%s%s", kinds[i / n_sets], sets[i % n_sets]);
		return build_hex(text, out, cap);
	}
	i -= n_kinds * n_sets;
	if (i < n_kinds * 3) {
		static const struct {
			const char *head, *element;
			unsigned n;
		} lists[] = {{"d0 08 0000 ", "fde90000", 300},
			{"d0 20 0000 ", "0000fde9 00000001 00000000", 60},
			{"d0 20 0000 ", "0000fde9 00000001 00000000", 4000}};

		(void)snprintf(
			text, sizeof(text), "%s%s%s", kinds[i / 3], HEX_BASE, lists[i % 3].head);
		return repeated(out, cap, text, lists[i % 3].element, lists[i % 3].n);
	}
	i -= n_kinds * 3;
	if (i < n_kinds) {
		/* A segment that is full, so that ours does not fit in front of it. */
		(void)snprintf(text, sizeof(text), "%s%s%s%s", kinds[i], HEX_ORIGIN, HEX_NEXT_HOP,
			"50 02 0000 ");
		size_t n = repeated(out, cap, text, "0001fde9", 255),
		       at = build_hex(text, (uint8_t[512]){0}, 512);

		memmove(out + at + 2, out + at, n - at);
		out[at] = 2;
		out[at + 1] = 255;
		vrs_put_u16(out + at - 2, (uint16_t)(255 * 4 + 2));
		return n + 2;
	}
	return 0;
}
