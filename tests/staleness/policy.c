/* SPDX-License-Identifier: MIT
 * policy.c - the choices of machine/policy.h that are no default, which the architecture permits too: cached rights
 * refuse an access without a look into memory (Intel), and a walk that faults leaves A behind.  Looks inside. */
#include "machine/cpu.h"

void policy_other(struct mmu *m); /* as in world.h, whose names are those of the architecture */

void policy_other(struct mmu *m)
{
    m->policy.denied_hit_rewalks = m->part.vendor == MMU_AMD;
    m->policy.faulting_walk_sets_accessed = true;
}
