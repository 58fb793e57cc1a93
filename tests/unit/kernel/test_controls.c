/* SPDX-License-Identifier: MIT
 * test_controls.c - what a process says about its memory as a whole: protection keys, prctl, names, limits, overcommit,
 * advice to others, membarrier. */
#include "bench.h"

#define RW (MM_PROT_READ | MM_PROT_WRITE)
#define RWX (RW | MM_PROT_EXEC)
#define FIX (MM_MAP_PRIVATE | MM_MAP_ANONYMOUS | MM_MAP_FIXED)
#define ANON (MM_MAP_PRIVATE | MM_MAP_ANONYMOUS)
#define A 0x10000000000ull
#define PG PAGE_BYTES
#define PKE (1ull << 22)

static struct bench b;

static void start(const struct kernel_config *c) { bench_start(&b, 2, 64ull << 20, c, 0); }

static int setup(void **state)
{
    struct kernel_config c;
    (void)state;
    kernel_config_init(&c);
    start(&c);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    bench_check(&b);
    bench_stop(&b);
    return 0;
}

static long map(u64 addr, u64 pages, int prot) { return mm_mmap(b.p, addr, pages * PG, prot, addr ? FIX : ANON, NULL, 0); }

static u32 maps(void)
{
    struct mm_rss r;

    mm_rss(b.p, &r);
    return r.map_count;
}

/* ---- protection keys ------------------------------------------------------------------------------------------- */

/* A machine that has them. */
static void start_with_keys(void)
{
    struct kernel_config c;

    bench_stop(&b);
    kernel_config_init(&c);
    start(&c);
    b.hw.cr4_allowed = PKE;
    b.k = kernel_create(b.block, b.block_bytes, &b.hw, &c);
    b.p = proc_new(b.k, "keys");
    proc_run_on(b.k, 0, b.p);
    assert_true(b.regs[0][HW_CR4] & PKE);
}

/* The trap of an access that the processor refused: PF_PK is bit 5. */
static int refused(u64 va, u32 error)
{
    struct hw_trap t = { .vector = 14, .user = true, .cr2 = va, .error = 4 | error };

    kernel_trap(b.k, 0, &t, &b.last);
    return b.last.resume ? 0 : b.last.signo * 256 + b.last.code;
}

#define PKUERR (MM_SIGSEGV * 256 + MM_SEGV_PKUERR)

static void without_the_feature_keys_do_not_exist(void **state)
{
    (void)state;
    map(A, 1, RW);
    assert_int_equal(mm_pkey_alloc(b.p, 0, 0), -MM_EINVAL);
    assert_int_equal(mm_pkey_alloc(b.p, 0, 0), -MM_ENOSPC);
    assert_int_equal(mm_pkey_free(b.p, 0), -MM_EINVAL);
    assert_int_equal(mm_pkey_mprotect(b.p, A, PG, RW, 0), -MM_EINVAL);
    assert_int_equal(mm_pkey_mprotect(b.p, A, PG, RW, -1), 0);
    assert_int_equal(map(A + PG, 1, MM_PROT_EXEC), A + PG);
    assert_int_equal(bench_read(&b, A + PG), 1);          /* execute-only is readable                         */
}

static void keys_are_allocated_and_freed(void **state)
{
    (void)state;
    start_with_keys();
    assert_int_equal(mm_pkru(b.p), 0x55555554);
    assert_int_equal(mm_pkey_alloc(b.p, 1, 0), -MM_EINVAL);
    assert_int_equal(mm_pkey_alloc(b.p, 0, 4), -MM_EINVAL);
    for (int key = 1; key < 16; key++)
        assert_int_equal(mm_pkey_alloc(b.p, 0, 0), key);
    assert_int_equal(mm_pkey_alloc(b.p, 0, 0), -MM_ENOSPC);
    assert_int_equal(mm_pkru(b.p), 0);
    assert_int_equal(mm_pkey_free(b.p, 16), -MM_EINVAL);
    assert_int_equal(mm_pkey_free(b.p, -1), -MM_EINVAL);
    assert_int_equal(mm_pkey_free(b.p, 7), 0);
    assert_int_equal(mm_pkey_free(b.p, 7), -MM_EINVAL);
    assert_int_equal(mm_pkey_alloc(b.p, 0, 3), 7);
    assert_int_equal(mm_pkru(b.p), 3u << 14);
}

static void a_key_guards_a_mapping(void **state)
{
    (void)state;
    start_with_keys();
    map(A, 4, RW);
    assert_int_equal(mm_pkey_mprotect(b.p, A, PG, RW, 1), -MM_EINVAL);
    assert_int_equal(mm_pkey_alloc(b.p, 0, 2), 1);
    assert_int_equal(mm_pkey_mprotect(b.p, A + PG, 2 * PG, RW, 1), 0);
    assert_int_equal(maps(), 3);
    assert_int_equal(refused(A + PG, 2), PKUERR);         /* found before a page is made                      */
    assert_int_equal(b.last.pkey, 1);
    assert_int_equal(mm_pagemap(b.p, A + PG), 0);
    assert_int_equal(bench_read(&b, A + PG), 1);
    assert_int_equal(refused(A + PG, 2 | 1 | 32), PKUERR);
    assert_int_equal(mm_madvise(b.p, A + 2 * PG, PG, MM_MADV_POPULATE_WRITE), -MM_EFAULT);
    mm_set_pkru(b.p, 0);
    assert_int_equal(refused(A + PG, 2), 0);
    assert_int_equal(mm_mprotect(b.p, A + PG, PG, MM_PROT_READ), 0); /* keeps the key                        */
    assert_int_equal(mm_pkey_mprotect(b.p, A + PG, PG, RW, 0), 0);
    assert_int_equal(maps(), 3);
}

static void execute_only_takes_a_key(void **state)
{
    (void)state;
    start_with_keys();
    mm_set_pkru(b.p, 0);
    assert_int_equal(map(A, 1, MM_PROT_EXEC), A);
    assert_int_equal(mm_pkru(b.p), 1u << 2);              /* key 1: no access                                 */
    assert_int_equal(refused(A, 0), PKUERR);
    assert_int_equal(refused(A, 16), 0);                  /* fetches are not asked                            */
    assert_int_equal(mm_pkey_free(b.p, 1), -MM_EINVAL);   /* not the program's                                */
    assert_int_equal(mm_pkey_mprotect(b.p, A, PG, RW, 1), -MM_EINVAL);
    assert_int_equal(mm_pkey_alloc(b.p, 0, 0), 2);
    assert_int_equal(mm_mprotect(b.p, A, PG, MM_PROT_READ | MM_PROT_EXEC), 0);
    assert_int_equal(refused(A, 0), 0);                   /* back to key 0                                    */
    map(A + PG, 1, RW);
    assert_int_equal(mm_mprotect(b.p, A + PG, PG, MM_PROT_EXEC), 0);
    assert_int_equal(refused(A + PG, 0), PKUERR);
}

static void pkru_is_the_processes_own(void **state)
{
    struct proc *child;
    (void)state;
    start_with_keys();
    assert_int_equal(mm_pkey_alloc(b.p, 0, 0), 1);
    assert_int_equal(proc_fork(b.p, 0, "child", 0, &child), 0);
    proc_run_on(b.k, 0, child);
    assert_int_equal(mm_pkru(child), 0x55555550);
    mm_set_pkru(child, 0xc);
    assert_int_equal(b.regs[0][HW_PKRU], 0xc);
    assert_int_equal(mm_pkru(b.p), 0x55555550);
    b.regs[0][HW_PKRU] = 0xd;                             /* WRPKRU of the program itself                     */
    proc_run_on(b.k, 0, b.p);
    assert_int_equal(b.regs[0][HW_PKRU], 0x55555550);
    assert_int_equal(mm_pkru(child), 0xd);
    assert_int_equal(mm_pkey_alloc(child, 0, 0), 2);      /* the keys were inherited                          */
    assert_int_equal(proc_exec_begin(child, "next"), 0);
    assert_int_equal(mm_pkru(child), 0x55555554);
    assert_int_equal(mm_pkey_alloc(child, 0, 0), 1);
    proc_free(child);
}

/* ---- prctl ----------------------------------------------------------------------------------------------------- */

static long prctl2(int option, u64 a2, u64 a3) { return mm_prctl(b.p, option, a2, a3, 0, 0); }

static void writing_and_executing_exclude_each_other(void **state)
{
    struct proc *child;
    (void)state;
    map(A, 2, RW);
    map(A + 4 * PG, 1, RWX);
    assert_int_equal(prctl2(MM_PR_SET_MDWE, 2, 0), -MM_EINVAL);
    assert_int_equal(prctl2(MM_PR_SET_MDWE, 4, 0), -MM_EINVAL);
    assert_int_equal(prctl2(MM_PR_SET_MDWE, 1, 1), -MM_EINVAL);
    assert_int_equal(prctl2(MM_PR_SET_MDWE, 0, 0), 0);
    assert_int_equal(prctl2(MM_PR_SET_MDWE, 1, 0), 0);
    assert_int_equal(prctl2(MM_PR_SET_MDWE, 3, 0), -MM_EPERM);
    assert_int_equal(prctl2(MM_PR_SET_MDWE, 0, 0), -MM_EPERM);
    assert_int_equal(prctl2(MM_PR_GET_MDWE, 0, 0), 1);
    assert_int_equal(map(0, 1, RWX), -MM_EACCES);
    assert_true(map(0, 1, MM_PROT_READ | MM_PROT_EXEC) > 0);
    assert_int_equal(mm_mprotect(b.p, A, PG, MM_PROT_READ | MM_PROT_EXEC), -MM_EACCES);
    assert_int_equal(mm_mprotect(b.p, A + 4 * PG, PG, RWX), -MM_EACCES);
    assert_int_equal(mm_mprotect(b.p, A + 4 * PG, PG, MM_PROT_READ | MM_PROT_EXEC), 0);
    assert_int_equal(mm_mprotect(b.p, A + 4 * PG, PG, RW), 0);
    assert_int_equal(mm_mprotect(b.p, A + 4 * PG, PG, MM_PROT_READ | MM_PROT_EXEC), -MM_EACCES);
    assert_int_equal(map(A, 1, RWX), -MM_EACCES);
    assert_int_equal(bench_write(&b, A), 1);              /* a refused MAP_FIXED leaves what was there        */
    assert_int_equal(proc_fork(b.p, 0, "child", 0, &child), 0);
    assert_int_equal(mm_prctl(child, MM_PR_GET_MDWE, 0, 0, 0, 0), 1);
    assert_int_equal(proc_exec_begin(child, "next"), 0);
    assert_int_equal(mm_prctl(child, MM_PR_GET_MDWE, 0, 0, 0, 0), 1);
    proc_free(child);
}

static void it_may_be_kept_from_children(void **state)
{
    struct proc *child;
    (void)state;
    assert_int_equal(prctl2(MM_PR_SET_MDWE, 3, 0), 0);
    assert_int_equal(proc_fork(b.p, 0, "child", 0, &child), 0);
    assert_int_equal(mm_prctl(child, MM_PR_GET_MDWE, 0, 0, 0, 0), 0);
    proc_free(child);
}

static u8 kind_of_write(u64 va)
{
    assert_int_equal(mm_madvise(b.p, va, 512 * PG, MM_MADV_DONTNEED), 0);
    bench_write(&b, va);
    return b.last.kind;
}

static void huge_pages_can_be_switched_off(void **state)
{
    struct kernel_config c;
    const u64 advised = A + 1024 * PG;
    (void)state;
    bench_stop(&b);
    kernel_config_init(&c);
    c.thp = MM_THP_ALWAYS;
    start(&c);
    map(A, 512, RW);
    map(advised, 512, RW);
    assert_int_equal(mm_madvise(b.p, advised, 512 * PG, MM_MADV_HUGEPAGE), 0);
    assert_int_equal(kind_of_write(A), MM_FAULT_HUGE);
    assert_int_equal(prctl2(MM_PR_SET_THP_DISABLE, 1, 1), -MM_EINVAL);
    assert_int_equal(prctl2(MM_PR_SET_THP_DISABLE, 0, 2), -MM_EINVAL);
    assert_int_equal(prctl2(MM_PR_SET_THP_DISABLE, 1, 2), 0);
    assert_int_equal(prctl2(MM_PR_GET_THP_DISABLE, 0, 0), 3);
    assert_int_equal(kind_of_write(A), MM_FAULT_ANON);
    assert_int_equal(kind_of_write(advised), MM_FAULT_HUGE);
    assert_int_equal(prctl2(MM_PR_SET_THP_DISABLE, 5, 0), 0);
    assert_int_equal(prctl2(MM_PR_GET_THP_DISABLE, 0, 0), 1);
    assert_int_equal(kind_of_write(advised), MM_FAULT_ANON);
    assert_int_equal(mm_madvise(b.p, advised, 512 * PG, MM_MADV_COLLAPSE), -MM_EINVAL);
    assert_int_equal(proc_exec_begin(b.p, "next"), 0);
    assert_int_equal(prctl2(MM_PR_GET_THP_DISABLE, 0, 0), 1);
}

static void only_the_privileged_move_places(void **state)
{
    struct kernel_config c;
    (void)state;
    assert_int_equal(prctl2(MM_PR_SET_MM, MM_PR_SET_MM_START_BRK, A), -MM_EPERM);
    assert_int_equal(mm_prctl(b.p, MM_PR_SET_MM, MM_PR_SET_MM_BRK, A, 1, 0), -MM_EINVAL);
    bench_stop(&b);
    kernel_config_init(&c);
    c.privileged = true;
    start(&c);
    assert_int_equal(prctl2(MM_PR_SET_MM, MM_PR_SET_MM_START_BRK, A), 0);
    assert_int_equal(prctl2(MM_PR_SET_MM, MM_PR_SET_MM_BRK, A), 0);
    assert_int_equal(mm_brk(b.p, A + PG), A + PG);
    assert_int_equal(prctl2(MM_PR_SET_MM, MM_PR_SET_MM_BRK, 0x1000), -MM_EINVAL);
    assert_int_equal(prctl2(MM_PR_SET_MM, 99, A), -MM_EINVAL);
    assert_int_equal(prctl2(MM_PR_SET_MM, MM_PR_SET_MM_START_STACK, A + 64 * PG), -MM_EFAULT);
    assert_int_equal(prctl2(MM_PR_SET_MM, MM_PR_SET_MM_START_STACK, A), 0);
    assert_int_equal(prctl2(MM_PR_SET_MM, MM_PR_SET_MM_START_CODE, A), 0);
    assert_int_equal(prctl2(MM_PR_SET_MM, MM_PR_SET_MM_END_CODE, A), -MM_EINVAL);
    assert_int_equal(prctl2(999, 0, 0), -MM_EINVAL);
}

/* ---- names ------------------------------------------------------------------------------------------------------ */

static bool shown(const char *what)
{
    static struct bench_text t;

    bench_maps(&b, &t);
    return strstr(t.buf, what);
}

static void names_keep_neighbours_apart(void **state)
{
    char name[82];
    struct proc *child;
    (void)state;
    map(A, 8, RW);
    assert_int_equal(mm_set_vma_name(b.p, A + 2 * PG, 2 * PG, "one"), 0);
    assert_int_equal(maps(), 3);
    assert_true(shown("[anon:one]"));
    assert_int_equal(mm_set_vma_name(b.p, A, 2 * PG, "one"), 0);
    assert_int_equal(maps(), 2);
    assert_int_equal(mm_set_vma_name(b.p, A, 2 * PG, "other"), 0);
    assert_int_equal(mm_set_vma_name(b.p, A + 2 * PG, 2 * PG, "third"), 0);
    assert_int_equal(maps(), 3);
    assert_int_equal(mm_set_vma_name(b.p, A, 4 * PG, "two"), 0);
    assert_int_equal(maps(), 2);
    assert_int_equal(proc_fork(b.p, 0, "child", 0, &child), 0);
    assert_int_equal(mm_set_vma_name(b.p, A, 8 * PG, NULL), 0);
    assert_int_equal(maps(), 1);
    assert_false(shown("[anon"));
    proc_free(child);                                     /* the name lives as long as a mapping has it       */
    memset(name, 'x', sizeof name);
    name[79] = 0;
    assert_int_equal(mm_set_vma_name(b.p, A, PG, name), 0);
    name[79] = 'x';
    name[80] = 0;
    assert_int_equal(mm_set_vma_name(b.p, A, PG, name), -MM_EINVAL);
    assert_int_equal(mm_set_vma_name(b.p, A, PG, "a$b"), -MM_EINVAL);
    assert_int_equal(mm_set_vma_name(b.p, A + 1, PG, "a"), -MM_EINVAL);
    assert_int_equal(mm_set_vma_name(b.p, A + 7 * PG, 2 * PG, "end"), -MM_ENOMEM);
    assert_true(shown("[anon:end]"));                     /* what was there has it                            */
}

static void only_anonymous_memory_has_names(void **state)
{
    struct mm_file_info info = { .path = "/f", .size_bytes = 8 * PG, .ino = 9, .fs = MM_FS_EXT4, .writable = true };
    struct mm_file *f = mm_file_open(b.k, &info);
    (void)state;
    assert_int_equal(mm_mmap(b.p, A, PG, RW, MM_MAP_PRIVATE | MM_MAP_FIXED, f, 0), A);
    assert_int_equal(mm_set_vma_name(b.p, A, PG, "x"), -MM_EBADF);
    assert_int_equal(mm_mmap(b.p, A, PG, RW, MM_MAP_SHARED | MM_MAP_ANONYMOUS | MM_MAP_FIXED, NULL, 0), A);
    assert_int_equal(mm_set_vma_name(b.p, A, PG, "x"), 0);
    assert_true(shown("[anon_shmem:x]"));
    mm_file_close(f);
}

/* ---- limits and overcommit -------------------------------------------------------------------------------------- */

static void limits_belong_to_the_process(void **state)
{
    struct proc *child;
    (void)state;
    assert_int_equal(mm_setrlimit(b.p, MM_RLIMIT_AS, 8 * PG), 0);
    assert_int_equal(mm_setrlimit(b.p, 99, 0), -MM_EINVAL);
    assert_int_equal(map(A, 8, RW), A);
    assert_int_equal(map(0, 1, MM_PROT_NONE), -MM_ENOMEM);
    assert_int_equal(proc_fork(b.p, 0, "child", 0, &child), 0);
    assert_int_equal(mm_setrlimit(b.p, MM_RLIMIT_AS, ~0ull), 0);
    assert_true(map(0, 1, RW) > 0);
    assert_int_equal(mm_mmap(child, 0, PG, RW, ANON, NULL, 0), -MM_ENOMEM);
    proc_free(child);
    assert_int_equal(mm_setrlimit(b.p, MM_RLIMIT_MEMLOCK, 2 * PG), 0);
    assert_int_equal(mm_mlock2(b.p, A, 3 * PG, 0), -MM_ENOMEM);
    assert_int_equal(mm_mlock2(b.p, A, 2 * PG, 0), 0);
    assert_int_equal(mm_setrlimit(b.p, MM_RLIMIT_DATA, 9 * PG), 0);
    assert_int_equal(map(0, 1, RW), -MM_ENOMEM);
    assert_true(map(0, 1, MM_PROT_READ) > 0);
}

/* 64 MiB: half of it, less an eighth of a 32nd ... the reserves are min(1/32 of memory, 8 MiB) and min(program's size / 32,
 * 1/32 of memory). */
static void mode_never_keeps_to_the_commit_limit(void **state)
{
    struct kernel_config c;
    const u64 limit = (64ull << 20) / 2, admin = (64ull << 20) / 32;
    long at;
    (void)state;
    bench_stop(&b);
    kernel_config_init(&c);
    c.overcommit = MM_OVERCOMMIT_NEVER;
    start(&c);
    assert_int_equal(mm_mmap(b.p, 0, limit, RW, ANON, NULL, 0), -MM_ENOMEM);
    assert_int_equal(mm_mmap(b.p, 0, limit - admin, RW, ANON, NULL, 0), -MM_ENOMEM);
    assert_int_equal(mm_mmap(b.p, 0, limit - admin, RW, ANON | MM_MAP_NORESERVE, NULL, 0), -MM_ENOMEM); /* ignored */
    at = mm_mmap(b.p, 0, limit - admin - PG, RW, ANON, NULL, 0);
    assert_true(at > 0);
    assert_int_equal(map(0, 1, RW), -MM_ENOMEM);
    assert_true(map(0, 1, MM_PROT_READ) > 0);             /* nothing to promise                               */
    assert_int_equal(mm_munmap(b.p, (u64)at, limit - admin - PG), 0);
    assert_true(map(0, 1, RW) > 0);
    bench_check(&b);
}

static void mode_always_refuses_nothing(void **state)
{
    struct kernel_config c;
    (void)state;
    assert_int_equal(mm_mmap(b.p, 0, 65ull << 20, RW, ANON, NULL, 0), -MM_ENOMEM); /* the guess: more than there is */
    assert_true(mm_mmap(b.p, 0, 65ull << 20, RW, ANON | MM_MAP_NORESERVE, NULL, 0) > 0);
    bench_stop(&b);
    kernel_config_init(&c);
    c.overcommit = MM_OVERCOMMIT_ALWAYS;
    start(&c);
    assert_true(mm_mmap(b.p, 0, 1ull << 40, RW, ANON, NULL, 0) > 0);
}

/* ---- advice to others, membarrier -------------------------------------------------------------------------------- */

static void others_are_advised_within_limits(void **state)
{
    struct mm_iov iov[3] = { { A, PG }, { A + 2 * PG, PG }, { A + 64 * PG, PG } };
    static struct mm_iov many[1025];
    struct proc *child;
    (void)state;
    map(A, 4, RW);
    bench_write(&b, A);
    bench_write(&b, A + 2 * PG);
    assert_int_equal(mm_process_madvise(b.p, b.p, iov, 2, MM_MADV_DONTNEED, 1), -MM_EINVAL);
    assert_int_equal(mm_process_madvise(b.p, b.p, many, 1025, MM_MADV_DONTNEED, 0), -MM_EINVAL);
    assert_int_equal(mm_process_madvise(b.p, b.p, iov, 0, MM_MADV_DONTNEED, 0), 0);
    assert_int_equal(mm_process_madvise(b.p, b.p, iov, 3, MM_MADV_DONTNEED, 0), 2 * PG); /* the third is a hole */
    assert_int_equal(mm_pagemap(b.p, A + 2 * PG), 0);
    assert_int_equal(mm_process_madvise(b.p, b.p, iov + 2, 1, MM_MADV_DONTNEED, 0), -MM_ENOMEM);
    assert_int_equal(proc_fork(b.p, 0, "child", 0, &child), 0);
    assert_int_equal(mm_process_madvise(b.p, child, iov, 2, MM_MADV_DONTNEED, 0), -MM_EINVAL);
    assert_int_equal(mm_process_madvise(b.p, child, iov, 2, MM_MADV_COLD, 0), 2 * PG);
    proc_exit(child);
    assert_int_equal(mm_process_madvise(b.p, child, iov, 2, MM_MADV_COLD, 0), -MM_ESRCH);
    proc_free(child);
}

static void barriers_need_a_registration(void **state)
{
    (void)state;
    assert_int_equal(mm_membarrier(b.p, 0, 0), 0x3ff);
    assert_int_equal(mm_membarrier(b.p, 8, 0), -MM_EPERM);
    assert_int_equal(mm_membarrier(b.p, 16, 0), 0);
    assert_int_equal(mm_membarrier(b.p, 8, 0), 0);
    assert_int_equal(mm_membarrier(b.p, 8, 1), -MM_EINVAL);
    assert_int_equal(mm_membarrier(b.p, 512, 0), 16);
    assert_int_equal(mm_membarrier(b.p, 3, 0), -MM_EINVAL);
    assert_int_equal(mm_membarrier(b.p, 1024, 0), -MM_EINVAL);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(without_the_feature_keys_do_not_exist), TEST(keys_are_allocated_and_freed), TEST(a_key_guards_a_mapping),
        TEST(execute_only_takes_a_key), TEST(pkru_is_the_processes_own), TEST(writing_and_executing_exclude_each_other),
        TEST(it_may_be_kept_from_children), TEST(huge_pages_can_be_switched_off), TEST(only_the_privileged_move_places),
        TEST(names_keep_neighbours_apart), TEST(only_anonymous_memory_has_names), TEST(limits_belong_to_the_process),
        TEST(mode_never_keeps_to_the_commit_limit), TEST(mode_always_refuses_nothing),
        TEST(others_are_advised_within_limits), TEST(barriers_need_a_registration),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
