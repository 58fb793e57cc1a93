/* SPDX-License-Identifier: MIT
 * create.c - an IOMMU in the embedder's block, what it says it can do, and what can be seen of it.  Called by the embedder. */
#include "internal.h"

#include <string.h>

struct iommu_config iommu_default(void *ram, u64 ram_bytes)
{
    return (struct iommu_config){
        .ram = ram, .ram_bytes = ram_bytes, .address_bits = 48, .maxphyaddr = 48, .large_2m = true, .large_1g = true,
        .pass_through = true, .snoop = true, .fault_records = 1,
        .iotlb_ways = 4, .iotlb_sets = 16, .context_ways = 4, .context_sets = 8,
    };
}

static bool possible(const struct iommu_config *c)
{
    return (c->address_bits == 39 || c->address_bits == 48 || c->address_bits == 57) && c->maxphyaddr >= 32 && c->maxphyaddr <= 52 &&
           c->ram_bytes % PAGE_BYTES == 0 && c->ram_bytes <= 1ull << c->maxphyaddr && c->fault_records &&
           c->fault_records <= RECORDS_MAX && assoc_possible(c->iotlb_ways, c->iotlb_sets, MMU_LRU) &&
           assoc_possible(c->context_ways, c->context_sets, MMU_LRU);
}

static u64 capabilities(const struct iommu_config *c)
{
    const u64 widths = c->address_bits == 39 ? 2 : c->address_bits == 48 ? 6 : 14;

    return VTD_CAP_ND_16 | (c->caching_mode ? VTD_CAP_CM : 0) | widths << VTD_CAP_SAGAW_SHIFT |
           (c->address_bits - 1ull) << VTD_CAP_MGAW_SHIFT | (IOMMU_FRCD >> 4) * 1ull << VTD_CAP_FRO_SHIFT |
           (c->large_2m | c->large_1g * 2ull) << VTD_CAP_SLLPS_SHIFT | VTD_CAP_PSI |
           (c->fault_records - 1ull) << VTD_CAP_NFR_SHIFT | MASK_LG2_MAX << VTD_CAP_MAMV_SHIFT;
}

static u64 more_capabilities(const struct iommu_config *c)
{
    return VTD_ECAP_C | VTD_ECAP_QI | (c->pass_through ? VTD_ECAP_PT : 0) | (c->snoop ? VTD_ECAP_SC : 0) |
           (IOMMU_IVA >> 4) * 1ull << VTD_ECAP_IRO_SHIFT;
}

/* Lays everything out; with no base it only counts. */
static struct iommu *carve_iommu(struct carve *c, const struct iommu_config *cfg)
{
    struct iommu *m = carve(c, sizeof *m);
    struct assoc scratch;
    struct context *context = carve(c, (size_t)cfg->context_ways * cfg->context_sets * sizeof *context);

    if (c->base)
        *m = (struct iommu){ .cfg = *cfg, .memory = { .ram = cfg->ram, .ram_bytes = cfg->ram_bytes }, .context = context };
    assoc_create(c->base ? &m->iotlb : &scratch, c, cfg->iotlb_ways, cfg->iotlb_sets, MMU_LINEAR, MMU_LRU, 0);
    assoc_create(c->base ? &m->contexts : &scratch, c, cfg->context_ways, cfg->context_sets, MMU_LINEAR, MMU_LRU, 0);
    return m;
}

size_t iommu_bytes(const struct iommu_config *cfg)
{
    struct carve count = { NULL, 0 };

    if (!possible(cfg))
        return 0;
    carve_iommu(&count, cfg);
    return count.used_bytes;
}

struct iommu *iommu_create(void *block, size_t block_bytes, const struct iommu_config *cfg)
{
    const size_t needed = iommu_bytes(cfg);
    struct carve c = { block, 0 };
    struct iommu *m;

    if (!needed || block_bytes < needed || !block || (!cfg->ram && cfg->ram_bytes))
        return NULL;
    m = carve_iommu(&c, cfg);
    format_build(m);
    m->reg[R_VER] = 0x10;
    m->reg[R_CAP] = capabilities(cfg);
    m->reg[R_ECAP] = more_capabilities(cfg);
    m->reg[R_FECTL] = m->reg[R_IECTL] = VTD_EVENT_IM;
    return m;
}

const struct iommu_stats *iommu_stats(const struct iommu *m) { return &m->stats; }

/* ---- seeing the caches -------------------------------------------------------------------------------------------------- */

/* The place of full entry n, or a->ways * sets. */
static size_t full_entry(const struct assoc *a, unsigned n)
{
    const size_t entries = ((size_t)a->set_mask + 1) * a->ways;
    size_t at = 0;

    while (at < entries && (!a->tag[at] || n--))
        at++;
    return at;
}

bool iommu_iotlb(const struct iommu *m, unsigned n, struct iommu_kept *out)
{
    const size_t at = full_entry(&m->iotlb, n);
    u64 tag, data;

    if (at == ((size_t)m->iotlb.set_mask + 1) * m->iotlb.ways)
        return false;
    tag = m->iotlb.tag[at];
    data = m->iotlb.data[at];
    *out = (struct iommu_kept){ .iova = tag_iova(tag), .pa = data & KEPT_FRAME, .domain = tag_domain(tag),
                                .page_lg2 = (u8)size_lg2(tag_level(tag)), .rights = data & KEPT_RIGHTS,
                                .reason = data >> KEPT_REASON_SHIFT & 0x3f };
    return true;
}

bool iommu_contexts(const struct iommu *m, unsigned n, struct iommu_kept_context *out)
{
    const size_t at = full_entry(&m->contexts, n);
    const struct context *c = &m->context[at];

    if (at == ((size_t)m->contexts.set_mask + 1) * m->contexts.ways)
        return false;
    *out = (struct iommu_kept_context){ .source = c->source, .domain = kept_domain(c), .entry = { c->entry[0], c->entry[1] },
                                        .reason = c->reason };
    return true;
}
