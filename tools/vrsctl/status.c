/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

/*
 * vrsctl status: a line of the daemon, a block for each route server, memory and counters.
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
