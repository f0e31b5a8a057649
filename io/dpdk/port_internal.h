/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#pragma once

/**
 * @file
 * What a port's life (port.c), its description of failures (port_why.c), its wires (port_wire.c) and its own
 * figures (port_watch.c) share.
 */

#include <net/if.h>
#include <pthread.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>
#include <rte_spinlock.h>
#include <stdatomic.h>

#include "io/dpdk/port.h"

enum {
	VRS_PORT_BURST = 32,
	VRS_PORT_NAME_SIZE = RTE_ETH_NAME_MAX_LEN,
};

struct vrs_port {
	uint16_t id;
	bool probed;     /**< By us: it is removed when the port closes. */
	bool configured; /**< Queues may hold something. */
	bool promiscuous;
	bool by_reference; /**< Pieces of chunks go out as external buffers. */
	bool rss, intr;
	uint64_t tx_offloads;
	uint16_t mtu;
	uint16_t n_rx, n_tx, n_rx_desc, n_tx_desc;
	unsigned n_threads;
	/** rx: received frames; tx: heads and copies; ref: pieces, no room of their own. */
	struct rte_mempool *rx, *tx, *ref;
	rte_spinlock_t *locks; /**< One for each transmit queue; NULL: no queue is shared. */
	int tap;               /**< -1: none. */
	struct vrs_badwire_config bad_wire;
	struct vrs_badwire_line bad_line; /**< All its wires'. */
	uint8_t mac[6];
	char name[VRS_PORT_NAME_SIZE];
	struct {
		pthread_mutex_t lock; /**< Of the device's own figures, and of: */
		enum vrs_port_link link;
		int fd; /**< To ask the kernel of iface; -1: the driver is asked. */
		char iface[IF_NAMESIZE];
		struct rte_eth_stats before;
		bool on;
	} watch;
	_Atomic uint32_t refs;
	_Atomic uint64_t tap_lost, chained_lost;  /**< Counted by any thread. */
	_Atomic uint64_t tap_second, tap_written; /**< Frames to the TAP, in this second. */
};

/** Frames that a thread's receivers may keep for themselves. */
#define VRS_PORT_HOLD 4096u

/** Behind each mbuf of `ref`. */
struct vrs_port_ref {
	struct rte_mbuf_ext_shared_info shared;
};

/** Before the device is looked for: what can be known to fail. @return 0 or a negative errno. */
int vrs_port_foresee(const struct vrs_dpdk_port *c, char *why, size_t why_size);

/** The device did not come up. @return A negative errno, with @p why. */
int vrs_port_explain_probe(const char *device, int err, char *why, size_t why_size);

/** A step failed with @p err, one of DPDK's negative errnos. @return One of vrs_port_new()'s. */
int vrs_port_explain(const char *device, const char *step, int err, char *why, size_t why_size);

/** Before anything else; when the port is started; before it is stopped.
 *  @param iface  The kernel's interface below, which knows the link better than the driver; NULL: none. */
void vrs_port_watch_init(struct vrs_port *p);
void vrs_port_watch_start(struct vrs_port *p, const char *iface);
void vrs_port_watch_fini(struct vrs_port *p);

/** Value of @p key in "net_x0,key=value,...". @return Whether it is there and fits. */
bool vrs_port_argument(const char *device, const char *key, char *out, size_t size);
