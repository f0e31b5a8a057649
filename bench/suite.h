/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#pragma once

/**
 * @file
 * The benchmarks of each file as a table of rows, and the data they share.
 *
 * **Ownership.** Data is made when first asked for, kept, and borrowed by whoever asks again:
 * every repetition works on the same tables. **Threads.** main's only.
 */

#include "bench/shim.h"
#include "rib/base/reclaim.h"
#include "rib/radix.h"
#include "tools/vrslab/routes.h"
#include "tools/vrslab/stream.h"

/** One benchmark, registered once a range. */
struct vrs_bench {
	const char *name; /**< "radix/find/ip4"; NULL ends the table. */
	void (*run)(struct vrs_bench_state *s, const struct vrs_bench *b);
	enum vrs_afi afi;
	int variant;       /**< The file's. */
	int64_t ranges[5]; /**< Ended by 0 where there are fewer. */
	bool sized; /**< The range is a number of prefixes: those over the cap are left out. */
};

extern const struct vrs_bench vrs_bench_decode[];
extern const struct vrs_bench vrs_bench_intern[];
extern const struct vrs_bench vrs_bench_radix[];
extern const struct vrs_bench vrs_bench_shards[];
extern const struct vrs_bench vrs_bench_table[];
extern const struct vrs_bench vrs_bench_decide[];
extern const struct vrs_bench vrs_bench_commit[];
extern const struct vrs_bench vrs_bench_overlay[];
extern const struct vrs_bench vrs_bench_effective[];
extern const struct vrs_bench vrs_bench_model[];
extern const struct vrs_bench vrs_bench_latency[];
extern const struct vrs_bench vrs_bench_encode[];
extern const struct vrs_bench vrs_bench_export[];

/** @return @p n, or the cap on prefixes (VRS_BENCH_MAX_PREFIXES, for smoke tests) if lower. */
size_t vrs_bench_cap(size_t n);

/** Numbers 0..n-1 in a seeded random order. */
struct vrs_bench_order {
	uint32_t *at;
	size_t n;
};

/** A table of one family in several forms. */
struct vrs_bench_data {
	enum vrs_afi afi;
	size_t n;
	struct vrs_routes routes;     /**< vrslab's synthetic table, n prefixes. */
	struct vrs_stream stream;     /**< Its UPDATEs from AS 65001 with 4-byte AS numbers. */
	struct vrs_bench_order order; /**< Of the routes. */
	struct vrs_prefix *shuffled;  /**< Its prefixes in that order, so that reading them in turn
				       *   misses no cache, but what is done with them does. */
	struct vrs_addr *addrs;       /**< n addresses: addrs[i] lies in shuffled[i]. */
};

/** @return Data of @p n prefixes; the program ends when there is no memory. */
const struct vrs_bench_data *vrs_bench_data(enum vrs_afi afi, size_t n);

/** @return The order of @p n things for @p seed. The program ends when there is no memory. Owned. */
struct vrs_bench_order vrs_bench_order(size_t n, uint64_t seed);

/** Attribute sets as an eBGP peer's UPDATEs make them: canonical bytes with their facts. */
struct vrs_bench_set {
	struct vrs_span bytes;
	struct vrs_attrs_info *info;
};

/** One UPDATE of data's stream, decoded. */
struct vrs_bench_update {
	struct vrs_span nlri; /**< Borrowed from the data. */
	uint32_t n;           /**< Prefixes. */
	uint32_t set;         /**< In sets[]: as many as there are messages. */
};

/** What a session's decoder made of a stream. */
struct vrs_bench_decoded {
	struct vrs_bench_update *updates;  /**< As sent. */
	struct vrs_bench_update *shuffled; /**< In random order, their NLRI one behind the other. */
	struct vrs_bench_set *sets;
	size_t n;      /**< Of each. */
	uint8_t *nlri; /**< What those in shuffled borrow. */
	struct vrs_bench_order order;
};

/** @return That of vrs_bench_data(afi, n), cached likewise. */
const struct vrs_bench_decoded *vrs_bench_decoded(enum vrs_afi afi, size_t n);

/** End the program: set-up failed. */
_Noreturn void vrs_bench_die(const char *what);

/** @return @p p, unless it is NULL: then the program ends. For set-up. */
static inline void *vrs_bench_need(void *p)
{
	if (p == NULL)
		vrs_bench_die("out of memory");
	return p;
}

/** End the program with @p what unless @p ok. For set-up. */
static inline void vrs_bench_must(bool ok, const char *what)
{
	if (!ok)
		vrs_bench_die(what);
}
