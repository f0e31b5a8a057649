/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

/*
 * A port's life: foresee, probe, configure, pools, queues, start; and back.
 *
 * **Pools.** `rx` has room for a whole frame in one buffer, so that frames are contiguous: one for each
 * descriptor, what each thread may hold (VRS_PORT_HOLD), bursts and caches. `tx` is as wide, for frames
 * that are copied. `ref` has buffers without room, for pieces of chunks.
 *
 * **By reference.** Chunks are ordinary memory. A device reads it only when a driver copies it on a CPU:
 * that is known of the drivers by_cpu. Others (PCI, or what shares its pools with another process)
 * get a copy, for our heap is not mapped for them.
 */

#include "io/dpdk/port_internal.h"

#include <errno.h>
#include <net/if.h>
#include <rte_dev.h>
#include <rte_errno.h>
#include <rte_ether.h>
#include <rte_malloc.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "io/dpdk/eal.h"
#include "io/dpdk/tap.h"
#include "rib/base/log.h"
#include "rib/base/mem.h"

enum {
	DESCRIPTORS = 1024,
	CACHE = 256,
	MTU_DEFAULT = 1500,
	REF_SIZE = 256, /* Of a buffer without room, and what the pool adds. */
	/* Of Ethernet around a packet: header, two VLAN tags, checksum. */
	AROUND = RTE_ETHER_HDR_LEN + 2 * RTE_VLAN_HLEN + RTE_ETHER_CRC_LEN,
};

/** What is known of a driver. Of one that is not here: nothing. */
struct driver {
	const char *name;
	bool by_cpu;       /* Copies what is sent, on a CPU, out of any number of segments. */
	bool interrupts;   /* Its receive interrupts have been tried. */
	bool on_interface; /* Of the kernel, its `iface`; does not look whether that is up. */
	uint16_t mtu;  /* It says that it takes longer packets, and they do not arrive; 0: no. */
	uint32_t kept; /* Buffers of its own choice, per queue. */
	const char *key,
		*value; /* An argument that it gets unless the device has one; NULL: none. */
};

static const struct driver drivers[] = {
	/* It has places for 512 frames: less than one peer may send at once, and what finds none is lost without a
	 * trace. */
	{.name = "net_af_packet",
		.by_cpu = true,
		.on_interface = true,
		.key = "framecnt",
		.value = "2048"},
	/* It fills a ring of 4096 for the kernel and copies what is sent into as many more of the same pool; what it
	 * gives the kernel has 2 KiB, of which 512 bytes are for others. */
	{.name = "net_af_xdp", .on_interface = true, .mtu = 1500, .kept = 8192},
	{.name = "net_tap", .by_cpu = true, .interrupts = true},
	{.name = "net_ring", .by_cpu = true},
	{.name = "net_null", .by_cpu = true},
};

/* @p name  A driver's, or a device's, which begins with its driver's where it is virtual. */
static const struct driver *driver_of(const char *name)
{
	static const struct driver unknown;

	for (size_t i = 0; i < VRS_N_ELEMS(drivers); i++)
		if (strncmp(name, drivers[i].name, strlen(drivers[i].name)) == 0)
			return &drivers[i];
	return &unknown;
}

/* ---- Sizes -------------------------------------------------------------------------------- */

/* Whole KiB, 2 at least: what NICs and net_af_packet count in. */
static uint16_t room_for(uint16_t mtu)
{
	return (uint16_t)(RTE_PKTMBUF_HEADROOM + VRS_MAX(RTE_ALIGN_CEIL(mtu + AROUND, 1024), 2048));
}

static uint32_t n_rx_buffers(const char *device, unsigned n_rx, unsigned n_desc, unsigned n_threads)
{
	return n_rx * (n_desc + driver_of(device)->kept) +
		n_threads * (VRS_PORT_HOLD + VRS_PORT_BURST + 2 * CACHE);
}

static uint32_t n_tx_buffers(unsigned n_tx, unsigned n_desc, unsigned n_threads)
{
	return n_tx * n_desc + n_threads * (VRS_PORT_BURST + 2 * CACHE);
}

uint32_t vrs_port_memory_mib(const struct vrs_dpdk_port *c, unsigned n_threads)
{
	uint64_t buffer = sizeof(struct rte_mbuf) + sizeof(struct vrs_port_ref) +
		RTE_MEMPOOL_ALIGN * 2 + room_for(c->mtu);
	uint64_t bytes = n_rx_buffers(c->device, n_threads, DESCRIPTORS, n_threads) * buffer +
		n_tx_buffers(n_threads, DESCRIPTORS, n_threads) *
			(buffer + VRS_WIRE_PIECES_MAX * (uint64_t)REF_SIZE);

	/* A quarter for what pages and alignment waste, rings and drivers. */
	return (uint32_t)(bytes * 5 / 4 >> 20) + 32;
}

/* ---- Making ------------------------------------------------------------------------------- */

/* What failing steps need. */
struct making {
	struct vrs_port *p;
	const struct vrs_dpdk_port *c;
	struct rte_eth_dev_info info;
	char *why;
	size_t why_size;
};

static int fail(const struct making *m, const char *step, int err)
{
	return vrs_port_explain(m->c->device, step, err, m->why, m->why_size);
}

/* Make the device, with what we know better than its driver. */
static int make_device(const char *device)
{
	const struct driver *d = driver_of(device);
	char text[512], had[32];

	if (d->key == NULL || vrs_port_argument(device, d->key, had, sizeof(had)))
		return rte_dev_probe(device);
	int n = snprintf(text, sizeof(text), "%s,%s=%s", device, d->key, d->value);
	return rte_dev_probe((size_t)n < sizeof(text) ? text : device);
}

/* The device by its name, or made. */
static int probe(struct making *m)
{
	struct vrs_port *p = m->p;
	size_t n = strcspn(m->c->device, ",");

	if (n >= sizeof(p->name))
		return fail(m, "its name", -EINVAL);
	memcpy(p->name, m->c->device, n);
	if (rte_eth_dev_get_port_by_name(p->name, &p->id) == 0)
		return 0;
	int err = vrs_port_foresee(m->c, m->why, m->why_size);
	if (err != 0)
		return err;
	err = make_device(m->c->device);
	if (err == 0)
		err = rte_eth_dev_get_port_by_name(p->name, &p->id);
	if (err != 0)
		return vrs_port_explain_probe(m->c->device, err, m->why, m->why_size);
	p->probed = true;
	return 0;
}

/* How many queues of each kind. A fan-out feeds all it was told of, so all must be read. */
static int choose_queues(struct making *m)
{
	const struct rte_eth_dev_info *info = &m->info;
	struct vrs_port *p = m->p;
	uint16_t wanted = (uint16_t)p->n_threads;

	if (m->c->queues > 0)
		wanted = VRS_MIN(wanted, m->c->queues);
	p->n_rx = VRS_MIN(wanted, info->max_rx_queues);
	p->n_tx = VRS_MIN(wanted, info->max_tx_queues);
	if (p->n_rx == 0 || p->n_tx == 0)
		return fail(m, "it has no queues", -ENODEV);
	if (strcmp(info->driver_name, "net_af_packet") == 0 && info->max_rx_queues > p->n_rx) {
		(void)snprintf(m->why, m->why_size,
			"port %s: %u queues (qpairs) for %u threads: frames of the others would be "
			"lost",
			m->c->device, info->max_rx_queues, p->n_rx);
		return -EINVAL;
	}
	p->n_rx_desc = p->n_tx_desc = DESCRIPTORS;
	p->rss = p->n_rx > 1 &&
		(info->flow_type_rss_offloads & (RTE_ETH_RSS_IP | RTE_ETH_RSS_TCP)) != 0;
	return 0;
}

/* Our packets' size: what is configured, or Ethernet's, or less where the interface is smaller. */
static int choose_mtu(struct making *m)
{
	char iface[IFNAMSIZ];
	uint16_t mtu = m->c->mtu > 0 ? m->c->mtu : MTU_DEFAULT;
	uint16_t most = m->info.max_mtu;

	if (m->info.max_rx_pktlen < UINT16_MAX)
		most = VRS_MIN(most,
			(uint16_t)(m->info.max_rx_pktlen - RTE_ETHER_HDR_LEN - RTE_ETHER_CRC_LEN));
	if (strcmp(m->info.driver_name, "net_af_packet") == 0 &&
		vrs_port_argument(m->c->device, "iface", iface, sizeof(iface))) {
		int of_iface = vrs_tap_interface(iface);
		most = of_iface > 0 && of_iface < most ? (uint16_t)of_iface : most;
	}
	const struct driver *d = driver_of(m->info.driver_name);
	if (d->mtu > 0)
		most = VRS_MIN(most, d->mtu);
	if (mtu > most && m->c->mtu > 0) {
		(void)snprintf(m->why, m->why_size, "port %s: mtu %u; it takes %u at most",
			m->c->device, mtu, most);
		return -EINVAL;
	}
	m->p->mtu = VRS_MIN(mtu, most);
	return 0;
}

static int configure(struct making *m)
{
	struct vrs_port *p = m->p;
	const struct rte_eth_dev_info *info = &m->info;
	uint64_t csum = RTE_ETH_TX_OFFLOAD_IPV4_CKSUM | RTE_ETH_TX_OFFLOAD_TCP_CKSUM;
	struct rte_eth_conf conf = {0};

	p->by_reference = driver_of(info->driver_name)->by_cpu &&
		(info->tx_offload_capa & RTE_ETH_TX_OFFLOAD_MULTI_SEGS) != 0;
	p->intr = driver_of(info->driver_name)->interrupts;
	conf.rxmode.mtu = p->mtu;
	conf.rxmode.offloads = info->rx_offload_capa &
		(RTE_ETH_RX_OFFLOAD_IPV4_CKSUM | RTE_ETH_RX_OFFLOAD_TCP_CKSUM);
	/* A driver that does it on a CPU saves nothing, and net_tap of 22.11 gets it wrong where a piece that is not
	 * the last has an odd size. */
	if (!p->by_reference && (info->tx_offload_capa & csum) == csum)
		p->tx_offloads = csum;
	if (p->by_reference)
		p->tx_offloads |= RTE_ETH_TX_OFFLOAD_MULTI_SEGS;
	conf.txmode.offloads = p->tx_offloads;
	conf.intr_conf.rxq = p->intr;
	if (p->rss) {
		conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
		conf.rx_adv_conf.rss_conf.rss_hf =
			info->flow_type_rss_offloads & (RTE_ETH_RSS_IP | RTE_ETH_RSS_TCP);
	}
	int err = rte_eth_dev_configure(p->id, p->n_rx, p->n_tx, &conf);
	if (err == 0)
		err = rte_eth_dev_adjust_nb_rx_tx_desc(p->id, &p->n_rx_desc, &p->n_tx_desc);
	p->configured = err == 0;
	return err != 0 ? fail(m, "configuring it", err) : 0;
}

static int make_pools(struct making *m)
{
	struct vrs_port *p = m->p;
	int socket = rte_eth_dev_socket_id(p->id);
	uint32_t n_tx = n_tx_buffers(p->n_tx, p->n_tx_desc, p->n_threads);
	uint16_t room = room_for(p->mtu);
	char name[RTE_MEMPOOL_NAMESIZE];
	/* A pool may outlive its port (pool_free()), whose number another one gets then. */
	static _Atomic uint32_t serial;
	uint32_t number = atomic_fetch_add(&serial, 1);

	(void)snprintf(name, sizeof(name), "vrs_rx%u", number);
	p->rx = rte_pktmbuf_pool_create(name,
		n_rx_buffers(m->c->device, p->n_rx, p->n_rx_desc, p->n_threads), CACHE, 0, room,
		socket);
	(void)snprintf(name, sizeof(name), "vrs_tx%u", number);
	p->tx = rte_pktmbuf_pool_create(name, n_tx, CACHE, 0, room, socket);
	(void)snprintf(name, sizeof(name), "vrs_ref%u", number);
	if (p->by_reference)
		p->ref = rte_pktmbuf_pool_create(name, VRS_WIRE_PIECES_MAX * n_tx, CACHE,
			RTE_ALIGN_CEIL(sizeof(struct vrs_port_ref), RTE_MBUF_PRIV_ALIGN), 0,
			socket);
	if (p->rx != NULL && p->tx != NULL && (p->ref != NULL || !p->by_reference))
		return 0;
	return fail(m, "buffers", rte_errno == EEXIST ? -EBUSY : -ENOMEM);
}

static int make_locks(struct making *m)
{
	struct vrs_port *p = m->p;

	if (p->n_tx >= p->n_threads)
		return 0;
	p->locks = rte_zmalloc(NULL, p->n_tx * sizeof(*p->locks), 0);
	return p->locks != NULL ? 0 : fail(m, "locks", -ENOMEM);
}

static int start_queues(struct making *m)
{
	struct vrs_port *p = m->p;
	struct rte_eth_txconf txconf = m->info.default_txconf;
	int socket = rte_eth_dev_socket_id(p->id), err = 0;

	txconf.offloads = p->tx_offloads;
	for (uint16_t q = 0; q < p->n_rx && err == 0; q++)
		err = rte_eth_rx_queue_setup(p->id, q, p->n_rx_desc, (unsigned)socket, NULL, p->rx);
	for (uint16_t q = 0; q < p->n_tx && err == 0; q++)
		err = rte_eth_tx_queue_setup(p->id, q, p->n_tx_desc, (unsigned)socket, &txconf);
	if (err != 0)
		return fail(m, "its queues", err);
	err = rte_eth_dev_start(p->id);
	return err != 0 ? fail(m, "starting it", err) : 0;
}

/* Neighbour discovery comes by multicast. A device that filters needs a word about that. */
static void hear_multicast(struct vrs_port *p)
{
	if (rte_eth_allmulticast_enable(p->id) == 0)
		return;
	p->promiscuous =
		rte_eth_promiscuous_get(p->id) != 1 && rte_eth_promiscuous_enable(p->id) == 0;
	if (rte_eth_promiscuous_get(p->id) != 1)
		vrs_log(VRS_LOG_WARNING,
			"dpdk: port %s takes no multicast on request: IPv6 neighbours may not find "
			"us",
			p->name);
}

/* The MTU of a device that has an idea of its own; some have none. */
static int set_mtu(struct making *m)
{
	int err = 0;

	if (m->c->mtu > 0 && strcmp(m->info.driver_name, "net_af_packet") != 0)
		err = rte_eth_dev_set_mtu(m->p->id, m->p->mtu);
	return err == 0 || err == -ENOTSUP ? 0 : fail(m, "its MTU", err);
}

static int set_up(struct making *m)
{
	struct vrs_port *p = m->p;
	struct rte_ether_addr mac;
	int err = probe(m);

	if (err != 0)
		return err;
	err = rte_eth_dev_info_get(p->id, &m->info);
	if (err != 0)
		return fail(m, "asking it", err);
	err = choose_queues(m);
	err = err != 0 ? err : choose_mtu(m);
	err = err != 0 ? err : configure(m);
	err = err != 0 ? err : make_pools(m);
	err = err != 0 ? err : make_locks(m);
	err = err != 0 ? err : set_mtu(m);
	err = err != 0 ? err : start_queues(m);
	if (err != 0)
		return err;
	hear_multicast(p);
	(void)rte_eth_macaddr_get(p->id, &mac);
	if (rte_is_zero_ether_addr(&mac)) /* A ring has none. */
		rte_eth_random_addr(mac.addr_bytes);
	memcpy(p->mac, mac.addr_bytes, sizeof(p->mac));
	if (m->c->exception_tap != NULL) {
		p->tap = vrs_tap_open(m->c->exception_tap, p->mac, p->mtu, m->why, m->why_size);
		err = p->tap < 0 ? p->tap : 0;
	}
	return err;
}

static void log_port(const struct making *m)
{
	const struct vrs_port *p = m->p;

	vrs_log(VRS_LOG_INFO,
		"dpdk: port %s (%s): %02x:%02x:%02x:%02x:%02x:%02x, MTU %u, %u receive and %u "
		"transmit "
		"queues for %u threads, %s, checksums %s, pieces %s",
		m->c->device, m->info.driver_name, p->mac[0], p->mac[1], p->mac[2], p->mac[3],
		p->mac[4], p->mac[5], p->mtu, p->n_rx, p->n_tx, p->n_threads,
		p->n_rx == 1     ? "one flow of frames"
			: p->rss ? "spread by the port (RSS)"
				 : "spread by the driver, if at all",
		(p->tx_offloads & RTE_ETH_TX_OFFLOAD_TCP_CKSUM) != 0 ? "by the port" : "by us",
		p->by_reference ? "by reference" : "copied");
}

static void watch_port(const struct making *m)
{
	char iface[IFNAMSIZ];
	bool has = driver_of(m->info.driver_name)->on_interface &&
		vrs_port_argument(m->c->device, "iface", iface, sizeof(iface));

	vrs_port_watch_start(m->p, has ? iface : NULL);
}

static void port_free(struct vrs_port *p);

int vrs_port_new(const struct vrs_dpdk_port *c, unsigned n_threads, struct vrs_port **out,
	char *why, size_t why_size)
{
	struct vrs_port *p = vrs_mem_zalloc(VRS_MEM_OTHER, sizeof(*p));
	struct making m = {.p = p, .c = c, .why = why, .why_size = why_size};

	if (p == NULL) {
		(void)snprintf(why, why_size, "port %s: no memory", c->device);
		return -ENOMEM;
	}
	p->n_threads = n_threads;
	p->tap = -1;
	p->bad_wire = c->bad_wire;
	p->id = RTE_MAX_ETHPORTS;
	atomic_init(&p->refs, 1);
	vrs_port_watch_init(p);
	vrs_eal_complaints_clear();
	int err = set_up(&m);
	if (err != 0) {
		port_free(p);
		return err;
	}
	log_port(&m);
	watch_port(&m);
	*out = p;
	return 0;
}

/* ---- Unmaking ----------------------------------------------------------------------------- */

/* A buffer that is still elsewhere (a ring between two ports) must not lose its pool. */
static void pool_free(struct rte_mempool *pool)
{
	if (pool != NULL && rte_mempool_avail_count(pool) < pool->size)
		vrs_log(VRS_LOG_DEBUG, "dpdk: %u buffers of %s are out: it stays",
			pool->size - rte_mempool_avail_count(pool), pool->name);
	else
		rte_mempool_free(pool);
}

static void close_device(struct vrs_port *p)
{
	struct rte_eth_dev_info info = {0};

	if (p->configured)
		(void)rte_eth_dev_stop(p->id);
	if (p->promiscuous)
		(void)rte_eth_promiscuous_disable(p->id);
	if (!p->probed)
		return; /* The host's: it may go on with it. */
	(void)rte_eth_dev_info_get(p->id, &info);
	(void)rte_eth_dev_close(p->id);
	if (info.device != NULL && rte_dev_remove(info.device) != 0)
		vrs_log(VRS_LOG_DEBUG, "dpdk: port %s could not be removed", p->name);
}

static void port_free(struct vrs_port *p)
{
	uint64_t tap_lost = atomic_load(&p->tap_lost), chained = atomic_load(&p->chained_lost);

	if (tap_lost + chained > 0)
		vrs_log(VRS_LOG_INFO, "dpdk: port %s: %ju frames lost at its TAP, %ju in pieces",
			p->name, (uintmax_t)tap_lost, (uintmax_t)chained);
	vrs_port_watch_fini(p);
	if (p->tap >= 0)
		(void)close(p->tap);
	if (p->id != RTE_MAX_ETHPORTS)
		close_device(p);
	pool_free(p->ref);
	pool_free(p->tx);
	pool_free(p->rx);
	rte_free(p->locks);
	vrs_mem_free(VRS_MEM_OTHER, p, sizeof(*p));
}

void vrs_port_put(struct vrs_port *p)
{
	if (p != NULL && atomic_fetch_sub(&p->refs, 1) == 1)
		port_free(p);
}

void vrs_port_facts(const struct vrs_port *p, struct vrs_port_facts *out)
{
	*out = (struct vrs_port_facts){p->by_reference, p->rss, p->intr, p->n_rx, p->n_tx};
}

void vrs_port_copy_only(struct vrs_port *p)
{
	p->by_reference = false;
}
