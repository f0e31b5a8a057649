/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#pragma once

/**
 * @file
 * Google Benchmark for C: what a benchmark needs of it, and nothing else. Only shim.cc is C++.
 *
 * A benchmark is a function that prepares, loops, and checks:
 *
 *     struct vrs_radix *t = ...;                    not timed
 *     while (vrs_bench_keep(s, n)) { n items of work }  timed
 *     if (wrong) vrs_bench_fail(s, "what is wrong");   no number then
 *
 * It is called several times: to find out how long it must run, and once a repetition. What it
 * prints is time per item: the "iterations" of Google Benchmark are items here.
 *
 * **Threads.** All from one, main's.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** One call of a benchmark; borrowed while it lasts. */
struct vrs_bench_state;

/** @param arg  What vrs_bench_register() was given. */
typedef void (*vrs_bench_fn)(struct vrs_bench_state *s, const void *arg);

/** @param name   Copied; the range is appended: "radix/find/ip4" becomes "radix/find/ip4/10000".
 *  @param range  For vrs_bench_range(). @param arg  Borrowed until the program ends. */
void vrs_bench_register(const char *name, int64_t range, vrs_bench_fn fn, const void *arg);

/** Add a line to the context of the report ("cpu": "..."). Copies. */
void vrs_bench_context(const char *key, const char *value);

/** Take Google Benchmark's options out of the arguments and run what --benchmark_filter= names.
 *  @return Exit status: 0; 1 when a benchmark failed or none was run; 2 for an unknown option. */
int vrs_bench_run(int argc, char **argv);

/** The size (or other number) that this run is for. */
int64_t vrs_bench_range(const struct vrs_bench_state *s);

/**
 * Whether to do @p n items more. Time runs from the first call to the one that says no.
 *
 * @param n  At least 1; large enough that a call (2 ns) does not show.
 */
bool vrs_bench_keep(struct vrs_bench_state *s, uint64_t n);

/** Stop and start the clock inside the loop: about 0.5 us a pair, so around large pieces only. */
void vrs_bench_pause(struct vrs_bench_state *s);
void vrs_bench_resume(struct vrs_bench_state *s);

/** @return Items done so far; after the loop, all of them. */
uint64_t vrs_bench_items(const struct vrs_bench_state *s);

/** After the loop: report items per second, and with @p bytes > 0 bytes per second too. */
void vrs_bench_rate(struct vrs_bench_state *s, uint64_t items, uint64_t bytes);

/** After the loop: a number of its own, printed as it is. @p name is copied. */
void vrs_bench_counter(struct vrs_bench_state *s, const char *name, double value);

/** As vrs_bench_counter(), divided by the seconds that were measured. */
void vrs_bench_counter_rate(struct vrs_bench_state *s, const char *name, double value);

/** A word behind the numbers. Copied. */
void vrs_bench_label(struct vrs_bench_state *s, const char *text);

/** It is wrong: no number is reported. In the loop: the next vrs_bench_keep() says no. The first
 *  reason stands. @p why is copied. */
void vrs_bench_fail(struct vrs_bench_state *s, const char *why);

/** @return Whether vrs_bench_fail() was called for @p s. */
bool vrs_bench_failed(const struct vrs_bench_state *s);

#ifdef __cplusplus
}
#else
/** The compiler must have computed @p value here. */
static inline void vrs_bench_use(uint64_t value)
{
	__asm__ volatile("" : : "r"(value) : "memory");
}
#endif
