/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#pragma once

/**
 * @file
 * One batch of an update group: what is pending, as UPDATEs. Propagation, in a read section.
 */

#include "engine/export.h"

/** Look at some of what is pending and write what is to be told. What does not fit, or found no
 *  memory (o->failed), stays pending. */
void vrs_export_batch(struct vrs_export_group *g, struct vrs_out *o);

/** Forget that an entry was told. */
void vrs_export_forget(struct vrs_export_group *g, uint32_t index);

/** Whether a prefix of the network is told to the group's peers: the family, and an address of
 *  ours to point at. */
bool vrs_export_tells_system(const struct vrs_export_group *g, const struct vrs_prefix *p);
