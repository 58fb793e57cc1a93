/* SPDX-License-Identifier: MIT
 * guest_enter.c - entering and leaving guests: what an entry refuses, the contexts that tags carry, whose registers count.
 * Called by the embedder.  SDM3 24.6.11 (EPTP), 26.2, 26.3 (checks), 28.3 (VPID); APM2 15.5, 15.15, 15.16, 15.25. */
#include "machine/guest.h"
#include "machine/invalidate.h"
#include "machine/regs.h"
#include "machine/stale.h"

/* ---- contexts ------------------------------------------------------------------------------------------------------ */

/* Linear and combined mappings belong to VPID and EP4TA, or to the ASID alone. */
static u64 context_key(const struct mmu *m, const struct mmu_guest *g)
{
    u64 table = g->nested ? (g->root & X86_PTE_ADDR) >> PAGE_LG2 : GUEST_NO_TABLE;
    return (m->part.vendor == MMU_AMD ? 0 : table << 16) | g->tag;
}

/* Guest-physical ones to EP4TA, or to the ASID. */
static u64 table_key(const struct mmu_guest *g)
{
    return g->nested == MMU_NPT ? g->tag : (g->root & X86_PTE_ADDR) >> PAGE_LG2;
}

/* The number of a key, the first in order afterwards; *fresh: it stood for another one, or none. */
static u32 slot_of(struct slots *s, u64 key, bool *fresh)
{
    u32 at = 0;
    while (at < s->used && s->key[s->order[at]] != key)
        at++;
    *fresh = at == s->used;
    if (*fresh && s->used < CONTEXTS - 1)
        s->order[s->used++] = (u8)(at + 1);
    at = *fresh ? s->used - 1u : at;
    u8 number = s->order[at];
    for (; at; at--)
        s->order[at] = s->order[at - 1];
    s->order[0] = number;
    s->key[number] = key;
    return number;
}

/* The contexts of a VPID; 0 is the host's own (28.1).  On AMD each ASID has one. */
static u8 contexts_of(const struct nested *n, u16 tag)
{
    u8 mask = tag ? 0 : 1 << 0;
    for (u32 i = 0; i < n->context.used; i++)
        if ((u16)n->context.key[n->context.order[i]] == tag)
            mask |= (u8)(1 << n->context.order[i]);
    return mask;
}

u8 guest_contexts(const struct cpu *c, u16 tag)
{
    return c->nested ? contexts_of(c->nested, tag) : tag ? 0 : 1 << 0;
}

static void forget_contexts(struct cpu *c, u32 mask)
{
    for (; mask; mask &= mask - 1)
        forget_context(c, (u32)__builtin_ctz(mask));
}

/* Gives the guest its numbers. */
static void take_contexts(const struct mmu *m, struct cpu *c, const struct mmu_guest *g)
{
    struct nested *n = c->nested;
    bool fresh, host_memory = !g->nested && !g->tag;
    u32 context = host_memory ? 0 : slot_of(&n->context, context_key(m, g), &fresh);
    if (!host_memory && fresh)
        forget_context(c, context);
    c->reg.context = (u8)context;
    c->contexts |= (u8)(1 << context);
    c->own = contexts_of(n, g->tag);
    if (!g->nested)
        return;
    u32 table = slot_of(&n->table, table_key(g), &fresh);
    if (fresh)
        nested_forget_table(n, table);
    n->space = tag_space(table, 0);
}

/* ---- what an entry refuses ------------------------------------------------------------------------------------------- */

static const char *eptp_unfit(const struct mmu *m, u32 features, u64 eptp)
{
    u64 levels = (eptp >> EPTP_LEVELS_SHIFT & 7) + 1, type = eptp & EPTP_MT;
    if (type != MMU_UC && type != MMU_WB)
        return "EPTP's memory type is neither UC nor WB (SDM3 26.2.1.1)";
    if (levels != 4 && !(levels == 5 && features & MMU_EPT_5LEVEL))
        return "EPTP asks for a number of levels that this processor does not have (SDM3 26.2.1.1)";
    if (eptp & EPTP_AD && !(features & MMU_EPT_AD))
        return "EPTP asks for A and D, which this processor does not have (SDM3 26.2.1.1)";
    if (eptp & EPTP_RESERVED || eptp >> m->part.maxphyaddr)
        return "a reserved bit of EPTP is set (SDM3 26.2.1.1)";
    return NULL;
}

static const char *controls_unfit(const struct mmu *m, u32 features, const struct mmu_guest *g)
{
    static const struct { u32 control, feature; } needs[2][2] = {
        [MMU_INTEL] = { { MMU_GUEST_MBE, MMU_EPT_MBE }, { MMU_GUEST_PML, MMU_EPT_PML } },
        [MMU_AMD] = { { MMU_GUEST_GMET, MMU_NPT_GMET }, { MMU_GUEST_ROGPT, MMU_NPT_ROGPT } },
    };
    u32 possible = m->part.vendor == MMU_AMD && features & MMU_NPT_PML ? MMU_GUEST_PML : 0;
    for (u32 i = 0; i < 2; i++)
        possible |= features & needs[m->part.vendor][i].feature ? needs[m->part.vendor][i].control : 0;
    if (g->controls & ~possible || (g->controls && !g->nested))
        return "a control is set that this processor or this guest does not have";
    if (g->controls & MMU_GUEST_PML && (g->pml & PAGE_MASK_LOW || g->pml >> m->part.maxphyaddr))
        return "the address of the page-modification log is no page's";
    return NULL;
}

static const char *host_unfit(const struct mmu *m, const struct cpu *c, const struct mmu_guest *g)
{
    if (m->part.vendor == MMU_INTEL)
        return g->nested == MMU_NPT ? "NPT is AMD's" : NULL;
    if (g->nested == MMU_EPT)
        return "EPT is Intel's";
    if (!(c->reg.efer & X86_EFER_SVME))
        return "#UD: EFER.SVME=0 (APM2 15.4)";
    if (g->nested && c->mode.paging != PAGING_LONG)
        return "the host is not in long mode: nested tables of other modes are not modelled";
    return g->tag ? NULL : "ASID 0 is the host's (APM2 15.5.1)";
}

static struct registers registers_of(const struct mmu_guest_regs *g)
{
    bool lma = g->cr0 & X86_CR0_PG && g->efer & X86_EFER_LME;
    return (struct registers){ g->cr0, g->cr2, g->cr3, g->cr4, (g->efer & ~X86_EFER_LMA) | (lma ? X86_EFER_LMA : 0),
                               g->pkru, g->pkrs, g->cpl, g->ac, 0, 0 };
}

/* EPT: from the VMCS; without, from memory, as MOV CR3 loads them. */
static const char *pdptes_of(const struct mmu *m, const struct mmu_guest *g, const struct registers *r, u64 pdpte[4])
{
    u64 reserved = regs_pdpte_reserved(&m->part, r);
    for (u64 i = 0; i < 4 && reserved; i++) {
        pdpte[i] = g->nested ? g->pdpte[i] : phys_read(m, (r->cr3 & 0xffffffe0) + i * 8);
        if (pdpte[i] & X86_PTE_P && pdpte[i] & reserved)
            return "a PDPTE has a reserved bit (SDM3 26.3.1.6)";
    }
    return NULL;
}

static const char *unfit(const struct mmu *m, const struct cpu *c, const struct mmu_guest *g, const struct registers *r, u64 pdpte[4])
{
    const char *why = NULL;
    if (!c->nested)
        return "this machine has no guests";
    if (c->nested->in_guest)
        return "the CPU is in a guest already";
    if (m->check)
        return "the checker of missing invalidations is on";
    u32 features = c->nested->config->features;
    if (g->nested > MMU_NPT)
        return "there are EPT and NPT";
    if ((why = host_unfit(m, c, g)) || (why = controls_unfit(m, features, g)))
        return why;
    if (g->nested == MMU_EPT && (why = eptp_unfit(m, features, g->root)))
        return why;
    if (g->nested == MMU_NPT && g->root >> m->part.maxphyaddr)
        return "nCR3 has bits at and above MAXPHYADDR (APM2 15.25.4)";
    if ((why = regs_unfit(&m->part, r)))
        return why;
    return pdptes_of(m, g, r, pdpte);
}

/* ---- in ---------------------------------------------------------------------------------------------------------------- */

static void build_ept(struct nested *n, const struct part *part, const struct mmu_guest *g)
{
    nested_mode_ept(&n->mode, part, n->config->features, (u32)(g->root >> EPTP_LEVELS_SHIFT & 7) + 1, n->mbe);
    n->accessed = g->root & EPTP_AD ? EPT_A : 0;
    n->dirty = g->root & EPTP_AD ? EPT_D : 0;
    n->tables_written = g->root & EPTP_AD;
}

static void build_npt(struct nested *n, const struct mode *host, const struct mmu_guest *g)
{
    n->mode = *host;
    n->accessed = X86_PTE_A;
    n->dirty = X86_PTE_D;
    n->tables_written = !(g->controls & MMU_GUEST_ROGPT);
}

static void build(struct nested *n, const struct mmu *m, const struct mode *host, const struct mmu_guest *g)
{
    n->kind = g->nested;
    n->tag = g->tag;
    n->mbe = g->controls & MMU_GUEST_MBE;
    n->gmet = g->controls & MMU_GUEST_GMET;
    n->logs = g->controls & MMU_GUEST_PML;
    n->pml = g->pml;
    n->pml_index = g->pml_index;
    n->exit = (struct mmu_guest_exit){ .reason = MMU_EXIT_NONE };
    if (g->nested == MMU_EPT)
        build_ept(n, &m->part, g);
    else
        build_npt(n, host, g);
    n->root = g->root & n->mode.addr_mask;
    n->gpa_lg2 = (u8)(12 + 9 * n->mode.levels);
}

static void tlb_control(struct mmu *m, unsigned cpu, u32 control)
{
    struct cpu *c = &m->cpu[cpu];
    switch (control) {
    case MMU_TLB_FLUSH_ALL:
        forget_contexts(c, c->contexts);
        nested_forget_all(c->nested);
        break;
    case MMU_TLB_FLUSH_ASID: forget_all(m, cpu); break;
    case MMU_TLB_FLUSH_NONGLOBAL: forget_all_nonglobal(m, cpu); break;
    default: return;
    }
    if (c->nested_on)
        nested_forget_table(c->nested, (u32)(c->nested->space >> TAG_CONTEXT_SHIFT));
}

const char *mmu_guest_enter(struct mmu *m, unsigned cpu, const struct mmu_guest *g)
{
    CHECK(cpu < m->cpus);
    struct cpu *c = &m->cpu[cpu];
    struct nested *n = c->nested;
    struct registers next = registers_of(&g->reg);
    u64 pdpte[4] = { 0 };
    const char *why = unfit(m, c, g, &next, pdpte);
    if (why)
        return why;
    n->host = c->reg;
    n->in_guest = true;
    n->stats.entries++;
    build(n, m, &c->mode, g);
    next.guards = (u8)((g->nested ? GUARD_NX : 0) | (n->gmet ? GUARD_SMEP : 0));
    c->reg = next;
    c->nested_on = g->nested != MMU_NESTED_OFF;
    take_contexts(m, c, g);
    for (u32 i = 0; i < 4; i++) {
        n->host_pdpte[i] = c->pdpte[i];
        c->pdpte[i] = pdpte[i];
    }
    regs_changed(m, c);
    if (!g->tag)
        forget_contexts(c, c->own);
    else if (m->part.vendor == MMU_AMD)
        tlb_control(m, cpu, g->tlb_control);
    if (c->reg.cr4 & X86_CR4_PCIDE)
        forget_crowded_out(m, cpu);
    return NULL;
}

/* ---- out --------------------------------------------------------------------------------------------------------------- */

static void save(const struct cpu *c, struct mmu_guest *saved)
{
    const struct registers *r = &c->reg;
    saved->reg = (struct mmu_guest_regs){ r->cr0, r->cr2, r->cr3, r->cr4, r->efer, r->pkru, r->pkrs, r->cpl, r->ac };
    saved->pml_index = c->nested->pml_index;
    for (u32 i = 0; i < 4; i++)
        saved->pdpte[i] = c->pdpte[i];
}

void mmu_guest_leave(struct mmu *m, unsigned cpu, struct mmu_guest *saved)
{
    CHECK(mmu_in_guest(m, cpu));
    struct cpu *c = &m->cpu[cpu];
    struct nested *n = c->nested;
    if (saved)
        save(c, saved);
    c->reg = n->host;
    c->nested_on = n->in_guest = false;
    for (u32 i = 0; i < 4; i++)
        c->pdpte[i] = n->host_pdpte[i];
    c->own = contexts_of(n, 0);
    regs_changed(m, c);
    if (!n->tag)
        forget_contexts(c, c->own);
}

bool mmu_in_guest(const struct mmu *m, unsigned cpu)
{
    CHECK(cpu < m->cpus);
    return m->cpu[cpu].nested && m->cpu[cpu].nested->in_guest;
}

struct mmu_guest_regs mmu_guest_start(void)
{
    return (struct mmu_guest_regs){ .cr0 = X86_CR0_PE | X86_CR0_PG | X86_CR0_WP, .cr4 = X86_CR4_PAE,
                                    .efer = X86_EFER_LME | X86_EFER_LMA | X86_EFER_NXE };
}

bool guest_eptp_fits(const struct mmu *m, const struct cpu *c, u64 eptp)
{
    return !eptp_unfit(m, c->nested->config->features, eptp);
}

u32 guest_table_number(const struct cpu *c, u64 key)
{
    const struct slots *s = &c->nested->table;
    for (u32 i = 0; i < s->used; i++)
        if (s->key[s->order[i]] == key)
            return s->order[i];
    return 0;
}
