/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#include "io/bgp/refresh.h"

#include "io/bgp/notification.h"

struct vrs_bgp_verdict vrs_bgp_refresh_decode(
	const struct vrs_bgp_message *message, struct vrs_bgp_refresh *out)
{
	struct vrs_reader r = vrs_reader_span(message->body);
	uint16_t afi = vrs_read_u16(&r);
	uint8_t subtype = vrs_read_u8(&r), safi = vrs_read_u8(&r);

	/* RFC 7313 section 5. Anything after the four bytes would be ORF (RFC 5291), which we
	 * never negotiate. */
	if (!vrs_reader_ok(&r) || vrs_reader_left(&r) != 0) {
		struct vrs_bgp_verdict v = vrs_bgp_reset(VRS_BGP_ERR_REFRESH,
			VRS_BGP_REFRESH_BAD_LENGTH, "ROUTE-REFRESH is not 4 bytes");

		v.data = message->raw;
		return v;
	}
	*out = (struct vrs_bgp_refresh){afi, safi, subtype};
	return (struct vrs_bgp_verdict){.action = VRS_BGP_ACCEPT};
}

size_t vrs_bgp_refresh_encode(const struct vrs_bgp_refresh *refresh, uint8_t *buf, size_t cap)
{
	struct vrs_writer w = vrs_writer_init(buf, cap);

	vrs_bgp_message_begin(&w, VRS_BGP_REFRESH);
	vrs_write_u16(&w, refresh->afi);
	vrs_write_u8(&w, refresh->subtype);
	vrs_write_u8(&w, refresh->safi);
	return vrs_bgp_message_end(&w);
}
