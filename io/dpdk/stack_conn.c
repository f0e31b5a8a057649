/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 *
 * Connections: a TCP flow (io/dpdk/tcp.h), where its frames go, and who it belongs to.
 *
 * One that has ended is out of the table at once and freed at the end of a poll: whoever called back may
 * hold it. A user that closes one is not called again; what it has queued goes out for a second more
 * where it asked for that.
 */

#include <errno.h>
#include <nettle/sha2.h>
#include <stdlib.h>
#include <string.h>

#include "io/bgp/message.h"
#include "io/dpdk/stack_internal.h"
#include "rib/base/mem.h"

enum {
	LINGER_MS = 1000,
	HANDSHAKE_US = 100000, /* A round trip of the slowest peer. */
	PORT_FIRST = 32768,
	PORT_LAST = 60999, /* As Linux chooses them. */
	PORT_TRIES = 64,
	TTL_PLAIN = 64,
	TTL_SECURE = 255,
};

/* --- the table --- */

static bool same_key(const struct vrs_flow_key *a, const struct vrs_flow_key *b)
{
	return a->remote_port == b->remote_port && a->local_port == b->local_port &&
		vrs_addr_equal(&a->remote, &b->remote) && vrs_addr_equal(&a->local, &b->local);
}

struct vrs_conn *vrs_stack_find(const struct stack *s, const struct vrs_flow_key *key)
{
	struct vrs_conn *c = s->slots[pair_slot(&key->local, &key->remote)];

	while (c != NULL && !same_key(&c->key, key))
		c = c->next_in_slot;
	return c;
}

static void table_add(struct stack *s, struct vrs_conn *c)
{
	struct vrs_conn **slot = &s->slots[pair_slot(&c->key.local, &c->key.remote)];

	c->next_in_slot = *slot;
	*slot = c;
	c->next = s->conns;
	if (s->conns != NULL)
		s->conns->prev = c;
	s->conns = c;
}

static void table_remove(struct stack *s, struct vrs_conn *c)
{
	struct vrs_conn **at = &s->slots[pair_slot(&c->key.local, &c->key.remote)];

	while (*at != c)
		at = &(*at)->next_in_slot;
	*at = c->next_in_slot;
	if (c->prev != NULL)
		c->prev->next = c->next;
	else
		s->conns = c->next;
	if (c->next != NULL)
		c->next->prev = c->prev;
}

static void not_open(struct vrs_conn *c)
{
	if (c->open_counted)
		stack_count(&c->stack->stat.open, (uint64_t)-1);
	c->open_counted = false;
}

static void inter(struct vrs_conn *c)
{
	struct stack *s = c->stack;

	if (c->in_grave)
		return;
	c->in_grave = true;
	not_open(c);
	vrs_timer_cancel(&s->tcp.wheel, &c->linger);
	table_remove(s, c);
	vrs_stack_endpoint_left(s, &c->key);
	c->next_grave = s->graves;
	s->graves = c;
}

void vrs_stack_conn_free(struct vrs_conn *c)
{
	vrs_tcp_abort(&c->tcp);
	inter(c);
}

size_t vrs_stack_bury(struct stack *s)
{
	size_t n = 0;

	for (struct vrs_conn *c = s->graves, *next; c != NULL; c = next, n++) {
		next = c->next_grave;
		vrs_tcp_fini(&c->tcp);
		vrs_mem_free(VRS_MEM_SESSION, c, sizeof(*c));
	}
	s->graves = NULL;
	return n;
}

/* --- what TCP asks for --- */

static struct vrs_frame_link frame_link(const struct link *l)
{
	struct vrs_frame_link f = {.vlan = l->vlan};

	memcpy(f.src_mac, l->wire->mac, sizeof(f.src_mac));
	return f;
}

/* Send, or keep until the neighbour answers. @return false: no room on the wire. */
static bool transmit(struct stack *s, struct link *l, const struct vrs_addr *remote,
	struct vrs_wire_tx *tx, bool resolved)
{
	if (resolved)
		return l->wire->ops->tx(l->wire, tx);
	s->stat.unresolved++;
	vrs_neigh_pend(l->neigh, remote, tx, s->tcp.now_us);
	return true;
}

static void payload(struct vrs_wire_tx *tx, const struct vrs_wire_piece *pieces, unsigned n)
{
	tx->n_pieces = (uint8_t)n;
	tx->size = 0;
	for (unsigned i = 0; i < n; i++) {
		tx->pieces[i] = pieces[i];
		tx->size += pieces[i].size;
	}
}

static bool output(struct vrs_tcp *t, const struct vrs_tcp_segment *seg,
	const struct vrs_wire_piece *pieces, unsigned n)
{
	struct vrs_conn *c = conn_of(t);
	struct vrs_frame_link link = frame_link(c->link);
	struct vrs_wire_tx tx;

	payload(&tx, pieces, n);
	bool resolved = vrs_neigh_resolve(
		c->link->neigh, &c->key.remote, link.dst_mac, c->stack->tcp.now_us);
	vrs_frame_build_tcp(&tx, &link, &c->key, c->ttl, seg,
		c->password[0] != '\0' ? c->password : NULL,
		c->link->wire->caps & VRS_WIRE_TX_CSUM);
	return transmit(c->stack, c->link, &c->key.remote, &tx, resolved);
}

static void put(struct vrs_tcp *t, struct vrs_frame *f)
{
	struct link *l = conn_of(t)->link;

	l->wire->ops->put(l->wire, f);
}

/* The accepted one's handshake is done: does a session want it? */
static void admit(struct vrs_conn *c)
{
	struct stack *s = c->stack;
	const struct endpoint *e = vrs_stack_endpoint(s, &c->key.local, &c->key.remote);

	c->half_open = false;
	if (e == NULL) {
		stack_count(&s->stat.refused_unknown, 1);
		vrs_stack_conn_free(c);
		return;
	}
	stack_count(&s->stat.accepted, 1);
	bool taken = s->base.accept != NULL &&
		s->base.accept(s->base.accept_ctx, e->user, c, &c->ops, &c->user);
	/* It may have said something and closed it already: then it is not called again. */
	bool closed = c->tcp.state == VRS_TCP_CLOSED || c->tcp.shut;
	stack_count(&s->stat.refused_idle, !taken);
	if (taken && !closed)
		return;
	c->ops = NULL;
	if (!closed)
		vrs_stack_conn_close(c, false);
}

static void on_established(struct vrs_tcp *t)
{
	struct vrs_conn *c = conn_of(t);

	if (!t->active_open)
		admit(c);
	else if (c->ops != NULL)
		c->ops->up(c->user, c);
}

static size_t on_receive(struct vrs_tcp *t, const uint8_t *data, size_t size)
{
	struct vrs_conn *c = conn_of(t);

	return c->ops != NULL ? c->ops->rx(c->user, c, data, size) : size;
}

/* BGP says how long its messages are (RFC 4271 section 4.1): so no more than one is ever put together. */
static size_t on_need(struct vrs_tcp *t, const uint8_t *data, size_t size)
{
	enum { LENGTH_AT = 16 };

	if (size < VRS_BGP_HEADER_SIZE)
		return VRS_BGP_HEADER_SIZE;
	size_t length = (size_t)data[LENGTH_AT] << 8 | data[LENGTH_AT + 1];
	return VRS_MAX(length, (size_t)VRS_BGP_HEADER_SIZE);
}

/* Its user hears that it is gone, once. */
static void tell_down(struct vrs_conn *c, int err)
{
	const struct vrs_conn_ops *ops = c->ops;

	c->ops = NULL;
	if (ops != NULL)
		ops->down(c->user, c, err);
}

static void begin_linger(struct vrs_conn *c)
{
	vrs_tcp_shut(&c->tcp);
	vrs_timer_arm(&c->stack->tcp.wheel, &c->linger, LINGER_MS);
}

static void on_linger(struct vrs_timer *timer)
{
	struct vrs_conn *c = VRS_CONTAINER_OF(timer, struct vrs_conn, linger);

	if (c->tcp.state == VRS_TCP_TIME_WAIT) {
		not_open(c);
		return;
	}
	vrs_stack_conn_free(c);
}

/* The peer has closed: so do we, as a kernel's user would. */
static void on_eof(struct vrs_tcp *t)
{
	struct vrs_conn *c = conn_of(t);

	tell_down(c, 0);
	if (t->state != VRS_TCP_CLOSED)
		begin_linger(c);
}

static void on_closed(struct vrs_tcp *t, int err)
{
	struct vrs_conn *c = conn_of(t);

	inter(c);
	tell_down(c, err);
}

static void on_sent(struct vrs_tcp *t)
{
	struct vrs_conn *c = conn_of(t);

	if (!c->was_high || vrs_tcp_unsent(t) >= VRS_CONN_LOW_WATER)
		return;
	c->was_high = false;
	if (c->ops != NULL)
		c->ops->writable(c->user, c);
}

static void on_suspect(struct vrs_tcp *t)
{
	struct vrs_conn *c = conn_of(t);

	vrs_neigh_suspect(c->link->neigh, &c->key.remote, c->stack->tcp.now_us);
}

static void on_confirm(struct vrs_tcp *t)
{
	struct vrs_conn *c = conn_of(t);

	vrs_neigh_confirm(c->link->neigh, &c->key.remote, c->stack->tcp.now_us);
}

const struct vrs_tcp_ops vrs_stack_tcp_ops = {
	.output = output,
	.put = put,
	.established = on_established,
	.receive = on_receive,
	.need = on_need,
	.eof = on_eof,
	.closed = on_closed,
	.sent = on_sent,
	.suspect = on_suspect,
	.confirm = on_confirm,
};

/* --- beginning --- */

static uint64_t random64(struct stack *s)
{
	uint64_t r;

	/* Time is virtual: so is chance. */
	if (s->family->config.now_us != NULL)
		return vrs_splitmix64(&s->tcp.rng);
	arc4random_buf(&r, sizeof(r));
	return r;
}

/* RFC 6528 section 3: a clock of 4 us and a keyed digest of the addresses and ports. */
static void first_numbers(
	const struct stack *s, const struct vrs_flow_key *k, struct vrs_tcp_params *p)
{
	struct sha256_ctx sha;
	uint8_t digest[SHA256_DIGEST_SIZE], ports[4];
	uint32_t words[2];

	memcpy(ports, &k->local_port, 2);
	memcpy(ports + 2, &k->remote_port, 2);
	sha256_init(&sha);
	sha256_update(&sha, sizeof(s->family->secret), s->family->secret);
	sha256_update(&sha, sizeof(k->local.bytes), k->local.bytes);
	sha256_update(&sha, sizeof(k->remote.bytes), k->remote.bytes);
	sha256_update(&sha, sizeof(ports), ports);
	sha256_digest(&sha, sizeof(digest), digest);
	memcpy(words, digest, sizeof(words));
	p->iss = (uint32_t)(s->tcp.now_us / 4) + words[0];
	/* Tests shall see sequence numbers wrap. */
	if (s->family->config.now_us != NULL && words[0] & 1)
		p->iss |= 0xffff8000u;
	p->ts_offset = words[1];
}

static struct vrs_conn *conn_new(
	struct stack *s, const struct endpoint *e, const struct vrs_flow_key *key)
{
	struct vrs_conn *c = vrs_mem_zalloc(VRS_MEM_SESSION, sizeof(*c));
	struct vrs_tcp_params p = {
		.mtu = e->link->mtu,
		.ip6 = key->local.afi == VRS_AFI_IP6,
		.md5 = e->ep.password[0] != '\0',
		.receive_buffer = s->family->config.receive_buffer,
	};

	if (c == NULL)
		return NULL;
	first_numbers(s, key, &p);
	if (vrs_tcp_init(&c->tcp, &s->tcp, &p) != 0) {
		vrs_mem_free(VRS_MEM_SESSION, c, sizeof(*c));
		return NULL;
	}
	c->stack = s;
	c->link = e->link;
	c->key = *key;
	c->ttl = e->ep.ttl_security != 0 ? TTL_SECURE : TTL_PLAIN;
	c->min_ttl = vrs_stack_min_ttl(e);
	memcpy(c->password, e->ep.password, sizeof(c->password));
	c->linger.fn = on_linger;
	c->open_counted = true;
	stack_count(&s->stat.open, 1);
	table_add(s, c);
	return c;
}

/** A peer's connections. */
struct others {
	unsigned n, n_waiting, n_half_open; /* Of n: in TIME_WAIT; handshakes that are not done. */
	struct vrs_conn *waiting, *half_open; /* The oldest of each. */
};

static struct others others_of(
	const struct stack *s, const struct vrs_addr *local, const struct vrs_addr *remote)
{
	struct vrs_conn *c = s->slots[pair_slot(local, remote)];
	struct others o = {0};

	for (; c != NULL; c = c->next_in_slot) {
		if (!vrs_addr_equal(&c->key.remote, remote) ||
			!vrs_addr_equal(&c->key.local, local))
			continue;
		o.n++;
		if (c->tcp.state == VRS_TCP_TIME_WAIT) {
			o.n_waiting++;
			o.waiting = c;
		} else if (c->half_open) {
			o.n_half_open++;
			o.half_open = c;
		}
	}
	return o;
}

bool vrs_stack_has_conns(
	const struct stack *s, const struct vrs_addr *local, const struct vrs_addr *remote)
{
	return others_of(s, local, remote).n > 0;
}

/* Of many in TIME_WAIT the oldest goes. */
static void limit_waiting(const struct others *o)
{
	if (o->n_waiting >= TIME_WAIT_MAX)
		vrs_stack_conn_free(o->waiting);
}

/* Of two handshakes the older one goes when it has had time: a stranger's SYNs with a peer's address shall not keep
 * the peer out. @return false: the peer has connections enough. */
static bool may_begin(struct stack *s, const struct vrs_flow_key *key)
{
	struct others o = others_of(s, &key->local, &key->remote);
	unsigned n = o.n - o.n_waiting;

	limit_waiting(&o);
	if (o.n_half_open >= HALF_OPEN_MAX) {
		if (s->tcp.now_us - o.half_open->tcp.progress_us < HANDSHAKE_US)
			return false;
		stack_count(&s->stat.refused_crowd, 1);
		vrs_stack_conn_free(o.half_open);
		n--;
	}
	return n < VRS_CONNS_PER_PEER;
}

void vrs_stack_syn(struct stack *s, struct link *l, const struct vrs_flow_key *key,
	struct endpoint *e, const struct vrs_tcp_segment *syn)
{
	if (!may_begin(s, key)) {
		stack_count(&s->stat.refused_crowd, 1);
		return;
	}
	struct vrs_conn *c = conn_new(s, e, key);
	if (c == NULL) {
		stack_count(&s->stat.refused_want, 1);
		return;
	}
	c->link = l;
	c->half_open = true;
	vrs_tcp_accept(&c->tcp, syn);
}

void vrs_stack_reply(struct stack *s, struct link *l, const struct vrs_flow_key *key,
	const struct endpoint *e, const struct vrs_tcp_segment *seg)
{
	struct vrs_frame_link link = frame_link(l);
	struct vrs_wire_tx tx;

	payload(&tx, NULL, 0);
	bool resolved = vrs_neigh_resolve(l->neigh, &key->remote, link.dst_mac, s->tcp.now_us);
	vrs_frame_build_tcp(&tx, &link, key, e->ep.ttl_security != 0 ? TTL_SECURE : TTL_PLAIN, seg,
		e->ep.password[0] != '\0' ? e->ep.password : NULL,
		l->wire->caps & VRS_WIRE_TX_CSUM);
	(void)transmit(s, l, &key->remote, &tx, resolved);
}

/* A free port at random (RFC 6056 section 3.3.1). */
static bool choose_port(struct stack *s, struct vrs_flow_key *key)
{
	for (unsigned i = 0; i < PORT_TRIES; i++) {
		key->local_port =
			(uint16_t)(PORT_FIRST + random64(s) % (PORT_LAST - PORT_FIRST + 1));
		if (vrs_stack_find(s, key) == NULL)
			return true;
	}
	return false;
}

int vrs_stack_connect(struct vrs_transport *t, const struct vrs_addr *local,
	const struct vrs_addr *remote, const struct vrs_conn_ops *ops, void *user,
	struct vrs_conn **out)
{
	struct stack *s = stack_of(t);
	const struct endpoint *e = vrs_stack_endpoint(s, local, remote);
	struct vrs_flow_key key = {.local = *local, .remote = *remote};

	if (e == NULL)
		return -ENOENT;
	key.remote_port = e->ep.remote_port;
	if (!vrs_neigh_reachable(e->link->neigh, remote))
		return -ENETUNREACH;
	if (!choose_port(s, &key))
		return -EADDRINUSE;
	const struct others o = others_of(s, local, remote);
	limit_waiting(&o);
	struct vrs_conn *c = conn_new(s, e, &key);
	if (c == NULL)
		return -ENOMEM;
	c->ops = ops;
	c->user = user;
	stack_count(&s->stat.connects, 1);
	vrs_tcp_connect(&c->tcp);
	*out = c;
	return 0;
}

/* --- io/transport.h --- */

int vrs_stack_conn_send(struct vrs_conn *c, struct vrs_chunk *chunk, uint32_t offset, uint32_t size)
{
	int rc = vrs_tcp_send(&c->tcp, chunk, offset, size);

	c->was_high |= vrs_tcp_unsent(&c->tcp) > VRS_CONN_HIGH_WATER;
	return rc;
}

size_t vrs_stack_conn_queued(const struct vrs_conn *c)
{
	return vrs_tcp_unsent(&c->tcp);
}

void vrs_stack_conn_pause(struct vrs_conn *c)
{
	vrs_tcp_pause(&c->tcp);
}

void vrs_stack_conn_resume(struct vrs_conn *c)
{
	vrs_tcp_resume(&c->tcp);
}

/* Whether a FIN says all there is to say: nothing is lost by it, on neither side. */
static bool is_quiet(const struct vrs_tcp *t)
{
	return vrs_tcp_unacked(t) == 0 && t->queue == NULL && t->left_size == 0 && t->n_ranges == 0;
}

void vrs_stack_conn_close(struct vrs_conn *c, bool flush)
{
	c->ops = NULL;
	if (c->in_grave)
		return;
	if (c->tcp.state < VRS_TCP_ESTABLISHED || !(flush || is_quiet(&c->tcp)))
		vrs_stack_conn_free(c);
	else
		begin_linger(c);
}

void vrs_stack_conn_info(const struct vrs_conn *c, struct vrs_addr *local, uint16_t *local_port,
	struct vrs_addr *remote, uint16_t *remote_port)
{
	if (local != NULL)
		*local = c->key.local;
	if (local_port != NULL)
		*local_port = c->key.local_port;
	if (remote != NULL)
		*remote = c->key.remote;
	if (remote_port != NULL)
		*remote_port = c->key.remote_port;
}
