/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#pragma once

/**
 * @file
 * The command line: words, options anywhere among them, `--option value` and `--option=value`.
 *
 * **Ownership**: everything points into argv or the environment.
 */

#include <stdio.h>

#include "tools/vrsctl/verbs.h"

enum vrs_format { VRS_FORMAT_TABLE, VRS_FORMAT_JSON, VRS_FORMAT_NDJSON };

enum { VRS_ARGS_WORDS = 8 };

struct vrs_args {
	const struct vrs_verb *verb; /**< NULL with help: of everything, or of words. */
	const char *value[VRS_OPT_N];
	uint32_t given; /**< Options, as bits. */
	enum vrs_format format;
	const char *socket;
	const char *words[VRS_ARGS_WORDS];
	unsigned n_words;
	const char *unknown; /**< First option that no verb has. */
};

/** Parse; what is wrong is printed on @p err.
 *  @return VRS_EXIT_OK, or the code to end with. */
int vrs_args_parse(struct vrs_args *a, int argc, char **argv, FILE *err);

static inline bool vrs_args_has(const struct vrs_args *a, enum vrs_opt o)
{
	return a->given & VRS_OPT_BIT(o);
}

/** What --help prints: of one verb, of a noun, or of everything. */
void vrs_args_help(const struct vrs_args *a, FILE *to);

/** List the verbs that begin with the first @p n_words words; @p to may be NULL.
 *  @return How many. */
unsigned vrs_args_list_verbs(const char *const *words, unsigned n_words, FILE *to);

/** How many edits (insert, delete, replace, swap of neighbours) lead from a to b. */
unsigned vrs_suggest_distance(const char *a, const char *b);

/** Whether b is near enough to a to be what was meant. */
bool vrs_suggest_near(const char *a, const char *b, unsigned distance);
