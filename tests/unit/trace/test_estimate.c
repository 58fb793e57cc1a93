/* SPDX-License-Identifier: MIT
 * test_estimate.c - the estimate of the run time on cases that can be worked out by hand: chains that cannot overlap, chains that
 * must, faults alone, nothing at all. */
#include "trace/estimate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

/* One GHz: a second is 10^9 cycles. */
static const struct mmu_costs slow = { .mhz = 1000, .memory_cycles = 300, .fault_cycles = 1000, .zero_cycles = 100, .copy_cycles = 200 };

static void between(double low, double high, double x)
{
    if (!(x >= low && x <= high))
        fail_msg("%f is not from %f to %f", x, low, high);
}

/* A million walks of 100 cycles, each before 300 of memory, in 0.4 s: one after the other.  Without walks a quarter is saved. */
static void a_chain_that_fills_the_time_is_seen_whole(void **state)
{
    const struct basis b = { slow, 0.4 };
    const struct replay_outcome from = { .instructions = 3000000, .walks = 1000000, .walk_cycles = 100000000 }, to = { .instructions = 3000000 };
    struct change c = estimate_change(&b, &from, &to);
    (void)state;
    assert_true(c.known);
    between(-25.01, -23, c.middle);
    between(-25.01, c.middle, c.low);
    between(c.middle, -10, c.high);
}

/* The same in a tenth of the time: ten chains at once.  A walk's share of its chain is the most that can be saved. */
static void overlapping_chains_hide_walks(void **state)
{
    const struct basis b = { slow, 0.04 };
    const struct replay_outcome from = { .instructions = 3000000, .walks = 1000000, .walk_cycles = 100000000 }, to = { .instructions = 3000000 };
    struct change c = estimate_change(&b, &from, &to);
    (void)state;
    between(-35, -24, c.low);       /* memory at its least: 100 of 325                                              */
    between(-16, -12, c.middle);
    between(-5, 0, c.high);
}

/* 100,000 faults of 1000 cycles and 100 of zeroing in 1 s, all gone but 200 huge ones that zero as much. */
static void faults_cost_what_was_measured(void **state)
{
    const struct basis b = { slow, 1 };
    const struct replay_outcome from = { .instructions = 1, .minor = 100000, .zeroed_pages = 100000 },
                                to = { .instructions = 1, .minor = 200, .zeroed_pages = 102400 };
    struct change c = estimate_change(&b, &from, &to);
    (void)state;
    between(-10.1, -9.9, c.middle);
    between(-12.6, -7.4, c.low);
    between(-7.6, -7.3, c.high);
}

/* A populated page is cheaper than a fault and dearer than nothing. */
static void populated_pages_are_paid_for(void **state)
{
    const struct basis b = { slow, 1 };
    const struct replay_outcome from = { .instructions = 1, .minor = 100000 }, filled = { .instructions = 1, .populated = 100000 }, none = { .instructions = 1 };
    (void)state;
    assert_true(estimate_change(&b, &from, &filled).high < 0);
    assert_true(estimate_change(&b, &from, &filled).middle > estimate_change(&b, &from, &none).middle + 1);
}

static void without_the_time_the_range_is_wider(void **state)
{
    const struct basis told = { slow, 0.4 }, untold = { { 0 }, 0 };
    const struct replay_outcome from = { .instructions = 3000000, .walks = 1000000, .walk_cycles = 100000000 }, to = { .instructions = 3000000 }, cut = { 0 };
    struct change a = estimate_change(&told, &from, &to), c = estimate_change(&untold, &from, &to);
    (void)state;
    assert_true(c.known && c.high - c.low > a.high - a.low);
    assert_false(estimate_change(&untold, &cut, &to).known);
}

static void the_same_counts_change_nothing(void **state)
{
    const struct basis b = { slow, 0.4 };
    const struct replay_outcome same = { .instructions = 3000000, .walks = 1000, .walk_cycles = 100000, .minor = 7 };
    struct change c = estimate_change(&b, &same, &same);
    (void)state;
    assert_true(c.low == 0 && c.middle == 0 && c.high == 0);
}

static void assumptions_say_what_was_measured(void **state)
{
    const struct basis b = { { .fault_cycles = 1000 }, 0 };
    struct assumption a;
    unsigned measured = 0, i = 0;
    (void)state;
    for (; estimate_assumption(&b, i, &a); i++)
        if (a.measured) {
            measured++;
            assert_true(strstr(a.what, "fault") && a.low == 750 && a.high == 1250);
        }
    assert_true(measured == 1 && i > 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_chain_that_fills_the_time_is_seen_whole), cmocka_unit_test(overlapping_chains_hide_walks),
        cmocka_unit_test(faults_cost_what_was_measured), cmocka_unit_test(populated_pages_are_paid_for),
        cmocka_unit_test(without_the_time_the_range_is_wider), cmocka_unit_test(the_same_counts_change_nothing),
        cmocka_unit_test(assumptions_say_what_was_measured),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
