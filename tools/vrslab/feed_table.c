/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

/*
 * What a feed announces. Tables are encoded before the first connection, for the session that
 * is nearly always agreed on (4-byte AS numbers, external); another kind of session gets its
 * own encoding when it comes up.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "io/bgp/encode.h"
#include "tools/vrslab/args.h"
#include "tools/vrslab/feed.h"

static int complain(const char *what, int err)
{
	(void)fprintf(stderr, "vrslab feed: %s: %s\n", what, strerrordesc_np(-err));
	return err;
}

static struct vrs_addr next_hop_of(
	const struct vrs_feed_nva *nva, const struct vrs_feed_options *o, enum vrs_afi afi)
{
	const struct vrs_addr *given = afi == VRS_AFI_IP4 ? &o->next_hop4 : &o->next_hop6;

	return given->afi != VRS_AFI_NONE ? *given : nva->local;
}

static int encode(struct vrs_feed_nva *nva, const struct vrs_feed_options *o, bool as4, bool ibgp)
{
	struct vrs_feed_encoding *e = &nva->encodings[as4][ibgp];
	int rc = 0;

	for (int i = 0; i < 2 && rc == 0; i++) {
		enum vrs_afi afi = i == 0 ? VRS_AFI_IP4 : VRS_AFI_IP6;
		struct vrs_stream_policy policy = {.asn = o->asn,
			.prepend = o->prepend,
			.as4 = as4,
			.ibgp = ibgp,
			.next_hop = next_hop_of(nva, o, afi)};
		if (nva->raw == NULL)
			rc = vrs_stream_announce(&e->announce[i], nva->routes, afi, &policy);
		if (rc == 0)
			rc = vrs_stream_withdraw(&e->withdraw[i], nva->routes, afi);
		if (rc == 0 && e->announce[i].n_refused > 0)
			(void)fprintf(stderr,
				"vrslab feed: %zu prefixes have more attributes than a message can "
				"hold\n",
				e->announce[i].n_refused);
	}
	e->ready = rc == 0;
	return rc;
}

const struct vrs_feed_encoding *vrs_feed_encoding(
	struct vrs_feed_nva *nva, const struct vrs_feed_options *o, bool as4, bool ibgp)
{
	struct vrs_feed_encoding *e = &nva->encodings[as4][ibgp];

	if (!e->ready) {
		int rc = encode(nva, o, as4, ibgp);
		if (rc != 0) {
			(void)complain("cannot encode the table", rc);
			return NULL;
		}
	}
	return e;
}

/* ---- Tables ------------------------------------------------------------------------------- */

/* Address i of the NVAs: those given, then those that follow the last. */
static struct vrs_addr local_of(const struct vrs_feed_options *o, size_t i)
{
	if (i < o->n_locals)
		return o->locals[i];
	return vrs_arg_addr_after(&o->locals[o->n_locals - 1], i - (o->n_locals - 1));
}

static void count_families(struct vrs_feed_nva *nva)
{
	for (size_t i = 0; i < nva->routes->n; i++) {
		const struct vrs_route *r = &nva->routes->list[i];
		if (r->set != VRS_ROUTES_NO_SET)
			nva->n[r->prefix.afi == VRS_AFI_IP6]++;
	}
}

/* An End-of-RIB of each family, but for those that the file brings itself. */
static int append_eors(struct vrs_mrt_table *m)
{
	uint8_t eor[32] = {0};
	int rc = 0;

	for (int i = 0; i < 2 && rc == 0; i++) {
		enum vrs_afi afi = i == 0 ? VRS_AFI_IP4 : VRS_AFI_IP6;
		if (!m->raw_eor[i])
			rc = vrs_stream_append(
				&m->raw, eor, vrs_bgp_eor_encode(afi, eor, sizeof(eor)));
	}
	return rc;
}

static int make_nvas(struct vrs_feed_tables *t, const struct vrs_feed_options *o)
{
	size_t n = o->source.mrt_all ? t->source.mrt.n_tables : o->n_locals;

	t->nvas = calloc(n, sizeof(*t->nvas));
	if (t->nvas == NULL)
		return -ENOMEM;
	for (; t->n_nvas < n; t->n_nvas++) {
		struct vrs_feed_nva *nva = &t->nvas[t->n_nvas];
		struct vrs_mrt_table *m = NULL;
		if (o->source.mrt != NULL)
			m = &t->source.mrt.tables[o->source.mrt_all ? t->n_nvas : 0];
		nva->local = local_of(o, t->n_nvas);
		nva->routes = m != NULL ? &m->routes : &t->source.synth;
		nva->raw = m != NULL && o->source.raw ? &m->raw : NULL;
		nva->raw_as4 = m != NULL && m->raw_as4;
		if (nva->raw != NULL && append_eors(m) != 0)
			return -ENOMEM;
		count_families(nva);
		if (nva->n[1] > 0 && nva->raw == NULL &&
			next_hop_of(nva, o, VRS_AFI_IP6).afi != VRS_AFI_IP6) {
			(void)fprintf(stderr,
				"vrslab feed: the file has IPv6 routes; over an IPv4 session "
				"they need an IPv6 --next-hop\n");
			return -EINVAL;
		}
	}
	return 0;
}

static void tell_mrt(const struct vrs_feed_tables *t, const struct vrs_feed_options *o)
{
	char addr[VRS_ADDR_STRLEN], local[VRS_ADDR_STRLEN];
	const struct vrs_mrt_load *m = &t->source.mrt;

	for (size_t i = 0; i < m->n_tables; i++) {
		const struct vrs_mrt_table *p = &m->tables[i];
		(void)fprintf(stderr, "%s: peer %s AS %u of %zu", o->source.mrt,
			vrs_addr_str(&p->peer.addr, addr), p->peer.asn, m->n_peers);
		if (o->source.mrt_all)
			(void)fprintf(stderr, " as %s", vrs_addr_str(&t->nvas[i].local, local));
		(void)fprintf(stderr,
			": %zu prefixes; %zu announcements, %zu skipped, %zu unusable\n",
			p->routes.n_live, p->n_routes, p->n_skipped, p->n_unusable);
	}
}

int vrs_feed_tables_make(struct vrs_feed_tables *t, const struct vrs_feed_options *o)
{
	*t = (struct vrs_feed_tables){0};
	int rc = vrs_source_load(&t->source, &o->source);

	if (rc != 0)
		return rc;
	rc = make_nvas(t, o);
	if (rc == 0 && o->source.mrt != NULL)
		tell_mrt(t, o);
	for (size_t i = 0; i < t->n_nvas && rc == 0; i++) {
		if (vrs_feed_encoding(&t->nvas[i], o, true, false) == NULL)
			rc = -EINVAL;
	}
	if (rc != 0)
		vrs_feed_tables_fini(t);
	return rc;
}

void vrs_feed_tables_fini(struct vrs_feed_tables *t)
{
	for (size_t i = 0; i < t->n_nvas; i++) {
		for (int j = 0; j < 4; j++) {
			struct vrs_feed_encoding *e = &t->nvas[i].encodings[j / 2][j % 2];
			for (int k = 0; k < 2; k++) {
				vrs_stream_fini(&e->announce[k]);
				vrs_stream_fini(&e->withdraw[k]);
			}
		}
	}
	free(t->nvas);
	vrs_source_fini(&t->source);
	*t = (struct vrs_feed_tables){0};
}
