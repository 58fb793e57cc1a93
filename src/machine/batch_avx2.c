/* SPDX-License-Identifier: MIT
 * batch_avx2.c - blocks of records for processors with AVX2; meson.build gives the options (batch_kernel.h). */
#define BATCH_RUN batch_run_avx2
#include "machine/batch_kernel.h"
