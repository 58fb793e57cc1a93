/* SPDX-License-Identifier: MIT
 * test_edges.c - where conditions end: machines that cannot be, entries outside RAM, the rules of long mode met in other
 * modes, arrays of unusual shape.  Each would catch a bound that is off by one or a condition that was lost. */
#include "box.h"

#define VA 0x2a8040200000ull
#define DATA_PORTS (MMU_PORT_LOAD | MMU_PORT_STORE)

/* ---- machines that cannot be ------------------------------------------------------------------------------------- */

static struct mmu_tlb_desc array(u8 level, u8 ports, u8 sizes, u8 repl, u16 ways, u16 sets)
{
    return (struct mmu_tlb_desc){ .name = "array", .level = level, .ports = ports, .sizes = sizes, .repl = repl,
                                  .ways = ways, .sets = sets };
}

/* Skylake's features with these arrays and structure caches. */
static size_t bytes_of(const struct mmu_tlb_desc *tlb, u8 tlbs, const struct mmu_psc_desc *psc, u8 pscs)
{
    struct box b;
    struct mmu_profile p = *mmu_profile_find("skylake");
    p.tlb = tlb;
    p.tlbs = tlbs;
    p.psc = psc;
    p.pscs = pscs;
    box_profile(&b, &p);
    return mmu_bytes(&b.cfg);
}

static void arrays(void **state)
{
    (void)state;
    static const struct { u8 level, repl; u16 ways, sets; bool possible; } rows[] = {
        { 1, MMU_LRU, 4, 1, true },      { 0, MMU_LRU, 4, 1, false },     { 3, MMU_LRU, 4, 1, false },
        { 1, MMU_LRU, 0, 1, false },     { 1, MMU_LRU, 255, 1, true },    { 1, MMU_LRU, 256, 1, false },
        { 1, MMU_LRU, 4, 0, false },     { 1, MMU_LRU, 4, 3, false },     { 1, MMU_PLRU, 64, 1, true },
        { 1, MMU_PLRU, 128, 1, false },  { 1, MMU_PLRU, 3, 1, false },    { 1, MMU_PLRU_3X4, 12, 1, true },
        { 1, MMU_PLRU_3X4, 8, 1, false }, { 1, MMU_NRU, 64, 1, true },    { 1, MMU_NRU, 65, 1, false },
        { 1, MMU_RANDOM, 200, 1, true }, { 1, MMU_RANDOM + 1, 4, 1, false },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct mmu_tlb_desc a[2] = { array(1, MMU_PORT_I | DATA_PORTS, 1 << MMU_4K, MMU_LRU, 4, 1),
                                     array(rows[i].level, DATA_PORTS, 1 << MMU_2M, rows[i].repl, rows[i].ways, rows[i].sets) };
        assert_int_equal(bytes_of(a, 2, NULL, 0) != 0, rows[i].possible);
    }
}

/* One page size in three arrays of one port is one too many; a few PCIDs, or NONE, or all. */
static void too_many(void **state)
{
    (void)state;
    struct mmu_tlb_desc a[3];
    for (unsigned i = 0; i < 3; i++)
        a[i] = array(1, MMU_PORT_I | DATA_PORTS, 1 << MMU_4K, MMU_LRU, 4, 1);
    assert_true(bytes_of(a, 2, NULL, 0) > 0);
    assert_int_equal(bytes_of(a, 3, NULL, 0), 0);
    a[0].pcids = MMU_PCIDS_NONE;
    assert_true(bytes_of(a, 1, NULL, 0) > 0);
    a[0].pcids = 200;
    assert_int_equal(bytes_of(a, 1, NULL, 0), 0);
}

static void structure_caches(void **state)
{
    (void)state;
    static const struct { u8 level; u16 entries, ways; bool possible; } rows[] = {
        { 1, 4, 4, true }, { 4, 4, 2, true }, { 0, 4, 4, false }, { 5, 4, 4, false }, { 1, 4, 0, false },
        { 1, 5, 2, false }, { 1, 12, 4, false }, { 1, 256, 256, false },
    };
    struct mmu_tlb_desc a = array(1, MMU_PORT_I | DATA_PORTS, 1 << MMU_4K, MMU_LRU, 4, 1);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct mmu_psc_desc psc = { .level = rows[i].level, .entries = rows[i].entries, .ways = rows[i].ways };
        assert_int_equal(bytes_of(&a, 1, &psc, 1) != 0, rows[i].possible);
    }
}

static void blocks(void **state)
{
    (void)state;
    struct box b;
    box_begin(&b, "skylake");
    size_t bytes = mmu_bytes(&b.cfg);
    struct mmu_config c = b.cfg;
    assert_non_null(mmu_create(b.block, bytes, &c));
    assert_null(mmu_create(b.block, bytes - 1, &c));
    assert_null(mmu_create(NULL, bytes, &c));
    c.ram = NULL;
    assert_null(mmu_create(b.block, bytes, &c));
    c.ram_bytes = 0;
    struct mmu *without_memory = mmu_create(b.block, bytes, &c);
    assert_non_null(without_memory);
    assert_false(mmu_in_ram(without_memory, 0, 1));
    c.vendor = (enum mmu_vendor)(MMU_AMD + 1);
    assert_null(mmu_create(b.block, bytes, &c));
    box_end(&b);
    box_begin(&b, "skylake");
    assert_true(mmu_in_ram(b.m, BOX_RAM - 8, 8));
    assert_false(mmu_in_ram(b.m, BOX_RAM - 7, 8));
    assert_false(mmu_in_ram(b.m, 0, BOX_RAM + 1));
    box_end(&b);
}

/* ---- other modes -------------------------------------------------------------------------------------------------- */

static void into_32_bit_paging(struct box *b, u64 cr4, u64 cr3)
{
    assert_true(mmu_set(b->m, 0, MMU_CR0, X86_CR0_PE));
    assert_true(mmu_set(b->m, 0, MMU_CR0, X86_CR0_PE)); /* off already */
    assert_true(mmu_set(b->m, 0, MMU_EFER, 0));
    assert_true(mmu_set(b->m, 0, MMU_CR4, cr4));
    assert_true(mmu_set(b->m, 0, MMU_CR3, cr3));
    assert_true(mmu_set(b->m, 0, MMU_CR0, X86_CR0_PE | X86_CR0_PG));
}

/* An entry outside RAM is all ones: in 32-bit paging a 4-MiB page, or a table. */
static void outside_ram_in_32_bit_paging(void **state)
{
    (void)state;
    struct box b;
    box_begin_full(&b, "skylake");
    into_32_bit_paging(&b, 0, 0xf0000000);
    struct mmu_result r = box_do(&b, 0x123456, MMU_STORE);
    assert_int_equal(r.status, MMU_OK);
    assert_int_equal(r.pa, 0xfffff456);
    assert_int_equal(r.wrote_ad, 0);
    box_end(&b);
}

/* Setting A and D in a four-byte entry leaves the one beside it alone. */
static void entries_of_four_bytes(void **state)
{
    (void)state;
    struct box b;
    box_begin_full(&b, "skylake");
    mmu_poke(b.m, BOX_ROOT, 0xfeedc0de00000000 | 0x2000 | PTE_ALL);
    mmu_poke(b.m, 0x2000, 0xdeadbeef00000000 | 0x5000 | PTE_ALL);
    into_32_bit_paging(&b, X86_CR4_PGE, BOX_ROOT);
    assert_int_equal(box_do(&b, 0x123, MMU_STORE).pa, 0x5123);
    assert_int_equal(mmu_peek(b.m, BOX_ROOT) >> 32, 0xfeedc0de);
    assert_int_equal(mmu_peek(b.m, 0x2000), 0xdeadbeef00005000 | PTE_ALL | X86_PTE_A | X86_PTE_D);
    box_end(&b);
}

static void see_global(void *ctx, const struct mmu_tlb_view *v)
{
    *(unsigned *)ctx += v->global;
}

/* G needs PGE in 32-bit paging too; an access may cross a page there, and wrap; INVPCID takes any address. */
static void long_modes_rules_elsewhere(void **state)
{
    (void)state;
    for (unsigned pge = 0; pge < 2; pge++) {
        struct box b;
        struct mmu_result r;
        unsigned globals = 0;
        box_begin_full(&b, "skylake");
        mmu_poke(b.m, BOX_ROOT, 0x2000 | PTE_ALL);
        mmu_poke(b.m, 0x2000, (u64)(0x6000 | PTE_ALL) << 32 | 0x5000 | PTE_ALL | X86_PTE_G);
        into_32_bit_paging(&b, pge ? X86_CR4_PGE : 0, BOX_ROOT);
        assert_int_equal(mmu_access(b.m, 0, 0xffc, 8, MMU_LOAD, 0, &r), MMU_OK);
        assert_int_equal(r.pieces, 2);
        mmu_each_tlb(b.m, 0, see_global, &globals);
        assert_int_equal(globals > 0, pge);
        assert_true(mmu_invpcid(b.m, 0, 0, 0, (u64)1 << 63));
        box_end(&b);
    }
    struct box b; /* pages of 2 MiB are not refused where there are none of 4 MiB */
    box_begin(&b, "zen3");
    into_32_bit_paging(&b, 0, BOX_ROOT);
    assert_int_equal(mmu_invlpgb(b.m, 0, MMU_INVLPGB_VA, 1u << 31, 0), MMU_OK);
    box_end(&b);
}

/* ---- arrays of unusual shape --------------------------------------------------------------------------------------- */

struct shape { struct mmu_profile profile; struct mmu_tlb_desc tlb[4]; struct box box; struct mmu_fast fast; };

static void shape_begin(struct shape *s, u8 tlbs)
{
    s->profile = *mmu_profile_find("skylake");
    s->profile.tlb = s->tlb;
    s->profile.tlbs = tlbs;
    box_profile(&s->box, &s->profile);
    box_make(&s->box);
    mmu_bind_fast(s->box.m, 0, &s->fast);
    for (u64 i = 0; i < 32; i++) {
        box_map(&s->box, VA + i * 4096, 0, 0x100000 + i * 4096, PTE_ALL);
        box_do(&s->box, VA + i * 4096, MMU_STORE);
    }
    box_flush(&s->box);
}

/* What the short way lets through, the long one would have answered from the first level. */
static void touches_agree(struct shape *s)
{
    for (u64 i = 0; i < 3000; i++) {
        u64 va = VA + i * i * 7 % 32 * 4096;
        enum mmu_kind kind = (enum mmu_kind)(i * 5 % 3);
        struct mmu_stats before = *mmu_stats(s->box.m, 0);
        bool hit = mmu_touch(s->box.m, 0, va, kind);
        const struct mmu_stats *after = mmu_stats(s->box.m, 0);
        assert_int_equal(after->lookups[0] + after->lookups[1], before.lookups[0] + before.lookups[1] + hit);
        assert_int_equal(box_do(&s->box, va, kind).pa, 0x100000 + i * i * 7 % 32 * 4096);
        if (hit)
            assert_int_equal(memcmp(before.l1_miss, after->l1_miss, sizeof before.l1_miss), 0);
    }
    box_end(&s->box);
}

static void shapes(void **state)
{
    (void)state;
    struct shape s = { .tlb = { array(1, MMU_PORT_I, 1, MMU_LRU, 4, 4), array(1, MMU_PORT_LOAD, 1, MMU_LRU, 4, 4),
                                array(1, MMU_PORT_STORE, 1, MMU_LRU, 4, 4) } };
    shape_begin(&s, 3); /* stores have an array of their own, and it fits the short way */
    touches_agree(&s);
    s = (struct shape){ .tlb = { array(1, MMU_PORT_I | DATA_PORTS, 1, MMU_LRU, 4, 2),
                                 array(1, MMU_PORT_I | DATA_PORTS, 1, MMU_LRU, 4, 2) } };
    shape_begin(&s, 2); /* two arrays share the pages */
    touches_agree(&s);
    s = (struct shape){ .tlb = { array(1, MMU_PORT_I | DATA_PORTS, 1, MMU_NRU, 64, 1),
                                 array(2, MMU_PORT_I | DATA_PORTS, 1 << MMU_2M, MMU_LRU, 4, 4) } };
    shape_begin(&s, 2); /* a second level that keeps no small pages; 64 ways of NRU */
    touches_agree(&s);
    s = (struct shape){ .tlb = { array(1, MMU_PORT_I, 1, MMU_LRU, 4, 4), array(1, DATA_PORTS, 1, MMU_LRU, 4, 128) } };
    shape_begin(&s, 2); /* more sets than slots */
    touches_agree(&s);
    s = (struct shape){ .tlb = { array(1, MMU_PORT_I | DATA_PORTS, 1, MMU_PLRU, 4, 128) } };
    shape_begin(&s, 1);
    touches_agree(&s);
}

/* A kind of access that there is not. */
static void no_such_kind(void **state)
{
    (void)state;
    struct box b;
    box_begin(&b, "skylake");
    box_map(&b, VA, 0, 0x100000, PTE_ALL);
    box_do(&b, VA, MMU_LOAD);
    assert_false(mmu_touch(b.m, 0, VA, (enum mmu_kind)(MMU_FETCH + 1)));
    box_end(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arrays), cmocka_unit_test(too_many), cmocka_unit_test(structure_caches),
        cmocka_unit_test(blocks), cmocka_unit_test(outside_ram_in_32_bit_paging),
        cmocka_unit_test(entries_of_four_bytes), cmocka_unit_test(long_modes_rules_elsewhere),
        cmocka_unit_test(shapes), cmocka_unit_test(no_such_kind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
