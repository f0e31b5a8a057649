/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#include "tools/vrsctl/ctl.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

int vrs_ctl_refuse(struct vrs_ctl *ctl, const char *fmt, ...)
{
	va_list ap;

	(void)fflush(ctl->out);
	va_start(ap, fmt);
	(void)fputs("vrsctl: ", ctl->err);
	(void)vfprintf(ctl->err, fmt, ap);
	(void)fputc('\n', ctl->err);
	va_end(ap);
	return VRS_EXIT_REFUSED;
}

int vrs_ctl_failed(struct vrs_ctl *ctl, int err)
{
	/* The reader of our output has seen enough. */
	if (err == -EPIPE)
		return VRS_EXIT_OK;
	(void)vrs_ctl_refuse(ctl, "%s", ctl->client.error);
	return err == -ENOTCONN ? VRS_EXIT_NO_DAEMON : VRS_EXIT_REFUSED;
}

/* An answer that is not 200: print its reason. */
static int refused(struct vrs_ctl *ctl, const struct vrs_client_reply *reply)
{
	json_t *doc = json_loadb(
		reply->body.data != NULL ? reply->body.data : "", reply->body.size, 0, NULL);
	const char *message =
		json_string_value(json_object_get(json_object_get(doc, "error"), "message"));

	if (message != NULL)
		(void)vrs_ctl_refuse(ctl, "%s", message);
	else
		(void)vrs_ctl_refuse(ctl, "the daemon answered with status %ld", reply->status);
	json_decref(doc);
	return VRS_EXIT_REFUSED;
}

static int parse(struct vrs_ctl *ctl, struct vrs_client_reply *reply, json_t **doc)
{
	json_error_t error;

	if (reply->status != 200) {
		int code = refused(ctl, reply);

		vrs_buffer_fini(&reply->body);
		return code;
	}
	*doc = json_loadb(
		reply->body.data != NULL ? reply->body.data : "", reply->body.size, 0, &error);
	vrs_buffer_fini(&reply->body);
	if (*doc == NULL)
		return vrs_ctl_refuse(ctl, "the daemon's answer is not JSON: %s", error.text);
	return VRS_EXIT_OK;
}

int vrs_ctl_get(struct vrs_ctl *ctl, const char *method, const char *path, json_t **doc)
{
	struct vrs_client_request q = {.method = method, .path = path};
	struct vrs_client_reply reply;
	int err = vrs_client_send(&ctl->client, &q, &reply);

	return err != 0 ? vrs_ctl_failed(ctl, err) : parse(ctl, &reply, doc);
}

int vrs_ctl_print_json(struct vrs_ctl *ctl, const json_t *doc)
{
	const json_t *value = json_object_get(doc, "value");
	json_t *element;
	size_t i;

	if (ctl->args.format == VRS_FORMAT_JSON) {
		(void)json_dumpf(doc, ctl->out, JSON_INDENT(2) | JSON_REAL_PRECISION(15));
		(void)fputc('\n', ctl->out);
	} else if (!json_is_array(value)) {
		(void)json_dumpf(doc, ctl->out, JSON_COMPACT | JSON_REAL_PRECISION(15));
		(void)fputc('\n', ctl->out);
	} else {
		json_array_foreach (value, i, element) {
			(void)json_dumpf(element, ctl->out, JSON_COMPACT | JSON_REAL_PRECISION(15));
			(void)fputc('\n', ctl->out);
		}
	}
	return VRS_EXIT_OK;
}

/* --- Paths --- */

/* Without --routeserver there must be one alone. */
static int only_route_server(struct vrs_ctl *ctl, struct vrs_buffer *b)
{
	json_t *doc = NULL;
	int code = vrs_ctl_get(ctl, NULL, "/v1/routeServers", &doc);
	const json_t *value = json_object_get(doc, "value");
	const json_t *first = json_array_get(value, 0);
	const char *name = json_string_value(json_object_get(first, "name"));

	if (code == VRS_EXIT_OK && json_array_size(value) > 1) {
		(void)vrs_ctl_refuse(ctl,
			"there are %zu route servers: name one with --routeserver",
			json_array_size(value));
		code = VRS_EXIT_USAGE;
	} else if (code == VRS_EXIT_OK && name == NULL) {
		code = vrs_ctl_refuse(ctl, "there is no route server");
	} else if (code == VRS_EXIT_OK) {
		vrs_client_escape(&ctl->client, b, name);
	}
	json_decref(doc);
	return code;
}

static int add_option(struct vrs_ctl *ctl, struct vrs_buffer *b, const char *name, size_t size)
{
	for (unsigned o = 0; o < VRS_OPT_N; o++) {
		if (strlen(vrs_options[o].name) != size ||
			memcmp(vrs_options[o].name, name, size) != 0)
			continue;
		if (ctl->args.value[o] == NULL && o == VRS_OPT_ROUTESERVER)
			return only_route_server(ctl, b);
		vrs_client_escape(&ctl->client, b, ctl->args.value[o]);
	}
	return VRS_EXIT_OK;
}

/* The verb's path with its options in place. */
static int make_path(struct vrs_ctl *ctl, struct vrs_buffer *b)
{
	const struct vrs_verb *v = ctl->args.verb;
	char separator = '?';

	for (const char *p = v->path; *p != '\0';) {
		size_t size = strcspn(p, "{");

		vrs_buffer_add(b, p, size);
		p += size;
		if (*p != '{')
			continue;
		size = strcspn(p, "}");
		int code = add_option(ctl, b, p + 1, size - 1);
		if (code != VRS_EXIT_OK)
			return code;
		p += size + 1;
	}
	for (unsigned o = 0; o < VRS_OPT_N; o++) {
		if (!(v->query & VRS_OPT_BIT(o)) || !vrs_args_has(&ctl->args, o))
			continue;
		vrs_buffer_add(b, &separator, 1);
		vrs_buffer_add(b, vrs_options[o].query, strlen(vrs_options[o].query));
		vrs_buffer_add(b, "=", 1);
		vrs_client_escape(
			&ctl->client, b, ctl->args.value[o] != NULL ? ctl->args.value[o] : "true");
		separator = '&';
	}
	return b->failed ? vrs_ctl_refuse(ctl, "out of memory") : VRS_EXIT_OK;
}

/* --- Documents and streams --- */

/* Of a document only an array, or one element of it. Takes and gives a reference. */
static int narrow(struct vrs_ctl *ctl, json_t **doc)
{
	const struct vrs_verb *v = ctl->args.verb;
	const char *name = ctl->args.value[VRS_OPT_NAME];
	json_t *list = json_object_get(*doc, v->member), *element, *found = NULL;
	size_t i;

	if (!v->pick) {
		found = json_pack("{s:O}", "value", list);
	} else {
		json_array_foreach (list, i, element) {
			const char *is = json_string_value(json_object_get(element, "name"));

			if (is != NULL && strcmp(is, name) == 0)
				found = json_incref(element);
		}
	}
	json_decref(*doc);
	*doc = found;
	if (found != NULL)
		return VRS_EXIT_OK;
	return vrs_ctl_refuse(ctl, "there is no \"%s\" among the %s of \"%s\"", name, v->member,
		ctl->args.value[vrs_args_has(&ctl->args, VRS_OPT_VNET) ? VRS_OPT_VNET
								       : VRS_OPT_TABLE]);
}

static int show_document(struct vrs_ctl *ctl, struct vrs_client_reply *reply)
{
	const struct vrs_verb *v = ctl->args.verb;
	json_t *doc = NULL;
	int code = parse(ctl, reply, &doc);

	if (code == VRS_EXIT_OK && v->member != NULL)
		code = narrow(ctl, &doc);
	if (code == VRS_EXIT_OK && ctl->args.format != VRS_FORMAT_TABLE) {
		code = vrs_ctl_print_json(ctl, doc);
	} else if (code == VRS_EXIT_OK) {
		struct vrs_rows rows;

		vrs_rows_init(&rows, v->view, ctl->args.given, VRS_GRID_SAMPLE, ctl->out);
		vrs_rows_document(&rows, doc);
		vrs_rows_end(&rows);
	}
	json_decref(doc);
	return code;
}

struct listing {
	struct vrs_ctl *ctl;
	struct vrs_rows rows;
	bool open;
	struct vrs_buffer line; /* One that has come in part. */
	bool bad;
};

static void open_rows(struct listing *l)
{
	const struct vrs_verb *v = l->ctl->args.verb;

	if (l->open || l->ctl->args.format != VRS_FORMAT_TABLE)
		return;
	l->open = true;
	vrs_rows_init(
		&l->rows, v->view, l->ctl->args.given, v->live ? 0 : VRS_GRID_SAMPLE, l->ctl->out);
}

static void add_row(struct listing *l, const char *data, size_t size)
{
	json_t *row = size > 0 ? json_loadb(data, size, 0, NULL) : NULL;

	if (row != NULL)
		vrs_rows_add(&l->rows, row, NULL);
	else
		l->bad |= size > 0;
	json_decref(row);
}

/* Whole lines become rows; the rest waits for its end. */
static void add_lines(struct listing *l, const char *data, size_t size)
{
	const char *end = data + size, *newline;

	while ((newline = memchr(data, '\n', (size_t)(end - data))) != NULL) {
		if (l->line.size > 0) {
			vrs_buffer_add(&l->line, data, (size_t)(newline - data));
			add_row(l, l->line.data, l->line.size);
			l->line.size = 0;
		} else {
			add_row(l, data, (size_t)(newline - data));
		}
		data = newline + 1;
	}
	vrs_buffer_add(&l->line, data, (size_t)(end - data));
}

static bool sink(void *ctx, const char *data, size_t size)
{
	struct listing *l = ctx;
	FILE *out = l->ctl->out;

	open_rows(l);
	if (l->open)
		add_lines(l, data, size);
	else
		(void)fwrite(data, 1, size, out);
	if (l->ctl->args.verb->live)
		(void)fflush(out);
	return !ferror(out);
}

static int run_path(struct vrs_ctl *ctl, const char *path)
{
	const struct vrs_verb *v = ctl->args.verb;
	struct listing l = {.ctl = ctl};
	struct vrs_client_request q = {
		.method = v->method,
		.path = path,
		.ndjson = ctl->args.format != VRS_FORMAT_JSON,
		.endless = v->live,
		.sink = sink,
		.ctx = &l,
	};
	struct vrs_client_reply reply;
	int code = VRS_EXIT_OK, err = vrs_client_send(&ctl->client, &q, &reply);

	if (err == 0 && !reply.streamed)
		return show_document(ctl, &reply);
	if (err == 0)
		open_rows(&l);
	if (l.open)
		vrs_rows_end(&l.rows);
	if (err != 0)
		code = vrs_ctl_failed(ctl, err);
	else if (l.bad || l.line.failed || (l.open && l.line.size > 0))
		code = vrs_ctl_refuse(ctl, "the daemon sent a row that is not JSON");
	vrs_buffer_fini(&l.line);
	return code;
}

static int run(struct vrs_ctl *ctl)
{
	struct vrs_buffer path = {0};
	int code;

	if (ctl->args.verb->run != NULL)
		return ctl->args.verb->run(ctl);
	code = make_path(ctl, &path);
	if (code == VRS_EXIT_OK)
		code = run_path(ctl, path.data);
	vrs_buffer_fini(&path);
	return code;
}

/* Everything is out, or nobody reads it any more, or the reason is printed. */
static int finish(struct vrs_ctl *ctl, int code)
{
	errno = 0;
	if (fflush(ctl->out) == 0 && !ferror(ctl->out))
		return code;
	if (errno == EPIPE || errno == 0)
		return code;
	return vrs_ctl_refuse(ctl, "standard output: %s", strerror(errno));
}

int vrs_ctl_main(int argc, char **argv)
{
	struct vrs_ctl ctl = {.out = stdout, .err = stderr};
	int code = vrs_args_parse(&ctl.args, argc, argv, ctl.err);

	if (code != VRS_EXIT_OK)
		return code;
	if (vrs_args_has(&ctl.args, VRS_OPT_VERSION)) {
		(void)fputs("vrsctl " VRS_VERSION "\n", ctl.out);
		return finish(&ctl, VRS_EXIT_OK);
	}
	if (vrs_args_has(&ctl.args, VRS_OPT_HELP)) {
		vrs_args_help(&ctl.args, ctl.out);
		return finish(&ctl, VRS_EXIT_OK);
	}
	if (vrs_client_init(&ctl.client, ctl.args.socket) != 0)
		return vrs_ctl_refuse(&ctl, "out of memory");
	code = finish(&ctl, run(&ctl));
	vrs_client_fini(&ctl.client);
	return code;
}
