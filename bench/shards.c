/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

/*
 * Claim: how the RIB's writers scale: two peers send the same table from memory (the real cold
 * start), to one writer that owns everything, and to two, each of them home of one peer and owner
 * of half of the prefixes. From the bytes of their UPDATEs to decided and published: framed,
 * checked, interned, handed on where the prefix is another's, stored, decided. Propagation is
 * stopped. Into an empty RIB (load), and once more with other attributes (replace).
 *
 * Unit: "Mpaths/s" of both peers, by the clock on the wall, and the CPU time of all threads per path,
 * which tells what sharing costs also where other work has the cores: the time that is printed
 * beside them is of the benchmark's main thread, which only waits.
 */

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench/suite.h"
#include "io/bgp/open.h"
#include "io/bgp/update.h"
#include "rib/base/thread.h"
#include "rib/shards.h"

enum { PEERS = 2, CHUNK = 65536 };

struct lab;

struct feeder {
	struct lab *l;
	unsigned first, n; /* Peers that are at home here. */
	struct vrs_table *table;
	uint8_t *canonical;
	pthread_t thread;
};

struct lab {
	const struct vrs_bench_data *data;
	struct vrs_reclaim *reclaims[PEERS];
	struct vrs_shards shards;
	struct feeder feeders[PEERS];
	int slots[PEERS];
	unsigned n_done_target;
	_Atomic unsigned n_done;
	uint8_t round; /* Makes the attributes of each pass others. */
};

/* Attributes of the update, its canonical bytes marked with the round. */
static void announce(struct feeder *f, unsigned peer, const struct vrs_bgp_update *u)
{
	struct vrs_attrs_info info;
	size_t size;
	uint32_t id;

	vrs_bench_must(vrs_bgp_update_canonical(u, VRS_BGP_CLASSIC, f->canonical,
			       VRS_BGP_CANONICAL_MAX - 2, &size, &info) == 0,
		"cannot be kept");
	f->canonical[size++] = (uint8_t)peer;
	f->canonical[size++] = f->l->round;
	info.next_hop = vrs_addr_ip4(0x0a000104u + peer);
	vrs_bench_must(vrs_attrs_intern(f->table->attrs, f->canonical, size, &info, &id) == 0,
		"no memory");
	vrs_table_announce(f->table, (uint16_t)f->l->slots[peer], VRS_AFI_IP4, u->announced.span,
		id, VRS_PATH_USABLE);
}

/* Take messages from `at` on until some bytes have been read. @return Where it ended. */
static size_t read_some(struct feeder *f, unsigned peer, size_t at)
{
	const struct vrs_stream *s = &f->l->data->stream;
	const struct vrs_bgp_decode_ctx ctx = {
		.as4 = true, .families = VRS_BGP_IP4, .peer_as = 65001};
	size_t end = VRS_MIN(at + CHUNK, s->size);
	struct vrs_bgp_update u;

	while (at < end) {
		struct vrs_bgp_message m;
		struct vrs_bgp_verdict v;

		vrs_bench_must(vrs_bgp_message_frame(s->bytes + at, s->size - at, VRS_BGP_MAX_SIZE,
				       &m, &v) == VRS_BGP_FRAME_MESSAGE,
			"no message");
		vrs_bgp_update_decode(&ctx, m.body.data, m.body.size, &u);
		if (u.announced.n > 0)
			announce(f, peer, &u);
		at += m.raw.size;
	}
	return at;
}

static void *feed(void *arg)
{
	struct feeder *f = arg;
	struct lab *l = f->l;
	size_t at[PEERS] = {0};

	vrs_thread_register_rcu();
	for (bool any = true; any;) {
		any = false;
		for (unsigned p = f->first; p < f->first + f->n; p++) {
			if (at[p] == l->data->stream.size || vrs_shards_full(f->table))
				continue;
			at[p] = read_some(f, p, at[p]);
		}
		for (unsigned p = f->first; p < f->first + f->n; p++)
			any |= at[p] < l->data->stream.size;
		(void)vrs_table_turn(f->table);
		vrs_reclaim_turn(f->table->reclaim);
	}
	/* What the others have for us. */
	atomic_fetch_add(&l->n_done, 1);
	while (atomic_load(&l->n_done) < l->n_done_target)
		if (!vrs_table_turn(f->table))
			nanosleep(&(struct timespec){.tv_nsec = 20000}, NULL);
	while (vrs_table_turn(f->table))
		;
	vrs_thread_unregister_rcu();
	return NULL;
}

static double seconds_of(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Seconds that passed, and of all threads' CPU. */
struct cost {
	double wall, cpu;
};

static void pass(struct lab *l, struct cost *cost)
{
	l->round++;
	atomic_store(&l->n_done, 0);
	cost->wall -= seconds_of(CLOCK_MONOTONIC);
	cost->cpu -= seconds_of(CLOCK_PROCESS_CPUTIME_ID);
	for (unsigned i = 0; i < l->n_done_target; i++)
		vrs_bench_must(
			pthread_create(&l->feeders[i].thread, NULL, feed, &l->feeders[i]) == 0,
			"no thread");
	for (unsigned i = 0; i < l->n_done_target; i++)
		(void)pthread_join(l->feeders[i].thread, NULL);
	cost->cpu += seconds_of(CLOCK_PROCESS_CPUTIME_ID);
	cost->wall += seconds_of(CLOCK_MONOTONIC);
}

static void lab_init(struct lab *l, unsigned writers, size_t n)
{
	struct vrs_table_config config = {VRS_PREFERENCE_EXPRESSROUTE, false};

	memset(l, 0, sizeof(*l));
	l->data = vrs_bench_data(VRS_AFI_IP4, n);
	l->n_done_target = writers;
	for (unsigned i = 0; i < writers; i++)
		l->reclaims[i] = vrs_bench_need(vrs_reclaim_new(VRS_RECLAIM_WORKER));
	vrs_bench_must(
		vrs_shards_init(&l->shards, writers, l->reclaims, &config) == 0, "no memory");
	for (unsigned i = 0; i < writers; i++)
		l->feeders[i] = (struct feeder){.l = l,
			.first = i,
			.n = PEERS / writers,
			.table = l->shards.tables[i],
			.canonical = vrs_bench_need(malloc(VRS_BGP_CANONICAL_MAX))};
	for (unsigned p = 0; p < PEERS; p++) {
		struct vrs_path_source source = {.addr = vrs_addr_ip4(0x0a000104u + p),
			.router_id = 1 + p,
			.connection = (uint16_t)p,
			.ebgp = true};

		l->slots[p] = vrs_table_peer_add(l->shards.tables[p % writers], &source);
		vrs_bench_must(l->slots[p] >= 0, "no slot");
	}
}

static void lab_fini(struct lab *l)
{
	unsigned n = l->n_done_target;

	vrs_shards_fini(&l->shards);
	for (unsigned i = 0; i < n; i++) {
		vrs_reclaim_free(l->reclaims[i]);
		free(l->feeders[i].canonical);
	}
}

/* Every path is there, and every prefix decided between two. */
static bool complete(const struct lab *l)
{
	uint64_t prefixes = 0, paths = 0, usable = 0;

	for (unsigned i = 0; i < l->n_done_target; i++) {
		const struct vrs_table *t = l->shards.tables[i];

		prefixes += atomic_load(&t->n_prefixes);
		paths += atomic_load(&t->n_paths);
		usable += atomic_load(&t->n_usable);
	}
	return prefixes == l->data->n && paths == l->data->n * PEERS && usable == prefixes;
}

enum { LOAD, REPLACE };

static void run(struct vrs_bench_state *s, const struct vrs_bench *b, unsigned writers)
{
	size_t n = (size_t)vrs_bench_range(s);
	struct cost cost = {0}, first = {0};
	uint64_t passes = 0;
	struct lab l;
	bool open = false;

	while (vrs_bench_keep(s, n * PEERS)) {
		vrs_bench_pause(s);
		if (!open) {
			lab_init(&l, writers, n);
			if (b->variant == REPLACE)
				pass(&l, &first);
			open = true;
		}
		vrs_bench_resume(s);
		pass(&l, &cost);
		vrs_bench_pause(s);
		passes++;
		if (!complete(&l))
			vrs_bench_fail(s, "paths are missing");
		if (b->variant == LOAD) {
			lab_fini(&l);
			open = false;
		}
		vrs_bench_resume(s);
	}
	if (open)
		lab_fini(&l);
	double paths = (double)(passes * n * PEERS);
	vrs_bench_counter(s, "Mpaths/s", paths / cost.wall / 1e6);
	vrs_bench_counter(s, "CPU-ns/path", cost.cpu / paths * 1e9);
	vrs_bench_rate(s, vrs_bench_items(s), 0);
}

static void run_one(struct vrs_bench_state *s, const struct vrs_bench *b)
{
	run(s, b, 1);
}

static void run_two(struct vrs_bench_state *s, const struct vrs_bench *b)
{
	run(s, b, 2);
}

const struct vrs_bench vrs_bench_shards[] = {
	{"shards/load/1", run_one, VRS_AFI_IP4, LOAD, {1000000}, true},
	{"shards/load/2", run_two, VRS_AFI_IP4, LOAD, {1000000}, true},
	{"shards/replace/1", run_one, VRS_AFI_IP4, REPLACE, {1000000}, true},
	{"shards/replace/2", run_two, VRS_AFI_IP4, REPLACE, {1000000}, true},
	{0},
};
