/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

/*
 * Every rule of the configuration, from the tables in data/rules: a text with places marked in
 * it (<1>, <2>, ...), and every line of its report, which names those places. The last test
 * wants a case for every code that the engine knows, as error and as warning.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "engine/config.h"
#include "engine/schema.h"
#include "tests/engine/cases.h"
#include "tests/test.h"

enum { MAX_PLACES = 10, MAX_CODES = 64 };

struct place {
	unsigned line, column;
};

struct run {
	struct cases c;
	struct place places[MAX_PLACES];
	unsigned n_cases, n_failed;
};

/* By code of vrs_schema_rules(): findings that cases expected. */
static unsigned n_errors[MAX_CODES], n_warnings[MAX_CODES];

static size_t code_index(const char *code, size_t size)
{
	size_t n;
	const struct vrs_schema_rule *rules = vrs_schema_rules(&n);

	for (size_t i = 0; i < n; i++)
		if (strlen(rules[i].code) == size && strncmp(rules[i].code, code, size) == 0)
			return i;
	fail_msg("no rule %.*s", (int)size, code);
	return 0;
}

/* "error: CODE: text": one more case of it. */
static void note(const char *finding)
{
	bool warning = strncmp(finding, "warning: ", 9) == 0;
	const char *code = finding + (warning ? 9 : 7);
	const char *colon = strchr(code, ':');

	assert_non_null(colon);
	size_t i = code_index(code, (size_t)(colon - code));
	(warning ? n_warnings : n_errors)[i]++;
}

/* Take the marks out of @p text and remember where they stood. */
static void take_places(struct run *r, char *text)
{
	struct place at = {1, 1};
	char *to = text;

	memset(r->places, 0, sizeof(r->places));
	for (const char *s = text; *s != '\0'; s++) {
		if (s[0] == '<' && s[1] >= '0' && s[1] <= '9' && s[2] == '>') {
			r->places[s[1] - '0'] = at;
			s += 2;
			continue;
		}
		at.column++;
		if (*s == '\n')
			at = (struct place){at.line + 1, 1};
		*to++ = *s;
	}
	*to = '\0';
}

/* "<1> error: ..." as it is to be printed. */
static void expect_line(struct run *r, const char *line, char *wanted)
{
	struct place p = r->places[line[1] - '0'];

	if (line[0] != '<' || line[2] != '>' || p.line == 0)
		fail_msg("%s: %s: no such place: %s", r->c.file, r->c.name, line);
	note(line + 4);
	sprintf(wanted + strlen(wanted), "t:%u:%u: %s\n", p.line, p.column, line + 4);
}

static char *report_of(const char *yaml, size_t size, int *rc)
{
	struct vrs_cfg_report report;
	struct vrs_config *config = NULL;
	char *text = NULL;
	size_t text_size = 0;
	FILE *f = open_memstream(&text, &text_size);

	*rc = vrs_config_parse(
		"t", VRS_SOURCE_DIR "/tests/engine/data", yaml, size, &report, &config);
	vrs_cfg_report_print(&report, f);
	(void)fclose(f);
	assert_true((*rc == 0) == (report.n_errors == 0));
	assert_true(*rc == 0 || *rc == -EINVAL);
	vrs_cfg_report_fini(&report);
	vrs_config_free(config);
	return text;
}

/* What stands at *at up to "end" is the report. */
static void run_case(struct run *r, char *yaml, char **at)
{
	char *wanted = calloc(1, CASES_TEXT), *line;
	int rc;

	assert_non_null(wanted);
	take_places(r, yaml);
	while ((line = cases_line(at)) != NULL && strcmp(line, "end") != 0)
		expect_line(r, line, wanted);
	char *got = report_of(yaml, strlen(yaml), &rc);
	if (strcmp(got, wanted) != 0) {
		print_error("%s: %s:\n%s\n", r->c.file, r->c.name, yaml);
		print_error("%s", got);
		print_error("expected:\n%s\n", wanted);
		r->n_failed++;
	}
	r->n_cases++;
	free(got);
	free(wanted);
}

/* "text", lines, "report", lines, "end"; or "base NAME", sets, "report", lines, "end". */
static void take_line(struct run *r, char *line, char **at)
{
	char *text, *yaml;

	if (line[0] == '\0' || line[0] == '#')
		return;
	if ((text = cases_after(line, "case")) != NULL) {
		r->c.name = text;
		r->c.base = NULL;
		r->c.n_sets = 0;
	} else if ((text = cases_after(line, "base")) != NULL && r->c.name == NULL)
		cases_take_block(&r->c, "base", text, at);
	else if ((text = cases_after(line, "base")) != NULL)
		r->c.base = text;
	else if ((text = cases_after(line, "set")) != NULL)
		cases_set(&r->c, text);
	else if (strcmp(line, "report") == 0) {
		yaml = cases_expand(&r->c);
		run_case(r, yaml, at);
		free(yaml);
	} else if (strcmp(line, "text") == 0) {
		yaml = calloc(1, CASES_TEXT);
		assert_non_null(yaml);
		while (strcmp(line = cases_line(at), "report") != 0)
			strcat(strcat(yaml, line), "\n");
		run_case(r, yaml, at);
		free(yaml);
	} else
		fail_msg("%s: %s: cannot read: %s", r->c.file, r->c.name, line);
}

static void run_file(const char *file, unsigned least)
{
	struct run *r = calloc(1, sizeof(*r));
	char *text = cases_slurp(file), *at = text, *line;

	assert_non_null(r);
	r->c.file = file;
	while ((line = cases_line(&at)) != NULL)
		take_line(r, line, &at);
	print_message("%s: %u cases\n", file, r->n_cases);
	/* A file that is cut short must not pass for a file that is right. */
	assert_true(r->n_cases >= least);
	assert_int_equal(r->n_failed, 0);
	cases_fini(&r->c);
	free(text);
	free(r);
}

static void keys_and_values_are_those_of_the_schema(void **)
{
	run_file("rules/schema.txt", 40);
}

static void networks_tables_and_interfaces_fit_together(void **)
{
	run_file("rules/network.txt", 39);
}

static void route_servers_and_peers_are_what_they_may_be(void **)
{
	run_file("rules/bgp.txt", 40);
}

/* Without DPDK kind: dpdk itself is refused (config_rules_test.c). */
static void ports_and_their_addresses_are_what_they_may_be(void **)
{
	if (!VRS_HAVE_DPDK)
		skip();
	run_file("rules/transport.txt", 12);
}

/* n levels of a list; the first is the document's own mapping. */
static void nested(unsigned levels, char *text)
{
	strcpy(text, "a: ");
	memset(text + 3, '[', levels - 1);
	memset(text + 3 + levels - 1, ']', levels - 1);
	strcpy(text + 3 + 2 * (size_t)(levels - 1), "\n");
}

static void sixty_four_levels_are_read_and_one_more_is_not(void **)
{
	char text[300];
	int rc;

	nested(64, text);
	char *report = report_of(text, strlen(text), &rc);
	assert_string_equal(report, "t:1:1: error: unknown-key: no key \"a\" in the document\n");
	free(report);
	nested(65, text);
	report = report_of(text, strlen(text), &rc);
	assert_string_equal(report, "t:1:67: error: limit: more than 64 levels of nesting\n");
	note(report + 8);
	free(report);
}

static void sixteen_mebibytes_are_read_and_one_byte_more_is_not(void **)
{
	size_t size = ((size_t)16 << 20) + 1;
	char *text = malloc(size), *report;
	int rc;

	assert_non_null(text);
	memset(text, '\n', size);
	text[0] = '{';
	text[1] = '}';
	report = report_of(text, size - 1, &rc);
	assert_string_equal(report, "");
	free(report);
	report = report_of(text, size, &rc);
	assert_string_equal(report, "t:1:1: error: limit: the file is larger than 16 MiB\n");
	free(report);
	free(text);
}

static void findings_past_a_thousand_are_one_line(void **)
{
	char *text = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&text, &size);
	int rc;

	for (int i = 0; i < 1001; i++)
		(void)fprintf(f, "k%d: 1\n", i);
	(void)fclose(f);
	char *report = report_of(text, size, &rc);
	const char *last = strstr(report, "t:1000:1: error: limit");
	assert_non_null(last);
	assert_string_equal(
		last, "t:1000:1: error: limit: more than 1000 findings; the rest is left out\n");
	free(report);
	free(text);
}

static void a_file_that_cannot_be_read_is_a_finding(void **)
{
	struct vrs_cfg_report report;
	struct vrs_config *c = NULL;
	char *text = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&text, &size);

	assert_int_equal(vrs_config_load("/nonexistent", &report, &c), -ENOENT);
	vrs_cfg_report_print(&report, f);
	(void)fclose(f);
	assert_string_equal(text, "/nonexistent:1:1: error: file: No such file or directory\n");
	note(strchr(text, ' ') + 1);
	vrs_cfg_report_fini(&report);
	free(text);
}

/* Runs last. */
static void every_code_has_a_case_and_is_documented(void **)
{
	size_t n;
	const struct vrs_schema_rule *rules = vrs_schema_rules(&n);
	char *doc = cases_slurp("../../../docs/configuration.md"), code[64];

	assert_true(n <= MAX_CODES);
	for (size_t i = 0; i < n; i++) {
		if (rules[i].error && n_errors[i] == 0)
			fail_msg("no case has the error %s", rules[i].code);
		if (rules[i].warning && n_warnings[i] == 0)
			fail_msg("no case has the warning %s", rules[i].code);
		assert_true(rules[i].error || n_errors[i] == 0);
		assert_true(rules[i].warning || n_warnings[i] == 0);
		(void)snprintf(code, sizeof(code), "`%s`", rules[i].code);
		if (strstr(strstr(doc, "## What is refused"), code) == NULL)
			fail_msg("docs/configuration.md does not name %s", code);
		print_message("%-18s %3u errors %3u warnings\n", rules[i].code, n_errors[i],
			n_warnings[i]);
	}
	free(doc);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_and_values_are_those_of_the_schema),
		cmocka_unit_test(networks_tables_and_interfaces_fit_together),
		cmocka_unit_test(route_servers_and_peers_are_what_they_may_be),
		cmocka_unit_test(ports_and_their_addresses_are_what_they_may_be),
		cmocka_unit_test(sixty_four_levels_are_read_and_one_more_is_not),
		cmocka_unit_test(sixteen_mebibytes_are_read_and_one_byte_more_is_not),
		cmocka_unit_test(findings_past_a_thousand_are_one_line),
		cmocka_unit_test(a_file_that_cannot_be_read_is_a_finding),
		cmocka_unit_test(every_code_has_a_case_and_is_documented),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
