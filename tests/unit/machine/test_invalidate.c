/* SPDX-License-Identifier: MIT
 * test_invalidate.c - what each invalidation takes and what it leaves: TLB entries and structure-cache entries of
 * two PCIDs, global or not, of three sizes, on two CPUs.  SDM3 4.10.4.1; rules 89, 97, 107, 110-116, 122.  Would
 * catch a scope that is too small (a stale entry) or, in this model, too large. */
#include "box.h"

#define A 0x400000001000ull
#define B 0x400000002000ull       /* neighbour of A, same tables                                                 */
#define GLOBAL 0x400000003000ull
#define LARGE 0x480000200000ull   /* 2 MiB                                                                       */
#define HUGE_ 0x500040000000ull   /* 1 GiB                                                                       */
#define PAGES 5
static const u64 page[PAGES] = { A, B, GLOBAL, LARGE, HUGE_ };

/* Bit p of tlb[pcid]: page[p] is cached; bit 8 of tlb[0]: the global one.  psc[pcid]: entries in structure caches. */
struct caches { u32 tlb[3]; u32 psc[3]; };

static void see_tlb(void *ctx, const struct mmu_tlb_view *v)
{
    struct caches *c = ctx;
    for (u32 p = 0; p < PAGES; p++)
        if (v->va == page[p])
            v->global ? (c->tlb[0] |= 256) : (c->tlb[v->pcid] |= 1u << p);
}

static void see_psc(void *ctx, const struct mmu_psc_view *v)
{
    struct caches *c = ctx;
    c->psc[v->pcid]++;
}

static struct caches look(const struct box *b, unsigned cpu)
{
    struct caches c = { { 0 }, { 0 } };
    mmu_each_tlb(b->m, cpu, see_tlb, &c);
    mmu_each_psc(b->m, cpu, see_psc, &c);
    return c;
}

/* PCIDs 1 and 2 hold all pages on both CPUs; the current one is 1. */
static void fill(struct box *b)
{
    for (unsigned cpu = 0; cpu < 2; cpu++)
        for (u64 pcid = 2; pcid >= 1; pcid--) {
            struct mmu_result r;
            assert_true(mmu_set(b->m, cpu, MMU_CR3, BOX_ROOT | pcid | X86_CR3_NOFLUSH));
            for (u32 p = 0; p < PAGES; p++) {
                mmu_translate(b->m, cpu, page[p], MMU_LOAD, 0, &r);
                assert_int_equal(r.status, MMU_OK);
            }
        }
}

static void begin(struct box *b, const char *profile)
{
    box_profile(b, mmu_profile_find(profile));
    b->cfg.cpus = 2;
    box_make(b);
    box_map(b, A, 0, 0x100000, PTE_ALL);
    box_map(b, B, 0, 0x101000, PTE_ALL);
    box_map(b, GLOBAL, 0, 0x102000, PTE_ALL | X86_PTE_G);
    box_map(b, LARGE, 1, 0x200000, PTE_ALL);
    box_map(b, HUGE_, 2, 0, PTE_ALL);
    for (unsigned cpu = 0; cpu < 2; cpu++) {
        assert_true(mmu_set(b->m, cpu, MMU_CR4, X86_CR4_PAE | X86_CR4_PGE));
        assert_true(mmu_set(b->m, cpu, MMU_CR4, X86_CR4_PAE | X86_CR4_PGE | X86_CR4_PCIDE));
    }
}

#define ALL 0x1b /* every page but GLOBAL                                                                          */

static void expect(const struct box *b, u32 global, u32 one, u32 two, bool psc_one, bool psc_two)
{
    struct caches c = look(b, 0), other = look(b, 1);
    assert_int_equal(c.tlb[0], global);
    assert_int_equal(c.tlb[1], one);
    assert_int_equal(c.tlb[2], two);
    assert_int_equal(c.psc[1] != 0, psc_one);
    assert_int_equal(c.psc[2] != 0, psc_two);
    assert_int_equal(other.tlb[0], 256); /* nothing reaches another CPU */
    assert_int_equal(other.tlb[1], ALL);
    assert_int_equal(other.tlb[2], ALL);
    assert_true(other.psc[1] && other.psc[2]);
}

static void run_scopes(const char *profile)
{
    struct box b;
    u64 cr3 = BOX_ROOT, cr4 = X86_CR4_PAE | X86_CR4_PGE | X86_CR4_PCIDE;
    begin(&b, profile);

    fill(&b);
    expect(&b, 256, ALL, ALL, true, true);
    mmu_invlpg(b.m, 0, A);
    expect(&b, 256, ALL & ~1u, ALL, false, true);

    fill(&b);
    mmu_invlpg(b.m, 0, GLOBAL);
    expect(&b, 0, ALL, ALL, false, true);

    fill(&b);
    mmu_invlpg(b.m, 0, LARGE + 0x123456); /* any address of the page */
    mmu_invlpg(b.m, 0, HUGE_ + 0x3fffffff);
    expect(&b, 256, ALL & ~0x18u, ALL, false, true);

    fill(&b);
    mmu_invlpg(b.m, 0, A ^ (u64)1 << 63); /* not canonical: nothing */
    expect(&b, 256, ALL, ALL, true, true);

    assert_true(mmu_invpcid(b.m, 0, 0, 2, B));
    expect(&b, 256, ALL, ALL & ~2u, true, false);
    fill(&b);
    assert_true(mmu_invpcid(b.m, 0, 0, 2, GLOBAL));
    expect(&b, 256, ALL, ALL, true, false);

    fill(&b);
    assert_true(mmu_invpcid(b.m, 0, 1, 2, 0));
    expect(&b, 256, ALL, 0, true, false);
    fill(&b);
    assert_true(mmu_invpcid(b.m, 0, 3, 0, 0));
    expect(&b, 256, 0, 0, false, false);
    fill(&b);
    assert_true(mmu_invpcid(b.m, 0, 2, 0, 0));
    expect(&b, 0, 0, 0, false, false);

    fill(&b);
    assert_true(mmu_set(b.m, 0, MMU_CR3, cr3 | 2)); /* the new PCID's */
    expect(&b, 256, ALL, 0, true, false);
    fill(&b);
    assert_true(mmu_set(b.m, 0, MMU_CR3, cr3 | 2 | X86_CR3_NOFLUSH));
    assert_int_equal(mmu_get(b.m, 0, MMU_CR3), cr3 | 2);
    expect(&b, 256, ALL, ALL, true, true);

    fill(&b);
    assert_true(mmu_set(b.m, 0, MMU_CR4, cr4 | X86_CR4_SMEP)); /* 0 to 1: the current PCID's */
    expect(&b, 0, 0, ALL, false, true);
    fill(&b);
    assert_true(mmu_set(b.m, 0, MMU_CR4, cr4)); /* 1 to 0: nothing */
    expect(&b, 256, ALL, ALL, true, true);
    assert_true(mmu_set(b.m, 0, MMU_CR4, cr4 & ~X86_CR4_PGE));
    expect(&b, 0, 0, 0, false, false);
    assert_true(mmu_set(b.m, 0, MMU_CR4, cr4));
    fill(&b);
    assert_true(mmu_set(b.m, 0, MMU_CR4, cr4 & ~X86_CR4_PCIDE));
    expect(&b, 0, 0, 0, false, false);
    box_end(&b);
}

static void scopes_intel(void **state)
{
    (void)state;
    run_scopes("skylake");
    run_scopes("goldencove");
    run_scopes("champsim");
}

static void scopes_amd(void **state)
{
    (void)state;
    run_scopes("zen4");
}

/* AMD: PKE 0 to 1 takes everything, and so does PSE; Intel keeps all (rule 117). */
static void vendors_differ(void **state)
{
    (void)state;
    static const u64 bit[] = { X86_CR4_PKE, X86_CR4_PSE };
    u64 cr4 = X86_CR4_PAE | X86_CR4_PGE | X86_CR4_PCIDE;
    for (unsigned i = 0; i < 4; i++) {
        struct box b;
        begin(&b, i & 1 ? "zen4" : "skylake");
        fill(&b);
        assert_true(mmu_set(b.m, 0, MMU_CR4, cr4 | bit[i >> 1]));
        if (i & 1)
            expect(&b, 0, 0, 0, false, false);
        else
            expect(&b, 256, ALL, ALL, true, true);
        fill(&b);
        assert_true(mmu_set(b.m, 0, MMU_CR4, cr4));
        expect(&b, i == 3 ? 0 : 256, i == 3 ? 0 : ALL, i == 3 ? 0 : ALL, i != 3, i != 3);
        box_end(&b);
    }
}

/* Clearing CR0.PG takes everything, global entries too (rule 116). */
static void leaving_paging(void **state)
{
    (void)state;
    struct box b;
    begin(&b, "skylake");
    assert_true(mmu_set(b.m, 0, MMU_CR4, X86_CR4_PAE | X86_CR4_PGE));
    box_do(&b, GLOBAL, MMU_LOAD);
    assert_true(mmu_set(b.m, 0, MMU_CR0, X86_CR0_PE));
    assert_true(mmu_set(b.m, 0, MMU_CR0, X86_CR0_PE | X86_CR0_PG));
    struct mmu_result r = box_do(&b, GLOBAL, MMU_LOAD);
    assert_int_equal(r.by, MMU_BY_WALK);
    assert_int_equal(r.reads, 4);
    box_end(&b);
}

/* With PCIDE=0 the low bits of CR3 are PWT and PCD: everything is PCID 0's (rules 10, 89). */
static void no_pcid_without_pcide(void **state)
{
    (void)state;
    struct box b;
    box_begin(&b, "skylake");
    box_map(&b, A, 0, 0x100000, PTE_ALL);
    assert_true(mmu_set(b.m, 0, MMU_CR3, BOX_ROOT | 0x18));
    box_do(&b, A, MMU_LOAD);
    struct caches c = look(&b, 0);
    assert_int_equal(c.tlb[0], 1);
    assert_true(mmu_set(b.m, 0, MMU_CR3, BOX_ROOT | 0x10));
    assert_int_equal(box_do(&b, A, MMU_LOAD).by, MMU_BY_WALK);
    assert_true(mmu_set(b.m, 0, MMU_CR3, BOX_ROOT));
    assert_true(mmu_set(b.m, 0, MMU_CR4, mmu_get(b.m, 0, MMU_CR4) | X86_CR4_PCIDE));
    assert_true(mmu_set(b.m, 0, MMU_CR3, BOX_ROOT | 0x10 | X86_CR3_NOFLUSH)); /* has nothing to keep */
    assert_int_equal(box_do(&b, A, MMU_LOAD).by, MMU_BY_WALK);
    box_end(&b);
}

static void invpcid_refuses(void **state)
{
    (void)state;
    struct box b;
    begin(&b, "skylake");
    fill(&b);
    assert_false(mmu_invpcid(b.m, 0, 4, 0, 0));
    assert_false(mmu_invpcid(b.m, 0, ~(u64)0, 0, 0));
    for (u64 type = 0; type < 4; type++)
        assert_false(mmu_invpcid(b.m, 0, type, 0x1000, A));
    assert_false(mmu_invpcid(b.m, 0, 0, 1, A ^ (u64)1 << 63));
    assert_true(mmu_invpcid(b.m, 0, 1, 3, A ^ (u64)1 << 63)); /* no address in type 1 */
    expect(&b, 256, ALL, ALL, true, true);
    assert_int_equal(mmu_stats(b.m, 0)->invpcid, 1);
    assert_true(mmu_set(b.m, 0, MMU_CR4, X86_CR4_PAE));
    assert_false(mmu_invpcid(b.m, 0, 0, 1, A)); /* PCIDE=0: only PCID 0 */
    assert_false(mmu_invpcid(b.m, 0, 1, 1, A));
    assert_true(mmu_invpcid(b.m, 0, 0, 0, A));
    assert_true(mmu_invpcid(b.m, 0, 2, 1, A)); /* types 2 and 3 do not look */
    box_end(&b);
    box_begin(&b, "haswell");
    b.cfg.features &= ~(u32)MMU_INVPCID;
    box_end(&b);
    box_make(&b);
    assert_false(mmu_invpcid(b.m, 0, 2, 0, 0));
    box_end(&b);
}

/* G counts only with CR4.PGE, and only in the leaf (rules 97, 98). */
static void global_needs_pge_and_a_leaf(void **state)
{
    (void)state;
    struct box b;
    box_begin(&b, "skylake");
    box_map(&b, GLOBAL, 0, 0x102000, PTE_ALL | X86_PTE_G);
    box_do(&b, GLOBAL, MMU_LOAD);
    assert_true(mmu_set(b.m, 0, MMU_CR3, BOX_ROOT));
    assert_int_equal(box_do(&b, GLOBAL, MMU_LOAD).by, MMU_BY_WALK);
    assert_true(mmu_set(b.m, 0, MMU_CR4, X86_CR4_PAE | X86_CR4_PGE));
    box_do(&b, GLOBAL, MMU_LOAD);
    assert_true(mmu_set(b.m, 0, MMU_CR3, BOX_ROOT));
    assert_int_equal(box_do(&b, GLOBAL, MMU_LOAD).by, MMU_BY_L1);
    box_map(&b, A, 0, 0x100000, PTE_ALL);
    mmu_poke(b.m, box_entry(&b, A, 1), mmu_peek(b.m, box_entry(&b, A, 1)) | X86_PTE_G);
    box_do(&b, A, MMU_LOAD);
    assert_true(mmu_set(b.m, 0, MMU_CR3, BOX_ROOT));
    assert_int_equal(box_do(&b, A, MMU_LOAD).by, MMU_BY_WALK);
    box_end(&b);
}

/* Rules 90, 93: what is cached is used until it is invalidated; what was not present needs no invalidation. */
static void stale_until_invalidated(void **state)
{
    (void)state;
    struct box b;
    box_begin(&b, "skylake");
    assert_int_equal(box_do(&b, A, MMU_LOAD).status, MMU_FAULT_PF);
    box_map(&b, A, 0, 0x100000, PTE_ALL);
    assert_int_equal(box_do(&b, A, MMU_LOAD).pa, 0x100000);
    box_map(&b, A, 0, 0x200000, PTE_ALL);
    assert_int_equal(box_do(&b, A, MMU_LOAD).pa, 0x100000);
    box_map(&b, A, 0, 0, 0);
    assert_int_equal(box_do(&b, A, MMU_LOAD).pa, 0x100000);
    assert_int_equal(box_do(&b, A, MMU_STORE).error, PF_W); /* D=0: looks again, finds P=0 */
    assert_int_equal(box_do(&b, A, MMU_LOAD).error, 0);     /* and #PF dropped the entry (rule 94) */
    box_end(&b);
}

/* Rule 95: pieces of a large page, in a first level that has only 4-KiB entries, go together. */
static void pieces_go_together(void **state)
{
    (void)state;
    struct box b;
    box_begin(&b, "gracemont");
    box_map(&b, LARGE, 1, 0x200000, PTE_ALL);
    for (u32 i = 0; i < 8; i++)
        assert_int_equal(box_do(&b, LARGE + i * 4096, MMU_LOAD).by, i ? MMU_BY_STLB : MMU_BY_WALK);
    for (u32 i = 0; i < 8; i++) {
        struct mmu_result r = box_do(&b, LARGE + i * 4096 + 5, MMU_LOAD);
        assert_int_equal(r.by, MMU_BY_L1);
        assert_int_equal(r.pa, 0x200005 + i * 4096);
        assert_int_equal(r.page_lg2, 21);
    }
    mmu_invlpg(b.m, 0, LARGE + 0x100000); /* an address no piece covers */
    struct caches c = look(&b, 0);
    assert_int_equal(c.tlb[0], 0);
    assert_int_equal(box_do(&b, LARGE + 4096, MMU_LOAD).by, MMU_BY_WALK);
    box_end(&b);
}

/* ---- observers ------------------------------------------------------------------------------------------------- */

struct seen { unsigned calls, translated; enum mmu_inv_scope scope; u64 pcid, va; bool with_global; };

static void saw_inv(void *ctx, unsigned cpu, enum mmu_inv_scope scope, u64 pcid, u64 va, bool with_global)
{
    struct seen *s = ctx;
    assert_int_equal(cpu, 0);
    *s = (struct seen){ s->calls + 1, s->translated, scope, pcid, va, with_global };
}

static void saw_translated(void *ctx, unsigned cpu, const struct mmu_result *r, u64 pcid, bool global)
{
    struct seen *s = ctx;
    assert_int_equal(cpu, 0);
    assert_int_equal(pcid, 1);
    assert_int_equal(global, r->va == GLOBAL);
    s->translated++;
}

static void observers_hear(void **state)
{
    (void)state;
    struct box b;
    struct seen s = { .calls = 0 };
    const struct mmu_observer o = { &s, saw_translated, saw_inv };
    begin(&b, "haswell");
    assert_true(mmu_set(b.m, 0, MMU_CR3, BOX_ROOT | 1));
    mmu_observe(b.m, &o);
    box_do(&b, GLOBAL, MMU_LOAD);
    box_do(&b, GLOBAL, MMU_LOAD);
    box_do(&b, A, MMU_LOAD);
    box_do(&b, 0x1000, MMU_LOAD);
    box_do(&b, (u64)1 << 63, MMU_LOAD);
    assert_int_equal(s.translated, 5);
    assert_false(mmu_touch(b.m, 0, A, MMU_LOAD)); /* or it would go unheard */
    assert_int_equal(s.calls, 0);
    mmu_invlpg(b.m, 0, A);
    assert_true(s.calls == 1 && s.scope == MMU_INV_PAGE && s.pcid == 1 && s.va == A && s.with_global);
    mmu_invpcid(b.m, 0, 0, 2, B);
    assert_true(s.calls == 2 && s.scope == MMU_INV_PAGE && s.pcid == 2 && s.va == B && !s.with_global);
    mmu_invpcid(b.m, 0, 1, 3, 0);
    assert_true(s.calls == 3 && s.scope == MMU_INV_PCID && s.pcid == 3 && !s.with_global);
    mmu_invpcid(b.m, 0, 2, 0, 0);
    assert_true(s.calls == 4 && s.scope == MMU_INV_ALL);
    mmu_invpcid(b.m, 0, 3, 0, 0);
    assert_true(s.calls == 5 && s.scope == MMU_INV_ALL_NONGLOBAL);
    mmu_set(b.m, 0, MMU_CR3, BOX_ROOT | 1);
    assert_true(s.calls == 6 && s.scope == MMU_INV_PCID && s.pcid == 1);
    mmu_set(b.m, 0, MMU_CR3, BOX_ROOT | 1 | X86_CR3_NOFLUSH);
    assert_int_equal(s.calls, 6);
    /* rights that grew in memory: the cached entry is forgotten before the walk, and observers know */
    box_map(&b, A, 0, 0x100000, X86_PTE_P | X86_PTE_US);
    box_do(&b, A, MMU_LOAD);
    box_map(&b, A, 0, 0x100000, PTE_ALL);
    assert_int_equal(box_do(&b, A, MMU_STORE).status, MMU_OK);
    assert_true(s.calls == 7 && s.scope == MMU_INV_PAGE && s.va == A);
    mmu_observe(b.m, NULL);
    assert_true(mmu_touch(b.m, 0, A, MMU_LOAD));
    mmu_invlpg(b.m, 0, A);
    assert_int_equal(s.calls, 7);
    box_end(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scopes_intel), cmocka_unit_test(scopes_amd), cmocka_unit_test(vendors_differ),
        cmocka_unit_test(leaving_paging), cmocka_unit_test(no_pcid_without_pcide), cmocka_unit_test(invpcid_refuses),
        cmocka_unit_test(global_needs_pge_and_a_leaf), cmocka_unit_test(stale_until_invalidated),
        cmocka_unit_test(pieces_go_together), cmocka_unit_test(observers_hear),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
