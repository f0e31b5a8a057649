/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

/* Histograms: every bucket's bounds, percentiles against sorted values, a reader beside a writer. */

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "rib/base/hist.h"
#include "rib/base/macro.h"
#include "tests/random.h"
#include "tests/test.h"

static void every_value_lies_in_its_bucket(void **state)
{
	assert_int_equal(vrs_hist_floor(0), 0);
	assert_int_equal(vrs_hist_ceiling(VRS_HIST_BUCKETS - 1), UINT64_MAX);
	for (unsigned i = 0; i < VRS_HIST_BUCKETS; i++) {
		uint64_t low = vrs_hist_floor(i), high = vrs_hist_ceiling(i);

		assert_true(low <= high);
		assert_int_equal(vrs_hist_bucket(low), i);
		assert_int_equal(vrs_hist_bucket(high), i);
		/* No gap, no overlap, at most an eighth wide. */
		if (i > 0)
			assert_int_equal(low, vrs_hist_ceiling(i - 1) + 1);
		assert_true(high - low <= low / 8);
	}
	for (unsigned shift = 0; shift < 64; shift++) {
		uint64_t v = 1ull << shift;

		assert_int_equal(vrs_hist_floor(vrs_hist_bucket(v)), v);
	}
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static void percentiles_are_those_of_the_sorted_values(void **state)
{
	enum { N = 20000 };
	static const uint32_t of[][2] = {
		{0, 100}, {1, 100}, {50, 100}, {90, 100}, {99, 100}, {999, 1000}, {100, 100}};
	struct rng rng = {rng_seed("hist")};
	uint64_t *twin = malloc(N * sizeof(*twin)), sum = 0;
	struct vrs_hist *h = calloc(1, sizeof(*h));
	struct vrs_hist_copy *copy = calloc(1, sizeof(*copy));

	assert_int_equal(vrs_hist_percentile(copy, 99, 100), 0);
	for (unsigned round = 0; round < 20; round++) {
		uint32_t n = 1 + rng_below(&rng, N), spread = 1 + rng_below(&rng, 63);

		memset(h, 0, sizeof(*h));
		memset(copy, 0, sizeof(*copy));
		sum = 0;
		for (uint32_t i = 0; i < n; i++) {
			twin[i] = rng_u64(&rng) >> (1 + rng_below(&rng, spread));
			sum += twin[i];
			vrs_hist_add(h, twin[i]);
		}
		qsort(twin, n, sizeof(*twin), by_value);
		vrs_hist_read(h, copy);
		assert_int_equal(copy->n, n);
		assert_int_equal(copy->sum, sum);
		assert_int_equal(copy->max, twin[n - 1]);
		for (size_t k = 0; k < VRS_N_ELEMS(of); k++) {
			uint64_t rank = ((uint64_t)n * of[k][0] + of[k][1] - 1) / of[k][1];
			uint64_t is = twin[rank > 0 ? rank - 1 : 0];
			uint64_t said = vrs_hist_percentile(copy, of[k][0], of[k][1]);

			assert_true(said >= is);
			assert_true(said - is <= is / 8);
		}
		for (unsigned shift = 0; shift < 64; shift += 3) {
			uint32_t below = 0;

			while (below < n && twin[below] < 1ull << shift)
				below++;
			assert_int_equal(vrs_hist_below(copy, 1ull << shift), below);
		}
	}
	free(copy);
	free(h);
	free(twin);
}

static void several_are_read_as_one(void **state)
{
	struct vrs_hist *a = calloc(2, sizeof(*a));
	struct vrs_hist_copy *copy = calloc(1, sizeof(*copy));

	vrs_hist_add(&a[0], 7);
	vrs_hist_add(&a[1], 1000000);
	vrs_hist_add(&a[1], 5);
	vrs_hist_read(&a[0], copy);
	vrs_hist_read(&a[1], copy);
	assert_int_equal(copy->n, 3);
	assert_int_equal(copy->sum, 1000012);
	assert_int_equal(copy->max, 1000000);
	assert_int_equal(vrs_hist_percentile(copy, 50, 100), 7);
	assert_int_equal(vrs_hist_percentile(copy, 99, 100), 1000000);
	free(copy);
	free(a);
}

struct beside {
	struct vrs_hist h;
	_Atomic bool done;
	uint64_t n_wrong, n_reads;
};

/* What it sees never shrinks, and no percentile is above what was ever added. */
static void *read_on(void *arg)
{
	struct beside *b = arg;
	struct vrs_hist_copy *copy = malloc(sizeof(*copy));
	uint64_t n = 0, sum = 0;

	do {
		memset(copy, 0, sizeof(*copy));
		vrs_hist_read(&b->h, copy);
		b->n_wrong += copy->n < n || copy->sum < sum;
		b->n_wrong += vrs_hist_percentile(copy, 999, 1000) >
			vrs_hist_ceiling(vrs_hist_bucket(1u << 20));
		n = copy->n;
		sum = copy->sum;
		b->n_reads++;
	} while (!atomic_load(&b->done));
	free(copy);
	return NULL;
}

static void a_reader_beside_the_writer_sees_it_grow(void **state)
{
	enum { N = 2000000 };
	struct beside *b = calloc(1, sizeof(*b));
	struct vrs_hist_copy *copy = calloc(1, sizeof(*copy));
	struct rng rng = {1};
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, read_on, b), 0);
	for (unsigned i = 0; i < N; i++)
		vrs_hist_add(&b->h, rng_below(&rng, 1u << 20));
	atomic_store(&b->done, true);
	assert_int_equal(pthread_join(thread, NULL), 0);
	vrs_hist_read(&b->h, copy);
	assert_int_equal(copy->n, N);
	assert_int_equal(b->n_wrong, 0);
	assert_true(b->n_reads > 0);
	free(copy);
	free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_value_lies_in_its_bucket),
		cmocka_unit_test(percentiles_are_those_of_the_sorted_values),
		cmocka_unit_test(several_are_read_as_one),
		cmocka_unit_test(a_reader_beside_the_writer_sees_it_grow),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
