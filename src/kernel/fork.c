/* SPDX-License-Identifier: MIT
 * fork.c - duplicating an address space.  Called by proc.c.
 * Entries are copied only for mappings with an anonymous identity (and for page-frame mappings); everything else
 * starts empty in the child and faults again.  Private pages become read-only in both, lose their exclusive mark,
 * and are old in the child; shared ones are clean in the child.  The parent's TLBs are flushed at the end. */
#include "calls.h"

/* Write protection by userfaultfd is found nowhere else. */
static bool needs_copy(const struct vma *child, const struct vma *v)
{
    if (child->flags & VM_UFFD_WP)
        return true;
    return v->anon_vma || (v->flags & (VM_PFNMAP | VM_MIXEDMAP | VM_MAYBE_GUARD));
}

static bool is_cow(const struct vma *v) { return (v->flags & (VM_SHARED | VM_MAYWRITE)) == VM_MAYWRITE; }

/* A pinned page stays the parent's, writable as it was; the child gets its copy now.  false: no memory. */
static bool copy_pinned(struct vma *child, struct frame *f, u64 e, u64 *to, u64 va)
{
    struct kernel *k = child->mm->k;
    pfn_t pfn = frames_alloc(k, 0, FRAME_ANON);
    struct frame *page;

    if (pfn_is_none(pfn))
        return false;
    EXPLAIN(k, "fork: the pinned page at %x copied to frame %x", va, pfn.n);
    page = frame_at(k, pfn);
    contents_copy(k, page, f);
    page->flags |= FRAME_EXCLUSIVE;
    rmap_add(child->mm, page, va);        /* the first mapping needs no memory */
    rss_add(child->mm, page, 1);
    lru_add(k, page, LRU_ADD);
    pte_store(k, to, vma_page_prot(child) | pfn_to_pa(pfn) | k->dirty_bits | (child->flags & VM_WRITE ? X86_PTE_RW : 0) |
              (child->flags & VM_UFFD_WP ? e & PTE_UFFD_WP : 0));
    return true;
}

static bool is_pinned(const struct mm *mm, struct frame *f)
{
    return f->kind == FRAME_ANON && (f->flags & FRAME_EXCLUSIVE) && page_needs_copy(mm, f);
}

/* What nearly all entries are: a present anonymous page by itself, of a mapping that is copied on write, nobody pinned
 * anything.  Two cache lines are written, the frame's and the new reverse mapping's. */
static inline bool is_plain(const struct kernel *k, u64 e)
{
    const struct frame *f;

    if ((e & (X86_PTE_P | PTE_SPECIAL | PTE_UFFD_WP)) != X86_PTE_P)
        return false;
    f = &k->frames[pte_pfn(e).n];
    return f->kind == FRAME_ANON && !(f->flags & FRAME_HUGE);
}

/* The entries from *from on, as long as they are plain.  Returns how many; fewer than `n` also when memory ran out, which
 * copy_entry() then finds. */
static u64 copy_plain(struct vma *child, u64 *from, u64 *to, u64 va, u64 n)
{
    struct kernel *k = child->mm->k;
    u64 done = 0;

    for (; done < n; done++) {
        u64 e = from[done];
        struct frame *f;
        if (!is_plain(k, e))
            break;
        f = &k->frames[pte_pfn(e).n];
        if (!rmap_share(child->mm, f, va + done * PAGE_BYTES))
            break;
        f->flags &= (u8)~FRAME_EXCLUSIVE;
        f->refs++;
        if (e & X86_PTE_RW) {
            e &= ~X86_PTE_RW;
            pte_store(k, from + done, e);
        }
        pte_store(k, to + done, e & ~X86_PTE_A);
    }
    child->mm->rss[RSS_ANON] += done;
    return done;
}

/* One entry.  false: no memory. */
static bool copy_entry(struct vma *child, struct vma *parent, u64 *from, u64 *to, u64 va)
{
    struct kernel *k = parent->mm->k;
    u64 e = *from;

    if (pte_swap(e)) {
        swap_dup(k, e);
        child->mm->swapped++;
        if (e & SWP_EXCLUSIVE) {
            e &= ~SWP_EXCLUSIVE;
            pte_store(k, from, e);
        }
    }
    if (!pte_present(e)) {
        if (!(child->flags & VM_UFFD_WP))
            e &= ~PTE_MARK_WP;
        if (e != PTE_MARKER)
            pte_store(k, to, e);
        return true;
    }
    if (pte_counted(e)) {
        struct frame *f = frame_at(k, pte_pfn(e));
        if (RARE(is_pinned(parent->mm, f)))
            return copy_pinned(child, f, e, to, va);
        if (!rmap_add(child->mm, f, va))
            return false;
        f->flags &= (u8)~(f->kind == FRAME_ANON ? FRAME_EXCLUSIVE : 0);
        frame_get(k, f);
        rss_add(child->mm, f, 1);
    }
    if (is_cow(parent) && (e & X86_PTE_RW)) {
        e &= ~X86_PTE_RW;
        pte_store(k, from, e);
    }
    if (child->flags & VM_SHARED)
        e &= ~X86_PTE_D;
    if (!(child->flags & VM_UFFD_WP))
        e &= ~PTE_UFFD_WP;
    pte_store(k, to, e & ~X86_PTE_A);
    return true;
}

static bool copy_entries(struct vma *child, struct vma *parent)
{
    if (parent->flags & VM_HUGETLB)
        return hugetlb_fork(child, parent);
    for (u64 va = parent->start, next; va < parent->end; va = next) {
        struct span s = pgtable_span(parent->mm, va, parent->end);
        u64 *to;
        next = s.end;
        if (s.pmd && pmd_huge(*s.pmd) && pte_counted(*s.pmd) && is_pinned(parent->mm, frame_at(parent->mm->k, pte_pfn(*s.pmd)))) {
            huge_split(parent->mm, s.pmd, va);
            s = pgtable_span(parent->mm, va, parent->end);
        }
        if (s.pmd && pmd_huge(*s.pmd)) {
            if (!huge_fork(child->mm, parent->mm, s.pmd, va))
                return false;
            to = pgtable_find(child->mm, va, 1);
            if (to && !(child->flags & VM_UFFD_WP) && (*to & PTE_UFFD_WP))
                pte_store(parent->mm->k, to, *to & ~PTE_UFFD_WP);
            continue;
        }
        if (!s.pte)
            continue;
        to = pgtable_make(child->mm, va, 0);
        if (!to)
            return false;
        for (u64 *e = s.pte, n; va < next; va += n * PAGE_BYTES, e += n, to += n) {
            n = is_cow(parent) && !parent->mm->has_pinned ? copy_plain(child, e, to, va, (next - va) >> PAGE_LG2) : 0;
            if (n)
                continue;
            n = 1;
            if (*e && !copy_entry(child, parent, e, to, va))
                return false;
        }
    }
    return true;
}

/* The child's copy of one mapping, in its tree; NULL: no memory, what was copied so far is in the tree. */
static struct vma *copy_vma(struct mm *child, struct vma *v, struct uffd_event **events)
{
    struct vma *c = heap_alloc(child->k, sizeof *c);

    if (!c)
        return NULL;
    *c = *v;
    c->mm = child;
    c->chain = NULL;
    c->anon_vma = NULL;
    c->file_link = NULL;
    c->resv = NULL;                       /* the parent's, and only the parent's */
    c->resv_lost = false;
    c->flags &= ~(u64)VM_LOCKED_MASK;
    if (!uffd_fork(c, events) || (!(v->flags & VM_WIPEONFORK) && !anon_vma_fork(c, v))) {
        heap_free(child->k, c, sizeof *c);
        return NULL;
    }
    anon_name_get(c->anon_name);
    if (c->file)
        file_get(c->file);
    vma_link_file(c);
    vma_insert(c);
    return c;
}

static bool copy_mappings(struct mm *child, struct mm *parent, struct uffd_event **events)
{
    for (struct vma *v = parent->first; v; v = v->next) {
        u64 pages = (v->end - v->start) >> PAGE_LG2;
        struct vma *c;
        if (v->flags & VM_DONTCOPY) {
            limits_account(child, v->flags, -(s64)pages);
            continue;
        }
        if ((v->flags & VM_ACCOUNT) && !limits_charge(child->k, pages))
            return false;
        c = copy_vma(child, v, events);
        if (!c) {
            limits_uncharge(child->k, v->flags & VM_ACCOUNT ? pages : 0);
            return false;
        }
        if (!(v->flags & VM_WIPEONFORK) && needs_copy(c, v) && !copy_entries(c, v))
            return false;
    }
    return true;
}

/* dup_mm; NULL: no memory. */
struct mm *fork_mm(struct mm *parent)
{
    struct mm *child = mm_new(parent->k);
    struct uffd_event *events = NULL;
    bool ok;

    if (!child)
        return NULL;
    child->total_vm = child->peak_vm = parent->total_vm;
    child->exec_vm = parent->exec_vm;
    child->stack_vm = parent->stack_vm;
    child->data_vm = parent->data_vm;
    child->start_brk = parent->start_brk;
    child->brk = parent->brk;
    child->start_stack = parent->start_stack;
    child->mmap_base = parent->mmap_base;
    child->def_flags = parent->def_flags & ~(u64)VM_LOCKED_MASK;
    mm_inherit(child, parent);
    child->pkeys = parent->pkeys;
    child->exec_key = parent->exec_key;
    child->barriers = parent->barriers;
    memcpy(child->place, parent->place, sizeof child->place);
    ok = copy_mappings(child, parent, &events);
    flush_mm(parent);
    khugepaged_fork(child, parent);
    if (ok) {
        uffd_event_send(events);
        return child;
    }
    mm_put(child);
    uffd_event_drop(parent->k, events);
    return NULL;
}
