/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#pragma once

/**
 * @file
 * Values of command line options, shared by the commands.
 */

#include <stddef.h>
#include <stdint.h>

#include "rib/prefix.h"

/** A decimal number up to @p max, with an optional k (thousands) or M (millions).
 *  @return 0 or -EINVAL. */
VRS_NODISCARD int vrs_arg_u64(const char *text, uint64_t max, uint64_t *out);

/** Tell a mistake in an option on stderr; @p who is the command. @return 2. */
int vrs_arg_mistake(const char *who, const char *name, const char *value, const char *what);

/** @return The address @p n after @p a: options give the first one of several. */
struct vrs_addr vrs_arg_addr_after(const struct vrs_addr *a, size_t n);

/** ADDRESS, ADDRESS:PORT or [ADDRESS]:PORT; the port is 179 when there is none.
 *  @return 0 or -EINVAL. */
VRS_NODISCARD int vrs_arg_peer(const char *text, struct vrs_addr *addr, uint16_t *port);
