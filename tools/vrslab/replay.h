/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#pragma once

/**
 * @file
 * The UPDATEs of a capture (mrt.h), to be sent again: in its time, faster, or at a rate. Those of
 * a message file have no times: without a rate they are sent as fast as it goes.
 *
 * The busiest peers of the file become the senders. So that it is known what every receiver must
 * hold in the end whatever a target's decision prefers, a prefix is one sender's: the busiest one
 * that announces it; what the others say of it is left out. Left out too is what no target passes
 * on or what means something in the laboratory: private and reserved prefixes, paths with
 * private AS numbers, NO_EXPORT and its kin. All of it is counted.
 *
 * Threads: one. Cost: 28 bytes a prefix of an UPDATE, 48 an UPDATE, the attribute sets.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rib/prefix.h"
#include "tools/vrslab/mrt.h"
#include "tools/vrslab/routes.h"
#include "tools/vrslab/verify.h"

/** Prefixes of one capture's message that have one fate. */
struct vrs_replay_update {
	uint64_t at_ns;       /**< Since the first; without microseconds spread over the second. */
	size_t first;         /**< In numbers and prefixes. */
	uint32_t n;           /**< Of them. */
	uint32_t sender, set; /**< set: of sets; VRS_ROUTES_NO_SET withdraws. */
};

struct vrs_replay {
	/* In. */
	const char *path;
	enum vrs_afi afi;
	uint32_t n_senders;
	/* Out. */
	struct vrs_replay_update *updates; /**< In the order of the file. */
	size_t n_updates, cap_updates;
	uint32_t *numbers; /**< In the universe. */
	struct vrs_prefix *prefixes;
	size_t n_prefixes, cap_prefixes;
	struct vrs_routes sets;
	uint32_t *owner; /**< Sender of each prefix of the universe. */
	size_t n_left_out;
	size_t n_peers; /**< In the file. */
	struct vrs_mrt_stats stats;
	char warning[256]; /**< Damage: what, and at which offset; "" = none. */
};

/**
 * Read the file (three times), and make the universe of its prefixes.
 *
 * @return 0 (also with a warning: whole records before the damage are used); -ENOENT and such;
 *         -ESRCH when fewer than n_senders peers announce something; -ENOMEM.
 */
VRS_NODISCARD int vrs_replay_load(struct vrs_replay *r, struct vrs_universe *universe);
void vrs_replay_fini(struct vrs_replay *r);
