/* SPDX-License-Identifier: MIT
 * test_map.c - mmap, munmap, mprotect, mremap, brk, stack: results, errors in their order, the mappings that remain.
 * Each test would fail if one of the rules it names were dropped; mm_check runs after every call. */
#include "bench.h"

#define RW (MM_PROT_READ | MM_PROT_WRITE)
#define ANON (MM_MAP_PRIVATE | MM_MAP_ANONYMOUS)
#define FIX (ANON | MM_MAP_FIXED)
#define A 0x10000000000ull
#define PG PAGE_BYTES
#define TOP 0x7ffff7fff000ll

static struct bench b;
static struct bench_text text;

static int setup(void **state)
{
    struct kernel_config c;
    (void)state;
    kernel_config_init(&c);
    c.rlimit_stack_bytes = 64 * PG;
    bench_start(&b, 2, 1ull << 30, &c, 0);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    bench_check(&b);
    bench_stop(&b);
    return 0;
}

static long map(u64 addr, u64 pages, int prot, int flags)
{
    long r = mm_mmap(b.p, addr, pages * PG, prot, flags, NULL, 0);
    bench_check(&b);
    return r;
}

/* The mappings as "start-end:prot" in pages from A, blank separated; what lies elsewhere is left out. */
static const char *shape(void)
{
    static char s[512];
    struct mm_vma_view v;
    size_t n = 0;
    s[0] = 0;
    for (u64 at = A - 1024 * PG; mm_find_vma(b.p, at, &v) && v.start < A + (1ull << 32); at = v.end)
        n += (size_t)snprintf(s + n, sizeof s - n, "%s%d-%d:%d", n ? " " : "", (int)((s64)(v.start - A) / (s64)PG),
                              (int)((s64)(v.end - A) / (s64)PG), v.prot);
    bench_check(&b);
    return s;
}

static void errors_come_in_order(void **state)
{
    struct mm_file_info info = { .path = "/f", .size_bytes = 8 * PG, .ino = 7, .fs = MM_FS_EXT4 };
    struct mm_file *f = mm_file_open(b.k, &info);
    (void)state;
    assert_int_equal(mm_mmap(b.p, A, 0, RW, MM_MAP_PRIVATE, f, 1), -MM_EINVAL);          /* offset before length */
    assert_int_equal(mm_mmap(b.p, A, 0, RW, MM_MAP_PRIVATE, NULL, 0), -MM_EBADF);        /* file before length   */
    assert_int_equal(mm_mmap(b.p, A, 0, RW, ANON, NULL, 0), -MM_EINVAL);
    assert_int_equal(mm_mmap(b.p, A, ~0ull, RW, ANON, NULL, 0), -MM_ENOMEM);
    assert_int_equal(mm_mmap(b.p, A, 1ull << 50, RW, ANON, NULL, 0), -MM_ENOMEM);
    assert_int_equal(mm_mmap(b.p, A + 1, PG, RW, FIX, NULL, 0), -MM_EINVAL);
    assert_int_equal(mm_mmap(b.p, 4096, PG, RW, FIX, NULL, 0), -MM_EPERM);
    assert_int_equal(mm_mmap(b.p, A, PG, RW, MM_MAP_ANONYMOUS, NULL, 0), -MM_EINVAL);    /* no type              */
    assert_int_equal(mm_mmap(b.p, A, PG, RW, MM_MAP_SHARED_VALIDATE | MM_MAP_ANONYMOUS, NULL, 0), -MM_EINVAL);
    assert_int_equal(mm_mmap(b.p, A, PG, RW, MM_MAP_SHARED, f, 0), -MM_EACCES);          /* not open for writing */
    assert_int_equal(mm_mmap(b.p, A, PG, RW, MM_MAP_PRIVATE | MM_MAP_GROWSDOWN, f, 0), -MM_EINVAL);
    assert_int_equal(mm_mmap(b.p, A, PG, RW, MM_MAP_SHARED_VALIDATE | MM_MAP_SYNC, f, 0), -MM_EOPNOTSUPP);
    assert_int_equal(mm_mmap(b.p, TOP + 0x7fff000, PG, RW, FIX, NULL, 0), TOP + 0x7fff000); /* the last page     */
    assert_int_equal(mm_mmap(b.p, 0x7ffffffff000, PG, RW, FIX, NULL, 0), -MM_ENOMEM);
    assert_int_equal(map(A, 2, RW, FIX), A);
    assert_int_equal(map(A + PG, 1, RW, ANON | MM_MAP_FIXED_NOREPLACE), -MM_EEXIST);
    assert_int_equal(mm_mmap(b.p, A, PG, MM_PROT_READ, MM_MAP_SHARED | MM_MAP_FIXED, f, 0), A);
    assert_int_equal(mm_mprotect(b.p, A, PG, RW), -MM_EACCES);                           /* never writable       */
    mm_file_close(f);
}

static void addresses_top_down(void **state)
{
    (void)state;
    assert_int_equal(map(0, 3, RW, ANON), TOP - 3 * (long)PG);
    assert_int_equal(map(0, 1, MM_PROT_READ, ANON), TOP - 4 * (long)PG);
    assert_int_equal(map(A + 123, 1, RW, ANON), A);                        /* a hint is rounded down */
    assert_int_equal(map(A, 1, RW, ANON), TOP - 5 * (long)PG);             /* taken: searched        */
    assert_int_equal(map(0, 512, RW, ANON) & 0x1fffff, 0);                 /* 2 MiB is aligned       */
    assert_int_not_equal(map(0, 513, RW, ANON) & 0x1fffff, 0);
    assert_int_equal(map(0, 1, RW, ANON | MM_MAP_32BIT), 0x40000000);
    assert_int_equal(map(PG, 1, RW, ANON), 65536);                         /* raised to mmap_min_addr */
}

static void guard_gap_lowers_the_whole_search(void **state)
{
    (void)state;
    assert_int_equal(map((u64)TOP - 300 * PG, 1, RW, FIX | MM_MAP_GROWSDOWN), TOP - 300 * (long)PG);
    assert_int_equal(map(0, 299, RW, ANON), TOP - 299 * (long)PG);
    assert_int_equal(map(0, 1, RW, ANON), TOP - (300 + 256 + 1) * (long)PG);
    /* inside the guard gap: FIXED may, a hint may not */
    assert_int_equal(map((u64)TOP - 302 * PG, 1, RW, FIX), TOP - 302 * (long)PG);
    assert_int_not_equal(map((u64)TOP - 310 * PG, 10, RW, ANON), TOP - 310 * (long)PG);
}

static void adopted_addresses(void **state)
{
    (void)state;
    mm_adopt_address(b.p, A);
    assert_int_equal(map(0, 1, RW, ANON), A);
    assert_int_equal(mm_adopted_choice(b.p), TOP - (long)PG);
    mm_adopt_address(b.p, A);
    assert_int_equal(map(0, 1, RW, ANON), -MM_EEXIST);
    assert_int_equal(map(0, 1, RW, ANON), TOP - (long)PG);                 /* one call only */
    mm_adopt_address(b.p, A + 16 * PG);
    assert_int_equal(mm_mremap(b.p, A, PG, 2 * PG, MM_MREMAP_MAYMOVE, 0), A + 16 * PG);
}

static void neighbours_merge(void **state)
{
    (void)state;
    map(A, 2, RW, FIX);
    map(A + 4 * PG, 2, RW, FIX);
    assert_string_equal(shape(), "0-2:3 4-6:3");
    map(A + 2 * PG, 2, RW, FIX);
    assert_string_equal(shape(), "0-6:3");
    map(A + 6 * PG, 1, RW, FIX | MM_MAP_NORESERVE);                        /* VM_ACCOUNT is a flag  */
    assert_string_equal(shape(), "0-6:3 6-7:3");
    map(A + 7 * PG, 1, RW, FIX | MM_MAP_STACK);                            /* VM_NOHUGEPAGE too     */
    assert_string_equal(shape(), "0-6:3 6-7:3 7-8:3");
    map(A + 20 * PG, 1, RW, MM_MAP_SHARED | MM_MAP_ANONYMOUS | MM_MAP_FIXED);
    map(A + 21 * PG, 1, RW, MM_MAP_SHARED | MM_MAP_ANONYMOUS | MM_MAP_FIXED);
    assert_string_equal(shape(), "0-6:3 6-7:3 7-8:3 20-21:3 21-22:3");     /* each its own file     */
}

static void families_decide_merges(void **state)
{
    struct proc *child;
    (void)state;
    map(A, 1, RW, FIX);
    map(A + 2 * PG, 1, RW, FIX);
    bench_write(&b, A);
    bench_write(&b, A + 2 * PG);                                           /* two families          */
    map(A + PG, 1, RW, FIX);
    assert_string_equal(shape(), "0-2:3 2-3:3");                           /* only the left joins   */
    assert_int_equal(proc_fork(b.p, 0, "child", 0, &child), 0);
    proc_run_on(b.k, 0, child);
    b.p = child;
    map(A + 3 * PG, 1, RW, FIX);
    assert_string_equal(shape(), "0-2:3 2-3:3 3-4:3");                     /* a fork child does not */
}

static void first_write_shares_the_neighbours_family(void **state)
{
    (void)state;
    map(A, 1, RW, FIX);
    map(A + PG, 1, MM_PROT_READ, FIX);
    bench_write(&b, A);
    assert_int_equal(mm_mprotect(b.p, A, 2 * PG, MM_PROT_READ), 0);
    assert_int_equal(mm_mprotect(b.p, A + PG, PG, RW), 0);
    bench_write(&b, A + PG);
    assert_int_equal(mm_mprotect(b.p, A, PG, RW), 0);
    assert_string_equal(shape(), "0-2:3");
}

static void munmap_cuts(void **state)
{
    (void)state;
    map(A, 10, RW, FIX);
    assert_int_equal(mm_munmap(b.p, A + 1, PG), -MM_EINVAL);
    assert_int_equal(mm_munmap(b.p, A, 0), -MM_EINVAL);
    assert_int_equal(mm_munmap(b.p, 0x7ffffffff000, PG), -MM_EINVAL);
    assert_int_equal(mm_munmap(b.p, A + 3 * PG, 1), 0);
    assert_int_equal(mm_munmap(b.p, A - 5 * PG, 6 * PG), 0);
    assert_string_equal(shape(), "1-3:3 4-10:3");
    assert_int_equal(mm_mseal(b.p, A + 6 * PG, PG, 0), 0);
    assert_int_equal(mm_munmap(b.p, A + 2 * PG, 6 * PG), -MM_EPERM);
    assert_string_equal(shape(), "1-2:3 2-3:3 4-6:3 6-7:3 7-10:3");        /* the cut before it stays */
}

static void mprotect_walks_mappings(void **state)
{
    (void)state;
    map(A, 4, RW, FIX);
    map(A + 6 * PG, 2, RW, FIX);
    assert_int_equal(mm_mprotect(b.p, A + 1, PG, RW), -MM_EINVAL);
    assert_int_equal(mm_mprotect(b.p, 0xdead000, 0, 99), 0);
    assert_int_equal(mm_mprotect(b.p, A, PG, 16), -MM_EINVAL);
    assert_int_equal(mm_mprotect(b.p, A, PG, RW | MM_PROT_SEM), 0);
    assert_int_equal(mm_mprotect(b.p, A + 2 * PG, 6 * PG, MM_PROT_READ), -MM_ENOMEM);
    assert_string_equal(shape(), "0-2:3 2-4:1 6-8:3");                     /* before the hole: done  */
    assert_int_equal(mm_mprotect(b.p, A, PG, RW | MM_PROT_GROWSDOWN), -MM_EINVAL);
    /* untouched memory made unwritable is uncharged and merges with never-writable memory */
    map(A + 32 * PG, 1, MM_PROT_NONE, FIX);
    map(A + 33 * PG, 1, RW, FIX);
    assert_int_equal(mm_mprotect(b.p, A + 33 * PG, PG, MM_PROT_NONE), 0);
    assert_string_equal(shape(), "0-2:3 2-4:1 6-8:3 32-34:0");
    map(A + 34 * PG, 1, RW, FIX);
    bench_write(&b, A + 34 * PG);
    assert_int_equal(mm_mprotect(b.p, A + 34 * PG, PG, MM_PROT_NONE), 0);
    assert_string_equal(shape(), "0-2:3 2-4:1 6-8:3 32-34:0 34-35:0");     /* touched: stays charged */
}

static void mremap_resizes_and_moves(void **state)
{
    (void)state;
    map(A, 4, RW, FIX);
    map(A + 6 * PG, 1, RW, FIX);
    assert_int_equal(mm_mremap(b.p, A, 4 * PG, 8 * PG, 0, 0), -MM_ENOMEM);
    assert_int_equal(mm_mremap(b.p, A, 4 * PG, 5 * PG, 0, 0), A);
    assert_string_equal(shape(), "0-5:3 6-7:3");
    assert_int_equal(mm_mremap(b.p, A, 5 * PG, 6 * PG, 0, 0), A);
    assert_string_equal(shape(), "0-7:3");                                 /* joins what follows      */
    assert_int_equal(mm_mremap(b.p, A, 7 * PG, 2 * PG, 0, 0), A);
    assert_string_equal(shape(), "0-2:3");
    assert_int_equal(mm_mremap(b.p, A + 9 * PG, PG, 2 * PG, 1, 0), -MM_EFAULT);
    assert_int_equal(mm_mremap(b.p, A, 0, PG, MM_MREMAP_MAYMOVE, 0), -MM_EINVAL); /* private: no copy */
    assert_int_equal(mm_mremap(b.p, A, PG, PG, MM_MREMAP_FIXED, A + 8 * PG), -MM_EINVAL);
    bench_write(&b, A);
    assert_int_equal(mm_mremap(b.p, A, 2 * PG, 2 * PG, 3, A + 8 * PG), A + 8 * PG);
    assert_string_equal(shape(), "8-10:3");
    assert_int_equal(bench_read(&b, A + 8 * PG), 0);                       /* the page came along     */
    assert_int_equal(bench_read(&b, A), SEGV_MAP);
    map(A + 10 * PG, 1, RW, FIX);
    assert_string_equal(shape(), "8-10:3 10-11:3");                        /* faulted: keeps its pgoff */
    assert_int_equal(mm_mremap(b.p, A + 8 * PG, 2 * PG, 2 * PG, 5, 0) > 0, 1); /* DONTUNMAP           */
    assert_int_equal(bench_read(&b, A + 8 * PG), 1);
}

static void mremap_of_untouched_memory_merges(void **state)
{
    (void)state;
    map(A, 1, RW, FIX);
    map(A + 8 * PG, 1, RW, FIX);
    assert_int_equal(mm_mremap(b.p, A + 8 * PG, PG, PG, 3, A + PG), A + PG);
    assert_string_equal(shape(), "0-2:3");                                 /* its pgoff followed      */
}

static void mremap_moves_many(void **state)
{
    (void)state;
    map(A, 1, RW, FIX);
    map(A + 2 * PG, 1, MM_PROT_READ, FIX);
    assert_int_equal(mm_mremap(b.p, A, 3 * PG, 3 * PG, 3, A + 16 * PG), A + 16 * PG);
    assert_string_equal(shape(), "16-17:3 18-19:1");                       /* gaps are kept           */
    assert_int_equal(mm_mremap(b.p, A + 16 * PG, 3 * PG, 4 * PG, 3, A), -MM_EFAULT);
    assert_string_equal(shape(), "16-17:3 18-19:1");
}

static void brk_answers_the_break(void **state)
{
    const long h = 0x555555560000;
    (void)state;
    assert_int_equal(mm_set_brk_start(b.p, (u64)h), 0);
    assert_int_equal(mm_brk(b.p, 0), h);
    assert_int_equal(mm_brk(b.p, (u64)h + 10), h + 10);
    assert_int_equal(mm_brk(b.p, (u64)h + 3 * PG), h + 3 * (long)PG);
    assert_int_equal(mm_brk(b.p, (u64)h - PG), h + 3 * (long)PG);
    bench_maps(&b, &text);
    assert_non_null(strstr(text.buf, "555555560000-555555563000 rw-p 00000000 00:00 0"
                                     "                          [heap]\n"));
    map((u64)h + 8 * PG, 1, RW, FIX);
    assert_int_equal(mm_brk(b.p, (u64)h + 8 * PG), h + 3 * (long)PG);      /* one page stays free     */
    assert_int_equal(mm_brk(b.p, (u64)h + 7 * PG), h + 7 * (long)PG);
    assert_int_equal(mm_brk(b.p, (u64)h + PG), h + (long)PG);
    assert_int_equal(bench_write(&b, (u64)h + PG), SEGV_MAP);
}

static void stacks_grow(void **state)
{
    const u64 end = 0x7ffffffff000, start = end - 4 * PG;
    (void)state;
    assert_int_equal(mm_setup_stack(b.p, start, end), 0);
    assert_int_equal(bench_write(&b, start - 10 * PG), 1);
    assert_int_equal(b.last.kind, MM_FAULT_STACK);
    assert_int_equal(bench_write(&b, start - 70 * PG), SEGV_MAP);          /* RLIMIT_STACK            */
    map(start - 280 * PG, 1, RW, FIX);
    assert_int_equal(bench_write(&b, start - 30 * PG), SEGV_MAP);          /* guard gap: 250 pages    */
    assert_int_equal(mm_mprotect(b.p, start - 280 * PG, PG, 0), 0);
    assert_int_equal(bench_write(&b, start - 30 * PG), 1);                 /* no rights: no guard     */
    bench_maps(&b, &text);
    assert_non_null(strstr(text.buf, "[stack]\n"));
    assert_int_equal(mm_mprotect(b.p, start, PG, MM_PROT_READ | MM_PROT_GROWSDOWN), 0);
}

static void limits_refuse(void **state)
{
    struct kernel_config c;
    (void)state;
    bench_stop(&b);
    kernel_config_init(&c);
    c.rlimit_as_bytes = 16 * PG;
    c.rlimit_data_bytes = 4 * PG;
    c.rlimit_memlock_bytes = 2 * PG;
    c.max_map_count = 4;
    bench_start(&b, 1, 64ull << 20, &c, 0);
    assert_int_equal(map(A, 17, MM_PROT_READ, FIX), -MM_ENOMEM);
    assert_int_equal(map(A, 5, RW, FIX), -MM_ENOMEM);
    assert_int_equal(map(A, 16, MM_PROT_READ, FIX), A);
    assert_int_equal(mm_munmap(b.p, A + 8 * PG, 8 * PG), 0);
    assert_int_equal(mm_mprotect(b.p, A, 5 * PG, RW), -MM_ENOMEM);
    assert_int_equal(mm_mlock2(b.p, A, 3 * PG, 0), -MM_ENOMEM);
    assert_int_equal(mm_mlock2(b.p, A, 2 * PG, 0), 0);
    assert_int_equal(mm_mlock2(b.p, A, 2 * PG, 0), 0);                     /* not counted twice       */
    assert_int_equal(mm_munmap(b.p, A, 8 * PG), 0);
    assert_int_equal(map(A, 1, RW, FIX | MM_MAP_LOCKED), A);
    assert_int_equal(map(A + 2 * PG, 2, RW, FIX | MM_MAP_LOCKED), -MM_EAGAIN);
    assert_int_equal(map(A + 2 * PG, 5, RW, MM_MAP_SHARED | MM_MAP_ANONYMOUS | MM_MAP_FIXED), A + 2 * PG);
    assert_int_equal(mm_mprotect(b.p, A + 3 * PG, PG, MM_PROT_READ), 0);   /* 4 maps now              */
    assert_int_equal(mm_mprotect(b.p, A + 5 * PG, PG, MM_PROT_READ), -MM_ENOMEM);
    assert_int_equal(mm_munmap(b.p, A + 5 * PG, PG), -MM_ENOMEM);          /* a hole adds one         */
    assert_int_equal(mm_munmap(b.p, A + 6 * PG, PG), 0);                   /* an end does not         */
}

/* The index has a tree for each 4 TiB: a mapping in three of them, whose start goes from one to the next. */
static void finds_across_trees(void **state)
{
    const u64 tib4 = 1ull << 42, start = 5 * tib4 - PG, pages = 2 * (tib4 / PG) + 2;
    struct mm_vma_view v;
    (void)state;
    assert_int_equal(map(2 * tib4 + PG, 1, RW, FIX), 2 * tib4 + PG);
    assert_int_equal(map(start, pages, MM_PROT_NONE, FIX | MM_MAP_NORESERVE), start);
    assert_true(mm_find_vma(b.p, 7 * tib4, &v) && v.start == start);
    assert_int_equal(mm_munmap(b.p, start, PG), 0);
    bench_check(&b);
    assert_true(mm_find_vma(b.p, start, &v) && v.start == start + PG);
    assert_int_equal(mm_munmap(b.p, start + PG, tib4 + PG), 0);
    bench_check(&b);
    assert_true(mm_find_vma(b.p, 4 * tib4, &v) && v.start == start + tib4 + 2 * PG && v.end == start + pages * PG);
    assert_true(mm_find_vma(b.p, 2 * tib4, &v) && v.start == 2 * tib4 + PG && v.end == v.start + PG);
    assert_int_equal(map(6 * tib4 - PG, 2, MM_PROT_NONE, FIX | MM_MAP_NORESERVE), 6 * tib4 - PG);   /* merges */
    assert_true(mm_find_vma(b.p, 7 * tib4, &v) && v.start == 6 * tib4 - PG);
}

/* Nodes split at their end and in their middle, and go when they are empty. */
static void finds_among_many(void **state)
{
    enum { MANY = 3000 };
    struct mm_vma_view v;
    (void)state;
    for (u64 i = 0; i < MANY; i++) {
        u64 at = i * 1997 % MANY;
        assert_int_equal(mm_mmap(b.p, A + at * 2 * PG, PG, RW, FIX, NULL, 0), A + at * 2 * PG);
        if (i % 64 == 0)
            bench_check(&b);
    }
    for (u64 i = 0; i < MANY; i++) {
        u64 at = A + (i * 1009 % MANY) * 2 * PG;
        assert_true(mm_find_vma(b.p, at, &v) && v.start == at);
        assert_int_equal(mm_munmap(b.p, at, PG), 0);
        assert_true(!mm_find_vma(b.p, at, &v) || v.start > at);
        if (i % 64 == 0)
            bench_check(&b);
    }
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(errors_come_in_order), T(addresses_top_down), T(guard_gap_lowers_the_whole_search), T(adopted_addresses),
        T(neighbours_merge), T(families_decide_merges), T(first_write_shares_the_neighbours_family), T(munmap_cuts),
        T(mprotect_walks_mappings), T(mremap_resizes_and_moves), T(mremap_of_untouched_memory_merges),
        T(mremap_moves_many), T(brk_answers_the_break),
        T(stacks_grow), T(limits_refuse), T(finds_across_trees), T(finds_among_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
