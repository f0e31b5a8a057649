/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#include "engine/propagate.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	BURST = 32, /* Changes whose cache misses overlap. */
	TAKE = 256,
	VERSION_CHANGES = 32768, /* Of one version, when there are so many, */
	VERSION_NS = 2000000,    /* and they do not take longer than this. */
	LOG_BLOCKS = 32,         /* 32,768 deltas. */
	MAX_PIN_MS = 120000,     /* A listing that takes longer starts over. */
	MAX_PIN_BYTES = 64 << 20,
};

/* A group that the RIB's writer no longer uses. */
struct vrs_idle_group {
	uint32_t id;
	uint64_t version;  /* The first one that does not show it. */
	uint64_t sequence; /* The last delta that may name it. */
};

int vrs_propagation_init(struct vrs_propagation *p, enum vrs_reclaim_mode mode,
	void (*wake_io)(void *ctx, uint64_t which), void *wake_io_ctx)
{
	memset(p, 0, sizeof(*p));
	p->wake_io = wake_io;
	p->wake_io_ctx = wake_io_ctx;
	p->max_pin_ms = MAX_PIN_MS;
	p->max_pin_bytes = MAX_PIN_BYTES;
	p->log_blocks = LOG_BLOCKS;
	int err = vrs_waker_init(&p->waker);
	if (err != 0)
		return err;
	p->reclaim = vrs_reclaim_new(mode);
	if (p->reclaim == NULL) {
		vrs_waker_fini(&p->waker);
		return -ENOMEM;
	}
	vrs_mailbox_init(&p->mailbox);
	pthread_mutex_init(&p->watch_lock, NULL);
	pthread_mutex_init(&p->baton, NULL);
	return 0;
}

void vrs_propagation_fini(struct vrs_propagation *p)
{
	vrs_reclaim_free(p->reclaim);
	vrs_waker_fini(&p->waker);
	vrs_mailbox_fini(&p->mailbox);
	pthread_mutex_destroy(&p->watch_lock);
	pthread_mutex_destroy(&p->baton);
}

/* --- RIBs --- */

struct vrs_rib *vrs_rib_new(struct vrs_propagation *p, struct vrs_table *table)
{
	struct vrs_rib *rib = calloc(1, sizeof(*rib));

	if (rib == NULL)
		return NULL;
	const struct vrs_shards *shards = table->shards;

	rib->n_tables = shards != NULL ? shards->n : 1;
	rib->bits = (uint32_t)__builtin_popcount(table->slot_mask);
	for (uint32_t i = 0; i < rib->n_tables; i++)
		rib->tables[i] = shards != NULL ? shards->tables[i] : table;
	rib->table = rib->tables[0];
	rib->queues = calloc(VRS_MAX(rib->n_tables, 1u), sizeof(*rib->queues));
	rib->propagation = p;
	vrs_bitset_init(&rib->retry, VRS_MEM_EXPORT);
	rib->snapshot = vrs_snapshot_new(p->reclaim);
	rib->log = vrs_delta_log_new(p->reclaim, p->log_blocks);
	if (rib->queues == NULL || rib->snapshot == NULL || rib->log == NULL) {
		vrs_rib_free(rib);
		return NULL;
	}
	return rib;
}

void vrs_rib_free(struct vrs_rib *rib)
{
	if (rib == NULL)
		return;
	vrs_snapshot_free(rib->snapshot);
	vrs_reclaim_drain(rib->propagation->reclaim);
	vrs_delta_log_free(rib->log);
	vrs_bitset_fini(&rib->retry);
	vrs_hop_rule_put(rib->hops);
	vrs_mem_free(VRS_MEM_GROUP, rib->group_refs, rib->cap_groups * sizeof(*rib->group_refs));
	vrs_mem_free(VRS_MEM_EXPORT, rib->entry_refs, rib->cap_entries * sizeof(*rib->entry_refs));
	free(rib->queues);
	free(rib->idle);
	free(rib->system);
	free(rib);
}

void vrs_propagation_add(struct vrs_propagation *p, struct vrs_rib *rib)
{
	rib->next = p->ribs;
	p->ribs = rib;
}

int vrs_rib_set_system(struct vrs_rib *rib, const struct vrs_prefix *prefixes, size_t n)
{
	struct vrs_prefix *now = calloc(n + 1, sizeof(*now));

	if (now == NULL)
		return -ENOMEM;
	memcpy(now, prefixes, n * sizeof(*now));
	free(rib->system);
	rib->system = now;
	rib->n_system = n;
	vrs_export_system_changed(rib);
	return 0;
}

/* Publish the open version and its deltas. @return Whether it went well. */
static bool commit(struct vrs_rib *rib)
{
	if (vrs_snapshot_commit(rib->snapshot) != 0)
		return false;
	vrs_delta_publish(rib->log);
	return true;
}

void vrs_rib_set_hops(struct vrs_rib *rib, struct vrs_hop_rule *rule)
{
	struct vrs_hop_rule *old = rib->hops;

	rib->hops = vrs_hop_rule_get(rule);
	rib->hops_told = rib->hops_judged = false;
	/* While an older rule still stands, the new one replaces it whatever it says. */
	if (old != NULL &&
		(vrs_hop_rule_wider(old, rule) ||
			(vrs_snapshot_hops(rib->snapshot) != NULL &&
				!vrs_hop_rule_equal(old, rule)))) {
		vrs_snapshot_set_hops(rib->snapshot, rule);
		(void)commit(rib);
	}
	vrs_hop_rule_put(old);
}

void vrs_rib_hops_told(struct vrs_rib *rib)
{
	rib->hops_told = true;
}

/* Whether every path has been judged by the rule in force: then what came of it is marked, and how far that
 * goes is noted. */
static bool all_judged(struct vrs_rib *rib)
{
	if (rib->hops_judged || !rib->hops_told || vrs_snapshot_hops(rib->snapshot) == NULL)
		return rib->hops_judged;
	for (uint32_t t = 0; t < rib->n_tables; t++)
		if (!vrs_table_judged(rib->tables[t]))
			return false;
	for (uint32_t t = 0; t < rib->n_tables; t++)
		rib->queues[t].judged_at = atomic_load(&rib->tables[t]->n_marked);
	rib->hops_judged = true;
	return true;
}

/* The rule has done its work when all of that has been taken. */
static void end_rule(struct vrs_rib *rib)
{
	if (!all_judged(rib) || rib->retry.n > 0)
		return;
	for (uint32_t t = 0; t < rib->n_tables; t++)
		if (atomic_load_explicit(&rib->queues[t].n_taken, memory_order_relaxed) <
			rib->queues[t].judged_at)
			return;
	vrs_snapshot_set_hops(rib->snapshot, NULL);
	rib->hops_judged = false;
}

void vrs_rib_set_branch_to_branch(struct vrs_rib *rib, bool on)
{
	if (atomic_exchange(&rib->branch_to_branch, on) == on)
		return;
	vrs_rcu_enter();
	vrs_export_mark_gateways(rib);
	vrs_rcu_leave();
}

bool vrs_rib_is_system(const struct vrs_rib *rib, const struct vrs_prefix *p)
{
	for (size_t i = 0; i < rib->n_system; i++)
		if (rib->system[i].len == p->len && vrs_prefix_equal(&rib->system[i], p))
			return true;
	return false;
}

/* Make a side array of `size`-byte items long enough for `index`. */
static void *side_array(
	enum vrs_mem_tag tag, void *array, uint32_t *cap, uint32_t index, size_t size)
{
	if (index < *cap)
		return array;
	uint32_t n = VRS_MAX(index + 1, VRS_MAX(*cap * 2, 1024u));
	char *a = vrs_mem_realloc(tag, array, *cap * size, n * size);
	if (a == NULL)
		return NULL;
	memset(a + *cap * size, 0, (n - *cap) * size);
	*cap = n;
	return a;
}

int vrs_rib_entry_get(struct vrs_rib *rib, uint32_t index)
{
	uint16_t *a =
		side_array(VRS_MEM_EXPORT, rib->entry_refs, &rib->cap_entries, index, sizeof(*a));

	if (a == NULL)
		return -ENOMEM;
	rib->entry_refs = a;
	a[index]++;
	return 0;
}

/* An empty entry that no peer has to hear of any more goes back to its writer. */
static void give_back(struct vrs_rib *rib, uint32_t index)
{
	const struct vrs_entry *e = vrs_rib_entry(rib, index);

	if (!(atomic_load(&e->export) & VRS_EXPORT_EMPTY))
		return;
	rib->gave_back |= 1ull << vrs_rib_table(rib, index)->index;
	if (!vrs_table_give_back(vrs_rib_table(rib, index), index >> rib->bits))
		(void)!vrs_bitset_add(&rib->retry, index);
}

void vrs_rib_entry_put(struct vrs_rib *rib, uint32_t index)
{
	assert(index < rib->cap_entries && rib->entry_refs[index] > 0);
	if (--rib->entry_refs[index] == 0)
		give_back(rib, index);
}

/* --- Exports coming and going --- */

static void stack_push(
	struct vrs_export *_Atomic *stack, struct vrs_export *x, struct vrs_export **link)
{
	*link = atomic_load_explicit(stack, memory_order_relaxed);
	/* Release: the taker sees what is behind x. */
	while (!atomic_compare_exchange_weak_explicit(
		stack, link, x, memory_order_release, memory_order_relaxed))
		;
}

void vrs_propagation_submit(struct vrs_propagation *p, struct vrs_export *x)
{
	stack_push(&p->incoming, x, &x->next_incoming);
	vrs_waker_wake(&p->waker);
}

void vrs_propagation_close(struct vrs_propagation *p, struct vrs_export *x)
{
	atomic_store(&x->closed, true);
	stack_push(&p->closing, x, &x->next_closing);
	vrs_waker_wake(&p->waker);
}

struct vrs_export *vrs_propagation_take_dead(struct vrs_propagation *p, unsigned home)
{
	if (atomic_load_explicit(&p->dead[home], memory_order_relaxed) == NULL)
		return NULL;
	return atomic_exchange_explicit(&p->dead[home], NULL, memory_order_acquire);
}

static bool take_exports(struct vrs_propagation *p)
{
	/* Closing first taken, incoming first run: one that is closing has been submitted, so it
	 * is in the incoming stack taken after it, or has been started already. */
	struct vrs_export *closing =
		atomic_exchange_explicit(&p->closing, NULL, memory_order_acquire);
	struct vrs_export *incoming =
		atomic_exchange_explicit(&p->incoming, NULL, memory_order_acquire);
	bool any = closing != NULL || incoming != NULL;
	uint64_t which = 0;

	for (struct vrs_export *x = incoming; x != NULL; x = x->next_incoming)
		vrs_export_start(x);
	for (struct vrs_export *x = closing, *next; x != NULL; x = next) {
		next = x->next_closing;
		vrs_export_stop(x);
		which |= 1ull << x->peer.home;
		stack_push(&p->dead[x->peer.home], x, &x->next_dead);
	}
	if (which != 0)
		p->wake_io(p->wake_io_ctx, which);
	return any;
}

void vrs_propagation_remove(struct vrs_propagation *p, struct vrs_rib *rib)
{
	struct vrs_rib **link = &p->ribs;

	vrs_rcu_enter();
	(void)take_exports(p);
	vrs_rcu_leave();
	while (*link != NULL && *link != rib)
		link = &(*link)->next;
	if (*link != NULL)
		*link = rib->next;
}

void vrs_rib_marked(struct vrs_rib *rib, unsigned table, uint64_t n, uint64_t now_ns)
{
	struct vrs_rib_queue *q = &rib->queues[table];

	/* Taken already: it did not wait. */
	if (atomic_load_explicit(&q->n_taken, memory_order_relaxed) < n)
		vrs_stamps_push(&q->stamps, n, now_ns);
}

/* --- Changes --- */

/* Add to a counter that propagation alone writes. */
static void count(_Atomic uint64_t *c, uint64_t n)
{
	atomic_store_explicit(
		c, atomic_load_explicit(c, memory_order_relaxed) + n, memory_order_relaxed);
}

static int group_ref(struct vrs_rib *rib, uint32_t id)
{
	uint32_t *a = side_array(VRS_MEM_GROUP, rib->group_refs, &rib->cap_groups, id, sizeof(*a));

	if (a == NULL)
		return -ENOMEM;
	rib->group_refs = a;
	a[id]++;
	return 0;
}

/* Bring the snapshot in line with one entry. @return 0 or -ENOMEM: try again. */
static int forward(struct vrs_rib *rib, const struct vrs_entry *e, const struct vrs_prefix *p)
{
	uint32_t group = atomic_load(&e->forward), old;
	int err;

	if (group != VRS_GROUP_NONE) {
		err = group_ref(rib, group);
		if (err != 0)
			return err;
		err = vrs_snapshot_set(rib->snapshot, p, group, &old);
		if (err != 0 || old == group)
			rib->group_refs[group]--;
	} else {
		err = vrs_snapshot_remove(rib->snapshot, p, &old);
	}
	if (err != 0 || old == group)
		return err;
	if (old != VRS_GROUP_NONE)
		rib->group_refs[old]--;
	(void)vrs_delta_append(rib->log, p, old, group, vrs_snapshot_open(rib->snapshot));
	count(&rib->n_deltas, 1);
	return 0;
}

static void change(
	struct vrs_rib *rib, uint32_t index, uint8_t what, const struct vrs_prefix *prefix)
{
	struct vrs_entry *e = vrs_rib_entry(rib, index);

	if (what & VRS_DIRTY_FORWARD && forward(rib, e, prefix) != 0) {
		(void)!vrs_bitset_add(&rib->retry, index);
		return;
	}
	if (what & VRS_DIRTY_EXPORT) {
		vrs_export_mark(rib, index);
		if (index >= rib->cap_entries || rib->entry_refs[index] == 0)
			give_back(rib, index);
	}
}

/* Changes of 32 entries, with what the snapshot needs for them touched first. */
static void change_burst(
	struct vrs_rib *rib, const uint32_t *indices, const uint8_t *what, unsigned n)
{
	struct vrs_prefix prefixes[BURST];

	for (unsigned i = 0; i < n; i++)
		prefixes[i] = vrs_rib_prefix(rib, indices[i]);
	vrs_snapshot_touch(rib->snapshot, prefixes, n);
	for (unsigned i = 0; i < n; i++)
		change(rib, indices[i], what[i], &prefixes[i]);
}

static void take_retries(struct vrs_rib *rib)
{
	for (int64_t i = vrs_bitset_next(&rib->retry, 0); i >= 0;
		i = vrs_bitset_next(&rib->retry, (uint32_t)i + 1)) {
		uint32_t index = (uint32_t)i;
		uint8_t what = VRS_DIRTY_FORWARD | VRS_DIRTY_EXPORT;

		vrs_bitset_remove(&rib->retry, index);
		change_burst(rib, &index, &what, 1);
	}
}

/* --- Groups that may be freed --- */

static void idle_add(struct vrs_rib *rib, uint32_t id)
{
	if (rib->n_idle == rib->cap_idle) {
		size_t cap = rib->cap_idle == 0 ? 64 : rib->cap_idle * 2;
		struct vrs_idle_group *idle = realloc(rib->idle, cap * sizeof(*idle));

		if (idle == NULL)
			return; /* The group is never freed: a few bytes, in a process out of memory. */
		rib->idle = idle;
		rib->cap_idle = cap;
	}
	rib->idle[rib->n_idle++] = (struct vrs_idle_group){.id = id};
}

/* Nothing can hold it: not the open version, no version a reader may hold, no kept delta. */
static bool group_free(struct vrs_rib *rib, struct vrs_idle_group *g)
{
	if (g->id < rib->cap_groups && rib->group_refs[g->id] > 0)
		return false;
	if (g->version == 0) {
		g->version = vrs_snapshot_open(rib->snapshot);
		g->sequence = vrs_delta_last(rib->log);
	}
	return vrs_snapshot_oldest(rib->snapshot) >= g->version &&
		(g->sequence == 0 || vrs_delta_oldest(rib->log) > g->sequence);
}

static void groups(struct vrs_rib *rib)
{
	uint32_t ids[64], n;
	size_t kept = 0;

	for (uint32_t t = 0; t < rib->n_tables; t++)
		while ((n = vrs_spsc_pop(&rib->tables[t]->groups.idle, ids, VRS_N_ELEMS(ids))) > 0)
			for (uint32_t i = 0; i < n; i++)
				idle_add(rib, ids[i]);
	for (size_t i = 0; i < rib->n_idle; i++) {
		uint32_t id = rib->idle[i].id;

		if (group_free(rib, &rib->idle[i]) &&
			vrs_spsc_push(&vrs_rib_table(rib, id)->groups.done, id)) {
			rib->gave_back |= 1ull << vrs_rib_table(rib, id)->index;
			continue;
		}
		rib->idle[kept++] = rib->idle[i];
	}
	rib->n_idle = kept;
}

/* --- Turns --- */

/* Dirty entries of the tables in turn. @return How many; less than TAKE: there are no more now. */
static uint32_t take(struct vrs_rib *rib, uint32_t indices[TAKE], uint8_t what[TAKE])
{
	uint32_t n = 0;

	for (uint32_t looked = 0; looked < rib->n_tables && n < TAKE; looked++) {
		uint32_t t = rib->next_table,
			 got = vrs_table_take_dirty(
				 rib->tables[t], indices + n, what + n, TAKE - n);

		count(&rib->queues[t].n_taken, got);
		for (uint32_t i = n; i < n + got; i++)
			indices[i] = indices[i] << rib->bits | t;
		n += got;
		rib->next_table = t + 1 < rib->n_tables ? t + 1 : 0;
	}
	return n;
}

/* Take changes into the open version: all there are, as long as the version does not take too long. A
 * quiet RIB's version is one change, told at once; a busy one's versions are large, as a page of
 * the tree is copied once a version however many of its prefixes change. @return Whether there are
 * more. */
static bool take_changes(struct vrs_rib *rib)
{
	uint32_t indices[TAKE], n;
	uint8_t what[TAKE];
	uint64_t began = 0;

	for (unsigned total = 0;; total += n) {
		n = take(rib, indices, what);
		for (uint32_t i = 0; i < n; i += BURST)
			change_burst(rib, indices + i, what + i, VRS_MIN(n - i, (uint32_t)BURST));
		if (n < TAKE)
			return false;
		if (total >= VERSION_CHANGES)
			return true;
		/* Never by the machine's time where the engine has another clock: scripts repeat. */
		uint64_t now = rib->propagation->clock.now_ms == NULL ? vrs_now_ns() : 0;
		if (began == 0)
			began = now;
		else if (now - began > VERSION_NS)
			return true;
	}
}

/* Whoever looks at what is pinned does so without asking us. */
static void tell_pins(struct vrs_rib *rib, uint64_t now_ms)
{
	struct vrs_snapshot_stat stat;

	vrs_snapshot_stat(rib->snapshot, now_ms, &stat);
	atomic_store_explicit(
		&rib->pinned_since_ms, now_ms - stat.oldest_pin_ms, memory_order_relaxed);
	atomic_store_explicit(&rib->pinned_bytes, stat.pinned_bytes, memory_order_relaxed);
	atomic_store_explicit(&rib->pinned_versions, stat.pinned_versions, memory_order_relaxed);
}

/* Account for the changes that were taken in a turn that began at @p from. @return Now. */
static uint64_t account_changes(struct vrs_propagation *p, struct vrs_rib *rib, uint64_t from)
{
	uint64_t n = 0;

	for (uint32_t t = 0; t < rib->n_tables; t++) {
		struct vrs_rib_queue *q = &rib->queues[t];
		uint64_t taken = atomic_load_explicit(&q->n_taken, memory_order_relaxed);

		vrs_stamps_pop(&q->stamps,
			&(struct vrs_taken){taken, from, q->was_taken, q->taken_ns},
			&p->stages[VRS_PROPAGATION_QUEUE]);
		if (taken != q->was_taken)
			q->taken_ns = from;
		n += taken - q->was_taken;
		q->was_taken = taken;
	}
	if (n == 0)
		return from;
	vrs_hist_add(&p->changes, n);
	return vrs_lap(&p->stages[VRS_PROPAGATION_PROPAGATE], from);
}

/* @p at_ns  When the turn, or what it did for other RIBs, ended; moved on. */
static bool rib_turn(
	struct vrs_propagation *p, struct vrs_rib *rib, uint64_t now_ms, uint64_t *at_ns)
{
	vrs_rcu_enter();
	if (rib->retry.n > 0)
		take_retries(rib);
	bool more = take_changes(rib);
	vrs_rcu_leave();
	end_rule(rib);

	if (commit(rib)) {
		/* Also those of an earlier turn that found no memory for its version. */
		uint64_t deltas = atomic_load_explicit(&rib->n_deltas, memory_order_relaxed);

		if (rib->n_shown != deltas) {
			rib->n_shown = deltas;
			atomic_store_explicit(&rib->changed_ms, now_ms, memory_order_relaxed);
			atomic_fetch_add_explicit(&p->versions, 1, memory_order_relaxed);
		}
	}
	vrs_snapshot_turn(rib->snapshot, now_ms);
	(void)vrs_snapshot_revoke(rib->snapshot, now_ms, p->max_pin_ms, p->max_pin_bytes);
	tell_pins(rib, now_ms);
	*at_ns = account_changes(p, rib, *at_ns);
	return more;
}

static bool rib_export(struct vrs_rib *rib, uint64_t now_ms, uint64_t *pushed, uint64_t *at_ns)
{
	uint64_t told = 0;
	bool more = vrs_export_run(rib, now_ms, &told);
	struct vrs_export_stat stat = vrs_export_stat(rib);

	*pushed |= told;
	if (told != 0)
		*at_ns = vrs_lap(&rib->propagation->stages[VRS_PROPAGATION_EXPORT], *at_ns);

	atomic_store_explicit(&rib->pending, stat.pending, memory_order_relaxed);
	atomic_store_explicit(&rib->bytes,
		stat.bytes + rib->cap_entries * sizeof(*rib->entry_refs) +
			vrs_snapshot_bytes(rib->snapshot),
		memory_order_relaxed);
	return more;
}

void vrs_propagation_tell(struct vrs_propagation *p)
{
	uint64_t one = 1;

	if (atomic_load(&p->n_watchers) == 0)
		return;
	pthread_mutex_lock(&p->watch_lock);
	for (struct vrs_watcher *w = p->watchers; w != NULL; w = w->next)
		if (!w->once || !atomic_exchange(&w->told, true))
			(void)!write(w->fd, &one, sizeof(one));
	pthread_mutex_unlock(&p->watch_lock);
}

bool vrs_propagation_turn(struct vrs_propagation *p)
{
	uint64_t versions = atomic_load_explicit(&p->versions, memory_order_relaxed);
	bool more = vrs_mailbox_run(&p->mailbox) > 0;
	uint64_t pushed = 0;

	vrs_rcu_enter();
	more |= take_exports(p);
	vrs_rcu_leave();
	uint64_t at_ns = vrs_now_ns(), now_ms = vrs_clock_ms_at(&p->clock, at_ns);
	for (struct vrs_rib *rib = p->ribs; rib != NULL; rib = rib->next) {
		more |= rib_turn(p, rib, now_ms, &at_ns);
		more |= rib_export(rib, now_ms, &pushed, &at_ns);
		groups(rib);
		pushed |= rib->gave_back;
		rib->gave_back = 0;
	}
	if (pushed != 0)
		p->wake_io(p->wake_io_ctx, pushed);
	if (atomic_load_explicit(&p->versions, memory_order_relaxed) != versions &&
		atomic_load(&p->n_watchers) > 0) {
		vrs_propagation_tell(p);
		(void)vrs_lap(&p->stages[VRS_PROPAGATION_NOTIFY], at_ns);
	}
	vrs_reclaim_turn(p->reclaim);
	atomic_fetch_add_explicit(&p->turns, 1, memory_order_relaxed);
	return more;
}

bool vrs_rib_is_clean(const struct vrs_rib *rib)
{
	for (uint32_t t = 0; t < rib->n_tables; t++)
		if (!vrs_spsc_empty(&rib->tables[t]->dirty))
			return false;
	return true;
}

/* Whether anything came while we made up our mind to sleep. */
static bool has_work(struct vrs_propagation *p)
{
	if (atomic_load(&p->stop) || atomic_load(&p->mailbox.n) > 0 ||
		atomic_load(&p->incoming) != NULL || atomic_load(&p->closing) != NULL)
		return true;
	for (struct vrs_rib *rib = p->ribs; rib != NULL; rib = rib->next) {
		if (!vrs_rib_is_clean(rib) || rib->retry.n > 0)
			return true;
		if (vrs_export_ready(rib, vrs_clock_ms(&p->clock)))
			return true;
	}
	return false;
}

static bool waits(const struct vrs_propagation *p)
{
	for (const struct vrs_rib *rib = p->ribs; rib != NULL; rib = rib->next)
		if (rib->export_waits || vrs_snapshot_hops(rib->snapshot) != NULL)
			return true;
	return false;
}

/* Changes that wait in all RIBs. The baton is held: nobody else takes any. */
static uint64_t untaken(const struct vrs_propagation *p)
{
	uint64_t n = 0;

	for (const struct vrs_rib *rib = p->ribs; rib != NULL; rib = rib->next)
		n += vrs_rib_untaken(rib);
	return n;
}

bool vrs_propagation_try(struct vrs_propagation *p, uint64_t max_changes)
{
	if (pthread_mutex_trylock(&p->baton) != 0)
		return false;
	/* More than a little is propagation's own to do, and so is what others ask of it. */
	if (atomic_load(&p->mailbox.n) > 0 || untaken(p) > max_changes) {
		pthread_mutex_unlock(&p->baton);
		return false;
	}
	count(&p->inline_turns, 1);
	bool more = vrs_propagation_turn(p) || has_work(p) || waits(p);
	pthread_mutex_unlock(&p->baton);
	if (more)
		vrs_waker_wake(&p->waker);
	return true;
}

int vrs_propagation_timeout(struct vrs_propagation *p)
{
	int ms;

	/* Whoever has the baton looks for more when its turn is over, and wakes us for it. */
	if (pthread_mutex_trylock(&p->baton) != 0)
		return 500;
	/* Pins, limbo and idle groups are looked at twice a second at least; peers that are waited
	 * for more often. */
	ms = has_work(p) ? 0 : waits(p) ? 20 : 500;
	pthread_mutex_unlock(&p->baton);
	return ms;
}

void vrs_propagation_run(struct vrs_propagation *p)
{
	while (!atomic_load(&p->stop)) {
		pthread_mutex_lock(&p->baton);
		bool more = vrs_propagation_turn(p);
		pthread_mutex_unlock(&p->baton);
		if (more)
			continue;
		vrs_waker_arm(&p->waker);
		int ms = vrs_propagation_timeout(p);
		if (ms > 0) {
			struct pollfd pfd = {.fd = p->waker.fd, .events = POLLIN};

			(void)poll(&pfd, 1, ms);
		}
		vrs_waker_disarm(&p->waker);
	}
	vrs_mailbox_close(&p->mailbox);
}

/* --- Watchers --- */

void vrs_propagation_watch(struct vrs_propagation *p, struct vrs_watcher *w)
{
	pthread_mutex_lock(&p->watch_lock);
	w->next = p->watchers;
	p->watchers = w;
	atomic_fetch_add(&p->n_watchers, 1);
	pthread_mutex_unlock(&p->watch_lock);
}

void vrs_propagation_unwatch(struct vrs_propagation *p, struct vrs_watcher *w)
{
	pthread_mutex_lock(&p->watch_lock);
	struct vrs_watcher **link = &p->watchers;
	while (*link != w)
		link = &(*link)->next;
	*link = w->next;
	atomic_fetch_sub(&p->n_watchers, 1);
	pthread_mutex_unlock(&p->watch_lock);
}

struct vrs_watcher_stat vrs_propagation_watchers(
	struct vrs_propagation *p, const struct vrs_delta_log *log)
{
	struct vrs_watcher_stat stat = {0};

	pthread_mutex_lock(&p->watch_lock);
	for (const struct vrs_watcher *w = p->watchers; w != NULL; w = w->next) {
		if (w->log != log)
			continue;
		uint64_t at = atomic_load_explicit(&w->cursor, memory_order_relaxed);
		uint64_t last = vrs_delta_last(log);

		stat.n++;
		stat.lag = VRS_MAX(stat.lag, last > at ? last - at : 0);
	}
	pthread_mutex_unlock(&p->watch_lock);
	return stat;
}
