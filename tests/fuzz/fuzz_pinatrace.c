/* SPDX-License-Identifier: MIT
 * fuzz_pinatrace.c - libFuzzer target of the reader of pinatrace's traces (foreign_target.h). */
#define FORM "pinatrace"
#include "foreign_target.h"
