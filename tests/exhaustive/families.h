/* SPDX-License-Identifier: MIT
 * families.h - the enumerations that main.c runs; each counts into the judge it is given. */
#ifndef EXHAUSTIVE_FAMILIES_H
#define EXHAUSTIVE_FAMILIES_H

#include "judge.h"

/* Every bit of every entry, alone, at every level: masks of reserved bits, ignored bits, sizes.  For every
 * MAXPHYADDR from 32 to 52, both vendors, with and without 1 GiB pages, NXE off and on, 4 and 5 levels. */
void single_bit_cases(struct judge *j);
/* Canonical and other addresses: #GP, #SS, and nothing touched. */
void address_cases(struct judge *j);
/* Paths on which one entry stands at every level. */
void self_map_cases(struct judge *j);
/* Every combination of rights, A and D over the levels, and every way to end early, in every context. */
void walk_cases(struct judge *j, unsigned every);

#endif
