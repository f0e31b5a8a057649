/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 *
 * Frames through ports over virtual devices, without hugepages. Skipped (77) without CAP_NET_ADMIN.
 */

#include "io/dpdk/port.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "io/dpdk/eal.h"
#include "rib/base/clock.h"
#include "tests/io/port_lab.h"
#include "tests/test.h"

/* ---- Frames ------------------------------------------------------------------------------- */

static void ring(void)
{
	lab_eal(128);
	for (unsigned round = 0; round < 6; round++) {
		struct vrs_port_facts facts;
		struct vrs_port *p = lab_port((struct vrs_dpdk_port){.device = "net_ring0"}, 1);
		struct vrs_wire *w = NULL;

		vrs_port_facts(p, &facts);
		CHECK(facts.by_reference);
		if (round % 2 == 1)
			vrs_port_copy_only(p);
		w = lab_wire(p, 0);
		CHECK(w->mtu == 1500 && !w->deaf && w->ops->intr_fd(w) == -1);
		lab_carry(w, w, 5000, 100);
		CHECK(w->stat.rx_frames == 5000 && w->stat.tx_frames == 5000);
		CHECK(w->stat.rx_bytes == w->stat.tx_bytes);
		vrs_port_put(p); /* The wire keeps it. */
		lab_carry(w, w, 10, 1);
		w->ops->free(w);
	}
}

static void what_is_sent_by_pieces_arrives_whole_over_a_ring(void **)
{
	lab_in_child(ring);
}

static void veth(void)
{
	lab_namespace();
	lab_eal(128);
	for (unsigned round = 0; round < 2; round++) {
		struct vrs_port *a =
			lab_port((struct vrs_dpdk_port){.device = "net_af_packet0,iface=va"}, 1);
		struct vrs_port *b = lab_port(
			(struct vrs_dpdk_port){.device = "net_af_packet1,iface=vb", .mtu = 1400},
			1);
		if (round == 1)
			vrs_port_copy_only(a);
		struct vrs_wire *wa = lab_wire(a, 0), *wb = lab_wire(b, 0);
		CHECK(wb->mtu == 1400);
		CHECK(memcmp(wa->mac, wb->mac, 6) != 0);
		lab_carry(wa, wb, 5000, 64);
		lab_carry(wb, wa, 5000, 64);
		wa->ops->free(wa);
		wb->ops->free(wb);
		vrs_port_put(a);
		vrs_port_put(b);
	}
	lab_sh("ip link set va mtu 1300");
	struct vrs_port *a =
		lab_port((struct vrs_dpdk_port){.device = "net_af_packet0,iface=va"}, 1);
	struct vrs_wire *w = lab_wire(a, 0);
	CHECK(w->mtu == 1300); /* No more than the interface. */
	w->ops->free(w);
	vrs_port_put(a);
}

static void what_is_sent_by_pieces_arrives_whole_over_interfaces(void **)
{
	lab_in_child(veth);
}

/* Shared memory with another process, here with ourselves. */
static void memif(void)
{
	char dir[] = "/tmp/vrs-memif-XXXXXX", server[128], client[128];

	CHECK(mkdtemp(dir) != NULL);
	(void)snprintf(server, sizeof(server),
		"net_memif0,role=server,socket=%s/s,socket-abstract=no", dir);
	(void)snprintf(client, sizeof(client),
		"net_memif1,role=client,socket=%s/s,socket-abstract=no", dir);
	lab_eal(128);
	struct vrs_port *a = lab_port((struct vrs_dpdk_port){.device = server}, 1);
	struct vrs_port *b = lab_port((struct vrs_dpdk_port){.device = client}, 1);
	struct vrs_port_facts facts;
	struct vrs_wire *wa = lab_wire(a, 0), *wb = lab_wire(b, 0);
	struct vrs_chunk *c = lab_pattern();
	struct vrs_frame f;
	vrs_port_facts(a, &facts);
	CHECK(!facts.by_reference); /* The other process has not our heap. */
	CHECK(lab_send(wa, c, 0));
	for (unsigned i = 0; wa->ops->flush(wa), wb->ops->rx(wb, &f, 1) == 0; i++) {
		CHECK(i < 500); /* They find each other. */
		(void)usleep(10000);
	}
	CHECK(lab_is(&f, c, 0));
	wb->ops->put(wb, &f);
	lab_carry(wa, wb, 5000, 64);
	lab_carry(wb, wa, 5000, 64);
	vrs_chunk_put(c);
	wa->ops->free(wa);
	wb->ops->free(wb);
	vrs_port_put(b);
	vrs_port_put(a);
	(void)snprintf(server, sizeof(server), "rm -rf %s", dir);
	lab_sh(server);
}

static void what_is_sent_by_pieces_arrives_whole_over_shared_memory(void **)
{
	lab_in_child(memif);
}

/** Both ends of the namespace's interfaces. */
struct pair {
	struct vrs_port *a, *b;
	struct vrs_wire *wa, *wb;
};

static struct pair pair_new(void)
{
	struct pair p;

	lab_namespace();
	lab_eal(128);
	p.a = lab_port((struct vrs_dpdk_port){.device = "net_af_packet0,iface=va"}, 1);
	p.b = lab_port((struct vrs_dpdk_port){.device = "net_af_packet1,iface=vb"}, 1);
	p.wa = lab_wire(p.a, 0);
	p.wb = lab_wire(p.b, 0);
	return p;
}

static void pair_free(const struct pair *p)
{
	p->wa->ops->free(p->wa);
	p->wb->ops->free(p->wb);
	vrs_port_put(p->a);
	vrs_port_put(p->b);
}

/* 1500 segments of one peer's window, before the thread has looked once. */
static void burst(void)
{
	enum { N = 1500, BURST = 32 };
	struct vrs_chunk *c = lab_pattern();
	struct vrs_frame f[BURST];
	unsigned n = 0;

	struct pair p = pair_new();
	struct vrs_wire *wa = p.wa, *wb = p.wb;
	for (unsigned i = 0; i < N; i++) {
		CHECK(lab_send(wb, c, 0));
		wb->ops->flush(wb);
	}
	for (unsigned i = 0; i < 10000 && n < N; i++) {
		unsigned got = wa->ops->rx(wa, f, BURST);

		for (unsigned k = 0; k < got; k++) {
			n += lab_is(&f[k], c, 0);
			wa->ops->put(wa, &f[k]);
		}
	}
	CHECK(n == N);
	vrs_chunk_put(c);
	pair_free(&p);
}

static void a_queue_of_af_packet_holds_what_a_peer_sends_at_once(void **)
{
	lab_in_child(burst);
}

static void af_xdp_mtu(void)
{
	struct vrs_port *p = NULL;
	char why[600];

	lab_namespace();
	lab_eal(128);
	int err =
		vrs_port_new(&(struct vrs_dpdk_port){.device = "net_af_xdp0,iface=va", .mtu = 1501},
			1, &p, why, sizeof(why));
	CHECK(err == -EINVAL);
	CHECK(strstr(why, "it takes 1500 at most") != NULL);
}

static void af_xdp_takes_no_longer_packets_than_arrive(void **)
{
	lab_in_child(af_xdp_mtu);
}

static void hold(void)
{
	static struct vrs_frame held[8192];
	struct vrs_chunk *c = lab_pattern();

	struct pair p = pair_new();
	struct vrs_wire *wa = p.wa, *wb = p.wb;
	CHECK(wb->hold_max >= 1000 && wb->hold_max <= VRS_N_ELEMS(held));
	for (uint32_t i = 0; i < wb->hold_max; i++) {
		CHECK(lab_send(wa, c, i));
		wa->ops->flush(wa);
		CHECK(lab_receive(wb, &held[i]));
	}
	CHECK(atomic_load(&c->refs) == 1);
	lab_carry(wa, wb, 1000, 50);
	for (uint32_t i = 0; i < wb->hold_max; i++) {
		CHECK(lab_number_of(&held[i]) == i && lab_is(&held[i], c, i));
		wb->ops->put(wb, &held[i]);
	}
	lab_carry(wa, wb, 1000, 50);
	vrs_chunk_put(c);
	pair_free(&p);
}

static void frames_can_be_held_while_others_come(void **)
{
	lab_in_child(hold);
}

static void full(void)
{
	struct vrs_chunk *c = lab_pattern();
	uint32_t sent = 0, got = 0;
	struct vrs_frame f;

	lab_eal(128);
	struct vrs_port *p = lab_port((struct vrs_dpdk_port){.device = "net_ring0"}, 1);
	struct vrs_wire *w = lab_wire(p, 0);
	while (lab_send(w, c, sent))
		sent++;
	CHECK(sent >= 1000 && w->stat.tx_full == 1);
	CHECK(!lab_send(w, c, sent) && w->stat.tx_full == 2);
	w->ops->flush(w);
	for (; got < sent; got++) {
		CHECK(lab_receive(w, &f) && lab_number_of(&f) == got && lab_is(&f, c, got));
		w->ops->put(w, &f);
		w->ops->flush(w);
	}
	CHECK(atomic_load(&c->refs) == 1);
	/* What still waits is given back with the wire. */
	for (uint32_t i = 0; i < 5; i++)
		CHECK(lab_send(w, c, i));
	w->ops->free(w);
	vrs_port_put(p);
	vrs_chunk_put(c);
}

static void a_full_port_says_so_and_loses_nothing(void **)
{
	lab_in_child(full);
}

/* ---- Threads ------------------------------------------------------------------------------ */

enum { SHARED = 20000, ON_THEIR_WAY = 64 };

struct sender {
	struct vrs_wire *w;
	struct vrs_chunk *c;
	uint32_t base;
	_Atomic int *room;     /* For frames on their way: the receiver's ring is finite. */
	_Atomic bool *arrived; /* All that was sent. */
};

static void *send_all(void *arg)
{
	struct sender *s = arg;

	vrs_eal_attach();
	for (uint32_t i = 0; i < SHARED; i++) {
		while (atomic_fetch_sub(s->room, 1) <= 0) {
			atomic_fetch_add(s->room, 1);
			s->w->ops->flush(s->w);
			sched_yield();
		}
		while (!lab_send(s->w, s->c, s->base + i))
			sched_yield();
	}
	while (!atomic_load(s->arrived)) {
		s->w->ops->flush(s->w);
		sched_yield();
	}
	return NULL;
}

static void share(void)
{
	_Atomic bool arrived = false;
	_Atomic int room = ON_THEIR_WAY;
	struct vrs_chunk *c = lab_pattern();
	struct vrs_port_facts facts;
	uint32_t next[2] = {0, 1u << 24};
	struct sender s[2];
	pthread_t t[2];
	struct vrs_frame f;

	lab_namespace();
	lab_eal(256);
	struct vrs_port *a =
		lab_port((struct vrs_dpdk_port){.device = "net_af_packet0,iface=va"}, 2);
	struct vrs_port *b =
		lab_port((struct vrs_dpdk_port){.device = "net_af_packet1,iface=vb"}, 1);
	vrs_port_facts(a, &facts);
	CHECK(facts.n_rx == 1 && facts.n_tx == 1 && !facts.rss);
	struct vrs_wire *w = lab_wire(b, 0);
	for (unsigned i = 0; i < 2; i++)
		s[i] = (struct sender){lab_wire(a, i), c, next[i], &room, &arrived};
	CHECK(!s[0].w->deaf && s[1].w->deaf && s[1].w->ops->rx(s[1].w, &f, 1) == 0);
	CHECK(s[1].w->ops->intr_fd(s[1].w) == -1);
	for (unsigned i = 0; i < 2; i++)
		CHECK(pthread_create(&t[i], NULL, send_all, &s[i]) == 0);
	for (unsigned got = 0; got < 2 * SHARED; got++) {
		CHECK(lab_receive(w, &f));
		uint32_t n = lab_number_of(&f), from = n >> 24;
		CHECK(from < 2 && n == next[from] && lab_is(&f, c, n));
		next[from]++;
		w->ops->put(w, &f);
		atomic_fetch_add(&room, 1);
	}
	atomic_store(&arrived, true);
	for (unsigned i = 0; i < 2; i++) {
		CHECK(pthread_join(t[i], NULL) == 0);
		s[i].w->ops->free(s[i].w);
	}
	CHECK(atomic_load(&c->refs) == 1);
	vrs_chunk_put(c);
	w->ops->free(w);
	vrs_port_put(a);
	vrs_port_put(b);
}

static void threads_share_a_transmit_queue_and_one_hears(void **)
{
	lab_in_child(share);
}

static void spread(void)
{
	struct vrs_port_facts facts;

	lab_namespace();
	lab_eal(128);
	struct vrs_port *a =
		lab_port((struct vrs_dpdk_port){.device = "net_af_packet0,iface=va,qpairs=2"}, 2);
	struct vrs_port *b =
		lab_port((struct vrs_dpdk_port){.device = "net_af_packet1,iface=vb"}, 1);
	vrs_port_facts(a, &facts);
	CHECK(facts.n_rx == 2 && facts.n_tx == 2);
	struct vrs_wire *w[2] = {lab_wire(a, 0), lab_wire(a, 1)}, *wb = lab_wire(b, 0);
	CHECK(!w[0]->deaf && !w[1]->deaf);
	lab_carry(w[0], wb, 100, 8);
	lab_carry(w[1], wb, 100, 8);
	for (unsigned i = 0; i < 2; i++)
		w[i]->ops->free(w[i]);
	wb->ops->free(wb);
	vrs_port_put(a);
	vrs_port_put(b);
}

static void a_port_with_queues_for_all_threads_gives_each_its_own(void **)
{
	lab_in_child(spread);
}

/* ---- What is not for us ------------------------------------------------------------------- */

/* A packet socket on an interface. */
static int raw(const char *name)
{
	int s = socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL));
	struct timeval second = {.tv_sec = 1};
	struct sockaddr_ll to = {.sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_ALL),
		.sll_ifindex = (int)if_nametoindex(name)};

	CHECK(s >= 0 && to.sll_ifindex > 0);
	CHECK(bind(s, (struct sockaddr *)&to, sizeof(to)) == 0);
	CHECK(setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &second, sizeof(second)) == 0);
	return s;
}

/* A frame of ours from the socket; what the kernel says by itself is skipped. */
static size_t read_raw(int s, uint8_t *buf, size_t size)
{
	for (;;) {
		ssize_t n = recv(s, buf, size, 0);

		CHECK(n > 0);
		if (n >= 14 && ((buf[12] == 0x88 && buf[13] == 0xb5) || buf[12] == 0x81))
			return (size_t)n;
	}
}

/* A look at the port, now; else EAL's thread has one each second. */
static struct vrs_transport_port stat_of(struct vrs_port *p)
{
	struct vrs_transport_port out;

	vrs_port_stat(p, &out);
	return out;
}

static void watch_link(void)
{
	lab_namespace();
	lab_eal(128);
	lab_log(VRS_LOG_INFO);
	struct vrs_port *p =
		lab_port((struct vrs_dpdk_port){.device = "net_af_packet0,iface=va"}, 1);
	CHECK(stat_of(p).link == VRS_PORT_LINK_UP);
	CHECK(strcmp(stat_of(p).name, "net_af_packet0") == 0);
	CHECK(lab_logged("link is") == 0);
	lab_sh("ip link set vb down"); /* The other end: no carrier. */
	CHECK(stat_of(p).link == VRS_PORT_LINK_DOWN);
	CHECK(stat_of(p).link == VRS_PORT_LINK_DOWN);
	CHECK(lab_logged("dpdk: port net_af_packet0: link is down") == 1);
	lab_sh("ip link set vb up");
	CHECK(stat_of(p).link == VRS_PORT_LINK_UP);
	lab_sh("ip link set va down");
	CHECK(stat_of(p).link == VRS_PORT_LINK_DOWN);
	lab_sh("ip link set va up");
	CHECK(stat_of(p).link == VRS_PORT_LINK_UP);
	CHECK(lab_logged("link is up") == 2);
	vrs_port_put(p);
}

static void a_link_that_goes_is_told_of_and_when_it_comes_back(void **)
{
	lab_in_child(watch_link);
}

/* Nobody looks but EAL's thread, which does so once a second. */
static void watch_alone(void)
{
	struct timespec nap = {.tv_nsec = 10000000};

	lab_namespace();
	lab_eal(128);
	lab_log(VRS_LOG_INFO);
	struct vrs_port *p = lab_port((struct vrs_dpdk_port){.device = "net_tap0,iface=vt"}, 1);
	lab_sh("ip link set vt down");
	for (unsigned i = 0; i < 1000 && lab_logged("dpdk: port net_tap0: link is down") == 0; i++)
		(void)nanosleep(&nap, NULL);
	CHECK(lab_logged("dpdk: port net_tap0: link is down") == 1);
	vrs_port_put(p);
}

static void links_are_watched_without_being_asked(void **)
{
	lab_in_child(watch_alone);
}

static void count_losses(void)
{
	uint8_t frame[64] = {1, 2, 3, 4, 5, 6, 0x22, 2, 2, 2, 2, 2, 0x88, 0xb5, 0, 0, 0, 42};
	struct vrs_frame f = {.data = frame, .size = sizeof(frame)};

	lab_namespace();
	lab_sh("sysctl -qw net.ipv6.conf.default.disable_ipv6=1");
	lab_eal(128);
	struct vrs_port *p = lab_port(
		(struct vrs_dpdk_port){.device = "net_tap0,iface=vt", .exception_tap = "vx"}, 1);
	vrs_port_other(p, &f);
	CHECK(stat_of(p).tap_lost == 0);
	lab_sh("ip link set vx down");
	vrs_port_other(p, &f);
	CHECK(stat_of(p).tap_lost == 1);
	vrs_port_put(p);
	/* net_af_packet drops what it cannot send. */
	struct vrs_chunk *c = lab_pattern();
	p = lab_port((struct vrs_dpdk_port){.device = "net_af_packet0,iface=va"}, 1);
	struct vrs_wire *w = lab_wire(p, 0);
	CHECK(lab_send(w, c, 0));
	w->ops->flush(w);
	CHECK(stat_of(p).tx_errors == 0);
	lab_sh("ip link set va down");
	for (uint32_t i = 0; i < 10; i++)
		CHECK(lab_send(w, c, i));
	w->ops->flush(w);
	CHECK(stat_of(p).tx_errors == 10);
	CHECK(stat_of(p).missed + stat_of(p).rx_errors + stat_of(p).no_buffers == 0);
	w->ops->free(w);
	vrs_port_put(p);
	vrs_chunk_put(c);
}

static void what_a_port_loses_is_counted(void **)
{
	lab_in_child(count_losses);
}

static void exceptions(void)
{
	uint8_t frame[64] = {1, 2, 3, 4, 5, 6, 0x22, 2, 2, 2, 2, 2, 0x88, 0xb5, 0, 0, 0, 42},
		back[2048];
	struct vrs_frame f = {.data = frame, .size = sizeof(frame)};
	struct ifreq r = {0};

	lab_namespace();
	lab_sh("sysctl -qw net.ipv6.conf.default.disable_ipv6=1");
	lab_eal(128);
	struct vrs_port *a = lab_port(
		(struct vrs_dpdk_port){
			.device = "net_af_packet0,iface=va", .exception_tap = "vx", .mtu = 1400},
		1);
	struct vrs_port *b =
		lab_port((struct vrs_dpdk_port){.device = "net_af_packet1,iface=vb"}, 1);
	struct vrs_wire *wa = lab_wire(a, 0), *wb = lab_wire(b, 0);
	int s = raw("vx");
	(void)snprintf(r.ifr_name, sizeof(r.ifr_name), "vx");
	CHECK(ioctl(s, SIOCGIFHWADDR, &r) == 0 && memcmp(r.ifr_hwaddr.sa_data, wa->mac, 6) == 0);
	CHECK(ioctl(s, SIOCGIFMTU, &r) == 0 && r.ifr_mtu == 1400);

	vrs_port_other(a, &f);
	CHECK(read_raw(s, back, sizeof(back)) == sizeof(frame));
	CHECK(memcmp(back, frame, sizeof(frame)) == 0);

	/* The kernel's socket takes the tag out again and says so aside. */
	int on = 1;
	CHECK(setsockopt(s, SOL_PACKET, PACKET_AUXDATA, &on, sizeof(on)) == 0);
	f.vlan = 7;
	vrs_port_other(a, &f);
	char aux[256];
	struct iovec part = {back, sizeof(back)};
	struct msghdr m = {.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = aux,
		.msg_controllen = sizeof(aux)};
	CHECK(recvmsg(s, &m, 0) == sizeof(frame) && memcmp(back, frame, sizeof(frame)) == 0);
	CHECK(CMSG_FIRSTHDR(&m) != NULL && CMSG_FIRSTHDR(&m)->cmsg_type == PACKET_AUXDATA);
	struct tpacket_auxdata *d = (struct tpacket_auxdata *)(void *)CMSG_DATA(CMSG_FIRSTHDR(&m));
	CHECK((d->tp_status & TP_STATUS_VLAN_VALID) != 0 && (d->tp_vlan_tci & 0xfff) == 7);

	/* And the other way: more than one look takes. */
	for (uint8_t i = 0; i < 40; i++) {
		frame[17] = i;
		CHECK(send(s, frame, sizeof(frame), 0) == sizeof(frame));
	}
	for (uint8_t i = 0; i < 40;) {
		while (wb->ops->rx(wb, &f, 1) == 0)
			CHECK(wa->ops->rx(wa, &f, 1) == 0);
		if (lab_is_ours(&f)) {
			CHECK(lab_number_of(&f) == i && memcmp(f.data, frame, 14) == 0);
			i++;
		}
		wb->ops->put(wb, &f);
	}
	wa->ops->free(wa);
	wb->ops->free(wb);
	vrs_port_put(a);
	CHECK(if_nametoindex("vx") == 0);
	vrs_port_put(b);
	(void)close(s);
}

/* @return How many frames have come to a packet socket since it was asked last, with those that it had no room for. */
static unsigned n_come(int s)
{
	struct tpacket_stats st;
	socklen_t size = sizeof(st);

	CHECK(getsockopt(s, SOL_PACKET, PACKET_STATISTICS, &st, &size) == 0);
	return st.tp_packets;
}

static void too_many_exceptions(void)
{
	enum { N = 50000, A_SECOND = 10000 };
	uint8_t frame[64] = {1, 2, 3, 4, 5, 6, 0x22, 2, 2, 2, 2, 2, 0x88, 0xb5, 0, 0, 0, 42};
	struct vrs_frame f = {.data = frame, .size = sizeof(frame)};

	lab_namespace();
	lab_sh("sysctl -qw net.ipv6.conf.default.disable_ipv6=1");
	lab_eal(128);
	struct vrs_port *p =
		lab_port((struct vrs_dpdk_port){.device = "net_ring0", .exception_tap = "vx"}, 1);
	int s = raw("vx");
	uint64_t from = vrs_now_ns();
	for (unsigned i = 0; i < N; i++)
		vrs_port_other(p, &f);
	uint64_t seconds = (vrs_now_ns() - from) / 1000000000 + 2; /* Parts of them included. */
	unsigned come = n_come(s);
	CHECK(come > 0 && come <= A_SECOND * seconds);
	CHECK(stat_of(p).tap_lost + A_SECOND * seconds >= N);
	/* The next second is another one. */
	for (from = vrs_now_ns(); n_come(s) == 0;) {
		CHECK(vrs_now_ns() - from < 5000000000);
		vrs_port_other(p, &f);
	}
	(void)close(s);
	vrs_port_put(p);
}

static void a_flood_for_nobody_is_not_handed_to_the_kernel_whole(void **)
{
	lab_in_child(too_many_exceptions);
}

static void a_frame_for_nobody_goes_to_the_kernel_and_its_frames_out(void **)
{
	lab_in_child(exceptions);
}

/* ---- Sleeping, and bad wires -------------------------------------------------------------- */

static void interrupts(void)
{
	uint8_t frame[64] = {1, 2, 3, 4, 5, 6, 0x22, 2, 2, 2, 2, 2, 0x88, 0xb5, 0, 0, 0, 42};
	struct vrs_frame f;

	lab_namespace();
	lab_sh("sysctl -qw net.ipv6.conf.default.disable_ipv6=1");
	lab_eal(128);
	struct vrs_port *p = lab_port(
		(struct vrs_dpdk_port){.device = "net_tap0,iface=vt", .exception_tap = "vx"}, 1);
	struct vrs_wire *w = lab_wire(p, 0);
	int fd = w->ops->intr_fd(w), s = raw("vt"), x = raw("vx");
	struct pollfd readable = {.fd = fd, .events = POLLIN};
	CHECK(fd >= 0);
	while (w->ops->rx(w, &f, 1) == 1)
		w->ops->put(w, &f);
	w->ops->intr(w, true);
	CHECK(poll(&readable, 1, 0) == 0);
	CHECK(send(s, frame, sizeof(frame), 0) == sizeof(frame));
	CHECK(poll(&readable, 1, 1000) == 1);
	w->ops->intr(w, false);
	CHECK(lab_receive(w, &f) && lab_number_of(&f) == 42);
	w->ops->put(w, &f);
	CHECK(poll(&readable, 1, 0) == 0);
	CHECK(send(x, frame, sizeof(frame), 0) == sizeof(frame)); /* The exception TAP wakes too. */
	CHECK(poll(&readable, 1, 1000) == 1);
	(void)close(s);
	(void)close(x);
	w->ops->free(w);
	vrs_port_put(p);
}

static void a_port_with_interrupts_has_a_descriptor_to_wait_for(void **)
{
	lab_in_child(interrupts);
}

static void bad(void)
{
	struct vrs_chunk *c = lab_pattern();
	struct vrs_frame f;

	lab_eal(128);
	struct vrs_port *p = lab_port(
		(struct vrs_dpdk_port){.device = "net_ring0", .bad_wire = {.loss_ppm = 500000}}, 1);
	struct vrs_wire *w = lab_wire(p, 0);
	unsigned got = 0;
	for (uint32_t i = 0; i < 1000; i++) {
		CHECK(lab_send(w, c, i));
		w->ops->flush(w);
		while (w->ops->rx(w, &f, 1) == 1) {
			CHECK(lab_is(&f, c, lab_number_of(&f)));
			w->ops->put(w, &f);
			got++;
		}
	}
	CHECK(got > 300 && got < 700);
	w->ops->free(w);
	vrs_port_put(p);
	CHECK(atomic_load(&c->refs) == 1);
	vrs_chunk_put(c);
}

/* Which of 64 frames come back: a ring has a queue for each thread. */
static uint64_t survivors(struct vrs_wire *w, struct vrs_chunk *c)
{
	uint64_t out = 0;
	struct vrs_frame f;

	for (uint32_t i = 0; i < 64; i++) {
		CHECK(lab_send(w, c, i));
		w->ops->flush(w);
		while (w->ops->rx(w, &f, 1) == 1) {
			out |= UINT64_C(1) << lab_number_of(&f);
			w->ops->put(w, &f);
		}
	}
	return out;
}

static void bad_twice(void)
{
	struct vrs_chunk *c = lab_pattern();
	struct vrs_dpdk_port lossy = {
		.device = "net_ring0", .bad_wire = {.loss_ppm = 500000, .seed = 7}};
	struct vrs_dpdk_port slow = {
		.device = "net_ring1", .bad_wire = {.rate = 1000, .queue_bytes = 1 << 20}};
	struct vrs_wire *w[2];

	lab_eal(128);
	struct vrs_port *p = lab_port(lossy, 2);
	for (unsigned i = 0; i < 2; i++)
		w[i] = lab_wire(p, i);
	CHECK(survivors(w[0], c) != survivors(w[1], c));
	for (unsigned i = 0; i < 2; i++)
		w[i]->ops->free(w[i]);
	vrs_port_put(p);
	/* 1000 bytes a second for both: the second one's frame is sent behind the first one's. */
	p = lab_port(slow, 2);
	for (unsigned i = 0; i < 2; i++) {
		w[i] = lab_wire(p, i);
		CHECK(lab_send(w[i], c, 1000));
	}
	CHECK(w[1]->ops->next_us(w[1]) >= w[0]->ops->next_us(w[0]) + 18000);
	for (unsigned i = 0; i < 2; i++)
		w[i]->ops->free(w[i]);
	vrs_port_put(p);
	vrs_chunk_put(c);
}

static void two_threads_share_a_rate_and_draw_for_themselves(void **)
{
	lab_in_child(bad_twice);
}

static void a_port_can_be_behind_a_bad_wire(void **)
{
	lab_in_child(bad);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_sent_by_pieces_arrives_whole_over_a_ring),
		cmocka_unit_test(what_is_sent_by_pieces_arrives_whole_over_interfaces),
		cmocka_unit_test(what_is_sent_by_pieces_arrives_whole_over_shared_memory),
		cmocka_unit_test(a_queue_of_af_packet_holds_what_a_peer_sends_at_once),
		cmocka_unit_test(af_xdp_takes_no_longer_packets_than_arrive),
		cmocka_unit_test(frames_can_be_held_while_others_come),
		cmocka_unit_test(a_full_port_says_so_and_loses_nothing),
		cmocka_unit_test(threads_share_a_transmit_queue_and_one_hears),
		cmocka_unit_test(a_port_with_queues_for_all_threads_gives_each_its_own),
		cmocka_unit_test(a_frame_for_nobody_goes_to_the_kernel_and_its_frames_out),
		cmocka_unit_test(a_flood_for_nobody_is_not_handed_to_the_kernel_whole),
		cmocka_unit_test(a_port_with_interrupts_has_a_descriptor_to_wait_for),
		cmocka_unit_test(a_link_that_goes_is_told_of_and_when_it_comes_back),
		cmocka_unit_test(links_are_watched_without_being_asked),
		cmocka_unit_test(what_a_port_loses_is_counted),
		cmocka_unit_test(a_port_can_be_behind_a_bad_wire),
		cmocka_unit_test(two_threads_share_a_rate_and_draw_for_themselves),
	};

	if (!lab_may_make_namespaces()) {
		puts("skipped: needs CAP_SYS_ADMIN, CAP_NET_ADMIN and /dev/net/tun");
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
