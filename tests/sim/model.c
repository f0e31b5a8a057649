/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#include "tests/sim/model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/effective.h"
#include "rib/attrs.h"
#include "rib/table.h"

enum { OUR_AS = 65515, MAX_PATHS = N_PEERS * N_INSTANCES, ROWS = 16384 };

/* --- Paths --- */

struct path {
	const struct sim_session *s;
	struct sim_attrs a; /* as received */
	const char *reason; /* NULL = usable */
};

struct paths {
	struct path list[MAX_PATHS];
	size_t n;
};

static bool active(const struct world *w, unsigned peer)
{
	return w->config.present[peer] && w->config.enabled[peer];
}

static bool ibgp(const struct sim_peer_kind *k)
{
	return k->asn == OUR_AS;
}

static bool in(const char *text, const struct vrs_addr *a)
{
	struct vrs_prefix p;

	return vrs_prefix_parse(&p, text) == 0 && vrs_prefix_covers_addr(&p, a);
}

static bool hop_ok(const struct world *w, const struct vrs_addr *hop)
{
	for (unsigned f = 0; f < 2; f++) {
		for (unsigned i = 0; i < N_INSTANCES; i++) {
			struct vrs_addr ours = world_router_ip(f, i);

			if (vrs_addr_equal(&ours, hop))
				return false;
		}
	}
	return in("10.0.0.0/16", hop) || in("fd00::/48", hop) ||
		(w->config.extra_prefix && in("10.64.0.0/16", hop)) ||
		(w->config.peering && in("10.1.0.0/16", hop));
}

static const char *reason(const struct world *w, const struct sim_peer_kind *k,
	const struct sim_attrs *a, const struct vrs_prefix *p)
{
	static const char *const martians[] = {
		"0.0.0.0/8", "127.0.0.0/8", "224.0.0.0/3", "fe80::/10", "ff00::/8"};
	bool own = a->set == OUR_AS;

	for (unsigned i = 0; i < a->n_path; i++)
		own |= a->path[i] == OUR_AS;
	if (own)
		return "own-as";
	if (!ibgp(k) && (a->n_path == 0 || a->path[0] != k->asn))
		return "first-as";
	if (!hop_ok(w, &a->hop))
		return "next-hop";
	/* Our CLUSTER_ID is the instance's IPv4 address. */
	for (unsigned i = 0; ibgp(k) && i < a->n_clusters; i++)
		if (a->clusters[i] == 0x0a000004 || a->clusters[i] == 0x0a000005)
			return "cluster-loop";
	if (k->role && a->otc != 0)
		return "otc";
	for (unsigned i = 0; i < VRS_N_ELEMS(martians); i++) {
		struct vrs_prefix m;

		if (vrs_prefix_parse(&m, martians[i]) == 0 && vrs_prefix_covers(&m, p))
			return "martian";
	}
	return NULL;
}

static struct paths paths_of(const struct world *w, unsigned prefix)
{
	struct paths all = {.n = 0};

	for (unsigned i = 0; i < N_PEERS; i++) {
		for (unsigned k = 0; k < N_INSTANCES && active(w, i); k++) {
			const struct sim_session *s = &w->peers[i].sessions[k];
			struct path *p = &all.list[all.n];

			if (!s->wanted[prefix].there)
				continue;
			p->s = s;
			p->a = sim_received(&s->wanted[prefix], ibgp(&sim_peers[i]));
			p->reason = reason(w, &sim_peers[i], &p->a, &w->prefixes[prefix]);
			all.n++;
		}
	}
	return all;
}

/* --- Decision --- */

static int compare(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

/* > 0: a is better, by what makes the ECMP set. */
static int by_key(const struct world *w, const struct path *a, const struct path *b)
{
	unsigned len[2], class[2], lp[2];
	const struct path *p[] = {a, b};

	for (unsigned i = 0; i < 2; i++) {
		bool er = p[i]->s->peer->kind->class == 2;

		class[i] = w->config.preference == 2 ? 0 : w->config.preference == 0 ? er : !er;
		len[i] = p[i]->a.n_path + (p[i]->a.set != 0);
		lp[i] = p[i]->a.has_local_pref ? p[i]->a.local_pref : 100;
	}
	if (class[0] != class[1])
		return compare(class[0], class[1]);
	if (lp[0] != lp[1])
		return compare(lp[0], lp[1]);
	if (len[0] != len[1])
		return compare(len[1], len[0]);
	return compare(b->a.origin, a->a.origin);
}

static uint32_t neighbor_as(const struct path *p)
{
	return p->a.n_path > 0 ? p->a.path[0] : 0;
}

static int tie_break(const struct path *a, const struct path *b)
{
	const struct sim_peer_kind *x = a->s->peer->kind, *y = b->s->peer->kind;
	struct vrs_addr ax, ay;
	int r;

	if (ibgp(x) != ibgp(y))
		return ibgp(y) ? 1 : -1;
	r = compare(b->a.has_originator ? b->a.originator : y->router_id,
		a->a.has_originator ? a->a.originator : x->router_id);
	if (r == 0)
		r = compare(b->a.n_clusters, a->a.n_clusters);
	if (r == 0 && vrs_addr_parse(&ax, x->address) == 0 && vrs_addr_parse(&ay, y->address) == 0)
		r = vrs_addr_cmp(&ay, &ax);
	return r != 0 ? r : compare(b->s->instance, a->s->instance);
}

/* The ECMP set of those that @p nva_only lets pass. */
static size_t ecmp(
	const struct world *w, const struct paths *all, bool nva_only, const struct path **set)
{
	size_t n = 0;

	for (size_t i = 0; i < all->n; i++) {
		const struct path *p = &all->list[i];
		bool beaten = p->reason != NULL || (nva_only && p->s->peer->kind->class != 0);

		for (size_t j = 0; j < all->n && !beaten; j++) {
			const struct path *q = &all->list[j];

			if (q->reason == NULL && !(nva_only && q->s->peer->kind->class != 0))
				beaten = by_key(w, q, p) > 0;
		}
		if (!beaten)
			set[n++] = p;
	}
	return n;
}

/* Whether a path of the same neighbour AS has a lower MED. */
static bool out_by_med(const struct path **set, size_t n, size_t i)
{
	bool out = false;

	for (size_t j = 0; j < n; j++)
		out |= neighbor_as(set[j]) == neighbor_as(set[i]) &&
			(set[j]->a.has_med ? set[j]->a.med : 0) <
				(set[i]->a.has_med ? set[i]->a.med : 0);
	return out;
}

static const struct path *best_of(const struct path **set, size_t n)
{
	const struct path *best = NULL;

	for (size_t i = 0; i < n; i++) {
		if (!out_by_med(set, n, i) && (best == NULL || tie_break(set[i], best) > 0))
			best = set[i];
	}
	return best;
}

/* --- What the table holds --- */

struct table_look {
	const struct world *w;
	struct vrs_server *server;
};

static const struct vrs_neighbor *neighbor(
	const struct vrs_server *s, const struct sim_session *session)
{
	for (const struct vrs_neighbor *n = s->neighbors; n != NULL; n = n->next)
		if (strcmp(n->name, session->peer->kind->name) == 0 &&
			n->instance == session->instance)
			return n;
	return NULL;
}

static void check_path(const struct world *w, const struct vrs_server *server,
	const struct vrs_path_view *views, size_t n, const struct path *p, unsigned prefix)
{
	const struct vrs_neighbor *nb = neighbor(server, p->s);
	uint8_t bytes[SIM_BYTES];
	size_t size = sim_canonical(&p->a, bytes);

	for (size_t i = 0; i < n; i++) {
		const struct vrs_path_view *v = &views[i];
		const char *why = vrs_path_reason_str(v->path->reason);

		if (v->path->peer != nb->slot)
			continue;
		if (v->attrs->head.size != size || memcmp(v->attrs->bytes, bytes, size) != 0)
			sim_fail(w, "%s of %s/%u: other attributes in Adj-RIB-In",
				sim_prefix_texts[prefix], nb->name, nb->instance);
		if ((why == NULL) != (p->reason == NULL) ||
			(why != NULL && strcmp(why, p->reason) != 0))
			sim_fail(w, "%s of %s/%u: reason %s, not %s", sim_prefix_texts[prefix],
				nb->name, nb->instance, why != NULL ? why : "none",
				p->reason != NULL ? p->reason : "none");
		if (v->stale)
			sim_fail(w, "%s of %s/%u is stale", sim_prefix_texts[prefix], nb->name,
				nb->instance);
		return;
	}
	sim_fail(w, "%s of %s/%u is not in Adj-RIB-In", sim_prefix_texts[prefix], nb->name,
		nb->instance);
}

/* MED is named where it put a path out, and only there. */
static void check_step(const struct world *w, const struct vrs_server *server,
	const struct vrs_path_view *views, size_t n, const struct path *p, bool by_med,
	unsigned prefix)
{
	int slot = neighbor(server, p->s)->slot;

	for (size_t i = 0; i < n; i++)
		if (views[i].path->peer == slot && (views[i].step == VRS_STEP_MED) != by_med)
			sim_fail(w, "%s: lost by %s", sim_prefix_texts[prefix],
				views[i].step == VRS_STEP_NONE
					? "nothing"
					: vrs_decide_step_str(views[i].step));
}

static void check_table(const struct world *w, struct vrs_server *server)
{
	uint64_t n_paths = 0, n_prefixes = 0, n_usable = 0;

	for (unsigned i = 0; i < sim_n_prefixes; i++) {
		struct paths all = paths_of(w, i);
		struct vrs_path_view views[2 * MAX_PATHS];
		const struct path *set[MAX_PATHS];
		size_t n =
			vrs_table_paths(server->table, &w->prefixes[i], views, VRS_N_ELEMS(views));

		if (n != all.n)
			sim_fail(w, "%s has %zu paths, not %zu", sim_prefix_texts[i], n, all.n);
		for (size_t k = 0; k < all.n; k++)
			check_path(w, server, views, n, &all.list[k], i);
		n_paths += n;
		n_prefixes += n > 0;
		size_t n_set = ecmp(w, &all, false, set);
		n_usable += n_set > 0;
		const struct path *best = best_of(set, n_set);
		if (best != NULL &&
			(!views[0].best || views[0].path->peer != neighbor(server, best->s)->slot))
			sim_fail(w, "%s: another best path", sim_prefix_texts[i]);
		for (size_t k = 0; k < n_set; k++)
			check_step(w, server, views, n, set[k], out_by_med(set, n_set, k), i);
	}
	if (n_paths != atomic_load(&server->table->n_paths) ||
		n_prefixes != atomic_load(&server->table->n_prefixes) ||
		n_usable != atomic_load(&server->table->n_usable))
		sim_fail(w, "the table's counts are off");
}

/* --- What peers are told --- */

static struct sim_attrs exported(
	const struct path *p, const struct sim_session *to, const struct sim_peer_kind *k)
{
	const struct sim_peer_kind *from = p->s->peer->kind;
	struct sim_attrs a = p->a;

	if (ibgp(k)) {
		if (!a.has_local_pref) {
			a.has_local_pref = true;
			a.local_pref = 100;
		}
		if (ibgp(from)) {
			if (!a.has_originator) {
				a.has_originator = true;
				a.originator = from->router_id;
			}
			memmove(a.clusters + 1, a.clusters, a.n_clusters * sizeof(a.clusters[0]));
			a.clusters[0] = 0x0a000004 + to->instance;
			a.n_clusters++;
		}
		return a;
	}
	memmove(a.path + 1, a.path, a.n_path * sizeof(a.path[0]));
	a.path[0] = OUR_AS;
	a.n_path++;
	a.has_local_pref = a.has_med = a.has_originator = false;
	a.n_clusters = 0;
	if (k->role && a.otc == 0)
		a.otc = OUR_AS;
	return a;
}

static bool has_community(const struct sim_attrs *a, uint32_t community)
{
	for (unsigned i = 0; i < a->n_communities; i++)
		if (a->communities[i] == community)
			return true;
	return false;
}

/* What a session is to be told of a prefix; not there: nothing. */
static struct sim_attrs expected(
	const struct world *w, const struct sim_session *to, unsigned prefix)
{
	const struct sim_peer_kind *k = to->peer->kind;
	struct paths all = paths_of(w, prefix);
	const struct path *set[MAX_PATHS];
	struct vrs_prefix own[8];
	size_t n_own = world_system(w, own);
	bool b2b = w->config.branch_to_branch;

	for (size_t i = 0; i < n_own; i++) {
		if (!vrs_prefix_equal(&own[i], &w->prefixes[prefix]))
			continue;
		struct sim_attrs a = {.there = true,
			.hop = world_router_ip(own[i].afi == VRS_AFI_IP6, to->instance)};

		if (ibgp(k)) {
			a.has_local_pref = true;
			a.local_pref = 100;
		} else {
			a.path[a.n_path++] = OUR_AS;
			a.otc = k->role ? OUR_AS : 0;
		}
		return a;
	}
	if (k->class != 0 && !b2b)
		return (struct sim_attrs){.there = false};
	const struct path *best = best_of(set, ecmp(w, &all, !b2b, set));
	if (best == NULL || best->s->peer == to->peer || has_community(&best->a, 0xffffff02) ||
		(!ibgp(k) &&
			(has_community(&best->a, 0xffffff01) ||
				has_community(&best->a, 0xffffff03))))
		return (struct sim_attrs){.there = false};
	return exported(best, to, k);
}

static void check_told(
	const struct world *w, const struct vrs_server *server, const struct sim_session *s)
{
	const struct vrs_neighbor *n = neighbor(server, s);
	unsigned n_told = 0;

	for (unsigned i = 0; i < sim_n_prefixes; i++) {
		struct sim_attrs a = expected(w, s, i);
		uint8_t bytes[SIM_BYTES];
		size_t size = a.there ? sim_canonical(&a, bytes) : 0;

		n_told += a.there;
		if (size != s->told[i].size || memcmp(bytes, s->told[i].bytes, size) != 0)
			sim_fail(w, "%s/%u: %s is told %s", n->name, n->instance,
				sim_prefix_texts[i],
				size == 0                      ? "and should not be"
					: s->told[i].size == 0 ? "not at all"
							       : "with other attributes");
	}
	if (n_told != atomic_load(&n->export->n_told))
		sim_fail(w, "%s/%u: %u prefixes told, counted %u", n->name, n->instance, n_told,
			atomic_load(&n->export->n_told));
	if (s->n_eor != 2)
		sim_fail(w, "%s/%u: %u End-of-RIB", n->name, n->instance, s->n_eor);
}

/* --- NICs --- */

struct row {
	char source, state;
	struct vrs_prefix prefix;
	char to[160]; /* type and next hops */
	struct vrs_prefix by;
};

struct rows {
	struct row list[160];
	size_t n;
};

static struct row *add_row(struct rows *rows, char source, const char *prefix, const char *to)
{
	struct row *r = &rows->list[rows->n++];

	*r = (struct row){.source = source, .state = 'A'};
	if (vrs_prefix_parse(&r->prefix, prefix) != 0)
		abort();
	(void)snprintf(r->to, sizeof(r->to), "%s", to);
	return r;
}

static void default_rows(const struct world *w, bool spoke, bool endpoint, struct rows *rows)
{
	const struct sim_config *c = &w->config;
	static const char *const private[] = {
		"10.0.0.0/8", "100.64.0.0/10", "172.16.0.0/12", "192.168.0.0/16"};

	add_row(rows, 'D', "0.0.0.0/0", "Internet");
	for (unsigned i = 0; i < VRS_N_ELEMS(private); i++)
		add_row(rows, 'D', private[i], "None");
	if (!spoke || c->peering) {
		const char *type = spoke ? "VNetPeering" : "VnetLocal";

		add_row(rows, 'D', "10.0.0.0/16", type);
		add_row(rows, 'D', "fd00::/48", type);
		if (c->extra_prefix)
			add_row(rows, 'D', "10.64.0.0/16", type);
	}
	if (spoke || c->peering)
		add_row(rows, 'D', "10.1.0.0/16", spoke ? "VnetLocal" : "VNetPeering");
	if (!spoke)
		add_row(rows, 'D', "::/0", "Internet");
	if (endpoint)
		add_row(rows, 'D', "198.51.100.0/24", "VirtualNetworkServiceEndpoint");
}

static bool pinned(const struct row *r)
{
	return r->source == 'D' &&
		(strcmp(r->to, "VnetLocal") == 0 || strcmp(r->to, "VNetPeering") == 0 ||
			strcmp(r->to, "VirtualNetworkServiceEndpoint") == 0);
}

static int cmp_addrs(const void *a, const void *b)
{
	return vrs_addr_cmp(a, b);
}

static void bgp_rows(const struct world *w, struct rows *rows)
{
	size_t n_default = rows->n;

	for (unsigned i = 0; i < sim_n_prefixes; i++) {
		struct paths all = paths_of(w, i);
		const struct path *set[MAX_PATHS];
		size_t n = ecmp(w, &all, false, set);
		struct vrs_addr hops[MAX_PATHS];
		char text[VRS_ADDR_STRLEN];

		if (n == 0)
			continue;
		struct row *r = add_row(rows, 'B', sim_prefix_texts[i], "VirtualNetworkGateway");
		for (size_t k = 0; k < n; k++)
			hops[k] = set[k]->a.hop;
		qsort(hops, n, sizeof(hops[0]), cmp_addrs);
		for (size_t k = 0; k < n; k++) {
			if (k > 0 && vrs_addr_equal(&hops[k], &hops[k - 1]))
				continue;
			strcat(r->to, " ");
			strcat(r->to, vrs_addr_str(&hops[k], text));
		}
		/* The longest of the routes that cover it is named. */
		for (size_t k = 0; k < n_default; k++) {
			const struct row *d = &rows->list[k];

			if (!pinned(d) || !vrs_prefix_covers(&d->prefix, &r->prefix))
				continue;
			if (r->state == 'S' && r->by.len >= d->prefix.len)
				continue;
			r->state = 'S';
			r->by = d->prefix;
		}
	}
}

static void user_rows(struct rows *rows)
{
	/* As tests/sim/world.c writes them. */
	static const char *const user[][2] = {{"0.0.0.0/0", "VirtualAppliance 10.0.1.4"},
		{"203.0.113.0/24", "None"}, {"198.51.100.64/26", "Internet"},
		{"10.0.7.0/24", "VirtualAppliance 10.0.1.5"}, {"20.1.2.0/24", "Internet"},
		{"2001:db8::/32", "None"}, {"10.1.0.0/16", "VirtualAppliance 10.0.1.6"}};

	for (unsigned i = 0; i < VRS_N_ELEMS(user); i++)
		add_row(rows, 'U', user[i][0], user[i][1]);
}

static unsigned rank(const struct row *r)
{
	return r->source == 'U' ? 3 : r->source == 'B' ? 2 : 1;
}

/* Losers on the same prefix, and user routes inside a service endpoint. */
static void states(struct rows *rows, bool endpoint)
{
	struct vrs_prefix service;

	if (vrs_prefix_parse(&service, "198.51.100.0/24") != 0)
		abort();
	for (size_t i = 0; i < rows->n; i++) {
		struct row *r = &rows->list[i];

		if (endpoint && r->source == 'U' && vrs_prefix_covers(&service, &r->prefix))
			r->state = 'I';
	}
	for (size_t i = 0; i < rows->n; i++) {
		for (size_t k = 0; k < rows->n && rows->list[i].state == 'A'; k++) {
			const struct row *o = &rows->list[k];

			if (o->state == 'A' && rank(o) > rank(&rows->list[i]) &&
				vrs_prefix_equal(&o->prefix, &rows->list[i].prefix))
				rows->list[i].state = 'I';
		}
	}
}

static struct rows rows_of(const struct world *w, int nic)
{
	bool spoke = nic < 0;
	unsigned subnet = spoke ? 0 : w->config.subnet[nic];
	bool endpoint = !spoke && subnet == 3;
	struct rows rows = {.n = 0};

	default_rows(w, spoke, endpoint, &rows);
	if (spoke ? w->config.peering && w->config.gateway_use : subnet != 2)
		bgp_rows(w, &rows);
	if (!spoke && (subnet == 1 || subnet == 3 || (subnet == 0 && w->config.attached)))
		user_rows(&rows);
	states(&rows, endpoint);
	return rows;
}

static int cmp_lines(const void *a, const void *b)
{
	return strcmp(a, b);
}

/* Rows as sorted text: the order of a listing is the table test's business. */
struct lines {
	char list[160][256];
	size_t n;
};

static void add_line(struct lines *l, char source, char state, const struct vrs_prefix *p,
	const char *to, const struct vrs_prefix *by)
{
	char prefix[VRS_PREFIX_STRLEN], by_text[VRS_PREFIX_STRLEN];

	if (l->n == VRS_N_ELEMS(l->list))
		abort();
	(void)snprintf(l->list[l->n++], sizeof(l->list[0]), "%s %c %c %s%s%s",
		vrs_prefix_str(p, prefix), source, state, to, state == 'S' ? " by " : "",
		state == 'S' ? vrs_prefix_str(by, by_text) : "");
}

static void text_of(const struct vrs_effective_route *r, char *to, size_t size)
{
	char hop[VRS_ADDR_STRLEN];

	(void)snprintf(to, size, "%s", vrs_next_hop_type_str(r->type));
	for (size_t i = 0; i < r->n_next_hops; i++)
		(void)snprintf(to + strlen(to), size - strlen(to), " %s",
			vrs_addr_str(&r->next_hops[i], hop));
}

static int listed(void *ctx, const struct vrs_effective_route *r)
{
	char to[200];

	text_of(r, to, sizeof(to));
	add_line(ctx, "DBU"[r->source], "AIS"[r->state], &r -> prefix, to, &r -> by);
	return 0;
}

static void check_rows(const struct world *w, const struct vrs_effective_view *v,
	const struct rows *rows, const char *name)
{
	static struct lines is, must;
	struct vrs_effective_cursor cursor = {.all = true};
	int more;

	is.n = must.n = 0;
	do {
		more = vrs_effective_list(v, &cursor, 7, listed, &is);
	} while (more == 1);
	for (size_t i = 0; i < rows->n; i++) {
		const struct row *r = &rows->list[i];

		add_line(&must, r->source, r->state, &r->prefix, r->to, &r->by);
	}
	qsort(is.list, is.n, sizeof(is.list[0]), cmp_lines);
	qsort(must.list, must.n, sizeof(must.list[0]), cmp_lines);
	for (size_t i = 0; i < VRS_MAX(is.n, must.n); i++) {
		const char *a = i < is.n ? is.list[i] : "nothing";
		const char *b = i < must.n ? must.list[i] : "nothing";

		if (strcmp(a, b) != 0)
			sim_fail(w, "%s has \"%s\", must have \"%s\"", name, a, b);
	}
}

static void check_match(const struct world *w, const struct vrs_effective_view *v,
	const struct rows *rows, const char *name, const struct vrs_addr *a)
{
	const struct row *best = NULL;
	struct vrs_effective_route r;
	char to[200] = "-", text[VRS_ADDR_STRLEN];

	for (size_t i = 0; i < rows->n; i++) {
		const struct row *row = &rows->list[i];

		if (row->state != 'A' || !vrs_prefix_covers_addr(&row->prefix, a))
			continue;
		if (strcmp(row->to, "VirtualNetworkServiceEndpoint") == 0) {
			best = row;
			break;
		}
		if (best == NULL || row->prefix.len > best->prefix.len)
			best = row;
	}
	if (vrs_effective_match(v, a, &r))
		text_of(&r, to, sizeof(to));
	if (strcmp(to, best != NULL ? best->to : "-") != 0)
		sim_fail(w, "%s sends %s to \"%s\", not \"%s\"", name, vrs_addr_str(a, text), to,
			best != NULL ? best->to : "-");
}

static void check_nic(const struct world *w, const struct vrs_model *m, int nic)
{
	struct rows rows = rows_of(w, nic);
	char name[16] = "spoke";

	if (nic >= 0)
		(void)snprintf(name, sizeof(name), "vm%d", nic);
	vrs_rcu_enter();
	struct vrs_effective_view v = vrs_effective_view(m, (size_t)vrs_model_nic(m, name));
	check_rows(w, &v, &rows, name);
	/* The first, the last and a middle address of every prefix. */
	for (unsigned i = 0; i < sim_n_prefixes; i++) {
		const struct vrs_prefix *p = &w->prefixes[i];
		unsigned width = vrs_afi_width(p->afi);
		struct vrs_addr a = {.afi = p->afi};

		memcpy(a.bytes, p->addr, sizeof(a.bytes));
		check_match(w, &v, &rows, name, &a);
		for (unsigned bit = p->len; bit < width; bit++)
			a.bytes[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
		check_match(w, &v, &rows, name, &a);
		if (p->len + 1u < width)
			a.bytes[p->len / 8] &= (uint8_t) ~(0x80 >> p->len % 8);
		check_match(w, &v, &rows, name, &a);
	}
	vrs_rcu_leave();
}

/* --- All of it --- */

bool model_sessions_settled(const struct world *w)
{
	for (unsigned i = 0; i < N_PEERS; i++)
		for (unsigned k = 0; k < N_INSTANCES; k++)
			if (w->peers[i].sessions[k].up != active(w, i))
				return false;
	return true;
}

void model_check(const struct world *w)
{
	struct vrs_model *m = vrs_engine_model((struct vrs_engine *)&w->engine);

	check_table(w, m->servers[0]);
	for (unsigned i = 0; i < N_PEERS; i++)
		for (unsigned k = 0; k < N_INSTANCES && active(w, i); k++)
			check_told(w, m->servers[0], &w->peers[i].sessions[k]);
	for (int nic = -1; nic < N_NICS; nic++)
		check_nic(w, m, nic);
	vrs_model_put(m);
}
