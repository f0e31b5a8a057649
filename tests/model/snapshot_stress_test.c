/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

/*
 * Readers beside a writer. Every version writes its own number into sentinel prefixes all over
 * the tree; a reader that sees two numbers has seen a torn or mixed version. Some readers hold
 * pins across many commits and look again and again. Run under ASan and TSan too.
 */

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "rib/base/thread.h"
#include "rib/snapshot.h"
#include "tests/random.h"
#include "tests/test.h"

enum { SENTINELS = 24, READERS = 2, NOISE = 2000 };

static const char *const sentinel_texts[SENTINELS] = {"0.0.0.0/0", "128.0.0.0/1", "10.0.0.0/8",
	"10.128.0.0/15", "10.1.0.0/16", "10.1.128.0/17", "10.1.2.0/24", "10.1.2.128/25",
	"10.1.2.3/32", "192.0.2.0/24", "203.0.113.7/32", "100.64.0.0/10", "::/0", "2000::/3",
	"2001:db8::/32", "2001:db8:1::/48", "2001:db8:1:2::/64", "2001:db8:1:2::3/128",
	"2001:db8:1:2:8000::/65", "fd00::/8", "fd00:1:2:3:4:5:6:7/128", "2001::/16",
	"2001:db8::1/128", "4000::/2"};

static struct vrs_prefix sentinels[SENTINELS];
static struct vrs_snapshot *snapshot;
static struct vrs_reclaim *reclaim;
static _Atomic bool stop;
static _Atomic uint64_t reads, pinned_reads, bad;

/* All sentinels of a version carry its number. */
VRS_RCU_READER static void look(const struct vrs_version *v)
{
	for (unsigned i = 0; i < SENTINELS; i++) {
		const struct vrs_radix_root *root = &v->root[sentinels[i].afi == VRS_AFI_IP6];
		struct vrs_addr a = vrs_prefix_addr(&sentinels[i]);
		uint32_t value = 0, matched = 0;
		uint8_t len;

		if (v->number == 1)
			return;
		if (!vrs_radix_find(root, &sentinels[i], &value) || value != (uint32_t)v->number)
			atomic_fetch_add(&bad, 1);
		if (!vrs_radix_match(root, &a, &matched, &len) || len < sentinels[i].len)
			atomic_fetch_add(&bad, 1);
	}
	atomic_fetch_add(&reads, 1);
}

static void *short_reader(void *arg)
{
	vrs_thread_register_rcu();
	while (!atomic_load(&stop)) {
		vrs_rcu_enter();
		look(vrs_snapshot_current(snapshot));
		vrs_rcu_leave();
	}
	vrs_thread_unregister_rcu();
	return NULL;
}

static void *pinning_reader(void *arg)
{
	vrs_thread_register_rcu();
	while (!atomic_load(&stop)) {
		vrs_rcu_enter();
		struct vrs_version *v = vrs_snapshot_pin(snapshot);
		vrs_rcu_leave();
		/* The same version in many sections, while thousands of commits pass. */
		for (unsigned i = 0; i < 200 && !atomic_load(&stop); i++) {
			vrs_rcu_enter();
			if (vrs_version_check(v) == 0) {
				look(v);
				atomic_fetch_add(&pinned_reads, 1);
			}
			vrs_rcu_leave();
		}
		vrs_version_unpin(v);
	}
	vrs_thread_unregister_rcu();
	return NULL;
}

static void commit(struct rng *rng)
{
	uint32_t number = (uint32_t)vrs_snapshot_open(snapshot), old;

	for (unsigned i = 0; i < SENTINELS; i++)
		assert_int_equal(vrs_snapshot_set(snapshot, &sentinels[i], number, &old), 0);
	for (unsigned i = 0; i < 4; i++) {
		struct vrs_prefix p = rng_prefix(rng, 1 + rng_below(rng, 2));
		bool ours = false;

		for (unsigned j = 0; j < SENTINELS; j++)
			ours |= vrs_prefix_equal(&p, &sentinels[j]);
		if (ours)
			continue;
		if (rng_below(rng, 2))
			assert_int_equal(vrs_snapshot_set(snapshot, &p, number, &old), 0);
		else
			assert_int_equal(vrs_snapshot_remove(snapshot, &p, &old), 0);
	}
	assert_int_equal(vrs_snapshot_commit(snapshot), 0);
}

static void setup_snapshot(enum vrs_reclaim_mode mode)
{
	vrs_thread_register_rcu();
	for (unsigned i = 0; i < SENTINELS; i++)
		assert_int_equal(vrs_prefix_parse(&sentinels[i], sentinel_texts[i]), 0);
	reclaim = vrs_reclaim_new(mode);
	snapshot = vrs_snapshot_new(reclaim);
	atomic_store(&stop, false);
	atomic_store(&bad, 0);
}

static void teardown_snapshot(void)
{
	vrs_snapshot_free(snapshot);
	vrs_reclaim_free(reclaim);
	vrs_thread_unregister_rcu();
	assert_int_equal(vrs_mem_used(VRS_MEM_SNAPSHOT), 0);
}

static void readers_never_see_a_mixed_version(void **state)
{
	uint64_t n = env_number("VRS_MODEL_COMMITS", 100000);
	struct rng rng = {rng_seed("snapshot stress")};
	pthread_t threads[2 * READERS];

	setup_snapshot(VRS_RECLAIM_WORKER);
	for (unsigned i = 0; i < 2 * READERS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL,
					 i < READERS ? short_reader : pinning_reader, NULL),
			0);
	for (uint64_t i = 0; i < n; i++) {
		commit(&rng);
		if (i % 16 == 0) {
			vrs_snapshot_turn(snapshot, i);
			vrs_reclaim_turn(reclaim);
		}
		if (i % 5000 == 4999)
			(void)vrs_snapshot_revoke(snapshot, i, 0, 0);
	}
	atomic_store(&stop, true);
	for (unsigned i = 0; i < 2 * READERS; i++)
		pthread_join(threads[i], NULL);
	print_message("%llu versions, %llu looks, %llu of them pinned\n", (unsigned long long)n,
		(unsigned long long)atomic_load(&reads),
		(unsigned long long)atomic_load(&pinned_reads));
	assert_int_equal(atomic_load(&bad), 0);
	assert_true(atomic_load(&reads) > 0 && atomic_load(&pinned_reads) > 0);
	vrs_snapshot_turn(snapshot, n);
	teardown_snapshot();
}

/* A pin keeps its version whole across any number of commits, and only what that needs. */
static void a_pin_survives_a_hundred_thousand_commits(void **state)
{
	uint64_t n = env_number("VRS_MODEL_COMMITS", 100000);
	struct rng rng = {rng_seed("snapshot pin")};
	struct vrs_snapshot_stat stat;

	setup_snapshot(VRS_RECLAIM_CALLER);
	for (unsigned i = 0; i < NOISE; i++)
		commit(&rng);
	vrs_rcu_enter();
	struct vrs_version *v = vrs_snapshot_pin(snapshot);
	vrs_rcu_leave();
	uint64_t number = v->number;
	for (uint64_t i = 0; i < n; i++) {
		commit(&rng);
		if (i % 64 == 0) {
			vrs_snapshot_turn(snapshot, i);
			vrs_reclaim_turn(reclaim);
		}
		if (i % 1000 == 0) {
			vrs_rcu_enter();
			assert_int_equal(vrs_version_check(v), 0);
			assert_int_equal(v->number, number);
			look(v);
			vrs_rcu_leave();
		}
	}
	assert_int_equal(atomic_load(&bad), 0);
	assert_int_equal(vrs_snapshot_oldest(snapshot), number);
	/* What the pin keeps is bounded by its own version, not by what came after. */
	vrs_snapshot_stat(snapshot, n, &stat);
	assert_int_equal(stat.pinned_versions, 1);
	assert_true(stat.pinned_bytes < (8u << 20));
	vrs_version_unpin(v);
	vrs_snapshot_turn(snapshot, n);
	vrs_snapshot_stat(snapshot, n, &stat);
	assert_int_equal(stat.pinned_versions, 0);
	teardown_snapshot();
}

static void a_revoked_pin_says_so_and_frees_what_it_kept(void **state)
{
	struct rng rng = {rng_seed("snapshot revoke")};
	struct vrs_snapshot_stat stat;

	setup_snapshot(VRS_RECLAIM_CALLER);
	commit(&rng);
	vrs_rcu_enter();
	struct vrs_version *v = vrs_snapshot_pin(snapshot);
	vrs_rcu_leave();
	vrs_snapshot_turn(snapshot, 1000);
	commit(&rng);
	assert_int_equal(vrs_snapshot_revoke(snapshot, 1500, 1000, UINT64_MAX), 0);
	assert_int_equal(vrs_snapshot_revoke(snapshot, 2500, 1000, UINT64_MAX), 1);
	vrs_rcu_enter();
	assert_int_equal(vrs_version_check(v), -ESTALE);
	vrs_rcu_leave();
	vrs_snapshot_stat(snapshot, 2500, &stat);
	assert_int_equal(stat.pinned_bytes, 0);
	vrs_version_unpin(v);
	vrs_snapshot_turn(snapshot, 2500);
	teardown_snapshot();
}

/* Whoever pinned a version that carried a rule has it, whatever came since. */
static void a_rule_lives_as_long_as_the_versions_that_carry_it(void **state)
{
	struct rng rng = {rng_seed("snapshot rule")};
	struct vrs_version *pins[3];
	uint64_t since = 0;

	setup_snapshot(VRS_RECLAIM_CALLER);
	for (unsigned i = 0; i < VRS_N_ELEMS(pins); i++) {
		struct vrs_hop_rule *rule = vrs_hop_rule_new(&sentinels[i], 1, NULL, 0);

		assert_non_null(rule);
		if (i == 1)
			since = vrs_snapshot_open(snapshot);
		vrs_snapshot_set_hops(snapshot, i == 2 ? NULL : rule);
		vrs_hop_rule_put(rule);
		commit(&rng);
		vrs_rcu_enter();
		pins[i] = vrs_snapshot_pin(snapshot);
		vrs_rcu_leave();
	}
	for (unsigned i = 0; i < 100; i++) {
		commit(&rng);
		vrs_snapshot_turn(snapshot, i);
		vrs_reclaim_turn(reclaim);
	}
	for (unsigned i = 0; i < VRS_N_ELEMS(pins); i++) {
		struct vrs_addr a = vrs_prefix_addr(&sentinels[i]);

		assert_true(
			i == 2 ? pins[i]->hops == NULL : vrs_hop_rule_allows(pins[i]->hops, &a));
	}
	assert_int_equal(pins[1]->hops_until, 0);
	assert_int_equal(pins[2]->hops_since, since);
	assert_int_equal(pins[2]->hops_until, pins[2]->number);
	for (unsigned i = 0; i < VRS_N_ELEMS(pins); i++)
		vrs_version_unpin(pins[i]);
	vrs_snapshot_turn(snapshot, 100);
	teardown_snapshot();
	assert_int_equal(vrs_mem_used(VRS_MEM_OTHER), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_rule_lives_as_long_as_the_versions_that_carry_it),
		cmocka_unit_test(a_revoked_pin_says_so_and_frees_what_it_kept),
		cmocka_unit_test(a_pin_survives_a_hundred_thousand_commits),
		cmocka_unit_test(readers_never_see_a_mixed_version),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
