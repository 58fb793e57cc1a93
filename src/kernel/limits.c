/* SPDX-License-Identifier: MIT
 * limits.c - what an address space may still take, and the sums behind VmSize, VmData and the commit charge.  Called
 * by every operation that adds or removes pages of mappings. */
#include "calls.h"

static bool is_stack(u64 flags) { return flags & VM_GROWSDOWN; }
static bool is_data(u64 flags) { return (flags & (VM_WRITE | VM_SHARED | VM_GROWSDOWN)) == VM_WRITE; }
static bool is_exec(u64 flags) { return (flags & (VM_EXEC | VM_WRITE | VM_GROWSDOWN)) == VM_EXEC; }

/* Each page counts in total_vm and in at most one of the others, in this order. */
void limits_account(struct mm *mm, u64 flags, s64 pages)
{
    mm->total_vm += (u64)pages;
    if (mm->total_vm > mm->peak_vm)
        mm->peak_vm = mm->total_vm;
    if (is_exec(flags))
        mm->exec_vm += (u64)pages;
    else if (is_stack(flags))
        mm->stack_vm += (u64)pages;
    else if (is_data(flags))
        mm->data_vm += (u64)pages;
}

/* RLIMIT_AS over everything, RLIMIT_DATA over private writable memory that is no stack. */
bool limits_may_expand(const struct mm *mm, u64 flags, u64 pages)
{
    const struct kernel_config *c = &mm->k->cfg;

    if (mm->total_vm + pages > c->rlimit_as_bytes >> PAGE_LG2)
        return false;
    return !is_data(flags) || mm->data_vm + pages <= c->rlimit_data_bytes >> PAGE_LG2;
}

/* RLIMIT_MEMLOCK for memory that will be locked at once. */
bool limits_may_lock(const struct mm *mm, u64 flags, u64 bytes)
{
    return !(flags & VM_LOCKED) || (bytes >> PAGE_LG2) + mm->locked_vm <= mm->k->cfg.rlimit_memlock_bytes >> PAGE_LG2;
}

/* Heuristic overcommit refuses only one request that is larger than all memory. */
bool limits_charge(struct kernel *k, u64 pages)
{
    if (!k->cfg.overcommit_never_refuse && pages > k->totalram >> PAGE_LG2)
        return false;
    k->committed += pages;
    return true;
}

void limits_uncharge(struct kernel *k, u64 pages) { k->committed -= pages; }
