/* SPDX-License-Identifier: MIT
 * mprotect.c - changing rights.  Called by the embedder.
 * Mappings are changed one after the other; what was changed before an error stays.  Entries get the new rights at
 * once; an anonymous page that belongs to this process alone is made writable again without a fault, the zero page
 * and page-cache pages are not.  One flush covers all entries whose rights changed. */
#include "calls.h"

/* May the present entry be writable, when its mapping is?  Private: only pages of this process alone.  Shared with
 * write notification: only pages already dirty. */
static bool may_be_writable(const struct vma *v, u64 e)
{
    const struct frame *f;

    if (!(v->flags & VM_WRITE) || !(e & X86_PTE_P))
        return false;
    if (v->flags & VM_SHARED)
        return e & X86_PTE_D;
    if (e & PTE_SPECIAL)
        return false;
    f = frame_at(v->mm->k, pte_pfn(e));
    return f->kind == FRAME_ANON && (f->flags & FRAME_EXCLUSIVE);
}

/* A present entry that loses or gains a right must be flushed; one that was not present to the hardware need not. */
static bool needs_flush(u64 old, u64 new)
{
    return (old & X86_PTE_P) && ((old ^ new) & (X86_PTE_P | X86_PTE_RW | X86_PTE_US | X86_PTE_XD));
}

static u64 with_rights(const struct vma *v, u64 e)
{
    u64 keep = X86_PTE_ADDR | X86_PTE_A | X86_PTE_D | PTE_SPECIAL | (e & X86_PTE_PS);
    u64 n = (e & keep) | vma_page_prot(v);

    if (!(n & X86_PTE_RW) && may_be_writable(v, n))
        n |= X86_PTE_RW;
    return n;
}

static void change_entries(struct gather *g, struct vma *v, u64 start, u64 end)
{
    for (u64 va = start, next; va < end; va = next) {
        struct span s = pgtable_span(g->mm, va, end);
        next = s.end;
        if (s.pmd && pmd_huge(*s.pmd)) {
            if (next - va == PMD_BYTES) {
                u64 n = with_rights(v, *s.pmd);
                if (needs_flush(*s.pmd, n))
                    gather_pmd(g, va);
                pte_store(g->mm->k, s.pmd, n);
                continue;
            }
            huge_split(g->mm, s.pmd, va);
            s = pgtable_span(g->mm, va, end);
        }
        if (!s.pte)
            continue;
        for (u64 *e = s.pte; va < next; va += PAGE_BYTES, e++) {
            u64 n;
            if (!pte_present(*e))
                continue;
            n = with_rights(v, *e);
            if (n == *e)
                continue;
            if (needs_flush(*e, n))
                gather_pte(g, va);
            pte_store(g->mm->k, e, n);
        }
    }
}

/* One mapping, or a part of it.  *pv becomes the mapping that now holds the range. */
static long protect_one(struct gather *g, struct vma **pv, u64 start, u64 end, u64 flags)
{
    struct vma *v = *pv;
    struct mm *mm = v->mm;
    u64 old = v->flags, pages = (end - start) >> PAGE_LG2, charged = 0;
    long r;

    if (old & VM_SEALED)
        return -MM_EPERM;
    if (flags == old)
        return 0;
    if (flags & VM_WRITE) {
        if (!limits_may_expand(mm, flags, pages) && limits_may_expand(mm, old, pages))
            return -MM_ENOMEM;
        if (!(old & (VM_ACCOUNT | VM_WRITE | VM_HUGETLB | VM_SHARED | VM_NORESERVE))) {
            if (!limits_charge(mm->k, pages))
                return -MM_ENOMEM;
            charged = pages;
            flags |= VM_ACCOUNT;
        }
    } else if ((old & VM_ACCOUNT) && vma_is_anon(v) && !v->anon_vma && mm->k->q.uncharge_unfaulted) {
        flags &= ~(u64)VM_ACCOUNT;
    }
    r = vma_modify(pv, start, end, flags);
    if (r) {
        limits_uncharge(mm->k, charged);
        return r;
    }
    v = *pv;
    change_entries(g, v, start, end);
    if ((old & VM_ACCOUNT) && !(flags & VM_ACCOUNT))
        limits_uncharge(mm->k, pages);
    if ((old & (VM_WRITE | VM_SHARED | VM_LOCKED)) == VM_LOCKED && (flags & VM_WRITE))
        populate_vma(v, start, end);
    limits_account(mm, old, -(s64)pages);
    limits_account(mm, flags, (s64)pages);
    return 0;
}

static long protect_range(struct mm *mm, struct vma *v, u64 start, u64 end, int prot)
{
    struct gather g = gather_begin(mm);
    u64 at = start;
    long r = 0;

    for (; v && at < end; v = vma_find(mm, at)) {
        u64 stop = v->end < end ? v->end : end;
        u64 flags = (v->flags & ~(u64)VM_ACCESS) | vm_flags_of_prot(prot);
        if (v->start > at) {
            r = -MM_ENOMEM;
            break;
        }
        /* Each right asked for must be among the ones the mapping may ever have. */
        r = (flags & ~(flags >> 4)) & VM_ACCESS ? -MM_EACCES : protect_one(&g, &v, at, stop, flags);
        if (r)
            break;
        at = stop;
    }
    gather_flush(&g);
    return r ? r : at < end ? -MM_ENOMEM : 0;
}

long mm_mprotect(struct proc *p, u64 addr, u64 len, int prot)
{
    const int grows = prot & (MM_PROT_GROWSDOWN | MM_PROT_GROWSUP);
    u64 end = addr + page_up(len);
    struct vma *v;

    kernel_enter(p);
    prot &= ~(MM_PROT_GROWSDOWN | MM_PROT_GROWSUP);
    if (grows == (MM_PROT_GROWSDOWN | MM_PROT_GROWSUP) || (addr & PAGE_MASK_LOW))
        return -MM_EINVAL;
    if (!len)
        return 0;
    if (end <= addr)
        return -MM_ENOMEM;
    if (prot & ~(MM_PROT_READ | MM_PROT_WRITE | MM_PROT_EXEC | MM_PROT_SEM))
        return -MM_EINVAL;
    v = vma_overlap(p->mm, addr, end);
    if (!v)
        return -MM_ENOMEM;
    if (grows == MM_PROT_GROWSDOWN) {
        if (!(v->flags & VM_GROWSDOWN))
            return -MM_EINVAL;
        addr = v->start;
    } else if (v->start > addr) {
        return -MM_ENOMEM;
    } else if (grows) {
        return -MM_EINVAL;               /* no mapping grows upwards on this architecture */
    }
    EXPLAIN(p->k, "mprotect %x-%x to %x", addr, end, prot);
    return protect_range(p->mm, v, addr, end, prot);
}
