/* SPDX-License-Identifier: MIT
 * mode.c - registers to masks: which bits of an entry are reserved at each level in the current mode, which say
 * "this is a page", how wide an address is.  Called by regs.c when a register has changed.  SDM3 4.1.1, 4.3-4.5. */
#include "machine/mode.h"

#include "arch/x86_pte.h"
#include "machine/fields.h"
#include "machine/tlb.h"

/* What the conditions of x86_pte_fields.def may ask. */
struct facts {
    unsigned m;           /* MAXPHYADDR                                                                           */
    unsigned leaf_low;    /* lowest address bit of a page at the level in question                                */
    unsigned pse36_last;  /* last bit of the high address of a 4 MiB page; 12: there is none                      */
    unsigned levels, entry_bytes;
    bool nxe, page1gb, pat, amd;
    bool pdpte;           /* the entry is a PDPTE of PAE paging (table 4-8)                                       */
};

/* All bits that some row claims. */
static u64 claimed(const struct facts *f, int level, enum form form)
{
    u64 mask = 0;
#include "arch/x86_pte_fields.def"
    return mask;
}

static enum paging paging_of(const struct registers *r)
{
    if (!(r->cr0 & X86_CR0_PG))
        return PAGING_OFF;
    if (!(r->cr4 & X86_CR4_PAE))
        return PAGING_32;
    return r->efer & X86_EFER_LME ? PAGING_LONG : PAGING_PAE;
}

/* PSE-36 (4.3): bits (M-20):13 of a 4 MiB PDE are address bits (M-1):32, M = min(40, MAXPHYADDR). */
static unsigned pse36_last(const struct part *p)
{
    unsigned m = p->maxphyaddr < 40 ? p->maxphyaddr : 40;
    return part_has(p, MMU_PSE36) ? m - 20 : 12;
}

static void build_levels(struct mode *mode, const struct registers *r, const struct part *p)
{
    unsigned index_lg2 = mode->paging == PAGING_32 ? 10 : 9;
    struct facts f = {
        .m = p->maxphyaddr, .pse36_last = pse36_last(p), .levels = mode->levels,
        .entry_bytes = mode->paging == PAGING_32 ? 4 : 8,
        .nxe = r->efer & X86_EFER_NXE, .pat = part_has(p, MMU_PAT), .amd = p->vendor == MMU_AMD,
        .page1gb = part_has(p, MMU_PDPE1GB) && mode->paging == PAGING_LONG,
    };
    for (int l = 0; l < mode->levels && l < MAX_LEVELS; l++) {
        bool large = l == 1 ? mode->paging != PAGING_32 || r->cr4 & X86_CR4_PSE : l == 2 && f.page1gb;
        f.leaf_low = 12 + index_lg2 * (unsigned)l;
        f.pdpte = mode->paging == PAGING_PAE && l == 2;
        mode->leaf[l] = l == 0 ? X86_PTE_P : large ? X86_PTE_PS : 0;
        mode->mbz[l][0] = ~claimed(&f, l, T);
        mode->mbz[l][1] = ~claimed(&f, l, L);
        mode->usual[l] = X86_PTE_P | mode->mbz[l][l == 0]; /* PS, where it makes a leaf, is no bit of a table */
    }
}

void mode_build(struct mode *mode, const struct registers *r, const struct part *p)
{
    static const u8 levels[] = { [PAGING_OFF] = 0, [PAGING_32] = 2, [PAGING_PAE] = 3, [PAGING_LONG] = 4 };
    *mode = (struct mode){ .paging = (u8)paging_of(r), .present = X86_PTE_P };
    bool la57 = mode->paging == PAGING_LONG && r->cr4 & X86_CR4_LA57;
    mode->levels = (u8)(levels[mode->paging] + la57);
    mode->va_shift = la57 ? 7 : 16;
    mode->global = r->cr4 & X86_CR4_PGE;
    mode->pcid = r->cr4 & X86_CR4_PCIDE ? r->cr3 & 0xfff : 0; /* 4.10.1 */
    mode->pcid_tag = tag_space(r->context, mode->pcid);
    mode->addr_mask = mode->paging == PAGING_32 ? 0xfffff000 : bits(12, p->maxphyaddr - 1u);
    build_levels(mode, r, p);
}
