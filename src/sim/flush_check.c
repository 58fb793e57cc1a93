/* SPDX-License-Identifier: MIT
 * flush_check.c - the session's side of the missing-invalidation checker (mmu.h): memory for it, the kernel's stores, and
 * who made them.  Called by sim.c, access.c (page faults) and the embedder (what it is doing).  Who is to blame is what the
 * embedder said last, and, within a fault, that fault. */
#include "sim_internal.h"

#include "base/text.h"

#include <string.h>

size_t flush_check_bytes(const struct sim_config *cfg)
{
    return cfg->check_flush ? mmu_check_flush_bytes(&cfg->machine) + 64 : 0;
}

static void stored(void *ctx, u64 pa, u64 old_value, u64 new_value)
{
    mmu_check_flush_stored(((struct sim *)ctx)->mmu, pa, old_value, new_value);
}

static void found(void *ctx, const struct mmu_stale *u)
{
    struct sim *s = ctx;

    if (s->stale_found)
        s->stale_found(s->stale_ctx, u);
}

bool flush_check_begin(struct sim *s, const struct sim_config *cfg)
{
    const size_t bytes = mmu_check_flush_bytes(&cfg->machine);
    void *block = sim_alloc(s, bytes, 64);

    if (!block)
        return false;
    mmu_check_flush_begin(s->mmu, block, bytes, found, s);
    s->check_flush = true;
    s->hw.pte_stored = stored;
    return true;
}

void sim_on_stale(struct sim *s, void (*seen)(void *ctx, const struct mmu_stale *u), void *ctx)
{
    s->stale_found = seen;
    s->stale_ctx = ctx;
}

void sim_doing(struct sim *s, unsigned cpu, const char *what)
{
    size_t n = 0;

    if (!s->check_flush)
        return;
    for (; what[n] && n < sizeof s->doing - 1; n++)
        s->doing[n] = what[n];
    s->doing[n] = 0;
    s->doing_cpu = cpu;
    mmu_check_flush_actor(s->mmu, cpu, s->doing);
}

/* Until flush_check_fault_over(). */
void flush_check_fault(struct sim *s, unsigned cpu, u64 va)
{
    struct text t = { 0 };

    text_str(&t, s->doing);
    text_str(&t, s->doing[0] ? ", page fault at " : "page fault at ");
    text_0x(&t, va);
    text_char(&t, 0);
    mmu_check_flush_actor(s->mmu, cpu, t.buf);
}

void flush_check_fault_over(struct sim *s) { mmu_check_flush_actor(s->mmu, s->doing_cpu, s->doing); }
