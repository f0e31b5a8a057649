/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 *
 * What has come: presented in place where it is next and its reader takes it, else kept. The
 * order of keeping: `left` is the beginning of a message, `queue` what follows it in order,
 * ranges what lies behind gaps.
 *
 * A message that lies across frames is put together in `left`, alone: need() says how many
 * bytes it lacks, and what follows it is presented in place again.
 *
 * Kept bytes are a frame by reference as long as the host holds few of them, and copies in
 * blocks from then on: a flood of small segments cannot take all of a port's buffers. Nor can it
 * take more memory than twice what the peer may send: what would is dropped, and comes again.
 *
 * The window (RFC 9293 section 3.8.6.2.2) is the buffer less what is kept. Its right edge does
 * not move left; where the scale cannot express the edge it is rounded up, a window unit at most
 * at a time, and once that has given away a quarter of the buffer, down: that takes thousands of
 * segments while the reader stands still.
 */

#include <errno.h>
#include <string.h>

#include "io/dpdk/tcp_internal.h"

enum {
	BLOCK_FIRST = 2048, /* A full segment. */
	BLOCK_SIZE = 16384,
	LEFT_FIRST = 4096,
	LEFT_MAX = 1 << 17,
	SLACK_SHIFT = 2, /* A quarter of the buffer. */
};

/** Bytes that wait: a frame's, or a copy. */
struct vrs_tcp_held {
	struct vrs_tcp_held *next;
	const uint8_t *data;
	uint32_t seq, size;
	uint32_t capacity;      /* Of block; 0: frame's. */
	struct vrs_frame frame; /* buffer NULL: none. */
	uint8_t block[];
};

/* --- keeping --- */

static size_t held_memory(const struct vrs_tcp_held *h)
{
	return sizeof(*h) + h->capacity;
}

static void held_free(struct vrs_tcp *t, struct vrs_tcp_held *h)
{
	t->held_memory -= held_memory(h);
	if (h->frame.buffer != NULL) {
		t->host->ops->put(t, &h->frame);
		t->host->n_held--;
	}
	vrs_mem_free(VRS_MEM_SESSION, h, held_memory(h));
}

/* Behind @p last, when that is a copy with room. @return Bytes that went there. */
static uint32_t held_append(
	struct vrs_tcp_held *last, uint32_t seq, const uint8_t *data, uint32_t size)
{
	if (last == NULL || last->capacity == 0 || last->seq + last->size != seq)
		return 0;
	uint32_t used = (uint32_t)(last->data - last->block) + last->size;
	uint32_t n = VRS_MIN(size, last->capacity - used);

	memcpy(last->block + used, data, n);
	last->size += n;
	return n;
}

/* Room for a copy behind @p last: more and more, as long as it is filled. */
static uint32_t block_size(const struct vrs_tcp_held *last, uint32_t size)
{
	uint32_t room = last != NULL && last->capacity > 0 ? 2 * last->capacity : BLOCK_FIRST;

	return VRS_MAX(size, VRS_MIN(room, (uint32_t)BLOCK_SIZE));
}

static struct vrs_tcp_held *held_new(struct vrs_tcp *t, const struct vrs_tcp_held *last,
	uint32_t seq, const uint8_t *data, uint32_t size, struct vrs_frame *f)
{
	bool take = f != NULL && f->buffer != NULL && t->host->n_held < t->host->hold_max;
	uint32_t capacity = take ? 0 : block_size(last, size);
	struct vrs_tcp_held *h;

	if (t->held_memory + sizeof(*h) + capacity > 2ull * t->rcv_buffer)
		return NULL;
	h = vrs_mem_alloc(VRS_MEM_SESSION, sizeof(*h) + capacity);
	if (h == NULL)
		return NULL;
	*h = (struct vrs_tcp_held){.data = data, .seq = seq, .size = size, .capacity = capacity};
	t->held_memory += held_memory(h);
	if (take) {
		h->frame = *f;
		f->buffer = NULL;
		t->host->n_held++;
	} else {
		memcpy(h->block, data, size);
		h->data = h->block;
		t->host->stat.rx_copied++;
	}
	return h;
}

/* Keep bytes at the end of a list. @return false: no memory, or too much of it is used. */
static bool keep(struct vrs_tcp *t, struct vrs_tcp_held **first, struct vrs_tcp_held **last,
	uint32_t seq, const uint8_t *data, uint32_t size, struct vrs_frame *f)
{
	uint32_t n = held_append(*last, seq, data, size);

	if (n == size)
		return true;
	struct vrs_tcp_held *h = held_new(t, *last, seq + n, data + n, size - n, f);
	if (h == NULL) {
		if (n > 0)
			(*last)->size -= n;
		return false;
	}
	if (*last != NULL)
		(*last)->next = h;
	else
		*first = h;
	*last = h;
	return true;
}

static void list_free(struct vrs_tcp *t, struct vrs_tcp_held *h)
{
	while (h != NULL) {
		struct vrs_tcp_held *next = h->next;

		held_free(t, h);
		h = next;
	}
}

void vrs_tcp_receive_clear(struct vrs_tcp *t)
{
	list_free(t, t->queue);
	t->queue = t->queue_last = NULL;
	t->queue_bytes = 0;
	for (uint32_t i = 0; i < t->n_ranges; i++)
		list_free(t, t->ranges[i].first);
	t->n_ranges = 0;
	if (t->ranges != NULL)
		vrs_mem_free(VRS_MEM_SESSION, t->ranges, VRS_TCP_RANGES_MAX * sizeof(*t->ranges));
	t->ranges = NULL;
	vrs_mem_free(VRS_MEM_SESSION, t->left, t->left_capacity);
	t->left = NULL;
	t->left_size = t->left_capacity = 0;
}

/* --- presenting --- */

static bool takes(const struct vrs_tcp *t)
{
	return !t->paused && t->state != VRS_TCP_CLOSED;
}

static bool left_add(struct vrs_tcp *t, const uint8_t *data, uint32_t size)
{
	uint32_t wanted = t->left_size + size,
		 capacity = VRS_MAX(t->left_capacity, (uint32_t)LEFT_FIRST);

	while (capacity < wanted)
		capacity *= 2;
	if (wanted > LEFT_MAX)
		return false;
	if (capacity > t->left_capacity) {
		uint8_t *p = vrs_mem_realloc(VRS_MEM_SESSION, t->left, t->left_capacity, capacity);

		if (p == NULL)
			return false;
		t->left = p;
		t->left_capacity = capacity;
	}
	memcpy(t->left + t->left_size, data, size);
	t->left_size = wanted;
	return true;
}

/* Bytes that the message which begins at @p data has at least. */
static size_t need(struct vrs_tcp *t, const uint8_t *data, size_t size)
{
	return t->host->ops->need != NULL ? t->host->ops->need(t, data, size) : SIZE_MAX;
}

/* Fill up the message whose beginning is in `left` and present it; its header by itself first, when that is whole:
 * a length that is none is not waited for. @return Bytes taken of data. */
static uint32_t stitch(struct vrs_tcp *t, const uint8_t *data, uint32_t size)
{
	uint32_t at = 0;

	while (takes(t)) {
		size_t wanted = need(t, t->left, t->left_size);

		if (wanted > t->left_size) {
			uint32_t n = (uint32_t)VRS_MIN((size_t)(size - at), wanted - t->left_size);

			if (n == 0 && wanted != SIZE_MAX)
				break;
			if (!left_add(t, data + at, n)) {
				vrs_tcp_give_up(t, ENOBUFS);
				break;
			}
			at += n;
			if (wanted != SIZE_MAX && t->left_size < wanted)
				break;
		}
		size_t done = t->host->ops->receive(t, t->left, t->left_size);
		if (t->state == VRS_TCP_CLOSED)
			break;
		t->left_size -= (uint32_t)done;
		memmove(t->left, t->left + done, t->left_size);
		t->host->stat.rx_stitched += done > 0;
		if (done == 0 && need(t, t->left, t->left_size) > t->left_size) {
			if (wanted == SIZE_MAX)
				break;
			continue; /* What was wanted was the header. */
		}
		if (done == 0)
			t->paused = !t->shut;
		if (t->left_size == 0 || done == 0)
			break;
	}
	return at;
}

/* Present bytes; what begins a message goes to `left`. @return How many are dealt with. */
static uint32_t present(struct vrs_tcp *t, const uint8_t *data, uint32_t size)
{
	uint32_t at = 0;

	if (t->shut)
		return size; /* Nobody reads any more. */
	while (at < size && takes(t)) {
		if (t->left_size > 0) {
			uint32_t n = stitch(t, data + at, size - at);

			at += n;
			if (n == 0)
				break;
			continue;
		}
		size_t done = t->host->ops->receive(t, data + at, size - at);
		if (t->state == VRS_TCP_CLOSED)
			return size;
		at += (uint32_t)done;
		t->host->stat.rx_in_place += done;
		if (at == size || t->paused)
			break;
		/* The beginning of a message, or one that is not wanted now: until vrs_tcp_resume(). */
		if (need(t, data + at, size - at) <= size - at) {
			t->paused = !t->shut;
			break;
		}
		if (!left_add(t, data + at, size - at)) {
			vrs_tcp_give_up(t, ENOBUFS);
			break;
		}
		at = size;
	}
	return t->shut || t->state == VRS_TCP_CLOSED ? size : at;
}

static void tell_eof(struct vrs_tcp *t)
{
	if (!t->eof_seen || t->eof_told || t->queue != NULL || t->paused ||
		t->state == VRS_TCP_CLOSED)
		return;
	t->eof_told = true;
	if (!t->shut)
		t->host->ops->eof(t);
}

void vrs_tcp_present(struct vrs_tcp *t)
{
	/* A message in `left` may be whole: its reader was paused. */
	if (t->left_size > 0 && takes(t) && !t->shut)
		(void)stitch(t, t->left, 0);
	while (t->queue != NULL && (takes(t) || t->shut)) {
		struct vrs_tcp_held *h = t->queue;
		uint32_t n = present(t, h->data, h->size);

		if (t->state == VRS_TCP_CLOSED)
			return;
		h->data += n;
		h->seq += n;
		h->size -= n;
		t->queue_bytes -= n;
		if (h->size > 0)
			break;
		t->queue = h->next;
		if (t->queue == NULL)
			t->queue_last = NULL;
		held_free(t, h);
	}
	tell_eof(t);
}

/* In-order bytes: present or queue them. @return Bytes that are dealt with. */
static uint32_t accept_bytes(
	struct vrs_tcp *t, uint32_t seq, const uint8_t *data, uint32_t size, struct vrs_frame *f)
{
	uint32_t n = 0;

	if (t->queue == NULL)
		n = present(t, data, size);
	if (n == size || t->state == VRS_TCP_CLOSED)
		return size;
	if (!keep(t, &t->queue, &t->queue_last, seq + n, data + n, size - n, f)) {
		t->host->stat.rx_dropped++;
		return n;
	}
	t->queue_bytes += size - n;
	return size;
}

/* --- behind gaps --- */

static void ranges_remove(struct vrs_tcp *t, uint32_t i)
{
	t->n_ranges--;
	memmove(&t->ranges[i], &t->ranges[i + 1], (t->n_ranges - i) * sizeof(*t->ranges));
}

/* A place for a range at @p i. */
static struct vrs_tcp_range *ranges_insert(struct vrs_tcp *t, uint32_t i)
{
	if (t->ranges == NULL)
		t->ranges = vrs_mem_alloc(VRS_MEM_SESSION, VRS_TCP_RANGES_MAX * sizeof(*t->ranges));
	if (t->ranges == NULL || t->n_ranges == VRS_TCP_RANGES_MAX)
		return NULL;
	memmove(&t->ranges[i + 1], &t->ranges[i], (t->n_ranges - i) * sizeof(*t->ranges));
	t->n_ranges++;
	return &t->ranges[i];
}

static void set_dsack(struct vrs_tcp *t, uint32_t from, uint32_t to)
{
	t->has_dsack = true;
	t->dsack_from = from;
	t->dsack_to = to;
	t->ack_now = true;
}

/* Keep [seq, seq + size), which lies between range i - 1 and range i. @return false: dropped. */
static bool keep_between(struct vrs_tcp *t, uint32_t i, uint32_t seq, const uint8_t *data,
	uint32_t size, struct vrs_frame *f)
{
	struct vrs_tcp_range *r = i > 0 && t->ranges[i - 1].to == seq ? &t->ranges[i - 1] : NULL;
	bool fresh = r == NULL;

	if (fresh) {
		r = ranges_insert(t, i);
		if (r == NULL)
			return false;
		*r = (struct vrs_tcp_range){.from = seq, .to = seq};
		i++;
	}
	if (!keep(t, &r->first, &r->last, seq, data, size, f)) {
		if (fresh)
			ranges_remove(t, i - 1);
		return false;
	}
	r->to += size;
	r->stamp = ++t->range_stamp;
	assert(r->last != NULL);
	if (i < t->n_ranges && t->ranges[i].from == r->to) { /* Joined to the next one. */
		r->to = t->ranges[i].to;
		r->last->next = t->ranges[i].first;
		r->last = t->ranges[i].last;
		ranges_remove(t, i);
	}
	return true;
}

/* Data behind a gap: the parts that are new are kept. One frame can be kept by reference once. */
static void keep_out_of_order(
	struct vrs_tcp *t, uint32_t seq, const uint8_t *data, uint32_t size, struct vrs_frame *f)
{
	uint32_t end = seq + size, at = seq, i = 0;
	bool any = false, dropped = false;

	while (vrs_tcp_seq_before(at, end)) {
		while (i < t->n_ranges && !vrs_tcp_seq_after(t->ranges[i].to, at))
			i++;
		uint32_t gap_end = i < t->n_ranges ? seq_min(end, t->ranges[i].from) : end;
		if (vrs_tcp_seq_before(at, gap_end)) {
			if (!keep_between(t, i, at, data + (at - seq), gap_end - at, f)) {
				dropped = true;
				break;
			}
			any = true;
			at = gap_end;
			i = 0; /* They may have been joined. */
		} else {
			at = seq_min(end, t->ranges[i].to);
		}
	}
	t->host->stat.rx_out_of_order += any;
	t->host->stat.rx_dropped += dropped;
	if (!any && !dropped) {
		t->host->stat.rx_duplicate++;
		set_dsack(t, seq, end);
	}
}

/* The gap before the first range has been filled. */
static void join_range(struct vrs_tcp *t)
{
	struct vrs_tcp_range r = t->ranges[0];

	ranges_remove(t, 0);
	while (r.first != NULL) {
		struct vrs_tcp_held *h = r.first;

		r.first = h->next;
		h->next = NULL;
		uint32_t skip = vrs_tcp_seq_after(t->rcv_nxt, h->seq) ? t->rcv_nxt - h->seq : 0;
		if (skip >= h->size) {
			held_free(t, h);
			continue;
		}
		h->data += skip;
		h->seq += skip;
		h->size -= skip;
		t->rcv_nxt += h->size;
		t->queue_bytes += h->size;
		if (t->queue_last != NULL)
			t->queue_last->next = h;
		else
			t->queue = h;
		t->queue_last = h;
	}
}

void vrs_tcp_receive(
	struct vrs_tcp *t, uint32_t seq, const uint8_t *data, uint32_t size, struct vrs_frame *f)
{
	uint32_t end = seq + size;

	if (!vrs_tcp_seq_after(end, t->rcv_nxt)) {
		t->host->stat.rx_duplicate++;
		set_dsack(t, seq, end);
		return;
	}
	if (vrs_tcp_seq_after(seq, t->rcv_nxt)) {
		t->ack_now = true;
		keep_out_of_order(t, seq, data, size, f);
		return;
	}
	uint32_t skip = t->rcv_nxt - seq;
	if (skip > 0)
		set_dsack(t, seq, t->rcv_nxt);
	/* An ACK at once when a gap is filled (RFC 5681 section 4.2). */
	t->ack_now |= t->n_ranges > 0;
	uint32_t before = t->rcv_nxt;
	t->rcv_nxt = end; /* As of now: callbacks may look. */
	uint32_t n = accept_bytes(t, before, data + skip, size - skip, f);
	if (t->state == VRS_TCP_CLOSED)
		return;
	t->rcv_nxt = before + n;
	t->host->stat.rx_bytes += n;
	bool joined = false;
	while (t->n_ranges > 0 && !vrs_tcp_seq_after(t->ranges[0].from, t->rcv_nxt)) {
		join_range(t);
		joined = true;
	}
	if (joined)
		vrs_tcp_present(t);
}

/* --- what the peer is told --- */

static uint32_t room(const struct vrs_tcp *t)
{
	/* What is behind gaps is inside the window: it takes no room that was not promised. The beginning of a
	 * message takes none either, or its end might never be let in. */
	uint32_t used = t->queue_bytes;

	uint32_t left = used < t->rcv_buffer ? t->rcv_buffer - used : 0;
	return VRS_MIN(left, (uint32_t)UINT16_MAX << t->rcv_wscale); /* What can be said. */
}

uint16_t vrs_tcp_window(struct vrs_tcp *t, bool syn)
{
	unsigned scale = syn ? 0 : t->rcv_wscale;
	uint32_t unit = 1u << scale, limit = t->rcv_nxt + room(t);
	uint32_t old = t->rcv_adv - t->rcv_nxt;
	uint32_t grow = VRS_MIN(t->rcv_buffer / 2, (uint32_t)t->mss);
	uint32_t window = old;

	/* Silly window avoidance: the edge moves by a segment at least. */
	if (vrs_tcp_seq_after(limit, t->rcv_adv) && limit - t->rcv_adv >= grow)
		window = room(t) >> scale << scale;
	if (window < old)
		window = old;
	uint32_t up = (window + unit - 1) >> scale << scale;
	if (up > window &&
		vrs_tcp_seq_after(t->rcv_nxt + up, limit + (t->rcv_buffer >> SLACK_SHIFT)))
		up = window >> scale << scale;
	window = VRS_MIN(up, 65535u << scale);
	t->rcv_adv = seq_max(t->rcv_adv, t->rcv_nxt + window);
	return (uint16_t)(window >> scale);
}

bool vrs_tcp_window_opened(const struct vrs_tcp *t)
{
	uint32_t limit = t->rcv_nxt + room(t), grow = VRS_MIN(t->rcv_buffer / 2, 2u * t->mss);

	if (!vrs_tcp_seq_after(limit, t->rcv_adv))
		return false;
	/* The peer that has used up its window waits; one that has plenty will hear of it with the data. */
	uint32_t old = t->rcv_adv - t->rcv_nxt;
	return old < t->rcv_buffer / 2 && limit - t->rcv_adv >= VRS_MAX(grow, t->rcv_buffer / 4);
}

void vrs_tcp_sack_blocks(struct vrs_tcp *t, struct vrs_tcp_segment *out)
{
	uint32_t below = UINT32_MAX;

	out->n_sack = 0;
	if (!t->sack_on)
		return;
	if (t->has_dsack)
		out->sack[out->n_sack++] = (struct vrs_tcp_sack){t->dsack_from, t->dsack_to};
	t->has_dsack = false;
	/* The most recent first (RFC 2018 section 4). */
	while (out->n_sack < VRS_TCP_SACK_MAX) {
		const struct vrs_tcp_range *best = NULL;

		for (uint32_t i = 0; i < t->n_ranges; i++) {
			const struct vrs_tcp_range *r = &t->ranges[i];

			if (r->stamp < below && (best == NULL || r->stamp > best->stamp))
				best = r;
		}
		if (best == NULL)
			return;
		below = best->stamp;
		out->sack[out->n_sack++] = (struct vrs_tcp_sack){best->from, best->to};
	}
}
