/* SPDX-License-Identifier: MIT
 * test_corners.c - what no other test of the machine noticed when it was broken on purpose (tools/mutants/machine.txt) or
 * what none of them reached (`make coverage`): each test names the change it would catch. */
#include "box.h"

#define VA 0x2a8040200000ull

/* Rights of a cached translation are judged with the NXE of the moment (rules 13, 14): a page with XD that is cached
 * may be run once NXE is 0.  Would catch XD being judged without NXE. */
static void xd_without_nxe(void **state)
{
    (void)state;
    struct box b;
    box_begin_full(&b, "skylake");
    box_map(&b, VA, 0, 0x100000, PTE_ALL | X86_PTE_XD);
    assert_int_equal(box_do(&b, VA, MMU_LOAD).status, MMU_OK);
    assert_int_equal(box_do(&b, VA, MMU_FETCH).error, PF_P | PF_I);
    assert_int_equal(box_do(&b, VA, MMU_LOAD).status, MMU_OK);
    assert_true(mmu_set(b.m, 0, MMU_EFER, X86_EFER_LME | X86_EFER_LMA));
    assert_int_equal(box_do(&b, VA, MMU_FETCH).status, MMU_OK);
    mmu_invlpg(b.m, 0, VA);
    assert_int_equal(box_do(&b, VA, MMU_FETCH).error, PF_P | PF_RSVD); /* I: not without NXE or SMEP */
    box_end(&b);
}

/* Rule 68: with PAE=0, NXE alone does not make fetches known.  Would catch I reported in 32-bit paging. */
static void fetches_in_32_bit_paging(void **state)
{
    (void)state;
    struct box b;
    box_begin_full(&b, "skylake");
    assert_true(mmu_set(b.m, 0, MMU_CR0, X86_CR0_PE));
    assert_true(mmu_set(b.m, 0, MMU_EFER, X86_EFER_NXE));
    assert_true(mmu_set(b.m, 0, MMU_CR4, 0));
    assert_true(mmu_set(b.m, 0, MMU_CR0, X86_CR0_PE | X86_CR0_PG));
    assert_int_equal(box_do(&b, 0x400000, MMU_FETCH).error, 0);
    assert_true(mmu_set(b.m, 0, MMU_CR4, X86_CR4_SMEP));
    assert_int_equal(box_do(&b, 0x400000, MMU_FETCH).error, PF_I);
    box_end(&b);
}

/* All twelve bits of a PCID tell address spaces apart (rule 89). */
static void every_bit_of_a_pcid(void **state)
{
    (void)state;
    struct box b;
    box_begin_full(&b, "champsim");
    box_map(&b, VA, 0, 0x100000, PTE_ALL);
    assert_true(mmu_set(b.m, 0, MMU_CR4, X86_CR4_PAE | X86_CR4_PCIDE));
    assert_true(mmu_set(b.m, 0, MMU_CR3, BOX_ROOT | 0x555));
    assert_int_equal(box_do(&b, VA, MMU_LOAD).by, MMU_BY_WALK);
    for (unsigned bit = 0; bit < 12; bit++) {
        assert_true(mmu_set(b.m, 0, MMU_CR3, BOX_ROOT | (0x555 ^ 1u << bit)));
        struct mmu_result r = box_do(&b, VA, MMU_LOAD);
        assert_int_equal(r.by, MMU_BY_WALK);
        assert_int_equal(r.reads, 4); /* nor does a structure cache answer */
        assert_true(mmu_set(b.m, 0, MMU_CR3, BOX_ROOT | 0x555 | X86_CR3_NOFLUSH));
        assert_int_equal(box_do(&b, VA, MMU_LOAD).by, MMU_BY_L1);
    }
    box_end(&b);
}

/* Rule 102: what a walk from a cached entry keeps carries the rights of the whole path.  Would catch the rights above
 * the entry being lost. */
static void cached_paths_inherit(void **state)
{
    (void)state;
    static const u64 lost[] = { X86_PTE_RW, X86_PTE_US, X86_PTE_XD };
    for (unsigned i = 0; i < 3; i++) {
        struct box b;
        u64 near = VA + ((u64)1 << 30); /* only the root's entry is the same */
        box_begin_full(&b, "champsim");
        box_map(&b, VA, 0, 0x100000, PTE_ALL);
        box_map(&b, near, 0, 0x101000, PTE_ALL);
        box_map(&b, near + 4096, 0, 0x102000, PTE_ALL);
        mmu_poke(b.m, box_entry(&b, VA, 3), mmu_peek(b.m, box_entry(&b, VA, 3)) ^ lost[i]);
        box_do(&b, VA, MMU_LOAD);
        assert_int_equal(box_do(&b, near, MMU_LOAD).psc_level, 3);
        mmu_set(b.m, 0, MMU_CPL, 3);
        struct mmu_result r = box_do(&b, near + 4096, lost[i] == X86_PTE_XD ? MMU_FETCH : MMU_STORE);
        assert_int_equal(r.status, MMU_FAULT_PF);
        assert_int_equal(r.error & PF_P, PF_P);
        box_end(&b);
    }
}

/* Rule 95 with G: an address that no piece covers takes the global pieces of its page too. */
static void global_pieces_go_together(void **state)
{
    (void)state;
    struct box b;
    box_begin_full(&b, "gracemont"); /* a first level of 4-KiB entries alone */
    assert_true(mmu_set(b.m, 0, MMU_CR4, X86_CR4_PAE | X86_CR4_PGE));
    box_map(&b, VA, 1, 0x200000, PTE_ALL | X86_PTE_G);
    box_do(&b, VA, MMU_LOAD);
    box_do(&b, VA + 4096, MMU_LOAD);
    assert_int_equal(box_do(&b, VA + 4096, MMU_LOAD).by, MMU_BY_L1);
    mmu_invlpg(b.m, 0, VA + 0x100000);
    assert_int_equal(box_do(&b, VA + 4096, MMU_LOAD).by, MMU_BY_WALK);
    box_end(&b);
}

/* Rule 115: a change of CR4.PAE takes what is cached.  With all of memory zero but for one word, the address means
 * something in 32-bit paging alone. */
static void pae_takes_what_is_cached(void **state)
{
    (void)state;
    struct box b;
    box_begin_full(&b, "skylake");
    assert_true(mmu_set(b.m, 0, MMU_CR0, X86_CR0_PE));
    assert_true(mmu_set(b.m, 0, MMU_EFER, 0));
    assert_true(mmu_set(b.m, 0, MMU_CR4, X86_CR4_PSE));
    mmu_poke(b.m, BOX_ROOT + 0x100, 0x00400000 | PTE_ALL | X86_PTE_PS); /* of 4 MiB from 0x10000000 on */
    assert_true(mmu_set(b.m, 0, MMU_CR0, X86_CR0_PE | X86_CR0_PG));
    assert_int_equal(box_do(&b, 0x10000000, MMU_LOAD).pa, 0x00400000);
    assert_true(mmu_set(b.m, 0, MMU_CR4, X86_CR4_PSE | X86_CR4_PAE));
    assert_int_equal(box_do(&b, 0x10000000, MMU_LOAD).status, MMU_FAULT_PF);
    assert_true(mmu_set(b.m, 0, MMU_CR4, X86_CR4_PSE));
    assert_int_equal(box_do(&b, 0x10000000, MMU_LOAD).by, MMU_BY_WALK);
    box_end(&b);
}

/* Rule 4: CR4.PCIDE needs IA-32e mode, whatever CR3 holds. */
static void pcide_needs_long_mode(void **state)
{
    (void)state;
    struct box b;
    box_begin_full(&b, "skylake");
    assert_true(mmu_set(b.m, 0, MMU_CR0, X86_CR0_PE));
    assert_false(mmu_set(b.m, 0, MMU_CR4, X86_CR4_PAE | X86_CR4_PCIDE));
    assert_true(mmu_set(b.m, 0, MMU_CR0, X86_CR0_PE | X86_CR0_PG));
    assert_true(mmu_set(b.m, 0, MMU_CR4, X86_CR4_PAE | X86_CR4_PCIDE));
    assert_true(mmu_set(b.m, 0, MMU_CR4, X86_CR4_PAE));
    assert_true(mmu_set(b.m, 0, MMU_CR3, BOX_ROOT | 0x18));
    assert_false(mmu_set(b.m, 0, MMU_CR4, X86_CR4_PAE | X86_CR4_PCIDE));
    box_end(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(xd_without_nxe), cmocka_unit_test(fetches_in_32_bit_paging),
        cmocka_unit_test(every_bit_of_a_pcid), cmocka_unit_test(cached_paths_inherit),
        cmocka_unit_test(global_pieces_go_together), cmocka_unit_test(pae_takes_what_is_cached),
        cmocka_unit_test(pcide_needs_long_mode),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
