/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#pragma once

/**
 * @file
 * The command line of vrsd as a table: parsing, --help and the man page read it.
 *
 * Threads: pure, static data; any thread.
 */

#include <stddef.h>

struct vrs_vrsd_option {
	const char *name;
	const char *metavar; /**< NULL: a flag. */
	int letter;          /**< What getopt_long() returns. */
	const char *help;
};

/** @return Every option, in the order of --help. */
const struct vrs_vrsd_option *vrs_vrsd_options(size_t *n);
