/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

/*
 * The man pages, printed from the tables that parse: the schema of the configuration, the
 * options of vrsd, the verbs and options of vrsctl. What a program takes and what its page says
 * cannot part.
 */

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "engine/options.h"
#include "engine/schema.h"
#include "tools/vrsctl/verbs.h"

/* Text with what scdoc would read as markup escaped. */
static void plain(const char *text)
{
	for (; *text != '\0'; text++) {
		if (strchr("_*\\#`~", *text) != NULL)
			putchar('\\');
		putchar(*text);
	}
}

static void head(const char *name, int section, const char *what)
{
	printf("%s(%d) \"\" \"vrs " VRS_VERSION "\"\n\n# NAME\n\n%s - %s\n\n", name, section, name,
		what);
}

/* --- vrs.yaml(5) --- */

static void print_names(const struct vrs_schema_name *names)
{
	for (size_t i = 0; names[i].name != NULL; i++) {
		printf("%s", i > 0 ? ", " : "");
		plain(names[i].name);
		if (names[i].later)
			printf(" (not built yet)");
	}
}

/* "a list of integers, 1 to 255, at most 255 items" */
static void print_type(const struct vrs_schema_row *row)
{
	printf("%s", vrs_schema_type_str(row));
	if (row->names != NULL) {
		printf(": ");
		print_names(row->names);
	}
	if (row->type == VRS_SCHEMA_UINT && row->max > 0)
		printf(", %" PRIu64 " to %" PRIu64, row->min, row->max);
	else if (row->type == VRS_SCHEMA_UINT)
		printf(", %" PRIu64 " or more", row->min);
	else if (row->max > 0)
		printf(", %" PRIu64 " to %" PRIu64 " bytes", row->min, row->max);
	if (row->unit != NULL)
		printf(" (%s)", row->unit);
	if (row->min_items > 0)
		printf(", %u item%s or more", row->min_items, row->min_items > 1 ? "s" : "");
	if (row->max_items > 0)
		printf(", %u items at most", row->max_items);
}

static void print_row(const struct vrs_schema_row *row)
{
	printf("*%s*\n\t", row->key);
	plain(row->help);
	printf(".++\n");
	if ((row->flags & VRS_SCHEMA_LATER) != 0) {
		printf("Not built yet: refused.\n\n");
		return;
	}
	print_type(row);
	if ((row->flags & VRS_SCHEMA_REQUIRED) != 0)
		printf(". Required");
	if (row->instead != NULL) {
		printf("; or *%s*", row->instead);
	}
	if (row->fallback != NULL) {
		printf(". Default: ");
		plain(row->fallback);
	}
	printf(". Since %s.\n\n", row->since);
}

static void config_page(void)
{
	size_t n;
	const struct vrs_schema_row *rows = vrs_schema_rows(&n);
	const char *path = NULL;

	head("vrs.yaml", 5, "configuration of vrsd");
	printf("# DESCRIPTION\n\n"
	       "One YAML document, read whole, checked whole, and applied whole or refused whole. "
	       "Values are typed strictly: 3 is an integer, \"3\" a string, 010 neither; booleans "
	       "are true and false. Anchors, aliases, tags, a key given twice, a second document, "
	       "more than 64 levels and more than 16 MiB are refused.\n\n"
	       "*vrsd --config* _FILE_ *--check* checks; *vrsd --schema* prints a JSON Schema of "
	       "this page.\n\n# KEYS\n\n");
	for (size_t i = 0; i < n; i++) {
		if (path == NULL || strcmp(path, rows[i].path) != 0)
			printf("## %s\n\n",
				rows[i].path[0] != '\0' ? rows[i].path : "The document");
		path = rows[i].path;
		print_row(&rows[i]);
	}

	size_t n_rules;
	const struct vrs_schema_rule *rules = vrs_schema_rules(&n_rules);
	printf("# RULES\n\nWhat is wrong is printed as\n\n\t_FILE_:_LINE_:_COLUMN_: error: _RULE_: "
	       "_text_\n\nWarnings have the same shape and stop nothing.\n\n");
	for (size_t i = 0; i < n_rules; i++) {
		printf("*%s*%s\n\t", rules[i].code,
			!rules[i].error            ? " (warning)"
				: rules[i].warning ? " (error or warning)"
						   : "");
		plain(rules[i].help);
		printf(".\n\n");
	}
	printf("# SEE ALSO\n\n*vrsd*(8), *vrsctl*(1)\n");
}

/* --- vrsd(8) --- */

static void vrsd_page(void)
{
	size_t n;
	const struct vrs_vrsd_option *options = vrs_vrsd_options(&n);

	head("vrsd", 8, "BGP route server of virtual networks");
	printf("# SYNOPSIS\n\n*vrsd* *--config* _FILE_ [_OPTION_]...\n\n# DESCRIPTION\n\n"
	       "Learns routes from network virtual appliances and gateways, injects them into the "
	       "effective routes of network interfaces, and tells them to each other. Stays in the "
	       "foreground.\n\n# OPTIONS\n\n");
	for (size_t i = 0; i < n; i++) {
		printf("*--%s*", options[i].name);
		if (options[i].metavar != NULL)
			printf(" _%s_", options[i].metavar);
		printf("\n\t");
		plain(options[i].help);
		printf(".\n\n");
	}
	printf("# SIGNALS\n\n*SIGHUP*\n\t"
	       "Read the configuration again. One with errors changes "
	       "nothing; sessions that need not change stay up.\n\n*SIGINT*, *SIGTERM*\n\tSend a "
	       "Cease to every peer and end.\n\n# EXIT STATUS\n\n"
	       "0 success, 1 refused (the reason is on standard error), 2 usage.\n\n"
	       "# SEE ALSO\n\n*vrs.yaml*(5), *vrsctl*(1)\n");
}

/* --- vrsctl(1) --- */

static void print_option(const struct vrs_option *o)
{
	if (o->help == NULL)
		return;
	if (o->letter != NULL)
		printf("*-%s*, ", o->letter);
	printf("*--%s*", o->name);
	if (o->metavar != NULL)
		printf(" _%s_", o->metavar);
	printf("\n\t");
	plain(o->help);
	printf(".\n\n");
}

static void print_verb(const struct vrs_verb *v)
{
	printf("*%s*", v->words);
	for (unsigned o = 0; o < VRS_OPT_N; o++) {
		const struct vrs_option *opt = &vrs_options[o];
		const char *open = v->needs & VRS_OPT_BIT(o) ? "" : "\\[";

		if (((v->takes | v->needs) & VRS_OPT_BIT(o)) == 0)
			continue;
		printf(" %s*--%s*", open, opt->name);
		if (opt->metavar != NULL)
			printf(" _%s_", opt->metavar);
		printf("%s", open[0] != '\0' ? "\\]" : "");
	}
	printf("\n\t");
	plain(v->help);
	printf(".\n\n");
}

static void vrsctl_page(void)
{
	head("vrsctl", 1, "look at and operate vrsd");
	printf("# SYNOPSIS\n\n*vrsctl* _VERB_ [_OPTION_]...\n\n# DESCRIPTION\n\n"
	       "Asks vrsd over its control socket and shows the answer as a table or as JSON.\n\n"
	       "# VERBS\n\n");
	for (const struct vrs_verb *v = vrs_verbs; v->words != NULL; v++)
		if (!v->later)
			print_verb(v);
	printf("# OPTIONS\n\n## Of every verb\n\n");
	for (unsigned o = 0; o < VRS_OPT_N; o++)
		if (vrs_options[o].global)
			print_option(&vrs_options[o]);
	printf("## Of some\n\n");
	for (unsigned o = 0; o < VRS_OPT_N; o++)
		if (!vrs_options[o].global)
			print_option(&vrs_options[o]);
	printf("# ENVIRONMENT\n\n*VRS\\_CONTROL\\_SOCKET*\n\t"
	       "The control socket, where "
	       "*--control-socket* is not given.\n\n# EXIT STATUS\n\n"
	       "0 success, 1 refused, not found or timed out, 2 usage, 3 no daemon.\n\n"
	       "# SEE ALSO\n\n*vrsd*(8), *vrs.yaml*(5)\n");
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*print)(void);
	} pages[] = {{"vrsd", vrsd_page}, {"vrs.yaml", config_page}, {"vrsctl", vrsctl_page}};

	for (size_t i = 0; argc == 2 && i < VRS_N_ELEMS(pages); i++) {
		if (strcmp(argv[1], pages[i].name) != 0)
			continue;
		pages[i].print();
		return fflush(stdout) == 0 ? 0 : 1;
	}
	(void)fputs("usage: vrs-man vrsd|vrs.yaml|vrsctl\n", stderr);
	return 2;
}
