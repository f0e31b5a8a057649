/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

/*
 * What a port says of itself: its link, and what it lost before or behind us.
 *
 * A look may ask a NIC's firmware and take milliseconds, so no I/O thread does it: EAL's interrupt thread
 * does, each second, for what the log says of the link; and whoever wants the figures. They take turns.
 *
 * net_af_packet and net_af_xdp call their link up as soon as they are started. The kernel knows better of
 * the interface below: it is asked through a socket of the network namespace in which the port was made.
 */

#include <rte_alarm.h>
#include <rte_version.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io/dpdk/port_internal.h"
#include "rib/base/log.h"

enum { PERIOD_US = 1000000 };

static enum vrs_port_link ask_kernel(const struct vrs_port *p)
{
	struct ifreq r = {0};

	(void)snprintf(r.ifr_name, sizeof(r.ifr_name), "%s", p->watch.iface);
	if (ioctl(p->watch.fd, SIOCGIFFLAGS, &r) != 0)
		return VRS_PORT_LINK_DOWN; /* Gone. */
	return (r.ifr_flags & IFF_UP) != 0 && (r.ifr_flags & IFF_RUNNING) != 0 ? VRS_PORT_LINK_UP
									       : VRS_PORT_LINK_DOWN;
}

static enum vrs_port_link ask_driver(const struct vrs_port *p)
{
	struct rte_eth_link link = {0};

	if (rte_eth_link_get_nowait(p->id, &link) != 0)
		return VRS_PORT_LINK_UNKNOWN;
	return link.link_status == RTE_ETH_LINK_UP ? VRS_PORT_LINK_UP : VRS_PORT_LINK_DOWN;
}

/* The lock is held. */
static void look(struct vrs_port *p)
{
	enum vrs_port_link link = p->watch.fd >= 0 ? ask_kernel(p) : ask_driver(p);

	if (link != p->watch.link)
		vrs_log(link == VRS_PORT_LINK_DOWN ? VRS_LOG_WARNING : VRS_LOG_INFO,
			"dpdk: port %s: link is %s", p->name,
			link == VRS_PORT_LINK_UP             ? "up"
				: link == VRS_PORT_LINK_DOWN ? "down"
							     : "unknown");
	p->watch.link = link;
}

static void watch(void *arg)
{
	struct vrs_port *p = arg;

	pthread_mutex_lock(&p->watch.lock);
	look(p);
	pthread_mutex_unlock(&p->watch.lock);
	if (rte_eal_alarm_set(PERIOD_US, watch, p) != 0)
		vrs_log(VRS_LOG_WARNING, "dpdk: port %s: its link is watched no more", p->name);
}

void vrs_port_watch_init(struct vrs_port *p)
{
	pthread_mutex_init(&p->watch.lock, NULL);
	p->watch.fd = -1;
	p->watch.link = VRS_PORT_LINK_UP; /* Only what is unusual is said at first. */
}

void vrs_port_watch_start(struct vrs_port *p, const char *iface)
{
	if (iface != NULL) {
		(void)snprintf(p->watch.iface, sizeof(p->watch.iface), "%s", iface);
		p->watch.fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	}
	/* One that the host has used before has counted for the host. */
	(void)rte_eth_stats_get(p->id, &p->watch.before);
	p->watch.on = true;
	watch(p);
}

void vrs_port_watch_fini(struct vrs_port *p)
{
	if (p->watch.on)
		(void)rte_eal_alarm_cancel(watch, p); /* Waits for one that runs. */
	/* EAL's thread is done with the port; ThreadSanitizer sees that by the lock alone. */
	pthread_mutex_lock(&p->watch.lock);
	pthread_mutex_unlock(&p->watch.lock);
	if (p->watch.fd >= 0)
		(void)close(p->watch.fd);
	pthread_mutex_destroy(&p->watch.lock);
}

void vrs_port_stat(struct vrs_port *p, struct vrs_transport_port *out)
{
	const struct rte_eth_stats *before = &p->watch.before;
	struct rte_eth_stats now = *before;
	enum vrs_port_link link;

	pthread_mutex_lock(&p->watch.lock);
	look(p);
	link = p->watch.link;
	(void)rte_eth_stats_get(p->id, &now);
	pthread_mutex_unlock(&p->watch.lock);
	*out = (struct vrs_transport_port){
		.name = p->name,
		.link = link,
		.missed = now.imissed - before->imissed,
		.rx_errors = now.ierrors - before->ierrors,
		.tx_errors = now.oerrors - before->oerrors,
		.no_buffers = now.rx_nombuf - before->rx_nombuf,
		.chained_lost = atomic_load_explicit(&p->chained_lost, memory_order_relaxed),
		.tap_lost = atomic_load_explicit(&p->tap_lost, memory_order_relaxed),
	};
}
