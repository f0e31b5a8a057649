/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#pragma once

/**
 * @file
 * What kernel.c (endpoints, listening, poll), conn.c (one connection) and sock.c (socket
 * options) share.
 */

#include <pthread.h>
#include <stdatomic.h>

#include "io/kernel/kernel.h"

enum {
	READ_SIZE = 65536,
	LEFT_MAX = 131072, /* kept for a connection: a message of 64 KiB and one read */
	FLUSH_MS = 1000,
};

/* What an epoll event points to: the first member of each. */
enum source { SOURCE_WAKE, SOURCE_LISTENER, SOURCE_CONN };

/* A listening socket of the family. Under its lock. */
struct listening {
	struct listening *next;
	int fd;
	struct vrs_addr local;
	uint16_t port;
	unsigned n_listeners;
};

/* A transport's share in one. */
struct listener {
	enum source source;
	struct listener *next;
	struct listening *listening;
	int fd; /* Of listening. */
	struct vrs_addr local;
	uint16_t port;
	unsigned n_endpoints;
};

/* Accepted by one transport, for a peer of another. */
struct handed {
	struct handed *next;
	int fd;
	struct vrs_addr local, remote;
	uint16_t local_port, remote_port;
};

/* Transports that share listening sockets. */
struct family {
	pthread_mutex_t lock; /* Everything here, and every member's endpoints and inbox. */
	struct listening *listening;
	struct kernel **members;
	unsigned n, n_left;
};

struct endpoint {
	struct endpoint *next;
	struct vrs_endpoint ep;
	struct listener *listener;
	void *user;
};

/* Part of a chunk, waiting. */
struct piece {
	struct vrs_chunk *chunk;
	uint32_t offset, size;
};

enum conn_state {
	CONN_CONNECTING,
	CONN_OPEN,
	CONN_FLUSHING, /* closed by its user; queued bytes still go out */
	CONN_DEAD,     /* its descriptor is closed; freed by the next poll */
};

struct vrs_conn {
	enum source source;
	enum conn_state state;
	struct kernel *k;
	struct vrs_conn *next, *prev;    /* all of them */
	struct vrs_conn *next_attention; /* see kernel.attention */
	bool in_attention;
	bool again; /* present what is left over */
	bool paused;
	bool was_high;
	bool blocked;      /* the socket took no more: EPOLLOUT is asked for */
	bool shut;         /* flushing: our FIN is sent */
	uint32_t interest; /* epoll events asked for */
	int fd;
	int tx_err; /* writing failed; reading tells when it is over */
	const struct vrs_conn_ops *ops;
	void *user;
	struct vrs_addr local, remote;
	uint16_t local_port, remote_port;
	uint8_t *left; /* read and not consumed */
	size_t left_size, left_capacity;
	struct piece *ring; /* capacity is a power of two */
	size_t head, n_pieces, ring_capacity;
	size_t queued;
	uint64_t flush_until_ms;
};

struct kernel {
	struct vrs_transport base;
	struct family *family;
	int epoll_fd, wake_fd;
	int reserve_fd; /* given up for a moment to refuse a connection when descriptors are out */
	bool deaf;      /* not even that: listeners are left alone until deaf_until_ms */
	uint64_t deaf_until_ms;
	enum source wake_source;
	struct endpoint *endpoints; /* Changed here alone, under the family's lock. */
	struct handed *inbox;       /* Under the family's lock. */
	_Atomic bool has_inbox;
	struct listener *listeners;
	struct listener *closed_listeners; /* freed by the next poll */
	struct vrs_conn *conns;
	struct vrs_conn *attention; /* to be written, presented again, or freed at the next poll */
	size_t n_flushing;
	uint8_t *buffer; /* LEFT_MAX + READ_SIZE */
	struct {
		_Atomic uint64_t accepted, refused_unknown, refused_crowd, refused_idle,
			refused_want, connects, rx_bytes, tx_bytes, polls, open;
	} stat;
};

static inline void kernel_count(_Atomic uint64_t *counter, uint64_t n)
{
	/* relaxed: a number to look at, ordering nothing */
	atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}

/* --- conn.c ----------------------------------------------------------------------------- */

/* Register @p fd. NULL: out of memory, or epoll refused; @p fd is still the caller's. */
struct vrs_conn *vrs_kernel_conn_new(struct kernel *k, int fd, enum conn_state state);

/* Something happened on the socket. */
void vrs_kernel_conn_event(struct vrs_conn *c, uint32_t events);

/* Its turn in the attention list. @return Whether something was done. */
bool vrs_kernel_conn_attend(struct vrs_conn *c);

/* Close and free at once. */
void vrs_kernel_conn_free(struct vrs_conn *c);

int vrs_kernel_conn_send(
	struct vrs_conn *c, struct vrs_chunk *chunk, uint32_t offset, uint32_t size);
size_t vrs_kernel_conn_queued(const struct vrs_conn *c);
void vrs_kernel_conn_resume(struct vrs_conn *c);
void vrs_kernel_conn_pause(struct vrs_conn *c);
void vrs_kernel_conn_close(struct vrs_conn *c, bool flush);

/* Give up flushing when its second is over. */
void vrs_kernel_conn_expire(struct vrs_conn *c, uint64_t now_ms);

/* --- sock.c ----------------------------------------------------------------------------- */

/* A listening socket. @return A descriptor or a negative errno. */
int vrs_kernel_sock_listen(const struct vrs_addr *local, uint16_t port);

/* A socket on its way to @p ep's remote address. @return A descriptor or a negative errno. */
int vrs_kernel_sock_connect(const struct vrs_endpoint *ep);

/* @return A descriptor, with the peer's address, or a negative errno. */
int vrs_kernel_sock_accept(int listener, struct vrs_addr *remote, uint16_t *port);

/* Options of an established connection: no delay, TTL. @return 0 or a negative errno. */
int vrs_kernel_sock_tune(int fd, const struct vrs_endpoint *ep);

/* Set, or with an empty password drop, the key for @p remote. @return 0 or a negative errno. */
int vrs_kernel_sock_md5(int fd, const struct vrs_addr *remote, const char *password);

/* Hops of what we send: 255 where RFC 5082 wants it. @return 0 or a negative errno. */
int vrs_kernel_sock_ttl(int fd, unsigned afi, int ttl);

/* Our own address and port. */
void vrs_kernel_sock_local(int fd, struct vrs_addr *local, uint16_t *port);
