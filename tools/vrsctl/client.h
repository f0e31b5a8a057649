/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#pragma once

/**
 * @file
 * HTTP over the control socket. An answer without a known length is a stream and goes to the
 * caller as it comes; everything else is a document and is kept whole.
 *
 * **Threads**: one. **Ownership**: a reply's body is the caller's to free.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rib/base/macro.h"
#include "tools/vrsctl/grid.h"

/** Takes a piece of a stream. @return false: stop, the output is gone. */
typedef bool (*vrs_client_sink)(void *ctx, const char *data, size_t size);

struct vrs_client {
	void *curl;
	const char *socket;
	char error[512]; /**< What went wrong in the last request. */
};

struct vrs_client_request {
	const char *method; /**< NULL: GET. */
	const char *path;   /**< With its query, encoded. */
	bool ndjson;        /**< Ask for rows. */
	bool endless;       /**< Silence is no error. */
	/** Once it is set, by any thread, the request ends: in a second at most. NULL: it does not. */
	const atomic_bool *stop;
	uint64_t limit_ms; /**< For the whole answer; 0: none. */
	vrs_client_sink sink;
	void *ctx;
};

struct vrs_client_reply {
	long status;
	bool streamed; /**< The sink has it. */
	struct vrs_buffer body;
};

int vrs_client_init(struct vrs_client *c, const char *socket_path);
void vrs_client_fini(struct vrs_client *c);

/** Send one request. The connection stays open for the next.
 *  @return 0: there is an answer (of any status); -ENOTCONN: nobody listens; -EPIPE: the sink
 *  stopped or standard output has no reader; -ECANCELED: by `stop`; -ETIMEDOUT; -EIO: the answer broke off; -ENOMEM. */
VRS_NODISCARD int vrs_client_send(
	struct vrs_client *c, const struct vrs_client_request *q, struct vrs_client_reply *reply);

/** Append @p text, percent-encoded. */
void vrs_client_escape(struct vrs_client *c, struct vrs_buffer *b, const char *text);
