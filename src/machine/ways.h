/* SPDX-License-Identifier: MIT
 * ways.h - which of a set's tags equal a given one: the look-up of every array that is not hashed.  Called by assoc.h,
 * tlb.h and touch.c.
 *
 * No early exit: where a page stands cannot be predicted, and a wrong guess costs more than the ways beyond.  SSE2 is
 * part of every x86-64; its comparison is of 32 bits, so both halves of a tag are joined afterwards. */
#ifndef PAGEWALK_MACHINE_WAYS_H
#define PAGEWALK_MACHINE_WAYS_H

#include "pagewalk/types.h"

#ifdef __SSE2__
#include <emmintrin.h>

/* Bit i: tag[i] equals. */
static inline u32 ways_two(const u64 *tag, u64 want)
{
    __m128i same = _mm_cmpeq_epi32(_mm_loadu_si128((const __m128i *)tag), _mm_set1_epi64x((long long)want));
    return (u32)_mm_movemask_pd(_mm_castsi128_pd(_mm_and_si128(same, _mm_shuffle_epi32(same, 0xb1))));
}

static inline u32 ways_four(const u64 *tag, u64 want)
{
    __m128i wanted = _mm_set1_epi64x((long long)want);
    __m128 a = _mm_castsi128_ps(_mm_cmpeq_epi32(_mm_loadu_si128((const __m128i *)tag), wanted));
    __m128 b = _mm_castsi128_ps(_mm_cmpeq_epi32(_mm_loadu_si128((const __m128i *)(tag + 2)), wanted));
    return (u32)_mm_movemask_ps(_mm_and_ps(_mm_shuffle_ps(a, b, 0x88), _mm_shuffle_ps(a, b, 0xdd)));
}
#else
static inline u32 ways_two(const u64 *tag, u64 want)
{
    return (u32)(tag[0] == want) | (u32)(tag[1] == want) << 1;
}

static inline u32 ways_four(const u64 *tag, u64 want)
{
    return ways_two(tag, want) | ways_two(tag + 2, want) << 2;
}
#endif

/* The way that holds the tag, of up to 255; -1: none.  A tag stands at most once in a set. */
static inline int ways_find(const u64 *tag, u32 ways, u64 want)
{
    u32 w = 0;
    for (; ways - w >= 12; w += 12) {
        u32 found = ways_four(tag + w, want) | ways_four(tag + w + 4, want) << 4 | ways_four(tag + w + 8, want) << 8;
        if (found)
            return (int)(w + (u32)__builtin_ctz(found));
    }
    for (; ways - w >= 4; w += 4) {
        u32 found = ways_four(tag + w, want);
        if (found)
            return (int)(w + (u32)__builtin_ctz(found));
    }
    for (; w < ways; w++)
        if (tag[w] == want)
            return (int)w;
    return -1;
}

#endif
