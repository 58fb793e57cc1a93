/* SPDX-License-Identifier: MIT
 * dma.h - the kernel half of an IOMMU: Linux's DMA mappings (drivers/iommu/dma-iommu.c, iova.c, intel/) for buffers of user
 * programs.  The kernel sees registers and memory only, as iommu.h's machine or another one shows them.
 *
 * Every device has a domain of its own.  A buffer's pages are pinned, a stretch of I/O addresses is found, from 4 GiB
 * downwards and aligned to its size, and the page table gets an entry for each page: scattered frames become one address.
 *
 *     user buffer   |  A  |  B  |  C  |  D  |          frames   .. B .... A . D ....... C ..
 *     I/O address   |  A  |  B  |  C  |  D  |          what the device is told: the first of these, and the length
 *
 * Unmapping clears the entries.  Strict: the IOTLB forgets them before the call returns.  Deferred: nobody tells the IOTLB
 * before 256 unmappings wait or 10 ms have passed; until then the addresses are not given to anybody else, but the pages are
 * the program's again, and a device that still writes may hit them.
 *
 * Struct dma is the embedder's; nothing but frames of the kernel's memory is allocated. */
#ifndef PAGEWALK_DMA_H
#define PAGEWALK_DMA_H

#include "pagewalk/kernel.h"

#define DMA_DOMAINS_MAX 16u
#define DMA_RANGES_MAX 512u
#define DMA_WAITING_MAX 256u         /* IOVA_FQ_SIZE                                                              */
#define DMA_TIMEOUT_NS 10000000ull   /* IOVA_FQ_TIMEOUT                                                            */

/* The IOMMU's registers: iommu_read() and iommu_write(), for one. */
struct dma_port {
    void *ctx;
    bool (*read)(void *ctx, u32 reg, unsigned bytes, u64 *value);
    bool (*write)(void *ctx, u32 reg, unsigned bytes, u64 value);
};

enum dma_mode { DMA_STRICT, DMA_DEFERRED };
enum dma_direction { DMA_TO_DEVICE = 1, DMA_FROM_DEVICE = 2, DMA_BOTH = 3 };

struct dma_range { u64 first, end; bool waiting; /* unmapped, but the IOTLB may still know it */ }; /* page numbers    */
struct dma_domain {
    u16 source;                      /* the device: bus << 8 | device << 3 | function                              */
    u16 id;                          /* its number; 0 is nobody's                                                  */
    pfn_t table;
    u8 levels;
    u32 ranges;
    struct dma_range range[DMA_RANGES_MAX]; /* sorted, apart                                                       */
};
struct dma_stats {
    u64 mapped_bytes, stretches;     /* of all mappings, and the pieces of physical memory they were               */
    u64 copies_saved_bytes;          /* of buffers in more than one piece: what a device without scatter lists would have had
                                        copied through a bounce buffer                                             */
    u64 page_flushes, domain_flushes; /* invalidations of the IOTLB                                                */
    u64 deferred;                    /* unmappings that did not wait for one                                       */
};
struct dma {
    struct kernel *k;
    struct dma_port port;
    u8 mode;                         /* enum dma_mode                                                              */
    bool caching_mode, large_2m;     /* CAP.CM, CAP.SLLPS                                                          */
    u8 levels;
    pfn_t root, queue, done;         /* done: where the IOMMU says which descriptors it has done                   */
    pfn_t context[256];              /* by bus; PFN_NONE: none                                                     */
    u64 tail, ticket;                /* of the queue; the number of the last wait                                  */
    u32 domains, waiting;
    u64 waiting_since_ns;
    struct dma_domain domain[DMA_DOMAINS_MAX];
    struct dma_stats stats;
};

/* A mapped buffer; page[] is the caller's and must stay. */
struct dma_mapping { u16 source; u8 direction; u64 iova, len_bytes, pages; pfn_t *page; };

/* Takes over an IOMMU as after reset: tables, queued invalidation, translation on.  Devices without a domain reach nothing.
 * -MM_ENOMEM; -MM_EINVAL: an IOMMU that lacks what is needed. */
long dma_start(struct dma *d, struct kernel *k, const struct dma_port *port, enum dma_mode mode);
/* Translation off, and all frames back. */
void dma_stop(struct dma *d);
/* A domain for a device.  -MM_EINVAL: it has one; -MM_ENOSPC: too many; -MM_ENOMEM. */
long dma_attach(struct dma *d, u16 source);
/* Pins p's buffer and maps it.  page[] has room for its pages.  0, mm_pin()'s errors (of the first page that cannot be),
 * -MM_EINVAL: no such device, or no bytes; -MM_ENOSPC: no I/O addresses; -MM_ENOMEM.  On error nothing has changed. */
long dma_map(struct dma *d, u16 source, struct proc *p, u64 addr, u64 len_bytes, enum dma_direction direction, pfn_t *page,
             struct dma_mapping *out);
/* Clears the entries, invalidates by the mode, unpins.  Pages a device could write are marked dirty. */
void dma_unmap(struct dma *d, const struct dma_mapping *m);
/* Flushes what has waited for 10 ms by now. */
void dma_tick(struct dma *d);

#endif
