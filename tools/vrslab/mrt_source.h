/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#pragma once

/**
 * @file
 * Bytes of a file, uncompressed on the way by zlib or libbz2 as its first bytes ask.
 */

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "rib/base/macro.h"

struct vrs_mrt_source;

/** @return 0 or a negative errno. */
VRS_NODISCARD int vrs_mrt_source_open(const char *path, struct vrs_mrt_source **out);
void vrs_mrt_source_close(struct vrs_mrt_source *s);

/**
 * Read exactly @p size bytes unless the file ends before.
 *
 * @param[out] reason  Static text, with -EIO.
 * @return             Bytes read; less than @p size only at the end; -EIO when the compressed
 *                     data is damaged or cut short (what was good has been returned before).
 */
VRS_NODISCARD ssize_t vrs_mrt_source_read(
	struct vrs_mrt_source *s, uint8_t *to, size_t size, const char **reason);
