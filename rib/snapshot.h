/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rib/base/reclaim.h"
#include "rib/group.h"
#include "rib/hop_rule.h"
#include "rib/radix.h"

/**
 * @file
 * Versions of "which next-hop group does each prefix have": what every look-up reads.
 *
 * Propagation collects changes in the open version and commits; one store makes the new
 * version current, and a reader that takes it sees one state, however long it looks. The
 * trees are persistent (rib/radix.h), so a version of one change costs about 1.5 KB.
 *
 * **Pins.** A reader that needs longer than one RCU read section (a listing, a resync) pins a
 * version. A block that was born in version b and replaced after version r is freed when no
 * pin is held on any version in [b, r] *and then* a grace period has passed. A pin can be
 * revoked when it has become too old or holds too much: its holder finds out at its next
 * vrs_version_enter() and starts over.
 *
 * **Next hops that may not be used any more.** When a configuration takes some away, the version that
 * follows carries the rule that says which are left: look-ups apply it at once, while groups are
 * still rewritten path by path. A version without one, nearly all of them, is as good as its groups.
 *
 * **Threads.** One writer (propagation): set, remove, commit, turn, revoke. Readers on any
 * registered thread: current, pin, enter, unpin. No locks.
 */

struct vrs_snapshot;

/** One state of the table. Roots are valid inside a read section, or while pinned. */
struct vrs_version {
	uint64_t number;
	struct vrs_radix_root root[2]; /**< [0] IPv4, [1] IPv6. */
	uint64_t n_prefixes;
	struct vrs_hop_rule
		*hops;       /**< Of each group, next hops that it allows; NULL: all of them. */
	uint64_t hops_since; /**< The version that first carried the last rule; 0 = none ever. */
	uint64_t hops_until; /**< And the one in which it had done its work; 0 = not yet. */

	/* The snapshot's own. */
	_Atomic uint32_t pins;
	_Atomic bool revoked;
	uint64_t pinned_since_ms;    /* Writer: when it found the version pinned and replaced. */
	struct vrs_version *older;   /* Writer: list of pinned, replaced versions, newest first. */
	struct vrs_garbage *garbage; /* Writer: blocks that only this pin (or older ones) keeps. */
	uint64_t garbage_bytes;
};

/** @return A snapshot with an empty version 1, owned; NULL if out of memory. */
struct vrs_snapshot *vrs_snapshot_new(struct vrs_reclaim *reclaim) VRS_NODISCARD;

/** No reader is left; pins are ignored. NULL is ignored. */
void vrs_snapshot_free(struct vrs_snapshot *s);

/** Set @p p to @p group in the open version. @return The group it had (0 = none) in *old, and 0;
 *  or -ENOMEM. */
VRS_NODISCARD int vrs_snapshot_set(
	struct vrs_snapshot *s, const struct vrs_prefix *p, uint32_t group, uint32_t *old);

/** Remove @p p from the open version. @return 0 (*old = 0: it was not there) or -ENOMEM. */
VRS_NODISCARD int vrs_snapshot_remove(
	struct vrs_snapshot *s, const struct vrs_prefix *p, uint32_t *old);

/** Touch what changing these prefixes will touch, misses overlapped: before a burst of changes, of 32 or
 *  so, that would each wait for memory. Writer. */
void vrs_snapshot_touch(
	const struct vrs_snapshot *s, const struct vrs_prefix *prefixes, unsigned n);

/** The writer's view of the open version. */
bool vrs_snapshot_get(const struct vrs_snapshot *s, const struct vrs_prefix *p, uint32_t *group);

/** @return Number the open version will have. */
uint64_t vrs_snapshot_open(const struct vrs_snapshot *s);

/** The open version and those that follow carry @p rule (a reference is taken); NULL: none any more. Writer. */
void vrs_snapshot_set_hops(struct vrs_snapshot *s, struct vrs_hop_rule *rule);

/** The rule of the open version. Writer. */
const struct vrs_hop_rule *vrs_snapshot_hops(const struct vrs_snapshot *s);

/** Publish the open version if it changed anything. @return 0, or -ENOMEM (it stays open). */
VRS_NODISCARD int vrs_snapshot_commit(struct vrs_snapshot *s);

/** Free what released pins let go. @param now_ms  For pin ages. */
void vrs_snapshot_turn(struct vrs_snapshot *s, uint64_t now_ms);

/** Revoke every pin on a replaced version that is older than @p max_age_ms or keeps more than
 *  @p max_bytes. @return How many versions lost their pins. */
unsigned vrs_snapshot_revoke(
	struct vrs_snapshot *s, uint64_t now_ms, uint64_t max_age_ms, uint64_t max_bytes);

/** Number of the oldest version that a reader may hold: everything replaced before is gone. */
uint64_t vrs_snapshot_oldest(const struct vrs_snapshot *s);

/** Bytes of all its blocks, those that only pins keep included. Writer. */
size_t vrs_snapshot_bytes(const struct vrs_snapshot *s);

struct vrs_snapshot_stat {
	uint32_t pinned_versions; /**< Replaced, and still pinned. */
	uint64_t pinned_bytes;    /**< Kept by them alone. */
	uint64_t oldest_pin_ms;   /**< Age of the oldest. */
};
void vrs_snapshot_stat(
	const struct vrs_snapshot *s, uint64_t now_ms, struct vrs_snapshot_stat *out);

/** @return The current version, valid until the read section ends. */
const struct vrs_version *vrs_snapshot_current(const struct vrs_snapshot *s) VRS_RCU_READER;

/**
 * The longest prefix of @p v that covers @p addr and has a next hop that may be used, of @p min_len bits
 * at least.
 *
 * @param group, len  Written when there is one of any length.
 */
bool vrs_version_match(const struct vrs_version *v, const struct vrs_group_store *groups,
	const struct vrs_addr *addr, uint8_t min_len, uint32_t *group, uint8_t *len) VRS_RCU_READER;

/** Whether @p group, of a prefix of @p v, has a next hop that may be used. */
bool vrs_version_usable(const struct vrs_version *v, const struct vrs_group_store *groups,
	uint32_t group) VRS_RCU_READER;

/** Pin the current version. @return It, to be unpinned. The thread must be inside a read section. */
struct vrs_version *vrs_snapshot_pin(struct vrs_snapshot *s) VRS_RCU_READER;

/** Whether a pinned version may still be read in this read section. @return 0 or -ESTALE. */
VRS_NODISCARD int vrs_version_check(const struct vrs_version *v) VRS_RCU_READER;

/** Give a pin back; the pointer is dead afterwards. */
void vrs_version_unpin(struct vrs_version *v);
