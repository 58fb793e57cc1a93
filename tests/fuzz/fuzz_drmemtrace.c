/* SPDX-License-Identifier: MIT
 * fuzz_drmemtrace.c - libFuzzer target of the reader of drmemtrace's traces (foreign_target.h). */
#define FORM "drmemtrace"
#include "foreign_target.h"
