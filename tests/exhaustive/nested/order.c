/* SPDX-License-Identifier: MIT
 * order.c - see families.h.  At each of the five places the nested walk is plain or ends in one of five ways, at one of its levels; and
 * each of the guest's four entries is plain or one of four others: 6^5 x 5^4 combinations.  The sizes family has five levels. */
#include "families.h"

enum { WAYS = 6, GUEST_WAYS = 5 };

static uint64_t nested_way(const struct judge *j, unsigned place, unsigned level, unsigned way)
{
    uint64_t e = nested_plain(j, place, level, level == 0);
    switch (way) {
    case 1: return j->cpu.npt ? e & ~1ull : e & ~(7ull | 1ull << 10);          /* not present                       */
    case 2: return e | 1ull << 51;                                             /* reserved                          */
    case 3: return e & ~2ull;                                                  /* not writable                      */
    case 4: return j->cpu.npt ? e & ~4ull : e & ~3ull;                         /* not a user's; executable alone    */
    case 5: return j->cpu.npt ? e | 1ull << 63 : e & ~(4ull | 1ull << 10);     /* not executable                    */
    default: return e;
    }
}

static uint64_t guest_way(const struct judge *j, unsigned level, unsigned way)
{
    uint64_t e = guest_plain(j, level, level == 0);
    switch (way) {
    case 1: return e & ~1ull;
    case 2: return e | 1ull << 51;
    case 3: return e & ~2ull;
    case 4: return (e & ~4ull) | 1u << 5;
    default: return e;
    }
}

static void all_guest_ways(struct judge *j)
{
    for (unsigned n = 0; n < GUEST_WAYS * GUEST_WAYS * GUEST_WAYS * GUEST_WAYS; n++) {
        *guest_entry(j, 0) = guest_way(j, 0, n % GUEST_WAYS);
        *guest_entry(j, 1) = guest_way(j, 1, n / GUEST_WAYS % GUEST_WAYS);
        *guest_entry(j, 2) = guest_way(j, 2, n / GUEST_WAYS / GUEST_WAYS % GUEST_WAYS);
        *guest_entry(j, 3) = guest_way(j, 3, n / GUEST_WAYS / GUEST_WAYS / GUEST_WAYS);
        judge_kinds(j);
    }
}

void order_cases(struct judge *j, bool npt, unsigned every)
{
    static const unsigned place[] = { 0, 1, 2, 3, PAGE };
    uint64_t state = 0xd1342543de82ef95ull;
    struct nested_cpu c;

    for (unsigned n = 0; n < WAYS * WAYS * WAYS * WAYS * WAYS; n++) {
        unsigned rest = n, deviate[5];
        uint64_t noise = judge_noise(&state);
        if (noise >> 40 & (every - 1))
            continue;
        do /* a context of four levels */
            family_context(npt, (unsigned)(judge_noise(&state) >> 20) % CONTEXTS, &c);
        while (c.guest.la57);
        judge_context(j, &c);
        for (unsigned i = 0; i < 5; i++, rest /= WAYS) {
            deviate[i] = (unsigned)(noise >> (4 * i)) % (nested_top(j) + 1);
            *nested_entry(j, place[i], deviate[i]) = nested_way(j, place[i], deviate[i], rest % WAYS);
        }
        all_guest_ways(j);
    }
}
