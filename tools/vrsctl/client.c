/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#include "tools/vrsctl/client.h"

#include <curl/curl.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
	IDLE_MS = 60000,       /* A daemon that is alive sends something within a minute. */
	BODY_MAX = 256u << 20, /* A document larger than this is not one. */
};

struct transfer {
	struct vrs_client *client;
	const struct vrs_client_request *q;
	struct vrs_client_reply *reply;
	bool started, gone, silent, stopped;
	uint64_t moved_ms; /* When the last byte came or was taken. */
};

static uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static void start(struct transfer *t)
{
	curl_off_t length = -1;
	CURL *curl = t->client->curl;

	t->started = true;
	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &t->reply->status);
	curl_easy_getinfo(curl, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
	t->reply->streamed = t->q->sink != NULL && t->reply->status == 200 && length < 0;
}

static size_t receive(char *data, size_t one, size_t size, void *ctx)
{
	struct transfer *t = ctx;

	if (!t->started)
		start(t);
	if (t->reply->streamed) {
		if (!t->q->sink(t->q->ctx, data, size)) {
			t->gone = true;
			return 0;
		}
	} else {
		vrs_buffer_add(&t->reply->body, data, size);
		if (t->reply->body.failed || t->reply->body.size > BODY_MAX)
			return 0;
	}
	t->moved_ms = now_ms();
	return size;
}

/* About once a second, also while nothing comes. */
static int progress(
	void *ctx, curl_off_t dl_total, curl_off_t dl, curl_off_t ul_total, curl_off_t ul)
{
	struct transfer *t = ctx;
	struct pollfd out = {.fd = STDOUT_FILENO};

	t->stopped = t->q->stop != NULL && atomic_load(t->q->stop);
	if (t->stopped)
		return 1;
	if (poll(&out, 1, 0) == 1 && out.revents & POLLERR) {
		t->gone = true;
		return 1;
	}
	t->silent = !t->q->endless && now_ms() - t->moved_ms > IDLE_MS;
	return t->silent;
}

int vrs_client_init(struct vrs_client *c, const char *socket_path)
{
	CURL *curl = curl_easy_init();

	*c = (struct vrs_client){.curl = curl, .socket = socket_path};
	if (curl == NULL)
		return -ENOMEM;
	curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, socket_path);
	curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L); /* A thing may be called "..". */
	curl_easy_setopt(curl, CURLOPT_PROXY, "");      /* Whatever http_proxy says. */
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_USERAGENT, "vrsctl/" VRS_VERSION);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, receive);
	curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, progress);
	curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
	curl_easy_setopt(curl, CURLOPT_BUFFERSIZE, 131072L);
	return 0;
}

void vrs_client_fini(struct vrs_client *c)
{
	curl_easy_cleanup(c->curl);
	c->curl = NULL;
}

static int verdict(struct vrs_client *c, const struct transfer *t, CURLcode code)
{
	long os = 0;

	if (code == CURLE_OK)
		return 0;
	if (t->gone)
		return -EPIPE;
	if (t->stopped)
		return -ECANCELED;
	curl_easy_getinfo(c->curl, CURLINFO_OS_ERRNO, &os);
	switch (code) {
	case CURLE_COULDNT_CONNECT:
		(void)snprintf(c->error, sizeof(c->error), "no daemon on %s%s%s", c->socket,
			os != 0 ? ": " : "", os != 0 ? strerror((int)os) : "");
		return -ENOTCONN;
	case CURLE_OPERATION_TIMEDOUT:
		(void)snprintf(c->error, sizeof(c->error), "the daemon did not answer in time");
		return -ETIMEDOUT;
	case CURLE_ABORTED_BY_CALLBACK:
		(void)snprintf(c->error, sizeof(c->error),
			"the daemon has sent nothing for %d seconds", IDLE_MS / 1000);
		return -ETIMEDOUT;
	case CURLE_OUT_OF_MEMORY:
	case CURLE_WRITE_ERROR:
		(void)snprintf(c->error, sizeof(c->error), "out of memory");
		return -ENOMEM;
	default:
		(void)snprintf(c->error, sizeof(c->error), "the answer broke off: %s%s",
			curl_easy_strerror(code),
			t->reply->streamed ? "; what was printed is not all" : "");
		return -EIO;
	}
}

int vrs_client_send(
	struct vrs_client *c, const struct vrs_client_request *q, struct vrs_client_reply *reply)
{
	struct transfer t = {.client = c, .q = q, .reply = reply, .moved_ms = now_ms()};
	struct curl_slist *headers = curl_slist_append(
		NULL, q->ndjson ? "Accept: application/x-ndjson" : "Accept: application/json");
	struct vrs_buffer url = {0};
	CURL *curl = c->curl;

	*reply = (struct vrs_client_reply){0};
	c->error[0] = '\0';
	vrs_buffer_add(&url, "http://localhost", 16);
	vrs_buffer_add(&url, q->path, strlen(q->path));
	if (url.failed || headers == NULL) {
		vrs_buffer_fini(&url);
		curl_slist_free_all(headers);
		(void)snprintf(c->error, sizeof(c->error), "out of memory");
		return -ENOMEM;
	}
	curl_easy_setopt(curl, CURLOPT_URL, url.data);
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, &t);
	curl_easy_setopt(curl, CURLOPT_XFERINFODATA, &t);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)q->limit_ms);
	curl_easy_setopt(curl, CURLOPT_HTTPGET, 1L);
	if (q->method != NULL) {
		curl_easy_setopt(curl, CURLOPT_POSTFIELDS, "");
		curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, q->method);
	} else {
		curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, NULL);
	}
	CURLcode code = curl_easy_perform(curl);
	if (code == CURLE_OK && !t.started)
		start(&t);
	int err = verdict(c, &t, code);
	curl_slist_free_all(headers);
	vrs_buffer_fini(&url);
	if (err != 0)
		vrs_buffer_fini(&reply->body);
	return err;
}

void vrs_client_escape(struct vrs_client *c, struct vrs_buffer *b, const char *text)
{
	char *escaped = curl_easy_escape(c->curl, text, 0);

	if (escaped == NULL)
		b->failed = true;
	else
		vrs_buffer_add(b, escaped, strlen(escaped));
	curl_free(escaped);
}
