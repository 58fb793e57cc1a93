/* SPDX-License-Identifier: MIT
 * collapse.c - MADV_COLLAPSE: 4 KiB pages of anonymous memory copied together into a 2 MiB page.  Called by madvise.
 * Works whatever the huge-page policy says, with any page of the 2 MiB present; not with none, and not over a guard
 * marker.  Not modelled: collapsing shared memory and files, which is refused. */
#include "calls.h"

/* Present pages of one page table; -1: something that cannot be collapsed. */
static int present(const struct vma *v, const u64 *pte)
{
    int n = 0;

    for (unsigned i = 0; i < PTRS_PER_TABLE; i++) {
        const struct frame *f;
        if (pte_wp(pte[i]) || (uffd_armed(v) && (!pte[i] || (pte[i] & PTE_SPECIAL))))
            return -1;                    /* userfaultfd wants to know of every page */
        if (!pte[i] || (pte[i] & PTE_SPECIAL))
            continue;
        if (!pte_present(pte[i]))
            return -1;
        f = frame_at(v->mm->k, pte_pfn(pte[i]));
        if (f->kind != FRAME_ANON || (f->flags & FRAME_HUGE) || f->refs != f->mapped)
            return -1;
        n++;
    }
    return n;
}

static long collapse(struct vma *v, u64 va)
{
    struct mm *mm = v->mm;
    struct kernel *k = mm->k;
    u64 *pmd = pgtable_find(mm, va, 1);
    struct gather g = gather_begin(mm);
    pfn_t block;

    if (!pmd || !pmd_table(*pmd))
        return pmd && pmd_huge(*pmd) ? 0 : -MM_EINVAL;
    if (present(v, (u64 *)(void *)(k->hw.ram + (*pmd & X86_PTE_ADDR))) <= 0)
        return -MM_EINVAL;
    block = frames_alloc(k, HUGE_ORDER, FRAME_ANON);
    if (pfn_is_none(block))
        return -MM_ENOMEM;
    zap_range(&g, v, va, va + PMD_BYTES, 0);
    gather_flush(&g);
    huge_install(v, pmd, va, block);
    EXPLAIN(k, "collapsed %x into a 2 MiB page", va);
    return 0;
}

long huge_collapse(struct vma *v, u64 start, u64 end)
{
    u64 a = (start + PMD_BYTES - 1) & ~(PMD_BYTES - 1), b = end & ~(PMD_BYTES - 1);
    u64 first = (v->start + PMD_BYTES - 1) & ~(PMD_BYTES - 1);
    long r = 0;

    if (first + PMD_BYTES > v->end || (v->flags & (VM_NOHUGEPAGE | VM_SPECIAL)) || thp_disabled(v, true) ||
        a > b)
        return -MM_EINVAL;
    if (!vma_is_anon(v))
        return vma_is_shmem(v) && a == b ? 0 : -MM_EINVAL;
    if (!v->anon_vma)
        return -MM_EINVAL;
    lru_drain(v->mm->k);
    for (u64 va = a; va < b; va += PMD_BYTES) {
        long one = collapse(v, va);
        r = one ? one : r;
    }
    return r;
}
