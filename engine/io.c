/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#include "engine/io.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/limits.h"
#include "engine/model.h"
#include "io/bgp/attr.h"
#include "rib/aspath.h"
#include "rib/base/hash.h"

enum {
	STALE_MS = 600000, /* A peer that began a refresh and never ends it. */
	STALL_MS = 2000,
};

/* --- Updates --- */

static bool next_hop_valid(const struct vrs_server *s, const struct vrs_addr *hop)
{
	for (size_t i = 0; i < s->n_router_ips; i++)
		if (vrs_addr_equal(&s->router_ips[i], hop))
			return false;
	for (size_t i = 0; i < s->n_hop_prefixes; i++)
		if (vrs_prefix_covers_addr(&s->hop_prefixes[i], hop))
			return true;
	return false;
}

/* The BGP Identifier of an instance: its IPv4 address, or a hash of the IPv6 one. */
static uint32_t router_id(const struct vrs_server *s, unsigned instance)
{
	const struct vrs_addr *ip6 = NULL;

	for (size_t i = 0; i < s->n_router_ips; i++) {
		if (i % 2 != instance)
			continue;
		if (s->router_ips[i].afi == VRS_AFI_IP4)
			return vrs_addr_ip4_bits(&s->router_ips[i]);
		ip6 = &s->router_ips[i];
	}
	/* Unseeded: the identifier stays the same from run to run. */
	uint64_t h = 0;
	for (unsigned i = 0; ip6 != NULL && i < 16; i++)
		h = vrs_hash_u64(h ^ ip6->bytes[i]);
	return (uint32_t)h | 1;
}

/* RFC 4456 section 8: a route that one of our instances reflected, or originated, came back. */
static bool reflected_by_us(const struct vrs_server *s, const uint8_t *canonical, size_t size,
	const struct vrs_attrs_info *info)
{
	uint32_t ids[2] = {router_id(s, 0), router_id(s, s->n_router_ips > 1)};
	struct vrs_span list = {0};

	if (info->flags & VRS_ATTRS_HAS_ORIGINATOR &&
		(info->originator_id == ids[0] || info->originator_id == ids[1]))
		return true;
	(void)vrs_bgp_attr_find(canonical, size, VRS_BGP_CLUSTER_LIST, &list);
	struct vrs_reader r = vrs_reader_span(list);
	while (vrs_reader_left(&r) > 0) {
		uint32_t id = vrs_read_u32(&r);

		if (vrs_reader_ok(&r) && (id == ids[0] || id == ids[1]))
			return true;
	}
	return false;
}

/* Why an attribute set of a peer may not be used, whatever the prefix. */
static enum vrs_path_reason reason_of(const struct vrs_neighbor *n, const uint8_t *canonical,
	size_t size, const struct vrs_attrs_info *info)
{
	const struct vrs_server *s = n->server;
	struct vrs_span path = {0}, otc;

	(void)vrs_bgp_attr_find(canonical, size, VRS_BGP_AS_PATH, &path);
	if (vrs_aspath_contains(path, s->asn))
		return VRS_PATH_OWN_AS;
	if (!n->ibgp && info->first_as != n->peer_asn)
		return VRS_PATH_FIRST_AS;
	if (!next_hop_valid(s, &info->next_hop))
		return VRS_PATH_NEXT_HOP;
	if (n->ibgp && reflected_by_us(s, canonical, size, info))
		return VRS_PATH_CLUSTER_LIST;
	/* RFC 9234 section 5: a client has no business with a route that is for customers. */
	if (!n->ibgp && n->config.role_rs && vrs_bgp_attr_find(canonical, size, VRS_BGP_OTC, &otc))
		return VRS_PATH_OTC;
	if (!vrs_limits_lengths_ok(s, info->path_len, canonical, size))
		return VRS_PATH_LIMIT;
	return VRS_PATH_USABLE;
}

static void announce(struct vrs_neighbor *n, const struct vrs_bgp_update *u,
	enum vrs_bgp_which which, const struct vrs_bgp_nlri *nlri)
{
	struct vrs_server *s = n->server;
	struct vrs_io *io = s->io;
	struct vrs_attrs_info info;
	size_t size;
	uint32_t id;

	if (vrs_bgp_update_canonical(
		    u, which, io->canonical, VRS_BGP_CANONICAL_MAX, &size, &info) != 0) {
		/* Does not fit once AS numbers are four bytes wide: cannot be kept or sent on. */
		vrs_count(&io->counters.treat_as_withdraw, 1);
		vrs_log_limited(&n->log_limit, io->wheel.now_ms, VRS_LOG_WARNING,
			"%s/%s: attributes over 64 KiB: treated as withdraw", s->name, n->name);
		vrs_table_withdraw(s->table, (uint16_t)n->slot, nlri->afi, nlri->span);
		return;
	}
	enum vrs_path_reason reason = reason_of(n, io->canonical, size, &info);
	if (reason != VRS_PATH_USABLE && atomic_load(&s->memory) != VRS_MEMORY_OK) {
		/* Kept for show alone: the first thing to go (engine/limits.h). */
		n->n_shed += nlri->n;
		vrs_table_withdraw(s->table, (uint16_t)n->slot, nlri->afi, nlri->span);
		return;
	}
	if (vrs_attrs_intern(s->table->attrs, io->canonical, size, &info, &id) != 0) {
		vrs_count(&io->counters.out_of_memory, 1);
		vrs_table_withdraw(s->table, (uint16_t)n->slot, nlri->afi, nlri->span);
		vrs_log_limited(&n->log_limit, io->wheel.now_ms, VRS_LOG_ERROR,
			"%s/%s: out of memory: routes dropped", s->name, n->name);
		return;
	}
	vrs_table_announce(s->table, (uint16_t)n->slot, nlri->afi, nlri->span, id, reason);
	vrs_count(&io->counters.prefixes_announced, nlri->n);
}

static void withdraw(struct vrs_neighbor *n, const struct vrs_bgp_nlri *nlri)
{
	if (nlri->n == 0)
		return;
	vrs_table_withdraw(n->server->table, (uint16_t)n->slot, nlri->afi, nlri->span);
	vrs_count(&n->server->io->counters.prefixes_withdrawn, nlri->n);
}

static bool on_update(void *user, struct vrs_session *session, const struct vrs_bgp_update *u)
{
	struct vrs_neighbor *n = user;
	struct vrs_io_counters *c = &n->server->io->counters;
	uint32_t announced = 0;

	vrs_count(&c->updates, 1);
	vrs_count(&c->attributes_discarded, u->n_discarded);
	withdraw(n, &u->withdrawn);
	withdraw(n, &u->mp_unreach);
	if (u->announce_is_withdraw) {
		vrs_count(&c->treat_as_withdraw, 1);
		withdraw(n, &u->announced);
		withdraw(n, &u->mp_reach);
	} else {
		announced = u->announced.n + u->mp_reach.n;
		if (u->announced.n > 0)
			announce(n, u, VRS_BGP_CLASSIC, &u->announced);
		if (u->mp_reach.n > 0)
			announce(n, u, VRS_BGP_MP, &u->mp_reach);
	}
	vrs_limits_updated(n, announced);
	return true;
}

static uint8_t family_bit(enum vrs_afi afi)
{
	return afi == VRS_AFI_IP6 ? VRS_BGP_IP6 : VRS_BGP_IP4;
}

/* The refresh of @p families is over: what was not announced again is gone. */
static void sweep_stale(struct vrs_neighbor *n, uint8_t families)
{
	for (unsigned afi = VRS_AFI_IP4; afi <= VRS_AFI_IP6; afi++)
		if (n->stale & families & family_bit(afi))
			vrs_table_sweep_stale(n->server->table, (uint16_t)n->slot, afi);
	n->stale &= (uint8_t)~families;
	if (n->stale == 0)
		vrs_timer_cancel(&n->server->io->wheel, &n->stale_timer);
	vrs_limits_settle(n);
}

/* RFC 7313 section 4 wants an upper bound on how long stale routes are kept. */
static void on_stale(struct vrs_timer *t)
{
	struct vrs_neighbor *n = VRS_CONTAINER_OF(t, struct vrs_neighbor, stale_timer);

	vrs_log(VRS_LOG_WARNING, "%s/%s instance %u: no End-of-Route-Refresh in %d s",
		n->server->name, n->name, n->instance, STALE_MS / 1000);
	sweep_stale(n, n->stale);
}

static void on_refresh(void *user, struct vrs_session *session, enum vrs_afi afi, unsigned subtype)
{
	struct vrs_neighbor *n = user;

	switch (subtype) {
	case VRS_BGP_REFRESH_REQUEST:
		atomic_fetch_or(&n->export->refresh, family_bit(afi));
		vrs_waker_wake(&n->server->io->propagation->waker);
		break;
	case VRS_BGP_REFRESH_BORR:
		vrs_table_mark_stale(n->server->table, (uint16_t)n->slot, afi);
		n->stale |= family_bit(afi);
		n->stale_timer.fn = on_stale;
		vrs_timer_arm(&n->server->io->wheel, &n->stale_timer, STALE_MS);
		break;
	case VRS_BGP_REFRESH_EORR:
		sweep_stale(n, family_bit(afi));
		break;
	}
}

/* --- Sessions coming and going --- */

static struct vrs_export_peer export_peer(
	const struct vrs_neighbor *n, const struct vrs_session_negotiated *g)
{
	const struct vrs_server *s = n->server;
	struct vrs_export_peer p = {
		.connection = n->connection,
		.instance = n->instance,
		.class = n->class,
		.ibgp = n->ibgp,
		.as4 = g->as4,
		.families = g->families,
		.max_message = g->max_tx,
		.own_as = s->asn,
		.router_id = n->config.router_id,
		.ext_next_hop = g->ext_next_hop,
		.enhanced_refresh = g->enhanced_refresh,
		.otc = n->config.role_rs,
	};

	memcpy(p.next_hops, n->own, sizeof(p.next_hops));
	return p;
}

static void on_established(void *user, struct vrs_session *session)
{
	struct vrs_neighbor *n = user;
	struct vrs_server *s = n->server;
	const struct vrs_session_negotiated *g = vrs_session_negotiated(session);
	struct vrs_path_source source = {
		.addr = n->remote,
		.router_id = g->theirs.id,
		.connection = n->connection,
		.instance = n->instance,
		.class = n->class,
		.ebgp = !n->ibgp,
	};
	struct vrs_export_peer peer = export_peer(n, g);

	n->slot = vrs_table_peer_add(s->table, &source);
	n->export = n->slot >= 0 ? vrs_export_new(s->rib, &peer) : NULL;
	if (n->export == NULL) {
		vrs_count(&s->io->counters.out_of_memory, 1);
		vrs_log(VRS_LOG_ERROR, "%s/%s: out of memory: session closed", s->name, n->name);
		vrs_session_restart(session, VRS_BGP_CEASE_RESOURCES, "out of memory", 10000);
		return;
	}
	vrs_limits_up(n);
	vrs_count(&s->io->counters.sessions_established, 1);
	vrs_log_limited(&n->log_limit, s->io->wheel.now_ms, VRS_LOG_INFO,
		"%s/%s instance %u: established with AS %u", s->name, n->name, n->instance,
		n->peer_asn);
	vrs_propagation_submit(s->io->propagation, n->export);
}

enum { WHY_STRLEN = VRS_BGP_SHUTDOWN_STRLEN + 100 };

/* "received Cease, Administrative Shutdown: text", or what the transport said. */
static const char *why_down(const struct vrs_session_error *e, char *out, size_t size)
{
	const char *sub = vrs_bgp_suberror_str(e->code, e->subcode);
	bool local = e->direction == VRS_SESSION_ERROR_LOCAL;

	if (local || e->code == 0)
		(void)snprintf(out, size, "%s", e->text[0] != '\0' ? e->text : "connection lost");
	else
		(void)snprintf(out, size, "%s %s%s%s%s%s",
			e->direction == VRS_SESSION_ERROR_SENT ? "sent" : "received",
			vrs_bgp_error_str(e->code), sub[0] != '\0' ? ", " : "", sub,
			e->text[0] != '\0' ? ": " : "", e->text);
	return out;
}

static void on_down(void *user, struct vrs_session *session, const struct vrs_session_error *e)
{
	struct vrs_neighbor *n = user;
	struct vrs_server *s = n->server;

	if (n->slot >= 0)
		vrs_table_peer_down(s->table, (uint16_t)n->slot);
	n->slot = -1;
	n->n_shed = 0;
	n->stale = 0;
	vrs_timer_cancel(&s->io->wheel, &n->stale_timer);
	vrs_limits_down(n);
	if (n->export != NULL)
		vrs_propagation_close(s->io->propagation, n->export);
	n->export = NULL;
	s->io->sweeping = true;
	vrs_count(&s->io->counters.sessions_lost, 1);
	char why[WHY_STRLEN];
	vrs_log_limited(&n->log_limit, s->io->wheel.now_ms, VRS_LOG_WARNING,
		"%s/%s instance %u: down: %s", s->name, n->name, n->instance,
		why_down(e, why, sizeof(why)));
}

/* --- Sending --- */

/* Since when a session that is full has taken nothing: propagation does not make others wait for it. */
static void note_stuck(struct vrs_neighbor *n, bool moved)
{
	struct vrs_export *x = n->export;
	uint64_t was = atomic_load_explicit(&x->stuck_ms, memory_order_relaxed), now = was;

	if (moved || vrs_session_queued(n->session) < VRS_CONN_HIGH_WATER)
		now = 0;
	else if (was == 0)
		now = VRS_MAX(n->server->io->wheel.now_ms, (uint64_t)1);
	if (now != was)
		atomic_store(&x->stuck_ms, now);
}

/* Hand what was encoded to the transport while it has room. */
static bool send_some(struct vrs_neighbor *n)
{
	struct vrs_export *x = n->export;
	const struct vrs_piece *p;
	uint64_t sent = 0;

	while (vrs_session_queued(n->session) < VRS_CONN_HIGH_WATER &&
		(p = vrs_outbox_peek(&x->outbox)) != NULL) {
		if (vrs_session_send(n->session, p->chunk, p->offset, p->size, p->n_messages) != 0)
			break; /* No memory: tried again in the next turn. */
		sent += p->size;
		vrs_outbox_drop(&x->outbox);
	}
	note_stuck(n, sent > 0);
	if (sent == 0)
		return false;
	/* Move `taken`, then look whether propagation waits: partner of wait_for_room() in export.c. */
	atomic_fetch_add(&x->outbox.taken, sent);
	if (atomic_load(&x->blocked))
		vrs_waker_wake(&n->server->io->propagation->waker);
	return true;
}

static void on_writable(void *user, struct vrs_session *session)
{
	struct vrs_neighbor *n = user;

	if (n->export != NULL)
		(void)send_some(n);
}

static const struct vrs_session_ops session_ops = {
	.established = on_established,
	.down = on_down,
	.update = on_update,
	.refresh = on_refresh,
	.writable = on_writable,
};

/* --- Configuration --- */

static uint8_t class_of(enum vrs_peer_kind kind)
{
	switch (kind) {
	case VRS_PEER_VPN_GATEWAY:
		return VRS_CLASS_VPN;
	case VRS_PEER_EXPRESSROUTE_GATEWAY:
		return VRS_CLASS_EXPRESSROUTE;
	case VRS_PEER_NVA:
		break;
	}
	return VRS_CLASS_NVA;
}

static struct vrs_session_config session_config(const struct vrs_server *s,
	const struct vrs_config *config, const struct vrs_cfg_bgp_connection *c,
	const struct vrs_addr *local, unsigned instance)
{
	struct vrs_session_config sc;

	memset(&sc, 0, sizeof(sc));
	sc.endpoint.local = *local;
	sc.endpoint.remote = c->peer_ip;
	sc.endpoint.local_port = config->process.bgp_port;
	sc.endpoint.remote_port = c->peer_port;
	sc.endpoint.ttl_security = c->ttl_security;
	sc.endpoint.passive = c->passive;
	memcpy(sc.endpoint.password, c->password, sizeof(sc.endpoint.password));
	sc.local_as = s->asn;
	sc.peer_as = c->peer_asn;
	sc.router_id = router_id(s, instance);
	sc.hold_s = c->hold_s;
	sc.keepalive_s = c->keepalive_s;
	sc.families = (c->ip4 ? VRS_BGP_IP4 : 0) | (c->ip6 ? VRS_BGP_IP6 : 0);
	/* Roles are for external sessions (RFC 9234 section 4). */
	sc.role_rs = c->role_rs && c->peer_asn != s->asn;
	memcpy(sc.scrub, s->scrub, sizeof(sc.scrub));
	return sc;
}

/* Instance i has addresses i (IPv4) and i + 2 (IPv6), or only the family there is. */
static void own_addresses(const struct vrs_server *s, unsigned instance, struct vrs_addr out[2])
{
	memset(out, 0, 2 * sizeof(*out));
	for (size_t i = 0; i < s->n_router_ips; i++)
		if (i % 2 == instance)
			out[s->router_ips[i].afi == VRS_AFI_IP6] = s->router_ips[i];
}

/* Whether a session can go on under the other configuration. What it can take over while it
 * runs (struct vrs_session_live) is not looked at. */
static bool same_session(const struct vrs_session_config *a, const struct vrs_session_config *b)
{
	const struct vrs_endpoint *x = &a->endpoint, *y = &b->endpoint;

	return vrs_addr_equal(&x->local, &y->local) && vrs_addr_equal(&x->remote, &y->remote) &&
		x->local_port == y->local_port && x->remote_port == y->remote_port &&
		x->ttl_security == y->ttl_security && strcmp(x->password, y->password) == 0 &&
		a->local_as == b->local_as && a->peer_as == b->peer_as &&
		a->router_id == b->router_id && a->hold_s == b->hold_s &&
		a->families == b->families && a->role_rs == b->role_rs;
}

static struct vrs_neighbor *neighbor_find(
	struct vrs_server *s, const char *name, const struct vrs_addr *local)
{
	for (struct vrs_neighbor *n = s->neighbors; n != NULL; n = n->next)
		if (strcmp(n->name, name) == 0 && vrs_addr_equal(&n->local, local))
			return n;
	return NULL;
}

static void neighbor_free(struct vrs_neighbor *n)
{
	vrs_timer_cancel(&n->server->io->wheel, &n->recount);
	vrs_timer_cancel(&n->server->io->wheel, &n->stale_timer);
	vrs_session_free(n->session);
	free(n->name);
	free(n);
}

/* Close and forget. */
static void neighbor_remove(
	struct vrs_server *s, struct vrs_neighbor *n, enum vrs_bgp_cease subcode, const char *text)
{
	struct vrs_neighbor **link = &s->neighbors;

	vrs_session_stop(n->session, subcode, text);
	while (*link != n)
		link = &(*link)->next;
	*link = n->next;
	neighbor_free(n);
}

static struct vrs_neighbor *neighbor_add(struct vrs_server *s,
	const struct vrs_cfg_bgp_connection *c, const struct vrs_session_config *sc,
	unsigned instance, uint16_t connection)
{
	struct vrs_neighbor *n = calloc(1, sizeof(*n)), **link = &s->neighbors;
	struct vrs_session_config named = *sc;

	if (n == NULL)
		return NULL;
	n->server = s;
	n->name = strdup(c->name);
	n->local = sc->endpoint.local;
	n->remote = sc->endpoint.remote;
	n->peer_asn = c->peer_asn;
	n->connection = connection;
	n->instance = (uint8_t)instance;
	n->class = class_of(c->kind);
	n->ibgp = c->peer_asn == s->asn;
	n->config = *sc;
	own_addresses(s, instance, n->own);
	n->slot = -1;
	named.name = c->name;
	named.seed = s->io->seed = vrs_hash_u64(s->io->seed + 1);
	n->session = n->name == NULL
		? NULL
		: vrs_session_new(&named, s->io->transport, &s->io->wheel, &session_ops, n);
	if (n->session == NULL) {
		free(n->name);
		free(n);
		return NULL;
	}
	while (*link != NULL)
		link = &(*link)->next;
	*link = n;
	return n;
}

bool vrs_neighbor_ask_again(struct vrs_neighbor *n)
{
	bool all = true;

	for (unsigned afi = VRS_AFI_IP4; afi <= VRS_AFI_IP6; afi++) {
		const struct vrs_session_negotiated *g = vrs_session_negotiated(n->session);

		if (g != NULL && g->families & family_bit(afi))
			all &= vrs_session_send_refresh(n->session, afi, VRS_BGP_REFRESH_REQUEST) ==
				0;
	}
	return all;
}

/* What a running session takes over. */
static void neighbor_adapt(struct vrs_neighbor *n, const struct vrs_session_config *sc)
{
	struct vrs_session_live live = {
		.keepalive_s = sc->keepalive_s, .passive = sc->endpoint.passive};
	bool scrub = memcmp(n->config.scrub, sc->scrub, sizeof(sc->scrub)) != 0;

	if (!scrub && n->config.keepalive_s == sc->keepalive_s &&
		n->config.endpoint.passive == sc->endpoint.passive)
		return;
	memcpy(live.scrub, sc->scrub, sizeof(live.scrub));
	n->config = *sc;
	vrs_session_adapt(n->session, &live);
	if (scrub && !vrs_neighbor_ask_again(n))
		vrs_session_restart(
			n->session, VRS_BGP_CEASE_CONFIG_CHANGE, "configuration changed", 1000);
}

static void neighbor_settings(struct vrs_neighbor *n, const struct vrs_cfg_route_server *rs,
	const struct vrs_cfg_bgp_connection *c)
{
	vrs_limits_set(n, rs, c);
	if (c->enabled == n->enabled)
		return;
	n->enabled = c->enabled;
	if (!n->enabled) {
		vrs_session_stop(n->session, VRS_BGP_CEASE_SHUTDOWN, "disabled by configuration");
		return;
	}
	int err = vrs_session_start(n->session);
	if (err != 0) {
		char a[VRS_ADDR_STRLEN];

		vrs_log(VRS_LOG_ERROR, "%s/%s: cannot listen on %s port %u: %s", n->server->name,
			n->name, vrs_addr_str(&n->local, a), n->config.endpoint.local_port,
			strerror(-err));
	}
}

/* The number that the sessions of one bgpConnection share. */
static uint16_t connection_number(struct vrs_server *s, const char *name)
{
	for (struct vrs_neighbor *n = s->neighbors; n != NULL; n = n->next)
		if (strcmp(n->name, name) == 0)
			return n->connection;
	return s->next_connection++;
}

static int apply_connection(struct vrs_server *s, const struct vrs_config *config,
	const struct vrs_cfg_route_server *rs, const struct vrs_cfg_bgp_connection *c)
{
	for (size_t i = 0; i < s->n_router_ips; i++) {
		if (s->router_ips[i].afi != c->peer_ip.afi)
			continue;
		unsigned instance = i % 2;
		struct vrs_session_config sc =
			session_config(s, config, c, &s->router_ips[i], instance);
		struct vrs_neighbor *n = neighbor_find(s, c->name, &s->router_ips[i]);

		struct vrs_addr own[2];

		own_addresses(s, instance, own);
		if (n != NULL &&
			(!same_session(&n->config, &sc) || n->class != class_of(c->kind) ||
				memcmp(n->own, own, sizeof(own)) != 0)) {
			neighbor_remove(s, n, VRS_BGP_CEASE_CONFIG_CHANGE, "configuration changed");
			n = NULL;
		}
		if (n != NULL)
			neighbor_adapt(n, &sc);
		else
			n = neighbor_add(s, c, &sc, instance, connection_number(s, c->name));
		if (n == NULL)
			return -ENOMEM;
		neighbor_settings(n, rs, c);
	}
	return 0;
}

/* Whether the session is one of the configuration's: its connection, and our address. */
static bool configured(const struct vrs_cfg_route_server *rs, const struct vrs_neighbor *n)
{
	bool here = false;

	for (size_t i = 0; i < rs->n_router_ips; i++)
		here |= vrs_addr_equal(&rs->router_ips[i], &n->local) && i % 2 == n->instance;
	for (size_t i = 0; here && i < rs->n_connections; i++)
		if (strcmp(rs->connections[i].name, n->name) == 0)
			return true;
	return false;
}

/* Our addresses: sessions of those that stay are not touched. */
static void apply_router_ips(struct vrs_server *s, const struct vrs_cfg_route_server *rs)
{
	if (s->n_router_ips == rs->n_router_ips &&
		memcmp(s->router_ips, rs->router_ips, sizeof(s->router_ips)) == 0)
		return;
	memcpy(s->router_ips, rs->router_ips, sizeof(s->router_ips));
	s->n_router_ips = rs->n_router_ips;
	s->revalidate = true; /* None of them can be a next hop. */
}

static enum vrs_path_reason reason_again(void *ctx, const struct vrs_attrs *attrs,
	const struct vrs_table_peer *peer, const struct vrs_prefix *p)
{
	const struct vrs_server *s = ctx;
	const struct vrs_neighbor *n = s->neighbors;

	while (n != NULL && n->slot != peer->slot)
		n = n->next;
	/* A session that is gone: its paths are being swept, whatever they are. */
	if (n == NULL)
		return VRS_PATH_USABLE;
	enum vrs_path_reason r = reason_of(n, attrs->bytes, attrs->head.size, &attrs->info);
	return r == VRS_PATH_USABLE && vrs_prefix_martian(p) ? VRS_PATH_MARTIAN : r;
}

/* Whether `now` has a prefix that `old` has not. */
static bool any_joined(
	const struct vrs_prefix *old, size_t n_old, const struct vrs_prefix *now, size_t n_now)
{
	for (size_t i = 0; i < n_now; i++) {
		size_t j = 0;

		while (j < n_old && !vrs_prefix_equal(&old[j], &now[i]))
			j++;
		if (j == n_old)
			return true;
	}
	return false;
}

/* Learned next hops may lie elsewhere now. */
static int apply_hop_prefixes(struct vrs_server *s, const struct vrs_prefix *prefixes, size_t n)
{
	if (n == s->n_hop_prefixes &&
		(n == 0 || memcmp(prefixes, s->hop_prefixes, n * sizeof(*prefixes)) == 0))
		return 0;
	struct vrs_prefix *copy = calloc(n + 1, sizeof(*copy));
	if (copy == NULL)
		return -ENOMEM;
	memcpy(copy, prefixes, n * sizeof(*copy));
	bool joined = any_joined(s->hop_prefixes, s->n_hop_prefixes, copy, n);
	free(s->hop_prefixes);
	s->hop_prefixes = copy;
	s->n_hop_prefixes = n;
	s->revalidate = true;
	/* A network joined: peers that filtered by what they knew are asked again, those that
	 * can be. */
	for (struct vrs_neighbor *nb = s->neighbors; joined && nb != NULL; nb = nb->next)
		(void)vrs_neighbor_ask_again(nb);
	return 0;
}

static struct vrs_table_config table_config(const struct vrs_cfg_route_server *rs)
{
	static const enum vrs_preference preference[] = {
		[VRS_PREFER_EXPRESSROUTE] = VRS_PREFERENCE_EXPRESSROUTE,
		[VRS_PREFER_VPN_GATEWAY] = VRS_PREFERENCE_VPN,
		[VRS_PREFER_AS_PATH] = VRS_PREFERENCE_NONE,
	};

	return (struct vrs_table_config){preference[rs->preference], rs->branch_to_branch};
}

int vrs_server_apply(struct vrs_server *s, const struct vrs_config *config,
	const struct vrs_cfg_route_server *rs)
{
	struct vrs_table_config tc = table_config(rs);
	struct vrs_prefix *hops = calloc(vrs_model_n_prefixes(config, rs) + 1, sizeof(*hops));
	int err;

	if (hops == NULL)
		return -ENOMEM;
	s->revalidate = false;
	apply_router_ips(s, rs);
	memset(s->scrub, 0, sizeof(s->scrub));
	for (size_t i = 0; i < rs->n_scrub; i++)
		s->scrub[rs->scrub[i] / 8] |= (uint8_t)(1u << rs->scrub[i] % 8);
	for (struct vrs_neighbor *n = s->neighbors, *next; n != NULL; n = next) {
		next = n->next;
		if (!configured(rs, n))
			neighbor_remove(s, n, VRS_BGP_CEASE_DECONFIGURED, "peer removed");
	}
	err = apply_hop_prefixes(s, hops, vrs_model_next_hop_prefixes(config, rs, hops));
	free(hops);
	s->memory_limit = rs->memory_limit;
	s->revalidate |=
		s->max_as_path != rs->limit_as_path || s->max_communities != rs->limit_communities;
	s->max_as_path = rs->limit_as_path;
	s->max_communities = rs->limit_communities;
	for (size_t i = 0; i < rs->n_connections && err == 0; i++)
		err = apply_connection(s, config, rs, &rs->connections[i]);
	if (s->revalidate)
		vrs_table_revalidate(s->table, reason_again, s);
	s->revalidate = false;
	vrs_table_configure(s->table, &tc);
	s->io->sweeping = true;
	atomic_fetch_add(&s->generation, 1);
	return err;
}

struct vrs_server *vrs_server_new(struct vrs_io *io, const struct vrs_cfg_route_server *rs)
{
	struct vrs_server *s = calloc(1, sizeof(*s));
	struct vrs_table_config tc = table_config(rs);

	if (s == NULL)
		return NULL;
	s->io = io;
	s->name = strdup(rs->name);
	s->asn = rs->asn;
	memcpy(s->router_ips, rs->router_ips, sizeof(s->router_ips));
	s->n_router_ips = rs->n_router_ips;
	s->table = vrs_table_new(io->reclaim, &tc);
	s->rib = s->table != NULL ? vrs_rib_new(io->propagation, s->table) : NULL;
	if (s->table != NULL)
		s->table->full_ns = &io->decide_ns;
	if (s->name == NULL || s->rib == NULL) {
		vrs_table_free(s->table);
		free(s->name);
		free(s);
		return NULL;
	}
	s->next = io->servers;
	io->servers = s;
	return s;
}

void vrs_server_close(struct vrs_server *s, enum vrs_bgp_cease subcode, const char *text)
{
	for (struct vrs_neighbor *n = s->neighbors; n != NULL; n = n->next) {
		n->enabled = false;
		vrs_session_stop(n->session, subcode, text);
	}
}

void vrs_server_drop_neighbors(struct vrs_server *s)
{
	while (s->neighbors != NULL)
		neighbor_remove(s, s->neighbors, VRS_BGP_CEASE_DECONFIGURED, NULL);
}

void vrs_server_free(struct vrs_server *s)
{
	struct vrs_server **link = &s->io->servers;

	vrs_server_drop_neighbors(s);
	while (*link != s)
		link = &(*link)->next;
	*link = s->next;
	vrs_table_free(s->table);
	free(s->hop_prefixes);
	free(s->name);
	free(s);
}

/* --- The thread --- */

/* The transport has waited: what it reads now comes at this time. When we were away for much
 * longer than it was to wait, that was not ours: a stop, a host without CPU time. */
static void on_woke(void *ctx)
{
	struct vrs_io *io = ctx;
	io->woke_ns = vrs_now_ns();
	io->write_ns = io->transport->write_ns;
	uint64_t now = vrs_clock_ms_at(&io->clock, io->woke_ns);

	if (io->asked_ms != VRS_WHEEL_NEVER && now > io->woke_ms + io->asked_ms + STALL_MS) {
		vrs_count(&io->counters.stalls, 1);
		vrs_log(VRS_LOG_WARNING, "not run for %llu ms",
			(unsigned long long)(now - io->woke_ms - io->asked_ms));
	}
	io->woke_ms = now;
	vrs_wheel_touch(&io->wheel, now);
}

int vrs_io_init(struct vrs_io *io, struct vrs_transport *transport,
	struct vrs_propagation *propagation, enum vrs_reclaim_mode mode, uint64_t seed)
{
	memset(io, 0, sizeof(*io));
	io->transport = transport;
	io->propagation = propagation;
	transport->accept = vrs_session_accept;
	transport->woke = on_woke;
	transport->woke_ctx = io;
	io->clock = propagation->clock;
	vrs_wheel_init(&io->wheel, vrs_clock_ms(&io->clock));
	io->woke_ms = io->wheel.now_ms;
	vrs_mailbox_init(&io->mailbox);
	io->seed = seed;
	io->canonical = malloc(VRS_BGP_CANONICAL_MAX);
	io->reclaim = vrs_reclaim_new(mode);
	if (io->canonical == NULL || io->reclaim == NULL) {
		vrs_io_fini(io);
		return -ENOMEM;
	}
	return 0;
}

void vrs_io_fini(struct vrs_io *io)
{
	vrs_io_take_dead(io);
	vrs_reclaim_free(io->reclaim);
	io->transport->ops->free(io->transport);
	vrs_mailbox_fini(&io->mailbox);
	free(io->canonical);
}

void vrs_io_wake(void *ctx)
{
	struct vrs_io *io = ctx;

	/* Partner of vrs_io_turn(), as in engine/mailbox.c. */
	atomic_thread_fence(memory_order_seq_cst);
	if (atomic_load_explicit(&io->asleep, memory_order_relaxed) != 0 &&
		atomic_exchange(&io->asleep, 0) != 0)
		io->transport->ops->wake(io->transport);
}

void vrs_io_take_dead(struct vrs_io *io)
{
	struct vrs_export *x = vrs_propagation_take_dead(io->propagation);

	while (x != NULL) {
		struct vrs_export *next = x->next_dead;

		vrs_export_free(x);
		x = next;
	}
}

static bool send_all(struct vrs_io *io)
{
	bool any = false;

	for (struct vrs_server *s = io->servers; s != NULL; s = s->next)
		for (struct vrs_neighbor *n = s->neighbors; n != NULL; n = n->next)
			if (n->export != NULL)
				any |= send_some(n);
	return any;
}

static bool has_output(const struct vrs_io *io)
{
	for (const struct vrs_server *s = io->servers; s != NULL; s = s->next)
		for (const struct vrs_neighbor *n = s->neighbors; n != NULL; n = n->next)
			if (n->export != NULL && vrs_outbox_peek(&n->export->outbox) != NULL &&
				vrs_session_queued(n->session) < VRS_CONN_HIGH_WATER)
				return true;
	return false;
}

/* Milliseconds until something is due, at most `limit` (-1 = no limit). */
static int sleep_ms(struct vrs_io *io, int limit)
{
	uint64_t next = vrs_wheel_next(&io->wheel), now = vrs_clock_ms(&io->clock);
	int ms;

	if (next == VRS_WHEEL_NEVER)
		return limit;
	ms = next <= now ? 0 : (int)VRS_MIN(next - now, (uint64_t)60000);
	return limit >= 0 && limit < ms ? limit : ms;
}

/* Whoever decided since @p from ends. @return Now. */
static uint64_t decided(struct vrs_io *io, uint64_t from)
{
	uint64_t now = vrs_now_ns();

	io->decide_ns += now - from;
	return now;
}

/* @p now_ns  Since when what was marked in this turn waits. @return Whether anything was. */
static bool tables(struct vrs_io *io, uint64_t now_ns)
{
	uint64_t marked = 0, from = io->sweeping ? vrs_now_ns() : 0;

	io->sweeping = false;
	for (struct vrs_server *s = io->servers; s != NULL; s = s->next) {
		io->sweeping |= vrs_table_turn(s->table);
		uint64_t n = atomic_load_explicit(&s->table->n_marked, memory_order_relaxed);
		marked += n - s->n_marked;
		/* A server that is being removed may have lost its RIB already. */
		if (!atomic_load(&s->dead)) {
			if (n != s->n_marked)
				vrs_rib_marked(s->rib, n, now_ns);
			vrs_limits_memory(s);
		}
		s->n_marked = n;
	}
	if (from != 0)
		(void)decided(io, from);
	if (io->decide_ns > 0)
		vrs_hist_add(&io->stages[VRS_IO_DECIDE], io->decide_ns);
	vrs_reclaim_turn(io->reclaim);
	if (marked == 0)
		return false;
	if (marked <= io->inline_changes && vrs_propagation_try(io->propagation))
		(void)send_all(io);
	else
		vrs_waker_wake(&io->propagation->waker);
	return true;
}

/* What poll() did: it wrote, waited, read, decided in the middle of that, and wrote again where there
 * was room. @param any  Whether it did anything after the wait. @return Now, about. */
static uint64_t account_poll(struct vrs_io *io, bool any, uint64_t n_updates, uint64_t written)
{
	uint64_t total = io->transport->write_ns, now = io->woke_ns;

	if (total != written)
		vrs_hist_add(&io->stages[VRS_IO_SEND], total - written);
	if (!any && now != 0)
		return now;
	now = vrs_now_ns();
	if (io->woke_ns == 0)
		io->woke_ns = now; /* The transport does not say when it woke. */
	uint64_t other = io->decide_ns + (total - io->write_ns), all = now - io->woke_ns;
	if (atomic_load_explicit(&io->counters.updates, memory_order_relaxed) != n_updates &&
		all > other)
		vrs_hist_add(&io->stages[VRS_IO_DECODE], all - other);
	return now;
}

bool vrs_io_turn(struct vrs_io *io, int timeout_ms)
{
	struct vrs_reclaim_stat limbo;

	vrs_reclaim_stat(io->reclaim, &limbo);
	/* Something to sweep: do not wait. Something in limbo: come back soon to free it. */
	if (io->sweeping)
		timeout_ms = 0;
	else if (limbo.limbo_objects > 0 && (timeout_ms < 0 || timeout_ms > 20))
		timeout_ms = 20;
	if (timeout_ms != 0) {
		atomic_exchange(&io->asleep, 1);
		if (atomic_load(&io->mailbox.n) > 0 || atomic_load(&io->stop) || has_output(io) ||
			atomic_load(&io->propagation->dead) != NULL)
			timeout_ms = 0;
	}
	timeout_ms = sleep_ms(io, timeout_ms);
	io->asked_ms = timeout_ms < 0 ? VRS_WHEEL_NEVER : (uint64_t)timeout_ms;
	uint64_t written = io->transport->write_ns,
		 n_updates = atomic_load_explicit(&io->counters.updates, memory_order_relaxed);
	io->woke_ns = io->decide_ns = 0;
	bool any = io->transport->ops->poll(io->transport, timeout_ms) > 0;
	atomic_store(&io->asleep, 0);
	uint64_t now = account_poll(io, any, n_updates, written);
	if (io->unsettled != NULL) {
		vrs_limits_settle_all(io);
		now = decided(io, now);
	}
	any |= vrs_wheel_advance(&io->wheel, vrs_clock_ms_at(&io->clock, now)) > 0;
	any |= vrs_mailbox_run(&io->mailbox) > 0;
	vrs_io_take_dead(io);
	any |= send_all(io);
	bool marked = tables(io, now);
	vrs_count(&io->counters.turns, 1);
	if (any || marked)
		(void)vrs_lap(&io->stages[VRS_IO_TURN], io->woke_ns);
	return any || io->sweeping;
}

void vrs_io_run(struct vrs_io *io)
{
	while (!atomic_load(&io->stop))
		(void)vrs_io_turn(io, -1);
	vrs_mailbox_close(&io->mailbox);
}
