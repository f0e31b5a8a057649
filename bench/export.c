/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

/*
 * Claim: what the propagation thread pays for a prefix: of a RIB of a given size that one more
 * peer must be told whole (full: pending entries looked at, sorted by attribute set, encoded
 * and pushed to its outbox); and for one whose next hops or attributes changed while no peer
 * listens (turn: dirty entries taken, versions, deltas).
 *
 * Unit: ns a prefix. The RIB is a synthetic table learned in random order from an eBGP peer, the
 * receiver an eBGP peer with messages of 4096 bytes, whose outbox is emptied as soon as there
 * is something in it: no socket.
 */

#include <stdatomic.h>

#include "bench/rib.h"
#include "engine/propagate.h"
#include "io/bgp/open.h"
#include "rib/base/thread.h"

struct lab {
	struct vrs_bench_rib in;
	struct vrs_propagation propagation;
	struct vrs_rib *rib;
	struct vrs_export *export;
	uint64_t messages, bytes; /* Taken from the outbox. */
};

static void no_wake(void *ctx, uint64_t which)
{
}

/* As the I/O thread, but that nothing is sent. */
static void take(struct lab *l)
{
	const struct vrs_piece *p;
	uint64_t size = 0;

	while ((p = vrs_outbox_peek(&l->export->outbox)) != NULL) {
		size += p->size;
		l->messages += p->n_messages;
		vrs_outbox_drop(&l->export->outbox);
	}
	l->bytes += size;
	atomic_fetch_add(&l->export->outbox.taken, size);
}

/* Until propagation has nothing to do. */
static void settle(struct lab *l)
{
	bool more;

	do {
		more = vrs_propagation_turn(&l->propagation);
		if (l->export != NULL) {
			uint64_t before = l->bytes;

			take(l);
			more |= l->bytes != before;
		}
	} while (more);
}

static void lab_init(struct lab *l, enum vrs_afi afi, size_t n)
{
	*l = (struct lab){0};
	vrs_bench_rib_init(&l->in, afi, n);
	vrs_bench_must(
		vrs_propagation_init(&l->propagation, VRS_RECLAIM_WORKER, no_wake, NULL) == 0,
		"out of memory");
	l->rib = vrs_bench_need(vrs_rib_new(&l->propagation, l->in.table));
	vrs_propagation_add(&l->propagation, l->rib);
	vrs_bench_must(vrs_bench_rib_announce(&l->in, 0, l->in.decoded->n, 0, 0) == n,
		"cannot fill a table");
	settle(l);
}

static void lab_fini(struct lab *l)
{
	if (l->export != NULL) {
		vrs_propagation_close(&l->propagation, l->export);
		settle(l);
		take(l);
		vrs_export_free(vrs_propagation_take_dead(&l->propagation, 0));
	}
	vrs_propagation_remove(&l->propagation, l->rib);
	vrs_rib_free(l->rib);
	vrs_bench_rib_fini(&l->in);
	vrs_propagation_fini(&l->propagation);
}

static void listen_as_peer(struct lab *l)
{
	struct vrs_export_peer peer = {.connection = 7,
		.as4 = true,
		.families = VRS_BGP_IP4 | VRS_BGP_IP6,
		.max_message = VRS_BGP_MAX_SIZE,
		.own_as = 65515,
		.router_id = 1};

	l->export = vrs_bench_need(vrs_export_new(l->rib, &peer));
	vrs_propagation_submit(&l->propagation, l->export);
	settle(l);
}

static void full(struct vrs_bench_state *s, const struct vrs_bench *b)
{
	size_t n = (size_t)vrs_bench_range(s);
	uint64_t passes = 0, messages, bytes;
	struct lab l;

	lab_init(&l, b->afi, n);
	listen_as_peer(&l);
	messages = l.messages;
	bytes = l.bytes;
	while (vrs_bench_keep(s, n)) {
		vrs_rcu_enter();
		vrs_export_mark_all(l.export);
		vrs_rcu_leave();
		settle(&l);
		passes++;
	}
	messages = l.messages - messages;
	bytes = l.bytes - bytes;
	if (atomic_load(&l.export->n_told) != n || atomic_load(&l.rib->pending) != 0)
		vrs_bench_fail(s, "the peer was not told everything");
	/* At least length and two bytes a prefix, and a header a message. */
	if (bytes < passes * n * 3 + messages * VRS_BGP_HEADER_SIZE || messages > passes * n)
		vrs_bench_fail(s, "too little was encoded");
	vrs_bench_rate(s, vrs_bench_items(s), bytes);
	vrs_bench_counter_rate(s, "messages/s", (double)messages);
	lab_fini(&l);
}

/* Every entry's attributes and next hop change. */
static void turn(struct vrs_bench_state *s, const struct vrs_bench *b)
{
	size_t n = (size_t)vrs_bench_range(s);
	uint64_t deltas, passes = 0;
	unsigned hop = 0;
	struct lab l;

	lab_init(&l, b->afi, n);
	vrs_bench_rib_other_hop(&l.in);
	deltas = atomic_load(&l.rib->n_deltas);
	while (vrs_bench_keep(s, n)) {
		vrs_bench_pause(s);
		hop ^= 1;
		if (vrs_bench_rib_announce(&l.in, 0, l.in.decoded->n, passes, hop) != n)
			vrs_bench_fail(s, "prefixes are missing");
		vrs_bench_resume(s);
		settle(&l);
		passes++;
	}
	deltas = atomic_load(&l.rib->n_deltas) - deltas;
	if (deltas != passes * n)
		vrs_bench_fail(s, "changes are missing");
	vrs_bench_rate(s, vrs_bench_items(s), 0);
	lab_fini(&l);
}

const struct vrs_bench vrs_bench_export[] = {
	{"export/full/ip4", full, VRS_AFI_IP4, 0, {10000, 1000000}, true},
	{"export/full/ip6", full, VRS_AFI_IP6, 0, {10000, 200000}, true},
	{"export/turn/ip4", turn, VRS_AFI_IP4, 0, {10000, 1000000}, true},
	{"export/turn/ip6", turn, VRS_AFI_IP6, 0, {10000, 200000}, true},
	{0},
};
