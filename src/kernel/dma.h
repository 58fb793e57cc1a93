/* SPDX-License-Identifier: MIT
 * dma.h - what the files of DMA mapping share: dma.c (calls), dma_table.c (second-level tables), dma_flush.c (invalidation),
 * iova.c (I/O addresses). */
#ifndef PAGEWALK_KERNEL_DMA_H
#define PAGEWALK_KERNEL_DMA_H

#include "arch/vtd.h"
#include "calls.h"
#include "pagewalk/dma.h"

/* A zeroed frame for tables; not one of those that a process pays for. */
pfn_t dma_frame(struct kernel *k);
static inline u64 *dma_words(const struct dma *d, pfn_t f) { return (u64 *)(void *)(d->k->hw.ram + pfn_to_pa(f)); }

/* iova.c.  Pages are rounded up to a power of two, and aligned to it.  ~0: none left. */
u64 iova_alloc(struct dma_domain *o, u64 pages);
struct dma_range *iova_range(struct dma_domain *o, u64 first);
void iova_free(struct dma_domain *o, const struct dma_range *r);
u64 iova_rounded(u64 pages);

/* dma_table.c.  False: no memory for a table. */
bool dma_table_map(struct dma *d, struct dma_domain *o, u64 first, const pfn_t *page, u64 pages, u64 rights);
void dma_table_unmap(struct dma *d, struct dma_domain *o, u64 first, u64 pages);
void dma_table_free(struct dma *d, pfn_t table, unsigned level);

/* dma_flush.c.  All return when the IOMMU has done it. */
bool dma_queue_start(struct dma *d);
void dma_flush_context(struct dma *d, u16 domain, u16 source);
void dma_flush_pages(struct dma *d, const struct dma_domain *o, u64 first, u64 pages);
void dma_flush_domain(struct dma *d, const struct dma_domain *o);
void dma_defer(struct dma *d, struct dma_range *r);

#endif
