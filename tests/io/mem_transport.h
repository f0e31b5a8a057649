/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#pragma once

/**
 * @file
 * io/transport.h in memory: any number of transports on one net, in one thread, without a
 * clock and without chance. What happens in which order depends on the calls alone.
 *
 * Bytes move when a transport is polled: from its send queues into the receivers' windows (64
 * KiB each), and from its own windows to rx(). Faults are set by the test between polls.
 */

#include "io/transport.h"

struct mem_net;

/** @return A net, owned; it ends the test when out of memory. */
struct mem_net *mem_net_new(void);

/** Free the net; its transports are gone already. */
void mem_net_free(struct mem_net *net);

/** @return A transport on @p net; free it by its own ops. */
struct vrs_transport *mem_transport_new(struct mem_net *net);

/** Poll every transport until nothing happens any more. @return Events. */
size_t mem_net_settle(struct mem_net *net);

/** Give rx() at most @p n bytes more per call than it has seen; 0 = no limit. */
void mem_net_dribble(struct mem_net *net, size_t n);

/** @p t does not read from its wire, nor accept: the other side's queues grow. */
void mem_transport_stall(struct vrs_transport *t, bool stalled);

/** Attempts to connect get no answer at all. */
void mem_net_blackhole(struct mem_net *net, bool on);

/** Break every connection of @p t: both sides get down() with @p err at their next poll. */
void mem_transport_break(struct vrs_transport *t, int err);

/** @return Connections of @p t that are open. */
size_t mem_transport_conns(const struct vrs_transport *t);
