/* SPDX-License-Identifier: MIT
 * touch.c - the short way through a translation: an access that hits the first level with nothing to decide.  Called
 * by front ends when a slot did not settle the access, before mmu_translate(); nine in ten of those end here.
 *
 * What must hold: true means that mmu_translate() would have answered MMU_OK by MMU_BY_L1 and left the machine as it
 * is left here; false means that nothing has changed.  Two ways:
 *   quick   arrays of small pages alone with a linear index and 4, 6, 8 or 12 ways, addresses of the lower half
 *           (struct quick): the slot of the page is the slot of its set, so writing it drops the slot of the page
 *           that was the most recently used;
 *   any     small pages in any first-level array, such as the wide ones of AMD. */
#include "machine/access.h"
#include "machine/fast.h"
#include "machine/marks.h"

#define ALWAYS static inline __attribute__((always_inline))

/* Which ways hold the tag, as a mask. */
ALWAYS u32 find_ways(const struct quick *q, const u64 *tag, u64 want)
{
    u32 found = ways_four(tag, want);
    if (LIKELY(q->ways == 4))
        return found;
    found |= ways_two(tag + 4, want) << 4;
    if (q->ways == 6)
        return found;
    found |= ways_two(tag + 6, want) << 6;
    return q->ways == 8 ? found : found | ways_four(tag + 8, want) << 8;
}

ALWAYS void use_slot(struct cpu *c, enum mmu_kind kind, u32 slot, u64 va, bool full)
{
    u64 page = page_down(va), none = fast_empty(slot);
    c->fast->slot[kind][slot] = full && LIKELY(!c->mem_bound) ? page : none;
    if (RARE(c->fast_large[kind]))
        c->fast_large[kind] &= ~((u64)1 << slot);
}

ALWAYS void use_slots(struct cpu *c, const struct quick *q, enum mmu_kind kind, u32 slot, u64 va, unsigned allow)
{
    mark_set(c, q->t, kind, va, allow, allow >> MMU_STORE & 1, MMU_4K);
    if (RARE(!c->fast))
        return;
    c->fast_used = true;
    use_slot(c, kind, slot, va, true);
    if (kind == MMU_LOAD && q->kinds & 1 << MMU_STORE)
        use_slot(c, MMU_STORE, slot, va, allow >> MMU_STORE & 1);
    else if (kind == MMU_STORE && q->kinds & 1 << MMU_LOAD)
        use_slot(c, MMU_LOAD, slot, va, true);
}

/* Makes a way the most recently used one of its set. */
ALWAYS void touch_way(const struct quick *q, u32 set, u32 way)
{
    if (LIKELY(q->steer != NULL)) {
        q->mru[set] = (u8)way;
        q->state[set] = (q->state[set] & q->steer[2 * way]) | q->steer[2 * way + 1];
    } else {
        assoc_touch(q->a, set, way);
    }
}

static OUT_OF_LINE bool touch_any(struct mmu *m, struct cpu *c, u64 va, enum mmu_kind kind)
{
    const struct probe *p = &c->port[kind].l1.probe[0];
    if (m->observer.translated || c->mode.paging != PAGING_LONG || p->pick_mask || !canonical(&c->mode, va))
        return false;
    u64 n = va >> PAGE_LG2 & TAG_NUMBER;
    u32 set = (u32)(n ^ n >> p->fold) & p->set_mask;
    int way = probe_find(p, set, tag_make(n, MMU_4K, c->mode.pcid_tag));
    if (way < 0)
        return false;
    struct tlb *t = p->t;
    u64 data = p->data[(size_t)set * p->ways + (u32)way];
    u32 allow = rights_allow(c->now, false, data & DATA_RIGHTS, data_key(data));
    if (!(allow >> kind & 1) || (kind == MMU_STORE && !(data & DATA_D)))
        return false;
    marks_sync(c, t, set);
    u32 mru = p->mru[set];
    if (mru != (u32)way) {
        fast_drop(c, t->kinds, t->a.tag[assoc_at(&t->a, set, mru)]);
        assoc_touch(&t->a, set, (u32)way);
    }
    mark_set(c, t, kind, va, allow, data & DATA_D, MMU_4K);
    fast_set(c, t->kinds, kind, va, allow, data & DATA_D, MMU_4K);
    c->stats.lookups[kind == MMU_FETCH ? MMU_SIDE_I : MMU_SIDE_D]++;
    return true;
}

ALWAYS void exchange(u64 *a, u64 *b)
{
    u64 x = *a;
    *a = *b;
    *b = x;
}

/* The runner-up becomes the most recently used way and the other way round: two of three accesses that come here. */
ALWAYS bool touch_pair(struct cpu *c, const struct quick *q, enum mmu_kind kind, u32 set, u64 va)
{
    struct pair *pair = q->pair ? &q->pair[set] : NULL;
    if (!pair || pair->page[kind == MMU_STORE] != page_down(va) || RARE(c->fast_large[MMU_LOAD] | c->fast_large[MMU_STORE] | c->fast_large[MMU_FETCH]))
        return false;
    exchange(&c->fast->slot[kind == MMU_FETCH ? MMU_FETCH : MMU_LOAD][set], &pair->page[0]);
    if (kind != MMU_FETCH)
        exchange(&c->fast->slot[MMU_STORE][set], &pair->page[1]);
    u8 way = pair->way;
    pair->way = q->mru[set];
    q->mru[set] = way;
    q->state[set] ^= PLRU_ROOT;
    return true;
}

ALWAYS bool touch(struct mmu *m, unsigned cpu, u64 va, enum mmu_kind kind)
{
    struct cpu *c = &m->cpu[cpu];
    const struct quick *q = &c->quick[kind];
    if (RARE(!q->usable || m->observer.translated || va >> 47))
        return touch_any(m, c, va, kind);
    u64 n = va >> PAGE_LG2;
    u32 set = (u32)n & q->set_mask, first = set * q->ways;
    if (LIKELY(touch_pair(c, q, kind, set, va))) {
        c->stats.lookups[kind == MMU_FETCH ? MMU_SIDE_I : MMU_SIDE_D]++;
        return true;
    }
    u32 found = find_ways(q, q->tag + first, tag_make(n, MMU_4K, c->mode.pcid_tag));
    if (RARE(!found))
        return false;
    u32 way = (u32)__builtin_ctz(found);
    u64 data = q->data[first + way];
    unsigned allow = rights_allow(c->now, false, data & DATA_RIGHTS, data_key(data));
    allow &= data & DATA_D ? ~0u : ~(unsigned)ALLOW_STORE; /* a store to a clean page has to walk */
    if (RARE(!(allow >> kind & 1)))
        return false;
    marks_sync(c, q->t, set);
    if (q->pair)
        pair_demote(c, q->pair, q->a, q->kinds, set, way);
    touch_way(q, set, way);
    use_slots(c, q, kind, set, va, allow);
    c->stats.lookups[kind == MMU_FETCH ? MMU_SIDE_I : MMU_SIDE_D]++;
    return true;
}

/* ---- the common miss ------------------------------------------------------------------------------------------- */

static bool may_refill(const struct mmu *m, const struct cpu *c, u64 va, enum mmu_kind kind)
{
    const struct level *l1 = &c->port[kind].l1, *l2 = &c->port[kind].l2;
    const struct probe *p = &l2->probe[0];
    return c->quick[kind].usable && !m->observer.translated && !(va >> 47) && l1->active == 1 && l2->active & 1 &&
           p->unit == MMU_4K && !p->pick_mask && !p->hashed && !(l1->probe[0].t->globals | p->t->globals);
}

/* All slots of the set's pages are one, so that filling it drops those of the entry that was the most recently used. */
ALWAYS void fill_first(struct cpu *c, const struct quick *q, enum mmu_kind kind, u64 va, u64 tag, u64 data)
{
    u32 set = (u32)(va >> PAGE_LG2) & q->set_mask;
    marks_sync(c, q->t, set);
    u32 way = assoc_place(q->a, set);
    if (q->pair)
        pair_demote(c, q->pair, q->a, q->kinds, set, way);
    tlb_put(c, c->port[kind].l1.probe[0].t, set, way, tag, data);
}

bool refill(struct mmu *m, struct cpu *c, u64 va, enum mmu_kind kind, struct mmu_result *r)
{
    const struct quick *q = &c->quick[kind];
    const struct probe *p = &c->port[kind].l2.probe[0];
    if (RARE(!may_refill(m, c, va, kind)))
        return false;
    u64 n = va >> PAGE_LG2, tag = tag_make(n, MMU_4K, c->mode.pcid_tag);
    u32 first = (u32)n & q->set_mask, set = (u32)(n ^ n >> p->fold) & p->set_mask;
    int way = ways_find(p->tag + (size_t)set * p->ways, p->ways, tag);
    if (way < 0 || find_ways(q, q->tag + (size_t)first * q->ways, tag))
        return false;
    u64 data = p->data[(size_t)set * p->ways + (u32)way];
    unsigned allow = rights_allow(c->now, false, data & DATA_RIGHTS, data_key(data));
    allow &= data & DATA_D ? ~0u : ~(unsigned)ALLOW_STORE;
    if (RARE(!(allow >> kind & 1)))
        return false;
    enum mmu_side side = side_of(kind);
    c->stats.lookups[side]++;
    c->stats.l1_miss[side][stat_size(data)]++;
    c->stats.stlb_hit[side][stat_size(data)]++;
    c->stats.cycles_stlb += m->timing.stlb_hit_cycles;
    if (p->mru[set] != way)
        assoc_touch(&p->t->a, set, (u32)way);
    fill_first(c, q, kind, va, tag, data);
    use_slots(c, q, kind, first, va, allow);
    answer(r, va, kind, data, PAGE_LG2, MMU_BY_STLB, m->timing.stlb_hit_cycles);
    return true;
}

/* One copy a kind, so that nothing in it depends on the kind. */
bool mmu_touch(struct mmu *m, unsigned cpu, u64 va, enum mmu_kind kind)
{
    switch (kind) {
    case MMU_LOAD: return touch(m, cpu, va, MMU_LOAD);
    case MMU_STORE: return touch(m, cpu, va, MMU_STORE);
    case MMU_FETCH: return touch(m, cpu, va, MMU_FETCH);
    }
    return false;
}
