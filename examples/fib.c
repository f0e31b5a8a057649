/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

/*
 * A data plane's tables: one rte_fib for each class of NICs, kept from the deltas alone.
 * usage: fib CONFIG SECONDS NIC... -- EAL-ARGUMENT...
 *
 * CONFIG has `process: {ioThreads: 0}`: between two vrs_poll() nothing changes, so a table that has
 * followed must answer every address as a look-up does; random ones are compared all the time. Ends
 * with a line of what was done, exit 1 when anything differed. IPv4 (rte_fib6 is the same again).
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <rte_eal.h>
#include <rte_fib.h>
#include <rte_memory.h>
#include <vrs/vrs.h>

enum { MAX_CLASSES = 8, MAX_WAYS = 4096, BURST = 256, MAX_HOPS = 8 };

/* What a table's next hop number means. 0: no route. */
struct way {
	uint8_t source, type;
	uint32_t n;
	struct vrs_ip hops[MAX_HOPS];
};

struct table {
	int class_number;
	uint32_t nic;
	struct vrs_cursor *cursor;
	struct rte_fib *fib;
	struct way ways[MAX_WAYS];
	uint32_t n_ways;
	unsigned long resyncs, deltas;
};

static char config[1 << 20], report[1 << 16];
static struct table *tables[MAX_CLASSES];
static unsigned n_tables;
static unsigned long compared, wrong;

static struct way way_of(const struct vrs_hops *h)
{
	struct way w;

	memset(&w, 0, sizeof(w));
	w.source = h->source;
	w.type = h->type;
	w.n = h->n_next_hops;
	for (uint32_t i = 0; i < h->n_next_hops && i < MAX_HOPS; i++)
		w.hops[i] = h->next_hops[i];
	return w;
}

static uint32_t number_of(struct table *t, const struct vrs_hops *h)
{
	struct way w = way_of(h);

	for (uint32_t i = 1; i < t->n_ways; i++)
		if (memcmp(&t->ways[i], &w, sizeof(w)) == 0)
			return i;
	if (t->n_ways == MAX_WAYS)
		return 0;
	t->ways[t->n_ways] = w;
	return t->n_ways++;
}

static uint32_t ip4(const uint8_t *bytes)
{
	return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 |
		bytes[3];
}

static int set(void *ctx, const struct vrs_net *net, const struct vrs_hops *hops)
{
	struct table *t = ctx;

	if (net->family != VRS_IP4)
		return 0;
	if (hops->source == VRS_FROM_NOTHING)
		return rte_fib_delete(t->fib, ip4(net->bytes), net->len);
	return rte_fib_add(t->fib, ip4(net->bytes), net->len, number_of(t, hops));
}

static int make_empty(struct table *t)
{
	struct rte_fib_conf conf;
	char name[32];

	memset(&conf, 0, sizeof(conf));
	conf.type = RTE_FIB_DIR24_8;
	conf.max_routes = 1 << 17;
	conf.rib_ext_sz = 0;
	conf.dir24_8.nh_sz = RTE_FIB_DIR24_8_2B;
	conf.dir24_8.num_tbl8 = 1 << 12;
	rte_fib_free(t->fib);
	snprintf(name, sizeof(name), "class%d", t->class_number);
	t->fib = rte_fib_create(name, SOCKET_ID_ANY, &conf);
	t->n_ways = 1;
	return t->fib != NULL ? 0 : -ENOMEM;
}

static int follow(struct table *t)
{
	static struct vrs_delta_record deltas[256];
	int n;

	while ((n = vrs_cursor_read(t->cursor, deltas, 256)) != 0) {
		if (n == -ESTALE) {
			t->resyncs++;
			n = make_empty(t);
			if (n == 0)
				n = vrs_resync(t->cursor, set, t);
		}
		if (n < 0 && n != -ESTALE)
			return n;
		for (int i = 0; i < n; i++) {
			int err = set(t, &deltas[i].prefix, &deltas[i].after);

			if (err != 0)
				return err;
		}
		t->deltas += n > 0 ? (unsigned long)n : 0;
	}
	return 0;
}

/* Half of the addresses anywhere, half near a route that the peer announced. */
static void compare(struct vrs *v, struct table *t)
{
	struct vrs_ip ips[BURST];
	struct vrs_answer answers[BURST];
	uint32_t addrs[BURST];
	uint64_t numbers[BURST];

	memset(ips, 0, sizeof(ips));
	for (unsigned i = 0; i < BURST; i++) {
		uint32_t a = (uint32_t)random() << 1 ^ (uint32_t)random();

		if (i % 2 == 0)
			a = 0x14000000 | (a & 0x3ffff);
		addrs[i] = a;
		for (unsigned k = 0; k < 4; k++)
			ips[i].bytes[k] = (uint8_t)(a >> (24 - 8 * k));
		ips[i].family = VRS_IP4;
	}
	if (rte_fib_lookup_bulk(t->fib, addrs, numbers, BURST) != 0 ||
		vrs_effective_bulk(v, t->nic, ips, BURST, answers) != 0)
		wrong++;
	for (unsigned i = 0; i < BURST; i++) {
		const struct way *w = &t->ways[numbers[i] < t->n_ways ? numbers[i] : 0];

		wrong += w->source != answers[i].source || w->n != answers[i].n_next_hops ||
			(w->source != VRS_FROM_NOTHING && w->type != answers[i].type) ||
			(w->n > 0 &&
				memcmp(&w->hops[0], &answers[i].next_hop, sizeof(struct vrs_ip)) !=
					0);
	}
	compared += BURST;
}

static int add_table(struct vrs *v, const char *name)
{
	struct table *t = calloc(1, sizeof(*t));
	int err = t == NULL ? -ENOMEM : vrs_nic(v, name, &t->nic);

	if (err != 0) {
		free(t);
		return err;
	}
	t->class_number = vrs_nic_class(v, t->nic);
	/* NICs of one class share a table. */
	for (unsigned i = 0; i < n_tables; i++) {
		if (tables[i]->class_number == t->class_number) {
			free(t);
			return 0;
		}
	}
	tables[n_tables++] = t;
	return vrs_cursor_open_nic(v, t->nic, &t->cursor);
}

static int run(struct vrs *v, time_t end)
{
	int err = 0;

	while (err == 0 && time(NULL) < end) {
		err = vrs_poll(v, 20);
		for (unsigned i = 0; err >= 0 && i < n_tables; i++) {
			err = follow(tables[i]);
			if (err == 0)
				compare(v, tables[i]);
		}
	}
	return err;
}

int main(int argc, char **argv)
{
	FILE *f = argc > 3 ? fopen(argv[1], "r") : NULL;
	unsigned long deltas = 0, resyncs = 0;
	struct vrs *v;
	int nics = 3;

	if (f == NULL)
		return 2;
	size_t size = fread(config, 1, sizeof(config), f);
	fclose(f);
	while (nics < argc && strcmp(argv[nics], "--") != 0)
		nics++;
	if (nics == argc || rte_eal_init(argc - nics, argv + nics) < 0)
		return 2;
	vrs_thread_register();
	int err = vrs_open(&v, config, size, NULL, report, sizeof(report));
	fputs(report, stderr);
	if (err != 0)
		return 1;
	for (int i = 3; i < nics && err == 0 && n_tables < MAX_CLASSES; i++)
		err = add_table(v, argv[i]);
	if (err == 0)
		err = run(v, time(NULL) + atoi(argv[2]));
	for (unsigned i = 0; i < n_tables; i++) {
		deltas += tables[i]->deltas;
		resyncs += tables[i]->resyncs;
		vrs_cursor_close(tables[i]->cursor);
		rte_fib_free(tables[i]->fib);
		free(tables[i]);
	}
	vrs_close(v);
	vrs_thread_unregister();
	rte_eal_cleanup();
	printf("%u tables, %lu resyncs, %lu deltas, %lu addresses compared, %lu wrong%s%s\n",
		n_tables, resyncs, deltas, compared, wrong, err != 0 ? ": " : "",
		err != 0 ? strerror(-err) : "");
	return err == 0 && wrong == 0 ? 0 : 1;
}
