/* SPDX-License-Identifier: MIT
 * change_prot.c - giving the entries of a range the rights that their mapping has now.  Called by mprotect after the
 * mapping changed, and by userfaultfd, which write-protects pages one by one below the mapping's rights.
 * An anonymous page that belongs to this process alone is made writable again without a fault; the zero page,
 * page-cache pages, and pages whose next write must be noticed (soft-dirty, userfaultfd) are not.  The caller's
 * gather flushes every entry that lost or gained a right. */
#include "calls.h"

/* Soft-dirty tracking goes on in this mapping: it was not made since clear_refs. */
bool vma_tracks_soft_dirty(const struct vma *v) { return v->mm->k->cfg.soft_dirty && !(v->flags & VM_SOFTDIRTY); }

/* userfaultfd_wp_use_markers(): write protection is kept for pages that are not there. */
bool vma_uses_wp_markers(const struct vma *v)
{
    return (v->flags & VM_UFFD_WP) && (!vma_is_anon(v) || (v->uffd->features & MM_UFFD_FEATURE_WP_UNPOPULATED));
}

/* May the present entry be writable, when its mapping is?  Private: only pages of this process alone.  Shared with
 * write notification by the file system: only pages already dirty; where something else tracks writes: none. */
static bool may_be_writable(const struct vma *v, u64 e)
{
    const struct frame *f;

    if (!(v->flags & VM_WRITE) || !(e & X86_PTE_P))
        return false;
    if ((e & PTE_UFFD_WP) || (vma_tracks_soft_dirty(v) && !(e & PTE_SOFT_DIRTY)))
        return false;
    if (v->flags & VM_SHARED)
        return vma_wants_writenotify(v) && (e & X86_PTE_D);
    if (e & PTE_SPECIAL)
        return false;
    f = frame_at(v->mm->k, pte_pfn(e));
    return f->kind == FRAME_ANON && (f->flags & FRAME_EXCLUSIVE);
}

/* A present entry that loses or gains a right must be flushed; one that was not present to the hardware need not. */
static bool needs_flush(u64 old, u64 new)
{
    return (old & X86_PTE_P) && ((old ^ new) & (X86_PTE_P | X86_PTE_RW | X86_PTE_US | X86_PTE_XD | PTE_PKEY));
}

static u64 with_rights(const struct vma *v, u64 e, enum change_how how)
{
    u64 keep = X86_PTE_ADDR | X86_PTE_A | X86_PTE_D | PTE_SPECIAL | PTE_UFFD_WP | PTE_SOFT_DIRTY | (e & X86_PTE_PS);
    u64 n = (e & keep) | (vma_page_prot(v) & ~X86_PTE_A);

    if (how == CHANGE_WP)
        return n | PTE_UFFD_WP;           /* not writable: registered mappings' entries never are by themselves  */
    if (how == CHANGE_RESOLVE)
        n &= ~PTE_UFFD_WP;
    if (!(n & X86_PTE_RW) && may_be_writable(v, n))
        n |= X86_PTE_RW;
    return n;
}

/* An entry without a page: the new value. */
static u64 with_marker(const struct vma *v, u64 e, enum change_how how)
{
    if (pte_swap(e))
        return how == CHANGE_WP ? e | SWP_UFFD_WP : how == CHANGE_RESOLVE ? e & ~SWP_UFFD_WP : e;
    if (!e && how == CHANGE_WP && vma_uses_wp_markers(v))
        return PTE_MARKER | PTE_MARK_WP;
    return e == (PTE_MARKER | PTE_MARK_WP) && how == CHANGE_RESOLVE ? 0 : e;
}

static void change_pages(struct gather *g, struct vma *v, u64 *e, u64 va, u64 end, enum change_how how)
{
    for (; va < end; va += PAGE_BYTES, e++) {
        u64 n = pte_present(*e) ? with_rights(v, *e, how) : with_marker(v, *e, how);
        if (n == *e)
            continue;
        if (needs_flush(*e, n))
            gather_pte(g, va);
        pte_store(g->mm->k, e, n);
    }
}

/* 0, or -ENOMEM when markers need page tables and there is no memory: the part before it has changed. */
long change_protection(struct gather *g, struct vma *v, u64 start, u64 end, enum change_how how)
{
    bool populate = how == CHANGE_WP && vma_uses_wp_markers(v);

    if (v->flags & VM_HUGETLB) {
        hugetlb_protect(g, v, start, end);
        return 0;
    }
    for (u64 va = start, next; va < end; va = next) {
        struct span s = pgtable_span(g->mm, va, end);
        next = s.end;
        if (s.pmd && pmd_huge(*s.pmd)) {
            if (next - va == PMD_BYTES && !(populate && !vma_is_anon(v))) { /* a file's markers are per page    */
                u64 n = with_rights(v, *s.pmd, how);
                if (needs_flush(*s.pmd, n))
                    gather_pmd(g, va);
                pte_store(g->mm->k, s.pmd, n);
                continue;
            }
            huge_split(g->mm, s.pmd, va);
            s = pgtable_span(g->mm, va, end);
        }
        if (!s.pte && populate) {
            if (!pgtable_make(g->mm, va, 0))
                return -MM_ENOMEM;
            s = pgtable_span(g->mm, va, end);
            next = s.end;
        }
        if (s.pte)
            change_pages(g, v, s.pte, va, next, how);
    }
    return 0;
}
