/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#include "tools/vrsctl/args.h"

#include <string.h>

#include "rib/base/macro.h"

enum { LENGTH_MAX = 64 };

unsigned vrs_suggest_distance(const char *a, const char *b)
{
	unsigned d[3][LENGTH_MAX + 1];
	size_t na = strlen(a), nb = strlen(b);

	if (na > LENGTH_MAX || nb > LENGTH_MAX)
		return LENGTH_MAX;
	for (unsigned j = 0; j <= nb; j++)
		d[0][j] = j;
	/* Three rows are enough: a swap looks two rows back. */
	for (unsigned i = 1; i <= na; i++) {
		unsigned *row = d[i % 3], *up = d[(i + 2) % 3], *up2 = d[(i + 1) % 3];

		row[0] = i;
		for (unsigned j = 1; j <= nb; j++) {
			unsigned best = up[j - 1] + (a[i - 1] != b[j - 1]);

			best = VRS_MIN(best, up[j] + 1);
			best = VRS_MIN(best, row[j - 1] + 1);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				best = VRS_MIN(best, up2[j - 2] + 1);
			row[j] = best;
		}
	}
	return d[na % 3][nb];
}

bool vrs_suggest_near(const char *a, const char *b, unsigned distance)
{
	size_t longer = VRS_MAX(strlen(a), strlen(b));

	/* One error in three letters, and what was begun right. */
	return distance <= VRS_MAX(longer / 3, (size_t)1) ||
		(strlen(a) >= 3 && strncmp(a, b, strlen(a)) == 0);
}
