/* SPDX-License-Identifier: MIT
 * test_nested_walk.c - how many entries a two-dimensional walk reads, with which caches, and what it finds.  Rules 137, 138, 141. */
#include "nested_box.h"

#define VA 0x7f1234567000ull
#define PAGE_GPA 0x140000000ull
#define PAGE_PA 0x200000ull

/* One page: guest levels, the guest page's level, nested levels, the level of the nested page below it. */
struct shape { unsigned guest, guest_page, nested, nested_page; };

static void build(struct nested_box *n, const struct shape *s, bool npt)
{
    nested_prepare(n, npt);
    nested_make(n);
    n->b.levels = s->guest;
    n->nested_levels = s->nested;
    if (s->guest == 5)
        n->guest.reg.cr4 |= X86_CR4_LA57;
    if (s->nested == 5 && !npt)
        n->guest.root = NESTED_ROOT | 4 << EPTP_LEVELS_SHIFT | 6;
    if (s->nested == 5 && npt) {
        box_la57(&n->b);
        n->b.levels = s->guest;
    }
    guest_map(n, VA & ~(((u64)1 << (12 + 9 * s->guest_page)) - 1), s->guest_page, PAGE_GPA, PTE_ALL);
    nested_map(n, PAGE_GPA + (VA & (((u64)1 << (12 + 9 * s->guest_page)) - 1) & ~(((u64)1 << (12 + 9 * s->nested_page)) - 1)),
               s->nested_page, s->nested_page == 2 ? 0 : PAGE_PA);
    guest_enter(n);
}

/* Cold: for each of the guest's entries a nested walk and the entry, then the nested walk of the page. */
static unsigned cold_reads(const struct shape *s)
{
    unsigned guest = s->guest - s->guest_page;
    return guest * (s->nested + 1) + s->nested - s->nested_page;
}

static void cold_walks(void **state)
{
    (void)state;
    static const struct shape shapes[] = {
        { 4, 0, 4, 0 }, { 4, 0, 5, 0 }, { 5, 0, 4, 0 }, { 5, 0, 5, 0 }, { 4, 1, 4, 0 }, { 4, 1, 4, 1 }, { 4, 2, 4, 1 },
        { 4, 0, 4, 1 }, { 4, 0, 4, 2 }, { 5, 2, 5, 2 }, { 4, 2, 4, 0 },
    };
    assert_int_equal(cold_reads(&shapes[0]), 24);
    assert_int_equal(cold_reads(&shapes[3]), 35);
    for (unsigned npt = 0; npt < 2; npt++)
        for (unsigned i = 0; i < sizeof shapes / sizeof *shapes; i++) {
            struct nested_box n;
            const struct shape *s = &shapes[i];
            build(&n, s, npt);
            struct mmu_guest_walk w;
            mmu_guest_walk(n.b.m, 0, VA + 5, MMU_LOAD, 0, &w);
            struct mmu_result r = box_do(&n.b, VA + 5, MMU_LOAD);
            assert_int_equal(r.status, MMU_OK);
            assert_int_equal(r.reads, cold_reads(s));
            assert_int_equal(w.w.r.reads, cold_reads(s));
            assert_int_equal(w.steps, cold_reads(s));
            assert_int_equal(w.w.r.pa, r.pa);
            assert_int_equal(r.page_lg2, 12 + 9 * s->guest_page);
            assert_int_equal(w.nested_lg2, 12 + 9 * s->nested_page);
            unsigned smaller = s->guest_page < s->nested_page ? s->guest_page : s->nested_page;
            assert_int_equal(nested_stats(&n)->splintered, smaller < s->guest_page);
            r = box_do(&n.b, VA + 9, MMU_LOAD);
            assert_int_equal(r.by, MMU_BY_L1);
            assert_int_equal(r.reads, 0);
            u64 nested_offset = VA & (((u64)1 << (12 + 9 * s->nested_page)) - 1);
            if (s->nested_page <= s->guest_page) /* else the guest's page begins somewhere in it */
                assert_int_equal(r.pa, (s->nested_page == 2 ? 0 : PAGE_PA) + nested_offset + 9);
            guest_leave(&n);
            box_end(&n.b);
        }
}

/* ---- fewer, with each cache: 4 over 4 levels, pages of 4 KiB, all gpas in one region of 2 MiB ----------------------------- */

#define NEAR_PA 0x100000ull
#define NEAR_GPA (NESTED_GPA + NEAR_PA)

static const struct mmu_psc_desc nested_psc[] = { { 1, 16, 4, "" }, { 2, 4, 4, "" }, { 3, 2, 2, "" } };

/* Two neighbouring pages, in tables that stand at gpas of one region of 2 MiB. */
static void build_near(struct nested_box *n, bool npt, u16 gpa_entries, u8 nested_pscs, bool guest_pscs)
{
    static struct mmu_profile profile;
    nested_prepare(n, npt);
    profile = *n->b.cfg.profile;
    profile.pscs = guest_pscs ? profile.pscs : 0;
    n->b.cfg.profile = &profile;
    n->config.gpa_entries = n->config.gpa_ways = gpa_entries;
    n->config.pscs = nested_pscs;
    n->config.psc = nested_psc;
    nested_make(n);
    for (u64 i = 0; i < 2; i++) {
        guest_map(n, VA + i * 4096, 0, NEAR_GPA + i * 4096, PTE_ALL | X86_PTE_A);
        nested_map(n, NEAR_GPA + i * 4096, 0, NEAR_PA + i * 4096);
    }
    guest_enter(n);
}

static void with_caches(void **state)
{
    (void)state;
    static const struct { u16 gpa; u8 nested; bool guest; u8 first, second; const char *why; } rows[] = {
        { 0, 0, false, 24, 24, "nothing: (4 + 1) * 4 + 4" },
        { 0, 1, false, 12, 9, "nested PDEs: the first walk reads 4, each later one 1; then 5 * 1 + 4" },
        { 0, 3, false, 12, 9, "levels above add nothing when the lowest hits" },
        { 16, 0, false, 24, 8, "nested translations: the four tables' are known, the page's is walked: 4 + 4" },
        { 16, 1, false, 12, 5, "both: 4 entries, and 1 for the page" },
        { 0, 0, true, 24, 5, "the guest's PDE: its page table is known by its host address: 1 + 4" },
        { 0, 1, true, 12, 2, "the guest's PDE, and nested PDEs: 1 + 1" },
        { 16, 1, true, 12, 2, "every cache" },
    };
    for (unsigned npt = 0; npt < 2; npt++)
        for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
            struct nested_box n;
            struct mmu_guest_walk record;
            build_near(&n, npt, rows[i].gpa, rows[i].nested, rows[i].guest);
            mmu_guest_record(n.b.m, 0, &record);
            struct mmu_result r = box_do(&n.b, VA, MMU_LOAD);
            assert_int_equal(r.status, MMU_OK);
            if (r.reads != rows[i].first)
                print_error("%s\n", rows[i].why);
            assert_int_equal(r.reads, rows[i].first);
            assert_int_equal(r.pa, NEAR_PA);
            assert_int_equal(record.steps, rows[i].first);
            r = box_do(&n.b, VA + 4096, MMU_LOAD);
            assert_int_equal(r.status, MMU_OK);
            if (r.reads != rows[i].second)
                print_error("%s\n", rows[i].why);
            assert_int_equal(r.reads, rows[i].second);
            assert_int_equal(r.pa, NEAR_PA + 4096);
            assert_int_equal(record.steps, rows[i].second);
            assert_int_equal(record.gpa, NEAR_GPA + 4096);
            const struct mmu_nested_stats *s = nested_stats(&n);
            const struct mmu_stats *g = mmu_stats(n.b.m, 0);
            u64 nested = s->reads[0] + s->reads[1] + s->reads[2] + s->reads[3], guest = g->reads[0] + g->reads[1] + g->reads[2] + g->reads[3];
            assert_int_equal(nested + guest, rows[i].first + rows[i].second);
            assert_int_equal(guest, rows[i].guest ? 5 : 8);
            assert_int_equal(s->translations, rows[i].guest ? 6 : 10);
            assert_int_equal(s->walks + s->gpa_hit, s->translations);
            box_end(&n.b);
        }
}

static const struct CMUnitTest tests[] = { cmocka_unit_test(cold_walks), cmocka_unit_test(with_caches) };
int main(void) { return cmocka_run_group_tests(tests, NULL, NULL); }
