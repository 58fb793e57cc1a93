/* SPDX-License-Identifier: MIT
 * marks.c - binding and clearing marks, and making the touches that skipped accesses left behind; the rules stand in
 * marks.h. */
#include "machine/marks.h"

#include "machine/fast.h"

#include <string.h>

/* ---- pending touches ------------------------------------------------------------------------------------------- */

struct touch { u64 when; u32 way; };

/* Those of a set that are newer than the last made, oldest first. */
static u32 pending(const struct tlb *t, u32 set, struct touch *out)
{
    const u64 *used = &t->used[assoc_at(&t->a, set, 0)], made = t->made[set];
    u32 n = 0;
    for (u32 way = 0; way < t->a.ways; way++) {
        if (used[way] <= made)
            continue;
        u32 at = n++;
        for (; at && out[at - 1].when > used[way]; at--)
            out[at] = out[at - 1];
        out[at] = (struct touch){ used[way], way };
    }
    return n;
}

/* A tree of four or eight ways needs no order: a node turns away from the half that has the newest number, if that is
 * newer than the last touch made. */
static void sync_tree(struct tlb *t, u32 set)
{
    const u64 *used = &t->used[assoc_at(&t->a, set, 0)], made = t->made[set];
    u64 newest[16], state = t->a.state[set];
    u32 ways = t->a.ways, mru = 1;
    for (u32 way = 0; way < ways; way++)
        newest[ways + way] = used[way];
    for (u32 node = ways - 1; node; node--) {
        u64 left = newest[2 * node], right = newest[2 * node + 1], last = left > right ? left : right;
        u64 bit = (u64)1 << node, turned = left > right ? state | bit : state & ~bit;
        newest[node] = last;
        state = last > made ? turned : state;
    }
    if (newest[1] <= made)
        return;
    while (mru < ways)
        mru = 2 * mru + (newest[2 * mru + 1] > newest[2 * mru]);
    t->a.state[set] = state;
    t->a.mru[set] = (u8)(mru - ways);
    t->made[set] = newest[1];
}

void marks_sync_set(struct tlb *t, u32 set)
{
    if (LIKELY(t->a.repl == ASSOC_PLRU && (t->a.ways == 4 || t->a.ways == 8))) {
        sync_tree(t, set);
        return;
    }
    struct touch touch[ASSOC_MAX_WAYS];
    u32 n = pending(t, set, touch);
    for (u32 i = 0; i < n; i++)
        assoc_touch(&t->a, set, touch[i].way);
    if (n)
        t->made[set] = touch[n - 1].when;
}

/* ---- binding --------------------------------------------------------------------------------------------------- */

void mmu_unmark(struct mmu_marks *marks, enum mmu_kind kind, u64 va)
{
    u32 i = va >> PAGE_LG2 & (MMU_MARKS - 1);
    /* Must not match addresses that look here: MMU_SLOT_EMPTY's page looks into mark 0. */
    marks->mark[kind][i] = (struct mmu_mark){ i ? MMU_SLOT_EMPTY : MMU_SLOT_EMPTY + PAGE_BYTES, &marks->nowhere };
}

void marks_clear(struct cpu *c)
{
    if (!c->marks)
        return;
    for (u32 k = 0; k < 3; k++)
        for (u32 w = 0; w < MMU_MARKS / 64; w++) {
            for (u64 left = c->marked[k][w]; left; left &= left - 1)
                mmu_unmark(c->marks, (enum mmu_kind)k, (u64)(w * 64 + (u32)__builtin_ctzll(left)) << PAGE_LG2);
            c->marked[k][w] = c->marked_large[k][w] = 0;
        }
}

/* The pages of one large entry may be marked anywhere; marked_large[] says where it is worth looking. */
void marks_drop_large(struct cpu *c, u32 kinds, u64 tag)
{
    u32 shift = unit_lg2[tag_unit(tag)];
    u64 first = tag_va(tag) >> PAGE_LG2;
    for (u32 k = 0; k < 3; k++)
        for (u32 w = 0; w < MMU_MARKS / 64 && kinds >> k & 1; w++)
            for (u64 left = c->marked_large[k][w]; left; left &= left - 1) {
                u32 i = w * 64 + (u32)__builtin_ctzll(left);
                u64 page = c->marks->mark[k][i].page >> PAGE_LG2 & TAG_NUMBER;
                if (!((page ^ first) >> (shift - PAGE_LG2)))
                    mmu_unmark(c->marks, (enum mmu_kind)k, (u64)i << PAGE_LG2);
            }
}

void marks_sync_all(struct cpu *c)
{
    for (u32 i = 0; c->marks && i < c->tlbs; i++)
        for (u32 set = 0; c->tlb[i].used && set <= c->tlb[i].a.set_mask; set++)
            marks_sync_set(&c->tlb[i], set);
}

void marks_unbind(struct cpu *c)
{
    marks_clear(c);
    marks_sync_all(c);
    for (u32 i = 0; c->marks && i < c->tlbs; i++) {
        struct tlb *t = &c->tlb[i];
        size_t sets = t->a.set_mask + 1;
        if (!t->used)
            continue;
        memset(t->used, 0, sets * t->a.ways * sizeof *t->used); /* numbers may begin again with the next binding */
        memset(t->made, 0, sets * sizeof *t->made);
    }
    c->marks = NULL;
}

void mmu_bind_marks(struct mmu *m, unsigned cpu, struct mmu_marks *marks)
{
    CHECK(cpu < m->cpus);
    struct cpu *c = &m->cpu[cpu];
    mmu_bind_fast(m, cpu, NULL); /* unbinds marks, too */
    for (u32 k = 0; marks && k < 3; k++)
        for (u64 i = 0; i < MMU_MARKS; i++)
            mmu_unmark(marks, (enum mmu_kind)k, i << PAGE_LG2);
    c->marks = marks;
}
