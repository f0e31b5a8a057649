/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

/* How long changes waited for propagation, and since when the oldest one does. */

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "engine/observe.h"
#include "tests/engine/network_lab.h"
#include "tests/test.h"

struct room {
	struct vrs_stamps stamps;
	struct vrs_hist waited;
};

static int setup(void **state)
{
	*state = calloc(1, sizeof(struct room));
	return *state == NULL;
}

static int teardown(void **state)
{
	free(*state);
	return 0;
}

static struct vrs_hist_copy waited(const struct room *r)
{
	struct vrs_hist_copy h = {0};

	vrs_hist_read(&r->waited, &h);
	return h;
}

static void the_oldest_is_the_first_that_was_not_taken(void **state)
{
	struct room *r = *state;

	assert_int_equal(vrs_stamps_oldest(&r->stamps, 0), 0);
	vrs_stamps_push(&r->stamps, 10, 1000);
	vrs_stamps_push(&r->stamps, 12, 2000);
	assert_int_equal(vrs_stamps_oldest(&r->stamps, 0), 1000);
	assert_int_equal(vrs_stamps_oldest(&r->stamps, 9), 1000);
	assert_int_equal(vrs_stamps_oldest(&r->stamps, 10), 2000);
	assert_int_equal(vrs_stamps_oldest(&r->stamps, 12), 0);
}

static void what_was_taken_has_waited_until_then(void **state)
{
	struct room *r = *state;

	vrs_stamps_push(&r->stamps, 10, 1000);
	vrs_stamps_push(&r->stamps, 12, 2000);
	/* Half of the first turn's. */
	vrs_stamps_pop(&r->stamps, &(struct vrs_taken){5, 1500, 0, 0}, &r->waited);
	assert_int_equal(waited(r).n, 0);
	vrs_stamps_pop(&r->stamps, &(struct vrs_taken){11, 3000, 5, 1500}, &r->waited);
	assert_int_equal(waited(r).n, 1);
	assert_int_equal(waited(r).sum, 2000);
	vrs_stamps_pop(&r->stamps, &(struct vrs_taken){12, 4000, 11, 3000}, &r->waited);
	assert_int_equal(waited(r).n, 2);
	assert_int_equal(waited(r).sum, 4000);
	assert_int_equal(vrs_stamps_oldest(&r->stamps, 12), 0);
}

static void a_stamp_that_comes_late_does_not_count_the_sleep(void **state)
{
	struct room *r = *state;

	/* Taken at 1100 while their writer was still in its turn; the next take is long after. */
	vrs_stamps_pop(&r->stamps, &(struct vrs_taken){10, 1100, 0, 0}, &r->waited);
	vrs_stamps_push(&r->stamps, 10, 1000);
	assert_int_equal(vrs_stamps_oldest(&r->stamps, 10), 0);
	vrs_stamps_pop(&r->stamps, &(struct vrs_taken){10, 900000, 10, 1100}, &r->waited);
	assert_int_equal(waited(r).n, 1);
	assert_int_equal(waited(r).sum, 100);
	/* One that is younger than the take it was covered by has not waited. */
	vrs_stamps_push(&r->stamps, 11, 5000);
	vrs_stamps_pop(&r->stamps, &(struct vrs_taken){11, 4000, 10, 1100}, &r->waited);
	assert_int_equal(waited(r).n, 2);
	assert_int_equal(waited(r).sum, 100);
}

static void with_all_stamps_in_use_the_oldest_stays(void **state)
{
	struct room *r = *state;

	for (unsigned i = 1; i <= 3 * VRS_STAMPS; i++)
		vrs_stamps_push(&r->stamps, i, 1000 * i);
	assert_int_equal(vrs_stamps_oldest(&r->stamps, 0), 1000);
	assert_int_equal(vrs_stamps_oldest(&r->stamps, VRS_STAMPS - 1), 1000 * VRS_STAMPS);
	vrs_stamps_pop(&r->stamps, &(struct vrs_taken){VRS_STAMPS, 1000000, 0, 0}, &r->waited);
	assert_int_equal(waited(r).n, VRS_STAMPS);
	vrs_stamps_push(&r->stamps, 3 * VRS_STAMPS + 1, 7);
	assert_int_equal(vrs_stamps_oldest(&r->stamps, VRS_STAMPS), 7);
}

enum { N_TURNS = 200000 };

/* The I/O thread's side: a change a turn, at a time that is its number. */
static void *push_all(void *arg)
{
	struct room *r = arg;

	for (uint64_t i = 1; i <= N_TURNS; i++)
		vrs_stamps_push(&r->stamps, i, i);
	return NULL;
}

static void two_threads_lose_nothing_but_what_had_no_room(void **state)
{
	struct room *r = *state;
	struct vrs_taken taken = {0};
	pthread_t thread;
	bool over = false;

	assert_int_equal(pthread_create(&thread, NULL, push_all, r), 0);
	while (!over) {
		uint64_t oldest = vrs_stamps_oldest(&r->stamps, taken.n);

		/* What is not taken is younger than what is. */
		assert_true(oldest == 0 || oldest > taken.n);
		over = pthread_tryjoin_np(thread, NULL) == 0;
		taken.was_n = taken.n;
		taken.was_ns = taken.ns;
		if (oldest != 0 || over)
			taken.n = taken.ns = over ? N_TURNS : oldest;
		vrs_stamps_pop(&r->stamps, &taken, &r->waited);
	}
	assert_int_equal(vrs_stamps_oldest(&r->stamps, N_TURNS), 0);
	struct vrs_hist_copy h = waited(r);
	assert_true(h.n >= VRS_STAMPS && h.n <= N_TURNS);
}

static const char config[] =
	LAB_SERVER "    bgpConnections:\n"
		   "      - {name: nva, peerIp: 10.0.1.4, peerAsn: 65001, passive: true}\n"
		   "      - {name: other, peerIp: 10.0.1.5, peerAsn: 65002, passive: true}\n";

static uint64_t n_of(const struct vrs_hist *h)
{
	struct vrs_hist_copy copy = {0};

	vrs_hist_read(h, &copy);
	return copy.n;
}

static void a_change_is_waiting_until_propagation_has_its_turn(void **state)
{
	struct lab *lab = lab_new(config);
	struct lab_route route = {.prefix = "203.0.113.0/24", .med = -1, .local_pref = -1};
	struct vrs_server *s = lab_server(lab);
	struct vrs_propagation *p = s->io->propagation;
	struct vrs_rib *rib = s->rib;
	struct vrs_prefix prefix;

	(void)lab_peer(lab, "other/0");
	lab_announce(lab, lab_peer(lab, "nva/0"), &route);
	lab_settle(lab);
	uint64_t taken = atomic_load(&rib->queues[0].n_taken), queued = n_of(&p->stages[0]);
	assert_true(taken > 0 && queued > 0);
	assert_int_equal(taken, atomic_load(&rib->table->n_marked));
	for (unsigned i = 0; i < VRS_PROPAGATION_NOTIFY; i++)
		assert_true(n_of(&p->stages[i]) > 0);
	assert_true(n_of(&s->io->stages[VRS_IO_DECIDE]) > 0);
	assert_true(n_of(&s->io->stages[VRS_IO_TURN]) > 0);

	assert_int_equal(vrs_prefix_parse(&prefix, route.prefix), 0);
	vrs_table_touch(s->table, &prefix);
	(void)vrs_io_turn(s->io, 0);
	assert_int_equal(atomic_load(&rib->table->n_marked), taken + 1);
	assert_true(vrs_stamps_oldest(&rib->queues[0].stamps, taken) != 0);
	assert_int_equal(n_of(&p->stages[VRS_PROPAGATION_QUEUE]), queued);
	(void)vrs_propagation_turn(p);
	assert_int_equal(atomic_load(&rib->queues[0].n_taken), taken + 1);
	assert_int_equal(vrs_stamps_oldest(&rib->queues[0].stamps, taken + 1), 0);
	assert_int_equal(n_of(&p->stages[VRS_PROPAGATION_QUEUE]), queued + 1);
	lab_free(lab);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			the_oldest_is_the_first_that_was_not_taken, setup, teardown),
		cmocka_unit_test_setup_teardown(
			what_was_taken_has_waited_until_then, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_stamp_that_comes_late_does_not_count_the_sleep, setup, teardown),
		cmocka_unit_test_setup_teardown(
			with_all_stamps_in_use_the_oldest_stays, setup, teardown),
		cmocka_unit_test_setup_teardown(
			two_threads_lose_nothing_but_what_had_no_room, setup, teardown),
		cmocka_unit_test(a_change_is_waiting_until_propagation_has_its_turn),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
