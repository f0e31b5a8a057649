/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#include "io/session/session.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "io/session/internal.h"
#include "rib/base/hash.h"
#include "rib/base/mem.h"

enum {
	CONNECT_RETRY_MS = 5000,
	BACKOFF_MIN_MS = 1000,
	BACKOFF_MAX_MS = 60000,
	STABLE_MS = 60000,
	RESET_MS = 1000,
};

const char *vrs_session_state_str(enum vrs_session_state state)
{
	static const char *const names[] = {
		[VRS_SESSION_IDLE] = "Idle",
		[VRS_SESSION_CONNECT] = "Connect",
		[VRS_SESSION_ACTIVE] = "Active",
		[VRS_SESSION_OPEN_SENT] = "OpenSent",
		[VRS_SESSION_OPEN_CONFIRM] = "OpenConfirm",
		[VRS_SESSION_ESTABLISHED] = "Established",
	};

	return names[state];
}

uint64_t vrs_session_jitter(struct vrs_session *s, uint64_t ms)
{
	return ms - ms * (vrs_splitmix64(&s->random) % 1024) / 4096;
}

struct vrs_link *vrs_session_other(struct vrs_link *l)
{
	return l->incoming ? &l->session->out : &l->session->in;
}

struct vrs_link *vrs_session_link(const struct vrs_session *s)
{
	if (s->out.state == VRS_SESSION_ESTABLISHED)
		return (struct vrs_link *)&s->out;
	if (s->in.state == VRS_SESSION_ESTABLISHED)
		return (struct vrs_link *)&s->in;
	return NULL;
}

enum vrs_session_state vrs_session_state(const struct vrs_session *s)
{
	enum vrs_session_state best = VRS_MAX(s->out.state, s->in.state);

	if (best != VRS_SESSION_IDLE)
		return best;
	return s->running && !s->idle ? VRS_SESSION_ACTIVE : VRS_SESSION_IDLE;
}

void vrs_session_tell(struct vrs_session *s)
{
	enum vrs_session_state from = s->told, to = vrs_session_state(s);

	if (from == to)
		return;
	s->told = to;
	vrs_log(VRS_LOG_DEBUG, "%s: %s -> %s", s->name, vrs_session_state_str(from),
		vrs_session_state_str(to));
	if (s->ops->changed != NULL)
		s->ops->changed(s->user, s, from, to);
}

/* --- beginning -------------------------------------------------------------------------- */

static int listen_again(struct vrs_session *s)
{
	if (s->listening)
		return 0;
	int rc = s->transport->ops->endpoint_add(s->transport, &s->config.endpoint, s);
	if (rc == 0) {
		s->listening = true;
		return 0;
	}
	s->last_error = (struct vrs_session_error){
		.direction = VRS_SESSION_ERROR_LOCAL, .err = -rc, .at_ms = s->wheel->now_ms};
	(void)snprintf(
		s->last_error.text, sizeof(s->last_error.text), "cannot listen: %s", strerror(-rc));
	vrs_log_limited(&s->log_limit, s->wheel->now_ms, VRS_LOG_ERROR, "%s: %s", s->name,
		s->last_error.text);
	return rc;
}

static void arm_retry(struct vrs_session *s)
{
	uint32_t ms =
		s->config.connect_retry_ms != 0 ? s->config.connect_retry_ms : CONNECT_RETRY_MS;

	vrs_timer_arm(s->wheel, &s->retry, vrs_session_jitter(s, ms));
}

/* Leave IdleHold, or try once more. */
static void begin(struct vrs_session *s)
{
	const struct vrs_endpoint *ep = &s->config.endpoint;
	struct vrs_link *l = &s->out;

	s->idle = false;
	if (listen_again(s) != 0) {
		arm_retry(s);
	} else if (!ep->passive && l->conn == NULL && s->in.conn == NULL) {
		/* Also how long an attempt may last: then the next one replaces it. */
		arm_retry(s);
		int rc = s->transport->ops->connect(
			s->transport, &ep->local, &ep->remote, &vrs_link_conn_ops, l, &l->conn);
		if (rc == 0) {
			l->state = VRS_SESSION_CONNECT;
		} else {
			l->conn = NULL;
			s->last_error =
				(struct vrs_session_error){.direction = VRS_SESSION_ERROR_LOCAL,
					.err = -rc,
					.at_ms = s->wheel->now_ms};
			(void)snprintf(s->last_error.text, sizeof(s->last_error.text),
				"cannot connect: %s", strerror(-rc));
		}
	}
	vrs_session_tell(s);
}

void vrs_session_adapt(struct vrs_session *s, const struct vrs_session_live *live)
{
	bool wakes = s->config.endpoint.passive && !live->passive;

	s->config.keepalive_s = live->keepalive_s;
	s->config.endpoint.passive = live->passive;
	memcpy(s->config.scrub, live->scrub, sizeof(s->config.scrub));
	vrs_link_adapt(&s->out);
	vrs_link_adapt(&s->in);
	if (wakes && s->running && !s->idle && vrs_session_state(s) <= VRS_SESSION_ACTIVE)
		vrs_timer_arm(s->wheel, &s->retry, 0);
}

static void on_retry(struct vrs_timer *t)
{
	struct vrs_session *s = VRS_CONTAINER_OF(t, struct vrs_session, retry);

	if (s->out.state == VRS_SESSION_CONNECT)
		vrs_link_close(&s->out, false);
	if (vrs_session_state(s) <= VRS_SESSION_ACTIVE)
		begin(s);
}

/* Not connecting for @p ms; the peer is refused for the first @p refuse_ms of them. */
static void idle_for(struct vrs_session *s, uint64_t ms, uint64_t refuse_ms)
{
	s->idle = true;
	s->refuse_until_ms = s->wheel->now_ms + refuse_ms;
	vrs_timer_arm(s->wheel, &s->retry, ms);
}

static void back_off(struct vrs_session *s, bool peer_may_come)
{
	s->backoff_ms = s->backoff_ms == 0 ? BACKOFF_MIN_MS
					   : VRS_MIN(2 * s->backoff_ms, (uint32_t)BACKOFF_MAX_MS);
	uint64_t ms = vrs_session_jitter(s, s->backoff_ms);
	/* We wait longer and longer before we connect; a peer that connects by itself, mended
	 * perhaps, is kept waiting for a second at most. */
	idle_for(s, ms, peer_may_come ? 0 : VRS_MIN(ms, (uint64_t)BACKOFF_MIN_MS));
}

int vrs_session_start(struct vrs_session *s)
{
	if (s->running)
		return 0;
	s->running = true;
	s->backoff_ms = 0;
	int rc = listen_again(s);
	begin(s);
	return rc;
}

bool vrs_session_accept(void *, void *endpoint_user, struct vrs_conn *conn,
	const struct vrs_conn_ops **ops, void **user)
{
	struct vrs_session *s = endpoint_user;
	struct vrs_link *l = &s->in;

	if (!s->running || (s->idle && s->wheel->now_ms < s->refuse_until_ms))
		return false;
	if (vrs_session_link(s) != NULL) {
		/* Section 6.8: a collision with an Established connection closes the new one. */
		struct vrs_link stranger;

		vrs_link_init(&stranger, s, true);
		stranger.conn = conn;
		vrs_link_collide(&stranger);
		return true;
	}
	if (l->conn != NULL)
		vrs_link_collide(l);
	if (s->idle)
		arm_retry(s);
	s->idle = false;
	l->conn = conn;
	*ops = &vrs_link_conn_ops;
	*user = l;
	vrs_link_opened(l);
	return true;
}

/* --- Established and after -------------------------------------------------------------- */

void vrs_session_up(struct vrs_link *l)
{
	struct vrs_session *s = l->session;

	vrs_timer_cancel(s->wheel, &s->retry);
	s->established_ms = s->wheel->now_ms;
	s->stat.established++;
	vrs_log_limited(&s->log_limit, s->wheel->now_ms, VRS_LOG_INFO, "%s: established, hold %u s",
		s->name, l->negotiated.hold_s);
	vrs_session_tell(s);
	s->ops->established(s->user, s);
}

static const char *direction_str(enum vrs_session_direction d)
{
	return d == VRS_SESSION_ERROR_SENT        ? "sent"
		: d == VRS_SESSION_ERROR_RECEIVED ? "received"
						  : "lost";
}

static void log_error(struct vrs_session *s, const struct vrs_session_error *e)
{
	if (e->direction == VRS_SESSION_ERROR_LOCAL)
		vrs_log_limited(&s->log_limit, s->wheel->now_ms, VRS_LOG_INFO, "%s: %s (errno %d)",
			s->name, e->text, e->err);
	else
		vrs_log_limited(&s->log_limit, s->wheel->now_ms, VRS_LOG_WARNING, "%s: %s %s/%s %s",
			s->name, direction_str(e->direction), vrs_bgp_error_str(e->code),
			vrs_bgp_suberror_str(e->code, e->subcode), e->text);
}

void vrs_session_link_ended(struct vrs_link *l, enum vrs_session_state was,
	const struct vrs_session_error *e, enum vrs_link_fate fate)
{
	struct vrs_session *s = l->session;

	s->last_error = *e;
	s->last_error.at_ms = s->wheel->now_ms;
	log_error(s, &s->last_error);
	if (was == VRS_SESSION_ESTABLISHED && s->wheel->now_ms - s->established_ms >= STABLE_MS)
		s->backoff_ms = 0;
	if (s->running && vrs_session_other(l)->conn == NULL) {
		if (fate == VRS_LINK_RETRY)
			arm_retry(s);
		else
			back_off(s, fate == VRS_LINK_IDLE_OPEN);
	}
	vrs_session_tell(s);
	if (was == VRS_SESSION_ESTABLISHED)
		s->ops->down(s->user, s, &s->last_error);
}

/* Cease on every connection. */
static void end(struct vrs_session *s, enum vrs_bgp_cease subcode, const char *text)
{
	uint8_t message[VRS_BGP_HEADER_SIZE + 2 + VRS_BGP_SHUTDOWN_STRLEN];
	size_t size = vrs_bgp_cease_encode(subcode, text, message, sizeof(message));
	bool was_up = vrs_session_link(s) != NULL;
	struct vrs_session_error *e = &s->last_error;

	if (s->out.conn != NULL || s->in.conn != NULL) {
		*e = (struct vrs_session_error){.code = VRS_BGP_ERR_CEASE,
			.subcode = (uint8_t)subcode,
			.direction = VRS_SESSION_ERROR_SENT,
			.at_ms = s->wheel->now_ms};
		(void)snprintf(e->text, sizeof(e->text), "%s", text != NULL ? text : "");
		log_error(s, e);
	}
	vrs_link_notify_close(&s->out, message, size);
	vrs_link_notify_close(&s->in, message, size);
	vrs_session_tell(s);
	if (was_up)
		s->ops->down(s->user, s, e);
}

void vrs_session_stop(struct vrs_session *s, enum vrs_bgp_cease subcode, const char *text)
{
	if (!s->running)
		return;
	s->running = false;
	s->idle = false;
	vrs_timer_cancel(s->wheel, &s->retry);
	end(s, subcode, text);
	if (s->listening && !s->running) {
		s->listening = false;
		s->transport->ops->endpoint_remove(
			s->transport, &s->config.endpoint.local, &s->config.endpoint.remote);
	}
}

void vrs_session_restart(
	struct vrs_session *s, enum vrs_bgp_cease subcode, const char *text, uint64_t after_ms)
{
	if (!s->running)
		return;
	idle_for(s, after_ms, after_ms);
	end(s, subcode, text);
}

void vrs_session_reset(struct vrs_session *s, const char *text)
{
	vrs_session_restart(s, VRS_BGP_CEASE_RESET, text, vrs_session_jitter(s, RESET_MS));
}

/* --- the caller's side ------------------------------------------------------------------ */

bool vrs_session_parked(const struct vrs_session *s)
{
	const struct vrs_link *l = vrs_session_link(s);

	return l != NULL && l->parked;
}

void vrs_session_resume(struct vrs_session *s)
{
	struct vrs_link *l = vrs_session_link(s);

	if (l == NULL || !l->parked)
		return;
	l->parked = false;
	l->hold_extended = false;
	l->last_rx_ms = s->wheel->now_ms;
	s->transport->ops->resume(l->conn);
}

int vrs_session_send(struct vrs_session *s, struct vrs_chunk *chunk, uint32_t offset, uint32_t size,
	uint32_t n_updates)
{
	struct vrs_link *l = vrs_session_link(s);

	if (l == NULL)
		return -ENOTCONN;
	int rc = vrs_link_send_chunk(l, chunk, offset, size);
	if (rc == 0)
		s->stat.tx[VRS_BGP_UPDATE] += n_updates;
	return rc;
}

int vrs_session_send_message(struct vrs_session *s, const uint8_t *message, size_t size)
{
	struct vrs_link *l = vrs_session_link(s);

	return l != NULL ? vrs_link_send(l, message, size) : -ENOTCONN;
}

int vrs_session_send_refresh(
	struct vrs_session *s, enum vrs_afi afi, enum vrs_bgp_refresh_subtype subtype)
{
	const struct vrs_session_negotiated *n = vrs_session_negotiated(s);
	const struct vrs_bgp_refresh refresh = {
		(uint16_t)afi, VRS_BGP_SAFI_UNICAST, (uint8_t)subtype};
	uint8_t message[32];

	if (n == NULL)
		return -ENOTCONN;
	if (!(subtype == VRS_BGP_REFRESH_REQUEST ? n->refresh : n->enhanced_refresh) ||
		(n->families & (afi == VRS_AFI_IP4 ? VRS_BGP_IP4 : VRS_BGP_IP6)) == 0)
		return -EOPNOTSUPP;
	return vrs_session_send_message(
		s, message, vrs_bgp_refresh_encode(&refresh, message, sizeof(message)));
}

size_t vrs_session_queued(const struct vrs_session *s)
{
	const struct vrs_link *l = vrs_session_link(s);

	return l != NULL ? s->transport->ops->queued(l->conn) : 0;
}

const struct vrs_session_negotiated *vrs_session_negotiated(const struct vrs_session *s)
{
	const struct vrs_link *l = vrs_session_link(s);

	return l != NULL ? &l->negotiated : NULL;
}

const struct vrs_session_config *vrs_session_config(const struct vrs_session *s)
{
	return &s->config;
}

uint64_t vrs_session_uptime_ms(const struct vrs_session *s)
{
	return vrs_session_link(s) != NULL ? s->wheel->now_ms - s->established_ms : 0;
}

const struct vrs_session_error *vrs_session_last_error(const struct vrs_session *s)
{
	return &s->last_error;
}

const struct vrs_session_stat *vrs_session_stat(const struct vrs_session *s)
{
	return &s->stat;
}

bool vrs_session_addresses(const struct vrs_session *s, struct vrs_addr *local,
	uint16_t *local_port, struct vrs_addr *remote, uint16_t *remote_port)
{
	const struct vrs_link *l = vrs_session_link(s);

	if (l == NULL)
		return false;
	s->transport->ops->info(l->conn, local, local_port, remote, remote_port);
	return true;
}

struct vrs_session *vrs_session_new(const struct vrs_session_config *config,
	struct vrs_transport *transport, struct vrs_wheel *wheel, const struct vrs_session_ops *ops,
	void *user)
{
	struct vrs_session *s = vrs_mem_zalloc(VRS_MEM_SESSION, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->config = *config;
	(void)snprintf(
		s->name, sizeof(s->name), "%s", config->name != NULL ? config->name : "peer");
	s->config.name = s->name;
	s->transport = transport;
	s->wheel = wheel;
	s->ops = ops;
	s->user = user;
	s->random = config->seed;
	s->retry.fn = on_retry;
	vrs_link_init(&s->out, s, false);
	vrs_link_init(&s->in, s, true);
	return s;
}

void vrs_session_free(struct vrs_session *s)
{
	if (s == NULL)
		return;
	vrs_timer_cancel(s->wheel, &s->retry);
	vrs_link_close(&s->out, false);
	vrs_link_close(&s->in, false);
	if (s->listening)
		s->transport->ops->endpoint_remove(
			s->transport, &s->config.endpoint.local, &s->config.endpoint.remote);
	vrs_mem_free(VRS_MEM_SESSION, s, sizeof(*s));
}
