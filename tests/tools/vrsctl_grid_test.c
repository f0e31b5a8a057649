/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

/* Tables of vrsctl: widths, streaming, and how JSON becomes cells. */

#include "tests/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/vrsctl/view.h"

static char *text;
static size_t size;

static FILE *begin(void)
{
	free(text);
	text = NULL;
	return open_memstream(&text, &size);
}

static void add(struct vrs_grid *g, const char *a, const char *b)
{
	const char *cells[] = {a, b};

	vrs_grid_row(g, cells);
}

static const char *const titles[] = {"A", "Long Title"};

static void columns_fit_the_rows_that_were_kept(void **state)
{
	FILE *out = begin();
	struct vrs_grid g;

	vrs_grid_init(&g, out, 2, titles, NULL, VRS_GRID_SAMPLE);
	add(&g, "wide cell", "x");
	add(&g, "y", "z");
	vrs_grid_end(&g);
	(void)fclose(out);
	assert_string_equal(text,
		"A          Long Title\n"
		"---------  ----------\n"
		"wide cell  x\n"
		"y          z\n");
}

static void later_long_cells_overflow(void **state)
{
	FILE *out = begin();
	struct vrs_grid g;

	vrs_grid_init(&g, out, 2, titles, NULL, 1);
	add(&g, "12", "x");
	add(&g, "12345", "y");
	vrs_grid_end(&g);
	(void)fclose(out);
	assert_string_equal(text, "A   Long Title\n--  ----------\n12  x\n12345  y\n");
}

static void without_a_sample_titles_go_out_at_once(void **state)
{
	const unsigned min[] = {4, 0};
	FILE *out = begin();
	struct vrs_grid g;

	vrs_grid_init(&g, out, 2, titles, min, 0);
	(void)fflush(out);
	assert_string_equal(text, "A     Long Title\n----  ----------\n");
	vrs_grid_end(&g);
	(void)fclose(out);
	assert_string_equal(text, "A     Long Title\n----  ----------\n");
}

static void control_characters_become_dots(void **state)
{
	FILE *out = begin();
	struct vrs_grid g;

	vrs_grid_init(&g, out, 2, titles, NULL, 5);
	add(&g, "a\x1b[31m\n", "\xc2\x9b|\xc3\xa4");
	add(&g, "\xc3\xa4\xc3\xb6", "x");
	vrs_grid_end(&g);
	(void)fclose(out);
	assert_null(strchr(text, '\x1b'));
	assert_non_null(strstr(text, "a.[31m.  .|\xc3\xa4\n"));
	assert_non_null(strstr(text, "\xc3\xa4\xc3\xb6       x\n"));
}

static void million_rows_keep_only_the_first(void **state)
{
	FILE *out = fopen("/dev/null", "w");
	struct vrs_grid g;

	assert_non_null(out);
	vrs_grid_init(&g, out, 2, titles, NULL, VRS_GRID_SAMPLE);
	for (unsigned i = 0; i < 1000000; i++)
		add(&g, "192.0.2.0/24", "x");
	assert_true(g.streaming);
	assert_null(g.kept.data);
	vrs_grid_end(&g);
	(void)fclose(out);
}

static const struct vrs_view nested = {
	.rows = "peerings/sessions",
	.columns = {{"Peer", "^name"}, {"State", "state"}, {"Error", "lastError"},
		{"Extra", "extra", 0, 2}},
};

static void rows_lie_in_nested_arrays(void **state)
{
	json_t *doc = json_loads("{\"peerings\":[{\"name\":\"p\",\"sessions\":[{\"state\":\"Idle\","
				 "\"lastError\":{\"code\":6,\"subcode\":2,\"text\":\"bye\","
				 "\"direction\":\"received\"}},{\"state\":\"Active\",\"lastError\":"
				 "null}]},{\"name\":\"q\",\"sessions\":[]}]}",
		0, NULL);
	FILE *out = begin();
	struct vrs_rows rows;

	vrs_rows_init(&rows, &nested, 0, 10, out);
	vrs_rows_document(&rows, doc);
	vrs_rows_end(&rows);
	(void)fclose(out);
	assert_string_equal(text,
		"Peer  State   Error\n"
		"----  ------  -----------------\n"
		"p     Idle    6/2 received: bye\n"
		"p     Active  -\n");
	json_decref(doc);
}

static const struct vrs_view hops = {
	.expand = "hops",
	.columns = {{"Prefix", "prefix"}, {"Hop", "hops"}},
};

static void each_next_hop_has_a_row_and_none_a_dash(void **state)
{
	json_t *doc = json_loads("{\"value\":[{\"prefix\":[\"10.0.0.0/8\",\"::/0\"],\"hops\":"
				 "[\"10.0.1.4\",\"10.0.1.5\"]},{\"prefix\":[],\"hops\":[]}]}",
		0, NULL);
	FILE *out = begin();
	struct vrs_rows rows;

	vrs_rows_init(&rows, &hops, 0, 10, out);
	vrs_rows_document(&rows, doc);
	vrs_rows_end(&rows);
	(void)fclose(out);
	assert_string_equal(text,
		"Prefix           Hop\n"
		"---------------  --------\n"
		"10.0.0.0/8,::/0  10.0.1.4\n"
		"10.0.0.0/8,::/0  10.0.1.5\n"
		"-                -\n");
	json_decref(doc);
}

static void columns_may_depend_on_options(void **state)
{
	FILE *out = begin();
	struct vrs_rows rows;

	vrs_rows_init(&rows, &nested, 2, 10, out);
	vrs_rows_end(&rows);
	(void)fclose(out);
	assert_non_null(strstr(text, "Extra"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(columns_fit_the_rows_that_were_kept),
		cmocka_unit_test(later_long_cells_overflow),
		cmocka_unit_test(without_a_sample_titles_go_out_at_once),
		cmocka_unit_test(control_characters_become_dots),
		cmocka_unit_test(million_rows_keep_only_the_first),
		cmocka_unit_test(rows_lie_in_nested_arrays),
		cmocka_unit_test(each_next_hop_has_a_row_and_none_a_dash),
		cmocka_unit_test(columns_may_depend_on_options),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	free(text);
	return failed;
}
