/* SPDX-License-Identifier: MIT
 * random.h - random numbers (splitmix64), equal on both sides.  Called by the generators of the bare-metal comparisons. */
#ifndef BAREMETAL_RANDOM_H
#define BAREMETAL_RANDOM_H

#include "case.h"

static inline u64 next_random(u64 *state)
{
    u64 z = *state += 0x9e3779b97f4a7c15ull;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ z >> 27) * 0x94d049bb133111ebull;
    return z ^ z >> 31;
}

static inline u32 random_below(u64 *state, u32 n)
{
    return (u32)((next_random(state) >> 32) * n >> 32);
}

static inline bool random_chance(u64 *state, u32 percent)
{
    return random_below(state, 100) < percent;
}

#endif
