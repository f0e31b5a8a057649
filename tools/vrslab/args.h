/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#pragma once

/**
 * @file
 * Values of command line options, shared by the commands.
 */

#include <getopt.h>
#include <stddef.h>
#include <stdint.h>

#include "rib/prefix.h"

/** An option of a command: the parser and --help read it. */
struct vrs_arg_row {
	struct option option;
	const char *value, *help; /**< value: what stands behind it, or NULL. */
};

/** A line of --help each. */
void vrs_arg_print_rows(const struct vrs_arg_row *rows, size_t n);

/** A decimal number up to @p max, with an optional k (thousands) or M (millions).
 *  @return 0 or -EINVAL. */
VRS_NODISCARD int vrs_arg_u64(const char *text, uint64_t max, uint64_t *out);

/** Tell a mistake in an option on stderr; @p who is the command. @return 2. */
int vrs_arg_mistake(const char *who, const char *name, const char *value, const char *what);

/** @return The address @p n after @p a: options give the first one of several. */
struct vrs_addr vrs_arg_addr_after(const struct vrs_addr *a, size_t n);

/** The inverse: which of the @p n addresses from @p first on (of one /112 or /16) @p a is.
 *  @return Its number, or -1. */
int vrs_arg_addr_number(const struct vrs_addr *first, uint32_t n, const struct vrs_addr *a);

/** ADDRESS, ADDRESS:PORT or [ADDRESS]:PORT; the port is 179 when there is none.
 *  @return 0 or -EINVAL. */
VRS_NODISCARD int vrs_arg_peer(const char *text, struct vrs_addr *addr, uint16_t *port);
