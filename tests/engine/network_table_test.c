/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

/*
 * The virtual network, case by case, from the tables in data/network: a configuration, what
 * peers announce, and then every row of a NIC's table, answers for addresses, and what other
 * peers are told. data/network/README.md says how a case is written.
 */

#include <stdlib.h>
#include <string.h>

#include "tests/engine/cases.h"
#include "tests/engine/network_lab.h"
#include "tests/test.h"

enum { MAX_LINES = 64, LINE = 256, TEXT = 16384 };

struct expected {
	char line[LINE];
	struct vrs_prefix prefix;
	int rank; /* Default, VirtualNetworkGateway, User. */
};

struct run {
	struct cases c;
	char nic[64];
	struct lab *lab;
	unsigned n_cases, n_rows, n_addresses, n_told;
};

/* --- Configurations --- */

static void start(struct run *r)
{
	if (r->lab != NULL)
		return;
	char *yaml = cases_expand(&r->c);
	r->lab = lab_new(yaml);
	free(yaml);
}

static void reload(struct run *r)
{
	char *yaml = cases_expand(&r->c);

	assert_non_null(r->lab);
	lab_reload(r->lab, yaml);
	free(yaml);
}

/* --- Peers --- */

/* "nva1" is both instances, "nva1/0" one. @return How many, in @p out. */
static unsigned peers(struct run *r, const char *who, struct lab_peer *out[2])
{
	char name[64];

	start(r);
	if (strchr(who, '/') != NULL) {
		out[0] = lab_peer(r->lab, who);
		return 1;
	}
	for (unsigned i = 0; i < 2; i++) {
		(void)snprintf(name, sizeof(name), "%s/%u", who, i);
		out[i] = lab_peer(r->lab, name);
	}
	return 2;
}

/* PEER PREFIX [via HOP] [path A-B] [comm C,C] [med N] [lp N] [origin N] */
static void learn(struct run *r, char *text)
{
	struct lab_peer *p[2];
	unsigned n = peers(r, strsep(&text, " "), p);
	struct lab_route route = {.prefix = strsep(&text, " "), .med = -1, .local_pref = -1};
	char *word, *value;

	while ((word = strsep(&text, " ")) != NULL) {
		value = strsep(&text, " ");
		assert_non_null(value);
		if (strcmp(word, "via") == 0)
			route.next_hop = value;
		else if (strcmp(word, "path") == 0)
			route.path = value;
		else if (strcmp(word, "comm") == 0)
			route.communities = value;
		else if (strcmp(word, "med") == 0)
			route.med = atoi(value);
		else if (strcmp(word, "lp") == 0)
			route.local_pref = atoi(value);
		else if (strcmp(word, "origin") == 0)
			route.origin = (unsigned)atoi(value);
		else
			fail_msg("%s: learn ... %s", r->c.file, word);
	}
	for (unsigned i = 0; i < n; i++)
		lab_announce(r->lab, p[i], &route);
}

static void forget(struct run *r, char *text)
{
	struct lab_peer *p[2];
	unsigned n = peers(r, strsep(&text, " "), p);

	for (unsigned i = 0; i < n; i++)
		lab_withdraw(r->lab, p[i], text);
}

/* --- Expectations --- */

static void compare(const struct run *r, const char *what, const char *got, const char *wanted)
{
	if (strcmp(got, wanted) == 0)
		return;
	fail_msg("%s: %s\n%s is\n%sexpected:\n%s", r->c.file, r->c.name, what, got, wanted);
}

/* The line without its state: what two expectations of one row have in common. */
static bool same_row(const char *a, const char *b)
{
	return a[0] == b[0] && strcmp(a + 3, b + 3) == 0;
}

struct rows {
	struct expected at[MAX_LINES];
	size_t n;
};

static void rows_add(struct run *r, struct rows *rows, const char *line)
{
	char prefix[LINE];
	struct expected e = {.rank = line[0] == 'D' ? 0 : line[0] == 'B' ? 1 : 2};

	(void)snprintf(e.line, sizeof(e.line), "%s", line);
	for (size_t i = 0; i < rows->n; i++) {
		if (same_row(rows->at[i].line, line)) {
			rows->at[i] =
				(struct expected){.rank = e.rank, .prefix = rows->at[i].prefix};
			memcpy(rows->at[i].line, e.line, sizeof(e.line));
			return;
		}
	}
	assert_true(rows->n < MAX_LINES);
	if (sscanf(line + 4, "%255s", prefix) != 1 || vrs_prefix_parse(&e.prefix, prefix) != 0)
		fail_msg("%s: %s: a row without a prefix: %s", r->c.file, r->c.name, line);
	rows->at[rows->n++] = e;
}

static void rows_remove(struct run *r, struct rows *rows, const char *line)
{
	for (size_t i = 0; i < rows->n; i++) {
		if (!same_row(rows->at[i].line, line))
			continue;
		memmove(rows->at + i, rows->at + i + 1, (rows->n - i - 1) * sizeof(rows->at[0]));
		rows->n--;
		return;
	}
	fail_msg("%s: %s: nothing to take away: %s", r->c.file, r->c.name, line);
}

static void rows_block(struct run *r, struct rows *rows, const char *name)
{
	char *copy = strdup(cases_block(&r->c, "rows", name)), *at = copy, *line;

	assert_non_null(copy);
	while ((line = cases_line(&at)) != NULL)
		rows_add(r, rows, line);
	free(copy);
}

/* Default, VirtualNetworkGateway, User; inside by address and length; else as written. */
static void rows_sort(struct rows *rows)
{
	for (size_t i = 1; i < rows->n; i++) {
		for (size_t j = i; j > 0; j--) {
			struct expected *x = &rows->at[j - 1], *y = &rows->at[j], swap = *x;

			if (x->rank < y->rank ||
				(x->rank == y->rank && vrs_prefix_cmp(&x->prefix, &y->prefix) <= 0))
				break;
			*x = *y;
			*y = swap;
		}
	}
}

/* "= NAME" rows of that block, "- ROW" one of them less, "D A ..." one more or another state. */
static void expect_rows(struct run *r, char **at)
{
	struct rows *rows = calloc(1, sizeof(*rows));
	char *wanted = calloc(1, TEXT);

	assert_non_null(rows);
	assert_non_null(wanted);
	while (strchr("=-DBU", **at) != NULL && **at != '\0' && (*at)[1] == ' ') {
		char *line = cases_line(at);

		if (line[0] == '=')
			rows_block(r, rows, line + 2);
		else if (line[0] == '-')
			rows_remove(r, rows, line + 2);
		else
			rows_add(r, rows, line);
	}
	rows_sort(rows);
	for (size_t i = 0; i < rows->n; i++) {
		strcat(wanted, rows->at[i].line);
		strcat(wanted, "\n");
	}
	assert_true(strlen(wanted) < TEXT - LINE);
	r->n_rows += (unsigned)rows->n;
	compare(r, r->nic, lab_rows(r->lab, r->nic), wanted);
	free(wanted);
	free(rows);
}

/* Append a line, "@" being the last digit of an instance's address. */
static void append_for(char *text, const char *line, const char *who)
{
	char *to = text + strlen(text);

	assert_true(strlen(text) + strlen(line) + 2 < TEXT);
	for (; *line != '\0'; line++)
		*to++ = *line != '@' ? *line : who[strlen(who) - 1] == '1' ? '5' : '4';
	(void)strcpy(to, "\n");
}

/* "> " in front of each line that a peer has, or has heard since. */
static void expect_lines(struct run *r, const char *who, char **at, bool heard)
{
	struct lab_peer *p[2];
	unsigned n = peers(r, who, p);
	char *wanted = calloc(2, TEXT);

	assert_non_null(wanted);
	while (strncmp(*at, "> ", 2) == 0) {
		const char *line = cases_line(at) + 2;

		for (unsigned i = 0; i < n; i++)
			append_for(wanted + i * TEXT, line, lab_who(p[i]));
		r->n_told++;
	}
	for (unsigned i = 0; i < n; i++)
		compare(r, lab_who(p[i]), heard ? lab_heard(p[i]) : lab_told(p[i]),
			wanted + i * TEXT);
	free(wanted);
}

static void expect_match(struct run *r, char *text)
{
	char *address = strsep(&text, " ");

	start(r);
	r->n_addresses++;
	compare(r, address, lab_match(r->lab, r->nic, address), text);
}

/* --- Files --- */

static void end_case(struct run *r)
{
	if (r->lab != NULL)
		lab_free(r->lab);
	r->lab = NULL;
	r->c.base = NULL;
	r->c.n_sets = 0;
}

static void take_nic(struct run *r, const char *name, char **at)
{
	start(r);
	(void)snprintf(r->nic, sizeof(r->nic), "%s", name);
	expect_rows(r, at);
}

static void take_line(struct run *r, char *line, char **at)
{
	char *text;

	if (line[0] == '\0' || line[0] == '#')
		return;
	if ((text = cases_after(line, "base")) != NULL && r->c.name == NULL)
		cases_take_block(&r->c, "base", text, at);
	else if ((text = cases_after(line, "rows")) != NULL)
		cases_take_block(&r->c, "rows", text, at);
	else if ((text = cases_after(line, "case")) != NULL) {
		end_case(r);
		r->n_cases++;
		r->c.name = text;
	} else if ((text = cases_after(line, "base")) != NULL)
		r->c.base = text;
	else if ((text = cases_after(line, "set")) != NULL)
		cases_set(&r->c, text);
	else if (strcmp(line, "reload") == 0)
		reload(r);
	else if ((text = cases_after(line, "learn")) != NULL)
		learn(r, text);
	else if ((text = cases_after(line, "withdraw")) != NULL)
		forget(r, text);
	else if ((text = cases_after(line, "nic")) != NULL)
		take_nic(r, text, at);
	else if ((text = cases_after(line, "at")) != NULL)
		expect_match(r, text);
	else if ((text = cases_after(line, "told")) != NULL)
		expect_lines(r, text, at, false);
	else if ((text = cases_after(line, "heard")) != NULL)
		expect_lines(r, text, at, true);
	else
		fail_msg("%s: %s: cannot read: %s", r->c.file, r->c.name, line);
}

static char *take_file(struct run *r, const char *file)
{
	char path[128];

	r->c.file = file;
	(void)snprintf(path, sizeof(path), "network/%s", file);
	char *text = cases_slurp(path), *at = text, *line;
	while ((line = cases_line(&at)) != NULL)
		take_line(r, line, &at);
	end_case(r);
	return text;
}

static void run_file(const char *file, unsigned least)
{
	struct run r = {0};
	char *bases = take_file(&r, "bases.txt"), *text = take_file(&r, file);

	cases_fini(&r.c);
	free(bases);
	free(text);
	print_message("%s: %u cases, %u rows, %u addresses, %u lines told\n", file, r.n_cases,
		r.n_rows, r.n_addresses, r.n_told);
	/* A file that is cut short must not pass for a file that is right. */
	assert_true(r.n_cases >= least);
}

static void default_routes_are_there_unless_the_network_has_them(void **state)
{
	run_file("default.txt", 20);
}

static void learned_routes_are_injected_or_suppressed(void **state)
{
	run_file("learned.txt", 25);
}

static void user_routes_win_or_are_invalid(void **state)
{
	run_file("user.txt", 15);
}

static void ip6_follows_the_same_rules(void **state)
{
	run_file("ip6.txt", 10);
}

static void paths_are_chosen_and_told_by_kind(void **state)
{
	run_file("paths.txt", 20);
}

static void a_change_moves_only_what_it_touches(void **state)
{
	run_file("changes.txt", 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(default_routes_are_there_unless_the_network_has_them),
		cmocka_unit_test(learned_routes_are_injected_or_suppressed),
		cmocka_unit_test(user_routes_win_or_are_invalid),
		cmocka_unit_test(ip6_follows_the_same_rules),
		cmocka_unit_test(paths_are_chosen_and_told_by_kind),
		cmocka_unit_test(a_change_moves_only_what_it_touches),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
