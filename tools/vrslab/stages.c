/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#include "tools/vrslab/stages.h"

#include <stdlib.h>
#include <string.h>

#include "rib/base/hist.h"
#include "tools/vrsctl/client.h"

enum { ASK_MS = 5000 };

json_t *vrs_stages_ask(const char *socket)
{
	struct vrs_client client;
	struct vrs_client_reply reply = {0};
	struct vrs_client_request q = {.path = "/v1/status?buckets=true", .limit_ms = ASK_MS};
	json_t *doc = NULL;

	if (vrs_client_init(&client, socket) == 0 && vrs_client_send(&client, &q, &reply) == 0 &&
		reply.status == 200 && reply.body.data != NULL)
		doc = json_loadb(reply.body.data, reply.body.size, 0, NULL);
	json_t *threads = json_incref(json_object_get(doc, "threads"));
	json_decref(doc);
	vrs_buffer_fini(&reply.body);
	vrs_client_fini(&client);
	return threads;
}

/* Its buckets, added or, of what was before, taken away. */
static void count(struct vrs_hist_copy *h, const json_t *stage, bool before)
{
	json_t *pair;
	size_t i;

	json_array_foreach (json_object_get(stage, "buckets"), i, pair) {
		json_int_t at = json_integer_value(json_array_get(pair, 0));
		uint64_t n = (uint64_t)json_integer_value(json_array_get(pair, 1));

		n = before ? -n : n;
		h->counts[vrs_hist_bucket((uint64_t)at)] += n;
		h->n += n;
	}
}

static double number(const json_t *stage, const char *key)
{
	return json_number_value(json_object_get(stage, key));
}

/* The largest value is known by its bucket, and is not above the largest ever. */
static uint64_t largest(const struct vrs_hist_copy *h, double ever_us)
{
	unsigned i = VRS_HIST_BUCKETS;

	while (i > 0 && h->counts[i - 1] == 0)
		i--;
	uint64_t ever = (uint64_t)(ever_us * 1000 + 0.5), end = i > 0 ? vrs_hist_ceiling(i - 1) : 0;
	return ever < end ? ever : end;
}

static json_t *row(const char *thread, const char *stage, const json_t *from, const json_t *to)
{
	struct vrs_hist_copy h = {0};

	count(&h, to, false);
	count(&h, from, true);
	/* Another daemon's histograms, say, are no difference. */
	if (h.n == 0 || h.n > INT64_MAX)
		return NULL;
	h.max = largest(&h, number(to, "maxUs"));
	return json_pack("{s:s,s:s,s:I,s:f,s:f,s:f,s:f}", "thread", thread, "stage", stage, "count",
		(json_int_t)h.n, "total_ms",
		(number(to, "totalUs") - number(from, "totalUs")) / 1e3, "p50_us",
		(double)vrs_hist_percentile(&h, 50, 100) / 1e3, "p99_us",
		(double)vrs_hist_percentile(&h, 99, 100) / 1e3, "max_us", (double)h.max / 1e3);
}

json_t *vrs_stages_between(const json_t *from, const json_t *to)
{
	json_t *rows = json_array(), *thread, *stage;
	const char *name;
	size_t i;

	json_array_foreach (to, i, thread) {
		const char *of = json_string_value(json_object_get(thread, "name"));
		json_t *was = json_object_get(json_array_get(from, i), "stages");

		json_object_foreach (json_object_get(thread, "stages"), name, stage) {
			json_t *r = from != NULL && of != NULL
				? row(of, name, json_object_get(was, name), stage)
				: NULL;
			if (r != NULL)
				(void)json_array_append_new(rows, r);
		}
	}
	if (json_array_size(rows) > 0)
		return rows;
	json_decref(rows);
	return NULL;
}
