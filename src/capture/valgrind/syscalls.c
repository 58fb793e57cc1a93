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

/* Valgrind's brk area ends after 8 MiB; a refusal there is a difference like any other. */
static long model_brk(UWord *a, long recorded)
{
    long r = mm_brk(cap.proc, a[0]);
    if (r != recorded)
        mm_brk(cap.proc, (u64)recorded);
    return r;
}

static long model_mremap(UWord *a, long recorded)
{
    long r;
    if (recorded >= 0 && recorded != (long)a[0] && !(a[3] & MM_MREMAP_FIXED))
        mm_adopt_address(cap.proc, (u64)recorded);
    r = mm_mremap(cap.proc, a[0], a[1], a[2], (int)a[3], a[4]);
    if (recorded >= 0 && r >= 0 && r != recorded) /* the model found room in place: move after it */
        mm_mremap(cap.proc, (u64)r, a[2], a[2], MM_MREMAP_MAYMOVE | MM_MREMAP_FIXED, (u64)recorded);
    if (r >= 0 && recorded == (long)a[0])
        return recorded;
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
    { __NR_shmdt, "shmdt", 1, model_shmdt },
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

enum { MAX_CHILDREN = 256 };
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

/* clone3 never gets here: Valgrind answers it with ENOSYS, and the C library falls back to clone. */
void cap_before_fork(ThreadId tid)
{
    (void)tid;
    being_born = NULL;
    if (cap.running)
        proc_fork(cap.proc, cap.cpu, proc_name(cap.proc), fork_flags, &being_born);
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

static void child_ended(long pid)
{
    for (UInt i = 0; i < MAX_CHILDREN; i++)
        if (children[i].proc && children[i].pid == pid) {
            proc_exit(children[i].proc);
            proc_free(children[i].proc);
            children[i].proc = NULL;
        }
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

static Bool readable(Addr a) { return VG_(am_is_valid_for_client)(a, sizeof(UWord), VKI_PROT_READ); }

/* execve reads the strings before Valgrind announces it; if it succeeds, this image never hears of it. */
static void read_strings(Addr vector)
{
    for (; vector && readable(vector); vector += sizeof(UWord)) {
        Addr s = *(const UWord *)vector;
        cap_kernel_touch(vector, sizeof(UWord), False);
        if (!s || !readable(s))
            return;
        cap_kernel_touch(s, VG_(strlen)((const HChar *)s) + 1, False);
    }
}

static void before_exec(const UWord *args)
{
    if (readable(args[0]))
        cap_kernel_touch(args[0], VG_(strlen)((const HChar *)args[0]) + 1, False);
    read_strings(args[1]);
    read_strings(args[2]);
    if (cap.write_results)
        cap_write_results();    /* if execve succeeds there is no other time; if not, the end writes again */
}

void cap_pre_syscall(ThreadId tid, UInt nr, UWord *args, UInt nargs)
{
    (void)nargs;
    cap.syscall_site.ip = VG_(get_IP)(tid);
    if (nr == __NR_munmap || nr == __NR_mremap || (nr == __NR_mmap && (args[3] & MM_MAP_FIXED)))
        before_unmapping(args[0], args[1]);
    if (nr == __NR_clone || nr == __NR_fork || nr == __NR_vfork)
        note_fork(nr, args);
    if (nr == __NR_exit_group) {
        cap.exiting = True;
        cap.exit_status = (UInt)args[0] & 0xff;
    }
    if (nr == __NR_execve)
        before_exec(args);
}

static void file_calls(UInt nr, const UWord *args, long r)
{
    switch (nr) {
    case __NR_close:
        cap_fd_changed((Int)args[0]);
        break;
    case __NR_open: case __NR_openat: case __NR_creat: case __NR_dup: case __NR_dup2: case __NR_dup3: case __NR_memfd_create:
        cap_fd_changed((Int)r);
        break;
    case __NR_ftruncate: case __NR_fallocate:
        cap_file_resized((Int)args[0]);
        break;
    default:
        break;
    }
}

void cap_post_syscall(ThreadId tid, UInt nr, UWord *args, UInt nargs, SysRes res)
{
    long r = sr_isError(res) ? -(long)sr_Err(res) : (long)sr_Res(res);
    (void)tid; (void)nargs;
    if (!cap.running)
        return;
    for (UInt i = 0; i < CALLS; i++)
        if (calls[i].nr == nr) {
            follow(i, args, r);
            return;
        }
    if (nr == __NR_clock_gettime || nr == __NR_gettimeofday || nr == __NR_time)
        cap_clock_read();
    if (r >= 0)
        file_calls(nr, args, r);
    if (r > 0 && (nr == __NR_wait4))
        child_ended(r);
    if (r > 0 && (nr == __NR_clone || nr == __NR_fork || nr == __NR_vfork))
        remember_child(r);
}
