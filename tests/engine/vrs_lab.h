/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#pragma once

/**
 * @file
 * A world for tests of engine/vrs.h: a vrs whose configuration varies, and peers that are in the engine's table
 * without sessions. And what a host keeps of it: a forwarding table from a cursor alone, which must answer every
 * address as a look-up does.
 *
 * **Threads.** A world belongs to the test's thread; functions that say "Owner" run where the table's owner does,
 * by vrs_engine_call_io() where that is another thread.
 */

#include <stdbool.h>
#include <stdint.h>

#include "engine/vrs.h"
#include "engine/vrs_internal.h"
#include "tests/random.h"

enum { PEERS = 3, PREFIXES = 96, NICS = 5, FIB_MAX = 256, HOPS_MAX = 4 };

/** What may differ between two configurations of a script. */
struct variant {
	unsigned threads, user, closed, endpoint, extra;
	bool without_rs, second_ip;
};

/** A vrs, and peers that are in its table. */
struct world {
	struct vrs *vrs;
	struct variant variant;
	struct vrs_server *server;
	int slots[PEERS];
	uint32_t nics[NICS];
	struct rng rng;
	struct vrs_prefix prefixes[PREFIXES];
};

/** What the route server has too in the variant, and nobody may use as a next hop then. */
extern const struct vrs_addr second_ip;

extern const char *const nic_names[NICS];

/** The configuration, in memory that the next call writes anew. */
const char *yaml(const struct variant *x);

struct world *world_new(const struct variant *x, const struct vrs_options *options);
void world_free(struct world *w);

/** Put the peers in the table of its first route server; arg is the world. Owner. */
void add_peers(void *arg);

/** As its variant is now. */
void reload(struct world *w);

/** Peer @p peer announces a prefix. Owner. */
void announce(
	struct world *w, unsigned peer, const struct vrs_prefix *p, const struct vrs_addr *hop);

/** It does with one of its next hops, or withdraws it. Owner. */
void tell(struct world *w, unsigned peer, const struct vrs_prefix *p, bool announced);

/** Some of that at random; arg is the world. Owner. */
void churn(void *arg);

/** Poll until there is nothing to do. */
void settle(struct world *w);

struct vrs_status status_of(struct world *w);

/** Of a forwarding table. */
struct entry {
	struct vrs_net net;
	uint8_t source, type;
	uint32_t n;
	struct vrs_ip hops[HOPS_MAX];
};

/** A forwarding table kept from a cursor. */
struct fib {
	struct vrs_cursor *cursor;
	struct entry entries[FIB_MAX];
	size_t n;
	unsigned resyncs;
	uint64_t sequence;
};

struct fib *fib_new(struct world *w, unsigned nic);
void fib_close(struct fib *f);

/** Until there is nothing new. @return Whether it had to begin anew. */
bool fib_follow(struct fib *f);

/** An address that some prefix covers, perhaps. */
struct vrs_ip some_ip(struct world *w);

/** The NIC's look-ups, one by one and in bulk, say what the forwarding table says. */
void check_fib(struct world *w, unsigned nic, const struct fib *f);

/** A batch of NICs at random answers each as if alone. */
void check_mixed(struct world *w);

/** For walks: ctx is an uint64_t. */
int count(void *ctx, const struct vrs_net *net, const struct vrs_hops *hops);
