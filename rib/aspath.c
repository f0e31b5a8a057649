/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#include "rib/aspath.h"

#include <stdarg.h>
#include <stdio.h>

#include "rib/base/macro.h"

/* One segment at a time; stops at the first that is cut short. */
static bool next_segment(struct vrs_reader *r, uint8_t *type, struct vrs_reader *asns)
{
	if (vrs_reader_left(r) == 0)
		return false;
	*type = vrs_read_u8(r);
	size_t n = vrs_read_u8(r);
	*asns = vrs_reader_span(vrs_read_span(r, n * 4));
	return vrs_reader_ok(r);
}

unsigned vrs_aspath_len(struct vrs_span path)
{
	struct vrs_reader r = vrs_reader_span(path), asns;
	unsigned len = 0;
	uint8_t type;

	while (next_segment(&r, &type, &asns)) {
		if (type == VRS_AS_SET)
			len++;
		else if (type == VRS_AS_SEQUENCE)
			len += (unsigned)(vrs_reader_left(&asns) / 4);
	}
	return len;
}

bool vrs_aspath_contains(struct vrs_span path, uint32_t asn)
{
	struct vrs_reader r = vrs_reader_span(path), asns;
	uint8_t type;

	while (next_segment(&r, &type, &asns)) {
		while (vrs_reader_left(&asns) > 0) {
			if (vrs_read_u32(&asns) == asn)
				return true;
		}
	}
	return false;
}

uint32_t vrs_aspath_first(struct vrs_span path)
{
	struct vrs_reader r = vrs_reader_span(path), asns;
	uint8_t type;

	if (!next_segment(&r, &type, &asns) || type != VRS_AS_SEQUENCE)
		return 0;
	return vrs_read_u32(&asns);
}

struct text {
	char *out;
	size_t size, at;
	bool cut;
};

VRS_PRINTF(2, 3) static void append(struct text *t, const char *fmt, ...)
{
	va_list ap;

	if (t->cut)
		return;
	va_start(ap, fmt);
	int n = vsnprintf(t->out + t->at, t->size - t->at, fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= t->size - t->at)
		t->cut = true;
	else
		t->at += (size_t)n;
}

const char *vrs_aspath_str(struct vrs_span path, const char *separator, char *out, size_t size)
{
	struct vrs_reader r = vrs_reader_span(path), asns;
	struct text t = {out, size, 0, false};
	const char *gap = "";
	uint8_t type;

	if (size == 0)
		return out;
	out[0] = '\0';
	while (!t.cut && next_segment(&r, &type, &asns)) {
		bool set = type != VRS_AS_SEQUENCE;
		const char *inner = set ? " " : separator;

		append(&t, "%s%s", gap, set ? "{" : "");
		for (gap = ""; !t.cut && vrs_reader_left(&asns) > 0; gap = inner)
			append(&t, "%s%u", gap, vrs_read_u32(&asns));
		append(&t, "%s", set ? "}" : "");
		gap = separator;
	}
	if (t.cut && size >= 4) {
		/* What fitted so far, its tail given up for the mark. */
		size_t at = VRS_MIN(t.at, size - 4);

		memcpy(out + at, "...", 4);
	}
	return out;
}
