/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

/*
 * Cursors in the delta logs, resyncs, pins.
 *
 * No gap and no repetition: a resync notes the log's last sequence, then pins a version. A
 * version is published before its deltas are, so every delta up to that sequence is in the version;
 * those behind it that the version has too are known by their version number and passed over.
 *
 * Next hops that a reload takes away are gone from look-ups before the deltas say so (rib/snapshot.h): the
 * cursor becomes stale, the resync leaves them out, and so do both sides of the deltas that follow, up to the
 * version in which they are gone from all groups.
 *
 * A class's table is its overlay's prefixes, each with what the class does there without BGP, and
 * the BGP routes that reach it. Where both have a prefix BGP's stands (a user's route hides it, so
 * it can only be a default one), and where that BGP route goes the overlay's comes back: a delta
 * has the overlay's on the side on which there is no BGP route.
 *
 * The descriptor: propagation writes once, then not until `told` is cleared. The reader empties
 * the descriptor, clears `told`, and looks at the log, in this order: what is published before
 * the look is seen by it, what comes later finds `told` clear and writes.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "engine/vrs_internal.h"

enum { READ_MAX = 1024, STEP = 128, ARENA_IPS = 1024, WALK_STEP = 256 };

/* Next hops that were handed out. Chunks stay where they are until it is emptied. */
struct chunk {
	struct chunk *next;
	size_t used, cap;
	struct vrs_ip ips[];
};

struct arena {
	struct chunk *first, *at;
	/* The last set that was put in, for the next that is the same. */
	uint32_t last_group;
	const struct vrs_hop_rule *last_rule;
	const struct vrs_ip *last;
};

static void arena_reset(struct arena *a)
{
	for (struct chunk *c = a->first; c != NULL; c = c->next)
		c->used = 0;
	a->at = a->first;
	a->last_group = VRS_GROUP_NONE;
}

static void arena_fini(struct arena *a)
{
	while (a->first != NULL) {
		struct chunk *c = a->first;

		a->first = c->next;
		free(c);
	}
}

static struct vrs_ip *arena_take(struct arena *a, size_t n)
{
	struct chunk **link = a->at != NULL ? &a->at : &a->first;

	while (*link != NULL && (*link)->cap - (*link)->used < n)
		link = &(*link)->next;
	if (*link == NULL) {
		size_t cap = VRS_MAX(n, (size_t)ARENA_IPS);

		*link = malloc(sizeof(**link) + cap * sizeof(struct vrs_ip));
		if (*link == NULL)
			return NULL;
		(*link)->next = NULL;
		(*link)->used = 0;
		(*link)->cap = cap;
	}
	struct chunk *c = *link;
	a->at = c;
	c->used += n;
	return &c->ips[c->used - n];
}

/* A group's next hops that may be used in a version with @p rule, copied, inside a read section.
 * @return 1; 0: there is none; -ENOMEM. */
static int hops_of_group(struct arena *a, const struct vrs_server *s,
	const struct vrs_hop_rule *rule, uint32_t id, struct vrs_hops *out)
{
	const struct vrs_group *g = vrs_group_find(&s->table->groups, id);
	/* Whoever names a group keeps it; this is against our own mistakes. */
	size_t n = g != NULL ? vrs_hop_rule_pick(rule, g, NULL, 0) : 0;

	*out = (struct vrs_hops){.source = VRS_FROM_BGP,
		.type = VRS_HOP_VIRTUAL_NETWORK_GATEWAY,
		.n_next_hops = (uint32_t)n};
	if (n == 0)
		return 0;
	if (id != a->last_group || rule != a->last_rule) {
		struct vrs_ip *ips = arena_take(a, n);

		if (ips == NULL)
			return -ENOMEM;
		(void)vrs_hop_rule_pick(rule, g, (struct vrs_addr *)ips, n);
		a->last = ips;
		a->last_group = id;
		a->last_rule = rule;
	}
	out->next_hops = a->last;
	return 1;
}

/* What a class does without BGP; r may be NULL. Borrowed of the overlay. */
static struct vrs_hops hops_of_route(const struct vrs_overlay_route *r)
{
	if (r == NULL)
		return (struct vrs_hops){.source = VRS_FROM_NOTHING};
	bool hop = r->next_hop.afi != VRS_AFI_NONE;
	return (struct vrs_hops){
		.source = vrs_source_out(r->source),
		.type = r->type,
		.n_next_hops = hop,
		.next_hops = hop ? (const struct vrs_ip *)&r->next_hop : NULL,
	};
}

/* --- Walking a version --- */

struct walk {
	struct vrs_server *server;
	struct vrs_version *version;
	const struct vrs_overlay *overlay; /* NULL: everything is given. */
	vrs_route_fn fn;
	void *ctx;
	struct arena arena;
	struct vrs_prefix last; /* The last one looked at; family 0 = none. */
	unsigned n, looked;
	int err;
	struct vrs_net nets[WALK_STEP];
	struct vrs_hops hops[WALK_STEP];
};

static int walk_one(void *arg, const struct vrs_prefix *p, uint32_t group)
{
	struct walk *w = arg;

	if (w->last.afi != VRS_AFI_NONE && vrs_prefix_equal(p, &w->last))
		return 0;
	if (w->looked++ == WALK_STEP)
		return 1;
	if (w->overlay == NULL || !vrs_overlay_hides(w->overlay, p)) {
		int some = hops_of_group(
			&w->arena, w->server, w->version->hops, group, &w->hops[w->n]);

		if (some < 0) {
			w->err = some;
			return 1;
		}
		if (some > 0)
			w->nets[w->n++] = vrs_net_out(p);
	}
	w->last = *p;
	return 0;
}

static int give(struct walk *w)
{
	for (unsigned i = 0; i < w->n; i++) {
		int stop = w->fn(w->ctx, &w->nets[i], &w->hops[i]);

		if (stop != 0)
			return stop;
	}
	return 0;
}

/* A read section for each step, none while the host's function runs. */
static int walk_bgp(struct walk *w, unsigned afi)
{
	int more;

	w->last = (struct vrs_prefix){.afi = VRS_AFI_NONE};
	do {
		w->n = w->looked = 0;
		arena_reset(&w->arena);
		vrs_rcu_enter();
		w->err = vrs_version_check(w->version);
		more = w->err != 0
			? 0
			: vrs_radix_walk(&w->version->root[afi == VRS_AFI_IP6],
				  w->last.afi != VRS_AFI_NONE ? &w->last : NULL, walk_one, w);
		vrs_rcu_leave();
		if (w->err != 0)
			return w->err;
		int stop = give(w);
		if (stop != 0)
			return stop;
	} while (more != 0);
	return 0;
}

/* Whether BGP's route stands on a prefix that the overlay has too. */
static int bgp_stands(const struct walk *w, const struct vrs_prefix *p, bool *yes)
{
	uint32_t group;
	int err = 0;

	*yes = false;
	if (w->version == NULL || vrs_overlay_hides(w->overlay, p))
		return 0;
	vrs_rcu_enter();
	err = vrs_version_check(w->version);
	if (err == 0)
		*yes = vrs_radix_find(&w->version->root[p->afi == VRS_AFI_IP6], p, &group) &&
			vrs_version_usable(w->version, &w->server->table->groups, group);
	vrs_rcu_leave();
	return err;
}

static int walk_overlay(struct walk *w, unsigned afi)
{
	size_t n = 0;
	const struct vrs_overlay_route *routes = vrs_overlay_routes(w->overlay, &n);

	for (size_t i = 0; i < n; i++) {
		const struct vrs_prefix *p = &routes[i].prefix;
		bool bgp;

		/* Sorted: others on the same prefix follow the first. */
		if (p->afi != afi || (i > 0 && vrs_prefix_equal(p, &routes[i - 1].prefix)))
			continue;
		int err = bgp_stands(w, p, &bgp);
		if (err != 0)
			return err;
		if (bgp)
			continue;
		struct vrs_net net = vrs_net_out(p);
		struct vrs_hops hops = hops_of_route(vrs_overlay_winner_at(w->overlay, p));
		err = w->fn(w->ctx, &net, &hops);
		if (err != 0)
			return err;
	}
	return 0;
}

static int walk_family(struct walk *w, unsigned afi)
{
	int r = w->overlay != NULL ? walk_overlay(w, afi) : 0;

	return r != 0 || w->version == NULL ? r : walk_bgp(w, afi);
}

static struct walk *walk_new(struct vrs_server *server, struct vrs_version *version,
	const struct vrs_overlay *overlay, vrs_route_fn fn, void *ctx)
{
	struct walk *w = calloc(1, sizeof(*w));

	if (w != NULL) {
		w->server = server;
		w->version = version;
		w->overlay = overlay;
		w->fn = fn;
		w->ctx = ctx;
	}
	return w;
}

static void walk_free(struct walk *w)
{
	if (w != NULL)
		arena_fini(&w->arena);
	free(w);
}

/* --- Cursors --- */

struct vrs_cursor {
	struct vrs *vrs;
	struct vrs_watcher watcher;
	char *route_server; /* Followed by name; NULL: a NIC's class. */
	uint32_t nic;
	struct vrs_model *model;           /* Counted: it keeps the next two. */
	const struct vrs_overlay *overlay; /* The class's; NULL: a route server's cursor. */
	struct vrs_server *server;         /* NULL: a class that BGP does not reach. */
	uint64_t generation;               /* Of the view they were taken from. */
	bool stale;
	uint64_t sequence;         /* The last one seen. */
	uint64_t version;          /* Deltas up to here came with the resync, */
	struct vrs_hop_rule *rule; /* from a version that carried this one. */
	struct arena arena;
};

/* Status shows how far it is, */
static void move_to(struct vrs_cursor *c, uint64_t sequence)
{
	c->sequence = sequence;
	atomic_store_explicit(&c->watcher.cursor, sequence, memory_order_relaxed);
}

/* until it has lost its place. */
static void lose_place(struct vrs_cursor *c)
{
	c->stale = true;
	atomic_store(&c->watcher.log, NULL);
}

static struct vrs_server *server_named(const struct vrs_view *w, const char *name)
{
	int at = vrs_model_route_server(w->model, name);

	return at >= 0 ? w->model->servers[at] : NULL;
}

/*
 * Bring the cursor in line with the configuration in force. @param old  A model to be let go of
 * outside the read section. @return 0 or -ENOENT.
 */
VRS_RCU_READER static int follow(struct vrs_cursor *c, struct vrs_model **old)
{
	const struct vrs_view *w = vrs_view_of(c->vrs);
	const struct vrs_overlay *overlay = NULL;
	struct vrs_server *server;

	*old = NULL;
	if (w->generation == c->generation)
		return 0;
	if (c->route_server != NULL) {
		server = server_named(w, c->route_server);
		if (server == NULL)
			return -ENOENT;
	} else {
		const struct vrs_view_class *class = vrs_view_class_of(w, c->nic);

		if (class == NULL)
			return -ENOENT;
		server = class->server;
		overlay = class->overlay;
	}
	if (server != c->server || (c->overlay == NULL) != (overlay == NULL) ||
		(overlay != NULL && !vrs_overlay_equal(overlay, c->overlay)))
		lose_place(c);
	*old = c->model;
	c->model = vrs_model_get(w->model);
	c->generation = w->generation;
	c->server = server;
	c->overlay = overlay;
	return 0;
}

static int cursor_new(
	struct vrs *v, const char *route_server, uint32_t nic, struct vrs_cursor **out)
{
	struct vrs_model *old;

	if (!vrs_thread_registered_rcu())
		return -EPERM;
	struct vrs_cursor *c = calloc(1, sizeof(*c));
	if (c == NULL)
		return -ENOMEM;
	c->vrs = v;
	c->nic = nic;
	c->stale = true;
	c->route_server = route_server != NULL ? strdup(route_server) : NULL;
	c->watcher.once = true;
	c->watcher.fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	int err = c->watcher.fd < 0 ? -errno : 0;
	if (route_server != NULL && c->route_server == NULL)
		err = -ENOMEM;
	if (err == 0) {
		vrs_rcu_enter();
		err = follow(c, &old);
		vrs_rcu_leave();
	}
	if (err != 0) {
		if (c->watcher.fd >= 0)
			close(c->watcher.fd);
		free(c->route_server);
		free(c);
		return err;
	}
	vrs_propagation_watch(&v->engine.propagation, &c->watcher);
	atomic_fetch_add(&v->n_open, 1);
	*out = c;
	return 0;
}

int vrs_cursor_open(struct vrs *v, const char *route_server, struct vrs_cursor **out)
{
	return cursor_new(v, route_server, 0, out);
}

int vrs_cursor_open_nic(struct vrs *v, uint32_t nic, struct vrs_cursor **out)
{
	return cursor_new(v, NULL, nic, out);
}

int vrs_cursor_fd(const struct vrs_cursor *c)
{
	return c->watcher.fd;
}

void vrs_cursor_close(struct vrs_cursor *c)
{
	if (c == NULL)
		return;
	struct vrs *v = c->vrs;
	vrs_propagation_unwatch(&v->engine.propagation, &c->watcher);
	close(c->watcher.fd);
	vrs_model_put(c->model);
	vrs_hop_rule_put(c->rule);
	arena_fini(&c->arena);
	free(c->route_server);
	free(c);
	vrs_engine_reap(&v->engine);
	atomic_fetch_sub(&v->n_open, 1);
}

/* One side of a delta. @return 0 or -ENOMEM. */
VRS_RCU_READER static int side(struct vrs_cursor *c, const struct vrs_hop_rule *rule,
	const struct vrs_prefix *p, uint32_t group, struct vrs_hops *out)
{
	int some =
		group != VRS_GROUP_NONE ? hops_of_group(&c->arena, c->server, rule, group, out) : 0;

	if (some != 0)
		return some < 0 ? some : 0;
	*out = hops_of_route(c->overlay != NULL ? vrs_overlay_winner_at(c->overlay, p) : NULL);
	return 0;
}

static bool same_hops(const struct vrs_hops *a, const struct vrs_hops *b)
{
	return a->source == b->source && a->type == b->type && a->n_next_hops == b->n_next_hops &&
		(a->n_next_hops == 0 ||
			memcmp(a->next_hops, b->next_hops,
				a->n_next_hops * sizeof(*a->next_hops)) == 0);
}

/* @return Whether there is something to tell (1 or 0), or -ENOMEM. */
VRS_RCU_READER static int convert(struct vrs_cursor *c, const struct vrs_hop_rule *rule,
	const struct vrs_delta *d, struct vrs_delta_record *out)
{
	if (d->version <= c->version ||
		(c->overlay != NULL && vrs_overlay_hides(c->overlay, &d->prefix)))
		return 0;
	out->sequence = d->sequence;
	out->version = d->version;
	out->prefix = vrs_net_out(&d->prefix);
	if (side(c, rule, &d->prefix, d->old_group, &out->before) != 0 ||
		side(c, rule, &d->prefix, d->new_group, &out->after) != 0)
		return -ENOMEM;
	return rule == NULL || !same_hops(&out->before, &out->after);
}

/* Next hops were taken away since: look-ups do without them already. */
static bool stale_by_rule(struct vrs_cursor *c, const struct vrs_version *v)
{
	if (v->hops_since > c->version)
		lose_place(c);
	return c->stale;
}

VRS_RCU_READER static int take(struct vrs_cursor *c, struct vrs_delta_record *out, int max)
{
	struct vrs_delta raw[STEP];
	int n = 0;

	if (c->server == NULL)
		return 0;
	const struct vrs_version *v = vrs_snapshot_current(c->server->rib->snapshot);
	if (stale_by_rule(c, v))
		return -ESTALE;
	while (n < max) {
		uint64_t at = c->sequence;
		int got = vrs_delta_read(c->server->rib->log, &at, raw, VRS_MIN(max - n, STEP));

		if (got < 0 && n == 0) {
			lose_place(c);
			atomic_fetch_add(&c->server->rib->n_resyncs, 1);
		}
		if (got <= 0)
			return n > 0 ? n : got;
		for (int i = 0; i < got; i++) {
			/* A version is shown before its deltas. */
			if (raw[i].version > v->number)
				v = vrs_snapshot_current(c->server->rib->snapshot);
			if (stale_by_rule(c, v))
				return n > 0 ? n : -ESTALE;
			bool ruled = v->hops_until == 0 || raw[i].version <= v->hops_until;
			int told = convert(c, ruled ? c->rule : NULL, &raw[i], &out[n]);

			if (told < 0)
				return n > 0 ? n : told;
			n += told;
			move_to(c, raw[i].sequence);
			/* Nothing was handed out yet: what was not told needs no room. */
			if (n == 0)
				arena_reset(&c->arena);
		}
	}
	return n;
}

static int look(struct vrs_cursor *c, struct vrs_delta_record *out, int max)
{
	struct vrs_model *old;

	arena_reset(&c->arena);
	vrs_rcu_enter();
	int n = follow(c, &old);
	if (n == 0)
		n = c->stale ? -ESTALE : take(c, out, max);
	vrs_rcu_leave();
	vrs_model_put(old);
	return n;
}

int vrs_cursor_read(struct vrs_cursor *c, struct vrs_delta_record *out, int max)
{
	uint64_t count;

	if (!vrs_thread_registered_rcu())
		return -EPERM;
	max = VRS_MIN(max, READ_MAX);
	int n = look(c, out, max);
	if (n != 0 || max <= 0 || !atomic_load(&c->watcher.told))
		return n;
	/* In this order: see above. */
	(void)!read(c->watcher.fd, &count, sizeof(count));
	atomic_store(&c->watcher.told, false);
	return look(c, out, max);
}

/* Take a version and the place in the log that goes with it. */
static int begin(struct vrs_cursor *c, struct vrs_version **version, uint64_t *sequence)
{
	struct vrs_hop_rule *rule = c->rule;
	struct vrs_model *old;

	*version = NULL;
	*sequence = 0;
	lose_place(c);
	vrs_rcu_enter();
	int err = follow(c, &old);
	if (err == 0 && c->server != NULL) {
		*sequence = vrs_delta_last(c->server->rib->log);
		*version = vrs_snapshot_pin(c->server->rib->snapshot);
	}
	c->rule = *version != NULL ? vrs_hop_rule_get((*version)->hops) : NULL;
	vrs_rcu_leave();
	vrs_hop_rule_put(rule);
	vrs_model_put(old);
	return err;
}

int vrs_resync(struct vrs_cursor *c, vrs_route_fn fn, void *ctx)
{
	struct vrs_version *version;
	uint64_t sequence;

	if (!vrs_thread_registered_rcu())
		return -EPERM;
	int err = begin(c, &version, &sequence);
	if (err != 0)
		return err;
	uint64_t number = version != NULL ? version->number : 0;
	if (fn != NULL) {
		struct walk *w = walk_new(c->server, version, c->overlay, fn, ctx);

		err = w != NULL ? walk_family(w, VRS_AFI_IP4) : -ENOMEM;
		if (err == 0)
			err = walk_family(w, VRS_AFI_IP6);
		walk_free(w);
	}
	if (version != NULL)
		vrs_version_unpin(version);
	if (err != 0)
		return err;
	move_to(c, sequence);
	c->version = number;
	c->stale = false;
	atomic_store(&c->watcher.log, c->server != NULL ? c->server->rib->log : NULL);
	return 0;
}

/* --- Pins --- */

struct vrs_pin {
	struct vrs *vrs;
	struct vrs_model *model; /* Counted: it keeps the server. */
	struct vrs_server *server;
	struct vrs_version *version;
	uint64_t number, n_prefixes;
};

int vrs_pin_open(struct vrs *v, const char *route_server, struct vrs_pin **out)
{
	if (!vrs_thread_registered_rcu())
		return -EPERM;
	struct vrs_pin *p = calloc(1, sizeof(*p));
	if (p == NULL)
		return -ENOMEM;
	p->vrs = v;
	vrs_rcu_enter();
	const struct vrs_view *w = vrs_view_of(v);
	p->server = server_named(w, route_server);
	if (p->server != NULL) {
		p->model = vrs_model_get(w->model);
		p->version = vrs_snapshot_pin(p->server->rib->snapshot);
		p->number = p->version->number;
		p->n_prefixes = p->version->n_prefixes;
	}
	vrs_rcu_leave();
	if (p->server == NULL) {
		free(p);
		return -ENOENT;
	}
	atomic_fetch_add(&v->n_open, 1);
	*out = p;
	return 0;
}

uint64_t vrs_pin_version(const struct vrs_pin *p)
{
	return p->number;
}

uint64_t vrs_pin_prefixes(const struct vrs_pin *p)
{
	return p->n_prefixes;
}

int vrs_pin_walk(struct vrs_pin *p, enum vrs_family family, vrs_route_fn fn, void *ctx)
{
	if (!vrs_thread_registered_rcu())
		return -EPERM;
	if (family != VRS_IP4 && family != VRS_IP6)
		return -EAFNOSUPPORT;
	struct walk *w = walk_new(p->server, p->version, NULL, fn, ctx);
	int r = w != NULL ? walk_family(w, (unsigned)family) : -ENOMEM;

	walk_free(w);
	return r;
}

void vrs_pin_close(struct vrs_pin *p)
{
	if (p == NULL)
		return;
	struct vrs *v = p->vrs;
	vrs_version_unpin(p->version);
	vrs_model_put(p->model);
	free(p);
	vrs_engine_reap(&v->engine);
	atomic_fetch_sub(&v->n_open, 1);
}
