/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 *
 * Sleeping where epoll_pwait2() is refused: this file's stands in for the C library's. And a host's own epoll.
 */

#include <errno.h>
#include <poll.h>
#include <sys/epoll.h>
#include <time.h>

#include "io/dpdk/stack.h"
#include "tests/io/mem_wire.h"
#include "tests/test.h"

enum { POLLS = 50 };

static int refusal;
static unsigned asked;

int epoll_pwait2(int fd, struct epoll_event *events, int n, const struct timespec *timeout,
	const sigset_t *mask)
{
	asked++;
	errno = refusal;
	return -1;
}

static uint64_t now_us(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

static struct vrs_transport *make(struct vrs_wire *wire)
{
	struct vrs_addr address = {{10, 0, 0, 1}, VRS_AFI_IP4};
	uint8_t len = 24;
	struct vrs_dpdk_port port = {.addresses = &address, .lens = &len, .n_addresses = 1};
	struct vrs_transport *t = NULL;

	assert_int_equal(
		vrs_stacks_new(
			&(struct vrs_stack_config){
				.n_threads = 1, .n_ports = 1, .ports = &port, .wires = &wire},
			&t),
		0);
	return t;
}

/* A nap is 50 us at least, so a whole millisecond here. A thread that cannot sleep makes its polls in a tenth
 * of the time. */
static void naps_where_it_is_refused_are_milliseconds(void **state)
{
	struct mem_wire_pair *pair = mem_wire_pair_new();
	struct vrs_wire *peer = mem_wire(pair, 1);
	struct vrs_transport *t = make(mem_wire(pair, 0));

	refusal = ENOSYS;
	asked = 0;
	uint64_t from = now_us();
	for (unsigned i = 0; i < POLLS; i++)
		assert_true(t->ops->poll(t, 1000) >= 0);
	assert_true(now_us() - from > POLLS * 1000 / 2);
	assert_int_equal(asked, 1);
	t->ops->free(t);
	peer->ops->free(peer);
}

static void it_is_asked_for_again_after_a_signal(void **state)
{
	struct mem_wire_pair *pair = mem_wire_pair_new();
	struct vrs_wire *peer = mem_wire(pair, 1);
	struct vrs_transport *t = make(mem_wire(pair, 0));

	refusal = EINTR;
	asked = 0;
	for (unsigned i = 0; i < POLLS; i++)
		assert_true(t->ops->poll(t, 1000) >= 0);
	assert_true(asked > 1);
	t->ops->free(t);
	peer->ops->free(peer);
}

static bool is_readable(int fd, int timeout_ms)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	return poll(&p, 1, timeout_ms) == 1;
}

/* Naps again, of 50 us to a millisecond: the host neither waits for ever nor turns in circles. */
static void a_hosts_own_epoll_says_when_to_poll(void **state)
{
	struct mem_wire_pair *pair = mem_wire_pair_new();
	struct vrs_wire *peer = mem_wire(pair, 1);
	struct vrs_transport *t = make(mem_wire(pair, 0));
	int fd = t->ops->fd(t);
	bool was_not = false;

	assert_true(fd >= 0);
	assert_int_equal(t->ops->fd(t), fd);
	uint64_t from = now_us();
	for (unsigned i = 0; i < POLLS; i++) {
		assert_true(is_readable(fd, 10000));
		assert_true(t->ops->poll(t, 0) >= 0);
	}
	assert_true(now_us() - from > POLLS * 50);
	/* wake() is heard at once, and once. As busy as the machine may be, a nap is not over each time. */
	for (unsigned i = 0; i < 1000 && !was_not; i++) {
		(void)t->ops->poll(t, 0);
		was_not = !is_readable(fd, 0);
		t->ops->wake(t);
		assert_true(is_readable(fd, 0));
	}
	assert_true(was_not);
	t->ops->free(t);
	peer->ops->free(peer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_asked_for_again_after_a_signal),
		cmocka_unit_test(naps_where_it_is_refused_are_milliseconds),
		cmocka_unit_test(a_hosts_own_epoll_says_when_to_poll),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
