/* SPDX-License-Identifier: MIT
 * process_madvise.c - process_madvise(2), and membarrier(2), which has no effect on memory as it is modelled.  Called by
 * the embedder. */
#include "calls.h"

/* ---- process_madvise ----------------------------------------------------------------------------------------------- */

#define IOV_MAX 1024
#define BYTES_MAX 0x7ffff000ull           /* of one call (MAX_RW_COUNT)                                       */

/* Advice that another process may be given. */
static bool is_for_others(int advice)
{
    return advice == MM_MADV_COLD || advice == MM_MADV_PAGEOUT || advice == MM_MADV_WILLNEED ||
           advice == MM_MADV_COLLAPSE;
}

/* import_iovec(): 0 or -errno. */
static long check_vector(const struct mm_iov *iov, u64 n)
{
    if (n > IOV_MAX)
        return -MM_EINVAL;
    for (u64 i = 0; i < n; i++) {
        if (iov[i].len_bytes >> 63)
            return -MM_EINVAL;
        if (iov[i].start > TASK_SIZE || iov[i].len_bytes > TASK_SIZE - iov[i].start)
            return -MM_EFAULT;
    }
    return 0;
}

/* The bytes advised; an error only if there are none. */
long mm_process_madvise(struct proc *caller, struct proc *target, const struct mm_iov *iov, u64 n, int advice, u64 flags)
{
    u64 done = 0, all = 0;
    long r;

    kernel_enter(caller);
    if (flags)
        return -MM_EINVAL;
    r = check_vector(iov, n);
    if (r)
        return r;
    for (u64 i = 0; i < n; i++)
        all += iov[i].len_bytes < BYTES_MAX - all ? iov[i].len_bytes : BYTES_MAX - all;
    if (!target->mm)
        return -MM_ESRCH;
    if (!is_for_others(advice) && (target->mm != caller->mm || !caller->k->q.advise_self_any))
        return -MM_EINVAL;
    if (!caller->k->cfg.privileged && !caller->k->q.advise_self) /* CAP_SYS_NICE, even for oneself */
        return -MM_EPERM;
    /* Once no bytes are left, not even the arguments of what follows are looked at. */
    for (u64 i = 0; i < n && done < all && !r; i++) {
        u64 len = iov[i].len_bytes < all - done ? iov[i].len_bytes : all - done;
        r = madvise_range(target->mm, iov[i].start, len, advice);
        done += r ? 0 : len;
    }
    return done ? (long)done : r;
}

/* ---- membarrier ---------------------------------------------------------------------------------------------------- */

enum { CMD_QUERY = 0, CMD_GLOBAL = 1, CMD_GLOBAL_EXPEDITED = 2, CMD_REGISTER_GLOBAL = 4, CMD_PRIVATE = 8,
       CMD_REGISTER_PRIVATE = 16, CMD_SYNC_CORE = 32, CMD_REGISTER_SYNC_CORE = 64, CMD_RSEQ = 128,
       CMD_REGISTER_RSEQ = 256, CMD_GET_REGISTRATIONS = 512 };
#define REGISTRATIONS (CMD_REGISTER_GLOBAL | CMD_REGISTER_PRIVATE | CMD_REGISTER_SYNC_CORE | CMD_REGISTER_RSEQ)

/* Accesses happen one after the other here, so only the bookkeeping is left.  flags: MEMBARRIER_CMD_FLAG_CPU. */
long mm_membarrier(struct proc *p, int cmd, unsigned flags)
{
    struct mm *mm = p->mm;

    kernel_enter(p);
    if (flags && (cmd != CMD_RSEQ || flags != 1))
        return -MM_EINVAL;
    switch (cmd) {
    case CMD_QUERY:
        return CMD_GET_REGISTRATIONS * (p->k->q.barrier_asks ? 2 : 1) - 1;
    case CMD_GLOBAL: case CMD_GLOBAL_EXPEDITED:
        return 0;
    case CMD_REGISTER_GLOBAL: case CMD_REGISTER_PRIVATE: case CMD_REGISTER_SYNC_CORE: case CMD_REGISTER_RSEQ:
        mm->barriers |= (u16)cmd;
        return 0;
    case CMD_PRIVATE: case CMD_SYNC_CORE: case CMD_RSEQ: /* each needs the registration that is its double */
        return mm->barriers & cmd << 1 ? 0 : -MM_EPERM;
    case CMD_GET_REGISTRATIONS:
        return p->k->q.barrier_asks ? (long)(mm->barriers & REGISTRATIONS) : -MM_EINVAL;
    default:
        return -MM_EINVAL;
    }
}
