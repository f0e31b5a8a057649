/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#include "io/dpdk/badwire.h"

#include <stdlib.h>
#include <string.h>

#include "rib/base/bytes.h"
#include "tests/io/mem_wire.h"
#include "tests/random.h"
#include "tests/test.h"

enum { FRAME = 100, BURST = 64 };

/* A bad wire on side 0, what comes out of it on side 1, and time. */
struct lab {
	uint64_t now_us;
	struct vrs_badwire_line *line;
	struct vrs_wire *bad, *inner, *out;
	struct vrs_chunk *payload;
	uint32_t n_sent, n_out, last_id;
	uint64_t digest; /* Of everything that came out and when. */
	bool reordered;
	unsigned bits_flipped;
};

static uint64_t lab_now(void *ctx)
{
	return ((struct lab *)ctx)->now_us;
}

static void lab_init_on(
	struct lab *l, const struct vrs_badwire_config *c, struct vrs_badwire_line *line)
{
	struct mem_wire_pair *pair = mem_wire_pair_new();

	*l = (struct lab){.now_us = 1000000,
		.line = line,
		.inner = mem_wire(pair, 0),
		.out = mem_wire(pair, 1)};
	l->bad = vrs_badwire_new(l->inner, c, l->line, lab_now, l);
	assert_non_null(l->bad);
	l->payload = vrs_chunk_new(FRAME);
	assert_non_null(l->payload);
	l->payload->size = FRAME;
	for (unsigned i = 0; i < FRAME; i++)
		l->payload->data[i] = (uint8_t)i;
}

static void lab_init(struct lab *l, const struct vrs_badwire_config *c)
{
	lab_init_on(l, c, NULL);
}

static void lab_fini(struct lab *l)
{
	/* Whatever the wire did, shared bytes are as they were, and nobody else refers to them. */
	for (unsigned i = 0; i < FRAME; i++)
		assert_int_equal(l->payload->data[i], i);
	l->bad->ops->free(l->bad);
	l->out->ops->free(l->out);
	assert_int_equal(atomic_load(&l->payload->refs), 1);
	vrs_chunk_put(l->payload);
}

/* FRAME bytes: 14 of Ethernet, 6 of which hold the number, 6 more of head, the rest in two pieces. */
static bool send(struct lab *l)
{
	struct vrs_wire_tx tx = {.head_size = 20, .n_pieces = 2, .size = FRAME - 20};

	vrs_put_u32(tx.head, l->n_sent);
	tx.pieces[0] = (struct vrs_wire_piece){l->payload, 20, 31};
	tx.pieces[1] = (struct vrs_wire_piece){l->payload, 51, FRAME - 51};
	if (!l->bad->ops->tx(l->bad, &tx))
		return false;
	l->n_sent++;
	return true;
}

static void look_at(struct lab *l, const struct vrs_frame *f)
{
	struct vrs_reader r = vrs_reader_init(f->data, f->size);
	uint32_t id = vrs_read_u32(&r);
	unsigned flipped = 0;

	assert_int_equal(f->size, FRAME);
	for (unsigned i = 4; i < FRAME; i++)
		flipped += (unsigned)__builtin_popcount(f->data[i] ^ (i < 20 ? 0u : i));
	for (unsigned i = 4; i < 14; i++)
		assert_int_equal(f->data[i], 0);
	assert_true(flipped <= 1);
	l->bits_flipped += flipped;
	l->reordered |= l->n_out > 0 && id < l->last_id;
	l->last_id = id;
	l->n_out++;
	l->digest = (l->digest ^ id ^ l->now_us << 20 ^ (uint64_t)flipped << 60) * 0x100000001b3ull;
}

static unsigned collect(struct lab *l)
{
	struct vrs_frame f[BURST];
	unsigned n, all = 0;

	l->bad->ops->flush(l->bad);
	while ((n = l->out->ops->rx(l->out, f, BURST)) > 0) {
		for (unsigned i = 0; i < n; i++) {
			look_at(l, &f[i]);
			l->out->ops->put(l->out, &f[i]);
		}
		all += n;
	}
	return all;
}

/* Everything out, however long it takes. */
static void drain(struct lab *l)
{
	for (uint64_t next; (next = l->bad->ops->next_us(l->bad)) != UINT64_MAX;) {
		l->now_us = VRS_MAX(l->now_us, next);
		collect(l);
	}
	collect(l);
}

static struct vrs_badwire_stat stat_of(const struct lab *l)
{
	struct vrs_badwire_stat s;

	vrs_badwire_stat(l->bad, &s);
	return s;
}

static void run(struct lab *l, unsigned n, uint64_t step_us)
{
	for (unsigned i = 0; i < n; i++) {
		assert_true(send(l));
		l->now_us += step_us;
		collect(l);
	}
	drain(l);
}

static void a_wire_that_is_asked_for_nothing_passes_everything_at_once(void **)
{
	struct vrs_badwire_config c = {.seed = 1};
	struct lab l;

	assert_false(vrs_badwire_wanted(&c));
	lab_init(&l, &c);
	for (unsigned i = 0; i < 100; i++) {
		assert_true(send(&l));
		assert_int_equal(l.bad->ops->next_us(l.bad), UINT64_MAX);
		assert_int_equal(collect(&l), 1);
	}
	assert_false(l.reordered);
	assert_int_equal(l.bad->stat.tx_frames, 100);
	assert_int_equal(l.bad->stat.tx_bytes, 100 * FRAME);
	lab_fini(&l);
}

static void each_chance_alone_is_wanted(void **)
{
	assert_true(vrs_badwire_wanted(&(struct vrs_badwire_config){.loss_ppm = 1}));
	assert_true(vrs_badwire_wanted(&(struct vrs_badwire_config){.reorder_ppm = 1}));
	assert_true(vrs_badwire_wanted(&(struct vrs_badwire_config){.duplicate_ppm = 1}));
	assert_true(vrs_badwire_wanted(&(struct vrs_badwire_config){.corrupt_ppm = 1}));
	assert_true(vrs_badwire_wanted(&(struct vrs_badwire_config){.delay_us = 1}));
	assert_true(vrs_badwire_wanted(&(struct vrs_badwire_config){.rate = 1ull << 32}));
}

static uint64_t digest_of(uint64_t seed)
{
	struct vrs_badwire_config c = {.loss_ppm = 50000,
		.reorder_ppm = 100000,
		.reorder_us = 300,
		.duplicate_ppm = 50000,
		.corrupt_ppm = 50000,
		.delay_us = 100,
		.rate = 10000000,
		.seed = seed};
	struct lab l;
	uint64_t digest;

	lab_init(&l, &c);
	run(&l, 2000, 15);
	assert_true(l.reordered);
	digest = l.digest;
	lab_fini(&l);
	return digest;
}

static void one_seed_gives_one_outcome(void **)
{
	assert_true(digest_of(7) == digest_of(7));
	assert_true(digest_of(7) != digest_of(8));
}

static void as_many_are_lost_doubled_and_spoilt_as_was_asked_for(void **)
{
	enum { N = 20000 };
	struct vrs_badwire_config c = {
		.loss_ppm = 100000, .duplicate_ppm = 50000, .corrupt_ppm = 20000, .seed = 3};
	struct lab l;

	lab_init(&l, &c);
	run(&l, N, 10);
	struct vrs_badwire_stat s = stat_of(&l);
	/* Five standard deviations of a binomial: 212, 154, 103. */
	assert_in_range(s.lost, N / 10 - 212, N / 10 + 212);
	assert_in_range(s.duplicated, N * 9 / 200 - 154, N * 9 / 200 + 154);
	assert_in_range(s.corrupted, 378 - 103, 378 + 103);
	assert_int_equal(l.bits_flipped, s.corrupted);
	assert_int_equal(l.n_out, s.sent - s.lost + s.duplicated);
	lab_fini(&l);
}

static void a_delay_is_exact(void **)
{
	struct vrs_badwire_config c = {.delay_us = 20000};
	struct lab l;

	lab_init(&l, &c);
	uint64_t start = l.now_us;
	for (unsigned i = 0; i < 10; i++, l.now_us += 100)
		assert_true(send(&l));
	for (unsigned i = 0; i < 10; i++) {
		uint64_t due = start + 100 * i + 20000;

		assert_int_equal(l.bad->ops->next_us(l.bad), due);
		l.now_us = due - 1;
		assert_int_equal(collect(&l), 0);
		l.now_us = due;
		assert_int_equal(collect(&l), 1);
	}
	assert_false(l.reordered);
	lab_fini(&l);
}

static void frames_of_one_time_stay_in_order(void **)
{
	struct vrs_badwire_config c = {.delay_us = 1000};
	struct lab l;

	lab_init(&l, &c);
	for (unsigned i = 0; i < 500; i++)
		assert_true(send(&l));
	drain(&l);
	assert_int_equal(l.n_out, 500);
	assert_false(l.reordered);
	lab_fini(&l);
}

static void a_receive_call_lets_out_what_is_due(void **)
{
	struct vrs_badwire_config c = {.delay_us = 1000};
	struct vrs_frame f;
	struct lab l;

	lab_init(&l, &c);
	assert_true(send(&l));
	l.now_us += 1000;
	assert_int_equal(l.bad->ops->rx(l.bad, &f, 1), 0);
	assert_int_equal(l.out->ops->rx(l.out, &f, 1), 1);
	l.out->ops->put(l.out, &f);
	lab_fini(&l);
}

static void a_rate_spreads_a_burst(void **)
{
	enum { N = 1000 };
	struct vrs_badwire_config c = {.rate = 1000000, .queue_bytes = N * FRAME};
	struct lab l;

	lab_init(&l, &c);
	uint64_t start = l.now_us;
	for (unsigned i = 0; i < N; i++)
		assert_true(send(&l));
	/* A frame of 100 bytes takes 100 us, the first one too. */
	for (unsigned i = 1; i <= N; i++) {
		l.now_us = start + 100 * i - 1;
		assert_int_equal(collect(&l), 0);
		l.now_us++;
		assert_int_equal(collect(&l), 1);
	}
	assert_int_equal(stat_of(&l).overflowed, 0);
	lab_fini(&l);
}

/* As a port's wires do, one for each I/O thread. */
static void wires_on_one_line_share_its_rate_and_its_queue(void **)
{
	enum { N = 10 };
	struct vrs_badwire_config c = {.rate = 1000000, .queue_bytes = 2 * N * FRAME};
	struct vrs_badwire_line line = {0};
	struct lab l[2];

	for (unsigned k = 0; k < 2; k++)
		lab_init_on(&l[k], &c, &line);
	for (unsigned i = 0; i < 2 * N; i++)
		assert_true(send(&l[i % 2]));
	assert_true(send(&l[0]));
	assert_int_equal(stat_of(&l[0]).overflowed, 1);
	for (unsigned i = 1; i <= 2 * N; i++) {
		l[0].now_us += 100;
		l[1].now_us += 100;
		assert_int_equal(collect(&l[0]), i % 2);
		assert_int_equal(collect(&l[1]), 1 - i % 2);
	}
	for (unsigned k = 0; k < 2; k++)
		lab_fini(&l[k]);
}

static void what_the_queue_before_the_rate_cannot_hold_is_lost(void **)
{
	struct vrs_badwire_config c = {.rate = 1000000, .queue_bytes = 10 * FRAME};
	struct lab l;

	lab_init(&l, &c);
	for (unsigned i = 0; i < 50; i++)
		assert_true(send(&l));
	assert_int_equal(stat_of(&l).overflowed, 40);
	l.now_us += 100;
	assert_true(send(&l));
	assert_int_equal(stat_of(&l).overflowed, 40);
	assert_true(send(&l));
	assert_int_equal(stat_of(&l).overflowed, 41);
	drain(&l);
	assert_int_equal(l.n_out, 11);
	lab_fini(&l);
}

static void a_full_inner_wire_loses_nothing(void **)
{
	struct vrs_badwire_config c = {.delay_us = 10};
	struct lab l;

	lab_init(&l, &c);
	mem_wire_room(l.inner, 3);
	for (unsigned i = 0; i < 10; i++)
		assert_true(send(&l));
	l.now_us += 10;
	assert_false(send(&l));
	assert_true(l.bad->stat.tx_full > 0);
	while (l.n_out < 10)
		assert_true(collect(&l) > 0);
	assert_int_equal(stat_of(&l).sent, 10);
	assert_true(send(&l));
	drain(&l);
	assert_int_equal(l.n_out, 11);
	assert_false(l.reordered);
	lab_fini(&l);
}

static void a_frame_that_finds_the_inner_wire_full_at_once_waits(void **)
{
	struct vrs_badwire_config c = {.loss_ppm = 1, .seed = 5};
	struct lab l;

	lab_init(&l, &c);
	mem_wire_room(l.inner, 1);
	assert_true(send(&l));
	assert_true(send(&l));
	assert_false(send(&l));
	assert_int_equal(collect(&l), 1);
	assert_int_equal(collect(&l), 1);
	lab_fini(&l);
}

static void received_frames_pass_through(void **)
{
	struct vrs_badwire_config c = {.loss_ppm = 1000000, .corrupt_ppm = 1000000};
	struct vrs_wire_tx tx = {.head_size = 14};
	struct vrs_frame f;
	struct lab l;

	lab_init(&l, &c);
	assert_true(l.out->ops->tx(l.out, &tx));
	l.out->ops->flush(l.out);
	assert_int_equal(l.bad->ops->rx(l.bad, &f, 1), 1);
	assert_int_equal(f.size, 14);
	assert_int_equal(mem_wire_held(l.inner), 1);
	l.bad->ops->put(l.bad, &f);
	assert_null(f.buffer);
	assert_int_equal(mem_wire_held(l.inner), 0);
	assert_int_equal(l.bad->stat.rx_frames, 1);
	lab_fini(&l);
}

static void checksums_are_never_left_to_the_port(void **)
{
	struct mem_wire_pair *pair = mem_wire_pair_new();
	struct vrs_wire *inner = mem_wire(pair, 0), *out = mem_wire(pair, 1);

	inner->caps = VRS_WIRE_TX_CSUM;
	struct vrs_wire *bad = vrs_badwire_new(
		inner, &(struct vrs_badwire_config){.loss_ppm = 1}, NULL, lab_now, NULL);
	assert_non_null(bad);
	assert_int_equal(bad->caps, 0);
	assert_int_equal(bad->mtu, inner->mtu);
	assert_memory_equal(bad->mac, inner->mac, 6);
	bad->ops->free(bad);
	out->ops->free(out);
}

static void nothing_is_lost_without_being_counted(void **)
{
	struct rng r = {rng_seed("badwire")};

	for (unsigned round = 0; round < 100; round++) {
		struct vrs_badwire_config c = {.loss_ppm = rng_below(&r, 200000),
			.reorder_ppm = rng_below(&r, 300000),
			.reorder_us = rng_below(&r, 1000),
			.duplicate_ppm = rng_below(&r, 300000),
			.corrupt_ppm = rng_below(&r, 300000),
			.delay_us = rng_below(&r, 3) * 100,
			.rate = rng_below(&r, 2) * 3000000ull,
			.queue_bytes = 20 * FRAME,
			.seed = rng_u64(&r)};
		struct lab l;

		lab_init(&l, &c);
		mem_wire_room(l.inner, 1 + rng_below(&r, 20));
		for (unsigned i = 0; i < 500; i++) {
			(void)send(&l);
			l.now_us += rng_below(&r, 100);
			if (rng_below(&r, 4) == 0)
				collect(&l);
		}
		drain(&l);
		struct vrs_badwire_stat s = stat_of(&l);
		assert_int_equal(s.sent, l.n_sent);
		assert_int_equal(l.n_out, s.sent - s.lost - s.overflowed + s.duplicated);
		lab_fini(&l);
	}
}

static void what_waits_is_freed_with_the_wire(void **)
{
	struct vrs_badwire_config c = {.delay_us = 1000000};
	int64_t used = vrs_mem_used(VRS_MEM_QUEUE), chunks = vrs_mem_used(VRS_MEM_EXPORT);
	struct lab l;

	lab_init(&l, &c);
	for (unsigned i = 0; i < 200; i++)
		assert_true(send(&l));
	lab_fini(&l);
	assert_int_equal(vrs_mem_used(VRS_MEM_QUEUE), used);
	assert_int_equal(vrs_mem_used(VRS_MEM_EXPORT), chunks);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_wire_that_is_asked_for_nothing_passes_everything_at_once),
		cmocka_unit_test(each_chance_alone_is_wanted),
		cmocka_unit_test(one_seed_gives_one_outcome),
		cmocka_unit_test(as_many_are_lost_doubled_and_spoilt_as_was_asked_for),
		cmocka_unit_test(a_delay_is_exact),
		cmocka_unit_test(frames_of_one_time_stay_in_order),
		cmocka_unit_test(a_receive_call_lets_out_what_is_due),
		cmocka_unit_test(a_rate_spreads_a_burst),
		cmocka_unit_test(wires_on_one_line_share_its_rate_and_its_queue),
		cmocka_unit_test(what_the_queue_before_the_rate_cannot_hold_is_lost),
		cmocka_unit_test(a_full_inner_wire_loses_nothing),
		cmocka_unit_test(a_frame_that_finds_the_inner_wire_full_at_once_waits),
		cmocka_unit_test(received_frames_pass_through),
		cmocka_unit_test(checksums_are_never_left_to_the_port),
		cmocka_unit_test(nothing_is_lost_without_being_counted),
		cmocka_unit_test(what_waits_is_freed_with_the_wire),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
