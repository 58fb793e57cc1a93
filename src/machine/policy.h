/* SPDX-License-Identifier: MIT
 * policy.h - what the architecture leaves to the implementation, as named choices with a default by vendor.
 * create.c sets the defaults, and tlb.c builds by them; tests may set the others afterwards. */
#ifndef PAGEWALK_MACHINE_POLICY_H
#define PAGEWALK_MACHINE_POLICY_H

#include "pagewalk/mmu.h"

struct policy {
    /* A cached translation (or a cached path) refuses the access.  true: forget it and walk from the root before
     * raising #PF, so that rights which have grown in memory never fault.  AMD does (APM2 5.5.3); Intel may, or may
     * fault once (SDM3 4.10.4.3).  Default true for both: no spurious faults. */
    bool denied_hit_rewalks;
    /* Second-level arrays keep a page for whose size they have no entries as a piece of a size they have.
     * AMD: 1 GiB pages are kept as 2 MiB ("smashed", Zen 2 optimization guide 2.7); Intel: not kept. */
    bool stlb_keeps_pieces;
    /* A is set in the entries above when a walk ends in #PF.  The architecture allows both (SDM3 4.8).  Default
     * false: a faulting access writes nothing. */
    bool faulting_walk_sets_accessed;
    /* Pages beyond the first that INVLPGB takes: CPUID 80000008h EDX[15:0].  7 is what EPYC 7003 and 9004 report, from
     * memory. */
    u16 invlpgb_pages_more;
};

static inline struct policy policy_default(enum mmu_vendor vendor)
{
    return (struct policy){ .denied_hit_rewalks = true, .stlb_keeps_pieces = vendor == MMU_AMD,
                            .invlpgb_pages_more = 7 };
}

#endif
