/* SPDX-License-Identifier: MIT
 * test_regs.c - what register writes refuse, what they keep, what they turn on: rules 2-7, 9, 10 and the limits of
 * the small registers.  Would catch a missing or extra #GP, and a refused write that changes something. */
#include "box.h"

#define LONG_CR0 (X86_CR0_PE | X86_CR0_PG | X86_CR0_WP)
#define LME_LMA (X86_EFER_LME | X86_EFER_LMA)

struct step { enum mmu_reg reg; u64 value; bool ok; };

static void play(struct box *b, const struct step *s, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        u64 before[9];
        for (unsigned r = MMU_CR0; r <= MMU_AC; r++)
            before[r] = mmu_get(b->m, 0, (enum mmu_reg)r);
        bool ok = mmu_set(b->m, 0, s[i].reg, s[i].value);
        if (ok != s[i].ok)
            print_error("step %zu: register %d value %#lx\n", i, s[i].reg, (unsigned long)s[i].value);
        assert_int_equal(ok, s[i].ok);
        for (unsigned r = MMU_CR0; r <= MMU_AC && !ok; r++)
            assert_int_equal(mmu_get(b->m, 0, (enum mmu_reg)r), before[r]);
    }
}
#define STEPS(...) (const struct step[]){ __VA_ARGS__ }
#define PLAY(b, ...) play(b, STEPS(__VA_ARGS__), sizeof(STEPS(__VA_ARGS__)) / sizeof(struct step))

static void at_creation(void **state)
{
    (void)state;
    struct box b;
    box_profile(&b, mmu_profile_find("skylake"));
    b.cfg.cpus = 2;
    box_make(&b);
    assert_int_equal(mmu_get(b.m, 1, MMU_CR0), LONG_CR0);
    assert_int_equal(mmu_get(b.m, 1, MMU_CR4), X86_CR4_PAE);
    assert_int_equal(mmu_get(b.m, 1, MMU_EFER), LME_LMA | X86_EFER_NXE);
    assert_int_equal(mmu_get(b.m, 1, MMU_CPL), 0);
    assert_int_equal(mmu_get(b.m, 1, MMU_AC), 0);
    assert_true(mmu_set(b.m, 0, MMU_CR2, ~(u64)0)); /* CPUs have their own registers */
    assert_int_equal(mmu_get(b.m, 1, MMU_CR2), 0);
    box_end(&b);
}

static void cr0(void **state)
{
    (void)state;
    struct box b;
    box_begin_full(&b, "skylake");
    PLAY(&b, { MMU_CR0, LONG_CR0 | 1ull << 32, false }, { MMU_CR0, LONG_CR0 | 1ull << 29, false },
         { MMU_CR0, LONG_CR0 | 3ull << 29, true }, { MMU_CR0, X86_CR0_PG, false },
         { MMU_CR0, LONG_CR0 | 1ull << 17, true });
    assert_int_equal(mmu_get(b.m, 0, MMU_CR0), LONG_CR0); /* reserved bits below 32 are ignored */
    PLAY(&b, { MMU_CR3, 0, true }, { MMU_CR4, X86_CR4_PAE | X86_CR4_PCIDE, true }, { MMU_CR0, X86_CR0_PE, false },
         { MMU_CR4, X86_CR4_PAE, true }, { MMU_CR0, X86_CR0_PE, true });
    assert_int_equal(mmu_get(b.m, 0, MMU_EFER), X86_EFER_LME | X86_EFER_NXE); /* left long mode */
    PLAY(&b, { MMU_CR4, 0, true }, { MMU_CR0, LONG_CR0, false }, /* LME=1 needs PAE */
         { MMU_CR4, X86_CR4_PAE, true }, { MMU_CR0, LONG_CR0, true });
    assert_int_equal(mmu_get(b.m, 0, MMU_EFER), LME_LMA | X86_EFER_NXE);
    box_end(&b);
}

static void cr3(void **state)
{
    (void)state;
    struct box b;
    box_begin_full(&b, "skylake"); /* 46 address bits */
    PLAY(&b, { MMU_CR3, 1ull << 45 | 0xfff, true }, { MMU_CR3, 1ull << 46, false }, { MMU_CR3, 1ull << 63, false },
         { MMU_CR3, 0, true }, { MMU_CR4, X86_CR4_PAE | X86_CR4_PCIDE, true }, { MMU_CR3, 1ull << 62, false },
         { MMU_CR3, 1ull << 46 | X86_CR3_NOFLUSH, false }, { MMU_CR3, 0x5abc | X86_CR3_NOFLUSH, true });
    assert_int_equal(mmu_get(b.m, 0, MMU_CR3), 0x5abc);
    assert_int_equal(mmu_stats(b.m, 0)->cr3_writes, 4); /* with that of the fixture */
    box_end(&b);
}

static void cr4(void **state)
{
    (void)state;
    struct box b;
    box_begin_full(&b, "skylake");
    PLAY(&b, { MMU_CR4, X86_CR4_PAE | 0x5074f, true }, /* VME to MCE, PCE to OSXMMEXCPT, FSGSBASE, OSXSAVE */
         { MMU_CR4, 0, false }, { MMU_CR4, X86_CR4_PAE | X86_CR4_LA57, false },
         { MMU_CR4, X86_CR4_PAE | 1ull << 19, false }, { MMU_CR4, X86_CR4_PAE | 1ull << 15, false },
         { MMU_CR4, X86_CR4_PAE | 1ull << 32, false }, { MMU_CR3, 0x1008, true },
         { MMU_CR4, X86_CR4_PAE | X86_CR4_PCIDE, false }, /* CR3[11:0] is not 0 */
         { MMU_CR3, 0x1000, true }, { MMU_CR4, X86_CR4_PAE | X86_CR4_PCIDE, true },
         { MMU_CR0, X86_CR0_PE | X86_CR0_PG, true }, { MMU_CR0, LONG_CR0, true },
         { MMU_CR3, 0x1123, true }, { MMU_CR4, X86_CR4_PAE | X86_CR4_PCIDE | X86_CR4_PKE, true },
         { MMU_CR4, X86_CR4_PAE, true });
    box_la57(&b);
    PLAY(&b, { MMU_CR4, X86_CR4_PAE, false });
    box_end(&b);
}

/* A bit without its feature is #GP (rule 7). */
static void features(void **state)
{
    (void)state;
    static const struct { u32 feature; u64 cr4; } need[] = {
        { MMU_PSE, X86_CR4_PSE }, { MMU_PGE, X86_CR4_PGE }, { MMU_PCID, X86_CR4_PCIDE }, { MMU_SMEP, X86_CR4_SMEP },
        { MMU_SMAP, X86_CR4_SMAP }, { MMU_PKU, X86_CR4_PKE }, { MMU_PKS, X86_CR4_PKS }, { MMU_SHSTK, X86_CR4_CET },
    };
    for (unsigned i = 0; i < sizeof need / sizeof *need; i++)
        for (unsigned with = 0; with < 2; with++) {
            struct box b;
            box_profile(&b, mmu_profile_find("champsim"));
            b.cfg.features = with ? b.cfg.features | need[i].feature : b.cfg.features & ~need[i].feature;
            box_make(&b);
            PLAY(&b, { MMU_CR4, X86_CR4_PAE | need[i].cr4, with });
            if (need[i].feature & (MMU_PKU | MMU_PKS))
                PLAY(&b, { need[i].feature == MMU_PKU ? MMU_PKRU : MMU_PKRS, 4, with });
            box_end(&b);
        }
    struct box b;
    box_profile(&b, mmu_profile_find("champsim"));
    b.cfg.features &= ~(u32)MMU_NX;
    box_make(&b);
    assert_int_equal(mmu_get(b.m, 0, MMU_EFER), LME_LMA);
    PLAY(&b, { MMU_EFER, LME_LMA | X86_EFER_NXE, false });
    box_end(&b);
}

static void efer_and_small(void **state)
{
    (void)state;
    struct box b;
    box_begin_full(&b, "skylake");
    PLAY(&b, { MMU_EFER, 0, false }, { MMU_EFER, X86_EFER_LMA, false }, { MMU_EFER, LME_LMA | 1ull << 9, false },
         { MMU_EFER, X86_EFER_LME | 1, true });
    assert_int_equal(mmu_get(b.m, 0, MMU_EFER), LME_LMA | 1); /* LMA is not written */
    PLAY(&b, { MMU_PKRU, 0xffffffff, true }, { MMU_PKRU, 1ull << 32, false }, { MMU_PKRS, 1ull << 32, false },
         { MMU_CPL, 1, false }, { MMU_CPL, 3, true }, { MMU_AC, 2, false }, { MMU_AC, 1, true });
    box_end(&b);
}

static void impossible_machines(void **state)
{
    (void)state;
    struct box b;
    box_profile(&b, mmu_profile_find("skylake"));
    const struct mmu_config good = b.cfg;
    struct mmu_config bad[10];
    for (unsigned i = 0; i < 10; i++)
        bad[i] = good;
    bad[0].cpus = 0;
    bad[1].cpus = 65;
    bad[2].ram_bytes = 4097;
    bad[3].maxphyaddr = 31;
    bad[4].maxphyaddr = 53;
    bad[5].profile = NULL;
    bad[6].features &= ~(u32)MMU_LM;
    bad[7].ram_bytes = (u64)1 << 47; /* more than 46 bits reach */
    struct mmu_tlb_desc odd = good.profile->tlb[0];
    struct mmu_profile p = *good.profile;
    odd.sets = 3;
    p.tlb = &odd;
    p.tlbs = 1;
    bad[8].profile = &p;
    struct mmu_profile only_code = *good.profile;
    only_code.tlbs = 1; /* no first level for data */
    bad[9].profile = &only_code;
    assert_true(mmu_bytes(&good) > 0);
    for (unsigned i = 0; i < 10; i++)
        assert_int_equal(mmu_bytes(&bad[i]), 0);
    void *block = aligned_alloc(64, 1 << 20);
    struct mmu_config small = good;
    small.ram = block;
    assert_null(mmu_create(block, mmu_bytes(&good) - 1, &small));
    free(block);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(at_creation), cmocka_unit_test(cr0), cmocka_unit_test(cr3), cmocka_unit_test(cr4),
        cmocka_unit_test(features), cmocka_unit_test(efer_and_small), cmocka_unit_test(impossible_machines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
