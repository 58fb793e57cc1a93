/* SPDX-License-Identifier: MIT
 * iova.c - I/O virtual addresses of a domain: stretches of pages, the highest that fits below 4 GiB.  Called by dma.c and
 * dma_flush.c.  Linux drivers/iommu/iova.c: devices get 32-bit addresses first; here there are no others.
 *
 * range[] is sorted; a size is rounded up to a power of two, so one invalidation of that many aligned pages covers it. */
#include "dma.h"

#define IOVA_LIMIT (1ull << (32 - PAGE_LG2))

/* The interrupts' MiB at 0xfee00000 is nobody's. */
#define INTERRUPTS_FIRST (VTD_INTERRUPTS >> PAGE_LG2)
#define INTERRUPTS_END (INTERRUPTS_FIRST + 256)

u64 iova_rounded(u64 pages)
{
    return pages < 2 ? 1 : 1ull << (64 - (unsigned)__builtin_clzll(pages - 1));
}

/* The highest place for so many pages between two stretches that are taken; ~0: none.  Page 0 stays free: address 0 means
 * "none" to drivers. */
static u64 place(u64 from, u64 to, u64 pages)
{
    const u64 at = to >= pages ? (to - pages) & ~(pages - 1) : ~(u64)0;

    if (at == ~(u64)0 || at < from || !at)
        return ~(u64)0;
    if (at < INTERRUPTS_END && at + pages > INTERRUPTS_FIRST)
        return place(from, INTERRUPTS_FIRST, pages);
    return at;
}

u64 iova_alloc(struct dma_domain *o, u64 pages)
{
    u64 to = IOVA_LIMIT, at = ~(u64)0;
    u32 i = o->ranges;

    pages = iova_rounded(pages);
    if (o->ranges == DMA_RANGES_MAX || pages > IOVA_LIMIT)
        return ~(u64)0;
    for (;; i--) {
        at = place(i ? o->range[i - 1].end : 0, to, pages);
        if (at != ~(u64)0 || !i)
            break;
        to = o->range[i - 1].first;
    }
    if (at == ~(u64)0)
        return at;
    memmove(&o->range[i + 1], &o->range[i], (o->ranges - i) * sizeof o->range[0]);
    o->range[i] = (struct dma_range){ at, at + pages, false };
    o->ranges++;
    return at;
}

struct dma_range *iova_range(struct dma_domain *o, u64 first)
{
    for (u32 i = 0; i < o->ranges; i++)
        if (o->range[i].first == first)
            return &o->range[i];
    CHECK(false);
    return NULL;
}

void iova_free(struct dma_domain *o, const struct dma_range *r)
{
    const u32 i = (u32)(r - o->range);

    memmove(&o->range[i], &o->range[i + 1], (o->ranges - i - 1) * sizeof o->range[0]);
    o->ranges--;
}
