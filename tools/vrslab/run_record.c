/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "tools/vrslab/run.h"

static double seconds(uint64_t ns)
{
	return (double)ns / 1e9;
}

static json_int_t integer(uint64_t v)
{
	return (json_int_t)v;
}

/* Takes @p o. */
static void put(const struct vrs_run *r, json_t *o)
{
	if (o == NULL) {
		/* Text that is no UTF-8, or no memory: not dropped without a word. */
		(void)fputs("vrslab run: a record cannot be written\n", stderr);
		return;
	}
	(void)json_object_set_new(o, "s", json_real(seconds(vrs_lab_now() - r->started_ns)));
	(void)json_dumpf(o, r->out, JSON_COMPACT | JSON_REAL_PRECISION(13));
	(void)fputc('\n', r->out);
	(void)fflush(r->out);
	json_decref(o);
}

static json_t *params(const struct vrs_profile_params *q)
{
	return json_pack("{s:I, s:I, s:b, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "senders",
		integer(q->senders), "listeners", integer(q->listeners), "same", q->same, "rate",
		integer(q->rate), "seconds", integer(q->seconds), "pool", integer(q->pool), "duty",
		integer(q->duty), "jitter", integer(q->jitter), "hops", integer(q->hops), "depth",
		integer(q->depth), "slow", integer(q->slow), "malformed", integer(q->malformed));
}

void vrs_run_record_head(const struct vrs_run *r, int argc, char **argv)
{
	const struct vrs_run_options *o = &r->options;
	json_t *command = json_array();
	char addr[VRS_ADDR_STRLEN];
	struct timespec t;

	(void)json_array_append_new(command, json_string("vrslab"));
	for (int i = 0; i < argc; i++)
		(void)json_array_append_new(command, json_string(argv[i]));
	(void)clock_gettime(CLOCK_REALTIME, &t);
	put(r,
		json_pack("{s:s, s:s, s:s, s:s, s:i, s:s, s:o, s:I, s:b, s:I, s:f, s:o}", "event",
			"run", "vrslab", VRS_VERSION, "name", o->name, "target",
			vrs_addr_str(&o->target, addr), "port", o->port, "profile",
			o->profile->name, "parameters", params(&o->params), "prefixes",
			integer(o->prefixes), "ipv6", o->ipv6, "seed", integer(o->seed), "started",
			(double)t.tv_sec + (double)t.tv_nsec / 1e9, "command", command));
}

void vrs_run_record_capture(const struct vrs_run *r)
{
	const struct vrs_replay *f = &r->replay;
	double length = f->n_updates > 0 ? seconds(f->updates[f->n_updates - 1].at_ns) : 0;

	put(r,
		json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:f, s:I, s:s}", "event",
			"capture", "file", f->path, "records", integer(f->stats.n_records),
			"malformed_records", integer(f->stats.n_malformed), "peers",
			integer(f->n_peers), "updates", integer(f->n_updates), "changes",
			integer(f->n_prefixes), "left_out", integer(f->n_left_out), "seconds",
			length, "warp", integer(r->options.warp), "warning", f->warning));
}

void vrs_run_record_peers(const struct vrs_run *r)
{
	const struct vrs_run_options *o = &r->options;

	for (size_t i = 0; i < r->n; i++) {
		struct vrs_addr a = vrs_run_peer_addr(o, i);
		char addr[VRS_ADDR_STRLEN];
		put(r,
			json_pack("{s:s, s:s, s:I, s:s}", "event", "peer", "address",
				vrs_addr_str(&a, addr), "asn", integer(o->asn + i), "role",
				i < o->params.senders ? "sender" : "listener"));
	}
}

void vrs_run_record_established(const struct vrs_run *r)
{
	put(r,
		json_pack("{s:s, s:I, s:I}", "event", "established", "sessions", integer(r->n),
			"target_asn", integer(r->sessions[0].target_as)));
}

static uint64_t strict_total(const struct vrs_run *r)
{
	uint64_t n = 0;

	for (size_t i = 0; i < r->n; i++)
		n += r->sessions[i].strict ? r->universe.n : 0;
	return n;
}

/* Of what was not yet right when the phase began: 0 to 1. */
static double share_right(const struct vrs_run *r, const struct vrs_phase *p)
{
	uint64_t total = strict_total(r), now = atomic_load(&p->n_right);

	if (total == p->right_at_start)
		return now == total ? 1 : 0;
	return now <= p->right_at_start
		? 0
		: (double)(now - p->right_at_start) / (double)(total - p->right_at_start);
}

void vrs_run_record_sample(const struct vrs_run *r, const char *phase, const struct vrs_phase *p,
	const struct vrs_machine_sample *from, const struct vrs_machine_sample *now)
{
	put(r,
		json_pack("{s:s, s:s, s:f, s:f, s:I, s:I, s:f, s:I, s:f, s:f, s:f}", "event",
			"sample", "phase", phase, "phase_s", seconds(vrs_lab_now() - p->start_ns),
			"right", share_right(r, p), "sent_bytes",
			integer(atomic_load(&p->n_tx_bytes)), "received_prefixes",
			integer(atomic_load(&p->n_rx_prefixes)), "target_cpu_s",
			now->target_cpu_s - from->target_cpu_s, "target_rss_bytes",
			integer(now->target_rss), "own_cpu_s", now->own_cpu_s - from->own_cpu_s,
			"foreign_cpu_s", vrs_machine_foreign(from, now), "stolen_cpu_s",
			now->stolen_cpu_s - from->stolen_cpu_s));
}

static FILE *open_histogram(const struct vrs_run *r, const char *suffix, const char *mode)
{
	char path[4096];

	(void)snprintf(path, sizeof(path), "%s%s", r->options.histograms, suffix);
	FILE *f = fopen(path, mode);
	if (f == NULL)
		(void)fprintf(stderr, "vrslab run: %s: %s\n", path, strerrordesc_np(errno));
	return f;
}

void vrs_run_forget_histograms(const struct vrs_run *r)
{
	char path[4096];

	(void)snprintf(path, sizeof(path), "%s.hlog", r->options.histograms);
	(void)unlink(path);
}

/* HdrHistogram's own files: percentiles in microseconds, and a line of a log. */
static void write_histogram(const struct vrs_run *r, const char *phase, const char *measure,
	const struct vrs_phase *p, const struct vrs_hdr *h)
{
	char name[128];
	struct timespec t;

	(void)snprintf(name, sizeof(name), "-%s-%s.hgrm", phase, measure);
	FILE *f = open_histogram(r, name, "we");
	if (f != NULL) {
		vrs_hdr_print(f, h, 1000);
		(void)fclose(f);
	}
	f = open_histogram(r, ".hlog", "ae");
	if (f == NULL)
		return;
	(void)clock_gettime(CLOCK_REALTIME, &t);
	uint64_t now = vrs_lab_now();
	if (fseek(f, 0, SEEK_END) == 0 && ftell(f) == 0)
		vrs_hdr_log_head(f, "vrslab run; values are nanoseconds",
			(double)t.tv_sec - seconds(now - r->started_ns));
	(void)snprintf(name, sizeof(name), "%s-%s", phase, measure);
	if (vrs_hdr_log_line(f, name, seconds(p->start_ns - r->started_ns),
		    seconds(now - p->start_ns), h) != 0)
		(void)fprintf(stderr, "vrslab run: no memory for a histogram's line\n");
	(void)fclose(f);
}

static void put_histogram(const struct vrs_run *r, const char *phase, const char *measure,
	const struct vrs_phase *p, const struct vrs_hdr *h, uint64_t n_overtaken)
{
	if (h->n == 0)
		return;
	if (r->options.histograms != NULL)
		write_histogram(r, phase, measure, p, h);
	char *text = vrs_hdr_encode(h);
	put(r,
		json_pack("{s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:f, s:s}",
			"event", "histogram", "phase", phase, "measure", measure, "n",
			integer(h->n), "overtaken", integer(n_overtaken), "min_ns", integer(h->min),
			"p50_ns", integer(vrs_hdr_percentile(h, 50)), "p90_ns",
			integer(vrs_hdr_percentile(h, 90)), "p99_ns",
			integer(vrs_hdr_percentile(h, 99)), "p999_ns",
			integer(vrs_hdr_percentile(h, 99.9)), "max_ns", integer(h->max), "mean_ns",
			vrs_hdr_mean(h), "hdr", text != NULL ? text : ""));
	free(text);
}

/* What the kernel counted of a connection. */
static void add_segments(int fd, uint64_t *sent, uint64_t *received)
{
	struct tcp_info info = {0};
	socklen_t size = sizeof(info);

	if (fd < 0 || getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) != 0)
		return;
	*sent += info.tcpi_segs_out;
	*received += info.tcpi_segs_in;
}

/* What the sessions have moved since they came up. */
static json_t *traffic(const struct vrs_run *r)
{
	uint64_t tx = 0, rx = 0, updates = 0, announced = 0, withdrawn = 0, errors = 0;
	uint64_t segments_out = 0, segments_in = 0;

	for (size_t i = 0; i < r->n; i++) {
		const struct vrs_lab_session *s = &r->sessions[i];
		add_segments(s->tx_fd, &segments_out, &segments_in);
		tx += s->n_tx_bytes;
		rx += s->n_rx_bytes;
		updates += s->n_rx_updates;
		announced += s->n_rx_announced;
		withdrawn += s->n_rx_withdrawn;
		errors += s->n_rx_errors;
	}
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "sent_bytes", integer(tx),
		"received_bytes", integer(rx), "received_updates", integer(updates),
		"received_announced", integer(announced), "received_withdrawn", integer(withdrawn),
		"received_errors", integer(errors), "sent_segments", integer(segments_out),
		"received_segments", integer(segments_in));
}

/* Receivers that are to hear of each change, and whose latencies count. */
static uint64_t listeners_heard(const struct vrs_run *r)
{
	const struct vrs_profile_params *q = &r->options.params;

	/* A sender hears of the others' changes: together of all but one time. */
	return q->listeners - q->slow + (q->senders - 1);
}

void vrs_run_record_phase(const struct vrs_run *r, const char *phase, const struct vrs_phase *p,
	const struct vrs_effective *e, const char *verdict, const struct vrs_machine_sample *from,
	const struct vrs_machine_sample *to)
{
	uint64_t end = p->right_ns != 0 ? p->right_ns : vrs_lab_now();
	double took = seconds(end > p->start_ns ? end - p->start_ns : 0);
	static const struct vrs_lab_usage none;
	const struct vrs_lab_usage *watcher = e != NULL ? &e->usage : &none;
	json_t *generator = json_pack("{s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:I, s:I}",
		"sender_cpu_s", seconds(p->tx_usage.cpu_ns), "sender_wait_s",
		seconds(p->tx_usage.wait_ns), "receiver_cpu_s", seconds(p->rx_usage.cpu_ns),
		"receiver_wait_s", seconds(p->rx_usage.wait_ns), "watcher_cpu_s",
		seconds(watcher->cpu_ns), "watcher_wait_s", seconds(watcher->wait_ns), "blocked_s",
		seconds(p->blocked_ns), "lag_p50_ns", integer(vrs_hdr_percentile(&p->lag, 50)),
		"lag_p99_ns", integer(vrs_hdr_percentile(&p->lag, 99)));

	put_histogram(r, phase, "received", p, &p->received, p->n_overtaken);
	if (e != NULL) {
		if (!atomic_load(&e->fell_behind))
			put_histogram(r, phase, "effective", p, &e->latency, e->n_overtaken);
		put(r,
			json_pack("{s:s, s:s, s:s, s:b, s:I, s:I, s:I, s:I}", "event", "effective",
				"phase", phase, "nic", e->nic, "fell_behind",
				atomic_load(&e->fell_behind), "expected",
				integer(vrs_effective_expected(e->plan, e->loaded)), "seen",
				integer(e->n_seen), "lines", integer(e->n_lines), "strange",
				integer(e->n_strange)));
	}
	if (p->lag.n > 1)
		put_histogram(r, phase, "lag", p, &p->lag, 0);
	put(r,
		json_pack("{s:s, s:s, s:s, s:f, s:f, s:f, s:I, s:I, s:I, s:o, s:f, s:I, s:I, s:f, "
			  "s:f, s:f, s:o}",
			"event", "phase", "phase", phase, "verdict", verdict, "seconds", took,
			"lasted_s", seconds(to->at_ns - from->at_ns), "sent_s",
			p->sent_ns != 0 ? seconds(p->sent_ns - p->start_ns) : -1.0, "changes",
			integer(p->plan != NULL ? p->plan->n_changes : 0), "changes_seen",
			integer(p->n_changes_seen), "listeners_heard", integer(listeners_heard(r)),
			"traffic", traffic(r), "target_cpu_s",
			to->target_cpu_s - from->target_cpu_s, "target_rss_bytes",
			integer(to->target_rss), "target_peak_bytes", integer(to->target_peak),
			"own_cpu_s", to->own_cpu_s - from->own_cpu_s, "foreign_cpu_s",
			vrs_machine_foreign(from, to), "stolen_cpu_s",
			to->stolen_cpu_s - from->stolen_cpu_s, "generator", generator));
}

void vrs_run_record_stages(const struct vrs_run *r, const char *phase, json_t *rows)
{
	if (rows != NULL)
		put(r,
			json_pack("{s:s, s:s, s:o}", "event", "stages", "phase", phase, "stages",
				rows));
}

void vrs_run_record_result(const struct vrs_run *r, const char *verdict, const char *why)
{
	put(r, json_pack("{s:s, s:s, s:s}", "event", "result", "verdict", verdict, "why", why));
}
