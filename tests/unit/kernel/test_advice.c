/* SPDX-License-Identifier: MIT
 * test_advice.c - madvise, mlock and their kin, mincore, msync, mseal, guard regions, huge pages. */
#include "bench.h"

#define RW (MM_PROT_READ | MM_PROT_WRITE)
#define FIX (MM_MAP_PRIVATE | MM_MAP_ANONYMOUS | MM_MAP_FIXED)
#define A 0x10000000000ull
#define PG PAGE_BYTES
#define HUGE (512 * PG)

static struct bench b;
static struct bench_text text;

static void start(enum mm_thp thp)
{
    struct kernel_config c;
    kernel_config_init(&c);
    c.thp = thp;
    bench_start(&b, 2, 256ull << 20, &c, 0);
}

static int setup(void **state)
{
    (void)state;
    start(MM_THP_MADVISE);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    bench_check(&b);
    bench_stop(&b);
    return 0;
}

static void map(u64 addr, u64 pages, int prot, int flags)
{
    assert_int_equal(mm_mmap(b.p, addr, pages * PG, prot, flags, NULL, 0), addr);
    bench_check(&b);
}

static long advise(u64 addr, u64 pages, int advice)
{
    long r = mm_madvise(b.p, addr, pages * PG, advice);
    bench_check(&b);
    return r;
}

static u32 maps(void)
{
    struct mm_rss r;
    mm_rss(b.p, &r);
    return r.map_count;
}

static void advice_is_checked_first(void **state)
{
    (void)state;
    assert_int_equal(mm_madvise(b.p, 1, 0, 99), -MM_EINVAL);
    assert_int_equal(mm_madvise(b.p, A, 0, 99), -MM_EINVAL);
    assert_int_equal(mm_madvise(b.p, A, 0, MM_MADV_DONTNEED), 0);
    assert_int_equal(mm_madvise(b.p, A + 1, PG, MM_MADV_DONTNEED), -MM_EINVAL);
    assert_int_equal(mm_madvise(b.p, A, ~0ull, MM_MADV_DONTNEED), -MM_EINVAL);
    map(A, 1, RW, FIX);
    map(A + 2 * PG, 1, RW, FIX);
    bench_write(&b, A + 2 * PG);
    assert_int_equal(advise(A, 3, MM_MADV_DONTNEED), -MM_ENOMEM);   /* a hole, but the work is done           */
    assert_int_equal(mm_pagemap(b.p, A + 2 * PG), 0);
}

static void flags_split_and_merge(void **state)
{
    static const int on_off[][2] = { { MM_MADV_SEQUENTIAL, MM_MADV_NORMAL }, { MM_MADV_RANDOM, MM_MADV_NORMAL },
        { MM_MADV_DONTFORK, MM_MADV_DOFORK }, { MM_MADV_DONTDUMP, MM_MADV_DODUMP },
        { MM_MADV_WIPEONFORK, MM_MADV_KEEPONFORK }, { MM_MADV_MERGEABLE, MM_MADV_UNMERGEABLE } };
    (void)state;
    map(A, 6, RW, FIX);
    for (size_t i = 0; i < sizeof on_off / sizeof on_off[0]; i++) {
        assert_int_equal(advise(A + 2 * PG, 2, on_off[i][0]), 0);
        assert_int_equal(maps(), 3);
        assert_int_equal(advise(A + 2 * PG, 2, on_off[i][1]), 0);
        assert_int_equal(maps(), 1);
    }
    map(A + 16 * PG, 1, RW, MM_MAP_SHARED | MM_MAP_ANONYMOUS | MM_MAP_FIXED);
    assert_int_equal(advise(A + 16 * PG, 1, MM_MADV_WIPEONFORK), -MM_EINVAL);
    assert_int_equal(advise(A + 16 * PG, 1, MM_MADV_FREE), -MM_EINVAL);
}

static void discards_and_locks(void **state)
{
    (void)state;
    map(A, 4, RW, FIX);
    for (unsigned i = 0; i < 4; i++)
        bench_write(&b, A + i * PG);
    assert_int_equal(advise(A, 1, MM_MADV_DONTNEED), 0);
    assert_int_equal(bench_read(&b, A), 1);
    assert_int_equal(b.last.kind, MM_FAULT_ZEROPAGE);
    assert_int_equal(advise(A + PG, 1, MM_MADV_FREE), 0);
    assert_int_equal(bench_write(&b, A + PG), 0);                   /* no fault cancels it                    */
    assert_int_equal(mm_mlock2(b.p, A, 4 * PG, 0), 0);
    assert_int_equal(advise(A, 1, MM_MADV_DONTNEED), -MM_EINVAL);
    assert_int_equal(advise(A, 1, MM_MADV_FREE), -MM_EINVAL);
    assert_int_equal(advise(A, 1, MM_MADV_COLD), -MM_EINVAL);
    assert_int_equal(advise(A, 1, MM_MADV_DONTNEED_LOCKED), 0);
    assert_int_equal(mm_msync(b.p, A, PG, 2), -MM_EBUSY);
    assert_int_equal(mm_munlock(b.p, A, 4 * PG), 0);
    assert_int_equal(advise(A, 1, MM_MADV_COLD), 0);
}

static void lazyfree_shows_when_its_batch_drains(void **state)
{
    struct pw_out out = { bench_put, &text };
    (void)state;
    map(A, 64, RW, FIX | MM_MAP_POPULATE);
    assert_int_equal(advise(A, 64, MM_MADV_FREE), 0);
    text.len = 0;
    mm_show_smaps(b.p, &out);
    assert_non_null(strstr(text.buf, "LazyFree:            248 kB\n")); /* two batches of 31                 */
}

static void populate_says_what_failed(void **state)
{
    struct mm_file_info info = { .path = "/f", .size_bytes = PG, .ino = 5, .cached = true, .writable = true };
    struct mm_file *f = mm_file_open(b.k, &info);
    (void)state;
    map(A, 2, MM_PROT_READ, FIX);
    assert_int_equal(advise(A, 2, MM_MADV_POPULATE_READ), 0);
    assert_int_equal(proc_counters(b.p)->minor, 2);
    assert_int_equal(advise(A, 2, MM_MADV_POPULATE_WRITE), -MM_EINVAL);
    assert_int_equal(advise(A, 3, MM_MADV_POPULATE_READ), -MM_ENOMEM);
    assert_int_equal(mm_mmap(b.p, A + 8 * PG, 2 * PG, RW, MM_MAP_SHARED | MM_MAP_FIXED, f, 0), A + 8 * PG);
    assert_int_equal(advise(A + 8 * PG, 2, MM_MADV_POPULATE_WRITE), -MM_EFAULT);
    mm_file_close(f);
}

static void guards(void **state)
{
    struct proc *child;
    (void)state;
    map(A, 4, RW, FIX);
    bench_write(&b, A + PG);
    assert_int_equal(advise(A + PG, 1, MM_MADV_GUARD_INSTALL), 0);
    assert_int_equal(maps(), 1);
    assert_int_equal(bench_read(&b, A + PG), SEGV_MAP);
    assert_int_equal(mm_pagemap(b.p, A + PG) >> 58, 1 | 1 << 4);
    assert_int_equal(proc_fork(b.p, 0, "child", 0, &child), 0);
    assert_int_equal(mm_pagemap(child, A + PG) >> 58, 1 | 1 << 4);
    proc_free(child);
    assert_int_equal(advise(A + PG, 1, MM_MADV_DONTNEED), 0);
    assert_int_equal(bench_read(&b, A + PG), SEGV_MAP);             /* only removal or munmap ends it         */
    assert_int_equal(advise(A, 4, MM_MADV_GUARD_REMOVE), 0);
    assert_int_equal(bench_read(&b, A + PG), 1);
    assert_int_equal(mm_mlock2(b.p, A, PG, 0), 0);
    assert_int_equal(advise(A, 1, MM_MADV_GUARD_INSTALL), -MM_EINVAL);
}

static void locking(void **state)
{
    struct mm_rss r;
    (void)state;
    map(A, 4, RW, FIX);
    map(A + 6 * PG, 1, RW, FIX);
    map(A + 8 * PG, 1, MM_PROT_NONE, FIX);
    assert_int_equal(mm_mlock2(b.p, A, PG, 2), -MM_EINVAL);
    assert_int_equal(mm_mlock2(b.p, A + 3 * PG, 4 * PG, 0), -MM_ENOMEM); /* hole: the first is locked anyway  */
    mm_rss(b.p, &r);
    assert_int_equal(r.locked_pages, 1);
    assert_int_equal(mm_mlock2(b.p, A + 8 * PG, PG, 0), -MM_ENOMEM);     /* no rights, locked all the same     */
    mm_rss(b.p, &r);
    assert_int_equal(r.locked_pages, 2);
    assert_int_equal(mm_mlock2(b.p, A, 2 * PG, 1), 0);                   /* on fault: nothing is populated     */
    assert_int_equal(mm_pagemap(b.p, A), 0);
    assert_int_equal(mm_mlockall(b.p, 0), -MM_EINVAL);
    assert_int_equal(mm_mlockall(b.p, 4), -MM_EINVAL);
    assert_int_equal(mm_munlockall(b.p), 0);
    assert_int_equal(mm_mlockall(b.p, 2), 0);
    map(A + 16 * PG, 2, RW, FIX);
    assert_int_equal(mm_pagemap(b.p, A + 17 * PG) >> 63, 1);
    bench_check(&b);
    mm_rss(b.p, &r);
    assert_int_equal(r.locked_pages, 2);
}

static void residency(void **state)
{
    struct mm_file_info info = { .path = "/f", .size_bytes = 2 * PG, .ino = 5, .cached = true };
    struct mm_file *f = mm_file_open(b.k, &info);
    u8 vec[4] = { 9, 9, 9, 9 };
    (void)state;
    map(A, 2, RW, FIX);
    bench_write(&b, A);
    assert_int_equal(mm_mincore(b.p, A + 1, PG, vec), -MM_EINVAL);
    assert_int_equal(mm_mincore(b.p, A, 3 * PG, vec), -MM_ENOMEM);
    assert_int_equal(mm_mincore(b.p, A, 2 * PG, vec), 0);
    assert_int_equal(vec[0] * 10 + vec[1], 10);
    assert_int_equal(mm_mmap(b.p, A + 8 * PG, 4 * PG, 1, MM_MAP_PRIVATE | MM_MAP_FIXED, f, 0), A + 8 * PG);
    assert_int_equal(mm_mincore(b.p, A + 8 * PG, 4 * PG, vec), 0);       /* cached, not mapped                 */
    assert_int_equal(vec[0] + vec[1] * 2 + vec[2] * 4, 3);
    assert_int_equal(mm_msync(b.p, A, PG, 5), -MM_EINVAL);
    assert_int_equal(mm_msync(b.p, A, 3 * PG, 4), -MM_ENOMEM);
    mm_file_close(f);
}

static void sealing(void **state)
{
    (void)state;
    map(A, 3, RW, FIX);
    assert_int_equal(mm_mseal(b.p, A, PG, 1), -MM_EINVAL);
    assert_int_equal(mm_mseal(b.p, A, 4 * PG, 0), -MM_ENOMEM);
    assert_int_equal(mm_mseal(b.p, A + PG, PG, 0), 0);
    bench_check(&b);
    assert_int_equal(mm_mprotect(b.p, A + PG, PG, 1), -MM_EPERM);
    assert_int_equal(mm_mremap(b.p, A + PG, PG, 2 * PG, 1, 0), -MM_EPERM);
    assert_int_equal(mm_mmap(b.p, A + PG, PG, RW, FIX, NULL, 0), -MM_EPERM);
    assert_int_equal(advise(A + PG, 1, MM_MADV_DONTNEED), 0);            /* it may be written anyway           */
}

/* ---- huge pages ----------------------------------------------------------------------------------------------- */

static u64 huge_kb(void)
{
    struct pw_out out = { bench_put, &text };
    u64 sum = 0;
    text.len = 0;
    text.buf[0] = 0;
    mm_show_smaps(b.p, &out);
    for (const char *at = text.buf; (at = strstr(at, "AnonHugePages:")); at++)
        sum += strtoull(at + 14, NULL, 10);
    return sum;
}

static void huge_map(u64 units)
{
    map(A, units * 512, RW, FIX);
    assert_int_equal(advise(A, units * 512, MM_MADV_HUGEPAGE), 0);
}

static void huge_fault_and_split(void **state)
{
    (void)state;
    huge_map(2);
    assert_int_equal(bench_write(&b, A + 7 * PG), 1);
    assert_int_equal(b.last.kind, MM_FAULT_HUGE);
    bench_check(&b);
    assert_int_equal(huge_kb(), 2048);
    assert_int_equal(bench_write(&b, A + 511 * PG), 0);
    assert_int_equal(bench_read(&b, A + HUGE), 1);                       /* the huge zero page                 */
    assert_int_equal(huge_kb(), 2048);
    assert_int_equal(bench_write(&b, A + HUGE), 1);
    assert_int_equal(b.last.kind, MM_FAULT_HUGE);
    assert_int_equal(huge_kb(), 4096);
    assert_int_equal(mm_munmap(b.p, A, PG), 0);
    bench_check(&b);
    assert_int_equal(huge_kb(), 2048);
    assert_int_equal(bench_read(&b, A + PG), 0);                         /* the others stay                    */
    assert_int_equal(mm_mprotect(b.p, A + HUGE, HUGE, 1), 0);
    assert_int_equal(huge_kb(), 2048);
    assert_int_equal(mm_mprotect(b.p, A + HUGE, PG, RW), 0);
    bench_check(&b);
    assert_int_equal(huge_kb(), 0);
    assert_int_equal(bench_write(&b, A + HUGE), 0);                      /* still ours alone                   */
}

static void huge_forbidden_by_a_small_page(void **state)
{
    (void)state;
    map(A, 1024, RW, FIX);
    bench_write(&b, A);
    assert_int_equal(advise(A, 1024, MM_MADV_HUGEPAGE), 0);
    assert_int_equal(bench_write(&b, A + PG), 1);
    assert_int_equal(b.last.kind, MM_FAULT_ANON);
    assert_int_equal(bench_write(&b, A + HUGE), 1);
    assert_int_equal(b.last.kind, MM_FAULT_HUGE);
    assert_int_equal(advise(A, 512, MM_MADV_COLLAPSE), 0);
    assert_int_equal(huge_kb(), 4096);
    assert_int_equal(bench_write(&b, A + 9 * PG), 0);
}

static void huge_fork(void **state)
{
    struct proc *child;
    (void)state;
    huge_map(1);
    bench_write(&b, A);
    assert_int_equal(proc_fork(b.p, 0, "child", 0, &child), 0);
    bench_check(&b);
    assert_int_equal(bench_write(&b, A), 1);                             /* shared: split, then one page       */
    assert_int_equal(b.last.kind, MM_FAULT_COW_COPY);
    assert_int_equal(b.last.copied_pages, 1);
    bench_check(&b);
    assert_int_equal(huge_kb(), 0);
    proc_free(b.p);
    b.p = child;
    proc_run_on(b.k, 0, child);
    bench_check(&b);
    assert_int_equal(huge_kb(), 2048);
    assert_int_equal(bench_write(&b, A + PG), 1);
    bench_check(&b);
}

static void huge_moves(void **state)
{
    (void)state;
    huge_map(1);
    bench_write(&b, A);
    assert_int_equal(mm_mremap(b.p, A, HUGE, HUGE, 3, A + 4 * HUGE), A + 4 * HUGE);
    bench_check(&b);
    assert_int_equal(huge_kb(), 2048);
    assert_int_equal(mm_mremap(b.p, A + 4 * HUGE, HUGE, HUGE, 3, A + 8 * HUGE + PG), A + 8 * HUGE + PG);
    bench_check(&b);
    assert_int_equal(huge_kb(), 0);
    assert_int_equal(bench_write(&b, A + 8 * HUGE + PG), 0);
}

static void huge_policies(void **state)
{
    (void)state;
    bench_stop(&b);
    start(MM_THP_ALWAYS);
    map(A, 1024, RW, FIX);
    bench_write(&b, A);
    assert_int_equal(b.last.kind, MM_FAULT_HUGE);
    assert_int_equal(advise(A + HUGE, 512, MM_MADV_NOHUGEPAGE), 0);
    bench_write(&b, A + HUGE);
    assert_int_equal(b.last.kind, MM_FAULT_ANON);
    bench_check(&b);
    bench_stop(&b);
    start(MM_THP_NEVER);
    huge_map(1);
    bench_write(&b, A);
    assert_int_equal(b.last.kind, MM_FAULT_ANON);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(advice_is_checked_first), T(flags_split_and_merge), T(discards_and_locks),
        T(lazyfree_shows_when_its_batch_drains), T(populate_says_what_failed), T(guards), T(locking), T(residency),
        T(sealing), T(huge_fault_and_split), T(huge_forbidden_by_a_small_page), T(huge_fork), T(huge_moves),
        T(huge_policies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
