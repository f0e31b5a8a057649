/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

/*
 * What a stream says, decoded as a peer would, is the table it was made of.
 */

#include "tools/vrslab/stream.h"

#include <stdio.h>
#include <stdlib.h>

#include "io/bgp/open.h"
#include "io/bgp/update.h"
#include "rib/aspath.h"
#include "tests/test.h"
#include "tools/vrslab/prefix_set.h"
#include "tools/vrslab/synth.h"

struct heard {
	struct vrs_routes routes;
	size_t n_eor, n_withdrawn;
};

static void hear_nlri(struct heard *h, const struct vrs_bgp_nlri *nlri, uint32_t set)
{
	struct vrs_reader r = vrs_reader_span(nlri->span);
	struct vrs_prefix p;

	while (nlri->n > 0 && vrs_reader_left(&r) > 0) {
		int n = vrs_prefix_read(&p, nlri->afi, r.at, vrs_reader_left(&r));
		assert_true(n > 0);
		(void)vrs_read_bytes(&r, (size_t)n);
		assert_int_equal(vrs_routes_put(&h->routes, &p, set), 0);
		h->n_withdrawn += set == VRS_ROUTES_NO_SET;
	}
}

static void hear(struct heard *h, const struct vrs_stream *s, bool as4, bool ibgp)
{
	struct vrs_bgp_decode_ctx ctx = {
		.as4 = as4, .ibgp = ibgp, .families = VRS_BGP_IP4 | VRS_BGP_IP6, .peer_as = 65001};
	static struct vrs_bgp_update u;
	static uint8_t canonical[VRS_BGP_CANONICAL_MAX];
	struct vrs_attrs_info info;
	size_t at = 0, size;
	uint32_t set;

	while (at < s->size) {
		struct vrs_bgp_message m;
		struct vrs_bgp_verdict v;
		assert_int_equal(vrs_bgp_message_frame(
					 s->bytes + at, s->size - at, VRS_BGP_MAX_SIZE, &m, &v),
			VRS_BGP_FRAME_MESSAGE);
		assert_int_equal(vrs_stream_run(s, at, 0), at + m.raw.size);
		at += m.raw.size;
		vrs_bgp_update_decode(&ctx, m.body.data, m.body.size, &u);
		assert_int_equal(u.verdict.action, VRS_BGP_ACCEPT);
		h->n_eor += u.eor != VRS_AFI_NONE;
		hear_nlri(h, &u.withdrawn, VRS_ROUTES_NO_SET);
		hear_nlri(h, &u.mp_unreach, VRS_ROUTES_NO_SET);
		for (int which = 0; which < 2; which++) {
			const struct vrs_bgp_nlri *nlri = which == 0 ? &u.announced : &u.mp_reach;
			if (nlri->n == 0)
				continue;
			assert_int_equal(vrs_bgp_update_canonical(&u,
						 which == 0 ? VRS_BGP_CLASSIC : VRS_BGP_MP,
						 canonical, sizeof(canonical), &size, &info),
				0);
			assert_int_equal(vrs_routes_intern(&h->routes, canonical, size, &set), 0);
			hear_nlri(h, nlri, set);
		}
	}
}

static struct vrs_span value_of(const struct vrs_routes *r, uint32_t set, uint8_t code)
{
	struct vrs_span s = vrs_routes_set(r, set), value = {0};

	(void)vrs_bgp_attr_find(s.data, s.size, code, &value);
	return value;
}

static void assert_same_value(const struct vrs_routes *a, uint32_t x, const struct vrs_routes *b,
	uint32_t y, uint8_t code)
{
	struct vrs_span v = value_of(a, x, code), w = value_of(b, y, code);

	assert_int_equal(v.size, w.size);
	assert_true(v.size == 0 || memcmp(v.data, w.data, v.size) == 0);
}

static int route_cmp(const void *a, const void *b)
{
	return vrs_prefix_cmp(
		&((const struct vrs_route *)a)->prefix, &((const struct vrs_route *)b)->prefix);
}

static void assert_same_tables(struct vrs_routes *said, struct vrs_routes *heard, const char *ours)
{
	char a[512], b[512], want[600];

	assert_int_equal(said->n, heard->n_live);
	qsort(said->list, said->n, sizeof(*said->list), route_cmp);
	qsort(heard->list, heard->n, sizeof(*heard->list), route_cmp);
	for (size_t i = 0; i < said->n; i++) {
		uint32_t x = said->list[i].set, y = heard->list[i].set;
		assert_true(vrs_prefix_equal(&said->list[i].prefix, &heard->list[i].prefix));
		(void)vrs_aspath_str(value_of(said, x, VRS_BGP_AS_PATH), " ", a, sizeof(a));
		(void)vrs_aspath_str(value_of(heard, y, VRS_BGP_AS_PATH), " ", b, sizeof(b));
		(void)snprintf(want, sizeof(want), "%s%s", ours, a);
		assert_string_equal(want, b);
		assert_same_value(said, x, heard, y, VRS_BGP_ORIGIN);
		assert_same_value(said, x, heard, y, VRS_BGP_MED);
		assert_same_value(said, x, heard, y, VRS_BGP_COMMUNITIES);
		assert_same_value(said, x, heard, y, VRS_BGP_LARGE_COMMUNITIES);
		assert_same_value(said, x, heard, y, VRS_BGP_AGGREGATOR);
		assert_int_equal(value_of(heard, y, VRS_BGP_ORIGINATOR_ID).size, 0);
	}
}

static void both_families(
	struct vrs_stream *s, const struct vrs_routes *r, struct vrs_stream_policy policy)
{
	assert_int_equal(vrs_addr_parse(&policy.next_hop, "10.0.1.4"), 0);
	assert_int_equal(vrs_stream_announce(s, r, VRS_AFI_IP4, &policy), 0);
	assert_int_equal(vrs_addr_parse(&policy.next_hop, "fd00::4"), 0);
	assert_int_equal(vrs_stream_announce(s, r, VRS_AFI_IP6, &policy), 0);
}

static void what_is_sent_is_what_was_made(void **)
{
	static const struct {
		struct vrs_stream_policy policy;
		const char *ours;
	} cases[] = {
		{{.asn = 65001, .as4 = true}, "65001 "},
		{{.asn = 65001, .as4 = true, .prepend = 3}, "65001 65001 65001 65001 "},
		{{.asn = 65001, .as4 = false}, "65001 "},
		{{.asn = 4200000001, .as4 = false, .prepend = 1}, "4200000001 4200000001 "},
		{{.asn = 65515, .as4 = true, .ibgp = true}, ""},
	};
	struct vrs_synth options = {20000, 5000, 11};

	for (size_t i = 0; i < VRS_N_ELEMS(cases); i++) {
		struct vrs_routes r = {0};
		struct vrs_stream s = {0};
		struct heard h = {0};
		assert_int_equal(vrs_synth_make(&options, &r), 0);
		both_families(&s, &r, cases[i].policy);
		assert_int_equal(s.n_prefixes, 25000);
		assert_int_equal(s.n_refused, 0);
		hear(&h, &s, cases[i].policy.as4, cases[i].policy.ibgp);
		assert_int_equal(h.n_eor, 2);
		assert_int_equal(h.routes.n_live, 25000);
		for (uint32_t j = 0; j < h.routes.n_sets; j++)
			assert_true((value_of(&h.routes, j, VRS_BGP_LOCAL_PREF).size == 4) ==
				cases[i].policy.ibgp);
		assert_same_tables(&r, &h.routes, cases[i].ours);

		struct heard again = {0};
		hear(&again, &s, cases[i].policy.as4, cases[i].policy.ibgp);
		vrs_stream_fini(&s);
		assert_int_equal(vrs_stream_withdraw(&s, &r, VRS_AFI_IP4), 0);
		assert_int_equal(vrs_stream_withdraw(&s, &r, VRS_AFI_IP6), 0);
		assert_int_equal(s.n_prefixes, 25000);
		hear(&again, &s, cases[i].policy.as4, cases[i].policy.ibgp);
		assert_int_equal(again.routes.n_live, 0);
		assert_int_equal(again.n_withdrawn, 25000);
		vrs_stream_fini(&s);
		vrs_routes_fini(&r);
		vrs_routes_fini(&h.routes);
		vrs_routes_fini(&again.routes);
	}
}

static void internal_attributes_stay_here(void **)
{
	static const uint8_t set[] = {0x40, 1, 1, 0, 0x40, 2, 6, 2, 1, 0, 0, 0, 9, 0x40, 3, 4, 192,
		0, 2, 1, 0x40, 5, 4, 0, 0, 0, 200, 0x80, 9, 4, 1, 1, 1, 1, 0x80, 10, 4, 2, 2, 2, 2};
	struct vrs_routes r = {0};
	struct vrs_stream s = {0};
	struct vrs_prefix p;
	struct heard h = {0};
	uint32_t id;
	struct vrs_stream_policy policy = {.asn = 65001, .as4 = true};

	assert_int_equal(vrs_prefix_parse(&p, "192.0.2.0/24"), 0);
	assert_int_equal(vrs_routes_intern(&r, set, sizeof(set), &id), 0);
	assert_int_equal(vrs_routes_put(&r, &p, id), 0);
	assert_int_equal(vrs_addr_parse(&policy.next_hop, "10.0.1.4"), 0);
	assert_int_equal(vrs_stream_announce(&s, &r, VRS_AFI_IP4, &policy), 0);
	/* The decoder would drop them too: look at the bytes. */
	assert_int_equal(s.size, 19 + 4 + (4 + 13 + 7) + 4 + 23);
	hear(&h, &s, true, false);
	struct vrs_span nh = value_of(&h.routes, 0, VRS_BGP_NEXT_HOP);
	assert_memory_equal(nh.data, ((uint8_t[]){10, 0, 1, 4}), 4);
	vrs_stream_fini(&s);
	vrs_routes_fini(&r);
	vrs_routes_fini(&h.routes);
}

static void a_table_keeps_the_last_word(void **)
{
	struct vrs_routes r = {0};
	struct vrs_prefix p, q;
	uint32_t a, b, c;

	assert_int_equal(vrs_prefix_parse(&p, "192.0.2.0/24"), 0);
	assert_int_equal(vrs_prefix_parse(&q, "2001:db8::/32"), 0);
	assert_int_equal(vrs_routes_intern(&r, (const uint8_t *)"a", 1, &a), 0);
	assert_int_equal(vrs_routes_intern(&r, (const uint8_t *)"bb", 2, &b), 0);
	assert_int_equal(vrs_routes_intern(&r, (const uint8_t *)"a", 1, &c), 0);
	assert_int_equal(a, c);
	assert_int_equal(vrs_routes_put(&r, &p, a), 0);
	assert_int_equal(vrs_routes_put(&r, &q, a), 0);
	assert_int_equal(vrs_routes_put(&r, &p, b), 0);
	assert_int_equal(r.n_live, 2);
	assert_int_equal(r.list[0].set, b);
	assert_int_equal(vrs_routes_put(&r, &p, VRS_ROUTES_NO_SET), 0);
	assert_int_equal(vrs_routes_put(&r, &p, VRS_ROUTES_NO_SET), 0);
	assert_int_equal(r.n_live, 1);
	assert_int_equal(vrs_routes_put(&r, &p, a), 0);
	assert_int_equal(r.n_live, 2);
	vrs_routes_clear(&r);
	assert_int_equal(r.n_live, 0);
	vrs_routes_fini(&r);
}

static void a_prefix_set_counts_as_a_naive_one_does(void **)
{
	struct vrs_prefix_set set = {0};
	static bool held[4096];
	size_t n = 0;
	uint64_t x = 88172645463325252ull;

	for (int i = 0; i < 200000; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		uint32_t k = (uint32_t)(x >> 20) % VRS_N_ELEMS(held);
		struct vrs_addr a = vrs_addr_ip4(k << 8);
		struct vrs_prefix p = vrs_prefix_of(&a, 24);
		if ((x & 1) != 0) {
			assert_int_equal(vrs_prefix_set_insert(&set, &p), !held[k]);
			n += !held[k];
			held[k] = true;
		} else {
			assert_int_equal(vrs_prefix_set_remove(&set, &p), held[k]);
			n -= held[k];
			held[k] = false;
		}
		assert_int_equal(set.n, n);
	}
	vrs_prefix_set_fini(&set);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_sent_is_what_was_made),
		cmocka_unit_test(internal_attributes_stay_here),
		cmocka_unit_test(a_table_keeps_the_last_word),
		cmocka_unit_test(a_prefix_set_counts_as_a_naive_one_does),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
