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
    if (mm->total_vm + pages > mm->limit.as >> PAGE_LG2)
        return false;
    return !is_data(flags) || mm->data_vm + pages <= mm->limit.data >> PAGE_LG2;
}

/* RLIMIT_MEMLOCK for memory that will be locked at once. */
bool limits_may_lock(const struct mm *mm, u64 flags, u64 bytes)
{
    return !(flags & VM_LOCKED) || (bytes >> PAGE_LG2) + mm->locked_vm <= mm->limit.memlock >> PAGE_LG2;
}

/* ---- overcommit ---------------------------------------------------------------------------------------------------- */

/* CommitLimit: a share of memory, and the swap device. */
u64 limits_commit_pages(const struct kernel *k)
{
    return (k->totalram >> PAGE_LG2) * k->cfg.overcommit_ratio / 100 + (k->swap.on ? k->swap.total : 0);
}

static u64 least(u64 a, u64 b) { return a < b ? a : b; }

/* What is held back in mode 2: 8 MiB for the administrator, and a share of a large program for the user. */
static u64 reserved_pages(const struct kernel *k)
{
    u64 ram = k->totalram >> PAGE_LG2, mine = k->actor->mm ? k->actor->mm->total_vm / 32 : 0;

    return (k->cfg.privileged ? 0 : least(ram / 32, (8ull << 20) >> PAGE_LG2)) +
           least(mine, least(ram / 32, (128ull << 20) >> PAGE_LG2));
}

/* __vm_enough_memory(): the guess refuses only one request that is larger than all memory. */
static bool enough(const struct kernel *k, u64 pages)
{
    switch (k->cfg.overcommit) {
    case MM_OVERCOMMIT_ALWAYS:
        return true;
    case MM_OVERCOMMIT_NEVER:
        return k->committed + pages + reserved_pages(k) < limits_commit_pages(k);
    default:
        return pages <= (k->totalram >> PAGE_LG2) + (k->swap.on ? k->swap.total : 0);
    }
}

bool limits_charge(struct kernel *k, u64 pages)
{
    if (!enough(k, pages)) {
        EXPLAIN(k, "commit: %d pages more than %d are refused", pages, k->committed);
        return false;
    }
    k->committed += pages;
    return true;
}

void limits_uncharge(struct kernel *k, u64 pages) { k->committed -= pages; }

/* ---- setrlimit ------------------------------------------------------------------------------------------------------- */

/* Threads and vfork children share the limits of their address space here. */
long mm_setrlimit(struct proc *p, int resource, u64 bytes)
{
    struct mm *mm = p->mm;

    kernel_enter(p);
    switch (resource) {
    case MM_RLIMIT_AS: mm->limit.as = bytes; return 0;
    case MM_RLIMIT_DATA: mm->limit.data = bytes; return 0;
    case MM_RLIMIT_STACK: mm->limit.stack = bytes; return 0;
    case MM_RLIMIT_MEMLOCK: mm->limit.memlock = bytes; return 0;
    default: return resource < 0 || resource >= MM_RLIMITS ? -MM_EINVAL : 0; /* of no effect on memory        */
    }
}
