/* SPDX-License-Identifier: MIT
 * sizes.c - see families.h.  The leaf of every nested walk at every level, the guest's leaf at every level, four and five levels. */
#include "families.h"

static void set_walk(struct judge *j, unsigned place, unsigned last)
{
    for (unsigned level = last; level <= nested_top(j); level++)
        *nested_entry(j, place, level) = nested_plain(j, place, level, level == last);
}

static void set_guest(struct judge *j, unsigned last)
{
    for (unsigned level = last; level <= guest_top(j); level++)
        *guest_entry(j, level) = guest_plain(j, level, level == last);
}

static void all_sizes(struct judge *j)
{
    unsigned places = guest_top(j) + 2, all = 1;

    for (unsigned i = 0; i < places; i++)
        all *= 3;
    for (unsigned n = 0; n < all * 3; n++) {
        unsigned rest = n / 3;
        for (unsigned i = 0; i < places; i++, rest /= 3)
            set_walk(j, i == places - 1 ? PAGE : i, rest % 3);
        set_guest(j, n % 3);
        judge_kinds(j);
    }
}

void size_cases(struct judge *j, bool npt)
{
    for (unsigned i = 0; i < 16; i++) {
        struct nested_cpu c;
        family_context(npt, i * 5, &c);
        c.five_levels = i & 1;
        c.guest.la57 = i >> 1 & 1;
        c.guest.cpl = i >> 2 & 1 ? 3 : 0;
        judge_context(j, &c);
        all_sizes(j);
    }
}
