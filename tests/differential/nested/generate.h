/* SPDX-License-Identifier: MIT
 * generate.h - between generate.c (the case), nested_tables.c and guest_tables.c. */
#ifndef NESTED_GENERATE_H
#define NESTED_GENERATE_H

#include "case.h"

#include "tests/differential/baremetal/random.h"

#define P 1ull
#define RW 2ull
#define US 4ull
#define A 32ull
#define D 64ull
#define PS 128ull
#define XD (1ull << 63)
#define EPT_ALL (7ull | 1ull << 10)

enum { NODES = 40 };
struct node { u64 prefix, table, entry_pa; u8 level; }; /* the entry for prefix at level; table: what it names, or 0  */

struct gen {
    u64 random;
    const struct params *p;
    const struct part *part;
    const struct layout *layout;
    struct nested_case *c;
    struct node node[NODES];    /* nested entries so far                                                             */
    u32 nodes, tables, first_table, wild; /* wild: percent of entries that deviate                                   */
    bool narrow;                /* guest-physical addresses of 32 bits                                               */
    bool code, good;            /* good: of the path that is made now, every entry allows all                        */
};

static inline u32 below(struct gen *g, u32 n) { return random_below(&g->random, n); }
static inline bool chance(struct gen *g, u32 percent) { return random_chance(&g->random, percent); }
static inline bool deviates(struct gen *g) { return !g->good && chance(g, g->wild); }

static inline void put_word(struct gen *g, u64 pa, u64 value)
{
    g->c->word[g->c->words].pa = pa;
    g->c->word[g->c->words++].value = value;
}

static inline u64 fresh_table(struct gen *g)
{
    return g->layout->table[(g->first_table + 5 * g->tables++) % TABLE_FRAMES];
}

static inline u64 below_bit(u32 n) { return ((u64)1 << n) - 1; }
static inline u64 page_mask(u32 level) { return below_bit(12 + 9 * level); }
static inline u32 top_level(const struct gen *g) { return g->c->cpu.five_levels ? 4 : 3; }

/* A guest-physical address for a frame, and nested tables for it. */
u64 give_gpa(struct gen *g, u64 frame);
/* The level of a leaf, of those that the nested tables have. */
u32 random_last(struct gen *g);
/* The guest's tables, the address, and the page. */
void make_guest(struct gen *g);

#endif
