/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#include "io/bgp/message.h"

#include "io/bgp/notification.h"

enum { MARKER_SIZE = 16, LENGTH_AT = 16, TYPE_AT = 18 };

/* Sizes with the header (RFC 4271 section 4; RFC 8654 section 4 for the extended ones). A
 * ROUTE-REFRESH of a wrong size has an error code of its own (RFC 7313 section 5). */
static const struct {
	const char *name;
	uint16_t min, max;
} types[VRS_BGP_N_TYPES] = {
	[VRS_BGP_OPEN] = {"OPEN", 29, VRS_BGP_MAX_SIZE},
	[VRS_BGP_UPDATE] = {"UPDATE", 23, VRS_BGP_MAX_SIZE_EXTENDED},
	[VRS_BGP_NOTIFICATION] = {"NOTIFICATION", 21, VRS_BGP_MAX_SIZE_EXTENDED},
	[VRS_BGP_KEEPALIVE] = {"KEEPALIVE", VRS_BGP_HEADER_SIZE, VRS_BGP_HEADER_SIZE},
	[VRS_BGP_REFRESH] = {"ROUTE-REFRESH", VRS_BGP_HEADER_SIZE, VRS_BGP_MAX_SIZE_EXTENDED},
};

const char *vrs_bgp_type_str(unsigned type)
{
	if (type >= VRS_BGP_N_TYPES || types[type].name == NULL)
		return "unknown";
	return types[type].name;
}

static struct vrs_bgp_verdict header_error(
	uint8_t subcode, const char *reason, const uint8_t *data, size_t size)
{
	struct vrs_bgp_verdict v = vrs_bgp_reset(VRS_BGP_ERR_HEADER, subcode, reason);

	v.data = (struct vrs_span){data, size};
	return v;
}

static bool marker_ok(const uint8_t *marker)
{
	static const uint8_t ones[MARKER_SIZE] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

	return memcmp(marker, ones, MARKER_SIZE) == 0;
}

enum vrs_bgp_frame vrs_bgp_message_frame(const uint8_t *data, size_t size, size_t max,
	struct vrs_bgp_message *out, struct vrs_bgp_verdict *verdict)
{
	struct vrs_reader r = vrs_reader_init(data, size);
	const uint8_t *marker = vrs_read_bytes(&r, MARKER_SIZE);
	uint16_t length = vrs_read_u16(&r);
	uint8_t type = vrs_read_u8(&r);

	if (!vrs_reader_ok(&r))
		return VRS_BGP_FRAME_MORE;
	if (!marker_ok(marker)) {
		*verdict = header_error(
			VRS_BGP_HEADER_NOT_SYNCHRONIZED, "marker is not all ones", NULL, 0);
		return VRS_BGP_FRAME_ERROR;
	}
	bool known = type < VRS_BGP_N_TYPES && types[type].name != NULL;
	size_t low = known ? types[type].min : VRS_BGP_HEADER_SIZE;
	size_t high = known ? VRS_MIN(max, types[type].max) : max;
	if (length < low || length > high) {
		*verdict = header_error(
			VRS_BGP_HEADER_BAD_LENGTH, "bad message length", marker + LENGTH_AT, 2);
		return VRS_BGP_FRAME_ERROR;
	}
	if (!known) {
		*verdict = header_error(
			VRS_BGP_HEADER_BAD_TYPE, "unknown message type", marker + TYPE_AT, 1);
		return VRS_BGP_FRAME_ERROR;
	}
	struct vrs_span body = vrs_read_span(&r, length - VRS_BGP_HEADER_SIZE);
	if (!vrs_reader_ok(&r))
		return VRS_BGP_FRAME_MORE;
	*out = (struct vrs_bgp_message){type, {data, length}, body};
	return VRS_BGP_FRAME_MESSAGE;
}

void vrs_bgp_message_begin(struct vrs_writer *w, enum vrs_bgp_type type)
{
	uint8_t *marker = vrs_write_reserve(w, MARKER_SIZE);

	if (marker != NULL)
		memset(marker, 0xff, MARKER_SIZE);
	vrs_write_u16(w, 0);
	vrs_write_u8(w, (uint8_t)type);
}

size_t vrs_bgp_message_end(struct vrs_writer *w)
{
	if (!vrs_writer_ok(w))
		return 0;
	size_t size = vrs_writer_size(w);
	vrs_put_u16(w->start + LENGTH_AT, (uint16_t)size);
	return size;
}

size_t vrs_bgp_keepalive_encode(uint8_t *buf, size_t cap)
{
	struct vrs_writer w = vrs_writer_init(buf, cap);

	vrs_bgp_message_begin(&w, VRS_BGP_KEEPALIVE);
	return vrs_bgp_message_end(&w);
}
