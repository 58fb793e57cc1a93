/* SPDX-License-Identifier: GPL-2.0-or-later
 * syscalls.c - turns the program's memory system calls, forks and children into events (trace.h), with the facts that
 * the model cannot know.  The follower makes each call on the model and compares.
 *
 * Addresses are adopted without counting: Valgrind places mappings elsewhere than a kernel would.  What kernel reads and
 * writes of user memory fault is in main.c (Valgrind announces those). */
#include "cap.h"
#include "forks.h"

/* ---- the calls ------------------------------------------------------------------------------------------------ */

static const struct { UInt nr, call; } calls[] = {
    { __NR_mmap, TRACE_MMAP },         { __NR_munmap, TRACE_MUNMAP },   { __NR_mprotect, TRACE_MPROTECT }, { __NR_brk, TRACE_BRK_CALL },
    { __NR_mremap, TRACE_MREMAP },     { __NR_madvise, TRACE_MADVISE }, { __NR_mlock, TRACE_MLOCK },       { __NR_mlock2, TRACE_MLOCK2 },
    { __NR_munlock, TRACE_MUNLOCK },   { __NR_mlockall, TRACE_MLOCKALL }, { __NR_munlockall, TRACE_MUNLOCKALL }, { __NR_msync, TRACE_MSYNC },
    { __NR_mincore, TRACE_MINCORE },   { __NR_shmat, TRACE_SHMAT },     { __NR_shmdt, TRACE_SHMDT },       { __NR_pkey_mprotect, TRACE_PKEY_MPROTECT },
};
enum { CALLS = sizeof calls / sizeof calls[0] };

/* What is behind the descriptor of mmap. */
static void file_facts(const UWord *args, long recorded, u64 *file, long *refused, Bool *zero)
{
    Int flags = (Int)args[3], fd = (Int)args[4];
    if (flags & MM_MAP_ANONYMOUS)
        return;
    *refused = cap_fd_refused(fd);
    *zero = cap_fd_is_zero(fd);
    if (!(*refused && recorded < 0) && !(*zero && !(flags & MM_MAP_SHARED)))
        *file = cap_file_of_fd(fd);
}

static void follow_one(UInt call, const UWord *args, long recorded)
{
    struct trace_event e = { .type = TRACE_CALL, .word = { cap.call_ip, call, (u64)recorded } };
    const NSegment *attached = call == TRACE_SHMAT && recorded >= 0 ? VG_(am_find_nsegment)((Addr)recorded) : NULL;
    u64 file = TRACE_NO_FILE;
    long refused = 0;
    Bool zero = False;
    for (UInt i = 0; i < trace_call_args(call); i++)
        e.word[3 + i] = args[i];
    if (call == TRACE_MMAP)
        file_facts(args, recorded, &file, &refused, &zero);
    e.word[9] = file;
    e.word[10] = (u64)refused;
    e.word[11] = zero;
    if (attached) {
        e.word[12] = attached->start;
        e.word[13] = attached->end + 1 - attached->start;
        e.word[14] = attached->hasW;
    }
    cap_check_kernel_result(call, args);
    cap_event(&e);
    cap_check_kernel_result(call, NULL);
}

/* ---- children -------------------------------------------------------------------------------------------------- */

enum { MAX_CHILDREN = 256, NR_kill = 62 };
static Int children[MAX_CHILDREN];   /* process ids; 0: free                                                     */
static Bool being_born;
static UWord fork_flags;
#define CLONE_VM 0x100
#define CLONE_THREAD 0x10000

static void note_fork(UInt nr, const UWord *args)
{
    UWord flags = nr == __NR_clone ? args[0] : nr == __NR_vfork ? CLONE_VM : 0;
    fork_flags = (flags & CLONE_VM) && !(flags & CLONE_THREAD) ? PROC_FORK_VM : 0;
}

void cap_fork_in_parent(ThreadId tid)
{
    (void)tid;
    cap.children++;
    cap_record_forked();
}

static void remember_child(long pid)
{
    for (UInt i = 0; being_born && i < MAX_CHILDREN; i++)
        if (!children[i]) {
            children[i] = (Int)pid;
            being_born = False;
            cap_event1(TRACE_CHILD, (UWord)pid);
            cap_forked((Int)pid);
        }
}

static void child_ended(Int pid)
{
    for (UInt i = 0; i < MAX_CHILDREN; i++)
        if (children[i] == pid) {
            children[i] = 0;
            cap_event1(TRACE_CHILD_END, (UWord)pid);
        }
}

/* Children that nobody waits for (SIGCHLD ignored) are gone without a word, and so is one that was never started. */
static void forget_lost_children(void)
{
    for (UInt i = 0; i < MAX_CHILDREN; i++)
        if (children[i] && cap_raw_syscall(NR_kill, (UWord)children[i], 0, 0) < 0)
            child_ended(children[i]);
    if (being_born)
        cap_event(&(struct trace_event){ .type = TRACE_CHILD_LOST });
    being_born = False;
}

/* clone3 never gets here: Valgrind answers it with ENOSYS, and the C library falls back to clone. */
void cap_before_fork(ThreadId tid)
{
    cap_switch_to(tid);
    forget_lost_children();
    if (!cap.running)
        return;
    cap_forking(fork_flags & PROC_FORK_VM);
    being_born = cap_event1(TRACE_FORK, fork_flags);
    cap_record_before_fork();
}

/* Its children are not ours. */
void cap_fork_in_child(ThreadId tid)
{
    (void)tid;
    if (!cap.running || !follow_child(cap.follower))
        return;
    being_born = False;
    cap_record_in_child();
    VG_(memset)(children, 0, sizeof children);
    cap_start_counting_anew();
    cap_born();
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
            follow_one(calls[i].call, args, r);
            cap_check_kernel_call(tid, nr, args, trace_call_name(calls[i].call));
            return;
        }
    cap_check_kernel_call(tid, nr, args, NULL);
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
