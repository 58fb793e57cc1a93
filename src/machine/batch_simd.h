/* SPDX-License-Identifier: MIT
 * batch_simd.h - what batch_kernel.h does to eight or more words at once, in the widest instructions that the including
 * file is compiled for.  Every function gives the same answer in each form. */
#ifndef PAGEWALK_MACHINE_BATCH_SIMD_H
#define PAGEWALK_MACHINE_BATCH_SIMD_H

#include "machine/batch.h"

#if defined __AVX2__ || defined __AVX512F__
#include <immintrin.h>
#endif

/* Bit i: lane[i] has the page of `want`. */
static inline u32 lanes_match(const u64 *lane, u64 want);
/* lane[0..last-1] move up by one, fresh becomes lane[0]. */
static inline void lanes_front(u64 *lane, u32 last, u64 fresh);
/* Bit i: tag[i] == want, of those in `all`, which are the lowest; at most 16. */
static inline u32 tags_match(const u64 *tag, u32 all, u64 want);
/* tag[way] = value. */
static inline void tags_put(u64 *tag, u32 all, u32 way, u64 value);
/* timing_read() of timing.h on one set: true when the line was there; it is first afterwards. */
static inline bool near_front(u64 *set, u64 line);
/* The numbers of the records, from `from` to `to`, for list, but for those that surely hit the page used last in their set:
 * the page of the record before, or of the one before that if what came between was for another set; and of the same kind,
 * or, where one array is shared, a load after a store.  record[-1] and record[-2] must be there.  Returns how many.  Writes
 * up to seven beyond. */
struct layout { u64 set_bits; bool shared; }; /* set_bits: of a page number, those that all arrays look at          */
static inline u32 list_changes(const u64 *record, u32 from, u32 to, struct layout layout, u32 *list);
/* The bits that some record from 0 to n has. */
static inline u64 bits_of_all(const u64 *record, u32 n);

/* Some record is for a page below those that columns can hold. */
static inline bool any_low(const u64 *record, u32 n);

#define RECORD_FLAGS ((u64)3 << MMU_RECORD_FLAGS_SHIFT)
#define RECORD_STORE ((u64)MMU_STORE << MMU_RECORD_KIND_SHIFT)

/* Flags, a kind that does not exist, an address that is not canonical. */
static inline bool record_odd(u64 r, u32 va_bits)
{
    u64 sign = (u64)((s64)(r << 4) >> (va_bits + 3));
    return (r & RECORD_FLAGS) | (r & r << 1) >> 63 | ((sign + 1) & ~(u64)1);
}

/* ---- AVX-512 ----------------------------------------------------------------------------------------------------- */
#if defined __AVX512F__

/* A mask as a number.  Not by conversion: gcc 12 extends a mask that it has to keep in memory by storing its 8 or 16 bits and
 * loading 32. */
static inline u32 bits_of(__mmask8 mask)
{
    u32 bits;
    __asm__("kmovb %1, %0" : "=r"(bits) : "k"(mask));
    return bits;
}

static inline u32 bits16_of(__mmask16 mask)
{
    u32 bits;
    __asm__("kmovw %1, %0" : "=r"(bits) : "k"(mask));
    return bits;
}

static inline u32 lanes_match(const u64 *lane, u64 want)
{
    __m512i differs = _mm512_xor_si512(_mm512_load_si512(lane), _mm512_set1_epi64((long long)want));
    return bits_of(_mm512_testn_epi64_mask(differs, _mm512_set1_epi64((long long)(~(u64)0 << LANE_PAGE_SHIFT))));
}

static inline void lanes_front(u64 *lane, u32 last, u64 fresh)
{
    __m512i l = _mm512_load_si512(lane);
    __mmask8 moved = (__mmask8)((2u << last) - 1);
    _mm512_store_si512(lane, _mm512_mask_alignr_epi64(l, moved, l, _mm512_set1_epi64((long long)fresh), 7));
}

static inline u32 tags_match(const u64 *tag, u32 all, u64 want)
{
    if (all == 15)
        return bits_of(_mm256_cmpeq_epi64_mask(_mm256_loadu_si256((const __m256i *)tag), _mm256_set1_epi64x((long long)want)));
    __m512i w = _mm512_set1_epi64((long long)want);
    u32 found = bits_of(_mm512_mask_cmpeq_epi64_mask((__mmask8)all, w, _mm512_maskz_loadu_epi64((__mmask8)all, tag)));
    if (all >> 8) {
        __mmask8 rest = (__mmask8)(all >> 8);
        found |= bits_of(_mm512_mask_cmpeq_epi64_mask(rest, w, _mm512_maskz_loadu_epi64(rest, tag + 8))) << 8;
    }
    return found;
}

/* A set of four is stored as a whole: it is loaded so, and would have to wait for a part. */
static inline void tags_put(u64 *tag, u32 all, u32 way, u64 value)
{
    if (all != 15) {
        tag[way] = value;
        return;
    }
    __m256i old = _mm256_loadu_si256((const __m256i *)tag);
    _mm256_storeu_si256((__m256i *)tag, _mm256_mask_set1_epi64(old, (__mmask8)(1u << way), (long long)value));
}

static inline bool near_front(u64 *set, u64 line)
{
    __m256i l = _mm256_loadu_si256((const __m256i *)set), want = _mm256_set1_epi64x((long long)line);
    u32 found = bits_of(_mm256_cmpeq_epi64_mask(l, want));
    __mmask8 moved = (__mmask8)(found ^ (found - 1));
    _mm256_storeu_si256((__m256i *)set, _mm256_mask_alignr_epi64(l, moved, l, want, 3));
    return found;
}

static inline u32 list_changes(const u64 *record, u32 from, u32 to, struct layout layout, u32 *list)
{
    const __m512i page = _mm512_set1_epi64((long long)~PAGE_MASK_LOW), sets = _mm512_set1_epi64((long long)(layout.set_bits << PAGE_LG2));
    const __m512i but_store = _mm512_set1_epi64((long long)(layout.shared ? ~RECORD_STORE : ~(u64)0));
    const __m256i eight = _mm256_set1_epi32(8);
    __m256i number = _mm256_add_epi32(_mm256_set1_epi32((int)from), _mm256_set_epi32(7, 6, 5, 4, 3, 2, 1, 0));
    u32 n = 0;
    for (u32 i = from; i < to; i += 8, number = _mm256_add_epi32(number, eight)) {
        __mmask8 here = to - i >= 8 ? 0xff : (__mmask8)((1u << (to - i)) - 1);
        __m512i now = _mm512_maskz_loadu_epi64(here, record + i), matter = _mm512_ternarylogic_epi64(now, but_store, page, 0xa8);
        __m512i one = _mm512_xor_si512(now, _mm512_maskz_loadu_epi64(here, record + i - 1));
        u32 changed = bits_of(_mm512_mask_test_epi64_mask(here, one, matter));
        if (!changed)
            continue;
        __m512i two = _mm512_xor_si512(now, _mm512_maskz_loadu_epi64(here, record + i - 2));
        changed &= bits_of(_mm512_test_epi64_mask(two, matter)) | bits_of(_mm512_testn_epi64_mask(one, sets));
        _mm256_storeu_si256((__m256i *)(list + n), _mm256_maskz_compress_epi32((__mmask8)changed, number));
        n += (u32)__builtin_popcount(changed);
    }
    return n;
}

static inline u64 bits_of_all(const u64 *record, u32 n)
{
    __m512i all = _mm512_setzero_si512();
    for (u32 i = 0; i < n; i += 8)
        all = _mm512_or_si512(all, _mm512_maskz_loadu_epi64(n - i >= 8 ? 0xff : (__mmask8)((1u << (n - i)) - 1), record + i));
    return (u64)_mm512_reduce_or_epi64(all);
}

static inline bool any_low(const u64 *record, u32 n)
{
    const __m512i page = _mm512_set1_epi64((long long)(~(u64)0 << (COLUMN_SHIFT + 4) >> 4));
    u32 low = 0;
    for (u32 i = 0; i < n; i += 8) {
        __mmask8 here = n - i >= 8 ? 0xff : (__mmask8)((1u << (n - i)) - 1);
        low |= bits_of(_mm512_mask_testn_epi64_mask(here, _mm512_maskz_loadu_epi64(here, record + i), page));
    }
    return low;
}

/* ---- without ------------------------------------------------------------------------------------------------------ */
#else

#if defined __AVX2__
static inline u32 lanes_match(const u64 *lane, u64 want)
{
    const __m256i page = _mm256_set1_epi64x((long long)(~(u64)0 << LANE_PAGE_SHIFT));
    __m256i w = _mm256_set1_epi64x((long long)want);
    __m256i low = _mm256_and_si256(_mm256_load_si256((const __m256i *)lane), page);
    __m256i high = _mm256_and_si256(_mm256_load_si256((const __m256i *)(lane + 4)), page);
    return (u32)_mm256_movemask_pd(_mm256_castsi256_pd(_mm256_cmpeq_epi64(low, w))) |
           (u32)_mm256_movemask_pd(_mm256_castsi256_pd(_mm256_cmpeq_epi64(high, w))) << 4;
}
#else
static inline u32 lanes_match(const u64 *lane, u64 want)
{
    u32 found = 0;
    for (u32 i = 0; i < LANES; i++)
        found |= (u32)((lane[i] ^ want) >> LANE_PAGE_SHIFT == 0) << i;
    return found;
}
#endif

static inline void lanes_front(u64 *lane, u32 last, u64 fresh)
{
    for (u32 i = 0; i <= last; i++) {
        u64 was = lane[i];
        lane[i] = fresh;
        fresh = was;
    }
}

static inline u32 tags_match(const u64 *tag, u32 all, u64 want)
{
    int way = ways_find(tag, all ? 32 - (u32)__builtin_clz(all) : 0, want);
    return way < 0 ? 0 : (u32)1 << way;
}

static inline void tags_put(u64 *tag, u32 all, u32 way, u64 value)
{
    (void)all;
    tag[way] = value;
}

static inline bool near_front(u64 *set, u64 line)
{
    u64 before = line;
    for (u32 i = 0; i < 4; i++) {
        u64 here = set[i];
        set[i] = before;
        if (here == line)
            return true;
        before = here;
    }
    return false;
}

static inline u32 list_changes(const u64 *record, u32 from, u32 to, struct layout layout, u32 *list)
{
    const u64 *one = record - 1, *two = record - 2, but_store = layout.shared ? ~RECORD_STORE : ~(u64)0;
    u32 n = 0;
    for (u32 i = from; i < to; i++) {
        u64 r = record[i], matter = (r | but_store) & ~PAGE_MASK_LOW;
        bool same = !((r ^ one[i]) & matter), apart = (r ^ one[i]) >> PAGE_LG2 & layout.set_bits;
        list[n] = i;
        n += !(same | (apart & !((r ^ two[i]) & matter)));
    }
    return n;
}

static inline u64 bits_of_all(const u64 *record, u32 n)
{
    u64 all = 0;
    for (u32 i = 0; i < n; i++)
        all |= record[i];
    return all;
}

static inline bool any_low(const u64 *record, u32 n)
{
    (void)record, (void)n;
    return false;
}
#endif

#endif
