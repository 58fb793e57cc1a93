/* SPDX-License-Identifier: MIT
 * checks.h - the machines beside the MMU, against a hit of its TLB.  See checks.c. */
#ifndef PAGEWALK_BENCH_MACHINE_CHECKS_H
#define PAGEWALK_BENCH_MACHINE_CHECKS_H

void measure_checks(int rounds); /* prints one table */

#endif
