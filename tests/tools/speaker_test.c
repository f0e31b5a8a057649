/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

/*
 * A speaker against a listening socket that this test answers by hand, on loopback.
 */

#include "tools/vrslab/speaker.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "io/bgp/encode.h"
#include "io/bgp/notification.h"
#include "tests/test.h"
#include "tools/vrslab/synth.h"

struct bench {
	struct vrs_speaker *s;
	int listener, fd;
	uint8_t in[1 << 20]; /* What the other side has received, in messages. */
	size_t in_size;
	unsigned n_established, n_drained, n_closed;
	struct vrs_speaker_end end;
};

static void on_established(struct vrs_speaker *s)
{
	((struct bench *)s->owner)->n_established++;
}

static void on_drained(struct vrs_speaker *s)
{
	((struct bench *)s->owner)->n_drained++;
}

static void on_refresh(struct vrs_speaker *s, enum vrs_afi afi)
{
}

static void on_closed(struct vrs_speaker *s, const struct vrs_speaker_end *end)
{
	struct bench *b = s->owner;

	b->n_closed++;
	b->end = *end;
}

static const struct vrs_speaker_ops ops = {on_established, on_drained, on_refresh, on_closed};

static uint64_t now(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static int setup(void **state)
{
	static struct bench bench;
	static struct vrs_speaker speaker;
	struct bench *b = &bench;
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(in);

	memset(b, 0, sizeof(*b));
	memset(&speaker, 0, sizeof(speaker));
	b->s = &speaker;
	b->fd = -1;
	b->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	if (bind(b->listener, (struct sockaddr *)&in, size) != 0 || listen(b->listener, 1) != 0 ||
		getsockname(b->listener, (struct sockaddr *)&in, &size) != 0)
		return -1;
	b->s->local = b->s->peer = vrs_addr_ip4(INADDR_LOOPBACK);
	b->s->port = ntohs(in.sin_port);
	b->s->ops = &ops;
	b->s->owner = b;
	b->s->open = (struct vrs_bgp_open){.asn = 65001,
		.id = 1,
		.hold = 180,
		.caps = VRS_BGP_CAP_MULTIPROTOCOL | VRS_BGP_CAP_AS4 | VRS_BGP_CAP_REFRESH,
		.families = VRS_BGP_IP4 | VRS_BGP_IP6};
	vrs_speaker_init(b->s);
	*state = b;
	return 0;
}

static int teardown(void **state)
{
	struct bench *b = *state;

	vrs_speaker_fini(b->s);
	if (b->fd >= 0)
		(void)close(b->fd);
	(void)close(b->listener);
	return 0;
}

/* A turn of both sides. */
static void turn(struct bench *b)
{
	struct pollfd fds[] = {{.fd = b->s->fd, .events = vrs_speaker_events(b->s)}};

	if (b->fd < 0)
		b->fd = accept4(b->listener, NULL, NULL, SOCK_NONBLOCK);
	if (b->fd >= 0) {
		ssize_t n = recv(b->fd, b->in + b->in_size, sizeof(b->in) - b->in_size, 0);
		b->in_size += n > 0 ? (size_t)n : 0;
	}
	(void)poll(fds, 1, 1);
	vrs_speaker_io(b->s, fds[0].revents, now());
	vrs_speaker_tick(b->s, now());
}

static void say(struct bench *b, const uint8_t *bytes, size_t size)
{
	assert_int_equal(send(b->fd, bytes, size, MSG_NOSIGNAL), size);
}

/* Turns until @p n bytes have come. */
static void expect_bytes(struct bench *b, size_t n)
{
	for (uint64_t until = now() + 10000; b->in_size < n;) {
		assert_true(now() < until);
		turn(b);
	}
}

static void say_open(struct bench *b, uint32_t asn)
{
	struct vrs_bgp_open open = {.asn = asn,
		.id = 2,
		.hold = 30,
		.caps = VRS_BGP_CAP_MULTIPROTOCOL | VRS_BGP_CAP_AS4,
		.families = VRS_BGP_IP4 | VRS_BGP_IP6};
	uint8_t buf[4096];

	expect_bytes(b, 29);
	say(b, buf, vrs_bgp_open_encode(&open, buf, sizeof(buf)));
}

/* @return Bytes that OPEN and KEEPALIVE took. */
static size_t establish(struct bench *b)
{
	uint8_t buf[32];

	say_open(b, 65515);
	size_t size = b->in_size;
	expect_bytes(b, size + 19);
	say(b, buf, vrs_bgp_keepalive_encode(buf, sizeof(buf)));
	for (int i = 0; i < 1000 && b->n_established == 0; i++)
		turn(b);
	assert_int_equal(b->n_established, 1);
	return size + 19;
}

static void a_session_comes_up_and_agrees_on_the_least(void **state)
{
	struct bench *b = *state;

	(void)establish(b);
	assert_int_equal(b->s->state, VRS_SPEAKER_ESTABLISHED);
	assert_int_equal(b->s->hold_s, 30);
	assert_int_equal(b->s->theirs.asn, 65515);
	assert_true(b->s->as4);
	assert_false(b->s->ibgp);
}

static void a_table_arrives_byte_for_byte_and_a_cease_ends_it(void **state)
{
	struct bench *b = *state;
	struct vrs_synth options = {20000, 0, 1};
	struct vrs_routes r = {0};
	struct vrs_stream s = {0};
	struct vrs_stream_policy policy = {.asn = 65001, .as4 = true};
	size_t head = establish(b);

	policy.next_hop = b->s->local;
	assert_int_equal(vrs_synth_make(&options, &r), 0);
	assert_int_equal(vrs_stream_announce(&s, &r, VRS_AFI_IP4, &policy), 0);
	assert_true(vrs_speaker_send(b->s, &s));
	expect_bytes(b, head + s.size);
	assert_memory_equal(b->in + head, s.bytes, s.size);
	assert_int_equal(b->n_drained, 1);

	vrs_speaker_stop(b->s, now());
	expect_bytes(b, head + s.size + 21);
	assert_int_equal(b->in[head + s.size + 18], VRS_BGP_NOTIFICATION);
	assert_int_equal(b->in[head + s.size + 19], VRS_BGP_ERR_CEASE);
	(void)close(b->fd);
	b->fd = -1;
	for (int i = 0; i < 1000 && b->s->state != VRS_SPEAKER_STOPPED; i++)
		turn(b);
	assert_int_equal(b->s->state, VRS_SPEAKER_STOPPED);
	assert_int_equal(b->n_closed, 1);
	vrs_stream_fini(&s);
	vrs_routes_fini(&r);
}

static void unqueue_ends_with_a_whole_message(void **state)
{
	struct bench *b = *state;
	struct vrs_synth options = {400000, 0, 1};
	struct vrs_routes r = {0};
	struct vrs_stream s = {0};
	struct vrs_stream_policy policy = {.asn = 65001, .as4 = true};
	const int small = 4096;
	size_t head = establish(b), at = head;
	uint8_t eor[32] = {0};
	struct vrs_stream last = {.bytes = eor, .n_messages = 1};

	/* Nobody reads: the sender stops somewhere inside a message. */
	(void)setsockopt(b->s->fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
	policy.next_hop = b->s->local;
	assert_int_equal(vrs_synth_make(&options, &r), 0);
	assert_int_equal(vrs_stream_announce(&s, &r, VRS_AFI_IP4, &policy), 0);
	assert_true(vrs_speaker_send(b->s, &s));
	int fd = b->fd, listener = b->listener;
	b->fd = b->listener = -1;
	for (int i = 0; i < 20; i++)
		turn(b);
	b->fd = fd;
	b->listener = listener;
	last.size = vrs_bgp_eor_encode(VRS_AFI_IP6, eor, sizeof(eor));
	vrs_speaker_unqueue(b->s);
	assert_true(vrs_speaker_send(b->s, &last));
	for (uint64_t until = now() + 10000; b->n_drained == 0 && now() < until;) {
		turn(b);
		if (b->in_size > sizeof(b->in) / 2) { /* Keep whole messages' count only. */
			struct vrs_bgp_message m;
			struct vrs_bgp_verdict v;
			while (vrs_bgp_message_frame(b->in + at, b->in_size - at, 4096, &m, &v) ==
				VRS_BGP_FRAME_MESSAGE)
				at += m.raw.size;
			memmove(b->in, b->in + at, b->in_size - at);
			b->in_size -= at;
			at = 0;
		}
	}
	assert_int_equal(b->n_drained, 1);
	for (int i = 0; i < 100; i++)
		turn(b);
	struct vrs_bgp_message m;
	struct vrs_bgp_verdict v;
	enum vrs_bgp_frame frame;
	size_t last_size = 0;
	while ((frame = vrs_bgp_message_frame(b->in + at, b->in_size - at, 4096, &m, &v)) ==
		VRS_BGP_FRAME_MESSAGE) {
		at += m.raw.size;
		last_size = m.raw.size;
	}
	assert_int_equal(frame, VRS_BGP_FRAME_MORE);
	assert_int_equal(at, b->in_size);
	assert_int_equal(last_size, last.size);
	assert_true(b->s->n_sent_bytes < s.size);
	vrs_stream_fini(&s);
	vrs_routes_fini(&r);
}

static void a_refusal_has_the_name_of_its_notification(void **state)
{
	struct bench *b = *state;
	uint8_t buf[64];

	expect_bytes(b, 29);
	say(b, buf,
		vrs_bgp_notification_encode(VRS_BGP_ERR_OPEN, VRS_BGP_OPEN_BAD_PEER_AS,
			(struct vrs_span){NULL, 0}, buf, sizeof(buf)));
	for (int i = 0; i < 1000 && b->n_closed == 0; i++)
		turn(b);
	assert_true(b->end.received);
	assert_false(b->end.established);
	assert_int_equal(b->end.code, VRS_BGP_ERR_OPEN);
	assert_string_equal(
		b->end.text, "received NOTIFICATION 2/2 OPEN Message Error, Bad Peer AS");
	assert_int_equal(b->s->state, VRS_SPEAKER_IDLE);
	assert_true(b->s->retry_ms > now());
}

static void what_the_peer_says_is_counted(void **state)
{
	struct bench *b = *state;
	struct vrs_synth options = {1000, 500, 9};
	struct vrs_routes r = {0};
	struct vrs_stream s = {0};
	struct vrs_stream_policy policy = {.asn = 65515, .as4 = true};

	(void)establish(b);
	assert_int_equal(vrs_synth_make(&options, &r), 0);
	policy.next_hop = b->s->local;
	policy.next_hop.bytes[0] = 10;
	assert_int_equal(vrs_stream_announce(&s, &r, VRS_AFI_IP4, &policy), 0);
	assert_int_equal(vrs_addr_parse(&policy.next_hop, "fd00::1"), 0);
	assert_int_equal(vrs_stream_announce(&s, &r, VRS_AFI_IP6, &policy), 0);
	say(b, s.bytes, s.size);
	for (int i = 0; i < 1000 && b->s->n_rx_announced < 1500; i++)
		turn(b);
	assert_int_equal(b->s->n_rx_announced, 1500);
	assert_int_equal(b->s->held.n, 1500);
	assert_int_equal(b->s->n_rx_errors, 0);
	vrs_stream_fini(&s);
	assert_int_equal(vrs_stream_withdraw(&s, &r, VRS_AFI_IP4), 0);
	say(b, s.bytes, s.size);
	for (int i = 0; i < 1000 && b->s->n_rx_withdrawn < 1000; i++)
		turn(b);
	assert_int_equal(b->s->held.n, 500);
	vrs_stream_fini(&s);
	vrs_routes_fini(&r);
}

static void nonsense_is_answered_and_the_session_tried_again(void **state)
{
	struct bench *b = *state;
	static const uint8_t zeros[19] = {0};
	size_t head = establish(b);

	say(b, zeros, sizeof(zeros));
	for (int i = 0; i < 1000 && b->n_closed == 0; i++)
		turn(b);
	assert_int_equal(b->end.code, VRS_BGP_ERR_HEADER);
	assert_false(b->end.received);
	assert_true(b->end.established);
	expect_bytes(b, head + 21);
	assert_int_equal(b->in[head + 18], VRS_BGP_NOTIFICATION);
	assert_int_equal(b->s->state, VRS_SPEAKER_IDLE);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_session_comes_up_and_agrees_on_the_least),
		TEST(a_table_arrives_byte_for_byte_and_a_cease_ends_it),
		TEST(unqueue_ends_with_a_whole_message),
		TEST(a_refusal_has_the_name_of_its_notification),
		TEST(what_the_peer_says_is_counted),
		TEST(nonsense_is_answered_and_the_session_tried_again),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
