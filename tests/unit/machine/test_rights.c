/* SPDX-License-Identifier: MIT
 * test_rights.c - SDM3 4.6 and 4.7 against a dull oracle: every page right, register, privilege, kind and key class,
 * on cold caches and on a translation cached under other registers.  Would catch a right that is cached, a rule of
 * SMAP, SMEP, WP, XD, PKRU or PKRS that is wrong, and an error code that is. */
#include "box.h"

#define VA 0x2a8040200000ull

struct context {
    bool wp, smep, smap, nxe, pke, pks, cpl3, ac, implicit, ad, wd; /* ad, wd: of the page's key                   */
    enum mmu_kind kind;
    unsigned key;
};
struct page { bool rw, us, xd; };

/* Error code, or -1 when the access is allowed. */
static int expected(const struct context *c, const struct page *p)
{
    bool user = c->cpl3 && !c->implicit, ok = true, key_ok = true;
    if (user) {
        if (!p->us)
            ok = false;
        if (c->kind == MMU_STORE && !p->rw)
            ok = false;
        if (c->kind == MMU_FETCH && p->xd)
            ok = false;
    } else if (c->kind == MMU_FETCH) {
        if (p->xd)
            ok = false;
        if (p->us && c->smep)
            ok = false;
    } else {
        if (p->us && c->smap && (c->implicit || !c->ac))
            ok = false;
        if (c->kind == MMU_STORE && !p->rw && c->wp)
            ok = false;
    }
    if (c->kind != MMU_FETCH && (p->us ? c->pke : c->pks)) {
        if (c->ad)
            key_ok = false;
        if (c->wd && c->kind == MMU_STORE && (c->wp || (user && p->us)))
            key_ok = false;
    }
    if (ok && key_ok)
        return -1;
    bool fetch_told = c->kind == MMU_FETCH && (c->nxe || c->smep);
    return 1 | (c->kind == MMU_STORE ? 2 : 0) | (user ? 4 : 0) | (fetch_told ? 16 : 0) | (key_ok ? 0 : 32);
}

static void set_registers(struct box *b, const struct context *c)
{
    struct mmu *m = b->m;
    u64 pkr = (u64)(c->ad | c->wd << 1) << (2 * c->key);
    u64 cr4 = X86_CR4_PAE | (c->smep ? X86_CR4_SMEP : 0) | (c->smap ? X86_CR4_SMAP : 0) | (c->pke ? X86_CR4_PKE : 0) |
              (c->pks ? X86_CR4_PKS : 0);
    assert_true(mmu_set(m, 0, MMU_CR0, X86_CR0_PE | X86_CR0_PG | (c->wp ? X86_CR0_WP : 0)));
    assert_true(mmu_set(m, 0, MMU_CR4, cr4));
    assert_true(mmu_set(m, 0, MMU_EFER, X86_EFER_LME | X86_EFER_LMA | (c->nxe ? X86_EFER_NXE : 0)));
    assert_true(mmu_set(m, 0, MMU_PKRU, pkr));
    assert_true(mmu_set(m, 0, MMU_PKRS, pkr));
    assert_true(mmu_set(m, 0, MMU_CPL, c->cpl3 ? 3 : 0));
    assert_true(mmu_set(m, 0, MMU_AC, c->ac));
}

static struct context context_of(unsigned i)
{
    return (struct context){
        .wp = i & 1, .smep = i & 2, .smap = i & 4, .nxe = i & 8, .pke = i & 16, .pks = i & 32, .cpl3 = i & 64,
        .ac = i & 128, .implicit = i & 256, .ad = i & 512, .wd = i & 1024, .kind = (enum mmu_kind)(i >> 11),
    };
}

static void check(struct box *b, const struct context *c, const struct page *p, u64 va)
{
    struct mmu_result r;
    mmu_translate(b->m, 0, va, c->kind, c->implicit ? MMU_IMPLICIT : 0, &r);
    int want = expected(c, p), got = r.status == MMU_OK ? -1 : (int)r.error;
    if (want != got)
        print_error("kind %d cpl3 %d implicit %d ac %d wp %d smep %d smap %d nxe %d pke %d pks %d ad %d wd %d, "
                    "page rw %d us %d xd %d\n",
                    c->kind, c->cpl3, c->implicit, c->ac, c->wp, c->smep, c->smap, c->nxe, c->pke, c->pks, c->ad, c->wd,
                    p->rw, p->us, p->xd);
    assert_int_equal(got, want);
}

/* A translation of every page, cached while everything was allowed. */
static void prime(struct box *b, u64 va, bool nxe)
{
    struct context permissive = { .ac = true, .kind = MMU_LOAD, .nxe = nxe };
    set_registers(b, &permissive);
    assert_int_equal(box_do(b, va, MMU_LOAD).status, MMU_OK);
}

static void run(const char *profile)
{
    struct box b;
    box_begin_full(&b, profile);
    for (unsigned i = 0; i < 3u << 11; i++) {
        struct context c = context_of(i);
        for (unsigned j = 0; j < 8; j++) {
            c.key = (i >> 3 ^ i >> 7 ^ j) & 1 ? 5 : 0;
            struct page p = { j & 1, j & 2, j & 4 };
            u64 va = VA + j * 4096;
            if (p.xd && !c.nxe)
                continue; /* reserved, see test_walk.c */
            u64 d = X86_PTE_P | X86_PTE_A | X86_PTE_D | (p.rw ? X86_PTE_RW : 0) | (p.us ? X86_PTE_US : 0) |
                    (p.xd ? X86_PTE_XD : 0) | (u64)c.key << X86_PKEY_SHIFT;
            box_map(&b, va, 0, 0x100000 + j * 4096, d);
            mmu_invlpg(b.m, 0, va);
            prime(&b, va, c.nxe);
            set_registers(&b, &c);
            check(&b, &c, &p, va);   /* cached under other registers        */
            mmu_invlpg(b.m, 0, va);
            check(&b, &c, &p, va);   /* cold                                */
            check(&b, &c, &p, va);   /* and again: hit, or faulted and cold */
        }
    }
    box_end(&b);
}

static void every_right_intel(void **state)
{
    (void)state;
    run("skylake");
}

static void every_right_amd(void **state)
{
    (void)state;
    run("zen3");
}

/* 4.6: U/S and R/W are ANDed over the levels, XD is ORed; so are they in a structure cache (rules 43, 102). */
static void rights_gather_over_levels(void **state)
{
    (void)state;
    struct box b;
    box_begin_full(&b, "skylake");
    mmu_set(b.m, 0, MMU_CPL, 3);
    for (unsigned level = 0; level < 4; level++)
        for (unsigned which = 0; which < 3; which++) {
            static const u64 flip[] = { X86_PTE_RW, X86_PTE_US, X86_PTE_XD };
            static const enum mmu_kind kind[] = { MMU_STORE, MMU_LOAD, MMU_FETCH };
            static const u32 error[] = { PF_P | PF_W | PF_U, PF_P | PF_U, PF_P | PF_I | PF_U };
            u64 va = VA + level * ((u64)1 << 39), at = box_entry(&b, va, level);
            box_map(&b, va, 0, 0x100000, PTE_ALL);
            box_map(&b, va + 4096, 0, 0x101000, PTE_ALL);
            mmu_poke(b.m, at, mmu_peek(b.m, at) ^ flip[which]);
            box_flush(&b);
            enum mmu_kind harmless = which == 1 ? MMU_LOAD : which == 0 ? MMU_LOAD : MMU_STORE;
            box_do(&b, va, harmless); /* fills the structure caches where the path allows */
            assert_int_equal(box_do(&b, va, kind[which]).error, error[which]);
            if (level)
                assert_int_equal(box_do(&b, va + 4096, kind[which]).error, error[which]);
            mmu_poke(b.m, at, mmu_peek(b.m, at) ^ flip[which]);
            assert_int_equal(box_do(&b, va, kind[which]).status, MMU_OK); /* grown rights need no flush (rule 92) */
        }
    box_end(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(every_right_intel), cmocka_unit_test(every_right_amd),
                                        cmocka_unit_test(rights_gather_over_levels) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
