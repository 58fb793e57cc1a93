/* SPDX-License-Identifier: MIT
 * dma_flush.c - telling the IOMMU to forget: descriptors in the invalidation queue, each call ended by a wait descriptor whose
 * number the IOMMU stores when it is done; and the queue of unmappings that wait.  Called by dma.c.
 * Linux drivers/iommu/intel/dmar.c (qi_submit_sync), drivers/iommu/dma-iommu.c (queue_iova). */
#include "dma.h"

#define QUEUE_BYTES PAGE_BYTES
#define DESCRIPTOR_BYTES 16u

bool dma_queue_start(struct dma *d)
{
    d->queue = dma_frame(d->k);
    d->done = dma_frame(d->k);
    if (pfn_is_none(d->queue) || pfn_is_none(d->done)) {
        if (!pfn_is_none(d->queue))
            frames_free(d->k, d->queue, 0);
        if (!pfn_is_none(d->done))
            frames_free(d->k, d->done, 0);
        return false;
    }
    d->port.write(d->port.ctx, VTD_IQA, 8, pfn_to_pa(d->queue));
    d->port.write(d->port.ctx, VTD_IQT, 8, 0);
    return true;
}

static void put(struct dma *d, u64 low, u64 high)
{
    u64 *at = dma_words(d, d->queue) + d->tail / sizeof(u64);

    at[0] = low;
    at[1] = high;
    d->tail = (d->tail + DESCRIPTOR_BYTES) % QUEUE_BYTES;
}

/* The descriptor, and a wait for it. */
static void submit(struct dma *d, u64 low, u64 high)
{
    d->ticket = (u32)(d->ticket + 1);
    put(d, low, high);
    put(d, VTD_INV_WAIT | VTD_WAIT_SW | d->ticket << VTD_WAIT_DATA_SHIFT, pfn_to_pa(d->done));
    d->port.write(d->port.ctx, VTD_IQT, 8, d->tail);
    CHECK((u32)*dma_words(d, d->done) == d->ticket);
}

void dma_flush_context(struct dma *d, u16 domain, u16 source)
{
    submit(d, VTD_INV_CONTEXT | VTD_G_SELECTIVE << VTD_INV_G_SHIFT | (u64)domain << VTD_INV_DID_SHIFT | (u64)source << VTD_INV_SID_SHIFT, 0);
}

void dma_flush_domain(struct dma *d, const struct dma_domain *o)
{
    d->stats.domain_flushes++;
    submit(d, VTD_INV_IOTLB | VTD_G_DOMAIN << VTD_INV_G_SHIFT | (u64)o->id << VTD_INV_DID_SHIFT, 0);
}

void dma_flush_pages(struct dma *d, const struct dma_domain *o, u64 first, u64 pages)
{
    const u64 rounded = iova_rounded(pages), mask = (u64)__builtin_ctzll(rounded);

    if (mask > 18) { /* CAP.MAMV of what Linux meets most; a domain is less than four such */
        dma_flush_domain(d, o);
        return;
    }
    d->stats.page_flushes++;
    submit(d, VTD_INV_IOTLB | VTD_G_SELECTIVE << VTD_INV_G_SHIFT | (u64)o->id << VTD_INV_DID_SHIFT, (first & ~(rounded - 1)) << PAGE_LG2 | mask);
}

/* ---- deferred ------------------------------------------------------------------------------------------------------------- */

static void flush_waiting(struct dma *d)
{
    for (u32 i = 0; i < d->domains; i++) {
        struct dma_domain *o = &d->domain[i];
        bool any = false;

        for (u32 r = 0; r < o->ranges; r++)
            any |= o->range[r].waiting;
        if (!any)
            continue;
        dma_flush_domain(d, o);
        for (u32 r = o->ranges; r-- > 0; )
            if (o->range[r].waiting)
                iova_free(o, &o->range[r]);
    }
    EXPLAIN(d->k, "dma: %d unmappings are flushed from the IOTLB", d->waiting);
    d->waiting = 0;
}

void dma_defer(struct dma *d, struct dma_range *r)
{
    if (d->waiting == DMA_WAITING_MAX)
        flush_waiting(d);
    if (!d->waiting++)
        d->waiting_since_ns = d->k->hw.now_ns(d->k->hw.ctx);
    r->waiting = true;
    d->stats.deferred++;
}

void dma_tick(struct dma *d)
{
    if (d->waiting && d->k->hw.now_ns(d->k->hw.ctx) - d->waiting_since_ns >= DMA_TIMEOUT_NS)
        flush_waiting(d);
}
