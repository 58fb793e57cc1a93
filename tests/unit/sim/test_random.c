/* SPDX-License-Identifier: MIT
 * test_random.c - random sessions: processes and threads on two CPUs map, unmap, protect, fork, exit and touch memory;
 * after each step the kernel's invariants hold, no CPU can reach what memory no longer maps, and in the end what
 * sites and mappings paid equals what the machine and the processes counted.
 * Would catch: any missing flush, a cost counted twice or lost, a mapping row found through a stale memory. */
#include "fixture.h"
#include "sim/sim_internal.h"

#define SLOTS 6u
#define ARENA 0x10000000ull
#define ARENA_PAGES 64u
#define STEPS 4000u
#define BREAK (ARENA + 40 * PAGE_BYTES)

struct world {
    struct fixture f;
    struct proc *p[SLOTS];     /* NULL: free                                                                   */
    struct mm_file *file;
    struct sim_site site[8];
    u64 faults_gone, zeroed_gone, ipis_gone; /* of processes that were freed                                   */
    u64 looked;                /* rows_right(): last address, and on which CPU                                 */
    unsigned looked_cpu;
    u64 rng;
};

static u64 rnd(struct world *w, u64 below)
{
    w->rng ^= w->rng << 13;
    w->rng ^= w->rng >> 7;
    w->rng ^= w->rng << 17;
    return w->rng % below;
}

static u64 any_va(struct world *w) { return ARENA + rnd(w, ARENA_PAGES) * PAGE_BYTES; }
static u64 any_len(struct world *w) { return (1 + rnd(w, 9)) * PAGE_BYTES; }

/* An access that was made must have gone where a walk goes now: else a stale translation answered it. */
static void touch_somewhere(struct world *w, unsigned cpu)
{
    const u64 va = any_va(w) + rnd(w, PAGE_BYTES);
    const enum mmu_kind kind = (enum mmu_kind)rnd(w, 3);
    struct sim_outcome out;
    struct mmu_walk walk;
    struct mmu_result r;

    sim_access(w->f.s, cpu, va, 1, kind, &w->site[rnd(w, 8)], &out);
    mmu_walk(w->f.m, cpu, va, kind, 0, &walk);
    if (out.signo) {
        assert_int_not_equal(walk.r.status, MMU_OK);
        return;
    }
    assert_int_equal(walk.r.status, MMU_OK);
    mmu_translate(w->f.m, cpu, va, kind, 0, &r); /* a first-level hit: no cost to account                       */
    assert_int_equal(r.status, MMU_OK);
    assert_int_equal(r.by, MMU_BY_L1);
    assert_int_equal(r.pa, walk.r.pa);
}

/* Whatever a TLB still holds for the process on a CPU must agree with its tables as to address and right to write. */
struct seen { struct world *w; unsigned cpu; u64 pcid; };

static u64 pcid_of(struct world *w, unsigned cpu)
{
    return mmu_get(w->f.m, cpu, MMU_CR4) >> 17 & 1 ? mmu_get(w->f.m, cpu, MMU_CR3) & 0xfff : 0;
}


static void see_entry(void *ctx, const struct mmu_tlb_view *v)
{
    const struct seen *s = ctx;
    struct mmu_walk walk;

    if (v->pcid != s->pcid || v->va < ARENA || v->va >= ARENA + ARENA_PAGES * PAGE_BYTES)
        return;
    mmu_walk(s->w->f.m, s->cpu, v->va, v->writable ? MMU_STORE : v->nx ? MMU_LOAD : MMU_FETCH, 0, &walk);
    assert_int_equal(walk.r.status, MMU_OK);
    assert_int_equal(walk.r.pa, v->pa);
}

static void nothing_stale(struct world *w)
{
    for (unsigned cpu = 0; cpu < 2; cpu++)
        if (proc_current(w->f.k, cpu))
            mmu_each_tlb(w->f.m, cpu, see_entry, &(struct seen){ w, cpu, pcid_of(w, cpu) });
}

/* What is remembered of mappings is what the kernel would say: where the last step looked last, then elsewhere. */
static void rows_right(struct world *w)
{
    for (unsigned i = 0; i < 12; i++) {
        const struct proc *p = proc_current(w->f.k, w->looked_cpu);
        struct row_span none;

        assert_ptr_equal(sim_row_at(w->f.s, p, w->looked), sim_row_asked(w->f.s, p, w->looked, &none));
        if (i < 11) {
            w->looked = any_va(w);
            w->looked_cpu = (unsigned)rnd(w, 2);
        }
    }
}

static void map_somewhere(struct world *w, struct proc *p)
{
    static const int prots[] = { MM_PROT_NONE, MM_PROT_READ, RW, RW, RW | MM_PROT_EXEC, MM_PROT_READ | MM_PROT_EXEC };
    const bool file = rnd(w, 3) == 0, shared = rnd(w, 4) == 0, populate = rnd(w, 6) == 0;

    mm_mmap(p, any_va(w), any_len(w), prots[rnd(w, 6)],
            MM_MAP_FIXED | (shared ? MM_MAP_SHARED : MM_MAP_PRIVATE) | (file ? 0 : MM_MAP_ANONYMOUS) |
                (populate ? MM_MAP_POPULATE : 0),
            file ? w->file : NULL, file ? rnd(w, 8) * PAGE_BYTES : 0);
}

static unsigned slot_of(struct world *w, const struct proc *p)
{
    for (unsigned i = 0; i < SLOTS; i++)
        if (w->p[i] == p)
            return i;
    return SLOTS;
}

static void fork_into_free_slot(struct world *w, struct proc *p, unsigned cpu)
{
    const unsigned i = slot_of(w, NULL);

    if (i < SLOTS)
        assert_int_equal(proc_fork(p, cpu, "child", rnd(w, 3) == 0 ? PROC_FORK_VM : 0, &w->p[i]), 0);
}

/* Runs another process, one that no other CPU runs; keeps at least one alive. */
static void switch_or_exit(struct world *w, unsigned cpu)
{
    struct proc *old = proc_current(w->f.k, cpu);
    const unsigned i = (unsigned)rnd(w, SLOTS);

    if (!w->p[i] || w->p[i] == proc_current(w->f.k, 1 - cpu) || w->p[i] == old)
        return;
    proc_run_on(w->f.k, cpu, w->p[i]);
    if (old && rnd(w, 2)) {
        w->p[slot_of(w, old)] = NULL;
        proc_exit(old);
        w->faults_gone += proc_counters(old)->minor + proc_counters(old)->major;
        w->zeroed_gone += proc_counters(old)->zeroed_pages;
        w->ipis_gone += proc_counters(old)->ipis;
        proc_free(old);
    }
}

static void step(struct world *w)
{
    const unsigned cpu = (unsigned)rnd(w, 2);
    struct proc *p = proc_current(w->f.k, cpu);
    const u64 what = p ? rnd(w, 42) : 39;

    if (what < 22)
        touch_somewhere(w, cpu);
    else if (what < 27)
        map_somewhere(w, p);
    else if (what < 29)
        mm_munmap(p, any_va(w), any_len(w));
    else if (what < 32)
        mm_mprotect(p, any_va(w), any_len(w), rnd(w, 2) ? RW : MM_PROT_READ);
    else if (what < 34)
        mm_madvise(p, any_va(w), any_len(w), MM_MADV_DONTNEED);
    else if (what < 36)
        sim_kernel_access(w->f.s, cpu, any_va(w), any_len(w), rnd(w, 2), &w->site[1]);
    else if (what < 37)
        fork_into_free_slot(w, p, cpu);
    else if (what < 40)
        switch_or_exit(w, cpu);
    else
        mm_brk(p, BREAK + rnd(w, 24 * PAGE_BYTES));
    check(&w->f);
    nothing_stale(w);
    rows_right(w);
}

static void sums_agree(struct world *w)
{
    const struct sim_cost rows = mapping_sum(&w->f);
    struct sim_cost sites = { 0 };
    u64 faults = w->faults_gone, zeroed = w->zeroed_gone, ipis = w->ipis_gone, walks_d = 0, walks_i = 0, miss_d = 0, miss_i = 0, reads = 0;

    for (unsigned i = 0; i < 8; i++)
        if (w->site[i].cost)
            sim_cost_add(&sites, w->site[i].cost);
    for (unsigned i = 0; i < SLOTS; i++)
        if (w->p[i]) {
            faults += proc_counters(w->p[i])->minor + proc_counters(w->p[i])->major;
            zeroed += proc_counters(w->p[i])->zeroed_pages;
            ipis += proc_counters(w->p[i])->ipis;
        }
    for (unsigned cpu = 0; cpu < 2; cpu++) {
        const struct mmu_stats *s = mmu_stats(w->f.m, cpu);
        walks_d += s->walks_faulted[MMU_SIDE_D];
        walks_i += s->walks_faulted[MMU_SIDE_I];
        for (unsigned z = 0; z < MMU_SIZES; z++) {
            walks_d += s->walks[MMU_SIDE_D][z];
            walks_i += s->walks[MMU_SIDE_I][z];
            miss_d += s->l1_miss[MMU_SIDE_D][z];
            miss_i += s->l1_miss[MMU_SIDE_I][z];
        }
        for (unsigned l = 0; l < 5; l++)
            reads += s->reads[l];
    }
    assert_memory_equal(&rows, &sites, sizeof rows);
    assert_int_equal(sites.minor + sites.major, faults);
    assert_int_equal(sites.zeroed, zeroed);
    assert_int_equal(sites.shootdowns, ipis);
    assert_true(zeroed > 0 && ipis > 0);
    assert_int_equal(sites.l1d_miss, miss_d);
    assert_int_equal(sites.l1i_miss, miss_i);
    assert_int_equal(sites.walks_d, walks_d);
    assert_int_equal(sites.walks_i, walks_i);
    assert_int_equal(sites.walk_reads, reads);
}

static void session(const char *profile, u64 seed)
{
    struct world w = { .rng = seed };

    fixture_begin(&w.f, profile, 64u << 20);
    w.file = mm_file_open(w.f.k, &(struct mm_file_info){ .path = "/tmp/file", .size_bytes = 12 * PAGE_BYTES, .ino = 3,
                                                         .writable = true, .cached = true, .folio_lg2 = 12 });
    assert_non_null(w.file);
    for (unsigned i = 0; i < 2; i++) {
        w.p[i] = process(&w.f, "p", i);
        assert_int_equal(mm_set_brk_start(w.p[i], BREAK), 0);
    }
    sim_call_site(w.f.s, &w.site[0]);
    for (unsigned i = 0; i < STEPS; i++)
        step(&w);
    sums_agree(&w);
    fixture_end(&w.f);
}

static void skylake(void **state)
{
    (void)state;
    for (u64 seed = 1; seed <= 6; seed++)
        session("skylake", seed * 0x9e3779b97f4a7c15ull);
}

static void zen3(void **state)
{
    (void)state;
    for (u64 seed = 1; seed <= 6; seed++)
        session("zen3", seed * 0xda942042e4dd58b5ull);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(skylake), cmocka_unit_test(zen3) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
