/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#include "bench/rib.h"

#include <stdlib.h>
#include <string.h>

enum { TURN = 256 }; /* UPDATEs between two turns: some 1300 prefixes. */

/* Ids of all sets, held; @p hop instead of their next hop unless it is NULL. */
static uint32_t *intern(struct vrs_bench_rib *r, const struct vrs_addr *hop)
{
	uint32_t *ids = vrs_bench_need(calloc(r->decoded->n, sizeof(*ids)));

	for (size_t i = 0; i < r->decoded->n; i++) {
		const struct vrs_bench_set *set = &r->decoded->sets[i];
		struct vrs_attrs_info info = *set->info;
		uint8_t bytes[1024];
		size_t size = set->bytes.size;

		vrs_bench_must(size < sizeof(bytes), "a large attribute set");
		memcpy(bytes, set->bytes.data, size);
		if (hop != NULL) {
			/* The bytes need only differ: the facts are what the table reads. */
			bytes[size++] = 1;
			info.next_hop = *hop;
		}
		vrs_bench_must(vrs_attrs_intern(r->table->attrs, bytes, size, &info, &ids[i]) == 0,
			"cannot intern");
		vrs_attrs_get(r->table->attrs, ids[i], 1);
	}
	return ids;
}

void vrs_bench_rib_init(struct vrs_bench_rib *r, enum vrs_afi afi, size_t n)
{
	struct vrs_table_config config = {VRS_PREFERENCE_EXPRESSROUTE, false};
	struct vrs_path_source source = {
		.addr = vrs_addr_ip4(0x0a000104), .router_id = 1, .ebgp = true};

	*r = (struct vrs_bench_rib){.afi = afi};
	r->decoded = vrs_bench_decoded(afi, n);
	r->reclaim = vrs_bench_need(vrs_reclaim_new(VRS_RECLAIM_WORKER));
	r->table = vrs_bench_need(vrs_table_new(r->reclaim, &config));
	int slot = vrs_table_peer_add(r->table, &source);
	vrs_bench_must(slot >= 0, "no slot");
	r->slot = (uint16_t)slot;
	r->ids[0] = intern(r, NULL);
}

void vrs_bench_rib_other_hop(struct vrs_bench_rib *r)
{
	struct vrs_addr hop;

	vrs_bench_must(vrs_addr_parse(&hop, r->afi == VRS_AFI_IP4 ? "10.0.1.5" : "fd00::5") == 0,
		"no hop");
	r->ids[1] = intern(r, &hop);
}

void vrs_bench_rib_fini(struct vrs_bench_rib *r)
{
	vrs_table_free(r->table);
	vrs_reclaim_free(r->reclaim);
	free(r->ids[0]);
	free(r->ids[1]);
}

void vrs_bench_rib_turn(struct vrs_bench_rib *r)
{
	while (vrs_table_turn(r->table))
		;
	vrs_reclaim_turn(r->reclaim);
}

uint64_t vrs_bench_rib_announce(
	struct vrs_bench_rib *r, size_t from, size_t to, size_t shift, unsigned hop)
{
	const struct vrs_bench_decoded *d = r->decoded;
	uint64_t n = 0;

	for (size_t i = from; i < to; i++) {
		const struct vrs_bench_update *u = &d->shuffled[i];
		uint32_t id = r->ids[hop][(u->set + shift) % d->n];

		vrs_table_announce(r->table, r->slot, r->afi, u->nlri, id, VRS_PATH_USABLE);
		n += u->n;
		if (i % TURN == TURN - 1)
			vrs_bench_rib_turn(r);
	}
	vrs_table_flush(r->table);
	return n;
}
