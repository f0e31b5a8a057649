/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 *
 * Runs one fuzz target without libFuzzer: every seed, every seed cut at every byte, and
 * mutations of seeds from a printed random seed. Arguments:
 *
 *     (none)             that, for a few seconds
 *     --seed N           the same from another random seed
 *     --write DIR        write the seeds as files, for a libFuzzer corpus
 *     FILE...            run these files
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "rib/base/hash.h"
#include "tests/fuzz/fuzz.h"

enum { MAX_SIZE = 70000, MUTATIONS = 200000, SECONDS = 4 };

static uint64_t random_state;

static uint32_t draw(uint32_t below)
{
	return (uint32_t)(vrs_splitmix64(&random_state) % below);
}

/* A copy of exactly this size, so that a sanitizer sees a read past the end. */
static void run(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size > 0 ? size : 1);

	if (copy == NULL)
		abort();
	if (size > 0)
		memcpy(copy, data, size);
	(void)LLVMFuzzerTestOneInput(copy, size);
	free(copy);
}

static size_t mutate(uint8_t *data, size_t size)
{
	static const uint8_t odd[] = {0, 1, 2, 4, 0x0f, 0x10, 0x7f, 0x80, 0xc0, 0xff};

	for (uint32_t n = 1 + draw(4); n > 0 && size > 0; n--) {
		size_t at = draw((uint32_t)size);

		switch (draw(6)) {
		case 0:
			data[at] ^= (uint8_t)(1u << draw(8));
			break;
		case 1:
			data[at] = (uint8_t)draw(256);
			break;
		case 2:
			data[at] = odd[draw(sizeof(odd))];
			break;
		case 3: /* drop some */
			memmove(data + at, data + at + 1, size - at - 1);
			size--;
			break;
		case 4: /* repeat some */
			if (size < MAX_SIZE / 2) {
				size_t len = 1 + draw((uint32_t)(size - at));

				memmove(data + at + len, data + at, size - at);
				size += len;
			}
			break;
		default:
			size = at;
			break;
		}
	}
	return size;
}

static int replay_files(int n, char **names)
{
	static uint8_t data[1 << 20];

	for (int i = 0; i < n; i++) {
		FILE *f = fopen(names[i], "rb");

		if (f == NULL) {
			perror(names[i]);
			return 1;
		}
		run(data, fread(data, 1, sizeof(data), f));
		(void)fclose(f);
	}
	return 0;
}

static int write_seeds(const char *dir)
{
	static uint8_t data[MAX_SIZE];
	size_t size;

	for (unsigned i = 0; (size = fuzz_seed(i, data, sizeof(data))) > 0; i++) {
		char name[4096];

		(void)snprintf(name, sizeof(name), "%s/seed-%03u", dir, i);
		FILE *f = fopen(name, "wb");
		if (f == NULL || fwrite(data, 1, size, f) != size || fclose(f) != 0) {
			perror(name);
			return 1;
		}
	}
	return 0;
}

int main(int argc, char **argv)
{
	static uint8_t seed[MAX_SIZE], data[2 * MAX_SIZE];
	unsigned n_seeds = 0;
	size_t size, runs = 0;

	random_state = 20260101;
	if (argc == 3 && strcmp(argv[1], "--write") == 0)
		return write_seeds(argv[2]);
	if (argc == 3 && strcmp(argv[1], "--seed") == 0)
		random_state = strtoull(argv[2], NULL, 0);
	else if (argc > 1)
		return replay_files(argc - 1, argv + 1);
	printf("seed %llu\n", (unsigned long long)random_state);

	for (; (size = fuzz_seed(n_seeds, seed, sizeof(seed))) > 0; n_seeds++) {
		for (size_t cut = size <= 2048 ? 0 : size - 2048; cut <= size; cut++, runs++)
			run(seed, cut);
	}
	time_t until = time(NULL) + SECONDS;
	for (unsigned i = 0; i < MUTATIONS && (i % 256 != 0 || time(NULL) < until); i++, runs++) {
		size = fuzz_seed(draw(n_seeds), data, MAX_SIZE);
		run(data, mutate(data, size));
	}
	printf("%u seeds, %zu runs\n", n_seeds, runs);
	return n_seeds > 0 ? 0 : 1;
}
