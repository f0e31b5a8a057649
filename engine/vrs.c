/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

/*
 * The life of a library: an engine, the view that readers have of its model, and names.
 *
 * A reload makes the next view before anything is changed, so that publishing it cannot fail. It is
 * published where the engine shows its new model, before it lets go of what the old one alone had:
 * then a grace period, and no look-up knows the old model.
 *
 * Handles of NICs are numbers given to names in the order they are first seen, never taken back.
 * Names of a model are sorted, and so are those known: one pass over both gives the handles.
 */

#include "engine/vrs.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "engine/transport.h"
#include "engine/vrs_internal.h"

static_assert(sizeof(struct vrs_ip) == sizeof(struct vrs_addr) &&
		offsetof(struct vrs_ip, family) == offsetof(struct vrs_addr, afi) &&
		(int)VRS_IP4 == (int)VRS_AFI_IP4 && (int)VRS_IP6 == (int)VRS_AFI_IP6,
	"handed over as they are");
static_assert(sizeof(struct vrs_net) == sizeof(struct vrs_prefix) &&
		offsetof(struct vrs_net, len) == offsetof(struct vrs_prefix, len) &&
		offsetof(struct vrs_net, family) == offsetof(struct vrs_prefix, afi),
	"handed over as they are");
static_assert(sizeof(struct vrs_answer) == 32, "two in a cache line");
static_assert((int)VRS_FROM_DEFAULT == (int)VRS_SOURCE_DEFAULT + 1 &&
		(int)VRS_FROM_BGP == (int)VRS_SOURCE_BGP + 1 &&
		(int)VRS_FROM_USER == (int)VRS_SOURCE_USER + 1,
	"vrs_source_out()");
static_assert((int)VRS_HOP_VIRTUAL_APPLIANCE == (int)VRS_NH_VIRTUAL_APPLIANCE &&
		(int)VRS_HOP_VIRTUAL_NETWORK_GATEWAY == (int)VRS_NH_VIRTUAL_NETWORK_GATEWAY &&
		(int)VRS_HOP_VNET_LOCAL == (int)VRS_NH_VNET_LOCAL &&
		(int)VRS_HOP_INTERNET == (int)VRS_NH_INTERNET &&
		(int)VRS_HOP_NONE == (int)VRS_NH_NONE &&
		(int)VRS_HOP_VNET_PEERING == (int)VRS_NH_VNET_PEERING &&
		(int)VRS_HOP_SERVICE_ENDPOINT == (int)VRS_NH_SERVICE_ENDPOINT,
	"types are numbered alike");

enum { LOG_MIN_BLOCKS = 2, LOG_MAX_BLOCKS = 16384, POLL_ROUNDS = 16 };

/* --- Values --- */

int vrs_net_parse(struct vrs_net *out, const char *text)
{
	struct vrs_prefix p;
	int err = vrs_prefix_parse(&p, text);

	if (err == 0)
		*out = vrs_net_out(&p);
	return err;
}

int vrs_ip_parse(struct vrs_ip *out, const char *text)
{
	struct vrs_addr a;
	int err = vrs_addr_parse(&a, text);

	if (err == 0)
		*out = vrs_ip_out(&a);
	return err;
}

const char *vrs_net_text(const struct vrs_net *net, char *out, size_t size)
{
	char text[VRS_PREFIX_STRLEN];

	(void)snprintf(out, size, "%s", vrs_prefix_str((const struct vrs_prefix *)net, text));
	return out;
}

const char *vrs_ip_text(const struct vrs_ip *ip, char *out, size_t size)
{
	char text[VRS_ADDR_STRLEN];

	(void)snprintf(out, size, "%s", vrs_addr_str(vrs_ip_in(ip), text));
	return out;
}

const char *vrs_release(void)
{
	return VRS_VERSION;
}

/* --- Logging, threads --- */

static struct {
	void (*fn)(void *ctx, int level, const char *line);
	void *ctx;
} host_log;

static void to_host(void *ctx, enum vrs_log_level level, const char *line)
{
	host_log.fn(host_log.ctx, (int)level, line);
}

void vrs_set_log(void (*fn)(void *ctx, int level, const char *line), void *ctx, int level)
{
	host_log.fn = fn;
	host_log.ctx = ctx;
	vrs_log_set(fn != NULL ? to_host : NULL, NULL, (enum vrs_log_level)level);
}

void vrs_thread_register(void)
{
	vrs_thread_register_rcu();
}

void vrs_thread_unregister(void)
{
	if (vrs_thread_registered_rcu())
		vrs_thread_unregister_rcu();
}

/* --- Views --- */

static void view_free(struct vrs_view *w)
{
	if (w == NULL)
		return;
	vrs_model_put(w->model);
	free(w->classes);
	free(w->class_of);
	free(w->nics);
	free(w);
}

/* Give every NIC of the model its handle. @param nics  Filled in, by name. @return 0 or -ENOMEM. */
static int assign_handles(struct vrs *v, const struct vrs_model *m, struct vrs_view_nic *nics)
{
	size_t n = m->config->n_nics, at = 0, known = 0;
	uint32_t fresh = v->n_names;
	char **names = reallocarray(v->names, v->n_names + n + 1, sizeof(*names));
	uint32_t *by_name = calloc(v->n_names + n + 1, sizeof(*by_name));

	if (names != NULL)
		v->names = names;
	if (names == NULL || by_name == NULL)
		goto out;
	for (size_t i = 0; i < n; i++) {
		const char *name = m->config->nics[m->nics_by_name[i]].name;
		int c = -1;

		while (known < v->n_names && (c = strcmp(names[v->by_name[known]], name)) < 0)
			by_name[at++] = v->by_name[known++];
		if (known < v->n_names && c == 0) {
			nics[i] = (struct vrs_view_nic){name, v->by_name[known++]};
		} else {
			names[fresh] = strdup(name);
			if (names[fresh] == NULL)
				goto out;
			nics[i] = (struct vrs_view_nic){name, fresh++};
		}
		by_name[at++] = nics[i].handle;
	}
	while (known < v->n_names)
		by_name[at++] = v->by_name[known++];
	free(v->by_name);
	v->by_name = by_name;
	v->n_names = fresh;
	return 0;
out:
	while (fresh > v->n_names)
		free(v->names[--fresh]);
	free(by_name);
	return -ENOMEM;
}

/* A view of a model that is not applied yet: its servers come with view_complete(). Counts it. */
static struct vrs_view *view_new(struct vrs *v, struct vrs_model *m)
{
	struct vrs_view *w = calloc(1, sizeof(*w));

	if (w == NULL)
		return NULL;
	w->model = vrs_model_get(m);
	w->generation = ++v->generation;
	w->n_nics = m->config->n_nics;
	w->n_classes = m->n_classes;
	w->nics = calloc(w->n_nics + 1, sizeof(*w->nics));
	w->classes = calloc(w->n_classes + 1, sizeof(*w->classes));
	if (w->nics == NULL || w->classes == NULL || assign_handles(v, m, w->nics) != 0)
		goto out;
	w->n_handles = v->n_names;
	w->class_of = malloc((w->n_handles + 1) * sizeof(*w->class_of));
	if (w->class_of == NULL)
		goto out;
	memset(w->class_of, 0xff, (w->n_handles + 1) * sizeof(*w->class_of));
	for (size_t i = 0; i < w->n_nics; i++)
		w->class_of[w->nics[i].handle] = m->nic_class[m->nics_by_name[i]];
	for (size_t i = 0; i < w->n_classes; i++)
		w->classes[i].overlay = m->classes[i].overlay;
	return w;
out:
	view_free(w);
	return NULL;
}

static void view_complete(struct vrs_view *w)
{
	for (size_t i = 0; i < w->n_classes; i++) {
		int at = w->model->classes[i].route_server;
		struct vrs_server *s = at >= 0 ? w->model->servers[at] : NULL;

		if (s == NULL)
			continue;
		w->classes[i].server = s;
		w->classes[i].snapshot = s->rib->snapshot;
		w->classes[i].groups = &s->table->groups;
	}
}

struct showing {
	struct vrs *v;
	struct vrs_view *view;
};

static void show(void *ctx, struct vrs_model *)
{
	struct showing *s = ctx;
	struct vrs_view *old = s->v->view;

	view_complete(s->view);
	vrs_rcu_publish(s->v->view, s->view);
	s->view = NULL;
	if (old == NULL)
		return;
	vrs_rcu_wait();
	view_free(old);
}

/* --- Configurations --- */

/* As many whole lines as fit. */
static void copy_lines(char *to, size_t size, const char *text)
{
	size_t n = strlen(text);

	if (size == 0)
		return;
	if (n >= size) {
		n = size - 1;
		while (n > 0 && text[n - 1] != '\n')
			n--;
	}
	memcpy(to, text, n);
	to[n] = '\0';
}

static void write_report(const struct vrs_cfg_report *report, char *to, size_t size)
{
	char *text = NULL;
	size_t n = 0;

	if (size > 0)
		to[0] = '\0';
	FILE *f = size > 0 ? open_memstream(&text, &n) : NULL;
	if (f == NULL)
		return;
	vrs_cfg_report_print(report, f);
	if (fclose(f) == 0 && text != NULL)
		copy_lines(to, size, text);
	free(text);
}

static int parse(const struct vrs *v, const char *yaml, size_t size, char *report,
	size_t report_size, struct vrs_config **out)
{
	struct vrs_cfg_report found = {0};
	int err = vrs_config_parse(v->name, v->base_dir, yaml, size, &found, out);

	write_report(&found, report, report_size);
	vrs_cfg_report_fini(&found);
	return err;
}

/* @param config  Taken. */
static int apply(struct vrs *v, struct vrs_config *config)
{
	struct vrs_model *m = vrs_model_new(config);
	struct showing s = {v, m != NULL ? view_new(v, m) : NULL};

	if (s.view == NULL) {
		vrs_model_put(m);
		return -ENOMEM;
	}
	int err = vrs_engine_apply_model(&v->engine, m, show, &s);
	view_free(s.view);
	vrs_propagation_tell(&v->engine.propagation);
	return err;
}

/* @return What the reload would change that needs another vrs_open(), NULL for nothing. */
static const char *needs_restart(struct vrs *v, const struct vrs_config *next)
{
	struct vrs_model *now = vrs_engine_model(&v->engine);
	bool same = vrs_transport_same(&now->config->process, &next->process);

	vrs_model_put(now);
	if (next->process.io_threads != (v->engine.threaded ? v->engine.n_ios : 0))
		return "ioThreads";
	return same ? NULL : "transport";
}

int vrs_reload(struct vrs *v, const char *yaml, size_t size, char *report, size_t report_size)
{
	struct vrs_config *config = NULL;

	if (!vrs_thread_registered_rcu())
		return -EPERM;
	int err = parse(v, yaml, size, report, report_size, &config);
	if (err != 0)
		return err;
	const char *what = needs_restart(v, config);
	if (what != NULL) {
		char line[512];

		(void)snprintf(line, sizeof(line),
			"%s:1:1: error: restart: %s cannot change while it runs\n", v->name, what);
		copy_lines(report, report_size, line);
		vrs_config_free(config);
		return -EINVAL;
	}
	/* Another thread's reload may be waiting for this one to poll. */
	while (pthread_mutex_trylock(&v->lock) != 0) {
		if (!v->engine.threaded && vrs_engine_is_ours(&v->engine))
			(void)vrs_engine_turn(&v->engine, 1);
		else
			(void)nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	}
	err = apply(v, config);
	pthread_mutex_unlock(&v->lock);
	return err;
}

/* --- Life --- */

/* @return A member of the host's options, which may be older and shorter than ours. */
#define OPTION(o, member, otherwise)                                                               \
	((o) != NULL && (o)->size >= offsetof(struct vrs_options, member) + sizeof((o)->member) && \
				(o)->member != 0                                                   \
			? (o)->member                                                              \
			: (otherwise))

static uint32_t log_blocks(uint32_t deltas)
{
	uint32_t blocks = LOG_MIN_BLOCKS;

	while (blocks < LOG_MAX_BLOCKS && blocks < deltas / 1024)
		blocks *= 2;
	return blocks;
}

static int engine_up(struct vrs *v, const struct vrs_cfg_process *c, const struct vrs_options *o,
	char *why, size_t why_size)
{
	unsigned io_threads = c->io_threads;
	struct vrs_propagation *p = &v->engine.propagation;
	struct vrs_transport *transports[VRS_CFG_IO_THREADS_MAX];
	unsigned n = VRS_MAX(io_threads, 1u);
	int err = vrs_transports_new(c, n, transports, why, why_size);

	if (err != 0)
		return err;
	/* Cursors and pins may outlast what they read: waiting for them would be for their host. */
	err = vrs_engine_init_many(&v->engine, transports, n,
		&(struct vrs_engine_options){.threaded = io_threads > 0, .old_model_ms = 1});
	if (err != 0)
		return err;
	p->log_blocks = log_blocks(OPTION(o, delta_log, p->log_blocks * 1024));
	p->max_pin_ms = OPTION(o, max_pin_ms, p->max_pin_ms);
	p->max_pin_bytes = OPTION(o, max_pin_bytes, p->max_pin_bytes);

	/* The host's signals are the host's: our threads take none. */
	sigset_t all, before;
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	err = vrs_engine_start(&v->engine);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (err != 0)
		vrs_engine_fini(&v->engine);
	return err;
}

static void engine_down(struct vrs *v)
{
	if (!v->engine.threaded)
		(void)vrs_engine_turn(&v->engine, 0); /* Whoever closes it owns it. */
	vrs_engine_stop(&v->engine, "closed by its host");
	view_free(v->view);
	vrs_engine_fini(&v->engine);
}

static void vrs_free(struct vrs *v)
{
	for (uint32_t i = 0; i < v->n_names; i++)
		free(v->names[i]);
	free(v->names);
	free(v->by_name);
	free(v->name);
	free(v->base_dir);
	pthread_mutex_destroy(&v->lock);
	free(v);
}

int vrs_open(struct vrs **out, const char *yaml, size_t size, const struct vrs_options *options,
	char *report, size_t report_size)
{
	const char *base_dir = OPTION(options, base_dir, NULL);
	struct vrs_config *config = NULL;
	char why[512] = "";

	if (!vrs_thread_registered_rcu())
		return -EPERM;
	struct vrs *v = calloc(1, sizeof(*v));
	if (v == NULL)
		return -ENOMEM;
	pthread_mutex_init(&v->lock, NULL);
	v->name = strdup(OPTION(options, name, "config"));
	v->base_dir = base_dir != NULL ? strdup(base_dir) : NULL;
	int err = v->name == NULL || (base_dir != NULL && v->base_dir == NULL) ? -ENOMEM : 0;
	if (err == 0)
		err = parse(v, yaml, size, report, report_size, &config);
	if (err == 0) {
		err = engine_up(v, &config->process, options, why, sizeof(why));
		if (err != 0)
			vrs_config_free(config);
	}
	if (why[0] != '\0') {
		char line[800];

		(void)snprintf(line, sizeof(line), "%s:1:1: error: transport: %s\n", v->name, why);
		size_t used = report_size > 0 ? strlen(report) : 0;
		copy_lines(report + used, report_size - used, line);
	}
	if (err != 0)
		goto out_free;
	err = apply(v, config);
	if (err != 0)
		goto out_down;
	*out = v;
	return 0;
out_down:
	engine_down(v);
out_free:
	vrs_free(v);
	return err;
}

int vrs_close(struct vrs *v)
{
	if (!vrs_thread_registered_rcu())
		return -EPERM;
	if (atomic_load(&v->n_open) > 0)
		return -EBUSY;
	engine_down(v);
	vrs_free(v);
	return 0;
}

/* --- Without threads --- */

int vrs_poll(struct vrs *v, int timeout_ms)
{
	if (!vrs_thread_registered_rcu())
		return -EPERM;
	if (v->engine.threaded)
		return -EINVAL;
	int wait = v->more ? 0 : vrs_engine_timeout(&v->engine, timeout_ms);
	v->more = vrs_engine_turn(&v->engine, wait);
	for (unsigned i = 1; v->more && i < POLL_ROUNDS; i++)
		v->more = vrs_engine_turn(&v->engine, 0);
	vrs_engine_reap(&v->engine);
	/* From here on other threads wake the descriptor. */
	v->more |= vrs_engine_timeout(&v->engine, -1) == 0;
	return v->more;
}

int vrs_poll_fd(const struct vrs *v)
{
	return v->engine.threaded ? -EINVAL : vrs_engine_fd(&v->engine);
}

int vrs_poll_timeout(struct vrs *v)
{
	if (v->engine.threaded)
		return -EINVAL;
	return v->more ? 0 : vrs_engine_timeout(&v->engine, -1);
}

/* --- NICs --- */

int vrs_nic(struct vrs *v, const char *name, uint32_t *nic)
{
	int err = -ENOENT;

	if (!vrs_thread_registered_rcu())
		return -EPERM;
	vrs_rcu_enter();
	const struct vrs_view *w = vrs_view_of(v);
	for (size_t lo = 0, hi = w->n_nics; lo < hi && err != 0;) {
		size_t at = lo + (hi - lo) / 2;
		int c = strcmp(w->nics[at].name, name);

		if (c == 0) {
			*nic = w->nics[at].handle;
			err = 0;
		} else if (c < 0) {
			lo = at + 1;
		} else {
			hi = at;
		}
	}
	vrs_rcu_leave();
	return err;
}

int vrs_nic_class(struct vrs *v, uint32_t nic)
{
	if (!vrs_thread_registered_rcu())
		return -EPERM;
	vrs_rcu_enter();
	const struct vrs_view *w = vrs_view_of(v);
	const struct vrs_view_class *c = vrs_view_class_of(w, nic);
	int class = c != NULL ? (int)(c - w->classes) : -ENOENT;
	vrs_rcu_leave();
	return class;
}

int vrs_n_classes(struct vrs *v)
{
	if (!vrs_thread_registered_rcu())
		return -EPERM;
	vrs_rcu_enter();
	int n = (int)vrs_view_of(v)->n_classes;
	vrs_rcu_leave();
	return n;
}

/* --- Status --- */

struct counting {
	struct vrs_engine *e;
	struct vrs_status *to;
};

static void count_sessions(void *arg, struct vrs_io *io)
{
	struct counting *c = arg;

	for (const struct vrs_server *s = io->servers; s != NULL; s = s->next) {
		for (const struct vrs_neighbor *n = s->neighbors; n != NULL; n = n->next) {
			c->to->sessions++;
			c->to->sessions_up += n->slot >= 0;
		}
	}
}

static void count_ribs(void *arg)
{
	struct counting *c = arg;
	uint64_t now = vrs_clock_ms(&c->e->clock);

	for (const struct vrs_rib *r = c->e->propagation.ribs; r != NULL; r = r->next) {
		struct vrs_snapshot_stat pins;

		vrs_snapshot_stat(r->snapshot, now, &pins);
		for (uint32_t i = 0; i < r->n_tables; i++) {
			c->to->prefixes += atomic_load(&r->tables[i]->n_usable);
			c->to->paths += atomic_load(&r->tables[i]->n_paths);
		}
		struct vrs_watcher_stat cursors =
			vrs_propagation_watchers(&c->e->propagation, r->log);

		c->to->cursors += cursors.n;
		c->to->cursor_lag = VRS_MAX(c->to->cursor_lag, cursors.lag);
		c->to->cursor_stales += atomic_load(&r->n_resyncs);
		c->to->deltas += atomic_load(&r->n_deltas);
		c->to->pins += pins.pinned_versions;
		c->to->pinned_bytes += pins.pinned_bytes;
		c->to->oldest_pin_ms = VRS_MAX(c->to->oldest_pin_ms, pins.oldest_pin_ms);
	}
}

int vrs_status_get(struct vrs *v, struct vrs_status *out)
{
	struct vrs_status s = {.size = out->size};
	struct counting c = {&v->engine, &s};

	if (!vrs_thread_registered_rcu())
		return -EPERM;
	if (out->size < offsetof(struct vrs_status, pinned_bytes) + sizeof(s.pinned_bytes))
		return -EINVAL;
	int err = vrs_engine_call_parts(&v->engine, count_sessions, &c);
	if (err == 0)
		err = vrs_engine_call_propagation(&v->engine, count_ribs, &c);
	if (err != 0)
		return err;
	struct vrs_model *m = vrs_engine_model(&v->engine);
	s.n_route_servers = (uint32_t)m->config->n_route_servers;
	s.n_nics = (uint32_t)m->config->n_nics;
	s.n_classes = (uint32_t)m->n_classes;
	s.versions = atomic_load(&v->engine.propagation.versions);
	vrs_model_put(m);
	memcpy(out, &s, VRS_MIN(out->size, sizeof(s)));
	return 0;
}
