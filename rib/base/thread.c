/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

/*
 * ThreadSanitizer cannot see liburcu 0.13's inline assembly, so a grace period orders nothing
 * for it and every correct reclaim would be reported. Leaving a read section therefore
 * releases one token, and what runs after a grace period acquires it: exactly the order that
 * a grace period gives, no more (a free without a grace period is still reported;
 * tests/rib/reclaim_test.c keeps that true).
 */

#include "rib/base/thread.h"

#include <urcu/urcu-memb.h>

#if defined(__SANITIZE_THREAD__)
#define VRS_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define VRS_TSAN 1
#endif
#endif

#ifdef VRS_TSAN
void __tsan_acquire(void *addr);
void __tsan_release(void *addr);
static char token;
#define TOKEN_RELEASE() __tsan_release(&token)
#define TOKEN_ACQUIRE() __tsan_acquire(&token)
#else
#define TOKEN_RELEASE() ((void)0)
#define TOKEN_ACQUIRE() ((void)0)
#endif

struct vrs_role vrs_rcu;

static _Thread_local unsigned registered;

static_assert(sizeof(struct rcu_head) <= offsetof(struct vrs_rcu_head, fn),
	"vrs_rcu_head holds liburcu's own head");

void vrs_thread_register_rcu(void)
{
	if (registered++ == 0)
		urcu_memb_register_thread();
}

void vrs_thread_unregister_rcu(void)
{
	assert(registered > 0);
	if (--registered == 0)
		urcu_memb_unregister_thread();
}

bool vrs_thread_registered_rcu(void)
{
	return registered > 0;
}

void vrs_rcu_enter(void) VRS_TS(no_thread_safety_analysis)
{
	assert(registered > 0);
	urcu_memb_read_lock();
}

void vrs_rcu_leave(void) VRS_TS(no_thread_safety_analysis)
{
	TOKEN_RELEASE();
	urcu_memb_read_unlock();
}

void vrs_rcu_wait(void)
{
	assert(!urcu_memb_read_ongoing());
	TOKEN_RELEASE();
	urcu_memb_synchronize_rcu();
	TOKEN_ACQUIRE();
}

static void ripe(struct rcu_head *head)
{
	struct vrs_rcu_head *h = (struct vrs_rcu_head *)head;

	TOKEN_ACQUIRE();
	h->fn(h);
}

void vrs_rcu_call(struct vrs_rcu_head *head, void (*fn)(struct vrs_rcu_head *head))
{
	head->fn = fn;
	TOKEN_RELEASE();
	urcu_memb_call_rcu((struct rcu_head *)head, ripe);
}

void vrs_rcu_barrier(void)
{
	urcu_memb_barrier();
	TOKEN_ACQUIRE();
}

int vrs_rcu_inside(void)
{
	return urcu_memb_read_ongoing();
}
