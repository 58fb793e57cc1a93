/* SPDX-License-Identifier: MIT
 * test_huge_random.c - random operations on huge pages of every kind: sizes and settings that change, hugetlb pools,
 * shared memory and files in folios, collapsing, fork, small memories; mm_check after each.  Seeds are fixed; a
 * failure prints the seed and the number of the operation. */
#include "bench.h"

#define A 0x10000000000ull
#define M2 (2ull << 20)
#define PG PAGE_BYTES
#define PROCS 4
#define FILES 6
#ifndef SEEDS
#define SEEDS 12
#endif

static struct bench b;
static struct proc *procs[PROCS];
static struct mm_file *files[FILES];
static u64 state;

static u32 pick(u32 n)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (u32)((state * 0x2545f4914f6cdd1dull) >> 33) % n;
}

/* Mostly near the ends of 2 MiB and 64 KiB blocks. */
static u64 addr(void)
{
    u64 a = A + pick(8) * M2;
    switch (pick(4)) {
    case 0: return a;
    case 1: return a + pick(512) * PG;
    case 2: return a + pick(32) * 16 * PG;
    default: return a + pick(4) * PG;
    }
}

static u64 len(void)
{
    static const u64 some[] = { PG, 2 * PG, 16 * PG, 17 * PG, 64 * PG, M2, M2, 2 * M2, 5 * M2, M2 + PG };
    return some[pick(10)];
}

static void do_mmap(struct proc *p)
{
    static const int more[] = { 0, 0, 0, MM_MAP_NORESERVE, MM_MAP_LOCKED, MM_MAP_POPULATE };
    static const int prots[] = { 0, 1, 3, 3, 3, 7 };
    int flags = (pick(3) ? MM_MAP_PRIVATE : MM_MAP_SHARED) | more[pick(6)] | (pick(5) ? MM_MAP_FIXED : 0);
    struct mm_file *f = pick(2) ? NULL : files[pick(FILES)];
    bool huge = !f && pick(3) == 0;

    flags |= (f ? 0 : MM_MAP_ANONYMOUS) | (huge ? MM_MAP_HUGETLB : 0);
    mm_mmap(p, pick(6) ? A + pick(6) * M2 + (huge || pick(2) ? 0 : pick(512) * PG) : 0, len(), prots[pick(6)], flags, f,
            pick(2) ? 0 : pick(3) * M2 + (pick(3) ? 0 : PG));
}

static void do_mremap(struct proc *p)
{
    u64 n = (1 + pick(3)) * M2;

    if (pick(3))
        mm_mremap(p, A + pick(8) * M2, n, n, MM_MREMAP_MAYMOVE | MM_MREMAP_FIXED | (pick(5) ? 0 : MM_MREMAP_DONTUNMAP),
                  A + pick(8) * M2 + (pick(3) ? 0 : PG));
    else
        mm_mremap(p, addr(), len(), len(), (int)pick(8), addr());
}

static void do_advise(struct proc *p)
{
    static const int advice[] = { MM_MADV_HUGEPAGE, MM_MADV_HUGEPAGE, MM_MADV_NOHUGEPAGE, MM_MADV_COLLAPSE,
                                  MM_MADV_COLLAPSE, MM_MADV_COLLAPSE, MM_MADV_FREE, MM_MADV_COLD, MM_MADV_DONTNEED,
                                  MM_MADV_DONTNEED_LOCKED, MM_MADV_REMOVE, MM_MADV_POPULATE_READ,
                                  MM_MADV_POPULATE_WRITE, MM_MADV_GUARD_INSTALL, MM_MADV_GUARD_REMOVE,
                                  MM_MADV_DONTFORK, MM_MADV_DOFORK, MM_MADV_WILLNEED };
    mm_madvise(p, addr(), len(), advice[pick(sizeof advice / sizeof advice[0])]);
}

static void do_setting(void)
{
    static const struct { const char *file, *values[6]; } rows[] = {
        { "transparent_hugepage/enabled", { "always", "madvise", "never", "always", "madvise", "madvise" } },
        { "transparent_hugepage/hugepages-64kB/enabled", { "always", "madvise", "inherit", "never", "always", "always" } },
        { "transparent_hugepage/hugepages-16kB/enabled", { "always", "madvise", "inherit", "never", "never", "always" } },
        { "transparent_hugepage/hugepages-2048kB/enabled", { "always", "madvise", "inherit", "never", "inherit", "always" } },
        { "transparent_hugepage/hugepages-2048kB/shmem_enabled", { "always", "inherit", "within_size", "advise", "never", "always" } },
        { "transparent_hugepage/hugepages-32kB/shmem_enabled", { "always", "inherit", "within_size", "advise", "never", "never" } },
        { "transparent_hugepage/shmem_enabled", { "always", "within_size", "advise", "never", "deny", "force" } },
        { "transparent_hugepage/use_zero_page", { "1", "1", "0", "1", "1", "0" } },
        { "transparent_hugepage/khugepaged/max_ptes_none", { "511", "511", "0", "100", "500", "511" } },
        { "hugepages/hugepages-2048kB/nr_hugepages", { "0", "2", "4", "6", "3", "8" } },
        { "hugepages/hugepages-2048kB/nr_overcommit_hugepages", { "0", "0", "1", "3", "0", "2" } },
    };
    unsigned i = pick(sizeof rows / sizeof rows[0]);
    assert_int_equal(kernel_sys_write(b.k, rows[i].file, rows[i].values[pick(6)]), 0);
}

static void do_process(unsigned i)
{
    if (i == 0 || !procs[i] || pick(3)) {
        unsigned child = 1 + pick(PROCS - 1);
        if (!procs[child] && procs[i] && proc_fork(procs[i], 0, "child", pick(8) ? 0 : PROC_FORK_VM, &procs[child]))
            procs[child] = NULL;
        return;
    }
    proc_free(procs[i]);
    procs[i] = NULL;
}

static void operate(void)
{
    unsigned i = pick(PROCS), cpu = pick(2);
    struct proc *p = procs[i] ? procs[i] : procs[0];
    struct mm_file *f = files[pick(FILES)];

    proc_run_on(b.k, cpu, p);
    switch (pick(18)) {
    case 0: case 1: do_mmap(p); break;
    case 2: mm_munmap(p, addr(), len()); break;
    case 3: mm_mprotect(p, addr(), len(), (int)(pick(2) ? 3 : pick(4))); break;
    case 4: do_mremap(p); break;
    case 5: case 6: do_advise(p); break;
    case 7: pick(2) ? mm_mlock2(p, addr(), len(), (int)pick(2)) : mm_munlock(p, addr(), len()); break;
    case 8: do_process(i); break;
    case 9: pick(3) ? mm_msync(p, addr(), len(), 4) : mm_munlock(p, addr(), len()); break;
    case 10: pick(2) ? mm_file_truncate(f, pick(13) * M2 / 2 + (pick(2) ? 0 : pick(512) * PG))
                     : mm_file_punch(f, pick(5) * M2 + (pick(2) ? 0 : pick(40) * PG), len()); break;
    case 11: do_setting(); break;
    case 12: kernel_khugepaged(b.k); break;
    default:
        for (unsigned n = 0; n < 4; n++)
            bench_on(&b, cpu, addr() + pick(4096), "rwr"[pick(3)]);
    }
}

static void open_files(void)
{
    static const struct mm_file_info info[FILES] = {
        { .path = "/huge", .fs = MM_FS_HUGETLBFS, .page_lg2 = 21, .size_bytes = 6 * M2, .ino = 1, .writable = true },
        { .path = "/tmp", .fs = MM_FS_TMPFS, .huge = MM_TMPFS_ALWAYS, .size_bytes = 3 * M2, .ino = 2, .writable = true },
        { .path = "/fit", .fs = MM_FS_TMPFS, .huge = MM_TMPFS_WITHIN_SIZE, .size_bytes = 5 * PG, .ino = 3, .writable = true },
        { .path = "/memfd", .fs = MM_FS_TMPFS, .memfd = true, .size_bytes = 3 * M2, .ino = 4, .writable = true },
        { .path = "/big", .fs = MM_FS_EXT4, .folio_lg2 = 21, .cached = true, .size_bytes = 2 * M2 + PG, .ino = 5, .writable = true },
        { .path = "/text", .fs = MM_FS_EXT4, .folio_lg2 = 12, .cached = true, .size_bytes = 2 * M2, .ino = 6 },
    };
    for (unsigned i = 0; i < FILES; i++) {
        files[i] = mm_file_open(b.k, &info[i]);
        assert_non_null(files[i]);
    }
}

static void run(u64 seed, unsigned operations, u64 ram_bytes, size_t heap_bytes)
{
    struct kernel_config c;

    kernel_config_init(&c);
    c.read_only_file_thp = seed & 1;
    state = seed * 0x9e3779b97f4a7c15ull + 1;
    bench_start(&b, 2, ram_bytes, &c, heap_bytes);
    memset(procs, 0, sizeof procs);
    procs[0] = b.p;
    open_files();
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
    for (unsigned i = 0; i < FILES; i++)
        mm_file_close(files[i]);
    bench_check(&b);
    bench_stop(&b);
}

static void plenty_of_memory(void **s)
{
    (void)s;
    for (u64 seed = 1; seed <= SEEDS; seed++)
        run(seed, 400, 256ull << 20, 0);
}

/* Blocks of 2 MiB, and pages of the pool, run out. */
static void little_ram(void **s)
{
    (void)s;
    for (u64 seed = 1001; seed <= 1000 + SEEDS; seed++)
        run(seed, 300, (8 + 2 * (seed % 12)) << 20, 0);
}

/* Mappings, reverse maps, reservations and page caches run out. */
static void little_heap(void **s)
{
    struct kernel_config c;
    struct hw hw = { .cpus = 2, .ram_bytes = 64ull << 20 };
    size_t fixed;
    (void)s;
    kernel_config_init(&c);
    fixed = kernel_bytes(&hw, &c) - (128ull << 20) - hw.ram_bytes / 32;
    for (u64 seed = 2001; seed <= 2000 + SEEDS; seed++)
        run(seed, 300, hw.ram_bytes, fixed + (6ull << 10) + 2048 * (seed % 24));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plenty_of_memory), cmocka_unit_test(little_ram), cmocka_unit_test(little_heap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
