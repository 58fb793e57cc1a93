/* SPDX-License-Identifier: MIT
 * test_tracking.c - which pages were written: soft-dirty and clear_refs, and PAGEMAP_SCAN. */
#include "bench.h"

#define RW (MM_PROT_READ | MM_PROT_WRITE)
#define FIX (MM_MAP_PRIVATE | MM_MAP_ANONYMOUS | MM_MAP_FIXED)
#define A 0x10000000000ull
#define PG PAGE_BYTES
#define SOFT (1ull << 55)

static struct bench b;
static struct mm_page_region region[1200];

static void start(enum mm_thp thp, bool soft_dirty)
{
    struct kernel_config c;

    kernel_config_init(&c);
    c.thp = thp;
    c.soft_dirty = soft_dirty;
    bench_start(&b, 2, 128ull << 20, &c, 0);
}

static int setup(void **state)
{
    (void)state;
    start(MM_THP_MADVISE, true);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    bench_check(&b);
    bench_stop(&b);
    return 0;
}

static void map(u64 addr, u64 pages, int flags)
{
    assert_int_equal(mm_mmap(b.p, addr, pages * PG, RW, flags, NULL, 0), addr);
}

static bool dirty(u64 page) { return mm_pagemap(b.p, A + page * PG) & SOFT; }

static u32 maps(void)
{
    struct mm_rss r;

    mm_rss(b.p, &r);
    return r.map_count;
}

/* ---- soft-dirty ------------------------------------------------------------------------------------------------ */

static void a_new_mapping_is_dirty_as_a_whole(void **state)
{
    (void)state;
    map(A, 4, FIX);
    assert_true(dirty(0));                                /* nothing there, yet dirty                         */
    bench_write(&b, A);
    assert_int_equal(mm_clear_refs(b.p, 4), 0);
    assert_false(dirty(0));
    assert_false(dirty(1));
    map(A + PG, 1, FIX);                                  /* merged with its neighbours, and dirty with them  */
    assert_int_equal(maps(), 1);
    assert_true(dirty(1));
    assert_int_equal(mm_set_brk_start(b.p, A + 64 * PG), 0);
    assert_int_equal(mm_clear_refs(b.p, 4), 0);
    mm_brk(b.p, A + 66 * PG);
    assert_true(dirty(64));
}

static void the_first_write_faults_and_marks(void **state)
{
    (void)state;
    map(A, 4, FIX);
    bench_write(&b, A);
    bench_write(&b, A + PG);
    bench_read(&b, A + 2 * PG);
    assert_int_equal(mm_clear_refs(b.p, 4), 0);
    assert_int_equal(bench_read(&b, A), 0);
    assert_false(dirty(0));
    assert_int_equal(bench_write(&b, A), 1);
    assert_int_equal(b.last.kind, MM_FAULT_COW_REUSE);
    assert_true(dirty(0));
    assert_false(dirty(1));
    assert_int_equal(bench_write(&b, A), 0);
    assert_int_equal(bench_write(&b, A + 2 * PG), 1);     /* the zero page replaced                           */
    assert_true(dirty(2));
    assert_int_equal(bench_write(&b, A + 3 * PG), 1);
    assert_true(dirty(3));
}

static void mprotect_does_not_hide_a_write(void **state)
{
    (void)state;
    map(A, 2, FIX);
    bench_write(&b, A);
    bench_write(&b, A + PG);
    assert_int_equal(mm_clear_refs(b.p, 4), 0);
    bench_write(&b, A + PG);
    assert_int_equal(mm_mprotect(b.p, A, 2 * PG, MM_PROT_READ), 0);
    assert_int_equal(mm_mprotect(b.p, A, 2 * PG, RW), 0);
    assert_int_equal(bench_write(&b, A), 1);              /* not made writable behind the tracker's back      */
    assert_int_equal(bench_write(&b, A + PG), 0);         /* dirty already: that may be                       */
}

static void moving_counts_as_writing(void **state)
{
    (void)state;
    map(A, 4, FIX);
    bench_write(&b, A);
    bench_write(&b, A + PG);
    assert_int_equal(mm_clear_refs(b.p, 4), 0);
    assert_int_equal(mm_mremap(b.p, A, 4 * PG, 4 * PG, MM_MREMAP_MAYMOVE | MM_MREMAP_FIXED, A + 64 * PG), A + 64 * PG);
    assert_true(dirty(64));
    assert_false(dirty(66));                              /* no page there, and mremap makes no new mapping   */
}

static void a_child_inherits_the_marks(void **state)
{
    struct proc *child;
    (void)state;
    map(A, 2, FIX);
    bench_write(&b, A);
    bench_write(&b, A + PG);
    assert_int_equal(mm_clear_refs(b.p, 4), 0);
    bench_write(&b, A);
    assert_int_equal(proc_fork(b.p, 0, "child", 0, &child), 0);
    assert_true(mm_pagemap(child, A) & SOFT);
    assert_false(mm_pagemap(child, A + PG) & SOFT);
    assert_int_equal(mm_clear_refs(child, 4), 0);
    assert_false(mm_pagemap(child, A) & SOFT);
    assert_true(dirty(0));
    proc_free(child);
}

static void shared_memory_is_tracked_too(void **state)
{
    (void)state;
    map(A, 2, MM_MAP_SHARED | MM_MAP_ANONYMOUS | MM_MAP_FIXED);
    bench_write(&b, A);
    assert_int_equal(mm_clear_refs(b.p, 4), 0);
    assert_int_equal(bench_read(&b, A + PG), 1);
    assert_false(dirty(1));
    assert_int_equal(bench_write(&b, A + PG), 1);         /* mapped read-only while tracked                   */
    assert_true(dirty(1));
    assert_int_equal(bench_write(&b, A), 1);
    assert_true(dirty(0));
}

static void a_huge_page_is_one_page(void **state)
{
    (void)state;
    bench_stop(&b);
    start(MM_THP_ALWAYS, true);
    map(A, 512, FIX);
    bench_write(&b, A);
    assert_int_equal(mm_clear_refs(b.p, 4), 0);
    assert_false(dirty(0));
    assert_int_equal(bench_write(&b, A + 5 * PG), 1);
    assert_true(dirty(0));
    assert_true(dirty(511));
}

static void without_the_option_nothing_is_marked(void **state)
{
    (void)state;
    bench_stop(&b);
    start(MM_THP_MADVISE, false);
    map(A, 2, FIX);
    bench_write(&b, A);
    assert_false(dirty(0));
    assert_int_equal(mm_clear_refs(b.p, 4), 0);
    assert_int_equal(bench_write(&b, A), 0);
}

static void clear_refs_knows_five_things(void **state)
{
    struct mm_rss r;
    u64 flushes;
    (void)state;
    assert_int_equal(mm_clear_refs(b.p, 0), -MM_EINVAL);
    assert_int_equal(mm_clear_refs(b.p, 6), -MM_EINVAL);
    map(A, 8, FIX);
    for (u64 i = 0; i < 8; i++)
        bench_write(&b, A + i * PG);
    assert_int_equal(mm_munmap(b.p, A + 4 * PG, 4 * PG), 0);
    mm_rss(b.p, &r);
    assert_int_equal(r.peak_rss_pages, 8);
    assert_int_equal(mm_clear_refs(b.p, 5), 0);
    mm_rss(b.p, &r);
    assert_int_equal(r.peak_rss_pages, 4);
    flushes = proc_counters(b.p)->flush_full;
    assert_int_equal(mm_clear_refs(b.p, 1), 0);           /* accessed bits: no flush                          */
    assert_int_equal(proc_counters(b.p)->flush_full, flushes);
    assert_int_equal(mm_clear_refs(b.p, 4), 0);
    assert_int_equal(proc_counters(b.p)->flush_full, flushes + 1);
}

/* ---- PAGEMAP_SCAN ---------------------------------------------------------------------------------------------- */

static struct mm_scan scan_of(u64 first, u64 end, u64 mask)
{
    return (struct mm_scan){ .start = A + first * PG, .end = A + end * PG, .category_mask = mask, .return_mask = mask,
                             .vec = region, .vec_len = sizeof region / sizeof region[0] };
}

static void its_arguments_are_checked(void **state)
{
    struct mm_scan s = scan_of(0, 4, MM_PAGE_IS_PRESENT);
    (void)state;
    map(A, 4, FIX);
    s.flags = 4;
    assert_int_equal(mm_pagemap_scan(b.p, &s), -MM_EINVAL);
    s = scan_of(0, 4, 1u << 9);
    assert_int_equal(mm_pagemap_scan(b.p, &s), -MM_EINVAL);
    s = scan_of(0, 4, 0);
    s.start++;
    assert_int_equal(mm_pagemap_scan(b.p, &s), -MM_EINVAL);
    s = scan_of(5, 4, 0);
    assert_int_equal(mm_pagemap_scan(b.p, &s), -MM_EFAULT);
    s = scan_of(0, 4, 0);
    s.vec = NULL;
    assert_int_equal(mm_pagemap_scan(b.p, &s), -MM_EINVAL);
    s = scan_of(0, 4, 0);
    s.flags = MM_SCAN_CHECK_WPASYNC;
    assert_int_equal(mm_pagemap_scan(b.p, &s), -MM_EPERM);
    s = scan_of(0, 4, MM_PAGE_IS_WRITTEN);
    s.flags = MM_SCAN_WP_MATCHING;
    assert_int_equal(mm_pagemap_scan(b.p, &s), 0);        /* passed over                                      */
    assert_int_equal(s.walk_end, A + 4 * PG);
}

static void regions_are_as_long_as_they_can_be(void **state)
{
    struct mm_scan s;
    (void)state;
    map(A, 16, FIX);
    for (u64 i = 0; i < 16; i++)
        if (i != 3 && i != 7 && i != 8)
            bench_write(&b, A + i * PG);
    s = scan_of(0, 16, MM_PAGE_IS_PRESENT);
    assert_int_equal(mm_pagemap_scan(b.p, &s), 3);
    assert_int_equal(region[1].start, A + 4 * PG);
    assert_int_equal(region[1].end, A + 7 * PG);
    assert_int_equal(s.walk_end, A + 16 * PG);
    s = scan_of(0, 16, MM_PAGE_IS_PRESENT);
    s.vec_len = 2;
    assert_int_equal(mm_pagemap_scan(b.p, &s), 2);
    assert_int_equal(s.walk_end, A + 9 * PG);             /* the first that found no room                     */
    s = scan_of(0, 16, MM_PAGE_IS_PRESENT);
    s.max_pages = 5;
    assert_int_equal(mm_pagemap_scan(b.p, &s), 2);
    assert_int_equal(region[1].end, A + 6 * PG);
    assert_int_equal(s.walk_end, A + 6 * PG);
    s = scan_of(0, 16, 0);
    s.category_mask = s.category_inverted = MM_PAGE_IS_PRESENT;
    assert_int_equal(mm_pagemap_scan(b.p, &s), 2);        /* what is not present                              */
}

/* Linux gathers 512 regions at a time: more than that still come, and a region that fills up the buffer is cut. */
static void more_regions_than_a_buffer_holds(void **state)
{
    struct mm_scan s;
    (void)state;
    map(A, 2048, FIX);
    for (u64 i = 0; i < 2048; i += 2)
        bench_write(&b, A + i * PG);
    s = scan_of(0, 2048, MM_PAGE_IS_PRESENT);
    assert_int_equal(mm_pagemap_scan(b.p, &s), 1024);
    assert_int_equal(region[1023].start, A + 2046 * PG);
    assert_int_equal(s.walk_end, A + 2048 * PG);
}

static struct mm_uffd *track(u64 pages)
{
    u64 features = MM_UFFD_FEATURE_WP_ASYNC, ioctls;
    struct mm_uffd *u;

    assert_int_equal(mm_userfaultfd(b.p, 0, &u), 0);
    assert_int_equal(mm_uffd_api(u, MM_UFFD_API, &features, &ioctls), 0);
    assert_int_equal(mm_uffd_register(u, A, pages * PG, MM_UFFD_REGISTER_WP, &ioctls), 0);
    return u;
}

static long take_written(u64 pages)
{
    struct mm_scan s = scan_of(0, pages, MM_PAGE_IS_WRITTEN);
    long r;

    s.flags = MM_SCAN_WP_MATCHING;
    r = mm_pagemap_scan(b.p, &s);
    bench_check(&b);
    return r;
}

static void told_and_protected_in_one_step(void **state)
{
    (void)state;
    map(A, 1024, FIX);
    bench_write(&b, A);
    track(1024);
    assert_int_equal(take_written(1024), 1);              /* untouched memory counts as written               */
    assert_int_equal(region[0].end, A + 1024 * PG);
    assert_int_equal(take_written(1024), 0);
    assert_int_equal(bench_read(&b, A + 9 * PG), 1);
    assert_int_equal(take_written(1024), 0);
    bench_write(&b, A + 9 * PG);
    bench_write(&b, A + 700 * PG);
    assert_int_equal(take_written(1024), 2);
    assert_int_equal(region[0].start, A + 9 * PG);
    assert_int_equal(region[1].end, A + 701 * PG);
    assert_int_equal(bench_write(&b, A + 9 * PG), 1);
}

static void a_part_of_a_huge_page_splits_it(void **state)
{
    struct mm_scan s;
    (void)state;
    bench_stop(&b);
    start(MM_THP_ALWAYS, false);
    map(A, 512, FIX);
    bench_write(&b, A);
    track(512);
    s = scan_of(0, 512, MM_PAGE_IS_HUGE | MM_PAGE_IS_WRITTEN);
    assert_int_equal(mm_pagemap_scan(b.p, &s), 1);
    assert_int_equal(take_written(512), 1);
    s = scan_of(0, 512, MM_PAGE_IS_HUGE);
    assert_int_equal(mm_pagemap_scan(b.p, &s), 1);        /* protected whole: still huge                      */
    bench_write(&b, A + 7 * PG);                          /* a write splits it                                */
    assert_int_equal(mm_pagemap_scan(b.p, &s), 0);
    assert_int_equal(take_written(512), 1);
    assert_int_equal(region[0].start, A + 7 * PG);
    assert_int_equal(region[0].end, A + 8 * PG);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

/* The page waits in the other CPU's batch, which holds a reference: the exclusive mark alone says that it is ours. */
static void an_exclusive_page_is_reused_whoever_holds_it(void **state)
{
    (void)state;
    map(A, 1, FIX);
    bench_write(&b, A);
    proc_run_on(b.k, 0, NULL);
    proc_run_on(b.k, 1, b.p);
    assert_int_equal(mm_clear_refs(b.p, 4), 0);
    assert_int_equal(bench_on(&b, 1, A, 'w'), 1);
    assert_int_equal(b.last.kind, MM_FAULT_COW_REUSE);
    assert_int_equal(b.last.copied_pages, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_new_mapping_is_dirty_as_a_whole), TEST(the_first_write_faults_and_marks),
        TEST(mprotect_does_not_hide_a_write), TEST(moving_counts_as_writing), TEST(a_child_inherits_the_marks),
        TEST(shared_memory_is_tracked_too), TEST(a_huge_page_is_one_page), TEST(without_the_option_nothing_is_marked),
        TEST(clear_refs_knows_five_things), TEST(its_arguments_are_checked), TEST(regions_are_as_long_as_they_can_be),
        TEST(more_regions_than_a_buffer_holds), TEST(told_and_protected_in_one_step),
        TEST(a_part_of_a_huge_page_splits_it), TEST(an_exclusive_page_is_reused_whoever_holds_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
