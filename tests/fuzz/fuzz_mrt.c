/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 *
 * An MRT file or a message file, read to its end. Every event lies inside what was read, and names a peer.
 */

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "io/bgp/update.h"
#include "tests/fuzz/fuzz.h"
#include "tests/io/bgp_build.h"
#include "tools/vrslab/mrt.h"

enum { MAX_EVENTS = 100000 };

static void look(const struct vrs_mrt *m, const struct vrs_mrt_event *e)
{
	static struct vrs_bgp_update u;
	size_t n_peers;
	volatile uint8_t last = 0;

	(void)vrs_mrt_peers(m, &n_peers);
	FUZZ_CHECK(e->peer < n_peers);
	if (e->kind == VRS_MRT_ROUTE) {
		const struct vrs_bgp_decode_ctx ctx = {.as4 = e->as4, .families = 3};

		FUZZ_CHECK(e->prefix.len <= vrs_afi_width(e->prefix.afi));
		vrs_bgp_update_decode_attrs(&ctx, e->attrs.data, e->attrs.size, &u);
	}
	/* A sanitizer sees a span that reaches too far. */
	if (e->kind == VRS_MRT_MESSAGE && e->message.size > 0)
		last = e->message.data[e->message.size - 1];
	(void)last;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct vrs_mrt *m;
	struct vrs_mrt_event e;
	char path[64];
	int fd = memfd_create("mrt", MFD_CLOEXEC), r = 0;

	FUZZ_CHECK(fd >= 0 && write(fd, data, size) == (ssize_t)size);
	(void)lseek(fd, 0, SEEK_SET);
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (vrs_mrt_open(path, &m) == 0) {
		for (unsigned i = 0; i < MAX_EVENTS && (r = vrs_mrt_next(m, &e)) == 1; i++)
			look(m, &e);
		if (r < 0)
			FUZZ_CHECK(vrs_mrt_error(m) != NULL);
		vrs_mrt_close(m);
	}
	close(fd);
	return 0;
}

/* One record: time, type, subtype, body. */
static size_t record(uint8_t *out, size_t cap, unsigned type, unsigned subtype, const char *hex)
{
	size_t n = build_hex(hex, out + 12, cap - 12);

	memset(out, 0, 4);
	vrs_put_u16(out + 4, (uint16_t)type);
	vrs_put_u16(out + 6, (uint16_t)subtype);
	vrs_put_u32(out + 8, (uint32_t)n);
	return 12 + n;
}

/* No MRT type: the row is a file of messages, without a record's header. */
enum { MESSAGES = 0xffff };

size_t fuzz_seed(unsigned i, uint8_t *out, size_t cap)
{
	/* PEER_INDEX_TABLE with an IPv4 and an IPv6 peer. */
	static const char peers[] = "0a000001 0000 0002 02 0a000002 0a000002 0000fde9 "
				    "03 0a000003 20010db8000000000000000000000003 0000fdea";
	static const struct {
		unsigned type, subtype;
		const char *hex;
	} rows[] = {
		/* RIB_IPV4_UNICAST, RIB_IPV6_UNICAST (abbreviated MP_REACH), behind the peers */
		{13, 2, "00000000 10 0a01 0001 0000 00000000 0014 " HEX_BASE},
		{13, 4,
			"00000001 20 20010db8 0001 0001 00000000 001e " HEX_ORIGIN HEX_PATH
			"80 0e 11 10 20010db8000000000000000000000001"},
		/* BGP4MP_MESSAGE_AS4 with an UPDATE, BGP4MP_STATE_CHANGE_AS4 */
		{16, 4,
			"0000fde9 0000ff0c 0000 0001 0a000002 0a000001 "
			"ffffffffffffffffffffffffffffffff 002e 02 0000 0014 " HEX_BASE HEX_NLRI},
		{16, 5, "0000fde9 0000ff0c 0000 0001 0a000002 0a000001 0005 0006"},
		/* BGP4MP_MESSAGE of 2-byte AS numbers, TABLE_DUMP */
		{16, 1,
			"fde9 ff0c 0000 0001 0a000002 0a000001 "
			"ffffffffffffffffffffffffffffffff 0013 04"},
		{12, 1,
			"0000 0001 0a010000 10 01 00000000 0a000002 fde9 0012 " HEX_ORIGIN HEX_PATH2
				HEX_NEXT_HOP},
		{17, 4,
			"00000000 0000fde9 0000ff0c 0000 0001 0a000002 0a000001 "
			"ffffffffffffffffffffffffffffffff 0013 04"},
		/* A KEEPALIVE, an UPDATE, an End-of-RIB */
		{MESSAGES, 0,
			"ffffffffffffffffffffffffffffffff 0013 04"
			"ffffffffffffffffffffffffffffffff 002e 02 0000 0014 " HEX_BASE HEX_NLRI
			"ffffffffffffffffffffffffffffffff 0017 02 0000 0000"},
	};
	size_t n = 0;

	if (i >= VRS_N_ELEMS(rows))
		return 0;
	if (rows[i].type == MESSAGES)
		return build_hex(rows[i].hex, out, cap);
	if (rows[i].type == 13)
		n = record(out, cap, 13, 1, peers);
	return n + record(out + n, cap - n, rows[i].type, rows[i].subtype, rows[i].hex);
}
