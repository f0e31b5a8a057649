/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#pragma once

/**
 * @file
 * Threads and RCU, named here and nowhere else.
 *
 * The flavour is liburcu memb: a registered thread that blocks outside a read section delays
 * no one, which an embeddable library needs (qsbr would be 1 ns cheaper and pin memory for
 * ever behind a host thread that sleeps).
 *
 * **Rules.** A thread registers before its first read section and unregisters before it ends.
 * One read section per turn of a poll loop; leave it before any call that may block. Pointers
 * that readers follow are read with vrs_rcu_load() and written with vrs_rcu_publish(); both
 * are acquire/release atomics, which cost nothing on x86 and which ThreadSanitizer
 * understands (it cannot see the assembly in liburcu 0.13). What readers may still hold is
 * given to rib/base/reclaim.h, never freed at once.
 */

#include <stdatomic.h>
#include <stdbool.h>

#include "rib/base/macro.h"

#if defined(__clang__)
#define VRS_TS(x) __attribute__((x))
#else
#define VRS_TS(x)
#endif

/** A thread role for clang's -Wthread-safety: held, not stored. */
struct VRS_TS(capability("role")) vrs_role {
	char unused;
};

/** The RCU read side, held between vrs_rcu_enter() and vrs_rcu_leave(). */
extern struct vrs_role vrs_rcu;

#define VRS_RCU_READER VRS_TS(requires_shared_capability(vrs_rcu))
#define VRS_WRITER(r)  VRS_TS(requires_capability(r))

#define vrs_rcu_load(p)       __atomic_load_n(&(p), __ATOMIC_ACQUIRE)
#define vrs_rcu_publish(p, v) __atomic_store_n(&(p), (v), __ATOMIC_RELEASE)

/** Register the calling thread; nests (a count per thread). */
void vrs_thread_register_rcu(void);
void vrs_thread_unregister_rcu(void);

/** Whether the calling thread is registered. */
bool vrs_thread_registered_rcu(void);

/** Enter a read section; nests. The thread must be registered. */
void vrs_rcu_enter(void) VRS_TS(acquire_shared_capability(vrs_rcu));
void vrs_rcu_leave(void) VRS_TS(release_shared_capability(vrs_rcu));

/** Wait for every read section that has begun to end. Never on an I/O thread, nor inside one. */
void vrs_rcu_wait(void);

/** Run @p fn(arg) on liburcu's worker after a grace period. @p head lies in the object. */
struct vrs_rcu_head {
	void *opaque[2];
	void (*fn)(struct vrs_rcu_head *head);
};
void vrs_rcu_call(struct vrs_rcu_head *head, void (*fn)(struct vrs_rcu_head *head));

/** Wait until every vrs_rcu_call() made before has run. */
void vrs_rcu_barrier(void);

/** For assertions: whether the calling thread is inside a read section. */
int vrs_rcu_inside(void);
