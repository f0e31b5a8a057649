/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#pragma once

/**
 * @file
 * Between the parts of libvrs: life (vrs.c), look-ups (vrs_look.c), cursors and pins
 * (vrs_cursor.c).
 *
 * Readers work on a *view*: an engine's model with everything a look-up needs in two arrays. One is
 * current; a reload publishes the next, waits for a grace period, and frees the old. A cursor or
 * pin that has to outlive a view counts its model instead, which keeps its route server.
 */

#include "engine/engine.h"
#include "engine/vrs.h"

/** What a look-up needs of a class. */
struct vrs_view_class {
	const struct vrs_overlay *overlay;
	struct vrs_server *server; /**< Where BGP routes come from, and those two; NULL: nowhere. */
	struct vrs_snapshot *snapshot;
	const struct vrs_group_store *groups;
};

struct vrs_view_nic {
	const char *name; /* The model's. */
	uint32_t handle;
};

#define VRS_NO_CLASS UINT32_MAX

struct vrs_view {
	struct vrs_model *model; /* Counted. */
	struct vrs_view_class *classes;
	size_t n_classes;
	uint32_t *class_of; /* By handle; VRS_NO_CLASS: no such NIC now. */
	uint32_t n_handles;
	struct vrs_view_nic *nics; /* By name. */
	size_t n_nics;
	uint64_t generation;
};

struct vrs {
	struct vrs_engine engine;
	struct vrs_view *view; /* Published under `lock`. */
	pthread_mutex_t lock;  /* One reload at a time; guards what follows. */
	char **names;          /* By handle. */
	uint32_t *by_name;     /* Handles, by name. */
	uint32_t n_names;
	uint64_t generation;
	char *name, *base_dir;   /* As in struct vrs_options. */
	_Atomic uint32_t n_open; /* Cursors and pins. */
	bool more;               /* The last vrs_poll() left something. */
};

static inline const struct vrs_view *vrs_view_of(const struct vrs *v) VRS_RCU_READER
{
	return vrs_rcu_load(v->view);
}

/** The class of a handle, or NULL. */
static inline const struct vrs_view_class *vrs_view_class_of(const struct vrs_view *w, uint32_t nic)
{
	uint32_t class = nic < w->n_handles ? w->class_of[nic] : VRS_NO_CLASS;

	return class != VRS_NO_CLASS ? &w->classes[class] : NULL;
}

/* Addresses and prefixes are the same bytes inside and outside (asserted in vrs.c). */
static inline const struct vrs_addr *vrs_ip_in(const struct vrs_ip *ip)
{
	return (const struct vrs_addr *)ip;
}

static inline struct vrs_ip vrs_ip_out(const struct vrs_addr *a)
{
	struct vrs_ip ip;

	memcpy(&ip, a, sizeof(ip));
	return ip;
}

static inline struct vrs_net vrs_net_out(const struct vrs_prefix *p)
{
	struct vrs_net n;

	memcpy(&n, p, sizeof(n));
	return n;
}

/** enum vrs_source of an enum vrs_route_source. */
static inline uint8_t vrs_source_out(unsigned source)
{
	return (uint8_t)(source + 1);
}
