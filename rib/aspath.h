/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rib/base/bytes.h"

/**
 * @file
 * AS paths in canonical form: the value of AS_PATH with 4-byte AS numbers (RFC 4271 section
 * 4.3 with RFC 6793): segments {type, count, AS numbers}. The bytes were validated by the
 * codec; these functions stay in bounds on any bytes all the same. Pure; any thread.
 */

enum vrs_as_segment {
	VRS_AS_SET = 1,
	VRS_AS_SEQUENCE = 2,
};

/** @return Path length of RFC 4271 section 9.1.2.2 a: a set counts 1, each sequence AS 1. */
unsigned vrs_aspath_len(struct vrs_span path);

/** @return Whether @p asn stands anywhere in the path, sets included. */
bool vrs_aspath_contains(struct vrs_span path, uint32_t asn);

/** @return The leftmost AS when the path starts with a sequence; 0 otherwise. */
uint32_t vrs_aspath_first(struct vrs_span path);

/**
 * Text as operators write it: "65001 65010 {1 2}", with @p separator between hops ("-" makes
 * the cloud's form). Truncated with "..." to fit.
 *
 * @return @p out.
 */
const char *vrs_aspath_str(struct vrs_span path, const char *separator, char *out, size_t size);
