/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "tools/vrslab/args.h"
#include "tools/vrslab/run.h"
#include "tools/vrslab/synth.h"
#include "tools/vrslab/words.h"

enum {
	OPT_TARGET = 256,
	OPT_LOCAL,
	OPT_PROFILE,
	OPT_PID,
	OPT_NAME,
	OPT_OUT,
	OPT_IPV6,
	OPT_LIST_PEERS,
	OPT_MRT,
	OPT_STRICT,
	OPT_HISTOGRAMS,
	OPT_SEED,
	OPT_NEXT_HOPS,
	OPT_WATCH,
	OPT_NIC,
	/* Numbers of 32 bits: numbers[] says which. */
	OPT_ASN,
	OPT_PREFIXES,
	OPT_SENDERS,
	OPT_LISTENERS,
	OPT_RATE,
	OPT_SECONDS,
	OPT_POOL,
	OPT_DUTY,
	OPT_JITTER,
	OPT_HOPS,
	OPT_DEPTH,
	OPT_WARP,
	OPT_SLOW,
	OPT_MALFORMED,
	OPT_WAIT,
	OPT_TIMEOUT,
};
enum { NEXT_HOPS_BEHIND = 64 }; /* Of --local, in its last byte but one. */

/* One row per option: the parser and --help read it. */
static const struct vrs_arg_row rows[] = {
	{{"target", required_argument, NULL, OPT_TARGET}, "A[:PORT]",
		"the daemon under test ([A]:PORT for IPv6)"},
	{{"local", required_argument, NULL, OPT_LOCAL}, "A",
		"address of the first peer; the others follow it"},
	{{"asn", required_argument, NULL, OPT_ASN}, "N",
		"AS number of the first peer (default 65001); the others follow it"},
	{{"profile", required_argument, NULL, OPT_PROFILE}, "NAME",
		"what happens: see vrslab profiles, also for the options below"},
	{{"prefixes", required_argument, NULL, OPT_PREFIXES}, "N",
		"of each sender's table (default 100k)"},
	{{"ipv6", no_argument, NULL, OPT_IPV6}, NULL, "IPv6 prefixes"},
	{{"seed", required_argument, NULL, OPT_SEED}, "S", "of tables and times (default 1)"},
	{{"senders", required_argument, NULL, OPT_SENDERS}, "N", "peers that announce"},
	{{"listeners", required_argument, NULL, OPT_LISTENERS}, "N", "peers that only listen"},
	{{"rate", required_argument, NULL, OPT_RATE}, "N",
		"changes (of a replay: UPDATEs) a second, of all senders together"},
	{{"seconds", required_argument, NULL, OPT_SECONDS}, "N", "of changes"},
	{{"pool", required_argument, NULL, OPT_POOL}, "N",
		"prefixes of each sender that change, by turns (0 = all)"},
	{{"duty", required_argument, NULL, OPT_DUTY}, "PERCENT",
		"of the time that a flapping prefix is announced"},
	{{"jitter", required_argument, NULL, OPT_JITTER}, "PERCENT",
		"of half the shorter of a flap's two times"},
	{{"hops", required_argument, NULL, OPT_HOPS}, "N",
		"next hops that each changed prefix goes through"},
	{{"next-hops", required_argument, NULL, OPT_NEXT_HOPS}, "A",
		"the first of them, the others follow (default: --local and 64 x 256 more)"},
	{{"depth", required_argument, NULL, OPT_DEPTH}, "N", "paths of a hunt, each a hop longer"},
	{{"mrt", required_argument, NULL, OPT_MRT}, "FILE",
		"the capture to be replayed: MRT, or BGP messages one after the other (they\n"
		"                        have no times: --rate); plain, gzip or bzip2"},
	{{"warp", required_argument, NULL, OPT_WARP}, "N|max",
		"replay so many times faster (default 1)"},
	{{"strict", no_argument, NULL, OPT_STRICT}, NULL,
		"refuse a capture that is damaged, instead of using what is before"},
	{{"slow", required_argument, NULL, OPT_SLOW}, "N",
		"listeners that read nothing until the last change was due"},
	{{"malformed", required_argument, NULL, OPT_MALFORMED}, "PERCENT",
		"of changes that are UPDATEs with an ORIGIN that there is not"},
	{{"pid", required_argument, NULL, OPT_PID}, "PID",
		"a process of the target, for CPU and memory; repeatable"},
	{{"watch", required_argument, NULL, OPT_WATCH}, "SOCKET",
		"vrsd's control socket: also measure when changes are effective on --nic"},
	{{"nic", required_argument, NULL, OPT_NIC}, "NAME",
		"a network interface of vrsd's network"},
	{{"name", required_argument, NULL, OPT_NAME}, "TEXT", "what the target is called"},
	{{"out", required_argument, NULL, OPT_OUT}, "FILE", "NDJSON goes there, not to stdout"},
	{{"histograms", required_argument, NULL, OPT_HISTOGRAMS}, "PREFIX",
		"also write them to PREFIX-PHASE-MEASURE.hgrm and PREFIX.hlog"},
	{{"wait", required_argument, NULL, OPT_WAIT}, "SECONDS",
		"give up when a session is not up by then (default 60)"},
	{{"timeout", required_argument, NULL, OPT_TIMEOUT}, "SECONDS",
		"give up a phase that is not right so long after its last change (default 120)"},
	{{"list-peers", no_argument, NULL, OPT_LIST_PEERS}, NULL,
		"tell the peers that the target must expect, and exit"},
	{{"help", no_argument, NULL, 'h'}, NULL, "this text"},
};

static void print_help(void)
{
	(void)printf("Usage: vrslab run --target A[:PORT] --local A --profile NAME [options]\n\n"
		     "Measure what a target does with a profile of route changes.\n\n");
	vrs_arg_print_rows(rows, VRS_N_ELEMS(rows));
	(void)printf("\nExit status 0: every receiver's table was right at the end of every phase; "
		     "1: not; 2: usage.\n");
}

static int mistake(const char *option, const char *value, const char *what)
{
	(void)fprintf(stderr, "vrslab run: --%s %s: %s\n", option, value, what);
	return 2;
}

/* Where a number goes, and its bounds. */
struct number {
	uint32_t *to, min, max;
};

static struct number number_of(struct vrs_run_options *o, int c)
{
	struct vrs_profile_params *q = &o->params;

	switch (c) {
	case OPT_ASN:
		return (struct number){&o->asn, 1, UINT32_MAX - VRS_RUN_MAX_PEERS};
	case OPT_PREFIXES:
		return (struct number){&o->prefixes, 1, VRS_SYNTH_MAX};
	case OPT_SENDERS:
		return (struct number){&q->senders, 1, VRS_RUN_MAX_PEERS};
	case OPT_LISTENERS:
		return (struct number){&q->listeners, 0, VRS_RUN_MAX_PEERS};
	case OPT_RATE:
		return (struct number){&q->rate, 1, 10000000};
	case OPT_SECONDS:
		return (struct number){&q->seconds, 1, 86400};
	case OPT_POOL:
		return (struct number){&q->pool, 0, VRS_SYNTH_MAX};
	case OPT_DUTY:
		return (struct number){&q->duty, 1, 99};
	case OPT_JITTER:
		return (struct number){&q->jitter, 0, 100};
	case OPT_HOPS:
		return (struct number){&q->hops, 2, 256};
	case OPT_DEPTH:
		return (struct number){&q->depth, 1, 50};
	case OPT_SLOW:
		return (struct number){&q->slow, 0, VRS_RUN_MAX_PEERS};
	case OPT_MALFORMED:
		return (struct number){&q->malformed, 0, 100};
	case OPT_WAIT:
		return (struct number){&o->wait_s, 1, 86400};
	case OPT_WARP:
		return (struct number){&o->warp, 1, 10000000};
	default:
		return (struct number){&o->timeout_s, 1, 86400};
	}
}

static int take_number(struct vrs_run_options *o, int c, const char *name, const char *value)
{
	struct number n = number_of(o, c);
	char what[80];
	uint64_t v;

	if (vrs_arg_u64(value, n.max, &v) != 0 || v < n.min) {
		(void)snprintf(what, sizeof(what), "must be a number from %" PRIu32 " to %" PRIu32,
			n.min, n.max);
		return mistake(name, value, what);
	}
	*n.to = (uint32_t)v;
	return 0;
}

static int take_pid(struct vrs_run_options *o, const char *value)
{
	uint64_t v;

	if (o->n_pids == VRS_RUN_MAX_PIDS || vrs_arg_u64(value, INT32_MAX, &v) != 0 || v == 0)
		return mistake("pid", value, "is no process id, or one too many");
	o->pids[o->n_pids++] = (pid_t)v;
	return 0;
}

static int take_option(struct vrs_run_options *o, int c, const char *name, const char *value)
{
	switch (c) {
	case OPT_TARGET:
		if (vrs_arg_peer(value, &o->target, &o->port) != 0)
			return mistake(name, value, "is no ADDRESS[:PORT]");
		return 0;
	case OPT_LOCAL:
		if (vrs_addr_parse(&o->local, value) != 0)
			return mistake(name, value, "is no address");
		return 0;
	case OPT_NEXT_HOPS:
		if (vrs_addr_parse(&o->next_hops, value) != 0)
			return mistake(name, value, "is no address");
		return 0;
	case OPT_WATCH:
		o->watch = value;
		return 0;
	case OPT_NIC:
		o->nic = value;
		return 0;
	case OPT_PROFILE: /* Taken before the others: it sets their defaults. */
		return 0;
	case OPT_PID:
		return take_pid(o, value);
	case OPT_NAME:
		o->name = value;
		return 0;
	case OPT_OUT:
		o->out = value;
		return 0;
	case OPT_HISTOGRAMS:
		o->histograms = value;
		return 0;
	case OPT_MRT:
		o->mrt = value;
		return 0;
	case OPT_STRICT:
		o->strict = true;
		return 0;
	case OPT_WARP:
		if (strcmp(value, "max") != 0)
			return take_number(o, c, name, value[0] == 'x' ? value + 1 : value);
		o->warp = 0;
		return 0;
	case OPT_IPV6:
		o->ipv6 = true;
		return 0;
	case OPT_LIST_PEERS:
		o->list_peers = true;
		return 0;
	case OPT_SEED:
		return vrs_arg_u64(value, UINT64_MAX, &o->seed) == 0
			? 0
			: mistake(name, value, "is no number");
	default:
		return take_number(o, c, name, value);
	}
}

/* The options that a profile knows: what it has no value for means nothing to it. */
static bool is_known(const struct vrs_profile *f, int c)
{
	bool replay = f->kind == VRS_PROFILE_REPLAY, timed = f->params.rate > 0;

	switch (c) {
	case OPT_RATE:
		return timed || replay;
	case OPT_SECONDS:
	case OPT_POOL:
	case OPT_SLOW:
		return timed;
	case OPT_DUTY:
	case OPT_JITTER:
		return f->params.duty > 0;
	case OPT_DEPTH:
		return f->params.depth > 0;
	case OPT_HOPS:
	case OPT_NEXT_HOPS:
		return f->params.hops > 0;
	case OPT_MALFORMED:
		return f->kind == VRS_PROFILE_CHURN;
	case OPT_MRT:
	case OPT_WARP:
	case OPT_STRICT:
		return replay;
	default:
		return true;
	}
}

/* What the options must be together. */
static int check(const struct vrs_run_options *o)
{
	const struct vrs_profile_params *q = &o->params;
	uint64_t n = (uint64_t)o->prefixes * (q->same ? 1 : q->senders);
	const char *what = NULL;

	if (o->local.afi == VRS_AFI_NONE || (o->target.afi == VRS_AFI_NONE && !o->list_peers))
		what = "--target and --local are needed";
	else if (!o->list_peers && o->local.afi != o->target.afi)
		what = "--target and --local must be of one family";
	else if (o->ipv6 != (o->local.afi == VRS_AFI_IP6))
		what = "--ipv6 goes with IPv6 addresses: a sender is its routes' next hop";
	else if ((o->profile->kind == VRS_PROFILE_REPLAY) != (o->mrt != NULL))
		what = "--mrt goes with --profile replay";
	else if ((o->watch != NULL) != (o->nic != NULL))
		what = "--watch goes with --nic";
	else if (o->next_hops.afi != o->local.afi)
		what = "--next-hops and --local must be of one family";
	else if (q->senders + q->listeners > VRS_RUN_MAX_PEERS)
		what = "there are too many peers";
	else if (q->senders + q->listeners < 2)
		what = "nobody listens: --listeners 1 or a second sender";
	else if (q->same && q->listeners == 0)
		what = "with one table for all, a listener is needed";
	else if (q->slow > 0 && q->slow >= q->listeners)
		what = "of the listeners, one must not be slow";
	else if (o->profile->kind == VRS_PROFILE_MOVE && q->senders < 2)
		what = "a second sender is needed";
	else if ((uint64_t)q->rate * q->seconds >= VRS_CHANGE_MAX)
		what = "--rate times --seconds is over 67 million changes, which are all made "
		       "beforehand";
	else if (o->warp != 1 && q->rate > 0 && o->mrt != NULL)
		what = "--warp and --rate are two ways to pace a replay";
	else if (n > VRS_SYNTH_MAX)
		what = "all tables together are over 5M prefixes";
	if (what == NULL)
		return 0;
	(void)fprintf(stderr, "vrslab run: %s; see vrslab run --help\n", what);
	return 2;
}

/* --profile comes first, wherever it stands: it sets what other options change. */
static int take_profile(struct vrs_run_options *o, int argc, char **argv)
{
	const char *name = NULL;

	for (int i = 1; i < argc; i++) {
		if (strncmp(argv[i], "--profile=", 10) == 0)
			name = argv[i] + 10;
		else if (strcmp(argv[i], "--profile") == 0 && i + 1 < argc)
			name = argv[i + 1];
	}
	if (name == NULL) {
		(void)fprintf(stderr, "vrslab run: --profile is needed; see vrslab profiles\n");
		return 2;
	}
	o->profile = vrs_profile_find(name);
	if (o->profile == NULL)
		return mistake("profile", name, "there is none of this name; see vrslab profiles");
	o->params = o->profile->params;
	return 0;
}

int vrs_run_options_parse(struct vrs_run_options *o, int argc, char **argv)
{
	struct option options[VRS_N_ELEMS(rows) + 1] = {0};
	int c, index = 0, rc;

	*o = (struct vrs_run_options){.asn = 65001,
		.prefixes = 100000,
		.seed = 1,
		.name = "target",
		.warp = 1,
		.wait_s = 60,
		.timeout_s = 120};
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
			print_help();
			return 1;
		}
	}
	rc = take_profile(o, argc, argv);
	for (size_t i = 0; i < VRS_N_ELEMS(rows); i++)
		options[i] = rows[i].option;
	/* One thread: NOLINTNEXTLINE(concurrency-mt-unsafe) */
	while (rc == 0 && (c = getopt_long(argc, argv, "h", options, &index)) != -1) {
		rc = c == '?' ? 2 : take_option(o, c, options[index].name, optarg);
		if (rc == 0 && !is_known(o->profile, c))
			rc = mistake(options[index].name, optarg != NULL ? optarg : "",
				"means nothing to this profile; see vrslab profiles");
	}
	if (rc == 0 && optind < argc)
		rc = mistake("", argv[optind], "is not expected");
	if (o->next_hops.afi == VRS_AFI_NONE && o->local.afi != VRS_AFI_NONE) {
		o->next_hops = o->local;
		o->next_hops.bytes[vrs_afi_width(o->local.afi) / 8 - 2] += NEXT_HOPS_BEHIND;
	}
	return rc != 0 ? rc : check(o);
}
