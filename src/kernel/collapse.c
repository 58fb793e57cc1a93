/* SPDX-License-Identifier: MIT
 * collapse.c - small pages gathered into one of 2 MiB: one place of anonymous memory, and MADV_COLLAPSE.  Called by
 * madvise and khugepaged.c; collapse_file.c does the same for page caches.
 * Both look first (collapse_scan) and act when nothing speaks against it.  MADV_COLLAPSE asks neither the settings nor
 * their limits: one page table is enough, even one that maps nothing but zeros. */
#include "calls.h"

static u64 *entries(const struct kernel *k, u64 pmd) { return (u64 *)(void *)(k->hw.ram + (pmd & X86_PTE_ADDR)); }

/* What a scan counts against the limits. */
struct tally { u32 empty, absent, markers, shared, young; };

static enum collapse look_at(struct vma *v, u64 e, bool forced, struct tally *t)
{
    struct kernel *k = v->mm->k;
    struct frame *f, *head;

    if (pte_wp(e))
        return COLLAPSE_WRITE_PROTECTED;
    if (!e || (pte_present(e) && pte_pfn(e).n == k->zero.n))
        return uffd_armed(v)                                  ? COLLAPSE_EMPTY
               : ++t->empty <= k->thp.max_none || forced ? COLLAPSE_DONE : COLLAPSE_EMPTY;
    t->markers += pte_marker(e);
    if (!pte_present(e))
        return ++t->absent <= k->thp.max_swap || forced ? COLLAPSE_DONE : COLLAPSE_SWAP;
    if (!pte_counted(e))
        return COLLAPSE_NO_PAGE;
    f = frame_at(k, pte_pfn(e));
    head = folio_of(k, f);
    if (f->kind != FRAME_ANON)
        return COLLAPSE_FOREIGN;
    if (folio_shared(k, f) && ++t->shared > k->thp.max_shared && !forced)
        return COLLAPSE_SHARED;
    if (head->lru != LRU_ON || head->refs != folio_mapcount(head) + ((head->flags & FRAME_SWAPCACHE) != 0))
        return COLLAPSE_BUSY;
    t->young += (e & X86_PTE_A) != 0;
    return COLLAPSE_DONE;
}

/* May the 2 MiB at va become one page?  COLLAPSE_DONE: yes. */
static enum collapse scan(struct vma *v, u64 va, bool forced)
{
    const u64 *pmd = pgtable_find(v->mm, va, 1), *e;
    struct tally t = { 0 };

    if (!pmd)
        return COLLAPSE_NO_PMDS;
    if (!*pmd)
        return COLLAPSE_NO_TABLE;
    if (pmd_huge(*pmd))
        return COLLAPSE_MAPPED;
    e = entries(v->mm->k, *pmd);
    for (unsigned i = 0; i < PTRS_PER_TABLE; i++) {
        enum collapse r = look_at(v, e[i], forced, &t);
        if (r != COLLAPSE_DONE)
            return r;
    }
    if (!forced && (!t.young || (t.absent && t.young < PTRS_PER_TABLE / 2)))
        return COLLAPSE_OLD;
    return t.markers ? COLLAPSE_FAILED : COLLAPSE_DONE; /* a marker cannot be brought in */
}

/* __collapse_huge_page_swapin(); false: no memory. */
static bool swap_in(struct vma *v, u64 va)
{
    u64 *e = entries(v->mm->k, *pgtable_find(v->mm, va, 1));
    bool any = false;

    for (u64 i = 0; i < PTRS_PER_TABLE; i++) {
        struct mm_trap_result out = { 0 };
        struct fault f = { .mm = v->mm, .vma = v, .addr = va + i * PAGE_BYTES, .out = &out };
        if (!pte_swap(e[i]))
            continue;
        if (swap_fault(&f, &e[i]) != FAULT_DONE)
            return false;
        any = true;
    }
    if (any)
        lru_drain(v->mm->k);
    return true;
}

/* The 2 MiB of anonymous memory at va: its pages are copied together.  forced: MADV_COLLAPSE. */
enum collapse collapse_anon(struct vma *v, u64 va, bool forced)
{
    struct mm *mm = v->mm;
    struct kernel *k = mm->k;
    enum collapse r = scan(v, va, forced);
    struct gather g = gather_begin(mm);
    pfn_t block;

    if (r != COLLAPSE_DONE)
        return r;
    if (!swap_in(v, va))
        return COLLAPSE_FAILED;
    block = frames_alloc(k, HUGE_ORDER, FRAME_ANON);
    if (pfn_is_none(block))
        return COLLAPSE_NO_BLOCK;
    contents_gather(mm, va, block);
    zap_range(&g, v, va, va + PMD_BYTES, 0);
    gather_flush(&g);
    huge_install(v, pgtable_find(mm, va, 1), va, block);
    EXPLAIN(k, "collapsed %x into a 2 MiB page", va);
    return COLLAPSE_DONE;
}

/* ---- MADV_COLLAPSE ----------------------------------------------------------------------------------------------- */

static long errno_of(enum collapse r)
{
    switch (r) {
    case COLLAPSE_NO_BLOCK:
        return -MM_ENOMEM;
    case COLLAPSE_EMPTY:
        return -MM_EBUSY;
    case COLLAPSE_BUSY: case COLLAPSE_DIRTY:
        return -MM_EAGAIN;
    default:
        return -MM_EINVAL;
    }
}

/* After these the next 2 MiB are tried; others end the call. */
static bool goes_on(enum collapse r)
{
    return r == COLLAPSE_NO_PMDS || r == COLLAPSE_WRITE_PROTECTED || r == COLLAPSE_OLD || r == COLLAPSE_NO_PAGE ||
           r == COLLAPSE_BUSY;
}

long huge_collapse(struct vma *v, u64 start, u64 end)
{
    u64 a = (start + PMD_BYTES - 1) & ~(PMD_BYTES - 1), b = end & ~(PMD_BYTES - 1), done = 0;
    enum collapse last = COLLAPSE_FAILED;

    if (!thp_orders(v, THP_COLLAPSE, 1u << HUGE_ORDER))
        return -MM_EINVAL;
    lru_drain_all(v->mm->k);
    for (u64 va = a; va < b; va += PMD_BYTES) {
        enum collapse r = vma_is_anon(v) ? collapse_anon(v, va, true) : collapse_file(v, va, true);
        if (r == COLLAPSE_DONE || r == COLLAPSE_MAPPED) {
            done++;
            continue;
        }
        last = r;
        if (!goes_on(r))
            break;
    }
    /* A range that holds no aligned 2 MiB turns out as if something had failed, unless both its ends round to one place. */
    return a <= b && done == (b - a) / PMD_BYTES ? 0 : errno_of(last);
}
