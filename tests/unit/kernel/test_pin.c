/* SPDX-License-Identifier: MIT
 * test_pin.c - pages that a device uses: what keeps a pinned page where it is (anonymous, of a folio, of a file, of a pool),
 * what is refused; how many flushes a gather makes; page-table isolation's two halves. */
#include "bench.h"

#define A 0x10000000ull
#define HUGE (2ull << 20)
#define PG PAGE_BYTES
#define RW (MM_PROT_READ | MM_PROT_WRITE)
#define ANON (MM_MAP_PRIVATE | MM_MAP_ANONYMOUS | MM_MAP_FIXED)

static struct bench b;

static void start(bool kpti)
{
    struct kernel_config cfg;

    kernel_config_init(&cfg);
    cfg.kpti = kpti;
    bench_start(&b, 1, 256 << 20, &cfg, 0);
}

static void map(u64 pages, int prot, int flags, struct mm_file *f) { assert_int_equal(mm_mmap(b.p, A, pages * PG, prot, flags, f, 0), A); }
static long pin(u64 page, u64 n, unsigned flags, pfn_t *out) { return mm_pin(b.p, A + page * PG, n, flags, out); }
static u64 rss(const struct proc *p)
{
    struct mm_rss r;
    mm_rss(p, &r);
    return r.anon_pages + r.file_pages + r.shmem_pages;
}
static struct proc *forked(void)
{
    struct proc *c;
    assert_int_equal(proc_fork(b.p, 0, "child", 0, &c), 0);
    bench_check(&b);
    return c;
}

/* Free pages, as /proc/buddyinfo tells. */
static u64 free_pages(void)
{
    struct bench_text t = { .len = 0 };
    struct pw_out out = { bench_put, &t };
    u64 pages = 0;
    char *at;

    kernel_show_buddyinfo(b.k, &out);
    at = strstr(t.buf, "Normal") + 6;
    for (unsigned order = 0; order < 11; order++)
        pages += strtoull(at, &at, 10) << order;
    return pages;
}

/* ---- what is pinned stays ------------------------------------------------------------------------------------------- */

static void anonymous_pages_outlive_their_mapping(void **state)
{
    pfn_t page[4];
    u64 before;

    (void)state;
    start(false);
    map(4, RW, ANON, NULL);
    assert_int_equal(pin(0, 4, MM_FOLL_WRITE, page), 4);
    assert_int_equal(rss(b.p), 4);
    assert_int_equal(mm_madvise(b.p, A, 4 * PG, MM_MADV_COLD), 0); /* they leave the LRU batches */
    assert_int_equal(mm_munmap(b.p, A, 4 * PG), 0);
    bench_check(&b);
    before = free_pages();
    mm_unpin(b.k, page, 4, true);
    assert_int_equal(free_pages(), before + 4);
    bench_check(&b);
    bench_stop(&b);
}

static void fork_copies_what_is_pinned(void **state)
{
    pfn_t page[2], again;
    struct proc *child;

    (void)state;
    start(false);
    map(4, RW, ANON, NULL);
    for (u64 i = 0; i < 4; i++)
        bench_write(&b, A + i * PG);
    assert_int_equal(pin(1, 2, MM_FOLL_WRITE, page), 2);
    child = forked();
    assert_int_equal(bench_write(&b, A), 1);      /* shared by the fork: copied */
    assert_int_equal(bench_write(&b, A + PG), 0); /* pinned: still ours, still writable */
    assert_int_equal(pin(1, 1, MM_FOLL_WRITE, &again), 1);
    assert_int_equal(again.n, page[0].n);
    mm_unpin(b.k, &again, 1, false);
    mm_unpin(b.k, page, 2, false);
    proc_free(child);
    bench_check(&b);
    bench_stop(&b);
}

/* Read-only pins of a shared page break the sharing first. */
static void a_shared_page_is_copied_first(void **state)
{
    struct proc *child;
    pfn_t page, again;

    (void)state;
    start(false);
    map(1, RW, ANON, NULL);
    bench_write(&b, A);
    child = forked();
    assert_int_equal(pin(0, 1, 0, &page), 1);
    assert_int_equal(proc_counters(b.p)->copied_pages, 1);
    assert_int_equal(bench_write(&b, A), 1);      /* ours, so only made writable */
    assert_int_equal(pin(0, 1, MM_FOLL_WRITE, &again), 1);
    assert_int_equal(again.n, page.n);
    mm_unpin(b.k, &page, 1, false);
    mm_unpin(b.k, &again, 1, true);
    proc_free(child);
    bench_check(&b);
    bench_stop(&b);
}

static void folios_are_pinned_as_a_whole(void **state)
{
    struct proc *child;
    pfn_t page[2];

    (void)state;
    start(false);
    map(512, RW, ANON, NULL);
    assert_int_equal(mm_madvise(b.p, A, HUGE, MM_MADV_HUGEPAGE), 0);
    bench_write(&b, A);
    assert_int_equal(rss(b.p), 512);
    assert_int_equal(pin(3, 2, MM_FOLL_WRITE, page), 2);
    assert_int_equal(page[1].n, page[0].n + 1);
    child = forked();                             /* its 2 MiB entry is split, every page copied */
    assert_int_equal(rss(child), 512);
    assert_int_equal(bench_write(&b, A + 100 * PG), 0);
    assert_int_equal(mm_madvise(b.p, A + PG, PG, MM_MADV_FREE), 0); /* would split the folio: it cannot */
    bench_check(&b);
    mm_unpin(b.k, page, 2, true);
    bench_check(&b);
    proc_free(child);
    assert_int_equal(mm_munmap(b.p, A, HUGE), 0);
    bench_check(&b);
    bench_stop(&b);
}

static void file_pages_outlive_truncation(void **state)
{
    struct mm_file *f;
    pfn_t page[2];
    u64 before;

    (void)state;
    start(false);
    f = mm_file_open(b.k, &(struct mm_file_info){ .path = "/f", .size_bytes = 8 * PG, .ino = 5, .cached = true, .writable = true });
    map(8, RW, MM_MAP_SHARED | MM_MAP_FIXED, f);
    assert_int_equal(pin(2, 2, MM_FOLL_WRITE | MM_FOLL_LONGTERM, page), -MM_EFAULT); /* its file system writes back */
    assert_int_equal(pin(2, 2, MM_FOLL_WRITE, page), 2);
    assert_int_equal(mm_file_truncate(f, 0), 0);
    bench_check(&b);
    before = free_pages();
    mm_unpin(b.k, page, 2, true);
    assert_true(free_pages() == before + 2);
    mm_file_close(f);
    bench_check(&b);
    bench_stop(&b);
}

static void pool_pages_are_copied_at_fork(void **state)
{
    struct proc *child;
    pfn_t page;

    (void)state;
    start(false);
    assert_int_equal(kernel_sys_write(b.k, "hugepages/hugepages-2048kB/nr_hugepages", "2"), 0);
    map(512, RW, ANON | MM_MAP_HUGETLB, NULL);
    bench_write(&b, A);
    assert_int_equal(pin(7, 1, MM_FOLL_WRITE, &page), 1);
    child = forked();
    assert_int_equal(bench_write(&b, A), 0);
    assert_int_equal(proc_fork(b.p, 0, "no", 0, &child), -MM_ENOMEM); /* the pool has no third page */
    bench_check(&b);
    mm_unpin(b.k, &page, 1, false);
    bench_check(&b);
    bench_stop(&b);
}

static void what_cannot_be_pinned(void **state)
{
    pfn_t page[2];

    (void)state;
    start(false);
    map(2, MM_PROT_READ, ANON, NULL);
    assert_int_equal(pin(0, 1, MM_FOLL_WRITE, page), -MM_EFAULT);
    assert_int_equal(pin(0, 1, 2, page), -MM_EINVAL);
    assert_int_equal(pin(8, 1, 0, page), -MM_EFAULT);
    assert_int_equal(pin(1, 2, 0, page), 1);      /* up to the end of the mapping */
    mm_unpin(b.k, page, 1, false);
    bench_check(&b);
    bench_stop(&b);
}

/* ---- gathering ------------------------------------------------------------------------------------------------------ */

/* Flushes of unmapping `pages` written pages: by page up to the ceiling of 33, then the whole TLB, once a batch. */
static void gather_flushes(u64 pages, u64 single, u64 full)
{
    const struct mm_counters *c;
    u64 was_pages, was_full;

    start(false);
    c = proc_counters(b.p);
    map(pages, RW, ANON, NULL);
    for (u64 i = 0; i < pages; i++)
        bench_write(&b, A + i * PG);
    was_pages = c->flush_pages;
    was_full = c->flush_full;
    assert_int_equal(mm_munmap(b.p, A, pages * PG), 0);
    assert_int_equal(c->flush_pages - was_pages, single);
    assert_int_equal(c->flush_full - was_full, full);
    bench_check(&b);
    bench_stop(&b);
}

static void a_gather_flushes_once_a_batch(void **state)
{
    const u64 batch = 7 + 19 * 509;               /* pointers in 20 pages, the first inside the gather itself */

    (void)state;
    gather_flushes(33, 33, 0);
    gather_flushes(34, 0, 1);
    gather_flushes(batch - 1, 0, 1);
    gather_flushes(batch, 19, 1);                 /* full: flushed; then its 19 page tables, by strides of 2 MiB    */
    gather_flushes(3 * batch, 0, 4);
}

/* ---- page-table isolation ---------------------------------------------------------------------------------------------- */

static void isolation_has_two_halves(void **state)
{
    u64 kernel, user;

    (void)state;
    start(true);
    map(4, MM_PROT_READ | MM_PROT_EXEC, ANON, NULL);
    assert_int_equal(bench_read(&b, A), 1);       /* the trap has entered the kernel */
    kernel = b.hw.read_reg(b.hw.ctx, 0, HW_CR3);
    assert_int_equal(bench_walk(&b, 0, A, 'r'), 0);
    assert_int_equal(bench_walk(&b, 0, A, 'x') & 1, 1); /* the kernel does not execute what is the program's */
    kernel_to_user(b.k, 0);
    user = b.hw.read_reg(b.hw.ctx, 0, HW_CR3);
    assert_int_equal(user & ~0xfffull, (kernel & ~0xfffull) + PG);
    assert_int_equal(bench_walk(&b, 0, A, 'r'), 0);
    assert_int_equal(bench_walk(&b, 0, A, 'x'), 0);
    kernel_from_user(b.k, 0);
    assert_int_equal(b.hw.read_reg(b.hw.ctx, 0, HW_CR3) & ~0xfffull, kernel & ~0xfffull);
    bench_check(&b);
    bench_stop(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(anonymous_pages_outlive_their_mapping), cmocka_unit_test(fork_copies_what_is_pinned),
        cmocka_unit_test(a_shared_page_is_copied_first), cmocka_unit_test(folios_are_pinned_as_a_whole),
        cmocka_unit_test(file_pages_outlive_truncation), cmocka_unit_test(pool_pages_are_copied_at_fork),
        cmocka_unit_test(what_cannot_be_pinned), cmocka_unit_test(a_gather_flushes_once_a_batch),
        cmocka_unit_test(isolation_has_two_halves),
    };
    return cmocka_run_group_tests_name("kernel pin", tests, NULL, NULL);
}
