/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

/*
 * What threads spend their time on, and what waits: in status and in metrics. All of it is read
 * beside the threads that write it, none of them is asked.
 */

#include <stdio.h>
#include <string.h>

#include "engine/api_internal.h"
#include "engine/observe.h"

const char *vrs_api_label(const char *s, char out[256])
{
	size_t n = 0;

	for (; *s != '\0' && n < 252; s++) {
		if (*s == '"' || *s == '\\')
			out[n++] = '\\';
		out[n++] = *s;
	}
	out[n] = '\0';
	return out;
}

/* --- Threads --- */

struct thread_row {
	char name[VRS_IO_NAME_SIZE];
	const struct vrs_stage_name *names;
	const struct vrs_hist *stages;
	unsigned n;
	uint64_t turns;
	const struct vrs_reclaim *reclaim;
};

enum { THREADS_MAX = VRS_SHARDS_MAX + 1 };

/* The I/O threads, then propagation. @return How many. */
static unsigned threads_of(const struct vrs_engine *e, struct thread_row rows[THREADS_MAX])
{
	const struct vrs_propagation *p = &e->propagation;
	unsigned n = e->n_ios;

	for (unsigned i = 0; i < n; i++) {
		const struct vrs_io *io = e->ios[i];

		rows[i] = (struct thread_row){.names = vrs_io_stages,
			.stages = io->stages,
			.n = VRS_IO_N_STAGES,
			.turns = atomic_load_explicit(&io->counters.turns, memory_order_relaxed),
			.reclaim = io->reclaim};
		vrs_io_name(io, rows[i].name);
	}
	rows[n] = (struct thread_row){"vrs-propagate", vrs_propagation_stages, p->stages,
		VRS_PROPAGATION_N_STAGES, atomic_load_explicit(&p->turns, memory_order_relaxed),
		p->reclaim};
	return n + 1;
}

static json_t *buckets_json(const struct vrs_hist_copy *h)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < VRS_HIST_BUCKETS; i++)
		if (h->counts[i] > 0)
			json_array_append_new(list,
				json_pack("[I,I]", (json_int_t)vrs_hist_floor(i),
					(json_int_t)h->counts[i]));
	return list;
}

static json_t *micros(uint64_t ns)
{
	return json_real((double)ns / 1000);
}

static json_t *stage_json(const struct vrs_hist *hist, bool buckets)
{
	struct vrs_hist_copy h = {0};

	vrs_hist_read(hist, &h);
	json_t *j = json_pack("{s:I,s:o,s:o,s:o,s:o,s:o}", "count", (json_int_t)h.n, "p50Us",
		micros(vrs_hist_percentile(&h, 50, 100)), "p99Us",
		micros(vrs_hist_percentile(&h, 99, 100)), "p999Us",
		micros(vrs_hist_percentile(&h, 999, 1000)), "maxUs", micros(h.max), "totalUs",
		micros(h.sum));
	if (buckets)
		json_object_set_new(j, "buckets", buckets_json(&h));
	return j;
}

/* A histogram of something that is counted. */
static json_t *counts_json(const struct vrs_hist *hist)
{
	struct vrs_hist_copy h = {0};

	vrs_hist_read(hist, &h);
	return json_pack("{s:I,s:I,s:I,s:I,s:I}", "count", (json_int_t)h.n, "p50",
		(json_int_t)vrs_hist_percentile(&h, 50, 100), "p99",
		(json_int_t)vrs_hist_percentile(&h, 99, 100), "max", (json_int_t)h.max, "total",
		(json_int_t)h.sum);
}

json_t *vrs_api_threads_json(const struct vrs_engine *e, bool buckets)
{
	struct thread_row rows[THREADS_MAX];
	json_t *list = json_array();
	unsigned n = threads_of(e, rows);

	for (unsigned i = 0; i < n; i++) {
		json_t *stages = json_object();
		struct vrs_reclaim_stat limbo;

		for (unsigned k = 0; k < rows[i].n; k++)
			json_object_set_new(stages, rows[i].names[k].name,
				stage_json(&rows[i].stages[k], buckets));
		vrs_reclaim_stat(rows[i].reclaim, &limbo);
		json_array_append_new(list,
			json_pack("{s:s,s:I,s:o,s:I,s:I}", "name", rows[i].name, "turns",
				(json_int_t)rows[i].turns, "stages", stages, "limboObjects",
				(json_int_t)limbo.limbo_objects, "limboBytes",
				(json_int_t)limbo.limbo_bytes));
	}
	json_object_set_new(json_array_get(list, n - 1), "changesPerVersion",
		counts_json(&e->propagation.changes));
	return list;
}

/* --- Metrics --- */

/* Bounds are powers of two from 2^first: those that the histogram knows exactly. A value on a bound is
 * counted above it, a nanosecond that nobody will miss. */
struct bounds {
	unsigned first, last, step;
	double unit;
};

static const struct bounds times = {10, 34, 2, 1e-9}; /* 1 us to 17 s. */
static const struct bounds numbers = {0, 16, 2, 1};

static void histogram(struct vrs_text *t, const char *name, const char *labels,
	const struct vrs_hist *hist, const struct bounds *b)
{
	const char *comma = labels[0] != '\0' ? "," : "";
	struct vrs_hist_copy h = {0};

	vrs_hist_read(hist, &h);
	for (unsigned k = b->first; k <= b->last; k += b->step)
		vrs_text_printf(t, "%s_bucket{%s%sle=\"%.9g\"} %llu\n", name, labels, comma,
			(double)(1ull << k) * b->unit,
			(unsigned long long)vrs_hist_below(&h, 1ull << k));
	vrs_text_printf(t, "%s_bucket{%s%sle=\"+Inf\"} %llu\n", name, labels, comma,
		(unsigned long long)h.n);
	const char *open = labels[0] != '\0' ? "{" : "", *close = labels[0] != '\0' ? "}" : "";
	vrs_text_printf(t, "%s_sum%s%s%s %.9g\n%s_count%s%s%s %llu\n", name, open, labels, close,
		(double)h.sum * b->unit, name, open, labels, close, (unsigned long long)h.n);
}

void vrs_api_stage_metrics(const struct vrs_engine *e, struct vrs_text *t)
{
	struct thread_row rows[THREADS_MAX];
	unsigned n = threads_of(e, rows);
	char labels[VRS_IO_NAME_SIZE + 64];

	vrs_text_printf(t, "# HELP vrs_stage_seconds Time of a thread's turns by stage:");
	for (unsigned i = e->n_ios - 1; i < n; i++)
		for (unsigned k = 0; k < rows[i].n; k++)
			vrs_text_printf(t, "%s %s: %s", i + k > e->n_ios - 1 ? ";" : "",
				rows[i].names[k].name, rows[i].names[k].help);
	vrs_text_printf(t, "\n# TYPE vrs_stage_seconds histogram\n");
	for (unsigned i = 0; i < n; i++)
		for (unsigned k = 0; k < rows[i].n; k++) {
			(void)snprintf(labels, sizeof(labels), "thread=\"%.15s\",stage=\"%.30s\"",
				rows[i].name, rows[i].names[k].name);
			histogram(t, "vrs_stage_seconds", labels, &rows[i].stages[k], &times);
		}
	vrs_text_printf(t,
		"# HELP vrs_version_changes Entries taken for a version\n"
		"# TYPE vrs_version_changes histogram\n");
	histogram(t, "vrs_version_changes", "", &e->propagation.changes, &numbers);
	vrs_text_printf(t,
		"# HELP vrs_thread_limbo_bytes Bytes that wait for a grace period, by thread\n"
		"# TYPE vrs_thread_limbo_bytes gauge\n");
	for (unsigned i = 0; i < n; i++) {
		struct vrs_reclaim_stat limbo;

		vrs_reclaim_stat(rows[i].reclaim, &limbo);
		vrs_text_printf(t, "vrs_thread_limbo_bytes{thread=\"%s\"} %llu\n", rows[i].name,
			(unsigned long long)limbo.limbo_bytes);
	}
}

/* --- What waits --- */

struct waiting {
	uint64_t dirty, oldest_ms;
	struct vrs_watcher_stat watchers;
	uint64_t resyncs, pinned_versions, pinned_bytes, pin_ms;
};

static struct waiting waiting_of(struct vrs_engine *e, const struct vrs_rib *rib)
{
	uint64_t since = 0, now_ns = vrs_now_ns();

	for (uint32_t i = 0; i < rib->n_tables; i++) {
		const struct vrs_rib_queue *q = &rib->queues[i];
		uint64_t oldest = vrs_stamps_oldest(&q->stamps, atomic_load(&q->n_taken));

		if (oldest != 0 && (since == 0 || oldest < since))
			since = oldest;
	}
	struct waiting w = {
		.dirty = vrs_rib_untaken(rib),
		.watchers = vrs_propagation_watchers(&e->propagation, rib->log),
		.resyncs = atomic_load(&rib->n_resyncs),
		.pinned_versions = atomic_load(&rib->pinned_versions),
		.pinned_bytes = atomic_load(&rib->pinned_bytes),
	};

	if (since != 0 && now_ns > since)
		w.oldest_ms = (now_ns - since) / 1000000;
	if (w.pinned_versions > 0)
		w.pin_ms = vrs_clock_ms(&e->clock) - atomic_load(&rib->pinned_since_ms);
	return w;
}

json_t *vrs_api_waiting_json(struct vrs_engine *e, const struct vrs_rib *rib)
{
	struct waiting w = waiting_of(e, rib);

	return json_pack("{s:I,s:I,s:{s:I,s:I,s:I},s:{s:I,s:I,s:I}}", "dirty", (json_int_t)w.dirty,
		"oldestUnpropagatedMs", (json_int_t)w.oldest_ms, "deltaConsumers", "count",
		(json_int_t)w.watchers.n, "largestLag", (json_int_t)w.watchers.lag, "resyncs",
		(json_int_t)w.resyncs, "pins", "versions", (json_int_t)w.pinned_versions, "bytes",
		(json_int_t)w.pinned_bytes, "oldestMs", (json_int_t)w.pin_ms);
}

void vrs_api_waiting_metrics(struct vrs_request *r, struct vrs_text *t)
{
	static const struct {
		const char *name, *type, *help;
		size_t at;
	} rows[] = {
		{"vrs_dirty_entries", "gauge", "Entries that wait for propagation",
			offsetof(struct waiting, dirty)},
		{"vrs_oldest_unpropagated_milliseconds", "gauge",
			"How long the oldest of them has waited",
			offsetof(struct waiting, oldest_ms)},
		{"vrs_delta_consumers", "gauge", "Watch streams",
			offsetof(struct waiting, watchers.n)},
		{"vrs_delta_consumer_lag", "gauge", "Deltas that the slowest of them is behind",
			offsetof(struct waiting, watchers.lag)},
		{"vrs_delta_resyncs_total", "counter", "Times one fell behind the log",
			offsetof(struct waiting, resyncs)},
		{"vrs_pinned_versions", "gauge", "Replaced versions that listings hold",
			offsetof(struct waiting, pinned_versions)},
		{"vrs_pinned_bytes", "gauge", "Bytes kept for them",
			offsetof(struct waiting, pinned_bytes)},
		{"vrs_oldest_pin_milliseconds", "gauge", "How long the oldest of them is held",
			offsetof(struct waiting, pin_ms)},
	};
	char name[256];

	for (size_t k = 0; k < VRS_N_ELEMS(rows); k++) {
		vrs_text_printf(t, "# HELP %s %s\n# TYPE %s %s\n", rows[k].name, rows[k].help,
			rows[k].name, rows[k].type);
		for (size_t i = 0; i < r->model->config->n_route_servers; i++) {
			struct waiting w = waiting_of(r->engine, r->model->servers[i]->rib);
			uint64_t v;

			memcpy(&v, (const char *)&w + rows[k].at, sizeof(v));
			vrs_text_printf(t, "%s{route_server=\"%s\"} %llu\n", rows[k].name,
				vrs_api_label(r->model->config->route_servers[i].name, name),
				(unsigned long long)v);
		}
	}
}
