/* SPDX-License-Identifier: MIT
 * bench.c - what the memory manager costs, as a multiple of the host kernel doing the same.  Run by run.sh
 * (`make bench-kernel`).
 *
 * Each way is done by the host and by the model (kernel.h as a library, on hardware that only remembers registers), in
 * turns, round after round; a round is some number of operations, its time the thread's CPU time.  The figure of a way is
 * the median over the rounds; preparing a round is not in it.  The host's time has the entry into the kernel, and for
 * faults the exception, in it, as a program pays for them; the model's has the call, and for faults kernel_trap() alone.
 * Memory is in pages of 4 KiB on both sides.  Linked static: at a fork only the memory in question is large. */
#include <fcntl.h>
#include <math.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "pagewalk/kernel.h"

#define A 0x200000000000ull
#define PG PAGE_BYTES
#define AT(a) ((void *)(uintptr_t)(a))
#define RW (PROT_READ | PROT_WRITE)
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED)
#define HUGE_BYTES (2ull << 20)
#define ROUNDS_MAX 99
#define RAM_BYTES (4ull << 30)
#define FAULTS 8192
#define FILE_PAGES 32768
#define GIB_PAGES (1u << 18)

static struct hw hw;
static struct kernel *k;
static struct proc *p, *child;
static struct mm_file *file;
static int host_file;
static u64 regs[6];

/* ---- hardware that does nothing ------------------------------------------------------------------------------------ */

static u64 read_reg(void *c, unsigned cpu, enum hw_reg r) { (void)c; (void)cpu; return regs[r]; }
static void write_reg(void *c, unsigned cpu, enum hw_reg r, u64 v) { (void)c; (void)cpu; regs[r] = v; }
static void invlpg(void *c, unsigned cpu, u64 va) { (void)c; (void)cpu; (void)va; }
static void invpcid(void *c, unsigned cpu, u64 type, u64 pcid, u64 va) { (void)c; (void)cpu; (void)type; (void)pcid; (void)va; }
static void send_ipi(void *c, unsigned cpu, unsigned target) { (void)c; (void)cpu; kernel_ipi(k, target); }
static u64 now_ns(void *c) { (void)c; return 0; }
static bool touch_user(void *c, unsigned cpu, u64 va, enum hw_touch kind)
{
    (void)c; (void)cpu; (void)va; (void)kind;
    return true;
}

static void need(bool ok, const char *what)
{
    if (ok)
        return;
    fprintf(stderr, "bench-kernel: %s: failed\n", what);
    exit(1);
}

static void *sparse(size_t bytes)
{
    void *at = mmap(NULL, bytes, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    need(at != MAP_FAILED, "memory for the model");
    madvise(at, bytes, MADV_DONTFORK);    /* the host's forks are to copy the gigabyte, and not the model */
    return at;
}

static void start_model(void)
{
    struct kernel_config cfg;
    size_t bytes;
    u8 *block;

    kernel_config_init(&cfg);
    hw = (struct hw){ .cpus = 1, .ram = sparse(RAM_BYTES), .ram_bytes = RAM_BYTES, .read_reg = read_reg, .write_reg = write_reg,
                      .invlpg = invlpg, .invpcid = invpcid, .send_ipi = send_ipi, .touch_user = touch_user, .now_ns = now_ns };
    bytes = kernel_bytes(&hw, &cfg);
    block = sparse(bytes + HUGE_BYTES);
    block += -(uintptr_t)block & (HUGE_BYTES - 1);
    madvise(block, bytes, MADV_HUGEPAGE); /* a kernel's own memory is mapped by huge pages, too                */
    k = kernel_create(block, bytes, &hw, &cfg);
    need(k, "the model");
    p = proc_new(k, "bench");
    proc_run_on(k, 0, p);
}

/* ---- ways ----------------------------------------------------------------------------------------------------------- */

static void host_map(u64 pages, int prot, int flags, int fd)
{
    need(mmap(AT(A), pages * PG, prot, flags, fd, 0) == AT(A), "mmap");
}

static void model_map(u64 pages, int prot, int flags, struct mm_file *f)
{
    need(mm_mmap(p, A, pages * PG, prot, flags, f, 0) == (long)A, "the model's mmap");
}

static void host_touch(u64 pages, u64 step, bool write)
{
    for (u64 n = 0; n < pages; n += step)
        if (write)
            *(volatile u8 *)AT(A + n * PG) = 1;
        else
            (void)*(volatile u8 *)AT(A + n * PG);
}

static void model_touch(u64 pages, u64 step, bool write)
{
    struct mm_trap_result r;

    for (u64 n = 0; n < pages; n += step) {
        struct hw_trap t = { .vector = 14, .user = true, .error = write ? 6 : 4, .cr2 = A + n * PG };
        kernel_trap(k, 0, &t, &r);
        if (!r.resume)
            need(false, "a fault");
    }
}

static void host_clear(void) { munmap(AT(A), GIB_PAGES * PG); }
static void model_clear(void) { mm_munmap(p, A, GIB_PAGES * PG); }

static void anon_host_before(void) { host_map(FAULTS, RW, ANON, -1); }
static void anon_model_before(void) { model_map(FAULTS, RW, ANON, NULL); }
static void anon_host(void) { host_touch(FAULTS, 1, true); }
static void anon_model(void) { model_touch(FAULTS, 1, true); }

static void file_host_before(void) { host_map(FILE_PAGES, PROT_READ, MAP_SHARED | MAP_FIXED, host_file); }
static void file_model_before(void) { model_map(FILE_PAGES, PROT_READ, MAP_SHARED | MAP_FIXED, file); }
static void file_host(void) { host_touch(FILE_PAGES, 16, false); }
static void file_model(void) { model_touch(FILE_PAGES, 16, false); }

#define PAIRS 20000
static void pair_host(void)
{
    for (int i = 0; i < PAIRS; i++) {
        void *at = mmap(NULL, 16 * PG, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        munmap(at, 16 * PG);
    }
}
static void pair_model(void)
{
    for (int i = 0; i < PAIRS; i++)
        mm_munmap(p, (u64)mm_mmap(p, 0, 16 * PG, RW, MAP_PRIVATE | MAP_ANONYMOUS, NULL, 0), 16 * PG);
}

static void flip_host_before(void) { host_map(16, RW, ANON, -1); host_touch(16, 1, true); }
static void flip_model_before(void) { model_map(16, RW, ANON, NULL); model_touch(16, 1, true); }
static void flip_host(void)
{
    for (int i = 0; i < PAIRS; i++)
        mprotect(AT(A), 16 * PG, i & 1 ? RW : PROT_READ);
}
static void flip_model(void)
{
    for (int i = 0; i < PAIRS; i++)
        mm_mprotect(p, A, 16 * PG, i & 1 ? RW : PROT_READ);
}

static void fork_host_before(void) { host_map(GIB_PAGES, RW, ANON, -1); host_touch(GIB_PAGES, 1, true); }
static void fork_model_before(void) { model_map(GIB_PAGES, RW, ANON, NULL); model_touch(GIB_PAGES, 1, true); }
static void fork_host(void)
{
    pid_t pid = fork();

    if (!pid)
        _exit(0);
    need(pid > 0, "fork");
}
static void fork_model(void) { need(!proc_fork(p, 0, "child", 0, &child), "the model's fork"); }
static void fork_host_after(void) { wait(NULL); host_clear(); }
static void fork_model_after(void) { proc_free(child); model_clear(); }

/* Mappings that cannot merge: rights alternate. */
static u64 vmas;
static void many_host(void)
{
    for (u64 i = 0; i < vmas; i++)
        need(mmap(AT(A + i * PG), PG, i & 1 ? RW : PROT_READ, ANON, -1, 0) != MAP_FAILED, "mmap (vm.max_map_count?)");
}
static void many_model(void)
{
    for (u64 i = 0; i < vmas; i++)
        need(mm_mmap(p, A + i * PG, PG, i & 1 ? RW : PROT_READ, ANON, NULL, 0) >= 0, "the model's mmap");
}

/* A call that finds one mapping and has nothing to do there.  Of 1,000 mappings, spread evenly among all, so that what
 * grows is the search; of all, it is also the memory that does not fit into the caches. */
#define LOOKUPS 50000
#define SPREAD 1000
static u64 pick(u64 *x, u64 among)
{
    *x = *x * 6364136223846793005ull + 1442695040888963407ull;
    return A + (*x >> 33) % among * (vmas / among) * PG;
}
static void find_host(void)
{
    for (u64 i = 0, x = 1; i < LOOKUPS; i++)
        msync(AT(pick(&x, SPREAD)), PG, MS_ASYNC);
}
static void find_model(void)
{
    for (u64 i = 0, x = 1; i < LOOKUPS; i++)
        mm_msync(p, pick(&x, SPREAD), PG, MS_ASYNC);
}
static void any_host(void)
{
    for (u64 i = 0, x = 1; i < LOOKUPS; i++)
        msync(AT(pick(&x, vmas)), PG, MS_ASYNC);
}
static void any_model(void)
{
    for (u64 i = 0, x = 1; i < LOOKUPS; i++)
        mm_msync(p, pick(&x, vmas), PG, MS_ASYNC);
}

static const struct way {
    const char *name;
    u64 operations, vmas;
    void (*host_before)(void), (*model_before)(void), (*host)(void), (*model)(void), (*host_after)(void), (*model_after)(void);
} ways[] = {
    { "anonymous fault", FAULTS, 0, anon_host_before, anon_model_before, anon_host, anon_model, host_clear, model_clear },
    { "file fault, 16 pages mapped around it", FILE_PAGES / 16, 0, file_host_before, file_model_before, file_host, file_model, host_clear, model_clear },
    { "mmap and munmap of 64 KiB", PAIRS, 0, NULL, NULL, pair_host, pair_model, NULL, NULL },
    { "mprotect of 16 resident pages", PAIRS, 0, flip_host_before, flip_model_before, flip_host, flip_model, host_clear, model_clear },
    { "fork of a process with 1 GiB resident", 1, 0, fork_host_before, fork_model_before, fork_host, fork_model, fork_host_after, fork_model_after },
    { "mmap up to 65,000 mappings, each", 65000, 65000, NULL, NULL, many_host, many_model, host_clear, model_clear },
    { "lookup of any of 65,000 mappings", LOOKUPS, 65000, many_host, many_model, any_host, any_model, host_clear, model_clear },
    { "lookup among 1,000 mappings", LOOKUPS, 1000, many_host, many_model, find_host, find_model, host_clear, model_clear },
    { "lookup among 10,000 mappings", LOOKUPS, 10000, many_host, many_model, find_host, find_model, host_clear, model_clear },
    { "lookup among 65,000 mappings", LOOKUPS, 65000, many_host, many_model, find_host, find_model, host_clear, model_clear },
};
#define WAYS (sizeof ways / sizeof ways[0])

/* ---- measuring ------------------------------------------------------------------------------------------------------- */

static double cpu_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static double timed(const struct way *w, void (*before)(void), void (*fn)(void), void (*after)(void))
{
    double t;

    if (before)
        before();
    t = cpu_ns();
    fn();
    t = cpu_ns() - t;
    if (after)
        after();
    return t / (double)w->operations;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(const double *of, unsigned n)
{
    double v[ROUNDS_MAX];

    memcpy(v, of, n * sizeof *v);
    qsort(v, n, sizeof *v, ascending);
    return n & 1 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2;
}

static void put_time(double ns)
{
    if (ns < 1e4)
        printf(" %.0f ns |", ns);
    else
        printf(" %.2f ms |", ns / 1e6);
}

int main(int argc, char **argv)
{
    unsigned rounds = argc > 1 ? (unsigned)atoi(argv[1]) : 7, slow = 0;
    const char *only = argc > 2 ? argv[2] : "";
    static double host[WAYS][ROUNDS_MAX], model[WAYS][ROUNDS_MAX], ratio[WAYS][ROUNDS_MAX];
    double few, many;
    cpu_set_t one;

    need(rounds >= 1 && rounds <= ROUNDS_MAX, "a number of rounds from 1 to 99");
    CPU_ZERO(&one);
    CPU_SET(sched_getcpu(), &one);
    sched_setaffinity(0, sizeof one, &one);
    start_model();
    host_file = memfd_create("bench", 0);
    need(!ftruncate(host_file, FILE_PAGES * PG), "a file");
    host_map(FILE_PAGES, RW, MAP_SHARED | MAP_FIXED, host_file);
    host_touch(FILE_PAGES, 1, true);
    host_clear();
    file = mm_file_open(k, &(struct mm_file_info){ .path = "/memfd:bench (deleted)", .size_bytes = FILE_PAGES * PG, .ino = 1,
                                                   .fs = MM_FS_TMPFS, .cached = true, .writable = true, .memfd = true });

    for (unsigned r = 0; r < rounds; r++)
        for (unsigned i = 0; i < WAYS; i++) {
            const struct way *w = &ways[i];
            if (!strstr(w->name, only))
                continue;
            vmas = w->vmas;
            host[i][r] = timed(w, w->host_before, w->host, w->host_after);
            model[i][r] = timed(w, w->model_before, w->model, w->model_after);
            ratio[i][r] = host[i][r] / model[i][r];
        }
    need(!mm_check(k), "mm_check");
    printf("| operation | host | model | host / model |\n|---|---|---|---|\n");
    for (unsigned i = 0; i < WAYS; i++) {
        if (!strstr(ways[i].name, only))
            continue;
        printf("| %s |", ways[i].name);
        put_time(median(host[i], rounds));
        put_time(median(model[i], rounds));
        printf(" %.1f |\n", median(ratio[i], rounds));
        slow += median(ratio[i], rounds) < 5;
    }
    few = median(model[WAYS - 3], rounds);
    many = median(model[WAYS - 1], rounds);
    if (few > 0)
        printf("\nA lookup in the model among 65,000 mappings takes %.2f times as long as among 1,000; the logarithm grows %.2f times.\n",
               many / few, log(65000) / log(1000));
    if (slow)
        printf("\n%u of these below 5.\n", slow);
    return 0;
}
