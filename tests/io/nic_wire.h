/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#pragma once

/**
 * @file
 * A wire before another one, with what a port has and memory has not: it takes only what is sent to its MAC or to a
 * group, it can be deaf (another thread has the queue), it can have an interrupt, and several threads may share the
 * wire behind it, each by one of these.
 */

#include <pthread.h>

#include "io/dpdk/wire.h"

struct nic_wire {
	struct vrs_wire wire;
	struct vrs_wire *inner;
	pthread_mutex_t *lock; /* NULL: one thread has them all. */
	int intr_fd;           /* -1: none. */
};

/** @return @p nic's wire, with @p inner's properties. The one that is not @p deaf frees @p inner. */
struct vrs_wire *nic_wire_init(
	struct nic_wire *nic, struct vrs_wire *inner, bool deaf, pthread_mutex_t *lock);
