/* SPDX-License-Identifier: MIT
 * regs.c - reading and writing the registers of paging.  Called by the embedder through mmu_get(), mmu_set().  Each
 * write is decided first (may_write_x: false is #GP, nothing has changed), then made (write_x), with the
 * invalidations of SDM3 4.10.4.1 and APM2 5.5.3.  SDM2 MOV-CR, SDM3 4.1.2, 4.10.1. */
#include "machine/regs.h"

#include "arch/x86_pte.h"
#include "machine/fast.h"
#include "machine/guest.h"
#include "machine/invalidate.h"
#include "machine/phys.h"
#include "machine/stale.h"

/* ---- what may be set: arch/x86_cr_bits.def --------------------------------------------------------------------- */

enum which { CR0, CR4, EFER };

static u64 settable(const struct part *part, enum which which)
{
    u64 mask = 0;
#define CR_BIT(reg, name, bit, needs) \
    if (which == (reg) && (!(needs) || part->features & (needs))) \
        mask |= (u64)1 << (bit);
#include "arch/x86_cr_bits.def"
#undef CR_BIT
    return mask;
}

void regs_changed(struct mmu *m, struct cpu *c)
{
    mode_build(&c->mode, &c->reg, &m->part);
    rights_build(c->rights, &c->reg, c->mode.paging);
    c->now = &c->rights[c->reg.cpl == 3][c->reg.ac];
    for (u32 kind = 0; kind < 3; kind++)
        c->quick[kind].usable = c->quick[kind].fits && c->mode.paging == PAGING_LONG;
    fast_clear(c);
}

/* ---- PAE: the four PDPTEs are loaded and checked with CR3, and by the
 * changes of CR0 and CR4 that 4.4.1 lists --------------------------- */

u64 regs_pdpte_reserved(const struct part *part, const struct registers *r)
{
    struct mode mode;
    mode_build(&mode, r, part);
    return mode.paging == PAGING_PAE && part->vendor != MMU_AMD ? mode.mbz[2][0] : 0;
}

/* Where the four are: in a guest with EPT, at a gpa, which is read, whatever A and D do (28.2.3.2). */
static bool pdptes_at(struct mmu *m, struct cpu *c, const struct registers *next, u64 *pa)
{
    struct cost cost = { 0, 0 };
    struct guest_access g = guest_begin(m, c, c, 0, MMU_LOAD, 0, &cost);
    struct nested_ask ask = { .gpa = next->cr3 & 0xffffffe0, .what = ASK_PDPTES, .level = 2, .need = N_R };
    struct nested_page p;
    *pa = ask.gpa;
    if (!c->nested_on)
        return true;
    c->nested->exit.reason = MMU_EXIT_NONE;
    if (!nested_translate(&g, &ask, &p))
        return false;
    *pa = p.pa;
    return true;
}

static bool pdptes_valid(struct mmu *m, struct cpu *c, const struct registers *next, u64 pdpte[4])
{
    u64 reserved = regs_pdpte_reserved(&m->part, next), pa;
    if (!reserved)
        return true;
    if (!pdptes_at(m, c, next, &pa))
        return false;
    for (u64 i = 0; i < 4; i++) {
        pdpte[i] = phys_read(m, pa + i * 8);
        if (pdpte[i] & X86_PTE_P && pdpte[i] & reserved)
            return false;
    }
    return true;
}

/* Makes a write whose conditions hold but for the PDPTEs, where it loads them. */
static bool commit(struct mmu *m, struct cpu *c, const struct registers *next, bool loads_pdptes)
{
    u64 pdpte[4] = { 0 };
    if (loads_pdptes && !pdptes_valid(m, c, next, pdpte))
        return false;
    for (u32 i = 0; i < 4 && loads_pdptes; i++)
        c->pdpte[i] = pdpte[i];
    c->reg = *next;
    regs_changed(m, c);
    return true;
}

/* ---- CR0 ------------------------------------------------------------------------------------------------------- */

#define CR0_NW (1ull << 29)
#define CR0_CD (1ull << 30)

static bool may_write_cr0(const struct registers *r, u64 v)
{
    bool pg = v & X86_CR0_PG, enters = pg && !(r->cr0 & X86_CR0_PG), leaves = !pg && r->cr0 & X86_CR0_PG;
    if (v >> 32 || (v & CR0_NW && !(v & CR0_CD)))
        return false;
    if (pg && !(v & X86_CR0_PE))
        return false;                                                     /* 4.1.2                               */
    if (enters && r->efer & X86_EFER_LME && !(r->cr4 & X86_CR4_PAE))
        return false;                                                     /* 4.1.2                               */
    if (r->cr4 & X86_CR4_CET && !(v & X86_CR0_WP))
        return false;                                                     /* SDM2 MOV-CR: CET needs WP           */
    return !(leaves && r->cr4 & X86_CR4_PCIDE);                           /* 4.10.1                              */
}

static bool write_cr0(struct mmu *m, unsigned cpu, u64 v)
{
    struct cpu *c = &m->cpu[cpu];
    struct registers next = c->reg;
    u64 changed = (c->reg.cr0 ^ v) & X86_CR0_PG;
    if (!may_write_cr0(&c->reg, v))
        return false;
    next.cr0 = v & settable(&m->part, CR0);
    bool lma = v & X86_CR0_PG && next.efer & X86_EFER_LME;
    next.efer = (next.efer & ~X86_EFER_LMA) | (lma ? X86_EFER_LMA : 0);
    if (!commit(m, c, &next, (c->reg.cr0 ^ v) & (X86_CR0_PG | CR0_CD | CR0_NW)))
        return false;
    if (changed && !(v & X86_CR0_PG))
        forget_all(m, cpu); /* PG 1 to 0.  AMD names 0 to 1, too: without paging nothing has been cached */
    return true;
}

/* ---- CR3 ------------------------------------------------------------------------------------------------------- */

static bool write_cr3(struct mmu *m, unsigned cpu, u64 v)
{
    struct cpu *c = &m->cpu[cpu];
    struct registers next = c->reg;
    bool pcide = c->reg.cr4 & X86_CR4_PCIDE, keep = pcide && v & X86_CR3_NOFLUSH;
    u64 reserved = ~(u64)0 << m->part.maxphyaddr;
    if (pcide)
        v &= ~X86_CR3_NOFLUSH;
    if (v & reserved)
        return false;
    next.cr3 = v;
    u64 before = walk_root(c).table;
    if (!commit(m, c, &next, true))
        return false;
    mmu_check_flush_stored(m, log_cr3(cpu), before, walk_root(c).table);
    c->stats.cr3_writes++;
    if (!keep)
        forget_pcid(m, cpu, c->mode.pcid, false);
    if (pcide)
        forget_crowded_out(m, cpu);
    return true;
}

/* ---- CR4 ------------------------------------------------------------------------------------------------------- */

static bool may_write_cr4(const struct mmu *m, const struct registers *r, u64 v)
{
    u64 changed = r->cr4 ^ v;
    bool lma = r->efer & X86_EFER_LMA;
    if (v & ~settable(&m->part, CR4))
        return false;
    if (lma && changed & (X86_CR4_PAE | X86_CR4_LA57))
        return false;                                                     /* 4.1.2                               */
    if (changed & v & X86_CR4_PCIDE && (!lma || r->cr3 & 0xfff))
        return false;                                                     /* 4.10.1                              */
    if (v & X86_CR4_CET && !(r->cr0 & X86_CR0_WP))
        return false;                                                     /* SDM2 MOV-CR                         */
    return true;
}

static bool write_cr4(struct mmu *m, unsigned cpu, u64 v)
{
    struct cpu *c = &m->cpu[cpu];
    struct registers next = c->reg;
    u64 changed = c->reg.cr4 ^ v, set = changed & v, cleared = changed & ~v, pcid = c->mode.pcid;
    bool amd = m->part.vendor == MMU_AMD;
    if (!may_write_cr4(m, &c->reg, v))
        return false;
    next.cr4 = v;
    if (!commit(m, c, &next, changed & (X86_CR4_PAE | X86_CR4_PGE | X86_CR4_PSE | X86_CR4_SMEP)))
        return false;
    if (changed & X86_CR4_PCIDE)
        pcids_begin(c);
    u64 all = X86_CR4_PGE | (amd ? X86_CR4_PSE | X86_CR4_PAE : 0);
    if (changed & all || cleared & X86_CR4_PCIDE || (amd && set & X86_CR4_PKE))
        forget_all(m, cpu);
    else if (changed & X86_CR4_PAE || set & X86_CR4_SMEP)
        forget_pcid(m, cpu, pcid, true);
    return true;
}

/* ---- EFER, keys ------------------------------------------------------------------------------------------------ */

/* LMA is not writable: what is written there is ignored.  NXE takes effect at once on walks and on checks of what is
 * cached; nothing is invalidated (SDM3 4.1.4, 4.10.4.1). */
static bool write_efer(struct mmu *m, unsigned cpu, u64 v)
{
    struct cpu *c = &m->cpu[cpu];
    struct registers next = c->reg;
    if (v & ~settable(&m->part, EFER))
        return false;
    if ((v ^ c->reg.efer) & X86_EFER_LME && c->reg.cr0 & X86_CR0_PG)
        return false;                                                     /* 4.1.2                               */
    next.efer = (v & ~X86_EFER_LMA) | (c->reg.efer & X86_EFER_LMA);
    c->reg = next;
    regs_changed(m, c);
    return true;
}

static bool write_keys(struct mmu *m, unsigned cpu, enum mmu_feature feature, u32 *pkr, u64 v)
{
    struct cpu *c = &m->cpu[cpu];
    if (!part_has(&m->part, feature) || v >> 32)
        return false;
    if (*pkr == v)
        return true;
    *pkr = (u32)v;
    rights_build_keys(c->rights, &c->reg, c->mode.paging);
    fast_clear(c);
    return true;
}

/* CPL and AC only choose among tables that are ready. */
static bool write_small(struct cpu *c, u8 *field, u64 v)
{
    if (*field == v)
        return true;
    *field = (u8)v;
    c->now = &c->rights[c->reg.cpl == 3][c->reg.ac];
    fast_clear_slots(c);
    return true;
}

/* ---- all at once: what entering a guest asks (SDM3 26.3.1.1, APM2 15.5.1) ------------------------------------------ */

const char *regs_unfit(const struct part *part, const struct registers *r)
{
    bool pg = r->cr0 & X86_CR0_PG, lma = pg && r->efer & X86_EFER_LME;
    if (r->cr0 & ~settable(part, CR0) || r->cr4 & ~settable(part, CR4) || r->efer & ~X86_EFER_LMA & ~settable(part, EFER))
        return "a reserved bit of CR0, CR4 or EFER is set";
    if (r->cr3 & ~(u64)0 << part->maxphyaddr)
        return "CR3 has bits at and above MAXPHYADDR";
    if (pg && !(r->cr0 & X86_CR0_PE))
        return "CR0.PG=1 needs CR0.PE=1";
    if (lma && !(r->cr4 & X86_CR4_PAE))
        return "long mode needs CR4.PAE=1";
    if (r->cr4 & X86_CR4_PCIDE && !lma)
        return "CR4.PCIDE=1 needs long mode";
    if (r->cr4 & X86_CR4_CET && !(r->cr0 & X86_CR0_WP))
        return "CR4.CET=1 needs CR0.WP=1";
    return (r->cpl != 0 && r->cpl != 3) || r->ac > 1 ? "CPL is 0 or 3, AC 0 or 1" : NULL;
}

/* ---- the public calls ------------------------------------------------------------------------------------------ */

u64 mmu_get(const struct mmu *m, unsigned cpu, enum mmu_reg reg)
{
    CHECK(cpu < m->cpus);
    const struct registers *r = &m->cpu[cpu].reg;
    switch (reg) {
    case MMU_CR0: return r->cr0;
    case MMU_CR2: return r->cr2;
    case MMU_CR3: return r->cr3;
    case MMU_CR4: return r->cr4;
    case MMU_EFER: return r->efer;
    case MMU_PKRU: return r->pkru;
    case MMU_PKRS: return r->pkrs;
    case MMU_CPL: return r->cpl;
    case MMU_AC: return r->ac;
    }
    CHECK(false);
    return 0;
}

bool mmu_set(struct mmu *m, unsigned cpu, enum mmu_reg reg, u64 v)
{
    CHECK(cpu < m->cpus);
    struct registers *r = &m->cpu[cpu].reg;
    switch (reg) {
    case MMU_CR0: return write_cr0(m, cpu, v);
    case MMU_CR2: r->cr2 = v; return true;
    case MMU_CR3: return write_cr3(m, cpu, v);
    case MMU_CR4: return write_cr4(m, cpu, v);
    case MMU_EFER: return write_efer(m, cpu, v);
    case MMU_PKRU: return write_keys(m, cpu, MMU_PKU, &r->pkru, v);
    case MMU_PKRS: return write_keys(m, cpu, MMU_PKS, &r->pkrs, v);
    case MMU_CPL: return (v == 0 || v == 3) && write_small(&m->cpu[cpu], &r->cpl, v);
    case MMU_AC: return v <= 1 && write_small(&m->cpu[cpu], &r->ac, v);
    }
    CHECK(false);
    return false;
}
