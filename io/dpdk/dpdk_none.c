/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

/* io/dpdk/dpdk.h in a build without DPDK. */

#include <errno.h>
#include <stdio.h>

#include "io/dpdk/dpdk.h"

bool vrs_dpdk_built(void)
{
	return false;
}

int vrs_dpdk_transports_new(const struct vrs_dpdk_config *config, unsigned n,
	struct vrs_transport **out, char *why, size_t why_size)
{
	(void)snprintf(
		why, why_size, "built without DPDK (meson -Ddpdk=enabled; Debian: libdpdk-dev)");
	return -ENOSYS;
}
