/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#pragma once

/**
 * @file
 * Sessions on an in-memory net and a virtual clock. "Ours" (a) is the session under test at
 * 10.0.0.4; the peer at 10.0.1.4 is a session too (b), or a script that sends raw bytes.
 *
 * There is one lab, made anew for each test by LAB_TEST(). Whatever goes wrong ends the test.
 */

#include "io/session/session.h"
#include "tests/io/mem_transport.h"

enum { OUR_ID = 0x0a000004, LOW_ID = 0x0a000001, HIGH_ID = 0x0a0000ff };

/** What a session told its user. */
struct lab_log {
	unsigned established, down, updates, refreshes, writable;
	unsigned withdraws;
	bool refuse; /**< update() says no. */
	struct vrs_session_error error;
	unsigned subtype;
};

/** A scripted connection of the peer. */
struct raw {
	struct vrs_conn *conn;
	uint8_t got[65536];
	size_t n_got;
	bool up, closed;
};

struct session_lab {
	struct mem_net *net;
	struct vrs_transport *ta, *tb;
	struct vrs_wheel wheel;
	struct vrs_session *a, *b;
	struct lab_log la, lb;
	struct raw in, out; /**< Accepted from us; opened to us. */
};

extern struct session_lab lab;

int lab_setup(void **state);
int lab_teardown(void **state);

#define LAB_TEST(f) cmocka_unit_test_setup_teardown(f, lab_setup, lab_teardown)

/** @return What our session, or the peer's, is usually configured with. */
struct vrs_session_config lab_config(bool ours);

/** @return A session, lab.a or lab.b to be, with its log; not started. */
struct vrs_session *lab_session(const struct vrs_session_config *c, bool ours);

/** Until nothing moves any more; no time passes. */
void lab_settle(void);

/** Let @p ms milliseconds pass. */
void lab_run_ms(uint64_t ms);

/** Start two sessions, and give them time to be Established. */
void lab_pair(const struct vrs_session_config *ca, const struct vrs_session_config *cb);

/** Start ours against the script, which listens: lab.in is what it accepts. */
void lab_scripted(const struct vrs_session_config *ca);

/** The same, up to Established. */
void lab_scripted_established(uint16_t hold);

/* --- The script --- */

/** Messages in hexadecimal. */
#define MARKER    "ffffffffffffffffffffffffffffffff "
#define KEEPALIVE MARKER "0013 04 "
#define UPDATE    MARKER "0017 02 0000 0000 "
#define REFRESH   MARKER "0017 05 0001 00 01 "

/** Connect to us, as lab.out or as @p r. */
void raw_connect(void);
void raw_connect_as(struct raw *r);

void raw_send(struct raw *r, const uint8_t *data, size_t size);
void raw_hex(struct raw *r, const char *hex);
void raw_open(struct raw *r, uint32_t asn, uint32_t id, uint16_t hold);

/** The last thing that @p r got is this NOTIFICATION, and it is closed. */
void expect_notification(const struct raw *r, unsigned code, unsigned subcode);
