/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

/*
 * Update groups: a table, propagation without a thread, and peers whose outboxes are emptied here.
 * What each peer has heard is kept, so that it can be compared with what it must have. tests/sim
 * runs the same with everything around it; here is what it cannot see: what is shared, who waits.
 */

#include "engine/export.h"

#include <stdlib.h>
#include <string.h>

#include "engine/propagate.h"
#include "io/bgp/message.h"
#include "io/bgp/open.h"
#include "io/bgp/update.h"
#include "rib/base/thread.h"
#include "tests/outbox.h"
#include "tests/test.h"

enum { N_PEERS = 4, N_PREFIXES = 4096, OWN_AS = 65515, MAX_TURNS = 200000 };

struct peer {
	struct vrs_export *export;
	int slot;
	uint16_t heard[N_PREFIXES]; /* First AS behind ours of the route held; 0 = none. */
	size_t n_messages, n_withdrawn, n_eor;
};

struct lab {
	struct vrs_reclaim *reclaim;
	struct vrs_table *table;
	struct vrs_propagation propagation;
	struct vrs_rib *rib;
	struct peer peers[N_PEERS];
};

static void no_wake(void *ctx, uint64_t which)
{
}

static int setup(void **state)
{
	static struct lab l;
	struct vrs_table_config config = {VRS_PREFERENCE_EXPRESSROUTE, false};

	l = (struct lab){0};
	vrs_thread_register_rcu();
	l.reclaim = vrs_reclaim_new(VRS_RECLAIM_CALLER);
	l.table = vrs_table_new(l.reclaim, &config);
	assert_non_null(l.table);
	assert_int_equal(
		vrs_propagation_init(&l.propagation, VRS_RECLAIM_CALLER, no_wake, NULL), 0);
	l.rib = vrs_rib_new(&l.propagation, l.table);
	assert_non_null(l.rib);
	vrs_propagation_add(&l.propagation, l.rib);
	for (unsigned i = 0; i < N_PEERS; i++) {
		struct vrs_path_source s = {.addr = vrs_addr_ip4(0x0a000104u + i),
			.router_id = 100 + i,
			.connection = (uint16_t)i,
			.ebgp = true};
		l.peers[i].slot = vrs_table_peer_add(l.table, &s);
		assert_true(l.peers[i].slot >= 0);
	}
	*state = &l;
	return 0;
}

static void hear(struct peer *p, const struct vrs_bgp_nlri *nlri, uint16_t as)
{
	struct vrs_reader r = vrs_reader_span(nlri->span);
	struct vrs_prefix prefix;

	while (vrs_reader_left(&r) > 0) {
		int n = vrs_prefix_read(&prefix, nlri->afi, r.at, vrs_reader_left(&r));
		assert_true(n > 0);
		(void)vrs_read_bytes(&r, (size_t)n);
		/* Prefix i is 20.x.y.0/24. */
		unsigned i = (unsigned)prefix.addr[1] << 8 | prefix.addr[2];
		assert_in_range(i, 0, N_PREFIXES - 1);
		p->heard[i] = as;
		p->n_withdrawn += as == 0;
	}
}

static void take_message(void *ctx, const struct vrs_bgp_message *m)
{
	struct peer *p = ctx;
	struct vrs_bgp_update u;

	p->n_messages++;
	if (m->type != VRS_BGP_UPDATE)
		return;
	uint16_t as = outbox_update(m, VRS_BGP_IP4 | VRS_BGP_IP6, OWN_AS, &u);
	p->n_eor += u.eor != 0;
	hear(p, &u.withdrawn, 0);
	if (u.announced.n > 0)
		hear(p, &u.announced, as);
}

/* As the I/O thread: empty a peer's outbox. @return Whether there was anything. */
static bool take(struct peer *p)
{
	return outbox_take(&p->export->outbox, take_message, p);
}

static void turn(struct lab *l)
{
	(void)vrs_table_turn(l->table);
	vrs_reclaim_turn(l->reclaim);
	(void)vrs_propagation_turn(&l->propagation);
}

/* Until those of @p readers (a bit each) have heard everything. */
static void settle(struct lab *l, unsigned readers)
{
	unsigned quiet = 0;

	for (unsigned n = 0; n < MAX_TURNS && quiet < 4; n++) {
		bool any = false;
		turn(l);
		for (unsigned i = 0; i < N_PEERS; i++)
			if (l->peers[i].export != NULL && readers >> i & 1)
				any |= take(&l->peers[i]);
		quiet = any ? 0 : quiet + 1;
	}
	assert_int_equal(quiet, 4);
}

static void come_up(struct lab *l, unsigned i)
{
	struct vrs_export_peer peer = {.connection = (uint16_t)i,
		.as4 = true,
		.families = VRS_BGP_IP4 | VRS_BGP_IP6,
		.max_message = VRS_BGP_MAX_SIZE,
		.own_as = OWN_AS,
		.router_id = 1};

	l->peers[i].export = vrs_export_new(l->rib, &peer);
	assert_non_null(l->peers[i].export);
	vrs_propagation_submit(&l->propagation, l->peers[i].export);
}

static void go_down(struct lab *l, unsigned i)
{
	vrs_propagation_close(&l->propagation, l->peers[i].export);
	turn(l);
	struct vrs_export *x = vrs_propagation_take_dead(&l->propagation, 0);
	assert_ptr_equal(x, l->peers[i].export);
	vrs_export_free(x);
	l->peers[i].export = NULL;
}

static int teardown(void **state)
{
	struct lab *l = *state;

	for (unsigned i = 0; i < N_PEERS; i++)
		if (l->peers[i].export != NULL)
			go_down(l, i);
	vrs_propagation_remove(&l->propagation, l->rib);
	vrs_rib_free(l->rib);
	vrs_table_free(l->table);
	vrs_propagation_fini(&l->propagation);
	vrs_reclaim_free(l->reclaim);
	vrs_thread_unregister_rcu();
	return 0;
}

/* Peer @p i announces prefixes from @p first on, with AS @p as behind its own (path_len long). */
static void announce(
	struct lab *l, unsigned i, unsigned first, unsigned n, uint16_t as, uint8_t len)
{
	uint8_t set[] = {0x40, 1, 1, 0, 0x40, 2, 6, 2, 1, 0, 0, (uint8_t)(as >> 8), (uint8_t)as,
		0x40, 3, 4, 10, 0, 1, (uint8_t)(4 + i)};
	struct vrs_attrs_info info = {.next_hop = vrs_addr_ip4(0x0a000104u + i),
		.path_len = len,
		.local_pref = 100,
		.first_as = as};
	uint8_t nlri[4 * 512];
	uint32_t id;

	assert_in_range(n, 1, 512);
	for (unsigned k = 0; k < n; k++) {
		const uint8_t one[] = {24, 20, (uint8_t)((first + k) >> 8), (uint8_t)(first + k)};
		memcpy(nlri + k * 4, one, 4);
	}
	assert_int_equal(vrs_attrs_intern(l->table->attrs, set, sizeof(set), &info, &id), 0);
	vrs_table_announce(l->table, (uint16_t)l->peers[i].slot, VRS_AFI_IP4,
		(struct vrs_span){nlri, n * 4}, id, VRS_PATH_USABLE);
}

static void withdraw(struct lab *l, unsigned i, unsigned prefix)
{
	const uint8_t nlri[] = {24, 20, (uint8_t)(prefix >> 8), (uint8_t)prefix};

	vrs_table_withdraw(l->table, (uint16_t)l->peers[i].slot, VRS_AFI_IP4,
		(struct vrs_span){nlri, sizeof(nlri)});
}

static void test_peers_of_a_kind_get_the_same_bytes(void **state)
{
	struct lab *l = *state;

	for (unsigned i = 0; i < 3; i++)
		come_up(l, i);
	settle(l, 7);
	assert_int_equal(l->peers[1].n_eor, 2);
	announce(l, 0, 0, 100, 7, 1);
	turn(l);
	const struct vrs_piece *b = vrs_outbox_peek(&l->peers[1].export->outbox);
	const struct vrs_piece *c = vrs_outbox_peek(&l->peers[2].export->outbox);
	assert_non_null(b);
	assert_non_null(c);
	assert_ptr_equal(b->chunk, c->chunk);
	assert_null(vrs_outbox_peek(&l->peers[0].export->outbox));
	settle(l, 7);
	assert_int_equal(l->peers[1].heard[99], 7);
	assert_int_equal(l->peers[0].heard[99], 0);
	assert_int_equal(atomic_load(&l->peers[1].export->n_told), 100);
	assert_int_equal(atomic_load(&l->peers[0].export->n_told), 0);
}

static void test_who_becomes_the_source_hears_a_withdrawal(void **state)
{
	struct lab *l = *state;

	for (unsigned i = 0; i < 3; i++)
		come_up(l, i);
	announce(l, 0, 5, 1, 7, 2);
	settle(l, 7);
	assert_int_equal(l->peers[1].heard[5], 7);
	/* A shorter path from peer 1: it forgets 0's, 0 and 2 hear it. */
	announce(l, 1, 5, 1, 8, 1);
	settle(l, 7);
	assert_int_equal(l->peers[1].heard[5], 0);
	assert_int_equal(l->peers[1].n_withdrawn, 1);
	assert_int_equal(l->peers[0].heard[5], 8);
	assert_int_equal(l->peers[2].heard[5], 8);
	assert_int_equal(l->peers[2].n_withdrawn, 0);
	/* And back. */
	withdraw(l, 1, 5);
	settle(l, 7);
	assert_int_equal(l->peers[1].heard[5], 7);
	assert_int_equal(l->peers[0].heard[5], 0);
	assert_int_equal(l->peers[2].heard[5], 7);
	withdraw(l, 0, 5);
	settle(l, 7);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(l->peers[i].heard[5], 0);
		assert_int_equal(atomic_load(&l->peers[i].export->n_told), 0);
	}
}

static void test_a_peer_that_reads_nothing_delays_nobody(void **state)
{
	struct lab *l = *state;
	unsigned round = 0;

	for (unsigned i = 0; i < 3; i++)
		come_up(l, i);
	settle(l, 7);
	struct vrs_export_group *together = l->peers[2].export->group;
	assert_ptr_equal(l->peers[1].export->group, together);
	/* Peer 1's session takes no more: what is for it stays. Until it is on its own. */
	atomic_store(&l->peers[1].export->stuck_ms, 1);
	for (; round < 5000 && l->peers[1].export->group == together; round++) {
		announce(l, 0, round % 8 * 512, 512, (uint16_t)(1000 + round), 1);
		settle(l, 5);
		assert_int_equal(l->peers[2].heard[round % 8 * 512], 1000 + round);
	}
	assert_ptr_not_equal(l->peers[1].export->group, together);
	/* It costs bits, not a queue: however much changes now. */
	uint64_t waiting = vrs_outbox_bytes(&l->peers[1].export->outbox);
	for (unsigned end = round + 200; round < end; round++) {
		announce(l, 0, round % 8 * 512, 512, (uint16_t)(1000 + round), 1);
		settle(l, 5);
		assert_int_equal(l->peers[2].heard[round % 8 * 512], 1000 + round);
	}
	assert_true(vrs_outbox_bytes(&l->peers[1].export->outbox) < waiting + VRS_EXPORT_WINDOW);
	/* It reads again: it hears what is, and is one of the others again. */
	atomic_store(&l->peers[1].export->stuck_ms, 0);
	settle(l, 7);
	assert_memory_equal(l->peers[1].heard, l->peers[2].heard, sizeof(l->peers[1].heard));
	assert_ptr_equal(l->peers[1].export->group, l->peers[2].export->group);
}

static void test_a_refresh_is_told_to_one(void **state)
{
	struct lab *l = *state;

	for (unsigned i = 0; i < 3; i++)
		come_up(l, i);
	announce(l, 0, 0, 300, 7, 1);
	settle(l, 7);
	size_t others = l->peers[2].n_messages, own = l->peers[1].n_messages;
	memset(l->peers[1].heard, 0, sizeof(l->peers[1].heard));
	atomic_fetch_or(&l->peers[1].export->refresh, VRS_BGP_IP4);
	settle(l, 7);
	assert_int_equal(l->peers[2].n_messages, others);
	assert_true(l->peers[1].n_messages > own);
	assert_int_equal(l->peers[1].heard[299], 7);
	assert_ptr_equal(l->peers[1].export->group, l->peers[2].export->group);
}

static void test_a_peer_that_comes_later_hears_all_and_joins(void **state)
{
	struct lab *l = *state;

	come_up(l, 0);
	come_up(l, 1);
	announce(l, 0, 0, 512, 7, 1);
	settle(l, 3);
	size_t before = l->peers[1].n_messages;
	come_up(l, 3);
	settle(l, 11);
	assert_int_equal(l->peers[1].n_messages, before);
	assert_int_equal(l->peers[3].heard[511], 7);
	assert_int_equal(l->peers[3].n_eor, 2);
	assert_ptr_equal(l->peers[3].export->group, l->peers[1].export->group);
	/* Who goes leaves the others as they are. */
	go_down(l, 1);
	announce(l, 0, 0, 1, 9, 1);
	settle(l, 9);
	assert_int_equal(l->peers[3].heard[0], 9);
	assert_int_equal(atomic_load(&l->peers[3].export->n_told), 512);
}

/* Propagation hears of 1024 changes a turn. Who comes up sees the RIB as it is, ahead of a group that
 * has not heard of all of them yet: they must not become one before. */
static void test_nobody_joins_who_has_seen_another_moment(void **state)
{
	struct lab *l = *state;

	come_up(l, 0);
	come_up(l, 1);
	for (unsigned i = 0; i < 5; i++)
		announce(l, 0, i * 512, 512, 7, 1);
	settle(l, 3);
	for (unsigned i = 0; i < 5 * 512; i++)
		withdraw(l, 0, i);
	come_up(l, 3);
	settle(l, 11);
	assert_int_equal(l->peers[1].n_withdrawn, 5 * 512);
	assert_int_equal(l->peers[3].n_withdrawn, 0);
	assert_int_equal(l->peers[3].n_eor, 2);
	assert_ptr_equal(l->peers[3].export->group, l->peers[1].export->group);
	/* Likewise with routes that come. */
	go_down(l, 3);
	for (unsigned i = 0; i < 5; i++)
		announce(l, 0, i * 512, 512, 8, 1);
	come_up(l, 3);
	settle(l, 11);
	assert_memory_equal(l->peers[3].heard, l->peers[1].heard, sizeof(l->peers[3].heard));
	assert_int_equal(atomic_load(&l->peers[3].export->n_told), 5 * 512);
	assert_ptr_equal(l->peers[3].export->group, l->peers[1].export->group);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_peers_of_a_kind_get_the_same_bytes),
		TEST(test_who_becomes_the_source_hears_a_withdrawal),
		TEST(test_a_peer_that_reads_nothing_delays_nobody),
		TEST(test_a_refresh_is_told_to_one),
		TEST(test_a_peer_that_comes_later_hears_all_and_joins),
		TEST(test_nobody_joins_who_has_seen_another_moment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
