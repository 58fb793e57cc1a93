/* SPDX-License-Identifier: MIT
 * tlbflush.c - making CPUs forget.  Called after entries were changed; nobody else invalidates.
 * A range of more than 33 entries is a full flush (Linux's tlb_single_page_flush_ceiling), else one INVLPG each.
 * Interrupts go only to CPUs that run the address space.  Every address space has PCID 0 and a switch writes CR3,
 * so a CPU that does not run it holds nothing of it.
 * The gather batches an unmapping: clear entries, flush once, free frames and tables. */
#include "calls.h"

#define FLUSH_CEILING 33
#define GATHER_PAGES (8 + 19 * 510)      /* Linux's bound on one batch of freed pages                         */

static void flush_local(struct kernel *k, unsigned cpu, const struct flush *f)
{
    struct mm_counters *c = &k->actor->counters;

    if (f->full) {
        k->hw.write_reg(k->hw.ctx, cpu, HW_CR3, pfn_to_pa(f->mm->top));
        c->flush_full++;
        return;
    }
    for (u64 va = f->start; va < f->end; va += 1ull << f->stride_lg2) {
        k->hw.invlpg(k->hw.ctx, cpu, va);
        c->flush_pages++;
    }
}

void kernel_ipi(struct kernel *k, unsigned cpu)
{
    if (k->flush.mm && k->cpu[cpu].proc && k->cpu[cpu].proc->mm == k->flush.mm)
        flush_local(k, cpu, &k->flush);
}

void flush_range(struct mm *mm, u64 start, u64 end, unsigned stride_lg2)
{
    struct kernel *k = mm->k;

    if (!mm->cpus)
        return;
    k->flush = (struct flush){ .mm = mm, .start = start, .end = end, .stride_lg2 = (u8)stride_lg2,
                               .full = end == ~(u64)0 || (end - start) >> stride_lg2 > FLUSH_CEILING };
    if (k->flush.full)
        EXPLAIN(k, "TLB: full flush, CPUs %x", mm->cpus);
    else
        EXPLAIN(k, "TLB: flush %d entries from %x, CPUs %x", (end - start) >> stride_lg2, start, mm->cpus);
    if (mm->cpus >> k->this_cpu & 1)
        flush_local(k, k->this_cpu, &k->flush);
    for (unsigned cpu = 0; cpu < k->hw.cpus; cpu++) {
        if (cpu == k->this_cpu || !(mm->cpus >> cpu & 1))
            continue;
        k->actor->counters.ipis++;
        k->hw.send_ipi(k->hw.ctx, k->this_cpu, cpu);
    }
    k->flush.mm = NULL;
}

void flush_page(struct mm *mm, u64 va) { flush_range(mm, va, va + PAGE_BYTES, PAGE_LG2); }
void flush_mm(struct mm *mm) { flush_range(mm, 0, ~(u64)0, PAGE_LG2); }

/* ---- gather ---------------------------------------------------------------------------------------------------- */

struct gather gather_begin(struct mm *mm)
{
    return (struct gather){ .mm = mm, .start = ~(u64)0, .doomed = NO_FRAME };
}

static void cover(struct gather *g, u64 va, u64 bytes)
{
    if (va < g->start)
        g->start = va;
    if (va + bytes > g->end)
        g->end = va + bytes;
}

/* A present entry was cleared or lost rights. */
void gather_pte(struct gather *g, u64 va)
{
    cover(g, va, PAGE_BYTES);
    g->ptes = true;
}

void gather_pmd(struct gather *g, u64 va)
{
    cover(g, va, PMD_BYTES);
    g->pmds = true;
}

/* A huge page of 2 MiB or 1 GiB. */
void gather_leaf(struct gather *g, u64 va, unsigned lg2)
{
    cover(g, va, 1ull << lg2);
    *(lg2 == 21 ? &g->pmds : &g->puds) = true;
}

static void doom(struct gather *g, struct frame *f)
{
    f->free.next = g->doomed;
    g->doomed = (u32)frame_pfn(g->mm->k, f).n;
}

void gather_table(struct gather *g, pfn_t table, u64 va)
{
    cover(g, va, PAGE_BYTES);
    g->pmds = g->tables = true;
    doom(g, frame_at(g->mm->k, table));
}

/* Drop the reference of a mapping that was cleared.  pre: the reverse map no longer has it. */
void gather_put(struct gather *g, struct frame *f)
{
    struct frame *head = folio_of(g->mm->k, f);
    g->pages++;
    if (head->refs == 1 && !head->mapped) {
        doom(g, head);
        return;
    }
    frame_put(g->mm->k, f);
}

/* The smallest kind of entry among those gathered. */
static unsigned stride_lg2(const struct gather *g)
{
    return g->ptes ? PAGE_LG2 : g->pmds ? 21 : g->puds ? 30 : PAGE_LG2;
}

static void flush_gathered(struct gather *g)
{
    if (!g->full_mm && g->end)
        flush_range(g->mm, g->start, g->end, stride_lg2(g));
    g->start = ~(u64)0;
    g->end = 0;
    g->ptes = g->pmds = g->puds = g->tables = false;
}

/* Flush, then free what was gathered. */
void gather_flush(struct gather *g)
{
    struct kernel *k = g->mm->k;
    u32 n = g->doomed;

    flush_gathered(g);
    g->doomed = NO_FRAME;
    if (g->pages)
        lru_drain_unmap(k);
    g->pages = 0;
    while (n != NO_FRAME) {
        struct frame *f = &k->frames[n];
        n = f->free.next;
        frame_put(k, f);
    }
}

/* After each page table of a range: dirty file pages must be flushed before their reverse map goes, and a batch has
 * a largest size. */
void gather_step(struct gather *g)
{
    if (g->pages >= GATHER_PAGES)
        gather_flush(g);
    else if (g->dirty_files && !g->full_mm)
        flush_gathered(g);
    g->dirty_files = false;
}
