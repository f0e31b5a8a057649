/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#include "rib/aspath.h"

#include "tests/test.h"

/* 65001 65010 {1 2}, and the same cut short. */
static const uint8_t mixed[] = {
	2, 2, 0, 0, 0xfd, 0xe9, 0, 0, 0xfd, 0xf2, 1, 2, 0, 0, 0, 1, 0, 0, 0, 2};
static const struct vrs_span path = {mixed, sizeof(mixed)};

static void a_set_counts_one_hop(void **)
{
	assert_int_equal(vrs_aspath_len(path), 3);
	assert_int_equal(vrs_aspath_len((struct vrs_span){NULL, 0}), 0);
}

static void an_as_is_found_in_sequences_and_sets(void **)
{
	assert_true(vrs_aspath_contains(path, 65010));
	assert_true(vrs_aspath_contains(path, 2));
	assert_false(vrs_aspath_contains(path, 3));
}

static void the_first_as_is_that_of_a_leading_sequence(void **)
{
	assert_int_equal(vrs_aspath_first(path), 65001);
	assert_int_equal(vrs_aspath_first((struct vrs_span){mixed + 10, 10}), 0);
	assert_int_equal(vrs_aspath_first((struct vrs_span){NULL, 0}), 0);
}

static void text_shows_separator_and_sets(void **)
{
	char s[64];

	assert_string_equal(vrs_aspath_str(path, " ", s, sizeof(s)), "65001 65010 {1 2}");
	assert_string_equal(vrs_aspath_str(path, "-", s, sizeof(s)), "65001-65010-{1 2}");
	assert_string_equal(vrs_aspath_str((struct vrs_span){NULL, 0}, " ", s, sizeof(s)), "");
}

static void text_that_does_not_fit_ends_in_dots(void **)
{
	char s[64];

	for (size_t size = 4; size <= strlen("65001 65010 {1 2}"); size++) {
		vrs_aspath_str(path, " ", s, size);
		assert_true(strlen(s) < size);
		assert_string_equal(s + strlen(s) - 3, "...");
	}
	assert_string_equal(vrs_aspath_str(path, " ", s, 18), "65001 65010 {1 2}");
}

static void bytes_cut_short_stay_in_bounds(void **)
{
	char s[64];

	for (size_t size = 0; size < sizeof(mixed); size++) {
		struct vrs_span cut = {mixed, size};

		assert_true(vrs_aspath_len(cut) <= 2);
		(void)vrs_aspath_contains(cut, 2);
		(void)vrs_aspath_first(cut);
		(void)vrs_aspath_str(cut, " ", s, sizeof(s));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_set_counts_one_hop),
		cmocka_unit_test(an_as_is_found_in_sequences_and_sets),
		cmocka_unit_test(the_first_as_is_that_of_a_leading_sequence),
		cmocka_unit_test(text_shows_separator_and_sets),
		cmocka_unit_test(text_that_does_not_fit_ends_in_dots),
		cmocka_unit_test(bytes_cut_short_stay_in_bounds),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
