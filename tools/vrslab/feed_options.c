/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/vrslab/args.h"
#include "tools/vrslab/feed.h"

#define WHO "vrslab feed"

enum {
	OPT_LOCAL = 256,
	OPT_ASN,
	OPT_PEER,
	OPT_RAW,
	OPT_NEXT_HOP,
	OPT_PREPEND,
	OPT_HOLD,
	OPT_WITHDRAW,
	OPT_WAIT,
	OPT_ONCE,
	OPT_JSON,
};

/* One row per option: the parser and --help read it. */
static const struct vrs_arg_row rows[] = {
	{{"local", required_argument, NULL, OPT_LOCAL}, "A",
		"our address; repeat it for several NVAs with the same table"},
	{{"asn", required_argument, NULL, OPT_ASN}, "N", "our AS number"},
	{{"peer", required_argument, NULL, OPT_PEER}, "A[:PORT]",
		"connect to this; repeat it for each instance ([A]:PORT for IPv6)"},
	{{"prefixes", required_argument, NULL, VRS_SOURCE_PREFIXES}, "N",
		"synthetic IPv4 prefixes, e.g. 1000000 or 1M (default 0: only listen)"},
	{{"ipv6", required_argument, NULL, VRS_SOURCE_IPV6}, "N", "synthetic IPv6 prefixes"},
	{{"seed", required_argument, NULL, VRS_SOURCE_SEED}, "S",
		"of the synthetic table (default 1); the same seed gives the same bytes"},
	{{"mrt", required_argument, NULL, VRS_SOURCE_MRT}, "FILE",
		"announce what a file holds, as a transit NVA: MRT, or BGP messages one\n"
		"                          after the other; plain, gzip or bzip2"},
	{{"mrt-peer", required_argument, NULL, VRS_SOURCE_MRT_PEER}, "A|all",
		"its peer to take (default: the busiest); all: one NVA per peer, from\n"
		"                          the --local addresses, then the ones that follow the "
		"last"},
	{{"raw", no_argument, NULL, OPT_RAW}, NULL, "send the file's UPDATEs as they are"},
	{{"skip", required_argument, NULL, VRS_SOURCE_SKIP}, "PREFIX",
		"leave out what the file has inside it (default 10.0.0.0/8; repeatable)"},
	{{"strict", no_argument, NULL, VRS_SOURCE_STRICT}, NULL,
		"refuse a damaged file, instead of using what is before the damage"},
	{{"next-hop", required_argument, NULL, OPT_NEXT_HOP}, "A",
		"instead of our address; once for IPv4, once for IPv6"},
	{{"prepend", required_argument, NULL, OPT_PREPEND}, "K", "our AS so many times more"},
	{{"hold", required_argument, NULL, OPT_HOLD}, "SECONDS",
		"stay so long after sending, then close (default: until a signal)"},
	{{"withdraw", no_argument, NULL, OPT_WITHDRAW}, NULL,
		"after --hold (or at once) withdraw everything, then close"},
	{{"wait", required_argument, NULL, OPT_WAIT}, "SECONDS",
		"give up when a session is not up by then (default 60)"},
	{{"once", no_argument, NULL, OPT_ONCE}, NULL,
		"exit 1 when a session is lost, do not reconnect"},
	{{"json", no_argument, NULL, OPT_JSON}, NULL, "events as NDJSON"},
	{{"help", no_argument, NULL, 'h'}, NULL, "this"},
};

static void print_help(void)
{
	(void)printf("Usage: vrslab feed --local A --asn N --peer A[:PORT]... [options]\n\n"
		     "Announce a table over BGP, as one or many NVAs.\n\n");
	vrs_arg_print_rows(rows, VRS_N_ELEMS(rows));
	(void)printf(
		"\nSIGUSR1 withdraws everything, SIGUSR2 announces it again, SIGINT and SIGTERM "
		"close with Cease\nand exit 0. A lost session is opened again, waiting up to 8 "
		"seconds. Exit status 1: a session was\nrefused, or not up in time; 2: usage.\n");
}

static int mistake(const char *option, const char *value, const char *what)
{
	return vrs_arg_mistake(WHO, option, value, what);
}

static int take_next_hop(struct vrs_feed_options *o, const char *name, const char *value)
{
	struct vrs_addr a;

	if (vrs_addr_parse(&a, value) != 0)
		return mistake(name, value, "is no address");
	*(a.afi == VRS_AFI_IP4 ? &o->next_hop4 : &o->next_hop6) = a;
	return 0;
}

static int take_list(struct vrs_feed_options *o, int c, const char *name, const char *value)
{
	if (c == OPT_LOCAL) {
		if (o->n_locals == VRS_FEED_MAX_LOCALS ||
			vrs_addr_parse(&o->locals[o->n_locals], value) != 0)
			return mistake(name, value, "is no address, or one too many");
		o->n_locals++;
	} else {
		if (o->n_peers == VRS_FEED_MAX_PEERS ||
			vrs_arg_peer(
				value, &o->peers[o->n_peers].addr, &o->peers[o->n_peers].port) != 0)
			return mistake(name, value, "is no ADDRESS[:PORT], or one too many");
		o->n_peers++;
	}
	return 0;
}

static int take_number(struct vrs_feed_options *o, int c, const char *name, const char *value)
{
	static const uint64_t max[] = {
		[OPT_ASN - OPT_LOCAL] = UINT32_MAX - 1,
		[OPT_PREPEND - OPT_LOCAL] = 100,
		[OPT_HOLD - OPT_LOCAL] = 31536000,
		[OPT_WAIT - OPT_LOCAL] = 31536000,
	};
	char what[64];
	uint64_t v;

	if (vrs_arg_u64(value, max[c - OPT_LOCAL], &v) != 0) {
		(void)snprintf(
			what, sizeof(what), "must be a number up to %" PRIu64, max[c - OPT_LOCAL]);
		return mistake(name, value, what);
	}
	if (c == OPT_ASN)
		o->asn = (uint32_t)v;
	else if (c == OPT_PREPEND)
		o->prepend = (unsigned)v;
	else if (c == OPT_HOLD)
		o->hold_s = (int64_t)v;
	else
		o->wait_s = (uint32_t)v;
	return 0;
}

static int take_option(struct vrs_feed_options *o, int c, const char *name, const char *value)
{
	if (c >= VRS_SOURCE_PREFIXES)
		return vrs_source_take(&o->source, c, name, value);
	switch (c) {
	case OPT_LOCAL:
	case OPT_PEER:
		return take_list(o, c, name, value);
	case OPT_NEXT_HOP:
		return take_next_hop(o, name, value);
	case OPT_RAW:
		o->source.raw = true;
		return 0;
	case OPT_WITHDRAW:
		o->withdraw = true;
		return 0;
	case OPT_ONCE:
		o->once = true;
		return 0;
	case OPT_JSON:
		o->json = true;
		return 0;
	default:
		return take_number(o, c, name, value);
	}
}

/* What the options must be together. */
static int check(struct vrs_feed_options *o)
{
	const char *what = NULL;

	if (o->n_locals == 0 || o->n_peers == 0 || o->asn == 0)
		what = "--local, --asn and --peer are needed";
	else
		what = vrs_source_check(&o->source);
	for (size_t i = 0; i < o->n_locals && what == NULL; i++) {
		for (size_t j = 0; j < o->n_peers && what == NULL; j++) {
			if (o->locals[i].afi != o->peers[j].addr.afi)
				what = "--local and --peer must be of one family";
		}
	}
	if (what == NULL && o->source.n_ip6 > 0 && o->locals[0].afi == VRS_AFI_IP4 &&
		o->next_hop6.afi == VRS_AFI_NONE)
		what = "--ipv6 over an IPv4 session needs an IPv6 --next-hop";
	if (what != NULL) {
		(void)fprintf(stderr, "vrslab feed: %s; see vrslab feed --help\n", what);
		return 2;
	}
	if (o->withdraw && o->hold_s < 0)
		o->hold_s = 0;
	return 0;
}

int vrs_feed_options_parse(struct vrs_feed_options *o, int argc, char **argv)
{
	struct option options[VRS_N_ELEMS(rows) + 1] = {0};
	int c, index = 0, rc = 0;

	*o = (struct vrs_feed_options){
		.source = {.who = WHO, .seed = 1}, .hold_s = -1, .wait_s = 60};
	for (size_t i = 0; i < VRS_N_ELEMS(rows); i++)
		options[i] = rows[i].option;
	/* One thread: NOLINTNEXTLINE(concurrency-mt-unsafe) */
	while (rc == 0 && (c = getopt_long(argc, argv, "h", options, &index)) != -1) {
		if (c == '?')
			return 2;
		if (c == 'h') {
			print_help();
			return 1;
		}
		rc = take_option(o, c, options[index].name, optarg);
	}
	if (rc == 0 && optind < argc)
		rc = mistake("", argv[optind], "is not expected");
	return rc != 0 ? rc : check(o);
}
