/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#pragma once

/**
 * @file
 * What a receiver was told against what it must be told.
 *
 * A universe is every prefix that a run may name, each with a number; all receivers share it.
 * A ledger is one receiver's side: a word per prefix for what it must hold and one for what it
 * holds, and how many of them agree, kept while UPDATEs come. What the word means is the
 * profile's affair: a hash of the attributes, or the number of a change; 0 = no route.
 *
 * Cost: 8 to 16 bytes a prefix for the universe, 8 a prefix for a ledger. The prefixes of an
 * UPDATE are looked up together, with their lines prefetched.
 *
 * Threads: the universe is read-only once the run begins; a ledger has one owner.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rib/base/bytes.h"
#include "rib/prefix.h"

/** Wanted of a prefix that a receiver may hold or not: the target's choice. No route's word. */
#define VRS_LEDGER_ANY   0x40000000u
/** Most prefixes of a universe. */
#define VRS_UNIVERSE_MAX ((1u << 24) - 2)

struct vrs_universe {
	uint64_t *slots; /* 40 bits of hash, 24 of number + 1; 0 = empty. */
	size_t n_slots;  /* A power of two, at least twice as many as prefixes. */
	uint32_t n, max;
};

/** For up to @p max prefixes. @return 0, -EINVAL or -ENOMEM. */
VRS_NODISCARD int vrs_universe_init(struct vrs_universe *u, uint32_t max);
void vrs_universe_fini(struct vrs_universe *u);

/**
 * Give @p p the next number, or find the one it has.
 *
 * @return The number, or -ENOSPC when there are as many as were asked for.
 */
VRS_NODISCARD int64_t vrs_universe_add(struct vrs_universe *u, const struct vrs_prefix *p);

/** @return The number, or -1. */
int64_t vrs_universe_find(const struct vrs_universe *u, const struct vrs_prefix *p);

struct vrs_ledger {
	const struct vrs_universe *universe;
	uint32_t *want, *have; /* By number. */
	uint32_t n_right;      /**< Prefixes whose words agree, "no route" included. */
	uint32_t n_held;       /**< Prefixes with a route. */
	uint64_t n_strange;    /**< Announcements of prefixes that are not of the universe. */
};

/** Nothing wanted, nothing held. @return 0 or -ENOMEM. */
VRS_NODISCARD int vrs_ledger_init(struct vrs_ledger *l, const struct vrs_universe *u);
void vrs_ledger_fini(struct vrs_ledger *l);

/** The session is gone: nothing is held. */
void vrs_ledger_clear(struct vrs_ledger *l);

/** What is to be held for prefix @p number from now on. */
void vrs_ledger_want(struct vrs_ledger *l, uint32_t number, uint32_t word);

/** Called for each prefix whose word changed, or came again. */
typedef void (*vrs_ledger_fn)(void *ctx, uint32_t number, uint32_t old_word, uint32_t word);

/**
 * An UPDATE's prefixes now have @p word (0 = withdrawn).
 *
 * @param nlri  Checked NLRI of family @p afi, as the decoder gives it.
 * @param fn    May be NULL.
 * @return      Prefixes in it.
 */
size_t vrs_ledger_told(struct vrs_ledger *l, enum vrs_afi afi, struct vrs_span nlri, uint32_t word,
	vrs_ledger_fn fn, void *ctx);

/** @return Whether every prefix is as wanted and nothing strange was told. */
bool vrs_ledger_right(const struct vrs_ledger *l);
