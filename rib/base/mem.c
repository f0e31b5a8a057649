/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#include "rib/base/mem.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* One line per tag: writers of different tables do not share a counter's line. */
static struct VRS_ALIGNED(VRS_CACHE_LINE) {
	_Atomic int64_t used; /* Any thread, relaxed: only ever read as a figure. */
} counters[VRS_MEM_N_TAGS];

static const char *const names[VRS_MEM_N_TAGS] = {
	[VRS_MEM_RADIX] = "radix",
	[VRS_MEM_ENTRY] = "entry",
	[VRS_MEM_ATTRS] = "attrs",
	[VRS_MEM_GROUP] = "group",
	[VRS_MEM_SNAPSHOT] = "snapshot",
	[VRS_MEM_OVERLAY] = "overlay",
	[VRS_MEM_DELTA] = "delta",
	[VRS_MEM_EXPORT] = "export",
	[VRS_MEM_SESSION] = "session",
	[VRS_MEM_RECLAIM] = "reclaim",
	[VRS_MEM_QUEUE] = "queue",
	[VRS_MEM_OTHER] = "other",
};

static void count(enum vrs_mem_tag tag, int64_t bytes)
{
	atomic_fetch_add_explicit(&counters[tag].used, bytes, memory_order_relaxed);
}

void *vrs_mem_alloc_aligned(enum vrs_mem_tag tag, size_t align, size_t size)
{
	void *p = aligned_alloc(align, size);

	if (p != NULL)
		count(tag, (int64_t)size);
	return p;
}

void *vrs_mem_alloc(enum vrs_mem_tag tag, size_t size)
{
	if (size % VRS_CACHE_LINE == 0)
		return vrs_mem_alloc_aligned(tag, VRS_CACHE_LINE, size);
	void *p = malloc(size);

	if (p != NULL)
		count(tag, (int64_t)size);
	return p;
}

void *vrs_mem_zalloc(enum vrs_mem_tag tag, size_t size)
{
	void *p;

	/* Large tables come from calloc: fresh pages are zero already and stay untouched. */
	if (size >= 65536 || size % VRS_CACHE_LINE != 0) {
		p = calloc(1, size);
		if (p != NULL)
			count(tag, (int64_t)size);
		return p;
	}
	p = vrs_mem_alloc(tag, size);
	if (p != NULL)
		memset(p, 0, size);
	return p;
}

void *vrs_mem_realloc(enum vrs_mem_tag tag, void *p, size_t old_size, size_t size)
{
	void *q = realloc(p, size);

	if (q != NULL)
		count(tag, (int64_t)size - (int64_t)old_size);
	return q;
}

void vrs_mem_free(enum vrs_mem_tag tag, void *p, size_t size)
{
	if (p == NULL)
		return;
	count(tag, -(int64_t)size);
	free(p);
}

int64_t vrs_mem_used(enum vrs_mem_tag tag)
{
	return atomic_load_explicit(&counters[tag].used, memory_order_relaxed);
}

const char *vrs_mem_tag_str(enum vrs_mem_tag tag)
{
	return (unsigned)tag < VRS_MEM_N_TAGS ? names[tag] : "?";
}
