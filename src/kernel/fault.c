/* SPDX-License-Identifier: MIT
 * fault.c - the page-fault handler below the trap (trap.c): a mapping was found and allows the access.  Populate and
 * mlock come in here too, at fault_handle().
 *
 *   fault_handle -> entry none:     anonymous, file or special
 *                -> entry present:  write to a read-only page
 *                -> a marker:       guard, poison, write-protected
 *                -> a swap entry:   read, or found in the swap cache
 * A fault that succeeds counts as minor or major, also when nothing needed doing; one that ends in a signal does not.
 * Instruction fetch is not checked for a page that is not present: the page appears and the retried fetch faults.
 * A fault that userfaultfd has to answer ends with FAULT_WAIT. */
#include "calls.h"

/* The first write to a page of a shared mapping must be noticed: by its file system or by whoever tracks writes. */
static bool wants_write_fault(const struct vma *v)
{
    return vma_wants_writenotify(v) || (v->flags & VM_UFFD_WP) || vma_tracks_soft_dirty(v);
}

/* The rights that a fresh entry of this mapping gets.  A private page is never writable by itself; a shared one is,
 * unless somebody wants to know of the first write. */
u64 vma_page_prot(const struct vma *v)
{
    u64 e = X86_PTE_US | X86_PTE_A | (u64)vma_pkey(v) << X86_PKEY_SHIFT;

    if (!(v->flags & VM_ACCESS))
        return e | PTE_PROTNONE | X86_PTE_XD;
    e |= X86_PTE_P;
    if (!(v->flags & VM_EXEC))
        e |= X86_PTE_XD;
    if ((v->flags & (VM_SHARED | VM_WRITE)) == (VM_SHARED | VM_WRITE) && !wants_write_fault(v))
        e |= X86_PTE_RW;
    return e;
}

static void finish_kind(struct fault *f, enum mm_fault_kind kind, u32 mapped)
{
    f->out->kind = (u8)(f->grew ? MM_FAULT_STACK : kind);
    f->out->mapped_pages += mapped;
}

/* A fresh anonymous page at *e, which is empty or whose old page is already accounted for.  pre: the anon_vma. */
void map_new_anon(struct fault *f, u64 *e, struct frame *page)
{
    struct mm *mm = f->mm;
    u64 entry = vma_page_prot(f->vma) | pfn_to_pa(frame_pfn(mm->k, page)) | mm->k->dirty_bits;

    if (f->marked_wp)
        entry |= PTE_UFFD_WP;
    else if (f->vma->flags & VM_WRITE)
        entry |= X86_PTE_RW;
    page->flags |= FRAME_EXCLUSIVE;
    rmap_add(mm, page, f->addr);          /* the first mapping needs no memory */
    rss_add(mm, page, 1);
    lru_add(mm->k, page, f->vma->flags & VM_LOCKED ? LRU_MLOCK : LRU_ADD);
    pte_store(mm->k, e, entry);
}

static enum fault_result anonymous(struct fault *f)
{
    struct kernel *k = f->mm->k;
    struct frame *page;
    pfn_t pfn;
    u64 *e = pgtable_make(f->mm, f->addr, 0);

    if (!e)
        return FAULT_OOM;
    if (!f->write && !(f->vma->flags & VM_DROPPABLE) && !k->cfg.no_zero_page) {
        if (f->vma->flags & VM_UFFD_MISSING)
            return uffd_fault(f, VM_UFFD_MISSING);
        EXPLAIN(k, "fault: first touch is a read: the shared zero page, read-only", 0);
        pte_store(k, e, vma_page_prot(f->vma) | pfn_to_pa(k->zero) | PTE_SPECIAL | (f->marked_wp ? PTE_UFFD_WP : 0));
        finish_kind(f, MM_FAULT_ZEROPAGE, 1);
        return FAULT_DONE;
    }
    if (!anon_vma_prepare(f->vma))
        return FAULT_OOM;
    if (f->vma->flags & VM_UFFD_MISSING)
        return uffd_fault(f, VM_UFFD_MISSING);
    if (thp_anon_fault(f, e)) {
        finish_kind(f, MM_FAULT_ANON, 0);
        return FAULT_DONE;
    }
    pfn = frames_alloc(k, 0, FRAME_ANON);
    if (pfn_is_none(pfn))
        return FAULT_OOM;
    page = frame_at(k, pfn);
    EXPLAIN(k, "fault: first write: frame %x, zeroed, belongs to this process alone", pfn.n);
    map_new_anon(f, e, page);
    f->out->zeroed_pages++;
    finish_kind(f, MM_FAULT_ANON, 1);
    return FAULT_DONE;
}

static enum fault_result missing(struct fault *f, const u64 *pmd)
{
    enum fault_result r;

    if (vma_is_anon(f->vma)) {
        if ((!pmd || !*pmd) && huge_anon_fault(f, &r))
            return r;
        return anonymous(f);
    }
    return f->vma->file ? file_fault(f) : special_fault(f);
}

/* The entry says something of a page that is not there. */
static enum fault_result marked(struct fault *f, const u64 *pmd, u64 *e)
{
    struct kernel *k = f->mm->k;

    if (*e & PTE_MARK_POISON) {
        EXPLAIN(k, "fault: a poisoned page", 0);
        return FAULT_POISON;
    }
    if (*e & PTE_MARK_GUARD) {
        EXPLAIN(k, "fault: a guard marker", 0);
        return FAULT_SIGSEGV;
    }
    if (!(f->vma->flags & VM_UFFD_WP)) {  /* left over from a registration */
        pte_store(k, e, 0);
        finish_kind(f, MM_FAULT_SPURIOUS, 0);
        return FAULT_DONE;
    }
    EXPLAIN(k, "fault: write-protected before it was there", 0);
    f->marked_wp = true;
    return missing(f, pmd);
}

/* handle_pte_fault: what the entry says decides. */
static enum fault_result by_entry(struct fault *f)
{
    struct kernel *k = f->mm->k;
    u64 *pmd, *e;

    if (f->vma->flags & VM_HUGETLB)
        return hugetlb_fault(f);
    pmd = pgtable_find(f->mm, f->addr, 1);
    if (pmd && pmd_huge(*pmd)) {
        if (f->write && !(*pmd & X86_PTE_RW))
            return huge_wp_fault(f, pmd);
        finish_kind(f, MM_FAULT_SPURIOUS, 0);
        return FAULT_DONE;
    }
    e = pmd && pmd_table(*pmd) ? pgtable_find(f->mm, f->addr, 0) : NULL;
    if (!e || !*e)
        return missing(f, pmd);
    if (pte_swap(*e))
        return swap_fault(f, e);
    if (!pte_present(*e))
        return marked(f, pmd, e);
    if (f->write && !(*e & X86_PTE_RW))
        return wp_fault(f, e);
    EXPLAIN(k, "fault: nothing to do, the entry already allows it", 0);
    pte_store(k, e, *e | X86_PTE_A | (f->write ? k->dirty_bits : 0));
    finish_kind(f, MM_FAULT_SPURIOUS, 0);
    return FAULT_DONE;
}

/* mm_account_fault() of one that succeeded. */
void fault_count(struct kernel *k, const struct mm_trap_result *o)
{
    struct mm_counters *c = &k->actor->counters;

    if (o->major)
        c->major++;
    else
        c->minor++;
    c->faults[o->kind]++;
    c->copied_pages += o->copied_pages;
    c->zeroed_pages += o->zeroed_pages;
}

/* handle_mm_fault: the mapping allows the access.  Counts, and tells the embedder. */
enum fault_result fault_handle(struct fault *f)
{
    struct kernel *k = f->mm->k;
    struct mm_trap_result *o = f->out;
    enum fault_result r;

    swap_balance(k);
    k->placing = f;
    r = by_entry(f);
    k->placing = NULL;

    k->faults += r != FAULT_WAIT;
    o->addr = f->addr;
    if (r != FAULT_DONE)
        return r;
    o->resume = true;
    /* Waiting under the mapping's own lock is not remembered; after a wait with the whole address space locked the
     * fault counts as major (FAULT_FLAG_TRIED). */
    if (f->waits > (f->trap && f->trap->user && k->q.vma_lock ? 1 : 0))
        o->major = true;
    o->major = o->major && f->wait != WAIT_RESTARTS;
    fault_count(k, o);
    return r;
}

void fault_tell(struct kernel *k, u64 addr, const struct mm_trap_result *o)
{
    EXPLAIN(k, "fault at %x: %s, %s, %d pages mapped, %d copied, %d zeroed", addr,
            TEXT(mm_fault_kind_name((enum mm_fault_kind)o->kind)), TEXT(o->major ? "major" : "minor"), o->mapped_pages,
            o->copied_pages, o->zeroed_pages);
    if (k->on_fault)
        k->on_fault(k->on_fault_ctx, k->actor, addr, o);
}

static const char *const kind_names[MM_FAULT_KINDS] = {
    [MM_FAULT_ANON] = "anonymous", [MM_FAULT_ZEROPAGE] = "zero_page", [MM_FAULT_FILE_READ] = "file_read",
    [MM_FAULT_FILE_COPY] = "file_copy", [MM_FAULT_SHARED_WRITE] = "shared_write", [MM_FAULT_SHMEM] = "shmem",
    [MM_FAULT_COW_COPY] = "cow_copy", [MM_FAULT_COW_REUSE] = "cow_reuse", [MM_FAULT_STACK] = "stack",
    [MM_FAULT_HUGE] = "huge", [MM_FAULT_SPURIOUS] = "spurious",
    [MM_FAULT_SWAP] = "swap", [MM_FAULT_INVALID] = "invalid",
};

const char *mm_fault_kind_name(enum mm_fault_kind kind) { return kind < MM_FAULT_KINDS ? kind_names[kind] : "?"; }
