/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#include "tools/vrslab/verify.h"

#include <errno.h>
#include <string.h>

#include "tests/random.h"
#include "tests/test.h"

enum { N_PREFIXES = 3000, N_STEPS = 20000, MAX_AT_ONCE = 100 };

/* Prefix i of the test's universe: IPv4 and IPv6 by turns, of several lengths. */
static struct vrs_prefix prefix(uint32_t i)
{
	struct vrs_prefix p = {.afi = i % 2 ? VRS_AFI_IP6 : VRS_AFI_IP4};

	p.addr[0] = i % 2 ? 0x20 : 11;
	p.addr[1] = (uint8_t)(i >> 8);
	p.addr[2] = (uint8_t)i;
	p.len = (uint8_t)(24 + i % 3 * (i % 2 ? 20 : 4));
	return p;
}

static void a_prefix_has_one_number(void **state)
{
	struct vrs_universe u;
	struct vrs_prefix p;

	assert_int_equal(vrs_universe_init(&u, N_PREFIXES), 0);
	for (uint32_t i = 0; i < N_PREFIXES; i++) {
		p = prefix(i);
		assert_int_equal(vrs_universe_find(&u, &p), -1);
		assert_int_equal(vrs_universe_add(&u, &p), i);
		assert_int_equal(vrs_universe_add(&u, &p), i);
	}
	for (uint32_t i = 0; i < N_PREFIXES; i++) {
		p = prefix(i);
		assert_int_equal(vrs_universe_find(&u, &p), i);
		p.len--;
		assert_int_equal(vrs_universe_find(&u, &p), -1);
	}
	vrs_universe_fini(&u);
}

static void a_full_universe_says_so(void **state)
{
	struct vrs_universe u;
	struct vrs_prefix p;

	assert_int_equal(vrs_universe_init(&u, VRS_UNIVERSE_MAX + 1), -EINVAL);
	assert_int_equal(vrs_universe_init(&u, 33), 0);
	for (uint32_t i = 0; i < 33; i++) {
		p = prefix(i);
		assert_int_equal(vrs_universe_add(&u, &p), i);
	}
	p = prefix(33);
	assert_int_equal(vrs_universe_add(&u, &p), -ENOSPC);
	p = prefix(32);
	assert_int_equal(vrs_universe_add(&u, &p), 32);
	vrs_universe_fini(&u);
}

struct seen {
	size_t n;
	uint32_t *have; /* The twin's. */
};

static void see(void *ctx, uint32_t number, uint32_t old_word, uint32_t word)
{
	struct seen *s = ctx;

	assert_int_equal(old_word, s->have[number]);
	s->have[number] = word;
	s->n++;
}

/* The twin counts anew after every step. */
static void check(const struct vrs_ledger *l, const uint32_t *want, const uint32_t *have)
{
	uint32_t n_right = 0, n_held = 0;

	for (uint32_t i = 0; i < N_PREFIXES; i++) {
		n_right += want[i] == have[i] || want[i] == VRS_LEDGER_ANY;
		n_held += have[i] != 0;
	}
	assert_int_equal(l->n_right, n_right);
	assert_int_equal(l->n_held, n_held);
	assert_int_equal(vrs_ledger_right(l), n_right == N_PREFIXES && l->n_strange == 0);
}

static void tell_some(struct rng *r, struct vrs_ledger *l, struct seen *s)
{
	uint8_t bytes[MAX_AT_ONCE * 17];
	struct vrs_writer w = vrs_writer_init(bytes, sizeof(bytes));
	uint32_t first = rng_below(r, N_PREFIXES), n = 1 + rng_below(r, MAX_AT_ONCE);
	uint32_t word = rng_below(r, 4);
	size_t in_it = 0;

	for (uint32_t i = 0; i < n; i++, in_it++) {
		struct vrs_prefix p = prefix((first + 2 * i) % N_PREFIXES);

		vrs_prefix_write(&w, &p);
	}
	s->n = 0;
	struct vrs_span nlri = {bytes, vrs_writer_size(&w)};
	assert_int_equal(vrs_ledger_told(l, prefix(first).afi, nlri, word, see, s), in_it);
	assert_int_equal(s->n, in_it);
}

static void a_ledger_is_what_its_twin_is(void **state)
{
	static uint32_t want[N_PREFIXES], have[N_PREFIXES];
	struct rng r = {rng_seed("verify")};
	struct seen s = {.have = have};
	struct vrs_universe u;
	struct vrs_ledger l;

	assert_int_equal(vrs_universe_init(&u, N_PREFIXES), 0);
	for (uint32_t i = 0; i < N_PREFIXES; i++) {
		struct vrs_prefix p = prefix(i);

		assert_int_equal(vrs_universe_add(&u, &p), i);
	}
	assert_int_equal(vrs_ledger_init(&l, &u), 0);
	check(&l, want, have);
	for (unsigned i = 0; i < N_STEPS; i++) {
		if (rng_below(&r, 4) == 0) {
			uint32_t number = rng_below(&r, N_PREFIXES);

			want[number] = rng_below(&r, 5);
			if (want[number] == 4)
				want[number] = VRS_LEDGER_ANY;
			vrs_ledger_want(&l, number, want[number]);
		} else {
			tell_some(&r, &l, &s);
		}
		if (rng_below(&r, 2000) == 0) {
			vrs_ledger_clear(&l);
			memset(have, 0, sizeof(have));
		}
		if (i % 16 == 0)
			check(&l, want, have);
	}
	/* As wanted in the end. */
	for (uint32_t i = 0; i < N_PREFIXES; i++)
		vrs_ledger_want(&l, i, have[i]);
	assert_true(vrs_ledger_right(&l));
	vrs_ledger_fini(&l);
	vrs_universe_fini(&u);
}

static void what_nobody_wants_is_strange(void **state)
{
	static const uint8_t nlri[] = {8, 99};
	struct vrs_span span = {nlri, sizeof(nlri)};
	struct vrs_prefix p = prefix(0);
	struct vrs_universe u;
	struct vrs_ledger l;

	assert_int_equal(vrs_universe_init(&u, 1), 0);
	assert_int_equal(vrs_universe_add(&u, &p), 0);
	assert_int_equal(vrs_ledger_init(&l, &u), 0);
	assert_true(vrs_ledger_right(&l));
	assert_int_equal(vrs_ledger_told(&l, VRS_AFI_IP4, span, 0, NULL, NULL), 1);
	assert_true(vrs_ledger_right(&l));
	assert_int_equal(vrs_ledger_told(&l, VRS_AFI_IP4, span, 1, NULL, NULL), 1);
	assert_false(vrs_ledger_right(&l));
	assert_int_equal(l.n_strange, 1);
	vrs_ledger_fini(&l);
	vrs_universe_fini(&u);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_prefix_has_one_number),
		cmocka_unit_test(a_full_universe_says_so),
		cmocka_unit_test(a_ledger_is_what_its_twin_is),
		cmocka_unit_test(what_nobody_wants_is_strange),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
