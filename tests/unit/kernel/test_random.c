/* SPDX-License-Identifier: MIT
 * test_random.c - random operations of several processes on several CPUs; mm_check after each.  A broken count, a lost
 * reverse map, a missed table or a stale gap shows within a few hundred operations.  Seeds are fixed, so a failure
 * repeats; it prints the seed and the number of the operation. */
#include "bench.h"

#define A 0x10000000000ull
#define PG PAGE_BYTES
#define PAGES 48
#define PROCS 4

static struct bench b;
static struct proc *procs[PROCS];
static struct mm_file *files[3];
static u64 state;

static u32 pick(u32 n)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (u32)((state * 0x2545f4914f6cdd1dull) >> 33) % n;
}

static u64 addr(void) { return A + (pick(20) ? pick(PAGES) : 512 * pick(3)) * PG; }
static u64 len(void) { return pick(12) ? (1 + pick(pick(3) ? 6 : PAGES)) * PG : (1 + pick(2)) * 512 * PG; }

static int prot(void)
{
    static const int p[] = { 0, 1, 3, 3, 3, 5, 2, 7 };
    return p[pick(8)];
}

static void do_mmap(struct proc *p)
{
    int flags = pick(4) ? MM_MAP_PRIVATE : MM_MAP_SHARED;
    struct mm_file *f = pick(3) ? NULL : files[pick(3)];
    static const int more[] = { 0, 0, 0, 0, MM_MAP_NORESERVE, MM_MAP_GROWSDOWN, MM_MAP_LOCKED, MM_MAP_POPULATE,
                                MM_MAP_STACK, MM_MAP_32BIT };
    flags |= more[pick(10)] | (f ? 0 : MM_MAP_ANONYMOUS) | (pick(3) ? MM_MAP_FIXED : 0);
    mm_mmap(p, pick(8) ? addr() : 0, len(), prot(), flags, f, pick(4) * PG);
}

static void do_advise(struct proc *p)
{
    static const int advice[] = { 0, 1, 2, 3, 4, 4, 4, 8, 8, 9, 10, 11, 12, 13, 14, 14, 15, 16, 17, 18, 19, 20, 21, 22,
                                  23, 24, 25, 102, 103 };
    mm_madvise(p, addr(), len(), advice[pick(29)]);
}

/* Slot 0 always holds a process. */
static void do_process(unsigned i)
{
    if (i == 0 || pick(3)) {
        unsigned child = 1 + pick(PROCS - 1);
        if (procs[child] || !procs[i])
            return;
        if (proc_fork(procs[i], 0, "child", pick(6) ? 0 : PROC_FORK_VM, &procs[child]))
            procs[child] = NULL;
        return;
    }
    if (!procs[i])
        return;
    if (pick(4) == 0) {
        proc_exec_begin(procs[i], "exec");
        return;
    }
    proc_free(procs[i]);
    procs[i] = NULL;
}

static void operate(void)
{
    unsigned i = pick(PROCS), cpu = pick(3);
    struct proc *p = procs[i] ? procs[i] : procs[0];

    proc_run_on(b.k, cpu, p);
    switch (pick(13)) {
    case 0: case 1: do_mmap(p); break;
    case 2: mm_munmap(p, addr(), len()); break;
    case 3: mm_mprotect(p, addr(), len(), prot()); break;
    case 4: mm_mremap(p, addr(), len(), len(), (int)pick(8), addr()); break;
    case 5: do_advise(p); break;
    case 6: pick(2) ? mm_mlock2(p, addr(), len(), (int)pick(2)) : mm_munlock(p, addr(), len()); break;
    case 7: do_process(i); break;
    case 8: pick(2) ? mm_msync(p, addr(), len(), 4) : mm_brk(p, 0x555555560000ull + pick(20) * PG); break;
    case 9: mm_file_truncate(files[pick(3)], pick(40) * PG + pick(2)); break;
    default:
        for (unsigned n = 0; n < 4; n++)
            bench_on(&b, cpu, addr() + pick(4096), "rwx"[pick(3)]);
    }
}

static void run(u64 seed, unsigned operations, u64 ram_bytes, size_t heap_bytes, enum mm_thp thp)
{
    struct kernel_config c;

    kernel_config_init(&c);
    c.thp = thp;
    state = seed * 0x9e3779b97f4a7c15ull + 1;
    bench_start(&b, 3, ram_bytes, &c, heap_bytes);
    memset(procs, 0, sizeof procs);
    procs[0] = b.p;
    mm_set_brk_start(b.p, 0x555555560000ull);
    for (u32 i = 0; i < 3; i++) {
        struct mm_file_info info = { .path = "/f", .size_bytes = 30 * PG, .ino = i + 1, .writable = i != 1,
                                     .fs = i == 2 ? MM_FS_TMPFS : MM_FS_EXT4, .cached = i != 1,
                                     .folio_lg2 = (u8)(12 + 2 * i) };
        files[i] = mm_file_open(b.k, &info);
        assert_non_null(files[i]);
    }
    for (unsigned n = 0; n < operations; n++) {
        const char *e;
        operate();
        e = mm_check(b.k);
        if (e)
            fail_msg("seed %llu, operation %u: %s", (unsigned long long)seed, n, e);
    }
    for (unsigned i = 0; i < PROCS; i++)
        if (procs[i])
            proc_free(procs[i]);
    for (unsigned i = 0; i < 3; i++)
        mm_file_close(files[i]);
    bench_check(&b);
    bench_stop(&b);
}

static void plenty_of_memory(void **s)
{
    (void)s;
    for (u64 seed = 1; seed <= 6; seed++)
        run(seed, 600, 32ull << 20, 0, seed & 1 ? MM_THP_MADVISE : MM_THP_ALWAYS);
}

/* RAM so small that frames and tables run out all the time. */
static void little_ram(void **s)
{
    (void)s;
    for (u64 seed = 100; seed < 112; seed++)
        run(seed, 400, (64 + 8 * (seed - 100)) * PG, 0, MM_THP_ALWAYS);
}

/* A block so small that vmas, chains and reverse maps run out all the time. */
static void little_heap(void **s)
{
    struct kernel_config c;
    struct hw hw = { .cpus = 3, .ram_bytes = 16ull << 20 };
    size_t fixed;
    (void)s;
    kernel_config_init(&c);
    fixed = kernel_bytes(&hw, &c) - (128ull << 20) - hw.ram_bytes / 32;
    for (u64 seed = 200; seed < 212; seed++)
        run(seed, 400, hw.ram_bytes, fixed + (5ull << 10) + 768 * (seed - 200), MM_THP_MADVISE);
}

/* One fixed story, cut short by every amount of memory until it fits; counts the calls that failed. */
static unsigned story(u64 ram_bytes, size_t heap_bytes)
{
    struct mm_file_info info = { .path = "/f", .size_bytes = 8 * PG, .ino = 9, .fs = MM_FS_EXT4, .writable = true };
    struct kernel_config c;
    struct proc *child = NULL;
    unsigned failed = 0;

    kernel_config_init(&c);
    bench_start(&b, 2, ram_bytes, &c, heap_bytes);
    struct mm_file *f = mm_file_open(b.k, &info);
#define STEP(x) do { failed += (x) != 0; bench_check(&b); } while (0)
    STEP(mm_mmap(b.p, A, 8 * PG, 3, 0x32, NULL, 0) != (long)A);
    for (u64 i = 0; i < 8; i++)
        STEP(bench_on(&b, 0, A + i * PG, 'w') < 0);
    STEP(mm_mprotect(b.p, A + 2 * PG, 3 * PG, 1));
    if (f)
        STEP(mm_mmap(b.p, A + 16 * PG, 8 * PG, 3, MM_MAP_SHARED | MM_MAP_FIXED, f, 0) != (long)A + 16 * (long)PG);
    STEP(bench_on(&b, 0, A + 16 * PG, 'r') < 0);
    STEP(mm_mmap(b.p, A + 32 * PG, 4 * PG, 3, 0x31, NULL, 0) != (long)A + 32 * (long)PG);
    STEP(bench_on(&b, 0, A + 33 * PG, 'w') < 0);
    STEP(proc_fork(b.p, 0, "child", 0, &child));
    STEP(bench_on(&b, 0, A, 'w') < 0);
    STEP(mm_mremap(b.p, A, 2 * PG, 4 * PG, 1, 0) < 0);
    STEP(mm_mremap(b.p, A + 5 * PG, 2 * PG, 2 * PG, 3, A + 1024 * PG) < 0);
    STEP(mm_madvise(b.p, A + 5 * PG, 2 * PG, MM_MADV_GUARD_INSTALL) && false);
    STEP(mm_mlock2(b.p, A + 32 * PG, 2 * PG, 0));
    STEP(mm_munmap(b.p, A + 3 * PG, PG));
    STEP(proc_exec_begin(b.p, "next"));
    if (child)
        proc_free(child);
    bench_check(&b);
    if (f)
        mm_file_close(f);
    bench_check(&b);
    bench_stop(&b);
    return failed;
}

static void every_amount_of_memory(void **s)
{
    struct kernel_config c;
    struct hw hw = { .cpus = 2, .ram_bytes = 1ull << 20 };
    size_t fixed, extra;
    u64 pages;
    (void)s;
    kernel_config_init(&c);
    fixed = kernel_bytes(&hw, &c) - (128ull << 20) - hw.ram_bytes / 32;
    for (extra = 4096; story(hw.ram_bytes, fixed + extra); extra += 16)
        assert_true(extra < 16384);
    assert_true(extra > 4096);
    for (pages = 16; story(pages * PG, 0); pages++)
        assert_true(pages < 128);
    assert_true(pages > 24);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plenty_of_memory), cmocka_unit_test(little_ram), cmocka_unit_test(little_heap),
        cmocka_unit_test(every_amount_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
