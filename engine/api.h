/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#pragma once

/**
 * @file
 * The control API: HTTP and JSON by libmicrohttpd, resources named as the cloud's. On a Unix
 * socket (mode 0660) everything; on a TCP address, when configured, what only reads.
 *
 * **Threads.** libmicrohttpd runs each connection on a thread of its own, so a handler may
 * block; it is registered with RCU while it handles a request. Answers of any size are
 * streamed from cursors, never built whole. A client that goes away ends its stream only.
 */

#include <stdbool.h>

#include "engine/engine.h"

struct vrs_api;

/** What happened at its door; any thread. */
struct vrs_api_stat {
	uint64_t open;      /**< Connections now. */
	uint64_t requests;  /**< Answered. */
	uint64_t refused;   /**< Connections closed: too many, and none of them idle. */
	uint64_t starved;   /**< Times there was no descriptor for one that waits. */
	uint64_t evicted;   /**< Connections closed for a newer one: no request in 10 s. */
	uint64_t too_large; /**< Requests with a body over 1 MiB. */
	uint64_t unasked;   /**< Connections that ended without a whole request. */
};

void vrs_api_stat(struct vrs_api *api, struct vrs_api_stat *out);

/**
 * Listen and serve.
 *
 * @param socket_path  Made anew (a stale socket file is replaced; one that answers is not).
 * @param http_listen  "ADDRESS:PORT" for the read-only API and /metrics, or NULL.
 * @param[out] out     Owned; stop it before the engine.
 * @return             0 or a negative errno; -EADDRINUSE when somebody serves there already.
 */
VRS_NODISCARD int vrs_api_start(struct vrs_engine *e, const char *socket_path,
	const char *http_listen, struct vrs_api **out);

/** End all streams, close, and remove the socket file. NULL is ignored. */
void vrs_api_stop(struct vrs_api *api);
