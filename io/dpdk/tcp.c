/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 *
 * A flow's life, and the host's turn.
 *
 * A callback may end a flow. Then its state is CLOSED, its timers are off and nothing is sent; its buffers
 * stay until vrs_tcp_fini(), since whoever called back may be looking at them. So after each callback the
 * state is looked at before going on.
 */

#include "io/dpdk/tcp.h"

#include <errno.h>
#include <string.h>

#include "io/dpdk/tcp_internal.h"

void vrs_tcp_host_init(struct vrs_tcp_host *h, const struct vrs_tcp_ops *ops, uint64_t now,
	uint64_t seed, uint32_t hold_max)
{
	*h = (struct vrs_tcp_host){.ops = ops, .now_us = now, .rng = seed, .hold_max = hold_max};
	h->ready_end = &h->ready;
	vrs_wheel_init_tick(&h->wheel, now / 1000, 1);
}

size_t vrs_tcp_host_advance(struct vrs_tcp_host *h, uint64_t now)
{
	h->now_us = VRS_MAX(h->now_us, now);
	return vrs_wheel_advance(&h->wheel, h->now_us / 1000);
}

void vrs_tcp_ready(struct vrs_tcp *t)
{
	if (t->in_ready || t->state == VRS_TCP_CLOSED)
		return;
	t->in_ready = true;
	t->next_ready = NULL;
	*t->host->ready_end = t;
	t->host->ready_end = &t->next_ready;
}

static void unready(struct vrs_tcp *t)
{
	struct vrs_tcp **at = &t->host->ready;

	if (!t->in_ready)
		return;
	while (*at != t)
		at = &(*at)->next_ready;
	*at = t->next_ready;
	if (*at == NULL)
		t->host->ready_end = at;
	t->in_ready = false;
}

bool vrs_tcp_host_turn(struct vrs_tcp_host *h)
{
	struct vrs_tcp *last = h->ready == NULL
		? NULL
		: VRS_CONTAINER_OF(h->ready_end, struct vrs_tcp, next_ready);
	bool more = last != NULL, room = true;

	/* What becomes ready meanwhile has its turn next time. */
	while (more && h->ready != NULL) {
		struct vrs_tcp *t = h->ready;

		more = t != last;
		h->ready = t->next_ready;
		if (h->ready == NULL)
			h->ready_end = &h->ready;
		t->in_ready = false;
		if (t->present_due) {
			t->present_due = false;
			vrs_tcp_present(t);
		}
		if (t->state != VRS_TCP_CLOSED && !vrs_tcp_output(t)) {
			vrs_tcp_ready(t);
			room = false;
		}
	}
	return room;
}

static void on_ack(struct vrs_timer *timer)
{
	struct vrs_tcp *t = VRS_CONTAINER_OF(timer, struct vrs_tcp, ack);

	t->ack_now = true;
	vrs_tcp_ready(t);
}

static void on_life(struct vrs_timer *timer)
{
	vrs_tcp_end(VRS_CONTAINER_OF(timer, struct vrs_tcp, life), 0);
}

int vrs_tcp_init(struct vrs_tcp *t, struct vrs_tcp_host *h, const struct vrs_tcp_params *p)
{
	*t = (struct vrs_tcp){
		.host = h,
		.ip6 = p->ip6,
		.md5 = p->md5,
		.ts_on = !p->md5,
		.sack_on = true,
		.wscale_on = true,
		.mtu = p->mtu,
		.link_mtu = p->mtu,
		.peer_mss = UINT16_MAX,
		.iss = p->iss,
		.ts_offset = p->ts_offset,
		.rto_ms = VRS_TCP_RTO_FIRST_MS,
		.reo_wnd_mult = 1,
		.rcv_buffer = p->receive_buffer > 0 ? p->receive_buffer : VRS_TCP_RECEIVE_BUFFER,
		.order_first = NOBODY,
		.order_last = NOBODY,
		.rtx.fn = vrs_tcp_on_rtx,
		.reo.fn = vrs_tcp_on_reo,
		.ack.fn = on_ack,
		.life.fn = on_life,
	};
	while (t->rcv_wscale < 14 && (uint32_t)UINT16_MAX << t->rcv_wscale < t->rcv_buffer)
		t->rcv_wscale++;
	vrs_tcp_set_mss(t);
	vrs_tcp_cc_init(t);
	return vrs_tcp_sent_room(t) ? 0 : -ENOMEM;
}

static void timers_off(struct vrs_tcp *t)
{
	struct vrs_wheel *w = &t->host->wheel;

	vrs_timer_cancel(w, &t->rtx);
	vrs_timer_cancel(w, &t->reo);
	vrs_timer_cancel(w, &t->ack);
	vrs_timer_cancel(w, &t->life);
	t->rtx_mode = RTX_NONE;
}

void vrs_tcp_fini(struct vrs_tcp *t)
{
	t->state = VRS_TCP_CLOSED;
	timers_off(t);
	unready(t);
	vrs_tcp_drop_pieces(t, t->queue_end);
	vrs_mem_free(VRS_MEM_SESSION, t->pieces, t->piece_capacity * sizeof(*t->pieces));
	t->pieces = NULL;
	t->piece_capacity = t->n_pieces = 0;
	vrs_tcp_sent_clear(t);
	vrs_tcp_receive_clear(t);
}

void vrs_tcp_end(struct vrs_tcp *t, int err)
{
	if (t->state == VRS_TCP_CLOSED)
		return;
	t->state = VRS_TCP_CLOSED;
	timers_off(t);
	t->host->ops->closed(t, err);
}

void vrs_tcp_connect(struct vrs_tcp *t)
{
	t->state = VRS_TCP_SYN_SENT;
	t->active_open = true;
	t->snd_una = t->iss;
	t->snd_nxt = t->queue_end = t->iss + 1;
	t->progress_us = now_us(t);
	(void)vrs_tcp_send_control(t, t->iss, VRS_TCP_SYN);
	vrs_tcp_arm_rtx(t);
}

size_t vrs_tcp_unsent(const struct vrs_tcp *t)
{
	return t->fin_sent ? 0 : t->queue_end - t->snd_nxt;
}

size_t vrs_tcp_unacked(const struct vrs_tcp *t)
{
	/* A SYN or a FIN under way is no byte. */
	return t->state <= VRS_TCP_SYN_RCVD || vrs_tcp_seq_after(t->snd_una, t->queue_end)
		? 0
		: t->queue_end - t->snd_una;
}

void vrs_tcp_shut(struct vrs_tcp *t)
{
	if (t->shut || t->state == VRS_TCP_CLOSED)
		return;
	t->shut = true;
	t->paused = false;
	t->present_due = true; /* What waits is dropped: the window opens. */
	vrs_tcp_ready(t);
}

void vrs_tcp_abort(struct vrs_tcp *t)
{
	switch (t->state) {
	case VRS_TCP_CLOSED:
		return;
	case VRS_TCP_SYN_SENT:
	case VRS_TCP_TIME_WAIT:
		break;
	default:
		(void)vrs_tcp_send_control(t, t->snd_nxt, VRS_TCP_RST | VRS_TCP_ACK);
		break;
	}
	t->state = VRS_TCP_CLOSED;
	timers_off(t);
}

void vrs_tcp_give_up(struct vrs_tcp *t, int err)
{
	(void)vrs_tcp_send_control(t, t->snd_nxt, VRS_TCP_RST | VRS_TCP_ACK);
	vrs_tcp_end(t, err);
}

void vrs_tcp_time_wait(struct vrs_tcp *t)
{
	t->state = VRS_TCP_TIME_WAIT;
	vrs_timer_cancel(&t->host->wheel, &t->rtx);
	vrs_timer_cancel(&t->host->wheel, &t->reo);
	t->rtx_mode = RTX_NONE;
	vrs_timer_arm(&t->host->wheel, &t->life, VRS_TCP_TIME_WAIT_MS);
}

void vrs_tcp_pause(struct vrs_tcp *t)
{
	t->paused = true;
}

void vrs_tcp_resume(struct vrs_tcp *t)
{
	if (!t->paused)
		return;
	t->paused = false;
	t->present_due = true; /* Not from inside: its reader may be in the middle of a message. */
	vrs_tcp_ready(t);
}
