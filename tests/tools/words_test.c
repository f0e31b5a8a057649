/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#include "tools/vrslab/words.h"

#include <string.h>

#include "io/bgp/open.h"
#include "tests/test.h"

enum { SENDER = 65001, OWN = 65002, TARGET = 65500 };

/* ORIGIN IGP; AS_PATH of the given numbers in one sequence, or two; NEXT_HOP; COMMUNITIES. */
static size_t attrs(uint8_t *out, const uint32_t *path, size_t n, size_t cut, const uint32_t *coms,
	size_t n_coms)
{
	static const uint8_t hop[4] = {10, 0, 1, 1};
	struct vrs_writer w = vrs_writer_init(out, 512);
	uint8_t origin = 0;

	vrs_bgp_attr_write(
		&w, VRS_BGP_FLAG_TRANSITIVE, VRS_BGP_ORIGIN, (struct vrs_span){&origin, 1});
	size_t at = vrs_bgp_attr_open(&w, VRS_BGP_FLAG_TRANSITIVE, VRS_BGP_AS_PATH);
	for (size_t i = 0; i < n; i++) {
		if (i == 0 || i == cut) {
			vrs_write_u8(&w, 2);
			vrs_write_u8(&w, (uint8_t)(i == cut || cut > n ? n - i : cut));
		}
		vrs_write_u32(&w, path[i]);
	}
	vrs_bgp_attr_close(&w, at);
	vrs_bgp_attr_write(
		&w, VRS_BGP_FLAG_TRANSITIVE, VRS_BGP_NEXT_HOP, (struct vrs_span){hop, 4});
	if (n_coms > 0) {
		at = vrs_bgp_attr_open(
			&w, VRS_BGP_FLAG_OPTIONAL | VRS_BGP_FLAG_TRANSITIVE, VRS_BGP_COMMUNITIES);
		for (size_t i = 0; i < n_coms; i++)
			vrs_write_u32(&w, coms[i]);
		vrs_bgp_attr_close(&w, at);
	}
	assert_true(vrs_writer_ok(&w));
	return vrs_writer_size(&w);
}

static uint32_t of_set(const uint32_t *path, size_t n, uint32_t sender)
{
	uint8_t buf[512];
	size_t size = attrs(buf, path, n, 99, NULL, 0);

	return vrs_word_of_set((struct vrs_span){buf, size}, sender);
}

static uint32_t heard(const uint32_t *path, size_t n, size_t cut, const uint32_t *coms,
	size_t n_coms, bool by_sender)
{
	struct vrs_bgp_decode_ctx ctx = {.as4 = true, .families = VRS_BGP_IP4, .peer_as = path[0]};
	struct vrs_bgp_update u;
	uint8_t body[600] = {0};
	size_t size = attrs(body + 4, path, n, cut, coms, n_coms);

	vrs_put_u16(body + 2, (uint16_t)size);
	memcpy(body + 4 + size, (const uint8_t[]){24, 203, 0, 113}, 4);
	vrs_bgp_update_decode(&ctx, body, size + 8, &u);
	assert_int_equal(u.verdict.action, VRS_BGP_ACCEPT);
	uint32_t check, word = vrs_word_of_update(&u, TARGET, OWN, by_sender, &check);
	/* Of a route of a table both are the same. */
	if (word != 0 && !vrs_word_is_change(word))
		assert_int_equal(check, word);
	return word;
}

/* A route server and a transit router, paths in one segment or two: one route. */
static void the_way_there_does_not_count(void **state)
{
	static const uint32_t set[] = {3000, 4000}, server[] = {SENDER, 3000, 4000},
			      transit[] = {TARGET, SENDER, 3000, 4000};
	uint32_t word = of_set(set, 2, 0);

	assert_int_equal(heard(server, 3, 99, NULL, 0, false), word);
	assert_int_equal(heard(server, 3, 1, NULL, 0, false), word);
	assert_int_equal(heard(transit, 4, 99, NULL, 0, false), word);
	assert_int_equal(heard(transit, 4, 2, NULL, 0, true), of_set(set, 2, SENDER));
	assert_int_not_equal(of_set(set, 2, SENDER), word);
	assert_false(vrs_word_is_change(word));
}

static void a_route_that_no_other_sender_announced_has_no_word(void **state)
{
	static const uint32_t own[] = {TARGET}, sender[] = {SENDER}, loop[] = {OWN, 3000},
			      far_loop[] = {SENDER, 3000, OWN};

	assert_int_equal(heard(own, 1, 99, NULL, 0, false), 0);
	assert_int_equal(heard(loop, 2, 99, NULL, 0, false), 0);
	assert_int_equal(heard(far_loop, 3, 99, NULL, 0, false), 0);
	assert_int_not_equal(heard(sender, 1, 99, NULL, 0, false), 0);
}

static void another_path_is_another_word(void **state)
{
	static const uint32_t a[] = {SENDER, 3000, 4000}, b[] = {SENDER, 4000, 3000},
			      c[] = {SENDER, 3000, 4000, 4000}, d[] = {SENDER, 3000};
	uint32_t word = heard(a, 3, 99, NULL, 0, false);

	assert_int_not_equal(heard(b, 3, 99, NULL, 0, false), word);
	assert_int_not_equal(heard(c, 4, 99, NULL, 0, false), word);
	assert_int_not_equal(heard(d, 2, 99, NULL, 0, false), word);
}

static void communities_count_in_any_order(void **state)
{
	static const uint32_t path[] = {SENDER, 3000}, one[] = {1, 2, 3}, two[] = {3, 1, 2},
			      other[] = {1, 2, 4};
	uint32_t word = heard(path, 2, 99, one, 3, false);

	assert_int_equal(heard(path, 2, 99, two, 3, false), word);
	assert_int_not_equal(heard(path, 2, 99, other, 3, false), word);
	assert_int_not_equal(heard(path, 2, 99, one, 2, false), word);
	assert_int_not_equal(heard(path, 2, 99, NULL, 0, false), word);
}

static void a_change_is_its_number(void **state)
{
	static const uint32_t path[] = {TARGET, SENDER, 3000, VRS_CHANGE_AS + 41},
			      last[] = {SENDER, VRS_CHANGE_AS + VRS_CHANGE_MAX - 1};

	assert_int_equal(heard(path, 4, 99, NULL, 0, true), vrs_word_of_change(41));
	assert_int_equal(heard(last, 2, 99, NULL, 0, false), VRS_CHANGE_MAX);
	assert_true(vrs_word_is_change(VRS_CHANGE_MAX));
	assert_false(vrs_word_is_change(0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_way_there_does_not_count),
		cmocka_unit_test(a_route_that_no_other_sender_announced_has_no_word),
		cmocka_unit_test(another_path_is_another_word),
		cmocka_unit_test(communities_count_in_any_order),
		cmocka_unit_test(a_change_is_its_number),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
