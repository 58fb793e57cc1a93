/* SPDX-License-Identifier: MIT
 * test_fast.c - the contracts of struct mmu_fast and of struct mmu_marks as a property: two equal machines get the same random accesses, page
 * table changes, invalidations and register writes; one front end skips whatever a slot (or a mark) allows, the other nothing, and
 * is observed, so that each of its accesses goes the long way.
 * Every result, every counter (skipped accesses added), the contents of the TLBs and of memory must stay equal.
 * Every profile, and arrays made up for the policies that no profile has.  Would catch a slot that outlives the
 * reason for it: another page touched last in its set, a register, an invalidation, a clean page, a large page. */
#include "box.h"

#define STEPS 40000u
#define PAGES_4K 300u
#define BASE_4K 0x400000000000ull
#define BASE_2M 0x410000000000ull
#define BASE_1G 0x420000000000ull
#define KERNEL 0xffff900000000000ull

enum by { BY_SLOTS, BY_MARKS };
struct pair { struct box fast, slow; enum by by; struct mmu_fast slots; struct mmu_marks marks; u64 clock, seed, skipped[2], lookups, touched; bool pcide, small; };

static u32 pick(struct pair *p, u32 n)
{
    return (u32)((box_random(&p->seed) >> 32) * n >> 32);
}

/* ---- doing the same to both ------------------------------------------------------------------------------------ */

static void poke_both(struct pair *p, u64 va, unsigned level, u64 entry)
{
    u64 at = box_entry(&p->fast, va, level);
    assert_int_equal(at, box_entry(&p->slow, va, level));
    mmu_poke(p->fast.m, at, entry);
    mmu_poke(p->slow.m, at, entry);
}

static void set_both(struct pair *p, enum mmu_reg reg, u64 v)
{
    assert_int_equal(mmu_set(p->fast.m, 0, reg, v), mmu_set(p->slow.m, 0, reg, v));
}

static u64 random_page(struct pair *p, unsigned *level)
{
    u32 i = p->small ? 0 : pick(p, 100);
    *level = i < 80 ? 0 : i < 95 ? 1 : 2;
    if (*level == 1)
        return BASE_2M + ((u64)pick(p, 12) << 21) + ((u64)pick(p, 3) << 12);
    if (*level == 2)
        return BASE_1G + ((u64)pick(p, 3) << 30) + ((u64)pick(p, 5) << 19);
    u64 page = pick(p, 4) ? pick(p, 10) * 16u : pick(p, PAGES_4K); /* most of them in one set */
    return (p->small || pick(p, 20) ? BASE_4K : KERNEL) + page * 4096;
}

static void random_entry(struct pair *p)
{
    unsigned level;
    u64 va = random_page(p, &level), lg2 = 12 + 9 * level;
    u64 flags = X86_PTE_P | (pick(p, 8) ? X86_PTE_RW : 0) | (pick(p, 8) ? X86_PTE_US : 0) |
                (pick(p, 3) ? X86_PTE_D : 0) | (p->small || pick(p, 4) ? 0 : X86_PTE_G) | (pick(p, 6) ? 0 : X86_PTE_XD) | (u64)pick(p, 3) << X86_PKEY_SHIFT;
    u64 pa = (box_random(&p->seed) & 0x3fffffffffull) >> lg2 << lg2;
    poke_both(p, va, level, pick(p, 30) ? pa | flags | (level ? X86_PTE_PS : 0) : 0);
}

/* ---- one access, skipped where a slot allows ------------------------------------------------------------------- */

static bool same_result(const struct mmu_result *a, const struct mmu_result *b)
{
    return a->va == b->va && a->pa == b->pa && a->error == b->error && a->cycles == b->cycles &&
           a->status == b->status && a->by == b->by && a->page_lg2 == b->page_lg2 && a->reads == b->reads && a->psc_level == b->psc_level &&
           a->kind == b->kind && a->wrote_ad == b->wrote_ad;
}

static bool may_skip(struct pair *p, u64 va, enum mmu_kind kind)
{
    if (p->by == BY_SLOTS)
        return va - p->slots.slot[kind][(va >> 12) & mmu_fast_mask(p->fast.m, kind)] <= 4096 - 1;
    const struct mmu_mark *mark = &p->marks.mark[kind][va >> 12 & (MMU_MARKS - 1)];
    if (mmu_get(p->fast.m, 0, MMU_CPL) != 3 || va - mark->page > 4096 - 1)
        return false;
    *mark->used = ++p->clock;
    return true;
}

static void access_both(struct pair *p)
{
    unsigned level;
    u64 va = random_page(p, &level) + pick(p, 4096);
    enum mmu_kind kind = (enum mmu_kind)pick(p, 3);
    unsigned flags = pick(p, 25) ? 0 : MMU_IMPLICIT;
    u32 repeat = 1 + pick(p, 3);
    if (!pick(p, 200))
        va ^= (u64)1 << 63; /* not canonical; 0x8000... must not match an empty slot */
    if (!pick(p, 200))
        va = ((u64)1 << 63) + pick(p, 4096);
    while (repeat--) {
        struct mmu_result a, b;
        mmu_translate(p->slow.m, 0, va, kind, flags, &b);
        if (!flags && may_skip(p, va, kind)) {
            p->skipped[kind == MMU_FETCH ? MMU_SIDE_I : MMU_SIDE_D]++;
            assert_int_equal(b.status, MMU_OK);
            assert_int_equal(b.by, MMU_BY_L1);
            assert_int_equal(b.cycles, 0);
        } else if (!flags && pick(p, 2) && mmu_touch(p->fast.m, 0, va, kind)) {
            assert_int_equal(b.status, MMU_OK);
            assert_int_equal(b.by, MMU_BY_L1);
            p->touched++;
        } else {
            mmu_translate(p->fast.m, 0, va, kind, flags, &a);
            assert_true(same_result(&a, &b));
        }
        p->lookups++;
        kind = (enum mmu_kind)pick(p, 3);
    }
}

/* ---- registers and invalidations ------------------------------------------------------------------------------- */

static void register_write(struct pair *p)
{
    u64 cr4 = mmu_get(p->fast.m, 0, MMU_CR4);
    switch (pick(p, 8)) {
    case 0: set_both(p, MMU_CPL, pick(p, 2) * 3); break;
    case 1: set_both(p, MMU_AC, pick(p, 2)); break;
    case 2: set_both(p, MMU_CR0, mmu_get(p->fast.m, 0, MMU_CR0) ^ X86_CR0_WP); break;
    case 3: set_both(p, MMU_PKRU, pick(p, 64) << 2); break;
    case 4: set_both(p, MMU_CR4, cr4 ^ (pick(p, 2) ? X86_CR4_SMAP : X86_CR4_SMEP)); break;
    case 5: set_both(p, MMU_CR4, cr4 ^ (pick(p, 2) ? X86_CR4_PGE : X86_CR4_PKE)); break;
    case 6: set_both(p, MMU_PKRS, pick(p, 64)); break;
    default:
        set_both(p, MMU_CR3, BOX_ROOT | (p->pcide ? pick(p, 3) | (pick(p, 2) ? X86_CR3_NOFLUSH : 0) : 0));
        break;
    }
}

static void invalidation(struct pair *p)
{
    unsigned level;
    u64 va = random_page(p, &level), type = pick(p, 4), pcid = p->pcide ? pick(p, 3) : 0;
    if (pick(p, 3)) {
        mmu_invlpg(p->fast.m, 0, va);
        mmu_invlpg(p->slow.m, 0, va);
    } else {
        assert_int_equal(mmu_invpcid(p->fast.m, 0, type, pcid, va), mmu_invpcid(p->slow.m, 0, type, pcid, va));
    }
}

/* ---- comparing ------------------------------------------------------------------------------------------------- */

static void add_view(void *ctx, const struct mmu_tlb_view *v)
{
    u64 *sum = ctx;
    *sum = *sum * 0x100000001b3ull ^ v->va ^ v->pa << 7 ^ (u64)v->set << 3 ^ (u64)v->way << 23 ^ (u64)v->pcid << 40 ^
           (u64)(v->user | v->writable << 1 | v->nx << 2 | v->global << 3 | v->dirty << 4) << 55 ^ v->page_lg2;
}

static void compare(struct pair *p)
{
    struct mmu_stats a = *mmu_stats(p->fast.m, 0);
    const struct mmu_stats *b = mmu_stats(p->slow.m, 0);
    for (unsigned side = 0; side < 2; side++)
        a.lookups[side] += p->skipped[side];
    assert_memory_equal(&a, b, sizeof a);
    u64 in_fast = 1, in_slow = 1;
    mmu_each_tlb(p->fast.m, 0, add_view, &in_fast);
    mmu_each_tlb(p->slow.m, 0, add_view, &in_slow);
    assert_int_equal(in_fast, in_slow);
    assert_int_equal(mmu_get(p->fast.m, 0, MMU_CR2), mmu_get(p->slow.m, 0, MMU_CR2));
}

static void hear_translated(void *ctx, unsigned cpu, const struct mmu_result *r, u64 pcid, bool global)
{
    (void)ctx, (void)cpu, (void)r, (void)pcid, (void)global;
}

static void hear_invalidated(void *ctx, unsigned cpu, enum mmu_inv_scope scope, u64 pcid, u64 va, bool with_global)
{
    (void)ctx, (void)cpu, (void)scope, (void)pcid, (void)va, (void)with_global;
}

/* small: 4 KiB pages of user programs alone, as most programs have. */
static void run(const struct mmu_profile *profile, enum by by, u64 seed, bool small)
{
    struct pair p = { .by = by, .seed = seed, .small = small };
    box_profile(&p.fast, profile);
    box_make(&p.fast);
    box_profile(&p.slow, profile);
    box_make(&p.slow);
    if (by == BY_SLOTS)
        mmu_bind_fast(p.fast.m, 0, &p.slots);
    else
        mmu_bind_marks(p.fast.m, 0, &p.marks);
    mmu_observe(p.slow.m, &(struct mmu_observer){ .translated = hear_translated, .invalidated = hear_invalidated });
    u64 cr4 = X86_CR4_PAE | X86_CR4_PGE | (profile->features & MMU_PCID ? X86_CR4_PCIDE : 0);
    p.pcide = cr4 & X86_CR4_PCIDE;
    set_both(&p, MMU_CR3, 0);
    set_both(&p, MMU_CR4, cr4);
    set_both(&p, MMU_CR3, BOX_ROOT);
    for (unsigned i = 0; i < 2000; i++)
        random_entry(&p);
    for (unsigned i = 0; i < STEPS; i++) {
        u32 what = pick(&p, 1000);
        if (what < 4)
            register_write(&p);
        else if (what < 12)
            invalidation(&p);
        else if (what < 20)
            random_entry(&p);
        else
            access_both(&p);
        if (i % 4096 == 0)
            compare(&p);
        if (by == BY_MARKS && i % 10000 == 9999) { /* numbers may begin again with a binding */
            mmu_bind_marks(p.fast.m, 0, NULL);
            mmu_bind_marks(p.fast.m, 0, &p.marks);
            p.clock = 0;
        }
    }
    compare(&p);
    assert_memory_equal(p.fast.cfg.ram, p.slow.cfg.ram, BOX_RAM);
    bool never = by == BY_MARKS && profile->tlb[0].repl == MMU_NRU; /* marks.h says why                              */
    if (never ? p.skipped[0] + p.skipped[1] != 0 : (p.skipped[0] + p.skipped[1]) * 30 < p.lookups)
        fail_msg("%s: %lu of %lu skipped", profile->name, (unsigned long)(p.skipped[0] + p.skipped[1]),
                 (unsigned long)p.lookups); /* it would prove nothing */
    box_end(&p.fast);
    box_end(&p.slow);
}

static void every_profile(void **state)
{
    (void)state;
    for (unsigned i = 0; mmu_profile_at(i); i++)
        for (unsigned small = 0; small < 4; small++)
            run(mmu_profile_at(i), small & 1 ? BY_MARKS : BY_SLOTS, 11 + i, small >> 1);
}

/* Policies and shapes that no profile has: a first level shared by fetches and data, one way, random. */
static void made_up_arrays(void **state)
{
    (void)state;
    static const struct { u8 repl; u16 ways, sets; } shapes[] = {
        { MMU_NRU, 4, 8 }, { MMU_NRU, 1, 4 }, { MMU_RANDOM, 4, 8 }, { MMU_RANDOM, 24, 1 }, { MMU_PLRU, 16, 2 },
        { MMU_PLRU, 32, 1 }, { MMU_PLRU, 1, 16 }, { MMU_PLRU_3X4, 12, 2 }, { MMU_LRU, 17, 2 }, { MMU_LRU, 1, 1 },
        { MMU_LRU, 255, 1 }, { MMU_LRU, 3, 4 },
    };
    for (unsigned i = 0; i < 12; i++) {
        const u8 all = 1 << MMU_4K | 1 << MMU_2M | 1 << MMU_1G, ports = MMU_PORT_I | MMU_PORT_LOAD | MMU_PORT_STORE;
        const struct mmu_tlb_desc tlb[] = {
            { "L1", 1, ports, i % 3 ? all : 1 << MMU_4K, (u8)(i & 1), shapes[i].repl, shapes[i].ways, shapes[i].sets,
              "", 0 },
            { "L2", 2, ports, i % 2 ? all : 1 << MMU_4K | 1 << MMU_2M, MMU_XOR, MMU_LRU, 4, 16, "", 0 },
        };
        struct mmu_profile p = *mmu_profile_find(i & 1 ? "skylake" : "zen4");
        p.name = "made up";
        p.tlbs = 2;
        p.tlb = tlb;
        for (unsigned small = 0; small < 4; small++)
            run(&p, small & 1 ? BY_MARKS : BY_SLOTS, 100 + i, small >> 1);
    }
}

static void binding_clears(void **state)
{
    (void)state;
    struct box b;
    struct mmu_fast one, two;
    box_begin(&b, "skylake");
    memset(&one, 0, sizeof one);
    mmu_bind_fast(b.m, 0, &one);
    box_map(&b, BASE_4K, 0, 0x5000, PTE_ALL);
    assert_int_equal(one.slot[MMU_LOAD][0], MMU_SLOT_EMPTY + 4096);
    assert_int_equal(one.slot[MMU_LOAD][1], MMU_SLOT_EMPTY);
    box_do(&b, BASE_4K, MMU_LOAD);
    assert_int_equal(one.slot[MMU_LOAD][0], BASE_4K);
    assert_int_equal(one.slot[MMU_STORE][0], MMU_SLOT_EMPTY + 4096); /* clean */
    mmu_bind_fast(b.m, 0, &two);
    assert_int_equal(one.slot[MMU_LOAD][0], MMU_SLOT_EMPTY + 4096);
    box_do(&b, BASE_4K, MMU_STORE);
    assert_int_equal(two.slot[MMU_STORE][0], BASE_4K);
    assert_int_equal(two.slot[MMU_LOAD][0], BASE_4K);
    assert_int_equal(two.slot[MMU_FETCH][0], MMU_SLOT_EMPTY + 4096);
    mmu_bind_fast(b.m, 0, NULL);
    assert_int_equal(two.slot[MMU_STORE][0], MMU_SLOT_EMPTY + 4096);
    box_do(&b, BASE_4K, MMU_LOAD);
    assert_int_equal(two.slot[MMU_LOAD][0], MMU_SLOT_EMPTY + 4096);
    box_end(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(binding_clears), cmocka_unit_test(every_profile),
                                        cmocka_unit_test(made_up_arrays) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
