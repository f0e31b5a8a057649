/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#include "tests/io/mem_wire.h"

#include <stdlib.h>
#include <string.h>

#include "rib/base/bytes.h"

struct packet {
	struct packet *next;
	uint32_t size;
	uint8_t *data;
};

/* What is on its way to a side: [first, seen) may be received, the rest waits for a flush. */
struct side {
	struct vrs_wire wire;
	struct mem_wire_pair *pair;
	struct packet *first, **last;
	unsigned n_seen, n_hidden, held, room;
	bool gone;
};

struct mem_wire_pair {
	struct side side[2];
};

static struct side *side_of(struct vrs_wire *w)
{
	return VRS_CONTAINER_OF(w, struct side, wire);
}

static const struct side *const_side_of(const struct vrs_wire *w)
{
	return (const struct side *)((const char *)w - offsetof(struct side, wire));
}

static struct side *other(struct side *s)
{
	return &s->pair->side[s == &s->pair->side[0]];
}

static void packet_free(struct packet *p)
{
	free(p->data);
	free(p);
}

static unsigned rx(struct vrs_wire *w, struct vrs_frame *out, unsigned n)
{
	struct side *s = side_of(w);
	unsigned got = 0;

	for (; got < n && s->n_seen > 0 && !w->deaf; got++) {
		struct packet *p = s->first;

		s->first = p->next;
		if (s->first == NULL)
			s->last = &s->first;
		s->n_seen--;
		s->held++;
		w->stat.rx_frames++;
		w->stat.rx_bytes += p->size;
		out[got] = (struct vrs_frame){.data = p->data, .size = p->size, .buffer = p};
	}
	return got;
}

static void put(struct vrs_wire *w, struct vrs_frame *f)
{
	if (f->buffer == NULL)
		return;
	packet_free(f->buffer);
	f->buffer = NULL;
	side_of(w)->held--;
}

/* The sum of 16-bit words, slowly; the code under test has its own. */
static uint32_t sum_words(const uint8_t *data, size_t size)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < size; i++)
		sum += i % 2 == 0 ? (uint32_t)data[i] << 8 : data[i];
	while (sum > 0xffff)
		sum = (sum >> 16) + (sum & 0xffff);
	return sum;
}

/* What a port does: the TCP checksum's place holds the pseudo header's sum already. */
static void fill_checksums(const struct vrs_wire_tx *tx, uint8_t *data, size_t size)
{
	uint8_t *ip = data + tx->l2_size, *tcp = ip + tx->l3_size;

	vrs_put_u16(tcp + 16, (uint16_t)~sum_words(tcp, (size_t)(data + size - tcp)));
	if (!tx->ip6)
		vrs_put_u16(ip + 10, (uint16_t)~sum_words(ip, tx->l3_size));
}

static bool tx(struct vrs_wire *w, const struct vrs_wire_tx *t)
{
	struct side *s = side_of(w), *to = other(s);
	struct packet *p;

	if (to->n_seen + to->n_hidden >= s->room) {
		w->stat.tx_full++;
		return false;
	}
	p = calloc(1, sizeof(*p));
	if (p == NULL)
		abort();
	p->size = t->head_size + t->size;
	p->data = malloc(p->size > 0 ? p->size : 1);
	if (p->data == NULL)
		abort();
	memcpy(p->data, t->head, t->head_size);
	size_t at = t->head_size;
	for (unsigned i = 0; i < t->n_pieces; i++) {
		const struct vrs_wire_piece *piece = &t->pieces[i];

		if (at + piece->size > p->size || piece->offset + piece->size > piece->chunk->size)
			abort();
		memcpy(p->data + at, piece->chunk->data + piece->offset, piece->size);
		at += piece->size;
	}
	if (at != p->size || (t->csum && (w->caps & VRS_WIRE_TX_CSUM) == 0))
		abort();
	if (t->csum)
		fill_checksums(t, p->data, p->size);
	w->stat.tx_frames++;
	w->stat.tx_bytes += p->size;
	if (to->gone) {
		packet_free(p);
		return true;
	}
	*to->last = p;
	to->last = &p->next;
	to->n_hidden++;
	return true;
}

static void flush(struct vrs_wire *w)
{
	struct side *to = other(side_of(w));

	to->n_seen += to->n_hidden;
	to->n_hidden = 0;
}

static int intr_fd(struct vrs_wire *w)
{
	return -1;
}

static void side_free(struct vrs_wire *w)
{
	struct side *s = side_of(w);

	if (s->held != 0 || s->gone)
		abort();
	while (s->first != NULL) {
		struct packet *p = s->first;

		s->first = p->next;
		packet_free(p);
	}
	s->last = &s->first;
	s->n_seen = s->n_hidden = 0;
	s->gone = true;
	if (other(s)->gone)
		free(s->pair);
}

static const struct vrs_wire_ops ops = {
	.rx = rx, .put = put, .tx = tx, .flush = flush, .intr_fd = intr_fd, .free = side_free};

struct mem_wire_pair *mem_wire_pair_new(void)
{
	struct mem_wire_pair *pair = calloc(1, sizeof(*pair));

	if (pair == NULL)
		abort();
	for (unsigned i = 0; i < 2; i++) {
		struct side *s = &pair->side[i];

		s->pair = pair;
		s->last = &s->first;
		s->room = MEM_WIRE_ROOM;
		s->wire = (struct vrs_wire){.ops = &ops, .mtu = 1500, .hold_max = 1024};
		memcpy(s->wire.mac, (uint8_t[6]){2, 0, 0, 0, 0, (uint8_t)(i + 1)}, 6);
	}
	return pair;
}

struct vrs_wire *mem_wire(struct mem_wire_pair *pair, unsigned side)
{
	return &pair->side[side].wire;
}

void mem_wire_room(struct vrs_wire *w, unsigned n)
{
	side_of(w)->room = n;
}

unsigned mem_wire_held(const struct vrs_wire *w)
{
	return const_side_of(w)->held;
}

unsigned mem_wire_waiting(const struct vrs_wire *w)
{
	return const_side_of(w)->n_seen + const_side_of(w)->n_hidden;
}
