/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

/*
 * EAL, ports, and a stack for each thread over a wire on every port.
 *
 * Wires keep their ports. What is here is a list of them for frames that no stack wants; it goes with the
 * last of the family, or at once when there is none.
 */

#include "io/dpdk/dpdk.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "io/dpdk/eal.h"
#include "io/dpdk/port.h"
#include "io/dpdk/stack.h"
#include "rib/base/mem.h"

struct family {
	unsigned n_ports;
	bool making; /* vrs_stacks_new() runs: last() leaves the family to its caller. */
	struct vrs_port *ports[];
};

static size_t size_of(unsigned n_ports)
{
	return sizeof(struct family) + n_ports * sizeof(struct vrs_port *);
}

static void family_free(struct family *f)
{
	for (unsigned i = 0; i < f->n_ports; i++)
		vrs_port_put(f->ports[i]);
	vrs_mem_free(VRS_MEM_OTHER, f, size_of(f->n_ports));
}

static void attach(void *ctx)
{
	vrs_eal_attach();
}

static void last(void *ctx)
{
	struct family *f = ctx;

	if (!f->making)
		family_free(f);
}

static void other(void *ctx, unsigned port, const struct vrs_frame *frame)
{
	const struct family *f = ctx;

	vrs_port_other(f->ports[port], frame);
}

static bool port(void *ctx, unsigned index, struct vrs_transport_port *out)
{
	const struct family *f = ctx;

	if (index >= f->n_ports)
		return false;
	vrs_port_stat(f->ports[index], out);
	return true;
}

bool vrs_dpdk_built(void)
{
	return true;
}

static int start_eal(const struct vrs_dpdk_config *c, unsigned n, char *why, size_t why_size)
{
	struct vrs_eal_config e = {.args = c->eal, .n_args = c->n_eal, .n_devices = c->n_ports};
	const char **devices = vrs_mem_zalloc(VRS_MEM_OTHER, (c->n_ports + 1) * sizeof(*devices));
	int err = -ENOMEM;

	if (devices == NULL)
		return err;
	for (unsigned i = 0; i < c->n_ports; i++) {
		devices[i] = c->ports[i].device;
		e.memory_mib += vrs_port_memory_mib(&c->ports[i], n);
	}
	e.devices = devices;
	err = vrs_eal_start(&e, why, why_size);
	vrs_mem_free(VRS_MEM_OTHER, devices, (c->n_ports + 1) * sizeof(*devices));
	return err;
}

/* @return 0, or a negative errno with what there is of them left in @p wires. */
static int make_wires(const struct family *f, unsigned n, struct vrs_wire **wires)
{
	for (unsigned t = 0; t < n; t++)
		for (unsigned i = 0; i < f->n_ports; i++) {
			struct vrs_wire *w = vrs_port_wire(f->ports[i], t);
			if (w == NULL)
				return -ENOMEM;
			wires[(size_t)t * f->n_ports + i] = w;
		}
	return 0;
}

static int make_stacks(struct family *f, const struct vrs_dpdk_config *c, unsigned n,
	struct vrs_wire **wires, struct vrs_transport **out)
{
	bool exceptions = false;

	for (unsigned i = 0; i < c->n_ports; i++)
		exceptions = exceptions || c->ports[i].exception_tap != NULL;
	f->making = true;
	int err = vrs_stacks_new(
		&(struct vrs_stack_config){
			.n_threads = n,
			.n_ports = c->n_ports,
			.ports = c->ports,
			.wires = wires,
			.attach = attach,
			.last = last,
			.other = exceptions ? other : NULL,
			.ctx = f,
		},
		out);
	f->making = false;
	return err;
}

static int make_transports(
	struct family *f, const struct vrs_dpdk_config *c, unsigned n, struct vrs_transport **out)
{
	size_t size = (size_t)n * c->n_ports * sizeof(struct vrs_wire *);
	struct vrs_wire **wires = vrs_mem_zalloc(VRS_MEM_OTHER, size);

	if (wires == NULL)
		return -ENOMEM;
	int err = make_wires(f, n, wires);
	if (err == 0)
		err = make_stacks(f, c, n, wires, out);
	else
		for (size_t i = 0; i < (size_t)n * c->n_ports; i++)
			if (wires[i] != NULL)
				wires[i]->ops->free(wires[i]);
	vrs_mem_free(VRS_MEM_OTHER, wires, size);
	return err;
}

int vrs_dpdk_transports_new(const struct vrs_dpdk_config *c, unsigned n, struct vrs_transport **out,
	char *why, size_t why_size)
{
	(void)snprintf(why, why_size, "no memory");
	if (c->n_ports == 0) {
		(void)snprintf(why, why_size, "there is no port");
		return -EINVAL;
	}
	int err = start_eal(c, n, why, why_size);
	if (err != 0)
		return err;
	struct family *f = vrs_mem_zalloc(VRS_MEM_OTHER, size_of(c->n_ports));
	if (f == NULL)
		return -ENOMEM;
	f->n_ports = c->n_ports;
	for (unsigned i = 0; i < c->n_ports && err == 0; i++)
		err = vrs_port_new(&c->ports[i], n, &f->ports[i], why, why_size);
	if (err == 0) {
		(void)snprintf(why, why_size, "a stack for each thread could not be made");
		err = make_transports(f, c, n, out);
	}
	for (unsigned i = 0; i < n && err == 0; i++) {
		out[i]->port = port;
		out[i]->port_ctx = f;
	}
	if (err != 0)
		family_free(f);
	return err;
}
