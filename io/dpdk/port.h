/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#pragma once

/**
 * @file
 * A DPDK port and its wires, one for each I/O thread.
 *
 * Each thread has a receive and a transmit queue where the port has as many. Else some wires are deaf,
 * and transmit queues are shared under a lock. The exception TAP, where there is one, is written by any
 * thread (vrs_port_other()) and read by thread 0's wire in its rx().
 *
 * **Threads.** Making and freeing: one thread, while no wire is used. **Ownership.** A port is counted:
 * its maker has one reference, each wire one; the last closes the device. It names no rte_ type.
 */

#include "io/dpdk/dpdk.h"
#include "io/dpdk/wire.h"

struct vrs_port;

/** @return MiB of DPDK's memory that vrs_port_new() will want. */
uint32_t vrs_port_memory_mib(const struct vrs_dpdk_port *c, unsigned n_threads);

/**
 * Open and start @p c's device. EAL runs.
 *
 * @param c         Borrowed until it returns.
 * @param[out] why  What failed, for a person.
 * @return 0; -ENODEV, -EINVAL, -EPERM, -ENOMEM, -EBUSY.
 */
VRS_NODISCARD int vrs_port_new(const struct vrs_dpdk_port *c, unsigned n_threads,
	struct vrs_port **out, char *why, size_t why_size);

void vrs_port_put(struct vrs_port *p);

/** @return The wire of @p thread, owned; behind a bad wire where one is configured. NULL: no memory. */
struct vrs_wire *vrs_port_wire(struct vrs_port *p, unsigned thread) VRS_NODISCARD;

/** A frame that is for nobody here: to the exception TAP, at most 10,000 a second, or dropped. Any thread that uses a
 *  wire. */
void vrs_port_other(struct vrs_port *p, const struct vrs_frame *f);

/** How the port is now. Any thread; waits for the device, and for others that ask. */
void vrs_port_stat(struct vrs_port *p, struct vrs_transport_port *out);

/** What wires do, for tests: pieces by reference, and how many queues there are. */
struct vrs_port_facts {
	bool by_reference, rss, interrupts;
	uint16_t n_rx, n_tx;
};

void vrs_port_facts(const struct vrs_port *p, struct vrs_port_facts *out);

/** For tests: copy pieces also where they could be shared. Before wires are used. */
void vrs_port_copy_only(struct vrs_port *p);
