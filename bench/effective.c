/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

/*
 * Claim: what a host of libvrs pays to ask where a packet of a VM goes (engine/vrs.h): one call each
 * (one), a VM and an address at random together (many), and many addresses of one VM (bulk): 100,000
 * VMs in 1,000 classes, each with 20 to 200 user routes besides the network's own, and learned
 * prefixes as the range says. With /changing, while another thread announces prefixes with other next
 * hops as fast as the engine's I/O thread takes them; the label is changes that became effective in
 * a second. That wants three cores: on two, the writers and the look-ups share them.
 *
 * Unit: ns a look-up. Addresses are random hosts of random learned prefixes, in calls of 4096. The
 * engine runs with its own threads; routes are put into its table as a session would.
 */

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench/suite.h"
#include "engine/vrs_internal.h"
#include "io/bgp/encode.h"
#include "tests/random.h"

enum { ONE, MANY, BULK, CHANGING = 4 };
enum {
	CLASSES = 1000,
	VMS = 100000,
	CALL = 4096,
	HOPS = 64,
	STEP = 1024,
	UPDATE = 32,
	YAML_MAX = 16 << 20
};

struct lab {
	const struct vrs_bench_data *data;
	struct vrs *vrs;
	uint32_t *nics; /* VMS of them. */
	uint32_t *asks; /* A NIC for each address. */
	struct vrs_server *server;
	uint16_t slot;
	uint32_t ids[HOPS];
	size_t at;      /* The next prefix that changes, */
	uint32_t round; /* and by how much its next hop does. */
	_Atomic bool stop;
};

/* --- Set-up --- */

static void add_table(
	struct vrs_writer *w, struct rng *rng, const struct vrs_bench_data *d, size_t i)
{
	char line[160], prefix[VRS_PREFIX_STRLEN];
	size_t n = 20 + rng_below(rng, 181), step = d->n / n;
	int size = snprintf(line, sizeof(line), "  - name: rt%zu\n    routes:\n", i);

	vrs_write_bytes(w, line, (size_t)size);
	/* One of each n-th part, so that no prefix comes twice. */
	for (size_t k = 0; k < n; k++) {
		size_t at = k * step + rng_below(rng, (uint32_t)step);

		size = snprintf(line, sizeof(line),
			"      - {name: r%zu, addressPrefix: %s, nextHopType: None}\n", k,
			vrs_prefix_str(&d->shuffled[at], prefix));
		vrs_write_bytes(w, line, (size_t)size);
	}
}

/* A network of CLASSES subnets with a route table each. */
static char *configuration(const struct vrs_bench_data *d, size_t *size)
{
	char *text = vrs_bench_need(malloc(YAML_MAX)), line[160];
	struct vrs_writer w = vrs_writer_init((uint8_t *)text, YAML_MAX);
	struct rng rng = {7};
	int n;

#define ADD(...) \
	(n = snprintf(line, sizeof(line), __VA_ARGS__), vrs_write_bytes(&w, line, (size_t)n))
	ADD("virtualNetworks:\n  - name: hub\n    addressPrefixes: [10.0.0.0/8]\n    subnets:\n");
	ADD("      - {name: RouteServerSubnet, addressPrefix: 10.0.0.0/26}\n");
	for (unsigned i = 0; i < CLASSES; i++)
		ADD("      - {name: s%u, addressPrefix: 10.%u.%u.0/24, routeTable: rt%u}\n", i,
			1 + i / 250, i % 250, i);
	ADD("routeTables:\n");
	for (unsigned i = 0; i < CLASSES; i++)
		add_table(&w, &rng, d, i);
	ADD("networkInterfaces:\n");
	for (unsigned i = 0; i < VMS; i++)
		ADD("  - {name: vm%u, virtualNetwork: hub, subnet: s%u, privateIpAddress: "
		    "10.%u.%u.%u}\n",
			i, i % CLASSES, 1 + i % CLASSES / 250, i % 250, 4 + i / CLASSES);
	ADD("routeServers:\n  - {name: rs, virtualNetwork: hub, virtualRouterIps: [10.0.0.4]}\n");
#undef ADD
	vrs_bench_must(vrs_writer_ok(&w), "the configuration is too large");
	*size = vrs_writer_size(&w);
	return text;
}

static void make_peer(void *arg)
{
	struct lab *l = arg;
	struct vrs_path_source source = {
		.addr = vrs_addr_ip4(0x0a000104), .router_id = 1, .ebgp = true};

	l->server = l->vrs->engine.io.servers;
	int slot = vrs_table_peer_add(l->server->table, &source);
	vrs_bench_must(slot >= 0, "no slot");
	l->slot = (uint16_t)slot;
	for (uint32_t i = 0; i < HOPS; i++) {
		struct vrs_addr hop = vrs_addr_ip4(0x0a000210 + i);
		struct vrs_attrs_info info;
		uint8_t bytes[64];
		size_t size = vrs_bgp_local_attrs(&hop, bytes, sizeof(bytes), &info);

		vrs_bench_must(vrs_attrs_intern(l->server->table->attrs, bytes, size, &info,
				       &l->ids[i]) == 0,
			"cannot intern");
		vrs_attrs_get(l->server->table->attrs, l->ids[i], 1);
	}
}

/* The next STEP prefixes get another next hop, an UPDATE's worth of them the same. */
static void announce(void *arg)
{
	struct lab *l = arg;

	for (size_t end = l->at + STEP; l->at < end && l->at < l->data->n;) {
		uint8_t nlri[UPDATE * 5];
		struct vrs_writer w = vrs_writer_init(nlri, sizeof(nlri));
		uint32_t id = l->ids[(l->at / UPDATE + l->round) % HOPS];

		for (unsigned i = 0; i < UPDATE && l->at < l->data->n; i++)
			vrs_prefix_write(&w, &l->data->shuffled[l->at++]);
		vrs_table_announce(l->server->table, l->slot, VRS_AFI_IP4,
			(struct vrs_span){nlri, vrs_writer_size(&w)}, id, VRS_PATH_USABLE);
	}
	vrs_table_flush(l->server->table);
	if (l->at == l->data->n) {
		l->at = 0;
		l->round++;
	}
}

static uint64_t n_deltas(const struct lab *l)
{
	return atomic_load(&l->server->rib->n_deltas);
}

static void make_nics(struct lab *l)
{
	struct rng rng = {11};

	l->nics = vrs_bench_need(calloc(VMS, sizeof(*l->nics)));
	l->asks = vrs_bench_need(calloc(l->data->n, sizeof(*l->asks)));
	for (unsigned i = 0; i < VMS; i++) {
		char name[16];

		(void)snprintf(name, sizeof(name), "vm%u", i);
		vrs_bench_must(vrs_nic(l->vrs, name, &l->nics[i]) == 0, "no NIC");
	}
	for (size_t i = 0; i < l->data->n; i++)
		l->asks[i] = l->nics[rng_below(&rng, VMS)];
}

/* Kept until the program ends: a lab of this size takes seconds. */
static struct lab *lab_of(size_t n)
{
	static struct lab kept;
	struct lab *l = &kept;
	size_t size;

	if (l->data != NULL && l->data->n == n)
		return l;
	if (l->data != NULL) {
		vrs_bench_must(vrs_close(l->vrs) == 0, "cannot close");
		free(l->nics);
		free(l->asks);
		*l = (struct lab){0};
	}
	l->data = vrs_bench_data(VRS_AFI_IP4, n);
	char *text = configuration(l->data, &size), report[4096];
	struct vrs_options o = {.size = sizeof(o), .name = "bench"};
	if (vrs_open(&l->vrs, text, size, &o, report, sizeof(report)) != 0)
		vrs_bench_die(report);
	free(text);
	vrs_bench_must(vrs_engine_call_io(&l->vrs->engine, make_peer, l) == 0, "no peer");
	for (size_t i = 0; i < n; i += STEP)
		vrs_bench_must(vrs_engine_call_io(&l->vrs->engine, announce, l) == 0, "no routes");
	while (n_deltas(l) < n)
		(void)nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	make_nics(l);
	return l;
}

/* --- Measuring --- */

static void *change(void *arg)
{
	struct lab *l = arg;

	vrs_thread_register();
	while (!atomic_load(&l->stop))
		(void)vrs_engine_call_io(&l->vrs->engine, announce, l);
	vrs_thread_unregister();
	return NULL;
}

static double seconds(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static const struct vrs_ip *addr_at(const struct lab *l, size_t i)
{
	return (const struct vrs_ip *)&l->data->addrs[i];
}

/* One pass over all addresses. @return How many answers were BGP's with a next hop, or a user's. */
static size_t pass(const struct lab *l, int variant)
{
	static struct vrs_answer out[CALL];
	size_t good = 0;

	for (size_t at = 0; at < l->data->n; at += CALL) {
		size_t n = VRS_MIN((size_t)CALL, l->data->n - at);

		if (variant == MANY)
			(void)vrs_effective_many(l->vrs, &l->asks[at], addr_at(l, at), n, out);
		else if (variant == BULK)
			(void)vrs_effective_bulk(
				l->vrs, l->nics[at / CALL % VMS], addr_at(l, at), n, out);
		for (size_t i = 0; variant == ONE && i < n; i++)
			(void)vrs_effective(l->vrs, l->asks[at + i], addr_at(l, at + i), &out[i]);
		for (size_t i = 0; i < n; i++)
			good += out[i].source == VRS_FROM_USER ||
				(out[i].source == VRS_FROM_BGP && out[i].n_next_hops == 1);
	}
	return good;
}

static void run(struct vrs_bench_state *s, const struct vrs_bench *b)
{
	struct lab *l = lab_of((size_t)vrs_bench_range(s));
	bool changing = b->variant & CHANGING;
	uint64_t passes = 0, good = 0;
	pthread_t writer;

	atomic_store(&l->stop, false);
	if (changing)
		vrs_bench_must(pthread_create(&writer, NULL, change, l) == 0, "no thread");
	uint64_t before = n_deltas(l);
	double began = seconds();
	while (vrs_bench_keep(s, l->data->n)) {
		good += pass(l, b->variant & ~CHANGING);
		passes++;
	}
	double rate = (double)(n_deltas(l) - before) / (seconds() - began);
	if (changing) {
		char label[64];

		atomic_store(&l->stop, true);
		(void)pthread_join(writer, NULL);
		(void)snprintf(label, sizeof(label), "%.2f M changes/s", rate / 1e6);
		vrs_bench_label(s, label);
	}
	if (good != passes * l->data->n)
		vrs_bench_fail(s, "an address found no learned or user route");
	vrs_bench_rate(s, vrs_bench_items(s), 0);
}

const struct vrs_bench vrs_bench_effective[] = {
	{"effective/one", run, VRS_AFI_IP4, ONE, {10000, 1000000}, true},
	{"effective/many", run, VRS_AFI_IP4, MANY, {10000, 1000000}, true},
	{"effective/bulk", run, VRS_AFI_IP4, BULK, {10000, 1000000}, true},
	{"effective/one/changing", run, VRS_AFI_IP4, ONE | CHANGING, {1000000}, true},
	{"effective/many/changing", run, VRS_AFI_IP4, MANY | CHANGING, {1000000}, true},
	{"effective/bulk/changing", run, VRS_AFI_IP4, BULK | CHANGING, {1000000}, true},
	{0},
};
