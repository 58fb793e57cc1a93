/* SPDX-License-Identifier: MIT
 * test_shadow_stack.c - shadow stacks (rules 8, 59-62, 71, 85): every mix of leaf and path bits, privilege, kind of access,
 * SMAP and key against a straight-line function written from the rules, on a cold machine and on a translation cached
 * under other registers; then the register rules, D, and sizes.  Would catch a shadow-stack page told by the path's R/W
 * instead of the leaf's, SMAP applied, a missing error bit, a right cached with the page. */
#include "box.h"

#define VA 0x2a8040200000ull
#define PA 0x100000ull
#define CET_CR4 (X86_CR4_PAE | X86_CR4_CET)

enum how { ORDINARY, SHADOW, IMPLICIT_SHADOW, WRUSS, HOWS };
static const unsigned flags_of[HOWS] = { 0, MMU_SHADOW, MMU_SHADOW | MMU_IMPLICIT, MMU_WRUSS };

struct situation {
    bool present, rw, us, d, xd;           /* of the leaf                                                          */
    bool path_rw, path_us;                 /* of one entry above it                                                */
    bool cpl3, smap, ac, ad, wd;           /* ad, wd: of the page's key, which both PKRU and PKRS know             */
    enum how how;
    enum mmu_kind kind;
};

/* The rules, one after the other.  Error code, or -1 when the access is made, or -2 for #GP. */
static int expected(const struct situation *s)
{
    bool user_page = s->us && s->path_us, shadow_access = s->how != ORDINARY, user, refused = false, key_refuses = false;
    int error = 0;

    if (s->how == WRUSS && s->cpl3)
        return -2;
    if (s->how == WRUSS)
        user = true;                                                   /* rule 61                                */
    else if (s->how == IMPLICIT_SHADOW)
        user = false;                                                  /* rule 46                                */
    else
        user = s->cpl3;
    if (s->kind == MMU_STORE)
        error |= 2;
    if (user)
        error |= 4;
    if (s->kind == MMU_FETCH)
        error |= 16;
    if (shadow_access)
        error |= 64;                                                   /* rule 71                                */
    if (!s->present)
        return error;
    error |= 1;

    if (shadow_access) {
        bool shadow_page = !s->rw && s->d && s->path_rw;               /* rule 59                                */
        if (!shadow_page)
            refused = true;
        if (user && !user_page)
            refused = true;                                            /* rule 60                                */
        if (!user && user_page)
            refused = true;
    } else {
        if (user && !user_page)
            refused = true;
        if (!user && user_page && s->kind != MMU_FETCH && s->smap && !s->ac)
            refused = true;
        if (s->kind == MMU_STORE && !(s->rw && s->path_rw))
            refused = true;                                            /* WP=1                                   */
        if (s->kind == MMU_FETCH && s->xd)
            refused = true;
    }
    if (s->kind != MMU_FETCH && s->ad)
        key_refuses = true;
    if (s->kind == MMU_STORE && s->wd)
        key_refuses = true;
    if (key_refuses)
        error |= 32;
    return refused || key_refuses ? error : -1;
}

static u64 leaf_of(const struct situation *s)
{
    return PA | (s->present ? X86_PTE_P : 0) | (s->rw ? X86_PTE_RW : 0) | (s->us ? X86_PTE_US : 0) |
           (s->d ? X86_PTE_D : 0) | (s->xd ? X86_PTE_XD : 0) | (u64)5 << X86_PKEY_SHIFT;
}

static u64 above_of(u64 e, const struct situation *s)
{
    return (e & ~(X86_PTE_RW | X86_PTE_US)) | (s->path_rw ? X86_PTE_RW : 0) | (s->path_us ? X86_PTE_US : 0);
}

static void set_registers(struct box *b, const struct situation *s)
{
    u64 pkr = (u64)(s->ad | s->wd << 1) << 10;
    assert_true(mmu_set(b->m, 0, MMU_CR4, CET_CR4 | X86_CR4_PKE | X86_CR4_PKS | (s->smap ? X86_CR4_SMAP : 0)));
    assert_true(mmu_set(b->m, 0, MMU_PKRU, pkr));
    assert_true(mmu_set(b->m, 0, MMU_PKRS, pkr));
    assert_true(mmu_set(b->m, 0, MMU_CPL, s->cpl3 ? 3 : 0));
    assert_true(mmu_set(b->m, 0, MMU_AC, s->ac));
}

static int outcome(enum mmu_status status, u32 error)
{
    return status == MMU_OK ? -1 : status == MMU_FAULT_GP ? -2 : (int)error;
}

static void check(struct box *b, const struct situation *s, u64 va, unsigned level, const char *when)
{
    struct mmu_result r;
    struct mmu_walk w;
    u64 at = box_entry(b, va, level), before = mmu_peek(b->m, at);
    int want = expected(s);

    mmu_walk(b->m, 0, va, s->kind, flags_of[s->how], &w);
    mmu_translate(b->m, 0, va, s->kind, flags_of[s->how], &r);
    int got = outcome((enum mmu_status)r.status, r.error);
    if (got != want || outcome((enum mmu_status)w.r.status, w.r.error) != want)
        print_error("%s: how %d kind %d cpl3 %d smap %d ac %d ad %d wd %d, leaf p %d rw %d us %d d %d xd %d, above rw %d "
                    "us %d: %d, walk says %s\n", when, s->how, s->kind, s->cpl3, s->smap, s->ac, s->ad, s->wd, s->present,
                    s->rw, s->us, s->d, s->xd, s->path_rw, s->path_us, got, w.rule);
    assert_int_equal(got, want);
    assert_int_equal(outcome((enum mmu_status)w.r.status, w.r.error), want);
    if (want != -1)
        assert_int_equal(mmu_peek(b->m, at), before);
    else if (s->kind == MMU_STORE)
        assert_int_equal(mmu_peek(b->m, at), before | X86_PTE_A | X86_PTE_D);
    else
        assert_int_equal(mmu_peek(b->m, at), before | X86_PTE_A);
}

/* A translation cached by a load that is allowed: CET off, no SMAP, no keys. */
static void prime(struct box *b, u64 va)
{
    assert_true(mmu_set(b->m, 0, MMU_CR4, X86_CR4_PAE));
    assert_true(mmu_set(b->m, 0, MMU_CPL, 0));
    box_do(b, va, MMU_LOAD);
}

static struct situation situation_of(u32 i)
{
    return (struct situation){
        .present = i & 1, .rw = i & 2, .us = i & 4, .d = i & 8, .xd = i & 16, .path_rw = i & 32, .path_us = i & 64,
        .cpl3 = i & 128, .smap = i & 256, .ac = i & 512, .ad = i & 1024, .wd = i & 2048, .how = (enum how)(i >> 12 & 3),
        .kind = (enum mmu_kind)(i >> 14),
    };
}

#define SITUATIONS (3u << 14)

static bool is_possible(const struct situation *s)
{
    return s->how == ORDINARY || (s->kind != MMU_FETCH && (s->how != WRUSS || s->kind == MMU_STORE));
}

static void run(const char *profile, unsigned level)
{
    struct box b;
    box_begin_full(&b, profile);
    box_map(&b, VA, level, 0, 0);
    for (u32 i = 0; i < SITUATIONS; i++) {
        struct situation s = situation_of(i);
        u64 upper[4];
        unsigned above = level + 1 + i % (3 - level); /* the entry that withholds changes place                     */
        if (!is_possible(&s))
            continue;
        for (unsigned l = level + 1; l < 4; l++) {
            upper[l] = box_entry(&b, VA, l);
            mmu_poke(b.m, upper[l], (mmu_peek(b.m, upper[l]) & X86_PTE_ADDR) | PTE_ALL);
        }
        mmu_poke(b.m, upper[above], above_of(mmu_peek(b.m, upper[above]), &s));
        u64 leaf = (leaf_of(&s) & (level == 2 ? ~(u64)0x3fffffff | 0xfff : ~(u64)0)) | (level ? X86_PTE_PS : 0);
        mmu_poke(b.m, box_entry(&b, VA, level), leaf & ~(level == 1 ? (u64)0x1ff000 : 0));
        box_flush(&b);
        prime(&b, VA);
        set_registers(&b, &s);
        check(&b, &s, VA, level, "cached");
        box_flush(&b);
        set_registers(&b, &s);
        check(&b, &s, VA, level, "cold");
        check(&b, &s, VA, level, "again");
    }
    box_end(&b);
}

static void every_situation_intel(void **state) { (void)state; run("skylake", 0); }
static void every_situation_amd(void **state) { (void)state; run("zen3", 0); }
static void every_situation_2m(void **state) { (void)state; run("tigerlake", 1); }
static void every_situation_1g(void **state) { (void)state; run("zen4", 2); }

/* Rule 8: CR4.CET and CR0.WP; the feature may be off; without CET no access is a shadow-stack access. */
static void registers(void **state)
{
    (void)state;
    struct box b;
    struct mmu_result r;
    u64 no_wp = X86_CR0_PE | X86_CR0_PG, wp = no_wp | X86_CR0_WP;
    box_begin_full(&b, "skylake");
    box_map(&b, VA, 0, PA, X86_PTE_P | X86_PTE_D);
    assert_int_equal(mmu_translate(b.m, 0, VA, MMU_STORE, MMU_SHADOW, &r), MMU_FAULT_UD);
    assert_int_equal(mmu_translate(b.m, 0, VA, MMU_STORE, MMU_WRUSS, &r), MMU_FAULT_UD);
    assert_int_equal(mmu_peek(b.m, box_entry(&b, VA, 0)), PA | X86_PTE_P | X86_PTE_D);
    assert_true(mmu_set(b.m, 0, MMU_CR0, no_wp));
    assert_false(mmu_set(b.m, 0, MMU_CR4, CET_CR4));
    assert_int_equal(mmu_get(b.m, 0, MMU_CR4), X86_CR4_PAE);
    assert_true(mmu_set(b.m, 0, MMU_CR0, wp));
    assert_true(mmu_set(b.m, 0, MMU_CR4, CET_CR4));
    assert_false(mmu_set(b.m, 0, MMU_CR0, no_wp));
    assert_int_equal(mmu_get(b.m, 0, MMU_CR0), wp);
    assert_int_equal(mmu_translate(b.m, 0, VA, MMU_STORE, MMU_SHADOW, &r), MMU_OK);
    assert_true(mmu_set(b.m, 0, MMU_CR4, X86_CR4_PAE));
    assert_true(mmu_set(b.m, 0, MMU_CR0, no_wp));
    box_end(&b);
    box_profile(&b, mmu_profile_find("skylake"));
    b.cfg.features &= ~(u32)MMU_SHSTK;
    box_make(&b);
    assert_false(mmu_set(b.m, 0, MMU_CR4, CET_CR4));
    box_end(&b);
}

/* Rule 85: a store that finds its cached R/W=1 gone when it comes to set D faults, and leaves no D beside R/W=0. */
static void no_dirty_on_readonly(void **state)
{
    (void)state;
    struct box b;
    box_begin_full(&b, "skylake");
    assert_true(mmu_set(b.m, 0, MMU_CR4, CET_CR4));
    box_map(&b, VA, 0, PA, X86_PTE_P | X86_PTE_RW);
    assert_int_equal(box_do(&b, VA, MMU_LOAD).status, MMU_OK);
    box_map(&b, VA, 0, PA, X86_PTE_P | X86_PTE_A);
    assert_int_equal(box_do(&b, VA, MMU_STORE).error, PF_P | PF_W);
    assert_int_equal(mmu_peek(b.m, box_entry(&b, VA, 0)), PA | X86_PTE_P | X86_PTE_A);
    box_end(&b);
}

/* A supervisor's write under WP=0 makes an R/W=0 page look like a shadow stack; the cached translation knows it. */
static void made_by_wp0(void **state)
{
    (void)state;
    struct box b;
    struct mmu_result r;
    box_begin_full(&b, "skylake");
    box_map(&b, VA, 0, PA, X86_PTE_P);
    assert_true(mmu_set(b.m, 0, MMU_CR0, X86_CR0_PE | X86_CR0_PG));
    assert_int_equal(box_do(&b, VA, MMU_STORE).status, MMU_OK);
    assert_true(mmu_set(b.m, 0, MMU_CR0, X86_CR0_PE | X86_CR0_PG | X86_CR0_WP));
    assert_true(mmu_set(b.m, 0, MMU_CR4, CET_CR4));
    assert_int_equal(mmu_translate(b.m, 0, VA, MMU_STORE, MMU_SHADOW, &r), MMU_OK);
    assert_int_equal(r.by, MMU_BY_L1);
    assert_int_equal(box_do(&b, VA, MMU_STORE).error, PF_P | PF_W);
    box_end(&b);
}

/* No slot may let an ordinary access follow a shadow-stack access to a page that forbids it. */
static void leaves_no_slot(void **state)
{
    (void)state;
    struct box b;
    struct mmu_fast fast;
    struct mmu_result r;
    box_begin_full(&b, "skylake");
    mmu_bind_fast(b.m, 0, &fast);
    assert_true(mmu_set(b.m, 0, MMU_CR4, CET_CR4));
    box_map(&b, VA, 0, PA, X86_PTE_P | X86_PTE_D);
    assert_int_equal(mmu_translate(b.m, 0, VA, MMU_STORE, MMU_SHADOW, &r), MMU_OK);
    assert_int_equal(mmu_translate(b.m, 0, VA, MMU_STORE, MMU_SHADOW, &r), MMU_OK);
    u64 slot = fast.slot[MMU_STORE][VA >> 12 & mmu_fast_mask(b.m, MMU_STORE)];
    assert_int_not_equal(slot, VA);
    assert_false(mmu_touch(b.m, 0, VA, MMU_STORE));
    box_end(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_situation_intel), cmocka_unit_test(every_situation_amd), cmocka_unit_test(every_situation_2m),
        cmocka_unit_test(every_situation_1g), cmocka_unit_test(registers), cmocka_unit_test(no_dirty_on_readonly),
        cmocka_unit_test(made_by_wp0), cmocka_unit_test(leaves_no_slot),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
