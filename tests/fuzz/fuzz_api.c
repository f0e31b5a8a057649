/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 *
 * Bytes into the API's socket, as a client would send them. Whatever they are, the answer, if
 * any, begins as HTTP, and the next client is served: a good request follows now and then.
 */

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "engine/api.h"
#include "engine/engine.h"
#include "tests/fuzz/fuzz.h"
#include "tests/io/mem_transport.h"

enum { PATIENCE_MS = 2000, GOOD_EVERY = 64, ENOUGH = 4096 };

static const char yaml[] =
	"process: {stateDir: /tmp, controlSocket: /tmp/unused.sock}\n"
	"virtualNetworks:\n"
	"  - name: hub\n"
	"    addressPrefixes: [10.0.0.0/16]\n"
	"    subnets:\n"
	"      - {name: RouteServerSubnet, addressPrefix: 10.0.0.0/26}\n"
	"      - {name: vms, addressPrefix: 10.0.2.0/24, routeTable: rt}\n"
	"routeTables:\n"
	"  - {name: rt, routes: [{name: a, addressPrefix: 0.0.0.0/0, nextHopType: Internet}]}\n"
	"networkInterfaces:\n"
	"  - {name: vm1, virtualNetwork: hub, subnet: vms, privateIpAddress: 10.0.2.4}\n"
	"routeServers:\n"
	"  - name: rs\n"
	"    virtualNetwork: hub\n"
	"    virtualRouterIps: [10.0.0.4]\n"
	"    bgpConnections: [{name: n, peerIp: 10.0.2.4, peerAsn: 65001}]\n";

static char path[64];

/* The owner of an engine without threads: what the API asks is run in its turns. */
static void *turn(void *arg)
{
	vrs_thread_register_rcu();
	for (;;) {
		(void)vrs_engine_turn(arg, 0);
		(void)poll(NULL, 0, 1);
	}
	return NULL;
}

static void start(void)
{
	static struct vrs_engine engine;
	pthread_t thread;
	static struct vrs_api *api;
	struct vrs_cfg_report report = {0};
	struct vrs_config *config;

	(void)signal(SIGPIPE, SIG_IGN);
	vrs_thread_register_rcu();
	FUZZ_CHECK(vrs_config_parse("api", NULL, yaml, sizeof(yaml) - 1, &report, &config) == 0);
	vrs_cfg_report_fini(&report);
	FUZZ_CHECK(vrs_engine_init(&engine, mem_transport_new(mem_net_new()),
			   &(struct vrs_engine_options){.seed = 1}) == 0);
	FUZZ_CHECK(vrs_engine_apply(&engine, config) == 0);
	FUZZ_CHECK(pthread_create(&thread, NULL, turn, &engine) == 0);
	(void)snprintf(path, sizeof(path), "/tmp/vrs-fuzz-api.%d", (int)getpid());
	FUZZ_CHECK(vrs_api_start(&engine, path, NULL, &api) == 0);
	vrs_thread_unregister_rcu();
}

static void remove_socket(void)
{
	(void)unlink(path);
}

/* @return Bytes of the answer in out[], up to ENOUGH. */
static size_t ask(const uint8_t *data, size_t size, char *out)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct pollfd p = {.fd = fd, .events = POLLIN};
	size_t n = 0;

	memcpy(sun.sun_path, path, sizeof(path));
	FUZZ_CHECK(fd >= 0 && connect(fd, (struct sockaddr *)&sun, sizeof(sun)) == 0);
	(void)send(fd, data, size, MSG_NOSIGNAL);
	(void)shutdown(fd, SHUT_WR);
	/* A stream that has no end is left after its first rows. */
	while (n < ENOUGH && poll(&p, 1, n == 0 ? PATIENCE_MS : 5) > 0) {
		ssize_t r = recv(fd, out + n, ENOUGH - n, 0);

		if (r <= 0)
			break;
		n += (size_t)r;
	}
	close(fd);
	return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char good[] =
		"GET /v1/status HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
	static char answer[ENOUGH + 1];
	static unsigned n;

	if (path[0] == '\0') {
		start();
		(void)atexit(remove_socket);
	}
	size_t got = ask(data, size, answer);
	if (got >= 5)
		FUZZ_CHECK(memcmp(answer, "HTTP/", 5) == 0);
	if (n++ % GOOD_EVERY == 0) {
		got = ask((const uint8_t *)good, sizeof(good) - 1, answer);
		answer[got] = '\0';
		FUZZ_CHECK(strstr(answer, " 200 ") != NULL && strstr(answer, "\"rs\"") != NULL);
	}
	return 0;
}

size_t fuzz_seed(unsigned i, uint8_t *out, size_t cap)
{
	static const char *const targets[] = {"/v1/status", "/v1/routeServers",
		"/v1/routeServers/rs", "/v1/routeServers/rs/bgpConnections/n",
		"/v1/routeServers/rs/bgpConnections/n/learnedRoutes",
		"/v1/routeServers/rs/bgpConnections/n/advertisedRoutes",
		"/v1/routeServers/rs/routes?prefix=10.0.0.0/8", "/v1/virtualNetworks/hub",
		"/v1/routeTables/rt", "/v1/networkInterfaces/vm1/effectiveRouteTable?all=true",
		"/v1/networkInterfaces/vm1/nextHop?destIp=8.8.8.8",
		"/v1/networkInterfaces/vm1/explain?destIp=2001:db8::1", "/v1/watch?since=0",
		"/metrics", "/v1/%2e%2e/status", "/v1/networkInterfaces/vm1/nextHop"};
	const size_t n = sizeof(targets) / sizeof(targets[0]);
	int size = 0;

	if (i < n)
		size = snprintf((char *)out, cap,
			"GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n%s\r\n", targets[i],
			i % 2 ? "Accept: application/x-ndjson\r\n" : "");
	else if (i == n)
		size = snprintf((char *)out, cap,
			"POST /v1/routeServers/rs/bgpConnections/n/reset HTTP/1.1\r\nHost: x\r\n"
			"Connection: close\r\nContent-Length: 2\r\n\r\n{}");
	return (size_t)size;
}
