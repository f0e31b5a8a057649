/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 *
 * Two transports in one thread over loopback addresses and an unprivileged port: what every transport promises
 * (transport_cases.h), and what only sockets can show.
 */

#include "io/kernel/kernel.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "tests/io/transport_cases.h"

static uint64_t now_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static void step(void)
{
	assert_true(lab.a->ops->poll(lab.a, 0) >= 0);
	assert_true(lab.b->ops->poll(lab.b, 1) >= 0);
}

static uint16_t port;

static struct vrs_endpoint endpoint(const char *local, const char *remote)
{
	struct vrs_endpoint ep = {.local_port = port, .remote_port = port};

	assert_int_equal(vrs_addr_parse(&ep.local, local), 0);
	assert_int_equal(vrs_addr_parse(&ep.remote, remote), 0);
	return ep;
}

int transport_setup(void **)
{
	static uint16_t next;

	memset(&lab, 0, sizeof(lab));
	/* Runs at once keep apart by their pid; time-wait by counting on. */
	port = (uint16_t)(20000 + (unsigned)getpid() % 8000 + next++);
	lab.a = vrs_kernel_transport_new();
	lab.b = vrs_kernel_transport_new();
	assert_non_null(lab.a);
	assert_non_null(lab.b);
	lab.ep_a = endpoint("127.0.0.11", "127.0.0.12");
	lab.ep_b = endpoint("127.0.0.12", "127.0.0.11");
	lab.memory_max = 2 << 20;
	lab.now_ms = now_ms;
	lab.step = step;
	transport_lab_init();
	return 0;
}

int transport_teardown(void **)
{
	lab.a->ops->free(lab.a);
	lab.b->ops->free(lab.b);
	assert_int_equal(vrs_mem_used(VRS_MEM_SESSION), 0);
	assert_int_equal(vrs_mem_used(VRS_MEM_EXPORT), 0);
	return 0;
}

/* --- tests ------------------------------------------------------------------------------ */

static void ip6_works_the_same(void **)
{
	int fd = socket(AF_INET6, SOCK_STREAM, 0);
	struct sockaddr_in6 to = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};

	if (fd < 0 || bind(fd, (struct sockaddr *)&to, sizeof(to)) != 0) {
		print_message("no IPv6 on this machine\n");
		if (fd >= 0)
			(void)close(fd);
		skip();
	}
	(void)close(fd);
	/* ::1 is the only loopback address there is; the listener tells the two ends apart. */
	lab.ep_a = lab.ep_b = endpoint("::1", "::1");
	lab.ep_b.local_port = (uint16_t)(port + 8000);
	transport_lab_link();
	transport_say(&lab.out, 20);
	LAB_UNTIL(lab.in.received == 20);
}

/* A socket of no transport; connect it to A. */
static int plain_socket(const char *from)
{
	struct sockaddr_in sin = {.sin_family = AF_INET, .sin_addr = {inet_addr(from)}};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&sin, sizeof(sin)), 0);
	return fd;
}

static void plain_connect(int fd)
{
	struct sockaddr_in sin = {.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr = {inet_addr("127.0.0.11")}};

	assert_int_equal(connect(fd, (struct sockaddr *)&sin, sizeof(sin)), 0);
}

static int connected(const char *from)
{
	int fd = plain_socket(from);

	plain_connect(fd);
	return fd;
}

static void an_unknown_source_is_closed_and_counted_before_any_byte(void **)
{
	struct vrs_endpoint a = lab.ep_a;
	struct vrs_transport_stat st;
	char byte;

	transport_lab_add(lab.a, &a);
	int fd = connected("127.0.0.13");
	transport_lab_spin(20);
	assert_true(recv(fd, &byte, 1, 0) <= 0);
	(void)close(fd);
	lab.a->ops->stat(lab.a, &st);
	assert_int_equal(st.refused_unknown, 1);
	assert_int_equal(st.accepted, 0);
	assert_int_equal(lab.accepts, 0);
}

static void nobody_listening_is_told_by_down(void **)
{
	struct vrs_endpoint b = lab.ep_b;

	transport_lab_add(lab.b, &b);
	transport_lab_dial();
	assert_int_equal(lab.out.down, 0);
	LAB_UNTIL(lab.out.down == 1);
	assert_int_equal(lab.out.err, ECONNREFUSED);
	assert_int_equal(lab.out.up, 0);
}

static void an_address_and_port_has_one_listener(void **)
{
	const struct vrs_endpoint *a = &lab.ep_a;

	transport_lab_add(lab.a, a);
	assert_int_equal(lab.b->ops->endpoint_add(lab.b, a, NULL), -EADDRINUSE);
	lab.a->ops->endpoint_remove(lab.a, &a->local, &a->remote);
	assert_int_equal(lab.b->ops->endpoint_add(lab.b, a, NULL), 0);
}

static void a_reset_while_paused_is_noticed(void **)
{
	struct linger hard = {1, 0};
	struct vrs_endpoint a = lab.ep_a;

	transport_lab_add(lab.a, &a);
	int fd = connected("127.0.0.12");
	LAB_UNTIL(lab.accepts == 1);
	lab.a->ops->pause(lab.in.conn);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard)), 0);
	(void)close(fd);
	LAB_UNTIL(lab.in.down == 1);
	assert_int_equal(lab.in.err, ECONNRESET);
}

static void a_sibling_that_is_busy_is_handed_no_more_than_a_peer_may_have(void **)
{
	enum { MANY = 3 * VRS_CONNS_PER_PEER };
	struct vrs_endpoint ours = endpoint("127.0.0.11", "127.0.0.13"), its = lab.ep_a;
	struct vrs_transport *family[2], *busy;
	struct vrs_transport_stat st = {0};
	int fds[MANY];

	assert_int_equal(vrs_kernel_transports_new(2, family), 0);
	busy = family[1];
	busy->accept = lab.a->accept;
	busy->accept_ctx = busy;
	lab.refuse = true;
	transport_lab_add(family[0], &ours);
	transport_lab_add(busy, &its);
	for (unsigned i = 0; i < MANY; i++)
		fds[i] = connected("127.0.0.12");
	for (uint64_t until = now_ms() + 5000;
		st.refused_crowd < MANY - VRS_CONNS_PER_PEER && now_ms() < until;) {
		assert_true(family[0]->ops->poll(family[0], 1) >= 0);
		family[0]->ops->stat(family[0], &st);
	}
	assert_int_equal(st.refused_crowd, MANY - VRS_CONNS_PER_PEER);
	assert_int_equal(lab.accepts, 0);
	for (uint64_t until = now_ms() + 5000;
		lab.accepts < VRS_CONNS_PER_PEER && now_ms() < until;)
		assert_true(busy->ops->poll(busy, 1) >= 0);
	assert_int_equal(lab.accepts, VRS_CONNS_PER_PEER);
	for (unsigned i = 0; i < MANY; i++)
		(void)close(fds[i]);
	family[0]->ops->free(family[0]);
	busy->ops->free(busy);
}

static void *waker(void *t)
{
	struct vrs_transport *transport = t;

	(void)usleep(50000);
	transport->ops->wake(transport);
	return NULL;
}

static void wake_ends_a_long_poll_from_another_thread(void **)
{
	pthread_t thread;
	uint64_t start = now_ms();

	assert_int_equal(pthread_create(&thread, NULL, waker, lab.a), 0);
	assert_true(lab.a->ops->poll(lab.a, 5000) >= 0);
	assert_true(now_ms() - start < 2000);
	(void)pthread_join(thread, NULL);
}

static void out_of_descriptors_the_peer_is_refused_and_the_loop_does_not_spin(void **)
{
	struct vrs_endpoint a = lab.ep_a;
	struct rlimit old, low;
	struct vrs_transport_stat st;
	char byte;

	transport_lab_add(lab.a, &a);
	int fd = plain_socket("127.0.0.12");
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	int top = dup(fd);
	(void)close(top);
	low = (struct rlimit){(rlim_t)top, old.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
	plain_connect(fd);
	for (int i = 0; i < 10; i++)
		assert_true(lab.a->ops->poll(lab.a, 10) >= 0);
	int rest = lab.a->ops->poll(lab.a, 10);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	assert_true(recv(fd, &byte, 1, 0) <= 0);
	(void)close(fd);
	assert_int_equal(rest, 0);
	assert_int_equal(lab.accepts, 0);
	lab.a->ops->stat(lab.a, &st);
	assert_int_equal(st.accepted, 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, transport_setup, transport_teardown)
#define ROW(f)  TEST(f),

int main(void)
{
	const struct CMUnitTest tests[] = {TEST(ip6_works_the_same),
		TEST(an_unknown_source_is_closed_and_counted_before_any_byte),
		TEST(nobody_listening_is_told_by_down), TEST(an_address_and_port_has_one_listener),
		TEST(a_reset_while_paused_is_noticed),
		TEST(a_sibling_that_is_busy_is_handed_no_more_than_a_peer_may_have),
		TEST(wake_ends_a_long_poll_from_another_thread),
		TEST(out_of_descriptors_the_peer_is_refused_and_the_loop_does_not_spin),
		TRANSPORT_CASES(ROW)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
