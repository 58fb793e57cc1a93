/* SPDX-License-Identifier: MIT
 * test_fault.c - what each kind of fault does and counts: anonymous memory, files, shared memory, fork and
 * copy-on-write, signals, TLB flushes.  mm_check runs after every access. */
#include "bench.h"

#define RW (MM_PROT_READ | MM_PROT_WRITE)
#define RX (MM_PROT_READ | MM_PROT_EXEC)
#define FIX (MM_MAP_PRIVATE | MM_MAP_ANONYMOUS | MM_MAP_FIXED)
#define SHARED (MM_MAP_SHARED | MM_MAP_FIXED)
#define A 0x10000000000ull
#define PG PAGE_BYTES

#define PM_EXCL (1ull << 56)
#define PM_FILE (1ull << 61)
#define PM_THERE (1ull << 63)

static struct bench b;

static int setup(void **state)
{
    struct kernel_config c;
    (void)state;
    kernel_config_init(&c);
    bench_start(&b, 4, 1ull << 30, &c, 0);
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

/* An access that must take `faults` faults, the last of this kind. */
static void expect(u64 va, char how, int faults, enum mm_fault_kind kind)
{
    memset(&b.last, 0, sizeof b.last);
    assert_int_equal(bench_on(&b, 0, va, how), faults);
    if (faults)
        assert_string_equal(mm_fault_kind_name(b.last.kind), mm_fault_kind_name(kind));
    bench_check(&b);
}

static struct mm_file *file(u64 pages, enum mm_fs fs, bool cached, u8 folio_lg2)
{
    static u64 ino = 100;
    struct mm_file_info info = { .path = "/data", .size_bytes = pages * PG, .ino = ++ino, .fs = fs, .cached = cached,
                                 .writable = true, .folio_lg2 = folio_lg2 };
    struct mm_file *f = mm_file_open(b.k, &info);
    assert_non_null(f);
    return f;
}

static void map_file(u64 addr, u64 pages, int prot, int flags, struct mm_file *f, u64 first)
{
    assert_int_equal(mm_mmap(b.p, addr, pages * PG, prot, flags | MM_MAP_FIXED, f, first * PG), addr);
    bench_check(&b);
}

static unsigned present(u64 addr, unsigned pages)
{
    unsigned n = 0;
    for (unsigned i = 0; i < pages; i++)
        n += mm_pagemap(b.p, addr + i * PG) >> 63;
    return n;
}

static void anonymous(void **state)
{
    struct mm_rss r;
    (void)state;
    map(A, 4, RW, FIX);
    expect(A, 'r', 1, MM_FAULT_ZEROPAGE);
    assert_int_equal(mm_pagemap(b.p, A), PM_THERE);
    mm_rss(b.p, &r);
    assert_int_equal(r.anon_pages, 0);
    expect(A, 'w', 1, MM_FAULT_COW_COPY);
    assert_int_equal(b.last.zeroed_pages, 1);
    assert_int_equal(b.last.copied_pages, 0);
    expect(A + PG, 'w', 1, MM_FAULT_ANON);
    assert_int_equal(mm_pagemap(b.p, A + PG), PM_THERE | PM_EXCL);
    expect(A + PG, 'r', 0, 0);
    mm_rss(b.p, &r);
    assert_int_equal(r.anon_pages, 2);
    assert_int_equal(proc_counters(b.p)->minor, 3);
}

static void rights(void **state)
{
    (void)state;
    map(A, 1, MM_PROT_READ, FIX);
    map(A + PG, 1, MM_PROT_WRITE, FIX);
    map(A + 2 * PG, 1, MM_PROT_NONE, FIX);
    map(A + 3 * PG, 1, RW, FIX);
    assert_int_equal(bench_write(&b, A), SEGV_ACC);
    expect(A + PG, 'r', 1, MM_FAULT_ZEROPAGE);               /* write-only is readable                        */
    assert_int_equal(bench_read(&b, A + 2 * PG), SEGV_ACC);
    assert_int_equal(bench_read(&b, A + 4 * PG), SEGV_MAP);
    assert_int_equal(b.last.addr, A + 4 * PG);
    assert_int_equal(bench_exec(&b, A + 3 * PG), SEGV_ACC);  /* but first the page appears                    */
    assert_int_equal(mm_pagemap(b.p, A + 3 * PG), PM_THERE);
    assert_int_equal(proc_counters(b.p)->minor, 2);
    assert_int_equal(proc_counters(b.p)->faults[MM_FAULT_INVALID], 4);
    assert_int_equal(bench_read(&b, 0xffff800000000000ull), SEGV_MAP);
}

static void other_traps(void **state)
{
    struct hw_trap t = { .vector = 13, .user = true };
    (void)state;
    kernel_trap(b.k, 0, &t, &b.last);
    assert_false(b.last.resume);
    assert_int_equal(b.last.signo, MM_SIGSEGV);
    assert_int_equal(b.last.code, MM_SI_KERNEL);
    assert_int_equal(b.last.addr, 0);
    t.vector = 12;
    kernel_trap(b.k, 0, &t, &b.last);
    assert_int_equal(b.last.signo, MM_SIGBUS);
}

static void mprotect_upgrades_exclusive_pages(void **state)
{
    (void)state;
    map(A, 2, RW, FIX);
    expect(A, 'w', 1, MM_FAULT_ANON);
    expect(A + PG, 'r', 1, MM_FAULT_ZEROPAGE);
    assert_int_equal(mm_mprotect(b.p, A, 2 * PG, MM_PROT_READ), 0);
    assert_int_equal(bench_write(&b, A), SEGV_ACC);
    assert_int_equal(mm_mprotect(b.p, A, 2 * PG, RW), 0);
    expect(A, 'w', 0, 0);
    expect(A + PG, 'w', 1, MM_FAULT_COW_COPY);               /* the zero page is nobody's                     */
    assert_int_equal(mm_mprotect(b.p, A, 2 * PG, MM_PROT_NONE), 0);
    assert_int_equal(present(A, 2), 2);                      /* resident all the same                         */
    assert_int_equal(mm_mprotect(b.p, A, 2 * PG, RW), 0);
    expect(A, 'w', 0, 0);
}

static void file_read_maps_around(void **state)
{
    struct mm_file *f = file(64, MM_FS_EXT4, true, 12);
    (void)state;
    map_file(A + 10 * PG, 40, MM_PROT_READ, MM_MAP_PRIVATE, f, 3);
    expect(A + 12 * PG, 'r', 1, MM_FAULT_FILE_READ);
    assert_int_equal(b.last.mapped_pages, 16);               /* from the mapping's start, 16 pages on         */
    assert_int_equal(present(A + 10 * PG, 16), 16);
    expect(A + 33 * PG, 'r', 1, MM_FAULT_FILE_READ);
    assert_int_equal(present(A + 32 * PG, 16), 16);          /* aligned by address                            */
    assert_int_equal(present(A + 26 * PG, 6), 0);
    assert_int_equal(mm_pagemap(b.p, A + 33 * PG), PM_THERE | PM_FILE | PM_EXCL);
    mm_file_close(f);
}

static void file_private_write(void **state)
{
    struct mm_file *f = file(8, MM_FS_EXT4, true, 12);
    struct mm_rss r;
    (void)state;
    map_file(A, 8, RW, MM_MAP_PRIVATE, f, 0);
    expect(A, 'w', 1, MM_FAULT_FILE_COPY);                   /* at once, and nothing around                   */
    assert_int_equal(present(A, 8), 1);
    expect(A + PG, 'r', 1, MM_FAULT_FILE_READ);
    assert_int_equal(present(A, 8), 8);
    expect(A + 2 * PG, 'w', 1, MM_FAULT_COW_COPY);
    assert_int_equal(b.last.copied_pages, 1);
    mm_rss(b.p, &r);
    assert_int_equal(r.anon_pages, 2);
    assert_int_equal(r.file_pages, 6);
    mm_file_close(f);
}

static void file_shared_write(void **state)
{
    struct mm_file *disk = file(8, MM_FS_EXT4, true, 12), *tmp = file(8, MM_FS_TMPFS, true, 12);
    (void)state;
    map_file(A, 8, RW, MM_MAP_SHARED, disk, 0);
    map_file(A + 16 * PG, 8, RW, MM_MAP_SHARED, tmp, 0);
    expect(A, 'r', 1, MM_FAULT_FILE_READ);
    expect(A, 'w', 1, MM_FAULT_SHARED_WRITE);                /* ext4 wants to know                            */
    expect(A + 16 * PG, 'r', 1, MM_FAULT_SHMEM);
    expect(A + 16 * PG, 'w', 0, 0);                          /* tmpfs does not                                */
    assert_int_equal(mm_msync(b.p, A, PG, 4), 0);
    expect(A, 'w', 1, MM_FAULT_SHARED_WRITE);                /* write-protected by writeback                  */
    assert_int_equal(mm_msync(b.p, A + 16 * PG, PG, 4), 0);
    expect(A + 16 * PG, 'w', 0, 0);
    mm_file_close(disk);
    mm_file_close(tmp);
}

static void file_end_and_truncation(void **state)
{
    struct mm_file *f = file(4, MM_FS_EXT4, true, 12);
    (void)state;
    map_file(A, 8, RW, MM_MAP_PRIVATE, f, 0);
    expect(A + 3 * PG, 'w', 1, MM_FAULT_FILE_COPY);
    assert_int_equal(bench_read(&b, A + 4 * PG), BUS_ADR);
    assert_int_equal(present(A, 4), 4);                      /* the failing fault mapped what lies around it  */
    mm_file_truncate(f, 2 * PG + 1);
    bench_check(&b);
    assert_int_equal(bench_read(&b, A + 3 * PG), BUS_ADR);   /* the private copy is gone too                  */
    expect(A + 2 * PG, 'r', 0, 0);                           /* the partial page is not                       */
    mm_file_truncate(f, 8 * PG);
    assert_int_equal(bench_read(&b, A + 3 * PG), 1);
    mm_file_close(f);
}

static void cold_file_is_major(void **state)
{
    struct mm_file *f = file(256, MM_FS_EXT4, false, 12);
    unsigned faults = 0;
    (void)state;
    map_file(A, 256, MM_PROT_READ, MM_MAP_PRIVATE, f, 0);
    expect(A + 100 * PG, 'r', 1, MM_FAULT_FILE_READ);
    assert_true(b.last.major);
    assert_int_equal(proc_counters(b.p)->major, 1);
    assert_int_equal(proc_counters(b.p)->minor, 0);
    assert_int_equal(mm_madvise(b.p, A, 256 * PG, MM_MADV_WILLNEED), 0);
    for (unsigned i = 0; i < 256; i++)
        faults += (unsigned)bench_read(&b, A + i * PG);
    assert_int_equal(proc_counters(b.p)->major, 1);
    assert_in_range(faults, 16, 20);
    mm_file_close(f);
}

static void large_folios_are_mapped_whole(void **state)
{
    struct mm_file *f = file(100, MM_FS_EXT4, true, 17);     /* folios of 32 pages                            */
    (void)state;
    map_file(A, 100, MM_PROT_READ, MM_MAP_PRIVATE, f, 0);
    expect(A, 'r', 1, MM_FAULT_FILE_READ);
    assert_int_equal(b.last.mapped_pages, 32);
    map_file(A + 512 * PG, 40, MM_PROT_READ, MM_MAP_PRIVATE, f, 8);
    expect(A + 512 * PG, 'r', 1, MM_FAULT_FILE_READ);
    assert_int_equal(b.last.mapped_pages, 16);               /* does not fit the mapping: the window only     */
    mm_file_close(f);
}

static void shared_anonymous(void **state)
{
    struct proc *child;
    struct mm_rss r;
    (void)state;
    map(A, 4, RW, SHARED | MM_MAP_ANONYMOUS);
    expect(A, 'w', 1, MM_FAULT_SHMEM);
    expect(A + PG, 'r', 1, MM_FAULT_SHMEM);
    assert_int_equal(mm_pagemap(b.p, A), PM_THERE | PM_EXCL | PM_FILE);
    assert_int_equal(proc_fork(b.p, 0, "child", 0, &child), 0);
    proc_run_on(b.k, 1, child);
    assert_int_equal(bench_on(&b, 1, A, 'w'), 1);            /* not copied at fork: faults again              */
    mm_rss(child, &r);
    assert_int_equal(r.shmem_pages, 1);
    assert_int_equal(mm_pagemap(b.p, A), PM_THERE | PM_FILE);
    assert_int_equal(mm_mremap(b.p, A, 4 * PG, 8 * PG, 0, 0), A);
    assert_int_equal(bench_read(&b, A + 6 * PG), BUS_ADR);   /* its file did not grow                         */
    proc_free(child);
    assert_int_equal(mm_madvise(b.p, A, 4 * PG, MM_MADV_DONTNEED), 0);
    expect(A, 'r', 1, MM_FAULT_SHMEM);
    assert_int_equal(b.last.zeroed_pages, 0);                /* the page was still there                      */
}

static void fork_shares_then_copies(void **state)
{
    struct proc *child;
    (void)state;
    map(A, 4, RW, FIX);
    expect(A, 'w', 1, MM_FAULT_ANON);
    expect(A + PG, 'w', 1, MM_FAULT_ANON);
    expect(A + 2 * PG, 'r', 1, MM_FAULT_ZEROPAGE);
    assert_int_equal(proc_fork(b.p, 0, "child", 0, &child), 0);
    bench_check(&b);
    assert_int_equal(mm_pagemap(child, A), PM_THERE);
    expect(A, 'r', 0, 0);
    expect(A, 'w', 1, MM_FAULT_COW_COPY);
    assert_int_equal(b.last.copied_pages, 1);
    proc_run_on(b.k, 0, child);
    expect(A, 'w', 1, MM_FAULT_COW_REUSE);                   /* the last one has it alone                     */
    proc_run_on(b.k, 0, b.p);
    proc_free(child);
    bench_check(&b);
    expect(A + PG, 'w', 1, MM_FAULT_COW_REUSE);              /* one fault, though the child is gone           */
}

static void fork_copies_only_families(void **state)
{
    struct mm_file *f = file(4, MM_FS_EXT4, true, 12);
    struct proc *child;
    (void)state;
    map(A, 1, RW, FIX);
    map_file(A + 8 * PG, 4, RW, MM_MAP_PRIVATE, f, 0);
    map(A + 16 * PG, 1, RW, FIX);
    map(A + 20 * PG, 1, RW, FIX);
    expect(A, 'r', 1, MM_FAULT_ZEROPAGE);
    expect(A + 8 * PG, 'r', 1, MM_FAULT_FILE_READ);
    expect(A + 16 * PG, 'w', 1, MM_FAULT_ANON);
    expect(A + 20 * PG, 'w', 1, MM_FAULT_ANON);
    assert_int_equal(mm_madvise(b.p, A + 16 * PG, PG, MM_MADV_WIPEONFORK), 0);
    assert_int_equal(mm_madvise(b.p, A + 20 * PG, PG, MM_MADV_DONTFORK), 0);
    assert_int_equal(mm_mlock2(b.p, A, PG, 0), 0);
    assert_int_equal(proc_fork(b.p, 0, "child", 0, &child), 0);
    bench_check(&b);
    assert_int_equal(mm_pagemap(child, A) | mm_pagemap(child, A + 8 * PG) | mm_pagemap(child, A + 16 * PG),
                     PM_THERE);                              /* A: locking made it a page of a family         */
    struct mm_vma_view v;
    assert_true(mm_find_vma(child, A, &v));
    assert_false(v.locked);
    assert_true(!mm_find_vma(child, A + 20 * PG, &v) || v.start > A + 20 * PG);
    proc_free(child);
    mm_file_close(f);
}

/* A page in another CPU's LRU batch carries that batch's reference. */
static void lru_batch_on_another_cpu_forces_a_copy(void **state)
{
    struct proc *child;
    (void)state;
    map(A, 64, RW, FIX);
    expect(A, 'w', 1, MM_FAULT_ANON);
    assert_int_equal(proc_fork(b.p, 0, "child", 0, &child), 0);
    proc_free(child);
    proc_run_on(b.k, 0, NULL);
    proc_run_on(b.k, 1, b.p);
    assert_int_equal(bench_on(&b, 1, A, 'w'), 1);
    assert_int_equal(b.last.kind, MM_FAULT_COW_COPY);
    bench_check(&b);
    for (unsigned i = 1; i < 32; i++)                        /* with the first page of this CPU, 32: drained  */
        bench_on(&b, 1, A + i * PG, 'w');
    assert_int_equal(proc_fork(b.p, 1, "child", 0, &child), 0);
    proc_free(child);
    proc_run_on(b.k, 1, NULL);
    proc_run_on(b.k, 2, b.p);
    assert_int_equal(bench_on(&b, 2, A + PG, 'w'), 1);
    assert_int_equal(b.last.kind, MM_FAULT_COW_REUSE);
    proc_run_on(b.k, 2, NULL);
    proc_run_on(b.k, 0, b.p);
}

/* Whoever still reads through the old translation would read the page that is no longer its own. */
static void a_copy_flushes_its_page(void **state)
{
    const struct mm_counters *c = proc_counters(b.p);
    struct proc *child;
    u64 before;
    (void)state;
    map(A, 4, RW, FIX);
    expect(A, 'w', 1, MM_FAULT_ANON);
    expect(A + PG, 'r', 1, MM_FAULT_ZEROPAGE);
    assert_int_equal(proc_fork(b.p, 0, "child", 0, &child), 0);
    before = c->flush_pages;
    expect(A, 'w', 1, MM_FAULT_COW_COPY);
    assert_int_equal(c->flush_pages, before + 1);
    expect(A + PG, 'w', 1, MM_FAULT_COW_COPY);
    assert_int_equal(c->flush_pages, before + 2);
    proc_free(child);
}

static void flushes_and_ipis(void **state)
{
    const struct mm_counters *c = proc_counters(b.p);
    struct proc *thread;
    u64 cr3;
    (void)state;
    map(A, 64, RW, FIX);
    for (unsigned i = 0; i < 64; i++)
        bench_write(&b, A + i * PG);
    assert_int_equal(c->flush_pages + c->flush_full, 0);
    assert_int_equal(mm_mprotect(b.p, A, 33 * PG, MM_PROT_READ), 0);
    assert_int_equal(c->flush_pages, 33);
    assert_int_equal(b.invlpgs, 33);
    cr3 = b.cr3_writes;
    assert_int_equal(mm_mprotect(b.p, A, 34 * PG, MM_PROT_NONE), 0);
    assert_int_equal(c->flush_full, 1);                      /* 34 entries: everything                        */
    assert_int_equal(b.cr3_writes, cr3 + 1);
    assert_int_equal(b.ipis, 0);
    assert_int_equal(proc_fork(b.p, 0, "thread", PROC_FORK_VM, &thread), 0);
    proc_run_on(b.k, 3, thread);
    assert_int_equal(mm_munmap(b.p, A + 40 * PG, PG), 0);
    assert_int_equal(b.ipis, 1);
    assert_int_equal(c->ipis, 1);
    assert_int_equal(c->flush_pages, 33 + 2);                /* one page on each of two CPUs                  */
    proc_free(thread);
    assert_int_equal(mm_munmap(b.p, A + 41 * PG, PG), 0);
    assert_int_equal(b.ipis, 1);                             /* nobody else runs it any more                  */
    bench_check(&b);
}

static void vm_sharing_and_exec(void **state)
{
    struct proc *twin;
    u64 minor;
    (void)state;
    map(A, 4, RW, FIX);
    assert_int_equal(proc_fork(b.p, 0, "twin", PROC_FORK_VM, &twin), 0);
    proc_run_on(b.k, 1, twin);
    assert_int_equal(bench_on(&b, 1, A, 'w'), 1);
    assert_int_equal(proc_counters(twin)->minor, 1);
    expect(A, 'w', 0, 0);                                    /* one address space                             */
    assert_int_equal(proc_exec_begin(twin, "new"), 0);
    bench_check(&b);
    assert_string_equal(proc_name(twin), "new");
    assert_int_equal(bench_on(&b, 1, A, 'r'), SEGV_MAP);
    minor = proc_counters(b.p)->minor;
    assert_int_equal(proc_exec_begin(b.p, "fresh"), 0);
    assert_int_equal(proc_counters(b.p)->minor, minor);      /* counting goes on                              */
    bench_check(&b);
    proc_free(twin);
}

static void special_mappings(void **state)
{
    struct mm_rss r;
    (void)state;
    assert_int_equal(mm_map_special(b.p, A, 4 * PG, MM_PROT_READ, "[vvar]"), 0);
    assert_int_equal(mm_map_special(b.p, A + 4 * PG, 2 * PG, RX, "[vdso]"), 0);
    expect(A, 'r', 1, MM_FAULT_FILE_READ);
    expect(A + 4 * PG, 'x', 1, MM_FAULT_FILE_READ);
    mm_rss(b.p, &r);
    assert_int_equal(r.file_pages, 1);
    assert_int_equal(mm_munmap(b.p, A, PG), -MM_EINVAL);     /* one piece                                     */
    assert_int_equal(mm_munmap(b.p, A, 4 * PG), 0);
}

static unsigned told;
static void on_fault(void *ctx, struct proc *p, u64 addr, const struct mm_trap_result *r)
{
    (void)ctx;
    (void)addr;
    assert_ptr_equal(p, b.p);
    told += r->resume;
}

static void populate_tells_of_its_faults(void **state)
{
    (void)state;
    told = 0;
    kernel_on_fault(b.k, on_fault, NULL);
    map(A, 8, RW, FIX | MM_MAP_POPULATE);
    assert_int_equal(told, 8);
    assert_int_equal(proc_counters(b.p)->minor, 8);
    expect(A, 'w', 0, 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(anonymous), T(rights), T(other_traps), T(mprotect_upgrades_exclusive_pages), T(file_read_maps_around),
        T(file_private_write), T(file_shared_write), T(file_end_and_truncation), T(cold_file_is_major),
        T(large_folios_are_mapped_whole), T(shared_anonymous), T(fork_shares_then_copies),
        T(fork_copies_only_families), T(lru_batch_on_another_cpu_forces_a_copy), T(flushes_and_ipis),
        T(a_copy_flushes_its_page),
        T(vm_sharing_and_exec), T(special_mappings), T(populate_tells_of_its_faults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
