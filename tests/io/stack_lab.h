/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#pragma once

/**
 * @file
 * Two stacks on one wire, each behind a bad wire of its own, on a virtual clock: what a pair of hosts would
 * do, replayable. Each side has a user that sends a stream of messages framed as BGP's are, and checks that
 * it receives the other's, byte by byte.
 */

#include "io/dpdk/stack.h"
#include "tests/io/mem_wire.h"
#include "tests/random.h"

struct stack_lab;

/** A side's user. */
struct stack_user {
	struct stack_lab *lab;
	unsigned index;
	struct vrs_transport *t;
	struct vrs_conn *conn;
	uint8_t *stream; /* What it sends. */
	uint32_t size, sent;
	uint64_t received;
	unsigned n_up, n_down, n_accepted, n_writable;
	int err;
	bool paused, refuse;
	bool slow; /* Pauses of itself, from time to time. */
};

struct stack_lab_options {
	struct vrs_badwire_config bad[2];
	const char *password[2];
	uint8_t ttl_security;
	uint16_t vlan;
	bool ip6,
		gateway; /* gateway: the sides are in different prefixes, and each other's gateway. */
	bool passive[2];
	uint16_t mtu;
	uint32_t size[2]; /* Of the streams. */
	bool slow[2];
	uint32_t receive_buffer;
	uint64_t seed;
};

struct stack_lab {
	struct stack_user side[2];
	struct vrs_addr addr[2];
	struct vrs_wire *wire[2]; /* The memory wires. */
	struct rng rng;
	uint64_t now_us;
	struct stack_lab_options o;
};

void stack_lab_init(struct stack_lab *l, const struct stack_lab_options *o);

/** Checks that all frames were given back. */
void stack_lab_fini(struct stack_lab *l);

/** Side @p i opens. */
void stack_lab_connect(struct stack_lab *l, unsigned i);

/** Let time pass, a millisecond at a time, and the users send and read. */
void stack_lab_run(struct stack_lab *l, unsigned ms);

/** ... until both have received all, or @p ms are over. @return Whether they have. */
bool stack_lab_finish(struct stack_lab *l, unsigned ms);
