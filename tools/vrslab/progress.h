/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#pragma once

/**
 * @file
 * A progress bar with a rate, on a terminal only: on stderr, so that a pipe gets lines alone.
 */

#include <stdbool.h>
#include <stdint.h>

struct vrs_progress {
	const char *label;
	const char *unit;
	uint64_t started_ms, drawn_ms;
	bool visible; /* A bar stands on the line. */
	bool on;
};

/** @param on  false: never draw (also when stderr is no terminal). Texts are borrowed. */
void vrs_progress_init(struct vrs_progress *p, const char *label, const char *unit, bool on);

/** Draw at most ten times a second. */
void vrs_progress_update(struct vrs_progress *p, uint64_t done, uint64_t total, uint64_t now_ms);

/** Clear the line, before another one is printed and at the end. */
void vrs_progress_clear(struct vrs_progress *p);
