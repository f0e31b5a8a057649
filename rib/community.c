/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#include "rib/community.h"

#include <stdio.h>

#include "rib/base/bytes.h"

const char *vrs_community_str(uint32_t value, char out[VRS_COMMUNITY_STRLEN])
{
	(void)snprintf(out, VRS_COMMUNITY_STRLEN, "%u:%u", value >> 16, value & 0xffff);
	return out;
}

/* High octet of a type, transitive bit aside (RFC 4360 section 3, RFC 5668). */
enum { EXT_AS2 = 0x00, EXT_IP4 = 0x01, EXT_AS4 = 0x02, EXT_NON_TRANSITIVE = 0x40 };
enum { EXT_RT = 0x02, EXT_RO = 0x03 };

const char *vrs_ext_community_str(const uint8_t value[8], char out[VRS_COMMUNITY_STRLEN])
{
	struct vrs_reader r = vrs_reader_init(value, 8);
	unsigned type = vrs_read_u8(&r), subtype = vrs_read_u8(&r);
	unsigned kind = type & ~(unsigned)EXT_NON_TRANSITIVE;
	const char *name = subtype == EXT_RT ? "rt" : "ro";

	if ((subtype != EXT_RT && subtype != EXT_RO) || kind > EXT_AS4) {
		r = vrs_reader_init(value, 8);
		uint32_t high = vrs_read_u32(&r), low = vrs_read_u32(&r);

		(void)snprintf(out, VRS_COMMUNITY_STRLEN, "generic:0x%x:0x%x", high, low);
	} else if (kind == EXT_AS2) {
		unsigned asn = vrs_read_u16(&r);

		(void)snprintf(out, VRS_COMMUNITY_STRLEN, "%s:%u:%u", name, asn, vrs_read_u32(&r));
	} else {
		uint32_t head = vrs_read_u32(&r);
		unsigned tail = vrs_read_u16(&r);

		if (kind == EXT_IP4)
			(void)snprintf(out, VRS_COMMUNITY_STRLEN, "%s:%u.%u.%u.%u:%u", name,
				head >> 24, head >> 16 & 0xff, head >> 8 & 0xff, head & 0xff, tail);
		else
			(void)snprintf(out, VRS_COMMUNITY_STRLEN, "%s:%u:%u", name, head, tail);
	}
	return out;
}

const char *vrs_large_community_str(const uint8_t value[12], char out[VRS_COMMUNITY_STRLEN])
{
	struct vrs_reader r = vrs_reader_init(value, 12);
	uint32_t a = vrs_read_u32(&r), b = vrs_read_u32(&r), c = vrs_read_u32(&r);

	(void)snprintf(out, VRS_COMMUNITY_STRLEN, "%u:%u:%u", a, b, c);
	return out;
}
