/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 *
 * Segments out, in a flow's turn: what is lost first, then what is new, as cwnd and the peer's window
 * allow; then an ACK if none of that carried it. Nagle's algorithm is off: a turn has collected what its
 * owner had to say.
 *
 * One timer watches: RTX_SYN the handshake, RTX_RTO and RTX_TLP what is in flight, RTX_PERSIST a window
 * that is closed. A window probe carries no data and a sequence number below the window: it has to be
 * answered (RFC 9293 section 3.10.7.4) and cannot be lost in a way that matters.
 */

#include <errno.h>

#include "io/dpdk/tcp_internal.h"

enum {
	TURN_SEGMENTS = 64, /* So that no flow keeps the others waiting. */
	HEADERS_IP4 = 40,
	HEADERS_IP6 = 60,
	OPTIONS_TS = 12,
	OPTIONS_MD5 = 20,
	MTU_FLOOR_IP4 = 576,
	MTU_FLOOR_IP6 = 1280,
	TLP_ONE_MS = 40, /* One segment in flight: its ACK may be delayed (RFC 8985 7.2 has 200). */
};

void vrs_tcp_set_mss(struct vrs_tcp *t)
{
	unsigned headers = t->ip6 ? HEADERS_IP6 : HEADERS_IP4;
	unsigned options = (t->ts_on ? OPTIONS_TS : 0) + (t->md5 ? OPTIONS_MD5 : 0);
	unsigned mss = VRS_MIN((unsigned)(t->mtu - headers), (unsigned)t->peer_mss);

	/* RFC 6691: the option counts no options. */
	t->mss = (uint16_t)(mss > options + 64 ? mss - options : 64);
}

/* What every segment says. */
static struct vrs_tcp_segment base(struct vrs_tcp *t, uint32_t seq, uint8_t flags)
{
	struct vrs_tcp_segment s = {.seq = seq, .flags = flags, .wscale = -1};

	if (flags & VRS_TCP_ACK)
		s.ack = t->rcv_nxt;
	s.window = vrs_tcp_window(t, flags & VRS_TCP_SYN);
	s.has_ts = t->ts_on;
	if (s.has_ts) {
		s.ts_val = (uint32_t)(now_us(t) / 1000) + t->ts_offset;
		s.ts_ecr = flags & VRS_TCP_ACK ? t->ts_recent : 0;
	}
	if (flags & VRS_TCP_SYN) {
		s.mss = (uint16_t)(t->mtu - (t->ip6 ? HEADERS_IP6 : HEADERS_IP4));
		s.wscale = t->wscale_on ? (int8_t)t->rcv_wscale : -1;
		s.sack_ok = t->sack_on;
	}
	return s;
}

static bool emit(struct vrs_tcp *t, const struct vrs_tcp_segment *s,
	const struct vrs_wire_piece *pieces, unsigned n)
{
	if (!t->host->ops->output(t, s, pieces, n)) {
		t->host->stat.tx_full++;
		return false;
	}
	t->host->stat.tx_segments++;
	/* Data goes without SACK blocks: those are owed then. */
	if (s->flags & VRS_TCP_ACK &&
		(s->n_sack > 0 || !t->sack_on || (t->n_ranges == 0 && !t->has_dsack))) {
		t->ack_now = t->ack_soon = false;
		t->ack_segments = 0;
		t->last_ack_sent = s->ack;
		vrs_timer_cancel(&t->host->wheel, &t->ack);
	}
	return true;
}

bool vrs_tcp_send_control(struct vrs_tcp *t, uint32_t seq, uint8_t flags)
{
	struct vrs_tcp_segment s = base(t, seq, flags);

	if ((flags & (VRS_TCP_ACK | VRS_TCP_SYN | VRS_TCP_RST)) == VRS_TCP_ACK)
		vrs_tcp_sack_blocks(t, &s);
	return emit(t, &s, NULL, 0);
}

/* --- the queue --- */

static struct vrs_tcp_piece *piece_at(const struct vrs_tcp *t, uint32_t i)
{
	return &t->pieces[(t->piece_head + i) & (t->piece_capacity - 1)];
}

void vrs_tcp_drop_pieces(struct vrs_tcp *t, uint32_t seq)
{
	while (t->n_pieces > 0) {
		struct vrs_tcp_piece *p = piece_at(t, 0);

		if (vrs_tcp_seq_after(p->seq + p->size, seq))
			return;
		vrs_chunk_put(p->chunk);
		t->piece_head = (t->piece_head + 1) & (t->piece_capacity - 1);
		t->n_pieces--;
	}
}

static bool grow_pieces(struct vrs_tcp *t)
{
	uint32_t capacity = t->piece_capacity > 0 ? 2 * t->piece_capacity : 8;
	struct vrs_tcp_piece *ring = vrs_mem_alloc(VRS_MEM_SESSION, capacity * sizeof(*ring));

	if (ring == NULL)
		return false;
	for (uint32_t i = 0; i < t->n_pieces; i++)
		ring[i] = *piece_at(t, i);
	vrs_mem_free(VRS_MEM_SESSION, t->pieces, t->piece_capacity * sizeof(*ring));
	t->pieces = ring;
	t->piece_capacity = capacity;
	t->piece_head = 0;
	return true;
}

int vrs_tcp_send(struct vrs_tcp *t, struct vrs_chunk *chunk, uint32_t offset, uint32_t size)
{
	struct vrs_tcp_piece *last = t->n_pieces > 0 ? piece_at(t, t->n_pieces - 1) : NULL;

	if (size == 0 || t->shut || t->state == VRS_TCP_CLOSED)
		return 0;
	if (last != NULL && last->chunk == chunk && last->offset + last->size == offset) {
		last->size += size;
	} else {
		if (t->n_pieces == t->piece_capacity && !grow_pieces(t))
			return -ENOMEM;
		t->n_pieces++;
		*piece_at(t, t->n_pieces - 1) =
			(struct vrs_tcp_piece){vrs_chunk_get(chunk), offset, size, t->queue_end};
	}
	t->queue_end += size;
	vrs_tcp_ready(t);
	return 0;
}

/* The piece that has @p seq. */
static uint32_t piece_of(const struct vrs_tcp *t, uint32_t seq)
{
	uint32_t low = 0, n = t->n_pieces;

	while (n > 1) {
		uint32_t half = n / 2;

		if (vrs_tcp_seq_after(piece_at(t, low + half)->seq, seq)) {
			n = half;
		} else {
			low += half;
			n -= half;
		}
	}
	return low;
}

/* Collect up to @p size bytes from @p seq on. @return How many: fewer where pieces are very small. */
static uint32_t gather(const struct vrs_tcp *t, uint32_t seq, uint32_t size,
	struct vrs_wire_piece *out, unsigned *n_out)
{
	uint32_t got = 0, i = size > 0 ? piece_of(t, seq) : 0;
	unsigned n = 0;

	for (; got < size && n < VRS_WIRE_PIECES_MAX; i++) {
		const struct vrs_tcp_piece *p = piece_at(t, i);
		uint32_t skip = seq + got - p->seq;
		uint32_t part = VRS_MIN(p->size - skip, size - got);

		out[n++] = (struct vrs_wire_piece){p->chunk, p->offset + skip, part};
		got += part;
	}
	*n_out = n;
	return got;
}

uint32_t vrs_tcp_segment_size(const struct vrs_tcp *t, uint32_t seq, uint32_t size)
{
	struct vrs_wire_piece pieces[VRS_WIRE_PIECES_MAX];
	unsigned n;

	return gather(t, seq, size, pieces, &n);
}

/* --- data --- */

/* Whether @p seq + @p size is all there is. */
static uint8_t data_flags(const struct vrs_tcp *t, uint32_t end)
{
	return (uint8_t)(VRS_TCP_ACK | (end == t->queue_end ? VRS_TCP_PSH : 0));
}

bool vrs_tcp_retransmit(struct vrs_tcp *t, uint32_t i)
{
	struct vrs_tcp_sent *s = sent_at(t, i);
	struct vrs_wire_piece pieces[VRS_WIRE_PIECES_MAX];
	uint32_t size = s->size - s->fin;
	unsigned n;

	/* It was gathered like this before: pieces only get fewer as their ends are cut off. */
	uint32_t got = gather(t, s->seq, size, pieces, &n);
	assert(got <= size);
	struct vrs_tcp_segment seg = base(t, s->seq, data_flags(t, s->seq + got));
	if (s->fin && got == size)
		seg.flags |= VRS_TCP_FIN;
	if (!emit(t, &seg, pieces, n))
		return false;
	vrs_tcp_sent_again(t, i);
	t->host->stat.retransmits++;
	t->host->stat.tx_bytes += got;
	t->prr_out += s->size;
	return true;
}

/* Bytes of new data that may be put into one segment now, 0: none. FIN is apart. @p silly: also what
 * is not worth it. */
static uint32_t sendable(const struct vrs_tcp *t, bool silly)
{
	uint32_t window_end = t->snd_una + t->snd_wnd;
	uint32_t left = t->queue_end - t->snd_nxt;
	uint32_t window = vrs_tcp_seq_after(window_end, t->snd_nxt) ? window_end - t->snd_nxt : 0;
	uint32_t size = VRS_MIN(VRS_MIN(left, window), (uint32_t)t->mss);

	/* A sliver of the window waits for more of it (RFC 9293 section 3.8.6.2.1). */
	return size < t->mss && size < left && size < t->max_wnd / 2 && !silly ? 0 : size;
}

/* @return false: nothing was sent; *full: for want of room on the wire. */
static bool send_one(struct vrs_tcp *t, bool silly, bool *full)
{
	struct vrs_wire_piece pieces[VRS_WIRE_PIECES_MAX];
	uint32_t size = t->fin_sent ? 0 : sendable(t, silly);
	unsigned n = 0;

	*full = false;
	if (size > 0)
		size = gather(t, t->snd_nxt, size, pieces, &n);
	bool fin = t->shut && !t->fin_sent && t->snd_nxt + size == t->queue_end;
	if (size == 0 && !fin)
		return false;
	if (!vrs_tcp_sent_room(t))
		return false; /* No memory: ACKs make room. */
	struct vrs_tcp_segment seg = base(t, t->snd_nxt, data_flags(t, t->snd_nxt + size));
	if (fin)
		seg.flags |= VRS_TCP_FIN;
	if (!emit(t, &seg, pieces, n)) {
		*full = true;
		return false;
	}
	if (!sent_any(t))
		t->progress_us = now_us(t);
	vrs_tcp_sent_add(t, t->snd_nxt, size + fin, fin);
	t->snd_nxt += size + fin;
	t->fin_sent |= fin;
	t->prr_out += size + fin;
	t->host->stat.tx_bytes += size;
	return true;
}

bool vrs_tcp_send_new(struct vrs_tcp *t)
{
	bool full;

	return send_one(t, true, &full);
}

/* What the state is once our FIN is under way. */
static void after_fin(struct vrs_tcp *t)
{
	if (!t->fin_sent)
		return;
	if (t->state == VRS_TCP_ESTABLISHED)
		t->state = VRS_TCP_FIN_WAIT_1;
	else if (t->state == VRS_TCP_CLOSE_WAIT)
		t->state = VRS_TCP_LAST_ACK;
}

static bool cwnd_allows(struct vrs_tcp *t)
{
	if (t->in_flight + t->mss <= t->cc.cwnd || t->in_flight == 0)
		return true;
	t->cwnd_full_us = now_us(t);
	return false;
}

/* @return false: the wire is full. */
static bool send_lost(struct vrs_tcp *t, unsigned *budget)
{
	while (t->n_lost > 0 && *budget > 0 && cwnd_allows(t)) {
		if (!vrs_tcp_retransmit(t, vrs_tcp_sent_lost(t)))
			return false;
		(*budget)--;
	}
	return true;
}

static bool send_data(struct vrs_tcp *t)
{
	unsigned budget = TURN_SEGMENTS;
	uint32_t before = t->snd_nxt;
	bool idle = !sent_any(t), full = false;

	if (idle && t->queue_end != t->snd_nxt &&
		now_us(t) - t->progress_us > (uint64_t)t->rto_ms * 1000)
		vrs_tcp_cc_idle(t);
	if (!send_lost(t, &budget))
		full = true;
	while (!full && t->n_lost == 0 && budget > 0 && cwnd_allows(t) && send_one(t, false, &full))
		budget--;
	after_fin(t);
	if (t->snd_nxt != before)
		t->host->ops->sent(t);
	if (t->state == VRS_TCP_CLOSED)
		return true;
	if ((idle && sent_any(t)) || t->rtx_mode == RTX_NONE ||
		(t->snd_nxt != before && t->rtx_mode == RTX_TLP))
		vrs_tcp_arm_rtx(t);
	if (budget == 0)
		vrs_tcp_ready(t);
	return !full;
}

static bool may_send_data(const struct vrs_tcp *t)
{
	switch (t->state) {
	case VRS_TCP_ESTABLISHED:
	case VRS_TCP_CLOSE_WAIT:
	case VRS_TCP_FIN_WAIT_1:
	case VRS_TCP_CLOSING:
	case VRS_TCP_LAST_ACK:
		return true;
	default:
		return false;
	}
}

/* RFC 1191 section 6.3: what was said of the path does not hold for ever. */
static void widen(struct vrs_tcp *t)
{
	if (t->mtu == t->link_mtu || now_us(t) - t->mtu_us < VRS_TCP_MTU_MS * 1000ull)
		return;
	t->mtu = t->link_mtu;
	vrs_tcp_set_mss(t);
}

bool vrs_tcp_output(struct vrs_tcp *t)
{
	widen(t);
	if (may_send_data(t) && !send_data(t))
		return false;
	if (t->state >= VRS_TCP_ESTABLISHED && (t->ack_now || vrs_tcp_window_opened(t)))
		return vrs_tcp_send_control(t, t->snd_nxt, VRS_TCP_ACK);
	return true;
}

/* --- the timer --- */

static uint64_t rto_ms(const struct vrs_tcp *t)
{
	return VRS_MIN((uint64_t)t->rto_ms << VRS_MIN(t->backoff, (uint8_t)16),
		(uint64_t)VRS_TCP_RTO_MAX_MS);
}

/* RFC 8985 section 7.2. */
static uint64_t probe_ms(const struct vrs_tcp *t)
{
	uint64_t ms = (2ull * t->srtt_us + 999) / 1000 + 2;

	if (t->sent_tail - t->sent_head == 1)
		ms += TLP_ONE_MS;
	return ms;
}

/* Until the timeout: counted from the last progress, or from when the first one was sent last. A flow that goes
 * on sending, into nowhere, puts it off no further. */
static uint64_t timeout_ms(const struct vrs_tcp *t)
{
	uint64_t from = VRS_MAX(t->progress_us, sent_at(t, t->sent_head)->sent_us);
	uint64_t due = from + rto_ms(t) * 1000;

	return due > now_us(t) ? (due - now_us(t) + 999) / 1000 : 1;
}

static bool wants_probe(const struct vrs_tcp *t)
{
	return t->sack_on && t->recovery == RECOVERY_NONE && !t->tlp_out && t->n_sacked == 0 &&
		t->n_lost == 0 && t->srtt_us > 0 && t->backoff == 0;
}

void vrs_tcp_arm_rtx(struct vrs_tcp *t)
{
	struct vrs_wheel *w = &t->host->wheel;

	if (t->state == VRS_TCP_SYN_SENT || t->state == VRS_TCP_SYN_RCVD) {
		t->rtx_mode = RTX_SYN;
		vrs_timer_arm(w, &t->rtx, rto_ms(t));
	} else if (sent_any(t)) {
		uint64_t timeout = timeout_ms(t), probe = probe_ms(t);
		bool probes = wants_probe(t) && probe < timeout;

		t->rtx_mode = probes ? RTX_TLP : RTX_RTO;
		vrs_timer_arm(w, &t->rtx, probes ? probe : timeout);
	} else if (may_send_data(t) && (t->queue_end != t->snd_nxt) && !t->fin_sent) {
		/* Data, and none of it out: the window is closed or silly. */
		t->rtx_mode = RTX_PERSIST;
		vrs_timer_arm(w, &t->rtx, rto_ms(t));
	} else {
		t->rtx_mode = RTX_NONE;
		vrs_timer_cancel(w, &t->rtx);
	}
}

static bool gave_up(struct vrs_tcp *t, uint64_t limit_ms)
{
	if (now_us(t) - t->progress_us < limit_ms * 1000)
		return false;
	t->host->stat.timeouts++;
	if (t->state >= VRS_TCP_ESTABLISHED)
		(void)vrs_tcp_send_control(t, t->snd_nxt, VRS_TCP_RST | VRS_TCP_ACK);
	vrs_tcp_end(t, t->soft_error != 0 ? t->soft_error : ETIMEDOUT);
	return true;
}

static void back_off(struct vrs_tcp *t)
{
	if (t->backoff < UINT8_MAX)
		t->backoff++;
}

static void on_syn(struct vrs_tcp *t)
{
	if (gave_up(t, t->active_open ? VRS_TCP_SYN_TIMEOUT_MS : VRS_TCP_HALF_OPEN_TIMEOUT_MS))
		return;
	back_off(t);
	t->host->ops->suspect(t);
	t->host->stat.retransmits++;
	(void)vrs_tcp_send_control(
		t, t->iss, t->state == VRS_TCP_SYN_SENT ? VRS_TCP_SYN : VRS_TCP_SYN | VRS_TCP_ACK);
	vrs_tcp_arm_rtx(t);
}

static void on_timeout(struct vrs_tcp *t)
{
	if (gave_up(t, VRS_TCP_USER_TIMEOUT_MS))
		return;
	t->host->stat.rtos++;
	vrs_tcp_sent_timeout(t);
	back_off(t);
	t->host->ops->suspect(t);
	t->rtx_mode = RTX_RTO;
	vrs_timer_arm(&t->host->wheel, &t->rtx, rto_ms(t));
	vrs_tcp_ready(t);
}

static void on_probe(struct vrs_tcp *t)
{
	t->host->stat.tlps++;
	t->tlp_retransmit = !vrs_tcp_send_new(t);
	after_fin(t);
	if (t->tlp_retransmit && sent_any(t))
		(void)vrs_tcp_retransmit(t, t->sent_tail - 1);
	t->tlp_out = true;
	t->tlp_end = t->snd_nxt;
	t->rtx_mode = RTX_RTO;
	vrs_timer_arm(&t->host->wheel, &t->rtx, rto_ms(t));
}

/* The peer that answers with a closed window may do so for ever (RFC 9293 section 3.8.6.1). */
static void on_persist(struct vrs_tcp *t)
{
	if (t->snd_wnd > 0) {
		/* A window smaller than a segment has to do (the override of RFC 9293 3.8.6.2.1). */
		(void)vrs_tcp_send_new(t);
		after_fin(t);
	} else {
		if (gave_up(t, VRS_TCP_USER_TIMEOUT_MS))
			return;
		t->host->stat.zero_windows++;
		(void)vrs_tcp_send_control(t, t->snd_una - 1, VRS_TCP_ACK);
		back_off(t);
	}
	vrs_tcp_arm_rtx(t);
}

void vrs_tcp_on_rtx(struct vrs_timer *timer)
{
	struct vrs_tcp *t = VRS_CONTAINER_OF(timer, struct vrs_tcp, rtx);

	switch (t->rtx_mode) {
	case RTX_SYN:
		on_syn(t);
		break;
	case RTX_RTO:
		on_timeout(t);
		break;
	case RTX_TLP:
		on_probe(t);
		break;
	case RTX_PERSIST:
		on_persist(t);
		break;
	default:
		break;
	}
}

void vrs_tcp_kick(struct vrs_tcp *t)
{
	if (t->backoff == 0 || t->state == VRS_TCP_CLOSED || !vrs_timer_armed(&t->rtx))
		return;
	t->backoff = 0;
	vrs_timer_arm(&t->host->wheel, &t->rtx, 1);
}

/* --- path MTU --- */

bool vrs_tcp_mtu(struct vrs_tcp *t, uint32_t seq, uint32_t mtu)
{
	uint32_t floor = t->ip6 ? MTU_FLOOR_IP6 : MTU_FLOOR_IP4;

	if (t->state < VRS_TCP_ESTABLISHED || !seq_in(seq, t->snd_una, t->snd_nxt))
		return false;
	mtu = VRS_MAX(mtu, floor); /* 0 from old routers (RFC 1191 section 5): the floor. */
	if (mtu >= t->mtu)
		return false;
	t->mtu = (uint16_t)mtu;
	t->mtu_us = now_us(t);
	vrs_tcp_set_mss(t);
	t->cc.cwnd = VRS_MAX(t->cc.cwnd, 2u * t->mss);
	vrs_tcp_sent_recut(t);
	if (t->state == VRS_TCP_CLOSED)
		return true;
	/* No congestion: what is sent again is not held back, nor is a window lost. */
	vrs_tcp_arm_rtx(t);
	vrs_tcp_ready(t);
	return true;
}
