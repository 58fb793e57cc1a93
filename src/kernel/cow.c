/* SPDX-License-Identifier: MIT
 * cow.c - a write to a present page whose entry is read-only, in a mapping that allows writing.  Called by fault.c.
 *   write-protected           userfaultfd is asked, or (async) the mark alone goes and the rest follows
 *   shared mapping            the file system is told, the entry becomes writable
 *   anonymous, ours alone     made writable (reuse)
 *   anyone else's, or zero    copied
 * "Ours alone" is the exclusive mark, or exactly one reference left.  A page waiting in this CPU's LRU batch is
 * drained first; one in another CPU's batch still has that batch's reference and is copied. */
#include "calls.h"

static bool may_reuse(struct mm *mm, struct frame *page)
{
    struct kernel *k = mm->k;

    if (page->kind != FRAME_ANON)
        return false;
    if (page->flags & FRAME_EXCLUSIVE)
        return true;
    if (page->flags & FRAME_HUGE)
        return huge_may_reuse(mm, page);
    if (page->refs > 3)
        return false;
    if (page->lru != LRU_ON)
        lru_drain(k);
    if (page->refs == 2 && (page->flags & FRAME_SWAPCACHE))
        swap_free_slot(k, page);
    if (page->refs > 1) {
        EXPLAIN(k, "cow: %d references remain (%d mappings): copy", page->refs, page->mapped);
        return false;
    }
    return true;
}

static enum fault_result copy(struct fault *f, u64 *e, struct frame *old)
{
    struct mm *mm = f->mm;
    struct kernel *k = mm->k;
    pfn_t pfn;

    if (!anon_vma_prepare(f->vma))
        return FAULT_OOM;
    pfn = frames_alloc(k, 0, FRAME_ANON);
    if (pfn_is_none(pfn))
        return FAULT_OOM;
    EXPLAIN(k, "cow: %s to frame %x", TEXT(old ? "copied" : "the zero page replaced by a zeroed page"), pfn.n);
    pte_store(k, e, 0);
    flush_page(mm, f->addr);
    if (old) {
        contents_copy(k, frame_at(k, pfn), old);
        rmap_remove(mm, old, f->addr);
        rss_add(mm, old, -1);
        f->out->copied_pages++;
    } else {
        f->out->zeroed_pages++;
    }
    map_new_anon(f, e, frame_at(k, pfn));
    if (old && (old->flags & FRAME_SWAPCACHE))
        swap_unmapped(k, old);
    if (old)
        frame_put(k, old);
    f->out->kind = MM_FAULT_COW_COPY;
    f->out->mapped_pages = 1;
    return FAULT_DONE;
}

static void make_writable(struct fault *f, u64 *e)
{
    pte_store(f->mm->k, e, *e | X86_PTE_RW | X86_PTE_A | f->mm->k->dirty_bits);
}

enum fault_result wp_fault(struct fault *f, u64 *e)
{
    struct kernel *k = f->mm->k;
    struct frame *page = *e & PTE_SPECIAL ? NULL : frame_at(k, pte_pfn(*e));

    if ((*e & PTE_UFFD_WP) && (f->vma->flags & VM_UFFD_WP)) {
        if (!(f->vma->uffd->features & MM_UFFD_FEATURE_WP_ASYNC))
            return uffd_fault(f, VM_UFFD_WP);
        EXPLAIN(k, "userfaultfd: written, no longer write-protected", 0);
        pte_store(k, e, *e & ~PTE_UFFD_WP);
    }
    if (f->vma->flags & (VM_SHARED | VM_MAYSHARE)) {
        EXPLAIN(k, "shared mapping: first write to a clean page, made writable", 0);
        if (page)
            frame_mark_dirty(k, page);
        make_writable(f, e);
        f->out->kind = vma_is_shmem(f->vma) ? MM_FAULT_SHMEM : MM_FAULT_SHARED_WRITE;
        return FAULT_DONE;
    }
    if (page && may_reuse(f->mm, page)) {
        EXPLAIN(k, "cow: nobody else has the page: made writable", 0);
        page->flags |= FRAME_EXCLUSIVE;
        make_writable(f, e);
        f->out->kind = MM_FAULT_COW_REUSE;
        return FAULT_DONE;
    }
    return copy(f, e, page);
}

/* FAULT_FLAG_UNSHARE: the page becomes this process's alone, but not writable.  pre: present, read-only. */
enum fault_result unshare_fault(struct fault *f, u64 *e)
{
    struct kernel *k = f->mm->k;
    struct frame *page = *e & PTE_SPECIAL ? NULL : frame_at(k, pte_pfn(*e));
    enum fault_result r;

    if (page && may_reuse(f->mm, page)) {
        page->flags |= FRAME_EXCLUSIVE;
        f->out->kind = MM_FAULT_COW_REUSE;
        return FAULT_DONE;
    }
    r = copy(f, e, page);
    if (r == FAULT_DONE)
        pte_store(k, e, *e & ~(X86_PTE_RW | k->dirty_bits));
    return r;
}
