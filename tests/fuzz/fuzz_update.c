/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 *
 * The first byte chooses the session, the rest is an UPDATE body. What is accepted is made
 * canonical, sent on to an internal 4-byte peer, and decoded there: the same set, but for
 * LOCAL_PREF, which such a peer is always told.
 */

#include "io/bgp/encode.h"
#include "io/bgp/open.h"
#include "rib/aspath.h"
#include "tests/fuzz/fuzz.h"
#include "tests/io/bgp_build.h"

static const struct vrs_bgp_decode_ctx inner = {
	.as4 = true, .ibgp = true, .families = 3, .ext_next_hop = VRS_BGP_IP4};

/* The set without LOCAL_PREF. */
static size_t strip(const uint8_t *set, size_t size, uint8_t *out)
{
	struct vrs_reader r = vrs_reader_init(set, size);
	struct vrs_writer w = vrs_writer_init(out, VRS_BGP_CANONICAL_MAX);
	struct vrs_bgp_attr a;
	unsigned last = 0;

	while (vrs_bgp_attr_next(&r, &a)) {
		char text[64];

		/* Ascending, with lengths in the shortest form. */
		FUZZ_CHECK(a.code >= last);
		FUZZ_CHECK(((a.flags & VRS_BGP_FLAG_EXTENDED) != 0) == (a.value.size > 255));
		FUZZ_CHECK(a.code != VRS_BGP_MP_REACH && a.code != VRS_BGP_MP_UNREACH);
		last = a.code + 1u;
		FUZZ_CHECK(strlen(vrs_bgp_attr_str(a.code, a.value, text, sizeof(text))) <
			sizeof(text));
		if (a.code != VRS_BGP_LOCAL_PREF)
			vrs_bgp_attr_write(&w, a.flags, a.code, a.value);
	}
	FUZZ_CHECK(vrs_reader_ok(&r) && vrs_reader_left(&r) == 0 && vrs_writer_ok(&w));
	return vrs_writer_size(&w);
}

/* Every prefix can be read; the first of them. */
static struct vrs_prefix walk(const struct vrs_bgp_nlri *f)
{
	struct vrs_prefix first = {0};
	struct vrs_span rest = f->span;

	for (uint32_t i = 0; i < f->n; i++) {
		struct vrs_prefix p;
		int used = vrs_prefix_read(&p, f->afi, rest.data, rest.size);

		FUZZ_CHECK(used > 0);
		if (i == 0)
			first = p;
		rest = (struct vrs_span){rest.data + used, rest.size - (size_t)used};
	}
	if (f->n > 0)
		FUZZ_CHECK(rest.size == 0);
	return first;
}

static void send_on(const struct vrs_bgp_update *u, enum vrs_bgp_which which)
{
	static const struct vrs_bgp_export out = {.ibgp = true, .as4 = true};
	static uint8_t set[VRS_BGP_CANONICAL_MAX], set2[VRS_BGP_CANONICAL_MAX];
	static uint8_t bare[VRS_BGP_CANONICAL_MAX], bare2[VRS_BGP_CANONICAL_MAX];
	static uint8_t attrs[VRS_BGP_CANONICAL_MAX], message[VRS_BGP_MAX_SIZE_EXTENDED];
	static struct vrs_bgp_update u2;
	struct vrs_attrs_info info, again;
	struct vrs_bgp_attr_block block;
	struct vrs_bgp_pack p;
	size_t size, size2;
	const struct vrs_bgp_nlri *f = which == VRS_BGP_MP ? &u->mp_reach : &u->announced;
	struct vrs_prefix prefix = walk(f);

	if (f->n == 0 || vrs_bgp_update_canonical(u, which, set, sizeof(set), &size, &info) != 0)
		return;
	vrs_bgp_attrs_info(set, size, &again);
	FUZZ_CHECK(memcmp(&info, &again, sizeof(info)) == 0);
	if (vrs_bgp_encode_attrs(&out, set, size, f->afi, attrs, sizeof(attrs), &block) != 0)
		return;
	if (!vrs_bgp_pack_begin(&p, message, sizeof(message), &block))
		return;
	FUZZ_CHECK(vrs_bgp_pack_add(&p, &prefix));
	size_t n = vrs_bgp_pack_end(&p);
	FUZZ_CHECK(n > VRS_BGP_HEADER_SIZE);
	vrs_bgp_update_decode(&inner, message + VRS_BGP_HEADER_SIZE, n - VRS_BGP_HEADER_SIZE, &u2);
	FUZZ_CHECK(u2.verdict.action == VRS_BGP_ACCEPT);
	FUZZ_CHECK(vrs_bgp_update_canonical(&u2, block.mp ? VRS_BGP_MP : VRS_BGP_CLASSIC, set2,
			   sizeof(set2), &size2, &again) == 0);
	size = strip(set, size, bare);
	size2 = strip(set2, size2, bare2);
	FUZZ_CHECK(size == size2 && memcmp(bare, bare2, size) == 0);
	FUZZ_CHECK(info.path_len == again.path_len && info.local_pref == again.local_pref);

	/* A 2-byte peer may see other segments, but a path as long. */
	static const struct vrs_bgp_export narrow_out = {.ibgp = true};
	static const struct vrs_bgp_decode_ctx narrow_in = {
		.ibgp = true, .families = 3, .ext_next_hop = VRS_BGP_IP4};
	if (vrs_bgp_encode_attrs(&narrow_out, set, size2, f->afi, attrs, sizeof(attrs), &block) !=
			0 ||
		!vrs_bgp_pack_begin(&p, message, sizeof(message), &block) ||
		!vrs_bgp_pack_add(&p, &prefix))
		return;
	n = vrs_bgp_pack_end(&p);
	vrs_bgp_update_decode(
		&narrow_in, message + VRS_BGP_HEADER_SIZE, n - VRS_BGP_HEADER_SIZE, &u2);
	FUZZ_CHECK(u2.verdict.action <= VRS_BGP_ATTR_DISCARD);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct vrs_bgp_update u;

	if (size == 0)
		return 0;
	const struct vrs_bgp_decode_ctx ctx = {
		.as4 = (data[0] & 1) != 0,
		.ibgp = (data[0] & 2) != 0,
		.families = 3 & ~(data[0] >> 2),
		.ext_next_hop = (data[0] & 16) != 0 ? VRS_BGP_IP4 : 0,
	};

	vrs_bgp_update_decode(&ctx, data + 1, size - 1, &u);
	if (u.verdict.action == VRS_BGP_RESET) {
		FUZZ_CHECK(u.verdict.code == 3 && u.verdict.reason != NULL);
		return 0;
	}
	walk(&u.withdrawn);
	walk(&u.mp_unreach);
	walk(&u.announced);
	walk(&u.mp_reach);
	if (u.announce_is_withdraw)
		return 0;
	send_on(&u, VRS_BGP_CLASSIC);
	send_on(&u, VRS_BGP_MP);
	vrs_bgp_update_decode_attrs(&ctx, data + 1, size - 1, &u);
	return 0;
}

size_t fuzz_seed(unsigned i, uint8_t *out, size_t cap)
{
	static const struct {
		uint8_t kind;
		const char *withdrawn, *attrs, *nlri;
	} rows[] = {
		{1, "", HEX_BASE, HEX_NLRI "18 0a0203 00 20 0a040506"},
		{1, "10 0a01 18 0b0203", "", ""},
		{1, "", "", ""},
		{1, "", "80 0f 03 0002 01", ""},
		{1, "", HEX_MP_REACH HEX_ORIGIN HEX_PATH, ""},
		{1, "10 0a01", HEX_BASE "80 0f 0b 0002 01 20 20010db9 10 2002 " HEX_MP_REACH,
			HEX_NLRI},
		{17, "",
			HEX_ORIGIN HEX_PATH
			"80 0e 18 0001 01 10 20010db8000000000000000000000001 00 10 0a01",
			""},
		{3, "",
			HEX_BASE "80 04 04 00000007 40 05 04 000000c8 80 09 04 0a000009 80 0a 08 "
				 "0a0000010a000002",
			HEX_NLRI},
		{1, "", HEX_BASE "40 06 00 c0 07 08 0000fde9 0a000001 c0 08 08 fde90001 ffffff01",
			HEX_NLRI},
		{0, "",
			HEX_ORIGIN "40 02 08 0203 fde9 5ba0 5ba0 " HEX_NEXT_HOP
				   "c0 07 06 5ba0 0a000001 c0 11 0a 0202 00010000 00010001 c0 12 "
				   "08 00010000 0a000001",
			HEX_NLRI},
		{1, "",
			HEX_BASE "c0 10 08 0002fde900000001 c0 20 18 000000010000000200000003 "
				 "000000010000000200000003",
			HEX_NLRI},
		{1, "", HEX_BASE "c0 16 09 00 06 000000 0a000001 c0 17 09 0008 0005 80 0002 0000",
			HEX_NLRI},
		{1, "",
			HEX_BASE "c0 19 14 0002 20010db8000000000000000000000001 0001 80 1a 0b 01 "
				 "000b 0000000000000001",
			HEX_NLRI},
		{3, "",
			HEX_BASE
			"80 1d 04 0400 0000 c0 23 04 0000fde9 c0 28 0a 01 0007 00000000000001",
			HEX_NLRI},
		{1, "", HEX_BASE "c0 80 08 0000fde9 40 01 01 00 e0 63 02 abcd d0 64 0001 00",
			HEX_NLRI},
		{1, "", HEX_ORIGIN "40 02 10 0201 0000fde9 0102 00000001 00000002 " HEX_NEXT_HOP,
			HEX_NLRI},
	};

	if (i >= VRS_N_ELEMS(rows))
		return 0;
	out[0] = rows[i].kind;
	return 1 + build_update(rows[i].withdrawn, rows[i].attrs, rows[i].nlri, out + 1, cap - 1);
}
