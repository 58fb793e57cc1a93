/* SPDX-License-Identifier: MIT
 * test_broadcast.c - AMD's INVLPGA, INVLPGB, TLBSYNC and EFER.TCE (rules 111, 122): every flag of INVLPGB against a plain
 * function over what is cached, on the issuing CPU at once and on another only at TLBSYNC; faults; TCE.  Would catch a flag
 * misread, a CPU reached too early or never, and a fault that changes something. */
#include "box.h"

#define A 0x400000001000ull
#define B 0x400000002000ull       /* neighbour of A, same tables                                                 */
#define GLOBAL 0x400000003000ull
#define LARGE 0x480000200000ull   /* 2 MiB                                                                       */
#define FAR_LARGE 0x480000400000ull
#define PAGES 5
static const u64 page[PAGES] = { A, B, GLOBAL, LARGE, FAR_LARGE };
static const u64 page_bytes[PAGES] = { 0x1000, 0x1000, 0x1000, 0x200000, 0x200000 };

/* Bit p of tlb[pcid]: page[p] is cached; tlb[0]: the global one.  psc[pcid]: bit i: lead[i] is in a structure cache. */
struct caches { u32 tlb[3]; u32 psc[3]; };

static void see_tlb(void *ctx, const struct mmu_tlb_view *v)
{
    struct caches *c = ctx;
    for (u32 p = 0; p < PAGES; p++)
        if (v->va == page[p])
            c->tlb[v->pcid] |= 1u << p;
}

/* Bit 0: leads to A, B, GLOBAL; bit 1: to LARGE and FAR_LARGE. */
static void see_psc(void *ctx, const struct mmu_psc_view *v)
{
    struct caches *c = ctx;
    u32 lg2 = 12 + 9u * v->level;
    c->psc[v->pcid] |= (u32)(v->va >> lg2 == A >> lg2) | (u32)(v->va >> lg2 == LARGE >> lg2) << 1;
}

static struct caches look(const struct box *b, unsigned cpu)
{
    struct caches c = { { 0 }, { 0 } };
    mmu_each_tlb(b->m, cpu, see_tlb, &c);
    mmu_each_psc(b->m, cpu, see_psc, &c);
    return c;
}

#define CR4 (X86_CR4_PAE | X86_CR4_PGE | X86_CR4_PCIDE)
#define EFER (X86_EFER_LME | X86_EFER_LMA | X86_EFER_NXE)

static void begin(struct box *b, const char *profile)
{
    box_profile(b, mmu_profile_find(profile));
    b->cfg.cpus = 3;
    box_make(b);
    box_map(b, A, 0, 0x100000, PTE_ALL);
    box_map(b, B, 0, 0x101000, PTE_ALL);
    box_map(b, GLOBAL, 0, 0x102000, PTE_ALL | X86_PTE_G);
    box_map(b, LARGE, 1, 0x200000, PTE_ALL);
    box_map(b, FAR_LARGE, 1, 0x400000, PTE_ALL);
    for (unsigned cpu = 0; cpu < b->cfg.cpus; cpu++) {
        assert_true(mmu_set(b->m, cpu, MMU_CR4, X86_CR4_PAE | X86_CR4_PGE));
        assert_true(mmu_set(b->m, cpu, MMU_CR4, CR4));
    }
}

/* PCIDs 1 and 2 hold all pages on all CPUs; the current one is 1. */
static void fill(struct box *b)
{
    for (unsigned cpu = 0; cpu < b->cfg.cpus; cpu++)
        for (u64 pcid = 2; pcid >= 1; pcid--) {
            struct mmu_result r;
            assert_true(mmu_set(b->m, cpu, MMU_CR3, BOX_ROOT | pcid | X86_CR3_NOFLUSH));
            for (u32 p = 0; p < PAGES; p++) /* some miss and walk, so that all paths are cached */
                assert_int_equal(mmu_translate(b->m, cpu, page[p], MMU_LOAD, 0, &r), MMU_OK);
        }
}

static void flush(struct box *b)
{
    for (unsigned cpu = 0; cpu < b->cfg.cpus; cpu++) {
        assert_true(mmu_set(b->m, cpu, MMU_CR4, CR4 ^ X86_CR4_PGE));
        assert_true(mmu_set(b->m, cpu, MMU_CR4, CR4));
    }
}

/* What is left of full caches, said plainly. */
static struct caches expected(struct caches c, u64 rax, u32 ecx, u32 edx, bool tce)
{
    u64 stride = ecx >> 31 ? 0x200000 : 0x1000, va = rax & ~(u64)0xfff;
    u32 more = ecx & 0xffff, asid = edx & 0xffff, named_pcid = edx >> 16 & 0xfff;
    bool by_va = rax & 1, by_pcid = rax & 2, by_asid = rax & 4, globals = rax & 8, final = rax & 16;
    if (by_asid && asid != 0)
        return c;
    for (u32 pcid = 0; pcid < 3; pcid++)
        for (u32 p = 0; p < PAGES; p++) {
            bool named = !by_va;
            for (u32 i = 0; i <= more && by_va; i++)
                named |= (va + i * stride) / page_bytes[p] == page[p] / page_bytes[p];
            if (page[p] == GLOBAL)
                named = named && globals;
            else
                named = named && (!by_pcid || pcid == named_pcid);
            if (named)
                c.tlb[pcid] &= ~(1u << p);
        }
    for (u32 pcid = 0; pcid < 3; pcid++) {
        bool this_pcid = !by_pcid || pcid == named_pcid, path_a = false, path_l = false;
        for (u32 i = 0; i <= more; i++) {
            path_a |= (va + i * stride) >> 39 == A >> 39;
            path_l |= (va + i * stride) >> 39 == LARGE >> 39;
        }
        if (!this_pcid || (by_va && final))
            continue;
        if (!by_va || !tce || path_a)
            c.psc[pcid] &= ~1u;
        if (!by_va || !tce || path_l)
            c.psc[pcid] &= ~2u;
    }
    return c;
}

static bool same(const struct caches *a, const struct caches *b) { return memcmp(a, b, sizeof *a) == 0; }

static void one(struct box *b, u64 rax, u32 ecx, u32 edx, bool tce)
{
    flush(b);
    fill(b);
    struct caches full = look(b, 1), want = expected(full, rax, ecx, edx, tce), here, there;
    assert_int_equal(mmu_invlpgb(b->m, 0, rax, ecx, edx), MMU_OK);
    here = look(b, 0);
    there = look(b, 1);
    if (!same(&here, &want))
        print_error("rax %llx ecx %x edx %x tce %d: %x %x %x, psc %x %x; want %x %x %x, psc %x %x\n", (unsigned long long)rax,
                    ecx, edx, tce, here.tlb[0], here.tlb[1], here.tlb[2], here.psc[1], here.psc[2], want.tlb[0], want.tlb[1],
                    want.tlb[2], want.psc[1], want.psc[2]);
    assert_true(same(&here, &want));
    assert_true(same(&there, &full));                            /* not yet                                        */
    assert_int_equal(mmu_tlbsync(b->m, 1), MMU_OK);              /* of another CPU: nothing                        */
    there = look(b, 1);
    assert_true(same(&there, &full));
    assert_int_equal(mmu_tlbsync(b->m, 0), MMU_OK);
    for (unsigned cpu = 1; cpu < 3; cpu++) {
        there = look(b, cpu);
        assert_true(same(&there, &want));
    }
}

/* Every set of flags, with addresses, counts, strides and PCIDs that name something and that do not. */
static void scopes(void **state)
{
    (void)state;
    static const u64 va[] = { A, B, GLOBAL, LARGE + 0x5000, 0x480000000000, 0x7000, (u64)1 << 62 };
    struct box b;
    begin(&b, "zen3");
    for (unsigned tce = 0; tce < 2; tce++) {
        for (unsigned cpu = 0; cpu < 3; cpu++)
            assert_true(mmu_set(b.m, cpu, MMU_EFER, EFER | (tce ? X86_EFER_TCE : 0)));
        for (u64 flags = 0; flags < 64; flags++)
            for (unsigned i = 0; i < sizeof va / sizeof *va * 2; i++)
                for (u32 edx = 0; edx < 4; edx++) {
                    u64 at = va[i / 2];
                    u32 ecx = i & 1 ? (edx & 1 ? 7 : 1u << 31 | 2) : 0;
                    if (at >> 48 && (flags & 1))
                        continue;
                    one(&b, at >> 48 ? flags : at | flags, ecx, edx == 3 ? 1 << 16 | 5 : edx << 16, tce);
                }
    }
    box_end(&b);
}

/* A non-canonical address names nothing, nor do pages that follow it across the hole. */
static void not_canonical(void **state)
{
    (void)state;
    struct box b;
    begin(&b, "zen3");
    fill(&b);
    struct caches full = look(&b, 0), now;
    assert_int_equal(mmu_invlpgb(b.m, 0, (A ^ (u64)1 << 63) | MMU_INVLPGB_VA | MMU_INVLPGB_GLOBAL, 3, 0), MMU_OK);
    assert_int_equal(mmu_invlpga(b.m, 0, A, 0), MMU_FAULT_UD);
    now = look(&b, 0);
    assert_true(same(&now, &full));
    box_end(&b);
}

static void faults(void **state)
{
    (void)state;
    struct box b;
    begin(&b, "zen3");
    fill(&b);
    struct caches full = look(&b, 0), now;
    for (unsigned bit = 6; bit < 12; bit++)
        assert_int_equal(mmu_invlpgb(b.m, 0, (u64)1 << bit, 0, 0), MMU_FAULT_GP);
    for (unsigned bit = 16; bit < 31; bit++)
        assert_int_equal(mmu_invlpgb(b.m, 0, 0, 1u << bit, 0), MMU_FAULT_GP);
    for (unsigned bit = 28; bit < 32; bit++)
        assert_int_equal(mmu_invlpgb(b.m, 0, 0, 0, 1u << bit), MMU_FAULT_GP);
    assert_int_equal(mmu_invlpgb(b.m, 0, A | 1, 8, 0), MMU_FAULT_GP);
    assert_int_equal(mmu_invlpgb(b.m, 0, A | 1, 0xffff, 0), MMU_FAULT_GP);
    now = look(&b, 0);
    assert_true(same(&now, &full));
    assert_int_equal(mmu_stats(b.m, 0)->invlpgb, 0);
    box_end(&b);

    box_begin(&b, "zen3"); /* without PCIDE: a PCID is refused where it counts */
    assert_int_equal(mmu_invlpgb(b.m, 0, MMU_INVLPGB_PCID, 0, 1 << 16), MMU_FAULT_GP);
    assert_int_equal(mmu_invlpgb(b.m, 0, MMU_INVLPGB_PCID, 0, 0), MMU_OK);
    assert_int_equal(mmu_invlpgb(b.m, 0, 0, 0, 1 << 16), MMU_OK);
    assert_true(mmu_set(b.m, 0, MMU_CR0, X86_CR0_PE | X86_CR0_WP)); /* 32-bit paging with 4-MiB pages */
    assert_true(mmu_set(b.m, 0, MMU_EFER, 0));
    assert_true(mmu_set(b.m, 0, MMU_CR4, X86_CR4_PSE));
    assert_true(mmu_set(b.m, 0, MMU_CR0, X86_CR0_PE | X86_CR0_WP | X86_CR0_PG));
    assert_int_equal(mmu_invlpgb(b.m, 0, 1, 1u << 31, 0), MMU_FAULT_GP);
    assert_int_equal(mmu_invlpgb(b.m, 0, 1, 0, 0), MMU_OK);
    box_end(&b);

    box_begin(&b, "skylake");
    assert_int_equal(mmu_invlpgb(b.m, 0, 0, 0, 0), MMU_FAULT_UD);
    assert_int_equal(mmu_tlbsync(b.m, 0), MMU_FAULT_UD);
    assert_int_equal(mmu_invlpga(b.m, 0, A, 0), MMU_FAULT_UD);
    assert_false(mmu_set(b.m, 0, MMU_EFER, EFER | X86_EFER_SVME));
    assert_false(mmu_set(b.m, 0, MMU_EFER, EFER | X86_EFER_TCE));
    box_end(&b);
}

static void invlpga(void **state)
{
    (void)state;
    struct box b;
    begin(&b, "zen3");
    assert_true(mmu_set(b.m, 0, MMU_EFER, EFER | X86_EFER_SVME));
    fill(&b);
    struct caches full = look(&b, 0), now;
    assert_int_equal(mmu_invlpga(b.m, 0, A, 1), MMU_OK);
    now = look(&b, 0);
    assert_true(same(&now, &full));
    assert_int_equal(mmu_invlpga(b.m, 0, A + 5, 0), MMU_OK);
    assert_int_equal(mmu_invlpga(b.m, 0, GLOBAL, 0), MMU_OK);
    now = look(&b, 0);
    full.tlb[1] &= ~1u;
    full.tlb[0] = 0;
    full.psc[1] = 0;
    assert_true(same(&now, &full));
    box_end(&b);
}

/* TCE: INVLPG and INVPCID keep what does not lead to the page; other invalidations take all as ever (rule 111). */
static void tce(void **state)
{
    (void)state;
    struct box b;
    struct caches c;
    begin(&b, "zen3");
    assert_true(mmu_set(b.m, 0, MMU_EFER, EFER | X86_EFER_TCE));
    fill(&b);
    mmu_invlpg(b.m, 0, A);
    c = look(&b, 0);
    assert_true(c.psc[1] == 2 && c.psc[2] == 3);
    flush(&b);
    fill(&b);
    assert_true(mmu_invpcid(b.m, 0, 0, 2, LARGE));
    c = look(&b, 0);
    assert_true(c.psc[1] == 3 && c.psc[2] == 1);
    flush(&b);
    fill(&b);
    assert_true(mmu_invpcid(b.m, 0, 1, 2, 0));
    c = look(&b, 0);
    assert_true(c.psc[1] == 3 && c.psc[2] == 0);
    assert_true(mmu_set(b.m, 0, MMU_EFER, EFER));
    mmu_invlpg(b.m, 0, A);
    c = look(&b, 0);
    assert_int_equal(c.psc[1], 0);
    box_end(&b);
}

/* More requests than there is room for: the oldest are completed early, none is lost. */
static void many(void **state)
{
    (void)state;
    struct box b;
    begin(&b, "zen3");
    fill(&b);
    assert_int_equal(mmu_invlpgb(b.m, 0, A | MMU_INVLPGB_VA, 0, 0), MMU_OK);
    for (u64 i = 0; i < 100; i++)
        assert_int_equal(mmu_invlpgb(b.m, 0, (i * 0x1000 + 0x10000) | MMU_INVLPGB_VA, 0, 0), MMU_OK);
    assert_int_equal(mmu_invlpgb(b.m, 0, B | MMU_INVLPGB_VA, 0, 0), MMU_OK);
    assert_int_equal(look(&b, 1).tlb[1] & 3, 2);
    assert_int_equal(mmu_tlbsync(b.m, 0), MMU_OK);
    assert_int_equal(look(&b, 1).tlb[1] & 3, 0);
    box_end(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(scopes), cmocka_unit_test(not_canonical), cmocka_unit_test(faults),
                                        cmocka_unit_test(invlpga), cmocka_unit_test(tce), cmocka_unit_test(many) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
