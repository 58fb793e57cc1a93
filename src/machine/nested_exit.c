/* SPDX-License-Identifier: MIT
 * nested_exit.c - what an exit reports: EPT's exit qualification, NPT's EXITINFO1.  Called by nested_walk.c.  SDM3 table 27-7,
 * 28.2.3; APM2 15.25.6. */
#include "machine/access.h"
#include "machine/guest.h"
#include "machine/invalidate.h"

/* ---- EPT ---------------------------------------------------------------------------------------------------------- */

static u64 asked(const struct guest_access *g, enum ask what)
{
    static const u8 by_kind[3] = { [MMU_LOAD] = MMU_EPTQ_READ, [MMU_STORE] = MMU_EPTQ_WRITE, [MMU_FETCH] = MMU_EPTQ_FETCH };
    switch (what) {
    case ASK_PAGE: return by_kind[g->kind];
    case ASK_ENTRY: return MMU_EPTQ_READ | (g->c->nested->tables_written ? MMU_EPTQ_WRITE : 0);
    case ASK_MARK: return MMU_EPTQ_READ | MMU_EPTQ_WRITE;
    case ASK_PDPTES: break;
    }
    return MMU_EPTQ_READ;
}

/* Bits 11:9: the guest's rights on the page; without paging everything is a user's. */
static u64 guest_rights(const struct guest_access *g)
{
    if (!(g->c->nested->config->features & MMU_EPT_INFO))
        return 0;
    if (g->c->mode.paging == PAGING_OFF)
        return MMU_EPTQ_USER | MMU_EPTQ_WRITABLE;
    return (g->data & R_US ? MMU_EPTQ_USER : 0) | (g->data & R_RW ? MMU_EPTQ_WRITABLE : 0) | (g->data & R_XD ? MMU_EPTQ_NX : 0);
}

/* w->all leaves out the entry that ended the walk, when that is no leaf. */
static u64 qualification(const struct guest_access *g, const struct nested_ask *ask, const struct walk *w)
{
    u64 all = w->no_read ? 0 : w->all & w->entry[w->last];
    return asked(g, ask->what) | (all & (EPT_R | EPT_W | EPT_X)) << 3 |
           (g->c->nested->mbe && all & EPT_XU ? MMU_EPTQ_XU : 0) | (ask->what != ASK_PDPTES ? MMU_EPTQ_LINEAR : 0) |
           (ask->what == ASK_PAGE ? MMU_EPTQ_FINAL | guest_rights(g) : 0);
}

/* ---- NPT ---------------------------------------------------------------------------------------------------------- */

static u64 exitinfo1(const struct guest_access *g, const struct nested_ask *ask, const struct walk *w)
{
    u64 info = w->verdict == MMU_STEP_NOT_PRESENT ? 0 : w->verdict == MMU_STEP_RESERVED ? PF_P | PF_RSVD : PF_P;
    info |= ask->need & N_W ? PF_W : 0;
    if (ask->what != ASK_PAGE)
        return info | PF_U | MMU_NPF_TABLE;
    bool supervisor = g->c->nested->gmet && (g->c->reg.cpl != 3 || g->flags & MMU_IMPLICIT);
    return info | (supervisor ? 0 : PF_U) | (g->kind == MMU_FETCH ? PF_I : 0) | MMU_NPF_FINAL;
}

/* ---- both --------------------------------------------------------------------------------------------------------- */

static const char *rule_of(const struct nested *n, const struct nested_ask *ask, const struct walk *w)
{
    bool ept = n->kind == MMU_EPT;
    if (w->no_read)
        return ept ? "the guest-physical address is wider than the EPT walk (SDM3 28.2.2)"
                   : "the guest-physical address is wider than the nested walk (APM2 15.25.3)";
    if (w->verdict == MMU_STEP_NOT_PRESENT)
        return ept ? "R, W and X are 0 in this EPT entry (SDM3 28.2.2)" : "P=0 in this nested entry (APM2 15.25.6)";
    if (w->verdict == MMU_STEP_RESERVED)
        return ept ? "EPT misconfiguration: this entry has a reserved bit, type or combination of R, W, X (SDM3 28.2.3.1)"
                   : "reserved bit in this nested entry (APM2 15.25.6)";
    if (!ept && ask->need & N_U && !(w->all & X86_PTE_US))
        return "the nested page has U/S=0, and every access of a guest is a user's (APM2 15.25.5)";
    if (!ept && ask->not & N_U && w->all & X86_PTE_US)
        return "GMET: supervisor fetch from a nested page with U/S=1 (APM2 15.25)";
    if (ask->what == ASK_ENTRY || ask->what == ASK_MARK)
        return ept ? "EPT does not let this entry of a guest's table be read or written (SDM3 28.2.3.2)"
                   : "the nested page of a guest's table has to be writable (APM2 15.25.5)";
    return ept ? "EPT does not allow the access (SDM3 28.2.3.2)" : "the nested page does not allow the access (APM2 15.25.6)";
}

/* 28.3.3.1: an EPT violation forgets the guest-physical mapping and, where there is a linear address, the combined one.  NPT
 * does the same here; APM2 leaves it open. */
static void forget(struct guest_access *g, const struct nested_ask *ask)
{
    nested_forget(g->live->nested, ask->gpa);
    if (ask->what == ASK_PDPTES || g->c->mode.paging == PAGING_OFF)
        return;
    tlb_remove_page(g->live, g->va, g->c->mode.pcid_tag, true);
    psc_remove_path(&g->live->psc, g->va, g->c->mode.pcid_tag);
}

static void leave(struct guest_access *g, const struct nested_ask *ask, u32 reason, u64 info, u32 level)
{
    bool linear = g->c->nested->kind == MMU_NPT || info & MMU_EPTQ_LINEAR;
    g->exit = (struct mmu_guest_exit){ .reason = reason, .info = info, .gpa = ask->gpa, .va = linear ? g->va : 0,
                                       .level = (u8)level, .for_level = ask->level };
    if (g->live)
        g->live->nested->exit = g->exit;
}

void nested_refused(struct guest_access *g, const struct nested_ask *ask, const struct walk *w)
{
    const struct nested *n = g->c->nested;
    bool misconfig = n->kind == MMU_EPT && w->verdict == MMU_STEP_RESERVED;
    g->rule = rule_of(n, ask, w);
    if (n->kind == MMU_NPT)
        leave(g, ask, MMU_EXIT_NPF, exitinfo1(g, ask, w), w->last);
    else
        leave(g, ask, misconfig ? MMU_EXIT_EPT_MISCONFIG : MMU_EXIT_EPT_VIOLATION, misconfig ? 0 : qualification(g, ask, w), w->last);
    if (!g->live)
        return;
    misconfig ? g->live->nested->stats.misconfigs++ : g->live->nested->stats.violations++;
    if (!misconfig)
        forget(g, ask);
}

void nested_log_full(struct guest_access *g, const struct nested_ask *ask)
{
    g->rule = "the page-modification log is full (SDM3 28.2.5)";
    leave(g, ask, g->c->nested->kind == MMU_EPT ? MMU_EXIT_PML_FULL : MMU_EXIT_NPT_PML_FULL, 0, 0);
    if (g->live)
        g->live->nested->stats.log_full++;
}
