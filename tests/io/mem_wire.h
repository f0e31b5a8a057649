/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#pragma once

/**
 * @file
 * A pair of wires in memory, joined: what one side sends, the other receives. No clock, no chance.
 *
 * A frame that is sent is copied into memory of exactly its size (so that a sanitizer sees a read past its
 * end) and comes to the other side with the sender's next flush(). Where a test sets VRS_WIRE_TX_CSUM
 * in a wire's caps, the wire fills in the checksums that tx->csum asks for, as a port would. Each side is
 * freed by its ops->free, which aborts when frames that it has received were not given back; frames on
 * their way to a side that is gone are lost.
 *
 * The side's members mac (02:00:00:00:00:01 and :02), mtu (1500), hold_max (1024), deaf and caps (0) may be
 * changed by the test.
 */

#include "io/dpdk/wire.h"

struct mem_wire_pair;

enum { MEM_WIRE_ROOM = 4096 };

/** @return A pair; it goes away with its second side. Ends the test when out of memory. */
struct mem_wire_pair *mem_wire_pair_new(void);

/** @return Side 0 or 1 of @p pair, to be freed by its ops. */
struct vrs_wire *mem_wire(struct mem_wire_pair *pair, unsigned side);

/** How many frames may be on their way from @p w to the other side; tx() says false then. MEM_WIRE_ROOM
 *  unless told. */
void mem_wire_room(struct vrs_wire *w, unsigned n);

/** @return Frames that @p w has received and not given back. */
unsigned mem_wire_held(const struct vrs_wire *w);

/** @return Frames that are on their way to @p w, those not flushed yet included. */
unsigned mem_wire_waiting(const struct vrs_wire *w);
