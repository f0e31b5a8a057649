/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

/*
 * A data plane's tables: an rte_fib and an rte_fib6 for each class of NICs, kept from the deltas alone.
 * usage: fib CONFIG SECONDS NIC... -- EAL-ARGUMENT...
 *
 * CONFIG has `process: {ioThreads: 0}`: between two vrs_poll() nothing changes, so a table that has
 * followed must answer every address as a look-up does; random ones are compared all the time. Ends
 * with a line of what was done, exit 1 when anything differed.
 */

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <rte_eal.h>
#include <rte_fib.h>
#include <rte_fib6.h>
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
	struct rte_fib6 *fib6;
	struct way ways[MAX_WAYS];
	uint32_t n_ways;
	unsigned long resyncs, deltas;
};

static char config[1 << 20], report[1 << 16];
static struct table *tables[MAX_CLASSES];
static unsigned n_tables;
static unsigned long compared, wrong;
static unsigned long specific[VRS_IP6 + 1]; /* Of compared: by a learned route longer than /0. */

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
	bool gone = hops->source == VRS_FROM_NOTHING;
	struct table *t = ctx;
	uint32_t n = gone ? 0 : number_of(t, hops);

	if (net->family == VRS_IP4)
		return gone ? rte_fib_delete(t->fib, ip4(net->bytes), net->len)
			    : rte_fib_add(t->fib, ip4(net->bytes), net->len, n);
	return gone ? rte_fib6_delete(t->fib6, net->bytes, net->len)
		    : rte_fib6_add(t->fib6, net->bytes, net->len, n);
}

static void free_fibs(struct table *t)
{
	rte_fib_free(t->fib);
	rte_fib6_free(t->fib6);
}

static int make_empty(struct table *t)
{
	/* 2^24 next hops of two bytes and 256 in each tbl8: 34 and 40 MB. An IPv6 route may need one
	 * tbl8 for every byte behind its third. */
	struct rte_fib_conf conf = {
		.type = RTE_FIB_DIR24_8,
		.max_routes = 1 << 17,
		.dir24_8 = {.nh_sz = RTE_FIB_DIR24_8_2B, .num_tbl8 = 1 << 12},
	};
	struct rte_fib6_conf conf6 = {
		.type = RTE_FIB6_TRIE,
		.max_routes = 1 << 16,
		.trie = {.nh_sz = RTE_FIB6_TRIE_2B, .num_tbl8 = 1 << 14},
	};
	char name[32];

	free_fibs(t);
	snprintf(name, sizeof(name), "class%d", t->class_number);
	t->fib = rte_fib_create(name, SOCKET_ID_ANY, &conf);
	/* Not the same name: both have a mempool named after it. */
	snprintf(name, sizeof(name), "class%d-6", t->class_number);
	t->fib6 = rte_fib6_create(name, SOCKET_ID_ANY, &conf6);
	t->n_ways = 1;
	return t->fib != NULL && t->fib6 != NULL ? 0 : -ENOMEM;
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

/* Anywhere, or near the routes that the peers announce. */
static struct vrs_ip random_ip(enum vrs_family family, bool near)
{
	static const struct {
		uint8_t size, n_near, near[7];
	} of[] = {[VRS_IP4] = {4, 2, {20, 0}}, [VRS_IP6] = {16, 7, {0x20, 0x01, 0x0d, 0xb8}}};
	struct vrs_ip ip = {.family = family};

	for (unsigned i = 0; i < of[family].size; i++)
		ip.bytes[i] = (uint8_t)(random() >> 8);
	if (near) {
		memcpy(ip.bytes, of[family].near, of[family].n_near);
		ip.bytes[of[family].n_near] &= 127;
	}
	return ip;
}

static int look_up(
	struct table *t, enum vrs_family family, const struct vrs_ip *ips, uint64_t *numbers)
{
	uint32_t ip4s[BURST];
	uint8_t ip6s[BURST][16];

	for (unsigned i = 0; i < BURST; i++) {
		ip4s[i] = ip4(ips[i].bytes);
		memcpy(ip6s[i], ips[i].bytes, sizeof(ip6s[i]));
	}
	return family == VRS_IP4 ? rte_fib_lookup_bulk(t->fib, ip4s, numbers, BURST)
				 : rte_fib6_lookup_bulk(t->fib6, ip6s, numbers, BURST);
}

static void compare(struct vrs *v, struct table *t, enum vrs_family family)
{
	struct vrs_ip ips[BURST];
	struct vrs_answer answers[BURST];
	uint64_t numbers[BURST];

	for (unsigned i = 0; i < BURST; i++)
		ips[i] = random_ip(family, i % 2 == 0);
	if (look_up(t, family, ips, numbers) != 0 ||
		vrs_effective_bulk(v, t->nic, ips, BURST, answers) != 0) {
		wrong++;
		return;
	}
	for (unsigned i = 0; i < BURST; i++) {
		const struct way *w = &t->ways[numbers[i] < t->n_ways ? numbers[i] : 0];
		const struct vrs_answer *a = &answers[i];

		wrong += w->source != a->source || w->n != a->n_next_hops ||
			(w->source != VRS_FROM_NOTHING && w->type != a->type) ||
			(w->n > 0 && memcmp(&w->hops[0], &a->next_hop, sizeof(a->next_hop)) != 0);
		specific[family] += a->source == VRS_FROM_BGP && a->prefix_len > 0;
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
			if (err != 0)
				break;
			compare(v, tables[i], VRS_IP4);
			compare(v, tables[i], VRS_IP6);
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
		free_fibs(tables[i]);
		free(tables[i]);
	}
	vrs_close(v);
	vrs_thread_unregister();
	rte_eal_cleanup();
	printf("%u tables, %lu resyncs, %lu deltas, %lu addresses compared, of which learned "
	       "routes "
	       "answer %lu IPv4 and %lu IPv6, %lu wrong%s%s\n",
		n_tables, resyncs, deltas, compared, specific[VRS_IP4], specific[VRS_IP6], wrong,
		err != 0 ? ": " : "", err != 0 ? strerror(-err) : "");
	return err == 0 && wrong == 0 ? 0 : 1;
}
