/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

/*
 * vrsctl status: a line of the daemon, a block for each route server, threads, ports, memory and
 * counters. What waits longer than it should is said in words; when nothing does, nothing is.
 */

#include <string.h>

#include "tools/vrsctl/ctl.h"

static const struct vrs_view sessions_view = {
	.rows = "peerings/sessions",
	.columns =
		{
			{"Peering", "^name", 0, 0},
			{"Instance", "instance", 0, 0},
			{"Local Address", "localAddress", 0, 0},
			{"State", "state", 0, 0},
			{"Uptime", "uptimeSeconds", 0, 0},
			{"Received", "prefixesReceived", 0, 0},
			{"Usable", "prefixesUsable", 0, 0},
			{"Advertised", "prefixesAdvertised", 0, 0},
			{"Last Error", "lastError", 0, 0},
			{0},
		},
};

static void print_uptime(FILE *out, long long s)
{
	if (s >= 86400)
		(void)fprintf(out, "%lldd ", s / 86400);
	(void)fprintf(out, "%02lld:%02lld:%02lld", s / 3600 % 24, s / 60 % 60, s % 60);
}

static long long integer(const json_t *o, const char *key)
{
	return (long long)json_integer_value(json_object_get(o, key));
}

/* "950 ns", "12 us", "3.4 ms", "1.2 s" */
static const char *time_text(double us, char out[32])
{
	static const struct {
		double below, unit;
		const char *name;
	} units[] = {{1, 1e-3, "ns"}, {1e3, 1, "us"}, {1e6, 1e3, "ms"}, {1e300, 1e6, "s"}};
	size_t i = 0;

	while (us >= units[i].below)
		i++;
	double v = us / units[i].unit;
	(void)snprintf(out, 32, v < 10 && i > 0 ? "%.1f %s" : "%.0f %s", v, units[i].name);
	return out;
}

/* "12 bytes", "3.4 kB", "5.6 MB" */
static const char *size_text(double bytes, char out[32])
{
	if (bytes < 1e3)
		(void)snprintf(out, 32, "%.0f bytes", bytes);
	else if (bytes < 1e6)
		(void)snprintf(out, 32, "%.1f kB", bytes / 1e3);
	else
		(void)snprintf(out, 32, "%.1f MB", bytes / 1e6);
	return out;
}

/* A peer whose socket takes nothing, while something is there for it. */
static void print_stalled(struct vrs_ctl *ctl, const json_t *peering)
{
	const char *name = json_string_value(json_object_get(peering, "name"));
	char size[32], since[32];
	json_t *session;
	size_t i;

	json_array_foreach (json_object_get(peering, "sessions"), i, session) {
		if (integer(session, "stalledMs") == 0)
			continue;
		(void)fprintf(ctl->out, "%s instance %lld has read nothing for %s: %s wait%s\n",
			name != NULL ? name : "?", integer(session, "instance"),
			time_text(1e3 * (double)integer(session, "stalledMs"), since),
			size_text((double)integer(session, "bytesWaiting"), size),
			json_is_true(json_object_get(session, "ownUpdateGroup"))
				? ", others do not wait for it"
				: "");
	}
}

/* What waits, and for whom. */
static void print_waiting(struct vrs_ctl *ctl, const json_t *server)
{
	const json_t *consumers = json_object_get(server, "deltaConsumers");
	const json_t *pins = json_object_get(server, "pins");
	char text[32], size[32];
	json_t *peering;
	size_t i;

	json_array_foreach (json_object_get(server, "peerings"), i, peering) {
		print_stalled(ctl, peering);
	}
	if (integer(server, "dirty") > 0)
		(void)fprintf(ctl->out, "%lld changes wait for propagation, the oldest for %s\n",
			integer(server, "dirty"),
			time_text(1e3 * (double)integer(server, "oldestUnpropagatedMs"), text));
	if (integer(consumers, "count") > 0)
		(void)fprintf(ctl->out,
			"%lld watch streams, the slowest is %lld deltas behind; %lld times one "
			"fell behind the log\n",
			integer(consumers, "count"), integer(consumers, "largestLag"),
			integer(consumers, "resyncs"));
	if (integer(pins, "versions") > 0)
		(void)fprintf(ctl->out,
			"%lld replaced versions are held by listings, the oldest for %s: %s\n",
			integer(pins, "versions"),
			time_text(1e3 * (double)integer(pins, "oldestMs"), text),
			size_text((double)integer(pins, "bytes"), size));
}

/* A row for each stage that has had work. */
static void print_threads(struct vrs_ctl *ctl, const json_t *threads)
{
	static const char *const titles[] = {
		"Thread", "Stage", "Turns", "Median", "99 %", "99.9 %", "Longest", "Total"};
	static const char *const keys[] = {"p50Us", "p99Us", "p999Us", "maxUs", "totalUs"};
	enum { N_KEYS = sizeof(keys) / sizeof(keys[0]) };
	struct vrs_grid grid;
	json_t *thread, *stage;
	const char *name;
	size_t i;

	(void)fputc('\n', ctl->out);
	vrs_grid_init(&grid, ctl->out, N_KEYS + 3, titles, NULL, VRS_GRID_SAMPLE);
	json_array_foreach (threads, i, thread) {
		const char *of = json_string_value(json_object_get(thread, "name"));

		json_object_foreach (json_object_get(thread, "stages"), name, stage) {
			char count[32], times[N_KEYS][32];
			const char *cells[N_KEYS + 3] = {of != NULL ? of : "?", name, count};

			if (integer(stage, "count") == 0)
				continue;
			(void)snprintf(count, sizeof(count), "%lld", integer(stage, "count"));
			for (size_t k = 0; k < N_KEYS; k++)
				cells[3 + k] = time_text(
					json_number_value(json_object_get(stage, keys[k])),
					times[k]);
			vrs_grid_row(&grid, cells);
		}
	}
	vrs_grid_end(&grid);
}

/* A row for each port of the transport, if it has any. */
static void print_ports(struct vrs_ctl *ctl, const json_t *ports)
{
	static const char *const titles[] = {"Port", "Link", "Missed", "Receive Errors",
		"Transmit Errors", "No Buffers", "Chained Lost", "TAP Lost"};
	static const char *const keys[] = {"missed", "receiveErrors", "transmitErrors", "noBuffers",
		"chainedLost", "exceptionTapLost"};
	enum { N_KEYS = sizeof(keys) / sizeof(keys[0]) };
	struct vrs_grid grid;
	json_t *port;
	size_t i;

	if (json_array_size(ports) == 0)
		return;
	(void)fputc('\n', ctl->out);
	vrs_grid_init(&grid, ctl->out, N_KEYS + 2, titles, NULL, VRS_GRID_SAMPLE);
	json_array_foreach (ports, i, port) {
		const char *name = json_string_value(json_object_get(port, "name"));
		const char *link = json_string_value(json_object_get(port, "link"));
		char counts[N_KEYS][32];
		const char *cells[N_KEYS + 2] = {
			name != NULL ? name : "?", link != NULL ? link : "?"};

		for (size_t k = 0; k < N_KEYS; k++) {
			(void)snprintf(
				counts[k], sizeof(counts[k]), "%lld", integer(port, keys[k]));
			cells[2 + k] = counts[k];
		}
		vrs_grid_row(&grid, cells);
	}
	vrs_grid_end(&grid);
}

static void print_server(struct vrs_ctl *ctl, const json_t *server)
{
	const char *name = json_string_value(json_object_get(server, "name"));
	const char *vnet = json_string_value(json_object_get(server, "virtualNetwork"));
	struct vrs_rows rows;

	(void)fprintf(ctl->out,
		"\nRoute server %s (%s): %lld prefixes, %lld paths, generation %lld, quiet for "
		"%lld "
		"ms, %lld exports pending\n",
		name != NULL ? name : "?", vnet != NULL ? vnet : "?", integer(server, "prefixes"),
		integer(server, "paths"), integer(server, "generation"),
		integer(server, "quietMilliseconds"), integer(server, "pendingExports"));
	vrs_rows_init(&rows, &sessions_view, ctl->args.given, VRS_GRID_SAMPLE, ctl->out);
	vrs_rows_document(&rows, server);
	vrs_rows_end(&rows);
	print_waiting(ctl, server);
}

/* Members of an object, those that are not zero. */
static void print_figures(struct vrs_ctl *ctl, const char *title, const char *unit, json_t *o)
{
	const char *titles[2] = {title, unit}, *key;
	struct vrs_buffer text = {0};
	struct vrs_grid grid;
	json_t *value;

	(void)fputc('\n', ctl->out);
	vrs_grid_init(&grid, ctl->out, 2, titles, NULL, VRS_GRID_SAMPLE);
	json_object_foreach (o, key, value) {
		if (json_integer_value(value) == 0)
			continue;
		text.size = 0;
		vrs_cell_text(&text, value);
		const char *cells[2] = {key, text.failed ? "?" : text.data};
		vrs_grid_row(&grid, cells);
	}
	vrs_grid_end(&grid);
	vrs_buffer_fini(&text);
}

static void print_status(struct vrs_ctl *ctl, const json_t *status)
{
	const char *version = json_string_value(json_object_get(status, "version"));
	json_t *server;
	size_t i;

	(void)fprintf(ctl->out, "vrsd %s, up ", version != NULL ? version : "?");
	print_uptime(ctl->out, integer(status, "uptimeSeconds"));
	(void)fputc('\n', ctl->out);
	json_array_foreach (json_object_get(status, "routeServers"), i, server) {
		print_server(ctl, server);
	}
	print_threads(ctl, json_object_get(status, "threads"));
	print_ports(ctl, json_object_get(status, "ports"));
	print_figures(ctl, "Memory", "Bytes", json_object_get(status, "memory"));
	print_figures(ctl, "Counter", "Count", json_object_get(status, "counters"));
}

int vrs_ctl_status(struct vrs_ctl *ctl)
{
	json_t *doc = NULL;
	int code = vrs_ctl_get(ctl, NULL, "/v1/status", &doc);

	if (code == VRS_EXIT_OK && ctl->args.format == VRS_FORMAT_TABLE)
		print_status(ctl, doc);
	else if (code == VRS_EXIT_OK)
		code = vrs_ctl_print_json(ctl, doc);
	json_decref(doc);
	return code;
}
