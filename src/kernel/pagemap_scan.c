/* SPDX-License-Identifier: MIT
 * pagemap_scan.c - PAGEMAP_SCAN: which pages of a range are of which category, and write-protecting what was written.
 * Called by the embedder.
 * The range is walked once, in address order; neighbours with equal categories are one region.  It stops where the
 * vector or max_pages is full: walk_end then is the first page that was of interest and is not told.  With WP_MATCHING
 * every page told that was written is write-protected by userfaultfd, in mappings where that is possible (WPALLOWED:
 * registered for asynchronous write protection), and other mappings are passed over. */
#include "calls.h"

/* Linux gathers regions in a buffer of this many; one that fills it up begins anew behind it. */
#define BUFFER_REGIONS 512
#define CATEGORIES(k) ((u64)MM_PAGE_IS_GUARD * ((k)->q.scan_guards ? 2 : 1) - 1)

struct walk {
    struct mm_scan *a;
    u64 cap, mask_any;                    /* regions of this buffer; categories somebody asks for             */
    u64 sent, used;                       /* regions of earlier buffers; of this one                          */
    u64 pages;
    u64 of_vma;                           /* categories that all pages of the mapping have                    */
    bool full;
    struct gather g;
};

static bool interesting(const struct mm_scan *a, u64 categories)
{
    categories ^= a->category_inverted;
    return (categories & a->category_mask) == a->category_mask &&
           (!a->category_anyof_mask || (categories & a->category_anyof_mask));
}

/* ---- output ------------------------------------------------------------------------------------------------------- */

static bool push(struct walk *w, u64 categories, u64 start, u64 end)
{
    struct mm_page_region *r = w->a->vec + w->sent + w->used;

    if (w->used && r[-1].end == start && r[-1].categories == categories) {
        r[-1].end = end;
        return true;
    }
    if (w->used == w->cap)
        return false;
    *r = (struct mm_page_region){ start, end, categories };
    w->used++;
    return true;
}

/* Tells [start, end); returns where the part that found room ends. */
static u64 output(struct walk *w, u64 categories, u64 start, u64 end)
{
    u64 pages = (end - start) >> PAGE_LG2;

    if (!w->cap)
        return end;
    if (pages > w->a->max_pages - w->pages) {
        pages = w->a->max_pages - w->pages;
        end = start + (pages << PAGE_LG2);
        w->full = true;
    }
    if (pages && !push(w, categories & w->a->return_mask, start, end)) {
        end = start;
        pages = 0;
        w->full = true;
    }
    w->pages += pages;
    if (w->full)
        w->a->walk_end = end;
    return end;
}

/* ---- categories --------------------------------------------------------------------------------------------------- */

static u64 category(const struct walk *w, struct kernel *k, u64 e, bool huge)
{
    u64 c = w->of_vma | (huge ? MM_PAGE_IS_HUGE : 0) | (pte_wp(e) ? 0 : MM_PAGE_IS_WRITTEN);

    if (!pte_present(e))
        return c | (e ? MM_PAGE_IS_SWAPPED : 0) | (pte_swap(e) && (e & SWP_SOFT_DIRTY) ? MM_PAGE_IS_SOFT_DIRTY : 0) | (pte_marker(e) && (e & PTE_MARK_GUARD) ? MM_PAGE_IS_GUARD : 0);
    c |= MM_PAGE_IS_PRESENT | (e & PTE_SOFT_DIRTY ? MM_PAGE_IS_SOFT_DIRTY : 0);
    if (pte_counted(e))
        return c | (frame_of_file(frame_at(k, pte_pfn(e))) && (w->mask_any & MM_PAGE_IS_FILE) ? MM_PAGE_IS_FILE : 0);
    return c | (huge || pfn_eq(pte_pfn(e), k->zero) ? MM_PAGE_IS_PFNZERO : 0);
}

static bool protects(const struct walk *w) { return w->a->flags & MM_SCAN_WP_MATCHING; }

static void protect(struct walk *w, u64 *e, u64 va, bool huge)
{
    u64 n = *e;

    if (pte_present(n))
        n = (n | PTE_UFFD_WP) & ~X86_PTE_RW;
    else
        n |= pte_swap(n) ? SWP_UFFD_WP : PTE_MARKER | PTE_MARK_WP;
    if (pte_present(n) && huge)
        gather_pmd(&w->g, va);
    else
        gather_pte(&w->g, va);
    pte_store(w->g.mm->k, e, n);
}

/* ---- the walk ----------------------------------------------------------------------------------------------------- */

/* No page table: nothing is there, and in a mapping registered for write protection that counts as written. */
static long scan_hole(struct walk *w, struct vma *v, u64 start, u64 end)
{
    u64 c = w->of_vma | (v->flags & VM_UFFD_WP ? MM_PAGE_IS_WRITTEN : 0);
    u64 stop;

    if (!interesting(w->a, c))
        return 0;
    stop = output(w, c, start, end);
    return protects(w) && stop > start ? uffd_protect(v, start, stop, true) : 0;
}

/* true: done; false: it was split, and its entries are to be looked at. */
static bool scan_huge(struct walk *w, struct vma *v, u64 *pmd, u64 start, u64 end)
{
    u64 c = category(w, v->mm->k, *pmd, true), stop, pages = w->pages;
    bool partly = (start & (PMD_BYTES - 1)) || end - start < PMD_BYTES;

    if (!interesting(w->a, c))
        return true;
    if (protects(w) && (c & MM_PAGE_IS_WRITTEN) && (partly || w->a->max_pages - pages < PTRS_PER_TABLE)) {
        huge_split(v->mm, pmd, start);    /* a part is to be protected: told as if it had not been huge */
        return false;
    }
    stop = output(w, c, start, end);
    if (protects(w) && (c & MM_PAGE_IS_WRITTEN) && stop == end)
        protect(w, pmd, start, true);
    return true;
}

/* Without a vector to fill Linux looks at no category here: everything is protected. */
static void protect_table(struct walk *w, u64 *e, u64 start, u64 end)
{
    for (u64 va = start; va < end; va += PAGE_BYTES, e++)
        if (!pte_wp(*e))
            protect(w, e, va, false);
}

static void scan_table(struct walk *w, struct vma *v, u64 *e, u64 start, u64 end)
{
    if (protects(w) && !w->a->vec) {
        protect_table(w, e, start, end);
        return;
    }
    for (u64 va = start; va < end && !w->full; va += PAGE_BYTES, e++) {
        u64 c = category(w, v->mm->k, *e, false);
        if (interesting(w->a, c) && output(w, c, va, va + PAGE_BYTES) > va && protects(w) && (c & MM_PAGE_IS_WRITTEN))
            protect(w, e, va, false);
    }
}

static long scan_vma(struct walk *w, struct vma *v, u64 start, u64 end)
{
    long r = 0;

    for (u64 va = start, next; va < end && !w->full && !r; va = next) {
        struct span s = pgtable_span(v->mm, va, end);
        next = s.end;
        if (s.pmd && pmd_huge(*s.pmd)) {
            if (scan_huge(w, v, s.pmd, va, next))
                continue;
            s = pgtable_span(v->mm, va, end);
        }
        if (s.pte)
            scan_table(w, v, s.pte, va, next);
        else
            r = scan_hole(w, v, va, next);
    }
    return r;
}

/* pagemap_scan_test_walk(): 1: pass over this mapping. */
static long test_vma(struct walk *w, const struct vma *v)
{
    bool allowed = v->uffd && (v->uffd->features & MM_UFFD_FEATURE_WP_ASYNC) && vma_uses_wp_markers(v);
    u64 required = w->a->category_mask & MM_PAGE_IS_WPALLOWED;

    if (!allowed && (w->a->flags & MM_SCAN_CHECK_WPASYNC))
        return -MM_EPERM;
    if ((!allowed && protects(w)) || (v->flags & VM_PFNMAP))
        return 1;
    w->of_vma = (allowed ? MM_PAGE_IS_WPALLOWED : 0) | (v->flags & VM_SOFTDIRTY ? MM_PAGE_IS_SOFT_DIRTY : 0);
    return ((w->of_vma ^ w->a->category_inverted) & required) != required;
}

static long walk(struct walk *w, struct mm *mm, u64 at)
{
    u64 end = w->a->end;

    while (at < end && !w->full) {
        struct vma *v = vma_overlap(mm, at, end);
        long r;
        if (!v)
            break;
        if (at < v->start)
            at = v->start;
        r = test_vma(w, v);
        if (!r)
            r = scan_vma(w, v, at, v->end < end ? v->end : end);
        if (r < 0)
            return r;
        at = v->end;
    }
    return 0;
}

/* ---- the call ----------------------------------------------------------------------------------------------------- */

static long check(const struct kernel *k, struct mm_scan *a)
{
    u64 asked = a->category_inverted | a->category_mask | a->category_anyof_mask | a->return_mask;

    if ((a->flags & ~(u64)(MM_SCAN_WP_MATCHING | MM_SCAN_CHECK_WPASYNC)) || (asked & ~CATEGORIES(k)) ||
        (a->start & PAGE_MASK_LOW))
        return -MM_EINVAL;
    if (a->start > TASK_SIZE || a->end - a->start > TASK_SIZE - a->start)
        return -MM_EFAULT;
    if (!a->vec && a->vec_len)
        return -MM_EINVAL;
    a->end = page_up(a->end);
    a->walk_end = 0;
    if (!a->max_pages)
        a->max_pages = ~(u64)0;
    return 0;
}

long mm_pagemap_scan(struct proc *p, struct mm_scan *a)
{
    struct walk w = { .a = a, .mask_any = a->category_mask | a->category_anyof_mask | a->return_mask };
    long r;

    kernel_enter(p);
    if (!p->k->q.uffd_async)              /* both came with 6.7 */
        return -MM_ENOTTY;
    r = check(p->k, a);
    for (u64 at = a->start; !r && at < a->end; at = a->walk_end) {
        u64 left = a->vec_len - w.sent;
        w.cap = left < BUFFER_REGIONS ? left : BUFFER_REGIONS;
        w.used = 0;
        w.full = false;
        w.g = gather_begin(p->mm);
        r = walk(&w, p->mm, at);
        gather_flush(&w.g);
        w.sent += w.used;
        if (!w.full || w.sent == a->vec_len || w.pages == a->max_pages)
            break;
    }
    if (r)
        return r;
    if (!w.full)
        a->walk_end = a->end;
    return (long)w.sent;
}
