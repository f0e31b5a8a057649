/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#pragma once

#include <stdint.h>

#include "rib/base/macro.h"

/**
 * @file
 * Log lines go to one callback that the host sets; the library itself never prints.
 *
 * Threads: vrs_log() from any thread; vrs_log_set() before other threads start. A call site
 * that a peer can trigger goes through vrs_log_limited(), which drops and counts what comes
 * faster than its allowance; packet loops count and do not log.
 */

enum vrs_log_level {
	VRS_LOG_ERROR,
	VRS_LOG_WARNING,
	VRS_LOG_INFO,
	VRS_LOG_DEBUG,
};

/** @param line  Text without a newline, borrowed during the call. */
typedef void (*vrs_log_fn)(void *ctx, enum vrs_log_level level, const char *line);

/** Send lines of @p level and more urgent to @p fn; NULL drops everything (the default). */
void vrs_log_set(vrs_log_fn fn, void *ctx, enum vrs_log_level level);

void vrs_log(enum vrs_log_level level, const char *fmt, ...) VRS_PRINTF(2, 3);

/** State of one rate-limited call site; zero is a fresh one. */
struct vrs_log_limit {
	uint64_t window_ms; /* Start of the current window. */
	uint32_t n;         /* Lines in it. */
	uint32_t dropped;
};

/** At most 10 lines per 5 s and site; the first line after a gap says how many were dropped. */
void vrs_log_limited(struct vrs_log_limit *limit, uint64_t now_ms, enum vrs_log_level level,
	const char *fmt, ...) VRS_PRINTF(4, 5);

/** Lines that nobody will read. */
struct vrs_log_stat {
	uint64_t limited; /**< Dropped by vrs_log_limited(). */
	uint64_t lost;    /**< The sink could not write them. */
};

/** Any thread. */
void vrs_log_stat(struct vrs_log_stat *out);

/** For sinks: a line could not be written. */
void vrs_log_lost(void);

/** @return The level named @p name ("error" "warning" "info" "debug"), or -1. */
int vrs_log_level_parse(const char *name);
