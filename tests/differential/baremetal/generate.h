/* SPDX-License-Identifier: MIT
 * generate.h - between generate.c (steps), spaces.c (steps with two roots) and paths.c (page tables). */
#ifndef BAREMETAL_GENERATE_H
#define BAREMETAL_GENERATE_H

#include "case.h"

struct gen {
    u64 random;
    const struct part *part;
    const struct layout *layout;
    struct test_case *c;
    struct context now;         /* after the steps so far                                                            */
    u64 entry[PATHS][LEVELS];   /* the same, of the entries and of where the tables are                              */
    u64 table[PATHS][LEVELS];
    u32 tables;                 /* how many frames of the pool are taken, from a random first one                    */
    u32 first_table;
    bool code;                  /* the pages hold code                                                               */
};

u64 random64(struct gen *g);
u32 below(struct gen *g, u32 n);
bool chance(struct gen *g, u32 percent);

static inline u64 frames_of(const struct part *part) { return (((u64)1 << part->maxphyaddr) - 1) & ~(u64)0xfff; }

u64 fresh_table(struct gen *g);
/* An entry that leads to `next`; now and then one that is not present or reserved. */
u64 random_entry(struct gen *g, u32 level, bool leaf, u64 next);
/* Fills path[]; spaces: both at one address, under roots of their own; next_page: the second is the page after the first. */
void make_paths(struct gen *g, bool next_page);

struct step *add_step(struct gen *g, u8 op);
void add_access(struct gen *g, u8 page, bool across);
void add_spaces(struct gen *g);

#endif
