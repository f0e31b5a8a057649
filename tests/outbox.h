/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#pragma once

/**
 * @file
 * What a test that stands where a peer's I/O thread does reads from its outbox.
 */

#include "engine/export.h"
#include "io/bgp/open.h"
#include "io/bgp/update.h"
#include "tests/test.h"

/** As the I/O thread: empty an outbox, @p fn told of each message. @return Whether there was anything. */
static inline bool outbox_take(struct vrs_outbox *outbox,
	void (*fn)(void *ctx, const struct vrs_bgp_message *m), void *ctx)
{
	const struct vrs_piece *piece;
	uint64_t size = 0;

	while ((piece = vrs_outbox_peek(outbox)) != NULL) {
		const uint8_t *at = piece->chunk->data + piece->offset;

		for (uint32_t left = piece->size; left > 0;) {
			struct vrs_bgp_message m;
			struct vrs_bgp_verdict v;

			assert_int_equal(vrs_bgp_message_frame(at, left, VRS_BGP_MAX_SIZE, &m, &v),
				VRS_BGP_FRAME_MESSAGE);
			fn(ctx, &m);
			at += m.raw.size;
			left -= (uint32_t)m.raw.size;
		}
		size += piece->size;
		vrs_outbox_drop(outbox);
	}
	atomic_fetch_add(&outbox->taken, size);
	return size > 0;
}

/** Decode an UPDATE, which must be acceptable. @return The second AS of its path (ours is the first); 0 = no
 *  AS_PATH. */
static inline uint16_t outbox_update(const struct vrs_bgp_message *m, uint8_t families,
	uint32_t own_as, struct vrs_bgp_update *u)
{
	struct vrs_bgp_decode_ctx ctx = {.as4 = true, .families = families, .peer_as = own_as};

	vrs_bgp_update_decode(&ctx, m->body.data, m->body.size, u);
	assert_int_equal(u->verdict.action, VRS_BGP_ACCEPT);
	for (unsigned i = 0; i < u->n_attrs; i++)
		if (u->attrs[i].code == VRS_BGP_AS_PATH)
			return (uint16_t)(u->attrs[i].value[8] << 8 | u->attrs[i].value[9]);
	return 0;
}
