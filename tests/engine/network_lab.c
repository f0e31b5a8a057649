/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#include "tests/engine/network_lab.h"

#include <stdlib.h>
#include <string.h>

#include "engine/clock.h"
#include "io/bgp/encode.h"
#include "rib/aspath.h"
#include "rib/community.h"
#include "tests/io/mem_transport.h"
#include "tests/test.h"

enum { MAX_PEERS = 16, MAX_TOLD = 256, TEXT = 16384, MAX_TURNS = 20000, QUIET_TURNS = 6 };

struct told {
	struct vrs_prefix prefix;
	char text[256];
};

struct lab_peer {
	struct lab *lab;
	char who[64];
	struct vrs_addr address;
	uint32_t asn;
	bool ibgp;
	struct vrs_session *session;
	struct told told[MAX_TOLD];
	size_t n_told;
	struct vrs_session_error error; /* Of the last time it went down. */
	char heard[TEXT], text[TEXT];
};

struct lab {
	struct mem_net *net;
	struct vrs_transport *transport; /* Of the peers. */
	struct vrs_wheel wheel;
	struct vrs_engine engine;
	uint64_t now;
	struct lab_peer *peers[MAX_PEERS];
	size_t n_peers;
	char text[TEXT];
};

static void append(char *text, const char *line)
{
	assert_true(strlen(text) + strlen(line) < TEXT);
	strcat(text, line);
}

/* --- The peers' side --- */

static struct told *told_find(struct lab_peer *p, const struct vrs_prefix *prefix)
{
	for (size_t i = 0; i < p->n_told; i++)
		if (vrs_prefix_equal(&p->told[i].prefix, prefix))
			return &p->told[i];
	return NULL;
}

static void append_span(
	char *text, size_t size, const char *what, struct vrs_span span, unsigned width)
{
	struct vrs_reader r = vrs_reader_span(span);
	char one[VRS_COMMUNITY_STRLEN], sign = ' ';

	if (span.size == 0)
		return;
	(void)snprintf(text + strlen(text), size - strlen(text), " %s", what);
	for (; vrs_reader_left(&r) > 0; sign = ',') {
		const char *s = width == 12 ? vrs_large_community_str(vrs_read_bytes(&r, 12), one)
					    : vrs_community_str(vrs_read_u32(&r), one);

		(void)snprintf(text + strlen(text), size - strlen(text), "%c%s", sign, s);
	}
}

/* "via HOP path A-B lp N med N comm ..." of one field's attributes. */
static void describe(
	const struct vrs_bgp_update *u, enum vrs_bgp_which which, char *text, size_t size)
{
	static uint8_t bytes[VRS_BGP_CANONICAL_MAX];
	struct vrs_attrs_info info;
	struct vrs_span span = {0};
	char hop[VRS_ADDR_STRLEN], path[128];
	size_t n;

	assert_int_equal(vrs_bgp_update_canonical(u, which, bytes, sizeof(bytes), &n, &info), 0);
	(void)vrs_bgp_attr_find(bytes, n, VRS_BGP_AS_PATH, &span);
	(void)vrs_aspath_str(span, "-", path, sizeof(path));
	(void)snprintf(text, size, "via %s path %s", vrs_addr_str(&info.next_hop, hop),
		path[0] != '\0' ? path : "none");
	if (info.flags & VRS_ATTRS_HAS_LOCAL_PREF)
		(void)snprintf(text + strlen(text), size - strlen(text), " lp %u", info.local_pref);
	if (info.flags & VRS_ATTRS_HAS_MED)
		(void)snprintf(text + strlen(text), size - strlen(text), " med %u", info.med);
	span = (struct vrs_span){0};
	(void)vrs_bgp_attr_find(bytes, n, VRS_BGP_COMMUNITIES, &span);
	append_span(text, size, "comm", span, 4);
	if (info.flags & VRS_ATTRS_HAS_ORIGINATOR) {
		struct vrs_addr originator = vrs_addr_ip4(info.originator_id);

		(void)snprintf(text + strlen(text), size - strlen(text),
			" originator %s clusters %u", vrs_addr_str(&originator, hop),
			info.cluster_len);
	}
}

static size_t next_prefix(const struct vrs_bgp_nlri *nlri, size_t at, struct vrs_prefix *out)
{
	int n = vrs_prefix_read(out, nlri->afi, nlri->span.data + at, nlri->span.size - at);

	assert_true(n > 0);
	return (size_t)n;
}

static void hear_announced(struct lab_peer *p, const struct vrs_bgp_update *u,
	enum vrs_bgp_which which, const struct vrs_bgp_nlri *nlri)
{
	char attrs[200], prefix[VRS_PREFIX_STRLEN], line[300];

	if (nlri->n == 0)
		return;
	describe(u, which, attrs, sizeof(attrs));
	for (size_t at = 0; at < nlri->span.size;) {
		struct vrs_prefix pfx;

		at += next_prefix(nlri, at, &pfx);
		struct told *t = told_find(p, &pfx);
		if (t == NULL) {
			assert_true(p->n_told < MAX_TOLD);
			t = &p->told[p->n_told++];
		}
		t->prefix = pfx;
		(void)snprintf(
			t->text, sizeof(t->text), "%s %s", vrs_prefix_str(&pfx, prefix), attrs);
		(void)snprintf(line, sizeof(line), "+%s\n", t->text);
		append(p->heard, line);
	}
}

static void hear_withdrawn(struct lab_peer *p, const struct vrs_bgp_nlri *nlri)
{
	char prefix[VRS_PREFIX_STRLEN], line[80];

	for (size_t at = 0; nlri->n > 0 && at < nlri->span.size;) {
		struct vrs_prefix pfx;

		at += next_prefix(nlri, at, &pfx);
		struct told *t = told_find(p, &pfx);
		(void)snprintf(line, sizeof(line), "-%s%s\n", vrs_prefix_str(&pfx, prefix),
			t == NULL ? " (not told)" : "");
		append(p->heard, line);
		if (t != NULL)
			*t = p->told[--p->n_told];
	}
}

static void on_established(void *user, struct vrs_session *)
{
}

static void on_down(void *user, struct vrs_session *, const struct vrs_session_error *e)
{
	struct lab_peer *p = user;

	p->n_told = 0;
	p->error = *e;
	append(p->heard, "down\n");
}

static bool on_update(void *user, struct vrs_session *, const struct vrs_bgp_update *u)
{
	struct lab_peer *p = user;

	assert_int_equal(u->verdict.action, VRS_BGP_ACCEPT);
	hear_withdrawn(p, &u->withdrawn);
	hear_withdrawn(p, &u->mp_unreach);
	hear_announced(p, u, VRS_BGP_CLASSIC, &u->announced);
	hear_announced(p, u, VRS_BGP_MP, &u->mp_reach);
	return true;
}

static void on_refresh(void *user, struct vrs_session *, enum vrs_afi afi, unsigned subtype)
{
	struct lab_peer *p = user;

	if (subtype == VRS_BGP_REFRESH_REQUEST)
		append(p->heard, afi == VRS_AFI_IP6 ? "refresh ipv6\n" : "refresh ipv4\n");
}

static const struct vrs_session_ops ops = {
	.established = on_established,
	.down = on_down,
	.update = on_update,
	.refresh = on_refresh,
};

/* --- The world --- */

static struct vrs_config *parse(const char *yaml)
{
	struct vrs_cfg_report report = {0};
	struct vrs_config *config = NULL;
	int err = vrs_config_parse("lab", NULL, yaml, strlen(yaml), &report, &config);

	if (err != 0) {
		print_error("%s\n", yaml);
		vrs_cfg_report_print(&report, stderr);
	}
	assert_int_equal(err, 0);
	vrs_cfg_report_fini(&report);
	return config;
}

static uint64_t now_ms(void *ctx)
{
	const struct lab *lab = ctx;

	return lab->now;
}

struct lab *lab_new(const char *yaml)
{
	struct lab *lab = calloc(1, sizeof(*lab));
	struct vrs_engine_options options = {.clock = {now_ms, lab}};

	assert_non_null(lab);
	lab->now = 1000000;
	vrs_thread_register_rcu();
	lab->net = mem_net_new();
	lab->transport = mem_transport_new(lab->net);
	lab->transport->accept = vrs_session_accept;
	vrs_wheel_init(&lab->wheel, lab->now);
	assert_int_equal(vrs_engine_init(&lab->engine, mem_transport_new(lab->net), &options), 0);
	assert_int_equal(vrs_engine_apply(&lab->engine, parse(yaml)), 0);
	return lab;
}

void lab_free(struct lab *lab)
{
	vrs_engine_stop(&lab->engine, NULL);
	for (size_t i = 0; i < lab->n_peers; i++) {
		vrs_session_free(lab->peers[i]->session);
		free(lab->peers[i]);
	}
	vrs_engine_fini(&lab->engine);
	lab->transport->ops->free(lab->transport);
	mem_net_free(lab->net);
	free(lab);
	vrs_thread_unregister_rcu();
}

void lab_reload(struct lab *lab, const char *yaml)
{
	assert_int_equal(vrs_engine_apply(&lab->engine, parse(yaml)), 0);
	lab_settle(lab);
}

void lab_settle(struct lab *lab)
{
	for (unsigned i = 0, quiet = 0; quiet < QUIET_TURNS; i++) {
		assert_true(i < MAX_TURNS);
		vrs_engine_turn(&lab->engine, 0);
		bool moved = mem_net_settle(lab->net) > 0 || lab->engine.io.sweeping;
		(void)vrs_wheel_advance(&lab->wheel, lab->now);
		quiet = moved ? 0 : quiet + 1;
	}
}

void lab_wait(struct lab *lab, uint64_t ms)
{
	/* In steps as a thread would take: a timer may start another. */
	for (uint64_t end = lab->now + ms; lab->now < end; lab_settle(lab))
		lab->now += VRS_MIN(end - lab->now, 100);
}

struct vrs_server *lab_server(struct lab *lab)
{
	return lab->engine.io.servers;
}

static const struct vrs_cfg_bgp_connection *connection(
	const struct vrs_config *c, const char *name, const struct vrs_cfg_route_server **rs)
{
	for (size_t i = 0; i < c->n_route_servers; i++) {
		*rs = &c->route_servers[i];
		for (size_t j = 0; j < (*rs)->n_connections; j++)
			if (strcmp((*rs)->connections[j].name, name) == 0)
				return &(*rs)->connections[j];
	}
	fail_msg("no bgpConnection %s", name);
	return NULL;
}

static struct vrs_session_config session_config(const struct vrs_cfg_route_server *rs,
	const struct vrs_cfg_bgp_connection *c, unsigned instance)
{
	struct vrs_session_config sc = {
		.name = c->name,
		.local_as = c->peer_asn,
		.peer_as = rs->asn,
		.router_id = vrs_addr_ip4_bits(&c->peer_ip),
		.hold_s = 180,
		.keepalive_s = 60,
		.families = VRS_BGP_IP4 | VRS_BGP_IP6,
		.endpoint = {.local = c->peer_ip, .local_port = 179, .remote_port = 179},
	};

	for (size_t i = 0; i < rs->n_router_ips; i++)
		if (rs->router_ips[i].afi == c->peer_ip.afi && i % 2 == instance)
			sc.endpoint.remote = rs->router_ips[i];
	if (c->peer_ip.afi == VRS_AFI_IP6)
		sc.router_id = 0x0a010000u | c->peer_ip.bytes[15];
	return sc;
}

struct lab_peer *lab_peer(struct lab *lab, const char *who)
{
	for (size_t i = 0; i < lab->n_peers; i++)
		if (strcmp(lab->peers[i]->who, who) == 0)
			return lab->peers[i];

	struct lab_peer *p = calloc(1, sizeof(*p));
	const struct vrs_cfg_route_server *rs = NULL;
	const char *slash = strchr(who, '/');
	char name[64];

	assert_non_null(p);
	assert_non_null(slash);
	assert_true(lab->n_peers < MAX_PEERS);
	lab->peers[lab->n_peers++] = p;
	(void)snprintf(p->who, sizeof(p->who), "%s", who);
	(void)snprintf(name, sizeof(name), "%.*s", (int)(slash - who), who);
	const struct vrs_cfg_bgp_connection *c = connection(lab->engine.model->config, name, &rs);
	struct vrs_session_config sc = session_config(rs, c, (unsigned)atoi(slash + 1));
	p->lab = lab;
	p->address = c->peer_ip;
	p->asn = c->peer_asn;
	p->ibgp = c->peer_asn == rs->asn;
	p->session = vrs_session_new(&sc, lab->transport, &lab->wheel, &ops, p);
	assert_non_null(p->session);
	assert_int_equal(vrs_session_start(p->session), 0);
	lab_settle(lab);
	if (vrs_session_state(p->session) != VRS_SESSION_ESTABLISHED)
		fail_msg("%s is not Established but %s", who,
			vrs_session_state_str(vrs_session_state(p->session)));
	return p;
}

enum vrs_session_state lab_state(const struct lab_peer *p)
{
	return vrs_session_state(p->session);
}

const struct vrs_session_error *lab_error(const struct lab_peer *p)
{
	return &p->error;
}

const char *lab_who(const struct lab_peer *p)
{
	return p->who;
}

/* --- What a peer says --- */

static void write_path(struct vrs_writer *w, const struct lab_peer *p, const char *path)
{
	char own[16], copy[128], *rest = copy, *asn;
	size_t at = vrs_bgp_attr_open(w, VRS_BGP_FLAG_TRANSITIVE, VRS_BGP_AS_PATH);
	uint8_t n = 1;

	(void)snprintf(own, sizeof(own), "%u", p->asn);
	if (path == NULL)
		path = p->ibgp ? "none" : own;
	(void)snprintf(copy, sizeof(copy), "%s", path);
	if (strcmp(path, "none") != 0) {
		for (const char *s = path; (s = strchr(s, '-')) != NULL; s++)
			n++;
		vrs_write_u8(w, 2);
		vrs_write_u8(w, n);
		while ((asn = strsep(&rest, "-")) != NULL)
			vrs_write_u32(w, (uint32_t)strtoul(asn, NULL, 10));
	}
	vrs_bgp_attr_close(w, at);
}

static void write_u32(struct vrs_writer *w, uint8_t flags, uint8_t code, int value)
{
	uint8_t bytes[4];

	if (value < 0)
		return;
	vrs_put_u32(bytes, (uint32_t)value);
	vrs_bgp_attr_write(w, flags, code, (struct vrs_span){bytes, 4});
}

static void write_communities(struct vrs_writer *w, const char *text)
{
	char copy[128], *rest = copy, *one;

	if (text == NULL)
		return;
	(void)snprintf(copy, sizeof(copy), "%s", text);
	size_t at = vrs_bgp_attr_open(w, 0xc0, VRS_BGP_COMMUNITIES);
	while ((one = strsep(&rest, ",")) != NULL) {
		unsigned high, low;

		assert_int_equal(sscanf(one, "%u:%u", &high, &low), 2);
		vrs_write_u32(w, high << 16 | low);
	}
	vrs_bgp_attr_close(w, at);
}

/* Everything but what says where: ORIGIN to COMMUNITIES. */
static void write_attributes(
	struct vrs_writer *w, const struct lab_peer *p, const struct lab_route *r)
{
	uint8_t origin = (uint8_t)r->origin;

	vrs_bgp_attr_write(
		w, VRS_BGP_FLAG_TRANSITIVE, VRS_BGP_ORIGIN, (struct vrs_span){&origin, 1});
	write_path(w, p, r->path);
	write_u32(w, VRS_BGP_FLAG_OPTIONAL, VRS_BGP_MED, r->med);
	write_u32(w, VRS_BGP_FLAG_TRANSITIVE, VRS_BGP_LOCAL_PREF, r->local_pref);
	write_communities(w, r->communities);
}

/* The header in front of a body of what @p w holds beyond it, and off. */
static void send_update(struct lab *lab, struct lab_peer *p, uint8_t *message, size_t size)
{
	memset(message, 0xff, 16);
	vrs_put_u16(message + 16, (uint16_t)size);
	message[18] = VRS_BGP_UPDATE;
	assert_int_equal(vrs_session_send_message(p->session, message, size), 0);
	lab_settle(lab);
}

void lab_announce(struct lab *lab, struct lab_peer *p, const struct lab_route *r)
{
	uint8_t message[1024];
	struct vrs_writer w = vrs_writer_init(message, sizeof(message));
	struct vrs_prefix prefix;
	struct vrs_addr hop = p->address;

	assert_int_equal(vrs_prefix_parse(&prefix, r->prefix), 0);
	if (r->next_hop != NULL)
		assert_int_equal(vrs_addr_parse(&hop, r->next_hop), 0);
	bool mp = prefix.afi == VRS_AFI_IP6 || hop.afi == VRS_AFI_IP6;
	size_t hop_size = hop.afi == VRS_AFI_IP6 ? 16 : 4;
	(void)vrs_write_reserve(&w, 23);
	if (mp) {
		size_t at = vrs_bgp_attr_open(&w, VRS_BGP_FLAG_OPTIONAL, VRS_BGP_MP_REACH);

		vrs_write_u16(&w, prefix.afi);
		vrs_write_u8(&w, VRS_BGP_SAFI_UNICAST);
		vrs_write_u8(&w, (uint8_t)hop_size);
		vrs_write_bytes(&w, hop.bytes, hop_size);
		vrs_write_u8(&w, 0);
		vrs_prefix_write(&w, &prefix);
		vrs_bgp_attr_close(&w, at);
	} else {
		vrs_bgp_attr_write(&w, VRS_BGP_FLAG_TRANSITIVE, VRS_BGP_NEXT_HOP,
			(struct vrs_span){hop.bytes, hop_size});
	}
	write_attributes(&w, p, r);
	vrs_put_u16(message + 19, 0);
	vrs_put_u16(message + 21, (uint16_t)(vrs_writer_size(&w) - 23));
	if (!mp)
		vrs_prefix_write(&w, &prefix);
	assert_true(vrs_writer_ok(&w));
	send_update(lab, p, message, vrs_writer_size(&w));
}

void lab_withdraw(struct lab *lab, struct lab_peer *p, const char *text)
{
	uint8_t message[VRS_BGP_MAX_SIZE];
	struct vrs_bgp_pack pack;
	struct vrs_prefix prefix;

	assert_int_equal(vrs_prefix_parse(&prefix, text), 0);
	vrs_bgp_pack_begin_withdraw(&pack, message, sizeof(message), prefix.afi);
	assert_true(vrs_bgp_pack_add(&pack, &prefix));
	size_t size = vrs_bgp_pack_end(&pack);
	assert_int_equal(vrs_session_send_message(p->session, message, size), 0);
	lab_settle(lab);
}

/* --- What is seen --- */

static int told_cmp(const void *a, const void *b)
{
	const struct told *x = a, *y = b;

	return vrs_prefix_cmp(&x->prefix, &y->prefix);
}

const char *lab_told(struct lab_peer *p)
{
	p->text[0] = '\0';
	qsort(p->told, p->n_told, sizeof(*p->told), told_cmp);
	for (size_t i = 0; i < p->n_told; i++) {
		append(p->text, p->told[i].text);
		append(p->text, "\n");
	}
	return p->text;
}

const char *lab_heard(struct lab_peer *p)
{
	memcpy(p->text, p->heard, sizeof(p->text));
	p->heard[0] = '\0';
	return p->text;
}

static void append_hops(char *out, const struct vrs_effective_route *r)
{
	char hop[VRS_ADDR_STRLEN];

	for (size_t i = 0; i < r->n_next_hops; i++) {
		append(out, " ");
		append(out, vrs_addr_str(&r->next_hops[i], hop));
	}
}

static int append_row(void *ctx, const struct vrs_effective_route *r)
{
	char *out = ctx, prefix[VRS_PREFIX_STRLEN], line[128];

	(void)snprintf(line, sizeof(line), "%c %c %s %s", "DBU"[r->source], "AIS"[r->state],
		vrs_prefix_str(&r->prefix, prefix), vrs_next_hop_type_str(r->type));
	append(out, line);
	append_hops(out, r);
	if (r->state == VRS_ROUTE_SUPPRESSED) {
		(void)snprintf(line, sizeof(line), " by %s", vrs_prefix_str(&r->by, prefix));
		append(out, line);
	}
	append(out, "\n");
	return 0;
}

static size_t nic_index(const struct lab *lab, const char *nic)
{
	int i = vrs_model_nic(lab->engine.model, nic);

	if (i < 0)
		fail_msg("no network interface %s", nic);
	return (size_t)i;
}

const char *lab_rows(struct lab *lab, const char *nic)
{
	struct vrs_effective_cursor cursor = {.all = true};
	size_t i = nic_index(lab, nic);
	int more = 1;

	lab->text[0] = '\0';
	/* A row at a time: a listing goes on where it stopped. */
	while (more == 1) {
		vrs_rcu_enter();
		struct vrs_effective_view v = vrs_effective_view(lab->engine.model, i);
		more = vrs_effective_list(&v, &cursor, 1, append_row, lab->text);
		vrs_rcu_leave();
	}
	return lab->text;
}

const char *lab_match(struct lab *lab, const char *nic, const char *address)
{
	struct vrs_effective_route r;
	struct vrs_addr a;
	size_t i = nic_index(lab, nic);

	assert_int_equal(vrs_addr_parse(&a, address), 0);
	(void)strcpy(lab->text, "-");
	vrs_rcu_enter();
	struct vrs_effective_view v = vrs_effective_view(lab->engine.model, i);
	if (vrs_effective_match(&v, &a, &r)) {
		(void)strcpy(lab->text, vrs_next_hop_type_str(r.type));
		append_hops(lab->text, &r);
	}
	vrs_rcu_leave();
	return lab->text;
}
