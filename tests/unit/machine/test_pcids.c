/* SPDX-License-Identifier: MIT
 * test_pcids.c - arrays that keep the entries of a few PCIDs (mmu_tlb_desc.pcids), found as the measurements behind the
 * numbers found them (vusec/tlbdr, section 4.5 of the paper): touch in one PCID, load others, come back with CR3 bit 63,
 * and see whether the array still has the entry.  Would catch a limit of another size or order, a limit where none is
 * known, one that takes global entries, and one without CR4.PCIDE. */
#include "box.h"

#define VA 0x400000005000ull
#define CR4 (X86_CR4_PAE | X86_CR4_PGE)
#define NEVER 99u

struct where { const char *array; bool found; };

static void see(void *ctx, const struct mmu_tlb_view *v)
{
    struct where *w = ctx;
    w->found |= v->va == VA && (v->global || v->pcid == 1) && strcmp(v->array, w->array) == 0;
}

static bool holds(const struct box *b, const char *array)
{
    struct where w = { array, false };
    mmu_each_tlb(b->m, 0, see, &w);
    return w.found;
}

static void load(struct box *b, u64 pcid, bool keep)
{
    assert_true(mmu_set(b->m, 0, MMU_CR3, BOX_ROOT | pcid | (keep ? X86_CR3_NOFLUSH : 0)));
}

/* How many other PCIDs have to be loaded until the entry is gone; NEVER: 64 do not. */
static unsigned limit(const char *profile, const char *array, enum mmu_kind kind, u64 flags, bool keep)
{
    for (unsigned others = 0; others <= 64; others++) {
        struct box b;
        box_begin(&b, profile);
        assert_true(mmu_set(b.m, 0, MMU_CR4, CR4));
        assert_true(mmu_set(b.m, 0, MMU_CR4, CR4 | X86_CR4_PCIDE));
        box_map(&b, VA, 0, 0x100000, PTE_ALL | flags);
        load(&b, 1, keep);
        assert_int_equal(box_do(&b, VA, kind).status, MMU_OK);
        assert_true(holds(&b, array));
        for (unsigned i = 0; i < others; i++)
            load(&b, 2 + i, keep);
        load(&b, 1, true);
        bool found = holds(&b, array);
        box_end(&b);
        if (!found)
            return others;
    }
    return NEVER;
}

static void as_measured(void **state)
{
    (void)state;
    for (unsigned keep = 0; keep < 2; keep++) {
        assert_int_equal(limit("skylake", "STLB", MMU_LOAD, 0, keep), 4);
        assert_int_equal(limit("skylake", "L1D", MMU_LOAD, 0, keep), 0);
        assert_int_equal(limit("skylake", "L1I", MMU_FETCH, 0, keep), 1);
        assert_int_equal(limit("skylake", "L1D", MMU_LOAD, X86_PTE_G, keep), NEVER);
        assert_int_equal(limit("skylake", "STLB", MMU_LOAD, X86_PTE_G, keep), NEVER);
        assert_int_equal(limit("goldencove", "L1D-load", MMU_LOAD, 0, keep), NEVER);
        assert_int_equal(limit("goldencove", "STLB-a", MMU_LOAD, 0, keep), NEVER);
    }
}

/* The order in which four PCIDs leave the second level after one of them was loaded again: the measured vectors. */
static void permutations_as_measured(void **state)
{
    static const unsigned measured[4][4] = { { 0, 1, 2, 3 }, { 1, 0, 2, 3 }, { 2, 0, 1, 3 }, { 3, 0, 1, 2 } };
    (void)state;
    for (unsigned again = 0; again < 4; again++)
        for (unsigned element = 0; element < 4; element++)
            for (unsigned fresh = 0; fresh <= 4; fresh++) {
                struct box b;
                unsigned place = 0;
                box_begin(&b, "skylake");
                assert_true(mmu_set(b.m, 0, MMU_CR4, CR4 | X86_CR4_PCIDE));
                box_map(&b, VA, 0, 0x100000, PTE_ALL);
                for (unsigned i = 4; i-- > 0;) { /* the element under test is PCID 1, which holds() looks for */
                    load(&b, i == element ? 1 : 10 + i, true);
                    if (i == element)
                        assert_int_equal(box_do(&b, VA, MMU_LOAD).status, MMU_OK);
                }
                load(&b, again == element ? 1 : 10 + again, true);
                for (unsigned i = 0; i < fresh; i++)
                    load(&b, 100 + i, true);
                while (measured[again][place] != element)
                    place++;
                assert_int_equal(holds(&b, "STLB"), fresh < 4 - place);
                box_end(&b);
            }
}

static void without_pcide(void **state)
{
    struct box b;
    (void)state;
    box_begin(&b, "skylake");
    assert_true(mmu_set(b.m, 0, MMU_CR4, CR4));
    box_map(&b, VA, 0, 0x100000, PTE_ALL | X86_PTE_G);
    assert_int_equal(box_do(&b, VA, MMU_LOAD).status, MMU_OK);
    load(&b, 8, false); /* PWT */
    assert_true(holds(&b, "L1D"));
    box_end(&b);
}

static struct { unsigned calls; u64 pcid, array; } heard;
static void hear(void *ctx, unsigned cpu, enum mmu_inv_scope scope, u64 pcid, u64 va, bool with_global)
{
    (void)ctx, (void)cpu, (void)with_global;
    if (scope != MMU_INV_ARRAY)
        return;
    heard.calls++;
    heard.pcid = pcid;
    heard.array = va;
}

static void observers_hear(void **state)
{
    const struct mmu_observer o = { .invalidated = hear };
    const struct mmu_profile *p = mmu_profile_find("skylake");
    struct box b;
    (void)state;
    box_begin(&b, "skylake");
    assert_true(mmu_set(b.m, 0, MMU_CR4, CR4 | X86_CR4_PCIDE));
    load(&b, 1, true);
    mmu_observe(b.m, &o);
    load(&b, 1, true);
    assert_int_equal(heard.calls, 1);
    assert_string_equal(p->tlb[heard.array].name, "L1D");
    assert_int_equal(heard.pcid, 1);
    for (u64 pcid = 2; pcid < 4; pcid++)
        load(&b, pcid, true);
    assert_int_equal(heard.calls, 5); /* L1I and L1D twice; PCIDs 0 to 3 fit into the second level */
    load(&b, 4, true);
    assert_int_equal(heard.calls, 8);
    assert_string_equal(p->tlb[heard.array].name, "STLB");
    assert_int_equal(heard.pcid, 0);
    box_end(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(as_measured), cmocka_unit_test(permutations_as_measured),
                                        cmocka_unit_test(without_pcide), cmocka_unit_test(observers_hear) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
