/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#include "tools/vrsctl/view.h"

#include <string.h>

static void add_text(struct vrs_buffer *b, const char *s)
{
	vrs_buffer_add(b, s, strlen(s));
}

static void add_error(struct vrs_buffer *b, const json_t *e)
{
	char head[64];

	(void)snprintf(head, sizeof(head), "%lld/%lld ",
		(long long)json_integer_value(json_object_get(e, "code")),
		(long long)json_integer_value(json_object_get(e, "subcode")));
	add_text(b, head);
	add_text(b, json_string_value(json_object_get(e, "direction")));
	const char *text = json_string_value(json_object_get(e, "text"));
	if (text != NULL && text[0] != '\0') {
		add_text(b, ": ");
		add_text(b, text);
	}
}

/* An array of names, or of objects that have one. */
static void add_array(struct vrs_buffer *b, const json_t *array)
{
	json_t *element;
	size_t i;

	if (json_array_size(array) == 0)
		add_text(b, "-");
	json_array_foreach (array, i, element) {
		if (i > 0)
			add_text(b, ",");
		vrs_cell_text(b, element);
	}
}

void vrs_cell_text(struct vrs_buffer *b, const json_t *value)
{
	static const char *const names[] = {"name", "service"};
	char number[32];

	switch (value != NULL ? json_typeof(value) : JSON_NULL) {
	case JSON_STRING:
		add_text(b, json_string_length(value) > 0 ? json_string_value(value) : "-");
		return;
	case JSON_INTEGER:
		(void)snprintf(
			number, sizeof(number), "%lld", (long long)json_integer_value(value));
		add_text(b, number);
		return;
	case JSON_REAL:
		(void)snprintf(number, sizeof(number), "%g", json_real_value(value));
		add_text(b, number);
		return;
	case JSON_TRUE:
		add_text(b, "true");
		return;
	case JSON_FALSE:
		add_text(b, "false");
		return;
	case JSON_ARRAY:
		add_array(b, value);
		return;
	case JSON_OBJECT:
		if (json_is_string(json_object_get(value, "direction"))) {
			add_error(b, value);
			return;
		}
		for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
			if (json_is_string(json_object_get(value, names[i]))) {
				vrs_cell_text(b, json_object_get(value, names[i]));
				return;
			}
		}
		break;
	case JSON_NULL:
		break;
	}
	add_text(b, "-");
}

void vrs_rows_init(
	struct vrs_rows *r, const struct vrs_view *view, uint32_t given, unsigned sample, FILE *out)
{
	const char *titles[VRS_GRID_COLUMNS];
	unsigned min[VRS_GRID_COLUMNS];

	*r = (struct vrs_rows){.view = view};
	for (const struct vrs_column *c = view->columns; c->title != NULL; c++) {
		if (c->only_with != 0 && !(given & c->only_with))
			continue;
		titles[r->n_shown] = c->title;
		min[r->n_shown] = c->min;
		r->shown[r->n_shown++] = c;
	}
	vrs_grid_init(&r->grid, out, r->n_shown, titles, min, sample);
}

/* One line; `element` stands for the member that is expanded. */
static void add_line(
	struct vrs_rows *r, const json_t *row, const json_t *parent, const json_t *element)
{
	const char *cells[VRS_GRID_COLUMNS];
	size_t at[VRS_GRID_COLUMNS];

	r->cells.size = 0;
	for (unsigned c = 0; c < r->n_shown; c++) {
		const char *key = r->shown[c]->key;
		const json_t *value = key[0] == '^' ? json_object_get(parent, key + 1)
						    : json_object_get(row, key);

		if (element != NULL && r->view->expand != NULL && strcmp(key, r->view->expand) == 0)
			value = element;
		at[c] = r->cells.size;
		vrs_cell_text(&r->cells, value);
		vrs_buffer_add(&r->cells, "", 1);
	}
	if (r->cells.failed)
		return;
	for (unsigned c = 0; c < r->n_shown; c++)
		cells[c] = r->cells.data + at[c];
	vrs_grid_row(&r->grid, cells);
}

void vrs_rows_add(struct vrs_rows *r, const json_t *row, const json_t *parent)
{
	const json_t *list = r->view->expand != NULL ? json_object_get(row, r->view->expand) : NULL;
	json_t *element;
	size_t i;

	if (json_array_size(list) == 0) {
		add_line(r, row, parent, NULL);
		return;
	}
	json_array_foreach (list, i, element) {
		add_line(r, row, parent, element);
	}
}

/* Down the path of arrays; the last one holds the rows. */
static void descend(
	struct vrs_rows *r, const json_t *object, const json_t *parent, const char *path)
{
	json_t *element;
	size_t i;

	if (path == NULL || path[0] == '\0') {
		vrs_rows_add(r, object, parent);
		return;
	}
	size_t size = strcspn(path, "/");
	char key[64];
	(void)snprintf(key, sizeof(key), "%.*s", (int)size, path);
	json_array_foreach (json_object_get(object, key), i, element) {
		descend(r, element, object, path + size + (path[size] == '/'));
	}
}

void vrs_rows_document(struct vrs_rows *r, const json_t *doc)
{
	const json_t *value = json_object_get(doc, "value");
	json_t *element;
	size_t i;

	if (!json_is_array(value)) {
		descend(r, doc, NULL, r->view->rows);
		return;
	}
	json_array_foreach (value, i, element) {
		descend(r, element, doc, r->view->rows);
	}
}

void vrs_rows_end(struct vrs_rows *r)
{
	vrs_grid_end(&r->grid);
	vrs_buffer_fini(&r->cells);
}
