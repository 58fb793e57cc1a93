/* SPDX-License-Identifier: MIT
 * internal.h - a cache's state.  The array, with its replacement, is that of the TLBs (machine/assoc.h):
 *
 *   tag    63     | 57..0                           data   63..1                     | 0
 *          valid  | line number of va or pa                 line number of pa         | dirty
 *
 * What must hold: a set's mark names the line touched last there, or none (cache.h, "marks"). */
#ifndef PAGEWALK_CACHE_INTERNAL_H
#define PAGEWALK_CACHE_INTERNAL_H

#include "machine/assoc.h"
#include "pagewalk/cache.h"

#define TAG_VALID ((u64)1 << 63)
#define DATA_DIRTY ((u64)1)

struct cache {
    const struct mmu_cache_desc *d;
    struct assoc a;
    u8 line_lg2;
    u8 colours_lg2;              /* sets that a physical line may stand in; 0: one                            */
    struct cache_stats stats;
    struct cache_marks *marks;
    u64 *marked;                 /* [sets]: address of the marked line, or one that is none                   */
};

static inline u64 data_pa(const struct cache *c, u64 data) { return data >> 1 << c->line_lg2; }

/* marks.c */
void mark_drop(struct cache *c, u32 set);
void mark_put(struct cache *c, u32 set, u64 va, bool dirty);

#endif
