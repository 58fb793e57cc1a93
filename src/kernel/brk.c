/* SPDX-License-Identifier: MIT
 * brk.c - the heap that brk(2) moves.  Called by the embedder.
 * The answer is always the break: an unchanged one is how the call refuses.  Growth keeps one free page, and the
 * guard gap of a growing stack, before the next mapping; it extends the mapping below and never joins the one above. */
#include "calls.h"

#define BRK_FLAGS (VM_READ | VM_WRITE | VM_MAYACCESS | VM_ACCOUNT)

long mm_set_brk_start(struct proc *p, u64 start_brk)
{
    if (start_brk > TASK_SIZE)
        return -MM_EINVAL;
    p->mm->start_brk = p->mm->brk = start_brk;
    p->k->generation++;
    return 0;
}

static bool shrink(struct mm *mm, u64 from, u64 to)
{
    struct vma *v = vma_overlap(mm, from, to);
    return v && unmap_range(mm, from, to) == 0;
}

static bool may_grow(struct mm *mm, u64 from, u64 to)
{
    const struct vma *next;

    if (to > TASK_SIZE || from < mm->k->cfg.mmap_min_addr || !limits_may_lock(mm, mm->def_flags, to - from))
        return false;
    next = vma_overlap(mm, from, to + PAGE_BYTES + STACK_GUARD_BYTES);
    return !next || to + PAGE_BYTES <= vma_start_gap(next);
}

static bool grow(struct proc *p, u64 from, u64 to)
{
    struct mm *mm = p->mm;
    u64 pages = (to - from) >> PAGE_LG2, flags = BRK_FLAGS | mm->def_flags;
    struct merge g = { .mm = mm, .start = from, .end = to, .pgoff = from >> PAGE_LG2, .flags = flags,
                       .left_only = true };
    struct vma *v;

    if (!may_grow(mm, from, to) || !limits_may_expand(mm, flags, pages) ||
        mm->map_count > mm->k->cfg.max_map_count || !limits_charge(mm->k, pages))
        return false;
    g.prev = vma_below(mm, from);
    v = merge_new(&g);
    if (!v && !g.oom) {
        v = vma_alloc(mm, from, to, flags);
        if (v) {
            v->pgoff = from >> PAGE_LG2;
            v->tag = p->tag;
            vma_insert(v);
        }
    }
    if (!v) {
        limits_uncharge(mm->k, pages);
        return false;
    }
    v->flags |= p->k->new_flags;
    limits_account(mm, flags, (s64)pages);
    if (flags & VM_LOCKED)
        mm->locked_vm += pages;
    return true;
}

long mm_brk(struct proc *p, u64 addr)
{
    struct mm *mm = p->mm;
    u64 from = page_up(mm->brk), to = page_up(addr);

    kernel_enter(p);
    if (addr < mm->start_brk || addr > TASK_SIZE || addr - mm->start_brk > mm->limit.data)
        return (long)mm->brk;
    if (to < from ? !shrink(mm, to, from) : to > from && !grow(p, from, to)) {
        EXPLAIN(p->k, "brk %x refused", addr);
        return (long)mm->brk;
    }
    mm->brk = addr;
    if (to > from && (mm->def_flags & VM_LOCKED))
        populate_range(mm, from, to, true);
    return (long)mm->brk;
}
