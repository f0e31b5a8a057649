/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#include "tests/io/mem_transport.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WINDOW = 65536, FIRST_PORT = 49152 };

struct endpoint {
	struct endpoint *next;
	struct vrs_endpoint ep;
	void *user;
};

struct bytes {
	uint8_t *data;
	size_t size, capacity;
};

struct vrs_conn {
	struct vrs_conn *next; /* in its transport */
	struct mem_transport *t;
	struct vrs_conn *peer; /* NULL: connecting, or the other side is gone */
	const struct vrs_conn_ops *ops;
	void *user;
	struct vrs_addr local, remote;
	uint16_t local_port, remote_port;
	struct bytes out, in;
	size_t shown; /* of in, by dribble */
	bool connecting, paused, again, was_high, ended, broken, dead;
	int err;
};

struct mem_transport {
	struct vrs_transport base;
	struct mem_transport *next; /* in the net */
	struct mem_net *net;
	struct endpoint *endpoints;
	struct vrs_conn *conns;
	struct vrs_transport_stat stat;
	/* The same for other threads, as of the last poll. */
	_Atomic uint64_t shown[sizeof(struct vrs_transport_stat) / sizeof(uint64_t)];
	bool stalled, polling;
};

struct mem_net {
	struct mem_transport *transports;
	size_t dribble;
	bool blackhole;
	uint16_t next_port;
};

static void *must(void *p)
{
	if (p == NULL)
		abort();
	return p;
}

static struct mem_transport *mem(const struct vrs_transport *t)
{
	return (struct mem_transport *)t;
}

static void append(struct bytes *b, const uint8_t *data, size_t size)
{
	if (b->size + size > b->capacity) {
		b->capacity = 2 * (b->size + size);
		b->data = must(realloc(b->data, b->capacity));
	}
	if (size > 0)
		memcpy(b->data + b->size, data, size);
	b->size += size;
}

static void consume(struct bytes *b, size_t n)
{
	b->size -= n;
	if (b->size > 0)
		memmove(b->data, b->data + n, b->size);
}

static struct endpoint *find(
	const struct mem_transport *t, const struct vrs_addr *local, const struct vrs_addr *remote)
{
	for (struct endpoint *e = t->endpoints; e != NULL; e = e->next) {
		if (vrs_addr_equal(&e->ep.local, local) && vrs_addr_equal(&e->ep.remote, remote))
			return e;
	}
	return NULL;
}

static int endpoint_add(struct vrs_transport *base, const struct vrs_endpoint *ep, void *user)
{
	struct mem_transport *t = mem(base);

	if (find(t, &ep->local, &ep->remote) != NULL)
		return -EEXIST;
	struct endpoint *e = must(calloc(1, sizeof(*e)));
	*e = (struct endpoint){t->endpoints, *ep, user};
	t->endpoints = e;
	return 0;
}

static void endpoint_remove(
	struct vrs_transport *base, const struct vrs_addr *local, const struct vrs_addr *remote)
{
	for (struct endpoint **at = &mem(base)->endpoints; *at != NULL; at = &(*at)->next) {
		struct endpoint *e = *at;

		if (vrs_addr_equal(&e->ep.local, local) && vrs_addr_equal(&e->ep.remote, remote)) {
			*at = e->next;
			free(e);
			return;
		}
	}
}

static struct vrs_conn *conn_new(
	struct mem_transport *t, const struct vrs_conn_ops *ops, void *user)
{
	struct vrs_conn *c = must(calloc(1, sizeof(*c)));
	struct vrs_conn **at = &t->conns;

	c->t = t;
	c->ops = ops;
	c->user = user;
	/* At the end: the order of events is the order of opening. */
	while (*at != NULL)
		at = &(*at)->next;
	*at = c;
	return c;
}

static int connect_to(struct vrs_transport *base, const struct vrs_addr *local,
	const struct vrs_addr *remote, const struct vrs_conn_ops *ops, void *user,
	struct vrs_conn **out)
{
	struct mem_transport *t = mem(base);
	const struct endpoint *e = find(t, local, remote);

	if (e == NULL)
		return -ENOENT;
	struct vrs_conn *c = conn_new(t, ops, user);
	c->connecting = true;
	c->local = *local;
	c->remote = *remote;
	c->local_port = (uint16_t)(FIRST_PORT + t->net->next_port++ % 16384);
	c->remote_port = e->ep.remote_port;
	t->stat.connects++;
	*out = c;
	return 0;
}

static int send_bytes(struct vrs_conn *c, struct vrs_chunk *chunk, uint32_t offset, uint32_t size)
{
	append(&c->out, chunk->data + offset, size);
	c->was_high |= c->out.size > VRS_CONN_HIGH_WATER;
	return 0;
}

static size_t queued(const struct vrs_conn *c)
{
	return c->out.size;
}

static void resume(struct vrs_conn *c)
{
	c->paused = false;
	c->again = true;
}

static void pause_reading(struct vrs_conn *c)
{
	c->paused = true;
}

static void close_conn(struct vrs_conn *c, bool flush)
{
	if (c->peer != NULL) {
		if (flush)
			append(&c->peer->in, c->out.data, c->out.size);
		c->peer->ended = true;
		c->peer->again = true;
		c->peer->peer = NULL;
		c->peer = NULL;
	}
	c->dead = true;
}

static void info(const struct vrs_conn *c, struct vrs_addr *local, uint16_t *local_port,
	struct vrs_addr *remote, uint16_t *remote_port)
{
	if (local != NULL)
		*local = c->local;
	if (local_port != NULL)
		*local_port = c->local_port;
	if (remote != NULL)
		*remote = c->remote;
	if (remote_port != NULL)
		*remote_port = c->remote_port;
}

static void gone(struct vrs_conn *c, int err)
{
	c->dead = true;
	if (c->peer != NULL)
		c->peer->peer = NULL;
	c->peer = NULL;
	if (c->ops != NULL)
		c->ops->down(c->user, c, err);
}

/* Find who listens, let it accept. @return 0, or an errno for the one that connects. */
static int reach(struct vrs_conn *c)
{
	for (struct mem_transport *t = c->t->net->transports; t != NULL; t = t->next) {
		const struct endpoint *e = find(t, &c->remote, &c->local);

		if (e == NULL) {
			for (e = t->endpoints; e != NULL; e = e->next) {
				if (vrs_addr_equal(&e->ep.local, &c->remote)) {
					t->stat.refused_unknown++;
					return ECONNRESET;
				}
			}
			continue;
		}
		if (e->ep.local_port != c->remote_port)
			continue;
		struct vrs_conn *a = conn_new(t, NULL, NULL);
		a->local = c->remote;
		a->remote = c->local;
		a->local_port = c->remote_port;
		a->remote_port = c->local_port;
		a->peer = c;
		c->peer = a;
		t->stat.accepted++;
		c->connecting = false;
		if (!t->base.accept(t->base.accept_ctx, e->user, a, &a->ops, &a->user) && !a->dead)
			close_conn(a, false);
		return 0;
	}
	return ECONNREFUSED;
}

static size_t poll_connect(struct vrs_conn *c)
{
	if (c->t->net->blackhole)
		return 0;
	int err = reach(c);
	if (err != 0)
		gone(c, err);
	else
		c->ops->up(c->user, c);
	return 1;
}

static size_t poll_tx(struct vrs_conn *c)
{
	if (c->peer == NULL || c->out.size == 0 || c->peer->in.size >= WINDOW)
		return 0;
	size_t n = VRS_MIN(c->out.size, WINDOW - c->peer->in.size);
	append(&c->peer->in, c->out.data, n);
	consume(&c->out, n);
	c->t->stat.tx_bytes += n;
	c->peer->again = true;
	if (c->was_high && c->out.size < VRS_CONN_LOW_WATER) {
		c->was_high = false;
		c->ops->writable(c->user, c);
	}
	return 1;
}

static size_t poll_rx(struct vrs_conn *c)
{
	size_t step = c->t->net->dribble;

	if (c->paused || c->t->stalled)
		return 0;
	if (c->in.size > 0 && (c->again || c->shown < c->in.size)) {
		c->shown = step == 0 ? c->in.size : VRS_MIN(c->shown + step, c->in.size);
		c->again = false;
		size_t used = c->ops->rx(c->user, c, c->in.data, c->shown);
		if (c->dead)
			return 1;
		c->t->stat.rx_bytes += used;
		consume(&c->in, used);
		c->shown -= used;
		return 1;
	}
	if (c->ended) {
		gone(c, 0);
		return 1;
	}
	return 0;
}

static size_t poll_conn(struct vrs_conn *c)
{
	size_t events = 0;

	if (c->broken) {
		gone(c, c->err);
		return 1;
	}
	if (c->connecting)
		return poll_connect(c);
	events += poll_tx(c);
	if (!c->dead)
		events += poll_rx(c);
	return events;
}

static void conn_free(struct vrs_conn *c)
{
	free(c->in.data);
	free(c->out.data);
	free(c);
}

static void reap(struct mem_transport *t)
{
	for (struct vrs_conn **at = &t->conns; *at != NULL;) {
		struct vrs_conn *c = *at;

		if (c->dead) {
			*at = c->next;
			conn_free(c);
		} else {
			at = &c->next;
		}
	}
}

static void show(struct mem_transport *t)
{
	uint64_t words[VRS_N_ELEMS(t->shown)];

	t->stat.open = mem_transport_conns(&t->base);
	memcpy(words, &t->stat, sizeof(words));
	for (size_t i = 0; i < VRS_N_ELEMS(words); i++)
		atomic_store_explicit(&t->shown[i], words[i], memory_order_relaxed);
}

static int poll_once(struct vrs_transport *base, int)
{
	struct mem_transport *t = mem(base);
	size_t events = 0;

	t->stat.polls++;
	for (struct vrs_conn *c = t->conns; c != NULL; c = c->next) {
		if (!c->dead)
			events += poll_conn(c);
	}
	reap(t);
	show(t);
	return (int)events;
}

static void wake(struct vrs_transport *)
{
}

static void stat(const struct vrs_transport *t, struct vrs_transport_stat *out)
{
	const struct mem_transport *m = mem(t);
	uint64_t words[VRS_N_ELEMS(m->shown)];

	for (size_t i = 0; i < VRS_N_ELEMS(words); i++)
		words[i] = atomic_load_explicit(&m->shown[i], memory_order_relaxed);
	memcpy(out, words, sizeof(*out));
}

static void transport_free(struct vrs_transport *base)
{
	struct mem_transport *t = mem(base);

	for (struct mem_transport **at = &t->net->transports; *at != NULL; at = &(*at)->next) {
		if (*at == t) {
			*at = t->next;
			break;
		}
	}
	for (struct vrs_conn *c = t->conns; c != NULL; c = c->next)
		close_conn(c, false);
	reap(t);
	while (t->endpoints != NULL)
		endpoint_remove(base, &t->endpoints->ep.local, &t->endpoints->ep.remote);
	free(t);
}

static const struct vrs_transport_ops mem_ops = {
	.endpoint_add = endpoint_add,
	.endpoint_remove = endpoint_remove,
	.connect = connect_to,
	.send = send_bytes,
	.queued = queued,
	.resume = resume,
	.pause = pause_reading,
	.close = close_conn,
	.info = info,
	.poll = poll_once,
	.wake = wake,
	.stat = stat,
	.free = transport_free,
};

struct mem_net *mem_net_new(void)
{
	return must(calloc(1, sizeof(struct mem_net)));
}

void mem_net_free(struct mem_net *net)
{
	free(net);
}

struct vrs_transport *mem_transport_new(struct mem_net *net)
{
	struct mem_transport *t = must(calloc(1, sizeof(*t)));
	struct mem_transport **at = &net->transports;

	t->base.ops = &mem_ops;
	t->net = net;
	while (*at != NULL)
		at = &(*at)->next;
	*at = t;
	return &t->base;
}

size_t mem_net_settle(struct mem_net *net)
{
	size_t events = 0, more;

	do {
		more = 0;
		for (struct mem_transport *t = net->transports; t != NULL; t = t->next)
			more += (size_t)poll_once(&t->base, 0);
		events += more;
	} while (more > 0);
	return events;
}

void mem_net_dribble(struct mem_net *net, size_t n)
{
	net->dribble = n;
}

void mem_transport_stall(struct vrs_transport *t, bool stalled)
{
	mem(t)->stalled = stalled;
}

void mem_net_blackhole(struct mem_net *net, bool on)
{
	net->blackhole = on;
}

void mem_transport_break(struct vrs_transport *t, int err)
{
	for (struct vrs_conn *c = mem(t)->conns; c != NULL; c = c->next) {
		if (c->dead || c->connecting)
			continue;
		c->broken = true;
		c->err = err;
		if (c->peer != NULL) {
			c->peer->broken = true;
			c->peer->err = err;
		}
	}
}

size_t mem_transport_conns(const struct vrs_transport *t)
{
	size_t n = 0;

	for (const struct vrs_conn *c = mem(t)->conns; c != NULL; c = c->next)
		n += !c->dead;
	return n;
}
