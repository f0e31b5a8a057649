/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

/*
 * YAML to the model, by the schema.
 *
 * Two passes over the text. The first looks at libyaml's events and refuses what this file
 * format does not have: anchors, aliases, tags, a second document, deep nesting. It keeps no
 * state beyond a depth, so an alias bomb or a tower of brackets costs nothing. The second
 * loads the document (nodes keep their marks) and walks it along the schema's rows; recursion
 * is as deep as the schema, not as the input.
 *
 * Scalars are typed by YAML 1.2's core schema, strictly: "3" in quotes is a string, 3x is a
 * string, yes and no are strings, 010 is refused (eight or ten?).
 */

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "engine/config_load.h"
#include "engine/schema.h"

#define MAX_DEPTH 64u

static struct vrs_mark mark_of(yaml_mark_t m)
{
	return (struct vrs_mark){(uint32_t)m.line + 1, (uint32_t)m.column + 1};
}

/* ---- First pass: syntax ------------------------------------------------------------------- */

/* The reader knows only a byte offset; the other stages know the line. */
static struct vrs_mark place_of_error(const yaml_parser_t *p, const char *text, size_t size)
{
	struct vrs_mark m = {1, 1};

	if (p->error != YAML_READER_ERROR)
		return mark_of(p->problem_mark);
	for (size_t i = 0; i < size && i < p->problem_offset; i++) {
		m.column++;
		if (text[i] == '\n')
			m = (struct vrs_mark){m.line + 1, 1};
	}
	return m;
}

static void syntax_error(
	struct vrs_config_load *load, const yaml_parser_t *p, const char *text, size_t size)
{
	if (p->error == YAML_MEMORY_ERROR) {
		load->err = -ENOMEM;
		return;
	}
	vrs_config_error(load, place_of_error(p, text, size), "syntax", NULL, "%s%s%s",
		p->problem != NULL ? p->problem : "not YAML", p->context != NULL ? ", " : "",
		p->context != NULL ? p->context : "");
}

static void check_properties(struct vrs_config_load *load, const yaml_event_t *e,
	const yaml_char_t *anchor, const yaml_char_t *tag)
{
	if (anchor != NULL)
		vrs_config_error(load, mark_of(e->start_mark), "syntax", NULL,
			"anchors and aliases are not supported (&%.60s)", (const char *)anchor);
	if (tag != NULL)
		vrs_config_error(load, mark_of(e->start_mark), "syntax", NULL,
			"tags are not supported (%.60s)", (const char *)tag);
}

struct event_state {
	unsigned depth, documents;
};

/* @return Whether to go on. */
static bool check_event(
	struct vrs_config_load *load, const yaml_event_t *e, struct event_state *state)
{
	switch (e->type) {
	case YAML_DOCUMENT_START_EVENT:
		if (++state->documents == 1)
			return true;
		vrs_config_error(load, mark_of(e->start_mark), "syntax", NULL,
			"a second document; the configuration is one");
		return false;
	case YAML_ALIAS_EVENT:
		vrs_config_error(load, mark_of(e->start_mark), "syntax", NULL,
			"anchors and aliases are not supported (*%.60s)",
			(const char *)e->data.alias.anchor);
		return true;
	case YAML_SCALAR_EVENT:
		check_properties(load, e, e->data.scalar.anchor, e->data.scalar.tag);
		return true;
	case YAML_SEQUENCE_START_EVENT:
		check_properties(
			load, e, e->data.sequence_start.anchor, e->data.sequence_start.tag);
		break;
	case YAML_MAPPING_START_EVENT:
		check_properties(load, e, e->data.mapping_start.anchor, e->data.mapping_start.tag);
		break;
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		state->depth--;
		return true;
	default:
		return e->type != YAML_STREAM_END_EVENT;
	}
	if (++state->depth <= MAX_DEPTH)
		return true;
	vrs_config_error(load, mark_of(e->start_mark), "limit", NULL,
		"more than %u levels of nesting", MAX_DEPTH);
	return false;
}

static void check_syntax(struct vrs_config_load *load, const char *text, size_t size)
{
	struct event_state state = {0};
	yaml_parser_t parser;
	yaml_event_t event;
	bool more = true;

	if (yaml_parser_initialize(&parser) == 0) {
		load->err = -ENOMEM;
		return;
	}
	yaml_parser_set_input_string(&parser, (const unsigned char *)text, size);
	while (more) {
		if (yaml_parser_parse(&parser, &event) == 0) {
			syntax_error(load, &parser, text, size);
			break;
		}
		more = check_event(load, &event, &state);
		yaml_event_delete(&event);
	}
	yaml_parser_delete(&parser);
}

/* ---- Scalars ------------------------------------------------------------------------------ */

enum scalar_kind {
	SCALAR_STRING,
	SCALAR_NULL,
	SCALAR_BOOL,
	SCALAR_INT,
	SCALAR_FLOAT,
};

static bool is_one_of(const char *s, const char *const *words)
{
	for (; *words != NULL; words++) {
		if (strcmp(s, *words) == 0)
			return true;
	}
	return false;
}

static size_t n_digits(const char *s)
{
	return strspn(s, "0123456789");
}

static bool is_float(const char *s)
{
	size_t whole = n_digits(s), part = 0;

	s += whole;
	if (*s == '.') {
		part = n_digits(s + 1);
		s += 1 + part;
	}
	if (whole + part == 0)
		return false;
	if (*s == 'e' || *s == 'E') {
		s++;
		s += *s == '+' || *s == '-';
		size_t n = n_digits(s);
		return n > 0 && s[n] == '\0';
	}
	return *s == '\0';
}

/* YAML 1.2 core schema, section 10.3.2, but for True and TRUE, which are strings here. */
static enum scalar_kind kind_of(const char *s)
{
	static const char *const nulls[] = {"", "~", "null", "Null", "NULL", NULL};
	static const char *const bools[] = {"true", "false", NULL};
	static const char *const floats[] = {".inf", ".Inf", ".INF", ".nan", ".NaN", ".NAN", NULL};

	if (is_one_of(s, nulls))
		return SCALAR_NULL;
	if (is_one_of(s, bools))
		return SCALAR_BOOL;
	if (s[0] == '0' && s[1] == 'x' && s[2] != '\0' &&
		s[2 + strspn(s + 2, "0123456789abcdefABCDEF")] == '\0')
		return SCALAR_INT;
	if (s[0] == '0' && s[1] == 'o' && s[2] != '\0' && s[2 + strspn(s + 2, "01234567")] == '\0')
		return SCALAR_INT;
	if (*s == '-' || *s == '+')
		s++;
	if (is_one_of(s, floats))
		return SCALAR_FLOAT;
	if (*s != '\0' && s[n_digits(s)] == '\0')
		return SCALAR_INT;
	return is_float(s) ? SCALAR_FLOAT : SCALAR_STRING;
}

/* One scalar on its way into a field. */
struct value {
	const struct vrs_schema_row *row;
	const char *text;
	enum scalar_kind kind;
	struct vrs_mark mark;
};

static bool is_list(const struct vrs_schema_row *row)
{
	return (row->flags & VRS_SCHEMA_LIST) != 0 || row->type == VRS_SCHEMA_FLAGS;
}

/* The row of one item of a list row, for its type's name. */
static struct vrs_schema_row item_of(const struct vrs_schema_row *row)
{
	struct vrs_schema_row one = *row;

	one.flags &= ~(unsigned)VRS_SCHEMA_LIST;
	if (one.type == VRS_SCHEMA_FLAGS)
		one.type = VRS_SCHEMA_ENUM;
	return one;
}

static const char *item_prefix(const struct vrs_schema_row *row)
{
	return is_list(row) ? "an item of " : "";
}

static void wrong_type(struct vrs_config_load *load, const struct value *v, const char *near)
{
	static const char *const what[] = {
		[SCALAR_STRING] = "the string ",
		[SCALAR_NULL] = "nothing",
		[SCALAR_BOOL] = "the boolean ",
		[SCALAR_INT] = "the integer ",
		[SCALAR_FLOAT] = "the number ",
	};
	const char *quote = v->kind == SCALAR_STRING ? "\"" : "";
	struct vrs_schema_row one = item_of(v->row);

	vrs_config_error(load, v->mark, "wrong-type", near, "%s%s must be %s, not %s%s%.60s%s",
		item_prefix(v->row), v->row->key, vrs_schema_type_str(&one), what[v->kind], quote,
		v->kind == SCALAR_NULL ? "" : v->text, quote);
}

static void store_uint(void *field, size_t size, uint64_t value)
{
	switch (size) {
	case 1:
		*(uint8_t *)field = (uint8_t)value;
		break;
	case 2:
		*(uint16_t *)field = (uint16_t)value;
		break;
	case 4:
		*(uint32_t *)field = (uint32_t)value;
		break;
	case 8:
		*(uint64_t *)field = value;
		break;
	default: /* Checked only, not kept. */
		break;
	}
}

static void take_string(struct vrs_config_load *load, const struct value *v, void *field)
{
	const struct vrs_schema_row *row = v->row;
	size_t size = strlen(v->text);

	if (v->kind != SCALAR_STRING) {
		wrong_type(load, v, NULL);
	} else if (size < row->min || (row->max > 0 && size > row->max)) {
		vrs_config_error(load, v->mark, "out-of-range", NULL,
			"%s has %zu bytes; %ju to %ju are allowed", row->key, size,
			(uintmax_t)row->min, (uintmax_t)row->max);
	} else if (row->type == VRS_SCHEMA_NAME &&
		v->text[strcspn(v->text, " \t\r\n/\\\"'")] != '\0') {
		vrs_config_error(load, v->mark, "out-of-range", NULL,
			"%s \"%.80s\" has a space, slash or quote in it", row->key, v->text);
	} else {
		*(const char **)field = vrs_config_strdup(load, v->text);
	}
}

static void take_listen(struct vrs_config_load *load, const struct value *v, void *field)
{
	char host[VRS_ADDR_STRLEN] = "";
	struct vrs_addr addr;
	const char *colon = strrchr(v->text, ':');
	const char *start = v->text;
	size_t size = colon != NULL ? (size_t)(colon - start) : 0;

	if (size > 2 && start[0] == '[' && start[size - 1] == ']') {
		start++;
		size -= 2;
	}
	if (v->kind == SCALAR_STRING && size < sizeof(host))
		memcpy(host, start, size);
	const char *digits = colon != NULL ? colon + 1 : "";
	size_t n = n_digits(digits);
	if (vrs_addr_parse(&addr, host) != 0 || (addr.afi == VRS_AFI_IP6) != (v->text[0] == '[') ||
		n == 0 || n > 5 || digits[n] != '\0') {
		wrong_type(load, v, NULL);
		return;
	}
	unsigned long port = strtoul(digits, NULL, 10);
	if (port < 1 || port > 65535)
		vrs_config_error(load, v->mark, "out-of-range", NULL,
			"%s has port %lu; 1 to 65535 are allowed", v->row->key, port);
	else
		*(const char **)field = vrs_config_strdup(load, v->text);
}

static void take_bool(struct vrs_config_load *load, const struct value *v, void *field)
{
	static const char *const yes[] = {
		"yes", "Yes", "YES", "on", "On", "ON", "True", "TRUE", NULL};
	static const char *const no[] = {
		"no", "No", "NO", "off", "Off", "OFF", "False", "FALSE", NULL};

	if (v->kind == SCALAR_BOOL)
		*(bool *)field = v->text[0] == 't';
	else if (v->kind == SCALAR_STRING)
		wrong_type(load, v,
			is_one_of(v->text, yes)          ? "true"
				: is_one_of(v->text, no) ? "false"
							 : NULL);
	else
		wrong_type(load, v, NULL);
}

static void take_uint(struct vrs_config_load *load, const struct value *v, void *field)
{
	const struct vrs_schema_row *row = v->row;
	uint64_t max = row->max > 0 ? row->max : UINT64_MAX, value = 0;
	const char *s = v->text;
	bool fits = s[0] != '-';

	s += !fits;
	if (v->kind != SCALAR_INT) {
		wrong_type(load, v, NULL);
		return;
	}
	if (s[n_digits(s)] != '\0' || (s[0] == '0' && s[1] != '\0')) {
		vrs_config_error(load, v->mark, "wrong-type", NULL,
			"%s must be a plain decimal integer, not %.24s", row->key, v->text);
		return;
	}
	for (; *s != '\0'; s++)
		fits = fits && !__builtin_mul_overflow(value, 10u, &value) &&
			!__builtin_add_overflow(value, (uint64_t)(*s - '0'), &value);
	if (!fits || value < row->min || value > max)
		vrs_config_error(load, v->mark, "out-of-range", NULL,
			"%s is %.24s; %ju to %ju are allowed", row->key, v->text,
			(uintmax_t)row->min, (uintmax_t)max);
	else
		store_uint(field, row->size, value);
}

/* Index of the name in row->names, or -1 with a finding. */
static int name_index(struct vrs_config_load *load, const struct value *v)
{
	struct vrs_nearest near = vrs_nearest_init(v->text);
	char all[128] = "";
	size_t used = 0;

	if (v->kind != SCALAR_STRING) {
		wrong_type(load, v, NULL);
		return -1;
	}
	for (int i = 0; v->row->names[i].name != NULL; i++) {
		const struct vrs_schema_name *n = &v->row->names[i];
		if (strcmp(n->name, v->text) == 0 && n->later) {
			vrs_config_error(load, v->mark, "not-built", NULL, "%s %s is not built %s",
				v->row->key, n->name, n->instead != NULL ? n->instead : "yet");
			return -1;
		}
		if (strcmp(n->name, v->text) == 0)
			return i;
		vrs_nearest_offer(&near, n->name);
		used += (size_t)snprintf(
			all + used, sizeof(all) - used, "%s%s", i > 0 ? ", " : "", n->name);
	}
	vrs_config_error(load, v->mark, v->row->rule != NULL ? v->row->rule : "out-of-range",
		near.best, "%s \"%.40s\" is none of %s", v->row->key, v->text, all);
	return -1;
}

/* "10.0.0.1/33": an address and digits, only too many. */
static bool is_prefix_too_long(const char *text)
{
	char head[VRS_ADDR_STRLEN] = "";
	const char *slash = strchr(text, '/');
	struct vrs_addr a;

	if (slash == NULL || (size_t)(slash - text) >= sizeof(head))
		return false;
	memcpy(head, text, (size_t)(slash - text));
	return vrs_addr_parse(&a, head) == 0 && slash[1] >= '1' && slash[1] <= '9' &&
		slash[1 + n_digits(slash + 1)] == '\0';
}

static void take_prefix(struct vrs_config_load *load, const struct value *v, void *field)
{
	const char *slash = strchr(v->text, '/');
	char near[VRS_PREFIX_STRLEN], head[VRS_ADDR_STRLEN] = "";
	struct vrs_prefix p;
	struct vrs_addr a;
	int rc = v->kind == SCALAR_STRING ? vrs_prefix_parse(&p, v->text) : -EINVAL;

	if (rc == 0) {
		*(struct vrs_prefix *)field = p;
	} else if (rc == -ERANGE) {
		/* Both parts were good: what is left is to clear the host bits. */
		memcpy(head, v->text, (size_t)(slash - v->text));
		if (vrs_addr_parse(&a, head) != 0)
			return;
		p = vrs_prefix_of(&a, (unsigned)strtoul(slash + 1, NULL, 10));
		vrs_config_error(load, v->mark, "out-of-range", vrs_prefix_str(&p, near),
			"%s %.60s has bits set past its length", v->row->key, v->text);
	} else if (v->kind == SCALAR_STRING && is_prefix_too_long(v->text)) {
		vrs_config_error(load, v->mark, "out-of-range", NULL,
			"%s %.60s is longer than its address", v->row->key, v->text);
	} else {
		wrong_type(load, v, NULL);
	}
}

static void take_addr(struct vrs_config_load *load, const struct value *v, void *field)
{
	struct vrs_addr a;

	if (v->kind == SCALAR_STRING && vrs_addr_parse(&a, v->text) == 0)
		*(struct vrs_addr *)field = a;
	else
		wrong_type(load, v, NULL);
}

/* As a prefix, but the bits behind its length are the address's. */
static void take_interface(struct vrs_config_load *load, const struct value *v, void *field)
{
	const char *slash = strchr(v->text, '/');
	struct vrs_cfg_interface_address a = {0};
	char head[VRS_ADDR_STRLEN] = "";
	struct vrs_prefix p;

	if (v->kind == SCALAR_STRING && slash != NULL && (size_t)(slash - v->text) < sizeof(head)) {
		memcpy(head, v->text, (size_t)(slash - v->text));
		int rc = vrs_prefix_parse(&p, v->text);
		if ((rc == 0 || rc == -ERANGE) && vrs_addr_parse(&a.addr, head) == 0) {
			a.len = (uint8_t)strtoul(slash + 1, NULL, 10);
			*(struct vrs_cfg_interface_address *)field = a;
			return;
		}
	}
	if (v->kind == SCALAR_STRING && is_prefix_too_long(v->text))
		vrs_config_error(load, v->mark, "out-of-range", NULL,
			"%s %.60s is longer than its address", v->row->key, v->text);
	else
		wrong_type(load, v, NULL);
}

static void take_scalar(struct vrs_config_load *load, const struct value *v, void *field)
{
	int index;

	switch (v->row->type) {
	case VRS_SCHEMA_STRING:
	case VRS_SCHEMA_NAME:
		take_string(load, v, field);
		break;
	case VRS_SCHEMA_LISTEN:
		take_listen(load, v, field);
		break;
	case VRS_SCHEMA_BOOL:
		take_bool(load, v, field);
		break;
	case VRS_SCHEMA_UINT:
		take_uint(load, v, field);
		break;
	case VRS_SCHEMA_ENUM:
		index = name_index(load, v);
		if (index >= 0)
			store_uint(field, v->row->size, (uint64_t)index);
		break;
	case VRS_SCHEMA_FLAGS:
		index = name_index(load, v);
		if (index >= 0)
			((bool *)field)[index] = true;
		break;
	case VRS_SCHEMA_PREFIX:
		take_prefix(load, v, field);
		break;
	case VRS_SCHEMA_ADDR:
		take_addr(load, v, field);
		break;
	case VRS_SCHEMA_INTERFACE:
		take_interface(load, v, field);
		break;
	default:
		break;
	}
}

/* ---- Second pass: nodes along the schema -------------------------------------------------- */

struct walk {
	struct vrs_config_load *load;
	yaml_document_t *doc;
};

static void take_object(const struct walk *w, const char *path, yaml_node_t *node, void *base);

static void wrong_node(struct vrs_config_load *load, const struct vrs_schema_row *row, bool item,
	yaml_node_t *node)
{
	struct vrs_schema_row one = item ? item_of(row) : *row;
	const char *found = node->type == YAML_MAPPING_NODE ? "a mapping"
		: node->type == YAML_SEQUENCE_NODE          ? "a list"
		: node->data.scalar.length == 0             ? "nothing"
							    : "a single value";

	vrs_config_error(load, mark_of(node->start_mark), "wrong-type", NULL,
		"%s%s must be %s, not %s", item ? item_prefix(row) : "", row->key,
		vrs_schema_type_str(&one), found);
}

static void take_item(
	const struct walk *w, const struct vrs_schema_row *row, yaml_node_t *node, void *field)
{
	struct vrs_mark mark = mark_of(node->start_mark);

	if (row->type == VRS_SCHEMA_OBJECT && node->type == YAML_MAPPING_NODE) {
		if (row->mark_offset != 0)
			*(struct vrs_mark *)((char *)field + row->mark_offset) = mark;
		take_object(w, row->object, node, field);
		return;
	}
	if (row->type == VRS_SCHEMA_OBJECT || node->type != YAML_SCALAR_NODE) {
		wrong_node(w->load, row, true, node);
		return;
	}

	const char *text = (const char *)node->data.scalar.value;
	bool plain = node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	struct value v = {row, text, plain ? kind_of(text) : SCALAR_STRING, mark};
	if (strlen(text) != node->data.scalar.length) {
		vrs_config_error(
			w->load, mark, "syntax", NULL, "%s has a NUL character in it", row->key);
		return;
	}
	size_t n_errors = w->load->report->n_errors;
	take_scalar(w->load, &v, field);
	if (row->size > 0)
		vrs_config_place_add(w->load, field, mark, w->load->report->n_errors > n_errors);
}

static bool check_items(
	const struct walk *w, const struct vrs_schema_row *row, yaml_node_t *node, size_t n)
{
	if (n < row->min_items)
		vrs_config_error(w->load, mark_of(node->start_mark), "out-of-range", NULL,
			"%s is empty", row->key);
	else if (row->max_items > 0 && n > row->max_items)
		vrs_config_error(w->load, mark_of(node->start_mark), "out-of-range", NULL,
			"%s has %zu items; at most %u are allowed", row->key, n, row->max_items);
	else
		return true;
	return false;
}

static void take_list(
	const struct walk *w, const struct vrs_schema_row *row, yaml_node_t *node, char *base)
{
	if (node->type != YAML_SEQUENCE_NODE) {
		wrong_node(w->load, row, false, node);
		return;
	}
	yaml_node_item_t *items = node->data.sequence.items.start;
	size_t n = (size_t)(node->data.sequence.items.top - items);
	char *array = base + row->offset;
	size_t step = row->type == VRS_SCHEMA_FLAGS ? 0 : row->size;
	if (!check_items(w, row, node, n))
		return;
	if (row->type != VRS_SCHEMA_FLAGS) {
		if ((row->flags & VRS_SCHEMA_INLINE) == 0) {
			array = vrs_config_alloc(w->load, n, row->size);
			if (array == NULL)
				return;
			*(void **)(base + row->offset) = array;
			vrs_config_place_add(
				w->load, base + row->offset, mark_of(node->start_mark), false);
		}
		*(size_t *)(base + row->count_offset) = n;
		vrs_config_place_add(
			w->load, base + row->count_offset, mark_of(node->start_mark), false);
	}
	for (size_t i = 0; i < n && w->load->err == 0; i++)
		take_item(w, row, yaml_document_get_node(w->doc, items[i]), array + i * step);
}

static void take_value(
	const struct walk *w, const struct vrs_schema_row *row, yaml_node_t *node, char *base)
{
	if (is_list(row)) {
		take_list(w, row, node, base);
	} else if ((row->flags & VRS_SCHEMA_SINGLE) != 0) {
		void *one = vrs_config_alloc(w->load, 1, row->size);
		if (one == NULL)
			return;
		*(void **)(base + row->offset) = one;
		*(size_t *)(base + row->count_offset) = 1;
		take_item(w, row, node, one);
	} else {
		take_item(w, row, node, base + row->offset);
	}
}

static void take_default(const struct walk *w, const struct vrs_schema_row *row, char *base)
{
	struct value v = {.row = row, .text = row->fallback};

	if (row->type == VRS_SCHEMA_OBJECT && (row->flags & VRS_SCHEMA_LIST) == 0) {
		take_object(w, row->object, NULL, base + row->offset);
	} else if (row->type == VRS_SCHEMA_FLAGS) {
		for (size_t i = 0; row->names[i].name != NULL; i++)
			((bool *)(base + row->offset))[i] = true;
	} else if (row->fallback != NULL) {
		v.kind = kind_of(v.text);
		take_scalar(w->load, &v, base + row->offset);
	}
}

static size_t find_row(const struct vrs_schema_row *rows, size_t n, const char *key)
{
	size_t i = 0;

	while (i < n && strcmp(rows[i].key, key) != 0)
		i++;
	return i;
}

static void unknown_key(struct vrs_config_load *load, struct vrs_mark mark, const char *key,
	const struct vrs_schema_row *rows, size_t n)
{
	struct vrs_nearest near = vrs_nearest_init(key);

	for (size_t i = 0; i < n; i++)
		vrs_nearest_offer(&near, rows[i].key);
	vrs_config_error(load, mark, "unknown-key", near.best, "no key \"%.80s\" in %s", key,
		rows[0].path[0] != '\0' ? rows[0].path : "the document");
}

/* One "key: value"; @p seen has a bit per row. */
static void take_pair(const struct walk *w, const struct vrs_schema_row *rows, size_t n,
	const yaml_node_pair_t *pair, uint64_t *seen, char *base)
{
	yaml_node_t *key = yaml_document_get_node(w->doc, pair->key);
	struct vrs_mark mark = mark_of(key->start_mark);

	if (key->type != YAML_SCALAR_NODE ||
		strlen((const char *)key->data.scalar.value) != key->data.scalar.length) {
		vrs_config_error(w->load, mark, "wrong-type", NULL, "a key must be a string");
		return;
	}
	const char *name = (const char *)key->data.scalar.value;
	size_t i = find_row(rows, n, name);
	if (i == n) {
		unknown_key(w->load, mark, name, rows, n);
		return;
	}
	const struct vrs_schema_row *row = &rows[i];
	size_t other = row->instead != NULL ? find_row(rows, n, row->instead) : n;
	if ((*seen >> i & 1) != 0) {
		vrs_config_error(w->load, mark, "duplicate-key", NULL, "%s is given twice", name);
	} else if (other < n && (*seen >> other & 1) != 0) {
		vrs_config_error(w->load, mark, "duplicate-key", NULL,
			"%s and %s say the same; give one of them", row->instead, name);
	} else if ((row->flags & VRS_SCHEMA_LATER) != 0) {
		vrs_config_error(w->load, mark, "not-built", NULL, "%s is not built yet", name);
	} else {
		take_value(w, row, yaml_document_get_node(w->doc, pair->value), base);
	}
	*seen |= (uint64_t)1 << i;
}

/* @p node NULL: the object was left out, and every key of it has its default. */
static void take_object(const struct walk *w, const char *path, yaml_node_t *node, void *base)
{
	uint64_t seen = 0;
	size_t n;
	const struct vrs_schema_row *rows = vrs_schema_object(path, &n);

	assert(n > 0 && n <= 64);
	if (node != NULL) {
		yaml_node_pair_t *pair = node->data.mapping.pairs.start;
		for (; pair < node->data.mapping.pairs.top && w->load->err == 0; pair++)
			take_pair(w, rows, n, pair, &seen, base);
	}
	for (size_t i = 0; i < n; i++) {
		const struct vrs_schema_row *row = &rows[i];
		size_t other = row->instead != NULL ? find_row(rows, n, row->instead) : n;
		if ((seen >> i & 1) != 0 || (other < n && (seen >> other & 1) != 0))
			continue;
		if (node != NULL && (row->flags & VRS_SCHEMA_REQUIRED) != 0)
			vrs_config_error(w->load, mark_of(node->start_mark), "missing-key", NULL,
				"%s%s%s is missing", row->key, row->instead != NULL ? " or " : "",
				row->instead != NULL ? row->instead : "");
		else
			take_default(w, row, base);
	}
}

bool vrs_config_decode(struct vrs_config_load *load, const char *text, size_t size)
{
	yaml_parser_t parser;
	yaml_document_t doc;

	check_syntax(load, text, size);
	if (load->err != 0 || load->report->n_findings > 0)
		return false;
	if (yaml_parser_initialize(&parser) == 0) {
		load->err = -ENOMEM;
		return false;
	}
	yaml_parser_set_input_string(&parser, (const unsigned char *)text, size);
	if (yaml_parser_load(&parser, &doc) == 0) {
		syntax_error(load, &parser, text, size);
		yaml_parser_delete(&parser);
		return false;
	}

	yaml_node_t *root = yaml_document_get_root_node(&doc);
	bool usable = root != NULL && root->type == YAML_MAPPING_NODE;
	if (usable) {
		struct walk w = {load, &doc};
		take_object(&w, "", root, load->config);
		vrs_config_places_sort(load);
	} else {
		struct vrs_mark top =
			root != NULL ? mark_of(root->start_mark) : (struct vrs_mark){1, 1};
		vrs_config_error(load, top, "wrong-type", NULL, "the document must be a mapping%s",
			root == NULL ? "; it is empty" : "");
	}
	yaml_document_delete(&doc);
	yaml_parser_delete(&parser);
	return usable && load->err == 0;
}
