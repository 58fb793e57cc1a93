/* SPDX-License-Identifier: MIT
 * test_details.c - rules that no other file meets: a split access that fails in its second half (24), tables that are their
 * own children (45), entries of two sizes for one address (96), NXE (13), when the fault of a key is told (70), rights of
 * implicit accesses at CPL 3 (46, 48, 66), a PCID reused (125). */
#include "box.h"

#define VA 0x400000001000ull
#define LARGE 0x480000200000ull

/* Rule 24, our choice: the first half has been translated, so its A and D are set. */
static void second_half_faults(void **state)
{
    (void)state;
    struct box b;
    struct mmu_result r;
    box_begin(&b, "skylake");
    box_map(&b, VA, 0, 0x100000, PTE_ALL);
    box_map(&b, VA + 0x1000, 0, 0x101000, X86_PTE_P);
    assert_int_equal(mmu_access(b.m, 0, VA + 0xffc, 8, MMU_STORE, 0, &r), MMU_FAULT_PF);
    assert_int_equal(mmu_get(b.m, 0, MMU_CR2), VA + 0x1000);
    assert_int_equal(r.error, PF_P | PF_W);
    assert_int_equal(mmu_peek(b.m, box_entry(&b, VA, 0)), 0x100000 | PTE_ALL | X86_PTE_A | X86_PTE_D);
    assert_int_equal(mmu_peek(b.m, box_entry(&b, VA + 0x1000, 0)), 0x101000 | X86_PTE_P);
    box_end(&b);
}

/* Rule 45: entry 510 of the root points to the root, so that tables are seen as pages; one entry is then a structure
 * entry of several levels and a leaf, and each use marks it as what it was. */
static void self_map(void **state)
{
    (void)state;
    struct box b;
    const u64 slot = 510, top = 0xffff000000000000ull;
    box_begin(&b, "champsim");
    box_map(&b, VA, 0, 0x100000, PTE_ALL);
    mmu_poke(b.m, BOX_ROOT + slot * 8, BOX_ROOT | PTE_ALL);
    u64 root_as_page = top | slot << 39 | slot << 30 | slot << 21 | slot << 12;
    struct mmu_result r = box_do(&b, root_as_page + 8, MMU_LOAD);
    assert_int_equal(r.status, MMU_OK);
    assert_int_equal(r.pa, BOX_ROOT + 8);
    assert_int_equal(mmu_peek(b.m, BOX_ROOT + slot * 8), BOX_ROOT | PTE_ALL | X86_PTE_A);
    r = box_do(&b, root_as_page, MMU_STORE);
    assert_int_equal(mmu_peek(b.m, BOX_ROOT + slot * 8), BOX_ROOT | PTE_ALL | X86_PTE_A | X86_PTE_D);
    u64 table_as_page = top | slot << 39 | (VA >> 39 & 511) << 30 | (VA >> 30 & 511) << 21 | (VA >> 21 & 511) << 12;
    r = box_do(&b, table_as_page + (VA >> 12 & 511) * 8, MMU_LOAD);
    assert_int_equal(r.status, MMU_OK);
    assert_int_equal(r.pa, box_entry(&b, VA, 0));
    mmu_invlpg(b.m, 0, VA);
    assert_int_equal(box_do(&b, VA, MMU_LOAD).pa, 0x100000);
    box_end(&b);
}

/* Rule 96: a page split without an invalidation leaves both sizes; the smaller is preferred where it is cached, the
 * larger serves the rest; INVLPG of any of its addresses drops all of them there. */
static void two_sizes(void **state)
{
    (void)state;
    struct box b;
    box_begin(&b, "skylake");
    box_map(&b, LARGE, 1, 0x200000, PTE_ALL);
    assert_int_equal(box_do(&b, LARGE, MMU_LOAD).page_lg2, 21);
    mmu_poke(b.m, box_entry(&b, LARGE, 1), 0);
    box_map(&b, LARGE + 0x3000, 0, 0x303000, PTE_ALL);
    assert_int_equal(box_do(&b, LARGE + 0x3000, MMU_LOAD).pa, 0x203000);   /* the large one serves                   */
    mmu_invlpg(b.m, 0, LARGE + 0x5000);
    assert_int_equal(box_do(&b, LARGE + 0x3000, MMU_LOAD).pa, 0x303000);
    assert_int_equal(box_do(&b, LARGE, MMU_LOAD).status, MMU_FAULT_PF);
    mmu_poke(b.m, box_entry(&b, LARGE, 1), 0x200000 | PTE_ALL | X86_PTE_PS); /* and back: now both can be cached       */
    assert_int_equal(box_do(&b, LARGE + 0x7000, MMU_LOAD).page_lg2, 21);
    assert_int_equal(box_do(&b, LARGE + 0x3000, MMU_LOAD).pa, 0x303000);   /* the smaller is used                    */
    mmu_invlpg(b.m, 0, LARGE + 0x3000);
    assert_int_equal(box_do(&b, LARGE + 0x3000, MMU_LOAD).pa, 0x203000);
    box_end(&b);
}

/* Rule 13: NXE changes at once what bit 63 means, in new walks (a right, a reserved bit) and for what is cached. */
static void nxe_at_once(void **state)
{
    (void)state;
    struct box b;
    const u64 with = X86_EFER_LME | X86_EFER_LMA | X86_EFER_NXE, without = X86_EFER_LME | X86_EFER_LMA;
    box_begin(&b, "skylake");
    box_map(&b, VA, 0, 0x100000, PTE_ALL | X86_PTE_XD);
    assert_int_equal(box_do(&b, VA, MMU_LOAD).status, MMU_OK);
    assert_int_equal(box_do(&b, VA, MMU_FETCH).error, PF_P | PF_I);
    assert_int_equal(box_do(&b, VA, MMU_LOAD).by, MMU_BY_WALK);  /* #PF dropped it                                  */
    assert_true(mmu_set(b.m, 0, MMU_EFER, without));
    assert_int_equal(box_do(&b, VA, MMU_LOAD).by, MMU_BY_L1);    /* what is cached stays                            */
    mmu_invlpg(b.m, 0, VA);
    assert_int_equal(box_do(&b, VA, MMU_LOAD).error, PF_P | PF_RSVD);
    assert_true(mmu_set(b.m, 0, MMU_EFER, with));
    assert_int_equal(box_do(&b, VA, MMU_LOAD).status, MMU_OK);
    box_end(&b);
}

/* Rules 46, 48, 66: at CPL 3 an implicit access is a supervisor's, AC does not open user pages to it, U/S is 0. */
static void implicit_at_cpl3(void **state)
{
    (void)state;
    struct box b;
    struct mmu_result r;
    box_begin_full(&b, "skylake");
    assert_true(mmu_set(b.m, 0, MMU_CR4, X86_CR4_PAE | X86_CR4_SMAP));
    assert_true(mmu_set(b.m, 0, MMU_CPL, 3));
    assert_true(mmu_set(b.m, 0, MMU_AC, 1));
    box_map(&b, VA, 0, 0x100000, X86_PTE_P | X86_PTE_RW);
    assert_int_equal(mmu_translate(b.m, 0, VA, MMU_LOAD, MMU_IMPLICIT, &r), MMU_OK);
    assert_int_equal(box_do(&b, VA, MMU_LOAD).error, PF_P | PF_U);
    box_map(&b, VA, 0, 0x100000, PTE_ALL);
    assert_int_equal(mmu_translate(b.m, 0, VA, MMU_STORE, MMU_IMPLICIT, &r), MMU_FAULT_PF);
    assert_int_equal(r.error, PF_P | PF_W);
    assert_int_equal(box_do(&b, VA, MMU_STORE).status, MMU_OK);
    box_end(&b);
}

/* Rule 70, our choice: the key of a supervisor page counts for a user's access to it as well, where PKS is on. */
static void key_of_a_supervisor_page(void **state)
{
    (void)state;
    struct box b;
    box_begin_full(&b, "skylake");
    assert_true(mmu_set(b.m, 0, MMU_CR4, X86_CR4_PAE | X86_CR4_PKS));
    assert_true(mmu_set(b.m, 0, MMU_PKRS, 1 << 10));
    assert_true(mmu_set(b.m, 0, MMU_CPL, 3));
    box_map(&b, VA, 0, 0x100000, X86_PTE_P | (u64)5 << X86_PKEY_SHIFT);
    assert_int_equal(box_do(&b, VA, MMU_LOAD).error, PF_P | PF_U | PF_PK);
    assert_true(mmu_set(b.m, 0, MMU_CR4, X86_CR4_PAE));
    assert_int_equal(box_do(&b, VA, MMU_LOAD).error, PF_P | PF_U);
    box_end(&b);
}

/* Rule 125: under a PCID that other tables had before, their translations are found, unless MOV CR3 forgets them. */
static void reused_pcid(void **state)
{
    (void)state;
    struct box b;
    const u64 other = 0x700000;
    box_begin(&b, "haswell");
    box_map(&b, VA, 0, 0x100000, PTE_ALL);
    mmu_poke(b.m, box_entry_under(&b, other, VA, 0), 0x200000 | PTE_ALL);
    assert_true(mmu_set(b.m, 0, MMU_CR3, BOX_ROOT));
    assert_true(mmu_set(b.m, 0, MMU_CR4, X86_CR4_PAE | X86_CR4_PCIDE));
    assert_true(mmu_set(b.m, 0, MMU_CR3, BOX_ROOT | 3));
    assert_int_equal(box_do(&b, VA, MMU_LOAD).pa, 0x100000);
    assert_true(mmu_set(b.m, 0, MMU_CR3, other | 3 | X86_CR3_NOFLUSH));
    assert_int_equal(box_do(&b, VA, MMU_LOAD).pa, 0x100000);
    assert_true(mmu_set(b.m, 0, MMU_CR3, other | 3));
    assert_int_equal(box_do(&b, VA, MMU_LOAD).pa, 0x200000);
    box_end(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(second_half_faults), cmocka_unit_test(self_map), cmocka_unit_test(two_sizes),
        cmocka_unit_test(nxe_at_once), cmocka_unit_test(implicit_at_cpl3), cmocka_unit_test(key_of_a_supervisor_page),
        cmocka_unit_test(reused_pcid),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
