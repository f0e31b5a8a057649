/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#pragma once

/**
 * @file
 * What runs a verb: requests with their errors told, and output in the format asked for.
 */

#include <jansson.h>
#include <stdio.h>

#include "tools/vrsctl/args.h"
#include "tools/vrsctl/client.h"

struct vrs_ctl {
	struct vrs_args args;
	struct vrs_client client;
	FILE *out, *err;
};

/** Parse, run, and say in the exit code how it went. */
int vrs_ctl_main(int argc, char **argv);

/** Print a reason. @return VRS_EXIT_REFUSED. */
int vrs_ctl_refuse(struct vrs_ctl *ctl, const char *fmt, ...) VRS_PRINTF(2, 3);

/** The exit code for what vrs_client_send() returned, its reason printed. */
int vrs_ctl_failed(struct vrs_ctl *ctl, int err);

/** GET a document; errors are printed. @return VRS_EXIT_OK with *doc, *owned*, or the exit code. */
int vrs_ctl_get(struct vrs_ctl *ctl, const char *method, const char *path, json_t **doc);

/** Print a document as JSON: indented, or compact for NDJSON (elements of "value" one a line). */
int vrs_ctl_print_json(struct vrs_ctl *ctl, const json_t *doc);
