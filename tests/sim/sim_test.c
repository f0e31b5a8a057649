/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

/*
 * Random scripts against the whole engine on a virtual clock. A script is a list of operations
 * made from a seed; any part of it is a script too, so one that fails is made shorter until
 * nothing can be left out.
 *
 * usage: sim_test [--seconds S] [--seed N [--ops LIST] [--verbose]]
 *
 * Without --seed: scripts with consecutive seeds, each in a process of its own, for S seconds
 * (VRS_SIM_SECONDS, 5); VRS_TEST_SEED is the first. --ops 3,17,20 runs only these operations.
 */

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "rib/base/log.h"
#include "tests/random.h"
#include "tests/sim/model.h"

enum { N_OPS = 80, CHECK_EVERY = 10, COME_BACK_S = 400 };

struct op {
	unsigned kind;
	uint64_t random;
};

struct script {
	uint64_t seed;
	struct op ops[N_OPS];
	bool keep[N_OPS];
	bool verbose;
};

/* --- Operations --- */

static struct sim_session *some_session(struct world *w, struct rng *r)
{
	return &w->peers[rng_below(r, N_PEERS)].sessions[rng_below(r, N_INSTANCES)];
}

static struct vrs_addr some_hop(const struct sim_peer_kind *k, struct rng *r, unsigned family)
{
	static const char *const hops[2][6] = {
		{"10.0.1.4", "10.0.1.5", "10.0.1.9", "203.0.113.9", "10.0.0.4", "10.1.0.9"},
		{"fd00:0:0:1::7", "fd00:0:0:1::8", "fd00:0:0:9::1", "2001:db8::9", "fd00::5",
			"fd00:0:0:1::9"}};
	struct vrs_addr a;
	/* Mostly its own, or one of the appliances'. */
	const char *text =
		rng_below(r, 3) > 0 ? hops[family][rng_below(r, 2)] : hops[family][rng_below(r, 6)];

	if (rng_below(r, 2) == 0 && k->family == family)
		text = k->address;
	if (vrs_addr_parse(&a, text) != 0)
		abort();
	return a;
}

static void some_path(const struct sim_peer_kind *k, struct rng *r, struct sim_attrs *a)
{
	static const uint32_t asns[] = {65001, 65010, 65011, 70000, 65003, 65515};

	if (k->asn != 65515 || rng_below(r, 2) > 0)
		a->path[a->n_path++] = k->asn != 65515 ? k->asn : asns[rng_below(r, 4)];
	for (unsigned more = rng_below(r, 4); more > 1; more--)
		a->path[a->n_path++] = asns[rng_below(r, rng_below(r, 8) == 0 ? 6 : 5)];
	if (rng_below(r, 12) == 0)
		a->path[0] = 65010; /* Not the peer's own. */
	if (rng_below(r, 10) == 0 && a->n_path > 0)
		a->set = asns[rng_below(r, 4)];
	a->n_path = a->path[0] == 0 ? 0 : a->n_path;
}

static struct sim_attrs some_attrs(const struct sim_peer_kind *k, struct rng *r, unsigned family)
{
	static const uint32_t communities[] = {
		0xfde90001, 0xfde90002, 0xffffff01, 0xffffff02, 0xffffff03};
	struct sim_attrs a = {.there = true, .origin = (uint8_t)(rng_below(r, 6) < 4 ? 0 : 2)};

	some_path(k, r, &a);
	a.hop = some_hop(k, r, family);
	if (rng_below(r, 3) == 0) {
		a.has_med = true;
		a.med = rng_below(r, 3) * 10;
	}
	/* From eBGP these three are discarded: sent all the same, now and then. */
	if (rng_below(r, k->asn == 65515 ? 2 : 12) == 0) {
		a.has_local_pref = true;
		a.local_pref = 50 + 50 * rng_below(r, 3);
	}
	if (rng_below(r, k->asn == 65515 ? 4 : 20) == 0) {
		a.has_originator = true;
		a.originator = 0x0a000200 + rng_below(r, 3);
		a.clusters[a.n_clusters++] = rng_below(r, 6) == 0 ? 0x0a000005 : 0x0a000300;
	}
	for (unsigned n = rng_below(r, 4); n > 2; n--)
		a.communities[a.n_communities++] = communities[rng_below(r, 5)];
	a.large = rng_below(r, 6) == 0;
	a.ext = rng_below(r, 6) == 0;
	a.unknown = rng_below(r, 8) == 0;
	a.otc = rng_below(r, 10) == 0 ? 65010 : 0;
	return a;
}

/* Some prefixes of one family. */
static size_t some_prefixes(struct world *w, struct rng *r, unsigned *family, unsigned out[6])
{
	unsigned first = rng_below(r, sim_n_prefixes), n_wanted = 1 + rng_below(r, 4);
	size_t n = 0;

	*family = w->prefixes[first].afi == VRS_AFI_IP6;
	for (unsigned i = 0; n < n_wanted && first + i < sim_n_prefixes; i += 1 + rng_below(r, 3))
		if ((w->prefixes[first + i].afi == VRS_AFI_IP6) == (*family == 1))
			out[n++] = first + i;
	return n;
}

/* One peer says it on one session, or the same on both. */
static void announce(struct world *w, struct rng *r)
{
	struct sim_session *s = some_session(w, r);
	bool both = rng_below(r, 4) > 0;
	unsigned i[6], family;
	size_t n = some_prefixes(w, r, &family, i);
	struct sim_attrs a = some_attrs(s->peer->kind, r, family);
	enum sim_damage damage = rng_below(r, 6) == 0 ? rng_below(r, SIM_N_DAMAGES) : SIM_GOOD;

	for (unsigned k = 0; k < N_INSTANCES; k++) {
		struct sim_session *t = &s->peer->sessions[k];

		if (t != s && !both)
			continue;
		for (size_t p = 0; p < n; p++)
			t->wanted[i[p]] = a;
		/* An UPDATE that a peer could not send is no fault to be told apart later. */
		world_send(t, i, n, t->up ? damage : SIM_GOOD);
		bool withdrawn = damage == SIM_BAD_ORIGIN || damage == SIM_BAD_MED ||
			damage == SIM_BAD_ATTR_LEN;
		for (size_t p = 0; p < n && withdrawn && t->up; p++)
			t->wanted[i[p]].there = false;
	}
}

static void withdraw(struct world *w, struct rng *r)
{
	struct sim_session *s = some_session(w, r);
	bool both = rng_below(r, 3) > 0;
	unsigned i[6], family;
	size_t n = some_prefixes(w, r, &family, i);

	for (unsigned k = 0; k < N_INSTANCES; k++) {
		struct sim_session *t = &s->peer->sessions[k];

		if (t != s && !both)
			continue;
		for (size_t p = 0; p < n; p++)
			t->wanted[i[p]].there = false;
		world_send_withdraw(t, i, n);
	}
}

static void withdraw_all(struct world *w, struct rng *r)
{
	struct sim_session *s = some_session(w, r);

	for (unsigned i = 0; i < sim_n_prefixes; i++) {
		if (!s->wanted[i].there)
			continue;
		s->wanted[i].there = false;
		world_send_withdraw(s, &i, 1);
	}
}

static void break_connections(struct world *w, struct rng *r)
{
	mem_transport_break(w->peers[rng_below(r, N_PEERS)].transport, ECONNRESET);
}

static void reset(struct world *w, struct rng *r)
{
	vrs_session_reset(some_session(w, r)->session, "because");
}

/* A peer goes away, loses some of its routes, and comes back. */
static void restart_peer(struct world *w, struct rng *r)
{
	struct sim_session *s = some_session(w, r);

	vrs_session_stop(s->session, VRS_BGP_CEASE_SHUTDOWN, "going down");
	for (unsigned i = 0; i < sim_n_prefixes; i++)
		if (rng_below(r, 3) == 0)
			s->wanted[i].there = false;
	if (rng_below(r, 2) == 0)
		world_advance(w, rng_below(r, 20000));
	(void)vrs_session_start(s->session);
}

static void stall(struct world *w, struct rng *r)
{
	unsigned peer = rng_below(r, N_PEERS);

	mem_transport_stall(w->peers[peer].transport, rng_below(r, 3) > 0);
}

static void stall_engine(struct world *w, struct rng *r)
{
	mem_transport_stall(w->transport, rng_below(r, 2) > 0);
}

static void dribble(struct world *w, struct rng *r)
{
	mem_net_dribble(w->net, rng_below(r, 2) > 0 ? 1 + rng_below(r, 40) : 0);
}

static void blackhole(struct world *w, struct rng *r)
{
	mem_net_blackhole(w->net, rng_below(r, 2) > 0);
}

static void wait_little(struct world *w, struct rng *r)
{
	world_advance(w, rng_below(r, 3000));
}

static void wait_long(struct world *w, struct rng *r)
{
	world_advance(w, rng_below(r, 400000));
}

/* Everybody slept (SIGSTOP, a suspended machine), or the clock is not as steady as it says. */
static void jump(struct world *w, struct rng *r)
{
	if (rng_below(r, 3) > 0) {
		w->now += rng_below(r, 900000);
		return;
	}
	w->now -= 5000;
	world_step(w, 3);
	w->now += 5000;
}

static void configure(struct world *w, struct rng *r)
{
	struct sim_config *c = &w->config;
	unsigned peer = rng_below(r, N_PEERS);

	switch (rng_below(r, 9)) {
	case 0:
		c->branch_to_branch = !c->branch_to_branch;
		break;
	case 1:
		c->preference = rng_below(r, 3);
		break;
	case 2:
		c->extra_prefix = !c->extra_prefix;
		break;
	case 3:
		c->peering = !c->peering;
		break;
	case 4:
		c->gateway_use = !c->gateway_use;
		break;
	case 5:
		c->attached = !c->attached;
		break;
	case 6:
		c->subnet[rng_below(r, N_NICS)] = rng_below(r, N_SUBNETS);
		break;
	case 7:
		c->enabled[peer] = !c->enabled[peer];
		break;
	default:
		c->present[peer] = !c->present[peer];
		break;
	}
	world_apply(w);
}

static void ask_refresh(struct world *w, struct rng *r)
{
	struct sim_session *s = some_session(w, r);

	if (s->up)
		(void)vrs_session_send_refresh(s->session,
			rng_below(r, 2) ? VRS_AFI_IP4 : VRS_AFI_IP6, VRS_BGP_REFRESH_REQUEST);
}

/* Routes that a refresh does not bring again are gone (RFC 7313). */
static void send_refreshed(struct world *w, struct rng *r)
{
	struct sim_session *s = some_session(w, r);

	if (!s->up)
		return;
	for (unsigned i = 0; i < sim_n_prefixes; i++)
		if (rng_below(r, 3) == 0)
			s->wanted[i].there = false;
	world_send_refreshed(s);
}

static void restart_engine(struct world *w, struct rng *r)
{
	world_restart(w, rng_below(r, 2) == 0);
}

static const struct {
	const char *name;
	unsigned weight;
	void (*run)(struct world *w, struct rng *r);
} kinds[] = {
	{"announce", 40, announce},
	{"withdraw", 12, withdraw},
	{"withdraw all", 2, withdraw_all},
	{"break connections", 3, break_connections},
	{"reset", 3, reset},
	{"restart peer", 3, restart_peer},
	{"stall", 4, stall},
	{"stall the engine", 2, stall_engine},
	{"dribble", 2, dribble},
	{"black hole", 1, blackhole},
	{"wait a little", 6, wait_little},
	{"wait long", 2, wait_long},
	{"jump", 2, jump},
	{"configure", 12, configure},
	{"ask for refresh", 3, ask_refresh},
	{"send refreshed", 4, send_refreshed},
	{"restart the engine", 1, restart_engine},
};

/* --- One script --- */

static unsigned some_kind(struct rng *r)
{
	unsigned total = 0, at, i = 0;

	for (unsigned k = 0; k < VRS_N_ELEMS(kinds); k++)
		total += kinds[k].weight;
	at = rng_below(r, total);
	while (at >= kinds[i].weight)
		at -= kinds[i++].weight;
	return i;
}

static void script_make(struct script *s, uint64_t seed)
{
	struct rng r = {seed};

	s->seed = seed;
	for (unsigned i = 0; i < N_OPS; i++) {
		s->ops[i].kind = some_kind(&r);
		s->ops[i].random = rng_u64(&r);
		s->keep[i] = true;
	}
}

/* Take the faults away, let everything come back, compare. */
static void come_to_rest(struct world *w)
{
	mem_net_dribble(w->net, 0);
	mem_net_blackhole(w->net, false);
	mem_transport_stall(w->transport, false);
	for (unsigned i = 0; i < N_PEERS; i++)
		mem_transport_stall(w->peers[i].transport, false);
	world_settle(w);
	for (unsigned s = 0; !model_sessions_settled(w); s++) {
		world_advance(w, 1000);
		if (s > COME_BACK_S)
			sim_fail(w, "a session did not come back");
	}
	world_settle(w);
	model_check(w);
}

static void script_run(const struct script *s)
{
	struct world *w = calloc(1, sizeof(*w));

	if (w == NULL)
		abort();
	world_init(w, s->seed);
	for (unsigned i = 0; i < N_OPS; i++) {
		struct rng r = {s->ops[i].random};

		if (s->keep[i]) {
			if (s->verbose)
				(void)fprintf(stderr, "%u: %s\n", i, kinds[s->ops[i].kind].name);
			kinds[s->ops[i].kind].run(w, &r);
			world_step(w, rng_below(&r, 4));
		}
		if (i % CHECK_EVERY == CHECK_EVERY - 1)
			come_to_rest(w);
	}
	world_fini(w);
	free(w);
}

/* --- Many, and making one shorter --- */

/* In a process of its own. @return Whether it passed. */
static bool passes(const struct script *s, bool quiet)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		if (quiet && freopen("/dev/null", "w", stderr) == NULL)
			abort();
		vrs_thread_register_rcu();
		script_run(s);
		vrs_thread_unregister_rcu();
		_exit(0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		abort();
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void shrink(struct script *s)
{
	/* Halves, quarters, ..., single operations: leave out what the failure does not need. */
	for (unsigned size = N_OPS / 2; size > 0; size /= 2) {
		for (unsigned at = 0; at < N_OPS; at += size) {
			struct script shorter = *s;
			bool any = false;

			for (unsigned i = at; i < at + size && i < N_OPS; i++) {
				any |= shorter.keep[i];
				shorter.keep[i] = false;
			}
			if (any && !passes(&shorter, true))
				*s = shorter;
		}
	}
}

static void report(struct script *s)
{
	const char *comma = "";

	shrink(s);
	(void)fprintf(stderr, "seed %llu fails; shortest script:\n", (unsigned long long)s->seed);
	s->verbose = true;
	(void)passes(s, false);
	(void)fprintf(stderr, "replay: sim_test --seed %llu --ops ", (unsigned long long)s->seed);
	for (unsigned i = 0; i < N_OPS; i++) {
		if (!s->keep[i])
			continue;
		(void)fprintf(stderr, "%s%u", comma, i);
		comma = ",";
	}
	(void)fputc('\n', stderr);
}

static double seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static int many(uint64_t first, double limit)
{
	double end = seconds() + limit;
	uint64_t seed = first;

	do {
		struct script s = {.verbose = false};

		script_make(&s, seed);
		if (!passes(&s, false)) {
			report(&s);
			printf("[  FAILED  ] every_script_ends_as_the_model_says\n");
			return 1;
		}
		seed++;
	} while (seconds() < end);
	printf("%llu scripts of %d operations, %d comparisons each, seeds from %llu\n",
		(unsigned long long)(seed - first), N_OPS, N_OPS / CHECK_EVERY,
		(unsigned long long)first);
	printf("[       OK ] every_script_ends_as_the_model_says\n");
	return 0;
}

static void log_line(void *ctx, enum vrs_log_level level, const char *line)
{
	(void)fprintf(stderr, "    %s\n", line);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {{"seconds", required_argument, NULL, 's'},
		{"seed", required_argument, NULL, 'n'}, {"ops", required_argument, NULL, 'o'},
		{"verbose", no_argument, NULL, 'v'}, {NULL, 0, NULL, 0}};
	double limit = (double)env_number("VRS_SIM_SECONDS", 5);
	struct script s = {.verbose = false};
	bool one = false;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 's':
			limit = atof(optarg);
			break;
		case 'n':
			script_make(&s, strtoull(optarg, NULL, 0));
			one = true;
			break;
		case 'o':
			memset(s.keep, 0, sizeof(s.keep));
			for (char *t = strtok(optarg, ","); t != NULL; t = strtok(NULL, ","))
				if (strtoul(t, NULL, 10) < N_OPS)
					s.keep[strtoul(t, NULL, 10)] = true;
			break;
		case 'v':
			s.verbose = true;
			vrs_log_set(log_line, NULL, VRS_LOG_DEBUG);
			break;
		default:
			return 2;
		}
	}
	if (!one)
		return many(rng_seed("simulator"), limit);
	vrs_thread_register_rcu();
	script_run(&s);
	vrs_thread_unregister_rcu();
	printf("passed\n");
	return 0;
}
