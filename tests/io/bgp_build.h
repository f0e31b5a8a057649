/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#pragma once

/**
 * @file
 * Messages for tests, from hexadecimal text.
 */

#include <stddef.h>
#include <stdint.h>

#include "io/bgp/update.h"

/** Attributes of a route that nobody minds, AS numbers 4 bytes wide; peer AS 65001. */
#define HEX_ORIGIN   "40 01 01 00 "
#define HEX_PATH     "40 02 06 0201 0000fde9 "
#define HEX_PATH2    "40 02 04 0201 fde9 "
#define HEX_NEXT_HOP "40 03 04 0a000104 "
#define HEX_BASE     HEX_ORIGIN HEX_PATH HEX_NEXT_HOP
/** 10.1.0.0/16, and the attribute that announces 2001:db8::/32 by 2001:db8::1. */
#define HEX_NLRI     "10 0a01 "
#define HEX_MP_REACH "80 0e 1a 0002 01 10 20010db8000000000000000000000001 00 20 20010db8 "

/** Bytes of @p hex (blanks ignored) into @p out. @return How many; aborts on bad text. */
size_t build_hex(const char *hex, uint8_t *out, size_t cap);

/** An UPDATE body. @return Its size. */
size_t build_update(
	const char *withdrawn, const char *attrs, const char *nlri, uint8_t *out, size_t cap);

/** Bytes as hexadecimal, in a static buffer: for messages and comparisons. */
const char *build_text(const uint8_t *data, size_t size);
