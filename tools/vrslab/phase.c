/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

/*
 * Which clock a latency uses: the change's intended time, and the time at which recv() gave the
 * bytes to the receiving thread. What waits in the sender, in a socket or in this reader counts
 * as the target's; the lag histogram and the CPU shares tell how much of that was ours.
 */

#include "tools/vrslab/phase.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "io/bgp/notification.h"
#include "tools/vrslab/args.h"
#include "tools/vrslab/words.h"

enum {
	NS_PER_S = 1000000000,
	MAX_LATENCY_S = 3600,
	DIGITS = 3,
	SEND_SIZE = 256 << 10,
	MAX_SESSIONS = 1024,
	MAX_EVENTS = 64,
	IDLE_NS = 20000000,
};
/* Whose address a next hop is; HOP_FIRST and more: of the hops. */
enum { HOP_STRANGE, HOP_TARGET, HOP_SENDER, HOP_FIRST };
#define KEEPALIVE_NS (20ull * NS_PER_S)

uint64_t vrs_lab_now(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

struct vrs_lab_usage vrs_lab_usage(void)
{
	struct vrs_lab_usage u = {0};
	struct timespec t;
	FILE *f = fopen("/proc/thread-self/schedstat", "re");

	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	u.cpu_ns = (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
	/* Time on a CPU, time in the run queue. A kernel may be built without. */
	if (f != NULL && fscanf(f, "%*u %" SCNu64, &u.wait_ns) != 1)
		u.wait_ns = 0;
	if (f != NULL)
		(void)fclose(f);
	return u;
}

/* --- Sending --- */

static bool script_left(const struct vrs_lab_session *s)
{
	return s->tx_fd >= 0 && s->script != NULL && s->at < s->script->stream.size;
}

/* Where the bytes end that are due now. Steps that become due are noted with their lag. */
static size_t due_end(struct vrs_phase *p, struct vrs_lab_session *s, uint64_t now)
{
	const struct vrs_script *c = s->script;

	while (s->step < c->n_steps && p->start_ns + c->steps[s->step].at_ns <= now) {
		vrs_hdr_record(&p->lag, now - p->start_ns - c->steps[s->step].at_ns);
		s->step++;
	}
	return s->step == 0 ? 0 : c->steps[s->step - 1].end;
}

/* @return false when the socket takes no more. */
static bool send_due(struct vrs_phase *p, struct vrs_lab_session *s, size_t end)
{
	while (s->at < end) {
		size_t size = VRS_MIN(end - s->at, (size_t)SEND_SIZE);
		ssize_t n = send(s->tx_fd, s->script->stream.bytes + s->at, size,
			MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return false;
		if (n < 0) {
			/* The reader finds out why. Nothing more can be sent. */
			s->at = s->script->stream.size;
			break;
		}
		s->at += (size_t)n;
		s->n_tx_bytes += (size_t)n;
		atomic_fetch_add_explicit(&p->n_tx_bytes, (uint64_t)n, memory_order_relaxed);
	}
	return true;
}

/* Only where a message ends, and only when nothing is on its way. */
static void keep_alive(struct vrs_lab_session *s, uint64_t now)
{
	uint8_t buf[VRS_BGP_HEADER_SIZE] = {0};

	if (s->tx_fd < 0 || now < s->sent_ns + KEEPALIVE_NS)
		return;
	if (s->script != NULL && s->step > 0 && s->at != s->script->steps[s->step - 1].end)
		return;
	s->sent_ns = now;
	(void)send(s->tx_fd, buf, vrs_bgp_keepalive_encode(buf, sizeof(buf)),
		MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* One round over the sessions. @return When the next bytes are due; 0 = everything is sent. */
static uint64_t send_round(struct vrs_phase *p, struct pollfd *blocked, nfds_t *n_blocked)
{
	uint64_t next = UINT64_MAX;
	bool left = false;

	*n_blocked = 0;
	for (size_t i = 0; i < p->n_sessions; i++) {
		struct vrs_lab_session *s = &p->sessions[i];
		uint64_t now = vrs_lab_now();

		if (script_left(s)) {
			size_t end = due_end(p, s, now);
			if (s->at < end)
				s->sent_ns = now;
			if (!send_due(p, s, end))
				blocked[(*n_blocked)++] =
					(struct pollfd){.fd = s->tx_fd, .events = POLLOUT};
			else if (s->step < s->script->n_steps)
				next = VRS_MIN(next, p->start_ns + s->script->steps[s->step].at_ns);
		}
		keep_alive(s, now);
		left = left || script_left(s);
	}
	return left ? next : 0;
}

static void *send_thread(void *arg)
{
	struct vrs_phase *p = arg;
	static _Thread_local struct pollfd blocked[MAX_SESSIONS];
	nfds_t n_blocked;

	(void)prctl(PR_SET_TIMERSLACK, 1000UL);
	while (!atomic_load(&p->stop)) {
		uint64_t next = send_round(p, blocked, &n_blocked), now = vrs_lab_now();
		if (next == 0 && !atomic_load(&p->sent)) {
			p->sent_ns = now;
			atomic_store(&p->sent, true);
		}
		/* Bounded, so that stopping and keepalives are seen. */
		uint64_t until = next == 0 ? now + IDLE_NS : VRS_MIN(next, now + IDLE_NS);
		if (until <= now)
			continue;
		struct timespec t = {.tv_nsec = (long)(until - now)};
		(void)ppoll(blocked, n_blocked, &t, NULL);
		if (n_blocked > 0)
			p->blocked_ns += vrs_lab_now() - now;
	}
	p->tx_usage = vrs_lab_usage();
	return NULL;
}

/* --- Receiving --- */

static void lose(struct vrs_phase *p, struct vrs_lab_session *s, const char *why)
{
	s->lost = true;
	(void)snprintf(s->why, sizeof(s->why), "%s", why);
	atomic_store(&p->lost, true);
}

/* Which change a word shows. A withdrawal carries no number: it is the first one planned after
 * what was heard last. */
static uint32_t change_of(
	const struct vrs_plan *plan, uint32_t number, uint32_t word, uint32_t seen)
{
	if (word != 0)
		return vrs_plan_find(plan, word, number);
	uint32_t i = vrs_plan_after(plan, number, seen);
	while (i != VRS_CHANGE_NONE && !plan->changes[i].withdraw)
		i = plan->changes[i].next;
	return i;
}

/* Whether a change came as its sender sent it. */
static bool is_genuine(const struct vrs_phase *p, const struct vrs_change *c)
{
	if (c->withdraw)
		return true;
	if (c->check != p->check)
		return false;
	return p->hop == HOP_TARGET ||
		p->hop == (c->hop > 0 ? HOP_FIRST + (int)c->hop - 1 : HOP_SENDER);
}

/* All changes of the prefix up to the one that came: who hears of the newest need not hear of the
 * others, but has not heard of them any earlier. To leave them out would hide a target that merges
 * what it is late with. */
static void on_change(void *ctx, uint32_t number, uint32_t old, uint32_t word)
{
	struct vrs_phase *p = ctx;
	const struct vrs_plan *plan = p->plan;
	uint32_t *seen = &p->session->seen[number];

	if (old == word)
		return;
	uint32_t to = change_of(plan, number, word, *seen);
	uint32_t i = vrs_plan_after(plan, number, *seen);
	/* An older one again: nothing new. */
	if (to == VRS_CHANGE_NONE || i == VRS_CHANGE_NONE || to < i)
		return;
	if (!is_genuine(p, &plan->changes[to]))
		p->session->ledger.n_strange++;
	*seen = to;
	for (; !p->deaf && i != VRS_CHANGE_NONE && i <= to; i = plan->changes[i].next) {
		uint64_t at = p->start_ns + plan->changes[i].at_ns;
		p->n_changes_seen++;
		p->n_overtaken += i != to;
		vrs_hdr_record(&p->received, p->now_ns > at ? p->now_ns - at : 0);
	}
}

static void told(struct vrs_phase *p, struct vrs_lab_session *s, const struct vrs_bgp_nlri *nlri,
	uint32_t word, uint64_t *counter)
{
	if (nlri->n == 0)
		return;
	(void)vrs_ledger_told(&s->ledger, nlri->afi, nlri->span, word,
		p->plan != NULL && p->plan->n_changes > 0 ? on_change : NULL, p);
	*counter += nlri->n;
}

/* Whose address an UPDATE's next hop is. */
static int hop_of(const struct vrs_phase *p, const struct vrs_bgp_update *u)
{
	struct vrs_addr a = {.afi = p->target.afi};
	struct vrs_span hop = u->mp_reach.n > 0 ? u->mp_next_hop : (struct vrs_span){0};
	size_t width = vrs_afi_width(a.afi) / 8;

	if (a.afi == VRS_AFI_NONE)
		return HOP_TARGET;
	for (uint16_t i = 0; u->mp_reach.n == 0 && i < u->n_attrs; i++)
		if (u->attrs[i].code == VRS_BGP_NEXT_HOP)
			hop = (struct vrs_span){u->attrs[i].value, u->attrs[i].size};
	if (hop.data == NULL || hop.size < width)
		return HOP_STRANGE;
	memcpy(a.bytes, hop.data, width);
	if (vrs_addr_equal(&a, &p->target))
		return HOP_TARGET;
	int number = vrs_arg_addr_number(&p->hops, p->n_hops, &a);
	if (number >= 0)
		return HOP_FIRST + number;
	return vrs_arg_addr_number(&p->senders, p->n_senders, &a) >= 0 ? HOP_SENDER : HOP_STRANGE;
}

static void on_update(struct vrs_phase *p, struct vrs_lab_session *s, struct vrs_span body)
{
	struct vrs_bgp_update u;
	uint32_t word = 0;

	s->n_rx_updates++;
	vrs_bgp_update_decode(&s->ctx, body.data, body.size, &u);
	if (u.verdict.action != VRS_BGP_ACCEPT) {
		/* Whatever was sent to it: a target passes nothing malformed on. */
		s->n_rx_errors++;
		s->ledger.n_strange++;
	}
	if (u.verdict.action == VRS_BGP_RESET) {
		lose(p, s, u.verdict.reason);
		return;
	}
	told(p, s, &u.withdrawn, 0, &s->n_rx_withdrawn);
	told(p, s, &u.mp_unreach, 0, &s->n_rx_withdrawn);
	if (u.announced.n + u.mp_reach.n == 0)
		return;
	if (!u.announce_is_withdraw)
		word = vrs_word_of_update(&u, s->target_as, s->own_as, p->by_sender, &p->check);
	p->hop = hop_of(p, &u);
	if (word != 0 && p->hop == HOP_STRANGE)
		s->ledger.n_strange++;
	told(p, s, &u.announced, word, &s->n_rx_announced);
	told(p, s, &u.mp_reach, word, &s->n_rx_announced);
}

static void on_notification(
	struct vrs_phase *p, struct vrs_lab_session *s, const struct vrs_bgp_message *m)
{
	struct vrs_bgp_notification n = {0};
	char text[sizeof(s->why)];

	if (vrs_bgp_notification_decode(m->body.data, m->body.size, &n) != 0) {
		lose(p, s, "a NOTIFICATION that is cut short");
		return;
	}
	(void)snprintf(text, sizeof(text), "NOTIFICATION %u/%u %s, %s %.60s", n.code, n.subcode,
		vrs_bgp_error_str(n.code), vrs_bgp_suberror_str(n.code, n.subcode), n.text);
	lose(p, s, text);
}

/* Every whole message in rx. */
static void take_messages(struct vrs_phase *p, struct vrs_lab_session *s)
{
	struct vrs_bgp_message m;
	struct vrs_bgp_verdict v;
	size_t at = 0;

	while (!s->lost) {
		enum vrs_bgp_frame f = vrs_bgp_message_frame(
			s->rx + at, s->rx_size - at, VRS_BGP_MAX_SIZE, &m, &v);
		if (f == VRS_BGP_FRAME_MORE)
			break;
		if (f == VRS_BGP_FRAME_ERROR) {
			lose(p, s, v.reason);
			break;
		}
		at += m.raw.size;
		if (m.type == VRS_BGP_UPDATE)
			on_update(p, s, m.body);
		else if (m.type == VRS_BGP_NOTIFICATION)
			on_notification(p, s, &m);
	}
	memmove(s->rx, s->rx + at, s->rx_size - at);
	s->rx_size -= at;
}

/* One recv() of a session that has bytes. */
static void receive(struct vrs_phase *p, struct vrs_lab_session *s)
{
	uint64_t before = s->n_rx_announced + s->n_rx_withdrawn;
	uint32_t right = s->ledger.n_right;

	p->deaf = s->deaf_ns > 0;
	p->session = s;
	ssize_t n = recv(s->rx_fd, s->rx + s->rx_size, VRS_LAB_RX_SIZE - s->rx_size, MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	p->now_ns = vrs_lab_now();
	if (n <= 0) {
		lose(p, s, n == 0 ? "closed by the target" : strerrordesc_np(errno));
		return;
	}
	s->n_rx_bytes += (size_t)n;
	if (p->only_read)
		return;
	s->rx_size += (size_t)n;
	take_messages(p, s);
	uint64_t prefixes = s->n_rx_announced + s->n_rx_withdrawn - before;
	if (prefixes == 0)
		return;
	atomic_store(&p->last_rx_ns, p->now_ns);
	s->right = vrs_ledger_right(&s->ledger);
	atomic_fetch_add_explicit(&p->n_rx_prefixes, prefixes, memory_order_relaxed);
	if (s->strict)
		atomic_fetch_add_explicit(&p->n_right,
			(uint64_t)(int64_t)(int32_t)(s->ledger.n_right - right),
			memory_order_relaxed);
}

static bool all_right(const struct vrs_phase *p)
{
	for (size_t i = 0; i < p->n_sessions; i++) {
		if (p->sessions[i].strict && !p->sessions[i].right)
			return false;
	}
	return true;
}

static uint64_t last_rx(struct vrs_phase *p)
{
	uint64_t at = atomic_load(&p->last_rx_ns);

	return at != 0 ? at : vrs_lab_now();
}

/* The time counts at which it became right for good: it may be wrong again, in the meantime. */
static void note_right(struct vrs_phase *p)
{
	bool right = all_right(p);

	if (right && !p->in_right)
		p->right_ns = last_rx(p);
	p->in_right = right;
	atomic_store(&p->right, right);
}

/* Listen to the sessions whose time of deafness ends in (@p from, @p to]. */
static void listen_to(struct vrs_phase *p, int ep, uint64_t from, uint64_t to)
{
	for (size_t i = 0; i < p->n_sessions; i++) {
		struct vrs_lab_session *s = &p->sessions[i];
		struct epoll_event e = {.events = EPOLLIN, .data.ptr = s};
		uint64_t at = s->deaf_ns > 0 ? p->start_ns + s->deaf_ns : 1;
		if (s->rx_fd >= 0 && at > from && at <= to &&
			(ep < 0 || epoll_ctl(ep, EPOLL_CTL_ADD, s->rx_fd, &e) != 0))
			lose(p, s, strerrordesc_np(errno));
	}
}

static void *receive_thread(void *arg)
{
	struct vrs_phase *p = arg;
	struct epoll_event events[MAX_EVENTS];
	uint64_t listened = 0, deaf_until = 1;
	int ep = epoll_create1(EPOLL_CLOEXEC);

	if (ep < 0 && p->n_sessions > 0)
		lose(p, &p->sessions[0], strerrordesc_np(errno));
	for (size_t i = 0; i < p->n_sessions; i++)
		if (p->sessions[i].deaf_ns > 0)
			deaf_until = VRS_MAX(deaf_until, p->start_ns + p->sessions[i].deaf_ns);
	note_right(p);
	while (ep >= 0 && !atomic_load(&p->stop)) {
		if (listened < deaf_until) {
			uint64_t now = vrs_lab_now();
			listen_to(p, ep, listened, now);
			listened = now;
		}
		int n = epoll_wait(ep, events, MAX_EVENTS, IDLE_NS / 1000000);
		for (int i = 0; i < n; i++) {
			struct vrs_lab_session *s = events[i].data.ptr;
			receive(p, s);
			if (s->lost)
				(void)epoll_ctl(ep, EPOLL_CTL_DEL, s->rx_fd, NULL);
		}
		if (n > 0)
			note_right(p);
	}
	if (ep >= 0)
		(void)close(ep);
	p->rx_usage = vrs_lab_usage();
	return NULL;
}

/* --- A phase --- */

/* Where changes are timed, every session knows which it has heard. */
static int remember_changes(struct vrs_phase *p)
{
	for (size_t i = 0; p->plan != NULL && p->plan->n_changes > 0 && i < p->n_sessions; i++) {
		size_t size = ((size_t)p->plan->n_prefixes + 1) * sizeof(uint32_t);
		p->sessions[i].seen = malloc(size);
		if (p->sessions[i].seen == NULL)
			return -ENOMEM;
		memset(p->sessions[i].seen, 0xff, size);
	}
	return 0;
}

int vrs_phase_begin(struct vrs_phase *p)
{
	uint64_t right = 0;

	if (p->n_sessions > MAX_SESSIONS)
		return -EINVAL;
	int rc = remember_changes(p);
	if (rc == 0)
		rc = vrs_hdr_init(&p->received, (uint64_t)MAX_LATENCY_S * NS_PER_S, DIGITS);
	if (rc == 0)
		rc = vrs_hdr_init(&p->lag, (uint64_t)MAX_LATENCY_S * NS_PER_S, DIGITS);
	for (size_t i = 0; i < p->n_sessions; i++) {
		struct vrs_lab_session *s = &p->sessions[i];
		s->step = s->at = 0;
		s->right = p->only_read || vrs_ledger_right(&s->ledger);
		right += s->strict && !p->only_read ? s->ledger.n_right : 0;
	}
	atomic_store(&p->n_right, right);
	p->right_at_start = right;
	p->start_ns = vrs_lab_now() + p->delay_ns;
	if (rc == 0)
		rc = -pthread_create(&p->rx, NULL, receive_thread, p);
	if (rc != 0)
		return rc;
	rc = -pthread_create(&p->tx, NULL, send_thread, p);
	if (rc != 0) {
		atomic_store(&p->stop, true);
		(void)pthread_join(p->rx, NULL);
	}
	return rc;
}

bool vrs_phase_over(struct vrs_phase *p)
{
	if (atomic_load(&p->lost))
		return true;
	return atomic_load(&p->sent) && atomic_load(&p->right) &&
		(p->settle_ns == 0 || vrs_lab_now() >= last_rx(p) + p->settle_ns);
}

void vrs_phase_end(struct vrs_phase *p)
{
	atomic_store(&p->stop, true);
	(void)pthread_join(p->tx, NULL);
	(void)pthread_join(p->rx, NULL);
	if (!p->in_right)
		p->right_ns = 0;
	else if (p->settle_ns > 0)
		p->right_ns = last_rx(p);
}

void vrs_phase_fini(struct vrs_phase *p)
{
	vrs_hdr_fini(&p->received);
	vrs_hdr_fini(&p->lag);
	for (size_t i = 0; i < p->n_sessions; i++) {
		free(p->sessions[i].seen);
		p->sessions[i].seen = NULL;
	}
}
