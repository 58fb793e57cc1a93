/* SPDX-License-Identifier: MIT
 * test_edges.c - conditions that mutants of the kernel (tools/mutants/kernel.txt) showed to be tested by nobody else: what is
 * kept apart, what ends a range, what a fork leaves in page tables. */
#include "bench.h"

#define RW (MM_PROT_READ | MM_PROT_WRITE)
#define FIX (MM_MAP_PRIVATE | MM_MAP_ANONYMOUS | MM_MAP_FIXED)
#define A 0x10000000000ull
#define PG PAGE_BYTES
#define M2 (2ull << 20)
#define PTE_A 0x20u
#define PTE_D 0x40u

static struct bench b;

static int setup(void **state)
{
    struct kernel_config c;
    (void)state;
    kernel_config_init(&c);
    bench_start(&b, 2, 256ull << 20, &c, 0);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    bench_check(&b);
    bench_stop(&b);
    return 0;
}

static struct mm_file *open_file(u64 pages, enum mm_fs fs, bool writable, bool cached)
{
    static u64 ino = 100;
    struct mm_file_info info = { .path = "/data", .size_bytes = pages * PG, .ino = ++ino, .fs = fs, .writable = writable,
                                 .cached = cached, .folio_lg2 = 12 };
    struct mm_file *f = mm_file_open(b.k, &info);
    assert_non_null(f);
    return f;
}

static struct mm_file *file(u64 pages, enum mm_fs fs) { return open_file(pages, fs, true, true); }

static void map(u64 addr, u64 pages, int prot, int flags, struct mm_file *f, u64 first_page)
{
    assert_int_equal(mm_mmap(b.p, addr, pages * PG, prot, flags | MM_MAP_FIXED, f, first_page * PG), addr);
}

static u64 mappings(void)
{
    struct mm_rss r;
    mm_rss(b.p, &r);
    return r.map_count;
}

/* The entry for va in the tables of a CPU's process, straight from memory; down to the last, or to the one of 2 MiB. */
static u64 entry_down_to(unsigned cpu, u64 va, int last)
{
    u64 e = b.regs[cpu][HW_CR3];
    for (int shift = 39; shift >= last; shift -= 9)
        e = ((u64 *)(void *)(b.hw.ram + (e & 0x000ffffffffff000ull)))[va >> shift & 511];
    return e;
}

static u64 entry_of(unsigned cpu, u64 va) { return entry_down_to(cpu, va, 12); }

/* The processor says that a write was refused, but by now the entry allows it: nothing is copied, nothing else happens. */
static void a_spurious_fault_changes_nothing(void **state)
{
    const struct hw_trap t = { .vector = 14, .user = true, .cr2 = A, .error = 7 };
    u64 before;
    (void)state;
    map(A, 1, RW, FIX, NULL, 0);
    bench_write(&b, A);
    before = entry_of(0, A);
    kernel_trap(b.k, 0, &t, &b.last);
    assert_true(b.last.resume && b.last.kind == MM_FAULT_SPURIOUS && b.last.copied_pages == 0);
    assert_int_equal(entry_of(0, A), before);
}

/* Guard regions make fork copy entries of a shared mapping, too: they stay writable, and are old and clean in the child. */
static void fork_copies_shared_entries_behind_guards(void **state)
{
    struct proc *child;
    (void)state;
    map(A, 4, RW, MM_MAP_SHARED, file(4, MM_FS_TMPFS), 0);
    bench_write(&b, A);
    assert_int_equal(mm_madvise(b.p, A + PG, PG, MM_MADV_GUARD_INSTALL), 0);
    assert_int_equal(proc_fork(b.p, 0, "child", 0, &child), 0);
    assert_int_equal(bench_write(&b, A), 0);
    proc_run_on(b.k, 1, child);
    assert_int_equal(entry_of(1, A) & (1 | 2 | PTE_A | PTE_D), 1 | 2);
    assert_int_equal(bench_on(&b, 1, A, 'w'), 0);
    assert_int_equal(bench_on(&b, 1, A + PG, 'r'), SEGV_MAP);
    proc_free(child);
}

/* A neighbour above with another part of the file is no neighbour. */
static void parts_of_a_file_that_do_not_follow(void **state)
{
    struct mm_file *f = file(16, MM_FS_EXT4);
    (void)state;
    map(A + PG, 1, MM_PROT_READ, MM_MAP_SHARED, f, 5);
    map(A, 1, MM_PROT_READ, MM_MAP_SHARED, f, 0);
    assert_int_equal(mappings(), 2);
    map(A, 1, MM_PROT_READ, MM_MAP_SHARED, f, 4);
    assert_int_equal(mappings(), 1);
}

/* VM_DONTEXPAND: mappings of huge pages from a pool stay as they were made. */
static void pool_mappings_do_not_merge(void **state)
{
    (void)state;
    struct mm_file_info info = { .path = "/huge", .size_bytes = 2 * M2, .ino = 7, .fs = MM_FS_HUGETLBFS, .writable = true,
                                 .page_lg2 = 21 };
    struct mm_file *f = mm_file_open(b.k, &info);
    assert_int_equal(kernel_sys_write(b.k, "hugepages/hugepages-2048kB/nr_hugepages", "4"), 0);
    map(A, 512, RW, MM_MAP_SHARED, f, 0);
    map(A + M2, 512, RW, MM_MAP_SHARED, f, 512);
    assert_int_equal(mappings(), 2);
}

/* VM_SPECIAL: nor do those of the kernel's own pages, whatever they are called. */
static void special_mappings_do_not_merge(void **state)
{
    (void)state;
    assert_int_equal(mm_map_special(b.p, A, PG, MM_PROT_READ, "[vvar]"), 0);
    assert_int_equal(mm_map_special(b.p, A + PG, PG, MM_PROT_READ, "[vvar]"), 0);
    assert_int_equal(mappings(), 2);
}

static void populate_can_be_told_not_to_wait(void **state)
{
    (void)state;
    map(A, 4, RW, FIX | MM_MAP_POPULATE, NULL, 0);
    assert_int_equal(bench_write(&b, A), 0);
    map(A + M2, 4, RW, FIX | MM_MAP_POPULATE | MM_MAP_NONBLOCK, NULL, 0);
    assert_int_equal(bench_write(&b, A + M2), 1);
}

/* Parts of a stack of which the lower one grew fit together again. */
static void a_grown_stack_can_be_whole_again(void **state)
{
    const u64 end = 0x7ffffffff000, start = end - 64 * PG;
    (void)state;
    assert_int_equal(mm_setup_stack(b.p, start, end), 0);
    assert_int_equal(mm_mprotect(b.p, end - 16 * PG, 16 * PG, MM_PROT_READ), 0);
    assert_int_equal(mappings(), 2);
    assert_int_equal(bench_write(&b, start - 3 * PG), 1);
    assert_int_equal(mm_mprotect(b.p, end - 16 * PG, 16 * PG, RW), 0);
    assert_int_equal(mappings(), 1);
}

/* A shared mapping of a file that was opened for reading may not punch holes into it. */
static void holes_need_a_writable_file(void **state)
{
    (void)state;
    map(A, 4, MM_PROT_READ, MM_MAP_SHARED, open_file(4, MM_FS_TMPFS, false, true), 0);
    assert_int_equal(mm_madvise(b.p, A, PG, MM_MADV_REMOVE), -MM_EACCES);
}

/* After each table with dirty pages of files there is a flush, before their reverse maps go. */
static void dirty_file_pages_are_flushed_table_by_table(void **state)
{
    struct mm_tlb before, after;
    (void)state;
    for (unsigned dirty = 0; dirty < 2; dirty++) {
        map(A, 1024, dirty ? RW : MM_PROT_READ, MM_MAP_SHARED, file(1024, MM_FS_TMPFS), 0);
        bench_on(&b, 0, A, dirty ? 'w' : 'r');
        bench_on(&b, 0, A + M2, dirty ? 'w' : 'r');
        mm_tlb(b.p, &before);
        assert_int_equal(mm_munmap(b.p, A, 1024 * PG), 0);
        mm_tlb(b.p, &after);
        assert_int_equal(after.generation - before.generation > 1, dirty);
    }
}

/* After the disk was waited for, the neighbours that came with the page are mapped, too. */
static void a_major_fault_maps_what_was_read_ahead(void **state)
{
    struct mm_rss r;
    (void)state;
    map(A, 64, MM_PROT_READ, MM_MAP_PRIVATE, open_file(64, MM_FS_EXT4, true, false), 0);
    assert_int_equal(bench_read(&b, A), 1);
    assert_true(b.last.major);
    mm_rss(b.p, &r);
    assert_int_equal(r.file_pages, 16);
}

/* A pinned huge page cannot be split: what asks for a part of it leaves it as it is. */
static void pinned_huge_pages_stay_whole(void **state)
{
    pfn_t frame;
    (void)state;
    assert_int_equal(kernel_sys_write(b.k, "transparent_hugepage/enabled", "always"), 0);
    for (unsigned pinned = 0; pinned < 2; pinned++) {
        map(A, 512, RW, FIX, NULL, 0);
        bench_write(&b, A);
        assert_true(entry_down_to(0, A, 21) & 0x80);
        if (pinned)
            assert_int_equal(mm_pin(b.p, A, 1, MM_FOLL_WRITE, &frame), 1);
        assert_int_equal(mm_madvise(b.p, A + 8 * PG, PG, MM_MADV_FREE), 0);
        assert_int_equal(!(entry_down_to(0, A, 21) & 0x80), !pinned);
        if (pinned)
            mm_unpin(b.k, &frame, 1, true);
    }
}

/* Nothing at all above: the range ends early all the same. */
static void a_range_that_ends_in_nothing(void **state)
{
    (void)state;
    map(A, 1, RW, FIX, NULL, 0);
    assert_int_equal(mm_mprotect(b.p, A, 2 * PG, MM_PROT_READ), -MM_ENOMEM);
    assert_int_equal(mm_mprotect(b.p, A, PG, MM_PROT_READ), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_spurious_fault_changes_nothing), TEST(fork_copies_shared_entries_behind_guards),
        TEST(parts_of_a_file_that_do_not_follow), TEST(pool_mappings_do_not_merge), TEST(special_mappings_do_not_merge), TEST(populate_can_be_told_not_to_wait),
        TEST(a_grown_stack_can_be_whole_again), TEST(a_range_that_ends_in_nothing), TEST(holes_need_a_writable_file), TEST(pinned_huge_pages_stay_whole),
        TEST(dirty_file_pages_are_flushed_table_by_table), TEST(a_major_fault_maps_what_was_read_ahead),
    };
    return cmocka_run_group_tests_name("kernel edges", tests, NULL, NULL);
}
