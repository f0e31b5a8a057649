/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#include "tools/vrslab/script.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "io/bgp/attr.h"
#include "rib/aspath.h"
#include "tools/vrslab/words.h"

enum { SET_ROOM = 4096, BAD_ORIGIN = 9 };
#define HOP_AS 4290000000u /* Private, no change's, no peer's. */

int vrs_plan_init(struct vrs_plan *p, size_t n_senders, uint32_t n_prefixes, uint32_t first)
{
	*p = (struct vrs_plan){.n_scripts = n_senders, .first = first, .n_prefixes = n_prefixes};
	p->scripts = calloc(n_senders + 1, sizeof(*p->scripts));
	size_t size = ((size_t)n_prefixes + 1) * sizeof(*p->first_of);
	p->first_of = malloc(size);
	p->last_of = malloc(size);
	if (p->scripts == NULL || p->first_of == NULL || p->last_of == NULL) {
		vrs_plan_fini(p);
		return -ENOMEM;
	}
	memset(p->first_of, 0xff, size);
	memset(p->last_of, 0xff, size);
	return 0;
}

void vrs_plan_fini(struct vrs_plan *p)
{
	for (size_t i = 0; p->scripts != NULL && i < p->n_scripts; i++) {
		vrs_stream_fini(&p->scripts[i].stream);
		free(p->scripts[i].steps);
	}
	free(p->scripts);
	free(p->changes);
	free(p->first_of);
	free(p->last_of);
	*p = (struct vrs_plan){0};
}

/* Room for one more; doubles. */
static void *room(void *array, size_t n, size_t *cap, size_t size)
{
	size_t more = VRS_MAX(*cap * 2, (size_t)64);

	if (n < *cap)
		return array;
	void *fresh = reallocarray(array, more, size);
	if (fresh != NULL)
		*cap = more;
	return fresh;
}

int vrs_plan_step(struct vrs_plan *p, size_t sender, uint64_t at_ns)
{
	struct vrs_script *s = &p->scripts[sender];
	void *steps = room(s->steps, s->n_steps, &s->cap_steps, sizeof(*s->steps));

	if (steps == NULL)
		return -ENOMEM;
	s->steps = steps;
	s->steps[s->n_steps++] = (struct vrs_script_step){at_ns, s->stream.size};
	return 0;
}

/* The number as a large community, behind the ones in @p have. */
static void write_community(struct vrs_writer *w, struct vrs_span have, uint32_t number)
{
	size_t at = vrs_bgp_attr_open(
		w, VRS_BGP_FLAG_OPTIONAL | VRS_BGP_FLAG_TRANSITIVE, VRS_BGP_LARGE_COMMUNITIES);

	if (have.size > 0)
		vrs_write_bytes(w, have.data, have.size);
	vrs_write_u32(w, VRS_CHANGE_AS);
	vrs_write_u32(w, number);
	vrs_write_u32(w, 0);
	vrs_bgp_attr_close(w, at);
}

/* The set with the number in a large community; attributes stay in the order of their codes. */
static size_t marked(struct vrs_span set, uint32_t number, uint8_t *out, size_t cap)
{
	struct vrs_reader r = vrs_reader_span(set);
	struct vrs_writer w = vrs_writer_init(out, cap);
	struct vrs_bgp_attr a;
	bool done = false;

	while (vrs_bgp_attr_next(&r, &a)) {
		if (!done && a.code >= VRS_BGP_LARGE_COMMUNITIES) {
			bool has = a.code == VRS_BGP_LARGE_COMMUNITIES;
			write_community(&w, has ? a.value : (struct vrs_span){0}, number);
			done = true;
			if (has)
				continue;
		}
		vrs_bgp_attr_write(&w, a.flags, a.code, a.value);
	}
	if (!done)
		write_community(&w, (struct vrs_span){0}, number);
	return vrs_writer_ok(&w) ? vrs_writer_size(&w) : 0;
}

/* The set with @p hops more at the front of its path and the change's number as its last AS. */
static size_t numbered(
	struct vrs_span set, unsigned hops, uint32_t number, uint8_t *out, size_t cap)
{
	struct vrs_reader r = vrs_reader_span(set);
	struct vrs_writer w = vrs_writer_init(out, cap);
	struct vrs_bgp_attr a;

	while (vrs_bgp_attr_next(&r, &a)) {
		if (a.code != VRS_BGP_AS_PATH) {
			vrs_bgp_attr_write(&w, a.flags, a.code, a.value);
			continue;
		}
		size_t at = vrs_bgp_attr_open(&w, a.flags, a.code);
		if (hops > 0) {
			vrs_write_u8(&w, VRS_AS_SEQUENCE);
			vrs_write_u8(&w, (uint8_t)hops);
			for (unsigned i = 0; i < hops; i++)
				vrs_write_u32(&w, HOP_AS + i);
		}
		vrs_write_bytes(&w, a.value.data, a.value.size);
		vrs_write_u8(&w, VRS_AS_SEQUENCE);
		vrs_write_u8(&w, 1);
		vrs_write_u32(&w, VRS_CHANGE_AS + number);
		vrs_bgp_attr_close(&w, at);
	}
	return vrs_writer_ok(&w) ? vrs_writer_size(&w) : 0;
}

/* Give the UPDATE that begins at @p at an ORIGIN that there is not (RFC 7606 section 7.1). */
static void spoil(struct vrs_stream *s, size_t at)
{
	uint8_t *body = s->bytes + at + VRS_BGP_HEADER_SIZE;
	size_t withdrawn = (size_t)body[0] << 8 | body[1];
	uint8_t *attrs = body + 2 + withdrawn + 2;
	struct vrs_reader r =
		vrs_reader_span((struct vrs_span){attrs, (size_t)attrs[-2] << 8 | attrs[-1]});
	struct vrs_bgp_attr a;

	while (vrs_bgp_attr_next(&r, &a)) {
		if (a.code == VRS_BGP_ORIGIN && a.value.size == 1)
			attrs[a.value.data - attrs] = BAD_ORIGIN;
	}
}

/* As many of the prefixes as one UPDATE holds. @return How many, or a negative errno. */
static ssize_t encode(struct vrs_stream *s, const struct vrs_plan_change *c, size_t from,
	uint32_t number, const struct vrs_stream_policy *policy, uint32_t *check)
{
	const struct vrs_prefix *prefixes = c->prefixes + from;
	size_t n = c->n - from, size, at = s->size;
	uint8_t set[SET_ROOM];

	*check = 0;
	if (c->kind == VRS_CHANGE_WITHDRAW)
		return vrs_stream_withdraw_some(s, prefixes, n);
	if (c->kind == VRS_CHANGE_ATTRIBUTE)
		size = marked(c->set, number, set, sizeof(set));
	else
		size = numbered(c->set, c->hops, number, set, sizeof(set));
	if (size == 0)
		return -EMSGSIZE;
	*check = vrs_check_of_set((struct vrs_span){set, size});
	ssize_t took =
		vrs_stream_announce_some(s, prefixes, n, (struct vrs_span){set, size}, policy);
	if (took > 0 && c->kind == VRS_CHANGE_MALFORMED)
		spoil(s, at);
	return took;
}

static void add_change(
	struct vrs_plan *p, const struct vrs_plan_change *c, size_t i, uint32_t check, bool joined)
{
	uint32_t index = (uint32_t)p->n_changes++, number = c->numbers[i];

	if (p->last_of[number] != VRS_CHANGE_NONE)
		p->changes[p->last_of[number]].next = index;
	else
		p->first_of[number] = index;
	p->last_of[number] = index;
	p->changes[index] = (struct vrs_change){.at_ns = c->at_ns,
		.prefix = number,
		.next = VRS_CHANGE_NONE,
		.check = check,
		.hop = c->hop,
		.withdraw = c->kind >= VRS_CHANGE_WITHDRAW,
		.joined = joined};
}

int vrs_plan_change(
	struct vrs_plan *p, const struct vrs_plan_change *c, const struct vrs_stream_policy *policy)
{
	struct vrs_stream *s = &p->scripts[c->sender].stream;

	for (size_t from = 0; from < c->n;) {
		uint64_t number = (uint64_t)p->first + p->n_changes;
		if (number + c->n >= VRS_CHANGE_MAX)
			return -ENOSPC;
		uint32_t check;
		ssize_t took = encode(s, c, from, (uint32_t)number, policy, &check);
		if (took < 0)
			return (int)took;
		for (size_t i = 0; i < (size_t)took; i++) {
			struct vrs_change *changes =
				room(p->changes, p->n_changes, &p->cap_changes, sizeof(*changes));
			if (changes == NULL)
				return -ENOMEM;
			p->changes = changes;
			add_change(p, c, from + i, check, i > 0);
		}
		from += (size_t)took;
	}
	return vrs_plan_step(p, c->sender, c->at_ns);
}

uint32_t vrs_plan_find(const struct vrs_plan *p, uint32_t word, uint32_t number)
{
	if (!vrs_word_is_change(word) || word - 1 - p->first >= p->n_changes)
		return VRS_CHANGE_NONE;
	for (uint32_t i = word - 1 - p->first; i < p->n_changes; i++) {
		if (p->changes[i].prefix == number)
			return i;
		if (i + 1 < p->n_changes && !p->changes[i + 1].joined)
			break;
	}
	return VRS_CHANGE_NONE;
}

uint32_t vrs_plan_word(const struct vrs_plan *p, uint32_t index)
{
	if (p->changes[index].withdraw)
		return 0;
	while (p->changes[index].joined)
		index--;
	return vrs_word_of_change(p->first + index);
}
