/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#pragma once

/**
 * @file
 * One phase of a run: a thread that sends scripts when they are due, a thread that reads what
 * comes and compares it with the ledgers. They share no lock and no queue, only counters: what
 * was to be sent when stands in the plan.
 *
 *     vrs_phase_begin(&p);                       both threads run
 *     while (!vrs_phase_over(&p) ...) sleep;     watch p.n_right, p.n_sent
 *     vrs_phase_end(&p);                         both are joined; read the results
 *
 * A phase is over when everything is sent and every ledger that must be right is (and nothing
 * more was heard for settle_ns), or when a session is lost that must not be.
 */

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "io/bgp/update.h"
#include "tools/vrslab/hdr.h"
#include "tools/vrslab/script.h"
#include "tools/vrslab/verify.h"

/** Nanoseconds of CLOCK_MONOTONIC. */
uint64_t vrs_lab_now(void);

/** What a thread has used, in nanoseconds. */
struct vrs_lab_usage {
	uint64_t cpu_ns;
	uint64_t wait_ns; /**< It could have run, but every CPU was taken. */
};

/** Of the thread that asks. */
struct vrs_lab_usage vrs_lab_usage(void);

#define VRS_LAB_RX_SIZE ((size_t)256 << 10)

/** One session, as a phase sees it. Kept over the phases of a run. */
struct vrs_lab_session {
	int tx_fd, rx_fd; /**< The same socket, but where two ends are ours. -1 = closed. */
	struct vrs_bgp_decode_ctx ctx;
	uint32_t target_as, own_as;
	bool strict; /**< Its ledger must become right. */
	/** A slow reader: read nothing in the first so many nanoseconds of a phase. Its latencies are
	 *  not recorded. */
	uint64_t deaf_ns;
	struct vrs_ledger ledger; /**< Of the receiving thread while a phase runs. */
	uint32_t *seen; /**< By prefix: the plan's change last heard, or VRS_CHANGE_NONE. */

	/* Of the sending thread. */
	const struct vrs_script *script; /**< NULL = sends nothing but keepalives. */
	size_t step, at;
	uint64_t sent_ns, n_tx_bytes;

	/* Of the receiving thread. */
	uint8_t *rx; /* VRS_LAB_RX_SIZE. */
	size_t rx_size;
	bool right;
	bool lost;     /**< The target ended it. */
	char why[160]; /**< How. */
	uint64_t n_rx_bytes, n_rx_updates, n_rx_announced, n_rx_withdrawn, n_rx_errors;
};

struct vrs_phase {
	/* Set before begin(). */
	struct vrs_lab_session *sessions;
	size_t n_sessions;
	const struct vrs_plan *plan; /**< For latencies; NULL = none. */
	/** Next hops that a target may leave as they are: of senders, and of changes with hops. Others
	 *  than these and its own address are strange. afi 0 = not looked at. */
	struct vrs_addr senders, hops, target;
	uint32_t n_senders, n_hops;
	bool by_sender;     /**< Who announced is part of a word (words.h). */
	bool only_read;     /**< Count bytes, look at nothing: a sink. */
	uint64_t settle_ns; /**< What is right counts only after so much quiet. */
	uint64_t delay_ns;  /**< It starts so long after begin(): whoever watches is ready. */

	/* To be watched while it runs. */
	atomic_uint_fast64_t n_right; /**< Prefixes as they must be, over the strict sessions. */
	atomic_uint_fast64_t n_tx_bytes, n_rx_prefixes;
	atomic_bool sent, right, lost;
	atomic_uint_fast64_t last_rx_ns; /**< When the last UPDATE came; 0 = none yet. */

	/* Results, after end(). Times: nanoseconds of vrs_lab_now(). */
	uint64_t start_ns;
	uint64_t right_at_start; /**< As n_right was. */
	uint64_t sent_ns;        /**< The last byte was with the kernel. */
	/** The last ledger became right, with settle_ns the last UPDATE came; 0 = never. */
	uint64_t right_ns;
	struct vrs_lab_usage tx_usage, rx_usage;
	uint64_t blocked_ns;          /**< No socket took what was due. */
	uint64_t n_changes_seen;      /**< Over all receivers, with those that were overtaken. */
	uint64_t n_overtaken;         /**< A newer change of the prefix came instead. */
	struct vrs_hdr received, lag; /**< Change to receiver; intended to actual sending. */

	/* Private. */
	pthread_t tx, rx;
	atomic_bool stop;
	uint64_t now_ns; /* Of the receiving thread: when this batch had come. */
	bool in_right;
	/* Of the UPDATE at hand. */
	struct vrs_lab_session *session;
	bool deaf; /* The session is a slow reader. */
	uint32_t check;
	int hop;
};

/** @return 0 or a negative errno: then nothing runs. */
VRS_NODISCARD int vrs_phase_begin(struct vrs_phase *p);

/** @return Whether there is nothing more to wait for. */
bool vrs_phase_over(struct vrs_phase *p);

/** Stop and join both threads. */
void vrs_phase_end(struct vrs_phase *p);

/** Release the histograms, and what sessions have of the plan. */
void vrs_phase_fini(struct vrs_phase *p);
