/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#include "tools/vrslab/machine.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "rib/base/macro.h"

static double seconds(const struct timeval *t)
{
	return (double)t->tv_sec + (double)t->tv_usec / 1e6;
}

/* The first bytes of a file of /proc, as text. @return Whether it is there. */
static bool read_text(const char *path, char *to, size_t size)
{
	FILE *f = fopen(path, "re");
	size_t n = f != NULL ? fread(to, 1, size - 1, f) : 0;

	if (f != NULL)
		(void)fclose(f);
	to[n] = '\0';
	return n > 0;
}

/* Fields 14 and 15 of /proc/PID/stat, counted behind the name, which may hold anything. */
static double process_cpu(const char *stat)
{
	const char *at = strrchr(stat, ')');
	uint64_t user = 0, system = 0;

	if (at == NULL ||
		sscanf(at + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %" SCNu64 " %" SCNu64,
			&user, &system) != 2)
		return 0;
	return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

/* A zombie: it has ended, but whoever started it has not asked yet. */
static bool has_ended(const char *stat)
{
	const char *at = strrchr(stat, ')');

	return at != NULL && at[1] == ' ' && (at[2] == 'Z' || at[2] == 'X');
}

/* "VmRSS:   1234 kB" in bytes. */
static uint64_t status_bytes(const char *status, const char *key)
{
	const char *at = strstr(status, key);

	return at == NULL ? 0 : strtoull(at + strlen(key), NULL, 10) * 1024;
}

static void add_process(struct vrs_machine_sample *s, pid_t pid)
{
	char path[64], text[4096];

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	if (!read_text(path, text, sizeof(text)) || has_ended(text))
		return;
	s->n_alive++;
	s->target_cpu_s += process_cpu(text);
	(void)snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	if (!read_text(path, text, sizeof(text)))
		return;
	s->target_rss += status_bytes(text, "VmRSS:");
	s->target_peak += status_bytes(text, "VmHWM:");
}

void vrs_machine_sample(struct vrs_machine_sample *out, const pid_t *pids, size_t n_pids)
{
	/* user nice system idle iowait irq softirq steal; guest time is in user already. */
	uint64_t t[8] = {0};
	double tick = (double)sysconf(_SC_CLK_TCK);
	struct rusage own;
	char text[1024];

	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	*out = (struct vrs_machine_sample){
		.at_ns = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec};
	for (size_t i = 0; i < n_pids; i++)
		add_process(out, pids[i]);
	if (read_text("/proc/stat", text, sizeof(text)) &&
		sscanf(text,
			"cpu %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64
			" %" SCNu64 " %" SCNu64,
			&t[0], &t[1], &t[2], &t[3], &t[4], &t[5], &t[6], &t[7]) == 8) {
		out->busy_cpu_s = (double)(t[0] + t[1] + t[2] + t[5] + t[6]) / tick;
		out->stolen_cpu_s = (double)t[7] / tick;
	}
	if (getrusage(RUSAGE_SELF, &own) == 0)
		out->own_cpu_s = seconds(&own.ru_utime) + seconds(&own.ru_stime);
}

double vrs_machine_foreign(
	const struct vrs_machine_sample *from, const struct vrs_machine_sample *to)
{
	double busy = to->busy_cpu_s - from->busy_cpu_s;
	double known = to->own_cpu_s - from->own_cpu_s + to->target_cpu_s - from->target_cpu_s;

	return busy > known ? busy - known : 0;
}
