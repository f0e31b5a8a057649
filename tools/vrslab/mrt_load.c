/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

/*
 * Loading goes through the codec, as a router would take what it hears: attributes become
 * canonical sets (AS4_PATH merged, internal attributes of the other network dropped), and what
 * RFC 7606 would withdraw is withdrawn. Without a choice of peer the file is read twice, so
 * that memory holds one peer's table and not all of them.
 */

#include "tools/vrslab/mrt_load.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "io/bgp/encode.h"
#include "io/bgp/open.h"
#include "io/bgp/update.h"

struct loading {
	struct vrs_mrt_load *load;
	struct vrs_mrt *mrt;
	const struct vrs_addr *only;  /* NULL = every peer. */
	struct vrs_mrt_table *tables; /* By the reader's peer index. */
	size_t n_tables;
	bool count_only;
	struct vrs_bgp_update update;
	uint8_t canonical[VRS_BGP_CANONICAL_MAX];
};

static struct vrs_bgp_decode_ctx context(bool as4)
{
	return (struct vrs_bgp_decode_ctx){.as4 = as4,
		.families = VRS_BGP_IP4 | VRS_BGP_IP6,
		.ext_next_hop = VRS_BGP_IP4 | VRS_BGP_IP6};
}

static int grow_tables(struct loading *l, size_t n)
{
	size_t n_peers;
	const struct vrs_mrt_peer *peers = vrs_mrt_peers(l->mrt, &n_peers);

	if (n <= l->n_tables)
		return 0;
	struct vrs_mrt_table *p = reallocarray(l->tables, n_peers, sizeof(*p));
	if (p == NULL)
		return -ENOMEM;
	l->tables = p;
	for (; l->n_tables < n_peers; l->n_tables++)
		p[l->n_tables] = (struct vrs_mrt_table){.peer = peers[l->n_tables]};
	return 0;
}

static bool is_skipped(const struct vrs_mrt_load *load, const struct vrs_prefix *p)
{
	for (size_t i = 0; i < load->n_skip; i++) {
		if (vrs_prefix_covers(&load->skip[i], p))
			return true;
	}
	return false;
}

static int put(struct loading *l, struct vrs_mrt_table *t, const struct vrs_prefix *p, uint32_t set)
{
	if (set != VRS_ROUTES_NO_SET) {
		t->n_routes++;
		if (!l->load->raw && is_skipped(l->load, p)) {
			t->n_skipped++;
			return 0;
		}
	}
	return vrs_routes_put(&t->routes, p, set);
}

static int put_all(
	struct loading *l, struct vrs_mrt_table *t, const struct vrs_bgp_nlri *nlri, uint32_t set)
{
	struct vrs_reader r = vrs_reader_span(nlri->span);
	struct vrs_prefix p;
	int rc = 0;

	while (vrs_reader_left(&r) > 0 && rc == 0) {
		int n = vrs_prefix_read(&p, nlri->afi, r.at, vrs_reader_left(&r));
		if (n < 0)
			break;
		(void)vrs_read_bytes(&r, (size_t)n);
		rc = put(l, t, &p, set);
	}
	return rc;
}

/* Announced prefixes of one field, by the attributes that belong to it. */
static int announce(struct loading *l, struct vrs_mrt_table *t, const struct vrs_bgp_nlri *nlri,
	enum vrs_bgp_which which)
{
	struct vrs_attrs_info info;
	size_t size = 0;
	uint32_t set = VRS_ROUTES_NO_SET;
	int rc;

	if (nlri->n == 0)
		return 0;
	if (l->update.announce_is_withdraw) {
		t->n_unusable += nlri->n;
		return put_all(l, t, nlri, set);
	}
	rc = vrs_bgp_update_canonical(
		&l->update, which, l->canonical, sizeof(l->canonical), &size, &info);
	if (rc == 0)
		rc = vrs_routes_intern(&t->routes, l->canonical, size, &set);
	if (rc == -EMSGSIZE) {
		t->n_unusable += nlri->n;
		rc = 0;
	}
	return rc == 0 ? put_all(l, t, nlri, set) : rc;
}

/* Remember the first, go on with the next. */
static int bad_message(struct loading *l)
{
	if (l->load->n_bad_messages++ == 0)
		l->load->bad_message_offset = vrs_mrt_offset(l->mrt);
	return 0;
}

/* The bytes as they are; the prefixes are kept beside them, to be withdrawn. A file that mixes
 * widths of AS numbers cannot be one session's: what differs from its start is left out. */
static int take_raw_message(
	struct loading *l, struct vrs_mrt_table *t, const struct vrs_bgp_message *msg, bool as4)
{
	const struct vrs_bgp_update *u = &l->update;
	uint32_t set;

	if (t->raw.size > 0 && t->raw_as4 != as4)
		return bad_message(l);
	t->raw_as4 = as4;
	if (u->eor != VRS_AFI_NONE)
		t->raw_eor[u->eor == VRS_AFI_IP6] = true;
	t->raw.n_prefixes += u->announced.n + u->mp_reach.n;
	int rc = vrs_routes_intern(&t->routes, NULL, 0, &set);
	if (rc == 0)
		rc = put_all(l, t, &u->withdrawn, VRS_ROUTES_NO_SET);
	if (rc == 0)
		rc = put_all(l, t, &u->mp_unreach, VRS_ROUTES_NO_SET);
	if (rc == 0)
		rc = put_all(l, t, &u->announced, set);
	if (rc == 0)
		rc = put_all(l, t, &u->mp_reach, set);
	return rc == 0 ? vrs_stream_append(&t->raw, msg->raw.data, msg->raw.size) : rc;
}

static int take_message(struct loading *l, struct vrs_mrt_table *t, const struct vrs_mrt_event *e)
{
	struct vrs_bgp_decode_ctx ctx = context(e->as4);
	struct vrs_bgp_verdict verdict;
	struct vrs_bgp_message msg;
	struct vrs_bgp_update *u = &l->update;

	if (vrs_bgp_message_frame(e->message.data, e->message.size, VRS_BGP_MAX_SIZE_EXTENDED, &msg,
		    &verdict) != VRS_BGP_FRAME_MESSAGE)
		return bad_message(l);
	if (msg.type != VRS_BGP_UPDATE)
		return 0;
	vrs_bgp_update_decode(&ctx, msg.body.data, msg.body.size, u);
	if (u->verdict.action == VRS_BGP_RESET)
		return bad_message(l);
	if (l->count_only) {
		t->n_routes += u->announced.n + u->mp_reach.n;
		return 0;
	}
	if (l->load->raw)
		return take_raw_message(l, t, &msg, e->as4);
	int rc = put_all(l, t, &u->withdrawn, VRS_ROUTES_NO_SET);
	if (rc == 0)
		rc = put_all(l, t, &u->mp_unreach, VRS_ROUTES_NO_SET);
	if (rc == 0)
		rc = announce(l, t, &u->announced, VRS_BGP_CLASSIC);
	return rc == 0 ? announce(l, t, &u->mp_reach, VRS_BGP_MP) : rc;
}

/* A RIB entry's attributes as they are, in an UPDATE; MP_REACH_NLRI is written out in full. */
static int take_raw_route(struct loading *l, struct vrs_mrt_table *t, const struct vrs_mrt_event *e)
{
	struct vrs_writer w = vrs_writer_init(l->canonical, VRS_BGP_MAX_SIZE);
	struct vrs_reader r = vrs_reader_span(e->attrs);
	struct vrs_bgp_attr a;
	uint32_t set;

	vrs_bgp_message_begin(&w, VRS_BGP_UPDATE);
	vrs_write_u16(&w, 0);
	size_t attrs_at = vrs_writer_size(&w);
	vrs_write_u16(&w, 0);
	if (e->prefix.afi == VRS_AFI_IP6) {
		size_t at = vrs_bgp_attr_open(&w, VRS_BGP_FLAG_OPTIONAL, VRS_BGP_MP_REACH);
		vrs_write_u16(&w, VRS_AFI_IP6);
		vrs_write_u8(&w, VRS_BGP_SAFI_UNICAST);
		vrs_write_u8(&w, (uint8_t)l->update.mp_next_hop.size);
		vrs_write_bytes(&w, l->update.mp_next_hop.data, l->update.mp_next_hop.size);
		vrs_write_u8(&w, 0);
		vrs_prefix_write(&w, &e->prefix);
		vrs_bgp_attr_close(&w, at);
	}
	while (vrs_bgp_attr_next(&r, &a)) {
		if (a.code != VRS_BGP_MP_REACH)
			vrs_write_bytes(&w, a.raw.data, a.raw.size);
	}
	if (vrs_writer_ok(&w))
		vrs_put_u16(w.start + attrs_at, (uint16_t)(vrs_writer_size(&w) - attrs_at - 2));
	if (e->prefix.afi == VRS_AFI_IP4)
		vrs_prefix_write(&w, &e->prefix);
	size_t size = vrs_bgp_message_end(&w);
	if (size == 0) {
		t->n_unusable++;
		return 0;
	}
	t->raw_as4 = e->as4;
	t->raw.n_prefixes++;
	int rc = vrs_routes_intern(&t->routes, NULL, 0, &set);
	if (rc == 0)
		rc = put(l, t, &e->prefix, set);
	return rc == 0 ? vrs_stream_append(&t->raw, w.start, size) : rc;
}

static int take_route(struct loading *l, struct vrs_mrt_table *t, const struct vrs_mrt_event *e)
{
	struct vrs_bgp_decode_ctx ctx = context(e->as4);
	struct vrs_attrs_info info;
	struct vrs_bgp_update *u = &l->update;
	size_t size = 0;
	uint32_t set = VRS_ROUTES_NO_SET;

	if (l->count_only) {
		t->n_routes++;
		return 0;
	}
	vrs_bgp_update_decode_attrs(&ctx, e->attrs.data, e->attrs.size, u);
	if (l->load->raw)
		return take_raw_route(l, t, e);
	enum vrs_bgp_which which = u->mp_next_hop.size > 0 ? VRS_BGP_MP : VRS_BGP_CLASSIC;
	if (u->verdict.action >= VRS_BGP_TREAT_AS_WITHDRAW ||
		vrs_bgp_update_canonical(
			u, which, l->canonical, sizeof(l->canonical), &size, &info) != 0 ||
		info.next_hop.afi == VRS_AFI_NONE) {
		t->n_unusable++;
		return put(l, t, &e->prefix, set);
	}
	int rc = vrs_routes_intern(&t->routes, l->canonical, size, &set);
	return rc == 0 ? put(l, t, &e->prefix, set) : rc;
}

static int take_event(struct loading *l, const struct vrs_mrt_event *e)
{
	int rc = grow_tables(l, e->peer + 1);

	if (rc != 0)
		return rc;
	struct vrs_mrt_table *t = &l->tables[e->peer];
	if (l->only != NULL && !vrs_addr_equal(&t->peer.addr, l->only))
		return 0;
	switch (e->kind) {
	case VRS_MRT_ROUTE:
		return take_route(l, t, e);
	case VRS_MRT_MESSAGE:
		return take_message(l, t, e);
	case VRS_MRT_STATE:
		if (e->old_state == 6 && e->new_state != 6)
			vrs_routes_clear(&t->routes);
		return 0;
	}
	return 0;
}

static int read_file(struct loading *l)
{
	struct vrs_mrt_load *load = l->load;
	struct vrs_mrt_event e;
	int rc = vrs_mrt_open(load->path, &l->mrt), err = 0;

	if (rc != 0)
		return rc;
	load->warning[0] = '\0';
	load->n_bad_messages = 0;
	while (err == 0 && (rc = vrs_mrt_next(l->mrt, &e)) > 0)
		err = take_event(l, &e);
	if (rc < 0)
		(void)snprintf(load->warning, sizeof(load->warning), "%.80s: %s", load->path,
			vrs_mrt_error(l->mrt));
	load->stats = *vrs_mrt_stats(l->mrt);
	load->n_peers = l->n_tables;
	vrs_mrt_close(l->mrt);
	return rc == -ENOMEM ? rc : err;
}

static void free_tables(struct vrs_mrt_table *tables, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		vrs_routes_fini(&tables[i].routes);
		vrs_stream_fini(&tables[i].raw);
	}
	free(tables);
}

/* Keep the tables of peers that said something. */
static void keep(struct loading *l)
{
	struct vrs_mrt_load *load = l->load;

	for (size_t i = 0; i < l->n_tables; i++) {
		struct vrs_mrt_table *t = &l->tables[i];
		if (t->routes.n_live > 0 || t->raw.size > 0) {
			l->tables[load->n_tables++] = *t;
			continue;
		}
		vrs_routes_fini(&t->routes);
		vrs_stream_fini(&t->raw);
	}
	load->tables = l->tables;
	l->tables = NULL;
	l->n_tables = 0;
}

static int busiest(struct loading *l, struct vrs_addr *out)
{
	size_t most = 0;

	l->count_only = true;
	int rc = read_file(l);
	for (size_t i = 0; i < l->n_tables; i++) {
		if (l->tables[i].n_routes > most) {
			most = l->tables[i].n_routes;
			*out = l->tables[i].peer.addr;
		}
	}
	free_tables(l->tables, l->n_tables);
	l->tables = NULL;
	l->n_tables = 0;
	l->count_only = false;
	if (rc != 0)
		return rc;
	return most > 0 ? 0 : -ESRCH;
}

int vrs_mrt_load(struct vrs_mrt_load *load)
{
	struct loading *l = calloc(1, sizeof(*l));
	struct vrs_addr peer = load->peer;
	int rc = 0;

	if (l == NULL)
		return -ENOMEM;
	l->load = load;
	if (!load->all && peer.afi == VRS_AFI_NONE)
		rc = busiest(l, &peer);
	l->only = load->all ? NULL : &peer;
	if (rc == 0)
		rc = read_file(l);
	if (rc == 0) {
		keep(l);
		rc = load->n_tables > 0 ? 0 : -ESRCH;
	}
	free_tables(l->tables, l->n_tables);
	free(l);
	return rc;
}

void vrs_mrt_load_fini(struct vrs_mrt_load *load)
{
	free_tables(load->tables, load->n_tables);
	load->tables = NULL;
	load->n_tables = 0;
}
