/* SPDX-License-Identifier: MIT
 * populate.c - faulting pages in without a trap.  Called for MAP_POPULATE, locked mappings, mlock and
 * MADV_POPULATE_*.  The fault handler is called directly; the machine is not involved.
 * A writable private mapping is populated with write faults (so that copy-on-write is broken), everything else with
 * read faults.  VM_LOCKONFAULT mappings are skipped. */
#include "calls.h"

/* Is the page there, and writable if that is needed?  Taking a page counts as an access; taking a clean one for
 * writing makes it dirty, not its entry. */
static bool already(const struct vma *v, u64 va, bool write)
{
    const struct mm *mm = v->mm;
    const u64 *e = v->flags & VM_HUGETLB ? hugetlb_entry(v, va) : pgtable_find(mm, va, 1);
    bool there;

    if (v->flags & VM_HUGETLB)
        ;
    else if (e && pmd_table(*e))
        e = pgtable_find(mm, va, 0);
    else if (e && !pmd_huge(*e))
        return false;
    there = e && pte_present(*e) && (!write || (*e & X86_PTE_RW));
    if (there && write && !(*e & (X86_PTE_D | PTE_SPECIAL)))
        frame_mark_dirty(mm->k, frame_at(mm->k, pte_pfn(*e)));
    if (there && pte_counted(*e) && !(*e & X86_PTE_PS))
        lru_accessed(mm->k, frame_at(mm->k, pte_pfn(*e)), v->flags & VM_LOCKED);
    return there;
}

/* What the caller is told of a fault that did not succeed; 0: try again. */
static long failed(struct kernel *k, enum fault_result r, u8 *waits)
{
    switch (r) {
    case FAULT_OOM:
        return -MM_ENOMEM;
    case FAULT_POISON:
        return -MM_EHWPOISON;
    case FAULT_WAIT:
        if (uffd_answered(k->actor, waits))
            return 0;
        uffd_stop_waiting(k->actor);
        return -MM_EINTR;
    default:
        return -MM_EFAULT;
    }
}

/* Fault in [start, end) of one mapping.  0, -EFAULT (SIGBUS, guard region), -EHWPOISON, -ENOMEM, or -EINTR when
 * userfaultfd has to answer and does not at once. */
long fault_in_pages(struct vma *v, u64 start, u64 end, bool write, enum fault_wait wait)
{
    struct mm *mm = v->mm;

    long ret = pkey_allows(mm->k->actor, v, write) ? 0 : -MM_EFAULT;

    for (u64 va = start; va < end && !ret; va += PAGE_BYTES) {
        u8 waits = 0;
        while (!ret) {
            struct mm_trap_result out = { 0 };
            struct fault f = { .mm = mm, .addr = va, .write = write, .waits = waits, .wait = (u8)wait, .out = &out };
            enum fault_result r;
            if (!v || va >= v->end)       /* whoever answers a userfault may register and unregister */
                v = vma_at(mm, va);
            if (!v)
                ret = -MM_ENOMEM;
            if (!v || already(v, va, write))
                break;
            f.vma = v;
            r = fault_handle(&f);
            if (r == FAULT_DONE) {
                fault_tell(mm->k, va, &out);
            } else {
                ret = failed(mm->k, r, &waits);
                v = NULL;
            }
        }
    }
    return ret;
}

/* The same, and the pages go to the LRU lists. */
long populate_pages(struct vma *v, u64 start, u64 end, bool write, enum fault_wait wait)
{
    struct kernel *k = v->mm->k;
    long ret = fault_in_pages(v, start, end, write, wait);

    lru_drain(k);
    return ret;
}

/* populate_vma_page_range: as mlock wants it. */
long populate_vma(struct vma *v, u64 start, u64 end, enum fault_wait wait)
{
    if (v->flags & VM_LOCKONFAULT)
        return 0;
    if (!(v->flags & VM_ACCESS))
        return -MM_EFAULT;
    return populate_pages(v, start, end, (v->flags & (VM_WRITE | VM_SHARED)) == VM_WRITE, wait);
}

/* __mm_populate: all mappings of the range; the first error ends it unless errors do not matter. */
long populate_range(struct mm *mm, u64 start, u64 end, bool ignore_errors)
{
    struct vma *v;

    for (u64 at = start, b; at < end && (v = vma_overlap(mm, at, end)); at = b) {
        u64 a = v->start > at ? v->start : at;
        long r;
        b = v->end < end ? v->end : end;
        if (v->flags & (VM_IO | VM_PFNMAP))
            continue;
        r = populate_vma(v, a, b, WAIT_RESTARTS);
        if (r && !ignore_errors)
            return r;
    }
    return 0;
}
