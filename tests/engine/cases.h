/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#pragma once

/**
 * @file
 * Tables of cases in text files under tests/engine/data: named blocks, and configurations that
 * are a base with something different in it. Whatever is wrong with a file ends the test.
 */

#include <stddef.h>

enum { CASES_BLOCKS = 32, CASES_SETS = 16, CASES_TEXT = 16384 };

struct cases_block {
	const char *kind, *name;
	char *text;
};

struct cases_set {
	const char *key, *value;
};

struct cases {
	const char *file, *name, *base; /**< Of the case at hand. */
	struct cases_block blocks[CASES_BLOCKS];
	size_t n_blocks;
	struct cases_set sets[CASES_SETS];
	size_t n_sets;
};

void cases_fini(struct cases *c);

/** @return The file @p name of tests/engine/data, owned. */
char *cases_slurp(const char *name);

/** @return The line at *at, which moves on, cut from the text; NULL at the end. */
char *cases_line(char **at);

/** @return What follows @p word and a blank in @p line, or NULL. */
char *cases_after(char *line, const char *word);

/** Take the lines at *at up to "end" as a block. */
void cases_take_block(struct cases *c, const char *kind, char *name, char **at);

const char *cases_block(const struct cases *c, const char *kind, const char *name);

/** "KEY VALUE": what stands for %KEY% and %KEY|default% in the base. */
void cases_set(struct cases *c, char *text);

/** @return The base with every set in it, owned; "\n" in a value is a new line. */
char *cases_expand(struct cases *c);
