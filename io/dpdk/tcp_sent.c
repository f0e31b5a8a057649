/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 *
 * What is in flight: a record for each segment, in a ring by sequence; those that are out also in a list by
 * time of sending. A record is out, lost or SACKed; it is a whole segment, and a SACK block that covers
 * but a part of one says nothing about it.
 *
 * Losses are found by RACK (RFC 8985 section 6.2): a segment is lost when one that was sent later has
 * been delivered, and a round trip and the reordering window have gone by since. Tail losses are found
 * by probes (section 7). Without SACK three duplicates mean the first one is lost (RFC 6582). How much
 * is sent in recovery is PRR's (RFC 6937, with the slow start bound). A loss that was none is undone
 * when the first new ACK echoes a time before the first retransmission (RFC 3522, 4015).
 */

#include <errno.h>
#include <string.h>

#include "io/dpdk/tcp_internal.h"

enum {
	FIRST_RING = 64,
	RING_MAX = 1 << 16,
	DUPLICATES = 3,
	MIN_RTT_WINDOW_US = 300000000, /* 5 minutes: routes change. */
	REO_PERSIST = 16,              /* Recoveries; RFC 8985 section 6.2 step 4. */
};

/* --- the ring and the list --- */

static void order_remove(struct vrs_tcp *t, uint32_t i)
{
	struct vrs_tcp_sent *s = sent_at(t, i);

	if (s->prev != NOBODY)
		sent_at(t, s->prev)->next = s->next;
	else
		t->order_first = s->next;
	if (s->next != NOBODY)
		sent_at(t, s->next)->prev = s->prev;
	else
		t->order_last = s->prev;
}

static void order_add(struct vrs_tcp *t, uint32_t i)
{
	struct vrs_tcp_sent *s = sent_at(t, i);

	s->next = NOBODY;
	s->prev = t->order_last;
	if (t->order_last != NOBODY)
		sent_at(t, t->order_last)->next = i;
	else
		t->order_first = i;
	t->order_last = i;
}

/* Two lists by time of sending as one; `next` alone is looked at and set. */
static uint32_t order_merge(struct vrs_tcp *t, uint32_t a, uint32_t b)
{
	uint32_t first, *end = &first;

	while (a != NOBODY && b != NOBODY) {
		uint32_t *from = sent_at(t, b)->sent_us < sent_at(t, a)->sent_us ? &b : &a;

		*end = *from;
		end = &sent_at(t, *from)->next;
		*from = *end;
	}
	*end = a != NOBODY ? a : b;
	return first;
}

/* The next @p n of list @p from by time of sending, as a list. */
static uint32_t order_sort(struct vrs_tcp *t, uint32_t *from, uint32_t n)
{
	if (n == 1) {
		uint32_t i = *from;

		*from = sent_at(t, i)->next;
		sent_at(t, i)->next = NOBODY;
		return i;
	}
	uint32_t a = order_sort(t, from, n / 2);
	return order_merge(t, a, order_sort(t, from, n - n / 2));
}

/* All that is out, when many have come back to it: one by one would take the square of that. */
static void order_again(struct vrs_tcp *t)
{
	uint32_t n = 0;

	t->order_first = t->order_last = NOBODY;
	for (uint32_t i = t->sent_head; i != t->sent_tail; i++) {
		if (sent_at(t, i)->state == SENT_OUT) {
			order_add(t, i);
			n++;
		}
	}
	if (n == 0)
		return;
	uint32_t unsorted = t->order_first;
	t->order_first = order_sort(t, &unsorted, n);
	t->order_last = NOBODY;
	for (uint32_t i = t->order_first; i != NOBODY; i = sent_at(t, i)->next) {
		sent_at(t, i)->prev = t->order_last;
		t->order_last = i;
	}
}

bool vrs_tcp_sent_room(struct vrs_tcp *t)
{
	uint32_t n = t->sent_tail - t->sent_head;

	if (n < t->sent_capacity)
		return true;
	uint32_t capacity = t->sent_capacity > 0 ? 2 * t->sent_capacity : FIRST_RING;
	if (capacity > RING_MAX)
		return false;
	struct vrs_tcp_sent *ring = vrs_mem_alloc(VRS_MEM_SESSION, capacity * sizeof(*ring));
	if (ring == NULL)
		return false;
	for (uint32_t i = t->sent_head; i != t->sent_tail; i++)
		ring[i & (capacity - 1)] = *sent_at(t, i);
	vrs_mem_free(VRS_MEM_SESSION, t->sent, t->sent_capacity * sizeof(*ring));
	t->sent = ring;
	t->sent_capacity = capacity;
	return true;
}

void vrs_tcp_sent_add(struct vrs_tcp *t, uint32_t seq, uint32_t size, bool fin)
{
	uint32_t i = t->sent_tail++;

	*sent_at(t, i) = (struct vrs_tcp_sent){.seq = seq,
		.size = size,
		.fin = fin,
		.state = SENT_OUT,
		.sent_us = now_us(t),
		.first_us = now_us(t)};
	order_add(t, i);
	t->in_flight += size;
}

void vrs_tcp_sent_again(struct vrs_tcp *t, uint32_t i)
{
	struct vrs_tcp_sent *s = sent_at(t, i);

	if (s->state == SENT_LOST) {
		t->n_lost--;
		t->in_flight += s->size;
	} else if (s->state == SENT_OUT) {
		order_remove(t, i);
	}
	order_add(t, i);
	s->state = SENT_OUT;
	s->sent_us = now_us(t);
	s->retransmitted = true;
}

void vrs_tcp_sent_clear(struct vrs_tcp *t)
{
	vrs_mem_free(VRS_MEM_SESSION, t->sent, t->sent_capacity * sizeof(*t->sent));
	t->sent = NULL;
	t->sent_capacity = t->sent_head = t->sent_tail = t->lost_hint = 0;
	t->order_first = t->order_last = NOBODY;
	t->in_flight = t->n_lost = t->n_sacked = 0;
}

static void mark_lost(struct vrs_tcp *t, uint32_t i)
{
	struct vrs_tcp_sent *s = sent_at(t, i);

	if (s->state == SENT_SACKED)
		t->n_sacked--;
	if (s->state == SENT_OUT) {
		t->in_flight -= s->size;
		order_remove(t, i);
	}
	if (s->state != SENT_LOST)
		t->n_lost++;
	s->state = SENT_LOST;
	if ((int32_t)(i - t->lost_hint) < 0)
		t->lost_hint = i;
}

uint32_t vrs_tcp_sent_lost(struct vrs_tcp *t)
{
	if (t->n_lost == 0)
		return t->sent_tail;
	if ((int32_t)(t->lost_hint - t->sent_head) < 0)
		t->lost_hint = t->sent_head;
	while (sent_at(t, t->lost_hint)->state != SENT_LOST)
		t->lost_hint++;
	return t->lost_hint;
}

/* The first record that ends behind @p seq. */
static uint32_t find(const struct vrs_tcp *t, uint32_t seq)
{
	uint32_t low = t->sent_head, n = t->sent_tail - t->sent_head;

	while (n > 0) {
		const struct vrs_tcp_sent *s = sent_at(t, low + n / 2);

		if (vrs_tcp_seq_after(s->seq + s->size, seq)) {
			n /= 2;
		} else {
			low += n / 2 + 1;
			n -= n / 2 + 1;
		}
	}
	return low;
}

/* --- round trips --- */

void vrs_tcp_rtt_sample(struct vrs_tcp *t, uint32_t rtt)
{
	if (rtt == 0)
		rtt = 1;
	if (t->min_rtt_us == 0 || rtt <= t->min_rtt_us ||
		now_us(t) - t->min_rtt_at_us > MIN_RTT_WINDOW_US) {
		t->min_rtt_us = rtt;
		t->min_rtt_at_us = now_us(t);
	}
	if (t->srtt_us == 0) { /* RFC 6298 (2.2) */
		t->srtt_us = rtt;
		t->rttvar_us = rtt / 2;
	} else { /* (2.3) */
		uint32_t delta = rtt > t->srtt_us ? rtt - t->srtt_us : t->srtt_us - rtt;

		t->rttvar_us = (uint32_t)((3ull * t->rttvar_us + delta) / 4);
		t->srtt_us = (uint32_t)((7ull * t->srtt_us + rtt) / 8);
	}
	uint64_t rto = (t->srtt_us + VRS_MAX(4ull * t->rttvar_us, 1000ull) + 999) / 1000;
	t->rto_ms = (uint32_t)VRS_MIN(
		VRS_MAX(rto, (uint64_t)VRS_TCP_RTO_MIN_MS), (uint64_t)VRS_TCP_RTO_MAX_MS);
}

/* --- what an ACK delivers --- */

/** What one ACK brought. */
struct ack {
	const struct vrs_tcp_segment *seg;
	uint32_t acked; /* Bytes by which snd_una moves. */
	uint32_t newly_sacked;
	bool again;         /* Of what it delivers, something was sent more than once. */
	uint64_t once_us;   /* When the last of what was sent once was sent; 0: nothing was. */
	uint64_t echoed_us; /* The same of what was sent again and whose last sending is echoed. */
	bool dsack, reneged;
	uint32_t dsack_to;
};

/* What a segment said that was sent then. */
static uint32_t ts_at(const struct vrs_tcp *t, uint64_t us)
{
	return (uint32_t)(us / 1000) + t->ts_offset;
}

/* Whether the ACK is of the last sending of @p s, or of a later segment: by the echoed time. */
static bool echoes_last(const struct vrs_tcp *t, const struct ack *a, const struct vrs_tcp_sent *s)
{
	return t->ts_on && a->seg->has_ts && (int32_t)(a->seg->ts_ecr - ts_at(t, s->sent_us)) >= 0;
}

/* RFC 8985 section 6.2 step 2: the record sent last of what has been delivered. */
static void rack_update(struct vrs_tcp *t, const struct ack *a, const struct vrs_tcp_sent *s)
{
	uint64_t rtt = now_us(t) - s->sent_us;
	uint32_t end = s->seq + s->size;

	/* An ACK of the first sending of what was sent again. */
	if (s->retransmitted && ((t->ts_on && !echoes_last(t, a, s)) || rtt < t->min_rtt_us))
		return;
	if (s->sent_us > t->rack_sent_us ||
		(s->sent_us == t->rack_sent_us && vrs_tcp_seq_after(end, t->rack_end))) {
		t->rack_sent_us = s->sent_us;
		t->rack_end = end;
		t->rack_rtt_us = (uint32_t)rtt;
	}
}

/* Step 3: was it overtaken? */
static void note_reordering(struct vrs_tcp *t, const struct vrs_tcp_sent *s)
{
	uint32_t end = s->seq + s->size;

	if (vrs_tcp_seq_after(end, t->fack))
		t->fack = end;
	else if (vrs_tcp_seq_before(end, t->fack) && !s->retransmitted)
		t->reordering_seen = true;
}

static void note_sending(const struct vrs_tcp *t, struct ack *a, const struct vrs_tcp_sent *s)
{
	if (!s->retransmitted) {
		a->once_us = VRS_MAX(a->once_us, s->sent_us);
		return;
	}
	a->again = true;
	/* The first sending was slow, not lost; or an ACK of it was, and D-SACK says so. */
	if (echoes_last(t, a, s))
		a->echoed_us = VRS_MAX(a->echoed_us, s->sent_us);
	else if (t->ts_on && a->seg->has_ts && !a->dsack && a->seg->ts_ecr == ts_at(t, s->first_us))
		a->echoed_us = VRS_MAX(a->echoed_us, s->first_us);
}

static void deliver(struct vrs_tcp *t, struct ack *a, uint32_t i)
{
	struct vrs_tcp_sent *s = sent_at(t, i);

	if (s->state == SENT_OUT) {
		t->in_flight -= s->size;
		order_remove(t, i);
	}
	if (s->state == SENT_LOST)
		t->n_lost--;
	if (s->state != SENT_SACKED) {
		t->delivered += s->size;
		rack_update(t, a, s);
		note_reordering(t, s);
		note_sending(t, a, s);
	} else {
		t->n_sacked--;
	}
}

static void take_acked(struct vrs_tcp *t, struct ack *a, uint32_t ack)
{
	while (sent_any(t)) {
		struct vrs_tcp_sent *s = sent_at(t, t->sent_head);

		if (vrs_tcp_seq_after(s->seq + s->size, ack)) {
			uint32_t part = vrs_tcp_seq_after(ack, s->seq) ? ack - s->seq : 0;

			if (s->state == SENT_OUT)
				t->in_flight -= part;
			if (s->state != SENT_SACKED)
				t->delivered += part;
			s->seq += part;
			s->size -= part;
			return;
		}
		deliver(t, a, t->sent_head);
		t->sent_head++;
	}
}

static void take_block(struct vrs_tcp *t, struct ack *a, const struct vrs_tcp_sack *b)
{
	for (uint32_t i = find(t, b->from); i != t->sent_tail; i++) {
		struct vrs_tcp_sent *s = sent_at(t, i);

		if (vrs_tcp_seq_after(s->seq + s->size, b->to))
			return;
		if (s->state == SENT_SACKED || vrs_tcp_seq_before(s->seq, b->from))
			continue;
		deliver(t, a, i);
		a->newly_sacked += s->size;
		s->state = SENT_SACKED;
		t->n_sacked++;
	}
}

/* RFC 2883 section 4: the first block is a duplicate when it lies below the ACK or inside the second. */
static bool is_dsack(const struct vrs_tcp_segment *seg)
{
	const struct vrs_tcp_sack *b = seg->sack;

	if (vrs_tcp_seq_before(b[0].from, seg->ack))
		return true;
	return seg->n_sack > 1 && !vrs_tcp_seq_before(b[0].from, b[1].from) &&
		!vrs_tcp_seq_after(b[0].to, b[1].to);
}

static void take_dsack(struct vrs_tcp *t, struct ack *a)
{
	if (!t->sack_on || a->seg->n_sack == 0 || !is_dsack(a->seg))
		return;
	a->dsack = true;
	a->dsack_to = a->seg->sack[0].to;
	t->host->stat.dsacks++;
}

static void take_sack(struct vrs_tcp *t, struct ack *a, uint32_t una)
{
	const struct vrs_tcp_segment *seg = a->seg;

	if (!t->sack_on)
		return;
	for (uint32_t i = a->dsack; i < seg->n_sack; i++) {
		const struct vrs_tcp_sack *b = &seg->sack[i];

		/* Of what is in flight, or nothing of it. */
		if (vrs_tcp_seq_before(b->from, b->to) && !vrs_tcp_seq_before(b->from, una) &&
			!vrs_tcp_seq_after(b->to, t->snd_nxt))
			take_block(t, a, b);
	}
}

/* --- RACK --- */

static uint32_t reo_wnd(const struct vrs_tcp *t)
{
	if (!t->reordering_seen && (t->recovery != RECOVERY_NONE || t->n_sacked >= DUPLICATES))
		return 0;
	uint32_t wnd = t->reo_wnd_mult * (t->min_rtt_us / 4);
	return VRS_MIN(wnd, t->srtt_us);
}

/* Section 6.2 step 4: a D-SACK says the window was too small, at most once a round. */
static void adapt_reo_wnd(struct vrs_tcp *t, const struct ack *a)
{
	if (!a->dsack || vrs_tcp_seq_before(a->seg->ack, t->reo_round))
		return;
	t->reo_round = t->snd_nxt;
	t->reo_wnd_persist = REO_PERSIST;
	if (t->reo_wnd_mult < UINT8_MAX)
		t->reo_wnd_mult++;
}

/* Step 5. Arms the timer for what may be lost soon. @return Whether anything became lost. */
static bool rack_detect(struct vrs_tcp *t)
{
	uint64_t wait = 0, limit = (uint64_t)t->rack_rtt_us + reo_wnd(t);
	bool any = false;

	if (t->rack_sent_us == 0)
		return false;
	for (uint32_t i = t->order_first, next; i != NOBODY; i = next) {
		const struct vrs_tcp_sent *s = sent_at(t, i);

		next = s->next;
		if (s->sent_us > t->rack_sent_us ||
			(s->sent_us == t->rack_sent_us &&
				!vrs_tcp_seq_before(s->seq + s->size, t->rack_end)))
			break;
		if (s->sent_us + limit <= now_us(t)) {
			mark_lost(t, i);
			any = true;
		} else {
			wait = VRS_MAX(wait, s->sent_us + limit - now_us(t));
		}
	}
	if (wait > 0)
		vrs_timer_arm(&t->host->wheel, &t->reo, (wait + 999) / 1000);
	else
		vrs_timer_cancel(&t->host->wheel, &t->reo);
	return any;
}

/* --- recovery --- */

static void enter_recovery(struct vrs_tcp *t)
{
	t->recovery = RECOVERY_FAST;
	t->recovery_point = t->snd_nxt;
	t->recover_fs = VRS_MAX(t->snd_nxt - t->snd_una, 1u);
	t->prr_out = t->prr_delivered = 0;
	t->undo_possible = t->ts_on;
	t->undo_ts = ts_at(t, now_us(t));
	vrs_tcp_cc_loss(t);
	t->host->stat.recoveries++;
}

/* RFC 6937 section 3. */
static void prr(struct vrs_tcp *t)
{
	uint32_t send;

	t->prr_delivered += t->delivered;
	if (t->in_flight > t->cc.ssthresh) {
		uint64_t share = ((uint64_t)t->prr_delivered * t->cc.ssthresh + t->recover_fs - 1) /
			t->recover_fs;

		send = share > t->prr_out ? (uint32_t)share - t->prr_out : 0;
	} else {
		uint32_t ahead = t->prr_delivered > t->prr_out ? t->prr_delivered - t->prr_out : 0;
		uint32_t limit = VRS_MAX(ahead, t->delivered) + t->mss;

		send = VRS_MIN(t->cc.ssthresh - t->in_flight, limit);
	}
	/* The first retransmission leaves at once. */
	if (t->prr_out == 0 && send < t->mss)
		send = t->mss;
	t->cc.cwnd = t->in_flight + send;
}

static void leave_recovery(struct vrs_tcp *t)
{
	if (t->recovery == RECOVERY_FAST)
		t->cc.cwnd = t->cc.ssthresh;
	t->recovery = RECOVERY_NONE;
	t->undo_possible = false;
	t->dupacks = 0;
	if (t->reo_wnd_persist > 0 && --t->reo_wnd_persist == 0)
		t->reo_wnd_mult = 1;
}

/* The loss was none: the ACK is older than what we sent again. What is marked stays out. */
static void undo(struct vrs_tcp *t)
{
	for (uint32_t i = t->sent_head; i != t->sent_tail; i++) {
		struct vrs_tcp_sent *s = sent_at(t, i);

		if (s->state != SENT_LOST)
			continue;
		s->state = SENT_OUT;
		t->n_lost--;
		t->in_flight += s->size;
	}
	order_again(t);
	vrs_tcp_cc_undo(t);
	t->recovery = RECOVERY_NONE;
	t->undo_possible = false;
	t->host->stat.undos++;
}

static bool was_spurious(const struct vrs_tcp *t, const struct ack *a)
{
	return t->undo_possible && a->acked > 0 && a->seg->has_ts &&
		(int32_t)(a->seg->ts_ecr - t->undo_ts) < 0;
}

/* RFC 6582, for a peer without SACK. @return Whether the first one is taken for lost. */
static bool count_duplicates(struct vrs_tcp *t, const struct ack *a, bool duplicate)
{
	if (t->sack_on || !sent_any(t))
		return false;
	if (duplicate) {
		if (t->dupacks < UINT8_MAX)
			t->dupacks++;
		t->delivered += t->mss; /* Something has left the network. */
		if (t->dupacks != DUPLICATES || t->recovery != RECOVERY_NONE)
			return false;
	} else if (a->acked == 0 || t->recovery != RECOVERY_FAST) {
		if (a->acked > 0)
			t->dupacks = 0;
		return false;
	}
	/* Three duplicates, or a partial ACK. */
	if (sent_at(t, t->sent_head)->state == SENT_OUT)
		mark_lost(t, t->sent_head);
	return true;
}

/* A probe for a lost tail has been answered (RFC 8985 section 7.4). */
static void tlp_acked(struct vrs_tcp *t, const struct ack *a)
{
	if (!t->tlp_out || vrs_tcp_seq_before(a->seg->ack, t->tlp_end))
		return;
	t->tlp_out = false;
	/* A probe of new data, or both copies arrived: nothing was lost. */
	if (!t->tlp_retransmit || (a->dsack && a->dsack_to == t->tlp_end))
		return;
	if (t->recovery == RECOVERY_NONE) {
		vrs_tcp_cc_loss(t);
		t->cc.cwnd = t->cc.ssthresh;
	}
}

/* Karn's rule (RFC 6298 section 3), and timestamps where they tell sendings apart. An ACK of what was sent
 * again may have waited for that, though of something sent once: it measures nothing. */
static void sample(struct vrs_tcp *t, const struct ack *a)
{
	uint64_t from = a->again ? a->echoed_us : a->once_us;

	if (from != 0)
		vrs_tcp_rtt_sample(t, (uint32_t)VRS_MIN(now_us(t) - from, (uint64_t)UINT32_MAX));
}

/* The peer has dropped what it had SACKed (RFC 2018 section 8): all of that is to be sent again. */
static void reneged(struct vrs_tcp *t)
{
	for (uint32_t i = t->sent_head; i != t->sent_tail; i++)
		if (sent_at(t, i)->state == SENT_SACKED)
			mark_lost(t, i);
	t->host->stat.renegs++;
}

/* Congestion control's view of the ACK. */
static void control(struct vrs_tcp *t, const struct ack *a, bool lost)
{
	if (was_spurious(t, a))
		undo(t);
	bool left =
		t->recovery == RECOVERY_FAST && !vrs_tcp_seq_before(a->seg->ack, t->recovery_point);
	if (t->recovery != RECOVERY_NONE && !vrs_tcp_seq_before(a->seg->ack, t->recovery_point))
		leave_recovery(t);
	if (lost && t->recovery == RECOVERY_NONE)
		enter_recovery(t);
	if (t->recovery == RECOVERY_FAST)
		prr(t);
	else if (a->acked > 0 && !left)
		vrs_tcp_cc_acked(t, a->acked);
}

void vrs_tcp_sent_acked(struct vrs_tcp *t, const struct vrs_tcp_segment *seg)
{
	struct ack a = {.seg = seg, .acked = seg->ack - t->snd_una};
	bool duplicate = a.acked == 0 && sent_any(t) && seg->size == 0 &&
		!(seg->flags & (VRS_TCP_SYN | VRS_TCP_FIN)) &&
		(uint32_t)seg->window << t->snd_wscale == t->snd_wnd;

	t->delivered = 0;
	take_dsack(t, &a);
	if (a.acked > 0) {
		take_acked(t, &a, seg->ack);
		t->snd_una = seg->ack;
		t->progress_us = now_us(t);
		t->backoff = 0;
		t->soft_error = 0;
		vrs_tcp_drop_pieces(t, seg->ack);
	}
	take_sack(t, &a, seg->ack);
	sample(t, &a);
	adapt_reo_wnd(t, &a);
	tlp_acked(t, &a);
	bool lost = count_duplicates(t, &a, duplicate);
	if (t->sack_on && sent_any(t))
		lost |= rack_detect(t);
	control(t, &a, lost);
	if (a.acked > 0 || a.newly_sacked > 0) {
		vrs_tcp_arm_rtx(t);
		t->host->ops->confirm(t);
	}
	if (!sent_any(t))
		vrs_timer_cancel(&t->host->wheel, &t->reo);
}

void vrs_tcp_on_reo(struct vrs_timer *timer)
{
	struct vrs_tcp *t = VRS_CONTAINER_OF(timer, struct vrs_tcp, reo);

	t->delivered = 0;
	if (!rack_detect(t))
		return;
	if (t->recovery == RECOVERY_NONE)
		enter_recovery(t);
	if (t->recovery == RECOVERY_FAST)
		prr(t);
	vrs_tcp_arm_rtx(t);
	vrs_tcp_ready(t);
}

void vrs_tcp_sent_timeout(struct vrs_tcp *t)
{
	bool again = t->recovery == RECOVERY_RTO;

	/* The receiver would have acknowledged it: it dropped it. */
	if (sent_at(t, t->sent_head)->state == SENT_SACKED)
		reneged(t);
	for (uint32_t i = t->sent_head; i != t->sent_tail; i++)
		if (sent_at(t, i)->state == SENT_OUT)
			mark_lost(t, i);
	if (!again) {
		t->undo_possible = t->ts_on && t->recovery == RECOVERY_NONE;
		t->undo_ts = ts_at(t, now_us(t));
		vrs_tcp_cc_timeout(t);
	}
	t->cc.cwnd = t->mss;
	t->recovery = RECOVERY_RTO;
	t->recovery_point = t->snd_nxt;
	t->tlp_out = false;
	t->dupacks = 0;
	vrs_timer_cancel(&t->host->wheel, &t->reo);
}

void vrs_tcp_sent_recut(struct vrs_tcp *t)
{
	uint32_t from = t->snd_una, to = t->snd_nxt;
	bool fin = t->fin_sent;

	t->sent_tail = t->sent_head;
	t->order_first = t->order_last = NOBODY;
	t->in_flight = t->n_lost = t->n_sacked = 0;
	while (from != to) {
		uint32_t size =
			vrs_tcp_segment_size(t, from, VRS_MIN(to - fin - from, (uint32_t)t->mss));
		bool last = fin && from + size + 1 == to;

		if (!vrs_tcp_sent_room(t)) {
			vrs_tcp_give_up(t, ENOBUFS);
			return;
		}
		size += last;
		vrs_tcp_sent_add(t, from, size, last);
		mark_lost(t, t->sent_tail - 1);
		sent_at(t, t->sent_tail - 1)->retransmitted = true;
		from += size;
	}
	t->fack = t->snd_una;
}
