/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#include "io/bgp/update.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "io/bgp/encode.h"
#include "io/bgp/open.h"
#include "rib/aspath.h"
#include "tests/io/bgp_build.h"
#include "tests/test.h"

static const struct vrs_bgp_decode_ctx ebgp4 = {
	.as4 = true, .families = VRS_BGP_IP4 | VRS_BGP_IP6, .peer_as = 65001};
static const struct vrs_bgp_decode_ctx ebgp2 = {
	.families = VRS_BGP_IP4 | VRS_BGP_IP6, .peer_as = 65001};
static const struct vrs_bgp_decode_ctx ibgp4 = {
	.as4 = true, .ibgp = true, .families = VRS_BGP_IP4 | VRS_BGP_IP6, .peer_as = 65515};

static struct vrs_bgp_update u;
static uint8_t canonical[VRS_BGP_CANONICAL_MAX];
static size_t canonical_size;
static struct vrs_attrs_info info;

static void decode(const struct vrs_bgp_decode_ctx *ctx, const char *withdrawn, const char *attrs,
	const char *nlri)
{
	static uint8_t body[65536];

	vrs_bgp_update_decode(
		ctx, body, build_update(withdrawn, attrs, nlri, body, sizeof(body)), &u);
}

static const char *canonical_of(enum vrs_bgp_which which)
{
	assert_int_equal(vrs_bgp_update_canonical(
				 &u, which, canonical, sizeof(canonical), &canonical_size, &info),
		0);
	return build_text(canonical, canonical_size);
}

/* Hexadecimal text without its blanks. */
static const char *plain(const char *hex)
{
	static char out[4096];
	size_t n = 0;

	for (; *hex != '\0'; hex++) {
		if (*hex != ' ')
			out[n++] = *hex;
	}
	out[n] = '\0';
	return out;
}

static void all_four_fields_are_found_and_counted(void **)
{
	decode(&ebgp4, "10 0a02 18 0a0301",
		HEX_BASE "80 0f 0b 0002 01 20 20010db9 10 2002 " HEX_MP_REACH, "10 0a01 08 0b 00");
	assert_int_equal(u.verdict.action, VRS_BGP_ACCEPT);
	assert_int_equal(u.withdrawn.n, 2);
	assert_int_equal(u.mp_unreach.n, 2);
	assert_int_equal(u.mp_unreach.afi, VRS_AFI_IP6);
	assert_int_equal(u.announced.n, 3);
	assert_int_equal(u.mp_reach.n, 1);
	assert_int_equal(u.mp_next_hop.size, 16);
	assert_int_equal(u.eor, VRS_AFI_NONE);

	struct vrs_prefix p;
	char s[VRS_PREFIX_STRLEN];
	assert_int_equal(
		vrs_prefix_read(&p, u.mp_reach.afi, u.mp_reach.span.data, u.mp_reach.span.size), 5);
	assert_string_equal(vrs_prefix_str(&p, s), "2001:db8::/32");
}

static void canonical_bytes_come_in_order_with_clean_flags(void **)
{
	decode(&ebgp4, "",
		"5f 03 0004 0a000104 60 01 01 00 a0 04 04 00000007 e0 08 04 fde90001 " HEX_PATH
		"c5 63 02 abcd 80 64 01 00",
		HEX_NLRI);
	assert_int_equal(u.verdict.action, VRS_BGP_ACCEPT);
	assert_string_equal(canonical_of(VRS_BGP_CLASSIC),
		plain(HEX_ORIGIN HEX_PATH HEX_NEXT_HOP
			"80 04 04 00000007 e0 08 04 fde90001 e0 63 02 abcd"));
}

static void facts_are_those_of_the_attributes(void **)
{
	decode(&ibgp4, "",
		HEX_ORIGIN "40 02 10 0202 0000fde9 0000fdea 0101 00000007 " HEX_NEXT_HOP
			   "80 04 04 00000009 40 05 04 000000c8 c0 08 08 ffffff01 ffffff02 "
			   "80 09 04 0a000009 80 0a 08 0a0000010a000002",
		HEX_NLRI);
	canonical_of(VRS_BGP_CLASSIC);
	assert_int_equal(info.origin, 0);
	assert_int_equal(info.path_len, 3);
	assert_int_equal(info.first_as, 65001);
	assert_int_equal(info.med, 9);
	assert_int_equal(info.local_pref, 200);
	assert_int_equal(info.originator_id, 0x0a000009);
	assert_int_equal(info.cluster_len, 2);
	assert_int_equal(info.flags,
		VRS_ATTRS_HAS_LOCAL_PREF | VRS_ATTRS_HAS_MED | VRS_ATTRS_HAS_ORIGINATOR |
			VRS_ATTRS_NO_EXPORT | VRS_ATTRS_NO_ADVERTISE);
	assert_int_equal(vrs_addr_ip4_bits(&info.next_hop), 0x0a000104);

	struct vrs_attrs_info again;
	vrs_bgp_attrs_info(canonical, canonical_size, &again);
	assert_memory_equal(&info, &again, sizeof(info));
}

static void mp_routes_carry_their_own_next_hop(void **)
{
	decode(&ebgp4, "", HEX_BASE HEX_MP_REACH, HEX_NLRI);
	assert_string_equal(canonical_of(VRS_BGP_CLASSIC), plain(HEX_BASE));
	assert_string_equal(canonical_of(VRS_BGP_MP),
		plain(HEX_ORIGIN HEX_PATH "40 03 10 20010db8000000000000000000000001"));
	assert_int_equal(info.next_hop.afi, VRS_AFI_IP6);

	decode(&ebgp4, "", HEX_MP_REACH HEX_ORIGIN HEX_PATH "c0 08 04 fde90001", "");
	assert_string_equal(canonical_of(VRS_BGP_MP),
		plain(HEX_ORIGIN HEX_PATH
			"40 03 10 20010db8000000000000000000000001 c0 08 04 fde90001"));
}

static void ip4_may_have_an_ip6_next_hop_where_negotiated(void **)
{
	struct vrs_bgp_decode_ctx ctx = ebgp4;

	ctx.ext_next_hop = VRS_BGP_IP4;
	decode(&ctx, "",
		HEX_ORIGIN HEX_PATH
		"80 0e 18 0001 01 10 20010db8000000000000000000000001 00 10 0a01",
		"");
	assert_int_equal(u.verdict.action, VRS_BGP_ACCEPT);
	assert_int_equal(u.mp_reach.afi, VRS_AFI_IP4);
	assert_int_equal(u.mp_reach.n, 1);
	canonical_of(VRS_BGP_MP);
	assert_int_equal(info.next_hop.afi, VRS_AFI_IP6);
}

static void families_not_negotiated_are_ignored(void **)
{
	struct vrs_bgp_decode_ctx ctx = ebgp4;

	ctx.families = VRS_BGP_IP4;
	decode(&ctx, "", HEX_BASE HEX_MP_REACH "80 0f 08 0002 01 20 20010db8", HEX_NLRI);
	assert_int_equal(u.verdict.action, VRS_BGP_ACCEPT);
	assert_int_equal(u.mp_reach.n, 0);
	assert_int_equal(u.mp_unreach.n, 0);
	assert_int_equal(u.announced.n, 1);
	ctx.families = VRS_BGP_IP6;
	decode(&ctx, "10 0a02", HEX_BASE HEX_MP_REACH, HEX_NLRI);
	assert_int_equal(u.mp_reach.n, 1);
	assert_int_equal(u.announced.n, 0);
	assert_int_equal(u.withdrawn.n, 0);
}

static void end_of_rib_is_told_from_other_empty_updates(void **)
{
	decode(&ebgp4, "", "", "");
	assert_int_equal(u.eor, VRS_AFI_IP4);
	decode(&ebgp4, "", "80 0f 03 0002 01", "");
	assert_int_equal(u.eor, VRS_AFI_IP6);
	decode(&ebgp4, "", "90 0f 0003 0001 01", "");
	assert_int_equal(u.eor, VRS_AFI_IP4);
	decode(&ebgp4, "", "80 0f 03 0019 46", "");
	assert_int_equal(u.eor, VRS_AFI_NONE);
	decode(&ebgp4, "10 0a01", "80 0f 03 0002 01", "");
	assert_int_equal(u.eor, VRS_AFI_NONE);
	decode(&ebgp4, "", HEX_ORIGIN "80 0f 03 0002 01", "");
	assert_int_equal(u.eor, VRS_AFI_NONE);
	decode(&ebgp4, "10 0a01", "", "");
	assert_int_equal(u.eor, VRS_AFI_NONE);
}

static void discarded_attributes_are_counted_and_gone(void **)
{
	decode(&ebgp4, "", HEX_BASE "40 05 04 000000c8 40 06 01 00 40 01 01 02", HEX_NLRI);
	assert_int_equal(u.verdict.action, VRS_BGP_ATTR_DISCARD);
	assert_int_equal(u.n_discarded, 3);
	assert_string_equal(canonical_of(VRS_BGP_CLASSIC), plain(HEX_BASE));
	assert_int_equal(info.local_pref, 100);
}

static void redundant_large_communities_are_removed(void **)
{
	enum { N = 5000 };
	static char attrs[N * 24 + 256];
	char *at = attrs + sprintf(attrs, HEX_BASE "d0 20 %04x ", N * 12);

	for (int i = 0; i < N; i++)
		at += sprintf(at, "%08x%08x%08x", 1, 2, i % 2000);
	decode(&ebgp4, "", attrs, HEX_NLRI);
	assert_int_equal(u.verdict.action, VRS_BGP_ACCEPT);
	canonical_of(VRS_BGP_CLASSIC);
	struct vrs_span v;
	assert_true(vrs_bgp_attr_find(canonical, canonical_size, VRS_BGP_LARGE_COMMUNITIES, &v));
	assert_int_equal(v.size, 2000 * 12);

	decode(&ebgp4, "",
		HEX_BASE "c0 20 24 000000010000000200000003 000000010000000200000003 "
			 "000000010000000200000004",
		HEX_NLRI);
	assert_string_equal(canonical_of(VRS_BGP_CLASSIC),
		plain(HEX_BASE "c0 20 18 000000010000000200000003 000000010000000200000004"));
}

/* --- 2-byte peers ----------------------------------------------------------------------- */

static void as_paths_of_two_byte_peers_are_merged(void **)
{
	static const struct {
		const char *what, *attrs, *path;
	} rows[] = {
		{"no AS4_PATH: widened", "40 02 06 0202 fde9 5ba0",
			"40 02 0a 0202 0000fde9 00005ba0"},
		{"AS4_PATH: the tail is replaced and joined",
			"40 02 08 0203 fde9 5ba0 5ba0 c0 11 0a 0202 00010000 00010001",
			"40 02 0e 0203 0000fde9 00010000 00010001"},
		{"AS4_PATH as long as AS_PATH replaces it",
			"40 02 04 0201 5ba0 c0 11 06 0201 00010000", "40 02 06 0201 00010000"},
		{"AS4_PATH longer than AS_PATH is ignored",
			"40 02 04 0201 5ba0 c0 11 0a 0202 00010000 00010001",
			"40 02 06 0201 00005ba0"},
		{"a set counts one",
			"40 02 0a 0201 fde9 0102 5ba0 0001 c0 11 0a 0102 00010000 00000001",
			"40 02 10 0201 0000fde9 0102 00010000 00000001"},
		{"the lead may end inside a sequence",
			"40 02 08 0203 0001 0002 5ba0 c0 11 06 0201 00010000",
			"40 02 0e 0203 00000001 00000002 00010000"},
		{"confederation segments of AS4_PATH are left out",
			"40 02 06 0202 fde9 5ba0 c0 11 0c 0301 0000fc00 0201 00010000",
			"40 02 0a 0202 0000fde9 00010000"},
	};
	char want[256];

	for (size_t i = 0; i < VRS_N_ELEMS(rows); i++) {
		char attrs[256];

		(void)snprintf(attrs, sizeof(attrs), HEX_ORIGIN HEX_NEXT_HOP "%s", rows[i].attrs);
		(void)snprintf(want, sizeof(want), HEX_ORIGIN "%s" HEX_NEXT_HOP, rows[i].path);
		decode(&ebgp2, "", attrs, HEX_NLRI);
		assert_int_equal(u.verdict.action, VRS_BGP_ACCEPT);
		if (strcmp(canonical_of(VRS_BGP_CLASSIC), plain(want)) != 0)
			fail_msg("%s: %s", rows[i].what, build_text(canonical, canonical_size));
	}
}

static void aggregators_of_two_byte_peers_are_merged(void **)
{
	/* AS_TRANS: the AS4 ones hold. */
	decode(&ebgp2, "",
		HEX_ORIGIN
		"40 02 04 0201 5ba0 " HEX_NEXT_HOP
		"c0 07 06 5ba0 0a000001 c0 11 06 0201 00010000 c0 12 08 00010000 0a000001",
		HEX_NLRI);
	assert_string_equal(canonical_of(VRS_BGP_CLASSIC),
		plain(HEX_ORIGIN "40 02 06 0201 00010000 " HEX_NEXT_HOP
				 "c0 07 08 00010000 0a000001"));
	/* A real AS: both are ignored. */
	decode(&ebgp2, "",
		HEX_ORIGIN
		"40 02 04 0201 5ba0 " HEX_NEXT_HOP
		"c0 07 06 0007 0a000001 c0 11 06 0201 00010000 c0 12 08 00010000 0a000001",
		HEX_NLRI);
	assert_string_equal(canonical_of(VRS_BGP_CLASSIC),
		plain(HEX_ORIGIN "40 02 06 0201 00005ba0 " HEX_NEXT_HOP
				 "c0 07 08 00000007 0a000001"));
	/* AS4_AGGREGATOR alone is nothing. */
	decode(&ebgp2, "", HEX_ORIGIN HEX_PATH2 HEX_NEXT_HOP "c0 12 08 00010000 0a000001",
		HEX_NLRI);
	assert_string_equal(canonical_of(VRS_BGP_CLASSIC), plain(HEX_BASE));
}

static void canonical_bytes_that_do_not_fit_are_refused(void **)
{
	decode(&ebgp4, "", HEX_BASE, HEX_NLRI);
	canonical_of(VRS_BGP_CLASSIC);
	for (size_t cap = 0; cap < canonical_size; cap++) {
		uint8_t small[64];
		size_t size = 7;

		assert_int_equal(
			vrs_bgp_update_canonical(&u, VRS_BGP_CLASSIC, small, cap, &size, &info),
			-EMSGSIZE);
		assert_int_equal(size, 7);
	}
}

static void attributes_of_mrt_files_decode_alone(void **)
{
	uint8_t attrs[256];
	size_t size = build_hex(HEX_ORIGIN HEX_PATH "80 0e 11 10 20010db8000000000000000000000001",
		attrs, sizeof(attrs));

	vrs_bgp_update_decode_attrs(&ebgp4, attrs, size, &u);
	assert_int_equal(u.verdict.action, VRS_BGP_ACCEPT);
	assert_string_equal(canonical_of(VRS_BGP_MP),
		plain(HEX_ORIGIN HEX_PATH "40 03 10 20010db8000000000000000000000001"));
	size = build_hex(HEX_ORIGIN HEX_PATH HEX_MP_REACH, attrs, sizeof(attrs));
	vrs_bgp_update_decode_attrs(&ebgp4, attrs, size, &u);
	assert_int_equal(u.verdict.action, VRS_BGP_ACCEPT);
	assert_int_equal(u.mp_next_hop.size, 16);
	size = build_hex(HEX_BASE, attrs, sizeof(attrs));
	vrs_bgp_update_decode_attrs(&ebgp4, attrs, size, &u);
	assert_string_equal(canonical_of(VRS_BGP_CLASSIC), plain(HEX_BASE));
}

static void text_forms_are_readable(void **)
{
	static const struct {
		uint8_t code;
		const char *hex, *text;
	} rows[] = {
		{VRS_BGP_ORIGIN, "02", "incomplete"},
		{VRS_BGP_AS_PATH, "0201 0000fde9 0102 00000001 00000002", "65001 {1 2}"},
		{VRS_BGP_NEXT_HOP, "0a000104", "10.0.1.4"},
		{VRS_BGP_NEXT_HOP, "20010db8000000000000000000000001", "2001:db8::1"},
		{VRS_BGP_MED, "00000007", "7"},
		{VRS_BGP_ATOMIC_AGGREGATE, "", ""},
		{VRS_BGP_AGGREGATOR, "0000fde9 0a000001", "65001 10.0.0.1"},
		{VRS_BGP_COMMUNITIES, "fde90001 fde90002", "65001:1 65001:2"},
		{VRS_BGP_CLUSTER_LIST, "0a000001 0a000002", "10.0.0.1 10.0.0.2"},
		{VRS_BGP_EXT_COMMUNITIES, "0002fde900000001", "rt:65001:1"},
		{VRS_BGP_LARGE_COMMUNITIES, "000000010000000200000003", "1:2:3"},
		{99, "abcd", "abcd"},
	};

	for (size_t i = 0; i < VRS_N_ELEMS(rows); i++) {
		uint8_t value[64];
		char text[64], small[8];
		struct vrs_span v = {value, build_hex(rows[i].hex, value, sizeof(value))};

		assert_string_equal(
			vrs_bgp_attr_str(rows[i].code, v, text, sizeof(text)), rows[i].text);
		assert_true(strlen(vrs_bgp_attr_str(rows[i].code, v, small, sizeof(small))) <
			sizeof(small));
	}
}

/* The same bytes mean other things on other sessions: each is decoded in its own context, and
 * what one gave does not stick to the other. */
static void equal_bytes_are_decoded_in_their_own_context(void **)
{
	/* As two 2-byte numbers {2, 1, 0, 0xfde9} is a path of one AS after an AS 0: malformed
	 * there; LOCAL_PREF counts from inside only. */
	static const struct vrs_bgp_decode_ctx ibgp2 = {
		.ibgp = true, .families = VRS_BGP_IP4 | VRS_BGP_IP6, .peer_as = 65515};
	static const char attrs[] = HEX_ORIGIN
		"40 02 0e 0203 0001fde9 0001fdea 0001fdeb " HEX_NEXT_HOP "40 05 04 000000c8";
	static const char attrs2[] = HEX_ORIGIN "40 02 06 0202 fde9 5ba0 " HEX_NEXT_HOP
						"40 05 04 000000c8 c0 11 0a 0202 0000fde9 00011170";
	static const struct {
		const struct vrs_bgp_decode_ctx *ctx;
		const char *attrs;
		enum vrs_bgp_action action;
		uint32_t local_pref;
		unsigned path_len;
	} rows[] = {
		{&ebgp4, attrs, VRS_BGP_ATTR_DISCARD, 100, 3},
		{&ibgp4, attrs, VRS_BGP_ACCEPT, 200, 3},
		{&ebgp2, attrs, VRS_BGP_TREAT_AS_WITHDRAW, 0, 0},
		{&ibgp2, attrs, VRS_BGP_TREAT_AS_WITHDRAW, 0, 0},
		{&ebgp4, attrs2, VRS_BGP_TREAT_AS_WITHDRAW, 0, 0},
		{&ibgp4, attrs2, VRS_BGP_TREAT_AS_WITHDRAW, 0, 0},
		{&ebgp2, attrs2, VRS_BGP_ATTR_DISCARD, 100, 2},
		{&ibgp2, attrs2, VRS_BGP_ACCEPT, 200, 2},
	};

	for (size_t again = 0; again < 2; again++) {
		for (size_t i = 0; i < VRS_N_ELEMS(rows); i++) {
			decode(rows[i].ctx, "", rows[i].attrs, HEX_NLRI);
			assert_int_equal(u.verdict.action, rows[i].action);
			if (rows[i].action == VRS_BGP_TREAT_AS_WITHDRAW)
				continue;
			canonical_of(VRS_BGP_CLASSIC);
			assert_int_equal(info.local_pref, rows[i].local_pref);
			assert_int_equal(info.path_len, rows[i].path_len);
		}
	}
}

/* RFC 4271 section 9: whatever nobody knows passes byte for byte, marked partial, or stops. */
static void unknown_attributes_of_every_code_pass_or_stop(void **)
{
	unsigned passed = 0;

	for (unsigned code = 0; code < 256; code++) {
		const struct vrs_bgp_attr_row *row = vrs_bgp_attr_row((uint8_t)code);
		char attr[128], want[64];
		struct vrs_span v;

		if (row->name != NULL && !row->opaque)
			continue;
		for (unsigned partial = 0; partial <= 0x20; partial += 0x20) {
			/* Extended length and unused bits set: gone on the way out. */
			(void)snprintf(attr, sizeof(attr), HEX_BASE "%02x %02x 0003 00ff7f",
				0xc0 | partial | 0x1f, code);
			decode(&ebgp4, "", attr, HEX_NLRI);
			assert_int_equal(u.verdict.action, VRS_BGP_ACCEPT);
			(void)snprintf(want, sizeof(want), "e0%02x0300ff7f", code);
			assert_non_null(strstr(canonical_of(VRS_BGP_CLASSIC), want));
			passed++;
		}
		(void)snprintf(attr, sizeof(attr), HEX_BASE "80 %02x 03 00ff7f", code);
		decode(&ebgp4, "", attr, HEX_NLRI);
		assert_int_equal(u.verdict.action, VRS_BGP_ACCEPT);
		canonical_of(VRS_BGP_CLASSIC);
		assert_false(vrs_bgp_attr_find(canonical, canonical_size, code, &v));
	}
	assert_true(passed > 400);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_four_fields_are_found_and_counted),
		cmocka_unit_test(canonical_bytes_come_in_order_with_clean_flags),
		cmocka_unit_test(facts_are_those_of_the_attributes),
		cmocka_unit_test(mp_routes_carry_their_own_next_hop),
		cmocka_unit_test(ip4_may_have_an_ip6_next_hop_where_negotiated),
		cmocka_unit_test(families_not_negotiated_are_ignored),
		cmocka_unit_test(end_of_rib_is_told_from_other_empty_updates),
		cmocka_unit_test(discarded_attributes_are_counted_and_gone),
		cmocka_unit_test(redundant_large_communities_are_removed),
		cmocka_unit_test(as_paths_of_two_byte_peers_are_merged),
		cmocka_unit_test(aggregators_of_two_byte_peers_are_merged),
		cmocka_unit_test(canonical_bytes_that_do_not_fit_are_refused),
		cmocka_unit_test(attributes_of_mrt_files_decode_alone),
		cmocka_unit_test(text_forms_are_readable),
		cmocka_unit_test(equal_bytes_are_decoded_in_their_own_context),
		cmocka_unit_test(unknown_attributes_of_every_code_pass_or_stop),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
