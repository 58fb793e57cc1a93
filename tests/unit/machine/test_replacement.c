/* SPDX-License-Identifier: MIT
 * test_replacement.c - replacement policies as black boxes.  A permutation vector says what a hit does to the order
 * in which a full set will be evicted: after filling the set and touching the element at position v, element e (0 =
 * filled last) is evicted by the (ways - position)-th new page.  The vectors below are the ones that vusec/tlbdr
 * (TLB;DR, USENIX Security 2022) measured on Skylake-class hardware; they are found here in the same way, by fill,
 * touch and probe, through mmu_translate() only.  Would catch any change of a policy, an index hash, or of what a
 * first-level miss does to the second level. */
#include "box.h"

#define BASE 0x400000000000ull
#define MAX_WAYS 16

/* One array under test.  Level 2: behind a first level of one entry, so that every access to another page reaches
 * it. */
struct rig {
    struct mmu_profile profile;
    struct mmu_tlb_desc tlb[2];
    unsigned level, ways, sets;
    bool xor;
    struct box box;
};

static void rig_begin(struct rig *r, const struct mmu_tlb_desc *under_test)
{
    static const struct mmu_tlb_desc tiny = { "tiny", 1, MMU_PORT_I | MMU_PORT_LOAD | MMU_PORT_STORE, 1 << MMU_4K,
                                              MMU_LINEAR, MMU_LRU, 1, 1, "", 0 };
    memset(r, 0, sizeof *r);
    r->profile = *mmu_profile_find("skylake");
    r->tlb[0] = *under_test;
    r->tlb[0].ports = MMU_PORT_I | MMU_PORT_LOAD | MMU_PORT_STORE;
    r->tlb[1] = tiny;
    r->profile.tlb = r->tlb;
    r->profile.tlbs = under_test->level == 2 ? 2 : 1;
    r->level = under_test->level;
    r->ways = under_test->ways;
    r->sets = under_test->sets;
    r->xor = under_test->hash == MMU_XOR;
    box_profile(&r->box, &r->profile);
    box_make(&r->box);
}

/* The n-th page of a set, as the documented hashes put it there. */
static u64 page_of_set(const struct rig *r, u32 set, u32 n)
{
    u64 low = r->xor ? (set ^ n) & (r->sets - 1) : set;
    return BASE + (((u64)n * r->sets + low) << 12);
}

/* True: it was there. */
static bool touch(struct rig *r, u64 va)
{
    u64 at = box_entry(&r->box, va, 0);
    if (!mmu_peek(r->box.m, at))
        mmu_poke(r->box.m, at, 0x100000 | PTE_ALL);
    return box_do(&r->box, va, MMU_LOAD).by == (r->level == 2 ? MMU_BY_STLB : MMU_BY_L1);
}

/* Is the element gone after the set was filled, `touched` touched, and `fresh` new pages came? */
static bool evicted_after(struct rig *r, u32 set, u32 touched, u32 fresh, u32 element)
{
    u32 w = r->ways;
    box_flush(&r->box);
    for (u32 i = 0; i < 3 * w; i++)
        touch(r, page_of_set(r, set, i));
    touch(r, page_of_set(r, (set + 1) % r->sets, 99)); /* another set: a first level of one entry forgets */
    touch(r, page_of_set(r, set, 3 * w - 1 - touched));
    for (u32 i = 0; i < fresh; i++)
        touch(r, page_of_set(r, set, 3 * w + i));
    return !touch(r, page_of_set(r, set, 3 * w - 1 - element));
}

static void vector(struct rig *r, u32 set, u32 touched, u8 out[MAX_WAYS])
{
    memset(out, 0xff, MAX_WAYS);
    for (u32 element = 0; element < r->ways; element++) {
        u32 fresh = 1;
        while (fresh < r->ways && !evicted_after(r, set, touched, fresh, element))
            fresh++;
        out[r->ways - fresh] = (u8)element;
    }
}

static void expect_vectors(const struct mmu_tlb_desc *d, u32 set, const u8 *want)
{
    struct rig r;
    rig_begin(&r, d);
    for (u32 v = 0; v < r.ways; v++) {
        u8 got[MAX_WAYS];
        vector(&r, set, v, got);
        assert_memory_equal(got, want + v * r.ways, r.ways);
    }
    box_end(&r.box);
}

static const struct mmu_tlb_desc *row(const char *profile, const char *name)
{
    const struct mmu_profile *p = mmu_profile_find(profile);
    for (unsigned i = 0; i < p->tlbs; i++)
        if (!strcmp(p->tlb[i].name, name))
            return &p->tlb[i];
    fail();
    return NULL;
}

/* ---- as measured ----------------------------------------------------------------------------------------------- */

static const u8 plru4[] = { 0, 1, 2, 3, 1, 0, 3, 2, 2, 1, 0, 3, 3, 0, 1, 2 };
static const u8 plru8[] = {
    0, 1, 2, 3, 4, 5, 6, 7, 1, 0, 3, 2, 5, 4, 7, 6, 2, 1, 0, 3, 6, 5, 4, 7, 3, 0, 1, 2, 7, 4, 5, 6,
    4, 1, 2, 3, 0, 5, 6, 7, 5, 0, 3, 2, 1, 4, 7, 6, 6, 1, 0, 3, 2, 5, 4, 7, 7, 0, 1, 2, 3, 4, 5, 6,
};
static const u8 mru3plru4[] = {
    0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 1, 2, 0, 4, 5, 3, 7, 8, 6, 10, 11, 9, 2, 0, 1, 5, 3, 4, 8, 6, 7, 11, 9, 10,
    3, 1, 2, 0, 4, 5, 9, 7, 8, 6, 10, 11, 4, 2, 0, 1, 5, 3, 10, 8, 6, 7, 11, 9, 5, 0, 1, 2, 3, 4, 11, 6, 7, 8, 9, 10,
    6, 1, 2, 3, 4, 5, 0, 7, 8, 9, 10, 11, 7, 2, 0, 4, 5, 3, 1, 8, 6, 10, 11, 9, 8, 0, 1, 5, 3, 4, 2, 6, 7, 11, 9, 10,
    9, 1, 2, 0, 4, 5, 3, 7, 8, 6, 10, 11, 10, 2, 0, 1, 5, 3, 4, 8, 6, 7, 11, 9, 11, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10,
};

static void skylake_second_level(void **state)
{
    (void)state;
    expect_vectors(row("skylake", "STLB"), 0, mru3plru4);
    expect_vectors(row("skylake", "STLB"), 83, mru3plru4);
}

static void skylake_first_level(void **state)
{
    (void)state;
    expect_vectors(row("skylake", "L1D"), 5, plru4);
    expect_vectors(row("skylake", "L1I"), 7, plru8);
}

static void haswell(void **state)
{
    (void)state;
    expect_vectors(row("haswell", "L1D"), 15, plru4);
    expect_vectors(row("haswell", "STLB"), 100, plru8);
}

/* ---- by definition --------------------------------------------------------------------------------------------- */

/* LRU: a touch moves to the front, the others keep their order. */
static void lru(void **state)
{
    (void)state;
    static const u8 ways[] = { 2, 3, 6, 12, 16 };
    for (unsigned i = 0; i < 5; i++) {
        struct mmu_tlb_desc d = *row("champsim", "L1D");
        u8 want[MAX_WAYS * MAX_WAYS];
        d.ways = ways[i];
        for (u32 v = 0; v < d.ways; v++)
            for (u32 pos = 0; pos < d.ways; pos++)
                want[v * d.ways + pos] = (u8)(pos == 0 ? v : pos <= v ? pos - 1 : pos);
        expect_vectors(&d, 3, want);
    }
}

/* The linked-list form, for wide sets: same definition, by direct simulation with ages. */
static void wide_lru(void **state)
{
    (void)state;
    static const u16 ways[] = { 17, 24, 64, 128, 255 };
    for (unsigned i = 0; i < 5; i++) {
        struct mmu_tlb_desc d = *row("gem5", "DTB");
        struct rig r;
        u64 seed = i, age[400] = { 0 }, now = 0;
        bool in[400] = { false };
        u32 held = 0;
        d.ways = ways[i];
        rig_begin(&r, &d);
        for (u32 step = 0; step < 6000; step++) {
            u32 n = (u32)(box_random(&seed) % (d.ways * 3 / 2));
            assert_int_equal(touch(&r, page_of_set(&r, 0, n)), in[n]);
            if (!in[n] && held == d.ways) {
                u32 oldest = 400;
                for (u32 k = 0; k < 400; k++)
                    if (in[k] && (oldest == 400 || age[k] < age[oldest]))
                        oldest = k;
                in[oldest] = false;
                held--;
            }
            held += !in[n];
            in[n] = true;
            age[n] = ++now;
        }
        box_end(&r.box);
    }
}

/* NRU, four ways: touching A B C D makes D alone recent; the victims are then A, B, C in the order of ways. */
static void nru(void **state)
{
    (void)state;
    struct mmu_tlb_desc d = *row("champsim", "L1D");
    struct rig r;
    d.repl = MMU_NRU;
    rig_begin(&r, &d);
    for (u32 i = 0; i < 4; i++)
        touch(&r, page_of_set(&r, 1, i));
    for (u32 i = 4; i < 8; i++)                      /* ways 0, 1, 2, and 0 again  */
        touch(&r, page_of_set(&r, 1, i));
    assert_true(touch(&r, page_of_set(&r, 1, 3)));
    for (u32 i = 0; i < 4; i++)
        touch(&r, page_of_set(&r, 0, i));
    touch(&r, page_of_set(&r, 0, 1));                /* recent: ways 1, 3          */
    assert_false(touch(&r, page_of_set(&r, 0, 10))); /* takes way 0                */
    assert_false(touch(&r, page_of_set(&r, 0, 11))); /* takes way 2: all recent    */
    assert_true(touch(&r, page_of_set(&r, 0, 1)));   /* recent: ways 1, 2          */
    assert_true(touch(&r, page_of_set(&r, 0, 3)));   /* recent: ways 1, 2, 3       */
    assert_false(touch(&r, page_of_set(&r, 0, 12))); /* takes way 0, alone recent  */
    assert_false(touch(&r, page_of_set(&r, 0, 13))); /* takes way 1                */
    assert_true(touch(&r, page_of_set(&r, 0, 11)));
    assert_true(touch(&r, page_of_set(&r, 0, 3)));
    box_end(&r.box);
}

static void way_of(void *ctx, const struct mmu_tlb_view *v)
{
    u64 *page_then_way = ctx;
    if (page_then_way[0] == v->va)
        page_then_way[1] = v->way;
}

/* Vectors do not tell ways apart, so a mirrored policy has the same ones; this does: group 2 was touched last, so
 * group 0 follows, then 1, then 2. */
static void groups_follow_upwards(void **state)
{
    (void)state;
    struct mmu_tlb_desc d = *row("skylake", "STLB");
    struct rig r;
    d.level = 1;
    rig_begin(&r, &d);
    for (u32 n = 0; n < 12; n++)
        touch(&r, page_of_set(&r, 0, n));
    static const u64 want[] = { 0, 4, 8 };
    for (u32 n = 0; n < 3; n++) {
        u64 page_then_way[2] = { page_of_set(&r, 0, 20 + n), 99 };
        touch(&r, page_then_way[0]);
        mmu_each_tlb(r.box.m, 0, way_of, page_then_way);
        assert_int_equal(page_then_way[1], want[n]);
    }
    box_end(&r.box);
}

/* Random: same seed, same run; another seed, another run; all ways are chosen about equally often. */
static void random_replacement(void **state)
{
    (void)state;
    u32 hits[3] = { 0 };
    for (unsigned run = 0; run < 3; run++) {
        struct mmu_tlb_desc d = *row("champsim", "L1D");
        struct rig r;
        d.repl = MMU_RANDOM;
        rig_begin(&r, &d);
        box_end(&r.box);
        r.box.cfg.seed = run == 2;
        box_make(&r.box);
        u64 seed = 3, sum = 0;
        for (u32 i = 0; i < 4000; i++) {
            u32 n = (u32)(box_random(&seed) % 8);
            sum = sum * 3 + touch(&r, page_of_set(&r, 2, n));
        }
        const struct mmu_stats *s = mmu_stats(r.box.m, 0);
        hits[run] = (u32)(sum % 1000003);
        u64 missed = s->l1_miss[MMU_SIDE_D][MMU_4K];
        assert_in_range(missed, 1850, 2150); /* 4 of 8 pages held: half of the accesses miss */
        box_end(&r.box);
    }
    assert_int_equal(hits[0], hits[1]);
    assert_int_not_equal(hits[0], hits[2]);
}

/* An empty way is taken before any victim, the lowest first; invalidation does not disturb the others. */
static void empty_ways_first(void **state)
{
    (void)state;
    static const u8 repl[] = { MMU_LRU, MMU_PLRU, MMU_NRU, MMU_RANDOM };
    for (unsigned i = 0; i < 4; i++) {
        struct mmu_tlb_desc d = *row("skylake", "L1D");
        struct rig r;
        d.repl = repl[i];
        rig_begin(&r, &d);
        for (u32 n = 0; n < 4; n++)
            touch(&r, page_of_set(&r, 0, n));
        mmu_invlpg(r.box.m, 0, page_of_set(&r, 0, 3));
        mmu_invlpg(r.box.m, 0, page_of_set(&r, 0, 1));
        touch(&r, page_of_set(&r, 0, 8));
        touch(&r, page_of_set(&r, 0, 9));
        static const u32 there[] = { 0, 2, 8, 9 };
        for (u32 n = 0; n < 4; n++)
            assert_true(touch(&r, page_of_set(&r, 0, there[n])));
        box_end(&r.box);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(skylake_second_level), cmocka_unit_test(skylake_first_level), cmocka_unit_test(haswell),
        cmocka_unit_test(lru), cmocka_unit_test(wide_lru), cmocka_unit_test(nru),
        cmocka_unit_test(groups_follow_upwards), cmocka_unit_test(random_replacement),
        cmocka_unit_test(empty_ways_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
