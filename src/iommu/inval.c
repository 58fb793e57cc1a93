/* SPDX-License-Identifier: MIT
 * inval.c - forgetting contexts and translations.  Called by regs.c (commands by register) and queue.c (descriptors).
 * VT-d 6.5.1, 6.5.2.  What is not named stays, though hardware may drop it. */
#include "internal.h"

/* CCMD.FM: 0 to 3 low bits of the function number count for nothing, from the highest down. */
static u16 ignored_function_bits(u8 mask)
{
    static const u8 bits[] = { 0, 4, 6, 7 };

    return bits[mask & 3];
}

static bool context_named(const struct context *c, const struct context_names *n)
{
    const u16 differ = (u16)((c->source ^ n->source) & ~ignored_function_bits(n->function_mask));

    if (n->g == VTD_G_GLOBAL)
        return true;
    return kept_domain(c) == n->domain && (n->g == VTD_G_DOMAIN || !differ);
}

bool forget_contexts(struct iommu *m, const struct context_names *n)
{
    struct assoc *a = &m->contexts;

    if (n->g == VTD_G_RESERVED)
        return false;
    m->stats.invalidations++;
    for (u32 set = 0; set <= a->set_mask; set++)
        for (u32 way = 0; way < a->ways; way++)
            if (a->tag[assoc_at(a, set, way)] && context_named(&m->context[assoc_at(a, set, way)], n))
                assoc_remove(a, set, way);
    return true;
}

/* Pages: every entry that covers one of them, whatever its size. */
static bool translation_named(u64 tag, const struct iotlb_names *n)
{
    const unsigned own = size_lg2(tag_level(tag)), named = PAGE_LG2 + (unsigned)n->mask_lg2, wide = named > own ? named : own;

    if (n->g == VTD_G_GLOBAL)
        return true;
    return tag_domain(tag) == n->domain && (n->g == VTD_G_DOMAIN || tag_iova(tag) >> wide == n->iova >> wide);
}

bool forget_translations(struct iommu *m, const struct iotlb_names *n)
{
    struct assoc *a = &m->iotlb;

    if (n->g == VTD_G_RESERVED || (n->g == VTD_G_SELECTIVE && n->mask_lg2 > MASK_LG2_MAX))
        return false;
    m->stats.invalidations++;
    for (u32 set = 0; set <= a->set_mask; set++)
        for (u32 way = 0; way < a->ways; way++) {
            const u64 tag = a->tag[assoc_at(a, set, way)];
            if (tag && translation_named(tag, n))
                assoc_remove(a, set, way);
        }
    return true;
}
