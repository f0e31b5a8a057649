/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#pragma once

/**
 * @file
 * Views: how JSON becomes rows and cells. A view is a plain table: which members are rows, which
 * member of a row makes a column.
 *
 * **Ownership**: a struct vrs_rows borrows its view and its stream.
 */

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "tools/vrsctl/grid.h"

struct vrs_column {
	const char *title; /**< NULL ends the list. */
	const char *key;   /**< A leading '^' looks in the object that holds the row's array. */
	unsigned min;
	uint32_t only_with; /**< Option bits; 0: always. */
};

struct vrs_view {
	const char *rows;   /**< Arrays down to the rows, "a/b"; NULL: the object itself. */
	const char *expand; /**< One row per element of this member of a row. */
	struct vrs_column columns[VRS_GRID_COLUMNS + 1];
};

struct vrs_rows {
	const struct vrs_view *view;
	struct vrs_grid grid;
	const struct vrs_column *shown[VRS_GRID_COLUMNS];
	unsigned n_shown;
	struct vrs_buffer cells;
};

/** @param given   Option bits, for columns that depend on them.
 *  @param sample  See vrs_grid_init(). */
void vrs_rows_init(struct vrs_rows *r, const struct vrs_view *view, uint32_t given, unsigned sample,
	FILE *out);

/** Add one row object. @p parent may be NULL. */
void vrs_rows_add(struct vrs_rows *r, const json_t *row, const json_t *parent);

/** Add every row of a document: of its "value" array if it has one, else by view->rows. */
void vrs_rows_document(struct vrs_rows *r, const json_t *doc);

void vrs_rows_end(struct vrs_rows *r);

/** Append the text of one value: '-' for nothing, commas between elements. */
void vrs_cell_text(struct vrs_buffer *b, const json_t *value);
