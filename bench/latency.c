/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

/*
 * Claim: how long after a peer has handed an UPDATE to its kernel a host of libvrs has the change of a
 * VM in hand: TCP over loopback, the engine's two threads, the VM's cursor in an epoll loop. UPDATEs
 * of one prefix each, which gives 20,000 prefixes another next hop in turn; the range is UPDATEs a
 * second, sent in time whatever comes back.
 *
 * Unit: us, in the counters p50, p99, max of one second's changes (after one that announces the
 * prefixes), the median of the seconds where there are more. Four threads want four cores: on two,
 * p99 shows who waited for whom. Times of the benchmark itself mean nothing here.
 */

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "bench/suite.h"
#include "engine/vrs.h"
#include "rib/base/clock.h"

enum { POOL = 20000, HOPS = 200, MESSAGE = 47, AT_ONCE = 64, SECONDS_MAX = 64 };

struct lab {
	struct vrs *vrs;
	struct vrs_cursor *cursor;
	int epoll_fd;
	int socket_fd;          /* The peer's. */
	uint64_t rate;          /* UPDATEs a second. */
	uint64_t first, n;      /* Changes of this run: [first, first + n). */
	_Atomic uint64_t *sent; /* ns, by change of this run. */
	uint32_t *round;        /* By prefix: the last that was seen. */
};

static uint16_t port(void)
{
	return (uint16_t)(17900 + getpid() % 1000);
}

/* --- The peer --- */

static void make_update(uint8_t *m, uint64_t change)
{
	static const uint8_t head[] = {0, MESSAGE, 2, 0, 0, 0, 20, 0x40, 1, 1, 0, 0x40, 2, 6, 2, 1,
		0, 0, 0xfd, 0xe9, 0x40, 3, 4, 10, 0, 1};
	uint64_t prefix = change % POOL;

	memset(m, 0xff, 16);
	memcpy(m + 16, head, sizeof(head));
	m += 16 + sizeof(head);
	*m++ = (uint8_t)(1 + change / POOL % HOPS);
	*m++ = 24;
	*m++ = 20;
	*m++ = (uint8_t)(prefix >> 8);
	*m++ = (uint8_t)prefix;
}

static void send_all(int fd, const uint8_t *data, size_t size)
{
	while (size > 0) {
		ssize_t n = send(fd, data, size, MSG_NOSIGNAL);

		vrs_bench_must(n > 0, "the session is gone");
		data += n;
		size -= (size_t)n;
	}
}

static void *send_updates(void *arg)
{
	struct lab *l = arg;
	uint8_t bytes[AT_ONCE * MESSAGE], heard[4096];
	uint64_t began = vrs_now_ns();

	for (uint64_t k = 0; k < l->n;) {
		uint64_t now = vrs_now_ns(), due = (now - began) * l->rate / 1000000000 + 1;
		size_t size = 0;

		for (; k < l->n && k < due && size < sizeof(bytes); k++, size += MESSAGE) {
			make_update(bytes + size, l->first + k);
			atomic_store_explicit(&l->sent[k], now, memory_order_relaxed);
		}
		if (size > 0)
			send_all(l->socket_fd, bytes, size);
		else
			(void)nanosleep(&(struct timespec){.tv_nsec = 10000}, NULL);
		while (recv(l->socket_fd, heard, sizeof(heard), MSG_DONTWAIT) > 0)
			;
	}
	return NULL;
}

static struct sockaddr_in address(const char *text, uint16_t at)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(at)};

	(void)inet_pton(AF_INET, text, &a.sin_addr);
	return a;
}

static int open_session(void)
{
	static const uint8_t open_message[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 43, 1, 4, 0xfd, 0xe9, 0, 0, 10, 0, 1,
		4, 14, 2, 12, 1, 4, 0, 1, 0, 1, 65, 4, 0, 0, 0xfd, 0xe9};
	static const uint8_t keepalive[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 19, 4};
	struct sockaddr_in from = address("10.0.1.4", 0), to = address("10.0.0.4", port());
	uint8_t heard[4096];
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	/* Or Nagle's algorithm keeps changes here for as long as our own kernel delays its ACKs. */
	vrs_bench_must(fd >= 0 &&
			setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int)) == 0 &&
			bind(fd, (struct sockaddr *)&from, sizeof(from)) == 0 &&
			connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0,
		"cannot connect");
	send_all(fd, open_message, sizeof(open_message));
	vrs_bench_must(recv(fd, heard, sizeof(heard), 0) > 0, "no OPEN");
	send_all(fd, keepalive, sizeof(keepalive));
	return fd;
}

/* --- The host --- */

static bool configure(int fd, const char *name, const char *addr)
{
	struct ifreq r = {0};
	struct sockaddr_in a = address(addr, 0);

	(void)snprintf(r.ifr_name, sizeof(r.ifr_name), "%s", name);
	memcpy(&r.ifr_addr, &a, sizeof(a));
	return ioctl(fd, SIOCSIFADDR, &r) == 0 && ioctl(fd, SIOCGIFFLAGS, &r) == 0 &&
		(r.ifr_flags |= IFF_UP, ioctl(fd, SIOCSIFFLAGS, &r) == 0);
}

/* Networks of the loopback's own addresses are refused: have others there, out of everybody's way.
 * This thread, and what it starts from now on, live in a network namespace of their own. */
static bool leave_the_network(void)
{
	static bool left;

	if (left)
		return true;
	if (unshare(CLONE_NEWNET) != 0)
		return false;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	left = fd >= 0 && configure(fd, "lo", "127.0.0.1") && configure(fd, "lo:1", "10.0.0.4") &&
		configure(fd, "lo:2", "10.0.1.4");
	if (fd >= 0)
		close(fd);
	return left;
}

static struct lab *lab_new(void)
{
	static const char yaml[] =
		"process: {bgpPort: %u}\n"
		"virtualNetworks:\n"
		"  - name: hub\n"
		"    addressPrefixes: [10.0.0.0/16]\n"
		"    subnets:\n"
		"      - {name: RouteServerSubnet, addressPrefix: 10.0.0.0/26}\n"
		"      - {name: vms, addressPrefix: 10.0.2.0/24}\n"
		"networkInterfaces:\n"
		"  - {name: vm, virtualNetwork: hub, subnet: vms, privateIpAddress: 10.0.2.4}\n"
		"routeServers:\n"
		"  - name: rs\n"
		"    virtualNetwork: hub\n"
		"    virtualRouterIps: [10.0.0.4]\n"
		"    bgpConnections: [{name: nva, peerIp: 10.0.1.4, peerAsn: 65001, passive: "
		"true}]\n";
	struct lab *l = vrs_bench_need(calloc(1, sizeof(*l)));
	char text[2048], report[2048];
	uint32_t nic;
	struct vrs_options o = {.size = sizeof(o), .delta_log = 1 << 20};
	int size = snprintf(text, sizeof(text), yaml, port());

	if (vrs_open(&l->vrs, text, (size_t)size, &o, report, sizeof(report)) != 0)
		vrs_bench_die(report);
	vrs_bench_must(vrs_nic(l->vrs, "vm", &nic) == 0 &&
			vrs_cursor_open_nic(l->vrs, nic, &l->cursor) == 0 &&
			vrs_resync(l->cursor, NULL, NULL) == 0,
		"no cursor");
	l->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event ev = {.events = EPOLLIN};
	vrs_bench_must(epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, vrs_cursor_fd(l->cursor), &ev) == 0,
		"no epoll");
	l->round = vrs_bench_need(calloc(POOL, sizeof(*l->round)));
	l->socket_fd = open_session();
	return l;
}

static void lab_free(struct lab *l)
{
	close(l->socket_fd);
	close(l->epoll_fd);
	vrs_cursor_close(l->cursor);
	vrs_bench_must(vrs_close(l->vrs) == 0, "cannot close");
	free(l->round);
	free(l);
}

/* Which change this is: the first one of its prefix, not before the last seen, with its next hop. */
static uint64_t change_of(struct lab *l, const struct vrs_delta_record *d)
{
	uint32_t prefix = (uint32_t)d->prefix.bytes[1] << 8 | d->prefix.bytes[2];
	uint32_t hop = d->after.next_hops[0].bytes[3] - 1u, *round = &l->round[prefix];

	*round += (hop + HOPS - *round % HOPS) % HOPS;
	return (uint64_t)*round * POOL + prefix;
}

/* Send changes and take them in until the last has come. @return Latencies noted. */
static size_t second(struct lab *l, uint64_t first, uint64_t n, uint32_t *ns)
{
	struct vrs_delta_record d[256];
	struct epoll_event ev;
	uint64_t change = 0;
	pthread_t thread;
	size_t seen = 0;

	l->first = first;
	l->n = n;
	l->sent = vrs_bench_need(calloc(n, sizeof(*l->sent)));
	vrs_bench_must(pthread_create(&thread, NULL, send_updates, l) == 0, "no thread");
	while (change != first + n - 1) {
		vrs_bench_must(epoll_wait(l->epoll_fd, &ev, 1, 10000) == 1, "no changes");
		for (int got; (got = vrs_cursor_read(l->cursor, d, VRS_N_ELEMS(d))) != 0;) {
			uint64_t now = vrs_now_ns();

			vrs_bench_must(got > 0, "the cursor fell behind");
			for (int i = 0; i < got; i++) {
				change = change_of(l, &d[i]);
				if (ns != NULL && change >= first && seen < n)
					ns[seen++] = (uint32_t)(now - l->sent[change - first]);
			}
		}
	}
	(void)pthread_join(thread, NULL);
	free((void *)l->sent);
	return seen;
}

static int cmp_u32(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static double median_us(uint32_t *of, size_t n)
{
	size_t middle = n / 2;

	qsort(of, n, sizeof(*of), cmp_u32);
	return of[middle] / 1000.0;
}

static void run(struct vrs_bench_state *s, const struct vrs_bench *b)
{
	uint64_t n = (uint64_t)vrs_bench_range(s), first = POOL, seconds = 0;
	uint32_t *ns = vrs_bench_need(calloc(n, sizeof(*ns)));
	uint32_t p50[SECONDS_MAX], p99[SECONDS_MAX], max[SECONDS_MAX];

	if (!leave_the_network()) {
		free(ns);
		vrs_bench_fail(s, "no right to make a network namespace");
		return;
	}
	struct lab *l = lab_new();
	l->rate = n;
	(void)second(l, 0, POOL, NULL);
	while (vrs_bench_keep(s, n) && seconds < SECONDS_MAX) {
		size_t seen = second(l, first, n, ns);

		first += n;
		if (seen == 0) {
			vrs_bench_fail(s, "no change was seen");
			break;
		}
		qsort(ns, seen, sizeof(*ns), cmp_u32);
		p50[seconds] = ns[seen / 2];
		p99[seconds] = ns[seen * 99 / 100];
		max[seconds++] = ns[seen - 1];
	}
	lab_free(l);
	free(ns);
	if (seconds == 0)
		return;
	vrs_bench_counter(s, "p50_us", median_us(p50, seconds));
	vrs_bench_counter(s, "p99_us", median_us(p99, seconds));
	vrs_bench_counter(s, "max_us", median_us(max, seconds));
	vrs_bench_rate(s, vrs_bench_items(s), 0);
}

const struct vrs_bench vrs_bench_latency[] = {
	{"latency/epoll", run, VRS_AFI_IP4, 0, {10000, 100000}, false},
	{0},
};
