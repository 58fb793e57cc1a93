/* SPDX-License-Identifier: MIT
 * hugetlb_range.c - what walks over entries do when they come to a mapping of huge pages from a pool: clear, copy, move,
 * protect, look.  Called by zap.c, fork.c, move_entries.c, mprotect.c and the views, with ranges of whole huge pages.
 * The entries are leaves of level 1 (2 MiB) or level 2 (1 GiB); they are never split and have no deposited table. */
#include "calls.h"

/* The entry for va; NULL: there is no table for it. */
u64 *hugetlb_entry(const struct vma *v, u64 va) { return pgtable_find(v->mm, va, hugetlb_level(v)); }

/* Calls fn() for each present entry of [start, end). */
static void each(struct vma *v, u64 start, u64 end, void (*fn)(struct vma *v, u64 *e, u64 va, void *arg), void *arg)
{
    for (u64 va = start; va < end; va += hugetlb_bytes(v)) {
        u64 *e = hugetlb_entry(v, va);
        if (e && *e)
            fn(v, e, va, arg);
    }
}

/* ---- clearing ---------------------------------------------------------------------------------------------------- */

/* The owner of a private mapping may have its page again: unless the pool is overdrawn, freeing this one restores the
 * promise. */
static void restore_promise(struct vma *v, struct frame *f, u64 va)
{
    struct kernel *k = v->mm->k;
    u64 n = hugetlb_index(v, va);

    if (f->inode || !v->resv || pool_of(k, v->file->inode->huge_lg2)->surplus)
        return;
    if (region_del(k, v->resv, n, n + 1) == 1)
        f->flags |= FRAME_PROMISED;
}

static void zap_one(struct vma *v, u64 *e, u64 va, void *arg)
{
    struct gather *g = arg;
    struct kernel *k = v->mm->k;
    struct frame *f = frame_at(k, pte_pfn(*e));

    pte_store(k, e, 0);
    gather_leaf(g, va, v->file->inode->huge_lg2);
    v->mm->hugetlb -= hugetlb_bytes(v) >> PAGE_LG2;
    rmap_remove(v->mm, f, va);
    restore_promise(v, f, va);
    gather_put(g, f);
}

void hugetlb_zap(struct gather *g, struct vma *v, u64 start, u64 end) { each(v, start, end, zap_one, g); }

/* ---- rights ------------------------------------------------------------------------------------------------------ */

/* A private page stays read-only until it is written, whoever has it. */
static void protect_one(struct vma *v, u64 *e, u64 va, void *arg)
{
    u64 old = *e, new = (old & (X86_PTE_ADDR | X86_PTE_A | X86_PTE_D | X86_PTE_PS | PTE_SOFT_DIRTY)) | vma_page_prot(v);

    if ((old & X86_PTE_P) && ((old ^ new) & (X86_PTE_P | X86_PTE_RW | X86_PTE_US | X86_PTE_XD | PTE_PKEY)))
        gather_leaf(arg, va, v->file->inode->huge_lg2);
    pte_store(v->mm->k, e, new);
}

void hugetlb_protect(struct gather *g, struct vma *v, u64 start, u64 end) { each(v, start, end, protect_one, g); }

/* ---- fork, mremap ------------------------------------------------------------------------------------------------ */

struct copying { struct vma *child; bool oom; };

/* A pinned page stays the parent's; the child gets a copy from the pool, without a reservation.  false: none to be had. */
static bool copy_pinned(struct vma *child, struct frame *f, u64 *to, u64 va)
{
    struct kernel *k = child->mm->k;
    struct frame *page = pool_take(k, pool_of(k, child->file->inode->huge_lg2), false);

    if (!page)
        return false;
    EXPLAIN(k, "fork: the pinned huge page at %x copied to frame %x", va, frame_pfn(k, page).n);
    for (u64 n = 0; n < hugetlb_bytes(child) >> PAGE_LG2 && k->cfg.contents; n++)
        contents_copy(k, page + n, f + n);
    page->flags = FRAME_EXCLUSIVE;
    rmap_add(child->mm, page, va);        /* the first mapping needs no memory */
    pte_store(k, to, vma_page_prot(child) | pfn_to_pa(frame_pfn(k, page)) | X86_PTE_PS |
              (child->flags & VM_WRITE ? X86_PTE_RW | k->dirty_bits : 0));
    child->mm->hugetlb += hugetlb_bytes(child) >> PAGE_LG2;
    return true;
}

static void fork_one(struct vma *v, u64 *e, u64 va, void *arg)
{
    struct copying *c = arg;
    struct kernel *k = v->mm->k;
    struct frame *f = frame_at(k, pte_pfn(*e));
    u64 *to = c->oom ? NULL : pgtable_make(c->child->mm, va, hugetlb_level(v));

    if (to && !f->inode && (f->flags & FRAME_EXCLUSIVE) && page_needs_copy(v->mm, f)) {
        c->oom = !copy_pinned(c->child, f, to, va);
        return;
    }
    if (!to || !rmap_add(c->child->mm, f, va)) {
        c->oom = true;
        return;
    }
    frame_get(k, f);
    f->flags &= (u8)~FRAME_EXCLUSIVE;
    if (!(v->flags & VM_SHARED) && (*e & X86_PTE_RW))
        pte_store(k, e, *e & ~X86_PTE_RW);
    pte_store(k, to, *e);
    c->child->mm->hugetlb += hugetlb_bytes(v) >> PAGE_LG2;
}

/* false: no memory. */
bool hugetlb_fork(struct vma *child, struct vma *parent)
{
    struct copying c = { child, false };

    each(parent, parent->start, parent->end, fork_one, &c);
    return !c.oom;
}

/* Entries of [from, from + len) go to `to`; returns the bytes done, less when there was no memory for tables. */
u64 hugetlb_move(struct gather *g, struct vma *v, u64 from, u64 to, u64 len)
{
    struct kernel *k = v->mm->k;

    for (u64 done = 0; done < len; done += hugetlb_bytes(v)) {
        u64 *e = hugetlb_entry(v, from + done), *at, old = e ? *e : 0;
        if (!old)
            continue;
        at = pgtable_make(v->mm, to + done, hugetlb_level(v));
        if (!at)
            return done;
        pte_store(k, e, 0);
        gather_leaf(g, from + done, v->file->inode->huge_lg2);
        rmap_move(v->mm, frame_at(k, pte_pfn(old)), from + done, to + done);
        pte_store(k, at, old);
    }
    return len;
}
