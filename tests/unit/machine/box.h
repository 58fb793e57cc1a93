/* SPDX-License-Identifier: MIT
 * box.h - a machine with page tables to poke at, for the tests of src/machine.  Everything goes through the public
 * header.  Tables are handed out from low memory in order; the root stands at BOX_ROOT. */
#ifndef PAGEWALK_TESTS_UNIT_MACHINE_BOX_H
#define PAGEWALK_TESTS_UNIT_MACHINE_BOX_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "arch/x86_pte.h"
#include "pagewalk/mmu.h"

#define BOX_ROOT 0x1000ull
#define BOX_RAM (8ull << 20)
#define PTE_ALL (X86_PTE_P | X86_PTE_RW | X86_PTE_US)

struct box { struct mmu_config cfg; struct mmu *m; void *block; u64 next_table; unsigned levels; };

static inline void box_make(struct box *b)
{
    size_t bytes = mmu_bytes(&b->cfg);
    assert_true(bytes > 0);
    b->cfg.ram = aligned_alloc(4096, b->cfg.ram_bytes);
    b->block = aligned_alloc(64, (bytes + 63) & ~(size_t)63);
    memset(b->cfg.ram, 0, b->cfg.ram_bytes);
    memset(b->block, 0xa5, bytes); /* nothing may rely on a clean block */
    b->m = mmu_create(b->block, bytes, &b->cfg);
    assert_non_null(b->m);
    b->next_table = BOX_ROOT + 4096;
    b->levels = 4;
    for (unsigned c = 0; c < b->cfg.cpus; c++)
        assert_true(mmu_set(b->m, c, MMU_CR3, BOX_ROOT));
}

static inline void box_profile(struct box *b, const struct mmu_profile *p)
{
    assert_non_null(p);
    memset(b, 0, sizeof *b);
    b->cfg = (struct mmu_config){ .cpus = 1, .ram_bytes = BOX_RAM, .vendor = p->vendor, .features = p->features,
                                  .profile = p, .seed = 7 };
}

static inline void box_begin(struct box *b, const char *profile)
{
    box_profile(b, mmu_profile_find(profile));
    box_make(b);
}

static inline void box_end(struct box *b)
{
    free(b->cfg.ram);
    free(b->block);
}

/* Every feature on a wide machine; for tests of rules rather than of one CPU. */
static inline void box_begin_full(struct box *b, const char *profile)
{
    box_profile(b, mmu_profile_find(profile));
    b->cfg.maxphyaddr = 46;
    b->cfg.features = MMU_NX | MMU_PSE36 | MMU_PGE | MMU_PCID | MMU_INVPCID | MMU_SMEP | MMU_SMAP | MMU_PKU | MMU_PKS |
                      MMU_LA57 | MMU_PDPE1GB | MMU_PSE | MMU_PAE | MMU_PAT | MMU_LM | MMU_SHSTK;
    box_make(b);
}

/* 5-level paging: out of long mode and back, as software must. */
static inline void box_la57(struct box *b)
{
    assert_true(mmu_set(b->m, 0, MMU_CR0, X86_CR0_PE | X86_CR0_WP));
    assert_true(mmu_set(b->m, 0, MMU_CR4, mmu_get(b->m, 0, MMU_CR4) | X86_CR4_LA57));
    assert_true(mmu_set(b->m, 0, MMU_CR0, X86_CR0_PE | X86_CR0_WP | X86_CR0_PG));
    b->levels = 5;
}

/* Where the entry of a level for va stands under a root; tables above are made, present and permissive. */
static inline u64 box_entry_under(struct box *b, u64 root, u64 va, unsigned level)
{
    u64 table = root;
    for (unsigned l = b->levels - 1; l > level; l--) {
        u64 at = table + (va >> (12 + 9 * l) & 511) * 8;
        if (!(mmu_peek(b->m, at) & X86_PTE_P)) {
            mmu_poke(b->m, at, b->next_table | PTE_ALL);
            b->next_table += 4096;
        }
        table = mmu_peek(b->m, at) & X86_PTE_ADDR;
    }
    return table + (va >> (12 + 9 * level) & 511) * 8;
}

static inline u64 box_entry(struct box *b, u64 va, unsigned level)
{
    return box_entry_under(b, BOX_ROOT, va, level);
}

/* A page at a level (0: 4 KiB, 1: 2 MiB, 2: 1 GiB). */
static inline void box_map(struct box *b, u64 va, unsigned level, u64 pa, u64 flags)
{
    mmu_poke(b->m, box_entry(b, va, level), pa | flags | (level ? X86_PTE_PS : 0));
}

static inline struct mmu_result box_do(struct box *b, u64 va, enum mmu_kind kind)
{
    struct mmu_result r;
    memset(&r, 0xee, sizeof r);
    enum mmu_status s = mmu_translate(b->m, 0, va, kind, 0, &r);
    assert_int_equal(s, r.status);
    return r;
}

static inline void box_flush(struct box *b)
{
    u64 cr4 = mmu_get(b->m, 0, MMU_CR4);
    assert_true(mmu_set(b->m, 0, MMU_CR4, cr4 ^ X86_CR4_PGE));
    assert_true(mmu_set(b->m, 0, MMU_CR4, cr4));
}

static inline u64 box_random(u64 *state)
{
    u64 z = *state += 0x9e3779b97f4a7c15ull;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ z >> 27) * 0x94d049bb133111ebull;
    return z ^ z >> 31;
}

#endif
