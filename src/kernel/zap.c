/* SPDX-License-Identifier: MIT
 * zap.c - clearing the entries of a range.  Called by munmap, MADV_DONTNEED, truncation, guard installation, exit.
 * Frames are collected in the gather and freed after its flush.  A dirty entry of a page-cache page hands its dirt to
 * the page. */
#include "calls.h"

void rss_add(struct mm *mm, const struct frame *f, int pages)
{
    enum rss_kind kind = f->kind == FRAME_ANON ? RSS_ANON : f->kind == FRAME_SHMEM ? RSS_SHMEM : RSS_FILE;
    mm->rss[kind] += (u64)(s64)pages;
}

/* The peak is taken before memory goes, as Linux does. */
void note_peak_rss(struct mm *mm)
{
    u64 now = mm->rss[RSS_ANON] + mm->rss[RSS_FILE] + mm->rss[RSS_SHMEM];
    if (now > mm->peak_rss)
        mm->peak_rss = now;
}

/* A guard stays in ordinary clearing; poison goes with the private pages; write protection of a page of a file is
 * remembered. */
static bool marker_goes(const struct vma *v, u64 e, unsigned how)
{
    if ((how & ZAP_MARKERS) || !pte_marker(e))
        return how & ZAP_MARKERS;
    if (e & PTE_MARK_GUARD)
        return false;
    if (e & PTE_MARK_POISON)
        return !(how & ZAP_CACHE_ONLY);
    return vma_is_anon(v);
}

/* What the entry of a page that goes becomes. */
static u64 left_behind(const struct vma *v, u64 e, unsigned how)
{
    bool marks = !(how & ZAP_MARKERS) && (v->flags & VM_UFFD_WP) && !vma_is_anon(v) && (e & PTE_UFFD_WP);
    return marks ? PTE_MARKER | PTE_MARK_WP : 0;
}

static void zap_entry(struct gather *g, const struct vma *v, u64 *e, u64 va, unsigned how)
{
    struct mm *mm = g->mm;
    struct frame *f;
    u64 old = *e;

    if (pte_swap(old)) {
        if (how & ZAP_CACHE_ONLY)
            return;
        swap_zap(mm, e);
        return;
    }
    if (!pte_present(old)) {
        if (marker_goes(v, old, how))
            pte_store(mm->k, e, 0);
        return;
    }
    f = pte_counted(old) ? frame_at(mm->k, pte_pfn(old)) : NULL;
    if ((how & ZAP_CACHE_ONLY) && f && f->kind == FRAME_ANON)
        return;
    pte_store(mm->k, e, left_behind(v, old, how));
    gather_pte(g, va);
    if (!f)
        return;
    if (f->kind != FRAME_ANON && (old & X86_PTE_D)) {
        frame_mark_dirty(mm->k, f);
        g->dirty_files = true;
    }
    if (f->kind != FRAME_ANON && (old & X86_PTE_A) && !(v->flags & (VM_SEQ_READ | VM_RAND_READ)))
        lru_accessed(mm->k, f, v->flags & VM_LOCKED);
    rmap_remove(mm, f, va);
    rss_add(mm, f, -1);
    gather_put(g, f);
}

void zap_range(struct gather *g, struct vma *v, u64 start, u64 end, unsigned how)
{
    if (v->flags & VM_HUGETLB) {
        hugetlb_zap(g, v, start, end);
        return;
    }
    for (u64 va = start, next; va < end; va = next) {
        struct span s = pgtable_span(g->mm, va, end);
        u64 from = va;
        next = s.end;
        if (s.pmd && pmd_huge(*s.pmd)) {
            if (next - va == PMD_BYTES) {
                huge_zap(g, s.pmd, va);
                continue;
            }
            huge_split(v->mm, s.pmd, va);
            s = pgtable_span(g->mm, va, end);
        }
        if (!s.pte)
            continue;
        for (u64 *e = s.pte; va < next; va += PAGE_BYTES, e++)
            if (*e)
                zap_entry(g, v, e, va, how);
        if ((how & ZAP_RECLAIM) && next - from == PMD_BYTES && g->mm->k->q.pt_reclaim)
            pgtable_reclaim(g, s.pmd, from);
        gather_step(g);
    }
}

/* zap_page_range_single(): one range of one mapping, flushed. */
void zap_single(struct vma *v, u64 start, u64 end, unsigned how)
{
    struct gather g = gather_begin(v->mm);

    lru_drain_unmap(v->mm->k);
    note_peak_rss(v->mm);
    zap_range(&g, v, start, end, how);
    gather_flush(&g);
}
