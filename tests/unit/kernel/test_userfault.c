/* SPDX-License-Identifier: MIT
 * test_userfault.c - userfaultfd: waiting and answering, registration, fills, write protection, events, moves, and all of
 * it with every amount of memory. */
#include "bench.h"

#define RW (MM_PROT_READ | MM_PROT_WRITE)
#define FIX (MM_MAP_PRIVATE | MM_MAP_ANONYMOUS | MM_MAP_FIXED)
#define A 0x10000000000ull
#define S (A + 4096 * PG)                /* the source of copies                                             */
#define PG PAGE_BYTES
#define WAITS (-1)
#define WP_BIT (1ull << 57)

static struct bench b;
static struct mm_uffd *u;
static u64 ioctls;
static s64 done;

/* ---- the bench ------------------------------------------------------------------------------------------------- */

static void start(u64 ram_bytes, size_t heap_bytes)
{
    struct kernel_config c;

    kernel_config_init(&c);
    bench_start(&b, 2, ram_bytes, &c, heap_bytes);
}

static int setup(void **state)
{
    (void)state;
    start(64ull << 20, 0);
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

static struct mm_uffd *open_with(u64 features)
{
    struct mm_uffd *n;

    assert_int_equal(mm_userfaultfd(b.p, 0, &n), 0);
    assert_int_equal(mm_uffd_api(n, MM_UFFD_API, &features, &ioctls), 0);
    return n;
}

static long reg(u64 addr, u64 pages, u64 mode) { return mm_uffd_register(u, addr, pages * PG, mode, &ioctls); }
static long copy(u64 addr, u64 pages, u64 mode) { return mm_uffd_copy(b.p, u, addr, S, pages * PG, mode, &done); }
static long protect(u64 addr, u64 pages, bool on)
{
    return mm_uffd_writeprotect(b.p, u, addr, pages * PG, on ? MM_UFFD_WP_WP : 0);
}

/* Opens u, maps n pages at A and registers them. */
static void watch(u64 pages, u64 mode, u64 features)
{
    u = open_with(features);
    map(A, pages, FIX);
    map(S, 8, FIX);
    assert_int_equal(reg(A, pages, mode), 0);
}

/* An access: the faults it took, or WAITS, or a signal as bench_on() answers. */
static int try(u64 va, char kind)
{
    struct hw_trap t = { .vector = 14, .user = true, .cr2 = va };
    int more;

    t.error = bench_walk(&b, 0, va, kind);
    if (!t.error)
        return 0;
    kernel_trap(b.k, 0, &t, &b.last);
    bench_check(&b);
    if (b.last.waits)
        return WAITS;
    if (!b.last.resume)
        return -(b.last.signo * 256 + b.last.code);
    more = bench_on(&b, 0, va, kind);
    return more < 0 ? more : more + 1;
}

static struct mm_uffd_msg next_message(void)
{
    struct mm_uffd_msg m = { 0 };

    assert_int_equal(mm_uffd_read(u, &m), 0);
    return m;
}

static void no_message(void)
{
    struct mm_uffd_msg m;

    assert_int_equal(mm_uffd_read(u, &m), -MM_EAGAIN);
}

static u32 maps(void)
{
    struct mm_rss r;

    mm_rss(b.p, &r);
    return r.map_count;
}

/* ---- waiting --------------------------------------------------------------------------------------------------- */

static void a_fault_waits_until_it_is_answered(void **state)
{
    struct mm_uffd_msg m;
    (void)state;
    watch(4, MM_UFFD_REGISTER_MISSING, 0);
    no_message();
    assert_int_equal(try(A + 8, 'w'), WAITS);
    assert_ptr_equal(mm_uffd_waiting(b.p), u);
    m = next_message();
    assert_int_equal(m.event, MM_UFFD_EVENT_PAGEFAULT);
    assert_int_equal(m.flags, MM_UFFD_FAULT_WRITE);
    assert_int_equal(m.address, A);                       /* the page, without EXACT_ADDRESS                  */
    assert_null(m.proc);                                  /* without THREAD_ID                                */
    assert_int_equal(try(A + 8, 'w'), WAITS);             /* repeated: nothing new is asked                   */
    no_message();
    assert_int_equal(proc_counters(b.p)->minor, 0);
    assert_int_equal(copy(A, 1, 0), 0);
    assert_int_equal(done, PG);
    assert_null(mm_uffd_waiting(b.p));
    assert_int_equal(proc_counters(b.p)->minor, 1);       /* the woken fault counts, as minor                 */
    assert_int_equal(try(A + 8, 'w'), 0);
}

static void what_is_asked_for_says_more(void **state)
{
    struct mm_uffd_msg m;
    (void)state;
    watch(4, MM_UFFD_REGISTER_MISSING, MM_UFFD_FEATURE_EXACT_ADDRESS | MM_UFFD_FEATURE_THREAD_ID);
    assert_int_equal(try(A + 8, 'r'), WAITS);
    m = next_message();
    assert_int_equal(m.address, A + 8);
    assert_int_equal(m.flags, 0);
    assert_ptr_equal(m.proc, b.p);
}

static void waiting_twice_is_major(void **state)
{
    (void)state;
    watch(4, MM_UFFD_REGISTER_MISSING, 0);
    assert_int_equal(try(A, 'r'), WAITS);
    next_message();
    assert_int_equal(mm_uffd_wake(u, A, PG), 0);          /* answers nothing: the fault is put again          */
    assert_int_equal(next_message().address, A);
    assert_int_equal(mm_uffd_zeropage(b.p, u, A, PG, 0, &done), 0);
    assert_int_equal(proc_counters(b.p)->major, 1);
    assert_int_equal(proc_counters(b.p)->minor, 0);
}

static void dontwake_leaves_it_waiting(void **state)
{
    (void)state;
    watch(4, MM_UFFD_REGISTER_MISSING, 0);
    assert_int_equal(try(A, 'r'), WAITS);
    assert_int_equal(copy(A, 1, MM_UFFD_COPY_DONTWAKE), 0);
    assert_ptr_equal(mm_uffd_waiting(b.p), u);
    assert_int_equal(mm_uffd_wake(u, A + PG, PG), 0);     /* not this page                                    */
    assert_int_equal(mm_uffd_wake(u, A - PG, PG), 0);
    assert_ptr_equal(mm_uffd_waiting(b.p), u);
    assert_int_equal(mm_uffd_wake(u, A, PG), 0);
    assert_null(mm_uffd_waiting(b.p));
}

static unsigned asked;

static void answer_at_once(void *ctx, struct mm_uffd *from)
{
    (void)ctx;
    asked++;
    assert_ptr_equal(from, u);
    assert_int_equal(mm_uffd_copy(b.p, u, page_down(next_message().address), S, PG, 0, &done), 0);
}

static void the_receiver_may_answer_at_once(void **state)
{
    (void)state;
    watch(4, MM_UFFD_REGISTER_MISSING, 0);
    kernel_on_uffd(b.k, answer_at_once, NULL);
    asked = 0;
    assert_int_equal(try(A, 'w'), 1);
    assert_int_equal(asked, 1);
    assert_int_equal(mm_madvise(b.p, A, 4 * PG, MM_MADV_POPULATE_WRITE), 0);
    assert_int_equal(asked, 4);
    assert_int_equal(proc_counters(b.p)->minor, 1);       /* populate finds the pages there: no further fault */
    kernel_on_uffd(b.k, NULL, NULL);
    assert_int_equal(mm_madvise(b.p, A, PG, MM_MADV_DONTNEED), 0);
    assert_int_equal(mm_madvise(b.p, A, PG, MM_MADV_POPULATE_READ), -MM_EINTR);
    no_message();
}

static void refusing_is_a_signal(void **state)
{
    struct hw_trap t = { .vector = 14, .cr2 = A, .error = 0 };
    (void)state;
    watch(4, MM_UFFD_REGISTER_MISSING, MM_UFFD_FEATURE_SIGBUS);
    assert_int_equal(try(A, 'r'), BUS_ADR);
    no_message();
    mm_uffd_close(u);
    assert_int_equal(mm_userfaultfd(b.p, 7, &u), -MM_EINVAL);
    assert_int_equal(mm_userfaultfd(b.p, MM_UFFD_USER_MODE_ONLY, &u), 0);
    u64 none = 0;
    assert_int_equal(mm_uffd_api(u, MM_UFFD_API, &none, &ioctls), 0);
    assert_int_equal(reg(A, 4, MM_UFFD_REGISTER_MISSING), 0);
    kernel_trap(b.k, 0, &t, &b.last);                     /* the kernel's own access                          */
    assert_int_equal(b.last.signo, MM_SIGBUS);
    assert_int_equal(try(A, 'r'), WAITS);                 /* the program's                                    */
}

static void whoever_waits_may_go(void **state)
{
    struct proc *other;
    (void)state;
    watch(4, MM_UFFD_REGISTER_MISSING, 0);
    assert_int_equal(proc_fork(b.p, 0, "thread", PROC_FORK_VM, &other), 0);
    proc_run_on(b.k, 0, other);
    assert_int_equal(try(A, 'w'), WAITS);
    proc_free(other);
    proc_run_on(b.k, 0, b.p);
    no_message();
    assert_int_equal(try(A + PG, 'w'), WAITS);
    mm_uffd_close(u);                                     /* unregisters and wakes                            */
    assert_null(mm_uffd_waiting(b.p));
    assert_int_equal(proc_counters(b.p)->minor, 1);
    assert_int_equal(maps(), 2);
}

static void a_memory_that_ended_answers_esrch(void **state)
{
    struct proc *child;
    struct mm_uffd *its;
    u64 none = 0;
    (void)state;
    map(S, 8, FIX);
    assert_int_equal(proc_fork(b.p, 0, "child", 0, &child), 0);
    assert_int_equal(mm_userfaultfd(child, 0, &its), 0);
    assert_int_equal(mm_uffd_api(its, MM_UFFD_API, &none, &ioctls), 0);
    proc_free(child);
    assert_int_equal(mm_uffd_copy(b.p, its, A, S, PG, 0, &done), -MM_ESRCH);
    assert_int_equal(mm_uffd_writeprotect(b.p, its, A, PG, 1), -MM_ESRCH);
    assert_int_equal(mm_uffd_register(its, A, PG, 1, &ioctls), -MM_ENOMEM);
    mm_uffd_close(its);
}

/* ---- registering ----------------------------------------------------------------------------------------------- */

static void registration_is_checked(void **state)
{
    u64 odd = 1ull << 40, none = 0;
    struct mm_uffd *v;
    (void)state;
    assert_int_equal(mm_userfaultfd(b.p, 0, &u), 0);
    assert_int_equal(reg(A, 1, 1), -MM_EINVAL);           /* before UFFDIO_API                                */
    assert_int_equal(mm_uffd_api(u, MM_UFFD_API, &odd, &ioctls), -MM_EINVAL);
    assert_int_equal(odd, 0);
    assert_int_equal(mm_uffd_api(u, MM_UFFD_API, &none, &ioctls), 0);
    assert_int_equal(none, 0x1ffff);                      /* what there is, whatever was asked                */
    assert_int_equal(ioctls, 0x8000000000000003);
    none = 0;
    assert_int_equal(mm_uffd_api(u, MM_UFFD_API, &none, &ioctls), -MM_EINVAL);
    map(A, 4, FIX);
    assert_int_equal(reg(A, 4, 0), -MM_EINVAL);
    assert_int_equal(reg(A, 4, 8), -MM_EINVAL);
    assert_int_equal(reg(A + 1, 4, 1), -MM_EINVAL);
    assert_int_equal(reg(A + 8 * PG, 4, 1), -MM_EINVAL);  /* nothing there                                    */
    assert_int_equal(reg(A, 4, MM_UFFD_REGISTER_MINOR), -MM_EINVAL); /* only shared memory has minor faults   */
    assert_int_equal(reg(A, 4, MM_UFFD_REGISTER_MISSING), 0);
    assert_int_equal(ioctls, 0x13c);
    assert_int_equal(reg(A, 4, MM_UFFD_REGISTER_WP | MM_UFFD_REGISTER_MISSING), 0);
    assert_int_equal(ioctls, 0x17c);
    v = u;
    u = open_with(0);
    assert_int_equal(reg(A + PG, 1, 1), -MM_EBUSY);
    assert_int_equal(mm_uffd_unregister(u, A, PG), -MM_EINVAL); /* through another one                        */
    assert_int_equal(mm_uffd_unregister(v, A, PG), 0);
}

static void registration_splits_and_merges(void **state)
{
    struct mm_uffd *v;
    (void)state;
    u = open_with(0);
    map(A, 8, FIX);
    assert_int_equal(reg(A + 2 * PG, 2, MM_UFFD_REGISTER_MISSING), 0);
    assert_int_equal(maps(), 3);
    assert_int_equal(reg(A + 4 * PG, 2, MM_UFFD_REGISTER_MISSING), 0);
    assert_int_equal(maps(), 3);                          /* joins its neighbour                              */
    assert_int_equal(reg(A, 8, MM_UFFD_REGISTER_MISSING), 0);
    assert_int_equal(maps(), 1);
    assert_int_equal(mm_uffd_unregister(u, A + 4 * PG, 4 * PG), 0);
    v = u;
    u = open_with(0);
    assert_int_equal(reg(A + 4 * PG, 4, MM_UFFD_REGISTER_MISSING), 0);
    assert_int_equal(maps(), 2);                          /* of another userfaultfd: kept apart               */
    mm_uffd_close(u);
    mm_uffd_close(v);
    assert_int_equal(maps(), 1);
}

/* ---- filling --------------------------------------------------------------------------------------------------- */

static void fills_say_what_they_did(void **state)
{
    (void)state;
    watch(8, MM_UFFD_REGISTER_MISSING, 0);
    map(A + 16 * PG, 4, FIX);
    done = 77;
    assert_int_equal(copy(A + 16 * PG, 1, 0), -MM_ENOENT);           /* not registered                       */
    assert_int_equal(done, -MM_ENOENT);
    assert_int_equal(copy(A + 7 * PG, 2, 0), -MM_ENOENT);            /* not one mapping                      */
    assert_int_equal(copy(A, 1, MM_UFFD_COPY_WP), -MM_EINVAL);       /* not registered for it                */
    assert_int_equal(copy(A, 1, 4), -MM_EINVAL);
    assert_int_equal(copy(A + 2 * PG, 1, 0), 0);
    assert_int_equal(copy(A + 1 * PG, 2, 0), -MM_EAGAIN);            /* the second page is there             */
    assert_int_equal(done, PG);
    assert_int_equal(copy(A + 2 * PG, 1, 0), -MM_EEXIST);
    assert_int_equal(mm_uffd_zeropage(b.p, u, A + 3 * PG, PG, 0, &done), 0);
    assert_int_equal(mm_uffd_continue(b.p, u, A + 4 * PG, PG, 0, &done), -MM_EINVAL); /* no shared memory     */
    assert_int_equal(mm_uffd_poison(b.p, u, A + 5 * PG, PG, 0, &done), 0);
    assert_int_equal(mm_uffd_poison(b.p, u, A + 5 * PG, PG, 0, &done), -MM_EEXIST);
    assert_int_equal(try(A + 5 * PG, 'r'), -(MM_SIGBUS * 256 + MM_BUS_MCEERR_AR));
    assert_int_equal(mm_madvise(b.p, A + 5 * PG, PG, MM_MADV_POPULATE_READ), -MM_EHWPOISON);
    assert_int_equal(copy(A + 5 * PG, 1, 0), 0);                     /* a marker is replaced                 */
    assert_int_equal(try(A + 5 * PG, 'w'), 0);
    assert_int_equal(mm_madvise(b.p, A + 6 * PG, PG, MM_MADV_GUARD_INSTALL), 0);
    assert_int_equal(mm_uffd_zeropage(b.p, u, A + 6 * PG, PG, 0, &done), -MM_EEXIST);
}

static void shared_memory_has_minor_faults(void **state)
{
    (void)state;
    u = open_with(0);
    map(S, 8, FIX);
    map(A, 8, MM_MAP_SHARED | MM_MAP_ANONYMOUS | MM_MAP_FIXED);
    assert_int_equal(reg(A, 8, MM_UFFD_REGISTER_MINOR | MM_UFFD_REGISTER_MISSING), 0);
    assert_int_equal(ioctls, 0x1bc);
    assert_int_equal(try(A, 'w'), WAITS);
    assert_int_equal(next_message().flags, MM_UFFD_FAULT_WRITE);     /* missing                              */
    assert_int_equal(mm_uffd_continue(b.p, u, A, PG, 0, &done), -MM_EFAULT);
    assert_int_equal(copy(A, 1, 0), 0);
    assert_int_equal(try(A, 'w'), 0);
    assert_int_equal(mm_madvise(b.p, A, PG, MM_MADV_DONTNEED), 0);   /* the page stays in the file           */
    assert_int_equal(try(A, 'r'), WAITS);
    assert_int_equal(next_message().flags, MM_UFFD_FAULT_MINOR);
    assert_int_equal(copy(A, 1, 0), -MM_EEXIST);
    assert_int_equal(mm_uffd_continue(b.p, u, A, PG, 0, &done), 0);
    assert_int_equal(try(A, 'w'), 0);
}

/* ---- write protection ------------------------------------------------------------------------------------------ */

static void a_protected_page_asks_before_a_write(void **state)
{
    (void)state;
    watch(8, MM_UFFD_REGISTER_WP, 0);
    assert_int_equal(try(A, 'w'), 1);
    assert_int_equal(try(A + PG, 'r'), 1);
    assert_int_equal(protect(A, 8, true), 0);
    assert_true(mm_pagemap(b.p, A) & WP_BIT);
    assert_true(mm_pagemap(b.p, A + PG) & WP_BIT);
    assert_int_equal(mm_pagemap(b.p, A + 2 * PG), 0);                /* nothing there, and no marker         */
    assert_int_equal(try(A, 'r'), 0);
    assert_int_equal(try(A, 'w'), WAITS);
    assert_int_equal(next_message().flags, MM_UFFD_FAULT_WP | MM_UFFD_FAULT_WRITE);
    assert_int_equal(protect(A, 1, true), 0);                        /* protecting again wakes nobody        */
    no_message();
    assert_ptr_equal(mm_uffd_waiting(b.p), u);
    assert_int_equal(protect(A, 1, false), 0);
    assert_int_equal(try(A, 'w'), 0);                                /* ours alone: writable again           */
    assert_int_equal(try(A + 2 * PG, 'w'), 1);
    assert_int_equal(mm_uffd_writeprotect(b.p, u, A, PG, 3), -MM_EINVAL);
    assert_int_equal(protect(S, 1, true), -MM_ENOENT);
    assert_int_equal(mm_uffd_unregister(u, A, 8 * PG), 0);
    assert_int_equal(mm_pagemap(b.p, A + PG) & WP_BIT, 0);
    assert_int_equal(try(A + PG, 'w'), 1);
}

static void asynchronous_protection_only_forgets(void **state)
{
    (void)state;
    watch(8, MM_UFFD_REGISTER_WP, MM_UFFD_FEATURE_WP_ASYNC);
    assert_int_equal(try(A, 'w'), 1);
    assert_int_equal(protect(A, 8, true), 0);
    assert_int_equal(mm_pagemap(b.p, A + PG), 1ull << 62 | WP_BIT);  /* a marker                             */
    assert_int_equal(try(A, 'w'), 1);
    assert_int_equal(mm_pagemap(b.p, A) & WP_BIT, 0);
    assert_int_equal(try(A + PG, 'r'), 1);                           /* the zero page, still protected       */
    assert_true(mm_pagemap(b.p, A + PG) & WP_BIT);
    assert_int_equal(try(A + PG, 'w'), 1);
    assert_int_equal(try(A + 2 * PG, 'w'), 2);                       /* the page, then the protection        */
    no_message();
    assert_int_equal(mm_madvise(b.p, A + 3 * PG, PG, MM_MADV_DONTNEED), 0);
    assert_int_equal(mm_pagemap(b.p, A + 3 * PG), 0);                /* of anonymous memory it is forgotten  */
}

static void a_files_protection_outlives_its_pages(void **state)
{
    (void)state;
    u = open_with(0);
    map(A, 8, MM_MAP_SHARED | MM_MAP_ANONYMOUS | MM_MAP_FIXED);
    assert_int_equal(reg(A, 8, MM_UFFD_REGISTER_WP), 0);
    assert_int_equal(try(A, 'w'), 1);
    assert_int_equal(protect(A, 2, true), 0);
    assert_int_equal(mm_pagemap(b.p, A + PG), 1ull << 62 | WP_BIT);
    assert_int_equal(mm_madvise(b.p, A, 2 * PG, MM_MADV_DONTNEED), 0);
    assert_int_equal(mm_pagemap(b.p, A), 1ull << 62 | WP_BIT);
    assert_int_equal(mm_pagemap(b.p, A + PG), 1ull << 62 | WP_BIT);
    assert_int_equal(try(A, 'r'), 1);
    assert_true(mm_pagemap(b.p, A) & WP_BIT);
    assert_int_equal(try(A, 'w'), WAITS);
    assert_int_equal(mm_munmap(b.p, A, 8 * PG), 0);
    map(A, 8, MM_MAP_SHARED | MM_MAP_ANONYMOUS | MM_MAP_FIXED);
    assert_int_equal(mm_pagemap(b.p, A), 0);
}

static void fork_keeps_protection_only_with_its_event(void **state)
{
    struct proc *child;
    struct mm_uffd_msg m;
    (void)state;
    watch(4, MM_UFFD_REGISTER_WP, 0);
    assert_int_equal(try(A, 'w'), 1);
    assert_int_equal(protect(A, 4, true), 0);
    assert_int_equal(proc_fork(b.p, 0, "child", 0, &child), 0);
    assert_int_equal(mm_pagemap(child, A) & WP_BIT, 0);
    assert_true(mm_pagemap(b.p, A) & WP_BIT);
    proc_free(child);
    mm_uffd_close(u);
    u = open_with(MM_UFFD_FEATURE_EVENT_FORK);
    assert_int_equal(reg(A, 4, MM_UFFD_REGISTER_WP), 0);
    assert_int_equal(protect(A, 4, true), 0);
    assert_int_equal(proc_fork(b.p, 0, "child", 0, &child), 0);
    assert_true(mm_pagemap(child, A) & WP_BIT);
    m = next_message();
    assert_int_equal(m.event, MM_UFFD_EVENT_FORK);
    mm_uffd_close(m.child);
    assert_int_equal(mm_pagemap(child, A) & WP_BIT, 0);              /* closing unregisters                  */
    proc_free(child);
    map(A + 64 * PG, 2, MM_MAP_SHARED | MM_MAP_ANONYMOUS | MM_MAP_FIXED);
    assert_int_equal(reg(A + 64 * PG, 2, MM_UFFD_REGISTER_WP), 0);
    assert_int_equal(protect(A + 64 * PG, 2, true), 0);
    assert_int_equal(proc_fork(b.p, 0, "child", 0, &child), 0);
    assert_true(mm_pagemap(child, A + 64 * PG) & WP_BIT);           /* shared memory is copied for its sake */
    mm_uffd_close(u);                                                /* with the event unread                */
    bench_check(&b);
    proc_free(child);
}

static void huge_pages_are_protected_whole_or_split(void **state)
{
    struct kernel_config c;
    (void)state;
    bench_stop(&b);
    kernel_config_init(&c);
    c.thp = MM_THP_ALWAYS;
    bench_start(&b, 2, 64ull << 20, &c, 0);
    u = open_with(MM_UFFD_FEATURE_WP_ASYNC);
    map(A, 512, FIX);
    assert_int_equal(try(A, 'w'), 1);
    assert_int_equal(b.last.kind, MM_FAULT_HUGE);
    assert_int_equal(reg(A, 512, MM_UFFD_REGISTER_WP), 0);
    assert_int_equal(protect(A, 512, true), 0);
    assert_true(mm_pagemap(b.p, A + 511 * PG) & WP_BIT);
    assert_int_equal(try(A + 7 * PG, 'w'), 1);
    assert_int_equal(mm_pagemap(b.p, A + 7 * PG) & WP_BIT, 0);
    assert_true(mm_pagemap(b.p, A + 8 * PG) & WP_BIT);
    mm_uffd_close(u);
    u = open_with(0);
    map(A + 512 * PG, 512, FIX);
    assert_int_equal(reg(A + 512 * PG, 512, MM_UFFD_REGISTER_MISSING), 0);
    assert_int_equal(try(A + 600 * PG, 'w'), WAITS);                 /* not filled at once                   */
    assert_int_equal(next_message().address, A + 600 * PG);
}

/* ---- events ---------------------------------------------------------------------------------------------------- */

static void events_are_told_in_order(void **state)
{
    struct mm_uffd_msg m;
    (void)state;
    watch(8, MM_UFFD_REGISTER_MISSING, MM_UFFD_FEATURE_EVENT_REMAP | MM_UFFD_FEATURE_EVENT_UNMAP |
          MM_UFFD_FEATURE_EVENT_REMOVE);
    assert_int_equal(mm_madvise(b.p, A + PG, 2 * PG, MM_MADV_DONTNEED), 0);
    assert_int_equal(copy(A, 1, 0), -MM_EAGAIN);                     /* mappings are changing                */
    assert_int_equal(done, -MM_EAGAIN);
    m = next_message();
    assert_int_equal(m.event, MM_UFFD_EVENT_REMOVE);
    assert_int_equal(m.address, A + PG);
    assert_int_equal(m.len_bytes, 2 * PG);
    assert_int_equal(copy(A, 1, 0), 0);
    assert_int_equal(mm_mremap(b.p, A, 8 * PG, 4 * PG, MM_MREMAP_MAYMOVE | MM_MREMAP_FIXED, A + 64 * PG), A + 64 * PG);
    m = next_message();
    assert_int_equal(m.event, MM_UFFD_EVENT_REMAP);
    assert_int_equal(m.to, A + 64 * PG);
    assert_int_equal(m.len_bytes, 4 * PG);
    m = next_message();                                              /* the tail, then the old place         */
    assert_int_equal(m.event, MM_UFFD_EVENT_UNMAP);
    assert_int_equal(m.address, A + 4 * PG);
    assert_int_equal(next_message().address, A);
    assert_int_equal(try(A + 65 * PG, 'r'), WAITS);                  /* registered in the new place          */
    next_message();
    map(A + 64 * PG, 4, FIX);                                        /* over it                              */
    assert_int_equal(next_message().event, MM_UFFD_EVENT_UNMAP);
    no_message();
}

static void without_the_event_mremap_loses_it(void **state)
{
    (void)state;
    watch(4, MM_UFFD_REGISTER_WP | MM_UFFD_REGISTER_MISSING, MM_UFFD_FEATURE_WP_UNPOPULATED);
    assert_int_equal(copy(A, 1, MM_UFFD_COPY_WP), 0);
    assert_int_equal(protect(A + PG, 1, true), 0);
    assert_int_equal(mm_mremap(b.p, A, 4 * PG, 4 * PG, MM_MREMAP_MAYMOVE | MM_MREMAP_FIXED, A + 64 * PG), A + 64 * PG);
    assert_int_equal(mm_pagemap(b.p, A + 64 * PG) & WP_BIT, 0);
    assert_int_equal(mm_pagemap(b.p, A + 65 * PG), 0);
    assert_int_equal(try(A + 66 * PG, 'w'), 1);
}

/* ---- moving ---------------------------------------------------------------------------------------------------- */

static long move(u64 to, u64 from, u64 pages, u64 mode)
{
    long r = mm_uffd_move(b.p, u, to, from, pages * PG, mode, &done);
    bench_check(&b);
    return r;
}

static void pages_move_without_a_copy(void **state)
{
    struct proc *child;
    (void)state;
    watch(8, MM_UFFD_REGISTER_MISSING, 0);
    assert_int_equal(try(S, 'w'), 1);
    assert_int_equal(try(A, 'w'), WAITS);
    assert_int_equal(move(A, S, 1, 0), 0);
    assert_null(mm_uffd_waiting(b.p));
    assert_int_equal(mm_pagemap(b.p, S), 0);
    assert_int_equal(try(A, 'w'), 0);
    assert_int_equal(move(A, S, 1, MM_UFFD_MOVE_ALLOW_SRC_HOLES), -MM_EEXIST);
    assert_int_equal(move(A + PG, S, 1, 0), -MM_ENOENT);
    assert_int_equal(move(A + PG, S, 1, MM_UFFD_MOVE_ALLOW_SRC_HOLES), 0);
    assert_int_equal(move(S, A, 1, 0), -MM_EINVAL);                  /* the target is not registered         */
    assert_int_equal(try(S + PG, 'r'), 1);
    assert_int_equal(move(A + 2 * PG, S + PG, 1, 0), 0);             /* the zero page                        */
    assert_int_equal(try(A + 2 * PG, 'w'), 1);
    assert_int_equal(try(S + 2 * PG, 'w'), 1);
    assert_int_equal(proc_fork(b.p, 0, "child", 0, &child), 0);
    assert_int_equal(move(A + 3 * PG, S + 2 * PG, 1, 0), -MM_EBUSY); /* not this process's alone             */
    proc_free(child);
}

static void huge_pages_move_whole_or_in_pieces(void **state)
{
    const u64 from = A + 1024 * PG;
    struct kernel_config c;
    (void)state;
    bench_stop(&b);
    kernel_config_init(&c);
    c.thp = MM_THP_ALWAYS;
    bench_start(&b, 2, 64ull << 20, &c, 0);
    u = open_with(0);
    map(A, 512, FIX);
    map(from, 512, FIX);
    assert_int_equal(try(from, 'w'), 1);
    assert_int_equal(reg(A, 512, MM_UFFD_REGISTER_MISSING), 0);
    assert_int_equal(move(A, from, 512, 0), 0);
    assert_int_equal(try(A + 99 * PG, 'w'), 0);
    assert_int_equal(mm_munmap(b.p, A, 512 * PG), 0);
    map(A, 512, FIX);
    assert_int_equal(reg(A, 512, MM_UFFD_REGISTER_MISSING), 0);
    assert_int_equal(try(from, 'w'), 1);
    assert_int_equal(move(A, from + 3 * PG, 2, 0), 0);
    assert_int_equal(mm_pagemap(b.p, from + 3 * PG), 0);
    assert_int_equal(try(from + 5 * PG, 'w'), 0);
    assert_int_equal(try(A, 'w'), 0);
}

/* ---- memory runs out ------------------------------------------------------------------------------------------- */

/* One story with every amount of memory: whatever fails, the invariants hold.  Steps that failed. */
static unsigned story(u64 ram_bytes, size_t heap_bytes)
{
    u64 features = MM_UFFD_FEATURE_EVENT_FORK | MM_UFFD_FEATURE_EVENT_REMAP | MM_UFFD_FEATURE_EVENT_UNMAP |
                   MM_UFFD_FEATURE_WP_UNPOPULATED;
    struct proc *child = NULL;
    struct mm_uffd_msg m;
    unsigned failed = 0;

    start(ram_bytes, heap_bytes);
#define STEP(x) do { failed += (x) != 0; bench_check(&b); } while (0)
    STEP(mm_userfaultfd(b.p, 0, &u));
    if (failed) {
        bench_stop(&b);
        return failed;
    }
    STEP(mm_uffd_api(u, MM_UFFD_API, &features, &ioctls));
    STEP(mm_mmap(b.p, A, 16 * PG, RW, FIX, NULL, 0) != (long)A);
    STEP(mm_mmap(b.p, S, 8 * PG, RW, FIX, NULL, 0) != (long)S);
    STEP(reg(A + 2 * PG, 8, MM_UFFD_REGISTER_WP | MM_UFFD_REGISTER_MISSING));
    STEP(copy(A + 2 * PG, 3, MM_UFFD_COPY_WP));
    STEP(protect(A + 2 * PG, 8, true));
    STEP(mm_mremap(b.p, A + 2 * PG, 4 * PG, 4 * PG, 3, A + 1024 * PG) < 0);
    while (mm_uffd_read(u, &m) == 0)
        ;
    STEP(mm_uffd_poison(b.p, u, A + 8 * PG, PG, 0, &done) && false);
    STEP(bench_on(&b, 0, S + PG, 'w') < 0);
    STEP(mm_uffd_move(b.p, u, A + 9 * PG, S + PG, PG, 0, &done) && false);
    STEP(proc_fork(b.p, 0, "child", 0, &child));
    while (mm_uffd_read(u, &m) == 0)
        if (m.child)
            mm_uffd_close(m.child);
    STEP(mm_munmap(b.p, A + 1024 * PG, 2 * PG));
    STEP(mm_set_vma_name(b.p, S, PG, "name"));
    STEP(mm_uffd_unregister(u, A, 10 * PG));
    if (child)
        proc_free(child);
    mm_uffd_close(u);
    bench_check(&b);
    bench_stop(&b);
    return failed;
}

static void every_amount_of_memory(void **state)
{
    struct kernel_config c;
    struct hw hw = { .cpus = 2, .ram_bytes = 1ull << 20 };
    size_t fixed, extra;
    u64 pages;
    (void)state;
    kernel_config_init(&c);
    fixed = kernel_bytes(&hw, &c) - (128ull << 20) - hw.ram_bytes / 32;
    for (extra = 4096; story(hw.ram_bytes, fixed + extra); extra += 16)
        assert_true(extra < 16384);
    for (pages = 16; story(pages * PG, 0); pages++)
        assert_true(pages < 128);
    assert_true(pages > 16);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_fault_waits_until_it_is_answered), TEST(what_is_asked_for_says_more), TEST(waiting_twice_is_major),
        TEST(dontwake_leaves_it_waiting), TEST(the_receiver_may_answer_at_once), TEST(refusing_is_a_signal),
        TEST(whoever_waits_may_go), TEST(a_memory_that_ended_answers_esrch), TEST(registration_is_checked),
        TEST(registration_splits_and_merges), TEST(fills_say_what_they_did), TEST(shared_memory_has_minor_faults),
        TEST(a_protected_page_asks_before_a_write), TEST(asynchronous_protection_only_forgets),
        TEST(a_files_protection_outlives_its_pages), TEST(fork_keeps_protection_only_with_its_event),
        TEST(huge_pages_are_protected_whole_or_split), TEST(events_are_told_in_order),
        TEST(without_the_event_mremap_loses_it), TEST(pages_move_without_a_copy),
        TEST(huge_pages_move_whole_or_in_pieces), cmocka_unit_test(every_amount_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
