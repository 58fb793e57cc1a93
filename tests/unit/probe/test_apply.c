/* SPDX-License-Identifier: MIT
 * test_apply.c - from a measurement to a profile: what was clear takes the place of what was assumed, the rest stays, and
 * every source says which; and the picture of the curve. */
#include "probe/apply.h"
#include "probe/plot.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct mmu_profile_store store;
static struct probe_result r;

static struct level_found found(unsigned ways, unsigned sets, bool hashed)
{
    unsigned n = ways * sets;
    return (struct level_found){ true, true, { true, n, n + 1 }, n, ways, sets, hashed, NULL };
}

static const struct mmu_profile *apply(const char *name)
{
    const struct apply_where where = { 3, 3.5, true, "2026-01-02" };

    r.height = (struct plateaus){ .l1_clear = true, .l2_clear = true, .hit = 0, .l2_hit = 8.2, .walk = 60, .l1_why = "a", .l2_why = "b" };
    apply_result(mmu_profile_find(name), &r, &where, &store);
    assert_null(mmu_profile_unfit(&store.profile));
    return &store.profile;
}

static const struct mmu_tlb_desc *array(const struct mmu_profile *p, const char *name)
{
    for (unsigned i = 0; i < p->tlbs; i++)
        if (!strcmp(p->tlb[i].name, name))
            return &p->tlb[i];
    fail_msg("no %s", name);
    return NULL;
}

static void says(const char *text, const char *what)
{
    if (!strstr(text, what))
        fail_msg("\"%s\" does not say \"%s\"", text, what);
}

static void every_number_is_marked(const struct mmu_profile *p)
{
    for (unsigned i = 0; i < p->tlbs; i++)
        assert_true(!strncmp(p->tlb[i].source, "measured", 8) || !strncmp(p->tlb[i].source, "not ", 4));
    for (unsigned i = 0; i < p->pscs; i++)
        assert_ptr_equal(strstr(p->psc[i].source, "not measured: "), p->psc[i].source);
    assert_true(!strncmp(p->timing.source, "measured", 8) || !strncmp(p->timing.source, "not ", 4));
}

/* Twice the reach and more: 64 MiB gives the near walk, 1 GiB the far one. */
static void walks_of_large_memory(void **state)
{
    const struct apply_where where = { 3, 3.5, true, "2026-01-02" };
    struct costs_found c = { .huge = true, .fault = 2000, .zero = 300, .copy = 500,
                             .at = { { 16 << 20, 200, 20 }, { 64 << 20, 250, 81.25 }, { 256 << 20, 300, 121.875 }, { 1 << 30, 350, 199.2 } } };
    const struct mmu_timing *t = &store.profile.timing;
    (void)state;

    r.l1 = found(6, 16, false);
    r.l2 = found(12, 256, false);
    apply("skylake");
    apply_costs(&c, &r, &where, &store);
    assert_in_range(t->walk_base_cycles + t->read_near_cycles, 99, 101);
    assert_in_range(t->walk_base_cycles + t->read_far_cycles, 200, 202);
    assert_in_range(t->near_lines, 5500, 6300); /* three quarters of the 8192 lines of 256 MiB                            */
    assert_int_equal(t->costs.mhz, 3500);
    assert_int_equal(t->costs.memory_cycles, 350);
    assert_int_equal(t->costs.fault_cycles * 10000 + t->costs.zero_cycles, 20000300);

    c.at[3].walk = 50; /* its huge pages were none */
    apply("skylake");
    apply_costs(&c, &r, &where, &store);
    assert_int_equal(t->costs.memory_cycles, 300);
    assert_in_range(t->walk_base_cycles + t->read_far_cycles, 128, 132);

    c.huge = false;
    apply("skylake");
    apply_costs(&c, &r, &where, &store);
    assert_null(t->costs.source);
}

static void measured_arrays(void **state)
{
    const struct mmu_profile *p;
    const struct mmu_tlb_desc *t;
    (void)state;

    r.l1 = found(6, 16, false);
    r.l2 = found(8, 256, false);
    p = apply("skylake");
    every_number_is_marked(p);
    t = array(p, "L1D");
    assert_int_equal(t->ways * 1000 + t->sets, 6016);
    assert_int_equal(t->repl, MMU_LRU); /* a tree of 6 ways there is not */
    says(t->source, "measured: 96 entries (96 pages hit, 97 miss), 6 ways, index linear");
    says(t->source, "before, otherwise: CPUID leaf 2");
    t = array(p, "STLB");
    assert_int_equal(t->ways * 1000 + t->sets, 8256);
    assert_int_equal(t->hash, MMU_LINEAR);
    assert_int_equal(t->repl, MMU_LRU);
    assert_int_equal(array(p, "L1I")->ways, 8); /* fetches were not measured */
    says(array(p, "L1I")->source, "not measured: ");
    assert_string_equal(p->name, "skylake-measured");
    says(p->notes, "2026-01-02 on logical CPU 3");

    r.l1 = found(4, 16, false);
    r.l2 = found(12, 128, true);
    t = array(apply("skylake"), "STLB");
    assert_int_equal(t->repl, MMU_PLRU_3X4);
    assert_int_equal(t->hash, MMU_XOR);
    says(t->source, "before, and agreeing");
}

static void shared_pages(void **state)
{
    const struct mmu_profile *p, *q = mmu_profile_find("goldencove");
    (void)state;

    assert_int_equal(apply_hint(q).l2_entries, 2048);
    assert_int_equal(apply_hint(q).l1_entries, 96);
    r.l1 = found(6, 16, false);
    r.l2 = found(8, 256, false);
    p = apply("goldencove");
    every_number_is_marked(p);
    assert_int_equal(array(p, "STLB-a")->sets, 128);
    says(array(p, "STLB-a")->source, "2048 entries together, as 2048");
    r.l2 = found(8, 128, false);
    says(array(apply("goldencove"), "STLB-b")->source, "1024 entries together, not 2048");
}

static void what_was_not_clear(void **state)
{
    const struct mmu_profile *p, *q = mmu_profile_find("zen4");
    (void)state;

    r.l1 = (struct level_found){ .why = "no step in the times" };
    r.l2 = found(24, 128, false);
    r.l2.ways_clear = false;
    r.l2.why = "no stride shows the sets";
    r.l2.entries = 1536;
    p = apply("zen4");
    every_number_is_marked(p);
    assert_int_equal(array(p, "L1D")->ways, array(q, "L1D")->ways);
    says(array(p, "L1D")->source, "not clear when measured (no step in the times): ");
    assert_int_equal(array(p, "L2D")->ways * 1000 + array(p, "L2D")->sets, 24064); /* entries measured, ways assumed */
    says(array(p, "L2D")->source, "ways: not clear (no stride shows the sets)");
    r.l2.entries = 1000;
    assert_int_equal(array(apply("zen4"), "L2D")->sets, 128);
    says(array(&store.profile, "L2D")->source, "cannot make");
}

static void timing(void **state)
{
    const struct mmu_timing *t, *before = &mmu_profile_find("zen4")->timing;
    const struct apply_where where = { 0, 3.5, false, "2026-01-02" };
    (void)state;

    r.l1 = found(72, 1, false);
    r.l2 = found(24, 128, false);
    t = &apply("zen4")->timing;
    assert_int_equal(t->stlb_hit_cycles, 8);
    /* 7680 pages are 960 lines of tables, 512 of them near: a read costs 4 * 8/15 + 50 * 7/15 = 25.5 of the 60. */
    assert_int_equal(t->walk_base_cycles, 35);
    assert_int_equal(t->read_far_cycles, before->read_far_cycles);
    says(t->source, "measured: second-level hit 8.2 cycles, walk 60.0 in all");
    r.height.l2_clear = false;
    apply_result(mmu_profile_find("zen4"), &r, &where, &store);
    assert_int_equal(store.profile.timing.walk_base_cycles, before->walk_base_cycles);
    says(store.profile.timing.source, "the walk was not clear (b)");
    r.height.l1_clear = false;
    apply_result(mmu_profile_find("zen4"), &r, &where, &store);
    assert_int_equal(store.profile.timing.stlb_hit_cycles, before->stlb_hit_cycles);
    says(store.profile.timing.source, "not clear when measured: ");
}

/* ---- the picture ----------------------------------------------------------------------------------------------------- */

static char *draw(const struct curve *c, const struct plot *p)
{
    char *text = NULL;
    size_t n = 0;
    FILE *out = open_memstream(&text, &n);

    plot_curve(out, c, p);
    fclose(out);
    return text;
}

static void picture(void **state)
{
    struct plot p = { .mark = { { 64, "first level 64" }, { 1536, "second level 1536" } } };
    struct curve c = { 0 };
    (void)state;

    for (unsigned n = 4; n < 16384; n = n * 11 / 10 + 1) {
        double cycles[1] = { n <= 64 ? 0 : n <= 1536 ? 10 : 40 };
        curve_add(&c, n, cycles, 1);
    }
    for (p.columns = 1; p.columns < 200; p.columns += 7) {
        char *text = draw(&c, &p);
        unsigned widest = p.columns < 48 ? 48 : p.columns > 108 ? 108 : p.columns, rows = 0;
        says(text, "  40.0 |");
        says(text, "   0.0 +---");
        says(text, "^ first level 64");
        says(text, "^ second level 1536");
        for (const char *line = text, *end; (end = strchr(line, '\n')); line = end + 1, rows++)
            if (!memchr(line, 'p', (size_t)(end - line)) && !memchr(line, '^', (size_t)(end - line)))
                assert_true((size_t)(end - line) <= widest);
        assert_in_range(rows, 15, 16); /* 12, the axis, its labels, one or two lines of marks */
        free(text);
    }
    p.utf8 = true;
    p.columns = 100;
    char *text = draw(&c, &p);
    says(text, "\u2588\u2588");
    free(text);
    p.mark[1].pages = 80; /* too near the first for one line */
    text = draw(&c, &p);
    says(text, "first level 64\n");
    free(text);
    c.n = 0;
    text = draw(&c, &p);
    assert_string_equal(text, "");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(walks_of_large_memory), cmocka_unit_test(measured_arrays), cmocka_unit_test(shared_pages),
                                        cmocka_unit_test(what_was_not_clear), cmocka_unit_test(timing), cmocka_unit_test(picture) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
