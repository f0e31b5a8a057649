#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vrs contributors
# What libvrs.so exports is what its header declares, no more and no less.
# usage: symbols_test.sh HEADER LIBRARY
set -u
dir=$(mktemp -d) || exit 1
trap 'rm -r "$dir"' EXIT
sed -n 's/^VRS_PUBLIC .*[ *]\(vrs_[a-z0-9_]*\)($/\1/p; s/^VRS_PUBLIC .*[ *]\(vrs_[a-z0-9_]*\)(.*/\1/p' "$1" | sort >"$dir/header"
nm -D --defined-only "$2" | awk '{print $3}' | sort >"$dir/library"
if diff "$dir/header" "$dir/library" && [ "$(wc -l <"$dir/header")" -gt 30 ]; then
	echo "[       OK ] $(wc -l <"$dir/header") functions"
else
	echo "[  FAILED  ] exported"
	exit 1
fi
