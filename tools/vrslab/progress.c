/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#include "tools/vrslab/progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "rib/base/macro.h"

enum { BAR_WIDTH = 30, REDRAW_MS = 100 };

void vrs_progress_init(struct vrs_progress *p, const char *label, const char *unit, bool on)
{
	*p = (struct vrs_progress){.label = label, .unit = unit, .on = on && isatty(STDERR_FILENO)};
}

void vrs_progress_update(struct vrs_progress *p, uint64_t done, uint64_t total, uint64_t now_ms)
{
	char bar[BAR_WIDTH + 1];

	if (p->started_ms == 0)
		p->started_ms = now_ms;
	if (!p->on || total == 0 || now_ms < p->drawn_ms + REDRAW_MS)
		return;
	uint64_t full = VRS_MIN(done * BAR_WIDTH / total, (uint64_t)BAR_WIDTH);
	uint64_t ms = VRS_MAX(now_ms - p->started_ms, (uint64_t)1);
	memset(bar, ' ', BAR_WIDTH);
	memset(bar, '#', full);
	bar[BAR_WIDTH] = '\0';
	(void)fprintf(stderr,
		"\r%s [%s] %3" PRIu64 "%% %" PRIu64 "/%" PRIu64 " %s, %" PRIu64 "/s\033[K",
		p->label, bar, done * 100 / total, done, total, p->unit, done * 1000 / ms);
	(void)fflush(stderr);
	p->visible = true;
	p->drawn_ms = now_ms;
}

void vrs_progress_clear(struct vrs_progress *p)
{
	if (!p->visible)
		return;
	(void)fputs("\r\033[K", stderr);
	(void)fflush(stderr);
	p->visible = false;
}
