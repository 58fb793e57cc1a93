/* SPDX-License-Identifier: MIT
 * regs.h - register writes; for create.c.  The public half is mmu_get() and mmu_set(). */
#ifndef PAGEWALK_MACHINE_REGS_H
#define PAGEWALK_MACHINE_REGS_H

#include "machine/cpu.h"

/* Rebuilds what is derived from the registers: mode, rights, and drops the fast slots. */
void regs_changed(struct mmu *m, struct cpu *c);

#endif
