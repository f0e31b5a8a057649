/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#pragma once

/**
 * @file
 * `vrslab table`: make or read a table, say what it is like, write it to a file. Shared by the
 * parts of the command: options (table_options.c), what it is like (table_stats.c), the files
 * (table.c).
 *
 * Threads: one.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "tools/vrslab/mrt_write.h"
#include "tools/vrslab/source.h"

struct vrs_table_options {
	struct vrs_source_options source;
	uint32_t asn; /**< 0 = none: with a file, paths and peers stay as they are. */
	struct vrs_addr next_hop4, next_hop6;
	uint32_t prepend, time;
	const char *mrt_out, *messages_out; /**< NULL = none. */
	bool json;
};

/** @return 0; 1 when there is nothing more to do (--help); 2 on a mistake, told on stderr. */
VRS_NODISCARD int vrs_table_options_parse(struct vrs_table_options *o, int argc, char **argv);

/** What one family of a table is like; before our AS is put in front. */
struct vrs_table_stats {
	size_t n_prefixes, n_sets;
	size_t set_bytes, max_set_bytes;
	size_t path_hops; /**< Of all prefixes. */
	unsigned max_path_len;
	size_t lens[129]; /**< Prefixes of each length. */
	size_t n_slash16; /**< IPv4: /16s in which there is one. */
};

/** @return 0 or -ENOMEM. */
VRS_NODISCARD int vrs_table_stats_of(
	const struct vrs_routes *routes, enum vrs_afi afi, struct vrs_table_stats *out);

/** What was written. */
struct vrs_table_written {
	struct vrs_mrt_write mrt;
	size_t n_messages, message_bytes, n_refused;
};

/** Say what the tables are like and what was written, as text or JSON. @return 0 or -ENOMEM. */
VRS_NODISCARD int vrs_table_report(FILE *to, const struct vrs_table_options *o,
	const struct vrs_source *s, const struct vrs_table_written *w);

/** The peers that write @p s: of the file, or ourselves. @p out has room for as many as there
 *  are tables; it borrows @p s. @return How many. */
size_t vrs_table_peers(const struct vrs_table_options *o, const struct vrs_source *s,
	struct vrs_mrt_write_peer *out);

/** The command. @return The exit status. */
int vrs_table_main(int argc, char **argv);
