/* SPDX-License-Identifier: MIT
 * native.c - the operations done by the host's kernel.  The main thread acts; a second thread reads userfaultfds and
 * answers.  Between operations both meet, so that everything an operation caused is known.  Faults are the main
 * thread's own (RUSAGE_THREAD). */
#include "tracking.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* Newer than the headers of some systems. */
struct poison_arg { struct uffdio_range range; u64 mode; s64 updated; };
struct move_arg { u64 dst, src, len, mode; s64 move; };
struct continue_arg { struct uffdio_range range; u64 mode; s64 mapped; };
struct scan_arg { u64 size, flags, start, end, walk_end, vec, vec_len, max_pages, inverted, mask, anyof, ret; };
#define REQUEST_MOVE _IOWR(UFFDIO, 0x05, struct move_arg)
#define REQUEST_CONTINUE _IOWR(UFFDIO, 0x07, struct continue_arg)
#define REQUEST_POISON _IOWR(UFFDIO, 0x08, struct poison_arg)
#define REQUEST_SCAN _IOWR('f', 16, struct scan_arg)

static struct {
    int uffd[SLOTS], childs[SLOTS];       /* closed when the child was looked at                              */
    int file[FILES], pagemap, zero, sink, clear_refs, ask, told;
    unsigned policy, tries;
    struct seen *out;                     /* of the operation that runs                                       */
    u64 *shared;                          /* a child's view of its pages                                      */
    u64 words[ARENA_PAGES];
} n = { .uffd = { -1, -1 }, .childs = { -1, -1 } };

static s64 call(long r) { return r < 0 ? -errno : r; }

/* ---- answering ----------------------------------------------------------------------------------------------------- */

static s64 fill(unsigned slot, enum fill what, u64 addr, u64 len, u64 src, u64 mode, s64 *done)
{
    struct uffdio_copy c = { .dst = addr, .src = src, .len = len, .mode = mode, .copy = 0 };
    struct uffdio_zeropage z = { .range = { addr, len }, .mode = mode };
    struct continue_arg o = { .range = { addr, len }, .mode = mode };
    s64 r;

    switch (what) {
    case FILL_COPY: r = call(ioctl(n.uffd[slot], UFFDIO_COPY, &c)); *done = c.copy; return r;
    case FILL_ZEROPAGE: r = call(ioctl(n.uffd[slot], UFFDIO_ZEROPAGE, &z)); *done = z.zeropage; return r;
    default: r = call(ioctl(n.uffd[slot], REQUEST_CONTINUE, &o)); *done = o.mapped; return r;
    }
}

static s64 answer_fill(void *ctx, unsigned slot, enum fill what, u64 addr, u64 mode)
{
    s64 done;

    (void)ctx;
    return fill(slot, what, addr, PAGE_BYTES, SOURCE, mode, &done);
}

static s64 protect(unsigned slot, u64 addr, u64 len, u64 mode)
{
    struct uffdio_writeprotect w = { .range = { addr, len }, .mode = mode };

    return call(ioctl(n.uffd[slot], UFFDIO_WRITEPROTECT, &w));
}

static s64 answer_unprotect(void *ctx, unsigned slot, u64 addr)
{
    (void)ctx;
    return protect(slot, addr, PAGE_BYTES, 0);
}

static s64 on_range(unsigned slot, unsigned long request, u64 addr, u64 len)
{
    struct uffdio_range r = { addr, len };

    return call(ioctl(n.uffd[slot], request, &r));
}

static void answer_wake(void *ctx, unsigned slot, u64 addr)
{
    (void)ctx;
    on_range(slot, UFFDIO_WAKE, addr, PAGE_BYTES);
}

static void answer_unregister(void *ctx, unsigned slot, u64 addr)
{
    (void)ctx;
    on_range(slot, UFFDIO_UNREGISTER, addr, PAGE_BYTES);
}

static const struct means means = { answer_fill, answer_unprotect, answer_wake, answer_unregister, NULL };

static void take_message(unsigned slot)
{
    struct message *m = &n.out->message[n.out->messages < MESSAGES ? n.out->messages : MESSAGES - 1];
    struct uffd_msg got;

    if (read(n.uffd[slot], &got, sizeof got) != sizeof got)
        return;
    *m = (struct message){ .slot = slot, .event = got.event };
    switch (got.event) {
    case MM_UFFD_EVENT_PAGEFAULT:
        m->address = got.arg.pagefault.address;
        m->flags = (u32)got.arg.pagefault.flags;
        m->answer = answer(&means, m, n.policy, n.tries++);
        break;
    case MM_UFFD_EVENT_FORK: n.childs[slot] = (int)got.arg.fork.ufd; break;
    case MM_UFFD_EVENT_REMAP:
        m->address = got.arg.remap.from;
        m->to = got.arg.remap.to;
        m->len = got.arg.remap.len;
        break;
    default:
        m->address = got.arg.remove.start;
        m->len = got.arg.remove.end - got.arg.remove.start;
    }
    n.out->messages++;
}

static void *handler(void *unused)
{
    u64 word;

    for (;;) {
        struct pollfd p[1 + SLOTS] = { { n.ask, POLLIN, 0 } };
        for (unsigned i = 0; i < SLOTS; i++)
            p[1 + i] = (struct pollfd){ n.uffd[i], POLLIN, 0 };
        if (poll(p, 1 + SLOTS, -1) <= 0)
            continue;
        for (unsigned i = 0; i < SLOTS; i++)
            if (p[1 + i].revents & POLLIN)
                take_message(i);
        if (p[0].revents & POLLIN && read(n.ask, &word, sizeof word) == sizeof word && write(n.told, &word, sizeof word) < 0)
            abort();
    }
    return unused;
}

/* The handler has seen all there was, and looks at the userfaultfds that there are now. */
static void meet(void)
{
    u64 word = 1;

    if (write(n.ask, &word, sizeof word) < 0 || read(n.told, &word, sizeof word) < 0)
        abort();
}

/* ---- accesses ------------------------------------------------------------------------------------------------------ */

static sigjmp_buf back;
static volatile int signo, code;
static void *volatile where;

static void on_signal(int s, siginfo_t *i, void *unused)
{
    (void)unused;
    signo = s;
    code = i->si_code;
    where = i->si_addr;
    siglongjmp(back, 1);
}

static void touch(const struct op *op)
{
    volatile char *at = (volatile char *)(uintptr_t)op->a[0];

    if (sigsetjmp(back, 1))
        return;
    if (op->kind == OP_WRITE)
        *at = 1;
    else
        (void)*at;
}

/* ---- operations ---------------------------------------------------------------------------------------------------- */

static s64 map(const struct op *op)
{
    static const int flags[] = { MAP_PRIVATE | MAP_ANONYMOUS, MAP_PRIVATE | MAP_ANONYMOUS, MAP_PRIVATE | MAP_ANONYMOUS,
        MAP_PRIVATE | MAP_ANONYMOUS, MAP_SHARED | MAP_ANONYMOUS, MAP_PRIVATE, MAP_SHARED, MAP_SHARED };
    const int f = flags[op->a[3]];
    void *at = mmap((void *)(uintptr_t)op->a[0], op->a[1], (int)op->a[2], f | MAP_FIXED,
                    f & MAP_ANONYMOUS ? -1 : n.file[op->a[4]], f & MAP_ANONYMOUS ? 0 : (off_t)op->a[5]);

    return at == MAP_FAILED ? -errno : (s64)(uintptr_t)at;
}

static void look(u16 *page, u64 *words)
{
    if (pread(n.pagemap, words, ARENA_PAGES * 8, (off_t)(ARENA / PAGE_BYTES * 8)) != ARENA_PAGES * 8)
        abort();
    for (unsigned i = 0; page && i < ARENA_PAGES; i++)
        page[i] = (u16)(words[i] >> 55);
}

static bool is_arena(u64 at) { return at >= ARENA && at < SOURCE + 2 * SOURCE_PAGES * PAGE_BYTES; }

/* After a fork: the program's own pages are written, so that no later operation pays for their copies. */
static void settle(void)
{
    FILE *f = fopen("/proc/self/maps", "re");
    unsigned long start, end;
    char perms[5], text[512];

    while (f && fgets(text, sizeof text, f)) {
        if (sscanf(text, "%lx-%lx %4s", &start, &end, perms) != 3 || strcmp(perms, "rw-p") || is_arena(start))
            continue;
        for (u64 at = start, word; at < end; at += PAGE_BYTES)
            if (pread(n.pagemap, &word, sizeof word, (off_t)(at / PAGE_BYTES * 8)) == sizeof word && word >> 63)
                __atomic_fetch_or((char *)(uintptr_t)at, 0, __ATOMIC_RELAXED);
    }
    if (f)
        fclose(f);
}

static s64 do_fork(void)
{
    int status;
    pid_t pid = fork();

    if (pid == 0) {
        n.pagemap = open("/proc/self/pagemap", O_RDONLY);
        look(NULL, n.shared);
        _exit(0);
    }
    if (pid < 0)
        return -errno;
    waitpid(pid, &status, 0);
    for (unsigned i = 0; i < SLOTS; i++) {
        close(n.childs[i]);
        n.childs[i] = -1;
    }
    settle();
    return 0;
}

static s64 open_uffd(const struct op *op)
{
    struct uffdio_api api = { .api = UFFD_API, .features = op->a[0] };
    int fd;

    if (n.uffd[op->slot] >= 0)
        return -EALREADY;
    fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK | (int)op->a[1]);
    if (fd < 0)
        return -errno;
    n.uffd[op->slot] = fd;
    meet();
    return call(ioctl(fd, UFFDIO_API, &api));
}

static s64 close_uffd(unsigned slot)
{
    int fd = n.uffd[slot];

    n.uffd[slot] = -1;
    meet();
    return fd < 0 ? -EBADF : call(close(fd));
}

static s64 scan(const struct op *op, struct seen *out)
{
    struct scan_arg a = { .size = sizeof a, .flags = op->a[2], .start = op->a[0], .end = op->a[1], .mask = op->a[3],
                          .anyof = op->a[4], .inverted = op->a[5], .ret = op->a[6], .vec_len = op->a[7] >> 32,
                          .vec = op->a[7] >> 32 ? (uintptr_t)out->region : 0, .max_pages = (u32)op->a[7] };
    s64 r = call(ioctl(n.pagemap, REQUEST_SCAN, &a));

    out->regions = r > 0 ? (u32)r : 0;
    out->walk_end = r >= 0 ? a.walk_end : 0;
    return r;
}

static s64 others(const struct op *op, struct seen *out)
{
    const u64 *a = op->a;
    struct uffdio_register reg = { .range = { a[0], a[1] }, .mode = a[2] };
    struct poison_arg poison = { .range = { a[0], a[1] }, .mode = a[2] };
    struct move_arg move = { .dst = a[0], .src = a[2], .len = a[1], .mode = a[3] };
    char text[2] = { (char)('0' + a[0]), 0 };
    s64 r;

    switch ((enum op_kind)op->kind) {
    case OP_REGISTER: return call(ioctl(n.uffd[op->slot], UFFDIO_REGISTER, &reg));
    case OP_UNREGISTER: return on_range(op->slot, UFFDIO_UNREGISTER, a[0], a[1]);
    case OP_WAKE: return on_range(op->slot, UFFDIO_WAKE, a[0], a[1]);
    case OP_PROTECT: return protect(op->slot, a[0], a[1], a[2]);
    case OP_COPY: return fill(op->slot, FILL_COPY, a[0], a[1], a[2], a[3], &out->done);
    case OP_ZEROPAGE: return fill(op->slot, FILL_ZEROPAGE, a[0], a[1], 0, a[2], &out->done);
    case OP_CONTINUE: return fill(op->slot, FILL_CONTINUE, a[0], a[1], 0, a[2], &out->done);
    case OP_POISON: r = call(ioctl(n.uffd[op->slot], REQUEST_POISON, &poison)); out->done = poison.updated; return r;
    case OP_MOVE: r = call(ioctl(n.uffd[op->slot], REQUEST_MOVE, &move)); out->done = move.move; return r;
    case OP_SCAN: return scan(op, out);
    case OP_CLEAR_REFS:
        r = call(pwrite(n.clear_refs, text, 1, 0));
        settle();                         /* what it write-protected of ours */
        return r == 1 ? 0 : r;
    default: return 0;
    }
}

static s64 perform(const struct op *op, struct seen *out)
{
    const u64 *a = op->a;
    void *at = (void *)(uintptr_t)a[0];

    switch ((enum op_kind)op->kind) {
    case OP_READ: case OP_WRITE: touch(op); return 0;
    case OP_KERNEL_READ: return call(pwrite(n.sink, at, 1, 0));
    case OP_KERNEL_WRITE: return call(read(n.zero, at, 1));
    case OP_MMAP: return map(op);
    case OP_MUNMAP: return call(munmap(at, a[1]));
    case OP_MPROTECT: return call(mprotect(at, a[1], (int)a[2]));
    case OP_MREMAP: {
        void *to = mremap(at, a[1], a[2], (int)a[3], (void *)(uintptr_t)a[4]);
        return to == MAP_FAILED ? -errno : (s64)(uintptr_t)to;
    }
    case OP_MADVISE: return call(madvise(at, a[1], (int)a[2]));
    case OP_FORK: return do_fork();
    case OP_OPEN: return open_uffd(op);
    case OP_CLOSE: return close_uffd(op->slot);
    default: return others(op, out);
    }
}

/* The arena's lines of smaps: range, rights and flags, or without flags those of maps. */
static void look_lines(struct seen *out, bool flags_too)
{
    FILE *f = fopen(flags_too ? "/proc/self/smaps" : "/proc/self/maps", "re");
    char text[512];
    struct line *l = NULL;

    while (f && fgets(text, sizeof text, f)) {
        unsigned long start, end;
        char perms[5];
        if (sscanf(text, "%lx-%lx %4s", &start, &end, perms) == 3) {
            l = start >= ARENA && end <= ARENA + ARENA_PAGES * PAGE_BYTES && out->lines < 64 ? &out->line[out->lines++] : NULL;
            if (l) {
                *l = (struct line){ .start = start, .end = end };
                memcpy(l->perms, perms, sizeof l->perms);
            }
        } else if (l && !strncmp(text, "VmFlags: ", 9)) {
            snprintf(l->flags, sizeof l->flags, "%.*s", (int)strcspn(text + 9, "\n"), text + 9);
        }
    }
    if (f)
        fclose(f);
}

void native_do(const struct op *op, struct seen *out, bool flags_too)
{
    struct rusage before, after;

    n.out = out;
    n.policy = op->policy;
    n.tries = 0;
    signo = 0;
    memset(n.shared, 0, ARENA_PAGES * 8);
    getrusage(RUSAGE_THREAD, &after);     /* what this writes was perhaps shared by a fork */
    getrusage(RUSAGE_THREAD, &before);
    out->result = perform(op, out);
    getrusage(RUSAGE_THREAD, &after);
    meet();
    out->signo = (u32)signo;
    out->code = signo ? (u32)code : 0;
    out->addr = signo ? (u64)(uintptr_t)where : 0;
    if (op->kind == OP_FORK || op->kind == OP_CLEAR_REFS || signo) /* our own stack pages take part */
        after = before;
    out->minor = (u32)(after.ru_minflt - before.ru_minflt);
    out->major = (u32)(after.ru_majflt - before.ru_majflt);
    look(out->page, n.words);
    for (unsigned i = 0; op->kind == OP_FORK && i < ARENA_PAGES; i++)
        out->child[i] = (u16)(n.shared[i] >> 55);
    look_lines(out, flags_too);
}

/* ---- beginning ----------------------------------------------------------------------------------------------------- */

static bool make_files(void)
{
    char page[PAGE_BYTES] = { 0 };

    for (unsigned i = 0; i < FILES; i++) {
        n.file[i] = memfd_create("tracking", MFD_CLOEXEC);
        if (n.file[i] < 0 || ftruncate(n.file[i], FILE_PAGES * PAGE_BYTES) < 0)
            return false;
        for (unsigned k = 0; i == 0 && k < FILE_PAGES; k += 2) /* every second page of the first is there */
            if (pwrite(n.file[i], page, sizeof page, (off_t)k * (off_t)PAGE_BYTES) < 0)
                return false;
    }
    return true;
}

/* The program's own pages are all there before anything is counted. */
static void settle_in(void)
{
    extern char __executable_start[], etext[], end[];
    const uintptr_t page = 4096, text = (uintptr_t)__executable_start & ~(page - 1), code_end = ((uintptr_t)etext + page - 1) & ~(page - 1);

    madvise((void *)text, code_end - text, 22); /* MADV_POPULATE_READ; unknown before 5.14                        */
    for (uintptr_t at = code_end; at < (uintptr_t)end; at += page)
        if (madvise((void *)at, page, 23))      /* MADV_POPULATE_WRITE; read-only pages refuse it                  */
            madvise((void *)at, page, 22);
}

const char *native_begin(void)
{
    struct sigaction act = { .sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_NODEFER };
    pthread_t thread;
    char *src;

    settle_in();
    n.pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
    n.clear_refs = open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC);
    n.zero = open("/dev/zero", O_RDONLY | O_CLOEXEC);
    n.sink = memfd_create("sink", MFD_CLOEXEC);
    n.ask = eventfd(0, EFD_CLOEXEC);
    n.told = eventfd(0, EFD_CLOEXEC);
    n.shared = mmap(NULL, ARENA_PAGES * 8, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    src = mmap((void *)(uintptr_t)SOURCE, 2 * SOURCE_PAGES * PAGE_BYTES, PROT_READ | PROT_WRITE,
               MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    if (n.pagemap < 0 || n.sink < 0 || n.told < 0 || n.shared == MAP_FAILED || src == MAP_FAILED || !make_files())
        return "cannot open what is needed";
    for (unsigned i = 0; i < SOURCE_PAGES; i++)
        src[i * PAGE_BYTES] = 1;
    if (pwrite(n.sink, src, 1, 0) < 0 || sigaction(SIGSEGV, &act, NULL) < 0 || sigaction(SIGBUS, &act, NULL) < 0)
        return "cannot begin";
    return pthread_create(&thread, NULL, handler, NULL) ? "cannot make a thread" : NULL;
}
