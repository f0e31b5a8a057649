/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#include "io/bgp/encode.h"
#include "io/bgp/notification.h"
#include "io/bgp/open.h"
#include "io/bgp/refresh.h"
#include "tests/fuzz/fuzz.h"

static void decode(const struct vrs_bgp_message *m)
{
	struct vrs_bgp_notification n;
	struct vrs_bgp_refresh r;
	struct vrs_bgp_open o;

	switch (m->type) {
	case VRS_BGP_NOTIFICATION:
		FUZZ_CHECK(vrs_bgp_notification_decode(m->body.data, m->body.size, &n) == 0);
		FUZZ_CHECK(strlen(n.text) < sizeof(n.text));
		(void)vrs_bgp_suberror_str(n.code, n.subcode);
		break;
	case VRS_BGP_REFRESH:
		(void)vrs_bgp_refresh_decode(m, &r);
		break;
	case VRS_BGP_OPEN:
		(void)vrs_bgp_open_decode(m->body.data, m->body.size, &o);
		break;
	default:
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct vrs_bgp_message m;
	struct vrs_bgp_verdict v;
	size_t at = 0;

	for (;;) {
		enum vrs_bgp_frame frame = vrs_bgp_message_frame(
			data + at, size - at, VRS_BGP_MAX_SIZE_EXTENDED, &m, &v);

		if (frame == VRS_BGP_FRAME_ERROR)
			FUZZ_CHECK(v.action == VRS_BGP_RESET && v.code == VRS_BGP_ERR_HEADER);
		if (frame != VRS_BGP_FRAME_MESSAGE)
			return 0;
		FUZZ_CHECK(m.raw.size >= VRS_BGP_HEADER_SIZE && m.raw.size <= size - at);
		decode(&m);
		at += m.raw.size;
	}
}

size_t fuzz_seed(unsigned i, uint8_t *out, size_t cap)
{
	static const struct vrs_bgp_refresh refresh = {1, 1, 0};
	static const struct vrs_bgp_open open = {
		.asn = 65001, .id = 1, .hold = 90, .caps = 0xff, .families = 3, .gr_families = 3};

	switch (i) {
	case 0:
		return vrs_bgp_keepalive_encode(out, cap);
	case 1:
		return vrs_bgp_cease_encode(VRS_BGP_CEASE_SHUTDOWN, "text \xc3\xa4", out, cap);
	case 2:
		return vrs_bgp_refresh_encode(&refresh, out, cap);
	case 3:
		return vrs_bgp_eor_encode(VRS_AFI_IP6, out, cap);
	case 4:
		return vrs_bgp_open_encode(&open, out, cap);
	case 5: {
		size_t size = vrs_bgp_keepalive_encode(out, cap);

		return size + vrs_bgp_open_encode(&open, out + size, cap - size);
	}
	default:
		return 0;
	}
}
