/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#pragma once

/**
 * @file
 * Messages on their way from propagation to sessions: written once, sent to many.
 *
 * A vrs_out collects whole messages in shared chunks, each message for everybody, for everybody
 * but the sessions of one connection (whose own routes it announces), or for that connection's
 * sessions alone (a withdrawal of what they had heard from somebody else). What follows each
 * other for the same listeners is one *segment*. vrs_out_give() gives a session the segments
 * that are for it, neighbouring ones in one *piece*; nothing is copied but what is small.
 *
 * A session's outbox is a ring of pieces. Propagation fills it, the I/O thread empties it; they
 * share no lock. Each piece holds a reference to its chunk.
 *
 * **Threads.** vrs_out and pushing: propagation. Popping: the I/O thread.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "io/chunk.h"

enum {
	VRS_OUTBOX_PIECES = 256, /**< A power of two. */
	VRS_OUT_SEGMENTS = 64,   /**< Of one vrs_out; a session gets at most as many pieces. */
	VRS_OUT_CHUNKS = 256,
};

/** Some of a chunk, whole messages. */
struct vrs_piece {
	struct vrs_chunk *chunk;
	uint32_t offset, size, n_messages;
};

struct vrs_outbox {
	_Atomic uint32_t head, tail; /* Popped, pushed; each has one writer. */
	_Atomic uint64_t pushed;     /**< Bytes ever pushed; propagation. */
	_Atomic uint64_t taken;      /**< Bytes ever handed to the transport; I/O. */
	struct vrs_piece pieces[VRS_OUTBOX_PIECES];
};

/** Bytes pushed and not yet taken. Its two threads. */
static inline uint64_t vrs_outbox_bytes(const struct vrs_outbox *b)
{
	return atomic_load(&b->pushed) - atomic_load(&b->taken);
}

/** Pieces that it has room for. Propagation. */
static inline uint32_t vrs_outbox_room(const struct vrs_outbox *b)
{
	return VRS_OUTBOX_PIECES -
		(atomic_load_explicit(&b->tail, memory_order_relaxed) - atomic_load(&b->head));
}

/** The oldest piece, borrowed until it is dropped; NULL when there is none. I/O thread. */
const struct vrs_piece *vrs_outbox_peek(const struct vrs_outbox *b);

/** The oldest piece is sent. I/O thread. */
void vrs_outbox_drop(struct vrs_outbox *b);

/** Nobody uses it any more. */
void vrs_outbox_fini(struct vrs_outbox *b);

enum vrs_out_mode {
	VRS_OUT_ALL,
	VRS_OUT_BUT,  /**< Not for the sessions of `connection`. */
	VRS_OUT_ONLY, /**< For those alone. */
};

struct vrs_out_segment {
	uint16_t chunk; /* In chunks[]. */
	uint16_t connection;
	uint8_t mode;
	uint32_t offset, size, n_messages;
};

struct vrs_out {
	struct vrs_chunk *chunks[VRS_OUT_CHUNKS];
	struct vrs_out_segment segments[VRS_OUT_SEGMENTS];
	unsigned n_chunks, n_segments;
	uint8_t mode; /* Of what is written next. */
	uint16_t connection;
	size_t size; /**< Bytes written. */
	bool failed; /**< No memory, or far too much: what was not written is still to be. */
};

void vrs_out_init(struct vrs_out *o);

/** Whom the messages that follow are for. */
void vrs_out_address(struct vrs_out *o, enum vrs_out_mode mode, uint16_t connection);

/** Whether it takes more. When not, the rest waits for the next one. */
bool vrs_out_has_room(const struct vrs_out *o);

/** @return Room for @p need bytes in one piece; NULL if out of memory (o->failed). */
uint8_t *vrs_out_room(struct vrs_out *o, size_t need);

/** @p size bytes of the room are a whole message now; 0 = none. */
void vrs_out_wrote(struct vrs_out *o, size_t size);

/** All is written: small chunks are cut to size. Before the first vrs_out_give(). */
void vrs_out_close(struct vrs_out *o);

/** Push what is for a session of @p connection. The outbox has room for VRS_OUT_SEGMENTS.
 *  @return Bytes. */
uint64_t vrs_out_give(const struct vrs_out *o, struct vrs_outbox *to, uint16_t connection);

/** Let go. */
void vrs_out_fini(struct vrs_out *o);
