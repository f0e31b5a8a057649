/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 *
 * A stack that has nothing to do. A thread that found nothing looks again for SPIN_US (a round trip on a fast
 * link), then sleeps: until a port's interrupt where all ports have those, else in naps of an eighth of the time
 * that nothing has come, NAP_MAX_US at most: an idle thread costs its core about a hundredth. wake() ends a nap.
 *
 * A host that has an epoll of its own gets a descriptor instead, with a timer that is armed for the same nap at
 * the end of each poll(). Interrupts are not switched on for it: a host may poll for other reasons meanwhile.
 */

#include <errno.h>
#include <limits.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "io/dpdk/stack_internal.h"

enum {
	SPIN_US = 20,
	NAP_MIN_US = 50,
	NAP_MAX_US = 1000,
};

/* Microseconds until something is due by itself, or until @p deadline_us. */
static uint64_t until_due(struct stack *s, uint64_t deadline_us)
{
	uint64_t now = s->tcp.now_us, wheel = vrs_wheel_next(&s->tcp.wheel);
	uint64_t due = wheel == VRS_WHEEL_NEVER ? deadline_us : VRS_MIN(deadline_us, wheel * 1000);

	for (unsigned i = 0; i < s->family->n_ports; i++) {
		struct link *l = &s->links[i];

		due = VRS_MIN(due, vrs_neigh_next(l->neigh));
		if (l->wire->ops->next_us != NULL)
			due = VRS_MIN(due, l->wire->ops->next_us(l->wire));
	}
	return due > now ? due - now : 0;
}

static void interrupts(struct stack *s, bool on)
{
	for (unsigned i = 0; i < s->family->n_ports; i++)
		if (s->links[i].wire->ops->intr != NULL && !s->links[i].wire->deaf)
			s->links[i].wire->ops->intr(s->links[i].wire, on);
}

/* epoll_wait() for microseconds. Kernels before 5.11 and seccomp filters as old refuse epoll_pwait2(): whole
 * milliseconds then, rounded up, so that nobody turns in circles until a time has come. */
static int wait_us(int fd, struct epoll_event *events, int n, uint64_t us)
{
	static _Atomic bool refused;
	struct timespec ts = {(time_t)(us / 1000000), (long)(us % 1000000) * 1000};
	uint64_t ms = us / 1000 + (us % 1000 > 0);

	if (!atomic_load_explicit(&refused, memory_order_relaxed)) {
		int got = epoll_pwait2(fd, events, n, us == UINT64_MAX ? NULL : &ts, NULL);
		if (got >= 0 || (errno != ENOSYS && errno != EPERM))
			return got;
		atomic_store_explicit(&refused, true, memory_order_relaxed);
	}
	return epoll_wait(fd, events, n, us == UINT64_MAX ? -1 : (int)VRS_MIN(ms, INT_MAX));
}

static void sleep_us(struct stack *s, uint64_t us)
{
	struct epoll_event events[8];

	/* What comes first wakes: a port, wake(), or the time. */
	int n = wait_us(s->epoll_fd, events, 8, us);
	for (int i = 0; i < n; i++) {
		uint64_t count;

		if (events[i].data.fd == s->wake_fd)
			(void)!read(s->wake_fd, &count, sizeof(count));
	}
}

/* How long to look away: an eighth of how long nothing has come, so that what comes at last is that much later
 * at most: a peer's round trip is not made longer than that by us. */
static uint64_t nap_us(const struct stack *s)
{
	uint64_t idle = s->tcp.now_us - s->busy_us;

	return VRS_MIN(VRS_MAX(idle / 8, (uint64_t)NAP_MIN_US), (uint64_t)NAP_MAX_US);
}

/* Sleep, unless something has come before it was on to wake us: a port's interrupt, or another thread that
 * looks whether we nap, after it has written (partner of wake_napping()). */
static void doze(struct stack *s, uint64_t us)
{
	interrupts(s, true);
	atomic_store(&s->napping, true);
	if (vrs_stack_fetch(s) == 0) {
		vrs_stack_publish(s, true);
		sleep_us(s, s->can_sleep ? us : VRS_MIN(us, nap_us(s)));
	}
	atomic_store(&s->napping, false);
	interrupts(s, false);
}

void vrs_stack_wait_for_frames(struct stack *s, uint64_t deadline_us)
{
	for (;;) {
		uint64_t now = s->tcp.now_us = vrs_stack_clock_us(s);

		stack_count(&s->stat.idle_polls, 1);
		if (until_due(s, deadline_us) == 0)
			return;
		if (now - s->busy_us > SPIN_US)
			break;
		if (vrs_stack_fetch(s) > 0)
			return;
	}
	doze(s, until_due(s, deadline_us));
}

void vrs_stack_wait_for_room(struct stack *s, uint64_t deadline_us)
{
	uint64_t now = s->tcp.now_us = vrs_stack_clock_us(s);

	stack_count(&s->stat.idle_polls, 1);
	if (now - s->busy_us <= SPIN_US)
		return;
	sleep_us(s, VRS_MIN(until_due(s, deadline_us), nap_us(s)));
}

/* --- a host's own epoll --- */

static void set_timer(const struct stack *s, uint64_t us)
{
	struct itimerspec at = {.it_value = {(time_t)(us / 1000000), (long)(us % 1000000) * 1000}};

	(void)timerfd_settime(s->nap_fd, 0, &at, NULL); /* It is not readable any more. */
}

void vrs_stack_arm(struct stack *s, bool room)
{
	uint64_t count, us;

	if (s->nap_fd < 0)
		return;
	us = nap_us(s);
	(void)!read(s->wake_fd, &count, sizeof(count));
	if (room && s->tcp.ready == NULL)
		us = VRS_MIN(us, until_due(s, UINT64_MAX));
	else if (room)
		us = 0; /* Some have not had their turn. */
	set_timer(s, VRS_MAX(us, (uint64_t)1));
}

int vrs_stack_fd(const struct vrs_transport *t)
{
	struct stack *s = stack_of(t);

	if (s->nap_fd < 0) {
		s->nap_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
		if (!vrs_stack_watch(s, s->nap_fd))
			return -1;
		set_timer(s, 1);
	}
	return s->epoll_fd;
}

/* --- descriptors --- */

void vrs_stack_wake(struct vrs_transport *t)
{
	static const uint64_t one = 1;
	int saved = errno;

	(void)!write(stack_of(t)->wake_fd, &one, sizeof(one));
	errno = saved;
}

bool vrs_stack_watch(struct stack *s, int fd)
{
	struct epoll_event ev = {.events = EPOLLIN, .data.fd = fd};

	return fd >= 0 && epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, fd, &ev) == 0;
}

int vrs_stack_descriptors(struct stack *s)
{
	s->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	s->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	return s->epoll_fd >= 0 && vrs_stack_watch(s, s->wake_fd) ? 0 : -errno;
}
