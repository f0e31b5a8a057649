/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#include "io/dpdk/neigh.h"

#include "tests/io/neigh_lab.h"
#include "tests/random.h"
#include "tests/test.h"

static void routes_are_by_prefix_then_gateway(void **)
{
	static const struct {
		const char *remote;
		enum vrs_neigh_route route;
		const char *hop;
	} rows[] = {
		{"192.0.2.1", VRS_NEIGH_LINK, "192.0.2.1"},
		{"10.0.0.2", VRS_NEIGH_LINK, "10.0.0.2"},
		{"10.0.0.5", VRS_NEIGH_GATEWAY, "192.0.2.254"},
		{"192.0.2.254", VRS_NEIGH_LINK, "192.0.2.254"},
		{"2001:db8::1", VRS_NEIGH_LINK, "2001:db8::1"},
		{"2001:db8:1::1", VRS_NEIGH_GATEWAY, "fe80::1"},
		{"fe80::77", VRS_NEIGH_LINK, "fe80::77"},
		{"192.0.2.2", VRS_NEIGH_NOWHERE, NULL},
		{"192.0.2.0", VRS_NEIGH_NOWHERE, NULL},
		{"192.0.2.255", VRS_NEIGH_NOWHERE, NULL},
		{"10.0.0.3", VRS_NEIGH_NOWHERE, NULL},
		{"255.255.255.255", VRS_NEIGH_NOWHERE, NULL},
		{"224.0.0.1", VRS_NEIGH_NOWHERE, NULL},
		{"127.0.0.1", VRS_NEIGH_NOWHERE, NULL},
		{"0.0.0.0", VRS_NEIGH_NOWHERE, NULL},
		{"ff02::1", VRS_NEIGH_NOWHERE, NULL},
		{"::", VRS_NEIGH_NOWHERE, NULL},
	};
	struct lab l;

	lab_init(&l);
	for (unsigned i = 0; i < VRS_N_ELEMS(rows); i++) {
		struct vrs_addr remote = lab_addr(rows[i].remote), hop;

		if (vrs_neigh_route(l.n, &remote, &hop) != rows[i].route)
			fail_msg("%s", rows[i].remote);
		if (rows[i].hop != NULL)
			lab_assert_addr(&hop, rows[i].hop);
		assert_int_equal(vrs_neigh_reachable(l.n, &remote), rows[i].hop != NULL);
	}
	lab_fini(&l);
}

static void without_a_gateway_the_rest_is_nowhere(void **)
{
	struct vrs_addr remote = lab_addr("198.51.100.1"), remote6 = lab_addr("2001:db8:1::1");
	struct lab l;

	lab_init(&l);
	vrs_neigh_free(l.n);
	l.port.gateways[0] = l.port.gateways[1] = (struct vrs_addr){0};
	l.n = vrs_neigh_new(&(struct vrs_neigh_config){.wire = l.wire, .port = &l.port}, l.now_us);
	assert_non_null(l.n);
	assert_false(vrs_neigh_reachable(l.n, &remote));
	assert_false(vrs_neigh_reachable(l.n, &remote6));
	assert_at(&l, "198.51.100.1", NULL);
	assert_int_equal(n_sent(&l), 0);
	lab_fini(&l);
}

static void who_answers_is_known(void **)
{
	struct lab l;

	lab_init(&l);
	meet(&l, "192.0.2.1");
	meet(&l, "2001:db8::1");
	assert_int_equal(n_sent(&l), 0);
	assert_int_equal(stat_of(&l).learnt, 2);
	assert_int_equal(stat_of(&l).entries, 2);
	lab_fini(&l);
}

static void a_request_has_the_source_that_is_on_its_link(void **)
{
	static const char *const rows[][2] = {{"192.0.2.1", "192.0.2.2"}, {"10.0.0.2", "10.0.0.1"},
		{"2001:db8::1", "2001:db8::2"}, {"fe80::5", "fe80::2"}};
	struct lab l;

	lab_init(&l);
	for (unsigned i = 0; i < VRS_N_ELEMS(rows); i++) {
		struct vrs_frame_info in;

		assert_at(&l, rows[i][0], NULL);
		assert_true(sent(&l, &in));
		lab_assert_addr(&in.src, rows[i][1]);
	}
	lab_fini(&l);
}

static void who_does_not_answer_is_asked_three_times_and_then_once_a_second_at_most(void **)
{
	static const char *const whom[] = {"192.0.2.1", "2001:db8::1"};

	for (unsigned i = 0; i < 2; i++) {
		struct lab l;

		lab_init(&l);
		assert_at(&l, whom[i], NULL);
		for (unsigned k = 0; k < 3; k++) {
			assert_request(&l, whom[i], NULL);
			assert_int_equal(vrs_neigh_next(l.n), l.now_us + SECOND);
			for (unsigned j = 0; j < 10; j++)
				assert_at(&l, whom[i], NULL);
			assert_int_equal(n_sent(&l), 0);
			pass(&l, SECOND);
		}
		assert_int_equal(n_sent(&l), 0);
		assert_int_equal(stat_of(&l).failed, 1);
		pass(&l, 20 * SECOND);
		assert_int_equal(n_sent(&l), 0);
		/* Wanted again, it is asked again. */
		for (unsigned ms = 0; ms < 10000; ms += 10) {
			assert_at(&l, whom[i], NULL);
			pass(&l, 10000);
		}
		assert_in_range(n_sent(&l), 9, 11);
		answer(&l, whom[i], peer_mac);
		assert_at(&l, whom[i], peer_mac);
		lab_fini(&l);
	}
}

static void the_newest_frame_waits_for_the_answer(void **)
{
	struct vrs_chunk *c = chunk_abcd();
	struct lab l;

	lab_init(&l);
	assert_at(&l, "192.0.2.1", NULL);
	pend(&l, "192.0.2.1", c, 1);
	pend(&l, "192.0.2.1", c, 2);
	assert_int_equal(atomic_load(&c->refs), 3);
	assert_request(&l, "192.0.2.1", NULL);
	assert_int_equal(n_sent(&l), 0);
	answer(&l, "192.0.2.1", peer_mac);
	assert_pending_came(&l, peer_mac, 2);
	assert_int_equal(n_sent(&l), 0);
	assert_int_equal(atomic_load(&c->refs), 1);
	assert_int_equal(stat_of(&l).pended, 2);
	assert_int_equal(stat_of(&l).dropped, 1);
	/* Known by now: it leaves at once. */
	pend(&l, "192.0.2.1", c, 3);
	assert_pending_came(&l, peer_mac, 3);
	assert_int_equal(atomic_load(&c->refs), 1);
	vrs_chunk_put(c);
	lab_fini(&l);
}

static void a_frame_that_waits_in_vain_is_dropped(void **)
{
	struct vrs_chunk *c = chunk_abcd();
	struct lab l;

	lab_init(&l);
	pend(&l, "192.0.2.1", c, 1);
	pass(&l, 3 * SECOND);
	assert_int_equal(atomic_load(&c->refs), 1);
	assert_int_equal(stat_of(&l).dropped, 1);
	pend(&l, "192.0.2.3", c, 1);
	pend(&l, "198.51.100.1", c, 1);
	pend(&l, "224.0.0.1", c, 1);
	assert_int_equal(stat_of(&l).dropped, 2);
	lab_fini(&l);
	assert_int_equal(atomic_load(&c->refs), 1);
	vrs_chunk_put(c);
}

static void our_addresses_are_answered_for(void **)
{
	static const char *const ours[] = {"192.0.2.2", "10.0.0.1", "2001:db8::2", "fe80::2"};
	struct lab l;

	lab_init(&l);
	for (unsigned i = 0; i < 4; i++) {
		const char *who = strchr(ours[i], ':') != NULL ? "2001:db8::1" : "192.0.2.1";
		struct vrs_frame_info in;

		request(&l, who, peer_mac, ours[i]);
		assert_true(sent(&l, &in));
		assert_memory_equal(in.dst_mac, peer_mac, 6);
		assert_memory_equal(in.src_mac, l.wire->mac, 6);
		assert_memory_equal(in.mac, l.wire->mac, 6);
		lab_assert_addr(&in.dst, who);
		assert_false(in.is_request);
		assert_true(in.solicited && in.override);
		lab_assert_addr(in.kind == VRS_FRAME_ARP ? &in.src : &in.target, ours[i]);
	}
	request(&l, "192.0.2.1", peer_mac, "192.0.2.77");
	request(&l, "2001:db8::1", peer_mac, "2001:db8::77");
	assert_int_equal(n_sent(&l), 0);
	assert_int_equal(stat_of(&l).answers, 4);
	assert_int_equal(stat_of(&l).entries, 0);
	lab_fini(&l);
}

static void who_probes_for_our_address_is_told(void **)
{
	struct vrs_addr nobody = {.afi = VRS_AFI_IP4}, nobody6 = {.afi = VRS_AFI_IP6};
	struct vrs_addr ours = lab_addr("192.0.2.2"), ours6 = lab_addr("2001:db8::2");
	struct vrs_frame_link link;
	struct vrs_frame_info in;
	struct vrs_wire_tx tx;
	struct lab l;

	lab_init(&l);
	link = from(&l, other_mac);
	/* RFC 5227 2.1.1. */
	vrs_frame_build_arp(&tx, &link, true, &nobody, &ours, (const uint8_t[6]){0});
	hear(&l, &tx);
	assert_true(sent(&l, &in));
	assert_memory_equal(in.dst_mac, other_mac, 6);
	lab_assert_addr(&in.src, "192.0.2.2");
	/* RFC 4862 5.4.3, RFC 4861 7.2.4: to all nodes. */
	vrs_frame_build_ns(&tx, &link, &nobody6, &ours6, false);
	hear(&l, &tx);
	assert_true(sent(&l, &in));
	lab_assert_addr(&in.dst, "ff02::1");
	lab_assert_addr(&in.target, "2001:db8::2");
	assert_false(in.solicited);
	assert_int_equal(l.n_conflicts, 0);
	lab_fini(&l);
}

/* Nobody asks for it, to all. */
static void assert_probe(struct lab *l, const char *ours)
{
	struct vrs_frame_info in;

	assert_true(sent(l, &in));
	assert_true(in.is_request);
	lab_assert_addr(&in.target, ours);
	lab_assert_addr(&in.src, in.kind == VRS_FRAME_ARP ? "0.0.0.0" : "::");
	assert_int_equal(in.has_mac, in.kind == VRS_FRAME_ARP);
	assert_memory_equal(in.src_mac, l->wire->mac, 6);
	if (in.kind == VRS_FRAME_ARP) {
		assert_int_equal(in.dst_mac[0], 0xff);
		return;
	}
	uint8_t group[6] = {0x33, 0x33, 0xff};
	memcpy(group + 3, in.target.bytes + 13, 3);
	assert_memory_equal(in.dst_mac, group, 6);
	assert_int_equal(in.dst.bytes[0], 0xff);
	/* Come back to us, it is not answered. */
	vrs_neigh_input(l->n, &in, l->now_us);
}

static void our_addresses_are_announced_twice_and_probed_for_three_times(void **)
{
	static const char *const ours[] = {"192.0.2.2", "10.0.0.1", "2001:db8::2", "fe80::2"};
	struct lab l;

	lab_init_as(&l, true, 0);
	for (unsigned k = 0; k < 3; k++) {
		uint64_t start = l.now_us;

		assert_int_equal(vrs_neigh_next(l.n), start);
		vrs_neigh_advance(l.n, l.now_us);
		for (unsigned i = 0; i < 4; i++) {
			struct vrs_frame_info in;

			assert_probe(&l, ours[i]);
			if (k == 2)
				continue;
			assert_true(sent(&l, &in));
			lab_assert_addr(&in.target, ours[i]);
			lab_assert_addr(&in.src, ours[i]);
			assert_memory_equal(in.mac, l.wire->mac, 6);
			assert_int_equal(in.dst_mac[0] & 1, 1);
			assert_int_equal(in.is_request, in.kind == VRS_FRAME_ARP);
			if (in.kind == VRS_FRAME_ND)
				assert_true(in.override && !in.solicited);
		}
		assert_int_equal(n_sent(&l), 0);
		l.now_us += SECOND;
	}
	assert_int_equal(vrs_neigh_next(l.n), UINT64_MAX);
	assert_int_equal(stat_of(&l).announced, 8);
	assert_int_equal(stat_of(&l).probed, 12);
	assert_int_equal(stat_of(&l).conflicts, 0);
	lab_fini(&l);
}

static void who_has_our_address_already_is_found_at_the_start(void **)
{
	static const char *const ours[] = {"192.0.2.2", "2001:db8::2"};
	struct lab l;

	lab_init_as(&l, true, 0);
	vrs_neigh_advance(l.n, l.now_us);
	(void)n_sent(&l);
	/* What a probe is answered with. */
	answer_to(&l, ours[0], other_mac, "0.0.0.0");
	lab_assert_addr(&l.conflict, ours[0]);
	answer_to(&l, ours[1], other_mac, "ff02::1");
	lab_assert_addr(&l.conflict, ours[1]);
	assert_int_equal(l.n_conflicts, 2);
	/* We are not impressed. */
	assert_int_equal(n_sent(&l), 2);
	request(&l, "192.0.2.1", peer_mac, ours[0]);
	assert_int_equal(n_sent(&l), 1);
	lab_fini(&l);
}

static void another_vlan_is_another_link(void **)
{
	struct vrs_frame_info in;
	struct lab l;

	lab_init_as(&l, false, 7);
	assert_at(&l, "192.0.2.1", NULL);
	assert_true(sent(&l, &in));
	assert_int_equal(in.vlan, 7);
	l.port.vlan = 0;
	answer(&l, "192.0.2.1", peer_mac);
	request(&l, "192.0.2.9", peer_mac, "192.0.2.2");
	request(&l, "192.0.2.2", other_mac, "192.0.2.2");
	assert_at(&l, "192.0.2.1", NULL);
	assert_int_equal(n_sent(&l), 0);
	struct lab_frame f = lab_hex(LAB_ARP_REPLY);
	lab_edit(&f, "6:020000000010 22:020000000010");
	assert_int_equal(lab_parse(&f, 0, &in), VRS_FRAME_ARP);
	vrs_neigh_learn(l.n, &in, l.now_us);
	assert_at(&l, "192.0.2.1", NULL);
	l.port.vlan = 7;
	answer(&l, "192.0.2.1", peer_mac);
	assert_at(&l, "192.0.2.1", peer_mac);
	lab_fini(&l);
}

static void a_table_is_bounded_and_the_unused_make_room(void **)
{
	struct vrs_addr a = lab_addr("2001:db8::1:0:0");
	uint8_t mac[6];
	struct lab l;

	lab_init(&l);
	for (unsigned i = 0; i < VRS_NEIGH_MAX + 100; i++) {
		vrs_put_u32(a.bytes + 8, i);
		assert_false(vrs_neigh_resolve(l.n, &a, mac, l.now_us));
		(void)n_sent(&l);
	}
	assert_int_equal(stat_of(&l).entries, VRS_NEIGH_MAX);
	assert_int_equal(stat_of(&l).full, 100);
	for (unsigned s = 0; s < 3; s++) {
		pass(&l, SECOND);
		(void)n_sent(&l);
	}
	/* All have failed: any may go. */
	assert_false(vrs_neigh_resolve(l.n, &a, mac, l.now_us));
	assert_int_equal(stat_of(&l).entries, VRS_NEIGH_MAX);
	assert_int_equal(stat_of(&l).full, 100);
	pass(&l, 610ull * SECOND);
	assert_int_equal(stat_of(&l).entries, 0);
	assert_int_equal(vrs_neigh_next(l.n), UINT64_MAX);
	lab_fini(&l);
}

/* Whatever comes in whatever order, what must hold holds. */
static void a_random_script_keeps_its_promises(void **)
{
	static const char *const whom[] = {"192.0.2.1", "192.0.2.3", "198.51.100.1", "2001:db8::1",
		"2001:db8::3", "192.0.2.2", "2001:db8::2"};
	struct rng r = {rng_seed("neigh")};
	int64_t used = vrs_mem_used(VRS_MEM_QUEUE);

	for (unsigned round = 0; round < 50; round++) {
		struct vrs_chunk *c = chunk_abcd();
		struct lab l;

		lab_init_as(&l, rng_below(&r, 2) == 0, 0);
		for (unsigned step = 0; step < 1000; step++) {
			const char *who = whom[rng_below(&r, VRS_N_ELEMS(whom))];
			const uint8_t *mac = rng_below(&r, 4) == 0 ? other_mac : peer_mac;
			uint8_t got[6];

			switch (rng_below(&r, 8)) {
			case 0:
				if (resolve(&l, who, got))
					assert_true(memcmp(got, peer_mac, 5) == 0);
				break;
			case 1:
				pend(&l, who, c, 0);
				break;
			case 2:
				if (strcmp(who, "192.0.2.2") != 0 &&
					strcmp(who, "2001:db8::2") != 0)
					answer(&l, who, mac);
				break;
			case 3:
				if (strcmp(who, "192.0.2.2") != 0 &&
					strcmp(who, "2001:db8::2") != 0)
					request(&l, who, mac,
						strchr(who, ':') != NULL ? "2001:db8::2"
									 : "192.0.2.2");
				break;
			case 4:
				confirm(&l, who);
				break;
			case 5:
				suspect(&l, who);
				break;
			default:
				pass(&l, rng_below(&r, 3 * SECOND));
				break;
			}
			(void)n_sent(&l);
			assert_true(stat_of(&l).entries <= 5);
			assert_in_range(atomic_load(&c->refs), 1, 1 + 2 * 5);
		}
		/* Silence: all that waits is gone in the end. */
		for (unsigned s = 0; s < 700; s++) {
			pass(&l, SECOND);
			(void)n_sent(&l);
		}
		assert_int_equal(atomic_load(&c->refs), 1);
		assert_int_equal(stat_of(&l).entries, 0);
		lab_fini(&l);
		vrs_chunk_put(c);
	}
	assert_int_equal(vrs_mem_used(VRS_MEM_QUEUE), used);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(routes_are_by_prefix_then_gateway),
		cmocka_unit_test(without_a_gateway_the_rest_is_nowhere),
		cmocka_unit_test(who_answers_is_known),
		cmocka_unit_test(a_request_has_the_source_that_is_on_its_link),
		cmocka_unit_test(
			who_does_not_answer_is_asked_three_times_and_then_once_a_second_at_most),
		cmocka_unit_test(the_newest_frame_waits_for_the_answer),
		cmocka_unit_test(a_frame_that_waits_in_vain_is_dropped),
		cmocka_unit_test(our_addresses_are_answered_for),
		cmocka_unit_test(who_probes_for_our_address_is_told),
		cmocka_unit_test(our_addresses_are_announced_twice_and_probed_for_three_times),
		cmocka_unit_test(who_has_our_address_already_is_found_at_the_start),
		cmocka_unit_test(another_vlan_is_another_link),
		cmocka_unit_test(a_table_is_bounded_and_the_unused_make_room),
		cmocka_unit_test(a_random_script_keeps_its_promises),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
