/* SPDX-License-Identifier: MIT
 * test_flushes.c - invalidations lost on purpose, one kind after the other: each is found by the missing-invalidation
 * checker where the kernel's next user runs into it, with the CPU and the rule; the same story with nothing lost has
 * nothing to find.  Would catch a checker that is blind to a kind, and a kernel that relies on another flush than it says. */
#include "bench.h"

#define RW (MM_PROT_READ | MM_PROT_WRITE)
#define FIX (MM_MAP_PRIVATE | MM_MAP_ANONYMOUS | MM_MAP_FIXED)
#define A 0x10000000000ull
#define PG PAGE_BYTES
#define M2 (2ull << 20)
#define PAGES 64                      /* more than the 33 that are flushed one by one                             */

static struct bench b;
static struct proc *thread;           /* of b.p, on CPU 1                                                         */

static void start(bool kpti, bool invpcid)
{
    struct kernel_config c;
    kernel_config_init(&c);
    c.kpti = kpti;
    c.soft_dirty = true;
    bench_start(&b, 2, 256ull << 20, &c, 0);
    b.hw.has_invpcid = invpcid;
    b.k = kernel_create(b.block, b.block_bytes, &b.hw, &c);
    b.p = proc_new(b.k, "test");
    proc_run_on(b.k, 0, b.p);
    assert_int_equal(mm_mmap(b.p, A, PAGES * PG, RW, FIX, NULL, 0), A);
    assert_int_equal(proc_fork(b.p, 0, "thread", PROC_FORK_VM, &thread), 0);
    proc_run_on(b.k, 1, thread);
    for (u64 va = A; va < A + PAGES * PG; va += PG) {
        bench_write(&b, va);
        bench_on(&b, 1, va, 'w');
    }
}

/* ---- stories: a change, after which an access must not find what was there -------------------------------------------- */

static void ok(long r) { assert_int_equal(r, 0); }
static void unmap_one(void) { ok(mm_munmap(b.p, A, PG)); }
static void unmap_many(void) { ok(mm_munmap(b.p, A, 40 * PG)); }
static void protect_one(void) { ok(mm_mprotect(b.p, A, PG, MM_PROT_READ)); }
static void protect_many(void) { ok(mm_mprotect(b.p, A, 40 * PG, MM_PROT_READ)); }
static void nothing_allowed(void) { ok(mm_mprotect(b.p, A, PG, MM_PROT_NONE)); }
static void not_needed(void) { ok(mm_madvise(b.p, A, PG, MM_MADV_DONTNEED)); }
static void guard(void) { ok(mm_madvise(b.p, A, PG, MM_MADV_GUARD_INSTALL)); }
static void move(void) { assert_int_equal(mm_mremap(b.p, A, PG, PG, MM_MREMAP_MAYMOVE | MM_MREMAP_FIXED, A + M2), A + M2); }
static void clear_soft_dirty(void) { ok(mm_clear_refs(b.p, 4)); }

static void forking(void)
{
    struct proc *child;
    ok(proc_fork(b.p, 0, "child", 0, &child));
}

/* Small pages become a huge one, which is elsewhere. */
static void collapse(void)
{
    assert_int_equal(mm_mmap(b.p, A + PAGES * PG, M2 - PAGES * PG, RW, FIX, NULL, 0), A + PAGES * PG);
    ok(mm_madvise(b.p, A, M2, MM_MADV_COLLAPSE));
}

/* CPU 0 copies the page; CPU 1 read the shared one. */
static void copy_on_write(void)
{
    unsigned lost = b.swallow;
    b.swallow = 0;
    forking();
    b.swallow = lost;
    bench_on(&b, 1, A, 'r');
    bench_write(&b, A);
}

static void write_protect(void)
{
    struct mm_uffd *u;
    u64 features = MM_UFFD_FEATURE_WP_ASYNC, ioctls;
    ok(mm_userfaultfd(b.p, 0, &u));
    ok(mm_uffd_api(u, MM_UFFD_API, &features, &ioctls));
    ok(mm_uffd_register(u, A, PG, MM_UFFD_REGISTER_WP, &ioctls));
    ok(mm_uffd_writeprotect(b.p, u, A, PG, MM_UFFD_WP_WP));
}

/* The page tables go with the last mapping; the structure caches still know the way to them. */
static void free_tables(void)
{
    ok(mm_munmap(b.p, A, PAGES * PG));
    assert_int_equal(mm_mmap(b.p, A + M2, PG, RW, FIX, NULL, 0), A + M2);
}

/* Six address spaces have numbers; the seventh takes the first's over. */
static void many_processes(void)
{
    for (unsigned i = 0; i < 6; i++) {
        struct proc *p = proc_new(b.k, "other");
        assert_non_null(p);
        assert_int_equal(mm_mmap(p, A + M2, PG, RW, FIX, NULL, 0), A + M2);
        proc_run_on(b.k, 0, p);
        bench_write(&b, A + M2);
    }
}

/* Changed while this CPU ran something else: made good when the address space is taken up again. */
static void changed_meanwhile(void)
{
    struct proc *other = proc_new(b.k, "other");
    proc_run_on(b.k, 0, other);
    ok(mm_munmap(thread, A, PG));
    proc_run_on(b.k, 0, b.p);
}

static const struct story {
    const char *name;
    void (*change)(void);
    unsigned lost;                    /* LOSE_*                                                                   */
    u8 cpu, rule;
    char access;
    bool kpti, no_invpcid;
} stories[] = {
    { "a page unmapped", unmap_one, LOSE_INVLPG, 0, 90, 'r', false, false },
    { "many pages unmapped", unmap_many, LOSE_RELOAD, 0, 90, 'r', false, false },
    { "a page unmapped, other CPU", unmap_one, LOSE_REMOTE, 1, 90, 'r', false, false },
    { "many pages unmapped, other CPU", unmap_many, LOSE_REMOTE, 1, 90, 'w', false, false },
    { "a page made read-only", protect_one, LOSE_INVLPG, 0, 90, 'w', false, false },
    { "many pages made read-only", protect_many, LOSE_RELOAD, 0, 90, 'w', false, false },
    { "read-only, other CPU", protect_one, LOSE_REMOTE, 1, 90, 'w', false, false },
    { "nothing allowed any more", nothing_allowed, LOSE_INVLPG, 0, 90, 'r', false, false },
    { "MADV_DONTNEED", not_needed, LOSE_INVLPG, 0, 90, 'r', false, false },
    { "a guard", guard, LOSE_INVLPG, 0, 90, 'r', false, false },
    { "mremap", move, LOSE_INVLPG, 0, 90, 'r', false, false },
    { "fork", forking, LOSE_RELOAD, 0, 90, 'w', false, false },
    { "a copy, other CPU", copy_on_write, LOSE_REMOTE, 1, 90, 'r', false, false },
    { "soft-dirty", clear_soft_dirty, LOSE_RELOAD, 0, 90, 'w', false, false },
    { "userfaultfd", write_protect, LOSE_INVLPG, 0, 90, 'w', false, false },
    { "MADV_COLLAPSE", collapse, LOSE_RELOAD | LOSE_INVLPG, 0, 96, 'r', false, false },
    { "page tables freed", free_tables, LOSE_INVLPG | LOSE_RELOAD, 0, 108, 'r', false, false },
    { "a PCID taken over", many_processes, LOSE_SWITCH, 0, 125, 'r', false, false },
    { "changed meanwhile", changed_meanwhile, LOSE_SWITCH, 0, 90, 'r', false, false },
    { "KPTI, the program's PCID", unmap_one, LOSE_INVPCID, 0, 90, 'r', true, false },
    { "KPTI without INVPCID", unmap_one, LOSE_SWITCH, 0, 90, 'r', true, true },
    { "KPTI, many pages", unmap_many, LOSE_SWITCH, 0, 90, 'r', true, false },
};

/* Where the story's access looks: that of free_tables() where no TLB entry is in the way. */
static u64 place(const struct story *s) { return s->change == free_tables ? A + M2 : A; }

static void tell(const struct story *s, bool lose)
{
    start(s->kpti, !s->no_invpcid);
    assert_int_equal(b.missing, 0);
    b.swallow = lose ? s->lost : 0;
    s->change();
    bench_walk(&b, s->cpu, place(s), s->access);
    if (lose && (!b.missing || bench_first.s.rule != s->rule || bench_first.s.cpu != s->cpu))
        print_error("%s: %llu missing: %s", s->name, (unsigned long long)b.missing, bench_first.text);
    if (!lose) {
        assert_int_equal(b.missing, 0);
        return;
    }
    assert_true(b.missing > 0);
    assert_int_equal(bench_first.s.rule, s->rule);
    assert_int_equal(bench_first.s.cpu, s->cpu);
    assert_non_null(strstr(bench_first.text, s->cpu ? "; missing on cpu1: " : "; missing on cpu0: "));
    assert_non_null(strstr(bench_first.text, s->rule == 125 ? ", loaded by" : ", stored by the kernel"));
}

static void each_story(bool lose)
{
    for (unsigned i = 0; i < sizeof stories / sizeof *stories; i++) {
        tell(&stories[i], lose);
        bench_stop(&b);
    }
}

static void what_is_lost_is_found(void **state) { (void)state; each_story(true); }
static void nothing_lost_nothing_found(void **state) { (void)state; each_story(false); }

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_lost_is_found), cmocka_unit_test(nothing_lost_nothing_found),
    };
    return cmocka_run_group_tests_name("kernel flushes", tests, NULL, NULL);
}
