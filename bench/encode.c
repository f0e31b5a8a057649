/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

/*
 * Claim: one core makes so many prefixes a second into UPDATEs for a peer: attributes rendered
 * and prefixes packed (announce), or prefixes alone packed into full messages (withdraw); and
 * what rendering an attribute set costs (attrs).
 *
 * Unit: ns a prefix (attrs: ns a set). About five prefixes share a set; sets come in random
 * order, so that they and their prefixes are read from memory. Messages hold 4096 bytes at most
 * and go into a 1 MiB buffer, round and round.
 * export.c measures this with all that Adj-RIB-Out does around it.
 */

#include <stdlib.h>

#include "bench/suite.h"
#include "io/bgp/encode.h"
#include "io/bgp/open.h"

enum { BUFFER = 1 << 20, MESSAGE = VRS_BGP_MAX_SIZE };

static uint8_t buffer[BUFFER];

static const struct vrs_bgp_export context = {.as4 = true, .prepend_as = 65515};

struct lab {
	const struct vrs_bench_data *data;
	const struct vrs_bench_decoded *decoded;
	uint32_t *first; /* By UPDATE: its first prefix among the routes. */
};

/* The UPDATEs hold the routes in their order. */
static struct lab lab_of(struct vrs_bench_state *s, const struct vrs_bench *b)
{
	size_t n = (size_t)vrs_bench_range(s);
	struct lab l = {vrs_bench_data(b->afi, n), vrs_bench_decoded(b->afi, n), NULL};
	uint32_t at = 0;

	l.first = vrs_bench_need(calloc(l.decoded->n, sizeof(*l.first)));
	for (size_t i = 0; i < l.decoded->n; i++) {
		l.first[i] = at;
		at += l.decoded->updates[i].n;
	}
	vrs_bench_must(at == n, "other routes than UPDATEs");
	return l;
}

static int render(const struct lab *l, uint32_t update, uint8_t *buf, size_t cap,
	struct vrs_bgp_attr_block *block)
{
	struct vrs_span set = l->decoded->sets[update].bytes;

	return vrs_bgp_encode_attrs(&context, set.data, set.size, l->data->afi, buf, cap, block);
}

/* One UPDATE's set and prefixes. @return Bytes; 0 when something did not fit. */
static size_t encode(const struct lab *l, uint32_t update, uint8_t *out)
{
	uint8_t attrs[MESSAGE];
	struct vrs_bgp_attr_block block;
	struct vrs_bgp_pack p;

	if (render(l, update, attrs, sizeof(attrs), &block) != 0 ||
		!vrs_bgp_pack_begin(&p, out, MESSAGE, &block))
		return 0;
	for (uint32_t i = 0; i < l->decoded->updates[update].n; i++) {
		if (!vrs_bgp_pack_add(&p, &l->data->routes.list[l->first[update] + i].prefix))
			return 0;
	}
	return vrs_bgp_pack_end(&p);
}

/* Every UPDATE once more, read back. @return How many do not say what they should. */
static size_t n_wrong(const struct lab *l)
{
	struct vrs_bgp_decode_ctx ctx = {
		.as4 = true, .families = VRS_BGP_IP4 | VRS_BGP_IP6, .peer_as = 65515};
	static struct vrs_bgp_update u;
	size_t wrong = 0;

	for (uint32_t i = 0; i < l->decoded->n; i++) {
		size_t size = encode(l, i, buffer);

		if (size == 0) {
			wrong++;
			continue;
		}
		vrs_bgp_update_decode(
			&ctx, buffer + VRS_BGP_HEADER_SIZE, size - VRS_BGP_HEADER_SIZE, &u);
		const struct vrs_bgp_nlri *got = u.announced.n > 0 ? &u.announced : &u.mp_reach;
		struct vrs_span want = l->decoded->updates[i].nlri;
		wrong += u.verdict.action != VRS_BGP_ACCEPT || got->span.size != want.size ||
			memcmp(got->span.data, want.data, want.size) != 0;
	}
	return wrong;
}

static void announce(struct vrs_bench_state *s, const struct vrs_bench *b)
{
	struct lab l = lab_of(s, b);
	uint64_t bytes = 0, messages = 0;
	bool ok = true;

	while (vrs_bench_keep(s, l.data->n)) {
		size_t at = 0;

		for (size_t i = 0; i < l.decoded->n; i++) {
			size_t n = encode(&l, l.decoded->order.at[i], buffer + at);

			ok &= n > 0;
			bytes += n;
			at = at + n <= BUFFER - 2 * MESSAGE ? at + n : 0;
		}
		messages += l.decoded->n;
		vrs_bench_use(buffer[at]);
	}
	if (!ok || n_wrong(&l) > 0)
		vrs_bench_fail(s, "an UPDATE does not say what it should");
	vrs_bench_rate(s, vrs_bench_items(s), bytes);
	vrs_bench_counter_rate(s, "messages/s", (double)messages);
	free(l.first);
}

static void withdraw(struct vrs_bench_state *s, const struct vrs_bench *b)
{
	struct lab l = lab_of(s, b);
	uint64_t bytes = 0, prefixes = 0, passes = 0;

	while (vrs_bench_keep(s, l.data->n)) {
		struct vrs_bgp_pack p;
		size_t at = 0;

		vrs_bgp_pack_begin_withdraw(&p, buffer, MESSAGE, b->afi);
		for (size_t i = 0; i < l.data->n; i++) {
			const struct vrs_prefix *prefix = &l.data->shuffled[i];

			if (vrs_bgp_pack_add(&p, prefix))
				continue;
			prefixes += p.n;
			size_t n = vrs_bgp_pack_end(&p);
			bytes += n;
			at = at + n <= BUFFER - 2 * MESSAGE ? at + n : 0;
			vrs_bgp_pack_begin_withdraw(&p, buffer + at, MESSAGE, b->afi);
			(void)vrs_bgp_pack_add(&p, prefix);
		}
		prefixes += p.n;
		bytes += vrs_bgp_pack_end(&p);
		passes++;
		vrs_bench_use(buffer[at]);
	}
	if (prefixes != passes * l.data->n)
		vrs_bench_fail(s, "prefixes are missing");
	vrs_bench_rate(s, vrs_bench_items(s), bytes);
	free(l.first);
}

static void attrs(struct vrs_bench_state *s, const struct vrs_bench *b)
{
	struct lab l = lab_of(s, b);
	uint64_t bytes = 0;
	bool ok = true;

	while (vrs_bench_keep(s, l.decoded->n)) {
		for (size_t i = 0; i < l.decoded->n; i++) {
			struct vrs_bgp_attr_block block = {0};

			ok &= render(&l, l.decoded->order.at[i], buffer, MESSAGE, &block) == 0;
			bytes += block.attrs.size;
			vrs_bench_use(buffer[0]);
		}
	}
	if (!ok || n_wrong(&l) > 0)
		vrs_bench_fail(s, "attributes were not rendered");
	vrs_bench_rate(s, vrs_bench_items(s), bytes);
	free(l.first);
}

const struct vrs_bench vrs_bench_encode[] = {
	{"encode/announce/ip4", announce, VRS_AFI_IP4, 0, {10000, 1000000}, true},
	{"encode/announce/ip6", announce, VRS_AFI_IP6, 0, {10000, 200000}, true},
	{"encode/withdraw/ip4", withdraw, VRS_AFI_IP4, 0, {10000, 1000000}, true},
	{"encode/withdraw/ip6", withdraw, VRS_AFI_IP6, 0, {10000, 200000}, true},
	{"encode/attrs/ip4", attrs, VRS_AFI_IP4, 0, {10000, 1000000}, true},
	{"encode/attrs/ip6", attrs, VRS_AFI_IP6, 0, {10000, 200000}, true},
	{0},
};
