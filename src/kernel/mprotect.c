/* SPDX-License-Identifier: MIT
 * mprotect.c - changing rights.  Called by the embedder.
 * Mappings are changed one after the other; what was changed before an error stays.  Entries get the new rights at
 * once (change_prot.c).  One flush covers all entries whose rights changed. */
#include "calls.h"

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
    change_protection(g, v, start, end, CHANGE_RIGHTS);
    if ((old & VM_ACCOUNT) && !(flags & VM_ACCOUNT))
        limits_uncharge(mm->k, pages);
    if ((old & (VM_WRITE | VM_SHARED | VM_LOCKED)) == VM_LOCKED && (flags & VM_WRITE))
        populate_vma(v, start, end, WAIT_HOLDS);
    limits_account(mm, old, -(s64)pages);
    limits_account(mm, flags, (s64)pages);
    return 0;
}

/* The mapping's flags after the call: rights and key are new. */
static u64 new_flags(struct proc *p, const struct vma *v, int prot, int key)
{
    u64 flags = (v->flags & ~(VM_ACCESS | VM_PKEY)) | vm_flags_of_prot(prot);

    return flags | (u64)pkey_for_mprotect(p, v, prot, key) << VM_PKEY_SHIFT;
}

static long protect_range(struct proc *p, struct vma *v, u64 start, u64 end, int prot, int key)
{
    struct mm *mm = p->mm;
    struct gather g = gather_begin(mm);
    u64 at = start;
    long r = 0;

    for (; v && at < end; v = vma_find(mm, at)) {
        u64 stop = v->end < end ? v->end : end;
        u64 flags;
        if (v->start > at) {
            r = -MM_ENOMEM;
            break;
        }
        flags = new_flags(p, v, prot, key);
        /* Each right asked for must be among the ones the mapping may ever have. */
        if (((flags & ~(flags >> 4)) & VM_ACCESS) || mdwe_refuses(mm, v->flags, flags))
            r = -MM_EACCES;
        else
            r = protect_one(&g, &v, at, stop, flags);
        if (r)
            break;
        at = stop;
    }
    gather_flush(&g);
    return r ? r : at < end ? -MM_ENOMEM : 0;
}

/* key -1: none was named. */
long mm_pkey_mprotect(struct proc *p, u64 addr, u64 len, int prot, int key)
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
    if (!pkey_may_use(p, key))
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
    return protect_range(p, v, addr, end, prot, key);
}

long mm_mprotect(struct proc *p, u64 addr, u64 len, int prot) { return mm_pkey_mprotect(p, addr, len, prot, -1); }
