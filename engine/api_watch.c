/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

/*
 * /v1/watch: deltas as they happen, one JSON object a line, from a cursor in the log. Who
 * falls behind the log gets one "resync" line and goes on from there. A NIC's stream shows
 * what changes for that NIC: what its overlay hides is left out, and another configuration is
 * a resync. The stream ends when what it watches is gone.
 */

#include <errno.h>
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "engine/api_internal.h"
#include "engine/effective.h"

enum { STEP = 256 };

struct watch {
	struct vrs_stream stream; /* First. */
	struct vrs_engine *engine;
	struct vrs_server *server;
	struct vrs_watcher watcher;
	bool watching;
	int nic; /* -1: the route server as a whole. */
	char *name;
};

/* Whether a BGP route on p does not reach this NIC, as it is configured now. */
static bool hidden(const struct watch *w, const struct vrs_prefix *p)
{
	if (w->nic < 0)
		return false;
	const struct vrs_model *m = w->stream.model;
	const struct vrs_overlay *o = m->classes[m->nic_class[w->nic]].overlay;
	return !vrs_overlay_bgp(o) || vrs_overlay_pin_of(o, p) != NULL ||
		vrs_overlay_user_at(o, p) != NULL;
}

static json_t *delta_json(const struct watch *w, const struct vrs_delta *d)
{
	const struct vrs_group *g = d->new_group != VRS_GROUP_NONE
		? vrs_group_find(&w->server->table->groups, d->new_group)
		: NULL;
	json_t *hops =
		vrs_json_addrs(g != NULL ? g->next_hops : NULL, g != NULL ? vrs_group_size(g) : 0);

	return json_pack("{s:I,s:I,s:s,s:s,s:o,s:o,s:s}", "sequence", (json_int_t)d->sequence,
		"version", (json_int_t)d->version, w->nic >= 0 ? "nic" : "routeServer", w->name,
		"op", d->new_group != VRS_GROUP_NONE ? "set" : "delete", "prefix",
		vrs_json_prefix(&d->prefix), "nextHops", hops, "source", "VirtualNetworkGateway");
}

static uint64_t cursor(const struct watch *w)
{
	return atomic_load_explicit(&w->watcher.cursor, memory_order_relaxed);
}

/* Status shows how far we are. */
static void move_cursor(struct watch *w, uint64_t to)
{
	atomic_store_explicit(&w->watcher.cursor, to, memory_order_relaxed);
}

static int resync(struct watch *w, struct vrs_text *out)
{
	move_cursor(w, vrs_delta_last(w->server->rib->log));
	vrs_rcu_enter();
	uint64_t version = vrs_snapshot_current(w->server->rib->snapshot)->number;
	vrs_rcu_leave();
	vrs_stream_row(&w->stream, out,
		json_pack("{s:I,s:I,s:s,s:s,s:n,s:[],s:s}", "sequence", (json_int_t)cursor(w),
			"version", (json_int_t)version, w->nic >= 0 ? "nic" : "routeServer",
			w->name, "op", "resync", "prefix", "nextHops", "source",
			"VirtualNetworkGateway"));
	return VRS_STREAM_FLUSH;
}

/* Follow a new configuration: what is hidden from the NIC may be another set now. @return
 * Whether the stream can go on. */
static bool follow(struct watch *w, bool *changed)
{
	struct vrs_model *now = vrs_engine_model(w->engine), *old = w->stream.model;
	int nic = -1, server;

	*changed = now != old;
	if (!*changed) {
		vrs_model_put(now);
		return true;
	}
	if (w->nic >= 0) {
		nic = vrs_model_nic(now, w->name);
		server = nic < 0 ? -1 : now->classes[now->nic_class[nic]].route_server;
	} else {
		server = vrs_model_route_server(now, w->name);
	}
	if (server < 0 || now->servers[server] != w->server) {
		vrs_model_put(now);
		return false;
	}
	w->nic = nic;
	w->stream.model = now;
	vrs_model_put(old);
	return true;
}

static int watch_fill(struct vrs_stream *s, struct vrs_text *out)
{
	struct watch *w = (struct watch *)s;
	bool changed;
	struct vrs_delta deltas[STEP];
	uint64_t woken, at = cursor(w);

	if (atomic_load(&w->server->dead) || !follow(w, &changed))
		return 0;
	if (changed && w->nic >= 0)
		return resync(w, out);
	vrs_rcu_enter();
	int n = vrs_delta_read(w->server->rib->log, &at, deltas, STEP);
	for (int i = 0; i < n; i++)
		if (!hidden(w, &deltas[i].prefix))
			vrs_stream_row(s, out, delta_json(w, &deltas[i]));
	vrs_rcu_leave();
	if (n == -ESTALE) {
		atomic_fetch_add_explicit(&w->server->rib->n_resyncs, 1, memory_order_relaxed);
		return resync(w, out);
	}
	move_cursor(w, at);
	/* What was written goes out before the next wait. */
	if (out->size > 0)
		return n == STEP ? 1 : VRS_STREAM_FLUSH;
	if (n > 0)
		return 1;
	if (!vrs_stream_wait(s, w->watcher.fd, 1000))
		return 0;
	(void)!read(w->watcher.fd, &woken, sizeof(woken));
	return 1;
}

static void watch_fini(struct vrs_stream *s)
{
	struct watch *w = (struct watch *)s;

	if (w->watching)
		vrs_propagation_unwatch(&w->engine->propagation, &w->watcher);
	if (w->watcher.fd >= 0)
		close(w->watcher.fd);
	free(w->name);
}

/* Which RIB, and for which NIC. -1: the error has been answered. */
static int target_of(struct vrs_request *r, int *nic)
{
	const char *rs = vrs_request_query(r, "routeServer"), *name = vrs_request_query(r, "nic");

	*nic = -1;
	if (name != NULL) {
		*nic = vrs_model_nic(r->model, name);
		if (*nic < 0) {
			vrs_request_error(r, MHD_HTTP_NOT_FOUND, "NotFound", "nic",
				"there is no network interface \"%s\"", name);
			return -1;
		}
		int i = r->model->classes[r->model->nic_class[*nic]].route_server;
		if (i < 0)
			vrs_request_error(r, MHD_HTTP_NOT_FOUND, "NotFound", "nic",
				"no route server serves network interface \"%s\"", name);
		return i;
	}
	if (rs == NULL && r->model->config->n_route_servers == 1)
		return 0;
	if (rs == NULL) {
		vrs_request_error(r, MHD_HTTP_BAD_REQUEST, "BadRequest", "routeServer",
			"name a network interface with nic= or a route server with routeServer=");
		return -1;
	}
	int i = vrs_model_route_server(r->model, rs);
	if (i < 0)
		vrs_request_error(r, MHD_HTTP_NOT_FOUND, "NotFound", "routeServer",
			"there is no route server \"%s\"", rs);
	return i;
}

void vrs_api_watch(struct vrs_request *r)
{
	const char *since = vrs_request_query(r, "since");
	char *end = NULL;
	uint64_t from = since != NULL ? strtoull(since, &end, 10) : 0;
	int nic, i;

	if (since != NULL && (since[0] < '0' || since[0] > '9' || *end != '\0')) {
		vrs_request_error(r, MHD_HTTP_BAD_REQUEST, "BadRequest", "since",
			"since= takes the sequence number of a delta");
		return;
	}
	i = target_of(r, &nic);
	if (i < 0)
		return;
	struct watch *w = vrs_request_stream(r, sizeof(*w), watch_fill, watch_fini);
	if (w == NULL)
		return;
	r->ndjson = w->stream.ndjson = true;
	w->engine = r->engine;
	w->server = r->model->servers[i];
	w->nic = nic;
	w->name = strdup(nic >= 0 ? r->model->config->nics[nic].name
				  : r->model->config->route_servers[i].name);
	w->watcher.log = w->server->rib->log;
	move_cursor(w, since != NULL ? from : vrs_delta_last(w->watcher.log));
	w->watcher.fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	vrs_propagation_watch(&r->engine->propagation, &w->watcher);
	w->watching = true;
}
