/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#include "tests/sim/world.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/bgp/refresh.h"

enum { START_MS = 1000000, MAX_STEPS = 200000, TEXT = 8192 };

const struct sim_peer_kind sim_peers[N_PEERS] = {
	{"nva1", "NetworkVirtualAppliance", "10.0.1.4", 65001, 0x0a000104, false, false, false, 0,
		0},
	{"nva2", "NetworkVirtualAppliance", "10.0.1.5", 65001, 0x0a000105, true, true, false, 0, 0},
	{"nva3", "NetworkVirtualAppliance", "10.0.1.6", 65003, 0x0a000106, false, true, true, 0, 0},
	{"nva6", "NetworkVirtualAppliance", "fd00:0:0:1::7", 65004, 0x0a000107, false, false, false,
		0, 1},
	{"vpn", "VpnGateway", "10.0.1.8", 65515, 0x0a000108, false, false, false, 1, 0},
	{"er", "ExpressRouteGateway", "10.0.1.9", 65515, 0x0a000109, false, true, false, 2, 0},
};

const char *const sim_prefix_texts[] = {"0.0.0.0/0", "10.0.0.0/8", "10.0.0.0/16", "10.0.7.0/24",
	"10.0.7.7/32", "10.1.0.0/16", "10.1.2.0/24", "10.64.0.0/16", "10.64.0.0/15", "192.0.2.0/24",
	"192.0.2.128/25", "198.51.100.0/24", "198.51.100.64/26", "198.51.0.0/16", "203.0.113.0/24",
	"203.0.0.0/16", "8.0.0.0/8", "8.8.8.0/24", "8.8.8.8/32", "172.16.0.0/12", "172.16.9.0/24",
	"100.64.0.0/10", "192.168.0.0/16", "127.1.0.0/16", "224.1.0.0/16", "20.0.0.0/8",
	"20.1.0.0/16", "20.1.2.0/23", "20.1.2.0/24", "20.128.0.0/9", "::/0", "2001:db8::/32",
	"2001:db8:1::/48", "2001:db8:1:2::/64", "2001:db8::1/128", "fd00::/48", "fd00:0:0:7::/64",
	"fd00::/16", "fe80:1::/32", "2600::/12"};
const unsigned sim_n_prefixes = VRS_N_ELEMS(sim_prefix_texts);
static_assert(VRS_N_ELEMS(sim_prefix_texts) <= MAX_PREFIXES, "room in a session");

void sim_fail(const struct world *w, const char *format, ...)
{
	va_list ap;

	(void)fprintf(stderr, "at %llu ms, step %llu: ", (unsigned long long)(w->now - START_MS),
		(unsigned long long)w->steps);
	va_start(ap, format);
	(void)vfprintf(stderr, format, ap);
	va_end(ap);
	(void)fputc('\n', stderr);
	abort();
}

static struct vrs_addr parse_addr(const char *text)
{
	struct vrs_addr a;

	if (vrs_addr_parse(&a, text) != 0)
		abort();
	return a;
}

struct vrs_addr world_router_ip(unsigned family, unsigned instance)
{
	static const char *const texts[2][2] = {{"10.0.0.4", "10.0.0.5"}, {"fd00::4", "fd00::5"}};

	return parse_addr(texts[family][instance]);
}

/* --- What peers hear --- */

static struct sim_told *told_of(struct sim_session *s, const struct vrs_prefix *p)
{
	struct world *w = s->peer->world;

	for (unsigned i = 0; i < sim_n_prefixes; i++)
		if (vrs_prefix_equal(&w->prefixes[i], p))
			return &s->told[i];
	sim_fail(w, "%s/%u was told of a prefix that nobody has", s->peer->kind->name, s->instance);
}

static void hear(
	struct sim_session *s, const struct vrs_bgp_nlri *nlri, const uint8_t *bytes, size_t size)
{
	for (size_t at = 0; at < nlri->span.size;) {
		struct vrs_prefix p;
		int n = vrs_prefix_read(&p, nlri->afi, nlri->span.data + at, nlri->span.size - at);

		if (n <= 0)
			sim_fail(s->peer->world, "bad prefix");
		at += (size_t)n;
		struct sim_told *t = told_of(s, &p);
		if (size == 0 && t->size == 0)
			sim_fail(s->peer->world, "%s/%u: withdrawn and never told: %s",
				s->peer->kind->name, s->instance,
				vrs_prefix_str(&p, (char[VRS_PREFIX_STRLEN]){0}));
		t->size = (uint16_t)size;
		memcpy(t->bytes, bytes, size);
	}
}

static bool on_update(void *user, struct vrs_session *session, const struct vrs_bgp_update *u)
{
	struct sim_session *s = user;
	static uint8_t bytes[VRS_BGP_CANONICAL_MAX];
	const struct vrs_bgp_nlri *fields[] = {&u->announced, &u->mp_reach};

	if (u->verdict.action != VRS_BGP_ACCEPT)
		sim_fail(s->peer->world, "%s/%u was sent a malformed UPDATE: %s",
			s->peer->kind->name, s->instance, u->verdict.reason);
	s->n_eor += u->eor != 0;
	hear(s, &u->withdrawn, bytes, 0);
	hear(s, &u->mp_unreach, bytes, 0);
	for (unsigned i = 0; i < 2; i++) {
		struct vrs_attrs_info info;
		size_t size;

		if (fields[i]->n == 0)
			continue;
		if (vrs_bgp_update_canonical(u, i == 0 ? VRS_BGP_CLASSIC : VRS_BGP_MP, bytes,
			    sizeof(bytes), &size, &info) != 0 ||
			size > SIM_BYTES)
			sim_fail(s->peer->world, "attributes do not fit");
		hear(s, fields[i], bytes, size);
	}
	return true;
}

static void send_all(struct sim_session *s)
{
	for (unsigned i = 0; i < sim_n_prefixes; i++)
		if (s->wanted[i].there)
			world_send(s, &i, 1, SIM_GOOD);
}

static void on_established(void *user, struct vrs_session *session)
{
	struct sim_session *s = user;
	uint8_t eor[64];

	s->up = true;
	s->times_up++;
	s->n_eor = 0;
	memset(s->told, 0, sizeof(s->told));
	send_all(s);
	for (unsigned afi = VRS_AFI_IP4; afi <= VRS_AFI_IP6; afi++)
		(void)vrs_session_send_message(session, eor, sim_eor(afi, eor));
}

static void on_down(void *user, struct vrs_session *session, const struct vrs_session_error *e)
{
	struct sim_session *s = user;

	s->up = false;
	memset(s->told, 0, sizeof(s->told));
}

static void on_refresh(void *user, struct vrs_session *session, enum vrs_afi afi, unsigned subtype)
{
	if (subtype == VRS_BGP_REFRESH_REQUEST)
		send_all(user);
}

static const struct vrs_session_ops peer_ops = {
	.established = on_established,
	.down = on_down,
	.update = on_update,
	.refresh = on_refresh,
};

/* --- What peers say --- */

struct gathered {
	struct vrs_prefix list[MAX_PREFIXES];
};

static struct gathered gather(const struct sim_session *s, const unsigned *i, size_t n)
{
	struct gathered p;

	for (size_t k = 0; k < n; k++)
		p.list[k] = s->peer->world->prefixes[i[k]];
	return p;
}

void world_send(struct sim_session *s, const unsigned *i, size_t n, enum sim_damage damage)
{
	uint8_t message[2048];

	if (!s->up)
		return;
	size_t size = sim_update(&s->wanted[i[0]], vrs_session_negotiated(s->session)->as4,
		gather(s, i, n).list, n, damage, message);
	(void)vrs_session_send_message(s->session, message, size);
}

void world_send_withdraw(struct sim_session *s, const unsigned *i, size_t n)
{
	uint8_t message[2048];

	if (s->up)
		(void)vrs_session_send_message(
			s->session, message, sim_withdraw(gather(s, i, n).list, n, message));
}

void world_send_refreshed(struct sim_session *s)
{
	for (unsigned afi = VRS_AFI_IP4; s->up && afi <= VRS_AFI_IP6; afi++)
		(void)vrs_session_send_refresh(s->session, afi, VRS_BGP_REFRESH_BORR);
	send_all(s);
	for (unsigned afi = VRS_AFI_IP4; s->up && afi <= VRS_AFI_IP6; afi++)
		(void)vrs_session_send_refresh(s->session, afi, VRS_BGP_REFRESH_EORR);
}

/* --- Configuration --- */

static void add(char *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void add(char *text, const char *format, ...)
{
	size_t at = strlen(text);
	va_list ap;

	va_start(ap, format);
	int n = vsnprintf(text + at, TEXT - at, format, ap);
	va_end(ap);
	if (n < 0 || at + (size_t)n >= TEXT)
		abort();
}

static void write_networks(const struct sim_config *c, char *text)
{
	add(text,
		"process: {stateDir: /tmp, controlSocket: /tmp/vrs-sim.sock}\n"
		"virtualNetworks:\n"
		"  - name: hub\n"
		"    addressPrefixes: [10.0.0.0/16, 'fd00::/48'%s]\n"
		"    subnets:\n"
		"      - {name: RouteServerSubnet, addressPrefixes: [10.0.0.0/26, 'fd00::/64']}\n"
		"      - {name: nva, addressPrefixes: [10.0.1.0/24, 'fd00:0:0:1::/64']}\n"
		"      - {name: plain, addressPrefix: 10.0.2.0/24%s}\n"
		"      - {name: user, addressPrefix: 10.0.3.0/24, routeTable: rt}\n"
		"      - {name: closed, addressPrefix: 10.0.4.0/24, routeTable: shut}\n"
		"      - name: endpoint\n"
		"        addressPrefix: 10.0.5.0/24\n"
		"        routeTable: rt\n"
		"        serviceEndpoints: [{service: S, addressPrefixes: [198.51.100.0/24]}]\n",
		c->extra_prefix ? ", 10.64.0.0/16" : "", c->attached ? ", routeTable: rt" : "");
	if (c->peering)
		add(text,
			"    virtualNetworkPeerings: [{name: s, remoteVirtualNetwork: spoke, "
			"allowGatewayTransit: true}]\n");
	add(text,
		"  - name: spoke\n"
		"    addressPrefixes: [10.1.0.0/16]\n"
		"    subnets: [{name: apps, addressPrefix: 10.1.0.0/24}]\n");
	if (c->peering)
		add(text,
			"    virtualNetworkPeerings: [{name: h, remoteVirtualNetwork: hub, "
			"useRemoteGateways: %s}]\n",
			c->gateway_use ? "true" : "false");
}

/* tests/sim/model.c has the same user routes. */
static void write_rest(const struct sim_config *c, char *text)
{
	static const char *const preferences[] = {"ExpressRoute", "VpnGateway", "ASPath"};
	static const char *const subnets[] = {"plain", "user", "closed", "endpoint"};
	bool any = false;

	for (unsigned i = 0; i < N_PEERS; i++)
		any |= c->present[i];

	add(text,
		"routeTables:\n"
		"  - name: rt\n"
		"    routes:\n"
		"      - {name: a, addressPrefix: 0.0.0.0/0, nextHopType: VirtualAppliance, "
		"nextHopIpAddress: 10.0.1.4}\n"
		"      - {name: b, addressPrefix: 203.0.113.0/24, nextHopType: None}\n"
		"      - {name: c, addressPrefix: 198.51.100.64/26, nextHopType: Internet}\n"
		"      - {name: d, addressPrefix: 10.0.7.0/24, nextHopType: VirtualAppliance, "
		"nextHopIpAddress: 10.0.1.5}\n"
		"      - {name: e, addressPrefix: 20.1.2.0/24, nextHopType: Internet}\n"
		"      - {name: f, addressPrefix: '2001:db8::/32', nextHopType: None}\n"
		"      - {name: g, addressPrefix: 10.1.0.0/16, nextHopType: VirtualAppliance, "
		"nextHopIpAddress: 10.0.1.6}\n"
		"  - {name: shut, disableBgpRoutePropagation: true}\n"
		"networkInterfaces:\n"
		"  - {name: spoke, virtualNetwork: spoke, subnet: apps, privateIpAddress: "
		"10.1.0.4}\n");
	for (unsigned i = 0; i < N_NICS; i++)
		add(text,
			"  - {name: vm%u, virtualNetwork: hub, subnet: %s, privateIpAddress: "
			"10.0.%u.%u}\n",
			i, subnets[c->subnet[i]], 2 + c->subnet[i], 4 + i);
	add(text,
		"routeServers:\n"
		"  - name: rs\n"
		"    virtualNetwork: hub\n"
		"    virtualRouterIps: [10.0.0.4, 10.0.0.5, 'fd00::4', 'fd00::5']\n"
		"    allowBranchToBranchTraffic: %s\n"
		"    hubRoutingPreference: %s\n"
		"    bgpConnections:%s\n",
		c->branch_to_branch ? "true" : "false", preferences[c->preference],
		any ? "" : " []");
	for (unsigned i = 0; i < N_PEERS; i++) {
		const struct sim_peer_kind *k = &sim_peers[i];

		if (c->present[i])
			add(text,
				"      - {name: %s, kind: %s, peerIp: '%s', peerAsn: %u, passive: "
				"%s, "
				"enabled: %s, role: %s}\n",
				k->name, k->kind, k->address, k->asn,
				/* Some connect from both sides at once. */
				k->passive || i % 4 == 0 ? "false" : "true",
				c->enabled[i] ? "true" : "false", k->role ? "rs" : "none");
	}
}

void world_apply(struct world *w)
{
	struct vrs_cfg_report report = {0};
	struct vrs_config *config;
	char text[TEXT] = "";

	write_networks(&w->config, text);
	write_rest(&w->config, text);
	int err = vrs_config_parse("sim", NULL, text, strlen(text), &report, &config);
	if (err != 0) {
		vrs_cfg_report_print(&report, stderr);
		sim_fail(w, "configuration refused");
	}
	vrs_cfg_report_fini(&report);
	if (vrs_engine_apply(&w->engine, config) != 0)
		sim_fail(w, "configuration not applied");
}

size_t world_system(const struct world *w, struct vrs_prefix out[8])
{
	const struct sim_config *c = &w->config;
	const char *const texts[] = {"10.0.0.0/16", "fd00::/48",
		c->extra_prefix ? "10.64.0.0/16" : NULL,
		c->peering && c->gateway_use ? "10.1.0.0/16" : NULL};
	size_t n = 0;

	for (size_t i = 0; i < VRS_N_ELEMS(texts); i++)
		if (texts[i] != NULL && vrs_prefix_parse(&out[n], texts[i]) == 0)
			n++;
	return n;
}

/* --- Beginning and end --- */

static uint64_t now_ms(void *ctx)
{
	const struct world *w = ctx;

	return w->now;
}

static void engine_start(struct world *w)
{
	struct vrs_engine_options options = {.clock = {now_ms, w}, .seed = w->seed * 2 + 1};

	w->transport = mem_transport_new(w->net);
	if (vrs_engine_init(&w->engine, w->transport, &options) != 0)
		abort();
	world_apply(w);
}

static void session_start(struct world *w, struct sim_peer *p, unsigned instance)
{
	const struct sim_peer_kind *k = p->kind;
	struct sim_session *s = &p->sessions[instance];
	struct vrs_session_config c = {
		.name = k->name,
		.endpoint = {.local = parse_addr(k->address),
			.remote = world_router_ip(k->family, instance),
			.local_port = 179,
			.remote_port = 179,
			.passive = k->passive},
		.local_as = k->asn,
		.peer_as = 65515,
		.router_id = k->router_id,
		.hold_s = 180,
		.keepalive_s = 60,
		.families = VRS_BGP_IP4 | VRS_BGP_IP6,
		.as2_only = k->as2,
		.send_role = k->role,
		.role = VRS_BGP_ROLE_RS_CLIENT,
		.seed = w->seed + instance,
	};

	s->peer = p;
	s->instance = instance;
	s->session = vrs_session_new(&c, p->transport, &w->wheel, &peer_ops, s);
	if (s->session == NULL || vrs_session_start(s->session) != 0)
		abort();
}

void world_init(struct world *w, uint64_t seed)
{
	memset(w, 0, sizeof(*w));
	w->seed = seed;
	w->now = START_MS;
	w->net = mem_net_new();
	for (unsigned i = 0; i < sim_n_prefixes; i++)
		if (vrs_prefix_parse(&w->prefixes[i], sim_prefix_texts[i]) != 0)
			abort();
	w->config.peering = w->config.gateway_use = true;
	for (unsigned i = 0; i < N_PEERS; i++)
		w->config.present[i] = w->config.enabled[i] = true;
	for (unsigned i = 0; i < N_NICS; i++)
		w->config.subnet[i] = i;
	engine_start(w);
	vrs_wheel_init(&w->wheel, w->now);
	for (unsigned i = 0; i < N_PEERS; i++) {
		struct sim_peer *p = &w->peers[i];

		p->world = w;
		p->kind = &sim_peers[i];
		p->transport = mem_transport_new(w->net);
		p->transport->accept = vrs_session_accept;
		for (unsigned k = 0; k < N_INSTANCES; k++)
			session_start(w, p, k);
	}
}

void world_fini(struct world *w)
{
	vrs_engine_stop(&w->engine, "the end");
	vrs_engine_fini(&w->engine);
	for (unsigned i = 0; i < N_PEERS; i++) {
		for (unsigned k = 0; k < N_INSTANCES; k++)
			vrs_session_free(w->peers[i].sessions[k].session);
		w->peers[i].transport->ops->free(w->peers[i].transport);
	}
	mem_net_free(w->net);
}

void world_restart(struct world *w, bool crash)
{
	if (crash)
		mem_transport_break(w->transport, ECONNRESET);
	else
		vrs_engine_stop(&w->engine, "restart");
	vrs_engine_fini(&w->engine);
	engine_start(w);
}

/* --- Time --- */

static bool step(struct world *w)
{
	bool any = vrs_engine_turn(&w->engine, 0);

	for (unsigned i = 0; i < N_PEERS; i++)
		any |= w->peers[i].transport->ops->poll(w->peers[i].transport, 0) > 0;
	any |= vrs_wheel_advance(&w->wheel, w->now) > 0;
	w->steps++;
	return any;
}

void world_step(struct world *w, unsigned n)
{
	while (n-- > 0)
		(void)step(w);
}

void world_settle(struct world *w)
{
	/* Twice still, because what propagation gives back is taken in the turn after. */
	for (unsigned n = 0, still = 0; still < 3; n++) {
		still = step(w) ? 0 : still + 1;
		if (n > MAX_STEPS)
			sim_fail(w, "never quiet");
	}
}

void world_advance(struct world *w, uint64_t ms)
{
	uint64_t end = w->now + ms;

	world_settle(w);
	while (w->now < end) {
		uint64_t next = VRS_MIN(vrs_engine_next_ms(&w->engine), vrs_wheel_next(&w->wheel));

		w->now = VRS_MIN(end, VRS_MAX(next, w->now + 1));
		world_settle(w);
	}
}
