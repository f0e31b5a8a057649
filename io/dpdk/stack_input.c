/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 *
 * Frames in: what is it, whose is it, may it pass. Nothing is answered to strangers: a segment from an
 * address that is no peer's, a SYN to another port, are counted and go to the exception TAP or nowhere.
 * The signature (RFC 2385) and the distance (RFC 5082) are looked at before any state is.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "io/dpdk/stack_internal.h"
#include "rib/base/mem.h"

enum {
	NOBODY = UINT32_MAX,
	ECHOS_MAX = 1000, /* A second. */
	/* ... of what neighbours say. A thousand peers that ask each other all at once say no more, and a ring between
	 * two threads has room for two seconds of it, beside segments. */
	TELLS_MAX = 1000,
	ICMP_UNREACHABLE = 3,
	ICMP_PROTOCOL = 2,
	ICMP_PORT = 3,
	ICMP_TOO_BIG = 4,
	ICMP6_UNREACHABLE = 1,
	ICMP6_TOO_BIG = 2,
	ICMP6_PORT = 4,
};

static void put(struct link *l, struct vrs_frame *f)
{
	if (f->buffer != NULL)
		l->wire->ops->put(l->wire, f);
}

static void other(struct stack *s, struct link *l, const struct vrs_frame *f)
{
	const struct vrs_stack_config *c = &s->family->config;

	s->stat.other++;
	if (c->other != NULL)
		c->other(c->ctx, l->index, f);
}

/* --- other threads --- */

/* Partner of doze() in stack_idle.c: the frame is written, then this is looked at; all of it seq_cst. */
static void wake_napping(struct stack *s)
{
	if (atomic_load(&s->napping) && atomic_exchange(&s->napping, false))
		s->base.ops->wake(&s->base);
}

static bool hand_over(struct stack *s, uint32_t to, const struct handed *h)
{
	struct handover *r = &s->family->handovers[s->index * s->family->n + to];
	uint32_t tail = atomic_load_explicit(&r->tail, memory_order_relaxed);

	/* Acquire: its taker is done with the place. */
	if (tail - atomic_load_explicit(&r->head, memory_order_acquire) == HANDOVER_ROOM) {
		s->stat.handed_full++;
		return false;
	}
	r->items[tail & (HANDOVER_ROOM - 1)] = *h;
	atomic_store(&r->tail, tail + 1); /* Before wake_napping() looks. */
	s->stat.handed++;
	wake_napping(s->family->members[to]);
	return true;
}

/* Under the family's lock. */
static uint32_t search(
	const struct family *f, const struct vrs_addr *local, const struct vrs_addr *remote)
{
	for (unsigned removed = 0; removed < 2; removed++)
		for (uint32_t i = 0; i < f->n; i++)
			if (f->members[i] != NULL &&
				vrs_stack_endpoint_find(f->members[i], local, remote, removed) !=
					NULL)
				return i;
	return NOBODY;
}

/* Whose endpoint it is. The lock is taken once per address pair and change of the endpoints, and for no stranger:
 * with sources of its own making one would have all threads wait for it. */
static uint32_t owner_of(
	struct stack *s, const struct vrs_addr *local, const struct vrs_addr *remote)
{
	uint32_t generation = atomic_load(&s->family->generation);

	if (!vrs_stack_filter_has(&s->family->peers, remote))
		return NOBODY;
	uint64_t key = pair_hash(local, remote);
	struct owner *o = &s->owners[key & (OWNER_SLOTS - 1)];
	if (o->key == key && o->generation == generation)
		return o->thread;
	s->stat.searched++;
	pthread_mutex_lock(&s->family->lock);
	*o = (struct owner){
		key, atomic_load(&s->family->generation), search(s->family, local, remote)};
	pthread_mutex_unlock(&s->family->lock);
	return o->thread;
}

/* An address pair of another thread's: the frame goes there. @return Whether it did. */
static bool elsewhere(struct stack *s, struct link *l, const struct vrs_addr *local,
	const struct vrs_addr *remote, struct vrs_frame *f)
{
	if (s->family->n == 1)
		return false;
	uint32_t to = owner_of(s, local, remote);
	if (to == NOBODY || to == s->index)
		return false;
	if (hand_over(s, to, &(struct handed){.frame = *f, .port = l->index}))
		f->buffer = NULL;
	return true;
}

static void tell_all(struct stack *s, const struct link *l, const struct vrs_frame *f)
{
	for (uint32_t i = 0; i < s->family->n; i++) {
		if (i == s->index)
			continue;
		uint8_t *copy = vrs_mem_alloc(VRS_MEM_QUEUE, f->size);
		if (copy == NULL)
			continue;
		memcpy(copy, f->data, f->size);
		struct handed h = {.frame = *f, .port = l->index, .copy = true};
		h.frame.data = copy;
		h.frame.buffer = NULL;
		if (!hand_over(s, i, &h))
			vrs_mem_free(VRS_MEM_QUEUE, copy, f->size);
	}
}

/* What neighbours of some thread's say, all threads shall hear: a copy each. Strangers are looked for in no table, and
 * nobody is copied without end. */
static void tell(struct stack *s, const struct link *l, const struct vrs_frame_info *in,
	const struct vrs_frame *f)
{
	struct family *family = s->family;

	if (family->n == 1 || !vrs_stack_filter_has(&family->hops, vrs_neigh_subject(in)))
		return;
	if (rate_allows(&s->tell, s->tcp.now_us, TELLS_MAX))
		tell_all(s, l, f);
	else
		s->stat.tell_limited++;
}

/* The kernel behind the exception TAP has neighbours, too: what is about addresses that are not ours is for it as much
 * as for us, but for claims of ours, which it must not hear. */
static void take_neighbour(
	struct stack *s, struct link *l, const struct vrs_frame_info *in, const struct vrs_frame *f)
{
	vrs_neigh_input(l->neigh, in, s->tcp.now_us);
	tell(s, l, in, f);
	if (!vrs_neigh_names_us(l->neigh, in))
		other(s, l, f);
}

/* --- TCP --- */

/* RFC 5082 and 2385. */
static bool may_pass(
	struct stack *s, const struct vrs_frame_info *in, uint8_t min_ttl, const char *password)
{
	if (in->ttl < min_ttl) {
		s->stat.ttl_low++;
		return false;
	}
	if (password[0] == '\0') {
		s->stat.md5_bad += in->md5 != NULL;
		return in->md5 == NULL;
	}
	if (in->md5 == NULL) {
		s->stat.md5_missing++;
		return false;
	}
	bool good = vrs_frame_md5_good(in, password);
	s->stat.md5_bad += !good;
	return good;
}

static bool is_syn(const struct vrs_frame_info *in)
{
	return (in->tcp.flags & (VRS_TCP_SYN | VRS_TCP_ACK | VRS_TCP_RST)) == VRS_TCP_SYN;
}

/* No connection: a peer that wants one, a peer whose connection is gone, or a stranger. */
static void no_conn(struct stack *s, struct link *l, const struct vrs_flow_key *key,
	const struct vrs_frame_info *in, struct vrs_frame *f)
{
	struct endpoint *e = vrs_stack_endpoint(s, &key->local, &key->remote);
	struct vrs_tcp_segment reply;

	if (e == NULL) {
		if (elsewhere(s, l, &key->local, &key->remote, f))
			return;
		stack_count(&s->stat.refused_unknown, 1);
		other(s, l, f);
		return;
	}
	if (!may_pass(s, in, vrs_stack_min_ttl(e), e->ep.password))
		return;
	if (is_syn(in) && key->local_port == e->ep.local_port) {
		vrs_stack_syn(s, l, key, e, &in->tcp);
		return;
	}
	s->stat.no_flow++;
	if (vrs_tcp_refuse(&in->tcp, &reply))
		vrs_stack_reply(s, l, key, e, &reply);
}

static void take_tcp(
	struct stack *s, struct link *l, const struct vrs_frame_info *in, struct vrs_frame *f)
{
	struct vrs_flow_key key = {
		.local = in->dst,
		.remote = in->src,
		.local_port = in->dst_port,
		.remote_port = in->src_port,
	};
	struct vrs_conn *c = vrs_stack_find(s, &key);

	if (c == NULL) {
		no_conn(s, l, &key, in, f);
		return;
	}
	/* A kept frame is given back to the wire of its connection's link. */
	if (c->link != l || !may_pass(s, in, c->min_ttl, c->password))
		return;
	if (is_syn(in) && vrs_tcp_may_recycle(&c->tcp, &in->tcp)) {
		vrs_stack_conn_free(c);
		no_conn(s, l, &key, in, f);
		return;
	}
	vrs_tcp_input(&c->tcp, &in->tcp, f);
}

/* --- ICMP --- */

static void take_echo(struct stack *s, struct link *l, const struct vrs_frame_info *in)
{
	struct vrs_frame_link link = {.vlan = l->vlan};
	struct vrs_wire_tx tx = {.n_pieces = 0};

	if (!rate_allows(&s->echo, s->tcp.now_us, ECHOS_MAX))
		return;
	s->stat.echos++;
	memcpy(link.src_mac, l->wire->mac, sizeof(link.src_mac));
	memcpy(link.dst_mac, in->src_mac, sizeof(link.dst_mac));
	if (!vrs_frame_build_echo(&tx, &link, in, &in->dst))
		return;
	(void)l->wire->ops->tx(l->wire, &tx);
	if (tx.n_pieces > 0)
		vrs_chunk_put(tx.pieces[0].chunk);
}

static bool too_big(const struct vrs_frame_info *in)
{
	return in->dst.afi == VRS_AFI_IP4
		? in->icmp_type == ICMP_UNREACHABLE && in->icmp_code == ICMP_TOO_BIG
		: in->icmp_type == ICMP6_TOO_BIG;
}

/* What an unreachable means to TCP (RFC 5461, 5927); 0: nothing. */
static int error_of(const struct vrs_frame_info *in)
{
	bool ip4 = in->dst.afi == VRS_AFI_IP4;

	if (in->icmp_type != (ip4 ? ICMP_UNREACHABLE : ICMP6_UNREACHABLE))
		return 0;
	if (ip4 ? in->icmp_code == ICMP_PORT || in->icmp_code == ICMP_PROTOCOL
		: in->icmp_code == ICMP6_PORT)
		return ECONNREFUSED;
	return EHOSTUNREACH;
}

static void take_error(
	struct stack *s, struct link *l, const struct vrs_frame_info *in, struct vrs_frame *f)
{
	struct vrs_conn *c = vrs_stack_find(s, &in->about);
	bool believed = false;

	if (c == NULL && elsewhere(s, l, &in->about.local, &in->about.remote, f))
		return;
	if (c != NULL && too_big(in))
		believed = vrs_tcp_mtu(&c->tcp, in->about_seq, in->mtu);
	else if (c != NULL && error_of(in) != 0)
		believed = vrs_tcp_unreachable(&c->tcp, in->about_seq, error_of(in));
	s->stat.icmp_believed += believed;
	s->stat.icmp_ignored += !believed;
}

/* --- all --- */

static bool is_for_us(const struct link *l, const struct vrs_frame_info *in)
{
	return in->vlan == l->vlan &&
		(in->kind == VRS_FRAME_ARP || in->kind == VRS_FRAME_ND ||
			(memcmp(in->dst_mac, l->wire->mac, sizeof(in->dst_mac)) == 0 &&
				vrs_neigh_is_ours(l->neigh, &in->dst)));
}

static void take(struct stack *s, struct link *l, struct vrs_frame *f, bool handed)
{
	struct vrs_frame_info in;
	enum vrs_frame_kind kind = vrs_frame_parse(f, &in);

	if (kind == VRS_FRAME_BAD) {
		s->stat.bad[in.bad]++;
		return;
	}
	if (kind == VRS_FRAME_OTHER || !is_for_us(l, &in)) {
		s->stat.not_ours += kind != VRS_FRAME_OTHER;
		other(s, l, f);
		return;
	}
	switch (kind) {
	case VRS_FRAME_TCP:
		take_tcp(s, l, &in, f);
		break;
	case VRS_FRAME_ARP:
	case VRS_FRAME_ND:
		if (handed)
			vrs_neigh_learn(l->neigh, &in, s->tcp.now_us);
		else
			take_neighbour(s, l, &in, f);
		break;
	case VRS_FRAME_ECHO:
		take_echo(s, l, &in);
		break;
	default:
		take_error(s, l, &in, f);
		break;
	}
}

void vrs_stack_frame(struct stack *s, struct link *l, struct vrs_frame *f)
{
	take(s, l, f, false);
	put(l, f);
}

bool vrs_stack_has_handed(const struct stack *s)
{
	const struct family *family = s->family;
	bool any = false;

	for (uint32_t from = 0; family->n > 1 && from < family->n; from++) {
		const struct handover *r = &family->handovers[from * family->n + s->index];

		any |= atomic_load_explicit(&r->head, memory_order_relaxed) !=
			atomic_load(&r->tail);
	}
	return any;
}

size_t vrs_stack_take_handed(struct stack *s)
{
	struct family *family = s->family;
	size_t n = 0;

	for (uint32_t from = 0; family->n > 1 && from < family->n; from++) {
		struct handover *r = &family->handovers[from * family->n + s->index];
		uint32_t head = atomic_load_explicit(&r->head, memory_order_relaxed);

		/* Acquire: partner of hand_over(). */
		while (head != atomic_load_explicit(&r->tail, memory_order_acquire)) {
			struct handed h = r->items[head++ & (HANDOVER_ROOM - 1)];
			struct link *l = &s->links[h.port];
			const uint8_t *copy = h.frame.data;
			uint32_t size = h.frame.size;

			atomic_store_explicit(&r->head, head, memory_order_release);
			take(s, l, &h.frame, true);
			put(l, &h.frame);
			if (h.copy)
				vrs_mem_free(VRS_MEM_QUEUE, (void *)copy, size);
			n++;
		}
	}
	return n;
}
