/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#pragma once

/**
 * @file
 * Where the time went in vrsd during a phase: the histograms of its threads' stages, asked of its
 * control socket before the phase and after it, and the difference of the two.
 *
 * Only vrsd can tell; what cannot be had is left out, it is no reason for a run to fail.
 */

#include <jansson.h>

/** @param socket  vrsd's control socket. @return What its threads have done so far, to be given to
 *  json_decref(); NULL: it does not say. Takes about a millisecond. */
json_t *vrs_stages_ask(const char *socket);

/**
 * What happened between two answers.
 *
 * @return A row for each stage that had work: {"thread", "stage", "count", "total_ms", "p50_us",
 *         "p99_us", "max_us"}, percentiles rounded up by an eighth at most; NULL when one of the two
 *         is, or when nothing had any.
 */
json_t *vrs_stages_between(const json_t *from, const json_t *to);
