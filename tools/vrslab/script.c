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

enum { HOP_AS = 64512, SET_ROOM = 4096 };

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

static int encode(struct vrs_stream *s, const struct vrs_plan_change *c, uint32_t number,
	const struct vrs_stream_policy *policy)
{
	uint8_t set[SET_ROOM];

	if (c->withdraw)
		return vrs_stream_withdraw_one(s, c->prefix);
	size_t size = numbered(c->set, c->hops, number, set, sizeof(set));
	if (size == 0)
		return -EMSGSIZE;
	return vrs_stream_announce_one(s, c->prefix, (struct vrs_span){set, size}, policy);
}

int vrs_plan_change(
	struct vrs_plan *p, const struct vrs_plan_change *c, const struct vrs_stream_policy *policy)
{
	uint64_t number = (uint64_t)p->first + p->n_changes;
	uint32_t index = (uint32_t)p->n_changes;
	void *changes = room(p->changes, p->n_changes, &p->cap_changes, sizeof(*p->changes));

	if (number >= VRS_CHANGE_MAX)
		return -ENOSPC;
	if (changes == NULL)
		return -ENOMEM;
	p->changes = changes;
	int rc = encode(&p->scripts[c->sender].stream, c, (uint32_t)number, policy);
	if (rc == 0)
		rc = vrs_plan_step(p, c->sender, c->at_ns);
	if (rc != 0)
		return rc;
	if (p->last_of[c->number] != VRS_CHANGE_NONE)
		p->changes[p->last_of[c->number]].next = index;
	else
		p->first_of[c->number] = index;
	p->last_of[c->number] = index;
	p->changes[p->n_changes++] =
		(struct vrs_change){c->at_ns, c->number, VRS_CHANGE_NONE, c->withdraw};
	return 0;
}
