/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

/*
 * Why a port does not come up, in words. DPDK says little (-1, -14) and its drivers log the rest: what can
 * be looked at beforehand is, and what the log said stands behind it.
 */

#include <errno.h>
#include <linux/capability.h>
#include <net/if.h>
#include <rte_version.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "io/dpdk/eal.h"
#include "io/dpdk/port_internal.h"
#include "io/dpdk/tap.h"
#include "rib/base/log.h"

enum { CAPABILITIES_SIZE = 128 };

bool vrs_port_argument(const char *device, const char *key, char *out, size_t size)
{
	size_t key_size = strlen(key);

	for (const char *at = strchr(device, ','); at != NULL; at = strchr(at, ',')) {
		at++;
		if (strncmp(at, key, key_size) != 0 || at[key_size] != '=')
			continue;
		const char *value = at + key_size + 1;
		size_t n = strcspn(value, ",");
		if (n == 0 || n >= size)
			return false;
		memcpy(out, value, n);
		out[n] = '\0';
		return true;
	}
	return false;
}

/* A packet socket on an interface of this namespace. */
static int foresee_af_packet(const char *device, char *why, size_t why_size)
{
	char iface[IFNAMSIZ];

	if (!vrs_port_argument(device, "iface", iface, sizeof(iface))) {
		(void)snprintf(why, why_size, "port %s: net_af_packet needs iface=NAME", device);
		return -EINVAL;
	}
	if (vrs_tap_interface(iface) < 0) {
		(void)snprintf(why, why_size,
			"port %s: there is no interface %s in this network namespace", device,
			iface);
		return -ENODEV;
	}
	int s = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (s < 0) {
		int err = errno;
		(void)snprintf(why, why_size, "port %s: a packet socket needs CAP_NET_RAW: %s",
			device, strerrordesc_np(err));
		return err == EPERM ? -EPERM : -ENODEV;
	}
	(void)close(s);
	return 0;
}

static int foresee_pci(const char *device, char *why, size_t why_size)
{
	char path[128];
	int n = (int)strcspn(device, ",");

	(void)snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s%.*s",
		strchr(device, ':') == strrchr(device, ':') ? "0000:" : "", n, device);
	if (access(path, F_OK) == 0)
		return 0;
	(void)snprintf(why, why_size, "port %s: there is no such PCI device (%s)", device, path);
	return -ENODEV;
}

int vrs_port_foresee(const struct vrs_dpdk_port *c, char *why, size_t why_size)
{
	if (vrs_eal_is_pci(c->device))
		return foresee_pci(c->device, why, why_size);
	if (strncmp(c->device, "net_af_packet", 13) == 0)
		return foresee_af_packet(c->device, why, why_size);
	return 0;
}

/* "net_af_packet0,iface=x" -> "af_packet". @return Whether it looks like that. */
static bool driver_of(const char *device, char *out, size_t size)
{
	size_t n = strcspn(device, ",");

	while (n > 0 && device[n - 1] >= '0' && device[n - 1] <= '9')
		n--;
	if (strncmp(device, "net_", 4) != 0 || n <= 4 || n - 4 >= size ||
		strchr(device, '/') != NULL)
		return false;
	memcpy(out, device + 4, n - 4);
	out[n - 4] = '\0';
	return true;
}

#define BIT(cap) (1ull << (cap))

/* What drivers cannot do without, and do not name themselves. */
static const struct {
	const char *driver;
	uint64_t caps;
} needing[] = {
	{"af_packet", BIT(CAP_NET_RAW) | BIT(CAP_NET_ADMIN)},
	/* libxdp walks the kernel's BPF maps by number: CAP_BPF does not allow that. */
	{"af_xdp", BIT(CAP_NET_RAW) | BIT(CAP_NET_ADMIN) | BIT(CAP_SYS_ADMIN) | BIT(CAP_IPC_LOCK)},
	{"tap", BIT(CAP_NET_ADMIN)},
};

static const struct {
	unsigned cap;
	const char *name;
} capabilities[] = {
	{CAP_NET_ADMIN, "CAP_NET_ADMIN"},
	{CAP_NET_RAW, "CAP_NET_RAW"},
	{CAP_SYS_ADMIN, "CAP_SYS_ADMIN"},
	{CAP_IPC_LOCK, "CAP_IPC_LOCK (or ulimit -l unlimited)"},
};

/* The calling thread's, and what its limits make up for. */
static uint64_t own_capabilities(void)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {0};
	struct rlimit locked = {0};

	if (syscall(SYS_capget, &head, data) != 0)
		return UINT64_MAX; /* Accuse nobody. */
	uint64_t caps = (uint64_t)data[1].effective << 32 | data[0].effective;
	(void)getrlimit(RLIMIT_MEMLOCK, &locked);
	return locked.rlim_cur == RLIM_INFINITY ? caps | BIT(CAP_IPC_LOCK) : caps;
}

/* "without CAP_X, CAP_Y: ", or "" where @p device's driver has all it needs. @return Whether it has not. */
static bool lacks(const char *device, char *out, size_t size)
{
	uint64_t missing = 0;
	char driver[32];
	size_t used = 0;

	out[0] = '\0';
	if (!driver_of(device, driver, sizeof(driver)))
		return false;
	for (size_t i = 0; i < VRS_N_ELEMS(needing); i++)
		if (strcmp(driver, needing[i].driver) == 0)
			missing = needing[i].caps & ~own_capabilities();
	for (size_t i = 0; i < VRS_N_ELEMS(capabilities) && used < size; i++)
		if ((missing & BIT(capabilities[i].cap)) != 0)
			used += (size_t)snprintf(out + used, size - used, "%s%s",
				used > 0 ? ", " : "without ", capabilities[i].name);
	if (missing != 0 && used < size)
		(void)snprintf(out + used, size - used, ": ");
	return missing != 0;
}

static void explain_pci(const char *device, const char *said, char *why, size_t why_size)
{
	bool vfio = access("/dev/vfio/vfio", R_OK | W_OK) == 0;

	(void)snprintf(why, why_size,
		"port %s: no driver took it%s%s; bind it first (dpdk-devbind.py --bind=vfio-pci "
		"%.12s)%s",
		device, said[0] != '\0' ? ": " : "", said, device,
		vfio ? ""
		     : "; /dev/vfio/vfio is not there for us: modprobe vfio-pci, and its group's "
		       "file "
		       "in /dev/vfio must be ours, with CAP_IPC_LOCK");
}

/* Debian: librte_net_af_packet.so is in librte-net-af-packet23. */
static void explain_missing(const char *device, char *why, size_t why_size)
{
	char driver[32], package[32];

	if (!driver_of(device, driver, sizeof(driver))) {
		(void)snprintf(why, why_size,
			"port %s: no driver has this name: a virtual device is net_DRIVER and a "
			"number "
			"(net_af_packet0,iface=eth1), a PCI device its address (0000:01:00.0)",
			device);
		return;
	}
	(void)snprintf(package, sizeof(package), "%s", driver);
	for (char *c = package; *c != '\0'; c++)
		*c = *c == '_' ? '-' : *c;
	(void)snprintf(why, why_size,
		"port %s: DPDK %d.%02d here has no driver net_%s (librte_net_%s.so in %s; Debian's "
		"package would be librte-net-%s23)",
		device, RTE_VER_YEAR, RTE_VER_MONTH, driver, driver,
		RTE_EAL_PMD_PATH[0] != '\0' ? RTE_EAL_PMD_PATH : "its plugins", package);
}

int vrs_port_explain_probe(const char *device, int err, char *why, size_t why_size)
{
	char said[400], without[CAPABILITIES_SIZE];

	vrs_eal_complaints(said, sizeof(said));
	if (vrs_eal_is_pci(device)) {
		explain_pci(device, said, why, why_size);
		return -ENODEV;
	}
	/* No bus knows the name. */
	if (err == -EFAULT || strstr(said, "failed to parse device") != NULL) {
		explain_missing(device, why, why_size);
		return -ENODEV;
	}
	bool is_poor = lacks(device, without, sizeof(without));
	if (err == -ENOMEM && !is_poor)
		return vrs_port_explain(device, "making it", err, why, why_size);
	(void)snprintf(why, why_size, "port %s: %sits driver refuses: %s", device, without,
		said[0] != '\0'             ? said
			: vrs_eal_adopted() ? "see the host's DPDK log"
					    : strerror(-err));
	return is_poor ? -EPERM : err == -EINVAL ? -EINVAL : -ENODEV;
}

/* What would help against @p err, which becomes one of vrs_port_new()'s. */
static const char *hint_against(int *err)
{
	switch (*err) {
	case -ENOMEM:
		return vrs_eal_more_memory();
	case -EBUSY:
		return "the host application has started it: stop it first";
	case -EPERM:
	case -EACCES:
		*err = -EPERM;
		return "it needs CAP_NET_ADMIN, or root";
	case -EINVAL:
		return "";
	default:
		*err = -ENODEV;
		return "";
	}
}

int vrs_port_explain(const char *device, const char *step, int err, char *why, size_t why_size)
{
	char said[400], without[CAPABILITIES_SIZE];
	const char *what = strerror(-err), *hint = hint_against(&err);

	vrs_eal_complaints(said, sizeof(said));
	if (lacks(device, without, sizeof(without)) && err != -EBUSY)
		err = -EPERM;
	(void)snprintf(why, why_size, "port %s: %s%s: %s%s%s%s%s", device, without, step, what,
		said[0] != '\0' ? ": " : "", said, hint[0] != '\0' ? "; " : "", hint);
	return err;
}
