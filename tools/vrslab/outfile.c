/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

/*
 * One buffer of what goes to the descriptor; with compression, zlib or libbz2 fill it.
 */

#include "tools/vrslab/outfile.h"

#include <bzlib.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#define OUT_SIZE ((size_t)64 << 10)

enum packing { PLAIN, GZIP, BZIP2 };

struct vrs_outfile {
	int fd;
	int err; /* The first one. */
	enum packing packing;
	z_stream gz;
	bz_stream bz;
	char name[PATH_MAX]; /* "" = it has its name already. */
	char fresh[PATH_MAX + 4];
	size_t n;
	uint8_t buf[OUT_SIZE];
};

static bool ends_in(const char *s, const char *tail)
{
	size_t n = strlen(s), m = strlen(tail);

	return n >= m && strcmp(s + n - m, tail) == 0;
}

static void flush(struct vrs_outfile *o)
{
	for (size_t done = 0; o->err == 0 && done < o->n;) {
		ssize_t n = write(o->fd, o->buf + done, o->n - done);
		if (n > 0)
			done += (size_t)n;
		else if (n == 0 || errno != EINTR)
			o->err = n == 0 ? -EIO : -errno;
	}
	o->n = 0;
}

/* ---- Compression -------------------------------------------------------------------------- */

static int packing_init(struct vrs_outfile *o, const char *path)
{
	if (ends_in(path, ".gz")) {
		o->packing = GZIP;
		/* Window bits over 15: a gzip header, in which zlib writes time 0. */
		return deflateInit2(&o->gz, Z_DEFAULT_COMPRESSION, Z_DEFLATED, MAX_WBITS + 16, 8,
			       Z_DEFAULT_STRATEGY) == Z_OK
			? 0
			: -ENOMEM;
	}
	if (ends_in(path, ".bz2")) {
		o->packing = BZIP2;
		return BZ2_bzCompressInit(&o->bz, 9, 0, 0) == BZ_OK ? 0 : -ENOMEM;
	}
	return 0;
}

static void packing_fini(struct vrs_outfile *o)
{
	if (o->packing == GZIP)
		(void)deflateEnd(&o->gz);
	else if (o->packing == BZIP2)
		(void)BZ2_bzCompressEnd(&o->bz);
}

/* Each turn has a whole buffer to fill, so each gets further. */
static void pack_gz(struct vrs_outfile *o, const uint8_t *bytes, size_t size, bool end)
{
	int rc = Z_OK;

	o->gz.next_in = (Bytef *)(uintptr_t)bytes;
	o->gz.avail_in = (uInt)size;
	while (o->err == 0 && rc == Z_OK && (end || o->gz.avail_in > 0)) {
		o->gz.next_out = o->buf;
		o->gz.avail_out = OUT_SIZE;
		rc = deflate(&o->gz, end ? Z_FINISH : Z_NO_FLUSH);
		o->n = OUT_SIZE - o->gz.avail_out;
		flush(o);
	}
	if (o->err == 0 && rc != Z_OK && rc != Z_STREAM_END)
		o->err = -EIO;
}

static void pack_bz(struct vrs_outfile *o, const uint8_t *bytes, size_t size, bool end)
{
	int rc = end ? BZ_FINISH_OK : BZ_RUN_OK;

	o->bz.next_in = (char *)(uintptr_t)bytes;
	o->bz.avail_in = (unsigned)size;
	while (o->err == 0 && (rc == BZ_RUN_OK || rc == BZ_FINISH_OK) &&
		(end || o->bz.avail_in > 0)) {
		o->bz.next_out = (char *)o->buf;
		o->bz.avail_out = OUT_SIZE;
		rc = BZ2_bzCompress(&o->bz, end ? BZ_FINISH : BZ_RUN);
		o->n = OUT_SIZE - o->bz.avail_out;
		flush(o);
	}
	if (o->err == 0 && rc < 0)
		o->err = -EIO;
}

static void pack(struct vrs_outfile *o, const uint8_t *bytes, size_t size, bool end)
{
	if (o->packing == GZIP)
		pack_gz(o, bytes, size, end);
	else
		pack_bz(o, bytes, size, end);
}

static void copy(struct vrs_outfile *o, const uint8_t *bytes, size_t size)
{
	while (size > 0) {
		size_t n = VRS_MIN(size, OUT_SIZE - o->n);
		memcpy(o->buf + o->n, bytes, n);
		o->n += n;
		bytes += n;
		size -= n;
		if (o->n == OUT_SIZE)
			flush(o);
	}
}

void vrs_outfile_write(struct vrs_outfile *o, const void *bytes, size_t size)
{
	const uint8_t *p = bytes;

	if (o->packing == PLAIN) {
		copy(o, p, size);
		return;
	}
	/* In parts: the libraries count in unsigned. */
	while (size > 0 && o->err == 0) {
		size_t n = VRS_MIN(size, (size_t)1 << 30);
		pack(o, p, n, false);
		p += n;
		size -= n;
	}
}

/* ---- Names -------------------------------------------------------------------------------- */

static int open_named(struct vrs_outfile *o, const char *path)
{
	struct stat st;
	int n;

	if (stat(path, &st) == 0) {
		if (!S_ISREG(st.st_mode)) {
			o->fd = open(path, O_WRONLY | O_CLOEXEC);
			return o->fd < 0 ? -errno : 0;
		}
		/* What a symbolic link points at is replaced, not the link. */
		if (realpath(path, o->name) == NULL)
			return -errno;
	} else {
		n = snprintf(o->name, sizeof(o->name), "%s", path);
		if (n < 0 || (size_t)n >= sizeof(o->name))
			return -ENAMETOOLONG;
	}
	(void)snprintf(o->fresh, sizeof(o->fresh), "%s.new", o->name);
	o->fd = open(o->fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (o->fd >= 0)
		return 0;
	o->name[0] = '\0';
	return -errno;
}

static void close_fd(struct vrs_outfile *o)
{
	if (o->fd > STDOUT_FILENO && close(o->fd) != 0 && o->err == 0)
		o->err = -errno;
	o->fd = -1;
}

int vrs_outfile_open(const char *path, struct vrs_outfile **out)
{
	struct vrs_outfile *o = calloc(1, sizeof(*o));
	int rc;

	if (o == NULL)
		return -ENOMEM;
	o->fd = STDOUT_FILENO;
	rc = packing_init(o, path);
	if (rc == 0 && strcmp(path, "-") != 0)
		rc = open_named(o, path);
	if (rc != 0) {
		packing_fini(o);
		free(o);
		return rc;
	}
	*out = o;
	return 0;
}

int vrs_outfile_finish(struct vrs_outfile *o)
{
	if (o->packing != PLAIN)
		pack(o, NULL, 0, true);
	flush(o);
	close_fd(o);
	if (o->err == 0 && o->name[0] != '\0' && rename(o->fresh, o->name) != 0)
		o->err = -errno;
	int err = o->err;
	if (err == 0)
		o->name[0] = '\0';
	vrs_outfile_discard(o);
	return err;
}

void vrs_outfile_discard(struct vrs_outfile *o)
{
	if (o == NULL)
		return;
	close_fd(o);
	if (o->name[0] != '\0')
		(void)unlink(o->fresh);
	packing_fini(o);
	free(o);
}
