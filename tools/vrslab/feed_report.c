/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>

#include "tools/vrslab/feed.h"

static double seconds(uint64_t ms)
{
	return (double)ms / 1000.0;
}

/* The fields that every event has. monotonicMs, where there is one, is CLOCK_MONOTONIC: it
 * compares across processes of one machine. */
static json_t *event(const char *name, const struct vrs_speaker *s)
{
	char local[VRS_ADDR_STRLEN], peer[VRS_ADDR_STRLEN];

	return json_pack("{s:s, s:s, s:s, s:i}", "event", name, "local",
		vrs_addr_str(&s->local, local), "peer", vrs_addr_str(&s->peer, peer), "port",
		s->port);
}

/* Takes @p extra. */
static void print_json(json_t *e, json_t *extra)
{
	(void)json_object_update(e, extra);
	(void)json_dumpf(e, stdout, JSON_COMPACT | JSON_REAL_PRECISION(6));
	(void)fputc('\n', stdout);
	(void)fflush(stdout);
	json_decref(extra);
	json_decref(e);
}

static void print_head(const struct vrs_feed_report *r, const struct vrs_speaker *s)
{
	char local[VRS_ADDR_STRLEN], peer[VRS_ADDR_STRLEN];

	vrs_progress_clear(r->progress);
	(void)printf("%s > %s ", vrs_addr_str(&s->local, local), vrs_addr_str(&s->peer, peer));
}

void vrs_feed_report_established(
	const struct vrs_feed_report *r, const struct vrs_speaker *s, uint64_t now_ms)
{
	double took = seconds(now_ms - r->started_ms);

	if (r->json) {
		print_json(event("established", s),
			json_pack("{s:I, s:I, s:i, s:b, s:b, s:f}", "monotonicMs",
				(json_int_t)now_ms, "asn", (json_int_t)s->theirs.asn, "holdSeconds",
				s->hold_s, "ipv4", (s->families & VRS_BGP_IP4) != 0, "ipv6",
				(s->families & VRS_BGP_IP6) != 0, "seconds", took));
		return;
	}
	print_head(r, s);
	(void)printf("established with AS %" PRIu32 " after %.3f s (hold time %u s)\n",
		s->theirs.asn, took, s->hold_s);
	(void)fflush(stdout);
}

void vrs_feed_report_sent(const struct vrs_feed_report *r, const struct vrs_speaker *s,
	const size_t n[2], size_t n_messages, size_t size, uint64_t took_ms)
{
	if (r->json) {
		print_json(event("sent", s),
			json_pack("{s:I, s:I, s:I, s:I, s:I, s:f}", "prefixes",
				(json_int_t)n[0] + (json_int_t)n[1], "ipv4", (json_int_t)n[0],
				"ipv6", (json_int_t)n[1], "messages", (json_int_t)n_messages,
				"bytes", (json_int_t)size, "seconds", seconds(took_ms)));
		return;
	}
	print_head(r, s);
	(void)printf("sent %zu prefixes (%zu IPv4, %zu IPv6) in %zu messages, %.1f MB, in %.3f s\n",
		n[0] + n[1], n[0], n[1], n_messages, (double)size / 1e6, seconds(took_ms));
	(void)fflush(stdout);
}

void vrs_feed_report_withdrawn(const struct vrs_feed_report *r, const struct vrs_speaker *s,
	size_t n_prefixes, uint64_t took_ms)
{
	if (r->json) {
		print_json(event("withdrawn", s),
			json_pack("{s:I, s:f}", "prefixes", (json_int_t)n_prefixes, "seconds",
				seconds(took_ms)));
		return;
	}
	print_head(r, s);
	(void)printf("withdrew %zu prefixes in %.3f s\n", n_prefixes, seconds(took_ms));
	(void)fflush(stdout);
}

void vrs_feed_report_received(const struct vrs_feed_report *r, const struct vrs_speaker *s)
{
	uint64_t ms = s->last_rx_ms > s->established_ms ? s->last_rx_ms - s->established_ms : 0;

	if (r->json) {
		print_json(event("received", s),
			json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:f}", "monotonicMs",
				(json_int_t)s->last_rx_ms, "prefixes", (json_int_t)s->held.n,
				"announced", (json_int_t)s->n_rx_announced, "withdrawn",
				(json_int_t)s->n_rx_withdrawn, "updates",
				(json_int_t)s->n_rx_updates, "errors", (json_int_t)s->n_rx_errors,
				"seconds", seconds(ms)));
		return;
	}
	print_head(r, s);
	(void)printf("holds %zu prefixes of the peer (%" PRIu64 " announced, %" PRIu64
		     " withdrawn; the last after %.3f s)\n",
		s->held.n, s->n_rx_announced, s->n_rx_withdrawn, seconds(ms));
	(void)fflush(stdout);
}

void vrs_feed_report_closed(const struct vrs_feed_report *r, const struct vrs_speaker *s,
	const struct vrs_speaker_end *end, bool again)
{
	if (r->json) {
		print_json(event("closed", s),
			json_pack("{s:s, s:i, s:i, s:s, s:b}", "reason", end->text, "code",
				end->code, "subcode", end->subcode, "direction",
				end->code == 0          ? "none"
					: end->received ? "received"
							: "sent",
				"wasEstablished", end->established));
		return;
	}
	print_head(r, s);
	(void)printf("%s%s\n", end->text, again ? "; trying again" : "");
	(void)fflush(stdout);
}
