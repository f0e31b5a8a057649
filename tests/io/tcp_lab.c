/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#include "tests/io/tcp_lab.h"

#include <stdlib.h>
#include <string.h>

#include "tests/test.h"

enum { WSCALE = 7, TS_FIRST = 1000, RTT_MS = 10 };

static uint8_t pattern(uint32_t at)
{
	return (uint8_t)(at * 2654435761u >> 24);
}

static struct tcp_lab *lab_of(const struct vrs_tcp *t)
{
	return VRS_CONTAINER_OF(t, struct tcp_lab, flow);
}

static void check_payload(
	const struct vrs_tcp_segment *seg, const struct vrs_wire_piece *pieces, unsigned n)
{
	uint32_t at = seg->seq - 1;

	for (unsigned i = 0; i < n; i++)
		for (uint32_t k = 0; k < pieces[i].size; k++)
			assert_int_equal(
				pieces[i].chunk->data[pieces[i].offset + k], pattern(at++));
}

static bool output(struct vrs_tcp *t, const struct vrs_tcp_segment *seg,
	const struct vrs_wire_piece *pieces, unsigned n)
{
	struct tcp_lab *l = lab_of(t);

	if (l->full)
		return false;
	assert_true(l->n_out < LAB_OUT_MAX);
	struct lab_out *o = &l->out[l->n_out++];
	*o = (struct lab_out){.seg = *seg, .at_us = l->host.now_us};
	o->seg.seq -= LAB_ISS;
	if (seg->flags & VRS_TCP_ACK)
		o->seg.ack -= LAB_IRS;
	for (unsigned i = 0; i < o->seg.n_sack; i++) {
		o->seg.sack[i].from -= LAB_IRS;
		o->seg.sack[i].to -= LAB_IRS;
	}
	o->seg.size = 0;
	for (unsigned i = 0; i < n; i++)
		o->seg.size += pieces[i].size;
	check_payload(&o->seg, pieces, n);
	if (seg->has_ts)
		l->ts_echo = seg->ts_val;
	return true;
}

static void put(struct vrs_tcp *t, struct vrs_frame *f)
{
	free(f->buffer);
	f->buffer = NULL;
	lab_of(t)->n_frames--;
}

static void established(struct vrs_tcp *t)
{
	lab_of(t)->n_established++;
}

static size_t receive(struct vrs_tcp *t, const uint8_t *data, size_t size)
{
	struct tcp_lab *l = lab_of(t);
	size_t unit = l->o.message > 0 ? l->o.message : 1, n = size / unit * unit;

	l->rx_calls++;
	if (l->pause_in_rx) {
		vrs_tcp_pause(t);
		return 0;
	}
	for (size_t i = 0; i < n; i++)
		assert_int_equal(data[i], pattern((uint32_t)(l->rx + i)));
	l->rx += n;
	return n;
}

static size_t need(struct vrs_tcp *t, const uint8_t *data, size_t size)
{
	const struct tcp_lab *l = lab_of(t);

	if (size < l->o.header)
		return l->o.header;
	return l->o.message > 0 ? l->o.message : 1;
}

static void eof(struct vrs_tcp *t)
{
	lab_of(t)->n_eof++;
}

static void closed(struct vrs_tcp *t, int err)
{
	lab_of(t)->n_closed++;
	lab_of(t)->err = err;
}

static void sent(struct vrs_tcp *t)
{
	lab_of(t)->n_sent++;
}

static void suspect(struct vrs_tcp *t)
{
	lab_of(t)->n_suspect++;
}

static void confirm(struct vrs_tcp *t)
{
	lab_of(t)->n_confirm++;
}

static const struct vrs_tcp_ops ops = {
	output, put, established, receive, need, eof, closed, sent, suspect, confirm};
static const struct vrs_tcp_ops ops_without_need = {
	output, put, established, receive, NULL, eof, closed, sent, suspect, confirm};

void lab_init(struct tcp_lab *l, const struct lab_options *o)
{
	memset(l, 0, sizeof(*l));
	l->o = *o;
	l->peer_ts = TS_FIRST;
	vrs_tcp_host_init(&l->host, o->no_need ? &ops_without_need : &ops, 1000000, 1,
		o->hold_max > 0 ? o->hold_max : 64);
	l->host.newreno = o->newreno;
	assert_int_equal(vrs_tcp_init(&l->flow, &l->host,
				 &(struct vrs_tcp_params){
					 .iss = LAB_ISS,
					 .ts_offset = 77,
					 .mtu = LAB_MTU,
					 .ip6 = o->ip6,
					 .md5 = o->md5,
					 .receive_buffer = o->receive_buffer,
				 }),
		0);
}

void lab_fini(struct tcp_lab *l)
{
	vrs_tcp_fini(&l->flow);
	assert_int_equal(l->n_frames, 0);
	assert_int_equal(l->host.n_held, 0);
}

struct vrs_tcp_segment lab_segment(
	struct tcp_lab *l, uint8_t flags, uint32_t seq, uint32_t ack, uint32_t size)
{
	struct vrs_tcp_segment s = {
		.flags = flags,
		.seq = LAB_IRS + seq,
		.ack = flags & VRS_TCP_ACK ? LAB_ISS + ack : 0,
		.window = l->o.window > 0 ? l->o.window : 65535,
		.size = size,
		.wscale = -1,
		.has_ts = !l->o.no_ts && !l->o.md5,
		.ts_val = l->peer_ts,
		.ts_ecr = l->ts_echo,
	};

	if (flags & VRS_TCP_SYN) {
		s.mss = l->o.mss > 0 ? l->o.mss : LAB_MTU - 40;
		s.wscale = l->o.no_wscale ? -1 : WSCALE;
		s.sack_ok = !l->o.no_sack;
	}
	return s;
}

void lab_feed(struct tcp_lab *l, struct vrs_tcp_segment *seg)
{
	uint8_t *bytes = malloc(seg->size + 1);
	struct vrs_frame f = {.data = bytes, .size = seg->size, .buffer = bytes};

	assert_non_null(bytes);
	for (uint32_t i = 0; i < seg->size; i++)
		bytes[i] = pattern(seg->seq - LAB_IRS - 1 + i);
	seg->data = bytes;
	l->n_frames++;
	vrs_tcp_input(&l->flow, seg, &f);
	if (f.buffer != NULL)
		put(&l->flow, &f);
}

void lab_turn(struct tcp_lab *l)
{
	/* What became ready in it has another. */
	for (unsigned i = 0; i < 4; i++)
		(void)vrs_tcp_host_turn(&l->host);
}

void lab_in(struct tcp_lab *l, uint8_t flags, uint32_t seq, uint32_t ack, uint32_t size)
{
	struct vrs_tcp_segment s = lab_segment(l, flags, seq, ack, size);

	lab_feed(l, &s);
	lab_turn(l);
}

void lab_ack(struct tcp_lab *l, uint32_t ack, ...)
{
	struct vrs_tcp_segment s = lab_segment(l, VRS_TCP_ACK, l->flow.rcv_nxt - LAB_IRS, ack, 0);
	va_list ap;

	va_start(ap, ack);
	for (uint32_t from; (from = va_arg(ap, uint32_t)) != 0;)
		s.sack[s.n_sack++] =
			(struct vrs_tcp_sack){LAB_ISS + from, LAB_ISS + va_arg(ap, uint32_t)};
	va_end(ap);
	lab_feed(l, &s);
	lab_turn(l);
}

void lab_wait(struct tcp_lab *l, unsigned ms)
{
	for (unsigned i = 0; i < ms; i++) {
		l->peer_ts++;
		(void)vrs_tcp_host_advance(&l->host, l->host.now_us + 1000);
		lab_turn(l);
	}
}

void lab_send(struct tcp_lab *l, uint32_t size)
{
	struct vrs_chunk *c = vrs_chunk_new(size);

	assert_non_null(c);
	c->size = size;
	for (uint32_t i = 0; i < size; i++)
		c->data[i] = pattern(l->tx++);
	assert_int_equal(vrs_tcp_send(&l->flow, c, 0, size), 0);
	vrs_chunk_put(c);
	lab_turn(l);
}

const struct lab_out *lab_next(struct tcp_lab *l)
{
	return l->n_looked_at < l->n_out ? &l->out[l->n_looked_at++] : NULL;
}

void lab_expect(struct tcp_lab *l, uint8_t flags, uint32_t seq, uint32_t ack, uint32_t size)
{
	const struct lab_out *o = lab_next(l);

	assert_non_null(o);
	assert_int_equal(o->seg.flags & ~VRS_TCP_PSH, flags);
	assert_int_equal(o->seg.seq, seq);
	if (flags & VRS_TCP_ACK)
		assert_int_equal(o->seg.ack, ack);
	assert_int_equal(o->seg.size, size);
}

void lab_skip(struct tcp_lab *l)
{
	l->n_looked_at = l->n_out = 0;
}

void lab_open(struct tcp_lab *l, const struct lab_options *o)
{
	lab_init(l, o);
	if (o->passive) {
		struct vrs_tcp_segment syn = lab_segment(l, VRS_TCP_SYN, 0, 0, 0);

		vrs_tcp_accept(&l->flow, &syn);
		lab_expect(l, VRS_TCP_SYN | VRS_TCP_ACK, 0, 1, 0);
		lab_wait(l, RTT_MS);
		lab_in(l, VRS_TCP_ACK, 1, 1, 0);
	} else {
		vrs_tcp_connect(&l->flow);
		lab_expect(l, VRS_TCP_SYN, 0, 0, 0);
		lab_wait(l, RTT_MS);
		lab_in(l, VRS_TCP_SYN | VRS_TCP_ACK, 0, 1, 0);
		lab_expect(l, VRS_TCP_ACK, 1, 1, 0);
	}
	assert_int_equal(l->flow.state, VRS_TCP_ESTABLISHED);
	assert_int_equal(l->n_established, 1);
	lab_skip(l);
}
