/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#pragma once

/**
 * @file
 * A file that is written whole or not at all: it gets its name when it is finished (FILE.new
 * until then), so nobody reads half of one. Names in .gz and .bz2 are compressed; "-" is stdout;
 * what is no regular file (a pipe, a device) is written as it is.
 *
 * The same bytes give the same file: the gzip header holds no time.
 *
 * Threads: one per file. Errors stick: write as much as you like, the end tells the first one.
 */

#include <stddef.h>
#include <stdint.h>

#include "rib/base/macro.h"

struct vrs_outfile;

/** @param path  Borrowed until the end. @return 0, or a negative errno. */
VRS_NODISCARD int vrs_outfile_open(const char *path, struct vrs_outfile **out);

void vrs_outfile_write(struct vrs_outfile *o, const void *bytes, size_t size);

/**
 * Finish and name it; free @p o.
 *
 * @return 0; or the first error, a negative errno: then the name is what it was before.
 */
VRS_NODISCARD int vrs_outfile_finish(struct vrs_outfile *o);

/** Give it up: the name is what it was before. NULL is ignored. */
void vrs_outfile_discard(struct vrs_outfile *o);
