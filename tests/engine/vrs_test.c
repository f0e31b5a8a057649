/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

/*
 * libvrs as a host sees it. Routes are put into the engine's table as a session would put them, on
 * the thread that owns it; the rest goes through engine/vrs.h. A forwarding table kept from a
 * cursor alone must answer every address as a look-up does, whatever is announced, withdrawn
 * or configured meanwhile.
 */

#include "engine/vrs.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "engine/vrs_internal.h"
#include "io/bgp/encode.h"
#include "tests/random.h"
#include "tests/test.h"

enum { PEERS = 3, PREFIXES = 96, FIB_MAX = 256, HOPS_MAX = 4 };

/* What may differ between two configurations of a script. */
struct variant {
	unsigned threads, user, closed, endpoint, extra;
	bool without_rs, second_ip;
};

static const char *yaml(const struct variant *x)
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

/* What the route server has too in the variant, and nobody may use as a next hop then. */
static const struct vrs_addr second_ip = {{10, 0, 0, 5}, VRS_AFI_IP4};

static const char *const nic_names[] = {"plain", "user", "closed", "endpoint", "lone"};
enum { NICS = VRS_N_ELEMS(nic_names) };

/* --- A world: a vrs, and peers that are in its table --- */

struct world {
	struct vrs *vrs;
	struct variant variant;
	struct vrs_server *server;
	int slots[PEERS];
	uint32_t nics[NICS];
	struct rng rng;
	struct vrs_prefix prefixes[PREFIXES];
};

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

static void add_peers(void *arg)
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

static struct world *world_new(const struct variant *x, const struct vrs_options *options)
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

static void world_free(struct world *w)
{
	assert_int_equal(vrs_close(w->vrs), 0);
	vrs_thread_unregister();
	free(w);
}

static void reload(struct world *w)
{
	char report[1024] = "?";
	const char *text = yaml(&w->variant);
	int err = vrs_reload(w->vrs, text, strlen(text), report, sizeof(report));

	if (err != 0)
		print_error("%s\n", report);
	assert_int_equal(err, 0);
}

/* Peer `peer` announces a prefix. Owner. */
static void announce(
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

/* It does with one of its next hops, or withdraws it. Owner. */
static void tell(struct world *w, unsigned peer, const struct vrs_prefix *p, bool announced)
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

static void churn(void *arg)
{
	struct world *w = arg;

	for (unsigned n = 1 + rng_below(&w->rng, 20); n > 0; n--)
		tell(w, rng_below(&w->rng, PEERS), &w->prefixes[rng_below(&w->rng, PREFIXES)],
			rng_below(&w->rng, 3) > 0);
}

static void settle(struct world *w)
{
	for (unsigned i = 0; i < 4 || vrs_poll(w->vrs, 0) > 0; i++)
		(void)vrs_poll(w->vrs, 0);
}

/* --- A forwarding table kept from a cursor --- */

struct entry {
	struct vrs_net net;
	uint8_t source, type;
	uint32_t n;
	struct vrs_ip hops[HOPS_MAX];
};

struct fib {
	struct vrs_cursor *cursor;
	struct entry entries[FIB_MAX];
	size_t n;
	unsigned resyncs;
	uint64_t sequence;
};

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

/* Until there is nothing new. @return Whether it had to begin anew. */
static bool fib_follow(struct fib *f)
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

static struct vrs_ip some_ip(struct world *w)
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

static void check_fib(struct world *w, unsigned nic, const struct fib *f)
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

/* A batch of NICs at random answers each as if alone. */
static void check_mixed(struct world *w)
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

static void fib_close(struct fib *f)
{
	vrs_cursor_close(f->cursor);
	free(f);
}

static struct fib *fib_new(struct world *w, unsigned nic)
{
	struct fib *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	assert_int_equal(vrs_cursor_open_nic(w->vrs, w->nics[nic], &f->cursor), 0);
	return f;
}

/* --- Tests --- */

static unsigned n_threads(void)
{
	DIR *d = opendir("/proc/self/task");
	unsigned n = 0;

	assert_non_null(d);
	for (const struct dirent *e; (e = readdir(d)) != NULL;)
		n += e->d_name[0] != '.';
	closedir(d);
	return n;
}

static void a_bad_configuration_is_refused_with_its_findings(void **state)
{
	static const char bad[] = "process: {bgpPort: 0}\nrouteServer: []\nnonsense: 1\n";
	char report[400], cut[60];
	struct vrs *v = NULL;

	assert_int_equal(vrs_open(&v, bad, sizeof(bad) - 1, NULL, report, sizeof(report)), -EPERM);
	vrs_thread_register();
	struct vrs_options o = {.size = sizeof(o), .name = "mine"};
	assert_int_equal(vrs_open(&v, bad, sizeof(bad) - 1, &o, report, sizeof(report)), -EINVAL);
	assert_null(v);
	assert_non_null(strstr(report, "mine:1:20: error: out-of-range: "));
	assert_non_null(strstr(report, "mine:3:1: error: unknown-key: "));
	/* Cut where a line ends. */
	assert_int_equal(vrs_open(&v, bad, sizeof(bad) - 1, &o, cut, sizeof(cut)), -EINVAL);
	assert_true(cut[0] == '\0' || cut[strlen(cut) - 1] == '\n');
	assert_int_equal(vrs_open(&v, bad, sizeof(bad) - 1, NULL, NULL, 0), -EINVAL);
	/* An older, shorter struct of options. */
	o = (struct vrs_options){.size = offsetof(struct vrs_options, base_dir), .name = "old"};
	assert_int_equal(vrs_open(&v, bad, sizeof(bad) - 1, &o, report, sizeof(report)), -EINVAL);
	assert_non_null(strstr(report, "old:3:1:"));
	vrs_thread_unregister();
}

static void without_io_threads_no_thread_is_started(void **state)
{
	unsigned before = n_threads();
	struct world *w = world_new(&(struct variant){0}, NULL);
	struct vrs_status s = {.size = sizeof(s)};

	for (unsigned i = 0; i < 50; i++) {
		churn(w);
		(void)vrs_poll(w->vrs, 0);
	}
	reload(w);
	settle(w);
	assert_int_equal(n_threads(), before);
	assert_int_equal(vrs_status_get(w->vrs, &s), 0);
	assert_true(s.prefixes > 0 && s.deltas > 0 && s.versions > 0);
	assert_int_equal(s.n_nics, 5);
	assert_int_equal(s.n_route_servers, 1);
	assert_int_equal(s.n_classes, vrs_n_classes(w->vrs));
	assert_true(vrs_poll_fd(w->vrs) >= 0);
	int ms = vrs_poll_timeout(w->vrs);
	assert_true(ms >= 0 && ms <= 500);
	world_free(w);
	assert_int_equal(n_threads(), before);
}

static void a_handle_is_its_names_across_reloads(void **state)
{
	struct world *w = world_new(&(struct variant){0}, NULL);
	uint32_t an, again;
	struct vrs_ip ip;
	struct vrs_answer a;

	assert_int_equal(vrs_ip_parse(&ip, "10.0.2.7"), 0);
	assert_int_equal(vrs_nic(w->vrs, "an", &an), -ENOENT);
	w->variant.extra = 1;
	reload(w);
	assert_int_equal(vrs_nic(w->vrs, "an", &an), 0);
	for (unsigned i = 0; i < NICS; i++) {
		assert_int_equal(vrs_nic(w->vrs, nic_names[i], &again), 0);
		assert_int_equal(again, w->nics[i]);
		assert_true(again != an);
	}
	assert_int_equal(vrs_nic_class(w->vrs, an), vrs_nic_class(w->vrs, w->nics[0]));
	assert_int_equal(vrs_effective(w->vrs, an, &ip, &a), 0);
	assert_int_equal(a.type, VRS_HOP_VNET_LOCAL);
	assert_int_equal(a.source, VRS_FROM_DEFAULT);
	assert_int_equal(a.prefix_len, 16);
	w->variant.extra = 0;
	reload(w);
	assert_int_equal(vrs_effective(w->vrs, an, &ip, &a), -ENOENT);
	assert_int_equal(vrs_nic_class(w->vrs, an), -ENOENT);
	w->variant.extra = 1;
	reload(w);
	assert_int_equal(vrs_nic(w->vrs, "an", &again), 0);
	assert_int_equal(again, an);
	ip.family = 3;
	assert_int_equal(vrs_effective(w->vrs, an, &ip, &a), -EAFNOSUPPORT);
	world_free(w);
}

static void a_table_kept_from_deltas_answers_as_a_look_up_does(void **state)
{
	struct vrs_options o = {.size = sizeof(o), .delta_log = 1};
	struct world *w = world_new(&(struct variant){0}, &o);
	struct fib *fibs[NICS];
	uint64_t steps = env_number("VRS_CHURN_OPS", 100000) / 100;

	for (unsigned i = 0; i < NICS; i++)
		fibs[i] = fib_new(w, i);
	for (uint64_t step = 0; step < steps; step++) {
		churn(w);
		/* Now and then so much that the log moves past a cursor. */
		for (unsigned i = 0; step % 200 == 199 && i < 600; i++) {
			churn(w);
			settle(w);
		}
		if (step % 50 == 49) {
			w->variant.user = rng_below(&w->rng, 3);
			w->variant.closed = rng_below(&w->rng, 2);
			w->variant.endpoint = rng_below(&w->rng, 2);
			w->variant.extra = rng_below(&w->rng, 2);
			w->variant.second_ip = rng_below(&w->rng, 2);
			reload(w);
			/* What next hops were taken away is gone before anything is rewritten. */
			unsigned i = rng_below(&w->rng, NICS);
			(void)fib_follow(fibs[i]);
			check_fib(w, i, fibs[i]);
			check_mixed(w);
		}
		settle(w);
		unsigned i = rng_below(&w->rng, NICS);
		(void)fib_follow(fibs[i]);
		check_fib(w, i, fibs[i]);
		check_mixed(w);
	}
	assert_true(steps < 400 || fibs[0]->resyncs > 1);
	for (unsigned i = 0; i < NICS; i++)
		fib_close(fibs[i]);
	world_free(w);
}

static void a_changed_class_is_one_event_and_others_hear_nothing(void **state)
{
	struct world *w = world_new(&(struct variant){0}, NULL);
	struct fib *plain = fib_new(w, 0), *user = fib_new(w, 1), *closed = fib_new(w, 2);
	struct pollfd fd = {.fd = vrs_cursor_fd(user->cursor), .events = POLLIN};

	for (unsigned i = 0; i < 20; i++)
		churn(w);
	settle(w);
	(void)fib_follow(plain);
	(void)fib_follow(user);
	(void)fib_follow(closed);
	assert_int_equal(poll(&fd, 1, 0), 0);
	w->variant.user = 1;
	w->variant.extra = 1;
	reload(w);
	assert_int_equal(poll(&fd, 1, 0), 1);
	assert_false(fib_follow(plain));
	assert_true(fib_follow(user));
	assert_false(fib_follow(user));
	assert_false(fib_follow(closed));
	assert_int_equal(poll(&fd, 1, 0), 0);
	check_fib(w, 1, user);
	w->variant.closed = 1;
	reload(w);
	assert_false(fib_follow(plain));
	assert_false(fib_follow(user));
	assert_true(fib_follow(closed));
	check_fib(w, 2, closed);
	fib_close(plain);
	fib_close(user);
	fib_close(closed);
	world_free(w);
}

static struct vrs_answer answer_of(struct world *w, const char *text)
{
	struct vrs_answer one = {0}, bulk[2], many[2];
	struct vrs_ip ips[2];

	assert_int_equal(vrs_ip_parse(&ips[0], text), 0);
	ips[1] = ips[0];
	assert_int_equal(vrs_effective(w->vrs, w->nics[0], ips, &one), 0);
	assert_int_equal(vrs_effective_bulk(w->vrs, w->nics[0], ips, 2, bulk), 0);
	assert_int_equal(
		vrs_effective_many(w->vrs, (uint32_t[]){w->nics[0], w->nics[0]}, ips, 2, many), 0);
	assert_memory_equal(&one, &bulk[1], sizeof(one));
	assert_memory_equal(&one, &many[1], sizeof(one));
	return one;
}

static void check_hop(struct world *w, const char *text, uint8_t len, const struct vrs_addr *hop)
{
	struct vrs_answer a = answer_of(w, text);
	struct vrs_ip hops[HOPS_MAX];

	assert_int_equal(a.prefix_len, len);
	assert_int_equal(a.n_next_hops, 1);
	assert_memory_equal(&a.next_hop, hop, sizeof(*hop));
	assert_int_equal(vrs_next_hops(w->vrs, w->nics[0], &a, hops, HOPS_MAX), 1);
	assert_memory_equal(&hops[0], hop, sizeof(*hop));
}

static void announce_one(void *arg)
{
	struct world *w = arg;

	announce(w, 0, &w->prefixes[2], &second_ip);
}

/* The version of now. */
static bool has_rule(struct world *w)
{
	vrs_rcu_enter();
	bool yes = vrs_snapshot_current(w->server->rib->snapshot)->hops != NULL;
	vrs_rcu_leave();
	return yes;
}

static void a_next_hop_that_is_taken_away_is_passed_over_at_once(void **state)
{
	struct world *w = world_new(&(struct variant){0}, NULL);
	const struct vrs_addr other = {{10, 0, 2, 99}, VRS_AFI_IP4};
	struct vrs_prefix outer, inner, shared;
	struct fib *f = fib_new(w, 0);

	assert_int_equal(vrs_prefix_parse(&outer, "198.18.0.0/16"), 0);
	assert_int_equal(vrs_prefix_parse(&inner, "198.18.1.0/24"), 0);
	assert_int_equal(vrs_prefix_parse(&shared, "198.19.0.0/16"), 0);
	announce(w, 0, &outer, &other);
	announce(w, 0, &inner, &second_ip);
	announce(w, 0, &shared, &other);
	announce(w, 1, &shared, &second_ip);
	settle(w);
	(void)fib_follow(f);
	check_hop(w, "198.18.1.1", 24, &second_ip);
	assert_int_equal(answer_of(w, "198.19.0.1").n_next_hops, 2);
	/* Nobody has judged a path since, and no group is another. */
	w->variant.second_ip = true;
	reload(w);
	check_hop(w, "198.18.1.1", 16, &other);
	check_hop(w, "198.19.0.1", 16, &other);
	assert_true(fib_follow(f));
	check_fib(w, 0, f);
	/* Then groups are rewritten, which is no news. */
	assert_true(has_rule(w));
	settle(w);
	assert_false(has_rule(w));
	check_hop(w, "198.18.1.1", 16, &other);
	check_hop(w, "198.19.0.1", 16, &other);
	struct vrs_delta_record d;
	assert_int_equal(vrs_cursor_read(f->cursor, &d, 1), 0);
	/* And it comes back by deltas alone. */
	w->variant.second_ip = false;
	reload(w);
	settle(w);
	check_hop(w, "198.18.1.1", 24, &second_ip);
	assert_false(fib_follow(f));
	check_fib(w, 0, f);
	fib_close(f);
	world_free(w);
}

static void a_rule_stays_until_the_last_path_has_been_judged(void **state)
{
	struct world *w = world_new(&(struct variant){0}, NULL);
	const struct vrs_addr other = {{10, 0, 2, 99}, VRS_AFI_IP4};
	struct vrs_prefix p;
	unsigned turns = 0;

	assert_int_equal(vrs_prefix_parse(&p, "100.64.0.0/10"), 0);
	announce(w, 0, &p, &other);
	/* More than one turn judges. */
	for (unsigned i = 0; i < 16384; i++) {
		struct vrs_addr a = vrs_addr_ip4(0x64400000 + i);

		p = vrs_prefix_of(&a, 32);
		announce(w, 0, &p, &second_ip);
	}
	settle(w);
	check_hop(w, "100.64.63.255", 32, &second_ip);
	w->variant.second_ip = true;
	reload(w);
	for (; has_rule(w) && turns < 1000; turns++) {
		check_hop(w, "100.64.0.0", 10, &other);
		check_hop(w, "100.64.63.255", 10, &other);
		(void)vrs_engine_turn(&w->vrs->engine, 0);
	}
	assert_true(turns > 2 && turns < 1000);
	check_hop(w, "100.64.0.0", 10, &other);
	check_hop(w, "100.64.63.255", 10, &other);
	world_free(w);
}

/* Until no version carries a rule; a little after the last path at most. */
static void rule_goes(struct world *w)
{
	unsigned ms = 0;

	for (; has_rule(w) && ms < 5000; ms++) {
		if (w->variant.threads == 0)
			settle(w);
		else
			(void)poll(NULL, 0, 1);
	}
	assert_true(ms < 5000);
}

static void a_rule_goes_also_where_there_is_nothing_to_judge(void **state)
{
	for (unsigned threads = 0; threads < 3; threads++) {
		struct world *w = world_new(&(struct variant){.threads = threads}, NULL);

		for (unsigned i = 0; i < 4; i++) {
			w->variant.second_ip = i % 2 == 0;
			reload(w);
			rule_goes(w);
			/* Of several tables one at least stays empty. */
			if (i == 1)
				assert_int_equal(
					vrs_engine_call_io(&w->vrs->engine, announce_one, w), 0);
		}
		world_free(w);
	}
}

static void a_descriptor_is_readable_until_nothing_is_new(void **state)
{
	struct world *w = world_new(&(struct variant){0}, NULL);
	struct vrs_delta_record d;
	struct vrs_cursor *c;

	assert_int_equal(vrs_cursor_open(w->vrs, "none", &c), -ENOENT);
	assert_int_equal(vrs_cursor_open(w->vrs, "rs", &c), 0);
	struct pollfd fd = {.fd = vrs_cursor_fd(c), .events = POLLIN};
	assert_int_equal(vrs_cursor_read(c, &d, 1), -ESTALE);
	assert_int_equal(vrs_resync(c, NULL, NULL), 0);
	assert_int_equal(vrs_cursor_read(c, &d, 1), 0);
	for (unsigned round = 0; round < 3; round++) {
		assert_int_equal(poll(&fd, 1, 0), 0);
		for (unsigned i = 0; i < 2; i++) {
			struct vrs_addr a = vrs_addr_ip4(0xc0000200 + 16 * round + i);
			struct vrs_prefix p = vrs_prefix_of(&a, 32);

			tell(w, 0, &p, true);
		}
		settle(w);
		assert_int_equal(poll(&fd, 1, 0), 1);
		assert_int_equal(vrs_cursor_read(c, &d, 1), 1);
		assert_int_equal(d.before.source, VRS_FROM_NOTHING);
		assert_int_equal(d.after.source, VRS_FROM_BGP);
		assert_int_equal(d.after.n_next_hops, 1);
		assert_int_equal(poll(&fd, 1, 0), 1);
		assert_int_equal(vrs_cursor_read(c, &d, 1), 1);
		assert_int_equal(d.sequence, 2 * round + 2);
		assert_int_equal(vrs_cursor_read(c, &d, 1), 0);
	}
	assert_int_equal(vrs_close(w->vrs), -EBUSY);
	vrs_cursor_close(c);
	world_free(w);
}

static struct vrs_status status_of(struct world *w)
{
	struct vrs_status s = {.size = sizeof(s)};

	assert_int_equal(vrs_status_get(w->vrs, &s), 0);
	return s;
}

static void a_cursor_that_is_behind_shows_in_status(void **state)
{
	struct vrs_options o = {.size = sizeof(o), .delta_log = 1};
	struct world *w = world_new(&(struct variant){0}, &o);
	struct vrs_delta_record d[8];
	struct vrs_cursor *c;

	assert_int_equal(vrs_cursor_open(w->vrs, "rs", &c), 0);
	assert_int_equal(status_of(w).cursors, 0);
	assert_int_equal(vrs_resync(c, NULL, NULL), 0);
	for (unsigned i = 0; i < 5; i++) {
		struct vrs_addr a = vrs_addr_ip4(0xc6120000 + i);
		struct vrs_prefix p = vrs_prefix_of(&a, 32);

		tell(w, 0, &p, true);
	}
	settle(w);
	assert_int_equal(status_of(w).cursors, 1);
	assert_int_equal(status_of(w).cursor_lag, 5);
	assert_int_equal(vrs_cursor_read(c, d, 3), 3);
	assert_int_equal(status_of(w).cursor_lag, 2);
	assert_int_equal(vrs_cursor_read(c, d, 8), 2);
	assert_int_equal(status_of(w).cursor_lag, 0);
	/* And so far that the log moves past it. */
	for (unsigned i = 0; i < 1000; i++) {
		churn(w);
		settle(w);
	}
	assert_true(status_of(w).cursor_lag > 1024);
	assert_int_equal(vrs_cursor_read(c, d, 8), -ESTALE);
	assert_int_equal(status_of(w).cursors, 0);
	assert_int_equal(status_of(w).cursor_lag, 0);
	assert_int_equal(status_of(w).cursor_stales, 1);
	assert_int_equal(vrs_resync(c, NULL, NULL), 0);
	assert_int_equal(status_of(w).cursors, 1);
	vrs_cursor_close(c);
	assert_int_equal(status_of(w).cursors, 0);
	world_free(w);
}

static int count(void *ctx, const struct vrs_net *net, const struct vrs_hops *hops)
{
	++*(uint64_t *)ctx;
	return 0;
}

static int stop_at_once(void *ctx, const struct vrs_net *net, const struct vrs_hops *hops)
{
	return 7;
}

static uint64_t walked(struct vrs_pin *p)
{
	uint64_t n = 0;

	assert_int_equal(vrs_pin_walk(p, VRS_IP4, count, &n), 0);
	assert_int_equal(vrs_pin_walk(p, VRS_IP6, count, &n), 0);
	return n;
}

static void a_pinned_version_stays_until_it_is_revoked(void **state)
{
	struct vrs_options o = {.size = sizeof(o), .max_pin_bytes = 8000};
	struct world *w = world_new(&(struct variant){0}, &o);
	struct vrs_status s = {.size = sizeof(s)};
	struct vrs_pin *p;
	uint64_t n = 0;

	for (unsigned i = 0; i < 30; i++)
		churn(w);
	settle(w);
	assert_int_equal(vrs_pin_open(w->vrs, "none", &p), -ENOENT);
	assert_int_equal(vrs_pin_open(w->vrs, "rs", &p), 0);
	uint64_t had = vrs_pin_prefixes(p);
	assert_true(had > 0);
	assert_int_equal(walked(p), had);
	struct vrs_prefix fresh;
	assert_int_equal(vrs_prefix_parse(&fresh, "198.18.77.1/32"), 0);
	tell(w, 0, &fresh, true);
	settle(w);
	assert_int_equal(walked(p), had);
	assert_int_equal(vrs_pin_walk(p, VRS_IP4, stop_at_once, NULL), 7);
	assert_int_equal(vrs_pin_walk(p, (enum vrs_family)3, count, &n), -EAFNOSUPPORT);
	assert_int_equal(vrs_status_get(w->vrs, &s), 0);
	assert_int_equal(s.pins, 1);
	/* Until it keeps more than it may. */
	for (unsigned i = 0; i < 400; i++) {
		churn(w);
		settle(w);
	}
	assert_int_equal(vrs_pin_walk(p, VRS_IP4, count, &n), -ESTALE);
	vrs_pin_close(p);
	settle(w);
	assert_int_equal(vrs_status_get(w->vrs, &s), 0);
	assert_int_equal(s.pins, 0);
	world_free(w);
}

static void who_holds_a_removed_route_server_is_told_and_it_goes_later(void **state)
{
	struct world *w = world_new(&(struct variant){0}, NULL);
	struct fib *plain = fib_new(w, 0);
	struct vrs_delta_record d;
	struct vrs_cursor *c;
	struct vrs_pin *p;

	churn(w);
	settle(w);
	assert_int_equal(vrs_cursor_open(w->vrs, "rs", &c), 0);
	assert_int_equal(vrs_resync(c, NULL, NULL), 0);
	assert_int_equal(vrs_pin_open(w->vrs, "rs", &p), 0);
	uint64_t had = walked(p);
	(void)fib_follow(plain);
	w->variant.without_rs = true;
	reload(w);
	settle(w);
	assert_int_equal(vrs_cursor_read(c, &d, 1), -ENOENT);
	assert_int_equal(vrs_resync(c, NULL, NULL), -ENOENT);
	assert_int_equal(walked(p), had);
	/* A class without BGP goes on without. */
	assert_true(fib_follow(plain));
	check_fib(w, 0, plain);
	assert_int_equal(atomic_load(&w->vrs->engine.n_removed), 1);
	vrs_pin_close(p);
	vrs_cursor_close(c);
	assert_int_equal(atomic_load(&w->vrs->engine.n_removed), 0);
	/* Another one of that name. */
	w->variant.without_rs = false;
	reload(w);
	assert_int_equal(vrs_engine_call_io(&w->vrs->engine, add_peers, w), 0);
	churn(w);
	settle(w);
	assert_true(fib_follow(plain));
	check_fib(w, 0, plain);
	fib_close(plain);
	world_free(w);
}

/* --- With threads --- */

static _Atomic bool stop;

static void *poll_it(void *arg)
{
	vrs_thread_register();
	while (!atomic_load(&stop))
		assert_true(vrs_poll(arg, 1000) >= 0);
	vrs_thread_unregister();
	return NULL;
}

static void *reload_it(void *arg)
{
	struct vrs *v = arg;
	const char *text = yaml(&(struct variant){.user = 2});

	vrs_thread_register();
	for (unsigned i = 0; i < 30; i++)
		assert_int_equal(vrs_reload(v, text, strlen(text), NULL, 0), 0);
	vrs_thread_unregister();
	atomic_store(&stop, true);
	return NULL;
}

static void two_threads_may_reload_though_one_has_to_poll(void **state)
{
	struct world *w = world_new(&(struct variant){.user = 2}, NULL);
	char *text = strdup(yaml(&w->variant));
	pthread_t thread;

	atomic_store(&stop, false);
	assert_int_equal(pthread_create(&thread, NULL, reload_it, w->vrs), 0);
	while (!atomic_load(&stop)) {
		assert_int_equal(vrs_reload(w->vrs, text, strlen(text), NULL, 0), 0);
		assert_true(vrs_poll(w->vrs, 1) >= 0);
	}
	assert_int_equal(pthread_join(thread, NULL), 0);
	free(text);
	world_free(w);
}

static void other_threads_may_ask_while_one_polls(void **state)
{
	struct world *w = world_new(&(struct variant){0}, NULL);
	struct vrs_status s = {.size = sizeof(s)};
	pthread_t thread;

	churn(w);
	atomic_store(&stop, false);
	assert_int_equal(pthread_create(&thread, NULL, poll_it, w->vrs), 0);
	/* From its first turn on it is the owner. */
	while (atomic_load(&w->vrs->engine.io.counters.turns) == 0)
		(void)poll(NULL, 0, 1);
	for (unsigned i = 0; i < 20; i++) {
		w->variant.user = i % 3;
		reload(w);
		assert_int_equal(vrs_status_get(w->vrs, &s), 0);
		assert_int_equal(vrs_engine_call_io(&w->vrs->engine, churn, w), 0);
	}
	atomic_store(&stop, true);
	assert_int_equal(pthread_join(thread, NULL), 0);
	world_free(w);
}

static void *look_it_up(void *arg)
{
	struct world *w = arg;
	struct vrs_ip ips[64];
	struct vrs_answer out[64];
	uint32_t nics[64];

	vrs_thread_register();
	struct world mine = {.rng = {5}}; /* The other one is the writers'. */
	memcpy(mine.prefixes, w->prefixes, sizeof(mine.prefixes));
	for (unsigned i = 0; i < 64; i++) {
		ips[i] = some_ip(&mine);
		nics[i] = w->nics[i % NICS];
	}
	while (!atomic_load(&stop)) {
		assert_int_equal(vrs_effective_many(w->vrs, nics, ips, 64, out), 0);
		assert_int_equal(vrs_effective_bulk(w->vrs, nics[0], ips, 64, out), 0);
		for (unsigned i = 0; i < 64; i++) {
			struct vrs_ip hops[HOPS_MAX];

			if (vrs_effective(w->vrs, nics[i], &ips[i], &out[i]) == 0)
				(void)vrs_next_hops(w->vrs, nics[i], &out[i], hops, HOPS_MAX);
		}
	}
	vrs_thread_unregister();
	return NULL;
}

/* A reader that is stuck in the middle of a look-up. */
static void *stand_still(void *arg)
{
	vrs_thread_register();
	vrs_rcu_enter();
	atomic_store((_Atomic bool *)arg, true);
	while (!atomic_load(&stop))
		(void)poll(NULL, 0, 1);
	vrs_rcu_leave();
	vrs_thread_unregister();
	return NULL;
}

static uint64_t limbo(struct world *w)
{
	struct vrs_reclaim_stat io, propagation;

	vrs_reclaim_stat(w->vrs->engine.io.reclaim, &io);
	vrs_reclaim_stat(w->vrs->engine.propagation.reclaim, &propagation);
	return io.limbo_objects + propagation.limbo_objects;
}

/* One that is configured, and has sessions, may ask the others to judge again before their turn comes. */
static void every_part_of_a_server_has_its_rules_before_it_is_configured(void **state)
{
	struct world *w = world_new(&(struct variant){.threads = 3}, NULL);
	struct vrs_engine *e = &w->vrs->engine;
	struct vrs_cfg_route_server rs = {
		.name = "another", .asn = 65515, .limit_as_path = 7, .limit_communities = 9};
	struct vrs_hop_rule *rule = vrs_hop_rule_new(NULL, 0, NULL, 0);
	struct vrs_server *s = vrs_server_new(e->ios, e->n_ios, 1, &rs, rule);

	assert_int_equal(e->n_ios, 3);
	assert_non_null(s);
	for (unsigned i = 0; i < e->n_ios; i++) {
		assert_ptr_equal(s->parts[i]->hops, rule);
		assert_int_equal(s->parts[i]->max_as_path, 7);
		assert_int_equal(s->parts[i]->max_communities, 9);
	}
	vrs_rib_free(s->rib);
	vrs_server_free(s);
	vrs_hop_rule_put(rule);
	world_free(w);
}

static void a_reader_that_stands_still_keeps_memory_and_nobody_else(void **state)
{
	struct world *w = world_new(&(struct variant){.threads = 1}, NULL);
	struct fib *f = fib_new(w, 0);
	_Atomic bool stands = false;
	pthread_t thread;
	unsigned ms = 0;

	atomic_store(&stop, false);
	assert_int_equal(pthread_create(&thread, NULL, stand_still, (void *)&stands), 0);
	while (!atomic_load(&stands))
		(void)poll(NULL, 0, 1);
	uint64_t before = status_of(w).versions;
	/* All go on: as busy as the machine may be, many changes being one version then, versions come. */
	for (unsigned i = 0; i < 200 || (status_of(w).versions < before + 10 && i < 20000); i++) {
		assert_int_equal(vrs_engine_call_io(&w->vrs->engine, churn, w), 0);
		(void)fib_follow(f);
		if (i >= 200)
			(void)poll(NULL, 0, 1);
	}
	assert_true(status_of(w).versions >= before + 10);
	/* What the reader may be looking at waits, and status says how much (/metrics). */
	uint64_t kept = limbo(w);
	assert_true(kept > 100);
	assert_true(limbo(w) >= kept);
	atomic_store(&stop, true);
	assert_int_equal(pthread_join(thread, NULL), 0);
	for (; limbo(w) > 0 && ms < 10000; ms++)
		(void)poll(NULL, 0, 1);
	assert_int_equal(limbo(w), 0);
	(void)fib_follow(f);
	check_fib(w, 0, f);
	fib_close(f);
	world_free(w);
}

static void *follow_it(void *arg)
{
	struct fib *f = arg;
	struct pollfd fd = {.fd = vrs_cursor_fd(f->cursor), .events = POLLIN};

	vrs_thread_register();
	while (!atomic_load(&stop)) {
		(void)poll(&fd, 1, 100);
		(void)fib_follow(f);
	}
	vrs_thread_unregister();
	return NULL;
}

static void readers_and_followers_run_beside_the_writers(void **state)
{
	struct vrs_options o = {.size = sizeof(o), .delta_log = 1};
	struct world *w = world_new(&(struct variant){.threads = 1}, &o);
	struct fib *fibs[] = {fib_new(w, 0), fib_new(w, 1), fib_new(w, 3)};
	static const unsigned nics[] = {0, 1, 3};
	pthread_t threads[4];
	struct vrs_pin *p;
	uint64_t n = 0;

	assert_int_equal(vrs_poll(w->vrs, 0), -EINVAL);
	assert_int_equal(vrs_poll_fd(w->vrs), -EINVAL);
	atomic_store(&stop, false);
	assert_int_equal(pthread_create(&threads[3], NULL, look_it_up, w), 0);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, follow_it, fibs[i]), 0);
	for (uint64_t i = 0; i < env_number("VRS_CHURN_OPS", 100000) / 100; i++) {
		assert_int_equal(vrs_engine_call_io(&w->vrs->engine, churn, w), 0);
		if (i % 100 == 99) {
			w->variant.user = i / 100 % 3;
			w->variant.second_ip = i / 200 % 2;
			reload(w);
		}
		if (i % 50 == 49) {
			assert_int_equal(vrs_pin_open(w->vrs, "rs", &p), 0);
			int r = vrs_pin_walk(p, VRS_IP4, count, &n);
			assert_true(r == 0 || r == -ESTALE);
			vrs_pin_close(p);
		}
	}
	/* Let it come to rest: the last change is in every table when the look-ups have it. */
	for (uint64_t quiet = 0, last = 0; quiet < 20;) {
		uint64_t deltas = status_of(w).deltas;

		quiet = deltas == last ? quiet + 1 : 0;
		last = deltas;
		(void)poll(NULL, 0, 2);
	}
	atomic_store(&stop, true);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	for (unsigned i = 0; i < 3; i++) {
		(void)fib_follow(fibs[i]);
		check_fib(w, nics[i], fibs[i]);
		fib_close(fibs[i]);
	}
	for (unsigned i = 0; i < 2; i++) {
		char report[200];

		w->variant.threads = i == 0 ? 0 : 3;
		const char *text = yaml(&w->variant);
		assert_int_equal(
			vrs_reload(w->vrs, text, strlen(text), report, sizeof(report)), -EINVAL);
		assert_non_null(strstr(report, "ioThreads cannot change"));
	}
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_bad_configuration_is_refused_with_its_findings),
		cmocka_unit_test(without_io_threads_no_thread_is_started),
		cmocka_unit_test(a_handle_is_its_names_across_reloads),
		cmocka_unit_test(a_table_kept_from_deltas_answers_as_a_look_up_does),
		cmocka_unit_test(a_changed_class_is_one_event_and_others_hear_nothing),
		cmocka_unit_test(a_next_hop_that_is_taken_away_is_passed_over_at_once),
		cmocka_unit_test(a_rule_stays_until_the_last_path_has_been_judged),
		cmocka_unit_test(a_rule_goes_also_where_there_is_nothing_to_judge),
		cmocka_unit_test(a_cursor_that_is_behind_shows_in_status),
		cmocka_unit_test(every_part_of_a_server_has_its_rules_before_it_is_configured),
		cmocka_unit_test(a_reader_that_stands_still_keeps_memory_and_nobody_else),
		cmocka_unit_test(a_descriptor_is_readable_until_nothing_is_new),
		cmocka_unit_test(a_pinned_version_stays_until_it_is_revoked),
		cmocka_unit_test(who_holds_a_removed_route_server_is_told_and_it_goes_later),
		cmocka_unit_test(two_threads_may_reload_though_one_has_to_poll),
		cmocka_unit_test(other_threads_may_ask_while_one_polls),
		cmocka_unit_test(readers_and_followers_run_beside_the_writers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
