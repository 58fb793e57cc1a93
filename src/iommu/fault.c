/* SPDX-License-Identifier: MIT
 * fault.c - recording refused requests, and the events that tell software.  Called by translate.c, queue.c and regs.c.
 * VT-d 7.2 (fault reporting), 11.4.9 to 11.4.14.
 *
 * Records are taken round and round.  A requester that has a pending record gets no second one; when the next record is still
 * pending all later faults are lost (PFO) until software has cleared that. */
#include "internal.h"

static void send(struct iommu *m, enum event e)
{
    const unsigned data = e == EVENT_FAULT ? R_FEDATA : R_IEDATA, low = e == EVENT_FAULT ? R_FEADDR : R_IEADDR;
    const unsigned high = e == EVENT_FAULT ? R_FEUADDR : R_IEUADDR;

    m->stats.messages++;
    if (m->cfg.message)
        m->cfg.message(m->cfg.ctx, m->reg[high] << 32 | m->reg[low], (u32)m->reg[data]);
}

void event_raise(struct iommu *m, enum event e)
{
    u64 *control = &m->reg[e == EVENT_FAULT ? R_FECTL : R_IECTL];

    if (*control & VTD_EVENT_IM)
        *control |= VTD_EVENT_IP;
    else
        send(m, e);
}

void event_unmasked(struct iommu *m, enum event e)
{
    u64 *control = &m->reg[e == EVENT_FAULT ? R_FECTL : R_IECTL];

    if ((*control & (VTD_EVENT_IM | VTD_EVENT_IP)) != VTD_EVENT_IP)
        return;
    *control &= ~(u64)VTD_EVENT_IP;
    send(m, e);
}

static bool pending(const struct iommu *m, unsigned n) { return m->record[n].high & VTD_FRCD_F; }

static bool requester_pending(const struct iommu *m, u16 source)
{
    for (unsigned n = 0; n < m->cfg.fault_records; n++)
        if (pending(m, n) && (u16)m->record[n].high == source)
            return true;
    return false;
}

void fault_record(struct iommu *m, const struct iommu_result *r, enum iommu_kind kind, bool *recorded)
{
    const u64 before = m->reg[R_FSTS];

    if (before & VTD_FSTS_PFO) {
        m->stats.lost++;
    } else if (requester_pending(m, r->source)) {
        m->stats.collapsed++;
    } else if (pending(m, m->next_record)) {
        m->stats.lost++;
        m->reg[R_FSTS] |= VTD_FSTS_PFO;
    } else {
        m->record[m->next_record] = (struct record){
            page_down(r->iova), VTD_FRCD_F | (kind == IOMMU_READ ? VTD_FRCD_T : 0) | (u64)r->reason << VTD_FRCD_FR_SHIFT | r->source };
        if (!(before & VTD_FSTS_PPF))
            m->reg[R_FSTS] = (before & ~(0xffull << VTD_FSTS_FRI_SHIFT)) | VTD_FSTS_PPF | (u64)m->next_record << VTD_FSTS_FRI_SHIFT;
        m->next_record = (u8)((m->next_record + 1) % m->cfg.fault_records);
        m->stats.recorded++;
        *recorded = true;
    }
    if (!(before & (VTD_FSTS_PPF | VTD_FSTS_PFO | VTD_FSTS_IQE)) && m->reg[R_FSTS] & VTD_FSTS_PPF)
        event_raise(m, EVENT_FAULT);
}

void fault_status_changed(struct iommu *m)
{
    bool any = false;

    for (unsigned n = 0; n < m->cfg.fault_records; n++)
        any |= pending(m, n);
    if (!any)
        m->reg[R_FSTS] &= ~(u64)VTD_FSTS_PPF;
    if (!(m->reg[R_FSTS] & (VTD_FSTS_PPF | VTD_FSTS_PFO | VTD_FSTS_IQE)))
        m->reg[R_FECTL] &= ~(u64)VTD_EVENT_IP; /* all serviced: nothing is pending any more */
}
