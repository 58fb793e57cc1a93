/* SPDX-License-Identifier: MIT
 * internal.h - the bits of region registers, and what the files of this room share. */
#ifndef PAGEWALK_MPU_INTERNAL_H
#define PAGEWALK_MPU_INTERNAL_H

#include "pagewalk/mpu.h"

/* v7-M.  RBAR: [31:5] base, 4 VALID, [3:0] REGION.  RASR: 28 XN, [26:24] AP, [21:16] type, [15:8] SRD, [5:1] SIZE, 0 ENABLE. */
#define RBAR_VALID 0x10u
#define RASR_BITS 0x173fff3fu
#define RASR_XN (1u << 28)
#define RASR_AP_LSB 24u
#define RASR_SRD_LSB 8u
/* v8-M.  RBAR: [31:5] base, [4:3] SH, [2:1] AP, 0 XN.  RLAR: [31:5] limit, 4 PXN (v8.1-M), [3:1] AttrIndx, 0 EN. */
#define RLAR_PXN 0x10u
#define GRANULE_BYTES 32u

static inline bool region_on(const struct mpu_region *r) { return r->attr & 1; }

/* Bytes of a v7-M region as a power of two, 5 to 32; 0 when SIZE is none. */
static inline unsigned v7_size_lg2(const struct mpu_region *r)
{
    const unsigned size = r->attr >> 1 & 31;

    return size >= 4 ? size + 1 : 0;
}

/* The access bits for these rights; -1: there are none. */
int mpu_find_ap(const struct mpu *m, u8 privileged, u8 unprivileged);

/* Does region n, which is on, hold the address?  A subregion that is off does not. */
bool mpu_region_holds(const struct mpu *m, unsigned n, u32 addr);
/* First and last address of a region that is on; false: it holds none. */
bool mpu_region_span(const struct mpu *m, unsigned n, u32 *first, u32 *last);
/* What a region allows wherever its bits alone decide. */
u8 mpu_region_rights(const struct mpu *m, unsigned n, bool unprivileged);

#endif
