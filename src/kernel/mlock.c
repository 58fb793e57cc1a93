/* SPDX-License-Identifier: MIT
 * mlock.c - locking memory.  Called by the embedder.
 * Flags first, mapping after mapping (those before an error stay locked), then the pages are faulted in; a page that
 * cannot be (no rights, past the end of a file) gives ENOMEM and leaves the flags. */
#include "calls.h"

enum { MCL_CURRENT = 1, MCL_FUTURE = 2, MCL_ONFAULT = 4, MLOCK_ONFAULT = 1 };

/* One mapping or part of it.  *pv becomes the mapping that now holds the range. */
static long lock_one(struct vma **pv, u64 start, u64 end, u64 lock)
{
    struct vma *v = *pv;
    struct mm *mm = v->mm;
    u64 old = v->flags, flags = (old & ~(u64)VM_LOCKED_MASK) | lock, pages = (end - start) >> PAGE_LG2;
    long r;

    if (flags == old || (old & (VM_SPECIAL | VM_DROPPABLE)))
        return 0;
    r = vma_modify(pv, start, end, flags);
    if (r)
        return r;
    if (!(old & VM_LOCKED))
        mm->locked_vm += pages;
    else if (!(flags & VM_LOCKED))
        mm->locked_vm -= pages;
    if ((old ^ flags) & VM_LOCKED)
        lru_drain(mm->k);
    return 0;
}

static long lock_range(struct mm *mm, u64 start, u64 end, u64 lock)
{
    struct vma *v = vma_at(mm, start);
    u64 at = start;

    if (end < start)
        return -MM_EINVAL;
    if (end == start)
        return 0;
    if (!v)
        return -MM_ENOMEM;
    for (; v && at < end; v = vma_find(mm, at)) {
        u64 stop = v->end < end ? v->end : end;
        long r;
        if (v->start > at)
            return -MM_ENOMEM;
        r = lock_one(&v, at, stop, lock);
        if (r)
            return r;
        at = stop;
    }
    return at < end ? -MM_ENOMEM : 0;
}

/* Pages of the range that are locked already: not charged twice. */
static u64 locked_in(struct mm *mm, u64 start, u64 end)
{
    u64 pages = 0;

    for (const struct vma *v = vma_overlap(mm, start, end); v && v->start < end; v = v->next) {
        u64 a = v->start > start ? v->start : start, b = v->end < end ? v->end : end;
        if (v->flags & VM_LOCKED)
            pages += (b - a) >> PAGE_LG2;
    }
    return pages;
}

long mm_mlock2(struct proc *p, u64 addr, u64 len, int flags)
{
    struct mm *mm = p->mm;
    u64 limit = mm->limit.memlock >> PAGE_LG2, start = page_down(addr), locked;
    long r;

    kernel_enter(p);
    if (flags & ~MLOCK_ONFAULT)
        return -MM_EINVAL;
    if (!mm->limit.memlock)
        return -MM_EPERM;
    len = page_up(len + (addr & PAGE_MASK_LOW));
    locked = (len >> PAGE_LG2) + mm->locked_vm;
    if (locked > limit && start + len >= start)
        locked -= locked_in(mm, start, start + len);
    if (locked > limit)
        return -MM_ENOMEM;
    r = lock_range(mm, start, start + len, VM_LOCKED | (flags & MLOCK_ONFAULT ? VM_LOCKONFAULT : 0));
    if (r)
        return r;
    r = populate_range(mm, start, start + len, false);
    return r == -MM_EFAULT ? -MM_ENOMEM : r == -MM_ENOMEM ? -MM_EAGAIN : r;
}

long mm_munlock(struct proc *p, u64 addr, u64 len)
{
    u64 start = page_down(addr);

    kernel_enter(p);
    return lock_range(p->mm, start, start + page_up(len + (addr & PAGE_MASK_LOW)), 0);
}

static void lock_all(struct mm *mm, u64 lock)
{
    for (struct vma *v = mm->first; v; v = v->next)
        lock_one(&v, v->start, v->end, lock); /* errors do not matter */
}

long mm_mlockall(struct proc *p, int flags)
{
    struct mm *mm = p->mm;
    u64 onfault = flags & MCL_ONFAULT ? VM_LOCKONFAULT : 0;

    kernel_enter(p);
    if (!flags || (flags & ~(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT)) || flags == MCL_ONFAULT)
        return -MM_EINVAL;
    if (!mm->limit.memlock)
        return -MM_EPERM;
    if ((flags & MCL_CURRENT) && mm->total_vm > mm->limit.memlock >> PAGE_LG2)
        return -MM_ENOMEM;
    mm->def_flags &= ~(u64)VM_LOCKED_MASK;
    if (flags & MCL_FUTURE)
        mm->def_flags |= VM_LOCKED | onfault;
    if (!(flags & MCL_CURRENT))
        return 0;
    lock_all(mm, VM_LOCKED | onfault);
    populate_range(mm, 0, TASK_SIZE, true);
    return 0;
}

long mm_munlockall(struct proc *p)
{
    kernel_enter(p);
    p->mm->def_flags &= ~(u64)VM_LOCKED_MASK;
    lock_all(p->mm, 0);
    return 0;
}
