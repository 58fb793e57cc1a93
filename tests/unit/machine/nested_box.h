/* SPDX-License-Identifier: MIT
 * nested_box.h - a machine with a guest: box.h, and a nested table below the guest's.  The guest's physical addresses are the
 * host's plus NESTED_GPA, so that one taken for the other shows; of the guest's tables only what is mapped below them exists. */
#ifndef PAGEWALK_TESTS_UNIT_MACHINE_NESTED_BOX_H
#define PAGEWALK_TESTS_UNIT_MACHINE_NESTED_BOX_H

#include "box.h"

#include "arch/ept.h"
#include "pagewalk/nested.h"

#define NESTED_GPA 0xc0000000ull
#define NESTED_ROOT 0x400000ull /* the nested tables' half of RAM                                                     */
#define EPT_ALL (EPT_R | EPT_W | EPT_X)
#define EPT_WB (6ull << EPT_MT_SHIFT)
#define NPT_ALL PTE_ALL

struct nested_box {
    struct box b;
    struct mmu_nested_config config;
    struct mmu_guest guest;
    u64 next_nested;
    unsigned nested_levels;
    bool npt;
};

/* gpa_entries, pscs: as they are in n->config. */
static inline void nested_make(struct nested_box *n)
{
    n->b.cfg.nested = &n->config;
    box_make(&n->b);
    n->next_nested = NESTED_ROOT + 4096;
    n->nested_levels = 4;
    n->guest = (struct mmu_guest){ .nested = n->npt ? MMU_NPT : MMU_EPT, .tag = 1, .reg = mmu_guest_start() };
    n->guest.root = n->npt ? NESTED_ROOT : NESTED_ROOT | 3 << EPTP_LEVELS_SHIFT | 6;
    n->guest.reg.cr3 = BOX_ROOT + NESTED_GPA;
    if (n->npt)
        assert_true(mmu_set(n->b.m, 0, MMU_EFER, mmu_get(n->b.m, 0, MMU_EFER) | X86_EFER_SVME));
}

/* Every feature; no caches of nested translations unless the test asks. */
static inline void nested_prepare(struct nested_box *n, bool npt)
{
    memset(n, 0, sizeof *n);
    box_profile(&n->b, mmu_profile_find(npt ? "zen4" : "skylake"));
    n->npt = npt;
    n->b.cfg.maxphyaddr = 52;
    n->b.cfg.features |= MMU_LA57 | MMU_PKU | MMU_PCID | MMU_INVPCID | MMU_PGE | MMU_SMEP | MMU_SMAP | MMU_PDPE1GB | (npt ? MMU_SVM : 0);
    n->config = *mmu_nested_usual(n->b.cfg.vendor);
    n->config.gpa_entries = 0;
    n->config.pscs = 0;
}

/* Where the nested entry of a level for a gpa stands; tables above are made, permissive. */
static inline u64 nested_entry(struct nested_box *n, u64 gpa, unsigned level)
{
    u64 table = NESTED_ROOT;
    for (unsigned l = n->nested_levels - 1; l > level; l--) {
        u64 at = table + (gpa >> (12 + 9 * l) & 511) * 8;
        if (!mmu_peek(n->b.m, at)) {
            mmu_poke(n->b.m, at, n->next_nested | (n->npt ? NPT_ALL : EPT_ALL | EPT_XU));
            n->next_nested += 4096;
        }
        table = mmu_peek(n->b.m, at) & X86_PTE_ADDR;
    }
    return table + (gpa >> (12 + 9 * level) & 511) * 8;
}

static inline void nested_map(struct nested_box *n, u64 gpa, unsigned level, u64 pa)
{
    u64 flags = n->npt ? NPT_ALL : EPT_ALL | EPT_WB;
    mmu_poke(n->b.m, nested_entry(n, gpa, level), pa | flags | (level ? EPT_PS : 0));
}

/* Where the guest's entry of a level for va stands in host memory; tables above are made and mapped, permissive. */
static inline u64 guest_entry_at(struct nested_box *n, u64 va, unsigned level)
{
    u64 table = BOX_ROOT;
    if (!mmu_peek(n->b.m, nested_entry(n, table + NESTED_GPA, 0)))
        nested_map(n, table + NESTED_GPA, 0, table);
    for (unsigned l = n->b.levels - 1; l > level; l--) {
        u64 at = table + (va >> (12 + 9 * l) & 511) * 8;
        if (!(mmu_peek(n->b.m, at) & X86_PTE_P)) {
            nested_map(n, n->b.next_table + NESTED_GPA, 0, n->b.next_table);
            mmu_poke(n->b.m, at, (n->b.next_table + NESTED_GPA) | PTE_ALL);
            n->b.next_table += 4096;
        }
        table = (mmu_peek(n->b.m, at) & X86_PTE_ADDR) - NESTED_GPA;
    }
    return table + (va >> (12 + 9 * level) & 511) * 8;
}

/* The guest's page; nothing is mapped below it. */
static inline void guest_map(struct nested_box *n, u64 va, unsigned level, u64 gpa, u64 flags)
{
    mmu_poke(n->b.m, guest_entry_at(n, va, level), gpa | flags | (level ? X86_PTE_PS : 0));
}

static inline void guest_enter(struct nested_box *n)
{
    const char *why = mmu_guest_enter(n->b.m, 0, &n->guest);
    if (why)
        print_error("not entered: %s\n", why);
    assert_null(why);
}

static inline void guest_leave(struct nested_box *n)
{
    mmu_guest_leave(n->b.m, 0, &n->guest);
}

/* An access that ends in an exit. */
static inline const struct mmu_guest_exit *guest_exit(struct nested_box *n, u64 va, enum mmu_kind kind)
{
    assert_int_equal(box_do(&n->b, va, kind).status, MMU_EXIT);
    return mmu_guest_exit(n->b.m, 0);
}

static inline const struct mmu_nested_stats *nested_stats(const struct nested_box *n)
{
    return mmu_nested_stats(n->b.m, 0);
}

#endif
