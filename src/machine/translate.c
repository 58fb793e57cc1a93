/* SPDX-License-Identifier: MIT
 * translate.c - one access: first level, second level, walk; rights on every way; then the effects.  Called by the
 * embedder for every access that its fast path did not settle.  SDM3 4.6 to 4.10, in this order:
 *
 *   1  canonical?                                        #GP, #SS; nothing else happens                 3.3.7.1
 *   2  first level of this port: hit, allowed, not a store on D=0: done
 *   3  second level: the same; the first level gets a copy
 *   4  a hit that refuses the access: forget the page, walk (policy denied_hit_rewalks)
 *   5  walk, from the lowest level that a paging-structure cache knows; a cached path that refuses is walked again
 *      from the root
 *   6  not present, reserved, rights, keys: #PF: CR2, forget the page and its path                      4.7, 4.10.4.1
 *   7  A in every entry read, D in the leaf of a store                                                  4.8
 *   8  keep: structure caches, second level, first level
 *
 * A store that hits an entry with D=0 walks (5 to 8) and updates the entry in place; it is not a miss.  Only the
 * first-level array of the accessing port is filled.  A first-level hit does not touch the second level. */
#include "machine/fast.h"
#include "machine/invalidate.h"
#include "machine/walk.h"



/* One access on its way; what the steps need to know of it. */
struct access {
    struct mmu *m;
    struct cpu *c;
    unsigned cpu;
    u64 va;
    enum mmu_kind kind;
    bool implicit;
    struct mmu_result *r;
};

static inline enum mmu_side side_of(enum mmu_kind kind)
{
    return kind == MMU_FETCH ? MMU_SIDE_I : MMU_SIDE_D;
}

/* Counters are by page size; 4 MiB counts as 2 MiB. */
static inline enum mmu_size stat_size(u64 data)
{
    u32 size = data_size(data);
    return size == UNIT_4M ? MMU_2M : (enum mmu_size)size;
}

/* ALLOW_ bits of a translation, by the registers of this moment. */
static inline u32 allow(const struct cpu *c, bool implicit, u64 data)
{
    return rights_allow(c->now, implicit, (u32)(data & DATA_RIGHTS), data_key(data));
}

static inline bool allowed(const struct access *a, u64 data)
{
    return allow(a->c, a->implicit, data) >> a->kind & 1;
}

static inline enum mmu_status told(const struct access *a, bool global)
{
    if (RARE(a->m->observer.translated != NULL))
        a->m->observer.translated(a->m->observer.ctx, a->cpu, a->r, a->c->mode.pcid, global);
    return (enum mmu_status)a->r->status;
}

/* data: the frame of a unit of 2^lg2 bytes that has va. */
static inline void answer(struct mmu_result *r, u64 va, enum mmu_kind kind, u64 data, u32 lg2, enum mmu_by by,
                          u32 cycles)
{
    u64 offset = ((u64)1 << lg2) - 1;
    *r = (struct mmu_result){
        .va = va, .pa = (data & DATA_PA) + (va & offset), .cycles = cycles, .status = MMU_OK, .by = (u8)by,
        .page_lg2 = unit_lg2[data_size(data)], .kind = (u8)kind, .pieces = 1,
    };
}

static enum mmu_status fault(const struct access *a, enum mmu_status status, u32 error, enum mmu_by by)
{
    *a->r = (struct mmu_result){ .va = a->va, .error = error, .status = (u8)status, .by = (u8)by,
                                 .kind = (u8)a->kind, .pieces = 1 };
    return status;
}

static enum mmu_status not_canonical(const struct access *a, unsigned flags)
{
    bool ss = flags & MMU_SS;
    ss ? a->c->stats.ss++ : a->c->stats.gp++;
    fault(a, ss ? MMU_FAULT_SS : MMU_FAULT_GP, 0, MMU_BY_L1);
    return told(a, false);
}

/* 4.7: the code describes the access, plus what the walk met. */
static enum mmu_status page_fault(const struct access *a, u32 cause, enum mmu_by by)
{
    struct cpu *c = a->c;
    c->stats.pf++;
    c->reg.cr2 = a->va;
    forget_page(c, a->va);
    return fault(a, MMU_FAULT_PF, cause | c->now->error[a->implicit][a->kind], by);
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
        psc_fill(c, level, va, c->mode.pcid_tag, (w->entry[level] & c->mode.addr_mask) | path_rights(all, any));
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
    u32 level = psc_find(c, a->va, c->mode.pcid_tag, &path);
    if (level) {
        *s = (struct walk_start){ .table = path & DATA_PA, .all = rights_to_all(path & DATA_RIGHTS),
                                  .any = rights_to_any(path & DATA_RIGHTS), .level = (u8)(level - 1) };
        c->stats.psc_hit[s->level]++;
    }
    walk_down(a->m, &c->mode, a->va, s, w);
    count_walk(a, w, cost);
    if (level && w->verdict == MMU_STEP_LEAF && a->m->policy.denied_hit_rewalks &&
        !allowed(a, walk_data(c, a->va, w))) {
        psc_remove_path(c, a->va, c->mode.pcid_tag);
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
    const struct tlb *t = level_fill(c, &port->l1, a->va, data, size, stale != NULL);
    if (!a->implicit)
        fast_set(c, t->kinds, a->kind, a->va, allow(c, false, data), data & DATA_D, port->l1.unit_for[size]);
    c->stats.walks[side_of(a->kind)][stat_size(data)]++;
    c->stats.l1_miss[side_of(a->kind)][stat_size(data)] += !stale;
    answer(a->r, a->va, a->kind, data, PAGE_LG2, MMU_BY_WALK, 0);
    a->r->wrote_ad = (u8)written;
}

/* Steps 5 to 8. */
static OUT_OF_LINE enum mmu_status walk_access(const struct access *a, const u64 *stale)
{
    struct cpu *c = a->c;
    struct walk_start start;
    struct walk w;
    struct cost cost = { 0, a->m->timing.walk_base_cycles };
    walk_cached(a, &start, &w, &cost);
    c->stats.cycles_walk += cost.cycles;
    u64 data = w.verdict == MMU_STEP_LEAF ? walk_data(c, a->va, &w) : 0;
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

/* ---- hits that do not settle the access -------------------------------------------------------------------------- */

/* Step 4. */
static OUT_OF_LINE enum mmu_status refused_hit(const struct access *a, u64 data, enum mmu_by by)
{
    if (a->m->policy.denied_hit_rewalks) {
        forget_page_seen(a->m, a->cpu, a->va);
        return walk_access(a, NULL);
    }
    page_fault(a, refusal(a, data), by);
    return told(a, false);
}

static OUT_OF_LINE enum mmu_status rewalk_dirty(const struct access *a, u64 data)
{
    a->c->stats.rewalks_dirty++;
    return walk_access(a, &data);
}

/* Step 3 and what follows a first-level miss. */
static OUT_OF_LINE enum mmu_status second_level(const struct access *a)
{
    struct cpu *c = a->c;
    struct found f;
    const struct port *port = &c->port[a->kind];
    if (!level_find(&port->l2, a->va, c->mode.pcid_tag, &f))
        return walk_access(a, NULL);
    struct assoc *array = &f.p->t->a;
    u64 data = found_data(&f);
    u32 may = allow(c, a->implicit, data), unit = f.p->unit, cycles = a->m->timing.stlb_hit_cycles;
    if (RARE(!(may >> a->kind & 1)))
        return refused_hit(a, data, MMU_BY_STLB);
    enum mmu_side side = side_of(a->kind);
    c->stats.l1_miss[side][stat_size(data)]++;
    c->stats.stlb_hit[side][stat_size(data)]++;
    if (RARE(a->kind == MMU_STORE && !(data & DATA_D)))
        return rewalk_dirty(a, data);
    if (array->mru[f.set] != f.way)
        assoc_touch(array, f.set, f.way);
    answer(a->r, a->va, a->kind, data, unit_lg2[unit], MMU_BY_STLB, cycles);
    u64 page = (data & ~DATA_PA) | (a->r->pa & DATA_PA);
    const struct tlb *t = level_fill(c, &port->l1, a->va, page, unit, false);
    if (!a->implicit)
        fast_set(c, t->kinds, a->kind, a->va, may, data & DATA_D, port->l1.unit_for[unit]);
    c->stats.cycles_stlb += cycles;
    return told(a, data & DATA_G);
}

/* A first-level hit that the fast lines of mmu_translate() leave. */
static OUT_OF_LINE enum mmu_status unsettled_hit(const struct access *a, u64 data)
{
    if (!allowed(a, data))
        return refused_hit(a, data, MMU_BY_L1);
    return rewalk_dirty(a, data);
}

static OUT_OF_LINE void make_mru(struct cpu *c, struct tlb *t, u32 set, u32 way)
{
    fast_drop(c, t->kinds, t->a.tag[assoc_at(&t->a, set, t->a.mru[set])]);
    assoc_touch(&t->a, set, way);
}

/* Without paging, addresses are physical, and 32 bits wide. */
static enum mmu_status without_paging(struct mmu_result *r, u64 va, enum mmu_kind kind)
{
    answer(r, va, kind, va & DATA_PA, PAGE_LG2, MMU_BY_L1, 0);
    return MMU_OK;
}

#define ACCESS &(struct access){ m, c, cpu, va, kind, flags & MMU_IMPLICIT, r }

enum mmu_status mmu_translate(struct mmu *m, unsigned cpu, u64 va, enum mmu_kind kind, unsigned flags,
                              struct mmu_result *r)
{
    CHECK(cpu < m->cpus);
    struct cpu *c = &m->cpu[cpu];
    bool implicit = flags & MMU_IMPLICIT;
    struct found f;
    if (RARE(c->mode.paging != PAGING_LONG)) {
        va &= 0xffffffff; /* modes without 64-bit addresses wrap at 4 GiB */
        if (c->mode.paging == PAGING_OFF)
            return without_paging(r, va, kind);
    }
    c->stats.lookups[side_of(kind)]++;
    if (RARE(!canonical(&c->mode, va)))
        return not_canonical(ACCESS, flags);
    if (!level_find(&c->port[kind].l1, va, c->mode.pcid_tag, &f))
        return second_level(ACCESS);
    u64 data = found_data(&f);
    u32 may = allow(c, implicit, data);
    if (RARE(!(may >> kind & 1) || (kind == MMU_STORE && !(data & DATA_D))))
        return unsettled_hit(ACCESS, data);
    if (f.p->mru[f.set] != f.way)
        make_mru(c, f.p->t, f.set, f.way);
    if (!implicit)
        fast_set(c, f.p->t->kinds, kind, va, may, data & DATA_D, f.p->unit);
    answer(r, va, kind, data, f.p->lg2, MMU_BY_L1, 0);
    if (RARE(m->observer.translated != NULL))
        return told(ACCESS, data & DATA_G);
    return MMU_OK;
}

enum mmu_status mmu_access(struct mmu *m, unsigned cpu, u64 va, u32 size_bytes, enum mmu_kind kind, unsigned flags,
                           struct mmu_result *r)
{
    CHECK(size_bytes >= 1);
    enum mmu_status status = mmu_translate(m, cpu, va, kind, flags, r);
    u64 pages_more = ((va & PAGE_MASK_LOW) + size_bytes - 1) >> PAGE_LG2;
    for (u64 i = 1; i <= pages_more && status == MMU_OK; i++) {
        struct mmu_result next;
        status = mmu_translate(m, cpu, page_down(va) + i * PAGE_BYTES, kind, flags, &next);
        if (status != MMU_OK)
            *r = next;
    }
    if (pages_more)
        r->pieces = 2;
    return status;
}
