/* SPDX-License-Identifier: MIT
 * test_partition.c - partitions against an oracle that holds memory as an array of owners, one byte each, and looks for
 * holes by walking it: every sequence of three operations, and long random ones, under each rule of placement. */
#include "pagewalk/partition.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MEMORY 24
#define PROCESSES 4
#define NOBODY 0xff

/* ---- the oracle ------------------------------------------------------------------------------------------------ */

struct world {
    struct part p;
    u8 owner[MEMORY];
    int size[PROCESSES];     /* 0: no such process                                                                */
    bool there[PROCESSES];
    int next, moved, swapped, failed, fragmented;
};

/* Where `size` bytes go; -1: nowhere. */
static int oracle_place(const struct world *w, int size)
{
    int begins[MEMORY + 1], bytes[MEMORY + 1], holes = 0, found = -1, first = 0;

    for (int i = 0; i < MEMORY; i++)
        if (w->owner[i] == NOBODY) {
            if (i == 0 || w->owner[i - 1] != NOBODY)
                begins[holes] = i, bytes[holes++] = 0;
            bytes[holes - 1]++;
        }
    if (w->p.fit == PART_NEXT) /* the first hole that reaches beyond the last place                               */
        for (first = 0; first < holes && begins[first] + bytes[first] <= w->next; first++)
            ;
    for (int k = 0; k < holes; k++) {
        const int h = (first + k) % holes;

        if (bytes[h] < size)
            continue;
        if (found < 0 || (w->p.fit == PART_BEST && bytes[h] < bytes[found]) || (w->p.fit == PART_WORST && bytes[h] > bytes[found]))
            found = h;
    }
    return found < 0 ? -1 : begins[found];
}

static int oracle_free(const struct world *w)
{
    int n = 0;

    for (int i = 0; i < MEMORY; i++)
        n += w->owner[i] == NOBODY;
    return n;
}

static bool oracle_in(struct world *w, int n)
{
    const int at = oracle_place(w, w->size[n]);

    if (at < 0) {
        w->failed++;
        w->fragmented += w->size[n] <= oracle_free(w);
        return false;
    }
    memset(w->owner + at, n, (size_t)w->size[n]);
    w->there[n] = true;
    w->next = at + w->size[n];
    return true;
}

static void oracle_out(struct world *w, int n)
{
    for (int i = 0; i < MEMORY; i++)
        if (w->owner[i] == n)
            w->owner[i] = NOBODY;
    w->there[n] = false;
}

static void oracle_compact(struct world *w)
{
    int to = 0;

    for (int i = 0; i < MEMORY; i++)
        if (w->owner[i] != NOBODY) {
            const u8 n = w->owner[i];

            w->moved += to != i;
            w->owner[i] = NOBODY;
            w->owner[to++] = n;
        }
    w->next = to;
}

/* ---- both together --------------------------------------------------------------------------------------------- */

static void same(const struct world *w)
{
    int run = 0, largest = 0, holes = 0;

    for (int i = 0; i < MEMORY; i++) {
        run = w->owner[i] == NOBODY ? run + 1 : 0;
        holes += run == 1;
        largest = run > largest ? run : largest;
    }
    assert_int_equal(part_free_bytes(&w->p), oracle_free(w));
    assert_int_equal(part_largest_hole(&w->p), largest);
    assert_int_equal(part_holes(&w->p), holes);
    assert_int_equal(w->p.moved_bytes, w->moved);
    assert_int_equal(w->p.swapped_bytes, w->swapped);
    assert_int_equal(w->p.failed, w->failed);
    assert_int_equal(w->p.failed_fragmented, w->fragmented);
    for (int n = 0; n < PROCESSES; n++)
        for (u64 va = 0; va < 12; va++) {
            u64 pa = 0;
            const bool ok = part_access(&w->p, (unsigned)n, va, &pa);

            assert_int_equal(ok, w->there[n] && va < (u64)w->size[n]);
            assert_true(!ok || (w->owner[pa] == n && (va == 0 || w->owner[pa - 1] == n)));
        }
}

/* Operations: 0 to 39 start process op % 4 with op / 4 + 1 bytes, then end, out, in, compact. */
#define OPERATIONS (40 + 3 * PROCESSES + 1)
static void operate(struct world *w, int op)
{
    const int n = op % PROCESSES, bytes = op / PROCESSES + 1;
    bool want;

    if (op < 40) {
        want = !w->size[n];
        if (want) {
            w->size[n] = bytes;
            want = oracle_in(w, n);
            if (!want)
                w->size[n] = 0;
        }
        assert_int_equal(part_start(&w->p, (unsigned)n, (u64)bytes), want);
    } else if (op < 40 + PROCESSES) {
        want = w->size[n];
        assert_int_equal(part_end(&w->p, (unsigned)n), want);
        oracle_out(w, n);
        w->size[n] = 0;
    } else if (op < 40 + 2 * PROCESSES) {
        want = w->there[n];
        assert_int_equal(part_swap_out(&w->p, (unsigned)n), want);
        w->swapped += want ? w->size[n] : 0;
        oracle_out(w, n);
    } else if (op < 40 + 3 * PROCESSES) {
        want = w->size[n] && !w->there[n] && oracle_in(w, n);
        assert_int_equal(part_swap_in(&w->p, (unsigned)n), want);
        w->swapped += want ? w->size[n] : 0;
    } else {
        part_compact(&w->p);
        oracle_compact(w);
    }
}

static struct world fresh(enum part_fit fit)
{
    struct world w = { 0 };

    part_init(&w.p, MEMORY, 1, fit, false);
    memset(w.owner, NOBODY, sizeof w.owner);
    return w;
}

static void sequences(const struct world *w, int depth)
{
    for (int op = 0; op < OPERATIONS; op++) {
        struct world next = *w;

        operate(&next, op);
        if (depth > 1)
            sequences(&next, depth - 1);
        else
            same(&next);
    }
}

static void every_sequence_of_three(void **state)
{
    (void)state;
    for (int fit = PART_FIRST; fit <= PART_NEXT; fit++) {
        const struct world w = fresh((enum part_fit)fit);

        sequences(&w, 3);
    }
}

static void long_random_ones(void **state)
{
    (void)state;
    srand(1);
    for (int fit = PART_FIRST; fit <= PART_NEXT; fit++) {
        struct world w = fresh((enum part_fit)fit);

        for (int i = 0; i < 100000; i++) {
            operate(&w, rand() % OPERATIONS);
            same(&w);
        }
        assert_true(w.fragmented > 100);
    }
}

/* Paging: whatever is free can be used; only the last page of each process is wasted. */
static void paging_ends_it(void **state)
{
    struct part p;
    u64 pa;

    (void)state;
    part_init(&p, 64, 4, PART_FIRST, true);
    srand(2);
    for (int i = 0; i < 20000; i++) {
        const unsigned n = (unsigned)rand() % 8;
        const u64 bytes = 1 + (u64)rand() % 20, rounded = (bytes + 3) / 4 * 4, before = part_free_bytes(&p);

        if (rand() % 2)
            (void)part_end(&p, n);
        else if (!p.process[n].limit)
            assert_int_equal(part_start(&p, n, bytes), rounded <= before);
        assert_int_equal(part_largest_hole(&p), part_free_bytes(&p));
        assert_true(p.used - p.asked < 4 * (u64)p.in_memory + 1);
        assert_false(part_access(&p, n, 0, &pa));
    }
    assert_int_equal(p.failed_fragmented, 0);
    assert_int_equal(p.moved_bytes, 0);
    assert_true(p.failed);
}

static void what_is_refused(void **state)
{
    struct part p;

    (void)state;
    part_init(&p, 64, 8, PART_BEST, false);
    assert_false(part_start(&p, PART_PROCESSES_MAX, 1) || part_start(&p, 0, 0) || part_start(&p, 0, ~(u64)0) || part_end(&p, 0));
    assert_false(part_end(&p, PART_PROCESSES_MAX) || part_swap_out(&p, PART_PROCESSES_MAX) || part_swap_in(&p, PART_PROCESSES_MAX));
    assert_int_equal(p.failed, 0);
    assert_true(part_start(&p, 0, 9));
    assert_int_equal(p.process[0].limit, 16);
    assert_int_equal(p.used - p.asked, 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_sequence_of_three),
        cmocka_unit_test(long_random_ones),
        cmocka_unit_test(paging_ends_it),
        cmocka_unit_test(what_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
