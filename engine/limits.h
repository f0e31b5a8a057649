/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#pragma once

/**
 * @file
 * What keeps one peer, or one route server, from taking everything.
 *
 * **Prefixes** (maxPrefixes, limits.routesPerPeer): warn, discard what is over, or Cease 1 and
 * again after 60 s. **Lengths** (limits.asPathLength, limits.communities): such paths are kept,
 * unusable. **Memory** (memoryLimit), in this order:
 *
 *     from  90 %  paths that cannot be used are not kept
 *     from 100 %  prefixes that nobody announced before are not taken; what is there changes
 *     from 110 %  for 2 s: the session with the most paths is closed (Cease 8), for 60 s
 *
 * What is refused stays refused until less than 80 % are in use; then sessions that lost
 * anything are asked for their routes again. The gap keeps a peer that moves a few routes about
 * a threshold from making us ask, and log, again and again. What a closed session held comes
 * back over the next turns of both threads, so the next one is looked for 5 s later.
 *
 * **Threads.** The I/O thread.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rib/decide.h"
#include "rib/shards.h"

struct vrs_cfg_bgp_connection;
struct vrs_cfg_route_server;
struct vrs_neighbor;
struct vrs_io;
struct vrs_server;

enum vrs_memory_state {
	VRS_MEMORY_OK,
	VRS_MEMORY_TIGHT, /**< From 90 %. */
	VRS_MEMORY_FULL,  /**< From 100 %. */
};

/** "ok", "tight", "full". */
const char *vrs_memory_state_str(enum vrs_memory_state state);

/** Take the configured limits of a session. */
void vrs_limits_set(struct vrs_neighbor *n, const struct vrs_cfg_route_server *rs,
	const struct vrs_cfg_bgp_connection *c);

/** The session is up, its table slot known; or it is down. */
void vrs_limits_up(struct vrs_neighbor *n);
void vrs_limits_down(struct vrs_neighbor *n);

/** An UPDATE with @p announced prefixes was taken in: settled now when the peer may be over its limit,
 *  else at the end of the turn. The session may end here. */
void vrs_limits_updated(struct vrs_neighbor *n, uint32_t announced);

/** Account for what a peer's UPDATEs did since it was last settled. The session may end here. */
void vrs_limits_settle(struct vrs_neighbor *n);

/** The peer's counters in all tables, while its slot is known. */
struct vrs_shards_peer_stat vrs_limits_stat(const struct vrs_neighbor *n);

/** Prefixes not kept for want of memory since it was asked for them. */
uint64_t vrs_limits_shed(const struct vrs_neighbor *n);

/** Settle all who sent something; their tables have nothing queued afterwards. */
void vrs_limits_settle_all(struct vrs_io *io);

/** Whether the lists of an attribute set are within the limits of @p s. @p as_path_len as the
 *  decision counts it. */
bool vrs_limits_lengths_ok(
	const struct vrs_server *s, uint32_t as_path_len, const uint8_t *canonical, size_t size);

/** Once a turn: see where the memory of @p s stands, and act. */
void vrs_limits_memory(struct vrs_server *s);
