/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#include "tests/engine/vrs_lab.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "io/bgp/encode.h"
#include "tests/test.h"

const struct vrs_addr second_ip = {{10, 0, 0, 5}, VRS_AFI_IP4};

const char *const nic_names[NICS] = {"plain", "user", "closed", "endpoint", "lone"};

const char *yaml(const struct variant *x)
{
	static const char *const user[] = {"",
		"      - {name: a, addressPrefix: 0.0.0.0/0, nextHopType: VirtualAppliance, "
		"nextHopIpAddress: 10.0.2.9}\n"
		"      - {name: b, addressPrefix: 10.160.0.0/16, nextHopType: None}\n",
		"      - {name: a, addressPrefix: 10.10.0.0/16, nextHopType: VirtualAppliance, "
		"nextHopIpAddress: 10.0.2.10}\n"
		"      - {name: b, addressPrefix: 198.51.100.128/25, nextHopType: Internet}\n"
		"      - {name: c, addressPrefix: 'fd10::/16', nextHopType: None}\n"};
	static const char *const route_servers[] = {
		"routeServers:\n"
		"  - {name: rs, virtualNetwork: hub, virtualRouterIps: [10.0.0.4]}\n",
		"routeServers:\n"
		"  - {name: rs, virtualNetwork: hub, virtualRouterIps: [10.0.0.4, 10.0.0.5]}\n"};
	static char text[8192];

	(void)snprintf(text, sizeof(text),
		"process: {ioThreads: %u, bgpPort: 1790}\n"
		"virtualNetworks:\n"
		"  - name: hub\n"
		"    addressPrefixes: [10.0.0.0/16, 'fd00::/48']\n"
		"    subnets:\n"
		"      - {name: RouteServerSubnet, addressPrefix: 10.0.0.0/26}\n"
		"      - {name: plain, addressPrefix: 10.0.2.0/24}\n"
		"      - {name: user, addressPrefix: 10.0.3.0/24, routeTable: rt}\n"
		"      - {name: closed, addressPrefix: 10.0.4.0/24, routeTable: rt2}\n"
		"      - name: endpoint\n"
		"        addressPrefix: 10.0.5.0/24\n"
		"        routeTable: rt\n"
		"        serviceEndpoints: [{service: Storage, addressPrefixes: [%s]}]\n"
		"  - name: lone\n"
		"    addressPrefixes: [10.9.0.0/16]\n"
		"    subnets: [{name: all, addressPrefix: 10.9.0.0/24}]\n"
		"routeTables:\n"
		"  - name: rt\n%s%s"
		"  - {name: rt2, disableBgpRoutePropagation: %s}\n"
		"networkInterfaces:\n%s"
		"  - {name: user, virtualNetwork: hub, subnet: user, privateIpAddress: 10.0.3.4}\n"
		"  - {name: plain, virtualNetwork: hub, subnet: plain, privateIpAddress: "
		"10.0.2.4}\n"
		"  - {name: closed, virtualNetwork: hub, subnet: closed, privateIpAddress: "
		"10.0.4.4}\n"
		"  - {name: endpoint, virtualNetwork: hub, subnet: endpoint, privateIpAddress: "
		"10.0.5.4}\n"
		"  - {name: lone, virtualNetwork: lone, subnet: all, privateIpAddress: "
		"10.9.0.4}\n%s",
		x->threads, x->endpoint ? "10.32.0.0/24" : "198.51.100.0/24",
		user[x->user][0] != '\0' ? "    routes:\n" : "", user[x->user],
		x->closed ? "true" : "false",
		x->extra ? "  - {name: an, virtualNetwork: hub, subnet: plain, privateIpAddress: "
			   "10.0.2.5}\n"
			 : "",
		x->without_rs ? "" : route_servers[x->second_ip]);
	return text;
}

static struct vrs *open_with(const struct variant *x, const struct vrs_options *options)
{
	char report[1024] = "?";
	struct vrs *v = NULL;
	const char *text = yaml(x);
	int err = vrs_open(&v, text, strlen(text), options, report, sizeof(report));

	if (err != 0)
		print_error("%s\n", report);
	assert_int_equal(err, 0);
	return v;
}

void add_peers(void *arg)
{
	struct world *w = arg;

	w->server = w->vrs->engine.io.servers;
	for (unsigned i = 0; i < PEERS; i++) {
		struct vrs_path_source s = {.addr = vrs_addr_ip4(0x0a000208u + i),
			.router_id = i + 1,
			.connection = (uint16_t)i,
			.ebgp = true};

		w->slots[i] = vrs_table_peer_add(w->server->table, &s);
		assert_true(w->slots[i] >= 0);
	}
}

struct world *world_new(const struct variant *x, const struct vrs_options *options)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	vrs_thread_register();
	w->variant = *x;
	w->vrs = open_with(x, options);
	assert_int_equal(vrs_engine_call_io(&w->vrs->engine, add_peers, w), 0);
	for (unsigned i = 0; i < NICS; i++)
		assert_int_equal(vrs_nic(w->vrs, nic_names[i], &w->nics[i]), 0);
	w->rng.s = rng_seed("vrs");
	for (unsigned i = 0; i < PREFIXES; i++)
		w->prefixes[i] = rng_prefix(&w->rng, 1 + i % 2);
	/* Where overlays have something to say. */
	static const char *const special[] = {"0.0.0.0/0", "::/0", "10.0.0.0/8", "10.0.2.0/24",
		"10.160.0.0/16", "10.10.0.0/16", "198.51.100.0/24", "198.51.100.128/25",
		"198.51.100.0/25", "10.32.0.0/24", "10.32.0.0/25", "fd10::/16", "fd00::/48",
		"255.255.255.255/32"};
	for (unsigned i = 0; i < VRS_N_ELEMS(special); i++)
		assert_int_equal(vrs_prefix_parse(&w->prefixes[i], special[i]), 0);
	return w;
}

void world_free(struct world *w)
{
	assert_int_equal(vrs_close(w->vrs), 0);
	vrs_thread_unregister();
	free(w);
}

void reload(struct world *w)
{
	char report[1024] = "?";
	const char *text = yaml(&w->variant);
	int err = vrs_reload(w->vrs, text, strlen(text), report, sizeof(report));

	if (err != 0)
		print_error("%s\n", report);
	assert_int_equal(err, 0);
}

void announce(
	struct world *w, unsigned peer, const struct vrs_prefix *p, const struct vrs_addr *hop)
{
	bool usable = vrs_hop_rule_allows(w->server->hops, hop);
	uint8_t bytes[64], nlri[17];
	struct vrs_writer wr = vrs_writer_init(nlri, sizeof(nlri));
	struct vrs_attrs_info info;
	uint32_t id;

	vrs_prefix_write(&wr, p);
	struct vrs_span span = {nlri, vrs_writer_size(&wr)};
	size_t size = vrs_bgp_local_attrs(hop, bytes, sizeof(bytes), &info);
	assert_int_equal(vrs_attrs_intern(w->server->table->attrs, bytes, size, &info, &id), 0);
	vrs_table_announce(w->server->table, (uint16_t)w->slots[peer], p->afi, span, id,
		usable ? VRS_PATH_USABLE : VRS_PATH_NEXT_HOP);
	vrs_table_flush(w->server->table);
}

void tell(struct world *w, unsigned peer, const struct vrs_prefix *p, bool announced)
{
	struct vrs_addr hop = vrs_addr_ip4(0x0a000210u + peer + 8 * rng_below(&w->rng, 3));
	uint8_t nlri[17];
	struct vrs_writer wr = vrs_writer_init(nlri, sizeof(nlri));

	if (rng_below(&w->rng, 4) == 0)
		hop = second_ip;
	if (announced) {
		announce(w, peer, p, &hop);
		return;
	}
	vrs_prefix_write(&wr, p);
	vrs_table_withdraw(w->server->table, (uint16_t)w->slots[peer], p->afi,
		(struct vrs_span){nlri, vrs_writer_size(&wr)});
	vrs_table_flush(w->server->table);
}

void churn(void *arg)
{
	struct world *w = arg;

	for (unsigned n = 1 + rng_below(&w->rng, 20); n > 0; n--)
		tell(w, rng_below(&w->rng, PEERS), &w->prefixes[rng_below(&w->rng, PREFIXES)],
			rng_below(&w->rng, 3) > 0);
}

void settle(struct world *w)
{
	for (unsigned i = 0; i < 4 || vrs_poll(w->vrs, 0) > 0; i++)
		(void)vrs_poll(w->vrs, 0);
}

/* --- A forwarding table kept from a cursor --- */

static struct entry *fib_find(struct fib *f, const struct vrs_net *net)
{
	for (size_t i = 0; i < f->n; i++)
		if (memcmp(&f->entries[i].net, net, sizeof(*net)) == 0)
			return &f->entries[i];
	return NULL;
}

static void fill(struct entry *e, const struct vrs_net *net, const struct vrs_hops *h)
{
	*e = (struct entry){.net = *net, .source = h->source, .type = h->type, .n = h->n_next_hops};
	for (uint32_t i = 0; i < h->n_next_hops && i < HOPS_MAX; i++)
		e->hops[i] = h->next_hops[i];
}

static bool same(const struct entry *e, const struct vrs_hops *h)
{
	struct entry x;

	if (e == NULL)
		return h->source == VRS_FROM_NOTHING;
	fill(&x, &e->net, h);
	return x.source == e->source && x.type == e->type && x.n == e->n &&
		memcmp(x.hops, e->hops, sizeof(x.hops)) == 0;
}

static int fib_add(void *ctx, const struct vrs_net *net, const struct vrs_hops *hops)
{
	struct fib *f = ctx;

	assert_true(hops->source != VRS_FROM_NOTHING);
	assert_null(fib_find(f, net));
	assert_true(f->n < FIB_MAX);
	fill(&f->entries[f->n++], net, hops);
	return 0;
}

static void fib_apply(struct fib *f, const struct vrs_delta_record *d)
{
	struct entry *e = fib_find(f, &d->prefix);

	assert_true(d->sequence > f->sequence);
	f->sequence = d->sequence;
	/* What it was is what we had: nothing was missed, nothing comes twice. */
	assert_true(same(e, &d->before));
	if (d->after.source == VRS_FROM_NOTHING) {
		assert_non_null(e);
		*e = f->entries[--f->n];
		return;
	}
	if (e == NULL) {
		assert_true(f->n < FIB_MAX);
		e = &f->entries[f->n++];
	}
	fill(e, &d->prefix, &d->after);
}

bool fib_follow(struct fib *f)
{
	struct vrs_delta_record d[7];
	bool again = false;
	int n;

	while ((n = vrs_cursor_read(f->cursor, d, VRS_N_ELEMS(d))) != 0) {
		if (n == -ESTALE) {
			f->n = 0;
			f->resyncs++;
			again = true;
			assert_int_equal(vrs_resync(f->cursor, fib_add, f), 0);
			continue;
		}
		assert_true(n > 0);
		for (int i = 0; i < n; i++)
			fib_apply(f, &d[i]);
	}
	return again;
}

static const struct entry *fib_match(const struct fib *f, const struct vrs_ip *ip)
{
	const struct entry *best = NULL;

	for (size_t i = 0; i < f->n; i++) {
		const struct entry *e = &f->entries[i];

		if (vrs_prefix_covers_addr((const struct vrs_prefix *)&e->net, vrs_ip_in(ip)) &&
			(best == NULL || e->net.len > best->net.len))
			best = e;
	}
	return best;
}

struct vrs_ip some_ip(struct world *w)
{
	const struct vrs_prefix *p = &w->prefixes[rng_below(&w->rng, PREFIXES)];
	struct vrs_addr a = vrs_prefix_addr(p);

	if (rng_below(&w->rng, 3) == 0)
		a = rng_addr(&w->rng, 1 + rng_below(&w->rng, 2));
	else if (rng_below(&w->rng, 2) == 0)
		a.bytes[a.afi == VRS_AFI_IP4 ? 3 : 15] ^= (uint8_t)rng_u64(&w->rng);
	return vrs_ip_out(&a);
}

static void check_answer(struct world *w, uint32_t nic, const struct vrs_ip *ip,
	const struct entry *want, const struct vrs_answer *a)
{
	struct vrs_ip hops[HOPS_MAX] = {0};

	if (want == NULL) {
		assert_int_equal(a->source, VRS_FROM_NOTHING);
		return;
	}
	assert_int_equal(a->source, want->source);
	assert_int_equal(a->type, want->type);
	assert_int_equal(a->n_next_hops, want->n);
	assert_int_equal(vrs_next_hops(w->vrs, nic, a, hops, HOPS_MAX), want->n);
	assert_memory_equal(hops, want->hops, sizeof(hops));
	/* A service endpoint answers on prefixes inside it, too. */
	if (a->type != VRS_HOP_SERVICE_ENDPOINT)
		assert_int_equal(a->prefix_len, want->net.len);
}

void check_fib(struct world *w, unsigned nic, const struct fib *f)
{
	struct vrs_ip ips[70];
	struct vrs_answer bulk[70], many[70], one;
	uint32_t nics[70];

	for (unsigned i = 0; i < 70; i++) {
		ips[i] = some_ip(w);
		nics[i] = w->nics[nic];
	}
	assert_int_equal(vrs_effective_bulk(w->vrs, w->nics[nic], ips, 70, bulk), 0);
	assert_int_equal(vrs_effective_many(w->vrs, nics, ips, 70, many), 0);
	for (unsigned i = 0; i < 70; i++) {
		const struct entry *want = fib_match(f, &ips[i]);
		int err = vrs_effective(w->vrs, w->nics[nic], &ips[i], &one);

		assert_int_equal(err, want == NULL ? -ENETUNREACH : 0);
		check_answer(w, w->nics[nic], &ips[i], want, &bulk[i]);
		assert_memory_equal(&bulk[i], &many[i], sizeof(many[i]));
		if (err == 0)
			assert_memory_equal(&bulk[i], &one, sizeof(one));
	}
}

void check_mixed(struct world *w)
{
	struct vrs_ip ips[64];
	struct vrs_answer many[64], one;
	uint32_t nics[64];

	for (unsigned i = 0; i < 64; i++) {
		ips[i] = some_ip(w);
		nics[i] = w->nics[rng_below(&w->rng, NICS)];
	}
	/* The second burst has what there is not. */
	nics[40] = 1000000;
	ips[41].family = 9;
	assert_int_equal(vrs_effective_many(w->vrs, nics, ips, 64, many), 0);
	for (unsigned i = 0; i < 64; i++) {
		if (vrs_effective(w->vrs, nics[i], &ips[i], &one) == 0)
			assert_memory_equal(&many[i], &one, sizeof(one));
		else
			assert_int_equal(many[i].source, VRS_FROM_NOTHING);
	}
}

void fib_close(struct fib *f)
{
	vrs_cursor_close(f->cursor);
	free(f);
}

struct fib *fib_new(struct world *w, unsigned nic)
{
	struct fib *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	assert_int_equal(vrs_cursor_open_nic(w->vrs, w->nics[nic], &f->cursor), 0);
	return f;
}

struct vrs_status status_of(struct world *w)
{
	struct vrs_status s = {.size = sizeof(s)};

	assert_int_equal(vrs_status_get(w->vrs, &s), 0);
	return s;
}

int count(void *ctx, const struct vrs_net *net, const struct vrs_hops *hops)
{
	++*(uint64_t *)ctx;
	return 0;
}
