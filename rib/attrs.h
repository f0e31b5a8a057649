/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rib/base/macro.h"
#include "rib/base/reclaim.h"
#include "rib/intern.h"
#include "rib/prefix.h"

/**
 * @file
 * Interned path attributes: equal sets are one record with a 32-bit id, so equality is id
 * equality and a path costs 4 bytes.
 *
 * **Canonical bytes** are what a set is: path attributes in ascending type code, each
 * {flags, code, length, value} with the extended-length flag set exactly when the value is
 * over 255 bytes, partial bit as it will be sent on, AS numbers 4 bytes wide (RFC 6793), no
 * AS4_PATH, no AS4_AGGREGATOR, no MP_REACH_NLRI or MP_UNREACH_NLRI. NEXT_HOP (code 3) holds
 * the next hop of *either* family: 4, 16 or 32 bytes (RFC 2545 global and link-local). What
 * a receive rule discarded is not in it, so it can never be sent on. The codec
 * (io/bgp/update.h) makes these bytes and decodes the info beside them, once per set.
 *
 * **Threads.** One writer per store: intern, get, put, turn. Readers on any thread may call
 * vrs_attrs_find() inside an RCU read section and use the record until they leave it.
 * **Ownership.** The store counts holders of an id per writer in a dense array (4 bytes an
 * id, so counting touches no record). A set whose count falls to zero is freed a grace
 * period later; its id may then mean another set.
 */

#define VRS_ATTRS_NONE 0u /**< The id that is never given out. */

/** Facts the decision and the export need, decoded once per set. */
struct vrs_attrs_info {
	struct vrs_addr next_hop; /**< Global next hop. */
	uint8_t origin;           /**< 0 IGP, 1 EGP, 2 incomplete (RFC 4271, section 5.1.1). */
	uint8_t cluster_len;      /**< CLUSTER_IDs in CLUSTER_LIST (RFC 4456), capped at 255. */
	uint16_t flags;           /**< VRS_ATTRS_HAS_*. */
	uint16_t path_len;        /**< RFC 4271 9.1.2.2 a: an AS_SET counts 1, confederation 0. */
	uint32_t local_pref;      /**< 100 where absent. */
	uint32_t med;             /**< 0 where absent. */
	uint32_t first_as;        /**< Leftmost AS of an AS_SEQUENCE at the front, else 0. */
	uint32_t originator_id;   /**< RFC 4456; meaningful with VRS_ATTRS_HAS_ORIGINATOR. */
};

enum {
	VRS_ATTRS_HAS_LOCAL_PREF = 1 << 0,
	VRS_ATTRS_HAS_MED = 1 << 1,
	VRS_ATTRS_HAS_ORIGINATOR = 1 << 2,
	VRS_ATTRS_NO_EXPORT = 1 << 3,    /**< Community 65535:65281 (or :65283). */
	VRS_ATTRS_NO_ADVERTISE = 1 << 4, /**< Community 65535:65282. */
};

/** One interned set. Immutable once published, but for the writer's cache. */
struct vrs_attrs {
	struct vrs_intern_head head;
	struct vrs_attrs_info info;
	uint32_t group;  /* Writer's cache: the group of just this next hop, 0 = not known. */
	uint8_t bytes[]; /* head.size of them. */
};

struct vrs_attrs_store;

/**
 * @param reclaim  The writer's reclaimer; outlives the store.
 * @return         An empty store, owned; NULL if out of memory.
 */
struct vrs_attrs_store *vrs_attrs_store_new(struct vrs_reclaim *reclaim) VRS_NODISCARD;

/** Free it and every set in it. No reader is left. NULL is ignored. */
void vrs_attrs_store_free(struct vrs_attrs_store *store);

/**
 * Find or make the set equal to @p bytes. Writer only.
 *
 * The count is not changed: a fresh set that nobody gets before vrs_attrs_turn() is dropped.
 *
 * @param bytes   Canonical form (above); copied.
 * @param size    Bytes in @p bytes, at most 65535.
 * @param info    Decoded from the same bytes; copied for a fresh set.
 * @param[out] id Written only on success.
 * @return        0, or -ENOMEM (also when all 2^32 - 1 ids are in use).
 */
VRS_NODISCARD int vrs_attrs_intern(struct vrs_attrs_store *store, const uint8_t *bytes, size_t size,
	const struct vrs_attrs_info *info, uint32_t *id);

/** The record of @p id for the writer, who holds it. */
struct vrs_attrs *vrs_attrs_at(const struct vrs_attrs_store *store, uint32_t id);

/** What the decision needs of @p id in most cases (rib/decide.h, vrs_decide_fact()), without
 *  touching its record; and a touch of what it is read from. Writer, who holds it. */
uint64_t vrs_attrs_fact(const struct vrs_attrs_store *store, uint32_t id);
void vrs_attrs_prefetch(const struct vrs_attrs_store *store, uint32_t id);

/** Count @p n more holders of @p id. Writer only. */
void vrs_attrs_get(struct vrs_attrs_store *store, uint32_t id, uint32_t n);

/** Count @p n fewer. The last one retires the set at the next vrs_attrs_turn(). Writer only. */
void vrs_attrs_put(struct vrs_attrs_store *store, uint32_t id, uint32_t n);

/** End of a batch: retire every set that came to zero and was not got again. Writer only. */
void vrs_attrs_turn(struct vrs_attrs_store *store);

/** @return The record of @p id, borrowed until the read section ends; NULL if there is none. */
const struct vrs_attrs *vrs_attrs_find(const struct vrs_attrs_store *store, uint32_t id);

/** @return Bytes of its records. Writer only. */
size_t vrs_attrs_bytes(const struct vrs_attrs_store *store);

/** @return Sets in the store. Writer only. */
size_t vrs_attrs_count(const struct vrs_attrs_store *store);
