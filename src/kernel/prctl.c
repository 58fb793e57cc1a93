/* SPDX-License-Identifier: MIT
 * prctl.c - what prctl(2) says about memory: huge pages off, memory deny write execute, names of anonymous memory, and
 * the places PR_SET_MM knows.  Called by the embedder; the rules themselves are asked by mmap, mprotect and faults. */
#include "calls.h"

/* ---- huge pages off ------------------------------------------------------------------------------------------------ */

enum { THP_DISABLED = 1, THP_EXCEPT_ADVISED = 2 };

/* vma_thp_disabled() without the mapping's own flag.  collapse: MADV_COLLAPSE asks, which is advice. */
bool thp_disabled(const struct vma *v, bool collapse)
{
    unsigned how = v->mm->thp_disable;

    return how == THP_DISABLED || (how && !collapse && !(v->flags & VM_HUGEPAGE));
}

static long set_thp(struct proc *p, bool disable, u64 flags)
{
    u64 known = p->k->q.thp_except_advised ? THP_EXCEPT_ADVISED : 0;

    if ((flags & ~known) || (!disable && flags))
        return -MM_EINVAL;
    p->mm->thp_disable = disable ? (u8)(THP_DISABLED | flags) : 0;
    return 0;
}

/* ---- memory deny write execute --------------------------------------------------------------------------------------- */

enum { MDWE_REFUSE_EXEC_GAIN = 1, MDWE_NO_INHERIT = 2 };

/* map_deny_write_exec(): may a mapping with old flags get new ones? */
bool mdwe_refuses(const struct mm *mm, u64 old, u64 new)
{
    return (mm->mdwe & MDWE_REFUSE_EXEC_GAIN) && (new & VM_EXEC) && ((new & VM_WRITE) || !(old & VM_EXEC));
}

/* What a child, and the next program, inherit. */
u8 mdwe_inherited(const struct mm *from) { return from->mdwe & MDWE_NO_INHERIT ? 0 : from->mdwe; }

static long set_mdwe(struct proc *p, u64 bits)
{
    u64 known = MDWE_REFUSE_EXEC_GAIN | (p->k->q.mdwe_no_inherit ? MDWE_NO_INHERIT : 0);

    if ((bits & ~known) || bits == MDWE_NO_INHERIT)
        return -MM_EINVAL;
    if (p->mm->mdwe && p->mm->mdwe != bits)
        return -MM_EPERM;                 /* once on it stays as it is */
    p->mm->mdwe = (u8)bits;
    return 0;
}

/* ---- PR_SET_MM ----------------------------------------------------------------------------------------------------- */

/* Pairs that must keep their order, as far as both are known. */
static const struct { u8 low, high; bool may_be_equal; } ordered[] = {
    { MM_PR_SET_MM_START_CODE, MM_PR_SET_MM_END_CODE, false }, { MM_PR_SET_MM_START_DATA, MM_PR_SET_MM_END_DATA, true },
    { MM_PR_SET_MM_ARG_START, MM_PR_SET_MM_ARG_END, true },    { MM_PR_SET_MM_ENV_START, MM_PR_SET_MM_ENV_END, true },
};

static bool out_of_order(const u64 *place)
{
    u64 end_data = place[MM_PR_SET_MM_END_DATA];

    for (size_t i = 0; i < COUNT_OF(ordered); i++) {
        u64 low = place[ordered[i].low], high = place[ordered[i].high];
        if (low && high && (low > high || (low == high && !ordered[i].may_be_equal)))
            return true;
    }
    return end_data && (place[MM_PR_SET_MM_START_BRK] <= end_data || place[MM_PR_SET_MM_BRK] <= end_data);
}

static bool needs_mapping(u64 what)
{
    return what == MM_PR_SET_MM_START_STACK || (what >= MM_PR_SET_MM_ARG_START && what <= MM_PR_SET_MM_ENV_END);
}

static long set_place(struct proc *p, u64 what, u64 addr)
{
    struct mm *mm = p->mm;
    u64 place[MM_PR_SET_MM_PLACES];

    if (!p->k->cfg.privileged)
        return -MM_EPERM;
    if (addr >= TASK_SIZE || addr < p->k->cfg.mmap_min_addr || !what || what >= MM_PR_SET_MM_PLACES)
        return -MM_EINVAL;
    memcpy(place, mm->place, sizeof place);
    place[MM_PR_SET_MM_START_STACK] = mm->start_stack;
    place[MM_PR_SET_MM_START_BRK] = mm->start_brk;
    place[MM_PR_SET_MM_BRK] = mm->brk;
    place[what] = addr;
    if (out_of_order(place) || place[MM_PR_SET_MM_BRK] - place[MM_PR_SET_MM_START_BRK] +
        place[MM_PR_SET_MM_END_DATA] - place[MM_PR_SET_MM_START_DATA] > mm->limit.data)
        return -MM_EINVAL;
    if (needs_mapping(what) && !vma_find(mm, addr))
        return -MM_EFAULT;
    memcpy(mm->place, place, sizeof place);
    mm->start_stack = place[MM_PR_SET_MM_START_STACK];
    mm->start_brk = place[MM_PR_SET_MM_START_BRK];
    mm->brk = place[MM_PR_SET_MM_BRK];
    return 0;
}

/* ---- the call ------------------------------------------------------------------------------------------------------ */

long mm_prctl(struct proc *p, int option, u64 arg2, u64 arg3, u64 arg4, u64 arg5)
{
    kernel_enter(p);
    switch (option) {
    case MM_PR_SET_THP_DISABLE:
        return arg4 || arg5 ? -MM_EINVAL : set_thp(p, arg2 != 0, arg3);
    case MM_PR_GET_THP_DISABLE:
        return arg2 || arg3 || arg4 || arg5 ? -MM_EINVAL : p->mm->thp_disable;
    case MM_PR_SET_MDWE:
        return arg3 || arg4 || arg5 || !p->k->q.mdwe ? -MM_EINVAL : set_mdwe(p, arg2);
    case MM_PR_GET_MDWE:
        return arg2 || arg3 || arg4 || arg5 || !p->k->q.mdwe ? -MM_EINVAL : p->mm->mdwe;
    case MM_PR_SET_MM:
        return arg4 || arg5 ? -MM_EINVAL : set_place(p, arg2, arg3);
    default:
        return -MM_EINVAL;
    }
}
