/* SPDX-License-Identifier: MIT
 * queue.c - the invalidation queue: descriptors of 16 bytes in memory, done in order when software moves the tail.  Called by
 * regs.c.  VT-d 6.5.2.  A descriptor that is wrong stops the queue at it (IQE, with the reason in IQERCD) until software has
 * cleared IQE and moves the tail again. */
#include "internal.h"

#include "machine/phys.h"

#include <string.h>

void queue_failed(struct iommu *m, enum vtd_queue_error why)
{
    const u64 before = m->reg[R_FSTS];

    m->reg[R_FSTS] |= VTD_FSTS_IQE;
    m->reg[R_IQERCD] = why;
    if (!(before & (VTD_FSTS_PPF | VTD_FSTS_PFO | VTD_FSTS_IQE)))
        event_raise(m, EVENT_FAULT);
}

static bool do_context(struct iommu *m, const u64 *d)
{
    const struct context_names n = { .g = (enum vtd_granularity)(d[0] >> VTD_INV_G_SHIFT & 3), .domain = (u16)(d[0] >> VTD_INV_DID_SHIFT),
                                     .source = (u16)(d[0] >> VTD_INV_SID_SHIFT), .function_mask = d[0] >> VTD_INV_FM_SHIFT & 3 };
    return forget_contexts(m, &n);
}

static bool do_iotlb(struct iommu *m, const u64 *d)
{
    const struct iotlb_names n = { .g = (enum vtd_granularity)(d[0] >> VTD_INV_G_SHIFT & 3), .domain = (u16)(d[0] >> VTD_INV_DID_SHIFT),
                                   .iova = page_down(d[1]), .mask_lg2 = d[1] & VTD_IVA_AM };
    return forget_translations(m, &n);
}

/* Everything in front of it is done already: the status word is written, the interrupt sent. */
static bool do_wait(struct iommu *m, const u64 *d)
{
    const u32 data = (u32)(d[0] >> VTD_WAIT_DATA_SHIFT);

    if (d[0] & VTD_WAIT_SW && mmu_in_ram(&m->memory, d[1], sizeof data))
        memcpy(m->memory.ram + d[1], &data, sizeof data);
    if (d[0] & VTD_WAIT_IF && !(m->reg[R_ICS] & VTD_ICS_IWC)) {
        m->reg[R_ICS] |= VTD_ICS_IWC;
        event_raise(m, EVENT_COMPLETION);
    }
    return true;
}

static const struct { bool (*fn)(struct iommu *m, const u64 *d); u64 reserved[2]; } descriptors[] = {
    [VTD_INV_CONTEXT] = { do_context, { 0xfffc00000000ffc0, ~(u64)0 } },
    [VTD_INV_IOTLB] = { do_iotlb, { 0xffffffff0000ff00, 0xf80 } },
    [VTD_INV_WAIT] = { do_wait, { 0xffffff80, 3 } },
};

static enum vtd_queue_error do_descriptor(struct iommu *m, const u64 *d)
{
    const u64 type = (d[0] & 15) | (d[0] >> 5 & 0x70);

    if (type >= COUNT_OF(descriptors) || !descriptors[type].fn)
        return VTD_IQEI_TYPE;
    if (d[0] & descriptors[type].reserved[0] || d[1] & descriptors[type].reserved[1])
        return VTD_IQEI_RESERVED;
    return descriptors[type].fn(m, d) ? 0 : VTD_IQEI_RESERVED;
}

static u64 queue_bytes(const struct iommu *m) { return PAGE_BYTES << (m->reg[R_IQA] & VTD_IQA_QS); }

void queue_run(struct iommu *m)
{
    if (!(m->reg[R_GSTS] & VTD_QIE) || m->reg[R_FSTS] & VTD_FSTS_IQE)
        return;
    if (m->reg[R_IQA] & VTD_IQA_DW || m->reg[R_IQT] >= queue_bytes(m)) {
        queue_failed(m, m->reg[R_IQA] & VTD_IQA_DW ? VTD_IQEI_WIDTH : VTD_IQEI_TAIL);
        return;
    }
    while (m->reg[R_IQH] != m->reg[R_IQT]) {
        const u64 at = page_down(m->reg[R_IQA]) + m->reg[R_IQH];
        enum vtd_queue_error why = VTD_IQEI_FETCH;

        if (mmu_in_ram(&m->memory, at, 16)) {
            const u64 d[2] = { phys_read(&m->memory, at), phys_read(&m->memory, at + 8) };
            why = do_descriptor(m, d);
        }
        if (why) {
            queue_failed(m, why);
            return;
        }
        m->reg[R_IQH] = (m->reg[R_IQH] + 16) % queue_bytes(m);
    }
}
