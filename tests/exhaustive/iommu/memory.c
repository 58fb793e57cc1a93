/* SPDX-License-Identifier: MIT
 * memory.c - what an IOMMU remembers: fault records, and caches until something is invalidated by register or by queue. */
#include "machine.h"

#include <string.h>

static struct machine x;

/* ---- fault records ----------------------------------------------------------------------------------------------------- */

static void compare_log(const struct oracle_log *log)
{
    u64 v;

    for (int n = 0; n < log->records; n++) {
        iommu_read(x.m, IOMMU_FRCD + 16u * (u32)n, 8, &v);
        if (v != log->low[n])
            told(&x, "record, low", log->low[n], v);
        iommu_read(x.m, IOMMU_FRCD + 16u * (u32)n + 8, 8, &v);
        if (v != log->high[n])
            told(&x, "record, high", log->high[n], v);
    }
    iommu_read(x.m, IOMMU_FSTS, 4, &v);
    const u64 want = (log->overflow ? 1 : 0) + (log->any ? 2 : 0) + (unsigned)log->index * 256u;
    if (v != want)
        told(&x, "fault status", want, v);
}

void fault_logs(u64 n)
{
    for (u64 i = 0; i < n; i++) {
        struct iommu_config c = machine_config(48, 48, 15);
        struct oracle_log log = { .records = (int)(1 + rnd() % 8) };

        c.fault_records = (u8)log.records;
        machine_new(&x, &c);
        machine_context(&x, 8, 4, 0);
        machine_context(&x, 9, 4, 2);
        for (unsigned k = 0; k < 24; k++) {
            struct oracle_out want;
            struct iommu_result r;

            if (rnd() % 3 == 0) {
                const int record = (int)(rnd() % (unsigned)log.records);
                iommu_write(x.m, IOMMU_FRCD + 16u * (u32)record + 8, 4, ~0u); /* F is in the upper half          */
                compare_log(&log);
                iommu_write(x.m, IOMMU_FRCD + 16u * (u32)record + 12, 4, 1u << 31);
                oracle_clear(&log, record);
            } else if (rnd() % 6 == 0) {
                iommu_write(x.m, IOMMU_FSTS, 4, 1);
                log.overflow = false;
            } else {
                x.in.source = rnd() % 4 + 8 + (rnd() % 4 ? 0 : 0x300);
                x.in.iova = rnd();
                x.in.write = rnd() & 1;
                want = oracle(&x.in);
                iommu_translate(x.m, (u16)x.in.source, x.in.iova, x.in.write ? IOMMU_WRITE : IOMMU_READ, &r);
                if (want.reason)
                    oracle_fault(&log, x.in.source, x.in.iova, x.in.write, want.reason, want.quiet);
            }
            cases++;
            compare_log(&log);
        }
    }
}

/* ---- invalidations ----------------------------------------------------------------------------------------------------------- *
 * Two domains with the same tables: pages of 4 KiB at 0 and 0x5000, one of 2 MiB at 2 MiB, one of 1 GiB at 1 GiB. */

static const uint64_t kept_at[] = { 0x0, 0x5000, 0x200000, 0x40000000 };
static const unsigned kept_lg2[] = { 12, 12, 21, 30 };
static const unsigned sources[] = { 0x08, 0x0a, 0x0f, 0x48 };
static unsigned domain_of(unsigned source) { return source == 0x48 ? 9 : 7; }

static void machine_warm(void)
{
    struct iommu_config c = machine_config(48, 48, 15);

    c.iotlb_ways = c.context_ways = 16;
    machine_new(&x, &c);
    for (unsigned i = 0; i < 4; i++) {
        machine_context(&x, sources[i], 4, 0);
        x.ram[CONTEXT_PAGE * 512 + sources[i] * 2 + 1] = 2 | domain_of(sources[i]) << 8;
    }
    x.ram[TABLE_PAGE(3) * 512] = TABLE_PAGE(2) * 4096 | 3;
    x.ram[TABLE_PAGE(2) * 512] = TABLE_PAGE(1) * 4096 | 3;
    x.ram[TABLE_PAGE(2) * 512 + 1] = 0x83;
    x.ram[TABLE_PAGE(1) * 512] = TABLE_PAGE(0) * 4096 | 3;
    x.ram[TABLE_PAGE(1) * 512 + 1] = 0x83;
    x.ram[TABLE_PAGE(0) * 512] = x.ram[TABLE_PAGE(0) * 512 + 5] = 9 * 4096 | 3;
    for (unsigned s = 0; s < 4; s++)
        for (unsigned p = 0; p < 4; p++) {
            struct iommu_result r;
            iommu_translate(x.m, (u16)sources[s], kept_at[p], IOMMU_READ, &r);
        }
}

/* Is it still in the cache?  Asked of the machine by what a request had to read. */
static void compare_warm(const bool *context_kept, bool kept[2][4])
{
    struct iommu_kept e;
    struct iommu_kept_context ce;
    unsigned n = 0, want = 0, contexts = 0;

    for (unsigned s = 0; s < 4; s++)
        want += context_kept[s];
    while (iommu_contexts(x.m, contexts, &ce)) {
        for (unsigned s = 0; s < 4; s++)
            if (ce.source == sources[s] && !context_kept[s])
                told(&x, "context kept", 0, ce.source);
        contexts++;
    }
    if (contexts != want)
        told(&x, "contexts", want, contexts);
    want = 0;
    for (unsigned i = 0; i < 8; i++)
        want += kept[i / 4][i % 4];
    while (iommu_iotlb(x.m, n, &e)) {
        for (unsigned p = 0; p < 4; p++)
            if (e.iova == kept_at[p] && !kept[e.domain == 9][p])
                told(&x, "translation kept", 0, e.iova);
        n++;
    }
    if (n != want)
        told(&x, "translations", want, n);
    cases++;
}

/* CCMD or its descriptor. */
static void invalidate_contexts(bool queue, unsigned g, unsigned domain, unsigned source, unsigned fm)
{
    if (queue) {
        x.ram[8 * 512] = 1 | g << 4 | (uint64_t)domain << 16 | (uint64_t)source << 32 | (uint64_t)fm << 48;
        x.ram[8 * 512 + 1] = 0;
        iommu_write(x.m, IOMMU_IQT, 8, 16);
    } else {
        iommu_write(x.m, IOMMU_CCMD, 8, 1ull << 63 | (uint64_t)g << 61 | (uint64_t)fm << 32 | (uint64_t)source << 16 | domain);
    }
}

static void invalidate_pages(bool queue, unsigned g, unsigned domain, uint64_t at, unsigned am)
{
    if (queue) {
        x.ram[8 * 512] = 2 | g << 4 | (uint64_t)domain << 16;
        x.ram[8 * 512 + 1] = at | am;
        iommu_write(x.m, IOMMU_IQT, 8, 16);
    } else {
        iommu_write(x.m, IOMMU_IVA, 8, at | am);
        iommu_write(x.m, IOMMU_IOTLB, 8, 1ull << 63 | (uint64_t)g << 60 | (uint64_t)domain << 32);
    }
}

static void queue_on(bool on)
{
    if (!on)
        return;
    iommu_write(x.m, IOMMU_IQA, 8, 8 * 4096);
    iommu_write(x.m, IOMMU_IQT, 8, 0);
    iommu_write(x.m, IOMMU_GCMD, 4, 1u << 31 | 1u << 26);
}

static void context_invalidations(bool queue)
{
    for (unsigned i = 0; i < 4 * 3 * 8 * 4; i++) {
        const unsigned g = i % 4, domain = i / 4 % 3 == 0 ? 7 : i / 4 % 3 == 1 ? 9 : 0, source = 0x08 + i / 12 % 8, fm = i / 96;
        bool context_kept[4], kept[2][4];

        machine_warm();
        queue_on(queue);
        memset(kept, 1, sizeof kept);
        for (unsigned s = 0; s < 4; s++) {
            unsigned a = sources[s], b = source;

            for (unsigned n = 0; n < fm; n++) { /* the highest bits of the function are ignored first              */
                const unsigned bit = 4u >> n;
                a = a & bit ? a - bit : a;
                b = b & bit ? b - bit : b;
            }
            context_kept[s] = !(g == 1 || (g == 2 && domain_of(sources[s]) == domain) || (g == 3 && domain_of(sources[s]) == domain && a == b));
        }
        invalidate_contexts(queue, g, domain, source, fm);
        compare_warm(context_kept, kept);
    }
}

static void page_invalidations(bool queue)
{
    static const uint64_t at[] = { 0, 0x1000, 0x4000, 0x5000, 0x200000, 0x3ff000, 0x40000000, 0x7ffff000, 0x80000000, 0x8000000000 };

    for (unsigned i = 0; i < 4 * 2 * 10 * 21; i++) {
        const unsigned g = i % 4, domain = i / 4 % 2 ? 7 : 9, am = i / 80;
        const uint64_t iova = at[i / 8 % 10], bytes = 4096ull << am, from = iova / bytes * bytes;
        const bool context_kept[4] = { true, true, true, true };
        bool kept[2][4];

        machine_warm();
        queue_on(queue);
        for (unsigned d = 0; d < 2; d++)
            for (unsigned p = 0; p < 4; p++) {
                const bool mine = domain == (d ? 9 : 7);
                const bool meets = kept_at[p] < from + bytes && from < kept_at[p] + (1ull << kept_lg2[p]);
                kept[d][p] = !(g == 1 || (g == 2 && mine) || (g == 3 && mine && am <= 18 && meets));
            }
        invalidate_pages(queue, g, domain, iova, am);
        compare_warm(context_kept, kept);
    }
}

void invalidations(void)
{
    for (unsigned queue = 0; queue < 2; queue++) {
        context_invalidations(queue);
        page_invalidations(queue);
    }
}

/* ---- the queue ----------------------------------------------------------------------------------------------------------------- */

/* One descriptor with one or two bits more, behind one that is right: where does the queue stop, and why? */
static int descriptor_error(uint64_t low, uint64_t high)
{
    const uint64_t type = low % 16 + low / 512 % 8 * 16;

    if (type != 1 && type != 2 && type != 5)
        return 3;
    if (type == 1 && ((low & 0xffc0) - (low & 0xe00) || low >> 50 || high))
        return 4;
    if (type == 2 && ((low & 0xff00) - (low & 0xe00) || low >> 32 || (high & 0xf80)))
        return 4;
    if (type == 5 && ((low & 0xffffff80) - (low & 0xe00) || high & 3))
        return 4;
    if (type != 5 && (low & 0x30) == 0)
        return 4;
    if (type == 2 && (low & 0x30) == 0x30 && high % 64 > 18)
        return 4;
    return 0;
}

static void one_descriptor(uint64_t low, uint64_t high)
{
    const int error = descriptor_error(low, high);
    u64 status, head, why;

    machine_warm();
    queue_on(true);
    x.ram[8 * 512] = 2 | 1 << 4;
    x.ram[8 * 512 + 1] = 0;
    x.ram[8 * 512 + 2] = low;
    x.ram[8 * 512 + 3] = high;
    iommu_write(x.m, IOMMU_IQT, 8, 32);
    iommu_read(x.m, IOMMU_FSTS, 4, &status);
    iommu_read(x.m, IOMMU_IQH, 8, &head);
    iommu_read(x.m, IOMMU_IQERCD, 8, &why);
    cases++;
    if (head != (error ? 16u : 32u))
        told(&x, "head", error ? 16 : 32, head);
    if ((status >> 4 & 1) != (error != 0))
        told(&x, "queue error", error != 0, status);
    if (why != (u64)error)
        told(&x, "error code", (u64)error, why);
    if (!error && low % 16 == 5 && low >> 5 & 1 && high % 4 == 0 && high < sizeof x.ram && (uint32_t)x.ram[high / 8] != low >> 32 && high % 8 == 0)
        told(&x, "status word", low >> 32, x.ram[high / 8]);
}

void queues(void)
{
    static const uint64_t valid[][2] = { { 1 | 1 << 4, 0 }, { 2 | 3 << 4, 0x5000 }, { 5 | 1 << 5 | 0xabcdull << 32, 9 * 4096 }, { 5 | 1 << 4, 0 } };

    for (unsigned v = 0; v < 4; v++)
        for (unsigned i = 0; i < 128 * 128; i++) {
            uint64_t d[2] = { valid[v][0], valid[v][1] };

            d[i % 128 / 64] ^= 1ull << i % 64;
            d[i / 8192] ^= 1ull << i / 128 % 64;
            one_descriptor(d[0], d[1]);
        }
}
