/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#pragma once

/**
 * @file
 * Between the HTTP side of the API (engine/api.c) and its resources (engine/api_*.c).
 *
 * A handler answers in one of three ways: a JSON document, an error, or a stream. A stream is
 * a function that appends text to a buffer when asked for more.
 */

#include <jansson.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "engine/api.h"
#include "engine/engine.h"

struct MHD_Connection;

/** Text that grows; failures stick. */
struct vrs_text {
	char *data;
	size_t size, cap;
	bool failed;
};

void vrs_text_add(struct vrs_text *t, const char *data, size_t size);
void vrs_text_printf(struct vrs_text *t, const char *fmt, ...) VRS_PRINTF(2, 3);

/** Append @p row, compact; takes the reference. */
void vrs_text_json(struct vrs_text *t, json_t *row);

struct vrs_stream;

/** Returned by a vrs_stream_fn: more is to come, and what is there goes out first. */
#define VRS_STREAM_FLUSH 2

/** @return 1 or VRS_STREAM_FLUSH: more is to come, 0: that was all, negative: break off. The
 *  thread is RCU-registered, outside a read section. */
typedef int (*vrs_stream_fn)(struct vrs_stream *s, struct vrs_text *out);

struct vrs_stream {
	vrs_stream_fn fill;
	void (*fini)(struct vrs_stream *s); /**< Frees what hangs on it, then it is freed. */
	struct vrs_api *api;
	struct vrs_model *model; /**< Counted, or NULL. */
	int client_fd;           /**< To notice that the client has gone; may be -1. */
	bool ndjson;             /**< One row a line instead of a document. */
	bool first;              /**< No row was written to the current array yet. */
	bool done;
	struct vrs_text text;
	size_t at; /* Bytes of text handed out. */
};

struct vrs_request {
	struct vrs_api *api;
	struct vrs_engine *engine;
	struct vrs_model *model; /**< Counted for the request. */
	struct MHD_Connection *connection;
	const char *path[4]; /**< What the wildcards of the pattern matched, decoded. */
	bool ndjson;
	int client_fd;

	/* The answer. */
	unsigned status;
	json_t *json;              /* Or: */
	struct vrs_stream *stream; /* Or: */
	struct vrs_text text;      /* Plain text (metrics). */
};

/** A query argument, or NULL. Borrowed. */
const char *vrs_request_query(const struct vrs_request *r, const char *key);

/** Answer with a document; takes the reference. */
void vrs_request_json(struct vrs_request *r, json_t *json);

/** Answer {"error": {"code", "message", "target"}}. */
void vrs_request_error(struct vrs_request *r, unsigned status, const char *code, const char *target,
	const char *fmt, ...) VRS_PRINTF(5, 6);

/** Answer with a stream of @p size bytes that starts with struct vrs_stream, zeroed else.
 *  @return It, or NULL when the error has been answered. It holds the model. */
void *vrs_request_stream(
	struct vrs_request *r, size_t size, vrs_stream_fn fill, void (*fini)(struct vrs_stream *s));

/** Append one row, with what stands between rows; takes the reference. */
void vrs_stream_row(struct vrs_stream *s, struct vrs_text *out, json_t *row);

/** Whether the daemon stops or the client went away. */
bool vrs_stream_ended(const struct vrs_stream *s);

/** Wait until @p fd is readable, at most @p timeout_ms. @return false: the stream has ended. */
bool vrs_stream_wait(const struct vrs_stream *s, int fd, int timeout_ms);

/** An array of "addr" strings. */
json_t *vrs_json_addrs(const struct vrs_addr *addrs, size_t n);
json_t *vrs_json_prefixes(const struct vrs_prefix *prefixes, size_t n);
json_t *vrs_json_addr(const struct vrs_addr *a);
json_t *vrs_json_prefix(const struct vrs_prefix *p);

/** The route server named by path[0], or NULL when the error has been answered. */
struct vrs_server *vrs_request_server(struct vrs_request *r);

/** A label's value in metrics: quotes and backslashes escaped, cut at 255 bytes. @return @p out. */
const char *vrs_api_label(const char *s, char out[256]);

/** What waits in a RIB: changes for propagation, deltas for consumers, memory for readers. */
json_t *vrs_api_waiting_json(struct vrs_engine *e, const struct vrs_rib *rib);
void vrs_api_waiting_metrics(struct vrs_request *r, struct vrs_text *t);

/** Threads and their stages. @param buckets  With every bucket that is not empty, as
 *  [smallest nanoseconds, count]. */
json_t *vrs_api_threads_json(const struct vrs_engine *e, bool buckets);
void vrs_api_stage_metrics(const struct vrs_engine *e, struct vrs_text *t);

/* Handlers, by file. */
void vrs_api_status(struct vrs_request *r);
void vrs_api_route_servers(struct vrs_request *r);
void vrs_api_route_server(struct vrs_request *r);
void vrs_api_connections(struct vrs_request *r);
void vrs_api_connection(struct vrs_request *r);
void vrs_api_connection_reset(struct vrs_request *r);
void vrs_api_learned(struct vrs_request *r);
void vrs_api_advertised(struct vrs_request *r);
void vrs_api_routes(struct vrs_request *r);
void vrs_api_vnets(struct vrs_request *r);
void vrs_api_vnet(struct vrs_request *r);
void vrs_api_route_tables(struct vrs_request *r);
void vrs_api_route_table(struct vrs_request *r);
void vrs_api_nics(struct vrs_request *r);
void vrs_api_nic(struct vrs_request *r);
void vrs_api_effective(struct vrs_request *r);
void vrs_api_next_hop(struct vrs_request *r);
void vrs_api_explain(struct vrs_request *r);
void vrs_api_watch(struct vrs_request *r);
void vrs_api_metrics(struct vrs_request *r);
