/* SPDX-License-Identifier: MIT
 * batch_columns.h - the first level of batch_kernel.h for eight sets at a time: AVX-512 and exact LRU.  Sets know nothing
 * of each other, so the accesses of a chunk are sorted by set, the next of each of eight sets passes at once, and the
 * outcomes are collected in the order of the records.
 *
 * Columns (struct columns in batch.h): word s of tag[w] is what way w of set s holds, word s of order the ways of set s as
 * nibbles, the one used last lowest.  A hit changes the order alone, so that a step waits for the one before only there. */
#ifndef PAGEWALK_MACHINE_BATCH_COLUMNS_H
#define PAGEWALK_MACHINE_BATCH_COLUMNS_H

#include "machine/batch_simd.h"

#if defined __AVX512F__
#include <immintrin.h>

#define HAS_COLUMNS true

#define COLUMNS static inline __attribute__((always_inline))

COLUMNS __m256i words(u32 word) { return _mm256_set1_epi32((int)word); }
COLUMNS __m512i longs(u64 word) { return _mm512_set1_epi64((long long)word); }

/* ---- leave out --------------------------------------------------------------------------------------------------- */

/* list_unsettled() for eight records at a time: no fetches, one array of at most eight sets.  table: by set, the page used
 * last, and bit 0: a store went through.
 *
 *     earlier   of each record, those before it in the vector that go to its set
 *     before    the page used last there: of the last of them, or of the table
 *     vouched   a store was among the accesses to that page, as far as three steps back show: a record too many in the list
 *               is no harm */
#define VOUCHED 1u  /* bits of such a word                                                                        */
#define AS_TABLE 2u /* vouched if the table's word is                                                             */

COLUMNS u32 filter(struct batch *b, const u64 *record, u32 n, u32 sets, u64 *last)
{
    const __m512i page = longs(TAG_NUMBER << PAGE_LG2), set_bits = longs(sets - 1), one = longs(1), all = longs(~(u64)0);
    const __m512i set_bytes = _mm512_set_epi64((long long)0x8080808080808080, 0x4040404040404040, 0x2020202020202020, 0x1010101010101010,
                                               0x0808080808080808, 0x0404040404040404, 0x0202020202020202, 0x0101010101010101);
    const __m256i eight = words(8);
    __m256i number = _mm256_set_epi32(7, 6, 5, 4, 3, 2, 1, 0);
    __m512i table = _mm512_loadu_si512(last), vouch = table, previous = longs(n ? ~record[0] : 0);
    u32 kept = 0;
    for (u32 i = 0; i < n; i += 8, number = _mm256_add_epi32(number, eight)) {
        __mmask8 here = n - i >= 8 ? 0xff : (__mmask8)((1u << (n - i)) - 1);
        __m512i now = _mm512_maskz_loadu_epi64(here, record + i);
        __builtin_prefetch(record + i + BLOCK);
        __m512i mine = _mm512_and_si512(now, page), set = _mm512_and_si512(_mm512_srli_epi64(now, PAGE_LG2), set_bits);
        __mmask8 store = _mm512_test_epi64_mask(now, longs(RECORD_STORE));
        /* The very page and kinds of the vector before, all of them: nothing is new. */
        __m512i same = _mm512_ternarylogic_epi64(now, previous, longs(TAG_NUMBER << PAGE_LG2 | RECORD_STORE), 0x28);
        if (!_mm512_mask_test_epi64_mask(here, same, same))
            continue;
        __m512i earlier = _mm512_maskz_conflict_epi64(here, set);
        __mmask8 first = _mm512_testn_epi64_mask(earlier, earlier);
        __m512i from = _mm512_sub_epi64(longs(63), _mm512_lzcnt_epi64(earlier)), known = _mm512_permutexvar_epi64(set, vouch);
        __m512i before = _mm512_mask_permutexvar_epi64(_mm512_permutexvar_epi64(from, mine), first, set, table);
        __m512i differs = _mm512_ternarylogic_epi64(before, mine, page, 0x28);
        __mmask8 hit = _mm512_mask_testn_epi64_mask(here, differs, differs), inner = _kandn_mask8(first, hit);
        __m512i word = _mm512_mask_or_epi64(mine, store, mine, longs(VOUCHED));
        word = _mm512_mask_or_epi64(word, _kand_mask8(first, hit), word, longs(AS_TABLE));
        __m512i back = _mm512_permutexvar_epi64(from, word);
#pragma GCC unroll 2
        for (u32 again = 0; again < 2; again++) {
            word = _mm512_mask_mov_epi64(word, inner, _mm512_ternarylogic_epi64(word, back, longs(VOUCHED | AS_TABLE), 0xf8));
            back = _mm512_permutexvar_epi64(from, word);
        }
        __m512i through = _mm512_ternarylogic_epi64(back, _mm512_srli_epi64(back, 1), known, 0xf8);
        __mmask8 vouched = _mm512_test_epi64_mask(_mm512_mask_mov_epi64(through, first, known), longs(VOUCHED));
        u32 stays = bits_of((__mmask8)(here & ~(hit & (~store | vouched))));
        _mm256_storeu_si256((__m256i *)(b->list + kept), _mm256_maskz_compress_epi32((__mmask8)stays, number));
        kept += (u32)__builtin_popcount(stays);
        /* Row s, byte i: record i goes to set s; the last of a row is the new word of the table. */
        __m128i bits = _mm512_cvtepi64_epi8(_mm512_maskz_sllv_epi64(here, one, set));
        __m512i rows = _mm512_movm_epi8(_mm512_test_epi8_mask(_mm512_broadcastq_epi64(bits), set_bytes));
        __m512i newest = _mm512_srli_epi64(_mm512_sub_epi64(longs(63), _mm512_lzcnt_epi64(rows)), 3);
        __m512i fresh = _mm512_permutexvar_epi64(newest, word), still = _mm512_and_si512(_mm512_srli_epi64(fresh, 1), one);
        __mmask8 used = _mm512_test_epi64_mask(rows, all);
        table = _mm512_mask_permutexvar_epi64(table, used, newest, mine);
        vouch = _mm512_mask_mov_epi64(vouch, used, _mm512_ternarylogic_epi64(fresh, still, vouch, 0xf8));
        previous = longs(record[i + 7 < n ? i + 7 : n - 1]);
    }
    _mm512_storeu_si512(last, _mm512_ternarylogic_epi64(table, vouch, one, 0xd8));
    return kept;
}

/* ---- sort, pass, collect ----------------------------------------------------------------------------------------- */

/* Passes the rows of one group of eight sets; left: by set, how many.  A row is the records themselves; its outcome takes
 * their place: the event as the list wants it, and OUTCOME_IS: it is one.  slot: of the first way of each set. */
COLUMNS void columns_step(struct columns *c, u64 (*row)[LANES], __m256i left, u32 rows, __m256i slot, const u32 ways)
{
    const __m256i nibbles = words(0x11111111), marks = words(0x88888888), none = words(~0u);
    const __m256i repeated = _mm256_mullo_epi32(nibbles, _mm256_set_epi32(7, 6, 5, 4, 3, 2, 1, 0));
    __m256i tag[LANES], order = _mm256_load_si256((const __m256i *)c->order);
    __m256i load_ok = _mm256_load_si256((const __m256i *)c->load_ok), store_ok = _mm256_load_si256((const __m256i *)c->store_ok);
#pragma GCC unroll 8
    for (u32 w = 0; w < ways; w++)
        tag[w] = _mm256_load_si256((const __m256i *)c->tag[w]);
    for (u32 t = 0; t < rows; t++) {
        __m512i record = _mm512_load_si512(row[t]);
        __m256i want = _mm512_cvtepi64_epi32(_mm512_srli_epi64(record, COLUMN_SHIFT));
        __mmask8 active = _mm256_cmpgt_epu32_mask(left, words(t));
        __mmask8 store = _mm512_mask_test_epi64_mask(active, record, longs(RECORD_STORE));
        __m256i way = none; /* the one that has the page, in every nibble */
#pragma GCC unroll 8
        for (u32 w = 0; w < ways; w++)
            way = _mm256_mask_mov_epi32(way, _mm256_cmpeq_epi32_mask(tag[w], want), words(0x11111111 * w));
        __mmask8 miss = _mm256_mask_cmpeq_epi32_mask(active, way, none);
        way = _mm256_mask_permutexvar_epi32(way, miss, _mm256_srli_epi32(order, 4 * (ways - 1)), repeated);
        if (miss) {
#pragma GCC unroll 8
            for (u32 w = 0; w < ways; w++)
                tag[w] = _mm256_mask_mov_epi32(tag[w], _mm256_mask_cmpeq_epi32_mask(miss, way, words(0x11111111 * w)), want);
        }
        /* lru16_touch(): nibbles up to the one that holds the way move up, and it comes first. */
        __m256i differs = _mm256_xor_si256(order, way);
        __m256i mark = _mm256_ternarylogic_epi32(_mm256_sub_epi32(differs, nibbles), differs, marks, 0x20);
        __m256i moves = _mm256_xor_si256(mark, _mm256_add_epi32(mark, none)), front = _mm256_and_si256(way, words(15));
        __m256i moved = _mm256_ternarylogic_epi32(moves, _mm256_slli_epi32(order, 4), order, 0xca);
        order = _mm256_mask_or_epi32(order, active, moved, front);
        /* What is known of the entry. */
        __m256i bit = _mm256_sllv_epi32(words(1), front);
        __mmask8 lacks = _mm256_testn_epi32_mask(_mm256_mask_mov_epi32(load_ok, store, store_ok), bit);
        load_ok = _mm256_mask_or_epi32(load_ok, active, load_ok, bit);
        store_ok = _mm256_mask_andnot_epi32(store_ok, miss, bit, store_ok);
        store_ok = _mm256_mask_or_epi32(store_ok, store, store_ok, bit);
        __m256i outcome = _mm256_slli_epi32(_mm256_add_epi32(slot, front), EVENT_SLOT_SHIFT);
        outcome = _mm256_mask_or_epi32(outcome, _kor_mask8(lacks, miss), outcome, words(EVENT_IS));
        outcome = _mm256_mask_or_epi32(outcome, miss, outcome, words(EVENT_MISS));
        _mm512_store_si512(row[t], _mm512_cvtepu32_epi64(outcome));
    }
    _mm256_store_si256((__m256i *)c->order, order);
    _mm256_store_si256((__m256i *)c->load_ok, load_ok);
    _mm256_store_si256((__m256i *)c->store_ok, store_ok);
#pragma GCC unroll 8
    for (u32 w = 0; w < ways; w++)
        _mm256_store_si256((__m256i *)c->tag[w], tag[w]);
}

COLUMNS void columns_pass(struct lanes *l, u32 group, u64 (*row)[LANES], const u32 *next, u32 first)
{
    u32 left[LANES], slot[LANES], rows = 0;
    for (u32 s = 0; s < LANES; s++) {
        left[s] = (next[s] - first) / LANES;
        rows = left[s] > rows ? left[s] : rows;
        slot[s] = (group * LANES + s) * l->ways;
    }
    __m256i count = _mm256_loadu_si256((const __m256i *)left), slots = _mm256_loadu_si256((const __m256i *)slot);
    switch (l->ways) {
    case 4: columns_step(&l->column[group], row, count, rows, slots, 4); break;
    case 6: columns_step(&l->column[group], row, count, rows, slots, 6); break;
    default: columns_step(&l->column[group], row, count, rows, slots, 8); break;
    }
}

/* The first level for the listed records.  Returns how many events there are. */
COLUMNS u32 columns_first_level(struct batch *b, const u64 *record, u32 n, bool data_only)
{
    u32 events = 0, next[3][COLUMN_SETS];
    u64 *flat = b->row[0][0][0];
    const u32 data = b->lanes_of[MMU_LOAD], data_mask = b->now[data].set_mask;
    for (u32 from = 0; from < n; from += CHUNK) {
        u32 here = n - from < CHUNK ? n - from : CHUNK;
        const u32 *list = b->list + from;
        for (u32 a = 0; a < b->arrays; a++)
            for (u32 s = 0; s < COLUMN_SETS; s++)
                next[a][s] = (a * 2 + s / LANES) * CHUNK * LANES + s % LANES;
        for (u32 j = 0; j < here; j++) {
            u64 r = record[list[j]];
            u32 array = data_only ? data : b->lanes_of[r >> MMU_RECORD_KIND_SHIFT];
            u32 *at = &next[array][r >> PAGE_LG2 & (data_only ? data_mask : b->now[array].set_mask)];
            flat[*at] = r;
            b->where[j] = (u16)*at;
            *at += LANES;
        }
        for (u32 a = 0; a < b->arrays; a++)
            for (u32 g = 0; g * LANES <= b->now[a].set_mask; g++)
                columns_pass(&b->now[a], g, b->row[a][g], &next[a][g * LANES], (a * 2 + g) * CHUNK * LANES);
        for (u32 j = 0; j < here; j++) {
            u32 outcome = (u32)flat[b->where[j]];
            b->event[events] = outcome | list[j];
            events += outcome / EVENT_IS & 1;
        }
    }
    return events;
}
#else
#define HAS_COLUMNS false

static inline u32 filter(struct batch *b, const u64 *record, u32 n, u32 sets, u64 *last)
{
    (void)b, (void)record, (void)sets, (void)last;
    return n;
}

static inline u32 columns_first_level(struct batch *b, const u64 *record, u32 n, bool data_only)
{
    (void)b, (void)record, (void)data_only;
    return n;
}
#endif

#endif
