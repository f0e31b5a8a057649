/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

/*
 * Rules about route servers and their BGP connections. Runs after config_rules.c has resolved
 * networks, peerings and network interfaces.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/config_load.h"
#include "engine/schema.h"

/* TCP_MD5SIG_MAXKEYLEN. */
#define MAX_PASSWORD 80u

static const char *name_or(const char *name)
{
	return name != NULL ? name : "?";
}

/* ---- virtualRouterIps --------------------------------------------------------------------- */

/* One virtualRouterIp of the process. */
struct router_ip {
	struct vrs_addr addr;
	size_t server, slot;
};

struct router_ips {
	struct router_ip *list; /* By address, then as in the file. */
	size_t n;
};

static int router_ip_cmp(const void *a, const void *b)
{
	const struct router_ip *x = a, *y = b;
	int c = vrs_addr_cmp(&x->addr, &y->addr);

	if (c == 0)
		c = (x->server > y->server) - (x->server < y->server);
	return c != 0 ? c : (x->slot > y->slot) - (x->slot < y->slot);
}

static bool is_router_ip(const struct router_ips *ips, const struct vrs_addr *addr)
{
	size_t low = 0, high = ips->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (vrs_addr_cmp(&ips->list[mid].addr, addr) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low < ips->n && vrs_addr_equal(&ips->list[low].addr, addr);
}

static struct router_ips collect_router_ips(struct vrs_config_load *load)
{
	const struct vrs_config *c = load->config;
	struct router_ips ips = {
		.list = vrs_config_alloc(load, c->n_route_servers * 4, sizeof(*ips.list))};
	char text[VRS_ADDR_STRLEN];

	if (ips.list == NULL)
		return ips;
	for (size_t i = 0; i < c->n_route_servers; i++) {
		const struct vrs_cfg_route_server *rs = &c->route_servers[i];
		for (size_t j = 0; j < rs->n_router_ips; j++) {
			if (rs->router_ips[j].afi != VRS_AFI_NONE)
				ips.list[ips.n++] = (struct router_ip){rs->router_ips[j], i, j};
		}
	}
	qsort(ips.list, ips.n, sizeof(*ips.list), router_ip_cmp);
	for (size_t i = 1; i < ips.n; i++) {
		const struct router_ip *ip = &ips.list[i];
		const struct vrs_cfg_route_server *rs = &c->route_servers[ip->server];
		if (vrs_addr_equal(&ip->addr, &ips.list[i - 1].addr))
			vrs_config_error(load,
				vrs_config_mark(load, &rs->router_ips[ip->slot], rs->mark),
				"router-ip", NULL, "%s already is a virtualRouterIp of \"%.80s\"",
				vrs_addr_str(&ip->addr, text),
				name_or(c->route_servers[ips.list[i - 1].server].name));
	}
	return ips;
}

/* First four and last address of a subnet belong to the platform. */
static bool is_platform_address(const struct vrs_prefix *subnet, const struct vrs_addr *a)
{
	unsigned width = vrs_afi_width(subnet->afi);
	bool first = true, last = true;

	for (unsigned bit = subnet->len; bit < width; bit++) {
		unsigned set = a->bytes[bit / 8] >> (7 - bit % 8) & 1;
		first = first && (set == 0 || bit + 2 >= width);
		last = last && set != 0;
	}
	return first || last;
}

static void check_router_ip(struct vrs_config_load *load, const struct vrs_cfg_route_server *rs,
	const struct vrs_cfg_subnet *subnet, const struct vrs_addr *a)
{
	struct vrs_mark mark = vrs_config_mark(load, a, rs->mark);
	const struct vrs_prefix *in = vrs_config_covering(subnet->prefixes, subnet->n_prefixes, a);
	char text[VRS_ADDR_STRLEN], prefix[VRS_PREFIX_STRLEN];

	if (in == NULL)
		vrs_config_error(load, mark, "subnet-dedicated", NULL,
			"virtualRouterIp %s is not in " VRS_ROUTE_SERVER_SUBNET,
			vrs_addr_str(a, text));
	else if (is_platform_address(in, a))
		vrs_config_error(load, mark, "subnet-dedicated", NULL,
			"virtualRouterIp %s is one of the first four or the last address of %s",
			vrs_addr_str(a, text), vrs_prefix_str(in, prefix));
}

/* [v4], [v4, v4], [v6], [v6, v6] or [v4, v4, v6, v6]. */
static void check_router_families(
	struct vrs_config_load *load, const struct vrs_cfg_route_server *rs)
{
	size_t n = rs->n_router_ips;

	if (n == 3) {
		vrs_config_error(load, vrs_config_mark(load, &rs->n_router_ips, rs->mark),
			"out-of-range", NULL,
			"virtualRouterIps has 3 items; 1, 2 or 4 are allowed");
		return;
	}
	for (size_t i = 0; i < n; i++) {
		uint8_t want = n < 4 ? rs->router_ips[0].afi : i < 2 ? VRS_AFI_IP4 : VRS_AFI_IP6;
		if (rs->router_ips[i].afi == VRS_AFI_NONE || want == VRS_AFI_NONE ||
			rs->router_ips[i].afi == want)
			continue;
		vrs_config_error(load, vrs_config_mark(load, &rs->router_ips[i], rs->mark),
			"router-ip", NULL, "%s",
			n < 4 ? "two virtualRouterIps are of one family; for both give four"
			      : "four virtualRouterIps are two IPv4, then two IPv6 addresses");
		return;
	}
}

static void check_network(struct vrs_config_load *load, const struct vrs_cfg_route_server *rs)
{
	const struct vrs_cfg_vnet *v = &load->config->vnets[rs->vnet_index];
	const struct vrs_cfg_subnet *subnet = vrs_config_server_subnet(v);
	struct vrs_nearest near = vrs_nearest_init(VRS_ROUTE_SERVER_SUBNET);
	struct vrs_mark mark = vrs_config_mark(load, &rs->vnet, rs->mark);

	if (subnet == NULL) {
		/* Where one was nearly called so, that is the line to change. */
		for (size_t i = 0; i < v->n_subnets; i++) {
			const char *before = near.best;
			if (v->subnets[i].name == NULL)
				continue;
			vrs_nearest_offer(&near, v->subnets[i].name);
			if (near.best != before)
				mark = vrs_config_mark(
					load, &v->subnets[i].name, v->subnets[i].mark);
		}
		vrs_config_error(load, mark, "subnet-name",
			near.best != NULL ? VRS_ROUTE_SERVER_SUBNET : NULL,
			"network \"%.60s\" has a route server, but no subnet "
			"named " VRS_ROUTE_SERVER_SUBNET,
			name_or(v->name));
		return;
	}
	for (size_t i = 0; i < rs->n_router_ips; i++) {
		if (rs->router_ips[i].afi != VRS_AFI_NONE)
			check_router_ip(load, rs, subnet, &rs->router_ips[i]);
	}
}

/* ---- Peers -------------------------------------------------------------------------------- */

/* AS numbers that the platform or the registries keep (INTERFACE: reserved-asn). */
static bool is_reserved_asn(uint32_t asn)
{
	static const struct {
		uint32_t first, last;
	} reserved[] = {{0, 0}, {8074, 8075}, {12076, 12076}, {23456, 23456}, {64496, 64511},
		{65515, 65515}, {65517, 65520}, {65535, 65551}, {UINT32_MAX, UINT32_MAX}};

	for (size_t i = 0; i < VRS_N_ELEMS(reserved); i++) {
		if (asn >= reserved[i].first && asn <= reserved[i].last)
			return true;
	}
	return false;
}

static void check_asn(struct vrs_config_load *load, const struct vrs_cfg_route_server *rs,
	const struct vrs_cfg_bgp_connection *c)
{
	struct vrs_mark mark = vrs_config_mark(load, &c->peer_asn, c->mark);

	if (!vrs_config_valid(load, &c->peer_asn))
		return;
	if (c->peer_asn == 0)
		vrs_config_error(
			load, mark, "reserved-asn", NULL, "peerAsn 0 is nobody's (RFC 7607)");
	else if (c->kind != VRS_PEER_NVA)
		return;
	else if (c->peer_asn == rs->asn)
		vrs_config_error(load, mark, "reserved-asn", NULL,
			"peerAsn %u is the route server's own; only gateways may share it",
			c->peer_asn);
	else if (is_reserved_asn(c->peer_asn))
		vrs_config_error(load, mark, "reserved-asn", NULL,
			"peerAsn %u is reserved; an appliance cannot use it", c->peer_asn);
}

/* The network that @p addr lies in: the route server's own or one connected to it; else -1. */
static int network_of(const struct vrs_config *c, const struct vrs_cfg_vnet *v, int self,
	const struct vrs_addr *addr)
{
	if (vrs_config_covering(v->prefixes, v->n_prefixes, addr) != NULL)
		return self;
	for (size_t i = 0; i < v->n_peerings; i++) {
		const struct vrs_cfg_vnet_peering *p = &v->peerings[i];
		if (!p->connected)
			continue;
		const struct vrs_cfg_vnet *r = &c->vnets[p->remote_index];
		if (vrs_config_covering(r->prefixes, r->n_prefixes, addr) != NULL)
			return p->remote_index;
	}
	return -1;
}

static bool has_family(const struct vrs_cfg_route_server *rs, uint8_t afi)
{
	/* An address that was refused may have been of that family. */
	for (size_t i = 0; i < rs->n_router_ips; i++) {
		if (rs->router_ips[i].afi == afi || rs->router_ips[i].afi == VRS_AFI_NONE)
			return true;
	}
	return rs->n_router_ips == 0;
}

static void check_peer_address(struct vrs_config_load *load, const struct router_ips *ips,
	const struct vrs_cfg_route_server *rs, const struct vrs_cfg_bgp_connection *c)
{
	struct vrs_mark mark = vrs_config_mark(load, &c->peer_ip, c->mark);
	char a[VRS_ADDR_STRLEN];

	(void)vrs_addr_str(&c->peer_ip, a);
	if (is_router_ip(ips, &c->peer_ip)) {
		vrs_config_error(
			load, mark, "peer-address", NULL, "peerIp %s is a virtualRouterIp", a);
		return;
	}
	if (!has_family(rs, c->peer_ip.afi))
		vrs_config_error(load, mark, "peer-address", NULL,
			"peerIp %s needs virtualRouterIps of its family", a);
	if (rs->vnet_index < 0)
		return;
	const struct vrs_cfg_vnet *v = &load->config->vnets[rs->vnet_index];
	int network = network_of(load->config, v, rs->vnet_index, &c->peer_ip);
	if (network < 0) {
		vrs_config_error(load, mark, "peer-address", NULL,
			"peerIp %s is not in network \"%.80s\" or one peered to it", a,
			name_or(v->name));
		return;
	}
	const struct vrs_cfg_nic *nic = vrs_config_nic_at(load, network, &c->peer_ip);
	if (nic != NULL && !nic->enable_ip_forwarding)
		vrs_config_warn(load, mark, "ip-forwarding", NULL,
			"peerIp %s is network interface \"%.80s\", whose enableIpForwarding is "
			"false",
			a, name_or(nic->name));
}

/* keepaliveSeconds defaults to 60, or a third of a shorter hold time. */
static void settle_timers(struct vrs_config_load *load, struct vrs_cfg_bgp_connection *c)
{
	bool given = vrs_config_given(load, &c->keepalive_s);

	if (c->hold_s == 1 || c->hold_s == 2) {
		vrs_config_error(load, vrs_config_mark(load, &c->hold_s, c->mark), "out-of-range",
			NULL, "holdSeconds is %u; 0 or 3 to 65535 are allowed", c->hold_s);
		return;
	}
	if (!given)
		c->keepalive_s = VRS_MIN(c->keepalive_s, c->hold_s / 3);
	else if (c->keepalive_s > c->hold_s &&
		!(vrs_config_given(load, &c->hold_s) && !vrs_config_valid(load, &c->hold_s)))
		vrs_config_error(load, vrs_config_mark(load, &c->keepalive_s, c->mark),
			"out-of-range", NULL,
			"keepaliveSeconds is %u, more than holdSeconds, which is %u",
			c->keepalive_s, c->hold_s);
	else if (c->keepalive_s == 0 && c->hold_s > 0 && vrs_config_valid(load, &c->keepalive_s))
		vrs_config_error(load, vrs_config_mark(load, &c->keepalive_s, c->mark),
			"out-of-range", NULL, "keepaliveSeconds is 0, but holdSeconds is %u",
			c->hold_s);
}

/* @return Size of the password without its newline, or a negative errno. */
static ssize_t read_password(
	const struct vrs_config_load *load, const char *file, char *buf, size_t size)
{
	int dir = AT_FDCWD;
	struct stat st;
	ssize_t n = -1;

	if (load->base_dir != NULL)
		dir = open(load->base_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int fd = openat(dir, file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd >= 0 && fstat(fd, &st) == 0) {
		errno = EINVAL; /* A FIFO or device could block us. */
		n = S_ISREG(st.st_mode) ? read(fd, buf, size) : -1;
	}
	int err = n < 0 ? errno : 0;
	if (fd >= 0)
		(void)close(fd);
	if (dir >= 0)
		(void)close(dir);
	if (err != 0)
		return -err;
	if (n > 0 && buf[n - 1] == '\n')
		n--;
	if (n > 0 && buf[n - 1] == '\r')
		n--;
	return n;
}

static void load_password(struct vrs_config_load *load, struct vrs_cfg_bgp_connection *c)
{
	struct vrs_mark mark = vrs_config_mark(load, &c->password_file, c->mark);
	char buf[MAX_PASSWORD + 3]; /* With CR, LF and one byte too many. */

	if (c->password_file == NULL)
		return;
	ssize_t n = read_password(load, c->password_file, buf, sizeof(buf));
	if (n < 0)
		vrs_config_error(load, mark, "password-file", NULL, "cannot read %.120s: %s",
			c->password_file, strerrordesc_np((int)-n));
	else if (n == 0 || (size_t)n > MAX_PASSWORD || memchr(buf, '\0', (size_t)n) != NULL)
		vrs_config_error(load, mark, "password-file", NULL,
			"%.120s must hold a password of 1 to %u bytes", c->password_file,
			MAX_PASSWORD);
	else
		memcpy(c->password, buf, (size_t)n);
	explicit_bzero(buf, sizeof(buf));
}

/* ---- One route server --------------------------------------------------------------------- */

/* Codes without which no UPDATE is usable: ORIGIN, AS_PATH, NEXT_HOP, the two MP attributes. */
static void check_scrub(struct vrs_config_load *load, const struct vrs_cfg_route_server *rs)
{
	for (size_t i = 0; i < rs->n_scrub; i++) {
		uint8_t code = rs->scrub[i];
		if (code == 1 || code == 2 || code == 3 || code == 14 || code == 15)
			vrs_config_error(load, vrs_config_mark(load, &rs->scrub[i], rs->mark),
				"out-of-range", NULL,
				"attributeScrub cannot drop attribute %u: routes need it", code);
	}
}

static int peer_cmp(const void *a, const void *b)
{
	const struct vrs_cfg_bgp_connection *x = *(const struct vrs_cfg_bgp_connection *const *)a;
	const struct vrs_cfg_bgp_connection *y = *(const struct vrs_cfg_bgp_connection *const *)b;
	int c = vrs_addr_cmp(&x->peer_ip, &y->peer_ip);

	return c != 0 ? c : (x > y) - (x < y);
}

static void check_unique_peers(struct vrs_config_load *load, const struct vrs_cfg_route_server *rs)
{
	char text[VRS_ADDR_STRLEN];
	const struct vrs_cfg_bgp_connection **sorted =
		vrs_config_alloc(load, rs->n_connections, sizeof(struct vrs_cfg_bgp_connection *));

	if (sorted == NULL)
		return;
	for (size_t i = 0; i < rs->n_connections; i++)
		sorted[i] = &rs->connections[i];
	qsort(sorted, rs->n_connections, sizeof(struct vrs_cfg_bgp_connection *), peer_cmp);
	for (size_t i = 1; i < rs->n_connections; i++) {
		const struct vrs_addr *a = &sorted[i]->peer_ip;
		if (a->afi == VRS_AFI_NONE || !vrs_addr_equal(a, &sorted[i - 1]->peer_ip))
			continue;
		vrs_config_error(load, vrs_config_mark(load, a, sorted[i]->mark), "peer-address",
			NULL, "peerIp %s already is that of \"%.80s\"", vrs_addr_str(a, text),
			name_or(sorted[i - 1]->name));
	}
}

static void check_server(
	struct vrs_config_load *load, const struct router_ips *ips, struct vrs_cfg_route_server *rs)
{
	(void)VRS_CONFIG_NAMES(load, rs->connections, rs->n_connections, "bgpConnection");
	check_router_families(load, rs);
	if (rs->vnet_index >= 0)
		check_network(load, rs);
	check_scrub(load, rs);
	check_unique_peers(load, rs);
	for (size_t i = 0; i < rs->n_connections; i++) {
		struct vrs_cfg_bgp_connection *c = &rs->connections[i];
		if (c->peer_port == 0)
			c->peer_port = load->config->process.bgp_port;
		check_asn(load, rs, c);
		if (c->peer_ip.afi != VRS_AFI_NONE)
			check_peer_address(load, ips, rs, c);
		settle_timers(load, c);
		load_password(load, c);
	}
	if (rs->limit_peers > 0 && rs->n_connections > rs->limit_peers)
		vrs_config_error(load, rs->connections[rs->limit_peers].mark, "limit", NULL,
			"%zu bgpConnections; limits.peers is %u", rs->n_connections,
			rs->limit_peers);
}

void vrs_config_rules_bgp(struct vrs_config_load *load)
{
	struct vrs_config *c = load->config;
	struct router_ips ips = collect_router_ips(load);

	(void)VRS_CONFIG_NAMES(load, c->route_servers, c->n_route_servers, "route server");
	if (ips.list == NULL)
		return;
	for (size_t i = 0; i < c->n_route_servers; i++)
		check_server(load, &ips, &c->route_servers[i]);
}
