/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#include "tests/io/nic_wire.h"

#include <stdlib.h>
#include <string.h>

#include "rib/base/macro.h"

static struct nic_wire *nic_of(struct vrs_wire *w)
{
	return VRS_CONTAINER_OF(w, struct nic_wire, wire);
}

static void lock(struct nic_wire *nic)
{
	if (nic->lock != NULL)
		(void)pthread_mutex_lock(nic->lock);
}

static void unlock(struct nic_wire *nic)
{
	if (nic->lock != NULL)
		(void)pthread_mutex_unlock(nic->lock);
}

static unsigned rx(struct vrs_wire *w, struct vrs_frame *out, unsigned n)
{
	struct nic_wire *nic = nic_of(w);
	unsigned got = 0;

	if (w->deaf)
		abort();
	lock(nic);
	n = nic->inner->ops->rx(nic->inner, out, n);
	for (unsigned i = 0; i < n; i++) {
		if ((out[i].data[0] & 1) != 0 || memcmp(out[i].data, w->mac, 6) == 0)
			out[got++] = out[i];
		else
			nic->inner->ops->put(nic->inner, &out[i]);
	}
	unlock(nic);
	return got;
}

static void put(struct vrs_wire *w, struct vrs_frame *f)
{
	struct nic_wire *nic = nic_of(w);

	lock(nic);
	nic->inner->ops->put(nic->inner, f);
	unlock(nic);
}

static bool tx(struct vrs_wire *w, const struct vrs_wire_tx *frame)
{
	struct nic_wire *nic = nic_of(w);

	lock(nic);
	bool room = nic->inner->ops->tx(nic->inner, frame);
	unlock(nic);
	return room;
}

static void flush(struct vrs_wire *w)
{
	struct nic_wire *nic = nic_of(w);

	lock(nic);
	nic->inner->ops->flush(nic->inner);
	unlock(nic);
}

static int intr_fd(struct vrs_wire *w)
{
	return nic_of(w)->intr_fd;
}

static void nic_free(struct vrs_wire *w)
{
	if (!w->deaf)
		nic_of(w)->inner->ops->free(nic_of(w)->inner);
}

static const struct vrs_wire_ops ops = {
	.rx = rx, .put = put, .tx = tx, .flush = flush, .intr_fd = intr_fd, .free = nic_free};

struct vrs_wire *nic_wire_init(
	struct nic_wire *nic, struct vrs_wire *inner, bool deaf, pthread_mutex_t *mutex)
{
	*nic = (struct nic_wire){.wire = *inner, .inner = inner, .lock = mutex, .intr_fd = -1};
	nic->wire.ops = &ops;
	nic->wire.deaf = deaf;
	return &nic->wire;
}
