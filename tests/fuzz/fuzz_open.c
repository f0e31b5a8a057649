/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#include "io/bgp/open.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct vrs_bgp_open a, b;
	uint8_t message[512];

	if (vrs_bgp_open_decode(data, size, &a).action != VRS_BGP_ACCEPT)
		return 0;
	FUZZ_CHECK(a.asn != 0 && a.id != 0 && a.hold != 1 && a.hold != 2);
	/* Of families that are all unknown nothing is left to say again. */
	if (a.families == 0)
		return 0;
	/* What we understood of it is what we would say. */
	if ((a.caps & VRS_BGP_CAP_EXT_NEXT_HOP) != 0)
		a.ext_next_hop = VRS_BGP_IP4;
	a.extended = size % 2 != 0;
	size_t n = vrs_bgp_open_encode(&a, message, sizeof(message));
	FUZZ_CHECK(n > 0);
	FUZZ_CHECK(vrs_bgp_open_decode(message + 19, n - 19, &b).action == VRS_BGP_ACCEPT);
	a.extended = false;
	FUZZ_CHECK(memcmp(&a, &b, sizeof(a)) == 0);
	return 0;
}

size_t fuzz_seed(unsigned i, uint8_t *out, size_t cap)
{
	struct vrs_bgp_open open = {.asn = i % 2 != 0 ? 65001 : 4200000000u,
		.id = 0x0a000001,
		.hold = 90,
		.caps = (uint16_t)(0xff >> i % 8),
		.families = 3,
		.role = 2,
		.gr_time = 120,
		.gr_families = 3,
		.extended = i >= 8};
	uint8_t message[512];

	if (i >= 16)
		return 0;
	size_t size = vrs_bgp_open_encode(&open, message, sizeof(message)) - VRS_BGP_HEADER_SIZE;
	if (size > cap)
		return 0;
	memcpy(out, message + VRS_BGP_HEADER_SIZE, size);
	return size;
}
