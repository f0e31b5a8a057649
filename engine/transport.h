/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#pragma once

/**
 * @file
 * What carries BGP, by process.transport: kernel sockets or DPDK.
 *
 * **Threads.** Making: one thread. **Ownership.** The transports are the caller's, and their configuration is
 * copied.
 */

#include "engine/config.h"
#include "io/transport.h"

/**
 * Make a family of @p n transports of the kind that @p c wants, each to be freed by its ops while none
 * is polled.
 *
 * @param[out] why  On failure what is missing, for a person; else empty or as it was.
 * @return 0 or a negative errno.
 */
VRS_NODISCARD int vrs_transports_new(const struct vrs_cfg_process *c, unsigned n,
	struct vrs_transport **out, char *why, size_t why_size);

/** @return Whether process.transport says the same in both; it cannot change while it runs. */
bool vrs_transport_same(const struct vrs_cfg_process *a, const struct vrs_cfg_process *b);
