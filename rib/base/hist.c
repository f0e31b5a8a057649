/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

/*
 * Bucket i of octave o (from 1) holds the values whose highest bit is o + 2 and whose next three
 * are i; what is below 8 has a bucket of its own. So a bucket is as wide as an eighth of its floor, and
 * powers of two are always floors.
 */

#include "rib/base/hist.h"

#include "rib/base/macro.h"

void vrs_hist_read(const struct vrs_hist *h, struct vrs_hist_copy *to)
{
	for (unsigned i = 0; i < VRS_HIST_BUCKETS; i++) {
		uint64_t n = atomic_load_explicit(&h->counts[i], memory_order_relaxed);

		to->counts[i] += n;
		to->n += n;
	}
	to->sum += atomic_load_explicit(&h->sum, memory_order_relaxed);
	uint64_t max = atomic_load_explicit(&h->max, memory_order_relaxed);
	to->max = VRS_MAX(to->max, max);
}

uint64_t vrs_hist_percentile(const struct vrs_hist_copy *h, uint32_t of, uint32_t in)
{
	/* Their number, rounded up, without overflow. */
	uint64_t want = h->n / in * of + (h->n % in * of + in - 1) / in, seen = 0;

	if (h->n == 0)
		return 0;
	for (unsigned i = 0; i < VRS_HIST_BUCKETS; i++) {
		seen += h->counts[i];
		if (seen >= want && seen > 0) {
			uint64_t v = vrs_hist_ceiling(i);

			/* The largest may be on its way still: then the bucket speaks. */
			return h->max >= vrs_hist_floor(i) ? VRS_MIN(v, h->max) : v;
		}
	}
	return h->max;
}

uint64_t vrs_hist_below(const struct vrs_hist_copy *h, uint64_t v)
{
	unsigned end = vrs_hist_bucket(v);
	uint64_t n = 0;

	for (unsigned i = 0; i < end; i++)
		n += h->counts[i];
	return n;
}
