/* SPDX-License-Identifier: MIT
 * invalidate.h - forgetting translations.  Called by translate.c for #PF and by regs.c for the side effects of
 * register writes, by broadcast.c for AMD's instructions; mmu_invlpg() and mmu_invpcid() are instructions.  SDM3 4.10.4.  What a call names is gone
 * afterwards from TLBs, structure caches and fast slots of this CPU; what it does not name stays, though the
 * architecture would let it go too (4.10.4.1). */
#ifndef PAGEWALK_MACHINE_INVALIDATE_H
#define PAGEWALK_MACHINE_INVALIDATE_H

#include "machine/cpu.h"

/* What #PF forgets: the page's entries for the current PCID, global ones, and the path in structure caches. */
void forget_page(struct cpu *c, u64 va);
/* The same on a path that raises no #PF: observers are told. */
void forget_page_seen(struct mmu *m, unsigned cpu, u64 va);

/* What INVLPG does; a non-canonical address does nothing. */
void forget_as_invlpg(struct mmu *m, unsigned cpu, u64 va);
/* One page of INVLPGB or INVPCID: for whom, and whether structure caches keep what led there. */
struct page_scope { u64 pcid; bool every_pcid, with_global, leaf_only; };
void forget_page_scope(struct mmu *m, unsigned cpu, u64 va, const struct page_scope *s);
void forget_pcid(struct mmu *m, unsigned cpu, u64 pcid, bool with_global);
/* MOV CR3 has loaded a PCID: arrays with room for a few PCIDs forget those loaded longest ago. */
void forget_crowded_out(struct mmu *m, unsigned cpu);
/* CR4.PCIDE has changed: the current PCID is the only one that can have entries. */
void pcids_begin(struct cpu *c);
/* Everything of one context (tlb.h). */
void forget_context(struct cpu *c, u32 context);
void forget_all(struct mmu *m, unsigned cpu);
void forget_all_nonglobal(struct mmu *m, unsigned cpu);

#endif
