/* SPDX-License-Identifier: MIT
 * test_swap.c - the swap device: what entries, views and counters say step by step, and random operations with contents:
 * what a process reads is what it or its ancestor wrote, wherever the page was in between. */
#include "bench.h"

#define A 0x10000000ull
#define PG PAGE_BYTES
#define RW (MM_PROT_READ | MM_PROT_WRITE)
#define ANON (MM_MAP_PRIVATE | MM_MAP_ANONYMOUS | MM_MAP_FIXED)
#define PRESENT (1ull << 63)
#define SWAPPED (1ull << 62)
#define EXCLUSIVE (1ull << 56)
#define SOFT_DIRTY (1ull << 55)

static void start(struct bench *b, u64 ram, u64 swap, bool soft_dirty)
{
    struct kernel_config cfg;

    kernel_config_init(&cfg);
    cfg.swap_bytes = swap;
    cfg.contents = true;
    cfg.soft_dirty = soft_dirty;
    bench_start(b, 1, ram, &cfg, 0);
}

static void map(struct bench *b, u64 pages) { assert_int_equal(mm_mmap(b->p, A, pages * PG, RW, ANON, NULL, 0), A); }
static void page_out(struct bench *b, u64 page, u64 pages)
{
    assert_int_equal(mm_madvise(b->p, A + page * PG, pages * PG, MM_MADV_PAGEOUT), 0);
    bench_check(b);
}
static u64 word(struct bench *b, u64 page) { return mm_pagemap(b->p, A + page * PG); }
static u64 major(struct bench *b) { return proc_counters(b->p)->major; }

/* ---- steps ---------------------------------------------------------------------------------------------------------- */

static void out_and_in(void **state)
{
    struct bench b;
    struct mm_rss r;

    (void)state;
    start(&b, 16 << 20, 1 << 20, false);
    map(&b, 8);
    for (u64 i = 0; i < 4; i++)
        bench_write(&b, A + i * PG);
    page_out(&b, 0, 8);
    mm_rss(b.p, &r);
    assert_int_equal(r.swap_pages, 4);
    assert_int_equal(r.anon_pages, 0);
    assert_int_equal(word(&b, 0), SWAPPED);
    assert_int_equal(word(&b, 4), 0);
    assert_int_equal(bench_read(&b, A), 1);
    assert_int_equal(b.last.kind, MM_FAULT_SWAP);
    assert_true(b.last.major);
    assert_int_equal(word(&b, 0), PRESENT | EXCLUSIVE);
    assert_int_equal(bench_write(&b, A), 0); /* ours alone: it came back writable */
    assert_int_equal(major(&b), 1);
    assert_int_equal(mm_munmap(b.p, A, 8 * PG), 0);
    mm_rss(b.p, &r);
    assert_int_equal(r.swap_pages, 0);
    bench_check(&b);
    bench_stop(&b);
}

static void ahead_is_minor(void **state)
{
    struct bench b;
    u8 vec[4];

    (void)state;
    start(&b, 16 << 20, 1 << 20, false);
    map(&b, 4);
    for (u64 i = 0; i < 4; i++)
        bench_write(&b, A + i * PG);
    page_out(&b, 0, 4);
    assert_int_equal(mm_madvise(b.p, A, 2 * PG, MM_MADV_WILLNEED), 0);
    bench_check(&b);
    assert_int_equal(mm_mincore(b.p, A, 4 * PG, vec), 0);
    assert_int_equal(vec[0] + 2 * vec[1] + 4 * vec[2] + 8 * vec[3], 3);
    assert_int_equal(bench_read(&b, A), 1);
    assert_int_equal(bench_write(&b, A + PG), 1);
    assert_int_equal(major(&b), 0);
    assert_int_equal(bench_read(&b, A + 2 * PG), 1);
    assert_int_equal(major(&b), 1);
    bench_check(&b);
    bench_stop(&b);
}

static void marks_survive(void **state)
{
    struct bench b;

    (void)state;
    start(&b, 16 << 20, 1 << 20, true);
    map(&b, 4);
    bench_write(&b, A);
    bench_write(&b, A + PG);
    assert_int_equal(mm_clear_refs(b.p, 4), 0);
    bench_write(&b, A);
    page_out(&b, 0, 4);
    assert_int_equal(word(&b, 0), SWAPPED | SOFT_DIRTY);
    assert_int_equal(word(&b, 1), SWAPPED);
    bench_read(&b, A);
    bench_read(&b, A + PG);
    assert_int_equal(word(&b, 0), PRESENT | EXCLUSIVE | SOFT_DIRTY);
    assert_int_equal(word(&b, 1), PRESENT | EXCLUSIVE);
    assert_int_equal(bench_write(&b, A + PG), 1); /* its write must be noticed */
    bench_check(&b);
    bench_stop(&b);
}

/* What must not go: locked, pinned, shared by others; and a device that is full. */
static void what_stays(void **state)
{
    struct bench b;
    struct proc *child;
    struct mm_rss r;
    pfn_t page;

    (void)state;
    start(&b, 16 << 20, 3 * PG, false); /* room for two pages */
    map(&b, 8);
    for (u64 i = 0; i < 5; i++)
        bench_write(&b, A + i * PG);
    assert_int_equal(mm_pin(b.p, A, 1, MM_FOLL_WRITE, &page), 1);
    assert_int_equal(mm_mlock2(b.p, A + PG, PG, 0), 0);
    assert_int_equal(mm_madvise(b.p, A + PG, PG, MM_MADV_PAGEOUT), -MM_EINVAL);
    page_out(&b, 0, 1);
    assert_int_equal(word(&b, 0) >> 63, 1);
    mm_unpin(b.k, &page, 1, true);
    page_out(&b, 2, 6);
    mm_rss(b.p, &r);
    assert_int_equal(r.swap_pages, 2);
    assert_int_equal(proc_fork(b.p, 0, "child", 0, &child), 0);
    page_out(&b, 0, 1);
    assert_int_equal(word(&b, 0) >> 63, 1);
    bench_check(&b);
    proc_free(child);
    bench_check(&b);
    bench_stop(&b);
}

/* ---- contents -------------------------------------------------------------------------------------------------------- */

#define PAGES 96u
#define PROCS 3u
static struct { struct proc *p; u32 value[PAGES]; } who[PROCS];
static u32 seed;
static u32 rnd(u32 n) { seed = seed * 1664525u + 1013904223u; return (seed >> 8) % n; }

/* The bytes at va, after the access that made them reachable. */
static u32 *bytes_at(struct bench *b, u64 va)
{
    u64 table = b->hw.read_reg(b->hw.ctx, 0, HW_CR3) & 0x000ffffffffff000ull, e = 0;

    for (int shift = 39; shift >= 12; shift -= 9) {
        memcpy(&e, b->hw.ram + table + (va >> shift & 511) * 8, 8);
        assert_true(e & 1);
        table = e & 0x000ffffffffff000ull;
        if (shift == 21 && (e & 0x80)) {
            table += va & 0x1ff000;
            break;
        }
    }
    return (u32 *)(void *)(b->hw.ram + table);
}

static void run_as(struct bench *b, unsigned i) { b->p = who[i].p; proc_run_on(b->k, 0, b->p); }

static void step(struct bench *b, u32 *clock)
{
    unsigned i = rnd(PROCS), page = rnd(PAGES), n = 1 + rnd(8), other;
    u64 va = A + page * PG;

    n = page + n > PAGES ? PAGES - page : n;
    if (!who[i].p)
        return;
    run_as(b, i);
    switch (rnd(12)) {
    case 0: case 1: case 2:
        assert_true(bench_write(b, va) >= 0);
        *bytes_at(b, va) = who[i].value[page] = ++*clock;
        break;
    case 3: case 4: case 5:
        assert_true(bench_read(b, va) >= 0);
        assert_int_equal(*bytes_at(b, va), who[i].value[page]);
        break;
    case 6: case 7:
        mm_madvise(b->p, va, n * PG, MM_MADV_PAGEOUT);
        break;
    case 8:
        mm_madvise(b->p, va, n * PG, rnd(2) ? MM_MADV_WILLNEED : MM_MADV_COLD);
        break;
    case 9:
        assert_int_equal(mm_madvise(b->p, va, n * PG, MM_MADV_DONTNEED), 0);
        memset(who[i].value + page, 0, n * sizeof who[i].value[0]);
        break;
    case 10:                              /* there and back again */
        assert_int_equal(mm_mremap(b->p, A, PAGES * PG, PAGES * PG, MM_MREMAP_MAYMOVE | MM_MREMAP_FIXED, A + (64 << 20)), A + (64 << 20));
        assert_int_equal(mm_mremap(b->p, A + (64 << 20), PAGES * PG, PAGES * PG, MM_MREMAP_MAYMOVE | MM_MREMAP_FIXED, A), A);
        break;
    default:
        other = rnd(PROCS);
        if (other == i)
            break;
        if (who[other].p)
            proc_free(who[other].p);
        who[other] = who[i];
        assert_int_equal(proc_fork(b->p, 0, "q", 0, &who[other].p), 0);
    }
}

/* Back from the device with its slot kept, then written without a fault: the slot's copy is an old one. */
static void a_write_to_a_cached_page_is_written_out(void **state)
{
    struct bench b;

    (void)state;
    start(&b, 16 << 20, 1 << 20, false);
    map(&b, 2);
    bench_write(&b, A);
    *bytes_at(&b, A) = 1;
    page_out(&b, 0, 1);
    assert_int_equal(bench_read(&b, A), 1);
    assert_int_equal(bench_write(&b, A), 0);
    *bytes_at(&b, A) = 2;
    page_out(&b, 0, 1);
    assert_int_equal(bench_read(&b, A), 1);
    assert_int_equal(*bytes_at(&b, A), 2);
    bench_stop(&b);
}

/* ram: so little that pages go by themselves, too. */
static void random_steps(u64 ram, u64 swap, u32 first, unsigned steps)
{
    struct bench b;
    u32 clock = 0;

    seed = first;
    memset(who, 0, sizeof who);
    start(&b, ram, swap, first & 1);
    map(&b, PAGES);
    who[0].p = b.p;
    for (unsigned s = 0; s < steps; s++) {
        step(&b, &clock);
        bench_check(&b);
        if (s % 200 == 199 && swap > (PAGES * PROCS + 1) * PG / 2 && rnd(2)) {
            long r = kernel_swapoff(b.k);
            bench_check(&b);
            if (!r)
                assert_int_equal(kernel_swapon(b.k), 0);
        }
    }
    for (unsigned i = 0; i < PROCS; i++)
        if (who[i].p)
            proc_free(who[i].p);
    bench_check(&b);
    bench_stop(&b);
}

static void random_roomy(void **state)
{
    (void)state;
    for (u32 s = 1; s <= 12; s++)
        random_steps(16 << 20, 2 << 20, s, 600);
}

static void random_short_of_slots(void **state)
{
    (void)state;
    for (u32 s = 20; s <= 28; s++)
        random_steps(16 << 20, 40 * PG, s, 600);
}

/* Larger than memory: everything is read and written several times over. */
static void more_than_memory(void **state)
{
    struct bench b;
    const u64 pages = 3000;

    (void)state;
    start(&b, 4 << 20, 16 << 20, false);
    assert_int_equal(mm_mmap(b.p, A, pages * PG, RW, ANON, NULL, 0), A);
    for (u32 round = 0; round < 3; round++)
        for (u64 i = 0; i < pages; i++) {
            assert_true(bench_write(&b, A + i * PG) >= 0);
            if (round)
                assert_int_equal(*bytes_at(&b, A + i * PG), (u32)(i + round - 1));
            *bytes_at(&b, A + i * PG) = (u32)(i + round);
            if (i % 500 == 0)
                bench_check(&b);
        }
    assert_true(major(&b) > pages);
    proc_free(b.p);
    bench_check(&b);
    bench_stop(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(out_and_in), cmocka_unit_test(ahead_is_minor), cmocka_unit_test(marks_survive),
        cmocka_unit_test(what_stays), cmocka_unit_test(a_write_to_a_cached_page_is_written_out),
        cmocka_unit_test(random_roomy), cmocka_unit_test(random_short_of_slots),
        cmocka_unit_test(more_than_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
