/* SPDX-License-Identifier: MIT
 * uffd_move.c - UFFDIO_MOVE: pages go from one place of an address space to another without being copied.  Called by
 * the embedder.
 * Both places are private anonymous memory with the same rights; the target is registered and empty.  Only pages of
 * this process alone move (EBUSY otherwise).  A 2 MiB page moves whole when both places are aligned, else it is split
 * down to its frames. */
#include "calls.h"

struct moving { struct mm *mm; struct mm_uffd *u; struct vma *from, *to; u64 dst, src, len, mode; };

static bool movable(const struct vma *v)
{
    return vma_is_anon(v) && (v->flags & VM_WRITE) && !(v->flags & (VM_SHARED | VM_PFNMAP | VM_IO | VM_MIXEDMAP | VM_HUGETLB));
}

static long check(struct moving *m)
{
    m->to = vma_at(m->mm, m->dst);
    if (!m->to)
        return -MM_ENOENT;
    if (!(m->to->flags & VM_SHARED) && !anon_vma_prepare(m->to))
        return -MM_ENOMEM;
    m->from = vma_at(m->mm, m->src);
    if (!m->from)
        return -MM_ENOENT;
    if (m->src + m->len > m->from->end || m->dst + m->len > m->to->end || !movable(m->from) || !movable(m->to))
        return -MM_EINVAL;
    if (((m->from->flags ^ m->to->flags) & (VM_ACCESS | VM_LOCKED)) || vma_page_prot(m->from) != vma_page_prot(m->to))
        return -MM_EINVAL;
    return m->to->uffd == m->u ? 0 : -MM_EINVAL;
}

/* ---- one page ----------------------------------------------------------------------------------------------------- */

static long move_page(const struct moving *m, u64 *from, u64 *to, u64 src, u64 dst)
{
    struct kernel *k = m->mm->k;
    u64 e = *from, prot = vma_page_prot(m->to);
    struct frame *page;

    if (*to)
        return -MM_EEXIST;
    if (!e)
        return m->mode & MM_UFFD_MOVE_ALLOW_SRC_HOLES ? 0 : -MM_ENOENT;
    if (pte_swap(e)) {
        if (!(e & SWP_EXCLUSIVE))
            return -MM_EBUSY;
        pte_store(k, from, 0);
        pte_store(k, to, e | (k->cfg.soft_dirty ? SWP_SOFT_DIRTY : 0));
        return 0;
    }
    if (!pte_present(e))
        return -MM_EFAULT;
    if (e & PTE_SPECIAL) {
        pte_store(k, from, 0);
        flush_page(m->mm, src);
        pte_store(k, to, prot | pfn_to_pa(k->zero) | PTE_SPECIAL);
        return 0;
    }
    page = frame_at(k, pte_pfn(e));
    if (page->kind != FRAME_ANON || !(page->flags & FRAME_EXCLUSIVE) || page_pinned(k, page))
        return -MM_EBUSY;
    if ((page->flags & FRAME_HUGE) && !folio_split(k, page))
        return -MM_EBUSY;
    pte_store(k, from, 0);
    flush_page(m->mm, src);
    rmap_move(m->mm, page, src, dst);
    pte_store(k, to, prot | (e & (X86_PTE_ADDR | X86_PTE_D)) | (k->dirty_bits & PTE_SOFT_DIRTY) |
              (e & X86_PTE_D ? k->dirty_bits : 0) | X86_PTE_RW);
    return 0;
}

/* ---- the range ---------------------------------------------------------------------------------------------------- */

/* A 2 MiB page; *step is what moved.  0 with *step 0: it was split, look again. */
static long move_huge(const struct moving *m, u64 *pmd, u64 src, u64 dst, u64 end, u64 *step)
{
    struct kernel *k = m->mm->k;
    bool zero = *pmd & PTE_SPECIAL, whole = !((src | dst) & (PMD_BYTES - 1)) && end - src >= PMD_BYTES;
    u64 *to = pgtable_make(m->mm, dst, 1);
    struct gather g = gather_begin(m->mm);

    if (!to)
        return -MM_ENOMEM;
    if (!zero && (!(frame_at(k, pte_pfn(*pmd))->flags & FRAME_EXCLUSIVE) || page_pinned(k, frame_at(k, pte_pfn(*pmd)))))
        return -MM_EBUSY;
    if (!whole || *to) {
        huge_split(m->mm, pmd, src);
        return 0;
    }
    if (!huge_move(&g, pmd, src, dst, PMD_BYTES))
        return -MM_ENOMEM;
    gather_flush(&g);
    if (!zero)
        pte_store(k, to, (*to & ~PTE_UFFD_WP) | X86_PTE_RW | k->dirty_bits);
    *step = PMD_BYTES;
    return 0;
}

/* One page, or one 2 MiB page: *step is what moved. */
static long move_one(const struct moving *m, u64 src, u64 dst, u64 *step)
{
    u64 *pmd = pgtable_find(m->mm, src, 1), *at, *from, *to;

    *step = 0;
    if ((!pmd || !*pmd) && !(m->mode & MM_UFFD_MOVE_ALLOW_SRC_HOLES))
        return -MM_ENOENT;
    at = pgtable_make(m->mm, dst, 1);
    if (!at)
        return -MM_ENOMEM;
    if (pmd_huge(*at))
        return -MM_EEXIST;
    if (pmd && pmd_huge(*pmd))
        return move_huge(m, pmd, src, dst, m->src + m->len, step);
    from = pgtable_make(m->mm, src, 0);
    to = pgtable_make(m->mm, dst, 0);
    *step = PAGE_BYTES;
    return from && to ? move_page(m, from, to, src, dst) : -MM_ENOMEM;
}

/* move_pages(): bytes moved, or the first error. */
static long move_range(struct moving *m)
{
    long r = check(m);
    u64 done = 0, step;

    while (!r && done < m->len) {
        r = move_one(m, m->src + done, m->dst + done, &step);
        done += r ? 0 : step;
    }
    return done ? (long)done : r;
}

long mm_uffd_move(struct proc *caller, struct mm_uffd *u, u64 dst, u64 src, u64 len, u64 mode, s64 *done)
{
    struct moving m = { .mm = caller->mm, .u = u, .dst = dst, .src = src, .len = len, .mode = mode };
    long r;

    kernel_enter(caller);
    if (u->events)
        return -MM_EAGAIN;
    if (!u->k->q.uffd_move || u->mm != caller->mm || uffd_check_range(u, dst, len) || uffd_check_range(u, src, len) ||
        (mode & ~(u64)(MM_UFFD_MOVE_DONTWAKE | MM_UFFD_MOVE_ALLOW_SRC_HOLES)))
        return -MM_EINVAL;
    r = move_range(&m);
    *done = r;
    if (r < 0)
        return r;
    if (!(mode & MM_UFFD_MOVE_DONTWAKE))
        uffd_wake(u, dst, dst + (u64)r);
    return (u64)r == len ? 0 : -MM_EAGAIN;
}
