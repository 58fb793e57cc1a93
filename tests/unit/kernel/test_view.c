/* SPDX-License-Identifier: MIT
 * test_view.c - the text that a user sees, byte for byte, and what differs between kernel versions. */
#include "bench.h"

#define RW (MM_PROT_READ | MM_PROT_WRITE)
#define FIX (MM_MAP_PRIVATE | MM_MAP_ANONYMOUS | MM_MAP_FIXED)
#define A 0x10000000000ull
#define PG PAGE_BYTES

static struct bench b;
static struct bench_text text;

static void start(u32 version)
{
    struct kernel_config c;
    kernel_config_init(&c);
    c.version = version;
    bench_start(&b, 1, 64ull << 20, &c, 0);
}

static void stop(void)
{
    bench_check(&b);
    bench_stop(&b);
}

static struct pw_out out(void)
{
    text.len = 0;
    text.buf[0] = 0;
    return (struct pw_out){ bench_put, &text };
}

static void maps_lines(void **state)
{
    struct mm_file_info info = { .path = "/usr/lib/a\nb", .size_bytes = 9 * PG, .dev_major = 8, .dev_minor = 1,
                                 .ino = 123456, .cached = true };
    struct mm_file *f;
    (void)state;
    start(618);
    f = mm_file_open(b.k, &info);
    mm_mmap(b.p, 0x400000, 3 * PG, 5, MM_MAP_PRIVATE | MM_MAP_FIXED, f, PG);
    mm_mmap(b.p, A, PG, RW, FIX, NULL, 0);
    mm_mmap(b.p, A + 2 * PG, PG, 0, MM_MAP_SHARED | MM_MAP_ANONYMOUS | MM_MAP_FIXED, NULL, 0);
    mm_map_special(b.p, 0x7ffff7fc1000, 2 * PG, 5, "[vdso]");
    mm_setup_stack(b.p, 0x7ffffffde000, 0x7ffffffff000);
    struct pw_out o = out();
    mm_show_maps(b.p, &o);
    assert_string_equal(text.buf,
        "00400000-00403000 r-xp 00001000 08:01 123456                             /usr/lib/a\\012b\n"
        "10000000000-10000001000 rw-p 00000000 00:00 0 \n"
        "10000002000-10000003000 ---s 00000000 00:01 1                            /dev/zero (deleted)\n"
        "7ffff7fc1000-7ffff7fc3000 r-xp 00000000 00:00 0                          [vdso]\n"
        "7ffffffde000-7ffffffff000 rw-p 00000000 00:00 0                          [stack]\n"
        "ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]\n");
    mm_file_close(f);
    stop();
}

static void status_and_system(void **state)
{
    struct pw_out o;
    (void)state;
    start(618);
    mm_mmap(b.p, A, 8 * PG, RW, FIX | MM_MAP_POPULATE, NULL, 0);
    mm_mmap(b.p, A + 16 * PG, 4 * PG, RW, MM_MAP_SHARED | MM_MAP_ANONYMOUS | MM_MAP_FIXED, NULL, 0);
    bench_write(&b, A + 16 * PG);
    mm_munmap(b.p, A, 2 * PG);
    o = out();
    mm_show_status(b.p, &o);
    assert_string_equal(text.buf,
        "VmPeak:\t      48 kB\nVmSize:\t      40 kB\nVmLck:\t       0 kB\nVmPin:\t       0 kB\nVmHWM:\t      36 kB\n"
        "VmRSS:\t      28 kB\nRssAnon:\t      24 kB\nRssFile:\t       0 kB\nRssShmem:\t       4 kB\n"
        "VmData:\t      24 kB\nVmStk:\t       0 kB\nVmExe:\t       0 kB\nVmLib:\t       0 kB\nVmPTE:\t      12 kB\n"
        "VmSwap:\t       0 kB\nHugetlbPages:\t       0 kB\n");
    o = out();
    kernel_show_meminfo(b.k, &o);
    assert_non_null(strstr(text.buf, "MemTotal:          65536 kB\n"));
    assert_non_null(strstr(text.buf, "AnonPages:            24 kB\n"));
    assert_non_null(strstr(text.buf, "Shmem:                 4 kB\n"));
    assert_non_null(strstr(text.buf, "PageTables:           20 kB\n"));
    o = out();
    kernel_show_buddyinfo(b.k, &o);
    u64 free = 0;
    const char *at = strstr(text.buf, "Normal") + 6;
    for (unsigned order = 0; order < 11; order++)
        free += strtoull(at, (char **)&at, 10) << order;
    o = out();
    kernel_show_meminfo(b.k, &o);
    assert_int_equal(free * 4, strtoull(strstr(text.buf, "MemFree:") + 8, NULL, 10));
    stop();
}

static void smaps_shares(void **state)
{
    struct proc *child;
    struct pw_out o;
    (void)state;
    start(618);
    mm_mmap(b.p, A, 4 * PG, RW, FIX | MM_MAP_POPULATE, NULL, 0);
    assert_int_equal(proc_fork(b.p, 0, "child", 0, &child), 0);
    bench_write(&b, A);
    o = out();
    mm_show_smaps(b.p, &o);
    assert_non_null(strstr(text.buf, "Rss:                  16 kB\nPss:                  10 kB\n"
                                     "Pss_Dirty:            10 kB\nShared_Clean:          0 kB\n"
                                     "Shared_Dirty:         12 kB\nPrivate_Clean:         0 kB\n"
                                     "Private_Dirty:         4 kB\n"));
    assert_non_null(strstr(text.buf, "THPeligible:           0\nVmFlags: rd wr mr mw me ac \n"));
    proc_free(child);
    stop();
}

/* Thirds of pages are added up before they are cut to kilobytes: 6144 pages shared by three. */
static void shares_keep_their_fractions(void **state)
{
    struct proc *child[2];
    struct pw_out o;
    (void)state;
    start(618);
    mm_mmap(b.p, A, 6144 * PG, RW, FIX | MM_MAP_POPULATE, NULL, 0);
    for (int i = 0; i < 2; i++)
        assert_int_equal(proc_fork(b.p, 0, "child", 0, &child[i]), 0);
    o = out();
    mm_show_smaps(b.p, &o);
    assert_non_null(strstr(text.buf, "Rss:               24576 kB\nPss:                8191 kB\n"));
    for (int i = 0; i < 2; i++)
        proc_free(child[i]);
    stop();
}

static void collect(void *ctx, const char *s, size_t n) { bench_put(ctx, s, n); }

static void explanations(void **state)
{
    struct pw_out o = { collect, &text };
    (void)state;
    start(618);
    mm_mmap(b.p, A, PG, RW, FIX, NULL, 0);
    text.len = 0;
    kernel_explain(b.k, &o);
    bench_write(&b, A);
    kernel_explain(b.k, NULL);
    assert_non_null(strstr(text.buf, "page fault at 0x10000000000: write by the program, page not present\n"));
    assert_non_null(strstr(text.buf, "anonymous, minor, 1 pages mapped, 0 copied, 1 zeroed\n"));
    stop();
}

/* Rules that came with a version: present from it on, absent before. */
static void versions(void **state)
{
    struct mm_rss r;
    (void)state;
    for (u32 v = 601; v <= 619; v++) {
        start(v);
        mm_mmap(b.p, A, 2 * PG, RW, FIX | MM_MAP_NORESERVE, NULL, 0);     /* faulted beside unfaulted           */
        mm_mprotect(b.p, A + PG, PG, 1);
        bench_write(&b, A);
        mm_mprotect(b.p, A, PG, 1);
        mm_rss(b.p, &r);
        assert_int_equal(r.map_count, v >= 616 ? 1 : 2);
        mm_mmap(b.p, A + 16 * PG, PG, 1, FIX, NULL, 0);                   /* never charged beside uncharged     */
        mm_mmap(b.p, A + 17 * PG, PG, RW, FIX, NULL, 0);
        mm_mprotect(b.p, A + 17 * PG, PG, 1);
        mm_rss(b.p, &r);
        assert_int_equal(r.map_count, (v >= 616 ? 1 : 2) + (v >= 607 ? 1 : 2));
        assert_int_equal(mm_mmap(b.p, 0, 512 * PG, RW, MM_MAP_PRIVATE | MM_MAP_ANONYMOUS, NULL, 0) & 0x1fffff,
                         v >= 607 ? 0 : 0x7ffff7fff000 & 0x1fffff);
        assert_int_equal(mm_madvise(b.p, A, PG, MM_MADV_GUARD_REMOVE), v >= 613 ? 0 : -MM_EINVAL);
        assert_int_equal(mm_mseal(b.p, A, 0, 0), v >= 610 ? 0 : -MM_ENOSYS);
        mm_mmap(b.p, A + 8 * PG, PG, RW, FIX, NULL, 0);                   /* a failing move destroys its target */
        assert_int_equal(mm_mremap(b.p, A + 16 * PG, 4 * PG, 3 * PG, 3, A + 8 * PG), -MM_EFAULT);
        assert_int_equal(bench_read(&b, A + 8 * PG), v >= 617 ? 1 : SEGV_MAP);
        stop();
    }
}

/* The same, of rules that were found by comparing with Debian's 6.1 and 6.12. */
static void versions_elsewhere(void **state)
{
    struct mm_iov iov = { A, PG };
    struct mm_scan scan = { .start = A, .end = A + PG, .category_mask = MM_PAGE_IS_GUARD };
    struct mm_rss r;
    (void)state;
    for (u32 v = 601; v <= 619; v++) {
        start(v);
        mm_mmap(b.p, A, 4 * PG, RW, FIX, NULL, 0);
        assert_int_equal(mm_madvise(b.p, A - PG, 2 * PG, MM_MADV_POPULATE_WRITE), -MM_ENOMEM); /* a hole first  */
        assert_int_equal(mm_pagemap(b.p, A) >> 63, v < 609);
        assert_int_equal(mm_membarrier(b.p, 512, 0), v >= 603 ? 0 : -MM_EINVAL);
        assert_int_equal(mm_membarrier(b.p, 0, 0), v >= 603 ? 1023 : 511);
        assert_int_equal(mm_process_madvise(b.p, b.p, &iov, 1, MM_MADV_COLD, 0), v >= 612 ? (long)PG : -MM_EPERM);
        assert_int_equal(mm_pagemap_scan(b.p, &scan), v < 607 ? -MM_ENOTTY : v < 615 ? -MM_EINVAL : 0);
        assert_int_equal(mm_mremap(b.p, A + 32 * PG, PG, PG, 3, A + 32 * PG), v >= 617 ? -MM_EINVAL : -MM_EFAULT);
        mm_mmap(b.p, A + 64 * PG, 3 * PG, RW, FIX | MM_MAP_LOCKED, NULL, 0);
        mm_mremap(b.p, A + 64 * PG, 2 * PG, 2 * PG, MM_MREMAP_MAYMOVE | MM_MREMAP_DONTUNMAP, A + 128 * PG);
        mm_rss(b.p, &r);
        assert_int_equal(r.map_count, v >= 615 ? 3 : 4);                  /* the unlocked part is cut out         */
        mm_munmap(b.p, A + 64 * PG, 256 * PG);
        mm_setrlimit(b.p, MM_RLIMIT_AS, PG);                              /* a refused mapping cuts what it would replace */
        assert_int_equal(mm_mmap(b.p, A + PG, PG, 1, FIX, NULL, 0), -MM_ENOMEM);
        mm_rss(b.p, &r);
        assert_int_equal(r.map_count, v >= 612 ? 3 : 1);
        stop();
    }
}

static void refusals(void **state)
{
    static u8 small[4096];
    struct kernel_config c;
    struct bench x;
    (void)state;
    start(618);
    x = b;
    kernel_config_init(&c);
    assert_null(kernel_create(small, sizeof small, &x.hw, &c));
    c.version = 510;
    assert_null(kernel_create(b.block, b.block_bytes, &x.hw, &c));
    c.version = 0;
    c.fault_around_bytes = 5000;
    assert_null(kernel_create(b.block, b.block_bytes, &x.hw, &c));
    assert_string_equal(mm_errno_name(MM_EINVAL), "EINVAL");
    assert_null(mm_errno_name(1000));
    bench_stop(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(maps_lines), cmocka_unit_test(status_and_system), cmocka_unit_test(smaps_shares),
        cmocka_unit_test(shares_keep_their_fractions),
        cmocka_unit_test(explanations), cmocka_unit_test(versions), cmocka_unit_test(versions_elsewhere),
        cmocka_unit_test(refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
