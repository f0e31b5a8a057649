/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

/*
 * Applying a configuration, in an order in which every step stands on the one before:
 *
 *     each io      what is no longer there, or changed its identity, closes its sessions
 *     control      new route servers are made, every connection gets an I/O thread
 *     each io      new parts join
 *     propagation  new RIBs join, all learn their system prefixes, old RIBs leave
 *     each io      every server brings its sessions in line
 *     propagation  knows that all parts have the rule for next hops
 *     control      the new model is published; when nobody holds the old one, old servers go
 */

#include "engine/engine.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine/clock.h"
#include "rib/base/hash.h"

enum {
	FLUSH_MS = 1000,
	OLD_MODEL_MS = 5000,
	INLINE_CHANGES = 256, /* About 100 us, two wake-ups of a thread 20 to 100. */
};

/* A thread is known by where its own variables are. */
static _Thread_local char self;

static void own(struct vrs_engine *e)
{
	if (!e->threaded &&
		atomic_load_explicit(&e->owner, memory_order_relaxed) != (uintptr_t)&self)
		atomic_store(&e->owner, (uintptr_t)&self);
}

static void wake_ios(void *ctx, uint64_t which)
{
	struct vrs_engine *e = ctx;

	for (; which != 0; which &= which - 1)
		vrs_io_wake(e->ios[__builtin_ctzll(which)]);
}

/* The I/O threads' sides. Transports that were not taken are freed. @return 0 or a negative errno. */
static int ios_init(struct vrs_engine *e, struct vrs_transport *const *transports, unsigned n,
	const struct vrs_engine_options *options)
{
	enum vrs_reclaim_mode mode = options->threaded ? VRS_RECLAIM_WORKER : VRS_RECLAIM_CALLER;
	uint64_t seed = options->seed != 0 ? options->seed : vrs_hash_u64(e->started_ms);
	int err = 0;

	for (unsigned i = 0; i < n; i++) {
		struct vrs_io *io = i == 0 ? &e->io : calloc(1, sizeof(*io));

		if (err == 0 && io == NULL)
			err = -ENOMEM;
		if (err != 0) {
			if (i > 0)
				free(io);
			transports[i]->ops->free(transports[i]);
			continue;
		}
		err = vrs_io_init(io, i, transports[i], &e->propagation, mode, seed + i);
		if (err != 0) {
			if (i > 0)
				free(io);
			continue;
		}
		io->inline_changes = options->threaded ? INLINE_CHANGES : 0;
		e->ios[e->n_ios++] = io;
	}
	return err;
}

static void ios_fini(struct vrs_engine *e)
{
	for (unsigned i = 0; i < e->n_ios; i++) {
		vrs_io_fini(e->ios[i]);
		if (i > 0)
			free(e->ios[i]);
	}
	e->n_ios = 0;
}

int vrs_engine_init(struct vrs_engine *e, struct vrs_transport *transport,
	const struct vrs_engine_options *options)
{
	return vrs_engine_init_many(e, &transport, 1, options);
}

int vrs_engine_init_many(struct vrs_engine *e, struct vrs_transport *const *transports, unsigned n,
	const struct vrs_engine_options *options)
{
	enum vrs_reclaim_mode mode = options->threaded ? VRS_RECLAIM_WORKER : VRS_RECLAIM_CALLER;
	int err;

	memset(e, 0, sizeof(*e));
	e->threaded = options->threaded;
	e->old_model_ms = options->old_model_ms;
	if (e->old_model_ms == 0 && e->threaded)
		e->old_model_ms = OLD_MODEL_MS;
	own(e);
	e->clock = options->clock;
	e->started_ms = vrs_clock_ms(&e->clock);
	err = vrs_propagation_init(&e->propagation, mode, wake_ios, e);
	if (err != 0) {
		for (unsigned i = 0; i < n; i++)
			transports[i]->ops->free(transports[i]);
		return err;
	}
	e->propagation.clock = e->clock;
	err = ios_init(e, transports, n, options);
	if (err != 0) {
		ios_fini(e);
		vrs_propagation_fini(&e->propagation);
		return err;
	}
	pthread_mutex_init(&e->apply_lock, NULL);
	pthread_mutex_init(&e->model_lock, NULL);
	return 0;
}

static void *io_main(void *arg)
{
	struct vrs_io *io = arg;
	char name[VRS_IO_NAME_SIZE];

	vrs_io_name(io, name);
	pthread_setname_np(pthread_self(), name);
	vrs_thread_register_rcu();
	vrs_io_run(io);
	vrs_thread_unregister_rcu();
	return NULL;
}

static void *propagation_main(void *arg)
{
	struct vrs_engine *e = arg;

	pthread_setname_np(pthread_self(), "vrs-propagate");
	vrs_thread_register_rcu();
	vrs_propagation_run(&e->propagation);
	vrs_thread_unregister_rcu();
	return NULL;
}

/* End the first n I/O threads, then propagation. */
static void stop_threads(struct vrs_engine *e, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		atomic_store(&e->ios[i]->stop, true);
		vrs_io_wake(e->ios[i]);
	}
	for (unsigned i = 0; i < n; i++)
		pthread_join(e->io_threads[i], NULL);
	atomic_store(&e->propagation.stop, true);
	vrs_waker_wake(&e->propagation.waker);
	pthread_join(e->propagation_thread, NULL);
}

int vrs_engine_start(struct vrs_engine *e)
{
	int err;

	if (!e->threaded)
		return 0;
	err = pthread_create(&e->propagation_thread, NULL, propagation_main, e);
	if (err != 0)
		return -err;
	for (unsigned i = 0; i < e->n_ios; i++) {
		err = pthread_create(&e->io_threads[i], NULL, io_main, e->ios[i]);
		if (err != 0) {
			stop_threads(e, i);
			return -err;
		}
	}
	e->running = true;
	return 0;
}

static void wake_propagation(void *ctx)
{
	vrs_waker_wake(ctx);
}

bool vrs_engine_is_ours(const struct vrs_engine *e)
{
	return e->threaded ? !e->running : atomic_load(&e->owner) == (uintptr_t)&self;
}

static int call_one(struct vrs_engine *e, struct vrs_io *io, vrs_task_fn fn, void *arg)
{
	if (!vrs_engine_is_ours(e))
		return vrs_mailbox_call(&io->mailbox, fn, arg, vrs_io_wake, io);
	fn(arg);
	return 0;
}

int vrs_engine_call_io(struct vrs_engine *e, vrs_task_fn fn, void *arg)
{
	return call_one(e, &e->io, fn, arg);
}

/* A task that is told whose thread it runs on. */
struct part_call {
	vrs_part_fn fn;
	void *arg;
	struct vrs_io *io;
};

static void call_part(void *arg)
{
	struct part_call *c = arg;

	c->fn(c->arg, c->io);
}

int vrs_engine_call_part(struct vrs_engine *e, unsigned io, vrs_part_fn fn, void *arg)
{
	return call_one(e, e->ios[io], call_part, &(struct part_call){fn, arg, e->ios[io]});
}

int vrs_engine_call_parts(struct vrs_engine *e, vrs_part_fn fn, void *arg)
{
	int err = 0;

	for (unsigned i = 0; i < e->n_ios && err == 0; i++)
		err = vrs_engine_call_part(e, i, fn, arg);
	return err;
}

int vrs_engine_call_propagation(struct vrs_engine *e, vrs_task_fn fn, void *arg)
{
	/* The owner of both sleeps in the transport. */
	if (!e->threaded)
		return vrs_engine_call_io(e, fn, arg);
	if (!vrs_engine_is_ours(e))
		return vrs_mailbox_call(
			&e->propagation.mailbox, fn, arg, wake_propagation, &e->propagation.waker);
	fn(arg);
	return 0;
}

bool vrs_engine_turn(struct vrs_engine *e, int timeout_ms)
{
	own(e);
	bool any = vrs_io_turn(&e->io, timeout_ms);

	while (vrs_propagation_turn(&e->propagation))
		any = true;
	any |= vrs_io_turn(&e->io, 0);
	return any;
}

int vrs_engine_timeout(struct vrs_engine *e, int timeout_ms)
{
	int io = vrs_io_timeout(&e->io, timeout_ms);
	int propagation = vrs_propagation_timeout(&e->propagation);

	return io < 0 ? propagation : VRS_MIN(io, propagation);
}

int vrs_engine_fd(const struct vrs_engine *e)
{
	const struct vrs_transport *t = e->io.transport;

	return t->ops->fd != NULL ? t->ops->fd(t) : -1;
}

void vrs_engine_refuse(struct vrs_engine *e)
{
	vrs_mailbox_close(&e->io.mailbox);
}

uint64_t vrs_engine_next_ms(struct vrs_engine *e)
{
	return vrs_wheel_next(&e->io.wheel);
}

struct vrs_model *vrs_engine_model(struct vrs_engine *e)
{
	pthread_mutex_lock(&e->model_lock);
	struct vrs_model *m = vrs_model_get(e->model);
	pthread_mutex_unlock(&e->model_lock);
	return m;
}

/* --- Applying --- */

struct apply {
	struct vrs_engine *e;
	struct vrs_model *now, *old;
	bool *keep;                 /* By index in old: the server goes on. */
	struct hidden *hidden;      /* By index in now. */
	bool *fresh;                /* By index in now: the server was made just now. */
	struct vrs_hop_rule **hops; /* By index in now. */
	int err;
};

/* Prefixes of the network that came or went: learned routes on them become hidden, or show. */
struct hidden {
	struct vrs_prefix *prefixes;
	size_t n;
};

/* Whether a server can go on as it is, with other peers perhaps. */
static bool same_identity(const struct vrs_server *s, const struct vrs_model *old, size_t i,
	const struct vrs_config *config, const struct vrs_cfg_route_server *rs)
{
	const struct vrs_cfg_route_server *was = &old->config->route_servers[i];

	return strcmp(s->name, rs->name) == 0 && s->asn == rs->asn &&
		strcmp(was->vnet, rs->vnet) == 0;
}

static void match_servers(struct apply *a)
{
	const struct vrs_config *config = a->now->config;

	for (size_t i = 0; a->old != NULL && i < a->old->config->n_route_servers; i++) {
		for (size_t j = 0; j < config->n_route_servers; j++) {
			if (!same_identity(a->old->servers[i], a->old, i, config,
				    &config->route_servers[j]))
				continue;
			a->now->servers[j] = a->old->servers[i];
			a->keep[i] = true;
		}
	}
}

/* What is removed ends its sessions. */
static void part_close(void *arg, struct vrs_io *io)
{
	struct apply *a = arg;

	for (size_t i = 0; a->old != NULL && i < a->old->config->n_route_servers; i++) {
		if (a->keep[i])
			continue;
		struct vrs_server *s = a->old->servers[i]->parts[io->index];

		atomic_store(&s->dead, true);
		vrs_server_close(s, VRS_BGP_CEASE_DECONFIGURED, "route server removed");
		vrs_server_drop_neighbors(s);
	}
}

/* New servers are made, and every connection has an I/O thread. */
static void make_servers(struct apply *a)
{
	const struct vrs_config *config = a->now->config;

	a->fresh = calloc(config->n_route_servers + 1, sizeof(*a->fresh));
	if (a->fresh == NULL)
		a->err = -ENOMEM;
	for (size_t j = 0; j < config->n_route_servers && a->err == 0; j++) {
		const struct vrs_cfg_route_server *rs = &config->route_servers[j];

		a->hops[j] = vrs_model_hop_rule(config, rs);
		if (a->hops[j] != NULL && a->now->servers[j] == NULL) {
			/* Servers with few connections each do not all begin at the same thread. */
			a->now->servers[j] = vrs_server_new(
				a->e->ios, a->e->n_ios, (unsigned)j % a->e->n_ios, rs, a->hops[j]);
			a->fresh[j] = true;
		}
		if (a->now->servers[j] == NULL || a->hops[j] == NULL ||
			vrs_server_assign(a->now->servers[j], rs) != 0)
			a->err = -ENOMEM;
	}
}

static void part_link(void *arg, struct vrs_io *io)
{
	struct apply *a = arg;

	for (size_t j = 0; j < a->now->config->n_route_servers; j++)
		if (a->fresh[j])
			vrs_server_link(a->now->servers[j]->parts[io->index]);
}

static bool in_propagation(const struct vrs_propagation *p, const struct vrs_rib *rib)
{
	for (const struct vrs_rib *r = p->ribs; r != NULL; r = r->next)
		if (r == rib)
			return true;
	return false;
}

/* Note the difference between a RIB's system prefixes and those it will have. */
static int note_hidden(
	struct hidden *h, const struct vrs_rib *rib, const struct vrs_prefix *now, size_t n)
{
	h->prefixes = calloc(n + rib->n_system + 1, sizeof(*h->prefixes));
	if (h->prefixes == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		if (!vrs_rib_is_system(rib, &now[i]))
			h->prefixes[h->n++] = now[i];
	for (size_t i = 0; i < rib->n_system; i++) {
		size_t j = 0;

		while (j < n && !vrs_prefix_equal(&now[j], &rib->system[i]))
			j++;
		if (j == n)
			h->prefixes[h->n++] = rib->system[i];
	}
	return 0;
}

static void propagation_apply(void *arg)
{
	struct apply *a = arg;
	struct vrs_propagation *p = &a->e->propagation;
	const struct vrs_config *config = a->now->config;

	for (size_t i = 0; a->old != NULL && i < a->old->config->n_route_servers; i++)
		if (!a->keep[i])
			vrs_propagation_remove(p, a->old->servers[i]->rib);
	for (size_t j = 0; j < config->n_route_servers; j++) {
		const struct vrs_cfg_route_server *rs = &config->route_servers[j];
		struct vrs_rib *rib = a->now->servers[j]->rib;
		struct vrs_prefix *prefixes =
			calloc(vrs_model_n_prefixes(config, rs) + 1, sizeof(*prefixes));

		if (prefixes == NULL) {
			a->err = -ENOMEM;
			return;
		}
		size_t n = vrs_model_system_prefixes(config, rs, prefixes);
		if (!in_propagation(p, rib))
			vrs_propagation_add(p, rib);
		vrs_rib_set_branch_to_branch(rib, rs->branch_to_branch);
		vrs_rib_set_hops(rib, a->hops[j]);
		if (note_hidden(&a->hidden[j], rib, prefixes, n) != 0 ||
			vrs_rib_set_system(rib, prefixes, n) != 0)
			a->err = -ENOMEM;
		free(prefixes);
	}
}

/* All parts have been told. */
static void propagation_applied(void *arg)
{
	struct apply *a = arg;

	for (size_t j = 0; j < a->now->config->n_route_servers; j++)
		vrs_rib_hops_told(a->now->servers[j]->rib);
}

static void part_apply(void *arg, struct vrs_io *io)
{
	struct apply *a = arg;
	const struct vrs_config *config = a->now->config;

	for (size_t j = 0; j < config->n_route_servers; j++) {
		struct vrs_server *s = a->now->servers[j]->parts[io->index];
		int err = vrs_server_apply(s, config, &config->route_servers[j], a->hops[j]);

		if (err != 0)
			a->err = err;
		for (size_t i = 0; i < a->hidden[j].n; i++)
			vrs_table_touch(s->table, &a->hidden[j].prefixes[i]);
	}
}

/* Servers that no model names any more. */
struct drop {
	struct vrs_server **servers;
	size_t n;
};

/* No thread turns their tables any more. */
static void part_unlink(void *arg, struct vrs_io *io)
{
	struct drop *d = arg;

	vrs_io_take_dead(io);
	for (size_t i = 0; i < d->n; i++)
		vrs_server_unlink(d->servers[i]->parts[io->index]);
}

static void part_free_tables(void *arg, struct vrs_io *io)
{
	struct drop *d = arg;

	for (size_t i = 0; i < d->n; i++)
		vrs_server_free_table(d->servers[i]->parts[io->index]);
}

static void propagation_free_ribs(void *arg)
{
	struct drop *d = arg;

	for (size_t i = 0; i < d->n; i++)
		vrs_rib_free(d->servers[i]->rib);
}

static void free_servers(struct vrs_engine *e, struct drop *d)
{
	vrs_rcu_wait();
	(void)vrs_engine_call_propagation(e, propagation_free_ribs, d);
	(void)vrs_engine_call_parts(e, part_unlink, d);
	(void)vrs_engine_call_parts(e, part_free_tables, d);
	for (size_t i = 0; i < d->n; i++)
		vrs_server_free(d->servers[i]);
}

/* Free the removed servers that no model names. Under apply_lock. */
static void reap(struct vrs_engine *e)
{
	size_t n = atomic_load(&e->n_removed), kept = 0;
	struct drop d = {.servers = calloc(n + 1, sizeof(struct vrs_server *))};

	for (size_t i = 0; i < n; i++) {
		if (d.servers != NULL && atomic_load(&e->removed[i]->users) == 0)
			d.servers[d.n++] = e->removed[i];
		else
			e->removed[kept++] = e->removed[i];
	}
	atomic_store(&e->n_removed, kept);
	if (d.n > 0)
		free_servers(e, &d);
	free(d.servers);
}

/* There was no memory for all of them: those that were made have been seen by nobody. */
static void unmake_servers(struct apply *a)
{
	for (size_t j = 0; a->fresh != NULL && j < a->now->config->n_route_servers; j++)
		if (a->fresh[j] && a->now->servers[j] != NULL)
			free_servers(a->e, &(struct drop){&a->now->servers[j], 1});
}

void vrs_engine_reap(struct vrs_engine *e)
{
	/* Without threads the owner does it, in its time. Whoever holds the lock may be waiting for us
	 * to run what it sent. */
	if (atomic_load(&e->n_removed) == 0 || (!e->threaded && !vrs_engine_is_ours(e)) ||
		pthread_mutex_trylock(&e->apply_lock) != 0)
		return;
	reap(e);
	pthread_mutex_unlock(&e->apply_lock);
}

/* Wait until every model that names a server is gone: listings end by themselves, streams see
 * that their server is dead. A watch may hold a model older than the last one. */
static bool wait_unused(const struct vrs_engine *e, const struct vrs_server *s)
{
	for (unsigned i = 0; atomic_load(&s->users) > 0; i++) {
		if (i >= e->old_model_ms)
			return false;
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	}
	return true;
}

/* Let go of the old model, then of the servers that are in no model. */
static void drop_old(struct apply *a)
{
	struct vrs_engine *e = a->e;
	size_t n_old = a->old->config->n_route_servers, n = atomic_load(&e->n_removed);
	struct vrs_server **removed =
		reallocarray(e->removed, n + n_old + 1, sizeof(struct vrs_server *));
	size_t first = n;

	if (removed != NULL)
		e->removed = removed;
	for (size_t i = 0; i < n_old && removed != NULL; i++)
		if (!a->keep[i])
			removed[n++] = a->old->servers[i];
	atomic_store(&e->n_removed, n);
	vrs_model_put(a->old);
	for (size_t i = first; i < n; i++)
		if (!wait_unused(e, removed[i]))
			vrs_log(VRS_LOG_INFO, "removed route server %s is still being read",
				removed[i]->name);
	if (n > 0)
		reap(e);
}

/* A model is gone: it names its servers no more. */
static void release_servers(struct vrs_model *m)
{
	for (size_t i = 0; i < m->config->n_route_servers; i++)
		if (m->servers[i] != NULL)
			atomic_fetch_sub(&m->servers[i]->users, 1);
}

static void hold_servers(struct vrs_model *m)
{
	for (size_t i = 0; i < m->config->n_route_servers; i++)
		if (m->servers[i] != NULL)
			atomic_fetch_add(&m->servers[i]->users, 1);
	m->release = release_servers;
}

int vrs_engine_apply_model(
	struct vrs_engine *e, struct vrs_model *m, vrs_engine_shown_fn shown, void *ctx)
{
	struct apply a = {.e = e, .now = m};
	size_t n = m->config->n_route_servers;

	pthread_mutex_lock(&e->apply_lock);
	a.old = e->model;
	a.keep = calloc(a.old != NULL ? a.old->config->n_route_servers + 1 : 1, sizeof(*a.keep));
	a.hidden = calloc(n + 1, sizeof(*a.hidden));
	a.hops = calloc(n + 1, sizeof(struct vrs_hop_rule *));
	if (a.keep == NULL || a.hidden == NULL || a.hops == NULL) {
		a.err = -ENOMEM;
		vrs_model_put(a.now);
		goto out;
	}
	match_servers(&a);
	make_servers(&a);
	if (a.err != 0) {
		unmake_servers(&a);
		vrs_model_put(a.now);
		goto out;
	}
	(void)vrs_engine_call_parts(e, part_close, &a);
	(void)vrs_engine_call_parts(e, part_link, &a);
	(void)vrs_engine_call_propagation(e, propagation_apply, &a);
	(void)vrs_engine_call_parts(e, part_apply, &a);
	(void)vrs_engine_call_propagation(e, propagation_applied, &a);
	hold_servers(a.now);
	pthread_mutex_lock(&e->model_lock);
	e->model = a.now;
	pthread_mutex_unlock(&e->model_lock);
	if (shown != NULL)
		shown(ctx, a.now);
	if (a.old != NULL)
		drop_old(&a);
	for (size_t j = 0; j < n; j++)
		free(a.hidden[j].prefixes);
out:
	for (size_t j = 0; a.hops != NULL && j < n; j++)
		vrs_hop_rule_put(a.hops[j]);
	free(a.hops);
	free(a.fresh);
	free(a.hidden);
	free(a.keep);
	pthread_mutex_unlock(&e->apply_lock);
	return a.err;
}

int vrs_engine_apply(struct vrs_engine *e, struct vrs_config *config)
{
	struct vrs_model *m = vrs_model_new(config);

	return m != NULL ? vrs_engine_apply_model(e, m, NULL, NULL) : -ENOMEM;
}

/* --- Stopping --- */

static void part_close_all(void *arg, struct vrs_io *io)
{
	const char *text = arg;

	for (struct vrs_server *server = io->servers; server != NULL; server = server->next)
		vrs_server_close(server, VRS_BGP_CEASE_SHUTDOWN, text);
}

/* Whether a NOTIFICATION may still be on its way out. */
static bool flushing(struct vrs_engine *e)
{
	struct vrs_transport_stat stat;
	uint64_t open = 0;

	for (unsigned i = 0; i < e->n_ios; i++) {
		e->ios[i]->transport->ops->stat(e->ios[i]->transport, &stat);
		open += stat.open;
	}
	return open > 0;
}

void vrs_engine_stop(struct vrs_engine *e, const char *text)
{
	if (e->threaded && !e->running)
		return;
	(void)vrs_engine_call_parts(e, part_close_all, (void *)text);
	/* Let the transport flush the NOTIFICATIONs; it gives up after a second by itself. */
	uint64_t end = vrs_now_ms() + FLUSH_MS;
	if (!e->threaded) {
		while (vrs_now_ms() < end && flushing(e))
			(void)vrs_engine_turn(e, 10);
		return;
	}
	while (vrs_now_ms() < end && flushing(e))
		nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
	stop_threads(e, e->n_ios);
	e->running = false;
}

void vrs_engine_fini(struct vrs_engine *e)
{
	vrs_model_put(e->model);
	/* Nothing runs any more: this thread is all of them. */
	while (e->io.servers != NULL) {
		struct vrs_server *s = e->io.servers;

		for (unsigned i = 0; i < e->n_ios; i++) {
			vrs_server_close(s->parts[i], VRS_BGP_CEASE_SHUTDOWN, NULL);
			vrs_server_drop_neighbors(s->parts[i]);
			vrs_server_unlink(s->parts[i]);
		}
		vrs_propagation_remove(&e->propagation, s->rib);
		for (unsigned i = 0; i < e->n_ios; i++)
			vrs_io_take_dead(e->ios[i]);
		vrs_rib_free(s->rib);
		vrs_server_free(s);
	}
	ios_fini(e);
	vrs_propagation_fini(&e->propagation);
	free(e->removed);
	pthread_mutex_destroy(&e->apply_lock);
	pthread_mutex_destroy(&e->model_lock);
}
