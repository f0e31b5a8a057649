/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#pragma once

/**
 * @file
 * What the machine and the target spend, from /proc: the difference of two samples is what a
 * phase cost. Ticks are 10 ms, so CPU seconds of less than a tenth say little.
 */

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct vrs_machine_sample {
	uint64_t at_ns;       /**< CLOCK_MONOTONIC. */
	double target_cpu_s;  /**< User and system time of the target's processes. */
	double own_cpu_s;     /**< Ours. */
	double busy_cpu_s;    /**< Of all CPUs, whoever used it. */
	double stolen_cpu_s;  /**< Taken by the hypervisor. */
	uint64_t target_rss;  /**< Resident bytes now. */
	uint64_t target_peak; /**< Resident bytes at most. */
	size_t n_alive;       /**< Processes of the target that were found. */
};

/** @param pids  The target's processes; may be none. */
void vrs_machine_sample(struct vrs_machine_sample *out, const pid_t *pids, size_t n_pids);

/** CPU seconds that neither the target nor we used between two samples. */
double vrs_machine_foreign(
	const struct vrs_machine_sample *from, const struct vrs_machine_sample *to);
