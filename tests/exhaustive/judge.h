/* SPDX-License-Identifier: MIT
 * judge.h - one machine beside the oracle: set both to a context, give both an access, compare everything an
 * embedder or a guest could see.  Called by the enumerations (walks.c, single_bits.c, addresses.c). */
#ifndef EXHAUSTIVE_JUDGE_H
#define EXHAUSTIVE_JUDGE_H

#include "oracle.h"

#include <pagewalk/mmu.h>

/* Tables: one page each, at the same places in every case.  Level 4 is the PML5. */
#define TABLE_PA(level) ((uint64_t)(5 - (level)) << 12)
#define RAM_BYTES 0x10000u

struct judge {
    struct mmu *mmu;
    uint64_t *ram;
    struct oracle_cpu cpu;     /* the context, as the oracle knows it                                              */
    unsigned tag;              /* 0..511: path of the next case; 512: the caches must be emptied first               */
    uint64_t cr2;              /* what CR2 must hold                                                               */
    bool walk_too;             /* also ask mmu_walk(), which must agree and change nothing                          */
    bool no_structure_caches;  /* of the next machine: every walk begins at the root anyway                         */
    bool tables_may_meet;      /* an entry may stand on a path twice                                                */
    uint64_t cases, differences;
};

/* Another machine; what j asks for and has counted stays.  Of part, amd, has_1g and maxphyaddr are read. */
void judge_create(struct judge *j, const struct oracle_cpu *part);
void judge_destroy(struct judge *j);
/* Sets every register, and empties the caches.  la57, wp ... ac of c are read. */
void judge_context(struct judge *j, const struct oracle_cpu *c);
/* CPL and AC alone. */
void judge_privilege(struct judge *j, unsigned cpl, unsigned ac);
void judge_flush(struct judge *j);

/* The index at a level of the path that a tag stands for: another at each level, so that no level can pass for
 * another, and no two tags share one. */
static inline unsigned judge_index(unsigned tag, unsigned level)
{
    return (tag + 73 * level) & 511;
}
/* The entry at a level of that path. */
static inline uint64_t *judge_entry(const struct judge *j, unsigned tag, unsigned level)
{
    return &j->ram[TABLE_PA(level) / 8 + judge_index(tag, level)];
}
/* The linear address of that path. */
uint64_t judge_va(const struct judge *j, unsigned tag, unsigned offset);
/* A tag no cached translation or path of this machine stands for: the next one, or 0 after emptying the caches. */
unsigned judge_fresh_tag(struct judge *j);
/* Both translate; what differs is printed and counted.  Afterwards the entries are as before. */
void judge_case(struct judge *j, const struct oracle_access *a);
/* The same, the oracle's walk of a->va being known: path. */
void judge_access(struct judge *j, const struct oracle_access *a, const struct oracle_path *path);

#endif
