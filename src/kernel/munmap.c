/* SPDX-License-Identifier: MIT
 * munmap.c - taking mappings away.  Called by the system call, by MAP_FIXED, brk, mremap and exec.
 * Two steps: unmap_prepare() splits at both ends and may fail (splits made so far stay, as in Linux);
 * unmap_commit() cannot fail: entries go, one flush, frames and empty tables go, mappings go. */
#include "calls.h"

/* Cut what reaches into [start, end) from outside; counts what will go. */
static long cut(struct mm *mm, u64 start, u64 end, struct unmapping *u)
{
    struct vma *v = vma_overlap(mm, start, end);
    long r = 0;

    *u = (struct unmapping){ .start = start, .end = end };
    if (!v)
        return 0;
    if (start > v->start) {
        /* Only a hole in the middle adds a mapping for good. */
        if (end < v->end && mm->map_count >= mm->k->cfg.max_map_count)
            return -MM_ENOMEM;
        if (v->flags & VM_SEALED)
            return -MM_EPERM;
        r = vma_split_unchecked(v, start, true);
        if (r)
            return r;
    }
    for (; v && v->start < end; v = v->next) {
        if (v->flags & VM_SEALED)
            return -MM_EPERM;
        if (v->end > end)
            r = vma_split_unchecked(v, end, false);
        if (r)
            return r;
        if (!uffd_unmaps(v, start, end, &u->events))
            return -MM_ENOMEM;
        u->pages += (v->end - v->start) >> PAGE_LG2;
        if (v->flags & VM_ACCOUNT)
            u->accounted += (v->end - v->start) >> PAGE_LG2;
    }
    return 0;
}

/* 0 or -errno. */
long unmap_prepare(struct mm *mm, u64 start, u64 end, struct unmapping *u)
{
    long r = cut(mm, start, end, u);

    if (r)
        unmap_cancel(mm, u);
    return r;
}

/* What was prepared will not be done; the cuts stay. */
void unmap_cancel(struct mm *mm, struct unmapping *u)
{
    uffd_event_drop(mm->k, u->events);
    u->events = NULL;
}

/* Mappings inside [start, end) go.  pre: none reaches outside.  The commit charge is the caller's (u->accounted). */
void unmap_commit(struct mm *mm, const struct unmapping *u)
{
    struct vma *first = vma_overlap(mm, u->start, u->end), *prev, *next;
    struct gather g = gather_begin(mm);
    u64 begin, end;

    if (!first)
        return;
    prev = first->prev;
    begin = first->start;
    end = first->end;
    lru_drain_unmap(mm->k);
    note_peak_rss(mm);
    for (next = first; next && next->start < u->end; next = next->next) {
        zap_range(&g, next, next->start, next->end, ZAP_MARKERS);
        end = next->end;
    }
    pgtable_free_range(&g, begin, end, prev ? prev->end : 0, next ? next->start : 0);
    gather_flush(&g);
    for (struct vma *v = first, *n; v != next; v = n) {
        s64 pages = (s64)((v->end - v->start) >> PAGE_LG2);
        n = v->next;
        limits_account(mm, v->flags, -pages);
        if (v->flags & VM_LOCKED)
            mm->locked_vm -= (u64)pages;
        vma_remove(v);
        vma_free(v);
    }
    uffd_event_send(u->events);
}

/* do_munmap on a page-aligned range.  events: appended there instead of being sent. */
long unmap_range_telling(struct mm *mm, u64 start, u64 end, struct uffd_event **events)
{
    struct unmapping u;
    long r = unmap_prepare(mm, start, end, &u);

    if (r)
        return r;
    while (*events)
        events = &(*events)->next;
    *events = u.events;
    u.events = NULL;
    unmap_commit(mm, &u);
    limits_uncharge(mm->k, u.accounted);
    return 0;
}

long unmap_range(struct mm *mm, u64 start, u64 end)
{
    struct uffd_event *events = NULL;
    long r = unmap_range_telling(mm, start, end, &events);

    uffd_event_send(events);
    return r;
}

long mm_munmap(struct proc *p, u64 addr, u64 len)
{
    kernel_enter(p);
    if ((addr & PAGE_MASK_LOW) || addr > TASK_SIZE || len > TASK_SIZE - addr || !page_up(len))
        return -MM_EINVAL;
    EXPLAIN(p->k, "munmap %x-%x", addr, addr + page_up(len));
    return unmap_range(p->mm, addr, addr + page_up(len));
}
