/* SPDX-License-Identifier: MIT
 * walkers.h - the walk alone: the machine's against one written by hand for a single format.  See walkers.c. */
#ifndef PAGEWALK_BENCH_MACHINE_WALKERS_H
#define PAGEWALK_BENCH_MACHINE_WALKERS_H

void measure_walkers(int rounds); /* prints one table */

#endif
