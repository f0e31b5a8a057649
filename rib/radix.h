/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rib/base/macro.h"
#include "rib/base/reclaim.h"
#include "rib/base/slab.h"
#include "rib/base/thread.h"
#include "rib/prefix.h"

/**
 * @file
 * A multibit radix tree from prefixes to 32-bit values, for IPv4 and IPv6 alike.
 *
 * The first 16 bits choose a slot through three levels of small pages; below, path-compressed
 * nodes of stride 8. Prefixes shorter than /16 live in nodes of their own, which a match asks
 * only when the slot has no answer. A node is two bitmaps, ranks, and its children and values
 * in one allocation (rib/radix_node.h).
 *
 * **Two disciplines, one code.** A *private* tree (persistent = false, the RIB's) belongs to
 * its writer alone and is edited in place: nothing is copied until a node has outgrown its
 * room, and what is unlinked is free at once (docs/adr/0006). A *persistent* tree (the
 * snapshot's) never changes what a published root reaches: nodes and pages born in an earlier
 * version are copied on the way down, those born in the open version are edited in place.
 *
 * **Threads.** One writer per tree. Readers of a persistent tree call find, match and walk on
 * a published root inside an RCU read section, at any time, without a lock; a private tree's
 * writer calls them on its own root. **Ownership.** What a change unlinks from published
 * versions goes to the retire callback, once, with the version it was born in.
 */

/** What a reader needs; copied by value into each version. */
struct vrs_radix_root {
	void *top;    /**< Highest page; NULL while no prefix of /16 or longer was inserted. */
	void *shorts; /**< Node with the prefixes shorter than /16. */
	uint8_t afi;
};

struct vrs_radix;

/** @p block is unlinked; give it to vrs_radix_block_free() when no reader can hold it. */
typedef void (*vrs_radix_retire_fn)(
	void *ctx, struct vrs_radix *t, void *block, size_t size, uint32_t born);

struct vrs_radix {
	struct vrs_radix_root root; /**< The writer's current state. */
	struct vrs_slab slab;
	vrs_radix_retire_fn retire;
	void *retire_ctx;
	uint32_t open; /**< Version that new blocks are born in; persistent trees only. */
	bool persistent;
	size_t n; /**< Prefixes in the tree. */
};

/** Init in the caller's storage. Never fails: memory is taken when needed. @param retire  NULL for a
 *  private tree. */
void vrs_radix_init(struct vrs_radix *t, enum vrs_afi afi, enum vrs_mem_tag tag, bool persistent,
	vrs_radix_retire_fn retire, void *retire_ctx);

/** Free everything the current root reaches. No reader is left; what was retired has been freed. */
void vrs_radix_fini(struct vrs_radix *t);

/**
 * Set @p p to @p value.
 *
 * @return 1 when @p p is new, 0 when its value was replaced, -ENOMEM (the tree as a reader
 *         sees it is unchanged).
 */
VRS_NODISCARD int vrs_radix_insert(struct vrs_radix *t, const struct vrs_prefix *p, uint32_t value);

/** As vrs_radix_insert(). @param[out] old  The value that was replaced, when one was. */
VRS_NODISCARD int vrs_radix_exchange(
	struct vrs_radix *t, const struct vrs_prefix *p, uint32_t value, uint32_t *old);

/** As vrs_radix_insert(), but a prefix that is there keeps its value. @param[out] old  It, then. */
VRS_NODISCARD int vrs_radix_add(
	struct vrs_radix *t, const struct vrs_prefix *p, uint32_t value, uint32_t *old);

/**
 * Remove @p p.
 *
 * @return 0, -ENOENT, or -ENOMEM (nothing is changed).
 */
VRS_NODISCARD int vrs_radix_remove(struct vrs_radix *t, const struct vrs_prefix *p);

/** Free a block that was retired. Writer only. */
void vrs_radix_block_free(struct vrs_radix *t, void *block);

/** Exact find for the writer, who needs no read section. */
bool vrs_radix_get(const struct vrs_radix *t, const struct vrs_prefix *p, uint32_t *value);

/** Exact find. @return Whether @p p is there; *value is written only then. */
bool vrs_radix_find(const struct vrs_radix_root *root, const struct vrs_prefix *p, uint32_t *value)
	VRS_RCU_READER;

/**
 * Exact finds for the writer, with their cache misses overlapped 32 deep; what an insert of a prefix
 * that is not there will touch has been touched as well.
 *
 * @param prefixes      @p n of the tree's family.
 * @param[out] values   Of each; VRS_RADIX_NONE where it is not there.
 */
#define VRS_RADIX_NONE UINT32_MAX
void vrs_radix_get_bulk(const struct vrs_radix *t, const struct vrs_prefix *const *prefixes,
	unsigned n, uint32_t *values);

/**
 * Longest match.
 *
 * @param[out] len  Length of the prefix that matched.
 * @return          Whether any prefix covers @p addr; outputs are written only then.
 */
bool vrs_radix_match(const struct vrs_radix_root *root, const struct vrs_addr *addr,
	uint32_t *value, uint8_t *len) VRS_RCU_READER;

/** As vrs_radix_match() for @p n addresses of the root's family, misses overlapped; len[i] =
 *  VRS_RADIX_MISS where nothing matched. */
#define VRS_RADIX_MISS 0xff
void vrs_radix_match_bulk(const struct vrs_radix_root *root, const struct vrs_addr *addrs, size_t n,
	uint32_t *values, uint8_t *lens) VRS_RCU_READER;

/** One of the prefixes that cover an address. */
struct vrs_radix_cover {
	uint32_t value;
	uint8_t len;
};
#define VRS_RADIX_COVERS 129 /**< As many as an address may have: lengths 0 to 128. */

/** All prefixes that cover @p addr, of the root's family, shortest first. One descent.
 *  @param out  Room for VRS_RADIX_COVERS. @return How many. */
unsigned vrs_radix_covers(const struct vrs_radix_root *root, const struct vrs_addr *addr,
	struct vrs_radix_cover *out) VRS_RCU_READER;

/** @return 0 to go on, anything else to stop the walk there. */
typedef int (*vrs_radix_walk_fn)(void *ctx, const struct vrs_prefix *p, uint32_t value);

/**
 * Visit every prefix at or after @p from (NULL = all) in the order of vrs_prefix_cmp().
 *
 * A chunked listing remembers its last prefix and starts after it: begin at it and skip it.
 *
 * @return 0, or what @p fn returned.
 */
int vrs_radix_walk(const struct vrs_radix_root *root, const struct vrs_prefix *from,
	vrs_radix_walk_fn fn, void *ctx) VRS_RCU_READER;

/**
 * Which vector code matches: "scalar", "avx2", "avx512"; NULL = the best this CPU has, which
 * is also the start (environment VRS_SIMD names another). Call while nobody matches.
 *
 * @return 0, -ENOTSUP when the CPU has not got it, -EINVAL for an unknown name.
 */
int vrs_radix_simd_set(const char *name);

/** @return The name in force. */
const char *vrs_radix_simd(void);
