/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#pragma once

/**
 * @file
 * The exception TAP: an interface of the kernel that stands beside a port, with its MAC, and takes what
 * is not for us. We open it ourselves: DPDK's net_tap would install signal handlers.
 *
 * **Threads.** write from any; read from one. Neither waits. **Ownership.** The descriptor is the
 * caller's; the interface goes when it is closed.
 */

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "io/dpdk/wire.h"

/** Make interface @p name and bring it up. @return A descriptor, or a negative errno with @p why. */
VRS_NODISCARD int vrs_tap_open(
	const char *name, const uint8_t mac[6], uint16_t mtu, char *why, size_t why_size);

/** Hand a frame to the kernel, with the VLAN tag that the port took out. @return Whether it was taken. */
bool vrs_tap_write(int fd, const struct vrs_frame *f);

/** @return Bytes of a frame that the kernel sends, 0 for none. */
size_t vrs_tap_read(int fd, void *buf, size_t size);

/** @return The MTU of interface @p name of this network namespace, or -ENODEV. */
VRS_NODISCARD int vrs_tap_interface(const char *name);
