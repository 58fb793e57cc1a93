/* SPDX-License-Identifier: MIT
 * estimate.c - see estimate.h.  docs/accuracy.md holds its predictions beside measured times.
 *
 * Only what is counted differently can make a difference:
 *
 *   change = seen * (cycles of walks and of second-level hits) + fault * faults + populate * populated pages
 *            + zero * zeroed pages + copy * copied pages + ipi * shootdowns                            (afterwards less before)
 *
 * in percent of the run time.  When that was measured, it is taken as it is.  Otherwise it is  cpi * instructions + seen * (walks'
 * cycles + memory * walks) + the kernel's part: what misses the TLB mostly misses the caches too, so each walk's load waits for
 * memory besides.
 *
 * How much of a walk is seen.  A processor goes on with other loads meanwhile; the walk and the memory access that waits for it
 * are one chain, chain = walks' cycles + memory * walks.  If all chains of the run stood one after the other they would take
 * longer than the measured time by overlap = chain / time.  (Little's law: so many are under way at once.)
 *   overlap >= 1   of a walk at most 1 / overlap is seen: its share of the chain.  At least 1 / overlap^2: walks may hide behind
 *                  other chains' memory accesses too.  At 1 nothing is hidden.
 *   overlap < 1    other work fills the rest of the time; the more of it, the more may hide walks: from SEEN_LEAST on.
 *
 * Each factor is known only to lie in a range.  The change is worked out at every corner of these ranges; its least, its greatest
 * and that in the middle are given. */
#include "trace/estimate.h"

enum { CPI, GHZ, SEEN, MEMORY, FAULT, POPULATE, ZERO, COPY, IPI, FACTORS };
#define SEEN_LEAST 0.4
#define MEASURED_LOW 0.75         /* of what was measured: other programs, other moments                             */
#define MEASURED_HIGH 1.25
#define USER_LEAST 0.05           /* of the run time is the program's own, whatever the kernel's part is worth        */

/* Ranges for 64-bit x86 processors of the last ten years.  A fault: from the exception to its return, without the page's
 * contents (0.3 to 1 microseconds bare, more in virtual machines).  A populated page: the same without exception and return.
 * Zeroing and copying: 4 KiB at 10 to 40 bytes a cycle and half of that. */
static const struct assumption assumed[FACTORS] = {
    [CPI] = { "cycles an instruction, waiting for memory apart", 0.4, 1.5, false },
    [GHZ] = { "GHz of the core", 2, 5, false },
    [SEEN] = { "part of the cycles of walks that is not hidden, from the least to the most that the run time allows", 0, 1, false },
    [MEMORY] = { "cycles a walk's load waits for memory besides", 20, 400, false },
    [FAULT] = { "cycles a fault, its page's contents apart", 1000, 4000, false },
    [POPULATE] = { "part of a fault's cycles that a populated page takes", 0.3, 0.8, false },
    [ZERO] = { "cycles to zero 4 KiB", 100, 400, false },
    [COPY] = { "cycles to copy 4 KiB", 200, 800, false },
    [IPI] = { "cycles a shootdown IPI", 1000, 5000, false },
};

static double measured(const struct mmu_costs *c, unsigned factor)
{
    switch (factor) {
    case GHZ: return c->mhz / 1000.0;
    case MEMORY: return c->memory_cycles;
    case FAULT: return c->fault_cycles;
    case ZERO: return c->zero_cycles;
    case COPY: return c->copy_cycles;
    default: return 0;
    }
}

bool estimate_assumption(const struct basis *b, unsigned i, struct assumption *a)
{
    double found = i < FACTORS ? measured(&b->costs, i) : 0;
    if (i >= FACTORS)
        return false;
    *a = assumed[i];
    if (found > 0)
        *a = (struct assumption){ assumed[i].what, found * (i == GHZ ? 1 : MEASURED_LOW), found * (i == GHZ ? 1 : MEASURED_HIGH), true };
    return true;
}

/* ---- the run time ---------------------------------------------------------------------------------------------------- */

static double walking(const struct replay_outcome *o) { return (double)(o->walk_cycles + o->stlb_cycles); }

static double kernels_part(const struct replay_outcome *o, const double by[FACTORS])
{
    return by[FAULT] * ((double)(o->minor + o->major) + by[POPULATE] * (double)o->populated) + by[ZERO] * (double)o->zeroed_pages +
           by[COPY] * (double)o->copied_pages + by[IPI] * (double)o->ipis;
}

/* by[SEEN] of the way from the least to the most that can be seen; cycles: of the program's own time, 0: unknown. */
static double seen(double chain, double cycles, const double by[FACTORS])
{
    double overlap = cycles > 0 ? chain / cycles : 0, most = overlap > 1 ? 1 / overlap : 1;
    double least = overlap > 1 ? most * most : SEEN_LEAST + (1 - SEEN_LEAST) * overlap;
    return least + by[SEEN] * (most - least);
}

static double percent(double seconds, const struct replay_outcome *from, const struct replay_outcome *to, const double by[FACTORS])
{
    double chain = walking(from) + by[MEMORY] * (double)from->walks, kernel = kernels_part(from, by), cycles = seconds * by[GHZ] * 1e9;
    double own = cycles - kernel > USER_LEAST * cycles ? cycles - kernel : USER_LEAST * cycles, part = seen(chain, own, by);
    if (seconds <= 0)
        cycles = by[CPI] * (double)from->instructions + part * chain + kernel;
    return cycles > 0 ? 100 * (part * (walking(to) - walking(from)) + kernels_part(to, by) - kernel) / cycles : 0;
}

/* ---- ranges ---------------------------------------------------------------------------------------------------------- */

struct change estimate_change(const struct basis *b, const struct replay_outcome *from, const struct replay_outcome *to)
{
    struct change c = { .known = from->instructions != 0 || b->seconds > 0, .low = 1e9, .high = -1e9 };
    struct assumption a[FACTORS];
    double by[FACTORS];
    for (unsigned i = 0; i < FACTORS; i++)
        estimate_assumption(b, i, &a[i]);
    for (unsigned corner = 0; corner < 1u << FACTORS; corner++) {
        for (unsigned i = 0; i < FACTORS; i++)
            by[i] = corner >> i & 1 ? a[i].high : a[i].low;
        double p = percent(b->seconds, from, to, by);
        c.low = p < c.low ? p : c.low;
        c.high = p > c.high ? p : c.high;
    }
    for (unsigned i = 0; i < FACTORS; i++)
        by[i] = (a[i].low + a[i].high) / 2;
    c.middle = percent(b->seconds, from, to, by);
    return c;
}
