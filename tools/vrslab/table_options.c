/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "tools/vrslab/args.h"
#include "tools/vrslab/table.h"

#define WHO "vrslab table"

enum {
	OPT_ASN = 256,
	OPT_NEXT_HOP,
	OPT_PREPEND,
	OPT_TIME,
	OPT_MRT_OUT,
	OPT_MESSAGES_OUT,
	OPT_JSON,
};

/* One row per option: the parser and --help read it. */
static const struct vrs_arg_row rows[] = {
	{{"prefixes", required_argument, NULL, VRS_SOURCE_PREFIXES}, "N",
		"synthetic IPv4 prefixes, e.g. 1000000 or 1M; at most 5M"},
	{{"ipv6", required_argument, NULL, VRS_SOURCE_IPV6}, "N",
		"synthetic IPv6 prefixes; at most 5M"},
	{{"seed", required_argument, NULL, VRS_SOURCE_SEED}, "S",
		"of the synthetic table (default 1); the same seed gives the same bytes"},
	{{"mrt", required_argument, NULL, VRS_SOURCE_MRT}, "FILE",
		"instead: MRT, or BGP messages one after the other; plain, gzip or bzip2"},
	{{"mrt-peer", required_argument, NULL, VRS_SOURCE_MRT_PEER}, "A|all",
		"its peer to take (default: the busiest)"},
	{{"skip", required_argument, NULL, VRS_SOURCE_SKIP}, "PREFIX",
		"leave out what the file has inside it (default 10.0.0.0/8; repeatable)"},
	{{"strict", no_argument, NULL, VRS_SOURCE_STRICT}, NULL,
		"refuse a damaged file, instead of using what is before the damage"},
	{{"asn", required_argument, NULL, OPT_ASN}, "N",
		"put this AS in front of the paths, as an NVA does (default 65001;\n"
		"                          with --mrt: paths, next hops and peers of the file)"},
	{{"next-hop", required_argument, NULL, OPT_NEXT_HOP}, "A",
		"the NVA's address; once for IPv4, once for IPv6 (default 10.0.1.4 and\n"
		"                          fd00::4; with --mrt and without --asn: of the file)"},
	{{"prepend", required_argument, NULL, OPT_PREPEND}, "K", "its AS so many times more"},
	{{"mrt-out", required_argument, NULL, OPT_MRT_OUT}, "FILE",
		"write MRT: TABLE_DUMP_V2, sorted by prefix"},
	{{"messages-out", required_argument, NULL, OPT_MESSAGES_OUT}, "FILE",
		"write the UPDATEs that vrslab feed sends on an eBGP session with 4-byte\n"
		"                          AS numbers, one after the other"},
	{{"time", required_argument, NULL, OPT_TIME}, "SECONDS",
		"of the MRT records, since 1970 (default 0)"},
	{{"json", no_argument, NULL, OPT_JSON}, NULL, "say what it is like as one JSON object"},
	{{"help", no_argument, NULL, 'h'}, NULL, "this"},
};

static void print_help(void)
{
	(void)printf("Usage: vrslab table [--prefixes N] [--ipv6 N] | --mrt FILE [options]\n\n"
		     "Make or read a table, say what it is like, write it to files.\n\n");
	vrs_arg_print_rows(rows, VRS_N_ELEMS(rows));
	(void)printf("\nFiles whose names end in .gz or .bz2 are compressed; they get their names "
		     "when they are whole.\n\"-\" is stdout: then stderr says what the table is "
		     "like. vrslab feed and run take such files\nwith --mrt. Exit status 1: a "
		     "file cannot be read or written, or is refused; 2: usage.\n");
}

static int take_number(struct vrs_table_options *o, int c, const char *name, const char *value)
{
	static const uint32_t max[] = {
		UINT32_MAX - 1, /* OPT_ASN */
		[OPT_PREPEND - OPT_ASN] = 100,
		[OPT_TIME - OPT_ASN] = UINT32_MAX,
	};
	uint32_t *to = c == OPT_ASN ? &o->asn : c == OPT_PREPEND ? &o->prepend : &o->time;
	uint64_t v, least = c == OPT_ASN;
	char what[80];

	if (vrs_arg_u64(value, max[c - OPT_ASN], &v) != 0 || v < least) {
		(void)snprintf(what, sizeof(what), "must be a number from %" PRIu64 " to %" PRIu32,
			least, max[c - OPT_ASN]);
		return vrs_arg_mistake(WHO, name, value, what);
	}
	*to = (uint32_t)v;
	return 0;
}

static int take_option(struct vrs_table_options *o, int c, const char *name, const char *value)
{
	struct vrs_addr a;

	if (c >= VRS_SOURCE_PREFIXES)
		return vrs_source_take(&o->source, c, name, value);
	switch (c) {
	case OPT_NEXT_HOP:
		if (vrs_addr_parse(&a, value) != 0)
			return vrs_arg_mistake(WHO, name, value, "is no address");
		*(a.afi == VRS_AFI_IP4 ? &o->next_hop4 : &o->next_hop6) = a;
		return 0;
	case OPT_MRT_OUT:
		o->mrt_out = value;
		return 0;
	case OPT_MESSAGES_OUT:
		o->messages_out = value;
		return 0;
	case OPT_JSON:
		o->json = true;
		return 0;
	default:
		return take_number(o, c, name, value);
	}
}

/* What the options must be together. */
static int check(struct vrs_table_options *o)
{
	const char *what = vrs_source_check(&o->source);

	if (what != NULL) {
		/* That is told below. */
	} else if (o->source.mrt == NULL && o->source.n_ip4 + o->source.n_ip6 == 0) {
		what = "--prefixes, --ipv6 or --mrt is needed";
	} else if (o->prepend > 0 && o->source.mrt != NULL && o->asn == 0) {
		what = "--prepend with --mrt needs --asn";
	} else if (o->source.mrt_all && o->messages_out != NULL) {
		what = "--messages-out holds one peer's, not all";
	} else if (o->mrt_out != NULL && o->messages_out != NULL &&
		strcmp(o->mrt_out, o->messages_out) == 0) {
		what = "--mrt-out and --messages-out are one file";
	}
	if (what != NULL) {
		(void)fprintf(stderr, "%s: %s; see vrslab table --help\n", WHO, what);
		return 2;
	}
	if (o->asn == 0 && o->source.mrt == NULL)
		o->asn = 65001;
	return 0;
}

int vrs_table_options_parse(struct vrs_table_options *o, int argc, char **argv)
{
	struct option options[VRS_N_ELEMS(rows) + 1] = {0};
	int c, index = 0, rc = 0;

	*o = (struct vrs_table_options){.source = {.who = WHO, .seed = 1}};
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
		rc = vrs_arg_mistake(WHO, "", argv[optind], "is not expected");
	return rc != 0 ? rc : check(o);
}
