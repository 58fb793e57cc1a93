/* SPDX-License-Identifier: MIT
 * test_policy.c - what the architecture leaves open: the defaults, and the other choices of machine/policy.h.  Looks
 * inside the machine to change them.  Would catch a default that moved unnoticed and a choice that does nothing. */
#include "box.h"

#include "machine/cpu.h"

#define VA 0x2a8040200000ull

/* Rights that grew in memory: no fault by default; with the other choice one fault per address (rules 91, 92). */
static void denied_hits(void **state)
{
    (void)state;
    for (unsigned rewalks = 0; rewalks < 2; rewalks++)
        for (unsigned by = MMU_BY_L1; by <= MMU_BY_STLB; by++) {
            struct box b;
            box_begin(&b, by == MMU_BY_L1 ? "skylake" : "goldencove"); /* there, stores miss what loads filled */
            assert_true(b.m->policy.denied_hit_rewalks);
            b.m->policy.denied_hit_rewalks = rewalks;
            box_map(&b, VA, 0, 0x100000, X86_PTE_P | X86_PTE_US);
            box_do(&b, VA, MMU_LOAD);
            box_map(&b, VA, 0, 0x100000, PTE_ALL);
            struct mmu_result r = box_do(&b, VA, MMU_STORE);
            if (rewalks) {
                assert_int_equal(r.status, MMU_OK);
                assert_int_equal(r.by, MMU_BY_WALK);
            } else {
                assert_int_equal(r.status, MMU_FAULT_PF);
                assert_int_equal(r.error, PF_P | PF_W);
                assert_int_equal(r.by, by);
                assert_int_equal(mmu_get(b.m, 0, MMU_CR2), VA);
                assert_int_equal(box_do(&b, VA, MMU_STORE).status, MMU_OK);
            }
            box_end(&b);
        }
}

/* The same for a cached path: the second walk starts at the root. */
static void denied_paths(void **state)
{
    (void)state;
    for (unsigned rewalks = 0; rewalks < 2; rewalks++) {
        struct box b;
        box_begin(&b, "skylake");
        b.m->policy.denied_hit_rewalks = rewalks;
        box_map(&b, VA, 0, 0x100000, PTE_ALL);
        box_map(&b, VA + 4096, 0, 0x101000, PTE_ALL);
        u64 pde = box_entry(&b, VA, 1), open = mmu_peek(b.m, pde);
        mmu_poke(b.m, pde, open & ~X86_PTE_RW);
        box_do(&b, VA, MMU_LOAD);
        mmu_poke(b.m, pde, open);
        struct mmu_result r = box_do(&b, VA + 4096, MMU_STORE);
        assert_int_equal(r.status, rewalks ? MMU_OK : MMU_FAULT_PF);
        assert_int_equal(r.reads, rewalks ? 1 + 4 : 1);
        assert_int_equal(r.psc_level, rewalks ? 0 : 1);
        assert_int_equal(box_do(&b, VA + 4096, MMU_STORE).status, MMU_OK);
        box_end(&b);
    }
}

/* A in the entries above the one that ended the walk (rule 77); never in that one, never D (rule 83). */
static void accessed_on_faulting_walks(void **state)
{
    (void)state;
    for (unsigned sets = 0; sets < 2; sets++)
        for (unsigned level = 0; level < 4; level++) {
            struct box b;
            box_begin(&b, "champsim");
            assert_false(b.m->policy.faulting_walk_sets_accessed);
            b.m->policy.faulting_walk_sets_accessed = sets;
            box_entry(&b, VA, 0);
            mmu_poke(b.m, box_entry(&b, VA, level), 0x40);
            struct mmu_result r = box_do(&b, VA, MMU_STORE);
            assert_int_equal(r.status, MMU_FAULT_PF);
            assert_int_equal(r.wrote_ad, sets ? 3 - level : 0);
            u64 root_entry = mmu_peek(b.m, BOX_ROOT + (VA >> 39 & 511) * 8);
            assert_int_equal(root_entry & X86_PTE_A, sets && level < 3 ? X86_PTE_A : 0);
            assert_int_equal(mmu_stats(b.m, 0)->ad_writes, r.wrote_ad);
            box_end(&b);
        }
}

/* 1-GiB pages in a second level without entries for them: AMD keeps 2-MiB pieces, Intel nothing. */
static void pieces_in_the_second_level(void **state)
{
    (void)state;
    static const struct { const char *profile; bool kept; } parts[] = { { "zen1", true }, { "haswell", false } };
    for (unsigned i = 0; i < 2; i++) {
        struct box b;
        u64 huge = 0x480040000000ull;
        box_begin(&b, parts[i].profile);
        box_map(&b, huge, 2, 0x40000000, PTE_ALL);
        for (u64 n = 0; n < 100; n++) /* more pages than the first level holds */
            box_map(&b, huge + (n + 1) * ((u64)1 << 30), 2, n << 30, PTE_ALL);
        assert_int_equal(box_do(&b, huge + 0x12345678, MMU_LOAD).by, MMU_BY_WALK);
        for (u64 n = 0; n < 100; n++)
            box_do(&b, huge + (n + 1) * ((u64)1 << 30), MMU_LOAD);
        struct mmu_result r = box_do(&b, huge + 0x12345999, MMU_LOAD);
        assert_int_equal(r.by, parts[i].kept ? MMU_BY_STLB : MMU_BY_WALK);
        assert_int_equal(r.pa, 0x40000000 + 0x12345999);
        assert_int_equal(r.page_lg2, 30);
        box_end(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(denied_hits), cmocka_unit_test(denied_paths),
                                        cmocka_unit_test(accessed_on_faulting_walks),
                                        cmocka_unit_test(pieces_in_the_second_level) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
