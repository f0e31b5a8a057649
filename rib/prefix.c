/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#include "rib/prefix.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static void clear_host_bits(struct vrs_prefix *p)
{
	unsigned whole = p->len / 8, rest = p->len % 8;

	if (rest != 0) {
		p->addr[whole] &= (uint8_t)(0xff << (8 - rest));
		whole++;
	}
	memset(p->addr + whole, 0, sizeof(p->addr) - whole);
}

int vrs_prefix_read(struct vrs_prefix *p, enum vrs_afi afi, const uint8_t *buf, size_t size)
{
	if (size == 0 || buf[0] > vrs_afi_width(afi))
		return -EBADMSG;
	size_t bytes = (buf[0] + 7u) / 8;
	if (bytes > size - 1)
		return -EBADMSG;

	*p = (struct vrs_prefix){.len = buf[0], .afi = (uint8_t)afi};
	memcpy(p->addr, buf + 1, bytes);
	if (p->len % 8 != 0)
		p->addr[bytes - 1] &= (uint8_t)(0xff << (8 - p->len % 8));
	return (int)(1 + bytes);
}

void vrs_prefix_write(struct vrs_writer *w, const struct vrs_prefix *p)
{
	size_t bytes = (p->len + 7u) / 8;
	uint8_t *at = vrs_write_reserve(w, 1 + bytes);

	if (at == NULL)
		return;
	at[0] = p->len;
	memcpy(at + 1, p->addr, bytes);
}

struct vrs_prefix vrs_prefix_of(const struct vrs_addr *a, unsigned len)
{
	struct vrs_prefix p = {.len = (uint8_t)len, .afi = a->afi};

	memcpy(p.addr, a->bytes, sizeof(p.addr));
	clear_host_bits(&p);
	return p;
}

struct vrs_addr vrs_prefix_addr(const struct vrs_prefix *p)
{
	struct vrs_addr a = {.afi = p->afi};

	memcpy(a.bytes, p->addr, sizeof(a.bytes));
	return a;
}

static bool same_bits(const uint8_t *a, const uint8_t *b, unsigned len)
{
	unsigned whole = len / 8, rest = len % 8;

	if (memcmp(a, b, whole) != 0)
		return false;
	return rest == 0 || ((a[whole] ^ b[whole]) >> (8 - rest)) == 0;
}

bool vrs_prefix_covers(const struct vrs_prefix *a, const struct vrs_prefix *b)
{
	return a->afi == b->afi && a->len <= b->len && same_bits(a->addr, b->addr, a->len);
}

bool vrs_prefix_covers_addr(const struct vrs_prefix *p, const struct vrs_addr *addr)
{
	return p->afi == addr->afi && same_bits(p->addr, addr->bytes, p->len);
}

int vrs_prefix_cmp(const struct vrs_prefix *a, const struct vrs_prefix *b)
{
	if (a->afi != b->afi)
		return a->afi - b->afi;
	int c = memcmp(a->addr, b->addr, sizeof(a->addr));
	return c != 0 ? c : a->len - b->len;
}

int vrs_addr_cmp(const struct vrs_addr *a, const struct vrs_addr *b)
{
	if (a->afi != b->afi)
		return a->afi - b->afi;
	return memcmp(a->bytes, b->bytes, sizeof(a->bytes));
}

static void text(unsigned afi, const uint8_t *bytes, char *out, size_t size)
{
	if (inet_ntop(afi == VRS_AFI_IP4 ? AF_INET : AF_INET6, bytes, out, (socklen_t)size) == NULL)
		out[0] = '\0';
}

const char *vrs_prefix_str(const struct vrs_prefix *p, char out[VRS_PREFIX_STRLEN])
{
	char a[VRS_ADDR_STRLEN];

	text(p->afi, p->addr, a, sizeof(a));
	(void)snprintf(out, VRS_PREFIX_STRLEN, "%s/%u", a, p->len);
	return out;
}

const char *vrs_addr_str(const struct vrs_addr *a, char out[VRS_ADDR_STRLEN])
{
	if (a->afi == VRS_AFI_NONE)
		memcpy(out, "-", 2);
	else
		text(a->afi, a->bytes, out, VRS_ADDR_STRLEN);
	return out;
}

int vrs_addr_parse(struct vrs_addr *a, const char *txt)
{
	struct vrs_addr r = {.afi = VRS_AFI_IP4};

	if (inet_pton(AF_INET, txt, r.bytes) != 1) {
		r.afi = VRS_AFI_IP6;
		if (inet_pton(AF_INET6, txt, r.bytes) != 1)
			return -EINVAL;
	}
	*a = r;
	return 0;
}

int vrs_prefix_parse(struct vrs_prefix *p, const char *txt)
{
	char head[VRS_ADDR_STRLEN];
	const char *slash = strchr(txt, '/');
	struct vrs_addr a;
	unsigned len = 0;

	if (slash == NULL || (size_t)(slash - txt) >= sizeof(head))
		return -EINVAL;
	memcpy(head, txt, (size_t)(slash - txt));
	head[slash - txt] = '\0';
	if (vrs_addr_parse(&a, head) != 0)
		return -EINVAL;

	const char *d = slash + 1;
	if (d[0] == '\0' || (d[0] == '0' && d[1] != '\0'))
		return -EINVAL;
	for (; *d != '\0'; d++) {
		if (*d < '0' || *d > '9' || len > 128)
			return -EINVAL;
		len = len * 10 + (unsigned)(*d - '0');
	}
	if (len > vrs_afi_width(a.afi))
		return -EINVAL;

	struct vrs_prefix r = vrs_prefix_of(&a, len);
	if (memcmp(r.addr, a.bytes, sizeof(r.addr)) != 0)
		return -ERANGE;
	*p = r;
	return 0;
}

struct vrs_addr vrs_addr_ip4(uint32_t bits)
{
	struct vrs_addr a = {.afi = VRS_AFI_IP4};

	vrs_put_u32(a.bytes, bits);
	return a;
}

uint32_t vrs_addr_ip4_bits(const struct vrs_addr *a)
{
	if (a->afi != VRS_AFI_IP4)
		return 0;
	return (uint32_t)a->bytes[0] << 24 | (uint32_t)a->bytes[1] << 16 |
		(uint32_t)a->bytes[2] << 8 | a->bytes[3];
}
