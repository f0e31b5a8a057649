/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

/*
 * vrs-bench: every benchmark in one program; options are those of Google Benchmark. With
 * VRS_BENCH_MAX_PREFIXES=N in the environment tables have at most N prefixes: a smoke test,
 * whose numbers mean nothing (the report's context says so, and bench/compare refuses them).
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/suite.h"
#include "rib/base/thread.h"

static void start(struct vrs_bench_state *s, const void *arg)
{
	const struct vrs_bench *b = arg;

	b->run(s, b);
}

static void add(const struct vrs_bench *b)
{
	for (; b->name != NULL; b++) {
		for (size_t i = 0; i < VRS_N_ELEMS(b->ranges) && b->ranges[i] > 0; i++) {
			if (!b->sized ||
				vrs_bench_cap((size_t)b->ranges[i]) == (size_t)b->ranges[i])
				vrs_bench_register(b->name, b->ranges[i], start, b);
		}
	}
}

/* The processor's name as the kernel prints it. */
static void context_cpu(void)
{
	char line[256];
	FILE *f = fopen("/proc/cpuinfo", "re");

	while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
		if (strncmp(line, "model name", 10) != 0)
			continue;
		char *name = strchr(line, ':');
		if (name == NULL)
			break;
		name[strcspn(name, "\n")] = '\0';
		vrs_bench_context("cpu", name + (name[1] == ' ' ? 2 : 1));
		break;
	}
	if (f != NULL)
		(void)fclose(f);
}

int main(int argc, char **argv)
{
	const char *cap = getenv("VRS_BENCH_MAX_PREFIXES");

	context_cpu();
	vrs_bench_context("vrs_version", VRS_VERSION);
	vrs_bench_context("compiler", __VERSION__);
	vrs_bench_context("buildtype", VRS_BENCH_BUILDTYPE);
	vrs_bench_context("simd", vrs_radix_simd());
	if (cap != NULL)
		vrs_bench_context("max_prefixes", cap);
	add(vrs_bench_decode);
	add(vrs_bench_intern);
	add(vrs_bench_radix);
	add(vrs_bench_shards);
	add(vrs_bench_table);
	add(vrs_bench_decide);
	add(vrs_bench_commit);
	add(vrs_bench_overlay);
	add(vrs_bench_effective);
	add(vrs_bench_model);
	add(vrs_bench_latency);
	add(vrs_bench_encode);
	add(vrs_bench_export);
	vrs_thread_register_rcu();
	int rc = vrs_bench_run(argc, argv);
	vrs_thread_unregister_rcu();
	return rc;
}
