/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#include "tools/vrsctl/args.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "rib/base/macro.h"

#define DEFAULT_SOCKET "/run/vrs/vrs.sock"

static const char *const formats[] = {
	[VRS_FORMAT_TABLE] = "table",
	[VRS_FORMAT_JSON] = "json",
	[VRS_FORMAT_NDJSON] = "ndjson",
};

/* --- Options --- */

/* The option that `text` of `size` bytes (without dashes) names. */
static enum vrs_opt option_named(const char *text, size_t size, bool letter)
{
	for (unsigned o = 0; o < VRS_OPT_N; o++) {
		const char *name = letter ? vrs_options[o].letter : vrs_options[o].name;

		if (name != NULL && strlen(name) == size && memcmp(name, text, size) == 0)
			return o;
	}
	return VRS_OPT_NONE;
}

/* Take argv[*i], an option, with its value. */
static int take_option(struct vrs_args *a, int argc, char **argv, int *i, FILE *err)
{
	const char *arg = argv[*i];
	bool letter = arg[1] != '-';
	const char *name = arg + (letter ? 1 : 2), *equals = strchr(name, '=');
	size_t size = equals != NULL ? (size_t)(equals - name) : strlen(name);
	enum vrs_opt o = option_named(name, size, letter);

	if (o == VRS_OPT_NONE) {
		if (a->unknown == NULL)
			a->unknown = arg;
		return VRS_EXIT_OK;
	}
	a->given |= VRS_OPT_BIT(o);
	if (vrs_options[o].metavar == NULL) {
		if (equals == NULL)
			return VRS_EXIT_OK;
		(void)fprintf(err, "vrsctl: --%s takes no value\n", vrs_options[o].name);
		return VRS_EXIT_USAGE;
	}
	if (equals == NULL && *i + 1 == argc) {
		(void)fprintf(err, "vrsctl: --%s needs a value: %s\n", vrs_options[o].name,
			vrs_options[o].metavar);
		return VRS_EXIT_USAGE;
	}
	a->value[o] = equals != NULL ? equals + 1 : argv[++*i];
	return VRS_EXIT_OK;
}

static int collect(struct vrs_args *a, int argc, char **argv, FILE *err)
{
	bool only_words = false;

	for (int i = 1; i < argc; i++) {
		if (!only_words && strcmp(argv[i], "--") == 0) {
			only_words = true;
		} else if (!only_words && argv[i][0] == '-' && argv[i][1] != '\0') {
			int code = take_option(a, argc, argv, &i, err);

			if (code != VRS_EXIT_OK)
				return code;
		} else if (a->n_words == VRS_ARGS_WORDS) {
			(void)fprintf(err, "vrsctl: unexpected argument \"%s\"\n", argv[i]);
			return VRS_EXIT_USAGE;
		} else {
			a->words[a->n_words++] = argv[i];
		}
	}
	return VRS_EXIT_OK;
}

static int refuse_option(const struct vrs_args *a, const char *option, FILE *err)
{
	const char *name = option + strspn(option, "-"), *nearest = NULL;
	uint32_t takes = a->verb->takes | a->verb->needs;
	unsigned best = UINT32_MAX;
	char typed[64];

	(void)snprintf(typed, sizeof(typed), "%.*s", (int)strcspn(name, "="), name);
	(void)fprintf(err, "vrsctl: %s has no option %.*s", a->verb->words,
		(int)strcspn(option, "="), option);
	for (unsigned o = 0; o < VRS_OPT_N; o++) {
		unsigned d = vrs_suggest_distance(typed, vrs_options[o].name);

		if ((takes & VRS_OPT_BIT(o) || vrs_options[o].global) && d < best &&
			vrs_suggest_near(typed, vrs_options[o].name, d)) {
			best = d;
			nearest = vrs_options[o].name;
		}
	}
	if (nearest != NULL)
		(void)fprintf(err, "; did you mean --%s?\n", nearest);
	else
		(void)fprintf(err, "; see vrsctl %s --help\n", a->verb->words);
	return VRS_EXIT_USAGE;
}

static bool value_fits(const struct vrs_option *o, const char *value)
{
	char *end;

	if (!o->integer && !o->seconds)
		return value[0] != '\0';
	if (value[0] < '0' || value[0] > '9')
		return false;
	errno = 0;
	if (o->integer)
		(void)strtoull(value, &end, 10);
	else if (strspn(value, "0123456789.") == strlen(value))
		(void)strtod(value, &end);
	else
		return false;
	return errno == 0 && *end == '\0';
}

static int check_options(const struct vrs_args *a, FILE *err)
{
	uint32_t takes = a->verb->takes | a->verb->needs;
	char option[64];

	for (unsigned o = 0; o < VRS_OPT_N; o++) {
		if (!vrs_args_has(a, o))
			continue;
		if (!vrs_options[o].global && !(takes & VRS_OPT_BIT(o))) {
			(void)snprintf(option, sizeof(option), "--%s", vrs_options[o].name);
			return refuse_option(a, option, err);
		}
		if (a->value[o] != NULL && !value_fits(&vrs_options[o], a->value[o])) {
			(void)fprintf(err, "vrsctl: --%s %s: %s is expected\n", vrs_options[o].name,
				a->value[o],
				vrs_options[o].integer           ? "a whole number"
					: vrs_options[o].seconds ? "a number of seconds"
								 : vrs_options[o].metavar);
			return VRS_EXIT_USAGE;
		}
	}
	if (vrs_args_has(a, VRS_OPT_EXACT) && !vrs_args_has(a, VRS_OPT_ROUTES)) {
		(void)fputs("vrsctl: --exact belongs to --routes N\n", err);
		return VRS_EXIT_USAGE;
	}
	if (vrs_args_has(a, VRS_OPT_NIC) && vrs_args_has(a, VRS_OPT_ROUTESERVER)) {
		(void)fputs("vrsctl: --nic and --routeserver exclude each other\n", err);
		return VRS_EXIT_USAGE;
	}
	for (unsigned o = 0; o < VRS_OPT_N; o++) {
		if (!(a->verb->needs & VRS_OPT_BIT(o)) || vrs_args_has(a, o))
			continue;
		(void)fprintf(err, "vrsctl: %s needs --%s %s; see vrsctl %s --help\n",
			a->verb->words, vrs_options[o].name, vrs_options[o].metavar,
			a->verb->words);
		return VRS_EXIT_USAGE;
	}
	return VRS_EXIT_OK;
}

static int take_globals(struct vrs_args *a, FILE *err)
{
	const char *env = getenv("VRS_CONTROL_SOCKET"), *output = a->value[VRS_OPT_OUTPUT];

	a->socket = env != NULL && env[0] != '\0' ? env : DEFAULT_SOCKET;
	if (a->value[VRS_OPT_CONTROL_SOCKET] != NULL)
		a->socket = a->value[VRS_OPT_CONTROL_SOCKET];
	if (output == NULL) {
		/* Deltas are for programs: a line each, as JSON, unless a table is asked for. */
		if (a->verb != NULL && a->verb->live)
			a->format = VRS_FORMAT_NDJSON;
		return VRS_EXIT_OK;
	}
	for (unsigned f = 0; f < VRS_N_ELEMS(formats); f++) {
		if (strcmp(formats[f], output) == 0) {
			a->format = f;
			return VRS_EXIT_OK;
		}
	}
	(void)fprintf(err, "vrsctl: -o takes table, json or ndjson, not \"%s\"", output);
	for (unsigned f = 0; f < VRS_N_ELEMS(formats); f++) {
		unsigned d = vrs_suggest_distance(output, formats[f]);

		if (vrs_suggest_near(output, formats[f], d)) {
			(void)fprintf(err, "; did you mean %s?", formats[f]);
			break;
		}
	}
	(void)fputc('\n', err);
	return VRS_EXIT_USAGE;
}

/* --- Verbs --- */

static unsigned count_words(const char *words)
{
	unsigned n = 1;

	for (; (words = strchr(words, ' ')) != NULL; words++)
		n++;
	return n;
}

/* How many of the first words are those of the verb, from its start. */
static unsigned common_words(const struct vrs_verb *v, const char *const *words, unsigned n)
{
	const char *at = v->words;
	unsigned i;

	for (i = 0; i < n && at != NULL; i++) {
		size_t size = strcspn(at, " ");

		if (strlen(words[i]) != size || memcmp(words[i], at, size) != 0)
			break;
		at = at[size] == ' ' ? at + size + 1 : NULL;
	}
	return i;
}

unsigned vrs_args_list_verbs(const char *const *words, unsigned n_words, FILE *to)
{
	unsigned n = 0;

	for (const struct vrs_verb *v = vrs_verbs; v->words != NULL; v++) {
		if (v->later || common_words(v, words, n_words) != n_words)
			continue;
		if (to != NULL)
			(void)fprintf(to, "  %-44s %s\n", v->words, v->help);
		n++;
	}
	return n;
}

static const struct vrs_verb *match_verb(const struct vrs_args *a, unsigned *n_used)
{
	const struct vrs_verb *found = NULL;

	*n_used = 0;
	for (const struct vrs_verb *v = vrs_verbs; v->words != NULL; v++) {
		unsigned n = count_words(v->words);

		if (n > *n_used && common_words(v, a->words, a->n_words) == n) {
			found = v;
			*n_used = n;
		}
	}
	return found;
}

static void join(char *out, size_t size, const char *const *words, unsigned n)
{
	out[0] = '\0';
	for (unsigned i = 0; i < n; i++) {
		size_t at = strlen(out);

		(void)snprintf(out + at, size - at, "%s%s", i > 0 ? " " : "", words[i]);
	}
}

static int refuse_verb(const struct vrs_args *a, FILE *err)
{
	const char *nearest = NULL;
	unsigned best = UINT32_MAX;
	char typed[256];

	for (const struct vrs_verb *v = vrs_verbs; v->words != NULL; v++) {
		if (common_words(v, a->words, a->n_words) == a->n_words) {
			join(typed, sizeof(typed), a->words, a->n_words);
			(void)fprintf(err, "vrsctl: %s what?\n", typed);
			(void)vrs_args_list_verbs(a->words, a->n_words, err);
			return VRS_EXIT_USAGE;
		}
	}
	for (const struct vrs_verb *v = vrs_verbs; v->words != NULL; v++) {
		join(typed, sizeof(typed), a->words, VRS_MIN(a->n_words, count_words(v->words)));
		unsigned d = vrs_suggest_distance(typed, v->words);
		if (!v->later && d < best && vrs_suggest_near(typed, v->words, d)) {
			best = d;
			nearest = v->words;
		}
	}
	join(typed, sizeof(typed), a->words, a->n_words);
	(void)fprintf(err, "vrsctl: there is no verb \"%s\"", typed);
	if (nearest != NULL)
		(void)fprintf(err, "; did you mean \"%s\"?\n", nearest);
	else
		(void)fputs("; see vrsctl --help\n", err);
	return VRS_EXIT_USAGE;
}

/* The argument without a name. */
static int take_positional(struct vrs_args *a, unsigned n_used, FILE *err)
{
	enum vrs_opt o = a->verb->positional;
	unsigned left = a->n_words - n_used;

	if (left == 0)
		return VRS_EXIT_OK;
	if (o == VRS_OPT_NONE || left > 1 || vrs_args_has(a, o)) {
		const char *extra = a->words[o == VRS_OPT_NONE || left == 1 ? n_used : n_used + 1];

		(void)fprintf(err, "vrsctl: unexpected argument \"%s\"; see vrsctl %s --help\n",
			extra, a->verb->words);
		return VRS_EXIT_USAGE;
	}
	a->value[o] = a->words[n_used];
	a->given |= VRS_OPT_BIT(o);
	return VRS_EXIT_OK;
}

static int not_built(const char *what, FILE *err)
{
	(void)fprintf(err, "vrsctl: not-built: %s is for a later version\n", what);
	return VRS_EXIT_REFUSED;
}

int vrs_args_parse(struct vrs_args *a, int argc, char **argv, FILE *err)
{
	unsigned n_used;

	*a = (struct vrs_args){0};
	int code = collect(a, argc, argv, err);
	if (code != VRS_EXIT_OK)
		return code;
	if (a->n_words > 0 && strcmp(a->words[0], "help") == 0) {
		a->given |= VRS_OPT_BIT(VRS_OPT_HELP);
		memmove(a->words, a->words + 1, --a->n_words * sizeof(a->words[0]));
	}
	a->verb = match_verb(a, &n_used);
	if (a->verb != NULL && a->verb->later)
		return not_built(a->verb->words, err);
	if (vrs_args_has(a, VRS_OPT_VERSION) || (vrs_args_has(a, VRS_OPT_HELP) && a->n_words == 0))
		return VRS_EXIT_OK;
	if (vrs_args_has(a, VRS_OPT_URL))
		return not_built("--url", err);
	if (vrs_args_has(a, VRS_OPT_HELP) &&
		(a->verb != NULL || vrs_args_list_verbs(a->words, a->n_words, NULL) > 0))
		return VRS_EXIT_OK;
	if (a->n_words == 0) {
		vrs_args_help(a, err);
		return VRS_EXIT_USAGE;
	}
	if (a->verb == NULL)
		return refuse_verb(a, err);
	/* First: what should have been its value looks like an argument too many. */
	if (a->unknown != NULL)
		return refuse_option(a, a->unknown, err);
	code = take_globals(a, err);
	if (code == VRS_EXIT_OK)
		code = take_positional(a, n_used, err);
	if (code == VRS_EXIT_OK)
		code = check_options(a, err);
	return code;
}

/* --- Help --- */

static void print_usage(const struct vrs_verb *v, FILE *to)
{
	uint32_t takes = v->takes | v->needs;

	(void)fprintf(to, "Usage: vrsctl %s", v->words);
	for (unsigned o = 0; o < VRS_OPT_N; o++) {
		const struct vrs_option *opt = &vrs_options[o];
		bool needed = v->needs & VRS_OPT_BIT(o);

		if (!(takes & VRS_OPT_BIT(o)))
			continue;
		(void)fprintf(to, needed ? " " : " [");
		(void)fprintf(to, o == v->positional ? "[--%s]" : "--%s", opt->name);
		if (opt->metavar != NULL)
			(void)fprintf(to, " %s", opt->metavar);
		if (!needed)
			(void)fputc(']', to);
	}
	(void)fputs(" [-o FORMAT]\n", to);
}

static void print_options(uint32_t takes, bool globals, FILE *to)
{
	for (unsigned o = 0; o < VRS_OPT_N; o++) {
		const struct vrs_option *opt = &vrs_options[o];
		char left[64];

		if (opt->help == NULL || (opt->global ? !globals : !(takes & VRS_OPT_BIT(o))))
			continue;
		(void)snprintf(left, sizeof(left), "%s%s%s--%s%s%s", opt->letter != NULL ? "-" : "",
			opt->letter != NULL ? opt->letter : "", opt->letter != NULL ? ", " : "",
			opt->name, opt->metavar != NULL ? " " : "",
			opt->metavar != NULL ? opt->metavar : "");
		(void)fprintf(to, "  %-24s %s\n", left, opt->help);
	}
}

void vrs_args_help(const struct vrs_args *a, FILE *to)
{
	const struct vrs_verb *v = a->verb;

	if (v != NULL) {
		print_usage(v, to);
		(void)fprintf(to, "%c%s.\n\n", v->help[0] - 'a' + 'A', v->help + 1);
		print_options(v->takes | v->needs, true, to);
		if (v->path != NULL)
			(void)fprintf(to, "\nHTTP: %s %s\n", v->method != NULL ? v->method : "GET",
				v->path);
		return;
	}
	(void)fputs("Usage: vrsctl VERB [option]...; vrsctl VERB --help\n\n", to);
	(void)vrs_args_list_verbs(a->words, a->n_words, to);
	(void)fputc('\n', to);
	print_options(0, true, to);
	(void)fputs("\nExit codes: 0 ok, 1 refused, not found or timed out, 2 usage, 3 no daemon\n",
		to);
}
