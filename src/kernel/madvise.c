/* SPDX-License-Identifier: MIT
 * madvise.c - advice.  Called by the embedder.
 * The advice is checked before anything, then the range; the mappings are visited in order, a hole gives ENOMEM at the
 * end, an error of one mapping stops there.  Advice that only changes flags splits and merges like mprotect. */
#include "calls.h"

/* ---- advice that is a flag ------------------------------------------------------------------------------------- */

static const struct flag_advice {
    u8 advice;
    u64 set, clear, forbidden; /* EINVAL on a mapping with a forbidden flag                                        */
    bool anon_only;            /* EINVAL on file mappings                                                          */
    bool skip_special;         /* does nothing to mappings that cannot have it                                     */
} flag_advice[] = {
    { MM_MADV_NORMAL, 0, VM_SEQ_READ | VM_RAND_READ, 0, false, false },
    { MM_MADV_RANDOM, VM_RAND_READ, VM_SEQ_READ, 0, false, false },
    { MM_MADV_SEQUENTIAL, VM_SEQ_READ, VM_RAND_READ, 0, false, false },
    { MM_MADV_DONTFORK, VM_DONTCOPY, 0, 0, false, false },
    { MM_MADV_DOFORK, 0, VM_DONTCOPY, VM_IO, false, false },
    { MM_MADV_DONTDUMP, VM_DONTDUMP, 0, 0, false, false },
    { MM_MADV_DODUMP, 0, VM_DONTDUMP, VM_SPECIAL | VM_DROPPABLE, false, false },
    { MM_MADV_WIPEONFORK, VM_WIPEONFORK, 0, VM_SHARED, true, false },
    { MM_MADV_KEEPONFORK, 0, VM_WIPEONFORK, VM_DROPPABLE, false, false },
    { MM_MADV_MERGEABLE, VM_MERGEABLE, 0, VM_SHARED | VM_MAYSHARE | VM_SPECIAL | VM_HUGETLB | VM_DROPPABLE, false,
      true },
    { MM_MADV_UNMERGEABLE, 0, VM_MERGEABLE, 0, false, false },
    { MM_MADV_HUGEPAGE, VM_HUGEPAGE, VM_NOHUGEPAGE, 0, false, false },
    { MM_MADV_NOHUGEPAGE, VM_NOHUGEPAGE, VM_HUGEPAGE, 0, false, false },
};

static const struct flag_advice *flag_advice_of(int advice)
{
    for (size_t i = 0; i < COUNT_OF(flag_advice); i++)
        if (flag_advice[i].advice == advice)
            return &flag_advice[i];
    return NULL;
}

static long advise_flag(struct vma **pv, u64 start, u64 end, const struct flag_advice *a)
{
    const struct vma *v = *pv;
    u64 flags = (v->flags & ~a->clear) | a->set, bad = v->flags & a->forbidden;
    long r;

    if (v->flags & VM_HUGETLB)
        bad &= ~(u64)VM_DONTEXPAND;       /* they all have it */
    if (bad)
        return a->skip_special ? 0 : -MM_EINVAL;
    if (a->anon_only && v->file)
        return -MM_EINVAL;
    if (a->advice == MM_MADV_HUGEPAGE) {
        struct vma advised = *v;          /* anonymous: as it will be; shared memory: as it was before this advice */
        advised.flags = vma_is_shmem(v) ? v->flags : flags;
        khugepaged_enter(&advised);
    }
    if (flags == v->flags)
        return 0;
    r = vma_modify(pv, start, end, flags);
    return r == -MM_ENOMEM ? -MM_EAGAIN : r;
}

/* ---- advice that acts ------------------------------------------------------------------------------------------ */

static long dontneed(struct vma *v, u64 start, u64 end, bool locked_too)
{
    if (v->flags & VM_HUGETLB) {          /* whole pages of the range */
        if (start & (hugetlb_bytes(v) - 1))
            return -MM_EINVAL;
        zap_single(v, start, end & ~(hugetlb_bytes(v) - 1), 0);
        return 0;
    }
    if (v->flags & (VM_PFNMAP | (locked_too ? 0 : VM_LOCKED)))
        return -MM_EINVAL;
    if (!uffd_removes(v, start, end))
        return -MM_ENOMEM;
    zap_single(v, start, end, ZAP_RECLAIM);
    return 0;
}

/* How many entries from e on map the pages of a folio one after the other, in the same way, from its head on; 0: e does
 * not map its head. */
static u64 folio_run(const struct kernel *k, const u64 *e, u64 most)
{
    u64 same = ~(X86_PTE_A | X86_PTE_D), n = 0, pages = folio_pages(frame_at(k, pte_pfn(*e)));

    if (folio_of(k, frame_at(k, pte_pfn(*e))) != frame_at(k, pte_pfn(*e)))
        return 0;
    while (n < pages && n < most && (e[n] & same) == (e[0] & same) + n * PAGE_BYTES)
        n++;
    return n;
}

static void note_locked(struct mm *mm, struct frame *f, u64 va, void *locked)
{
    (void)f;
    if (vma_at(mm, va)->flags & VM_LOCKED)
        *(bool *)locked = true;
}

/* Locked by another process that shares it: reclaim leaves it alone. */
static bool unevictable(struct kernel *k, struct frame *f)
{
    bool locked = false;

    if (f->mapped > 1)
        rmap_each(k, f, note_locked, &locked);
    return locked;
}

/* The entries of a whole folio are cleaned and stay; it may be dropped later unless it is written first. */
static void free_folio(struct gather *g, u64 *e, u64 va, bool cold_only)
{
    struct kernel *k = g->mm->k;
    struct frame *f = frame_at(k, pte_pfn(*e));
    u64 clear = X86_PTE_A | (cold_only ? 0 : X86_PTE_D), n = folio_pages(f);

    if ((cold_only || (f->flags & (FRAME_DIRTY | FRAME_SWAPCACHE))) && folio_mapcount(f) != n)
        return;
    if (!cold_only && (f->flags & FRAME_SWAPCACHE) && f->kind == FRAME_ANON && !swap_free_slot(k, f))
        return;
    f->flags &= (u8)~(cold_only ? FRAME_REFERENCED | FRAME_ACTIVE : FRAME_DIRTY);
    for (u64 i = 0; i < n; i++) {
        if (!(e[i] & clear))
            continue;
        pte_store(k, e + i, e[i] & ~clear);
        gather_pte(g, va + i * PAGE_BYTES);
    }
    if (!cold_only && f->kind == FRAME_ANON && !(f->flags & FRAME_LAZYFREE) && f->lru == LRU_ON &&
        !unevictable(k, f))
        lru_add(k, f, LRU_LAZYFREE);
}

/* Entries of one page table.  A folio that the range covers in part is split, unless others map it too. */
static void free_entries(struct gather *g, u64 *e, u64 va, u64 end, bool cold_only)
{
    struct kernel *k = g->mm->k;

    for (u64 n; va < end; va += n * PAGE_BYTES, e += n) {
        if (pte_swap(*e) && !cold_only)   /* MADV_FREE: nobody will miss it */
            swap_zap(g->mm, e);
        struct frame *f = pte_counted(*e) ? frame_at(k, pte_pfn(*e)) : NULL;
        n = 1;
        if (!f)
            continue;
        if (folio_run(k, e, (end - va) >> PAGE_LG2) < folio_pages(f)) {
            if (folio_shared(k, f) || !folio_split(k, f) || !pte_counted(*e))
                continue;
        }
        n = folio_pages(f);
        free_folio(g, e, va, cold_only);
    }
}

static void free_range(struct vma *v, u64 start, u64 end, bool cold_only)
{
    struct gather g = gather_begin(v->mm);
    struct kernel *k = v->mm->k;

    lru_drain(k);
    for (u64 va = start, next; va < end; va = next) {
        struct span s = pgtable_span(v->mm, va, end);
        next = s.end;
        if (s.pmd && pmd_huge(*s.pmd)) {
            if ((*s.pmd & PTE_SPECIAL) || folio_shared(k, frame_at(k, pte_pfn(*s.pmd))))
                continue;
            if (next - va == PMD_BYTES) {
                huge_age(&g, s.pmd, va, cold_only);
                continue;
            }
            if (!folio_split(k, frame_at(k, pte_pfn(*s.pmd))))
                continue;
            s = pgtable_span(v->mm, va, end);
        }
        if (s.pte)
            free_entries(&g, s.pte, va, next, cold_only);
    }
    gather_flush(&g);
}

static long lazyfree(struct vma *v, u64 start, u64 end)
{
    if (!vma_is_anon(v) || (v->flags & (VM_LOCKED | VM_PFNMAP)))
        return -MM_EINVAL;
    if (!uffd_removes(v, start, end))
        return -MM_ENOMEM;
    free_range(v, start, end, false);
    return 0;
}

/* Without a swap device, or memory pressure, both only make the pages look old. */
static long cold(struct vma *v, u64 start, u64 end, bool out)
{
    if (v->flags & (VM_LOCKED | VM_PFNMAP | VM_HUGETLB))
        return -MM_EINVAL;
    free_range(v, start, end, true);
    if (out && v->mm->k->swap.on)
        swap_range_out(v, start, end);
    return 0;
}

static long willneed(struct vma *v, u64 start, u64 end)
{
    if (vma_is_anon(v))
        swap_willneed(v, start, end);
    if (vma_is_anon(v) || vma_is_shmem(v)) /* swap is looked at, and what came from there sent on its way */
        lru_drain(v->mm->k);
    if (v->file && v->file->inode->fs == MM_FS_EXT4) {
        struct inode *i = v->file->inode;
        u64 n = v->pgoff + ((start - v->start) >> PAGE_LG2), last = n + ((end - start) >> PAGE_LG2);
        for (; n < last && n < inode_pages(i); n++)
            if (!cache_has(i, n) && !cache_add(i, n))
                return 0;                /* advice may be ignored */
    }
    return 0;
}

/* Punch a hole: only a shared mapping that may be written. */
static long remove_pages(struct vma *v, u64 start, u64 end)
{
    u64 first = v->pgoff + ((start - v->start) >> PAGE_LG2), last = first + ((end - start) >> PAGE_LG2);

    if ((v->flags & VM_LOCKED) || !v->file)
        return -MM_EINVAL;
    if ((v->flags & (VM_SHARED | VM_MAYWRITE)) != (VM_SHARED | VM_MAYWRITE))
        return -MM_EACCES;
    if (v->flags & VM_HUGETLB)
        return hugetlb_punch(v->file->inode, first << PAGE_LG2, last << PAGE_LG2);
    if (!cache_settle(v->file->inode) || !uffd_removes(v, start, end))
        return -MM_ENOMEM;
    punch_inode(v->file->inode, first, last);
    return 0;
}

/* ---- guard regions --------------------------------------------------------------------------------------------- */

static long guard_install(struct vma *v, u64 start, u64 end)
{
    struct kernel *k = v->mm->k;

    if ((v->flags & (VM_SPECIAL | VM_HUGETLB | VM_LOCKED)) || (v->file && !k->q.guard_files))
        return -MM_EINVAL;
    /* The flag makes fork copy the markers; before it existed only an anon_vma did. */
    if ((vma_is_anon(v) || !k->q.guard_flag) && !anon_vma_prepare(v))
        return -MM_ENOMEM;
    v->flags |= k->q.guard_flag ? VM_MAYBE_GUARD : 0;
    zap_single(v, start, end, 0);
    for (u64 va = start; va < end; va += PAGE_BYTES) {
        u64 *e = pgtable_make(v->mm, va, 0);
        if (!e)
            return -MM_ENOMEM;
        pte_store(k, e, PTE_GUARD);
    }
    return 0;
}

static long guard_remove(struct vma *v, u64 start, u64 end)
{
    if ((v->flags & (VM_SPECIAL | VM_HUGETLB)) || (v->file && !v->mm->k->q.guard_files))
        return -MM_EINVAL;
    for (u64 va = start, next; va < end; va = next) {
        struct span s = pgtable_span(v->mm, va, end);
        next = s.end;
        if (!s.pte)
            continue;
        for (u64 *e = s.pte; va < next; va += PAGE_BYTES, e++)
            if (pte_marker(*e) && (*e & PTE_MARK_GUARD))
                pte_store(v->mm->k, e, 0);
    }
    return 0;
}

/* ---- the call -------------------------------------------------------------------------------------------------- */

static bool known(const struct kernel *k, int advice)
{
    switch (advice) {
    case MM_MADV_WILLNEED: case MM_MADV_DONTNEED: case MM_MADV_FREE: case MM_MADV_REMOVE: case MM_MADV_COLD:
    case MM_MADV_PAGEOUT: case MM_MADV_POPULATE_READ: case MM_MADV_POPULATE_WRITE: case MM_MADV_DONTNEED_LOCKED:
    case MM_MADV_COLLAPSE:
        return true;
    case MM_MADV_GUARD_INSTALL: case MM_MADV_GUARD_REMOVE:
        return k->q.guard_regions;
    default:
        return flag_advice_of(advice) != NULL;
    }
}

/* A sealed mapping that may not be written keeps its contents. */
static bool seal_forbids(const struct vma *v, int advice)
{
    if (!(v->flags & VM_SEALED) || v->file || (v->flags & VM_WRITE))
        return false;
    return advice == MM_MADV_FREE || advice == MM_MADV_DONTNEED || advice == MM_MADV_DONTNEED_LOCKED ||
           advice == MM_MADV_REMOVE || advice == MM_MADV_DONTFORK || advice == MM_MADV_WIPEONFORK ||
           advice == MM_MADV_GUARD_INSTALL;
}

/* A range of one mapping at a time.  The first hole, wrong right or failing page ends it and says which it was. */
static long populate_mappings(struct mm *mm, u64 start, u64 end, bool write)
{
    for (u64 at = start; at < end; ) {
        struct vma *v = vma_at(mm, at);
        u64 stop;
        long r;
        if (!v)
            return -MM_ENOMEM;
        if ((v->flags & (VM_IO | VM_PFNMAP)) || !(v->flags & (write ? VM_WRITE : VM_READ)))
            return -MM_EINVAL;
        stop = v->end < end ? v->end : end;
        r = populate_pages(v, at, stop, write, WAIT_RETRIES);
        if (r)
            return r;
        at = stop;
    }
    return 0;
}

static bool populates(int advice) { return advice == MM_MADV_POPULATE_READ || advice == MM_MADV_POPULATE_WRITE; }

/* MADV_POPULATE_*. */
static long populate_advice(struct mm *mm, u64 start, u64 end, bool write)
{
    long r = populate_mappings(mm, start, end, write);

    if (start < end)
        lru_drain(mm->k);
    return r;
}

static long advise_one(struct vma **pv, u64 start, u64 end, int advice)
{
    const struct flag_advice *flag = flag_advice_of(advice);
    struct vma *v = *pv;

    if (seal_forbids(v, advice))
        return -MM_EPERM;
    if (flag)
        return advise_flag(pv, start, end, flag);
    switch (advice) {
    case MM_MADV_DONTNEED: return dontneed(v, start, end, false);
    case MM_MADV_DONTNEED_LOCKED: return dontneed(v, start, end, true);
    case MM_MADV_FREE: return lazyfree(v, start, end);
    case MM_MADV_COLD: case MM_MADV_PAGEOUT: return cold(v, start, end, advice == MM_MADV_PAGEOUT);
    case MM_MADV_WILLNEED: return willneed(v, start, end);
    case MM_MADV_REMOVE: return remove_pages(v, start, end);
    case MM_MADV_GUARD_INSTALL: return guard_install(v, start, end);
    case MM_MADV_GUARD_REMOVE: return guard_remove(v, start, end);
    case MM_MADV_COLLAPSE: return huge_collapse(v, start, end);
    case MM_MADV_POPULATE_READ: case MM_MADV_POPULATE_WRITE:
        return populate_advice(v->mm, start, end, advice == MM_MADV_POPULATE_WRITE);
    default: return -MM_EINVAL;
    }
}

/* do_madvise(); the caller entered the kernel. */
long madvise_range(struct mm *mm, u64 addr, u64 len, int advice)
{
    u64 end = addr + page_up(len), at = addr;
    long unmapped = 0;

    if (!known(mm->k, advice) || (addr & PAGE_MASK_LOW) || (len && !page_up(len)) || end < addr)
        return -MM_EINVAL;
    EXPLAIN(mm->k, "madvise %x-%x: advice %d", addr, end, advice);
    if (populates(advice) && mm->k->q.populate_whole)
        return populate_advice(mm, addr, end, advice == MM_MADV_POPULATE_WRITE);
    while (at < end) {
        struct vma *v = vma_find(mm, at);
        u64 stop;
        long r;
        if (!v)
            return -MM_ENOMEM;
        if (at < v->start) {
            unmapped = -MM_ENOMEM;
            at = v->start;
            if (at >= end)
                break;
        }
        stop = v->end < end ? v->end : end;
        r = advise_one(&v, at, stop, advice);
        if (r)
            return r;
        at = stop;
    }
    return unmapped;
}

long mm_madvise(struct proc *p, u64 addr, u64 len, int advice)
{
    kernel_enter(p);
    return madvise_range(p->mm, addr, len, advice);
}
