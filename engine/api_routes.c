/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

/*
 * What sessions have brought and what peers were told. Path lists belong to the I/O thread and
 * Adj-RIB-Out to propagation, so both are fetched in batches: a task that walks a bounded part
 * of the table on the owner's thread and copies what it finds; text is made here. With several I/O threads each
 * has a part of the table, and what they come by is merged as far as all of them have come.
 */

#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>

#include "engine/api_internal.h"
#include "io/bgp/attr.h"
#include "rib/aspath.h"
#include "rib/community.h"

enum {
	BATCH_ROWS = 256,
	BATCH_VISITS = 2048, /* Prefixes looked at in one task: about 100 us of the owner's time. */
	BATCH_BYTES = 65536,
	PATHS_MAX = 1024,
};

/* --- Batches --- */

struct row {
	struct vrs_prefix prefix;
	struct vrs_addr next_hop;
	enum vrs_path_reason reason;
	struct vrs_span path; /* AS_PATH, in its piece's bytes. */
	bool own;             /* Advertised: one of the network's own prefixes. */
};

/* An entry that an I/O thread came by. */
struct seen {
	struct vrs_prefix prefix;
	uint32_t index; /* As propagation knows it, who makes sure that it is still the prefix's. */
	const struct row *row; /* Learned: made of it; NULL: the peer has no path there. */
};

/* What one part of the RIB has next. */
struct piece {
	struct seen seen[BATCH_VISITS];
	unsigned visits;
	struct row rows[BATCH_ROWS];
	unsigned n;
	uint8_t bytes[BATCH_BYTES];
	uint32_t n_bytes;
	bool more;
};

struct batch {
	/* In. */
	struct vrs_server *server;
	const char *name; /* Of the bgpConnection. */
	unsigned instance;
	bool advertised;
	struct vrs_prefix last; /* Continue after it; afi 0 = from the start. */
	size_t system_at;       /* Advertised: of the network's own prefixes, the next. */
	unsigned afi;

	/* Found on the session's I/O thread. */
	uint16_t connection, slot;
	bool found; /* The peer has a session in that instance, Established. */

	/* Out. */
	const struct row *rows[BATCH_VISITS];
	unsigned n;
	bool more;

	/* While it runs. */
	struct piece *pieces; /* By part. */
	struct piece *piece;
	struct seen merged[BATCH_VISITS];
	unsigned n_merged;
};

static struct vrs_span attr_value(const struct vrs_attrs *a, enum vrs_bgp_attr_code code)
{
	struct vrs_span value = {0};

	(void)vrs_bgp_attr_find(a->bytes, a->head.size, code, &value);
	return value;
}

/* @return The row, or NULL: the piece is full. */
static const struct row *add_row(struct piece *piece, const struct vrs_prefix *p,
	const struct vrs_attrs *a, enum vrs_path_reason reason)
{
	struct vrs_span path = a != NULL ? attr_value(a, VRS_BGP_AS_PATH) : (struct vrs_span){0};

	if (piece->n == BATCH_ROWS || piece->n_bytes + path.size > BATCH_BYTES)
		return NULL;
	struct row *row = &piece->rows[piece->n++];
	*row = (struct row){
		.prefix = *p, .reason = reason, .path = {piece->bytes + piece->n_bytes, path.size}};
	if (a != NULL)
		row->next_hop = a->info.next_hop;
	if (path.size > 0)
		memcpy(piece->bytes + piece->n_bytes, path.data, path.size);
	piece->n_bytes += (uint32_t)path.size;
	return row;
}

/* On a part's I/O thread. @return 1: enough for one task. */
static int visit(void *ctx, const struct vrs_prefix *p, uint32_t index)
{
	struct batch *b = ctx;
	struct piece *piece = b->piece;
	const struct vrs_server *part = b->server->parts[piece - b->pieces];
	struct seen *seen = &piece->seen[piece->visits];

	if (b->last.afi != VRS_AFI_NONE && vrs_prefix_equal(p, &b->last))
		return 0;
	if (piece->visits == BATCH_VISITS)
		return 1;
	*seen = (struct seen){*p, index << part->rib->bits | part->io->index, NULL};
	const struct vrs_path *path =
		b->advertised ? NULL : vrs_table_path_of(part->table, index, b->slot);
	if (path != NULL) {
		const struct vrs_attrs *a =
			vrs_attrs_find(vrs_table_attrs_of(part->table, b->slot), path->attrs);

		seen->row = add_row(piece, p, a, path->reason);
		if (seen->row == NULL)
			return 1;
	}
	piece->visits++;
	return 0;
}

static void part_walk(void *arg, struct vrs_io *io)
{
	struct batch *b = arg;
	struct vrs_server *part = b->server->parts[io->index];

	if (atomic_load(&part->dead))
		return;
	b->piece = &b->pieces[io->index];
	vrs_rcu_enter();
	b->piece->more = vrs_table_walk(part->table, b->afi,
				 b->last.afi != VRS_AFI_NONE ? &b->last : NULL, visit, b) != 0;
	vrs_rcu_leave();
}

static const struct vrs_neighbor *neighbor_of(
	const struct vrs_server *s, const char *name, unsigned instance)
{
	for (const struct vrs_neighbor *n = s->neighbors; n != NULL; n = n->next)
		if (strcmp(n->name, name) == 0 && n->instance == instance)
			return n;
	return NULL;
}

static void part_find(void *arg, struct vrs_io *io)
{
	struct batch *b = arg;
	const struct vrs_server *part = b->server->parts[io->index];

	if (atomic_load(&part->dead))
		return;
	const struct vrs_neighbor *n = neighbor_of(part, b->name, b->instance);
	if (n == NULL || n->slot < 0)
		return;
	b->connection = n->connection;
	b->slot = (uint16_t)n->slot;
	b->found = true;
}

/* The piece whose next entry comes first; NULL: none has any. */
static struct piece *first_of(struct batch *b, const unsigned *at)
{
	struct piece *first = NULL;

	for (unsigned i = 0; i < b->server->n_parts; i++) {
		struct piece *piece = &b->pieces[i];

		if (at[i] < piece->visits &&
			(first == NULL ||
				vrs_prefix_cmp(&piece->seen[at[i]].prefix,
					&first->seen[at[first - b->pieces]].prefix) < 0))
			first = piece;
	}
	return first;
}

/* What the parts came by in one order, as far as all of them have come. */
static void merge(struct batch *b)
{
	unsigned at[VRS_SHARDS_MAX] = {0};
	struct piece *piece;

	b->n_merged = 0;
	b->more = false;
	for (unsigned i = 0; i < b->server->n_parts; i++)
		b->more |= b->pieces[i].more;
	while ((piece = first_of(b, at)) != NULL) {
		unsigned *next = &at[piece - b->pieces];

		if (b->n_merged == BATCH_VISITS) {
			b->more = true;
			return;
		}
		b->merged[b->n_merged++] = piece->seen[(*next)++];
		/* Behind it there is more that we have not got. */
		if (*next == piece->visits && piece->more)
			return;
	}
}

/* On propagation: of the entries that I/O threads came by, those that the peer was told. */
static void look_at_seen(struct batch *b, const struct vrs_export *x)
{
	const struct vrs_rib *rib = b->server->rib;
	struct piece *out = &b->pieces[0];

	vrs_rcu_enter();
	for (unsigned i = 0; i < b->n_merged; i++) {
		const struct seen *s = &b->merged[i];

		if (vrs_export_told(x, s->index)) {
			struct vrs_prefix p = vrs_rib_prefix(rib, s->index);
			uint64_t word = atomic_load(&vrs_rib_entry(rib, s->index)->export);
			const struct vrs_attrs *a = vrs_attrs_find(
				vrs_table_attrs_of(rib->table, VRS_EXPORT_PEER(word)),
				VRS_EXPORT_ATTRS(word));

			if (vrs_prefix_equal(&p, &s->prefix) && add_row(out, &p, a, 0) == NULL) {
				b->n_merged = i;
				b->more = true;
				break;
			}
		}
	}
	vrs_rcu_leave();
}

/* On propagation: the network's own prefixes stand before the first learned one. */
static void propagation_batch(void *arg)
{
	struct batch *b = arg;
	struct piece *out = &b->pieces[0];
	const struct vrs_export *x = NULL;

	b->found = false;
	if (atomic_load(&b->server->dead))
		return;
	for (x = b->server->rib->exports; x != NULL; x = x->next)
		if (x->peer.connection == b->connection && x->peer.instance == b->instance &&
			!atomic_load(&x->closed))
			break;
	if (x == NULL)
		return;
	b->found = true;
	while (b->system_at < x->n_system && out->n < BATCH_ROWS) {
		const struct vrs_prefix *p = &x->system[b->system_at++];

		if (p->afi == b->afi)
			out->rows[out->n++] = (struct row){.prefix = *p,
				.own = true,
				.next_hop = x->peer.next_hops[p->afi == VRS_AFI_IP6]};
	}
	if (b->system_at < x->n_system) {
		b->n_merged = 0;
		b->more = true;
		return;
	}
	look_at_seen(b, x);
}

static void fetch(struct vrs_engine *e, struct batch *b)
{
	unsigned n = b->server->n_parts;

	b->n = 0;
	b->more = b->found = false;
	if (b->pieces == NULL)
		b->pieces = malloc(n * sizeof(*b->pieces));
	if (b->pieces == NULL)
		return;
	for (unsigned i = 0; i < n; i++) {
		struct piece *piece = &b->pieces[i];

		piece->visits = piece->n = piece->n_bytes = 0;
		piece->more = false;
	}
	if (vrs_engine_call_parts(e, part_find, b) != 0 || !b->found ||
		vrs_engine_call_parts(e, part_walk, b) != 0) {
		b->found = false;
		return;
	}
	merge(b);
	if (b->advertised && vrs_engine_call_propagation(e, propagation_batch, b) != 0)
		b->found = false;
	if (b->n_merged > 0)
		b->last = b->merged[b->n_merged - 1].prefix;
	for (unsigned i = 0; b->advertised && i < b->pieces[0].n; i++)
		b->rows[b->n++] = &b->pieces[0].rows[i];
	for (unsigned i = 0; !b->advertised && i < b->n_merged; i++)
		if (b->merged[i].row != NULL)
			b->rows[b->n++] = b->merged[i].row;
}

/* --- Learned and advertised routes --- */

enum { STAGE_OPEN, STAGE_IP4, STAGE_IP6, STAGE_CLOSE };

struct peer_routes {
	struct vrs_stream stream; /* First. */
	struct vrs_engine *engine;
	struct batch batch;
	char *name;
	struct vrs_addr peer_ip, local[2];
	uint32_t asn;
	bool ibgp;
	unsigned stage;
};

static json_t *peer_row(struct peer_routes *r, const struct row *row)
{
	struct vrs_span path = row->path;
	size_t cap = 64 + path.size * 3;
	char *text = malloc(cap), *at = text;
	json_t *j = json_object();

	if (text == NULL || j == NULL) {
		free(text);
		json_decref(j);
		return NULL;
	}
	text[0] = '\0';
	if (r->batch.advertised && !r->ibgp)
		at += snprintf(text, cap, path.size > 0 ? "%u-" : "%u", r->asn);
	if (path.size > 0)
		(void)vrs_aspath_str(path, "-", at, cap - (size_t)(at - text));
	json_object_set_new(j, "localAddress", vrs_json_addr(&r->local[r->batch.instance]));
	json_object_set_new(j, "network", vrs_json_prefix(&row->prefix));
	json_object_set_new(j, "nextHop", vrs_json_addr(&row->next_hop));
	if (!r->batch.advertised)
		json_object_set_new(j, "sourcePeer", vrs_json_addr(&r->peer_ip));
	json_object_set_new(j, "origin",
		json_string(r->batch.advertised ? "Igp" : (r->ibgp ? "IBgp" : "EBgp")));
	json_object_set_new(j, "asPath", json_string(text));
	json_object_set_new(j, "weight", json_integer(r->batch.advertised ? 0 : 32768));
	if (row->reason != VRS_PATH_USABLE)
		json_object_set_new(j, "reason", json_string(vrs_path_reason_str(row->reason)));
	if (r->stream.ndjson)
		json_object_set_new(j, "instance", json_integer(r->batch.instance));
	free(text);
	return j;
}

static int peer_routes_fill(struct vrs_stream *s, struct vrs_text *out)
{
	struct peer_routes *r = (struct peer_routes *)s;
	struct batch *b = &r->batch;

	if (r->stage == STAGE_OPEN) {
		if (!s->ndjson)
			vrs_text_printf(out, "%s\"RouteServiceRole_IN_%u\":[",
				b->instance == 0 ? "{" : ",", b->instance);
		s->first = true;
		r->stage = STAGE_IP4;
		b->afi = VRS_AFI_IP4;
		b->last.afi = VRS_AFI_NONE;
		b->system_at = 0;
		return 1;
	}
	if (r->stage == STAGE_CLOSE) {
		if (!s->ndjson)
			vrs_text_add(
				out, b->instance == 0 ? "]" : "]}\n", b->instance == 0 ? 1 : 3);
		r->stage = STAGE_OPEN;
		return b->instance++ == 0;
	}
	fetch(r->engine, b);
	for (unsigned i = 0; i < b->n; i++)
		vrs_stream_row(s, out, peer_row(r, b->rows[i]));
	if (!b->found) {
		r->stage = STAGE_CLOSE;
	} else if (!b->more) {
		r->stage = r->stage == STAGE_IP4 ? STAGE_IP6 : STAGE_CLOSE;
		b->afi = VRS_AFI_IP6;
		b->last.afi = VRS_AFI_NONE;
		b->system_at = 0;
	}
	return vrs_stream_ended(s) ? -1 : 1;
}

static void peer_routes_fini(struct vrs_stream *s)
{
	free(((struct peer_routes *)s)->name);
	free(((struct peer_routes *)s)->batch.pieces);
}

static const struct vrs_cfg_bgp_connection *connection_of(
	struct vrs_request *r, const struct vrs_cfg_route_server **rs)
{
	int i = vrs_model_route_server(r->model, r->path[0]);

	if (vrs_request_server(r) == NULL)
		return NULL;
	*rs = &r->model->config->route_servers[i];
	for (size_t j = 0; j < (*rs)->n_connections; j++)
		if (strcmp((*rs)->connections[j].name, r->path[1]) == 0)
			return &(*rs)->connections[j];
	vrs_request_error(r, MHD_HTTP_NOT_FOUND, "NotFound", "bgpConnections",
		"route server \"%s\" has no bgpConnection \"%s\"", r->path[0], r->path[1]);
	return NULL;
}

static void peer_routes(struct vrs_request *r, bool advertised)
{
	const struct vrs_cfg_route_server *rs;
	const struct vrs_cfg_bgp_connection *c = connection_of(r, &rs);

	if (c == NULL)
		return;
	struct peer_routes *p =
		vrs_request_stream(r, sizeof(*p), peer_routes_fill, peer_routes_fini);
	if (p == NULL)
		return;
	p->engine = r->engine;
	p->name = strdup(c->name);
	p->peer_ip = c->peer_ip;
	p->asn = rs->asn;
	p->ibgp = c->peer_asn == rs->asn;
	for (size_t i = 0; i < rs->n_router_ips; i++)
		if (rs->router_ips[i].afi == c->peer_ip.afi)
			p->local[i % 2] = rs->router_ips[i];
	p->batch.server = vrs_request_server(r);
	p->batch.name = p->name != NULL ? p->name : "";
	p->batch.advertised = advertised;
}

void vrs_api_learned(struct vrs_request *r)
{
	peer_routes(r, false);
}

void vrs_api_advertised(struct vrs_request *r)
{
	peer_routes(r, true);
}

/* --- One prefix: every path and why --- */

struct route_show {
	struct vrs_server *server;
	const struct vrs_cfg_route_server *rs;
	struct vrs_prefix prefix;
	json_t *paths;
	size_t n;
};

static json_t *communities(const struct vrs_attrs *a, enum vrs_bgp_attr_code code, size_t each)
{
	struct vrs_span value = attr_value(a, code);
	json_t *list = json_array();
	char s[VRS_COMMUNITY_STRLEN];

	for (size_t at = 0; at + each <= value.size; at += each) {
		const uint8_t *v = value.data + at;

		if (each == 4)
			vrs_community_str((uint32_t)v[0] << 24 | (uint32_t)v[1] << 16 |
					(uint32_t)v[2] << 8 | v[3],
				s);
		else if (each == 8)
			vrs_ext_community_str(v, s);
		else
			vrs_large_community_str(v, s);
		json_array_append_new(list, json_string(s));
	}
	return list;
}

/* The bgpConnection of a peer's address; empty: there is none any more. */
static const char *peer_name(const struct vrs_cfg_route_server *rs, const struct vrs_addr *addr)
{
	for (size_t i = 0; i < rs->n_connections; i++)
		if (vrs_addr_equal(&rs->connections[i].peer_ip, addr))
			return rs->connections[i].name;
	return "";
}

static json_t *path_json(const struct vrs_cfg_route_server *rs, const struct vrs_path_view *v)
{
	static const char *const origins[] = {"IGP", "EGP", "incomplete"};
	const struct vrs_attrs_info *info = &v->attrs->info;
	const char *state = "valid", *reason = NULL;
	struct vrs_span path = attr_value(v->attrs, VRS_BGP_AS_PATH);
	char text[4096];
	json_t *j = json_object();

	if (v->path->reason != VRS_PATH_USABLE) {
		state = "unusable";
		reason = vrs_path_reason_str(v->path->reason);
	} else if (v->best) {
		state = "best";
	} else {
		state = v->multipath ? "multipath" : "valid";
		reason = v->stale ? "stale" : vrs_decide_step_str(v->step);
	}
	json_object_set_new(j, "peer", json_string(peer_name(rs, &v->peer->source.addr)));
	json_object_set_new(j, "instance", json_integer(v->peer->source.instance));
	json_object_set_new(j, "nextHop", vrs_json_addr(&info->next_hop));
	json_object_set_new(
		j, "asPath", json_string(vrs_aspath_str(path, "-", text, sizeof(text))));
	json_object_set_new(j, "origin", json_string(origins[VRS_MIN(info->origin, 2)]));
	json_object_set_new(j, "localPref", json_integer(info->local_pref));
	json_object_set_new(
		j, "med", info->flags & VRS_ATTRS_HAS_MED ? json_integer(info->med) : json_null());
	json_object_set_new(j, "communities", communities(v->attrs, VRS_BGP_COMMUNITIES, 4));
	json_object_set_new(j, "extCommunities", communities(v->attrs, VRS_BGP_EXT_COMMUNITIES, 8));
	json_object_set_new(
		j, "largeCommunities", communities(v->attrs, VRS_BGP_LARGE_COMMUNITIES, 12));
	json_object_set_new(j, "state", json_string(state));
	json_object_set_new(j, "reason", reason != NULL ? json_string(reason) : json_null());
	return j;
}

/* On the I/O thread of the part that owns the prefix. */
static void part_route_show(void *arg, struct vrs_io *io)
{
	struct route_show *q = arg;
	struct vrs_server *part = q->server->parts[io->index];
	struct vrs_path_view *views;

	if (atomic_load(&part->dead) || (views = calloc(PATHS_MAX, sizeof(*views))) == NULL)
		return;
	vrs_rcu_enter();
	q->n = vrs_table_paths(part->table, &q->prefix, views, PATHS_MAX);
	for (size_t i = 0; i < VRS_MIN(q->n, (size_t)PATHS_MAX); i++)
		json_array_append_new(q->paths, path_json(q->rs, &views[i]));
	vrs_rcu_leave();
	free(views);
}

void vrs_api_routes(struct vrs_request *r)
{
	const char *text = vrs_request_query(r, "prefix");
	struct route_show q = {.server = vrs_request_server(r)};
	int number = vrs_model_route_server(r->model, r->path[0]);

	if (q.server == NULL)
		return;
	if (text == NULL || vrs_prefix_parse(&q.prefix, text) != 0) {
		vrs_request_error(r, MHD_HTTP_BAD_REQUEST, "BadRequest", "prefix",
			"prefix= takes a prefix such as 192.0.2.0/24 without host bits");
		return;
	}
	q.rs = &r->model->config->route_servers[number];
	q.paths = json_array();
	(void)vrs_engine_call_part(
		r->engine, vrs_table_shard(&q.prefix, q.server->n_parts), part_route_show, &q);
	if (q.n == 0) {
		json_decref(q.paths);
		vrs_request_error(r, MHD_HTTP_NOT_FOUND, "NotFound", "prefix",
			"route server \"%s\" has no path for %s", r->path[0], text);
		return;
	}
	vrs_request_json(
		r, json_pack("{s:o,s:o}", "prefix", vrs_json_prefix(&q.prefix), "paths", q.paths));
}

/* --- Reset --- */

struct reset {
	struct vrs_server *server;
	const char *name;
	unsigned n;
};

static void part_reset(void *arg, struct vrs_io *io)
{
	struct reset *q = arg;
	const struct vrs_server *part = q->server->parts[io->index];

	if (atomic_load(&part->dead))
		return;
	for (struct vrs_neighbor *n = part->neighbors; n != NULL; n = n->next) {
		if (strcmp(n->name, q->name) != 0 || !n->enabled)
			continue;
		vrs_session_reset(n->session, "reset by operator");
		q->n++;
	}
}

void vrs_api_connection_reset(struct vrs_request *r)
{
	const struct vrs_cfg_route_server *rs;
	const struct vrs_cfg_bgp_connection *c = connection_of(r, &rs);

	if (c == NULL)
		return;
	struct reset q = {.server = vrs_request_server(r), .name = c->name};
	(void)vrs_engine_call_parts(r->engine, part_reset, &q);
	vrs_request_json(r, json_pack("{s:i}", "sessionsReset", (int)q.n));
}
