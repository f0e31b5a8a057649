/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#pragma once

/**
 * @file
 * The word of a route in a ledger (verify.h): what a receiver must be told, in 32 bits.
 *
 * A route of a table has the hash of what every daemon passes on unchanged: ORIGIN, the AS path
 * behind the sender's own AS, COMMUNITIES and LARGE_COMMUNITIES in any order. A route of a timed
 * change carries the change's number as the last AS of its path, or in a large community
 * (VRS_CHANGE_AS:number:0) where the path must stay: that is its word, whatever else the daemon
 * did, so that a receiver knows which change it sees. Its check is the hash that a table's route
 * would have: whether the daemon did anything else.
 */

#include <stdbool.h>
#include <stdint.h>

#include "io/bgp/update.h"
#include "rib/base/bytes.h"

/** The last AS of change 0: private use (RFC 6996). */
#define VRS_CHANGE_AS  4200000000u
/** Changes of a run. */
#define VRS_CHANGE_MAX (1u << 26)

/** Word of change @p number: never that of a table's route, never 0. */
static inline uint32_t vrs_word_of_change(uint32_t number)
{
	return number + 1;
}

/** @return Whether the word is a change's; its number is then word - 1. */
static inline bool vrs_word_is_change(uint32_t word)
{
	return word != 0 && word <= VRS_CHANGE_MAX;
}

/** Word of a set of a table (routes.h: without the sender's AS). @p sender_as: of who announces
 *  it, or 0 where any sender will do. */
uint32_t vrs_word_of_set(struct vrs_span set, uint32_t sender_as);

/** Check of the attributes of a change, as its sender encodes them. */
uint32_t vrs_check_of_set(struct vrs_span set);

/**
 * Word of what an UPDATE announces.
 *
 * @param u          Decoded; AS numbers of 4 bytes.
 * @param target_as  Taken off the front of the path when it is there (transit).
 * @param own_as     The receiver's: a path with it is a loop (RFC 4271 section 9.1.2), no route.
 * @param by_sender  Whether the sender's AS, next in the path, is part of the word.
 * @param[out] check Of a change (vrs_check_of_set()).
 * @return           The word; 0 for a loop, and for a route of the target's own, that no sender
 *                   announced.
 */
uint32_t vrs_word_of_update(const struct vrs_bgp_update *u, uint32_t target_as, uint32_t own_as,
	bool by_sender, uint32_t *check);
