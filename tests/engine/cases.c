/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#include "tests/engine/cases.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rib/base/bytes.h"
#include "tests/test.h"

char *cases_slurp(const char *name)
{
	char path[512];

	(void)snprintf(path, sizeof(path), VRS_SOURCE_DIR "/tests/engine/data/%s", name);
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
char *cases_line(char **at)
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

const char *cases_block(const struct cases *c, const char *kind, const char *name)
{
	for (size_t i = 0; i < c->n_blocks; i++)
		if (strcmp(c->blocks[i].kind, kind) == 0 && strcmp(c->blocks[i].name, name) == 0)
			return c->blocks[i].text;
	fail_msg("%s: no %s %s", c->file, kind, name);
	return NULL;
}

/* @return What follows @p word and a blank, or NULL. */
char *cases_after(char *line, const char *word)
{
	size_t n = strlen(word);

	if (strncmp(line, word, n) != 0 || (line[n] != ' ' && line[n] != '\0'))
		return NULL;
	return line + n + (line[n] == ' ');
}

/* What stands for "key|default", @p size bytes of it. */
static struct vrs_span value_of(struct cases *c, const char *key, size_t size, bool *used)
{
	const char *bar = memchr(key, '|', size);
	size_t n = bar != NULL ? (size_t)(bar - key) : size;

	for (size_t i = 0; i < c->n_sets; i++) {
		if (strlen(c->sets[i].key) != n || strncmp(c->sets[i].key, key, n) != 0)
			continue;
		used[i] = true;
		return (struct vrs_span){
			(const uint8_t *)c->sets[i].value, strlen(c->sets[i].value)};
	}
	if (bar == NULL)
		return (struct vrs_span){0};
	return (struct vrs_span){(const uint8_t *)bar + 1, size - n - 1};
}

/* The base with each %key% and %key|default% replaced; "\n" in a value is a new line. */
char *cases_expand(struct cases *c)
{
	const char *from = cases_block(c, "base", c->base);
	char *yaml = calloc(1, CASES_TEXT), *to = yaml;
	bool used[CASES_SETS] = {false};

	assert_non_null(yaml);
	while (*from != '\0') {
		const char *end = *from == '%' ? strchr(from + 1, '%') : NULL;
		if (end == NULL) {
			*to++ = *from++;
			continue;
		}
		struct vrs_span v = value_of(c, from + 1, (size_t)(end - from - 1), used);
		for (size_t i = 0; i < v.size; i++) {
			bool line = v.data[i] == '\\' && i + 1 < v.size && v.data[i + 1] == 'n';

			*to++ = line ? '\n' : (char)v.data[i];
			i += line;
		}
		from = end + 1;
		assert_true(to - yaml < CASES_TEXT - 1024);
	}
	for (size_t i = 0; i < c->n_sets; i++)
		if (!used[i])
			fail_msg("%s: %s: set %s has no place in the base", c->file, c->name,
				c->sets[i].key);
	return yaml;
}

void cases_set(struct cases *c, char *text)
{
	char *key = strsep(&text, " ");
	size_t i = 0;

	while (i < c->n_sets && strcmp(c->sets[i].key, key) != 0)
		i++;
	assert_true(i < CASES_SETS);
	c->n_sets += i == c->n_sets;
	c->sets[i] = (struct cases_set){key, text != NULL ? text : ""};
}

void cases_take_block(struct cases *c, const char *kind, char *name, char **at)
{
	char *line, *text = calloc(1, CASES_TEXT);

	assert_non_null(text);
	assert_true(c->n_blocks < CASES_BLOCKS);
	while ((line = cases_line(at)) != NULL && strcmp(line, "end") != 0) {
		assert_true(strlen(text) + strlen(line) + 2 < CASES_TEXT);
		strcat(text, line);
		strcat(text, "\n");
	}
	c->blocks[c->n_blocks++] = (struct cases_block){kind, name, text};
}

void cases_fini(struct cases *c)
{
	for (size_t i = 0; i < c->n_blocks; i++)
		free(c->blocks[i].text);
	c->n_blocks = 0;
}
