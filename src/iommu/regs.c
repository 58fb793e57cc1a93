/* SPDX-License-Identifier: MIT
 * regs.c - the registers: reading, writing, and the commands that writing gives.  Called by software, that is the embedder.
 * VT-d 11.4.  A command is done at once: its bit (ICC, IVT, SRTP ...) never reads as busy. */
#include "internal.h"

/* ---- commands ---------------------------------------------------------------------------------------------------------- */

/* GCMD: all its bits at once; those of GSTS that are unchanged do nothing. */
static void command(struct iommu *m, u64 value)
{
    u64 *status = &m->reg[R_GSTS];
    const u64 changed = *status ^ value;

    if (value & VTD_SRTP) {
        m->root = m->reg[R_RTADDR];
        *status |= VTD_SRTP;
    }
    if (changed & VTD_QIE) {
        *status ^= VTD_QIE;
        m->reg[R_IQH] = 0;
        queue_run(m);
    }
    if (changed & VTD_TE)
        *status ^= VTD_TE;
}

/* While the queue is on the registers give no command (6.5.1). */
static bool by_register(const struct iommu *m) { return !(m->reg[R_GSTS] & VTD_QIE); }

static void context_command(struct iommu *m)
{
    u64 *r = &m->reg[R_CCMD];
    const struct context_names n = { .g = (enum vtd_granularity)(*r >> VTD_CCMD_CIRG_SHIFT & 3), .domain = (u16)*r,
                                     .source = (u16)(*r >> VTD_CCMD_SID_SHIFT), .function_mask = *r >> VTD_CCMD_FM_SHIFT & 3 };

    if (!(*r & VTD_CCMD_ICC) || !by_register(m))
        return;
    *r &= ~(VTD_CCMD_ICC | 3ull << VTD_CCMD_CAIG_SHIFT);
    if (forget_contexts(m, &n))
        *r |= (u64)n.g << VTD_CCMD_CAIG_SHIFT;
}

static void iotlb_command(struct iommu *m)
{
    u64 *r = &m->reg[R_IOTLB];
    const struct iotlb_names n = { .g = (enum vtd_granularity)(*r >> VTD_IOTLB_IIRG_SHIFT & 3), .domain = (u16)(*r >> VTD_IOTLB_DID_SHIFT),
                                   .iova = page_down(m->reg[R_IVA]), .mask_lg2 = m->reg[R_IVA] & VTD_IVA_AM };

    if (!(*r & VTD_IOTLB_IVT) || !by_register(m))
        return;
    *r &= ~(VTD_IOTLB_IVT | 3ull << VTD_IOTLB_IAIG_SHIFT);
    if (forget_translations(m, &n))
        *r |= (u64)n.g << VTD_IOTLB_IAIG_SHIFT;
}

static void fault_event_unmasked(struct iommu *m) { event_unmasked(m, EVENT_FAULT); }

/* Clearing IWC services the event; unmasking sends one that waits. */
static void completion_serviced(struct iommu *m)
{
    if (!(m->reg[R_ICS] & VTD_ICS_IWC))
        m->reg[R_IECTL] &= ~(u64)VTD_EVENT_IP;
}
static void completion_event_unmasked(struct iommu *m) { event_unmasked(m, EVENT_COMPLETION); }

/* ---- the table ----------------------------------------------------------------------------------------------------------- */

static const struct { u64 writable, cleared; u16 offset; u8 bytes; } registers[REGISTERS] = {
#define REG(name, offset, bytes, writable, cleared) [R_##name] = { writable, cleared, offset, bytes },
#include "arch/vtd_regs.def"
#undef REG
};
#define REG(name, offset, bytes, writable, cleared) _Static_assert((offset) == IOMMU_##name, "iommu.h names the same registers");
#include "arch/vtd_regs.def"
#undef REG

/* What a write does beyond changing bits. */
static void (*const effects[REGISTERS])(struct iommu *m) = {
    [R_CCMD] = context_command, [R_IOTLB] = iotlb_command, [R_FSTS] = fault_status_changed, [R_FECTL] = fault_event_unmasked,
    [R_IQT] = queue_run, [R_ICS] = completion_serviced, [R_IECTL] = completion_event_unmasked,
};

/* A register, or half of one: its number, and the half's first bit.  -1: none. */
static int find(u32 offset, unsigned bytes, unsigned *shift)
{
    for (int i = 0; i < REGISTERS; i++) {
        *shift = offset > registers[i].offset ? 32 : 0;
        if (offset == registers[i].offset + *shift / 8u && bytes + *shift / 8 <= registers[i].bytes && (bytes == 8 || bytes == 4))
            return i;
    }
    return -1;
}

/* A word of a fault record, or half of one. */
struct place { unsigned n, shift; bool high; };
static bool find_record(const struct iommu *m, u32 offset, unsigned bytes, struct place *p)
{
    const u32 at = offset - IOMMU_FRCD;

    *p = (struct place){ .n = at / 16, .shift = at % 8 * 8, .high = at % 16 >= 8 };
    return offset >= IOMMU_FRCD && p->n < m->cfg.fault_records && (bytes == 8 ? at % 8 == 0 : bytes == 4 && at % 4 == 0);
}

static u64 half_mask(unsigned bytes, unsigned shift) { return (bytes == 8 ? ~(u64)0 : 0xffffffffull) << shift; }

bool iommu_read(const struct iommu *m, u32 offset, unsigned bytes, u64 *value)
{
    struct place p;
    unsigned shift;
    const int i = find(offset, bytes, &shift);

    if (i >= 0)
        *value = (m->reg[i] & half_mask(bytes, shift)) >> shift;
    else if (find_record(m, offset, bytes, &p))
        *value = ((p.high ? m->record[p.n].high : m->record[p.n].low) & half_mask(bytes, p.shift)) >> p.shift;
    else
        return false;
    return true;
}

/* Of a record only F can be written: a one clears it. */
static bool write_record(struct iommu *m, u32 offset, unsigned bytes, u64 value)
{
    struct place p;

    if (!find_record(m, offset, bytes, &p))
        return false;
    if (p.high && value << p.shift & VTD_FRCD_F) {
        m->record[p.n].high &= ~VTD_FRCD_F;
        fault_status_changed(m);
    }
    return true;
}

bool iommu_write(struct iommu *m, u32 offset, unsigned bytes, u64 value)
{
    unsigned shift;
    const int i = find(offset, bytes, &shift);

    if (i < 0)
        return write_record(m, offset, bytes, value);
    const u64 writable = registers[i].writable & half_mask(bytes, shift);
    m->reg[i] = ((m->reg[i] & ~writable) | (value << shift & writable)) & ~(value << shift & registers[i].cleared);
    if (i == R_GCMD)
        command(m, value);
    else if (effects[i])
        effects[i](m);
    return true;
}
