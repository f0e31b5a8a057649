/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

/*
 * EAL pins the thread that initialises it, so a thread of its own does that and ends; its signals are
 * blocked, and EAL's interrupt thread inherits that. One lcore is all EAL is told of: on every CPU that
 * the caller may use, with no worker thread. I/O threads register when they first poll.
 *
 * Whether a process has an EAL already is read off the TSC's frequency, which EAL measures after memory
 * is there and before drivers are looked for; the count of lcores is set even where the arguments are
 * then refused. A start that failed is not tried again: EAL's option parser remembers what it saw.
 *
 * EAL's lines go to our log: what it calls an error as a warning, and is kept for `why`; all else as
 * debug.
 *
 * Some arguments do not come back from EAL, and are refused here: --help and --log-level=help end the
 * process; a secondary one waits for its primary for ever, and could not use it anyway, for threads register.
 */

#include "io/dpdk/eal.h"

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_lcore.h>
#include <rte_log.h>
#include <rte_version.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rib/base/log.h"

enum {
	OWN_ARGS_MAX = 16,
	ARGS_MAX = 64,
	COMPLAINTS_SIZE = 400,
};

static struct {
	pthread_mutex_t lock;
	bool tried, adopted;
	bool given; /* Before the last vrs_eal_start(): it could not choose arguments. */
	int err;
	char why[512];
	char *argv[OWN_ARGS_MAX + ARGS_MAX * 2 + 1]; /* EAL may keep pointers: for ever. */
	int argc;
} eal = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* ---- EAL's log ---------------------------------------------------------------------------- */

static struct {
	pthread_mutex_t lock;
	char text[COMPLAINTS_SIZE];
} complaints = {.lock = PTHREAD_MUTEX_INITIALIZER};

void vrs_eal_complaints_clear(void)
{
	pthread_mutex_lock(&complaints.lock);
	complaints.text[0] = '\0';
	pthread_mutex_unlock(&complaints.lock);
}

void vrs_eal_complaints(char *out, size_t size)
{
	pthread_mutex_lock(&complaints.lock);
	(void)snprintf(out, size, "%s", complaints.text);
	pthread_mutex_unlock(&complaints.lock);
}

/* The first ones say what is wrong, the later ones what followed from it. */
static void complain(const char *line)
{
	size_t used;

	if (strstr(line, "Failed to attach device on primary") != NULL)
		return; /* Said of every device. */
	pthread_mutex_lock(&complaints.lock);
	used = strlen(complaints.text);
	if (strstr(complaints.text, line) == NULL)
		(void)snprintf(complaints.text + used, sizeof(complaints.text) - used, "%s%s",
			used > 0 ? "; " : "", line);
	pthread_mutex_unlock(&complaints.lock);
}

static ssize_t take_line(void *cookie, const char *text, size_t size)
{
	char line[256];
	size_t n = VRS_MIN(size, sizeof(line) - 1);
	bool bad = rte_log_cur_msg_loglevel() <= (int)RTE_LOG_ERR;

	memcpy(line, text, n);
	while (n > 0 && line[n - 1] == '\n')
		n--;
	line[n] = '\0';
	if (n == 0)
		return (ssize_t)size;
	if (bad)
		complain(line);
	vrs_log(bad ? VRS_LOG_WARNING : VRS_LOG_DEBUG, "dpdk: %s", line);
	return (ssize_t)size;
}

static void take_log(void)
{
	FILE *f = fopencookie(NULL, "w", (cookie_io_functions_t){.write = take_line});

	if (f == NULL)
		return;
	(void)setvbuf(f, NULL, _IOLBF, 0);
	(void)rte_openlog_stream(f);
}

/* ---- Arguments ---------------------------------------------------------------------------- */

/* Whether one of @p names, which NULL ends, is among the arguments, alone or as "name=value". */
static bool has(const struct vrs_eal_config *c, const char *const *names)
{
	for (unsigned i = 0; i < c->n_args; i++)
		for (const char *const *name = names; *name != NULL; name++) {
			size_t size = strlen(*name);
			bool is_short = (*name)[1] != '-';
			if (strncmp(c->args[i], *name, size) == 0 &&
				(is_short || c->args[i][size] == '\0' || c->args[i][size] == '='))
				return true;
		}
	return false;
}

#define HAS(c, ...) has(c, (const char *const[]){__VA_ARGS__, NULL})

/* Whether getopt takes @p arg for option @p name, which may be cut down to @p least bytes. */
static bool is_option(const char *arg, const char *name, size_t least)
{
	size_t size = strcspn(arg, "=");

	return size >= least && strncmp(arg, name, size) == 0 && size <= strlen(name);
}

/* "-h" also behind others that take no value: "-vh". Help as a value: a list of log types. */
static bool ends_process(const char *arg)
{
	return (arg[0] == '-' && arg[1 + strspn(arg + 1, "v")] == 'h') ||
		is_option(arg, "--help", sizeof("--h") - 1) || strcmp(arg, "help") == 0 ||
		(is_option(arg, "--log-level", sizeof("--lo") - 1) && strstr(arg, "=help") != NULL);
}

/* @param value  What follows @p arg in the list, NULL: nothing. */
static bool is_secondary(const char *arg, const char *value)
{
	const char *given = strchr(arg, '=');

	if (!is_option(arg, "--proc-type", sizeof("--p") - 1))
		return false;
	given = given != NULL ? given + 1 : value;
	return given != NULL && strcmp(given, "primary") != 0;
}

/* @return Whether all arguments come back from EAL; else @p why says which does not. */
static bool come_back(const struct vrs_eal_config *c, char *why, size_t why_size)
{
	for (unsigned i = 0; i < c->n_args; i++) {
		const char *arg = c->args[i], *next = i + 1 < c->n_args ? c->args[i + 1] : NULL;
		bool ends = ends_process(arg);

		if (!ends && !is_secondary(arg, next))
			continue;
		(void)snprintf(why, why_size, "eal: %.60s would %s", arg,
			ends ? "end the process" : "wait for another process: this one is primary");
		return false;
	}
	return true;
}

static void add(const char *fmt, const char *value)
{
	char text[1024];

	(void)snprintf(text, sizeof(text), fmt, value);
	eal.argv[eal.argc] = strdup(text);
	if (eal.argv[eal.argc] != NULL)
		eal.argc++;
}

/* One lcore on all CPUs that we may use: "0@(0,1,5)". */
static void add_lcores(void)
{
	char cpus[900] = "";
	size_t used = 0;
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set) != 0)
		return;
	for (int i = 0; i < CPU_SETSIZE && used + 8 < sizeof(cpus); i++)
		if (CPU_ISSET(i, &set))
			used += (size_t)snprintf(
				cpus + used, sizeof(cpus) - used, "%s%d", used > 0 ? "," : "", i);
	add("--lcores=0@(%s)", cpus);
}

/* Free hugepages of all sizes, in MiB. */
static uint64_t free_hugepages_mib(void)
{
	static const char dir[] = "/sys/kernel/mm/hugepages";
	DIR *d = opendir(dir);
	uint64_t kib = 0;

	if (d == NULL)
		return 0;
	for (struct dirent *e; (e = readdir(d)) != NULL;) {
		char path[320];
		unsigned long size, n;
		FILE *f;

		if (sscanf(e->d_name, "hugepages-%lukB", &size) != 1)
			continue;
		(void)snprintf(path, sizeof(path), "%s/%s/free_hugepages", dir, e->d_name);
		f = fopen(path, "re");
		if (f != NULL && fscanf(f, "%lu", &n) == 1)
			kib += (uint64_t)size * n;
		if (f != NULL)
			(void)fclose(f);
	}
	(void)closedir(d);
	return kib / 1024;
}

/* @return Whether to do without hugepages. */
static bool choose_memory(const struct vrs_eal_config *c)
{
	uint64_t mib = free_hugepages_mib();
	bool asked = HAS(c, "--no-huge");
	bool without = asked || (mib < c->memory_mib && !HAS(c, "--huge-dir", "--legacy-mem"));
	char size[16];

	(void)snprintf(size, sizeof(size), "%u", c->memory_mib);
	if (without) {
		vrs_log(VRS_LOG_INFO,
			"dpdk: without hugepages (%s%ju MiB free, %u wanted): ordinary pages",
			asked ? "as configured; " : "", (uintmax_t)mib, c->memory_mib);
		if (!asked)
			add("--no-huge%s", "");
		if (!HAS(c, "--no-shconf"))
			add("--no-shconf%s", "");
		if (!HAS(c, "-m", "--socket-mem"))
			add("-m%s", size);
		return true;
	}
	vrs_log(VRS_LOG_INFO, "dpdk: hugepages, %ju MiB free", (uintmax_t)mib);
	/* Nothing is left in hugetlbfs or /var/run, and a second process may start. */
	if (!HAS(c, "--in-memory", "--no-shconf", "--file-prefix", "--proc-type", "--huge-dir",
		    "--huge-unlink", "--legacy-mem"))
		add("--in-memory%s", "");
	return false;
}

/* EAL probes PCI devices when it starts: only those that are ports of ours. */
static void add_devices(const struct vrs_eal_config *c)
{
	unsigned n = 0;

	if (HAS(c, "-a", "--allow", "-b", "--block", "--no-pci"))
		return;
	for (unsigned i = 0; i < c->n_devices && n < ARGS_MAX; i++)
		if (vrs_eal_is_pci(c->devices[i])) {
			add("--allow=%s", c->devices[i]);
			n++;
		}
	if (n == 0)
		add("--no-pci%s", "");
}

static int make_args(const struct vrs_eal_config *c, char *why, size_t why_size)
{
	if (c->n_args > ARGS_MAX) {
		(void)snprintf(why, why_size, "eal has %u arguments; %d at most", c->n_args,
			(int)ARGS_MAX);
		return -EINVAL;
	}
	if (!come_back(c, why, why_size))
		return -EINVAL;
	add("vrs%s", "");
	add("--no-telemetry%s", "");
	if (!HAS(c, "--iova-mode"))
		add("--iova-mode=%s", "va");
	if (!HAS(c, "-l", "-c", "--lcores"))
		add_lcores();
	bool without = choose_memory(c);
	add_devices(c);
	/* EAL refuses --in-memory beside --no-huge, whose memory is private anyway. */
	for (unsigned i = 0; i < c->n_args; i++)
		if (!without || strcmp(c->args[i], "--in-memory") != 0)
			add("%s", c->args[i]);
	return 0;
}

/* ---- Start -------------------------------------------------------------------------------- */

struct start {
	int rc, err;
};

static void *start_main(void *arg)
{
	static char *args[VRS_N_ELEMS(eal.argv)]; /* EAL changes it. */
	struct start *s = arg;

	memcpy(args, eal.argv, sizeof(args));
	(void)pthread_setname_np(pthread_self(), "vrs-eal");
	s->rc = rte_eal_init(eal.argc, args);
	s->err = rte_errno;
	return NULL;
}

/* @return 0, or the positive errno that EAL ended with. */
static int start_aside(void)
{
	struct start s = {0};
	sigset_t all, before;
	pthread_t thread;

	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	int err = pthread_create(&thread, NULL, start_main, &s);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (err != 0)
		return err;
	(void)pthread_join(thread, NULL);
	return s.rc >= 0 ? 0 : s.err != 0 ? s.err : EINVAL;
}

static int explain(int err, char *why, size_t why_size)
{
	char said[COMPLAINTS_SIZE];
	const char *hint = "";

	vrs_eal_complaints(said, sizeof(said));
	switch (err) {
	case EACCES: /* Of hugepages; of nothing else. */
		hint = free_hugepages_mib() > 0
			? "; hugepages are free, but no hugetlbfs takes our files"
			: "; no hugepage is free, and this needs some";
		err = ENOMEM;
		break;
	case EPERM:
		hint = "; it needs /dev/vfio, and CAP_IPC_LOCK and CAP_SYS_RAWIO for hugepages";
		break;
	case ENOMEM:
		hint = "; free hugepages are missing, or eal: [--no-huge] does without";
		break;
	case EINVAL:
		hint = "; see eal: in the configuration";
		break;
	default:
		err = ENODEV;
		break;
	}
	(void)snprintf(why, why_size, "DPDK does not start: %s%s",
		said[0] != '\0' ? said : strerror(err), hint);
	return -err;
}

static int start(const struct vrs_eal_config *c)
{
	if (rte_get_tsc_hz() != 0) {
		eal.tried = eal.adopted = true;
		vrs_log(VRS_LOG_INFO, "dpdk: using the host's EAL");
		return 0;
	}
	int err = make_args(c, eal.why, sizeof(eal.why));
	if (err != 0)
		return err;
	eal.tried = true;
	take_log();
	vrs_eal_complaints_clear();
	err = start_aside();
	if (err != 0)
		return explain(err, eal.why, sizeof(eal.why));
	vrs_log(VRS_LOG_INFO, "dpdk: EAL started (%s)", rte_version());
	return 0;
}

static bool is_used(const char *arg)
{
	bool used = strcmp(arg, "--in-memory") == 0; /* Left out where it says nothing new. */

	for (int i = 1; i < eal.argc && !used; i++)
		used = strcmp(eal.argv[i], arg) == 0;
	return used;
}

/* EAL was there before @p c: of its arguments those matter that the first one had as well. */
static void warn_of_unused(const struct vrs_eal_config *c)
{
	for (unsigned i = 0; i < c->n_args; i++)
		if (!is_used(c->args[i]))
			vrs_log(VRS_LOG_WARNING, "dpdk: eal: %s is not used: %s", c->args[i],
				eal.adopted ? "the host has started EAL"
					    : "EAL runs since another was opened here");
}

int vrs_eal_start(const struct vrs_eal_config *c, char *why, size_t why_size)
{
	pthread_mutex_lock(&eal.lock);
	eal.given = eal.tried;
	if (!eal.tried)
		eal.err = start(c);
	eal.given = eal.given || eal.adopted;
	if (eal.err == 0 && eal.given)
		warn_of_unused(c);
	if (eal.err != 0)
		(void)snprintf(why, why_size, "%s", eal.why);
	pthread_mutex_unlock(&eal.lock);
	return eal.err;
}

bool vrs_eal_adopted(void)
{
	return eal.adopted;
}

const char *vrs_eal_more_memory(void)
{
	return eal.adopted ? "EAL has too little: the host chose (-m) as it started EAL"
		: eal.given
		? "EAL has what was first opened in this process: eal: [-m, MiB] there, for all"
		: "more memory: eal: [-m, MiB], or more free hugepages";
}

/* ---- Threads ------------------------------------------------------------------------------ */

static pthread_once_t leaving_once = PTHREAD_ONCE_INIT;
static pthread_key_t leaving;

static void leave(void *attached)
{
	rte_thread_unregister();
}

static void make_key(void)
{
	(void)pthread_key_create(&leaving, leave);
}

void vrs_eal_attach(void)
{
	if (rte_lcore_id() != LCORE_ID_ANY)
		return;
	(void)pthread_once(&leaving_once, make_key);
	if (rte_thread_register() == 0)
		(void)pthread_setspecific(leaving, &eal);
	else
		vrs_log(VRS_LOG_WARNING, "dpdk: a thread could not be registered: %s",
			rte_strerror(rte_errno));
}

bool vrs_eal_is_pci(const char *device)
{
	unsigned domain, bus, slot, function;

	return sscanf(device, "%4x:%2x:%2x.%1x", &domain, &bus, &slot, &function) == 4 ||
		sscanf(device, "%2x:%2x.%1x", &bus, &slot, &function) == 3;
}
