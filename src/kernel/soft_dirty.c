/* SPDX-License-Identifier: MIT
 * soft_dirty.c - writes to /proc/PID/clear_refs.  Called by the embedder.
 *   1, 2, 3   the accessed bits of all, anonymous, file mappings are cleared; no flush, as x86 does without
 *   4         soft-dirty: entries lose the bit and the right to write, mappings lose VM_SOFTDIRTY, one full flush; the
 *             next write faults and sets the bit again
 *   5         the peak of resident memory begins anew */
#include "calls.h"

enum { CLEAR_ALL = 1, CLEAR_ANON, CLEAR_FILE, CLEAR_SOFT_DIRTY, CLEAR_PEAK };

static void clear_entry(struct kernel *k, u64 *e, u64 clear)
{
    if (pte_swap(*e) && (clear & PTE_SOFT_DIRTY))
        pte_store(k, e, *e & ~SWP_SOFT_DIRTY);
    if (pte_present(*e) && (*e & clear))
        pte_store(k, e, *e & ~clear);
}

/* pte_is_pinned(): a device may write to it unseen, so it stays dirty. */
static bool is_pinned(const struct vma *v, u64 e)
{
    return (v->flags & (VM_SHARED | VM_MAYWRITE)) == VM_MAYWRITE && pte_counted(e) && (e & X86_PTE_RW) &&
           page_needs_copy(v->mm, frame_at(v->mm->k, pte_pfn(e)));
}

static void clear_range(struct vma *v, u64 clear)
{
    struct kernel *k = v->mm->k;

    for (u64 va = v->start, next; va < v->end; va = next) {
        struct span s = pgtable_span(v->mm, va, v->end);
        next = s.end;
        if (s.pmd && pmd_huge(*s.pmd))
            clear_entry(k, s.pmd, clear);
        for (u64 *e = s.pte; e && va < next; va += PAGE_BYTES, e++)
            if (!(clear & PTE_SOFT_DIRTY) || !is_pinned(v, *e))
                clear_entry(k, e, clear);
    }
}

long mm_clear_refs(struct proc *p, int what)
{
    struct mm *mm = p->mm;
    bool soft = what == CLEAR_SOFT_DIRTY;

    kernel_enter(p);
    if (what < CLEAR_ALL || what > CLEAR_PEAK)
        return -MM_EINVAL;
    if (what == CLEAR_PEAK) {
        mm->peak_rss = mm->rss[RSS_ANON] + mm->rss[RSS_FILE] + mm->rss[RSS_SHMEM];
        return 0;
    }
    for (struct vma *v = mm->first; v; v = v->next) {
        if ((v->flags & VM_PFNMAP) || (what == CLEAR_ANON && v->file) || (what == CLEAR_FILE && !v->file))
            continue;
        if (soft && !p->k->cfg.soft_dirty)
            continue;
        clear_range(v, soft ? PTE_SOFT_DIRTY | X86_PTE_RW : X86_PTE_A);
    }
    for (struct vma *v = mm->first; soft && v; v = v->next)
        v->flags &= ~(u64)VM_SOFTDIRTY;
    EXPLAIN(p->k, "clear_refs %d", what);
    if (soft)
        flush_mm(mm);
    return 0;
}
