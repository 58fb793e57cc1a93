/* SPDX-License-Identifier: MIT
 * fast.c - binding and dropping slots; the rules stand in fast.h. */
#include "machine/fast.h"
#include "machine/marks.h"

static void forget_pairs(struct cpu *c)
{
    for (u32 i = 0; i < c->tlbs; i++)
        for (u32 set = 0; c->tlb[i].pair && set <= c->tlb[i].a.set_mask; set++)
            pair_forget(&c->tlb[i], set);
}

void fast_clear(struct cpu *c)
{
    marks_clear(c);
    fast_clear_slots(c);
}

void fast_clear_slots(struct cpu *c)
{
    if (!c->fast || !c->fast_used)
        return;
    forget_pairs(c);
    for (u32 k = 0; k < 3; k++) {
        for (u32 i = 0; i < MMU_SLOTS; i++)
            c->fast->slot[k][i] = fast_empty(i);
        c->fast_large[k] = 0;
    }
    c->fast_used = false;
}

/* The pages of one large entry may stand in any slot; fast_large[] says in which it is worth looking. */
void fast_drop_large(struct cpu *c, u32 kinds, u64 tag)
{
    u32 shift = unit_lg2[tag_unit(tag)];
    u64 first = tag_va(tag) >> PAGE_LG2;
    for (u32 k = 0; k < 3; k++) {
        if (!(kinds >> k & 1))
            continue;
        for (u64 left = c->fast_large[k]; left; left &= left - 1) {
            u32 i = (u32)__builtin_ctzll(left);
            u64 page = c->fast->slot[k][i] >> PAGE_LG2 & TAG_NUMBER;
            if ((page ^ first) >> (shift - PAGE_LG2))
                continue;
            c->fast->slot[k][i] = fast_empty(i);
            c->fast_large[k] &= ~((u64)1 << i);
        }
    }
}

u32 mmu_fast_mask(const struct mmu *m, enum mmu_kind kind) { return m->cpu[0].slot_mask[kind]; }

void mmu_bind_fast(struct mmu *m, unsigned cpu, struct mmu_fast *fast)
{
    CHECK(cpu < m->cpus);
    struct cpu *c = &m->cpu[cpu];
    marks_unbind(c);
    fast_clear(c); /* the block bound before is left empty */
    c->fast = fast;
    c->mem_bound = false;
    c->fast_used = fast != NULL;
    fast_clear(c);
}
