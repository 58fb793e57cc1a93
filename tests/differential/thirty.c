/* SPDX-License-Identifier: MIT
 * thirty.c - memory touched in known ways, one a run, for comparing the model with the kernel it runs on.
 *
 *     thirty list              the ways, one name a line
 *     thirty WAY FILE          WAY is a name or a number; FILE: 256 pages, its page-cache folios single pages
 *
 * thirty.sh runs each way natively and under `pagewalk run` and compares the minor faults of the whole process tree,
 * less those of way 0 (which does nothing), so that the start of the process cancels.  Natively the program also
 * prints "NAME OWN CHILDREN": its own faults around the way, and its children's (rusage), for a person.
 *
 * What must hold for a comparison to be exact: static, single thread, ASLR off (the starter's work); file mappings
 * at fixed addresses, because the fault-around window is aligned by virtual address; enough stack touched before the
 * way that no library call, signal frame or getrusage brings in a page of its own.  What a way tests is decided by
 * the kernel's rules, not by glibc: it calls nothing but thin wrappers of system calls. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#define MADV_POPULATE_WRITE 23
#endif

enum { PAGE = 4096, N = 16, FILE_PAGES = 256, STACK_PAGES_READY = 16, DEEP_PAGES = 64 };

#define RW (PROT_READ | PROT_WRITE)
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)
/* Free in a native process with ASLR off and under the instrumentation tool; 2 MiB-aligned. */
#define PLACE ((char *)0x2000000000)
#define PLACE2 ((char *)0x2040000000)

static int file_fd;
static const char *self_path;
static sigjmp_buf recover;
static volatile char sink;

/* ---- steps ------------------------------------------------------------------------------------------------- */

static void die(const char *what)
{
    perror(what);
    exit(3);
}

static char *map(char *at, size_t pages, int prot, int flags, int fd, size_t first_page)
{
    char *p = mmap(at, pages * PAGE, prot, flags | (at ? MAP_FIXED : 0), fd, (off_t)(first_page * PAGE));
    if (p == MAP_FAILED)
        die("mmap");
    return p;
}

static char *anon(size_t pages)
{
    return map(PLACE, pages, RW, ANON, -1, 0);
}

static void store(char *p, size_t pages)
{
    for (size_t i = 0; i < pages; i++)
        *(volatile char *)(p + i * PAGE) = 1;
}

/* The value is used: an instrumentation tool drops a load whose result nobody reads. */
static void load(const char *p, size_t pages)
{
    char sum = 0;
    for (size_t i = 0; i < pages; i++)
        sum ^= *(const volatile char *)(p + i * PAGE);
    sink = sum;
}

static void must(int result, const char *what)
{
    if (result < 0)
        die(what);
}

static void wait_for(pid_t pid)
{
    int status;
    if (waitpid(pid, &status, 0) != pid || status != 0)
        die("child");
}

static pid_t start_child(void)
{
    pid_t pid = fork();
    if (pid < 0)
        die("fork");
    return pid;
}

/* ---- anonymous memory --------------------------------------------------------------------------------------- */

static void way_nothing(void) {}
static void way_anon_write(void) { store(anon(N), N); }
static void way_anon_read(void) { load(anon(N), N); }

static void way_anon_read_write(void)
{
    char *p = anon(N);
    load(p, N);
    store(p, N);
}

static void way_big_memset(void)
{
    memset(anon(1024), 7, 1024 * PAGE);
}

/* One page in each page table: 32 page tables, 32 faults. */
static void way_sparse(void)
{
    char *p = map(PLACE, 32 * 512, RW, ANON | MAP_NORESERVE, -1, 0);
    for (int i = 0; i < 32; i++)
        p[i * 512L * PAGE] = 1;
}

/* An access over a page's end faults on both pages. */
static void way_crossing(void)
{
    struct __attribute__((packed)) unaligned { long value; };
    char *p = anon(N);
    for (int i = 1; i < N; i += 2)
        ((volatile struct unaligned *)(p + i * PAGE - 4))->value = 1;
}

static void way_populate_flag(void)
{
    store(map(PLACE, N, RW, ANON | MAP_POPULATE, -1, 0), N);
}

static void way_populate_flag_readonly(void)
{
    load(map(PLACE, N, PROT_READ, ANON | MAP_POPULATE, -1, 0), N);
}

static void way_madvise_populate_read(void)
{
    char *p = anon(N);
    must(madvise(p, N * PAGE, MADV_POPULATE_READ), "madvise");
    load(p, N);
    store(p, N);
}

static void way_madvise_populate_write(void)
{
    char *p = anon(N);
    must(madvise(p, N * PAGE, MADV_POPULATE_WRITE), "madvise");
    store(p, N);
}

static void way_madvise_dontneed(void)
{
    char *p = anon(N);
    store(p, N);
    must(madvise(p + 4 * PAGE, 8 * PAGE, MADV_DONTNEED), "madvise");
    load(p, N);
    store(p, N);
}

static void way_madvise_free(void)
{
    char *p = anon(N);
    store(p, N);
    must(madvise(p, N * PAGE, MADV_FREE), "madvise");
    store(p, N);
}

static void way_mlock(void)
{
    char *p = anon(N);
    store(p, 3);
    must(mlock(p, N * PAGE), "mlock");
    store(p, N);
    must(munlock(p, N * PAGE), "munlock");
}

static void way_mlock_readonly(void)
{
    char *p = map(PLACE, N, PROT_READ, ANON, -1, 0);
    must(mlock(p, N * PAGE), "mlock");
    load(p, N);
}

/* ---- changing the map --------------------------------------------------------------------------------------- */

static void way_munmap_reuse(void)
{
    for (int i = 0; i < 3; i++) {
        char *p = anon(N);
        store(p, N);
        must(munmap(p, N * PAGE), "munmap");
    }
}

static void way_hole(void)
{
    char *p = anon(N);
    store(p, N);
    must(munmap(p + 5 * PAGE, 3 * PAGE), "munmap");
    map(p + 5 * PAGE, 3, RW, ANON, -1, 0);
    load(p, N);
    store(p, N);
}

static void way_partial_munmap(void)
{
    char *p = anon(N);
    store(p, N);
    must(munmap(p + 8 * PAGE, 8 * PAGE), "munmap");
    store(p, 8);
}

static void way_fixed_over(void)
{
    char *p = anon(N);
    store(p, N);
    map(p + 2 * PAGE, 9, RW, ANON, -1, 0);
    store(p, N);
}

static void way_mremap_grow(void)
{
    char *p = anon(N);
    store(p, N);
    char *q = mremap(p, N * PAGE, 2 * N * PAGE, MREMAP_MAYMOVE);
    if (q == MAP_FAILED)
        die("mremap");
    store(q, 2 * N);
}

static void way_mremap_move(void)
{
    char *p = anon(N);
    store(p, N / 2);
    char *q = mremap(p, N * PAGE, N * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, PLACE2);
    if (q != PLACE2)
        die("mremap");
    store(q, N);
}

static void way_mremap_shrink(void)
{
    char *p = anon(N);
    store(p, N);
    if (mremap(p, N * PAGE, 5 * PAGE, 0) != p)
        die("mremap");
    char *q = mremap(p, 5 * PAGE, N * PAGE, MREMAP_MAYMOVE);
    if (q == MAP_FAILED)
        die("mremap");
    store(q, N);
}

static void way_mprotect_flip(void)
{
    char *p = anon(N);
    store(p, N / 2);
    must(mprotect(p, N * PAGE, PROT_READ), "mprotect");
    load(p, N);
    must(mprotect(p, N * PAGE, RW), "mprotect");
    store(p, N);
}

static void way_prot_none(void)
{
    char *p = map(PLACE, N, PROT_NONE, ANON, -1, 0);
    must(mprotect(p, N * PAGE, RW), "mprotect");
    store(p, N);
    must(mprotect(p, N * PAGE, PROT_NONE), "mprotect");
    must(mprotect(p, N * PAGE, RW), "mprotect");
    store(p, N);
}

static void way_brk(void)
{
    char *old = sbrk(0);
    char *p = old + (-(unsigned long)old & (PAGE - 1)) + 32 * PAGE;
    must(brk(p + N * PAGE), "brk");
    store(p, N);
    must(brk(p + 4 * PAGE), "brk");
    must(brk(p + N * PAGE), "brk");
    store(p, N);
}

/* Whole pages well below what has been used, so that the count does not depend on where in its page the stack begins. */
__attribute__((noinline)) static void deep(int pages, int above)
{
    char *area = __builtin_alloca((unsigned long)(pages + above) * PAGE);
    char *p = area + (-(unsigned long)area & (PAGE - 1));
    for (int i = pages - 1; i >= 0; i--)
        store(p + i * PAGE, 1);
}

static void way_stack(void) { deep(DEEP_PAGES, 2 * STACK_PAGES_READY); }

/* ---- files -------------------------------------------------------------------------------------------------- */

static char *file_map(int prot, int flags) { return map(PLACE, FILE_PAGES, prot, flags, file_fd, 0); }

static void way_file_read(void) { load(file_map(PROT_READ, MAP_PRIVATE), FILE_PAGES); }

static void way_file_read_backwards(void)
{
    char *p = file_map(PROT_READ, MAP_SHARED);
    for (int i = FILE_PAGES - 1; i >= 0; i -= 7)
        load(p + i * PAGE, 1);
}

/* Five pages off the 64 KiB grid, and a part of the file: the window is clipped and shifted. */
static void way_file_read_shifted(void)
{
    char *p = map(PLACE + 5 * PAGE, 100, PROT_READ, MAP_PRIVATE, file_fd, 3);
    load(p + 50 * PAGE, 1);
    load(p, 100);
}

/* The window ends with the page table: pages 500..530 of a 2 MiB region. */
static void way_file_read_two_tables(void)
{
    load(map(PLACE + 500 * PAGE, 30, PROT_READ, MAP_PRIVATE, file_fd, 0), 30);
}

static void way_file_private_write(void) { store(file_map(RW, MAP_PRIVATE), N); }

static void way_file_private_read_write(void)
{
    char *p = file_map(RW, MAP_PRIVATE);
    load(p, 2 * N);
    store(p, N);
}

static void way_file_shared_write(void) { store(file_map(RW, MAP_SHARED), N); }

static void way_file_shared_read_write(void)
{
    char *p = file_map(RW, MAP_SHARED);
    load(p, 2 * N);
    store(p, N);
}

static void way_file_two_mappings(void)
{
    char *p = file_map(RW, MAP_SHARED), *q = map(PLACE2, FILE_PAGES, RW, MAP_PRIVATE, file_fd, 0);
    store(p, 4);
    load(q, 8);
    store(q, 4);
    store(p, 8);
}

static void way_file_dontneed(void)
{
    char *p = file_map(RW, MAP_PRIVATE);
    load(p, 2 * N);
    store(p, 4);
    must(madvise(p, 2 * N * PAGE, MADV_DONTNEED), "madvise");
    load(p, 2 * N);
}

static void way_file_populate(void)
{
    load(map(PLACE, 2 * N, PROT_READ, MAP_PRIVATE | MAP_POPULATE, file_fd, 0), 2 * N);
    store(map(PLACE2, N, RW, MAP_PRIVATE | MAP_POPULATE, file_fd, 0), N);
}

static void way_file_tail(void)
{
    char *p = map(PLACE, N, PROT_READ, MAP_PRIVATE, file_fd, FILE_PAGES - N / 2);
    load(p, N / 2);
}

static void way_memfd(void)
{
    int fd = memfd_create("thirty", MFD_CLOEXEC);
    if (fd < 0 || ftruncate(fd, 2 * N * PAGE) < 0)
        die("memfd");
    char *p = map(PLACE, 2 * N, RW, MAP_SHARED, fd, 0);
    load(p, N);
    store(p, 2 * N);
    char *q = map(PLACE2, 2 * N, RW, MAP_PRIVATE, fd, 0);
    load(q, 2 * N);
    store(q, N);
}

/* ---- shared anonymous memory -------------------------------------------------------------------------------- */

static void way_shared_anon(void)
{
    char *p = map(PLACE, 2 * N, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    load(p, N);
    store(p, 2 * N);
}

static void way_shared_anon_fork(void)
{
    char *p = map(PLACE, N, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    store(p, N);
    pid_t pid = start_child();
    if (pid == 0) {
        store(p, N);
        _exit(0);
    }
    wait_for(pid);
    store(p, N);
}

/* ---- fork --------------------------------------------------------------------------------------------------- */

static void way_fork(void)
{
    pid_t pid = start_child();
    if (pid == 0)
        _exit(0);
    wait_for(pid);
}

/* The child waits on a pipe while the parent writes: every write copies. */
static void way_fork_parent_writes(void)
{
    int gate[2];
    char *p = anon(N), byte;
    store(p, N);
    must(pipe(gate), "pipe");
    pid_t pid = start_child();
    if (pid == 0) {
        close(gate[1]);
        _exit(read(gate[0], &byte, 1) != 0);
    }
    store(p, N);
    close(gate[1]);
    wait_for(pid);
}

/* The child is gone when the parent writes: every write finds its page its own again. */
static void way_fork_reuse(void)
{
    char *p = anon(N);
    store(p, N);
    pid_t pid = start_child();
    if (pid == 0)
        _exit(0);
    wait_for(pid);
    store(p, N);
}

static void way_fork_child_writes(void)
{
    char *p = anon(N);
    store(p, N);
    pid_t pid = start_child();
    if (pid == 0) {
        load(p, N);
        store(p, N);
        _exit(0);
    }
    wait_for(pid);
}

static void way_fork_both_write(void)
{
    char *p = anon(N);
    store(p, N);
    pid_t pid = start_child();
    if (pid == 0) {
        store(p, N);
        _exit(0);
    }
    wait_for(pid);
    store(p, N);
}

/* Zero-page and file mappings without private pages start empty in the child; with one private page they do not. */
static void way_fork_refault(void)
{
    char *zero = anon(N), *file = map(PLACE2, 2 * N, RW, MAP_PRIVATE, file_fd, 0);
    load(zero, N);
    load(file, 2 * N);
    pid_t pid = start_child();
    if (pid == 0) {
        load(zero, N);
        load(file, 2 * N);
        _exit(0);
    }
    wait_for(pid);
}

static void way_fork_twice(void)
{
    char *p = anon(N);
    store(p, N);
    pid_t pid = start_child();
    if (pid == 0) {
        pid_t inner = start_child();
        if (inner == 0) {
            store(p, N);
            _exit(0);
        }
        wait_for(inner);
        store(p, N / 2);
        _exit(0);
    }
    wait_for(pid);
    store(p, N);
}

static void way_fork_exec(void)
{
    pid_t pid = start_child();
    if (pid == 0) {
        execl(self_path, self_path, "list-quietly", (char *)NULL);
        _exit(9);
    }
    wait_for(pid);
}

/* ---- the kernel's own accesses ------------------------------------------------------------------------------- */

/* The core announces a read of the range; the kernel looks only at page tables. */
static void way_msync_untouched(void)
{
    char *p = map(PLACE2, N, RW, MAP_SHARED, file_fd, 0);
    must(msync(anon(N), N * PAGE, MS_ASYNC), "msync");
    must(msync(p, N * PAGE, MS_SYNC), "msync");
}

static void way_read_into(void)
{
    char *p = anon(N);
    if (pread(file_fd, p, N * PAGE, 0) != N * PAGE)
        die("pread");
}

static void way_write_from(void)
{
    char *p = anon(N);
    int gate[2];
    must(pipe(gate), "pipe");
    if (write(gate[1], p, N / 2 * PAGE) != N / 2 * PAGE)
        die("write");
    store(p, N);
}

static void way_stat_into(void)
{
    char *p = anon(4);
    must(fstat(file_fd, (struct stat *)(p + PAGE - 16)), "fstat"); /* lies over two pages */
    if (!getcwd(p + 2 * PAGE, PAGE))
        die("getcwd");
}

static void way_mincore_into(void)
{
    char *p = anon(N), *vec = map(PLACE2, 1, RW, ANON, -1, 0);
    must(mincore(p, N * PAGE, (unsigned char *)vec), "mincore");
}

/* A bad buffer: part of it is filled, then the call stops; nothing is a signal. */
static void way_read_into_guard(void)
{
    char *p = anon(N);
    must(mprotect(p + 4 * PAGE, PAGE, PROT_NONE), "mprotect");
    if (pread(file_fd, p, N * PAGE, 0) != 4 * PAGE)
        die("pread");
}

/* ---- signals ------------------------------------------------------------------------------------------------ */

static void on_fault(int signo)
{
    (void)signo;
    siglongjmp(recover, 1);
}

static void catch_signal(int signo)
{
    struct sigaction sa = { .sa_handler = on_fault };
    sigemptyset(&sa.sa_mask);
    must(sigaction(signo, &sa, NULL), "sigaction");
}

/* Refused accesses are no minor faults. */
static void way_sigsegv(void)
{
    char *p = anon(4);
    must(mprotect(p + PAGE, PAGE, PROT_NONE), "mprotect");
    catch_signal(SIGSEGV);
    for (int i = 0; i < 5; i++)
        if (!sigsetjmp(recover, 1))
            store(p, 4);
    store(p + 2 * PAGE, 2);
}

static void way_sigbus(void)
{
    char *p = map(PLACE, 4, PROT_READ, MAP_SHARED, file_fd, FILE_PAGES - 1);
    catch_signal(SIGBUS);
    for (int i = 0; i < 5; i++)
        if (!sigsetjmp(recover, 1))
            load(p, 4);
}

/* A handler that makes its page accessible and returns: the access is made again. */
static void open_page(int signo, siginfo_t *si, void *context)
{
    (void)signo;
    (void)context;
    mprotect((void *)((unsigned long)si->si_addr & -(unsigned long)PAGE), PAGE, RW);
}

static void way_sigsegv_repair(void)
{
    struct sigaction sa = { .sa_sigaction = open_page, .sa_flags = SA_SIGINFO };
    sigemptyset(&sa.sa_mask);
    must(sigaction(SIGSEGV, &sa, NULL), "sigaction");
    store(map(PLACE, N, PROT_NONE, ANON, -1, 0), N);
}

/* ---- code --------------------------------------------------------------------------------------------------- */

static void way_anon_code(void)
{
    char *p = anon(N);
    for (int i = 0; i < N; i++)
        p[i * PAGE] = (char)0xc3; /* ret */
    must(mprotect(p, N * PAGE, PROT_READ | PROT_EXEC), "mprotect");
    for (int i = 0; i < N; i++) {
        void (*f)(void);
        char *at = p + i * PAGE;
        memcpy(&f, &at, sizeof f);
        f();
    }
}

/* ---- the table ----------------------------------------------------------------------------------------------- */

static const struct way { const char *name; void (*run)(void); } ways[] = {
#define WAY(name) { #name, way_##name }
    WAY(nothing), WAY(anon_write), WAY(anon_read), WAY(anon_read_write), WAY(big_memset), WAY(sparse), WAY(crossing),
    WAY(populate_flag), WAY(populate_flag_readonly), WAY(madvise_populate_read), WAY(madvise_populate_write),
    WAY(madvise_dontneed), WAY(madvise_free), WAY(mlock), WAY(mlock_readonly),
    WAY(munmap_reuse), WAY(hole), WAY(partial_munmap), WAY(fixed_over), WAY(mremap_grow), WAY(mremap_move),
    WAY(mremap_shrink), WAY(mprotect_flip), WAY(prot_none), WAY(brk), WAY(stack),
    WAY(file_read), WAY(file_read_backwards), WAY(file_read_shifted), WAY(file_read_two_tables),
    WAY(file_private_write), WAY(file_private_read_write), WAY(file_shared_write), WAY(file_shared_read_write),
    WAY(file_two_mappings), WAY(file_dontneed), WAY(file_populate), WAY(file_tail), WAY(memfd),
    WAY(shared_anon), WAY(shared_anon_fork),
    WAY(fork), WAY(fork_parent_writes), WAY(fork_reuse), WAY(fork_child_writes), WAY(fork_both_write),
    WAY(fork_refault), WAY(fork_twice), WAY(fork_exec),
    WAY(read_into), WAY(write_from), WAY(stat_into), WAY(mincore_into), WAY(msync_untouched), WAY(read_into_guard),
    WAY(sigsegv), WAY(sigbus), WAY(sigsegv_repair), WAY(anon_code),
#undef WAY
};
enum { NR_WAYS = sizeof ways / sizeof ways[0] };

static const struct way *find_way(const char *name)
{
    char *end;
    unsigned long n = strtoul(name, &end, 10);
    if (*name && !*end && n < NR_WAYS)
        return &ways[n];
    for (int i = 0; i < NR_WAYS; i++)
        if (strcmp(name, ways[i].name) == 0)
            return &ways[i];
    return NULL;
}

static long minor_faults(int who)
{
    struct rusage ru;
    getrusage(who, &ru);
    return ru.ru_minflt;
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "list-quietly") == 0)
        return 0;
    if (argc == 2 && strcmp(argv[1], "list") == 0) {
        for (int i = 0; i < NR_WAYS; i++)
            puts(ways[i].name);
        return 0;
    }
    const struct way *w = argc == 3 ? find_way(argv[1]) : NULL;
    if (!w || (file_fd = open(argv[2], O_RDWR | O_CLOEXEC)) < 0) {
        fputs("usage: thirty list | thirty WAY FILE\n", stderr);
        return 2;
    }
    self_path = argv[0];
    deep(STACK_PAGES_READY, 1);
    load(argv[0], 1); /* brings in what load() writes */
    long own = minor_faults(RUSAGE_SELF);
    w->run();
    own = minor_faults(RUSAGE_SELF) - own;
    printf("%s %ld %ld\n", w->name, own, minor_faults(RUSAGE_CHILDREN));
    return 0;
}
