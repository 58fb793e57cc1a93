/* SPDX-License-Identifier: MIT
 * test_session.c - the kernel on the machine, end to end, through a session: faults, fork, copy-on-write, shootdowns
 * and who pays.  mm_check() runs after each step.  Would catch: a trap lost or delivered twice, a retry that does not
 * happen, a missing flush (local or by IPI), costs charged to the wrong site or mapping, or counted twice. */
#include "fixture.h"

#include <string.h>

static void demand_paging(void **state)
{
    struct fixture f;
    struct sim_site site = { .ip = 0x401000 };
    (void)state;

    fixture_begin(&f, "skylake", 64u << 20);
    struct proc *p = process(&f, "p", 0);
    const u64 a = map(&f, p, 4 * PAGE_BYTES, RW, ANON);

    assert_int_equal(touch(&f, 0, a, MMU_STORE, &site), 0);
    assert_int_equal(proc_counters(p)->minor, 1);
    assert_non_null(site.cost);
    assert_int_equal(site.cost->minor, 1);
    assert_int_equal(site.cost->walks_d, 2);  /* the one that faulted, and the retry                           */
    assert_int_equal(site.cost->l1d_miss, 1); /* the retry's                                                   */
    assert_true(site.cost->walk_reads > 0);
    const struct sim_cost after = *site.cost;
    assert_int_equal(touch(&f, 0, a + 8, MMU_STORE, &site), 0); /* a first-level hit costs nothing             */
    assert_memory_equal(&after, site.cost, sizeof after);

    assert_int_equal(touch(&f, 0, a + PAGE_BYTES, MMU_LOAD, &site), 0);  /* the zero page                      */
    assert_int_equal(touch(&f, 0, a + PAGE_BYTES, MMU_STORE, &site), 0); /* and away from it                   */
    assert_int_equal(proc_counters(p)->minor, 3);
    assert_int_equal(site.cost->minor, 3);
    assert_int_equal(touch(&f, 0, 0x10000, MMU_LOAD, &site), MM_SIGSEGV);
    assert_int_equal(touch(&f, 0, 0x800000000000, MMU_LOAD, &site), MM_SIGSEGV);
    assert_int_equal(proc_counters(p)->minor, 3);
    fixture_end(&f);
}

static void a_site_without_cost_stays_empty(void **state)
{
    struct fixture f;
    struct sim_site site = { .ip = 1 };
    (void)state;

    fixture_begin(&f, "skylake", 64u << 20);
    struct proc *p = process(&f, "p", 0);
    const u64 a = map(&f, p, PAGE_BYTES, RW, ANON);
    assert_int_equal(touch(&f, 0, a, MMU_STORE, NULL), 0);
    assert_int_equal(touch(&f, 0, a, MMU_STORE, &site), 0);
    assert_null(site.cost);
    fixture_end(&f);
}

static void a_crossing_access_needs_both_pages(void **state)
{
    struct fixture f;
    struct sim_outcome out;
    (void)state;

    fixture_begin(&f, "skylake", 64u << 20);
    struct proc *p = process(&f, "p", 0);
    const u64 a = map(&f, p, 2 * PAGE_BYTES, RW, ANON);
    sim_access(f.s, 0, a + PAGE_BYTES - 4, 8, MMU_STORE, NULL, &out);
    assert_int_equal(out.signo, 0);
    assert_int_equal(proc_counters(p)->minor, 2);
    sim_access(f.s, 0, a + 2 * PAGE_BYTES - 4, 8, MMU_STORE, NULL, &out);
    assert_int_equal(out.signo, MM_SIGSEGV);
    assert_int_equal(out.addr, a + 2 * PAGE_BYTES);
    const u64 b = map(&f, p, 4 * PAGE_BYTES, RW, ANON);
    sim_access(f.s, 0, b + 8, 3 * PAGE_BYTES, MMU_STORE, NULL, &out); /* longer than a page: all of them        */
    assert_int_equal(out.signo, 0);
    assert_int_equal(proc_counters(p)->minor, 6);
    check(&f);
    fixture_end(&f);
}

/* The last canonical address and the first that is not: #GP for an operand, before its first page faults; code is fetched
 * as far as it reaches. */
static void an_operand_that_leaves_the_canonical_addresses(void **state)
{
    struct fixture f;
    struct sim_site site = { .ip = 1 };
    struct sim_outcome out;
    (void)state;

    fixture_begin(&f, "skylake", 64u << 20);
    process(&f, "p", 0);
    for (enum mmu_kind kind = MMU_LOAD; kind <= MMU_STORE; kind++) {
        sim_access(f.s, 0, 0x7ffffffffffc, 8, kind, &site, &out);
        assert_true(out.signo == MM_SIGSEGV && out.code == MM_SI_KERNEL && out.addr == 0 && out.status == MMU_FAULT_GP);
        assert_int_equal(mmu_stats(f.m, 0)->pf, 0);
        assert_null(site.cost);
    }
    sim_access(f.s, 0, 0x7ffffffffffc, 4, MMU_LOAD, &site, &out);
    assert_true(out.signo == MM_SIGSEGV && out.code == MM_SEGV_MAPERR && out.addr == 0x7ffffffffffc);
    sim_access(f.s, 0, 0x7ffffffffffc, 8, MMU_FETCH, &site, &out);
    assert_true(out.signo == MM_SIGSEGV && out.code == MM_SEGV_MAPERR && out.addr == 0x7ffffffffffc);
    fixture_end(&f);
}

static void fork_and_copy_on_write(void **state)
{
    struct fixture f;
    struct sim_site parent_site = { .ip = 1 }, child_site = { .ip = 2 };
    struct proc *child;
    (void)state;

    fixture_begin(&f, "skylake", 64u << 20);
    struct proc *p = process(&f, "p", 0);
    const u64 a = map(&f, p, 2 * PAGE_BYTES, RW, ANON);
    assert_int_equal(touch(&f, 0, a, MMU_STORE, NULL), 0);
    assert_int_equal(proc_fork(p, 0, "c", 0, &child), 0);
    check(&f);
    /* The parent's writable translation must be gone from the TLB: its store faults. */
    assert_int_equal(touch(&f, 0, a, MMU_STORE, &parent_site), 0);
    assert_int_equal(parent_site.cost->minor, 1);
    assert_int_equal(parent_site.cost->cow, 1);
    proc_run_on(f.k, 0, child);
    check(&f);
    assert_ptr_equal(proc_current(f.k, 0), child);
    assert_int_equal(touch(&f, 0, a, MMU_STORE, &child_site), 0); /* the last owner: no copy                    */
    assert_int_equal(child_site.cost->minor, 1);
    assert_int_equal(child_site.cost->cow, 0);
    assert_int_equal(proc_counters(child)->minor, 1);
    proc_run_on(f.k, 0, p);
    proc_exit(child);
    check(&f);
    proc_free(child);
    assert_int_equal(touch(&f, 0, a, MMU_STORE, NULL), 0);
    fixture_end(&f);
}

/* What was unmapped is charged as long as it has a name. */
static void see_shootdowns(void *ctx, const struct sim_mapping *m)
{
    (void)ctx;
    assert_int_equal(m->cost.shootdowns, strncmp(m->name, "anon ", 5) ? 0 : 2);
}

/* A second thread's CPU keeps no translation that its process lost. */
static void shootdown(void **state)
{
    struct fixture f;
    struct proc *thread;
    struct sim_site protect = { .ip = 1 }, unmap = { .ip = 2 };
    (void)state;

    fixture_begin(&f, "skylake", 64u << 20);
    struct proc *p = process(&f, "p", 0);
    const u64 a = map(&f, p, 2 * PAGE_BYTES, RW, ANON);
    assert_int_equal(proc_fork(p, 0, "t", PROC_FORK_VM, &thread), 0);
    proc_run_on(f.k, 1, thread);
    for (unsigned cpu = 0; cpu < 2; cpu++) {
        assert_int_equal(touch(&f, cpu, a, MMU_STORE, NULL), 0);
        assert_int_equal(touch(&f, cpu, a + PAGE_BYTES, MMU_STORE, NULL), 0);
    }
    sim_call_site(f.s, &protect);
    assert_int_equal(mm_mprotect(p, a, PAGE_BYTES, MM_PROT_READ), 0);
    check(&f);
    assert_int_equal(touch(&f, 1, a, MMU_STORE, NULL), MM_SIGSEGV);
    assert_int_equal(touch(&f, 1, a, MMU_LOAD, NULL), 0);
    sim_call_site(f.s, &unmap);
    assert_int_equal(mm_munmap(p, a, 2 * PAGE_BYTES), 0);
    check(&f);
    assert_int_equal(touch(&f, 1, a, MMU_LOAD, NULL), MM_SIGSEGV);
    assert_int_equal(touch(&f, 1, a + PAGE_BYTES, MMU_LOAD, NULL), MM_SIGSEGV);
    assert_int_equal(proc_counters(p)->ipis, 2);
    assert_int_equal(protect.cost->shootdowns, 1);
    assert_int_equal(unmap.cost->shootdowns, 1);
    sim_each_mapping(f.s, see_shootdowns, NULL);
    fixture_end(&f);
}

static void kernel_access_stops_where_it_cannot(void **state)
{
    struct fixture f;
    struct sim_site call = { .ip = 7 };
    (void)state;

    fixture_begin(&f, "skylake", 64u << 20);
    struct proc *p = process(&f, "p", 0);
    const u64 a = map(&f, p, 2 * PAGE_BYTES, RW, ANON);
    /* A supervisor with SMAP needs AC=1 for it. */
    assert_true(mmu_set(f.m, 0, MMU_CR4, mmu_get(f.m, 0, MMU_CR4) | 1u << 21));
    assert_int_equal(sim_kernel_access(f.s, 0, a + 100, PAGE_BYTES, true, &call), PAGE_BYTES);
    assert_int_equal(call.cost->minor, 2);
    assert_int_equal(sim_kernel_access(f.s, 0, a + PAGE_BYTES + 96, 2 * PAGE_BYTES, true, &call), PAGE_BYTES - 96);
    assert_int_equal(sim_kernel_access(f.s, 0, 0, 1, false, &call), 0);
    assert_int_equal(mmu_get(f.m, 0, MMU_CPL), 3);
    assert_int_equal(mmu_get(f.m, 0, MMU_AC), 0);
    /* A read-only page: the kernel may not write either (CR0.WP). */
    assert_int_equal(mm_mprotect(p, a, PAGE_BYTES, MM_PROT_READ), 0);
    assert_int_equal(sim_kernel_access(f.s, 0, a, 1, true, &call), 0);
    assert_int_equal(sim_kernel_access(f.s, 0, a, 1, false, &call), 1);
    check(&f);
    fixture_end(&f);
}

/* Both halves learn whose access it is: the error code says supervisor, the trap that the kernel was interrupted. */
struct heard { u32 error; bool by_kernel; };

static void hear(void *ctx, unsigned cpu, const struct mmu_result *r, u64 pcid, bool global)
{
    (void)cpu, (void)pcid, (void)global;
    ((struct heard *)ctx)->error |= r->error;
}

static void hear_text(void *ctx, const char *text, size_t len)
{
    if (memmem(text, len, "by the kernel", 13))
        ((struct heard *)ctx)->by_kernel = true;
}

static void kernel_access_is_a_supervisors(void **state)
{
    struct fixture f;
    struct heard heard = { 0 };
    struct pw_out out = { hear_text, &heard };
    (void)state;

    fixture_begin(&f, "skylake", 64u << 20);
    process(&f, "p", 0);
    mmu_observe(f.m, &(struct mmu_observer){ .ctx = &heard, .translated = hear });
    kernel_explain(f.k, &out);
    assert_int_equal(sim_kernel_access(f.s, 0, 0x10000, 1, true, NULL), 0);
    assert_int_equal(heard.error, 2); /* W/R=1, U/S=0, P=0                                                      */
    assert_true(heard.by_kernel);
    assert_int_equal(touch(&f, 0, 0x10000, MMU_LOAD, NULL), MM_SIGSEGV);
    assert_int_equal(heard.error, 2 | 4);
    fixture_end(&f);
}

static void populate_is_paid_by_the_call(void **state)
{
    struct fixture f;
    struct sim_site call = { .ip = 9 };
    (void)state;

    fixture_begin(&f, "skylake", 64u << 20);
    struct proc *p = process(&f, "p", 0);
    sim_call_site(f.s, &call);
    map(&f, p, 8 * PAGE_BYTES, RW, ANON | MM_MAP_POPULATE);
    sim_call_site(f.s, NULL);
    assert_non_null(call.cost);
    assert_int_equal(call.cost->minor, 8);
    assert_int_equal(proc_counters(p)->minor, 8);
    assert_int_equal(mapping_sum(&f).minor, 8);
    map(&f, p, 8 * PAGE_BYTES, RW, ANON | MM_MAP_POPULATE);
    assert_int_equal(call.cost->minor, 8);
    /* An access in between pays for its own fault only, and the call goes on paying. */
    struct sim_site site = { .ip = 10 };
    sim_call_site(f.s, &call);
    const u64 a = map(&f, p, PAGE_BYTES, RW, ANON);
    assert_int_equal(touch(&f, 0, a, MMU_STORE, &site), 0);
    map(&f, p, 8 * PAGE_BYTES, RW, ANON | MM_MAP_POPULATE);
    assert_int_equal(site.cost->minor, 1);
    assert_int_equal(call.cost->minor, 16);
    fixture_end(&f);
}

struct found { const char *kind; u64 minor, rows; };

static void see_kind(void *ctx, const struct sim_mapping *m)
{
    struct found *f = ctx;
    if (strcmp(m->kind, f->kind) == 0) {
        f->minor += m->cost.minor;
        f->rows++;
    }
}

static u64 minor_of(struct fixture *f, const char *kind, u64 rows)
{
    struct found found = { .kind = kind };
    sim_each_mapping(f->s, see_kind, &found);
    assert_int_equal(found.rows, rows);
    return found.minor;
}

static void rows_follow_the_address_space(void **state)
{
    struct fixture f;
    (void)state;

    fixture_begin(&f, "skylake", 64u << 20);
    struct proc *p = process(&f, "p", 0);
    struct mm_file *file = mm_file_open(f.k, &(struct mm_file_info){ .path = "/lib/a", .size_bytes = 1u << 16, .ino = 5,
                                                                     .cached = true, .writable = true, .folio_lg2 = 12 });
    assert_non_null(file);
    assert_int_equal(mm_set_brk_start(p, 0x600000), 0);
    assert_int_equal(mm_setup_stack(p, 0x7ffffffde000, 0x7ffffffff000), 0);
    assert_int_equal(mm_brk(p, 0x604000), 0x604000);
    const u64 anon = map(&f, p, 4 * PAGE_BYTES, RW, ANON);
    assert_int_equal(touch(&f, 0, 0x600000, MMU_STORE, NULL), 0);
    assert_int_equal(touch(&f, 0, 0x7fffffffe000, MMU_STORE, NULL), 0);
    assert_int_equal(touch(&f, 0, 0x601000, MMU_STORE, NULL), 0);
    assert_int_equal(touch(&f, 0, anon, MMU_STORE, NULL), 0);
    assert_int_equal(minor_of(&f, "heap", 1), 2);
    assert_int_equal(minor_of(&f, "stack", 1), 1);
    assert_int_equal(minor_of(&f, "anon", 1), 1);
    /* The same address becomes a file's: what it costs from now on is the file's. */
    assert_int_equal(mm_mmap(p, anon, 4 * PAGE_BYTES, MM_PROT_READ, MM_MAP_PRIVATE | MM_MAP_FIXED, file, 0), anon);
    assert_int_equal(touch(&f, 0, anon, MMU_LOAD, NULL), 0);
    assert_int_equal(minor_of(&f, "file", 1), 1);
    assert_int_equal(minor_of(&f, "anon", 1), 1);
    /* Another opening of it with the same permissions is the same row; other permissions are another. */
    struct mm_file *again = mm_file_open(f.k, &(struct mm_file_info){ .path = "/lib/a", .size_bytes = 1u << 16, .ino = 5,
                                                                      .cached = true, .writable = true, .folio_lg2 = 12 });
    assert_non_null(again);
    const long b = mm_mmap(p, 0, 1u << 16, MM_PROT_READ, MM_MAP_PRIVATE, again, 0);
    assert_int_equal(touch(&f, 0, (u64)b, MMU_LOAD, NULL), 0);
    assert_int_equal(minor_of(&f, "file", 1), 2);
    const long c = mm_mmap(p, 0, 1u << 16, MM_PROT_READ | MM_PROT_EXEC, MM_MAP_PRIVATE, again, 0);
    assert_int_equal(touch(&f, 0, (u64)c, MMU_FETCH, NULL), 0);
    assert_int_equal(minor_of(&f, "file", 2), 3);
    check(&f);
    fixture_end(&f);
}

/* Rows are told apart by tag, else by address; two of the same rights, used in turn. */
static void anonymous_rows(void **state)
{
    struct fixture f;
    const u64 at[] = { 0x10000000, 0x20000000, 0x30000000, 0x40000000, 0x50000000 }, tag[] = { 1, 2, 1, 0, 0 };
    (void)state;

    fixture_begin(&f, "skylake", 64u << 20);
    struct proc *p = process(&f, "p", 0);
    for (unsigned i = 0; i < 5; i++) {
        mm_tag(p, tag[i]);
        assert_int_equal(mm_mmap(p, at[i], 2 * PAGE_BYTES, RW, ANON | MM_MAP_FIXED, NULL, 0), at[i]);
    }
    for (u64 page = 0; page < 2; page++)
        for (unsigned i = 0; i < 5; i++)
            assert_int_equal(touch(&f, 0, at[i] + page * PAGE_BYTES, MMU_STORE, NULL), 0);
    assert_int_equal(minor_of(&f, "anon", 4), 10);
    fixture_end(&f);
}

static void see_gap(void *ctx, const struct sim_mapping *m)
{
    if (strcmp(m->name, "(not mapped)") == 0)
        *(u64 *)ctx += m->faults[MM_FAULT_INVALID];
}

static void below_a_mapping_is_not_the_mapping(void **state)
{
    struct fixture f;
    u64 invalid = 0;
    (void)state;

    fixture_begin(&f, "skylake", 64u << 20);
    struct proc *p = process(&f, "p", 0);
    const u64 a = map(&f, p, PAGE_BYTES, RW, ANON);
    assert_int_equal(touch(&f, 0, a - 1, MMU_LOAD, NULL), MM_SIGSEGV);
    sim_each_mapping(f.s, see_gap, &invalid);
    assert_int_equal(invalid, 1);
    assert_int_equal(minor_of(&f, "anon", 0), 0);
    fixture_end(&f);
}

static void a_page_not_in_the_cache_is_a_major_fault(void **state)
{
    struct fixture f;
    struct sim_site site = { .ip = 1 };
    (void)state;

    fixture_begin(&f, "skylake", 64u << 20);
    struct proc *p = process(&f, "p", 0);
    struct mm_file *file = mm_file_open(f.k, &(struct mm_file_info){ .path = "/a", .size_bytes = 1u << 16, .ino = 5,
                                                                     .folio_lg2 = 12 });
    const long a = mm_mmap(p, 0, 1u << 16, MM_PROT_READ, MM_MAP_PRIVATE, file, 0);
    assert_int_equal(touch(&f, 0, (u64)a, MMU_LOAD, &site), 0);
    assert_int_equal(site.cost->major, 1);
    assert_int_equal(site.cost->minor, 0);
    assert_int_equal(mapping_sum(&f).major, 1);
    fixture_end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(demand_paging),
        cmocka_unit_test(a_site_without_cost_stays_empty),
        cmocka_unit_test(a_crossing_access_needs_both_pages),
        cmocka_unit_test(fork_and_copy_on_write),
        cmocka_unit_test(shootdown),
        cmocka_unit_test(kernel_access_stops_where_it_cannot),
        cmocka_unit_test(kernel_access_is_a_supervisors),
        cmocka_unit_test(populate_is_paid_by_the_call),
        cmocka_unit_test(rows_follow_the_address_space),
        cmocka_unit_test(an_operand_that_leaves_the_canonical_addresses), cmocka_unit_test(anonymous_rows),
        cmocka_unit_test(below_a_mapping_is_not_the_mapping),
        cmocka_unit_test(a_page_not_in_the_cache_is_a_major_fault),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
