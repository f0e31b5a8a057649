/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 *
 * EAL, ports and numbered frames for eal_test.c and port_test.c. EAL starts once in a process, so every test
 * is a child; those that need interfaces have a network namespace of their own.
 */

#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include "io/dpdk/port.h"
#include "rib/base/log.h"

/* In a child cmocka's assertions would return into the parent's runner. */
#define CHECK(x)                                                                      \
	do {                                                                          \
		if (!(x)) {                                                           \
			(void)fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #x); \
			_exit(1);                                                     \
		}                                                                     \
	} while (0)

/** Why what failed last failed. */
extern char lab_why[512];

/** @return Whether interfaces can be made in a namespace, or the tests are to be skipped. */
bool lab_may_make_namespaces(void);

/** Run @p fn in a child; it fails by CHECK(). VRS_TEST_VERBOSE in the environment shows the log. */
void lab_in_child(void (*fn)(void));

void lab_sh(const char *command);

/** From now on the log is kept, up to @p level; and how often @p text is in it. */
void lab_log(enum vrs_log_level level);
unsigned lab_logged(const char *text);

/** A namespace with interfaces va and vb, which are up, quiet and joined. */
void lab_namespace(void);

void lab_eal(uint32_t memory_mib);
struct vrs_port *lab_port(struct vrs_dpdk_port c, unsigned n_threads);
struct vrs_wire *lab_wire(struct vrs_port *p, unsigned thread);

/** A chunk of 64 KiB whose bytes tell where they are; frames are made of it, of one to eight pieces. */
struct vrs_chunk *lab_pattern(void);
bool lab_send(struct vrs_wire *w, struct vrs_chunk *c, uint32_t n);
bool lab_is_ours(const struct vrs_frame *f);
uint32_t lab_number_of(const struct vrs_frame *f);
bool lab_is(const struct vrs_frame *f, const struct vrs_chunk *c, uint32_t n);

/** @return Whether a frame of ours came within five seconds; others are given back. */
bool lab_receive(struct vrs_wire *w, struct vrs_frame *f);

/** Frames [0, n) from one wire to another, at most @p window on their way. */
void lab_carry(struct vrs_wire *from, struct vrs_wire *to, uint32_t n, uint32_t window);
