/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 *
 * An entry's life (RFC 4861 7.3.2, for ARP too):
 *
 *     resolve -> INCOMPLETE --answer--> REACHABLE --30 s--> STALE --used--> DELAY --5 s--> PROBE
 *                     |                   ^  |                                |             |
 *                     3 tries             |  suspect ----------------------------------> PROBE
 *                     v                   answer, or TCP goes forward <-------+-------------+
 *                  FAILED --used, a second later--> INCOMPLETE       6 tries: FAILED <------+
 *
 * DELAY waits for TCP to prove what a probe would. What a neighbour says unasked makes INCOMPLETE and FAILED
 * entries usable (DELAY, STALE), changes others' MACs, and leaves REACHABLE ones alone, and those in PROBE for a
 * second (neigh.h).
 *
 * Timers: each entry has the time of its next change, the table has the earliest or one before it. advance()
 * looks at all entries then. Times are rounded up to 10 ms, so that this is 100 walks a second at most.
 */

#include "io/dpdk/neigh.h"

#include <string.h>

#include "rib/base/hash.h"
#include "rib/base/mem.h"

enum { SLOTS = 1024, TICK_US = 10000 };

enum state { INCOMPLETE, REACHABLE, STALE, DELAY, PROBE, FAILED };

struct entry {
	struct entry *next;
	struct vrs_addr addr;
	uint8_t mac[6]; /* Of all but INCOMPLETE and FAILED. */
	uint8_t state, tries;
	bool rival; /* PROBE: another MAC has claimed it too early. */
	uint64_t due_us;
	uint64_t confirmed_us; /* REACHABLE: the last time. */
	uint64_t ask_us;       /* No request before. */
	struct vrs_wire_tx *pending;
};

/* An address of ours. */
struct own {
	struct vrs_addr addr;
	struct vrs_prefix net;
	uint64_t defend_us; /* Not defended before. */
};

struct vrs_neigh {
	struct vrs_wire *wire;
	void (*conflict)(void *ctx, const struct vrs_addr *ours, const uint8_t mac[6]);
	void (*moved)(void *ctx);
	void (*failed)(void *ctx, const struct vrs_addr *hop);
	void (*asked)(void *ctx, const struct vrs_addr *hop);
	void *ctx;
	struct vrs_addr gateways[2];
	uint16_t vlan;
	uint8_t begin_left; /* Rounds of probes, the first of them with announcements. */
	uint64_t begin_us, next_us;
	struct vrs_neigh_stat stat;
	struct entry *slots[SLOTS];
	unsigned n_own;
	struct own own[];
};

static bool is_zero(const struct vrs_addr *a)
{
	static const uint8_t zero[16];

	return memcmp(a->bytes, zero, sizeof(zero)) == 0;
}

static struct own *own_find(const struct vrs_neigh *n, const struct vrs_addr *a)
{
	for (unsigned i = 0; i < n->n_own; i++) {
		if (vrs_addr_equal(&n->own[i].addr, a))
			return (struct own *)&n->own[i];
	}
	return NULL;
}

/* Which of our addresses asks for @p a: one on its link, else any of its family; NULL: none. */
static const struct own *source_for(const struct vrs_neigh *n, const struct vrs_addr *a)
{
	const struct own *any = NULL;

	for (unsigned i = 0; i < n->n_own; i++) {
		const struct own *o = &n->own[i];

		if (o->addr.afi != a->afi)
			continue;
		if (vrs_prefix_covers_addr(&o->net, a) ||
			(vrs_addr_is_link_local(a) && vrs_addr_is_link_local(&o->addr)))
			return o;
		if (any == NULL)
			any = o;
	}
	return any;
}

/* --- frames --- */

static void send(struct vrs_neigh *n, const struct vrs_wire_tx *tx, uint64_t *count)
{
	if (n->wire->ops->tx(n->wire, tx))
		++*count;
}

static struct vrs_frame_link link_to(const struct vrs_neigh *n, const uint8_t mac[6])
{
	struct vrs_frame_link link = {.vlan = n->vlan};

	memcpy(link.src_mac, n->wire->mac, 6);
	if (mac != NULL)
		memcpy(link.dst_mac, mac, 6);
	else
		memset(link.dst_mac, 0xff, 6);
	return link;
}

/* Ask for @p a: the one at @p mac, or, NULL, the link. */
static void send_request(struct vrs_neigh *n, const struct vrs_addr *a, const uint8_t *mac)
{
	static const uint8_t unknown[6];
	const struct own *from = source_for(n, a);
	struct vrs_frame_link link = link_to(n, mac);
	struct vrs_wire_tx tx;

	if (from == NULL)
		return;
	if (a->afi == VRS_AFI_IP4)
		vrs_frame_build_arp(&tx, &link, true, &from->addr, a, unknown);
	else
		vrs_frame_build_ns(&tx, &link, &from->addr, a, mac != NULL);
	send(n, &tx, &n->stat.requests);
}

static void announce(struct vrs_neigh *n, const struct own *o)
{
	static const struct vrs_addr all_nodes = {{0xff, 2, [15] = 1}, VRS_AFI_IP6};
	static const uint8_t unknown[6];
	struct vrs_frame_link link = link_to(n, NULL);
	struct vrs_wire_tx tx;

	if (o->addr.afi == VRS_AFI_IP4)
		vrs_frame_build_arp(&tx, &link, true, &o->addr, &o->addr, unknown);
	else
		vrs_frame_build_na(&tx, &link, &o->addr, &all_nodes, false);
	send(n, &tx, &n->stat.announced);
}

/* Does another have it? Nothing is said of ourselves: who hears it learns nothing. */
static void probe(struct vrs_neigh *n, const struct own *o)
{
	const struct vrs_addr nobody = {.afi = o->addr.afi};
	static const uint8_t unknown[6];
	struct vrs_frame_link link = link_to(n, NULL);
	struct vrs_wire_tx tx;

	if (o->addr.afi == VRS_AFI_IP4)
		vrs_frame_build_arp(&tx, &link, true, &nobody, &o->addr, unknown);
	else
		vrs_frame_build_ns(&tx, &link, &nobody, &o->addr, false);
	send(n, &tx, &n->stat.probed);
}

/* Who looks for a duplicate has no address to be answered at: ARP's answer goes to its MAC all the same, ND's
 * to all (RFC 4861 7.2.4). */
static void send_answer(struct vrs_neigh *n, const struct own *o, const struct vrs_frame_info *in)
{
	static const struct vrs_addr all_nodes = {{0xff, 2, [15] = 1}, VRS_AFI_IP6};
	struct vrs_frame_link link = link_to(n, in->has_mac ? in->mac : in->src_mac);
	bool nobody = is_zero(&in->src);
	struct vrs_wire_tx tx;

	if (in->kind == VRS_FRAME_ARP)
		vrs_frame_build_arp(&tx, &link, false, &o->addr, &in->src, in->mac);
	else
		vrs_frame_build_na(&tx, &link, &o->addr, nobody ? &all_nodes : &in->src, !nobody);
	send(n, &tx, &n->stat.answers);
}

/* --- the frame that waits --- */

static void pending_drop(struct entry *e)
{
	if (e->pending == NULL)
		return;
	for (unsigned i = 0; i < e->pending->n_pieces; i++)
		vrs_chunk_put(e->pending->pieces[i].chunk);
	vrs_mem_free(VRS_MEM_QUEUE, e->pending, sizeof(*e->pending));
	e->pending = NULL;
}

static void pending_send(struct vrs_neigh *n, struct entry *e)
{
	if (e->pending == NULL)
		return;
	memcpy(e->pending->head, e->mac, 6);
	n->stat.dropped += !n->wire->ops->tx(n->wire, e->pending);
	pending_drop(e);
}

/* --- entries --- */

static struct entry **slot_of(struct vrs_neigh *n, const struct vrs_addr *a)
{
	return &n->slots[vrs_hash(a, sizeof(*a)) % SLOTS];
}

static struct entry *find(struct vrs_neigh *n, const struct vrs_addr *a)
{
	struct entry *e = *slot_of(n, a);

	while (e != NULL && !vrs_addr_equal(&e->addr, a))
		e = e->next;
	return e;
}

/* The entry that frames for @p remote go by. */
static struct entry *find_hop(struct vrs_neigh *n, const struct vrs_addr *remote)
{
	struct vrs_addr hop;

	return vrs_neigh_route(n, remote, &hop) == VRS_NEIGH_NOWHERE ? NULL : find(n, &hop);
}

static void enter(struct vrs_neigh *n, struct entry *e, enum state state, uint64_t due_us)
{
	e->state = (uint8_t)state;
	e->due_us = (due_us + TICK_US - 1) / TICK_US * TICK_US;
	n->next_us = VRS_MIN(n->next_us, e->due_us);
}

/* Ask once more, in @p state. */
static void ask(struct vrs_neigh *n, struct entry *e, enum state state, uint64_t now_us)
{
	bool unicast = state == PROBE && e->tries < VRS_NEIGH_TRIES;

	e->tries++;
	e->ask_us = now_us + VRS_NEIGH_RETRANS_US;
	enter(n, e, state, e->ask_us);
	send_request(n, &e->addr, unicast && !e->rival ? e->mac : NULL);
}

static void begin(struct vrs_neigh *n, struct entry *e, enum state state, uint64_t now_us)
{
	e->tries = 0;
	e->rival = false;
	ask(n, e, state, now_us);
}

static void fail(struct vrs_neigh *n, struct entry *e, uint64_t now_us)
{
	n->stat.failed++;
	n->stat.dropped += e->pending != NULL;
	pending_drop(e);
	enter(n, e, FAILED, now_us + VRS_NEIGH_UNUSED_US);
	if (n->failed != NULL)
		n->failed(n->ctx, &e->addr);
}

static void reachable(struct vrs_neigh *n, struct entry *e, uint64_t now_us)
{
	e->confirmed_us = now_us;
	enter(n, e, REACHABLE, now_us + VRS_NEIGH_FRESH_US);
	pending_send(n, e);
}

static void remove_at(struct vrs_neigh *n, struct entry **at)
{
	struct entry *e = *at;

	*at = e->next;
	n->stat.dropped += e->pending != NULL;
	pending_drop(e);
	vrs_mem_free(VRS_MEM_QUEUE, e, sizeof(*e));
	n->stat.entries--;
}

/* Make room: one that nobody uses. */
static bool evict(struct vrs_neigh *n)
{
	for (unsigned i = 0; i < SLOTS; i++) {
		for (struct entry **at = &n->slots[i]; *at != NULL; at = &(*at)->next) {
			if ((*at)->state == STALE || (*at)->state == FAILED) {
				remove_at(n, at);
				return true;
			}
		}
	}
	return false;
}

static struct entry *entry_new(struct vrs_neigh *n, const struct vrs_addr *a)
{
	struct entry **slot = slot_of(n, a), *e = NULL;

	if (n->stat.entries < VRS_NEIGH_MAX || evict(n))
		e = vrs_mem_zalloc(VRS_MEM_QUEUE, sizeof(*e));
	if (e == NULL) {
		n->stat.full++;
		return NULL;
	}
	e->addr = *a;
	e->next = *slot;
	*slot = e;
	n->stat.entries++;
	if (n->asked != NULL)
		n->asked(n->ctx, a);
	return e;
}

/* --- what others say --- */

static bool has_mac(const struct entry *e)
{
	return e->state != INCOMPLETE && e->state != FAILED;
}

static void set_mac(struct vrs_neigh *n, struct entry *e, const uint8_t mac[6])
{
	bool known = has_mac(e), same = memcmp(e->mac, mac, 6) == 0;

	n->stat.learnt += !known;
	n->stat.changed += known && !same;
	memcpy(e->mac, mac, 6);
	if (n->moved != NULL && !(known && same))
		n->moved(n->ctx);
}

/* Whether the MAC that we know has not had its second yet, and this is another one. The whole link is asked next, so
 * that who has moved waits no longer than that. */
static bool too_early(struct entry *e, const struct vrs_frame_info *in)
{
	if (e->state != PROBE || e->tries > 1 || !in->has_mac || memcmp(e->mac, in->mac, 6) == 0)
		return false;
	e->rival = true;
	return true;
}

/* An answer while we ask (RFC 4861 7.2.5). One that says it may not override says that its sender is
 * there, but not where. @return Whether it is believed. */
static bool answered(
	struct vrs_neigh *n, struct entry *e, const struct vrs_frame_info *in, uint64_t now_us)
{
	if (e->state != INCOMPLETE && e->state != PROBE)
		return false;
	if (e->state == INCOMPLETE && !in->has_mac)
		return false;
	if (e->state == PROBE && in->has_mac && !in->override && memcmp(e->mac, in->mac, 6) != 0)
		return false;
	if (too_early(e, in))
		return false;
	if (in->has_mac)
		set_mac(n, e, in->mac);
	reachable(n, e, now_us);
	return true;
}

/* What a neighbour says of itself unasked. @return Whether it is believed. */
static bool hinted(
	struct vrs_neigh *n, struct entry *e, const struct vrs_frame_info *in, uint64_t now_us)
{
	bool may_override = in->is_request || in->override;

	if (!in->has_mac)
		return true;
	if (!has_mac(e)) {
		set_mac(n, e, in->mac);
		if (e->state == FAILED)
			enter(n, e, STALE, now_us + VRS_NEIGH_UNUSED_US);
		else
			enter(n, e, DELAY, now_us + VRS_NEIGH_DELAY_US);
		pending_send(n, e);
		return true;
	}
	if (memcmp(e->mac, in->mac, 6) == 0)
		return true;
	if (e->state == REACHABLE || !may_override)
		return false;
	if (too_early(e, in))
		return false;
	set_mac(n, e, in->mac);
	if (e->state == PROBE && now_us >= e->ask_us)
		begin(n, e, PROBE, now_us);
	else if (e->state == PROBE)
		e->tries = e->rival = 0; /* The next one asks the new MAC. */
	return true;
}

/* Whom @p in is about: who asks, who answers ARP, whose advertisement it is. */
const struct vrs_addr *vrs_neigh_subject(const struct vrs_frame_info *in)
{
	return in->is_request || in->kind == VRS_FRAME_ARP ? &in->src : &in->target;
}

/* What we have said ourselves, come back. Our MAC alone is not it: the kernel's end of a net_tap has the same. A
 * probe is about whom it asks for. */
static bool from_us(const struct vrs_neigh *n, const struct vrs_frame_info *in)
{
	const struct vrs_addr *about =
		is_zero(vrs_neigh_subject(in)) ? &in->target : vrs_neigh_subject(in);

	return memcmp(in->has_mac ? in->mac : in->src_mac, n->wire->mac, 6) == 0 &&
		own_find(n, about) != NULL;
}

void vrs_neigh_learn(struct vrs_neigh *n, const struct vrs_frame_info *in, uint64_t now_us)
{
	struct entry *e;
	bool believed;

	if (in->vlan != n->vlan || from_us(n, in))
		return;
	e = find(n, vrs_neigh_subject(in));
	if (e == NULL) {
		n->stat.ignored += !in->is_request;
		return;
	}
	if (!in->is_request && in->solicited && own_find(n, &in->dst) != NULL)
		believed = answered(n, e, in, now_us);
	else
		believed = hinted(n, e, in, now_us);
	n->stat.ignored += !believed;
}

static void defend(
	struct vrs_neigh *n, struct own *o, const struct vrs_frame_info *in, uint64_t now_us)
{
	n->stat.conflicts++;
	if (now_us < o->defend_us)
		return;
	o->defend_us = now_us + VRS_NEIGH_DEFEND_US;
	announce(n, o);
	if (n->conflict != NULL)
		n->conflict(n->ctx, &o->addr, in->has_mac ? in->mac : in->src_mac);
}

void vrs_neigh_input(struct vrs_neigh *n, const struct vrs_frame_info *in, uint64_t now_us)
{
	struct own *claimed, *asked;

	if (in->vlan != n->vlan || from_us(n, in))
		return;
	claimed = own_find(n, vrs_neigh_subject(in));
	if (claimed != NULL) {
		defend(n, claimed, in, now_us);
		return;
	}
	vrs_neigh_learn(n, in, now_us);
	asked = in->is_request ? own_find(n, &in->target) : NULL;
	if (asked != NULL)
		send_answer(n, asked, in);
}

/* --- what we want --- */

bool vrs_neigh_is_ours(const struct vrs_neigh *n, const struct vrs_addr *a)
{
	return own_find(n, a) != NULL;
}

bool vrs_neigh_names_us(const struct vrs_neigh *n, const struct vrs_frame_info *in)
{
	return own_find(n, &in->src) != NULL || own_find(n, &in->dst) != NULL ||
		own_find(n, &in->target) != NULL;
}

/* Whether @p a, in @p net, is its first or last address, which IPv4 gives to no host; RFC 3021: of nets of two
 * it does. */
static bool is_net_or_broadcast(const struct vrs_prefix *net, const struct vrs_addr *a)
{
	if (a->afi != VRS_AFI_IP4 || net->len >= 31)
		return false;
	uint32_t host = vrs_addr_ip4_bits(a) & (UINT32_MAX >> net->len);
	return host == 0 || host == UINT32_MAX >> net->len;
}

static bool is_host(const struct vrs_addr *a)
{
	if (a->afi == VRS_AFI_IP4)
		return a->bytes[0] != 0 && a->bytes[0] != 127 && a->bytes[0] < 224;
	return a->afi == VRS_AFI_IP6 && a->bytes[0] != 0xff && !is_zero(a);
}

enum vrs_neigh_route vrs_neigh_route(
	const struct vrs_neigh *n, const struct vrs_addr *remote, struct vrs_addr *hop)
{
	bool family = false;

	if (!is_host(remote) || own_find(n, remote) != NULL)
		return VRS_NEIGH_NOWHERE;
	for (unsigned i = 0; i < n->n_own; i++) {
		const struct vrs_prefix *net = &n->own[i].net;

		family |= net->afi == remote->afi;
		if (net->afi != remote->afi ||
			!(vrs_prefix_covers_addr(net, remote) || vrs_addr_is_link_local(remote)))
			continue;
		if (is_net_or_broadcast(net, remote))
			return VRS_NEIGH_NOWHERE;
		*hop = *remote;
		return VRS_NEIGH_LINK;
	}
	const struct vrs_addr *gateway = &n->gateways[remote->afi - 1];
	if (!family || gateway->afi == VRS_AFI_NONE)
		return VRS_NEIGH_NOWHERE;
	*hop = *gateway;
	return VRS_NEIGH_GATEWAY;
}

bool vrs_neigh_reachable(const struct vrs_neigh *n, const struct vrs_addr *remote)
{
	struct vrs_addr hop;

	return vrs_neigh_route(n, remote, &hop) != VRS_NEIGH_NOWHERE;
}

bool vrs_neigh_resolve(
	struct vrs_neigh *n, const struct vrs_addr *remote, uint8_t mac[6], uint64_t now_us)
{
	struct vrs_addr hop;
	struct entry *e;

	if (vrs_neigh_route(n, remote, &hop) == VRS_NEIGH_NOWHERE)
		return false;
	e = find(n, &hop);
	if (e == NULL) {
		e = entry_new(n, &hop);
		if (e != NULL)
			begin(n, e, INCOMPLETE, now_us);
		return false;
	}
	if (e->state == FAILED) /* The last request is a second old by then. */
		begin(n, e, INCOMPLETE, now_us);
	if (!has_mac(e))
		return false;
	if (e->state == STALE)
		enter(n, e, DELAY, now_us + VRS_NEIGH_DELAY_US);
	memcpy(mac, e->mac, 6);
	return true;
}

void vrs_neigh_pend(struct vrs_neigh *n, const struct vrs_addr *remote,
	const struct vrs_wire_tx *tx, uint64_t now_us)
{
	uint8_t mac[6];
	bool known = vrs_neigh_resolve(n, remote, mac, now_us);
	struct entry *e = find_hop(n, remote);

	n->stat.pended++;
	if (e == NULL || e->state == FAILED) {
		n->stat.dropped++;
		return;
	}
	n->stat.dropped += e->pending != NULL;
	pending_drop(e);
	e->pending = vrs_mem_alloc(VRS_MEM_QUEUE, sizeof(*e->pending));
	if (e->pending == NULL) {
		n->stat.dropped++;
		return;
	}
	*e->pending = *tx;
	for (unsigned i = 0; i < tx->n_pieces; i++)
		(void)vrs_chunk_get(tx->pieces[i].chunk);
	if (known)
		pending_send(n, e);
}

void vrs_neigh_confirm(struct vrs_neigh *n, const struct vrs_addr *remote, uint64_t now_us)
{
	struct entry *e = find_hop(n, remote);

	if (e == NULL || !has_mac(e))
		return;
	if (e->state == REACHABLE)
		e->confirmed_us = now_us; /* The timer sees it when it comes. */
	else
		reachable(n, e, now_us);
}

void vrs_neigh_suspect(struct vrs_neigh *n, const struct vrs_addr *remote, uint64_t now_us)
{
	struct entry *e = find_hop(n, remote);

	if (e != NULL && has_mac(e) && e->state != PROBE && now_us >= e->ask_us)
		begin(n, e, PROBE, now_us);
}

/* --- time --- */

/* @return false: the entry goes. */
static bool expire(struct vrs_neigh *n, struct entry *e, uint64_t now_us)
{
	switch ((enum state)e->state) {
	case INCOMPLETE:
		if (e->tries < VRS_NEIGH_TRIES)
			ask(n, e, INCOMPLETE, now_us);
		else
			fail(n, e, now_us);
		return true;
	case PROBE:
		if (e->tries < 2 * VRS_NEIGH_TRIES)
			ask(n, e, PROBE, now_us);
		else
			fail(n, e, now_us);
		return true;
	case DELAY:
		begin(n, e, PROBE, now_us);
		return true;
	case REACHABLE:
		if (now_us - e->confirmed_us < VRS_NEIGH_FRESH_US)
			enter(n, e, REACHABLE, e->confirmed_us + VRS_NEIGH_FRESH_US);
		else
			enter(n, e, STALE, now_us + VRS_NEIGH_UNUSED_US);
		return true;
	default:
		return false;
	}
}

/* A probe goes before its announcement: who has the address hears the question first. */
static void begin_round(struct vrs_neigh *n, uint64_t now_us)
{
	if (n->begin_left == 0 || now_us < n->begin_us)
		return;
	bool announces = n->begin_left > VRS_NEIGH_PROBE_NUM - VRS_NEIGH_ANNOUNCE_NUM;
	for (unsigned i = 0; i < n->n_own; i++) {
		probe(n, &n->own[i]);
		if (announces)
			announce(n, &n->own[i]);
	}
	n->begin_left--;
	n->begin_us = now_us + VRS_NEIGH_ANNOUNCE_US;
}

uint64_t vrs_neigh_next(const struct vrs_neigh *n)
{
	return n->begin_left > 0 ? VRS_MIN(n->next_us, n->begin_us) : n->next_us;
}

void vrs_neigh_advance(struct vrs_neigh *n, uint64_t now_us)
{
	begin_round(n, now_us);
	if (now_us < n->next_us)
		return;
	n->next_us = UINT64_MAX;
	for (unsigned i = 0; i < SLOTS; i++) {
		for (struct entry **at = &n->slots[i]; *at != NULL;) {
			struct entry *e = *at;

			if (e->due_us <= now_us && !expire(n, e, now_us)) {
				remove_at(n, at);
				continue;
			}
			n->next_us = VRS_MIN(n->next_us, e->due_us);
			at = &e->next;
		}
	}
}

/* --- the table --- */

struct vrs_neigh *vrs_neigh_new(const struct vrs_neigh_config *c, uint64_t now_us)
{
	const struct vrs_dpdk_port *p = c->port;
	struct vrs_neigh *n =
		vrs_mem_zalloc(VRS_MEM_QUEUE, sizeof(*n) + p->n_addresses * sizeof(n->own[0]));

	if (n == NULL)
		return NULL;
	n->wire = c->wire;
	n->conflict = c->conflict;
	n->moved = c->moved;
	n->failed = c->failed;
	n->asked = c->asked;
	n->ctx = c->ctx;
	n->vlan = p->vlan;
	n->next_us = UINT64_MAX;
	n->begin_left = c->announce ? VRS_NEIGH_PROBE_NUM : 0;
	n->begin_us = now_us;
	for (unsigned i = 0; i < VRS_N_ELEMS(p->gateways); i++) {
		if (p->gateways[i].afi != VRS_AFI_NONE)
			n->gateways[p->gateways[i].afi - 1] = p->gateways[i];
	}
	n->n_own = p->n_addresses;
	for (unsigned i = 0; i < n->n_own; i++) {
		n->own[i].addr = p->addresses[i];
		n->own[i].net = vrs_prefix_of(&p->addresses[i], p->lens[i]);
	}
	return n;
}

void vrs_neigh_free(struct vrs_neigh *n)
{
	if (n == NULL)
		return;
	for (unsigned i = 0; i < SLOTS; i++) {
		while (n->slots[i] != NULL)
			remove_at(n, &n->slots[i]);
	}
	vrs_mem_free(VRS_MEM_QUEUE, n, sizeof(*n) + n->n_own * sizeof(n->own[0]));
}

void vrs_neigh_stat(const struct vrs_neigh *n, struct vrs_neigh_stat *out)
{
	*out = n->stat;
}
