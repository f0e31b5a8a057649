/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#include "engine/observe.h"

const struct vrs_stage_name vrs_io_stages[VRS_IO_N_STAGES] = {
	[VRS_IO_DECODE] = {"decode", "bytes read, messages parsed, attribute sets interned"},
	[VRS_IO_DECIDE] = {"decide", "paths stored and decided between"},
	[VRS_IO_SEND] = {"send", "what was encoded written to sockets"},
	[VRS_IO_TURN] = {"turn", "from the end of a wait until what came is dealt with"},
};

const struct vrs_stage_name vrs_propagation_stages[VRS_PROPAGATION_N_STAGES] = {
	[VRS_PROPAGATION_QUEUE] = {"queue", "changes waited for propagation"},
	[VRS_PROPAGATION_PROPAGATE] = {"propagate", "changes made a version"},
	[VRS_PROPAGATION_EXPORT] = {"export", "UPDATEs packed for peers"},
	[VRS_PROPAGATION_NOTIFY] = {"notify", "watch streams woken"},
};

void vrs_stamps_push(struct vrs_stamps *s, uint64_t n, uint64_t ns)
{
	uint32_t tail = atomic_load_explicit(&s->tail, memory_order_relaxed);
	struct vrs_stamp *to = &s->at[tail & (VRS_STAMPS - 1)];

	/* Acquire: the popper has read what this place held. */
	if (tail - atomic_load_explicit(&s->head, memory_order_acquire) == VRS_STAMPS)
		return;
	atomic_store_explicit(&to->n, n, memory_order_relaxed);
	atomic_store_explicit(&to->ns, ns, memory_order_relaxed);
	/* Release: whoever sees the tail sees the stamp. */
	atomic_store_explicit(&s->tail, tail + 1, memory_order_release);
}

void vrs_stamps_pop(struct vrs_stamps *s, const struct vrs_taken *taken, struct vrs_hist *h)
{
	uint32_t head = atomic_load_explicit(&s->head, memory_order_relaxed);
	uint32_t tail = atomic_load_explicit(&s->tail, memory_order_acquire);

	for (; head != tail; head++) {
		const struct vrs_stamp *at = &s->at[head & (VRS_STAMPS - 1)];
		uint64_t n = atomic_load_explicit(&at->n, memory_order_relaxed);
		uint64_t ns = atomic_load_explicit(&at->ns, memory_order_relaxed);

		if (n > taken->n)
			break;
		/* It may have been pushed after its changes were taken: then the take before
		 * this one was theirs, and this one can be long after. */
		uint64_t end = n > taken->was_n ? taken->ns : taken->was_ns;
		vrs_hist_add(h, end > ns ? end - ns : 0);
	}
	/* Release: partner of the push. */
	atomic_store_explicit(&s->head, head, memory_order_release);
}

uint64_t vrs_stamps_oldest(const struct vrs_stamps *s, uint64_t taken)
{
	uint32_t head = atomic_load_explicit(&s->head, memory_order_acquire);
	uint32_t tail = atomic_load_explicit(&s->tail, memory_order_acquire);

	/* A stamp may be replaced while it is looked at, by a newer one: too young an age, once. */
	for (; (int32_t)(tail - head) > 0; head++) {
		const struct vrs_stamp *at = &s->at[head & (VRS_STAMPS - 1)];

		if (atomic_load_explicit(&at->n, memory_order_relaxed) > taken)
			return atomic_load_explicit(&at->ns, memory_order_relaxed);
	}
	return 0;
}
