/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#include "io/bgp/notification.h"

#include <errno.h>

enum { TEXT_MAX = 255, SUBCODES = 13 };

static const struct {
	const char *name;
	const char *sub[SUBCODES];
} errors[] = {
	[VRS_BGP_ERR_HEADER] = {"Message Header Error",
		{[1] = "Connection Not Synchronized", "Bad Message Length", "Bad Message Type"}},
	[VRS_BGP_ERR_OPEN] = {"OPEN Message Error",
		{[1] = "Unsupported Version Number",
			"Bad Peer AS",
			"Bad BGP Identifier",
			"Unsupported Optional Parameter",
			"Authentication Failure (deprecated)",
			"Unacceptable Hold Time",
			"Unsupported Capability",
			[11] = "Role Mismatch"}},
	[VRS_BGP_ERR_UPDATE] = {"UPDATE Message Error",
		{[1] = "Malformed Attribute List",
			"Unrecognized Well-known Attribute",
			"Missing Well-known Attribute",
			"Attribute Flags Error",
			"Attribute Length Error",
			"Invalid ORIGIN Attribute",
			"AS Routing Loop (deprecated)",
			"Invalid NEXT_HOP Attribute",
			"Optional Attribute Error",
			"Invalid Network Field",
			"Malformed AS_PATH"}},
	[VRS_BGP_ERR_HOLD_TIMER] = {"Hold Timer Expired", {NULL}},
	[VRS_BGP_ERR_FSM] = {"Finite State Machine Error",
		{[1] = "Unexpected Message in OpenSent",
			"Unexpected Message in OpenConfirm",
			"Unexpected Message in Established"}},
	[VRS_BGP_ERR_CEASE] = {"Cease",
		{[1] = "Maximum Number of Prefixes Reached",
			"Administrative Shutdown",
			"Peer De-configured",
			"Administrative Reset",
			"Connection Rejected",
			"Other Configuration Change",
			"Connection Collision Resolution",
			"Out of Resources",
			"Hard Reset",
			"BFD Down"}},
	[VRS_BGP_ERR_REFRESH] = {"ROUTE-REFRESH Message Error", {[1] = "Invalid Message Length"}},
	[VRS_BGP_ERR_SEND_HOLD_TIMER] = {"Send Hold Timer Expired", {NULL}},
};

const char *vrs_bgp_error_str(unsigned code)
{
	if (code >= VRS_N_ELEMS(errors) || errors[code].name == NULL)
		return "Unknown";
	return errors[code].name;
}

const char *vrs_bgp_suberror_str(unsigned code, unsigned subcode)
{
	if (code >= VRS_N_ELEMS(errors) || subcode >= SUBCODES || errors[code].sub[subcode] == NULL)
		return "";
	return errors[code].sub[subcode];
}

/* Bytes of the UTF-8 character at the reader (RFC 3629: no overlong forms, no surrogates), or
 * 0. Consumes it. */
static unsigned utf8_next(struct vrs_reader *r)
{
	uint8_t lead = vrs_read_u8(r);
	uint8_t low = 0x80, high = 0xbf;
	unsigned more;

	if (lead < 0x80)
		return 1;
	if (lead >= 0xc2 && lead <= 0xdf)
		more = 1;
	else if (lead >= 0xe0 && lead <= 0xef)
		more = 2;
	else if (lead >= 0xf0 && lead <= 0xf4)
		more = 3;
	else
		return 0;
	if (lead == 0xe0)
		low = 0xa0;
	else if (lead == 0xed)
		high = 0x9f;
	else if (lead == 0xf0)
		low = 0x90;
	else if (lead == 0xf4)
		high = 0x8f;
	for (unsigned i = 0; i < more; i++) {
		uint8_t next = vrs_read_u8(r);

		if (!vrs_reader_ok(r) || next < low || next > high)
			return 0;
		low = 0x80;
		high = 0xbf;
	}
	return 1 + more;
}

/* The longest run of whole characters from the start within @p limit bytes. @return Its size,
 * or -1 when what was looked at is not UTF-8. */
static int utf8_fit(const uint8_t *text, size_t size, size_t limit)
{
	struct vrs_reader r = vrs_reader_init(text, size);
	size_t fit = 0;

	while (vrs_reader_left(&r) > 0) {
		unsigned n = utf8_next(&r);

		if (n == 0)
			return -1;
		if (fit + n > limit)
			break;
		fit += n;
	}
	return (int)fit;
}

static bool carries_text(unsigned code, unsigned subcode)
{
	return code == VRS_BGP_ERR_CEASE &&
		(subcode == VRS_BGP_CEASE_SHUTDOWN || subcode == VRS_BGP_CEASE_RESET);
}

static void decode_text(struct vrs_span data, char out[VRS_BGP_SHUTDOWN_STRLEN])
{
	struct vrs_reader r = vrs_reader_span(data);
	size_t size = vrs_read_u8(&r);
	struct vrs_span text = vrs_read_span(&r, size);

	if (!vrs_reader_ok(&r) || utf8_fit(text.data, text.size, TEXT_MAX) != (int)text.size)
		return;
	for (size_t i = 0; i < text.size; i++) {
		uint8_t c = text.data[i];

		/* It goes to logs and terminals: no control characters. */
		out[i] = c < 0x20 || c == 0x7f ? '?' : (char)c;
	}
	out[text.size] = '\0';
}

int vrs_bgp_notification_decode(const uint8_t *body, size_t size, struct vrs_bgp_notification *out)
{
	struct vrs_reader r = vrs_reader_init(body, size);
	uint8_t code = vrs_read_u8(&r), subcode = vrs_read_u8(&r);

	if (!vrs_reader_ok(&r))
		return -EBADMSG;
	out->code = code;
	out->subcode = subcode;
	out->data = vrs_read_span(&r, vrs_reader_left(&r));
	out->text[0] = '\0';
	if (carries_text(code, subcode))
		decode_text(out->data, out->text);
	return 0;
}

size_t vrs_bgp_notification_encode(
	uint8_t code, uint8_t subcode, struct vrs_span data, uint8_t *buf, size_t cap)
{
	struct vrs_writer w = vrs_writer_init(buf, cap);

	vrs_bgp_message_begin(&w, VRS_BGP_NOTIFICATION);
	vrs_write_u8(&w, code);
	vrs_write_u8(&w, subcode);
	vrs_write_bytes(&w, data.data, VRS_MIN(data.size, vrs_writer_left(&w)));
	return vrs_bgp_message_end(&w);
}

size_t vrs_bgp_cease_encode(enum vrs_bgp_cease subcode, const char *text, uint8_t *buf, size_t cap)
{
	uint8_t data[1 + TEXT_MAX] = {0};
	size_t size = 0;

	if (text != NULL && text[0] != '\0' && carries_text(VRS_BGP_ERR_CEASE, subcode)) {
		int fit = utf8_fit((const uint8_t *)text, strlen(text), TEXT_MAX);

		if (fit > 0) {
			data[0] = (uint8_t)fit;
			memcpy(data + 1, text, (size_t)fit);
			size = 1 + (size_t)fit;
		}
	}
	return vrs_bgp_notification_encode(
		VRS_BGP_ERR_CEASE, (uint8_t)subcode, (struct vrs_span){data, size}, buf, cap);
}
