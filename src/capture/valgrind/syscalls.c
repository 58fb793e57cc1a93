/* SPDX-License-Identifier: GPL-2.0-or-later
 * syscalls.c - follows the program's memory system calls: each is done by the model too, results are compared, and
 * where they differ the recorded one is adopted and the difference counted.
 *
 * Addresses are adopted without counting: Valgrind places mappings elsewhere than a kernel would.  What kernel reads and
 * writes of user memory fault is in main.c (Valgrind announces those). */
#include "cap.h"

struct call {
    UInt nr;
    const HChar *name;
    UInt nargs;
    long (*model)(UWord *a, long recorded);
};

/* ---- the calls ------------------------------------------------------------------------------------------------ */

static long model_mmap(UWord *a, long recorded)
{
    Int flags = (Int)a[3], prot = (Int)a[2];
    Bool fixed = flags & (MM_MAP_FIXED | MM_MAP_FIXED_NOREPLACE);
    struct mm_file *f = NULL;
    long r;
    if (!(flags & MM_MAP_ANONYMOUS) && (r = cap_fd_refused((Int)a[4])) && recorded < 0 && (r == -MM_EBADF || a[1]))
        return r;
    if (!(flags & (MM_MAP_ANONYMOUS | MM_MAP_SHARED)) && cap_fd_is_zero((Int)a[4]))
        flags |= MM_MAP_ANONYMOUS;
    if (!(flags & MM_MAP_ANONYMOUS) && !(f = cap_file_of_fd((Int)a[4])))
        return -MM_EBADF;
    if (recorded >= 0 && !fixed)
        mm_adopt_address(cap.proc, (u64)recorded);
    r = mm_mmap(cap.proc, a[0], a[1], prot, flags, f, a[5]);
    if (recorded >= 0 && r != recorded)
        mm_mmap(cap.proc, (u64)recorded, a[1], prot, (flags & ~MM_MAP_FIXED_NOREPLACE) | MM_MAP_FIXED, f, a[5]);
    if (recorded < 0 && r >= 0)
        mm_munmap(cap.proc, (u64)r, a[1]);
    return r;
}

static long model_munmap(UWord *a, long recorded)
{
    if (recorded < 0 && a[1] && !(a[0] & PAGE_MASK_LOW))
        return recorded;         /* the model must not unmap what the program still has */
    return mm_munmap(cap.proc, a[0], a[1]);
}

static long model_mprotect(UWord *a, long recorded)
{
    (void)recorded;
    return mm_mprotect(cap.proc, a[0], a[1], (int)a[2]);
}

/* The core gives no protection keys, so a successful call has none: it is mprotect. */
static long model_pkey_mprotect(UWord *a, long recorded)
{
    return recorded < 0 ? recorded : mm_mprotect(cap.proc, a[0], a[1], (int)a[2]);
}

/* Valgrind's brk area ends after 8 MiB; a refusal there is a difference like any other. */
static long model_brk(UWord *a, long recorded)
{
    long r = mm_brk(cap.proc, a[0]);
    if (r != recorded)
        mm_brk(cap.proc, (u64)recorded);
    return r;
}

/* The core refuses what it does not know (old length 0, MREMAP_DONTUNMAP) and what it has no room for. */
static void undo_mremap(const UWord *a, long r)
{
    if (r != (long)a[0] && a[1] && !(a[3] & MM_MREMAP_DONTUNMAP))
        mm_mremap(cap.proc, (u64)r, a[2], a[1], MM_MREMAP_MAYMOVE | MM_MREMAP_FIXED, a[0]);
    else if (r != (long)a[0])
        mm_munmap(cap.proc, (u64)r, a[2]);
    else if (page_up(a[2]) > page_up(a[1]))
        mm_munmap(cap.proc, a[0] + page_up(a[1]), page_up(a[2]) - page_up(a[1]));
}

static long model_mremap(UWord *a, long recorded)
{
    long r;
    if (recorded >= 0 && recorded != (long)a[0] && !(a[3] & MM_MREMAP_FIXED))
        mm_adopt_address(cap.proc, (u64)recorded);
    r = mm_mremap(cap.proc, a[0], a[1], a[2], (int)a[3], a[4]);
    if (recorded >= 0 && r >= 0 && r != recorded) /* the model found room in place: move after it */
        mm_mremap(cap.proc, (u64)r, a[2], a[2], MM_MREMAP_MAYMOVE | MM_MREMAP_FIXED, (u64)recorded);
    if (recorded < 0 && r >= 0)
        undo_mremap(a, r);
    return r >= 0 && recorded >= 0 ? recorded : r;
}

static long model_madvise(UWord *a, long recorded)
{
    (void)recorded;
    return mm_madvise(cap.proc, a[0], a[1], (int)a[2]);
}

static long model_mlock(UWord *a, long recorded) { (void)recorded; return mm_mlock2(cap.proc, a[0], a[1], 0); }
static long model_mlock2(UWord *a, long recorded) { (void)recorded; return mm_mlock2(cap.proc, a[0], a[1], (int)a[2]); }
static long model_munlock(UWord *a, long recorded) { (void)recorded; return mm_munlock(cap.proc, a[0], a[1]); }
static long model_mlockall(UWord *a, long recorded) { (void)recorded; return mm_mlockall(cap.proc, (int)a[0]); }
static long model_munlockall(UWord *a, long recorded) { (void)a; (void)recorded; return mm_munlockall(cap.proc); }
static long model_msync(UWord *a, long recorded) { (void)recorded; return mm_msync(cap.proc, a[0], a[1], (int)a[2]); }

static long model_mincore(UWord *a, long recorded)
{
    SizeT pages = (a[1] + PAGE_MASK_LOW) >> PAGE_LG2;
    UChar *vec;
    long r;
    if (recorded < 0 || pages > (1u << 20))
        return recorded;
    vec = VG_(malloc)("pagewalk.mincore", pages + 1);
    r = mm_mincore(cap.proc, a[0], a[1], vec);
    VG_(free)(vec);
    return r;
}

/* System V shared memory: shared anonymous memory to the model. */
static long model_shmat(UWord *a, long recorded)
{
    const NSegment *seg = recorded >= 0 ? VG_(am_find_nsegment)((Addr)recorded) : NULL;
    (void)a;
    if (!seg)
        return recorded;
    return mm_mmap(cap.proc, seg->start, seg->end + 1 - seg->start, MM_PROT_READ | (seg->hasW ? MM_PROT_WRITE : 0),
                   MM_MAP_SHARED | MM_MAP_ANONYMOUS | MM_MAP_FIXED, NULL, 0);
}

static long model_shmdt(UWord *a, long recorded)
{
    struct mm_vma_view vma;
    if (recorded < 0 || !mm_find_vma(cap.proc, a[0], &vma) || vma.start != a[0])
        return recorded;
    return mm_munmap(cap.proc, vma.start, vma.end - vma.start);
}

static const struct call calls[] = {
    { __NR_mmap, "mmap", 6, model_mmap },             { __NR_munmap, "munmap", 2, model_munmap },
    { __NR_mprotect, "mprotect", 3, model_mprotect }, { __NR_brk, "brk", 1, model_brk },
    { __NR_mremap, "mremap", 5, model_mremap },       { __NR_madvise, "madvise", 3, model_madvise },
    { __NR_mlock, "mlock", 2, model_mlock },          { __NR_mlock2, "mlock2", 3, model_mlock2 },
    { __NR_munlock, "munlock", 2, model_munlock },    { __NR_mlockall, "mlockall", 1, model_mlockall },
    { __NR_munlockall, "munlockall", 0, model_munlockall }, { __NR_msync, "msync", 3, model_msync },
    { __NR_mincore, "mincore", 3, model_mincore },    { __NR_shmat, "shmat", 3, model_shmat },
    { __NR_shmdt, "shmdt", 1, model_shmdt },         { __NR_pkey_mprotect, "pkey_mprotect", 4, model_pkey_mprotect },
};
enum { CALLS = sizeof calls / sizeof calls[0] };
static struct cap_syscall_count counts[CALLS];

UInt cap_syscall_counts(const struct cap_syscall_count **list)
{
    for (UInt i = 0; i < CALLS; i++)
        counts[i].name = calls[i].name;
    *list = counts;
    return CALLS;
}

void cap_forget_calls(void)
{
    VG_(memset)(counts, 0, sizeof counts);
    cap_forget_divergences();
}

/* ---- comparing ------------------------------------------------------------------------------------------------ */

static void result_text(HChar *buf, SizeT size, long r)
{
    const char *name = r < 0 && r > -4096 ? mm_errno_name((int)-r) : NULL;
    if (name)
        VG_(snprintf)(buf, size, "-%s", name);
    else
        VG_(snprintf)(buf, size, r < 0 && r > -4096 ? "%ld" : "0x%lx", r);
}

static void compare(const struct call *c, const UWord *a, long recorded, long modelled)
{
    HChar call[256], was[32], would[32];
    UInt n = (UInt)VG_(snprintf)(call, sizeof call, "%s(", c->name);
    for (UInt i = 0; i < c->nargs; i++)
        n += (UInt)VG_(snprintf)(call + n, sizeof call - n, "%s0x%lx", i ? ", " : "", a[i]);
    VG_(snprintf)(call + n, sizeof call - n, ")");
    result_text(was, sizeof was, recorded);
    result_text(would, sizeof would, modelled);
    cap_diverged(call, was, would);
}

static void follow(UInt i, UWord *args, long recorded)
{
    long modelled = calls[i].model(args, recorded);
    counts[i].calls++;
    counts[i].errors += recorded < 0;
    if (modelled != recorded) {
        counts[i].divergent++;
        compare(&calls[i], args, recorded, modelled);
    }
}

/* ---- children -------------------------------------------------------------------------------------------------- */

enum { MAX_CHILDREN = 256, NR_kill = 62 };
static struct { Int pid; struct proc *proc; } children[MAX_CHILDREN];
static struct proc *being_born;
static unsigned fork_flags;
#define CLONE_VM 0x100
#define CLONE_THREAD 0x10000

static void note_fork(UInt nr, const UWord *args)
{
    UWord flags = nr == __NR_clone ? args[0] : nr == __NR_vfork ? CLONE_VM : 0;
    fork_flags = (flags & CLONE_VM) && !(flags & CLONE_THREAD) ? PROC_FORK_VM : 0;
}

void cap_fork_in_parent(ThreadId tid) { (void)tid; cap.children++; }

static void remember_child(long pid)
{
    for (UInt i = 0; being_born && i < MAX_CHILDREN; i++)
        if (!children[i].proc) {
            children[i].pid = (Int)pid;
            children[i].proc = being_born;
            being_born = NULL;
        }
}

static void child_ended(Int pid)
{
    for (UInt i = 0; i < MAX_CHILDREN; i++)
        if (children[i].proc && children[i].pid == pid) {
            proc_exit(children[i].proc);
            proc_free(children[i].proc);
            children[i].proc = NULL;
        }
}

/* Children that nobody waits for (SIGCHLD ignored) are gone without a word, and so is one that was never started. */
static void forget_lost_children(void)
{
    for (UInt i = 0; i < MAX_CHILDREN; i++)
        if (children[i].proc && cap_raw_syscall(NR_kill, (UWord)children[i].pid, 0, 0) < 0)
            child_ended(children[i].pid);
    if (being_born) {
        proc_exit(being_born);
        proc_free(being_born);
        being_born = NULL;
    }
}

/* clone3 never gets here: Valgrind answers it with ENOSYS, and the C library falls back to clone. */
void cap_before_fork(ThreadId tid)
{
    cap_switch_to(tid);
    forget_lost_children();
    if (cap.running)
        proc_fork(cap.proc, cap.cpu, proc_name(cap.proc), fork_flags, &being_born);
}

void cap_fork_in_child(ThreadId tid)
{
    (void)tid;
    if (!cap.running || !being_born)
        return;
    cap.proc = being_born;
    being_born = NULL;
    proc_run_on(cap.kernel, cap.cpu, cap.proc);
    cap_start_counting_anew();
    cap.write_results = cap.opt.follow;
}

/* ---- hooks ------------------------------------------------------------------------------------------------------ */

/* Names of code that is about to go must be looked up now. */
static void before_unmapping(Addr start, SizeT len)
{
    for (Addr a = start; len && a < start + len;) {
        const NSegment *seg = VG_(am_find_nsegment)(a);
        if (!seg || seg->end + 1 <= a)
            return;
        if (seg->hasT) {
            cap_fold_range(start, len);
            return;
        }
        a = seg->end + 1;
    }
}

/* execve reads the strings before Valgrind announces it; if it succeeds, this image never hears of it. */
static void read_strings(Addr vector)
{
    for (; vector && VG_(am_is_valid_for_client)(vector, sizeof(UWord), VKI_PROT_READ); vector += sizeof(UWord)) {
        Addr s = *(const UWord *)vector;
        cap_kernel_touch(vector, sizeof(UWord), False);
        if (!s)
            return;
        cap_kernel_touch_string(s);
    }
}

/* If execve succeeds there is no other time to write the results; if not, the end writes them again.  What execvp looks
 * for in folder after folder mostly is not there. */
static void before_exec(Addr path, Addr argv, Addr envp, Bool may_succeed)
{
    cap_kernel_touch_string(path);
    read_strings(argv);
    read_strings(envp);
    if (cap.write_results && may_succeed)
        cap_write_results();
}

enum { NR_access = 21, X_OK = 1 };

static Bool executable(Addr path) { return cap_string_bytes(path) && cap_raw_syscall(NR_access, path, X_OK, 0) == 0; }

void cap_pre_syscall(ThreadId tid, UInt nr, UWord *args, UInt nargs)
{
    (void)nargs;
    cap_enter_syscall(tid);
    if (nr == __NR_munmap || nr == __NR_mremap || (nr == __NR_mmap && (args[3] & MM_MAP_FIXED)))
        before_unmapping(args[0], args[1]);
    if (nr == __NR_mremap && (args[3] & MM_MREMAP_FIXED))
        before_unmapping(args[4], args[2]);
    if (nr == __NR_clone || nr == __NR_fork || nr == __NR_vfork)
        note_fork(nr, args);
    if (nr == __NR_exit_group || (nr == __NR_exit && cap.alive <= 1)) {
        cap.exiting = True;
        cap.exit_status = (UInt)args[0] & 0xff;
    }
    if (nr == __NR_execve)
        before_exec(args[0], args[1], args[2], executable(args[0]));
    if (nr == __NR_execveat)
        before_exec(args[1], args[2], args[3], True);
}

enum { NR_close_range = 436, SI_PID_AT = 16, MAX_FDS = 1024 };

static void file_calls(UInt nr, const UWord *args, long r)
{
    switch (nr) {
    case __NR_close:
        cap_fd_changed((Int)args[0]);
        break;
    case __NR_open: case __NR_openat: case __NR_creat: case __NR_dup: case __NR_dup2: case __NR_dup3: case __NR_memfd_create:
        cap_fd_changed((Int)r);
        break;
    case NR_close_range:
        for (UWord fd = args[0]; fd <= args[1] && fd < MAX_FDS; fd++)
            cap_fd_changed((Int)fd);
        break;
    case __NR_ftruncate: case __NR_fallocate:
        cap_file_resized((Int)args[0]);
        break;
    case __NR_truncate:
        if (cap_string_bytes(args[0]))
            cap_path_resized((const HChar *)args[0]);
        break;
    default:
        break;
    }
}

void cap_post_syscall(ThreadId tid, UInt nr, UWord *args, UInt nargs, SysRes res)
{
    long r = sr_isError(res) ? -(long)sr_Err(res) : (long)sr_Res(res);
    (void)nargs;
    if (!cap.running)
        return;
    cap_leave_syscall(tid);
    for (UInt i = 0; i < CALLS; i++)
        if (calls[i].nr == nr) {
            follow(i, args, r);
            return;
        }
    if (nr == __NR_clock_gettime || nr == __NR_gettimeofday || nr == __NR_time)
        cap_clock_read();
    if (r >= 0)
        file_calls(nr, args, r);
    if (r > 0 && nr == __NR_wait4)
        child_ended((Int)r);
    if (r == 0 && nr == __NR_waitid && args[2])
        child_ended(*(const Int *)(args[2] + SI_PID_AT));
    if (r > 0 && (nr == __NR_clone || nr == __NR_fork || nr == __NR_vfork))
        remember_child(r);
}
