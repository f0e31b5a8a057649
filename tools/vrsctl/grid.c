/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#include "tools/vrsctl/grid.h"

#include <stdlib.h>
#include <string.h>

#include "rib/base/macro.h"

void vrs_buffer_add(struct vrs_buffer *b, const char *data, size_t size)
{
	if (b->failed)
		return;
	if (b->size + size + 1 > b->cap) {
		size_t cap = VRS_MAX(b->cap * 2, b->size + size + 1);
		char *d = realloc(b->data, cap);

		if (d == NULL) {
			b->failed = true;
			return;
		}
		b->data = d;
		b->cap = cap;
	}
	memcpy(b->data + b->size, data, size);
	b->size += size;
	b->data[b->size] = '\0';
}

void vrs_buffer_fini(struct vrs_buffer *b)
{
	free(b->data);
	*b = (struct vrs_buffer){0};
}

/* Characters, not bytes: UTF-8 continuation bytes take no place. */
static unsigned width_of(const char *s)
{
	unsigned n = 0;

	for (; *s != '\0'; s++)
		n += ((unsigned char)*s & 0xc0) != 0x80;
	return n;
}

static bool is_control(const char *s)
{
	unsigned char c = (unsigned char)s[0];

	/* C1 controls are c2 80 .. c2 9f in UTF-8. */
	return c < 0x20 || c == 0x7f || (c == 0xc2 && ((unsigned char)s[1] & 0xe0) == 0x80);
}

static void put_cell(const struct vrs_grid *g, unsigned column, const char *cell)
{
	const char *s = cell;

	while (*s != '\0') {
		const char *from = s;

		while (*s != '\0' && !is_control(s))
			s++;
		(void)fwrite(from, 1, (size_t)(s - from), g->out);
		if (*s == '\0')
			break;
		(void)fputc('.', g->out);
		s += (unsigned char)*s == 0xc2 ? 2 : 1;
	}
	if (column + 1 == g->n_columns) {
		(void)fputc('\n', g->out);
		return;
	}
	for (unsigned n = width_of(cell); n < g->width[column]; n++)
		(void)fputc(' ', g->out);
	(void)fwrite("  ", 1, 2, g->out);
}

static void put_row(const struct vrs_grid *g, const char *const *cells)
{
	for (unsigned c = 0; c < g->n_columns; c++)
		put_cell(g, c, cells[c]);
}

/* Titles, a rule, and the rows kept so far. */
static void start(struct vrs_grid *g)
{
	static const char rule[] = "------------------------------------------------------------";
	const char *at = g->kept.data;

	g->streaming = true;
	put_row(g, g->title);
	for (unsigned c = 0; c < g->n_columns; c++)
		(void)fprintf(g->out, "%.*s%s",
			(int)VRS_MIN(g->width[c], (unsigned)sizeof(rule) - 1), rule,
			c + 1 < g->n_columns ? "  " : "\n");
	for (unsigned i = 0; i < g->n_kept; i++) {
		const char *cells[VRS_GRID_COLUMNS];

		for (unsigned c = 0; c < g->n_columns; c++) {
			cells[c] = at;
			at += strlen(at) + 1;
		}
		put_row(g, cells);
	}
	vrs_buffer_fini(&g->kept);
}

void vrs_grid_init(struct vrs_grid *g, FILE *out, unsigned n_columns, const char *const *titles,
	const unsigned *min, unsigned sample)
{
	*g = (struct vrs_grid){.out = out, .n_columns = n_columns, .sample = sample};
	for (unsigned c = 0; c < n_columns; c++) {
		g->title[c] = titles[c];
		g->width[c] = VRS_MAX(width_of(titles[c]), min != NULL ? min[c] : 0);
	}
	if (sample == 0)
		start(g);
}

static bool keep(struct vrs_grid *g, const char *const *cells)
{
	size_t before = g->kept.size;

	for (unsigned c = 0; c < g->n_columns; c++)
		vrs_buffer_add(&g->kept, cells[c], strlen(cells[c]) + 1);
	if (g->kept.failed) {
		g->kept.size = before;
		return false;
	}
	/* One very long cell does not push all the others off the screen. */
	for (unsigned c = 0; c < g->n_columns; c++)
		g->width[c] = VRS_MAX(g->width[c], VRS_MIN(width_of(cells[c]), 60u));
	g->n_kept++;
	return true;
}

void vrs_grid_row(struct vrs_grid *g, const char *const *cells)
{
	if (!g->streaming && g->n_kept < g->sample && keep(g, cells))
		return;
	if (!g->streaming)
		start(g);
	put_row(g, cells);
}

void vrs_grid_end(struct vrs_grid *g)
{
	if (!g->streaming)
		start(g);
	vrs_buffer_fini(&g->kept);
}
