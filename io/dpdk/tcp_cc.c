/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 *
 * How much may be in flight: CUBIC (RFC 9438) or NewReno (RFC 5681). Bytes are counted (RFC 3465
 * without its limit: one ACK speaks for a whole burst here as at our peers). A window that is not
 * used is not grown (RFC 7661's idea).
 *
 * RFC 9438's names: beta 0.7, C 0.4; windows in segments.
 */

#include <math.h>

#include "io/dpdk/tcp_internal.h"

#define BETA_CUBIC 0.7
#define C_CUBIC    0.4

enum {
	INITIAL_SEGMENTS = 10, /* RFC 6928 */
	CWND_MAX = 1 << 26,
	USED_US = 200000, /* How long ago the window was full, at most, for it to grow. */
};

/* RFC 6928: 10 segments, 14600 bytes, two segments at least. */
static uint32_t initial_window(const struct vrs_tcp *t)
{
	return VRS_MIN((uint32_t)INITIAL_SEGMENTS * t->mss, VRS_MAX(2u * t->mss, 14600u));
}

void vrs_tcp_cc_init(struct vrs_tcp *t)
{
	t->cc = (struct vrs_tcp_cc){.cwnd = initial_window(t), .ssthresh = UINT32_MAX / 2};
}

static void grow(struct vrs_tcp *t, uint32_t bytes)
{
	t->cc.cwnd = VRS_MIN(t->cc.cwnd + bytes, (uint32_t)CWND_MAX);
}

/* Section 4.2: the window a round trip from now. */
static double w_cubic(const struct vrs_tcp *t)
{
	double s = (double)(now_us(t) - t->cc.epoch_us + t->srtt_us) / 1e6 - t->cc.k;

	return C_CUBIC * s * s * s + t->cc.w_max;
}

static void begin_epoch(struct vrs_tcp *t)
{
	double cwnd = (double)t->cc.cwnd / t->mss;

	t->cc.epoch_us = VRS_MAX(now_us(t), (uint64_t)1);
	t->cc.w_est = cwnd;
	if (t->cc.w_max < cwnd)
		t->cc.w_max = cwnd;
	t->cc.k = cbrt((t->cc.w_max - cwnd) / C_CUBIC);
}

/* Section 4.3: what Reno would have. */
static void grow_estimate(struct vrs_tcp *t, double acked, double cwnd)
{
	double alpha = t->cc.w_est < t->cc.cwnd_prior ? 3 * (1 - BETA_CUBIC) / (1 + BETA_CUBIC) : 1;

	t->cc.w_est += alpha * acked / cwnd;
}

static void cubic(struct vrs_tcp *t, uint32_t bytes)
{
	double acked = (double)bytes / t->mss;

	if (t->cc.epoch_us == 0)
		begin_epoch(t);
	double cwnd = (double)t->cc.cwnd / t->mss, target = w_cubic(t);
	grow_estimate(t, acked, cwnd);
	target = VRS_MIN(VRS_MAX(target, cwnd), 1.5 * cwnd);
	double next = cwnd + VRS_MIN((target - cwnd) / cwnd * acked, target - cwnd);
	next = VRS_MAX(next, t->cc.w_est);
	if (next > cwnd)
		grow(t, (uint32_t)((next - cwnd) * t->mss));
}

void vrs_tcp_cc_acked(struct vrs_tcp *t, uint32_t bytes)
{
	if (t->recovery == RECOVERY_NONE && now_us(t) - t->cwnd_full_us > USED_US + t->srtt_us)
		return;
	if (t->cc.cwnd < t->cc.ssthresh) {
		uint32_t n = VRS_MIN(bytes, t->cc.ssthresh - t->cc.cwnd);

		grow(t, n);
		bytes -= n;
	}
	if (bytes == 0 || t->recovery != RECOVERY_NONE)
		return;
	if (t->host->newreno)
		grow(t, (uint32_t)VRS_MAX((uint64_t)bytes * t->mss / t->cc.cwnd, (uint64_t)1));
	else
		cubic(t, bytes);
}

static uint32_t decrease(struct vrs_tcp *t)
{
	struct vrs_tcp_cc *cc = &t->cc;
	double beta = t->host->newreno ? 0.5 : BETA_CUBIC, cwnd = (double)cc->cwnd / t->mss;

	cc->undo_cwnd = cc->cwnd;
	cc->undo_ssthresh = cc->ssthresh;
	cc->undo_w_max = cc->w_max;
	/* Section 4.7: leave room for newcomers. */
	cc->w_max = cwnd < cc->w_max ? cwnd * (1 + BETA_CUBIC) / 2 : cwnd;
	cc->cwnd_prior = cwnd;
	cc->epoch_us = 0;
	return VRS_MAX((uint32_t)(cc->cwnd * beta), 2u * t->mss);
}

void vrs_tcp_cc_loss(struct vrs_tcp *t)
{
	t->cc.ssthresh = decrease(t);
}

void vrs_tcp_cc_timeout(struct vrs_tcp *t)
{
	/* A timeout in recovery is of the same window. */
	if (t->recovery == RECOVERY_NONE)
		t->cc.ssthresh = decrease(t);
	t->cc.epoch_us = 0;
}

void vrs_tcp_cc_undo(struct vrs_tcp *t)
{
	t->cc.cwnd = VRS_MAX(t->cc.cwnd, t->cc.undo_cwnd);
	t->cc.ssthresh = VRS_MAX(t->cc.ssthresh, t->cc.undo_ssthresh);
	t->cc.w_max = t->cc.undo_w_max;
	t->cc.epoch_us = 0;
}

void vrs_tcp_cc_idle(struct vrs_tcp *t)
{
	t->cc.cwnd = VRS_MIN(t->cc.cwnd, initial_window(t));
	t->cc.epoch_us = 0;
}
