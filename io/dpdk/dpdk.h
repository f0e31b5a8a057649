/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#pragma once

/**
 * @file
 * io/transport.h over DPDK ports: frames in, our own TCP (io/dpdk/tcp.h) on the polling thread.
 *
 * This header is there in every build; without DPDK (-Ddpdk=disabled) making transports fails with
 * -ENOSYS and a text that says so. It names no rte_ type.
 */

#include "io/dpdk/badwire.h"
#include "io/transport.h"
#include "rib/base/macro.h"

/** A port: a vdev ("net_af_packet0,iface=veth0") or a PCI address ("0000:01:00.0"). */
struct vrs_dpdk_port {
	const char *device;
	struct vrs_addr *addresses; /**< Ours on it. */
	uint8_t *lens;              /**< Their prefixes' lengths: what is on the link. */
	unsigned n_addresses;
	struct vrs_addr gateways[2]; /**< IPv4's and IPv6's; afi 0: none. */
	uint16_t vlan;               /**< 0: untagged. */
	uint16_t mtu;                /**< 0: the port's own. */
	uint16_t queues;             /**< 0: one for each I/O thread, or as many as it has. */
	const char *exception_tap;   /**< NULL: what is not for us is dropped. */
	struct vrs_badwire_config bad_wire; /**< All zero: none. */
};

struct vrs_dpdk_config {
	const char *const *eal; /**< Arguments for EAL behind our own. */
	unsigned n_eal;
	const struct vrs_dpdk_port *ports;
	unsigned n_ports;
};

/** Whether this build has DPDK. */
bool vrs_dpdk_built(void);

/**
 * Start EAL, or adopt the one that the host application has initialised, start the ports and make a
 * family of @p n transports over them, each to be freed by its ops while none of them is polled; the
 * last takes the ports along. The transports say NULL for what no port has (endpoint_add:
 * -EADDRNOTAVAIL).
 *
 * @param[out] why  Why it failed, for a person: what is missing and what would help.
 * @return 0; -ENOSYS, -EINVAL, -ENODEV, -ENOMEM, -EPERM.
 */
VRS_NODISCARD int vrs_dpdk_transports_new(const struct vrs_dpdk_config *config, unsigned n,
	struct vrs_transport **out, char *why, size_t why_size);
