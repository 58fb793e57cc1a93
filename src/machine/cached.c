/* SPDX-License-Identifier: MIT
 * cached.c - where the first level says a page is, without touching anything: what a cache that is looked up beside the TLB
 * compares its tags with (contract: mmu.h).  Called by front ends after an access that went through. */
#include "machine/access.h"

bool mmu_first_level(const struct mmu *m, unsigned cpu, u64 va, enum mmu_kind kind, u64 *pa)
{
    CHECK(cpu < m->cpus && (unsigned)kind <= MMU_FETCH);
    const struct cpu *c = &m->cpu[cpu];
    struct found f;
    u64 data;

    if (c->mode.paging != PAGING_LONG || !canonical(&c->mode, va) || !level_find(&c->port[kind].l1, va, c->mode.pcid_tag, &f))
        return false;
    data = found_data(&f);
    *pa = (data & DATA_PA) + (va & (((u64)1 << f.p->lg2) - 1));
    return allow(c, 0, data) >> kind & 1 && (kind != MMU_STORE || data & DATA_D);
}
