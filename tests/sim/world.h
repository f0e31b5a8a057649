/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#pragma once

/**
 * @file
 * The simulated world: one engine without threads, six peers with two sessions each, an
 * in-memory net and a virtual clock. Nothing in it waits, and the same calls give the same run.
 */

#include "engine/engine.h"
#include "io/session/session.h"
#include "tests/io/mem_transport.h"
#include "tests/sim/route.h"

enum { N_PEERS = 6, N_INSTANCES = 2, N_NICS = 4, N_SUBNETS = 4 };

/** What never changes about a peer. */
struct sim_peer_kind {
	const char *name, *kind, *address;
	uint32_t asn, router_id;
	bool as2, passive, role;
	uint8_t class;   /**< enum vrs_peer_class. */
	unsigned family; /**< Of its addresses: 0 IPv4, 1 IPv6. */
};
extern const struct sim_peer_kind sim_peers[N_PEERS];

/** Prefixes that peers may announce. */
extern const char *const sim_prefix_texts[];
extern const unsigned sim_n_prefixes;
enum { MAX_PREFIXES = 64 };

/** What the configuration can be switched between. */
struct sim_config {
	bool branch_to_branch, extra_prefix, peering, gateway_use, attached;
	unsigned preference; /**< ExpressRoute, VpnGateway, ASPath. */
	bool present[N_PEERS], enabled[N_PEERS];
	unsigned subnet[N_NICS]; /**< plain, user, closed, endpoint. */
};

struct sim_told {
	uint16_t size; /**< 0 = not told. */
	uint8_t bytes[SIM_BYTES];
};

struct sim_session {
	struct sim_peer *peer;
	unsigned instance;
	struct vrs_session *session;
	bool up;
	unsigned times_up;
	struct sim_attrs wanted[MAX_PREFIXES]; /**< What it announces while it is up. */
	struct sim_told told[MAX_PREFIXES];    /**< By prefix of the universe. */
	unsigned n_eor;
};

struct sim_peer {
	struct world *world;
	const struct sim_peer_kind *kind;
	struct vrs_transport *transport;
	struct sim_session sessions[N_INSTANCES];
};

struct world {
	uint64_t now, seed;
	struct mem_net *net;
	struct vrs_engine engine;
	struct vrs_transport *transport; /**< The engine's. */
	struct vrs_wheel wheel;          /**< Of the peers. */
	struct sim_peer peers[N_PEERS];
	struct sim_config config;
	struct vrs_prefix prefixes[MAX_PREFIXES];
	uint64_t steps;
};

/** End the run as failed, saying why. */
_Noreturn void sim_fail(const struct world *w, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

void world_init(struct world *w, uint64_t seed);
void world_fini(struct world *w);

/** Make w->config the engine's configuration. */
void world_apply(struct world *w);

/** Start the engine again. @p crash: the connections break without a word. */
void world_restart(struct world *w, bool crash);

/** A few turns of everything, whether or not there is more to do. */
void world_step(struct world *w, unsigned n);

/** Until nothing moves at this point of time. */
void world_settle(struct world *w);

/** Let time pass, with everything that becomes due in it. */
void world_advance(struct world *w, uint64_t ms);

/** Send what @p s wants of prefixes [@p i] if it is up; @p damage says how. */
void world_send(struct sim_session *s, const unsigned *i, size_t n, enum sim_damage damage);
void world_send_withdraw(struct sim_session *s, const unsigned *i, size_t n);

/** Everything again, between BoRR and EoRR (RFC 7313). */
void world_send_refreshed(struct sim_session *s);

/** The networks' own prefixes that peers are told now. @return How many. */
size_t world_system(const struct world *w, struct vrs_prefix out[8]);

/** Our address of an instance, by family. */
struct vrs_addr world_router_ip(unsigned family, unsigned instance);
