/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>

#include "io/bgp/attr.h"
#include "rib/aspath.h"
#include "tools/vrslab/table.h"

enum { SHOWN_LENS = 5, SLASH16S = 65536 };

static const char *const families[] = {"IPv4", "IPv6"}, *const keys[] = {"ipv4", "ipv6"};

/* One set that @p n prefixes have. */
static void add_set(struct vrs_table_stats *s, struct vrs_span set, size_t n)
{
	struct vrs_span path;
	unsigned len = 0;

	if (vrs_bgp_attr_find(set.data, set.size, VRS_BGP_AS_PATH, &path))
		len = vrs_aspath_len(path);
	s->n_sets++;
	s->set_bytes += set.size;
	s->max_set_bytes = VRS_MAX(s->max_set_bytes, set.size);
	s->path_hops += len * n;
	s->max_path_len = VRS_MAX(s->max_path_len, len);
}

int vrs_table_stats_of(
	const struct vrs_routes *routes, enum vrs_afi afi, struct vrs_table_stats *out)
{
	uint32_t *n = calloc(routes->n_sets + 1, sizeof(*n));
	bool *seen = calloc(SLASH16S, sizeof(*seen));

	*out = (struct vrs_table_stats){0};
	if (n == NULL || seen == NULL) {
		free(n);
		free(seen);
		return -ENOMEM;
	}
	for (size_t i = 0; i < routes->n; i++) {
		const struct vrs_route *r = &routes->list[i];
		if (r->set == VRS_ROUTES_NO_SET || r->prefix.afi != afi)
			continue;
		size_t at = (size_t)r->prefix.addr[0] << 8 | r->prefix.addr[1];
		out->n_slash16 += !seen[at] && afi == VRS_AFI_IP4;
		seen[at] = true;
		out->lens[r->prefix.len]++;
		out->n_prefixes++;
		n[r->set]++;
	}
	for (uint32_t i = 0; i < routes->n_sets; i++) {
		if (n[i] > 0)
			add_set(out, vrs_routes_set(routes, i), n[i]);
	}
	free(n);
	free(seen);
	return 0;
}

static double ratio(size_t a, size_t b)
{
	return b > 0 ? (double)a / (double)b : 0;
}

/* ---- Text --------------------------------------------------------------------------------- */

static void print_lens(FILE *to, const struct vrs_table_stats *s)
{
	bool shown[VRS_N_ELEMS(s->lens)] = {0};

	for (int k = 0; k < SHOWN_LENS; k++) {
		size_t best = 0;
		for (size_t i = 1; i < VRS_N_ELEMS(s->lens); i++) {
			if (!shown[i] && (shown[best] || s->lens[i] > s->lens[best]))
				best = i;
		}
		if (shown[best] || s->lens[best] == 0)
			break;
		shown[best] = true;
		(void)fprintf(to, "%s/%zu %.1f %%", k > 0 ? ", " : "      ", best,
			100 * ratio(s->lens[best], s->n_prefixes));
	}
}

static void print_family(FILE *to, const char *name, const struct vrs_table_stats *s)
{
	(void)fprintf(to, "%s: %zu prefixes", name, s->n_prefixes);
	if (s->n_prefixes == 0) {
		(void)fputc('\n', to);
		return;
	}
	(void)fprintf(to,
		", %zu attribute sets, %.2f prefixes per set\n"
		"      a set has %.1f bytes, at most %zu; an AS path %.2f hops, at most %u\n",
		s->n_sets, ratio(s->n_prefixes, s->n_sets), ratio(s->set_bytes, s->n_sets),
		s->max_set_bytes, ratio(s->path_hops, s->n_prefixes), s->max_path_len);
	print_lens(to, s);
	if (s->n_slash16 > 0)
		(void)fprintf(to, "; in %zu /16s", s->n_slash16);
	(void)fputc('\n', to);
}

static void print_written(
	FILE *to, const struct vrs_table_options *o, const struct vrs_table_written *w)
{
	if (o->mrt_out != NULL)
		(void)fprintf(to, "%s: %zu records, %zu entries, %zu refused\n", o->mrt_out,
			w->mrt.n_records, w->mrt.n_entries, w->mrt.n_refused);
	if (o->messages_out != NULL)
		(void)fprintf(to, "%s: %zu messages, %zu bytes, %zu prefixes refused\n",
			o->messages_out, w->n_messages, w->message_bytes, w->n_refused);
}

/* ---- JSON --------------------------------------------------------------------------------- */

static json_t *json_family(const struct vrs_table_stats *s, enum vrs_afi afi)
{
	json_t *lens = json_object();
	json_t *out = json_pack("{s:I, s:I, s:f, s:f, s:I, s:f, s:I}", "prefixes",
		(json_int_t)s->n_prefixes, "attributeSets", (json_int_t)s->n_sets, "prefixesPerSet",
		ratio(s->n_prefixes, s->n_sets), "meanSetBytes", ratio(s->set_bytes, s->n_sets),
		"maxSetBytes", (json_int_t)s->max_set_bytes, "meanPathLength",
		ratio(s->path_hops, s->n_prefixes), "maxPathLength", (json_int_t)s->max_path_len);
	char len[8];

	for (size_t i = 0; i < VRS_N_ELEMS(s->lens); i++) {
		(void)snprintf(len, sizeof(len), "%zu", i);
		if (s->lens[i] > 0)
			(void)json_object_set_new(
				lens, len, json_real(ratio(s->lens[i], s->n_prefixes)));
	}
	(void)json_object_set_new(out, "prefixLengths", lens);
	if (afi == VRS_AFI_IP4)
		(void)json_object_set_new(out, "slash16s", json_integer((json_int_t)s->n_slash16));
	return out;
}

static json_t *json_source(const struct vrs_table_options *o)
{
	/* A seed of 64 bits may be no JSON integer of every reader: text. */
	char seed[24];

	(void)snprintf(seed, sizeof(seed), "%" PRIu64, o->source.seed);
	return o->source.mrt != NULL ? json_pack("{s:s}", "file", o->source.mrt)
				     : json_pack("{s:s}", "seed", seed);
}

static void json_written(
	json_t *to, const struct vrs_table_options *o, const struct vrs_table_written *w)
{
	if (o->mrt_out != NULL)
		(void)json_object_set_new(to, "mrtOut",
			json_pack("{s:s, s:I, s:I, s:I}", "file", o->mrt_out, "records",
				(json_int_t)w->mrt.n_records, "entries",
				(json_int_t)w->mrt.n_entries, "refused",
				(json_int_t)w->mrt.n_refused));
	if (o->messages_out != NULL)
		(void)json_object_set_new(to, "messagesOut",
			json_pack("{s:s, s:I, s:I, s:I}", "file", o->messages_out, "messages",
				(json_int_t)w->n_messages, "bytes", (json_int_t)w->message_bytes,
				"refused", (json_int_t)w->n_refused));
}

/* ---- Both --------------------------------------------------------------------------------- */

/* One peer's line, and its entry of the JSON. */
static json_t *report_peer(FILE *to, const struct vrs_table_options *o,
	const struct vrs_mrt_write_peer *p, const struct vrs_mrt_table *m)
{
	char addr[VRS_ADDR_STRLEN];
	json_t *out = json_pack("{s:s, s:I}", "address", vrs_addr_str(&p->peer.addr, addr), "asn",
		(json_int_t)p->peer.asn);

	if (m != NULL) {
		(void)json_object_update_new(out,
			json_pack("{s:I, s:I, s:I}", "announcements", (json_int_t)m->n_routes,
				"skipped", (json_int_t)m->n_skipped, "unusable",
				(json_int_t)m->n_unusable));
		if (!o->json)
			(void)fprintf(to,
				"%s: peer %s AS %" PRIu32
				": %zu announcements, %zu skipped, %zu unusable\n",
				o->source.mrt, vrs_addr_str(&m->peer.addr, addr), m->peer.asn,
				m->n_routes, m->n_skipped, m->n_unusable);
	} else if (!o->json) {
		(void)fprintf(to, "synthetic, seed %" PRIu64 "\n", o->source.seed);
	}
	for (int i = 0; i < 2; i++) {
		enum vrs_afi afi = i == 0 ? VRS_AFI_IP4 : VRS_AFI_IP6;
		struct vrs_table_stats s;
		if (vrs_table_stats_of(p->routes, afi, &s) != 0) {
			json_decref(out);
			return NULL;
		}
		if (!o->json)
			print_family(to, families[i], &s);
		(void)json_object_set_new(out, keys[i], json_family(&s, afi));
	}
	return out;
}

int vrs_table_report(FILE *to, const struct vrs_table_options *o, const struct vrs_source *s,
	const struct vrs_table_written *w)
{
	json_t *out = json_source(o), *peers = json_array();
	int rc = 0;

	for (size_t i = 0; i < w->mrt.n_peers && rc == 0; i++) {
		json_t *peer = report_peer(
			to, o, &w->mrt.peers[i], o->source.mrt != NULL ? &s->mrt.tables[i] : NULL);
		rc = json_array_append_new(peers, peer) != 0 ? -ENOMEM : 0;
	}
	(void)json_object_set_new(out, "peers", peers);
	json_written(out, o, w);
	if (rc == 0 && o->json) {
		if (json_dumpf(out, to, JSON_COMPACT | JSON_REAL_PRECISION(6)) != 0)
			rc = -EINVAL; /* A file name that is no UTF-8. */
		(void)fputc('\n', to);
	} else if (rc == 0) {
		print_written(to, o, w);
	}
	json_decref(out);
	return rc;
}
