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

static const struct CMUnitTest tests[] = { cmocka_unit_test(cold_walks) };
int main(void) { return cmocka_run_group_tests(tests, NULL, NULL); }
