/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#include "rib/table.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rib/base/thread.h"
#include "tests/random.h"
#include "tests/test.h"

struct world {
	struct vrs_reclaim *reclaim;
	struct vrs_table *table;
};

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	struct vrs_table_config config = {VRS_PREFERENCE_EXPRESSROUTE, false};

	vrs_thread_register_rcu();
	w->reclaim = vrs_reclaim_new(VRS_RECLAIM_CALLER);
	w->table = vrs_table_new(w->reclaim, &config);
	*state = w;
	return w->table != NULL ? 0 : -1;
}

static int teardown(void **state)
{
	struct world *w = *state;

	vrs_table_free(w->table);
	vrs_reclaim_free(w->reclaim);
	free(w);
	vrs_thread_unregister_rcu();
	return 0;
}

static uint16_t peer(struct world *w, uint16_t connection, uint8_t instance, uint8_t class)
{
	struct vrs_path_source s = {
		.addr = vrs_addr_ip4(0x0a000104u + connection),
		.router_id = 100u + connection,
		.connection = connection,
		.instance = instance,
		.class = class,
		.ebgp = true,
	};
	int slot = vrs_table_peer_add(w->table, &s);

	assert_true(slot >= 0);
	return (uint16_t)slot;
}

/* Attributes told apart by a number; next hop 10.0.1.hop. */
static uint32_t attrs(struct world *w, uint32_t number, unsigned hop, unsigned path_len)
{
	struct vrs_attrs_info info = {.next_hop = vrs_addr_ip4(0x0a000100u + hop),
		.path_len = (uint16_t)path_len,
		.local_pref = 100};
	uint8_t bytes[8] = {(uint8_t)hop, (uint8_t)path_len};
	uint32_t id;

	memcpy(bytes + 4, &number, sizeof(number));
	assert_int_equal(vrs_attrs_intern(w->table->attrs, bytes, sizeof(bytes), &info, &id), 0);
	return id;
}

static struct vrs_span nlri(const char *text, uint8_t buf[17], struct vrs_prefix *p)
{
	struct vrs_writer wr = vrs_writer_init(buf, 17);

	assert_int_equal(vrs_prefix_parse(p, text), 0);
	vrs_prefix_write(&wr, p);
	return (struct vrs_span){buf, vrs_writer_size(&wr)};
}

static void announce(struct world *w, uint16_t slot, const char *text, uint32_t id)
{
	struct vrs_prefix p;
	uint8_t buf[17];
	struct vrs_span s = nlri(text, buf, &p);

	vrs_table_announce(w->table, slot, p.afi, s, id, VRS_PATH_USABLE);
	vrs_table_flush(w->table);
}

static void withdraw(struct world *w, uint16_t slot, const char *text)
{
	struct vrs_prefix p;
	uint8_t buf[17];
	struct vrs_span s = nlri(text, buf, &p);

	vrs_table_withdraw(w->table, slot, p.afi, s);
	vrs_table_flush(w->table);
}

static struct vrs_entry *entry(struct world *w, const char *text, uint32_t *index)
{
	struct vrs_prefix p;
	uint8_t buf[17];

	(void)nlri(text, buf, &p);
	assert_true(vrs_radix_get(&w->table->radix[p.afi == VRS_AFI_IP6], &p, index));
	return vrs_table_entry(w->table, *index);
}

static size_t hops(struct world *w, const char *text)
{
	uint32_t index, group = (uint32_t)atomic_load(&entry(w, text, &index)->forward);

	if (group == VRS_GROUP_NONE)
		return 0;
	return vrs_group_size(vrs_group_find(&w->table->groups, group));
}

/* Take what is dirty; give empty entries back, as propagation would. */
static unsigned drain(struct world *w)
{
	uint32_t ids[256], n;
	uint8_t what[256];
	unsigned total = 0;

	while ((n = vrs_table_take_dirty(w->table, ids, what, 256)) > 0) {
		for (uint32_t i = 0; i < n; i++)
			if (atomic_load(&vrs_table_entry(w->table, ids[i])->export) &
				VRS_EXPORT_EMPTY)
				assert_true(vrs_table_give_back(w->table, ids[i]));
		total += n;
	}
	while (vrs_spsc_pop(&w->table->groups.idle, ids, 256) > 0)
		;
	while (vrs_table_turn(w->table))
		;
	vrs_reclaim_turn(w->reclaim);
	return total;
}

static void equal_paths_make_one_group_of_two_next_hops(void **state)
{
	struct world *w = *state;
	uint16_t a = peer(w, 0, 0, VRS_CLASS_NVA), b = peer(w, 1, 0, VRS_CLASS_NVA);

	announce(w, a, "192.0.2.0/24", attrs(w, 1, 4, 1));
	announce(w, b, "192.0.2.0/24", attrs(w, 2, 5, 1));
	assert_int_equal(hops(w, "192.0.2.0/24"), 2);
	announce(w, b, "192.0.2.0/24", attrs(w, 3, 5, 2));
	assert_int_equal(hops(w, "192.0.2.0/24"), 1);
}

static void two_instances_of_one_peer_count_once(void **state)
{
	struct world *w = *state;
	uint16_t a = peer(w, 0, 0, VRS_CLASS_NVA), b = peer(w, 0, 1, VRS_CLASS_NVA);
	uint32_t id = attrs(w, 1, 4, 1);

	announce(w, a, "2001:db8::/32", id);
	announce(w, b, "2001:db8::/32", id);
	assert_int_equal(hops(w, "2001:db8::/32"), 1);
}

static void an_entry_is_in_the_dirty_ring_once(void **state)
{
	struct world *w = *state;
	uint16_t a = peer(w, 0, 0, VRS_CLASS_NVA);

	for (uint32_t i = 0; i < 10; i++)
		announce(w, a, "192.0.2.0/24", attrs(w, i, i % 2 + 4, 1));
	assert_int_equal(drain(w), 1);
	announce(w, a, "192.0.2.0/24", attrs(w, 9, 5, 1)); /* As it is: nothing changed. */
	assert_int_equal(drain(w), 0);
}

static void an_attribute_change_is_dirty_for_export_alone(void **state)
{
	struct world *w = *state;
	uint16_t a = peer(w, 0, 0, VRS_CLASS_NVA);
	uint32_t ids[4];
	uint8_t what[4];

	announce(w, a, "192.0.2.0/24", attrs(w, 1, 4, 1));
	assert_int_equal(vrs_table_take_dirty(w->table, ids, what, 4), 1);
	assert_int_equal(what[0], VRS_DIRTY_FORWARD | VRS_DIRTY_EXPORT);
	announce(w, a, "192.0.2.0/24", attrs(w, 2, 4, 1));
	assert_int_equal(vrs_table_take_dirty(w->table, ids, what, 4), 1);
	assert_int_equal(what[0], VRS_DIRTY_EXPORT);
}

static void the_same_route_from_the_other_session_is_not_told_again(void **state)
{
	struct world *w = *state;
	uint16_t a = peer(w, 0, 1, VRS_CLASS_NVA), b = peer(w, 0, 0, VRS_CLASS_NVA),
		 c = peer(w, 1, 0, VRS_CLASS_NVA);
	uint32_t index, id = attrs(w, 1, 4, 1);

	announce(w, a, "192.0.2.0/24", id);
	assert_int_equal(drain(w), 1);
	announce(w, b, "192.0.2.0/24", id); /* Instance 0 wins: the word changes, nobody cares. */
	assert_int_equal(
		VRS_EXPORT_PEER(atomic_load(&entry(w, "192.0.2.0/24", &index)->export)), b);
	assert_int_equal(drain(w), 0);
	/* The same attributes from another connection: its own peer must not be told. */
	withdraw(w, a, "192.0.2.0/24");
	announce(w, c, "192.0.2.0/24", id);
	withdraw(w, b, "192.0.2.0/24");
	assert_int_equal(drain(w), 1);
}

/* Propagation takes a change, sees a later one in the words, gives back, and only then takes
 * the later one: it knows the index again, so the first give-back must not free it. */
static void an_entry_that_is_taken_again_is_not_freed(void **state)
{
	struct world *w = *state;
	uint16_t a = peer(w, 0, 0, VRS_CLASS_NVA);
	uint32_t id;
	uint8_t what;

	announce(w, a, "192.0.2.0/24", attrs(w, 1, 4, 1));
	assert_int_equal(vrs_table_take_dirty(w->table, &id, &what, 1), 1);
	withdraw(w, a, "192.0.2.0/24");
	assert_true(atomic_load(&vrs_table_entry(w->table, id)->export) & VRS_EXPORT_EMPTY);
	assert_true(vrs_table_give_back(w->table, id));
	assert_int_equal(vrs_table_take_dirty(w->table, &id, &what, 1), 1);
	(void)vrs_table_turn(w->table);
	vrs_reclaim_drain(w->reclaim);
	assert_int_equal(w->table->entries.n_live, 1);
	assert_true(vrs_table_give_back(w->table, id));
	(void)vrs_table_turn(w->table);
	vrs_reclaim_drain(w->reclaim);
	assert_int_equal(w->table->entries.n_live, 0);
}

/* One path fits the entry; the second, fifth, ninth ... make another array. */
static void any_number_of_paths_comes_and_goes(void **state)
{
	enum { N = 40 };
	struct world *w = *state;
	struct rng rng = {rng_seed("paths")};
	uint16_t slots[N];
	bool has[N] = {false};
	uint32_t index;

	for (unsigned i = 0; i < N; i++)
		slots[i] = peer(w, (uint16_t)i, 0, VRS_CLASS_NVA);
	announce(w, slots[0], "192.0.2.0/24", attrs(w, 0, 1, 1));
	has[0] = true;
	for (unsigned step = 0; step < 20000; step++) {
		unsigned i = rng_below(&rng, N), n = 0;

		if (i == 0)
			continue;
		if (has[i])
			withdraw(w, slots[i], "192.0.2.0/24");
		else
			announce(w, slots[i], "192.0.2.0/24", attrs(w, i, i + 1, 1));
		has[i] = !has[i];
		for (unsigned j = 0; j < N; j++)
			n += has[j];
		assert_int_equal(entry(w, "192.0.2.0/24", &index)->n_paths, n);
		assert_int_equal(hops(w, "192.0.2.0/24"), n);
		assert_int_equal(vrs_table_path_of(w->table, index, slots[i]) != NULL, has[i]);
	}
}

static void routes_of_a_new_session_survive_the_sweep_of_the_old(void **state)
{
	struct world *w = *state;
	uint16_t old = peer(w, 0, 0, VRS_CLASS_NVA), now;

	announce(w, old, "192.0.2.0/24", attrs(w, 1, 4, 1));
	announce(w, old, "198.51.100.0/24", attrs(w, 1, 4, 1));
	vrs_table_peer_down(w->table, old);
	now = peer(w, 0, 0, VRS_CLASS_NVA);
	assert_int_not_equal(now, old);
	announce(w, now, "192.0.2.0/24", attrs(w, 2, 4, 1));
	drain(w);
	drain(w);
	assert_int_equal(hops(w, "192.0.2.0/24"), 1);
	assert_int_equal(atomic_load(&w->table->n_paths), 1);
	assert_null(vrs_table_peer(w->table, old));
	assert_int_equal(w->table->entries.n_live, 1);
}

static void a_session_that_comes_back_takes_the_place_of_its_paths(void **state)
{
	struct world *w = *state;
	uint16_t old = peer(w, 0, 0, VRS_CLASS_NVA), twin = peer(w, 0, 1, VRS_CLASS_NVA),
		 other = peer(w, 1, 0, VRS_CLASS_NVA), now;
	uint32_t index;

	announce(w, old, "192.0.2.0/24", attrs(w, 1, 4, 1));
	announce(w, twin, "192.0.2.0/24", attrs(w, 2, 4, 1));
	announce(w, other, "192.0.2.0/24", attrs(w, 3, 6, 1));
	vrs_table_peer_down(w->table, old);
	vrs_table_peer_down(w->table, other);
	now = peer(w, 0, 0, VRS_CLASS_NVA);
	announce(w, now, "192.0.2.0/24", attrs(w, 4, 5, 1));
	/* Nothing has been swept, and what others left still stands. */
	assert_int_equal(entry(w, "192.0.2.0/24", &index)->n_paths, 3);
	assert_null(vrs_table_path_of(w->table, index, old));
	assert_non_null(vrs_table_path_of(w->table, index, other));
	assert_int_equal(hops(w, "192.0.2.0/24"), 3);
	assert_null(vrs_table_peer(w->table, old));
	assert_int_equal(vrs_table_peer(w->table, now)->n_paths, 1);
	assert_int_equal(vrs_table_peer(w->table, now)->n_usable, 1);
	assert_int_equal(atomic_load(&w->table->n_paths), 3);
	drain(w);
	assert_int_equal(hops(w, "192.0.2.0/24"), 2);
	assert_null(vrs_table_peer(w->table, other));
	withdraw(w, now, "192.0.2.0/24");
	withdraw(w, twin, "192.0.2.0/24");
	drain(w);
	drain(w);
	assert_int_equal(w->table->entries.n_live, 0);
	assert_int_equal(vrs_attrs_count(w->table->attrs), 0);
}

/* Announce or withdraw 11.0.0.0/24 and those that follow: queued. */
static void many(struct world *w, uint16_t slot, unsigned first, unsigned n, uint32_t id)
{
	for (unsigned i = first; i < first + n; i++) {
		const uint8_t nlri[] = {24, 11, (uint8_t)(i >> 8), (uint8_t)i};
		struct vrs_span span = {nlri, sizeof(nlri)};

		if (id != 0)
			vrs_table_announce(w->table, slot, VRS_AFI_IP4, span, id, VRS_PATH_USABLE);
		else
			vrs_table_withdraw(w->table, slot, VRS_AFI_IP4, span);
	}
}

static unsigned n_turns(struct world *w)
{
	unsigned n = 1;

	while (vrs_table_turn(w->table))
		n++;
	return n;
}

static void a_refresh_takes_turns_and_sweeps_what_it_did_not_bring(void **state)
{
	enum { N = 30000 };
	struct world *w = *state;
	uint16_t a = peer(w, 0, 0, VRS_CLASS_NVA), b = peer(w, 1, 0, VRS_CLASS_NVA);
	uint32_t of_a = attrs(w, 1, 4, 1), of_b = attrs(w, 2, 5, 2);

	vrs_attrs_get(w->table->attrs, of_a, 1);
	many(w, a, 0, N, of_a);
	many(w, b, 0, 1, of_b);
	assert_int_equal(n_turns(w), 1);
	assert_int_equal(hops(w, "11.0.0.0/24"), 1);
	/* The longer path is the fresh one as soon as its entry has been looked at. */
	vrs_table_mark_stale(w->table, a, VRS_AFI_IP4);
	many(w, a, N / 2, N / 2, of_a);
	assert_true(n_turns(w) > 3);
	struct vrs_path_view views[2];
	struct vrs_prefix p;
	assert_int_equal(vrs_prefix_parse(&p, "11.0.0.0/24"), 0);
	assert_int_equal(vrs_table_paths(w->table, &p, views, 2), 2);
	assert_int_equal(views[0].path->peer, b);
	assert_int_equal(views[1].step, VRS_STEP_STALE);
	vrs_table_sweep_stale(w->table, a, VRS_AFI_IP4);
	many(w, a, 7, 1, of_a); /* Before the scan comes to it: stays. */
	assert_true(n_turns(w) > 3);
	assert_int_equal(vrs_table_peer(w->table, a)->n_paths, N / 2 + 1);
	assert_int_equal(atomic_load(&w->table->n_paths), N / 2 + 2);
	/* The other family has refreshes of its own. */
	vrs_table_mark_stale(w->table, a, VRS_AFI_IP6);
	vrs_table_sweep_stale(w->table, a, VRS_AFI_IP6);
	(void)n_turns(w);
	assert_int_equal(vrs_table_peer(w->table, a)->n_paths, N / 2 + 1);
}

/* @return A peer that has announced @p n prefixes, with attributes @p id, which stay. */
static uint16_t peer_with_many(struct world *w, unsigned n, uint32_t *id)
{
	uint16_t slot = peer(w, 0, 0, VRS_CLASS_NVA);

	*id = attrs(w, 1, 4, 1);
	vrs_attrs_get(w->table->attrs, *id, 1);
	many(w, slot, 0, n, *id);
	return slot;
}

static void refreshes_that_never_end_are_told_apart(void **state)
{
	enum { N = 20000 };
	struct world *w = *state;
	uint32_t id;
	uint16_t a = peer_with_many(w, N, &id);

	for (unsigned i = 0; i < 1000; i++)
		vrs_table_mark_stale(w->table, a, VRS_AFI_IP4);
	many(w, a, 0, 1, id);
	vrs_table_sweep_stale(w->table, a, VRS_AFI_IP4);
	(void)n_turns(w);
	assert_int_equal(vrs_table_peer(w->table, a)->n_paths, 1);
}

static enum vrs_path_reason odd_is_own_as(void *ctx, const struct vrs_attrs *attrs,
	const struct vrs_table_peer *peer, const struct vrs_prefix *p)
{
	return p->addr[2] % 2 == 1 ? VRS_PATH_OWN_AS : VRS_PATH_USABLE;
}

static void reasons_are_given_again_in_turns(void **state)
{
	enum { N = 30000 };
	struct world *w = *state;
	uint32_t id;
	uint16_t a = peer_with_many(w, N, &id);

	vrs_table_set_reason(w->table, odd_is_own_as, NULL);
	vrs_table_revalidate(w->table);
	assert_true(n_turns(w) > 3);
	assert_int_equal(vrs_table_peer(w->table, a)->n_usable, N / 2);
	assert_int_equal(atomic_load(&w->table->n_usable), N / 2);
}

static enum vrs_path_reason all_are_usable(void *ctx, const struct vrs_attrs *attrs,
	const struct vrs_table_peer *peer, const struct vrs_prefix *p)
{
	return VRS_PATH_USABLE;
}

/* Asked for again in the middle of a scan, while the table grows: none is left out. */
static void a_scan_that_begins_in_the_middle_visits_all(void **state)
{
	enum { N = 30000 };
	struct world *w = *state;
	uint32_t id;
	uint16_t a = peer_with_many(w, N, &id);

	vrs_table_set_reason(w->table, odd_is_own_as, NULL);
	vrs_table_revalidate(w->table);
	assert_true(vrs_table_turn(w->table));
	assert_in_range(vrs_table_peer(w->table, a)->n_usable, N / 2, N - 1);
	vrs_table_set_reason(w->table, all_are_usable, NULL);
	vrs_table_revalidate(w->table);
	many(w, a, N, N, id);
	(void)n_turns(w);
	assert_int_equal(vrs_table_peer(w->table, a)->n_usable, 2 * N);
}

/* A prefix comes and goes within one queue, for two peers: the order is kept. */
static void what_is_queued_is_done_in_order(void **state)
{
	struct world *w = *state;
	struct rng rng = {rng_seed("queue")};
	uint16_t slots[] = {peer(w, 0, 0, VRS_CLASS_NVA), peer(w, 1, 0, VRS_CLASS_NVA)};
	uint32_t ids[] = {attrs(w, 1, 4, 1), attrs(w, 2, 5, 1), attrs(w, 3, 6, 2)};
	uint32_t want[2][64] = {0};

	for (unsigned i = 0; i < VRS_N_ELEMS(ids); i++)
		vrs_attrs_get(w->table->attrs, ids[i], 1);
	for (unsigned step = 0; step < 20000; step++) {
		unsigned s = rng_below(&rng, 2), at = rng_below(&rng, 64);

		want[s][at] = rng_below(&rng, 2) ? ids[rng_below(&rng, 3)] : 0;
		many(w, slots[s], at, 1, want[s][at]);
		if (rng_below(&rng, 1000) == 0)
			drain(w);
	}
	vrs_table_flush(w->table);
	for (unsigned s = 0; s < 2; s++) {
		for (unsigned at = 0; at < 64; at++) {
			uint8_t addr[16] = {11, 0, (uint8_t)at};
			struct vrs_prefix p = {.len = 24, .afi = VRS_AFI_IP4};
			const struct vrs_path *path = NULL;
			uint32_t index;

			memcpy(p.addr, addr, sizeof(addr));
			if (vrs_radix_get(&w->table->radix[0], &p, &index))
				path = vrs_table_path_of(w->table, index, slots[s]);
			assert_int_equal(path != NULL ? path->attrs : 0, want[s][at]);
		}
	}
}

static void a_gateways_path_is_used_but_not_told_without_branch_to_branch(void **state)
{
	struct world *w = *state;
	uint16_t nva = peer(w, 0, 0, VRS_CLASS_NVA), vpn = peer(w, 1, 0, VRS_CLASS_VPN);
	uint32_t index;

	announce(w, vpn, "192.0.2.0/24", attrs(w, 1, 5, 1));
	assert_int_equal(hops(w, "192.0.2.0/24"), 1);
	assert_false(atomic_load(&entry(w, "192.0.2.0/24", &index)->export) & VRS_EXPORT_VALID);
	/* A worse path of an NVA is what peers are told: filtered before the decision. */
	announce(w, nva, "192.0.2.0/24", attrs(w, 2, 4, 3));
	uint64_t word = atomic_load(&entry(w, "192.0.2.0/24", &index)->export);
	assert_true(word & VRS_EXPORT_VALID);
	assert_int_equal(VRS_EXPORT_PEER(word), nva);
	struct vrs_table_config config = {VRS_PREFERENCE_EXPRESSROUTE, true};
	vrs_table_configure(w->table, &config);
	drain(w);
	assert_int_equal(
		VRS_EXPORT_PEER(atomic_load(&entry(w, "192.0.2.0/24", &index)->export)), vpn);
}

static void an_unusable_path_is_kept_with_its_reason(void **state)
{
	struct world *w = *state;
	uint16_t a = peer(w, 0, 0, VRS_CLASS_NVA);
	struct vrs_path_view views[2];
	struct vrs_prefix p;
	uint8_t buf[17];
	struct vrs_span s = nlri("127.1.0.0/16", buf, &p);

	vrs_table_announce(w->table, a, p.afi, s, attrs(w, 1, 4, 1), VRS_PATH_USABLE);
	assert_int_equal(vrs_table_paths(w->table, &p, views, 2), 1);
	assert_int_equal(views[0].path->reason, VRS_PATH_MARTIAN);
	assert_false(views[0].best);
	assert_int_equal(hops(w, "127.1.0.0/16"), 0);
}

static void paths_are_shown_with_the_step_that_beat_them(void **state)
{
	struct world *w = *state;
	uint16_t a = peer(w, 0, 0, VRS_CLASS_NVA), b = peer(w, 1, 0, VRS_CLASS_NVA),
		 c = peer(w, 2, 0, VRS_CLASS_NVA);
	struct vrs_path_view v[3];
	struct vrs_prefix p;
	uint8_t buf[17];

	(void)nlri("192.0.2.0/24", buf, &p);
	announce(w, a, "192.0.2.0/24", attrs(w, 1, 4, 1));
	announce(w, b, "192.0.2.0/24", attrs(w, 2, 5, 1));
	announce(w, c, "192.0.2.0/24", attrs(w, 3, 6, 2));
	assert_int_equal(vrs_table_paths(w->table, &p, v, 3), 3);
	assert_true(v[0].best && v[0].peer->slot == a);
	assert_true(v[1].multipath && v[1].step == VRS_STEP_ROUTER_ID);
	assert_false(v[2].multipath);
	assert_int_equal(v[2].step, VRS_STEP_PATH_LEN);
	assert_string_equal(vrs_decide_step_str(v[2].step), "as-path-length");
}

static size_t resident(void)
{
	FILE *f = fopen("/proc/self/statm", "r");
	unsigned long size = 0, pages = 0;

	assert_int_equal(fscanf(f, "%lu %lu", &size, &pages), 2);
	fclose(f);
	return pages * (size_t)sysconf(_SC_PAGESIZE);
}

/* Two million attribute sets, each used once: what is taken is really given back. */
static void unique_attribute_churn_ends_where_it_began(void **state)
{
	struct world *w = *state;
	uint16_t a = peer(w, 0, 0, VRS_CLASS_NVA);
	uint64_t n = env_number("VRS_CHURN_OPS", 2000000);
	int64_t attr_bytes = 0, group_bytes = 0;
	size_t rss = 0;
	char text[32];

	for (uint64_t i = 0; i < n; i++) {
		(void)snprintf(text, sizeof(text), "198.%u.%u.0/24", 18 + (unsigned)(i % 2),
			(unsigned)(i / 2 % 256));
		announce(w, a, text, attrs(w, (uint32_t)i, (unsigned)(i % 7), (unsigned)(i % 5)));
		if (i % 64 == 0)
			drain(w);
		if (i == n / 4) {
			drain(w);
			attr_bytes = vrs_mem_used(VRS_MEM_ATTRS);
			group_bytes = vrs_mem_used(VRS_MEM_GROUP);
			rss = resident();
		}
	}
	drain(w);
	assert_true(vrs_attrs_count(w->table->attrs) <= 512);
	assert_true(vrs_mem_used(VRS_MEM_ATTRS) <= attr_bytes + 65536);
	assert_true(vrs_mem_used(VRS_MEM_GROUP) <= group_bytes + 65536);
	print_message("resident %zu kB after a quarter, %zu kB at the end\n", rss / 1024,
		resident() / 1024);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
	assert_true(resident() <= rss + (2u << 20));
#endif
	/* And the table gives its memory back when it empties. */
	int64_t entries = vrs_mem_used(VRS_MEM_ENTRY);
	for (unsigned i = 0; i < 512; i++) {
		(void)snprintf(text, sizeof(text), "198.%u.%u.0/24", 18 + i % 2, i / 2);
		withdraw(w, a, text);
	}
	drain(w);
	drain(w);
	drain(w);
	assert_int_equal(w->table->entries.n_live, 0);
	assert_int_equal(vrs_attrs_count(w->table->attrs), 0);
	assert_true(vrs_mem_used(VRS_MEM_ENTRY) <= entries);
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(equal_paths_make_one_group_of_two_next_hops),
		CASE(two_instances_of_one_peer_count_once),
		CASE(an_entry_is_in_the_dirty_ring_once),
		CASE(an_attribute_change_is_dirty_for_export_alone),
		CASE(the_same_route_from_the_other_session_is_not_told_again),
		CASE(an_entry_that_is_taken_again_is_not_freed),
		CASE(any_number_of_paths_comes_and_goes),
		CASE(routes_of_a_new_session_survive_the_sweep_of_the_old),
		CASE(a_session_that_comes_back_takes_the_place_of_its_paths),
		CASE(a_refresh_takes_turns_and_sweeps_what_it_did_not_bring),
		CASE(refreshes_that_never_end_are_told_apart),
		CASE(reasons_are_given_again_in_turns),
		CASE(a_scan_that_begins_in_the_middle_visits_all),
		CASE(what_is_queued_is_done_in_order),
		CASE(a_gateways_path_is_used_but_not_told_without_branch_to_branch),
		CASE(an_unusable_path_is_kept_with_its_reason),
		CASE(paths_are_shown_with_the_step_that_beat_them),
		CASE(unique_attribute_churn_ends_where_it_began),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
