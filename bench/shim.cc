/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#include "bench/shim.h"

#include <benchmark/benchmark.h>

#include <string>

/* A state is Google's; its users see the name only. */
static benchmark::State *google(struct vrs_bench_state *s)
{
	return reinterpret_cast<benchmark::State *>(s);
}

static const benchmark::State *google(const struct vrs_bench_state *s)
{
	return reinterpret_cast<const benchmark::State *>(s);
}

/* Google Benchmark exits 0 whatever its benchmarks say. */
static bool any_failed;

void vrs_bench_register(const char *name, int64_t range, vrs_bench_fn fn, const void *arg)
{
	benchmark::RegisterBenchmark(name, [fn, arg](benchmark::State &state) {
		fn(reinterpret_cast<struct vrs_bench_state *>(&state), arg);
	})->Arg(range);
}

void vrs_bench_context(const char *key, const char *value)
{
	benchmark::AddCustomContext(key, value);
}

int vrs_bench_run(int argc, char **argv)
{
	benchmark::Initialize(&argc, argv);
	if (benchmark::ReportUnrecognizedArguments(argc, argv))
		return 2;
	size_t n = benchmark::RunSpecifiedBenchmarks();
	benchmark::Shutdown();
	return n == 0 || any_failed ? 1 : 0;
}

int64_t vrs_bench_range(const struct vrs_bench_state *s)
{
	return google(s)->range(0);
}

bool vrs_bench_keep(struct vrs_bench_state *s, uint64_t n)
{
	return google(s)->KeepRunningBatch(static_cast<benchmark::IterationCount>(n));
}

void vrs_bench_pause(struct vrs_bench_state *s)
{
	if (!google(s)->error_occurred())
		google(s)->PauseTiming();
}

void vrs_bench_resume(struct vrs_bench_state *s)
{
	if (!google(s)->error_occurred())
		google(s)->ResumeTiming();
}

uint64_t vrs_bench_items(const struct vrs_bench_state *s)
{
	return static_cast<uint64_t>(google(s)->iterations());
}

void vrs_bench_rate(struct vrs_bench_state *s, uint64_t items, uint64_t bytes)
{
	google(s)->SetItemsProcessed(static_cast<int64_t>(items));
	if (bytes > 0)
		google(s)->SetBytesProcessed(static_cast<int64_t>(bytes));
}

void vrs_bench_counter(struct vrs_bench_state *s, const char *name, double value)
{
	google(s)->counters[name] = benchmark::Counter(value);
}

void vrs_bench_counter_rate(struct vrs_bench_state *s, const char *name, double value)
{
	google(s)->counters[name] = benchmark::Counter(value, benchmark::Counter::kIsRate);
}

void vrs_bench_label(struct vrs_bench_state *s, const char *text)
{
	google(s)->SetLabel(text);
}

void vrs_bench_fail(struct vrs_bench_state *s, const char *why)
{
	any_failed = true;
	if (!google(s)->error_occurred())
		google(s)->SkipWithError(why);
}

bool vrs_bench_failed(const struct vrs_bench_state *s)
{
	return google(s)->error_occurred();
}
