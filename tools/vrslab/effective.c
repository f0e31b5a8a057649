/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#include "tools/vrslab/effective.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/vrsctl/client.h"
#include "tools/vrslab/args.h"
#include "tools/vrslab/phase.h"

enum {
	MAX_LATENCY_S = 3600,
	DIGITS = 3,
	STATUS_MS = 20000,
	TABLE_MS = 600000,
	LINE_MAX_SIZE = 1 << 20,
	GONE = -1
};

/* --- What a prefix is --- */

/* Its next hop after a change: the number of a hop, or GONE. */
static int after(const struct vrs_effective *e, uint32_t change)
{
	if (change == VRS_CHANGE_NONE)
		return e->loaded ? 0 : GONE;
	const struct vrs_change *c = &e->plan->changes[change];
	return c->withdraw ? GONE : c->hop;
}

static int in_the_end(const struct vrs_effective *e, uint32_t number)
{
	return after(e, e->plan->last_of[number]);
}

uint64_t vrs_effective_expected(const struct vrs_plan *plan, bool loaded)
{
	const struct vrs_effective e = {.plan = plan, .loaded = loaded};
	uint64_t n = 0;

	for (uint32_t number = 0; number < plan->n_prefixes; number++) {
		int state = after(&e, VRS_CHANGE_NONE);
		for (uint32_t i = plan->first_of[number]; i != VRS_CHANGE_NONE;
			i = plan->changes[i].next) {
			n += after(&e, i) != state;
			state = after(&e, i);
		}
	}
	return n;
}

/* The number of a next hop. Whose address hop 0 is need not be known: what is none of the others
 * is the sender. */
static int hop_of(const struct vrs_effective *e, const struct vrs_addr *a)
{
	return vrs_arg_addr_number(&e->first_hop, e->n_hops, a) + 1;
}

/* "A" or [] as a state. @return false: it is neither. */
static bool state_of(const struct vrs_effective *e, json_t *hops, bool gone, int *state)
{
	struct vrs_addr a;
	const char *text = json_string_value(json_array_get(hops, 0));

	*state = GONE;
	if (gone)
		return true;
	if (json_array_size(hops) != 1 || text == NULL || vrs_addr_parse(&a, text) != 0)
		return false;
	*state = hop_of(e, &a);
	return true;
}

/* --- The stream --- */

static void lose(struct vrs_effective *e, const char *why)
{
	if (!atomic_load(&e->lost))
		(void)snprintf(e->why, sizeof(e->why), "NIC %.60s: %.180s", e->nic, why);
	atomic_store(&e->lost, true);
}

/* The change that makes the prefix what it is now, the first one that can have. */
static uint32_t change_to(const struct vrs_effective *e, uint32_t number, int state)
{
	uint32_t i = vrs_plan_after(e->plan, number, e->seen[number]);

	while (i != VRS_CHANGE_NONE && after(e, i) != state)
		i = e->plan->changes[i].next;
	return i;
}

/* A prefix has a next hop now. Changes that were overtaken count as those of phase.c. */
static void move(struct vrs_effective *e, uint32_t number, int state)
{
	int old = after(e, e->seen[number]), end = in_the_end(e, number), before = old;
	uint32_t to = change_to(e, number, state),
		 i = vrs_plan_after(e->plan, number, e->seen[number]);
	uint64_t start = atomic_load(&e->start_ns);

	if (state == old)
		return;
	if (to == VRS_CHANGE_NONE || start == 0) {
		e->n_strange++;
		return;
	}
	e->seen[number] = to;
	for (; i != VRS_CHANGE_NONE && i <= to; i = e->plan->changes[i].next) {
		uint64_t at = start + e->plan->changes[i].at_ns;
		if (after(e, i) != before) {
			e->n_seen++;
			e->n_overtaken += i != to;
			vrs_hdr_record(&e->latency, e->now_ns > at ? e->now_ns - at : 0);
		}
		before = after(e, i);
	}
	if ((old == end) != (state == end))
		atomic_fetch_add(&e->n_wrong, state == end ? -1u : 1u);
}

/* Every whole line of a stream; what is behind the last one is kept. @return false: a line has no
 * end, or there is no memory. */
static bool take_lines(struct vrs_buffer *rest, const char *data, size_t size,
	void (*fn)(void *ctx, const char *line, size_t size), void *ctx)
{
	const char *end;

	while ((end = memchr(data, '\n', size)) != NULL) {
		size_t n = (size_t)(end - data);
		if (rest->size > 0) {
			vrs_buffer_add(rest, data, n);
			fn(ctx, rest->data, rest->size);
			rest->size = 0;
		} else {
			fn(ctx, data, n);
		}
		data += n + 1;
		size -= n + 1;
	}
	vrs_buffer_add(rest, data, size);
	return !rest->failed && rest->size < LINE_MAX_SIZE;
}

static void take_delta(void *ctx, const char *line, size_t size)
{
	struct vrs_effective *e = ctx;
	json_t *j = json_loadb(line, size, 0, NULL);
	const char *op = json_string_value(json_object_get(j, "op"));
	const char *text = json_string_value(json_object_get(j, "prefix"));
	struct vrs_prefix p;
	int64_t number = -1;
	int state;

	e->n_lines++;
	if (op != NULL && strcmp(op, "resync") == 0) {
		atomic_store(&e->fell_behind, true);
	} else if (op == NULL || text == NULL || vrs_prefix_parse(&p, text) != 0 ||
		!state_of(e, json_object_get(j, "nextHops"), strcmp(op, "delete") == 0, &state)) {
		lose(e, "the watch stream has a line that is no delta of one next hop");
	} else {
		number = vrs_universe_find(e->universe, &p);
		if (number >= 0)
			move(e, (uint32_t)number, state);
		else
			e->n_strange++;
	}
	json_decref(j);
}

void vrs_effective_take(struct vrs_effective *e, const char *data, size_t size, uint64_t now_ns)
{
	e->now_ns = now_ns;
	if (!take_lines(&e->rest, data, size, take_delta, e))
		lose(e, "the watch stream has a line without an end");
}

static bool take_bytes(void *ctx, const char *data, size_t size)
{
	struct vrs_effective *e = ctx;

	vrs_effective_take(e, data, size, vrs_lab_now());
	return !atomic_load(&e->stop);
}

static void add_path(struct vrs_client *c, struct vrs_buffer *b, const char *before,
	const char *nic, const char *behind)
{
	vrs_buffer_add(b, before, strlen(before));
	vrs_client_escape(c, b, nic);
	vrs_buffer_add(b, behind, strlen(behind) + 1);
}

static void *watch_thread(void *arg)
{
	struct vrs_effective *e = arg;
	struct vrs_client client;
	struct vrs_client_reply reply = {0};
	struct vrs_buffer path = {0};
	char since[40];
	int rc = vrs_client_init(&client, e->socket);

	(void)snprintf(since, sizeof(since), "&since=%" PRIu64, e->since);
	if (rc == 0) {
		add_path(&client, &path, "/v1/watch?nic=", e->nic, since);
		struct vrs_client_request q = {.path = path.data,
			.ndjson = true,
			.endless = true,
			.stop = &e->stop,
			.sink = take_bytes,
			.ctx = e};
		rc = path.failed ? -ENOMEM : vrs_client_send(&client, &q, &reply);
	}
	if (!atomic_load(&e->stop))
		lose(e,
			rc != 0                       ? client.error
				: reply.status != 200 ? "the watch stream was refused"
						      : "the watch stream ended");
	vrs_buffer_fini(&reply.body);
	vrs_buffer_fini(&path);
	vrs_client_fini(&client);
	e->usage = vrs_lab_usage();
	return NULL;
}

/* The last delta so far, and whether there is a daemon at all. */
static int ask_sequence(struct vrs_effective *e)
{
	struct vrs_client client;
	struct vrs_client_reply reply = {0};
	struct vrs_client_request q = {.path = "/v1/status", .limit_ms = STATUS_MS};
	int rc = vrs_client_init(&client, e->socket);

	if (rc == 0)
		rc = vrs_client_send(&client, &q, &reply);
	if (rc != 0) {
		lose(e, client.error);
	} else {
		json_t *j = json_loadb(reply.body.data, reply.body.size, 0, NULL);
		json_t *server = json_array_get(json_object_get(j, "routeServers"), 0);
		json_t *sequence = json_object_get(server, "sequence");
		if (json_array_size(json_object_get(j, "routeServers")) != 1 ||
			!json_is_integer(sequence)) {
			lose(e, "status is not that of a daemon with one route server");
			rc = -EBADMSG;
		}
		e->since = (uint64_t)json_integer_value(sequence);
		json_decref(j);
	}
	vrs_buffer_fini(&reply.body);
	vrs_client_fini(&client);
	return rc;
}

int vrs_effective_init(struct vrs_effective *e)
{
	size_t size = ((size_t)e->universe->n + 1) * sizeof(*e->seen);
	unsigned n_wrong = 0;

	int rc = vrs_hdr_init(&e->latency, MAX_LATENCY_S * 1000000000ull, DIGITS);
	e->seen = malloc(size);
	if (rc != 0 || e->seen == NULL)
		return -ENOMEM;
	memset(e->seen, 0xff, size);
	for (uint32_t i = 0; i < e->universe->n; i++)
		n_wrong += in_the_end(e, i) != after(e, VRS_CHANGE_NONE);
	atomic_store(&e->n_wrong, n_wrong);
	return 0;
}

int vrs_effective_begin(struct vrs_effective *e)
{
	int rc = ask_sequence(e);

	if (rc == 0)
		rc = -pthread_create(&e->thread, NULL, watch_thread, e);
	e->begun = rc == 0;
	return rc;
}

void vrs_effective_end(struct vrs_effective *e)
{
	if (!e->begun)
		return;
	atomic_store(&e->stop, true);
	(void)pthread_join(e->thread, NULL);
	e->begun = false;
}

void vrs_effective_fini(struct vrs_effective *e)
{
	vrs_effective_end(e);
	vrs_hdr_fini(&e->latency);
	vrs_buffer_fini(&e->rest);
	free(e->seen);
	e->seen = NULL;
}

/* --- The table in the end --- */

struct checking {
	struct vrs_effective *e;
	struct vrs_buffer rest;
	int16_t *have; /* By prefix: the state that the table shows. */
	size_t n_strange;
};

static void take_row(void *ctx, const char *line, size_t size)
{
	struct checking *c = ctx;
	json_t *j = json_loadb(line, size, 0, NULL);
	const char *source = json_string_value(json_object_get(j, "source"));
	const char *text =
		json_string_value(json_array_get(json_object_get(j, "addressPrefix"), 0));
	struct vrs_prefix p;
	int64_t number = -1;
	int state;

	if (source != NULL && strcmp(source, "VirtualNetworkGateway") != 0) {
		json_decref(j);
		return;
	}
	if (source != NULL && text != NULL && vrs_prefix_parse(&p, text) == 0)
		number = vrs_universe_find(c->e->universe, &p);
	if (number >= 0 && state_of(c->e, json_object_get(j, "nextHopIpAddress"), false, &state))
		c->have[number] = (int16_t)state;
	else
		c->n_strange++;
	json_decref(j);
}

static bool take_rows(void *ctx, const char *data, size_t size)
{
	struct checking *c = ctx;

	return take_lines(&c->rest, data, size, take_row, c);
}

static int read_table(struct checking *c)
{
	struct vrs_effective *e = c->e;
	struct vrs_client client;
	struct vrs_client_reply reply = {0};
	struct vrs_buffer path = {0};
	int rc = vrs_client_init(&client, e->socket);

	if (rc == 0) {
		add_path(&client, &path, "/v1/networkInterfaces/", e->nic, "/effectiveRouteTable");
		struct vrs_client_request q = {.path = path.data,
			.ndjson = true,
			.limit_ms = TABLE_MS,
			.sink = take_rows,
			.ctx = c};
		rc = path.failed ? -ENOMEM : vrs_client_send(&client, &q, &reply);
	}
	if (rc == 0 && !reply.streamed)
		rc = -EBADMSG;
	if (rc != 0)
		(void)snprintf(e->why, sizeof(e->why), "NIC %.60s: its table: %.160s", e->nic,
			client.error[0] != '\0' ? client.error : "there is none");
	vrs_buffer_fini(&reply.body);
	vrs_buffer_fini(&path);
	vrs_client_fini(&client);
	return rc;
}

int vrs_effective_check(struct vrs_effective *e)
{
	uint32_t n = e->universe->n, n_wrong = 0;
	struct checking c = {.e = e, .have = malloc(((size_t)n + 1) * sizeof(*c.have))};
	int rc = -ENOMEM;

	if (c.have != NULL) {
		for (uint32_t i = 0; i < n; i++)
			c.have[i] = GONE;
		rc = read_table(&c);
	}
	for (uint32_t i = 0; rc == 0 && i < n; i++)
		n_wrong += c.have[i] != in_the_end(e, i);
	if (rc == 0 && n_wrong + c.n_strange > 0) {
		(void)snprintf(e->why, sizeof(e->why),
			"NIC %.60s: %" PRIu32 " of %" PRIu32
			" prefixes are not as they must be, %zu rows are strange",
			e->nic, n_wrong, n, c.n_strange);
		rc = -EBADMSG;
	}
	vrs_buffer_fini(&c.rest);
	free(c.have);
	return rc;
}
