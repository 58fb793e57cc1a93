/* SPDX-License-Identifier: MIT
 * test_batch.c - mmu_batch() as a property: two equal machines get the same random streams of accesses, one in batches,
 * the other by mmu_translate() one at a time and observed, so that each goes the long way.  Between batches: page-table
 * stores, invalidations, register writes.  After each batch every counter, the fault and CR2 must be equal; now and then
 * the contents of all TLBs and structure caches, way by way, and at the end memory (every A and D bit).
 * Every profile, shapes that no profile has, and each instruction set this processor knows.  Would catch a record taken
 * for one that changes nothing, work that outlives a fault, a replaced way, a right or D bit not looked at. */
#include "box.h"

#include "machine/batch.h"

#define SMALL_PAGES 3000u
#define BASE_4K 0x400000000000ull
#define BASE_2M 0x410000000000ull
#define BASE_1G 0x420000000000ull
#define KERNEL 0xffff900000000000ull
#define LONGEST 6000u
#define FAR_GIBS 7u    /* more than structure caches of page directories hold */
#define FAR_PAGES 30u

/* What a run is like: all kinds of pages and kernel addresses, or a program's small pages alone; how often there is a
 * page that refuses; whether what faults may be mapped then. */
struct taste { bool small, tame, as_is; };

struct twins {
    struct box fast, slow;
    u64 seed, record[LONGEST], faults, done, others;
    struct taste taste;
    bool pcide;
};

static u32 pick(struct twins *p, u32 n)
{
    return (u32)((box_random(&p->seed) >> 32) * n >> 32);
}

/* ---- the same to both ------------------------------------------------------------------------------------------ */

static void poke_both(struct twins *p, u64 va, unsigned level, u64 entry)
{
    u64 at = box_entry(&p->fast, va, level);
    assert_int_equal(at, box_entry(&p->slow, va, level));
    mmu_poke(p->fast.m, at, entry);
    mmu_poke(p->slow.m, at, entry);
}

static void set_both(struct twins *p, enum mmu_reg reg, u64 v)
{
    assert_int_equal(mmu_set(p->fast.m, 0, reg, v), mmu_set(p->slow.m, 0, reg, v));
}

static u64 random_page(struct twins *p, unsigned *level)
{
    u32 i = p->taste.small ? 0 : pick(p, 100);
    *level = i < 90 ? 0 : i < 96 ? 1 : 2;
    if (*level == 1)
        return BASE_2M + ((u64)pick(p, 12) << 21) + ((u64)pick(p, 3) << 12);
    if (*level == 2)
        return BASE_1G + ((u64)pick(p, 3) << 30) + ((u64)pick(p, 5) << 19);
    return (p->taste.small || pick(p, 20) ? BASE_4K : KERNEL) + pick(p, SMALL_PAGES) * 4096ull;
}

static u64 far_page(u32 gib, u32 page)
{
    return BASE_4K + ((u64)(gib + 1) << 30) + page * 4096ull;
}

static void put_entry(struct twins *p, u64 va, unsigned level)
{
    u64 lg2 = 12 + 9 * level, pa = (box_random(&p->seed) & 0x3fffffffffull) >> lg2 << lg2;
    bool tame = p->taste.tame;
    u64 flags = X86_PTE_P | (tame || pick(p, 20) ? X86_PTE_RW : 0) | (tame || pick(p, 20) ? X86_PTE_US : 0) |
                (pick(p, 3) ? X86_PTE_D : 0) | (pick(p, 3) ? X86_PTE_A : 0) |
                (p->taste.small || pick(p, 4) ? 0 : X86_PTE_G) | (tame || pick(p, 30) ? 0 : X86_PTE_XD) |
                (u64)(pick(p, 10) ? 0 : pick(p, 3)) << X86_PKEY_SHIFT;
    poke_both(p, va, level, tame || pick(p, 100) ? pa | flags | (level ? X86_PTE_PS : 0) : 0);
}

static void random_entry(struct twins *p)
{
    unsigned level;
    u64 va = random_page(p, &level);
    put_entry(p, va, level);
}

static void register_write(struct twins *p)
{
    u64 cr4 = mmu_get(p->fast.m, 0, MMU_CR4);
    switch (pick(p, p->taste.tame ? 3 : 8)) {
    case 0: set_both(p, MMU_CPL, pick(p, 2) * 3); break;
    case 1: set_both(p, MMU_AC, pick(p, 2)); break;
    default: set_both(p, MMU_CR3, BOX_ROOT | (p->pcide ? pick(p, 3) | (pick(p, 2) ? X86_CR3_NOFLUSH : 0) : 0)); break;
    case 3: set_both(p, MMU_CR0, mmu_get(p->fast.m, 0, MMU_CR0) ^ X86_CR0_WP); break;
    case 4: set_both(p, MMU_CR4, cr4 ^ (pick(p, 2) ? X86_CR4_SMAP : X86_CR4_SMEP)); break;
    case 5: set_both(p, MMU_CR4, cr4 ^ (pick(p, 2) ? X86_CR4_PGE : X86_CR4_PKE)); break;
    case 6: set_both(p, MMU_PKRU, pick(p, 64) << (pick(p, 16) ? 2 : 0)); break;
    }
}

static void invalidation(struct twins *p)
{
    unsigned level;
    u64 va = random_page(p, &level), type = pick(p, 4), pcid = p->pcide ? pick(p, 3) : 0;
    if (pick(p, 6)) {
        mmu_invlpg(p->fast.m, 0, va);
        mmu_invlpg(p->slow.m, 0, va);
    } else {
        assert_int_equal(mmu_invpcid(p->fast.m, 0, type, pcid, va), mmu_invpcid(p->slow.m, 0, type, pcid, va));
    }
}

/* ---- streams --------------------------------------------------------------------------------------------------- */

static u64 odd_address(struct twins *p, u64 va)
{
    switch (pick(p, 3)) {
    case 0: return va ^ (u64)1 << 56;                /* not canonical                                          */
    case 1: return 0x7ffffffff000 + pick(p, 4096);   /* the last page of the lower half                        */
    default: return pick(p, 4096);                   /* the first one                                          */
    }
}

enum stream { ANYWHERE, ONE_SET, SEQUENTIAL, HOT, FEW_PAGES, FAR_APART, STREAMS };

static u64 next_address(struct twins *p, enum stream stream, u32 i, u64 start)
{
    unsigned level;
    switch (stream) {
    case ONE_SET: return BASE_4K + (start + pick(p, 30) * 128ull) % SMALL_PAGES * 4096 + pick(p, 4096);
    case SEQUENTIAL: return BASE_4K + (start * 4096 + i * (start % 5 * 40 + 8)) % (SMALL_PAGES * 4096ull);
    case HOT: return BASE_4K + (pick(p, 3) ? pick(p, 40) : pick(p, SMALL_PAGES)) * 4096ull + pick(p, 4096);
    case FEW_PAGES: return BASE_4K + (start + pick(p, 6) * pick(p, 3)) % SMALL_PAGES * 4096 + pick(p, 4096);
    case FAR_APART: return far_page(pick(p, FAR_GIBS), pick(p, FAR_PAGES)) + pick(p, 4096);
    case ANYWHERE:
    case STREAMS: break;
    }
    return random_page(p, &level) + pick(p, 4096);
}

static u32 make_stream(struct twins *p)
{
    enum stream stream = (enum stream)pick(p, STREAMS);
    u32 n = 1 + pick(p, pick(p, 3) ? LONGEST : 40), kinds = 1 + pick(p, 4), odd = p->taste.tame ? 20000 : 1500;
    u64 start = pick(p, SMALL_PAGES);
    for (u32 i = 0; i < n; i++) {
        u64 va = next_address(p, stream, i, start);
        enum mmu_kind kind = kinds == 4 ? (pick(p, 5) ? MMU_LOAD : MMU_STORE) : (enum mmu_kind)pick(p, kinds);
        unsigned flags = pick(p, 4 * odd) ? 0 : pick(p, 4);
        p->record[i] = mmu_record(pick(p, odd) ? va : odd_address(p, va), kind, flags);
    }
    return n;
}

/* ---- doing and comparing --------------------------------------------------------------------------------------- */

static bool same_result(const struct mmu_result *a, const struct mmu_result *b)
{
    return a->va == b->va && a->error == b->error && a->cycles == b->cycles && a->status == b->status && a->by == b->by &&
           a->reads == b->reads && a->psc_level == b->psc_level && a->kind == b->kind && a->wrote_ad == b->wrote_ad &&
           a->pieces == b->pieces;
}

static void add_view(void *ctx, const struct mmu_tlb_view *v)
{
    u64 *sum = ctx;
    *sum = *sum * 0x100000001b3ull ^ v->va ^ v->pa << 7 ^ (u64)v->set << 3 ^ (u64)v->way << 23 ^ (u64)v->pcid << 40 ^
           (u64)(v->user | v->writable << 1 | v->nx << 2 | v->global << 3 | v->dirty << 4 | v->pkey << 5) << 55 ^
           v->page_lg2;
}

static void add_psc(void *ctx, const struct mmu_psc_view *v)
{
    u64 *sum = ctx;
    *sum = *sum * 0x100000001b3ull ^ v->va ^ v->table_pa << 7 ^ (u64)v->pcid << 40 ^ (u64)v->level << 52 ^
           (u64)(v->user | v->writable << 1 | v->nx << 2) << 56;
}

static void compare_caches(const struct twins *p)
{
    u64 fast = 1, slow = 1;
    mmu_each_tlb(p->fast.m, 0, add_view, &fast);
    mmu_each_tlb(p->slow.m, 0, add_view, &slow);
    assert_int_equal(fast, slow);
    mmu_each_psc(p->fast.m, 0, add_psc, &fast);
    mmu_each_psc(p->slow.m, 0, add_psc, &slow);
    assert_int_equal(fast, slow);
}

static void compare(const struct twins *p)
{
    assert_memory_equal(mmu_stats(p->fast.m, 0), mmu_stats(p->slow.m, 0), sizeof(struct mmu_stats));
    assert_int_equal(mmu_get(p->fast.m, 0, MMU_CR2), mmu_get(p->slow.m, 0, MMU_CR2));
}

/* A stream in batches; what faults is mapped, or left out. */
static void records_both(struct twins *p, u32 n)
{
    u32 from = 0;
    while (from < n) {
        struct mmu_result fault, r = { .status = MMU_OK };
        u32 want = pick(p, 3) ? n - from : 1 + pick(p, n - from), slow = 0;
        p->fast.m->batch->patience = 0; /* blocks at once, however many have been left */
        p->fast.m->batch->deep_least = p->done & 3 ? 0 : DEEP_LEAST;
        size_t done = mmu_batch(p->fast.m, 0, p->record + from, want, &fault);
        for (; slow < want; slow++) {
            u64 x = p->record[from + slow];
            if (mmu_translate(p->slow.m, 0, mmu_record_va(x), mmu_record_kind(x), mmu_record_flags(x), &r) != MMU_OK)
                break;
        }
        assert_int_equal(done, slow);
        if (slow < want)
            assert_true(same_result(&fault, &r));
        compare(p);
        p->done += slow;
        from += slow;
        if (slow == want)
            continue;
        p->faults++;
        if (!p->taste.as_is && pick(p, 2) && r.status == MMU_FAULT_PF && r.va >= BASE_4K && r.va < BASE_4K + SMALL_PAGES * 4096ull)
            put_entry(p, r.va, 0);
        else
            from++;
    }
}

static u64 heard;
static void hear_translated(void *ctx, unsigned cpu, const struct mmu_result *r, u64 pcid, bool global)
{
    (void)ctx, (void)cpu, (void)r, (void)pcid, (void)global;
    heard++;
}

static void begin(struct twins *p, const struct mmu_profile *profile, enum batch_isa isa)
{
    box_profile(&p->fast, profile);
    box_make(&p->fast);
    box_profile(&p->slow, profile);
    box_make(&p->slow);
    batch_use(p->fast.m, isa);
    mmu_observe(p->slow.m, &(struct mmu_observer){ .translated = hear_translated });
    u64 cr4 = X86_CR4_PAE | X86_CR4_PGE | (profile->features & MMU_PCID ? X86_CR4_PCIDE : 0);
    p->pcide = cr4 & X86_CR4_PCIDE;
    set_both(p, MMU_CR3, 0);
    set_both(p, MMU_CR4, cr4);
    set_both(p, MMU_CR3, BOX_ROOT);
    for (u64 page = 0; page < SMALL_PAGES; page++)
        put_entry(p, BASE_4K + page * 4096, 0);
    for (u32 i = 0; i < FAR_GIBS * FAR_PAGES; i++)
        put_entry(p, far_page(i / FAR_PAGES, i % FAR_PAGES), 0);
    for (unsigned i = 0; i < 500; i++)
        random_entry(p);
}

static u64 in_deep; /* records that went through rows, of all runs                                             */

static void run(const struct mmu_profile *profile, u64 seed, enum batch_isa isa, struct taste taste, unsigned streams)
{
    static struct twins pair;
    struct twins *p = &pair;
    *p = (struct twins){ .seed = seed, .taste = taste };
    begin(p, profile, isa);
    for (unsigned i = 0; i < streams; i++) {
        u32 changes = pick(p, 3) ? pick(p, 3) : 0;
        for (u32 k = 0; k < changes; k++) {
            u32 what = pick(p, 10);
            if (what < 3)
                register_write(p);
            else if (what < 7)
                invalidation(p);
            else
                random_entry(p);
        }
        records_both(p, make_stream(p));
        if (i % 4 == 0)
            compare_caches(p);
    }
    compare_caches(p);
    assert_memory_equal(p->fast.cfg.ram, p->slow.cfg.ram, BOX_RAM);
    in_deep += p->fast.m->batch->in_deep;
    assert_true(p->done > 1000 && (taste.tame || p->faults > 10)); /* else it proves nothing */
    box_end(&p->fast);
    box_end(&p->slow);
}

static void run_tastes(const struct mmu_profile *profile, u64 seed, enum batch_isa isa, unsigned streams)
{
    for (unsigned i = 0; i < 4; i++)
        run(profile, seed + i, isa, (struct taste){ .small = i & 1, .tame = i & 2 }, streams);
}

static void every_profile(void **state)
{
    (void)state;
    for (unsigned i = 0; mmu_profile_at(i); i++)
        run_tastes(mmu_profile_at(i), 1000 + 10 * i, (enum batch_isa)(i % (batch_best() + 1)), 12);
}

#define ALL_SIZES (1 << MMU_4K | 1 << MMU_2M | 1 << MMU_1G)
#define DATA_PORTS (MMU_PORT_LOAD | MMU_PORT_STORE)

/* First levels of small pages, with other arrays for large ones, over a shared second level. */
static void made_up(u8 repl, u16 ways, u16 sets, u8 repl2, u16 ways2, u16 sets2, u8 hash2, u64 seed, unsigned streams)
{
#define ARRAY(level_, ports_, sizes_, hash_, repl_, ways_, sets_) \
    { .level = level_, .ports = ports_, .sizes = sizes_, .hash = hash_, .repl = repl_, .ways = ways_, .sets = sets_ }
    const struct mmu_tlb_desc tlb[] = {
        ARRAY(1, MMU_PORT_I, 1 << MMU_4K, MMU_LINEAR, repl, ways, sets),
        ARRAY(1, DATA_PORTS, 1 << MMU_4K, MMU_LINEAR, repl, ways, sets),
        ARRAY(1, MMU_PORT_I | DATA_PORTS, ALL_SIZES - (1 << MMU_4K), MMU_LINEAR, MMU_LRU, 4, 2),
        ARRAY(2, MMU_PORT_I | DATA_PORTS, ALL_SIZES, hash2, repl2, ways2, sets2),
    };
    const struct mmu_psc_desc psc[] = { { 1, 32, 4, "" }, { 2, 4, 4, "" }, { 3, 2, 2, "" } };
    struct mmu_profile p = *mmu_profile_find(seed & 1 ? "skylake" : "zen4");
    p.name = "made up";
    p.tlb = tlb;
    p.tlbs = 4;
    p.psc = psc;
    p.pscs = seed & 2 ? 3 : (u8)(seed / 4 % 3);
    for (unsigned isa = 0; isa <= batch_best(); isa++)
        run_tastes(&p, seed, (enum batch_isa)isa, streams);
}

/* Arrays of one level that are not alike, or shared by some kinds alone; and structure caches in pairs. */
static void made_up_sides(u8 repl_i, u8 repl_load, u8 repl_store, u16 sets_i, u8 sizes2, u64 seed, unsigned streams)
{
    const bool two = seed & 32;                             /* second levels that share the pages between them      */
    const struct mmu_tlb_desc tlb[] = {
        ARRAY(1, MMU_PORT_I, 1 << MMU_4K, MMU_LINEAR, repl_i, 8, sets_i),
        ARRAY(1, MMU_PORT_LOAD, 1 << MMU_4K, MMU_LINEAR, repl_load, 8, 8),
        ARRAY(1, MMU_PORT_STORE, 1 << MMU_4K, MMU_LINEAR, repl_store, 8, 8),
        ARRAY(1, MMU_PORT_I | DATA_PORTS, ALL_SIZES - (1 << MMU_4K), MMU_LINEAR, MMU_LRU, 4, 2),
        ARRAY(2, MMU_PORT_I | DATA_PORTS, sizes2, MMU_LINEAR, MMU_LRU, 12, 128),
        ARRAY(2, MMU_PORT_I | DATA_PORTS, sizes2, MMU_LINEAR, MMU_LRU, 12, 128),
    };
    const u16 more = seed & 16 ? 64 : 4;                    /* 64 ways are not kept in exact order of use           */
    const struct mmu_psc_desc psc[] = { { 1, 4, 4, "" }, { seed & 1 ? 1 : 2, more, more, "" } };
    struct mmu_profile p = *mmu_profile_find("skylake");
    p.name = "made up";
    p.tlb = tlb;
    p.tlbs = (u8)(4 + (sizes2 != 0) + two);
    p.psc = psc;
    p.pscs = 2;
    for (unsigned isa = 0; isa <= batch_best(); isa++)
        run_tastes(&p, seed, (enum batch_isa)isa, streams);
}

static void made_up_arrays(void **state)
{
    (void)state;
    made_up(MMU_LRU, 8, 8, MMU_LRU, 12, 128, MMU_LINEAR, 1, 60);
    made_up(MMU_LRU, 8, 8, MMU_LRU, 12, 128, MMU_LINEAR, 30, 20);
    made_up(MMU_LRU, 4, 16, MMU_LRU, 12, 64, MMU_XOR, 34, 20);
    made_up(MMU_LRU, 8, 8, MMU_LRU, 4, 8, MMU_LINEAR, 39, 20);
    made_up(MMU_LRU, 8, 8, MMU_LRU, 16, 16, MMU_XOR, 2, 30);
    made_up(MMU_LRU, 3, 4, MMU_LRU, 12, 16, MMU_XOR, 3, 30);
    made_up(MMU_PLRU, 8, 8, MMU_PLRU_3X4, 12, 32, MMU_XOR, 4, 30);
    made_up(MMU_PLRU, 4, 16, MMU_PLRU, 8, 32, MMU_LINEAR, 5, 30);
    made_up(MMU_NRU, 8, 8, MMU_RANDOM, 8, 32, MMU_LINEAR, 6, 20);
    made_up(MMU_LRU, 1, 64, MMU_LRU, 1, 64, MMU_LINEAR, 7, 20);
    made_up(MMU_RANDOM, 8, 2, MMU_LRU, 24, 8, MMU_LINEAR, 8, 20);
    made_up(MMU_LRU, 6, 16, MMU_LRU, 4, 256, MMU_LINEAR, 9, 30);
    made_up(MMU_LRU, 12, 8, MMU_PLRU, 16, 8, MMU_LINEAR, 10, 20);
    assert_true(batch_best() < BATCH_AVX512 || in_deep > 100000); /* else rows were not tested */
    made_up(MMU_LRU, 4, 8, MMU_LRU, 12, 128, MMU_LINEAR, 11, 60);
    made_up(MMU_LRU, 8, 32, MMU_LRU, 12, 128, MMU_LINEAR, 12, 20);
    made_up(MMU_LRU, 5, 8, MMU_LRU, 8, 64, MMU_LINEAR, 13, 20);
    made_up_sides(MMU_LRU, MMU_LRU, MMU_LRU, 8, ALL_SIZES, 14, 20);
    made_up_sides(MMU_LRU, MMU_LRU, MMU_LRU, 8, ALL_SIZES, 15, 8);       /* two caches of PDEs                   */
    made_up_sides(MMU_LRU, MMU_LRU, MMU_LRU, 32, ALL_SIZES, 16, 8);
    made_up_sides(MMU_PLRU, MMU_LRU, MMU_LRU, 8, ALL_SIZES, 17, 8);
    made_up_sides(MMU_LRU, MMU_LRU, MMU_PLRU, 8, ALL_SIZES, 18, 8);
    made_up_sides(MMU_LRU, MMU_LRU, MMU_LRU, 8, 1 << MMU_2M, 20, 8);
    made_up_sides(MMU_LRU, MMU_LRU, MMU_LRU, 8, 0, 22, 8);
    made_up_sides(MMU_LRU, MMU_LRU, MMU_LRU, 8, ALL_SIZES, 32, 8);
    made_up(MMU_LRU, 2, 128, MMU_LRU, 8, 64, MMU_LINEAR, 23, 6);
    made_up(MMU_PLRU, 2, 32, MMU_LRU, 8, 64, MMU_LINEAR, 24, 6);
}

/* ---- tables that change under a batch ---------------------------------------------------------------------------- */

static void push(struct twins *p, u32 *n, u64 page, enum mmu_kind kind)
{
    p->record[(*n)++] = mmu_record(BASE_4K + page * 4096, kind, 0);
}

/* Pages of the next five directories: the structure cache has room for four.  Round and round, more than TLBs hold. */
static void push_others(struct twins *p, u32 *n, u64 pages)
{
    for (u64 i = p->others; i < p->others + pages; i++)
        push(p, n, 512 + i % 5 * 512 + i / 5 % 430, MMU_LOAD);
    p->others += pages;
}

/* Pages are loaded, so that caches hold them clean; then a page directory's entry goes, or leads out of memory, and nobody
 * invalidates: stores must walk and find that, loads go on hitting, and so must new pages of that directory. */
static void a_directory_goes(const struct mmu_profile *profile, enum batch_isa isa, u64 pde)
{
    static struct twins pair;
    struct twins *p = &pair;
    u32 n = 0;
    *p = (struct twins){ .seed = 99, .taste = { .small = true, .tame = true, .as_is = true } };
    begin(p, profile, isa);
    for (u64 page = 0; page < SMALL_PAGES; page++)
        poke_both(p, BASE_4K + page * 4096, 0, (page << 12) | PTE_ALL);
    for (u64 page = 0; page < 200; page++)
        push(p, &n, page, MMU_LOAD);
    push_others(p, &n, 2000);
    for (u64 page = 0; page < 200; page++)
        push(p, &n, page, MMU_LOAD);
    records_both(p, n);
    poke_both(p, BASE_4K, 1, pde);
    n = 0;
    for (u64 i = 0; i < 100; i++)
        push(p, &n, 150 + i % 50, MMU_LOAD);
    push_others(p, &n, 5);
    push(p, &n, 199, MMU_STORE);                            /* still in the first level                             */
    records_both(p, n);
    for (unsigned again = 0; again < 2; again++) {
        n = 0;
        push_others(p, &n, 500);
        push(p, &n, again ? 300 : 1, again ? MMU_LOAD : MMU_STORE); /* new; in the second level alone               */
        push_others(p, &n, 200);
        for (u64 page = 0; page < 200; page++)
            push(p, &n, page, page & 1 ? MMU_LOAD : MMU_STORE);
        records_both(p, n);
        compare_caches(p);
    }
    assert_true(p->faults > 20 && p->fast.m->batch->in_blocks > 1000);
    box_end(&p->fast);
    box_end(&p->slow);
}

static void tables_that_change(void **state)
{
    const struct mmu_tlb_desc tlb[] = {
        ARRAY(1, MMU_PORT_I, 1 << MMU_4K, MMU_LINEAR, MMU_LRU, 8, 8),
        ARRAY(1, DATA_PORTS, 1 << MMU_4K, MMU_LINEAR, MMU_LRU, 8, 8),
        ARRAY(2, MMU_PORT_I | DATA_PORTS, ALL_SIZES, MMU_LINEAR, MMU_LRU, 12, 128),
    };
    const struct mmu_psc_desc psc[] = { { 1, 4, 4, "" }, { 2, 4, 4, "" } };
    struct mmu_profile p = *mmu_profile_find("skylake");
    (void)state;
    p.name = "made up";
    p.tlb = tlb;
    p.tlbs = 3;
    p.psc = psc;
    p.pscs = 2;
    for (unsigned isa = 0; isa <= batch_best(); isa++) {
        a_directory_goes(&p, (enum batch_isa)isa, 0);
        a_directory_goes(&p, (enum batch_isa)isa, (BOX_RAM + 0x3000) | PTE_ALL);
    }
}

/* ---- small things -------------------------------------------------------------------------------------------------- */

/* A stream that blocks get through makes up for what they could not do; with an observer there are no blocks. */
static void long_streams(void **state)
{
    static u64 record[40000];
    struct box b;
    struct mmu_result fault;
    (void)state;
    box_begin(&b, "skylake");
    for (u64 page = 0; page < 8; page++)
        box_map(&b, BASE_4K + page * 4096, 0, 0x100000 + page * 4096, PTE_ALL);
    for (u64 i = 0; i < 40000; i++)
        record[i] = mmu_record(BASE_4K + i * 8 % 32768, MMU_LOAD, 0);
    record[100] = mmu_record(BASE_4K + 9 * 4096, MMU_LOAD, 0);
    assert_int_equal(mmu_batch(b.m, 0, record, 40000, &fault), 100);
    assert_int_equal(fault.status, MMU_FAULT_PF);
    assert_int_equal(mmu_batch(b.m, 0, record + 101, 39899, &fault), 39899);
    assert_int_equal(mmu_stats(b.m, 0)->lookups[MMU_SIDE_D], 40000);
    heard = 0;
    mmu_observe(b.m, &(struct mmu_observer){ .translated = hear_translated });
    assert_int_equal(mmu_batch(b.m, 0, record, 100, &fault), 100);
    assert_int_equal(heard, 100);
    box_end(&b);
}

/* Pages stored to and then loaded from by walks of the same block: the second walk sees D as the first has set it. */
static void walked_twice(void **state)
{
    (void)state;
    static struct twins pair;
    struct twins *p = &pair;
    const struct mmu_tlb_desc tlb[] = { ARRAY(1, MMU_PORT_I, 1 << MMU_4K, MMU_LINEAR, MMU_LRU, 4, 8),
                                        ARRAY(1, DATA_PORTS, 1 << MMU_4K, MMU_LINEAR, MMU_LRU, 4, 8),
                                        ARRAY(2, MMU_PORT_I | DATA_PORTS, 1 << MMU_4K, MMU_LINEAR, MMU_LRU, 4, 8) };
    const struct mmu_psc_desc psc[] = { { 1, 32, 4, "" }, { 2, 4, 4, "" }, { 3, 2, 2, "" } };
    struct mmu_profile profile = *mmu_profile_find("skylake");
    profile.tlb = tlb;
    profile.tlbs = 3;
    profile.psc = psc;
    profile.pscs = 3;
    for (unsigned isa = 0; isa <= batch_best(); isa++) {
        *p = (struct twins){ .seed = 77, .taste = { .small = true, .tame = true } };
        begin(p, &profile, (enum batch_isa)isa);
        for (u32 i = 0; i < 40; i++)
            poke_both(p, BASE_4K + i * 4096ull, 0, (u64)(i + 1) << 12 | X86_PTE_P | X86_PTE_RW | X86_PTE_US);
        for (u32 i = 0; i < 2000; i++)
            p->record[i] = mmu_record(BASE_4K + i % 40 * 4096ull, MMU_LOAD, 0);
        p->done = 1;
        records_both(p, 2000); /* from here on a block is one stretch */
        for (u32 i = 0; i < 40; i++)
            p->record[i] = mmu_record(BASE_4K + i * 4096ull, MMU_STORE, 0);
        p->done = 1;
        records_both(p, 80);
        compare_caches(p);
        assert_memory_equal(p->fast.cfg.ram, p->slow.cfg.ram, BOX_RAM);
        box_end(&p->fast);
        box_end(&p->slow);
    }
}

static void records(void **state)
{
    (void)state;
    u64 r = mmu_record(0xffff800000001234, MMU_FETCH, MMU_IMPLICIT);
    assert_int_equal(mmu_record_va(r), 0xffff800000001234);
    assert_int_equal(mmu_record_kind(r), MMU_FETCH);
    assert_int_equal(mmu_record_flags(r), MMU_IMPLICIT);
    assert_int_equal(mmu_record(0x7ffff000, MMU_LOAD, 0), 0x7ffff000);
    struct box b;
    struct mmu_result fault;
    box_begin(&b, "skylake");
    assert_int_equal(mmu_batch(b.m, 0, &r, 0, &fault), 0);
    box_end(&b);
}

/* Modes without long mode have no short cuts: 32-bit paging, and none. */
static void other_modes(void **state)
{
    (void)state;
    struct box b;
    struct mmu_result fault;
    u64 r[3] = { mmu_record(0x400000, MMU_LOAD, 0), mmu_record(0x400008, MMU_LOAD, 0), mmu_record(0x500000, MMU_STORE, 0) };
    box_begin_full(&b, "skylake");
    assert_true(mmu_set(b.m, 0, MMU_CR0, X86_CR0_PE | X86_CR0_WP));
    assert_int_equal(mmu_batch(b.m, 0, r, 3, &fault), 3);
    assert_int_equal(mmu_stats(b.m, 0)->lookups[MMU_SIDE_D], 0);
    assert_true(mmu_set(b.m, 0, MMU_EFER, 0));
    assert_true(mmu_set(b.m, 0, MMU_CR4, X86_CR4_PSE));
    mmu_poke(b.m, BOX_ROOT, 0);
    assert_true(mmu_set(b.m, 0, MMU_CR3, BOX_ROOT));
    assert_true(mmu_set(b.m, 0, MMU_CR0, X86_CR0_PE | X86_CR0_WP | X86_CR0_PG));
    mmu_poke(b.m, BOX_ROOT, (u64)0x00400083 << 32); /* entry 1: a page of 4 MiB */
    assert_int_equal(mmu_batch(b.m, 0, r, 3, &fault), 3);
    assert_int_equal(mmu_stats(b.m, 0)->lookups[MMU_SIDE_D], 3);
    box_end(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(records), cmocka_unit_test(other_modes),
                                        cmocka_unit_test(long_streams), cmocka_unit_test(tables_that_change),
                                        cmocka_unit_test(made_up_arrays), cmocka_unit_test(walked_twice), cmocka_unit_test(every_profile) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
