/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

/*
 * Route servers: their parts, one on each I/O thread, and how those are brought in line with a
 * configuration. What their sessions do is in engine/io.c.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/io.h"
#include "engine/limits.h"
#include "engine/model.h"
#include "io/bgp/attr.h"
#include "rib/aspath.h"
#include "rib/base/hash.h"
#include "rib/hop_rule.h"

/* --- Why a path may not be used --- */

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

enum vrs_path_reason vrs_server_reason(const struct vrs_server *s,
	const struct vrs_path_source *source, const uint8_t *canonical, size_t size,
	const struct vrs_attrs_info *info)
{
	struct vrs_span path = {0}, otc;

	assert(s->hops != NULL);
	(void)vrs_bgp_attr_find(canonical, size, VRS_BGP_AS_PATH, &path);
	if (vrs_aspath_contains(path, s->asn))
		return VRS_PATH_OWN_AS;
	if (source->ebgp && info->first_as != source->asn)
		return VRS_PATH_FIRST_AS;
	if (!vrs_hop_rule_allows(s->hops, &info->next_hop))
		return VRS_PATH_NEXT_HOP;
	if (!source->ebgp && reflected_by_us(s, canonical, size, info))
		return VRS_PATH_CLUSTER_LIST;
	/* RFC 9234 section 5: a client has no business with a route that is for customers. */
	if (source->client && vrs_bgp_attr_find(canonical, size, VRS_BGP_OTC, &otc))
		return VRS_PATH_OTC;
	if (!vrs_limits_lengths_ok(s, info->path_len, canonical, size))
		return VRS_PATH_LIMIT;
	return VRS_PATH_USABLE;
}

/* --- What a session is --- */

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
	while (*link != NULL && *link != n)
		link = &(*link)->next;
	if (*link != NULL)
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
		: vrs_session_new(&named, s->io->transport, &s->io->wheel, &vrs_neighbor_ops, n);
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

		if (g != NULL && g->families & vrs_family_bit(afi))
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

static bool connection_used(const struct vrs_server *s, uint16_t number)
{
	for (const struct vrs_neighbor *n = s->neighbors; n != NULL; n = n->next)
		if (n->connection == number)
			return true;
	return false;
}

/* The number that the sessions of one bgpConnection share. */
static uint16_t connection_number(struct vrs_server *s, const char *name)
{
	for (struct vrs_neighbor *n = s->neighbors; n != NULL; n = n->next)
		if (strcmp(n->name, name) == 0)
			return n->connection;
	/* No two parts give out the same, also when they have given out all and begin anew. */
	uint16_t number = 0;

	for (unsigned i = 0; i == 0 || (i <= UINT16_MAX && connection_used(s, number)); i++)
		number = (uint16_t)(s->next_connection++ * (s->table->slot_mask + 1u) +
			s->io->index);
	return number;
}

/* Whether a connection's sessions are at home in this part. */
static bool is_ours(const struct vrs_server *s, const char *connection)
{
	const struct vrs_server *head = s->head;

	for (size_t i = 0; i < head->n_owners; i++)
		if (strcmp(head->owners[i].connection, connection) == 0)
			return head->owners[i].io == s->io->index;
	return s->n_parts == 1;
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
}

static enum vrs_path_reason reason_again(void *ctx, const struct vrs_attrs *attrs,
	const struct vrs_table_peer *peer, const struct vrs_prefix *p)
{
	enum vrs_path_reason r =
		vrs_server_reason(ctx, &peer->source, attrs->bytes, attrs->head.size, &attrs->info);

	return r == VRS_PATH_USABLE && vrs_prefix_martian(p) ? VRS_PATH_MARTIAN : r;
}

/* Learned next hops may lie elsewhere now. */
static void apply_hops(struct vrs_server *s, struct vrs_hop_rule *now)
{
	struct vrs_hop_rule *old = s->hops;

	s->hops = vrs_hop_rule_get(now);
	if (old != NULL && vrs_hop_rule_equal(old, now)) {
		vrs_hop_rule_put(old);
		return;
	}
	s->revalidate = true;
	/* A network joined: peers that filtered by what they knew are asked again, those that
	 * can be. */
	bool joined = vrs_hop_rule_wider(now, old);
	for (struct vrs_neighbor *nb = s->neighbors; joined && nb != NULL; nb = nb->next)
		(void)vrs_neighbor_ask_again(nb);
	vrs_hop_rule_put(old);
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
	const struct vrs_cfg_route_server *rs, struct vrs_hop_rule *hops)
{
	struct vrs_table_config tc = table_config(rs);
	int err = 0;

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
	apply_hops(s, hops);
	s->memory_limit = rs->memory_limit;
	s->revalidate |=
		s->max_as_path != rs->limit_as_path || s->max_communities != rs->limit_communities;
	s->max_as_path = rs->limit_as_path;
	s->max_communities = rs->limit_communities;
	for (size_t i = 0; i < rs->n_connections && err == 0; i++)
		if (is_ours(s, rs->connections[i].name))
			err = apply_connection(s, config, rs, &rs->connections[i]);
	if (s->revalidate)
		vrs_table_revalidate(s->table);
	s->revalidate = false;
	vrs_table_configure(s->table, &tc);
	s->io->sweeping = true;
	atomic_fetch_add(&s->generation, 1);
	return err;
}

/* --- Life --- */

static void owners_free(struct vrs_server_owner *owners, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(owners[i].connection);
	free(owners);
}

/* The I/O thread that had a connection, or else the one that has fewest of them now. */
static unsigned owner_of(const struct vrs_server *head, const char *connection,
	const struct vrs_server_owner *now, size_t n)
{
	unsigned load[VRS_SHARDS_MAX] = {0};
	unsigned least = head->first_io;

	for (size_t i = 0; i < head->n_owners; i++)
		if (strcmp(head->owners[i].connection, connection) == 0)
			return head->owners[i].io;
	for (size_t i = 0; i < n; i++)
		load[now[i].io]++;
	for (unsigned i = 1; i < head->n_parts; i++) {
		unsigned at = (head->first_io + i) % head->n_parts;

		if (load[at] < load[least])
			least = at;
	}
	return least;
}

int vrs_server_assign(struct vrs_server *head, const struct vrs_cfg_route_server *rs)
{
	struct vrs_server_owner *now = calloc(rs->n_connections + 1, sizeof(*now));

	if (now == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < rs->n_connections; i++) {
		now[i].io = owner_of(head, rs->connections[i].name, now, i);
		now[i].connection = strdup(rs->connections[i].name);
		if (now[i].connection == NULL) {
			owners_free(now, i);
			return -ENOMEM;
		}
	}
	owners_free(head->owners, head->n_owners);
	head->owners = now;
	head->n_owners = rs->n_connections;
	return 0;
}

static void wake_part(void *ctx, unsigned shard)
{
	struct vrs_server *head = ctx;

	vrs_io_wake(head->parts[shard]->io);
}

static struct vrs_server *part_new(struct vrs_server *head, struct vrs_io *io)
{
	struct vrs_server *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->io = io;
	s->name = head->name;
	s->head = head;
	s->parts = head->parts;
	s->n_parts = head->n_parts;
	s->shards = head->shards;
	return s;
}

struct vrs_server *vrs_server_new(struct vrs_io *const *ios, unsigned n, unsigned first,
	const struct vrs_cfg_route_server *rs, struct vrs_hop_rule *hops)
{
	struct vrs_server *head = calloc(1, sizeof(*head));
	struct vrs_table_config tc = table_config(rs);
	struct vrs_reclaim *reclaims[VRS_SHARDS_MAX];

	if (head == NULL)
		return NULL;
	head->io = ios[0];
	head->head = head;
	head->n_parts = n;
	head->first_io = first;
	head->name = strdup(rs->name);
	head->parts = calloc(n, sizeof(struct vrs_server *));
	head->shards = calloc(1, sizeof(*head->shards));
	if (head->name == NULL || head->parts == NULL || head->shards == NULL)
		goto out;
	head->parts[0] = head;
	for (unsigned i = 0; i < n; i++) {
		reclaims[i] = ios[i]->reclaim;
		if (i > 0 && (head->parts[i] = part_new(head, ios[i])) == NULL)
			goto out;
	}
	if (vrs_shards_init(head->shards, n, reclaims, &tc) != 0)
		goto out;
	vrs_shards_set_wake(head->shards, wake_part, head);
	head->rib = vrs_rib_new(ios[0]->propagation, head->shards->tables[0]);
	if (head->rib == NULL)
		goto out;
	for (unsigned i = 0; i < n; i++) {
		struct vrs_server *s = head->parts[i];

		s->table = head->shards->tables[i];
		s->table->full_ns = &ios[i]->decide_ns;
		vrs_table_set_reason(s->table, reason_again, s);
		s->rib = head->rib;
		s->asn = rs->asn;
		memcpy(s->router_ips, rs->router_ips, sizeof(s->router_ips));
		s->n_router_ips = rs->n_router_ips;
		/* What paths are judged by: a part may be asked to before it has been configured, by another
		 * one that has been, and has sessions already. */
		s->hops = vrs_hop_rule_get(hops);
		s->max_as_path = rs->limit_as_path;
		s->max_communities = rs->limit_communities;
	}
	return head;
out:
	vrs_server_free(head);
	return NULL;
}

void vrs_server_link(struct vrs_server *s)
{
	s->next = s->io->servers;
	s->io->servers = s;
}

void vrs_server_unlink(struct vrs_server *s)
{
	struct vrs_server **link = &s->io->servers;

	while (*link != NULL && *link != s)
		link = &(*link)->next;
	if (*link != NULL)
		*link = s->next;
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

void vrs_server_free_table(struct vrs_server *s)
{
	vrs_shards_free_table(s->shards, s->io->index);
	s->table = NULL;
}

void vrs_server_free(struct vrs_server *head)
{
	if (head->shards != NULL && head->shards->n > 0)
		vrs_shards_fini(head->shards);
	free(head->shards);
	for (unsigned i = 1; head->parts != NULL && i < head->n_parts; i++) {
		if (head->parts[i] != NULL)
			vrs_hop_rule_put(head->parts[i]->hops);
		free(head->parts[i]);
	}
	owners_free(head->owners, head->n_owners);
	free(head->parts);
	vrs_hop_rule_put(head->hops);
	free(head->name);
	free(head);
}
