/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#pragma once

/**
 * @file
 * What the senders of a phase send, and when: encoded before the clock runs.
 *
 * A script is one session's bytes with times: by at_ns the bytes up to end are to be sent. Times
 * are *intended* ones, nanoseconds from the start of the phase: whoever measures from them sees
 * every stall, also that of the sender (coordinated omission). A plan is the scripts of all
 * senders and the numbered changes in them.
 *
 * Threads: made by one; then read-only, for any.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rib/prefix.h"
#include "tools/vrslab/routes.h"
#include "tools/vrslab/stream.h"

#define VRS_CHANGE_NONE UINT32_MAX

struct vrs_script_step {
	uint64_t at_ns;
	size_t end; /**< In the stream. */
};

struct vrs_script {
	struct vrs_stream stream;
	struct vrs_script_step *steps;
	size_t n_steps, cap_steps;
};

/** What a change does. */
enum vrs_change_kind {
	VRS_CHANGE_PATH,      /**< Announced; its number is the last AS of the path. */
	VRS_CHANGE_ATTRIBUTE, /**< Announced with the path it had; its number is in a large community. */
	VRS_CHANGE_WITHDRAW,
	VRS_CHANGE_MALFORMED, /**< An UPDATE that RFC 7606 treats as withdraw. */
};

/** One numbered change of a prefix. */
struct vrs_change {
	uint64_t at_ns;
	uint32_t prefix; /**< Number in the universe. */
	uint32_t next;   /**< The following change of the same prefix, or VRS_CHANGE_NONE. */
	uint32_t check;  /**< Of what is announced (words.h). */
	uint16_t hop;    /**< As in vrs_plan_change. */
	bool withdraw;   /**< For who hears of it. */
	bool joined; /**< Of the same UPDATE as the change before: they share that one's word. */
};

struct vrs_plan {
	struct vrs_script *scripts; /**< One per sender. */
	size_t n_scripts;
	uint32_t first; /**< Number of changes[0]; numbers go on over the phases of a run. */
	struct vrs_change *changes;
	size_t n_changes, cap_changes;
	/** By prefix: the index of its first and of its last change, or VRS_CHANGE_NONE. */
	uint32_t *first_of, *last_of;
	uint32_t n_prefixes;
};

/** @return 0 or -ENOMEM. */
VRS_NODISCARD int vrs_plan_init(
	struct vrs_plan *p, size_t n_senders, uint32_t n_prefixes, uint32_t first);
void vrs_plan_fini(struct vrs_plan *p);

/** What was appended to a sender's stream since the last step is to be sent by @p at_ns.
 *  @return 0 or -ENOMEM. */
VRS_NODISCARD int vrs_plan_step(struct vrs_plan *p, size_t sender, uint64_t at_ns);

/** Changes of one UPDATE, in the order of time for each sender. */
struct vrs_plan_change {
	size_t sender;
	uint64_t at_ns;
	const uint32_t *numbers;           /**< Of the prefixes, in the universe: n of them. */
	const struct vrs_prefix *prefixes; /**< Of one family, none twice. */
	size_t n;
	enum vrs_change_kind kind;
	struct vrs_span set; /**< Announced with these attributes, and the number of the first. */
	unsigned hops;       /**< So many AS numbers more in the path (path hunting). */
	uint16_t hop;        /**< Which next hop the policy has: 0 = the sender itself. */
};

/** @return Where in changes[] prefix @p number stands in the UPDATE whose word is @p word;
 *          VRS_CHANGE_NONE when it is not a change of this plan. */
uint32_t vrs_plan_find(const struct vrs_plan *p, uint32_t word, uint32_t number);

/** @return The change of prefix @p number that follows @p seen (VRS_CHANGE_NONE = none yet). */
static inline uint32_t vrs_plan_after(const struct vrs_plan *p, uint32_t number, uint32_t seen)
{
	return seen == VRS_CHANGE_NONE ? p->first_of[number] : p->changes[seen].next;
}

/** @return The word (words.h) of changes[index]. */
uint32_t vrs_plan_word(const struct vrs_plan *p, uint32_t index);

/**
 * Append changes: one UPDATE, or as few as hold the prefixes.
 *
 * @return 0; -ENOMEM; -ENOSPC after VRS_CHANGE_MAX of them; -EINVAL when the policy's next hop
 *         cannot carry the prefix, -EMSGSIZE when the attributes fit no message.
 */
VRS_NODISCARD int vrs_plan_change(struct vrs_plan *p, const struct vrs_plan_change *change,
	const struct vrs_stream_policy *policy);
