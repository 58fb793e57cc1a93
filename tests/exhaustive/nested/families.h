/* SPDX-License-Identifier: MIT
 * families.h - the enumerations that main.c runs, for EPT or for NPT; each counts into the judge it is given. */
#ifndef EXHAUSTIVE_NESTED_FAMILIES_H
#define EXHAUSTIVE_NESTED_FAMILIES_H

#include "judge.h"

/* The controls of the nested tables times the guest's registers: all that there are of one format of the guest. */
enum { CONTEXTS = 64 };
void family_context(bool npt, unsigned number, struct nested_cpu *c);

/* Every kind of nested entry at every level of every place, with every kind of guest entry that its walk leads to; the rest is plain. */
void entry_cases(struct judge *j, bool npt, unsigned every);
/* Every way to fail at every place and in every entry of the guest at once: who comes first. */
void order_cases(struct judge *j, bool npt, unsigned every);
/* Every size of page on every walk, four and five levels in both dimensions: splintering, reads. */
void size_cases(struct judge *j, bool npt);
/* Guests with PAE, 32-bit and no paging. */
void format_cases(struct judge *j, bool npt, unsigned every);

#endif
