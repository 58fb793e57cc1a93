/* SPDX-License-Identifier: MIT
 * residency.c - mincore, msync and mseal.  Called by the embedder. */
#include "calls.h"

/* ---- mincore --------------------------------------------------------------------------------------------------- */

/* A mapped page is in memory; an unmapped one of a file is if the page cache has it. */
static u8 in_core(const struct vma *v, u64 va)
{
    const u64 *e = pgtable_find(v->mm, va, 1);
    u64 index = v->pgoff + ((va - v->start) >> PAGE_LG2);

    if (v->flags & VM_HUGETLB)
        return (e = hugetlb_entry(v, va)) && *e;
    if (e && pmd_huge(*e))
        return 1;
    e = e && pmd_table(*e) ? pgtable_find(v->mm, va, 0) : NULL;
    if (e && pte_present(*e))
        return 1;
    if (e && pte_swap(*e))
        return swap_cached(v->mm->k, *e);
    if (!v->file)
        return 0;
    return cache_has(v->file->inode, index);
}

long mm_mincore(struct proc *p, u64 addr, u64 len, u8 *vec)
{
    kernel_enter(p);
    if (addr & PAGE_MASK_LOW)
        return -MM_EINVAL;
    if (addr > TASK_SIZE || len > TASK_SIZE - addr)
        return -MM_ENOMEM;
    for (u64 va = addr, end = addr + page_up(len); va < end; va += PAGE_BYTES) {
        const struct vma *v = vma_at(p->mm, va);
        if (!v)
            return -MM_ENOMEM;
        *vec++ = in_core(v, va);
    }
    return 0;
}

/* ---- msync ----------------------------------------------------------------------------------------------------- */

enum { MS_ASYNC = 1, MS_INVALIDATE = 2, MS_SYNC = 4 };

/* The page is about to be written back: the next write must be noticed. */
static void make_clean(struct mm *mm, struct frame *f, u64 va, void *arg)
{
    u64 *e = pgtable_leaf(mm, va);

    (void)f;
    (void)arg;
    if (!(*e & (X86_PTE_D | X86_PTE_RW)))
        return;
    pte_store(mm->k, e, *e & ~(X86_PTE_D | X86_PTE_RW));
    flush_page(mm, va);
}

static void any_dirty(struct mm *mm, struct frame *f, u64 va, void *arg)
{
    (void)f;
    if (*pgtable_leaf(mm, va) & X86_PTE_D)
        *(bool *)arg = true;
}

static void write_back(struct inode *i, struct frame *f, void *arg)
{
    bool dirty = frame_is_dirty(i->k, f);

    (void)arg;
    rmap_each(i->k, f, any_dirty, &dirty);
    if (!dirty)
        return;
    rmap_each(i->k, f, make_clean, NULL);
    folio_of(i->k, f)->flags &= (u8)~FRAME_DIRTY;
}

struct writing { bool clean, dirty; };

static void look_or_write(struct inode *i, struct frame *f, void *arg)
{
    struct writing *w = arg;
    bool dirty = frame_is_dirty(i->k, f);

    rmap_each(i->k, f, any_dirty, &dirty);
    w->dirty = w->dirty || dirty;
    if (w->clean)
        write_back(i, f, NULL);
}

/* Is a page of [from, to) dirty?  clean: it is written back. */
bool cache_write_back(struct inode *i, u64 from, u64 to, bool clean)
{
    struct writing w = { clean, false };

    cache_each(i, from, to, look_or_write, &w);
    return w.dirty;
}

long mm_msync(struct proc *p, u64 addr, u64 len, int flags)
{
    u64 end = addr + page_up(len);
    long unmapped = 0;

    kernel_enter(p);
    if ((flags & ~(MS_ASYNC | MS_INVALIDATE | MS_SYNC)) || (addr & PAGE_MASK_LOW) ||
        ((flags & MS_ASYNC) && (flags & MS_SYNC)))
        return -MM_EINVAL;
    if (end < addr)
        return -MM_ENOMEM;
    for (u64 at = addr; at < end; ) {
        struct vma *v = vma_overlap(p->mm, at, end);
        if (!v)
            return -MM_ENOMEM;
        if (at < v->start) {
            if (flags == MS_ASYNC)
                return -MM_ENOMEM;
            unmapped = -MM_ENOMEM;
            at = v->start;
        }
        if ((flags & MS_INVALIDATE) && (v->flags & VM_LOCKED))
            return -MM_EBUSY;
        u64 stop = v->end < end ? v->end : end;
        if ((flags & MS_SYNC) && (v->flags & VM_SHARED) && vma_wants_writenotify(v)) {
            u64 first = v->pgoff + ((at - v->start) >> PAGE_LG2);
            cache_each(v->file->inode, first, first + ((stop - at) >> PAGE_LG2), write_back, NULL);
        }
        at = stop;
    }
    return unmapped;
}

/* ---- mseal ----------------------------------------------------------------------------------------------------- */

static bool has_hole(struct mm *mm, u64 start, u64 end)
{
    for (u64 at = start; at < end; ) {
        const struct vma *v = vma_at(mm, at);
        if (!v)
            return true;
        at = v->end;
    }
    return false;
}

long mm_mseal(struct proc *p, u64 addr, u64 len, u64 flags)
{
    u64 end = addr + page_up(len);

    kernel_enter(p);
    if (!p->k->q.mseal)
        return -MM_ENOSYS;
    if (flags || (addr & PAGE_MASK_LOW) || (len && !page_up(len)) || end < addr)
        return -MM_EINVAL;
    if (has_hole(p->mm, addr, end))
        return -MM_ENOMEM;
    for (u64 at = addr; at < end; ) {
        struct vma *v = vma_at(p->mm, at);
        u64 stop = v->end < end ? v->end : end;
        long r = v->flags & VM_SEALED ? 0 : vma_modify(&v, at, stop, v->flags | VM_SEALED);
        if (r)
            return r;
        at = stop;
    }
    return 0;
}
