/* SPDX-License-Identifier: MIT
 * world.h - a machine of two CPUs and the oracle beside it, one linear address that both follow, and the tables it is
 * mapped by.  Called by main.c; the rows of changes.c and events.c act on it. */
#ifndef STALENESS_WORLD_H
#define STALENESS_WORLD_H

#include "oracle.h"

#include <pagewalk/mmu.h>

/* Two tables a level: the path of the address begins in the first ones; a change may lead it into the others. */
#define FIRST(level) (0x1000ull * (4 - (level)))        /* level 3, the root, at 0x1000                             */
#define OTHER(level) (0x5000ull + 0x1000 * (3 - (level)))
#define WORLD_RAM 0x10000u

#define OLD_FRAME (3ull << 30 | 7ull << 21 | 9ull << 12)
#define NEW_FRAME (5ull << 30 | 11ull << 21 | 13ull << 12)

#define VA 0x00002a8040a05123ull
#define FAR_VA (VA ^ 3ull << 39)                          /* another entry of the root                               */
#define PCID_HERE 1u
#define PCID_THERE 2u

#define P (1ull << 0)
#define RW (1ull << 1)
#define US (1ull << 2)
#define A (1ull << 5)
#define D (1ull << 6)
#define PS (1ull << 7)
#define G (1ull << 8)
#define KEY1 (1ull << 59)                                 /* PKRU forbids key 1 everything                           */
#define XD (1ull << 63)

struct world {
    struct mmu *m;
    uint64_t *ram;
    struct oracle o;
    const struct mmu_profile *profile;
    unsigned leaf_level;      /* 0: 4 KiB, 1: 2 MiB, 2: 1 GiB                                                      */
    uint64_t g;               /* G or 0: in the leaf                                                               */
};

static inline uint64_t *entry_in(const struct world *w, uint64_t table, uint64_t va, unsigned level)
{
    return &w->ram[table / 8 + (va >> (12 + 9 * level) & 511)];
}

/* The page beside the address, in the same last table. */
static inline uint64_t neighbour(const struct world *w)
{
    return VA + (1ull << (12 + 9 * w->leaf_level));
}

static inline uint64_t frame_at(uint64_t frame, unsigned level)
{
    return frame & ~((1ull << (12 + 9 * level)) - 1);
}

/* ---- changes.c ---------------------------------------------------------------------------------------------------- */

struct change {
    const char *name;
    enum { LEAF = 1, TABLE = 2, ANY = LEAF | TABLE } where;
    uint64_t clear_before, set_before; /* what the entry is not, and is, besides being permissive, before           */
    uint64_t clear, set;               /* the store                                                                 */
    enum { BITS, TURN_G, FRAME, REPLACE, SPLIT, MERGE } what;
};
extern const struct change changes[];
extern const unsigned changes_len;

bool change_possible(const struct world *w, const struct change *c, unsigned level);
/* No entry at all; wanted before a row of scenarios, which map again what they change. */
void world_clear(const struct world *w);
/* The tables as they are before. */
void world_map(const struct world *w, const struct change *c, unsigned level);
void change_make(const struct world *w, const struct change *c, unsigned level);

/* ---- events.c ----------------------------------------------------------------------------------------------------- */

struct invalidation {
    const char *name;
    void (*run)(struct world *w, unsigned cpu);
};
extern const struct invalidation invalidations[];
extern const unsigned invalidations_len;

void world_create(struct world *w, const char *profile);
/* policy.c: the choices that are no default. */
void policy_other(struct mmu *m);
void world_destroy(struct world *w);
/* Empties every cache of both CPUs; registers as at the beginning. */
void world_reset(struct world *w);

#endif
