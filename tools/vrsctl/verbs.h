/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#pragma once

/**
 * @file
 * The verbs and options of vrsctl as two plain tables: parsing, help, suggestions and dispatch
 * all read them. A verb that only asks for one resource is a row and nothing else.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tools/vrsctl/view.h"

struct vrs_ctl;

/** Exit codes of INTERFACE.md. */
enum { VRS_EXIT_OK, VRS_EXIT_REFUSED, VRS_EXIT_USAGE, VRS_EXIT_NO_DAEMON };

enum vrs_opt {
	VRS_OPT_NAME,
	VRS_OPT_ROUTESERVER,
	VRS_OPT_VNET,
	VRS_OPT_TABLE,
	VRS_OPT_NIC,
	VRS_OPT_PREFIX,
	VRS_OPT_DEST_IP,
	VRS_OPT_ALL,
	VRS_OPT_SINCE,
	VRS_OPT_ESTABLISHED,
	VRS_OPT_ROUTES,
	VRS_OPT_EXACT,
	VRS_OPT_QUIET_MS,
	VRS_OPT_TIMEOUT,
	/* For every verb. */
	VRS_OPT_CONTROL_SOCKET,
	VRS_OPT_OUTPUT,
	VRS_OPT_HELP,
	VRS_OPT_VERSION,
	VRS_OPT_URL,
	VRS_OPT_N,
	VRS_OPT_NONE = VRS_OPT_N,
};

#define VRS_OPT_BIT(o) (UINT32_C(1) << (o))

struct vrs_option {
	const char *name, *letter;
	const char *metavar; /**< NULL: a flag. */
	const char *query;   /**< Its name in a query; NULL: never sent as one. */
	const char *help;
	bool integer, seconds; /**< What the value must look like. */
	bool global;
};

extern const struct vrs_option vrs_options[VRS_OPT_N];

struct vrs_verb {
	const char *words; /**< NULL ends the table. */
	const char *help;
	const char *method; /**< NULL: GET. */
	const char *path;   /**< {option} stands for its value. */
	const struct vrs_view *view;
	const char *member;              /**< Show this array of the document instead of it. */
	bool pick;                       /**< Of the array only the element called --name. */
	bool live;                       /**< Endless: out with every line at once. */
	bool later;                      /**< Refused as not built. */
	enum vrs_opt positional;         /**< Option that an argument without a name is. */
	uint32_t takes, needs, query;    /**< Options, as bits; needed ones are taken too. */
	int (*run)(struct vrs_ctl *ctl); /**< NULL: ask for path, show it with view. */
};

extern const struct vrs_verb vrs_verbs[];

int vrs_ctl_status(struct vrs_ctl *ctl);
int vrs_ctl_wait(struct vrs_ctl *ctl);
