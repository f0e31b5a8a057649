/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#pragma once

#include <stddef.h>
#include <stdint.h>

/**
 * @file
 * Communities: standard (RFC 1997, 4 bytes), extended (RFC 4360 and RFC 5701) and large
 * (RFC 8092, 12 bytes). Pure; any thread.
 */

#define VRS_COMMUNITY_NO_EXPORT           0xffffff01u
#define VRS_COMMUNITY_NO_ADVERTISE        0xffffff02u
#define VRS_COMMUNITY_NO_EXPORT_SUBCONFED 0xffffff03u

/** Room for the text of one community of any kind. */
#define VRS_COMMUNITY_STRLEN 64

/** "65001:100". @return @p out. */
const char *vrs_community_str(uint32_t value, char out[VRS_COMMUNITY_STRLEN]);

/** "rt:65001:100", "ro:...", else "generic:0x...:0x...". @param value 8 bytes. @return @p out. */
const char *vrs_ext_community_str(const uint8_t value[8], char out[VRS_COMMUNITY_STRLEN]);

/** "65001:1:2". @param value 12 bytes. @return @p out. */
const char *vrs_large_community_str(const uint8_t value[12], char out[VRS_COMMUNITY_STRLEN]);
