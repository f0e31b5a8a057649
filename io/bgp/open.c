/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#include "io/bgp/open.h"

#include "io/bgp/notification.h"
#include "rib/prefix.h"

enum { BGP_VERSION = 4, PARAM_CAPABILITIES = 2, PARAM_EXTENDED = 255 };

enum cap_code {
	CODE_MULTIPROTOCOL = 1,
	CODE_REFRESH = 2,
	CODE_EXT_NEXT_HOP = 5,
	CODE_EXT_MESSAGE = 6,
	CODE_ROLE = 9,
	CODE_GRACEFUL_RESTART = 64,
	CODE_AS4 = 65,
	CODE_ENHANCED_REFRESH = 70,
};

/* What is known while the capabilities go by. */
struct decoding {
	struct vrs_bgp_open *open;
	struct vrs_bgp_verdict verdict;
	bool as4_seen;
	uint32_t as4;
};

static const struct vrs_bgp_verdict accepted = {.action = VRS_BGP_ACCEPT};

static struct vrs_bgp_verdict open_error(uint8_t subcode, const char *reason)
{
	return vrs_bgp_reset(VRS_BGP_ERR_OPEN, subcode, reason);
}

static uint8_t family_of(unsigned afi, unsigned safi)
{
	if (safi != VRS_BGP_SAFI_UNICAST)
		return 0;
	return afi == VRS_AFI_IP4 ? VRS_BGP_IP4 : afi == VRS_AFI_IP6 ? VRS_BGP_IP6 : 0;
}

static bool cap_multiprotocol(struct decoding *d, struct vrs_reader *r)
{
	uint16_t afi = vrs_read_u16(r);

	vrs_read_u8(r);
	d->open->families |= family_of(afi, vrs_read_u8(r));
	return vrs_reader_ok(r) && vrs_reader_left(r) == 0;
}

static bool cap_ext_next_hop(struct decoding *d, struct vrs_reader *r)
{
	while (vrs_reader_left(r) > 0) {
		uint16_t afi = vrs_read_u16(r), safi = vrs_read_u16(r), nh = vrs_read_u16(r);

		if (vrs_reader_ok(r) && nh == VRS_AFI_IP6 && afi == VRS_AFI_IP4)
			d->open->ext_next_hop |= family_of(afi, safi);
	}
	return vrs_reader_ok(r);
}

static bool cap_role(struct decoding *d, struct vrs_reader *r)
{
	uint8_t role = vrs_read_u8(r);

	if (!vrs_reader_ok(r) || vrs_reader_left(r) != 0)
		return false;
	/* RFC 9234 section 4.2: repeated ones must agree. */
	if ((d->open->caps & VRS_BGP_CAP_ROLE) != 0 && d->open->role != role)
		d->verdict = open_error(VRS_BGP_OPEN_ROLE_MISMATCH, "roles that differ");
	d->open->role = role;
	return true;
}

static bool cap_graceful_restart(struct decoding *d, struct vrs_reader *r)
{
	uint16_t head = vrs_read_u16(r);

	d->open->gr_flags = (uint8_t)(head >> 12);
	d->open->gr_time = head & 0xfff;
	while (vrs_reader_left(r) > 0) {
		uint16_t afi = vrs_read_u16(r);
		uint8_t family = family_of(afi, vrs_read_u8(r));
		uint8_t flags = vrs_read_u8(r);

		d->open->gr_families |= family;
		if ((flags & 0x80) != 0)
			d->open->gr_forwarding |= family;
	}
	return vrs_reader_ok(r);
}

static bool cap_as4(struct decoding *d, struct vrs_reader *r)
{
	d->as4 = vrs_read_u32(r);
	d->as4_seen = true;
	return vrs_reader_ok(r) && vrs_reader_left(r) == 0;
}

static const struct {
	uint8_t code;
	uint16_t bit;
	bool (*read)(struct decoding *d, struct vrs_reader *r); /* false: malformed */
} caps[] = {
	{CODE_MULTIPROTOCOL, VRS_BGP_CAP_MULTIPROTOCOL, cap_multiprotocol},
	{CODE_REFRESH, VRS_BGP_CAP_REFRESH, NULL},
	{CODE_EXT_NEXT_HOP, VRS_BGP_CAP_EXT_NEXT_HOP, cap_ext_next_hop},
	{CODE_EXT_MESSAGE, VRS_BGP_CAP_EXT_MESSAGE, NULL},
	{CODE_ROLE, VRS_BGP_CAP_ROLE, cap_role},
	{CODE_GRACEFUL_RESTART, VRS_BGP_CAP_GRACEFUL_RESTART, cap_graceful_restart},
	{CODE_AS4, VRS_BGP_CAP_AS4, cap_as4},
	{CODE_ENHANCED_REFRESH, VRS_BGP_CAP_ENHANCED_REFRESH, NULL},
};

/* A capability we do not know is skipped (RFC 5492 section 3). @return false: malformed. */
static bool read_capability(struct decoding *d, uint8_t code, struct vrs_span value)
{
	for (size_t i = 0; i < VRS_N_ELEMS(caps); i++) {
		struct vrs_reader r = vrs_reader_span(value);

		if (caps[i].code != code)
			continue;
		if (caps[i].read != NULL && !caps[i].read(d, &r))
			return false;
		d->open->caps |= caps[i].bit;
		return true;
	}
	return true;
}

static bool read_capabilities(struct decoding *d, struct vrs_span value)
{
	struct vrs_reader r = vrs_reader_span(value);

	while (vrs_reader_left(&r) > 0) {
		uint8_t code = vrs_read_u8(&r);
		size_t size = vrs_read_u8(&r);
		struct vrs_span cap = vrs_read_span(&r, size);

		if (!vrs_reader_ok(&r) || !read_capability(d, code, cap))
			return false;
	}
	return true;
}

static struct vrs_bgp_verdict read_parameters(struct decoding *d, struct vrs_reader *r)
{
	size_t total = vrs_read_u8(r);
	bool extended = false;

	/* RFC 9072: a first parameter of type 255 says that sizes are two bytes, whatever the
	 * one-byte length (which should be 255) is. */
	if (total > 0 && vrs_reader_left(r) >= 3) {
		struct vrs_reader peek = *r;

		if (vrs_read_u8(&peek) == PARAM_EXTENDED) {
			extended = true;
			*r = peek;
			total = vrs_read_u16(r);
		}
	}
	if (!vrs_reader_ok(r) || vrs_reader_left(r) != total)
		return open_error(VRS_BGP_OPEN_UNSPECIFIC, "optional parameters have another size");
	while (vrs_reader_left(r) > 0) {
		uint8_t type = vrs_read_u8(r);
		size_t size = extended ? vrs_read_u16(r) : vrs_read_u8(r);
		struct vrs_span value = vrs_read_span(r, size);

		if (!vrs_reader_ok(r))
			return open_error(
				VRS_BGP_OPEN_UNSPECIFIC, "an optional parameter is cut short");
		if (type != PARAM_CAPABILITIES)
			return open_error(
				VRS_BGP_OPEN_BAD_PARAMETER, "unsupported optional parameter");
		if (!read_capabilities(d, value))
			return open_error(VRS_BGP_OPEN_UNSPECIFIC, "a capability is malformed");
	}
	return d->verdict;
}

/* RFC 6793 section 4.2.1, RFC 7607 section 2. */
static struct vrs_bgp_verdict resolve_asn(struct decoding *d, uint16_t asn2)
{
	if (asn2 == 0 || (d->as4_seen && d->as4 == 0))
		return open_error(VRS_BGP_OPEN_BAD_PEER_AS, "AS 0");
	if (d->as4_seen && asn2 != VRS_BGP_AS_TRANS && asn2 != d->as4)
		return open_error(VRS_BGP_OPEN_BAD_PEER_AS, "2-byte and 4-byte AS differ");
	d->open->asn = d->as4_seen ? d->as4 : asn2;
	return accepted;
}

struct vrs_bgp_verdict vrs_bgp_open_decode(
	const uint8_t *body, size_t size, struct vrs_bgp_open *out)
{
	/* The largest version that we support and that is not above theirs (RFC 4271 6.2). */
	static const uint8_t our_version[2] = {0, BGP_VERSION};
	struct vrs_reader r = vrs_reader_init(body, size);
	struct vrs_bgp_open open = {0};
	struct decoding d = {.open = &open, .verdict = accepted};

	uint8_t version = vrs_read_u8(&r);
	uint16_t asn2 = vrs_read_u16(&r);
	open.hold = vrs_read_u16(&r);
	open.id = vrs_read_u32(&r);
	if (!vrs_reader_ok(&r) || vrs_reader_left(&r) == 0)
		return vrs_bgp_reset(
			VRS_BGP_ERR_HEADER, VRS_BGP_HEADER_BAD_LENGTH, "OPEN is cut short");
	if (version != BGP_VERSION) {
		struct vrs_bgp_verdict v =
			open_error(VRS_BGP_OPEN_BAD_VERSION, "BGP version is not 4");

		v.data = (struct vrs_span){our_version, sizeof(our_version)};
		return v;
	}
	struct vrs_bgp_verdict params = read_parameters(&d, &r);
	struct vrs_bgp_verdict as = resolve_asn(&d, asn2);
	if (as.action != VRS_BGP_ACCEPT && params.action == VRS_BGP_ACCEPT)
		return as;
	if (open.id == 0)
		return open_error(VRS_BGP_OPEN_BAD_ID, "BGP Identifier 0");
	if (open.hold == 1 || open.hold == 2)
		return open_error(VRS_BGP_OPEN_BAD_HOLD_TIME, "hold time of 1 or 2 s");
	if (params.action != VRS_BGP_ACCEPT)
		return params;
	if ((open.caps & VRS_BGP_CAP_MULTIPROTOCOL) == 0)
		open.families = VRS_BGP_IP4;
	*out = open;
	return accepted;
}

/* RFC 9234 section 4.2, table 2. */
static bool roles_match(unsigned ours, unsigned theirs)
{
	static const uint8_t match[] = {
		[VRS_BGP_ROLE_PROVIDER] = VRS_BGP_ROLE_CUSTOMER,
		[VRS_BGP_ROLE_RS] = VRS_BGP_ROLE_RS_CLIENT,
		[VRS_BGP_ROLE_RS_CLIENT] = VRS_BGP_ROLE_RS,
		[VRS_BGP_ROLE_CUSTOMER] = VRS_BGP_ROLE_PROVIDER,
		[VRS_BGP_ROLE_PEER] = VRS_BGP_ROLE_PEER,
	};

	return ours < VRS_N_ELEMS(match) && match[ours] == theirs;
}

struct vrs_bgp_verdict vrs_bgp_open_check(
	const struct vrs_bgp_open *ours, const struct vrs_bgp_open *theirs, uint32_t expect_asn)
{
	if (theirs->asn != expect_asn)
		return open_error(VRS_BGP_OPEN_BAD_PEER_AS, "not the AS we expect");
	if (theirs->asn == ours->asn && theirs->id == ours->id)
		return open_error(VRS_BGP_OPEN_BAD_ID, "our own BGP Identifier");
	/* Roles are for external sessions (RFC 9234 section 4). */
	if (theirs->asn != ours->asn && (ours->caps & theirs->caps & VRS_BGP_CAP_ROLE) != 0 &&
		!roles_match(ours->role, theirs->role))
		return open_error(VRS_BGP_OPEN_ROLE_MISMATCH, "roles do not match");
	return accepted;
}

static void cap_begin(struct vrs_writer *w, enum cap_code code, size_t size)
{
	vrs_write_u8(w, (uint8_t)code);
	vrs_write_u8(w, (uint8_t)size);
}

static void write_family(struct vrs_writer *w, const struct vrs_bgp_open *o, uint8_t family)
{
	if ((o->families & family) == 0)
		return;
	cap_begin(w, CODE_MULTIPROTOCOL, 4);
	vrs_write_u16(w, family == VRS_BGP_IP4 ? VRS_AFI_IP4 : VRS_AFI_IP6);
	vrs_write_u16(w, VRS_BGP_SAFI_UNICAST);
}

static void write_gr_family(struct vrs_writer *w, const struct vrs_bgp_open *o, uint8_t family)
{
	if ((o->gr_families & family) == 0)
		return;
	vrs_write_u16(w, family == VRS_BGP_IP4 ? VRS_AFI_IP4 : VRS_AFI_IP6);
	vrs_write_u8(w, VRS_BGP_SAFI_UNICAST);
	vrs_write_u8(w, (o->gr_forwarding & family) != 0 ? 0x80 : 0);
}

static void write_capabilities(struct vrs_writer *w, const struct vrs_bgp_open *o)
{
	if ((o->caps & VRS_BGP_CAP_MULTIPROTOCOL) != 0) {
		write_family(w, o, VRS_BGP_IP4);
		write_family(w, o, VRS_BGP_IP6);
	}
	if ((o->caps & VRS_BGP_CAP_REFRESH) != 0)
		cap_begin(w, CODE_REFRESH, 0);
	if ((o->caps & VRS_BGP_CAP_EXT_NEXT_HOP) != 0) {
		cap_begin(w, CODE_EXT_NEXT_HOP, 6);
		vrs_write_u16(w, VRS_AFI_IP4);
		vrs_write_u16(w, VRS_BGP_SAFI_UNICAST);
		vrs_write_u16(w, VRS_AFI_IP6);
	}
	if ((o->caps & VRS_BGP_CAP_EXT_MESSAGE) != 0)
		cap_begin(w, CODE_EXT_MESSAGE, 0);
	if ((o->caps & VRS_BGP_CAP_ROLE) != 0) {
		cap_begin(w, CODE_ROLE, 1);
		vrs_write_u8(w, o->role);
	}
	if ((o->caps & VRS_BGP_CAP_GRACEFUL_RESTART) != 0) {
		size_t n = (o->gr_families & VRS_BGP_IP4 ? 1u : 0u) +
			(o->gr_families & VRS_BGP_IP6 ? 1u : 0u);

		cap_begin(w, CODE_GRACEFUL_RESTART, 2 + 4 * n);
		vrs_write_u16(w, (uint16_t)(o->gr_flags << 12 | (o->gr_time & 0xfff)));
		write_gr_family(w, o, VRS_BGP_IP4);
		write_gr_family(w, o, VRS_BGP_IP6);
	}
	if ((o->caps & VRS_BGP_CAP_AS4) != 0) {
		cap_begin(w, CODE_AS4, 4);
		vrs_write_u32(w, o->asn);
	}
	if ((o->caps & VRS_BGP_CAP_ENHANCED_REFRESH) != 0)
		cap_begin(w, CODE_ENHANCED_REFRESH, 0);
}

size_t vrs_bgp_open_encode(const struct vrs_bgp_open *open, uint8_t *buf, size_t cap)
{
	uint8_t space[256];
	struct vrs_writer c = vrs_writer_init(space, sizeof(space));
	struct vrs_writer w = vrs_writer_init(buf, cap);

	write_capabilities(&c, open);
	size_t size = vrs_writer_size(&c);
	assert(vrs_writer_ok(&c) && size + 2 <= 255);

	vrs_bgp_message_begin(&w, VRS_BGP_OPEN);
	vrs_write_u8(&w, BGP_VERSION);
	vrs_write_u16(&w, (uint16_t)(open->asn > UINT16_MAX ? VRS_BGP_AS_TRANS : open->asn));
	vrs_write_u16(&w, open->hold);
	vrs_write_u32(&w, open->id);
	if (open->extended) {
		vrs_write_u8(&w, 255);
		vrs_write_u8(&w, PARAM_EXTENDED);
		vrs_write_u16(&w, (uint16_t)(size > 0 ? size + 3 : 0));
	} else {
		vrs_write_u8(&w, (uint8_t)(size > 0 ? size + 2 : 0));
	}
	if (size > 0) {
		vrs_write_u8(&w, PARAM_CAPABILITIES);
		if (open->extended)
			vrs_write_u8(&w, 0);
		vrs_write_u8(&w, (uint8_t)size);
		vrs_write_bytes(&w, space, size);
	}
	return vrs_bgp_message_end(&w);
}
