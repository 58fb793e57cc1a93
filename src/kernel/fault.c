/* SPDX-License-Identifier: MIT
 * fault.c - the page-fault handler.  kernel_trap() is called by the embedder when the machine faults; populate and
 * mlock come in below the trap, at fault_handle().
 *
 *   trap -> find the mapping (grow the stack) -> may it? -> fault_handle -> entry none:    anonymous, file or special
 *                                                                        -> entry present: write to a read-only page
 * A fault that succeeds counts as minor or major, also when nothing needed doing; one that ends in a signal does not.
 * Instruction fetch is not checked for a page that is not present: the page appears and the retried fetch faults. */
#include "calls.h"

/* The rights that a fresh entry of this mapping gets.  A private page is never writable by itself; a shared one is,
 * unless the file system wants to know of the first write. */
u64 vma_page_prot(const struct vma *v)
{
    u64 e = X86_PTE_US | X86_PTE_A;

    if (!(v->flags & VM_ACCESS))
        return e | PTE_PROTNONE | X86_PTE_XD;
    e |= X86_PTE_P;
    if (!(v->flags & VM_EXEC))
        e |= X86_PTE_XD;
    if ((v->flags & (VM_SHARED | VM_WRITE)) == (VM_SHARED | VM_WRITE) && !vma_wants_writenotify(v))
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
    u64 entry = vma_page_prot(f->vma) | pfn_to_pa(frame_pfn(mm->k, page)) | X86_PTE_D;

    if (f->vma->flags & VM_WRITE)
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
    if (!f->write && !(f->vma->flags & VM_DROPPABLE)) {
        EXPLAIN(k, "fault: first touch is a read: the shared zero page, read-only", 0);
        pte_store(k, e, vma_page_prot(f->vma) | pfn_to_pa(k->zero) | PTE_SPECIAL);
        finish_kind(f, MM_FAULT_ZEROPAGE, 1);
        return FAULT_DONE;
    }
    if (!anon_vma_prepare(f->vma))
        return FAULT_OOM;
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

/* handle_pte_fault: what the entry says decides. */
static enum fault_result by_entry(struct fault *f)
{
    struct kernel *k = f->mm->k;
    u64 *pmd = pgtable_find(f->mm, f->addr, 1), *e;

    if (pmd && pmd_huge(*pmd)) {
        if (f->write && !(*pmd & X86_PTE_RW))
            return huge_wp_fault(f, pmd);
        finish_kind(f, MM_FAULT_SPURIOUS, 0);
        return FAULT_DONE;
    }
    e = pmd && pmd_table(*pmd) ? pgtable_find(f->mm, f->addr, 0) : NULL;
    if (!e || !*e)
        return missing(f, pmd);
    if (!pte_present(*e)) {
        EXPLAIN(k, "fault: a guard marker", 0);
        return FAULT_SIGSEGV;
    }
    if (f->write && !(*e & X86_PTE_RW))
        return wp_fault(f, e);
    EXPLAIN(k, "fault: nothing to do, the entry already allows it", 0);
    pte_store(k, e, *e | X86_PTE_A | (f->write ? X86_PTE_D : 0));
    finish_kind(f, MM_FAULT_SPURIOUS, 0);
    return FAULT_DONE;
}

/* handle_mm_fault: the mapping allows the access.  Counts, and tells the embedder. */
enum fault_result fault_handle(struct fault *f)
{
    struct kernel *k = f->mm->k;
    struct mm_counters *c = &k->actor->counters;
    struct mm_trap_result *o = f->out;
    enum fault_result r = by_entry(f);

    o->addr = f->addr;
    if (r != FAULT_DONE)
        return r;
    o->resume = true;
    if (o->major)
        c->major++;
    else
        c->minor++;
    c->faults[o->kind]++;
    c->copied_pages += o->copied_pages;
    c->zeroed_pages += o->zeroed_pages;
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

/* ---- the trap -------------------------------------------------------------------------------------------------- */

static void raise(struct kernel *k, struct mm_trap_result *o, u8 signo, u8 code, u64 addr)
{
    static const char *const reason[] = { "no mapping", "the mapping forbids it" };

    *o = (struct mm_trap_result){ .signo = signo, .code = code, .kind = MM_FAULT_INVALID, .addr = addr };
    k->actor->counters.faults[MM_FAULT_INVALID]++;
    if (signo == MM_SIGSEGV && code <= MM_SEGV_ACCERR)
        EXPLAIN(k, "fault at %x: SIGSEGV, %s", addr, TEXT(reason[code - 1]));
    else
        EXPLAIN(k, "fault at %x: signal %d, code %d", addr, signo, code);
    if (k->on_fault)
        k->on_fault(k->on_fault_ctx, k->actor, addr, o);
}

/* The mapping that contains addr; a grows-down mapping above it is grown to it. */
static struct vma *find_or_grow(struct mm *mm, u64 addr, bool *grew)
{
    struct vma *v = vma_find(mm, addr);

    if (!v || v->start <= addr)
        return v;
    if (!(v->flags & VM_GROWSDOWN) || stack_grow(v, page_down(addr)))
        return NULL;
    *grew = true;
    return v;
}

/* access_error(): a write needs VM_WRITE; a read that met a present page is forbidden by its entry; other reads need
 * any right at all. */
static bool forbidden(const struct vma *v, u32 error)
{
    if (error & PF_W)
        return !(v->flags & VM_WRITE);
    if (error & PF_P)
        return true;
    return !(v->flags & VM_ACCESS);
}

static void page_fault(struct kernel *k, struct proc *p, const struct hw_trap *t, struct mm_trap_result *o)
{
    struct fault f = { .mm = p->mm, .addr = page_down(t->cr2), .write = t->error & PF_W, .out = o };

    EXPLAIN(k, "page fault at %x: %s by %s, page %s", t->cr2,
            TEXT(t->error & PF_I ? "fetch" : t->error & PF_W ? "write" : "read"),
            TEXT(t->user ? "the program" : "the kernel"), TEXT(t->error & PF_P ? "present" : "not present"));
    if (t->error & PF_RSVD) {             /* corrupted tables: the kernel kills */
        raise(k, o, MM_SIGKILL, 0, t->cr2);
        return;
    }
    if (t->cr2 >= TASK_SIZE) {
        raise(k, o, MM_SIGSEGV, MM_SEGV_MAPERR, t->cr2);
        return;
    }
    f.vma = find_or_grow(p->mm, t->cr2, &f.grew);
    if (!f.vma) {
        raise(k, o, MM_SIGSEGV, MM_SEGV_MAPERR, t->cr2);
        return;
    }
    EXPLAIN(k, "mapping %x-%x, rights %d (1 read, 2 write, 4 exec)", f.vma->start, f.vma->end,
            f.vma->flags & VM_ACCESS);
    if (forbidden(f.vma, t->error)) {
        raise(k, o, MM_SIGSEGV, MM_SEGV_ACCERR, t->cr2);
        return;
    }
    switch (fault_handle(&f)) {
    case FAULT_DONE:
        o->addr = t->cr2;
        fault_tell(k, t->cr2, o);
        break;
    case FAULT_SIGBUS:
        raise(k, o, MM_SIGBUS, MM_BUS_ADRERR, t->cr2);
        break;
    case FAULT_SIGSEGV:
        raise(k, o, MM_SIGSEGV, MM_SEGV_MAPERR, t->cr2);
        break;
    case FAULT_OOM:
        raise(k, o, MM_SIGKILL, 0, t->cr2);
        break;
    }
}

void kernel_trap(struct kernel *k, unsigned cpu, const struct hw_trap *trap, struct mm_trap_result *out)
{
    struct proc *p = k->cpu[cpu].proc;

    CHECK(p && p->mm);
    k->this_cpu = cpu;
    k->actor = p;
    *out = (struct mm_trap_result){ .addr = trap->cr2 };
    if (trap->vector == 14)
        page_fault(k, p, trap, out);
    else                                  /* #GP, #SS: an address that is not canonical */
        raise(k, out, trap->vector == 12 ? MM_SIGBUS : MM_SIGSEGV, MM_SI_KERNEL, 0);
}

static const char *const kind_names[MM_FAULT_KINDS] = {
    [MM_FAULT_ANON] = "anonymous", [MM_FAULT_ZEROPAGE] = "zero_page", [MM_FAULT_FILE_READ] = "file_read",
    [MM_FAULT_FILE_COPY] = "file_copy", [MM_FAULT_SHARED_WRITE] = "shared_write", [MM_FAULT_SHMEM] = "shmem",
    [MM_FAULT_COW_COPY] = "cow_copy", [MM_FAULT_COW_REUSE] = "cow_reuse", [MM_FAULT_STACK] = "stack",
    [MM_FAULT_HUGE] = "huge", [MM_FAULT_SPURIOUS] = "spurious", [MM_FAULT_INVALID] = "invalid",
};

const char *mm_fault_kind_name(enum mm_fault_kind kind) { return kind < MM_FAULT_KINDS ? kind_names[kind] : "?"; }
