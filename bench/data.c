/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#include <stdio.h>
#include <stdlib.h>

#include "bench/suite.h"
#include "io/bgp/open.h"
#include "io/bgp/update.h"
#include "tests/random.h"
#include "tools/vrslab/synth.h"

enum { SEED = 1, KEPT = 16 };

void vrs_bench_die(const char *what)
{
	(void)fprintf(stderr, "vrs-bench: %s\n", what);
	exit(2);
}

size_t vrs_bench_cap(size_t n)
{
	size_t cap = env_number("VRS_BENCH_MAX_PREFIXES", SIZE_MAX);

	return VRS_MIN(n, cap);
}

struct vrs_bench_order vrs_bench_order(size_t n, uint64_t seed)
{
	struct vrs_bench_order o = {vrs_bench_need(calloc(n + 1, sizeof(*o.at))), n};
	struct rng rng = {seed};

	for (size_t i = 0; i < n; i++) {
		size_t j = rng_below(&rng, (uint32_t)i + 1);

		o.at[i] = o.at[j];
		o.at[j] = (uint32_t)i;
	}
	return o;
}

/* Any host of a prefix. */
static struct vrs_addr host_of(struct rng *rng, const struct vrs_prefix *p)
{
	struct vrs_addr a = {.afi = p->afi};

	for (unsigned i = 0; i < vrs_afi_width(p->afi) / 8; i++) {
		unsigned kept = p->len > 8 * i ? VRS_MIN(p->len - 8u * i, 8u) : 0;

		a.bytes[i] = p->addr[i] | (uint8_t)(rng_below(rng, 256) & (0xffu >> kept));
	}
	return a;
}

static void make_data(struct vrs_bench_data *d)
{
	struct vrs_synth synth = {.seed = SEED};
	struct vrs_stream_policy policy = {.asn = 65001, .as4 = true};
	struct rng rng = {SEED + 1};

	*(d->afi == VRS_AFI_IP4 ? &synth.n_ip4 : &synth.n_ip6) = (uint32_t)d->n;
	vrs_bench_must(vrs_synth_make(&synth, &d->routes) == 0, "cannot make a table");
	vrs_bench_must(vrs_addr_parse(&policy.next_hop,
			       d->afi == VRS_AFI_IP4 ? "10.0.1.4" : "fd00::4") == 0,
		"no next hop");
	vrs_bench_must(vrs_stream_announce(&d->stream, &d->routes, d->afi, &policy) == 0 &&
			d->stream.n_prefixes == d->n,
		"cannot encode a table");
	d->order = vrs_bench_order(d->n, SEED + 2);
	d->shuffled = vrs_bench_need(calloc(d->n + 1, sizeof(*d->shuffled)));
	d->addrs = vrs_bench_need(calloc(d->n, sizeof(*d->addrs)));
	for (size_t i = 0; i < d->n; i++) {
		d->shuffled[i] = d->routes.list[d->order.at[i]].prefix;
		d->addrs[i] = host_of(&rng, &d->shuffled[i]);
	}
}

const struct vrs_bench_data *vrs_bench_data(enum vrs_afi afi, size_t n)
{
	static struct vrs_bench_data kept[KEPT];

	for (size_t i = 0; i < KEPT; i++) {
		if (kept[i].n == n && kept[i].afi == afi)
			return &kept[i];
		if (kept[i].n > 0)
			continue;
		kept[i].afi = afi;
		kept[i].n = n;
		make_data(&kept[i]);
		return &kept[i];
	}
	vrs_bench_die("too many tables");
}

static void decode_one(const struct vrs_bgp_decode_ctx *ctx, const struct vrs_bgp_message *m,
	struct vrs_bench_decoded *d)
{
	static struct vrs_bgp_update u;
	static uint8_t bytes[VRS_BGP_CANONICAL_MAX];
	size_t size;

	vrs_bgp_update_decode(ctx, m->body.data, m->body.size, &u);
	vrs_bench_must(u.verdict.action == VRS_BGP_ACCEPT, "cannot decode a table");
	if (u.eor != VRS_AFI_NONE)
		return;
	const struct vrs_bgp_nlri *nlri = u.announced.n > 0 ? &u.announced : &u.mp_reach;
	struct vrs_bench_set *set = &d->sets[d->n];
	set->info = vrs_bench_need(calloc(1, sizeof(*set->info)));
	vrs_bench_must(
		vrs_bgp_update_canonical(&u, nlri == &u.announced ? VRS_BGP_CLASSIC : VRS_BGP_MP,
			bytes, sizeof(bytes), &size, set->info) == 0,
		"no canonical bytes");
	set->bytes = (struct vrs_span){memcpy(vrs_bench_need(malloc(size)), bytes, size), size};
	d->updates[d->n] = (struct vrs_bench_update){nlri->span, nlri->n, (uint32_t)d->n};
	d->n++;
}

static void shuffle(struct vrs_bench_decoded *d)
{
	size_t size = 0, at = 0;

	for (size_t i = 0; i < d->n; i++)
		size += d->updates[i].nlri.size;
	d->nlri = vrs_bench_need(malloc(size + 1));
	d->order = vrs_bench_order(d->n, SEED + 3);
	d->shuffled = vrs_bench_need(calloc(d->n + 1, sizeof(*d->shuffled)));
	for (size_t i = 0; i < d->n; i++) {
		struct vrs_bench_update *u = &d->shuffled[i];

		*u = d->updates[d->order.at[i]];
		vrs_bench_must(u->nlri.data != NULL, "an UPDATE without prefixes");
		u->nlri.data = memcpy(d->nlri + at, u->nlri.data, u->nlri.size);
		at += u->nlri.size;
	}
}

static void make_decoded(struct vrs_bench_decoded *d, const struct vrs_stream *stream)
{
	struct vrs_bgp_decode_ctx ctx = {
		.as4 = true, .families = VRS_BGP_IP4 | VRS_BGP_IP6, .peer_as = 65001};
	struct vrs_bgp_message m;
	struct vrs_bgp_verdict v;

	d->updates = vrs_bench_need(calloc(stream->n_messages + 1, sizeof(*d->updates)));
	d->sets = vrs_bench_need(calloc(stream->n_messages + 1, sizeof(*d->sets)));
	for (size_t at = 0; at < stream->size; at += m.raw.size) {
		vrs_bench_must(vrs_bgp_message_frame(stream->bytes + at, stream->size - at,
				       VRS_BGP_MAX_SIZE, &m, &v) == VRS_BGP_FRAME_MESSAGE,
			"no message");
		decode_one(&ctx, &m, d);
	}
	shuffle(d);
}

const struct vrs_bench_decoded *vrs_bench_decoded(enum vrs_afi afi, size_t n)
{
	static struct {
		const struct vrs_bench_data *data;
		struct vrs_bench_decoded decoded;
	} kept[KEPT];
	const struct vrs_bench_data *data = vrs_bench_data(afi, n);

	for (size_t i = 0; i < KEPT; i++) {
		if (kept[i].data == data)
			return &kept[i].decoded;
		if (kept[i].data != NULL)
			continue;
		kept[i].data = data;
		make_decoded(&kept[i].decoded, &data->stream);
		return &kept[i].decoded;
	}
	vrs_bench_die("too many tables");
}
