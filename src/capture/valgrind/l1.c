/* SPDX-License-Identifier: GPL-2.0-or-later
 * l1.c - --l1: the answers to the checks of lines, and what the caches counted.
 *
 * Instrumented code asks after it has asked for the page (instrument.c), so the access is made and its translation in the
 * first level of the TLB; an access that ends in a signal finds none there, and is not counted. */
#include "l1.h"
#include "put.h"

struct cache_marks cap_lines[MMU_SIDES];

static struct cache_stats counted_before[64][MMU_SIDES];   /* by CPU: what was counted before this process began    */

void cap_l1_begin(void)
{
    if (cap.opt.l1 && !sim_caches_begin(cap.sim)) {
        VG_(printf)("pagewalk: the CPU profile does not say what its first-level caches are; --l1 needs one that does\n");
        VG_(exit)(125);
    }
}

UInt cap_l1_line_bytes(enum mmu_side side)
{
    for (UInt i = 0; i < cap.profile->caches; i++)
        if (cap.profile->cache[i].side == side)
            return cap.profile->cache[i].line_bytes;
    return 0;
}

void cap_l1_switch(void)
{
    if (cap.opt.l1)
        sim_cache_marks(cap.sim, cap.cpu, cap.opt.filter ? &cap_lines[MMU_SIDE_I] : NULL, cap.opt.filter ? &cap_lines[MMU_SIDE_D] : NULL);
}

VG_REGPARM(2) void cap_l1_access(Addr va, UWord what)
{
    sim_cache_access(cap.sim, cap.cpu, va, (UInt)(what >> 2), (enum mmu_kind)(what & 3));
}

/* ---- counts -------------------------------------------------------------------------------------------------------- */

static struct cache_stats stats_of(Int cpu, UInt side) { return *cache_stats(sim_cache(cap.sim, (unsigned)cpu, (enum mmu_side)side)); }

void cap_l1_forget(void)
{
    for (Int c = 0; cap.opt.l1 && c < cap.opt.cpus; c++)
        for (UInt side = 0; side < MMU_SIDES; side++)
            counted_before[c][side] = stats_of(c, side);
}

static void add_since(struct cache_stats *sum, const struct cache_stats *now, const struct cache_stats *before)
{
    u64 *to = (u64 *)sum;
    const u64 *a = (const u64 *)now, *b = (const u64 *)before;
    for (UInt i = 0; i < sizeof *sum / sizeof *to; i++)
        to[i] += a[i] - b[i];
}

/* A read-modify-write is one store. */
void cap_l1_put(void)
{
    const u64 accesses[MMU_SIDES][2] = { [MMU_SIDE_I] = { cap_totals.instructions, 0 },
                                         [MMU_SIDE_D] = { cap_totals.loads - cap_totals.modifies, cap_totals.stores } };
    struct cache_stats sum[MMU_SIDES] = { 0 };
    if (!cap.opt.l1)
        return;
    for (Int c = 0; c < cap.opt.cpus; c++)
        for (UInt side = 0; side < MMU_SIDES; side++) {
            const struct cache_stats now = stats_of(c, side);
            add_since(&sum[side], &now, &counted_before[c][side]);
        }
    results_put_caches(&put_out, sum, accesses);
}
