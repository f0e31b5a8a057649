/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

/*
 * The waker is a Dekker pair: the owner sets `asleep`, then looks for work; a sender publishes
 * work, then takes `asleep`. Both are sequentially consistent, so either the owner finds the
 * work or the sender finds it asleep and writes the eventfd.
 */

#include "engine/mailbox.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* Tasks in a row: senders that keep posting do not keep the owner from its own work. */
enum { RUN_MAX = 64 };

int vrs_waker_init(struct vrs_waker *w)
{
	w->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	atomic_init(&w->asleep, 0);
	return w->fd < 0 ? -errno : 0;
}

void vrs_waker_fini(struct vrs_waker *w)
{
	if (w->fd >= 0)
		close(w->fd);
	w->fd = -1;
}

void vrs_waker_arm(struct vrs_waker *w)
{
	atomic_exchange(&w->asleep, 1);
}

void vrs_waker_disarm(struct vrs_waker *w)
{
	uint64_t n;

	/* A sender that took the flag has written, or is about to: at worst the next sleep ends
	 * at once. */
	if (atomic_exchange(&w->asleep, 0) == 0)
		(void)!read(w->fd, &n, sizeof(n));
}

void vrs_waker_wake(struct vrs_waker *w)
{
	uint64_t one = 1;

	atomic_thread_fence(memory_order_seq_cst);
	if (atomic_load_explicit(&w->asleep, memory_order_relaxed) != 0 &&
		atomic_exchange(&w->asleep, 0) != 0)
		(void)!write(w->fd, &one, sizeof(one));
}

void vrs_mailbox_init(struct vrs_mailbox *m)
{
	memset(m, 0, sizeof(*m));
	pthread_mutex_init(&m->lock, NULL);
	pthread_cond_init(&m->done, NULL);
	m->tail = &m->head;
}

void vrs_mailbox_fini(struct vrs_mailbox *m)
{
	pthread_cond_destroy(&m->done);
	pthread_mutex_destroy(&m->lock);
}

int vrs_mailbox_call(
	struct vrs_mailbox *m, vrs_task_fn fn, void *arg, void (*wake)(void *ctx), void *wake_ctx)
{
	struct vrs_task t = {.fn = fn, .arg = arg};

	pthread_mutex_lock(&m->lock);
	if (m->closed) {
		pthread_mutex_unlock(&m->lock);
		return -ESHUTDOWN;
	}
	/* On this stack: we wait below until it has run. */
	*m->tail = &t;
	/* cppcheck-suppress autoVariables */
	m->tail = &t.next;
	atomic_fetch_add(&m->n, 1);
	pthread_mutex_unlock(&m->lock);
	wake(wake_ctx);

	pthread_mutex_lock(&m->lock);
	while (!t.done)
		pthread_cond_wait(&m->done, &m->lock);
	pthread_mutex_unlock(&m->lock);
	return 0;
}

unsigned vrs_mailbox_run(struct vrs_mailbox *m)
{
	unsigned n = 0;

	while (n < RUN_MAX && atomic_load(&m->n) > 0) {
		pthread_mutex_lock(&m->lock);
		struct vrs_task *t = m->head;
		if (t != NULL) {
			m->head = t->next;
			if (m->head == NULL)
				m->tail = &m->head;
			atomic_fetch_sub(&m->n, 1);
		}
		pthread_mutex_unlock(&m->lock);
		if (t == NULL)
			break;
		t->fn(t->arg);
		pthread_mutex_lock(&m->lock);
		t->done = true;
		pthread_cond_broadcast(&m->done);
		pthread_mutex_unlock(&m->lock);
		n++;
	}
	return n;
}

void vrs_mailbox_close(struct vrs_mailbox *m)
{
	pthread_mutex_lock(&m->lock);
	m->closed = true;
	pthread_mutex_unlock(&m->lock);
	while (vrs_mailbox_run(m) > 0)
		;
}
