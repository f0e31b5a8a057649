/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#pragma once

/**
 * @file
 * A log-linear histogram of latencies, and its HdrHistogram V2 encoding, so that what is measured
 * here can be read by any HdrHistogram reader. (Debian 12 has no HdrHistogram library.)
 *
 * Values are nanoseconds by convention; the recorder does not care. A value is known to 1 part
 * in 10^digits. Recording is a handful of instructions, and never allocates.
 *
 * Threads: one writer per histogram; add them up at the end.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "rib/base/macro.h"

struct vrs_hdr {
	uint64_t *counts;
	uint32_t n_counts;
	uint32_t half_bits; /* log2 of half the sub-buckets. */
	int digits;
	uint64_t highest;
	uint64_t n, n_clamped; /**< Values recorded; those of them over the highest. */
	uint64_t min, max;     /**< As recorded; min is UINT64_MAX when there is none. */
	long double sum;       /**< Of the values recorded. */
};

/**
 * @param highest  Largest value that is told apart; larger ones count as it. 2 to 2^62.
 * @param digits   Significant decimal digits, 1 to 5.
 * @return         0, -EINVAL or -ENOMEM.
 */
VRS_NODISCARD int vrs_hdr_init(struct vrs_hdr *h, uint64_t highest, int digits);
void vrs_hdr_fini(struct vrs_hdr *h);
void vrs_hdr_reset(struct vrs_hdr *h);

/** Count @p value @p n times. */
void vrs_hdr_record_n(struct vrs_hdr *h, uint64_t value, uint64_t n);

static inline void vrs_hdr_record(struct vrs_hdr *h, uint64_t value)
{
	vrs_hdr_record_n(h, value, 1);
}

/** Add what @p from has. Both must have the same highest and digits. */
void vrs_hdr_add(struct vrs_hdr *h, const struct vrs_hdr *from);

/**
 * The smallest value that at least @p percentile per cent of the values do not exceed, as the
 * largest value of its bucket (the recorded maximum at most). 0 without values.
 */
uint64_t vrs_hdr_percentile(const struct vrs_hdr *h, double percentile);

double vrs_hdr_mean(const struct vrs_hdr *h);

/**
 * The V2 compressed encoding in base64 ("HISTF..."): what stands in a HdrHistogram log line.
 *
 * @return A string to free(), or NULL for want of memory.
 */
char *vrs_hdr_encode(const struct vrs_hdr *h);

/** The head of a HdrHistogram log (version 1.3). @p start_s: seconds since 1970. */
void vrs_hdr_log_head(FILE *to, const char *comment, double start_s);

/**
 * One line of the log.
 *
 * @param tag       Name of the measure, or NULL.
 * @param at_s      Begin of the interval, seconds after the log's start time.
 * @param length_s  Its length.
 * @return          0 or -ENOMEM.
 */
VRS_NODISCARD int vrs_hdr_log_line(
	FILE *to, const char *tag, double at_s, double length_s, const struct vrs_hdr *h);

/**
 * The percentile distribution as text ("hgrm"), five steps to half the distance of 100 %.
 *
 * @param unit  Values are divided by it, 1000 for microseconds out of nanoseconds.
 */
void vrs_hdr_print(FILE *to, const struct vrs_hdr *h, double unit);
