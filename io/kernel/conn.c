/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 *
 * One connection. Its life: connecting or accepted, open, perhaps flushing, dead. Any
 * callback may close it, which closes the descriptor at once and leaves the memory to the
 * next poll; so after each callback the state is looked at again, and events of the same
 * epoll_wait() for a dead one are passed over.
 *
 * Writes are not made by send() but from the attention list, before the next wait: what a
 * turn of the owner queues in pieces leaves in one writev.
 *
 * When a write fails there may still be a NOTIFICATION to be read that says why: the queue is
 * dropped, and reading goes on to the end.
 */

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "io/kernel/internal.h"
#include "rib/base/clock.h"
#include "rib/base/mem.h"

enum {
	IOV_BATCH = 64,
	WRITE_MAX = 1 << 20, /* per turn */
	FIRST_RING = 8,
	LEFT_STEP = 4096,
};

static uint64_t now_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static void attend(struct vrs_conn *c)
{
	if (c->in_attention)
		return;
	c->in_attention = true;
	c->next_attention = c->k->attention;
	c->k->attention = c;
}

static void ask(struct vrs_conn *c)
{
	struct epoll_event ev = {.data.ptr = c};

	if (c->state == CONN_DEAD)
		return;
	if (c->state == CONN_CONNECTING || c->blocked)
		ev.events |= EPOLLOUT;
	if ((c->state == CONN_OPEN && !c->paused) || c->state == CONN_FLUSHING)
		ev.events |= EPOLLIN;
	if (ev.events == c->interest)
		return;
	c->interest = ev.events;
	/* Cannot fail for a descriptor that is registered. */
	(void)epoll_ctl(c->k->epoll_fd, EPOLL_CTL_MOD, c->fd, &ev);
}

struct vrs_conn *vrs_kernel_conn_new(struct kernel *k, int fd, enum conn_state state)
{
	struct vrs_conn *c = vrs_mem_zalloc(VRS_MEM_SESSION, sizeof(*c));

	if (c == NULL)
		return NULL;
	*c = (struct vrs_conn){
		.source = SOURCE_CONN, .state = state, .k = k, .fd = fd, .next = k->conns};
	struct epoll_event ev = {.data.ptr = c};
	ev.events = c->interest = state == CONN_CONNECTING ? EPOLLOUT : EPOLLIN;
	if (epoll_ctl(k->epoll_fd, EPOLL_CTL_ADD, fd, &ev) != 0) {
		vrs_mem_free(VRS_MEM_SESSION, c, sizeof(*c));
		return NULL;
	}
	if (k->conns != NULL)
		k->conns->prev = c;
	k->conns = c;
	kernel_count(&k->stat.open, 1);
	return c;
}

/* --- ending ----------------------------------------------------------------------------- */

static void drop_queue(struct vrs_conn *c)
{
	for (; c->n_pieces > 0; c->n_pieces--) {
		vrs_chunk_put(c->ring[c->head].chunk);
		c->head = (c->head + 1) & (c->ring_capacity - 1);
	}
	c->queued = 0;
}

static void die(struct vrs_conn *c)
{
	if (c->state == CONN_DEAD)
		return;
	if (c->state == CONN_FLUSHING)
		c->k->n_flushing--;
	c->state = CONN_DEAD;
	kernel_count(&c->k->stat.open, (uint64_t)-1);
	(void)close(c->fd); /* leaves the epoll set with it */
	c->fd = -1;
	drop_queue(c);
	attend(c);
}

/* The connection ended by itself. */
static void end(struct vrs_conn *c, int err)
{
	bool tell = c->state == CONN_CONNECTING || c->state == CONN_OPEN;

	die(c);
	if (tell)
		c->ops->down(c->user, c, err);
}

void vrs_kernel_conn_free(struct vrs_conn *c)
{
	die(c);
	if (c->prev != NULL)
		c->prev->next = c->next;
	else
		c->k->conns = c->next;
	if (c->next != NULL)
		c->next->prev = c->prev;
	vrs_mem_free(VRS_MEM_SESSION, c->left, c->left_capacity);
	vrs_mem_free(VRS_MEM_SESSION, c->ring, c->ring_capacity * sizeof(*c->ring));
	vrs_mem_free(VRS_MEM_SESSION, c, sizeof(*c));
}

/* Flushing is done in two steps: our FIN behind the last byte, then the peer's. Closing with
 * unread bytes would send a reset, and the peer's kernel might drop what we said last. */
static void finish_flush(struct vrs_conn *c)
{
	if (c->shut || c->queued > 0)
		return;
	c->shut = true;
	if (shutdown(c->fd, SHUT_WR) != 0)
		die(c);
}

void vrs_kernel_conn_close(struct vrs_conn *c, bool flush)
{
	if (!flush || c->state != CONN_OPEN || c->tx_err != 0) {
		die(c);
		return;
	}
	c->state = CONN_FLUSHING;
	c->k->n_flushing++;
	c->flush_until_ms = now_ms() + FLUSH_MS;
	ask(c);
	attend(c);
}

void vrs_kernel_conn_expire(struct vrs_conn *c, uint64_t now)
{
	if (c->state == CONN_FLUSHING && now >= c->flush_until_ms)
		die(c);
}

/* --- writing ---------------------------------------------------------------------------- */

static int grow_ring(struct vrs_conn *c)
{
	size_t capacity = c->ring_capacity > 0 ? 2 * c->ring_capacity : FIRST_RING;
	struct piece *ring = vrs_mem_alloc(VRS_MEM_SESSION, capacity * sizeof(*ring));

	if (ring == NULL)
		return -ENOMEM;
	assert(c->n_pieces == 0 || c->ring != NULL);
	for (size_t i = 0; i < c->n_pieces; i++)
		ring[i] = c->ring[(c->head + i) & (c->ring_capacity - 1)];
	vrs_mem_free(VRS_MEM_SESSION, c->ring, c->ring_capacity * sizeof(*c->ring));
	c->ring = ring;
	c->ring_capacity = capacity;
	c->head = 0;
	return 0;
}

static struct piece *piece_at(struct vrs_conn *c, size_t i)
{
	return &c->ring[(c->head + i) & (c->ring_capacity - 1)];
}

int vrs_kernel_conn_send(
	struct vrs_conn *c, struct vrs_chunk *chunk, uint32_t offset, uint32_t size)
{
	if (size == 0 || c->tx_err != 0 || c->state > CONN_OPEN)
		return 0;
	struct piece *last = c->n_pieces > 0 ? piece_at(c, c->n_pieces - 1) : NULL;

	if (last != NULL && last->chunk == chunk && last->offset + last->size == offset) {
		last->size += size;
	} else {
		if (c->n_pieces == c->ring_capacity && grow_ring(c) != 0)
			return -ENOMEM;
		c->n_pieces++;
		*piece_at(c, c->n_pieces - 1) = (struct piece){vrs_chunk_get(chunk), offset, size};
	}
	c->queued += size;
	c->was_high |= c->queued > VRS_CONN_HIGH_WATER;
	if (!c->blocked)
		attend(c);
	return 0;
}

size_t vrs_kernel_conn_queued(const struct vrs_conn *c)
{
	return c->queued;
}

/* @p n bytes have left. */
static void sent(struct vrs_conn *c, size_t n)
{
	kernel_count(&c->k->stat.tx_bytes, n);
	c->queued -= n;
	while (n > 0) {
		struct piece *p = piece_at(c, 0);

		if (n < p->size) {
			p->offset += (uint32_t)n;
			p->size -= (uint32_t)n;
			return;
		}
		n -= p->size;
		vrs_chunk_put(p->chunk);
		c->head = (c->head + 1) & (c->ring_capacity - 1);
		c->n_pieces--;
	}
}

static ssize_t write_batch(struct vrs_conn *c)
{
	struct iovec iov[IOV_BATCH];
	struct msghdr msg = {.msg_iov = iov};

	for (size_t i = 0; i < c->n_pieces && i < IOV_BATCH; i++) {
		const struct piece *p = piece_at(c, i);

		iov[i] = (struct iovec){p->chunk->data + p->offset, p->size};
		msg.msg_iovlen++;
	}
	return sendmsg(c->fd, &msg, MSG_NOSIGNAL);
}

/* Writing is over; the reason may still be readable. */
static void write_failed(struct vrs_conn *c, int err)
{
	drop_queue(c);
	c->tx_err = err;
	c->blocked = false;
	if (c->state == CONN_FLUSHING || c->paused)
		end(c, err);
	else
		ask(c);
}

static void write_out(struct vrs_conn *c)
{
	size_t budget = WRITE_MAX;

	c->blocked = false;
	while (c->n_pieces > 0 && budget > 0) {
		ssize_t n = write_batch(c);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == ENOBUFS)) {
			c->blocked = true;
			break;
		}
		if (n < 0) {
			write_failed(c, errno);
			return;
		}
		sent(c, (size_t)n);
		budget -= VRS_MIN(budget, (size_t)n);
	}
	if (c->n_pieces > 0 && !c->blocked)
		attend(c);
	ask(c);
	if (c->state == CONN_FLUSHING) {
		finish_flush(c);
	} else if (c->was_high && c->queued < VRS_CONN_LOW_WATER) {
		c->was_high = false;
		c->ops->writable(c->user, c);
	}
}

/* --- reading ---------------------------------------------------------------------------- */

static void forget_left(struct vrs_conn *c)
{
	vrs_mem_free(VRS_MEM_SESSION, c->left, c->left_capacity);
	c->left = NULL;
	c->left_size = c->left_capacity = 0;
}

/* Keep what was not consumed. @return false: out of memory. */
static bool keep_left(struct vrs_conn *c, const uint8_t *data, size_t size)
{
	if (size > c->left_capacity) {
		size_t capacity = (size + LEFT_STEP - 1) / LEFT_STEP * LEFT_STEP;
		uint8_t *left = vrs_mem_alloc(VRS_MEM_SESSION, capacity);

		if (left == NULL)
			return false;
		forget_left(c);
		c->left = left;
		c->left_capacity = capacity;
	}
	if (size > 0)
		memcpy(c->left, data, size);
	c->left_size = size;
	if (size == 0 && c->left_capacity > LEFT_STEP)
		forget_left(c);
	return true;
}

/* Give @p size bytes of the transport's buffer to the user. */
static void present(struct vrs_conn *c, size_t size)
{
	const uint8_t *data = c->k->buffer;
	size_t used = c->ops->rx(c->user, c, data, size);

	if (c->state != CONN_OPEN)
		return;
	assert(used <= size);
	if (!keep_left(c, data + used, size - used)) {
		end(c, ENOMEM);
		return;
	}
	/* A user that leaves this much lying has had a whole message, and meant a pause. */
	if (c->left_size >= READ_SIZE)
		vrs_kernel_conn_pause(c);
}

/* The bytes left over, at the front of the transport's buffer. */
static size_t take_left(struct vrs_conn *c)
{
	if (c->left_size > 0)
		memcpy(c->k->buffer, c->left, c->left_size);
	return c->left_size;
}

static void read_in(struct vrs_conn *c)
{
	size_t left = take_left(c);

	if (c->again) {
		/* Resumed in this very turn: first things first. */
		c->again = false;
		present(c, left);
		return;
	}
	assert(left < READ_SIZE);
	ssize_t n = recv(c->fd, c->k->buffer + left, READ_SIZE, 0);

	if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
		if (c->tx_err != 0)
			end(c, c->tx_err);
		return;
	}
	if (n <= 0) {
		end(c, n < 0 ? errno : c->tx_err);
		return;
	}
	kernel_count(&c->k->stat.rx_bytes, (uint64_t)n);
	present(c, left + (size_t)n);
}

/* Flushing: what still comes is not wanted, its end is. */
static void drain(struct vrs_conn *c)
{
	ssize_t n = recv(c->fd, c->k->buffer, READ_SIZE, 0);

	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		die(c);
}

void vrs_kernel_conn_pause(struct vrs_conn *c)
{
	c->paused = true;
	ask(c);
}

void vrs_kernel_conn_resume(struct vrs_conn *c)
{
	c->paused = false;
	ask(c);
	if (c->left_size > 0) {
		c->again = true;
		attend(c);
	}
}

/* --- events ----------------------------------------------------------------------------- */

static int socket_error(const struct vrs_conn *c)
{
	int err = 0;
	socklen_t size = sizeof(err);

	return getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &err, &size) == 0 ? err : errno;
}

static void connected(struct vrs_conn *c)
{
	int err = socket_error(c);

	if (err != 0) {
		end(c, err);
		return;
	}
	vrs_kernel_sock_local(c->fd, &c->local, &c->local_port);
	c->state = CONN_OPEN;
	ask(c);
	c->ops->up(c->user, c);
}

void vrs_kernel_conn_event(struct vrs_conn *c, uint32_t events)
{
	if (c->state == CONN_CONNECTING) {
		connected(c);
		return;
	}
	if ((events & (EPOLLERR | EPOLLHUP)) != 0 && c->state == CONN_OPEN && c->paused) {
		/* Asked for or not, these two come again and again. */
		end(c, socket_error(c));
		return;
	}
	if ((events & EPOLLOUT) != 0 && (c->state == CONN_OPEN || c->state == CONN_FLUSHING)) {
		/* There is room again for much, so a look at the clock is nothing to it. */
		uint64_t from = vrs_now_ns();

		write_out(c);
		c->k->base.write_ns += vrs_now_ns() - from;
	}
	if ((events & (EPOLLIN | EPOLLERR | EPOLLHUP)) == 0)
		return;
	if (c->state == CONN_OPEN && !c->paused)
		read_in(c);
	else if (c->state == CONN_FLUSHING)
		drain(c);
}

bool vrs_kernel_conn_attend(struct vrs_conn *c)
{
	bool again = c->again;

	if (c->state == CONN_DEAD) {
		vrs_kernel_conn_free(c);
		return false;
	}
	c->again = false;
	if (c->state == CONN_OPEN && again && !c->paused)
		present(c, take_left(c));
	if (c->state == CONN_FLUSHING && c->n_pieces == 0)
		finish_flush(c);
	else if (c->state != CONN_DEAD && c->state != CONN_CONNECTING && !c->blocked &&
		c->n_pieces > 0)
		write_out(c);
	return again;
}
