/* SPDX-License-Identifier: MIT
 * mremap.c - resizing and moving mappings.  Called by the embedder.
 * Linux 6.17's order: parameters, then the source mapping, then the target is unmapped.  Growth stays in place when
 * the range ends its mapping and the space after it is free (guard gaps do not count); else, with MAYMOVE, a new
 * place is chosen and the entries move there with their pages.  Mapping moves first try to merge at the target. */
#include "calls.h"

struct remap {
    struct proc *p;
    struct mm *mm;
    u64 addr, old_len, new_len, new_addr;
    int flags;
    bool resizes;                         /* the lengths as given differ                                     */
    struct vma *v;
    u64 populate_start, populate_end;
    /* What userfaultfd is told at the end: the target was unmapped, the pages moved, the source was unmapped. */
    struct uffd_event *early, *moved, *late;
};

static bool names_target(const struct remap *m) { return m->flags & (MM_MREMAP_FIXED | MM_MREMAP_DONTUNMAP); }

static long check_parameters(const struct remap *m)
{
    if (m->flags & ~(MM_MREMAP_FIXED | MM_MREMAP_MAYMOVE | MM_MREMAP_DONTUNMAP))
        return -MM_EINVAL;
    if ((m->addr & PAGE_MASK_LOW) || !m->new_len || m->new_len > TASK_SIZE)
        return -MM_EINVAL;
    if (!names_target(m))
        return 0;
    if (m->new_addr > TASK_SIZE - m->new_len || (m->new_addr & PAGE_MASK_LOW) || !(m->flags & MM_MREMAP_MAYMOVE))
        return -MM_EINVAL;
    if ((m->flags & MM_MREMAP_DONTUNMAP) && m->old_len != m->new_len)
        return -MM_EINVAL;
    if (m->addr + m->old_len > m->new_addr && m->new_addr + m->new_len > m->addr)
        return -MM_EINVAL;
    /* The move may cut one mapping into three, twice. */
    if (m->mm->map_count + 2 >= m->mm->k->cfg.max_map_count - 3)
        return -MM_ENOMEM;
    return 0;
}

/* Mappings of huge pages move by whole ones, and never grow. */
static bool align_hugetlb(struct remap *m)
{
    u64 low = hugetlb_bytes(m->v) - 1;

    m->old_len = (m->old_len + low) & ~low;
    m->new_len = (m->new_len + low) & ~low;
    return !((m->addr | m->new_addr) & low) && m->new_len <= m->old_len;
}

/* The mapping at addr: is there one, and may it be touched at all? */
static long check_mapping(struct remap *m)
{
    if (!m->v)
        return -MM_EFAULT;
    if (m->v->flags & VM_SEALED)
        return -MM_EPERM;
    return (m->v->flags & VM_HUGETLB) && !align_hugetlb(m) ? -MM_EINVAL : 0;
}

/* May it be resized or moved like this? */
static long check_resize(const struct remap *m)
{
    const struct vma *v = m->v;
    u64 pgoff;

    if (m->new_len <= m->old_len && !names_target(m))
        return 0;
    if (!m->old_len && !(v->flags & (VM_SHARED | VM_MAYSHARE)))
        return -MM_EINVAL;
    if ((m->flags & MM_MREMAP_DONTUNMAP) && (v->flags & (VM_DONTEXPAND | VM_PFNMAP)))
        return -MM_EINVAL;
    if ((m->new_len < m->old_len ? m->new_len : m->old_len) > v->end - m->addr)
        return -MM_EFAULT;               /* what is cut off first may cross mappings */
    if (m->new_len == m->old_len)
        return 0;
    pgoff = v->pgoff + ((m->addr - v->start) >> PAGE_LG2);
    if (pgoff + (m->new_len >> PAGE_LG2) < pgoff)
        return -MM_EINVAL;
    if (v->flags & (VM_DONTEXPAND | VM_PFNMAP))
        return -MM_EFAULT;
    if (m->new_len > m->old_len) {
        if (!limits_may_lock(m->mm, v->flags, m->new_len - m->old_len))
            return -MM_EAGAIN;
        if (!limits_may_expand(m->mm, v->flags, (m->new_len - m->old_len) >> PAGE_LG2))
            return -MM_ENOMEM;
    }
    return 0;
}

static long check_source(struct remap *m)
{
    long r = check_mapping(m);

    return r ? r : check_resize(m);
}

/* ---- moving ---------------------------------------------------------------------------------------------------- */

/* copy_vma: a mapping of new_len at new_addr with the source's attributes.  An anonymous mapping that was never
 * written gets the offset of its new address, so that it can merge there. */
static struct vma *make_target(struct remap *m)
{
    struct vma *v = m->v, *t;
    u64 pgoff = v->pgoff + ((m->addr - v->start) >> PAGE_LG2);
    struct merge g = { .mm = m->mm, .start = m->new_addr, .end = m->new_addr + m->new_len, .flags = v->flags,
                       .copied_from = v, .anon_vma = v->anon_vma, .file = v->file, .name = v->name, .uffd = v->uffd,
                       .anon_name = v->anon_name };

    if (vma_is_anon(v) && !v->anon_vma)
        pgoff = m->new_addr >> PAGE_LG2;
    g.pgoff = pgoff;
    g.next = vma_find(m->mm, m->new_addr);
    g.prev = vma_below(m->mm, m->new_addr);
    t = merge_new(&g);
    if (t) {
        m->v = vma_at(m->mm, m->addr);    /* the source may have grown into the target */
        return t;
    }
    if (g.oom)
        return NULL;
    t = vma_dup(v);
    if (!t)
        return NULL;
    t->start = m->new_addr;
    t->end = m->new_addr + m->new_len;
    t->pgoff = pgoff;
    vma_insert(t);
    return t;
}

/* These events are told when the call ends. */
static void later(struct uffd_event **list, struct uffd_event **events)
{
    while (*list)
        list = &(*list)->next;
    *list = *events;
    *events = NULL;
}

/* Until 6.14 only what moved lost its lock; for want of memory, all of the mapping. */
static void cut_out(struct remap *m)
{
    if (m->v->start < m->addr)
        vma_split_unchecked(m->v, m->addr, true);
    if (m->v->end > m->addr + m->old_len)
        vma_split_unchecked(m->v, m->addr + m->old_len, false);
}

/* The old place: unmapped, or with DONTUNMAP left empty. */
static void finish_source(struct remap *m, struct vma *target)
{
    u64 pages = m->old_len >> PAGE_LG2;
    bool counts = m->mm->k->q.dontunmap_counts;

    if (!(m->flags & MM_MREMAP_DONTUNMAP)) {
        bool accounted = m->v->flags & VM_ACCOUNT;
        struct unmapping u;
        if (!m->old_len)
            return;                      /* a duplicate: the source stays */
        if (unmap_prepare(m->mm, m->addr, m->addr + m->old_len, &u) == 0) {
            later(&m->late, &u.events);
            unmap_commit(m->mm, &u);
        } else if (accounted) {
            m->mm->k->committed += pages; /* could not be split off: it stays, and stays charged */
        }
        return;
    }
    if ((m->v->flags & VM_LOCKED) && !counts)
        cut_out(m);
    if (m->v->flags & VM_LOCKED)          /* what it counted in locked_vm stays there */
        m->mm->locked_stale += (s64)((m->v->end - m->v->start) >> PAGE_LG2) - (counts ? 0 : (s64)pages);
    m->v->flags &= ~(u64)VM_LOCKED_MASK;
    if (target != m->v && m->v->start == m->addr && m->v->end == m->addr + m->old_len)
        anon_vma_unlink(m->v);
}

/* mremap_userfaultfd_prep() and _complete(): the registration moves along with an event, or is lost. */
static void remapped(struct remap *m, struct vma *target, struct uffd_event *event)
{
    if (event) {
        event->msg.to = m->new_addr;
        later(&m->moved, &event);
    } else if (target->uffd) {
        uffd_reset(target);
    }
}

/* Move to new_addr, which is free.  Returns the new address or -errno. */
static long move_vma(struct remap *m)
{
    struct mm *mm = m->mm;
    u64 flags = m->v->flags, pages = m->new_len >> PAGE_LG2, charge = 0, moved;
    bool keep = m->flags & MM_MREMAP_DONTUNMAP, drop_wp = false;
    struct uffd_event *event = NULL;
    struct vma *t;

    if (mm->map_count >= mm->k->cfg.max_map_count - 3)
        return -MM_ENOMEM;
    if ((flags & VM_HUGETLB) && m->v->start < m->addr && vma_split_unchecked(m->v, m->addr, true))
        return -MM_ENOMEM;               /* the parts that stay keep their reservations */
    if ((flags & VM_HUGETLB) && m->v->end > m->addr + m->old_len &&
        vma_split_unchecked(m->v, m->addr + m->old_len, false))
        return -MM_ENOMEM;
    if (m->v->name && (m->v->start != m->addr || m->v->end != m->addr + m->old_len))
        return -MM_EINVAL;               /* a special mapping is one piece */
    if (flags & VM_ACCOUNT) {
        charge = (keep || m->new_len < m->old_len ? m->new_len : m->new_len - m->old_len) >> PAGE_LG2;
        if (!limits_charge(mm->k, charge))
            return -MM_ENOMEM;
    }
    if (m->v->uffd && m->v->uffd->features & MM_UFFD_FEATURE_EVENT_REMAP) {
        event = uffd_event_new(m->v->uffd, MM_UFFD_EVENT_REMAP, m->addr, m->old_len);
        t = event ? make_target(m) : NULL;
    } else {
        drop_wp = m->v->uffd;
        t = make_target(m);
    }
    if (!t) {
        uffd_event_drop(mm->k, event);
        limits_uncharge(mm->k, charge);
        return -MM_ENOMEM;
    }
    moved = move_entries(mm, m->addr, m->new_addr, m->old_len, drop_wp);
    if (moved < m->old_len) {             /* no memory for tables: back again, where tables exist */
        struct unmapping u = { .start = m->new_addr, .end = m->new_addr + m->new_len };
        hugetlb_forget(t);
        move_entries(mm, m->new_addr, m->addr, moved, drop_wp);
        uffd_event_drop(mm->k, event);
        limits_account(mm, flags, (s64)pages);
        if (flags & VM_LOCKED)
            mm->locked_vm += pages;
        if (unmap_prepare(mm, u.start, u.end, &u) == 0)
            unmap_commit(mm, &u);
        limits_uncharge(mm->k, charge);
        return -MM_ENOMEM;
    }
    hugetlb_forget(m->v);
    limits_account(mm, flags, (s64)pages);
    if ((flags & VM_LOCKED) && (!keep || mm->k->q.dontunmap_counts))
        mm->locked_vm += pages;
    EXPLAIN(mm->k, "moved %x to %x, %d bytes", m->addr, m->new_addr, m->new_len);
    remapped(m, t, event);
    finish_source(m, t);
    if (flags & VM_LOCKED) {
        m->populate_start = m->new_addr + m->old_len;
        m->populate_end = m->new_addr + m->new_len;
    }
    return (long)m->new_addr;
}

/* ---- growing, shrinking, moving to a place ---------------------------------------------------------------------- */

static long choose_target(struct remap *m, u64 hint)
{
    const struct vma *v = m->v;
    int flags = (m->flags & MM_MREMAP_FIXED ? MM_MAP_FIXED : 0) | (v->flags & VM_MAYSHARE ? MM_MAP_SHARED : 0);
    long r = addr_choose(m->p, v->file, hint, m->new_len, v->pgoff + ((m->addr - v->start) >> PAGE_LG2), flags);

    if (r >= 0)
        m->new_addr = (u64)r;
    return r < 0 ? r : 0;
}

static bool room_in_place(const struct remap *m)
{
    u64 end = m->addr + m->new_len;
    /* A recorded move is followed even where there would be room. */
    if (m->p->adopt != ADOPT_NONE && m->p->adopt != m->addr && (m->flags & MM_MREMAP_MAYMOVE))
        return false;
    return m->addr + m->old_len == m->v->end && end > m->v->end && end <= TASK_SIZE &&
           !vma_overlap(m->mm, m->v->end, end);
}

static long grow_in_place(struct remap *m)
{
    struct vma *v = m->v;
    u64 old_end = v->end, flags = v->flags, pages = (m->new_len - m->old_len) >> PAGE_LG2;
    struct merge g = { .mm = m->mm, .start = old_end, .end = m->addr + m->new_len, .flags = flags, .prev = v,
                       .next = v->next, .anon_vma = v->anon_vma, .file = v->file, .name = v->name, .uffd = v->uffd,
                       .anon_name = v->anon_name, .pgoff = v->pgoff + ((v->end - v->start) >> PAGE_LG2) };

    if ((flags & VM_ACCOUNT) && !limits_charge(m->mm->k, pages))
        return -MM_ENOMEM;
    if (!merge_new(&g)) {
        limits_uncharge(m->mm->k, flags & VM_ACCOUNT ? pages : 0);
        return -MM_ENOMEM;
    }
    limits_account(m->mm, flags, (s64)pages);
    if (flags & VM_LOCKED) {
        m->mm->locked_vm += pages;
        m->populate_start = old_end;
        m->populate_end = m->addr + m->new_len;
    }
    EXPLAIN(m->mm->k, "grown in place to %x", m->addr + m->new_len);
    return (long)m->addr;
}

/* What shrinking cuts off: like munmap, only inside the address space. */
static long unmap_tail(struct remap *m)
{
    u64 start = m->addr + m->new_len, len = m->old_len - m->new_len;

    if (start > TASK_SIZE || len > TASK_SIZE - start)
        return -MM_EINVAL;
    return unmap_range_telling(m->mm, start, start + len, &m->late);
}

static long resize(struct remap *m)
{
    long r;

    if (m->new_len == m->old_len)
        return (long)m->addr;
    if (m->new_len < m->old_len) {
        r = unmap_tail(m);
        return r ? r : (long)m->addr;
    }
    if (room_in_place(m))
        return grow_in_place(m);
    if (!(m->flags & MM_MREMAP_MAYMOVE))
        return -MM_ENOMEM;
    r = choose_target(m, 0);
    return r ? r : move_vma(m);
}

/* The target is free now, where the caller named one. */
static long move_there(struct remap *m)
{
    long r;

    if ((m->flags & MM_MREMAP_DONTUNMAP) && !limits_may_expand(m->mm, m->v->flags, m->old_len >> PAGE_LG2))
        return -MM_ENOMEM;
    r = choose_target(m, m->new_addr);
    return r ? r : move_vma(m);
}

/* What is longer at the source than at the target goes first. */
static long cut_tail(struct remap *m)
{
    long r = m->new_len < m->old_len ? unmap_tail(m) : 0;

    if (!r && m->new_len < m->old_len)
        m->old_len = m->new_len;
    return r;
}

/* FIXED or DONTUNMAP: the caller names the target (DONTUNMAP alone: as a hint). */
static long move_to(struct remap *m)
{
    long r;

    if (m->flags & MM_MREMAP_FIXED) {
        r = unmap_range_telling(m->mm, m->new_addr, m->new_addr + m->new_len, &m->early);
        if (r)
            return r;
        m->v = vma_at(m->mm, m->addr);
        if (!m->v)
            return -MM_EFAULT;
    }
    r = cut_tail(m);
    if (r)
        return r;
    m->v = vma_at(m->mm, m->addr);
    return move_there(m);
}

/* A pure move (FIXED, lengths equal) takes all mappings of the range along, gaps kept.  Stops at the first error. */
static long move_many(struct remap *m)
{
    u64 start = m->addr, end = m->addr + m->old_len, target = m->new_addr, last_end = start;
    long first = 0;
    bool seen = false;

    for (struct vma *v = vma_overlap(m->mm, start, end); v; v = vma_overlap(m->mm, last_end, end)) {
        long r;
        if (!seen && start < v->start)
            return -MM_EFAULT;
        /* Events of several mappings cannot be told in one call. */
        if (uffd_armed(v) && (seen || v->end < end))
            return -MM_EFAULT;
        m->v = v;
        m->addr = v->start > start ? v->start : start;
        target += m->addr - last_end;
        m->new_addr = target;
        m->old_len = m->new_len = (v->end < end ? v->end : end) - m->addr;
        last_end = m->addr + m->old_len;
        r = check_source(m);
        if (!r)
            r = move_to(m);
        if (r < 0)
            return r;
        target = (u64)r + m->new_len;
        if (!seen)
            first = r;
        seen = true;
    }
    return seen ? first : -MM_EFAULT;
}

/* ---- before 6.17 ------------------------------------------------------------------------------------------------ *
 * The order was: flags and lengths, the source mapping, the target's address, unmapping the target, cutting the tail,
 * and only then whether the source may be moved like this. */

static long old_parameters(const struct remap *m)
{
    if (m->flags & ~(MM_MREMAP_FIXED | MM_MREMAP_MAYMOVE | MM_MREMAP_DONTUNMAP))
        return -MM_EINVAL;
    if (names_target(m) && !(m->flags & MM_MREMAP_MAYMOVE))
        return -MM_EINVAL;
    if ((m->flags & MM_MREMAP_DONTUNMAP) && m->resizes)
        return -MM_EINVAL;
    return (m->addr & PAGE_MASK_LOW) || !m->new_len ? -MM_EINVAL : 0;
}

static long old_clear_target(struct remap *m)
{
    if ((m->new_addr & PAGE_MASK_LOW) || m->new_len > TASK_SIZE || m->new_addr > TASK_SIZE - m->new_len)
        return -MM_EINVAL;
    if (m->addr + m->old_len > m->new_addr && m->new_addr + m->new_len > m->addr)
        return -MM_EINVAL;
    if (m->mm->map_count + 2 >= m->mm->k->cfg.max_map_count - 3)
        return -MM_ENOMEM;
    return !(m->flags & MM_MREMAP_FIXED) ? 0
         : unmap_range_telling(m->mm, m->new_addr, m->new_addr + m->new_len, &m->early);
}

static long old_mremap(struct remap *m)
{
    long r = old_parameters(m);

    if (r)
        return r;
    m->v = vma_at(m->mm, m->addr);
    r = check_mapping(m);
    if (r)
        return r;
    if (!names_target(m)) {
        r = check_resize(m);
        return r ? r : resize(m);
    }
    r = old_clear_target(m);
    if (!r)
        r = cut_tail(m);
    if (r)
        return r;
    m->v = vma_at(m->mm, m->addr);
    r = m->v ? check_resize(m) : -MM_EFAULT;
    return r ? r : move_there(m);
}

/* ---- the call -------------------------------------------------------------------------------------------------- */

static long do_mremap(struct remap *m)
{
    long r;

    if (!m->mm->k->q.mremap_checks_first)
        return old_mremap(m);
    r = check_parameters(m);
    if (r)
        return r;
    if ((m->flags & MM_MREMAP_FIXED) && m->old_len == m->new_len)
        return move_many(m);
    m->v = vma_at(m->mm, m->addr);
    r = check_source(m);
    if (r)
        return r;
    return names_target(m) ? move_to(m) : resize(m);
}

long mm_mremap(struct proc *p, u64 addr, u64 old_len, u64 new_len, int flags, u64 new_addr)
{
    struct remap m = { .p = p, .mm = p->mm, .addr = addr, .old_len = page_up(old_len), .new_len = page_up(new_len),
                       .new_addr = new_addr, .flags = flags, .resizes = old_len != new_len };
    long r;

    kernel_enter(p);
    EXPLAIN(p->k, "mremap %x: %d to %d bytes", addr, old_len, new_len);
    r = do_mremap(&m);
    p->adopt = ADOPT_NONE;
    uffd_event_send(m.early);
    uffd_event_send(m.moved);
    uffd_event_send(m.late);
    if (r >= 0 && m.populate_start < m.populate_end)
        populate_range(p->mm, m.populate_start, m.populate_end, true);
    return r;
}
