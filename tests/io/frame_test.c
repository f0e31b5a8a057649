/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#include "io/dpdk/frame.h"

#include "rib/base/bytes.h"
#include "tests/io/frame_lab.h"
#include "tests/test.h"

enum { ALL_GOOD = VRS_FRAME_IP_GOOD | VRS_FRAME_L4_GOOD };

static const uint8_t mac_1[6] = {2, 0, 0, 0, 0, 1}, mac_2[6] = {2, 0, 0, 0, 0, 2};

static enum vrs_frame_kind parse(const char *hex, struct vrs_frame_info *out)
{
	static struct lab_frame f;

	f = lab_hex(hex);
	return lab_parse(&f, 0, out);
}

static void a_syn_is_read_with_all_its_options(void **)
{
	struct vrs_frame_info in;

	assert_int_equal(parse(LAB_TCP4_SYN, &in), VRS_FRAME_TCP);
	assert_memory_equal(in.src_mac, mac_1, 6);
	assert_memory_equal(in.dst_mac, mac_2, 6);
	assert_int_equal(in.vlan, 0);
	assert_int_equal(in.ttl, 64);
	lab_assert_addr(&in.src, "192.0.2.1");
	lab_assert_addr(&in.dst, "192.0.2.2");
	assert_int_equal(in.src_port, 40000);
	assert_int_equal(in.dst_port, 179);
	assert_int_equal(in.tcp.seq, 0x01020304);
	assert_int_equal(in.tcp.flags, VRS_TCP_SYN);
	assert_int_equal(in.tcp.window, 64240);
	assert_int_equal(in.tcp.mss, 1460);
	assert_int_equal(in.tcp.wscale, 7);
	assert_true(in.tcp.sack_ok);
	assert_true(in.tcp.has_ts);
	assert_int_equal(in.tcp.ts_val, 100);
	assert_int_equal(in.tcp.ts_ecr, 0);
	assert_int_equal(in.tcp.n_sack, 0);
	assert_int_equal(in.tcp.size, 0);
	assert_null(in.md5);
	assert_int_equal(in.l4_size, 40);
	assert_int_equal(in.l4_head_size, 40);
}

static void data_and_sack_blocks_are_read(void **)
{
	struct vrs_frame_info in;

	assert_int_equal(parse(LAB_TCP4_SACK, &in), VRS_FRAME_TCP);
	assert_int_equal(in.tcp.ack, 0x0a0b0c0d);
	assert_int_equal(in.tcp.flags, VRS_TCP_PSH | VRS_TCP_ACK);
	assert_int_equal(in.tcp.n_sack, 3);
	assert_int_equal(in.tcp.sack[0].from, 10);
	assert_int_equal(in.tcp.sack[2].to, 60);
	assert_int_equal(in.tcp.size, 5);
	assert_memory_equal(in.tcp.data, "hello", 5);
	assert_int_equal(in.tcp.mss, 0);
	assert_int_equal(in.tcp.wscale, -1);
	assert_false(in.tcp.sack_ok);
}

static void ip6_is_read_alike(void **)
{
	struct vrs_frame_info in;

	assert_int_equal(parse(LAB_TCP6, &in), VRS_FRAME_TCP);
	lab_assert_addr(&in.src, "2001:db8::1");
	lab_assert_addr(&in.dst, "2001:db8::2");
	assert_int_equal(in.ttl, 64);
	assert_true(in.tcp.has_ts);
	assert_int_equal(in.tcp.ts_ecr, 101);
	assert_memory_equal(in.tcp.data, "abc", 3);
}

static void arp_is_read(void **)
{
	struct vrs_frame_info in;

	assert_int_equal(parse(LAB_ARP_REQUEST, &in), VRS_FRAME_ARP);
	assert_true(in.is_request);
	lab_assert_addr(&in.src, "192.0.2.1");
	lab_assert_addr(&in.target, "192.0.2.2");
	assert_true(in.has_mac);
	assert_memory_equal(in.mac, mac_1, 6);
	assert_int_equal(parse(LAB_ARP_REPLY, &in), VRS_FRAME_ARP);
	assert_false(in.is_request);
	assert_true(in.solicited && in.override);
}

static void neighbour_discovery_is_read(void **)
{
	struct vrs_frame_info in;

	assert_int_equal(parse(LAB_NS, &in), VRS_FRAME_ND);
	assert_true(in.is_request);
	lab_assert_addr(&in.src, "2001:db8::1");
	lab_assert_addr(&in.target, "2001:db8::2");
	assert_true(in.has_mac);
	assert_memory_equal(in.mac, mac_1, 6);
	assert_int_equal(parse(LAB_NA, &in), VRS_FRAME_ND);
	assert_false(in.is_request);
	assert_true(in.solicited && in.override && in.has_mac);
	lab_assert_addr(&in.target, "2001:db8::1");
}

static void an_error_says_which_segment_it_is_about(void **)
{
	struct vrs_frame_info in;

	assert_int_equal(parse(LAB_FRAG_NEEDED, &in), VRS_FRAME_ERROR);
	assert_int_equal(in.icmp_type, 3);
	assert_int_equal(in.icmp_code, 4);
	assert_int_equal(in.mtu, 1400);
	lab_assert_addr(&in.about.local, "192.0.2.2");
	lab_assert_addr(&in.about.remote, "192.0.2.1");
	assert_int_equal(in.about.local_port, 179);
	assert_int_equal(in.about.remote_port, 40000);
	assert_int_equal(in.about_seq, 0x01020304);

	assert_int_equal(parse(LAB_TOO_BIG, &in), VRS_FRAME_ERROR);
	assert_int_equal(in.mtu, 1280);
	lab_assert_addr(&in.src, "2001:db8::ff");
	lab_assert_addr(&in.about.local, "2001:db8::2");
	lab_assert_addr(&in.about.remote, "2001:db8::1");
	assert_int_equal(in.about.local_port, 179);
	assert_int_equal(in.about_seq, 0x01020304);
}

/* A known frame with some bytes changed, and the verdict. Checksums are said to be good. */
struct row {
	const char *rule, *frame, *edits;
	enum vrs_frame_kind kind;
	enum vrs_frame_bad bad;
};

#define BAD(why) VRS_FRAME_BAD, VRS_BAD_##why
#define IS(what) VRS_FRAME_##what, VRS_BAD_N

static const struct row rows[] = {
	{"a group's MAC sends nothing", LAB_TCP4_SYN, "6:03", BAD(HEADER)},
	{"LLDP is not for us", LAB_TCP4_SYN, "12:88cc", IS(OTHER)},
	{"802.1ad is not for us", LAB_TCP4_SYN, "12:88a8", IS(OTHER)},
	{"RFC 791 3.1: version", LAB_TCP4_SYN, "14:55", BAD(HEADER)},
	{"RFC 791 3.1: IHL below 5", LAB_TCP4_SYN, "14:44", BAD(HEADER)},
	{"RFC 791 3.1: IHL beyond the packet", LAB_TCP4_SYN, "14:4f 16:0014", BAD(HEADER)},
	{"RFC 791 3.1: total length below the header's", LAB_TCP4_SYN, "16:0013", BAD(HEADER)},
	{"RFC 791 3.1: total length 0", LAB_TCP4_SYN, "16:0000", BAD(HEADER)},
	{"RFC 791 3.1: total length beyond the frame", LAB_TCP4_SYN, "16:003d", BAD(SHORT)},
	{"RFC 791 3.1: more fragments", LAB_TCP4_SYN, "20:2000", BAD(FRAGMENT)},
	{"RFC 791 3.1: a fragment offset", LAB_TCP4_SYN, "20:0001", BAD(FRAGMENT)},
	{"without DF it is no fragment yet", LAB_TCP4_SYN, "20:0000", IS(TCP)},
	{"RFC 1122 3.2.1.3: multicast source", LAB_TCP4_SYN, "26:e0000001", BAD(ADDRESS)},
	{"RFC 1122 3.2.1.3: broadcast source", LAB_TCP4_SYN, "26:ffffffff", BAD(ADDRESS)},
	{"RFC 1122 3.2.1.3: loopback source", LAB_TCP4_SYN, "26:7f000001", BAD(ADDRESS)},
	{"RFC 1122 3.2.1.3: unspecified source", LAB_TCP4_SYN, "26:00000000", BAD(ADDRESS)},
	{"RFC 1122 3.2.1.3: source on net 0", LAB_TCP4_SYN, "26:00000001", BAD(ADDRESS)},
	{"UDP is not for us", LAB_TCP4_SYN, "23:11", IS(OTHER)},
	{"nor from who asks for an address", LAB_TCP4_SYN, "23:11 26:00000000", IS(OTHER)},
	{"RFC 9293 3.1: data offset below 5", LAB_TCP4_SYN, "46:40", BAD(HEADER)},
	{"RFC 9293 3.1: data offset beyond the packet", LAB_TCP4_SYN, "46:f0", BAD(SHORT)},
	{"RFC 9293 3.1: half a TCP header", LAB_TCP4_SYN, "16:001e", BAD(SHORT)},
	{"RFC 9293 3.1: no TCP header", LAB_TCP4_SYN, "16:0014", BAD(SHORT)},
	{"RFC 9293 3.2: MSS of another size", LAB_TCP4_SYN, "55:03", BAD(OPTION)},
	{"RFC 9293 3.2: an option of size 0", LAB_TCP4_SYN, "54:fe00", BAD(OPTION)},
	{"RFC 9293 3.2: an option of size 1", LAB_TCP4_SYN, "54:fe01", BAD(OPTION)},
	{"RFC 9293 3.2: an option beyond the header", LAB_TCP4_SYN, "54:fe15", BAD(OPTION)},
	{"RFC 9293 3.2: half an option", LAB_TCP4_SYN, "54:fe13 73:03", BAD(OPTION)},
	{"RFC 9293 3.1.2: an unknown option is skipped", LAB_TCP4_SYN, "54:fe14", IS(TCP)},
	{"RFC 9293 3.2: nothing counts behind the end", LAB_TCP4_SYN, "54:0001", IS(TCP)},
	{"RFC 7323 2.2: window scale of another size", LAB_TCP4_SYN, "60:04", BAD(OPTION)},
	{"RFC 7323 3.2: timestamps of another size", LAB_TCP4_SYN, "65:09", BAD(OPTION)},
	{"RFC 2018 section 2: SACK permitted with a body", LAB_TCP4_SYN, "62:0403", BAD(OPTION)},
	{"RFC 2018 section 3: half a block", LAB_TCP4_SACK, "69:16", BAD(OPTION)},
	{"RFC 2018 section 3: no block", LAB_TCP4_SACK, "69:02", BAD(OPTION)},
	{"RFC 2385 section 3.0: a digest of another size", LAB_TCP4_MD5, "57:11", BAD(OPTION)},
	{"RFC 8200 section 3: version", LAB_TCP6, "14:40", BAD(HEADER)},
	{"RFC 8200 section 3: length beyond the frame", LAB_TCP6, "18:0024", BAD(SHORT)},
	{"RFC 8200 section 3: length 0", LAB_TCP6, "18:0000", BAD(SHORT)},
	{"RFC 8200 4.5: fragments", LAB_TCP6, "20:2c", BAD(FRAGMENT)},
	{"RFC 8200 4.4: routing", LAB_TCP6, "20:2b", BAD(OPTION)},
	{"RFC 4302: authentication", LAB_TCP6, "20:33", BAD(OPTION)},
	{"RFC 8200 4.7: nothing behind it", LAB_TCP6, "20:3b", IS(OTHER)},
	{"RFC 4291 2.7: multicast source", LAB_TCP6, "22:ff02", BAD(ADDRESS)},
	{"RFC 4291 2.5.3: loopback source", LAB_TCP6, "22:0000000000000000", BAD(ADDRESS)},
	{"RFC 4291 2.5.2: unspecified source", LAB_TCP6, "22:00000000000000000000000000000000",
		BAD(ADDRESS)},
	{"RFC 826: another hardware", LAB_ARP_REQUEST, "14:0006", BAD(HEADER)},
	{"RFC 826: another protocol", LAB_ARP_REQUEST, "16:86dd", BAD(HEADER)},
	{"RFC 826: another MAC size", LAB_ARP_REQUEST, "18:08", BAD(HEADER)},
	{"RFC 826: another address size", LAB_ARP_REQUEST, "19:10", BAD(HEADER)},
	{"RFC 826: another operation", LAB_ARP_REQUEST, "20:0003", IS(OTHER)},
	{"RFC 5227 2.1.1: a probe has no sender", LAB_ARP_REQUEST, "28:00000000", IS(ARP)},
	{"an answer from nobody", LAB_ARP_REPLY, "28:00000000", BAD(ADDRESS)},
	{"ARP of a multicast address", LAB_ARP_REPLY, "28:e0000001", BAD(ADDRESS)},
	{"ARP of the loopback", LAB_ARP_REPLY, "28:7f000001", BAD(ADDRESS)},
	{"RFC 1812 3.3.2: a group's MAC", LAB_ARP_REPLY, "22:01", BAD(ADDRESS)},
	{"a MAC of zeros", LAB_ARP_REPLY, "22:000000000000", BAD(ADDRESS)},
	{"RFC 4861 7.1.1: solicitation's hop limit", LAB_NS, "21:fe", BAD(HEADER)},
	{"RFC 4861 7.1.1: solicitation's code", LAB_NS, "55:01", BAD(HEADER)},
	{"RFC 4861 7.1.1: length below 24", LAB_NS, "18:0017", BAD(SHORT)},
	{"RFC 4861 7.1.1: without options", LAB_NS, "18:0018", IS(ND)},
	{"RFC 4861 7.1.1: multicast target", LAB_NS, "62:ff02", BAD(HEADER)},
	{"RFC 4861 7.1.1: an option of size 0", LAB_NS, "79:00", BAD(OPTION)},
	{"RFC 4861 7.1.1: an option beyond the packet", LAB_NS, "79:02", BAD(OPTION)},
	{"RFC 4861 7.1.1: half an option", LAB_NS, "18:001c", BAD(OPTION)},
	{"RFC 4861 7.1.1: nobody with a MAC", LAB_NS, "22:00000000000000000000000000000000",
		BAD(ADDRESS)},
	{"RFC 4861 7.1.1: nobody asks the group, without a MAC", LAB_NS,
		"18:0018 22:00000000000000000000000000000000", IS(ND)},
	{"RFC 4861 7.1.1: nobody asks one node", LAB_NS,
		"18:0018 22:00000000000000000000000000000000 38:20010db8", BAD(ADDRESS)},
	{"RFC 4861 4.6: an unknown option is skipped", LAB_NS, "78:fe", IS(ND)},
	{"a group's MAC", LAB_NS, "80:33", BAD(OPTION)},
	{"RFC 4861 7.1.2: advertisement's hop limit", LAB_NA, "21:40", BAD(HEADER)},
	{"RFC 4861 7.1.2: advertisement's code", LAB_NA, "55:01", BAD(HEADER)},
	{"RFC 4861 7.1.2: length below 24", LAB_NA, "18:0010", BAD(SHORT)},
	{"RFC 4861 7.1.2: multicast target", LAB_NA, "62:ff02", BAD(HEADER)},
	{"RFC 4861 7.1.2: solicited by all", LAB_NA, "38:ff02", BAD(HEADER)},
	{"RFC 4861 7.1.2: unsolicited to all", LAB_NA, "38:ff02 58:20", IS(ND)},
	{"RFC 4861 7.1.2: an option of size 0", LAB_NA, "79:00", BAD(OPTION)},
	{"an advertisement from nobody", LAB_NA, "22:00000000000000000000000000000000",
		BAD(ADDRESS)},
	{"router advertisements are not for us", LAB_NA, "54:86", IS(OTHER)},
	{"redirects are not for us", LAB_NA, "54:89", IS(OTHER)},
	{"RFC 792: echo request", LAB_ECHO4, "", IS(ECHO)},
	{"RFC 792: echo reply is not for us", LAB_ECHO4, "34:00", IS(OTHER)},
	{"RFC 792: echo's code", LAB_ECHO4, "35:01", BAD(HEADER)},
	{"RFC 792: half a header", LAB_ECHO4, "16:001b", BAD(SHORT)},
	{"RFC 792: time exceeded", LAB_FRAG_NEEDED, "34:0b00", IS(ERROR)},
	{"RFC 792: redirects are not for us", LAB_FRAG_NEEDED, "34:05", IS(OTHER)},
	{"RFC 792: about UDP", LAB_FRAG_NEEDED, "51:11", IS(OTHER)},
	{"RFC 792: about a later fragment", LAB_FRAG_NEEDED, "48:0001", IS(OTHER)},
	{"RFC 792: less than 8 bytes of it", LAB_FRAG_NEEDED, "16:0037", BAD(SHORT)},
	{"RFC 792: about no IPv4 packet", LAB_FRAG_NEEDED, "42:65", BAD(HEADER)},
	{"RFC 792: about a header too small", LAB_FRAG_NEEDED, "42:44", BAD(HEADER)},
	{"RFC 792: options push TCP out of it", LAB_FRAG_NEEDED, "42:46", BAD(SHORT)},
	{"RFC 4443 3.1: unreachable", LAB_TOO_BIG, "54:0104", IS(ERROR)},
	{"RFC 4443 3.3: time exceeded", LAB_TOO_BIG, "54:0300", IS(ERROR)},
	{"RFC 4443 3.2: about UDP", LAB_TOO_BIG, "68:11", IS(OTHER)},
	{"RFC 4443 3.2: about no IPv6 packet", LAB_TOO_BIG, "62:40", BAD(HEADER)},
	{"RFC 4443 3.2: too little of it", LAB_TOO_BIG, "18:0037", BAD(SHORT)},
};

static void every_rule_has_its_verdict(void **)
{
	for (unsigned i = 0; i < VRS_N_ELEMS(rows); i++) {
		struct lab_frame f = lab_hex(rows[i].frame);
		struct vrs_frame_info in;

		lab_edit(&f, rows[i].edits);
		enum vrs_frame_kind kind = lab_parse(&f, ALL_GOOD, &in);
		if (kind != rows[i].kind || (kind == VRS_FRAME_BAD && in.bad != rows[i].bad))
			fail_msg("%s: kind %d, bad %d", rows[i].rule, (int)kind, (int)in.bad);
	}
}

/* Something between IP's header and what it carries. */
struct extension_row {
	const char *rule, *frame, *hex, *edits;
	enum vrs_frame_kind kind;
	enum vrs_frame_bad bad;
};

static const struct extension_row extensions[] = {
	{"RFC 791 3.1: padding", LAB_TCP4_SYN, "01010100", "14:46", IS(TCP)},
	{"RFC 791 3.1: record route", LAB_TCP4_SYN, "0707040000000000", "14:47", IS(TCP)},
	{"RFC 2113: router alert", LAB_TCP4_SYN, "94040000", "14:46", IS(TCP)},
	{"RFC 7126 4.3: loose source route", LAB_TCP4_SYN, "8307040a00000100", "14:47",
		BAD(OPTION)},
	{"RFC 7126 4.4: strict source route", LAB_TCP4_SYN, "018907040a000001", "14:47",
		BAD(OPTION)},
	{"RFC 791 3.1: size 0", LAB_TCP4_SYN, "07000000", "14:46", BAD(OPTION)},
	{"RFC 791 3.1: size 1", LAB_TCP4_SYN, "07010000", "14:46", BAD(OPTION)},
	{"RFC 791 3.1: beyond the header", LAB_TCP4_SYN, "07050000", "14:46", BAD(OPTION)},
	{"RFC 791 3.1: without a size", LAB_TCP4_SYN, "01010107", "14:46", BAD(OPTION)},
	{"RFC 8200 4.3: hop by hop, padding", LAB_TCP6, "0600010400000000", "20:00", IS(TCP)},
	{"RFC 2711: router alert", LAB_TCP6, "0600050200000000", "20:00", IS(TCP)},
	{"RFC 8200 4.6: for the destination", LAB_TCP6, "0600010400000000", "20:3c", IS(TCP)},
	{"RFC 8200 4.1: both", LAB_TCP6, "3c000104000000000600010400000000", "20:00", IS(TCP)},
	{"RFC 8200 4.1: hop by hop is not second", LAB_TCP6, "00000104000000000600010400000000",
		"20:3c", BAD(OPTION)},
	{"RFC 8200 4.2: may not be skipped", LAB_TCP6, "0600c20400000000", "20:00", BAD(OPTION)},
	{"RFC 8200 4.2: beyond the header", LAB_TCP6, "0600010500000000", "20:00", BAD(OPTION)},
	{"RFC 8200 4.3: beyond the packet", LAB_TCP6, "06ff010400000000", "20:00", BAD(SHORT)},
	{"RFC 8200 4.1: fragment behind", LAB_TCP6, "2c00010400000000", "20:00", BAD(FRAGMENT)},
};

static void every_extension_has_its_verdict(void **)
{
	for (unsigned i = 0; i < VRS_N_ELEMS(extensions); i++) {
		const struct extension_row *row = &extensions[i];
		struct lab_frame f = lab_hex(row->frame);
		bool ip6 = f.data[14] >> 4 == 6;
		struct vrs_frame_info in;

		lab_insert(&f, ip6 ? 54 : 34, row->hex);
		vrs_put_u16(f.data + (ip6 ? 18 : 16), (uint16_t)(f.size - (ip6 ? 54 : 14)));
		lab_edit(&f, row->edits);
		enum vrs_frame_kind kind = lab_parse(&f, ALL_GOOD, &in);
		if (kind != row->kind || (kind == VRS_FRAME_BAD && in.bad != row->bad))
			fail_msg("%s: kind %d, bad %d", row->rule, (int)kind, (int)in.bad);
		if (kind == VRS_FRAME_TCP)
			assert_int_equal(in.src_port, ip6 ? 179 : 40000);
	}
}

static void options_of_a_syn_count_in_a_syn_only(void **)
{
	struct lab_frame f = lab_hex(LAB_TCP4_SYN);
	struct vrs_frame_info in;

	lab_edit(&f, "47:10");
	assert_int_equal(lab_parse(&f, ALL_GOOD, &in), VRS_FRAME_TCP);
	assert_int_equal(in.tcp.mss, 0);
	assert_int_equal(in.tcp.wscale, -1);
	assert_false(in.tcp.sack_ok);
	assert_true(in.tcp.has_ts);
}

static void a_window_scale_over_14_is_14(void **)
{
	struct lab_frame f = lab_hex(LAB_TCP4_SYN);
	struct vrs_frame_info in;

	lab_edit(&f, "61:ff");
	assert_int_equal(lab_parse(&f, ALL_GOOD, &in), VRS_FRAME_TCP);
	assert_int_equal(in.tcp.wscale, 14);
}

static void padding_of_a_short_frame_is_no_data(void **)
{
	struct lab_frame f = lab_hex(LAB_TCP4_SACK);
	struct vrs_frame_info in;

	lab_insert(&f, f.size, "000000000000");
	assert_int_equal(lab_parse(&f, 0, &in), VRS_FRAME_TCP);
	assert_int_equal(in.tcp.size, 5);
	f = lab_hex(LAB_ARP_REQUEST);
	lab_insert(&f, f.size, "000000000000000000000000000000000000");
	assert_int_equal(lab_parse(&f, 0, &in), VRS_FRAME_ARP);
}

static void a_tag_is_read_from_the_frame_or_the_port(void **)
{
	struct lab_frame f = lab_hex(LAB_TCP4_SACK);
	struct vrs_frame_info in;
	struct vrs_frame frame = {.data = f.data, .size = f.size, .vlan = 7};

	assert_int_equal(vrs_frame_parse(&frame, &in), VRS_FRAME_TCP);
	assert_int_equal(in.vlan, 7);
	lab_insert(&f, 12, "8100e064");
	assert_int_equal(lab_parse(&f, 0, &in), VRS_FRAME_TCP);
	assert_int_equal(in.vlan, 100);
	/* Both: a second tag. */
	frame.size = f.size;
	assert_int_equal(vrs_frame_parse(&frame, &in), VRS_FRAME_OTHER);
	lab_insert(&f, 12, "81000007");
	assert_int_equal(lab_parse(&f, 0, &in), VRS_FRAME_OTHER);
	/* IEEE 802.1Q: identifier 0 is a priority, no VLAN. */
	f = lab_hex(LAB_TCP4_SACK);
	lab_insert(&f, 12, "8100e000");
	assert_int_equal(lab_parse(&f, 0, &in), VRS_FRAME_TCP);
	assert_int_equal(in.vlan, 0);
}

static void checksums_are_looked_at_unless_the_port_has(void **)
{
	struct lab_frame f = lab_hex(LAB_TCP4_SACK);
	struct vrs_frame_info in;

	f.data[24] ^= 1;
	assert_int_equal(lab_parse(&f, 0, &in), VRS_FRAME_BAD);
	assert_int_equal(in.bad, VRS_BAD_IP_CSUM);
	assert_int_equal(lab_parse(&f, VRS_FRAME_IP_GOOD, &in), VRS_FRAME_TCP);
	f.data[24] ^= 1;
	f.data[f.size - 1] ^= 1;
	assert_int_equal(lab_parse(&f, VRS_FRAME_IP_GOOD, &in), VRS_FRAME_BAD);
	assert_int_equal(in.bad, VRS_BAD_L4_CSUM);
	assert_int_equal(lab_parse(&f, VRS_FRAME_L4_GOOD, &in), VRS_FRAME_TCP);
	f.data[f.size - 1] ^= 1;
	assert_int_equal(lab_parse(&f, VRS_FRAME_IP_BAD, &in), VRS_FRAME_BAD);
	assert_int_equal(in.bad, VRS_BAD_IP_CSUM);
	assert_int_equal(lab_parse(&f, VRS_FRAME_L4_BAD, &in), VRS_FRAME_BAD);
	assert_int_equal(in.bad, VRS_BAD_L4_CSUM);
}

static const char *const whole[] = {LAB_TCP4_SYN, LAB_TCP4_SACK, LAB_TCP6, LAB_TCP4_MD5,
	LAB_TCP6_MD5, LAB_NS, LAB_NA, LAB_ARP_REQUEST, LAB_ARP_REPLY, LAB_FRAG_NEEDED, LAB_TOO_BIG,
	LAB_ECHO4};

static void every_frame_that_is_cut_is_short(void **)
{
	for (unsigned i = 0; i < VRS_N_ELEMS(whole); i++) {
		for (struct lab_frame f = lab_hex(whole[i]); f.size-- > 0;) {
			struct vrs_frame_info in;

			assert_int_equal(lab_parse(&f, 0, &in), VRS_FRAME_BAD);
			assert_int_equal(in.bad, VRS_BAD_SHORT);
			assert_int_equal(lab_parse(&f, ALL_GOOD, &in), VRS_FRAME_BAD);
			assert_int_equal(in.bad, VRS_BAD_SHORT);
		}
	}
}

/* IPv6 has no checksum of its own: version, traffic class, flow label and hop limit are not covered,
 * but the first and what is next. */
static bool covered(const struct lab_frame *f, unsigned bit)
{
	unsigned at = bit / 8;

	if (f->data[14] >> 4 == 4)
		return true;
	return at > 17 && at != 21;
}

static void every_flipped_bit_is_noticed_or_not_covered(void **)
{
	for (unsigned i = 0; i < 7; i++) {
		struct lab_frame f = lab_hex(whole[i]);
		struct vrs_frame_info in;

		for (unsigned bit = 14 * 8; bit < f.size * 8; bit++) {
			f.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
			enum vrs_frame_kind kind = lab_parse(&f, 0, &in);
			/* What is no TCP any more is nothing to us. */
			if (kind != VRS_FRAME_BAD && kind != VRS_FRAME_OTHER && covered(&f, bit))
				fail_msg("frame %u: bit %u.%u", i, bit / 8, bit % 8);
			f.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
		}
	}
}

static void a_digest_is_that_of_an_independent_program(void **)
{
	static const char *const signed_frames[] = {LAB_TCP4_MD5, LAB_TCP6_MD5};

	for (unsigned i = 0; i < 2; i++) {
		struct lab_frame f = lab_hex(signed_frames[i]);
		struct vrs_frame_info in;

		assert_int_equal(lab_parse(&f, 0, &in), VRS_FRAME_TCP);
		assert_non_null(in.md5);
		assert_true(vrs_frame_md5_good(&in, "secret"));
		assert_false(vrs_frame_md5_good(&in, "secrets"));
		assert_false(vrs_frame_md5_good(&in, ""));
		f.data[f.size - 1] ^= 1;
		assert_false(vrs_frame_md5_good(&in, "secret"));
	}
}

static void no_digest_is_no_good_one(void **)
{
	struct lab_frame f = lab_hex(LAB_TCP4_SACK);
	struct vrs_frame_info in;

	assert_int_equal(lab_parse(&f, 0, &in), VRS_FRAME_TCP);
	assert_false(vrs_frame_md5_good(&in, ""));
}

static void assert_built(const struct vrs_wire_tx *tx, const char *hex)
{
	struct lab_frame is = lab_flat(tx), should = lab_hex(hex);

	assert_int_equal(is.size, should.size);
	assert_memory_equal(is.data, should.data, is.size);
}

static const struct vrs_frame_link link_1_to_2 = {{2, 0, 0, 0, 0, 1}, {2, 0, 0, 0, 0, 2}, 0};

static void arp_and_neighbour_discovery_are_built_as_written(void **)
{
	static const struct vrs_frame_link to_all = {
		{2, 0, 0, 0, 0, 1}, {0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, 0};
	struct vrs_addr a = lab_addr("192.0.2.1"), b = lab_addr("192.0.2.2");
	struct vrs_addr a6 = lab_addr("2001:db8::1"), b6 = lab_addr("2001:db8::2");
	struct vrs_wire_tx tx;

	vrs_frame_build_arp(&tx, &to_all, true, &a, &b, (const uint8_t[6]){0});
	assert_built(&tx, LAB_ARP_REQUEST);
	vrs_frame_build_arp(&tx, &link_1_to_2, false, &a, &b, mac_2);
	assert_built(&tx, LAB_ARP_REPLY);
	vrs_frame_build_ns(&tx, &link_1_to_2, &a6, &b6, false);
	assert_built(&tx, LAB_NS);
	vrs_frame_build_na(&tx, &link_1_to_2, &a6, &b6, true);
	assert_built(&tx, LAB_NA);
}

static void solicitations_of_one_node_and_advertisements_to_all_are_sound(void **)
{
	struct vrs_addr a = lab_addr("2001:db8::1"), b = lab_addr("2001:db8::2");
	struct vrs_addr all = lab_addr("ff02::1"), none = {.afi = VRS_AFI_IP6};
	struct vrs_frame_info in;
	struct vrs_wire_tx tx;
	struct lab_frame f;

	vrs_frame_build_ns(&tx, &link_1_to_2, &a, &b, true);
	f = lab_flat(&tx);
	assert_int_equal(lab_parse(&f, 0, &in), VRS_FRAME_ND);
	assert_memory_equal(in.dst_mac, mac_2, 6);
	lab_assert_addr(&in.dst, "2001:db8::2");
	vrs_frame_build_na(&tx, &link_1_to_2, &a, &all, true);
	f = lab_flat(&tx);
	assert_int_equal(lab_parse(&f, 0, &in), VRS_FRAME_ND);
	assert_memory_equal(in.dst_mac, "\x33\x33\0\0\0\1", 6);
	assert_false(in.solicited);
	assert_true(in.override);
	/* RFC 4862 5.4.2: duplicate address detection. */
	vrs_frame_build_ns(&tx, &link_1_to_2, &none, &b, false);
	f = lab_flat(&tx);
	assert_int_equal(lab_parse(&f, 0, &in), VRS_FRAME_ND);
	assert_false(in.has_mac);
}

static void an_echo_is_answered_with_its_data(void **)
{
	static const struct vrs_frame_link back = {{2, 0, 0, 0, 0, 2}, {2, 0, 0, 0, 0, 1}, 5};

	for (unsigned size = 0; size < 1400; size = size * 2 + 1) {
		struct lab_frame f = lab_hex(LAB_ECHO4), reply;
		struct vrs_frame_info in, out;
		struct vrs_wire_tx tx;

		f.size = 42 + size;
		for (unsigned i = 0; i < size; i++)
			f.data[42 + i] = (uint8_t)(i * 7);
		vrs_put_u16(f.data + 16, (uint16_t)(28 + size));
		assert_int_equal(lab_parse(&f, ALL_GOOD, &in), VRS_FRAME_ECHO);
		assert_true(vrs_frame_build_echo(&tx, &back, &in, &in.dst));
		reply = lab_flat(&tx);
		if (tx.n_pieces == 1)
			vrs_chunk_put(tx.pieces[0].chunk);
		/* Type 0 is not for us to understand, but its checksum has been looked at by then. */
		assert_int_equal(lab_parse(&reply, 0, &out), VRS_FRAME_OTHER);
		assert_int_equal(out.icmp_type, 0);
		assert_int_equal(out.vlan, 5);
		lab_assert_addr(&out.dst, "192.0.2.1");
		assert_int_equal(reply.size, 4 + f.size);
		assert_memory_equal(reply.data + 42, f.data + 38, size + 4);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_syn_is_read_with_all_its_options),
		cmocka_unit_test(data_and_sack_blocks_are_read),
		cmocka_unit_test(ip6_is_read_alike),
		cmocka_unit_test(arp_is_read),
		cmocka_unit_test(neighbour_discovery_is_read),
		cmocka_unit_test(an_error_says_which_segment_it_is_about),
		cmocka_unit_test(every_rule_has_its_verdict),
		cmocka_unit_test(every_extension_has_its_verdict),
		cmocka_unit_test(options_of_a_syn_count_in_a_syn_only),
		cmocka_unit_test(a_window_scale_over_14_is_14),
		cmocka_unit_test(padding_of_a_short_frame_is_no_data),
		cmocka_unit_test(a_tag_is_read_from_the_frame_or_the_port),
		cmocka_unit_test(checksums_are_looked_at_unless_the_port_has),
		cmocka_unit_test(every_frame_that_is_cut_is_short),
		cmocka_unit_test(every_flipped_bit_is_noticed_or_not_covered),
		cmocka_unit_test(a_digest_is_that_of_an_independent_program),
		cmocka_unit_test(no_digest_is_no_good_one),
		cmocka_unit_test(arp_and_neighbour_discovery_are_built_as_written),
		cmocka_unit_test(solicitations_of_one_node_and_advertisements_to_all_are_sound),
		cmocka_unit_test(an_echo_is_answered_with_its_data),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
