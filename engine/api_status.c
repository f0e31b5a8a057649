/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

/*
 * Status, route servers, peerings and metrics. Sessions are copied on the I/O thread into
 * plain rows; JSON and text are made here.
 */

#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>

#include "engine/api_internal.h"
#include "engine/clock.h"
#include "engine/limits.h"

/* --- Copies of sessions --- */

struct session_row {
	char name[128];
	unsigned instance;
	struct vrs_addr local, remote;
	uint32_t asn;
	enum vrs_session_state state;
	uint64_t uptime_ms;
	uint32_t received, usable, advertised;
	uint64_t shed;
	uint64_t waiting, stalled_ms;
	bool parked, apart;
	struct vrs_session_error error;
	struct vrs_session_stat stat;
};

struct session_copy {
	struct vrs_server *server;
	struct session_row *rows;
	size_t n, cap;
};

/* What waits for a peer that does not read as fast as it is told. */
static void copy_backlog(struct session_row *row, const struct vrs_neighbor *n)
{
	const struct vrs_export *x = n->export;
	uint64_t since, now = n->server->io->wheel.now_ms;

	if (x == NULL)
		return;
	since = atomic_load(&x->stuck_ms);
	row->waiting = vrs_outbox_bytes(&x->outbox) + vrs_session_queued(n->session);
	row->stalled_ms = since != 0 && now > since ? now - since : 0;
	row->apart = atomic_load(&x->apart);
}

static void io_copy(void *arg, struct vrs_io *io)
{
	struct session_copy *c = arg;
	const struct vrs_server *s = c->server->parts[io->index];

	for (const struct vrs_neighbor *n = s->neighbors; n != NULL && !atomic_load(&s->dead);
		n = n->next) {
		if (c->n == c->cap) {
			size_t cap = c->cap == 0 ? 16 : c->cap * 2;
			struct session_row *rows = realloc(c->rows, cap * sizeof(*rows));

			if (rows == NULL)
				return;
			c->rows = rows;
			c->cap = cap;
		}
		struct session_row *row = &c->rows[c->n++];
		struct vrs_shards_peer_stat paths = {0};
		if (n->slot >= 0)
			paths = vrs_limits_stat(n);
		memset(row, 0, sizeof(*row));
		(void)snprintf(row->name, sizeof(row->name), "%s", n->name);
		row->instance = n->instance;
		row->local = n->local;
		row->remote = n->remote;
		row->asn = n->peer_asn;
		row->state = vrs_session_state(n->session);
		row->uptime_ms = vrs_session_uptime_ms(n->session);
		row->received = paths.n_paths;
		row->shed = n->slot >= 0 ? vrs_limits_shed(n) : 0;
		row->usable = paths.n_usable;
		row->advertised = n->export != NULL ? atomic_load(&n->export->n_told) : 0;
		copy_backlog(row, n);
		row->parked = vrs_session_parked(n->session);
		row->error = *vrs_session_last_error(n->session);
		row->stat = *vrs_session_stat(n->session);
	}
}

static json_t *error_json(const struct vrs_session_error *e)
{
	static const char *const directions[] = {"none", "sent", "received", "local"};

	if (e->direction == VRS_SESSION_ERROR_NONE)
		return json_null();
	return json_pack("{s:i,s:i,s:s,s:s}", "code", e->code, "subcode", e->subcode, "text",
		e->text, "direction", directions[e->direction]);
}

static json_t *session_json(const struct session_row *row)
{
	uint64_t rx = 0, tx = 0;

	for (unsigned i = 0; i < VRS_BGP_N_TYPES; i++) {
		rx += row->stat.rx[i];
		tx += row->stat.tx[i];
	}
	return json_pack("{s:i,s:o,s:s,s:I,s:I,s:I,s:I,s:I,s:o,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,"
			 "s:I,s:b,s:I,s:I,"
			 "s:b}",
		"instance", (int)row->instance, "localAddress", vrs_json_addr(&row->local), "state",
		vrs_session_state_str(row->state), "uptimeSeconds",
		(json_int_t)(row->uptime_ms / 1000), "prefixesReceived", (json_int_t)row->received,
		"prefixesUsable", (json_int_t)row->usable, "prefixesAdvertised",
		(json_int_t)row->advertised, "prefixesShed", (json_int_t)row->shed, "lastError",
		error_json(&row->error), "messagesReceived", (json_int_t)rx, "messagesSent",
		(json_int_t)tx, "updatesReceived", (json_int_t)row->stat.rx[VRS_BGP_UPDATE],
		"updatesSent", (json_int_t)row->stat.tx[VRS_BGP_UPDATE], "refreshesReceived",
		(json_int_t)row->stat.rx[VRS_BGP_REFRESH], "refreshesSent",
		(json_int_t)row->stat.tx[VRS_BGP_REFRESH], "treatAsWithdraw",
		(json_int_t)row->stat.treat_as_withdraw, "attributesDiscarded",
		(json_int_t)row->stat.attr_discarded, "collisions",
		(json_int_t)row->stat.collisions, "timesEstablished",
		(json_int_t)row->stat.established, "parked", row->parked, "bytesWaiting",
		(json_int_t)row->waiting, "stalledMs", (json_int_t)row->stalled_ms,
		"ownUpdateGroup", row->apart);
}

/* One object per bgpConnection; both its sessions inside. @param only  NULL = all. */
static json_t *peerings_json(struct vrs_request *r, struct vrs_server *s,
	const struct vrs_cfg_route_server *rs, const char *only)
{
	static const char *const kinds[] = {
		"NetworkVirtualAppliance", "VpnGateway", "ExpressRouteGateway"};
	struct session_copy copy = {.server = s};
	json_t *list = json_array();

	(void)vrs_engine_call_parts(r->engine, io_copy, &copy);
	for (size_t i = 0; i < rs->n_connections; i++) {
		const struct vrs_cfg_bgp_connection *c = &rs->connections[i];
		json_t *sessions = json_array();
		uint32_t seen[2] = {0};
		unsigned up = 0;

		if (only != NULL && strcmp(only, c->name) != 0) {
			json_decref(sessions);
			continue;
		}
		for (size_t j = 0; j < copy.n; j++) {
			if (strcmp(copy.rows[j].name, c->name) != 0)
				continue;
			json_array_append_new(sessions, session_json(&copy.rows[j]));
			if (copy.rows[j].state == VRS_SESSION_ESTABLISHED)
				seen[up++ & 1] = copy.rows[j].received;
		}
		/* Both instances are up and heard different numbers of prefixes. */
		bool diverges = up == 2 && seen[0] != seen[1];
		json_array_append_new(list,
			json_pack("{s:s,s:o,s:I,s:s,s:b,s:o,s:b}", "name", c->name, "peerIp",
				vrs_json_addr(&c->peer_ip), "peerAsn", (json_int_t)c->peer_asn,
				"kind", kinds[c->kind], "enabled", c->enabled, "sessions", sessions,
				"instancesDiverge", diverges));
	}
	free(copy.rows);
	return list;
}

/* --- Route servers --- */

static json_t *server_json(struct vrs_request *r, size_t i, bool whole)
{
	static const char *const preferences[] = {"ExpressRoute", "VpnGateway", "ASPath"};
	const struct vrs_cfg_route_server *rs = &r->model->config->route_servers[i];
	struct vrs_server *s = r->model->servers[i];
	json_t *j = json_object();

	json_object_set_new(j, "name", json_string(rs->name));
	json_object_set_new(j, "virtualNetwork", json_string(rs->vnet));
	json_object_set_new(j, "virtualRouterAsn", json_integer(rs->asn));
	json_object_set_new(
		j, "virtualRouterIps", vrs_json_addrs(rs->router_ips, rs->n_router_ips));
	json_object_set_new(j, "allowBranchToBranchTraffic", json_boolean(rs->branch_to_branch));
	json_object_set_new(j, "hubRoutingPreference", json_string(preferences[rs->preference]));
	json_object_set_new(j, "prefixes", json_integer((json_int_t)vrs_server_n_usable(s)));
	json_object_set_new(j, "paths", json_integer((json_int_t)vrs_server_n_paths(s)));
	json_object_set_new(j, "generation", json_integer((json_int_t)atomic_load(&s->generation)));
	if (whole) {
		uint64_t changed = atomic_load(&s->rib->changed_ms),
			 now = vrs_clock_ms(&r->engine->clock);

		vrs_rcu_enter();
		const struct vrs_version *v = vrs_snapshot_current(s->rib->snapshot);
		json_object_set_new(j, "version", json_integer((json_int_t)v->number));
		json_object_set_new(
			j, "effectivePrefixes", json_integer((json_int_t)v->n_prefixes));
		vrs_rcu_leave();
		json_object_set_new(
			j, "sequence", json_integer((json_int_t)vrs_delta_last(s->rib->log)));
		json_object_set_new(j, "quietMilliseconds",
			json_integer((json_int_t)(changed == 0 ? now - r->engine->started_ms
							       : now - changed)));
		json_object_set_new(j, "pendingExports",
			json_integer((json_int_t)atomic_load(&s->rib->pending)));
		(void)json_object_update_new(j, vrs_api_waiting_json(r->engine, s->rib));
		json_object_set_new(j, "memory",
			json_pack("{s:I,s:I,s:s}", "bytes",
				(json_int_t)atomic_load(&s->memory_used), "limit",
				(json_int_t)rs->memory_limit, "state",
				vrs_memory_state_str(atomic_load(&s->memory))));
		json_object_set_new(j, "peerings", peerings_json(r, s, rs, NULL));
	}
	return j;
}

void vrs_api_route_servers(struct vrs_request *r)
{
	json_t *list = json_array();

	for (size_t i = 0; i < r->model->config->n_route_servers; i++)
		json_array_append_new(list, server_json(r, i, false));
	vrs_request_json(r, json_pack("{s:o}", "value", list));
}

void vrs_api_route_server(struct vrs_request *r)
{
	if (vrs_request_server(r) != NULL)
		vrs_request_json(r,
			server_json(r, (size_t)vrs_model_route_server(r->model, r->path[0]), true));
}

void vrs_api_connections(struct vrs_request *r)
{
	struct vrs_server *s = vrs_request_server(r);

	if (s == NULL)
		return;
	int i = vrs_model_route_server(r->model, r->path[0]);
	vrs_request_json(r,
		json_pack("{s:o}", "value",
			peerings_json(r, s, &r->model->config->route_servers[i], NULL)));
}

void vrs_api_connection(struct vrs_request *r)
{
	struct vrs_server *s = vrs_request_server(r);

	if (s == NULL)
		return;
	int i = vrs_model_route_server(r->model, r->path[0]);
	json_t *list = peerings_json(r, s, &r->model->config->route_servers[i], r->path[1]);
	if (json_array_size(list) == 1)
		vrs_request_json(r, json_incref(json_array_get(list, 0)));
	else
		vrs_request_error(r, MHD_HTTP_NOT_FOUND, "NotFound", "bgpConnections",
			"route server \"%s\" has no bgpConnection \"%s\"", r->path[0], r->path[1]);
	json_decref(list);
}

/* --- Figures: one row each; status and /metrics read the same --- */

struct figures {
	struct vrs_io_counters io;
	struct vrs_transport_stat transport;
	uint64_t limbo_objects, limbo_bytes;
	uint64_t turns, inline_turns, versions;
	struct vrs_log_stat log;
	struct vrs_api_stat api;
};

#define IO(field)        offsetof(struct figures, io.field)
#define TRANSPORT(field) offsetof(struct figures, transport.field)
#define OTHER(field)     offsetof(struct figures, field)

static const struct {
	const char *name, *key, *type, *help;
	size_t at;
} rows[] = {
	{"vrs_updates_total", "updates", "counter", "UPDATE messages taken in", IO(updates)},
	{"vrs_prefixes_announced_total", "prefixesAnnounced", "counter",
		"Prefixes announced by peers", IO(prefixes_announced)},
	{"vrs_prefixes_withdrawn_total", "prefixesWithdrawn", "counter",
		"Prefixes withdrawn by peers", IO(prefixes_withdrawn)},
	{"vrs_treat_as_withdraw_total", "treatAsWithdraw", "counter",
		"UPDATEs treated as withdraw (RFC 7606)", IO(treat_as_withdraw)},
	{"vrs_attributes_discarded_total", "attributesDiscarded", "counter",
		"Attributes discarded for an error (RFC 7606)", IO(attributes_discarded)},
	{"vrs_out_of_memory_total", "outOfMemory", "counter",
		"Routes or sessions lost for want of memory", IO(out_of_memory)},
	{"vrs_sessions_established_total", "sessionsEstablished", "counter",
		"Times a session came up", IO(sessions_established)},
	{"vrs_sessions_lost_total", "sessionsLost", "counter", "Times a session went down",
		IO(sessions_lost)},
	{"vrs_max_prefix_total", "maxPrefixHits", "counter",
		"Sessions closed for too many prefixes", IO(max_prefix_hits)},
	{"vrs_memory_sheds_total", "memorySheds", "counter", "Sessions closed for memoryLimit",
		IO(memory_sheds)},
	{"vrs_stalls_total", "stalls", "counter",
		"Times the I/O thread did not run for 2 s: stopped, or without CPU time",
		IO(stalls)},
	{"vrs_api_connections", "apiConnections", "gauge", "Connections of API clients",
		OTHER(api.open)},
	{"vrs_api_requests_total", "apiRequests", "counter", "API requests", OTHER(api.requests)},
	{"vrs_api_refused_total", "apiRefused", "counter",
		"API connections closed: 128, or an eighth of RLIMIT_NOFILE, are there and none is "
		"idle",
		OTHER(api.refused)},
	{"vrs_api_starved_total", "apiStarved", "counter",
		"Times the API found no file descriptor for a client that waits",
		OTHER(api.starved)},
	{"vrs_api_evicted_total", "apiEvicted", "counter",
		"API connections closed for newer ones: no request in 10 s", OTHER(api.evicted)},
	{"vrs_api_too_large_total", "apiTooLarge", "counter", "API requests over 1 MiB",
		OTHER(api.too_large)},
	{"vrs_api_unasked_total", "apiUnasked", "counter",
		"API connections that ended without a whole request", OTHER(api.unasked)},
	{"vrs_log_limited_total", "logLinesLimited", "counter",
		"Log lines dropped because too many were alike", OTHER(log.limited)},
	{"vrs_log_lost_total", "logLinesLost", "counter",
		"Log lines that standard error did not take at once", OTHER(log.lost)},
	{"vrs_io_turns_total", "ioTurns", "counter", "Turns of the I/O loop", IO(turns)},
	{"vrs_connections_accepted_total", "connectionsAccepted", "counter",
		"Connections accepted from configured peers", TRANSPORT(accepted)},
	{"vrs_connections_refused_total", "connectionsRefused", "counter",
		"Connections closed because the peer is not configured",
		TRANSPORT(refused_unknown)},
	{"vrs_connections_crowd_total", "connectionsRefusedCrowd", "counter",
		"Connections closed because the peer has 8 already", TRANSPORT(refused_crowd)},
	{"vrs_connections_idle_total", "connectionsRefusedIdle", "counter",
		"Connections closed because the session is held down for a while, or stopped",
		TRANSPORT(refused_idle)},
	{"vrs_connections_want_total", "connectionsRefusedResources", "counter",
		"Connections closed for want of file descriptors or memory",
		TRANSPORT(refused_want)},
	{"vrs_connects_total", "connects", "counter", "Connections tried", TRANSPORT(connects)},
	{"vrs_receive_bytes_total", "receiveBytes", "counter", "Bytes received",
		TRANSPORT(rx_bytes)},
	{"vrs_transmit_bytes_total", "transmitBytes", "counter", "Bytes sent", TRANSPORT(tx_bytes)},
	{"vrs_wire_receive_frames_total", "framesReceived", "counter", "Frames received (DPDK)",
		TRANSPORT(wire.rx_frames)},
	{"vrs_wire_transmit_frames_total", "framesSent", "counter", "Frames sent (DPDK)",
		TRANSPORT(wire.tx_frames)},
	{"vrs_wire_transmit_full_total", "framesSentLate", "counter",
		"Sends that found no room on a port", TRANSPORT(wire.tx_full)},
	{"vrs_wire_bad_frames_total", "framesBad", "counter",
		"Frames malformed or with a wrong checksum", TRANSPORT(wire.bad)},
	{"vrs_wire_other_frames_total", "framesOther", "counter",
		"Frames that were for nobody here", TRANSPORT(wire.other)},
	{"vrs_wire_bad_signature_total", "segmentsBadSignature", "counter",
		"Segments dropped for their TCP-MD5 signature, or for want of one",
		TRANSPORT(wire.md5)},
	{"vrs_wire_ttl_total", "segmentsTooFar", "counter",
		"Segments dropped for a low TTL (RFC 5082)", TRANSPORT(wire.ttl_low)},
	{"vrs_wire_no_connection_total", "segmentsWithoutConnection", "counter",
		"Segments of peers for no connection, answered with a reset",
		TRANSPORT(wire.no_conn)},
	{"vrs_wire_in_place_bytes_total", "receiveBytesInPlace", "counter",
		"Bytes read where they lay in a frame", TRANSPORT(wire.in_place)},
	{"vrs_wire_stitched_total", "messagesStitched", "counter",
		"Messages put together of several frames", TRANSPORT(wire.stitched)},
	{"vrs_wire_out_of_order_total", "segmentsOutOfOrder", "counter",
		"Segments that came behind a gap", TRANSPORT(wire.out_of_order)},
	{"vrs_wire_duplicate_total", "segmentsDuplicate", "counter", "Segments with nothing new",
		TRANSPORT(wire.duplicate)},
	{"vrs_wire_dropped_total", "segmentsDropped", "counter", "Segments that could not be kept",
		TRANSPORT(wire.dropped)},
	{"vrs_wire_copied_total", "framesCopied", "counter", "Frames copied as too many were held",
		TRANSPORT(wire.copied)},
	{"vrs_wire_retransmits_total", "retransmits", "counter", "Segments sent again",
		TRANSPORT(wire.retransmits)},
	{"vrs_wire_timeouts_total", "retransmitTimeouts", "counter", "Retransmission timeouts",
		TRANSPORT(wire.timeouts)},
	{"vrs_wire_probes_total", "tailLossProbes", "counter", "Tail loss probes",
		TRANSPORT(wire.probes)},
	{"vrs_wire_recoveries_total", "lossRecoveries", "counter",
		"Times a loss was found without a timeout", TRANSPORT(wire.recoveries)},
	{"vrs_wire_undone_total", "lossesUndone", "counter", "Losses that were none",
		TRANSPORT(wire.undone)},
	{"vrs_wire_zero_windows_total", "windowProbes", "counter", "Probes of a closed window",
		TRANSPORT(wire.zero_windows)},
	{"vrs_wire_challenges_total", "challengeAcks", "counter", "Challenge ACKs (RFC 5961)",
		TRANSPORT(wire.challenges)},
	{"vrs_wire_unacceptable_total", "segmentsUnacceptable", "counter",
		"Segments outside the window, too old, or with an absurd ACK",
		TRANSPORT(wire.unacceptable)},
	{"vrs_wire_handed_total", "framesHandedOver", "counter",
		"Frames handed to the I/O thread that owns the connection", TRANSPORT(wire.handed)},
	{"vrs_wire_handed_lost_total", "framesHandedLost", "counter",
		"Frames lost as that thread was far behind", TRANSPORT(wire.handed_full)},
	{"vrs_wire_unresolved_total", "framesUnresolved", "counter",
		"Frames whose neighbor's MAC was not known", TRANSPORT(wire.unresolved)},
	{"vrs_wire_neighbors", "neighbors", "gauge", "Neighbors known or asked for",
		TRANSPORT(wire.neighbors)},
	{"vrs_wire_neighbors_failed_total", "neighborsFailed", "counter",
		"Neighbors that did not answer", TRANSPORT(wire.neighbors_failed)},
	{"vrs_wire_neighbors_changed_total", "neighborsChanged", "counter",
		"Neighbors whose MAC became another", TRANSPORT(wire.neighbors_changed)},
	{"vrs_wire_conflicts_total", "addressConflicts", "counter",
		"Claims of others on our addresses", TRANSPORT(wire.conflicts)},
	{"vrs_wire_idle_polls_total", "idlePolls", "counter", "Looks at a port that found nothing",
		TRANSPORT(wire.idle_polls)},
	{"vrs_propagation_turns_total", "propagationTurns", "counter", "Turns of propagation",
		OTHER(turns)},
	{"vrs_propagation_inline_turns_total", "propagationInlineTurns", "counter",
		"Of these, made by the I/O thread for a few changes", OTHER(inline_turns)},
	{"vrs_versions_total", "versions", "counter", "Versions published", OTHER(versions)},
	{"vrs_limbo_objects", "limboObjects", "gauge", "Objects that wait for a grace period",
		OTHER(limbo_objects)},
	{"vrs_limbo_bytes", "limboBytes", "gauge", "Their bytes", OTHER(limbo_bytes)},
};

static void add_limbo(struct figures *f, const struct vrs_reclaim *reclaim)
{
	struct vrs_reclaim_stat stat;

	vrs_reclaim_stat(reclaim, &stat);
	f->limbo_objects += stat.limbo_objects;
	f->limbo_bytes += stat.limbo_bytes;
}

static void add_all(void *to, const void *from, size_t size)
{
	uint64_t *sum = to;
	const uint64_t *one = from;

	for (size_t i = 0; i < size / sizeof(*sum); i++)
		sum[i] += __atomic_load_n(&one[i], __ATOMIC_RELAXED);
}

static void collect(struct vrs_api *api, struct vrs_engine *e, struct figures *f)
{
	memset(f, 0, sizeof(*f));
	for (unsigned i = 0; i < e->n_ios; i++) {
		const struct vrs_io *io = e->ios[i];
		struct vrs_transport_stat stat;

		add_all(&f->io, &io->counters, sizeof(f->io));
		io->transport->ops->stat(io->transport, &stat);
		add_all(&f->transport, &stat, sizeof(stat));
		add_limbo(f, io->reclaim);
	}
	add_limbo(f, e->propagation.reclaim);
	vrs_log_stat(&f->log);
	vrs_api_stat(api, &f->api);
	f->turns = atomic_load(&e->propagation.turns);
	f->inline_turns = atomic_load(&e->propagation.inline_turns);
	f->versions = atomic_load(&e->propagation.versions);
}

static uint64_t figure(const struct figures *f, size_t at)
{
	uint64_t v;

	memcpy(&v, (const char *)f + at, sizeof(v));
	return v;
}

static uint64_t resident_bytes(void)
{
	FILE *f = fopen("/proc/self/statm", "re");
	unsigned long size = 0, resident = 0;

	if (f == NULL)
		return 0;
	if (fscanf(f, "%lu %lu", &size, &resident) != 2)
		resident = 0;
	(void)fclose(f);
	return (uint64_t)resident * 4096;
}

/* --- Ports: the same for them, each with its own --- */

#define PORT(field) offsetof(struct vrs_transport_port, field)

static const struct {
	const char *name, *key, *help;
	size_t at;
} port_rows[] = {
	{"vrs_port_missed_total", "missed", "Frames that the port lost as nobody took them in time",
		PORT(missed)},
	{"vrs_port_receive_errors_total", "receiveErrors", "Frames received with an error",
		PORT(rx_errors)},
	{"vrs_port_transmit_errors_total", "transmitErrors", "Frames that the port could not send",
		PORT(tx_errors)},
	{"vrs_port_no_buffers_total", "noBuffers", "Times the port had no buffer to receive into",
		PORT(no_buffers)},
	{"vrs_port_chained_lost_total", "chainedLost",
		"Frames lost as they were in several buffers, and too large for one",
		PORT(chained_lost)},
	{"vrs_port_tap_lost_total", "exceptionTapLost",
		"Frames that the interface exceptionTap did not take", PORT(tap_lost)},
};

static uint64_t port_figure(const struct vrs_transport_port *p, size_t at)
{
	uint64_t v;

	memcpy(&v, (const char *)p + at, sizeof(v));
	return v;
}

static bool port_of(const struct vrs_engine *e, unsigned index, struct vrs_transport_port *out)
{
	const struct vrs_transport *t = e->ios[0]->transport;

	return t->port != NULL && t->port(t->port_ctx, index, out);
}

static json_t *ports_json(const struct vrs_engine *e)
{
	static const char *const links[] = {"unknown", "down", "up"};
	json_t *list = json_array();
	struct vrs_transport_port p;

	for (unsigned i = 0; port_of(e, i, &p); i++) {
		json_t *o = json_pack("{s:s,s:s}", "name", p.name, "link", links[p.link]);

		for (size_t k = 0; k < VRS_N_ELEMS(port_rows); k++)
			json_object_set_new(o, port_rows[k].key,
				json_integer((json_int_t)port_figure(&p, port_rows[k].at)));
		json_array_append_new(list, o);
	}
	return list;
}

/* Those of one metric stand together; a port's are of one look. */
static void port_metrics(const struct vrs_engine *e, struct vrs_text *t)
{
	struct vrs_transport_port p[VRS_CFG_PORTS_MAX];
	char name[256];
	unsigned n = 0;

	while (n < VRS_CFG_PORTS_MAX && port_of(e, n, &p[n]))
		n++;
	if (n == 0)
		return;
	vrs_text_printf(t,
		"# HELP vrs_port_up 1 while the port's link is up, or nobody knows\n"
		"# TYPE vrs_port_up gauge\n");
	for (unsigned i = 0; i < n; i++)
		vrs_text_printf(t, "vrs_port_up{port=\"%s\"} %d\n", vrs_api_label(p[i].name, name),
			p[i].link != VRS_PORT_LINK_DOWN);
	for (size_t k = 0; k < VRS_N_ELEMS(port_rows); k++) {
		vrs_text_printf(t, "# HELP %s %s\n# TYPE %s counter\n", port_rows[k].name,
			port_rows[k].help, port_rows[k].name);
		for (unsigned i = 0; i < n; i++)
			vrs_text_printf(t, "%s{port=\"%s\"} %llu\n", port_rows[k].name,
				vrs_api_label(p[i].name, name),
				(unsigned long long)port_figure(&p[i], port_rows[k].at));
	}
}

/* --- Status and metrics --- */

void vrs_api_status(struct vrs_request *r)
{
	json_t *servers = json_array(), *memory = json_object(), *counters = json_object();
	struct figures f;

	for (size_t i = 0; i < r->model->config->n_route_servers; i++)
		json_array_append_new(servers, server_json(r, i, true));
	for (unsigned t = 0; t < VRS_MEM_N_TAGS; t++)
		json_object_set_new(memory, vrs_mem_tag_str(t), json_integer(vrs_mem_used(t)));
	json_object_set_new(memory, "resident", json_integer((json_int_t)resident_bytes()));
	collect(r->api, r->engine, &f);
	for (size_t i = 0; i < VRS_N_ELEMS(rows); i++)
		json_object_set_new(
			counters, rows[i].key, json_integer((json_int_t)figure(&f, rows[i].at)));
	vrs_request_json(r,
		json_pack("{s:s,s:I,s:o,s:o,s:o,s:o,s:o,s:s}", "version", VRS_VERSION,
			"uptimeSeconds",
			(json_int_t)((vrs_clock_ms(&r->engine->clock) - r->engine->started_ms) /
				1000),
			"routeServers", servers, "threads",
			vrs_api_threads_json(r->engine, vrs_request_query(r, "buckets") != NULL),
			"ports", ports_json(r->engine), "memory", memory, "counters", counters,
			"simd", vrs_radix_simd()));
}

static void session_metrics(struct vrs_request *r, struct vrs_text *t)
{
	static const char *const help[] = {
		"# HELP vrs_session_up 1 while the session is Established\n# TYPE vrs_session_up "
		"gauge\n",
		"# HELP vrs_session_prefixes_received Prefixes in Adj-RIB-In\n"
		"# TYPE vrs_session_prefixes_received gauge\n",
		"# HELP vrs_session_prefixes_advertised Prefixes in Adj-RIB-Out\n"
		"# TYPE vrs_session_prefixes_advertised gauge\n",
		"# HELP vrs_session_waiting_bytes Encoded, and not yet taken by the peer's socket\n"
		"# TYPE vrs_session_waiting_bytes gauge\n",
		"# HELP vrs_session_stalled_milliseconds Since when a full socket has taken "
		"nothing\n"
		"# TYPE vrs_session_stalled_milliseconds gauge\n",
	};
	static const char *const names[] = {"vrs_session_up", "vrs_session_prefixes_received",
		"vrs_session_prefixes_advertised", "vrs_session_waiting_bytes",
		"vrs_session_stalled_milliseconds"};
	char rs[256], peer[256];

	for (unsigned k = 0; k < VRS_N_ELEMS(names); k++) {
		vrs_text_printf(t, "%s", help[k]);
		for (size_t i = 0; i < r->model->config->n_route_servers; i++) {
			struct session_copy copy = {.server = r->model->servers[i]};

			(void)vrs_engine_call_parts(r->engine, io_copy, &copy);
			for (size_t j = 0; j < copy.n; j++) {
				const struct session_row *row = &copy.rows[j];
				unsigned long v[] = {row->state == VRS_SESSION_ESTABLISHED,
					row->received, row->advertised, row->waiting,
					row->stalled_ms};

				vrs_text_printf(t,
					"%s{route_server=\"%s\",peering=\"%s\",instance=\"%u\"} "
					"%lu\n",
					names[k],
					vrs_api_label(r->model->config->route_servers[i].name, rs),
					vrs_api_label(row->name, peer), row->instance, v[k]);
			}
			free(copy.rows);
		}
	}
}

void vrs_api_metrics(struct vrs_request *r)
{
	struct vrs_text *t = &r->text;
	struct figures f;
	char name[256];

	collect(r->api, r->engine, &f);
	for (size_t i = 0; i < VRS_N_ELEMS(rows); i++)
		vrs_text_printf(t, "# HELP %s %s\n# TYPE %s %s\n%s %llu\n", rows[i].name,
			rows[i].help, rows[i].name, rows[i].type, rows[i].name,
			(unsigned long long)figure(&f, rows[i].at));
	vrs_text_printf(t,
		"# HELP vrs_memory_bytes Bytes in use by purpose\n"
		"# TYPE vrs_memory_bytes gauge\n");
	for (unsigned i = 0; i < VRS_MEM_N_TAGS; i++)
		vrs_text_printf(t, "vrs_memory_bytes{tag=\"%s\"} %lld\n", vrs_mem_tag_str(i),
			(long long)vrs_mem_used(i));
	vrs_text_printf(t,
		"# HELP vrs_prefixes Prefixes with a usable best path\n"
		"# TYPE vrs_prefixes gauge\n");
	for (size_t i = 0; i < r->model->config->n_route_servers; i++)
		vrs_text_printf(t, "vrs_prefixes{route_server=\"%s\"} %llu\n",
			vrs_api_label(r->model->config->route_servers[i].name, name),
			(unsigned long long)vrs_server_n_usable(r->model->servers[i]));
	port_metrics(r->engine, t);
	session_metrics(r, t);
	vrs_api_waiting_metrics(r, t);
	vrs_api_stage_metrics(r->engine, t);
	r->status = MHD_HTTP_OK;
}
