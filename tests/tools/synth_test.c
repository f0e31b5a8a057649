/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#include "tools/vrslab/synth.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "io/bgp/attr.h"
#include "rib/aspath.h"
#include "tests/test.h"

static struct vrs_routes make(uint32_t n_ip4, uint32_t n_ip6, uint64_t seed)
{
	struct vrs_synth options = {n_ip4, n_ip6, seed};
	struct vrs_routes r = {0};

	assert_int_equal(vrs_synth_make(&options, &r), 0);
	assert_int_equal(r.n, n_ip4 + n_ip6);
	assert_int_equal(r.n_live, r.n);
	return r;
}

static int prefix_cmp(const void *a, const void *b)
{
	return vrs_prefix_cmp(a, b);
}

static void assert_no_duplicates(const struct vrs_routes *r)
{
	struct vrs_prefix *list = calloc(r->n, sizeof(*list));

	assert_non_null(list);
	for (size_t i = 0; i < r->n; i++)
		list[i] = r->list[i].prefix;
	qsort(list, r->n, sizeof(*list), prefix_cmp);
	for (size_t i = 1; i < r->n; i++)
		assert_false(vrs_prefix_equal(&list[i - 1], &list[i]));
	free(list);
}

static void assert_public(const struct vrs_routes *r)
{
	static const char *const never[] = {"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16",
		"100.64.0.0/10", "0.0.0.0/8", "127.0.0.0/8", "224.0.0.0/3", "2001:db8::/32"};
	struct vrs_prefix blocks[VRS_N_ELEMS(never)], unicast;

	assert_int_equal(vrs_prefix_parse(&unicast, "2000::/3"), 0);
	for (size_t i = 0; i < VRS_N_ELEMS(never); i++)
		assert_int_equal(vrs_prefix_parse(&blocks[i], never[i]), 0);
	for (size_t i = 0; i < r->n; i++) {
		const struct vrs_prefix *p = &r->list[i].prefix;
		for (size_t j = 0; j < VRS_N_ELEMS(never); j++) {
			assert_false(vrs_prefix_covers(&blocks[j], p));
			assert_false(vrs_prefix_covers(p, &blocks[j]));
		}
		assert_true(p->afi == VRS_AFI_IP4 || vrs_prefix_covers(&unicast, p));
	}
}

static void assert_share(size_t n, size_t of, double percent)
{
	double is = 100.0 * (double)n / (double)of;

	if (is < percent * 0.97 || is > percent * 1.03)
		fail_msg("%.2f %% where %.2f %% is expected", is, percent);
}

static void lengths_have_the_measured_shares(void **)
{
	struct vrs_routes r = make(1050000, 220000, 7);
	size_t ip4[33] = {0}, ip6[129] = {0};

	for (size_t i = 0; i < r.n; i++)
		(r.list[i].prefix.afi == VRS_AFI_IP4 ? ip4 : ip6)[r.list[i].prefix.len]++;
	assert_share(ip4[24], 1050000, 62);
	assert_share(ip4[23], 1050000, 10.5);
	assert_share(ip4[22], 1050000, 11);
	assert_share(ip4[21], 1050000, 5);
	assert_share(ip4[20], 1050000, 4.5);
	assert_share(ip4[16], 1050000, 1.3);
	for (size_t len = 0; len < 33; len++)
		assert_true((ip4[len] > 0) == (len >= 8 && len <= 24));
	assert_share(ip6[48], 220000, 45);
	assert_share(ip6[32], 220000, 12);
	assert_no_duplicates(&r);
	assert_public(&r);
	vrs_routes_fini(&r);
}

static void prefixes_cluster(void **)
{
	struct vrs_routes r = make(1050000, 0, 1);
	static bool seen[1 << 16];
	size_t n = 0, sorted = 0;

	for (size_t i = 0; i < r.n; i++) {
		bool *s = &seen[r.list[i].prefix.addr[0] << 8 | r.list[i].prefix.addr[1]];
		n += !*s;
		*s = true;
		sorted += i > 0 && vrs_prefix_cmp(&r.list[i - 1].prefix, &r.list[i].prefix) < 0;
	}
	assert_in_range(n, 30000, 36000);
	assert_true(sorted < r.n * 6 / 10); /* Not in the order of addresses. */
	vrs_routes_fini(&r);
}

static void attribute_sets_look_real(void **)
{
	struct vrs_routes r = make(1000000, 0, 3);
	size_t hops = 0, med = 0, standard = 0, large = 0;
	struct vrs_span value;

	for (uint32_t i = 0; i < r.n_sets; i++) {
		struct vrs_span set = vrs_routes_set(&r, i);
		assert_true(vrs_bgp_attr_find(set.data, set.size, VRS_BGP_ORIGIN, &value));
		assert_true(vrs_bgp_attr_find(set.data, set.size, VRS_BGP_NEXT_HOP, &value));
		assert_true(vrs_bgp_attr_find(set.data, set.size, VRS_BGP_AS_PATH, &value));
		assert_true(vrs_bgp_as_path_valid(value, 4, false));
		hops += vrs_aspath_len(value);
		med += vrs_bgp_attr_find(set.data, set.size, VRS_BGP_MED, &value);
		standard += vrs_bgp_attr_find(set.data, set.size, VRS_BGP_COMMUNITIES, &value);
		large += vrs_bgp_attr_find(set.data, set.size, VRS_BGP_LARGE_COMMUNITIES, &value);
	}
	double n = (double)VRS_MAX(r.n_sets, (size_t)1);
	assert_in_range((size_t)((double)r.n / n), 4, 6);
	/* With our own AS, which is added when sending. */
	assert_in_range((size_t)(10.0 * ((double)hops / n + 1)), 40, 50);
	assert_in_range((size_t)((double)r.n_bytes / n + 4), 55, 65);
	assert_true(med > 0 && standard > r.n_sets / 2 && large > r.n_sets / 20);
	vrs_routes_fini(&r);
}

static bool same(const struct vrs_routes *a, const struct vrs_routes *b)
{
	if (a->n != b->n || a->n_bytes != b->n_bytes || memcmp(a->bytes, b->bytes, a->n_bytes) != 0)
		return false;
	for (size_t i = 0; i < a->n; i++) {
		if (a->list[i].set != b->list[i].set ||
			!vrs_prefix_equal(&a->list[i].prefix, &b->list[i].prefix))
			return false;
	}
	return true;
}

static void a_seed_is_a_table(void **)
{
	struct vrs_routes a = make(20000, 5000, 42), b = make(20000, 5000, 42);
	struct vrs_routes c = make(20000, 5000, 43);

	assert_true(same(&a, &b));
	assert_false(same(&a, &c));
	vrs_routes_fini(&a);
	vrs_routes_fini(&b);
	vrs_routes_fini(&c);
}

static void any_size_has_no_duplicates(void **)
{
	static const uint32_t sizes[] = {0, 1, 2, 9, 100, 999, 10000, 123456};

	for (size_t i = 0; i < VRS_N_ELEMS(sizes); i++) {
		struct vrs_routes r = make(sizes[i], sizes[i], 5);
		assert_no_duplicates(&r);
		assert_public(&r);
		vrs_routes_fini(&r);
	}
}

static void the_largest_table_fits(void **)
{
	struct vrs_synth options = {.n_ip4 = VRS_SYNTH_MAX + 1};
	struct vrs_routes r = make(VRS_SYNTH_MAX, 0, 1), none = {0};

	assert_no_duplicates(&r);
	vrs_routes_fini(&r);
	assert_int_equal(vrs_synth_make(&options, &none), -EINVAL);
}

static void a_million_takes_no_time(void **)
{
	struct timespec a, b;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &a);
	struct vrs_routes r = make(1000000, 0, 1);
	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &b);
	double took = (double)(b.tv_sec - a.tv_sec) + (double)(b.tv_nsec - a.tv_nsec) / 1e9;
	print_message("1,000,000 prefixes in %.2f s\n", took);
	vrs_routes_fini(&r);
}

/* Some daemons send a repeated community once: what came back would look wrong. */
static void no_community_comes_twice_in_a_set(void **state)
{
	struct vrs_synth synth = {.n_ip4 = 400000, .seed = 1};
	struct vrs_routes routes = {0};
	struct vrs_bgp_attr a;
	size_t n = 0;

	assert_int_equal(vrs_synth_make(&synth, &routes), 0);
	for (uint32_t set = 0; set < routes.n_sets; set++) {
		struct vrs_reader r = vrs_reader_span(vrs_routes_set(&routes, set));
		while (vrs_bgp_attr_next(&r, &a)) {
			if (a.code != VRS_BGP_COMMUNITIES)
				continue;
			for (size_t i = 0; i < a.value.size; i += 4, n++) {
				for (size_t j = 0; j < i; j += 4)
					assert_memory_not_equal(
						a.value.data + i, a.value.data + j, 4);
			}
		}
	}
	assert_true(n > routes.n_sets);
	vrs_routes_fini(&routes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lengths_have_the_measured_shares),
		cmocka_unit_test(prefixes_cluster),
		cmocka_unit_test(attribute_sets_look_real),
		cmocka_unit_test(a_seed_is_a_table),
		cmocka_unit_test(any_size_has_no_duplicates),
		cmocka_unit_test(the_largest_table_fits),
		cmocka_unit_test(a_million_takes_no_time),
		cmocka_unit_test(no_community_comes_twice_in_a_set),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
