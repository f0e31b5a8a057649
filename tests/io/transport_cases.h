/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#pragma once

/**
 * @file
 * What io/transport.h promises, whoever keeps it: cases that kernel sockets (kernel_test.c) and our own TCP
 * (stack_test.c) both run. Two transports, a and b, each with an endpoint towards the other; what they say is
 * framed as BGP's messages are, and every byte of it is summed up.
 */

#include "io/transport.h"
#include "tests/test.h"

/** What an end does inside a callback. */
enum transport_deed { DO_NOTHING, DO_CLOSE, DO_FLUSH };

/** One end of a connection. */
struct transport_end {
	struct vrs_transport *t;
	struct vrs_conn *conn;
	unsigned up, down, writable, presented, messages;
	int err;
	uint64_t received;
	uint64_t sum;  /* Of the bytes, each times its place. */
	uint64_t take; /* Messages to consume; the rest is left. */
	bool pause;    /* Pauses when there is no more to take. */
	enum transport_deed in_up, in_rx, in_writable, in_down;
};

struct transport_lab {
	struct vrs_transport *a, *b;
	struct vrs_endpoint ep_a, ep_b;
	struct transport_end in, out;   /* Opened by b, accepted by a. */
	struct transport_end in2, out2; /* Opened by a, accepted by b. */
	bool refuse, last_word;
	bool admits; /* What accept() returns after a last word. */
	unsigned accepts;
	int64_t memory_max; /* What a reader that stands still may cost. */
	uint64_t (*now_ms)(void);
	void (*step)(void); /* Poll both; a millisecond goes by. */
};

extern struct transport_lab lab;

/** What is the same for all: accept() and the ends; a, b, endpoints and clock are there. */
void transport_lab_init(void);

/** Both endpoints; b connects, and a has accepted it. */
void transport_lab_link(void);

void transport_lab_add(struct vrs_transport *t, const struct vrs_endpoint *ep);

/** b connects. */
void transport_lab_dial(void);

void transport_lab_spin(uint64_t ms);

extern const struct vrs_conn_ops transport_end_ops;

/** A message of @p size bytes, 19 at least. */
void transport_say(struct transport_end *e, uint32_t size);

/** @return A chunk of @p n messages of @p size bytes each. */
struct vrs_chunk *transport_messages(uint32_t n, uint32_t size);

#define LAB_WITHIN(ms, condition)                               \
	do {                                                    \
		uint64_t until_ms = lab.now_ms() + (ms);        \
		while (!(condition) && lab.now_ms() < until_ms) \
			lab.step();                             \
		assert_true(condition);                         \
	} while (0)
#define LAB_UNTIL(condition) LAB_WITHIN(5000, condition)

/** @return Connections that @p t has, those that flush included. */
uint64_t transport_open(struct vrs_transport *t);

/** X(name) for each. */
#define TRANSPORT_CASES(X)                                    \
	X(two_ends_meet_and_know_their_addresses)             \
	X(a_refused_connection_is_closed)                     \
	X(a_last_word_is_heard_before_the_close)              \
	X(endpoints_are_unique_and_can_come_back)             \
	X(a_big_transfer_goes_both_ways_in_order)             \
	X(a_paused_reader_stops_the_writer_and_loses_nothing) \
	X(a_reader_that_leaves_everything_is_paused_for_it)   \
	X(what_was_left_is_presented_again_with_what_follows) \
	X(an_orderly_close_comes_after_the_last_byte)         \
	X(flushing_waits_a_second_at_most)                    \
	X(a_close_without_flush_drops_the_queue)              \
	X(closing_inside_callbacks_is_allowed)                \
	X(both_may_connect_at_once)                           \
	X(connections_outlive_their_endpoint)                 \
	X(equal_passwords_connect)                            \
	X(different_or_missing_passwords_get_no_answer)       \
	X(a_removed_password_is_forgotten)                    \
	X(ttl_security_on_both_sides_connects)                \
	X(ttl_security_drops_what_a_plain_peer_sends)

/** What sets the lab up and takes it down; cases with several rounds call them too. */
int transport_setup(void **state);
int transport_teardown(void **state);

#define TRANSPORT_DECLARE(name) void name(void **state);
TRANSPORT_CASES(TRANSPORT_DECLARE)
