/* SPDX-License-Identifier: MIT
 * pgtable.c - page tables in the machine's memory, in the x86 format (SDM3 4.5), because the machine walks them.
 * Called by faults and by every operation over a range.  Level 0 is the last.  All stores go through pte_store().
 * Tables are counted per mm (VmPTE: the top table is not in the count); none is shared. */
#include "calls.h"

static unsigned shift_of(unsigned level) { return PAGE_LG2 + 9 * level; }

u64 *table_entry(const struct kernel *k, u64 table_pa, unsigned level, u64 va)
{
    return (u64 *)(void *)(k->hw.ram + table_pa) + (va >> shift_of(level) & (PTRS_PER_TABLE - 1));
}

pfn_t table_alloc(struct kernel *k)
{
    pfn_t f = frames_alloc(k, 0, FRAME_TABLE);
    if (!pfn_is_none(f))
        memset(k->hw.ram + pfn_to_pa(f), 0, PAGE_BYTES);
    return f;
}

/* A top table; with KPTI a pair of them, the program's behind the kernel's. */
pfn_t top_alloc(struct kernel *k)
{
    pfn_t f = frames_alloc(k, k->kpti, FRAME_TABLE);
    if (!pfn_is_none(f))
        memset(k->hw.ram + pfn_to_pa(f), 0, PAGE_BYTES << k->kpti);
    return f;
}

/* An entry that leads to a table.  With KPTI one of the top is the program's too; the kernel's half forbids to execute
 * what is below it. */
static void store_table(struct kernel *k, u64 *e, unsigned level, u64 value)
{
    if (level == TOP_LEVEL && k->kpti) {
        pte_store(k, e + PTRS_PER_TABLE, value);
        value |= value ? X86_PTE_XD : 0;
    }
    pte_store(k, e, value);
}

/* The entry for va at `level`, or NULL when a table on the way is missing (or a 2 MiB page ends the walk). */
u64 *pgtable_find(const struct mm *mm, u64 va, unsigned level)
{
    u64 *e = table_entry(mm->k, pfn_to_pa(mm->top), TOP_LEVEL, va);

    for (unsigned l = TOP_LEVEL; l > level; l--) {
        if (!pmd_table(*e))
            return NULL;
        e = table_entry(mm->k, *e & X86_PTE_ADDR, l - 1, va);
    }
    return e;
}

/* The entry of 4 KiB or 2 MiB that maps va; NULL: none, there is no table. */
u64 *pgtable_leaf(const struct mm *mm, u64 va)
{
    u64 *e = pgtable_find(mm, va, 1);
    return e && !pmd_huge(*e) ? pgtable_find(mm, va, 0) : e;
}

/* The same as pgtable_find, making missing tables; NULL: out of memory.  pre: no 2 MiB page above the level asked for. */
u64 *pgtable_make(struct mm *mm, u64 va, unsigned level)
{
    struct kernel *k = mm->k;
    u64 *e = table_entry(k, pfn_to_pa(mm->top), TOP_LEVEL, va);

    for (unsigned l = TOP_LEVEL; l > level; l--) {
        if (!*e) {
            pfn_t t = table_alloc(k);
            if (pfn_is_none(t))
                return NULL;
            store_table(k, e, l, pfn_to_pa(t) | PTE_TABLE);
            if (++mm->tables > mm->peak_tables)
                mm->peak_tables = mm->tables;
            EXPLAIN(k, "page table made: level %d table at frame %x for %x", l - 1, t.n, va);
        }
        CHECK(pmd_table(*e));
        e = table_entry(k, *e & X86_PTE_ADDR, l - 1, va);
    }
    return e;
}

/* The stretch of [va, end) that one PTE table, one 2 MiB page or one hole in the tables covers. */
struct span pgtable_span(const struct mm *mm, u64 va, u64 end)
{
    struct span s = { .end = end };
    u64 *e = table_entry(mm->k, pfn_to_pa(mm->top), TOP_LEVEL, va);
    unsigned l = TOP_LEVEL;

    while (l > 1 && pmd_table(*e)) {
        l--;
        e = table_entry(mm->k, *e & X86_PTE_ADDR, l, va);
    }
    u64 limit = ((va >> shift_of(l)) + 1) << shift_of(l);
    if (limit < end)
        s.end = limit;
    if (l == 1) {
        s.pmd = e;
        if (pmd_table(*e))
            s.pte = table_entry(mm->k, *e & X86_PTE_ADDR, 0, va);
    }
    return s;
}

/* ---- freeing tables -------------------------------------------------------------------------------------------- */

/* Free the tables below the entry at `e` (of `level`) whose whole reach lies in [floor, ceiling), as far as
 * [start, end) needs; true: the table that e points to is now free. */
static bool free_below(struct gather *g, u64 *e, unsigned level, u64 base, u64 start, u64 end, u64 floor, u64 ceiling)
{
    u64 size = 1ull << shift_of(level);
    u64 table = *e & X86_PTE_ADDR;

    if (level > 1) {
        u64 step = size >> 9;
        u64 from = start > base ? (start - base) / step : 0;
        for (u64 i = from; i < PTRS_PER_TABLE && base + i * step < end; i++) {
            u64 *below = (u64 *)(void *)(g->mm->k->hw.ram + table) + i;
            if (pmd_table(*below))
                free_below(g, below, level - 1, base + i * step, start, end, floor, ceiling);
        }
    }
    if (base < floor || base + size - 1 > ceiling - 1)
        return false;
    store_table(g->mm->k, e, level, 0);
    g->mm->tables--;
    gather_table(g, pa_to_pfn(table), start > base ? start : base);
    return true;
}

/* free_pgtables: the mappings of [start, end) are gone; nothing else is mapped in [floor, ceiling). */
void pgtable_free_range(struct gather *g, u64 start, u64 end, u64 floor, u64 ceiling)
{
    u64 size = 1ull << shift_of(TOP_LEVEL);

    for (u64 base = start & ~(size - 1); base < end; base += size) {
        u64 *e = table_entry(g->mm->k, pfn_to_pa(g->mm->top), TOP_LEVEL, base);
        if (pmd_table(*e))
            free_below(g, e, TOP_LEVEL, base, start, end, floor, ceiling);
    }
}

/* One PTE table that has become empty (MADV_DONTNEED over all of its 2 MiB). */
void pgtable_reclaim(struct gather *g, u64 *pmd, u64 va)
{
    u64 *t = (u64 *)(void *)(g->mm->k->hw.ram + (*pmd & X86_PTE_ADDR));
    pfn_t table = pte_pfn(*pmd);

    for (unsigned i = 0; i < PTRS_PER_TABLE; i++)
        if (t[i])
            return;
    pte_store(g->mm->k, pmd, 0);
    g->mm->tables--;
    gather_table(g, table, va & ~(PMD_BYTES - 1));
}
