/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

/* The command line of vrsctl: verbs, options, suggestions. */

#include "tests/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/vrsctl/args.h"

static struct vrs_args args;
static char *text; /* What was printed. */

/* Parse a line of words without quotes. */
static int parse(const char *line)
{
	static char copy[256];
	char *argv[32] = {"vrsctl"}, *save = NULL;
	size_t size = 0;
	int argc = 1;

	free(text);
	text = NULL;
	(void)snprintf(copy, sizeof(copy), "%s", line);
	for (char *w = strtok_r(copy, " ", &save); w != NULL; w = strtok_r(NULL, " ", &save))
		argv[argc++] = w;
	FILE *err = open_memstream(&text, &size);
	int code = vrs_args_parse(&args, argc, argv, err);
	(void)fclose(err);
	return code;
}

static void assert_usage(const char *line, const char *reason)
{
	assert_int_equal(parse(line), VRS_EXIT_USAGE);
	if (strstr(text, reason) == NULL)
		fail_msg("\"%s\" printed: %s", line, text);
}

static void the_longest_verb_wins(void **state)
{
	assert_int_equal(parse("vnet subnet show --vnet hub vms"), VRS_EXIT_OK);
	assert_string_equal(args.verb->words, "vnet subnet show");
	assert_string_equal(args.value[VRS_OPT_NAME], "vms");
	assert_string_equal(args.value[VRS_OPT_VNET], "hub");
}

static void options_stand_anywhere(void **state)
{
	assert_int_equal(parse("-o json nic --name=vm1 --control-socket /s show"), VRS_EXIT_OK);
	assert_string_equal(args.verb->words, "nic show");
	assert_string_equal(args.value[VRS_OPT_NAME], "vm1");
	assert_string_equal(args.socket, "/s");
	assert_int_equal(args.format, VRS_FORMAT_JSON);
}

static void after_two_dashes_everything_is_a_word(void **state)
{
	assert_int_equal(parse("nic show -- --odd"), VRS_EXIT_OK);
	assert_string_equal(args.value[VRS_OPT_NAME], "--odd");
}

static void the_socket_comes_from_the_environment(void **state)
{
	(void)setenv("VRS_CONTROL_SOCKET", "/e", 1);
	assert_int_equal(parse("status"), VRS_EXIT_OK);
	assert_string_equal(args.socket, "/e");
	assert_int_equal(parse("status --control-socket /s"), VRS_EXIT_OK);
	assert_string_equal(args.socket, "/s");
	(void)unsetenv("VRS_CONTROL_SOCKET");
	assert_int_equal(parse("status"), VRS_EXIT_OK);
	assert_string_equal(args.socket, "/run/vrs/vrs.sock");
}

static void wrong_usage_names_what_is_near(void **state)
{
	assert_usage("stauts", "did you mean \"status\"");
	assert_usage("nic shw vm1", "did you mean \"nic show\"");
	assert_usage("zzzzzz", "see vrsctl --help");
	assert_usage("nic show vm1 --naem x", "did you mean --name");
	assert_usage("nic list -o jsn", "did you mean json");
	assert_usage("nic", "nic explain");
	assert_usage("", "Usage");
}

static void wrong_values_are_refused(void **state)
{
	assert_usage("nic show --name", "needs a value");
	assert_usage("nic show", "needs --name");
	assert_usage("nic show a b", "\"b\"");
	assert_usage("nic show a --name b", "unexpected");
	assert_usage("nic show --name=", "expected");
	assert_usage("wait --routes -5", "whole number");
	assert_usage("wait --routes 5x", "whole number");
	assert_usage("wait --routes 99999999999999999999999", "whole number");
	assert_usage("wait --timeout 1e9", "seconds");
	assert_usage("wait --exact", "--routes");
	assert_usage("nic show-effective-route-table a --all=yes", "no value");
	assert_int_equal(parse("wait --timeout 0.5 --routes 0 --exact"), VRS_EXIT_OK);
}

static void later_verbs_are_refused(void **state)
{
	assert_int_equal(parse("nic create --what ever"), VRS_EXIT_REFUSED);
	assert_non_null(strstr(text, "not-built"));
	assert_int_equal(parse("status --url https://x"), VRS_EXIT_REFUSED);
}

static void help_needs_nothing_else(void **state)
{
	assert_int_equal(parse("nic show-next-hop --help"), VRS_EXIT_OK);
	assert_int_equal(parse("help nic"), VRS_EXIT_OK);
	assert_int_equal(parse("--help"), VRS_EXIT_OK);
	assert_usage("nci --help", "no verb");
}

/* What is true of every row of the table. */
static void every_verb_is_whole(void **state)
{
	for (const struct vrs_verb *v = vrs_verbs; v->words != NULL; v++) {
		if (v->later)
			continue;
		assert_non_null(v->help);
		assert_true(v->run != NULL || (v->path != NULL && v->view != NULL));
		assert_true((v->query & ~(v->takes | v->needs)) == 0);
		for (unsigned o = 0; o < VRS_OPT_N; o++)
			assert_true(!(v->query & VRS_OPT_BIT(o)) || vrs_options[o].query != NULL);
		if (v->positional != VRS_OPT_NONE)
			assert_true(v->needs & VRS_OPT_BIT(v->positional));
	}
}

static void distances_count_edits(void **state)
{
	assert_int_equal(vrs_suggest_distance("nic", "nic"), 0);
	assert_int_equal(vrs_suggest_distance("nci", "nic"), 1);
	assert_int_equal(vrs_suggest_distance("", "nic"), 3);
	assert_int_equal(vrs_suggest_distance("kitten", "sitting"), 3);
	assert_true(vrs_suggest_near("sta", "status", 3));
	assert_false(vrs_suggest_near("abc", "status", 6));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_longest_verb_wins),
		cmocka_unit_test(options_stand_anywhere),
		cmocka_unit_test(after_two_dashes_everything_is_a_word),
		cmocka_unit_test(the_socket_comes_from_the_environment),
		cmocka_unit_test(wrong_usage_names_what_is_near),
		cmocka_unit_test(wrong_values_are_refused),
		cmocka_unit_test(later_verbs_are_refused),
		cmocka_unit_test(help_needs_nothing_else),
		cmocka_unit_test(every_verb_is_whole),
		cmocka_unit_test(distances_count_edits),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	free(text);
	return failed;
}
