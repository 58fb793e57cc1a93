/* SPDX-License-Identifier: MIT
 * test_cache.c - what the exhaustive test of caches leaves: real geometries, accesses of several lines and pages, counters,
 * skipping by marks over long random runs, flushing, and where the first-level TLB says a page is. */
#include "pagewalk/cache.h"
#include "pagewalk/profile.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* The last eight, and what they live in. */
static struct { struct mmu_cache_desc d; u8 *block; } made[8];

static int free_all(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 8; i++)
        free(made[i].block);
    return 0;
}

static struct cache *make(enum mmu_cache_form form, unsigned ways, unsigned sets, unsigned line, enum mmu_repl repl)
{
    static unsigned n;
    struct mmu_cache_desc *at = &made[n % 8].d;
    u8 **block = &made[n++ % 8].block;

    free(*block);
    *at = (struct mmu_cache_desc){ .side = MMU_SIDE_D, .form = (u8)form, .repl = (u8)repl, .ways = (u16)ways, .sets = (u16)sets, .line_bytes = (u16)line };
    assert_null(mmu_cache_unfit(at));
    *block = aligned_alloc(64, cache_bytes(at));
    memset(*block, 0xa5, cache_bytes(at)); /* what was there does not matter                                      */
    return cache_create(*block, at, 1);
}

/* ---- what can be -------------------------------------------------------------------------------------------------- */

static void profiles(void **state)
{
    const struct mmu_profile *p;
    (void)state;

    for (unsigned i = 0; (p = mmu_profile_at(i)); i++) {
        assert_int_equal(p->caches, 2);
        for (unsigned c = 0; c < 2; c++) {
            const struct mmu_cache_desc *d = &p->cache[c];

            assert_int_equal(d->side, c);
            assert_null(mmu_cache_unfit(d));
            assert_true(strlen(d->source) > 10);
            /* Rule 152: what could have synonyms is kept from having them. */
            assert_true(cache_colours(d) == 1 || d->form == MMU_PIPT || d->form == MMU_VIPT_ONE);
        }
    }
    assert_int_equal(cache_colours(&mmu_profile_find("skylake")->cache[MMU_SIDE_D]), 1);  /* 32K, 8 ways            */
    assert_int_equal(cache_colours(&mmu_profile_find("icelake")->cache[MMU_SIDE_D]), 1);  /* 48K, 12 ways           */
    assert_int_equal(cache_colours(&mmu_profile_find("zen1")->cache[MMU_SIDE_I]), 4);     /* 64K, 4 ways            */
    assert_int_equal(cache_colour(&mmu_profile_find("zen1")->cache[MMU_SIDE_I], 0x7123), 3);
}

static void unfit(void **state)
{
    const struct mmu_cache_desc good = { .form = MMU_VIPT, .repl = MMU_PLRU, .ways = 8, .sets = 64, .line_bytes = 64 };
    struct mmu_cache_desc d;
    (void)state;

#define UNFIT(member, value) (d = good, d.member = (value), assert_non_null(mmu_cache_unfit(&d)))
    assert_null(mmu_cache_unfit(&good));
    UNFIT(form, MMU_VIVT + 1);
    UNFIT(side, MMU_SIDES);
    UNFIT(line_bytes, 8);
    UNFIT(line_bytes, 48);
    UNFIT(line_bytes, 8192);
    UNFIT(sets, 0);
    UNFIT(sets, 48);
    UNFIT(ways, 0);
    UNFIT(ways, 256);
    UNFIT(ways, 12);           /* not for a tree                                                                  */
}

/* ---- accesses of several lines ------------------------------------------------------------------------------------ */

static void lines_of_an_access(void **state)
{
    struct cache *c = make(MMU_VIPT, 2, 64, 64, MMU_LRU);
    const struct cache_stats *s = cache_stats(c);
    (void)state;

    assert_int_equal(cache_access(c, 0x10000, 0x5000, 0, 64, false), 1);      /* one line, whole                 */
    assert_int_equal(cache_access(c, 0x1003f, 0x503f, 0, 1, false), 0);       /* its last byte                   */
    assert_int_equal(cache_access(c, 0x1003f, 0x503f, 0, 2, false), 1);       /* and the next line               */
    assert_int_equal(cache_access(c, 0x10100, 0x5100, 0, 200, true), 4);      /* four lines                      */
    assert_int_equal(cache_access(c, 0x10ffc, 0x5ffc, 0x9000, 8, true), 2);   /* two pages, far apart            */
    assert_int_equal(cache_access(c, 0x20000, 0x9000, 0, 8, false), 0);       /* the second by another address   */
    assert_int_equal(cache_access(c, 0x21000, 0x6000, 0, 8, false), 1);       /* which is not what follows first */
    assert_int_equal(s->accesses[0], 5);
    assert_int_equal(s->missed[0], 3);
    assert_int_equal(s->accesses[1], 2);
    assert_int_equal(s->missed[1], 2);
    assert_int_equal(s->looks[0], 6);
    assert_int_equal(s->misses[0], 3);
    assert_int_equal(s->looks[1], 6);
    assert_int_equal(s->misses[1], 6);
}

struct seen { unsigned n; u64 pa[8]; };
static void see(void *ctx, u32 set, u32 way, u64 pa)
{
    struct seen *s = ctx;

    (void)set, (void)way;
    s->pa[s->n++ % 8] = pa;
}

static void flushing(void **state)
{
    struct cache *c = make(MMU_VIVT, 2, 64, 64, MMU_LRU);
    struct seen s = { 0 };
    struct cache_result r;
    (void)state;

    cache_look(c, 0x10040, 0x5040, true, &r);
    cache_look(c, 0x20040, 0x6040, false, &r);
    assert_int_equal(cache_flush(c, see, &s), 1);
    assert_int_equal(s.n, 1);
    assert_int_equal(s.pa[0], 0x5040);
    assert_int_equal(cache_stats(c)->written_back, 1);
    cache_look(c, 0x20040, 0x6040, false, &r);
    assert_false(r.hit);
    assert_int_equal(cache_flush(c, NULL, NULL), 0);
    for (u64 frame = 1; frame <= 3; frame++)                                  /* three lines for two ways          */
        cache_look(c, frame << PAGE_LG2, frame << PAGE_LG2, true, &r);
    assert_true(r.evicted && r.written_back && r.victim_pa == 0x1000);
    assert_int_equal(cache_stats(c)->written_back, 2);
}

/* Virtual tags: a second copy may stand in the very set of the first. */
static void two_tags_in_one_set(void **state)
{
    struct cache *c = make(MMU_VIVT, 2, 64, 64, MMU_LRU);
    struct cache_result r;
    (void)state;

    cache_look(c, 0x10040, 0x5040, true, &r);
    assert_false(r.synonym);
    cache_look(c, 0x20040, 0x5040, false, &r);
    assert_true(r.synonym);
    assert_int_equal(cache_stats(c)->synonyms, 1);
}

/* ---- marks over long runs ------------------------------------------------------------------------------------------- */

static u64 random_state = 88172645463325252ull;
static u32 rnd(u32 n)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (u32)(random_state >> 16) % n;
}

struct line_list { unsigned n; struct cache_line at[8192]; };
static void collect(void *ctx, const struct cache_line *l)
{
    struct line_list *list = ctx;
    list->at[list->n++] = *l;
}

static void same_contents(const struct cache *a, const struct cache *b)
{
    static struct line_list x, y;

    x.n = y.n = 0;
    cache_each_line(a, collect, &x);
    cache_each_line(b, collect, &y);
    assert_int_equal(x.n, y.n);
    for (unsigned i = 0; i < x.n; i++)
        assert_true(x.at[i].set == y.at[i].set && x.at[i].way == y.at[i].way && x.at[i].tag_addr == y.at[i].tag_addr &&
                    x.at[i].pa == y.at[i].pa && x.at[i].dirty == y.at[i].dirty);
}

/* As the front end does: an access of one line that is marked does not reach the cache.  Frames change now and then. */
static void skipping(enum mmu_cache_form form, unsigned ways, unsigned sets, unsigned line, enum mmu_repl repl)
{
    static struct cache_marks marks;
    struct cache *all = make(form, ways, sets, line, repl), *some = make(form, ways, sets, line, repl);
    u64 frame[16], skipped = 0, va = 0;

    cache_bind_marks(some, &marks);
    for (unsigned i = 0; i < 16; i++)
        frame[i] = (u64)rnd(12) << PAGE_LG2;
    for (unsigned i = 0; i < 40000; i++) {
        const bool store = !rnd(3);
        const u32 size = 1u << rnd(4);
        u64 at, page, pa, next, mark;

        va = rnd(4) ? (va + rnd(12)) % (16 * PAGE_BYTES) : rnd(16 * PAGE_BYTES);
        at = va + 0x7f0000000000, page = va >> PAGE_LG2;
        if (!rnd(400)) {
            frame[page] = (u64)rnd(12) << PAGE_LG2;
            cache_unmark(some);
        }
        pa = frame[page] + (va & PAGE_MASK_LOW);
        next = frame[(page + 1) % 16];
        (void)cache_access(all, at, pa, next, size, store);
        mark = (store ? marks.store : marks.load)[at / line % CACHE_MARKS];
        if (at - mark <= line - size)
            skipped++;
        else
            (void)cache_access(some, at, pa, next, size, store);
    }
    same_contents(all, some);
    assert_int_equal(cache_stats(all)->misses[0], cache_stats(some)->misses[0]);
    assert_int_equal(cache_stats(all)->misses[1], cache_stats(some)->misses[1]);
    assert_int_equal(cache_stats(all)->missed[0] + cache_stats(all)->missed[1], cache_stats(some)->missed[0] + cache_stats(some)->missed[1]);
    assert_memory_equal(&cache_stats(all)->written_back, &cache_stats(some)->written_back, 4 * sizeof(u64));
    assert_int_equal(cache_stats(all)->accesses[0] + cache_stats(all)->accesses[1],
                     cache_stats(some)->accesses[0] + cache_stats(some)->accesses[1] + skipped);
    assert_true(skipped > 4000);
}

static void marks_over_long_runs(void **state)
{
    static const struct { u16 ways, sets, line; u8 repl; } shapes[] = {
        { 8, 64, 64, MMU_PLRU }, { 12, 64, 64, MMU_PLRU_3X4 }, { 2, 512, 64, MMU_LRU }, { 4, 256, 64, MMU_NRU }, { 1, 16, 256, MMU_LRU },
        { 3, 2048, 16, MMU_RANDOM }, { 20, 4, 64, MMU_LRU }, { 40, 1, 128, MMU_LRU }, { 2, 2, 4096, MMU_PLRU } };
    (void)state;

    for (unsigned i = 0; i < sizeof shapes / sizeof *shapes; i++)
        for (unsigned form = MMU_PIPT; form <= MMU_VIVT; form++)
            skipping((enum mmu_cache_form)form, shapes[i].ways, shapes[i].sets, shapes[i].line, (enum mmu_repl)shapes[i].repl);
}

/* A cache without synonyms is the same in every form that compares physical addresses. */
static void a_way_of_a_page(void **state)
{
    struct cache *c[3];
    (void)state;

    for (unsigned form = MMU_PIPT; form <= MMU_VIPT_ONE; form++)
        c[form] = make((enum mmu_cache_form)form, 8, 64, 64, MMU_PLRU);
    for (unsigned i = 0; i < 100000; i++) {
        const u64 pa = rnd(1 << 18), va = (u64)rnd(64) << PAGE_LG2 | (pa & PAGE_MASK_LOW);
        struct cache_result r[3];

        for (unsigned form = MMU_PIPT; form <= MMU_VIPT_ONE; form++)
            cache_look(c[form], va, pa, i & 1, &r[form]);
        assert_memory_equal(&r[0], &r[1], sizeof r[0]);
        assert_memory_equal(&r[0], &r[2], sizeof r[0]);
    }
}

/* ---- the TLB's answer ------------------------------------------------------------------------------------------------- */

#define RAM_BYTES (64 * PAGE_BYTES)

static void first_level(void **state)
{
    const struct mmu_profile *p = mmu_profile_find("skylake");
    const struct mmu_config cfg = { .cpus = 1, .ram = aligned_alloc(4096, RAM_BYTES), .ram_bytes = RAM_BYTES, .vendor = p->vendor,
                                    .features = p->features, .profile = p };
    void *block = aligned_alloc(64, (mmu_bytes(&cfg) + 63) & ~(size_t)63);
    struct mmu *m;
    struct mmu_result r;
    u64 pa = 0;
    (void)state;

    memset(cfg.ram, 0, RAM_BYTES);
    m = mmu_create(block, mmu_bytes(&cfg), &cfg);
    for (unsigned level = 0; level < 3; level++)
        mmu_poke(m, level * PAGE_BYTES, ((level + 1) * PAGE_BYTES) | 7);
    mmu_poke(m, 3 * PAGE_BYTES + 8, 0x9000 | 7);                 /* page 1: writable, the user's                   */
    mmu_poke(m, 3 * PAGE_BYTES + 16, 0xa000 | 5);                /* page 2: not writable                           */
    mmu_poke(m, 3 * PAGE_BYTES + 24, 0xb000 | 3);                /* page 3: the supervisor's                       */
    mmu_poke(m, 2 * PAGE_BYTES + 8, 0x20000000 | 0x87);          /* 2 MiB from 0x200000 on: large                  */
    assert_true(mmu_set(m, 0, MMU_CPL, 3));
    assert_false(mmu_first_level(m, 0, 0x1234, MMU_LOAD, &pa));   /* nothing there yet                             */
    assert_int_equal(mmu_translate(m, 0, 0x1000, MMU_LOAD, 0, &r), MMU_OK);
    assert_true(mmu_first_level(m, 0, 0x1234, MMU_LOAD, &pa));
    assert_int_equal(pa, 0x9234);
    assert_false(mmu_first_level(m, 0, 0x1234, MMU_STORE, &pa));  /* D is not set: a store would walk              */
    assert_false(mmu_first_level(m, 0, 0x1234, MMU_FETCH, &pa));  /* another array                                 */
    assert_int_equal(mmu_translate(m, 0, 0x1000, MMU_STORE, 0, &r), MMU_OK);
    assert_true(mmu_first_level(m, 0, 0x1008, MMU_STORE, &pa));
    assert_int_equal(mmu_translate(m, 0, 0x2000, MMU_LOAD, 0, &r), MMU_OK);
    assert_false(mmu_first_level(m, 0, 0x2000, MMU_STORE, &pa));  /* not let through                               */
    assert_true(mmu_set(m, 0, MMU_CPL, 0));
    assert_int_equal(mmu_translate(m, 0, 0x3000, MMU_LOAD, 0, &r), MMU_OK);
    assert_true(mmu_first_level(m, 0, 0x3000, MMU_LOAD, &pa));
    assert_true(mmu_set(m, 0, MMU_CPL, 3));
    assert_false(mmu_first_level(m, 0, 0x3000, MMU_LOAD, &pa));   /* the supervisor's                              */
    assert_int_equal(mmu_translate(m, 0, 0x234567, MMU_LOAD, 0, &r), MMU_OK);
    assert_true(mmu_first_level(m, 0, 0x3fffff, MMU_LOAD, &pa));
    assert_int_equal(pa, 0x201fffff);
    assert_false(mmu_first_level(m, 0, 0x8000000000001234, MMU_LOAD, &pa));
    mmu_invlpg(m, 0, 0x1000);
    assert_false(mmu_first_level(m, 0, 0x1234, MMU_LOAD, &pa));
    free(block);
    free(cfg.ram);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(profiles), cmocka_unit_test(unfit), cmocka_unit_test(lines_of_an_access), cmocka_unit_test(flushing),
        cmocka_unit_test(two_tags_in_one_set),
        cmocka_unit_test(marks_over_long_runs), cmocka_unit_test(a_way_of_a_page), cmocka_unit_test(first_level),
    };
    return cmocka_run_group_tests(tests, NULL, free_all);
}
