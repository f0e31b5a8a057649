/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 *
 * The Internet checksum is a sum modulo 2^16 - 1. That divides 2^64 - 1, so words of 64 bits may be
 * added with their carries brought round, in memory order: the byte order of the machine does not matter
 * (RFC 1071 section 2). Two sums at a time keep the carries from waiting for each other.
 */

#include "io/dpdk/frame_internal.h"

uint64_t vrs_csum_add(uint64_t sum, const void *data, size_t size)
{
	const uint8_t *at = data;
	uint64_t other = 0, word[2];

	for (; size >= 16; size -= 16, at += 16) {
		memcpy(word, at, 16);
		sum = vrs_csum_join(sum, word[0]);
		other = vrs_csum_join(other, word[1]);
	}
	sum = vrs_csum_join(sum, other);
	if (size >= 8) {
		memcpy(word, at, 8);
		sum = vrs_csum_join(sum, word[0]);
		size -= 8;
		at += 8;
	}
	if (size > 0) {
		word[0] = 0;
		memcpy(word, at, size);
		sum = vrs_csum_join(sum, word[0]);
	}
	return sum;
}

uint16_t vrs_csum_fold(uint64_t sum)
{
	sum = (sum >> 32) + (sum & 0xffffffff);
	sum = (sum >> 32) + (sum & 0xffffffff);
	sum = (sum >> 16) + (sum & 0xffff);
	sum = (sum >> 16) + (sum & 0xffff);
	return (uint16_t)~sum;
}
