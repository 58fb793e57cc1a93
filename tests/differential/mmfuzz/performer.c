/* SPDX-License-Identifier: MIT
 * performer.c - does commands on the kernel it runs on, and writes down what could be seen (wire.h).  Started by
 * host.c with address randomisation off; no libc, so that nothing but a command changes the address space.
 *
 * At its start it removes the stack, [vdso] and [vvar] it was given, and drops all capabilities.  Up to TASKS tasks
 * live; the one whose turn it is performs, the others sleep.  Between the two calls of getrusage() around a command
 * nothing but the command may fault: after a fork the program's own pages are written before going on.
 * All memory that commands write is zero, so a fetch from any page executes `add %al,(%rax)`: rax points to a byte of
 * ours, and the trap flag stops after that one instruction. */
#include "wire.h"

#include <asm/signal.h>
#include <linux/capability.h>
#include <linux/falloc.h>
#include <linux/fcntl.h>
#include <linux/futex.h>
#include <linux/mman.h>
#include <linux/poll.h>
#include <linux/prctl.h>
#include <linux/resource.h>
#include <linux/sched.h>
#include <linux/securebits.h>
#include <sys/syscall.h>

#define STACK_LG2 14
#define TASK_TOP 0x7ffffffff000ull

static struct wire *const wire = (struct wire *)WIRE_AT;
u8 stacks[TASKS][1 << STACK_LG2] __attribute__((aligned(64)));
static u8 vector[VECTOR_PAGES];
static struct rusage usage;
static u32 signo, code;      /* of the signal that the current command raised                                   */
static u8 scratch;
u64 entry_sp;                /* where touch_out finds its way back                                               */

/* ---- the ground ------------------------------------------------------------------------------------------------ */

/* The compiler may call these two. */
void *memset(void *to, int value, size_t n)
{
    void *at = to;
    __asm__ volatile("rep stosb" : "+D"(at), "+c"(n) : "a"(value) : "memory");
    return to;
}

void *memcpy(void *restrict to, const void *restrict from, size_t n)
{
    void *at = to;
    __asm__ volatile("rep movsb" : "+D"(at), "+S"(from), "+c"(n) : : "memory");
    return to;
}

static s64 sys(u64 nr, u64 a, u64 b, u64 c, u64 d, u64 e, u64 f)
{
    register u64 r10 __asm__("r10") = d;
    register u64 r8 __asm__("r8") = e;
    register u64 r9 __asm__("r9") = f;
    s64 r;
    __asm__ volatile("syscall" : "=a"(r) : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return r;
}
#define SYS(nr, a, b, c) sys(nr, (u64)(a), (u64)(b), (u64)(c), 0, 0, 0)

__attribute__((noreturn)) static void leave(int status)
{
    for (;;)
        SYS(SYS_exit_group, status, 0, 0);
}

static void wait_while(u32 *word, u32 value)
{
    while (__atomic_load_n(word, __ATOMIC_ACQUIRE) == value)
        SYS(SYS_futex, word, FUTEX_WAIT, value);
}

static void put_and_wake(u32 *word, u32 value)
{
    __atomic_store_n(word, value, __ATOMIC_RELEASE);
    SYS(SYS_futex, word, FUTEX_WAKE, 0x7fffffff);
}

/* Assembly below.  The touches: rdi the address, rsi a byte of ours.  clone_task: flags, stack, slot; the child goes to task(). */
#pragma GCC visibility push(hidden)
void touch_read(u64 va, u8 *ours);
void touch_write(u64 va, u8 *ours);
void touch_fetch(u64 va, u8 *ours);
s64 clone_task(u64 flags, u8 *stack_end, u32 slot);
void restorer(void);
extern char touch_out[];
#pragma GCC visibility pop
__attribute__((noreturn)) void task(u32 slot);
__attribute__((noreturn)) void begin(u32 slot);
__asm__(".text\n"
        "touch_read:  mov %rsp, entry_sp(%rip)\n movb (%rdi), %al\n ret\n"
        "touch_write: mov %rsp, entry_sp(%rip)\n movb $0, (%rdi)\n ret\n"
        "touch_fetch: mov %rsp, entry_sp(%rip)\n mov %rsp, %rdx\n mov %rsi, %rax\n"
        "             mov %ss, %ecx\n push %rcx\n push %rdx\n pushf\n orq $0x100, (%rsp)\n"
        "             mov %cs, %ecx\n push %rcx\n push %rdi\n iretq\n"
        "touch_out:   ret\n"
        "restorer:    mov $15, %eax\n syscall\n"
        "clone_task:  mov %edx, %r9d\n xor %edx, %edx\n xor %r10d, %r10d\n xor %r8d, %r8d\n mov $56, %eax\n syscall\n"
        "             test %rax, %rax\n jnz 1f\n mov %r9d, %edi\n call task\n"
        "1:           ret\n"
        ".globl _start\n" /* argv[0] is the digit of the slot */
        "_start:      mov 8(%rsp), %rax\n movzbl (%rax), %edi\n sub $48, %edi\n lea 1(%rdi), %eax\n shl $14, %eax\n"
        "             lea stacks(%rip), %rsp\n add %rax, %rsp\n call begin\n");

/* Of the signal frame, as the ABI lays it out: ucontext's head, then sigcontext. */
struct frame_regs { u64 head[5], r8_15[8], di, si, bp, bx, dx, ax, cx, sp, ip, eflags; };

static void on_signal(int number, const int *info, struct frame_regs *regs)
{
    if (number != SIGTRAP) {
        signo = (u32)number;
        code = (u32)info[2] & 0xff;
    }
    regs->ip = (u64)touch_out;
    regs->sp = entry_sp;
    regs->eflags &= ~0x100ull;
}

/* ---- commands -------------------------------------------------------------------------------------------------- */

static u64 fd_of(u64 file) { return file == NO_FILE ? NO_FILE : FD_FILE + file; }

static s64 fork_task(const struct op *op, u64 flags)
{
    return clone_task(flags | CLONE_PARENT | SIGCHLD, stacks[op->a[0] + 1], (u32)op->a[0]);
}

static u64 plus(u64 limit_bytes, u64 more) { return limit_bytes == ~(u64)0 ? limit_bytes : limit_bytes + more; }

#define WIRE_BYTES page_up(sizeof(struct wire))

/* What counts in this limit of the performer's own. */
static u64 ours(u64 which) { return which == RLIMIT_AS ? PROGRAM_BYTES + WIRE_BYTES : which == RLIMIT_DATA ? PROGRAM_BYTES : 0; }

/* The soft limit; the hard one stays. */
static s64 set_soft(u64 which, u64 bytes)
{
    struct rlimit r;

    SYS(SYS_getrlimit, which, &r, 0);
    r.rlim_cur = plus(bytes, ours(which));
    if (r.rlim_cur > r.rlim_max)
        leave(43);
    return SYS(SYS_setrlimit, which, &r, 0);
}

/* All of the address space but the performer's own. */
static s64 lock_all(u64 flags)
{
    struct rlimit limit;
    s64 r;

    SYS(SYS_getrlimit, RLIMIT_MEMLOCK, &limit, 0);
    if (!(flags & MCL_CURRENT) || !limit.rlim_cur) /* none at all: not allowed, rather than too much */
        return SYS(SYS_mlockall, flags, 0, 0);
    set_soft(RLIMIT_MEMLOCK, plus(limit.rlim_cur, PROGRAM_BYTES + WIRE_BYTES));
    r = SYS(SYS_mlockall, flags, 0, 0);
    SYS(SYS_setrlimit, RLIMIT_MEMLOCK, &limit, 0);
    SYS(SYS_munlock, PROGRAM_AT, PROGRAM_BYTES, 0);
    SYS(SYS_munlock, WIRE_AT, sizeof(struct wire), 0);
    return r;
}

static s64 exec_self(u32 slot)
{
    char name[2] = { (char)('0' + slot), 0 };
    char *argv[] = { name, NULL };

    wire->execing = 1;
    return sys(SYS_execveat, FD_SELF, (u64) "", (u64)argv, (u64)(argv + 1), AT_EMPTY_PATH, 0);
}

static s64 advise_self(const u64 *a)
{
    const struct { u64 start, len; } range = { a[0], a[1] };

    return sys(SYS_process_madvise, FD_PIDFD, (u64)&range, 1, a[2], 0, 0);
}

static s64 name_range(const u64 *a)
{
    static const char *const names[] = { NULL, "one", "two" };

    return sys(SYS_prctl, PR_SET_VMA, PR_SET_VMA_ANON_NAME, a[0], a[1], (u64)names[a[2]], 0);
}

static s64 perform(const struct op *op)
{
    const u64 *a = op->a;

    switch ((enum op_kind)op->kind) {
    case OP_READ: touch_read(a[0], &scratch); return 0;
    case OP_WRITE: touch_write(a[0], &scratch); return 0;
    case OP_FETCH: touch_fetch(a[0], &scratch); return 0;
    case OP_COPY_TO: return SYS(SYS_read, FD_ZERO, a[0], a[1]);
    case OP_COPY_FROM: return sys(SYS_pwrite64, FD_SINK, a[0], a[1], 0, 0, 0);
    case OP_MMAP: return sys(SYS_mmap, a[0], a[1], a[2], a[3], fd_of(a[4]), a[5]);
    case OP_MUNMAP: return SYS(SYS_munmap, a[0], a[1], 0);
    case OP_MPROTECT: return SYS(SYS_mprotect, a[0], a[1], a[2]);
    case OP_MREMAP: return sys(SYS_mremap, a[0], a[1], a[2], a[3], a[4], 0);
    case OP_BRK: return SYS(SYS_brk, a[0], 0, 0);
    case OP_MADVISE: return SYS(SYS_madvise, a[0], a[1], a[2]);
    case OP_MLOCK: return SYS(SYS_mlock, a[0], a[1], 0);
    case OP_MLOCK2: return SYS(SYS_mlock2, a[0], a[1], a[2]);
    case OP_MUNLOCK: return SYS(SYS_munlock, a[0], a[1], 0);
    case OP_MLOCKALL: return lock_all(a[0]);
    case OP_MUNLOCKALL: return SYS(SYS_munlockall, 0, 0, 0);
    case OP_MINCORE: return SYS(SYS_mincore, a[0], a[1], vector);
    case OP_MSYNC: return SYS(SYS_msync, a[0], a[1], a[2]);
    case OP_MSEAL: return SYS(462, a[0], a[1], a[2]);
    case OP_TRUNCATE: return SYS(SYS_ftruncate, fd_of(a[0]), a[1], 0);
    case OP_PUNCH:
        return sys(SYS_fallocate, fd_of(a[0]), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, a[1], a[2], 0, 0);
    case OP_FORK: return fork_task(op, 0) < 0 ? -1 : 0;
    case OP_THREAD: return fork_task(op, CLONE_VM) < 0 ? -1 : 0;
    case OP_EXEC: return exec_self(op->actor);
    case OP_PRCTL: return sys(SYS_prctl, a[0], a[1], a[2], a[3], a[4], 0);
    case OP_NAME: return name_range(a);
    case OP_SETRLIMIT: return set_soft(a[0], a[1]);
    case OP_PKEY_ALLOC: return SYS(SYS_pkey_alloc, a[0], a[1], 0);
    case OP_PKEY_FREE: return SYS(SYS_pkey_free, a[0], 0, 0);
    case OP_PKEY_MPROTECT: return sys(SYS_pkey_mprotect, a[0], a[1], a[2], a[3], 0, 0);
    case OP_PROCESS_MADVISE: return advise_self(a);
    case OP_MEMBARRIER: return SYS(SYS_membarrier, a[0], 0, 0);
    case OP_EXIT: case OP_LOOK: case OP_KINDS: break;
    }
    return 0;
}

/* ---- looking --------------------------------------------------------------------------------------------------- */

/* All of a /proc file, as far as there is room.  The kernel fills a page with whole lines and hands it over: one that had
 * room for any line more is the last. */
#define LAST_BELOW (PAGE_BYTES - 512)

static u32 slurp(int fd, u8 *to, u32 room, bool short_lines)
{
    u32 n = 0;

    while (n < room) {
        s64 r = sys(SYS_pread64, (u64)fd, (u64)(to + n), room - n, n, 0, 0);
        if (r <= 0)
            break;
        n += (u32)r;
        if (short_lines && (u64)r < LAST_BELOW)
            break;
    }
    return n;
}

static u32 look_core(const struct command *c, u8 *to)
{
    u32 n = 0;

    for (u32 i = 0; i < c->spans; n += (u32)c->span[i++].pages)
        if (SYS(SYS_mincore, c->span[i].page << PAGE_LG2, c->span[i].pages << PAGE_LG2, to + n) < 0)
            memset(to + n, 0xee, c->span[i].pages);
    return n;
}

static void look(const struct command *c, struct record *r, u8 *data)
{
    u8 *at = data + c->at, *end = at + c->room;

    r->maps_bytes = slurp(FD_MAPS, at, c->room, true);
    at += (r->maps_bytes + 7) & ~7u;
    for (u32 i = 0; i < c->spans; i++) {
        u64 bytes = c->span[i].pages * 8, room = (u64)(end - at) & ~7ull;
        s64 n = sys(SYS_pread64, FD_PAGEMAP, (u64)at, bytes < room ? bytes : room, c->span[i].page * 8, 0, 0);
        if (n <= 0)
            break;
        at += n;
        r->words += (u32)n / 8;
    }
    if (c->look & LOOK_SMAPS) {
        r->smaps_bytes = slurp(FD_SMAPS, at, (u32)(end - at), false);
        at += r->smaps_bytes;
    }
    if (c->look & LOOK_CORE)
        r->core_bytes = look_core(c, at);
    else if (r->vector_bytes)
        memcpy(at, vector, r->vector_bytes);
}

static void count_faults(u32 *minor, u32 *major)
{
    SYS(SYS_getrusage, 0, &usage, 0);
    *minor = (u32)usage.ru_minflt;
    *major = (u32)usage.ru_majflt;
}

/* ---- the life of a task ---------------------------------------------------------------------------------------- */

/* One command is done; the last of a batch tells the fuzzer. */
static void step(void)
{
    const u32 done = wire->done;

    if (++wire->next < wire->half[done & 1].count)
        return;
    wire->next = 0;
    put_and_wake(&wire->done, done + 1);
}

/* The program's own pages are private to this process and writable without a fault. */
static void own_pages(void)
{
    for (u8 *p = (u8 *)PROGRAM_AT; p < (u8 *)HEAP_AT; p += PAGE_BYTES)
        *(volatile u8 *)p = *p;
}

static void move_fd(s64 got, int fd)
{
    if (got < 0 || SYS(SYS_dup2, got, fd, 0) < 0)
        leave(41);
    SYS(SYS_close, got, 0, 0);
}

static void open_self(void)
{
    move_fd(SYS(SYS_open, "/proc/self/maps", O_RDONLY, 0), FD_MAPS);
    move_fd(SYS(SYS_open, "/proc/self/pagemap", O_RDONLY, 0), FD_PAGEMAP);
    move_fd(SYS(SYS_open, "/proc/self/smaps", O_RDONLY, 0), FD_SMAPS);
    move_fd(SYS(SYS_pidfd_open, SYS(SYS_getpid, 0, 0, 0), 0, 0), FD_PIDFD);
}

/* Until a task that exited is gone, its address space with it. */
static void await_leaving(void)
{
    struct pollfd p = { .events = POLLIN };
    s64 fd;

    if (!wire->leaving)
        return;
    fd = SYS(SYS_pidfd_open, wire->leaving, 0, 0);
    wire->leaving = 0;
    if (fd < 0)
        return;
    p.fd = (int)fd;
    SYS(SYS_poll, &p, 1, -1);
    SYS(SYS_close, fd, 0, 0);
}

static void one_command(const struct command *c, struct record *out, u8 *data)
{
    const struct op op = c->op;
    struct record r = { 0 };
    u32 minor, major;

    if (op.kind == OP_MLOCKALL && (op.a[0] & MCL_CURRENT))
        SYS(SYS_madvise, WIRE_AT, sizeof(struct wire), MADV_POPULATE_WRITE);
    signo = code = 0;
    count_faults(&minor, &major);
    r.result = perform(&op);
    count_faults(&r.minor, &r.major);
    r.minor -= minor;
    r.major -= major;
    r.signo = signo;
    r.code = code;
    if (op.kind == OP_MINCORE && r.result == 0)
        r.vector_bytes = (u32)(page_up(op.a[1]) >> PAGE_LG2);
    if (op.kind == OP_FORK || op.kind == OP_THREAD)
        own_pages();
    look(c, &r, data);
    *out = r;
}

static void exit_task(u32 slot, u32 next)
{
    wire->leaving = wire->pid[slot];
    step();
    put_and_wake(&wire->turn, next);
    leave(0);
}

__attribute__((noreturn)) static void serve(u32 slot)
{
    for (;;) {
        u32 turn = __atomic_load_n(&wire->turn, __ATOMIC_ACQUIRE), batch;
        struct half *h;
        struct command *c;
        if (turn != slot) {
            wait_while(&wire->turn, turn);
            continue;
        }
        batch = wire->done;
        wait_while(&wire->published, batch);
        h = &wire->half[batch & 1];
        c = &h->command[wire->next];
        if (c->op.actor != slot) {
            put_and_wake(&wire->turn, c->op.actor);
            continue;
        }
        await_leaving();
        if (c->op.kind == OP_EXIT) {
            h->record[wire->next] = (struct record){ 0 };
            exit_task(slot, (u32)c->op.a[0]);
        }
        one_command(c, &h->record[wire->next], h->data);
        step();
    }
}

void task(u32 slot)
{
    SYS(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL, 0);
    wire->pid[slot] = (u32)SYS(SYS_getpid, 0, 0, 0);
    own_pages();
    open_self();
    serve(slot);
}

/* ---- start ----------------------------------------------------------------------------------------------------- */

/* For good: exec must not give them back, nor turn randomisation on for having done so. */
static void drop_capabilities(void)
{
    struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
    struct __user_cap_data_struct none[2] = { { 0, 0, 0 }, { 0, 0, 0 } };

    SYS(SYS_prctl, PR_SET_SECUREBITS, SECBIT_NOROOT, 0); /* refused without rights: none come back then either */
    if (SYS(SYS_capset, &head, none, 0) < 0)
        leave(42);
}

static void take_signals(void)
{
    static const u8 caught[] = { SIGSEGV, SIGBUS, SIGTRAP };
    const struct { void (*handler)(int, const int *, struct frame_regs *); u64 flags; void (*restorer)(void); u64 mask; } act = {
        on_signal, SA_SIGINFO | SA_RESTORER | SA_NODEFER, restorer, 0
    };

    for (u32 i = 0; i < sizeof caught; i++)
        sys(SYS_rt_sigaction, caught[i], (u64)&act, 0, 8, 0, 0);
}

/* The second half of OP_EXEC: this is the new program. */
static void finish_exec(void)
{
    struct half *h = &wire->half[wire->done & 1];
    struct record r = { 0 };

    wire->execing = 0;
    look(&h->command[wire->next], &r, h->data);
    h->record[wire->next] = r;
    step();
}

void begin(u32 slot)
{
    const struct setup *setup = &wire->setup;

    /* First make room: limits may be tight. */
    if (SYS(SYS_munmap, HEAP_AT, TASK_TOP - HEAP_AT, 0) < 0 ||
        sys(SYS_mmap, WIRE_AT, sizeof(struct wire), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, FD_WIRE, 0) < 0)
        leave(40);
    wire->pid[slot] = (u32)SYS(SYS_getpid, 0, 0, 0);
    take_signals();
    drop_capabilities();
    if (!wire->execing) {
        set_soft(RLIMIT_STACK, setup->rlimit_stack);
        set_soft(RLIMIT_DATA, setup->rlimit_data);
        set_soft(RLIMIT_AS, setup->rlimit_as);
        set_soft(RLIMIT_MEMLOCK, setup->rlimit_memlock);
    }
    SYS(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL, 0);
    own_pages();
    open_self();
    if (wire->execing)
        finish_exec();
    serve(slot);
}
