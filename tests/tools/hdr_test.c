/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#include "tools/vrslab/hdr.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "rib/base/bytes.h"
#include "tests/random.h"
#include "tests/test.h"

#define HOUR_NS 3600000000000ull

enum { N_VALUES = 20000 };

static int cmp(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* Latencies as they come: many small ones, and some of every size. */
static uint64_t value(struct rng *r)
{
	return rng_u64(r) >> (20 + rng_below(r, 40));
}

static void percentiles_are_right_to_the_digits(void **state)
{
	static const double asked[] = {0, 1, 10, 50, 90, 99, 99.9, 99.99, 100};
	struct rng r = {rng_seed("hdr")};
	uint64_t *values = malloc(N_VALUES * sizeof(*values));

	assert_non_null(values);
	for (int digits = 1; digits <= 5; digits++) {
		struct vrs_hdr h;
		double coarse = 1;

		assert_int_equal(vrs_hdr_init(&h, 1ull << 45, digits), 0);
		for (int i = 0; i < digits; i++)
			coarse /= 10;
		for (size_t i = 0; i < N_VALUES; i++)
			vrs_hdr_record(&h, values[i] = value(&r));
		qsort(values, N_VALUES, sizeof(*values), cmp);
		assert_int_equal(h.n, N_VALUES);
		assert_int_equal(h.min, values[0]);
		assert_int_equal(h.max, values[N_VALUES - 1]);
		for (size_t i = 0; i < VRS_N_ELEMS(asked); i++) {
			size_t rank = (size_t)(asked[i] / 100 * N_VALUES + 0.999999);
			uint64_t want = values[rank == 0 ? 0 : rank - 1];
			uint64_t have = vrs_hdr_percentile(&h, asked[i]);

			if (have < want || (double)(have - want) > (double)want * coarse)
				fail_msg("%d digits, %g %%: %llu, not %llu", digits, asked[i],
					(unsigned long long)have, (unsigned long long)want);
		}
		vrs_hdr_fini(&h);
	}
	free(values);
}

static void what_is_too_large_counts_as_the_largest(void **state)
{
	struct vrs_hdr h;

	assert_int_equal(vrs_hdr_init(&h, 1000, 3), 0);
	vrs_hdr_record(&h, 1000);
	vrs_hdr_record_n(&h, UINT64_MAX, 2);
	assert_int_equal(h.n, 3);
	assert_int_equal(h.n_clamped, 2);
	assert_int_equal(vrs_hdr_percentile(&h, 100), 1000);
	vrs_hdr_fini(&h);
}

static void an_empty_one_has_no_percentile(void **state)
{
	struct vrs_hdr h;

	assert_int_equal(vrs_hdr_init(&h, HOUR_NS, 3), 0);
	assert_int_equal(vrs_hdr_percentile(&h, 50), 0);
	assert_true(vrs_hdr_mean(&h) == 0);
	vrs_hdr_fini(&h);
	assert_int_equal(vrs_hdr_init(&h, HOUR_NS, 0), -EINVAL);
	assert_int_equal(vrs_hdr_init(&h, HOUR_NS, 6), -EINVAL);
	assert_int_equal(vrs_hdr_init(&h, 1, 3), -EINVAL);
}

static void the_sum_of_two_is_both(void **state)
{
	struct rng r = {rng_seed("hdr")};
	struct vrs_hdr h[3];

	for (size_t i = 0; i < 3; i++)
		assert_int_equal(vrs_hdr_init(&h[i], HOUR_NS, 3), 0);
	for (size_t i = 0; i < N_VALUES; i++) {
		uint64_t v = value(&r);

		vrs_hdr_record(&h[i % 2], v);
		vrs_hdr_record(&h[2], v);
	}
	vrs_hdr_add(&h[0], &h[1]);
	assert_memory_equal(h[0].counts, h[2].counts, h[2].n_counts * sizeof(*h[2].counts));
	assert_int_equal(h[0].n, h[2].n);
	assert_int_equal(h[0].min, h[2].min);
	assert_int_equal(h[0].max, h[2].max);
	vrs_hdr_reset(&h[0]);
	assert_int_equal(h[0].n, 0);
	assert_int_equal(vrs_hdr_percentile(&h[0], 99), 0);
	for (size_t i = 0; i < 3; i++)
		vrs_hdr_fini(&h[i]);
}

/* --- The encoding, read again here as its specification says --- */

static size_t decode_base64(const char *text, uint8_t *to)
{
	uint32_t bits = 0;
	size_t n = 0, n_bits = 0;

	for (; *text != '\0' && *text != '='; text++) {
		static const char digits[] =
			"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
		const char *d = strchr(digits, *text);

		assert_non_null(d);
		bits = bits << 6 | (uint32_t)(d - digits);
		n_bits += 6;
		if (n_bits >= 8)
			to[n++] = (uint8_t)(bits >> (n_bits -= 8));
	}
	return n;
}

static int64_t read_leb(struct vrs_reader *r)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < 9; i++) {
		uint8_t b = vrs_read_u8(r);

		v |= (uint64_t)(i < 8 ? b & 0x7f : b) << 7 * i;
		if (i == 8 || !(b & 0x80))
			break;
	}
	return (int64_t)(v >> 1) ^ -(int64_t)(v & 1);
}

static void check_encoding(const struct vrs_hdr *h)
{
	char *text = vrs_hdr_encode(h);
	uint8_t *packed = malloc(strlen(text)), *plain;
	uLongf size = 40 + (size_t)h->n_counts * 9;
	uint32_t at = 0;

	assert_true(strncmp(text, "HISTF", 5) == 0);
	plain = malloc(size);
	size_t n = decode_base64(text, packed);
	struct vrs_reader r = vrs_reader_span((struct vrs_span){packed, n});
	assert_int_equal(vrs_read_u32(&r), 0x1c849314);
	assert_int_equal(vrs_read_u32(&r), n - 8);
	assert_int_equal(uncompress(plain, &size, packed + 8, n - 8), Z_OK);
	r = vrs_reader_span((struct vrs_span){plain, size});
	assert_int_equal(vrs_read_u32(&r), 0x1c849313);
	assert_int_equal(vrs_read_u32(&r), size - 40);
	assert_int_equal(vrs_read_u32(&r), 0);
	assert_int_equal(vrs_read_u32(&r), h->digits);
	(void)vrs_read_bytes(&r, 24);
	while (vrs_reader_left(&r) > 0) {
		int64_t v = read_leb(&r);

		for (; v < 0; v++) {
			assert_true(at < h->n_counts);
			assert_int_equal(h->counts[at++], 0);
		}
		if (v > 0) {
			assert_true(at < h->n_counts);
			assert_int_equal(h->counts[at++], v);
		}
	}
	assert_true(vrs_reader_ok(&r));
	while (at < h->n_counts)
		assert_int_equal(h->counts[at++], 0);
	free(plain);
	free(packed);
	free(text);
}

static void the_encoding_holds_every_count(void **state)
{
	struct rng r = {rng_seed("hdr")};
	struct vrs_hdr h;

	assert_int_equal(vrs_hdr_init(&h, HOUR_NS, 3), 0);
	check_encoding(&h);
	for (unsigned i = 0; i < 63; i++)
		vrs_hdr_record_n(&h, 1ull << i % 41, 1ull << i);
	check_encoding(&h);
	vrs_hdr_reset(&h);
	for (size_t i = 0; i < N_VALUES; i++)
		vrs_hdr_record(&h, value(&r));
	check_encoding(&h);
	vrs_hdr_fini(&h);
}

static void the_distribution_ends_at_the_maximum(void **state)
{
	struct vrs_hdr h;
	char *text = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&text, &size);

	assert_non_null(f);
	assert_int_equal(vrs_hdr_init(&h, HOUR_NS, 3), 0);
	for (uint64_t i = 1; i <= 1000; i++)
		vrs_hdr_record(&h, i * 1000);
	vrs_hdr_print(f, &h, 1000);
	(void)fclose(f);
	assert_non_null(strstr(text, "    1000.000 1.000000000000       1000\n"));
	assert_non_null(strstr(text, "#[Max     =     1000.000, Total count    =         1000]"));
	assert_non_null(strstr(text, "#[Mean    =      500.5"));
	/* Every half of what is left has its lines. */
	assert_in_range(vrs_hdr_percentile(&h, 99.9), 999000, 999999);
	free(text);
	vrs_hdr_fini(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(percentiles_are_right_to_the_digits),
		cmocka_unit_test(what_is_too_large_counts_as_the_largest),
		cmocka_unit_test(an_empty_one_has_no_percentile),
		cmocka_unit_test(the_sum_of_two_is_both),
		cmocka_unit_test(the_encoding_holds_every_count),
		cmocka_unit_test(the_distribution_ends_at_the_maximum),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
