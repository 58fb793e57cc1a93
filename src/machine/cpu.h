/* SPDX-License-Identifier: MIT
 * cpu.h - the state of the machine and of one CPU.  Everything in src/machine works on these; the public header
 * shows them to nobody.  Laid out by create.c in the embedder's block. */
#ifndef PAGEWALK_MACHINE_CPU_H
#define PAGEWALK_MACHINE_CPU_H

#include "machine/mode.h"
#include "machine/policy.h"
#include "machine/psc.h"
#include "machine/rights.h"
#include "machine/timing.h"
#include "machine/tlb.h"
#include "pagewalk/mmu.h"

/* What touch.c needs of a first-level array, gathered: linear sets of small pages with LRU or tree-PLRU. */
struct quick {
    const u64 *tag, *data;
    u64 *state;
    u8 *mru;
    const u64 *steer;                 /* as in assoc.h; NULL: no tree                                             */
    struct assoc *a;
    struct pair *pair;                /* [sets], or NULL                                                         */
    struct tlb *t;
    u32 set_mask;
    u8 ways, kinds;
    bool fits;                        /* the array is of this kind at all                                         */
    bool usable;                      /* fits, and paging is that of long mode (kept by regs_changed())           */
};

/* An INVLPGB whose other CPUs have not been told yet: its registers (broadcast.c). */
struct broadcast { u64 rax; u32 ecx, edx; };

struct cpu {
    struct mode mode;                 /* from the registers, by regs.c                                           */
    const struct rights *now;         /* &rights[cpl == 3][ac]                                                   */
    struct mmu_fast *fast;            /* NULL: none bound                                                        */
    struct quick quick[3];            /* by enum mmu_kind                                                        */
    u32 slot_mask[3];                 /* the slot of page n is n & slot_mask[kind]                               */
    u64 fast_large[3];                /* bit i: slot i may stem from an entry larger than 4 KiB                   */
    bool fast_used;                   /* some slot may be full                                                   */
    bool mem_bound;                   /* the slots are of a struct mmu_mem: mem.c alone fills them                */
    struct mmu_marks *marks;          /* NULL: none bound                                                        */
    u64 marked[3][MMU_MARKS / 64], marked_large[3][MMU_MARKS / 64]; /* may be full; may stem from a large entry       */
    struct port port[3];              /* by enum mmu_kind                                                        */
    struct mmu_stats stats;
    struct near_lines near;
    struct tlb *tlb;
    struct pscs psc;
    u8 tlbs;
    u8 own, contexts;                 /* bit i: mappings of context i are the current VPID's; there may be some   */
    struct rights rights[2][2];
    struct registers reg;
    struct broadcast broadcast[16];   /* open until TLBSYNC, the oldest first                                     */
    u32 broadcasts;
    struct nested *nested;            /* for guests (guest.h); NULL: this machine has none                        */
    bool nested_on;                   /* in a guest with a nested table                                           */
    u64 pdpte[4];                     /* PAE paging: loaded by MOV CR (4.4.1)                                     */
};

struct mmu {
    u8 *ram;
    u64 ram_bytes;
    struct mmu_observer observer;     /* both calls NULL: nobody                                                 */
    struct policy policy;
    struct mmu_timing timing;
    struct part part;
    unsigned cpus;
    const struct mmu_profile *profile;
    struct cpu *cpu;
    struct stale_check *check;        /* the missing-invalidation checker; NULL: off                              */
    struct batch *batch;              /* what mmu_batch() works with                                             */
};

#endif
