/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#pragma once

/**
 * @file
 * A histogram of 64-bit values, nanoseconds mostly: eight buckets to an octave, so that what it
 * says is at most an eighth too large.
 *
 * **Threads.** One writer at a time. Any thread reads at any moment: every bucket is right, a value
 * that is being added is in some of the figures and not yet in others. **Cost.** Adding is a few
 * nanoseconds: two counters and a comparison, no lock, no allocation; 4 KiB each.
 */

#include <stdatomic.h>
#include <stdint.h>

enum {
	VRS_HIST_BITS = 3, /**< Of a value behind its highest bit that tell its bucket. */
	VRS_HIST_SUB = 1 << VRS_HIST_BITS,
	VRS_HIST_BUCKETS = (64 - VRS_HIST_BITS + 1) * VRS_HIST_SUB,
};

struct vrs_hist {
	_Atomic uint64_t sum, max;
	_Atomic uint64_t counts[VRS_HIST_BUCKETS];
};

/** What a histogram was at some time, or several together. */
struct vrs_hist_copy {
	uint64_t n, sum, max;
	uint64_t counts[VRS_HIST_BUCKETS];
};

/** The bucket of a value. */
static inline unsigned vrs_hist_bucket(uint64_t v)
{
	if (v < VRS_HIST_SUB)
		return (unsigned)v;
	unsigned shift = 63u - (unsigned)__builtin_clzll(v) - VRS_HIST_BITS;
	/* The highest bit of v >> shift is the one that the octave's number stands for. */
	return shift * VRS_HIST_SUB + (unsigned)(v >> shift);
}

/** The smallest value of a bucket. */
static inline uint64_t vrs_hist_floor(unsigned bucket)
{
	unsigned octave = bucket / VRS_HIST_SUB;

	if (octave < 2)
		return bucket;
	return (uint64_t)(bucket % VRS_HIST_SUB + VRS_HIST_SUB) << (octave - 1);
}

/** The largest value of a bucket. */
static inline uint64_t vrs_hist_ceiling(unsigned bucket)
{
	return bucket + 1 < VRS_HIST_BUCKETS ? vrs_hist_floor(bucket + 1) - 1 : UINT64_MAX;
}

/** Add a value. The writer. */
static inline void vrs_hist_add(struct vrs_hist *h, uint64_t v)
{
	_Atomic uint64_t *c = &h->counts[vrs_hist_bucket(v)];

	/* One writer: plain additions that readers may see late. */
	atomic_store_explicit(
		c, atomic_load_explicit(c, memory_order_relaxed) + 1, memory_order_relaxed);
	atomic_store_explicit(&h->sum, atomic_load_explicit(&h->sum, memory_order_relaxed) + v,
		memory_order_relaxed);
	if (v > atomic_load_explicit(&h->max, memory_order_relaxed))
		atomic_store_explicit(&h->max, v, memory_order_relaxed);
}

/** Add what @p h holds to @p to, which is all zero or holds others'. Any thread. */
void vrs_hist_read(const struct vrs_hist *h, struct vrs_hist_copy *to);

/** The value that @p of of @p in values do not exceed (99 of 100, say), rounded up to its bucket's
 *  end, but not above the largest; 0 when there is none. */
uint64_t vrs_hist_percentile(const struct vrs_hist_copy *h, uint32_t of, uint32_t in);

/** How many values are below @p v, a power of two: exact. */
uint64_t vrs_hist_below(const struct vrs_hist_copy *h, uint64_t v);
