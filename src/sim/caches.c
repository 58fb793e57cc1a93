/* SPDX-License-Identifier: MIT
 * caches.c - first-level caches beside the machine's TLBs (contract: sim.h, "first-level caches").  Called by the embedder
 * after the access has been translated: the tag is compared with what the first-level TLB says, as the hardware would.
 *
 * Marks name lines by virtual addresses, so they must go when a translation may have changed.  Whatever changes one is an
 * invalidation on that CPU or a page fault, and the machine counts both: so a sum of its counters says when. */
#include "sim_internal.h"

#include "base/check.h"
#include "pagewalk/profile.h"

#define NOWHERE (~(u64)0)

struct sim_caches {
    struct cache *cache[SIM_CPUS_MAX][MMU_SIDES];
    u64 changes[SIM_CPUS_MAX];     /* when marks were last known to be right                                    */
    unsigned bound;                /* CPU with marks                                                            */
};

size_t caches_bytes(const struct sim_config *cfg)
{
    const struct mmu_profile *p = cfg->machine.profile;
    size_t bytes = sizeof(struct sim_caches) + 64;

    for (unsigned i = 0; p && i < p->caches; i++)
        bytes += cfg->machine.cpus * (cache_bytes(&p->cache[i]) + 64);
    return bytes;
}

bool sim_caches_begin(struct sim *s)
{
    const struct mmu_profile *p = s->profile;

    if (s->caches || p->caches < MMU_SIDES || !(s->caches = sim_alloc(s, sizeof *s->caches, 64)))
        return s->caches != NULL;
    for (unsigned cpu = 0; cpu < s->cpus; cpu++)
        for (unsigned i = 0; i < p->caches; i++) {
            void *block = sim_alloc(s, cache_bytes(&p->cache[i]), 64);

            CHECK(block); /* caches_bytes() has counted it                                                        */
            s->caches->cache[cpu][p->cache[i].side] = cache_create(block, &p->cache[i], cpu);
        }
    return true;
}

const struct cache *sim_cache(const struct sim *s, unsigned cpu, enum mmu_side side)
{
    return s->caches ? s->caches->cache[cpu][side] : NULL;
}

/* A page of an access that crossed may have been pushed out of a small TLB by the other one: then the tables know. */
static u64 where_is(const struct sim *s, unsigned cpu, u64 va, enum mmu_kind kind)
{
    struct mmu_walk w;
    u64 pa;

    if (LIKELY(mmu_first_level(s->mmu, cpu, va, kind, &pa)))
        return pa;
    mmu_walk(s->mmu, cpu, va, kind, 0, &w);
    return w.r.status == MMU_OK ? w.r.pa : NOWHERE;
}

void sim_cache_access(struct sim *s, unsigned cpu, u64 va, u32 size_bytes, enum mmu_kind kind)
{
    struct cache *c = s->caches->cache[cpu][kind == MMU_FETCH ? MMU_SIDE_I : MMU_SIDE_D];
    const u64 next = page_down(va) + PAGE_BYTES, pa = where_is(s, cpu, va, kind);
    const bool crosses = va + size_bytes > next;
    const u64 pa_next = crosses ? where_is(s, cpu, next, kind) : 0;

    if (pa == NOWHERE || pa_next == NOWHERE)
        return; /* it was not made                                                                                */
    if (RARE(va + size_bytes > next + PAGE_BYTES)) /* no instruction makes such an access at once                 */
        size_bytes = (u32)(next + PAGE_BYTES - va);
    cache_access(c, va, pa, pa_next, size_bytes, kind == MMU_STORE);
}

static u64 changes(const struct sim *s, unsigned cpu)
{
    const struct mmu_stats *t = mmu_stats(s->mmu, cpu);

    return t->pf + t->invlpg + t->invpcid + t->cr3_writes + t->flushes_full + t->invlpga + t->invlpgb + t->tlbsync;
}

static void drop_marks(struct sim_caches *c, unsigned cpu)
{
    cache_unmark(c->cache[cpu][MMU_SIDE_I]);
    cache_unmark(c->cache[cpu][MMU_SIDE_D]);
}

void sim_cache_settle(struct sim *s, unsigned cpu)
{
    const u64 now = changes(s, cpu);

    if (LIKELY(s->caches->changes[cpu] == now))
        return;
    s->caches->changes[cpu] = now;
    drop_marks(s->caches, cpu);
}

void sim_cache_marks(struct sim *s, unsigned cpu, struct cache_marks *i, struct cache_marks *d)
{
    struct sim_caches *c = s->caches;

    cache_bind_marks(c->cache[c->bound][MMU_SIDE_I], NULL);
    cache_bind_marks(c->cache[c->bound][MMU_SIDE_D], NULL);
    cache_bind_marks(c->cache[cpu][MMU_SIDE_I], i);
    cache_bind_marks(c->cache[cpu][MMU_SIDE_D], d);
    c->bound = cpu;
    c->changes[cpu] = changes(s, cpu);
}
