/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#pragma once

/**
 * @file
 * `vrslab self`: how fast the generator sends and verifies, alone.
 */

/** The command. @return The exit status. */
int vrs_self_main(int argc, char **argv);
