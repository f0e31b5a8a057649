/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

/*
 * Claim: one core takes so many prefixes a second out of a full table's UPDATEs, from memory:
 * framing, verdict and checked NLRI (update); and the canonical attributes with their facts
 * (canonical); and every prefix read (prefixes), which is all the codec does for an UPDATE.
 *
 * Unit: ns a prefix. UPDATEs are those of a synthetic table: 4 to 6 prefixes each, so a message
 * costs about five times as much. A million prefixes are some 25 MB of messages, read in order,
 * as they come from a socket.
 */

#include "bench/suite.h"
#include "io/bgp/open.h"
#include "io/bgp/update.h"

enum { UPDATE, CANONICAL, PREFIXES };

struct seen {
	uint64_t prefixes, messages, attr_bytes, lens;
	bool wrong;
};

static void read_prefixes(const struct vrs_bgp_nlri *nlri, struct seen *seen)
{
	struct vrs_reader r = vrs_reader_span(nlri->span);
	struct vrs_prefix p;

	for (uint32_t i = 0; i < nlri->n; i++) {
		int n = vrs_prefix_read(&p, nlri->afi, r.at, vrs_reader_left(&r));

		if (n < 0) {
			seen->wrong = true;
			return;
		}
		(void)vrs_read_bytes(&r, (size_t)n);
		seen->lens += p.len;
	}
}

static void decode(
	const struct vrs_bgp_decode_ctx *ctx, struct vrs_span body, int variant, struct seen *seen)
{
	static struct vrs_bgp_update u;
	static uint8_t canonical[VRS_BGP_CANONICAL_MAX];
	struct vrs_attrs_info info;
	size_t size;

	vrs_bgp_update_decode(ctx, body.data, body.size, &u);
	const struct vrs_bgp_nlri *nlri = u.announced.n > 0 ? &u.announced : &u.mp_reach;
	seen->wrong |= u.verdict.action != VRS_BGP_ACCEPT;
	seen->prefixes += nlri->n;
	seen->messages++;
	if (nlri->n == 0 || variant == UPDATE)
		return;
	seen->wrong |=
		vrs_bgp_update_canonical(&u, nlri == &u.announced ? VRS_BGP_CLASSIC : VRS_BGP_MP,
			canonical, sizeof(canonical), &size, &info) != 0;
	seen->attr_bytes += size + info.path_len;
	if (variant == PREFIXES)
		read_prefixes(nlri, seen);
}

static void run(struct vrs_bench_state *s, const struct vrs_bench *b)
{
	const struct vrs_bench_data *d = vrs_bench_data(b->afi, (size_t)vrs_bench_range(s));
	struct vrs_bgp_decode_ctx ctx = {
		.as4 = true, .families = VRS_BGP_IP4 | VRS_BGP_IP6, .peer_as = 65001};
	uint64_t passes = 0, lens = 0;
	struct seen seen = {0};

	for (size_t i = 0; i < d->n; i++)
		lens += d->routes.list[i].prefix.len;
	while (vrs_bench_keep(s, d->n)) {
		struct vrs_bgp_message m;
		struct vrs_bgp_verdict v;

		for (size_t at = 0; at < d->stream.size; at += m.raw.size) {
			if (vrs_bgp_message_frame(d->stream.bytes + at, d->stream.size - at,
				    VRS_BGP_MAX_SIZE, &m, &v) != VRS_BGP_FRAME_MESSAGE) {
				seen.wrong = true;
				break;
			}
			decode(&ctx, m.body, b->variant, &seen);
		}
		passes++;
	}
	if (seen.wrong || seen.prefixes != passes * d->n ||
		seen.messages != passes * d->stream.n_messages)
		vrs_bench_fail(s, "not every prefix was decoded");
	if (b->variant != UPDATE && seen.attr_bytes == 0)
		vrs_bench_fail(s, "no attributes");
	if (b->variant == PREFIXES && seen.lens != passes * lens)
		vrs_bench_fail(s, "other prefixes than those sent");
	vrs_bench_rate(s, vrs_bench_items(s), passes * d->stream.size);
	vrs_bench_counter_rate(s, "messages/s", (double)seen.messages);
}

const struct vrs_bench vrs_bench_decode[] = {
	{"decode/update/ip4", run, VRS_AFI_IP4, UPDATE, {10000, 1000000}, true},
	{"decode/update/ip6", run, VRS_AFI_IP6, UPDATE, {10000, 200000}, true},
	{"decode/canonical/ip4", run, VRS_AFI_IP4, CANONICAL, {10000, 1000000}, true},
	{"decode/canonical/ip6", run, VRS_AFI_IP6, CANONICAL, {10000, 200000}, true},
	{"decode/prefixes/ip4", run, VRS_AFI_IP4, PREFIXES, {10000, 1000000}, true},
	{"decode/prefixes/ip6", run, VRS_AFI_IP6, PREFIXES, {10000, 200000}, true},
	{0},
};
