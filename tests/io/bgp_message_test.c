/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#include "io/bgp/message.h"

#include <string.h>

#include "io/bgp/notification.h"
#include "io/bgp/open.h"
#include "io/bgp/refresh.h"
#include "tests/io/bgp_build.h"
#include "tests/test.h"

#define MARKER "ffffffffffffffffffffffffffffffff "

static enum vrs_bgp_frame frame(
	const char *hex, size_t max, struct vrs_bgp_message *m, struct vrs_bgp_verdict *v)
{
	static uint8_t buf[70000];

	return vrs_bgp_message_frame(buf, build_hex(hex, buf, sizeof(buf)), max, m, v);
}

static void a_message_is_found_once_it_is_whole(void **)
{
	uint8_t buf[64];
	struct vrs_bgp_message m;
	struct vrs_bgp_verdict v;
	size_t size = vrs_bgp_keepalive_encode(buf, sizeof(buf));

	assert_int_equal(size, 19);
	for (size_t n = 0; n < size; n++)
		assert_int_equal(vrs_bgp_message_frame(buf, n, 4096, &m, &v), VRS_BGP_FRAME_MORE);
	assert_int_equal(
		vrs_bgp_message_frame(buf, sizeof(buf), 4096, &m, &v), VRS_BGP_FRAME_MESSAGE);
	assert_int_equal(m.type, VRS_BGP_KEEPALIVE);
	assert_int_equal(m.raw.size, 19);
	assert_int_equal(m.body.size, 0);
}

static void headers_are_refused_as_rfc_4271_6_1_says(void **)
{
	static const struct {
		const char *hex;
		size_t max;
		uint8_t subcode;
		const char *data;
	} rows[] = {
		{"feffffffffffffffffffffffffffffff 0013 04", 4096, 1, ""},
		{MARKER "0012 04", 4096, 2, "0012"},  /* below 19 */
		{MARKER "1001 02", 4096, 2, "1001"},  /* over 4096 */
		{MARKER "1001 01", 65535, 2, "1001"}, /* OPEN is never extended: RFC 8654 */
		{MARKER "001c 01", 4096, 2, "001c"},  /* OPEN below 29 */
		{MARKER "0016 02", 4096, 2, "0016"},  /* UPDATE below 23 */
		{MARKER "0014 03", 4096, 2, "0014"},  /* NOTIFICATION below 21 */
		{MARKER "0014 04", 4096, 2, "0014"},  /* KEEPALIVE is 19 */
		{MARKER "0013 00", 4096, 3, "00"},
		{MARKER "0013 06", 4096, 3, "06"},
		{MARKER "0013 ff", 4096, 3, "ff"},
	};

	for (size_t i = 0; i < VRS_N_ELEMS(rows); i++) {
		struct vrs_bgp_message m;
		struct vrs_bgp_verdict v;

		assert_int_equal(frame(rows[i].hex, rows[i].max, &m, &v), VRS_BGP_FRAME_ERROR);
		assert_int_equal(v.action, VRS_BGP_RESET);
		assert_int_equal(v.code, VRS_BGP_ERR_HEADER);
		assert_int_equal(v.subcode, rows[i].subcode);
		assert_string_equal(build_text(v.data.data, v.data.size), rows[i].data);
	}
}

static void extended_messages_pass_where_advertised(void **)
{
	struct vrs_bgp_message m;
	struct vrs_bgp_verdict v;

	assert_int_equal(frame(MARKER "ffff 02", 65535, &m, &v), VRS_BGP_FRAME_MORE);
	assert_int_equal(frame(MARKER "1001 03", 65535, &m, &v), VRS_BGP_FRAME_MORE);
}

/* --- OPEN ------------------------------------------------------------------------------- */

static const struct vrs_bgp_open full = {
	.asn = 4200000001,
	.id = 0x0a000004,
	.hold = 180,
	.caps = VRS_BGP_CAP_MULTIPROTOCOL | VRS_BGP_CAP_REFRESH | VRS_BGP_CAP_EXT_NEXT_HOP |
		VRS_BGP_CAP_EXT_MESSAGE | VRS_BGP_CAP_ROLE | VRS_BGP_CAP_GRACEFUL_RESTART |
		VRS_BGP_CAP_AS4 | VRS_BGP_CAP_ENHANCED_REFRESH,
	.families = VRS_BGP_IP4 | VRS_BGP_IP6,
	.ext_next_hop = VRS_BGP_IP4,
	.role = VRS_BGP_ROLE_RS,
	.gr_flags = 8,
	.gr_time = 120,
	.gr_families = VRS_BGP_IP4 | VRS_BGP_IP6,
	.gr_forwarding = VRS_BGP_IP6,
};

static void an_open_with_every_capability_survives_the_round_trip(void **)
{
	for (int extended = 0; extended <= 1; extended++) {
		struct vrs_bgp_open in = full, out;
		uint8_t buf[512];

		in.extended = extended;
		size_t size = vrs_bgp_open_encode(&in, buf, sizeof(buf));
		assert_true(size > 29);
		assert_int_equal(vrs_bgp_open_encode(&in, buf, size - 1), 0);
		struct vrs_bgp_verdict v = vrs_bgp_open_decode(buf + 19, size - 19, &out);
		assert_int_equal(v.action, VRS_BGP_ACCEPT);
		in.extended = false;
		assert_memory_equal(&in, &out, sizeof(in));
	}
}

static void an_open_without_capabilities_means_ip4_and_two_bytes(void **)
{
	const struct vrs_bgp_open in = {.asn = 65001, .id = 1, .hold = 0};
	struct vrs_bgp_open out;
	uint8_t buf[64];

	assert_int_equal(vrs_bgp_open_encode(&in, buf, sizeof(buf)), 29);
	assert_int_equal(vrs_bgp_open_decode(buf + 19, 10, &out).action, VRS_BGP_ACCEPT);
	assert_int_equal(out.asn, 65001);
	assert_int_equal(out.families, VRS_BGP_IP4);
	assert_int_equal(out.caps, 0);
}

static void opens_are_refused_as_the_rfcs_say(void **)
{
	static const struct {
		const char *clause, *hex;
		uint8_t code, subcode;
		const char *data;
	} rows[] = {
		{"4271 6.2 version", "03 fde9 00b4 0a000001 00", 2, 1, "0004"},
		{"4271 6.2 version 5", "05 fde9 00b4 0a000001 00", 2, 1, "0004"},
		{"7607 2 AS 0", "04 0000 00b4 0a000001 00", 2, 2, ""},
		{"7607 2 AS 0 in capability", "04 5ba0 00b4 0a000001 08 0206 4104 00000000", 2, 2,
			""},
		{"6793 two AS that differ", "04 fde9 00b4 0a000001 08 0206 4104 0000fdea", 2, 2,
			""},
		{"6286 identifier 0", "04 fde9 00b4 00000000 00", 2, 3, ""},
		{"4271 6.2 hold 1", "04 fde9 0001 0a000001 00", 2, 6, ""},
		{"4271 6.2 hold 2", "04 fde9 0002 0a000001 00", 2, 6, ""},
		{"4271 6.2 parameter", "04 fde9 00b4 0a000001 03 010100", 2, 4, ""},
		{"4271 6.2 parameters overrun", "04 fde9 00b4 0a000001 04 0206 4104", 2, 0, ""},
		{"4271 6.2 parameters underrun", "04 fde9 00b4 0a000001 01 0200 00", 2, 0, ""},
		{"5492 capability cut", "04 fde9 00b4 0a000001 04 0202 4104", 2, 0, ""},
		{"6793 capability of 3 bytes", "04 fde9 00b4 0a000001 07 0205 4103 000001", 2, 0,
			""},
		{"4760 capability of 3 bytes", "04 fde9 00b4 0a000001 07 0205 0103 000100", 2, 0,
			""},
		{"8950 capability of 5 bytes", "04 fde9 00b4 0a000001 09 0207 0505 0001000100", 2,
			0, ""},
		{"9234 role of 2 bytes", "04 fde9 00b4 0a000001 06 0204 0902 0101", 2, 0, ""},
		{"9234 4.2 roles that differ", "04 fde9 00b4 0a000001 08 0206 090101 090102", 2, 11,
			""},
		{"9072 length", "04 fde9 00b4 0a000001 ff ff 0009 02 0000", 2, 0, ""},
		{"9072 parameter", "04 fde9 00b4 0a000001 ff ff 0003 01 0000", 2, 4, ""},
		{"cut short", "04 fde9 00b4 0a000001", 1, 2, ""},
	};

	for (size_t i = 0; i < VRS_N_ELEMS(rows); i++) {
		struct vrs_bgp_open open;
		uint8_t buf[128];
		size_t size = build_hex(rows[i].hex, buf, sizeof(buf));
		struct vrs_bgp_verdict v = vrs_bgp_open_decode(buf, size, &open);

		if (v.action != VRS_BGP_RESET || v.code != rows[i].code ||
			v.subcode != rows[i].subcode)
			fail_msg("%s: %d %u/%u", rows[i].clause, v.action, v.code, v.subcode);
		assert_string_equal(build_text(v.data.data, v.data.size), rows[i].data);
	}
}

static void odd_but_legal_opens_are_accepted(void **)
{
	static const char *const rows[] = {
		"04 fde9 00b4 0a000001 00", "04 fde9 0003 0a000001 00",
		"04 fde9 0000 e0000001 00",                    /* any id but 0: RFC 6286 */
		"04 fde9 00b4 0a000001 06 0204 f0020102",      /* unknown capability: RFC 5492 */
		"04 fde9 00b4 0a000001 08 0206 090101 090101", /* a role twice, the same */
		"04 fde9 00b4 0a000001 10 0206 010400010001 0206 010400020001",
		"04 5ba0 00b4 0a000001 08 0206 4104 00010000",
		"04 fde9 00b4 0a000001 08 0206 0104 00190046", /* L2VPN EVPN: not ours */
		"04 fde9 00b4 0a000001 01 ff 0003 02 0000",    /* RFC 9072: length not 255 */
	};
	struct vrs_bgp_open open;
	uint8_t buf[128];

	for (size_t i = 0; i < VRS_N_ELEMS(rows); i++) {
		size_t size = build_hex(rows[i], buf, sizeof(buf));
		struct vrs_bgp_verdict v = vrs_bgp_open_decode(buf, size, &open);

		if (v.action != VRS_BGP_ACCEPT)
			fail_msg("%s: %s", rows[i], v.reason);
	}
}

static void the_peer_must_be_whom_we_expect(void **)
{
	struct vrs_bgp_open ours = {.asn = 65515, .id = 1}, theirs = {.asn = 65001, .id = 1};

	assert_int_equal(vrs_bgp_open_check(&ours, &theirs, 65001).action, VRS_BGP_ACCEPT);
	assert_int_equal(
		vrs_bgp_open_check(&ours, &theirs, 65002).subcode, VRS_BGP_OPEN_BAD_PEER_AS);
	theirs.asn = 65515;
	assert_int_equal(vrs_bgp_open_check(&ours, &theirs, 65515).subcode, VRS_BGP_OPEN_BAD_ID);
	theirs.id = 2;
	assert_int_equal(vrs_bgp_open_check(&ours, &theirs, 65515).action, VRS_BGP_ACCEPT);
}

static void roles_pair_as_rfc_9234_table_2_says(void **)
{
	static const bool pairs[5][5] = {
		/*		    prov  rs     client cust   peer */
		[VRS_BGP_ROLE_PROVIDER] = {false, false, false, true, false},
		[VRS_BGP_ROLE_RS] = {false, false, true, false, false},
		[VRS_BGP_ROLE_RS_CLIENT] = {false, true, false, false, false},
		[VRS_BGP_ROLE_CUSTOMER] = {true, false, false, false, false},
		[VRS_BGP_ROLE_PEER] = {false, false, false, false, true},
	};
	struct vrs_bgp_open ours = {.asn = 1, .id = 1, .caps = VRS_BGP_CAP_ROLE};
	struct vrs_bgp_open theirs = {.asn = 2, .id = 2, .caps = VRS_BGP_CAP_ROLE};

	for (uint8_t a = 0; a < 5; a++) {
		for (uint8_t b = 0; b < 5; b++) {
			ours.role = a;
			theirs.role = b;
			struct vrs_bgp_verdict v = vrs_bgp_open_check(&ours, &theirs, 2);
			assert_int_equal(v.action, pairs[a][b] ? VRS_BGP_ACCEPT : VRS_BGP_RESET);
			assert_int_equal(v.subcode, pairs[a][b] ? 0 : VRS_BGP_OPEN_ROLE_MISMATCH);
		}
	}
	theirs.caps = 0;
	assert_int_equal(vrs_bgp_open_check(&ours, &theirs, 2).action, VRS_BGP_ACCEPT);
}

/* --- NOTIFICATION, ROUTE-REFRESH -------------------------------------------------------- */

static void a_shutdown_text_survives_the_round_trip(void **)
{
	struct vrs_bgp_notification n;
	uint8_t buf[512];
	size_t size =
		vrs_bgp_cease_encode(VRS_BGP_CEASE_SHUTDOWN, "bis sp\xc3\xa4ter", buf, sizeof(buf));

	assert_int_equal(vrs_bgp_notification_decode(buf + 19, size - 19, &n), 0);
	assert_int_equal(n.code, VRS_BGP_ERR_CEASE);
	assert_int_equal(n.subcode, VRS_BGP_CEASE_SHUTDOWN);
	assert_string_equal(n.text, "bis sp\xc3\xa4ter");
}

static void a_long_text_is_cut_between_characters(void **)
{
	char text[600];
	struct vrs_bgp_notification n;
	uint8_t buf[512];

	for (size_t i = 0; i < 598; i += 2)
		memcpy(text + i, "\xc3\xa4", 3);
	size_t size = vrs_bgp_cease_encode(VRS_BGP_CEASE_RESET, text, buf, sizeof(buf));
	assert_int_equal(size, 19 + 2 + 1 + 254);
	assert_int_equal(vrs_bgp_notification_decode(buf + 19, size - 19, &n), 0);
	assert_int_equal(strlen(n.text), 254);
}

static void bad_texts_are_left_out(void **)
{
	static const char *const rows[] = {
		"06 02 05 61", /* longer than the data */
		"06 02 01 ff",
		"06 02 02 c080", /* not UTF-8, overlong */
		"06 02 03 eda080",
		"06 04 04 f4908080",
		"06 02 02 c341",
		"06 03 01 61", /* not a shutdown */
		"06 02",
	};
	struct vrs_bgp_notification n;
	uint8_t buf[64];

	for (size_t i = 0; i < VRS_N_ELEMS(rows); i++) {
		size_t size = build_hex(rows[i], buf, sizeof(buf));

		assert_int_equal(vrs_bgp_notification_decode(buf, size, &n), 0);
		assert_string_equal(n.text, "");
	}
	size_t size = build_hex("06 02 03 610a62", buf, sizeof(buf));
	assert_int_equal(vrs_bgp_notification_decode(buf, size, &n), 0);
	assert_string_equal(n.text, "a?b");
	assert_true(vrs_bgp_notification_decode(buf, 1, &n) < 0);
	assert_int_equal(
		vrs_bgp_cease_encode(VRS_BGP_CEASE_SHUTDOWN, "\xff", buf, sizeof(buf)), 21);
	assert_int_equal(
		vrs_bgp_cease_encode(VRS_BGP_CEASE_MAX_PREFIXES, "text", buf, sizeof(buf)), 21);
}

static void error_names_are_those_of_the_registry(void **)
{
	assert_string_equal(vrs_bgp_error_str(6), "Cease");
	assert_string_equal(vrs_bgp_suberror_str(6, 2), "Administrative Shutdown");
	assert_string_equal(vrs_bgp_suberror_str(6, 10), "BFD Down");
	assert_string_equal(vrs_bgp_suberror_str(2, 11), "Role Mismatch");
	assert_string_equal(vrs_bgp_suberror_str(3, 11), "Malformed AS_PATH");
	assert_string_equal(vrs_bgp_error_str(8), "Send Hold Timer Expired");
	assert_string_equal(vrs_bgp_error_str(99), "Unknown");
	assert_string_equal(vrs_bgp_suberror_str(99, 1), "");
	assert_string_equal(vrs_bgp_suberror_str(6, 200), "");
}

static void a_refresh_survives_the_round_trip_and_must_be_four_bytes(void **)
{
	const struct vrs_bgp_refresh in = {2, 1, VRS_BGP_REFRESH_EORR};
	struct vrs_bgp_refresh out;
	struct vrs_bgp_message m;
	struct vrs_bgp_verdict v;
	uint8_t buf[64];

	assert_int_equal(vrs_bgp_refresh_encode(&in, buf, sizeof(buf)), 23);
	assert_int_equal(vrs_bgp_message_frame(buf, 23, 4096, &m, &v), VRS_BGP_FRAME_MESSAGE);
	assert_int_equal(vrs_bgp_refresh_decode(&m, &out).action, VRS_BGP_ACCEPT);
	assert_memory_equal(&in, &out, sizeof(in));

	assert_int_equal(
		frame(MARKER "0018 05 0001 01 01 00", 4096, &m, &v), VRS_BGP_FRAME_MESSAGE);
	v = vrs_bgp_refresh_decode(&m, &out);
	assert_int_equal(v.code, VRS_BGP_ERR_REFRESH);
	assert_int_equal(v.subcode, VRS_BGP_REFRESH_BAD_LENGTH);
	assert_int_equal(v.data.size, 24);
	assert_int_equal(frame(MARKER "0013 05", 4096, &m, &v), VRS_BGP_FRAME_MESSAGE);
	assert_int_equal(vrs_bgp_refresh_decode(&m, &out).action, VRS_BGP_RESET);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_message_is_found_once_it_is_whole),
		cmocka_unit_test(headers_are_refused_as_rfc_4271_6_1_says),
		cmocka_unit_test(extended_messages_pass_where_advertised),
		cmocka_unit_test(an_open_with_every_capability_survives_the_round_trip),
		cmocka_unit_test(an_open_without_capabilities_means_ip4_and_two_bytes),
		cmocka_unit_test(opens_are_refused_as_the_rfcs_say),
		cmocka_unit_test(odd_but_legal_opens_are_accepted),
		cmocka_unit_test(the_peer_must_be_whom_we_expect),
		cmocka_unit_test(roles_pair_as_rfc_9234_table_2_says),
		cmocka_unit_test(a_shutdown_text_survives_the_round_trip),
		cmocka_unit_test(a_long_text_is_cut_between_characters),
		cmocka_unit_test(bad_texts_are_left_out),
		cmocka_unit_test(error_names_are_those_of_the_registry),
		cmocka_unit_test(a_refresh_survives_the_round_trip_and_must_be_four_bytes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
