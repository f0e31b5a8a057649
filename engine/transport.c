/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#include "engine/transport.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/dpdk/dpdk.h"
#include "io/kernel/kernel.h"

/* ---- From the configuration to DPDK's ------------------------------------------------------- */

struct ports {
	struct vrs_dpdk_port *list;
	struct vrs_addr *addresses; /* Of all ports, as `lens`. */
	uint8_t *lens;
};

static void ports_free(struct ports *p)
{
	free(p->list);
	free(p->addresses);
	free(p->lens);
}

static void fill_port(struct vrs_dpdk_port *to, const struct vrs_cfg_port *from)
{
	to->device = from->device;
	to->vlan = from->vlan;
	to->mtu = from->mtu;
	to->queues = from->queues;
	to->exception_tap = from->exception_tap;
	to->bad_wire = from->bad_wire;
	to->n_addresses = (unsigned)from->n_addresses;
	for (size_t i = 0; i < from->n_addresses; i++) {
		to->addresses[i] = from->addresses[i].addr;
		to->lens[i] = from->addresses[i].len;
	}
	for (size_t i = 0; i < from->n_gateways; i++)
		to->gateways[from->gateways[i].afi == VRS_AFI_IP6] = from->gateways[i];
}

static int ports_make(const struct vrs_cfg_process *c, struct ports *p)
{
	size_t n = 0;

	for (size_t i = 0; i < c->n_ports; i++)
		n += c->ports[i].n_addresses;
	p->list = calloc(c->n_ports + 1, sizeof(*p->list));
	p->addresses = calloc(n + 1, sizeof(*p->addresses));
	p->lens = calloc(n + 1, sizeof(*p->lens));
	if (p->list == NULL || p->addresses == NULL || p->lens == NULL)
		return -ENOMEM;
	n = 0;
	for (size_t i = 0; i < c->n_ports; i++) {
		p->list[i].addresses = p->addresses + n;
		p->list[i].lens = p->lens + n;
		fill_port(&p->list[i], &c->ports[i]);
		n += c->ports[i].n_addresses;
	}
	return 0;
}

static int dpdk_new(const struct vrs_cfg_process *c, unsigned n, struct vrs_transport **out,
	char *why, size_t why_size)
{
	struct ports ports = {0};
	int err = ports_make(c, &ports);

	(void)snprintf(why, why_size, "%s", strerror(ENOMEM));
	if (err == 0)
		err = vrs_dpdk_transports_new(&(struct vrs_dpdk_config){.eal = c->eal,
						      .n_eal = (unsigned)c->n_eal,
						      .ports = ports.list,
						      .n_ports = (unsigned)c->n_ports},
			n, out, why, why_size);
	ports_free(&ports);
	if (err == 0)
		why[0] = '\0';
	return err;
}

int vrs_transports_new(const struct vrs_cfg_process *c, unsigned n, struct vrs_transport **out,
	char *why, size_t why_size)
{
	if (c->transport == VRS_TRANSPORT_DPDK)
		return dpdk_new(c, n, out, why, why_size);
	int err = vrs_kernel_transports_new(n, out);
	if (err != 0)
		(void)snprintf(
			why, why_size, "epoll, eventfd, /dev/null: %s", strerrordesc_np(-err));
	return err;
}

/* ---- Compared -------------------------------------------------------------------------------- */

static bool same_text(const char *a, const char *b)
{
	return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static bool same_bad_wire(const struct vrs_badwire_config *a, const struct vrs_badwire_config *b)
{
	return a->loss_ppm == b->loss_ppm && a->reorder_ppm == b->reorder_ppm &&
		a->reorder_us == b->reorder_us && a->duplicate_ppm == b->duplicate_ppm &&
		a->corrupt_ppm == b->corrupt_ppm && a->delay_us == b->delay_us &&
		a->rate == b->rate && a->queue_bytes == b->queue_bytes && a->seed == b->seed;
}

static bool same_port(const struct vrs_cfg_port *a, const struct vrs_cfg_port *b)
{
	if (a->n_addresses != b->n_addresses || a->n_gateways != b->n_gateways ||
		a->vlan != b->vlan || a->mtu != b->mtu || a->queues != b->queues ||
		!same_text(a->device, b->device) ||
		!same_text(a->exception_tap, b->exception_tap) ||
		!same_bad_wire(&a->bad_wire, &b->bad_wire))
		return false;
	for (size_t i = 0; i < a->n_addresses; i++)
		if (!vrs_addr_equal(&a->addresses[i].addr, &b->addresses[i].addr) ||
			a->addresses[i].len != b->addresses[i].len)
			return false;
	for (size_t i = 0; i < a->n_gateways; i++)
		if (!vrs_addr_equal(&a->gateways[i], &b->gateways[i]))
			return false;
	return true;
}

bool vrs_transport_same(const struct vrs_cfg_process *a, const struct vrs_cfg_process *b)
{
	if (a->transport != b->transport || a->n_eal != b->n_eal || a->n_ports != b->n_ports)
		return false;
	for (size_t i = 0; i < a->n_eal; i++)
		if (!same_text(a->eal[i], b->eal[i]))
			return false;
	for (size_t i = 0; i < a->n_ports; i++)
		if (!same_port(&a->ports[i], &b->ports[i]))
			return false;
	return true;
}
