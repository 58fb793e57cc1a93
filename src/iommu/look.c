/* SPDX-License-Identifier: MIT
 * look.c - what a request would meet: root entry, context entry, IOTLB, page table, in this order.  Changes nothing.  Called by
 * translate.c, which then acts, and by the embedder to explain.  VT-d 3.4 (mapping devices to domains), 3.7, 7.1.3 (faults).
 *
 * Each entry is judged for itself before the next is read: is it in memory, present (in a page table: does it allow the
 * access), are reserved bits zero.  The first no is the reason. */
#include "internal.h"

#include "machine/walk.h"

static u64 beyond_width(const struct iommu *m) { return ~(u64)0 << m->cfg.maxphyaddr; }

/* Two words of a root or context table.  false: not in memory. */
static bool read_entry(const struct iommu *m, u64 pa, u64 *entry)
{
    if (!mmu_in_ram(&m->memory, pa, 16))
        return false;
    entry[0] = phys_read(&m->memory, pa);
    entry[1] = phys_read(&m->memory, pa + 8);
    return true;
}

static enum iommu_reason read_root(const struct iommu *m, struct iommu_look *l)
{
    l->root_pa = page_down(m->root) + (l->r.source >> 8) * 16u;
    if (!read_entry(m, l->root_pa, l->root))
        return IOMMU_ROOT_OUTSIDE;
    l->root_read = true;
    l->r.reads++;
    if (!(l->root[0] & VTD_ROOT_P))
        return IOMMU_ROOT_NOT_PRESENT;
    if (l->root[1] || l->root[0] & (beyond_width(m) | 0xffe))
        return IOMMU_ROOT_RESERVED;
    return IOMMU_NO_FAULT;
}

static bool translation_type_exists(const struct iommu *m, enum vtd_tt tt)
{
    return tt == VTD_TT_TABLE || (tt == VTD_TT_PASS && m->cfg.pass_through);
}

static enum iommu_reason read_context(const struct iommu *m, struct iommu_look *l)
{
    const u64 *e = l->context;

    l->context_pa = page_down(l->root[0]) + (l->r.source & 0xff) * 16u;
    if (!read_entry(m, l->context_pa, l->context))
        return IOMMU_CONTEXT_OUTSIDE;
    l->context_read = true;
    l->r.reads++;
    l->quiet = e[0] & VTD_CONTEXT_FPD; /* counts in an entry that is not present, too (9.3) */
    if (!(e[0] & VTD_CONTEXT_P))
        return IOMMU_CONTEXT_NOT_PRESENT;
    if (e[0] & (beyond_width(m) | 0xff0) || e[1] & ~(u64)0xffff7f)
        return IOMMU_CONTEXT_RESERVED;
    if (context_levels(e) < LEVELS_MIN || context_levels(e) > levels_max(m) || !translation_type_exists(m, context_tt(e)))
        return IOMMU_CONTEXT_INVALID;
    return IOMMU_NO_FAULT;
}

int context_find(const struct iommu *m, u16 source, u32 *set)
{
    *set = assoc_set(&m->contexts, source);
    return assoc_find(&m->contexts, *set, context_tag(source));
}

static enum iommu_reason look_context(const struct iommu *m, struct iommu_look *l)
{
    u32 set;
    const int way = context_find(m, l->r.source, &set);
    enum iommu_reason reason;

    if (way < 0) {
        reason = read_root(m, l);
        return reason ? reason : read_context(m, l);
    }
    const struct context *c = &m->context[assoc_at(&m->contexts, set, (u32)way)];
    l->r.context_hit = true;
    l->context[0] = c->entry[0];
    l->context[1] = c->entry[1];
    l->quiet = c->entry[0] & VTD_CONTEXT_FPD;
    return (enum iommu_reason)c->reason;
}

int iotlb_find(const struct iommu *m, u64 iova, u16 domain, unsigned *level, u32 *set)
{
    for (*level = 0; *level < 3; ++*level) {
        *set = assoc_set(&m->iotlb, iova >> size_lg2(*level));
        const int way = assoc_find(&m->iotlb, *set, iotlb_tag(iova, domain, *level));
        if (way >= 0)
            return way;
    }
    return ASSOC_NONE;
}

static enum iommu_reason refusal(enum iommu_kind kind) { return kind == IOMMU_WRITE ? IOMMU_NO_WRITE : IOMMU_NO_READ; }
static u64 needed_right(enum iommu_kind kind) { return kind == IOMMU_WRITE ? VTD_SL_W : VTD_SL_R; }

static enum iommu_reason translated(struct iommu_look *l, u64 frame, unsigned level, enum iommu_kind kind)
{
    const u64 offset = (1ull << size_lg2(level)) - 1;

    l->r.page_lg2 = (u8)size_lg2(level);
    l->r.pa = (frame & ~offset) | (l->r.iova & offset);
    if (!(l->rights & needed_right(kind)))
        return refusal(kind);
    return in_interrupts(l->r.pa) ? IOMMU_TO_INTERRUPTS : IOMMU_NO_FAULT;
}

static enum iommu_reason kept(const struct iommu *m, struct iommu_look *l, size_t at, unsigned level, enum iommu_kind kind)
{
    const u64 data = m->iotlb.data[at];
    const enum iommu_reason reason = (enum iommu_reason)(data >> KEPT_REASON_SHIFT & 0x3f);

    l->r.by = IOMMU_BY_IOTLB;
    l->rights = data & KEPT_RIGHTS;
    if (reason) /* what is not present was kept as "no read" */
        return reason == IOMMU_NO_READ ? refusal(kind) : reason;
    return translated(l, data & KEPT_FRAME, level, kind);
}

/* One entry of the walk, from the top down. */
static enum iommu_reason judge_step(const struct iommu *m, struct iommu_look *l, const struct walk *w, unsigned level, enum iommu_kind kind)
{
    struct iommu_step *s = &l->step[l->steps];

    if (!mmu_in_ram(&m->memory, w->pa[level], 8))
        return level == w->top ? IOMMU_CONTEXT_INVALID : IOMMU_TABLE_OUTSIDE;
    *s = (struct iommu_step){ .pa = w->pa[level], .entry = w->entry[level], .level = (u8)level,
                              .verdict = level == w->last ? w->verdict : (u8)MMU_STEP_NEXT };
    l->steps++;
    l->r.reads++;
    l->rights &= s->entry & KEPT_RIGHTS;
    if (!(s->entry & needed_right(kind)))
        return refusal(kind);
    return s->verdict == MMU_STEP_RESERVED ? IOMMU_ENTRY_RESERVED : IOMMU_NO_FAULT;
}

static enum iommu_reason walk_table(const struct iommu *m, struct iommu_look *l, enum iommu_kind kind)
{
    const struct mode *mode = format_of(m, l->levels);
    const struct walk_start start = { .table = l->context[0] & mode->addr_mask, .all = ~(u64)0, .level = (u8)(l->levels - 1) };
    struct walk w;

    l->r.by = IOMMU_BY_WALK;
    l->rights = KEPT_RIGHTS;
    walk_down(&m->memory, mode, l->r.iova, &start, &w);
    for (unsigned level = w.top;; level--) {
        const enum iommu_reason reason = judge_step(m, l, &w, level, kind);
        if (reason)
            return reason;
        if (level == w.last)
            return translated(l, w.entry[level] & mode->addr_mask, level, kind);
    }
}

static enum iommu_reason look_domain(const struct iommu *m, struct iommu_look *l, enum iommu_kind kind)
{
    unsigned level;
    u32 set;
    int way;

    l->levels = (u8)context_levels(l->context);
    l->r.domain = context_domain(l->context);
    if (l->r.iova >> size_lg2(l->levels))
        return IOMMU_BEYOND_WIDTH;
    if (context_tt(l->context) == VTD_TT_PASS) {
        l->r.by = IOMMU_BY_PASS;
        l->r.pa = l->r.iova;
        return IOMMU_NO_FAULT;
    }
    way = iotlb_find(m, l->r.iova, l->r.domain, &level, &set);
    return way < 0 ? walk_table(m, l, kind) : kept(m, l, assoc_at(&m->iotlb, set, (u32)way), level, kind);
}

void iommu_look(const struct iommu *m, u16 source, u64 iova, enum iommu_kind kind, struct iommu_look *l)
{
    enum iommu_reason reason = IOMMU_NO_FAULT;

    *l = (struct iommu_look){ .r = { .iova = iova, .source = source, .by = IOMMU_BY_CONTEXT } };
    if (!(m->reg[R_GSTS] & VTD_TE)) {
        l->r.by = IOMMU_BY_OFF;
        l->r.pa = iova;
    } else if (in_interrupts(iova)) { /* 3.14: never translated; a read of it is refused, and not recorded */
        l->r.by = IOMMU_BY_INTERRUPT;
        l->quiet = true;
        reason = kind == IOMMU_READ ? IOMMU_TO_INTERRUPTS : IOMMU_NO_FAULT;
    } else if (m->root & VTD_RTADDR_TTM) {
        reason = IOMMU_BAD_ROOT_MODE;
    } else {
        reason = look_context(m, l);
        if (!reason)
            reason = look_domain(m, l, kind);
    }
    l->r.reason = (u8)reason;
}
