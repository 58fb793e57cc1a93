/* SPDX-License-Identifier: MIT
 * profile.c - the CPUs of arch/machines as tables.  Called by the embedder through mmu_profile_at() and
 * mmu_profile_find().  Adding a CPU: a file in arch/machines, and its line in arch/machines/all.def. */
#include "pagewalk/mmu.h"

#define I MMU_PORT_I
#define LOAD MMU_PORT_LOAD
#define STORE MMU_PORT_STORE
#define D (LOAD | STORE)
#define U (I | D)
#define S4K (1 << MMU_4K)
#define S2M (1 << MMU_2M)
#define S1G (1 << MMU_1G)
#define LINEAR MMU_LINEAR
#define XOR MMU_XOR
#define LRU MMU_LRU
#define PLRU MMU_PLRU
#define PLRU_3X4 MMU_PLRU_3X4
#define BASE (MMU_NX | MMU_PSE36 | MMU_PGE | MMU_PSE | MMU_PAE | MMU_PAT | MMU_LM)
#define PCID MMU_PCID
#define INVPCID MMU_INVPCID
#define SMEP MMU_SMEP
#define SMAP MMU_SMAP
#define PKU MMU_PKU
#define PKS MMU_PKS
#define LA57 MMU_LA57
#define PAGE1G MMU_PDPE1GB
#define SHSTK MMU_SHSTK
#define SVM MMU_SVM
#define TCE MMU_TCE
#define INVLPGB MMU_INVLPGB

/* A last row of zeros ends each table, so that none is empty. */
#define TLBS(id) static const struct mmu_tlb_desc id##_tlb[] = {
#define TLB(name, level, ports, sizes, hash, repl, ways, sets, source) \
    { name, level, ports, sizes, hash, repl, ways, sets, source, 0 },
#define TLB_PCIDS(name, level, ports, sizes, hash, repl, ways, sets, pcids, source) \
    { name, level, ports, sizes, hash, repl, ways, sets, source, pcids },
#define NONE MMU_PCIDS_NONE
#define PSCS(id) static const struct mmu_psc_desc id##_psc[] = {
#define PSC(level, entries, ways, source) { level, entries, ways, source },
#define PIPT MMU_PIPT
#define VIPT MMU_VIPT
#define VIPT_ONE MMU_VIPT_ONE
#define CACHES(id) static const struct mmu_cache_desc id##_cache[] = {
#define ICACHE(form, repl, ways, sets, line, source) { "L1I", MMU_SIDE_I, form, repl, ways, sets, line, source },
#define DCACHE(form, repl, ways, sets, line, source) { "L1D", MMU_SIDE_D, form, repl, ways, sets, line, source },
#define END { 0 } };
#define TIMING(stlb_hit, base, near, far, lines, source) { stlb_hit, base, near, far, lines, source, { 0 } }
#define MACHINE(id, name, title, vendor, maxphyaddr, va_bits, features, timing, notes) \
    static const struct mmu_profile id = { name, title, vendor, maxphyaddr, va_bits, features, \
        sizeof id##_tlb / sizeof *id##_tlb - 1, sizeof id##_psc / sizeof *id##_psc - 1, id##_tlb, id##_psc, timing, \
        notes, sizeof id##_cache / sizeof *id##_cache - 1, id##_cache };
#include "arch/machines/all.def"

static const struct mmu_profile *const profiles[] = {
#define LISTED(id) &id,
#include "arch/machines/order.def"
};

const struct mmu_profile *mmu_profile_at(unsigned index)
{
    return index < sizeof profiles / sizeof *profiles ? profiles[index] : NULL;
}

static bool same(const char *a, const char *b)
{
    while (*a && *a == *b)
        a++, b++;
    return *a == *b;
}

const struct mmu_profile *mmu_profile_find(const char *name)
{
    for (unsigned i = 0; mmu_profile_at(i); i++)
        if (same(mmu_profile_at(i)->name, name))
            return mmu_profile_at(i);
    return NULL;
}
