/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

/*
 * Loading a configuration: the arena it lives in, the report, and the two public entries.
 *
 * The arena is a list of zeroed chunks; nothing in it is ever freed or moved alone, so the
 * address of a field identifies it while loading (that is how a rule finds the place of a
 * value) and the whole goes in one walk of the list.
 */

#include "engine/config.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/config_load.h"
#include "engine/schema.h"

#define CHUNK_SIZE ((size_t)64 << 10)

struct chunk {
	struct chunk *next;
	size_t used, size; /* Of bytes[]. */
	VRS_ALIGNED(16) uint8_t bytes[];
};

struct vrs_config_arena {
	struct chunk *chunks; /* The first is the one being filled. */
};

/* A configuration with the arena that holds the rest of it. */
struct holder {
	struct vrs_config config;
	struct vrs_config_arena arena;
};

/* Documentation, man page and tests read this table too. */
static const struct vrs_schema_rule rules[] = {
	{"syntax", true, false,
		"not YAML; an anchor, alias, tag, NUL, control character or second document"},
	{"limit", true, false,
		"over 64 levels, 16 MiB or 1000 findings; more bgpConnections than limits.peers"},
	{"file", true, false, "the file cannot be read"},
	{"password-file", true, false, "a password cannot be read, or is not 1 to 80 bytes"},
	{"unknown-key", true, false, "a key that no object here has"},
	{"wrong-type", true, false, "a value of another type than the key's"},
	{"out-of-range", true, false,
		"a value of the right type that is not allowed, or not beside another"},
	{"missing-key", true, false, "a required key is missing"},
	{"duplicate-key", true, false, "a key twice in one object, or two keys that say the same"},
	{"not-built", true, false, "known, but not built yet"},
	{"subnet-name", true, false,
		"the route server's network has no subnet named exactly RouteServerSubnet"},
	{"subnet-size", true, true, "it is smaller than /27; a warning at /27"},
	{"subnet-dedicated", true, false,
		"something else is in it, or a virtualRouterIp is not, or is one of its first four "
		"or its last address"},
	{"one-route-server", true, false, "a network has two route servers"},
	{"router-ip", true, false,
		"a virtualRouterIp is used twice, of the wrong family, or with DPDK on no port"},
	{"reserved-asn", true, false,
		"an appliance's peerAsn is the server's own, or 0, 8074, 8075, 12076, 23456, "
		"64496-64511, 65515, 65517-65520, 65535-65551 or 4294967295"},
	{"peer-address", true, false,
		"peerIp is outside the network and its connected peers, used twice, a "
		"virtualRouterIp, or of a family that the server lacks"},
	{"ip-forwarding", false, true,
		"peerIp is a network interface whose enableIpForwarding is false"},
	{"nic-address", true, false,
		"an address of a network interface is outside its subnet, or used twice in the "
		"network"},
	{"vnet-overlap", true, false,
		"prefixes of one network or of peered networks overlap; a subnet is outside its "
		"network or overlaps another"},
	{"gateway-transit", true, false,
		"useRemoteGateways without allowGatewayTransit and a route server on the other "
		"side, beside an own route server, or twice"},
	{"peering-one-sided", false, true, "the other network declares no peering back"},
	{"reference", true, false, "a name that is referred to does not exist"},
	{"duplicate-name", true, false,
		"a name (or a port's device) is used twice within its kind"},
	{"duplicate-prefix", true, false, "a route table has two routes for one prefix"},
	{"next-hop", true, false,
		"a nextHopType that is none; a nextHopIpAddress missing, not allowed, or of the "
		"other family"},
};

const struct vrs_schema_rule *vrs_schema_rules(size_t *n)
{
	*n = VRS_N_ELEMS(rules);
	return rules;
}

/* Only for an assertion. */
[[maybe_unused]] static bool is_rule(const struct vrs_cfg_finding *f)
{
	for (size_t i = 0; i < VRS_N_ELEMS(rules); i++)
		if (strcmp(rules[i].code, f->rule) == 0)
			return f->warning ? rules[i].warning : rules[i].error;
	return false;
}

static void *arena_alloc(struct vrs_config_arena *arena, size_t size)
{
	struct chunk *c = arena->chunks;

	size = (size + 15) & ~(size_t)15;
	if (c == NULL || c->size - c->used < size) {
		size_t room = VRS_MAX(size, CHUNK_SIZE);
		c = calloc(1, sizeof(*c) + room);
		if (c == NULL)
			return NULL;
		c->size = room;
		c->next = arena->chunks;
		arena->chunks = c;
	}
	c->used += size;
	return c->bytes + c->used - size;
}

void *vrs_config_alloc(struct vrs_config_load *load, size_t n, size_t size)
{
	size_t total;
	void *p = NULL;

	if (!__builtin_mul_overflow(n, size, &total) && total <= SIZE_MAX / 2)
		p = arena_alloc(load->arena, total);
	if (p == NULL)
		load->err = -ENOMEM;
	return p;
}

const char *vrs_config_strdup(struct vrs_config_load *load, const char *text)
{
	size_t size = strlen(text) + 1;
	char *copy = vrs_config_alloc(load, size, 1);

	return copy != NULL ? memcpy(copy, text, size) : NULL;
}

/* Make room for one more element of an array that doubles. */
static void *grow(void *array, size_t n, size_t *cap, size_t size)
{
	size_t room = *cap > 0 ? *cap * 2 : 16;

	if (n < *cap)
		return array;
	void *p = reallocarray(array, room, size);
	if (p != NULL)
		*cap = room;
	return p;
}

/* A name taken from the file must not be able to forge a line of the report. */
static void blank_controls(char *text)
{
	for (; *text != '\0'; text++) {
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			*text = '?';
	}
}

static bool stands_before(struct vrs_mark a, struct vrs_mark b)
{
	return a.line != b.line ? a.line < b.line : a.column < b.column;
}

/* Insert in file order, after what stands at the same place. */
static void add_finding(struct vrs_config_load *load, const struct vrs_cfg_finding *finding)
{
	struct vrs_cfg_report *r = load->report;
	struct vrs_cfg_finding *list =
		grow(r->findings, r->n_findings, &load->cap_findings, sizeof(*list));

	if (list == NULL) {
		load->err = -ENOMEM;
		return;
	}
	r->findings = list;
	size_t at = r->n_findings;
	while (at > 0 && stands_before(finding->mark, list[at - 1].mark))
		at--;
	memmove(list + at + 1, list + at, (r->n_findings - at) * sizeof(*list));
	list[at] = *finding;
	r->n_findings++;
	r->n_errors += !finding->warning;
}

static void VRS_PRINTF(4, 0) find(struct vrs_config_load *load, struct vrs_cfg_finding *f,
	const char *near, const char *fmt, va_list args)
{
	size_t n_findings = load->report->n_findings;

	assert(is_rule(f));
	if (n_findings > VRS_CONFIG_MAX_FINDINGS)
		return;
	if (n_findings == VRS_CONFIG_MAX_FINDINGS) {
		struct vrs_mark last = load->report->findings[n_findings - 1].mark;
		*f = (struct vrs_cfg_finding){.mark = last, .rule = "limit"};
		(void)snprintf(f->text, sizeof(f->text),
			"more than %u findings; the rest is left out", VRS_CONFIG_MAX_FINDINGS);
		add_finding(load, f);
		return;
	}
	(void)vsnprintf(f->text, sizeof(f->text), fmt, args);
	if (near != NULL) {
		char hint[128];
		int n = snprintf(hint, sizeof(hint), " (did you mean \"%.100s\"?)", near);
		size_t at = VRS_MIN(strlen(f->text), sizeof(f->text) - 1 - (size_t)n);
		memcpy(f->text + at, hint, (size_t)n + 1);
	}
	blank_controls(f->text);
	add_finding(load, f);
}

void vrs_config_error(struct vrs_config_load *load, struct vrs_mark mark, const char *rule,
	const char *near, const char *fmt, ...)
{
	struct vrs_cfg_finding f = {.mark = mark, .rule = rule};
	va_list args;

	va_start(args, fmt);
	find(load, &f, near, fmt, args);
	va_end(args);
}

void vrs_config_warn(struct vrs_config_load *load, struct vrs_mark mark, const char *rule,
	const char *near, const char *fmt, ...)
{
	struct vrs_cfg_finding f = {.warning = true, .mark = mark, .rule = rule};
	va_list args;

	va_start(args, fmt);
	find(load, &f, near, fmt, args);
	va_end(args);
}

void vrs_config_place_add(
	struct vrs_config_load *load, const void *field, struct vrs_mark mark, bool refused)
{
	struct vrs_config_place *places =
		grow(load->places, load->n_places, &load->cap_places, sizeof(*places));

	if (places == NULL) {
		load->err = -ENOMEM;
		return;
	}
	load->places = places;
	places[load->n_places++] = (struct vrs_config_place){field, mark, refused};
}

static int place_cmp(const void *a, const void *b)
{
	uintptr_t x = (uintptr_t)((const struct vrs_config_place *)a)->field;
	uintptr_t y = (uintptr_t)((const struct vrs_config_place *)b)->field;

	return (x > y) - (x < y);
}

void vrs_config_places_sort(struct vrs_config_load *load)
{
	if (load->n_places > 0)
		qsort(load->places, load->n_places, sizeof(*load->places), place_cmp);
}

static const struct vrs_config_place *place_find(
	const struct vrs_config_load *load, const void *field)
{
	struct vrs_config_place key = {.field = field};

	if (load->n_places == 0)
		return NULL;
	return bsearch(&key, load->places, load->n_places, sizeof(key), place_cmp);
}

bool vrs_config_given(const struct vrs_config_load *load, const void *field)
{
	return place_find(load, field) != NULL;
}

bool vrs_config_valid(const struct vrs_config_load *load, const void *field)
{
	const struct vrs_config_place *p = place_find(load, field);

	return p != NULL && !p->refused;
}

struct vrs_mark vrs_config_mark(
	const struct vrs_config_load *load, const void *field, struct vrs_mark otherwise)
{
	const struct vrs_config_place *p = place_find(load, field);

	return p != NULL ? p->mark : otherwise;
}

int vrs_config_parse(const char *file, const char *base_dir, const char *text, size_t size,
	struct vrs_cfg_report *report, struct vrs_config **out)
{
	*report = (struct vrs_cfg_report){.file = file};
	struct holder *h = calloc(1, sizeof(*h));
	if (h == NULL)
		return -ENOMEM;

	struct vrs_config_load load = {
		.report = report, .config = &h->config, .arena = &h->arena, .base_dir = base_dir};
	if (size > VRS_CONFIG_MAX_SIZE)
		vrs_config_error(&load, (struct vrs_mark){1, 1}, "limit", NULL,
			"the file is larger than 16 MiB");
	else if (vrs_config_decode(&load, text, size))
		vrs_config_rules(&load);
	free(load.places);

	int rc = load.err != 0 ? load.err : report->n_errors > 0 ? -EINVAL : 0;
	if (rc == 0)
		*out = &h->config;
	else
		vrs_config_free(&h->config);
	return rc;
}

/* Read all of @p fd, up to one byte more than is allowed: it may be a pipe. */
static int read_all(int fd, char **text, size_t *size)
{
	char *buf = NULL;
	size_t used = 0, cap = 0;

	for (;;) {
		if (used == cap) {
			cap = cap > 0 ? cap * 2 : (size_t)64 << 10;
			char *p = realloc(buf, cap);
			if (p == NULL) {
				free(buf);
				return -ENOMEM;
			}
			buf = p;
		}
		ssize_t n = read(fd, buf + used, cap - used);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			int err = errno;
			free(buf);
			return -err;
		}
		used += (size_t)n;
		if (n == 0 || used > VRS_CONFIG_MAX_SIZE)
			break;
	}
	*text = buf;
	*size = used;
	return 0;
}

static void report_unreadable(struct vrs_cfg_report *report, int err)
{
	struct vrs_config_load load = {.report = report};

	vrs_config_error(&load, (struct vrs_mark){1, 1}, "file", NULL, "%s", strerrordesc_np(-err));
}

int vrs_config_load(const char *path, struct vrs_cfg_report *report, struct vrs_config **out)
{
	char *text = NULL;
	size_t size = 0;

	*report = (struct vrs_cfg_report){.file = path};
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	int rc = fd < 0 ? -errno : read_all(fd, &text, &size);
	if (fd >= 0)
		(void)close(fd);
	if (rc != 0) {
		report_unreadable(report, rc);
		return rc;
	}

	/* Relative files of the configuration start from its own directory. */
	const char *slash = strrchr(path, '/');
	char *dir = slash != NULL ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
	rc = dir != NULL ? vrs_config_parse(path, dir, text, size, report, out) : -ENOMEM;
	free(dir);
	free(text);
	return rc;
}

void vrs_config_free(struct vrs_config *config)
{
	if (config == NULL)
		return;
	struct holder *h = VRS_CONTAINER_OF(config, struct holder, config);
	for (struct chunk *c = h->arena.chunks, *next; c != NULL; c = next) {
		next = c->next;
		free(c);
	}
	free(h);
}

void vrs_cfg_report_print(const struct vrs_cfg_report *report, FILE *to)
{
	for (size_t i = 0; i < report->n_findings; i++) {
		const struct vrs_cfg_finding *f = &report->findings[i];
		(void)fprintf(to, "%s:%" PRIu32 ":%" PRIu32 ": %s: %s: %s\n", report->file,
			f->mark.line, f->mark.column, f->warning ? "warning" : "error", f->rule,
			f->text);
	}
}

void vrs_cfg_report_fini(struct vrs_cfg_report *report)
{
	free(report->findings);
	*report = (struct vrs_cfg_report){0};
}
