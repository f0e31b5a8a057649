/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#include "tools/vrslab/hdr.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "rib/base/bytes.h"

/*
 * Sub-buckets 0 .. 2^(half_bits + 1) - 1 count single values. Every further bucket has the upper
 * half of as many, each twice as wide as in the bucket before: the place of a value is its
 * bucket's number and its leading half_bits + 1 bits.
 */

enum {
	COOKIE = 0x1c849313,            /* V2, counts as LEB128. */
	COOKIE_COMPRESSED = 0x1c849314, /* The same in zlib's format. */
	HEAD = 40,
	LEB_MAX = 9,
	TICKS_PER_HALF = 5,
};

static uint32_t index_of(const struct vrs_hdr *h, uint64_t value)
{
	uint64_t below = ((uint64_t)2 << h->half_bits) - 1;
	unsigned bucket = 64 - (unsigned)__builtin_clzll(value | below) - (h->half_bits + 1);

	return (uint32_t)(((uint64_t)bucket << h->half_bits) + (value >> bucket));
}

/* The largest value that is counted at the same place. */
static uint64_t highest_at(const struct vrs_hdr *h, uint32_t index)
{
	uint32_t bucket = index >> h->half_bits;
	uint64_t sub = index & ((1u << h->half_bits) - 1);

	if (bucket == 0)
		return sub;
	bucket--;
	return ((sub + (1ull << h->half_bits) + 1) << bucket) - 1;
}

int vrs_hdr_init(struct vrs_hdr *h, uint64_t highest, int digits)
{
	uint64_t told_apart = 2;

	if (digits < 1 || digits > 5 || highest < 2 || highest > 1ull << 62)
		return -EINVAL;
	for (int i = 0; i < digits; i++)
		told_apart *= 10;
	*h = (struct vrs_hdr){.highest = highest, .digits = digits};
	h->half_bits = 64 - (unsigned)__builtin_clzll(told_apart - 1) - 1;
	h->n_counts = index_of(h, highest) + 1;
	h->counts = calloc(h->n_counts, sizeof(*h->counts));
	h->min = UINT64_MAX;
	return h->counts == NULL ? -ENOMEM : 0;
}

void vrs_hdr_fini(struct vrs_hdr *h)
{
	free(h->counts);
	h->counts = NULL;
}

void vrs_hdr_reset(struct vrs_hdr *h)
{
	memset(h->counts, 0, h->n_counts * sizeof(*h->counts));
	h->n = h->n_clamped = h->max = 0;
	h->sum = 0;
	h->min = UINT64_MAX;
}

void vrs_hdr_record_n(struct vrs_hdr *h, uint64_t value, uint64_t n)
{
	if (n == 0)
		return;
	if (value > h->highest) {
		value = h->highest;
		h->n_clamped += n;
	}
	h->counts[index_of(h, value)] += n;
	h->n += n;
	h->sum += (long double)value * (long double)n;
	h->min = VRS_MIN(h->min, value);
	h->max = VRS_MAX(h->max, value);
}

void vrs_hdr_add(struct vrs_hdr *h, const struct vrs_hdr *from)
{
	assert(h->highest == from->highest && h->digits == from->digits);
	for (uint32_t i = 0; i < h->n_counts; i++)
		h->counts[i] += from->counts[i];
	h->n += from->n;
	h->n_clamped += from->n_clamped;
	h->sum += from->sum;
	h->min = VRS_MIN(h->min, from->min);
	h->max = VRS_MAX(h->max, from->max);
}

uint64_t vrs_hdr_percentile(const struct vrs_hdr *h, double percentile)
{
	double rank = VRS_MIN(VRS_MAX(percentile, 0.0), 100.0) / 100 * (double)h->n;
	/* 99.9 % of 1000 are 999, whatever binary fractions make of it. */
	uint64_t want = (uint64_t)ceil(rank - rank * 1e-12), seen = 0;

	want = VRS_MAX(VRS_MIN(want, h->n), 1);
	for (uint32_t i = 0; i < h->n_counts; i++) {
		seen += h->counts[i];
		if (seen >= want)
			return VRS_MIN(highest_at(h, i), h->max);
	}
	return 0;
}

double vrs_hdr_mean(const struct vrs_hdr *h)
{
	return h->n == 0 ? 0 : (double)(h->sum / (long double)h->n);
}

/* --- The V2 encoding --- */

/* LEB128 whose ninth byte has all eight bits. */
static size_t put_leb(uint8_t *to, uint64_t v)
{
	size_t n = 0;

	for (; n < LEB_MAX - 1 && v > 0x7f; v >>= 7)
		to[n++] = (uint8_t)(v | 0x80);
	to[n++] = (uint8_t)v;
	return n;
}

/*
 * Counts in order up to the last that is not 0; a run of zeros as its length, negative. ZigZag
 * makes 2n of a count n and 2n - 1 of n zeros.
 */
static size_t put_counts(const struct vrs_hdr *h, uint8_t *to)
{
	uint32_t end = h->n == 0 ? 0 : index_of(h, h->max) + 1;
	size_t size = 0;

	for (uint32_t i = 0; i < end;) {
		uint64_t zeros = 0;

		for (; i < end && h->counts[i] == 0; i++)
			zeros++;
		if (zeros != 0)
			size += put_leb(to + size, 2 * zeros - 1);
		else
			size += put_leb(to + size, 2 * h->counts[i++]);
	}
	return size;
}

static void put_u64(uint8_t *to, uint64_t v)
{
	vrs_put_u32(to, (uint32_t)(v >> 32));
	vrs_put_u32(to + 4, (uint32_t)v);
}

static char *base64(const uint8_t *bytes, size_t n)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	char *text = malloc((n + 2) / 3 * 4 + 1), *at = text;

	for (size_t i = 0; text != NULL && i < n; i += 3) {
		uint32_t three = (uint32_t)bytes[i] << 16;

		three |= i + 1 < n ? (uint32_t)bytes[i + 1] << 8 : 0;
		three |= i + 2 < n ? bytes[i + 2] : 0;
		*at++ = digits[three >> 18 & 63];
		*at++ = digits[three >> 12 & 63];
		*at++ = (char)(i + 1 < n ? digits[three >> 6 & 63] : '=');
		*at++ = (char)(i + 2 < n ? digits[three & 63] : '=');
	}
	if (text != NULL)
		*at = '\0';
	return text;
}

char *vrs_hdr_encode(const struct vrs_hdr *h)
{
	uint64_t one = 0x3ff0000000000000; /* The ratio of integers to doubles: 1.0. */
	uint8_t *plain = malloc(HEAD + (size_t)h->n_counts * LEB_MAX), *packed = NULL;
	char *text = NULL;

	if (plain == NULL)
		return NULL;
	size_t size = put_counts(h, plain + HEAD);
	vrs_put_u32(plain, COOKIE);
	vrs_put_u32(plain + 4, (uint32_t)size);
	vrs_put_u32(plain + 8, 0); /* Normalizing index offset. */
	vrs_put_u32(plain + 12, (uint32_t)h->digits);
	put_u64(plain + 16, 1); /* Lowest value told apart. */
	put_u64(plain + 24, h->highest);
	put_u64(plain + 32, one);
	uLongf n = compressBound(HEAD + size);
	packed = malloc(8 + n);
	if (packed != NULL && compress(packed + 8, &n, plain, HEAD + size) == Z_OK) {
		vrs_put_u32(packed, COOKIE_COMPRESSED);
		vrs_put_u32(packed + 4, (uint32_t)n);
		text = base64(packed, 8 + n);
	}
	free(packed);
	free(plain);
	return text;
}

/* --- Text --- */

void vrs_hdr_log_head(FILE *to, const char *comment, double start_s)
{
	(void)fprintf(to, "#[Histogram log format version 1.3]\n");
	(void)fprintf(to, "#[%s]\n", comment);
	(void)fprintf(to, "#[StartTime: %.3f (seconds since epoch)]\n", start_s);
	(void)fprintf(to,
		"\"StartTimestamp\",\"Interval_Length\",\"Interval_Max\","
		"\"Interval_Compressed_Histogram\"\n");
}

int vrs_hdr_log_line(
	FILE *to, const char *tag, double at_s, double length_s, const struct vrs_hdr *h)
{
	enum { NS_PER_MS = 1000000 }; /* The maximum stands there in milliseconds. */
	char *text = vrs_hdr_encode(h);

	if (text == NULL)
		return -ENOMEM;
	if (tag != NULL)
		(void)fprintf(to, "Tag=%s,", tag);
	(void)fprintf(to, "%.3f,%.3f,%.3f,%s\n", at_s, length_s, (double)h->max / NS_PER_MS, text);
	free(text);
	return 0;
}

void vrs_hdr_print(FILE *to, const struct vrs_hdr *h, double unit)
{
	uint64_t seen = 0;
	double next = 0, mean = vrs_hdr_mean(h), squares = 0;

	(void)fprintf(to, "%12s %14s %10s %14s\n\n", "Value", "Percentile", "TotalCount",
		"1/(1-Percentile)");
	for (uint32_t i = 0; i < h->n_counts && seen < h->n; i++) {
		double value = (double)VRS_MIN(highest_at(h, i), h->max);

		seen += h->counts[i];
		squares += (double)h->counts[i] * (value - mean) * (value - mean);
		double share = (double)seen / (double)h->n;
		if (h->counts[i] == 0 || (share < next && seen < h->n))
			continue;
		if (seen == h->n)
			(void)fprintf(to, "%12.3f %14.12f %10llu\n", value / unit, 1.0,
				(unsigned long long)seen);
		else
			(void)fprintf(to, "%12.3f %14.12f %10llu %14.2f\n", value / unit, share,
				(unsigned long long)seen, 1 / (1 - share));
		/* TICKS_PER_HALF lines for each half of what is left. */
		double left = pow(2, floor(log2(1 / VRS_MAX(1 - share, 1e-12))) + 1);
		next = share + 1 / (left * TICKS_PER_HALF);
	}
	(void)fprintf(to, "#[Mean    = %12.3f, StdDeviation   = %12.3f]\n", mean / unit,
		h->n == 0 ? 0 : sqrt(squares / (double)h->n) / unit);
	(void)fprintf(to, "#[Max     = %12.3f, Total count    = %12llu]\n", (double)h->max / unit,
		(unsigned long long)h->n);
	(void)fprintf(to, "#[Buckets = %12u, SubBuckets     = %12u]\n", h->n_counts >> h->half_bits,
		2u << h->half_bits);
}
