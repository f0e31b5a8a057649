/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#pragma once

/**
 * @file
 * A whole engine without threads on an in-memory net, and BGP peers that speak to it: what a
 * peer sends goes through session, codec, table and propagation as it does in vrsd, and what it
 * is told is read back from UPDATEs.
 *
 * Whatever goes wrong ends the test.
 */

#include "engine/effective.h"
#include "engine/engine.h"
#include "engine/io.h"

struct lab;

/** How a small configuration begins: a network with a subnet of appliances, and its route server, of
 *  which more keys may follow. */
#define LAB_SERVER                                                        \
	"process: {stateDir: /tmp, controlSocket: /tmp/vrs-test.sock}\n"  \
	"virtualNetworks:\n"                                              \
	"  - name: hub\n"                                                 \
	"    addressPrefixes: [10.0.0.0/16]\n"                            \
	"    subnets:\n"                                                  \
	"      - {name: RouteServerSubnet, addressPrefix: 10.0.0.0/26}\n" \
	"      - {name: nva, addressPrefix: 10.0.1.0/24}\n"               \
	"routeServers:\n"                                                 \
	"  - name: rs\n"                                                  \
	"    virtualNetwork: hub\n"                                       \
	"    virtualRouterIps: [10.0.0.4, 10.0.0.5]\n"

/** Start an engine on @p yaml. */
struct lab *lab_new(const char *yaml);
void lab_free(struct lab *lab);

/** Apply another configuration, as a reload does. */
void lab_reload(struct lab *lab, const char *yaml);

/**
 * One session of a bgpConnection, Established; opened when it is first asked for.
 *
 * @param who  "NAME/INSTANCE".
 */
struct lab_peer *lab_peer(struct lab *lab, const char *who);

enum vrs_session_state lab_state(const struct lab_peer *peer);

/** @return Why it went down last. */
const struct vrs_session_error *lab_error(const struct lab_peer *peer);

/** @return Its "NAME/INSTANCE". */
const char *lab_who(const struct lab_peer *peer);

/** What a peer announces. */
struct lab_route {
	const char *prefix;
	const char *next_hop;    /**< NULL: the peer's own address. */
	const char *path;        /**< "65001-65010", "none"; NULL: what its kind would send. */
	const char *communities; /**< "65535:65281,..." or NULL. */
	int med, local_pref;     /**< -1: left out. */
	unsigned origin;
};

void lab_announce(struct lab *lab, struct lab_peer *peer, const struct lab_route *route);
void lab_withdraw(struct lab *lab, struct lab_peer *peer, const char *prefix);

/** Until nothing moves any more; no time passes. */
void lab_settle(struct lab *lab);

/** Let @p ms milliseconds pass: the lab's clock stands still otherwise. */
void lab_wait(struct lab *lab, uint64_t ms);

/** @return The route server (the first, if there are more); its fields may be read. */
struct vrs_server *lab_server(struct lab *lab);

/** @return The peer's routes, one a line, by prefix: "PREFIX via HOP path A-B [lp N] ..." */
const char *lab_told(struct lab_peer *peer);

/** @return What it was told since the last call, in order: "+ROUTE", "-PREFIX", "refresh ipv4",
 *          "down", one a line, sorted within a batch. */
const char *lab_heard(struct lab_peer *peer);

/** @return The NIC's whole table with suppressed rows, one a line:
 *          "D A PREFIX TYPE HOP...", " by PREFIX" for suppressed ones. */
const char *lab_rows(struct lab *lab, const char *nic);

/** @return "TYPE HOP..." for an address, or "-". */
const char *lab_match(struct lab *lab, const char *nic, const char *address);
