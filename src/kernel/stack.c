/* SPDX-License-Identifier: MIT
 * stack.c - growing a mapping downwards on a fault below it.  Called by fault.c.
 * Any distance, if nothing lies between; RLIMIT_STACK bounds the whole size.  An accessible mapping below keeps 256
 * pages away from it, one without rights does not count.  Growth never merges. */
#include "calls.h"

/* 0 or -errno; on error nothing but the anon_vma may have changed. */
long stack_grow(struct vma *v, u64 addr)
{
    struct mm *mm = v->mm;
    const struct vma *below = v->prev;
    u64 grow = (v->start - addr) >> PAGE_LG2;

    if (addr < mm->k->cfg.mmap_min_addr)
        return -MM_EPERM;
    if (below && !(below->flags & VM_GROWSDOWN) && (below->flags & VM_ACCESS) &&
        addr - below->end < STACK_GUARD_BYTES) {
        EXPLAIN(mm->k, "stack: the mapping below %x is closer than the guard gap", v->start);
        return -MM_ENOMEM;
    }
    if (!anon_vma_prepare(v) || grow > v->pgoff || !limits_may_expand(mm, v->flags, grow))
        return -MM_ENOMEM;
    if (v->end - addr > mm->limit.stack) {
        EXPLAIN(mm->k, "stack: %d bytes are more than RLIMIT_STACK", v->end - addr);
        return -MM_ENOMEM;
    }
    if (!limits_may_lock(mm, v->flags, grow << PAGE_LG2) ||
        ((v->flags & VM_ACCOUNT) && !limits_charge(mm->k, grow)))
        return -MM_ENOMEM;
    EXPLAIN(mm->k, "stack: grown from %x to %x", v->start, addr);
    if (v->flags & VM_LOCKED)
        mm->locked_vm += grow;
    limits_account(mm, v->flags, (s64)grow);
    v->start = addr;
    v->pgoff -= grow;
    vma_moved(v);
    return 0;
}
