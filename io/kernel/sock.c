/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io/kernel/internal.h"

enum { PLAIN_TTL = 64, SECURE_TTL = 255 };

union address {
	struct sockaddr any;
	struct sockaddr_in ip4;
	struct sockaddr_in6 ip6;
	struct sockaddr_storage storage;
};

static socklen_t to_sockaddr(const struct vrs_addr *a, uint16_t port, union address *out)
{
	memset(out, 0, sizeof(*out));
	if (a->afi == VRS_AFI_IP4) {
		out->ip4.sin_family = AF_INET;
		out->ip4.sin_port = htons(port);
		memcpy(&out->ip4.sin_addr, a->bytes, 4);
		return sizeof(out->ip4);
	}
	out->ip6.sin6_family = AF_INET6;
	out->ip6.sin6_port = htons(port);
	memcpy(&out->ip6.sin6_addr, a->bytes, 16);
	return sizeof(out->ip6);
}

static void from_sockaddr(const union address *in, struct vrs_addr *a, uint16_t *port)
{
	*a = (struct vrs_addr){.afi = VRS_AFI_IP4};
	if (in->any.sa_family == AF_INET) {
		memcpy(a->bytes, &in->ip4.sin_addr, 4);
		*port = ntohs(in->ip4.sin_port);
	} else {
		a->afi = VRS_AFI_IP6;
		memcpy(a->bytes, &in->ip6.sin6_addr, 16);
		*port = ntohs(in->ip6.sin6_port);
	}
}

static int set_int(int fd, int level, int name, int value)
{
	return setsockopt(fd, level, name, &value, sizeof(value)) == 0 ? 0 : -errno;
}

int vrs_kernel_sock_ttl(int fd, unsigned afi, int ttl)
{
	return afi == VRS_AFI_IP4 ? set_int(fd, IPPROTO_IP, IP_TTL, ttl)
				  : set_int(fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS, ttl);
}

/* RFC 5082: what comes from h hops away still has a TTL of 256 - h, sent with 255. */
static int set_min_ttl(int fd, unsigned afi, unsigned hops)
{
	int min = hops == 0 ? 0 : SECURE_TTL + 1 - (int)hops;

	return afi == VRS_AFI_IP4 ? set_int(fd, IPPROTO_IP, IP_MINTTL, min)
				  : set_int(fd, IPPROTO_IPV6, IPV6_MINHOPCOUNT, min);
}

int vrs_kernel_sock_tune(int fd, const struct vrs_endpoint *ep)
{
	int rc = set_int(fd, IPPROTO_TCP, TCP_NODELAY, 1);

	if (rc == 0)
		rc = vrs_kernel_sock_ttl(
			fd, ep->remote.afi, ep->ttl_security != 0 ? SECURE_TTL : PLAIN_TTL);
	if (rc == 0 && ep->ttl_security != 0)
		rc = set_min_ttl(fd, ep->remote.afi, ep->ttl_security);
	return rc;
}

int vrs_kernel_sock_md5(int fd, const struct vrs_addr *remote, const char *password)
{
	struct tcp_md5sig sig = {0};
	union address to;

	to_sockaddr(remote, 0, &to);
	memcpy(&sig.tcpm_addr, &to.storage, sizeof(sig.tcpm_addr));
	sig.tcpm_keylen = (uint16_t)strnlen(password, sizeof(sig.tcpm_key));
	memcpy(sig.tcpm_key, password, sig.tcpm_keylen);
	return setsockopt(fd, IPPROTO_TCP, TCP_MD5SIG, &sig, sizeof(sig)) == 0 ? 0 : -errno;
}

static int open_socket(const struct vrs_addr *a)
{
	int family = a->afi == VRS_AFI_IP4 ? AF_INET : AF_INET6;
	int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	return fd >= 0 ? fd : -errno;
}

int vrs_kernel_sock_listen(const struct vrs_addr *local, uint16_t port)
{
	union address at = {0};
	socklen_t size = to_sockaddr(local, port, &at);
	int fd = open_socket(local);

	if (fd < 0)
		return fd;
	int rc = set_int(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	if (rc == 0 && local->afi == VRS_AFI_IP6)
		rc = set_int(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
	if (rc == 0 && (bind(fd, &at.any, size) != 0 || listen(fd, SOMAXCONN) != 0))
		rc = -errno;
	if (rc != 0) {
		(void)close(fd);
		return rc;
	}
	return fd;
}

int vrs_kernel_sock_connect(const struct vrs_endpoint *ep)
{
	union address from, to;
	socklen_t from_size = to_sockaddr(&ep->local, 0, &from);
	socklen_t to_size = to_sockaddr(&ep->remote, ep->remote_port, &to);
	int fd = open_socket(&ep->local);

	if (fd < 0)
		return fd;
	/* The port is chosen by connect(), which knows that only the four-tuple must differ. */
	int rc = set_int(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
	if (rc == 0 && bind(fd, &from.any, from_size) != 0)
		rc = -errno;
	if (rc == 0)
		rc = vrs_kernel_sock_tune(fd, ep);
	if (rc == 0 && ep->password[0] != '\0')
		rc = vrs_kernel_sock_md5(fd, &ep->remote, ep->password);
	if (rc == 0 && connect(fd, &to.any, to_size) != 0 && errno != EINPROGRESS)
		rc = -errno;
	if (rc != 0) {
		(void)close(fd);
		return rc;
	}
	return fd;
}

int vrs_kernel_sock_accept(int listener, struct vrs_addr *remote, uint16_t *port)
{
	union address from = {0};
	socklen_t size = sizeof(from);
	int fd = accept4(listener, &from.any, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd < 0)
		return -errno;
	from_sockaddr(&from, remote, port);
	return fd;
}

void vrs_kernel_sock_local(int fd, struct vrs_addr *local, uint16_t *port)
{
	union address at = {0};
	socklen_t size = sizeof(at);

	if (getsockname(fd, &at.any, &size) == 0)
		from_sockaddr(&at, local, port);
}
