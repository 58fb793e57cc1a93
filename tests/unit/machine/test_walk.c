/* SPDX-License-Identifier: MIT
 * test_walk.c - shapes of walks: page sizes, where a walk ends, reserved bits one by one, accessed and dirty bits,
 * canonical addresses, accesses that cross a page.  Would catch a wrong mask, level, error code or A/D write. */
#include "box.h"

#define VA 0x2a8040201000ull
#define FAR 0x2aaaa5555000ull /* physical: no bit like the virtual ones                                           */

/* ---- sizes ----------------------------------------------------------------------------------------------------- */

static void check_sizes(struct box *b)
{
    static const u8 lg2[] = { 12, 21, 30 };
    for (unsigned level = 0; level < 3; level++) {
        u64 va = VA + ((u64)level << 39) + 0x2345678, offset = ((u64)1 << lg2[level]) - 1;
        box_map(b, va, level, FAR & ~offset, PTE_ALL);
        for (unsigned again = 0; again < 2; again++) {
            struct mmu_result r = box_do(b, va, MMU_LOAD);
            assert_int_equal(r.status, MMU_OK);
            assert_int_equal(r.pa, (FAR & ~offset) | (va & offset));
            assert_int_equal(r.page_lg2, lg2[level]);
            assert_int_equal(r.by, again ? MMU_BY_L1 : MMU_BY_WALK);
            assert_int_equal(r.reads, again ? 0 : b->levels - level);
        }
    }
}

static void sizes_in_four_and_five_levels(void **state)
{
    (void)state;
    struct box b;
    box_begin_full(&b, "skylake");
    check_sizes(&b);
    box_end(&b);
    box_begin_full(&b, "zen4");
    box_la57(&b);
    check_sizes(&b);
    u64 va = 0x00fe123456789000ull; /* canonical only with 57 bits */
    box_map(&b, va, 0, FAR, PTE_ALL);
    assert_int_equal(box_do(&b, va, MMU_LOAD).pa, FAR);
    box_end(&b);
}

/* ---- where a walk ends: rules 25, 40-42, 64, 77 ---------------------------------------------------------------- */

static u32 described(enum mmu_kind kind, bool user)
{
    return (kind == MMU_STORE ? PF_W : 0) | (kind == MMU_FETCH ? PF_I : 0) | (user ? PF_U : 0);
}

static void not_present_at_each_level(void **state)
{
    (void)state;
    struct box b;
    box_begin_full(&b, "skylake");
    for (unsigned level = 0; level < 4; level++)
        for (unsigned i = 0; i < 6; i++) {
            enum mmu_kind kind = (enum mmu_kind)(i % 3);
            bool user = i / 3;
            u64 va = VA + i * 4096, entry = box_entry(&b, va, level), old = mmu_peek(b.m, entry);
            mmu_poke(b.m, entry, ~(u64)X86_PTE_P); /* all other bits: ignored when P=0 */
            mmu_set(b.m, 0, MMU_CPL, user ? 3 : 0);
            u64 writes = mmu_stats(b.m, 0)->ad_writes;
            struct mmu_result r = box_do(&b, va, kind);
            assert_int_equal(r.status, MMU_FAULT_PF);
            assert_int_equal(r.error, described(kind, user));
            assert_int_equal(mmu_get(b.m, 0, MMU_CR2), va);
            assert_int_equal(r.reads, 4 - level);
            assert_int_equal(r.by, MMU_BY_WALK);
            assert_int_equal(mmu_stats(b.m, 0)->ad_writes, writes);
            assert_int_equal(mmu_peek(b.m, entry), ~(u64)X86_PTE_P);
            mmu_poke(b.m, entry, old);
        }
    box_end(&b);
}

static void not_present_below_a_supervisor_table_reports_p0(void **state)
{
    (void)state;
    struct box b;
    box_begin_full(&b, "skylake");
    u64 top = box_entry(&b, VA, 3);
    box_entry(&b, VA, 0);
    mmu_poke(b.m, top, mmu_peek(b.m, top) & ~X86_PTE_US);
    mmu_set(b.m, 0, MMU_CPL, 3);
    assert_int_equal(box_do(&b, VA, MMU_LOAD).error, PF_U);
    box_end(&b);
}

/* ---- reserved bits, one at a time: rules 26-32, 67 ------------------------------------------------------------- */

struct shape { unsigned maxphyaddr; bool nxe, gigabyte, amd; };

/* The manual's tables 4-14 to 4-19 in straight words. */
static bool reserved(const struct shape *s, unsigned level, bool leaf, unsigned bit)
{
    if (bit >= s->maxphyaddr && bit <= 51)
        return true;
    if (bit == 63)
        return !s->nxe;
    if (level >= 3 && bit == 7)
        return true;
    if (level >= 3 && bit == 8)
        return s->amd;
    if (level == 2 && bit == 7)
        return !s->gigabyte;
    if (leaf && level == 1)
        return bit >= 13 && bit <= 20;
    if (leaf && level == 2)
        return bit >= 13 && bit <= 29;
    return false;
}

static void check_bit(struct box *b, const struct shape *s, unsigned level, bool leaf, unsigned bit)
{
    u64 va = VA, at = box_entry(b, va, level), old = mmu_peek(b->m, at);
    u64 page = leaf ? PTE_ALL | (level ? X86_PTE_PS : 0) : old;
    if (!leaf && bit == 7 && !reserved(s, level, leaf, 7))
        return; /* turns a table into a page */
    mmu_poke(b->m, at, page | (u64)1 << bit);
    struct mmu_walk w;
    mmu_walk(b->m, 0, va, MMU_LOAD, 0, &w);
    struct mmu_result r = box_do(b, va, MMU_LOAD);
    bool bad = reserved(s, level, leaf, bit);
    if (bad) {
        assert_int_equal(r.status, MMU_FAULT_PF);
        assert_int_equal(r.error, PF_P | PF_RSVD);
        assert_int_equal(w.step[w.steps - 1].verdict, MMU_STEP_RESERVED);
        assert_int_equal(w.step[w.steps - 1].level, level);
    } else {
        /* an address bit leads to another table, which may be anything */
        assert_int_not_equal(w.step[b->levels - 1 - level].verdict, MMU_STEP_RESERVED);
        bool ignored = bit < 12 || bit > 51;
        if (!leaf && ignored && (level > 2 || bit != 7)) /* the same tables, down to an empty PTE */
            assert_int_equal(w.steps, b->levels);
        if (leaf && bit > 51) /* no part of the page's address */
            assert_int_equal(w.r.pa, va & ((1u << (12 + 9 * level)) - 1));
    }
    mmu_poke(b->m, at, old);
    box_flush(b);
}

static void every_reserved_bit(void **state)
{
    (void)state;
    static const unsigned widths[] = { 36, 39, 46, 51, 52 };
    for (unsigned i = 0; i < 5 * 8; i++) {
        struct shape s = { widths[i / 8], i & 1, i & 2, i & 4 };
        struct box b;
        box_profile(&b, mmu_profile_find(s.amd ? "zen4" : "goldencove"));
        b.cfg.maxphyaddr = s.maxphyaddr;
        b.cfg.features = s.gigabyte ? b.cfg.features | MMU_PDPE1GB : b.cfg.features & ~(u32)MMU_PDPE1GB;
        box_make(&b);
        if (!s.nxe)
            assert_true(mmu_set(b.m, 0, MMU_EFER, X86_EFER_LME | X86_EFER_LMA));
        if (i & 1)
            box_la57(&b);
        box_entry(&b, VA, 0);
        for (unsigned level = 0; level < b.levels; level++)
            for (unsigned bit = 1; bit < 64; bit++) {
                if (level)
                    check_bit(&b, &s, level, false, bit);
                if (level < 2 || (level == 2 && s.gigabyte))
                    check_bit(&b, &s, level, true, bit);
            }
        box_end(&b);
    }
}

/* ---- accessed and dirty: rules 75, 76, 79, 80, 83, 84 ---------------------------------------------------------- */

static void accessed_and_dirty(void **state)
{
    (void)state;
    struct box b;
    box_begin_full(&b, "skylake");
    for (unsigned level = 0; level < 3; level++) {
        u64 va = VA + ((u64)level << 39), leaf = box_entry(&b, va, level);
        box_map(&b, va, level, 0, PTE_ALL);
        struct mmu_result r = box_do(&b, va, MMU_LOAD);
        assert_int_equal(r.wrote_ad, 4 - level);
        for (unsigned l = level; l < 4; l++) {
            u64 e = mmu_peek(b.m, box_entry(&b, va, l));
            assert_true(e & X86_PTE_A);
            assert_false(e & X86_PTE_D);
        }
        const struct mmu_stats *s = mmu_stats(b.m, 0);
        u64 misses = s->l1_miss[MMU_SIDE_D][level], rewalks = s->rewalks_dirty;
        r = box_do(&b, va, MMU_STORE); /* hits with D=0: walks again, no miss */
        assert_int_equal(r.by, MMU_BY_WALK);
        assert_int_equal(r.wrote_ad, 1);
        assert_int_equal(s->rewalks_dirty, rewalks + 1);
        assert_int_equal(s->l1_miss[MMU_SIDE_D][level], misses);
        assert_true(mmu_peek(b.m, leaf) & X86_PTE_D);
        for (unsigned l = level + 1; l < 4; l++)
            assert_false(mmu_peek(b.m, box_entry(&b, va, l)) & X86_PTE_D);
        mmu_poke(b.m, leaf, mmu_peek(b.m, leaf) & ~(X86_PTE_A | X86_PTE_D)); /* cleared, not invalidated */
        assert_int_equal(box_do(&b, va, MMU_STORE).by, MMU_BY_L1);
        assert_false(mmu_peek(b.m, leaf) & (X86_PTE_A | X86_PTE_D));
    }
    box_end(&b);
}

static void a_refused_access_writes_nothing(void **state)
{
    (void)state;
    struct box b;
    box_begin_full(&b, "skylake");
    box_map(&b, VA, 0, FAR, X86_PTE_P | X86_PTE_US);
    mmu_set(b.m, 0, MMU_CPL, 3);
    struct mmu_result r = box_do(&b, VA, MMU_STORE);
    assert_int_equal(r.error, PF_P | PF_W | PF_U);
    for (unsigned l = 0; l < 4; l++)
        assert_false(mmu_peek(b.m, box_entry(&b, VA, l)) & (X86_PTE_A | X86_PTE_D));
    assert_int_equal(mmu_stats(b.m, 0)->ad_writes, 0);
    box_end(&b);
}

/* ---- canonical, crossing, outside RAM: rules 15, 16, 23 -------------------------------------------------------- */

static void canonical_bounds(void **state)
{
    (void)state;
    for (unsigned levels = 4; levels <= 5; levels++) {
        struct box b;
        box_begin_full(&b, "goldencove");
        if (levels == 5)
            box_la57(&b);
        u64 half = (u64)1 << (levels == 5 ? 56 : 47);
        mmu_set(b.m, 0, MMU_CR2, 0x1234);
        const u64 bad[] = { half, 0 - half - 1, (u64)1 << 63, half << 1 };
        struct mmu_result r;
        for (unsigned i = 0; i < 4; i++) {
            assert_int_equal(mmu_translate(b.m, 0, bad[i], MMU_LOAD, 0, &r), MMU_FAULT_GP);
            assert_int_equal(mmu_translate(b.m, 0, bad[i], MMU_STORE, MMU_SS, &r), MMU_FAULT_SS);
            assert_int_equal(r.error, 0);
        }
        assert_int_equal(mmu_get(b.m, 0, MMU_CR2), 0x1234);
        assert_int_equal(mmu_stats(b.m, 0)->gp, 4);
        assert_int_equal(mmu_stats(b.m, 0)->ss, 4);
        assert_int_equal(mmu_translate(b.m, 0, half - 1, MMU_LOAD, 0, &r), MMU_FAULT_PF);
        assert_int_equal(mmu_translate(b.m, 0, 0 - half, MMU_LOAD, 0, &r), MMU_FAULT_PF);
        box_end(&b);
    }
}

static void crossing_a_page(void **state)
{
    (void)state;
    struct box b;
    struct mmu_result r;
    box_begin_full(&b, "skylake");
    box_map(&b, VA, 0, FAR, PTE_ALL);
    assert_int_equal(mmu_access(b.m, 0, VA + 4092, 4, MMU_LOAD, 0, &r), MMU_OK);
    assert_int_equal(r.pieces, 1);
    assert_int_equal(mmu_access(b.m, 0, VA + 4093, 4, MMU_LOAD, 0, &r), MMU_FAULT_PF);
    assert_int_equal(r.pieces, 2);
    assert_int_equal(mmu_get(b.m, 0, MMU_CR2), VA + 4096);
    box_map(&b, VA + 4096, 0, FAR + 0x10000, PTE_ALL);
    assert_int_equal(mmu_access(b.m, 0, VA + 4093, 4, MMU_LOAD, 0, &r), MMU_OK);
    assert_int_equal(r.pa, FAR + 4093);
    assert_int_equal(r.pieces, 2);
    box_end(&b);
}

/* The last bytes of an operand are not canonical: no page is looked at, even if the first is missing. */
static void crossing_out_of_canonical(void **state)
{
    (void)state;
    struct box b;
    struct mmu_result r;
    box_begin_full(&b, "skylake");
    mmu_set(b.m, 0, MMU_CR2, 0);
    assert_int_equal(mmu_access(b.m, 0, 0x7ffffffffffd, 8, MMU_LOAD, 0, &r), MMU_FAULT_GP);
    assert_int_equal(mmu_access(b.m, 0, 0x7ffffffffffd, 8, MMU_STORE, MMU_SS, &r), MMU_FAULT_SS);
    assert_int_equal(mmu_get(b.m, 0, MMU_CR2), 0);
    assert_int_equal(mmu_access(b.m, 0, 0x7ffffffffffd, 8, MMU_FETCH, 0, &r), MMU_FAULT_PF);
    box_map(&b, 0x7ffffffff000, 0, FAR, PTE_ALL);
    assert_int_equal(mmu_access(b.m, 0, 0x7ffffffffffd, 8, MMU_LOAD, 0, &r), MMU_FAULT_GP);
    assert_int_equal(r.va, 0x800000000000);
    assert_int_equal(r.pieces, 2);
    assert_false(mmu_peek(b.m, box_entry(&b, 0x7ffffffff000, 0)) & X86_PTE_A);
    assert_int_equal(mmu_access(b.m, 0, 0xffff7fffffffffff, 2, MMU_LOAD, 0, &r), MMU_FAULT_GP);
    assert_int_equal(r.va, 0xffff7fffffffffff);
    box_end(&b);
}

static void tables_outside_ram_read_as_ones(void **state)
{
    (void)state;
    struct box b;
    box_begin_full(&b, "skylake");
    mmu_poke(b.m, box_entry(&b, VA, 1), BOX_RAM | PTE_ALL); /* a page table just past the end */
    struct mmu_result r = box_do(&b, VA, MMU_LOAD);
    assert_int_equal(r.error, PF_P | PF_RSVD); /* bits 51:46 */
    box_end(&b);
}

/* mmu_walk() must tell what a cold access does, and change nothing. */
static void the_pure_walk_agrees(void **state)
{
    (void)state;
    u64 seed = 1;
    for (unsigned i = 0; i < 4000; i++) {
        static struct box b;
        if (!i)
            box_begin_full(&b, "goldencove");
        u64 va = VA + 4096 * (i % 64);
        unsigned level = (unsigned)(box_random(&seed) % 4);
        u64 noise = box_random(&seed) & box_random(&seed) & box_random(&seed);
        box_entry(&b, va, 0);
        u64 at = box_entry(&b, va, level), old = mmu_peek(b.m, at);
        mmu_poke(b.m, at, (level ? old : FAR | PTE_ALL) ^ (noise & ~(level ? X86_PTE_ADDR : 0)));
        enum mmu_kind kind = (enum mmu_kind)(i % 3);
        mmu_set(b.m, 0, MMU_CPL, i & 4 ? 3 : 0);
        struct mmu_walk w;
        u64 before = mmu_peek(b.m, at), writes = mmu_stats(b.m, 0)->ad_writes;
        mmu_walk(b.m, 0, va, kind, 0, &w);
        assert_int_equal(mmu_peek(b.m, at), before);
        box_flush(&b);
        struct mmu_result r = box_do(&b, va, kind);
        assert_int_equal(r.status, w.r.status);
        assert_int_equal(r.error, w.r.error);
        assert_int_equal(r.pa, w.r.pa);
        assert_int_equal(r.page_lg2, w.r.page_lg2);
        assert_int_equal(r.reads, w.r.reads);
        assert_int_equal(r.reads, w.steps);
        assert_int_equal(r.wrote_ad, w.r.wrote_ad);
        assert_int_equal(mmu_stats(b.m, 0)->ad_writes - writes, r.wrote_ad);
        assert_non_null(w.rule);
        mmu_poke(b.m, at, old);
        box_flush(&b);
        if (i == 3999)
            box_end(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_in_four_and_five_levels), cmocka_unit_test(not_present_at_each_level),
        cmocka_unit_test(not_present_below_a_supervisor_table_reports_p0), cmocka_unit_test(every_reserved_bit),
        cmocka_unit_test(accessed_and_dirty), cmocka_unit_test(a_refused_access_writes_nothing),
        cmocka_unit_test(canonical_bounds), cmocka_unit_test(crossing_a_page),
        cmocka_unit_test(crossing_out_of_canonical),
        cmocka_unit_test(tables_outside_ram_read_as_ones), cmocka_unit_test(the_pure_walk_agrees),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
