/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 *
 * One connection. Any message, timer or callback may end it: after each of them a function
 * looks at l->conn again before it goes on.
 *
 * The hold timer is not touched per message: messages note the time, and the timer, when it
 * fires, is armed again for what is left. The send-hold timer (RFC 9687) looks eight times
 * per period at what has reached the wire; when that has not grown for a whole period
 * although bytes wait, the peer is stuck.
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "io/session/internal.h"

enum {
	OPEN_SENT_HOLD_MS = 240000, /* RFC 4271 section 8.2.2: "a large value", 4 minutes */
	SEND_HOLD_MIN_MS = 480000,  /* RFC 9687 section 4.3: 8 minutes, or twice the hold time */
	SEND_HOLD_LOOKS = 8,
	SLEPT_MS = 5000,       /* a clock step from which on we were not running ourselves */
	SLEPT_GRACE_MS = 1000, /* to read what came meanwhile */
};

static struct vrs_wheel *wheel_of(const struct vrs_link *l)
{
	return l->session->wheel;
}

static const struct vrs_transport_ops *transport_of(const struct vrs_link *l)
{
	return l->session->transport->ops;
}

/* --- sending ---------------------------------------------------------------------------- */

static uint64_t send_hold_ms(const struct vrs_link *l)
{
	return VRS_MAX((uint64_t)SEND_HOLD_MIN_MS, 2ull * l->hold_ms);
}

int vrs_link_send_chunk(struct vrs_link *l, struct vrs_chunk *chunk, uint32_t offset, uint32_t size)
{
	int rc = transport_of(l)->send(l->conn, chunk, offset, size);

	if (rc != 0)
		return rc;
	l->queued_total += size;
	if (!vrs_timer_armed(&l->send_hold)) {
		l->progress_ms = wheel_of(l)->now_ms;
		vrs_timer_arm(wheel_of(l), &l->send_hold, send_hold_ms(l) / SEND_HOLD_LOOKS);
	}
	return 0;
}

int vrs_link_send(struct vrs_link *l, const uint8_t *message, size_t size)
{
	struct vrs_chunk *chunk = vrs_chunk_new((uint32_t)size);

	if (chunk == NULL)
		return -ENOMEM;
	memcpy(chunk->data, message, size);
	chunk->size = (uint32_t)size;
	int rc = vrs_link_send_chunk(l, chunk, 0, chunk->size);
	vrs_chunk_put(chunk);
	if (rc == 0 && size >= VRS_BGP_HEADER_SIZE &&
		message[VRS_BGP_HEADER_SIZE - 1] < VRS_BGP_N_TYPES)
		l->session->stat.tx[message[VRS_BGP_HEADER_SIZE - 1]]++;
	return rc;
}

static void send_keepalive(struct vrs_link *l)
{
	uint8_t message[VRS_BGP_HEADER_SIZE];

	/* Without memory the next one may do. */
	(void)vrs_link_send(l, message, vrs_bgp_keepalive_encode(message, sizeof(message)));
}

/* --- ending ----------------------------------------------------------------------------- */

void vrs_link_close(struct vrs_link *l, bool flush)
{
	struct vrs_conn *conn = l->conn;

	vrs_timer_cancel(wheel_of(l), &l->hold);
	vrs_timer_cancel(wheel_of(l), &l->keepalive);
	vrs_timer_cancel(wheel_of(l), &l->send_hold);
	l->conn = NULL;
	l->state = VRS_SESSION_IDLE;
	l->parked = false;
	l->hold_extended = false;
	l->queued_total = l->wire_total = 0;
	if (conn != NULL)
		transport_of(l)->close(conn, flush);
}

void vrs_link_notify_close(struct vrs_link *l, const uint8_t *message, size_t size)
{
	bool speak = l->conn != NULL && l->state != VRS_SESSION_CONNECT;

	if (speak)
		(void)vrs_link_send(l, message, size);
	vrs_link_close(l, speak);
}

void vrs_link_collide(struct vrs_link *l)
{
	uint8_t message[VRS_BGP_HEADER_SIZE + 2];
	size_t size = vrs_bgp_cease_encode(VRS_BGP_CEASE_COLLISION, NULL, message, sizeof(message));

	l->session->stat.collisions++;
	/* An accepted stranger has no state yet, but its connection is up. */
	if (l->state == VRS_SESSION_IDLE)
		l->state = VRS_SESSION_OPEN_SENT;
	vrs_link_notify_close(l, message, size);
}

/* Our NOTIFICATION ends it. */
static void fail(struct vrs_link *l, const struct vrs_bgp_verdict *v)
{
	uint8_t message[VRS_BGP_MAX_SIZE];
	struct vrs_session_error e = {
		.code = v->code, .subcode = v->subcode, .direction = VRS_SESSION_ERROR_SENT};
	enum vrs_session_state was = l->state;
	size_t size =
		vrs_bgp_notification_encode(v->code, v->subcode, v->data, message, sizeof(message));

	(void)snprintf(e.text, sizeof(e.text), "%s", v->reason != NULL ? v->reason : "");
	vrs_link_notify_close(l, message, size);
	vrs_session_link_ended(l, was, &e, VRS_LINK_IDLE_HOLD);
}

static void fail_with(struct vrs_link *l, uint8_t code, uint8_t subcode, const char *reason)
{
	struct vrs_bgp_verdict v = vrs_bgp_reset(code, subcode, reason);

	fail(l, &v);
}

static void unexpected(struct vrs_link *l)
{
	static const uint8_t subcodes[] = {
		[VRS_SESSION_OPEN_SENT] = VRS_BGP_FSM_OPEN_SENT,
		[VRS_SESSION_OPEN_CONFIRM] = VRS_BGP_FSM_OPEN_CONFIRM,
		[VRS_SESSION_ESTABLISHED] = VRS_BGP_FSM_ESTABLISHED,
	};

	fail_with(l, VRS_BGP_ERR_FSM, subcodes[l->state], "message not expected in this state");
}

/* --- timers ----------------------------------------------------------------------------- */

static void on_hold(struct vrs_timer *t)
{
	struct vrs_link *l = VRS_CONTAINER_OF(t, struct vrs_link, hold);
	struct vrs_wheel *w = wheel_of(l);
	uint64_t silent = w->now_ms - l->last_rx_ms;

	if (silent < l->hold_ms) {
		vrs_timer_arm(w, t, l->hold_ms - silent);
	} else if (l->parked && !l->hold_extended) {
		l->hold_extended = true;
		vrs_timer_arm(w, t, l->hold_ms);
	} else if (w->slip_ms >= SLEPT_MS && silent - w->slip_ms < l->hold_ms) {
		/* We slept through the end of it: read what waits first. */
		vrs_timer_arm(w, t, SLEPT_GRACE_MS);
	} else {
		fail_with(l, VRS_BGP_ERR_HOLD_TIMER, 0, "hold timer expired");
	}
}

static void arm_keepalive(struct vrs_link *l)
{
	vrs_timer_arm(wheel_of(l), &l->keepalive,
		vrs_session_jitter(l->session, l->negotiated.keepalive_ms));
}

static void on_keepalive(struct vrs_timer *t)
{
	struct vrs_link *l = VRS_CONTAINER_OF(t, struct vrs_link, keepalive);

	arm_keepalive(l);
	send_keepalive(l);
}

static void on_send_hold(struct vrs_timer *t)
{
	struct vrs_link *l = VRS_CONTAINER_OF(t, struct vrs_link, send_hold);
	struct vrs_wheel *w = wheel_of(l);
	uint64_t queued = transport_of(l)->queued(l->conn);
	uint64_t wire = l->queued_total - VRS_MIN(queued, l->queued_total);

	if (queued == 0)
		return; /* Armed again by the next send. */
	if (wire != l->wire_total) {
		l->wire_total = wire;
		l->progress_ms = w->now_ms;
	}
	if (w->now_ms - l->progress_ms < send_hold_ms(l)) {
		vrs_timer_arm(w, t, send_hold_ms(l) / SEND_HOLD_LOOKS);
		return;
	}
	/* RFC 9687 section 4: a NOTIFICATION could not get through either. */
	struct vrs_session_error e = {
		.code = VRS_BGP_ERR_SEND_HOLD_TIMER, .direction = VRS_SESSION_ERROR_SENT};
	enum vrs_session_state was = l->state;

	(void)snprintf(e.text, sizeof(e.text), "the peer does not read");
	vrs_link_close(l, false);
	vrs_session_link_ended(l, was, &e, VRS_LINK_IDLE_HOLD);
}

/* --- OPEN ------------------------------------------------------------------------------- */

static void make_open(const struct vrs_session_config *c, struct vrs_bgp_open *o)
{
	*o = (struct vrs_bgp_open){
		.asn = c->local_as,
		.id = c->router_id,
		.hold = c->hold_s,
		.caps = VRS_BGP_CAP_MULTIPROTOCOL | VRS_BGP_CAP_REFRESH | VRS_BGP_CAP_EXT_MESSAGE |
			VRS_BGP_CAP_ENHANCED_REFRESH,
		.families = c->families,
	};
	if (!c->as2_only)
		o->caps |= VRS_BGP_CAP_AS4;
	if ((c->families & VRS_BGP_IP4) != 0) {
		o->caps |= VRS_BGP_CAP_EXT_NEXT_HOP;
		o->ext_next_hop = VRS_BGP_IP4;
	}
	if (c->role_rs || c->send_role) {
		o->caps |= VRS_BGP_CAP_ROLE;
		o->role = c->role_rs ? (uint8_t)VRS_BGP_ROLE_RS : c->role;
	}
}

void vrs_link_opened(struct vrs_link *l)
{
	struct vrs_bgp_open *ours = &l->negotiated.ours;
	uint8_t message[512];

	make_open(&l->session->config, ours);
	l->state = VRS_SESSION_OPEN_SENT;
	l->hold_ms = OPEN_SENT_HOLD_MS;
	l->last_rx_ms = wheel_of(l)->now_ms;
	vrs_timer_arm(wheel_of(l), &l->hold, l->hold_ms);
	if (vrs_link_send(l, message, vrs_bgp_open_encode(ours, message, sizeof(message))) != 0) {
		fail_with(l, VRS_BGP_ERR_CEASE, VRS_BGP_CEASE_RESOURCES, "out of memory");
		return;
	}
	vrs_session_tell(l->session);
}

/* Section 6.8. @return false when @p l itself lost, and is closed. */
static bool resolve_collision(struct vrs_link *l, const struct vrs_bgp_open *theirs)
{
	struct vrs_session *s = l->session;
	const struct vrs_bgp_open *ours = &l->negotiated.ours;
	struct vrs_link *other = vrs_session_other(l);

	if (other->state != VRS_SESSION_OPEN_CONFIRM && other->state != VRS_SESSION_ESTABLISHED)
		return true;
	/* The connection of the side with the higher identifier stays; of equal ones that of
	 * the higher AS (RFC 6286 section 2.3). */
	bool keep_out = ours->id != theirs->id ? ours->id > theirs->id : ours->asn > theirs->asn;
	struct vrs_link *loser = keep_out ? &s->in : &s->out;

	if (other->state == VRS_SESSION_ESTABLISHED)
		loser = l;
	vrs_link_collide(loser);
	return loser != l;
}

static uint32_t keepalive_ms(const struct vrs_session_config *c, uint16_t hold_s)
{
	uint32_t seconds = hold_s / 3;

	return (c->keepalive_s != 0 ? VRS_MIN(seconds, c->keepalive_s) : seconds) * 1000;
}

static void negotiate(struct vrs_link *l, const struct vrs_bgp_open *theirs)
{
	const struct vrs_session_config *c = &l->session->config;
	struct vrs_session_negotiated *n = &l->negotiated;
	uint16_t both = n->ours.caps & theirs->caps;

	n->theirs = *theirs;
	n->hold_s = VRS_MIN(n->ours.hold, theirs->hold);
	n->keepalive_ms = keepalive_ms(c, n->hold_s);
	n->families = n->ours.families & theirs->families;
	n->as4 = (both & VRS_BGP_CAP_AS4) != 0;
	n->refresh = (both & VRS_BGP_CAP_REFRESH) != 0;
	n->enhanced_refresh = (both & VRS_BGP_CAP_ENHANCED_REFRESH) != 0;
	n->ext_next_hop = (n->ours.ext_next_hop & theirs->ext_next_hop & VRS_BGP_IP4) != 0;
	/* What we may send depends on them; what they may send, on us (RFC 8654 section 4). */
	n->max_tx = (theirs->caps & VRS_BGP_CAP_EXT_MESSAGE) != 0 ? VRS_BGP_MAX_SIZE_EXTENDED
								  : VRS_BGP_MAX_SIZE;
	n->ibgp = c->peer_as == c->local_as;
	n->decode = (struct vrs_bgp_decode_ctx){
		.as4 = n->as4,
		.ibgp = n->ibgp,
		.families = n->families,
		.ext_next_hop = n->ext_next_hop ? VRS_BGP_IP4 : 0,
		.peer_as = c->peer_as,
	};
	memcpy(n->decode.scrub, c->scrub, sizeof(n->decode.scrub));
}

void vrs_link_adapt(struct vrs_link *l)
{
	const struct vrs_session_config *c = &l->session->config;
	struct vrs_session_negotiated *n = &l->negotiated;

	if (l->state < VRS_SESSION_OPEN_CONFIRM)
		return;
	memcpy(n->decode.scrub, c->scrub, sizeof(n->decode.scrub));
	n->keepalive_ms = keepalive_ms(c, n->hold_s);
	if (l->hold_ms != 0)
		arm_keepalive(l);
}

static void on_open(struct vrs_link *l, const struct vrs_bgp_message *m)
{
	/* RFC 5492 section 5: the capability that we miss. */
	static const uint8_t wanted[] = {1, 4, 0, VRS_AFI_IP4, 0, VRS_BGP_SAFI_UNICAST};
	const struct vrs_session_config *c = &l->session->config;
	struct vrs_bgp_open theirs;
	struct vrs_bgp_verdict v = vrs_bgp_open_decode(m->body.data, m->body.size, &theirs);

	if (v.action == VRS_BGP_ACCEPT)
		v = vrs_bgp_open_check(&l->negotiated.ours, &theirs, c->peer_as);
	if (v.action == VRS_BGP_ACCEPT && (theirs.families & c->families) == 0) {
		v = vrs_bgp_reset(VRS_BGP_ERR_OPEN, VRS_BGP_OPEN_NO_CAPABILITY,
			"no address family in common");
		v.data = (struct vrs_span){wanted, sizeof(wanted)};
	}
	if (v.action != VRS_BGP_ACCEPT) {
		fail(l, &v);
		return;
	}
	if (!resolve_collision(l, &theirs))
		return;
	negotiate(l, &theirs);
	l->state = VRS_SESSION_OPEN_CONFIRM;
	l->hold_ms = l->negotiated.hold_s * 1000u;
	l->last_rx_ms = wheel_of(l)->now_ms;
	vrs_timer_cancel(wheel_of(l), &l->hold);
	send_keepalive(l);
	if (l->hold_ms != 0) {
		vrs_timer_arm(wheel_of(l), &l->hold, l->hold_ms);
		arm_keepalive(l);
	}
	vrs_session_tell(l->session);
}

static void establish(struct vrs_link *l)
{
	struct vrs_link *other = vrs_session_other(l);

	l->state = VRS_SESSION_ESTABLISHED;
	if (other->state == VRS_SESSION_CONNECT)
		vrs_link_close(other, false);
	else if (other->conn != NULL)
		vrs_link_collide(other);
	vrs_session_up(l);
}

/* --- messages --------------------------------------------------------------------------- */

static void on_notification(struct vrs_link *l, const struct vrs_bgp_message *m)
{
	struct vrs_session_error e = {.direction = VRS_SESSION_ERROR_RECEIVED};
	enum vrs_session_state was = l->state;
	struct vrs_bgp_notification n;

	if (vrs_bgp_notification_decode(m->body.data, m->body.size, &n) == 0) {
		e.code = n.code;
		e.subcode = n.subcode;
		memcpy(e.text, n.text, sizeof(e.text));
	}
	vrs_link_close(l, false);
	bool collision = e.code == VRS_BGP_ERR_CEASE && e.subcode == VRS_BGP_CEASE_COLLISION;
	if (collision && vrs_session_other(l)->conn != NULL && was != VRS_SESSION_ESTABLISHED) {
		vrs_session_tell(l->session);
		return;
	}
	vrs_session_link_ended(l, was, &e, collision ? VRS_LINK_RETRY : VRS_LINK_IDLE_OPEN);
}

/* @return false when it is to come again. */
static bool on_update(struct vrs_link *l, const struct vrs_bgp_message *m)
{
	struct vrs_session *s = l->session;
	struct vrs_bgp_update u;

	vrs_bgp_update_decode(&l->negotiated.decode, m->body.data, m->body.size, &u);
	if (u.verdict.action == VRS_BGP_RESET) {
		fail(l, &u.verdict);
		return true;
	}
	if (!s->ops->update(s->user, s, &u))
		return false;
	if (u.verdict.action == VRS_BGP_ACCEPT)
		return true;
	if (u.announce_is_withdraw)
		s->stat.treat_as_withdraw++;
	s->stat.attr_discarded += u.n_discarded;
	vrs_log_limited(&s->log_limit, wheel_of(l)->now_ms, VRS_LOG_WARNING,
		"%s: malformed UPDATE, attribute %u: %s: %s", s->name, u.verdict.attr_code,
		u.verdict.reason,
		u.announce_is_withdraw ? "treated as withdraw" : "attribute discarded");
	return true;
}

static void on_refresh(struct vrs_link *l, const struct vrs_bgp_message *m)
{
	struct vrs_session *s = l->session;
	struct vrs_bgp_refresh r;
	struct vrs_bgp_verdict v = vrs_bgp_refresh_decode(m, &r);

	if (v.action != VRS_BGP_ACCEPT) {
		fail(l, &v);
		return;
	}
	uint8_t family = r.afi == VRS_AFI_IP4 ? VRS_BGP_IP4
		: r.afi == VRS_AFI_IP6        ? VRS_BGP_IP6
					      : 0;
	/* RFC 2918 section 4, RFC 7313 section 5: anything else is ignored. */
	if (r.safi != VRS_BGP_SAFI_UNICAST || (l->negotiated.families & family) == 0 ||
		r.subtype > VRS_BGP_REFRESH_EORR || s->ops->refresh == NULL)
		return;
	s->ops->refresh(s->user, s, (enum vrs_afi)r.afi, r.subtype);
}

/* @return false when it is to come again. */
static bool on_established(struct vrs_link *l, const struct vrs_bgp_message *m)
{
	switch (m->type) {
	case VRS_BGP_UPDATE:
		l->last_rx_ms = wheel_of(l)->now_ms;
		return on_update(l, m);
	case VRS_BGP_KEEPALIVE:
		l->last_rx_ms = wheel_of(l)->now_ms;
		return true;
	case VRS_BGP_REFRESH:
		on_refresh(l, m);
		return true;
	default:
		unexpected(l);
		return true;
	}
}

static bool on_message(struct vrs_link *l, const struct vrs_bgp_message *m)
{
	if (m->type == VRS_BGP_NOTIFICATION) {
		on_notification(l, m);
	} else if (l->state == VRS_SESSION_ESTABLISHED) {
		return on_established(l, m);
	} else if (l->state == VRS_SESSION_OPEN_SENT && m->type == VRS_BGP_OPEN) {
		on_open(l, m);
	} else if (l->state == VRS_SESSION_OPEN_CONFIRM && m->type == VRS_BGP_KEEPALIVE) {
		l->last_rx_ms = wheel_of(l)->now_ms;
		establish(l);
	} else {
		unexpected(l);
	}
	return true;
}

/* --- the transport's callbacks ---------------------------------------------------------- */

static size_t on_rx(void *user, struct vrs_conn *conn, const uint8_t *data, size_t size)
{
	struct vrs_link *l = user;
	struct vrs_session *s = l->session;
	size_t used = 0;

	while (l->conn == conn && !l->parked) {
		struct vrs_bgp_message m;
		struct vrs_bgp_verdict v;
		enum vrs_bgp_frame frame = vrs_bgp_message_frame(
			data + used, size - used, VRS_BGP_MAX_SIZE_EXTENDED, &m, &v);

		if (frame == VRS_BGP_FRAME_MORE)
			break;
		if (frame == VRS_BGP_FRAME_ERROR) {
			fail(l, &v);
			break;
		}
		/* Before it is handled: it may end the connection. */
		s->stat.rx[m.type]++;
		if (!on_message(l, &m)) {
			s->stat.rx[m.type]--;
			l->parked = l->conn == conn;
			if (l->parked)
				transport_of(l)->pause(conn);
			break;
		}
		used += m.raw.size;
	}
	return used;
}

static void on_up(void *user, struct vrs_conn *conn)
{
	struct vrs_link *l = user;

	l->conn = conn;
	vrs_link_opened(l);
}

static void on_down(void *user, struct vrs_conn *conn, int err)
{
	struct vrs_link *l = user;
	struct vrs_session_error e = {.direction = VRS_SESSION_ERROR_LOCAL, .err = err};
	enum vrs_session_state was = l->state;

	(void)conn;
	if (err == 0)
		(void)snprintf(e.text, sizeof(e.text), "the peer closed the connection");
	else
		(void)snprintf(e.text, sizeof(e.text), "%s: %s",
			was == VRS_SESSION_CONNECT ? "cannot connect" : "the connection failed",
			strerror(err));
	l->conn = NULL; /* gone already */
	vrs_link_close(l, false);
	vrs_session_link_ended(
		l, was, &e, was <= VRS_SESSION_OPEN_SENT ? VRS_LINK_RETRY : VRS_LINK_IDLE_OPEN);
}

static void on_writable(void *user, struct vrs_conn *conn)
{
	struct vrs_link *l = user;
	struct vrs_session *s = l->session;

	(void)conn;
	if (l->state == VRS_SESSION_ESTABLISHED && s->ops->writable != NULL)
		s->ops->writable(s->user, s);
}

const struct vrs_conn_ops vrs_link_conn_ops = {
	.up = on_up,
	.rx = on_rx,
	.down = on_down,
	.writable = on_writable,
};

void vrs_link_init(struct vrs_link *l, struct vrs_session *s, bool incoming)
{
	*l = (struct vrs_link){.session = s, .incoming = incoming};
	l->hold.fn = on_hold;
	l->keepalive.fn = on_keepalive;
	l->send_hold.fn = on_send_hold;
}
