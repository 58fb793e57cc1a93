/* SPDX-License-Identifier: MIT
 * regs.h - register writes; for create.c.  The public half is mmu_get() and mmu_set(). */
#ifndef PAGEWALK_MACHINE_REGS_H
#define PAGEWALK_MACHINE_REGS_H

#include "machine/cpu.h"

/* Rebuilds what is derived from the registers: mode, rights, and drops the fast slots. */
void regs_changed(struct mmu *m, struct cpu *c);

/* Why no CPU can have these registers, in words; NULL: it can.  LMA is not looked at. */
const char *regs_unfit(const struct part *part, const struct registers *r);
/* PAE paging on Intel, in a mode of its own: the bits that a present PDPTE must not have; 0 otherwise. */
u64 regs_pdpte_reserved(const struct part *part, const struct registers *r);

#endif
