/* SPDX-License-Identifier: MIT
 * touch.c - the short way through a translation: an access that hits the first level with nothing to decide.  Called
 * by front ends when a slot did not settle the access, before mmu_translate(); nine in ten of those end here.
 *
 * What must hold: true means that mmu_translate() would have answered MMU_OK by MMU_BY_L1 and left the machine as it
 * is left here; false means that nothing has changed.  Only the array of small pages is looked at, and only when a
 * page can be in no other; the rest is mmu_translate()'s. */
#include "machine/fast.h"

/* The way that holds the tag; a's sets are narrow and the way touched last comes first. */
static inline int find_way(const struct assoc *a, const u64 *tag, u32 mru, u64 want)
{
    if (tag[mru] == want)
        return (int)mru;
    if (RARE(a->hashed))
        return assoc_find(a, 0, want);
    for (u32 w = 0; w < a->ways; w++)
        if (tag[w] == want)
            return (int)w;
    return ASSOC_NONE;
}

static inline bool settled(const struct cpu *c, enum mmu_kind kind, u64 data)
{
    const struct rights *now = c->now;
    unsigned rights = data & DATA_RIGHTS;
    if (RARE(now->deny[kind][0] >> rights & 1 || rights_key_denies(now, kind, false, rights, data_key(data))))
        return false;
    return kind != MMU_STORE || data & DATA_D;
}

bool mmu_touch(struct mmu *m, unsigned cpu, u64 va, enum mmu_kind kind)
{
    struct cpu *c = &m->cpu[cpu];
    const struct probe *p = &c->port[kind].l1.probe[0];
    struct assoc *a = &p->t->a;
    if (RARE(c->mode.paging != PAGING_LONG || p->unit != MMU_4K || p->pick_mask || m->observer.translated ||
             !canonical(&c->mode, va)))
        return false;
    u64 n = va >> PAGE_LG2 & TAG_NUMBER;
    u32 set = assoc_set(a, n), mru = a->mru[set];
    const u64 *tag = a->tag + assoc_at(a, set, 0);
    int way = find_way(a, tag, mru, tag_make(n, MMU_4K, c->mode.pcid_tag));
    if (way < 0)
        return false;
    u64 data = a->data[assoc_at(a, set, (u32)way)];
    if (!settled(c, kind, data))
        return false;
    if ((u32)way != mru) {
        fast_drop(c, p->t->kinds, tag[mru]);
        assoc_touch(a, set, (u32)way);
    }
    fast_set(c, p->t, kind, va, data, MMU_4K);
    c->stats.lookups[kind == MMU_FETCH ? MMU_SIDE_I : MMU_SIDE_D]++;
    return true;
}
