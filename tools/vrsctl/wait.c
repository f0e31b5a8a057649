/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

/*
 * vrsctl wait: ask for the status again and again until it says what is waited for.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tools/vrsctl/ctl.h"

enum { POLL_MS = 50, TIMEOUT_S = 60 };

struct seen {
	bool answered;
	json_int_t established, sessions, routes, quiet_ms, pending;
};

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static json_int_t integer(const json_t *o, const char *key)
{
	return json_integer_value(json_object_get(o, key));
}

static void count_sessions(struct seen *s, const json_t *server)
{
	json_t *peering, *session;
	size_t i, j;

	json_array_foreach (json_object_get(server, "peerings"), i, peering) {
		json_array_foreach (json_object_get(peering, "sessions"), j, session) {
			const char *state = json_string_value(json_object_get(session, "state"));

			s->sessions++;
			s->established += state != NULL && strcmp(state, "Established") == 0;
		}
	}
}

static void look(struct seen *s, const json_t *status)
{
	json_t *server;
	size_t i;

	*s = (struct seen){.answered = true, .quiet_ms = INT64_MAX};
	json_array_foreach (json_object_get(status, "routeServers"), i, server) {
		json_int_t quiet = integer(server, "quietMilliseconds");

		count_sessions(s, server);
		s->routes += integer(server, "prefixes");
		s->pending += integer(server, "pendingExports");
		s->quiet_ms = VRS_MIN(s->quiet_ms, quiet);
	}
}

static json_int_t wanted(const struct vrs_ctl *ctl, enum vrs_opt o)
{
	return vrs_args_has(&ctl->args, o) ? (json_int_t)strtoull(ctl->args.value[o], NULL, 10) : 0;
}

static bool routes_right(const struct vrs_ctl *ctl, const struct seen *s)
{
	if (!vrs_args_has(&ctl->args, VRS_OPT_ROUTES))
		return true;
	if (vrs_args_has(&ctl->args, VRS_OPT_EXACT))
		return s->routes == wanted(ctl, VRS_OPT_ROUTES);
	return s->routes >= wanted(ctl, VRS_OPT_ROUTES);
}

static bool is_quiet(const struct vrs_ctl *ctl, const struct seen *s)
{
	return !vrs_args_has(&ctl->args, VRS_OPT_QUIET_MS) ||
		(s->quiet_ms >= wanted(ctl, VRS_OPT_QUIET_MS) && s->pending == 0);
}

static bool arrived(const struct vrs_ctl *ctl, const struct seen *s)
{
	return s->answered && s->established >= wanted(ctl, VRS_OPT_ESTABLISHED) &&
		routes_right(ctl, s) && is_quiet(ctl, s);
}

/* Everything that is not there yet. */
static int missing(struct vrs_ctl *ctl, const struct seen *s, double timeout)
{
	char text[512];
	size_t n = 0;

	if (!s->answered)
		return vrs_ctl_refuse(ctl, "timed out after %g s: %s", timeout, ctl->client.error);
	text[0] = '\0';
	if (s->established < wanted(ctl, VRS_OPT_ESTABLISHED))
		n += (size_t)snprintf(text + n, sizeof(text) - n,
			"; %lld of %lld sessions Established", (long long)s->established,
			(long long)wanted(ctl, VRS_OPT_ESTABLISHED));
	if (!routes_right(ctl, s))
		n += (size_t)snprintf(text + n, sizeof(text) - n, "; %lld routes of %s%lld",
			(long long)s->routes,
			vrs_args_has(&ctl->args, VRS_OPT_EXACT) ? "exactly " : "",
			(long long)wanted(ctl, VRS_OPT_ROUTES));
	if (!is_quiet(ctl, s))
		(void)snprintf(text + n, sizeof(text) - n,
			"; quiet for %lld of %lld ms with %lld exports pending",
			(long long)s->quiet_ms, (long long)wanted(ctl, VRS_OPT_QUIET_MS),
			(long long)s->pending);
	return vrs_ctl_refuse(ctl, "timed out after %g s%s", timeout, text);
}

static int report(struct vrs_ctl *ctl, const struct seen *s, double seconds)
{
	json_int_t quiet = s->quiet_ms == INT64_MAX ? 0 : s->quiet_ms;

	if (ctl->args.format == VRS_FORMAT_TABLE) {
		(void)fprintf(ctl->out,
			"%lld of %lld sessions Established, %lld routes, quiet for %lld ms; waited "
			"%.2f s\n",
			(long long)s->established, (long long)s->sessions, (long long)s->routes,
			(long long)quiet, seconds);
		return VRS_EXIT_OK;
	}
	json_t *doc = json_pack("{s:I,s:I,s:I,s:I,s:I,s:f}", "established", s->established,
		"sessions", s->sessions, "prefixes", s->routes, "quietMilliseconds", quiet,
		"pendingExports", s->pending, "waitedSeconds", seconds);
	int code = vrs_ctl_print_json(ctl, doc);
	json_decref(doc);
	return code;
}

/* One look. @return VRS_EXIT_OK, also when the daemon is not there (yet). */
static int poll_status(struct vrs_ctl *ctl, struct seen *s, double left)
{
	struct vrs_client_request q = {
		.path = "/v1/status", .limit_ms = (uint64_t)VRS_MAX(left * 1000, 100.0)};
	struct vrs_client_reply reply;
	int err = vrs_client_send(&ctl->client, &q, &reply);

	if (err == -EPIPE || err == -ENOMEM)
		return vrs_ctl_failed(ctl, err);
	/* The last look may be cut short: then the one before it says what was missing. */
	if (err == -ETIMEDOUT)
		return VRS_EXIT_OK;
	if (err != 0) {
		s->answered = false;
		return VRS_EXIT_OK;
	}
	json_t *doc =
		reply.status == 200 ? json_loadb(reply.body.data, reply.body.size, 0, NULL) : NULL;
	vrs_buffer_fini(&reply.body);
	if (doc == NULL)
		return vrs_ctl_refuse(
			ctl, "the daemon answered the status with status %ld", reply.status);
	look(s, doc);
	json_decref(doc);
	return VRS_EXIT_OK;
}

int vrs_ctl_wait(struct vrs_ctl *ctl)
{
	const struct timespec pause = {.tv_nsec = POLL_MS * 1000000L};
	const char *text = ctl->args.value[VRS_OPT_TIMEOUT];
	double timeout = text != NULL ? strtod(text, NULL) : TIMEOUT_S, begin = now();
	struct seen s = {0};

	for (;;) {
		int code = poll_status(ctl, &s, timeout - (now() - begin));

		if (code != VRS_EXIT_OK)
			return code;
		if (arrived(ctl, &s))
			return report(ctl, &s, now() - begin);
		if (now() - begin >= timeout)
			return missing(ctl, &s, timeout);
		(void)nanosleep(&pause, NULL);
	}
}
