/* SPDX-License-Identifier: MIT
 * numa.c - nodes, and the meter that observes a machine (numa.h).  ACPI 6.5, 5.2.17 (SLIT).
 *
 * A walk's reads are not told by the machine; they are the entries from the level it began at (the root's, or what a structure
 * cache shortened it to), as many as it read, and mmu_walk() says where they lie. */
#include "pagewalk/numa.h"

#include "base/check.h"
#include "base/text.h"

#include <string.h>

#define SHARE_BYTES (4ull << 20)

bool numa_even(struct numa *n, unsigned nodes, u64 ram_bytes, unsigned cpus, unsigned distance)
{
    const u64 share = nodes ? ram_bytes / nodes & ~(SHARE_BYTES - 1) : 0;

    if (!share || nodes > NUMA_NODES_MAX || cpus < nodes || cpus > NUMA_CPUS_MAX || distance <= NUMA_LOCAL || distance > 255)
        return false;
    *n = (struct numa){ .nodes = nodes, .local_cycles = NUMA_LOCAL_CYCLES };
    for (unsigned i = 0; i < nodes; i++) {
        n->end[i] = i + 1 < nodes ? share * (i + 1) : ram_bytes;
        for (unsigned j = 0; j < nodes; j++)
            n->distance[i][j] = (u8)(i == j ? NUMA_LOCAL : distance);
    }
    for (unsigned cpu = 0; cpu < cpus; cpu++)
        n->cpu_node[cpu] = (u8)(cpu * nodes / cpus);
    return true;
}

unsigned numa_node(const struct numa *n, u64 pa)
{
    unsigned i = 0;

    while (i + 1 < n->nodes && pa >= n->end[i])
        i++;
    return i;
}

u32 numa_cycles(const struct numa *n, unsigned from, unsigned to) { return n->local_cycles * n->distance[from][to] / NUMA_LOCAL; }

unsigned numa_walk_reads(const struct mmu *m, unsigned cpu, const struct mmu_result *r, u64 *pa)
{
    struct mmu_walk w;
    unsigned n = 0;

    mmu_walk(m, cpu, r->va, (enum mmu_kind)r->kind, 0, &w);
    for (unsigned i = 0; i < w.steps && n < r->reads; i++)
        if (!r->psc_level || w.step[i].level < r->psc_level)
            pa[n++] = w.step[i].entry_pa;
    return n;
}

/* ---- the meter --------------------------------------------------------------------------------------------------- */

static void explain(const struct numa_meter *meter, const char *what, u64 pa, unsigned from, unsigned to)
{
    struct text t = { 0 };

    if (!meter->explain.put)
        return;
    text_str(&t, what);
    text_0x(&t, pa);
    text_str(&t, " on node ");
    text_dec(&t, to);
    if (from == to) {
        text_str(&t, ", local");
    } else {
        text_str(&t, ", remote from node ");
        text_dec(&t, from);
        text_str(&t, ": distance ");
        text_dec(&t, meter->numa->distance[from][to]);
    }
    text_emit(&t, &meter->explain);
}

static void count(struct numa_meter *meter, u64 (*counter)[NUMA_NODES_MAX], unsigned from, u64 pa, const char *what)
{
    const struct numa *n = meter->numa;
    const unsigned to = numa_node(n, pa);

    counter[from][to]++;
    meter->counts.cycles += numa_cycles(n, from, to);
    meter->counts.remote_cycles += numa_cycles(n, from, to) - numa_cycles(n, from, from);
    explain(meter, what, pa, from, to);
}

static void translated(void *ctx, unsigned cpu, const struct mmu_result *r, u64 pcid, bool global)
{
    struct numa_meter *meter = ctx;
    const unsigned from = meter->numa->cpu_node[cpu];
    u64 pa[5];

    (void)pcid;
    (void)global;
    if (r->by == MMU_BY_WALK && r->reads) {
        const unsigned reads = numa_walk_reads(meter->mmu, cpu, r, pa);
        for (unsigned i = 0; i < reads; i++)
            count(meter, meter->counts.reads, from, pa[i], "table entry at ");
    }
    if (r->status == MMU_OK)
        count(meter, meter->counts.accesses, from, r->pa, "memory at ");
}

void numa_observe(struct numa_meter *meter, const struct numa *n, struct mmu *m)
{
    const struct mmu_observer observer = { .ctx = meter, .translated = translated };

    CHECK(n->nodes && n->nodes <= NUMA_NODES_MAX);
    memset(&meter->counts, 0, sizeof meter->counts);
    meter->numa = n;
    meter->mmu = m;
    mmu_observe(m, &observer);
}
