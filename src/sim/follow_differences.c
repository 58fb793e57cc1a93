/* SPDX-License-Identifier: MIT
 * follow_differences.c - where the followed program's outcome was not the model's (contract: trace.h).  Called by follow.c,
 * follow_calls.c, and whoever compares more than they do. */
#include "follow.h"

#include <string.h>

static void copy(char *to, size_t room, const char *from)
{
    char *last = to + room - 1;
    while (*from && to < last)
        *to++ = *from++;
    *to = 0;
}

/* Is it what copy() would have made of the text? */
static bool is(const char *field, size_t room, const char *text)
{
    for (size_t i = 0; i < room - 1; i++) {
        if (field[i] != text[i])
            return false;
        if (!text[i])
            return true;
    }
    return true;
}

static void name(struct follow_difference *d, const char *call, const char *recorded, const char *modelled)
{
    copy(d->call, sizeof d->call, call);
    copy(d->recorded, sizeof d->recorded, recorded);
    copy(d->modelled, sizeof d->modelled, modelled);
}

static bool is_of(const struct follow_difference *d, const char *call, const char *recorded, const char *modelled)
{
    return is(d->call, sizeof d->call, call) && is(d->recorded, sizeof d->recorded, recorded) && is(d->modelled, sizeof d->modelled, modelled);
}

void follow_note(struct follower *f, const char *call, const char *recorded, const char *modelled)
{
    struct follow_differences *all = &f->differences;
    struct follow_difference *d = all->row;
    while (d < all->row + all->rows && !is_of(d, call, recorded, modelled))
        d++;
    if (d == all->row + FOLLOW_DIFFERENCES) {
        name(--d, "(others)", "", "");
    } else if (d == all->row + all->rows) {
        all->rows++;
        name(d, call, recorded, modelled);
        d->count = 0;
    }
    d->count++;
}

const struct follow_differences *follow_differences(const struct follower *f) { return &f->differences; }
