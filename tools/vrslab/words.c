/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#include "tools/vrslab/words.h"

#include "io/bgp/attr.h"
#include "rib/aspath.h"
#include "rib/base/hash.h"

/* What counts, as it is found. */
struct parts {
	uint8_t origin;
	struct vrs_span path, communities, large;
};

static void take(struct parts *p, uint8_t code, struct vrs_span value)
{
	if (code == VRS_BGP_ORIGIN && value.size == 1)
		p->origin = value.data[0];
	else if (code == VRS_BGP_AS_PATH)
		p->path = value;
	else if (code == VRS_BGP_COMMUNITIES)
		p->communities = value;
	else if (code == VRS_BGP_LARGE_COMMUNITIES)
		p->large = value;
}

static uint64_t mix(uint64_t x)
{
	return vrs_hash_u64(vrs_hash_u64(x + 0x9e3779b97f4a7c15ull));
}

/* Daemons sort communities or do not: the sum of the members' hashes does not see the order. */
static uint64_t members(struct vrs_span s, size_t size)
{
	uint64_t sum = 0;

	struct vrs_reader r = vrs_reader_span(s);

	while (vrs_reader_left(&r) >= size) {
		uint64_t h = size;
		for (size_t i = 0; i < size; i += 4)
			h = mix(h ^ vrs_read_u32(&r));
		sum += h;
	}
	return sum;
}

/* The AS numbers of the path in order; segments only count as what they are (set or sequence),
 * not where one ends: a daemon may join or split them. */
struct walk {
	uint64_t hash;
	uint32_t last;
	uint32_t target_as; /* Still to be passed over; 0 = no more. */
	bool sender_next;   /* The next one is the sender's. */
	uint32_t sender_as;
	uint32_t own_as; /* 0 = nobody's. */
	bool loop;       /* It is in the path. */
};

static void step(struct walk *w, uint8_t type, uint32_t asn)
{
	w->loop = w->loop || (asn == w->own_as && asn != 0);
	if (w->target_as == asn && w->sender_next) {
		w->target_as = 0;
		return;
	}
	if (w->sender_next) {
		w->sender_next = false;
		w->sender_as = asn;
		return;
	}
	w->last = asn;
	w->hash = mix(w->hash ^ asn ^ (uint64_t)type << 32);
}

static void walk_path(struct walk *w, struct vrs_span path)
{
	struct vrs_reader r = vrs_reader_span(path);

	while (vrs_reader_left(&r) >= 2) {
		uint8_t type = vrs_read_u8(&r), n = vrs_read_u8(&r);
		for (; n > 0 && vrs_reader_left(&r) >= 4; n--)
			step(w, type, vrs_read_u32(&r));
	}
}

/* The number of a change that is told in a large community; VRS_CHANGE_MAX = there is none. */
static uint32_t marked_number(struct vrs_span large)
{
	struct vrs_reader r = vrs_reader_span(large);

	while (vrs_reader_left(&r) >= 12) {
		uint32_t global = vrs_read_u32(&r), number = vrs_read_u32(&r);
		(void)vrs_read_u32(&r);
		if (global == VRS_CHANGE_AS && number < VRS_CHANGE_MAX)
			return number;
	}
	return VRS_CHANGE_MAX;
}

static uint32_t hash(const struct parts *p, const struct walk *w, uint32_t sender_as)
{
	uint64_t h = mix(w->hash ^ p->origin ^ (uint64_t)sender_as << 8);

	h += members(p->communities, 4) + 3 * members(p->large, 12);
	return (uint32_t)(mix(h) >> 32) | 0x80000000u;
}

static uint32_t word(const struct parts *p, const struct walk *w, uint32_t h)
{
	uint32_t number = marked_number(p->large);

	if (number < VRS_CHANGE_MAX)
		return vrs_word_of_change(number);
	if (w->last - VRS_CHANGE_AS < VRS_CHANGE_MAX)
		return vrs_word_of_change(w->last - VRS_CHANGE_AS);
	return h;
}

static void take_set(struct vrs_span set, struct parts *p, struct walk *w)
{
	struct vrs_reader r = vrs_reader_span(set);
	struct vrs_bgp_attr a;

	while (vrs_bgp_attr_next(&r, &a))
		take(p, a.code, a.value);
	walk_path(w, p->path);
}

uint32_t vrs_word_of_set(struct vrs_span set, uint32_t sender_as)
{
	struct parts p = {0};
	struct walk w = {0};

	take_set(set, &p, &w);
	return word(&p, &w, hash(&p, &w, sender_as));
}

uint32_t vrs_check_of_set(struct vrs_span set)
{
	struct parts p = {0};
	struct walk w = {0};

	take_set(set, &p, &w);
	return hash(&p, &w, 0);
}

uint32_t vrs_word_of_update(const struct vrs_bgp_update *u, uint32_t target_as, uint32_t own_as,
	bool by_sender, uint32_t *check)
{
	struct parts p = {0};
	struct walk w = {.target_as = target_as, .own_as = own_as, .sender_next = true};

	for (uint16_t i = 0; i < u->n_attrs; i++)
		take(&p, u->attrs[i].code, (struct vrs_span){u->attrs[i].value, u->attrs[i].size});
	walk_path(&w, p.path);
	*check = 0;
	if (w.sender_next || w.loop)
		return 0;
	*check = hash(&p, &w, by_sender ? w.sender_as : 0);
	return word(&p, &w, *check);
}
