/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#pragma once

/**
 * @file
 * How threads of one engine reach each other: a mailbox of tasks per thread, and a waker.
 *
 * Control work (configuration, listings, resets) is a function that runs on the thread that
 * owns the data, while the sender waits. It is off the hot path, so a mutex is fine; what is
 * on the hot path has its own queues (rib/base/spsc.h, chunk outboxes).
 */

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/** Wakes a thread that sleeps in poll(): one write at most per sleep. */
struct vrs_waker {
	int fd;                  /**< eventfd; readable when woken. */
	_Atomic uint32_t asleep; /**< Owner is about to wait, or waits. */
};

/** @return 0 or a negative errno. */
int vrs_waker_init(struct vrs_waker *w);
void vrs_waker_fini(struct vrs_waker *w);

/** Owner: say that it is about to sleep; look for work once more before sleeping. */
void vrs_waker_arm(struct vrs_waker *w);

/** Owner: awake again. */
void vrs_waker_disarm(struct vrs_waker *w);

/** Any thread, after it published work. Cheap when the owner is awake. */
void vrs_waker_wake(struct vrs_waker *w);

typedef void (*vrs_task_fn)(void *arg);

struct vrs_task {
	struct vrs_task *next;
	vrs_task_fn fn;
	void *arg;
	bool done; /* Under the mailbox's lock. */
};

struct vrs_mailbox {
	pthread_mutex_t lock;
	pthread_cond_t done;
	struct vrs_task *head, **tail;
	_Atomic uint32_t n; /* Waiting; a hint for the owner. */
	bool closed;
};

void vrs_mailbox_init(struct vrs_mailbox *m);
void vrs_mailbox_fini(struct vrs_mailbox *m);

/**
 * Run @p fn(@p arg) on the owner's thread and wait for it.
 *
 * @param wake  Called after posting, to make the owner look.
 * @return      0; -ESHUTDOWN when the owner has ended (nothing ran).
 */
int vrs_mailbox_call(
	struct vrs_mailbox *m, vrs_task_fn fn, void *arg, void (*wake)(void *ctx), void *wake_ctx);

/** Owner: run what waits, a bounded number. @return How many. */
unsigned vrs_mailbox_run(struct vrs_mailbox *m);

/** Owner, at its end: run what waits and refuse what comes. */
void vrs_mailbox_close(struct vrs_mailbox *m);
