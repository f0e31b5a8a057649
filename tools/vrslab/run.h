/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#pragma once

/**
 * @file
 * `vrslab run`: a profile of route changes against one target that is up, measured. Shared by
 * its parts: options (run_options.c), profiles and what they send (profile.c), the sessions
 * (run_peers.c), what is said (run_record.c), the phases (run.c).
 */

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "rib/prefix.h"
#include "tools/vrslab/effective.h"
#include "tools/vrslab/machine.h"
#include "tools/vrslab/phase.h"
#include "tools/vrslab/replay.h"
#include "tools/vrslab/routes.h"
#include "tools/vrslab/script.h"

enum { VRS_RUN_MAX_PIDS = 32, VRS_RUN_MAX_PEERS = 1000 };

/** What a profile does after its table is loaded. */
enum vrs_profile_kind {
	VRS_PROFILE_LOAD,     /**< Nothing. */
	VRS_PROFILE_WITHDRAW, /**< Every sender withdraws everything. */
	VRS_PROFILE_LOSS,     /**< The first sender's connection is closed. */
	VRS_PROFILE_MOVE,     /**< The same, and the next sender has the same table. */
	VRS_PROFILE_CHURN,    /**< Announcements with another path, at a rate. */
	VRS_PROFILE_HOPS,     /**< Announcements with another next hop, at a rate. */
	VRS_PROFILE_ATTRS,    /**< Announcements with another community and the same path. */
	VRS_PROFILE_FLAP,     /**< Withdrawals and announcements by turns, with a duty cycle. */
	VRS_PROFILE_REPLAY,   /**< No load; the UPDATEs of a capture. */
	VRS_PROFILE_HUNT,     /**< Longer and longer paths, then a withdrawal. */
};

struct vrs_profile_params {
	uint32_t senders, listeners;
	bool same;          /**< All senders have one table; else each its own. */
	uint32_t rate;      /**< Changes a second, over all senders. */
	uint32_t seconds;   /**< How long. */
	uint32_t pool;      /**< Prefixes of each sender that change; 0 = all. */
	uint32_t duty;      /**< Per cent of the time that a flapping prefix is there. */
	uint32_t jitter;    /**< Per cent of the time between two flaps of a prefix. */
	uint32_t hops;      /**< Next hops that a prefix goes through; 0 = the sender's only. */
	uint32_t depth;     /**< Paths of a hunt before it is withdrawn. */
	uint32_t slow;      /**< Listeners that read nothing until the last change was due. */
	uint32_t malformed; /**< Per cent of changes that are malformed UPDATEs. */
};

struct vrs_profile {
	const char *name, *help;
	enum vrs_profile_kind kind;
	struct vrs_profile_params params; /**< Defaults. */
};

/** @return The profile, or NULL. */
const struct vrs_profile *vrs_profile_find(const char *name);
void vrs_profile_print(FILE *to);

struct vrs_run_options {
	struct vrs_addr target, local;
	struct vrs_addr next_hops; /**< The first that VRS_PROFILE_HOPS announces. */
	uint16_t port;
	uint32_t asn; /**< Of the first peer; the others follow, as their addresses do. */
	const struct vrs_profile *profile;
	struct vrs_profile_params params;
	uint32_t prefixes; /**< Of each sender. */
	bool ipv6;
	uint64_t seed;
	pid_t pids[VRS_RUN_MAX_PIDS];
	size_t n_pids;
	const char *name, *out;
	const char *histograms;  /**< Where files of histograms begin; NULL = none. */
	const char *mrt;         /**< To be replayed. */
	uint32_t warp;           /**< So many times faster than it was; 0 = as fast as it goes. */
	bool strict;             /**< A damaged capture is refused. */
	const char *watch, *nic; /**< vrsd's control socket and a NIC; NULL = not watched. */
	uint32_t wait_s, timeout_s;
	bool list_peers;
};

/** @return 0; 1 when there is nothing more to do (--help); 2 on a mistake, told on stderr. */
VRS_NODISCARD int vrs_run_options_parse(struct vrs_run_options *o, int argc, char **argv);

/** Peer @p i: senders first, then listeners. */
struct vrs_addr vrs_run_peer_addr(const struct vrs_run_options *o, size_t i);

struct vrs_run {
	struct vrs_run_options options;
	size_t n; /**< Sessions: senders, then listeners. */
	struct vrs_lab_session *sessions;
	struct vrs_routes *routes; /**< Of each sender; with params.same only the first. */
	struct vrs_universe universe;
	struct vrs_replay replay; /**< Of VRS_PROFILE_REPLAY, instead of routes. */
	uint32_t next_change;
	uint64_t started_ns;
	FILE *out;
};

static inline const struct vrs_routes *vrs_run_routes(const struct vrs_run *r, size_t sender)
{
	return &r->routes[r->options.params.same ? 0 : sender];
}

struct vrs_stream_policy vrs_run_policy(const struct vrs_run *r, size_t sender);

/** Make the tables and the universe. @return 0 or a negative errno. */
VRS_NODISCARD int vrs_run_tables(struct vrs_run *r);

/** The load, and what every session must hold after it. @return 0 or a negative errno. */
VRS_NODISCARD int vrs_profile_load(struct vrs_run *r, struct vrs_plan *plan);
/** What follows the load; the ledgers' wants are set. @return 0 or a negative errno. */
VRS_NODISCARD int vrs_profile_main(struct vrs_run *r, struct vrs_plan *plan);

/** Whether SIGINT or SIGTERM has come. */
bool vrs_run_interrupted(void);

/** Connect every session and hand it over.
 *  @return 0 or a negative errno: then @p why says what went wrong. */
VRS_NODISCARD int vrs_run_connect(struct vrs_run *r, char *why, size_t size);

/** The log of histograms is begun anew. */
void vrs_run_forget_histograms(const struct vrs_run *r);

/** NDJSON, a record a line, flushed. */
void vrs_run_record_head(const struct vrs_run *r, int argc, char **argv);
void vrs_run_record_capture(const struct vrs_run *r);
void vrs_run_record_peers(const struct vrs_run *r);
void vrs_run_record_established(const struct vrs_run *r);
void vrs_run_record_sample(const struct vrs_run *r, const char *phase, const struct vrs_phase *p,
	const struct vrs_machine_sample *from, const struct vrs_machine_sample *now);
/** @p e: what a NIC saw of it, or NULL. */
void vrs_run_record_phase(const struct vrs_run *r, const char *phase, const struct vrs_phase *p,
	const struct vrs_effective *e, const char *verdict, const struct vrs_machine_sample *from,
	const struct vrs_machine_sample *to);
/** Where the target's time went in it; nothing when it cannot tell. @p rows is taken. */
void vrs_run_record_stages(const struct vrs_run *r, const char *phase, json_t *rows);
void vrs_run_record_result(const struct vrs_run *r, const char *verdict, const char *why);

/** The commands. @return The exit status. */
int vrs_run_main(int argc, char **argv);
int vrs_profiles_main(int argc, char **argv);
