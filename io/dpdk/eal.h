/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 */

#pragma once

/**
 * @file
 * DPDK's environment (EAL) in this process: started by us, or the one that the host application has
 * initialised already. It lives as long as the process.
 *
 * **Threads.** vrs_eal_start() from one thread at a time; the rest from any. It names no rte_ type.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rib/base/macro.h"

struct vrs_eal_config {
	const char *const *args; /**< Behind our own; copied. */
	unsigned n_args;
	const char *const
		*devices; /**< That ports will want: those in PCI form are allowed to EAL. */
	unsigned n_devices;
	uint32_t memory_mib; /**< What ports will want. */
};

/**
 * Start EAL, unless this process has one; then a warning names the arguments that come too late.
 *
 * @param[out] why  What is missing, for a person.
 * @return 0; -EINVAL (arguments), -ENOMEM, -EPERM, -ENODEV. What EAL refused once fails again: it cannot
 *         be started twice in one process. Arguments that we refuse are not remembered.
 */
VRS_NODISCARD int vrs_eal_start(const struct vrs_eal_config *c, char *why, size_t why_size);

/** @return Whether EAL is the host's. */
bool vrs_eal_adopted(void);

/** @return What would give ports more memory, in words: EAL takes all of it when it starts. */
const char *vrs_eal_more_memory(void);

/** Make the calling thread one of EAL's until it ends, for memory pools' caches; it is not pinned. Where
 *  EAL has no place left for it, it works without. */
void vrs_eal_attach(void);

/** Forget what EAL and drivers have complained about; and the last of it, "" for nothing. */
void vrs_eal_complaints_clear(void);
void vrs_eal_complaints(char *out, size_t size);

/** @return Whether @p device is a PCI address, "0000:01:00.0" or "01:00.0", with or without arguments. */
bool vrs_eal_is_pci(const char *device);
