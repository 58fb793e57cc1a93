/* SPDX-License-Identifier: MIT
 * fast.h - the slots that let a front end skip calls (contract: mmu.h).  Called by translate.c (set), tlb.c (drop)
 * and regs.c, invalidate.c (clear).
 *
 * What must hold for a full slot of kind K and page P:
 *   some first-level array of port K holds a translation of P, and it is the way touched last in its set;
 *   the registers of this moment allow K on it; if K is a store, its D is 1;
 *   no other look-up of K would find P elsewhere (fills happen only after a miss or an update of this entry).
 * Then an access would change nothing but the count of look-ups.  So these drop slots:
 *   another way of the set becomes the last one touched   -> the slots of the entry that was  (fast_drop)
 *   the entry is removed, replaced or updated             -> its slots                        (fast_drop)
 *   a register is written, all or a PCID is forgotten     -> every slot                       (fast_clear)
 * Dropping a slot that could have stayed is always correct.
 *
 * Runners-up (struct pair) are kept beside the slots: when another way becomes the most recently used one and lies in the
 * other half of the tree, the one before becomes the runner-up and hands over its slots (pair_demote).  When the runner-up
 * is touched again, touch.c exchanges the two.  Everything that drops all slots, and the removal of an entry, forgets
 * runners-up. */
#ifndef PAGEWALK_MACHINE_FAST_H
#define PAGEWALK_MACHINE_FAST_H

#include "machine/cpu.h"

/* A slot's empty value must not match addresses that look into this very slot: MMU_SLOT_EMPTY's page looks into slot
 * 0, which has the page after it.  There are always at least two slots. */
static inline u64 fast_empty(u32 slot)
{
    return slot ? MMU_SLOT_EMPTY : MMU_SLOT_EMPTY + PAGE_BYTES;
}

void fast_clear(struct cpu *c);       /* slots and marks (marks.h)                                               */
void fast_clear_slots(struct cpu *c); /* CPL or AC was written: marks are user code's and stay                   */
void fast_drop_large(struct cpu *c, u32 kinds, u64 tag);

static inline void pair_forget(struct tlb *t, u32 set)
{
    if (t->pair)
        t->pair[set].page[0] = t->pair[set].page[1] = PAIR_NONE;
}

/* Before `way` becomes the most recently used one of its set, and before the slots of the one that was are dropped. */
static inline void pair_demote(struct cpu *c, struct pair *pair, const struct assoc *a, u32 kinds, u32 set, u32 way)
{
    u32 was = a->mru[set], first = kinds & 1 << MMU_FETCH ? MMU_FETCH : MMU_LOAD;
    if (!((was ^ way) & a->ways >> 1))
        return;
    bool none = !c->fast || c->mem_bound || c->fast_large[first] | c->fast_large[MMU_STORE]; /* then a slot may be another array's */
    pair[set].page[0] = none ? PAIR_NONE : c->fast->slot[first][set];
    pair[set].page[1] = none || first == MMU_FETCH ? PAIR_NONE : c->fast->slot[MMU_STORE][set];
    pair[set].way = (u8)was;
}

/* Drops the slots that an entry of a first-level array of these kinds may have given. */
static inline void fast_drop(struct cpu *c, u32 kinds, u64 tag)
{
    if (!kinds || !c->fast_used)
        return;
    if (RARE(tag_unit(tag) != MMU_4K)) {
        fast_drop_large(c, kinds, tag);
        return;
    }
    u64 number = tag_number(tag);
    for (; kinds; kinds &= kinds - 1) {
        u32 k = (u32)__builtin_ctz(kinds), i = (u32)number & c->slot_mask[k];
        u64 *slot = &c->fast->slot[k][i];
        if ((*slot >> PAGE_LG2 & TAG_NUMBER) == number)
            *slot = fast_empty(i);
    }
}

static inline void fast_put(struct cpu *c, enum mmu_kind kind, u64 va, bool large)
{
    u32 i = (u32)(va >> PAGE_LG2) & c->slot_mask[kind];
    c->fast->slot[kind][i] = RARE(c->mem_bound) ? fast_empty(i) : page_down(va);
    if (RARE(large || c->fast_large[kind]))
        c->fast_large[kind] = (c->fast_large[kind] & ~((u64)1 << i)) | (u64)large << i;
}

/* After an explicit access of this kind was let through by the entry just touched: its slot, and that of the other
 * kind of data access where the same array serves it and the entry would let it through as well.  allow: ALLOW_ bits
 * without regard to D. */
static inline void fast_set(struct cpu *c, u32 kinds, enum mmu_kind kind, u64 va, u32 allow, bool dirty, u32 unit)
{
    if (!c->fast)
        return;
    bool large = unit != MMU_4K;
    c->fast_used = true;
    fast_put(c, kind, va, large);
    if (kind == MMU_LOAD && dirty && kinds & allow & ALLOW_STORE)
        fast_put(c, MMU_STORE, va, large);
    if (kind == MMU_STORE && kinds & ALLOW_LOAD) /* whatever allows a store allows a load */
        fast_put(c, MMU_LOAD, va, large);
}

#endif
