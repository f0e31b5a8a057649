/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

/*
 * A host of libvrs with a loop of its own: usage: embed CONFIG NIC
 *
 * Prints what the NIC's class does, then what changes; a line of standard input that is an address is
 * answered with what the NIC does with it. With `process: {ioThreads: 0}` in CONFIG everything happens
 * in this one thread, else libvrs has its own. Valid C and C++.
 */

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <vrs/vrs.h>

static char config[1 << 20], report[1 << 16], input[4096];
static struct vrs_delta_record deltas[256];

static void log_line(void *ctx, int level, const char *line)
{
	static const char *const names[] = {"error", "warning", "info", "debug"};

	(void)ctx;
	fprintf(stderr, "%s: %s\n", names[level], line);
}

static void print_hops(const struct vrs_ip *hops, uint32_t n)
{
	char text[64];

	for (uint32_t i = 0; i < n; i++)
		printf("%c%s", i == 0 ? ' ' : ',', vrs_ip_text(&hops[i], text, sizeof(text)));
	printf("\n");
}

static int on_route(void *ctx, const struct vrs_net *prefix, const struct vrs_hops *hops)
{
	char text[64];

	(void)ctx;
	printf("set %s %d %d", vrs_net_text(prefix, text, sizeof(text)), hops->source, hops->type);
	print_hops(hops->next_hops, hops->n_next_hops);
	return 0;
}

/* Take what has changed; begin anew where the log has moved past us or the class is another. */
static int follow(struct vrs_cursor *cursor)
{
	char text[64];
	int n;

	while ((n = vrs_cursor_read(cursor, deltas, 256)) != 0) {
		if (n == -ESTALE) {
			printf("resync\n");
			n = vrs_resync(cursor, on_route, NULL);
			if (n == 0)
				printf("resynced\n");
		}
		if (n < 0 && n != -ESTALE)
			return n;
		for (int i = 0; i < n; i++) {
			const struct vrs_delta_record *d = &deltas[i];

			if (d->after.source != VRS_FROM_NOTHING)
				on_route(NULL, &d->prefix, &d->after);
			else
				printf("delete %s\n", vrs_net_text(&d->prefix, text, sizeof(text)));
		}
	}
	return 0;
}

static void answer(struct vrs *v, uint32_t nic, const char *address)
{
	struct vrs_answer a;
	struct vrs_ip ip, hops[64];
	int err = vrs_ip_parse(&ip, address);

	if (err == 0)
		err = vrs_effective(v, nic, &ip, &a);
	if (err != 0) {
		printf("%s: %s\n", address, strerror(-err));
		return;
	}
	int n = vrs_next_hops(v, nic, &a, hops, 64);
	printf("%s: %d %d /%d", address, a.source, a.type, a.prefix_len);
	print_hops(hops, n > 0 ? (uint32_t)n : 0);
}

static int serve(struct vrs *v, const char *name)
{
	int fd = vrs_poll_fd(v), err; /* Negative where libvrs has threads: poll() ignores it. */
	struct vrs_cursor *cursor;
	uint32_t nic;

	err = vrs_nic(v, name, &nic);
	if (err == 0)
		err = vrs_cursor_open_nic(v, nic, &cursor);
	while (err == 0) {
		struct pollfd fds[] = {{STDIN_FILENO, POLLIN, 0},
			{vrs_cursor_fd(cursor), POLLIN, 0}, {fd, POLLIN, 0}};

		if (fd >= 0)
			(void)vrs_poll(v, 0);
		err = follow(cursor);
		fflush(stdout);
		if (err != 0 || poll(fds, 3, fd >= 0 ? vrs_poll_timeout(v) : -1) < 0)
			break;
		if (fds[0].revents != 0) {
			ssize_t n = read(STDIN_FILENO, input, sizeof(input) - 1);

			if (n <= 0)
				break;
			input[n] = '\0';
			for (char *rest, *line = strtok_r(input, "\n", &rest); line != NULL;
				line = strtok_r(NULL, "\n", &rest))
				answer(v, nic, line);
		}
	}
	if (err == 0)
		vrs_cursor_close(cursor);
	return err;
}

int main(int argc, char **argv)
{
	FILE *f = argc == 3 ? fopen(argv[1], "r") : NULL;
	struct vrs *v;

	if (f == NULL)
		return 2;
	size_t size = fread(config, 1, sizeof(config), f);
	fclose(f);
	vrs_set_log(log_line, NULL, 1);
	vrs_thread_register();
	int err = vrs_open(&v, config, size, NULL, report, sizeof(report));
	fputs(report, stderr);
	if (err == 0) {
		err = serve(v, argv[2]);
		vrs_close(v);
	}
	vrs_thread_unregister();
	if (err != 0)
		fprintf(stderr, "embed: %s\n", strerror(-err));
	return err == 0 ? 0 : 1;
}
