/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

/*
 * Sending has two sources: control messages of our own, and a stream. Between the two a switch
 * is possible only where a message ends, so a stream is sent in runs of whole messages, and
 * control goes first between runs.
 *
 * Closing: a socket that is closed with unread bytes in it resets the connection, and the
 * reset overtakes what the peer has not read yet (the last withdrawals, the Cease). So the
 * sending side is shut down first, and the other one read until its end, for two seconds.
 */

#include "tools/vrslab/speaker.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io/bgp/notification.h"
#include "io/bgp/refresh.h"

enum {
	FIRST_BACKOFF_MS = 500,
	MAX_BACKOFF_MS = 8000,
	CONNECT_MS = 10000,
	OPEN_HOLD_MS = 240000, /* RFC 4271, section 8.2.2: a large hold time before OPEN. */
	CLOSE_MS = 2000,
	RUN_SIZE = 256 << 10,
	TURN_SIZE = 1 << 20, /* Bytes of one direction before the other has its turn. */
};

void vrs_speaker_init(struct vrs_speaker *s)
{
	s->fd = -1;
	s->state = VRS_SPEAKER_IDLE;
	s->backoff_ms = FIRST_BACKOFF_MS;
	s->retry_ms = 0;
}

static bool is_handed_over(const struct vrs_speaker *s)
{
	return s->hand_over && s->state == VRS_SPEAKER_ESTABLISHED;
}

static void drop_socket(struct vrs_speaker *s)
{
	if (s->fd >= 0)
		(void)close(s->fd);
	s->fd = -1;
	s->rx_size = 0;
	s->control_at = s->control_size = 0;
	s->current = NULL;
	s->cut = false;
	s->n_queue = 0;
	s->busy = false;
	vrs_prefix_set_fini(&s->held);
}

void vrs_speaker_fini(struct vrs_speaker *s)
{
	drop_socket(s);
}

/* ---- Ends --------------------------------------------------------------------------------- */

static void end_session(struct vrs_speaker *s, struct vrs_speaker_end *end, uint64_t now_ms)
{
	end->established = s->established_ms != 0;
	drop_socket(s);
	s->established_ms = 0;
	s->state = s->stop ? VRS_SPEAKER_STOPPED : VRS_SPEAKER_IDLE;
	if (end->established)
		s->backoff_ms = FIRST_BACKOFF_MS;
	s->retry_ms = now_ms + s->backoff_ms;
	s->backoff_ms = VRS_MIN(s->backoff_ms * 2, (uint32_t)MAX_BACKOFF_MS);
	s->ops->closed(s, end);
}

static void end_errno(struct vrs_speaker *s, const char *what, int err, uint64_t now_ms)
{
	struct vrs_speaker_end end = {0};

	(void)snprintf(end.text, sizeof(end.text), "%s: %s", what, strerrordesc_np(err));
	end_session(s, &end, now_ms);
}

static void name_notification(struct vrs_speaker_end *end, const char *who, const char *why)
{
	const char *sub = vrs_bgp_suberror_str(end->code, end->subcode);

	(void)snprintf(end->text, sizeof(end->text), "%s NOTIFICATION %u/%u %s%s%s%s%s", who,
		end->code, end->subcode, vrs_bgp_error_str(end->code), sub[0] != '\0' ? ", " : "",
		sub, why != NULL && why[0] != '\0' ? ": " : "", why != NULL ? why : "");
}

static bool put_control(struct vrs_speaker *s, const uint8_t *message, size_t size)
{
	if (s->control_at == s->control_size)
		s->control_at = s->control_size = 0;
	if (size == 0 || sizeof(s->control) - s->control_size < size)
		return false;
	memcpy(s->control + s->control_size, message, size);
	s->control_size += size;
	s->busy = true;
	return true;
}

/* We end it: say why, as far as the socket takes it now. */
static void end_with(struct vrs_speaker *s, uint8_t code, uint8_t subcode, struct vrs_span data,
	const char *why, uint64_t now_ms)
{
	struct vrs_speaker_end end = {.code = code, .subcode = subcode};
	uint8_t buf[VRS_BGP_MAX_SIZE] = {0};

	name_notification(&end, "sent", why);
	if (s->current == NULL || s->at == s->run_end) {
		(void)put_control(
			s, buf, vrs_bgp_notification_encode(code, subcode, data, buf, sizeof(buf)));
		if (s->control_size > s->control_at)
			(void)send(s->fd, s->control + s->control_at,
				s->control_size - s->control_at, MSG_NOSIGNAL | MSG_DONTWAIT);
	}
	end_session(s, &end, now_ms);
}

/* ---- Connecting --------------------------------------------------------------------------- */

static socklen_t to_sockaddr(const struct vrs_addr *a, uint16_t port, struct sockaddr_storage *out)
{
	memset(out, 0, sizeof(*out));
	if (a->afi == VRS_AFI_IP4) {
		struct sockaddr_in *in = (struct sockaddr_in *)out;
		in->sin_family = AF_INET;
		in->sin_port = htons(port);
		memcpy(&in->sin_addr, a->bytes, 4);
		return sizeof(*in);
	}
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)out;
	in6->sin6_family = AF_INET6;
	in6->sin6_port = htons(port);
	memcpy(&in6->sin6_addr, a->bytes, 16);
	return sizeof(*in6);
}

static void start_open(struct vrs_speaker *s, uint64_t now_ms)
{
	uint8_t buf[VRS_BGP_MAX_SIZE] = {0};

	(void)put_control(s, buf, vrs_bgp_open_encode(&s->open, buf, sizeof(buf)));
	s->state = VRS_SPEAKER_OPEN_SENT;
	s->expire_ms = now_ms + OPEN_HOLD_MS;
}

static void connect_now(struct vrs_speaker *s, uint64_t now_ms)
{
	struct sockaddr_storage local, peer;
	socklen_t local_size = to_sockaddr(&s->local, 0, &local);
	socklen_t peer_size = to_sockaddr(&s->peer, s->port, &peer);
	const int one = 1;

	s->fd = socket(peer.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (s->fd < 0) {
		end_errno(s, "socket", errno, now_ms);
		return;
	}
	(void)setsockopt(s->fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	(void)setsockopt(s->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof(one));
	(void)setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (bind(s->fd, (struct sockaddr *)&local, local_size) != 0) {
		end_errno(s, "cannot use the local address", errno, now_ms);
		return;
	}
	s->state = VRS_SPEAKER_CONNECT;
	s->expire_ms = now_ms + CONNECT_MS;
	if (connect(s->fd, (struct sockaddr *)&peer, peer_size) == 0)
		start_open(s, now_ms);
	else if (errno != EINPROGRESS)
		end_errno(s, "cannot connect", errno, now_ms);
}

static void connected(struct vrs_speaker *s, uint64_t now_ms)
{
	int err = 0;
	socklen_t size = sizeof(err);

	if (getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &err, &size) != 0)
		err = errno;
	if (err != 0)
		end_errno(s, "cannot connect", err, now_ms);
	else
		start_open(s, now_ms);
}

/* ---- Receiving ---------------------------------------------------------------------------- */

static void send_keepalive(struct vrs_speaker *s, uint64_t now_ms)
{
	uint8_t buf[VRS_BGP_HEADER_SIZE] = {0};

	(void)put_control(s, buf, vrs_bgp_keepalive_encode(buf, sizeof(buf)));
	if (s->hold_s > 0)
		s->keepalive_ms = now_ms + (uint64_t)s->hold_s * 1000 / 3;
}

/* @return false when the session has ended. */
static bool on_open(struct vrs_speaker *s, const struct vrs_bgp_message *m, uint64_t now_ms)
{
	struct vrs_bgp_verdict v = vrs_bgp_open_decode(m->body.data, m->body.size, &s->theirs);

	if (v.action == VRS_BGP_ACCEPT && s->state != VRS_SPEAKER_OPEN_SENT)
		v = vrs_bgp_reset(VRS_BGP_ERR_FSM, 0, "a second OPEN");
	if (v.action != VRS_BGP_ACCEPT) {
		end_with(s, v.code, v.subcode, v.data, v.reason, now_ms);
		return false;
	}
	s->as4 = (s->open.caps & s->theirs.caps & VRS_BGP_CAP_AS4) != 0;
	s->ibgp = s->theirs.asn == s->open.asn;
	s->families = s->open.families & s->theirs.families;
	s->hold_s = VRS_MIN(s->open.hold, s->theirs.hold);
	s->ctx = (struct vrs_bgp_decode_ctx){.as4 = s->as4,
		.ibgp = s->ibgp,
		.families = s->families,
		.ext_next_hop = s->open.ext_next_hop & s->theirs.ext_next_hop,
		.peer_as = s->theirs.asn};
	s->state = VRS_SPEAKER_OPEN_CONFIRM;
	send_keepalive(s, now_ms);
	return true;
}

static void count(struct vrs_speaker *s, const struct vrs_bgp_nlri *nlri, bool announced)
{
	struct vrs_reader r = vrs_reader_span(nlri->span);
	struct vrs_prefix p;

	while (nlri->n > 0 && vrs_reader_left(&r) > 0) {
		int n = vrs_prefix_read(&p, nlri->afi, r.at, vrs_reader_left(&r));
		if (n < 0)
			break;
		(void)vrs_read_bytes(&r, (size_t)n);
		if (announced)
			(void)!vrs_prefix_set_insert(&s->held, &p);
		else
			(void)vrs_prefix_set_remove(&s->held, &p);
	}
	*(announced ? &s->n_rx_announced : &s->n_rx_withdrawn) += nlri->n;
}

static bool on_update(struct vrs_speaker *s, const struct vrs_bgp_message *m, uint64_t now_ms)
{
	struct vrs_bgp_update *u = &s->update;

	s->n_rx_updates++;
	vrs_bgp_update_decode(&s->ctx, m->body.data, m->body.size, u);
	s->n_rx_errors += u->verdict.action != VRS_BGP_ACCEPT;
	if (u->verdict.action == VRS_BGP_RESET) {
		end_with(s, u->verdict.code, u->verdict.subcode, u->verdict.data, u->verdict.reason,
			now_ms);
		return false;
	}
	count(s, &u->withdrawn, false);
	count(s, &u->mp_unreach, false);
	count(s, &u->announced, !u->announce_is_withdraw);
	count(s, &u->mp_reach, !u->announce_is_withdraw);
	if (u->withdrawn.n + u->mp_unreach.n + u->announced.n + u->mp_reach.n > 0)
		s->last_rx_ms = now_ms;
	return true;
}

static bool on_notification(struct vrs_speaker *s, const struct vrs_bgp_message *m, uint64_t now_ms)
{
	struct vrs_bgp_notification n = {0};
	struct vrs_speaker_end end = {.received = true};

	if (vrs_bgp_notification_decode(m->body.data, m->body.size, &n) == 0) {
		end.code = n.code;
		end.subcode = n.subcode;
	}
	name_notification(&end, "received", n.text);
	end_session(s, &end, now_ms);
	return false;
}

static void on_refresh(struct vrs_speaker *s, const struct vrs_bgp_message *m)
{
	struct vrs_bgp_refresh r;
	struct vrs_bgp_verdict v = vrs_bgp_refresh_decode(m, &r);

	if (v.action == VRS_BGP_ACCEPT && r.subtype == VRS_BGP_REFRESH_REQUEST &&
		r.safi == VRS_BGP_SAFI_UNICAST && (r.afi == VRS_AFI_IP4 || r.afi == VRS_AFI_IP6))
		s->ops->refresh(s, r.afi);
}

static bool on_message(struct vrs_speaker *s, const struct vrs_bgp_message *m, uint64_t now_ms)
{
	s->n_rx_messages++;
	if (s->hold_s > 0 && s->state >= VRS_SPEAKER_OPEN_CONFIRM)
		s->expire_ms = now_ms + (uint64_t)s->hold_s * 1000;
	if (m->type == VRS_BGP_NOTIFICATION)
		return on_notification(s, m, now_ms);
	if (s->state == VRS_SPEAKER_CLOSING)
		return true;
	if (m->type == VRS_BGP_OPEN)
		return on_open(s, m, now_ms);
	if (s->state == VRS_SPEAKER_OPEN_CONFIRM && m->type == VRS_BGP_KEEPALIVE) {
		s->state = VRS_SPEAKER_ESTABLISHED;
		s->established_ms = now_ms;
		s->backoff_ms = FIRST_BACKOFF_MS;
		s->expire_ms = s->hold_s > 0 ? now_ms + (uint64_t)s->hold_s * 1000 : UINT64_MAX;
		s->ops->established(s);
	} else if (s->state != VRS_SPEAKER_ESTABLISHED) {
		end_with(s, VRS_BGP_ERR_FSM, 0, (struct vrs_span){NULL, 0},
			"a message that is not expected yet", now_ms);
		return false;
	} else if (m->type == VRS_BGP_UPDATE) {
		return on_update(s, m, now_ms);
	} else if (m->type == VRS_BGP_REFRESH) {
		on_refresh(s, m);
	}
	return true;
}

/* Every whole message in rx. @return false when the session has ended. */
static bool take_messages(struct vrs_speaker *s, uint64_t now_ms)
{
	struct vrs_bgp_message m;
	struct vrs_bgp_verdict v;
	size_t at = 0;

	for (;;) {
		enum vrs_bgp_frame f = vrs_bgp_message_frame(
			s->rx + at, s->rx_size - at, VRS_BGP_MAX_SIZE, &m, &v);
		if (f == VRS_BGP_FRAME_MORE)
			break;
		if (f == VRS_BGP_FRAME_ERROR) {
			end_with(s, v.code, v.subcode, v.data, v.reason, now_ms);
			return false;
		}
		at += m.raw.size;
		if (!on_message(s, &m, now_ms))
			return false;
		if (is_handed_over(s))
			break;
	}
	memmove(s->rx, s->rx + at, s->rx_size - at);
	s->rx_size -= at;
	return true;
}

static bool receive(struct vrs_speaker *s, uint64_t now_ms)
{
	for (size_t turn = 0; turn < TURN_SIZE;) {
		ssize_t n = recv(s->fd, s->rx + s->rx_size, sizeof(s->rx) - s->rx_size, 0);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return true;
		if (n < 0) {
			end_errno(s, "connection lost", errno, now_ms);
			return false;
		}
		if (n == 0) {
			struct vrs_speaker_end end = {.text = "closed by the peer"};
			if (s->stop)
				(void)snprintf(end.text, sizeof(end.text), "stopped");
			if (s->state == VRS_SPEAKER_OPEN_SENT)
				(void)snprintf(end.text, sizeof(end.text),
					"closed by the peer before its OPEN: does it expect us "
					"here?");
			end_session(s, &end, now_ms);
			return false;
		}
		s->rx_size += (size_t)n;
		turn += (size_t)n;
		if (!take_messages(s, now_ms))
			return false;
		if (is_handed_over(s))
			break;
	}
	return true;
}

/* ---- Sending ------------------------------------------------------------------------------ */

bool vrs_speaker_send(struct vrs_speaker *s, const struct vrs_stream *stream)
{
	if (stream->size == 0)
		return true;
	if (s->n_queue == VRS_SPEAKER_QUEUE)
		return false;
	s->queue[s->n_queue++] = stream;
	s->busy = true;
	return true;
}

void vrs_speaker_unqueue(struct vrs_speaker *s)
{
	size_t end = s->run_start;

	s->n_queue = 0;
	if (s->current == NULL)
		return;
	while (end < s->at)
		end = vrs_stream_run(s->current, end, 0);
	s->run_end = end;
	s->cut = true;
}

/* The bytes to send next: the rest of a run, else control, else the next run. */
static struct vrs_span next_bytes(struct vrs_speaker *s)
{
	if (s->current != NULL && s->at < s->run_end)
		return (struct vrs_span){s->current->bytes + s->at, s->run_end - s->at};
	if (s->control_at < s->control_size)
		return (struct vrs_span){
			s->control + s->control_at, s->control_size - s->control_at};
	if (s->current != NULL && (s->cut || s->at == s->current->size))
		s->current = NULL;
	s->cut = false;
	if (s->current == NULL && s->n_queue > 0) {
		s->current = s->queue[0];
		s->at = s->run_start = s->run_end = 0;
		s->n_queue--;
		for (size_t i = 0; i < s->n_queue; i++)
			s->queue[i] = s->queue[i + 1];
	}
	if (s->current == NULL)
		return (struct vrs_span){NULL, 0};
	s->run_start = s->at;
	s->run_end = vrs_stream_run(s->current, s->at, RUN_SIZE);
	return (struct vrs_span){s->current->bytes + s->at, s->run_end - s->at};
}

static bool flush(struct vrs_speaker *s, uint64_t now_ms)
{
	for (size_t turn = 0; turn < TURN_SIZE;) {
		struct vrs_span b = next_bytes(s);
		if (b.size == 0)
			break;
		ssize_t n = send(s->fd, b.data, b.size, MSG_NOSIGNAL);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return true;
		if (n < 0 && s->state == VRS_SPEAKER_CLOSING)
			break;
		if (n < 0) {
			end_errno(s, "connection lost", errno, now_ms);
			return false;
		}
		if (b.data == s->control + s->control_at)
			s->control_at += (size_t)n;
		else
			s->at += (size_t)n;
		s->n_sent_bytes += (size_t)n;
		turn += (size_t)n;
	}
	if (s->busy && next_bytes(s).size == 0) {
		s->busy = false;
		if (s->state == VRS_SPEAKER_CLOSING)
			(void)shutdown(s->fd, SHUT_WR);
		else if (s->state == VRS_SPEAKER_ESTABLISHED)
			s->ops->drained(s);
	}
	return true;
}

/* ---- The loop's side ---------------------------------------------------------------------- */

short vrs_speaker_events(const struct vrs_speaker *s)
{
	if (s->fd < 0)
		return 0;
	if (s->state == VRS_SPEAKER_CONNECT)
		return POLLOUT;
	return (short)((is_handed_over(s) ? 0 : POLLIN) | (s->busy ? POLLOUT : 0));
}

uint64_t vrs_speaker_deadline(const struct vrs_speaker *s)
{
	switch (s->state) {
	case VRS_SPEAKER_IDLE:
		return s->retry_ms;
	case VRS_SPEAKER_STOPPED:
		return UINT64_MAX;
	case VRS_SPEAKER_CLOSING:
		return s->close_ms;
	case VRS_SPEAKER_OPEN_CONFIRM:
	case VRS_SPEAKER_ESTABLISHED:
		return s->hold_s > 0 ? VRS_MIN(s->expire_ms, s->keepalive_ms) : UINT64_MAX;
	default:
		return s->expire_ms;
	}
}

void vrs_speaker_io(struct vrs_speaker *s, short revents, uint64_t now_ms)
{
	if (s->fd < 0 || revents == 0)
		return;
	if (s->state == VRS_SPEAKER_CONNECT) {
		connected(s, now_ms);
		return;
	}
	if (!is_handed_over(s) && (revents & ~POLLOUT) != 0 && !receive(s, now_ms))
		return;
	if (s->busy)
		(void)flush(s, now_ms);
}

void vrs_speaker_tick(struct vrs_speaker *s, uint64_t now_ms)
{
	struct vrs_speaker_end end = {.text = "stopped"};

	if (now_ms < vrs_speaker_deadline(s))
		return;
	switch (s->state) {
	case VRS_SPEAKER_IDLE:
		connect_now(s, now_ms);
		break;
	case VRS_SPEAKER_CONNECT:
		end_errno(s, "cannot connect", ETIMEDOUT, now_ms);
		break;
	case VRS_SPEAKER_CLOSING:
		end_session(s, &end, now_ms);
		break;
	case VRS_SPEAKER_STOPPED:
		break;
	default:
		if (now_ms >= s->expire_ms) {
			end_with(s, VRS_BGP_ERR_HOLD_TIMER, 0, (struct vrs_span){NULL, 0},
				"nothing was heard", now_ms);
			break;
		}
		/* Where the last one still waits to be sent, one is enough. */
		if (s->control_at == s->control_size)
			send_keepalive(s, now_ms);
		else if (s->hold_s > 0)
			s->keepalive_ms = now_ms + (uint64_t)s->hold_s * 1000 / 3;
		(void)flush(s, now_ms);
	}
}

void vrs_speaker_stop(struct vrs_speaker *s, uint64_t now_ms)
{
	struct vrs_speaker_end end = {.text = "stopped"};
	uint8_t buf[VRS_BGP_MAX_SIZE] = {0};

	s->stop = true;
	if (s->state == VRS_SPEAKER_STOPPED || s->state == VRS_SPEAKER_CLOSING)
		return;
	if (s->state < VRS_SPEAKER_OPEN_SENT) {
		end_session(s, &end, now_ms);
		return;
	}
	vrs_speaker_unqueue(s);
	(void)put_control(
		s, buf, vrs_bgp_cease_encode(VRS_BGP_CEASE_SHUTDOWN, NULL, buf, sizeof(buf)));
	s->state = VRS_SPEAKER_CLOSING;
	s->close_ms = now_ms + CLOSE_MS;
	(void)flush(s, now_ms);
}

int vrs_speaker_take(struct vrs_speaker *s, struct vrs_span *rest)
{
	int fd = s->fd;

	assert(is_handed_over(s));
	*rest = (struct vrs_span){s->rx, s->rx_size};
	s->fd = -1;
	s->rx_size = 0;
	s->state = VRS_SPEAKER_STOPPED;
	return fd;
}
