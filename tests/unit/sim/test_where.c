/* SPDX-License-Identifier: MIT
 * test_where.c - when and where: whatever intervals, rows and columns became after many joins, each event is in the one that its
 * work and its address say, by a log of all events that is added up at the end.  Would catch: an event in the interval
 * before or after, a join that loses or doubles, a row or region found for another address, a first touch counted twice. */
#include "fixture.h"

#define PAGES 6000u
#define EVENTS 20000u

struct event { u64 va, work; bool first; };
struct world {
    struct fixture f;
    struct proc *p;
    u64 base[3], work, rng;
    struct event log[EVENTS];
    u32 events;
    u8 seen[3 * PAGES];
    u64 intervals, ended;            /* told so far                                                               */
    struct sim_counters sum;
    u64 touched, misses, region_touched, rows;
};

static u64 rnd(struct world *w, u64 below)
{
    w->rng ^= w->rng << 13;
    w->rng ^= w->rng >> 7;
    w->rng ^= w->rng << 17;
    return w->rng % below;
}

static void begin(struct world *w, u64 seed)
{
    memset(w, 0, sizeof *w);
    w->rng = seed;
    fixture_begin(&w->f, "skylake", 256u << 20);
    w->p = process(&w->f, "p", 0);
    for (int i = 0; i < 3; i++)
        w->base[i] = map(&w->f, w->p, PAGES * PAGE_BYTES, RW, ANON);
    sim_watch(w->f.s, w->p);
}

/* Store to one of the first `pages` pages of a mapping after so much more work. */
static void step(struct world *w, u64 more, u32 pages)
{
    const u32 m = (u32)rnd(w, 3), page = (u32)rnd(w, pages);
    const u64 va = w->base[m] + page * PAGE_BYTES;

    w->work += more;
    sim_worked(w->f.s, w->work);
    assert_int_equal(touch(&w->f, 0, va, MMU_STORE, NULL), 0);
    w->log[w->events++] = (struct event){ va, w->work, !w->seen[m * PAGES + page] };
    w->seen[m * PAGES + page] = 1;
}

/* First touches of the log with work in [from, to) and addresses in [low, high). */
static u64 first_touches(const struct world *w, u64 from, u64 to, u64 low, u64 high)
{
    u64 n = 0;
    for (u32 i = 0; i < w->events; i++)
        n += w->log[i].first && w->log[i].work >= from && w->log[i].work < to && w->log[i].va >= low && w->log[i].va < high;
    return n;
}

static void see_interval(void *ctx, const struct sim_interval *i)
{
    struct world *w = ctx;
    const u64 length = sim_interval_work(w->f.s), from = w->intervals * length;

    assert_true(w->intervals <= SIM_INTERVALS);
    assert_true(i->end == from + length || i->end == w->work);
    w->intervals++;
    w->ended = i->end;
    assert_int_equal(i->n.minor, first_touches(w, from, from + length, 0, ~(u64)0));
    w->sum.minor += i->n.minor;
    w->sum.zeroed_pages += i->n.zeroed_pages;
    w->sum.l1d_miss += i->n.l1d_miss;
    w->sum.walks_d += i->n.walks_d;
    w->sum.walk_cycles += i->n.walk_cycles;
}

static void see_row(void *ctx, const struct sim_heat_row *r)
{
    struct world *w = ctx;
    const u64 bytes = sim_heat_row_bytes(w->f.s), column = sim_interval_work(w->f.s) * (SIM_INTERVALS / SIM_HEAT_COLUMNS);

    assert_int_equal(r->start % bytes, 0);
    w->rows++;
    for (u32 c = 0; c < SIM_HEAT_COLUMNS; c++) {
        assert_int_equal(r->cell[c].touched, first_touches(w, c * column, (c + 1) * column, r->start, r->start + bytes));
        w->touched += r->cell[c].touched;
        w->misses += r->cell[c].misses;
    }
}

static void see_region(void *ctx, const struct sim_region *r)
{
    struct world *w = ctx;
    u64 n = 0;

    assert_int_equal(r->start % (2u << 20), 0);
    for (int i = 0; i < 8; i++)
        n += (u64)__builtin_popcountll(r->touched[i]);
    assert_int_equal(n, first_touches(w, 0, ~(u64)0, r->start, r->start + (2u << 20)));
    assert_int_equal(n, sim_touched_pages(w->f.s, r->start, r->start + (2u << 20)));
    assert_int_equal(r->faults, n);
    assert_int_equal(r->mapped_pages, n);
    assert_string_equal(r->mapping->kind, "anon");
    w->region_touched += n;
}

/* All that is told agrees with the log, and sums with the machine's and the process's own counters. */
static void compare(struct world *w)
{
    struct mmu_stats s = *mmu_stats(w->f.m, 0);
    const u64 all = first_touches(w, 0, ~(u64)0, 0, ~(u64)0);

    w->intervals = w->ended = w->touched = w->misses = w->region_touched = w->rows = 0;
    w->sum = (struct sim_counters){ 0 };
    sim_each_interval(w->f.s, see_interval, w);
    assert_int_equal(w->ended, w->work);
    assert_int_equal(w->sum.minor, proc_counters(w->p)->minor);
    assert_int_equal(w->sum.zeroed_pages, proc_counters(w->p)->zeroed_pages);
    assert_int_equal(w->sum.l1d_miss, s.l1_miss[MMU_SIDE_D][MMU_4K]);
    assert_int_equal(w->sum.walk_cycles, s.cycles_walk);
    sim_each_heat_row(w->f.s, see_row, w);
    assert_true(w->rows <= SIM_HEAT_ROWS);
    assert_int_equal(w->touched, all);
    assert_int_equal(w->misses, w->sum.l1d_miss);
    sim_each_region(w->f.s, see_region, w);
    assert_int_equal(w->region_touched, all);
}

static struct world world;

static void many_small_steps(void **state)
{
    (void)state;
    begin(&world, 7);
    for (u32 i = 0; i < 3000; i++)
        step(&world, rnd(&world, 2000), 90); /* rows of one page until the last few */
    compare(&world);
    for (u32 i = 0; i < 3000; i++)
        step(&world, rnd(&world, 9000), PAGES);
    compare(&world);
    fixture_end(&world.f);
}

static void long_pauses(void **state)
{
    (void)state;
    begin(&world, 11);
    for (u32 i = 0; i < 1500; i++)
        step(&world, rnd(&world, 50) ? rnd(&world, 5) : (u64)1 << rnd(&world, 36), PAGES);
    compare(&world);
    fixture_end(&world.f);
}

/* The first moment of an interval is its own, not the last of the one before. */
static void on_the_boundary(void **state)
{
    (void)state;
    begin(&world, 19);
    for (u32 i = 0; i < 1200; i++)
        step(&world, 1024, PAGES);
    compare(&world);
    fixture_end(&world.f);
}

/* Work is never taken back; watching again begins at nothing, and nobody watched is nothing. */
static void again_and_nobody(void **state)
{
    (void)state;
    begin(&world, 13);
    step(&world, 5000, PAGES);
    sim_worked(world.f.s, 17);
    compare(&world);
    sim_watch(world.f.s, NULL);
    assert_int_equal(sim_interval_work(world.f.s), 0);
    assert_int_equal(touch(&world.f, 0, world.base[0] + 4096, MMU_STORE, NULL), 0);
    world.intervals = world.rows = 0;
    sim_each_interval(world.f.s, see_interval, &world);
    sim_each_heat_row(world.f.s, see_row, &world);
    sim_each_region(world.f.s, see_region, &world);
    assert_int_equal(world.intervals + world.rows, 0);
    fixture_end(&world.f);
}

/* A region counts as whole only while one private anonymous mapping has all of it. */
static void see_whole(void *ctx, const struct sim_region *r)
{
    u64 *whole = ctx;
    whole[0] += r->whole;
    whole[1] += !r->whole;
}

static void whole_regions(void **state)
{
    u64 whole[2] = { 0 }, size = 2u << 20, at = 0x40000000;
    (void)state;
    begin(&world, 17);
    assert_int_equal(mm_mmap(world.p, at, 2 * size, RW, ANON | MM_MAP_FIXED, NULL, 0), (long)at);
    assert_int_equal(mm_mmap(world.p, at + 4 * size, size - PAGE_BYTES, RW, ANON | MM_MAP_FIXED, NULL, 0), (long)(at + 4 * size));
    for (u64 i = 0; i < 5; i += i == 1 ? 3 : 1)
        assert_int_equal(touch(&world.f, 0, at + i * size, MMU_STORE, NULL), 0);
    sim_each_region(world.f.s, see_whole, whole);
    assert_int_equal(whole[0], 2);
    assert_int_equal(whole[1], 1);
    fixture_end(&world.f);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(many_small_steps), cmocka_unit_test(long_pauses), cmocka_unit_test(on_the_boundary),
                                        cmocka_unit_test(again_and_nobody),
                                        cmocka_unit_test(whole_regions) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
