/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

/*
 * Blocks of 1024 records in a ring of pointers. A record is written once, before `last` is
 * raised past it, and never changed; a block that leaves the ring is retired, so a reader in
 * its section may go on copying from it, and used again: fresh pages would cost more than the
 * records.
 */

#include "rib/delta.h"

#include <errno.h>
#include <string.h>

#include "rib/base/mem.h"

enum { BLOCK_RECORDS = 1024 };

struct block {
	uint64_t first;     /* Sequence of records[0]. */
	struct block *next; /* Among the spare ones. */
	struct vrs_delta records[BLOCK_RECORDS];
};

struct vrs_delta_log {
	struct vrs_reclaim *reclaim;
	uint32_t n_blocks;
	uint64_t next;         /* Writer: sequence of the next record. */
	struct block *spare;   /* Writer: have left the ring, no reader is left. */
	_Atomic uint64_t last; /* Writer raises, readers load. */
	struct block *ring[];  /* By (sequence / 1024) mod n_blocks; published. */
};

static size_t log_size(uint32_t blocks)
{
	return sizeof(struct vrs_delta_log) + blocks * sizeof(struct block *);
}

struct vrs_delta_log *vrs_delta_log_new(struct vrs_reclaim *reclaim, uint32_t blocks)
{
	struct vrs_delta_log *log = vrs_mem_zalloc(VRS_MEM_DELTA, log_size(blocks));

	if (log == NULL)
		return NULL;
	log->reclaim = reclaim;
	log->n_blocks = blocks;
	log->next = 1;
	return log;
}

void vrs_delta_log_free(struct vrs_delta_log *log)
{
	if (log == NULL)
		return;
	for (uint32_t i = 0; i < log->n_blocks; i++)
		vrs_mem_free(VRS_MEM_DELTA, log->ring[i], sizeof(struct block));
	for (struct block *b = log->spare, *next; b != NULL; b = next) {
		next = b->next;
		vrs_mem_free(VRS_MEM_DELTA, b, sizeof(*b));
	}
	vrs_mem_free(VRS_MEM_DELTA, log, log_size(log->n_blocks));
}

static void block_spare(void *ctx, void *block)
{
	struct vrs_delta_log *log = ctx;
	struct block *b = block;

	b->next = log->spare;
	log->spare = b;
}

static struct block *block_new(struct vrs_delta_log *log, uint64_t first)
{
	struct block *b = log->spare;

	if (b != NULL)
		log->spare = b->next;
	else
		b = vrs_mem_zalloc(VRS_MEM_DELTA, sizeof(*b));
	if (b != NULL)
		b->first = first;
	return b;
}

static struct block **place(struct vrs_delta_log *log, uint64_t sequence)
{
	return &log->ring[sequence / BLOCK_RECORDS & (log->n_blocks - 1)];
}

bool vrs_delta_append(struct vrs_delta_log *log, const struct vrs_prefix *prefix,
	uint32_t old_group, uint32_t new_group, uint64_t version)
{
	uint64_t sequence = log->next++;
	struct block **at = place(log, sequence), *b = *at;
	uint64_t first = sequence / BLOCK_RECORDS * BLOCK_RECORDS;

	if (b == NULL || b->first != first) {
		struct block *fresh = block_new(log, first);

		/* Without a block the record is a gap; readers find no block and resync. */
		vrs_rcu_publish(*at, fresh);
		if (b != NULL)
			vrs_reclaim_retire(log->reclaim, block_spare, log, b, sizeof(*b));
		b = fresh;
	}
	if (b == NULL)
		return false;
	b->records[sequence - first] = (struct vrs_delta){
		.sequence = sequence,
		.version = version,
		.old_group = old_group,
		.new_group = new_group,
		.prefix = prefix != NULL ? *prefix : (struct vrs_prefix){.afi = VRS_AFI_NONE},
	};
	return true;
}

void vrs_delta_publish(struct vrs_delta_log *log)
{
	/* Release: whoever sees the number sees the records. */
	atomic_store_explicit(&log->last, log->next - 1, memory_order_release);
}

uint64_t vrs_delta_last(const struct vrs_delta_log *log)
{
	return atomic_load_explicit(&log->last, memory_order_acquire);
}

uint64_t vrs_delta_oldest(const struct vrs_delta_log *log)
{
	uint64_t kept = (uint64_t)(log->n_blocks - 1) * BLOCK_RECORDS;
	uint64_t start = (log->next - 1) / BLOCK_RECORDS * BLOCK_RECORDS;

	return start > kept ? start - kept : 1;
}

int vrs_delta_read(
	const struct vrs_delta_log *log, uint64_t *cursor, struct vrs_delta *out, int max)
{
	uint64_t last = vrs_delta_last(log), at = *cursor + 1;
	int n = 0;

	if (at > last + 1)
		return -ESTALE; /* From the future: another daemon's sequence. */
	while (n < max && at <= last) {
		const struct block *b =
			vrs_rcu_load(log->ring[at / BLOCK_RECORDS & (log->n_blocks - 1)]);

		if (b == NULL || b->first != at / BLOCK_RECORDS * BLOCK_RECORDS)
			return n > 0 ? n : -ESTALE;
		const struct vrs_delta *d = &b->records[at - b->first];
		/* A gap: the log ran out of memory in the middle of this block. */
		if (d->sequence != at)
			return n > 0 ? n : -ESTALE;
		out[n++] = *d;
		*cursor = at++;
	}
	return n;
}
