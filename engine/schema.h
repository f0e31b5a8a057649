/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#pragma once

/**
 * @file
 * The schema of the configuration: one table of rows, one row per key.
 *
 * Everything that knows the keys reads this table: the parser (config_decode.c), the JSON
 * Schema and the --help text (config_print.c), the man page and the tests. Adding an option
 * is one row here, one field in config.h, and its paragraph in docs/configuration.md.
 *
 * Threads: pure, static data; any thread.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rib/base/macro.h"

enum vrs_schema_type {
	VRS_SCHEMA_STRING, /**< const char *; min..max is its size in bytes. */
	VRS_SCHEMA_NAME,   /**< A STRING that others refer to: no space, no slash. */
	VRS_SCHEMA_LISTEN, /**< A STRING "ADDRESS:PORT". */
	VRS_SCHEMA_BOOL,
	VRS_SCHEMA_UINT,      /**< An unsigned field of any width; min..max is its value. */
	VRS_SCHEMA_ENUM,      /**< Index into names, in a field of any width. */
	VRS_SCHEMA_FLAGS,     /**< A list of names; one bool each, side by side, from offset on. */
	VRS_SCHEMA_PREFIX,    /**< struct vrs_prefix. */
	VRS_SCHEMA_ADDR,      /**< struct vrs_addr. */
	VRS_SCHEMA_INTERFACE, /**< struct vrs_cfg_interface_address. */
	VRS_SCHEMA_OBJECT,    /**< Rows of path @p object. */
	VRS_SCHEMA_ANY,       /**< Not looked into (only with VRS_SCHEMA_LATER). */
};

enum {
	VRS_SCHEMA_REQUIRED = 1 << 0,
	VRS_SCHEMA_LIST = 1 << 1,   /**< A list of the type, in an array of its own. */
	VRS_SCHEMA_INLINE = 1 << 2, /**< A LIST kept in the struct itself, max_items long. */
	VRS_SCHEMA_SINGLE = 1 << 3, /**< One value that fills a list of one. */
	VRS_SCHEMA_LATER = 1 << 4,  /**< Known but not built: refused with `not-built`. */
};

/** One allowed value of an ENUM or FLAGS row. */
struct vrs_schema_name {
	const char *name;    /* NULL ends the list. */
	bool later;          /* Refused with `not-built`. */
	const char *instead; /* What would help then; NULL: wait. */
};

struct vrs_schema_row {
	const char *path; /* Object that has the key: "", "process", "routeServers[].limits". */
	const char *key;
	enum vrs_schema_type type;
	unsigned flags;      /* VRS_SCHEMA_REQUIRED... */
	size_t offset;       /* Of the field in the object's struct. */
	size_t size;         /* Of the field, or of one element of a list; 0 = not stored. */
	size_t count_offset; /* Of a list's size_t count. */
	size_t mark_offset;  /* Of the struct vrs_mark in each element of a list of OBJECT. */
	uint64_t min, max;   /* See the type; max 0 = no bound. */
	uint32_t min_items, max_items; /* Of a list; max 0 = no bound. */
	const struct vrs_schema_name *names;
	const char *fallback; /* Default, as it would be written; NULL = none. */
	const char *object;   /* Path of the rows of an OBJECT. */
	const char *instead;  /* The other key that says the same; exactly one is given. */
	const char *rule;     /* Rule code of a bad value where not `out-of-range`. */
	const char *unit;
	const char *help;
	const char *since;
};

/** One code of a finding. A finding with a code that is not here is a bug of ours. */
struct vrs_schema_rule {
	const char *code;
	bool error, warning; /**< What it can be. */
	const char *help;
};

/** @return Every code, in the order of the documentation. */
const struct vrs_schema_rule *vrs_schema_rules(size_t *n);

/** @return Every row: those of one object stand together, in the order of the documentation. */
const struct vrs_schema_row *vrs_schema_rows(size_t *n);

/** @return The rows of the object at @p path, and how many. */
const struct vrs_schema_row *vrs_schema_object(const char *path, size_t *n);

/** What the type is called in messages and help, e.g. "a list of prefixes". */
const char *vrs_schema_type_str(const struct vrs_schema_row *row);

/** "did you mean": offer names one by one, then read best (NULL = nothing is near). */
struct vrs_nearest {
	const char *wanted;
	const char *best;
	unsigned distance;
};

struct vrs_nearest vrs_nearest_init(const char *wanted);
void vrs_nearest_offer(struct vrs_nearest *n, const char *name);
