/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#pragma once

/**
 * @file
 * Where the time goes: a histogram for each stage of a thread's work, and since when the oldest change
 * has waited for propagation.
 *
 * Times are taken at the borders of stages, a few a turn of a thread, whatever the number of UPDATEs or
 * prefixes in it; a turn without work in a stage says nothing of that stage. They are the machine's
 * also where the engine runs on another clock: they are shown, nothing is decided by them.
 *
 * **Threads.** Each histogram has one writer at a time: the I/O thread, or whoever is propagation
 * (engine/propagate.h). Any thread reads.
 */

#include <stdatomic.h>
#include <stdint.h>

#include "rib/base/clock.h"
#include "rib/base/hist.h"

/** The I/O thread's. */
enum vrs_io_stage {
	VRS_IO_DECODE, /**< Bytes read, messages parsed, attribute sets interned. */
	VRS_IO_DECIDE, /**< Paths stored and decided between; sweeps. */
	VRS_IO_SEND,   /**< What was encoded handed to sessions, and written. */
	/** From the end of a wait until what came is dealt with: how long nobody else is heard. With
	 *  propagation, where the I/O thread is that; writing comes before the next wait. */
	VRS_IO_TURN,
	VRS_IO_N_STAGES,
};

/** Propagation's. */
enum vrs_propagation_stage {
	VRS_PROPAGATION_QUEUE,     /**< A turn's changes waited so long for propagation. */
	VRS_PROPAGATION_PROPAGATE, /**< Changes taken, until their version is there. */
	VRS_PROPAGATION_EXPORT,    /**< UPDATEs packed and given to peers. */
	VRS_PROPAGATION_NOTIFY,    /**< Watch streams woken; where there are any. */
	VRS_PROPAGATION_N_STAGES,
};

/** Names in JSON and metrics, and what they mean. */
struct vrs_stage_name {
	const char *name, *help;
};
extern const struct vrs_stage_name vrs_io_stages[VRS_IO_N_STAGES];
extern const struct vrs_stage_name vrs_propagation_stages[VRS_PROPAGATION_N_STAGES];

/** A stage that began at @p from ends. @return Now: when the next one begins. */
static inline uint64_t vrs_lap(struct vrs_hist *h, uint64_t from)
{
	uint64_t now = vrs_now_ns();

	vrs_hist_add(h, now - from);
	return now;
}

#define VRS_STAMPS 32u /**< A power of two. */

/**
 * When a table's changes were made, a stamp for each turn of its writer that made any.
 *
 * The I/O thread pushes {changes ever made, time} at the end of a turn; propagation, having taken so
 * many, pops what is covered. With all stamps in use no more are pushed: the oldest stays, and
 * the next one that is pushed speaks for those left out. **Threads.** One pushes, one pops, any looks.
 */
struct vrs_stamps {
	_Atomic uint32_t head, tail; /* Popped, pushed. */
	struct vrs_stamp {
		_Atomic uint64_t n, ns;
	} at[VRS_STAMPS];
};

/** @p n changes had been made at @p ns. The pusher. */
void vrs_stamps_push(struct vrs_stamps *s, uint64_t n, uint64_t ns);

/** What propagation took, and when. */
struct vrs_taken {
	uint64_t n, ns;         /**< Changes ever taken, and the time of the last take. */
	uint64_t was_n, was_ns; /**< Likewise before that. */
};

/** Pop what has been taken and add how long it waited to @p h. The popper. */
void vrs_stamps_pop(struct vrs_stamps *s, const struct vrs_taken *taken, struct vrs_hist *h);

/** When the oldest change was made of those that @p taken ones leave; 0 = there is none. Any thread. */
uint64_t vrs_stamps_oldest(const struct vrs_stamps *s, uint64_t taken);
