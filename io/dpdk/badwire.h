/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#pragma once

/**
 * @file
 * A wire that is bad on purpose: it loses, delays, reorders, doubles, spoils and throttles what is sent
 * into it, each with its own chance, from a seed: one seed and one order of calls give one outcome.
 *
 * It wraps another wire and owns it. What it does, it does to sent frames; a path that is bad both ways
 * has one at each end. Delayed frames leave when the owner calls rx() or flush() at or after their time.
 *
 * **Threads.** The owner's alone, as every wire; a line may be several wires'.
 */

#include <stdatomic.h>

#include "io/dpdk/wire.h"
#include "rib/base/macro.h"

/** Chances are in parts per million. */
struct vrs_badwire_config {
	uint32_t loss_ppm;
	uint32_t reorder_ppm; /**< A frame that is kept back by a further 1..reorder_us. */
	uint32_t reorder_us;  /**< 0 with reorder_ppm: 5000. */
	uint32_t duplicate_ppm;
	uint32_t
		corrupt_ppm; /**< One bit of the frame, anywhere behind the Ethernet header, is flipped. */
	uint32_t delay_us;    /**< Of every frame. */
	uint64_t rate;        /**< Bytes a second, 0 = unlimited; frames queue up behind it. */
	uint32_t queue_bytes; /**< At most so many wait for the rate, the rest is lost; 0: 1 MiB. */
	uint64_t seed;
};

/** What a rate is the rate of: wires that share one take turns at it. Zero is a line that is free. */
struct vrs_badwire_line {
	_Atomic uint64_t free_ns; /**< When it has sent what is before. */
};

/** Now, in microseconds; a virtual one in tests. */
typedef uint64_t (*vrs_badwire_clock)(void *ctx);

/** @return Whether @p c asks for anything. */
bool vrs_badwire_wanted(const struct vrs_badwire_config *c);

/** @return A wire that owns @p inner; NULL: out of memory, @p inner is still the caller's. mac, mtu,
 *  hold_max are inner's; caps lack what it cannot keep (checksums are in the frame before it is spoilt).
 *  @p line is borrowed and outlives it; NULL: one of its own. */
struct vrs_wire *vrs_badwire_new(struct vrs_wire *inner, const struct vrs_badwire_config *c,
	struct vrs_badwire_line *line, vrs_badwire_clock now_us, void *clock_ctx) VRS_NODISCARD;

struct vrs_badwire_stat {
	uint64_t sent, lost, reordered, duplicated, corrupted, overflowed;
};

void vrs_badwire_stat(const struct vrs_wire *w, struct vrs_badwire_stat *out);
