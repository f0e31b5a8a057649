/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 *
 * Two of our endpoints over a wire that loses up to a fifth, reorders, doubles, spoils, delays up to 200 ms and
 * throttles: both streams arrive exactly, for many seeds; then one side closes and the other hears of it.
 * VRS_TCP_SEEDS says how many (1000).
 */

#include "tests/io/stack_lab.h"
#include "tests/test.h"

/** Over all seeds: what has to have happened for this to be a test. */
static struct vrs_stack_stat seen;

static void note(const struct stack_lab *l)
{
	for (unsigned i = 0; i < 2; i++) {
		struct vrs_stack_stat s;
		const uint64_t *from = (const uint64_t *)&s.tcp;
		uint64_t *to = (uint64_t *)&seen.tcp;

		vrs_stack_stat(l->side[i].t, &s);
		for (unsigned k = 0; k < sizeof(s.tcp) / sizeof(*to); k++)
			to[k] += from[k];
		seen.bad[VRS_BAD_L4_CSUM] += s.bad[VRS_BAD_L4_CSUM];
		seen.unresolved += s.unresolved;
	}
}

static uint32_t chance(struct rng *rng, uint32_t max_ppm)
{
	return rng_below(rng, 3) == 0 ? 0 : rng_below(rng, max_ppm + 1);
}

static void spoil(struct rng *rng, struct vrs_badwire_config *c)
{
	*c = (struct vrs_badwire_config){
		.loss_ppm = chance(rng, rng_below(rng, 2) == 0 ? 200000 : 20000),
		.reorder_ppm = chance(rng, 100000),
		.reorder_us = 1 + rng_below(rng, 50000),
		.duplicate_ppm = chance(rng, 50000),
		.corrupt_ppm = chance(rng, 50000),
		.delay_us = rng_below(rng, 3) == 0 ? rng_below(rng, 200000) : rng_below(rng, 5000),
		.rate = rng_below(rng, 4) == 0 ? 20000 + rng_below(rng, 2000000) : 0,
		.queue_bytes = rng_below(rng, 2) == 0 ? 20000 + rng_below(rng, 200000) : 0,
		.seed = rng_u64(rng),
	};
}

static struct stack_lab_options any_options(struct rng *rng)
{
	static const uint16_t mtus[] = {576, 1280, 1500, 1500, 9000};
	struct stack_lab_options o = {
		.ip6 = rng_below(rng, 2) == 0,
		.gateway = rng_below(rng, 4) == 0,
		.vlan = rng_below(rng, 4) == 0 ? 7 : 0,
		.ttl_security = rng_below(rng, 4) == 0 ? 1 : 0,
		.mtu = mtus[rng_below(rng, 5)],
		.receive_buffer = rng_below(rng, 3) == 0 ? 5000 + rng_below(rng, 60000) : 0,
		.seed = rng_u64(rng),
	};

	if (o.ip6 && o.mtu < 1280)
		o.mtu = 1280;
	for (unsigned i = 0; i < 2; i++) {
		spoil(rng, &o.bad[i]);
		o.size[i] = rng_below(rng, rng_below(rng, 4) == 0 ? 400000 : 60000);
		o.slow[i] = rng_below(rng, 3) == 0;
	}
	if (rng_below(rng, 3) == 0)
		o.password[0] = o.password[1] = "a secret of theirs";
	return o;
}

static void run(uint64_t seed)
{
	enum { OPEN_MS = 180000, STREAM_MS = 3000000, CLOSE_MS = 2000 };
	struct rng rng = {seed};
	struct stack_lab_options o = any_options(&rng);
	struct stack_lab l;
	unsigned first = rng_below(&rng, 2), ms = 0;

	stack_lab_init(&l, &o);
	stack_lab_connect(&l, first);
	for (; l.side[0].conn == NULL || l.side[1].conn == NULL || l.side[first].n_up == 0; ms++) {
		assert_true(ms < OPEN_MS);
		stack_lab_run(&l, 1);
	}
	assert_true(stack_lab_finish(&l, STREAM_MS));
	assert_int_equal(l.side[0].n_down + l.side[1].n_down, 0);
	l.side[first].t->ops->close(l.side[first].conn, true);
	l.side[first].conn = NULL;
	/* Our own side gives up after its second of lingering, with a RST that may be lost. */
	stack_lab_run(&l, CLOSE_MS);
	if (o.bad[first].loss_ppm + o.bad[first].corrupt_ppm == 0) {
		assert_int_equal(l.side[1 - first].n_down, 1);
		assert_null(l.side[1 - first].conn);
	}
	note(&l);
	stack_lab_fini(&l);
}

static void both_streams_arrive_exactly(void **state)
{
	struct rng rng = {rng_seed("tcp_model")};
	uint64_t n = env_number("VRS_TCP_SEEDS", 1000);
	const char *only = getenv("VRS_TCP_SEED");

	if (only != NULL) {
		run(strtoull(only, NULL, 0));
		return;
	}
	for (uint64_t i = 0; i < n; i++) {
		uint64_t seed = rng_u64(&rng);

		/* The last one printed is the one that failed. */
		fprintf(stderr, "VRS_TCP_SEED=%llu\n", (unsigned long long)seed);
		run(seed);
	}
	if (n < 1000)
		return;
	assert_true(seen.tcp.retransmits > 0 && seen.tcp.rtos > 0 && seen.tcp.tlps > 0);
	assert_true(seen.tcp.recoveries > 0 && seen.tcp.undos > 0 && seen.tcp.dsacks > 0);
	assert_true(seen.tcp.zero_windows > 0 && seen.tcp.rx_out_of_order > 0);
	assert_true(seen.tcp.rx_duplicate > 0 && seen.tcp.rx_stitched > 0);
	assert_true(seen.bad[VRS_BAD_L4_CSUM] > 0 && seen.unresolved > 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_streams_arrive_exactly),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
