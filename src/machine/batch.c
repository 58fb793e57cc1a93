/* SPDX-License-Identifier: MIT
 * batch.c - many accesses at once (contract: mmu_batch() in mmu.h).
 *
 * What must hold: everything is as if mmu_translate() had been called for each record.  Three ways, from the plainest to
 * the fastest:
 *   one by one     always right; while an observer listens, and outside long mode, the only one
 *   page by page   a record with the page, kind and flags of the one before it hits the entry used last and changes
 *                  nothing but the count of look-ups
 *   blocks         batch_kernel.h; needs arrays that lanes can stand for (batch.h).  What a block cannot do goes one by one, and so do,
 *                  for a while, the records after it: the more often, the longer */
#include "machine/batch.h"

#include "machine/access.h"
#include "machine/fast.h"
#include "machine/marks.h"

#include <string.h>

/* ---- which instructions ------------------------------------------------------------------------------------------ */

#if defined __x86_64__
static void cpuid(u32 leaf, u32 r[4])
{
    __asm__ volatile("cpuid" : "=a"(r[0]), "=b"(r[1]), "=c"(r[2]), "=d"(r[3]) : "0"(leaf), "2"(0));
}

/* The vector state that the operating system saves: XCR0 (SDM1 13.3). */
static u32 saved_state(void)
{
    u32 low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return low;
}

enum batch_isa batch_best(void)
{
    enum { OSXSAVE = 1 << 27, POPCNT = 1 << 23, YMM = 0x06, ZMM = 0xe6 };
    enum { BMI1 = 1 << 3, AVX2 = 1 << 5, BMI2 = 1 << 8, F = 1 << 16, DQ = 1 << 17, CD = 1 << 28, BW = 1 << 30 };
    const u32 avx2 = BMI1 | AVX2 | BMI2, avx512 = F | DQ | CD | BW | (u32)1 << 31; /* 31: VL */
    u32 r[4];
    cpuid(0, r);
    if (r[0] < 7)
        return BATCH_PLAIN;
    cpuid(1, r);
    if (!(r[2] & OSXSAVE) || !(r[2] & POPCNT))
        return BATCH_PLAIN;
    u32 state = saved_state();
    cpuid(7, r);
    if ((r[1] & avx2) != avx2 || (state & YMM) != YMM)
        return BATCH_PLAIN;
    return (r[1] & avx512) == avx512 && (state & ZMM) == ZMM ? BATCH_AVX512 : BATCH_AVX2;
}
#else
enum batch_isa batch_best(void) { return BATCH_PLAIN; }
#endif

void batch_use(struct mmu *m, enum batch_isa isa)
{
    CHECK(isa <= batch_best());
    m->batch->isa = isa;
}

void batch_create(struct batch *b)
{
    memset(b, 0, sizeof *b);
    b->isa = batch_best();
    b->penalty = PENALTY_LEAST;
    b->deep_state.stretch = BLOCK;
    b->deep_least = DEEP_LEAST;
    for (u32 nodes = 0; nodes < 8; nodes++)
        b->victim[0][nodes] = (u8)plru_victim((u64)nodes << 1, 2);
    for (u32 nodes = 0; nodes < 128; nodes++)
        b->victim[1][nodes] = (u8)plru_victim((u64)nodes << 1, 3);
}

/* ---- one by one, page by page ------------------------------------------------------------------------------------ */

static size_t one_by_one(struct mmu *m, unsigned cpu, const u64 *record, size_t n, struct mmu_result *fault)
{
    struct mmu_result r;
    for (size_t i = 0; i < n; i++) {
        u64 va = mmu_record_va(record[i]);
        enum mmu_kind kind = mmu_record_kind(record[i]);
        unsigned flags = mmu_record_flags(record[i]);
        if (!flags && mmu_touch(m, cpu, va, kind))
            continue;
        if (mmu_translate(m, cpu, va, kind, flags, &r) != MMU_OK) {
            *fault = r;
            return i;
        }
    }
    return n;
}

/* How many records from the first on ask for the very same page in the same way. */
static size_t same_page(const u64 *record, size_t n)
{
    size_t i = 1;
    while (i < n && (record[i] ^ record[0]) >> PAGE_LG2 == 0)
        i++;
    return i;
}

static size_t page_by_page(struct mmu *m, unsigned cpu, const u64 *record, size_t n, struct mmu_result *fault)
{
    for (size_t i = 0; i < n;) {
        if (!one_by_one(m, cpu, record + i, 1, fault))
            return i;
        size_t same = same_page(record + i, n - i);
        m->cpu[cpu].stats.lookups[side_of(mmu_record_kind(record[i]))] += same - 1;
        i += same;
    }
    return n;
}

/* ---- blocks ------------------------------------------------------------------------------------------------------ */

#define BLOCKS_LEAST 64u /* fewer records are not worth turning arrays into lanes and back                       */

static bool blocks_possible(const struct cpu *c, const struct batch *b, size_t n)
{
    return !b->patience && n >= BLOCKS_LEAST && lanes_possible(c);
}

/* Returns how many; then one follows that blocks cannot do, or none. */
static size_t in_blocks(struct mmu *m, struct cpu *c, const u64 *record, size_t n)
{
    static size_t (*const run[])(struct mmu *, struct cpu *, struct batch *, const u64 *, size_t) = {
        [BATCH_PLAIN] = batch_run_plain, [BATCH_AVX2] = batch_run_avx2, [BATCH_AVX512] = batch_run_avx512,
    };
    struct batch *b = m->batch;
    fast_clear(c);
    marks_sync_all(c);
    size_t done = run[b->isa](m, c, b, record, n);
    b->in_blocks += done;
    if (done >= PENALTY_MOST)
        b->penalty = PENALTY_LEAST;
    else if (done < n && b->penalty < PENALTY_MOST)
        b->penalty *= 2;
    b->patience = done < n ? b->penalty : 0;
    return done;
}

size_t mmu_batch(struct mmu *m, unsigned cpu, const u64 *record, size_t n, struct mmu_result *fault)
{
    CHECK(cpu < m->cpus);
    struct cpu *c = &m->cpu[cpu];
    struct batch *b = m->batch;
    if (m->observer.translated || c->mode.paging != PAGING_LONG || c->nested_on)
        return one_by_one(m, cpu, record, n, fault);
    for (size_t done = 0; done < n;) {
        size_t left = n - done;
        if (blocks_possible(c, b, left)) {
            done += in_blocks(m, c, record + done, left);
            continue;
        }
        size_t most = b->patience && b->patience < TRY_AGAIN ? b->patience : TRY_AGAIN, some = left < most ? left : most;
        size_t went = page_by_page(m, cpu, record + done, some, fault);
        b->patience = went < b->patience ? b->patience - (u32)went : 0;
        done += went;
        if (went < some)
            return done;
    }
    return n;
}
