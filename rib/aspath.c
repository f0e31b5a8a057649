/* SPDX-License-Identifier: BSD-3-Clause */
#include "rib/aspath.h"
