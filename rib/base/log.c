/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#include "rib/base/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

enum { LIMIT_LINES = 10, LIMIT_WINDOW_MS = 5000 };

static struct {
	vrs_log_fn fn;
	void *ctx;
	enum vrs_log_level level;
} sink;

void vrs_log_set(vrs_log_fn fn, void *ctx, enum vrs_log_level level)
{
	sink.fn = fn;
	sink.ctx = ctx;
	sink.level = level;
}

static _Atomic uint64_t n_limited, n_lost;

void vrs_log_stat(struct vrs_log_stat *out)
{
	/* relaxed: numbers to look at */
	out->limited = atomic_load_explicit(&n_limited, memory_order_relaxed);
	out->lost = atomic_load_explicit(&n_lost, memory_order_relaxed);
}

void vrs_log_lost(void)
{
	atomic_fetch_add_explicit(&n_lost, 1, memory_order_relaxed);
}

static void emit(enum vrs_log_level level, uint32_t dropped, const char *fmt, va_list ap)
{
	char line[1024];
	int n;

	if (sink.fn == NULL || level > sink.level)
		return;
	n = vsnprintf(line, sizeof(line), fmt, ap);
	if (dropped > 0 && n >= 0 && (size_t)n < sizeof(line))
		(void)snprintf(
			line + n, sizeof(line) - (size_t)n, " (%u such lines dropped)", dropped);
	sink.fn(sink.ctx, level, line);
}

void vrs_log(enum vrs_log_level level, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	emit(level, 0, fmt, ap);
	va_end(ap);
}

void vrs_log_limited(struct vrs_log_limit *limit, uint64_t now_ms, enum vrs_log_level level,
	const char *fmt, ...)
{
	uint32_t dropped = 0;
	va_list ap;

	if (now_ms - limit->window_ms >= LIMIT_WINDOW_MS) {
		dropped = limit->dropped;
		*limit = (struct vrs_log_limit){.window_ms = now_ms};
	}
	if (limit->n >= LIMIT_LINES) {
		limit->dropped++;
		atomic_fetch_add_explicit(&n_limited, 1, memory_order_relaxed);
		return;
	}
	limit->n++;
	va_start(ap, fmt);
	emit(level, dropped, fmt, ap);
	va_end(ap);
}

int vrs_log_level_parse(const char *name)
{
	static const char *const levels[] = {"error", "warning", "info", "debug"};

	for (int i = 0; i < (int)VRS_N_ELEMS(levels); i++)
		if (strcmp(name, levels[i]) == 0)
			return i;
	return -1;
}
