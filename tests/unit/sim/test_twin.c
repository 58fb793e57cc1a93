/* SPDX-License-Identifier: MIT
 * test_twin.c - the machine's TLBs and the naive twin must answer alike: random accesses, faults, page-table changes,
 * invalidations and register writes on two CPUs, for every profile and for a few geometries no profile has.
 * Catches a slip in either; a twin of a slightly different geometry, or a deaf one, must be caught. */
#include "sim/twin.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define CPUS 2
#define RAM_BYTES (2u << 20)
#define FEATURES (~(u32)MMU_LA57)

/* Two address spaces.  Index 0 of the root leads to 512 entries of 1 GiB: of them 0..7 split into 2 MiB entries, of
 * which every other one of the first 16 is split into 4 KiB pages. */
#define ROOT(space) (0x10000u + (space) * 0x80000u)
#define PDPT(space) (ROOT(space) + 0x1000)
#define PD(space, gib) (ROOT(space) + 0x2000 + (gib) * 0x1000)
#define PT(space, n) (ROOT(space) + 0x10000 + (n) * 0x1000)
#define GIB_SPLIT 4
#define PT_EACH 8

#define P 1ull
#define RW 2ull
#define US 4ull
#define PS 0x80ull
#define G 0x100ull

struct rig {
    struct mmu *mmu;
    struct twin *twin;
    struct mmu_observer listen;
    void *ram, *block, *twin_block;
    bool deaf;
    u64 seed;
    u64 hot[CPUS];
};

static u64 draw(struct rig *r)
{
    r->seed ^= r->seed << 13;
    r->seed ^= r->seed >> 7;
    r->seed ^= r->seed << 17;
    return r->seed * 0x2545f4914f6cdd1dull >> 16;
}

static bool one_in(struct rig *r, unsigned n)
{
    return draw(r) % n == 0;
}

/* ---- the observer in front of the twin ---------------------------------------------------------------------------- */

static void translated(void *ctx, unsigned cpu, const struct mmu_result *res, u64 pcid, bool global)
{
    struct rig *r = ctx;
    r->listen.translated(r->listen.ctx, cpu, res, pcid, global);
}

static void invalidated(void *ctx, unsigned cpu, enum mmu_inv_scope scope, u64 pcid, u64 va, bool with_global)
{
    struct rig *r = ctx;
    if (!r->deaf)
        r->listen.invalidated(r->listen.ctx, cpu, scope, pcid, va, with_global);
}

/* ---- page tables ---------------------------------------------------------------------------------------------------- */

/* Mostly a plain page; now and then not present, read-only, supervisor or global. */
static u64 random_rights(struct rig *r)
{
    u64 entry = P | RW | US;
    if (one_in(r, 16))
        entry &= ~P;
    if (one_in(r, 6))
        entry &= ~RW;
    if (one_in(r, 16))
        entry &= ~US;
    if (one_in(r, 5))
        entry |= G;
    return entry;
}

static u64 random_leaf(struct rig *r, unsigned lg2)
{
    return random_rights(r) | (draw(r) << lg2 & 0x7fffffffffull) | (lg2 > 12 ? PS : 0);
}

static void build_tables(struct rig *r)
{
    for (u32 space = 0; space < 2; space++) {
        mmu_poke(r->mmu, ROOT(space), PDPT(space) | P | RW | US);
        for (u32 i = 0; i < 512; i++)
            mmu_poke(r->mmu, PDPT(space) + i * 8, i < GIB_SPLIT ? PD(space, i) | P | RW | US : random_leaf(r, 30));
        for (u32 gib = 0; gib < GIB_SPLIT; gib++)
            for (u32 i = 0; i < 512; i++) {
                bool split = i < 2 * PT_EACH && i % 2;
                u32 table = PT(space, gib * PT_EACH + i / 2);
                mmu_poke(r->mmu, PD(space, gib) + i * 8, split ? table | P | RW | US : random_leaf(r, 21));
            }
        for (u32 i = 0; i < GIB_SPLIT * PT_EACH * 512; i++)
            mmu_poke(r->mmu, PT(space, 0) + i * 8, random_leaf(r, 12));
    }
}

/* An address that the tables know, from a set of pages that drifts: hits, misses and conflicts all happen. */
static u64 random_va(struct rig *r, unsigned cpu)
{
    u64 pick = draw(r), gib = pick % 4, in = pick >> 8;
    if (one_in(r, 512))
        r->hot[cpu] = draw(r);
    if (one_in(r, 3000))
        return (u64)1 << 50 | in; /* not canonical */
    switch (pick >> 4 & 7) {
    case 0: return (4 + in % 60) << 30 | (draw(r) & 0x3fffffff);
    case 1:
    case 2: return gib << 30 | (in % 512) << 21 | (draw(r) & 0x1fffff);
    case 3: return gib << 30 | (in % PT_EACH * 2 + 1) << 21 | (draw(r) & 0x1fffff);
    default:
        in = r->hot[cpu] + in % 24 * (1 + (r->hot[cpu] >> 32 & 63));
        return gib << 30 | (in >> 9 & (PT_EACH - 1)) << 22 | 1 << 21 | (in & 511) << 12 | (draw(r) & 0xfff);
    }
}

/* Software changes an entry, and sometimes forgets to say so. */
static void change_entry(struct rig *r, unsigned cpu)
{
    u64 va = random_va(r, cpu) & 0xffffffffff, entry;
    u32 space = (u32)draw(r) & 1;
    u64 pa = PDPT(space) + (va >> 30 & 511) * 8;
    unsigned lg2 = 30;
    if (va >> 30 < GIB_SPLIT) {
        pa = PD(space, va >> 30) + (va >> 21 & 511) * 8;
        lg2 = 21;
        if ((va >> 21 & 511) < 2 * PT_EACH && va >> 21 & 1) {
            u32 table = PT(space, (u32)(va >> 30) * PT_EACH + (u32)(va >> 22 & (PT_EACH - 1)));
            if (one_in(r, 8)) { /* a table becomes a large page, or comes back */
                entry = mmu_peek(r->mmu, pa);
                mmu_poke(r->mmu, pa, entry & PS ? table | P | RW | US : random_leaf(r, 21));
                return;
            }
            pa = table + (va >> 12 & 511) * 8;
            lg2 = 12;
        }
    }
    entry = mmu_peek(r->mmu, pa);
    if (one_in(r, 2))
        entry &= ~(u64)0x60; /* A and D */
    else
        entry = random_leaf(r, lg2);
    mmu_poke(r->mmu, pa, entry);
    if (!one_in(r, 4))
        mmu_invlpg(r->mmu, cpu, va);
}

/* ---- one step ------------------------------------------------------------------------------------------------------- */

static void write_cr3(struct rig *r, unsigned cpu)
{
    u64 keep = one_in(r, 4) ? 0 : (u64)1 << 63;
    u64 pcid = draw(r) % 4;
    mmu_set(r->mmu, cpu, MMU_CR3, ROOT(pcid & 1) | pcid | keep);
}

static void step(struct rig *r)
{
    unsigned cpu = one_in(r, 4);
    struct mmu_result res;
    u64 n = draw(r) % 4000;

    if (n < 3)
        write_cr3(r, cpu);
    else if (n < 4 && one_in(r, 8))
        mmu_set(r->mmu, cpu, MMU_CR4, mmu_get(r->mmu, cpu, MMU_CR4) ^ 0x80); /* PGE: everything goes */
    else if (n < 8)
        mmu_invpcid(r->mmu, cpu, one_in(r, 6) ? draw(r) % 4 : draw(r) % 2, draw(r) % 4, random_va(r, cpu));
    else if (n < 30)
        mmu_invlpg(r->mmu, cpu, random_va(r, cpu));
    else if (n < 60)
        change_entry(r, cpu);
    else if (n < 64)
        mmu_set(r->mmu, cpu, MMU_CPL, one_in(r, 2) ? 0 : 3);
    else
        mmu_translate(r->mmu, cpu, random_va(r, cpu), (enum mmu_kind)(draw(r) % 3), 0, &res);
}

static unsigned steps_each = 100000; /* of every profile; the program's argument                                     */

/* ---- a run ---------------------------------------------------------------------------------------------------------- */

static void rig_create(struct rig *r, const struct mmu_profile *machine, const struct mmu_profile *twin)
{
    struct mmu_config cfg = { .cpus = CPUS, .ram_bytes = RAM_BYTES, .maxphyaddr = 46, .vendor = machine->vendor,
                              .features = FEATURES, .profile = machine, .seed = 1 };
    size_t bytes;

    *r = (struct rig){ .seed = 0x1234567887654321ull };
    r->ram = aligned_alloc(4096, RAM_BYTES);
    memset(r->ram, 0, RAM_BYTES);
    cfg.ram = r->ram;
    bytes = (mmu_bytes(&cfg) + 63) & ~(size_t)63;
    assert_true(bytes > 0);
    r->block = aligned_alloc(64, bytes);
    r->mmu = mmu_create(r->block, bytes, &cfg);
    assert_non_null(r->mmu);
    r->twin_block = aligned_alloc(64, (twin_bytes(twin, CPUS) + 63) & ~(size_t)63);
    r->twin = twin_create(r->twin_block, twin, CPUS);
    twin_observer(r->twin, &r->listen);
    build_tables(r);
    for (unsigned cpu = 0; cpu < CPUS; cpu++) {
        assert_true(mmu_set(r->mmu, cpu, MMU_CR3, ROOT(0)));
        assert_true(mmu_set(r->mmu, cpu, MMU_CR4, 0x20 | 0x80 | 1u << 17)); /* PAE, PGE, PCIDE */
        assert_true(mmu_set(r->mmu, cpu, MMU_CPL, 3));
    }
    mmu_observe(r->mmu, &(struct mmu_observer){ .ctx = r, .translated = translated, .invalidated = invalidated });
}

static void rig_destroy(struct rig *r)
{
    free(r->ram);
    free(r->block);
    free(r->twin_block);
}

static struct sim_check run(const struct mmu_profile *machine, const struct mmu_profile *twin, bool deaf, unsigned steps)
{
    struct rig r;
    struct sim_check check;
    const struct mmu_stats *s;

    rig_create(&r, machine, twin);
    r.deaf = deaf;
    for (unsigned i = 0; i < steps; i++)
        step(&r);
    twin_result(r.twin, &check);
    s = mmu_stats(r.mmu, 0); /* the run was worth something */
    assert_true(s->lookups[MMU_SIDE_D] > steps / 8 && s->pf > 0 && s->gp > 0 && s->rewalks_dirty > 0);
    assert_true(s->l1_miss[MMU_SIDE_D][MMU_4K] > 0 && s->walks[MMU_SIDE_D][MMU_2M] > 0 && s->walks[MMU_SIDE_D][MMU_1G] > 0);
    rig_destroy(&r);
    return check;
}

static void agree(const struct mmu_profile *p, unsigned steps)
{
    struct sim_check check = run(p, p, false, steps);
    if (check.differences)
        print_error("%s: %llu of %llu differ; first: cpu %u va 0x%llx expected by %u, got %u\n", p->name,
                    (unsigned long long)check.differences, (unsigned long long)check.accesses, check.first_cpu,
                    (unsigned long long)check.first_va, check.first_expected_by, check.first_got_by);
    assert_true(check.accesses > steps / 2);
    assert_true(check.differences == 0);
}

static void every_profile_agrees(void **state)
{
    (void)state;
    for (unsigned i = 0; mmu_profile_at(i); i++)
        agree(mmu_profile_at(i), steps_each);
}

/* Policies and hashes in pairs that no profile has. */
static void made_up_geometries_agree(void **state)
{
    static const u8 repl[] = { MMU_LRU, MMU_PLRU, MMU_PLRU_3X4, MMU_NRU };
    static const u16 ways[] = { 6, 16, 12, 8 };
    (void)state;
    for (unsigned i = 0; i < 16; i++) {
        struct mmu_tlb_desc d[] = {
            { "L1I", 1, MMU_PORT_I, 1 << MMU_4K, MMU_LINEAR, repl[i % 4], ways[i % 4], 2, "made up", 0 },
            { "L1D-load", 1, MMU_PORT_LOAD, 7, MMU_XOR, repl[i / 4], ways[i / 4], 4, "made up", (u8)(i & 1 ? MMU_PCIDS_NONE : i % 5) },
            { "L1D-store", 1, MMU_PORT_STORE, 3, MMU_LINEAR, repl[i % 4], ways[i % 4], 1, "made up", 0 },
            { "STLB-a", 2, 7, 1 << MMU_4K | 1 << MMU_2M, MMU_XOR, repl[i / 4], ways[i / 4], 8, "made up", (u8)(i % 4) },
            { "STLB-b", 2, 7, 1 << MMU_4K | 1 << MMU_1G, MMU_LINEAR, repl[i % 4], ways[i % 4], 16, "made up", 0 },
        };
        struct mmu_profile p = { .name = "made-up", .vendor = i & 1 ? MMU_AMD : MMU_INTEL, .maxphyaddr = 46,
                                 .va_bits = 48, .tlbs = 5, .tlb = d };
        agree(&p, 50000);
    }
}

/* The comparison can fail: a twin with one thing changed in one array is found out. */
static void another_geometry_differs(void **state)
{
    const struct mmu_profile *skylake = mmu_profile_find("skylake");
    (void)state;
    assert_non_null(skylake);
    for (unsigned i = 0; i < skylake->tlbs; i++)
        for (unsigned what = 0; what < 3; what++) {
            struct mmu_tlb_desc d[16];
            struct mmu_profile p = *skylake;
            memcpy(d, skylake->tlb, skylake->tlbs * sizeof *d);
            p.tlb = d;
            if (what == 0)
                d[i].repl = d[i].repl == MMU_LRU ? MMU_NRU : MMU_LRU;
            if (what == 1)
                d[i].ways = d[i].ways / 2;
            if (what == 2 && d[i].sets > 1)
                d[i].hash = d[i].hash == MMU_LINEAR ? MMU_XOR : MMU_LINEAR;
            if (!memcmp(d, skylake->tlb, skylake->tlbs * sizeof *d))
                continue;
            if (d[i].repl == MMU_PLRU_3X4 && what == 1)
                d[i].repl = MMU_LRU; /* three groups of four is all this policy knows */
            if (run(skylake, &p, false, 100000).differences == 0) {
                print_error("%s, change %u: not noticed\n", d[i].name, what);
                fail();
            }
        }
}

static void a_deaf_twin_differs(void **state)
{
    const struct mmu_profile *skylake = mmu_profile_find("skylake");
    (void)state;
    assert_true(run(skylake, skylake, true, 100000).differences > 0);
}

/* Random replacement cannot be predicted: such a profile is not compared, and says so by comparing nothing. */
static void random_replacement_is_not_compared(void **state)
{
    struct mmu_tlb_desc d[] = {
        { "L1", 1, 7, 7, MMU_LINEAR, MMU_RANDOM, 4, 4, "made up", 0 },
        { "L2", 2, 7, 7, MMU_LINEAR, MMU_LRU, 4, 16, "made up", 0 },
    };
    struct mmu_profile p = { .name = "made-up", .maxphyaddr = 46, .va_bits = 48, .tlbs = 2, .tlb = d };
    struct sim_check check = run(&p, &p, false, 20000);
    (void)state;
    assert_true(check.accesses == 0 && check.differences == 0);
}

/* test_sim_twin [STEPS] */
int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_profile_agrees),
        cmocka_unit_test(made_up_geometries_agree),
        cmocka_unit_test(another_geometry_differs),
        cmocka_unit_test(a_deaf_twin_differs),
        cmocka_unit_test(random_replacement_is_not_compared),
    };
    if (argc > 1)
        steps_each = (unsigned)atoi(argv[1]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
