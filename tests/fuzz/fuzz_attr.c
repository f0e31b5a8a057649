/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 *
 * One attribute at a time: session, code, flags, then the value. The UPDATE around it is good,
 * so that the attribute's own rule decides, and every verdict is one that its row names.
 */

#include "io/bgp/encode.h"
#include "tests/fuzz/fuzz.h"
#include "tests/io/bgp_build.h"

static bool allowed(const struct vrs_bgp_attr_row *row, unsigned action, unsigned code)
{
	if (action == VRS_BGP_ACCEPT || action == row->on_flags || action == row->on_length ||
		action == row->on_value || action == row->on_session)
		return true;
	/* What nobody knows, or repeats one of those around it. */
	return row->name == NULL || row->opaque || code <= VRS_BGP_NEXT_HOP ||
		code == VRS_BGP_MP_REACH;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t body[VRS_BGP_MAX_SIZE_EXTENDED], set[VRS_BGP_CANONICAL_MAX];
	static struct vrs_bgp_update u;
	struct vrs_attrs_info info;
	struct vrs_span value;
	char text[512];
	size_t n;

	if (size < 3 || size > 60000)
		return 0;
	const struct vrs_bgp_decode_ctx ctx = {
		.as4 = (data[0] & 1) != 0, .ibgp = (data[0] & 2) != 0, .families = 3};
	const uint8_t code = data[1], flags = data[2];
	struct vrs_writer w = vrs_writer_init(body, sizeof(body));

	vrs_write_u16(&w, 0);
	size_t at = vrs_writer_size(&w);
	vrs_write_u16(&w, 0);
	uint8_t base[64];
	vrs_write_bytes(&w, base,
		build_hex(ctx.as4 ? HEX_BASE : HEX_ORIGIN HEX_PATH2 HEX_NEXT_HOP, base,
			sizeof(base)));
	vrs_bgp_attr_write(&w, flags, code, (struct vrs_span){data + 3, size - 3});
	vrs_put_u16(body + at, (uint16_t)(vrs_writer_size(&w) - at - 2));
	vrs_write_bytes(&w, base, build_hex(HEX_NLRI, base, sizeof(base)));
	FUZZ_CHECK(vrs_writer_ok(&w));

	vrs_bgp_update_decode(&ctx, body, vrs_writer_size(&w), &u);
	const struct vrs_bgp_attr_row *row = vrs_bgp_attr_row(code);
	FUZZ_CHECK(allowed(row, u.verdict.action, code));
	if (u.verdict.action >= VRS_BGP_TREAT_AS_WITHDRAW)
		return 0;
	if (vrs_bgp_update_canonical(&u, VRS_BGP_CLASSIC, set, sizeof(set), &n, &info) != 0)
		return 0;
	/* What was discarded is not kept; what is kept has a text. */
	bool there = vrs_bgp_attr_find(set, n, code, &value);
	if (u.verdict.action == VRS_BGP_ATTR_DISCARD && code > VRS_BGP_NEXT_HOP)
		FUZZ_CHECK(!there);
	if (there)
		FUZZ_CHECK(
			strlen(vrs_bgp_attr_str(code, value, text, sizeof(text))) < sizeof(text));
	return 0;
}

size_t fuzz_seed(unsigned i, uint8_t *out, size_t cap)
{
	/* {session, code, flags, value}, made by the rows of bgp_rules_test.c's good attributes. */
	static const char *const rows[] = {"01 01 40 00", "01 02 40 0201 0000fde9",
		"00 02 40 0201 fde9", "01 04 80 00000007", "03 05 40 00000064", "01 06 40",
		"01 07 c0 0000fde9 0a000001", "00 07 c0 fde9 0a000001",
		"01 08 c0 fde90001 ffffff01", "03 09 80 0a000009", "03 0a 80 0a0000010a000002",
		"01 0e 80 0002 01 10 20010db8000000000000000000000001 00 20 20010db8",
		"01 0f 80 0002 01 20 20010db8", "01 10 c0 0002fde900000001",
		"00 11 c0 0202 00010000 00010001", "00 12 c0 00010000 0a000001",
		"01 16 c0 00 06 000000 0a000001", "01 17 c0 0008 0005 80 0002 0000",
		"01 17 c0 000b 0008 04 06 0000000a0000",
		"01 19 c0 0002 20010db8000000000000000000000001 0001",
		"01 1a 80 01 000b 0000000000000001", "01 1c c0 0102", "01 1d 80 0400 0002 0102",
		"01 20 c0 000000010000000200000003", "01 23 c0 0000fde9",
		"03 28 c0 01 0007 00000000000001", "03 28 c0 03 0008 0000 000001000002",
		"01 80 c0 0000fde9 40 01 01 00 40 02 06 0201 0000fde9", "01 63 c0 abcd",
		"01 63 80 abcd", "01 63 40 ab", "01 ff e0 "};

	return i < VRS_N_ELEMS(rows) ? build_hex(rows[i], out, cap) : 0;
}
