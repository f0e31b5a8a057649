/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

/*
 * The reader against files of our own encoder: every type and subtype that is read, damage at
 * every byte.
 */

#include "tools/vrslab/mrt.h"

#include <bzlib.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <zlib.h>

#include "tests/test.h"
#include "tools/vrslab/mrt_load.h"

/* ---- An encoder --------------------------------------------------------------------------- */

struct file {
	uint8_t bytes[16384];
	struct vrs_writer w;
	size_t record_at;
	size_t ends[64]; /* Where each record ends. */
	size_t n_records;
};

static void begin(struct file *f, uint16_t type, uint16_t subtype)
{
	f->record_at = vrs_writer_size(&f->w);
	vrs_write_u32(&f->w, 1700000000);
	vrs_write_u16(&f->w, type);
	vrs_write_u16(&f->w, subtype);
	vrs_write_u32(&f->w, 0);
}

static void end(struct file *f)
{
	size_t size = vrs_writer_size(&f->w) - f->record_at - 12;

	assert_true(vrs_writer_ok(&f->w));
	vrs_put_u32(f->bytes + f->record_at + 8, (uint32_t)size);
	f->ends[f->n_records++] = vrs_writer_size(&f->w);
}

static void put_addr(struct file *f, const char *text)
{
	struct vrs_addr a;

	assert_int_equal(vrs_addr_parse(&a, text), 0);
	vrs_write_bytes(&f->w, a.bytes, vrs_afi_width(a.afi) / 8);
}

static void put_nlri(struct file *f, const char *text)
{
	struct vrs_prefix p;

	assert_int_equal(vrs_prefix_parse(&p, text), 0);
	vrs_prefix_write(&f->w, &p);
}

/* ORIGIN IGP, AS_PATH {asn}, NEXT_HOP 192.0.2.1 (unless @p mp), MED 7. */
static void put_attrs(struct file *f, uint32_t asn, bool as4, bool mp)
{
	vrs_write_bytes(&f->w, "\x40\x01\x01\x00\x40\x02", 6);
	vrs_write_u8(&f->w, as4 ? 6 : 4);
	vrs_write_bytes(&f->w, "\x02\x01", 2);
	if (as4)
		vrs_write_u32(&f->w, asn);
	else
		vrs_write_u16(&f->w, (uint16_t)asn);
	if (!mp)
		vrs_write_bytes(&f->w, "\x40\x03\x04\xc0\x00\x02\x01", 7);
	vrs_write_bytes(&f->w, "\x80\x04\x04\x00\x00\x00\x07", 7);
}

static void table_dump(struct file *f, const char *addr, uint8_t len, const char *peer, bool ip6)
{
	begin(f, 12, ip6 ? 2 : 1);
	vrs_write_u32(&f->w, 0);
	put_addr(f, addr);
	vrs_write_u8(&f->w, len);
	vrs_write_u8(&f->w, 1);
	vrs_write_u32(&f->w, 1699999999);
	put_addr(f, peer);
	vrs_write_u16(&f->w, 100);
	size_t at = vrs_writer_size(&f->w);
	vrs_write_u16(&f->w, 0);
	put_attrs(f, 100, false, ip6);
	if (ip6) {
		vrs_write_bytes(&f->w, "\x80\x0e\x15\x00\x02\x01\x10", 7);
		put_addr(f, "2001:db8::1");
		vrs_write_u8(&f->w, 0);
	}
	vrs_put_u16(f->bytes + at, (uint16_t)(vrs_writer_size(&f->w) - at - 2));
	end(f);
}

static void peer_index(struct file *f)
{
	begin(f, 13, 1);
	vrs_write_u32(&f->w, 1);
	vrs_write_u16(&f->w, 4);
	vrs_write_bytes(&f->w, "view", 4);
	vrs_write_u16(&f->w, 2);
	vrs_write_u8(&f->w, 2); /* IPv4, 4-byte AS. */
	vrs_write_u32(&f->w, 1);
	put_addr(f, "192.0.2.1");
	vrs_write_u32(&f->w, 70000);
	vrs_write_u8(&f->w, 1); /* IPv6, 2-byte AS. */
	vrs_write_u32(&f->w, 2);
	put_addr(f, "2001:db8::2");
	vrs_write_u16(&f->w, 200);
	end(f);
}

static void rib(struct file *f, const char *prefix, bool ip6, bool path_ids)
{
	begin(f, 13, (uint16_t)((ip6 ? 4 : 2) + (path_ids ? 6 : 0)));
	vrs_write_u32(&f->w, 0);
	put_nlri(f, prefix);
	vrs_write_u16(&f->w, 2);
	for (uint16_t peer = 0; peer < 2; peer++) {
		vrs_write_u16(&f->w, peer);
		vrs_write_u32(&f->w, 1699999998);
		if (path_ids)
			vrs_write_u32(&f->w, 1);
		size_t at = vrs_writer_size(&f->w);
		vrs_write_u16(&f->w, 0);
		put_attrs(f, 70000 + peer, true, ip6);
		if (ip6) { /* Abbreviated: length and next hop only. */
			vrs_write_bytes(&f->w, "\x80\x0e\x11\x10", 4);
			put_addr(f, "2001:db8::1");
		}
		vrs_put_u16(f->bytes + at, (uint16_t)(vrs_writer_size(&f->w) - at - 2));
	}
	end(f);
}

static void bgp4mp_head(struct file *f, uint16_t subtype, bool as4, bool et)
{
	begin(f, et ? 17 : 16, subtype);
	if (et)
		vrs_write_u32(&f->w, 123456);
	for (int i = 0; i < 2; i++) {
		if (as4)
			vrs_write_u32(&f->w, 300);
		else
			vrs_write_u16(&f->w, 300);
	}
	vrs_write_u16(&f->w, 0);
	vrs_write_u16(&f->w, 1);
	put_addr(f, "192.0.2.3");
	put_addr(f, "192.0.2.254");
}

static void state_change(struct file *f, uint16_t from, uint16_t to, bool as4)
{
	bgp4mp_head(f, as4 ? 5 : 0, as4, false);
	vrs_write_u16(&f->w, from);
	vrs_write_u16(&f->w, to);
	end(f);
}

/* An UPDATE that withdraws one prefix and announces another; either may be NULL. */
static void update(struct file *f, bool as4, const char *withdrawn, const char *announced)
{
	size_t start = vrs_writer_size(&f->w);
	for (int i = 0; i < 16; i++)
		vrs_write_u8(&f->w, 0xff);
	vrs_write_u16(&f->w, 0);
	vrs_write_u8(&f->w, 2);
	size_t at = vrs_writer_size(&f->w);
	vrs_write_u16(&f->w, 0);
	if (withdrawn != NULL)
		put_nlri(f, withdrawn);
	vrs_put_u16(f->bytes + at, (uint16_t)(vrs_writer_size(&f->w) - at - 2));
	at = vrs_writer_size(&f->w);
	vrs_write_u16(&f->w, 0);
	if (announced != NULL)
		put_attrs(f, 300, as4, false);
	vrs_put_u16(f->bytes + at, (uint16_t)(vrs_writer_size(&f->w) - at - 2));
	if (announced != NULL)
		put_nlri(f, announced);
	vrs_put_u16(f->bytes + start + 16, (uint16_t)(vrs_writer_size(&f->w) - start));
}

static void message(struct file *f, uint16_t subtype, bool as4, bool et, const char *withdrawn,
	const char *announced)
{
	bgp4mp_head(f, subtype, as4, et);
	update(f, as4, withdrawn, announced);
	end(f);
}

/* A message file: a KEEPALIVE, two UPDATEs, an End-of-RIB. */
static void messages(struct file *f)
{
	*f = (struct file){.w = vrs_writer_init(f->bytes, sizeof(f->bytes))};
	for (int i = 0; i < 16; i++)
		vrs_write_u8(&f->w, 0xff);
	vrs_write_bytes(&f->w, "\x00\x13\x04", 3);
	f->ends[f->n_records++] = vrs_writer_size(&f->w);
	update(f, true, NULL, "203.0.113.0/24");
	f->ends[f->n_records++] = vrs_writer_size(&f->w);
	update(f, true, "203.0.113.0/24", "203.0.112.0/24");
	f->ends[f->n_records++] = vrs_writer_size(&f->w);
	update(f, true, NULL, NULL);
	f->ends[f->n_records++] = vrs_writer_size(&f->w);
	assert_true(vrs_writer_ok(&f->w));
}

static void everything(struct file *f)
{
	f->w = vrs_writer_init(f->bytes, sizeof(f->bytes));
	table_dump(f, "203.0.113.0", 24, "192.0.2.9", false);
	table_dump(f, "2001:db8:9::", 48, "2001:db8::9", true);
	peer_index(f);
	rib(f, "198.51.100.0/24", false, false);
	rib(f, "2001:db8:1::/48", true, false);
	rib(f, "198.51.101.0/24", false, true);
	rib(f, "2001:db8:2::/48", true, true);
	begin(f, 13, 6); /* RIB_GENERIC: passed over. */
	vrs_write_u32(&f->w, 0);
	end(f);
	begin(f, 11, 0); /* OSPF: passed over. */
	end(f);
	state_change(f, 5, 6, false);
	state_change(f, 5, 6, true);
	message(f, 1, false, false, NULL, "203.0.113.0/25");
	message(f, 4, true, true, NULL, "203.0.113.128/25");
	message(f, 6, false, true, "203.0.113.0/25", "203.0.112.0/24");
	message(f, 7, true, false, NULL, "203.0.111.0/24");
}

/* ---- Files -------------------------------------------------------------------------------- */

static char path[] = "/tmp/vrs-mrt-test-XXXXXX";

static int make_path(void **)
{
	int fd = mkstemp(path);

	return fd >= 0 ? close(fd) : -1;
}

static int remove_path(void **)
{
	return unlink(path);
}

static void save(const uint8_t *bytes, size_t size)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_int_equal(fwrite(bytes, 1, size, f), size);
	assert_int_equal(fclose(f), 0);
}

/* Events up to the end. @return What vrs_mrt_next() said last. */
static int read_all(size_t *n_events, struct vrs_mrt_stats *stats, char *error, size_t error_size)
{
	struct vrs_mrt *m;
	struct vrs_mrt_event e;
	int rc;

	*n_events = 0;
	assert_int_equal(vrs_mrt_open(path, &m), 0);
	while ((rc = vrs_mrt_next(m, &e)) > 0)
		(*n_events)++;
	*stats = *vrs_mrt_stats(m);
	(void)snprintf(error, error_size, "%s", vrs_mrt_error(m));
	vrs_mrt_close(m);
	return rc;
}

/* ---- Tests -------------------------------------------------------------------------------- */

static void every_type_is_read(void **)
{
	static struct file f;
	struct vrs_mrt *m;
	struct vrs_mrt_event e[32];
	char s[VRS_PREFIX_STRLEN], a[VRS_ADDR_STRLEN];
	size_t n = 0, n_peers;

	everything(&f);
	save(f.bytes, vrs_writer_size(&f.w));
	assert_int_equal(vrs_mrt_open(path, &m), 0);
	while (n < 32 && vrs_mrt_next(m, &e[n]) == 1)
		n++;
	assert_int_equal(n, 16);
	assert_int_equal(vrs_mrt_stats(m)->n_records, 15);
	assert_int_equal(vrs_mrt_stats(m)->n_passed_over, 2);
	assert_int_equal(vrs_mrt_stats(m)->n_malformed, 0);

	assert_int_equal(e[0].kind, VRS_MRT_ROUTE);
	assert_int_equal(e[0].time, 1699999999);
	assert_false(e[0].as4);
	assert_string_equal(vrs_prefix_str(&e[0].prefix, s), "203.0.113.0/24");
	assert_string_equal(vrs_prefix_str(&e[1].prefix, s), "2001:db8:9::/48");
	assert_true(e[2].as4);
	assert_string_equal(vrs_prefix_str(&e[2].prefix, s), "198.51.100.0/24");
	assert_string_equal(vrs_prefix_str(&e[3].prefix, s), "198.51.100.0/24");
	assert_int_not_equal(e[2].peer, e[3].peer);
	assert_string_equal(vrs_prefix_str(&e[9].prefix, s), "2001:db8:2::/48");
	assert_int_equal(e[10].kind, VRS_MRT_STATE);
	assert_int_equal(e[11].new_state, 6);
	assert_int_equal(e[12].kind, VRS_MRT_MESSAGE);
	assert_false(e[12].as4);
	assert_true(e[13].as4);

	const struct vrs_mrt_peer *peers = vrs_mrt_peers(m, &n_peers);
	assert_int_equal(n_peers, 5);
	assert_string_equal(vrs_addr_str(&peers[e[2].peer].addr, a), "192.0.2.1");
	assert_int_equal(peers[e[2].peer].asn, 70000);
	assert_string_equal(vrs_addr_str(&peers[e[3].peer].addr, a), "2001:db8::2");
	assert_int_equal(peers[e[12].peer].asn, 300);
	vrs_mrt_close(m);
}

static void whole_records_before_a_cut_are_used(void **)
{
	static struct file f;
	struct vrs_mrt_stats stats;
	char error[160];
	size_t n_events;

	everything(&f);
	for (size_t cut = 0, whole = 0; cut <= vrs_writer_size(&f.w); cut++) {
		whole += cut == f.ends[whole];
		save(f.bytes, cut);
		int rc = read_all(&n_events, &stats, error, sizeof(error));
		size_t at = whole > 0 ? f.ends[whole - 1] : 0;
		assert_int_equal(stats.n_records, whole);
		assert_int_equal(stats.n_malformed, 0);
		assert_int_equal(rc, cut == at ? 0 : -EBADMSG);
		if (rc != 0) {
			char want[80];
			(void)snprintf(
				want, sizeof(want), "at offset %zu: a record is cut short", at);
			assert_int_equal(strncmp(error, want, strlen(want)), 0);
		}
	}
}

static void no_flipped_byte_crashes(void **)
{
	static struct file f;
	struct vrs_mrt_stats stats;
	char error[160];
	size_t n_events, size;

	everything(&f);
	size = vrs_writer_size(&f.w);
	for (size_t i = 0; i < size; i++) {
		static const uint8_t masks[] = {0xff, 0x01, 0x80};
		for (size_t j = 0; j < VRS_N_ELEMS(masks); j++) {
			f.bytes[i] ^= masks[j];
			save(f.bytes, size);
			(void)read_all(&n_events, &stats, error, sizeof(error));
			struct vrs_mrt_load load = {.path = path, .all = true, .raw = j == 1};
			(void)!vrs_mrt_load(&load);
			vrs_mrt_load_fini(&load);
			f.bytes[i] ^= masks[j];
		}
	}
}

static void a_malformed_record_costs_only_itself(void **)
{
	static struct file f;
	struct vrs_mrt_stats stats;
	char error[160];
	size_t n_events;

	everything(&f);
	/* The attribute length of the first entry: past the end of its record. */
	f.bytes[12 + 4 + 4 + 2 + 4 + 4 + 2] = 0xff;
	save(f.bytes, vrs_writer_size(&f.w));
	assert_int_equal(read_all(&n_events, &stats, error, sizeof(error)), 0);
	assert_int_equal(stats.n_malformed, 1);
	assert_int_equal(stats.bad_offset, 0);
	assert_int_equal(n_events, 15);
}

static void compressed_files_are_the_same_files(void **)
{
	static struct file f;
	static uint8_t packed[16384];
	struct vrs_mrt_stats stats;
	char error[160];
	size_t n_events, size;

	everything(&f);
	size = vrs_writer_size(&f.w);
	gzFile gz = gzopen(path, "wb");
	assert_int_equal(gzwrite(gz, f.bytes, (unsigned)size), size);
	assert_int_equal(gzclose(gz), Z_OK);
	assert_int_equal(read_all(&n_events, &stats, error, sizeof(error)), 0);
	assert_int_equal(n_events, 16);

	/* Two bzip2 streams, one behind the other, cut in the middle of a record. */
	unsigned first = sizeof(packed), second = sizeof(packed) / 2;
	assert_int_equal(
		BZ2_bzBuffToBuffCompress((char *)packed, &first, (char *)f.bytes, 100, 9, 0, 0),
		BZ_OK);
	second = sizeof(packed) - first;
	assert_int_equal(BZ2_bzBuffToBuffCompress((char *)packed + first, &second,
				 (char *)f.bytes + 100, (unsigned)size - 100, 9, 0, 0),
		BZ_OK);
	save(packed, first + second);
	assert_int_equal(read_all(&n_events, &stats, error, sizeof(error)), 0);
	assert_int_equal(n_events, 16);

	for (size_t cut = 4; cut < first + second; cut++) {
		save(packed, cut);
		int rc = read_all(&n_events, &stats, error, sizeof(error));
		assert_true(cut == first ? rc == -EBADMSG : rc == -EIO || rc == -EBADMSG);
	}
}

static void a_gzip_file_cut_anywhere_is_told(void **)
{
	static struct file f;
	static uint8_t packed[16384];
	struct vrs_mrt_stats stats;
	char error[160];
	size_t n_events;

	everything(&f);
	gzFile gz = gzopen(path, "wb");
	assert_int_equal(
		gzwrite(gz, f.bytes, (unsigned)vrs_writer_size(&f.w)), vrs_writer_size(&f.w));
	assert_int_equal(gzclose(gz), Z_OK);
	FILE *in = fopen(path, "r");
	size_t size = fread(packed, 1, sizeof(packed), in);
	(void)fclose(in);
	for (size_t cut = 3; cut < size; cut++) {
		save(packed, cut);
		int rc = read_all(&n_events, &stats, error, sizeof(error));
		assert_true(rc == -EIO || rc == -EBADMSG);
	}
}

static const struct vrs_mrt_table *table_of(const struct vrs_mrt_load *l, const char *peer)
{
	char a[VRS_ADDR_STRLEN];

	for (size_t i = 0; i < l->n_tables; i++) {
		if (strcmp(vrs_addr_str(&l->tables[i].peer.addr, a), peer) == 0)
			return &l->tables[i];
	}
	return NULL;
}

static void loading_keeps_the_last_word_of_each_peer(void **)
{
	static struct file f;
	struct vrs_mrt_load load = {.path = path, .all = true};

	everything(&f);
	save(f.bytes, vrs_writer_size(&f.w));
	assert_int_equal(vrs_mrt_load(&load), 0);
	assert_int_equal(load.n_tables, 5);
	assert_int_equal(load.n_bad_messages, 0);
	assert_int_equal(table_of(&load, "192.0.2.1")->routes.n_live, 4);
	assert_int_equal(table_of(&load, "2001:db8::2")->routes.n_live, 4);
	assert_int_equal(table_of(&load, "192.0.2.9")->routes.n_live, 1);
	assert_int_equal(table_of(&load, "2001:db8::9")->routes.n_live, 1);
	assert_int_equal(table_of(&load, "192.0.2.3")->routes.n_live, 3);
	vrs_mrt_load_fini(&load);

	/* The session goes down: what it said is gone; the busiest is now another. */
	state_change(&f, 6, 1, false);
	save(f.bytes, vrs_writer_size(&f.w));
	assert_int_equal(vrs_mrt_load(&load), 0);
	assert_null(table_of(&load, "192.0.2.3"));
	vrs_mrt_load_fini(&load);
	load.all = false;
	assert_int_equal(vrs_mrt_load(&load), 0);
	assert_int_equal(load.n_tables, 1);
	assert_non_null(table_of(&load, "192.0.2.1"));
	vrs_mrt_load_fini(&load);
	assert_int_equal(vrs_addr_parse(&load.peer, "192.0.2.77"), 0);
	assert_int_equal(vrs_mrt_load(&load), -ESRCH);
	vrs_mrt_load_fini(&load);
}

static void prefixes_of_the_lab_are_left_out_and_counted(void **)
{
	static struct file f;
	struct vrs_prefix skip;
	struct vrs_mrt_load load = {.path = path, .skip = &skip, .n_skip = 1, .all = true};

	everything(&f);
	save(f.bytes, vrs_writer_size(&f.w));
	assert_int_equal(vrs_prefix_parse(&skip, "203.0.113.0/24"), 0);
	assert_int_equal(vrs_mrt_load(&load), 0);
	const struct vrs_mrt_table *t = table_of(&load, "192.0.2.3");
	assert_int_equal(t->routes.n_live, 2);
	assert_int_equal(t->n_skipped, 2);
	assert_null(table_of(&load, "192.0.2.9"));
	vrs_mrt_load_fini(&load);
}

static void raw_messages_are_byte_for_byte_those_of_the_file(void **)
{
	static struct file f;
	struct vrs_mrt_load load = {.path = path, .raw = true};

	f.w = vrs_writer_init(f.bytes, sizeof(f.bytes));
	message(&f, 4, true, false, NULL, "203.0.113.0/25");
	message(&f, 4, true, false, "203.0.113.0/25", "203.0.112.0/24");
	save(f.bytes, vrs_writer_size(&f.w));
	assert_int_equal(vrs_mrt_load(&load), 0);
	assert_int_equal(load.n_tables, 1);
	const struct vrs_stream *raw = &load.tables[0].raw;
	const size_t head = 12 + 4 + 4 + 2 + 2 + 4 + 4;
	assert_int_equal(raw->size, f.ends[1] - 2 * head);
	assert_memory_equal(raw->bytes, f.bytes + head, f.ends[0] - head);
	assert_memory_equal(raw->bytes + f.ends[0] - head, f.bytes + f.ends[0] + head,
		f.ends[1] - f.ends[0] - head);
	assert_true(load.tables[0].raw_as4);
	assert_int_equal(load.tables[0].routes.n_live, 1);
	vrs_mrt_load_fini(&load);
}

static void bgp_messages_one_after_the_other_are_a_source(void **)
{
	static struct file f;
	struct vrs_mrt *m;
	struct vrs_mrt_event e;
	size_t n_peers, n = 0;

	messages(&f);
	save(f.bytes, vrs_writer_size(&f.w));
	assert_int_equal(vrs_mrt_open(path, &m), 0);
	for (; vrs_mrt_next(m, &e) == 1; n++) {
		size_t at = n > 0 ? f.ends[n - 1] : 0;
		assert_int_equal(e.kind, VRS_MRT_MESSAGE);
		assert_true(e.as4);
		assert_int_equal(e.time, 0);
		assert_int_equal(e.peer, 0);
		assert_int_equal(vrs_mrt_offset(m), at);
		assert_int_equal(e.message.size, f.ends[n] - at);
		assert_memory_equal(e.message.data, f.bytes + at, e.message.size);
	}
	assert_int_equal(n, 4);
	assert_int_equal(vrs_mrt_peers(m, &n_peers)->asn, 0);
	assert_int_equal(n_peers, 1);
	vrs_mrt_close(m);

	/* Raw: the UPDATEs as they are, and it is known which End-of-RIB is among them. */
	struct vrs_mrt_load load = {.path = path, .raw = true};
	assert_int_equal(vrs_mrt_load(&load), 0);
	const struct vrs_mrt_table *t = &load.tables[0];
	assert_int_equal(t->raw.size, f.ends[3] - f.ends[0]);
	assert_memory_equal(t->raw.bytes, f.bytes + f.ends[0], t->raw.size);
	assert_true(t->raw_as4 && t->raw_eor[0] && !t->raw_eor[1]);
	assert_int_equal(t->routes.n_live, 1);
	vrs_mrt_load_fini(&load);
}

static void whole_messages_before_a_cut_are_used(void **)
{
	static struct file f;
	struct vrs_mrt_stats stats;
	char error[160], want[80];
	size_t n_events;

	messages(&f);
	/* Under 16 bytes nothing says that it is one. */
	for (size_t cut = 16, whole = 0; cut <= vrs_writer_size(&f.w); cut++) {
		whole += cut == f.ends[whole];
		save(f.bytes, cut);
		int rc = read_all(&n_events, &stats, error, sizeof(error));
		size_t at = whole > 0 ? f.ends[whole - 1] : 0;
		assert_int_equal(n_events, whole);
		assert_int_equal(rc, cut == at ? 0 : -EBADMSG);
		(void)snprintf(want, sizeof(want), "at offset %zu: a message is cut short", at);
		assert_int_equal(strncmp(error, want, rc != 0 ? strlen(want) : 0), 0);
	}
	for (size_t cut = 1; cut < 16; cut++) {
		save(f.bytes, cut);
		assert_int_equal(read_all(&n_events, &stats, error, sizeof(error)), -EBADMSG);
		assert_int_equal(strncmp(error, "at offset 0: ", 13), 0);
	}
}

static void a_damaged_message_header_ends_a_message_file_at_its_offset(void **)
{
	static struct file f;
	struct vrs_mrt_stats stats;
	char error[160], want[80];
	size_t n_events, size;

	messages(&f);
	size = vrs_writer_size(&f.w);
	for (size_t i = 0; i < size; i++) {
		size_t in = 0;
		while (i >= f.ends[in])
			in++;
		size_t at = in > 0 ? f.ends[in - 1] : 0;
		f.bytes[i] ^= 0x81;
		save(f.bytes, size);
		int rc = read_all(&n_events, &stats, error, sizeof(error));
		struct vrs_mrt_load load = {.path = path, .raw = (i & 1) != 0};
		(void)!vrs_mrt_load(&load);
		vrs_mrt_load_fini(&load);
		f.bytes[i] ^= 0x81;
		if (i - at < 16) { /* The marker. */
			assert_int_equal(rc, -EBADMSG);
			assert_int_equal(n_events, in);
			(void)snprintf(want, sizeof(want), "at offset %zu: ", at);
			assert_int_equal(strncmp(error, want, strlen(want)), 0);
		} else if (i - at >= 18) { /* Type and body are not the reader's. */
			assert_int_equal(rc, 0);
			assert_int_equal(n_events, 4);
		} else {
			assert_true(rc == -EBADMSG && n_events >= in);
		}
	}
}

static void what_is_no_mrt_file_is_refused(void **)
{
	static const uint8_t text[] = "This is a text, and nobody would take it for an MRT file.\n";
	struct vrs_mrt_stats stats;
	char error[160];
	size_t n_events;
	struct vrs_mrt *m;

	save(text, sizeof(text));
	assert_int_equal(read_all(&n_events, &stats, error, sizeof(error)), -EBADMSG);
	assert_string_equal(error, "at offset 0: a record is over 16 MiB: not an MRT file");
	save(text, 0);
	assert_int_equal(read_all(&n_events, &stats, error, sizeof(error)), 0);
	assert_int_equal(vrs_mrt_open("/nonexistent", &m), -ENOENT);
	assert_int_equal(vrs_mrt_open("/", &m), -EISDIR);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_type_is_read),
		cmocka_unit_test(whole_records_before_a_cut_are_used),
		cmocka_unit_test(no_flipped_byte_crashes),
		cmocka_unit_test(a_malformed_record_costs_only_itself),
		cmocka_unit_test(compressed_files_are_the_same_files),
		cmocka_unit_test(a_gzip_file_cut_anywhere_is_told),
		cmocka_unit_test(loading_keeps_the_last_word_of_each_peer),
		cmocka_unit_test(prefixes_of_the_lab_are_left_out_and_counted),
		cmocka_unit_test(raw_messages_are_byte_for_byte_those_of_the_file),
		cmocka_unit_test(bgp_messages_one_after_the_other_are_a_source),
		cmocka_unit_test(whole_messages_before_a_cut_are_used),
		cmocka_unit_test(a_damaged_message_header_ends_a_message_file_at_its_offset),
		cmocka_unit_test(what_is_no_mrt_file_is_refused),
	};
	return cmocka_run_group_tests(tests, make_path, remove_path);
}
