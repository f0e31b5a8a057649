/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

/* The floor of the tree: reclaim, slab, pool, queue, bit set. */

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "rib/base/bitset.h"
#include "rib/base/bytes.h"
#include "rib/base/pool.h"
#include "rib/base/reclaim.h"
#include "rib/base/slab.h"
#include "rib/base/spsc.h"
#include "rib/base/thread.h"
#include "tests/random.h"
#include "tests/test.h"

static void a_reader_fails_once_and_for_all(void **state)
{
	struct vrs_reader r = vrs_reader_init("\x01\x02\x03", 3);

	assert_int_equal(vrs_read_u16(&r), 0x0102);
	assert_int_equal(vrs_read_u32(&r), 0);
	assert_false(vrs_reader_ok(&r));
	assert_int_equal(vrs_read_u8(&r), 0);
	assert_int_equal(vrs_reader_left(&r), 0);
}

static void a_writer_never_passes_its_end(void **state)
{
	uint8_t buf[3] = {0xaa, 0xaa, 0xaa};
	struct vrs_writer w = vrs_writer_init(buf, 2);

	vrs_write_u8(&w, 1);
	vrs_write_u16(&w, 2);
	assert_false(vrs_writer_ok(&w));
	assert_int_equal(buf[1], 0xaa);
	assert_int_equal(buf[2], 0xaa);
}

static void a_bit_set_equals_its_twin(void **state)
{
	enum { N = 300000 };
	struct rng rng = {rng_seed("bitset")};
	uint8_t *twin = calloc(N, 1);
	struct vrs_bitset b;
	size_t n = 0;

	vrs_bitset_init(&b, VRS_MEM_OTHER);
	for (unsigned i = 0; i < 400000; i++) {
		uint32_t at = rng_below(&rng, i % 2 ? N : 500);

		if (rng_below(&rng, 5) < 3) {
			assert_int_equal(vrs_bitset_add(&b, at), !twin[at]);
			n += !twin[at];
			twin[at] = 1;
		} else {
			assert_int_equal(vrs_bitset_remove(&b, at), twin[at]);
			n -= twin[at];
			twin[at] = 0;
		}
		assert_int_equal(b.n, n);
	}
	int64_t next = vrs_bitset_next(&b, 0);
	for (uint32_t i = 0; i < N; i++) {
		assert_int_equal(vrs_bitset_has(&b, i), twin[i]);
		if (!twin[i])
			continue;
		assert_int_equal(next, i);
		next = vrs_bitset_next(&b, i + 1);
	}
	assert_int_equal(next, -1);
	vrs_bitset_fini(&b);
	free(twin);
}

static void a_slab_gives_its_memory_back(void **state)
{
	struct rng rng = {rng_seed("slab")};
	struct vrs_slab s;
	void *objs[500] = {0};
	size_t sizes[500];
	int64_t before = vrs_mem_used(VRS_MEM_OTHER);

	vrs_slab_init(&s, VRS_MEM_OTHER, VRS_SLAB_UNIT);
	for (unsigned i = 0; i < 100000; i++) {
		unsigned k = rng_below(&rng, 500);

		if (objs[k] != NULL) {
			for (size_t j = 0; j < sizes[k]; j++)
				assert_int_equal(((uint8_t *)objs[k])[j], k & 0xff);
			vrs_slab_free(&s, objs[k]);
			objs[k] = NULL;
			continue;
		}
		sizes[k] = 1 + rng_below(&rng, VRS_SLAB_MAX);
		objs[k] = vrs_slab_alloc(&s, sizes[k]);
		assert_int_equal((uintptr_t)objs[k] % 64, 0);
		memset(objs[k], (int)(k & 0xff), sizes[k]);
	}
	for (unsigned k = 0; k < 500; k++)
		if (objs[k] != NULL)
			vrs_slab_free(&s, objs[k]);
	vrs_slab_fini(&s);
	assert_int_equal(vrs_mem_used(VRS_MEM_OTHER), before);
}

static void a_pool_names_objects_and_never_gives_out_zero(void **state)
{
	struct rng rng = {rng_seed("pool")};
	struct vrs_pool p;
	uint32_t ids[5000], n = 0;

	assert_int_equal(vrs_pool_init(&p, VRS_MEM_OTHER, 16, 1u << 20, NULL), 0);
	for (unsigned i = 0; i < 200000; i++) {
		if (n < 5000 && (n == 0 || rng_below(&rng, 2))) {
			uint32_t id = vrs_pool_alloc(&p);

			assert_int_not_equal(id, 0);
			memcpy(vrs_pool_at(&p, id), &id, sizeof(id));
			ids[n++] = id;
		} else {
			uint32_t k = rng_below(&rng, n), id;

			memcpy(&id, vrs_pool_at(&p, ids[k]), sizeof(id));
			assert_int_equal(id, ids[k]);
			vrs_pool_free(&p, ids[k]);
			ids[k] = ids[--n];
		}
		assert_int_equal(p.n_live, n);
	}
	assert_null(vrs_pool_peek(&p, UINT32_MAX));
	vrs_pool_fini(&p);
}

static void a_pool_that_is_full_says_so(void **state)
{
	struct vrs_pool p;
	uint32_t n = 0;

	assert_int_equal(vrs_pool_init(&p, VRS_MEM_OTHER, 8, 2000, NULL), 0);
	while (vrs_pool_alloc(&p) != 0)
		n++;
	assert_true(n >= 2000 && n < 4096);
	vrs_pool_fini(&p);
}

enum { ITEMS = 2000000 };

static void *pusher(void *arg)
{
	struct vrs_spsc *q = arg;

	for (uint32_t i = 0; i < ITEMS; i++)
		while (!vrs_spsc_push(q, i))
			;
	return NULL;
}

static void a_queue_keeps_order_between_threads(void **state)
{
	struct vrs_spsc q;
	pthread_t t;
	uint32_t items[300], next = 0;

	assert_int_equal(vrs_spsc_init(&q), 0);
	assert_int_equal(pthread_create(&t, NULL, pusher, &q), 0);
	while (next < ITEMS) {
		uint32_t n = vrs_spsc_pop(&q, items, 300);

		for (uint32_t i = 0; i < n; i++)
			assert_int_equal(items[i], next++);
	}
	pthread_join(t, NULL);
	assert_true(vrs_spsc_empty(&q));
	vrs_spsc_fini(&q);
}

/* --- Reclaim --- */

static struct vrs_reclaim *reclaim;
static int *shared;
static _Atomic int stop;

static void *reader(void *arg)
{
	uintptr_t bad = 0;

	vrs_thread_register_rcu();
	while (!atomic_load(&stop)) {
		vrs_rcu_enter();
		const volatile int *p = vrs_rcu_load(shared);
		/* Long enough for a writer to come by. */
		for (unsigned i = 0; i < 50; i++)
			bad += *p != 42;
		vrs_rcu_leave();
	}
	vrs_thread_unregister_rcu();
	return (void *)bad;
}

static void free_int(void *ctx, void *obj)
{
	int *p = obj;

	if (ctx == NULL)
		*p = 0;
	free(p);
}

static void replace(bool wait)
{
	int *fresh = malloc(sizeof(*fresh)), *old = shared;

	*fresh = 42;
	vrs_rcu_publish(shared, fresh);
	if (wait)
		vrs_reclaim_retire(reclaim, free_int, NULL, old, sizeof(*old));
	else
		free_int(old, old);
}

static void churn(enum vrs_reclaim_mode mode, bool wait)
{
	pthread_t t[2];
	struct vrs_reclaim_stat stat;
	void *bad;

	vrs_thread_register_rcu();
	atomic_store(&stop, 0);
	reclaim = vrs_reclaim_new(mode);
	shared = malloc(sizeof(*shared));
	*shared = 42;
	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&t[i], NULL, reader, NULL), 0);
	for (unsigned i = 0; i < 200000; i++) {
		replace(wait);
		if (i % 100 == 0)
			vrs_reclaim_turn(reclaim);
	}
	atomic_store(&stop, 1);
	for (int i = 0; i < 2; i++) {
		pthread_join(t[i], &bad);
		if (wait)
			assert_null(bad);
	}
	vrs_reclaim_drain(reclaim);
	vrs_reclaim_stat(reclaim, &stat);
	assert_int_equal(stat.limbo_objects, 0);
	assert_int_equal(stat.limbo_bytes, 0);
	vrs_reclaim_free(reclaim);
	free(shared);
	vrs_thread_unregister_rcu();
}

static void nobody_sees_what_was_retired(void **state)
{
	churn(VRS_RECLAIM_WORKER, true);
	churn(VRS_RECLAIM_CALLER, true);
}

/* With --no-grace-period the same test frees at once: a sanitizer must report it
 * (tools/check runs it so and expects the report). */
int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_reader_fails_once_and_for_all),
		cmocka_unit_test(a_writer_never_passes_its_end),
		cmocka_unit_test(a_bit_set_equals_its_twin),
		cmocka_unit_test(a_slab_gives_its_memory_back),
		cmocka_unit_test(a_pool_names_objects_and_never_gives_out_zero),
		cmocka_unit_test(a_pool_that_is_full_says_so),
		cmocka_unit_test(a_queue_keeps_order_between_threads),
		cmocka_unit_test(nobody_sees_what_was_retired),
	};

	if (argc > 1 && strcmp(argv[1], "--no-grace-period") == 0) {
		churn(VRS_RECLAIM_WORKER, false);
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
