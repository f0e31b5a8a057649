/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#pragma once

/**
 * @file
 * Neighbours on one wire: who is on the link, who is behind a gateway, and at which MAC. ARP (RFC 826,
 * RFC 5227) and neighbour discovery (RFC 4861) alike; ARP gets RFC 4861's unreachability detection too.
 *
 * **What is believed.** There are entries only for addresses that we have resolved ourselves: strangers,
 * however many, make none. An answer counts while we ask (the neighbour is not known, or is being probed), and
 * the first one counts. What a neighbour says of itself unasked, in a request to somebody or an announcement,
 * counts while its entry is not fresh, that is not confirmed by TCP or an answer in the last 30 s:
 * so an address that moves is learnt early, and a liar on the link cannot take over a session that goes on.
 * While a neighbour is probed, the MAC that we know has a second to answer before anybody else's word counts: for a
 * liar can choose when we probe, by sending TCP what it has seen already. One can take over a session that stands
 * still, or lie while nobody is known to be there; neither ARP nor ND without SEND (RFC 3971) protects from that,
 * TCP-MD5 does.
 *
 * **Our addresses** are answered for, announced at the start (twice, a second apart) and defended: another
 * MAC's claim is counted, and at most once in 10 s reported and countered with an announcement
 * (RFC 5227 2.4 b). They are probed for at the start (RFC 5227 2.1.1, RFC 4862 5.4: three times, a second apart)
 * while they are used already, not before: a route server that restarts must be back at once, and has been told
 * by its configuration that they are its own. So another who has one is found and reported, not yielded to.
 *
 * **Threads.** The wire's thread alone. **Ownership.** The wire is borrowed; frames are queued on it, the
 * caller flushes. **Clock.** Microseconds, given with each call, never going back. Timers run in advance(),
 * in steps of 10 ms. A table has 4096 entries at most; those unused for ten minutes go.
 */

#include <stdbool.h>
#include <stdint.h>

#include "io/dpdk/dpdk.h"
#include "io/dpdk/frame.h"
#include "io/dpdk/wire.h"
#include "rib/base/macro.h"

struct vrs_neigh;

enum {
	VRS_NEIGH_MAX = 4096,            /**< Entries. */
	VRS_NEIGH_RETRANS_US = 1000000,  /**< RFC 4861 section 10: RETRANS_TIMER. */
	VRS_NEIGH_TRIES = 3,             /**< MAX_MULTICAST_SOLICIT, and MAX_UNICAST_SOLICIT. */
	VRS_NEIGH_DELAY_US = 5000000,    /**< DELAY_FIRST_PROBE_TIME. */
	VRS_NEIGH_FRESH_US = 30000000,   /**< REACHABLE_TIME. */
	VRS_NEIGH_UNUSED_US = 600000000, /**< An unused entry goes. */
	VRS_NEIGH_DEFEND_US = 10000000,  /**< RFC 5227 section 1.1: DEFEND_INTERVAL. */
	VRS_NEIGH_ANNOUNCE_US = 1000000, /**< ANNOUNCE_INTERVAL. */
	VRS_NEIGH_ANNOUNCE_NUM = 2,
	VRS_NEIGH_PROBE_NUM = 3, /**< PROBE_NUM. RFC 4862 has one, which may be lost. */
};

struct vrs_neigh_config {
	struct vrs_wire *wire; /**< Borrowed. Its mac is ours. */
	const struct vrs_dpdk_port
		*port; /**< addresses, lens, gateways, vlan are copied, the rest is not read. */
	/** Announce our addresses at the start, and probe for them: one of those who share a port does. */
	bool announce;
	/** Another MAC says that an address of ours is its own; at most once in 10 s for an address. NULL: nobody
	 *  wants to know. */
	void (*conflict)(void *ctx, const struct vrs_addr *ours, const uint8_t mac[6]);
	/** A neighbour is at another MAC now, or at one again: what waits for its answers may be sent again. NULL:
	 *  nobody wants to know. */
	void (*moved)(void *ctx);
	/** A neighbour has not answered: nothing gets there. The table must not be used inside. NULL: nobody wants to
	 *  know. */
	void (*failed)(void *ctx, const struct vrs_addr *hop);
	/** There is an entry for @p hop now: what it says is wanted. NULL: nobody wants to know. */
	void (*asked)(void *ctx, const struct vrs_addr *hop);
	void *ctx;
};

struct vrs_neigh_stat {
	uint64_t requests;  /**< Sent by us, probes included. */
	uint64_t answers;   /**< Sent by us. */
	uint64_t announced; /**< Sent by us: addresses, times. */
	uint64_t probed;    /**< Sent by us, to find others that have them: addresses, times. */
	uint64_t learnt;    /**< MACs that were not known. */
	uint64_t changed;   /**< MACs that became others. */
	uint64_t ignored;   /**< Answers and announcements that were not believed. */
	uint64_t failed;    /**< Neighbours that did not answer. */
	uint64_t conflicts; /**< Another MAC claimed an address of ours. */
	uint64_t pended;    /**< Frames kept for an answer. */
	uint64_t dropped; /**< Of these: not sent, as a newer one came, or no answer, or no room. */
	uint64_t full;    /**< No room for another entry. */
	uint32_t entries; /**< Now. */
};

/** @return A table; NULL: out of memory. */
struct vrs_neigh *vrs_neigh_new(const struct vrs_neigh_config *c, uint64_t now_us) VRS_NODISCARD;

/** Frames that wait are dropped. NULL is ignored. */
void vrs_neigh_free(struct vrs_neigh *n);

/** @return Whether @p a is one of our addresses here. */
bool vrs_neigh_is_ours(const struct vrs_neigh *n, const struct vrs_addr *a);

/** @return Whether a frame of kind VRS_FRAME_ARP or VRS_FRAME_ND is from, to or about one of our addresses: then it
 *  is nobody else's business here. */
bool vrs_neigh_names_us(const struct vrs_neigh *n, const struct vrs_frame_info *in);

enum vrs_neigh_route {
	VRS_NEIGH_LINK,    /**< In one of our prefixes, or link-local. */
	VRS_NEIGH_GATEWAY, /**< Behind the gateway of its family. */
	VRS_NEIGH_NOWHERE, /**< Neither; or no host, or ourselves. */
};

/** How to get to @p remote. @param[out] hop  Who gets the frames: @p remote or the gateway; not written where
 *  it goes nowhere. */
enum vrs_neigh_route vrs_neigh_route(
	const struct vrs_neigh *n, const struct vrs_addr *remote, struct vrs_addr *hop);

/** @return Whether vrs_neigh_route() knows a way. */
bool vrs_neigh_reachable(const struct vrs_neigh *n, const struct vrs_addr *remote);

/** The MAC to send frames for @p remote to. Where it is not known, it is asked for; so call this again for
 *  the next frame, and vrs_neigh_pend() with this one. @param[out] mac  Written only on success. */
bool vrs_neigh_resolve(
	struct vrs_neigh *n, const struct vrs_addr *remote, uint8_t mac[6], uint64_t now_us);

/** Send @p tx when @p remote's MAC becomes known; its first 6 bytes are filled in then. One frame waits for a
 *  neighbour: the newest. Chunks are referenced; @p tx stays the caller's. */
void vrs_neigh_pend(struct vrs_neigh *n, const struct vrs_addr *remote,
	const struct vrs_wire_tx *tx, uint64_t now_us);

/** TCP goes forward with @p remote: what we send arrives (RFC 4861 7.3.1). Cheap. */
void vrs_neigh_confirm(struct vrs_neigh *n, const struct vrs_addr *remote, uint64_t now_us);

/** Nothing comes back from @p remote: probe, at most once a second, its MAC three times and then the whole
 *  link three times. The old MAC is used until another one answers, or none has. */
void vrs_neigh_suspect(struct vrs_neigh *n, const struct vrs_addr *remote, uint64_t now_us);

/** A frame of kind VRS_FRAME_ARP or VRS_FRAME_ND that the wire has received: learn from it, answer it, defend
 *  our addresses. */
void vrs_neigh_input(struct vrs_neigh *n, const struct vrs_frame_info *in, uint64_t now_us);

/** @return Of whose MAC such a frame speaks: whose entry it may change. Borrowed from @p in. */
const struct vrs_addr *vrs_neigh_subject(const struct vrs_frame_info *in);

/** The same frame, received and answered by another of those who share the port: learn from it only. */
void vrs_neigh_learn(struct vrs_neigh *n, const struct vrs_frame_info *in, uint64_t now_us);

/** @return When vrs_neigh_advance() has something to do; UINT64_MAX: never. */
uint64_t vrs_neigh_next(const struct vrs_neigh *n);

/** Do what is due. */
void vrs_neigh_advance(struct vrs_neigh *n, uint64_t now_us);

void vrs_neigh_stat(const struct vrs_neigh *n, struct vrs_neigh_stat *out);
