/* SPDX-License-Identifier: MIT
 * tlbflush.c - making CPUs forget.  Called after entries were changed; nobody else invalidates.  Linux
 * arch/x86/mm/tlb.c and mm/mmu_gather.c.
 * Every flush is the next generation of its address space.  A range of more than 33 entries is a full flush
 * (tlb_single_page_flush_ceiling), else one INVLPG each; a CPU that missed a generation does a full one.
 * Interrupts go to the CPUs that have the address space loaded.  Lazy ones are spared, unless page tables were freed (the
 * processor may still walk them): then they go to the kernel's own tables.  CPUs that left the address space stay in
 * its mask (6.14) until a flush that frees tables, or one a second, reaches them.  Not modelled: the CPU's broadcast
 * invalidation (INVLPGB), and idle states that flush.
 * The gather batches an unmapping: clear entries, flush once, free frames and tables. */
#include "calls.h"

#define FLUSH_CEILING 33
#define TRIM_NS 1000000000ull

/* ---- one CPU ---------------------------------------------------------------------------------------------------- */

static void flush_local(struct kernel *k, unsigned cpu, const struct flush *f, u64 seen)
{
    struct mm_counters *c = &k->actor->counters;

    if (f->full || f->gen != seen + 1) {
        tlb_flush_all(k, cpu);
        c->flush_full++;
        return;
    }
    for (u64 va = f->start; va < f->end; va += 1ull << f->stride_lg2) {
        tlb_flush_one(k, cpu, va);
        c->flush_pages++;
    }
}

/* flush_tlb_func() */
static void flush_here(struct kernel *k, unsigned cpu, const struct flush *f)
{
    struct cpu *c = &k->cpu[cpu];
    struct tlb_ctx *ctx = &c->ctx[c->asid];

    if (c->loaded != f->mm) {             /* it left long ago */
        f->mm->cpus &= ~(1ull << cpu);
    } else if (c->lazy) {
        mm_switch(k, cpu, NULL);
    } else if (ctx->tlb_gen < f->gen) {
        flush_local(k, cpu, f, ctx->tlb_gen);
        ctx->tlb_gen = f->gen;
    }
}

void kernel_ipi(struct kernel *k, unsigned cpu)
{
    if (!k->flush.mm)
        return;
    kernel_from_user(k, cpu);
    flush_here(k, cpu, &k->flush);
    k->flush.acknowledged = true;
    k->actor->counters.acks++;
}

/* ---- all CPUs --------------------------------------------------------------------------------------------------- */

/* should_trim_cpumask() */
static bool trim_due(struct mm *mm)
{
    u64 now = mm->k->hw.now_ns(mm->k->hw.ctx);

    if (!mm->k->q.stale_cpumask || now <= mm->trim_due_ns)
        return false;
    mm->trim_due_ns = now + TRIM_NS;
    return true;
}

/* should_flush_tlb() */
static bool wants_ipi(const struct kernel *k, unsigned cpu, bool trim)
{
    const struct cpu *c = &k->cpu[cpu];

    return !c->lazy && (c->loaded == k->flush.mm || trim);
}

static void tell(struct kernel *k, const struct flush *f, unsigned ipis)
{
    if (ipis && k->on_shootdown)
        k->on_shootdown(k->on_shootdown_ctx, k->actor, f->start, f->mm == k->actor->mm ? f->end : ~(u64)0, ipis);
}

static void flush_others(struct kernel *k, struct mm *mm, bool freed_tables)
{
    u64 others = mm->cpus & ~(1ull << k->this_cpu);
    bool trim = others && trim_due(mm);
    unsigned ipis = 0;

    for (; others; others &= others - 1) {
        unsigned cpu = (unsigned)__builtin_ctzll(others);
        if (!freed_tables && !wants_ipi(k, cpu, trim)) {
            k->actor->counters.lazy_skips++;
            continue;
        }
        k->flush.acknowledged = false;
        k->actor->counters.ipis++;
        ipis++;
        k->hw.send_ipi(k->hw.ctx, k->this_cpu, cpu);
        CHECK(k->flush.acknowledged);     /* until then frames must not be freed */
    }
    tell(k, &k->flush, ipis);
}

/* flush_tlb_mm_range() */
static void flush(struct mm *mm, u64 start, u64 end, unsigned stride_lg2, bool freed_tables)
{
    struct kernel *k = mm->k;

    mm->tlb_gen++;
    if (!mm->cpus)
        return;
    k->flush = (struct flush){ .mm = mm, .start = start, .end = end, .stride_lg2 = (u8)stride_lg2, .gen = mm->tlb_gen,
                               .full = end == ~(u64)0 || (end - start) >> stride_lg2 > FLUSH_CEILING };
    if (k->flush.full)
        EXPLAIN(k, "TLB: full flush, CPUs %x", mm->cpus);
    else
        EXPLAIN(k, "TLB: flush %d entries from %x, CPUs %x", (end - start) >> stride_lg2, start, mm->cpus);
    if (mm->cpus >> k->this_cpu & 1) {
        kernel_from_user(k, k->this_cpu);
        flush_here(k, k->this_cpu, &k->flush);
    }
    flush_others(k, mm, freed_tables);
    k->flush.mm = NULL;
}

/* flush_tlb_range(): the stride is that of small pages, whatever is mapped there, and lazy CPUs are not spared. */
void flush_range(struct mm *mm, u64 start, u64 end) { flush(mm, start, end, PAGE_LG2, true); }
void flush_page(struct mm *mm, u64 va) { flush(mm, va, va + PAGE_BYTES, PAGE_LG2, false); }
void flush_mm(struct mm *mm) { flush(mm, 0, ~(u64)0, PAGE_LG2, true); }

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

/* The pointers of a batch: 8 in the gather itself, then 19 pages of 510; since 6.9 each of the 20 is left when a page
 * and a count no longer fit. */
static u32 slots_of(const struct kernel *k) { return k->q.gather_pairs ? 7 + 19 * 509 : 8 + 19 * 510; }

/* A page takes a pointer; since 6.9 a run of pages of one folio takes two together. */
static void take_slot(struct gather *g, struct frame *f)
{
    bool run = g->mm->k->q.gather_pairs && (f->flags & FRAME_HUGE) && g->last == f - 1 &&
               folio_of(g->mm->k, f) == folio_of(g->mm->k, g->last);

    g->slots += !run || !g->pair;
    g->pair = run;
    g->last = f->flags & FRAME_HUGE ? f : NULL;
}

/* Drop the reference of a mapping that was cleared; a full batch is flushed.  pre: the reverse map no longer has it. */
void gather_put(struct gather *g, struct frame *f)
{
    struct frame *head = folio_of(g->mm->k, f);

    if (RARE(f->kind == FRAME_ANON && (f->flags & FRAME_SWAPCACHE)))
        swap_unmapped(g->mm->k, f);
    take_slot(g, f);
    if (head->refs == 1 && !head->mapped)
        doom(g, head);
    else
        frame_put(g->mm->k, f);
    if (g->slots >= slots_of(g->mm->k))
        gather_flush(g);
}

/* The smallest kind of entry among those gathered. */
static unsigned stride_lg2(const struct gather *g)
{
    return g->ptes ? PAGE_LG2 : g->pmds ? 21 : g->puds ? 30 : PAGE_LG2;
}

static void flush_gathered(struct gather *g)
{
    if (g->full_mm && g->end)
        flush_mm(g->mm);                  /* no CPU runs it; those that still have its tables leave them */
    else if (g->end)
        flush(g->mm, g->start, g->end, stride_lg2(g), g->tables);
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
    if (g->slots)
        lru_drain_unmap(k);
    g->slots = 0;
    g->last = NULL;
    while (n != NO_FRAME) {
        struct frame *f = &k->frames[n];
        n = f->free.next;
        frame_put(k, f);
    }
}

/* After each page table of a range: dirty file pages must be flushed before their reverse map goes. */
void gather_step(struct gather *g)
{
    if (g->dirty_files && !g->full_mm)
        flush_gathered(g);
    g->dirty_files = false;
}
