/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

/*
 * Real captures against Debian's bgpdump, reduced to the last state per (peer, prefix): the
 * same prefixes, AS paths, origins and communities.
 *
 * The captures are not in the repository: VRS_DATA_DIR, or ../shared/data beside it. Without
 * them, or without bgpdump, the test is skipped (exit status 77).
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/bgp/attr.h"
#include "rib/aspath.h"
#include "rib/base/hash.h"
#include "tests/test.h"
#include "tools/vrslab/mrt_load.h"

static const char *const files[] = {
	"bview.20020722.2337.gz", "updates.20260222.1530.bz2", "updates.et-header.2015.gz"};

static char dir[4096];

/* What bgpdump says: per peer a table whose "attributes" are "path|origin|communities". */
struct oracle {
	struct vrs_mrt_peer peers[256];
	struct vrs_routes tables[256];
	size_t n;
};

static struct vrs_routes *oracle_table(struct oracle *o, const char *addr)
{
	struct vrs_addr a;

	assert_int_equal(vrs_addr_parse(&a, addr), 0);
	for (size_t i = 0; i < o->n; i++) {
		if (vrs_addr_equal(&o->peers[i].addr, &a))
			return &o->tables[i];
	}
	assert_true(o->n < VRS_N_ELEMS(o->peers));
	o->peers[o->n].addr = a;
	return &o->tables[o->n++];
}

/* TABLE_DUMP|time|B|peer|asn|prefix|path|origin|next hop|local pref|med|communities|... */
static void oracle_line(struct oracle *o, char *line)
{
	char *field[16] = {0}, text[8192];
	struct vrs_prefix p;
	uint32_t set = VRS_ROUTES_NO_SET;
	size_t n = 0;

	line[strcspn(line, "\n")] = '\0';
	while (n < VRS_N_ELEMS(field) && line != NULL)
		field[n++] = strsep(&line, "|");
	if (n < 6 || strcmp(field[2], "STATE") == 0)
		return;
	assert_int_equal(vrs_prefix_parse(&p, field[5]), 0);
	struct vrs_routes *t = oracle_table(o, field[3]);
	if (field[2][0] != 'W') {
		assert_true(n >= 12);
		/* An AS 0 in the path: RFC 7607 treats the route as withdrawn. */
		(void)snprintf(text, sizeof(text), " %s ", field[6]);
		if (strstr(text, " 0 ") == NULL) {
			int size = snprintf(
				text, sizeof(text), "%s|%s|%s", field[6], field[7], field[11]);
			assert_in_range(size, 1, sizeof(text) - 1);
			assert_int_equal(
				vrs_routes_intern(t, (const uint8_t *)text, (size_t)size, &set), 0);
		}
	}
	assert_int_equal(vrs_routes_put(t, &p, set), 0);
}

static void oracle_read(struct oracle *o, const char *file)
{
	static char command[8192], line[65536];

	(void)snprintf(command, sizeof(command), "bgpdump -m '%s/%s' 2>/dev/null", dir, file);
	FILE *f = popen(command, "r");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f) != NULL)
		oracle_line(o, line);
	assert_int_equal(pclose(f), 0);
}

/* bgpdump writes AS sets as {1,2} and names three communities. */
static void path_text(struct vrs_span value, char *out, size_t size)
{
	bool in_set = false;

	(void)vrs_aspath_str(value, " ", out, size);
	for (; *out != '\0'; out++) {
		if (*out == '{' || *out == '}')
			in_set = *out == '{';
		else if (*out == ' ' && in_set)
			*out = ',';
	}
}

static size_t communities_text(struct vrs_span value, char *out, size_t size)
{
	struct vrs_reader r = vrs_reader_span(value);
	size_t used = 0;

	out[0] = '\0';
	while (vrs_reader_left(&r) > 0 && used < size) {
		uint32_t c = vrs_read_u32(&r);
		const char *name = c == 0xffffff01 ? "no-export"
			: c == 0xffffff02          ? "no-advertise"
			: c == 0xffffff03          ? "local-AS"
						   : NULL;
		const char *space = used > 0 ? " " : "";
		used += (size_t)(name != NULL
				? snprintf(out + used, size - used, "%s%s", space, name)
				: snprintf(out + used, size - used, "%s%u:%u", space, c >> 16,
					  c & 0xffff));
	}
	return used;
}

static size_t set_text(const struct vrs_routes *r, uint32_t set, char *out, size_t size)
{
	static const char *const origins[] = {"IGP", "EGP", "INCOMPLETE"};
	static char path[8192], communities[8192];
	struct vrs_span s = vrs_routes_set(r, set), value = {0};
	uint8_t origin = 0;

	if (vrs_bgp_attr_find(s.data, s.size, VRS_BGP_ORIGIN, &value))
		origin = value.data[0];
	path[0] = communities[0] = '\0';
	if (vrs_bgp_attr_find(s.data, s.size, VRS_BGP_AS_PATH, &value))
		path_text(value, path, sizeof(path));
	if (vrs_bgp_attr_find(s.data, s.size, VRS_BGP_COMMUNITIES, &value))
		(void)communities_text(value, communities, sizeof(communities));
	assert_true(origin < 3);
	return (size_t)snprintf(out, size, "%s|%s|%s", path, origins[origin], communities);
}

static int route_cmp(const void *a, const void *b)
{
	return vrs_prefix_cmp(
		&((const struct vrs_route *)a)->prefix, &((const struct vrs_route *)b)->prefix);
}

/* Live routes first, by prefix. */
static void sort_live(struct vrs_routes *r)
{
	size_t n = 0;

	for (size_t i = 0; i < r->n; i++) {
		if (r->list[i].set != VRS_ROUTES_NO_SET)
			r->list[n++] = r->list[i];
	}
	assert_int_equal(n, r->n_live);
	r->n = n;
	qsort(r->list, n, sizeof(*r->list), route_cmp);
}

static void assert_same(struct vrs_routes *ours, struct vrs_routes *theirs)
{
	static char text[20000];

	sort_live(ours);
	sort_live(theirs);
	assert_int_equal(ours->n, theirs->n);
	for (size_t i = 0; i < ours->n; i++) {
		assert_true(vrs_prefix_equal(&ours->list[i].prefix, &theirs->list[i].prefix));
		size_t size = set_text(ours, ours->list[i].set, text, sizeof(text));
		struct vrs_span want = vrs_routes_set(theirs, theirs->list[i].set);
		if (size != want.size || memcmp(text, want.data, size) != 0)
			fail_msg("%s, where bgpdump says %.*s", text, (int)want.size,
				(const char *)want.data);
	}
}

static void compare(const char *file)
{
	char path[8192];
	struct oracle *o = calloc(1, sizeof(*o));
	struct vrs_mrt_load load = {.path = path, .all = true};
	size_t n = 0;

	(void)snprintf(path, sizeof(path), "%s/%s", dir, file);
	assert_non_null(o);
	oracle_read(o, file);
	assert_int_equal(vrs_mrt_load(&load), 0);
	assert_string_equal(load.warning, "");
	assert_int_equal(load.stats.n_malformed + load.n_bad_messages, 0);
	for (size_t i = 0; i < load.n_tables; i++) {
		struct vrs_mrt_table *t = &load.tables[i];
		char addr[VRS_ADDR_STRLEN];
		n += t->routes.n_live;
		assert_same(&t->routes, oracle_table(o, vrs_addr_str(&t->peer.addr, addr)));
	}
	size_t n_theirs = 0;
	for (size_t i = 0; i < o->n; i++) {
		n_theirs += o->tables[i].n_live;
		vrs_routes_fini(&o->tables[i]);
	}
	assert_int_equal(n, n_theirs);
	print_message("%s: %zu routes of %zu peers\n", file, n, load.n_tables);
	vrs_mrt_load_fini(&load);
	free(o);
}

static void a_table_dump_of_2002_is_what_bgpdump_says(void **)
{
	compare(files[0]);
}

static void updates_of_2026_are_what_bgpdump_says(void **)
{
	compare(files[1]);
}

static void a_table_transfer_of_2015_is_what_bgpdump_says(void **)
{
	compare(files[2]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_table_dump_of_2002_is_what_bgpdump_says),
		cmocka_unit_test(updates_of_2026_are_what_bgpdump_says),
		cmocka_unit_test(a_table_transfer_of_2015_is_what_bgpdump_says),
	};
	/* One thread: NOLINTNEXTLINE(concurrency-mt-unsafe) */
	const char *from = getenv("VRS_DATA_DIR");

	(void)snprintf(
		dir, sizeof(dir), "%s", from != NULL ? from : VRS_SOURCE_DIR "/../shared/data");
	for (size_t i = 0; i < VRS_N_ELEMS(files); i++) {
		char path[8192];
		(void)snprintf(path, sizeof(path), "%s/%s", dir, files[i]);
		if (access(path, R_OK) != 0) {
			(void)printf("SKIP: %s is not there (set VRS_DATA_DIR)\n", path);
			return 77;
		}
	}
	/* One thread: NOLINTNEXTLINE(concurrency-mt-unsafe) */
	if (system("command -v bgpdump >/dev/null") != 0) {
		(void)printf("SKIP: bgpdump is not installed (Debian: bgpdump)\n");
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
