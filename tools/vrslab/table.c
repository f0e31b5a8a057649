/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

/*
 * The files are written first, then it is said what the table is like: who reads that can rely on
 * the files.
 */

#include "tools/vrslab/table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tools/vrslab/args.h"

/* ---- Peers -------------------------------------------------------------------------------- */

static size_t count_ip4(const struct vrs_routes *r)
{
	size_t n = 0;

	for (size_t i = 0; i < r->n; i++)
		n += r->list[i].prefix.afi == VRS_AFI_IP4 && r->list[i].set != VRS_ROUTES_NO_SET;
	return n;
}

/* Next hop of NVA @p i: they follow the first one. */
static struct vrs_addr nva_addr(const struct vrs_table_options *o, bool ip6, size_t i)
{
	static const struct vrs_addr ip4_default = {.bytes = {10, 0, 1, 4}, .afi = VRS_AFI_IP4},
				     ip6_default = {.bytes = {0xfd, [15] = 4}, .afi = VRS_AFI_IP6};
	struct vrs_addr a = ip6 ? o->next_hop6 : o->next_hop4;

	if (a.afi == VRS_AFI_NONE)
		a = ip6 ? ip6_default : ip4_default;
	return vrs_arg_addr_after(&a, i);
}

size_t vrs_table_peers(const struct vrs_table_options *o, const struct vrs_source *s,
	struct vrs_mrt_write_peer *out)
{
	size_t n = o->source.mrt != NULL ? s->mrt.n_tables : 1;

	for (size_t i = 0; i < n; i++) {
		struct vrs_mrt_write_peer *p = &out[i];
		*p = (struct vrs_mrt_write_peer){.routes = &s->synth};
		if (o->source.mrt != NULL) {
			p->routes = &s->mrt.tables[i].routes;
			p->peer = s->mrt.tables[i].peer;
		}
		for (int ip6 = 0; ip6 < 2; ip6++)
			p->policy[ip6] = (struct vrs_stream_policy){.asn = o->asn,
				.prepend = o->prepend,
				.as4 = true,
				.next_hop = o->asn != 0 ? nva_addr(o, ip6, i)
					: ip6           ? o->next_hop6
							: o->next_hop4};
		if (o->asn != 0)
			p->peer = (struct vrs_mrt_peer){
				nva_addr(o, count_ip4(p->routes) == 0, i), o->asn};
	}
	return n;
}

/* ---- Files -------------------------------------------------------------------------------- */

static int complain(const char *file, int err)
{
	(void)fprintf(stderr, "vrslab table: %s: %s\n", file, strerrordesc_np(-err));
	return err;
}

static int write_mrt(const struct vrs_table_options *o, struct vrs_table_written *w)
{
	struct vrs_outfile *out;
	int rc = vrs_outfile_open(o->mrt_out, &out);

	if (rc != 0)
		return complain(o->mrt_out, rc);
	rc = vrs_mrt_write(&w->mrt, out);
	if (rc == 0)
		rc = vrs_outfile_finish(out);
	else
		vrs_outfile_discard(out);
	return rc == 0 ? 0 : complain(o->mrt_out, rc);
}

static int write_messages(const struct vrs_table_options *o, struct vrs_table_written *w)
{
	const struct vrs_mrt_write_peer *p = &w->mrt.peers[0];
	struct vrs_stream s = {0};
	struct vrs_outfile *out;
	int rc = vrs_outfile_open(o->messages_out, &out);

	if (rc != 0)
		return complain(o->messages_out, rc);
	for (int i = 0; i < 2 && rc == 0; i++)
		rc = vrs_stream_announce(
			&s, p->routes, i == 0 ? VRS_AFI_IP4 : VRS_AFI_IP6, &p->policy[i]);
	if (rc == 0) {
		vrs_outfile_write(out, s.bytes, s.size);
		rc = vrs_outfile_finish(out);
	} else {
		vrs_outfile_discard(out);
	}
	w->n_messages = s.n_messages;
	w->message_bytes = s.size;
	w->n_refused = s.n_refused;
	vrs_stream_fini(&s);
	return rc == 0 ? 0 : complain(o->messages_out, rc);
}

static bool is_stdout(const char *file)
{
	return file != NULL && strcmp(file, "-") == 0;
}

static int write_and_report(const struct vrs_table_options *o, const struct vrs_source *s)
{
	size_t n = o->source.mrt != NULL ? s->mrt.n_tables : 1;
	struct vrs_mrt_write_peer *peers = calloc(n, sizeof(*peers));
	struct vrs_table_written w = {.mrt = {.peers = peers, .time = o->time}};
	FILE *to = is_stdout(o->mrt_out) || is_stdout(o->messages_out) ? stderr : stdout;
	int rc = 0;

	if (peers == NULL)
		return complain("peers", -ENOMEM);
	w.mrt.n_peers = vrs_table_peers(o, s, peers);
	if (o->mrt_out != NULL)
		rc = write_mrt(o, &w);
	if (rc == 0 && o->messages_out != NULL)
		rc = write_messages(o, &w);
	if (rc == 0) {
		rc = vrs_table_report(to, o, s, &w);
		if (rc == 0 && fflush(to) != 0)
			rc = -errno;
		if (rc != 0)
			(void)complain("what it is like", rc);
	}
	free(peers);
	return rc;
}

int vrs_table_main(int argc, char **argv)
{
	struct vrs_table_options o;
	struct vrs_source source;
	int rc = vrs_table_options_parse(&o, argc, argv);

	if (rc != 0)
		return rc == 1 ? 0 : rc;
	if (vrs_source_load(&source, &o.source) != 0)
		return 1;
	rc = write_and_report(&o, &source);
	vrs_source_fini(&source);
	return rc == 0 ? 0 : 1;
}
