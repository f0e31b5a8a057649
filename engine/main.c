/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

/*
 * vrsd: read the configuration, start the engine and the API, and wait for signals: SIGHUP
 * reads the configuration again, SIGINT and SIGTERM end with a Cease to every peer.
 *
 * Log lines are written by the threads that have something to say, also the one that keeps
 * sessions alive. So a line that standard error would not take at once (a full pipe whose
 * reader sleeps, a full disk, a reader that is gone) is counted and dropped.
 */

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "engine/api.h"
#include "engine/engine.h"
#include "engine/options.h"
#include "engine/transport.h"

/*
 * Read by jemalloc when the program starts: few arenas for few threads, and pages that are
 * free go back soon. Loading a million prefixes then takes 155 MB instead of 167, for CPU
 * time within the noise.
 */
VRS_PUBLIC extern const char *malloc_conf;
const char *malloc_conf = "narenas:2,dirty_decay_ms:200,muzzy_decay_ms:0";

enum { EXIT_OK = 0, EXIT_REFUSED = 1, EXIT_USAGE = 2 };

struct options {
	const char *config, *state_dir, *control_socket;
	int level;
	bool check;
};

static void usage(FILE *to)
{
	size_t n;
	const struct vrs_vrsd_option *options = vrs_vrsd_options(&n);

	(void)fputs("Usage: vrsd --config FILE [OPTION]...\n"
		    "The route server of virtual networks. Stays in the foreground.\n\n",
		to);
	for (size_t i = 0; i < n; i++) {
		const char *metavar = options[i].metavar != NULL ? options[i].metavar : "";
		int width = 20 - (int)strlen(options[i].name);

		(void)fprintf(
			to, "  --%s %-*s %s\n", options[i].name, width, metavar, options[i].help);
	}
	(void)fputs("\nSIGHUP reads the configuration again; one with errors changes nothing.\n"
		    "SIGINT and SIGTERM send a Cease to every peer and end.\n\n",
		to);
}

/* The table as getopt_long() wants it; its last row ends it. */
static void long_options(struct option *longs, size_t cap)
{
	size_t n;
	const struct vrs_vrsd_option *options = vrs_vrsd_options(&n);

	memset(longs, 0, cap * sizeof(*longs));
	for (size_t i = 0; i < n && i + 1 < cap; i++)
		longs[i] = (struct option){options[i].name,
			options[i].metavar != NULL ? required_argument : no_argument, NULL,
			options[i].letter};
}

/* Descriptors 0 to 2 are there, so that no socket becomes standard error. */
static bool have_standard_fds(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd < 0)
		return false;
	(void)close(fd);
	return true;
}

/* A pipe that is ready has room for PIPE_BUF bytes, and a line is shorter: with one writer at
 * a time the write does not wait. */
static void write_line(const char *line, size_t size)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	struct pollfd ready = {.fd = STDERR_FILENO, .events = POLLOUT};

	pthread_mutex_lock(&lock);
	if (poll(&ready, 1, 0) != 1 || (ready.revents & POLLOUT) == 0 ||
		write(STDERR_FILENO, line, size) != (ssize_t)size)
		vrs_log_lost();
	pthread_mutex_unlock(&lock);
}

static void print_log(void *ctx, enum vrs_log_level level, const char *line)
{
	static const char *const names[] = {"error", "warning", "info", "debug"};
	struct timespec ts;
	struct tm tm;
	char when[32], text[1200];

	clock_gettime(CLOCK_REALTIME, &ts);
	gmtime_r(&ts.tv_sec, &tm);
	strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%S", &tm);
	int n = snprintf(text, sizeof(text), "%s.%03ldZ %s: %s\n", when, ts.tv_nsec / 1000000,
		names[level], line);
	if (n > 0 && (size_t)n < sizeof(text))
		write_line(text, (size_t)n);
}

/* @return Whether to go on; else *code is the exit code. */
static bool parse_options(int argc, char **argv, struct options *o, int *code)
{
	struct option longs[16];

	long_options(longs, VRS_N_ELEMS(longs));
	*code = EXIT_OK;
	for (int c; (c = getopt_long(argc, argv, "c:", longs, NULL)) != -1;) {
		switch (c) {
		case 'c':
			o->config = optarg;
			break;
		case 'k':
			o->check = true;
			break;
		case 's':
			o->state_dir = optarg;
			break;
		case 'S':
			o->control_socket = optarg;
			break;
		case 'l':
			o->level = vrs_log_level_parse(optarg);
			break;
		case 'j':
			vrs_config_print_schema(stdout);
			return false;
		case 'v':
			puts("vrsd " VRS_VERSION);
			return false;
		case 'h':
			usage(stdout);
			vrs_config_print_help(stdout);
			return false;
		default:
			*code = EXIT_USAGE;
			return false;
		}
	}
	if (o->config != NULL && optind == argc && o->level >= 0)
		return true;
	if (o->level < 0)
		fputs("vrsd: --log-level takes error, warning, info or debug\n", stderr);
	else
		usage(stderr);
	*code = EXIT_USAGE;
	return false;
}

/* Read the configuration and print what is wrong with it. NULL: it was refused. */
static struct vrs_config *load(const char *path)
{
	struct vrs_cfg_report report = {0};
	struct vrs_config *config = NULL;
	int err = vrs_config_load(path, &report, &config);

	vrs_cfg_report_print(&report, stderr);
	vrs_cfg_report_fini(&report);
	return err == 0 ? config : NULL;
}

/* What a running daemon cannot change. */
static const char *needs_restart(const struct vrs_config *now, const struct vrs_config *next)
{
	if (strcmp(now->process.control_socket, next->process.control_socket) != 0)
		return "process.controlSocket";
	if (strcmp(now->process.state_dir, next->process.state_dir) != 0)
		return "process.stateDir";
	if ((now->process.http_listen == NULL) != (next->process.http_listen == NULL) ||
		(now->process.http_listen != NULL &&
			strcmp(now->process.http_listen, next->process.http_listen) != 0))
		return "process.http.listen";
	if (now->process.io_threads != next->process.io_threads)
		return "process.ioThreads";
	if (!vrs_transport_same(&now->process, &next->process))
		return "process.transport";
	return NULL;
}

static void reload(struct vrs_engine *e, const char *path)
{
	struct vrs_config *next = load(path);

	if (next == NULL) {
		vrs_log(VRS_LOG_ERROR, "reload refused: the running configuration stays");
		return;
	}
	struct vrs_model *m = vrs_engine_model(e);
	const char *what = needs_restart(m->config, next);
	vrs_model_put(m);
	if (what != NULL) {
		vrs_log(VRS_LOG_ERROR, "reload refused: %s cannot change while running", what);
		vrs_config_free(next);
		return;
	}
	int err = vrs_engine_apply(e, next);
	if (err != 0)
		vrs_log(VRS_LOG_ERROR, "reload: %s", strerror(-err));
	else
		vrs_log(VRS_LOG_INFO, "configuration read again");
}

/* mkdir -p of the directory that a file is to be in. */
static void make_parent(const char *path)
{
	char dir[4096];

	if (strlen(path) >= sizeof(dir))
		return;
	memcpy(dir, path, strlen(path) + 1);
	for (char *p = dir + 1; (p = strchr(p, '/')) != NULL; p++) {
		*p = '\0';
		(void)mkdir(dir, 0755);
		*p = '/';
	}
}

/* A session has a connection and at worst a listener of its own, and API clients may take half of
 * the limit, at most 512 (engine/api.c). Fewer may do: that is for the operator to know. */
static void check_descriptors(const struct vrs_config *config)
{
	enum { OWN = 16, API_MAX = 512 };
	struct rlimit limit;
	rlim_t wanted = OWN;

	for (size_t i = 0; i < config->n_route_servers; i++)
		wanted += config->route_servers[i].n_router_ips *
			(config->route_servers[i].n_connections + 1);
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 &&
		limit.rlim_cur - VRS_MIN(limit.rlim_cur / 2, (rlim_t)API_MAX) < wanted)
		vrs_log(VRS_LOG_WARNING,
			"%ju file descriptors are allowed (RLIMIT_NOFILE): the API may take half, "
			"and sessions want up to %ju",
			(uintmax_t)limit.rlim_cur, (uintmax_t)wanted);
}

/* As serve() where this thread is also the engine's. @return 0 or a negative errno. */
static int serve_turning(struct vrs_engine *e, const char *path, const sigset_t *signals)
{
	struct pollfd fds[] = {{.fd = signalfd(-1, signals, SFD_NONBLOCK | SFD_CLOEXEC)},
		{.fd = vrs_engine_fd(e)}};
	struct signalfd_siginfo sig = {0};

	if (fds[0].fd < 0)
		return -errno;
	fds[0].events = fds[1].events = POLLIN;
	while (sig.ssi_signo != SIGINT && sig.ssi_signo != SIGTERM) {
		bool more = vrs_engine_turn(e, 0);

		vrs_engine_reap(e);
		(void)poll(fds, VRS_N_ELEMS(fds), more ? 0 : vrs_engine_timeout(e, -1));
		if (read(fds[0].fd, &sig, sizeof(sig)) == sizeof(sig) && sig.ssi_signo == SIGHUP)
			reload(e, path);
	}
	(void)close(fds[0].fd);
	/* Handlers of the API that wait for us are let go before the API is. */
	vrs_engine_refuse(e);
	return 0;
}

/* Run until told to end. */
static void serve(struct vrs_engine *e, const char *path, const sigset_t *signals)
{
	for (;;) {
		int sig = sigwaitinfo(signals, NULL);

		if (sig == SIGHUP)
			reload(e, path);
		else if (sig == SIGINT || sig == SIGTERM)
			return;
	}
}

static int run(const struct options *o, struct vrs_config *config)
{
	const char *socket_path =
		o->control_socket != NULL ? o->control_socket : config->process.control_socket;
	char *http =
		config->process.http_listen != NULL ? strdup(config->process.http_listen) : NULL;
	char *path = strdup(socket_path);
	struct vrs_transport *transports[VRS_CFG_IO_THREADS_MAX];
	unsigned n_ios = VRS_MAX(config->process.io_threads, 1u);
	const char *what = "BGP transport";
	char why[512] = "";
	struct vrs_api *api = NULL;
	struct vrs_engine e;
	sigset_t signals;
	int err;

	/* Every thread inherits the mask; signals are taken by sigwaitinfo() here. */
	sigemptyset(&signals);
	sigaddset(&signals, SIGHUP);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &signals, NULL);
	(void)signal(SIGPIPE, SIG_IGN);
	vrs_thread_register_rcu();

	check_descriptors(config);
	err = path == NULL
		? -ENOMEM
		: vrs_transports_new(&config->process, n_ios, transports, why, sizeof(why));
	if (err == 0) {
		what = "wakers of the engine's threads (eventfd)";
		err = vrs_engine_init_many(&e, transports, n_ios,
			&(struct vrs_engine_options){.threaded = config->process.io_threads > 0});
	}
	if (err != 0) {
		vrs_config_free(config);
		goto out;
	}
	/* Validated whole; the first model is there before anything can ask for it. */
	what = "threads of the engine";
	err = vrs_engine_start(&e);
	if (err == 0) {
		what = "configuration";
		err = vrs_engine_apply(&e, config);
	} else {
		vrs_config_free(config);
	}
	if (err == 0) {
		what = "control API";
		make_parent(path);
		err = vrs_api_start(&e, path, http, &api);
		if (err != 0)
			vrs_log(VRS_LOG_ERROR, "control API on %s: %s", path, strerror(-err));
	}
	if (err == 0) {
		vrs_log(VRS_LOG_INFO, "vrsd %s serves %s", VRS_VERSION, path);
		if (e.threaded)
			serve(&e, o->config, &signals);
		else
			err = serve_turning(&e, o->config, &signals);
		vrs_log(VRS_LOG_INFO, "ending");
	}
	vrs_api_stop(api);
	vrs_engine_stop(&e, "vrsd is ending");
	vrs_engine_fini(&e);
out:
	vrs_thread_unregister_rcu();
	free(path);
	free(http);
	if (err != 0)
		vrs_log(VRS_LOG_ERROR, "not started: %s: %s", what,
			why[0] != '\0' ? why : strerror(-err));
	return err == 0 ? EXIT_OK : EXIT_REFUSED;
}

int main(int argc, char **argv)
{
	struct options o = {.level = VRS_LOG_INFO};
	int code;

	if (!have_standard_fds()) {
		(void)fprintf(stderr, "vrsd: /dev/null: %s\n", strerror(errno));
		return EXIT_REFUSED;
	}
	if (!parse_options(argc, argv, &o, &code))
		return fflush(stdout) == 0 && !ferror(stdout) ? code : EXIT_REFUSED;
	vrs_log_set(print_log, NULL, (enum vrs_log_level)o.level);
	struct vrs_config *config = load(o.config);
	if (config == NULL)
		return EXIT_REFUSED;
	if (o.check) {
		vrs_config_free(config);
		return EXIT_OK;
	}
	return run(&o, config);
}
