/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

/*
 * Claim: what a VM costs when a configuration is made ready for look-ups (vrs_model_new()): its class found,
 * its name sorted in. 1,000 classes; the range is VMs, a million of them too, which no file of
 * 16 MiB could hold: the configuration is that of one VM a class, and its rows are then repeated.
 *
 * Unit: ns a VM. Counters: look_ns, finding one by its name (random ones, misses not overlapped);
 * bytes, the sizes of what is kept for a VM: its row, an address, its name, its places in the model.
 */

#include <stdio.h>
#include <stdlib.h>

#include "bench/suite.h"
#include "engine/model.h"
#include "rib/base/clock.h"
#include "tests/random.h"

enum { CLASSES = 1000, NAME_SIZE = 24, YAML_MAX = 1 << 20, LOOKS = 20000 };

/* A configuration whose NICs are ours for as long as a model has it. */
struct lab {
	struct vrs_config *config;
	struct vrs_cfg_nic *nics, *few; /* Ours, and the configuration's own. */
	char (*names)[NAME_SIZE];
	size_t n, n_few;
};

static struct vrs_config *template(void)
{
	char *text = vrs_bench_need(malloc(YAML_MAX));
	struct vrs_cfg_report report;
	struct vrs_config *config = NULL;
	FILE *f = vrs_bench_need(fmemopen(text, YAML_MAX, "w"));

	(void)fputs("virtualNetworks:\n  - name: hub\n    addressPrefixes: [10.0.0.0/8]\n"
		    "    subnets:\n"
		    "      - {name: RouteServerSubnet, addressPrefix: 10.0.0.0/26}\n",
		f);
	for (unsigned i = 0; i < CLASSES; i++)
		(void)fprintf(f,
			"      - {name: s%u, addressPrefix: 10.%u.%u.0/24, routeTable: rt%u}\n", i,
			1 + i / 250, i % 250, i);
	(void)fputs("routeTables:\n", f);
	for (unsigned i = 0; i < CLASSES; i++)
		(void)fprintf(f,
			"  - {name: rt%u, routes: [{name: a, addressPrefix: 192.0.%u.0/24, "
			"nextHopType: None}]}\n",
			i, i % 250);
	(void)fputs("networkInterfaces:\n", f);
	for (unsigned i = 0; i < CLASSES; i++)
		(void)fprintf(f,
			"  - {name: t%u, virtualNetwork: hub, subnet: s%u, privateIpAddress: "
			"10.%u.%u.4}\n",
			i, i, 1 + i / 250, i % 250);
	long size = ftell(f);
	vrs_bench_must(fclose(f) == 0, "no text");
	vrs_bench_must(vrs_config_parse("bench", NULL, text, (size_t)size, &report, &config) == 0,
		"the configuration is refused");
	vrs_cfg_report_fini(&report);
	free(text);
	return config;
}

/* @p n NICs: the template's rows again and again, each with a name of its own. */
static void fill(struct lab *l, size_t n)
{
	l->config = template();
	l->few = l->config->nics;
	l->n_few = l->config->n_nics;
	l->n = n;
	l->nics = vrs_bench_need(calloc(n, sizeof(*l->nics)));
	l->names = vrs_bench_need(calloc(n, sizeof(*l->names)));
	for (size_t i = 0; i < n; i++) {
		l->nics[i] = l->few[i % l->n_few];
		(void)snprintf(l->names[i], NAME_SIZE, "vm%zu", i);
		l->nics[i].name = l->names[i];
	}
}

static struct vrs_model *make(struct lab *l)
{
	l->config->nics = l->nics;
	l->config->n_nics = l->n;
	return vrs_bench_need(vrs_model_new(l->config));
}

/* The model goes, and its configuration with it; our NICs stay. */
static void drop(struct lab *l, struct vrs_model *m)
{
	l->config->nics = l->few;
	l->config->n_nics = l->n_few;
	vrs_model_put(m);
	free(l->nics);
	free(l->names);
}

static double look_ns(struct lab *l, struct vrs_model *m)
{
	struct rng rng = {5};
	uint64_t began = vrs_now_ns();

	for (unsigned i = 0; i < LOOKS; i++) {
		uint32_t at = rng_below(&rng, (uint32_t)l->n);

		vrs_bench_must(vrs_model_nic(m, l->names[at]) == (int)at, "another NIC");
	}
	return (double)(vrs_now_ns() - began) / LOOKS;
}

static void run(struct vrs_bench_state *s, const struct vrs_bench *b)
{
	size_t n = (size_t)vrs_bench_range(s);
	double looks = 0;

	while (vrs_bench_keep(s, n)) {
		struct lab l;

		vrs_bench_pause(s);
		fill(&l, n);
		vrs_bench_resume(s);
		struct vrs_model *m = make(&l);
		vrs_bench_pause(s);
		looks = look_ns(&l, m);
		drop(&l, m);
		vrs_bench_resume(s);
	}
	vrs_bench_counter(s, "look_ns", looks);
	vrs_bench_counter(s, "bytes",
		sizeof(struct vrs_cfg_nic) + sizeof(struct vrs_addr) + NAME_SIZE +
			2 * sizeof(uint32_t));
	vrs_bench_rate(s, vrs_bench_items(s), 0);
}

const struct vrs_bench vrs_bench_model[] = {
	{"model/new", run, VRS_AFI_IP4, 0, {1000, 10000, 100000, 1000000}, false},
	{0},
};
