/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#pragma once

/**
 * @file
 * io/transport.h over epoll and kernel sockets.
 *
 * One listening socket per {local address, port}; TCP-MD5 keys sit on it per peer, so a SYN
 * with a wrong one is dropped by the kernel. A connection costs no buffer while nothing is
 * left over from what it was given: all of a transport's connections read through one.
 *
 * One poll() reads at most 64 KiB and writes at most 1 MiB per connection, so no peer starves
 * another.
 *
 * **Several I/O threads** have a transport each, of one family: they share listening sockets, and
 * a connection that another one's peer opened is handed to it before a byte is read.
 */

#include "io/transport.h"
#include "rib/base/macro.h"

/** @return A transport, owned (free it by its ops); NULL, with errno, when out of memory or
 *          descriptors. */
struct vrs_transport *vrs_kernel_transport_new(void) VRS_NODISCARD;

/** A family of @p n transports, each to be freed by its ops while none of them is polled. @return 0, or a
 *  negative errno: there is none. */
VRS_NODISCARD int vrs_kernel_transports_new(unsigned n, struct vrs_transport **out);
