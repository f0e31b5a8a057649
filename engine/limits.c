/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#include "engine/limits.h"

#include "engine/io.h"
#include "io/bgp/attr.h"

enum {
	RESTART_MS = 60000,
	LOST_RESTART_MS = 10000,
	RECOUNT_MS = 1000,
	OVER_MS = 2000,
	SHED_GAP_MS = 5000,
};

const char *vrs_memory_state_str(enum vrs_memory_state state)
{
	static const char *const names[] = {"ok", "tight", "full"};

	return names[state];
}

/* --- Prefixes of a session --- */

/* With action discard the table keeps what is over the limit, unusable. */
static uint32_t table_limit(const struct vrs_neighbor *n)
{
	return n->max_action == VRS_MAX_PREFIX_DISCARD ? n->max_prefixes : 0;
}

static struct vrs_table_peer *peer_of(const struct vrs_neighbor *n)
{
	return vrs_table_peer(n->server->table, (uint16_t)n->slot);
}

struct vrs_shards_peer_stat vrs_limits_stat(const struct vrs_neighbor *n)
{
	vrs_rcu_enter();
	struct vrs_shards_peer_stat stat =
		vrs_shards_peer_stat(n->server->table, (uint16_t)n->slot);
	vrs_rcu_leave();
	return stat;
}

/* More routes than the peer may send: the session may end here. */
static void check(struct vrs_neighbor *n, uint32_t n_paths)
{
	uint64_t have = n->count_azure ? n->counted : n_paths;

	if (n->max_prefixes == 0 || have <= n->max_prefixes) {
		n->max_warned = false;
		return;
	}
	if (n->max_action != VRS_MAX_PREFIX_RESTART) {
		if (!n->max_warned)
			vrs_log_limited(&n->log_limit, n->server->io->wheel.now_ms, VRS_LOG_WARNING,
				"%s/%s: %llu prefixes, limit %u", n->server->name, n->name,
				(unsigned long long)have, n->max_prefixes);
		n->max_warned = true;
		return;
	}
	vrs_count(&n->server->io->counters.max_prefix_hits, 1);
	vrs_log(VRS_LOG_WARNING, "%s/%s: %llu prefixes, limit %u: session closed for 60 s",
		n->server->name, n->name, (unsigned long long)have, n->max_prefixes);
	vrs_session_restart(
		n->session, VRS_BGP_CEASE_MAX_PREFIXES, "maximum prefixes reached", RESTART_MS);
}

void vrs_limits_set(struct vrs_neighbor *n, const struct vrs_cfg_route_server *rs,
	const struct vrs_cfg_bgp_connection *c)
{
	uint32_t limit = rs->limit_routes_per_peer;
	bool up = n->slot >= 0;

	if (up && rs->limit_counting_azure && !n->count_azure) {
		n->counted = vrs_limits_stat(n).n_paths;
		n->replaced = 0;
	}
	n->count_azure = rs->limit_counting_azure;
	n->max_action = c->max_prefix_action;
	n->max_prefixes = c->max_prefixes;
	if (limit != 0 && (n->max_prefixes == 0 || limit < n->max_prefixes)) {
		n->max_prefixes = limit;
	}
	if (!up)
		return;
	n->server->revalidate |=
		atomic_exchange(&peer_of(n)->limit, table_limit(n)) != table_limit(n);
	check(n, vrs_limits_stat(n).n_paths);
}

void vrs_limits_up(struct vrs_neighbor *n)
{
	n->max_warned = false;
	n->seen = (struct vrs_limits_seen){0};
	atomic_store(&peer_of(n)->limit, table_limit(n));
}

static void unsettle(struct vrs_neighbor *n)
{
	if (n->unsettled)
		return;
	n->unsettled = true;
	n->next_unsettled = n->server->io->unsettled;
	n->server->io->unsettled = n;
}

static void settled(struct vrs_neighbor *n)
{
	struct vrs_neighbor **link = &n->server->io->unsettled;

	if (!n->unsettled)
		return;
	while (*link != n)
		link = &(*link)->next_unsettled;
	*link = n->next_unsettled;
	n->unsettled = false;
}

void vrs_limits_down(struct vrs_neighbor *n)
{
	settled(n);
	n->announced = n->counted = n->replaced = 0;
	vrs_timer_cancel(&n->server->io->wheel, &n->recount);
}

static void on_recount(struct vrs_timer *t)
{
	struct vrs_neighbor *n = VRS_CONTAINER_OF(t, struct vrs_neighbor, recount);

	n->counted -= n->replaced;
	n->replaced = 0;
}

/* The cloud's counting: an announcement counts also when it replaces; what it replaced is
 * subtracted one second after the peer's last UPDATE. */
static void count_azure(struct vrs_neighbor *n, uint64_t added, uint64_t removed)
{
	n->counted += n->announced;
	n->counted -= VRS_MIN(removed, n->counted);
	/* Other tables may say later what they added. */
	n->replaced += n->announced;
	n->replaced -= VRS_MIN(added, n->replaced);
	n->recount.fn = on_recount;
	vrs_timer_arm(&n->server->io->wheel, &n->recount, RECOUNT_MS);
}

void vrs_limits_settle(struct vrs_neighbor *n)
{
	struct vrs_server *s = n->server;

	vrs_table_flush(s->table);
	settled(n);
	/* Looked at first: what is done when we look is counted. */
	bool pending = vrs_shards_pending(s->table);
	struct vrs_shards_peer_stat stat = vrs_limits_stat(n);
	struct vrs_limits_seen was = n->seen;
	n->seen.added = stat.n_added;
	n->seen.removed = stat.n_removed;
	n->seen.failed = stat.n_failed;
	/* What other tables have still to do is accounted for later. */
	if (pending)
		unsettle(n);
	if (n->seen.failed != was.failed) {
		vrs_count(&s->io->counters.out_of_memory, n->seen.failed - was.failed);
		vrs_log_limited(&n->log_limit, s->io->wheel.now_ms, VRS_LOG_ERROR,
			"%s/%s: out of memory: routes dropped", s->name, n->name);
	}
	if (n->count_azure)
		count_azure(n, n->seen.added - was.added, n->seen.removed - was.removed);
	n->announced = 0;
	if (peer_of(n)->n_lost > 0)
		vrs_session_restart(
			n->session, VRS_BGP_CEASE_RESOURCES, "out of memory", LOST_RESTART_MS);
	else
		check(n, stat.n_paths);
}

void vrs_limits_updated(struct vrs_neighbor *n, uint32_t announced)
{
	n->announced += announced;
	unsettle(n);
	if (n->max_prefixes == 0)
		return;
	uint64_t have = n->count_azure ? n->counted : vrs_limits_stat(n).n_paths;
	if (have + n->announced > n->max_prefixes)
		vrs_limits_settle(n);
}

void vrs_limits_settle_all(struct vrs_io *io)
{
	struct vrs_neighbor *n = io->unsettled, *next;

	/* Those that are not done with come into the list again. */
	io->unsettled = NULL;
	for (struct vrs_neighbor *m = n; m != NULL; m = m->next_unsettled)
		m->unsettled = false;
	for (; n != NULL; n = next) {
		next = n->next_unsettled;
		if (n->slot >= 0)
			vrs_limits_settle(n);
	}
}

/* --- Lengths --- */

bool vrs_limits_lengths_ok(
	const struct vrs_server *s, uint32_t as_path_len, const uint8_t *canonical, size_t size)
{
	static const struct {
		uint8_t code, element;
	} lists[] = {{VRS_BGP_COMMUNITIES, 4}, {VRS_BGP_EXT_COMMUNITIES, 8},
		{VRS_BGP_IP6_EXT_COMMUNITIES, 20}, {VRS_BGP_LARGE_COMMUNITIES, 12}};
	size_t n = 0;

	if (s->max_as_path != 0 && as_path_len > s->max_as_path)
		return false;
	if (s->max_communities == 0)
		return true;
	for (size_t i = 0; i < VRS_N_ELEMS(lists); i++) {
		struct vrs_span list;

		if (vrs_bgp_attr_find(canonical, size, lists[i].code, &list))
			n += list.size / lists[i].element;
	}
	return n <= s->max_communities;
}

/* --- Memory of a route server --- */

static struct vrs_neighbor *largest_of(struct vrs_server *s, uint32_t *most)
{
	struct vrs_neighbor *largest = NULL;

	*most = 0;
	for (struct vrs_neighbor *n = s->neighbors; n != NULL; n = n->next) {
		uint32_t paths = n->slot >= 0 ? vrs_limits_stat(n).n_paths : 0;

		if (paths <= *most)
			continue;
		*most = paths;
		largest = n;
	}
	return largest;
}

/* Whether a session of another part has as many paths: of equal ones the first part's goes. */
static bool others_are_larger(const struct vrs_server *s, uint32_t most)
{
	for (unsigned i = 0; i < s->n_parts; i++) {
		uint32_t theirs = atomic_load_explicit(&s->parts[i]->largest, memory_order_relaxed);

		if (s->parts[i] != s && (theirs > most || (theirs == most && i < s->io->index)))
			return true;
	}
	return false;
}

/* The session with the most paths gives way, one at a time. */
static void close_largest(struct vrs_server *s)
{
	uint32_t most;
	struct vrs_neighbor *largest = largest_of(s, &most);

	/* One that has next to nothing would go for nothing. */
	if (largest == NULL || most < vrs_server_n_paths(s) / 16 || others_are_larger(s, most))
		return;
	atomic_store(&s->head->shed_ms, s->io->wheel.now_ms);
	vrs_count(&s->io->counters.memory_sheds, 1);
	vrs_log(VRS_LOG_ERROR, "%s/%s instance %u: closed for 60 s: memoryLimit, %u paths", s->name,
		largest->name, largest->instance, most);
	vrs_session_restart(
		largest->session, VRS_BGP_CEASE_RESOURCES, "memory limit reached", RESTART_MS);
}

uint64_t vrs_limits_shed(const struct vrs_neighbor *n)
{
	return n->n_shed + vrs_limits_stat(n).n_refused - n->seen.refused;
}

/* Ask for what was not taken. */
static void ask_again(struct vrs_server *s)
{
	for (struct vrs_neighbor *n = s->neighbors, *next; n != NULL; n = next) {
		next = n->next;
		if (n->slot < 0 || vrs_limits_shed(n) == 0)
			continue;
		n->n_shed = 0;
		n->seen.refused = vrs_limits_stat(n).n_refused;
		if (!vrs_neighbor_ask_again(n))
			vrs_session_restart(n->session, VRS_BGP_CEASE_RESOURCES,
				"routes not taken for want of memory", 1);
	}
}

static enum vrs_memory_state state_of(uint64_t used, uint64_t limit, enum vrs_memory_state was)
{
	/* Refused until there is room again: no half-filled tables. */
	if (limit == 0 || used < limit - limit / 5)
		return VRS_MEMORY_OK;
	if (was == VRS_MEMORY_FULL || used >= limit)
		return VRS_MEMORY_FULL;
	return was == VRS_MEMORY_TIGHT || used >= limit - limit / 10 ? VRS_MEMORY_TIGHT
								     : VRS_MEMORY_OK;
}

/* Others look at how large our largest is for as long as some session may have to go. */
static bool far_over(const struct vrs_server *s, uint64_t used)
{
	return s->memory_limit != 0 && used >= s->memory_limit + s->memory_limit / 10;
}

static void show_largest(struct vrs_server *s, uint64_t used)
{
	uint32_t most = 0;

	if (far_over(s, used))
		(void)largest_of(s, &most);
	atomic_store_explicit(&s->largest, most, memory_order_relaxed);
}

/* Whether a session is to be closed now. Versions and tree nodes that wait for a grace period
 * count too, so a burst, even of withdrawals, may pass the mark for a moment. */
static bool must_close(struct vrs_server *s, uint64_t used)
{
	uint64_t now = s->io->wheel.now_ms;

	if (!far_over(s, used)) {
		s->over_ms = 0;
		return false;
	}
	if (s->over_ms == 0)
		s->over_ms = now;
	uint64_t shed_ms = atomic_load(&s->head->shed_ms);
	return now - s->over_ms >= OVER_MS && s->table->n_down == 0 &&
		(shed_ms == 0 || now >= shed_ms + SHED_GAP_MS);
}

void vrs_limits_memory(struct vrs_server *s)
{
	uint64_t limit = s->memory_limit, used = 0, trees = 0;

	atomic_store_explicit(&s->own_bytes, vrs_table_bytes(s->table), memory_order_relaxed);
	atomic_store_explicit(&s->own_trees, vrs_table_tree_bytes(s->table), memory_order_relaxed);
	for (unsigned i = 0; i < s->n_parts; i++) {
		used += atomic_load_explicit(&s->parts[i]->own_bytes, memory_order_relaxed);
		trees += atomic_load_explicit(&s->parts[i]->own_trees, memory_order_relaxed);
	}
	/* The snapshot comes to have as large a tree, a little later: count it from the start. */
	used += VRS_MAX(atomic_load_explicit(&s->rib->bytes, memory_order_relaxed), trees);
	enum vrs_memory_state was = atomic_load_explicit(&s->memory, memory_order_relaxed);
	enum vrs_memory_state now = state_of(used, limit, was);

	atomic_store_explicit(&s->memory_used, used, memory_order_relaxed);
	if (s->n_parts > 1)
		show_largest(s, used);
	if (must_close(s, used))
		close_largest(s);
	if (now == was)
		return;
	atomic_store_explicit(&s->memory, now, memory_order_relaxed);
	s->table->refuse_new = now == VRS_MEMORY_FULL;
	if (s == s->head)
		vrs_log_limited(&s->log_limit, s->io->wheel.now_ms,
			now == VRS_MEMORY_OK ? VRS_LOG_INFO : VRS_LOG_WARNING,
			"%s: memory %s: %llu of %llu bytes", s->name, vrs_memory_state_str(now),
			(unsigned long long)used, (unsigned long long)limit);
	if (now == VRS_MEMORY_OK)
		ask_again(s);
}
