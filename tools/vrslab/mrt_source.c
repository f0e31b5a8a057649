/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

/*
 * zlib reads plain files as they are, and gzip files of several members; bzip2 files of
 * several streams (as parallel compressors write them) are started over at each stream's end.
 * Damage is reported after the good bytes before it, not instead of them.
 */

#include "tools/vrslab/mrt_source.h"

#include <bzlib.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#define IN_SIZE ((size_t)64 << 10)

struct vrs_mrt_source {
	gzFile gz; /* Plain and gzip; NULL for bzip2. */
	int fd;    /* bzip2. */
	bz_stream bz;
	bool bz_open; /* Inside a stream. */
	bool bz_any;  /* One has ended: the file may end here. */
	bool eof;
	const char *damage; /* Reported once what came before it is used up. */
	char in[IN_SIZE];
};

static bool is_bzip2(int fd)
{
	char magic[3];

	return pread(fd, magic, sizeof(magic), 0) == sizeof(magic) && memcmp(magic, "BZh", 3) == 0;
}

int vrs_mrt_source_open(const char *path, struct vrs_mrt_source **out)
{
	struct stat st;
	struct vrs_mrt_source *s = calloc(1, sizeof(*s));
	int rc = -ENOMEM;

	if (s == NULL)
		return -ENOMEM;
	s->fd = open(path, O_RDONLY | O_CLOEXEC);
	if (s->fd < 0 || fstat(s->fd, &st) != 0) {
		rc = -errno;
		goto out_free;
	}
	if (S_ISDIR(st.st_mode)) {
		rc = -EISDIR;
		goto out_close;
	}
	if (!is_bzip2(s->fd)) {
		s->gz = gzdopen(s->fd, "rb");
		if (s->gz == NULL)
			goto out_close;
		(void)gzbuffer(s->gz, 128u << 10);
	}
	*out = s;
	return 0;

out_close:
	(void)close(s->fd);
out_free:
	free(s);
	return rc;
}

void vrs_mrt_source_close(struct vrs_mrt_source *s)
{
	if (s == NULL)
		return;
	if (s->bz_open)
		(void)BZ2_bzDecompressEnd(&s->bz);
	if (s->gz != NULL)
		(void)gzclose(s->gz);
	else
		(void)close(s->fd);
	free(s);
}

static size_t read_gz(struct vrs_mrt_source *s, uint8_t *to, size_t size)
{
	int err = Z_OK, n = gzread(s->gz, to, (unsigned)size);

	if (n < (int)size) {
		s->eof = true;
		(void)gzerror(s->gz, &err);
		if (err == Z_BUF_ERROR)
			s->damage = "the gzip data ends early";
		else if (n < 0 || err != Z_OK)
			s->damage = "the gzip data is damaged";
	}
	return n > 0 ? (size_t)n : 0;
}

/* Have input, inside a stream. @return false at the end, or with damage set. */
static bool bz_ready(struct vrs_mrt_source *s)
{
	if (s->bz.avail_in == 0) {
		ssize_t n = read(s->fd, s->in, sizeof(s->in));
		if (n < 0)
			s->damage = "the file cannot be read";
		else if (n == 0 && s->bz_open)
			s->damage = "the bzip2 data ends early";
		if (n <= 0)
			return false;
		s->bz.next_in = s->in;
		s->bz.avail_in = (unsigned)n;
	}
	if (!s->bz_open) {
		/* Bytes behind the last stream that start no other one are not ours. */
		if (s->bz_any && s->bz.next_in[0] != 'B')
			return false;
		if (BZ2_bzDecompressInit(&s->bz, 0, 0) != BZ_OK) {
			s->damage = "out of memory";
			return false;
		}
		s->bz_open = true;
	}
	return true;
}

static size_t read_bz(struct vrs_mrt_source *s, uint8_t *to, size_t size)
{
	s->bz.next_out = (char *)to;
	s->bz.avail_out = (unsigned)size;
	while (s->bz.avail_out > 0) {
		if (!bz_ready(s)) {
			s->eof = true;
			break;
		}
		int rc = BZ2_bzDecompress(&s->bz);
		if (rc == BZ_STREAM_END) {
			(void)BZ2_bzDecompressEnd(&s->bz);
			s->bz_open = false;
			s->bz_any = true;
		} else if (rc != BZ_OK) {
			s->damage = "the bzip2 data is damaged";
			s->eof = true;
			break;
		}
	}
	return size - s->bz.avail_out;
}

ssize_t vrs_mrt_source_read(struct vrs_mrt_source *s, uint8_t *to, size_t size, const char **reason)
{
	size_t n = 0;

	if (!s->eof)
		n = s->gz != NULL ? read_gz(s, to, size) : read_bz(s, to, size);
	if (n == 0 && size > 0 && s->damage != NULL) {
		*reason = s->damage;
		return -EIO;
	}
	return (ssize_t)n;
}
