/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rib/base/macro.h"
#include "rib/base/mem.h"
#include "rib/base/reclaim.h"

/**
 * @file
 * Byte strings, each stored once and named by a 32-bit id: what attribute sets and next-hop
 * groups have in common.
 *
 * Life of a value:  intern --get--> held --last put--> idle --turn--> unlinked
 *                   --release--> grace period --> freed, the id free again
 *
 * An unlinked value keeps its id and bytes until it is released, but is never found again: an
 * equal value interned meanwhile gets another id. Without a hook, turn() releases at once.
 *
 * **Threads.** One writer for everything except vrs_intern_find(), which any thread may call
 * inside an RCU read section. **Cost.** One hash and one probe an intern; holders are counted
 * in a dense array, so counting touches no record. Bytes are always compared: peers choose
 * them.
 */

/** First member of every record. */
struct vrs_intern_head {
	uint32_t hash;
	uint32_t size; /**< Of the bytes at the table's offset. */
};

struct vrs_intern;

/** A value has no holder any more and was unlinked; call vrs_intern_release() some time. */
typedef void (*vrs_intern_hook)(void *ctx, uint32_t id);

/**
 * @param bytes_at  Offset of the bytes in a record; what lies between the head and them
 *                  belongs to the caller, who fills it for a fresh record.
 * @param hook      NULL: turn() releases by itself.
 * @return          An empty table, owned; NULL if out of memory.
 */
struct vrs_intern *vrs_intern_new(enum vrs_mem_tag tag, size_t bytes_at,
	struct vrs_reclaim *reclaim, vrs_intern_hook hook, void *hook_ctx) VRS_NODISCARD;

/** Free it and every value. No reader is left. NULL is ignored. */
void vrs_intern_free(struct vrs_intern *t);

/**
 * Find or make the value equal to @p bytes, with no holder counted.
 *
 * A fresh record's caller part is zero; fill it before the id is shown to any reader (by a
 * release store of a word that holds it).
 *
 * @param[out] fresh  Whether the record was made now.
 * @return            Its id, or 0 if out of memory or ids.
 */
uint32_t vrs_intern_intern(struct vrs_intern *t, const void *bytes, size_t size, bool *fresh)
	VRS_NODISCARD;

/** The record of an id that the writer holds or has just got. */
void *vrs_intern_record(const struct vrs_intern *t, uint32_t id);

/** 64 bits of the caller's beside the count of holders: to be read without touching the record.
 *  Writer, who holds the id or has just got it. */
uint64_t vrs_intern_word(const struct vrs_intern *t, uint32_t id);
void vrs_intern_set_word(struct vrs_intern *t, uint32_t id, uint64_t word);

/** Touch the word and the count of holders of @p id, which is in use. */
void vrs_intern_prefetch(const struct vrs_intern *t, uint32_t id);

/** Count holders up or down. */
void vrs_intern_get(struct vrs_intern *t, uint32_t id, uint32_t n);
void vrs_intern_put(struct vrs_intern *t, uint32_t id, uint32_t n);

/** Whether an intern of the same bytes would find @p id (any number). */
bool vrs_intern_linked(const struct vrs_intern *t, uint32_t id);

/** End of a batch: unlink every value that is without holders. */
void vrs_intern_turn(struct vrs_intern *t);

/** Free an unlinked value after a grace period. */
void vrs_intern_release(struct vrs_intern *t, uint32_t id);

/** @return The record, borrowed until the read section ends; NULL if there is none. */
const void *vrs_intern_find(const struct vrs_intern *t, uint32_t id);

/** @return Bytes of all records. Writer only. */
size_t vrs_intern_bytes(const struct vrs_intern *t);

/** @return Values that are linked. */
size_t vrs_intern_count(const struct vrs_intern *t);
