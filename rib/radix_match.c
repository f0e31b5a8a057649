/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

/*
 * Longest match in scalar, AVX2 and AVX-512 code; one is chosen when the program starts. All
 * give the same answers (tests/rib/radix_test.c runs each that the CPU has on one script).
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "rib/radix_node.h"

#if defined(__x86_64__)
#include <immintrin.h>
#define HAVE_X86 1
#endif

enum { BURST = 32 };

/* Ancestors of each byte: nine bits of 512. */
static VRS_ALIGNED(64) uint64_t ancestors[256][8];

static inline unsigned pos_scalar(const uint64_t bits[8], unsigned byte)
{
	if (bits[4 + byte / 64] >> (byte % 64) & 1)
		return 256 | byte;
	byte >>= 1;
	if (bits[2 + byte / 64] >> (byte % 64) & 1)
		return 128 | byte;
	byte >>= 1;
	if (bits[1] >> byte & 1)
		return 64 | byte;
	/* The six shortest share word 0, and so do their ancestors' bits. */
	uint64_t hit = bits[0] & ancestors[byte << 2][0];
	return hit != 0 ? 63 - (unsigned)__builtin_clzll(hit) : 0;
}

#define MATCH_NAME(x) x##_scalar
#define MATCH_TARGET
#define MATCH_POS pos_scalar
#include "rib/radix_match.inc.h"

#ifdef HAVE_X86
__attribute__((target("avx2"))) static inline unsigned pos_avx2(
	const uint64_t bits[8], unsigned byte)
{
	const __m256i *b = (const void *)bits, *m = (const void *)ancestors[byte];
	__m256i zero = _mm256_setzero_si256();
	__m256i hi = _mm256_and_si256(_mm256_load_si256(b + 1), _mm256_load_si256(m + 1));
	__m256i lo = _mm256_and_si256(_mm256_load_si256(b), _mm256_load_si256(m));
	unsigned empty =
		(unsigned)_mm256_movemask_pd(_mm256_castsi256_pd(_mm256_cmpeq_epi64(hi, zero)))
			<< 4 |
		(unsigned)_mm256_movemask_pd(_mm256_castsi256_pd(_mm256_cmpeq_epi64(lo, zero)));
	unsigned words = ~empty & 0xff;

	if (words == 0)
		return 0;
	unsigned w = 31 - (unsigned)__builtin_clz(words);
	return w * 64 + 63 - (unsigned)__builtin_clzll(bits[w] & ancestors[byte][w]);
}
#define MATCH_NAME(x) x##_avx2
#define MATCH_TARGET  __attribute__((target("avx2")))
#define MATCH_POS     pos_avx2
#include "rib/radix_match.inc.h"

__attribute__((target("avx512f"))) static inline unsigned pos_avx512(
	const uint64_t bits[8], unsigned byte)
{
	__mmask8 words =
		_mm512_test_epi64_mask(_mm512_load_si512(bits), _mm512_load_si512(ancestors[byte]));

	if (words == 0)
		return 0;
	unsigned w = 31 - (unsigned)__builtin_clz(words);
	return w * 64 + 63 - (unsigned)__builtin_clzll(bits[w] & ancestors[byte][w]);
}
#define MATCH_NAME(x) x##_avx512
#define MATCH_TARGET  __attribute__((target("avx512f")))
#define MATCH_POS     pos_avx512
#include "rib/radix_match.inc.h"
#endif

struct variant {
	const char *name;
	bool (*match)(
		const struct vrs_radix_root *root, struct vrs_key k, uint32_t *value, uint8_t *len);
	void (*burst)(const struct vrs_radix_root *root, const struct vrs_addr *addrs,
		unsigned count, uint32_t *values, uint8_t *lens);
};

/* Worst first: the last one the CPU has is the default. */
static const struct variant variants[] = {
	{"scalar", match_scalar, burst_scalar},
#ifdef HAVE_X86
	{"avx2", match_avx2, burst_avx2},
	{"avx512", match_avx512, burst_avx512},
#endif
};

static const struct variant *chosen = &variants[0];

static bool supported(const struct variant *v)
{
#ifdef HAVE_X86
	__builtin_cpu_init();
	if (strcmp(v->name, "avx2") == 0)
		return __builtin_cpu_supports("avx2");
	if (strcmp(v->name, "avx512") == 0)
		return __builtin_cpu_supports("avx512f");
#endif
	return strcmp(v->name, "scalar") == 0;
}

int vrs_radix_simd_set(const char *name)
{
	for (size_t i = VRS_N_ELEMS(variants); i-- > 0;) {
		if (name != NULL && strcmp(variants[i].name, name) != 0)
			continue;
		if (supported(&variants[i])) {
			chosen = &variants[i];
			return 0;
		}
		if (name != NULL)
			return -ENOTSUP;
	}
	return -EINVAL;
}

const char *vrs_radix_simd(void)
{
	return chosen->name;
}

/* In the object that every match needs, so a static library cannot lose it. */
__attribute__((constructor)) static void choose(void)
{
	for (unsigned byte = 0; byte < 256; byte++) {
		for (unsigned r = 0; r <= 8; r++) {
			unsigned pos = 1u << r | byte >> (8 - r);

			ancestors[byte][pos / 64] |= 1ull << pos % 64;
		}
	}
	if (vrs_radix_simd_set(getenv("VRS_SIMD")) != 0)
		(void)vrs_radix_simd_set(NULL);
}

bool vrs_radix_match(const struct vrs_radix_root *root, const struct vrs_addr *addr,
	uint32_t *value, uint8_t *len)
{
	return addr->afi == root->afi && chosen->match(root, key_of(addr->bytes), value, len);
}

/* Those on the way down from a link. */
static unsigned covers_below(const void *link, struct vrs_key k, struct vrs_radix_cover *out)
{
	unsigned count = 0;

	while (link != NULL && !is_leaf(link) && node_covers(link, k)) {
		const struct vrs_radix_node *n = link;
		unsigned byte = key_byte(k, n->byte);

		for (unsigned r = 0; r <= 8; r++) {
			unsigned pos = 1u << r | byte >> (8 - r);

			if (has_value(n, pos))
				out[count++] = (struct vrs_radix_cover){
					node_value(n, pos), (uint8_t)(8 * n->byte + r)};
		}
		link = node_kid(n, byte);
	}
	if (link != NULL && is_leaf(link) && leaf_matches(link, k))
		out[count++] = (struct vrs_radix_cover){leaf_value(link), (uint8_t)leaf_len(link)};
	return count;
}

unsigned vrs_radix_covers(
	const struct vrs_radix_root *root, const struct vrs_addr *addr, struct vrs_radix_cover *out)
{
	struct vrs_key k = key_of(addr->bytes);
	unsigned n = covers_below(vrs_rcu_load(root->shorts), k, out);

	return n + covers_below(slot_link(root, key_slot(k)), k, out + n);
}

void vrs_radix_match_bulk(const struct vrs_radix_root *root, const struct vrs_addr *addrs, size_t n,
	uint32_t *values, uint8_t *lens)
{
	while (n > 0) {
		unsigned count = (unsigned)VRS_MIN(n, (size_t)BURST);

		chosen->burst(root, addrs, count, values, lens);
		addrs += count;
		values += count;
		lens += count;
		n -= count;
	}
}
