/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 *
 * See port_lab.h.
 */

#include "tests/io/port_lab.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include "io/dpdk/eal.h"
#include "tests/test.h"

enum { HEAD = 18 }; /* MACs, type, a number. */

char lab_why[512];

/* ---- Children ----------------------------------------------------------------------------- */

static void print_log(void *ctx, enum vrs_log_level level, const char *line)
{
	(void)fprintf(stderr, "  %s\n", line);
}

void lab_in_child(void (*fn)(void))
{
	int status = 0;
	pid_t pid;

	(void)fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		if (getenv("VRS_TEST_VERBOSE") != NULL)
			vrs_log_set(print_log, NULL, VRS_LOG_DEBUG);
		(void)alarm(60);
		fn();
		(void)fflush(NULL);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

/* EAL's threads log as well. */
static struct {
	pthread_mutex_t lock;
	char text[16384];
} kept = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void keep_line(void *ctx, enum vrs_log_level level, const char *line)
{
	pthread_mutex_lock(&kept.lock);
	size_t used = strlen(kept.text);
	(void)snprintf(kept.text + used, sizeof(kept.text) - used, "%s\n", line);
	pthread_mutex_unlock(&kept.lock);
}

void lab_log(enum vrs_log_level level)
{
	vrs_log_set(keep_line, NULL, level);
}

unsigned lab_logged(const char *text)
{
	unsigned n = 0;

	pthread_mutex_lock(&kept.lock);
	for (const char *at = kept.text; (at = strstr(at, text)) != NULL; at++)
		n++;
	pthread_mutex_unlock(&kept.lock);
	return n;
}

void lab_sh(const char *command)
{
	CHECK(system(command) == 0);
}

/* A namespace with interfaces va and vb, which are up, quiet and joined. */
void lab_namespace(void)
{
	CHECK(unshare(CLONE_NEWNET) == 0);
	lab_sh("ip link set lo up && ip link add va type veth peer name vb && "
	       "sysctl -qw net.ipv6.conf.va.disable_ipv6=1 net.ipv6.conf.vb.disable_ipv6=1 && "
	       "ip link set va up && ip link set vb up");
}

void lab_eal(uint32_t memory_mib)
{
	int err = vrs_eal_start(
		&(struct vrs_eal_config){.memory_mib = memory_mib}, lab_why, sizeof(lab_why));

	if (err != 0)
		(void)fprintf(stderr, "%s\n", lab_why);
	CHECK(err == 0);
}

struct vrs_port *lab_port(struct vrs_dpdk_port c, unsigned n_threads)
{
	struct vrs_port *p = NULL;
	int err = vrs_port_new(&c, n_threads, &p, lab_why, sizeof(lab_why));

	if (err != 0)
		(void)fprintf(stderr, "%s\n", lab_why);
	CHECK(err == 0);
	return p;
}

struct vrs_wire *lab_wire(struct vrs_port *p, unsigned thread)
{
	struct vrs_wire *w = vrs_port_wire(p, thread);

	CHECK(w != NULL);
	return w;
}

/* ---- Frames ------------------------------------------------------------------------------- */

/* A chunk of 64 KiB whose bytes tell where they are. */
struct vrs_chunk *lab_pattern(void)
{
	struct vrs_chunk *c = vrs_chunk_new(1 << 16);

	CHECK(c != NULL);
	for (uint32_t i = 0; i < c->capacity; i++)
		c->data[i] = (uint8_t)(i * 7 + (i >> 8) * 13);
	c->size = c->capacity;
	return c;
}

static void put_number(uint8_t *at, uint32_t n)
{
	uint32_t big = htonl(n);

	memcpy(at, &big, sizeof(big));
}

uint32_t lab_number_of(const struct vrs_frame *f)
{
	uint32_t big;

	memcpy(&big, f->data + 14, sizeof(big));
	return ntohl(big);
}

/* Where the pieces of frame number n start, how many there are, and how large each is. */
static void plan(uint32_t n, uint32_t *offset, uint32_t *n_pieces, uint32_t *size)
{
	*n_pieces = 1 + n % VRS_WIRE_PIECES_MAX;
	*size = 1 + (n * 2654435761u >> 8) % ((1500 - 4) / *n_pieces);
	*offset = n * 31 % 30000;
}

bool lab_send(struct vrs_wire *w, struct vrs_chunk *c, uint32_t n)
{
	struct vrs_wire_tx tx = {.head_size = HEAD};
	uint32_t offset, n_pieces, size;

	plan(n, &offset, &n_pieces, &size);
	memset(tx.head, 0xff, 6);
	memcpy(tx.head + 6, w->mac, 6);
	tx.head[12] = 0x88;
	tx.head[13] = 0xb5;
	put_number(tx.head + 14, n);
	tx.n_pieces = (uint8_t)n_pieces;
	for (uint32_t i = 0; i < n_pieces; i++)
		tx.pieces[i] = (struct vrs_wire_piece){c, offset + i * 3 * size, size};
	tx.size = n_pieces * size;
	return w->ops->tx(w, &tx);
}

bool lab_is(const struct vrs_frame *f, const struct vrs_chunk *c, uint32_t n)
{
	uint32_t offset, n_pieces, size;

	plan(n, &offset, &n_pieces, &size);
	if (f->size < HEAD + n_pieces * size)
		return false; /* Some wires pad. */
	for (uint32_t i = 0; i < n_pieces; i++)
		if (memcmp(f->data + HEAD + i * size, c->data + offset + i * 3 * size, size) != 0)
			return false;
	return true;
}

bool lab_is_ours(const struct vrs_frame *f)
{
	return f->size >= HEAD && f->data[12] == 0x88 && f->data[13] == 0xb5;
}

static uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

/* @return Whether a frame of ours came within five seconds; others are given back. */
bool lab_receive(struct vrs_wire *w, struct vrs_frame *f)
{
	for (uint64_t end = now_ms() + 5000; now_ms() < end;) {
		if (w->ops->rx(w, f, 1) == 0)
			continue;
		if (lab_is_ours(f))
			return true;
		w->ops->put(w, f);
	}
	return false;
}

/* Frames [0, n) from one wire to another, at most `window` on their way. */
void lab_carry(struct vrs_wire *from, struct vrs_wire *to, uint32_t n, uint32_t window)
{
	struct vrs_chunk *c = lab_pattern();
	uint32_t sent = 0, got = 0;
	struct vrs_frame f;

	while (got < n) {
		while (sent < n && sent - got < window && lab_send(from, c, sent))
			sent++;
		from->ops->flush(from);
		CHECK(lab_receive(to, &f));
		CHECK(lab_number_of(&f) == got);
		CHECK(lab_is(&f, c, got));
		to->ops->put(to, &f);
		CHECK(f.buffer == NULL);
		got++;
	}
	CHECK(atomic_load(&c->refs) == 1);
	vrs_chunk_put(c);
}

bool lab_may_make_namespaces(void)
{
	int status = 1;
	pid_t pid = fork();

	if (pid == 0)
		_exit(unshare(CLONE_NEWNET) == 0 && access("/dev/net/tun", R_OK | W_OK) == 0 ? 0
											     : 1);
	return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}
