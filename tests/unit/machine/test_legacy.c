/* SPDX-License-Identifier: MIT
 * test_legacy.c - 32-bit and PAE paging, and no paging: rules 1, 11, 12, 19, 33-37, 86.  Would catch a 4-byte entry
 * read as eight, a PDPTE judged at the wrong moment, PSE-36 bits in the wrong place. */
#include "box.h"

#define PE_WP (X86_CR0_PE | X86_CR0_WP)

/* Out of long mode into the mode that CR4 says. */
static void enter(struct box *b, u64 cr4, bool nxe)
{
    assert_true(mmu_set(b->m, 0, MMU_CR0, PE_WP));
    assert_true(mmu_set(b->m, 0, MMU_EFER, nxe ? X86_EFER_NXE : 0));
    assert_true(mmu_set(b->m, 0, MMU_CR4, cr4));
    assert_true(mmu_set(b->m, 0, MMU_CR3, BOX_ROOT));
    assert_true(mmu_set(b->m, 0, MMU_CR0, PE_WP | X86_CR0_PG));
    assert_int_equal(mmu_get(b->m, 0, MMU_EFER) & X86_EFER_LMA, 0);
}

static void poke4(struct box *b, u64 pa, u32 v)
{
    memcpy((char *)b->cfg.ram + pa, &v, 4);
}

static u32 peek4(struct box *b, u64 pa)
{
    u32 v;
    memcpy(&v, (char *)b->cfg.ram + pa, 4);
    return v;
}

static void no_paging(void **state)
{
    (void)state;
    struct box b;
    box_begin_full(&b, "skylake");
    assert_true(mmu_set(b.m, 0, MMU_CR0, PE_WP));
    struct mmu_result r = box_do(&b, 0x123456789abc, MMU_STORE);
    assert_int_equal(r.status, MMU_OK);
    assert_int_equal(r.pa, 0x56789abc);
    struct mmu_walk w;
    mmu_walk(b.m, 0, 0x123456789abc, MMU_LOAD, 0, &w);
    assert_int_equal(w.r.pa, 0x56789abc);
    assert_int_equal(w.steps, 0);
    box_end(&b);
}

static void two_levels(void **state)
{
    (void)state;
    struct box b;
    box_begin_full(&b, "skylake");
    enter(&b, 0, false);
    u64 va = 0xc0801234, pde = BOX_ROOT + (va >> 22) * 4, pte = 0x2000 + (va >> 12 & 1023) * 4;
    poke4(&b, pde, 0x2000 | PTE_ALL | X86_PTE_PS | X86_PTE_G); /* PSE=0: PS is ignored */
    poke4(&b, pte, 0xfedcb000 | PTE_ALL);
    poke4(&b, pte + 4, 0xabcde000);
    poke4(&b, pde + 4, 0xabcde000);
    struct mmu_result r = box_do(&b, va, MMU_STORE);
    assert_int_equal(r.status, MMU_OK);
    assert_int_equal(r.pa, 0xfedcb234);
    assert_int_equal(r.reads, 2);
    assert_int_equal(r.page_lg2, 12);
    assert_int_equal(r.wrote_ad, 2);
    assert_int_equal(peek4(&b, pde), 0x2000 | PTE_ALL | X86_PTE_PS | X86_PTE_G | X86_PTE_A);
    assert_int_equal(peek4(&b, pte), 0xfedcb000 | PTE_ALL | X86_PTE_A | X86_PTE_D);
    assert_int_equal(peek4(&b, pte + 4), 0xabcde000); /* four bytes were written, not eight */
    assert_int_equal(peek4(&b, pde + 4), 0xabcde000);
    assert_int_equal(box_do(&b, va | 0xabcd00000000, MMU_LOAD).by, MMU_BY_L1); /* wraps at 4 GiB */
    r = box_do(&b, va + 4096, MMU_FETCH);
    assert_int_equal(r.error, 0); /* I is not reported without NXE or SMEP */
    assert_int_equal(r.va, va + 4096);
    assert_int_equal(mmu_get(b.m, 0, MMU_CR2), va + 4096);
    mmu_set(b.m, 0, MMU_CPL, 3);
    mmu_invlpg(b.m, 0, va);
    poke4(&b, pte, 0xfedcb000 | X86_PTE_P | X86_PTE_RW);
    assert_int_equal(box_do(&b, va, MMU_LOAD).error, PF_P | PF_U);
    box_end(&b);
}

static void four_megabytes(void **state)
{
    (void)state;
    for (unsigned maxphyaddr = 36; maxphyaddr <= 46; maxphyaddr += 10) {
        struct box b;
        box_profile(&b, mmu_profile_find("skylake"));
        b.cfg.maxphyaddr = maxphyaddr;
        box_make(&b);
        enter(&b, X86_CR4_PSE, false);
        u64 va = 0x40c12345, pde = BOX_ROOT + (va >> 22) * 4, high = maxphyaddr == 36 ? 0xa : 0xa5;
        poke4(&b, pde, 0x80000000 | high << 13 | PTE_ALL | X86_PTE_PS);
        struct mmu_result r = box_do(&b, va, MMU_LOAD);
        assert_int_equal(r.status, MMU_OK);
        assert_int_equal(r.pa, high << 32 | 0x80012345);
        assert_int_equal(r.page_lg2, 22);
        assert_int_equal(r.reads, 1);
        for (unsigned i = 0; i < 2; i++) {
            assert_int_equal(box_do(&b, va ^ 0x3ff000, MMU_LOAD).by, MMU_BY_L1);
            assert_int_equal(box_do(&b, va ^ 0x3ff000, MMU_LOAD).pa, (high << 32 | 0x80012345) ^ 0x3ff000);
        }
        assert_int_equal(mmu_stats(b.m, 0)->walks[MMU_SIDE_D][MMU_2M], 1);
        unsigned m = maxphyaddr < 40 ? maxphyaddr : 40;
        for (unsigned bit = 12; bit < 22; bit++) {
            poke4(&b, pde, 0x80000000 | 1u << bit | PTE_ALL | X86_PTE_PS);
            mmu_invlpg(b.m, 0, va);
            r = box_do(&b, va, MMU_LOAD);
            bool reserved = bit > m - 20 && bit >= 13; /* bits 21:(M-19) */
            assert_int_equal(r.status, reserved ? MMU_FAULT_PF : MMU_OK);
            assert_int_equal(r.error, reserved ? PF_P | PF_RSVD : 0);
        }
        box_end(&b);
    }
    struct box b; /* without PSE-36 bits 21:13 are reserved; without PAT bit 12 too, and bit 7 of a PTE */
    box_profile(&b, mmu_profile_find("skylake"));
    b.cfg.features &= ~(u32)(MMU_PSE36 | MMU_PAT);
    box_make(&b);
    enter(&b, X86_CR4_PSE, false);
    for (unsigned bit = 12; bit < 22; bit++) {
        poke4(&b, BOX_ROOT, 0x80000000 | 1u << bit | PTE_ALL | X86_PTE_PS);
        assert_int_equal(box_do(&b, 0x1000, MMU_LOAD).error, PF_P | PF_RSVD);
    }
    poke4(&b, BOX_ROOT, 0x2000 | PTE_ALL);
    poke4(&b, 0x2004, 0x5000 | PTE_ALL | X86_PTE_PS);
    assert_int_equal(box_do(&b, 0x1000, MMU_LOAD).error, PF_P | PF_RSVD);
    box_end(&b);
}

static void pae(struct box *b, u64 va, unsigned level, u64 entry)
{
    mmu_poke(b->m, BOX_ROOT + (va >> 30) * 8, 0x3000 | X86_PTE_P);
    if (level == 0)
        mmu_poke(b->m, 0x3000 + (va >> 21 & 511) * 8, 0x4000 | PTE_ALL);
    mmu_poke(b->m, level == 0 ? 0x4000 + (va >> 12 & 511) * 8 : 0x3000 + (va >> 21 & 511) * 8, entry);
}

static void pae_intel(void **state)
{
    (void)state;
    struct box b;
    u64 va = 0x81234567, at = 0x4000 + (va >> 12 & 511) * 8;
    box_begin_full(&b, "skylake");
    pae(&b, va, 0, 0x2aaaa5555000 | PTE_ALL | X86_PTE_XD);
    enter(&b, X86_CR4_PAE, true);
    struct mmu_result r = box_do(&b, va, MMU_STORE);
    assert_int_equal(r.pa, 0x2aaaa5555567);
    assert_int_equal(r.reads, 2); /* the PDPTE is in a register */
    assert_int_equal(mmu_peek(b.m, BOX_ROOT + 16), 0x3000 | X86_PTE_P); /* and has no A */
    assert_int_equal(mmu_peek(b.m, at) & (X86_PTE_A | X86_PTE_D), X86_PTE_A | X86_PTE_D);
    assert_int_equal(box_do(&b, va, MMU_FETCH).error, PF_P | PF_I);
    /* bits 62:MAXPHYADDR of a PTE are reserved here, bit 52 and the key too */
    for (unsigned bit = 46; bit < 63; bit++) {
        mmu_poke(b.m, at, 0x5000 | PTE_ALL | (u64)1 << bit);
        mmu_invlpg(b.m, 0, va);
        assert_int_equal(box_do(&b, va, MMU_LOAD).error, PF_P | PF_RSVD);
    }
    /* the registers are loaded by MOV CR3 and some changes of CR0 and CR4, and checked there */
    mmu_poke(b.m, at, 0x5000 | PTE_ALL);
    mmu_poke(b.m, BOX_ROOT + 16, 2);
    assert_int_equal(box_do(&b, va, MMU_LOAD).status, MMU_OK);
    mmu_poke(b.m, BOX_ROOT + 16, 3);
    assert_true(mmu_set(b.m, 0, MMU_CR0, X86_CR0_PE | X86_CR0_PG));
    assert_true(mmu_set(b.m, 0, MMU_CR4, X86_CR4_PAE | X86_CR4_SMAP));
    assert_false(mmu_set(b.m, 0, MMU_CR4, X86_CR4_PAE | X86_CR4_PGE));
    assert_false(mmu_set(b.m, 0, MMU_CR0, X86_CR0_PE | X86_CR0_PG | 1ull << 30));
    assert_true(mmu_set(b.m, 0, MMU_CR4, X86_CR4_PAE));
    mmu_poke(b.m, BOX_ROOT + 16, 0);
    for (unsigned bit = 1; bit < 64; bit++) {
        bool bad = bit == 1 || bit == 2 || (bit >= 5 && bit <= 8) || bit >= 46;
        mmu_poke(b.m, BOX_ROOT + 24, 0x3001 | (u64)1 << bit);
        assert_int_equal(mmu_set(b.m, 0, MMU_CR3, BOX_ROOT), !bad);
    }
    mmu_poke(b.m, BOX_ROOT + 24, 0x1e6); /* not present: not judged */
    assert_true(mmu_set(b.m, 0, MMU_CR3, BOX_ROOT));
    r = box_do(&b, va, MMU_LOAD);
    assert_int_equal(r.status, MMU_FAULT_PF);
    assert_int_equal(r.error, 0);
    assert_int_equal(r.reads, 0);
    struct mmu_walk w;
    mmu_walk(b.m, 0, va, MMU_LOAD, 0, &w);
    assert_int_equal(w.r.error, 0);
    assert_int_equal(w.steps, 1);
    box_end(&b);
}

static void pae_large(void **state)
{
    (void)state;
    struct box b;
    u64 va = 0xc1234567;
    box_begin_full(&b, "skylake");
    pae(&b, va, 1, 0x2aaaa5400000 | PTE_ALL | X86_PTE_PS);
    enter(&b, X86_CR4_PAE, true);
    struct mmu_result r = box_do(&b, va, MMU_LOAD);
    assert_int_equal(r.pa, 0x2aaaa5434567);
    assert_int_equal(r.page_lg2, 21);
    assert_int_equal(r.reads, 1);
    box_end(&b);
}

/* CR3 is aligned to 32 bytes. */
static void pae_unaligned(void **state)
{
    (void)state;
    static const char *const profile[] = { "skylake", "zen4" };
    for (unsigned i = 0; i < 2; i++) {
        struct box b;
        box_begin_full(&b, profile[i]);
        mmu_poke(b.m, BOX_ROOT + 0x20 + 8, 0x3000 | X86_PTE_P);
        mmu_poke(b.m, 0x3000, 0x200000 | PTE_ALL | X86_PTE_PS);
        enter(&b, X86_CR4_PAE, true);
        assert_true(mmu_set(b.m, 0, MMU_CR3, BOX_ROOT + 0x38)); /* PWT, PCD */
        assert_int_equal(box_do(&b, 0x40000123, MMU_LOAD).pa, 0x200123);
        box_end(&b);
    }
}

/* AMD reads PDPTEs when they are used: a bad one is #PF (rule 12). */
static void pae_amd(void **state)
{
    (void)state;
    struct box b;
    u64 va = 0x81234567;
    box_begin_full(&b, "zen4");
    pae(&b, va, 0, 0x5000 | PTE_ALL);
    enter(&b, X86_CR4_PAE, true);
    assert_int_equal(box_do(&b, va, MMU_LOAD).reads, 3);
    mmu_poke(b.m, BOX_ROOT + 24, 0x3001 | X86_PTE_RW);
    assert_true(mmu_set(b.m, 0, MMU_CR3, BOX_ROOT));
    assert_int_equal(box_do(&b, va + 0x40000000, MMU_LOAD).error, PF_P | PF_RSVD);
    struct mmu_walk w;
    mmu_walk(b.m, 0, va, MMU_STORE, 0, &w);
    assert_int_equal(w.steps, 3);
    assert_int_equal(w.r.status, MMU_OK);
    assert_int_equal(w.r.wrote_ad, 1); /* D; no A in the PDPTE */
    box_end(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_paging), cmocka_unit_test(two_levels), cmocka_unit_test(four_megabytes),
        cmocka_unit_test(pae_intel), cmocka_unit_test(pae_large), cmocka_unit_test(pae_amd),
        cmocka_unit_test(pae_unaligned),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
