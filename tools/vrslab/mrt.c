/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

/*
 * One record or message at a time in one buffer. A RIB record holds an entry per peer: the reader keeps
 * its cursor inside the record between calls, and gives one event per entry.
 */

#include "tools/vrslab/mrt.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "tools/vrslab/mrt_source.h"

enum {
	HEADER_SIZE = 12,
	MARKER_SIZE = 16,
	MESSAGE_HEADER_SIZE = 19,
	TYPE_TABLE_DUMP = 12,
	TYPE_TABLE_DUMP_V2 = 13,
	TYPE_BGP4MP = 16,
	TYPE_BGP4MP_ET = 17,
};

enum {
	V2_PEER_INDEX = 1,
	V2_IP4_UNICAST = 2,
	V2_IP6_UNICAST = 4,
	V2_IP4_UNICAST_ADDPATH = 8,
	V2_IP6_UNICAST_ADDPATH = 10,
};

enum {
	MP_STATE_CHANGE = 0,
	MP_MESSAGE = 1,
	MP_MESSAGE_AS4 = 4,
	MP_STATE_CHANGE_AS4 = 5,
	MP_MESSAGE_LOCAL = 6,
	MP_MESSAGE_AS4_LOCAL = 7,
};

struct vrs_mrt {
	struct vrs_mrt_source *source;
	uint8_t ahead[MARKER_SIZE]; /* Read to know what the file is, not taken yet. */
	size_t n_ahead;
	bool messages;                /* Not MRT: BGP messages. */
	uint64_t offset, next_offset; /* Of the current record and of the one behind it. */
	uint8_t *record;              /* Its body. */
	size_t cap;
	uint32_t time;
	uint16_t type, subtype;

	/* Inside a RIB record. */
	struct vrs_reader rib;
	unsigned entries_left;
	struct vrs_prefix prefix;

	struct vrs_mrt_peer *peers;
	size_t n_peers, cap_peers;
	uint32_t *index; /* Of the PEER_INDEX_TABLE: to peers. */
	size_t n_index;

	struct vrs_mrt_stats stats;
	char error[160];
};

static bool is_marker(const uint8_t *bytes)
{
	for (size_t i = 0; i < MARKER_SIZE; i++) {
		if (bytes[i] != 0xff)
			return false;
	}
	return true;
}

int vrs_mrt_open(const char *path, struct vrs_mrt **out)
{
	struct vrs_mrt *m = calloc(1, sizeof(*m));
	const char *reason;

	if (m == NULL)
		return -ENOMEM;
	int rc = vrs_mrt_source_open(path, &m->source);
	if (rc != 0) {
		free(m);
		return rc;
	}
	/* The source repeats an error at the next read: that one tells it. */
	ssize_t n = vrs_mrt_source_read(m->source, m->ahead, sizeof(m->ahead), &reason);
	m->n_ahead = n > 0 ? (size_t)n : 0;
	m->messages = m->n_ahead == MARKER_SIZE && is_marker(m->ahead);
	*out = m;
	return 0;
}

void vrs_mrt_close(struct vrs_mrt *m)
{
	if (m == NULL)
		return;
	vrs_mrt_source_close(m->source);
	free(m->record);
	free(m->peers);
	free(m->index);
	free(m);
}

const char *vrs_mrt_error(const struct vrs_mrt *m)
{
	return m->error;
}

uint64_t vrs_mrt_offset(const struct vrs_mrt *m)
{
	return m->offset;
}

const struct vrs_mrt_stats *vrs_mrt_stats(const struct vrs_mrt *m)
{
	return &m->stats;
}

const struct vrs_mrt_peer *vrs_mrt_peers(const struct vrs_mrt *m, size_t *n)
{
	*n = m->n_peers;
	return m->peers;
}

/* ---- Records ------------------------------------------------------------------------------ */

static int fail(struct vrs_mrt *m, uint64_t offset, int err, const char *what)
{
	(void)snprintf(m->error, sizeof(m->error), "at offset %" PRIu64 ": %s", offset, what);
	return err;
}

static int cut_short(struct vrs_mrt *m, size_t have, size_t want)
{
	char what[80];

	(void)snprintf(what, sizeof(what), "a %s is cut short: %zu of %zu bytes",
		m->messages ? "message" : "record", have, want);
	return fail(m, m->offset, -EBADMSG, what);
}

/* As vrs_mrt_source_read(), beginning with what was read ahead. */
static ssize_t take(struct vrs_mrt *m, uint8_t *to, size_t size, const char **reason)
{
	size_t n = VRS_MIN(size, m->n_ahead);

	if (size == 0)
		return 0; /* No record had a body yet: there is no buffer. */
	memcpy(to, m->ahead, n);
	memmove(m->ahead, m->ahead + n, m->n_ahead - n);
	m->n_ahead -= n;
	if (n == size)
		return (ssize_t)n;
	ssize_t more = vrs_mrt_source_read(m->source, to + n, size - n, reason);
	if (more < 0)
		return n > 0 ? (ssize_t)n : more;
	return (ssize_t)n + more;
}

static int record_room(struct vrs_mrt *m, size_t size)
{
	if (size <= m->cap)
		return 0;
	uint8_t *p = realloc(m->record, size);
	if (p == NULL)
		return fail(m, m->offset, -ENOMEM, "out of memory");
	m->record = p;
	m->cap = size;
	return 0;
}

/* @return 1 with header and body of the next record; 0 at the end; negative as vrs_mrt_next(). */
static int read_record(struct vrs_mrt *m, size_t *size)
{
	uint8_t header[HEADER_SIZE];
	const char *reason = NULL;

	m->offset = m->next_offset;
	ssize_t n = take(m, header, sizeof(header), &reason);

	if (n < 0)
		return fail(m, m->offset, -EIO, reason);
	if (n == 0)
		return 0;
	if ((size_t)n < sizeof(header))
		return cut_short(m, (size_t)n, sizeof(header));
	struct vrs_reader r = vrs_reader_init(header, sizeof(header));
	m->time = vrs_read_u32(&r);
	m->type = vrs_read_u16(&r);
	m->subtype = vrs_read_u16(&r);
	*size = vrs_read_u32(&r);
	if (*size > VRS_MRT_MAX_RECORD)
		return fail(m, m->offset, -EBADMSG, "a record is over 16 MiB: not an MRT file");

	int rc = record_room(m, *size);
	if (rc != 0)
		return rc;
	n = take(m, m->record, *size, &reason);
	if (n < 0)
		return fail(m, m->offset, -EIO, reason);
	if ((size_t)n < *size)
		return cut_short(m, sizeof(header) + (size_t)n, sizeof(header) + *size);
	m->next_offset += sizeof(header) + *size;
	m->stats.n_records++;
	return 1;
}

/* The body of a record makes no sense: remember the first, go on with the next record. */
static int malformed(struct vrs_mrt *m, const char *reason)
{
	if (m->stats.n_malformed++ == 0) {
		m->stats.bad_offset = m->offset;
		m->stats.bad_reason = reason;
	}
	m->entries_left = 0;
	return 0;
}

static int pass_over(struct vrs_mrt *m)
{
	m->stats.n_passed_over++;
	return 0;
}

static void read_addr(struct vrs_reader *r, enum vrs_afi afi, struct vrs_addr *a)
{
	size_t size = vrs_afi_width(afi) / 8;
	const uint8_t *p = vrs_read_bytes(r, size);

	*a = (struct vrs_addr){.afi = (uint8_t)afi};
	if (p != NULL)
		memcpy(a->bytes, p, size);
}

static int peer_index(struct vrs_mrt *m, const struct vrs_addr *addr, uint32_t asn, uint32_t *out)
{
	/* Newest first: entries of one peer come in runs, and there are few peers. */
	for (size_t i = m->n_peers; i-- > 0;) {
		if (m->peers[i].asn == asn && vrs_addr_equal(&m->peers[i].addr, addr)) {
			*out = (uint32_t)i;
			return 0;
		}
	}
	if (m->n_peers == m->cap_peers) {
		size_t cap = VRS_MAX(m->cap_peers * 2, (size_t)64);
		struct vrs_mrt_peer *p = reallocarray(m->peers, cap, sizeof(*p));
		if (p == NULL)
			return fail(m, m->offset, -ENOMEM, "out of memory");
		m->peers = p;
		m->cap_peers = cap;
	}
	*out = (uint32_t)m->n_peers;
	m->peers[m->n_peers++] = (struct vrs_mrt_peer){*addr, asn};
	return 0;
}

/* ---- TABLE_DUMP (RFC 6396, section 4.2) --------------------------------------------------- */

static int read_table_dump(struct vrs_mrt *m, struct vrs_reader *r, struct vrs_mrt_event *e)
{
	enum vrs_afi afi = m->subtype == 1 ? VRS_AFI_IP4 : VRS_AFI_IP6;
	struct vrs_addr prefix, peer;

	if (m->subtype != 1 && m->subtype != 2)
		return pass_over(m);
	(void)vrs_read_u32(r); /* View and sequence number. */
	read_addr(r, afi, &prefix);
	uint8_t len = vrs_read_u8(r);
	(void)vrs_read_u8(r); /* Status, 1. */
	e->time = vrs_read_u32(r);
	read_addr(r, afi, &peer);
	uint32_t asn = vrs_read_u16(r);
	e->attrs = vrs_read_span(r, vrs_read_u16(r));
	if (!vrs_reader_ok(r) || len > vrs_afi_width(afi))
		return malformed(m, "a TABLE_DUMP entry does not fit its record");
	e->kind = VRS_MRT_ROUTE;
	e->as4 = false;
	e->prefix = vrs_prefix_of(&prefix, len);
	int rc = peer_index(m, &peer, asn, &e->peer);
	return rc != 0 ? rc : 1;
}

/* ---- TABLE_DUMP_V2 (section 4.3) ---------------------------------------------------------- */

static int read_peer_index(struct vrs_mrt *m, struct vrs_reader *r)
{
	struct vrs_addr addr;
	int rc = 0;

	(void)vrs_read_u32(r);                   /* Collector. */
	(void)vrs_read_span(r, vrs_read_u16(r)); /* View name. */
	unsigned n = vrs_read_u16(r);
	uint32_t *index = calloc(n + 1, sizeof(*index));
	if (index == NULL)
		return fail(m, m->offset, -ENOMEM, "out of memory");
	for (unsigned i = 0; i < n && rc == 0; i++) {
		uint8_t type = vrs_read_u8(r);
		(void)vrs_read_u32(r); /* BGP Identifier. */
		read_addr(r, (type & 1) != 0 ? VRS_AFI_IP6 : VRS_AFI_IP4, &addr);
		uint32_t asn = (type & 2) != 0 ? vrs_read_u32(r) : vrs_read_u16(r);
		if (!vrs_reader_ok(r)) {
			free(index);
			return malformed(m, "the PEER_INDEX_TABLE does not fit its record");
		}
		rc = peer_index(m, &addr, asn, &index[i]);
	}
	free(m->index);
	m->index = index;
	m->n_index = rc == 0 ? n : 0;
	return rc;
}

static bool has_path_ids(const struct vrs_mrt *m)
{
	return m->subtype == V2_IP4_UNICAST_ADDPATH || m->subtype == V2_IP6_UNICAST_ADDPATH;
}

/* The next entry of the RIB record at hand. */
static int read_rib_entry(struct vrs_mrt *m, struct vrs_mrt_event *e)
{
	struct vrs_reader *r = &m->rib;

	m->entries_left--;
	unsigned peer = vrs_read_u16(r);
	e->time = vrs_read_u32(r);
	if (has_path_ids(m))
		(void)vrs_read_u32(r);
	e->attrs = vrs_read_span(r, vrs_read_u16(r));
	if (!vrs_reader_ok(r))
		return malformed(m, "a RIB entry does not fit its record");
	if (peer >= m->n_index)
		return malformed(m, "a RIB entry names a peer that is not in the PEER_INDEX_TABLE");
	e->kind = VRS_MRT_ROUTE;
	e->as4 = true;
	e->peer = m->index[peer];
	e->prefix = m->prefix;
	return 1;
}

static int read_rib(struct vrs_mrt *m, struct vrs_reader *r, enum vrs_afi afi)
{
	(void)vrs_read_u32(r); /* Sequence number. */
	int n = vrs_prefix_read(&m->prefix, afi, r->at, vrs_reader_left(r));
	if (!vrs_reader_ok(r) || n < 0)
		return malformed(m, "the prefix of a RIB record is malformed");
	(void)vrs_read_bytes(r, (size_t)n);
	m->entries_left = vrs_read_u16(r);
	m->rib = *r;
	if (!vrs_reader_ok(r))
		return malformed(m, "a RIB record is too short");
	return 0;
}

static int read_table_dump_v2(struct vrs_mrt *m, struct vrs_reader *r)
{
	switch (m->subtype) {
	case V2_PEER_INDEX:
		return read_peer_index(m, r);
	case V2_IP4_UNICAST:
	case V2_IP4_UNICAST_ADDPATH:
		return read_rib(m, r, VRS_AFI_IP4);
	case V2_IP6_UNICAST:
	case V2_IP6_UNICAST_ADDPATH:
		return read_rib(m, r, VRS_AFI_IP6);
	default:
		return pass_over(m);
	}
}

/* ---- BGP4MP (section 4.4) ----------------------------------------------------------------- */

static int read_bgp4mp(struct vrs_mrt *m, struct vrs_reader *r, struct vrs_mrt_event *e)
{
	bool state = m->subtype == MP_STATE_CHANGE || m->subtype == MP_STATE_CHANGE_AS4;
	struct vrs_addr peer, local;

	if (!state && m->subtype != MP_MESSAGE && m->subtype != MP_MESSAGE_AS4 &&
		m->subtype != MP_MESSAGE_LOCAL && m->subtype != MP_MESSAGE_AS4_LOCAL)
		return pass_over(m);
	e->fine = m->type == TYPE_BGP4MP_ET;
	e->microseconds = e->fine ? vrs_read_u32(r) : 0;
	e->as4 = m->subtype == MP_MESSAGE_AS4 || m->subtype == MP_STATE_CHANGE_AS4 ||
		m->subtype == MP_MESSAGE_AS4_LOCAL;
	uint32_t asn = e->as4 ? vrs_read_u32(r) : vrs_read_u16(r);
	(void)vrs_read_bytes(r, e->as4 ? 4 : 2); /* Local AS. */
	(void)vrs_read_u16(r);                   /* Interface. */
	uint16_t afi = vrs_read_u16(r);
	if (vrs_reader_ok(r) && afi != VRS_AFI_IP4 && afi != VRS_AFI_IP6)
		return malformed(m, "a BGP4MP record has peers of no known family");
	read_addr(r, afi == VRS_AFI_IP6 ? VRS_AFI_IP6 : VRS_AFI_IP4, &peer);
	read_addr(r, afi == VRS_AFI_IP6 ? VRS_AFI_IP6 : VRS_AFI_IP4, &local);
	if (state) {
		e->kind = VRS_MRT_STATE;
		e->old_state = vrs_read_u16(r);
		e->new_state = vrs_read_u16(r);
	} else {
		e->kind = VRS_MRT_MESSAGE;
		e->message = vrs_read_span(r, vrs_reader_left(r));
	}
	if (!vrs_reader_ok(r))
		return malformed(m, "a BGP4MP record is too short");
	e->time = m->time;
	int rc = peer_index(m, &peer, asn, &e->peer);
	return rc != 0 ? rc : 1;
}

/* ---- Message files ------------------------------------------------------------------------ */

/* As vrs_mrt_next(). */
static int read_message(struct vrs_mrt *m, struct vrs_mrt_event *e)
{
	const struct vrs_addr nobody = {.afi = VRS_AFI_IP4};
	const char *reason = NULL;
	int rc = record_room(m, UINT16_MAX);

	m->offset = m->next_offset;
	if (rc != 0)
		return rc;
	ssize_t n = take(m, m->record, MESSAGE_HEADER_SIZE, &reason);
	if (n < 0)
		return fail(m, m->offset, -EIO, reason);
	if (n == 0)
		return 0;
	if (n < MESSAGE_HEADER_SIZE)
		return cut_short(m, (size_t)n, MESSAGE_HEADER_SIZE);
	struct vrs_reader r = vrs_reader_init(m->record + MARKER_SIZE, 2);
	size_t size = vrs_read_u16(&r);
	if (!is_marker(m->record))
		return fail(m, m->offset, -EBADMSG, "no BGP message begins here");
	if (size < MESSAGE_HEADER_SIZE)
		return fail(m, m->offset, -EBADMSG, "a message is shorter than its header");

	n = take(m, m->record + MESSAGE_HEADER_SIZE, size - MESSAGE_HEADER_SIZE, &reason);
	if (n < 0)
		return fail(m, m->offset, -EIO, reason);
	if ((size_t)n < size - MESSAGE_HEADER_SIZE)
		return cut_short(m, MESSAGE_HEADER_SIZE + (size_t)n, size);
	m->next_offset += size;
	m->stats.n_records++;
	e->kind = VRS_MRT_MESSAGE;
	e->as4 = true;
	e->message = (struct vrs_span){m->record, size};
	rc = peer_index(m, &nobody, 0, &e->peer);
	return rc != 0 ? rc : 1;
}

int vrs_mrt_next(struct vrs_mrt *m, struct vrs_mrt_event *e)
{
	size_t size;
	int rc = 0;

	*e = (struct vrs_mrt_event){0};
	if (m->messages)
		return read_message(m, e);
	while (rc == 0) {
		if (m->entries_left > 0) {
			rc = read_rib_entry(m, e);
			continue;
		}
		rc = read_record(m, &size);
		if (rc <= 0)
			return rc;
		struct vrs_reader r = vrs_reader_init(m->record, size);
		if (m->type == TYPE_TABLE_DUMP)
			rc = read_table_dump(m, &r, e);
		else if (m->type == TYPE_TABLE_DUMP_V2)
			rc = read_table_dump_v2(m, &r);
		else if (m->type == TYPE_BGP4MP || m->type == TYPE_BGP4MP_ET)
			rc = read_bgp4mp(m, &r, e);
		else
			rc = pass_over(m);
	}
	return rc;
}
