/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

/*
 * Longest match, once per instruction set: rib/radix_match.c includes this with MATCH_NAME(x),
 * MATCH_TARGET and MATCH_POS(bits, byte) defined. MATCH_POS gives the longest taken heap
 * position among the nine ancestors of a byte, 0 for none.
 */

MATCH_TARGET static bool MATCH_NAME(descend)(
	const void *link, struct vrs_key k, uint32_t *value, uint8_t *len)
{
	const struct vrs_radix_node *best = NULL;
	unsigned best_pos = 0;

	while (link != NULL) {
		const struct vrs_radix_node *n = link;

		if (is_leaf(link) && leaf_matches(link, k)) {
			*value = leaf_value(link);
			*len = (uint8_t)leaf_len(link);
			return true;
		}
		if (is_leaf(link) || !node_covers(n, k))
			break;
		unsigned byte = key_byte(k, n->byte);
		unsigned pos = MATCH_POS(n->bits, byte);

		if (pos != 0) {
			best = n;
			best_pos = pos;
		}
		link = node_kid(n, byte);
	}
	if (best == NULL)
		return false;
	*value = node_value(best, best_pos);
	*len = (uint8_t)(8 * best->byte + (31 - (unsigned)__builtin_clz(best_pos)));
	return true;
}

MATCH_TARGET static bool MATCH_NAME(match)(
	const struct vrs_radix_root *root, struct vrs_key k, uint32_t *value, uint8_t *len)
{
	return MATCH_NAME(descend)(slot_link(root, key_slot(k)), k, value, len) ||
		MATCH_NAME(descend)(vrs_rcu_load(root->shorts), k, value, len);
}

/* Up to BURST keys in step: every round touches one node of each, fetched a round ago. */
MATCH_TARGET static void MATCH_NAME(burst)(const struct vrs_radix_root *root,
	const struct vrs_addr *addrs, unsigned count, uint32_t *values, uint8_t *lens)
{
	const struct vrs_radix_node *best[BURST];
	const void *at[BURST]; /* Links. */
	struct vrs_key keys[BURST];
	unsigned pos[BURST], left = 0;

	for (unsigned i = 0; i < count; i++) {
		keys[i] = key_of(addrs[i].bytes);
		at[i] = slot_link(root, key_slot(keys[i]));
		best[i] = NULL;
		if (at[i] == NULL || is_leaf(at[i]))
			continue;
		__builtin_prefetch(at[i]);
		__builtin_prefetch((const char *)at[i] + 64);
		left++;
	}
	while (left > 0) {
		left = 0;
		for (unsigned i = 0; i < count; i++) {
			const struct vrs_radix_node *n = at[i];

			/* A leaf is the end: it stays until the answers are given. */
			if (n == NULL || is_leaf(n))
				continue;
			at[i] = NULL;
			if (!node_covers(n, keys[i]))
				continue;
			unsigned byte = key_byte(keys[i], n->byte), p = MATCH_POS(n->bits, byte);
			if (p != 0) {
				best[i] = n;
				pos[i] = p;
				__builtin_prefetch(&node_values(n)[value_rank(n, p)]);
			}
			at[i] = node_kid(n, byte);
			if (at[i] != NULL && !is_leaf(at[i])) {
				__builtin_prefetch(at[i]);
				__builtin_prefetch((const char *)at[i] + 64);
				left++;
			}
		}
	}
	for (unsigned i = 0; i < count; i++) {
		if (at[i] != NULL && leaf_matches(at[i], keys[i])) {
			values[i] = leaf_value(at[i]);
			lens[i] = (uint8_t)leaf_len(at[i]);
		} else if (best[i] != NULL) {
			values[i] = node_value(best[i], pos[i]);
			lens[i] = (uint8_t)(8 * best[i]->byte +
				(31 - (unsigned)__builtin_clz(pos[i])));
		} else if (!MATCH_NAME(descend)(
				   vrs_rcu_load(root->shorts), keys[i], &values[i], &lens[i])) {
			lens[i] = VRS_RADIX_MISS;
		}
	}
}

#undef MATCH_NAME
#undef MATCH_TARGET
#undef MATCH_POS
