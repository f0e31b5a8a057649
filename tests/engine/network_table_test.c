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

#include "tests/engine/network_lab.h"
#include "tests/test.h"

enum { MAX_BLOCKS = 32, MAX_SETS = 16, MAX_LINES = 64, LINE = 256, TEXT = 16384 };

/* A named piece of a file: a base configuration, or rows. */
struct block {
	const char *kind, *name;
	char *text;
};

struct set {
	const char *key, *value;
};

struct expected {
	char line[LINE];
	struct vrs_prefix prefix;
	int rank; /* Default, VirtualNetworkGateway, User. */
};

struct run {
	const char *file;
	struct block blocks[MAX_BLOCKS];
	size_t n_blocks;
	const char *name, *base;
	struct set sets[MAX_SETS];
	size_t n_sets;
	char nic[64];
	struct lab *lab;
	unsigned n_cases, n_rows, n_addresses, n_told;
};

static char *slurp(const char *path)
{
	FILE *f = fopen(path, "r");
	char *text = calloc(1, 1 << 17);

	if (f == NULL)
		fail_msg("%s is missing", path);
	assert_non_null(text);
	assert_true(fread(text, 1, (1 << 17) - 1, f) < (1 << 17) - 1);
	(void)fclose(f);
	return text;
}

/* The line at *at, which moves to the next; NULL at the end. Ends it with a NUL. */
static char *next_line(char **at)
{
	char *line = *at;

	if (*line == '\0')
		return NULL;
	char *end = strchr(line, '\n');
	*at = end != NULL ? end + 1 : line + strlen(line);
	if (end != NULL)
		*end = '\0';
	return line;
}

static const char *block(const struct run *r, const char *kind, const char *name)
{
	for (size_t i = 0; i < r->n_blocks; i++)
		if (strcmp(r->blocks[i].kind, kind) == 0 && strcmp(r->blocks[i].name, name) == 0)
			return r->blocks[i].text;
	fail_msg("%s: no %s %s", r->file, kind, name);
	return NULL;
}

/* @return What follows @p word and a blank, or NULL. */
static char *after(char *line, const char *word)
{
	size_t n = strlen(word);

	if (strncmp(line, word, n) != 0 || (line[n] != ' ' && line[n] != '\0'))
		return NULL;
	return line + n + (line[n] == ' ');
}

/* --- Configurations --- */

/* What stands for "key|default", @p size bytes of it. */
static struct vrs_span value_of(struct run *r, const char *key, size_t size, bool *used)
{
	const char *bar = memchr(key, '|', size);
	size_t n = bar != NULL ? (size_t)(bar - key) : size;

	for (size_t i = 0; i < r->n_sets; i++) {
		if (strlen(r->sets[i].key) != n || strncmp(r->sets[i].key, key, n) != 0)
			continue;
		used[i] = true;
		return (struct vrs_span){
			(const uint8_t *)r->sets[i].value, strlen(r->sets[i].value)};
	}
	if (bar == NULL)
		return (struct vrs_span){0};
	return (struct vrs_span){(const uint8_t *)bar + 1, size - n - 1};
}

/* The base with each %key% and %key|default% replaced; "\n" in a value is a new line. */
static char *configuration(struct run *r)
{
	const char *from = block(r, "base", r->base);
	char *yaml = calloc(1, TEXT), *to = yaml;
	bool used[MAX_SETS] = {false};

	assert_non_null(yaml);
	while (*from != '\0') {
		const char *end = *from == '%' ? strchr(from + 1, '%') : NULL;
		if (end == NULL) {
			*to++ = *from++;
			continue;
		}
		struct vrs_span v = value_of(r, from + 1, (size_t)(end - from - 1), used);
		for (size_t i = 0; i < v.size; i++) {
			bool line = v.data[i] == '\\' && i + 1 < v.size && v.data[i + 1] == 'n';

			*to++ = line ? '\n' : (char)v.data[i];
			i += line;
		}
		from = end + 1;
		assert_true(to - yaml < TEXT - 1024);
	}
	for (size_t i = 0; i < r->n_sets; i++)
		if (!used[i])
			fail_msg("%s: %s: set %s has no place in the base", r->file, r->name,
				r->sets[i].key);
	return yaml;
}

static void start(struct run *r)
{
	if (r->lab != NULL)
		return;
	char *yaml = configuration(r);
	r->lab = lab_new(yaml);
	free(yaml);
}

static void set(struct run *r, char *text)
{
	char *key = strsep(&text, " ");
	size_t i = 0;

	while (i < r->n_sets && strcmp(r->sets[i].key, key) != 0)
		i++;
	assert_true(i < MAX_SETS);
	r->n_sets += i == r->n_sets;
	r->sets[i] = (struct set){key, text != NULL ? text : ""};
}

static void reload(struct run *r)
{
	char *yaml = configuration(r);

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
			fail_msg("%s: learn ... %s", r->file, word);
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
	fail_msg("%s: %s\n%s is\n%sexpected:\n%s", r->file, r->name, what, got, wanted);
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
		fail_msg("%s: %s: a row without a prefix: %s", r->file, r->name, line);
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
	fail_msg("%s: %s: nothing to take away: %s", r->file, r->name, line);
}

static void rows_block(struct run *r, struct rows *rows, const char *name)
{
	char *copy = strdup(block(r, "rows", name)), *at = copy, *line;

	assert_non_null(copy);
	while ((line = next_line(&at)) != NULL)
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
		char *line = next_line(at);

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
		const char *line = next_line(at) + 2;

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
	r->base = NULL;
	r->n_sets = 0;
}

static void take_block(struct run *r, const char *kind, char *name, char **at)
{
	char *line, *text = calloc(1, TEXT);

	assert_non_null(text);
	assert_true(r->n_blocks < MAX_BLOCKS);
	while ((line = next_line(at)) != NULL && strcmp(line, "end") != 0) {
		assert_true(strlen(text) + strlen(line) + 2 < TEXT);
		strcat(text, line);
		strcat(text, "\n");
	}
	r->blocks[r->n_blocks++] = (struct block){kind, name, text};
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
	if ((text = after(line, "base")) != NULL && r->name == NULL)
		take_block(r, "base", text, at);
	else if ((text = after(line, "rows")) != NULL)
		take_block(r, "rows", text, at);
	else if ((text = after(line, "case")) != NULL) {
		end_case(r);
		r->n_cases++;
		r->name = text;
	} else if ((text = after(line, "base")) != NULL)
		r->base = text;
	else if ((text = after(line, "set")) != NULL)
		set(r, text);
	else if (strcmp(line, "reload") == 0)
		reload(r);
	else if ((text = after(line, "learn")) != NULL)
		learn(r, text);
	else if ((text = after(line, "withdraw")) != NULL)
		forget(r, text);
	else if ((text = after(line, "nic")) != NULL)
		take_nic(r, text, at);
	else if ((text = after(line, "at")) != NULL)
		expect_match(r, text);
	else if ((text = after(line, "told")) != NULL)
		expect_lines(r, text, at, false);
	else if ((text = after(line, "heard")) != NULL)
		expect_lines(r, text, at, true);
	else
		fail_msg("%s: %s: cannot read: %s", r->file, r->name, line);
}

static char *take_file(struct run *r, const char *file)
{
	char path[512];

	r->file = file;
	(void)snprintf(path, sizeof(path), VRS_SOURCE_DIR "/tests/engine/data/network/%s", file);
	char *text = slurp(path), *at = text, *line;
	while ((line = next_line(&at)) != NULL)
		take_line(r, line, &at);
	end_case(r);
	return text;
}

static void run_file(const char *file, unsigned least)
{
	struct run r = {0};
	char *bases = take_file(&r, "bases.txt"), *text = take_file(&r, file);

	for (size_t i = 0; i < r.n_blocks; i++)
		free(r.blocks[i].text);
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
