/* SPDX-License-Identifier: MIT
 * dma.c - buffers of user programs for devices behind an IOMMU: see pagewalk/dma.h.  Called by the embedder.
 * VT-d 9.1, 9.3 (root and context entries), 10 (programming). */
#include "dma.h"

/* ---- the IOMMU ------------------------------------------------------------------------------------------------------------ */

static u64 port_read(const struct dma *d, u32 reg, unsigned bytes)
{
    u64 v = 0;

    d->port.read(d->port.ctx, reg, bytes, &v);
    return v;
}

static void command(const struct dma *d, u32 value) { d->port.write(d->port.ctx, VTD_GCMD, 4, value); }

/* The fewest levels that there are: three, or four. */
static u8 choose_levels(u64 cap)
{
    const u64 widths = cap >> VTD_CAP_SAGAW_SHIFT;

    return widths & 2 ? 3 : widths & 4 ? 4 : 0;
}

long dma_start(struct dma *d, struct kernel *k, const struct dma_port *port, enum dma_mode mode)
{
    u64 cap;

    *d = (struct dma){ .k = k, .port = *port, .mode = (u8)mode };
    cap = port_read(d, VTD_CAP, 8);
    d->levels = choose_levels(cap);
    d->caching_mode = cap & VTD_CAP_CM;
    d->large_2m = cap >> VTD_CAP_SLLPS_SHIFT & 1;
    if (!d->levels || !(port_read(d, VTD_ECAP, 8) & VTD_ECAP_QI))
        return -MM_EINVAL;
    d->root = dma_frame(k);
    if (pfn_is_none(d->root))
        return -MM_ENOMEM;
    if (!dma_queue_start(d)) {
        frames_free(k, d->root, 0);
        return -MM_ENOMEM;
    }
    for (unsigned bus = 0; bus < 256; bus++)
        d->context[bus] = PFN_NONE;
    d->port.write(d->port.ctx, VTD_RTADDR, 8, pfn_to_pa(d->root));
    command(d, VTD_SRTP);
    d->port.write(d->port.ctx, VTD_CCMD, 8, VTD_CCMD_ICC | (u64)VTD_G_GLOBAL << VTD_CCMD_CIRG_SHIFT);
    d->port.write(d->port.ctx, VTD_IOTLB, 8, VTD_IOTLB_IVT | (u64)VTD_G_GLOBAL << VTD_IOTLB_IIRG_SHIFT);
    command(d, VTD_QIE);
    command(d, VTD_QIE | VTD_TE);
    return 0;
}

void dma_stop(struct dma *d)
{
    command(d, 0);
    for (u32 i = 0; i < d->domains; i++)
        dma_table_free(d, d->domain[i].table, d->domain[i].levels - 1u);
    for (unsigned bus = 0; bus < 256; bus++)
        if (!pfn_is_none(d->context[bus]))
            frames_free(d->k, d->context[bus], 0);
    frames_free(d->k, d->done, 0);
    frames_free(d->k, d->queue, 0);
    frames_free(d->k, d->root, 0);
    d->domains = 0;
}

/* ---- devices ---------------------------------------------------------------------------------------------------------------- */

static struct dma_domain *domain_of(struct dma *d, u16 source)
{
    for (u32 i = 0; i < d->domains; i++)
        if (d->domain[i].source == source)
            return &d->domain[i];
    return NULL;
}

/* The context table of a bus, made when first asked for. */
static u64 *context_table(struct dma *d, unsigned bus)
{
    if (pfn_is_none(d->context[bus])) {
        d->context[bus] = dma_frame(d->k);
        if (pfn_is_none(d->context[bus]))
            return NULL;
        dma_words(d, d->root)[2 * bus] = pfn_to_pa(d->context[bus]) | VTD_ROOT_P;
    }
    return dma_words(d, d->context[bus]);
}

long dma_attach(struct dma *d, u16 source)
{
    struct dma_domain *o = &d->domain[d->domains];
    u64 *entry;

    if (domain_of(d, source))
        return -MM_EINVAL;
    if (d->domains == DMA_DOMAINS_MAX)
        return -MM_ENOSPC;
    entry = context_table(d, source >> 8);
    if (!entry)
        return -MM_ENOMEM;
    *o = (struct dma_domain){ .source = source, .id = (u16)(d->domains + 1), .table = dma_frame(d->k), .levels = d->levels };
    if (pfn_is_none(o->table))
        return -MM_ENOMEM;
    d->domains++;
    entry += (source & 0xff) * 2;
    entry[1] = (d->levels - 2u) | (u64)o->id << VTD_CONTEXT_DID_SHIFT;
    entry[0] = pfn_to_pa(o->table) | VTD_CONTEXT_P;
    if (d->caching_mode) { /* that it was not present may be kept, under domain 0 (6.1) */
        dma_flush_context(d, 0, source);
        dma_flush_domain(d, o);
    }
    return 0;
}

/* ---- buffers ---------------------------------------------------------------------------------------------------------------- */

static void count(struct dma *d, const struct dma_mapping *m)
{
    u64 stretches = 1;

    for (u64 i = 1; i < m->pages; i++)
        stretches += m->page[i].n != m->page[i - 1].n + 1;
    d->stats.mapped_bytes += m->len_bytes;
    d->stats.stretches += stretches;
    d->stats.copies_saved_bytes += stretches > 1 ? m->len_bytes : 0;
    EXPLAIN(d->k, "dma: %d pages in %d stretches of memory are %x to the device", m->pages, stretches, m->iova);
}

/* All of the buffer, or nothing. */
static long pin_all(struct proc *p, u64 addr, u64 pages, bool write, pfn_t *page)
{
    const unsigned flags = MM_FOLL_LONGTERM | (write ? MM_FOLL_WRITE : 0);
    const long n = mm_pin(p, addr, pages, flags, page);

    if (n < 0 || (u64)n == pages)
        return n;
    mm_unpin(p->k, page, (u64)n, false);
    return mm_pin(p, page_down(addr) + ((u64)n << PAGE_LG2), 1, flags, page); /* the reason of the one that failed */
}

long dma_map(struct dma *d, u16 source, struct proc *p, u64 addr, u64 len_bytes, enum dma_direction direction, pfn_t *page,
             struct dma_mapping *out)
{
    const u64 offset = addr & PAGE_MASK_LOW, pages = page_up(offset + len_bytes) >> PAGE_LG2;
    const u64 rights = (direction & DMA_TO_DEVICE ? VTD_SL_R : 0) | (direction & DMA_FROM_DEVICE ? VTD_SL_W : 0);
    struct dma_domain *o = domain_of(d, source);
    u64 first;
    long r;

    if (!o || !len_bytes || !rights)
        return -MM_EINVAL;
    r = pin_all(p, addr, pages, direction & DMA_FROM_DEVICE, page);
    if (r < 0)
        return r;
    first = iova_alloc(o, pages);
    if (first == ~(u64)0) {
        mm_unpin(d->k, page, pages, false);
        return -MM_ENOSPC;
    }
    if (!dma_table_map(d, o, first, page, pages, rights)) {
        iova_free(o, iova_range(o, first));
        mm_unpin(d->k, page, pages, false);
        return -MM_ENOMEM;
    }
    if (d->caching_mode)
        dma_flush_pages(d, o, first, pages);
    *out = (struct dma_mapping){ source, (u8)direction, (first << PAGE_LG2) + offset, len_bytes, pages, page };
    count(d, out);
    return 0;
}

void dma_unmap(struct dma *d, const struct dma_mapping *m)
{
    struct dma_domain *o = domain_of(d, m->source);
    const u64 first = m->iova >> PAGE_LG2;
    struct dma_range *r;

    CHECK(o);
    r = iova_range(o, first);
    dma_table_unmap(d, o, first, m->pages);
    if (d->mode == DMA_STRICT) {
        dma_flush_pages(d, o, first, m->pages);
        iova_free(o, r);
    } else {
        dma_defer(d, r);
    }
    mm_unpin(d->k, m->page, m->pages, m->direction & DMA_FROM_DEVICE);
}
