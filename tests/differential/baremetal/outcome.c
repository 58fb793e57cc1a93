/* SPDX-License-Identifier: MIT
 * outcome.c - judging what an access left behind.  Called by guest.c and replay.c. */
#include "play.h"

static bool raw_permitted(const struct expectation *x, const struct outcome *got)
{
    const struct raw *want = &x->want.raw, *raw = &got->raw;
    if (raw->vector != want->vector || (raw->error ^ want->error) & ~x->error_free || raw->cr2 != want->cr2 ||
        raw->value != want->value)
        return false;
    for (u32 i = 0; i < DATA_WORDS; i++)
        if (got->data[i] != x->want.data[i])
            return false;
    return true;
}

bool permitted(const struct expectation *x, const struct outcome *got)
{
    return permitted_by(x, x, got);
}

bool permitted_by(const struct expectation *other, const struct expectation *x, const struct outcome *got)
{
    if (!raw_permitted(other, got) || got->entries != x->want.entries)
        return false;
    for (u32 i = 0; i < got->entries; i++) {
        u64 want = x->before[i], free = 0;
        for (u32 k = 0; k < other->want.entries; k++) {
            if (other->pa[k] != x->pa[i])
                continue;
            want = other->want.entry[k];
            free = other->free[k];
        }
        if ((got->entry[i] & ~free) != want)
            return false;
    }
    return true;
}

static u64 mix(u64 h, u64 word)
{
    h = (h ^ word) * 0x9e3779b97f4a7c15ull;
    return h ^ h >> 29;
}

u64 digest(u64 h, const struct expectation *x, const struct outcome *got)
{
    h = mix(h, got->raw.vector);
    h = mix(h, got->raw.error & ~x->error_free);
    h = mix(h, got->raw.cr2);
    h = mix(h, got->raw.value);
    for (u32 i = 0; i < DATA_WORDS; i++)
        h = mix(h, got->data[i]);
    for (u32 i = 0; i < got->entries; i++)
        h = mix(h, got->entry[i] & ~x->free[i]);
    return h;
}
