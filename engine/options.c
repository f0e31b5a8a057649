/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#include "engine/options.h"

#include "rib/base/macro.h"

static const struct vrs_vrsd_option options[] = {
	{"config", "FILE", 'c', "configuration (YAML), see vrs.yaml(5)"},
	{"check", NULL, 'k', "check the configuration, print what is wrong, and exit 0 or 1"},
	{"state-dir", "DIR", 's', "instead of process.stateDir"},
	{"control-socket", "PATH", 'S', "instead of process.controlSocket"},
	{"log-level", "LEVEL", 'l', "error, warning, info (default) or debug"},
	{"schema", NULL, 'j', "print the JSON Schema of the configuration and exit"},
	{"version", NULL, 'v', "print the version and exit"},
	{"help", NULL, 'h', "print this and the keys of the configuration, and exit"},
};

const struct vrs_vrsd_option *vrs_vrsd_options(size_t *n)
{
	*n = VRS_N_ELEMS(options);
	return options;
}
