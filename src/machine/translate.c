/* SPDX-License-Identifier: MIT
 * translate.c - one access: first level, second level, walk; rights on every way; then the effects.  Called by the
 * embedder for every access that its fast path did not settle.  SDM3 4.6 to 4.10, in this order:
 *
 *   0  shadow-stack accesses: CR4.CET=1?                  #UD
 *   1  canonical?                                        #GP, #SS; nothing else happens                 3.3.7.1
 *   2  first level of this port: hit, allowed, not a store on D=0: done
 *   3  second level: the same; the first level gets a copy
 *   4  a hit that refuses the access: forget the page, walk (policy denied_hit_rewalks)
 *   5  walk, from the lowest level that a paging-structure cache knows; a cached path that refuses is walked again
 *      from the root
 *   6  not present, reserved, rights, keys: #PF: CR2, forget the page and its path                      4.7, 4.10.4.1
 *   7  A in every entry read, D in the leaf of a store                                                  4.8
 *   8  keep: structure caches, second level, first level
 *
 * A store that hits an entry with D=0 walks (5 to 8) and updates the entry in place; it is not a miss.  Only the
 * first-level array of the accessing port is filled.  A first-level hit does not touch the second level. */
#include "machine/access.h"
#include "machine/fast.h"
#include "machine/marks.h"

static enum mmu_status not_canonical(const struct access *a, unsigned flags)
{
    bool ss = flags & MMU_SS;
    ss ? a->c->stats.ss++ : a->c->stats.gp++;
    access_fault(a, ss ? MMU_FAULT_SS : MMU_FAULT_GP, 0, MMU_BY_L1);
    return told(a, false);
}

/* Without CR4.CET no instruction makes such an access; WRUSS is the kernel's. */
static OUT_OF_LINE bool shadow_possible(const struct access *a)
{
    CHECK(a->kind != MMU_FETCH && (!(a->flags & MMU_WRUSS) || a->kind == MMU_STORE));
    bool cet = a->c->reg.cr4 & X86_CR4_CET, user_wruss = a->flags & MMU_WRUSS && a->c->reg.cpl == 3;
    if (cet && !user_wruss)
        return true;
    a->c->stats.gp += cet;
    access_fault(a, cet ? MMU_FAULT_GP : MMU_FAULT_UD, 0, MMU_BY_L1);
    return false;
}

static OUT_OF_LINE enum mmu_status rewalk_dirty(const struct access *a, u64 data)
{
    a->c->stats.rewalks_dirty++;
    return walk_access(a, &data);
}

/* Step 3 and what follows a first-level miss. */
static OUT_OF_LINE enum mmu_status second_level(const struct access *a)
{
    struct cpu *c = a->c;
    struct found f;
    const struct port *port = &c->port[a->kind];
    if (!level_find(&port->l2, a->va, c->mode.pcid_tag, &f))
        return walk_access(a, NULL);
    struct assoc *array = &f.p->t->a;
    u64 data = found_data(&f);
    u32 may = allow(c, a->flags, data), unit = f.p->unit, cycles = a->m->timing.stlb_hit_cycles;
    if (RARE(!(may >> a->kind & 1)))
        return refused_hit(a, data, MMU_BY_STLB);
    enum mmu_side side = side_of(a->kind);
    c->stats.l1_miss[side][stat_size(data)]++;
    c->stats.stlb_hit[side][stat_size(data)]++;
    if (RARE(a->kind == MMU_STORE && !(data & DATA_D)))
        return rewalk_dirty(a, data);
    if (array->mru[f.set] != f.way)
        assoc_touch(array, f.set, f.way);
    answer(a->r, a->va, a->kind, data, unit_lg2[unit], MMU_BY_STLB, cycles);
    u64 page = (data & ~DATA_PA) | (a->r->pa & DATA_PA);
    struct tlb *t = level_fill(c, &port->l1, a->va, page, unit, false);
    if (plain(a->flags))
        mark_set(c, t, a->kind, a->va, may, data & DATA_D, port->l1.unit_for[unit]);
    if (plain(a->flags))
        fast_set(c, t->kinds, a->kind, a->va, may, data & DATA_D, port->l1.unit_for[unit]);
    c->stats.cycles_stlb += cycles;
    return told(a, data & DATA_G);
}

/* A first-level hit that the fast lines of mmu_translate() leave. */
static OUT_OF_LINE enum mmu_status unsettled_hit(const struct access *a, u64 data)
{
    if (!allowed(a, data))
        return refused_hit(a, data, MMU_BY_L1);
    return rewalk_dirty(a, data);
}

static OUT_OF_LINE void make_mru(struct cpu *c, struct tlb *t, u32 set, u32 way)
{
    if (t->pair)
        pair_demote(c, t->pair, &t->a, t->kinds, set, way);
    fast_drop(c, t->kinds, t->a.tag[assoc_at(&t->a, set, t->a.mru[set])]);
    assoc_touch(&t->a, set, way);
}

/* Without paging, addresses are physical, and 32 bits wide. */
static enum mmu_status without_paging(const struct access *a)
{
    if (RARE(a->c->nested_on))
        return unpaged_guest(a);
    answer(a->r, a->va, a->kind, a->va & DATA_PA, PAGE_LG2, MMU_BY_L1, 0);
    return MMU_OK;
}

#define ACCESS &(struct access){ m, c, cpu, va, kind, flags & MMU_IMPLICIT, flags, r }

enum mmu_status mmu_translate(struct mmu *m, unsigned cpu, u64 va, enum mmu_kind kind, unsigned flags,
                              struct mmu_result *r)
{
    CHECK(cpu < m->cpus && (unsigned)kind <= MMU_FETCH);
    struct cpu *c = &m->cpu[cpu];
    struct found f;
    if (RARE(c->mode.paging != PAGING_LONG)) {
        va &= 0xffffffff; /* modes without 64-bit addresses wrap at 4 GiB */
        if (c->mode.paging == PAGING_OFF)
            return without_paging(ACCESS);
    }
    if (LIKELY(!flags && refill(m, c, va, kind, r)))
        return MMU_OK;
    if (RARE(flags & SHADOW_FLAGS) && !shadow_possible(ACCESS))
        return (enum mmu_status)r->status;
    c->stats.lookups[side_of(kind)]++;
    if (RARE(!canonical(&c->mode, va)))
        return not_canonical(ACCESS, flags);
    if (!level_find(&c->port[kind].l1, va, c->mode.pcid_tag, &f))
        return second_level(ACCESS);
    u64 data = found_data(&f);
    u32 may = allow(c, flags, data);
    if (RARE(!(may >> kind & 1) || (kind == MMU_STORE && !(data & DATA_D))))
        return unsettled_hit(ACCESS, data);
    marks_sync(c, f.p->t, f.set);
    if (f.p->mru[f.set] != f.way)
        make_mru(c, f.p->t, f.set, f.way);
    if (plain(flags))
        mark_set(c, f.p->t, kind, va, may, data & DATA_D, f.p->unit);
    if (plain(flags))
        fast_set(c, f.p->t->kinds, kind, va, may, data & DATA_D, f.p->unit);
    answer(r, va, kind, data, f.p->lg2, MMU_BY_L1, 0);
    if (RARE(m->observer.translated != NULL))
        return told(ACCESS, data & DATA_G);
    return MMU_OK;
}

u64 mmu_first_page(const struct mmu *m, unsigned cpu, u64 va, u32 size_bytes, enum mmu_kind kind)
{
    CHECK(size_bytes >= 1 && cpu < m->cpus);
    u64 last = va + size_bytes - 1;
    return page_down(operand_leaves_canonical(&m->cpu[cpu], kind, va, last) ? last : va);
}

enum mmu_status mmu_access(struct mmu *m, unsigned cpu, u64 va, u32 size_bytes, enum mmu_kind kind, unsigned flags,
                           struct mmu_result *r)
{
    u64 pages_more = ((va & PAGE_MASK_LOW) + size_bytes - 1) >> PAGE_LG2, first = mmu_first_page(m, cpu, va, size_bytes, kind);
    if (first != page_down(va))
        va = first;
    enum mmu_status status = mmu_translate(m, cpu, va, kind, flags, r);
    for (u64 i = 1; i <= pages_more && status == MMU_OK; i++) {
        struct mmu_result next;
        status = mmu_translate(m, cpu, page_down(va) + i * PAGE_BYTES, kind, flags, &next);
        if (status != MMU_OK)
            *r = next;
    }
    if (pages_more)
        r->pieces = 2;
    return status;
}
