/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#include "io/dpdk/tap.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_arp.h>
#include <linux/if_tun.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

enum {
	MACS_SIZE = 12,
	TAG_SIZE = 4,
};

static void set_name(struct ifreq *r, const char *name)
{
	memset(r, 0, sizeof(*r));
	(void)snprintf(r->ifr_name, sizeof(r->ifr_name), "%s", name);
}

int vrs_tap_interface(const char *name)
{
	struct ifreq r;
	int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), mtu = -ENODEV;

	if (s < 0)
		return -errno;
	set_name(&r, name);
	if (ioctl(s, SIOCGIFMTU, &r) == 0)
		mtu = r.ifr_mtu;
	(void)close(s);
	return mtu;
}

/* MAC, MTU, up. @return 0 or a negative errno. */
static int configure(const char *name, const uint8_t mac[6], uint16_t mtu)
{
	struct ifreq r;
	int err = 0, s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (s < 0)
		return -errno;
	set_name(&r, name);
	r.ifr_hwaddr.sa_family = ARPHRD_ETHER;
	memcpy(r.ifr_hwaddr.sa_data, mac, 6);
	if (ioctl(s, SIOCSIFHWADDR, &r) != 0)
		err = -errno;
	set_name(&r, name);
	r.ifr_mtu = mtu;
	if (err == 0 && ioctl(s, SIOCSIFMTU, &r) != 0)
		err = -errno;
	set_name(&r, name);
	if (err == 0 && ioctl(s, SIOCGIFFLAGS, &r) != 0)
		err = -errno;
	r.ifr_flags |= IFF_UP;
	if (err == 0 && ioctl(s, SIOCSIFFLAGS, &r) != 0)
		err = -errno;
	(void)close(s);
	return err;
}

/* What would help, where the kernel's word does not tell. EINVAL of TUNSETIFF: whatever @p name is already, it
 * is no TAP of ours to attach to. */
static const char *hint_against(int err, const char *name)
{
	switch (err) {
	case -EPERM:
	case -EACCES:
		return "; it needs CAP_NET_ADMIN and /dev/net/tun";
	case -EBUSY:
		return "; another process has an interface of this name";
	case -EINVAL:
		return vrs_tap_interface(name) >= 0
			? "; there is an interface of this name, and it is no TAP"
			: "";
	default:
		return "";
	}
}

int vrs_tap_open(const char *name, const uint8_t mac[6], uint16_t mtu, char *why, size_t why_size)
{
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	const char *step = "/dev/net/tun";
	struct ifreq r;
	int err = fd < 0 ? -errno : 0;

	set_name(&r, name);
	r.ifr_flags = IFF_TAP | IFF_NO_PI;
	if (err == 0) {
		step = "making it";
		err = ioctl(fd, TUNSETIFF, &r) != 0 ? -errno : 0;
	}
	if (err == 0) {
		step = "its MAC, MTU and state";
		err = configure(name, mac, mtu);
	}
	if (err == 0)
		return fd;
	if (fd >= 0)
		(void)close(fd);
	(void)snprintf(why, why_size, "exceptionTap %s: %s: %s%s", name, step,
		strerrordesc_np(-err), hint_against(err, name));
	return err;
}

bool vrs_tap_write(int fd, const struct vrs_frame *f)
{
	uint8_t tag[TAG_SIZE] = {0x81, 0x00, (uint8_t)(f->vlan >> 8), (uint8_t)f->vlan};
	struct iovec part[3] = {{(void *)(uintptr_t)f->data, f->size}};
	int n = 1;

	if (f->size < MACS_SIZE)
		return false;
	if (f->vlan != 0) {
		part[2] = (struct iovec){
			(void *)(uintptr_t)(f->data + MACS_SIZE), f->size - MACS_SIZE};
		part[1] = (struct iovec){tag, sizeof(tag)};
		part[0].iov_len = MACS_SIZE;
		n = 3;
	}
	return writev(fd, part, n) > 0;
}

size_t vrs_tap_read(int fd, void *buf, size_t size)
{
	ssize_t n = read(fd, buf, size);

	return n > 0 ? (size_t)n : 0;
}
