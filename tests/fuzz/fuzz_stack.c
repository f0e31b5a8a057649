/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 *
 * Frames into a stack whose user is a BGP session, on a virtual clock. A byte says how the peer is configured, then
 * come records {kind, size, bytes}: frames as they are, and frames that the harness helps to be good: checksums,
 * digests, addresses and the sequence numbers of a live connection, so that what the bytes choose is looked at deep
 * inside. Nothing crashes, every frame that the stack sends is sound, every frame that it had comes back, and what
 * it keeps stays within its limits.
 */

#include <string.h>

#include "io/dpdk/stack_internal.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/session_user.h"
#include "tests/io/bgp_build.h"
#include "tests/io/mem_wire.h"
#include "tests/io/nic_wire.h"

enum {
	PORT = 179,
	FROM = 40000, /* The harness' ports. */
	N_FLOWS = 12, /* The last one is the stack's own. */
	OWN = N_FLOWS - 1,
	POLLS_MAX = 2000, /* Of an input. */
	FRAMES_PER_POLL = 4096,
	CONNS_MAX = VRS_CONNS_PER_PEER + TIME_WAIT_MAX + 2, /* The session's own come on top. */
};

/** Of the first byte. FAMILY: the session's thread is another than the one that has the queue. */
enum {
	V_IP6 = 1,
	V_MD5 = 2,
	V_TTL = 4,
	V_VLAN = 8,
	V_SMALL = 16,
	V_PASSIVE = 32,
	V_COPY = 64,
	V_FAMILY = 128
};

/** What the harness knows of a connection. */
struct flow {
	bool known, ts;
	uint16_t peer_port, port; /* Ours is the stack's. */
	uint32_t snd_nxt, rcv_nxt, ts_recent;
};

static struct {
	uint8_t variant;
	struct vrs_addr us, peer;
	struct vrs_wire *wire, *its;
	struct nic_wire nic;
	struct vrs_transport *t, *listener; /* listener: of a family, else NULL. */
	struct vrs_wheel wheel;
	struct vrs_session *s;
	uint64_t now_us;
	struct session_user user;
	unsigned polls;
	struct flow flows[N_FLOWS];
} w;

static uint64_t clock_us(void *)
{
	return w.now_us;
}

static const char *password(void)
{
	return w.variant & V_MD5 ? "key" : NULL;
}

static uint16_t vlan(void)
{
	return w.variant & V_VLAN ? 7 : 0;
}

static void begin(uint8_t variant)
{
	struct vrs_session_config c = session_user_config;
	struct mem_wire_pair *pair = mem_wire_pair_new();
	bool ip6 = variant & V_IP6;
	uint8_t len = ip6 ? 64 : 24;
	struct vrs_wire *wires[2];
	struct vrs_transport *family[2];

	memset(&w, 0, sizeof(w));
	w.variant = variant;
	w.now_us = 1000000;
	w.its = mem_wire(pair, 0);
	w.wire = mem_wire(pair, 1);
	wires[0] = w.its;
	wires[1] = nic_wire_init(&w.nic, w.its, true, NULL);
	wires[1]->hold_max = w.its->hold_max = variant & V_COPY ? 2 : 64;
	w.us = ip6 ? (struct vrs_addr){{0x20, 1, 0xd, 0xb8, [15] = 4}, VRS_AFI_IP6}
		   : vrs_addr_ip4(0x0a000004);
	w.peer = w.us;
	w.peer.bytes[ip6 ? 15 : 3] = 1;
	struct vrs_dpdk_port port = {
		.addresses = &w.us, .lens = &len, .n_addresses = 1, .vlan = vlan()};
	FUZZ_CHECK(vrs_stacks_new(
			   &(struct vrs_stack_config){
				   .n_threads = variant & V_FAMILY ? 2 : 1,
				   .n_ports = 1,
				   .ports = &port,
				   .wires = wires,
				   .now_us = clock_us,
				   .receive_buffer = variant & V_SMALL ? 3000 : 0,
			   },
			   family) == 0);
	w.t = variant & V_FAMILY ? family[1] : family[0];
	w.listener = variant & V_FAMILY ? family[0] : NULL;
	w.t->accept = vrs_session_accept;
	vrs_wheel_init(&w.wheel, w.now_us / 1000);
	c.endpoint = (struct vrs_endpoint){.local = w.us,
		.remote = w.peer,
		.local_port = PORT,
		.remote_port = PORT,
		.ttl_security = variant & V_TTL ? 1 : 0,
		.passive = variant & V_PASSIVE};
	if (password() != NULL)
		strcpy(c.endpoint.password, password());
	w.s = vrs_session_new(&c, w.t, &w.wheel, &session_user_ops, &w.user);
	FUZZ_CHECK(w.s != NULL && vrs_session_start(w.s) == 0);
}

/* --- what comes out --- */

static void send_frame(const struct vrs_wire_tx *tx)
{
	(void)w.wire->ops->tx(w.wire, tx);
	w.wire->ops->flush(w.wire);
}

static struct vrs_frame_link link_to_stack(void)
{
	struct vrs_frame_link link = {.vlan = vlan()};

	memcpy(link.src_mac, w.wire->mac, 6);
	memcpy(link.dst_mac, w.its->mac, 6);
	return link;
}

static void answer_neighbour(const struct vrs_frame_info *in)
{
	struct vrs_frame_link link = link_to_stack();
	struct vrs_wire_tx tx = {.n_pieces = 0};

	if (!in->is_request || !vrs_addr_equal(&in->target, &w.peer))
		return;
	if (in->kind == VRS_FRAME_ARP)
		vrs_frame_build_arp(&tx, &link, false, &w.peer, &in->src, in->mac);
	else
		vrs_frame_build_na(&tx, &link, &w.peer, &in->src, true);
	send_frame(&tx);
}

static void hear_tcp(const struct vrs_frame_info *in)
{
	const struct vrs_tcp_segment *s = &in->tcp;
	unsigned at = in->dst_port == PORT ? OWN : (unsigned)in->dst_port - FROM;

	FUZZ_CHECK(vrs_addr_equal(&in->src, &w.us) && in->vlan == vlan());
	FUZZ_CHECK(in->ttl == (w.variant & V_TTL ? 255 : 64));
	if (password() != NULL)
		FUZZ_CHECK(vrs_frame_md5_good(in, password()));
	else
		FUZZ_CHECK(in->md5 == NULL);
	if (!vrs_addr_equal(&in->dst, &w.peer) || at >= N_FLOWS)
		return;
	struct flow *f = &w.flows[at];
	uint32_t end = s->seq + s->size + ((s->flags & VRS_TCP_SYN) != 0) +
		((s->flags & VRS_TCP_FIN) != 0);
	if (s->flags & VRS_TCP_RST)
		return;
	if (s->flags & VRS_TCP_SYN) {
		bool again = f->known && f->port == in->src_port && f->rcv_nxt == end;

		f->snd_nxt = again || at != OWN ? f->snd_nxt : 0x7ffffff0;
		f->known = true;
		f->port = in->src_port;
		f->peer_port = in->dst_port;
		f->rcv_nxt = end;
	}
	if (f->known && (int32_t)(end - f->rcv_nxt) > 0)
		f->rcv_nxt = end;
	f->ts_recent = s->ts_val;
}

static void drain(void)
{
	struct vrs_frame f;
	unsigned n = 0;

	for (; w.wire->ops->rx(w.wire, &f, 1) == 1; n++) {
		struct vrs_frame_info in;
		enum vrs_frame_kind kind = vrs_frame_parse(&f, &in);

		FUZZ_CHECK(kind != VRS_FRAME_BAD);
		if (kind == VRS_FRAME_TCP)
			hear_tcp(&in);
		else if (kind == VRS_FRAME_ARP || kind == VRS_FRAME_ND)
			answer_neighbour(&in);
		w.wire->ops->put(w.wire, &f);
	}
	FUZZ_CHECK(n < FRAMES_PER_POLL);
}

static void check(void)
{
	const struct stack *s = stack_of(w.t);
	unsigned n = 0;

	for (const struct vrs_conn *c = s->conns; c != NULL; c = c->next)
		n++;
	FUZZ_CHECK(n <= CONNS_MAX && s->tcp.n_held <= s->tcp.hold_max);
	FUZZ_CHECK(s->tcp.n_held == mem_wire_held(w.its));
	FUZZ_CHECK(session_user_agrees(&w.user, w.s));
}

static void step(uint64_t us)
{
	if (w.polls++ >= POLLS_MAX)
		return;
	w.now_us += us;
	for (unsigned i = 0; i < 2; i++) {
		if (w.listener != NULL)
			FUZZ_CHECK(w.listener->ops->poll(w.listener, 0) >= 0);
		FUZZ_CHECK(w.t->ops->poll(w.t, 0) >= 0);
		(void)vrs_wheel_advance(&w.wheel, w.now_us / 1000);
		drain();
	}
	check();
}

/* --- records --- */

static void raw_frame(const uint8_t *data, size_t size, bool to_stack)
{
	struct vrs_chunk *c = vrs_chunk_new((uint32_t)size);
	struct vrs_wire_tx tx = {.n_pieces = 1, .size = (uint32_t)size};

	FUZZ_CHECK(c != NULL);
	memcpy(c->data, data, size);
	if (to_stack)
		memcpy(c->data, w.its->mac, VRS_MIN(size, (size_t)6));
	c->size = (uint32_t)size;
	tx.pieces[0] = (struct vrs_wire_piece){c, 0, (uint32_t)size};
	send_frame(&tx);
	vrs_chunk_put(c);
}

static void segment(
	const struct flow *f, struct vrs_tcp_segment *seg, const uint8_t *data, size_t size)
{
	struct vrs_frame_link link = link_to_stack();
	struct vrs_flow_key key = {w.peer, w.us, f->peer_port, f->port};
	struct vrs_wire_tx tx = {.n_pieces = 1, .size = (uint32_t)size};
	struct vrs_chunk *c = vrs_chunk_new((uint32_t)size + 1);

	FUZZ_CHECK(c != NULL);
	if (size > 0)
		memcpy(c->data, data, size);
	c->size = (uint32_t)size;
	tx.pieces[0] = (struct vrs_wire_piece){c, 0, (uint32_t)size};
	seg->has_ts = f->ts;
	seg->ts_val = (uint32_t)(w.now_us / 1000);
	seg->ts_ecr = f->ts_recent;
	vrs_frame_build_tcp(&tx, &link, &key, w.variant & V_TTL ? 255 : 64, seg, password(), false);
	send_frame(&tx);
	vrs_chunk_put(c);
}

/* The handshake of flow @p at, or the answer to the stack's own SYN; @p how: bits of options. */
static void handshake(unsigned at, uint8_t how)
{
	struct flow *f = &w.flows[at];
	struct vrs_tcp_segment seg = {.flags = VRS_TCP_SYN,
		.window = how & 1 ? 0xffff : 2000,
		.mss = how & 2 ? 1400 : 0,
		.sack_ok = how & 4,
		.wscale = how & 8 ? 7 : -1};

	if (at == OWN && !f->known)
		return;
	f->ts = (how & 16) != 0 && password() == NULL;
	if (at == OWN) {
		seg.flags |= VRS_TCP_ACK;
		seg.seq = f->snd_nxt - 1;
		seg.ack = f->rcv_nxt;
		segment(f, &seg, NULL, 0);
		step(1000);
		return;
	}
	f->peer_port = (uint16_t)(FROM + at);
	f->port = PORT;
	f->snd_nxt += f->known ? 100000 : 0xfffffff0;
	seg.seq = f->snd_nxt++;
	segment(f, &seg, NULL, 0);
	step(1000);
	seg = (struct vrs_tcp_segment){.flags = VRS_TCP_ACK,
		.seq = f->snd_nxt,
		.ack = f->rcv_nxt,
		.window = 0xffff,
		.wscale = -1};
	segment(f, &seg, NULL, 0);
	step(1000);
}

/* A segment whose flags, numbers and options the bytes choose, relative to where the flow is. */
static void helped(struct vrs_reader *r)
{
	struct flow *f = &w.flows[vrs_read_u8(r) % N_FLOWS];
	uint8_t flags = vrs_read_u8(r), options = vrs_read_u8(r);
	int32_t seq = (int16_t)vrs_read_u16(r), ack = (int16_t)vrs_read_u16(r);
	struct vrs_tcp_segment seg = {.flags = flags & 0x3f,
		.seq = f->snd_nxt + (uint32_t)(options & 1 ? seq * 1000 : seq),
		.ack = f->rcv_nxt + (uint32_t)(options & 2 ? ack * 1000 : ack),
		.window = vrs_read_u16(r),
		.wscale = options & 4 ? (int8_t)(options >> 4) : -1,
		.mss = options & 8 ? (uint16_t)(options << 4) : 0,
		.sack_ok = true};

	if (!f->known) {
		f->peer_port = (uint16_t)(FROM + (f - w.flows));
		f->port = PORT;
	}
	if ((flags & 0xc0) == 0xc0)
		for (; seg.n_sack < 3; seg.n_sack++) {
			struct vrs_tcp_sack *b = &seg.sack[seg.n_sack];

			b->from = seg.ack + (uint32_t)(int16_t)vrs_read_u16(r);
			b->to = b->from + vrs_read_u16(r);
		}
	struct vrs_span data = vrs_read_span(r, vrs_reader_left(r));
	segment(f, &seg, data.data, VRS_MIN(data.size, (size_t)1400));
	if (seg.seq == f->snd_nxt && !(flags & VRS_TCP_RST))
		f->snd_nxt += (uint32_t)VRS_MIN(data.size, (size_t)1400) +
			((flags & VRS_TCP_SYN) != 0) + ((flags & VRS_TCP_FIN) != 0);
	step(1000);
}

/* What a peer that is well says next. */
static void speak(struct vrs_reader *r)
{
	struct flow *f = &w.flows[vrs_read_u8(r) % N_FLOWS];
	struct vrs_span data = vrs_read_span(r, vrs_reader_left(r));

	for (size_t at = 0; f->known && at < data.size;) {
		size_t n = VRS_MIN(data.size - at, (size_t)1400);
		struct vrs_tcp_segment seg = {.flags = VRS_TCP_ACK,
			.seq = f->snd_nxt,
			.ack = f->rcv_nxt,
			.window = 0xffff,
			.wscale = -1};

		segment(f, &seg, data.data + at, n);
		f->snd_nxt += (uint32_t)n;
		at += n;
	}
	step(1000);
}

/* An ICMP error about what a flow has in flight, or not. */
static void icmp_error(struct vrs_reader *r)
{
	struct flow *f = &w.flows[vrs_read_u8(r) % N_FLOWS];
	uint8_t type = vrs_read_u8(r), code = vrs_read_u8(r), m[68] = {type, code},
		frame[128] = {0};
	uint16_t mtu = vrs_read_u16(r);
	uint32_t seq = f->rcv_nxt + (uint32_t)(int16_t)vrs_read_u16(r);
	struct vrs_flow_key key = {w.us, w.peer, f->port, f->peer_port};
	struct vrs_tcp_segment seg = {.flags = VRS_TCP_ACK, .seq = seq, .wscale = -1};
	struct vrs_frame_link link = link_to_stack();
	struct vrs_wire_tx tx = {.n_pieces = 0};
	size_t ip = w.variant & V_IP6 ? 40 : 20, l2 = vlan() != 0 ? 18 : 14, size = 8 + ip + 20;
	uint8_t pseudo[8] = {0};

	vrs_put_u16(m + 6, mtu);
	vrs_frame_build_tcp(&tx, &link, &key, 64, &seg, NULL, false);
	memcpy(m + 8, tx.head + l2, ip + 20);
	key = (struct vrs_flow_key){w.peer, w.us, 0, 0};
	vrs_frame_build_tcp(&tx, &link, &key, 255, &seg, NULL, false);
	memcpy(frame, tx.head, l2 + ip);
	uint8_t *h = frame + l2;
	uint64_t sum = vrs_csum_add(0, m, size);
	if (w.variant & V_IP6) {
		h[6] = 58;
		vrs_put_u16(h + 4, (uint16_t)size);
		vrs_put_u16(pseudo + 2, (uint16_t)size);
		pseudo[7] = 58;
		sum = vrs_csum_add(vrs_csum_add(sum, h + 8, 32), pseudo, 8);
	} else {
		h[9] = 1;
		vrs_put_u16(h + 2, (uint16_t)(ip + size));
		memset(h + 10, 0, 2);
		uint16_t head_sum = vrs_csum_fold(vrs_csum_add(0, h, ip));
		memcpy(h + 10, &head_sum, 2);
	}
	uint16_t folded = vrs_csum_fold(sum);
	memcpy(m + 2, &folded, 2);
	memcpy(h + ip, m, size);
	raw_frame(frame, l2 + ip + size, true);
	step(1000);
}

enum kind {
	K_RAW,       /* A frame as it is. */
	K_TO_US,     /* One to our MAC. */
	K_TIME,      /* Size is milliseconds; no bytes. */
	K_HANDSHAKE, /* Flow, options. */
	K_HELPED,
	K_SPEAK, /* Flow, bytes of its stream. */
	K_ICMP,
	K_USER, /* The user takes UPDATEs, or not; size chooses what else it does; no bytes. */
	K_N
};

static void pass_time(uint64_t ms)
{
	enum { STEPS = 16 };

	for (unsigned i = 0; i < STEPS; i++)
		step(ms * 1000 / STEPS + 1);
}

/* More than goes into a window: UPDATEs that say nothing. */
static void send_much(void)
{
	enum { N = 3000, SIZE = 23 };
	struct vrs_chunk *c = vrs_chunk_new(N * SIZE);

	FUZZ_CHECK(c != NULL);
	memset(c->data, 0xff, N * SIZE);
	for (; c->size < N * SIZE; c->size += SIZE)
		memcpy(c->data + c->size + 16, (uint8_t[]){0, SIZE, 2, 0, 0, 0, 0}, 7);
	FUZZ_CHECK(vrs_session_send(w.s, c, 0, c->size, N) == 0);
	vrs_chunk_put(c);
}

static void use(uint16_t what)
{
	w.user.refuse = what & 1;
	vrs_session_resume(w.s);
	if (what & 2)
		vrs_session_reset(w.s, "again");
	if (what & 8 && vrs_session_state(w.s) == VRS_SESSION_ESTABLISHED &&
		vrs_session_queued(w.s) < VRS_CONN_HIGH_WATER)
		send_much();
	if (what & 4 && vrs_session_state(w.s) == VRS_SESSION_ESTABLISHED)
		(void)vrs_session_send_refresh(w.s, VRS_AFI_IP4, VRS_BGP_REFRESH_REQUEST);
	step(1000);
}

static void record(struct vrs_reader *r)
{
	enum kind kind = vrs_read_u8(r) % K_N;
	size_t size = vrs_read_u16(r);

	if (kind == K_TIME) {
		pass_time(size);
		return;
	}
	if (kind == K_USER) {
		use((uint16_t)size);
		return;
	}
	struct vrs_span s = vrs_read_span(r, VRS_MIN(size, vrs_reader_left(r)));
	struct vrs_reader body = vrs_reader_init(s.data, s.size);
	switch (kind) {
	case K_HANDSHAKE: {
		unsigned at = vrs_read_u8(&body) % N_FLOWS;

		handshake(at, vrs_read_u8(&body));
		break;
	}
	case K_HELPED:
		helped(&body);
		break;
	case K_SPEAK:
		speak(&body);
		break;
	case K_ICMP:
		icmp_error(&body);
		break;
	default:
		if (s.size > 0)
			raw_frame(s.data, s.size, kind == K_TO_US);
		step(1000);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct vrs_reader r = vrs_reader_init(data, size);

	begin(vrs_read_u8(&r));
	step(1000);
	while (vrs_reader_left(&r) > 0 && w.polls < POLLS_MAX)
		record(&r);
	vrs_session_stop(w.s, VRS_BGP_CEASE_SHUTDOWN, "over");
	FUZZ_CHECK(w.user.up == w.user.down);
	vrs_session_free(w.s);
	FUZZ_CHECK(w.wheel.n == 0);
	w.t->ops->free(w.t);
	if (w.listener != NULL)
		w.listener->ops->free(w.listener);
	w.wire->ops->free(w.wire);
	FUZZ_CHECK(vrs_mem_used(VRS_MEM_EXPORT) == 0 && vrs_mem_used(VRS_MEM_SESSION) == 0);
	FUZZ_CHECK(vrs_mem_used(VRS_MEM_QUEUE) == 0);
	return 0;
}

#define MARK     "ffffffffffffffffffffffffffffffff"
#define OPEN(f)  "05 0026 " f " " MARK "0025 01 04 fde9 005a 0a000001 08 0206 010400010001 "
#define ALIVE(f) "05 0014 " f " " MARK "0013 04 "
#define EMPTY(f) "05 0018 " f " " MARK "0017 02 0000 0000 "
#define UPDATE(f)             \
	"05 002f " f " " MARK \
	"002e 02 0000 0012 40010103 4002040201fde9 400304 0a000104 10 0a01 0000"
#define ARP_ASKS                                                                        \
	"00 002a ffffffffffff 020000000002 0806 0001080006040001 020000000002 0a000001" \
	"000000000000 0a000004 "
#define ARP_LIES                                                                        \
	"00 002a ffffffffffff 020000000009 0806 0001080006040002 020000000009 0a000004" \
	"020000000009 0a000004 "
#define ECHO                                                                        \
	"01 002a 000000000000 020000000002 0800 4500001c000040004001 26dd 0a000001" \
	"0a000004 0800f7ff00000000 "
#define LLDP                                    "00 0010 0180c200000e 020000000002 88cc 0000 "
#define SHAKE(f, how)                           "03 0002 " f how " "
#define TIME(ms)                                "02 " ms " "
/* Flow, flags, options, offsets of seq and ack, window. */
#define HELP(size, f, flags, options, seq, ack) "04 " size " " f flags options seq ack "ffff "

size_t fuzz_seed(unsigned i, uint8_t *out, size_t cap)
{
	static const char *const rows[] = {
		/* A life, over IPv4 and IPv6, signed, near. */
		"00 " SHAKE("00", "1f") OPEN("00") ALIVE("00") UPDATE("00") ALIVE("00")
			HELP("0009", "00", "11", "00", "0000", "0000") TIME("0400"),
		"01 " SHAKE("00", "1f") OPEN("00") ALIVE("00") EMPTY("00") TIME("7530"),
		"02 " SHAKE("01", "0f") OPEN("01") ALIVE("01") UPDATE("01") TIME("ea60"),
		"07 " SHAKE("01", "00") OPEN("01") ALIVE("01") EMPTY("01"),
		"80 " SHAKE("00", "1f") OPEN("00") ALIVE("00") UPDATE("00") TIME("0400"),
		"a3 " SHAKE("00", "0f") OPEN("00") ALIVE("00") UPDATE("00") TIME("0400"),
		/* The stack connects. */
		"00 " TIME("0400") SHAKE("0b", "1f") OPEN("0b") ALIVE("0b") UPDATE("0b")
			TIME("7530") ALIVE("0b") "07 0004 07 0002 " TIME("0400"),
		/* Both at once; many. */
		"00 " TIME("0100") SHAKE("0b", "0f") SHAKE("00", "0f") OPEN("0b") OPEN("00")
			ALIVE("00") ALIVE("0b") TIME("1000"),
		"20 " SHAKE("00", "0f") SHAKE("01", "0f") SHAKE("02", "0f") SHAKE("03", "0f")
			SHAKE("04", "0f") SHAKE("05", "0f") SHAKE("06", "0f") SHAKE("07", "0f")
				SHAKE("08", "0f") SHAKE("09", "0f") TIME("2000"),
		/* Gaps, duplicates, blocks, a small window, a reader that waits. */
		"30 " SHAKE("00", "1f") OPEN("00") ALIVE("00") "07 0001 " UPDATE("00") UPDATE("00")
			HELP("0019", "00", "10", "00", "0020", "0000") MARK HELP("0019", "00", "10",
				"00", "0010", "0000") MARK HELP("0019", "00", "10", "00", "fff0",
				"0000") MARK HELP("0015", "00", "d0", "00", "0000",
				"fff0") "0000 0010 0020 0010 0040 0010 07 0000 " TIME("0400"),
		/* Much to send: losses that blocks show, acknowledgements, a smaller path, time. */
		"20 " SHAKE("00", "1e") OPEN("00") ALIVE("00") "07 0008 " HELP("0015", "00", "d0",
			"02", "0000", "fffe") "0200 1000 1800 0500 2000 0500" HELP("0009", "00",
			"10", "00", "0000", "f000") "06 0007 00 03 04 0300 fff0 " TIME("0100")
			HELP("0009", "00", "10", "00", "0000", "0000") TIME("0400")
				HELP("0009", "00", "11", "00", "0000", "0000"),
		/* Resets, absurd numbers, a new SYN. */
		"00 " SHAKE("00", "1f") HELP("0009", "00", "04", "00", "0010", "0000")
			HELP("0009", "00", "02", "00", "0000", "0000") HELP("0009", "00", "10",
				"02", "0000", "7000") HELP("0009", "00", "04", "00", "0000", "0000")
				SHAKE("00", "1f") OPEN("00"),
		/* TIME_WAIT, and out of it. */
		"20 " SHAKE("00", "0f") OPEN("00") ALIVE("00") "07 0002 " TIME("0100") HELP("0009",
			"00", "11", "00", "0000", "0000") TIME("0400") SHAKE("00", "0f") OPEN("00"),
		/* A smaller path, an unreachable peer. */
		"00 " SHAKE("00", "1f") OPEN("00") "06 0007 00 03 04 0300 ffed " ALIVE(
			"00") "06 0007 00 03 03 0000 ffed " TIME("1000"),
		"01 " SHAKE("00", "1f") OPEN("00") "06 0007 00 02 00 0500 ffed " ALIVE("00"),
		"00 06 0007 0b 03 03 0000 ffff " TIME("1000"),
		/* ARP of the peer, of a liar; an echo; LLDP. */
		"00 " ARP_ASKS ARP_LIES TIME("0400"),
		"00 " ECHO LLDP,
	};

	return i < VRS_N_ELEMS(rows) ? build_hex(rows[i], out, cap) : 0;
}
