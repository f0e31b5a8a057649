/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#include "tools/vrslab/args.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void vrs_arg_print_rows(const struct vrs_arg_row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		char left[40];
		(void)snprintf(left, sizeof(left), "--%s%s%s", rows[i].option.name,
			rows[i].value != NULL ? " " : "",
			rows[i].value != NULL ? rows[i].value : "");
		(void)printf("  %-22s  %s\n", left, rows[i].help);
	}
}

int vrs_arg_u64(const char *text, uint64_t max, uint64_t *out)
{
	char *end;

	errno = 0;
	unsigned long long v = strtoull(text, &end, 10);
	uint64_t unit = *end == 'k' ? 1000 : *end == 'M' ? 1000000 : 1;
	end += unit > 1;
	if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0 || v > max / unit)
		return -EINVAL;
	*out = v * unit;
	return 0;
}

int vrs_arg_mistake(const char *who, const char *name, const char *value, const char *what)
{
	(void)fprintf(stderr, "%s: --%s %s: %s\n", who, name, value, what);
	return 2;
}

struct vrs_addr vrs_arg_addr_after(const struct vrs_addr *a, size_t n)
{
	struct vrs_addr out = *a;

	for (size_t at = vrs_afi_width(a->afi) / 8; at-- > 0 && n > 0; n >>= 8) {
		n += out.bytes[at];
		out.bytes[at] = (uint8_t)n;
	}
	return out;
}

int vrs_arg_addr_number(const struct vrs_addr *first, uint32_t n, const struct vrs_addr *a)
{
	size_t last = vrs_afi_width(first->afi) / 8 - 1;

	if (a->afi != first->afi || memcmp(a->bytes, first->bytes, last - 1) != 0)
		return -1;
	int from = first->bytes[last - 1] << 8 | first->bytes[last];
	int number = (a->bytes[last - 1] << 8 | a->bytes[last]) - from;
	return number >= 0 && (uint32_t)number < n ? number : -1;
}

int vrs_arg_peer(const char *text, struct vrs_addr *addr, uint16_t *port)
{
	char host[VRS_ADDR_STRLEN + 2] = "";
	const char *colon = strrchr(text, ':');
	uint64_t number = 179;
	size_t size = strlen(text);

	*port = 179;
	if (vrs_addr_parse(addr, text) == 0)
		return 0;
	if (colon != NULL && vrs_arg_u64(colon + 1, 65535, &number) == 0 && number > 0)
		size = (size_t)(colon - text);
	if (text[0] == '[' && size > 2 && text[size - 1] == ']') {
		text++;
		size -= 2;
	}
	if (size >= sizeof(host))
		return -EINVAL;
	(void)snprintf(host, sizeof(host), "%.*s", (int)size, text);
	*port = (uint16_t)number;
	return vrs_addr_parse(addr, host);
}
