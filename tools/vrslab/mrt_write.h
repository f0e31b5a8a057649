/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#pragma once

/**
 * @file
 * Writer of MRT tables: TABLE_DUMP_V2 (RFC 6396 section 4.3), a PEER_INDEX_TABLE and then one
 * record per prefix, sorted by family, address and length, with an entry per peer that has it.
 *
 * The same tables give the same bytes. Threads: one. Cost: 4 bytes a route.
 */

#include <stddef.h>
#include <stdint.h>

#include "tools/vrslab/mrt.h"
#include "tools/vrslab/outfile.h"
#include "tools/vrslab/stream.h"

/** A peer of the collector that the file pretends to be of. */
struct vrs_mrt_write_peer {
	struct vrs_mrt_peer peer;
	const struct vrs_routes *routes; /**< No prefix twice. */
	/** How its IPv4 and IPv6 routes leave it; with as4, as the format has no other. Without an
	 *  AS number paths are as they are; without a next hop, that too. */
	struct vrs_stream_policy policy[2];
};

struct vrs_mrt_write {
	/* In. */
	const struct vrs_mrt_write_peer *peers;
	size_t n_peers;
	uint32_t time; /**< Of every record and entry. */
	/* Out. */
	size_t n_records, n_entries;
	size_t n_refused; /**< Routes whose attributes fit no message, or that lack a next hop. */
};

/** @return 0, -ENOMEM, -E2BIG with over 65535 peers. Errors of @p out stay there. */
VRS_NODISCARD int vrs_mrt_write(struct vrs_mrt_write *w, struct vrs_outfile *out);
