/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#pragma once

/**
 * @file
 * An MRT file, or a message file, as tables to be announced: per peer, the last word about each prefix. A peer
 * whose session went down in the file has lost what it said before.
 */

#include "tools/vrslab/mrt.h"
#include "tools/vrslab/routes.h"
#include "tools/vrslab/stream.h"

/** What one peer of the file said. */
struct vrs_mrt_table {
	struct vrs_mrt_peer peer;
	struct vrs_routes routes;
	struct vrs_stream raw; /**< With raw: every UPDATE of its, in the order of the file. */
	bool raw_as4;          /**< AS numbers in it are 4 bytes wide. */
	bool raw_eor[2];       /**< An End-of-RIB for IPv4, IPv6 is among them. */
	size_t n_routes;       /**< Announcements read. */
	size_t n_skipped;      /**< Announcements inside skip. */
	size_t n_unusable;     /**< Announcements whose attributes RFC 7606 withdraws. */
};

struct vrs_mrt_load {
	/* In. */
	const char *path;
	const struct vrs_prefix *skip; /**< Prefixes in any of these are left out. */
	size_t n_skip;
	bool raw;
	bool all;             /**< Every peer; else peer, or without one the busiest. */
	struct vrs_addr peer; /**< VRS_AFI_NONE: the one with the most announcements. */
	/* Out. */
	struct vrs_mrt_table *tables; /**< Of peers that announced something. */
	size_t n_tables;
	size_t n_peers; /**< Peers in the file. */
	struct vrs_mrt_stats stats;
	size_t n_bad_messages;
	uint64_t bad_message_offset; /**< Of the first of those. */
	char warning[256];           /**< Why reading ended early; "" = it did not. */
};

/**
 * Read the file.
 *
 * @return 0 (also with a warning: then whole records before the damage are used); -ENOENT and
 *         such; -ESRCH when there is no such peer or nothing was announced; -ENOMEM.
 */
VRS_NODISCARD int vrs_mrt_load(struct vrs_mrt_load *load);
void vrs_mrt_load_fini(struct vrs_mrt_load *load);
