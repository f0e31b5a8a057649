/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

/*
 * The tree against a naive twin (a list), in both disciplines, both families and with every
 * instruction set that this CPU has.
 */

#include "rib/radix_node.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "rib/base/reclaim.h"
#include "tests/random.h"
#include "tests/test.h"

enum { TWIN_MAX = 3000 };

struct twin {
	struct vrs_prefix prefix[TWIN_MAX];
	uint32_t value[TWIN_MAX];
	size_t n;
};

struct world {
	struct vrs_radix tree;
	struct vrs_reclaim *reclaim;
	struct twin twin;
	unsigned afi;
};

static void block_free(void *ctx, void *block)
{
	vrs_radix_block_free(ctx, block);
}

static void retire(void *ctx, struct vrs_radix *t, void *block, size_t size, uint32_t born)
{
	struct world *w = ctx;

	vrs_reclaim_retire(w->reclaim, block_free, t, block, size);
}

static struct world *world_new(unsigned afi, bool persistent)
{
	struct world *w = calloc(1, sizeof(*w));

	vrs_thread_register_rcu();
	w->afi = afi;
	w->reclaim = vrs_reclaim_new(VRS_RECLAIM_CALLER);
	vrs_radix_init(&w->tree, afi, VRS_MEM_RADIX, persistent, retire, w);
	w->tree.open = 1;
	return w;
}

static void world_free(struct world *w)
{
	vrs_reclaim_drain(w->reclaim);
	vrs_radix_fini(&w->tree);
	vrs_reclaim_free(w->reclaim);
	vrs_thread_unregister_rcu();
	free(w);
	assert_int_equal(vrs_mem_used(VRS_MEM_RADIX), 0);
}

static size_t twin_find(const struct twin *t, const struct vrs_prefix *p)
{
	size_t i = 0;

	while (i < t->n && !vrs_prefix_equal(&t->prefix[i], p))
		i++;
	return i;
}

static void insert(struct world *w, const struct vrs_prefix *p, uint32_t value)
{
	size_t i = twin_find(&w->twin, p);
	int r = vrs_radix_insert(&w->tree, p, value);

	assert_int_equal(r, i == w->twin.n);
	if (i == w->twin.n)
		w->twin.prefix[w->twin.n++] = *p;
	w->twin.value[i] = value;
}

/* What is there stays, or is exchanged; both say what it was. */
static void insert_asking(struct world *w, const struct vrs_prefix *p, uint32_t value, bool keep)
{
	size_t i = twin_find(&w->twin, p);
	uint32_t old = ~value;

	if (i == w->twin.n) {
		insert(w, p, value);
		return;
	}
	assert_int_equal((keep ? vrs_radix_add : vrs_radix_exchange)(&w->tree, p, value, &old), 0);
	assert_int_equal(old, w->twin.value[i]);
	if (!keep)
		w->twin.value[i] = value;
}

static void drop(struct world *w, const struct vrs_prefix *p)
{
	size_t i = twin_find(&w->twin, p);

	assert_int_equal(vrs_radix_remove(&w->tree, p), i == w->twin.n ? -ENOENT : 0);
	if (i < w->twin.n) {
		w->twin.prefix[i] = w->twin.prefix[--w->twin.n];
		w->twin.value[i] = w->twin.value[w->twin.n];
	}
}

static size_t twin_match(const struct twin *t, const struct vrs_addr *a)
{
	size_t best = t->n;

	for (size_t i = 0; i < t->n; i++)
		if (vrs_prefix_covers_addr(&t->prefix[i], a) &&
			(best == t->n || t->prefix[i].len > t->prefix[best].len))
			best = i;
	return best;
}

/* All that cover an address, shortest first. */
VRS_RCU_READER static void check_covers(
	const struct world *w, const struct vrs_radix_root *root, const struct vrs_addr *a)
{
	struct vrs_radix_cover covers[VRS_RADIX_COVERS];
	unsigned n = vrs_radix_covers(root, a, covers), want = 0;

	for (size_t i = 0; i < w->twin.n; i++)
		want += vrs_prefix_covers_addr(&w->twin.prefix[i], a);
	assert_int_equal(n, want);
	for (unsigned i = 0; i < n; i++) {
		struct vrs_prefix p = vrs_prefix_of(a, covers[i].len);
		size_t at = twin_find(&w->twin, &p);

		assert_true(at < w->twin.n && (i == 0 || covers[i].len > covers[i - 1].len));
		assert_int_equal(covers[i].value, w->twin.value[at]);
	}
}

static void check_match(const struct world *w, const struct vrs_radix_root *root, struct rng *rng)
{
	enum { N = 70 };
	struct vrs_addr addrs[N];
	uint32_t values[N];
	uint8_t lens[N];

	for (unsigned i = 0; i < N; i++)
		addrs[i] = rng_addr(rng, w->afi);
	vrs_rcu_enter();
	vrs_radix_match_bulk(root, addrs, N, values, lens);
	for (unsigned i = 0; i < N; i++) {
		size_t want = twin_match(&w->twin, &addrs[i]);
		uint32_t value;
		uint8_t len;
		bool found = vrs_radix_match(root, &addrs[i], &value, &len);

		assert_int_equal(found, want < w->twin.n);
		assert_int_equal(lens[i] != VRS_RADIX_MISS, found);
		if (!found)
			continue;
		assert_int_equal(value, w->twin.value[want]);
		assert_int_equal(len, w->twin.prefix[want].len);
		assert_int_equal(values[i], value);
		assert_int_equal(lens[i], len);
	}
	for (unsigned i = 0; i < N; i++)
		check_covers(w, root, &addrs[i]);
	vrs_rcu_leave();
}

/* Exact finds, many at once and one by one; some of prefixes that are there, some of
 * others. */
static void check_bulk(const struct world *w, struct rng *rng)
{
	enum { N = 70 };
	struct vrs_prefix prefixes[N];
	const struct vrs_prefix *list[N] = {0};
	uint32_t values[N];
	unsigned n = rng_below(rng, N + 1);

	for (unsigned i = 0; i < n; i++) {
		bool known = w->twin.n > 0 && i % 4 < 3;

		prefixes[i] = known ? w->twin.prefix[rng_below(rng, (uint32_t)w->twin.n)]
				    : rng_prefix(rng, w->afi);
		/* A stranger that parts from one that is there in a byte on the way. */
		if (known && i % 4 == 1 && prefixes[i].len >= 8)
			prefixes[i].addr[rng_below(rng, prefixes[i].len / 8)] ^= 0x40;
		list[i] = &prefixes[i];
	}
	vrs_radix_get_bulk(&w->tree, list, n, values);
	for (unsigned i = 0; i < n; i++) {
		size_t at = twin_find(&w->twin, &prefixes[i]);
		bool there = at < w->twin.n;
		uint32_t want = there ? w->twin.value[at] : VRS_RADIX_NONE, value = VRS_RADIX_NONE;

		assert_int_equal(values[i], want);
		/* Of what is not there nothing is written. */
		assert_int_equal(vrs_radix_get(&w->tree, &prefixes[i], &value), there);
		assert_int_equal(value, want);
	}
}

struct visit {
	const struct twin *twin;
	struct vrs_prefix last;
	size_t n;
};

static int visit(void *ctx, const struct vrs_prefix *p, uint32_t value)
{
	struct visit *v = ctx;
	size_t i = twin_find(v->twin, p);

	assert_true(i < v->twin->n);
	assert_int_equal(value, v->twin->value[i]);
	if (v->n++ > 0)
		assert_true(vrs_prefix_cmp(&v->last, p) < 0);
	v->last = *p;
	return 0;
}

/* Nodes that should be leaves. */
static unsigned misplaced(const void *link, unsigned from) /* NOLINT(misc-no-recursion) */
{
	const struct vrs_radix_node *n = link;
	unsigned sum;

	if (link == NULL || is_leaf(link))
		return 0;
	sum = n_values(n) == 1 && n_kids(n) == 0 && leaf_reaches(from, n->byte);
	for (unsigned i = 0; i < n_kids(n); i++)
		sum += misplaced(node_kids(n)[i], n->byte);
	return sum;
}

static unsigned all_misplaced(const struct vrs_radix_root *root)
{
	unsigned sum = 0;

	for (unsigned slot = 0; slot < 65536; slot++)
		sum += misplaced(slot_link(root, slot), 1);
	return sum;
}

static void check_walk(const struct world *w, const struct vrs_radix_root *root, struct rng *rng)
{
	struct visit v = {.twin = &w->twin};
	struct vrs_prefix from = rng_prefix(rng, w->afi);
	size_t after = 0;

	vrs_rcu_enter();
	assert_int_equal(vrs_radix_walk(root, NULL, visit, &v), 0);
	assert_int_equal(v.n, w->twin.n);
	v = (struct visit){.twin = &w->twin};
	assert_int_equal(vrs_radix_walk(root, &from, visit, &v), 0);
	vrs_rcu_leave();
	for (size_t i = 0; i < w->twin.n; i++)
		after += vrs_prefix_cmp(&w->twin.prefix[i], &from) >= 0;
	assert_int_equal(v.n, after);
	assert_int_equal(all_misplaced(root), 0);
}

static void script(unsigned afi, bool persistent, uint64_t seed, const char *simd)
{
	struct world *w = world_new(afi, persistent);
	struct rng rng = {seed};

	if (vrs_radix_simd_set(simd) != 0) {
		print_message("no %s here\n", simd);
		world_free(w);
		return;
	}
	for (unsigned step = 0; step < 20000; step++) {
		/* Grow, shrink to nothing, grow again. */
		bool grow = step / 4000 % 2 == 0;
		struct vrs_prefix p = rng_prefix(&rng, afi);

		if (!grow && w->twin.n > 0 && rng_below(&rng, 10) < 8)
			p = w->twin.prefix[rng_below(&rng, (uint32_t)w->twin.n)];
		if (rng_below(&rng, 10) < (grow ? 8 : 1) && w->twin.n < TWIN_MAX)
			insert_asking(w, &p, (uint32_t)rng_u64(&rng), rng_below(&rng, 2));
		else
			drop(w, &p);
		assert_int_equal(w->tree.n, w->twin.n);
		if (step % 64 == 0) {
			check_match(w, &w->tree.root, &rng);
			check_bulk(w, &rng);
			w->tree.open++;
			vrs_reclaim_turn(w->reclaim);
		}
		if (step % 1024 == 0)
			check_walk(w, &w->tree.root, &rng);
	}
	world_free(w);
	assert_int_equal(vrs_radix_simd_set(NULL), 0);
}

static const char *const simds[] = {"scalar", "avx2", "avx512"};

static void a_private_tree_equals_its_twin(void **state)
{
	uint64_t seed = rng_seed("radix private");

	for (size_t i = 0; i < VRS_N_ELEMS(simds); i++) {
		script(VRS_AFI_IP4, false, seed, simds[i]);
		script(VRS_AFI_IP6, false, seed, simds[i]);
	}
}

static void a_persistent_tree_equals_its_twin(void **state)
{
	uint64_t seed = rng_seed("radix persistent");

	script(VRS_AFI_IP4, true, seed, "scalar");
	script(VRS_AFI_IP6, true, seed, "scalar");
}

/* What an old root reaches is not changed by later edits. */
static void an_old_root_still_shows_its_own_state(void **state)
{
	struct world *w = world_new(VRS_AFI_IP6, true);
	struct rng rng = {rng_seed("radix old root")};

	for (unsigned i = 0; i < 1500; i++) {
		struct vrs_prefix p = rng_prefix(&rng, w->afi);

		if (w->twin.n < TWIN_MAX)
			insert(w, &p, i);
	}
	struct vrs_radix_root old = w->tree.root;
	struct twin *then = malloc(sizeof(*then));
	*then = w->twin;
	w->tree.open++;
	for (unsigned i = 0; i < 3000; i++) {
		struct vrs_prefix p = i % 2 ? rng_prefix(&rng, w->afi)
					    : w->twin.prefix[rng_below(&rng, (uint32_t)w->twin.n)];

		if (i % 3 != 0 && w->twin.n > 1)
			drop(w, &p);
		else if (w->twin.n < TWIN_MAX)
			insert(w, &p, i + 100000);
		/* Nothing is reclaimed: the reclaimer's turn has not come. */
	}
	struct twin *now = malloc(sizeof(*now));
	*now = w->twin;
	w->twin = *then;
	check_match(w, &old, &rng);
	check_walk(w, &old, &rng);
	w->twin = *now;
	check_match(w, &w->tree.root, &rng);
	check_walk(w, &w->tree.root, &rng);
	free(then);
	free(now);
	world_free(w);
}

static void a_simd_name_that_is_unknown_is_refused(void **state)
{
	assert_int_equal(vrs_radix_simd_set("mmx"), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_private_tree_equals_its_twin),
		cmocka_unit_test(a_persistent_tree_equals_its_twin),
		cmocka_unit_test(an_old_root_still_shows_its_own_state),
		cmocka_unit_test(a_simd_name_that_is_unknown_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
