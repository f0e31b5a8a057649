/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

/*
 * vrsctl: the operator's tool. A table of verbs over the HTTP API of vrsd's control socket.
 */

#include <signal.h>
#include <stdio.h>

#include "tools/vrsctl/ctl.h"

int main(int argc, char **argv)
{
	/* A reader that has gone shows as EPIPE and ends us quietly. */
	(void)signal(SIGPIPE, SIG_IGN);
	return vrs_ctl_main(argc, argv);
}
