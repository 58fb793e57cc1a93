/* SPDX-License-Identifier: MIT
 * view.c - looking into the caches of a CPU; changes nothing.  Called by listings and tests. */
#include "arch/x86_pte.h"
#include "machine/cpu.h"

static struct mmu_tlb_view tlb_view(const struct cpu *c, const struct tlb *t, u32 set, u32 way)
{
    u64 tag = t->a.tag[assoc_at(&t->a, set, way)], data = t->a.data[assoc_at(&t->a, set, way)];
    return (struct mmu_tlb_view){
        .array = t->desc->name, .va = sign_extend(&c->mode, tag_va(tag)), .pa = data & DATA_PA,
        .set = (u16)set, .way = (u16)way, .pcid = (u16)((tag & TAG_PCID) >> TAG_PCID_SHIFT),
        .page_lg2 = unit_lg2[data_size(data)], .user = (data & R_US) != 0, .writable = (data & R_RW) != 0,
        .nx = (data & R_XD) != 0, .global = (tag & TAG_GLOBAL) != 0, .dirty = (data & DATA_D) != 0,
        .pkey = (u8)data_key(data), .shadow = data_shadow(data) && c->reg.cr4 & X86_CR4_CET,
    };
}

void mmu_each_tlb(const struct mmu *m, unsigned cpu, void (*see)(void *ctx, const struct mmu_tlb_view *v), void *ctx)
{
    CHECK(cpu < m->cpus);
    const struct cpu *c = &m->cpu[cpu];
    for (u32 i = 0; i < c->tlbs; i++) {
        const struct tlb *t = &c->tlb[i];
        for (u32 set = 0; set <= t->a.set_mask; set++)
            for (u32 way = 0; way < t->a.ways; way++) {
                struct mmu_tlb_view v;
                if (!t->a.tag[assoc_at(&t->a, set, way)])
                    continue;
                v = tlb_view(c, t, set, way);
                see(ctx, &v);
            }
    }
}

static struct mmu_psc_view psc_view(const struct cpu *c, const struct psc *p, size_t at)
{
    u64 tag = p->a.tag[at], data = p->a.data[at];
    return (struct mmu_psc_view){
        .va = sign_extend(&c->mode, tag_number(tag) << (12 + 9 * p->level)), .table_pa = data & DATA_PA,
        .pcid = (u16)((tag & TAG_PCID) >> TAG_PCID_SHIFT), .level = p->level, .user = (data & R_US) != 0,
        .writable = (data & R_RW) != 0, .nx = (data & R_XD) != 0,
    };
}

void mmu_each_psc(const struct mmu *m, unsigned cpu, void (*see)(void *ctx, const struct mmu_psc_view *v), void *ctx)
{
    CHECK(cpu < m->cpus);
    const struct cpu *c = &m->cpu[cpu];
    for (u32 i = 0; i < c->psc.n; i++) {
        const struct psc *p = &c->psc.at[i];
        size_t entries = ((size_t)p->a.set_mask + 1) * p->a.ways;
        for (size_t at = 0; at < entries; at++) {
            struct mmu_psc_view v;
            if (!p->a.tag[at])
                continue;
            v = psc_view(c, p, at);
            see(ctx, &v);
        }
    }
}
