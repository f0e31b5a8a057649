/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#include "rib/community.h"

#include "tests/test.h"

static void a_standard_community_is_two_numbers(void **)
{
	char s[VRS_COMMUNITY_STRLEN];

	assert_string_equal(vrs_community_str(0xfde90064, s), "65001:100");
	assert_string_equal(vrs_community_str(VRS_COMMUNITY_NO_EXPORT, s), "65535:65281");
}

static void an_extended_community_names_what_it_knows(void **)
{
	static const struct {
		uint8_t value[8];
		const char *text;
	} rows[] = {
		{{0x00, 2, 0xfd, 0xe9, 0, 0, 0, 100}, "rt:65001:100"},
		{{0x40, 3, 0xfd, 0xe9, 0, 0, 0, 100}, "ro:65001:100"},
		{{0x01, 2, 10, 0, 0, 1, 0, 7}, "rt:10.0.0.1:7"},
		{{0x02, 2, 0, 1, 0, 0, 0, 7}, "rt:65536:7"},
		{{0x43, 0, 0, 0, 0, 0, 0, 1}, "generic:0x43000000:0x1"},
		{{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, "generic:0xffffffff:0xffffffff"},
	};
	char s[VRS_COMMUNITY_STRLEN];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_string_equal(vrs_ext_community_str(rows[i].value, s), rows[i].text);
}

static void a_large_community_is_three_numbers(void **)
{
	static const uint8_t value[12] = {0xff, 0xff, 0xff, 0xff, 0, 0, 0, 1, 0, 0, 0, 2};
	char s[VRS_COMMUNITY_STRLEN];

	assert_string_equal(vrs_large_community_str(value, s), "4294967295:1:2");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_standard_community_is_two_numbers),
		cmocka_unit_test(an_extended_community_names_what_it_knows),
		cmocka_unit_test(a_large_community_is_three_numbers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
