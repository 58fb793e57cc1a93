/* SPDX-License-Identifier: MIT
 * miss.c - an access that no cached translation settles: the walk and its effects, and page faults.  Called by
 * translate.c, whose opening comment numbers the steps; here are 4 to 8.  SDM3 4.6 to 4.10.
 *
 * The functions that take a struct guest_access are compiled twice: with NULL, and for guests with a nested table. */
#include "machine/access.h"
#include "machine/fast.h"
#include "machine/guest.h"
#include "machine/invalidate.h"
#include "machine/stale.h"
#include "machine/marks.h"
#include "machine/walk.h"

enum mmu_status access_fault(const struct access *a, enum mmu_status status, u32 error, enum mmu_by by)
{
    *a->r = (struct mmu_result){ .va = a->va, .error = error, .status = (u8)status, .by = (u8)by,
                                 .kind = (u8)a->kind, .pieces = 1 };
    return status;
}

OUT_OF_LINE void tell(const struct access *a, bool global)
{
    if (a->m->check && a->r->status == MMU_OK && a->r->by != MMU_BY_WALK)
        stale_hit(a);
    a->m->observer.translated(a->m->observer.ctx, a->cpu, a->r, a->c->mode.pcid, global);
}

/* 4.7: the code describes the access, plus what the walk met. */
static enum mmu_status page_fault(const struct access *a, u32 cause, enum mmu_by by)
{
    struct cpu *c = a->c;
    c->stats.pf++;
    c->reg.cr2 = a->va;
    forget_page(c, a->va);
    return access_fault(a, MMU_FAULT_PF, cause | error_of(c, a->kind, a->flags), by);
}

/* The cause bits of a refused access to a page that is mapped. */
static u32 refusal(const struct access *a, u64 data)
{
    unsigned key = rights_key_denies(a->c->now, a->kind, a->implicit, (u32)(data & DATA_RIGHTS), data_key(data));
    return PF_P | (key ? PF_PK : 0);
}

/* ---- the walk -------------------------------------------------------------------------------------------------- */

#define ALWAYS static inline __attribute__((always_inline))

/* What one walk cost, added to the counters. */
static void count_walk(const struct access *a, const struct walk *w, struct cost *cost)
{
    struct cpu *c = a->c;
    u32 level = w->top;
    for (u32 reads = walk_reads(w); reads; reads--, level--) {
        c->stats.reads[level]++;
        cost->reads++;
        cost->cycles += timing_read(&c->near, &a->m->timing, w->pa[level]);
    }
}

/* 4.8, step 7.  Returns the number of entries written. */
static u32 set_accessed_dirty(const struct access *a, struct walk *w)
{
    u32 written = 0;
    for (u32 level = w->top;; level--) {
        u64 marked = walk_marked(&a->c->mode, w, level, a->kind == MMU_STORE);
        if (marked != w->entry[level]) {
            w->entry[level] = marked;
            a->c->mode.paging == PAGING_32 ? phys_write4(a->m, w->pa[level], marked)
                                           : phys_write(a->m, w->pa[level], marked);
            written++;
        }
        if (level == w->last)
            break;
    }
    a->c->stats.ad_writes += written;
    return written;
}

/* Policy faulting_walk_sets_accessed: A in the entries that led to the one which ended the walk. */
static u32 set_accessed_above(const struct access *a, struct walk *w)
{
    struct walk above = *w;
    if (!a->m->policy.faulting_walk_sets_accessed || w->top == w->last || a->c->nested_on)
        return 0;
    above.last = (u8)(w->last + 1);
    struct access as_load = *a;
    as_load.kind = MMU_LOAD;
    return set_accessed_dirty(&as_load, &above);
}

/* In a guest an entry leads to a gpa; what is kept is where the walk found that table, and whether it may write there. */
ALWAYS u64 table_below(const struct cpu *c, const struct walk *w, u32 level, const struct guest_access *g)
{
    if (!g)
        return w->entry[level] & c->mode.addr_mask;
    return page_down(w->pa[level - 1]) | (g->writable >> (level - 1) & 1 ? PSC_WRITABLE : 0);
}

ALWAYS void keep_structures(struct cpu *c, u64 va, const struct walk_start *s, const struct walk *w, const struct guest_access *g)
{
    u64 all = s->all, any = s->any;
    for (u32 level = w->top; level > w->last; level--) {
        all &= w->entry[level];
        any |= w->entry[level];
        psc_fill(&c->psc, level, va, c->mode.pcid_tag, table_below(c, w, level, g) | path_rights(all, any));
    }
}

/* Rights are judged on a walk as the guest's own; what guards refuse (mode.h) depends on the nested page. */
static OUT_OF_LINE bool guarded_only(const struct access *a, u64 data)
{
    bool shadow = a->flags & SHADOW_FLAGS;
    return a->c->reg.guards && !shadow &&
           !rights_rule(&a->c->reg, a->c->mode.paging, a->kind, a->implicit, (u32)(data & DATA_RIGHTS), data_key(data));
}

ALWAYS bool walk_allowed(const struct access *a, u64 data, const struct guest_access *g)
{
    return allowed(a, data) || (g && guarded_only(a, data));
}

/* One walk in long mode, from s. */
ALWAYS void walk_from(const struct access *a, const struct walk_start *s, struct walk *w, struct cost *cost, struct guest_access *g)
{
    g ? walk_down_guest(a->m, a->c, a->va, s, w, g) : walk_down(a->m, &a->c->mode, a->va, s, w);
    count_walk(a, w, cost);
}

/* From a table of which the gpa is not known, with an entry to be marked that may not be written? */
ALWAYS bool marks_unknown(const struct access *a, const struct walk *w, const struct guest_access *g)
{
    return g && w->verdict == MMU_STEP_LEAF && !((g->writable | g->known) >> w->top & 1) &&
           walk_marked(&a->c->mode, w, w->top, a->kind == MMU_STORE) != w->entry[w->top];
}

/* Step 5.  Leaves in s where the (last) walk began. */
ALWAYS void walk_cached(const struct access *a, struct walk_start *s, struct walk *w, struct cost *cost, struct guest_access *g)
{
    struct cpu *c = a->c;
    u64 path;
    *s = walk_root(c);
    if (c->mode.paging != PAGING_LONG) {
        walk_any(a->m, c, a->va, w, g);
        count_walk(a, w, cost);
        return;
    }
    u32 level = psc_find(&c->psc, a->va, c->mode.pcid_tag, &path);
    if (level) {
        *s = (struct walk_start){ .table = path & DATA_PA, .all = rights_to_all(path & DATA_RIGHTS),
                                  .any = rights_to_any(path & DATA_RIGHTS), .level = (u8)(level - 1) };
        c->stats.psc_hit[s->level]++;
        if (g) {
            g->host_level = s->level;
            g->writable = (u32)(path & PSC_WRITABLE ? 1 : 0) << s->level;
        }
    }
    walk_from(a, s, w, cost, g);
    bool refused = level && w->verdict == MMU_STEP_LEAF && a->m->policy.denied_hit_rewalks &&
                   !walk_allowed(a, walk_data(c, a->va, w), g);
    if (refused || marks_unknown(a, w, g)) {
        *s = walk_root(c);
        if (g) {
            g->host_level = NO_LEVEL;
            g->writable = 0;
        }
        walk_from(a, s, w, cost, g);
    }
}

static enum mmu_status walk_failed(const struct access *a, struct walk *w, u32 cause)
{
    a->c->stats.walks_faulted[side_of(a->kind)]++;
    u32 written = set_accessed_above(a, w);
    page_fault(a, cause, MMU_BY_WALK);
    a->r->wrote_ad = (u8)written;
    return MMU_FAULT_PF;
}

static enum mmu_status left_guest(const struct access *a, u32 written)
{
    a->c->stats.walks_faulted[side_of(a->kind)]++;
    access_fault(a, MMU_EXIT, 0, MMU_BY_WALK);
    a->r->wrote_ad = (u8)written;
    return MMU_EXIT;
}

/* What the TLBs cannot hold is not kept, and what they may hold for fetches only where fetches alone look. */
static bool guest_keeps(const struct access *a, const struct guest_access *g, const struct level *l, u32 unit)
{
    if (g->keep != KEEP_FETCH)
        return g->keep == KEEP;
    u32 as = l->unit_for[unit];
    return as != UNIT_NONE && l->probe[l->first_for[as]].t->kinds == 1 << MMU_FETCH && a->kind == MMU_FETCH;
}

/* Step 8 in the TLBs.  unit: the size of the piece; the page's, but on smaller nested pages. */
ALWAYS void keep_translation(const struct access *a, u64 data, u32 unit, bool known, const struct guest_access *g)
{
    struct cpu *c = a->c;
    const struct port *port = &c->port[a->kind];
    if (!g || g->keep == KEEP)
        level_fill(c, &port->l2, a->va, data, unit, known);
    if (g && !guest_keeps(a, g, &port->l1, unit))
        return;
    struct tlb *t = level_fill(c, &port->l1, a->va, data, unit, known);
    if (plain(a->flags))
        mark_set(c, t, a->kind, a->va, allow(c, 0, data), data & DATA_D, port->l1.unit_for[unit]);
    if (plain(a->flags))
        fast_set(c, t->kinds, a->kind, a->va, allow(c, 0, data), data & DATA_D, port->l1.unit_for[unit]);
}

/* Steps 7 and 8.  stale: the entry whose D=0 sent the store here, or NULL after a miss. */
ALWAYS void walk_succeeded(const struct access *a, const struct walk_start *start, struct walk *w, u64 data,
                           const u64 *stale, struct guest_access *g)
{
    struct cpu *c = a->c;
    if (g && !guest_may_mark(g, w)) {
        left_guest(a, 0);
        return;
    }
    u32 written = set_accessed_dirty(a, w), size = data_size(data), unit = size;
    data |= a->kind == MMU_STORE ? DATA_D : 0;
    if (g && !guest_page(g, &data, &unit)) {
        left_guest(a, written);
        return;
    }
    if (c->mode.paging == PAGING_LONG)
        keep_structures(c, a->va, start, w, g);
    if (stale && (data_size(*stale) != size || (*stale ^ data) & DATA_G))
        forget_page_seen(a->m, a->cpu, a->va);
    else if (g && stale) /* the nested page may have another size now */
        tlb_remove_page(c, a->va, c->mode.pcid_tag, true);
    keep_translation(a, data, unit, stale != NULL, g);
    c->stats.walks[side_of(a->kind)][stat_size(data)]++;
    c->stats.l1_miss[side_of(a->kind)][stat_size(data)] += !stale;
    answer(a->r, a->va, a->kind, data, PAGE_LG2, MMU_BY_WALK, 0);
    a->r->wrote_ad = (u8)written;
    if (RARE(a->m->check != NULL))
        stale_filled(a, start, w, data);
}

/* Steps 5 to 8. */
ALWAYS enum mmu_status walk_as(const struct access *a, const u64 *stale, struct cost *cost, struct guest_access *g)
{
    struct cpu *c = a->c;
    struct walk_start start;
    struct walk w;
    walk_cached(a, &start, &w, cost, g);
    u64 data = w.verdict == MMU_STEP_LEAF ? walk_data(c, a->va, &w) : 0;
    if (RARE(a->m->check != NULL))
        stale_path(a, &start, data);
    if (g && w.verdict == WALK_EXIT)
        left_guest(a, 0);
    else if (w.verdict == MMU_STEP_NOT_PRESENT)
        walk_failed(a, &w, 0);
    else if (w.verdict == MMU_STEP_RESERVED)
        walk_failed(a, &w, PF_P | PF_RSVD);
    else if (!walk_allowed(a, data, g))
        walk_failed(a, &w, refusal(a, data));
    else
        walk_succeeded(a, &start, &w, data, stale, g);
    c->stats.cycles_walk += cost->cycles;
    a->r->cycles = cost->cycles;
    a->r->reads = (u8)cost->reads;
    bool shortened = c->mode.paging == PAGING_LONG && start.level + 1 < c->mode.levels;
    a->r->psc_level = shortened ? (u8)(start.level + 1) : 0;
    return told(a, a->r->status == MMU_OK && data & DATA_G);
}

static OUT_OF_LINE enum mmu_status walk_as_guest(const struct access *a, const u64 *stale, struct cost *cost)
{
    struct guest_access g = guest_begin(a->m, a->c, a->c, a->va, a->kind, a->flags, cost);
    g.steps = a->c->nested->record;
    if (g.steps)
        *g.steps = (struct mmu_guest_walk){ .steps = 0 };
    enum mmu_status status = walk_as(a, stale, cost, &g);
    a->c->nested->stats.ad_writes += g.marked;
    if (g.steps) {
        g.steps->w.r = *a->r;
        g.steps->w.rule = g.rule;
        g.steps->exit = g.exit;
    }
    return status;
}

enum mmu_status walk_access(const struct access *a, const u64 *stale)
{
    struct cost cost = { 0, a->m->timing.walk_base_cycles };
    if (RARE(a->c->nested_on))
        return walk_as_guest(a, stale, &cost);
    return walk_as(a, stale, &cost, NULL);
}

/* In a guest without paging: the nested table alone. */
enum mmu_status unpaged_guest(const struct access *a)
{
    struct cost cost = { 0, 0 };
    struct guest_access g = guest_begin(a->m, a->c, a->c, a->va, a->kind, a->flags, &cost);
    struct nested_page p;
    if (guest_unpaged(&g, &p))
        answer(a->r, a->va, a->kind, page_down(p.pa) | (u64)p.size << DATA_SIZE_SHIFT, PAGE_LG2, cost.reads ? MMU_BY_WALK : MMU_BY_L1, 0);
    else
        left_guest(a, 0);
    cost.cycles += cost.reads ? a->m->timing.walk_base_cycles : 0;
    a->r->cycles = cost.cycles;
    a->r->reads = (u8)cost.reads;
    a->c->stats.cycles_walk += cost.cycles;
    a->c->nested->stats.ad_writes += g.marked;
    return told(a, false);
}

/* Step 4.  In a guest the nested table may be what refuses; only a walk can tell. */
enum mmu_status refused_hit(const struct access *a, u64 data, enum mmu_by by)
{
    if (a->m->policy.denied_hit_rewalks || a->c->nested_on) {
        forget_page_seen(a->m, a->cpu, a->va);
        return walk_access(a, NULL);
    }
    page_fault(a, refusal(a, data), by);
    return told(a, false);
}
