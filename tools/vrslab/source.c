/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#include "tools/vrslab/source.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "tools/vrslab/args.h"
#include "tools/vrslab/synth.h"

static int take_number(
	struct vrs_source_options *o, const char *name, const char *value, uint32_t *to)
{
	char what[64];
	uint64_t v;

	if (vrs_arg_u64(value, VRS_SYNTH_MAX, &v) != 0) {
		(void)snprintf(
			what, sizeof(what), "must be a number up to %" PRIu32, VRS_SYNTH_MAX);
		return vrs_arg_mistake(o->who, name, value, what);
	}
	*to = (uint32_t)v;
	return 0;
}

int vrs_source_take(struct vrs_source_options *o, int c, const char *name, const char *value)
{
	switch (c) {
	case VRS_SOURCE_PREFIXES:
		return take_number(o, name, value, &o->n_ip4);
	case VRS_SOURCE_IPV6:
		return take_number(o, name, value, &o->n_ip6);
	case VRS_SOURCE_SEED:
		if (vrs_arg_u64(value, UINT64_MAX, &o->seed) != 0)
			return vrs_arg_mistake(o->who, name, value, "is no number of 64 bits");
		return 0;
	case VRS_SOURCE_MRT:
		o->mrt = value;
		return 0;
	case VRS_SOURCE_MRT_PEER:
		o->mrt_all = strcmp(value, "all") == 0;
		if (!o->mrt_all && vrs_addr_parse(&o->mrt_peer, value) != 0)
			return vrs_arg_mistake(
				o->who, name, value, "is neither an address nor all");
		return 0;
	case VRS_SOURCE_SKIP:
		if (o->n_skips == VRS_SOURCE_MAX_SKIPS ||
			vrs_prefix_parse(&o->skips[o->n_skips], value) != 0)
			return vrs_arg_mistake(
				o->who, name, value, "is no prefix, or one too many");
		o->n_skips++;
		return 0;
	default:
		o->strict = true;
		return 0;
	}
}

const char *vrs_source_check(struct vrs_source_options *o)
{
	if (o->mrt != NULL && o->n_ip4 + o->n_ip6 > 0)
		return "--mrt takes the place of --prefixes and --ipv6";
	if (o->mrt == NULL && (o->raw || o->mrt_all || o->mrt_peer.afi != VRS_AFI_NONE))
		return "--raw and --mrt-peer go with --mrt";
	if (o->mrt == NULL && (o->strict || o->n_skips > 0))
		return "--strict and --skip go with --mrt";
	if (o->n_skips == 0) {
		o->skips[0] = (struct vrs_prefix){.addr = {10}, .len = 8, .afi = VRS_AFI_IP4};
		o->n_skips = 1;
	}
	return NULL;
}

/* @return Whether there is damage; told. */
static bool tell_damage(const struct vrs_mrt_load *m, const struct vrs_source_options *o)
{
	const char *kind = o->strict ? "refused" : "warning";

	if (m->warning[0] != '\0')
		(void)fprintf(stderr, "%s: %s: %s%s\n", o->who, kind, m->warning,
			o->strict ? "" : "; what came before it is used");
	if (m->stats.n_malformed > 0)
		(void)fprintf(stderr,
			"%s: %s: %s: %zu malformed records, the first at offset %" PRIu64 ": %s\n",
			o->who, kind, o->mrt, m->stats.n_malformed, m->stats.bad_offset,
			m->stats.bad_reason);
	if (m->n_bad_messages > 0)
		(void)fprintf(stderr,
			"%s: %s: %s: %zu messages cannot be used, the first at offset %" PRIu64
			"\n",
			o->who, kind, o->mrt, m->n_bad_messages, m->bad_message_offset);
	return m->warning[0] != '\0' || m->stats.n_malformed > 0 || m->n_bad_messages > 0;
}

static int load_mrt(struct vrs_mrt_load *m, const struct vrs_source_options *o)
{
	*m = (struct vrs_mrt_load){.path = o->mrt,
		.skip = o->skips,
		.n_skip = o->n_skips,
		.raw = o->raw,
		.all = o->mrt_all,
		.peer = o->mrt_peer};
	int rc = vrs_mrt_load(m);

	if (rc != 0 && rc != -ESRCH) {
		(void)fprintf(stderr, "%s: %s: %s\n", o->who, o->mrt, strerrordesc_np(-rc));
		return rc;
	}
	bool damaged = tell_damage(m, o);
	if (rc == -ESRCH)
		(void)fprintf(stderr, "%s: %s: no such peer, or no route\n", o->who, o->mrt);
	return rc == 0 && damaged && o->strict ? -EBADMSG : rc;
}

int vrs_source_load(struct vrs_source *s, const struct vrs_source_options *o)
{
	struct vrs_synth synth = {.n_ip4 = o->n_ip4, .n_ip6 = o->n_ip6, .seed = o->seed};
	int rc;

	*s = (struct vrs_source){0};
	if (o->mrt != NULL) {
		rc = load_mrt(&s->mrt, o);
	} else {
		rc = vrs_synth_make(&synth, &s->synth);
		if (rc != 0)
			(void)fprintf(stderr, "%s: cannot make the table: %s\n", o->who,
				strerrordesc_np(-rc));
	}
	if (rc != 0)
		vrs_source_fini(s);
	return rc;
}

void vrs_source_fini(struct vrs_source *s)
{
	vrs_routes_fini(&s->synth);
	vrs_mrt_load_fini(&s->mrt);
}
