/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#pragma once

/**
 * @file
 * The virtual network, made ready for look-ups: an immutable model derived from one
 * configuration. NICs that see the same routes share a *class*: an overlay of system and user
 * routes, and the RIB that its BGP routes come from.
 *
 * **Threads.** Immutable once made; counted. Readers inside an RCU read section may use the
 * engine's current model without counting it. **Ownership.** It owns its configuration. A
 * class names its route server by index; the runtime objects behind those indices are the
 * engine's, which keeps them for as long as a model that names them is counted.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/config.h"
#include "rib/overlay.h"

struct vrs_server;

struct vrs_class {
	struct vrs_overlay *overlay;
	int vnet;                /**< In the configuration. */
	int subnet;              /**< The first one that has this class. */
	int route_server;        /**< Where BGP routes come from; -1 = nowhere. */
	const char *route_table; /**< Name; NULL = none. */
};

struct vrs_model {
	_Atomic uint32_t refs;
	struct vrs_config *config;
	struct vrs_class *classes;
	size_t n_classes;
	uint32_t *nic_class;         /**< By index of the NIC in the configuration. */
	uint32_t *nics_by_name;      /**< Indexes of NICs, by name. */
	struct vrs_server **servers; /**< By index of the route server; set by the engine. */
	void (*release)(
		struct vrs_model *m); /**< Called when the last reference goes; may be NULL. */
};

/**
 * @param config  Taken, also on failure.
 * @return        A model with one reference; NULL if out of memory.
 */
struct vrs_model *vrs_model_new(struct vrs_config *config) VRS_NODISCARD;

struct vrs_model *vrs_model_get(struct vrs_model *m);

/** The last one frees it. NULL is ignored. */
void vrs_model_put(struct vrs_model *m);

/** @return The NIC's index, or -1. */
int vrs_model_nic(const struct vrs_model *m, const char *name);

/** @return The route server's index, or -1. */
int vrs_model_route_server(const struct vrs_model *m, const char *name);

/** The prefixes a route server tells its peers: its network's and those of connected networks
 *  that use its gateway. @param out  Room for vrs_model_n_prefixes(); @return how many. */
size_t vrs_model_system_prefixes(
	const struct vrs_config *c, const struct vrs_cfg_route_server *rs, struct vrs_prefix *out);

/** Which learned next hops may be used: those in its network's prefixes and all peered ones', but for its own
 *  addresses. @return A rule, owned; NULL if out of memory. */
struct vrs_hop_rule *vrs_model_hop_rule(
	const struct vrs_config *c, const struct vrs_cfg_route_server *rs) VRS_NODISCARD;

/** An upper bound of system prefixes. */
size_t vrs_model_n_prefixes(const struct vrs_config *c, const struct vrs_cfg_route_server *rs);
