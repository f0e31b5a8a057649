/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#include "engine/io.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/limits.h"
#include "engine/model.h"
#include "io/bgp/attr.h"
#include "rib/aspath.h"
#include "rib/base/hash.h"

enum {
	STALE_MS = 600000, /* A peer that began a refresh and never ends it. */
	STALL_MS = 2000,
};

/* --- Updates --- */

static void announce(struct vrs_neighbor *n, const struct vrs_bgp_update *u,
	enum vrs_bgp_which which, const struct vrs_bgp_nlri *nlri)
{
	struct vrs_server *s = n->server;
	struct vrs_io *io = s->io;
	struct vrs_attrs_info info;
	size_t size;
	uint32_t id;

	if (vrs_bgp_update_canonical(
		    u, which, io->canonical, VRS_BGP_CANONICAL_MAX, &size, &info) != 0) {
		/* Does not fit once AS numbers are four bytes wide: cannot be kept or sent on. */
		vrs_count(&io->counters.treat_as_withdraw, 1);
		vrs_log_limited(&n->log_limit, io->wheel.now_ms, VRS_LOG_WARNING,
			"%s/%s: attributes over 64 KiB: treated as withdraw", s->name, n->name);
		vrs_table_withdraw(s->table, (uint16_t)n->slot, nlri->afi, nlri->span);
		return;
	}
	enum vrs_path_reason reason = vrs_server_reason(s, &n->source, io->canonical, size, &info);
	if (reason != VRS_PATH_USABLE && atomic_load(&s->memory) != VRS_MEMORY_OK) {
		/* Kept for show alone: the first thing to go (engine/limits.h). */
		n->n_shed += nlri->n;
		vrs_table_withdraw(s->table, (uint16_t)n->slot, nlri->afi, nlri->span);
		return;
	}
	if (vrs_attrs_intern(s->table->attrs, io->canonical, size, &info, &id) != 0) {
		vrs_count(&io->counters.out_of_memory, 1);
		vrs_table_withdraw(s->table, (uint16_t)n->slot, nlri->afi, nlri->span);
		vrs_log_limited(&n->log_limit, io->wheel.now_ms, VRS_LOG_ERROR,
			"%s/%s: out of memory: routes dropped", s->name, n->name);
		return;
	}
	vrs_table_announce(s->table, (uint16_t)n->slot, nlri->afi, nlri->span, id, reason);
	vrs_count(&io->counters.prefixes_announced, nlri->n);
}

static void withdraw(struct vrs_neighbor *n, const struct vrs_bgp_nlri *nlri)
{
	if (nlri->n == 0)
		return;
	vrs_table_withdraw(n->server->table, (uint16_t)n->slot, nlri->afi, nlri->span);
	vrs_count(&n->server->io->counters.prefixes_withdrawn, nlri->n);
}

static bool on_update(void *user, struct vrs_session *session, const struct vrs_bgp_update *u)
{
	struct vrs_neighbor *n = user;
	struct vrs_io_counters *c = &n->server->io->counters;
	uint32_t announced = 0;

	/* Other I/O threads are far behind with what this one hands on: later. */
	if (vrs_shards_full(n->server->table)) {
		n->server->io->parked = true;
		return false;
	}
	vrs_count(&c->updates, 1);
	vrs_count(&c->attributes_discarded, u->n_discarded);
	withdraw(n, &u->withdrawn);
	withdraw(n, &u->mp_unreach);
	if (u->announce_is_withdraw) {
		vrs_count(&c->treat_as_withdraw, 1);
		withdraw(n, &u->announced);
		withdraw(n, &u->mp_reach);
	} else {
		announced = u->announced.n + u->mp_reach.n;
		if (u->announced.n > 0)
			announce(n, u, VRS_BGP_CLASSIC, &u->announced);
		if (u->mp_reach.n > 0)
			announce(n, u, VRS_BGP_MP, &u->mp_reach);
	}
	vrs_limits_updated(n, announced);
	return true;
}

/* The refresh of @p families is over: what was not announced again is gone. */
static void sweep_stale(struct vrs_neighbor *n, uint8_t families)
{
	for (unsigned afi = VRS_AFI_IP4; afi <= VRS_AFI_IP6; afi++)
		if (n->stale & families & vrs_family_bit(afi))
			vrs_table_sweep_stale(n->server->table, (uint16_t)n->slot, afi);
	n->stale &= (uint8_t)~families;
	if (n->stale == 0)
		vrs_timer_cancel(&n->server->io->wheel, &n->stale_timer);
	vrs_limits_settle(n);
}

/* RFC 7313 section 4 wants an upper bound on how long stale routes are kept. */
static void on_stale(struct vrs_timer *t)
{
	struct vrs_neighbor *n = VRS_CONTAINER_OF(t, struct vrs_neighbor, stale_timer);

	vrs_log(VRS_LOG_WARNING, "%s/%s instance %u: no End-of-Route-Refresh in %d s",
		n->server->name, n->name, n->instance, STALE_MS / 1000);
	sweep_stale(n, n->stale);
}

static void on_refresh(void *user, struct vrs_session *session, enum vrs_afi afi, unsigned subtype)
{
	struct vrs_neighbor *n = user;

	switch (subtype) {
	case VRS_BGP_REFRESH_REQUEST:
		atomic_fetch_or(&n->export->refresh, vrs_family_bit(afi));
		vrs_waker_wake(&n->server->io->propagation->waker);
		break;
	case VRS_BGP_REFRESH_BORR:
		vrs_table_mark_stale(n->server->table, (uint16_t)n->slot, afi);
		n->stale |= vrs_family_bit(afi);
		n->stale_timer.fn = on_stale;
		vrs_timer_arm(&n->server->io->wheel, &n->stale_timer, STALE_MS);
		break;
	case VRS_BGP_REFRESH_EORR:
		sweep_stale(n, vrs_family_bit(afi));
		break;
	}
}

/* --- Sessions coming and going --- */

static struct vrs_export_peer export_peer(
	const struct vrs_neighbor *n, const struct vrs_session_negotiated *g)
{
	const struct vrs_server *s = n->server;
	struct vrs_export_peer p = {
		.connection = n->connection,
		.instance = n->instance,
		.home = (uint8_t)s->io->index,
		.class = n->class,
		.ibgp = n->ibgp,
		.as4 = g->as4,
		.families = g->families,
		.max_message = g->max_tx,
		.own_as = s->asn,
		.router_id = n->config.router_id,
		.ext_next_hop = g->ext_next_hop,
		.enhanced_refresh = g->enhanced_refresh,
		.otc = n->config.role_rs,
	};

	memcpy(p.next_hops, n->own, sizeof(p.next_hops));
	return p;
}

static void on_established(void *user, struct vrs_session *session)
{
	struct vrs_neighbor *n = user;
	struct vrs_server *s = n->server;
	const struct vrs_session_negotiated *g = vrs_session_negotiated(session);
	struct vrs_export_peer peer = export_peer(n, g);

	n->source = (struct vrs_path_source){
		.addr = n->remote,
		.router_id = g->theirs.id,
		.asn = n->peer_asn,
		.connection = n->connection,
		.instance = n->instance,
		.class = n->class,
		.ebgp = !n->ibgp,
		.client = !n->ibgp && n->config.role_rs,
	};
	n->slot = vrs_table_peer_add(s->table, &n->source);
	n->export = n->slot >= 0 ? vrs_export_new(s->rib, &peer) : NULL;
	if (n->export == NULL) {
		vrs_count(&s->io->counters.out_of_memory, 1);
		vrs_log(VRS_LOG_ERROR, "%s/%s: out of memory: session closed", s->name, n->name);
		vrs_session_restart(session, VRS_BGP_CEASE_RESOURCES, "out of memory", 10000);
		return;
	}
	vrs_limits_up(n);
	vrs_count(&s->io->counters.sessions_established, 1);
	vrs_log_limited(&n->log_limit, s->io->wheel.now_ms, VRS_LOG_INFO,
		"%s/%s instance %u: established with AS %u", s->name, n->name, n->instance,
		n->peer_asn);
	vrs_propagation_submit(s->io->propagation, n->export);
}

enum { WHY_STRLEN = VRS_BGP_SHUTDOWN_STRLEN + 100 };

/* "received Cease, Administrative Shutdown: text", or what the transport said. */
static const char *why_down(const struct vrs_session_error *e, char *out, size_t size)
{
	const char *sub = vrs_bgp_suberror_str(e->code, e->subcode);
	bool local = e->direction == VRS_SESSION_ERROR_LOCAL;

	if (local || e->code == 0)
		(void)snprintf(out, size, "%s", e->text[0] != '\0' ? e->text : "connection lost");
	else
		(void)snprintf(out, size, "%s %s%s%s%s%s",
			e->direction == VRS_SESSION_ERROR_SENT ? "sent" : "received",
			vrs_bgp_error_str(e->code), sub[0] != '\0' ? ", " : "", sub,
			e->text[0] != '\0' ? ": " : "", e->text);
	return out;
}

static void on_down(void *user, struct vrs_session *session, const struct vrs_session_error *e)
{
	struct vrs_neighbor *n = user;
	struct vrs_server *s = n->server;

	if (n->slot >= 0)
		vrs_table_peer_down(s->table, (uint16_t)n->slot);
	n->slot = -1;
	n->n_shed = 0;
	n->stale = 0;
	vrs_timer_cancel(&s->io->wheel, &n->stale_timer);
	vrs_limits_down(n);
	if (n->export != NULL)
		vrs_propagation_close(s->io->propagation, n->export);
	n->export = NULL;
	s->io->sweeping = true;
	vrs_count(&s->io->counters.sessions_lost, 1);
	char why[WHY_STRLEN];
	vrs_log_limited(&n->log_limit, s->io->wheel.now_ms, VRS_LOG_WARNING,
		"%s/%s instance %u: down: %s", s->name, n->name, n->instance,
		why_down(e, why, sizeof(why)));
}

/* --- Sending --- */

/* Since when a session that is full has taken nothing: propagation does not make others wait for it. */
static void note_stuck(struct vrs_neighbor *n, bool moved)
{
	struct vrs_export *x = n->export;
	uint64_t was = atomic_load_explicit(&x->stuck_ms, memory_order_relaxed), now = was;

	if (moved || vrs_session_queued(n->session) < VRS_CONN_HIGH_WATER)
		now = 0;
	else if (was == 0)
		now = VRS_MAX(n->server->io->wheel.now_ms, (uint64_t)1);
	if (now != was)
		atomic_store(&x->stuck_ms, now);
}

/* Hand what was encoded to the transport while it has room. */
static bool send_some(struct vrs_neighbor *n)
{
	struct vrs_export *x = n->export;
	const struct vrs_piece *p;
	uint64_t sent = 0;

	while (vrs_session_queued(n->session) < VRS_CONN_HIGH_WATER &&
		(p = vrs_outbox_peek(&x->outbox)) != NULL) {
		if (vrs_session_send(n->session, p->chunk, p->offset, p->size, p->n_messages) != 0)
			break; /* No memory: tried again in the next turn. */
		sent += p->size;
		vrs_outbox_drop(&x->outbox);
	}
	note_stuck(n, sent > 0);
	if (sent == 0)
		return false;
	/* Move `taken`, then look whether propagation waits: partner of wait_for_room() in export.c. */
	atomic_fetch_add(&x->outbox.taken, sent);
	if (atomic_load(&x->blocked))
		vrs_waker_wake(&n->server->io->propagation->waker);
	return true;
}

static void on_writable(void *user, struct vrs_session *session)
{
	struct vrs_neighbor *n = user;

	if (n->export != NULL)
		(void)send_some(n);
}

const struct vrs_session_ops vrs_neighbor_ops = {
	.established = on_established,
	.down = on_down,
	.update = on_update,
	.refresh = on_refresh,
	.writable = on_writable,
};

/* --- The thread --- */

/* The transport has waited: what it reads now comes at this time. When we were away for much
 * longer than it was to wait, that was not ours: a stop, a host without CPU time. */
static void on_woke(void *ctx)
{
	struct vrs_io *io = ctx;
	io->woke_ns = vrs_now_ns();
	io->write_ns = io->transport->write_ns;
	uint64_t now = vrs_clock_ms_at(&io->clock, io->woke_ns);

	io->stalled =
		io->asked_ms != VRS_WHEEL_NEVER && now > io->woke_ms + io->asked_ms + STALL_MS;
	if (io->stalled) {
		vrs_count(&io->counters.stalls, 1);
		vrs_log(VRS_LOG_WARNING, "not run for %llu ms",
			(unsigned long long)(now - io->woke_ms - io->asked_ms));
	}
	io->woke_ms = now;
	vrs_wheel_touch(&io->wheel, now);
}

int vrs_io_init(struct vrs_io *io, unsigned index, struct vrs_transport *transport,
	struct vrs_propagation *propagation, enum vrs_reclaim_mode mode, uint64_t seed)
{
	memset(io, 0, sizeof(*io));
	io->index = index;
	io->transport = transport;
	io->propagation = propagation;
	transport->accept = vrs_session_accept;
	transport->woke = on_woke;
	transport->woke_ctx = io;
	io->clock = propagation->clock;
	vrs_wheel_init(&io->wheel, vrs_clock_ms(&io->clock));
	io->woke_ms = io->wheel.now_ms;
	vrs_mailbox_init(&io->mailbox);
	io->seed = seed;
	io->canonical = malloc(VRS_BGP_CANONICAL_MAX);
	io->reclaim = vrs_reclaim_new(mode);
	if (io->canonical == NULL || io->reclaim == NULL) {
		vrs_io_fini(io);
		return -ENOMEM;
	}
	return 0;
}

void vrs_io_fini(struct vrs_io *io)
{
	vrs_io_take_dead(io);
	vrs_reclaim_free(io->reclaim);
	io->transport->ops->free(io->transport);
	vrs_mailbox_fini(&io->mailbox);
	free(io->canonical);
}

void vrs_io_wake(void *ctx)
{
	struct vrs_io *io = ctx;

	/* Partner of vrs_io_turn(), as in engine/mailbox.c. */
	atomic_thread_fence(memory_order_seq_cst);
	if (atomic_load_explicit(&io->asleep, memory_order_relaxed) != 0 &&
		atomic_exchange(&io->asleep, 0) != 0)
		io->transport->ops->wake(io->transport);
}

void vrs_io_take_dead(struct vrs_io *io)
{
	struct vrs_export *x = vrs_propagation_take_dead(io->propagation, io->index);

	while (x != NULL) {
		struct vrs_export *next = x->next_dead;

		vrs_export_free(x);
		x = next;
	}
}

static bool send_all(struct vrs_io *io)
{
	bool any = false;

	for (struct vrs_server *s = io->servers; s != NULL; s = s->next)
		for (struct vrs_neighbor *n = s->neighbors; n != NULL; n = n->next)
			if (n->export != NULL)
				any |= send_some(n);
	return any;
}

static bool has_output(const struct vrs_io *io)
{
	for (const struct vrs_server *s = io->servers; s != NULL; s = s->next)
		for (const struct vrs_neighbor *n = s->neighbors; n != NULL; n = n->next)
			if (n->export != NULL && vrs_outbox_peek(&n->export->outbox) != NULL &&
				vrs_session_queued(n->session) < VRS_CONN_HIGH_WATER)
				return true;
	return false;
}

/* Whether other threads have left something for our tables. */
static bool has_changes(const struct vrs_io *io)
{
	for (const struct vrs_server *s = io->servers; s != NULL; s = s->next)
		if (vrs_table_waiting(s->table))
			return true;
	return false;
}

/* Sessions that wait for room in other threads' rings go on when there is some. */
static void unpark(struct vrs_io *io)
{
	io->parked = false;
	for (struct vrs_server *s = io->servers; s != NULL; s = s->next) {
		bool full = vrs_shards_full(s->table);

		for (struct vrs_neighbor *n = s->neighbors; n != NULL; n = n->next) {
			if (!vrs_session_parked(n->session))
				continue;
			io->parked |= full;
			if (!full)
				vrs_session_resume(n->session);
		}
	}
}

/* Milliseconds until something is due, at most `limit` (-1 = no limit). */
static int sleep_ms(struct vrs_io *io, int limit)
{
	uint64_t next = vrs_wheel_next(&io->wheel), now = vrs_clock_ms(&io->clock);
	int ms;

	if (next == VRS_WHEEL_NEVER)
		return limit;
	ms = next <= now ? 0 : (int)VRS_MIN(next - now, (uint64_t)60000);
	return limit >= 0 && limit < ms ? limit : ms;
}

/* Whoever decided since @p from ends. @return Now. */
static uint64_t decided(struct vrs_io *io, uint64_t from)
{
	uint64_t now = vrs_now_ns();

	io->decide_ns += now - from;
	return now;
}

/* @p now_ns  Since when what was marked in this turn waits. @return Whether anything was. */
static bool tables(struct vrs_io *io, uint64_t now_ns)
{
	uint64_t marked = 0, from = io->sweeping ? vrs_now_ns() : 0;

	io->sweeping = false;
	for (struct vrs_server *s = io->servers; s != NULL; s = s->next) {
		/* A server that is being removed may have lost its RIB already. */
		bool dead = atomic_load(&s->dead);

		/* First: whether new prefixes are taken holds for what other threads handed on. */
		if (!dead)
			vrs_limits_memory(s);
		io->sweeping |= vrs_table_turn(s->table);
		uint64_t n = atomic_load_explicit(&s->table->n_marked, memory_order_relaxed);
		marked += n - s->n_marked;
		if (!dead && n != s->n_marked)
			vrs_rib_marked(s->rib, io->index, n, now_ns);
		s->n_marked = n;
	}
	if (from != 0)
		(void)decided(io, from);
	if (io->decide_ns > 0)
		vrs_hist_add(&io->stages[VRS_IO_DECIDE], io->decide_ns);
	vrs_reclaim_turn(io->reclaim);
	if (marked == 0)
		return false;
	if (io->inline_changes > 0 && vrs_propagation_try(io->propagation, io->inline_changes))
		(void)send_all(io);
	else
		vrs_waker_wake(&io->propagation->waker);
	return true;
}

/* What poll() did: it wrote, waited, read, decided in the middle of that, and wrote again where there
 * was room. @param any  Whether it did anything after the wait. @return Now, about. */
static uint64_t account_poll(struct vrs_io *io, bool any, uint64_t n_updates, uint64_t written)
{
	uint64_t total = io->transport->write_ns, now = io->woke_ns;

	if (total != written)
		vrs_hist_add(&io->stages[VRS_IO_SEND], total - written);
	if (!any && now != 0)
		return now;
	now = vrs_now_ns();
	if (io->woke_ns == 0)
		io->woke_ns = now; /* The transport does not say when it woke. */
	uint64_t other = io->decide_ns + (total - io->write_ns), all = now - io->woke_ns;
	if (atomic_load_explicit(&io->counters.updates, memory_order_relaxed) != n_updates &&
		all > other)
		vrs_hist_add(&io->stages[VRS_IO_DECODE], all - other);
	return now;
}

int vrs_io_timeout(struct vrs_io *io, int timeout_ms)
{
	struct vrs_reclaim_stat limbo;

	vrs_reclaim_stat(io->reclaim, &limbo);
	/* Something to sweep: do not wait. Something in limbo: come back soon to free it. */
	if (io->sweeping)
		timeout_ms = 0;
	else if (limbo.limbo_objects > 0 && (timeout_ms < 0 || timeout_ms > 20))
		timeout_ms = 20;
	/* Other threads do not say how far they have come. */
	if ((io->parked || io->unsettled != NULL) && (timeout_ms < 0 || timeout_ms > 1))
		timeout_ms = 1;
	if (timeout_ms != 0) {
		atomic_exchange(&io->asleep, 1);
		if (atomic_load(&io->mailbox.n) > 0 || atomic_load(&io->stop) || has_output(io) ||
			has_changes(io) || atomic_load(&io->propagation->dead[io->index]) != NULL)
			timeout_ms = 0;
	}
	return sleep_ms(io, timeout_ms);
}

/* Timers, up to when poll() began to read: after a stop, wherever in a turn it was, what came meanwhile goes before
 * them. One between poll()'s wait and its look at the clock shows as a stall: then what it did not see is read first. */
static bool fire(struct vrs_io *io)
{
	return !io->stalled &&
		vrs_wheel_advance(&io->wheel, vrs_clock_ms_at(&io->clock, io->woke_ns)) > 0;
}

bool vrs_io_turn(struct vrs_io *io, int timeout_ms)
{
	timeout_ms = vrs_io_timeout(io, timeout_ms);
	io->asked_ms = timeout_ms < 0 ? VRS_WHEEL_NEVER : (uint64_t)timeout_ms;
	uint64_t written = io->transport->write_ns,
		 n_updates = atomic_load_explicit(&io->counters.updates, memory_order_relaxed);
	io->woke_ns = io->decide_ns = 0;
	bool any = io->transport->ops->poll(io->transport, timeout_ms) > 0;
	atomic_store(&io->asleep, 0);
	uint64_t now = account_poll(io, any, n_updates, written);
	if (io->unsettled != NULL) {
		vrs_limits_settle_all(io);
		now = decided(io, now);
	}
	any |= fire(io);
	any |= vrs_mailbox_run(&io->mailbox) > 0;
	vrs_io_take_dead(io);
	any |= send_all(io);
	bool marked = tables(io, now);
	if (io->parked)
		unpark(io);
	vrs_count(&io->counters.turns, 1);
	if (any || marked)
		(void)vrs_lap(&io->stages[VRS_IO_TURN], io->woke_ns);
	return any || io->sweeping;
}

void vrs_io_name(const struct vrs_io *io, char out[VRS_IO_NAME_SIZE])
{
	(void)snprintf(
		out, VRS_IO_NAME_SIZE, io->index == 0 ? "vrs-io" : "vrs-io-%u", io->index % 1000);
}

void vrs_io_run(struct vrs_io *io)
{
	while (!atomic_load(&io->stop))
		(void)vrs_io_turn(io, -1);
	vrs_mailbox_close(&io->mailbox);
}
