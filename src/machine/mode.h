/* SPDX-License-Identifier: MIT
 * mode.h - the paging mode of a CPU: registers and configuration turned into masks, once, when a register is
 * written; a walk only ANDs.  Built by mode.c from arch/x86_pte_fields.def, read by walk.h.  SDM3 4.1, 4.5. */
#ifndef PAGEWALK_MACHINE_MODE_H
#define PAGEWALK_MACHINE_MODE_H

#include "pagewalk/mmu.h"

#define MAX_LEVELS 5

#define OUT_OF_LINE __attribute__((noinline)) /* keeps rare work out of the common path       */

enum paging { PAGING_OFF, PAGING_32, PAGING_PAE, PAGING_LONG }; /* SDM3 4.1.1; LONG: 4-level and 5-level        */

struct mode {
    u64 leaf[MAX_LEVELS];    /* a present entry with one of these bits maps a page (level 0: P itself)            */
    u64 mbz[MAX_LEVELS][2];  /* [level][is a leaf]: bits that must be zero in a present entry                     */
    u64 present;             /* an entry with none of these bits is not present: P; R and W of second-level entries */
    u64 usual[MAX_LEVELS];   /* of these bits P alone is set: a table, at level 0 a page, and nothing is reserved.
                                EPT: R alone, and of a page the memory type WB                                    */
    u64 addr_mask;           /* the table address in an entry and in CR3                                          */
    u64 needs_read;          /* EPT: misconfigured with one of these and no R; else 0                             */
    u64 pcid_tag;            /* the current PCID as TLB and PSC tags carry it (tlb.h)                             */
    u16 pcid;
    u8 paging;               /* enum paging                                                                       */
    u8 levels;               /* 2, 3, 4 or 5                                                                      */
    u8 va_shift;             /* 64 - canonical width: (s64)(va << s) >> s == va                                   */
    bool global;             /* CR4.PGE: G in a leaf counts                                                       */
};

struct registers {
    u64 cr0, cr2, cr3, cr4, efer;
    u32 pkru, pkrs;
    u8 cpl, ac;
    u8 context;              /* whose translations: 0 the host's, else a guest's (tlb.h, nested.h)                */
    u8 guards;               /* mask of enum guard                                                                */
};

/* What a cached translation refuses to an access beyond the guest's own rules, so that it walks: there it is decided. */
enum guard { GUARD_NX = 1, GUARD_SMEP = 2 };

/* The processor: what registers cannot change. */
struct part { u32 features; u8 maxphyaddr; u8 vendor; };

void mode_build(struct mode *mode, const struct registers *reg, const struct part *part);

static inline bool canonical(const struct mode *mode, u64 va)
{
    return (u64)((s64)(va << mode->va_shift) >> mode->va_shift) == va;
}

static inline u64 sign_extend(const struct mode *mode, u64 va)
{
    return (u64)((s64)(va << mode->va_shift) >> mode->va_shift);
}

static inline bool part_has(const struct part *part, enum mmu_feature f)
{
    return part->features & f;
}

#endif
