/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

/*
 * A RIB of several tables, each written by a thread of its own, against naive twins: what each
 * peer has announced last, as its home knows it. Every thread runs a script of announcements,
 * withdrawals, refreshes and sessions that come and go; propagation runs on one more, and tells a
 * listener. When all is quiet, every table must hold what the twins say, what it has published must
 * be what a decision from scratch publishes, the snapshot must show it, and the listener must have
 * heard it; when all sessions are gone, nothing may be left. Run under ASan and TSan too.
 */

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "engine/propagate.h"
#include "io/bgp/open.h"
#include "io/bgp/update.h"
#include "rib/base/thread.h"
#include "rib/path.h"
#include "rib/shards.h"
#include "tests/outbox.h"
#include "tests/random.h"
#include "tests/test.h"

enum {
	SHARDS_MAX = 5,
	PEERS = 3,
	PREFIXES = 400,
	SETS = 40,
	ROUNDS = 40,
	OWN_AS = 65515,
	SET = 20
};

struct peer {
	int slot;
	bool refreshing;
	uint32_t announced[PREFIXES]; /* Number of the attribute set; 0 = not. */
	bool stale[PREFIXES];
};

struct writer {
	struct world *w;
	unsigned index;
	struct vrs_table *table;
	struct rng rng;
	struct peer peers[PEERS];
	pthread_t thread;
};

struct world {
	struct vrs_shards shards;
	struct vrs_reclaim *reclaims[SHARDS_MAX];
	struct writer writers[SHARDS_MAX];
	struct vrs_prefix prefixes[PREFIXES];
	uint64_t n_ops;
	pthread_barrier_t barrier;
	_Atomic bool stop;

	/* Propagation's thread. */
	struct vrs_propagation propagation;
	struct vrs_rib *rib;
	struct vrs_export *listener;
	uint16_t heard[PREFIXES]; /* Last AS of the path; 0 = withdrawn. */
	_Atomic unsigned n_quiet; /* Turns without anything to do, one after the other. */
};

/* The attribute set of a number, which is in its AS_PATH. */
static void make_set(uint32_t number, uint8_t bytes[SET], struct vrs_attrs_info *info)
{
	const uint8_t set[SET] = {0x40, 1, 1, 0, 0x40, 2, 6, 2, 1, 0, 0, (uint8_t)(number >> 8),
		(uint8_t)number, 0x40, 3, 4, 10, 0, 1, (uint8_t)(number % 7)};

	memcpy(bytes, set, SET);
	*info = (struct vrs_attrs_info){.next_hop = vrs_addr_ip4(0x0a000100u + number % 7),
		.path_len = (uint16_t)(1 + number % 3),
		.local_pref = 100,
		.first_as = 65000 + number % 2,
		.med = number % 11 == 0 ? number : 0};
}

static uint32_t number_of(const struct vrs_table *t, uint16_t slot, uint32_t attrs)
{
	const uint8_t *bytes = vrs_attrs_at(vrs_table_attrs_of(t, slot), attrs)->bytes;

	return (uint32_t)bytes[11] << 8 | bytes[12];
}

static void peer_up(struct writer *a, unsigned i)
{
	unsigned n = a->index * PEERS + i;
	struct vrs_path_source s = {.addr = vrs_addr_ip4(0x0a000104u + n),
		.router_id = 100u + n % 4,
		.connection = (uint16_t)n,
		.class = n % 5 == 4 ? VRS_CLASS_VPN : VRS_CLASS_NVA,
		.ebgp = true};

	memset(&a->peers[i], 0, sizeof(a->peers[i]));
	a->peers[i].slot = vrs_table_peer_add(a->table, &s);
	assert_true(a->peers[i].slot >= 0);
}

static void peer_down(struct writer *a, unsigned i)
{
	vrs_table_peer_down(a->table, (uint16_t)a->peers[i].slot);
}

/* Some prefixes in one UPDATE, of one family. */
static void update(struct writer *a, struct peer *p, bool announce)
{
	uint8_t nlri[17 * 8];
	struct vrs_writer wr = vrs_writer_init(nlri, sizeof(nlri));
	unsigned first = rng_below(&a->rng, PREFIXES), n = 1 + rng_below(&a->rng, 8);
	uint32_t number = 1 + rng_below(&a->rng, SETS) + a->index * SETS, id = 0;
	unsigned afi = a->w->prefixes[first].afi;

	for (unsigned i = first; i < first + n && i < PREFIXES; i++) {
		if (a->w->prefixes[i].afi != afi)
			continue;
		vrs_prefix_write(&wr, &a->w->prefixes[i]);
		p->announced[i] = announce ? number : 0;
		p->stale[i] = false;
	}
	struct vrs_span span = {nlri, vrs_writer_size(&wr)};
	if (!announce) {
		vrs_table_withdraw(a->table, (uint16_t)p->slot, afi, span);
		return;
	}
	struct vrs_attrs_info info;
	uint8_t bytes[SET];
	make_set(number, bytes, &info);
	assert_int_equal(vrs_attrs_intern(a->table->attrs, bytes, SET, &info, &id), 0);
	vrs_table_announce(a->table, (uint16_t)p->slot, afi, span, id, VRS_PATH_USABLE);
}

static void end_refresh(struct writer *a, struct peer *p)
{
	for (unsigned afi = VRS_AFI_IP4; afi <= VRS_AFI_IP6; afi++)
		vrs_table_sweep_stale(a->table, (uint16_t)p->slot, afi);
	for (unsigned i = 0; i < PREFIXES; i++)
		if (p->stale[i])
			p->announced[i] = 0;
	memset(p->stale, 0, sizeof(p->stale));
	p->refreshing = false;
}

static void step(struct writer *a)
{
	unsigned what = rng_below(&a->rng, 10000), i = rng_below(&a->rng, PEERS);
	struct peer *p = &a->peers[i];

	if (what < 5) {
		peer_down(a, i);
		peer_up(a, i);
	} else if (what < 20 && !p->refreshing) {
		for (unsigned afi = VRS_AFI_IP4; afi <= VRS_AFI_IP6; afi++)
			vrs_table_mark_stale(a->table, (uint16_t)p->slot, afi);
		for (unsigned k = 0; k < PREFIXES; k++)
			p->stale[k] = p->announced[k] != 0;
		p->refreshing = true;
	} else if (what < 20) {
		end_refresh(a, p);
	} else if (what < 300) {
		(void)vrs_table_turn(a->table);
		vrs_reclaim_turn(a->table->reclaim);
	} else {
		update(a, p, what < 6500);
	}
}

/* Until nobody has anything for anybody. */
static void settle(struct writer *a)
{
	for (unsigned round = 0; round < ROUNDS; round++) {
		while (vrs_table_turn(a->table))
			;
		vrs_reclaim_turn(a->table->reclaim);
		/* Propagation's turns, which may give entries and groups back. */
		atomic_store(&a->w->n_quiet, 0);
		while (atomic_load(&a->w->n_quiet) < 3)
			(void)vrs_table_turn(a->table);
		pthread_barrier_wait(&a->w->barrier);
	}
}

static void *run(void *arg)
{
	struct writer *a = arg;

	vrs_thread_register_rcu();
	for (unsigned i = 0; i < PEERS; i++)
		peer_up(a, i);
	for (uint64_t op = 0; op < a->w->n_ops; op++)
		step(a);
	for (unsigned i = 0; i < PEERS; i++)
		if (a->peers[i].refreshing)
			end_refresh(a, &a->peers[i]);
	settle(a);
	/* The main thread looks. */
	pthread_barrier_wait(&a->w->barrier);
	pthread_barrier_wait(&a->w->barrier);
	a->table->redecide = true;
	a->table->scan_left = vrs_pool_bound(&a->table->entries);
	settle(a);
	pthread_barrier_wait(&a->w->barrier);
	pthread_barrier_wait(&a->w->barrier);
	for (unsigned i = 0; i < PEERS; i++)
		peer_down(a, i);
	settle(a);
	vrs_thread_unregister_rcu();
	return NULL;
}

static void hear(struct world *w, const struct vrs_bgp_nlri *nlri, uint16_t as)
{
	struct vrs_reader r = vrs_reader_span(nlri->span);
	struct vrs_prefix p;

	while (vrs_reader_left(&r) > 0) {
		int n = vrs_prefix_read(&p, nlri->afi, r.at, vrs_reader_left(&r));
		unsigned k = 0;

		assert_true(n > 0);
		(void)vrs_read_bytes(&r, (size_t)n);
		while (k < PREFIXES && !vrs_prefix_equal(&p, &w->prefixes[k]))
			k++;
		assert_true(k < PREFIXES);
		w->heard[k] = as;
	}
}

static void take_message(void *ctx, const struct vrs_bgp_message *m)
{
	struct world *w = ctx;
	struct vrs_bgp_update u;

	if (m->type != VRS_BGP_UPDATE)
		return;
	uint16_t as = outbox_update(m, VRS_BGP_IP4, OWN_AS, &u);
	hear(w, &u.withdrawn, 0);
	if (u.announced.n > 0)
		hear(w, &u.announced, as);
}

static void *propagate(void *arg)
{
	struct world *w = arg;

	vrs_thread_register_rcu();
	while (!atomic_load(&w->stop)) {
		bool clean = vrs_rib_is_clean(w->rib);
		bool more = vrs_propagation_turn(&w->propagation);

		more |= outbox_take(&w->listener->outbox, take_message, w);
		if (clean && !more)
			atomic_fetch_add(&w->n_quiet, 1);
		else
			atomic_store(&w->n_quiet, 0);
	}
	vrs_thread_unregister_rcu();
	return NULL;
}

static void no_wake(void *ctx, uint64_t which)
{
}

static void propagation_start(struct world *w)
{
	struct vrs_export_peer peer = {.connection = 999,
		.as4 = true,
		.families = VRS_BGP_IP4,
		.max_message = VRS_BGP_MAX_SIZE,
		.own_as = OWN_AS,
		.router_id = 1};

	assert_int_equal(
		vrs_propagation_init(&w->propagation, VRS_RECLAIM_WORKER, no_wake, NULL), 0);
	w->rib = vrs_rib_new(&w->propagation, w->shards.tables[w->shards.n - 1]);
	assert_non_null(w->rib);
	vrs_propagation_add(&w->propagation, w->rib);
	w->listener = vrs_export_new(w->rib, &peer);
	assert_non_null(w->listener);
	vrs_propagation_submit(&w->propagation, w->listener);
}

static void propagation_end(struct world *w)
{
	vrs_propagation_close(&w->propagation, w->listener);
	(void)vrs_propagation_turn(&w->propagation);
	assert_ptr_equal(vrs_propagation_take_dead(&w->propagation, 0), w->listener);
	vrs_export_free(w->listener);
	vrs_propagation_remove(&w->propagation, w->rib);
	vrs_rib_free(w->rib);
	vrs_propagation_fini(&w->propagation);
}

static struct vrs_entry *entry_of(struct world *w, unsigned prefix, struct vrs_table **table)
{
	const struct vrs_prefix *p = &w->prefixes[prefix];
	uint32_t index;

	*table = w->shards.tables[vrs_table_shard(p, w->shards.n)];
	for (unsigned s = 0; s < w->shards.n; s++)
		if (w->shards.tables[s] != *table)
			assert_false(vrs_radix_get(
				&w->shards.tables[s]->radix[p->afi == VRS_AFI_IP6], p, &index));
	if (!vrs_radix_get(&(*table)->radix[p->afi == VRS_AFI_IP6], p, &index))
		return NULL;
	return vrs_table_entry(*table, index);
}

/* The main thread, while all others stand at the barrier. */
static void check_paths(struct world *w)
{
	for (unsigned k = 0; k < PREFIXES; k++) {
		struct vrs_table *t;
		struct vrs_entry *e = entry_of(w, k, &t);
		unsigned n = 0;

		for (unsigned x = 0; x < w->shards.n * PEERS; x++) {
			const struct peer *p = &w->writers[x / PEERS].peers[x % PEERS];
			const struct vrs_path *path =
				e != NULL ? vrs_path_of(e, (uint16_t)p->slot) : NULL;

			assert_int_equal(path != NULL, p->announced[k] != 0);
			if (path == NULL)
				continue;
			assert_int_equal(number_of(t, path->peer, path->attrs), p->announced[k]);
			n++;
		}
		assert_int_equal(e != NULL ? e->n_paths : 0, n);
	}
	for (unsigned x = 0; x < w->shards.n * PEERS; x++) {
		const struct writer *a = &w->writers[x / PEERS];
		const struct peer *p = &a->peers[x % PEERS];
		unsigned n = 0;

		for (unsigned k = 0; k < PREFIXES; k++)
			n += p->announced[k] != 0;
		vrs_rcu_enter();
		assert_int_equal(vrs_shards_peer_stat(a->table, (uint16_t)p->slot).n_paths, n);
		vrs_rcu_leave();
	}
}

/* What propagation made of it. */
static void check_propagated(struct world *w)
{
	for (unsigned k = 0; k < PREFIXES; k++) {
		const struct vrs_prefix *p = &w->prefixes[k];
		struct vrs_table *t;
		const struct vrs_entry *e = entry_of(w, k, &t);
		uint32_t group = e != NULL ? atomic_load(&e->forward) : 0, shown = 0;
		uint64_t word = e != NULL ? atomic_load(&e->export) : 0;

		(void)vrs_snapshot_get(w->rib->snapshot, p, &shown);
		assert_int_equal(shown, group);
		vrs_rcu_enter();
		for (unsigned i = 0; group != 0 && i < w->shards.n; i++)
			assert_ptr_equal(vrs_group_find(&w->shards.tables[i]->groups, group),
				vrs_group_find(&t->groups, group));
		assert_true(group == 0 || vrs_group_find(&t->groups, group) != NULL);
		vrs_rcu_leave();
		if (p->afi == VRS_AFI_IP4)
			assert_int_equal(w->heard[k],
				word & VRS_EXPORT_VALID ? number_of(t, VRS_EXPORT_PEER(word),
								  VRS_EXPORT_ATTRS(word))
							: 0);
	}
}

struct words {
	uint32_t forward;
	uint64_t export;
};

static void note_words(struct world *w, struct words *words)
{
	for (unsigned k = 0; k < PREFIXES; k++) {
		struct vrs_table *t;
		struct vrs_entry *e = entry_of(w, k, &t);

		words[k] = (struct words){0};
		/* An empty entry may be there or have gone. */
		if (e != NULL && e->n_paths > 0)
			words[k] =
				(struct words){atomic_load(&e->forward), atomic_load(&e->export)};
	}
}

static void script(unsigned n, uint64_t seed)
{
	struct vrs_table_config config = {VRS_PREFERENCE_EXPRESSROUTE, false};
	struct world *w = calloc(1, sizeof(*w));
	struct rng rng = {seed};
	pthread_t propagator;

	w->n_ops = env_number("VRS_MODEL_OPS", 1000000) / 20;
	for (unsigned i = 0; i < n; i++)
		w->reclaims[i] = vrs_reclaim_new(VRS_RECLAIM_WORKER);
	assert_int_equal(vrs_shards_init(&w->shards, n, w->reclaims, &config), 0);
	for (unsigned k = 0; k < PREFIXES; k++)
		do
			w->prefixes[k] = rng_prefix(&rng, k < PREFIXES / 2 ? 1 : 2);
		while (vrs_prefix_martian(&w->prefixes[k]) ||
			w->prefixes[k].len < (k % 8 == 0 ? 0 : 8));
	for (unsigned k = 1; k < PREFIXES;
		k++) /* All different: those that are not, do not count. */
		for (unsigned j = 0; j < k; j++)
			while (vrs_prefix_equal(&w->prefixes[j], &w->prefixes[k])) {
				w->prefixes[k] = rng_prefix(&rng, w->prefixes[k].afi);
				j = 0;
			}
	assert_int_equal(pthread_barrier_init(&w->barrier, NULL, n + 1), 0);
	propagation_start(w);
	assert_int_equal(pthread_create(&propagator, NULL, propagate, w), 0);
	for (unsigned i = 0; i < n; i++) {
		w->writers[i] = (struct writer){
			.w = w, .index = i, .table = w->shards.tables[i], .rng = {rng_u64(&rng)}};
		assert_int_equal(
			pthread_create(&w->writers[i].thread, NULL, run, &w->writers[i]), 0);
	}
	struct words before[PREFIXES], after[PREFIXES];
	for (unsigned i = 0; i <= ROUNDS; i++)
		pthread_barrier_wait(&w->barrier);
	check_paths(w);
	check_propagated(w);
	note_words(w, before);
	for (unsigned i = 0; i < ROUNDS + 2; i++)
		pthread_barrier_wait(&w->barrier);
	note_words(w, after);
	for (unsigned k = 0; k < PREFIXES; k++) {
		assert_int_equal(before[k].forward, after[k].forward);
		assert_true(before[k].export == after[k].export);
	}
	for (unsigned i = 0; i < ROUNDS + 1; i++)
		pthread_barrier_wait(&w->barrier);
	for (unsigned i = 0; i < n; i++)
		pthread_join(w->writers[i].thread, NULL);
	atomic_store(&w->stop, true);
	pthread_join(propagator, NULL);
	for (unsigned i = 0; i < n; i++) {
		struct vrs_table *t = w->shards.tables[i];

		assert_int_equal(atomic_load(&t->n_paths), 0);
		assert_int_equal(t->n_down, 0);
		assert_int_equal(vrs_attrs_count(t->attrs), 0);
		for (unsigned slot = 0; slot < 65536; slot++)
			assert_null(vrs_table_peer(t, (uint16_t)slot));
	}
	for (unsigned k = 0; k < PREFIXES; k++)
		assert_int_equal(w->heard[k], 0);
	propagation_end(w);
	pthread_barrier_destroy(&w->barrier);
	vrs_shards_fini(&w->shards);
	for (unsigned i = 0; i < n; i++)
		vrs_reclaim_free(w->reclaims[i]);
	free(w);
	assert_int_equal(vrs_mem_used(VRS_MEM_ENTRY), 0);
	assert_int_equal(vrs_mem_used(VRS_MEM_QUEUE), 0);
}

static void tables_of_several_writers_hold_what_peers_announced(void **state)
{
	uint64_t seed = rng_seed("shards");

	vrs_thread_register_rcu();
	for (unsigned n = 1; n <= SHARDS_MAX; n++)
		script(n, seed + n);
	vrs_thread_unregister_rcu();
}

static enum vrs_path_reason none_is_usable(void *ctx, const struct vrs_attrs *attrs,
	const struct vrs_table_peer *peer, const struct vrs_prefix *p)
{
	return VRS_PATH_NEXT_HOP;
}

static void turn_both(struct vrs_shards *s)
{
	bool more = true;

	for (unsigned i = 0; more && i < 100; i++) {
		more = false;
		for (unsigned k = 0; k < s->n; k++)
			more |= vrs_table_turn(s->tables[k]);
		for (unsigned k = 0; k < s->n; k++)
			more |= vrs_shards_pending(s->tables[k]);
	}
	assert_false(more);
}

/* The home's configuration changes while changes are on their way: the owner gives reasons to them
 * that hold, though it has looked at all its paths before they came. */
static void paths_on_their_way_are_given_reasons_again(void **state)
{
	struct vrs_table_config config = {VRS_PREFERENCE_EXPRESSROUTE, false};
	struct vrs_shards *s = calloc(1, sizeof(*s));
	struct vrs_reclaim *reclaims[2];
	const uint8_t nlri[] = {16, 11, 0, 16, 11, 1, 16, 11, 2, 16, 11, 3, 16, 11, 4, 16, 11, 5};
	struct vrs_path_source source = {.addr = vrs_addr_ip4(0x0a000104u), .ebgp = true};
	struct vrs_attrs_info info;
	uint8_t bytes[SET];
	uint32_t id = 0;

	vrs_thread_register_rcu();
	for (unsigned i = 0; i < 2; i++)
		reclaims[i] = vrs_reclaim_new(VRS_RECLAIM_CALLER);
	assert_int_equal(vrs_shards_init(s, 2, reclaims, &config), 0);
	for (unsigned i = 0; i < 2; i++)
		vrs_table_set_reason(s->tables[i], none_is_usable, NULL);
	int slot = vrs_table_peer_add(s->tables[0], &source);
	assert_true(slot >= 0);
	make_set(1, bytes, &info);
	assert_int_equal(vrs_attrs_intern(s->tables[0]->attrs, bytes, SET, &info, &id), 0);
	vrs_table_revalidate(s->tables[1]);
	turn_both(s);
	vrs_table_announce(s->tables[0], (uint16_t)slot, VRS_AFI_IP4,
		(struct vrs_span){nlri, sizeof(nlri)}, id, VRS_PATH_USABLE);
	vrs_table_revalidate(s->tables[0]);
	turn_both(s);
	struct vrs_shards_peer_stat stat = vrs_shards_peer_stat(s->tables[0], (uint16_t)slot);
	assert_int_equal(stat.n_paths, 6);
	assert_true(vrs_table_peer(s->tables[1], (uint16_t)slot)->n_paths > 0);
	assert_int_equal(stat.n_usable, 0);
	vrs_shards_fini(s);
	for (unsigned i = 0; i < 2; i++)
		vrs_reclaim_free(reclaims[i]);
	vrs_thread_unregister_rcu();
	free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tables_of_several_writers_hold_what_peers_announced),
		cmocka_unit_test(paths_on_their_way_are_given_reasons_again),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
