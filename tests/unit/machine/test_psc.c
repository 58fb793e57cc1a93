/* SPDX-License-Identifier: MIT
 * test_psc.c - paging-structure caches: what they shorten, what they hold, when they are stale, what drops them.
 * SDM3 4.10.3; rules 101-108.  Would catch a wrong tag, level, right or table in a cached path. */
#include "box.h"

#define VA 0x2a8040200000ull

/* champsim caches every level; skylake PDEs and PDPTEs. */
static void shorten_walks(void **state)
{
    (void)state;
    struct box b;
    box_begin(&b, "champsim");
    const struct mmu_stats *s = mmu_stats(b.m, 0);
    static const struct { u64 va; u8 reads, psc_level; } walk[] = {
        { VA, 4, 0 },
        { VA + ((u64)1 << 12), 1, 1 },  /* same page table: PDE cache       */
        { VA + ((u64)1 << 21), 2, 2 },  /* same page directory: PDPTE cache */
        { VA + ((u64)1 << 30), 3, 3 },  /* same PDPT: PML4E cache           */
        { VA + ((u64)1 << 39), 4, 0 },
        { VA + ((u64)2 << 12), 1, 1 },
    };
    for (unsigned i = 0; i < 6; i++)
        box_map(&b, walk[i].va, 0, 0x100000 + i * 4096, PTE_ALL);
    for (unsigned i = 0; i < 6; i++) {
        struct mmu_result r = box_do(&b, walk[i].va, MMU_LOAD);
        assert_int_equal(r.pa, 0x100000 + i * 4096);
        assert_int_equal(r.reads, walk[i].reads);
        assert_int_equal(r.psc_level, walk[i].psc_level);
    }
    assert_int_equal(s->psc_hit[0], 2);
    assert_int_equal(s->psc_hit[1], 1);
    assert_int_equal(s->psc_hit[2], 1);
    assert_int_equal(s->reads[0], 6);
    assert_int_equal(s->reads[1], 4);
    assert_int_equal(s->reads[2], 3);
    assert_int_equal(s->reads[3], 2);
    box_end(&b);
}

static void five_levels(void **state)
{
    (void)state;
    struct box b;
    box_begin(&b, "champsim");
    box_la57(&b);
    box_map(&b, VA, 0, 0x100000, PTE_ALL);
    box_map(&b, VA + ((u64)1 << 39), 0, 0x101000, PTE_ALL);
    assert_int_equal(box_do(&b, VA, MMU_LOAD).reads, 5);
    struct mmu_result r = box_do(&b, VA + ((u64)1 << 39), MMU_LOAD);
    assert_int_equal(r.psc_level, 4); /* PML5E cache: the PML4 is read first */
    assert_int_equal(r.reads, 4);
    box_end(&b);
}

/* Large pages: the leaf is no structure entry and is not kept as one (rule 103). */
static void leaves_are_not_kept(void **state)
{
    (void)state;
    struct box b;
    box_begin(&b, "champsim");
    box_map(&b, VA, 1, 0x200000, PTE_ALL);
    box_do(&b, VA, MMU_LOAD);
    mmu_invlpg(b.m, 0, VA);
    box_map(&b, VA + ((u64)1 << 21), 1, 0x400000, PTE_ALL);
    assert_int_equal(box_do(&b, VA, MMU_LOAD).reads, 3);
    struct mmu_result r = box_do(&b, VA + ((u64)1 << 21), MMU_LOAD);
    assert_int_equal(r.psc_level, 2);
    assert_int_equal(r.reads, 1);
    box_end(&b);
}

/* Rule 106: the old table and the old rights are used until an invalidation; rule 110: any INVLPG will do. */
static void stale_paths(void **state)
{
    (void)state;
    struct box b;
    box_begin(&b, "skylake");
    u64 pde = box_entry(&b, VA, 1), other_table = 0x200000;
    for (u32 i = 0; i < 4; i++) {
        box_map(&b, VA + i * 4096, 0, 0x100000 + i * 4096, PTE_ALL);
        mmu_poke(b.m, other_table + i * 8, (0x300000 + i * 4096) | PTE_ALL);
    }
    box_do(&b, VA, MMU_LOAD);
    mmu_poke(b.m, pde, other_table | PTE_ALL);
    assert_int_equal(box_do(&b, VA + 4096, MMU_LOAD).pa, 0x101000);
    mmu_invlpg(b.m, 0, 0x1000);
    assert_int_equal(box_do(&b, VA + 2 * 4096, MMU_LOAD).pa, 0x302000);
    /* rights: lost ones stay usable, grown ones are found by the second walk */
    mmu_poke(b.m, pde, other_table | X86_PTE_P | X86_PTE_US);
    assert_int_equal(box_do(&b, VA + 3 * 4096, MMU_STORE).status, MMU_OK);
    mmu_invlpg(b.m, 0, VA + 3 * 4096);
    assert_int_equal(box_do(&b, VA + 3 * 4096, MMU_STORE).error, PF_P | PF_W);
    box_do(&b, VA + 3 * 4096, MMU_LOAD);
    mmu_poke(b.m, pde, other_table | PTE_ALL);
    assert_int_equal(box_do(&b, VA, MMU_STORE).status, MMU_OK);
    box_end(&b);
}

/* #PF drops the path it used (rule 94), and no other. */
static void a_fault_drops_its_path(void **state)
{
    (void)state;
    struct box b;
    box_begin(&b, "skylake");
    u64 far = VA + ((u64)1 << 39);
    box_map(&b, VA, 0, 0x100000, PTE_ALL);
    box_map(&b, far, 0, 0x101000, PTE_ALL);
    box_map(&b, far + 4096, 0, 0x102000, PTE_ALL);
    box_do(&b, VA, MMU_LOAD);
    box_do(&b, far, MMU_LOAD);
    assert_int_equal(box_do(&b, VA + 4096, MMU_LOAD).status, MMU_FAULT_PF);
    box_map(&b, VA + 4096, 0, 0x103000, PTE_ALL);
    assert_int_equal(box_do(&b, VA + 4096, MMU_LOAD).reads, 4);
    assert_int_equal(box_do(&b, far + 4096, MMU_LOAD).reads, 1);
    box_end(&b);
}

/* A fault is not cached and fills nothing; entries with A=0 are marked before they are kept (rules 79, 103). */
static void only_good_paths_are_kept(void **state)
{
    (void)state;
    struct box b;
    box_begin(&b, "champsim");
    box_entry(&b, VA, 0);
    assert_int_equal(box_do(&b, VA, MMU_LOAD).reads, 4);
    assert_int_equal(box_do(&b, VA, MMU_LOAD).reads, 4);
    box_map(&b, VA, 0, 0x100000, PTE_ALL);
    assert_int_equal(box_do(&b, VA, MMU_LOAD).reads, 4);
    for (unsigned level = 0; level < 4; level++)
        assert_true(mmu_peek(b.m, box_entry(&b, VA, level)) & X86_PTE_A);
    box_end(&b);
}

/* Capacity and order: four PDPTE entries on skylake, the least recent goes first. */
static void capacity(void **state)
{
    (void)state;
    struct box b;
    box_begin(&b, "skylake");
    for (u64 i = 0; i < 6; i++)
        for (u64 j = 0; j < 3; j++)
            box_map(&b, VA + (i << 30) + (j << 21), 0, 0x100000, PTE_ALL);
    for (u64 i = 0; i < 5; i++)
        assert_int_equal(box_do(&b, VA + (i << 30), MMU_LOAD).reads, 4);
    for (u64 i = 4; i > 0; i--)
        assert_int_equal(box_do(&b, VA + (i << 30) + (1 << 21), MMU_LOAD).psc_level, 2);
    assert_int_equal(box_do(&b, VA + (1 << 21), MMU_LOAD).psc_level, 0); /* evicts the least recent: 4 */
    assert_int_equal(box_do(&b, VA + ((u64)4 << 30) + (2 << 21), MMU_LOAD).psc_level, 0);
    assert_int_equal(box_do(&b, VA + ((u64)1 << 30) + (2 << 21), MMU_LOAD).psc_level, 2);
    box_end(&b);
}

static void see(void *ctx, const struct mmu_psc_view *v)
{
    u64 *found = ctx;
    assert_int_equal(v->pcid, 0);
    assert_true(v->user && v->writable && !v->nx);
    found[v->level] = v->va | v->table_pa << 48;
}

static void views(void **state)
{
    (void)state;
    struct box b;
    u64 found[5] = { 0 }, va = 0xffff900000000000ull;
    box_begin(&b, "champsim");
    box_map(&b, va, 0, 0x100000, PTE_ALL);
    box_do(&b, va, MMU_LOAD);
    mmu_each_psc(b.m, 0, see, found);
    for (unsigned level = 1; level < 4; level++)
        assert_int_equal(found[level], va | (mmu_peek(b.m, box_entry(&b, va, level)) & X86_PTE_ADDR) << 48);
    box_end(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shorten_walks), cmocka_unit_test(five_levels), cmocka_unit_test(leaves_are_not_kept),
        cmocka_unit_test(stale_paths), cmocka_unit_test(a_fault_drops_its_path),
        cmocka_unit_test(only_good_paths_are_kept), cmocka_unit_test(capacity), cmocka_unit_test(views),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
