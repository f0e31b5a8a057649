/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

/*
 * Three passes: who is busy, whose is which prefix, what is sent. Memory is what is sent; a
 * capture is read again rather than kept.
 */

#include "tools/vrslab/replay.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/bgp/message.h"
#include "io/bgp/open.h"
#include "io/bgp/update.h"
#include "rib/aspath.h"

#define NS_PER_S 1000000000ull
#define NOT_SENT UINT32_MAX

enum pass { COUNT, OWN, SEND };

struct reading {
	struct vrs_replay *out;
	struct vrs_universe *universe;
	enum pass pass;
	struct vrs_mrt *mrt;
	uint64_t *announced; /* By the reader's peer index. */
	uint32_t *rank;      /* The same; NOT_SENT = no sender. */
	size_t n_peers;
	uint64_t total;
	bool begun;
	bool fine;       /* Times have microseconds. */
	uint64_t now_ns; /* With them: of the UPDATE at hand. */
	uint32_t first_time, first_us;
	uint32_t second; /* Without: of the UPDATEs from second_from on. */
	size_t second_from;
	struct vrs_bgp_update update;
	uint8_t canonical[VRS_BGP_CANONICAL_MAX];
};

/* --- What is left out --- */

static bool is_reserved(const struct vrs_prefix *p)
{
	static const char *const ranges[] = {"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10",
		"127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16", "224.0.0.0/3",
		"::/3", "8000::/1", "4000::/2"};
	static struct vrs_prefix parsed[VRS_N_ELEMS(ranges)];

	for (size_t i = 0; i < VRS_N_ELEMS(ranges); i++) {
		if (parsed[i].afi == VRS_AFI_NONE && vrs_prefix_parse(&parsed[i], ranges[i]) != 0)
			continue;
		if (vrs_prefix_covers(&parsed[i], p))
			return true;
	}
	return p->len == 0;
}

/* RFC 6996, RFC 7607, RFC 7300: they may be ours, or make a route unusable. */
static bool is_private_as(uint32_t asn)
{
	return asn == 0 || asn == 23456 || (asn >= 64496 && asn <= 65551) || asn >= 4200000000u;
}

static bool path_is_public(struct vrs_span path)
{
	struct vrs_reader r = vrs_reader_span(path);

	while (vrs_reader_left(&r) >= 2) {
		uint8_t type = vrs_read_u8(&r), n = vrs_read_u8(&r);
		/* AS_SET is deprecated (RFC 9774): some daemons refuse it. */
		if (type != VRS_AS_SEQUENCE)
			return false;
		for (; n > 0 && vrs_reader_left(&r) >= 4; n--)
			if (is_private_as(vrs_read_u32(&r)))
				return false;
	}
	return true;
}

/* RFC 1997, RFC 7999 and others of the well-known range: a daemon may act on them. */
static bool has_well_known(struct vrs_span communities)
{
	struct vrs_reader r = vrs_reader_span(communities);

	while (vrs_reader_left(&r) >= 4)
		if (vrs_read_u32(&r) >= 0xffff0000u)
			return true;
	return false;
}

static bool passes(struct vrs_span set)
{
	struct vrs_reader r = vrs_reader_span(set);
	struct vrs_bgp_attr a;

	while (vrs_bgp_attr_next(&r, &a)) {
		if (a.code == VRS_BGP_AS_PATH && !path_is_public(a.value))
			return false;
		if (a.code == VRS_BGP_COMMUNITIES && has_well_known(a.value))
			return false;
	}
	return true;
}

/* --- What is kept --- */

static int grow_peers(struct reading *l, size_t n)
{
	if (n <= l->n_peers)
		return 0;
	uint64_t *announced = reallocarray(l->announced, n, sizeof(*announced));
	if (announced == NULL)
		return -ENOMEM;
	l->announced = announced;
	memset(announced + l->n_peers, 0, (n - l->n_peers) * sizeof(*announced));
	l->n_peers = n;
	return 0;
}

/* Room for one more element in an array of the result; doubles. */
static int room(void *array, size_t n, size_t *cap, size_t size)
{
	void **at = array;

	if (n < *cap)
		return 0;
	size_t more = VRS_MAX(*cap * 2, (size_t)1024);
	void *fresh = reallocarray(*at, more, size);
	if (fresh == NULL)
		return -ENOMEM;
	*at = fresh;
	*cap = more;
	return 0;
}

static int add_prefix(struct vrs_replay *o, const struct vrs_prefix *p, uint32_t number)
{
	size_t cap = o->cap_prefixes;
	int rc = room(&o->numbers, o->n_prefixes, &cap, sizeof(*o->numbers));

	if (rc == 0)
		rc = room(&o->prefixes, o->n_prefixes, &o->cap_prefixes, sizeof(*o->prefixes));
	if (rc != 0)
		return rc;
	o->prefixes[o->n_prefixes] = *p;
	o->numbers[o->n_prefixes++] = number;
	return 0;
}

/* One prefix of a message. */
static int take_prefix(struct reading *l, uint32_t rank, const struct vrs_prefix *p, bool announced)
{
	if (p->afi != l->out->afi)
		return 0;
	if (l->pass == OWN) {
		int64_t number =
			announced && !is_reserved(p) ? vrs_universe_add(l->universe, p) : 0;
		if (number < 0)
			return (int)number;
		if (announced && !is_reserved(p))
			l->out->owner[number] = VRS_MIN(l->out->owner[number], rank);
		return 0;
	}
	int64_t number = vrs_universe_find(l->universe, p);
	if (number < 0 || l->out->owner[number] != rank) {
		l->out->n_left_out++;
		return 0;
	}
	return add_prefix(l->out, p, (uint32_t)number);
}

static int take_nlri(
	struct reading *l, uint32_t rank, const struct vrs_bgp_nlri *nlri, bool announced)
{
	struct vrs_reader r = vrs_reader_span(nlri->span);
	struct vrs_prefix p;
	int rc = 0;

	while (vrs_reader_left(&r) > 0 && rc == 0) {
		int n = vrs_prefix_read(&p, nlri->afi, r.at, vrs_reader_left(&r));
		if (n < 0)
			break;
		(void)vrs_read_bytes(&r, (size_t)n);
		rc = take_prefix(l, rank, &p, announced);
	}
	return rc;
}

/* Without microseconds those of one second are spread evenly over it. A message file has no time
 * at all: what it holds is due at once. */
static void spread_second(struct reading *l)
{
	struct vrs_replay *o = l->out;
	size_t n = l->second > 0 && !l->fine ? o->n_updates - l->second_from : 0;

	for (size_t i = 0; i < n; i++)
		o->updates[l->second_from + i].at_ns =
			(l->second - l->first_time) * NS_PER_S + i * NS_PER_S / n;
	l->second_from = o->n_updates;
}

/* The UPDATE's prefixes of one fate. */
static int take_part(
	struct reading *l, uint32_t rank, const struct vrs_bgp_nlri *nlri, uint32_t set)
{
	struct vrs_replay *o = l->out;
	size_t first = o->n_prefixes;

	if (nlri->n == 0)
		return 0;
	int rc = take_nlri(l, rank, nlri, set != VRS_ROUTES_NO_SET);
	if (rc != 0 || l->pass != SEND || o->n_prefixes == first)
		return rc;
	rc = room(&o->updates, o->n_updates, &o->cap_updates, sizeof(*o->updates));
	if (rc == 0)
		o->updates[o->n_updates++] = (struct vrs_replay_update){.at_ns = l->now_ns,
			.first = first,
			.n = (uint32_t)(o->n_prefixes - first),
			.sender = rank,
			.set = set};
	return rc;
}

static int announce(
	struct reading *l, uint32_t rank, const struct vrs_bgp_nlri *nlri, enum vrs_bgp_which which)
{
	struct vrs_attrs_info info;
	uint32_t set = VRS_ROUTES_NO_SET;
	size_t size = 0;

	if (nlri->n == 0)
		return 0;
	bool usable = !l->update.announce_is_withdraw &&
		vrs_bgp_update_canonical(
			&l->update, which, l->canonical, sizeof(l->canonical), &size, &info) == 0 &&
		passes((struct vrs_span){l->canonical, size});
	/* What is left out withdraws what was there: no receiver may keep the old route. */
	if (!usable) {
		size_t before = l->out->n_left_out;
		int err = take_part(l, rank, nlri, VRS_ROUTES_NO_SET);
		/* Each once: the withdrawal may have been left out, too. */
		l->out->n_left_out = before + (l->pass == SEND ? nlri->n : 0);
		return err;
	}
	int rc = vrs_routes_intern(&l->out->sets, l->canonical, size, &set);
	return rc == 0 ? take_part(l, rank, nlri, set) : rc;
}

/* The time of the UPDATE at hand. Clocks of collectors go back at times: time here does not. */
static void tick(struct reading *l, const struct vrs_mrt_event *e)
{
	if (!l->begun) {
		l->first_time = e->time;
		l->first_us = e->microseconds;
		l->fine = e->fine;
	}
	if (l->fine && e->time >= l->first_time) {
		int64_t at = (int64_t)(e->time - l->first_time) * (int64_t)NS_PER_S +
			((int64_t)e->microseconds - (int64_t)l->first_us) * 1000;
		l->now_ns = VRS_MAX(l->now_ns, (uint64_t)VRS_MAX(at, (int64_t)0));
	}
	if (!l->begun || e->time > l->second) {
		if (l->begun)
			spread_second(l);
		l->second = e->time;
	}
	l->begun = true;
}

static int take_message(struct reading *l, const struct vrs_mrt_event *e)
{
	struct vrs_bgp_decode_ctx ctx = {.as4 = e->as4,
		.families = VRS_BGP_IP4 | VRS_BGP_IP6,
		.ext_next_hop = VRS_BGP_IP4 | VRS_BGP_IP6};
	struct vrs_bgp_update *u = &l->update;
	struct vrs_bgp_verdict verdict;
	struct vrs_bgp_message m;

	if (vrs_bgp_message_frame(e->message.data, e->message.size, VRS_BGP_MAX_SIZE_EXTENDED, &m,
		    &verdict) != VRS_BGP_FRAME_MESSAGE ||
		m.type != VRS_BGP_UPDATE)
		return 0;
	vrs_bgp_update_decode(&ctx, m.body.data, m.body.size, u);
	if (u->verdict.action == VRS_BGP_RESET)
		return 0;
	if (l->pass == COUNT) {
		size_t n = (u->announced.n > 0 && l->out->afi == VRS_AFI_IP4 ? u->announced.n : 0) +
			(u->mp_reach.n > 0 && u->mp_reach.afi == l->out->afi ? u->mp_reach.n : 0);
		l->announced[e->peer] += n;
		l->total += n;
		return 0;
	}
	uint32_t rank = e->peer < l->n_peers ? l->rank[e->peer] : NOT_SENT;
	if (rank == NOT_SENT)
		return 0;
	if (l->pass == SEND)
		tick(l, e);
	int rc = take_part(l, rank, &u->withdrawn, VRS_ROUTES_NO_SET);
	if (rc == 0)
		rc = take_part(l, rank, &u->mp_unreach, VRS_ROUTES_NO_SET);
	if (rc == 0)
		rc = announce(l, rank, &u->announced, VRS_BGP_CLASSIC);
	return rc == 0 ? announce(l, rank, &u->mp_reach, VRS_BGP_MP) : rc;
}

static int read_file(struct reading *l, enum pass pass)
{
	struct vrs_replay *o = l->out;
	struct vrs_mrt_event e;
	int err = 0, rc = vrs_mrt_open(o->path, &l->mrt);

	if (rc != 0)
		return rc;
	l->pass = pass;
	while (err == 0 && (rc = vrs_mrt_next(l->mrt, &e)) > 0) {
		if (pass == COUNT)
			err = grow_peers(l, e.peer + 1);
		if (err == 0 && e.kind == VRS_MRT_MESSAGE)
			err = take_message(l, &e);
	}
	if (rc < 0)
		(void)snprintf(o->warning, sizeof(o->warning), "%.80s: %s", o->path,
			vrs_mrt_error(l->mrt));
	o->stats = *vrs_mrt_stats(l->mrt);
	if (rc >= 0 && o->stats.n_malformed > 0)
		(void)snprintf(o->warning, sizeof(o->warning),
			"%.80s: %zu malformed records, the first at offset %" PRIu64 ": %s",
			o->path, o->stats.n_malformed, o->stats.bad_offset, o->stats.bad_reason);
	vrs_mrt_close(l->mrt);
	if (pass == SEND && l->begun)
		spread_second(l);
	return rc == -ENOMEM ? rc : err;
}

/* The n busiest peers, the busiest first. @return 0 or -ESRCH. */
static int choose(struct reading *l)
{
	for (size_t i = 0; i < l->n_peers; i++)
		l->rank[i] = NOT_SENT;
	for (uint32_t k = 0; k < l->out->n_senders; k++) {
		size_t best = l->n_peers;
		for (size_t i = 0; i < l->n_peers; i++) {
			if (l->rank[i] == NOT_SENT && l->announced[i] > 0 &&
				(best == l->n_peers || l->announced[i] > l->announced[best]))
				best = i;
		}
		if (best == l->n_peers)
			return -ESRCH;
		l->rank[best] = k;
	}
	return 0;
}

int vrs_replay_load(struct vrs_replay *r, struct vrs_universe *universe)
{
	struct reading *l = calloc(1, sizeof(*l));
	int rc = l == NULL ? -ENOMEM : 0;

	if (rc == 0) {
		l->out = r;
		l->universe = universe;
		rc = read_file(l, COUNT);
	}
	if (rc == 0) {
		uint64_t most = VRS_MIN(l->total + 1, (uint64_t)VRS_UNIVERSE_MAX);
		r->n_peers = l->n_peers;
		l->rank = calloc(l->n_peers + 1, sizeof(*l->rank));
		r->owner = malloc(most * sizeof(*r->owner));
		rc = l->rank == NULL || r->owner == NULL
			? -ENOMEM
			: vrs_universe_init(universe, (uint32_t)most);
		if (rc == 0)
			memset(r->owner, 0xff, most * sizeof(*r->owner));
	}
	if (rc == 0)
		rc = choose(l);
	if (rc == 0)
		rc = read_file(l, OWN);
	if (rc == 0)
		rc = read_file(l, SEND);
	if (l != NULL) {
		free(l->announced);
		free(l->rank);
	}
	free(l);
	return rc;
}

void vrs_replay_fini(struct vrs_replay *r)
{
	free(r->updates);
	free(r->numbers);
	free(r->prefixes);
	free(r->owner);
	vrs_routes_fini(&r->sets);
}
