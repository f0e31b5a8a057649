/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

/*
 * What is printed of the schema: as JSON Schema, and as the table of keys.
 */

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "engine/config.h"
#include "engine/schema.h"

/* ---- JSON Schema -------------------------------------------------------------------------- */

static json_t *object_schema(const char *path);

static json_t *names_schema(const struct vrs_schema_name *names)
{
	json_t *list = json_array();

	for (; names->name != NULL; names++) {
		if (!names->later)
			json_array_append_new(list, json_string(names->name));
	}
	return json_pack("{s:s, s:o}", "type", "string", "enum", list);
}

static json_t *string_schema(const struct vrs_schema_row *row, const char *pattern)
{
	json_t *s = json_pack("{s:s}", "type", "string");

	if (row->max > 0) {
		json_object_set_new(s, "minLength", json_integer((json_int_t)row->min));
		json_object_set_new(s, "maxLength", json_integer((json_int_t)row->max));
	}
	if (pattern != NULL)
		json_object_set_new(s, "pattern", json_string(pattern));
	return s;
}

/* Decimal numbers up to a bound, addresses and prefixes as patterns. IPv6 is only told from
 * IPv4 by its colon: its grammar as a pattern would say more than it checks. */
#define OCTET   "(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
#define IP4     OCTET "(\\." OCTET "){3}"
#define IP6     "[0-9a-fA-F.]*:[0-9a-fA-F:.]*"
#define IP4_LEN "(3[0-2]|[12]?[0-9])"
#define IP6_LEN "(12[0-8]|1[01][0-9]|[1-9]?[0-9])"
#define PORT    "[1-9][0-9]{0,4}"

/* One value of the row, not its list. */
static json_t *item_schema(const struct vrs_schema_row *row)
{
	json_t *s;

	switch (row->type) {
	case VRS_SCHEMA_STRING:
		return string_schema(row, NULL);
	case VRS_SCHEMA_NAME:
		return string_schema(row, "^[^\\s/\\\\\"']+$");
	case VRS_SCHEMA_LISTEN:
		return string_schema(row, "^(" IP4 "|\\[" IP6 "\\]):" PORT "$");
	case VRS_SCHEMA_PREFIX:
	case VRS_SCHEMA_INTERFACE:
		return string_schema(row, "^(" IP4 "/" IP4_LEN "|" IP6 "/" IP6_LEN ")$");
	case VRS_SCHEMA_ADDR:
		return string_schema(row, "^(" IP4 "|" IP6 ")$");
	case VRS_SCHEMA_BOOL:
		return json_pack("{s:s}", "type", "boolean");
	case VRS_SCHEMA_ENUM:
	case VRS_SCHEMA_FLAGS:
		return names_schema(row->names);
	case VRS_SCHEMA_UINT:
		s = json_pack("{s:s, s:I}", "type", "integer", "minimum", (json_int_t)row->min);
		if (row->max > 0)
			json_object_set_new(s, "maximum", json_integer((json_int_t)row->max));
		return s;
	case VRS_SCHEMA_OBJECT:
		return object_schema(row->object);
	default:
		return json_object();
	}
}

static json_t *default_value(const struct vrs_schema_row *row)
{
	json_t *list = json_array();

	switch (row->type) {
	case VRS_SCHEMA_BOOL:
		json_decref(list);
		return json_boolean(strcmp(row->fallback, "true") == 0);
	case VRS_SCHEMA_UINT:
		json_decref(list);
		return json_integer((json_int_t)strtoull(row->fallback, NULL, 10));
	case VRS_SCHEMA_FLAGS:
		for (size_t i = 0; row->names[i].name != NULL; i++)
			json_array_append_new(list, json_string(row->names[i].name));
		return list;
	default:
		json_decref(list);
		return json_string(row->fallback);
	}
}

static json_t *row_schema(const struct vrs_schema_row *row)
{
	json_t *s = item_schema(row);

	if ((row->flags & VRS_SCHEMA_LIST) != 0 || row->type == VRS_SCHEMA_FLAGS) {
		s = json_pack("{s:s, s:o}", "type", "array", "items", s);
		if (row->min_items > 0)
			json_object_set_new(s, "minItems", json_integer(row->min_items));
		if (row->max_items > 0)
			json_object_set_new(s, "maxItems", json_integer(row->max_items));
	}
	json_object_set_new(s, "description", json_string(row->help));
	if (row->fallback != NULL)
		json_object_set_new(s, "default", default_value(row));
	return s;
}

/* Of two keys that say the same, one must be given: the first row of the two says so. */
static bool needs_one(const struct vrs_schema_row *rows, size_t n, const struct vrs_schema_row *row)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(rows[i].key, row->instead) == 0)
			return ((row->flags | rows[i].flags) & VRS_SCHEMA_REQUIRED) != 0;
	return false;
}

static json_t *object_schema(const char *path)
{
	json_t *properties = json_object(), *required = json_array(), *either = json_array();
	json_t *both = json_array();
	size_t n;
	const struct vrs_schema_row *rows = vrs_schema_object(path, &n);

	for (size_t i = 0; i < n; i++) {
		const struct vrs_schema_row *row = &rows[i];
		if ((row->flags & VRS_SCHEMA_LATER) != 0)
			continue;
		json_object_set_new(properties, row->key, row_schema(row));
		if (row->instead != NULL && !needs_one(rows, n, row))
			json_array_append_new(both, json_string(row->key));
		else if (row->instead != NULL)
			json_array_append_new(either, json_pack("{s:[s]}", "required", row->key));
		else if ((row->flags & VRS_SCHEMA_REQUIRED) != 0)
			json_array_append_new(required, json_string(row->key));
	}
	json_t *s = json_pack("{s:s, s:o, s:b}", "type", "object", "properties", properties,
		"additionalProperties", 0);
	if (json_array_size(required) > 0)
		json_object_set(s, "required", required);
	if (json_array_size(either) > 0)
		json_object_set(s, "oneOf", either);
	if (json_array_size(both) > 0)
		json_object_set_new(s, "not", json_pack("{s:O}", "required", both));
	json_decref(both);
	json_decref(required);
	json_decref(either);
	return s;
}

void vrs_config_print_schema(FILE *to)
{
	json_t *s = json_pack("{s:s, s:s}", "$schema",
		"https://json-schema.org/draft/2020-12/schema", "title", "vrs configuration");
	json_t *root = object_schema("");

	json_object_update(s, root);
	json_decref(root);
	(void)json_dumpf(s, to, JSON_INDENT(2));
	(void)fputc('\n', to);
	json_decref(s);
}

/* ---- The table of keys -------------------------------------------------------------------- */

void vrs_config_print_help(FILE *to)
{
	size_t n;
	const struct vrs_schema_row *rows = vrs_schema_rows(&n);
	const char *path = NULL;

	for (size_t i = 0; i < n; i++) {
		const struct vrs_schema_row *row = &rows[i];
		if (path == NULL || strcmp(path, row->path) != 0)
			(void)fprintf(to, "%s%s:\n", path != NULL ? "\n" : "",
				row->path[0] != '\0' ? row->path : "top level");
		path = row->path;
		(void)fprintf(to, "  %-26s %s", row->key, row->help);
		if (row->unit != NULL)
			(void)fprintf(to, "; %s", row->unit);
		if ((row->flags & VRS_SCHEMA_LATER) != 0)
			(void)fputs(" (not built yet)", to);
		else if ((row->flags & VRS_SCHEMA_REQUIRED) != 0)
			(void)fprintf(to, " (required%s%s)", row->instead != NULL ? ", or " : "",
				row->instead != NULL ? row->instead : "");
		else if (row->fallback != NULL)
			(void)fprintf(to, " (default %s)", row->fallback);
		for (size_t j = 0; row->names != NULL && row->names[j].name != NULL; j++) {
			if (j == 0)
				(void)fprintf(to, "\n  %-26s ", "");
			(void)fprintf(to, "%s%s%s", j > 0 ? " | " : "", row->names[j].name,
				row->names[j].later ? " (not built yet)" : "");
		}
		(void)fputc('\n', to);
	}
}
