/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#pragma once

/**
 * @file
 * Propagation: the one thread that turns changes of RIBs into versions, deltas and UPDATEs.
 *
 * A turn takes some thousand dirty entries of each RIB, brings the snapshot in line with their
 * forwarding words, commits one version, shows the deltas, marks what has to be exported, and
 * encodes for every peer that has room. It never waits while there is work; with none it
 * sleeps on its waker.
 *
 * **Threads.** vrs_propagation_turn() and everything marked "propagation" run on one thread at a time:
 * propagation's own, or, while that sleeps, the I/O thread that has a few changes to be told
 * (vrs_propagation_try()). That saves a quiet daemon two wake-ups of another thread per change.
 * I/O threads submit and close exports. Any registered thread reads a RIB's snapshot, groups
 * and delta log inside a read section.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "engine/clock.h"
#include "engine/export.h"
#include "engine/mailbox.h"
#include "engine/observe.h"
#include "rib/base/bitset.h"
#include "rib/delta.h"
#include "rib/shards.h"
#include "rib/snapshot.h"
#include "rib/table.h"

struct vrs_propagation;

/** What was taken of a table's changes, and when those that wait were made. */
struct vrs_rib_queue {
	_Atomic uint64_t n_taken;     /* Dirty entries, ever: so many of the table's n_marked. */
	uint64_t was_taken, taken_ns; /* Until the last turn that took some, and when. */
	uint64_t judged_at;           /* n_marked when all paths had been judged by a new rule. */
	struct vrs_stamps stamps;     /* From the I/O thread. */
};

/** One RIB as propagation sees it: the tables' readers' side and everything derived from them. An entry
 *  is known here by its index in its table and, in the lowest bits, the table's number. */
struct vrs_rib {
	struct vrs_table *table; /* The first, or the only one. */
	struct vrs_table *tables[VRS_SHARDS_MAX];
	uint32_t n_tables, bits;
	struct vrs_snapshot *snapshot;
	struct vrs_delta_log *log;
	struct vrs_propagation *propagation;
	struct vrs_rib *next;

	/* Propagation's. */
	struct vrs_export *exports;
	struct vrs_export_group *export_groups;
	bool export_waits;         /* Some of them for a peer that does not read. */
	struct vrs_hop_rule *hops; /* Which next hops may be used, as configured; NULL at first. */
	bool hops_told, hops_judged; /* To all tables; by all of them, see judged_at. */
	struct vrs_prefix *system;   /* The network's prefixes, told to every peer. */
	size_t n_system;
	uint32_t *group_refs; /* By group: prefixes of the open version that have it. */
	uint32_t cap_groups;
	struct vrs_idle_group *idle; /* Groups the writer has let go of. */
	size_t n_idle, cap_idle;
	uint16_t *entry_refs; /* By entry: groups that have it told or pending. */
	uint32_t cap_entries;
	struct vrs_bitset retry; /* Entries that found no memory; looked at again. */
	uint64_t gave_back;      /* Writers that got something since the last turn, a bit each. */
	uint32_t next_table;     /* Whose changes are taken next. */
	_Atomic bool branch_to_branch;
	struct vrs_rib_queue *queues; /* By table. */
	_Atomic uint64_t n_deltas;
	uint64_t n_shown;            /* Of those, when a version was last counted. */
	_Atomic uint64_t changed_ms; /* When the last delta was made. */
	_Atomic uint64_t pending;    /* Entries some peer has still to be told about. */
	_Atomic uint64_t bytes;      /* Of snapshot and exports, as of the last turn. */
	_Atomic uint64_t pinned_since_ms, pinned_bytes; /* As of the last turn. */
	_Atomic uint32_t pinned_versions;               /* Replaced, and held by readers. */
	_Atomic uint64_t n_resyncs; /* Consumers that the log has left behind, ever. Any thread. */
};

/** A class or class-less consumer that wants to know of new deltas. */
struct vrs_watcher {
	int fd;            /**< eventfd; readable after deltas were published. */
	bool once;         /**< Written to only when `told` is clear. */
	_Atomic bool told; /**< The reader clears it, then looks at the log: nothing is missed. */
	const struct vrs_delta_log *_Atomic log; /**< What it reads; NULL = nothing now. */
	_Atomic uint64_t cursor;                 /**< How far it is; the consumer's. */
	struct vrs_watcher *next;
};

/** The consumers of one log. */
struct vrs_watcher_stat {
	uint64_t n;
	uint64_t lag; /**< Of the one that is furthest behind, in deltas. */
};

struct vrs_propagation {
	pthread_mutex_t baton; /* Held by the thread that is "propagation"; I/O threads only try. */
	struct vrs_waker waker;
	struct vrs_mailbox mailbox;
	struct vrs_reclaim *reclaim;
	struct vrs_rib *ribs;
	struct vrs_export *_Atomic incoming; /* Submitted by I/O threads. */
	struct vrs_export *_Atomic closing;
	struct vrs_export *_Atomic dead[VRS_SHARDS_MAX]; /* Handed back, by I/O thread. */
	void (*wake_io)(void *ctx, uint64_t which);
	void *wake_io_ctx;
	struct vrs_clock clock;
	pthread_mutex_t watch_lock;
	struct vrs_watcher *watchers;
	_Atomic uint32_t n_watchers;
	_Atomic uint64_t turns, versions;
	_Atomic uint64_t inline_turns; /* Of turns: of I/O threads. */
	struct vrs_hist stages[VRS_PROPAGATION_N_STAGES];
	struct vrs_hist changes; /* Entries taken for a version. */
	uint64_t max_pin_ms, max_pin_bytes;
	uint32_t log_blocks; /* Of 1024 deltas, a power of two; of RIBs made from now on. */
	_Atomic bool stop;
};

/** @param wake_io  Called when I/O threads have something to do, a bit each. @return 0 or a negative errno. */
VRS_NODISCARD int vrs_propagation_init(struct vrs_propagation *p, enum vrs_reclaim_mode mode,
	void (*wake_io)(void *ctx, uint64_t which), void *wake_io_ctx);

/** No RIB is left, no thread runs it. */
void vrs_propagation_fini(struct vrs_propagation *p);

static inline struct vrs_table *vrs_rib_table(const struct vrs_rib *rib, uint32_t index)
{
	return rib->tables[index & ((1u << rib->bits) - 1)];
}

/** The entry of an index, borrowed until the read section ends. */
static inline struct vrs_entry *vrs_rib_entry(const struct vrs_rib *rib, uint32_t index)
{
	return vrs_table_entry(vrs_rib_table(rib, index), index >> rib->bits);
}

/** Its prefix; see vrs_entry_prefix(). */
static inline struct vrs_prefix vrs_rib_prefix(const struct vrs_rib *rib, uint32_t index)
{
	return vrs_entry_prefix(vrs_rib_table(rib, index), vrs_rib_entry(rib, index));
}

/** Entries that wait to be taken. Any thread. */
static inline uint64_t vrs_rib_untaken(const struct vrs_rib *rib)
{
	uint64_t n = 0;

	for (uint32_t t = 0; t < rib->n_tables; t++) {
		/* Taken first: what is marked meanwhile makes it more, never less than nothing. */
		uint64_t taken = atomic_load(&rib->queues[t].n_taken);

		n += atomic_load(&rib->tables[t]->n_marked) - taken;
	}
	return n;
}

/** Whether no table has changes that were not taken. Propagation. */
bool vrs_rib_is_clean(const struct vrs_rib *rib);

/** @return A RIB over @p table and those that it shares it with (rib/shards.h), not yet added; NULL if out
 *          of memory. */
struct vrs_rib *vrs_rib_new(struct vrs_propagation *p, struct vrs_table *table) VRS_NODISCARD;

/** Not in propagation any more, no reader is left. */
void vrs_rib_free(struct vrs_rib *rib);

/** Propagation (or before its thread starts). Removing takes what is closing along. */
void vrs_propagation_add(struct vrs_propagation *p, struct vrs_rib *rib);
void vrs_propagation_remove(struct vrs_propagation *p, struct vrs_rib *rib);

/** Set the network's prefixes; peers get the difference. The RIB's writer has then to touch learned
 *  routes on exactly the prefixes that came or went (vrs_table_touch()): they begin or cease to be
 *  hidden. Propagation. @return 0 or -ENOMEM. */
VRS_NODISCARD int vrs_rib_set_system(
	struct vrs_rib *rib, const struct vrs_prefix *prefixes, size_t n);

/**
 * Set which next hops may be used. When some may not any more, the next version says so, and the versions that
 * follow until every path has been judged by the rule. The tables are told after it, vrs_table_revalidate(),
 * and then vrs_rib_hops_told(). A reference is taken. Propagation.
 */
void vrs_rib_set_hops(struct vrs_rib *rib, struct vrs_hop_rule *rule);
void vrs_rib_hops_told(struct vrs_rib *rib);

/** Whether gateways are told learned routes. Propagation. */
void vrs_rib_set_branch_to_branch(struct vrs_rib *rib, bool on);

/** Whether @p p is one of the network's own prefixes. Propagation. */
bool vrs_rib_is_system(const struct vrs_rib *rib, const struct vrs_prefix *p);

/** Count groups that know of an entry; at zero an empty entry goes back to its writer.
 *  Propagation. @return 0 or -ENOMEM. */
VRS_NODISCARD int vrs_rib_entry_get(struct vrs_rib *rib, uint32_t index);
void vrs_rib_entry_put(struct vrs_rib *rib, uint32_t index);

/** Table @p table has marked @p n entries by now, the last ones at @p now_ns. Its I/O thread, before it wakes
 *  propagation. */
void vrs_rib_marked(struct vrs_rib *rib, unsigned table, uint64_t n, uint64_t now_ns);

/** I/O thread. */
void vrs_propagation_submit(struct vrs_propagation *p, struct vrs_export *x);
void vrs_propagation_close(struct vrs_propagation *p, struct vrs_export *x);

/** I/O thread @p home: its exports that propagation is done with, linked by next_dead. */
struct vrs_export *vrs_propagation_take_dead(struct vrs_propagation *p, unsigned home);

/** Work for a bounded while. @return Whether there is more to do at once. */
bool vrs_propagation_turn(struct vrs_propagation *p);

/**
 * Be propagation for a turn, unless another thread is, or more than @p max_changes wait in all RIBs, or
 * tasks. I/O thread; not while it holds the baton.
 *
 * @return false: another is, or should. It may have looked already: wake it.
 */
bool vrs_propagation_try(struct vrs_propagation *p, uint64_t max_changes);

/** Run until p->stop, sleeping when there is nothing to do. The thread is RCU-registered. */
void vrs_propagation_run(struct vrs_propagation *p);

/** Milliseconds after which it wants a turn though nothing came: 0 = at once. Propagation. */
int vrs_propagation_timeout(struct vrs_propagation *p);

/** Any thread: tell all watchers to look. */
void vrs_propagation_tell(struct vrs_propagation *p);

/** Any thread: be told of deltas. */
void vrs_propagation_watch(struct vrs_propagation *p, struct vrs_watcher *w);
void vrs_propagation_unwatch(struct vrs_propagation *p, struct vrs_watcher *w);
struct vrs_watcher_stat vrs_propagation_watchers(
	struct vrs_propagation *p, const struct vrs_delta_log *log);
