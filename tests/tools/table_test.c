/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

/*
 * The command's options and figures; the command itself is e2e/vrslab_table_test.py's.
 */

#include "tools/vrslab/table.h"

#include <getopt.h>
#include <stdlib.h>

#include "tests/test.h"

/* Parse words that are separated by spaces. @return As the parser. */
static int parse(struct vrs_table_options *o, const char *line)
{
	static char words[512];
	char *argv[32] = {"table"}, *save = NULL;
	int argc = 1;

	(void)snprintf(words, sizeof(words), "%s", line);
	for (char *w = strtok_r(words, " ", &save); w != NULL; w = strtok_r(NULL, " ", &save))
		argv[argc++] = w;
	optind = 0;
	return vrs_table_options_parse(o, argc, argv);
}

static void tables_of_up_to_five_million_prefixes_are_accepted(void **)
{
	struct vrs_table_options o;

	assert_int_equal(parse(&o, "--prefixes 5M --ipv6 5000000"), 0);
	assert_int_equal(o.source.n_ip4, 5000000);
	assert_int_equal(o.source.n_ip6, 5000000);
	assert_int_equal(o.asn, 65001);
	assert_int_equal(parse(&o, "--prefixes 5000001"), 2);
	assert_int_equal(parse(&o, "--ipv6 6M"), 2);
	assert_int_equal(parse(&o, "--prefixes -1"), 2);
	assert_int_equal(parse(&o, "--seed 18446744073709551615 --ipv6 1"), 0);
	assert_true(o.source.seed == UINT64_MAX);
}

static void options_that_contradict_are_refused(void **)
{
	static const char *const wrong[] = {"", "--prefixes 0", "--mrt f --prefixes 1",
		"--prefixes 1 --mrt-peer all", "--prefixes 1 --strict",
		"--prefixes 1 --skip 10.0.0.0/8", "--mrt f --prepend 1",
		"--mrt f --mrt-peer all --messages-out m",
		"--prefixes 1 --mrt-out - --messages-out -", "--prefixes 1 --asn 0",
		"--prefixes 1 --asn 4294967295", "--prefixes 1 --next-hop x",
		"--prefixes 1 --prepend 101", "--prefixes 1 --time 4294967296",
		"--prefixes 1 more"};
	struct vrs_table_options o;

	for (size_t i = 0; i < VRS_N_ELEMS(wrong); i++)
		assert_int_equal(parse(&o, wrong[i]), 2);
	assert_int_equal(parse(&o, "--mrt f --mrt-peer all --asn 7 --prepend 2 --mrt-out m"), 0);
	assert_true(o.source.mrt_all);
	assert_int_equal(o.source.skips[0].len, 8);
}

static void who_writes_is_the_file_s_peer_or_ourselves(void **)
{
	struct vrs_mrt_table tables[2] = {
		{.peer = {vrs_addr_ip4(1), 7}}, {.peer = {vrs_addr_ip4(2), 8}}};
	struct vrs_source s = {.mrt = {.tables = tables, .n_tables = 2}};
	struct vrs_mrt_write_peer p[2];
	struct vrs_table_options o;
	char a[VRS_ADDR_STRLEN];

	assert_int_equal(parse(&o, "--mrt f --mrt-peer all"), 0);
	assert_int_equal(vrs_table_peers(&o, &s, p), 2);
	assert_int_equal(p[1].peer.asn, 8);
	assert_true(vrs_addr_equal(&p[1].peer.addr, &tables[1].peer.addr));
	assert_int_equal(p[1].policy[0].asn, 0);
	assert_int_equal(p[1].policy[0].next_hop.afi, VRS_AFI_NONE);

	assert_int_equal(parse(&o, "--mrt f --mrt-peer all --asn 9 --next-hop 10.0.1.255"), 0);
	assert_int_equal(vrs_table_peers(&o, &s, p), 2);
	assert_string_equal(vrs_addr_str(&p[0].policy[0].next_hop, a), "10.0.1.255");
	assert_string_equal(vrs_addr_str(&p[1].policy[0].next_hop, a), "10.0.2.0");
	assert_string_equal(vrs_addr_str(&p[1].policy[1].next_hop, a), "fd00::5");
	/* No IPv4 route: known by its IPv6 address. */
	assert_string_equal(vrs_addr_str(&p[1].peer.addr, a), "fd00::5");
	assert_int_equal(p[1].peer.asn, 9);

	assert_int_equal(parse(&o, "--ipv6 1"), 0);
	assert_int_equal(vrs_table_peers(&o, &s, p), 1);
	assert_int_equal(p[0].peer.asn, 65001);
	assert_int_equal(p[0].policy[0].asn, 65001);
}

static void add(struct vrs_routes *r, const char *text, uint32_t set)
{
	struct vrs_prefix p;

	assert_int_equal(vrs_prefix_parse(&p, text), 0);
	assert_int_equal(vrs_routes_add(r, &p, set), 0);
}

static void figures_are_those_of_one_family(void **)
{
	/* AS paths of 1, 3 and no AS. */
	static const uint8_t one[] = "\x40\x02\x06\x02\x01\0\0\0\x01", none[] = "\x40\x02\0",
			     three[] = "\x40\x02\x0e\x02\x03\0\0\0\x01\0\0\0\x02\0\0\0\x03";
	struct vrs_routes r = {0};
	struct vrs_table_stats s;
	uint32_t a, b, c;

	assert_int_equal(vrs_routes_add_set(&r, one, sizeof(one) - 1, &a), 0);
	assert_int_equal(vrs_routes_add_set(&r, three, sizeof(three) - 1, &b), 0);
	assert_int_equal(vrs_routes_add_set(&r, none, sizeof(none) - 1, &c), 0);
	add(&r, "1.2.3.0/24", a);
	add(&r, "1.2.4.0/24", a);
	add(&r, "1.3.0.0/16", b);
	add(&r, "1.4.0.0/16", VRS_ROUTES_NO_SET);
	add(&r, "2001:db8::/32", c);
	assert_int_equal(vrs_table_stats_of(&r, VRS_AFI_IP4, &s), 0);
	assert_int_equal(s.n_prefixes, 3);
	assert_int_equal(s.n_sets, 2);
	assert_int_equal(s.set_bytes, 9 + 17);
	assert_int_equal(s.max_set_bytes, 17);
	assert_int_equal(s.path_hops, 1 + 1 + 3);
	assert_int_equal(s.max_path_len, 3);
	assert_int_equal(s.lens[24], 2);
	assert_int_equal(s.lens[16], 1);
	assert_int_equal(s.n_slash16, 2);
	assert_int_equal(vrs_table_stats_of(&r, VRS_AFI_IP6, &s), 0);
	assert_int_equal(s.n_prefixes, 1);
	assert_int_equal(s.n_sets, 1);
	assert_int_equal(s.path_hops, 0);
	assert_int_equal(s.n_slash16, 0);
	vrs_routes_fini(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tables_of_up_to_five_million_prefixes_are_accepted),
		cmocka_unit_test(options_that_contradict_are_refused),
		cmocka_unit_test(who_writes_is_the_file_s_peer_or_ourselves),
		cmocka_unit_test(figures_are_those_of_one_family),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
