/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

/*
 * `vrslab self`: what the generator can do without a target, so that a lab knows where its own
 * limit is on its own machine. One TCP connection over loopback, both ends ours; the bytes and the
 * threads are those of a run.
 */

#include "tools/vrslab/self.h"

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "io/bgp/open.h"
#include "tools/vrslab/args.h"
#include "tools/vrslab/phase.h"
#include "tools/vrslab/synth.h"
#include "tools/vrslab/words.h"

enum { SENDER_AS = 65001, TURNS = 5, MAX_S = 60 };

struct self {
	uint64_t prefixes, changes, seed;
	struct vrs_routes routes;
	struct vrs_universe universe;
	struct vrs_stream_policy policy;
	struct vrs_lab_session session; /* tx_fd and rx_fd are the two ends. */
};

/* A connection to ourselves. @return 0 or a negative errno. */
static int tcp_pair(int *tx, int *rx)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(a);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), rc = 0;

	*rx = -1;
	*tx = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (listener < 0 || *tx < 0 || bind(listener, (struct sockaddr *)&a, size) != 0 ||
		listen(listener, 1) != 0 ||
		getsockname(listener, (struct sockaddr *)&a, &size) != 0 ||
		connect(*tx, (struct sockaddr *)&a, size) != 0)
		rc = -errno;
	if (rc == 0) {
		*rx = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		rc = *rx < 0 ? -errno : 0;
	}
	if (listener >= 0)
		(void)close(listener);
	return rc;
}

static int make(struct self *s)
{
	struct vrs_synth synth = {.n_ip4 = (uint32_t)s->prefixes, .seed = s->seed};
	struct vrs_lab_session *e = &s->session;
	int rc = vrs_addr_parse(&s->policy.next_hop, "10.0.1.1");

	s->policy.asn = SENDER_AS;
	s->policy.as4 = true;
	e->tx_fd = e->rx_fd = -1;
	e->strict = true;
	e->ctx = (struct vrs_bgp_decode_ctx){
		.as4 = true, .families = VRS_BGP_IP4, .peer_as = SENDER_AS};
	if (rc == 0)
		rc = vrs_synth_make(&synth, &s->routes);
	if (rc == 0)
		rc = vrs_universe_init(&s->universe, (uint32_t)s->prefixes);
	for (size_t i = 0; rc == 0 && i < s->routes.n; i++)
		rc = vrs_universe_add(&s->universe, &s->routes.list[i].prefix) < 0 ? -ENOSPC : 0;
	e->rx = malloc(VRS_LAB_RX_SIZE);
	if (rc == 0)
		rc = e->rx == NULL ? -ENOMEM : vrs_ledger_init(&e->ledger, &s->universe);
	return rc == 0 ? tcp_pair(&e->tx_fd, &e->rx_fd) : rc;
}

static void unmake(struct self *s)
{
	if (s->session.tx_fd >= 0)
		(void)close(s->session.tx_fd);
	if (s->session.rx_fd >= 0)
		(void)close(s->session.rx_fd);
	free(s->session.rx);
	vrs_ledger_fini(&s->session.ledger);
	vrs_universe_fini(&s->universe);
	vrs_routes_fini(&s->routes);
}

static int plan_table(struct self *s, struct vrs_plan *plan)
{
	int rc = vrs_stream_announce(&plan->scripts[0].stream, &s->routes, VRS_AFI_IP4, &s->policy);

	for (uint32_t i = 0; i < s->routes.n; i++)
		vrs_ledger_want(&s->session.ledger, i,
			vrs_word_of_set(vrs_routes_set(&s->routes, s->routes.list[i].set), 0));
	return rc == 0 ? vrs_plan_step(plan, 0, 0) : rc;
}

static int plan_changes(struct self *s, struct vrs_plan *plan)
{
	int rc = 0;

	for (uint64_t k = 0; k < s->changes && rc == 0; k++) {
		uint32_t i = (uint32_t)(k % s->routes.n);
		struct vrs_plan_change c = {.numbers = &i,
			.prefixes = &s->routes.list[i].prefix,
			.n = 1,
			.set = vrs_routes_set(&s->routes, s->routes.list[i].set)};
		rc = vrs_plan_change(plan, &c, &s->policy);
	}
	return rc;
}

struct figures {
	double wall, tx_cpu, rx_cpu; /* Units a second of each. */
};

static int by_wall(const void *a, const void *b)
{
	const struct figures *x = a, *y = b;

	return (x->wall > y->wall) - (x->wall < y->wall);
}

/* One phase. @return 0, or -EBADMSG when what came out was wrong. */
static int measure(
	struct self *s, const struct vrs_plan *plan, uint64_t units, bool sink, struct figures *out)
{
	struct vrs_phase p = {
		.sessions = &s->session, .n_sessions = 1, .plan = plan, .only_read = sink};
	uint64_t rx_before = s->session.n_rx_bytes, end;
	int rc;

	s->session.script = &plan->scripts[0];
	vrs_ledger_clear(&s->session.ledger);
	rc = vrs_phase_begin(&p);
	if (rc != 0) {
		vrs_phase_fini(&p);
		return rc;
	}
	uint64_t limit = vrs_lab_now() + MAX_S * 1000000000ull;
	while (!vrs_phase_over(&p) && vrs_lab_now() < limit)
		(void)nanosleep(&(struct timespec){.tv_nsec = 200000}, NULL);
	vrs_phase_end(&p);
	end = sink ? p.sent_ns : p.right_ns;
	if (s->session.lost || end == 0)
		rc = -EBADMSG;
	/* What a sink did not read yet is read now: the next phase begins with an empty pipe. */
	while (rc == 0 && sink &&
		s->session.n_rx_bytes - rx_before < plan->scripts[0].stream.size) {
		ssize_t n = recv(s->session.rx_fd, s->session.rx, VRS_LAB_RX_SIZE, 0);
		if (n <= 0)
			rc = -EBADMSG;
		s->session.n_rx_bytes += n > 0 ? (size_t)n : 0;
	}
	if (rc == 0)
		*out = (struct figures){(double)units * 1e9 / (double)(end - p.start_ns),
			(double)units * 1e9 / (double)p.tx_usage.cpu_ns,
			(double)units * 1e9 / (double)p.rx_usage.cpu_ns};
	vrs_phase_fini(&p);
	return rc;
}

/* Medians of a few turns, as a line. */
static int show(struct self *s, const char *what, const char *unit, const struct vrs_plan *plan,
	uint64_t units, bool sink)
{
	struct figures turns[TURNS];

	for (size_t i = 0; i < TURNS; i++) {
		int rc = measure(s, plan, units, sink, &turns[i]);
		if (rc != 0)
			return rc;
	}
	qsort(turns, TURNS, sizeof(*turns), by_wall);
	(void)printf("%-28s %7.2f [%.2f..%.2f] M %s/s; a core of the sender's %.2f, of the "
		     "receiver's %.2f\n",
		what, turns[TURNS / 2].wall / 1e6, turns[0].wall / 1e6, turns[TURNS - 1].wall / 1e6,
		unit, turns[TURNS / 2].tx_cpu / 1e6, turns[TURNS / 2].rx_cpu / 1e6);
	(void)fflush(stdout);
	return 0;
}

static int show_all(struct self *s)
{
	struct vrs_plan table = {0}, changes = {0};
	int rc = vrs_plan_init(&table, 1, s->universe.n, 0);

	if (rc == 0)
		rc = vrs_plan_init(&changes, 1, s->universe.n, 0);
	if (rc == 0)
		rc = plan_table(s, &table);
	if (rc == 0)
		rc = plan_changes(s, &changes);
	if (rc == 0)
		rc = show(s, "tables, to a sink", "prefixes", &table, s->routes.n, true);
	if (rc == 0)
		rc = show(s, "single changes, to a sink", "changes", &changes, s->changes, true);
	if (rc == 0)
		rc = show(s, "tables, verified", "prefixes", &table, s->routes.n, false);
	vrs_plan_fini(&table);
	vrs_plan_fini(&changes);
	return rc;
}

static int mistake(const char *what)
{
	(void)fprintf(stderr,
		"vrslab self: %s\nUsage: vrslab self [--prefixes N] [--changes N] "
		"[--seed S]\n",
		what);
	return 2;
}

static int parse(struct self *s, int argc, char **argv)
{
	static const struct option options[] = {{"prefixes", required_argument, NULL, 'p'},
		{"changes", required_argument, NULL, 'c'}, {"seed", required_argument, NULL, 's'},
		{"help", no_argument, NULL, 'h'}, {0}};
	int c, rc = 0;

	/* One thread: NOLINTNEXTLINE(concurrency-mt-unsafe) */
	while (rc == 0 && (c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		if (c == 'p')
			rc = vrs_arg_u64(optarg, VRS_SYNTH_MAX, &s->prefixes);
		else if (c == 'c')
			rc = vrs_arg_u64(optarg, VRS_CHANGE_MAX - 1, &s->changes);
		else if (c == 's')
			rc = vrs_arg_u64(optarg, UINT64_MAX, &s->seed);
		else if (c == 'h')
			return 1;
		else
			rc = -EINVAL;
	}
	if (rc != 0 || s->prefixes == 0 || s->changes == 0 || optind < argc)
		return mistake(
			"a number is missing or out of its bounds, or a word is not expected");
	return 0;
}

int vrs_self_main(int argc, char **argv)
{
	struct self s = {.prefixes = 1000000, .changes = 1000000, .seed = 1};
	int rc = parse(&s, argc, argv);

	if (rc == 1) {
		(void)printf("Usage: vrslab self [--prefixes N] [--changes N] [--seed S]\n\n"
			     "What the generator does without a target: medians of %d turns "
			     "[smallest..largest].\n",
			TURNS);
		return 0;
	}
	if (rc != 0)
		return rc;
	rc = make(&s);
	if (rc == 0)
		rc = show_all(&s);
	if (rc != 0)
		(void)fprintf(stderr, "vrslab self: %s\n", strerrordesc_np(-rc));
	unmake(&s);
	return rc == 0 ? 0 : 1;
}
