/* SPDX-License-Identifier: MIT
 * nested.h - a guest's walks and hits against a host's.  See nested.c. */
#ifndef PAGEWALK_BENCH_MACHINE_NESTED_H
#define PAGEWALK_BENCH_MACHINE_NESTED_H

void measure_nested(int rounds); /* prints one table */

#endif
