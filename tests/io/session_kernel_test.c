/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 *
 * Sessions over real sockets: what the tests in session_lab show on a virtual clock holds on this one.
 */

#include <string.h>
#include <time.h>
#include <unistd.h>

#include "io/kernel/kernel.h"
#include "io/session/session.h"
#include "tests/test.h"

struct side {
	struct vrs_transport *t;
	struct vrs_session *s;
	unsigned established, down, updates, limit;
	struct vrs_session_error error;
};

static struct vrs_wheel wheel;
static struct side a, b;

static uint64_t now_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static void on_established(void *user, struct vrs_session *)
{
	((struct side *)user)->established++;
}

static void on_down(void *user, struct vrs_session *, const struct vrs_session_error *e)
{
	struct side *side = user;

	side->down++;
	side->error = *e;
}

static bool on_update(void *user, struct vrs_session *, const struct vrs_bgp_update *)
{
	struct side *side = user;

	if (side->updates == side->limit)
		return false;
	side->updates++;
	return true;
}

static const struct vrs_session_ops ops = {
	.established = on_established, .down = on_down, .update = on_update};

#define UNTIL(condition)                                          \
	do {                                                      \
		uint64_t until_ms = now_ms() + 20000;             \
		while (!(condition) && now_ms() < until_ms) {     \
			assert_true(a.t->ops->poll(a.t, 0) >= 0); \
			assert_true(b.t->ops->poll(b.t, 1) >= 0); \
			vrs_wheel_advance(&wheel, now_ms());      \
		}                                                 \
		assert_true(condition);                           \
	} while (0)

static void make(struct side *side, bool first, uint16_t port)
{
	struct vrs_session_config c = {
		.name = first ? "first" : "second",
		.local_as = first ? 65515 : 65001,
		.peer_as = first ? 65001 : 65515,
		.router_id = first ? 1 : 2,
		.hold_s = 9,
		.keepalive_s = 3,
		.families = VRS_BGP_IP4 | VRS_BGP_IP6,
		.connect_retry_ms = 500,
		.seed = first,
	};

	c.endpoint.local = vrs_addr_ip4(first ? 0x7f000015 : 0x7f000016);
	c.endpoint.remote = vrs_addr_ip4(first ? 0x7f000016 : 0x7f000015);
	c.endpoint.local_port = c.endpoint.remote_port = port;
	*side = (struct side){.t = vrs_kernel_transport_new(), .limit = UINT32_MAX};
	assert_non_null(side->t);
	side->t->accept = vrs_session_accept;
	side->s = vrs_session_new(&c, side->t, &wheel, &ops, side);
	assert_non_null(side->s);
	assert_int_equal(vrs_session_start(side->s), 0);
}

static int setup(void **)
{
	static uint16_t next;
	uint16_t port = (uint16_t)(36000 + (unsigned)getpid() % 8000 + next++);

	vrs_wheel_init(&wheel, now_ms());
	make(&a, true, port);
	make(&b, false, port);
	return 0;
}

static int teardown(void **)
{
	struct side *sides[] = {&a, &b};

	for (size_t i = 0; i < VRS_N_ELEMS(sides); i++) {
		vrs_session_free(sides[i]->s);
		sides[i]->t->ops->free(sides[i]->t);
	}
	assert_int_equal(vrs_mem_used(VRS_MEM_SESSION), 0);
	assert_int_equal(vrs_mem_used(VRS_MEM_EXPORT), 0);
	return 0;
}

static void sessions_come_up_park_and_go_with_a_text(void **)
{
	enum { SIZE = 23, N = 400000 };
	static const uint8_t message[SIZE] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, SIZE, VRS_BGP_UPDATE, 0, 0, 0, 0};
	struct vrs_chunk *c = vrs_chunk_new(SIZE * N);

	UNTIL(a.established == 1 && b.established == 1);
	assert_non_null(c);
	for (; c->size < c->capacity; c->size += SIZE)
		memcpy(c->data + c->size, message, SIZE);
	b.limit = 1000;
	assert_int_equal(vrs_session_send(a.s, c, 0, c->size, N), 0);
	vrs_chunk_put(c);
	UNTIL(vrs_session_parked(b.s));
	assert_int_equal(b.updates, 1000);
	b.limit = UINT32_MAX;
	vrs_session_resume(b.s);
	UNTIL(b.updates == N);
	assert_int_equal(vrs_session_stat(b.s)->rx[VRS_BGP_UPDATE], N);

	vrs_session_stop(a.s, VRS_BGP_CEASE_SHUTDOWN, "that is all");
	UNTIL(b.down == 1);
	assert_int_equal(b.error.subcode, VRS_BGP_CEASE_SHUTDOWN);
	assert_string_equal(b.error.text, "that is all");
}

static void a_peer_that_vanishes_is_found_again(void **)
{
	UNTIL(a.established == 1 && b.established == 1);
	struct vrs_session_config c = *vrs_session_config(b.s);
	c.name = "second"; /* the other was the session's own */
	vrs_session_free(b.s);
	UNTIL(a.down == 1);
	b.s = vrs_session_new(&c, b.t, &wheel, &ops, &b);
	assert_non_null(b.s);
	assert_int_equal(vrs_session_start(b.s), 0);
	UNTIL(a.established == 2 && b.established == 2);
	assert_int_equal(a.down, 1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(sessions_come_up_park_and_go_with_a_text),
		TEST(a_peer_that_vanishes_is_found_again),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
