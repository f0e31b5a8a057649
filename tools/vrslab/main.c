/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

/*
 * vrslab: the laboratory. One program, a table of subcommands.
 */

#include <stdio.h>
#include <string.h>

#include "rib/base/macro.h"
#include "tools/vrslab/feed.h"

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *help;
} commands[] = {
	{"feed", vrs_feed_main, "announce a synthetic table or an MRT file, as one or many NVAs"},
};

static void print_usage(FILE *to)
{
	(void)fprintf(to, "Usage: vrslab COMMAND [options]; vrslab COMMAND --help\n\n");
	for (size_t i = 0; i < VRS_N_ELEMS(commands); i++)
		(void)fprintf(to, "  %-10s %s\n", commands[i].name, commands[i].help);
	(void)fprintf(to, "\n  --help, --version\n");
}

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : NULL;

	if (name == NULL) {
		print_usage(stderr);
		return 2;
	}
	if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0) {
		print_usage(stdout);
		return 0;
	}
	if (strcmp(name, "--version") == 0) {
		(void)printf("vrslab %s\n", VRS_VERSION);
		return 0;
	}
	for (size_t i = 0; i < VRS_N_ELEMS(commands); i++) {
		if (strcmp(name, commands[i].name) == 0)
			return commands[i].run(argc - 1, argv + 1);
	}
	(void)fprintf(stderr, "vrslab: there is no command \"%s\"\n\n", name);
	print_usage(stderr);
	return 2;
}
