/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#include "engine/api.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <microhttpd.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "engine/api_internal.h"
#include "engine/clock.h"

/*
 * A thread per connection, so connections are bounded: MAX_CONNECTIONS for the socket and as many
 * for HTTP. libmicrohttpd's own time limit is one of silence; a client that sends a byte a second
 * would keep its thread for ever. So when all are taken, the one that has waited longest without a
 * whole request gives way, if that is 10 s. The list is also what is counted.
 *
 * Peers need descriptors too. A client takes two at most (its socket, a watch's eventfd) and there
 * are two listeners, so with an eighth of the limit each the API never holds more than half.
 */

enum {
	MAX_CONNECTIONS = 128,
	SPARE = 16, /* For those that are closed but not gone yet. */
	DESCRIPTOR_SHARE = 8,
	STARVED_MS = 100,
	EVICT_MS = 10000,
	MAX_BODY = 1 << 20,
	BLOCK_SIZE = 65536,
	FILL_TARGET = 32768, /* Fill until this much text is there. */
};

/* A connection. Under the lock of its API. */
struct client {
	struct client *next;
	int fd;
	bool tcp, busy, asked, evicted;
	uint64_t since_ms; /* Of its beginning, or of its last answer. */
};

struct vrs_api {
	struct vrs_engine *engine;
	pthread_mutex_t lock;
	struct client *clients;
	unsigned max_connections; /* Per listener. */
	struct vrs_api_stat stat;
	struct MHD_Daemon *local, *tcp;
	char *socket_path;
	_Atomic bool stopping;
};

/* --- Text --- */

void vrs_text_add(struct vrs_text *t, const char *data, size_t size)
{
	if (t->failed)
		return;
	if (t->size + size + 1 > t->cap) {
		size_t cap = VRS_MAX(t->cap * 2, t->size + size + 1);
		char *d = realloc(t->data, cap);

		if (d == NULL) {
			t->failed = true;
			return;
		}
		t->data = d;
		t->cap = cap;
	}
	memcpy(t->data + t->size, data, size);
	t->size += size;
	t->data[t->size] = '\0';
}

void vrs_text_printf(struct vrs_text *t, const char *fmt, ...)
{
	char line[1024];
	va_list ap;

	va_start(ap, fmt);
	int n = vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= sizeof(line))
		t->failed = true;
	else
		vrs_text_add(t, line, (size_t)n);
}

static int dump(const char *data, size_t size, void *ctx)
{
	vrs_text_add(ctx, data, size);
	return 0;
}

void vrs_text_json(struct vrs_text *t, json_t *row)
{
	if (row == NULL ||
		json_dump_callback(row, dump, t, JSON_COMPACT | JSON_REAL_PRECISION(15)) != 0)
		t->failed = true;
	json_decref(row);
}

json_t *vrs_json_addr(const struct vrs_addr *a)
{
	char s[VRS_ADDR_STRLEN];

	return json_string(vrs_addr_str(a, s));
}

json_t *vrs_json_prefix(const struct vrs_prefix *p)
{
	char s[VRS_PREFIX_STRLEN];

	return json_string(vrs_prefix_str(p, s));
}

json_t *vrs_json_addrs(const struct vrs_addr *addrs, size_t n)
{
	json_t *a = json_array();

	for (size_t i = 0; i < n; i++)
		json_array_append_new(a, vrs_json_addr(&addrs[i]));
	return a;
}

json_t *vrs_json_prefixes(const struct vrs_prefix *prefixes, size_t n)
{
	json_t *a = json_array();

	for (size_t i = 0; i < n; i++)
		json_array_append_new(a, vrs_json_prefix(&prefixes[i]));
	return a;
}

/* --- Requests --- */

const char *vrs_request_query(const struct vrs_request *r, const char *key)
{
	return MHD_lookup_connection_value(r->connection, MHD_GET_ARGUMENT_KIND, key);
}

void vrs_request_json(struct vrs_request *r, json_t *json)
{
	r->status = MHD_HTTP_OK;
	r->json = json;
}

void vrs_request_error(struct vrs_request *r, unsigned status, const char *code, const char *target,
	const char *fmt, ...)
{
	char message[512];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(message, sizeof(message), fmt, ap);
	va_end(ap);
	r->status = status;
	r->json = json_pack("{s:{s:s,s:s,s:s}}", "error", "code", code, "message", message,
		"target", target != NULL ? target : "");
}

struct vrs_server *vrs_request_server(struct vrs_request *r)
{
	int i = vrs_model_route_server(r->model, r->path[0]);

	if (i >= 0 && r->model->servers[i] != NULL)
		return r->model->servers[i];
	vrs_request_error(r, MHD_HTTP_NOT_FOUND, "NotFound", "routeServers",
		"there is no route server \"%s\"", r->path[0]);
	return NULL;
}

void *vrs_request_stream(
	struct vrs_request *r, size_t size, vrs_stream_fn fill, void (*fini)(struct vrs_stream *s))
{
	struct vrs_stream *s = calloc(1, size);

	if (s == NULL) {
		vrs_request_error(
			r, MHD_HTTP_SERVICE_UNAVAILABLE, "OutOfMemory", NULL, "out of memory");
		return NULL;
	}
	s->fill = fill;
	s->fini = fini;
	s->api = r->api;
	s->model = vrs_model_get(r->model);
	s->client_fd = r->client_fd;
	s->ndjson = r->ndjson;
	s->first = true;
	r->stream = s;
	r->status = MHD_HTTP_OK;
	return s;
}

void vrs_stream_row(struct vrs_stream *s, struct vrs_text *out, json_t *row)
{
	if (!s->first && !s->ndjson)
		vrs_text_add(out, ",\n", 2);
	s->first = false;
	vrs_text_json(out, row);
	if (s->ndjson)
		vrs_text_add(out, "\n", 1);
}

bool vrs_stream_wait(const struct vrs_stream *s, int fd, int timeout_ms)
{
	struct pollfd p[2] = {
		{.fd = fd, .events = POLLIN},
		{.fd = s->client_fd, .events = POLLRDHUP},
	};

	(void)poll(p, 2, timeout_ms);
	if (p[1].revents & (POLLRDHUP | POLLHUP | POLLERR))
		return false;
	return !vrs_stream_ended(s);
}

bool vrs_stream_ended(const struct vrs_stream *s)
{
	return atomic_load(&s->api->stopping);
}

static void stream_free(void *arg)
{
	struct vrs_stream *s = arg;

	vrs_thread_register_rcu();
	if (s->fini != NULL)
		s->fini(s);
	vrs_thread_unregister_rcu();
	vrs_model_put(s->model);
	free(s->text.data);
	free(s);
}

/* libmicrohttpd wants more bytes. */
static ssize_t stream_read(void *arg, uint64_t pos, char *buf, size_t max)
{
	struct vrs_stream *s = arg;

	if (s->at == s->text.size) {
		s->at = s->text.size = 0;
		vrs_thread_register_rcu();
		while (!s->done && s->text.size < FILL_TARGET) {
			size_t before = s->text.size;
			int r = s->fill(s, &s->text);

			s->text.failed |= r < 0;
			s->done = r <= 0 || s->text.failed ||
				(s->text.size == before && vrs_stream_ended(s));
			if (r == VRS_STREAM_FLUSH && s->text.size > 0)
				break;
		}
		vrs_thread_unregister_rcu();
		/* Broken off: the client sees a chunked answer without its end. */
		if (s->text.failed)
			return MHD_CONTENT_READER_END_WITH_ERROR;
		if (s->text.size == 0)
			return MHD_CONTENT_READER_END_OF_STREAM;
	}
	size_t n = VRS_MIN(max, s->text.size - s->at);
	memcpy(buf, s->text.data + s->at, n);
	s->at += n;
	return (ssize_t)n;
}

/* --- Routing --- */

static const struct {
	const char *method;
	const char *pattern; /* A star matches one segment. */
	void (*handle)(struct vrs_request *r);
} routes[] = {
	{"GET", "/v1/status", vrs_api_status},
	{"GET", "/v1/routeServers", vrs_api_route_servers},
	{"GET", "/v1/routeServers/*", vrs_api_route_server},
	{"GET", "/v1/routeServers/*/routes", vrs_api_routes},
	{"GET", "/v1/routeServers/*/bgpConnections", vrs_api_connections},
	{"GET", "/v1/routeServers/*/bgpConnections/*", vrs_api_connection},
	{"POST", "/v1/routeServers/*/bgpConnections/*/reset", vrs_api_connection_reset},
	{"GET", "/v1/routeServers/*/bgpConnections/*/learnedRoutes", vrs_api_learned},
	{"GET", "/v1/routeServers/*/bgpConnections/*/advertisedRoutes", vrs_api_advertised},
	{"GET", "/v1/virtualNetworks", vrs_api_vnets},
	{"GET", "/v1/virtualNetworks/*", vrs_api_vnet},
	{"GET", "/v1/routeTables", vrs_api_route_tables},
	{"GET", "/v1/routeTables/*", vrs_api_route_table},
	{"GET", "/v1/networkInterfaces", vrs_api_nics},
	{"GET", "/v1/networkInterfaces/*", vrs_api_nic},
	{"GET", "/v1/networkInterfaces/*/effectiveRouteTable", vrs_api_effective},
	{"GET", "/v1/networkInterfaces/*/nextHop", vrs_api_next_hop},
	{"GET", "/v1/networkInterfaces/*/explain", vrs_api_explain},
	{"GET", "/v1/watch", vrs_api_watch},
	{"GET", "/metrics", vrs_api_metrics},
};

/* Match a decoded URL; what stars matched is cut out of `url` in place. */
static bool matches(const char *pattern, char *url, const char *path[4])
{
	unsigned n = 0;

	for (;;) {
		if (pattern[0] != '/' || url[0] != '/')
			return pattern[0] == '\0' && url[0] == '\0';
		size_t plen = strcspn(pattern + 1, "/"), ulen = strcspn(url + 1, "/");
		if (plen == 1 && pattern[1] == '*') {
			if (ulen == 0)
				return false;
			path[n++] = url + 1;
		} else if (plen != ulen || memcmp(pattern + 1, url + 1, plen) != 0) {
			return false;
		}
		pattern += 1 + plen;
		url += 1 + ulen;
	}
}

static void terminate_segments(const char *path[4])
{
	for (unsigned i = 0; i < 4 && path[i] != NULL; i++)
		*((char *)path[i] + strcspn(path[i], "/")) = '\0';
}

static void dispatch(struct vrs_request *r, const char *method, char *url, bool local)
{
	bool known = false;

	for (size_t i = 0; i < VRS_N_ELEMS(routes); i++) {
		memset(r->path, 0, sizeof(r->path));
		if (!matches(routes[i].pattern, url, r->path))
			continue;
		known = true;
		if (strcmp(routes[i].method, method) != 0)
			continue;
		if (!local && strcmp(method, "GET") != 0) {
			vrs_request_error(r, MHD_HTTP_FORBIDDEN, "ReadOnly", NULL,
				"only the Unix socket takes commands");
			return;
		}
		terminate_segments(r->path);
		routes[i].handle(r);
		return;
	}
	if (known)
		vrs_request_error(r, MHD_HTTP_METHOD_NOT_ALLOWED, "MethodNotAllowed", NULL,
			"%s is not for this resource", method);
	else
		vrs_request_error(
			r, MHD_HTTP_NOT_FOUND, "NotFound", NULL, "there is no such resource");
}

static struct MHD_Response *response_of(struct vrs_request *r)
{
	struct MHD_Response *res;
	const char *type = r->ndjson ? "application/x-ndjson" : "application/json";

	if (r->stream != NULL) {
		res = MHD_create_response_from_callback(
			MHD_SIZE_UNKNOWN, BLOCK_SIZE, stream_read, r->stream, stream_free);
		if (res == NULL)
			stream_free(r->stream);
	} else {
		if (r->json != NULL) {
			type = "application/json";
			vrs_text_json(&r->text, r->json);
			vrs_text_add(&r->text, "\n", 1);
		} else {
			type = "text/plain; version=0.0.4";
		}
		if (r->text.failed) {
			free(r->text.data);
			return NULL;
		}
		res = MHD_create_response_from_buffer(
			r->text.size, r->text.data, MHD_RESPMEM_MUST_FREE);
	}
	if (res != NULL)
		MHD_add_response_header(res, MHD_HTTP_HEADER_CONTENT_TYPE, type);
	return res;
}

static int client_fd(struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);

	return info != NULL ? info->connect_fd : -1;
}

static enum MHD_Result answer(struct vrs_api *api, struct MHD_Connection *connection,
	const char *method, const char *url, bool local)
{
	struct vrs_request r = {.api = api, .engine = api->engine, .connection = connection};
	const char *accept =
		MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_ACCEPT);
	char *copy = strdup(url);

	if (copy == NULL)
		return MHD_NO;
	r.client_fd = client_fd(connection);
	r.ndjson = accept != NULL && strstr(accept, "application/x-ndjson") != NULL;
	vrs_thread_register_rcu();
	r.model = vrs_engine_model(api->engine);
	dispatch(&r, method, copy, local);
	struct MHD_Response *res = response_of(&r);
	vrs_model_put(r.model);
	vrs_thread_unregister_rcu();
	free(copy);
	if (res == NULL)
		return MHD_NO;
	enum MHD_Result ok = MHD_queue_response(connection, r.status, res);
	MHD_destroy_response(res);
	return ok;
}

/* --- Connections --- */

static struct client **client_of(struct vrs_api *api, int fd)
{
	struct client **at = &api->clients;

	while (*at != NULL && (*at)->fd != fd)
		at = &(*at)->next;
	return at;
}

static void set_busy(struct vrs_api *api, struct MHD_Connection *connection, bool busy)
{
	pthread_mutex_lock(&api->lock);
	struct client *c = *client_of(api, client_fd(connection));
	if (c != NULL) {
		c->busy |= busy;
		c->asked = true;
	}
	api->stat.requests += busy;
	pthread_mutex_unlock(&api->lock);
}

/* Close the connection that has been without a request for longest. */
static bool evict(struct vrs_api *api, bool tcp)
{
	uint64_t now = vrs_now_ms();
	struct client *oldest = NULL;

	for (struct client *c = api->clients; c != NULL; c = c->next)
		if (c->tcp == tcp && !c->busy && !c->evicted && now - c->since_ms >= EVICT_MS &&
			(oldest == NULL || c->since_ms < oldest->since_ms))
			oldest = c;
	if (oldest == NULL)
		return false;
	oldest->evicted = true;
	(void)shutdown(oldest->fd, SHUT_RDWR);
	api->stat.evicted++;
	return true;
}

static enum MHD_Result admit(struct vrs_api *api, bool tcp)
{
	unsigned n = 0;

	pthread_mutex_lock(&api->lock);
	for (struct client *c = api->clients; c != NULL; c = c->next)
		n += c->tcp == tcp && !c->evicted;
	bool ok = n < api->max_connections || evict(api, tcp);
	api->stat.refused += !ok;
	pthread_mutex_unlock(&api->lock);
	return ok ? MHD_YES : MHD_NO;
}

static enum MHD_Result admit_local(void *cls, const struct sockaddr *addr, socklen_t size)
{
	return admit(cls, false);
}

static enum MHD_Result admit_tcp(void *cls, const struct sockaddr *addr, socklen_t size)
{
	return admit(cls, true);
}

static void begun(struct vrs_api *api, struct MHD_Connection *connection, bool tcp)
{
	struct client *c = calloc(1, sizeof(*c));

	/* Without memory it is not counted, that is all. */
	if (c == NULL)
		return;
	c->fd = client_fd(connection);
	c->tcp = tcp;
	c->since_ms = vrs_now_ms();
	pthread_mutex_lock(&api->lock);
	c->next = api->clients;
	api->clients = c;
	api->stat.open++;
	pthread_mutex_unlock(&api->lock);
}

static void ended(struct vrs_api *api, struct MHD_Connection *connection)
{
	pthread_mutex_lock(&api->lock);
	struct client **at = client_of(api, client_fd(connection)), *c = *at;
	if (c != NULL) {
		*at = c->next;
		api->stat.open--;
		api->stat.unasked += !c->asked;
	}
	pthread_mutex_unlock(&api->lock);
	free(c);
}

static void notify_local(void *cls, struct MHD_Connection *connection, void **context,
	enum MHD_ConnectionNotificationCode what)
{
	if (what == MHD_CONNECTION_NOTIFY_STARTED)
		begun(cls, connection, false);
	else
		ended(cls, connection);
}

static void notify_tcp(void *cls, struct MHD_Connection *connection, void **context,
	enum MHD_ConnectionNotificationCode what)
{
	if (what == MHD_CONNECTION_NOTIFY_STARTED)
		begun(cls, connection, true);
	else
		ended(cls, connection);
}

static void done(struct vrs_api *api, struct MHD_Connection *connection)
{
	pthread_mutex_lock(&api->lock);
	struct client *c = *client_of(api, client_fd(connection));
	if (c != NULL) {
		c->busy = false;
		c->since_ms = vrs_now_ms();
	}
	pthread_mutex_unlock(&api->lock);
}

void vrs_api_stat(struct vrs_api *api, struct vrs_api_stat *out)
{
	pthread_mutex_lock(&api->lock);
	*out = api->stat;
	pthread_mutex_unlock(&api->lock);
}

/* Whether the request says itself that its body is too large. */
static bool too_large(struct MHD_Connection *connection)
{
	const char *length = MHD_lookup_connection_value(
		connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_CONTENT_LENGTH);

	return length != NULL && strtoull(length, NULL, 10) > MAX_BODY;
}

static enum MHD_Result refuse_body(struct vrs_api *api, struct MHD_Connection *connection)
{
	static char text[] = "{\"error\":{\"code\":\"BodyTooLarge\",\"message\":\"a body has at "
			     "most 1 MiB\",\"target\":\"\"}}\n";

	pthread_mutex_lock(&api->lock);
	api->stat.too_large++;
	pthread_mutex_unlock(&api->lock);
	struct MHD_Response *res =
		MHD_create_response_from_buffer(sizeof(text) - 1, text, MHD_RESPMEM_PERSISTENT);
	if (res == NULL)
		return MHD_NO;
	MHD_add_response_header(res, MHD_HTTP_HEADER_CONTENT_TYPE, "application/json");
	enum MHD_Result ok = MHD_queue_response(connection, MHD_HTTP_CONTENT_TOO_LARGE, res);
	MHD_destroy_response(res);
	return ok;
}

/* Too late for an answer: it is broken off. */
static enum MHD_Result refuse_chunked(struct vrs_api *api)
{
	pthread_mutex_lock(&api->lock);
	api->stat.too_large++;
	pthread_mutex_unlock(&api->lock);
	return MHD_NO;
}

/* Bodies are not used by any request yet; a small one is read and ignored. */
static enum MHD_Result handle(struct vrs_api *api, struct MHD_Connection *connection,
	const char *method, const char *url, size_t *upload, void **state, bool local)
{
	size_t *total = *state;

	if (total == NULL) {
		set_busy(api, connection, false);
		if (too_large(connection))
			return refuse_body(api, connection);
		*state = calloc(1, sizeof(size_t));
		return *state != NULL ? MHD_YES : MHD_NO;
	}
	if (*upload > 0) {
		*total += *upload;
		*upload = 0;
		return *total > MAX_BODY ? refuse_chunked(api) : MHD_YES;
	}
	set_busy(api, connection, true);
	return answer(api, connection, method, url, local);
}

static enum MHD_Result handle_local(void *cls, struct MHD_Connection *connection, const char *url,
	const char *method, const char *version, const char *data, size_t *size, void **state)
{
	return handle(cls, connection, method, url, size, state, true);
}

static enum MHD_Result handle_tcp(void *cls, struct MHD_Connection *connection, const char *url,
	const char *method, const char *version, const char *data, size_t *size, void **state)
{
	return handle(cls, connection, method, url, size, state, false);
}

static void completed(void *cls, struct MHD_Connection *connection, void **state,
	enum MHD_RequestTerminationCode how)
{
	free(*state);
	*state = NULL;
	done(cls, connection);
}

/* --- Listening --- */

/* Whether somebody answers on a socket file. */
static bool answers(const struct sockaddr_un *sun)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool yes = fd >= 0 && connect(fd, (const struct sockaddr *)sun, sizeof(*sun)) == 0;

	if (fd >= 0)
		close(fd);
	return yes;
}

static int listen_local(const char *path)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};

	if (strlen(path) >= sizeof(sun.sun_path))
		return -ENAMETOOLONG;
	memcpy(sun.sun_path, path, strlen(path) + 1);
	if (answers(&sun))
		return -EADDRINUSE;
	(void)unlink(path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	/* The mode is right from the first moment, not after a chmod. */
	mode_t old = umask(0117);
	int err = bind(fd, (const struct sockaddr *)&sun, sizeof(sun)) == 0 ? 0 : -errno;
	umask(old);
	if (err == 0 && listen(fd, 64) != 0)
		err = -errno;
	if (err != 0) {
		close(fd);
		return err;
	}
	return fd;
}

static int listen_tcp(const char *text)
{
	struct sockaddr_storage ss = {0};
	char host[VRS_ADDR_STRLEN + 2];
	const char *colon = strrchr(text, ':');
	socklen_t size = sizeof(struct sockaddr_in);
	struct vrs_addr a;
	int one = 1;

	if (colon == NULL || (size_t)(colon - text) >= sizeof(host))
		return -EINVAL;
	bool bracket = text[0] == '[' && colon > text && colon[-1] == ']';
	size_t len = (size_t)(colon - text) - (bracket ? 2 : 0);
	memcpy(host, text + bracket, len);
	host[len] = '\0';
	if (vrs_addr_parse(&a, host) != 0)
		return -EINVAL;
	uint16_t port = htons((uint16_t)strtoul(colon + 1, NULL, 10));
	if (a.afi == VRS_AFI_IP4) {
		struct sockaddr_in *sin = (void *)&ss;

		sin->sin_family = AF_INET;
		sin->sin_port = port;
		memcpy(&sin->sin_addr, a.bytes, 4);
	} else {
		struct sockaddr_in6 *sin6 = (void *)&ss;

		sin6->sin6_family = AF_INET6;
		sin6->sin6_port = port;
		memcpy(&sin6->sin6_addr, a.bytes, 16);
		size = sizeof(*sin6);
	}
	int fd = socket(ss.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, (const struct sockaddr *)&ss, size) != 0 || listen(fd, 64) != 0) {
		int err = -errno;

		close(fd);
		return err;
	}
	return fd;
}

static unsigned connections_allowed(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return MAX_CONNECTIONS;
	return (unsigned)VRS_MAX(
		VRS_MIN(limit.rlim_cur / DESCRIPTOR_SHARE, (rlim_t)MAX_CONNECTIONS), (rlim_t)1);
}

/* libmicrohttpd complains. When accept() found no descriptor it would try again at once, for as
 * long as somebody waits; and this is called in between. */
static void complained(void *cls, const char *fmt, va_list ap)
{
	struct vrs_api *api = cls;
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	if (fd >= 0) {
		close(fd);
		return;
	}
	pthread_mutex_lock(&api->lock);
	api->stat.starved++;
	pthread_mutex_unlock(&api->lock);
	nanosleep(&(struct timespec){.tv_nsec = STARVED_MS * 1000000L}, NULL);
}

/* The logger is the first option: it is for what follows. */
static int serve(struct vrs_api *api, int fd, bool tcp, struct MHD_Daemon **out)
{
	errno = 0;
	*out = MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_THREAD_PER_CONNECTION |
			MHD_USE_POLL | MHD_USE_ERROR_LOG,
		0, tcp ? admit_tcp : admit_local, api, tcp ? handle_tcp : handle_local, api,
		MHD_OPTION_EXTERNAL_LOGGER, complained, api, MHD_OPTION_LISTEN_SOCKET, fd,
		MHD_OPTION_CONNECTION_LIMIT, api->max_connections + SPARE,
		MHD_OPTION_CONNECTION_TIMEOUT, 60u, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
		(size_t)BLOCK_SIZE * 2, MHD_OPTION_NOTIFY_COMPLETED, completed, api,
		MHD_OPTION_NOTIFY_CONNECTION, tcp ? notify_tcp : notify_local, api, MHD_OPTION_END);
	if (*out != NULL)
		return 0;
	int err = errno != 0 ? -errno : -ENOMEM;
	close(fd);
	return err;
}

int vrs_api_start(struct vrs_engine *e, const char *socket_path, const char *http_listen,
	struct vrs_api **out)
{
	struct vrs_api *api = calloc(1, sizeof(*api));
	int fd, err;

	if (api == NULL)
		return -ENOMEM;
	api->engine = e;
	api->max_connections = connections_allowed();
	pthread_mutex_init(&api->lock, NULL);
	api->socket_path = strdup(socket_path);
	fd = listen_local(socket_path);
	if (fd < 0) {
		pthread_mutex_destroy(&api->lock);
		free(api->socket_path);
		free(api);
		return fd;
	}
	err = serve(api, fd, false, &api->local);
	if (err != 0)
		goto out;
	if (http_listen != NULL) {
		fd = listen_tcp(http_listen);
		if (fd < 0) {
			err = fd;
			goto out;
		}
		err = serve(api, fd, true, &api->tcp);
		if (err != 0)
			goto out;
	}
	*out = api;
	return 0;
out:
	vrs_api_stop(api);
	return err;
}

void vrs_api_stop(struct vrs_api *api)
{
	if (api == NULL)
		return;
	atomic_store(&api->stopping, true);
	if (api->tcp != NULL)
		MHD_stop_daemon(api->tcp);
	if (api->local != NULL)
		MHD_stop_daemon(api->local);
	(void)unlink(api->socket_path);
	pthread_mutex_destroy(&api->lock);
	free(api->socket_path);
	free(api);
}
