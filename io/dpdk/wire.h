/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#pragma once

/**
 * @file
 * A wire: Ethernet frames in, Ethernet frames out. A DPDK port's queue (io/dpdk/port.c), memory
 * in tests, or one of those behind a bad wire that loses, delays and spoils (io/dpdk/badwire.h).
 *
 * **Threads.** A wire belongs to one thread. **Ownership.** A received frame is the receiver's
 * until it gives it back with put(), from the same thread; it may keep it as long as it likes,
 * though what a wire has to give is finite: keep few. Sent bytes are referenced (chunks) or
 * copied before tx() returns.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "io/chunk.h"

struct vrs_wire;

enum {
	VRS_WIRE_HEAD_MAX = 160,   /**< Bytes of headers in front of what is sent. */
	VRS_WIRE_PIECES_MAX = 8,   /**< Parts of chunks in one frame. */
	VRS_WIRE_FRAME_MAX = 9600, /**< Bytes of a frame at most. */
};

/** What a received frame's checksums were found to be by the port. */
enum vrs_frame_flags {
	VRS_FRAME_IP_GOOD = 1, /**< The IPv4 header's. */
	VRS_FRAME_L4_GOOD = 2, /**< The TCP or ICMP one. */
	VRS_FRAME_IP_BAD = 4,
	VRS_FRAME_L4_BAD = 8,
};

/** A received frame, from the Ethernet header on, without the checksum behind it; contiguous. */
struct vrs_frame {
	const uint8_t *data;
	uint32_t size;
	uint16_t vlan;  /**< 802.1Q identifier that the port has taken out already, 0 = none. */
	uint16_t flags; /**< enum vrs_frame_flags; 0: nobody has looked. */
	void *buffer;   /**< The wire's own handle; NULL: nothing to give back. */
};

/** Part of a chunk. */
struct vrs_wire_piece {
	struct vrs_chunk *chunk;
	uint32_t offset, size;
};

/** A frame to send: headers, then parts of chunks. */
struct vrs_wire_tx {
	uint8_t head[VRS_WIRE_HEAD_MAX];
	uint16_t head_size;
	uint16_t l2_size, l3_size, l4_size; /**< Sizes of the headers; l4 is TCP's with options. */
	uint8_t n_pieces;
	/** The port shall fill in the TCP checksum (and IPv4's): head has the pseudo header's sum in
	 *  its place, as DPDK wants it. Set only where caps has VRS_WIRE_TX_CSUM. */
	bool csum;
	bool ip6;
	uint32_t size; /**< Of the pieces. */
	struct vrs_wire_piece pieces[VRS_WIRE_PIECES_MAX];
};

enum vrs_wire_caps {
	VRS_WIRE_TX_CSUM = 1, /**< IPv4 header and TCP checksums are computed by the port. */
};

struct vrs_wire_ops {
	/** Take up to @p n frames that have arrived. @return How many. */
	unsigned (*rx)(struct vrs_wire *w, struct vrs_frame *out, unsigned n);
	/** Give a frame back; its buffer becomes NULL. */
	void (*put)(struct vrs_wire *w, struct vrs_frame *f);
	/** Queue a frame. @return false: no room now (or no memory), nothing was queued. */
	bool (*tx)(struct vrs_wire *w, const struct vrs_wire_tx *tx);
	/** Send what is queued. */
	void (*flush)(struct vrs_wire *w);
	/** Frames up to 60 s from now may come by themselves at this time (a wire that delays), in
	 *  microseconds of the wire's clock; UINT64_MAX: none waits. May be NULL. */
	uint64_t (*next_us)(struct vrs_wire *w);
	/** A descriptor that is readable when frames have come while intr(on) holds, for a thread that
	 *  sleeps; NULL or -1: the port cannot say, it has to be looked at now and then. Also -1 where
	 *  rx() never returns anything (another thread has the port's only queue). */
	int (*intr_fd)(struct vrs_wire *w);
	/** Switch that on (before sleeping; look at rx() once more then) or off. May be NULL. */
	void (*intr)(struct vrs_wire *w, bool on);
	void (*free)(struct vrs_wire *w);
};

struct vrs_wire {
	const struct vrs_wire_ops *ops;
	uint8_t mac[6];
	uint16_t mtu;  /**< Bytes of an IP packet. */
	uint32_t caps; /**< enum vrs_wire_caps. */
	/** What can be held at once (frames not given back) without receiving less. */
	uint32_t hold_max;
	bool deaf; /**< rx() never returns anything. */
	struct {
		uint64_t rx_frames, tx_frames, rx_bytes, tx_bytes;
		uint64_t tx_full; /**< tx() had no room. */
	} stat;                   /* Written by the owner; read by it, or roughly. */
};
