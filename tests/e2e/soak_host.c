/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

/*
 * A host of libvrs that believes nothing: its threads look up, follow and pin while peers churn, and
 * end the process at the first answer that cannot be of one version. soak_test.py is the peers.
 * usage: soak_host CONFIG OTHER-CONFIG SEED PREFIXES
 *
 * **Prefixes** have a 16-bit index: 20.HI.LO.0/24 and 2001:db8:HILO::/48, with covers of 4 and 8 bits
 * less. Peer P (0 to 2) announces prefix I (its index, cut) of length L with next hops that end in the
 * bytes 32 + P and 16 G + (I + L) % 16, G being any. So a next hop says whether it can be this prefix's,
 * and whose it is: of a peer there is one at most, also while its lost session's paths are being swept
 * and the next one announces already (rib/table_apply.c). OTHER-CONFIG has a user route on 20.0.16.0/20
 * and no place for peer 2's IPv4 next hops.
 *
 * **What must hold**
 * - Of one vrs_effective_bulk(): all answers on one prefix are the same, to the byte, and so are all
 *   answers to addresses of one index, however far apart they stand.
 * - A pinned version: every walk gives the same routes, as many as it says.
 * - A cursor: sequences that rise, versions that never fall, `before` as the table has it. The
 *   table just before the first delta behind version V is what a pin of V holds.
 * - When peers are quiet ("quiet" on stdin; "settled" is the answer): a NIC's table gives what
 *   vrs_effective_bulk() does for every index, a route server's what a pin holds.
 *
 * Threads stall now and then until they have lost what they held: the pin is revoked in a walk or
 * between two, the log has moved past the cursor. That others went on meanwhile is how they know.
 */

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "engine/vrs.h"

enum {
	PEERS = 3,
	INDEXES = 65536,
	KINDS = 3, /* Lengths. */
	SLOTS = 2 * KINDS * INDEXES,
	BULK = 4096,
	DISTINCT = 256,
	LOG = 2048,
	PIN_MS = 1500,
	PATIENCE_MS = 120000,
	LOOKERS = 2,
	THREADS = LOOKERS + 3,
};

static struct vrs *vrs;
static uint32_t nic;
static unsigned n_indexes;
static uint64_t seed;
static _Atomic bool stop, quiet;
static _Atomic unsigned n_settled;
static _Atomic unsigned long n_bulks, n_hops, n_walks, n_compared, n_deltas, n_resyncs, n_revoked,
	n_behind;

static void wrong(const char *format, ...)
{
	va_list args;

	(void)printf("WRONG: ");
	va_start(args, format);
	(void)vprintf(format, args);
	va_end(args);
	(void)printf("\n");
	(void)fflush(stdout);
	_exit(1);
}

static uint64_t now_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static void pause_ms(int ms)
{
	(void)poll(NULL, 0, ms);
}

static uint64_t mix(uint64_t x)
{
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
	x = (x ^ x >> 27) * 0x94d049bb133111eb;
	return x ^ x >> 31;
}

static uint32_t below(uint64_t *rng, uint32_t n)
{
	*rng += 0x9e3779b97f4a7c15;
	return (uint32_t)(mix(*rng) % n);
}

static void *need(void *p)
{
	if (p == NULL)
		wrong("no memory");
	return p;
}

/* --- Prefixes and what may be said of them --- */

static unsigned base_len(unsigned six)
{
	return six ? 32 : 8;
}

static unsigned index_of(const uint8_t *bytes, unsigned six)
{
	return six ? bytes[4] * 256u + bytes[5] : bytes[1] * 256u + bytes[2];
}

/* The place of a prefix in a table; -1: none of the peers'. */
static int slot_of(const uint8_t *bytes, unsigned six, unsigned len)
{
	static const uint8_t base[2][4] = {{20}, {0x20, 0x01, 0x0d, 0xb8}};
	unsigned kind = (base_len(six) + 16 - len) / 4;

	if (len < base_len(six) + 8 || len > base_len(six) + 16 || len % 4 != 0 ||
		memcmp(bytes, base[six], six ? 4 : 1) != 0)
		return -1;
	return (int)((six * KINDS + kind) * INDEXES + (index_of(bytes, six) >> 4 * kind));
}

/* @return The peer whose next hop this can be; -1: nobody's, for this prefix. */
static int peer_of(const struct vrs_ip *hop, unsigned len, unsigned cut)
{
	const uint8_t *end = hop->bytes + (hop->family == VRS_IP6 ? 14 : 2);

	return end[0] >= 32 && end[0] < 32 + PEERS && end[1] % 16 == (cut + len) % 16 ? end[0] - 32
										      : -1;
}

static void print_hops(const struct vrs_ip *hops, uint32_t n)
{
	char text[50];

	for (uint32_t i = 0; i < n; i++)
		(void)printf("%s ", vrs_ip_text(&hops[i], text, sizeof(text)));
	(void)printf("are its next hops\n");
}

static bool hops_possible(const struct vrs_ip *hops, uint32_t n, unsigned len, unsigned cut)
{
	unsigned of[PEERS] = {0};

	for (uint32_t i = 0; i < n; i++) {
		int peer = peer_of(&hops[i], len, cut);

		if (peer < 0 || ++of[peer] > 1 ||
			(i > 0 && memcmp(&hops[i - 1], &hops[i], sizeof(*hops)) >= 0))
			return false;
	}
	return n > 0;
}

/* --- Look-ups --- */

struct looker {
	uint64_t rng;
	uint32_t round;
	struct {
		uint32_t round, at;
	} seen[SLOTS], whole[2 * INDEXES];
	struct vrs_ip ips[BULK];
	struct vrs_answer answers[BULK];
};

static void wrong_answer(const struct looker *l, unsigned i, const char *why)
{
	const struct vrs_answer *a = &l->answers[i];
	char ip[50], hop[50];

	wrong("%s: %s (%u of a bulk) goes to %s, one of %u, /%u, source %u, type %u, group %u", why,
		vrs_ip_text(&l->ips[i], ip, sizeof(ip)), i,
		vrs_ip_text(&a->next_hop, hop, sizeof(hop)), a->n_next_hops, a->prefix_len,
		a->source, a->type, a->group);
}

static void check_possible(const struct looker *l, unsigned i)
{
	const struct vrs_answer *a = &l->answers[i];
	unsigned six = l->ips[i].family == VRS_IP6;
	int slot = slot_of(l->ips[i].bytes, six, a->prefix_len);

	if (a->source == VRS_FROM_DEFAULT && a->type == VRS_HOP_INTERNET && a->prefix_len == 0)
		return;
	if (a->source == VRS_FROM_USER && slot == 1 * INDEXES + 1 && a->n_next_hops == 1 &&
		a->next_hop.bytes[2] == 99)
		return;
	if (a->source != VRS_FROM_BGP || a->type != VRS_HOP_VIRTUAL_NETWORK_GATEWAY || slot < 0 ||
		a->group == 0 || a->n_next_hops == 0 || a->n_next_hops > PEERS ||
		peer_of(&a->next_hop, a->prefix_len, (unsigned)slot % INDEXES) < 0)
		wrong_answer(l, i, "not possible");
}

static void same(struct looker *l, uint32_t *round, uint32_t *at, unsigned i)
{
	if (*round == l->round &&
		memcmp(&l->answers[*at], &l->answers[i], sizeof(l->answers[i])) != 0) {
		(void)printf("first: /%u group %u at %u\n", l->answers[*at].prefix_len,
			l->answers[*at].group, *at);
		wrong_answer(l, i, "two versions in one answer");
	}
	*round = l->round;
	*at = i;
}

static void check_bulk(struct looker *l)
{
	l->round++;
	for (unsigned i = 0; i < BULK; i++) {
		unsigned six = l->ips[i].family == VRS_IP6;
		unsigned index = six * INDEXES + index_of(l->ips[i].bytes, six);
		int slot = slot_of(l->ips[i].bytes, six, l->answers[i].prefix_len);

		check_possible(l, i);
		same(l, &l->whole[index].round, &l->whole[index].at, i);
		if (slot >= 0)
			same(l, &l->seen[slot].round, &l->seen[slot].at, i);
	}
}

static void check_hops(struct looker *l)
{
	struct vrs_ip hops[PEERS + 1];
	unsigned i = below(&l->rng, BULK);
	const struct vrs_answer *a = &l->answers[i];
	int n = vrs_next_hops(vrs, nic, a, hops, PEERS + 1);

	if (n == -ESTALE || a->source != VRS_FROM_BGP)
		return;
	int slot = slot_of(l->ips[i].bytes, l->ips[i].family == VRS_IP6, a->prefix_len);
	if (n != (int)a->n_next_hops || memcmp(&hops[0], &a->next_hop, sizeof(hops[0])) != 0 ||
		!hops_possible(hops, a->n_next_hops, a->prefix_len, (unsigned)slot % INDEXES)) {
		print_hops(hops, (uint32_t)n);
		wrong_answer(l, i, "its next hops are not possible");
	}
	atomic_fetch_add(&n_hops, 1);
}

/* Each index comes 16 times, DISTINCT places apart; of one family as a rule. */
static void choose(struct looker *l)
{
	unsigned how = below(&l->rng, 8);

	for (unsigned i = 0; i < BULK; i++) {
		struct vrs_ip *ip = &l->ips[i];
		unsigned six = how == 0 ? i % DISTINCT % 2 : how < 3, at = six ? 4 : 1;
		unsigned index = i < DISTINCT ? below(&l->rng, n_indexes)
					      : index_of(l->ips[i % DISTINCT].bytes, six);

		*ip = (struct vrs_ip){.family = six ? VRS_IP6 : VRS_IP4, .bytes = {20}};
		if (six)
			memcpy(ip->bytes, (uint8_t[]){0x20, 0x01, 0x0d, 0xb8}, 4);
		ip->bytes[at] = (uint8_t)(index >> 8);
		ip->bytes[at + 1] = (uint8_t)index;
		ip->bytes[at + 2] = (uint8_t)below(&l->rng, 256);
	}
}

static void *look_up(void *arg)
{
	struct looker *l = need(calloc(1, sizeof(*l)));
	uint32_t nics[BULK];

	l->rng = seed + (uintptr_t)arg;
	for (unsigned i = 0; i < BULK; i++)
		nics[i] = nic;
	vrs_thread_register();
	while (!atomic_load(&stop)) {
		choose(l);
		if (vrs_effective_many(vrs, nics, l->ips, BULK, l->answers) != 0)
			wrong("vrs_effective_many");
		for (unsigned i = 0; i < BULK; i++)
			check_possible(l, i);
		if (vrs_effective_bulk(vrs, nic, l->ips, BULK, l->answers) != 0)
			wrong("vrs_effective_bulk");
		check_hops(l);
		check_bulk(l);
		atomic_fetch_add(&n_bulks, 1);
		pause_ms(1);
	}
	vrs_thread_unregister();
	free(l);
	return NULL;
}

/* --- Tables --- */

struct entry {
	uint64_t hash; /* Of the next hops and what they are; 0: no route. */
	struct vrs_ip first;
	uint32_t n;
};

/* What a walk or a cursor gives. The sum is of all entries, whatever their order. */
struct table {
	uint64_t sum, n;
	bool bgp_only;         /* A route server's: there is nothing but the peers' prefixes. */
	struct entry *entries; /* NULL: the sum alone. */
};

static uint64_t hash_of(const struct vrs_hops *h)
{
	uint64_t x = h->source * 256u + h->type;

	if (h->source == VRS_FROM_NOTHING)
		return 0;
	for (uint32_t i = 0; i < h->n_next_hops; i++)
		for (unsigned k = 0; k < sizeof(h->next_hops[i]); k++)
			x = mix(x * 31 + ((const uint8_t *)&h->next_hops[i])[k]);
	return x | 1;
}

static int take(struct table *t, const struct vrs_net *net, const struct vrs_hops *before,
	const struct vrs_hops *h)
{
	unsigned six = net->family == VRS_IP6;
	int slot = slot_of(net->bytes, six, net->len);
	char text[50];

	(void)vrs_net_text(net, text, sizeof(text));
	if (slot < 0) {
		if (t->bgp_only || before != NULL)
			wrong("%s: nobody announces it", text);
		return 0; /* The network's own. */
	}
	unsigned cut = (unsigned)slot % INDEXES;
	if (h->source == VRS_FROM_BGP &&
		!hops_possible(h->next_hops, h->n_next_hops, net->len, cut)) {
		print_hops(h->next_hops, h->n_next_hops);
		wrong("%s: not possible", text);
	}
	uint64_t was = before != NULL ? hash_of(before) : 0, is = hash_of(h);
	if (t->entries != NULL && t->entries[slot].hash != was)
		wrong("%s: before was something else", text);
	if (was != 0)
		t->sum -= mix(was + (uint64_t)slot);
	if (is != 0)
		t->sum += mix(is + (uint64_t)slot);
	t->n += (is != 0) - (was != 0);
	if (t->entries != NULL)
		t->entries[slot] = (struct entry){.hash = is,
			.n = h->n_next_hops,
			.first = h->n_next_hops > 0 ? h->next_hops[0]
						    : (struct vrs_ip){.family = 0}};
	return 0;
}

static int take_route(void *ctx, const struct vrs_net *net, const struct vrs_hops *h)
{
	return take(ctx, net, NULL, h);
}

/* @return 0 or -ESTALE. */
static int walk(struct vrs_pin *p, vrs_route_fn fn, struct table *t)
{
	*t = (struct table){.bgp_only = true};
	int err = vrs_pin_walk(p, VRS_IP4, fn, t);
	if (err == 0)
		err = vrs_pin_walk(p, VRS_IP6, fn, t);
	if (err != 0 && err != -ESTALE)
		wrong("a walk: %d", err);
	/* Fewer: just after a reload, without those whose next hops it took away. */
	if (err == 0 && t->n > vrs_pin_prefixes(p))
		wrong("a walk of %lu prefixes, more than %lu", (unsigned long)t->n,
			(unsigned long)vrs_pin_prefixes(p));
	atomic_fetch_add(err == 0 ? &n_walks : &n_revoked, 1);
	return err;
}

/* --- Pins --- */

static int take_slowly(void *ctx, const struct vrs_net *net, const struct vrs_hops *h)
{
	struct table *t = ctx;

	/* Between the steps of a walk, until the host has other plans. */
	if (t->n % 64 == 0 && !atomic_load(&stop) && !atomic_load(&quiet))
		pause_ms(100);
	return take(t, net, NULL, h);
}

/* Hold each version as long as it lasts, at times in a walk that takes as long. */
static void *pin(void *arg)
{
	uint64_t rng = seed + 7, last = 0;
	struct vrs_pin *p;

	vrs_thread_register();
	while (!atomic_load(&stop)) {
		bool slowly = below(&rng, 2) == 0, lasting = below(&rng, 2) == 0;
		struct table first, again;
		int err = vrs_pin_open(vrs, "rs", &p);

		if (err != 0 || vrs_pin_version(p) < last)
			wrong("a pin: %d", err);
		last = vrs_pin_version(p);
		err = walk(p, take_route, &first);
		uint64_t end = now_ms() + PATIENCE_MS;
		for (unsigned n = 0; err == 0 && (n < 2 || lasting) && !atomic_load(&stop) &&
			!atomic_load(&quiet);
			n++) {
			pause_ms(20);
			err = walk(p, slowly && lasting ? take_slowly : take_route, &again);
			if (err == 0 && (first.sum != again.sum || first.n != again.n))
				wrong("two walks of version %lu differ", (unsigned long)last);
			if (now_ms() > end)
				wrong("a pin is not revoked");
		}
		vrs_pin_close(p);
		pause_ms(5);
	}
	vrs_thread_unregister();
	return NULL;
}

/* --- Cursors --- */

struct follower {
	bool of_nic;
	struct vrs_cursor *cursor;
	struct table table;
	uint64_t rng, sequence, version;
};

static void resync(struct follower *f)
{
	int err;

	do {
		struct entry *entries = f->table.entries;

		memset(entries, 0, SLOTS * sizeof(*entries));
		f->table = (struct table){.entries = entries, .bgp_only = !f->of_nic};
		err = vrs_resync(f->cursor, take_route, &f->table);
		atomic_fetch_add(&n_resyncs, 1);
	} while (err == -ESTALE && !atomic_load(&stop));
	if (err != 0 && !atomic_load(&stop))
		wrong("a resync: %d", err);
}

/* Take what is new. @param pinned  NULL, or a version: compared with the table when all of it is there;
 * *compared tells. @return What the cursor said last: 0 or more; -ESTALE: resynced. */
static int follow(struct follower *f, uint64_t pinned, const struct table *held, bool *compared)
{
	struct vrs_delta_record d[256];
	int n = vrs_cursor_read(f->cursor, d, (int)(1 + below(&f->rng, 256)));

	if (n == -ESTALE) {
		resync(f);
		return n;
	}
	if (n < 0)
		wrong("a cursor: %d", n);
	for (int i = 0; i < n; i++) {
		if (d[i].version < f->version || d[i].sequence <= f->sequence)
			wrong("delta %lu of version %lu behind %lu of %lu",
				(unsigned long)d[i].sequence, (unsigned long)d[i].version,
				(unsigned long)f->sequence, (unsigned long)f->version);
		if (held != NULL && !*compared && d[i].version > pinned) {
			if (f->table.sum != held->sum || f->table.n != held->n)
				wrong("version %lu: %lu routes from deltas, %lu pinned, or others",
					(unsigned long)pinned, (unsigned long)f->table.n,
					(unsigned long)held->n);
			*compared = true;
			atomic_fetch_add(&n_compared, 1);
		}
		f->sequence = d[i].sequence;
		f->version = d[i].version;
		(void)take(&f->table, &d[i].prefix, &d[i].before, &d[i].after);
		atomic_fetch_add(&n_deltas, 1);
	}
	return n;
}

static uint64_t deltas_made(void)
{
	struct vrs_status s = {.size = sizeof(s)};

	if (vrs_status_get(vrs, &s) != 0)
		wrong("no status");
	return s.deltas;
}

/* Read nothing until the log has moved on. */
static void fall_behind(struct follower *f)
{
	struct vrs_delta_record d;
	uint64_t end = now_ms() + PATIENCE_MS, until = deltas_made() + 3 * LOG;

	while (deltas_made() < until) {
		if (atomic_load(&stop) || atomic_load(&quiet))
			return;
		if (now_ms() > end)
			wrong("no changes while a cursor is not read");
		pause_ms(10);
	}
	if (vrs_cursor_read(f->cursor, &d, 1) != -ESTALE)
		wrong("a cursor is %u deltas behind and not told", 3 * LOG);
	atomic_fetch_add(&n_behind, 1);
	resync(f);
}

/* The table up to a version against the pinned version, once. */
static void compare_pinned(struct follower *f)
{
	struct table held, again;
	bool compared = false;
	struct vrs_pin *p;

	if (vrs_pin_open(vrs, "rs", &p) != 0)
		wrong("no pin");
	uint64_t version = vrs_pin_version(p);
	int n = walk(p, take_route, &held);
	while (n >= 0 && !compared && !atomic_load(&stop) && !atomic_load(&quiet)) {
		n = follow(f, version, &held, &compared);
		if (n == 0)
			pause_ms(1);
	}
	if (compared && walk(p, take_route, &again) == 0 && again.sum != held.sum)
		wrong("two walks of version %lu differ", (unsigned long)version);
	vrs_pin_close(p);
}

/* @return Whether the table says what the engine does. */
static bool as_it_is(struct follower *f)
{
	static struct vrs_ip ips[INDEXES];
	static struct vrs_answer answers[INDEXES];
	struct table held;
	struct vrs_pin *p;

	if (!f->of_nic) {
		if (vrs_pin_open(vrs, "rs", &p) != 0)
			wrong("no pin");
		bool equal = walk(p, take_route, &held) == 0 && held.sum == f->table.sum &&
			held.n == f->table.n;
		vrs_pin_close(p);
		return equal;
	}
	for (unsigned six = 0; six < 2; six++) {
		for (unsigned i = 0; i < n_indexes; i++) {
			uint8_t hi = (uint8_t)(i >> 8), lo = (uint8_t)i;

			ips[i] = six ? (struct vrs_ip){{0x20, 0x01, 0x0d, 0xb8, hi, lo, 7}, VRS_IP6}
				     : (struct vrs_ip){{20, hi, lo, 7}, VRS_IP4};
		}
		if (vrs_effective_bulk(vrs, nic, ips, n_indexes, answers) != 0)
			wrong("vrs_effective_bulk");
		for (unsigned i = 0; i < n_indexes; i++) {
			const struct vrs_answer *a = &answers[i];
			unsigned kind = 0;
			const struct entry *e = NULL;

			for (; kind < KINDS && (e == NULL || e->hash == 0); kind++)
				e = &f->table.entries[(six * KINDS + kind) * INDEXES +
					(i >> 4 * kind)];
			if (e->hash == 0 ? a->prefix_len != 0
					 : a->prefix_len != base_len(six) + 20 - 4 * kind ||
						a->n_next_hops != e->n ||
						memcmp(&a->next_hop, &e->first, sizeof(e->first)) !=
							0)
				return false;
		}
	}
	return true;
}

static void settle(struct follower *f)
{
	uint64_t end = now_ms() + PATIENCE_MS;

	while (follow(f, 0, NULL, NULL) != 0 || !as_it_is(f)) {
		if (now_ms() > end)
			wrong("the %s table is not what is answered",
				f->of_nic ? "NIC's" : "route server's");
		if (atomic_load(&stop))
			return;
	}
	atomic_fetch_add(&n_settled, 1);
	while (atomic_load(&quiet) && !atomic_load(&stop))
		pause_ms(5);
}

static void *keep_table(void *arg)
{
	struct follower *f = arg;
	struct pollfd fd = {.fd = vrs_cursor_fd(f->cursor), .events = POLLIN};

	vrs_thread_register();
	f->table.entries = need(malloc(SLOTS * sizeof(*f->table.entries)));
	resync(f);
	while (!atomic_load(&stop)) {
		unsigned what = below(&f->rng, 400);

		if (atomic_load(&quiet))
			settle(f);
		else if (what == 0)
			fall_behind(f);
		else if (what < 8 && !f->of_nic)
			compare_pinned(f);
		else if (follow(f, 0, NULL, NULL) == 0)
			(void)poll(&fd, 1, 20);
	}
	vrs_cursor_close(f->cursor);
	free(f->table.entries);
	vrs_thread_unregister();
	return NULL;
}

/* --- Life --- */

static char *file(const char *path)
{
	char *text = need(calloc(1, 65536));
	FILE *f = fopen(path, "re");

	if (f == NULL || fread(text, 1, 65535, f) == 0)
		wrong("cannot read %s", path);
	(void)fclose(f);
	return text;
}

static void watch_status(struct vrs_status *s, uint64_t *most_pins)
{
	uint64_t deltas = s->deltas, versions = s->versions;

	s->size = sizeof(*s);
	if (vrs_status_get(vrs, s) != 0 || s->deltas < deltas || s->versions < versions)
		wrong("status went back");
	if (s->pins > *most_pins)
		*most_pins = s->pins;
}

/* @return Whether to go on. */
static bool command(void)
{
	char line[64];

	if (fgets(line, sizeof(line), stdin) == NULL)
		return false;
	atomic_store(&quiet, line[0] == 'q');
	if (line[0] == 'q') {
		uint64_t end = now_ms() + 2 * PATIENCE_MS;

		while (atomic_load(&n_settled) < 2) {
			if (now_ms() > end)
				wrong("nobody settles");
			pause_ms(5);
		}
		atomic_store(&n_settled, 0);
		(void)printf("settled\n");
	}
	return line[0] == 'q' || line[0] == 'g';
}

int main(int argc, char **argv)
{
	struct vrs_options o = {.size = sizeof(o), .delta_log = LOG, .max_pin_ms = PIN_MS};
	struct pollfd fd = {.fd = STDIN_FILENO, .events = POLLIN};
	struct vrs_status s = {.size = sizeof(s)};
	struct follower followers[2];
	char *configs[2], report[4096];
	uint64_t most_pins = 0, next_reload = 0, end;
	pthread_t threads[THREADS];
	unsigned n = 0, reloads = 0;

	if (argc != 5)
		return 2;
	(void)setvbuf(stdout, NULL, _IOLBF, 0);
	(void)setvbuf(stdin, NULL, _IONBF, 0); /* poll() sees what there is. */
	configs[0] = file(argv[1]);
	configs[1] = file(argv[2]);
	seed = strtoull(argv[3], NULL, 10);
	n_indexes = (unsigned)strtoul(argv[4], NULL, 10);
	vrs_thread_register();
	if (n_indexes == 0 || n_indexes > INDEXES ||
		vrs_open(&vrs, configs[0], strlen(configs[0]), &o, report, sizeof(report)) != 0 ||
		vrs_nic(vrs, "vm", &nic) != 0)
		wrong("not opened: %s", report);
	for (unsigned i = 0; i < 2; i++) {
		followers[i] = (struct follower){.of_nic = i == 1, .rng = seed + 10 + i};
		if ((i == 0 ? vrs_cursor_open(vrs, "rs", &followers[i].cursor)
			    : vrs_cursor_open_nic(vrs, nic, &followers[i].cursor)) != 0 ||
			pthread_create(&threads[n++], NULL, keep_table, &followers[i]) != 0)
			wrong("no follower");
	}
	for (uintptr_t i = 0; i < LOOKERS; i++)
		if (pthread_create(&threads[n++], NULL, look_up, (void *)i) != 0)
			wrong("no thread");
	if (pthread_create(&threads[n++], NULL, pin, NULL) != 0)
		wrong("no thread");
	(void)printf("ready\n");
	for (bool more = true; more;) {
		watch_status(&s, &most_pins);
		if (now_ms() > next_reload && !atomic_load(&quiet)) {
			const char *text = configs[++reloads % 2];

			next_reload = now_ms() + 1000;
			if (vrs_reload(vrs, text, strlen(text), report, sizeof(report)) != 0)
				wrong("reload: %s", report);
		}
		if (poll(&fd, 1, 20) > 0)
			more = command();
	}
	atomic_store(&stop, true);
	while (n > 0)
		(void)pthread_join(threads[--n], NULL);
	for (end = now_ms() + PATIENCE_MS, watch_status(&s, &most_pins); s.pins > 0;
		watch_status(&s, &most_pins))
		if (now_ms() > end)
			wrong("%lu pins are left", (unsigned long)s.pins);
	(void)printf("bulks %lu hops %lu walks %lu compared %lu deltas %lu versions %lu resyncs "
		     "%lu revoked %lu "
		     "behind %lu reloads %u pins %lu\n",
		atomic_load(&n_bulks), atomic_load(&n_hops), atomic_load(&n_walks),
		atomic_load(&n_compared), atomic_load(&n_deltas), (unsigned long)s.versions,
		atomic_load(&n_resyncs), atomic_load(&n_revoked), atomic_load(&n_behind), reloads,
		(unsigned long)most_pins);
	if (vrs_close(vrs) != 0)
		wrong("cannot close");
	free(configs[0]);
	free(configs[1]);
	vrs_thread_unregister();
	return 0;
}
