/* SPDX-License-Identifier: MIT
 * fuzz_champsim.c - libFuzzer target of the reader of champsim's traces (foreign_target.h). */
#define FORM "champsim"
#include "foreign_target.h"
