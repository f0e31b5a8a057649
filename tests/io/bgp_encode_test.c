/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#include "io/bgp/encode.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "io/bgp/open.h"
#include "tests/io/bgp_build.h"
#include "tests/test.h"

static const struct vrs_bgp_decode_ctx wide = {
	.as4 = true, .families = VRS_BGP_IP4 | VRS_BGP_IP6, .ext_next_hop = VRS_BGP_IP4};
static const struct vrs_bgp_decode_ctx wide_ibgp = {
	.as4 = true, .ibgp = true, .families = VRS_BGP_IP4 | VRS_BGP_IP6};
static const struct vrs_bgp_decode_ctx narrow = {.families = VRS_BGP_IP4 | VRS_BGP_IP6};

#define LEARNED                                                                             \
	HEX_BASE "80 04 04 00000007 40 05 04 000000c8 c0 08 04 fde90001 80 09 04 0a000009 " \
		 "80 0a 04 0a000008 e0 63 02 abcd"

static const char *render(const struct vrs_bgp_export *ctx, const char *hex, enum vrs_afi afi,
	struct vrs_bgp_attr_block *block)
{
	static uint8_t buf[4096];
	uint8_t canonical[4096];
	size_t size = build_hex(hex, canonical, sizeof(canonical));

	assert_int_equal(
		vrs_bgp_encode_attrs(ctx, canonical, size, afi, buf, sizeof(buf), block), 0);
	return build_text(block->attrs.data, block->attrs.size);
}

static const char *plain(const char *hex)
{
	uint8_t bytes[4096];
	static char text[8192];
	size_t size = build_hex(hex, bytes, sizeof(bytes));

	memcpy(text, build_text(bytes, size), 2 * size + 1);
	return text;
}

static void external_peers_get_a_longer_path_and_no_internal_attributes(void **)
{
	const struct vrs_bgp_export ctx = {.as4 = true, .prepend_as = 65515};
	struct vrs_bgp_attr_block b;
	const char *want = plain(HEX_ORIGIN "40 02 0a 0202 0000ffeb 0000fde9 " HEX_NEXT_HOP
					    "c0 08 04 fde90001 e0 63 02 abcd");

	assert_string_equal(render(&ctx, LEARNED, VRS_AFI_IP4, &b), want);
	assert_false(b.mp);
}

static void internal_peers_get_reflection_attributes(void **)
{
	const struct vrs_bgp_export plain_ctx = {.ibgp = true, .as4 = true};
	const struct vrs_bgp_export reflect = {
		.ibgp = true, .as4 = true, .originator_id = 0x0a000007, .cluster_id = 0x0a000006};
	struct vrs_bgp_attr_block b;

	assert_string_equal(render(&plain_ctx, LEARNED, VRS_AFI_IP4, &b), plain(LEARNED));
	assert_string_equal(
		render(&plain_ctx, HEX_BASE, VRS_AFI_IP4, &b), plain(HEX_BASE "40 05 04 00000064"));
	assert_string_equal(render(&reflect, HEX_BASE, VRS_AFI_IP4, &b),
		plain(HEX_BASE "40 05 04 00000064 80 09 04 0a000007 80 0a 04 0a000006"));
	/* What is there stays: the first reflector's ORIGINATOR_ID, a longer CLUSTER_LIST. */
	assert_string_equal(render(&reflect, LEARNED, VRS_AFI_IP4, &b),
		plain(HEX_BASE
			"80 04 04 00000007 40 05 04 000000c8 c0 08 04 fde90001 80 09 04 0a000009 "
			"80 0a 08 0a000006 0a000008 e0 63 02 abcd"));
}

static void our_as_goes_in_front_of_any_path(void **)
{
	const struct vrs_bgp_export ctx = {.as4 = true, .prepend_as = 65515};
	struct vrs_bgp_attr_block b;

	assert_string_equal(render(&ctx, HEX_ORIGIN "40 02 00 " HEX_NEXT_HOP, VRS_AFI_IP4, &b),
		plain(HEX_ORIGIN "40 02 06 0201 0000ffeb " HEX_NEXT_HOP));
	assert_string_equal(
		render(&ctx, HEX_ORIGIN "40 02 06 0101 00000001 " HEX_NEXT_HOP, VRS_AFI_IP4, &b),
		plain(HEX_ORIGIN "40 02 0c 0201 0000ffeb 0101 00000001 " HEX_NEXT_HOP));
}

static void a_full_segment_gets_a_new_one_in_front(void **)
{
	const struct vrs_bgp_export ctx = {.as4 = true, .prepend_as = 65515};
	struct vrs_bgp_attr_block b;
	char hex[4096], *at = hex;

	at += sprintf(at, HEX_ORIGIN "50 02 03fe 02ff");
	for (int i = 0; i < 255; i++)
		at += sprintf(at, "%08x", 1000 + i);
	(void)sprintf(at, HEX_NEXT_HOP);
	const char *text = render(&ctx, hex, VRS_AFI_IP4, &b);
	assert_memory_equal(text,
		"40010100"
		"50020404"
		"0201"
		"0000ffeb"
		"02ff"
		"000003e8",
		40);

	/* 254 still fit: the value grows over 255 bytes with one flag change at 63. */
	at = hex + sprintf(hex, HEX_ORIGIN "40 02 fe 023f");
	for (int i = 0; i < 63; i++)
		at += sprintf(at, "%08x", 1000 + i);
	(void)sprintf(at, HEX_NEXT_HOP);
	text = render(&ctx, hex, VRS_AFI_IP4, &b);
	assert_memory_equal(text,
		"40010100"
		"50020102"
		"0240"
		"0000ffeb"
		"000003e8",
		36);
}

static void two_byte_peers_get_as_trans_and_as4_attributes(void **)
{
	const struct vrs_bgp_export ctx = {.prepend_as = 65515};
	struct vrs_bgp_attr_block b;

	/* Nothing wide: no AS4_PATH. */
	assert_string_equal(render(&ctx, HEX_BASE "c0 07 08 0000fde9 0a000001", VRS_AFI_IP4, &b),
		plain(HEX_ORIGIN "40 02 06 0202 ffeb fde9 " HEX_NEXT_HOP "c0 07 06 fde9 0a000001"));
	assert_string_equal(render(&ctx,
				    HEX_ORIGIN "40 02 06 0201 00010000 " HEX_NEXT_HOP
					       "c0 07 08 00010000 0a000001 c0 08 04 fde90001",
				    VRS_AFI_IP4, &b),
		plain(HEX_ORIGIN "40 02 06 0202 ffeb 5ba0 " HEX_NEXT_HOP
				 "c0 07 06 5ba0 0a000001 c0 08 04 fde90001 "
				 "c0 11 0a 0202 0000ffeb 00010000 c0 12 08 00010000 0a000001"));
}

static void next_hops_may_be_replaced(void **)
{
	struct vrs_bgp_export ctx = {.as4 = true};
	struct vrs_bgp_attr_block b;

	assert_int_equal(vrs_addr_parse(&ctx.next_hop, "10.0.0.4"), 0);
	assert_string_equal(render(&ctx, HEX_BASE, VRS_AFI_IP4, &b),
		plain(HEX_ORIGIN HEX_PATH "40 03 04 0a000004"));
	assert_int_equal(vrs_addr_parse(&ctx.next_hop, "2001:db8::4"), 0);
	assert_string_equal(render(&ctx, HEX_BASE, VRS_AFI_IP4, &b), plain(HEX_ORIGIN HEX_PATH));
	assert_true(b.mp);
	assert_int_equal(b.next_hop_size, 16);
}

static void an_ip6_prefix_needs_an_ip6_next_hop(void **)
{
	const struct vrs_bgp_export ctx = {.as4 = true};
	struct vrs_bgp_attr_block b;
	uint8_t canonical[64], buf[64];
	size_t size = build_hex(HEX_BASE, canonical, sizeof(canonical));

	assert_int_equal(
		vrs_bgp_encode_attrs(&ctx, canonical, size, VRS_AFI_IP6, buf, sizeof(buf), &b),
		-EINVAL);
	assert_int_equal(
		vrs_bgp_encode_attrs(&ctx, canonical, size, VRS_AFI_IP4, buf, 8, &b), -EMSGSIZE);
}

static void only_to_customer_is_added_where_absent(void **)
{
	const struct vrs_bgp_export ctx = {.as4 = true, .otc_as = 65515};
	struct vrs_bgp_attr_block b;

	assert_string_equal(
		render(&ctx, HEX_BASE, VRS_AFI_IP4, &b), plain(HEX_BASE "c0 23 04 0000ffeb"));
	assert_string_equal(render(&ctx, HEX_BASE "c0 23 04 00000001", VRS_AFI_IP4, &b),
		plain(HEX_BASE "c0 23 04 00000001"));
}

/* --- packing ---------------------------------------------------------------------------- */

static struct vrs_prefix prefix(enum vrs_afi afi, unsigned i)
{
	struct vrs_addr a = {.afi = (uint8_t)afi};

	vrs_put_u32(a.bytes, afi == VRS_AFI_IP4 ? 0x0b000000u + (i << 8) : 0x20010000u + i);
	return vrs_prefix_of(&a, afi == VRS_AFI_IP4 ? 24 : 32 + i % 33);
}

/* Pack @p n prefixes, decode every message, and see each come back once, in order. */
static void pack_and_check(
	struct vrs_bgp_attr_block *block, enum vrs_afi afi, size_t max, unsigned n)
{
	static uint8_t buf[VRS_BGP_MAX_SIZE_EXTENDED];
	static struct vrs_bgp_update u;
	struct vrs_bgp_pack p;
	unsigned sent = 0, seen = 0;

	while (sent < n) {
		if (block != NULL)
			assert_true(vrs_bgp_pack_begin(&p, buf, max, block));
		else
			vrs_bgp_pack_begin_withdraw(&p, buf, max, afi);
		for (; sent < n; sent++) {
			struct vrs_prefix x = prefix(afi, sent);

			if (!vrs_bgp_pack_add(&p, &x))
				break;
		}
		size_t size = vrs_bgp_pack_end(&p);
		assert_in_range(size, 24, max);
		if (sent < n)
			assert_true(size + 17 > max);

		struct vrs_bgp_message m;
		struct vrs_bgp_verdict v;
		assert_int_equal(
			vrs_bgp_message_frame(buf, size, max, &m, &v), VRS_BGP_FRAME_MESSAGE);
		assert_int_equal(m.raw.size, size);
		vrs_bgp_update_decode(&wide, m.body.data, m.body.size, &u);
		assert_int_equal(u.verdict.action, VRS_BGP_ACCEPT);
		const struct vrs_bgp_nlri *f = block != NULL
			? (block->mp ? &u.mp_reach : &u.announced)
			: (afi == VRS_AFI_IP4 ? &u.withdrawn : &u.mp_unreach);
		assert_int_equal(f->n, p.n);
		struct vrs_span rest = f->span;
		for (unsigned i = 0; i < f->n; i++, seen++) {
			struct vrs_prefix got, want = prefix(afi, seen);
			int used = vrs_prefix_read(&got, f->afi, rest.data, rest.size);

			assert_true(used > 0 && vrs_prefix_equal(&got, &want));
			rest = (struct vrs_span){rest.data + used, rest.size - (size_t)used};
		}
	}
	assert_int_equal(seen, n);
}

static void thousands_of_prefixes_fill_messages_and_come_back(void **)
{
	static const size_t sizes[] = {4096, 65535};
	struct vrs_bgp_export ctx = {.as4 = true, .prepend_as = 65515};
	struct vrs_bgp_attr_block b;

	for (size_t i = 0; i < 2; i++) {
		render(&ctx, HEX_BASE, VRS_AFI_IP4, &b);
		pack_and_check(&b, VRS_AFI_IP4, sizes[i], 20000);
		pack_and_check(NULL, VRS_AFI_IP4, sizes[i], 20000);
		render(&ctx,
			HEX_ORIGIN HEX_PATH
			"40 03 10 20010db8000000000000000000000001 c0 08 04 fde90001",
			VRS_AFI_IP6, &b);
		pack_and_check(&b, VRS_AFI_IP6, sizes[i], 20000);
		pack_and_check(NULL, VRS_AFI_IP6, sizes[i], 20000);
		/* IPv4 by an IPv6 next hop: RFC 8950. */
		render(&ctx, HEX_ORIGIN HEX_PATH "40 03 10 20010db8000000000000000000000001",
			VRS_AFI_IP4, &b);
		pack_and_check(&b, VRS_AFI_IP4, sizes[i], 20000);
	}
}

static void attributes_that_leave_no_room_are_noticed(void **)
{
	const struct vrs_bgp_export ctx = {.as4 = true};
	struct vrs_bgp_attr_block b;
	struct vrs_bgp_pack p;
	uint8_t buf[64];

	render(&ctx, HEX_BASE, VRS_AFI_IP4, &b);
	assert_false(vrs_bgp_pack_begin(&p, buf, 48, &b));
	assert_true(vrs_bgp_pack_begin(&p, buf, 64, &b));
	assert_int_equal(vrs_bgp_pack_end(&p), 0);
}

static void end_of_rib_is_read_back_as_such(void **)
{
	static struct vrs_bgp_update u;
	uint8_t buf[64];

	assert_int_equal(vrs_bgp_eor_encode(VRS_AFI_IP4, buf, sizeof(buf)), 23);
	vrs_bgp_update_decode(&wide, buf + 19, 4, &u);
	assert_int_equal(u.eor, VRS_AFI_IP4);
	size_t size = vrs_bgp_eor_encode(VRS_AFI_IP6, buf, sizeof(buf));
	vrs_bgp_update_decode(&wide, buf + 19, size - 19, &u);
	assert_int_equal(u.eor, VRS_AFI_IP6);
	assert_int_equal(vrs_bgp_eor_encode(VRS_AFI_IP6, buf, 20), 0);
}

static void a_set_survives_the_way_out_and_in(void **)
{
	static const struct {
		const struct vrs_bgp_decode_ctx *in;
		struct vrs_bgp_export out;
	} rows[] = {
		{&wide, {.as4 = true}},
		{&narrow, {.as4 = false}},
		{&wide_ibgp, {.as4 = true, .ibgp = true}},
	};
	static const char set[] =
		HEX_ORIGIN "40 02 10 0202 0000fde9 00010000 0101 00010001 " HEX_NEXT_HOP
			   "40 06 00 c0 07 08 00010000 0a000001 c0 08 04 fde90001 e0 63 02 abcd";
	static struct vrs_bgp_update u;

	for (size_t i = 0; i < VRS_N_ELEMS(rows); i++) {
		struct vrs_bgp_attr_block b;
		struct vrs_bgp_pack p;
		struct vrs_prefix x = prefix(VRS_AFI_IP4, 1);
		struct vrs_attrs_info info;
		uint8_t buf[4096], canonical[4096];
		size_t size, n;

		render(&rows[i].out, set, VRS_AFI_IP4, &b);
		assert_true(vrs_bgp_pack_begin(&p, buf, sizeof(buf), &b));
		assert_true(vrs_bgp_pack_add(&p, &x));
		size = vrs_bgp_pack_end(&p);
		vrs_bgp_update_decode(rows[i].in, buf + 19, size - 19, &u);
		assert_int_equal(u.verdict.action, VRS_BGP_ACCEPT);
		assert_int_equal(vrs_bgp_update_canonical(&u, VRS_BGP_CLASSIC, canonical,
					 sizeof(canonical), &n, &info),
			0);
		struct vrs_span lp;
		bool has = vrs_bgp_attr_find(canonical, n, VRS_BGP_LOCAL_PREF, &lp);
		assert_int_equal(has, rows[i].out.ibgp);
		if (!has)
			assert_string_equal(build_text(canonical, n), plain(set));
	}
}

static void routes_of_our_own_are_igp_with_an_empty_path(void **)
{
	struct vrs_attrs_info info;
	struct vrs_addr nh;
	uint8_t buf[64];

	assert_int_equal(vrs_addr_parse(&nh, "10.0.0.4"), 0);
	size_t size = vrs_bgp_local_attrs(&nh, buf, sizeof(buf), &info);
	assert_string_equal(build_text(buf, size), plain(HEX_ORIGIN "40 02 00 40 03 04 0a000004"));
	assert_int_equal(info.path_len, 0);
	assert_int_equal(info.local_pref, 100);
	assert_true(vrs_addr_equal(&info.next_hop, &nh));
	assert_int_equal(vrs_bgp_local_attrs(&nh, buf, 10, &info), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(external_peers_get_a_longer_path_and_no_internal_attributes),
		cmocka_unit_test(internal_peers_get_reflection_attributes),
		cmocka_unit_test(our_as_goes_in_front_of_any_path),
		cmocka_unit_test(a_full_segment_gets_a_new_one_in_front),
		cmocka_unit_test(two_byte_peers_get_as_trans_and_as4_attributes),
		cmocka_unit_test(next_hops_may_be_replaced),
		cmocka_unit_test(an_ip6_prefix_needs_an_ip6_next_hop),
		cmocka_unit_test(only_to_customer_is_added_where_absent),
		cmocka_unit_test(thousands_of_prefixes_fill_messages_and_come_back),
		cmocka_unit_test(attributes_that_leave_no_room_are_noticed),
		cmocka_unit_test(end_of_rib_is_read_back_as_such),
		cmocka_unit_test(a_set_survives_the_way_out_and_in),
		cmocka_unit_test(routes_of_our_own_are_igp_with_an_empty_path),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
