/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 *
 * Segments in, in the order of RFC 9293 section 3.10.7: is it in the window (PAWS first, RFC 7323), RST,
 * SYN, ACK, data, FIN. Blind attackers get a challenge ACK and nothing else (RFC 5961): a RST ends a
 * connection at exactly rcv_nxt only, a SYN never, an ACK has to be near what was sent. Challenge ACKs
 * are counted out per flow and second, the number being random so that nobody learns by counting
 * (CVE-2016-5696).
 */

#include <errno.h>

#include "io/dpdk/tcp_internal.h"
#include "rib/base/hash.h"

enum {
	MSS_DEFAULT_IP4 = 536,
	MSS_DEFAULT_IP6 = 1220,
	CHALLENGES_MIN = 8, /* A second; and up to as many more. */
	SECOND_US = 1000000,
	ACK_SEGMENTS = 2, /* RFC 9293 section 3.8.6.3: an ACK for every second full segment. */
};

/* 24 days: after that a timestamp says nothing (RFC 7323 section 5.5). */
#define PAWS_IDLE_US (24ull * 86400 * SECOND_US)

static uint32_t window(const struct vrs_tcp *t)
{
	return t->rcv_adv - t->rcv_nxt;
}

static void challenge(struct vrs_tcp *t)
{
	if (t->challenge_us == 0 || now_us(t) - t->challenge_us >= SECOND_US) {
		t->challenge_us = VRS_MAX(now_us(t), (uint64_t)1);
		t->challenge_credit =
			CHALLENGES_MIN + vrs_splitmix64(&t->host->rng) % CHALLENGES_MIN;
	}
	if (t->challenge_credit == 0) {
		t->host->stat.challenge_limited++;
		return;
	}
	t->challenge_credit--;
	t->host->stat.challenge_acks++;
	t->ack_now = true;
}

static void refuse(struct vrs_tcp *t, const struct vrs_tcp_segment *seg)
{
	if (!(seg->flags & VRS_TCP_RST))
		(void)vrs_tcp_send_control(t, seg->ack, VRS_TCP_RST);
}

/* --- the handshake --- */

/* What the peer's SYN says, against what we offer. */
static void negotiate(struct vrs_tcp *t, const struct vrs_tcp_segment *syn)
{
	t->irs = syn->seq;
	t->rcv_nxt = t->rcv_adv = t->last_ack_sent = syn->seq + 1;
	t->peer_mss = syn->mss != 0 ? syn->mss : t->ip6 ? MSS_DEFAULT_IP6 : MSS_DEFAULT_IP4;
	t->wscale_on = syn->wscale >= 0;
	t->snd_wscale = t->wscale_on ? (uint8_t)syn->wscale : 0;
	if (!t->wscale_on)
		t->rcv_wscale = 0;
	t->sack_on &= syn->sack_ok;
	t->ts_on &= syn->has_ts;
	t->ts_recent = syn->ts_val;
	t->ts_recent_us = now_us(t);
	t->snd_wnd = t->max_wnd = syn->window; /* Never scaled in a SYN. */
	t->snd_wl1 = syn->seq;
	t->snd_wl2 = syn->ack;
	vrs_tcp_set_mss(t);
	vrs_tcp_cc_init(t);
}

void vrs_tcp_accept(struct vrs_tcp *t, const struct vrs_tcp_segment *syn)
{
	negotiate(t, syn);
	t->state = VRS_TCP_SYN_RCVD;
	t->snd_una = t->iss;
	t->snd_nxt = t->queue_end = t->iss + 1;
	t->progress_us = now_us(t);
	(void)vrs_tcp_send_control(t, t->iss, VRS_TCP_SYN | VRS_TCP_ACK);
	vrs_tcp_arm_rtx(t);
}

static void established(struct vrs_tcp *t, const struct vrs_tcp_segment *seg)
{
	if (t->backoff == 0)
		vrs_tcp_rtt_sample(
			t, (uint32_t)VRS_MIN(now_us(t) - t->progress_us, (uint64_t)UINT32_MAX));
	else
		t->rto_ms = VRS_TCP_RTO_UNKNOWN_MS;
	t->state = VRS_TCP_ESTABLISHED;
	t->backoff = 0;
	t->snd_una = t->fack = t->reo_round = seg->ack;
	t->progress_us = now_us(t);
	t->soft_error = 0;
	vrs_tcp_arm_rtx(t);
	t->host->ops->confirm(t);
	t->host->ops->established(t);
}

static void in_syn_sent(struct vrs_tcp *t, const struct vrs_tcp_segment *seg)
{
	bool ack = seg->flags & VRS_TCP_ACK;

	if (ack && seg->ack != t->snd_nxt) {
		refuse(t, seg);
		return;
	}
	if (seg->flags & VRS_TCP_RST) {
		if (!ack)
			return;
		t->host->stat.resets++;
		vrs_tcp_end(t, ECONNREFUSED);
		return;
	}
	if (!(seg->flags & VRS_TCP_SYN))
		return;
	negotiate(t, seg);
	if (ack) {
		t->ack_now = true;
		established(t, seg);
	} else { /* Simultaneous open. */
		t->state = VRS_TCP_SYN_RCVD;
		(void)vrs_tcp_send_control(t, t->iss, VRS_TCP_SYN | VRS_TCP_ACK);
		vrs_tcp_arm_rtx(t);
	}
}

/* --- is it acceptable --- */

/* RFC 7323 section 5.3, R1. @return false: an old duplicate. */
static bool paws(const struct vrs_tcp *t, const struct vrs_tcp_segment *seg)
{
	if (!seg->has_ts)
		return false; /* Section 3.2: they have been agreed on. */
	return (int32_t)(seg->ts_val - t->ts_recent) >= 0 ||
		now_us(t) - t->ts_recent_us > PAWS_IDLE_US;
}

/* RFC 9293 section 3.4, table 6; a segment without data at the window's right edge is fine: it is what
 * a sender that has used all of its window says. */
static bool in_window(const struct vrs_tcp *t, uint32_t seq, uint32_t len)
{
	if (len == 0)
		return seq - t->rcv_nxt <= window(t);
	uint32_t end = seq + len;
	if (window(t) == 0)
		return seq == t->rcv_nxt;
	return vrs_tcp_seq_after(end, t->rcv_nxt) && vrs_tcp_seq_before(seq, t->rcv_adv);
}

static uint32_t length(const struct vrs_tcp_segment *seg)
{
	return seg->size + ((seg->flags & VRS_TCP_SYN) != 0) + ((seg->flags & VRS_TCP_FIN) != 0);
}

/* The peer sends again what it has sent, for a second now, and nothing new: our ACKs may go to a MAC where nobody
 * is any more. Nothing of ours that is not acknowledged need be there to tell (RFC 4861 section 7.3.1). */
static void heed_duplicate(struct vrs_tcp *t)
{
	if (t->duplicate_us == 0 || t->duplicate_nxt != t->rcv_nxt) {
		t->duplicate_us = VRS_MAX(now_us(t), (uint64_t)1);
		t->duplicate_nxt = t->rcv_nxt;
	} else if (now_us(t) - t->duplicate_us >= SECOND_US) {
		t->host->ops->suspect(t);
	}
}

/* Something old, absurd or a probe: an ACK tells where we are. */
static void unacceptable(struct vrs_tcp *t, const struct vrs_tcp_segment *seg)
{
	t->host->stat.rx_unacceptable++;
	if (seg->flags & VRS_TCP_RST)
		return;
	/* A duplicate of data: the peer has lost our ACK, and D-SACK tells which it was (RFC 2883). */
	if (seg->size > 0 && !vrs_tcp_seq_after(seg->seq + seg->size, t->rcv_nxt) &&
		t->rcv_nxt - seg->seq <= t->rcv_buffer) {
		t->host->stat.rx_duplicate++;
		t->has_dsack = true;
		t->dsack_from = seg->seq;
		t->dsack_to = seg->seq + seg->size;
		t->ack_now = true;
		heed_duplicate(t);
	} else if (seg->seq == t->rcv_nxt - 1 || seg->seq + length(seg) == t->rcv_nxt) {
		t->ack_now = true; /* A probe of the window, or a FIN again. */
		if (t->state == VRS_TCP_TIME_WAIT && seg->flags & VRS_TCP_FIN)
			vrs_tcp_time_wait(t);
	} else {
		challenge(t);
	}
}

static bool acceptable(struct vrs_tcp *t, const struct vrs_tcp_segment *seg)
{
	if ((t->ts_on && !(seg->flags & VRS_TCP_RST) && !paws(t, seg)) ||
		!in_window(t, seg->seq, length(seg))) {
		unacceptable(t, seg);
		return false;
	}
	if (seg->flags & VRS_TCP_RST) {
		/* RFC 1337: TIME_WAIT does not end like this. */
		if (t->state == VRS_TCP_TIME_WAIT)
			return false;
		if (seg->seq != t->rcv_nxt) {
			challenge(t);
			return false;
		}
		t->host->stat.resets++;
		vrs_tcp_end(t, t->state == VRS_TCP_SYN_RCVD ? ECONNREFUSED : ECONNRESET);
		return false;
	}
	if (seg->flags & VRS_TCP_SYN) {
		challenge(t);
		return false;
	}
	return seg->flags & VRS_TCP_ACK;
}

/* --- ACK --- */

static void take_window(struct vrs_tcp *t, const struct vrs_tcp_segment *seg)
{
	if (!vrs_tcp_seq_before(t->snd_wl1, seg->seq) &&
		(t->snd_wl1 != seg->seq || vrs_tcp_seq_after(t->snd_wl2, seg->ack)))
		return;
	uint32_t wnd = (uint32_t)seg->window << t->snd_wscale;
	bool opened = t->snd_wnd == 0 && wnd > 0;
	t->snd_wnd = wnd;
	t->max_wnd = VRS_MAX(t->max_wnd, wnd);
	t->snd_wl1 = seg->seq;
	t->snd_wl2 = seg->ack;
	/* It is there, though it takes nothing. */
	if (t->rtx_mode == RTX_PERSIST)
		t->progress_us = now_us(t);
	if (opened) {
		t->backoff = 0;
		if (t->rtx_mode == RTX_PERSIST)
			t->rtx_mode = RTX_NONE;
	}
}

/* Our FIN has been acknowledged. */
static void fin_acked(struct vrs_tcp *t)
{
	switch (t->state) {
	case VRS_TCP_FIN_WAIT_1:
		t->state = VRS_TCP_FIN_WAIT_2;
		break;
	case VRS_TCP_CLOSING:
		vrs_tcp_time_wait(t);
		break;
	case VRS_TCP_LAST_ACK:
		vrs_tcp_end(t, 0);
		break;
	default:
		break;
	}
}

/* @return Whether the rest of the segment is looked at. */
static bool take_ack(struct vrs_tcp *t, const struct vrs_tcp_segment *seg)
{
	if (t->state == VRS_TCP_SYN_RCVD) {
		if (seg->ack != t->snd_nxt) {
			refuse(t, seg);
			return false;
		}
		established(t, seg);
		if (t->state == VRS_TCP_CLOSED)
			return false;
		/* The SYN's was not scaled. */
		t->snd_wl1 = seg->seq - 1;
	}
	/* RFC 5961 section 5.2. */
	if (vrs_tcp_seq_after(seg->ack, t->snd_nxt) ||
		vrs_tcp_seq_before(seg->ack, t->snd_una - t->max_wnd)) {
		t->host->stat.rx_unacceptable++;
		challenge(t);
		return false;
	}
	if (vrs_tcp_seq_before(seg->ack, t->snd_una))
		return true; /* Old; its data may be new. */
	vrs_tcp_sent_acked(t, seg);
	take_window(t, seg);
	if (t->fin_sent && t->snd_una == t->snd_nxt)
		fin_acked(t);
	return t->state != VRS_TCP_CLOSED;
}

/* --- data and FIN --- */

static void schedule_ack(struct vrs_tcp *t, uint32_t size)
{
	/* Less than a segment ends a burst of the peer's: its reader answers soon, or the timer does. */
	if (++t->ack_segments >= ACK_SEGMENTS || size > t->mss) {
		t->ack_now = true;
	} else if (!t->ack_soon) {
		t->ack_soon = true;
		vrs_timer_arm(&t->host->wheel, &t->ack, VRS_TCP_DELAYED_ACK_MS);
	}
}

static void take_data(struct vrs_tcp *t, const struct vrs_tcp_segment *seg, struct vrs_frame *f)
{
	uint32_t seq = seg->seq, size = seg->size;

	/* Behind the window, or behind the peer's FIN. */
	if (vrs_tcp_seq_after(seq + size, t->rcv_adv)) {
		uint32_t fits = vrs_tcp_seq_after(t->rcv_adv, seq) ? t->rcv_adv - seq : 0;

		t->ack_now = true;
		size = VRS_MIN(size, fits);
	}
	if (t->fin_seen && vrs_tcp_seq_after(seq + size, t->fin_seq))
		size = vrs_tcp_seq_after(t->fin_seq, seq) ? t->fin_seq - seq : 0;
	if (size == 0)
		return;
	schedule_ack(t, size);
	vrs_tcp_receive(t, seq, seg->data, size, f);
}

/* All before the peer's FIN has come. */
static void take_fin(struct vrs_tcp *t)
{
	if (!t->fin_seen || t->eof_seen || t->rcv_nxt != t->fin_seq)
		return;
	t->rcv_nxt++;
	t->rcv_adv = seq_max(t->rcv_adv, t->rcv_nxt);
	t->eof_seen = t->ack_now = true;
	if (t->state == VRS_TCP_ESTABLISHED)
		t->state = VRS_TCP_CLOSE_WAIT;
	else if (t->state == VRS_TCP_FIN_WAIT_1)
		t->state = VRS_TCP_CLOSING;
	else if (t->state == VRS_TCP_FIN_WAIT_2)
		vrs_tcp_time_wait(t);
	vrs_tcp_present(t);
}

static bool receives(const struct vrs_tcp *t)
{
	return t->state == VRS_TCP_ESTABLISHED || t->state == VRS_TCP_FIN_WAIT_1 ||
		t->state == VRS_TCP_FIN_WAIT_2;
}

/* RFC 7323 section 4.3. */
static void take_timestamp(struct vrs_tcp *t, const struct vrs_tcp_segment *seg)
{
	if (!t->ts_on || !seg->has_ts || vrs_tcp_seq_after(seg->seq, t->last_ack_sent))
		return;
	t->ts_recent = seg->ts_val;
	t->ts_recent_us = now_us(t);
}

static void in_synchronized(
	struct vrs_tcp *t, const struct vrs_tcp_segment *seg, struct vrs_frame *f)
{
	if (!acceptable(t, seg))
		return;
	if (!take_ack(t, seg))
		return;
	/* Not before: who guesses the window only would set a time that PAWS then asks of the peer. */
	take_timestamp(t, seg);
	if (!receives(t))
		return;
	uint32_t end = seg->seq + seg->size;
	if (seg->flags & VRS_TCP_FIN && !t->fin_seen && !vrs_tcp_seq_after(end, t->rcv_adv) &&
		!vrs_tcp_seq_before(end, t->rcv_nxt)) {
		t->fin_seen = true;
		t->fin_seq = end;
		t->ack_now |= end != t->rcv_nxt && seg->size == 0;
	}
	if (seg->size > 0)
		take_data(t, seg, f);
	if (t->state != VRS_TCP_CLOSED)
		take_fin(t);
}

void vrs_tcp_input(struct vrs_tcp *t, const struct vrs_tcp_segment *seg, struct vrs_frame *f)
{
	struct vrs_tcp_segment copy;

	t->host->stat.rx_segments++;
	if (t->state == VRS_TCP_CLOSED)
		return;
	if (t->state == VRS_TCP_SYN_SENT) {
		in_syn_sent(t, seg);
	} else if (t->state == VRS_TCP_SYN_RCVD && seg->flags & VRS_TCP_SYN && seg->seq == t->irs &&
		!(seg->flags & VRS_TCP_RST)) {
		if (!(seg->flags & VRS_TCP_ACK)) { /* Ours was lost. */
			(void)vrs_tcp_send_control(t, t->iss, VRS_TCP_SYN | VRS_TCP_ACK);
			return;
		}
		/* Simultaneous open: the SYN is known. */
		copy = *seg;
		copy.flags &= (uint8_t)~VRS_TCP_SYN;
		copy.seq++;
		in_synchronized(t, &copy, f);
	} else {
		in_synchronized(t, seg, f);
	}
	if (t->state != VRS_TCP_CLOSED)
		vrs_tcp_ready(t);
}

bool vrs_tcp_may_recycle(const struct vrs_tcp *t, const struct vrs_tcp_segment *syn)
{
	if (t->state != VRS_TCP_TIME_WAIT)
		return false;
	if (t->ts_on && syn->has_ts)
		return (int32_t)(syn->ts_val - t->ts_recent) > 0;
	return vrs_tcp_seq_after(syn->seq, t->rcv_nxt);
}

bool vrs_tcp_refuse(const struct vrs_tcp_segment *seg, struct vrs_tcp_segment *out)
{
	if (seg->flags & VRS_TCP_RST)
		return false;
	*out = (struct vrs_tcp_segment){.flags = VRS_TCP_RST, .wscale = -1};
	if (seg->flags & VRS_TCP_ACK) {
		out->seq = seg->ack;
	} else {
		out->flags |= VRS_TCP_ACK;
		out->ack = seg->seq + length(seg);
	}
	return true;
}

bool vrs_tcp_unreachable(struct vrs_tcp *t, uint32_t seq, int err)
{
	if (t->state == VRS_TCP_CLOSED || !seq_in(seq, t->snd_una, t->snd_nxt))
		return false;
	t->soft_error = err;
	/* Hard while nothing is known of the peer (RFC 5461 section 2, 9293 section 3.9.2.2). */
	if (t->state == VRS_TCP_SYN_SENT && err == ECONNREFUSED)
		vrs_tcp_end(t, err);
	return true;
}

void vrs_tcp_no_hop(struct vrs_tcp *t)
{
	if (t->state == VRS_TCP_SYN_SENT)
		vrs_tcp_end(t, EHOSTUNREACH);
	else
		t->soft_error = EHOSTUNREACH;
}
