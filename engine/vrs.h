/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#pragma once

/**
 * @file
 * libvrs: a route server inside your program. It takes vrsd's configuration (docs/configuration.md)
 * from a buffer, speaks BGP to the peers in it, and answers what every NIC does with every address,
 * at memory speed, from any thread. docs/embedding.md has the whole picture.
 *
 * **Threads.** With `process.ioThreads: 1` (the default; N: one more each) libvrs runs two of its own, and
 * liburcu, once a process, a third. With `ioThreads: 0` it starts none: you call vrs_poll(), on one
 * thread at a time. Every thread that calls a function marked [R] is registered first with
 * vrs_thread_register(); without that they return -EPERM. Functions may be called from any thread
 * at once unless they say otherwise; a cursor or a pin is used by one thread at a time. Look-ups take
 * no lock and wait for nobody.
 *
 * **Ownership.** Handles are yours until closed. What is passed in is copied; what comes out is
 * copied out, or borrowed for as long as the function says.
 *
 * **Errors.** 0 or more is good, a negative errno is not. Outputs are written only on success.
 * libvrs never exits, installs no signal handler, and prints nothing (vrs_set_log()). With kind dpdk DPDK
 * does print: its options to stdout for arguments that it does not know, why it does not start to stderr.
 *
 * **ABI.** Structs that may grow begin with their size. `process.controlSocket`, `http` and
 * `stateDir` are vrsd's: they are checked, and nothing is opened.
 */

#include <stddef.h>
#include <stdint.h>

#ifndef VRS_PUBLIC
#define VRS_PUBLIC __attribute__((visibility("default")))
#endif
#ifndef VRS_NODISCARD
#define VRS_NODISCARD __attribute__((warn_unused_result))
#endif

#ifdef __cplusplus
extern "C" {
#endif

struct vrs;
struct vrs_cursor;
struct vrs_pin;

/* --- Values --- */

/** Address families, as IANA numbers them. */
enum vrs_family {
	VRS_IP4 = 1,
	VRS_IP6 = 2,
};

struct vrs_ip {
	uint8_t bytes[16]; /**< Network order; IPv4 fills the first 4, the rest is zero. */
	uint8_t family;    /**< enum vrs_family; 0 = none. */
};

/** A prefix. Bits behind its length are zero. */
struct vrs_net {
	uint8_t bytes[16]; /**< As struct vrs_ip. */
	uint8_t len;       /**< Bits. */
	uint8_t family;
};

/** Where a route comes from. */
enum vrs_source {
	VRS_FROM_NOTHING = 0, /**< There is no route. */
	VRS_FROM_DEFAULT =
		1,         /**< "Default": the network's own, peered networks', the platform's. */
	VRS_FROM_BGP = 2,  /**< "VirtualNetworkGateway". */
	VRS_FROM_USER = 3, /**< "User": a route table's. */
};

/** What is done with a packet. */
enum vrs_hop_type {
	VRS_HOP_VIRTUAL_APPLIANCE = 0,
	VRS_HOP_VIRTUAL_NETWORK_GATEWAY = 1,
	VRS_HOP_VNET_LOCAL = 2,
	VRS_HOP_INTERNET = 3,
	VRS_HOP_NONE = 4, /**< Dropped. */
	VRS_HOP_VNET_PEERING = 5,
	VRS_HOP_SERVICE_ENDPOINT = 6,
};

/** "10.0.0.0/16" or "10.0.0.1" to a prefix or an address. @return 0 or -EINVAL; -ERANGE: host bits. */
VRS_PUBLIC int vrs_net_parse(struct vrs_net *out, const char *text) VRS_NODISCARD;
VRS_PUBLIC int vrs_ip_parse(struct vrs_ip *out, const char *text) VRS_NODISCARD;

/** As text, cut to @p size; 50 bytes hold any. @return @p out. */
VRS_PUBLIC const char *vrs_net_text(const struct vrs_net *net, char *out, size_t size);
VRS_PUBLIC const char *vrs_ip_text(const struct vrs_ip *ip, char *out, size_t size);

/* --- Life --- */

/** @return "0.1.0"; static. */
VRS_PUBLIC const char *vrs_release(void);

/**
 * Log lines of every vrs in the process go to @p fn: from any thread, also libvrs's own; it must
 * not call libvrs. Call it while no vrs is open.
 *
 * @param fn     Gets the level (0 error, 1 warning, 2 info, 3 debug) and a borrowed line without
 *               its newline. NULL: nobody is told, as at first.
 * @param level  Least urgent one wanted.
 */
VRS_PUBLIC void vrs_set_log(
	void (*fn)(void *ctx, int level, const char *line), void *ctx, int level);

/** Register the calling thread for functions marked [R]; nests. Unregister before it ends. */
VRS_PUBLIC void vrs_thread_register(void);
VRS_PUBLIC void vrs_thread_unregister(void);

/** Zero is the default of every member. */
struct vrs_options {
	size_t size;          /**< sizeof(struct vrs_options). */
	const char *name;     /**< Of the buffer in findings; "config". */
	const char *base_dir; /**< Where a relative passwordFile starts; the current directory. */
	uint32_t delta_log;   /**< Deltas kept a route server; 32,768, rounded up to a power of two,
				 *   16 Mi at most. About 48 bytes each, taken when they come. */
	uint32_t max_pin_ms;  /**< A pin on a replaced version is revoked when older; 120,000. */
	uint64_t max_pin_bytes; /**< Or when it alone keeps more; 64 MiB. */
};

/**
 * Open with a configuration; sessions begin at once, or with the first vrs_poll(). [R]
 *
 * @param yaml         The text, @p size bytes.
 * @param options      NULL: defaults.
 * @param report       Gets every finding, one a line, "NAME:LINE:COLUMN: error: CODE: text", errors and
 *                     warnings, whatever is returned; cut at the end of a line; always ended by
 *                     a NUL. NULL with @p report_size 0: not wanted.
 * @param[out] out     Close it with vrs_close().
 * @return             0; -EINVAL: refused, see the report, nothing was started; -ENOMEM, -EMFILE, -EPERM...
 */
VRS_PUBLIC int vrs_open(struct vrs **out, const char *yaml, size_t size,
	const struct vrs_options *options, char *report, size_t report_size) VRS_NODISCARD;

/**
 * Make another configuration the truth: whole, or not at all. Sessions that need not change stay
 * up. NICs keep their handles by name. Next hops that may not be used any more are not answered from
 * here on. Cursors of classes that change, and of route servers whose next hops that concerns, are told
 * by -ESTALE, once a class however many NICs it has. With `ioThreads: 0`, and called on another thread than polls, it
 * waits for vrs_poll() to take part. [R]
 *
 * @return 0; -EINVAL: refused, see the report, all stays as it was (`ioThreads` cannot change);
 *         -ENOMEM: what could be applied is.
 */
VRS_PUBLIC int vrs_reload(struct vrs *v, const char *yaml, size_t size, char *report,
	size_t report_size) VRS_NODISCARD;

/**
 * Send Cease to all peers, wait up to a second for it to leave, end the threads, free everything. No
 * other thread is inside a function of @p v. [R]
 *
 * @return 0; -EBUSY: cursors or pins are open, nothing happened.
 */
VRS_PUBLIC int vrs_close(struct vrs *v);

/* --- Without threads (ioThreads: 0) --- */

/**
 * Do what there is to do: read, decide, publish, send. The thread that called it last owns the
 * sessions; another one may take over between two calls. [R]
 *
 * @param timeout_ms  Wait at most so long for something to do; 0 = not at all, -1 = for ever.
 * @return            1: there is more to do, call again at once; 0: not now; -EINVAL: it has threads.
 */
VRS_PUBLIC int vrs_poll(struct vrs *v, int timeout_ms);

/** For your own epoll: readable when vrs_poll(v, 0) has something to do. Do not read it.
 *  @return A descriptor, v's own; -EINVAL: it has threads. */
VRS_PUBLIC int vrs_poll_fd(const struct vrs *v);

/** Call before you wait for the descriptor. @return Milliseconds, at most 500, after which to call
 *  vrs_poll() even so; 0 = at once. Same thread as vrs_poll(). */
VRS_PUBLIC int vrs_poll_timeout(struct vrs *v);

/* --- NICs and their classes --- */

/** NICs that see the same routes share a class; routes are kept by class, so to them a NIC more is four
 *  bytes, beside its row of the configuration. */

/**
 * Find a NIC by name. A handle is its name's for as long as @p v is open: across reloads, and never
 * another's (a name that has gone keeps some 40 bytes). [R]
 *
 * @return 0 or -ENOENT.
 */
VRS_PUBLIC int vrs_nic(struct vrs *v, const char *name, uint32_t *nic) VRS_NODISCARD;

/** @return The number of its class, from 0, until the next reload; -ENOENT: no such NIC now. [R] */
VRS_PUBLIC int vrs_nic_class(struct vrs *v, uint32_t nic);

/** @return Classes of the configuration in force. [R] */
VRS_PUBLIC int vrs_n_classes(struct vrs *v);

/* --- Where does a packet go? --- */

struct vrs_answer {
	struct vrs_ip next_hop; /**< The first one; family 0: the type needs none. */
	uint8_t prefix_len;     /**< Of the prefix that matched: the address, cut to it. */
	uint8_t source;         /**< enum vrs_source; VRS_FROM_NOTHING: no route, no such NIC. */
	uint8_t type;           /**< enum vrs_hop_type. */
	uint32_t n_next_hops;   /**< More than 1: ECMP, see vrs_next_hops(). */
	uint32_t group;    /**< Equal and not 0: equal next hops (one route server, one call). */
	uint32_t reserved; /**< Zero. */
};

/**
 * One look-up, in the newest version. [R] 206 ns at a million prefixes and 1,000 classes.
 *
 * @return 0; -ENOENT: no such NIC; -ENETUNREACH: no route; -EAFNOSUPPORT.
 */
VRS_PUBLIC int vrs_effective(
	struct vrs *v, uint32_t nic, const struct vrs_ip *addr, struct vrs_answer *out);

/**
 * One NIC, @p n addresses, all in one version. Misses overlap: the fastest way to ask. [R] Memory
 * that is replaced meanwhile waits for the call to end: some 10,000 a call are plenty.
 *
 * @return 0; -ENOENT: no such NIC. Addresses without a route get VRS_FROM_NOTHING.
 */
VRS_PUBLIC int vrs_effective_bulk(
	struct vrs *v, uint32_t nic, const struct vrs_ip *addrs, size_t n, struct vrs_answer *out);

/** As vrs_effective_bulk() with a NIC for each address; each answer is of the version that was the
 *  newest while the call ran. [R] @return 0. */
VRS_PUBLIC int vrs_effective_many(struct vrs *v, const uint32_t *nics, const struct vrs_ip *addrs,
	size_t n, struct vrs_answer *out);

/**
 * All next hops of an answer, ascending. [R] Ask soon: its group is forgotten after `delta_log` more
 * changes at the earliest.
 *
 * @param cap  Room in @p out; more are left out.
 * @return     How many there are; -ESTALE: look up again.
 */
VRS_PUBLIC int vrs_next_hops(struct vrs *v, uint32_t nic, const struct vrs_answer *answer,
	struct vrs_ip *out, size_t cap);

/* --- Changes --- */

/** What is done with a prefix. */
struct vrs_hops {
	uint8_t source; /**< enum vrs_source; VRS_FROM_NOTHING: shorter prefixes decide. */
	uint8_t type;   /**< enum vrs_hop_type. */
	uint32_t n_next_hops;
	const struct vrs_ip *next_hops; /**< Ascending. Borrowed, as said by who gives it. */
};

struct vrs_delta_record {
	uint64_t
		sequence; /**< Rises by one a change of the route server; the hidden are left out. */
	uint64_t version; /**< The first that shows it. */
	struct vrs_net prefix;
	struct vrs_hops before, after;
};

/**
 * Follow the routes that a route server has learned. It begins stale: vrs_resync() it first. [R]
 *
 * @return 0; -ENOENT: no such route server; -ENOMEM, -EMFILE.
 */
VRS_PUBLIC int vrs_cursor_open(struct vrs *v, const char *route_server, struct vrs_cursor **out)
	VRS_NODISCARD;

/**
 * Follow what a NIC's class does. What vrs_resync() gives and the deltas change, matched longest
 * prefix first, is always exactly what vrs_effective() answers (of an earlier moment): BGP routes
 * that a user route or a pinned prefix hides are left out, and where one goes that had replaced a
 * default route, the default route comes back. One cursor a class serves all of its NICs. [R]
 *
 * @return 0; -ENOENT: no such NIC; -ENOMEM, -EMFILE.
 */
VRS_PUBLIC int vrs_cursor_open_nic(struct vrs *v, uint32_t nic, struct vrs_cursor **out)
	VRS_NODISCARD;

/**
 * Take what has changed since. Never waits. [R]
 *
 * @param out  Their next hops are borrowed until the next call with @p c.
 * @param max  Room in @p out, up to 1024 are used.
 * @return     How many, 0 = nothing new; -ESTALE: the log has moved past the cursor, the
 *             class is another now, or next hops were taken away: vrs_resync(); -ENOENT: what it follows is not configured any
 *             more; -ENOMEM: nothing was taken, try again.
 */
VRS_PUBLIC int vrs_cursor_read(struct vrs_cursor *c, struct vrs_delta_record *out, int max)
	VRS_NODISCARD;

/** @return A descriptor that is readable when vrs_cursor_read() may have something to say, until it
 *          has said 0. The cursor's own; do not read it. Any thread. */
VRS_PUBLIC int vrs_cursor_fd(const struct vrs_cursor *c);

/** @return 0 to go on, anything else to stop. May take its time; must not use the cursor or pin
 *  that calls it. @p hops is borrowed during the call. */
typedef int (*vrs_route_fn)(void *ctx, const struct vrs_net *prefix, const struct vrs_hops *hops);

/**
 * Give everything there is, IPv4 first, from one pinned version; vrs_cursor_read() then goes on
 * behind that version, without a gap or a repetition. [R] Begin with an empty table: what an earlier
 * walk gave is void.
 *
 * @param fn  NULL: no walk, only go on from now.
 * @return    0; -ESTALE: the pin was revoked, call again; -ENOENT, -ENOMEM; what @p fn returned. Unless 0,
 *            the cursor stays stale.
 */
VRS_PUBLIC int vrs_resync(struct vrs_cursor *c, vrs_route_fn fn, void *ctx) VRS_NODISCARD;

/** [R] */
VRS_PUBLIC void vrs_cursor_close(struct vrs_cursor *c);

/* --- One version for long --- */

/** Keep the newest version of a route server's routes readable. [R]
 *  @return 0; -ENOENT: no such route server; -ENOMEM. */
VRS_PUBLIC int vrs_pin_open(struct vrs *v, const char *route_server, struct vrs_pin **out)
	VRS_NODISCARD;

/** @return The number of its version; deltas up to it are in it. Any thread. */
VRS_PUBLIC uint64_t vrs_pin_version(const struct vrs_pin *p);

/** @return Prefixes in it, of both families; just after a reload took next hops away, also those that a walk
 *  leaves out. Any thread. */
VRS_PUBLIC uint64_t vrs_pin_prefixes(const struct vrs_pin *p);

/**
 * Visit every route of a family, by address, shorter first. [R]
 *
 * @return 0; -ESTALE: revoked (vrs_options), and what was visited is incomplete; -ENOMEM; what @p fn
 *         returned.
 */
VRS_PUBLIC int vrs_pin_walk(struct vrs_pin *p, enum vrs_family family, vrs_route_fn fn, void *ctx)
	VRS_NODISCARD;

/** [R] */
VRS_PUBLIC void vrs_pin_close(struct vrs_pin *p);

/* --- Status --- */

struct vrs_status {
	size_t size; /**< Set it: sizeof(struct vrs_status). */
	uint32_t n_route_servers, n_nics, n_classes;
	uint32_t sessions, sessions_up;
	uint64_t prefixes;      /**< With a usable best, of all route servers. */
	uint64_t paths;         /**< Heard, used or not. */
	uint64_t deltas;        /**< Made since vrs_open(). */
	uint64_t versions;      /**< Published since. */
	uint64_t pins;          /**< Replaced versions that are pinned. */
	uint64_t oldest_pin_ms; /**< Since the oldest of them was replaced. */
	uint64_t pinned_bytes;  /**< Kept by them alone. */
	uint64_t cursors;    /**< That follow a route server now: resynced, and not stale since. */
	uint64_t cursor_lag; /**< Deltas that the one furthest behind has not read. */
	uint64_t cursor_stales; /**< Times the log had moved past one, ever. */
};

/** A look at it all; waits for the threads, or with `ioThreads: 0` for vrs_poll() when
 *  another thread polls. [R] @return 0 or a negative errno. */
VRS_PUBLIC int vrs_status_get(struct vrs *v, struct vrs_status *out);

#ifdef __cplusplus
}
#endif
