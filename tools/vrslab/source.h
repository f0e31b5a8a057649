/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#pragma once

/**
 * @file
 * Where a table comes from: the generator, or a file (MRT, or BGP messages). The options that
 * say so, and the table or tables; shared by the commands that take them.
 *
 * Threads: one.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rib/prefix.h"
#include "tools/vrslab/mrt_load.h"
#include "tools/vrslab/routes.h"

/** Values of struct option for getopt_long(); a command's own are below. */
enum {
	VRS_SOURCE_PREFIXES = 1024,
	VRS_SOURCE_IPV6,
	VRS_SOURCE_SEED,
	VRS_SOURCE_MRT,
	VRS_SOURCE_MRT_PEER,
	VRS_SOURCE_SKIP,
	VRS_SOURCE_STRICT,
};

enum { VRS_SOURCE_MAX_SKIPS = 64 };

struct vrs_source_options {
	const char *who; /**< "vrslab feed": what is told on stderr begins with it. */
	uint32_t n_ip4, n_ip6;
	uint64_t seed;
	const char *mrt;
	struct vrs_addr mrt_peer;
	bool mrt_all;
	bool raw;    /**< Also keep the file's UPDATEs as they are. */
	bool strict; /**< A damaged file is refused. */
	struct vrs_prefix skips[VRS_SOURCE_MAX_SKIPS];
	size_t n_skips;
};

struct vrs_source {
	struct vrs_routes synth;
	struct vrs_mrt_load mrt;
};

/** Take option @p c, one of the above. @return 0; 2 on a mistake, told on stderr. */
VRS_NODISCARD int vrs_source_take(
	struct vrs_source_options *o, int c, const char *name, const char *value);

/** What the options must be together; fills in what is left out unless told otherwise
 *  (10.0.0.0/8). @return NULL, or what is wrong; static. */
const char *vrs_source_check(struct vrs_source_options *o);

/**
 * Make or read the tables. What went wrong, and what a file has of damage, is told on stderr.
 *
 * @return 0, or a negative errno: -EBADMSG when the file is damaged and o->strict; -ESRCH when
 *         it has no such peer, or no route. Then there is nothing to release.
 */
VRS_NODISCARD int vrs_source_load(struct vrs_source *s, const struct vrs_source_options *o);
void vrs_source_fini(struct vrs_source *s);
