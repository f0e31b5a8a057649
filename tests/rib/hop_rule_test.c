/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

/* Rules against a twin that looks at every prefix. */

#include "rib/hop_rule.h"

#include <string.h>

#include "rib/base/mem.h"
#include "tests/random.h"
#include "tests/test.h"

enum { PREFIXES = 12, ROUNDS = 3000 };

struct twin {
	struct vrs_prefix in[PREFIXES];
	struct vrs_addr except[VRS_HOP_RULE_EXCEPT];
	size_t n, n_except;
};

static bool twin_allows(const struct twin *t, const struct vrs_addr *a)
{
	bool in = false;

	for (size_t i = 0; i < t->n_except; i++)
		if (vrs_addr_equal(&t->except[i], a))
			return false;
	for (size_t i = 0; i < t->n; i++)
		in |= vrs_prefix_covers_addr(&t->in[i], a);
	return in;
}

/* Of few addresses, so that prefixes are equal, nested and side by side. */
static struct vrs_addr small_addr(struct rng *rng)
{
	struct vrs_addr a = {.afi = (uint8_t)(1 + rng_below(rng, 2))};

	a.bytes[0] = (uint8_t)(rng_below(rng, 2) << 7 | rng_below(rng, 4));
	a.bytes[1] = (uint8_t)(rng_below(rng, 4) << 6);
	return a;
}

static void fill(struct rng *rng, struct twin *t)
{
	t->n = rng_below(rng, PREFIXES + 1);
	t->n_except = rng_below(rng, VRS_HOP_RULE_EXCEPT + 1);
	for (size_t i = 0; i < t->n; i++) {
		struct vrs_addr a = small_addr(rng);

		t->in[i] = vrs_prefix_of(&a, rng_below(rng, 12));
	}
	for (size_t i = 0; i < t->n_except; i++)
		t->except[i] = small_addr(rng);
}

static struct vrs_hop_rule *rule_of(const struct twin *t)
{
	struct vrs_hop_rule *r = vrs_hop_rule_new(t->in, t->n, t->except, t->n_except);

	assert_non_null(r);
	return r;
}

static void a_rule_allows_what_its_prefixes_cover(void **state)
{
	struct rng rng = {rng_seed("hop rule")};

	for (unsigned round = 0; round < ROUNDS; round++) {
		struct twin t, u;
		fill(&rng, &t);
		fill(&rng, &u);
		struct vrs_hop_rule *r = rule_of(&t), *q = rule_of(&u);
		bool wider = vrs_hop_rule_wider(r, q);

		assert_true(vrs_hop_rule_wider(r, NULL));
		assert_true(vrs_hop_rule_equal(r, r));
		assert_false(vrs_hop_rule_wider(r, r));
		for (unsigned i = 0; i < 64; i++) {
			struct vrs_addr a = small_addr(&rng);

			assert_int_equal(vrs_hop_rule_allows(r, &a), twin_allows(&t, &a));
			if (twin_allows(&t, &a) && !twin_allows(&u, &a))
				assert_true(wider);
		}
		vrs_hop_rule_put(r);
		vrs_hop_rule_put(q);
	}
	assert_int_equal(vrs_mem_used(VRS_MEM_OTHER), 0);
}

static void wider_is_exact_for_whole_prefixes(void **state)
{
	struct vrs_prefix net, part, other;
	const struct vrs_addr ip = {{10, 0, 0, 4}, VRS_AFI_IP4}, none = {.afi = VRS_AFI_NONE};

	assert_int_equal(vrs_prefix_parse(&net, "10.0.0.0/16"), 0);
	assert_int_equal(vrs_prefix_parse(&part, "10.0.7.0/24"), 0);
	assert_int_equal(vrs_prefix_parse(&other, "fd00::/48"), 0);
	struct vrs_hop_rule *a = vrs_hop_rule_new(&net, 1, NULL, 0),
			    *b = vrs_hop_rule_new(&net, 1, &ip, 1),
			    *c = vrs_hop_rule_new(
				    (struct vrs_prefix[]){other, part, net}, 3, NULL, 0),
			    *d = vrs_hop_rule_new(&part, 1, NULL, 0);
	assert_true(a != NULL && b != NULL && c != NULL && d != NULL);
	assert_true(vrs_hop_rule_wider(a, b) && !vrs_hop_rule_wider(b, a));
	assert_true(vrs_hop_rule_wider(c, a) && !vrs_hop_rule_wider(a, c));
	assert_true(vrs_hop_rule_wider(a, d) && !vrs_hop_rule_wider(d, a));
	assert_false(vrs_hop_rule_wider(d, b));
	assert_false(vrs_hop_rule_equal(a, b));
	assert_false(vrs_hop_rule_allows(a, &none));
	vrs_hop_rule_put(a);
	vrs_hop_rule_put(b);
	vrs_hop_rule_put(c);
	vrs_hop_rule_put(d);
	vrs_hop_rule_put(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_rule_allows_what_its_prefixes_cover),
		cmocka_unit_test(wider_is_exact_for_whole_prefixes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
