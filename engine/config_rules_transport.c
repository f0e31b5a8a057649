/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

/*
 * Rules about process.transport: ports, their addresses and gateways, and that every virtualRouterIp is
 * on one of them. Ports are few: every pair is looked at.
 */

#include <string.h>

#include "engine/config_load.h"

enum { MTU_MIN_IP6 = 1280 };

static bool has_family(const struct vrs_cfg_port *p, uint8_t afi)
{
	for (size_t i = 0; i < p->n_addresses; i++)
		if (p->addresses[i].addr.afi == afi)
			return true;
	return false;
}

static bool is_on_link(const struct vrs_cfg_port *p, const struct vrs_addr *a)
{
	if (vrs_addr_is_link_local(a) && has_family(p, VRS_AFI_IP6))
		return true;
	for (size_t i = 0; i < p->n_addresses; i++) {
		const struct vrs_cfg_interface_address *own = &p->addresses[i];
		struct vrs_prefix link;

		if (own->addr.afi == VRS_AFI_NONE)
			continue;
		link = vrs_prefix_of(&own->addr, own->len);
		if (vrs_prefix_covers_addr(&link, a))
			return true;
	}
	return false;
}

static bool is_own(const struct vrs_cfg_port *p, const struct vrs_addr *a)
{
	for (size_t i = 0; i < p->n_addresses; i++)
		if (p->addresses[i].addr.afi != VRS_AFI_NONE &&
			vrs_addr_equal(&p->addresses[i].addr, a))
			return true;
	return false;
}

/* An address that can be an interface's: not of a group, nor of this host, nor none at all. */
static bool is_unicast(const struct vrs_addr *a)
{
	static const uint8_t loopback6[16] = {[15] = 1};
	static const uint8_t none[16];

	if (a->afi == VRS_AFI_IP4)
		return a->bytes[0] != 0 && a->bytes[0] != 127 && a->bytes[0] < 224;
	return a->bytes[0] != 0xff && memcmp(a->bytes, loopback6, 16) != 0 &&
		memcmp(a->bytes, none, 16) != 0;
}

static void check_gateways(struct vrs_config_load *load, const struct vrs_cfg_port *p)
{
	char text[VRS_ADDR_STRLEN];

	for (size_t i = 0; i < p->n_gateways; i++) {
		const struct vrs_addr *g = &p->gateways[i];
		struct vrs_mark mark = vrs_config_mark(load, g, p->mark);

		if (g->afi == VRS_AFI_NONE)
			continue;
		if (is_own(p, g))
			vrs_config_error(load, mark, "out-of-range", NULL,
				"gateway %s is the port's own address", vrs_addr_str(g, text));
		else if (!is_unicast(g) || !is_on_link(p, g))
			vrs_config_error(load, mark, "out-of-range", NULL,
				"gateway %s is on the link of none of the port's addresses",
				vrs_addr_str(g, text));
		if (i > 0 && p->gateways[0].afi == g->afi)
			vrs_config_error(
				load, mark, "out-of-range", NULL, "gateways has two of one family");
	}
}

/* An address is on one port, once; the later one is at fault. */
static bool is_taken(const struct vrs_cfg_process *c, size_t port, size_t index)
{
	const struct vrs_addr *a = &c->ports[port].addresses[index].addr;

	for (size_t i = 0; i < port; i++)
		if (is_own(&c->ports[i], a))
			return true;
	for (size_t i = 0; i < index; i++)
		if (vrs_addr_equal(&c->ports[port].addresses[i].addr, a))
			return true;
	return false;
}

static void check_addresses(
	struct vrs_config_load *load, const struct vrs_cfg_process *c, size_t port)
{
	const struct vrs_cfg_port *p = &c->ports[port];
	char text[VRS_ADDR_STRLEN];

	for (size_t i = 0; i < p->n_addresses; i++) {
		const struct vrs_addr *a = &p->addresses[i].addr;
		struct vrs_mark mark = vrs_config_mark(load, &p->addresses[i], p->mark);

		if (a->afi == VRS_AFI_NONE)
			continue;
		if (!is_unicast(a))
			vrs_config_error(load, mark, "out-of-range", NULL,
				"%s is no address of an interface", vrs_addr_str(a, text));
		else if (is_taken(c, port, i))
			vrs_config_error(load, mark, "out-of-range", NULL,
				"%s already is an address of a port", vrs_addr_str(a, text));
	}
	if (p->mtu != 0 && p->mtu < MTU_MIN_IP6 && has_family(p, VRS_AFI_IP6))
		vrs_config_error(load, vrs_config_mark(load, &p->mtu, p->mark), "out-of-range",
			NULL, "mtu is %u; with IPv6 addresses %d or more is allowed", p->mtu,
			(int)MTU_MIN_IP6);
}

/* "net_ring0" of "net_ring0,x=y". */
static bool same_device(const char *a, const char *b)
{
	size_t n = strcspn(a, ",");

	return n == strcspn(b, ",") && memcmp(a, b, n) == 0;
}

static void check_names(struct vrs_config_load *load, const struct vrs_cfg_process *c, size_t port)
{
	const struct vrs_cfg_port *p = &c->ports[port];

	for (size_t i = 0; i < port; i++) {
		const struct vrs_cfg_port *q = &c->ports[i];

		if (p->device != NULL && q->device != NULL && same_device(p->device, q->device))
			vrs_config_error(load, vrs_config_mark(load, &p->device, p->mark),
				"duplicate-name", NULL, "there already is a port \"%.*s\"",
				(int)strcspn(p->device, ","), p->device);
		if (p->exception_tap != NULL && q->exception_tap != NULL &&
			strcmp(p->exception_tap, q->exception_tap) == 0)
			vrs_config_error(load, vrs_config_mark(load, &p->exception_tap, p->mark),
				"duplicate-name", NULL, "there already is an exceptionTap \"%s\"",
				p->exception_tap);
	}
}

static void check_router_ips(struct vrs_config_load *load, const struct vrs_config *c)
{
	char text[VRS_ADDR_STRLEN];

	for (size_t i = 0; i < c->n_route_servers; i++) {
		const struct vrs_cfg_route_server *rs = &c->route_servers[i];
		for (size_t j = 0; j < rs->n_router_ips; j++) {
			const struct vrs_addr *a = &rs->router_ips[j];
			bool found = a->afi == VRS_AFI_NONE;
			for (size_t k = 0; k < c->process.n_ports && !found; k++)
				found = is_own(&c->process.ports[k], a);
			if (!found)
				vrs_config_error(load, vrs_config_mark(load, a, rs->mark),
					"router-ip", NULL,
					"virtualRouterIp %s is an address of no port in "
					"process.transport",
					vrs_addr_str(a, text));
		}
	}
}

static void check_kernel(struct vrs_config_load *load, const struct vrs_cfg_process *c)
{
	struct vrs_mark top = {1, 1};

	if (vrs_config_given(load, &c->eal))
		vrs_config_error(load, vrs_config_mark(load, &c->eal, top), "out-of-range", NULL,
			"eal is given; only kind dpdk has it");
	if (vrs_config_given(load, &c->ports))
		vrs_config_error(load, vrs_config_mark(load, &c->ports, top), "out-of-range", NULL,
			"ports is given; only kind dpdk has them");
}

void vrs_config_rules_transport(struct vrs_config_load *load)
{
	const struct vrs_cfg_process *c = &load->config->process;
	struct vrs_mark kind = vrs_config_mark(load, &c->transport, (struct vrs_mark){1, 1});

	for (size_t i = 0; i < c->n_ports; i++) {
		check_names(load, c, i);
		check_addresses(load, c, i);
		check_gateways(load, &c->ports[i]);
	}
	if (vrs_config_given(load, &c->transport) && !vrs_config_valid(load, &c->transport))
		return;
	if (c->transport == VRS_TRANSPORT_KERNEL) {
		check_kernel(load, c);
		return;
	}
	if (c->n_ports == 0)
		vrs_config_error(load, vrs_config_mark(load, &c->ports, kind), "missing-key", NULL,
			"kind dpdk needs ports");
	else
		check_router_ips(load, load->config);
}
