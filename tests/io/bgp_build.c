/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#include "tests/io/bgp_build.h"

#include <stdio.h>
#include <stdlib.h>

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

size_t build_hex(const char *hex, uint8_t *out, size_t cap)
{
	size_t n = 0;

	for (; *hex != '\0'; hex++) {
		if (*hex == ' ')
			continue;
		int high = digit(hex[0]), low = digit(hex[1]);

		if (high < 0 || low < 0 || n == cap) {
			(void)fprintf(stderr, "bad hexadecimal text: %s\n", hex);
			abort();
		}
		out[n++] = (uint8_t)(high << 4 | low);
		hex++;
	}
	return n;
}

size_t build_update(
	const char *withdrawn, const char *attrs, const char *nlri, uint8_t *out, size_t cap)
{
	size_t w = build_hex(withdrawn, out + 2, cap - 4);
	size_t a = build_hex(attrs, out + 4 + w, cap - 4 - w);

	vrs_put_u16(out, (uint16_t)w);
	vrs_put_u16(out + 2 + w, (uint16_t)a);
	return 4 + w + a + build_hex(nlri, out + 4 + w + a, cap - 4 - w - a);
}

const char *build_text(const uint8_t *data, size_t size)
{
	static char text[2 * 65536 + 1];

	text[0] = '\0';
	for (size_t i = 0; i < size && i < 65536; i++)
		(void)snprintf(text + 2 * i, 3, "%02x", data[i]);
	return text;
}
