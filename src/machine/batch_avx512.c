/* SPDX-License-Identifier: MIT
 * batch_avx512.c - blocks of records for processors with AVX-512; meson.build gives the options (batch_kernel.h). */
#define BATCH_RUN batch_run_avx512
#include "machine/batch_kernel.h"
