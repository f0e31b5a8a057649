/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#include "tools/vrslab/run.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "tools/vrslab/progress.h"
#include "tools/vrslab/stages.h"

enum {
	SAMPLE_NS = 50000000,
	PAUSE_NS = 2000000,
	NS_PER_MS = 1000000,
	OPENING_NS = 200000000,
	SETTLE_NS = 1000000000
};
#define NS_PER_S 1000000000ull

static volatile sig_atomic_t interrupted;

bool vrs_run_interrupted(void)
{
	return interrupted;
}

static void on_signal(int number)
{
	(void)number;
	interrupted = 1;
}

/* When the last thing is to be sent, in nanoseconds from the phase's start. */
static uint64_t last_due(const struct vrs_plan *plan)
{
	uint64_t last = 0;

	for (size_t i = 0; i < plan->n_scripts; i++) {
		const struct vrs_script *s = &plan->scripts[i];
		if (s->n_steps > 0)
			last = VRS_MAX(last, s->steps[s->n_steps - 1].at_ns);
	}
	return last;
}

static bool effective_right(const struct vrs_effective *e)
{
	return e == NULL || atomic_load(&e->fell_behind) ||
		(atomic_load(&e->n_wrong) == 0 && !atomic_load(&e->lost));
}

static const char *verdict_of(
	const struct vrs_phase *p, const struct vrs_effective *e, bool target_gone)
{
	if (p->right_ns != 0 && atomic_load(&p->sent) && effective_right(e))
		return "right";
	if (target_gone)
		return "the target died";
	if (atomic_load(&p->lost))
		return "a session was lost";
	if (e != NULL && atomic_load(&e->lost))
		return "the watch stream was lost";
	return interrupted ? "interrupted" : "timeout";
}

static void pause_ns(uint64_t ns)
{
	struct timespec t = {.tv_nsec = (long)ns};

	(void)nanosleep(&t, NULL);
}

static bool is_over(struct vrs_phase *p, const struct vrs_effective *e)
{
	if (atomic_load(&p->lost))
		return true;
	return vrs_phase_over(p) && (effective_right(e) || atomic_load(&e->lost));
}

/* Watch a phase until it is over. @return Whether the target still lives. */
static bool watch(struct vrs_run *r, const char *name, struct vrs_phase *p,
	const struct vrs_effective *e, const struct vrs_machine_sample *from)
{
	uint64_t limit = p->start_ns + last_due(p->plan) + r->options.timeout_s * NS_PER_S;
	uint64_t total = 0, next = p->start_ns;
	struct vrs_progress bar;
	bool alive = true;

	for (size_t i = 0; i < r->n; i++)
		total += r->sessions[i].strict ? r->universe.n : 0;
	vrs_progress_init(&bar, name, "prefixes", true);
	while (alive && !interrupted && !is_over(p, e) && vrs_lab_now() < limit) {
		if (vrs_lab_now() >= next) {
			struct vrs_machine_sample now;
			vrs_machine_sample(&now, r->options.pids, r->options.n_pids);
			alive = now.n_alive == r->options.n_pids;
			vrs_run_record_sample(r, name, p, from, &now);
			vrs_progress_update(
				&bar, atomic_load(&p->n_right), total, vrs_lab_now() / NS_PER_MS);
			next += SAMPLE_NS;
		}
		pause_ns(PAUSE_NS);
	}
	vrs_progress_clear(&bar);
	return alive;
}

/* What is wrong with session @p i, if anything. */
static void tell_wrong(const struct vrs_run *r, size_t i, char *to, size_t size)
{
	const struct vrs_lab_session *s = &r->sessions[i];
	struct vrs_addr a = vrs_run_peer_addr(&r->options, i);
	char addr[VRS_ADDR_STRLEN];

	(void)vrs_addr_str(&a, addr);
	if (s->lost)
		(void)snprintf(to, size, "%s: %s", addr, s->why);
	else if (s->strict && !vrs_ledger_right(&s->ledger))
		(void)snprintf(to, size,
			"%s: %u of %u prefixes are not as they must be, %llu strange ones", addr,
			r->universe.n - s->ledger.n_right, r->universe.n,
			(unsigned long long)s->ledger.n_strange);
}

/* Changes of numbered prefixes of one sender each, that a NIC can see. */
static bool is_watched(const struct vrs_run *r, const struct vrs_plan *plan)
{
	bool loaded = r->options.profile->kind != VRS_PROFILE_REPLAY;

	return r->options.watch != NULL && !r->options.params.same &&
		vrs_effective_expected(plan, loaded) > 0;
}

/* Start a phase, and before it the watch of a NIC, if there is one. @p from is taken as it starts. @return 0, or a negative errno:
 * then nothing runs. */
static int begin(struct vrs_phase *p, struct vrs_effective *e, const struct vrs_run *r,
	struct vrs_machine_sample *from)
{
	int rc = e != NULL ? vrs_effective_init(e) : 0;

	if (rc == 0 && e != NULL)
		rc = vrs_effective_begin(e);
	if (rc != 0)
		return rc;
	p->delay_ns = e != NULL ? OPENING_NS : 0;
	vrs_machine_sample(from, r->options.pids, r->options.n_pids);
	rc = vrs_phase_begin(p);
	if (rc != 0 || e == NULL)
		return rc;
	atomic_store(&e->start_ns, p->start_ns);
	while (vrs_lab_now() < p->start_ns)
		pause_ns(PAUSE_NS);
	vrs_machine_sample(from, r->options.pids, r->options.n_pids);
	return 0;
}

/* What is wrong, if anything. */
static void tell_first_wrong(
	const struct vrs_run *r, const struct vrs_effective *e, char *to, size_t size)
{
	for (size_t i = 0; i < r->n && to[0] == '\0'; i++)
		tell_wrong(r, i, to, size);
	if (to[0] != '\0' || e == NULL)
		return;
	if (e->why[0] != '\0')
		(void)snprintf(to, size, "%s", e->why);
	else if (atomic_load(&e->n_wrong) > 0)
		(void)snprintf(to, size, "NIC %.60s: %u changed prefixes are not as they must be",
			e->nic, atomic_load(&e->n_wrong));
}

/* Where the target's time went since @p before, which is taken. */
static void tell_stages(const struct vrs_run *r, const char *name, json_t *before)
{
	if (before == NULL)
		return;
	json_t *after = vrs_stages_ask(r->options.watch);
	vrs_run_record_stages(r, name, vrs_stages_between(before, after));
	json_decref(after);
	json_decref(before);
}

/* @return Whether it ended well; what did not is recorded. */
static bool measure(
	struct vrs_run *r, const char *name, struct vrs_phase *p, struct vrs_effective *e)
{
	struct vrs_machine_sample from, to;
	char why[256] = "";
	json_t *before = r->options.watch != NULL ? vrs_stages_ask(r->options.watch) : NULL;
	int rc = begin(p, e, r, &from);

	if (rc != 0) {
		json_decref(before);
		vrs_run_record_result(
			r, "failed", e != NULL && e->why[0] ? e->why : strerrordesc_np(-rc));
		return false;
	}
	bool alive = watch(r, name, p, e, &from);
	vrs_phase_end(p);
	vrs_machine_sample(&to, r->options.pids, r->options.n_pids);
	const char *verdict = verdict_of(p, e, !alive);
	bool right = strcmp(verdict, "right") == 0;
	if (e != NULL && atomic_load(&e->fell_behind))
		(void)fprintf(stderr,
			"vrslab run: NIC %s: the watch stream fell behind: there is no time until "
			"changes were effective\n",
			e->nic);
	if (e != NULL) {
		vrs_effective_end(e);
		if (right && vrs_effective_check(e) != 0) {
			verdict = "wrong on the NIC";
			right = false;
		}
	}
	tell_stages(r, name, before);
	vrs_run_record_phase(r, name, p, e, verdict, &from, &to);
	tell_first_wrong(r, e, why, sizeof(why));
	if (!right)
		vrs_run_record_result(r, verdict, why);
	return right;
}

static bool run_phase(struct vrs_run *r, const char *name, const struct vrs_plan *plan)
{
	struct vrs_phase p = {.sessions = r->sessions,
		.n_sessions = r->n,
		.plan = plan,
		.settle_ns = r->options.params.same ? SETTLE_NS : 0,
		.senders = r->options.local,
		.n_senders = r->options.params.senders,
		.hops = r->options.next_hops,
		.n_hops = r->options.params.hops,
		.target = r->options.target};
	struct vrs_effective e = {.socket = r->options.watch,
		.nic = r->options.nic,
		.plan = plan,
		.universe = &r->universe,
		.first_hop = r->options.next_hops,
		.n_hops = r->options.params.hops,
		.loaded = r->options.profile->kind != VRS_PROFILE_REPLAY};

	for (size_t i = 0; i < plan->n_scripts; i++)
		r->sessions[i].script = &plan->scripts[i];
	for (size_t i = r->n - r->options.params.slow; i < r->n; i++)
		r->sessions[i].deaf_ns = last_due(plan);
	bool right = measure(r, name, &p, is_watched(r, plan) ? &e : NULL);
	for (size_t i = 0; i < r->n; i++)
		r->sessions[i].script = NULL;
	vrs_effective_fini(&e);
	vrs_phase_fini(&p);
	return right;
}

/* The first sender goes without a word, as a process that dies. */
static void lose_first(struct vrs_run *r)
{
	struct vrs_lab_session *s = &r->sessions[0];

	(void)close(s->tx_fd);
	s->tx_fd = s->rx_fd = -1;
	s->strict = false;
}

static bool run_phases(struct vrs_run *r)
{
	struct vrs_plan load = {0}, more = {0};
	bool replay = r->options.profile->kind == VRS_PROFILE_REPLAY;
	int rc = replay ? 0 : vrs_profile_load(r, &load);
	bool right = rc == 0 && (replay || run_phase(r, "load", &load));

	vrs_plan_fini(&load);
	if (right && r->options.profile->kind != VRS_PROFILE_LOAD) {
		rc = vrs_profile_main(r, &more);
		if (rc == 0 &&
			(r->options.profile->kind == VRS_PROFILE_LOSS ||
				r->options.profile->kind == VRS_PROFILE_MOVE))
			lose_first(r);
		right = rc == 0 && run_phase(r, r->options.profile->name, &more);
		vrs_plan_fini(&more);
	}
	if (rc != 0)
		vrs_run_record_result(r, "failed", strerrordesc_np(-rc));
	if (right)
		vrs_run_record_result(r, "right", "");
	return right;
}

static int make_sessions(struct vrs_run *r)
{
	int rc = 0;

	r->sessions = calloc(r->n, sizeof(*r->sessions));
	if (r->sessions == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < r->n && rc == 0; i++) {
		struct vrs_lab_session *s = &r->sessions[i];
		s->tx_fd = s->rx_fd = -1;
		s->strict = true;
		s->rx = malloc(VRS_LAB_RX_SIZE);
		rc = s->rx == NULL ? -ENOMEM : vrs_ledger_init(&s->ledger, &r->universe);
	}
	return rc;
}

static void fini(struct vrs_run *r)
{
	size_t n_tables = r->options.params.same ? 1 : r->options.params.senders;

	for (size_t i = 0; r->sessions != NULL && i < r->n; i++) {
		if (r->sessions[i].tx_fd >= 0)
			(void)close(r->sessions[i].tx_fd);
		free(r->sessions[i].rx);
		vrs_ledger_fini(&r->sessions[i].ledger);
	}
	free(r->sessions);
	for (size_t i = 0; r->routes != NULL && i < n_tables; i++)
		vrs_routes_fini(&r->routes[i]);
	free(r->routes);
	vrs_universe_fini(&r->universe);
	vrs_replay_fini(&r->replay);
	if (r->out != NULL && r->out != stdout)
		(void)fclose(r->out);
}

static int run(struct vrs_run *r, int argc, char **argv)
{
	char why[640] = "";
	int rc = vrs_run_tables(r);

	if (rc == 0)
		rc = make_sessions(r);
	if (rc != 0) {
		if (rc != -ESRCH) /* That was told. */
			(void)fprintf(stderr, "vrslab run: %s: %s\n",
				r->options.mrt != NULL ? r->options.mrt : "the tables",
				strerrordesc_np(-rc));
		return 1;
	}
	vrs_run_record_head(r, argc, argv);
	if (r->options.mrt != NULL)
		vrs_run_record_capture(r);
	if (vrs_run_connect(r, why, sizeof(why)) != 0) {
		(void)fprintf(stderr, "vrslab run: %s\n", why);
		vrs_run_record_result(r, "not connected", why);
		return 1;
	}
	vrs_run_record_established(r);
	return run_phases(r) ? 0 : 1;
}

int vrs_run_main(int argc, char **argv)
{
	struct sigaction quiet = {.sa_handler = on_signal};
	struct vrs_run r = {0};
	int rc = vrs_run_options_parse(&r.options, argc, argv);

	if (rc != 0)
		return rc == 1 ? 0 : rc;
	r.n = r.options.params.senders + r.options.params.listeners;
	r.started_ns = vrs_lab_now();
	r.out = r.options.out != NULL ? fopen(r.options.out, "we") : stdout;
	if (r.out == NULL) {
		(void)fprintf(
			stderr, "vrslab run: %s: %s\n", r.options.out, strerrordesc_np(errno));
		return 1;
	}
	if (r.options.histograms != NULL)
		vrs_run_forget_histograms(&r);
	(void)sigaction(SIGINT, &quiet, NULL);
	(void)sigaction(SIGTERM, &quiet, NULL);
	if (r.options.list_peers)
		vrs_run_record_peers(&r);
	else
		rc = run(&r, argc, argv);
	if (ferror(r.out) || fflush(r.out) != 0) {
		(void)fprintf(stderr, "vrslab run: the records cannot be written: %s\n",
			strerrordesc_np(errno));
		rc = 1;
	}
	fini(&r);
	return rc;
}

int vrs_profiles_main(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	vrs_profile_print(stdout);
	return 0;
}
