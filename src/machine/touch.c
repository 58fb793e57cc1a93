/* SPDX-License-Identifier: MIT
 * touch.c - the short way through a translation: an access that hits the first level with nothing to decide.  Called
 * by front ends when a slot did not settle the access, before mmu_translate(); nine in ten of those end here.
 *
 * What must hold: true means that mmu_translate() would have answered MMU_OK by MMU_BY_L1 and left the machine as it
 * is left here; false means that nothing has changed.  Only first-level arrays of small pages with a linear index are
 * looked at (struct quick): there the slot of the page is the slot of its set, so writing it drops the slot of the
 * page that was the most recently used. */
#include "machine/fast.h"

static inline bool allowed(const struct cpu *c, enum mmu_kind kind, u64 data)
{
    unsigned rights = data & DATA_RIGHTS;
    return !(c->now->deny[kind][0] >> rights & 1) && !rights_key_denies(c->now, kind, false, rights, data_key(data));
}

static inline void use_slot(struct cpu *c, enum mmu_kind kind, u32 slot, u64 va, bool full)
{
    c->fast->slot[kind][slot] = full ? page_down(va) : fast_empty(slot);
    if (RARE(c->fast_large[kind]))
        c->fast_large[kind] &= ~((u64)1 << slot);
}

static inline void use_slots(struct cpu *c, const struct quick *q, enum mmu_kind kind, u32 slot, u64 va, u64 data)
{
    if (!c->fast)
        return;
    c->fast_used = true;
    use_slot(c, kind, slot, va, true);
    if (kind == MMU_LOAD && q->kinds & 1 << MMU_STORE)
        use_slot(c, MMU_STORE, slot, va, data & DATA_D && allowed(c, MMU_STORE, data));
    else if (kind == MMU_STORE && q->kinds & 1 << MMU_LOAD)
        use_slot(c, MMU_LOAD, slot, va, true);
}

/* Makes a way the most recently used one of its set. */
static inline void touch_way(const struct quick *q, u32 set, u32 way)
{
    if (LIKELY(q->tree)) {
        q->mru[set] = (u8)way;
        q->state[set] = (q->state[set] & q->keep[way]) | q->put[way];
    } else {
        assoc_touch(q->a, set, way);
    }
}

bool mmu_touch(struct mmu *m, unsigned cpu, u64 va, enum mmu_kind kind)
{
    struct cpu *c = &m->cpu[cpu];
    const struct quick *q = &c->quick[kind];
    if (RARE(!q->usable || c->mode.paging != PAGING_LONG || m->observer.translated || !canonical(&c->mode, va)))
        return false;
    u64 n = va >> PAGE_LG2 & TAG_NUMBER, want = tag_make(n, MMU_4K, c->mode.pcid_tag);
    u32 set = (u32)n & q->set_mask, first = set * q->ways, way = 0;
    const u64 *tag = q->tag + first;
    while (tag[way] != want)
        if (++way == q->ways)
            return false;
    u64 data = q->data[first + way];
    if (RARE(!allowed(c, kind, data) || (kind == MMU_STORE && !(data & DATA_D))))
        return false;
    touch_way(q, set, way);
    use_slots(c, q, kind, set, va, data);
    c->stats.lookups[kind == MMU_FETCH ? MMU_SIDE_I : MMU_SIDE_D]++;
    return true;
}
