/* SPDX-License-Identifier: MIT
 * timing.h - what a walk costs, ESTIMATED: a base, and for each entry read one of two prices, by whether its cache
 * line is among the lines of page tables read lately.  Sets of four lines, move to front.  Called by translate.c. */
#ifndef PAGEWALK_MACHINE_TIMING_H
#define PAGEWALK_MACHINE_TIMING_H

#include "machine/carve.h"
#include "pagewalk/mmu.h"

struct near_lines { u64 (*line)[4]; u32 set_mask; }; /* line number + 1; 0: none. No sets: all far                */

static inline u32 near_sets(const struct mmu_timing *t)
{
    u32 sets = 1;
    while (sets * 8 <= t->near_lines)
        sets *= 2;
    return sets;
}

/* Cycles of one read, which is the most recent one afterwards. */
static inline u32 timing_read(struct near_lines *n, const struct mmu_timing *t, u64 pa)
{
    u64 line = (pa >> 6) + 1, before = line;
    u64 *set = n->line[(line ^ line >> 6) & n->set_mask];
    for (u32 i = 0; i < 4; i++) {
        u64 here = set[i];
        set[i] = before;
        if (here == line)
            return t->read_near_cycles;
        before = here;
    }
    return t->read_far_cycles;
}

#endif
