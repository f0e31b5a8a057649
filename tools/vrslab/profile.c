/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "rib/base/hash.h"
#include "tools/vrslab/args.h"
#include "tools/vrslab/run.h"
#include "tools/vrslab/synth.h"
#include "tools/vrslab/words.h"

#define NS_PER_S 1000000000ull
enum { MARKER_SET = 0 }; /* Of the table's sets. */

static const struct vrs_profile profiles[] = {
	{"load", "every sender announces its own table", VRS_PROFILE_LOAD,
		{.senders = 1, .listeners = 1}},
	{"load-same", "every sender announces the same table", VRS_PROFILE_LOAD,
		{.senders = 4, .listeners = 1, .same = true}},
	{"mesh", "many senders with tables of their own, each of which hears all others",
		VRS_PROFILE_LOAD, {.senders = 10}},
	{"withdraw", "load, then every sender withdraws everything", VRS_PROFILE_WITHDRAW,
		{.senders = 1, .listeners = 1}},
	{"withdraw-same", "load of one table by all, then every sender withdraws everything",
		VRS_PROFILE_WITHDRAW, {.senders = 4, .listeners = 1, .same = true}},
	{"session-loss", "load, then the first sender's connection is closed", VRS_PROFILE_LOSS,
		{.senders = 1, .listeners = 1}},
	{"next-hop-move", "load of one table by all, then the one that was preferred dies",
		VRS_PROFILE_MOVE, {.senders = 2, .listeners = 1, .same = true}},
	{"churn", "load, then announcements with a new path at a steady rate", VRS_PROFILE_CHURN,
		{.senders = 1, .listeners = 1, .rate = 10000, .seconds = 10, .pool = 10000}},
	{"next-hop-churn", "load, then announcements with another next hop at a steady rate",
		VRS_PROFILE_HOPS,
		{.senders = 1,
			.listeners = 1,
			.rate = 10000,
			.seconds = 10,
			.pool = 10000,
			.hops = 64}},
	{"attribute-only", "load, then announcements with a new community and the old path",
		VRS_PROFILE_ATTRS,
		{.senders = 1, .listeners = 1, .rate = 10000, .seconds = 10, .pool = 10000}},
	{"slow-reader", "churn, while a listener reads nothing", VRS_PROFILE_CHURN,
		{.senders = 1,
			.listeners = 2,
			.rate = 10000,
			.seconds = 10,
			.pool = 10000,
			.slow = 1}},
	{"malformed-mix", "churn with malformed UPDATEs that are to be treated as withdrawals",
		VRS_PROFILE_CHURN,
		{.senders = 1,
			.listeners = 1,
			.rate = 10000,
			.seconds = 10,
			.pool = 10000,
			.malformed = 10}},
	{"flap-storm", "load, then a set of prefixes goes and comes", VRS_PROFILE_FLAP,
		{.senders = 1,
			.listeners = 1,
			.rate = 10000,
			.seconds = 10,
			.pool = 5000,
			.duty = 50,
			.jitter = 20}},
	{"path-hunting", "load, then longer and longer paths, then a withdrawal", VRS_PROFILE_HUNT,
		{.senders = 1,
			.listeners = 1,
			.rate = 10000,
			.seconds = 10,
			.pool = 5000,
			.depth = 4}},
	{"replay",
		"UPDATEs of the busiest peers of --mrt FILE, at --warp times their speed, or "
		"--rate",
		VRS_PROFILE_REPLAY, {.senders = 1, .listeners = 1}},
};

const struct vrs_profile *vrs_profile_find(const char *name)
{
	for (size_t i = 0; i < VRS_N_ELEMS(profiles); i++) {
		if (strcmp(profiles[i].name, name) == 0)
			return &profiles[i];
	}
	return NULL;
}

void vrs_profile_print(FILE *to)
{
	for (size_t i = 0; i < VRS_N_ELEMS(profiles); i++) {
		const struct vrs_profile *f = &profiles[i];
		(void)fprintf(to, "%-13s %s\n%14s--senders %u --listeners %u", f->name, f->help, "",
			f->params.senders, f->params.listeners);
		if (f->params.rate > 0)
			(void)fprintf(to, " --rate %u --seconds %u --pool %u", f->params.rate,
				f->params.seconds, f->params.pool);
		if (f->params.duty > 0)
			(void)fprintf(
				to, " --duty %u --jitter %u", f->params.duty, f->params.jitter);
		if (f->params.hops > 0)
			(void)fprintf(to, " --hops %u", f->params.hops);
		if (f->params.depth > 0)
			(void)fprintf(to, " --depth %u", f->params.depth);
		if (f->params.slow > 0)
			(void)fprintf(to, " --slow %u", f->params.slow);
		if (f->params.malformed > 0)
			(void)fprintf(to, " --malformed %u", f->params.malformed);
		(void)fputc('\n', to);
	}
}

/* --- Tables --- */

/* Routes first to end of a table as a table of their own: their sets come along. */
static int slice(struct vrs_routes *to, const struct vrs_routes *from, size_t first, size_t end)
{
	uint32_t set = 0;
	int rc = 0;

	for (size_t i = first; i < end && rc == 0; i++) {
		if (i == first || from->list[i].set != from->list[i - 1].set) {
			struct vrs_span bytes = vrs_routes_set(from, from->list[i].set);
			rc = vrs_routes_add_set(to, bytes.data, bytes.size, &set);
		}
		if (rc == 0)
			rc = vrs_routes_add(to, &from->list[i].prefix, set);
	}
	return rc;
}

static int add_to_universe(struct vrs_run *r, const struct vrs_routes *routes)
{
	for (size_t i = 0; i < routes->n; i++) {
		int64_t number = vrs_universe_add(&r->universe, &routes->list[i].prefix);
		if (number < 0)
			return (int)number;
	}
	return 0;
}

/* Of one table that all senders have, a receiver sees the first that comes. So that it also sees
 * when the target has read the others, each sender ends with a prefix of its own, from the space
 * for benchmarks (RFC 2544, RFC 5180); synthetic tables have none as long. */
static struct vrs_prefix marker(const struct vrs_run *r, uint32_t sender)
{
	struct vrs_prefix p = {.addr = {198, 18}, .len = 32, .afi = VRS_AFI_IP4};
	size_t last = 3;

	if (r->options.ipv6) {
		p = (struct vrs_prefix){.addr = {0x20, 1, 0, 2}, .len = 128, .afi = VRS_AFI_IP6};
		last = 15;
	}
	p.addr[last - 1] = (uint8_t)(sender >> 8);
	p.addr[last] = (uint8_t)sender;
	return p;
}

static int load_replay(struct vrs_run *r)
{
	const struct vrs_run_options *o = &r->options;

	r->replay = (struct vrs_replay){.path = o->mrt,
		.afi = o->ipv6 ? VRS_AFI_IP6 : VRS_AFI_IP4,
		.n_senders = o->params.senders};
	int rc = vrs_replay_load(&r->replay, &r->universe);
	if (rc == -ESRCH)
		(void)fprintf(stderr,
			"vrslab run: %s: of its %zu peers, fewer than %u announce "
			"something of this family\n",
			o->mrt, r->replay.n_peers, o->params.senders);
	if (rc == 0 && r->replay.n_updates == 0) {
		(void)fprintf(stderr,
			"vrslab run: %s: all of it is left out (%zu): reserved prefixes, "
			"paths with private AS numbers, well-known communities\n",
			o->mrt, r->replay.n_left_out);
		rc = -ESRCH;
	}
	if (r->replay.warning[0] == '\0')
		return rc;
	(void)fprintf(stderr, "vrslab run: %s; %s\n", r->replay.warning,
		o->strict ? "refused" : "the whole records are used");
	return o->strict ? -EBADMSG : rc;
}

int vrs_run_tables(struct vrs_run *r)
{
	const struct vrs_run_options *o = &r->options;
	size_t n_tables = o->params.same ? 1 : o->params.senders;
	uint64_t n = (uint64_t)o->prefixes * n_tables;
	uint32_t n_markers = o->params.same ? o->params.senders : 0;
	struct vrs_routes all = {0};
	struct vrs_synth synth = {.seed = o->seed};

	if (o->profile->kind == VRS_PROFILE_REPLAY)
		return load_replay(r);
	if (n > VRS_SYNTH_MAX)
		return -EINVAL;
	*(o->ipv6 ? &synth.n_ip6 : &synth.n_ip4) = (uint32_t)n;
	r->routes = calloc(n_tables + 1, sizeof(*r->routes));
	int rc = r->routes == NULL ? -ENOMEM
				   : vrs_universe_init(&r->universe, (uint32_t)n + n_markers + 1);
	if (rc == 0)
		rc = vrs_synth_make(&synth, &all);
	for (size_t i = 0; i < n_tables && rc == 0; i++)
		rc = slice(&r->routes[i], &all, i * o->prefixes, (i + 1) * o->prefixes);
	for (size_t i = 0; i < n_tables && rc == 0; i++)
		rc = add_to_universe(r, &r->routes[i]);
	for (uint32_t i = 0; i < n_markers && rc == 0; i++) {
		struct vrs_prefix p = marker(r, i);
		rc = (int)VRS_MIN(vrs_universe_add(&r->universe, &p), 0);
	}
	vrs_routes_fini(&all);
	return rc;
}

/* Prefix @p i of a sender, in the universe: tables were added one after the other. */
static uint32_t number_of(const struct vrs_run *r, size_t sender, size_t i)
{
	return (uint32_t)((r->options.params.same ? 0 : sender) * r->options.prefixes + i);
}

/* --- What every session must hold --- */

/* @p word of a sender's prefix for all others. Its own routes do not come back to it; of a table
 * that all have, a sender may hear or not, as the target chooses, but nothing once all is gone. */
static void want(struct vrs_run *r, size_t sender, uint32_t number, uint32_t word)
{
	bool shared = r->options.params.same && number < r->options.prefixes;

	for (size_t i = 0; i < r->n; i++) {
		bool sends = i < r->options.params.senders;
		if (shared && sends && word != 0)
			vrs_ledger_want(&r->sessions[i].ledger, number, VRS_LEDGER_ANY);
		else if (i != sender || shared)
			vrs_ledger_want(&r->sessions[i].ledger, number, word);
	}
}

static uint32_t word_of(const struct vrs_run *r, size_t sender, uint32_t number)
{
	struct vrs_stream_policy policy = vrs_run_policy(r, sender);
	struct vrs_span set = vrs_routes_set(vrs_run_routes(r, sender), number);
	uint8_t buf[VRS_BGP_CANONICAL_MAX];

	if (policy.prepend > 0) {
		size_t size = vrs_stream_prepend(set, policy.asn, policy.prepend, buf, sizeof(buf));
		set = (struct vrs_span){buf, size};
	}
	return vrs_word_of_set(set, 0);
}

static void want_table(struct vrs_run *r, size_t sender, bool there)
{
	const struct vrs_routes *routes = vrs_run_routes(r, sender);

	for (size_t i = 0; i < routes->n; i++)
		want(r, sender, number_of(r, sender, i),
			there ? word_of(r, sender, routes->list[i].set) : 0);
}

static void want_marker(struct vrs_run *r, size_t sender, bool there)
{
	if (r->options.params.same)
		want(r, sender, r->options.prefixes + (uint32_t)sender,
			there ? word_of(r, sender, MARKER_SET) : 0);
}

/* Whose prefix it is. */
static size_t sender_of(const struct vrs_run *r, uint32_t number)
{
	if (r->options.profile->kind == VRS_PROFILE_REPLAY)
		return r->replay.owner[number];
	return number / r->options.prefixes;
}

static void want_changes(struct vrs_run *r, const struct vrs_plan *plan)
{
	for (size_t i = 0; i < plan->n_changes; i++) {
		const struct vrs_change *c = &plan->changes[i];
		if (c->next == VRS_CHANGE_NONE)
			want(r, sender_of(r, c->prefix), c->prefix,
				vrs_plan_word(plan, (uint32_t)i));
	}
}

/* --- Scripts --- */

struct vrs_stream_policy vrs_run_policy(const struct vrs_run *r, size_t sender)
{
	/* The first one's path is the shortest, and what it announces is what all must have. */
	bool ranked = r->options.profile->kind == VRS_PROFILE_MOVE;

	return (struct vrs_stream_policy){.asn = r->options.asn + (uint32_t)sender,
		.prepend = ranked ? (unsigned)sender : 0,
		.as4 = true,
		.next_hop = vrs_run_peer_addr(&r->options, sender)};
}

/* A sender's marker, behind what it has sent. */
static int send_marker(struct vrs_run *r, struct vrs_plan *plan, size_t sender, bool there)
{
	struct vrs_stream_policy policy = vrs_run_policy(r, sender);
	struct vrs_stream *stream = &plan->scripts[sender].stream;
	struct vrs_prefix p = marker(r, (uint32_t)sender);

	if (!r->options.params.same)
		return 0;
	want_marker(r, sender, there);
	ssize_t took = there
		? vrs_stream_announce_some(stream, &p, 1,
			  vrs_routes_set(vrs_run_routes(r, sender), MARKER_SET), &policy)
		: vrs_stream_withdraw_some(stream, &p, 1);
	return took < 0 ? (int)took : 0;
}

int vrs_profile_load(struct vrs_run *r, struct vrs_plan *plan)
{
	int rc = vrs_plan_init(plan, r->options.params.senders, r->universe.n, r->next_change);

	for (size_t i = 0; i < r->options.params.senders && rc == 0; i++) {
		struct vrs_stream_policy policy = vrs_run_policy(r, i);
		rc = vrs_stream_announce(&plan->scripts[i].stream, vrs_run_routes(r, i),
			r->options.ipv6 ? VRS_AFI_IP6 : VRS_AFI_IP4, &policy);
		if (rc == 0 && plan->scripts[i].stream.n_refused > 0)
			rc = -EMSGSIZE;
		if (rc == 0)
			rc = send_marker(r, plan, i, true);
		if (rc == 0)
			rc = vrs_plan_step(plan, i, 0);
		if (i == 0 || !r->options.params.same)
			want_table(r, i, true);
	}
	return rc;
}

static int withdraw_all(struct vrs_run *r, struct vrs_plan *plan)
{
	int rc = 0;

	for (size_t i = 0; i < r->options.params.senders && rc == 0; i++) {
		rc = vrs_stream_withdraw(&plan->scripts[i].stream, vrs_run_routes(r, i),
			r->options.ipv6 ? VRS_AFI_IP6 : VRS_AFI_IP4);
		if (rc == 0)
			rc = send_marker(r, plan, i, false);
		if (rc == 0)
			rc = vrs_plan_step(plan, i, 0);
		want_table(r, i, false);
	}
	return rc;
}

/* A change before it is encoded. */
struct event {
	uint64_t at_ns, k; /* k: of the order in which they were made. */
	uint32_t sender, member;
	enum vrs_change_kind kind;
	uint8_t hops; /* More in the path. */
	uint16_t hop; /* Next hop, as in vrs_plan_change. */
};

static int change(struct vrs_run *r, struct vrs_plan *plan, const struct event *e)
{
	const struct vrs_routes *routes = vrs_run_routes(r, e->sender);
	const struct vrs_route *route = &routes->list[e->member];
	struct vrs_stream_policy policy = vrs_run_policy(r, e->sender);
	uint32_t number = number_of(r, e->sender, e->member);
	if (e->hop > 0)
		policy.next_hop = vrs_arg_addr_after(&r->options.next_hops, e->hop - 1u);
	struct vrs_plan_change c = {.sender = e->sender,
		.at_ns = e->at_ns,
		.numbers = &number,
		.prefixes = &route->prefix,
		.n = 1,
		.kind = e->kind,
		.set = vrs_routes_set(routes, route->set),
		.hops = e->hops,
		.hop = e->hop};

	return vrs_plan_change(plan, &c, &policy);
}

static int by_time(const void *a, const void *b)
{
	const struct event *x = a, *y = b;

	if (x->at_ns != y->at_ns)
		return x->at_ns < y->at_ns ? -1 : 1;
	return x->k < y->k ? -1 : x->k > y->k;
}

/* Down for 100 - duty per cent of two rounds, up for the rest; a jitter is so many per cent of
 * half of the shorter, so that a prefix's changes keep their order. */
static void flap(struct event *e, const struct vrs_run *r, uint64_t round, uint64_t round_ns)
{
	const struct vrs_profile_params *q = &r->options.params;
	uint64_t up_ns = 2 * round_ns / 100 * q->duty, down_ns = 2 * round_ns - up_ns;
	uint64_t most = VRS_MIN(up_ns, down_ns) / 2 / 100 * q->jitter;

	e->kind = round % 2 == 0 ? VRS_CHANGE_WITHDRAW : VRS_CHANGE_PATH;
	if (e->kind == VRS_CHANGE_PATH)
		e->at_ns += down_ns - round_ns;
	e->at_ns += most > 0 ? vrs_hash_u64(e->k + (r->options.seed << 32)) % most : 0;
}

/* What happens to a prefix in a round. */
static void choose(struct event *e, const struct vrs_run *r, uint64_t round, uint64_t round_ns)
{
	const struct vrs_profile_params *q = &r->options.params;

	switch (r->options.profile->kind) {
	case VRS_PROFILE_FLAP:
		flap(e, r, round, round_ns);
		break;
	case VRS_PROFILE_HUNT:
		e->hops = (uint8_t)(round % (q->depth + 1) + 1);
		e->kind = e->hops > q->depth ? VRS_CHANGE_WITHDRAW : VRS_CHANGE_PATH;
		break;
	case VRS_PROFILE_HOPS:
		e->hop = (uint16_t)(1 + round % q->hops);
		break;
	case VRS_PROFILE_ATTRS:
		e->kind = VRS_CHANGE_ATTRIBUTE;
		break;
	default:
		if (vrs_hash_u64(e->k + (r->options.seed << 32)) % 100 < q->malformed)
			e->kind = VRS_CHANGE_MALFORMED;
	}
}

/* Change k of n is due at k / rate. By turns of the senders, each through its pool again and
 * again; what happens to a prefix in a round is the kind's affair. */
static void make_events(const struct vrs_run *r, struct event *events, uint64_t n)
{
	const struct vrs_profile_params *q = &r->options.params;
	uint32_t pool = q->pool == 0 ? r->options.prefixes : VRS_MIN(q->pool, r->options.prefixes);
	uint64_t round_ns = (uint64_t)pool * q->senders * NS_PER_S / q->rate;

	for (uint64_t k = 0; k < n; k++) {
		uint64_t turn = k / q->senders, round = turn / pool;
		struct event *e = &events[k];

		*e = (struct event){.at_ns = k * NS_PER_S / q->rate,
			.k = k,
			.sender = (uint32_t)(k % q->senders),
			.member = (uint32_t)(turn % pool * r->options.prefixes / pool)};
		choose(e, r, round, round_ns);
	}
	qsort(events, n, sizeof(*events), by_time);
}

static int changes(struct vrs_run *r, struct vrs_plan *plan)
{
	uint64_t n = (uint64_t)r->options.params.rate * r->options.params.seconds;
	struct event *events = calloc(n + 1, sizeof(*events));
	int rc = events == NULL ? -ENOMEM : 0;

	if (rc == 0)
		make_events(r, events, n);
	for (uint64_t k = 0; k < n && rc == 0; k++)
		rc = change(r, plan, &events[k]);
	free(events);
	return rc;
}

/* When UPDATE @p k of a capture is due. */
static uint64_t replayed_at(const struct vrs_run *r, size_t k)
{
	const struct vrs_run_options *o = &r->options;

	if (o->params.rate > 0)
		return k * NS_PER_S / o->params.rate;
	return o->warp == 0 ? 0 : r->replay.updates[k].at_ns / o->warp;
}

static int replay(struct vrs_run *r, struct vrs_plan *plan)
{
	const struct vrs_replay *f = &r->replay;
	int rc = 0;

	for (size_t k = 0; k < f->n_updates && rc == 0; k++) {
		const struct vrs_replay_update *u = &f->updates[k];
		struct vrs_stream_policy policy = vrs_run_policy(r, u->sender);
		struct vrs_plan_change c = {.sender = u->sender,
			.at_ns = replayed_at(r, k),
			.numbers = f->numbers + u->first,
			.prefixes = f->prefixes + u->first,
			.n = u->n,
			.kind = VRS_CHANGE_WITHDRAW};
		if (u->set != VRS_ROUTES_NO_SET) {
			c.kind = VRS_CHANGE_PATH;
			c.set = vrs_routes_set(&f->sets, u->set);
		}
		rc = vrs_plan_change(plan, &c, &policy);
	}
	return rc;
}

int vrs_profile_main(struct vrs_run *r, struct vrs_plan *plan)
{
	int rc = vrs_plan_init(plan, r->options.params.senders, r->universe.n, r->next_change);

	if (rc != 0)
		return rc;
	switch (r->options.profile->kind) {
	case VRS_PROFILE_LOAD:
		return 0;
	case VRS_PROFILE_WITHDRAW:
		return withdraw_all(r, plan);
	case VRS_PROFILE_LOSS:
		want_table(r, 0, false);
		return 0;
	case VRS_PROFILE_MOVE:
		want_marker(r, 0, false);
		want_table(r, 1, true);
		return 0;
	default:
		rc = r->options.profile->kind == VRS_PROFILE_REPLAY ? replay(r, plan)
								    : changes(r, plan);
		want_changes(r, plan);
		r->next_change += (uint32_t)plan->n_changes;
		return rc;
	}
}
