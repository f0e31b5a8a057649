/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

/*
 * io/dpdk/wire.h over a port's queues.
 *
 * What is sent waits in an array of one burst, which goes to the driver when it is full or flushed. What
 * the driver does not take stays, in order, and is offered again; then tx() has no room.
 *
 * A piece by reference is an mbuf without room whose shared info lies behind it, with a reference to the
 * chunk; the driver's free gives that back, on whatever thread it frees. The shared info lives exactly as
 * long as its mbuf: right as long as nobody clones what is sent (rte_pktmbuf_clone()), which no
 * driver that is by_cpu does.
 *
 * A transmit queue that two threads share has a lock; receive queues are never shared.
 */

#include <errno.h>
#include <rte_cycles.h>
#include <rte_prefetch.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "io/dpdk/port_internal.h"
#include "io/dpdk/tap.h"
#include "rib/base/clock.h"
#include "rib/base/hash.h"
#include "rib/base/log.h"
#include "rib/base/mem.h"

enum {
	TAP_BURST = 16,
	TAP_PER_SECOND = 20000, /* Looks at most: each is a system call. */
	/* Frames for the kernel at most, of a port: each is a system call of 1 us and more, so that a flood of what is not
	 * for us takes some hundredths of a core, and 100 Mbit/s of full frames pass. */
	TAP_WRITES_PER_SECOND = 10000,
};

struct port_wire {
	struct vrs_wire wire;
	struct vrs_port *port;
	uint16_t rx_queue, tx_queue;
	rte_spinlock_t *lock; /* Of the transmit queue; NULL: it is ours alone. */
	int tap;              /* To read, on one wire; else -1. */
	int rx_fd, wait_fd;   /* The queue's descriptor; that and the TAP's. -1: none. */
	uint64_t tap_at;      /* TSC of the next look at it. */
	uint16_t n_tx;        /* Frames in tx[]. */
	struct rte_mbuf *tx[VRS_PORT_BURST];
};

/* Buffers go from thread to thread through rings of libraries that are not built for ThreadSanitizer: it
 * is told where we hand them over, and where we take them. */
#if defined(__SANITIZE_THREAD__)
void __tsan_acquire(void *addr);
void __tsan_release(void *addr);
#define HANDED(p) __tsan_release(p)
#define TAKEN(p)  __tsan_acquire(p)
#else
#define HANDED(p) ((void)(p))
#define TAKEN(p)  ((void)(p))
#endif

static struct port_wire *of(struct vrs_wire *w)
{
	return VRS_CONTAINER_OF(w, struct port_wire, wire);
}

/* ---- Sending ------------------------------------------------------------------------------ */

/* Offer what waits. What the port cannot send at all is dropped: it is first in the rest. */
static void burst(struct port_wire *w)
{
	uint16_t n = w->n_tx, ready = n, sent;

	if (n == 0)
		return;
	HANDED(w->port);
	if (w->lock != NULL)
		rte_spinlock_lock(w->lock);
	if ((w->wire.caps & VRS_WIRE_TX_CSUM) != 0)
		ready = rte_eth_tx_prepare(w->port->id, w->tx_queue, w->tx, n);
	sent = rte_eth_tx_burst(w->port->id, w->tx_queue, w->tx, ready);
	if (w->lock != NULL)
		rte_spinlock_unlock(w->lock);
	if (ready < n && sent == ready) {
		rte_pktmbuf_free(w->tx[sent++]);
		w->wire.stat.tx_full++;
	}
	w->n_tx = n - sent;
	memmove(w->tx, w->tx + sent, w->n_tx * sizeof(struct rte_mbuf *));
}

static void wire_flush(struct vrs_wire *wire)
{
	burst(of(wire));
}

static bool queue(struct port_wire *w, struct rte_mbuf *m)
{
	if (w->n_tx == VRS_PORT_BURST)
		burst(w);
	if (w->n_tx == VRS_PORT_BURST)
		return false;
	w->wire.stat.tx_frames++;
	w->wire.stat.tx_bytes += m->pkt_len;
	w->tx[w->n_tx++] = m;
	return true;
}

/* The chunk is done with, on any thread. */
static void give_back(void *data, void *chunk)
{
	vrs_chunk_put(chunk);
}

/* An mbuf that is a part of a chunk. NULL: no memory. */
static struct rte_mbuf *refer(struct vrs_port *p, const struct vrs_wire_piece *piece)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(p->ref);

	if (m == NULL)
		return NULL;
	struct vrs_port_ref *ref = rte_mbuf_to_priv(m);
	uint8_t *data = piece->chunk->data + piece->offset;
	ref->shared.free_cb = give_back;
	ref->shared.fcb_opaque = vrs_chunk_get(piece->chunk);
	rte_mbuf_ext_refcnt_set(&ref->shared, 1);
	rte_pktmbuf_attach_extbuf(
		m, data, (rte_iova_t)(uintptr_t)data, (uint16_t)piece->size, &ref->shared);
	m->data_len = (uint16_t)piece->size;
	m->pkt_len = piece->size;
	return m;
}

static bool add_references(struct vrs_port *p, struct rte_mbuf *head, const struct vrs_wire_tx *tx)
{
	struct rte_mbuf *last = head;

	for (unsigned i = 0; i < tx->n_pieces; i++) {
		struct rte_mbuf *m = refer(p, &tx->pieces[i]);
		if (m == NULL)
			return false;
		last->next = m;
		last = m;
		head->nb_segs++;
		head->pkt_len += m->data_len;
	}
	return true;
}

static bool add_copies(struct rte_mbuf *head, const struct vrs_wire_tx *tx)
{
	char *to = rte_pktmbuf_append(head, (uint16_t)tx->size);

	if (to == NULL)
		return false;
	for (unsigned i = 0; i < tx->n_pieces; i++) {
		const struct vrs_wire_piece *piece = &tx->pieces[i];
		memcpy(to, piece->chunk->data + piece->offset, piece->size);
		to += piece->size;
	}
	return true;
}

static void ask_checksums(struct rte_mbuf *m, const struct vrs_wire_tx *tx)
{
	m->l2_len = tx->l2_size;
	m->l3_len = tx->l3_size;
	m->l4_len = tx->l4_size;
	m->ol_flags |= RTE_MBUF_F_TX_TCP_CKSUM |
		(tx->ip6 ? RTE_MBUF_F_TX_IPV6 : RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IP_CKSUM);
}

static bool wire_tx(struct vrs_wire *wire, const struct vrs_wire_tx *tx)
{
	struct port_wire *w = of(wire);
	struct vrs_port *p = w->port;
	TAKEN(p);
	struct rte_mbuf *m = rte_pktmbuf_alloc(p->tx);
	bool ok = m != NULL;

	if (ok) {
		memcpy(rte_pktmbuf_append(m, tx->head_size), tx->head, tx->head_size);
		if (tx->n_pieces > 0)
			ok = p->by_reference ? add_references(p, m, tx) : add_copies(m, tx);
	}
	if (ok && tx->csum)
		ask_checksums(m, tx);
	if (ok && queue(w, m))
		return true;
	rte_pktmbuf_free(m);
	wire->stat.tx_full++;
	return false;
}

/* ---- Receiving ---------------------------------------------------------------------------- */

static uint16_t flags_of(uint64_t ol)
{
	uint64_t ip = ol & RTE_MBUF_F_RX_IP_CKSUM_MASK, l4 = ol & RTE_MBUF_F_RX_L4_CKSUM_MASK;

	return (uint16_t)((ip == RTE_MBUF_F_RX_IP_CKSUM_GOOD                 ? VRS_FRAME_IP_GOOD
					  : ip == RTE_MBUF_F_RX_IP_CKSUM_BAD ? VRS_FRAME_IP_BAD
									     : 0) |
		(l4 == RTE_MBUF_F_RX_L4_CKSUM_GOOD                 ? VRS_FRAME_L4_GOOD
				: l4 == RTE_MBUF_F_RX_L4_CKSUM_BAD ? VRS_FRAME_L4_BAD
								   : 0));
}

/* @return Whether @p m is a frame in one piece, or could be made one. */
static bool take(struct port_wire *w, struct rte_mbuf *m, struct vrs_frame *f)
{
	if (unlikely(m->nb_segs > 1) && rte_pktmbuf_linearize(m) != 0) {
		atomic_fetch_add_explicit(&w->port->chained_lost, 1, memory_order_relaxed);
		rte_pktmbuf_free(m);
		return false;
	}
	*f = (struct vrs_frame){
		.data = rte_pktmbuf_mtod(m, const uint8_t *),
		.size = m->data_len,
		.vlan = (m->ol_flags & RTE_MBUF_F_RX_VLAN_STRIPPED) != 0
			? (uint16_t)(m->vlan_tci & 0xfff)
			: 0,
		.flags = flags_of(m->ol_flags),
		.buffer = m,
	};
	w->wire.stat.rx_frames++;
	w->wire.stat.rx_bytes += f->size;
	return true;
}

/* What the kernel sends out of the TAP goes out of the port. */
static void read_tap(struct port_wire *w)
{
	uint64_t now = rte_rdtsc();
	bool some = false;

	if (now < w->tap_at)
		return;
	TAKEN(w->port);
	w->tap_at = now + rte_get_tsc_hz() / TAP_PER_SECOND;
	for (unsigned i = 0; i < TAP_BURST; i++) {
		struct rte_mbuf *m = rte_pktmbuf_alloc(w->port->tx);
		if (m == NULL)
			break;
		size_t size =
			vrs_tap_read(w->tap, rte_pktmbuf_mtod(m, void *), rte_pktmbuf_tailroom(m));
		m->data_len = (uint16_t)size;
		m->pkt_len = (uint32_t)size;
		if (size == 0 || !queue(w, m)) {
			rte_pktmbuf_free(m);
			break;
		}
		some = true;
	}
	if (some)
		burst(w);
}

static unsigned wire_rx(struct vrs_wire *wire, struct vrs_frame *out, unsigned n)
{
	struct port_wire *w = of(wire);
	struct rte_mbuf *m[VRS_PORT_BURST];
	unsigned taken = 0;
	uint16_t got;

	if (wire->deaf)
		return 0;
	got = rte_eth_rx_burst(
		w->port->id, w->rx_queue, m, (uint16_t)VRS_MIN(n, (unsigned)VRS_PORT_BURST));
	TAKEN(w->port);
	for (uint16_t i = 0; i < got; i++)
		rte_prefetch0(rte_pktmbuf_mtod(m[i], void *));
	for (uint16_t i = 0; i < got; i++)
		taken += take(w, m[i], &out[taken]);
	if (w->tap >= 0)
		read_tap(w);
	return taken;
}

static void wire_put(struct vrs_wire *wire, struct vrs_frame *f)
{
	HANDED(of(wire)->port);
	rte_pktmbuf_free(f->buffer);
	f->buffer = NULL;
}

/* Whether this second has room for one more. Any thread: one that counts on while another begins a second lets that
 * one have a few more. */
static bool may_write(struct vrs_port *p)
{
	uint64_t second = rte_rdtsc() / rte_get_tsc_hz();

	if (atomic_exchange(&p->tap_second, second) != second)
		atomic_store(&p->tap_written, 0);
	return atomic_fetch_add(&p->tap_written, 1) < TAP_WRITES_PER_SECOND;
}

void vrs_port_other(struct vrs_port *p, const struct vrs_frame *f)
{
	if (p->tap >= 0 && !(may_write(p) && vrs_tap_write(p->tap, f)))
		atomic_fetch_add_explicit(&p->tap_lost, 1, memory_order_relaxed);
}

/* ---- Sleeping ----------------------------------------------------------------------------- */

static int wire_intr_fd(struct vrs_wire *wire)
{
	return of(wire)->wait_fd;
}

static void wire_intr(struct vrs_wire *wire, bool on)
{
	struct port_wire *w = of(wire);

	if (w->rx_fd < 0)
		return;
	/* -ENOTSUP: the descriptor is readable whenever something is there. */
	if (on)
		(void)rte_eth_dev_rx_intr_enable(w->port->id, w->rx_queue);
	else
		(void)rte_eth_dev_rx_intr_disable(w->port->id, w->rx_queue);
}

/* The queue's descriptor, or one for it and the TAP. */
static void find_fds(struct port_wire *w)
{
	struct epoll_event in = {.events = EPOLLIN};

	w->rx_fd = w->wait_fd = -1;
	if (!w->port->intr || w->wire.deaf)
		return;
	w->rx_fd = w->wait_fd = rte_eth_dev_rx_intr_ctl_q_get_fd(w->port->id, w->rx_queue);
	if (w->rx_fd < 0)
		w->rx_fd = w->wait_fd = -1;
	if (w->tap < 0 || w->rx_fd < 0)
		return;
	w->wait_fd = epoll_create1(EPOLL_CLOEXEC);
	if (w->wait_fd >= 0 && epoll_ctl(w->wait_fd, EPOLL_CTL_ADD, w->rx_fd, &in) == 0 &&
		epoll_ctl(w->wait_fd, EPOLL_CTL_ADD, w->tap, &in) == 0)
		return;
	if (w->wait_fd >= 0)
		(void)close(w->wait_fd);
	w->wait_fd = -1;
}

/* ---- Life --------------------------------------------------------------------------------- */

static void wire_free(struct vrs_wire *wire)
{
	struct port_wire *w = of(wire);

	burst(w);
	for (uint16_t i = 0; i < w->n_tx; i++)
		rte_pktmbuf_free(w->tx[i]);
	if (w->wait_fd != w->rx_fd)
		(void)close(w->wait_fd);
	vrs_port_put(w->port);
	vrs_mem_free(VRS_MEM_OTHER, w, sizeof(*w));
}

static const struct vrs_wire_ops ops = {
	.rx = wire_rx,
	.put = wire_put,
	.tx = wire_tx,
	.flush = wire_flush,
	.intr_fd = wire_intr_fd,
	.intr = wire_intr,
	.free = wire_free,
};

static uint64_t clock_us(void *ctx)
{
	return vrs_now_ns() / 1000;
}

/* Behind the port's bad line. Each wire has chances of its own: with one seed all would lose at a time. */
static struct vrs_wire *spoil(struct vrs_port *p, unsigned thread, struct vrs_wire *wire)
{
	struct vrs_badwire_config c = p->bad_wire;
	uint64_t state = c.seed + thread;

	if (thread > 0)
		c.seed = vrs_splitmix64(&state);
	return vrs_badwire_new(wire, &c, &p->bad_line, clock_us, NULL);
}

struct vrs_wire *vrs_port_wire(struct vrs_port *p, unsigned thread)
{
	struct port_wire *w = vrs_mem_zalloc(VRS_MEM_OTHER, sizeof(*w));

	if (w == NULL)
		return NULL;
	w->port = p;
	w->rx_queue = w->tx_queue = (uint16_t)thread;
	w->wire.ops = &ops;
	w->wire.mtu = p->mtu;
	w->wire.hold_max = VRS_PORT_HOLD;
	w->wire.deaf = thread >= p->n_rx;
	memcpy(w->wire.mac, p->mac, sizeof(p->mac));
	if ((p->tx_offloads & RTE_ETH_TX_OFFLOAD_TCP_CKSUM) != 0)
		w->wire.caps |= VRS_WIRE_TX_CSUM;
	w->tx_queue = (uint16_t)(thread % p->n_tx);
	if (p->n_tx < p->n_threads)
		w->lock = &p->locks[w->tx_queue];
	w->tap = thread == 0 ? p->tap : -1;
	find_fds(w);
	atomic_fetch_add(&p->refs, 1);
	if (!vrs_badwire_wanted(&p->bad_wire))
		return &w->wire;
	struct vrs_wire *bad = spoil(p, thread, &w->wire);
	if (bad == NULL)
		wire_free(&w->wire);
	return bad;
}
