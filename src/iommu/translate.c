/* SPDX-License-Identifier: MIT
 * translate.c - requests: the look, and then its effects on caches, fault records and counters.  Called by devices.
 * VT-d 6.1, 6.2: what is not present, or wrong, is kept only in caching mode. */
#include "internal.h"

#include <string.h>

/* The entry is there: it becomes the most recently used.  Otherwise it takes a place. */
static size_t keep(struct assoc *a, u32 set, int way, u64 tag, u64 data)
{
    const u32 at = way >= 0 ? (u32)way : assoc_place(a, set);

    assoc_put(a, set, at, tag, data);
    return assoc_at(a, set, at);
}

static void keep_context(struct iommu *m, const struct iommu_look *l)
{
    const bool wrong = l->r.by == IOMMU_BY_CONTEXT && l->r.reason != IOMMU_BEYOND_WIDTH;
    const u16 source = l->r.source;
    u32 set;
    int way;

    if (l->r.by == IOMMU_BY_OFF || l->r.by == IOMMU_BY_INTERRUPT || l->r.reason == IOMMU_BAD_ROOT_MODE)
        return;
    m->stats.context_hits += l->r.context_hit;
    m->stats.context_misses += !l->r.context_hit;
    way = context_find(m, source, &set);
    if (way >= 0)
        assoc_touch(&m->contexts, set, (u32)way);
    else if (!wrong || m->cfg.caching_mode)
        m->context[keep(&m->contexts, set, way, context_tag(source), 0)] = (struct context){
            .entry = { l->context[0], l->context[1] }, .source = source, .reason = wrong ? l->r.reason : (u8)IOMMU_NO_FAULT };
}

/* A refusal that no change of the request would avoid: nothing is allowed there, or an entry is wrong. */
static bool refuses_all(const struct iommu_look *l)
{
    return !l->rights || l->r.reason == IOMMU_ENTRY_RESERVED || l->r.reason == IOMMU_TABLE_OUTSIDE;
}

static void keep_translation(struct iommu *m, const struct iommu_look *l)
{
    unsigned level = 0;
    u32 set;
    int way;
    u64 data;

    if (l->r.by == IOMMU_BY_IOTLB) {
        m->stats.iotlb_hits++;
        way = iotlb_find(m, l->r.iova, l->r.domain, &level, &set);
        assoc_touch(&m->iotlb, set, (u32)way);
        return;
    }
    if (l->r.by != IOMMU_BY_WALK)
        return;
    m->stats.iotlb_misses++;
    if (!l->r.reason) {
        level = (l->r.page_lg2 - PAGE_LG2) / 9u;
        data = (l->r.pa & KEPT_FRAME & ~((1ull << l->r.page_lg2) - 1)) | l->rights;
    } else if (m->cfg.caching_mode && refuses_all(l)) {
        const u64 reason = l->r.reason == IOMMU_NO_WRITE ? IOMMU_NO_READ : l->r.reason;
        data = reason << KEPT_REASON_SHIFT;
    } else {
        return;
    }
    set = assoc_set(&m->iotlb, l->r.iova >> size_lg2(level));
    keep(&m->iotlb, set, ASSOC_NONE, iotlb_tag(l->r.iova, l->r.domain, level), data);
}

bool iommu_translate(struct iommu *m, u16 source, u64 iova, enum iommu_kind kind, struct iommu_result *r)
{
    struct iommu_look l;

    iommu_look(m, source, iova, kind, &l);
    *r = l.r;
    m->stats.requests++;
    m->stats.reads += l.r.reads;
    keep_context(m, &l);
    keep_translation(m, &l);
    if (!r->reason)
        return true;
    m->stats.faults++;
    if (!l.quiet)
        fault_record(m, r, kind, &r->recorded);
    return false;
}

/* ---- DMA ------------------------------------------------------------------------------------------------------------------- */

static void load(const struct iommu *m, u64 pa, u8 *to, u64 bytes)
{
    if (mmu_in_ram(&m->memory, pa, bytes))
        memcpy(to, m->memory.ram + pa, bytes);
    else
        memset(to, 0xff, bytes);
}

/* A device's write to where interrupts live is one if it is a word of 4 bytes; anything else is dropped. */
static void store(struct iommu *m, const struct iommu_result *r, const u8 *from, u64 bytes)
{
    u32 data;

    if (r->by != IOMMU_BY_INTERRUPT) {
        if (mmu_in_ram(&m->memory, r->pa, bytes))
            memcpy(m->memory.ram + r->pa, from, bytes);
    } else if (bytes == sizeof data && r->iova % sizeof data == 0) {
        memcpy(&data, from, sizeof data);
        m->stats.messages++;
        if (m->cfg.message)
            m->cfg.message(m->cfg.ctx, r->iova, data);
    }
}

/* The bytes of a request: those up to the end of the 4 KiB page. */
static u64 piece(u64 iova, u64 left_bytes)
{
    const u64 here = PAGE_BYTES - (iova & PAGE_MASK_LOW);

    return here < left_bytes ? here : left_bytes;
}

u64 iommu_dma_read(struct iommu *m, u16 source, u64 iova, void *to, u64 bytes, struct iommu_result *r)
{
    u64 done = 0;

    while (done < bytes && iommu_translate(m, source, iova + done, IOMMU_READ, r)) {
        const u64 n = piece(iova + done, bytes - done);

        load(m, r->pa, (u8 *)to + done, n);
        done += n;
    }
    m->stats.bytes_read += done;
    return done;
}

u64 iommu_dma_write(struct iommu *m, u16 source, u64 iova, const void *from, u64 bytes, struct iommu_result *r)
{
    u64 done = 0;

    while (done < bytes && iommu_translate(m, source, iova + done, IOMMU_WRITE, r)) {
        const u64 n = piece(iova + done, bytes - done);

        store(m, r, (const u8 *)from + done, n);
        done += n;
    }
    m->stats.bytes_written += done;
    return done;
}
