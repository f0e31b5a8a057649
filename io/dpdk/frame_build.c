/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 *
 * Frames to send: headers into tx->head, which has room for the largest (Ethernet with a tag, IPv6, TCP with
 * all its options: 118 bytes). Payload stays where it is; its pieces may be of odd sizes, and then the
 * bytes of the next one lie at odd places of what is summed: its sum, turned by one byte, is what it adds.
 */

#include <nettle/md5.h>
#include <nettle/memops.h>

#include "io/dpdk/frame_internal.h"

static const uint8_t all_nodes[16] = {0xff, 2, [15] = 1};

/* The checksum of @p sum, stored where it goes. */
static void put_csum(uint8_t *at, uint64_t sum)
{
	uint16_t v = vrs_csum_fold(sum);

	memcpy(at, &v, 2);
}

static uint64_t add_pieces(uint64_t sum, const struct vrs_wire_tx *tx)
{
	bool odd = false;

	for (unsigned i = 0; i < tx->n_pieces; i++) {
		const struct vrs_wire_piece *p = &tx->pieces[i];
		uint64_t s = vrs_csum_add(0, p->chunk->data + p->offset, p->size);

		sum = vrs_csum_join(sum, odd ? s << 8 | s >> 56 : s);
		odd ^= p->size % 2 != 0;
	}
	return sum;
}

/* Begin a frame. @return A writer behind the Ethernet header. */
static struct vrs_writer ethernet(struct vrs_wire_tx *tx, const struct vrs_frame_link *link,
	const uint8_t dst_mac[6], uint16_t type)
{
	struct vrs_writer w = vrs_writer_init(tx->head, sizeof(tx->head));

	vrs_write_bytes(&w, dst_mac, 6);
	vrs_write_bytes(&w, link->src_mac, 6);
	if (link->vlan != 0) {
		vrs_write_u16(&w, ETHERTYPE_VLAN);
		vrs_write_u16(&w, link->vlan);
	}
	vrs_write_u16(&w, type);
	tx->l2_size = (uint16_t)vrs_writer_size(&w);
	tx->csum = false;
	return w;
}

static void no_pieces(struct vrs_wire_tx *tx)
{
	tx->n_pieces = 0;
	tx->size = 0;
}

static void write_ip4(struct vrs_writer *w, struct vrs_wire_tx *tx, const uint8_t *src,
	const uint8_t *dst, uint8_t proto, uint8_t ttl, uint32_t size)
{
	enum { DF = 0x4000 };
	uint8_t *h = w->at;

	vrs_write_u16(w, 0x4500);
	vrs_write_u16(w, (uint16_t)(IP4_SIZE + size));
	vrs_write_u16(w, 0);
	vrs_write_u16(w, DF);
	vrs_write_u8(w, ttl);
	vrs_write_u8(w, proto);
	vrs_write_u16(w, 0);
	vrs_write_bytes(w, src, 4);
	vrs_write_bytes(w, dst, 4);
	if (!tx->csum)
		put_csum(h + 10, vrs_csum_add(0, h, IP4_SIZE));
}

static void write_ip6(struct vrs_writer *w, const uint8_t *src, const uint8_t *dst, uint8_t proto,
	uint8_t hop_limit, uint32_t size)
{
	vrs_write_u32(w, 6u << 28);
	vrs_write_u16(w, (uint16_t)size);
	vrs_write_u8(w, proto);
	vrs_write_u8(w, hop_limit);
	vrs_write_bytes(w, src, 16);
	vrs_write_bytes(w, dst, 16);
}

/* Ethernet and IP, for @p size bytes behind them. */
static struct vrs_writer ip(struct vrs_wire_tx *tx, const struct vrs_frame_link *link,
	const uint8_t dst_mac[6], const struct vrs_addr *src, const struct vrs_addr *dst,
	uint8_t proto, uint8_t ttl, uint32_t size, bool offload)
{
	bool ip6 = src->afi == VRS_AFI_IP6;
	struct vrs_writer w = ethernet(tx, link, dst_mac, ip6 ? ETHERTYPE_IP6 : ETHERTYPE_IP4);

	tx->csum = offload;
	tx->ip6 = ip6;
	tx->l3_size = ip6 ? IP6_SIZE : IP4_SIZE;
	if (ip6)
		write_ip6(&w, src->bytes, dst->bytes, proto, ttl, size);
	else
		write_ip4(&w, tx, src->bytes, dst->bytes, proto, ttl, size);
	return w;
}

/* Which options a segment has. MD5 and timestamps leave room for a SACK block only without the usual
 * padding before each: 18 + 10 + 10 bytes, then the padding of all (tight). */
struct options {
	bool syn, ts, md5, tight;
	uint8_t n_sack, size;
};

static struct options plan(const struct vrs_tcp_segment *seg, bool md5)
{
	struct options o = {.syn = (seg->flags & VRS_TCP_SYN) != 0, .ts = seg->has_ts, .md5 = md5};
	unsigned size = (o.ts ? 12 : 0) + (md5 ? 20 : 0);

	if (o.syn) {
		size += (seg->mss != 0 ? 4 : 0) + (seg->wscale >= 0 ? 4 : 0);
		size += seg->sack_ok && !o.ts ? 4
					      : 0; /* Else in place of the padding before them. */
	} else if (seg->n_sack > 0) {
		o.tight = o.ts && md5;
		o.n_sack = (uint8_t)VRS_MIN(seg->n_sack, (TCP_OPTIONS_MAX - 4 - size) / 8);
		if (o.tight)
			o.n_sack = 1;
		size = o.tight ? TCP_OPTIONS_MAX : size + 4 + o.n_sack * 8u;
	}
	assert(size <= TCP_OPTIONS_MAX);
	o.size = (uint8_t)size;
	return o;
}

unsigned vrs_frame_tcp_options(const struct vrs_tcp_segment *seg, bool md5)
{
	return plan(seg, md5).size;
}

static void write_option(struct vrs_writer *w, uint8_t kind, uint8_t size)
{
	vrs_write_u16(w, (uint16_t)(kind << 8 | size));
}

static void write_padding(struct vrs_writer *w)
{
	vrs_write_u16(w, TCP_OPT_NOP << 8 | TCP_OPT_NOP);
}

static void write_syn_options(
	struct vrs_writer *w, const struct options *o, const struct vrs_tcp_segment *seg)
{
	if (seg->mss != 0) {
		write_option(w, TCP_OPT_MSS, 4);
		vrs_write_u16(w, seg->mss);
	}
	if (seg->wscale >= 0) {
		vrs_write_u8(w, TCP_OPT_NOP);
		write_option(w, TCP_OPT_WSCALE, 3);
		vrs_write_u8(w, (uint8_t)seg->wscale);
	}
	if (seg->sack_ok && !o->ts)
		write_padding(w);
	if (seg->sack_ok)
		write_option(w, TCP_OPT_SACK_OK, 2);
}

/* @return Where the digest goes; NULL: none. */
static uint8_t *write_options(
	struct vrs_writer *w, const struct options *o, const struct vrs_tcp_segment *seg)
{
	uint8_t *digest = NULL;

	if (o->syn)
		write_syn_options(w, o, seg);
	if (o->ts) {
		if (!o->tight && !(o->syn && seg->sack_ok))
			write_padding(w);
		write_option(w, TCP_OPT_TS, 10);
		vrs_write_u32(w, seg->ts_val);
		vrs_write_u32(w, seg->ts_ecr);
	}
	if (o->md5) {
		if (!o->tight)
			write_padding(w);
		write_option(w, TCP_OPT_MD5, 2 + MD5_SIZE);
		digest = vrs_write_reserve(w, MD5_SIZE);
	}
	if (o->n_sack > 0) {
		if (!o->tight)
			write_padding(w);
		write_option(w, TCP_OPT_SACK, (uint8_t)(2 + 8 * o->n_sack));
		for (unsigned i = 0; i < o->n_sack; i++) {
			vrs_write_u32(w, seg->sack[i].from);
			vrs_write_u32(w, seg->sack[i].to);
		}
	}
	if (o->tight)
		write_padding(w);
	return digest;
}

/* RFC 2385 section 2.0, up to the payload: the pseudo header and the TCP header with checksum 0. IPv6's
 * pseudo header is RFC 8200's. @p h is the header of TCP_SIZE bytes. */
static void md5_begin(struct md5_ctx *md5, unsigned afi, const uint8_t *src, const uint8_t *dst,
	const uint8_t *h, uint32_t l4_size)
{
	static const uint8_t zero[2];
	size_t width = vrs_afi_width(afi) / 8;
	uint8_t tail[8] = {0};

	md5_init(md5);
	md5_update(md5, width, src);
	md5_update(md5, width, dst);
	if (afi == VRS_AFI_IP4) {
		tail[1] = PROTO_TCP;
		vrs_put_u16(tail + 2, (uint16_t)l4_size);
		md5_update(md5, 4, tail);
	} else {
		vrs_put_u32(tail, l4_size);
		tail[7] = PROTO_TCP;
		md5_update(md5, 8, tail);
	}
	md5_update(md5, 16, h);
	md5_update(md5, 2, zero);
	md5_update(md5, 2, h + 18);
}

static void md5_end(struct md5_ctx *md5, const char *key, uint8_t digest[MD5_SIZE])
{
	md5_update(md5, strlen(key), (const uint8_t *)key);
	md5_digest(md5, MD5_SIZE, digest);
}

bool vrs_frame_md5_good(const struct vrs_frame_info *in, const char *md5_key)
{
	uint8_t digest[MD5_SIZE];
	struct md5_ctx md5;

	if (in->md5 == NULL)
		return false;
	md5_begin(&md5, in->src.afi, in->src.bytes, in->dst.bytes, in->l4, in->l4_size);
	md5_update(&md5, in->tcp.size, in->tcp.data);
	md5_end(&md5, md5_key, digest);
	return memeql_sec(digest, in->md5, MD5_SIZE) != 0;
}

static void sign(const struct vrs_wire_tx *tx, const struct vrs_flow_key *key, const uint8_t *h,
	uint32_t l4_size, const char *md5_key, uint8_t digest[MD5_SIZE])
{
	struct md5_ctx md5;

	md5_begin(&md5, key->local.afi, key->local.bytes, key->remote.bytes, h, l4_size);
	for (unsigned i = 0; i < tx->n_pieces; i++) {
		const struct vrs_wire_piece *p = &tx->pieces[i];

		md5_update(&md5, p->size, p->chunk->data + p->offset);
	}
	md5_end(&md5, md5_key, digest);
}

static void tcp_csum(
	struct vrs_wire_tx *tx, const struct vrs_flow_key *key, uint8_t *h, uint32_t l4_size)
{
	uint64_t sum = vrs_csum_pseudo(
		key->local.afi, key->local.bytes, key->remote.bytes, PROTO_TCP, l4_size);

	if (!tx->csum) {
		put_csum(h + 16, add_pieces(vrs_csum_add(sum, h, tx->l4_size), tx));
		return;
	}
	/* RTE_MBUF_F_TX_TCP_CKSUM: the pseudo header's sum itself, not its complement. */
	uint16_t v = (uint16_t)~vrs_csum_fold(sum);
	memcpy(h + 16, &v, 2);
}

void vrs_frame_build_tcp(struct vrs_wire_tx *tx, const struct vrs_frame_link *link,
	const struct vrs_flow_key *key, uint8_t ttl, const struct vrs_tcp_segment *seg,
	const char *md5_key, bool offload)
{
	struct options o = plan(seg, md5_key != NULL);
	uint32_t l4_size = TCP_SIZE + o.size + tx->size;
	struct vrs_writer w = ip(tx, link, link->dst_mac, &key->local, &key->remote, PROTO_TCP, ttl,
		l4_size, offload);
	uint8_t *h = w.at;

	vrs_write_u16(&w, key->local_port);
	vrs_write_u16(&w, key->remote_port);
	vrs_write_u32(&w, seg->seq);
	vrs_write_u32(&w, seg->ack);
	vrs_write_u8(&w, (uint8_t)((TCP_SIZE + o.size) / 4 << 4));
	vrs_write_u8(&w, seg->flags);
	vrs_write_u16(&w, seg->window);
	vrs_write_u32(&w, 0); /* Checksum, urgent pointer. */
	uint8_t *digest = write_options(&w, &o, seg);
	assert(vrs_writer_ok(&w) && w.at == h + TCP_SIZE + o.size);
	tx->head_size = (uint16_t)vrs_writer_size(&w);
	tx->l4_size = (uint16_t)(TCP_SIZE + o.size);
	if (digest != NULL && md5_key != NULL)
		sign(tx, key, h, l4_size, md5_key, digest);
	tcp_csum(tx, key, h, l4_size);
}

void vrs_frame_build_arp(struct vrs_wire_tx *tx, const struct vrs_frame_link *link, bool request,
	const struct vrs_addr *sender, const struct vrs_addr *target, const uint8_t target_mac[6])
{
	struct vrs_writer w = ethernet(tx, link, link->dst_mac, ETHERTYPE_ARP);

	no_pieces(tx);
	vrs_write_u16(&w, 1);
	vrs_write_u16(&w, ETHERTYPE_IP4);
	vrs_write_u16(&w, 0x0604);
	vrs_write_u16(&w, request ? 1 : 2);
	vrs_write_bytes(&w, link->src_mac, 6);
	vrs_write_bytes(&w, sender->bytes, 4);
	vrs_write_bytes(&w, target_mac, 6);
	vrs_write_bytes(&w, target->bytes, 4);
	tx->ip6 = false;
	tx->l3_size = ARP_SIZE;
	tx->l4_size = 0;
	tx->head_size = (uint16_t)vrs_writer_size(&w);
}

/* A solicitation or advertisement from @p src to @p dst, both with our MAC unless @p bare. */
static void build_nd(struct vrs_wire_tx *tx, const struct vrs_frame_link *link,
	const uint8_t dst_mac[6], const struct vrs_addr *src, const struct vrs_addr *dst,
	uint8_t type, uint32_t flags, const struct vrs_addr *target, bool bare)
{
	uint32_t l4_size = bare ? ND_SIZE : ND_SIZE + 8;
	struct vrs_writer w =
		ip(tx, link, dst_mac, src, dst, PROTO_ICMP6, ND_HOP_LIMIT, l4_size, false);
	uint8_t *h = w.at;

	no_pieces(tx);
	vrs_write_u8(&w, type);
	vrs_write_u8(&w, 0);
	vrs_write_u16(&w, 0);
	vrs_write_u32(&w, flags);
	vrs_write_bytes(&w, target->bytes, 16);
	if (!bare) {
		vrs_write_u8(&w, type == ICMP6_NS ? ND_SOURCE_MAC : ND_TARGET_MAC);
		vrs_write_u8(&w, 1);
		vrs_write_bytes(&w, link->src_mac, 6);
	}
	tx->l4_size = (uint16_t)l4_size;
	tx->head_size = (uint16_t)vrs_writer_size(&w);
	uint64_t sum = vrs_csum_pseudo(VRS_AFI_IP6, src->bytes, dst->bytes, PROTO_ICMP6, l4_size);
	put_csum(h + 2, vrs_csum_add(sum, h, l4_size));
}

void vrs_frame_build_ns(struct vrs_wire_tx *tx, const struct vrs_frame_link *link,
	const struct vrs_addr *src, const struct vrs_addr *target, bool unicast)
{
	const uint8_t *t = target->bytes;
	uint8_t group_mac[6] = {0x33, 0x33, 0xff, t[13], t[14], t[15]};
	struct vrs_addr group = {{0xff, 2, [11] = 1, 0xff, t[13], t[14], t[15]}, VRS_AFI_IP6};

	build_nd(tx, link, unicast ? link->dst_mac : group_mac, src, unicast ? target : &group,
		ICMP6_NS, 0, target, vrs_frame_unspecified(src));
}

void vrs_frame_build_na(struct vrs_wire_tx *tx, const struct vrs_frame_link *link,
	const struct vrs_addr *src, const struct vrs_addr *dst, bool solicited)
{
	enum { SOLICITED = 0x40, OVERRIDE = 0x20 };
	static const uint8_t all_nodes_mac[6] = {0x33, 0x33, 0, 0, 0, 1};
	bool all = memcmp(dst->bytes, all_nodes, 16) == 0;
	uint32_t flags = OVERRIDE | (solicited && !all ? SOLICITED : 0);

	build_nd(tx, link, all ? all_nodes_mac : link->dst_mac, src, dst, ICMP6_NA, flags << 24,
		src, false);
}

/* The request's identifier, sequence number and data, into the head or, where they do not fit, a chunk. */
static bool copy_echo(struct vrs_wire_tx *tx, struct vrs_writer *w, struct vrs_span rest)
{
	if (rest.size <= vrs_writer_left(w)) {
		vrs_write_bytes(w, rest.data, rest.size);
		return true;
	}
	struct vrs_chunk *c = vrs_chunk_new((uint32_t)rest.size);
	if (c == NULL)
		return false;
	memcpy(c->data, rest.data, rest.size);
	c->size = (uint32_t)rest.size;
	tx->n_pieces = 1;
	tx->pieces[0] = (struct vrs_wire_piece){c, 0, c->size};
	tx->size = c->size;
	return true;
}

bool vrs_frame_build_echo(struct vrs_wire_tx *tx, const struct vrs_frame_link *link,
	const struct vrs_frame_info *request, const struct vrs_addr *src)
{
	enum { TTL = 64 };
	bool ip6 = src->afi == VRS_AFI_IP6;
	uint32_t l4_size = request->l4_size;
	struct vrs_reader r = vrs_reader_init(request->l4, l4_size);
	struct vrs_writer w = ip(tx, link, link->dst_mac, src, &request->src,
		ip6 ? PROTO_ICMP6 : PROTO_ICMP, TTL, l4_size, false);
	uint8_t *h = w.at;

	no_pieces(tx);
	(void)vrs_read_u32(&r);
	vrs_write_u8(&w, ip6 ? ICMP6_ECHO_REPLY : ICMP_ECHO_REPLY);
	vrs_write_u8(&w, 0);
	vrs_write_u16(&w, 0);
	if (!copy_echo(tx, &w, vrs_read_span(&r, vrs_reader_left(&r))))
		return false;
	tx->l4_size = ICMP_SIZE;
	tx->head_size = (uint16_t)vrs_writer_size(&w);
	uint64_t sum = ip6
		? vrs_csum_pseudo(VRS_AFI_IP6, src->bytes, request->src.bytes, PROTO_ICMP6, l4_size)
		: 0;
	put_csum(h + 2, add_pieces(vrs_csum_add(sum, h, l4_size - tx->size), tx));
	return true;
}
