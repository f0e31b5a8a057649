/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

/*
 * The loop: one thread, poll, a speaker per (NVA, peer).
 *
 *     connect -> announce -> [all sent] -> hold -> [--withdraw] -> stop
 *
 * SIGUSR1 and SIGUSR2 withdraw and announce at any time; SIGINT and SIGTERM stop. Callbacks of
 * a speaker only note what happened: nothing is stopped or freed from inside one.
 */

#include "tools/vrslab/feed.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "io/bgp/notification.h"

enum {
	BGP_HOLD_S = 180,
	QUIET_MS = 300, /* Nothing received for so long: tell how much there is. */
};

enum phase {
	PHASE_DOWN,
	PHASE_ANNOUNCING,
	PHASE_ANNOUNCED,
	PHASE_WITHDRAWING,
	PHASE_WITHDRAWN,
};

/* What we know of a speaker. */
struct session {
	struct vrs_speaker speaker;
	struct vrs_feed_nva *nva;
	const struct vrs_feed_encoding *encoding; /* Of this connection. */
	enum phase phase;
	bool was_up, sent;    /* Ever. */
	uint64_t phase_ms;    /* Since when. */
	uint64_t phase_bytes; /* n_sent_bytes at its start. */
	size_t n[2];          /* Prefixes that this connection takes, per family. */
	size_t size, n_messages;
	uint64_t told_updates; /* n_rx_updates when it was last told. */
	char last_end[320];    /* Not told again while it does not come up. */
};

struct feed {
	struct vrs_feed_options options;
	struct vrs_feed_tables tables;
	struct vrs_feed_report report;
	struct vrs_progress progress;
	struct session *sessions;
	size_t n_sessions;
	struct pollfd *fds; /* Signals, then one per session. */
	uint64_t started_ms, hold_until_ms;
	bool withdrawn; /* By a signal: also new connections announce nothing. */
	bool finishing; /* --withdraw is on its way. */
	bool stopping;
	bool quit; /* Asked for by a callback. */
	int status;
};

static uint64_t now(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* ---- What a session sends ----------------------------------------------------------------- */

static bool takes(const struct vrs_speaker *s, int family)
{
	return (s->families & (family == 0 ? VRS_BGP_IP4 : VRS_BGP_IP6)) != 0;
}

/* IPv4 routes with an IPv6 next hop need RFC 8950 on both sides. */
static bool can_send(const struct feed *f, const struct session *x, int family)
{
	const struct vrs_speaker *s = &x->speaker;

	if (!takes(s, family))
		return false;
	return family == 1 || x->nva->raw != NULL || s->local.afi == VRS_AFI_IP4 ||
		f->options.next_hop4.afi == VRS_AFI_IP4 || (s->ctx.ext_next_hop & VRS_BGP_IP4) != 0;
}

static void queue(struct session *x, const struct vrs_stream *stream)
{
	if (!vrs_speaker_send(&x->speaker, stream))
		return;
	x->size += stream->size;
	x->n_messages += stream->n_messages;
}

static void begin(struct session *x, enum phase phase, uint64_t now_ms)
{
	x->phase = phase;
	x->phase_ms = now_ms;
	x->phase_bytes = x->speaker.n_sent_bytes;
	x->size = x->n_messages = 0;
}

static void announce(struct feed *f, struct session *x, uint64_t now_ms)
{
	begin(x, PHASE_ANNOUNCING, now_ms);
	for (int i = 0; i < 2; i++) {
		bool can = can_send(f, x, i);
		x->n[i] = can ? x->nva->n[i] : 0;
		if (!can && x->nva->n[i] > 0)
			(void)fprintf(stderr, "vrslab feed: the peer does not take our %s routes\n",
				i == 0 ? "IPv4" : "IPv6");
		if (can && x->nva->raw == NULL)
			queue(x, &x->encoding->announce[i]);
	}
	if (x->nva->raw != NULL)
		queue(x, x->nva->raw);
}

static void withdraw(struct session *x, uint64_t now_ms)
{
	vrs_speaker_unqueue(&x->speaker);
	begin(x, PHASE_WITHDRAWING, now_ms);
	for (int i = 0; i < 2; i++) {
		if (x->n[i] > 0)
			queue(x, &x->encoding->withdraw[i]);
	}
	if (x->size == 0)
		x->phase = PHASE_WITHDRAWN;
}

/* ---- Callbacks ---------------------------------------------------------------------------- */

static struct session *session_of(struct vrs_speaker *s)
{
	struct feed *f = s->owner;

	return &f->sessions[s->index];
}

static void on_established(struct vrs_speaker *s)
{
	struct feed *f = s->owner;
	struct session *x = session_of(s);

	x->was_up = true;
	x->last_end[0] = '\0';
	x->told_updates = s->n_rx_updates;
	vrs_feed_report_established(&f->report, s, s->established_ms);
	x->encoding = vrs_feed_encoding(x->nva, &f->options, s->as4, s->ibgp);
	if (x->encoding == NULL || (x->nva->raw != NULL && x->nva->raw_as4 != s->as4)) {
		if (x->encoding != NULL)
			(void)fprintf(stderr,
				"vrslab feed: the peer and the file differ in the width of "
				"AS numbers: --raw cannot be sent\n");
		f->status = 1;
		f->quit = true;
	} else if (!f->withdrawn) {
		announce(f, x, s->established_ms);
	}
}

static void on_drained(struct vrs_speaker *s)
{
	struct feed *f = s->owner;
	struct session *x = session_of(s);
	uint64_t took = now() - x->phase_ms;

	if (x->phase == PHASE_ANNOUNCING) {
		x->phase = PHASE_ANNOUNCED;
		x->sent = true;
		vrs_feed_report_sent(&f->report, s, x->n, x->n_messages, x->size, took);
	} else if (x->phase == PHASE_WITHDRAWING) {
		x->phase = PHASE_WITHDRAWN;
		vrs_feed_report_withdrawn(&f->report, s, x->n[0] + x->n[1], took);
	}
}

static void on_refresh(struct vrs_speaker *s, enum vrs_afi afi)
{
	struct session *x = session_of(s);
	int i = afi == VRS_AFI_IP6;

	/* While the first table is on its way, the peer gets it anyway. */
	if (x->phase != PHASE_ANNOUNCED)
		return;
	if (x->nva->raw != NULL)
		(void)vrs_speaker_send(s, x->nva->raw);
	else if (x->n[i] > 0)
		(void)vrs_speaker_send(s, &x->encoding->announce[i]);
}

static void on_closed(struct vrs_speaker *s, const struct vrs_speaker_end *end)
{
	struct feed *f = s->owner;
	struct session *x = session_of(s);
	bool refused = end->received && !end->established && end->code != VRS_BGP_ERR_CEASE;

	x->phase = PHASE_DOWN;
	if (strcmp(x->last_end, end->text) != 0 && (end->established || !f->stopping))
		vrs_feed_report_closed(
			&f->report, s, end, !f->stopping && !refused && !f->options.once);
	(void)snprintf(x->last_end, sizeof(x->last_end), "%s", end->text);
	if (f->stopping || f->quit)
		return;
	if (refused || (f->options.once && end->established)) {
		(void)fprintf(stderr, "vrslab feed: %s\n", end->text);
		f->status = 1;
		f->quit = true;
	}
}

static const struct vrs_speaker_ops ops = {on_established, on_drained, on_refresh, on_closed};

/* ---- Sessions ----------------------------------------------------------------------------- */

/* RFC 6286: any number but 0, ours alone in the AS: the IPv4 address, or a hash of the other. */
static uint32_t router_id(const struct vrs_addr *a)
{
	uint32_t h = 2166136261u;

	if (a->afi == VRS_AFI_IP4)
		return vrs_addr_ip4_bits(a);
	for (size_t i = 0; i < sizeof(a->bytes); i++)
		h = (h ^ a->bytes[i]) * 16777619u;
	return h != 0 ? h : 1;
}

static void make_session(struct feed *f, size_t i)
{
	struct session *x = &f->sessions[i];
	const struct vrs_feed_peer *peer = &f->options.peers[i % f->options.n_peers];
	struct vrs_speaker *s = &x->speaker;

	x->nva = &f->tables.nvas[i / f->options.n_peers];
	s->local = x->nva->local;
	s->peer = peer->addr;
	s->port = peer->port;
	s->ops = &ops;
	s->owner = f;
	s->index = (unsigned)i;
	s->open = (struct vrs_bgp_open){.asn = f->options.asn,
		.id = router_id(&s->local),
		.hold = BGP_HOLD_S,
		.caps = VRS_BGP_CAP_MULTIPROTOCOL | VRS_BGP_CAP_REFRESH,
		.families = VRS_BGP_IP4 | VRS_BGP_IP6};
	if (x->nva->raw == NULL || x->nva->raw_as4)
		s->open.caps |= VRS_BGP_CAP_AS4;
	if (s->local.afi == VRS_AFI_IP6) {
		s->open.caps |= VRS_BGP_CAP_EXT_NEXT_HOP;
		s->open.ext_next_hop = VRS_BGP_IP4;
	}
	vrs_speaker_init(s);
}

static int make_sessions(struct feed *f)
{
	size_t n = f->tables.n_nvas * f->options.n_peers;
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &files);
	}
	f->sessions = calloc(n, sizeof(*f->sessions));
	f->fds = calloc(n + 1, sizeof(*f->fds));
	if (f->sessions == NULL || f->fds == NULL)
		return -ENOMEM;
	for (; f->n_sessions < n; f->n_sessions++)
		make_session(f, f->n_sessions);
	return 0;
}

static bool all(const struct feed *f, bool (*is)(const struct session *))
{
	for (size_t i = 0; i < f->n_sessions; i++) {
		if (!is(&f->sessions[i]))
			return false;
	}
	return true;
}

static bool is_up_once(const struct session *x)
{
	return x->was_up;
}

static bool is_sent(const struct session *x)
{
	return x->sent;
}

static bool is_withdrawn(const struct session *x)
{
	return x->phase == PHASE_WITHDRAWN || x->phase == PHASE_DOWN;
}

static bool is_stopped(const struct session *x)
{
	return x->speaker.state == VRS_SPEAKER_STOPPED;
}

/* ---- The loop ----------------------------------------------------------------------------- */

static void tell_received(struct feed *f, struct session *x)
{
	if (x->speaker.state != VRS_SPEAKER_ESTABLISHED ||
		x->told_updates == x->speaker.n_rx_updates)
		return;
	x->told_updates = x->speaker.n_rx_updates;
	if (x->speaker.last_rx_ms >= x->speaker.established_ms)
		vrs_feed_report_received(&f->report, &x->speaker);
}

static void stop(struct feed *f, uint64_t now_ms)
{
	if (f->stopping)
		return;
	f->stopping = true;
	for (size_t i = 0; i < f->n_sessions; i++) {
		tell_received(f, &f->sessions[i]);
		vrs_speaker_stop(&f->sessions[i].speaker, now_ms);
	}
}

static void on_signal(struct feed *f, uint64_t now_ms)
{
	struct signalfd_siginfo info;

	if (read(f->fds[0].fd, &info, sizeof(info)) != sizeof(info))
		return;
	if (info.ssi_signo == SIGINT || info.ssi_signo == SIGTERM) {
		if (f->stopping)
			_exit(1);
		stop(f, now_ms);
		return;
	}
	f->withdrawn = info.ssi_signo == SIGUSR1;
	for (size_t i = 0; i < f->n_sessions && !f->stopping; i++) {
		struct session *x = &f->sessions[i];
		if (x->speaker.state != VRS_SPEAKER_ESTABLISHED)
			continue;
		if (f->withdrawn && x->phase != PHASE_WITHDRAWING && x->phase != PHASE_WITHDRAWN)
			withdraw(x, now_ms);
		else if (!f->withdrawn && x->phase != PHASE_ANNOUNCING)
			announce(f, x, now_ms);
	}
}

static void give_up(struct feed *f, uint64_t now_ms)
{
	char addr[VRS_ADDR_STRLEN];

	for (size_t i = 0; i < f->n_sessions; i++) {
		const struct session *x = &f->sessions[i];
		if (!x->was_up)
			(void)fprintf(stderr, "vrslab feed: %s is not up after %u s: %s\n",
				vrs_addr_str(&x->speaker.peer, addr), f->options.wait_s,
				x->last_end);
	}
	f->status = 1;
	stop(f, now_ms);
}

/* What comes next, now that time or a session has moved on. */
static void advance(struct feed *f, uint64_t now_ms)
{
	if (f->stopping)
		return;
	if (f->quit) {
		stop(f, now_ms);
	} else if (!all(f, is_up_once) && now_ms >= f->started_ms + f->options.wait_s * 1000ull) {
		give_up(f, now_ms);
	} else if (f->finishing) {
		if (all(f, is_withdrawn))
			stop(f, now_ms);
	} else if (f->options.hold_s >= 0 && f->hold_until_ms == 0 && all(f, is_sent)) {
		f->hold_until_ms = now_ms + (uint64_t)f->options.hold_s * 1000;
	}
	if (f->stopping || f->finishing || f->hold_until_ms == 0 || now_ms < f->hold_until_ms)
		return;
	f->finishing = true;
	for (size_t i = 0; i < f->n_sessions && f->options.withdraw; i++) {
		struct session *x = &f->sessions[i];
		if (x->phase == PHASE_ANNOUNCING || x->phase == PHASE_ANNOUNCED)
			withdraw(x, now_ms);
	}
	if (!f->options.withdraw || all(f, is_withdrawn))
		stop(f, now_ms);
}

static void show_progress(struct feed *f, uint64_t now_ms)
{
	uint64_t done = 0, total = 0;
	bool moving = false;

	for (size_t i = 0; i < f->n_sessions; i++) {
		const struct session *x = &f->sessions[i];
		uint64_t n = x->n[0] + x->n[1];
		if (x->phase != PHASE_ANNOUNCING && x->phase != PHASE_ANNOUNCED)
			continue;
		uint64_t sent = x->speaker.n_sent_bytes - x->phase_bytes;
		moving = moving || x->phase == PHASE_ANNOUNCING;
		total += n;
		done += x->phase == PHASE_ANNOUNCED || x->size == 0
			? n
			: n * VRS_MIN(sent, (uint64_t)x->size) / x->size;
	}
	if (moving)
		vrs_progress_update(&f->progress, done, total, now_ms);
}

static uint64_t next_deadline(const struct feed *f)
{
	uint64_t t = UINT64_MAX;

	for (size_t i = 0; i < f->n_sessions; i++) {
		const struct session *x = &f->sessions[i];
		t = VRS_MIN(t, vrs_speaker_deadline(&x->speaker));
		if (x->told_updates != x->speaker.n_rx_updates)
			t = VRS_MIN(t, x->speaker.last_rx_ms + QUIET_MS);
	}
	if (!f->stopping && f->hold_until_ms != 0 && !f->finishing)
		t = VRS_MIN(t, f->hold_until_ms);
	if (!f->stopping && !all(f, is_up_once))
		t = VRS_MIN(t, f->started_ms + f->options.wait_s * 1000ull);
	return t;
}

static void wait_for_events(struct feed *f)
{
	uint64_t deadline = next_deadline(f), now_ms = now();
	uint64_t left = deadline > now_ms ? deadline - now_ms : 0;

	for (size_t i = 0; i < f->n_sessions; i++) {
		const struct vrs_speaker *s = &f->sessions[i].speaker;
		f->fds[i + 1] = (struct pollfd){.fd = s->fd, .events = vrs_speaker_events(s)};
	}
	int n = poll(f->fds, f->n_sessions + 1, (int)VRS_MIN(left, (uint64_t)60000));
	for (size_t i = 0; n <= 0 && i <= f->n_sessions; i++)
		f->fds[i].revents = 0;
}

static void run(struct feed *f)
{
	while (!(f->stopping && all(f, is_stopped))) {
		wait_for_events(f);
		uint64_t now_ms = now();
		if (f->fds[0].revents != 0)
			on_signal(f, now_ms);
		for (size_t i = 0; i < f->n_sessions; i++) {
			struct session *x = &f->sessions[i];
			vrs_speaker_io(&x->speaker, f->fds[i + 1].revents, now_ms);
			vrs_speaker_tick(&x->speaker, now_ms);
			if (now_ms >= x->speaker.last_rx_ms + QUIET_MS)
				tell_received(f, x);
		}
		advance(f, now_ms);
		show_progress(f, now_ms);
	}
	vrs_progress_clear(&f->progress);
}

static int open_signals(void)
{
	sigset_t set;

	(void)signal(SIGPIPE, SIG_IGN);
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGUSR1);
	(void)sigaddset(&set, SIGUSR2);
	(void)pthread_sigmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

int vrs_feed_main(int argc, char **argv)
{
	struct feed *f = calloc(1, sizeof(*f));
	int rc = f != NULL ? vrs_feed_options_parse(&f->options, argc, argv) : 2;

	if (rc != 0) {
		free(f);
		return rc == 1 ? 0 : rc;
	}
	vrs_progress_init(&f->progress, "sending", "prefixes", !f->options.json);
	f->report.json = f->options.json;
	f->report.progress = &f->progress;
	if (vrs_feed_tables_make(&f->tables, &f->options) != 0) {
		free(f);
		return 1;
	}
	f->status = make_sessions(f) == 0 ? 0 : 1;
	int fd = open_signals();
	if (f->status == 0 && fd >= 0) {
		f->fds[0] = (struct pollfd){.fd = fd, .events = POLLIN};
		f->started_ms = f->report.started_ms = now();
		run(f);
	}
	if (fd >= 0)
		(void)close(fd);
	rc = fd >= 0 ? f->status : 1;
	for (size_t i = 0; i < f->n_sessions; i++)
		vrs_speaker_fini(&f->sessions[i].speaker);
	free(f->sessions);
	free(f->fds);
	vrs_feed_tables_fini(&f->tables);
	free(f);
	return rc;
}
