/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#pragma once

/**
 * @file
 * What the world must look like when it is quiet, worked out the slow way from
 * what peers want to announce and from the configuration alone.
 */

#include "tests/sim/world.h"

/** Compare everything with the model; a difference ends the run. The world is quiet, and every
 *  session that is configured is up. */
void model_check(const struct world *w);

/** Whether a configured session is not up, or one that is not configured is. */
bool model_sessions_settled(const struct world *w);
