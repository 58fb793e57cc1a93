/* SPDX-License-Identifier: MIT
 * fuzz_lackey.c - libFuzzer target of the reader of lackey's traces (foreign_target.h). */
#define FORM "lackey"
#include "foreign_target.h"
