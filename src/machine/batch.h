/* SPDX-License-Identifier: MIT
 * batch.h - which instruction set mmu_batch() works with.  Chosen by create.c once, from CPUID; the answers are the same
 * in all. */
#ifndef PAGEWALK_MACHINE_BATCH_H
#define PAGEWALK_MACHINE_BATCH_H

#include "pagewalk/mmu.h"

enum batch_isa { BATCH_PLAIN, BATCH_AVX2, BATCH_AVX512 };

enum batch_isa batch_best(void);                        /* of this processor                                     */
void batch_use(struct mmu *m, enum batch_isa isa);      /* for tests and comparisons; pre: isa <= batch_best()   */

#endif
