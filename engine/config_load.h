/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#pragma once

/**
 * @file
 * One run of the configuration loader: what decoding (config_decode.c) and the cross-object
 * rules (config_rules.c) share. Private to engine/config*.c.
 *
 * **Life.** YAML text -> vrs_config_decode(): syntax and schema, fields filled in, the place of
 * every value noted -> vrs_config_rules(): references, addresses, indexes. Both go on after an
 * error so that the report is complete; a field that was refused is left zero (NULL, family 0),
 * and rules skip such fields: one mistake gives one finding.
 * **Ownership.** The configuration and all it points to live in one arena.
 */

#include <stdbool.h>
#include <stddef.h>

#include "engine/config.h"

/** At most this many findings are kept; a file with more is not the file it was meant to be. */
#define VRS_CONFIG_MAX_FINDINGS 1000u

/** Largest file that is read: 16 MiB. */
#define VRS_CONFIG_MAX_SIZE ((size_t)16 << 20)

struct vrs_config_arena;

/** Where the value of a field stood; fields that were defaulted have none. */
struct vrs_config_place {
	const void *field;
	struct vrs_mark mark;
	bool refused; /* It has a finding, and the field is as if it were not given. */
};

/** One address of a network interface: unique in its network, and looked up by peers. */
struct vrs_config_nic_addr {
	int vnet;
	struct vrs_addr addr;
	size_t nic;
};

struct vrs_config_load {
	struct vrs_cfg_report *report;
	struct vrs_config *config;
	struct vrs_config_arena *arena;
	const char *base_dir; /* For relative files; NULL = the current directory. */
	struct vrs_config_place *places;
	size_t n_places, cap_places;
	size_t cap_findings;
	struct vrs_config_names *subnet_names; /* By vnet, in the arena. */
	struct vrs_config_nic_addr *nic_addrs; /* By (vnet, addr), in the arena. */
	size_t n_nic_addrs;
	int err; /* Sticky: -ENOMEM. */
};

/** @return @p n zeroed elements of @p size in the arena; NULL with load->err set. */
void *vrs_config_alloc(struct vrs_config_load *load, size_t n, size_t size);

/** @return A copy of @p text in the arena; NULL with load->err set. */
const char *vrs_config_strdup(struct vrs_config_load *load, const char *text);

/** Add a finding in file order. @param near  Name to suggest, or NULL. */
void vrs_config_error(struct vrs_config_load *load, struct vrs_mark mark, const char *rule,
	const char *near, const char *fmt, ...) VRS_PRINTF(5, 6);
void vrs_config_warn(struct vrs_config_load *load, struct vrs_mark mark, const char *rule,
	const char *near, const char *fmt, ...) VRS_PRINTF(5, 6);

/** Note where the value of @p field stands; after the last one, sort them. */
void vrs_config_place_add(
	struct vrs_config_load *load, const void *field, struct vrs_mark mark, bool refused);
void vrs_config_places_sort(struct vrs_config_load *load);

/** @return Whether @p field was given in the file, and whether its value was also accepted.
 *          After vrs_config_places_sort(). */
bool vrs_config_given(const struct vrs_config_load *load, const void *field);
bool vrs_config_valid(const struct vrs_config_load *load, const void *field);

/** @return The place of @p field's value, or @p otherwise where it was defaulted. */
struct vrs_mark vrs_config_mark(
	const struct vrs_config_load *load, const void *field, struct vrs_mark otherwise);

/**
 * Parse @p text into load->config by the schema. Findings say what was refused.
 *
 * @return Whether there is a document whose rules can be checked.
 */
bool vrs_config_decode(struct vrs_config_load *load, const char *text, size_t size);

/** Names of one kind of object, sorted. Every such struct starts with its name and has a mark. */
struct vrs_config_names {
	struct vrs_config_name {
		const char *name;
		size_t index;
	} * refs;
	size_t n;
};

/**
 * Collect the names of @p n objects, and refuse those that come twice.
 *
 * @param objects      Array of structs of @p size whose first member is the name.
 * @param mark_offset  Of each one's struct vrs_mark.
 * @param kind         For the message: "subnet".
 */
struct vrs_config_names vrs_config_names(struct vrs_config_load *load, const void *objects,
	size_t n, size_t size, size_t mark_offset, const char *kind);

#define VRS_CONFIG_NAMES(load, objects, n, kind) \
	vrs_config_names(                        \
		load, objects, n, sizeof(*(objects)), offsetof(typeof(*(objects)), mark), kind)

/**
 * @param field  Address of the field that holds the name; NULL in it is silently -1.
 * @param mark   Of the object, where the field has no place of its own.
 * @return       Index of the object named there, or -1 with a `reference` finding.
 */
int vrs_config_refer(struct vrs_config_load *load, const struct vrs_config_names *names,
	const char *const *field, struct vrs_mark mark, const char *kind);

/** @return The network interface with @p addr in network @p vnet; NULL if there is none. */
const struct vrs_cfg_nic *vrs_config_nic_at(
	const struct vrs_config_load *load, int vnet, const struct vrs_addr *addr);

/** @return The first of @p n prefixes that covers @p addr; NULL if none does. */
const struct vrs_prefix *vrs_config_covering(
	const struct vrs_prefix *prefixes, size_t n, const struct vrs_addr *addr);

/** The subnet that virtualRouterIps stand in. */
#define VRS_ROUTE_SERVER_SUBNET "RouteServerSubnet"

/** @return The route server subnet of @p vnet, or NULL. */
const struct vrs_cfg_subnet *vrs_config_server_subnet(const struct vrs_cfg_vnet *vnet);

/** Every rule that looks at more than one value; fills indexes and derived fields. */
void vrs_config_rules(struct vrs_config_load *load);

/** The part of the rules that looks at route servers (config_rules_bgp.c). */
void vrs_config_rules_bgp(struct vrs_config_load *load);

/** The part that looks at process.transport (config_rules_transport.c). */
void vrs_config_rules_transport(struct vrs_config_load *load);
