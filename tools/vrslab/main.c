/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

/*
 * vrslab: the laboratory. One program, a table of subcommands.
 */

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rib/base/macro.h"
#include "tools/vrslab/feed.h"
#include "tools/vrslab/run.h"
#include "tools/vrslab/self.h"
#include "tools/vrslab/table.h"

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *help;
} commands[] = {
	{"feed", vrs_feed_main, "announce a synthetic table or an MRT file, as one or many NVAs"},
	{"run", vrs_run_main, "measure a target with a profile of route changes"},
	{"table", vrs_table_main,
		"make or read a table, say what it is like, write MRT or messages"},
	{"self", vrs_self_main, "measure the generator alone"},
	{"profiles", vrs_profiles_main, "list the profiles and their parameters"},
};

/* Arranging and comparing is Python's part (ADR 5). */
static const struct {
	const char *name, *script, *help;
} scripts[] = {
	{"compare", "compare.py", "the same work for several daemons, and one table"},
	{"report", "report.py", "plots and a page from what compare --out kept"},
	{"check", "check.py", "compare with a baseline: 1 when a median got worse"},
};

static void print_usage(FILE *to)
{
	(void)fprintf(to, "Usage: vrslab COMMAND [options]; vrslab COMMAND --help\n\n");
	for (size_t i = 0; i < VRS_N_ELEMS(commands); i++)
		(void)fprintf(to, "  %-10s %s\n", commands[i].name, commands[i].help);
	for (size_t i = 0; i < VRS_N_ELEMS(scripts); i++)
		(void)fprintf(to, "  %-10s %s\n", scripts[i].name, scripts[i].help);
	(void)fprintf(to, "\n  --help, --version\n");
}

/* Where the scripts are: as installed, else in the source tree that this was built from. */
static const char *script_dir(void)
{
	return access(VRS_LAB_DIR, R_OK) == 0 ? VRS_LAB_DIR : VRS_LAB_SOURCE_DIR;
}

/* Becomes the script; it finds us in VRSLAB. @return The exit status, when it cannot. */
static int run_script(const char *script, int argc, char **argv)
{
	char path[PATH_MAX], self[PATH_MAX] = "";
	char **words = calloc((size_t)argc + 2, sizeof(*words));
	static char python[] = "python3";

	if (words == NULL || readlink("/proc/self/exe", self, sizeof(self) - 1) < 0) {
		(void)fprintf(stderr, "vrslab: %s\n", strerrordesc_np(errno));
		free(words);
		return 1;
	}
	(void)snprintf(path, sizeof(path), "%s/%s", script_dir(), script);
	words[0] = python;
	words[1] = path;
	for (int i = 1; i < argc; i++)
		words[i + 1] = argv[i];
	/* One thread: NOLINTNEXTLINE(concurrency-mt-unsafe) */
	(void)setenv("VRSLAB", self, 1);
	(void)execvp(python, words);
	(void)fprintf(stderr, "vrslab: %s %s: %s\n", python, path, strerrordesc_np(errno));
	free(words);
	return 1;
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
	for (size_t i = 0; i < VRS_N_ELEMS(scripts); i++) {
		if (strcmp(name, scripts[i].name) == 0)
			return run_script(scripts[i].script, argc - 1, argv + 1);
	}
	(void)fprintf(stderr, "vrslab: there is no command \"%s\"\n\n", name);
	print_usage(stderr);
	return 2;
}
