/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 *
 * A stack's poll: what was queued goes out, frames come in, in bursts; TCP looks at each; what that makes
 * ready has its turn at the end of a burst (one ACK for all of it), and the wire is flushed.
 */

#include "io/dpdk/stack.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "io/dpdk/stack_internal.h"
#include "rib/base/clock.h"
#include "rib/base/hash.h"
#include "rib/base/log.h"
#include "rib/base/mem.h"

enum {
	PUBLISH_US = 1000,
	HOLD_MAX = 1024, /* Frames, unless a wire says less. */
};

uint64_t vrs_stack_clock_us(const struct stack *s)
{
	const struct vrs_stack_config *c = &s->family->config;

	return c->now_us != NULL ? c->now_us(c->clock_ctx) : vrs_now_ns() / 1000;
}

/* --- filters --- */

/* Of all bits. vrs_hash() has a key: nobody can look for addresses that fall together with a peer's. */
static uint32_t filter_place(const struct vrs_addr *a)
{
	return (uint32_t)vrs_hash(a, sizeof(*a)) & (FILTER_WORDS * 64 - 1);
}

void vrs_stack_filter_add(struct filter *to, const struct vrs_addr *a)
{
	uint32_t place = filter_place(a);

	atomic_fetch_or(&to->bits[place / 64], 1ull << place % 64);
}

bool vrs_stack_filter_has(const struct filter *in, const struct vrs_addr *a)
{
	uint32_t place = filter_place(a);

	return (atomic_load(&in->bits[place / 64]) >> place % 64 & 1) != 0;
}

/* --- endpoints --- */

struct endpoint *vrs_stack_endpoint_find(const struct stack *s, const struct vrs_addr *local,
	const struct vrs_addr *remote, bool removed)
{
	struct endpoint *e = s->endpoints[pair_slot(local, remote)];

	while (e != NULL &&
		!(e->removed == removed && vrs_addr_equal(&e->ep.remote, remote) &&
			vrs_addr_equal(&e->ep.local, local)))
		e = e->next;
	return e;
}

static struct link *link_of(const struct stack *s, const struct vrs_addr *local)
{
	for (unsigned i = 0; i < s->family->n_ports; i++)
		if (vrs_neigh_is_ours(s->links[i].neigh, local))
			return &s->links[i];
	return NULL;
}

static int endpoint_add(struct vrs_transport *t, const struct vrs_endpoint *ep, void *user)
{
	struct stack *s = stack_of(t);
	struct link *l = link_of(s, &ep->local);

	if (l == NULL)
		return -EADDRNOTAVAIL;
	if (vrs_stack_endpoint(s, &ep->local, &ep->remote) != NULL)
		return -EEXIST;
	struct endpoint *e = vrs_mem_zalloc(VRS_MEM_SESSION, sizeof(*e));
	if (e == NULL)
		return -ENOMEM;
	e->ep = *ep;
	e->link = l;
	e->user = user;
	struct endpoint **slot = &s->endpoints[pair_slot(&ep->local, &ep->remote)];
	vrs_stack_filter_add(&s->family->peers, &ep->remote);
	pthread_mutex_lock(&s->family->lock);
	e->next = *slot;
	*slot = e;
	atomic_fetch_add(&s->family->generation, 1);
	pthread_mutex_unlock(&s->family->lock);
	return 0;
}

static void endpoint_drop(struct stack *s, struct endpoint *e)
{
	struct endpoint **at = &s->endpoints[pair_slot(&e->ep.local, &e->ep.remote)];

	pthread_mutex_lock(&s->family->lock);
	while (*at != e)
		at = &(*at)->next;
	*at = e->next;
	atomic_fetch_add(&s->family->generation, 1);
	pthread_mutex_unlock(&s->family->lock);
	vrs_mem_free(VRS_MEM_SESSION, e, sizeof(*e));
}

void vrs_stack_endpoint_left(struct stack *s, const struct vrs_flow_key *key)
{
	struct endpoint *e;

	if (s->n_removed == 0 || vrs_stack_has_conns(s, &key->local, &key->remote))
		return;
	while ((e = vrs_stack_endpoint_find(s, &key->local, &key->remote, true)) != NULL) {
		s->n_removed--;
		endpoint_drop(s, e);
	}
}

static void endpoint_remove(
	struct vrs_transport *t, const struct vrs_addr *local, const struct vrs_addr *remote)
{
	struct stack *s = stack_of(t);
	struct endpoint *e = vrs_stack_endpoint(s, local, remote);

	if (e == NULL)
		return;
	if (s->family->n == 1 || !vrs_stack_has_conns(s, local, remote)) {
		endpoint_drop(s, e);
		return;
	}
	s->n_removed++;
	pthread_mutex_lock(&s->family->lock);
	e->removed = true;
	atomic_fetch_add(&s->family->generation, 1);
	pthread_mutex_unlock(&s->family->lock);
}

/* --- counters --- */

static uint64_t look(const _Atomic uint64_t *counter)
{
	return atomic_load_explicit(counter, memory_order_relaxed);
}

static void add_neigh(struct vrs_neigh_stat *sum, const struct vrs_neigh_stat *n)
{
	sum->requests += n->requests;
	sum->answers += n->answers;
	sum->announced += n->announced;
	sum->probed += n->probed;
	sum->learnt += n->learnt;
	sum->changed += n->changed;
	sum->ignored += n->ignored;
	sum->failed += n->failed;
	sum->conflicts += n->conflicts;
	sum->pended += n->pended;
	sum->dropped += n->dropped;
	sum->full += n->full;
	sum->entries += n->entries;
}

static void collect(const struct stack *s, struct vrs_stack_stat *out)
{
	*out = (struct vrs_stack_stat){
		.tcp = s->tcp.stat,
		.polls = look(&s->stat.polls),
		.idle_polls = look(&s->stat.idle_polls),
		.other = s->stat.other,
		.not_ours = s->stat.not_ours,
		.unknown = look(&s->stat.refused_unknown),
		.no_conn = s->stat.no_flow,
		.md5_bad = s->stat.md5_bad,
		.md5_missing = s->stat.md5_missing,
		.ttl_low = s->stat.ttl_low,
		.handed = s->stat.handed,
		.handed_full = s->stat.handed_full,
		.searched = s->stat.searched,
		.tell_limited = s->stat.tell_limited,
		.echos = s->stat.echos,
		.icmp_believed = s->stat.icmp_believed,
		.icmp_ignored = s->stat.icmp_ignored,
		.unresolved = s->stat.unresolved,
	};
	memcpy(out->bad, s->stat.bad, sizeof(out->bad));
	for (unsigned i = 0; i < s->family->n_ports; i++) {
		const struct vrs_wire *w = s->links[i].wire;
		struct vrs_neigh_stat n;

		vrs_neigh_stat(s->links[i].neigh, &n);
		add_neigh(&out->neigh, &n);
		out->frames[0] += w->stat.rx_frames;
		out->frames[1] += w->stat.tx_frames;
		out->bytes[0] += w->stat.rx_bytes;
		out->bytes[1] += w->stat.tx_bytes;
		out->tx_full += w->stat.tx_full;
	}
}

void vrs_stack_publish(struct stack *s, bool now)
{
	if (!now && !vrs_stack_is_virtual(s) && s->tcp.now_us - s->published_us < PUBLISH_US)
		return;
	s->published_us = s->tcp.now_us;
	pthread_mutex_lock(&s->stat_lock);
	collect(s, &s->published);
	pthread_mutex_unlock(&s->stat_lock);
}

void vrs_stack_stat(const struct vrs_transport *t, struct vrs_stack_stat *out)
{
	struct stack *s = stack_of(t);

	pthread_mutex_lock(&s->stat_lock);
	*out = s->published;
	pthread_mutex_unlock(&s->stat_lock);
}

/* --- polling --- */

static void flush(struct stack *s)
{
	for (unsigned i = 0; i < s->family->n_ports; i++)
		s->links[i].wire->ops->flush(s->links[i].wire);
}

/* Everything that may leave. @return false: a wire is full, some wait for it. */
static bool send_out(struct stack *s)
{
	bool room = vrs_tcp_host_turn(&s->tcp);

	flush(s);
	(void)vrs_stack_bury(s);
	return room;
}

size_t vrs_stack_fetch(struct stack *s)
{
	size_t n = vrs_stack_has_handed(s);

	for (unsigned i = 0; i < s->family->n_ports; i++) {
		struct link *l = &s->links[i];

		if (l->n_burst == 0 && !l->wire->deaf)
			l->n_burst = l->wire->ops->rx(l->wire, l->burst, BURST);
		n += l->n_burst;
	}
	return n;
}

/* Look at what was fetched. @return Frames. */
static size_t take_in(struct stack *s)
{
	size_t total = vrs_stack_take_handed(s);

	for (unsigned i = 0; i < s->family->n_ports; i++) {
		struct link *l = &s->links[i];

		for (unsigned k = 0; k < l->n_burst; k++)
			vrs_stack_frame(s, l, &l->burst[k]);
		total += l->n_burst;
		l->n_burst = 0;
	}
	return total;
}

/* Tell the flows whose neighbour has not answered. Not from within its table: who hears that it has lost a
 * connection may open the next one. One that has ended stays where it is until it is buried. */
static void tell_no_hops(struct stack *s)
{
	if (!s->no_hops)
		return;
	s->no_hops = false;
	for (struct vrs_conn *c = s->conns; c != NULL; c = c->next) {
		if (c->no_hop && !c->in_grave)
			vrs_tcp_no_hop(&c->tcp);
		c->no_hop = false;
	}
}

static size_t timers(struct stack *s)
{
	size_t n = vrs_tcp_host_advance(&s->tcp, vrs_stack_clock_us(s));

	for (unsigned i = 0; i < s->family->n_ports; i++)
		vrs_neigh_advance(s->links[i].neigh, s->tcp.now_us);
	tell_no_hops(s);
	return n;
}

static void attach(struct stack *s)
{
	const struct vrs_stack_config *c = &s->family->config;

	s->attached = true;
	/* A nap shall be as long as it is said: the kernel's slack of 50 us would double the short ones. */
	if (!vrs_stack_is_virtual(s) && !s->can_sleep)
		(void)prctl(PR_SET_TIMERSLACK, 1000ul);
	if (c->attach != NULL)
		c->attach(c->ctx);
}

static uint64_t deadline(const struct stack *s, int timeout_ms)
{
	return timeout_ms < 0 ? UINT64_MAX : s->tcp.now_us + (uint64_t)timeout_ms * 1000;
}

static void woke(struct stack *s)
{
	s->tcp.now_us = VRS_MAX(s->tcp.now_us, vrs_stack_clock_us(s));
	if (s->base.woke != NULL)
		s->base.woke(s->base.woke_ctx);
}

static int poll_frames(struct vrs_transport *t, int timeout_ms)
{
	struct stack *s = stack_of(t);
	uint64_t from = vrs_now_ns();

	if (!s->attached)
		attach(s);
	s->tcp.now_us = VRS_MAX(s->tcp.now_us, vrs_stack_clock_us(s));
	stack_count(&s->stat.polls, 1);
	bool room = send_out(s);
	s->base.write_ns += vrs_now_ns() - from;
	bool may_wait = timeout_ms != 0 && !vrs_stack_is_virtual(s);
	uint64_t until = deadline(s, timeout_ms);
	if (vrs_stack_fetch(s) == 0 && may_wait) {
		if (!room)
			vrs_stack_wait_for_room(s, until);
		else if (s->tcp.ready == NULL)
			vrs_stack_wait_for_frames(s, until);
	}
	woke(s);
	/* After a stop: what came meanwhile goes before any timer. */
	(void)vrs_stack_fetch(s);
	size_t n = take_in(s), done = n;
	for (unsigned i = 1; n > 0 && i < ROUNDS; i++) {
		(void)send_out(s);
		(void)vrs_stack_fetch(s);
		n = take_in(s);
		done += n;
	}
	done += timers(s);
	room = send_out(s);
	vrs_stack_publish(s, false);
	if (done > 0)
		s->busy_us = s->tcp.now_us;
	vrs_stack_arm(s, room);
	return (int)done;
}

/* --- the rest --- */

static struct vrs_transport_wire wire_stat(const struct vrs_stack_stat *s)
{
	const struct vrs_tcp_stat *t = &s->tcp;
	struct vrs_transport_wire w = {
		.rx_frames = s->frames[0],
		.tx_frames = s->frames[1],
		.tx_full = s->tx_full,
		.other = s->other,
		.md5 = s->md5_bad + s->md5_missing,
		.ttl_low = s->ttl_low,
		.no_conn = s->no_conn,
		.in_place = t->rx_in_place,
		.stitched = t->rx_stitched,
		.out_of_order = t->rx_out_of_order,
		.duplicate = t->rx_duplicate,
		.dropped = t->rx_dropped,
		.copied = t->rx_copied,
		.retransmits = t->retransmits,
		.timeouts = t->rtos,
		.probes = t->tlps,
		.recoveries = t->recoveries,
		.undone = t->undos,
		.zero_windows = t->zero_windows,
		.challenges = t->challenge_acks,
		.unacceptable = t->rx_unacceptable,
		.handed = s->handed,
		.handed_full = s->handed_full,
		.unresolved = s->unresolved,
		.neighbors = s->neigh.entries,
		.neighbors_failed = s->neigh.failed,
		.neighbors_changed = s->neigh.changed,
		.conflicts = s->neigh.conflicts,
		.idle_polls = s->idle_polls,
	};

	for (unsigned i = 0; i < VRS_BAD_N; i++)
		w.bad += s->bad[i];
	return w;
}

static void stat(const struct vrs_transport *t, struct vrs_transport_stat *out)
{
	const struct stack *s = stack_of(t);
	struct vrs_stack_stat seen;

	vrs_stack_stat(t, &seen);
	*out = (struct vrs_transport_stat){
		.accepted = look(&s->stat.accepted),
		.refused_unknown = look(&s->stat.refused_unknown),
		.refused_crowd = look(&s->stat.refused_crowd),
		.refused_idle = look(&s->stat.refused_idle),
		.refused_want = look(&s->stat.refused_want),
		.connects = look(&s->stat.connects),
		.rx_bytes = seen.tcp.rx_bytes,
		.tx_bytes = seen.tcp.tx_bytes,
		.polls = look(&s->stat.polls),
		.open = look(&s->stat.open),
		.wire = wire_stat(&seen),
	};
}

static void close_fd(int fd)
{
	if (fd >= 0)
		(void)close(fd);
}

static void family_free(struct family *f)
{
	const struct vrs_stack_config c = f->config;

	pthread_mutex_destroy(&f->lock);
	for (unsigned i = 0; f->ports != NULL && i < f->n_ports; i++) {
		struct vrs_dpdk_port *p = &f->ports[i];

		vrs_mem_free(VRS_MEM_SESSION, p->addresses, p->n_addresses * sizeof(*p->addresses));
		vrs_mem_free(VRS_MEM_SESSION, p->lens, p->n_addresses);
	}
	vrs_mem_free(VRS_MEM_SESSION, f->ports, f->n_ports * sizeof(*f->ports));
	vrs_mem_free(VRS_MEM_SESSION, f->members, f->n * sizeof(struct stack *));
	vrs_mem_free(VRS_MEM_SESSION, f->handovers, (size_t)f->n * f->n * sizeof(struct handover));
	vrs_mem_free(VRS_MEM_SESSION, f, sizeof(*f));
	if (c.last != NULL)
		c.last(c.ctx);
}

static void family_leave(struct stack *s)
{
	struct family *f = s->family;

	pthread_mutex_lock(&f->lock);
	f->members[s->index] = NULL;
	unsigned left = --f->n_left;
	pthread_mutex_unlock(&f->lock);
	if (left == 0)
		family_free(f);
}

static void links_free(struct stack *s)
{
	for (unsigned i = 0; s->links != NULL && i < s->family->n_ports; i++) {
		struct link *l = &s->links[i];

		for (unsigned k = 0; k < l->n_burst; k++)
			l->wire->ops->put(l->wire, &l->burst[k]);
		vrs_neigh_free(l->neigh);
		if (l->wire != NULL) {
			l->wire->ops->flush(l->wire);
			l->wire->ops->free(l->wire);
		}
	}
	vrs_mem_free(VRS_MEM_SESSION, s->links, s->family->n_ports * sizeof(*s->links));
}

static void stack_free(struct vrs_transport *t)
{
	struct stack *s = stack_of(t);

	while (s->conns != NULL)
		vrs_stack_conn_free(s->conns);
	(void)vrs_stack_bury(s);
	for (unsigned i = 0; i < SLOTS; i++)
		while (s->endpoints[i] != NULL)
			endpoint_drop(s, s->endpoints[i]);
	if (s->links != NULL)
		(void)vrs_stack_take_handed(s); /* Nobody's any more. */
	links_free(s);
	vrs_mem_free(VRS_MEM_SESSION, s->owners, OWNER_SLOTS * sizeof(*s->owners));
	close_fd(s->epoll_fd);
	close_fd(s->wake_fd);
	close_fd(s->nap_fd);
	pthread_mutex_destroy(&s->stat_lock);
	family_leave(s);
	vrs_mem_free(VRS_MEM_SESSION, s, sizeof(*s));
}

static const struct vrs_transport_ops stack_ops = {
	.endpoint_add = endpoint_add,
	.endpoint_remove = endpoint_remove,
	.connect = vrs_stack_connect,
	.send = vrs_stack_conn_send,
	.queued = vrs_stack_conn_queued,
	.resume = vrs_stack_conn_resume,
	.pause = vrs_stack_conn_pause,
	.close = vrs_stack_conn_close,
	.info = vrs_stack_conn_info,
	.poll = poll_frames,
	.wake = vrs_stack_wake,
	.fd = vrs_stack_fd,
	.stat = stat,
	.free = stack_free,
};

/* --- making --- */

/* The wires are the stack's from here on. */
static int links_new(struct stack *s, struct vrs_wire *const *wires)
{
	struct family *f = s->family;

	s->links = vrs_mem_zalloc(VRS_MEM_SESSION, f->n_ports * sizeof(*s->links));
	if (s->links == NULL)
		return -ENOMEM;
	for (unsigned i = 0; i < f->n_ports; i++)
		s->links[i] = (struct link){
			.stack = s,
			.wire = wires[i],
			.index = i,
			.port = &f->ports[i],
			.vlan = f->ports[i].vlan,
			.mtu = wires[i]->mtu,
		};
	return 0;
}

static void on_conflict(void *ctx, const struct vrs_addr *ours, const uint8_t mac[6])
{
	char text[VRS_ADDR_STRLEN];

	vrs_log(VRS_LOG_WARNING, "%s is ours and also used by %02x:%02x:%02x:%02x:%02x:%02x",
		vrs_addr_str(ours, text), mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
}

/* Flows that have waited for a neighbour begin again at the next turn of the timers. */
static void on_moved(void *ctx)
{
	const struct link *l = ctx;

	for (struct vrs_conn *c = l->stack->conns; c != NULL; c = c->next)
		vrs_tcp_kick(&c->tcp);
}

static void on_failed(void *ctx, const struct vrs_addr *hop)
{
	const struct link *l = ctx;
	struct vrs_addr its;

	for (struct vrs_conn *c = l->stack->conns; c != NULL; c = c->next) {
		c->no_hop |= c->link == l &&
			vrs_neigh_route(l->neigh, &c->key.remote, &its) != VRS_NEIGH_NOWHERE &&
			vrs_addr_equal(&its, hop);
		l->stack->no_hops |= c->no_hop;
	}
}

/* Whichever thread hears it shows us what this one says. */
static void on_asked(void *ctx, const struct vrs_addr *hop)
{
	struct family *f = ((const struct link *)ctx)->stack->family;

	vrs_stack_filter_add(&f->hops, hop);
}

static int links_start(struct stack *s)
{
	s->can_sleep = true;
	for (unsigned i = 0; i < s->family->n_ports; i++) {
		struct link *l = &s->links[i];
		struct vrs_wire *w = l->wire;

		s->tcp.hold_max = VRS_MIN(s->tcp.hold_max, w->hold_max);
		l->neigh = vrs_neigh_new(
			&(struct vrs_neigh_config){
				.wire = w,
				.port = l->port,
				.announce = s->index == 0,
				.conflict = on_conflict,
				.moved = on_moved,
				.failed = on_failed,
				.asked = on_asked,
				.ctx = l,
			},
			s->tcp.now_us);
		if (l->neigh == NULL)
			return -ENOMEM;
		int fd = w->ops->intr_fd != NULL ? w->ops->intr_fd(w) : -1;
		if (!vrs_stack_watch(s, fd))
			s->can_sleep &= w->deaf;
	}
	return 0;
}

static int stack_new(struct family *f, unsigned index, struct vrs_transport **out)
{
	struct stack *s = vrs_mem_zalloc(VRS_MEM_SESSION, sizeof(*s));
	const struct vrs_stack_config *c = &f->config;

	if (s == NULL)
		return -ENOMEM;
	s->base.ops = &stack_ops;
	pthread_mutex_init(&s->stat_lock, NULL);
	s->family = f;
	s->index = index;
	s->wake_fd = s->epoll_fd = s->nap_fd = -1;
	f->members[index] = s;
	f->n_left++;
	*out = &s->base;
	vrs_tcp_host_init(
		&s->tcp, &vrs_stack_tcp_ops, vrs_stack_clock_us(s), c->seed + index, HOLD_MAX);
	if (f->n > 1)
		s->owners = vrs_mem_zalloc(VRS_MEM_SESSION, OWNER_SLOTS * sizeof(*s->owners));
	if (f->n > 1 && s->owners == NULL)
		return -ENOMEM;
	int err = links_new(s, c->wires + (size_t)index * c->n_ports);
	if (err == 0)
		err = vrs_stack_descriptors(s);
	return err != 0 ? err : links_start(s);
}

/* Ports as stacks need them: addresses and gateways are ours from here on. */
static bool copy_ports(struct family *f, const struct vrs_stack_config *c)
{
	f->ports = vrs_mem_zalloc(VRS_MEM_SESSION, c->n_ports * sizeof(*f->ports));
	for (unsigned i = 0; f->ports != NULL && i < c->n_ports; i++) {
		struct vrs_dpdk_port *p = &f->ports[i];
		size_t size = c->ports[i].n_addresses * sizeof(*p->addresses);

		*p = c->ports[i];
		p->device = p->exception_tap = NULL;
		p->addresses = vrs_mem_alloc(VRS_MEM_SESSION, size);
		p->lens = vrs_mem_alloc(VRS_MEM_SESSION, p->n_addresses);
		if (p->addresses == NULL || p->lens == NULL)
			return false;
		memcpy(p->addresses, c->ports[i].addresses, size);
		memcpy(p->lens, c->ports[i].lens, p->n_addresses);
	}
	return f->ports != NULL;
}

static struct family *family_new(const struct vrs_stack_config *c)
{
	struct family *f = vrs_mem_zalloc(VRS_MEM_SESSION, sizeof(*f));

	if (f == NULL)
		return NULL;
	pthread_mutex_init(&f->lock, NULL);
	f->config = *c;
	f->n = c->n_threads;
	f->n_ports = c->n_ports;
	atomic_init(&f->generation, 1); /* 0: what a cache has at first. */
	f->members = vrs_mem_zalloc(VRS_MEM_SESSION, f->n * sizeof(struct stack *));
	if (f->n > 1)
		f->handovers = vrs_mem_alloc_aligned(VRS_MEM_SESSION, VRS_CACHE_LINE,
			(size_t)f->n * f->n * sizeof(struct handover));
	if (!copy_ports(f, c) || f->members == NULL || (f->n > 1 && f->handovers == NULL)) {
		f->config.last = NULL;
		family_free(f);
		return NULL;
	}
	for (unsigned i = 0; f->n > 1 && i < f->n * f->n; i++) {
		atomic_init(&f->handovers[i].head, 0);
		atomic_init(&f->handovers[i].tail, 0);
	}
	if (c->now_us == NULL) {
		arc4random_buf(f->secret, sizeof(f->secret));
		arc4random_buf(&f->config.seed, sizeof(f->config.seed));
	} else {
		memcpy(f->secret, &c->seed, sizeof(c->seed));
	}
	return f;
}

int vrs_stacks_new(const struct vrs_stack_config *c, struct vrs_transport **out)
{
	struct family *f = family_new(c);
	unsigned made = 0;
	int err = f == NULL ? -ENOMEM : 0;

	for (unsigned i = 0; i < c->n_threads; i++) {
		struct vrs_transport *t = NULL;

		if (err == 0)
			err = stack_new(f, i, &t);
		if (t != NULL)
			out[made++] = t;
		if (t != NULL && stack_of(t)->links != NULL)
			continue;
		for (unsigned k = 0; k < c->n_ports; k++) /* Nobody has taken these. */
			c->wires[i * c->n_ports + k]->ops->free(c->wires[i * c->n_ports + k]);
	}
	if (err == 0)
		return 0;
	for (unsigned i = 0; i < made; i++)
		stack_free(out[i]);
	if (made == 0 && f != NULL)
		family_free(f);
	else if (f == NULL && c->last != NULL)
		c->last(c->ctx);
	return err;
}
