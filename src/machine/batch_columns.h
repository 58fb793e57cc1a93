/* SPDX-License-Identifier: MIT
 * batch_columns.h - the first level of batch_kernel.h for eight sets at a time: AVX-512 and exact LRU.  Sets know nothing
 * of each other, so the accesses of a chunk are sorted by set, the next of each of eight sets passes at once, and the
 * outcomes are collected in the order of the records.
 *
 * Columns: word s of vector w is lane w of set s (lane_index() in batch.h).  One step, for each set that has an access left:
 *
 *     same[w]    lane w has the page
 *     above[w]   no lane before w has it: lane w takes what lane w - 1 was; lane 0 takes the page
 *     out        the entry that leaves its place: the page's own, or the least recently used one */
#ifndef PAGEWALK_MACHINE_BATCH_COLUMNS_H
#define PAGEWALK_MACHINE_BATCH_COLUMNS_H

#include "machine/batch.h"

#if defined __AVX512F__
#include <immintrin.h>

#define HAS_COLUMNS true

/* What a row becomes: the event as the list wants it, and above it: it is one. */
#define OUTCOME_IS ((u64)1 << 32)

#define COLUMNS static inline __attribute__((always_inline))

COLUMNS __m512i words(u64 word) { return _mm512_set1_epi64((long long)word); }
COLUMNS __m512i or3(__m512i a, __m512i b, __m512i c) { return _mm512_ternarylogic_epi64(a, b, c, 0xfe); }

/* Passes the rows of one group of eight sets; left[s]: how many of them are for set s.  One step waits for the one before,
 * so what leaves is selected as a tree, not in a row. */
COLUMNS void columns_step(u64 *column, u64 (*row)[LANES], __m512i left, u32 rows, const u32 ways)
{
    const __m512i page = words(~(u64)0 << LANE_PAGE_SHIFT);
    __m512i lane[LANES];
#pragma GCC unroll 8
    for (u32 w = 0; w < LANES; w++)
        lane[w] = w < ways ? _mm512_load_si512(column + w * LANES) : words(LANE_NONE << LANE_PAGE_SHIFT);
    for (u32 t = 0; t < rows; t++) {
        __m512i want = _mm512_load_si512(row[t]), own[LANES], victim = lane[ways - 1], before = lane[0];
        __mmask8 active = _mm512_cmpgt_epu64_mask(left, words(t)), above = active;
#pragma GCC unroll 8
        for (u32 w = 0; w < LANES; w++) {
            own[w] = _mm512_setzero_si512();
            if (w >= ways)
                continue;
            __m512i here = lane[w];
            __mmask8 same = _mm512_testn_epi64_mask(_mm512_xor_si512(here, want), page);
            own[w] = _mm512_maskz_mov_epi64(same, here);
            lane[w] = _mm512_mask_mov_epi64(here, above, before);
            above = _kandn_mask8(same, above);
            before = here;
        }
        __mmask8 hit = _kandn_mask8(above, active);
        __m512i low = or3(own[0], own[1], own[2]), high = or3(own[3], own[4], own[5]);
        __m512i out = or3(low, high, _mm512_or_si512(own[6], own[7]));
        __m512i kept = _mm512_mask_mov_epi64(_mm512_and_si512(victim, words(LANE_SLOT)), hit, out);
        __m512i fresh = or3(kept, want, words(LANE_LOAD));
        lane[0] = _mm512_mask_mov_epi64(lane[0], active, fresh);
        __mmask8 lacks = _mm512_testn_epi64_mask(kept, _mm512_and_si512(want, words(LANE_LOAD | LANE_STORE)));
        __m512i outcome = _mm512_slli_epi64(_mm512_and_si512(kept, words(LANE_SLOT)), EVENT_SLOT_SHIFT);
        outcome = _mm512_mask_or_epi64(outcome, (__mmask8)~hit, outcome, words(EVENT_MISS));
        _mm512_store_si512(row[t], _mm512_mask_or_epi64(outcome, lacks, outcome, words(OUTCOME_IS)));
    }
#pragma GCC unroll 8
    for (u32 w = 0; w < ways; w++)
        _mm512_store_si512(column + w * LANES, lane[w]);
}

COLUMNS void columns_pass(struct lanes *l, u64 (*row)[LANES], const u32 *next, u32 first)
{
    u64 left[LANES], rows = 0;
    for (u32 s = 0; s < LANES; s++) {
        left[s] = (next[s] - first) / LANES;
        rows = left[s] > rows ? left[s] : rows;
    }
    u64 *column = l->lane[first / LANES / CHUNK % 2 * LANES];
    __m512i count = _mm512_loadu_si512(left);
    switch (l->ways) {
    case 4: columns_step(column, row, count, (u32)rows, 4); break;
    case 6: columns_step(column, row, count, (u32)rows, 6); break;
    default: columns_step(column, row, count, (u32)rows, 8); break;
    }
}

/* Sorts `n` listed records into rows, but for those that hit the page used last in their set (list_unsettled() says which);
 * the others stay in keep[].  Returns how many stay. */
COLUMNS u32 columns_sort(struct batch *b, const u64 *record, const u32 *list, u32 n, u32 *keep, u32 (*next)[COLUMN_SETS],
                         bool data_only)
{
    const u32 data = b->lanes_of[MMU_LOAD], data_mask = b->now[data].set_mask;
    u64 *flat = b->row[0][0][0];
    u16 *where = b->where;
    u32 kept = 0;
    for (u32 j = 0; j < n; j++) {
        u32 i = list[j];
        u64 r = record[i], kind = r >> MMU_RECORD_KIND_SHIFT, store = kind & 1, number = r >> PAGE_LG2 & TAG_NUMBER;
        u32 array = data_only ? data : b->lanes_of[kind], set = (u32)number & (data_only ? data_mask : b->now[array].set_mask);
        u64 *last = &b->last[array][set], differs = *last ^ number << 1;
        u32 *at = &next[array][set], stays = differs - store > 1 - store;
        *last = number << 1 | store | (differs == 1);
        keep[kept] = i;
        where[kept] = (u16)*at;
        kept += stays;
        flat[*at] = number << LANE_PAGE_SHIFT | LANE_LOAD >> store;
        *at += stays * LANES;
    }
    return kept;
}

/* leave_out() and the first level for the listed records, of which *listed stay.  Returns how many events there are. */
COLUMNS u32 columns_first_level(struct batch *b, const u64 *record, u32 *listed, bool data_only)
{
    u32 events = 0, stay = 0, n = *listed, next[3][COLUMN_SETS];
    const u64 *flat = b->row[0][0][0];
    for (u32 from = 0; from < n; from += CHUNK) {
        u32 here = n - from < CHUNK ? n - from : CHUNK, *keep = b->list + stay;
        for (u32 a = 0; a < b->arrays; a++)
            for (u32 s = 0; s < COLUMN_SETS; s++)
                next[a][s] = (a * 2 + s / LANES) * CHUNK * LANES + s % LANES;
        u32 kept = columns_sort(b, record, b->list + from, here, keep, next, data_only);
        for (u32 a = 0; a < b->arrays; a++)
            for (u32 g = 0; g * LANES <= b->now[a].set_mask; g++)
                columns_pass(&b->now[a], b->row[a][g], &next[a][g * LANES], (a * 2 + g) * CHUNK * LANES);
        for (u32 j = 0; j < kept; j++) {
            u64 outcome = flat[b->where[j]];
            b->event[events] = (u32)outcome | keep[j];
            events += (u32)(outcome >> 32);
        }
        stay += kept;
    }
    *listed = stay;
    return events;
}
#else
#define HAS_COLUMNS false

static inline u32 columns_first_level(struct batch *b, const u64 *record, u32 *listed, bool data_only)
{
    (void)b, (void)record, (void)data_only;
    return *listed;
}
#endif

#endif
