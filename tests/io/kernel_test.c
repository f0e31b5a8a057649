/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 *
 * Two transports in one thread over loopback addresses and an unprivileged port.
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

#include "tests/test.h"

/* One end of a connection. */
struct end {
	struct vrs_conn *conn;
	struct vrs_transport *t;
	unsigned up, down, writable, presented;
	int err;
	uint64_t received;
	uint64_t take; /* bytes to consume; then leave the rest */
	uint64_t sum;  /* of the bytes, each times its place */
	bool pause;    /* pause when there is no more to take */
	bool close_in_rx;
};

static struct {
	struct vrs_transport *a, *b;
	struct end in, out; /* accepted by a; opened by b */
	bool refuse, last_word;
	unsigned accepts;
	uint16_t port;
} w;

static uint64_t now_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static void on_up(void *user, struct vrs_conn *conn)
{
	struct end *e = user;

	assert_ptr_equal(e->conn, conn);
	e->up++;
}

static size_t on_rx(void *user, struct vrs_conn *conn, const uint8_t *data, size_t size)
{
	struct end *e = user;
	size_t n = VRS_MIN(size, e->take);

	e->presented++;
	for (size_t i = 0; i < n; i++)
		e->sum += data[i] * (e->received + i + 1);
	e->received += n;
	e->take -= n;
	if (e->close_in_rx) {
		e->t->ops->close(conn, false);
		e->conn = NULL;
	} else if (n < size && e->pause) {
		e->t->ops->pause(conn);
	}
	return n;
}

static void on_down(void *user, struct vrs_conn *, int err)
{
	struct end *e = user;

	e->down++;
	e->err = err;
	e->conn = NULL;
}

static void on_writable(void *user, struct vrs_conn *)
{
	((struct end *)user)->writable++;
}

static const struct vrs_conn_ops ops = {on_up, on_rx, on_down, on_writable};

static struct vrs_chunk *bytes(uint32_t size, uint8_t first)
{
	struct vrs_chunk *c = vrs_chunk_new(size);

	assert_non_null(c);
	for (c->size = 0; c->size < size; c->size++)
		c->data[c->size] = (uint8_t)(first + c->size * 7);
	return c;
}

static void say(struct end *e, const char *text)
{
	struct vrs_chunk *c = vrs_chunk_new((uint32_t)strlen(text));

	assert_non_null(c);
	memcpy(c->data, text, strlen(text));
	c->size = (uint32_t)strlen(text);
	assert_int_equal(e->t->ops->send(e->conn, c, 0, c->size), 0);
	vrs_chunk_put(c);
}

static bool on_accept(void *, void *endpoint_user, struct vrs_conn *conn,
	const struct vrs_conn_ops **o, void **user)
{
	w.accepts++;
	if (w.last_word) {
		struct end e = {.conn = conn, .t = w.a};

		say(&e, "bye");
		w.a->ops->close(conn, true);
		return true;
	}
	if (w.refuse)
		return false;
	w.in = (struct end){.conn = conn, .t = w.a, .take = UINT64_MAX};
	*o = &ops;
	*user = endpoint_user;
	return true;
}

#define UNTIL(condition)                                          \
	do {                                                      \
		uint64_t until_ms = now_ms() + 5000;              \
		while (!(condition) && now_ms() < until_ms) {     \
			assert_true(w.a->ops->poll(w.a, 0) >= 0); \
			assert_true(w.b->ops->poll(w.b, 1) >= 0); \
		}                                                 \
		assert_true(condition);                           \
	} while (0)

static void spin(uint64_t ms)
{
	for (uint64_t until = now_ms() + ms; now_ms() < until;) {
		assert_true(w.a->ops->poll(w.a, 0) >= 0);
		assert_true(w.b->ops->poll(w.b, 1) >= 0);
	}
}

static struct vrs_endpoint endpoint(const char *local, const char *remote)
{
	struct vrs_endpoint ep = {.local_port = w.port, .remote_port = w.port};

	assert_int_equal(vrs_addr_parse(&ep.local, local), 0);
	assert_int_equal(vrs_addr_parse(&ep.remote, remote), 0);
	return ep;
}

static struct vrs_endpoint ep_a(void)
{
	return endpoint("127.0.0.11", "127.0.0.12");
}

static struct vrs_endpoint ep_b(void)
{
	return endpoint("127.0.0.12", "127.0.0.11");
}

static int setup(void **)
{
	static uint16_t next;

	memset(&w, 0, sizeof(w));
	/* Runs at once keep apart by their pid; time-wait by counting on. */
	w.port = (uint16_t)(20000 + (unsigned)getpid() % 8000 + next++);
	w.a = vrs_kernel_transport_new();
	w.b = vrs_kernel_transport_new();
	assert_non_null(w.a);
	assert_non_null(w.b);
	w.a->accept = on_accept;
	w.out = (struct end){.t = w.b, .take = UINT64_MAX};
	return 0;
}

static int teardown(void **)
{
	w.a->ops->free(w.a);
	w.b->ops->free(w.b);
	assert_int_equal(vrs_mem_used(VRS_MEM_SESSION), 0);
	assert_int_equal(vrs_mem_used(VRS_MEM_EXPORT), 0);
	return 0;
}

static void add(struct vrs_transport *t, const struct vrs_endpoint *ep, void *user)
{
	assert_int_equal(t->ops->endpoint_add(t, ep, user), 0);
}

static void dial(const struct vrs_endpoint *from)
{
	assert_int_equal(
		w.b->ops->connect(w.b, &from->local, &from->remote, &ops, &w.out, &w.out.conn), 0);
}

static void linked(void)
{
	struct vrs_endpoint a = ep_a(), b = ep_b();

	add(w.a, &a, &w.in);
	add(w.b, &b, NULL);
	dial(&b);
	UNTIL(w.out.up == 1 && w.accepts == 1);
}

/* --- tests ------------------------------------------------------------------------------ */

static void two_ends_meet_and_know_their_addresses(void **)
{
	struct vrs_addr local, remote;
	uint16_t lp, rp, rp2;
	char s[VRS_ADDR_STRLEN];

	linked();
	w.a->ops->info(w.in.conn, &local, &lp, &remote, &rp);
	assert_string_equal(vrs_addr_str(&local, s), "127.0.0.11");
	assert_string_equal(vrs_addr_str(&remote, s), "127.0.0.12");
	assert_int_equal(lp, w.port);
	w.b->ops->info(w.out.conn, &local, &lp, NULL, &rp2);
	assert_int_equal(lp, rp);
	assert_int_equal(rp2, w.port);
	assert_string_equal(vrs_addr_str(&local, s), "127.0.0.12");
	w.b->ops->info(w.out.conn, NULL, NULL, NULL, NULL);
	say(&w.out, "hello");
	say(&w.in, "good evening");
	UNTIL(w.in.received == 5 && w.out.received == 12);
}

static void ip6_works_the_same(void **)
{
	/* ::1 is the only loopback address there is; the listener tells the two ends apart. */
	struct vrs_endpoint a = endpoint("::1", "::1"), b = a;
	int fd = socket(AF_INET6, SOCK_STREAM, 0);
	struct sockaddr_in6 to = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};

	if (fd < 0 || bind(fd, (struct sockaddr *)&to, sizeof(to)) != 0) {
		print_message("no IPv6 on this machine\n");
		if (fd >= 0)
			(void)close(fd);
		skip();
	}
	(void)close(fd);
	b.local_port = (uint16_t)(w.port + 8000);
	add(w.a, &a, &w.in);
	add(w.b, &b, NULL);
	dial(&b);
	UNTIL(w.out.up == 1 && w.accepts == 1);
	say(&w.out, "hello");
	UNTIL(w.in.received == 5);
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
		.sin_port = htons(w.port),
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
	struct vrs_endpoint a = ep_a();
	struct vrs_transport_stat st;
	char byte;

	add(w.a, &a, &w.in);
	int fd = connected("127.0.0.13");
	spin(20);
	assert_true(recv(fd, &byte, 1, 0) <= 0);
	(void)close(fd);
	w.a->ops->stat(w.a, &st);
	assert_int_equal(st.refused_unknown, 1);
	assert_int_equal(st.accepted, 0);
	assert_int_equal(w.accepts, 0);
}

static void a_refused_connection_is_closed(void **)
{
	w.refuse = true;
	linked();
	UNTIL(w.out.down == 1);
	assert_int_equal(w.out.received, 0);
}

static void a_last_word_is_heard_before_the_close(void **)
{
	w.last_word = true;
	linked();
	UNTIL(w.out.down == 1);
	assert_int_equal(w.out.received, 3);
	assert_int_equal(w.out.err, 0);
}

static void nobody_listening_is_told_by_down(void **)
{
	struct vrs_endpoint b = ep_b();

	add(w.b, &b, NULL);
	dial(&b);
	assert_int_equal(w.out.down, 0);
	UNTIL(w.out.down == 1);
	assert_int_equal(w.out.err, ECONNREFUSED);
	assert_int_equal(w.out.up, 0);
}

static void endpoints_are_unique_and_can_come_back(void **)
{
	struct vrs_endpoint a = ep_a(), foreign = endpoint("192.0.2.1", "192.0.2.2");
	struct vrs_conn *conn;

	add(w.a, &a, NULL);
	assert_int_equal(w.a->ops->endpoint_add(w.a, &a, NULL), -EEXIST);
	assert_int_equal(w.a->ops->endpoint_add(w.a, &foreign, NULL), -EADDRNOTAVAIL);
	assert_int_equal(w.b->ops->endpoint_add(w.b, &a, NULL), -EADDRINUSE);
	w.a->ops->endpoint_remove(w.a, &a.local, &a.remote);
	assert_int_equal(w.b->ops->endpoint_add(w.b, &a, NULL), 0);
	assert_int_equal(w.a->ops->connect(w.a, &a.local, &a.remote, &ops, NULL, &conn), -ENOENT);
	w.b->ops->endpoint_remove(w.b, &a.local, &a.remote);
	w.b->ops->endpoint_remove(w.b, &a.local, &a.remote);
}

static void a_big_transfer_goes_both_ways_in_order(void **)
{
	enum { CHUNK = 100000, N = 160 };
	struct vrs_chunk *c = bytes(CHUNK, 3);
	uint64_t sum = 0;

	linked();
	for (uint64_t i = 0; i < (uint64_t)CHUNK * N; i++)
		sum += c->data[i % CHUNK] * (i + 1);
	for (int i = 0; i < N; i++) {
		/* Whole, and in pieces that join again. */
		assert_int_equal(w.a->ops->send(w.in.conn, c, 0, CHUNK), 0);
		assert_int_equal(w.b->ops->send(w.out.conn, c, 0, 1000), 0);
		assert_int_equal(w.b->ops->send(w.out.conn, c, 1000, CHUNK - 1000), 0);
	}
	vrs_chunk_put(c);
	assert_int_equal(w.a->ops->queued(w.in.conn), CHUNK * N);
	UNTIL(w.in.received == (uint64_t)CHUNK * N && w.out.received == (uint64_t)CHUNK * N);
	assert_true(w.in.sum == sum);
	assert_true(w.out.sum == sum);
	assert_int_equal(w.in.writable, 1);
	assert_int_equal(w.out.writable, 1);
	assert_int_equal(w.a->ops->queued(w.in.conn), 0);
}

static void a_paused_reader_stops_the_writer_and_loses_nothing(void **)
{
	enum { SIZE = 16 << 20 };
	struct vrs_chunk *c = bytes(SIZE, 9);
	uint64_t sum = 0;

	linked();
	for (uint64_t i = 0; i < SIZE; i++)
		sum += c->data[i] * (i + 1);
	w.in.take = 100001;
	w.in.pause = true;
	assert_int_equal(w.b->ops->send(w.out.conn, c, 0, SIZE), 0);
	vrs_chunk_put(c);
	spin(300);
	assert_int_equal(w.in.received, 100001);
	size_t queued = w.b->ops->queued(w.out.conn);
	assert_true(queued > 1 << 20);
	assert_int_equal(w.out.writable, 0);
	unsigned presented = w.in.presented;
	spin(50);
	assert_int_equal(w.in.presented, presented);
	assert_int_equal(w.b->ops->queued(w.out.conn), queued);

	/* Little by little, then all. */
	for (int i = 0; i < 100; i++) {
		w.in.take = 777;
		w.a->ops->resume(w.in.conn);
		UNTIL(w.in.take == 0);
	}
	w.in.take = UINT64_MAX;
	w.a->ops->resume(w.in.conn);
	UNTIL(w.in.received == SIZE);
	assert_true(w.in.sum == sum);
	assert_int_equal(w.out.writable, 1);
}

static void a_reader_that_leaves_everything_is_paused_for_it(void **)
{
	enum { SIZE = 8 << 20 };
	struct vrs_chunk *c = bytes(SIZE, 1);

	linked();
	w.in.take = 0;
	assert_int_equal(w.b->ops->send(w.out.conn, c, 0, SIZE), 0);
	vrs_chunk_put(c);
	spin(200);
	assert_true(w.b->ops->queued(w.out.conn) > 0);
	assert_true(vrs_mem_used(VRS_MEM_SESSION) < 2 << 20);
	w.in.take = UINT64_MAX;
	w.a->ops->resume(w.in.conn);
	UNTIL(w.in.received == SIZE);
}

static void what_was_left_is_presented_again_with_what_follows(void **)
{
	linked();
	w.in.take = 2;
	say(&w.out, "abcdef");
	UNTIL(w.in.received == 2);
	w.in.take = 100;
	say(&w.out, "gh");
	UNTIL(w.in.received == 8);
}

static void an_orderly_close_comes_after_the_last_byte(void **)
{
	enum { SIZE = 300000 };
	struct vrs_chunk *c = bytes(SIZE, 5);

	linked();
	assert_int_equal(w.b->ops->send(w.out.conn, c, 0, SIZE), 0);
	vrs_chunk_put(c);
	w.b->ops->close(w.out.conn, true);
	UNTIL(w.in.down == 1);
	assert_int_equal(w.in.received, SIZE);
	assert_int_equal(w.in.err, 0);
	assert_int_equal(w.out.down, 0);

	struct vrs_transport_stat st;
	spin(20);
	w.b->ops->stat(w.b, &st);
	assert_int_equal(st.open, 0);
}

static void flushing_waits_a_second_at_most(void **)
{
	enum { SIZE = 16 << 20 };
	struct vrs_chunk *c = bytes(SIZE, 5);
	struct vrs_transport_stat st;

	linked();
	w.in.take = 0;
	w.in.pause = true;
	assert_int_equal(w.b->ops->send(w.out.conn, c, 0, SIZE), 0);
	vrs_chunk_put(c);
	w.b->ops->close(w.out.conn, true);
	spin(800);
	w.b->ops->stat(w.b, &st);
	assert_int_equal(st.open, 1);
	spin(400);
	w.b->ops->stat(w.b, &st);
	assert_int_equal(st.open, 0);
}

static void a_close_without_flush_drops_the_queue(void **)
{
	struct vrs_chunk *c = bytes(16 << 20, 5);

	linked();
	assert_int_equal(w.b->ops->send(w.out.conn, c, 0, c->size), 0);
	vrs_chunk_put(c);
	w.b->ops->close(w.out.conn, false);
	UNTIL(w.in.down == 1);
	assert_true(w.in.received < 16 << 20);
	assert_int_equal(w.out.down, 0);
}

static void closing_inside_rx_is_allowed(void **)
{
	linked();
	w.in.close_in_rx = true;
	say(&w.out, "x");
	UNTIL(w.out.down == 1);
	assert_int_equal(w.in.down, 0);
}

static void a_reset_while_paused_is_noticed(void **)
{
	struct linger hard = {1, 0};
	struct vrs_endpoint a = ep_a();

	add(w.a, &a, &w.in);
	int fd = connected("127.0.0.12");
	UNTIL(w.accepts == 1);
	w.a->ops->pause(w.in.conn);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard)), 0);
	(void)close(fd);
	UNTIL(w.in.down == 1);
	assert_int_equal(w.in.err, ECONNRESET);
}

static void a_sibling_that_is_busy_is_handed_no_more_than_a_peer_may_have(void **)
{
	enum { MANY = 3 * VRS_CONNS_PER_PEER };
	struct vrs_endpoint ours = endpoint("127.0.0.11", "127.0.0.13"), its = ep_a();
	struct vrs_transport *family[2], *busy;
	struct vrs_transport_stat st = {0};
	int fds[MANY];

	assert_int_equal(vrs_kernel_transports_new(2, family), 0);
	busy = family[1];
	busy->accept = on_accept;
	w.refuse = true;
	add(family[0], &ours, NULL);
	add(busy, &its, &w.in);
	for (unsigned i = 0; i < MANY; i++)
		fds[i] = connected("127.0.0.12");
	for (uint64_t until = now_ms() + 5000;
		st.refused_crowd < MANY - VRS_CONNS_PER_PEER && now_ms() < until;) {
		assert_true(family[0]->ops->poll(family[0], 1) >= 0);
		family[0]->ops->stat(family[0], &st);
	}
	assert_int_equal(st.refused_crowd, MANY - VRS_CONNS_PER_PEER);
	assert_int_equal(w.accepts, 0);
	for (uint64_t until = now_ms() + 5000; w.accepts < VRS_CONNS_PER_PEER && now_ms() < until;)
		assert_true(busy->ops->poll(busy, 1) >= 0);
	assert_int_equal(w.accepts, VRS_CONNS_PER_PEER);
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

	assert_int_equal(pthread_create(&thread, NULL, waker, w.a), 0);
	assert_true(w.a->ops->poll(w.a, 5000) >= 0);
	assert_true(now_ms() - start < 2000);
	(void)pthread_join(thread, NULL);
}

static void out_of_descriptors_the_peer_is_refused_and_the_loop_does_not_spin(void **)
{
	struct vrs_endpoint a = ep_a();
	struct rlimit old, low;
	struct vrs_transport_stat st;
	char byte;

	add(w.a, &a, &w.in);
	int fd = plain_socket("127.0.0.12");
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	int top = dup(fd);
	(void)close(top);
	low = (struct rlimit){(rlim_t)top, old.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
	plain_connect(fd);
	for (int i = 0; i < 10; i++)
		assert_true(w.a->ops->poll(w.a, 10) >= 0);
	int rest = w.a->ops->poll(w.a, 10);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	assert_true(recv(fd, &byte, 1, 0) <= 0);
	(void)close(fd);
	assert_int_equal(rest, 0);
	assert_int_equal(w.accepts, 0);
	w.a->ops->stat(w.a, &st);
	assert_int_equal(st.accepted, 0);
}

/* --- TCP-MD5, TTL ----------------------------------------------------------------------- */

static bool md5_or_skip(struct vrs_endpoint *a, const char *password)
{
	(void)snprintf(a->password, sizeof(a->password), "%s", password);
	int rc = w.a->ops->endpoint_add(w.a, a, &w.in);
	if (rc == -EPERM || rc == -ENOPROTOOPT) {
		print_message("no TCP-MD5 here: errno %d\n", -rc);
		return false;
	}
	assert_int_equal(rc, 0);
	return true;
}

static void equal_passwords_connect(void **)
{
	struct vrs_endpoint a = ep_a(), b = ep_b();

	if (!md5_or_skip(&a, "secret"))
		skip();
	(void)snprintf(b.password, sizeof(b.password), "secret");
	add(w.b, &b, NULL);
	dial(&b);
	UNTIL(w.out.up == 1 && w.accepts == 1);
	say(&w.out, "hello");
	UNTIL(w.in.received == 5);
}

static void different_or_missing_passwords_get_no_answer(void **state)
{
	static const char *const rows[][2] = {{"secret", "other"}, {"secret", ""}, {"", "secret"}};

	for (size_t i = 0; i < VRS_N_ELEMS(rows); i++) {
		struct vrs_endpoint a = ep_a(), b = ep_b();

		if (!md5_or_skip(&a, rows[i][0]))
			skip();
		(void)snprintf(b.password, sizeof(b.password), "%s", rows[i][1]);
		add(w.b, &b, NULL);
		dial(&b);
		spin(200);
		assert_int_equal(w.out.up, 0);
		assert_int_equal(w.accepts, 0);
		if (i + 1 < VRS_N_ELEMS(rows)) {
			teardown(state);
			setup(state);
		}
	}
}

static void a_removed_password_is_forgotten(void **)
{
	struct vrs_endpoint a = ep_a(), other = endpoint("127.0.0.11", "127.0.0.14"), b = ep_b();

	if (!md5_or_skip(&a, "secret"))
		skip();
	add(w.a, &other, NULL); /* keeps the listener */
	w.a->ops->endpoint_remove(w.a, &a.local, &a.remote);
	a.password[0] = '\0';
	add(w.a, &a, &w.in);
	add(w.b, &b, NULL);
	dial(&b);
	UNTIL(w.out.up == 1 && w.accepts == 1);
}

static void ttl_security_on_both_sides_connects(void **)
{
	struct vrs_endpoint a = ep_a(), b = ep_b();

	a.ttl_security = b.ttl_security = 1;
	add(w.a, &a, &w.in);
	add(w.b, &b, NULL);
	dial(&b);
	UNTIL(w.out.up == 1 && w.accepts == 1);
	say(&w.out, "hello");
	say(&w.in, "hello");
	UNTIL(w.in.received == 5 && w.out.received == 5);
}

static void ttl_security_drops_what_a_plain_peer_sends(void **)
{
	struct vrs_endpoint a = ep_a(), b = ep_b();

	a.ttl_security = 1;
	add(w.a, &a, &w.in);
	add(w.b, &b, NULL);
	dial(&b);
	spin(100);
	if (w.out.up == 1)
		say(&w.out, "hello");
	spin(300);
	assert_int_equal(w.in.received, 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(two_ends_meet_and_know_their_addresses),
		TEST(ip6_works_the_same),
		TEST(an_unknown_source_is_closed_and_counted_before_any_byte),
		TEST(a_refused_connection_is_closed),
		TEST(a_last_word_is_heard_before_the_close),
		TEST(nobody_listening_is_told_by_down),
		TEST(endpoints_are_unique_and_can_come_back),
		TEST(a_big_transfer_goes_both_ways_in_order),
		TEST(a_paused_reader_stops_the_writer_and_loses_nothing),
		TEST(a_reader_that_leaves_everything_is_paused_for_it),
		TEST(what_was_left_is_presented_again_with_what_follows),
		TEST(an_orderly_close_comes_after_the_last_byte),
		TEST(flushing_waits_a_second_at_most),
		TEST(a_close_without_flush_drops_the_queue),
		TEST(closing_inside_rx_is_allowed),
		TEST(a_reset_while_paused_is_noticed),
		TEST(a_sibling_that_is_busy_is_handed_no_more_than_a_peer_may_have),
		TEST(wake_ends_a_long_poll_from_another_thread),
		TEST(out_of_descriptors_the_peer_is_refused_and_the_loop_does_not_spin),
		TEST(equal_passwords_connect),
		TEST(different_or_missing_passwords_get_no_answer),
		TEST(a_removed_password_is_forgotten),
		TEST(ttl_security_on_both_sides_connects),
		TEST(ttl_security_drops_what_a_plain_peer_sends),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
