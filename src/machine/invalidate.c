/* SPDX-License-Identifier: MIT
 * invalidate.c - see invalidate.h. */
#include "machine/invalidate.h"

#include "arch/x86_pte.h"
#include "machine/fast.h"

/* The contexts whose mappings an instruction names: the host's, or those of the guest's VPID (nested.h). */
#define EACH_OWN(context) \
    for (u32 left_ = c->own, context; left_ && (context = (u32)__builtin_ctz(left_), true); left_ &= left_ - 1)

static u64 context_tag(u32 context) { return (u64)context << TAG_CONTEXT_SHIFT; }

static void seen(struct mmu *m, unsigned cpu, enum mmu_inv_scope scope, u64 pcid, u64 va, bool with_global)
{
    if (m->observer.invalidated)
        m->observer.invalidated(m->observer.ctx, cpu, scope, pcid, va, with_global);
}

void forget_page(struct cpu *c, u64 va)
{
    EACH_OWN(context) {
        u64 space = tag_space(context, c->mode.pcid);
        tlb_remove_page(c, va, space, true);
        psc_remove_path(&c->psc, va, space);
    }
}

void forget_page_seen(struct mmu *m, unsigned cpu, u64 va)
{
    struct cpu *c = &m->cpu[cpu];
    forget_page(c, va);
    seen(m, cpu, MMU_INV_PAGE, c->mode.pcid, va, true);
}

void forget_pcid(struct mmu *m, unsigned cpu, u64 pcid, bool with_global)
{
    struct cpu *c = &m->cpu[cpu];
    EACH_OWN(context) {
        u64 space = tag_space(context, pcid);
        tlb_remove_matching(c, TAG_SPACE, space);
        if (with_global)
            tlb_remove_matching(c, TAG_SPACE, tag_global(space));
        psc_remove_matching(&c->psc, TAG_SPACE, space, NULL);
    }
    seen(m, cpu, MMU_INV_PCID, pcid, 0, with_global);
}

/* ---- arrays that keep the entries of a few PCIDs (measured: mmu_tlb_desc.pcids) ---------------------------------- */

/* A PCID with its context in front. */
#define RECENT_PCID_BITS 12
static u16 recent_now(const struct cpu *c) { return (u16)(c->reg.context << RECENT_PCID_BITS | c->mode.pcid); }

void pcids_begin(struct cpu *c)
{
    for (u32 i = 0; i < c->tlbs; i++) {
        c->tlb[i].recent[0] = recent_now(c);
        c->tlb[i].recents = 1;
    }
}

static void forget_in_array(struct mmu *m, unsigned cpu, u32 array, u16 recent)
{
    struct cpu *c = &m->cpu[cpu];
    u32 pcid = recent & ((1u << RECENT_PCID_BITS) - 1);
    tlb_remove_in(c, &c->tlb[array], TAG_SPACE, tag_space(recent >> RECENT_PCID_BITS, pcid));
    seen(m, cpu, MMU_INV_ARRAY, pcid, array, false);
}

/* Moves the PCID to the front, those before it one back. */
static void pcid_to_front(struct tlb *t, u16 recent)
{
    u16 before = recent;
    for (u32 i = 0; i < t->recents; i++) {
        u16 here = t->recent[i];
        t->recent[i] = before;
        before = here;
        if (here == recent)
            return;
    }
    t->recent[t->recents++] = before;
}

static void load_pcid(struct mmu *m, unsigned cpu, u32 array)
{
    struct tlb *t = &m->cpu[cpu].tlb[array];
    u16 recent = recent_now(&m->cpu[cpu]);
    if (t->desc->pcids == MMU_PCIDS_NONE) {
        forget_in_array(m, cpu, array, t->recent[0]);
        t->recent[0] = recent;
        return;
    }
    bool known = false;
    for (u32 i = 0; i < t->recents; i++)
        known |= t->recent[i] == recent;
    if (!known && t->recents == t->desc->pcids)
        forget_in_array(m, cpu, array, t->recent[--t->recents]);
    pcid_to_front(t, recent);
}

void forget_crowded_out(struct mmu *m, unsigned cpu)
{
    struct cpu *c = &m->cpu[cpu];
    for (u32 i = 0; i < c->tlbs; i++)
        if (c->tlb[i].desc->pcids)
            load_pcid(m, cpu, i);
}

void forget_context(struct cpu *c, u32 context)
{
    tlb_remove_matching(c, TAG_CONTEXT, context_tag(context));
    psc_remove_matching(&c->psc, TAG_CONTEXT, context_tag(context), NULL);
}

void forget_all(struct mmu *m, unsigned cpu)
{
    struct cpu *c = &m->cpu[cpu];
    if (c->contexts == c->own) {
        tlb_clear(c);
        psc_clear(&c->psc);
    } else {
        EACH_OWN(context)
            forget_context(c, context);
    }
    c->stats.flushes_full++;
    seen(m, cpu, MMU_INV_ALL, 0, 0, true);
}

void forget_all_nonglobal(struct mmu *m, unsigned cpu)
{
    struct cpu *c = &m->cpu[cpu];
    EACH_OWN(context) {
        tlb_remove_matching(c, TAG_CONTEXT | TAG_GLOBAL, context_tag(context));
        psc_remove_matching(&c->psc, TAG_CONTEXT, context_tag(context), NULL);
    }
    seen(m, cpu, MMU_INV_ALL_NONGLOBAL, 0, 0, false);
}

/* 4.10.4.1: the page, and all structure-cache entries of the PCID; with EFER.TCE=1 only those that lead to the page
 * (APM2 5.5.3). */
static void forget_page_of(struct cpu *c, u64 va, u32 context, const struct page_scope *s)
{
    u64 mask = s->every_pcid ? TAG_CONTEXT : TAG_SPACE;
    u64 value = s->every_pcid ? context_tag(context) : tag_space(context, s->pcid);
    if (s->every_pcid)
        tlb_remove_page_every(c, va, context, s->with_global);
    else
        tlb_remove_page(c, va, value, s->with_global);
    if (!s->leaf_only)
        psc_remove_matching(&c->psc, mask, value, c->reg.efer & X86_EFER_TCE ? &va : NULL);
}

void forget_page_scope(struct mmu *m, unsigned cpu, u64 va, const struct page_scope *s)
{
    struct cpu *c = &m->cpu[cpu];
    if (c->mode.paging != PAGING_LONG)
        va &= 0xffffffff;
    if (!canonical(&c->mode, va))
        return;
    EACH_OWN(context)
        forget_page_of(c, va, context, s);
    seen(m, cpu, s->every_pcid ? MMU_INV_PAGE_EVERY : MMU_INV_PAGE, s->pcid, va, s->with_global);
}

void forget_as_invlpg(struct mmu *m, unsigned cpu, u64 va)
{
    forget_page_scope(m, cpu, va, &(struct page_scope){ .pcid = m->cpu[cpu].mode.pcid, .with_global = true });
}

void mmu_invlpg(struct mmu *m, unsigned cpu, u64 va)
{
    CHECK(cpu < m->cpus);
    m->cpu[cpu].stats.invlpg++;
    forget_as_invlpg(m, cpu, va);
}

enum { INVPCID_ADDRESS, INVPCID_SINGLE, INVPCID_ALL_GLOBAL, INVPCID_ALL_NONGLOBAL, INVPCID_TYPES };

static bool invpcid_possible(const struct mmu *m, const struct cpu *c, u64 type, u64 pcid, u64 va)
{
    if (!part_has(&m->part, MMU_INVPCID)) /* #UD on hardware; the interface has one way to refuse */
        return false;
    if (type >= INVPCID_TYPES || pcid > 0xfff)
        return false;
    if (type <= INVPCID_SINGLE && pcid && !(c->reg.cr4 & X86_CR4_PCIDE))
        return false;
    return type != INVPCID_ADDRESS || c->mode.paging != PAGING_LONG || canonical(&c->mode, va);
}

bool mmu_invpcid(struct mmu *m, unsigned cpu, u64 type, u64 pcid, u64 va)
{
    CHECK(cpu < m->cpus);
    struct cpu *c = &m->cpu[cpu];
    if (!invpcid_possible(m, c, type, pcid, va))
        return false;
    c->stats.invpcid++;
    switch (type) {
    case INVPCID_ADDRESS: forget_page_scope(m, cpu, va, &(struct page_scope){ .pcid = pcid }); break;
    case INVPCID_SINGLE: forget_pcid(m, cpu, pcid, false); break;
    case INVPCID_ALL_GLOBAL: forget_all(m, cpu); break;
    default: forget_all_nonglobal(m, cpu); break;
    }
    return true;
}
