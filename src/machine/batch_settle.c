/* SPDX-License-Identifier: MIT
 * batch_settle.c - one event of a block, whatever the arrays and caches are like: what batch_kernel.h leaves.  Steps 3 to
 * 8 of translate.c for an access to a small page that nothing refuses; its entry of the first level is chosen already.
 *
 * What must hold: decide, then act.  When it is not such an access, nothing has changed. */
#include "machine/access.h"
#include "machine/batch.h"
#include "machine/walk.h"

/* One event on its way. */
struct settling {
    struct mmu *m;
    struct cpu *c;
    u64 va;
    enum mmu_kind kind;
    enum mmu_side side;
    u64 *first; /* data of its entry                                                                              */
};

static void use_way(struct assoc *a, u32 set, u32 way)
{
    if (a->mru[set] != way)
        assoc_touch(a, set, way);
}

/* Where the walk begins, without touching anything; hit: the structure cache that answers, NULL: none. */
struct begin { struct walk_start start; struct psc *hit; u32 set, way; };

static struct begin find_start(const struct cpu *c, u64 va)
{
    for (u32 i = 0; i < c->psc.n; i++) {
        struct psc *p = &c->psc.at[i];
        u64 number = psc_number(va, p->level);
        u32 set = assoc_set(&p->a, number);
        int way = p->used ? assoc_find(&p->a, set, number | c->mode.pcid_tag) : ASSOC_NONE;
        if (way < 0)
            continue;
        u64 path = p->a.data[assoc_at(&p->a, set, (u32)way)];
        return (struct begin){ { .table = path & DATA_PA, .all = rights_to_all(path & DATA_RIGHTS),
                                 .any = rights_to_any(path & DATA_RIGHTS), .level = (u8)(p->level - 1) }, p, set, (u32)way };
    }
    return (struct begin){ walk_root(c), NULL, 0, 0 };
}

/* Keeps an entry that a walk has read; it was in no structure cache, or the walk would have begun below. */
static void keep_structure(struct cpu *c, u32 level, u64 va, u64 data)
{
    for (u32 i = 0; i < c->psc.n; i++) {
        struct psc *p = &c->psc.at[i];
        u64 number = psc_number(va, level);
        u32 set = assoc_set(&p->a, number);
        if (p->level != level)
            continue;
        assoc_put(&p->a, set, assoc_place(&p->a, set), number | c->mode.pcid_tag, data);
        p->used = true;
    }
}

/* The entries read: counters, estimated cycles, A and D, structure caches. */
static void act(const struct settling *s, const struct begin *b, struct walk *w)
{
    struct cpu *c = s->c;
    u64 all = b->start.all, any = b->start.any;
    u32 cycles = s->m->timing.walk_base_cycles;
    if (b->hit) {
        use_way(&b->hit->a, b->set, b->way);
        c->stats.psc_hit[b->start.level]++;
    }
    for (u32 level = w->top;; level--) {
        u64 e = walk_marked(&c->mode, w, level, s->kind == MMU_STORE);
        cycles += timing_read(&c->near, &s->m->timing, w->pa[level]);
        c->stats.reads[level]++;
        if (e != w->entry[level]) {
            phys_write(s->m, w->pa[level], e);
            c->stats.ad_writes++;
        }
        if (!level)
            break;
        all &= e;
        any |= e;
        keep_structure(c, level, s->va, (e & c->mode.addr_mask) | path_rights(all, any));
    }
    c->stats.cycles_walk += cycles;
    c->stats.walks[s->side][MMU_4K]++;
}

/* A walk that finds an allowed small page of no global kind.  stale: the entry is there, its D=0 sent a store here. */
static bool walk(const struct settling *s, u64 number, bool stale)
{
    struct cpu *c = s->c;
    const struct probe *p = &c->port[s->kind].l2.probe[0];
    struct begin b = find_start(c, s->va);
    struct walk w;
    walk_down(s->m, &c->mode, s->va, &b.start, &w);
    if (w.verdict != MMU_STEP_LEAF || w.last)
        return false;
    u64 data = walk_data(c, s->va, &w), tag = number | c->mode.pcid_tag;
    if (!(allow(c, 0, data) >> s->kind & 1) || data & DATA_G)
        return false;
    data |= s->kind == MMU_STORE ? DATA_D : 0;
    act(s, &b, &w);
    u32 set = assoc_set(&p->t->a, number);
    int there = stale ? assoc_find(&p->t->a, set, tag) : ASSOC_NONE;
    tlb_put(c, p->t, set, there >= 0 ? (u32)there : assoc_place(&p->t->a, set), tag, data);
    *s->first = data;
    return true;
}

static bool settle_miss(const struct settling *s)
{
    struct cpu *c = s->c;
    struct tlb *t = c->port[s->kind].l2.probe[0].t;
    u64 number = s->va >> PAGE_LG2 & TAG_NUMBER;
    u32 set = assoc_set(&t->a, number);
    int way = assoc_find(&t->a, set, number | c->mode.pcid_tag);
    if (way < 0) {
        if (!walk(s, number, false))
            return false;
        c->stats.l1_miss[s->side][MMU_4K]++;
        return true;
    }
    u64 data = t->a.data[assoc_at(&t->a, set, (u32)way)];
    if (!(allow(c, 0, data) >> s->kind & 1))
        return false;
    if (s->kind == MMU_STORE && !(data & DATA_D)) {
        if (!walk(s, number, true))
            return false;
        c->stats.rewalks_dirty++;
    } else {
        use_way(&t->a, set, (u32)way);
        *s->first = data;
        c->stats.cycles_stlb += s->m->timing.stlb_hit_cycles;
    }
    c->stats.l1_miss[s->side][MMU_4K]++;
    c->stats.stlb_hit[s->side][MMU_4K]++;
    return true;
}

/* A first-level hit that was not known to be allowed. */
static bool settle_hit(const struct settling *s)
{
    u64 data = *s->first;
    if (!(allow(s->c, 0, data) >> s->kind & 1))
        return false;
    if (s->kind != MMU_STORE || data & DATA_D)
        return true;
    if (!walk(s, s->va >> PAGE_LG2 & TAG_NUMBER, true))
        return false;
    s->c->stats.rewalks_dirty++;
    return true;
}

bool settle_event(struct mmu *m, struct cpu *c, u64 va, enum mmu_kind kind, bool miss, u64 *first)
{
    struct settling s = { m, c, va, kind, side_of(kind), first };
    return miss ? settle_miss(&s) : settle_hit(&s);
}
