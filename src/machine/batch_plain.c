/* SPDX-License-Identifier: MIT
 * batch_plain.c - blocks of records for every x86-64 processor (batch_kernel.h). */
#define BATCH_RUN batch_run_plain
#include "machine/batch_kernel.h"
