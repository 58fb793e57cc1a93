/* SPDX-License-Identifier: MIT
 * oom.c - every allocation made to fail, once: for each scenario the first allocation of its call fails, then on a fresh
 * kernel the second, and so on until the call no longer meets a failing one.  After each failure
 *   the invariants hold (mm_check), the call answered as Linux does (ENOMEM, EAGAIN where madvise says so, SIGKILL for a
 *   fault) or did without; what is mapped is what was, cut at most; pages that were there are there, unless the call takes
 *   pages away; of a range filled in order the part before the failure stays filled;
 *   the same call again succeeds (what it did is what it does on a kernel that never failed);
 *   when all processes have ended, every frame and every byte of the kernel's heap is free again. */
#define BENCH_MAP MAP_PRIVATE
#include "../unit/kernel/bench.h"

#include "kernel/calls.h"

#define A 0x10000000ull
#define HUGE (2ull << 20)
#define PG PAGE_BYTES
#define RW (MM_PROT_READ | MM_PROT_WRITE)
#define FIX (MM_MAP_PRIVATE | MM_MAP_ANONYMOUS | MM_MAP_FIXED)
#define KILLED (-(MM_SIGKILL * 256))
#define RAM (64ull << 20)

static struct bench b;
static struct kernel *k;
static struct proc *p, *child;
static struct mm_file *file;
static struct mm_uffd *uffd;

/* ---- setups --------------------------------------------------------------------------------------------------------- */

static void must(long r) { if (r < 0) fail_msg("a setup failed: %ld", r); }
static void map(u64 at, u64 pages, int flags) { must(mm_mmap(p, at, pages * PG, RW, flags, NULL, 0)); }
static void store(u64 at, u64 pages) { for (u64 i = 0; i < pages; i++) must(bench_write(&b, at + i * PG)); }

static void nothing(void) {}
/* Eight pages, four of them written. */
static void small(void) { map(A, 8, FIX); store(A, 4); }
/* Three mappings next to each other. */
static void three(void)
{
    small();
    must(mm_mmap(p, A + 8 * PG, 8 * PG, MM_PROT_READ, FIX, NULL, 0));
    map(A + 16 * PG, 8, FIX);
    store(A + 16 * PG, 8);
}
static void open_file(enum mm_fs fs, u64 pages, bool cached)
{
    file = mm_file_open(k, &(struct mm_file_info){ .path = "/f", .size_bytes = pages * PG, .ino = 7, .fs = fs, .cached = cached, .writable = true, .page_lg2 = 21 });
    assert_non_null(file);
}
static void ext4(void) { open_file(MM_FS_EXT4, 40, false); }
static void mapped_file(int flags)
{
    must(mm_mmap(p, A, 40 * PG, RW, flags | MM_MAP_FIXED, file, 0));
}
static void private_file(void) { open_file(MM_FS_EXT4, 40, true); mapped_file(MM_MAP_PRIVATE); store(A, 3); }
static void shared_file(void) { open_file(MM_FS_EXT4, 40, true); mapped_file(MM_MAP_SHARED); store(A, 3); }
static void uncached(void) { ext4(); mapped_file(MM_MAP_SHARED); }
static void shmem(void) { map(A, 16, MM_MAP_SHARED | MM_MAP_ANONYMOUS | MM_MAP_FIXED); store(A, 4); }
static void tmpfs(void) { open_file(MM_FS_TMPFS, 40, false); mapped_file(MM_MAP_SHARED); store(A, 20); }
static void thp_empty(void)
{
    map(A, 1024, FIX);
    must(mm_madvise(p, A, 2 * HUGE, MM_MADV_HUGEPAGE));
}
static void thp(void) { thp_empty(); store(A, 1); }
static void thp_zero(void) { thp_empty(); must(bench_read(&b, A)); }
/* Small pages where a huge one could be. */
static void collapsible(void)
{
    map(A, 512, FIX);
    store(A, 20);
    must(mm_madvise(p, A, HUGE, MM_MADV_HUGEPAGE));
}
static void cow(void) { small(); must(proc_fork(p, 0, "child", 0, &child)); }
static void cow_thp(void) { thp(); must(proc_fork(p, 0, "child", 0, &child)); }
static void swapped(void) { small(); must(mm_madvise(p, A, 8 * PG, MM_MADV_PAGEOUT)); }
static void swapped_collapsible(void) { collapsible(); must(mm_madvise(p, A + 4 * PG, 3 * PG, MM_MADV_PAGEOUT)); }
static void swapped_cow(void) { swapped(); must(proc_fork(p, 0, "child", 0, &child)); must(bench_read(&b, A)); }
static void stack(void) { must(mm_setup_stack(p, 0x7ffffffde000, 0x7ffffffff000)); }
static void pool(void) { must(kernel_sys_write(k, "hugepages/hugepages-2048kB/nr_hugepages", "4")); }
static void hugetlb(void)
{
    pool();
    must(mm_mmap(p, A, 2 * HUGE, RW, FIX | MM_MAP_HUGETLB, NULL, 0));
    must(bench_write(&b, A));
}
static void many_kinds(void)
{
    three();
    must(mm_mmap(p, A + 64 * PG, 16 * PG, RW, MM_MAP_SHARED | MM_MAP_ANONYMOUS | MM_MAP_FIXED, NULL, 0));
    store(A + 64 * PG, 3);
    must(mm_mmap(p, A + 4 * HUGE, HUGE, RW, FIX, NULL, 0));
    must(mm_madvise(p, A + 4 * HUGE, HUGE, MM_MADV_HUGEPAGE));
    must(bench_write(&b, A + 4 * HUGE));
    must(mm_madvise(p, A + 17 * PG, PG, MM_MADV_GUARD_INSTALL));
}
static void api(u64 features)
{
    u64 ioctls;
    must(mm_userfaultfd(p, 0, &uffd));
    must(mm_uffd_api(uffd, MM_UFFD_API, &features, &ioctls));
}
static void listening(void) { small(); api(MM_UFFD_FEATURE_EVENT_FORK | MM_UFFD_FEATURE_EVENT_REMAP | MM_UFFD_FEATURE_EVENT_UNMAP | MM_UFFD_FEATURE_EVENT_REMOVE | MM_UFFD_FEATURE_WP_ASYNC | MM_UFFD_FEATURE_WP_UNPOPULATED); }
static long do_register(u64 mode) { u64 ioctls; return mm_uffd_register(uffd, A, 8 * PG, mode, &ioctls); }
static void registered(void) { listening(); must(do_register(MM_UFFD_REGISTER_MISSING | MM_UFFD_REGISTER_WP)); }
static void fillable(void)
{
    map(A + 64 * PG, 8, FIX);
    store(A + 64 * PG, 8);
    map(A, 8, FIX);
    api(0);
    must(do_register(MM_UFFD_REGISTER_MISSING));
}

/* ---- the calls ------------------------------------------------------------------------------------------------------ */

static long do_proc(void) { struct proc *q = proc_new(k, "q"); if (!q) return -MM_ENOMEM; proc_free(q); return 0; }
static long do_file(void)
{
    struct mm_file *f = mm_file_open(k, &(struct mm_file_info){ .path = "/g", .size_bytes = PG, .ino = 8 });
    if (!f)
        return -MM_ENOMEM;
    mm_file_close(f);
    return 0;
}
static long fork_one(unsigned flags)
{
    struct proc *q;
    long r = proc_fork(p, 0, "q", flags, &q);
    struct mm_uffd_msg m;
    while (!r && uffd && !mm_uffd_read(uffd, &m))
        if (m.event == MM_UFFD_EVENT_FORK)
            mm_uffd_close(m.child);
    if (!r)
        proc_free(q);
    return r;
}
static long do_fork(void) { return fork_one(0); }
static long do_thread(void) { return fork_one(PROC_FORK_VM); }
static long do_exec(void) { return proc_exec_begin(p, "new"); }
static long do_mmap(void) { return mm_mmap(p, 0, 8 * PG, RW, MM_MAP_PRIVATE | MM_MAP_ANONYMOUS, NULL, 0); }
static long mmap_over(void) { return mm_mmap(p, A + 4 * PG, 16 * PG, RW, FIX, NULL, 0); }
static long mmap_populate(void) { return mm_mmap(p, A, 8 * PG, RW, FIX | MM_MAP_POPULATE, NULL, 0); }
static long mmap_shared(void) { return mm_mmap(p, A, 8 * PG, RW, MM_MAP_SHARED | MM_MAP_ANONYMOUS | MM_MAP_FIXED, NULL, 0); }
static long mmap_file(void) { return mm_mmap(p, A, 8 * PG, RW, MM_MAP_PRIVATE | MM_MAP_FIXED, file, PG); }
static long mmap_hugetlb(void) { return mm_mmap(p, A, 2 * HUGE, RW, FIX | MM_MAP_HUGETLB, NULL, 0); }
static long do_munmap(void) { return mm_munmap(p, A + 2 * PG, 2 * PG); }
static long munmap_three(void) { return mm_munmap(p, A + 4 * PG, 16 * PG); }
static long do_mprotect(void) { return mm_mprotect(p, A + 2 * PG, 2 * PG, MM_PROT_READ); }
static long protect_three(void) { return mm_mprotect(p, A + 4 * PG, 16 * PG, RW | MM_PROT_EXEC); }
static long protect_key(void) { return mm_pkey_mprotect(p, A + 2 * PG, 2 * PG, MM_PROT_READ, -1); }
static long remap(u64 old, u64 new, int flags, u64 to) { return mm_mremap(p, A, old * PG, new * PG, flags, to); }
static long remap_grow(void) { return remap(8, 12, MM_MREMAP_MAYMOVE, 0); }
static long remap_move(void) { return remap(8, 8, MM_MREMAP_MAYMOVE | MM_MREMAP_FIXED, A + 2 * HUGE); }
static long remap_more(void) { return remap(8, 4096, MM_MREMAP_MAYMOVE, 0); }
static long remap_many(void) { return remap(24, 24, MM_MREMAP_MAYMOVE | MM_MREMAP_FIXED, A + 2 * HUGE); }
static long remap_keep(void) { return remap(8, 8, MM_MREMAP_MAYMOVE | MM_MREMAP_DONTUNMAP, 0); }
static long remap_shrink(void) { return remap(8, 2, 0, 0); }
static long remap_huge(void) { return remap(512, 512, MM_MREMAP_MAYMOVE | MM_MREMAP_FIXED, A + 8 * HUGE); }
static long do_brk(void) { mm_set_brk_start(p, 0x555555555000); return mm_brk(p, 0x555555555000 + 16 * PG) == 0x555555555000 ? -MM_ENOMEM : 0; }
static long advise(u64 at, u64 pages, int what) { return mm_madvise(p, A + at * PG, pages * PG, what); }
static long advise_flag(void) { return advise(2, 2, MM_MADV_DONTFORK); }
static long advise_merge(void) { return advise(2, 2, MM_MADV_MERGEABLE); }
static long advise_dontneed(void) { return advise(1, 2, MM_MADV_DONTNEED); }
static long advise_free(void) { return advise(0, 8, MM_MADV_FREE); }
static long advise_cold(void) { return advise(0, 8, MM_MADV_COLD); }
static long free_part(void) { return advise(3, 20, MM_MADV_FREE); }
static long advise_remove(void) { return advise(1, 2, MM_MADV_REMOVE); }
static long advise_willneed(void) { return advise(0, file ? 40 : 8, MM_MADV_WILLNEED); }
static long advise_populate(void) { return advise(0, 8, MM_MADV_POPULATE_WRITE); }
static long advise_read(void) { return advise(0, 8, MM_MADV_POPULATE_READ); }
static long advise_guard(void) { return advise(0, 8, MM_MADV_GUARD_INSTALL); }
static long guard_part(void) { return advise(5, 8, MM_MADV_GUARD_INSTALL); }
static long advise_collapse(void) { return advise(0, 512, MM_MADV_COLLAPSE); }
static long advise_huge(void) { return advise(0, 8, MM_MADV_HUGEPAGE); }
static long do_process_madvise(void) { return mm_process_madvise(p, p, &(struct mm_iov){ A + 2 * PG, 2 * PG }, 1, MM_MADV_COLD, 0); }
static long do_mlock(void) { return mm_mlock2(p, A + 2 * PG, 4 * PG, 0); }
static long do_munlock(void) { return mm_munlock(p, A + 2 * PG, 2 * PG); }
static long do_mlockall(void) { return mm_mlockall(p, 1); }
static long do_munlockall(void) { return mm_munlockall(p); }
static long do_mincore(void) { u8 vec[8]; return mm_mincore(p, A, 8 * PG, vec); }
static long do_msync(void) { return mm_msync(p, A, 8 * PG, 4); }
static long do_mseal(void) { return mm_mseal(p, A + 2 * PG, 2 * PG, 0); }
static long do_name(void) { return mm_set_vma_name(p, A + 2 * PG, 2 * PG, "name"); }
static long do_stack(void) { return mm_setup_stack(p, 0x7ffffffde000, 0x7ffffffff000); }
static long do_special(void) { return mm_map_special(p, A, PG, MM_PROT_READ, "[vdso]"); }
static long fault_write(void) { return bench_write(&b, A + 5 * PG); }
static long fault_read(void) { return bench_read(&b, A + 5 * PG); }
static long fault_cow(void) { return bench_write(&b, A); }
static long fault_stack(void) { return bench_write(&b, 0x7ffffffde000 - 8 * PG); }
static long fault_child(void)
{
    long r;
    proc_run_on(k, 0, child);
    r = bench_write(&b, A);
    proc_run_on(k, 0, p);
    return r;
}
static long fault_second(void) { return bench_write(&b, A + HUGE); }
static long do_truncate(void) { return mm_file_truncate(file, 2 * PG + 1); }
static long do_punch(void) { return mm_file_punch(file, PG, 2 * PG); }
static long do_uffd(void)
{
    struct mm_uffd *u;
    long r = mm_userfaultfd(p, 0, &u);
    if (!r)
        mm_uffd_close(u);
    return r;
}
static long uffd_register(void) { return do_register(MM_UFFD_REGISTER_MISSING | MM_UFFD_REGISTER_WP); }
static long uffd_part(void) { u64 i; return mm_uffd_register(uffd, A + 2 * PG, 2 * PG, MM_UFFD_REGISTER_MISSING, &i); }
static long uffd_unregister(void) { return mm_uffd_unregister(uffd, A + 2 * PG, 2 * PG); }
static long uffd_protect_all(void) { return mm_uffd_writeprotect(p, uffd, A, 8 * PG, MM_UFFD_WP_WP); }
/* A part was done. */
static long filled(long r, const s64 *done) { return r == -MM_EAGAIN && *done > 0 ? -MM_ENOMEM : r; }
static long uffd_copy(void) { s64 d = 0; return filled(mm_uffd_copy(p, uffd, A, A + 64 * PG, 8 * PG, 0, &d), &d); }
static long uffd_zero(void) { s64 d = 0; return filled(mm_uffd_zeropage(p, uffd, A, 8 * PG, 0, &d), &d); }
static long uffd_move(void) { s64 d = 0; return filled(mm_uffd_move(p, uffd, A, A + 64 * PG, 8 * PG, 0, &d), &d); }
static long scan(void)
{
    struct mm_page_region vec[8];
    struct mm_scan s = { .flags = MM_SCAN_WP_MATCHING, .start = A, .end = A + 8 * PG, .category_mask = MM_PAGE_IS_WRITTEN,
                         .return_mask = MM_PAGE_IS_WRITTEN, .vec = vec, .vec_len = 8 };
    return mm_pagemap_scan(p, &s);
}
static long do_clear_refs(void) { return mm_clear_refs(p, 4); }
static long do_pin(void)
{
    pfn_t page[8];
    long r = mm_pin(p, A, 8, MM_FOLL_WRITE, page);
    if (r > 0)
        mm_unpin(k, page, (u64)r, false);
    return r >= 0 && r < 8 ? -MM_ENOMEM : r;
}
static long do_pageout(void) { return advise(0, 8, MM_MADV_PAGEOUT); }
static long fault_back(void) { return bench_read(&b, A + PG); }
static long do_swapoff(void) { return kernel_swapoff(k); }
static long do_khugepaged(void) { kernel_khugepaged(k); return 0; }
static long do_pool(void) { return kernel_sys_write(k, "hugepages/hugepages-2048kB/nr_hugepages", "4"); }

/* ---- scenarios ------------------------------------------------------------------------------------------------------ */

enum { SAME_MAPS = 1,   /* after a failure the mappings are as before; else they may be cut                           */
       OTHER_MAPS = 2,  /* mappings may be gone, or there already                                                     */
       TAKES = 4,       /* pages may be gone                                                                          */
       PREFIX = 8,      /* pages of [A, A + 8) are there up to some, and not from there on                             */
       OTHERWISE = 16,  /* a success although an allocation failed may do less, or do it with smaller pages           */
       ONCE = 32,       /* doing it again is something else                                                           */
       AGAIN = 64,      /* EAGAIN, too: mlock's when populating, madvise's when changing mappings                      */
       SEGV = 128,      /* SIGSEGV, too: the stack could not grow                                                     */
       INVAL = 256 };   /* EINVAL, too: MADV_COLLAPSE could not bring in what is on the swap device                    */
static const struct scenario {
    const char *name;
    void (*setup)(void);
    long (*call)(void);
    long error;
    unsigned how;
} scenarios[] = {
#define S(setup, call, error, how) { #call " (" #setup ")", setup, call, error, how }
    S(nothing, do_proc, -MM_ENOMEM, SAME_MAPS),
    S(nothing, do_file, -MM_ENOMEM, SAME_MAPS),
    S(small, do_fork, -MM_ENOMEM, SAME_MAPS),
    S(many_kinds, do_fork, -MM_ENOMEM, SAME_MAPS),
    S(private_file, do_fork, -MM_ENOMEM, SAME_MAPS),
    S(registered, do_fork, -MM_ENOMEM, SAME_MAPS),
    S(hugetlb, do_fork, -MM_ENOMEM, SAME_MAPS),
    S(thp_zero, do_fork, -MM_ENOMEM, SAME_MAPS),
    S(small, do_thread, -MM_ENOMEM, SAME_MAPS),
    S(three, do_exec, -MM_ENOMEM, SAME_MAPS | ONCE),
    S(nothing, do_mmap, -MM_ENOMEM, SAME_MAPS),
    S(three, do_mmap, -MM_ENOMEM, SAME_MAPS),
    S(three, mmap_over, -MM_ENOMEM, OTHER_MAPS | TAKES),
    S(nothing, mmap_populate, -MM_ENOMEM, OTHER_MAPS | PREFIX | OTHERWISE),
    S(nothing, mmap_shared, -MM_ENOMEM, SAME_MAPS),
    S(ext4, mmap_file, -MM_ENOMEM, SAME_MAPS),
    S(pool, mmap_hugetlb, -MM_ENOMEM, SAME_MAPS),
    S(small, do_munmap, -MM_ENOMEM, 0),
    S(three, munmap_three, -MM_ENOMEM, 0),
    S(thp, do_munmap, -MM_ENOMEM, 0),
    S(registered, do_munmap, -MM_ENOMEM, 0),
    S(private_file, do_munmap, -MM_ENOMEM, 0),
    S(small, do_mprotect, -MM_ENOMEM, 0),
    S(three, protect_three, -MM_ENOMEM, OTHER_MAPS),
    S(thp, do_mprotect, -MM_ENOMEM, 0),
    S(cow, do_mprotect, -MM_ENOMEM, 0),
    S(small, protect_key, -MM_ENOMEM, 0),
    S(small, remap_grow, -MM_ENOMEM, SAME_MAPS | ONCE),
    S(small, remap_move, -MM_ENOMEM, SAME_MAPS | ONCE),
    S(small, remap_more, -MM_ENOMEM, SAME_MAPS | ONCE),
    S(three, remap_many, -MM_ENOMEM, OTHER_MAPS | TAKES | ONCE),
    S(small, remap_keep, -MM_ENOMEM, SAME_MAPS | ONCE),
    S(small, remap_shrink, -MM_ENOMEM, 0),
    /* What has moved and cannot be cut off stays mapped, empty, at its old place. */
    S(registered, remap_move, -MM_ENOMEM, SAME_MAPS | OTHERWISE | ONCE),
    S(thp, remap_huge, -MM_ENOMEM, OTHERWISE | ONCE),
    S(shared_file, remap_more, -MM_ENOMEM, OTHERWISE | ONCE),
    S(nothing, do_brk, -MM_ENOMEM, SAME_MAPS | ONCE),
    S(small, advise_flag, -MM_EAGAIN, 0),
    S(small, advise_merge, -MM_EAGAIN, 0),
    S(small, advise_dontneed, -MM_ENOMEM, TAKES),
    S(registered, advise_dontneed, -MM_ENOMEM, TAKES),
    S(small, advise_free, -MM_ENOMEM, SAME_MAPS),
    S(thp, free_part, -MM_ENOMEM, SAME_MAPS | OTHERWISE),
    S(small, advise_cold, -MM_ENOMEM, SAME_MAPS),
    S(tmpfs, advise_remove, -MM_ENOMEM, SAME_MAPS | TAKES),
    S(uncached, advise_willneed, -MM_ENOMEM, SAME_MAPS | OTHERWISE),
    S(small, advise_populate, -MM_ENOMEM, SAME_MAPS | PREFIX),
    S(small, advise_read, -MM_ENOMEM, SAME_MAPS | PREFIX),
    S(thp_empty, advise_populate, -MM_ENOMEM, SAME_MAPS | OTHERWISE),
    S(shmem, advise_populate, -MM_ENOMEM, SAME_MAPS | PREFIX),
    S(uncached, advise_read, -MM_ENOMEM, SAME_MAPS | OTHERWISE),
    S(small, advise_guard, -MM_ENOMEM, SAME_MAPS | TAKES),
    S(thp, guard_part, -MM_ENOMEM, SAME_MAPS | TAKES),
    S(collapsible, advise_collapse, -MM_ENOMEM, SAME_MAPS | OTHERWISE),
    S(small, advise_huge, -MM_EAGAIN, OTHERWISE | SAME_MAPS),
    S(small, do_process_madvise, -MM_ENOMEM, SAME_MAPS),
    S(small, do_mlock, -MM_ENOMEM, OTHER_MAPS | AGAIN),
    S(small, do_munlock, -MM_ENOMEM, 0),
    S(three, do_mlockall, -MM_ENOMEM, OTHER_MAPS | OTHERWISE),
    S(three, do_munlockall, -MM_ENOMEM, SAME_MAPS),
    S(small, do_mincore, -MM_ENOMEM, SAME_MAPS),
    S(shared_file, do_msync, -MM_ENOMEM, SAME_MAPS),
    S(small, do_mseal, -MM_ENOMEM, ONCE),
    S(small, do_name, -MM_ENOMEM, OTHER_MAPS | AGAIN),
    S(nothing, do_stack, -MM_ENOMEM, SAME_MAPS | ONCE),
    S(nothing, do_special, -MM_ENOMEM, SAME_MAPS | ONCE),
    S(small, fault_write, KILLED, SAME_MAPS),
    S(small, fault_read, KILLED, SAME_MAPS),
    S(thp_empty, fault_write, KILLED, SAME_MAPS | OTHERWISE),
    S(thp_empty, fault_read, KILLED, SAME_MAPS | OTHERWISE),
    S(thp_zero, fault_write, KILLED, SAME_MAPS | OTHERWISE),
    S(thp, fault_second, KILLED, SAME_MAPS | OTHERWISE),
    S(cow, fault_cow, KILLED, SAME_MAPS),
    S(cow, fault_child, KILLED, SAME_MAPS),
    S(cow_thp, fault_cow, KILLED, SAME_MAPS | OTHERWISE),
    S(stack, fault_stack, KILLED, OTHER_MAPS | SEGV | ONCE),
    S(uncached, fault_read, KILLED, SAME_MAPS | OTHERWISE),
    S(uncached, fault_write, KILLED, SAME_MAPS | OTHERWISE),
    S(private_file, fault_read, KILLED, SAME_MAPS | OTHERWISE),
    S(private_file, fault_write, KILLED, SAME_MAPS | OTHERWISE),
    S(shmem, fault_write, KILLED, SAME_MAPS | OTHERWISE),
    S(tmpfs, fault_write, KILLED, SAME_MAPS | OTHERWISE),
    S(hugetlb, fault_second, KILLED, SAME_MAPS),
    S(private_file, do_truncate, -MM_ENOMEM, SAME_MAPS | TAKES | OTHERWISE),
    S(tmpfs, do_truncate, -MM_ENOMEM, SAME_MAPS | TAKES | OTHERWISE),
    S(tmpfs, do_punch, -MM_ENOMEM, SAME_MAPS | TAKES),
    S(small, do_uffd, -MM_ENOMEM, SAME_MAPS),
    S(listening, uffd_register, -MM_ENOMEM, 0),
    S(listening, uffd_part, -MM_ENOMEM, 0),
    S(registered, uffd_unregister, -MM_ENOMEM, 0),
    S(registered, uffd_protect_all, -MM_ENOMEM, SAME_MAPS),
    S(fillable, uffd_copy, -MM_ENOMEM, SAME_MAPS | PREFIX | ONCE),
    S(fillable, uffd_zero, -MM_ENOMEM, SAME_MAPS | PREFIX | ONCE),
    S(fillable, uffd_move, -MM_ENOMEM, SAME_MAPS | PREFIX | TAKES | ONCE),
    S(registered, scan, -MM_ENOMEM, SAME_MAPS | ONCE),
    S(small, do_clear_refs, -MM_ENOMEM, SAME_MAPS),
    S(cow, do_pin, -MM_ENOMEM, SAME_MAPS),
    S(collapsible, do_khugepaged, -MM_ENOMEM, SAME_MAPS | OTHERWISE),
    S(small, do_pageout, -MM_ENOMEM, SAME_MAPS | TAKES),
    S(thp, do_pageout, -MM_ENOMEM, SAME_MAPS | TAKES),
    S(swapped, fault_back, KILLED, SAME_MAPS),
    S(swapped, fault_cow, KILLED, SAME_MAPS),
    S(swapped_cow, fault_cow, KILLED, SAME_MAPS),
    S(swapped_cow, fault_child, KILLED, SAME_MAPS),
    S(swapped_cow, do_pageout, KILLED, SAME_MAPS | TAKES),
    S(swapped, do_fork, -MM_ENOMEM, SAME_MAPS),
    S(swapped_cow, do_fork, -MM_ENOMEM, SAME_MAPS),
    S(swapped, advise_populate, -MM_ENOMEM, SAME_MAPS | PREFIX),
    S(swapped, advise_willneed, -MM_ENOMEM, SAME_MAPS),
    S(swapped, remap_move, -MM_ENOMEM, SAME_MAPS | ONCE),
    S(swapped, do_mlock, -MM_ENOMEM, OTHER_MAPS | AGAIN),
    S(swapped, do_swapoff, -MM_ENOMEM, SAME_MAPS | ONCE),
    S(swapped_cow, do_swapoff, -MM_ENOMEM, SAME_MAPS | ONCE),
    S(swapped_collapsible, advise_collapse, -MM_ENOMEM, SAME_MAPS | OTHERWISE | INVAL),
    S(nothing, do_pool, -MM_ENOMEM, SAME_MAPS | OTHERWISE),
#undef S
};

/* ---- what is compared ------------------------------------------------------------------------------------------------ */

struct state { struct bench_text maps; u8 there[1024]; };

/* Neighbouring lines of equal rights and name are one: cuts do not count. */
static void joined(struct bench_text *t)
{
    struct bench_text out = { .len = 0 };
    unsigned long long start = 0, end = 0, a, z;
    char rest[512] = "", now[512];

    for (char *line = strtok(t->buf, "\n"); ; line = strtok(NULL, "\n")) {
        char perms[8];
        if (line) {
            sscanf(line, "%llx-%llx %7s", &a, &z, perms);
            snprintf(now, sizeof now, "%s %s", perms, strlen(line) > 73 ? line + 73 : "");
        }
        if (line && a == end && !strcmp(now, rest)) {
            end = z;
            continue;
        }
        if (end)
            bench_put(&out, rest, (size_t)snprintf(rest + strlen(rest), sizeof rest - strlen(rest), " %llx-%llx\n", start, end) + strlen(rest) - strlen(strrchr(rest, ' ')));
        if (!line)
            break;
        start = a;
        end = z;
        strcpy(rest, now);
    }
    *t = out;
}

static void look(struct state *s, bool cuts_count)
{
    bench_maps(&b, &s->maps);
    if (!cuts_count)
        joined(&s->maps);
    for (u64 i = 0; i < sizeof s->there; i++)
        s->there[i] = mm_pagemap(p, A + i * PG) >> 63;
}

static void compare(const struct scenario *s, u64 nth, const struct state *before, const struct state *after)
{
    if (!(s->how & OTHER_MAPS) && strcmp(before->maps.buf, after->maps.buf))
        fail_msg("%s, allocation %d: mappings were\n%sand are\n%s", s->name, (int)nth, before->maps.buf, after->maps.buf);
    for (u64 i = 0; i < sizeof after->there && !(s->how & TAKES); i++)
        if (before->there[i] && !after->there[i])
            fail_msg("%s, allocation %d: page %d is lost", s->name, (int)nth, (int)i);
    for (u64 i = 1; i < 8 && (s->how & PREFIX); i++)
        if (after->there[i] && !after->there[i - 1])
            fail_msg("%s, allocation %d: page %d is there, the one before is not", s->name, (int)nth, (int)i);
}

/* ---- one failure ----------------------------------------------------------------------------------------------------- */

static void start(void)
{
    struct kernel_config cfg;

    kernel_config_init(&cfg);
    cfg.soft_dirty = true;
    cfg.swap_bytes = 1 << 20;
    bench_start(&b, 1, RAM, &cfg, 8 << 20);
    k = b.k;
    p = b.p;
    child = NULL;
    file = NULL;
    uffd = NULL;
}

/* Files are known for ever, as inodes are that no memory pressure drops. */
static u64 inode_bytes(void)
{
    u64 n = 0;

    for (unsigned i = 0; i < INODE_HASH; i++)
        for (const struct inode *at = k->inodes[i]; at; at = at->next)
            n += (sizeof *at + HEAP_GRAIN - 1) & ~(u64)(HEAP_GRAIN - 1);
    return n;
}

/* Everybody leaves; what is still taken, of frames and of the heap? */
static void leave(const char *name, u64 nth)
{
    u64 kept, heap;

    if (uffd)
        mm_uffd_close(uffd);
    if (file) {
        must(mm_file_truncate(file, 0));
        mm_file_close(file);
    }
    kernel_sys_write(k, "hugepages/hugepages-2048kB/nr_hugepages", "0");
    if (child)
        proc_free(child);
    proc_free(p);
    lru_drain_all(k);
    bench_check(&b);
    kept = 3 + (pfn_is_none(k->huge_zero) ? 0 : PTRS_PER_TABLE); /* the idle table, the zero pages, the vdso */
    if (k->free_frames + kept != k->nr_frames)
        fail_msg("%s, allocation %d: %d frames are lost", name, (int)nth, (int)(k->nr_frames - kept - k->free_frames));
    heap = k->heap.live - (u64)k->index_pages * PAGE_BYTES - inode_bytes();
    if (heap)
        fail_msg("%s, allocation %d: %d bytes of the heap are lost", name, (int)nth, (int)heap);
}

static bool allowed(const struct scenario *s, long r)
{
    return r >= 0 || r == s->error || ((s->how & AGAIN) && r == -MM_EAGAIN) || ((s->how & SEGV) && r == SEGV_MAP) ||
           ((s->how & INVAL) && r == -MM_EINVAL);
}

/* true: there was an nth allocation.  never: what the call leaves behind when none fails. */
static bool fails(const struct scenario *s, u64 nth, long ok, const struct state *never)
{
    static struct state before, after;
    bool failed;
    long r;

    start();
    s->setup();
    look(&before, s->how & SAME_MAPS);
    kernel_fail_allocation(k, nth);
    r = s->call();
    failed = kernel_allocation_failed(k);
    kernel_fail_allocation(k, 0);
    bench_check(&b);
    if (!allowed(s, r))
        fail_msg("%s, allocation %d: answered %ld", s->name, (int)nth, r);
    look(&after, r >= 0 || (s->how & SAME_MAPS));
    if (r < 0)
        compare(s, nth, &before, &after);
    else if (!(s->how & OTHERWISE) && (strcmp(after.maps.buf, never->maps.buf) || memcmp(after.there, never->there, sizeof after.there)))
        fail_msg("%s, allocation %d: a success, but not what was asked for", s->name, (int)nth);
    if (r < 0 || !(s->how & ONCE)) {
        r = s->call();
        if (r < 0 && !(s->how & ONCE))
            fail_msg("%s, allocation %d: again, with memory: %ld instead of %ld", s->name, (int)nth, r, ok);
        bench_check(&b);
    }
    leave(s->name, nth);
    bench_stop(&b);
    return failed;
}

static void run(void **state)
{
    static struct state never;
    const struct scenario *s = *state;
    u64 nth = 1;
    long ok;

    start();
    s->setup();
    ok = s->call();
    assert_true(ok >= 0);
    look(&never, true);
    bench_check(&b);
    leave(s->name, 0);
    bench_stop(&b);
    while (fails(s, nth, ok, &never))
        nth++;
    assert_true(nth < 5000);
}

int main(void)
{
    static struct CMUnitTest tests[COUNT_OF(scenarios)];

    for (size_t i = 0; i < COUNT_OF(scenarios); i++)
        tests[i] = (struct CMUnitTest){ .name = scenarios[i].name, .test_func = run, .initial_state = (void *)(uintptr_t)&scenarios[i] };
    return _cmocka_run_group_tests("oom", tests, COUNT_OF(tests), NULL, NULL);
}
