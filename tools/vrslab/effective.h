/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#pragma once

/**
 * @file
 * When a change is effective on a VM: vrsd's watch stream of one NIC, read by a thread of its own
 * beside a phase (phase.h).
 *
 *     vrs_effective_init(&e);
 *     vrs_effective_begin(&e);           the stream is asked for, from the last delta on
 *     vrs_phase_begin(&p);               p.delay_ns lets the stream open first
 *     atomic_store(&e.start_ns, ...);    what changes' times count from
 *     ... until e.n_wrong is 0 or e.lost ...
 *     vrs_effective_end(&e);             joined; read the results
 *     vrs_effective_check(&e, ...);      the NIC's whole table, against what it must be
 *
 * A line names a prefix and its next hops, not the change that it shows. The plan tells: it is
 * the first change of that prefix, after the one seen last, that leaves this next hop (or none).
 * So changes that leave the next hop alone are not seen here; one that was overtaken counts when the
 * newer one comes. Where two may be meant, the earlier one is taken: the latency is never too small.
 *
 * Threads: init, begin, end, check and fini on one; the stream has its own. Cost: 4 bytes a prefix, a
 * JSON object a change.
 */

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rib/prefix.h"
#include "tools/vrsctl/grid.h"
#include "tools/vrslab/hdr.h"
#include "tools/vrslab/phase.h"
#include "tools/vrslab/script.h"
#include "tools/vrslab/verify.h"

struct vrs_effective {
	/* Set before init(). Borrowed until fini(). */
	const char *socket, *nic;
	const struct vrs_plan *plan;
	const struct vrs_universe *universe;
	struct vrs_addr first_hop; /**< Hop 1 of the plan's changes; the others follow it. */
	uint32_t n_hops;
	bool loaded; /**< Every prefix had hop 0 when the phase began; else none had a route. */

	atomic_uint_fast64_t start_ns; /**< Of the phase; 0 = not yet. */

	/* To be watched while it runs. */
	atomic_uint n_wrong; /**< Changed prefixes that are not what the last change makes them. */
	atomic_bool lost;    /**< The stream ended, or makes no sense: `why`. */
	/** It left something out, as the daemon's log of deltas is not endless: there is no latency to be
	 *  told, but the table in the end can be checked all the same. */
	atomic_bool fell_behind;

	/* Results, after end(). */
	struct vrs_hdr latency; /**< Nanoseconds from the intended time of a change. */
	uint64_t n_lines, n_seen;
	uint64_t n_strange;   /**< Lines that no change explains. */
	uint64_t n_overtaken; /**< Of n_seen: a newer one came instead. */
	struct vrs_lab_usage usage;
	char why[256];

	/* Private. */
	uint32_t *seen; /* By prefix: the change last seen, or VRS_CHANGE_NONE. */
	uint64_t since; /* The last delta before the phase. */
	uint64_t now_ns;
	struct vrs_buffer rest;
	bool begun;
	pthread_t thread;
	atomic_bool stop;
};

/** Changes that a NIC can see: those after which a prefix has another next hop, or none. */
uint64_t vrs_effective_expected(const struct vrs_plan *plan, bool loaded);

/** @return 0 or -ENOMEM. */
VRS_NODISCARD int vrs_effective_init(struct vrs_effective *e);

/** @return 0 or a negative errno: then nothing runs, and `why` says why. */
VRS_NODISCARD int vrs_effective_begin(struct vrs_effective *e);

/** Stop and join, within a second or so. */
void vrs_effective_end(struct vrs_effective *e);

/** Read the NIC's table. @return 0; -EBADMSG when it is wrong, or what reading failed with: then
 *  `why` says what. */
VRS_NODISCARD int vrs_effective_check(struct vrs_effective *e);

void vrs_effective_fini(struct vrs_effective *e);

/** The stream's next bytes, which came at @p now_ns. Exposed for tests. */
void vrs_effective_take(struct vrs_effective *e, const char *data, size_t size, uint64_t now_ns);
