/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#pragma once

/**
 * @file
 * What stack.c (the family, endpoints, polling), stack_conn.c (connections), stack_input.c (frames in) and
 * stack_idle.c (nothing to do) share.
 */

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "io/dpdk/frame.h"
#include "io/dpdk/neigh.h"
#include "io/dpdk/stack.h"
#include "io/dpdk/tcp.h"
#include "rib/base/hash.h"

enum {
	BURST = 32,
	ROUNDS = 4,         /* Bursts of a wire in one poll(): 128 frames. */
	SLOTS = 1024,       /* Of address pairs: endpoints and connections. Power of two; chains. */
	OWNER_SLOTS = 4096, /* Power of two; a cache, one entry each. */
	HALF_OPEN_MAX = 2,  /* A peer's handshakes that are not done. */
	TIME_WAIT_MAX = 16, /* A peer's; the oldest goes first. */
	HANDOVER_ROOM = 2048, /* Frames between two threads; power of two. */
	FILTER_WORDS = 1024, /* Power of two: with 4096 addresses in it 1 of 16 strangers passes. */
};

/** Addresses that somebody in the family cares for, by a keyed hash: one that is not in it is nobody's. None is taken
 *  out again: there are no more than were configured at some time. */
struct filter {
	_Atomic uint64_t bits[FILTER_WORDS];
};

/** How often something was done in a second. */
struct rate {
	uint64_t since_us;
	uint32_t n;
};

static inline bool rate_allows(struct rate *r, uint64_t now_us, uint32_t a_second)
{
	if (now_us - r->since_us >= 1000000)
		*r = (struct rate){.since_us = now_us};
	if (r->n >= a_second)
		return false;
	r->n++;
	return true;
}

/** A frame on its way to the thread that it is for. */
struct handed {
	struct vrs_frame frame;
	uint32_t port;
	bool copy; /* frame.data is memory of ours, frame.buffer NULL. */
};

/** One direction between two threads: one pushes, one pops. */
struct handover {
	VRS_ALIGNED(VRS_CACHE_LINE) _Atomic uint32_t head; /* Taken; the consumer's. */
	VRS_ALIGNED(VRS_CACHE_LINE) _Atomic uint32_t tail; /* Written; the producer's. */
	struct handed items[HANDOVER_ROOM];
};

/** Stacks that share ports. */
struct family {
	pthread_mutex_t lock; /* Every member's endpoints, and what follows. */
	struct stack **members;
	struct handover *handovers; /* [from * n + to]; NULL: one thread only. */
	unsigned n, n_left, n_ports;
	_Atomic uint32_t generation;    /* Of the endpoints. */
	struct vrs_stack_config config; /* Its wires and ports are looked at while making only. */
	struct vrs_dpdk_port *ports;    /* Copies. */
	uint8_t secret[32];             /* RFC 6528. */
	struct filter peers;            /* Remote addresses of endpoints. */
	struct filter hops;             /* Neighbours that a table has an entry of. */
};

struct endpoint {
	struct endpoint *next; /* In its slot. */
	struct vrs_endpoint ep;
	struct link *link;
	void *user;
	bool removed; /* Its connections go on: other threads hand their frames over. */
};

/** One of the ports, as a thread sees it. */
struct link {
	struct stack *stack;
	struct vrs_wire *wire;
	struct vrs_neigh *neigh;
	const struct vrs_dpdk_port *port;
	unsigned index;
	uint16_t vlan, mtu;
	struct vrs_frame burst[BURST]; /* Received and not looked at yet. */
	unsigned n_burst;
};

struct vrs_conn {
	struct vrs_tcp tcp; /* First. */
	struct vrs_conn *next_in_slot, *next, *prev, *next_grave;
	struct stack *stack;
	struct link *link;
	struct vrs_flow_key key;
	const struct vrs_conn_ops *ops; /* NULL: its user has gone. */
	void *user;
	bool was_high, in_grave, half_open, open_counted;
	bool no_hop; /* Its neighbour has not answered. */
	uint8_t ttl, min_ttl;
	char password[81];
	struct vrs_timer linger;
};

/** What whose endpoint an address pair is was found to be. */
struct owner {
	uint64_t key;
	uint32_t generation;
	uint32_t thread; /* UINT32_MAX: nobody's. */
};

struct stack {
	struct vrs_transport base;
	struct vrs_tcp_host tcp;
	struct family *family;
	unsigned index;
	struct link *links;
	struct endpoint *endpoints[SLOTS]; /* Changed here alone, under the family's lock. */
	unsigned n_removed;                /* Of these. */
	struct vrs_conn *slots[SLOTS];     /* By address pair, newer ones in front. */
	struct vrs_conn *conns, *graves;
	struct owner *owners; /* NULL: one thread only. */
	int wake_fd, epoll_fd;
	int nap_fd;           /* A timer for a host's own epoll; -1: nobody has asked for one. */
	_Atomic bool napping; /* Whoever hands a frame over has to wake it. */
	bool no_hops;         /* Some of conns have none. */
	bool attached, can_sleep; /* can_sleep: every port says when frames have come. */
	uint64_t busy_us;         /* When something was done last. */
	pthread_mutex_t stat_lock;
	struct vrs_stack_stat published; /* Under the lock. */
	uint64_t published_us;
	struct rate echo, tell;
	struct {
		_Atomic uint64_t accepted, refused_unknown, refused_crowd, refused_idle,
			refused_want, connects, polls, open, idle_polls;
		uint64_t bad[VRS_BAD_N], other, not_ours, md5_bad, md5_missing, ttl_low, handed,
			handed_full, echos, icmp_believed, icmp_ignored, no_flow, unresolved,
			tell_limited, searched;
	} stat;
};

static inline struct stack *stack_of(const struct vrs_transport *t)
{
	return (struct stack *)t;
}

static inline struct vrs_conn *conn_of(const struct vrs_tcp *t)
{
	return (struct vrs_conn *)t;
}

static inline uint64_t pair_hash(const struct vrs_addr *local, const struct vrs_addr *remote)
{
	uint8_t bytes[32];

	memcpy(bytes, local->bytes, 16);
	memcpy(bytes + 16, remote->bytes, 16);
	return vrs_hash(bytes, sizeof(bytes));
}

/* Where in a table of SLOTS. */
static inline uint32_t pair_slot(const struct vrs_addr *local, const struct vrs_addr *remote)
{
	return (uint32_t)pair_hash(local, remote) & (SLOTS - 1);
}

static inline void stack_count(_Atomic uint64_t *counter, uint64_t n)
{
	/* relaxed: a number to look at, ordering nothing; one writer */
	atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + n,
		memory_order_relaxed);
}

/* RFC 5082: what comes from h hops away has a TTL of 256 - h at least. */
static inline uint8_t vrs_stack_min_ttl(const struct endpoint *e)
{
	return e->ep.ttl_security != 0 ? (uint8_t)(256 - e->ep.ttl_security) : 0;
}

/* Time is a test's. */
static inline bool vrs_stack_is_virtual(const struct stack *s)
{
	return s->family->config.now_us != NULL;
}

/* --- stack.c --- */

uint64_t vrs_stack_clock_us(const struct stack *s);

/* A burst of every wire, to be looked at later. @return Frames that wait, other threads' included. */
size_t vrs_stack_fetch(struct stack *s);

/* The owner's counters, for others to look at: now and then, and (@p now) before it sleeps. */
void vrs_stack_publish(struct stack *s, bool now);

struct endpoint *vrs_stack_endpoint_find(const struct stack *s, const struct vrs_addr *local,
	const struct vrs_addr *remote, bool removed);

static inline struct endpoint *vrs_stack_endpoint(
	const struct stack *s, const struct vrs_addr *local, const struct vrs_addr *remote)
{
	return vrs_stack_endpoint_find(s, local, remote, false);
}

void vrs_stack_filter_add(struct filter *to, const struct vrs_addr *a);
bool vrs_stack_filter_has(const struct filter *in, const struct vrs_addr *a);

/* A connection has gone: with the last one goes an endpoint that was removed before. */
void vrs_stack_endpoint_left(struct stack *s, const struct vrs_flow_key *key);

/* --- stack_conn.c --- */

extern const struct vrs_tcp_ops vrs_stack_tcp_ops;

struct vrs_conn *vrs_stack_find(const struct stack *s, const struct vrs_flow_key *key);

/* A SYN for an endpoint of ours. */
void vrs_stack_syn(struct stack *s, struct link *l, const struct vrs_flow_key *key,
	struct endpoint *e, const struct vrs_tcp_segment *syn);

/* Send a segment that belongs to no connection. */
void vrs_stack_reply(struct stack *s, struct link *l, const struct vrs_flow_key *key,
	const struct endpoint *e, const struct vrs_tcp_segment *seg);

int vrs_stack_connect(struct vrs_transport *t, const struct vrs_addr *local,
	const struct vrs_addr *remote, const struct vrs_conn_ops *ops, void *user,
	struct vrs_conn **out);
int vrs_stack_conn_send(
	struct vrs_conn *c, struct vrs_chunk *chunk, uint32_t offset, uint32_t size);
size_t vrs_stack_conn_queued(const struct vrs_conn *c);
void vrs_stack_conn_pause(struct vrs_conn *c);
void vrs_stack_conn_resume(struct vrs_conn *c);
void vrs_stack_conn_close(struct vrs_conn *c, bool flush);
void vrs_stack_conn_info(const struct vrs_conn *c, struct vrs_addr *local, uint16_t *local_port,
	struct vrs_addr *remote, uint16_t *remote_port);

/* Free what has ended. @return How many. */
size_t vrs_stack_bury(struct stack *s);

void vrs_stack_conn_free(struct vrs_conn *c);

bool vrs_stack_has_conns(
	const struct stack *s, const struct vrs_addr *local, const struct vrs_addr *remote);

/* --- stack_input.c --- */

/* A frame of @p l's wire; given back unless it was kept. */
void vrs_stack_frame(struct stack *s, struct link *l, struct vrs_frame *f);

/* What other threads have received for this one. @return How many. */
size_t vrs_stack_take_handed(struct stack *s);
bool vrs_stack_has_handed(const struct stack *s);

/* --- stack_idle.c --- */

int vrs_stack_descriptors(struct stack *s);

/* Let it end a sleep, too. @return false: negative, or epoll will not have it. */
bool vrs_stack_watch(struct stack *s, int fd);

void vrs_stack_wake(struct vrs_transport *t);
int vrs_stack_fd(const struct vrs_transport *t);

/* Nothing has come: wait for it until @p deadline_us. */
void vrs_stack_wait_for_frames(struct stack *s, uint64_t deadline_us);

/* A wire takes nothing, perhaps for long: its link is down, or the other side of a shared memory gone. It does
 * not say when there is room. */
void vrs_stack_wait_for_room(struct stack *s, uint64_t deadline_us);

/* Where a host has asked for a descriptor: make it readable when poll() has something to do again. @p room: no wire
 * is full. */
void vrs_stack_arm(struct stack *s, bool room);
