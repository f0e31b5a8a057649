/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#pragma once

/**
 * @file
 * Frames of known bytes, written down with an independent program, and ways to bend them.
 */

#include <stdlib.h>
#include <string.h>

#include "io/dpdk/frame.h"
#include "tests/test.h"

/** 02:..:01 to 02:..:02; 192.0.2.1 to 192.0.2.2 or 2001:db8::1 to 2001:db8::2. */
#define LAB_ETH4                   \
	"020000000002020000000001" \
	"0800"
#define LAB_ETH6                   \
	"020000000002020000000001" \
	"86dd"

/** SYN with MSS 1460, window scale 7, SACK permitted, timestamps 100 and 0. */
#define LAB_TCP4_SYN                               \
	LAB_ETH4                                   \
	"4500003c000040004006b6b8c0000201c0000202" \
	"9c4000b30102030400000000a002faf027ae0000" \
	"020405b4010303070402080a0000006400000000"

/** Timestamps, three SACK blocks and "hello". */
#define LAB_TCP4_SACK                                              \
	LAB_ETH4                                                   \
	"45000055000040004006b69fc0000201c0000202"                 \
	"9c4000b3010203040a0b0c0df01801027ef40000"                 \
	"0101080a0000006400000065"                                 \
	"0101051a0000000a000000140000001e00000028000000320000003c" \
	"68656c6c6f"

#define LAB_TCP6                                   \
	LAB_ETH6                                   \
	"60000000002306402001"                     \
	"0db8000000000000000000000001"             \
	"20010db8000000000000000000000002"         \
	"00b39c40000000010000000280100064b8bf0000" \
	"0101080a0000006400000065"                 \
	"616263"

/** Signed with the key "secret". */
#define LAB_TCP4_MD5                               \
	LAB_ETH4                                   \
	"45000041000040004006b6b3c0000201c0000202" \
	"9c4000b3010203040a0b0c0da01801023b3e0000" \
	"01011312387e041473a1360e6475871efbdec2c3" \
	"68656c6c6f"
#define LAB_TCP6_MD5                                                                       \
	LAB_ETH6                                                                           \
	"60000000002b064020010db800000000000000000000000120010db8000000000000000000000002" \
	"00b39c400000000100000002a01000647b5d0000"                                         \
	"010113127ab7efc788cb5f80626789f4be0e15e5"                                         \
	"616263"

/** 2001:db8::1 looks for 2001:db8::2, with its MAC. */
#define LAB_NS                                                             \
	"3333ff000002"                                                     \
	"020000000001"                                                     \
	"86dd"                                                             \
	"6000000000203aff"                                                 \
	"20010db8000000000000000000000001ff0200000000000000000001ff000002" \
	"87001c270000000020010db80000000000000000000000020101020000000001"

/** 2001:db8::1 tells 2001:db8::2 its MAC: solicited, override. */
#define LAB_NA                                                             \
	LAB_ETH6                                                           \
	"6000000000203aff"                                                 \
	"20010db800000000000000000000000120010db8000000000000000000000002" \
	"88008a736000000020010db80000000000000000000000010201020000000001"

/** 192.0.2.1 asks for 192.0.2.2. */
#define LAB_ARP_REQUEST        \
	"ffffffffffff"         \
	"020000000001"         \
	"0806"                 \
	"0001080006040001"     \
	"020000000001c0000201" \
	"000000000000c0000202"

/** 192.0.2.1 answers 192.0.2.2. */
#define LAB_ARP_REPLY          \
	"020000000002"         \
	"020000000001"         \
	"0806"                 \
	"0001080006040002"     \
	"020000000001c0000201" \
	"020000000002c0000202"

/** About 192.0.2.2:179 -> 192.0.2.1:40000, sequence number 0x01020304: next hop MTU 1400. */
#define LAB_FRAG_NEEDED                            \
	LAB_ETH4                                   \
	"45000038000040004001b6c1c0000201c0000202" \
	"0304568a00000578"                         \
	"4500001c000040004006b6d8c0000202c0000201" \
	"00b39c4001020304"

/** The same of IPv6 with MTU 1280, from 2001:db8::ff. */
#define LAB_TOO_BIG                                                                        \
	LAB_ETH6                                                                           \
	"60000000004c3a4020010db80000000000000000000000ff20010db8000000000000000000000002" \
	"020035cc00000500"                                                                 \
	"60000000001c064020010db800000000000000000000000220010db8000000000000000000000001" \
	"00b39c40010203040000000050100001d17b00007878787878787878"

#define LAB_ECHO4                                  \
	LAB_ETH4                                   \
	"45000020000040004001b6d9c0000201c0000202" \
	"080006fa1234000170696e67"

enum { LAB_SIZE = 2048 };

struct lab_frame {
	uint8_t data[LAB_SIZE];
	uint32_t size;
};

static inline unsigned lab_digit(char c)
{
	return c >= 'a' ? (unsigned)(c - 'a') + 10 : (unsigned)(c - '0');
}

static inline struct lab_frame lab_hex(const char *hex)
{
	struct lab_frame f = {.size = (uint32_t)strlen(hex) / 2};

	for (unsigned i = 0; i < f.size; i++)
		f.data[i] = (uint8_t)(lab_digit(hex[2 * i]) << 4 | lab_digit(hex[2 * i + 1]));
	return f;
}

/** Bytes in place: "14:55 20:2000" puts 55 at 14 and 20 00 at 20. */
static inline void lab_edit(struct lab_frame *f, const char *edits)
{
	while (edits != NULL && *edits != 0) {
		char *hex;
		unsigned long at = strtoul(edits, &hex, 10);

		for (edits = hex + 1; *edits != 0 && *edits != ' '; edits += 2, at++)
			f->data[at] = (uint8_t)(lab_digit(edits[0]) << 4 | lab_digit(edits[1]));
		edits += *edits == ' ';
	}
}

static inline void lab_insert(struct lab_frame *f, unsigned at, const char *hex)
{
	struct lab_frame more = lab_hex(hex);

	memmove(f->data + at + more.size, f->data + at, f->size - at);
	memcpy(f->data + at, more.data, more.size);
	f->size += more.size;
}

/** What a frame to send looks like on the wire. */
static inline struct lab_frame lab_flat(const struct vrs_wire_tx *tx)
{
	struct lab_frame f = {.size = tx->head_size};

	memcpy(f.data, tx->head, tx->head_size);
	for (unsigned i = 0; i < tx->n_pieces; i++) {
		const struct vrs_wire_piece *p = &tx->pieces[i];

		memcpy(f.data + f.size, p->chunk->data + p->offset, p->size);
		f.size += p->size;
	}
	assert_int_equal(f.size, tx->head_size + tx->size);
	return f;
}

/** Parse a copy of exactly the frame's size; pointers into it are moved to @p f. */
static inline enum vrs_frame_kind lab_parse(
	const struct lab_frame *f, uint16_t flags, struct vrs_frame_info *out)
{
	uint8_t *copy = malloc(f->size > 0 ? f->size : 1);
	struct vrs_frame frame = {.data = copy, .size = f->size, .flags = flags};

	assert_non_null(copy);
	memcpy(copy, f->data, f->size);
	memset(out, 0xa5, sizeof(*out));
	enum vrs_frame_kind kind = vrs_frame_parse(&frame, out);
	assert_int_equal(kind, out->kind);
	if (kind == VRS_FRAME_TCP || kind == VRS_FRAME_ECHO)
		out->l4 = f->data + (out->l4 - copy);
	if (kind == VRS_FRAME_TCP) {
		assert_true(
			out->tcp.data >= copy && out->tcp.data + out->tcp.size <= copy + f->size);
		out->tcp.data = f->data + (out->tcp.data - copy);
		if (out->md5 != NULL)
			out->md5 = f->data + (out->md5 - copy);
	}
	free(copy);
	return kind;
}

static inline struct vrs_addr lab_addr(const char *text)
{
	struct vrs_addr a;

	assert_int_equal(vrs_addr_parse(&a, text), 0);
	return a;
}

static inline void lab_assert_addr(const struct vrs_addr *a, const char *text)
{
	char out[VRS_ADDR_STRLEN];

	assert_string_equal(vrs_addr_str(a, out), text);
}
