/* SPDX-License-Identifier: MIT
 * look.c - what holds at an address: the regions, the default memory map, and which of them decides.  Called for every
 * byte that is judged.  DDI 0403 B3.1 (default map), B3.5 (regions); DDI 0553 B10.
 *
 * v7-M: of the enabled regions that hold the address the highest number decides.  v8-M: two that hold it are a fault. */
#include "internal.h"

/* What the access bits allow: privileged, then unprivileged.  DDI 0403 table B3-15, DDI 0553 MPU_RBAR.AP. */
static const u8 v7_ap[8][2] = {
    { 0, 0 }, { MPU_R | MPU_W, 0 }, { MPU_R | MPU_W, MPU_R }, { MPU_R | MPU_W, MPU_R | MPU_W },
    { 0, 0 } /* reserved */, { MPU_R, 0 }, { MPU_R, MPU_R }, { MPU_R, MPU_R },
};
static const u8 v8_ap[4][2] = { { MPU_R | MPU_W, 0 }, { MPU_R | MPU_W, MPU_R | MPU_W }, { MPU_R, 0 }, { MPU_R, MPU_R } };

int mpu_find_ap(const struct mpu *m, u8 privileged, u8 unprivileged)
{
    const bool v7 = m->arch == MPU_V7M;
    const u8 (*table)[2] = v7 ? v7_ap : v8_ap;

    for (int ap = 0; ap < (v7 ? 8 : 4); ap++)
        if (table[ap][0] == privileged && table[ap][1] == unprivileged)
            return ap;
    return -1;
}

/* Half a GiB each: code, SRAM, peripheral, RAM, RAM, device, device, system. */
static u8 default_rights(u32 addr)
{
    static const u8 execute[8] = { MPU_X, MPU_X, 0, MPU_X, MPU_X, 0, 0, 0 };

    return MPU_R | MPU_W | execute[addr >> 29];
}

/* The system part of the map is never executed, whatever a region says. */
static bool in_system(u32 addr) { return addr >> 29 == 7; }
static bool in_ppb(u32 addr) { return addr >> 20 == 0xe00; }

bool mpu_region_span(const struct mpu *m, unsigned n, u32 *first, u32 *last)
{
    const struct mpu_region *r = &m->region[n];
    const unsigned lg2 = v7_size_lg2(r);

    if (!region_on(r))
        return false;
    if (m->arch != MPU_V7M) {
        *first = r->rbar & ~(GRANULE_BYTES - 1);
        *last = r->attr | (GRANULE_BYTES - 1);
        return *first <= *last;
    }
    if (!lg2)
        return false;
    *first = r->rbar & (u32)(~(u64)0 << lg2);
    *last = *first + (u32)(((u64)1 << lg2) - 1);
    return true;
}

bool mpu_region_holds(const struct mpu *m, unsigned n, u32 addr)
{
    const unsigned lg2 = v7_size_lg2(&m->region[n]);
    u32 first, last;

    if (!mpu_region_span(m, n, &first, &last) || addr < first || addr > last)
        return false;
    if (m->arch != MPU_V7M || lg2 < 8)
        return true;
    return !(m->region[n].attr >> RASR_SRD_LSB >> ((addr - first) >> (lg2 - 3)) & 1);
}

u8 mpu_region_rights(const struct mpu *m, unsigned n, bool unprivileged)
{
    const struct mpu_region *r = &m->region[n];
    const bool v7 = m->arch == MPU_V7M;
    const u8 rw = v7 ? v7_ap[r->attr >> RASR_AP_LSB & 7][unprivileged] : v8_ap[r->rbar >> 1 & 3][unprivileged];
    const bool xn = v7 ? r->attr & RASR_XN : r->rbar & 1;
    const bool pxn = m->arch == MPU_V8_1M && r->attr & RLAR_PXN && !unprivileged;

    return rw & MPU_R && !xn && !pxn ? rw | MPU_X : rw;
}

static struct mpu_result decided(enum mpu_rule rule, u32 addr, u8 rights)
{
    return (struct mpu_result){ .rule = (u8)rule, .rights = rights, .addr = addr };
}

/* The regions from the highest number down. */
static struct mpu_result look_regions(const struct mpu *m, u32 addr, bool unprivileged)
{
    struct mpu_result r = decided(MPU_RULE_NO_REGION, addr, 0);

    for (unsigned n = m->regions; n-- > 0; ) {
        if (!mpu_region_holds(m, n, addr))
            continue;
        if (r.rule == MPU_RULE_REGION)
            return decided(MPU_RULE_OVERLAP, addr, 0);
        r = decided(MPU_RULE_REGION, addr, mpu_region_rights(m, n, unprivileged));
        r.region = (u8)n;
        if (m->arch == MPU_V7M)
            break;
    }
    if (r.rule == MPU_RULE_NO_REGION && !unprivileged && m->ctrl & CTRL_PRIVDEFENA)
        return decided(MPU_RULE_BACKGROUND, addr, default_rights(addr));
    return r;
}

struct mpu_result mpu_look(const struct mpu *m, u32 addr, bool unprivileged, s32 priority)
{
    struct mpu_result r;

    if (in_ppb(addr))
        return decided(MPU_RULE_PPB, addr, unprivileged ? 0 : default_rights(addr));
    if (!(m->ctrl & CTRL_ENABLE))
        return decided(MPU_RULE_OFF, addr, default_rights(addr));
    if (priority < 0 && !(m->ctrl & CTRL_HFNMIENA))
        return decided(MPU_RULE_NEGATIVE, addr, default_rights(addr));
    r = look_regions(m, addr, unprivileged);
    if (in_system(addr))
        r.rights &= (u8)~MPU_X;
    return r;
}
