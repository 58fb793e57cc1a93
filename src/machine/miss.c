/* SPDX-License-Identifier: MIT
 * miss.c - an access that no cached translation settles: the walk and its effects, and page faults.  Called by
 * translate.c, whose opening comment numbers the steps; here are 4 to 8.  SDM3 4.6 to 4.10. */
#include "machine/access.h"
#include "machine/fast.h"
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

/* What one walk cost: entries read and cycles, added to the counters. */
struct cost { u32 reads, cycles; };

static void count_walk(const struct access *a, const struct walk *w, struct cost *cost)
{
    struct cpu *c = a->c;
    for (u32 level = w->top; !w->no_read; level--) {
        c->stats.reads[level]++;
        cost->reads++;
        cost->cycles += timing_read(&c->near, &a->m->timing, w->pa[level]);
        if (level == w->last)
            break;
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
    if (!a->m->policy.faulting_walk_sets_accessed || w->top == w->last)
        return 0;
    above.last = (u8)(w->last + 1);
    struct access as_load = *a;
    as_load.kind = MMU_LOAD;
    return set_accessed_dirty(&as_load, &above);
}

static void keep_structures(struct cpu *c, u64 va, const struct walk_start *s, const struct walk *w)
{
    u64 all = s->all, any = s->any;
    for (u32 level = w->top; level > w->last; level--) {
        all &= w->entry[level];
        any |= w->entry[level];
        psc_fill(&c->psc, level, va, c->mode.pcid_tag, (w->entry[level] & c->mode.addr_mask) | path_rights(all, any));
    }
}

/* Step 5.  Leaves in s where the (last) walk began. */
static void walk_cached(const struct access *a, struct walk_start *s, struct walk *w, struct cost *cost)
{
    struct cpu *c = a->c;
    u64 path;
    *s = walk_root(c);
    if (c->mode.paging != PAGING_LONG) {
        walk_any(a->m, c, a->va, w);
        count_walk(a, w, cost);
        return;
    }
    u32 level = psc_find(&c->psc, a->va, c->mode.pcid_tag, &path);
    if (level) {
        *s = (struct walk_start){ .table = path & DATA_PA, .all = rights_to_all(path & DATA_RIGHTS),
                                  .any = rights_to_any(path & DATA_RIGHTS), .level = (u8)(level - 1) };
        c->stats.psc_hit[s->level]++;
    }
    walk_down(a->m, &c->mode, a->va, s, w);
    count_walk(a, w, cost);
    if (level && w->verdict == MMU_STEP_LEAF && a->m->policy.denied_hit_rewalks &&
        !allowed(a, walk_data(c, a->va, w))) {
        *s = walk_root(c);
        walk_down(a->m, &c->mode, a->va, s, w);
        count_walk(a, w, cost);
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

/* Steps 7 and 8.  stale: the entry whose D=0 sent the store here, or NULL after a miss. */
static void walk_succeeded(const struct access *a, const struct walk_start *start, struct walk *w, u64 data,
                           const u64 *stale)
{
    struct cpu *c = a->c;
    const struct port *port = &c->port[a->kind];
    u32 written = set_accessed_dirty(a, w), size = data_size(data);
    data |= a->kind == MMU_STORE ? DATA_D : 0;
    if (c->mode.paging == PAGING_LONG)
        keep_structures(c, a->va, start, w);
    if (stale && (data_size(*stale) != size || (*stale ^ data) & DATA_G))
        forget_page_seen(a->m, a->cpu, a->va);
    level_fill(c, &port->l2, a->va, data, size, stale != NULL);
    struct tlb *t = level_fill(c, &port->l1, a->va, data, size, stale != NULL);
    if (plain(a->flags))
        mark_set(c, t, a->kind, a->va, allow(c, 0, data), data & DATA_D, port->l1.unit_for[size]);
    if (plain(a->flags))
        fast_set(c, t->kinds, a->kind, a->va, allow(c, 0, data), data & DATA_D, port->l1.unit_for[size]);
    c->stats.walks[side_of(a->kind)][stat_size(data)]++;
    c->stats.l1_miss[side_of(a->kind)][stat_size(data)] += !stale;
    answer(a->r, a->va, a->kind, data, PAGE_LG2, MMU_BY_WALK, 0);
    a->r->wrote_ad = (u8)written;
    if (RARE(a->m->check != NULL))
        stale_filled(a, start, w, data);
}

/* Steps 5 to 8. */
enum mmu_status walk_access(const struct access *a, const u64 *stale)
{
    struct cpu *c = a->c;
    struct walk_start start;
    struct walk w;
    struct cost cost = { 0, a->m->timing.walk_base_cycles };
    walk_cached(a, &start, &w, &cost);
    c->stats.cycles_walk += cost.cycles;
    u64 data = w.verdict == MMU_STEP_LEAF ? walk_data(c, a->va, &w) : 0;
    if (RARE(a->m->check != NULL))
        stale_path(a, &start, data);
    if (w.verdict == MMU_STEP_NOT_PRESENT)
        walk_failed(a, &w, 0);
    else if (w.verdict == MMU_STEP_RESERVED)
        walk_failed(a, &w, PF_P | PF_RSVD);
    else if (!allowed(a, data))
        walk_failed(a, &w, refusal(a, data));
    else
        walk_succeeded(a, &start, &w, data, stale);
    a->r->cycles = cost.cycles;
    a->r->reads = (u8)cost.reads;
    bool shortened = c->mode.paging == PAGING_LONG && start.level + 1 < c->mode.levels;
    a->r->psc_level = shortened ? (u8)(start.level + 1) : 0;
    return told(a, a->r->status == MMU_OK && data & DATA_G);
}

/* Step 4. */
enum mmu_status refused_hit(const struct access *a, u64 data, enum mmu_by by)
{
    if (a->m->policy.denied_hit_rewalks) {
        forget_page_seen(a->m, a->cpu, a->va);
        return walk_access(a, NULL);
    }
    page_fault(a, refusal(a, data), by);
    return told(a, false);
}
