/* SPDX-License-Identifier: MIT
 * marks.h - skipping every first-level hit of user code (contract: mmu.h, "marks").  Called by translate.c, touch.c and
 * miss.c (set, sync), tlb.c (drop) and regs.c, invalidate.c through fast_clear() (clear).
 *
 * A front end that skips an access leaves a growing number at the way that would have been touched.  What the policies
 * know of the past is the order in which ways were touched last: for LRU and every tree, making the pending touches once
 * each, in the order of their numbers, leaves the set as making all of them would have.  (NRU is not so: arrays with it
 * have no numbers, and no marks.)
 *
 * What must hold:
 *   before the replacement state of a first-level set is read or changed, marks_sync() has made its pending touches;
 *   a full mark of kind K and page P names the way of the entry that a look-up of K for P would find, the registers
 *   allow K to user code on it, and if K is a store its D is 1.  So these drop marks: the entry is removed, replaced or
 *   updated (mark_drop); a register other than CPL and AC is written, all or a PCID is forgotten (marks_clear).
 * Removing an entry leaves its pending touch: the state forgets nothing when entries go. */
#ifndef PAGEWALK_MACHINE_MARKS_H
#define PAGEWALK_MACHINE_MARKS_H

#include "machine/cpu.h"

void marks_clear(struct cpu *c);
void marks_drop_large(struct cpu *c, u32 kinds, u64 tag);
void marks_sync_set(struct tlb *t, u32 set);
void marks_sync_all(struct cpu *c);
/* No marks from here on; every touch is made. */
void marks_unbind(struct cpu *c);

static inline void marks_sync(const struct cpu *c, struct tlb *t, u32 set)
{
    if (c->marks && t->used)
        marks_sync_set(t, set);
}

static inline void mark_put(struct cpu *c, enum mmu_kind kind, u64 va, u64 *used, bool large)
{
    u32 i = va >> PAGE_LG2 & (MMU_MARKS - 1);
    u64 bit = (u64)1 << i % 64;
    c->marks->mark[kind][i] = (struct mmu_mark){ page_down(va), used };
    c->marked[kind][i / 64] |= bit;
    c->marked_large[kind][i / 64] = (c->marked_large[kind][i / 64] & ~bit) | (large ? bit : 0);
}

/* After an explicit access of this kind was let through by the entry of the array that was just touched: allow and dirty
 * as for fast_set(). */
static inline void mark_set(struct cpu *c, struct tlb *t, enum mmu_kind kind, u64 va, u32 allow, bool dirty, u32 unit)
{
    if (!c->marks || !t->used || c->reg.cpl != 3)
        return;
    u32 set = assoc_set(&t->a, unit_number(va, unit));
    u64 *used = &t->used[assoc_at(&t->a, set, t->a.mru[set])];
    bool large = unit != MMU_4K;
    mark_put(c, kind, va, used, large);
    if (kind == MMU_LOAD && dirty && t->kinds & allow & ALLOW_STORE)
        mark_put(c, MMU_STORE, va, used, large);
    if (kind == MMU_STORE && t->kinds & ALLOW_LOAD)
        mark_put(c, MMU_LOAD, va, used, large);
}

/* An entry goes or changes. */
static inline void mark_drop(struct cpu *c, u32 kinds, u64 tag)
{
    if (!c->marks || !kinds || !tag)
        return;
    if (RARE(tag_unit(tag) != MMU_4K)) {
        marks_drop_large(c, kinds, tag);
        return;
    }
    u64 number = tag_number(tag);
    u32 i = (u32)number & (MMU_MARKS - 1);
    for (; kinds; kinds &= kinds - 1) {
        enum mmu_kind k = (enum mmu_kind)__builtin_ctz(kinds);
        if ((c->marks->mark[k][i].page >> PAGE_LG2 & TAG_NUMBER) == number)
            mmu_unmark(c->marks, k, (u64)i << PAGE_LG2);
    }
}

#endif
