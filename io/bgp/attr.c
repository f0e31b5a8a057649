/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#include "io/bgp/attr.h"

#include <stdio.h>

enum { HEAD = 3, HEAD_EXTENDED = 4, WIRE_FLAGS = 0xe0 };

bool vrs_bgp_attr_next(struct vrs_reader *r, struct vrs_bgp_attr *a)
{
	if (vrs_reader_left(r) == 0)
		return false;
	a->raw = (struct vrs_span){r->at, vrs_reader_left(r)};
	a->flags = vrs_read_u8(r);
	a->code = vrs_read_u8(r);
	size_t size = (a->flags & VRS_BGP_FLAG_EXTENDED) != 0 ? vrs_read_u16(r) : vrs_read_u8(r);
	a->value = vrs_read_span(r, size);
	a->raw.size -= vrs_reader_left(r);
	return vrs_reader_ok(r);
}

bool vrs_bgp_attr_find(
	const uint8_t *bytes, size_t size, enum vrs_bgp_attr_code code, struct vrs_span *value)
{
	struct vrs_reader r = vrs_reader_init(bytes, size);
	struct vrs_bgp_attr a;

	while (vrs_bgp_attr_next(&r, &a)) {
		if (a.code == code) {
			*value = a.value;
			return true;
		}
	}
	return false;
}

void vrs_bgp_attr_write(struct vrs_writer *w, uint8_t flags, uint8_t code, struct vrs_span value)
{
	flags &= WIRE_FLAGS;
	if (value.size > UINT8_MAX) {
		uint8_t *head = vrs_write_reserve(w, HEAD_EXTENDED);

		if (head == NULL)
			return;
		head[0] = flags | VRS_BGP_FLAG_EXTENDED;
		head[1] = code;
		vrs_put_u16(head + 2, (uint16_t)value.size);
	} else {
		uint8_t *head = vrs_write_reserve(w, HEAD);

		if (head == NULL)
			return;
		head[0] = flags;
		head[1] = code;
		head[2] = (uint8_t)value.size;
	}
	vrs_write_bytes(w, value.data, value.size);
}

size_t vrs_bgp_attr_open(struct vrs_writer *w, uint8_t flags, uint8_t code)
{
	size_t at = vrs_writer_size(w);

	vrs_write_u8(w, flags & WIRE_FLAGS);
	vrs_write_u8(w, code);
	vrs_write_u8(w, 0);
	return at;
}

void vrs_bgp_attr_close(struct vrs_writer *w, size_t at)
{
	if (!vrs_writer_ok(w))
		return;
	uint8_t *head = w->start + at;
	size_t size = vrs_writer_size(w) - at - HEAD;

	if (size <= UINT8_MAX) {
		head[2] = (uint8_t)size;
		return;
	}
	/* Long values are rare: move them up for the second length byte. */
	if (size > UINT16_MAX || vrs_write_reserve(w, 1) == NULL) {
		w->failed = true;
		return;
	}
	memmove(head + HEAD_EXTENDED, head + HEAD, size);
	head[0] |= VRS_BGP_FLAG_EXTENDED;
	vrs_put_u16(head + 2, (uint16_t)size);
}

const char *vrs_bgp_attr_str(uint8_t code, struct vrs_span value, char *out, size_t size)
{
	const struct vrs_bgp_attr_row *row = vrs_bgp_attr_row(code);

	if (size == 0)
		return out;
	out[0] = '\0';
	if (row->text != NULL) {
		row->text(value, out, size);
		return out;
	}
	for (size_t i = 0; i < value.size && i * 2 + 2 < size; i++)
		(void)snprintf(out + i * 2, size - i * 2, "%02x", value.data[i]);
	return out;
}
