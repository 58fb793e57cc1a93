/* SPDX-License-Identifier: MIT
 * access.c - an access judged, and what a refused one leaves in the status registers.  DDI 0403 B1.5 (exceptions, priority
 * escalation, lockup), B3.2 (CFSR, HFSR, MMFAR); DDI 0553 B3, D1.
 *
 * A fault is a MemManage (a BusFault when the private peripheral bus refuses unprivileged code).  Where that exception
 * is not enabled, or its priority is not above the current one, it becomes a HardFault with FORCED; from priority -1
 * on, where not even that can be taken, the processor locks up. */
#include "internal.h"

/* What each kind of access needs, and what its refusal sets. */
static const struct { u8 right; u32 status; bool tells_address; } kinds[] = {
    [MPU_BY_LOAD] = { MPU_R, CFSR_DACCVIOL, true },
    [MPU_BY_STORE] = { MPU_W, CFSR_DACCVIOL, true },
    [MPU_BY_FETCH] = { MPU_X, CFSR_IACCVIOL, false },
    [MPU_BY_STACKING] = { MPU_W, CFSR_MSTKERR, false },
    [MPU_BY_UNSTACKING] = { MPU_R, CFSR_MUNSTKERR, false },
    [MPU_BY_LAZY_FP] = { MPU_W, CFSR_MLSPERR, false },
    [MPU_BY_VECTOR] = { MPU_R, 0, false },
};

static u8 raise(struct mpu *m, s32 priority, bool bus)
{
    const bool enabled = m->shcsr & (bus ? SHCSR_BUSFAULTENA : SHCSR_MEMFAULTENA);
    const s32 own = (s32)(m->shpr1 >> (bus ? 8 : 0) & 0xff);

    if (priority < 0)
        return MPU_LOCKUP;
    if (enabled && own < priority)
        return bus ? MPU_BUSFAULT : MPU_MEMMANAGE;
    m->hfsr |= HFSR_FORCED;
    return MPU_HARDFAULT;
}

static void refuse(struct mpu *m, const struct mpu_access *a, struct mpu_result *r)
{
    /* A fetch from the bus is refused by the default map's XN before the bus sees it. */
    const bool bus = r->rule == MPU_RULE_PPB && a->by != MPU_BY_FETCH;

    if (bus) {
        m->cfsr |= CFSR_PRECISERR | CFSR_BFARVALID;
        m->bfar = r->addr;
    } else {
        m->cfsr |= kinds[a->by].status;
        if (kinds[a->by].tells_address) {
            m->cfsr |= CFSR_MMARVALID;
            m->mmfar = r->addr;
        }
    }
    r->exception = raise(m, a->priority, bus);
}

struct mpu_result mpu_access(struct mpu *m, const struct mpu_access *a)
{
    /* Regions and subregions are 32 bytes at least: an aligned access lies in one place. */
    const u32 step = a->addr & (a->size_bytes - 1u) ? 1 : a->size_bytes;
    struct mpu_result first = { 0 };

    if (a->by == MPU_BY_VECTOR)
        return (struct mpu_result){ .rule = MPU_RULE_VECTOR, .rights = MPU_R, .addr = a->addr };
    for (u32 done = 0; done < a->size_bytes; done += step) {
        struct mpu_result r = mpu_look(m, a->addr + done, a->unprivileged, a->priority);

        if (!(r.rights & kinds[a->by].right)) {
            refuse(m, a, &r);
            return r;
        }
        if (!done)
            first = r;
    }
    return first;
}
