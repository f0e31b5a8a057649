/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 *
 * A transport and nothing on top of it: bytes are pumped through one connection. bench/paths compares
 * our own TCP with the kernel's on a path that this program makes as well (relay).
 *
 *   vrs-pump send    TRANSPORT LOCAL/LEN REMOTE BYTES
 *   vrs-pump receive TRANSPORT LOCAL/LEN REMOTE BYTES
 *   vrs-pump relay   TAP TAP DELAY_US LOSS_PPM RATE QUEUE_BYTES SEED
 *
 * TRANSPORT is "kernel" (with cubic) or a DPDK device. The receiver waits for the sender, prints the seconds from the first
 * byte to the last, and closes; then both end. A relay makes two TAP interfaces and carries frames between
 * them, delayed, lost and throttled the same way in both directions, until it is ended.
 */

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "io/dpdk/dpdk.h"
#include "io/dpdk/tap.h"
#include "io/kernel/kernel.h"
#include "rib/base/clock.h"
#include "rib/base/mem.h"

enum { PORT = 1790, CHUNK = 1 << 16, FRAME = 2048 };

/* --- an end --- */

struct pump {
	struct vrs_transport *t;
	struct vrs_conn *conn;
	struct vrs_chunk *chunk;
	uint64_t wanted, moved, first_ns, last_ns;
	bool up, over;
	int err;
};

static void on_up(void *user, struct vrs_conn *conn)
{
	((struct pump *)user)->up = true;
}

static size_t on_rx(void *user, struct vrs_conn *conn, const uint8_t *data, size_t size)
{
	struct pump *p = user;

	if (p->moved == 0)
		p->first_ns = vrs_now_ns();
	p->moved += size;
	p->last_ns = vrs_now_ns();
	return size;
}

static void on_down(void *user, struct vrs_conn *conn, int err)
{
	struct pump *p = user;

	p->over = true;
	p->err = err;
	p->conn = NULL;
}

static void on_writable(void *user, struct vrs_conn *conn)
{
}

static const struct vrs_conn_ops ops = {on_up, on_rx, on_down, on_writable};

static bool on_accept(void *ctx, void *endpoint_user, struct vrs_conn *conn,
	const struct vrs_conn_ops **o, void **user)
{
	struct pump *p = endpoint_user;

	if (p->conn != NULL)
		return false;
	p->conn = conn;
	p->up = true;
	*o = &ops;
	*user = p;
	return true;
}

/* LOCAL/LEN, the host bits being ours. */
static int parse_local(const char *text, struct vrs_addr *addr, uint8_t *len)
{
	char copy[VRS_PREFIX_STRLEN];
	char *slash;

	(void)snprintf(copy, sizeof(copy), "%s", text);
	slash = strchr(copy, '/');
	if (slash == NULL)
		return -EINVAL;
	*slash = '\0';
	*len = (uint8_t)atoi(slash + 1);
	return vrs_addr_parse(addr, copy);
}

static int make(struct pump *p, const char *transport, struct vrs_addr *addr, uint8_t len)
{
	struct vrs_dpdk_port port = {
		.device = transport, .addresses = addr, .lens = &len, .n_addresses = 1};
	char why[300] = "";

	if (strcmp(transport, "kernel") == 0) {
		p->t = vrs_kernel_transport_new();
		return p->t != NULL ? 0 : -errno;
	}
	int err = vrs_dpdk_transports_new(&(struct vrs_dpdk_config){.ports = &port, .n_ports = 1},
		1, &p->t, why, sizeof(why));
	if (err != 0)
		fprintf(stderr, "%s\n", why);
	return err;
}

static void send_some(struct pump *p)
{
	while (p->conn != NULL && p->moved < p->wanted &&
		p->t->ops->queued(p->conn) < VRS_CONN_HIGH_WATER / 2) {
		uint32_t n = (uint32_t)VRS_MIN(p->wanted - p->moved, (uint64_t)CHUNK);

		if (p->t->ops->send(p->conn, p->chunk, 0, n) != 0)
			return;
		p->moved += n;
	}
}

/* The transport keeps its sockets to itself; a benchmark may look for them. Accepted ones inherit it. */
static void choose_congestion_control(void)
{
	static const char cc[] = "cubic";

	for (int fd = 3; fd < 64; fd++)
		(void)setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, cc, sizeof(cc) - 1);
}

static int end(bool sender, char **argv)
{
	struct pump p = {.wanted = strtoull(argv[3], NULL, 0), .chunk = vrs_chunk_new(CHUNK)};
	struct vrs_endpoint ep = {.local_port = PORT, .remote_port = PORT, .passive = !sender};
	uint8_t len;

	if (p.chunk == NULL || parse_local(argv[1], &ep.local, &len) != 0 ||
		vrs_addr_parse(&ep.remote, argv[2]) != 0 || make(&p, argv[0], &ep.local, len) != 0)
		return 1;
	memset(p.chunk->data, 0x5a, CHUNK);
	p.chunk->size = CHUNK;
	p.t->accept = on_accept;
	if (p.t->ops->endpoint_add(p.t, &ep, &p) != 0)
		return 1;
	if (sender && p.t->ops->connect(p.t, &ep.local, &ep.remote, &ops, &p, &p.conn) != 0)
		return 1;
	choose_congestion_control();
	while (!p.over && (sender || p.moved < p.wanted)) {
		if (sender && p.up)
			send_some(&p);
		/* What was just queued leaves in the next poll: it waits when the socket is full. */
		bool more = p.conn != NULL && p.moved < p.wanted &&
			p.t->ops->queued(p.conn) <= VRS_CONN_HIGH_WATER / 2;
		if (p.t->ops->poll(p.t, sender && p.up && more ? 0 : 10) < 0)
			return 1;
	}
	if (!sender)
		printf("%.6f\n", (double)(p.last_ns - p.first_ns) / 1e9);
	else if (p.err != 0)
		fprintf(stderr, "the connection failed: %s\n", strerror(p.err));
	if (p.conn != NULL)
		p.t->ops->close(p.conn, true);
	for (unsigned i = 0; i < 50; i++) /* The last word leaves. */
		(void)p.t->ops->poll(p.t, 1);
	p.t->ops->free(p.t);
	vrs_chunk_put(p.chunk);
	return p.moved == p.wanted && p.err == 0 ? 0 : 1;
}

/* --- a relay --- */

/** A TAP as the inner wire of a bad one. */
struct tap_wire {
	struct vrs_wire wire;
	int fd;
	uint8_t frame[FRAME];
};

static unsigned tap_rx(struct vrs_wire *w, struct vrs_frame *out, unsigned n)
{
	struct tap_wire *t = (struct tap_wire *)w;
	size_t size = vrs_tap_read(t->fd, t->frame, sizeof(t->frame));

	*out = (struct vrs_frame){.data = t->frame, .size = (uint32_t)size};
	return size > 0;
}

static void tap_put(struct vrs_wire *w, struct vrs_frame *f)
{
}

static bool tap_tx(struct vrs_wire *w, const struct vrs_wire_tx *tx)
{
	uint8_t flat[FRAME];
	uint32_t size = tx->head_size;

	if (size + tx->size > sizeof(flat))
		return true;
	memcpy(flat, tx->head, size);
	for (unsigned i = 0; i < tx->n_pieces; i++) {
		const struct vrs_wire_piece *p = &tx->pieces[i];

		memcpy(flat + size, p->chunk->data + p->offset, p->size);
		size += p->size;
	}
	(void)vrs_tap_write(
		((struct tap_wire *)w)->fd, &(struct vrs_frame){.data = flat, .size = size});
	return true;
}

static void tap_flush(struct vrs_wire *w)
{
}

static void tap_free(struct vrs_wire *w)
{
	free(w);
}

static const struct vrs_wire_ops tap_ops = {
	.rx = tap_rx, .put = tap_put, .tx = tap_tx, .flush = tap_flush, .free = tap_free};

static uint64_t now_us(void *ctx)
{
	return vrs_now_ns() / 1000;
}

static struct vrs_wire *make_side(const char *name, unsigned i, char **argv, int *fd)
{
	struct vrs_badwire_config c = {
		.delay_us = (uint32_t)strtoul(argv[2], NULL, 0),
		.loss_ppm = (uint32_t)strtoul(argv[3], NULL, 0),
		.rate = strtoull(argv[4], NULL, 0),
		.queue_bytes = (uint32_t)strtoul(argv[5], NULL, 0),
		.seed = strtoull(argv[6], NULL, 0) + i,
	};
	struct tap_wire *t = calloc(1, sizeof(*t));
	uint8_t mac[6] = {2, 0, 0, 0, 9, (uint8_t)i};
	char why[200];

	if (t == NULL)
		return NULL;
	t->wire.ops = &tap_ops;
	t->wire.mtu = 1500;
	*fd = t->fd = vrs_tap_open(name, mac, 1500, why, sizeof(why));
	if (*fd < 0)
		fprintf(stderr, "%s\n", why);
	struct vrs_wire *w = *fd < 0 ? NULL : vrs_badwire_new(&t->wire, &c, NULL, now_us, NULL);
	if (w == NULL)
		free(t);
	return w;
}

/* A frame as one piece of a chunk behind its Ethernet header. */
static void pass(struct vrs_wire *to, const struct vrs_frame *f)
{
	enum { ETHERNET = 14 };
	struct vrs_wire_tx tx = {.head_size = ETHERNET, .l2_size = ETHERNET, .n_pieces = 1};
	struct vrs_chunk *c = f->size > ETHERNET ? vrs_chunk_new(f->size - ETHERNET) : NULL;

	if (c == NULL)
		return;
	memcpy(tx.head, f->data, ETHERNET);
	c->size = tx.size = f->size - ETHERNET;
	memcpy(c->data, f->data + ETHERNET, c->size);
	tx.pieces[0] = (struct vrs_wire_piece){c, 0, c->size};
	(void)to->ops->tx(to, &tx);
	vrs_chunk_put(c);
}

static int relay(char **argv)
{
	struct pollfd fds[2];
	struct vrs_wire *side[2];

	for (unsigned i = 0; i < 2; i++) {
		side[i] = make_side(argv[i], i, argv, &fds[i].fd);
		fds[i].events = POLLIN;
		if (side[i] == NULL)
			return 1;
	}
	printf("ready\n");
	(void)fflush(stdout);
	for (;;) {
		uint64_t due =
			VRS_MIN(side[0]->ops->next_us(side[0]), side[1]->ops->next_us(side[1]));
		uint64_t now = now_us(NULL),
			 wait = due > now ? VRS_MIN(due - now, (uint64_t)100000) : 0;
		struct timespec ts = {(time_t)(wait / 1000000), (long)(wait % 1000000) * 1000};
		struct vrs_frame f;

		(void)ppoll(fds, 2, &ts, NULL);
		for (unsigned i = 0; i < 2; i++) {
			for (unsigned k = 0; k < 64 && side[i]->ops->rx(side[i], &f, 1) > 0; k++)
				pass(side[1 - i], &f);
			side[1 - i]->ops->flush(side[1 - i]);
			side[i]->ops->flush(side[i]);
		}
	}
}

int main(int argc, char **argv)
{
	if (argc == 6 && (strcmp(argv[1], "send") == 0 || strcmp(argv[1], "receive") == 0))
		return end(strcmp(argv[1], "send") == 0, argv + 2);
	if (argc == 9 && strcmp(argv[1], "relay") == 0)
		return relay(argv + 2);
	fprintf(stderr, "usage: see bench/pump.c\n");
	return 2;
}
