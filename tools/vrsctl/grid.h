/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#pragma once

/**
 * @file
 * Aligned columns for listings of any length: the first rows are kept to choose widths, then
 * everything streams with those; a longer cell further down just overflows.
 *
 * **Ownership**: cells are copied or written before a call returns.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum { VRS_GRID_COLUMNS = 16, VRS_GRID_SAMPLE = 500 };

/** Text that grows; a failure sticks and leaves the text as it was. */
struct vrs_buffer {
	char *data;
	size_t size, cap;
	bool failed;
};

void vrs_buffer_add(struct vrs_buffer *b, const char *data, size_t size);
void vrs_buffer_fini(struct vrs_buffer *b);

struct vrs_grid {
	FILE *out;
	unsigned n_columns, sample;
	unsigned width[VRS_GRID_COLUMNS];
	const char *title[VRS_GRID_COLUMNS];
	struct vrs_buffer kept; /* Cells of kept rows, each with its NUL. */
	unsigned n_kept;
	bool streaming;
};

/** @param min     Smallest widths, or NULL.
 *  @param sample  Rows kept to choose widths; 0: none, the titles go out at once. */
void vrs_grid_init(struct vrs_grid *g, FILE *out, unsigned n_columns, const char *const *titles,
	const unsigned *min, unsigned sample);

/** Add a row of n_columns cells. Control characters become dots: texts come from peers. */
void vrs_grid_row(struct vrs_grid *g, const char *const *cells);

/** Write what is kept and free everything. */
void vrs_grid_end(struct vrs_grid *g);
