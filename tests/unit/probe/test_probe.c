/* SPDX-License-Identifier: MIT
 * test_probe.c - the measuring of `pagewalk probe` on made-up machines: from noisy times alone it must find the geometry
 * that the machine was made with, and where the times show nothing it must say so. */
#include "pagewalk/mmu.h"
#include "probe/probe.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* ---- a made-up machine: two levels of sets, written without the machine of src/machine ------------------------------------ */

#define ENTRIES_MAX 8192

struct array { u32 ways, sets; bool hashed, lru; u64 tag[ENTRIES_MAX], used[ENTRIES_MAX]; };
struct made_up {
    struct array l1, l2[2];
    unsigned l2s;
    double l2_cycles, walk_cycles, noise, spikes; /* spikes: part of the tours that a disturbance makes slower       */
    u64 seed, clock;
};

static u64 random64(struct made_up *m)
{
    m->seed += 0x9e3779b97f4a7c15;
    u64 z = (m->seed ^ m->seed >> 30) * 0xbf58476d1ce4e5b9;
    return z ^ z >> 29;
}

static double random_part(struct made_up *m) { return (double)(random64(m) >> 11) / (double)(1ull << 53); }

/* LRU, or NRU: a bit for each way that was used; when all are set only the newest stays; the lowest clear one goes. */
static u32 victim_of(struct array *a, const u64 *used, u32 otherwise)
{
    u32 victim = a->lru ? 0 : otherwise;
    for (u32 w = 0; w < a->ways; w++) {
        if (!a->lru && !used[w])
            return w;
        if (a->lru && used[w] < used[victim])
            victim = w;
    }
    return victim;
}

static void touch(struct made_up *m, struct array *a, u64 *used, u32 way)
{
    used[way] = ++m->clock;
    if (a->lru || victim_of(a, used, a->ways) != a->ways)
        return;
    memset(used, 0, a->ways * sizeof *used);
    used[way] = 1;
}

/* Hit, or miss and fill. */
static bool look_up(struct made_up *m, struct array *a, u64 vpn)
{
    u64 low = vpn & (a->sets - 1), set = a->hashed ? low ^ (vpn / a->sets & (a->sets - 1)) : low;
    u64 *tag = a->tag + set * a->ways, *used = a->used + set * a->ways;
    u32 way = 0;

    while (way < a->ways && tag[way] != vpn + 1)
        way++;
    bool hit = way < a->ways;
    if (!hit) {
        way = victim_of(a, used, 0);
        tag[way] = vpn + 1;
    }
    touch(m, a, used, way);
    return hit;
}

static double access_cycles(struct made_up *m, u64 vpn)
{
    struct array *l2 = &m->l2[m->l2s == 2 ? vpn / m->l2[0].sets % 2 : 0];

    if (look_up(m, &m->l1, vpn))
        return 0;
    return m->l2s && look_up(m, l2, vpn) ? m->l2_cycles : m->walk_cycles;
}

static bool made_up_tour(void *ctx, const u64 *vpn, unsigned pages, double *cycles)
{
    static u64 order[TOUR_MAX];
    struct made_up *m = ctx;

    memcpy(order, vpn, pages * sizeof *order);
    for (unsigned i = pages - 1; i; i--) {
        unsigned j = (unsigned)(random64(m) % (i + 1));
        u64 t = order[i];
        order[i] = order[j];
        order[j] = t;
    }
    for (unsigned round = 0; round < 3; round++) { /* the last one counts */
        *cycles = 0;
        for (unsigned i = 0; i < pages; i++)
            *cycles += access_cycles(m, order[i]);
    }
    *cycles = *cycles / pages + m->noise * (random_part(m) + random_part(m) - 1);
    if (random_part(m) < m->spikes)
        *cycles += 30 * random_part(m);
    return true;
}

static struct made_up *make(void)
{
    struct made_up *m = calloc(1, sizeof *m);
    m->l2_cycles = 7;
    m->walk_cycles = 40;
    m->noise = 0.2;
    m->spikes = 0.03;
    m->seed = 1;
    return m;
}

static void shape(struct array *a, const struct mmu_tlb_desc *t, bool lru)
{
    a->ways = t->ways;
    a->sets = t->sets;
    a->hashed = t->hash == MMU_XOR;
    a->lru = lru;
}

/* The arrays that answer loads of 4 KiB pages. */
static struct made_up *make_profile(const struct mmu_profile *p, bool lru)
{
    struct made_up *m = make();
    for (unsigned i = 0; i < p->tlbs; i++) {
        const struct mmu_tlb_desc *t = &p->tlb[i];
        if (!(t->ports & MMU_PORT_LOAD) || !(t->sizes & 1 << MMU_4K))
            continue;
        if (t->level == 1)
            shape(&m->l1, t, lru);
        else
            shape(&m->l2[m->l2s++], t, lru);
    }
    return m;
}

static void probe(struct made_up *m, struct probe_hint hint, unsigned rounds, struct probe_result *r)
{
    const struct bench b = { m, made_up_tour };
    const struct probe_plan plan = { .rounds = rounds, .hint = hint };
    assert_true(probe_run(&b, &plan, r));
}

static struct probe_result r; /* too big for a stack */

/* ---- every profile's geometry ----------------------------------------------------------------------------------------------- */

static void is_level(const char *name, const char *level, const struct level_found *l, u32 ways, u32 sets, bool hashed)
{
    if (!l->reach_clear || !l->ways_clear)
        fail_msg("%s: %s not clear: %s (%u to %u)", name, level, l->why, l->step.low, l->step.high);
    if (l->entries != ways * sets || l->ways != ways || l->sets != sets || l->hashed != hashed)
        fail_msg("%s: %s found as %u = %u x %u%s, made as %u = %u x %u", name, level, l->entries, l->ways, l->sets,
                 l->hashed ? " hashed" : "", ways * sets, ways, sets);
}

static void geometry_of(const char *name, bool lru)
{
    struct made_up *m = make_profile(mmu_profile_find(name), lru);

    probe(m, (struct probe_hint){ 0, 0 }, 3, &r);
    is_level(name, "first level", &r.l1, m->l1.ways, m->l1.sets, m->l1.hashed);
    if (m->l2s)
        is_level(name, "second level", &r.l2, m->l2[0].ways, m->l2[0].sets * m->l2s, m->l2[0].hashed);
    else
        assert_false(r.l2.reach_clear);
    /* The step itself: no more than the size hits, and not many more are needed to miss. */
    if (lru) {
        u32 l1 = m->l1.ways * m->l1.sets;
        assert_in_range(r.l1.step.low, l1 * 9 / 10, l1 + l1 / 16);
        assert_in_range(r.l1.step.high, l1 + 1, l1 + l1 / 8 + 2);
    }
    /* The heights of the plateaus. */
    double step = m->l2s ? m->l2_cycles : m->walk_cycles;
    assert_true(r.height.l2_hit - r.height.hit > step - 0.5 && r.height.l2_hit - r.height.hit < step + 0.5);
    if (m->l2s)
        assert_true(r.height.walk > 38 && r.height.walk < 42);
    free(m);
}

static void geometries(void **state)
{
    static const char *const names[] = { "nehalem", "broadwell", "skylake", "goldencove", "silvermont", "gracemont", "jaguar", "zen4",
                                         "zen5", "gem5" };
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        geometry_of(names[i], true);
}

/* Silicon does not replace in LRU order: the steps are less sharp. */
static void other_replacement(void **state)
{
    static const char *const names[] = { "haswell", "skylake", "zen2" };
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        geometry_of(names[i], false);
}

/* ---- what is not there is not found --------------------------------------------------------------------------------------------- */

static void flat_curve(void **state)
{
    struct made_up *m = make();
    (void)state;

    m->l1 = (struct array){ .ways = 8, .sets = 512, .lru = true };
    m->walk_cycles = 0.3; /* a miss that costs nothing to speak of */
    probe(m, (struct probe_hint){ 64, 1536 }, 3, &r);
    assert_false(r.l1.reach_clear);
    assert_false(r.l2.reach_clear);
    assert_non_null(r.l1.why);
    assert_non_null(r.l2.why);
    assert_false(r.l1.ways_clear || r.l2.ways_clear);
    free(m);
}

/* Noise as high as the step: no answer, whatever is expected. */
static void drowned_in_noise(void **state)
{
    struct made_up *m = make_profile(mmu_profile_find("skylake"), true);
    (void)state;

    m->noise = 30;
    probe(m, (struct probe_hint){ 64, 1536 }, 3, &r);
    assert_false(r.l1.reach_clear);
    assert_false(r.l2.reach_clear);
    free(m);
}

/* Sets of one way do not exist; what looks like them is a disturbance (loads that nobody asked for take entries). */
static void one_way(void **state)
{
    struct made_up *m = make_profile(mmu_profile_find("skylake"), true);
    (void)state;

    m->l1 = (struct array){ .ways = 1, .sets = 64, .lru = true };
    probe(m, (struct probe_hint){ 64, 1536 }, 3, &r);
    assert_true(r.l1.reach_clear);
    assert_false(r.l1.ways_clear);
    assert_non_null(r.l1.why);
    free(m);
}

/* A second level that no tour leaves: its hit is known, its size is not. */
static void too_big_to_see(void **state)
{
    struct made_up *m = make_profile(mmu_profile_find("skylake"), true);
    (void)state;

    m->l2[0] = (struct array){ .ways = 1, .sets = 8192, .lru = true };
    m->walk_cycles = m->l2_cycles;
    probe(m, (struct probe_hint){ 0, 0 }, 3, &r);
    is_level("huge", "first level", &r.l1, 4, 16, false);
    assert_false(r.l2.reach_clear);
    assert_true(r.height.l2_hit > 6.5 && r.height.l2_hit < 7.5);
    free(m);
}

/* An index that is neither linear nor the known XOR: the reach is clear, the ways are not. */
static void unknown_index(void **state)
{
    struct curve c = { 0 };
    struct step s;
    (void)state;

    /* a step that takes a factor of four to rise */
    for (unsigned n = 4; n < 4096; n = n * 5 / 4 + 1) {
        double at = n < 64 ? 0 : n > 1024 ? 7 : 7.0 * (n - 64) / (1024 - 64), times[1] = { at };
        curve_add(&c, n, times, 1);
    }
    s = curve_step(&c, 0, 7, 0.05, 8);
    assert_false(s.clear);
}

/* ---- pieces ---------------------------------------------------------------------------------------------------------------------- */

static void points(void **state)
{
    struct curve c = { 0 };
    double a[] = { 50, 3, 4, 9, 1 }, b[] = { 4, 2 }, again[] = { 9 };
    (void)state;

    curve_add(&c, 20, a, 5);
    curve_add(&c, 10, b, 2);
    curve_add(&c, 20, again, 1); /* a size counts once */
    assert_int_equal(c.n, 2);
    assert_int_equal(c.p[0].pages, 10);
    assert_true(c.p[0].cycles == 2 && c.p[1].cycles == 3 && c.p[1].spread == 3);
    for (unsigned n = 100; n < 1000; n++)
        curve_add(&c, n, again, 1);
    assert_int_equal(c.n, CURVE_MAX);
}

static void sizes(void **state)
{
    static const struct { unsigned low, high, hint, size; } row[] = {
        { 64, 66, 0, 64 }, { 72, 73, 0, 72 }, { 96, 99, 0, 96 }, { 48, 49, 0, 48 }, { 100, 101, 0, 100 },
        { 1540, 1570, 0, 1536 }, { 2270, 3243, 0, 3072 }, { 2270, 3000, 2700, 2700 }, { 2270, 3000, 3000, 2560 },
    };
    (void)state;
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        struct step s = { true, row[i].low, row[i].high };
        assert_int_equal(step_size(&s, row[i].hint), row[i].size);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(geometries), cmocka_unit_test(other_replacement), cmocka_unit_test(flat_curve),
                                        cmocka_unit_test(drowned_in_noise), cmocka_unit_test(one_way),
                                        cmocka_unit_test(too_big_to_see),
                                        cmocka_unit_test(unknown_index), cmocka_unit_test(points), cmocka_unit_test(sizes) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
