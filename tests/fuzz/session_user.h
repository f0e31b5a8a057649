/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#pragma once

/**
 * @file
 * The user of a session that a target runs: it counts, and may say "not now".
 */

#include "io/session/session.h"
#include "tests/fuzz/fuzz.h"

struct session_user {
	unsigned up, down;
	bool refuse; /**< UPDATEs are to wait. */
};

static inline void session_user_up(void *ctx, struct vrs_session *)
{
	((struct session_user *)ctx)->up++;
}

static inline void session_user_down(
	void *ctx, struct vrs_session *, const struct vrs_session_error *)
{
	((struct session_user *)ctx)->down++;
}

static inline bool session_user_update(
	void *ctx, struct vrs_session *, const struct vrs_bgp_update *u)
{
	FUZZ_CHECK(u->verdict.action != VRS_BGP_RESET);
	return !((struct session_user *)ctx)->refuse;
}

static const struct vrs_session_ops session_user_ops = {
	.established = session_user_up, .down = session_user_down, .update = session_user_update};

/** What both targets say of themselves and of the peer; the endpoint is theirs. */
static const struct vrs_session_config session_user_config = {.name = "fuzz",
	.local_as = 65515,
	.peer_as = 65001,
	.router_id = 1,
	.hold_s = 90,
	.keepalive_s = 30,
	.families = 3};

/** Whether it has heard as often as it should. */
static inline bool session_user_agrees(const struct session_user *u, const struct vrs_session *s)
{
	return u->up - u->down == (vrs_session_state(s) == VRS_SESSION_ESTABLISHED);
}
