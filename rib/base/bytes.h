/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#pragma once

/**
 * @file
 * The one bounded way to read and write wire bytes.
 *
 * A reader is a cursor over borrowed bytes. A read past the end returns zero (or an empty
 * span), consumes nothing and *sticks*: every later read fails too, so a decoder may read a
 * whole group of fields and test vrs_reader_ok() once. A writer fills a caller's buffer and
 * sticks the same way; nothing is ever written past its end. Values are big-endian (network
 * order) on the wire and native in C. Pure functions: any thread, no allocation.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "rib/base/macro.h"

/** Borrowed bytes; whoever hands one out says for how long. */
struct vrs_span {
	const uint8_t *data;
	size_t size;
};

struct vrs_reader {
	const uint8_t *at;
	const uint8_t *end;
	bool failed;
};

static inline struct vrs_reader vrs_reader_init(const void *data, size_t size)
{
	const uint8_t *p = data;

	return (struct vrs_reader){p, size > 0 ? p + size : p, false};
}

static inline struct vrs_reader vrs_reader_span(struct vrs_span s)
{
	return vrs_reader_init(s.data, s.size);
}

static inline bool vrs_reader_ok(const struct vrs_reader *r)
{
	return !r->failed;
}

/** @return Bytes not yet read; 0 after a failure. */
static inline size_t vrs_reader_left(const struct vrs_reader *r)
{
	return r->failed ? 0 : (size_t)(r->end - r->at);
}

/** Take @p size bytes: their address, or NULL (sticky) when fewer are left. */
static inline const uint8_t *vrs_read_bytes(struct vrs_reader *r, size_t size)
{
	const uint8_t *p = r->at;

	if (r->failed || (size_t)(r->end - r->at) < size) {
		r->failed = true;
		return NULL;
	}
	if (size > 0)
		r->at += size;
	return p;
}

static inline uint8_t vrs_read_u8(struct vrs_reader *r)
{
	const uint8_t *p = vrs_read_bytes(r, 1);

	return p != NULL ? p[0] : 0;
}

static inline uint16_t vrs_read_u16(struct vrs_reader *r)
{
	const uint8_t *p = vrs_read_bytes(r, 2);

	return p != NULL ? (uint16_t)(p[0] << 8 | p[1]) : 0;
}

static inline uint32_t vrs_read_u32(struct vrs_reader *r)
{
	const uint8_t *p = vrs_read_bytes(r, 4);

	return p != NULL ? (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3]
			 : 0;
}

/** Take a span of @p size bytes; empty (sticky) when fewer are left. */
static inline struct vrs_span vrs_read_span(struct vrs_reader *r, size_t size)
{
	const uint8_t *p = vrs_read_bytes(r, size);

	return (struct vrs_span){p, p != NULL ? size : 0};
}

struct vrs_writer {
	uint8_t *start;
	uint8_t *at;
	uint8_t *end;
	bool failed;
};

static inline struct vrs_writer vrs_writer_init(void *data, size_t size)
{
	uint8_t *p = data;

	return (struct vrs_writer){p, p, p + size, false};
}

static inline bool vrs_writer_ok(const struct vrs_writer *w)
{
	return !w->failed;
}

/** @return Bytes written so far. */
static inline size_t vrs_writer_size(const struct vrs_writer *w)
{
	return (size_t)(w->at - w->start);
}

static inline size_t vrs_writer_left(const struct vrs_writer *w)
{
	return w->failed ? 0 : (size_t)(w->end - w->at);
}

/** Reserve @p size bytes for the caller to fill; NULL (sticky) when they do not fit. */
static inline uint8_t *vrs_write_reserve(struct vrs_writer *w, size_t size)
{
	uint8_t *p = w->at;

	if (w->failed || (size_t)(w->end - w->at) < size) {
		w->failed = true;
		return NULL;
	}
	w->at += size;
	return p;
}

static inline void vrs_write_bytes(struct vrs_writer *w, const void *data, size_t size)
{
	uint8_t *p = vrs_write_reserve(w, size);

	if (p != NULL && size > 0)
		memcpy(p, data, size);
}

static inline void vrs_write_u8(struct vrs_writer *w, uint8_t v)
{
	uint8_t *p = vrs_write_reserve(w, 1);

	if (p != NULL)
		p[0] = v;
}

static inline void vrs_put_u16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static inline void vrs_put_u32(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 24);
	p[1] = (uint8_t)(v >> 16);
	p[2] = (uint8_t)(v >> 8);
	p[3] = (uint8_t)v;
}

static inline void vrs_write_u16(struct vrs_writer *w, uint16_t v)
{
	uint8_t *p = vrs_write_reserve(w, 2);

	if (p != NULL)
		vrs_put_u16(p, v);
}

static inline void vrs_write_u32(struct vrs_writer *w, uint32_t v)
{
	uint8_t *p = vrs_write_reserve(w, 4);

	if (p != NULL)
		vrs_put_u32(p, v);
}
