/* SPDX-License-Identifier: MIT
 * psc.h - paging-structure caches: for a level, the table that an entry points to and the rights of the path down
 * to it.  Called by walk.h through translate.c, and by invalidate.c.  SDM3 4.10.3.
 *
 *   tag   valid, PCID as in tlb.h (G plays no part), number = va >> what one entry of the level covers
 *   data  physical address of the table, normalised rights of the path in bits 2:0
 *
 * Filled by walks that succeed, from entries with A=1; used from the lowest level up; a hit is a touch.  A CPU has one
 * list for the page table, and one for the table below a guest's (nested_walk.c), with that one's rights in bits 4:0. */
#ifndef PAGEWALK_MACHINE_PSC_H
#define PAGEWALK_MACHINE_PSC_H

#include "machine/mode.h"
#include "machine/tlb.h"

#define PSC_WRITABLE 8u /* in data, a guest's alone: the nested table lets the walk write to the table                 */

struct psc { struct assoc a; u8 level; bool used; }; /* used: not empty                                            */
struct pscs { struct psc *at; u8 n; };               /* of one table's entries, from the lowest level up           */

static inline u64 psc_number(u64 va, u32 level)
{
    return (va & (TAG_NUMBER << 12 | 0xfff)) >> (12 + 9 * level);
}

bool psc_possible(const struct mmu_psc_desc *d);
void psc_create(struct pscs *s, struct carve *carve, const struct mmu_psc_desc *desc, u32 n);
/* The lowest cached entry on the path of va: its level, and the data; 0 when there is none. */
u32 psc_find(struct pscs *s, u64 va, u64 space, u64 *data);
void psc_fill(struct pscs *s, u32 level, u64 va, u64 space, u64 data);
void psc_remove_path(struct pscs *s, u64 va, u64 space); /* what a walk of va could use                             */
/* Entries e with (tag & mask) == value; with va, of those the ones that a walk of *va could use. */
void psc_remove_matching(struct pscs *s, u64 mask, u64 value, const u64 *va);
void psc_clear(struct pscs *s);

#endif
