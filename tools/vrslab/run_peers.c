/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/vrslab/args.h"
#include "tools/vrslab/run.h"
#include "tools/vrslab/speaker.h"

enum { HOLD_S = 240, TURN_MS = 20, NS_PER_MS = 1000000 };

struct vrs_addr vrs_run_peer_addr(const struct vrs_run_options *o, size_t i)
{
	return vrs_arg_addr_after(&o->local, i);
}

struct connecting {
	struct vrs_run *run;
	struct vrs_speaker *speakers;
	struct pollfd *fds;
	size_t n_up;
	char why[320];
};

static void on_established(struct vrs_speaker *s)
{
	struct connecting *c = s->owner;

	c->n_up++;
}

static void on_drained(struct vrs_speaker *s)
{
	(void)s;
}

static void on_refresh(struct vrs_speaker *s, enum vrs_afi afi)
{
	(void)s;
	(void)afi;
}

static void on_closed(struct vrs_speaker *s, const struct vrs_speaker_end *end)
{
	struct connecting *c = s->owner;
	char addr[VRS_ADDR_STRLEN];

	if (end->established)
		c->n_up--;
	(void)snprintf(
		c->why, sizeof(c->why), "%s: %.250s", vrs_addr_str(&s->local, addr), end->text);
}

static void make_speaker(struct connecting *c, size_t i)
{
	static const struct vrs_speaker_ops ops = {
		on_established, on_drained, on_refresh, on_closed};
	const struct vrs_run_options *o = &c->run->options;
	struct vrs_speaker *s = &c->speakers[i];

	s->local = vrs_run_peer_addr(o, i);
	s->peer = o->target;
	s->port = o->port;
	s->ops = &ops;
	s->owner = c;
	s->index = (unsigned)i;
	s->hand_over = true;
	s->open = (struct vrs_bgp_open){.asn = o->asn + (uint32_t)i,
		.id = o->local.afi == VRS_AFI_IP4 ? vrs_addr_ip4_bits(&s->local) : (uint32_t)i + 1,
		.hold = HOLD_S,
		.caps = VRS_BGP_CAP_MULTIPROTOCOL | VRS_BGP_CAP_AS4,
		.families = o->ipv6 ? VRS_BGP_IP6 : VRS_BGP_IP4};
	vrs_speaker_init(s);
}

/* Until every session is up, or the time is over. */
static int wait_up(struct connecting *c)
{
	uint64_t start = vrs_lab_now() / NS_PER_MS, now = start;

	while (c->n_up < c->run->n) {
		if (vrs_run_interrupted()) {
			(void)snprintf(c->why, sizeof(c->why), "interrupted");
			return -EINTR;
		}
		if (now - start > c->run->options.wait_s * 1000ull)
			return -ETIMEDOUT;
		for (size_t i = 0; i < c->run->n; i++)
			c->fds[i] = (struct pollfd){.fd = c->speakers[i].fd,
				.events = vrs_speaker_events(&c->speakers[i])};
		(void)poll(c->fds, c->run->n, TURN_MS);
		now = vrs_lab_now() / NS_PER_MS;
		for (size_t i = 0; i < c->run->n; i++) {
			vrs_speaker_io(&c->speakers[i], c->fds[i].revents, now);
			vrs_speaker_tick(&c->speakers[i], now);
		}
	}
	return 0;
}

static void hand_over(struct vrs_lab_session *to, struct vrs_speaker *s)
{
	struct vrs_span rest;

	to->tx_fd = to->rx_fd = vrs_speaker_take(s, &rest);
	to->ctx = s->ctx;
	to->target_as = s->theirs.asn;
	to->own_as = s->open.asn;
	to->sent_ns = vrs_lab_now();
	memcpy(to->rx, rest.data, rest.size);
	to->rx_size = rest.size;
}

int vrs_run_connect(struct vrs_run *r, char *why, size_t size)
{
	struct connecting c = {.run = r};
	char addr[VRS_ADDR_STRLEN];
	int rc = -ENOMEM;

	(void)snprintf(why, size, "out of memory");
	c.speakers = calloc(r->n, sizeof(*c.speakers));
	c.fds = calloc(r->n, sizeof(*c.fds));
	if (c.speakers != NULL && c.fds != NULL) {
		for (size_t i = 0; i < r->n; i++)
			make_speaker(&c, i);
		rc = wait_up(&c);
		if (rc != 0)
			(void)snprintf(why, size,
				"%zu of %zu sessions with %s are up after %u s; the last error "
				"was: %s",
				c.n_up, r->n, vrs_addr_str(&r->options.target, addr),
				r->options.wait_s, c.why);
		for (size_t i = 0; i < r->n; i++) {
			if (rc == 0)
				hand_over(&r->sessions[i], &c.speakers[i]);
			vrs_speaker_fini(&c.speakers[i]);
		}
	}
	free(c.speakers);
	free(c.fds);
	return rc;
}
