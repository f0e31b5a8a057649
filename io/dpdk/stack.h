/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#pragma once

/**
 * @file
 * io/transport.h over wires: what one I/O thread does with the frames of its queues. It knows nothing of
 * DPDK: a family of stacks runs as well over memory (tests) as over ports (io/dpdk/dpdk.c).
 *
 * **Owners.** Every thread has a stack, with a wire on every port. A connection belongs to the stack whose
 * endpoint it is; a frame that arrives at another one's queue goes to it over a ring, before TCP has
 * looked at it. Neighbours (ARP, ND) are each stack's own; answers that one receives it shows to all.
 *
 * **Threads.** As io/transport.h says. Making and freeing: one thread, while none of the family is polled.
 */

#include "io/dpdk/dpdk.h"
#include "io/dpdk/neigh.h"
#include "io/dpdk/tcp.h"

struct vrs_stack_config {
	unsigned n_threads;
	unsigned n_ports;
	const struct vrs_dpdk_port
		*ports;                /**< n_ports; addresses, gateways, vlan, mtu are copied. */
	struct vrs_wire *const *wires; /**< [thread * n_ports + port]: taken, also on failure. */
	/** Now, in microseconds, never going back; NULL: CLOCK_MONOTONIC. Then time is virtual: poll() never
	 *  waits. */
	uint64_t (*now_us)(void *ctx);
	void *clock_ctx;
	/** Of everything random, where time is virtual; else the kernel is asked. */
	uint64_t seed;
	uint32_t receive_buffer; /**< Bytes of a connection's; 0: VRS_TCP_RECEIVE_BUFFER. */
	/** A thread polls a stack for the first time; and nothing is left of the family. Each may be NULL. */
	void (*attach)(void *ctx);
	void (*last)(void *ctx);
	void *ctx;
	/** What to do with a frame that is for nobody here (the exception TAP), NULL: it is dropped. ARP and ND
	 *  of others' addresses are such, too, whatever is learnt of them. Once for each frame of a port. The
	 *  frame is borrowed. @p port is its index. */
	void (*other)(void *ctx, unsigned port, const struct vrs_frame *f);
};

/** What a stack has seen, frames and segments. */
struct vrs_stack_stat {
	struct vrs_tcp_stat tcp;
	struct vrs_neigh_stat neigh;  /**< Of all its ports. */
	uint64_t frames[2], bytes[2]; /**< Received, sent. */
	uint64_t tx_full;             /**< Sends that found no room on a wire. */
	uint64_t polls, idle_polls;   /**< Idle: looked and found nothing. */
	uint64_t bad[VRS_BAD_N];      /**< Malformed frames, by what is wrong. */
	uint64_t other;               /**< For nobody here: to the exception TAP, or dropped. */
	uint64_t not_ours;            /**< Of these: to another MAC, address or VLAN. */
	uint64_t unknown;             /**< TCP from addresses that are no peer's. */
	uint64_t no_conn;             /**< From peers, for no connection: answered with RST. */
	uint64_t md5_bad, md5_missing, ttl_low;
	uint64_t handed,
		handed_full;   /**< To other threads; and dropped as those were far behind. */
	uint64_t searched;     /**< Looks for the thread of an address pair, under a lock. */
	uint64_t tell_limited; /**< ARP and ND that was too much to show it to other threads. */
	uint64_t echos;
	uint64_t icmp_believed, icmp_ignored;
	uint64_t unresolved; /**< Frames whose neighbour's MAC was not known. */
};

/** Any thread; as of the end of a poll at most 1 ms before the last. */
void vrs_stack_stat(const struct vrs_transport *t, struct vrs_stack_stat *out);

/** @return 0 with n_threads transports in @p out, or -ENOMEM, or another negative errno. */
VRS_NODISCARD int vrs_stacks_new(const struct vrs_stack_config *c, struct vrs_transport **out);
