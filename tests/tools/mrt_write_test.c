/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

/*
 * Files that are written, read back with our own reader: every route and every attribute. What
 * bgpdump reads in them is e2e/vrslab_table_test.py's.
 */

#include "tools/vrslab/mrt_write.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/bgp/attr.h"
#include "rib/aspath.h"
#include "tests/test.h"
#include "tools/vrslab/mrt_load.h"
#include "tools/vrslab/synth.h"

static char dir[] = "/tmp/vrs-mrt-write-XXXXXX";

static int make_dir(void **)
{
	return mkdtemp(dir) != NULL ? 0 : -1;
}

static int remove_dir(void **)
{
	return rmdir(dir);
}

/* Its name in one of a few buffers. */
static const char *file(const char *name)
{
	static char paths[8][128];
	static unsigned next;
	char *p = paths[next++ % 8];

	(void)snprintf(p, sizeof(paths[0]), "%s/%s", dir, name);
	return p;
}

struct bytes {
	uint8_t *data;
	size_t size;
};

static struct bytes slurp(const char *path)
{
	struct bytes b = {0};
	struct stat st;
	FILE *f = fopen(path, "r");

	assert_non_null(f);
	assert_int_equal(fstat(fileno(f), &st), 0);
	b.size = (size_t)st.st_size;
	b.data = malloc(b.size + 1);
	assert_non_null(b.data);
	assert_int_equal(fread(b.data, 1, b.size, f), b.size);
	(void)fclose(f);
	return b;
}

static bool same_bytes(const char *a, const char *b)
{
	struct bytes x = slurp(a), y = slurp(b);
	bool same = x.size == y.size && memcmp(x.data, y.data, x.size) == 0;

	free(x.data);
	free(y.data);
	return same;
}

static struct vrs_addr addr(const char *text)
{
	struct vrs_addr a;

	assert_int_equal(vrs_addr_parse(&a, text), 0);
	return a;
}

static struct vrs_prefix prefix(const char *text)
{
	struct vrs_prefix p;

	assert_int_equal(vrs_prefix_parse(&p, text), 0);
	return p;
}

/* An NVA that announces @p routes. */
static struct vrs_mrt_write_peer nva(
	const struct vrs_routes *routes, const char *ip4, const char *ip6, uint32_t asn)
{
	struct vrs_mrt_write_peer p = {.peer = {addr(ip4), asn}, .routes = routes};

	for (int i = 0; i < 2; i++)
		p.policy[i] = (struct vrs_stream_policy){
			.asn = asn, .as4 = true, .next_hop = addr(i == 0 ? ip4 : ip6)};
	return p;
}

static struct vrs_mrt_write write_file(
	const char *path, const struct vrs_mrt_write_peer *peers, size_t n, uint32_t time)
{
	struct vrs_mrt_write w = {.peers = peers, .n_peers = n, .time = time};
	struct vrs_outfile *out;

	assert_int_equal(vrs_outfile_open(path, &out), 0);
	assert_int_equal(vrs_mrt_write(&w, out), 0);
	assert_int_equal(vrs_outfile_finish(out), 0);
	return w;
}

static struct vrs_mrt_load load_file(const char *path)
{
	struct vrs_mrt_load load = {.path = path, .all = true};

	assert_int_equal(vrs_mrt_load(&load), 0);
	assert_string_equal(load.warning, "");
	assert_int_equal(load.stats.n_malformed + load.stats.n_passed_over, 0);
	return load;
}

static void synth(struct vrs_routes *r, uint32_t n4, uint32_t n6, uint64_t seed)
{
	assert_int_equal(
		vrs_synth_make(&(struct vrs_synth){.n_ip4 = n4, .n_ip6 = n6, .seed = seed}, r), 0);
}

/* The set of a prefix, by brute force or by the last hint. */
static uint32_t set_of(const struct vrs_routes *r, const struct vrs_prefix *p)
{
	static size_t hint;

	for (size_t i = 0; i < r->n; i++) {
		size_t at = (hint + i) % r->n;
		if (vrs_prefix_equal(&r->list[at].prefix, p)) {
			hint = at;
			return r->list[at].set;
		}
	}
	return VRS_ROUTES_NO_SET;
}

/* @p got is @p set as an NVA announces it: its AS in front, itself as the next hop. */
static void assert_announced(struct vrs_span set, struct vrs_span got,
	const struct vrs_mrt_write_peer *p, enum vrs_afi afi)
{
	struct vrs_reader x = vrs_reader_span(set), y = vrs_reader_span(got);
	static char want[20000], have[20000];
	struct vrs_bgp_attr a, b;

	while (vrs_bgp_attr_next(&x, &a)) {
		const struct vrs_addr *nh = &p->policy[afi == VRS_AFI_IP6].next_hop;
		assert_true(vrs_bgp_attr_next(&y, &b));
		assert_int_equal(a.code, b.code);
		assert_int_equal(a.flags & 0xe0, b.flags & 0xe0);
		if (a.code == VRS_BGP_AS_PATH) {
			int n = snprintf(want, sizeof(want), "%u ", p->policy[0].asn);
			(void)vrs_aspath_str(a.value, " ", want + n, sizeof(want) - (size_t)n);
			(void)vrs_aspath_str(b.value, " ", have, sizeof(have));
			assert_string_equal(have, want);
		} else if (a.code == VRS_BGP_NEXT_HOP) {
			assert_int_equal(b.value.size, vrs_afi_width(afi) / 8);
			assert_memory_equal(b.value.data, nh->bytes, b.value.size);
		} else {
			assert_int_equal(b.value.size, a.value.size);
			if (a.value.size > 0)
				assert_memory_equal(b.value.data, a.value.data, a.value.size);
		}
	}
	assert_false(vrs_bgp_attr_next(&y, &b));
}

static void assert_table(const struct vrs_mrt_write_peer *p, const struct vrs_mrt_table *t)
{
	assert_true(vrs_addr_equal(&t->peer.addr, &p->peer.addr));
	assert_int_equal(t->peer.asn, p->peer.asn);
	assert_int_equal(t->routes.n_live, p->routes->n_live);
	for (size_t i = 0; i < t->routes.n; i++) {
		const struct vrs_route *r = &t->routes.list[i];
		uint32_t set = set_of(p->routes, &r->prefix);
		assert_int_not_equal(set, VRS_ROUTES_NO_SET);
		assert_announced(vrs_routes_set(p->routes, set), vrs_routes_set(&t->routes, r->set),
			p, r->prefix.afi);
	}
}

/* ORIGIN, AS_PATH {1 2} {3}, NEXT_HOP, MED, 100 communities, AGGREGATOR, an unknown one. */
static size_t rich_set(uint8_t *out, size_t cap, bool ip6)
{
	struct vrs_writer w = vrs_writer_init(out, cap);
	uint8_t value[400];

	vrs_write_bytes(&w, "\x40\x01\x01\x01", 4);
	vrs_write_bytes(&w, "\x40\x02\x10\x02\x02\0\0\0\x01\0\0\0\x02\x01\x01\0\0\0\x03", 19);
	if (ip6)
		vrs_write_bytes(&w, "\x40\x03\x10\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01", 19);
	else
		vrs_write_bytes(&w, "\x40\x03\x04\xc0\0\x02\x01", 7);
	vrs_write_bytes(&w, "\x80\x04\x04\0\0\0\x07", 7);
	vrs_write_bytes(&w, "\xc0\x07\x08\0\0\0\x03\xc0\0\x02\x09", 11);
	for (size_t i = 0; i < sizeof(value); i++)
		value[i] = (uint8_t)(i / 4);
	vrs_bgp_attr_write(&w, 0xc0, VRS_BGP_COMMUNITIES, (struct vrs_span){value, sizeof(value)});
	vrs_bgp_attr_write(&w, 0xe0, 200, (struct vrs_span){value, 20});
	assert_true(vrs_writer_ok(&w));
	return vrs_writer_size(&w);
}

static void add_rich(struct vrs_routes *r)
{
	static const char *const texts[] = {
		"0.0.0.0/0", "203.0.113.255/32", "::/0", "2001:db8::1/128"};
	uint8_t bytes[1024];
	uint32_t set;

	for (size_t i = 0; i < 4; i++) {
		struct vrs_prefix p = prefix(texts[i]);
		size_t size = rich_set(bytes, sizeof(bytes), i >= 2);
		assert_int_equal(vrs_routes_add_set(r, bytes, size, &set), 0);
		assert_int_equal(vrs_routes_add(r, &p, set), 0);
	}
}

static void every_route_and_attribute_comes_back(void **)
{
	struct vrs_routes r = {0};

	synth(&r, 3000, 1000, 5);
	add_rich(&r);
	struct vrs_mrt_write_peer p = nva(&r, "10.0.1.4", "fd00::4", 4200000001u);
	struct vrs_mrt_write w = write_file(file("a"), &p, 1, 0);
	assert_int_equal(w.n_records, 4004);
	assert_int_equal(w.n_entries, 4004);
	assert_int_equal(w.n_refused, 0);
	struct vrs_mrt_load load = load_file(file("a"));
	assert_int_equal(load.n_tables, 1);
	assert_int_equal(load.stats.n_records, 4005);
	assert_table(&p, &load.tables[0]);
	vrs_mrt_load_fini(&load);
	vrs_routes_fini(&r);
	assert_int_equal(unlink(file("a")), 0);
}

/* RFC 6396 section 4.3.4: MP_REACH_NLRI is a next hop and its length; readers take the whole
 * attribute too, so only the bytes tell. */
static void assert_next_hop_form(const struct vrs_mrt_event *e)
{
	struct vrs_span mp;
	bool ip6 = e->prefix.afi == VRS_AFI_IP6;

	assert_int_equal(
		vrs_bgp_attr_find(e->attrs.data, e->attrs.size, VRS_BGP_MP_REACH, &mp), ip6);
	if (ip6) {
		assert_int_equal(mp.size, 17);
		assert_int_equal(mp.data[0], 16);
	}
}

static void records_are_sorted_and_hold_every_peer_that_has_the_prefix(void **)
{
	struct vrs_routes r[3] = {0};
	struct vrs_mrt_write_peer peers[3];
	struct vrs_mrt *m;
	struct vrs_mrt_event e;
	struct vrs_prefix last = {0};
	size_t n = 0, n_prefixes = 0;
	uint32_t last_peer = 0;

	/* The second has what the first has and more; the third a few of its own. */
	synth(&r[0], 500, 200, 1);
	synth(&r[1], 500, 200, 1);
	add_rich(&r[1]);
	add_rich(&r[2]);
	peers[0] = nva(&r[0], "10.0.1.4", "fd00::4", 65001);
	peers[1] = nva(&r[1], "10.0.1.5", "fd00::5", 65001);
	peers[2] = nva(&r[2], "10.0.1.6", "fd00::6", 65003);
	peers[2].peer.addr = addr("fd00::6");
	struct vrs_mrt_write w = write_file(file("a"), peers, 3, 7);
	assert_int_equal(w.n_records, 704);
	assert_int_equal(w.n_entries, 700 + 704 + 4);

	assert_int_equal(vrs_mrt_open(file("a"), &m), 0);
	for (; vrs_mrt_next(m, &e) == 1; n++) {
		int order = vrs_prefix_cmp(&last, &e.prefix);
		assert_true(order < 0 || (order == 0 && e.peer > last_peer));
		assert_int_equal(e.time, 7);
		assert_next_hop_form(&e);
		n_prefixes += order != 0;
		last = e.prefix;
		last_peer = e.peer;
	}
	assert_int_equal(n, w.n_entries);
	assert_int_equal(n_prefixes, w.n_records);
	vrs_mrt_close(m);

	struct vrs_mrt_load load = load_file(file("a"));
	assert_int_equal(load.n_tables, 3);
	for (int i = 0; i < 3; i++) {
		assert_table(&peers[i], &load.tables[i]);
		vrs_routes_fini(&r[i]);
	}
	vrs_mrt_load_fini(&load);
	assert_int_equal(unlink(file("a")), 0);
}

static void without_an_as_number_a_file_is_written_again_as_it_was(void **)
{
	struct vrs_routes r = {0};
	uint8_t bytes[1024];
	uint32_t set;
	struct vrs_prefix p6 = prefix("2001:db8:77::/48");

	/* A next hop with its link-local one. */
	struct vrs_writer wr = vrs_writer_init(bytes, sizeof(bytes));
	vrs_write_bytes(&wr, "\x40\x01\x01\0\x40\x02\x06\x02\x01\0\0\0\x09\x40\x03\x20", 16);
	vrs_write_bytes(&wr, addr("2001:db8::9").bytes, 16);
	vrs_write_bytes(&wr, addr("fe80::9").bytes, 16);
	assert_int_equal(vrs_routes_add_set(&r, bytes, vrs_writer_size(&wr), &set), 0);
	assert_int_equal(vrs_routes_add(&r, &p6, set), 0);
	add_rich(&r);
	struct vrs_mrt_write_peer p = {.peer = {addr("192.0.2.7"), 64999}, .routes = &r};
	p.policy[0].as4 = p.policy[1].as4 = true;
	(void)write_file(file("a"), &p, 1, 0);
	struct vrs_mrt_load load = load_file(file("a"));
	const struct vrs_mrt_table *t = &load.tables[0];
	assert_int_equal(t->routes.n_live, r.n_live);
	for (size_t i = 0; i < t->routes.n; i++) {
		struct vrs_span got = vrs_routes_set(&t->routes, t->routes.list[i].set),
				want = vrs_routes_set(&r, set_of(&r, &t->routes.list[i].prefix));
		assert_int_equal(got.size, want.size);
		assert_memory_equal(got.data, want.data, got.size);
	}
	struct vrs_mrt_write_peer again = p;
	again.routes = &t->routes;
	again.peer = t->peer;
	(void)write_file(file("b"), &again, 1, 0);
	assert_true(same_bytes(file("a"), file("b")));
	vrs_mrt_load_fini(&load);
	vrs_routes_fini(&r);
	assert_int_equal(unlink(file("a")) + unlink(file("b")), 0);
}

static void the_same_seed_gives_the_same_bytes_in_every_packing(void **)
{
	static const char *const tails[] = {"", ".gz", ".bz2"};
	char a[16], b[16];

	for (size_t i = 0; i < 3; i++) {
		for (uint64_t seed = 1; seed <= 2; seed++) {
			struct vrs_routes r = {0};
			synth(&r, 2000, 500, seed);
			struct vrs_mrt_write_peer p = nva(&r, "10.0.1.4", "fd00::4", 65001);
			(void)snprintf(a, sizeof(a), "a%s", tails[i]);
			(void)snprintf(b, sizeof(b), "b%s", tails[i]);
			if (seed == 1)
				(void)write_file(file(a), &p, 1, 0);
			(void)write_file(file(b), &p, 1, 0);
			assert_int_equal(same_bytes(file(a), file(b)), seed == 1);
			struct vrs_mrt_load load = load_file(file(b));
			assert_table(&p, &load.tables[0]);
			vrs_mrt_load_fini(&load);
			vrs_routes_fini(&r);
		}
		struct bytes x = slurp(file(a));
		static const char magic[][4] = {"\0\0\0\0", "\x1f\x8b\x08\0", "BZh9"};
		assert_memory_equal(x.data, magic[i], 4);
		free(x.data);
		assert_int_equal(unlink(file(a)) + unlink(file(b)), 0);
	}
}

static void what_fits_no_message_is_refused_and_counted(void **)
{
	struct vrs_routes r = {0};
	static uint8_t bytes[8192], value[5000];
	struct vrs_prefix p4 = prefix("203.0.113.0/24");
	uint32_t set;
	size_t size = rich_set(bytes, sizeof(bytes), false);

	add_rich(&r);
	struct vrs_writer w = vrs_writer_init(bytes + size, sizeof(bytes) - size);
	vrs_bgp_attr_write(&w, 0xe0, 201, (struct vrs_span){value, sizeof(value)});
	assert_int_equal(vrs_routes_add_set(&r, bytes, size + vrs_writer_size(&w), &set), 0);
	assert_int_equal(vrs_routes_add(&r, &p4, set), 0);
	struct vrs_mrt_write_peer p = nva(&r, "10.0.1.4", "fd00::4", 65001);
	struct vrs_mrt_write got = write_file(file("a"), &p, 1, 0);
	assert_int_equal(got.n_refused, 1);
	assert_int_equal(got.n_records, 4);
	struct vrs_mrt_load load = load_file(file("a"));
	assert_int_equal(load.tables[0].routes.n_live, 4);
	vrs_mrt_load_fini(&load);
	vrs_routes_fini(&r);
	assert_int_equal(unlink(file("a")), 0);
}

static void an_empty_table_is_a_file_without_records(void **)
{
	struct vrs_routes r = {0};
	struct vrs_mrt_write_peer p = nva(&r, "10.0.1.4", "fd00::4", 65001);
	struct vrs_mrt_load load = {.path = file("a"), .all = true};

	assert_int_equal(write_file(file("a"), &p, 1, 0).n_records, 0);
	assert_int_equal(vrs_mrt_load(&load), -ESRCH);
	assert_int_equal(load.stats.n_records, 1);
	assert_int_equal(unlink(file("a")), 0);
}

/* ---- The messages ------------------------------------------------------------------------- */

static void a_message_file_holds_the_same_table(void **)
{
	struct vrs_routes r = {0};
	struct vrs_stream s = {0};
	struct vrs_outfile *out;

	synth(&r, 3000, 1000, 9);
	add_rich(&r);
	struct vrs_mrt_write_peer p = nva(&r, "10.0.1.4", "fd00::4", 65001);
	for (int i = 0; i < 2; i++)
		assert_int_equal(vrs_stream_announce(
					 &s, &r, i == 0 ? VRS_AFI_IP4 : VRS_AFI_IP6, &p.policy[i]),
			0);
	assert_int_equal(vrs_outfile_open(file("m.gz"), &out), 0);
	vrs_outfile_write(out, s.bytes, s.size);
	assert_int_equal(vrs_outfile_finish(out), 0);
	struct vrs_mrt_load load = load_file(file("m.gz"));
	p.peer = (struct vrs_mrt_peer){{.afi = VRS_AFI_IP4}, 0};
	assert_int_equal(load.n_tables, 1);
	assert_table(&p, &load.tables[0]);
	vrs_mrt_load_fini(&load);

	load = (struct vrs_mrt_load){.path = file("m.gz"), .raw = true};
	assert_int_equal(vrs_mrt_load(&load), 0);
	assert_int_equal(load.tables[0].raw.size, s.size);
	assert_memory_equal(load.tables[0].raw.bytes, s.bytes, s.size);
	assert_true(load.tables[0].raw_eor[0] && load.tables[0].raw_eor[1]);
	vrs_mrt_load_fini(&load);
	vrs_stream_fini(&s);
	vrs_routes_fini(&r);
	assert_int_equal(unlink(file("m.gz")), 0);
}

/* ---- Files -------------------------------------------------------------------------------- */

static void put_text(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static void assert_text(const char *path, const char *text)
{
	struct bytes b = slurp(path);

	assert_int_equal(b.size, strlen(text));
	assert_memory_equal(b.data, text, b.size);
	free(b.data);
}

static void a_file_has_its_name_when_it_is_whole(void **)
{
	struct vrs_outfile *out;

	put_text(file("f"), "old");
	assert_int_equal(vrs_outfile_open(file("f"), &out), 0);
	vrs_outfile_write(out, "fresh", 5);
	assert_text(file("f"), "old");
	vrs_outfile_discard(out);
	assert_text(file("f"), "old");
	assert_int_equal(access(file("f.new"), F_OK), -1);

	/* By a symbolic link too, which stays one. */
	assert_int_equal(symlink(file("f"), file("link")), 0);
	assert_int_equal(vrs_outfile_open(file("link"), &out), 0);
	vrs_outfile_write(out, "fresh", 5);
	assert_int_equal(vrs_outfile_finish(out), 0);
	assert_text(file("f"), "fresh");
	struct stat st;
	assert_int_equal(lstat(file("link"), &st), 0);
	assert_true(S_ISLNK(st.st_mode));
	assert_int_equal(unlink(file("link")) + unlink(file("f")), 0);
	assert_int_equal(access(file("f.new"), F_OK), -1);

	assert_int_equal(vrs_outfile_open(file("no/f"), &out), -ENOENT);
	assert_int_equal(vrs_outfile_open(dir, &out), -EISDIR);
}

/* Over a limit of file sizes, as on a full disk, nothing more can be written. */
static void a_full_disk_is_told_and_leaves_what_was_there(void **)
{
	static const char *const tails[] = {"f", "f.gz", "f.bz2"};
	static uint8_t noise[2000000];
	struct rlimit before, limit;
	struct vrs_outfile *out;
	uint64_t z = 1;

	for (size_t i = 0; i < sizeof(noise); i++) {
		z = z * 6364136223846793005u + 1442695040888963407u;
		noise[i] = (uint8_t)(z >> 56);
	}
	(void)signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	limit = before;
	for (size_t i = 0; i < 3; i++) {
		char fresh[16];
		put_text(file(tails[i]), "old");
		/* One that fails on the way, one at the end. */
		for (size_t size = 1000; size <= sizeof(noise); size *= 2000) {
			limit.rlim_cur = size / 2;
			assert_int_equal(vrs_outfile_open(file(tails[i]), &out), 0);
			assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
			vrs_outfile_write(out, noise, size);
			int rc = vrs_outfile_finish(out);
			assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
			assert_int_equal(rc, -EFBIG);
		}
		(void)snprintf(fresh, sizeof(fresh), "%s.new", tails[i]);
		assert_int_equal(access(file(fresh), F_OK), -1);
		assert_text(file(tails[i]), "old");
		assert_int_equal(unlink(file(tails[i])), 0);
	}
	assert_int_equal(vrs_outfile_open("/dev/full", &out), 0);
	vrs_outfile_write(out, noise, sizeof(noise));
	assert_int_equal(vrs_outfile_finish(out), -ENOSPC);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_route_and_attribute_comes_back),
		cmocka_unit_test(records_are_sorted_and_hold_every_peer_that_has_the_prefix),
		cmocka_unit_test(without_an_as_number_a_file_is_written_again_as_it_was),
		cmocka_unit_test(the_same_seed_gives_the_same_bytes_in_every_packing),
		cmocka_unit_test(what_fits_no_message_is_refused_and_counted),
		cmocka_unit_test(an_empty_table_is_a_file_without_records),
		cmocka_unit_test(a_message_file_holds_the_same_table),
		cmocka_unit_test(a_file_has_its_name_when_it_is_whole),
		cmocka_unit_test(a_full_disk_is_told_and_leaves_what_was_there),
	};
	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
