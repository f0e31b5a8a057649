/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#pragma once

/**
 * @file
 * `vrslab feed`: one or many NVAs that announce a table to a route server. Shared by the parts
 * of the command: options (feed_options.c), what is announced (feed_table.c), what is said
 * about it (feed_report.c), and the loop (feed.c).
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rib/prefix.h"
#include "tools/vrslab/progress.h"
#include "tools/vrslab/routes.h"
#include "tools/vrslab/source.h"
#include "tools/vrslab/speaker.h"
#include "tools/vrslab/stream.h"

struct vrs_feed_peer {
	struct vrs_addr addr;
	uint16_t port;
};

enum { VRS_FEED_MAX_PEERS = 64, VRS_FEED_MAX_LOCALS = 1024 };

struct vrs_feed_options {
	struct vrs_addr locals[VRS_FEED_MAX_LOCALS];
	size_t n_locals;
	struct vrs_feed_peer peers[VRS_FEED_MAX_PEERS];
	size_t n_peers;
	struct vrs_source_options source;
	uint32_t asn;
	struct vrs_addr next_hop4, next_hop6;
	unsigned prepend;
	int64_t hold_s; /* -1 = until a signal. */
	uint32_t wait_s;
	bool withdraw, once, json;
};

/** @return 0; 1 when there is nothing more to do (--help); 2 on a mistake, told on stderr. */
VRS_NODISCARD int vrs_feed_options_parse(struct vrs_feed_options *o, int argc, char **argv);

/** One encoding of a table: it depends on what the OPENs agreed on. */
struct vrs_feed_encoding {
	bool ready;
	struct vrs_stream announce[2], withdraw[2]; /* IPv4, IPv6. */
};

/** One NVA: an address, a table, its encodings. Sessions borrow from it. */
struct vrs_feed_nva {
	struct vrs_addr local;
	const struct vrs_routes *routes;
	struct vrs_stream *raw; /* Instead of announce[]; NULL = none. */
	bool raw_as4;
	size_t n[2];                              /* Routes of each family. */
	struct vrs_feed_encoding encodings[2][2]; /* [as4][ibgp] */
};

struct vrs_feed_tables {
	struct vrs_source source;
	struct vrs_feed_nva *nvas;
	size_t n_nvas;
};

/** Make or read the tables, one NVA each, encoded for the usual session. What went wrong is
 *  told on stderr. @return 0 or a negative errno. */
VRS_NODISCARD int vrs_feed_tables_make(struct vrs_feed_tables *t, const struct vrs_feed_options *o);
void vrs_feed_tables_fini(struct vrs_feed_tables *t);

/** @return The encoding for a session, made now if it is the first; NULL on an error told. */
const struct vrs_feed_encoding *vrs_feed_encoding(
	struct vrs_feed_nva *nva, const struct vrs_feed_options *o, bool as4, bool ibgp);

struct vrs_feed_report {
	bool json;
	struct vrs_progress *progress; /* Cleared before a line. */
	uint64_t started_ms;
};

/** Lines for people, or NDJSON, on stdout: one event each, flushed. */
void vrs_feed_report_established(
	const struct vrs_feed_report *r, const struct vrs_speaker *s, uint64_t now_ms);
void vrs_feed_report_sent(const struct vrs_feed_report *r, const struct vrs_speaker *s,
	const size_t n[2], size_t n_messages, size_t size, uint64_t took_ms);
void vrs_feed_report_withdrawn(const struct vrs_feed_report *r, const struct vrs_speaker *s,
	size_t n_prefixes, uint64_t took_ms);
void vrs_feed_report_received(const struct vrs_feed_report *r, const struct vrs_speaker *s);
void vrs_feed_report_closed(const struct vrs_feed_report *r, const struct vrs_speaker *s,
	const struct vrs_speaker_end *end, bool again);

/** The command. @return The exit status. */
int vrs_feed_main(int argc, char **argv);
