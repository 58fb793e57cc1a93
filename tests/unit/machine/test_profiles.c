/* SPDX-License-Identifier: MIT
 * test_profiles.c - the CPU profiles as data and as behaviour: every row names its source, every array holds what it
 * says and no more, counters add up, cycles follow the timing row. */
#include "box.h"

#include "machine/timing.h"

#define BASE 0x400000000000ull
#define OVER 513u /* pages too many: enough to reach the smaller one of two arrays                                    */

static void rows_are_whole(void **state)
{
    (void)state;
    static const char *const wanted[] = { "skylake", "haswell", "icelake", "goldencove", "zen1", "zen2", "zen3", "zen4",
                                          "zen5", "gracemont", "champsim" };
    for (unsigned i = 0; i < 11; i++)
        assert_non_null(mmu_profile_find(wanted[i]));
    assert_null(mmu_profile_find("skylak"));
    assert_null(mmu_profile_find("skylakes"));
    assert_null(mmu_profile_find(""));
    assert_string_equal(mmu_profile_at(0)->name, "skylake"); /* the default */
    for (unsigned i = 0; mmu_profile_at(i); i++) {
        const struct mmu_profile *p = mmu_profile_at(i);
        assert_ptr_equal(mmu_profile_find(p->name), p);
        assert_true(*p->title && *p->notes && *p->timing.source);
        assert_true(p->va_bits == (p->features & MMU_LA57 ? 57 : 48));
        for (unsigned t = 0; t < p->tlbs; t++) {
            assert_true(*p->tlb[t].name && *p->tlb[t].source && p->tlb[t].sizes && p->tlb[t].ports);
            for (unsigned u = 0; u < t; u++)
                assert_string_not_equal(p->tlb[t].name, p->tlb[u].name);
        }
        for (unsigned t = 0; t < p->pscs; t++)
            assert_true(*p->psc[t].source);
        struct box b;
        box_begin(&b, p->name);
        box_end(&b);
    }
    assert_null(mmu_profile_at(1000));
}

/* ---- reach ----------------------------------------------------------------------------------------------------- */

/* Pages in a row that the arrays of a level hold: two arrays get every other run of pages, so the smaller decides. */
static u32 held(const struct mmu_profile *p, unsigned level, unsigned port, enum mmu_size size)
{
    u32 n = 0, least = 0;
    for (unsigned i = 0; i < p->tlbs; i++)
        if (p->tlb[i].level == level && p->tlb[i].ports & port && p->tlb[i].sizes >> size & 1) {
            u32 entries = (u32)p->tlb[i].ways * p->tlb[i].sets;
            least = !n || entries < least ? entries : least;
            n++;
        }
    return n * least;
}

/* The least `by` of a second pass over n pages in a row. */
static unsigned worst(struct box *b, u32 n, unsigned level, enum mmu_kind kind)
{
    unsigned by = MMU_BY_L1;
    for (u32 i = 0; i < 2 * n; i++) {
        u64 va = BASE + ((u64)(i % n) << (12 + 9 * level));
        struct mmu_result r = box_do(b, va, kind);
        assert_int_equal(r.status, MMU_OK);
        if (i >= n && r.by > by)
            by = r.by;
    }
    return by;
}

/* Pages in a row fill an array exactly, whatever its index and policy; more do not fit. */
static void reach(void **state)
{
    (void)state;
    static const u8 port[] = { MMU_PORT_LOAD, MMU_PORT_STORE, MMU_PORT_I };
    for (unsigned i = 0; mmu_profile_at(i); i++)
        for (unsigned kind = 0; kind < 3; kind++)
            for (unsigned size = 0; size < 2; size++) {
                const struct mmu_profile *p = mmu_profile_at(i);
                u32 l1 = held(p, 1, port[kind], (enum mmu_size)size), l2 = held(p, 2, port[kind], (enum mmu_size)size);
                struct box b;
                if (!l1)
                    continue;
                box_begin(&b, p->name);
                for (u32 n = 0; n < (l1 > l2 ? l1 : l2) + OVER; n++)
                    box_map(&b, BASE + ((u64)n << (12 + 9 * size)), size, 0, PTE_ALL | X86_PTE_D);
                assert_int_equal(worst(&b, l1, size, (enum mmu_kind)kind), MMU_BY_L1);
                box_flush(&b);
                if (l2) {
                    assert_int_equal(worst(&b, l1 + 1, size, (enum mmu_kind)kind), l2 > l1 ? MMU_BY_STLB : MMU_BY_WALK);
                    box_flush(&b);
                    assert_true(worst(&b, l2, size, (enum mmu_kind)kind) != MMU_BY_WALK);
                    box_flush(&b);
                }
                u32 over = (l1 > l2 ? l1 : l2) + OVER;
                assert_int_equal(worst(&b, over, size, (enum mmu_kind)kind), MMU_BY_WALK);
                box_end(&b);
            }
}

/* Loads and stores of Golden Cove have arrays of their own: filling one does not fill the other. */
static void ports_are_apart(void **state)
{
    (void)state;
    struct box b;
    box_begin(&b, "goldencove");
    box_map(&b, BASE, 0, 0x100000, PTE_ALL | X86_PTE_D);
    assert_int_equal(box_do(&b, BASE, MMU_LOAD).by, MMU_BY_WALK);
    assert_int_equal(box_do(&b, BASE, MMU_STORE).by, MMU_BY_STLB);
    assert_int_equal(box_do(&b, BASE, MMU_FETCH).by, MMU_BY_STLB);
    assert_int_equal(box_do(&b, BASE, MMU_STORE).by, MMU_BY_L1);
    box_end(&b);
    box_begin(&b, "zen3"); /* code and data have second levels of their own */
    box_map(&b, BASE, 0, 0x100000, PTE_ALL | X86_PTE_D);
    assert_int_equal(box_do(&b, BASE, MMU_LOAD).by, MMU_BY_WALK);
    assert_int_equal(box_do(&b, BASE, MMU_FETCH).by, MMU_BY_WALK);
    assert_int_equal(box_do(&b, BASE, MMU_STORE).by, MMU_BY_L1);
    box_end(&b);
}

/* ---- counters and cycles --------------------------------------------------------------------------------------- */

static u64 sum(const u64 *v)
{
    return v[0] + v[1] + v[2];
}

/* What is looked up hits, misses or is refused; what misses hits the second level, walks, or faults. */
static void counters_add_up(void **state)
{
    (void)state;
    for (unsigned i = 0; mmu_profile_at(i); i++) {
        struct box b;
        u64 seed = i, lookups[2] = { 0 }, by[2][3] = { { 0 } }, faults[2] = { 0 }, cycles[3] = { 0 }, rewalks = 0;
        box_begin(&b, mmu_profile_at(i)->name);
        const struct mmu_stats *s = mmu_stats(b.m, 0);
        for (u32 n = 0; n < 512; n++)
            if (n % 7)
                box_map(&b, BASE + n * 4096, 0, 0x100000 + n * 4096, PTE_ALL);
        for (u32 n = 0; n < 20; n++)
            box_map(&b, BASE + ((u64)(n + 1) << 21), 1, (u64)n << 21, PTE_ALL);
        for (u32 n = 0; n < 30000; n++) {
            u64 r64 = box_random(&seed);
            u64 va = r64 & 1 ? BASE + (r64 >> 8 & 511) * 4096 : BASE + ((r64 >> 8) % 20 + 1) * ((u64)1 << 21);
            enum mmu_kind kind = (enum mmu_kind)((r64 >> 32) % 3);
            unsigned side = kind == MMU_FETCH ? MMU_SIDE_I : MMU_SIDE_D;
            u64 before = s->rewalks_dirty;
            struct mmu_result r = box_do(&b, va, kind);
            lookups[side]++;
            rewalks += s->rewalks_dirty - before;
            r.status == MMU_OK ? by[side][r.by]++ : faults[side]++;
            cycles[r.by] += r.cycles;
        }
        for (unsigned side = 0; side < 2; side++) {
            assert_int_equal(s->lookups[side], lookups[side]);
            assert_int_equal(s->walks_faulted[side], faults[side]);
            assert_int_equal(sum(s->walks[side]), by[side][MMU_BY_WALK]);
            u64 again = side == MMU_SIDE_D ? rewalks : 0; /* walks on top of those that misses need */
            assert_int_equal(sum(s->l1_miss[side]) + again, sum(s->stlb_hit[side]) + sum(s->walks[side]));
        }
        assert_int_equal(s->pf, faults[0] + faults[1]);
        assert_int_equal(s->cycles_stlb, cycles[MMU_BY_STLB]);
        assert_int_equal(s->cycles_walk, cycles[MMU_BY_WALK]);
        box_end(&b);
    }
}

static void cycles_of_a_walk(void **state)
{
    (void)state;
    struct box b;
    box_begin(&b, "champsim");
    const struct mmu_timing *t = &b.cfg.profile->timing;
    box_map(&b, BASE, 0, 0x100000, PTE_ALL | X86_PTE_D);
    box_map(&b, BASE + 4096, 0, 0x101000, PTE_ALL);
    box_map(&b, BASE + 64 * 4096, 0, 0x101000, PTE_ALL);
    assert_int_equal(box_do(&b, BASE, MMU_LOAD).cycles, t->walk_base_cycles + 4 * t->read_far_cycles);
    assert_int_equal(box_do(&b, BASE + 4096, MMU_LOAD).cycles, t->walk_base_cycles + t->read_near_cycles);
    assert_int_equal(box_do(&b, BASE + 64 * 4096, MMU_LOAD).cycles, t->walk_base_cycles + t->read_far_cycles);
    assert_int_equal(box_do(&b, BASE, MMU_FETCH).cycles, t->stlb_hit_cycles);
    assert_int_equal(box_do(&b, BASE, MMU_FETCH).cycles, 0);
    box_end(&b);
}

/* Four lines a set, least recently read goes first. */
static void near_lines(void **state)
{
    (void)state;
    u64 line[1][4] = { { 0 } };
    struct near_lines n = { line, 0 };
    const struct mmu_timing t = { .read_near_cycles = 1, .read_far_cycles = 2 };
    static const struct { u64 line, cycles; } read[] = {
        { 1, 2 }, { 2, 2 }, { 1, 1 }, { 3, 2 }, { 4, 2 }, { 2, 1 },
        { 5, 2 }, { 1, 2 }, { 2, 1 }, { 4, 1 }, { 5, 1 }, { 3, 2 },
    };
    for (unsigned i = 0; i < sizeof read / sizeof *read; i++)
        assert_int_equal(timing_read(&n, &t, read[i].line << 6 | (i & 63)), read[i].cycles);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(rows_are_whole), cmocka_unit_test(reach),
                                        cmocka_unit_test(ports_are_apart), cmocka_unit_test(counters_add_up),
                                        cmocka_unit_test(cycles_of_a_walk), cmocka_unit_test(near_lines) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
