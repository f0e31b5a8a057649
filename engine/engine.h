/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#pragma once

/**
 * @file
 * The engine: I/O threads, a propagation thread, and the model they serve. Applies
 * configurations and lets any thread ask.
 *
 * **Threads.** One control thread at a time calls init, apply, stop and fini (apply takes a
 * lock). Any RCU-registered thread may use a model it got, and vrs_engine_call_*(). With
 * `threaded` false no thread is started: the *owner*, who ran vrs_engine_turn() last (before
 * that, who called init), is I/O and propagation in one. Its own calls run at once, those of
 * other threads in its next turn.
 */

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "engine/io.h"
#include "engine/model.h"
#include "engine/propagate.h"

struct vrs_engine {
	struct vrs_io io;                   /* The first, or the only one. */
	struct vrs_io *ios[VRS_SHARDS_MAX]; /* All of them. */
	unsigned n_ios;
	struct vrs_propagation propagation;
	pthread_t io_threads[VRS_SHARDS_MAX], propagation_thread;
	bool threaded, running;
	_Atomic uintptr_t owner; /* Without threads: who turns it. */
	pthread_mutex_t apply_lock;
	pthread_mutex_t model_lock; /* Guards the pointer below for a moment. */
	struct vrs_model *model;
	struct vrs_server **removed; /* In no configuration any more, but in somebody's hands. */
	_Atomic size_t n_removed;    /* Both under apply_lock; any thread may look. */
	unsigned old_model_ms;
	struct vrs_clock clock;
	uint64_t started_ms;
};

struct vrs_engine_options {
	bool threaded;          /**< Start threads; else the caller turns the engine. */
	struct vrs_clock clock; /**< Zero: the machine's. */
	uint64_t seed;          /**< Of timers' jitter; 0: drawn. */
	unsigned old_model_ms;  /**< How long apply waits for who reads what it removed; later
				 *   vrs_engine_reap() frees that. 0: 5 s with threads, else none. */
};

/** @param transport  Taken, also on failure. @return 0 or a negative errno. */
VRS_NODISCARD int vrs_engine_init(struct vrs_engine *e, struct vrs_transport *transport,
	const struct vrs_engine_options *options);

/** As vrs_engine_init() with @p n I/O threads (1 to VRS_SHARDS_MAX; with `threaded` only may there be more
 *  than one), a transport for each. */
VRS_NODISCARD int vrs_engine_init_many(struct vrs_engine *e,
	struct vrs_transport *const *transports, unsigned n,
	const struct vrs_engine_options *options);

/** Start the threads. @return 0 or a negative errno. */
VRS_NODISCARD int vrs_engine_start(struct vrs_engine *e);

/**
 * Make @p config the truth. Sessions that need not change stay up.
 *
 * @param config  Taken, also on failure.
 * @return        0; -ENOMEM (what could be applied is).
 */
VRS_NODISCARD int vrs_engine_apply(struct vrs_engine *e, struct vrs_config *config);

/** Told the model that is shown from now on; under the apply lock. @p ctx as given. */
typedef void (*vrs_engine_shown_fn)(void *ctx, struct vrs_model *model);

/**
 * As vrs_engine_apply() with a model already made.
 *
 * @param m      Taken, also on failure.
 * @param shown  Called when it is the current one, before what it replaced is let go of: who
 *               keeps the old one may replace it. Not called when nothing was applied. May be NULL.
 */
VRS_NODISCARD int vrs_engine_apply_model(
	struct vrs_engine *e, struct vrs_model *m, vrs_engine_shown_fn shown, void *ctx);

/** Free removed servers that nobody reads any more; without threads only the owner does. Not inside
 *  a read section. Cheap when there are none. */
void vrs_engine_reap(struct vrs_engine *e);

/** Cease to all peers, wait for their connections to be flushed (1 s at most), end the threads. */
void vrs_engine_stop(struct vrs_engine *e, const char *text);

/** Stopped, and nobody holds a model. */
void vrs_engine_fini(struct vrs_engine *e);

/**
 * One turn of everything, for hosts without threads: what has arrived, what is due, and what
 * follows from it, propagated and handed to the transport.
 *
 * @return Whether anything happened, so that more may follow.
 */
bool vrs_engine_turn(struct vrs_engine *e, int timeout_ms);

/**
 * Owner, before it waits for the transport's descriptor (io/transport.h) by other means than
 * vrs_engine_turn(): calls of other threads make it readable from now on.
 *
 * @param timeout_ms  -1 = for ever.
 * @return            For how long to wait at most.
 */
int vrs_engine_timeout(struct vrs_engine *e, int timeout_ms);

/** @return The transport's descriptor to wait for, or -1. */
int vrs_engine_fd(const struct vrs_engine *e);

/** Owner, that is going to turn no more: what other threads ask is refused (-ESHUTDOWN). */
void vrs_engine_refuse(struct vrs_engine *e);

/** When the next timer is due, on the engine's clock; UINT64_MAX = none. Without threads. */
uint64_t vrs_engine_next_ms(struct vrs_engine *e);

/** The current model, counted: vrs_model_put() it. Any thread. */
struct vrs_model *vrs_engine_model(struct vrs_engine *e);

/** Whether what belongs to the engine's threads may be touched by this one: calls run at once. */
bool vrs_engine_is_ours(const struct vrs_engine *e);

/** Run @p fn on the thread that owns sessions and RIBs, or on propagation's, and wait for it.
 *  Keep it short. @return 0, or -ESHUTDOWN. */
int vrs_engine_call_io(struct vrs_engine *e, vrs_task_fn fn, void *arg);
int vrs_engine_call_propagation(struct vrs_engine *e, vrs_task_fn fn, void *arg);

/** A task for the part of one I/O thread. */
typedef void (*vrs_part_fn)(void *arg, struct vrs_io *io);

/** As vrs_engine_call_io() on I/O thread @p io, or on all of them, one after the other. */
int vrs_engine_call_part(struct vrs_engine *e, unsigned io, vrs_part_fn fn, void *arg);
int vrs_engine_call_parts(struct vrs_engine *e, vrs_part_fn fn, void *arg);
