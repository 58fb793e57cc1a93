/* SPDX-License-Identifier: MIT
 * regs.c - the registers, and regions set by what they are to do.  DDI 0403 B3.5.4 ff., DDI 0553 D1 (MPU_*). */
#include "internal.h"

#include <string.h>

void mpu_init(struct mpu *m, enum mpu_arch arch, unsigned regions)
{
    memset(m, 0, sizeof *m);
    m->arch = (u8)arch;
    m->regions = (u8)regions;
}

/* The region an RBAR or RASR/RLAR address means, and which of the two; false: the address is neither. */
static bool region_register(const struct mpu *m, u32 reg, unsigned *n, bool *is_rbar)
{
    const u32 at = reg - MPU_RBAR;

    if (reg < MPU_RBAR || at >= 32 || reg & 3 || !m->regions)
        return false;
    *is_rbar = !(at & 4);
    /* v7-M's aliases are RBAR and RASR again; v8-M's are the other regions of a group of four. */
    *n = m->arch == MPU_V7M || at < 8 ? m->rnr : (m->rnr & ~3u) + at / 8;
    return true;
}

static void write_rbar(struct mpu *m, unsigned n, u32 value)
{
    if (m->arch != MPU_V7M) {
        m->region[n].rbar = value;
        return;
    }
    if (value & RBAR_VALID) {
        n = value & 15;
        if (n >= m->regions)
            return;
        m->rnr = (u8)n;
    }
    m->region[n].rbar = value & ~(GRANULE_BYTES - 1);
}

static void write_attr(struct mpu *m, unsigned n, u32 value)
{
    static const u32 bits[] = { [MPU_V7M] = RASR_BITS, [MPU_V8M] = ~RLAR_PXN, [MPU_V8_1M] = ~(u32)0 };

    m->region[n].attr = value & bits[m->arch];
}

bool mpu_write(struct mpu *m, u32 reg, u32 value)
{
    unsigned n;
    bool is_rbar;

    if (region_register(m, reg, &n, &is_rbar)) {
        if (is_rbar)
            write_rbar(m, n, value);
        else
            write_attr(m, n, value);
        return true;
    }
    switch (reg) {
    case MPU_CTRL: m->ctrl = m->regions ? value & 7 : 0; return true;
    case MPU_RNR: if (value < m->regions) m->rnr = (u8)value; return true;
    case MPU_MAIR0: case MPU_MAIR1: if (m->arch == MPU_V7M) return false; m->mair[reg == MPU_MAIR1] = value; return true;
    case MPU_SHPR1: m->shpr1 = value & 0xffff; return true;
    case MPU_SHCSR: m->shcsr = value & (SHCSR_MEMFAULTENA | SHCSR_BUSFAULTENA); return true;
    case MPU_CFSR: m->cfsr &= ~value; return true;
    case MPU_HFSR: m->hfsr &= ~value; return true;
    case MPU_MMFAR: m->mmfar = value; return true;
    case MPU_BFAR: m->bfar = value; return true;
    default: return reg == MPU_TYPE; /* read-only: ignored                                                        */
    }
}

bool mpu_read(const struct mpu *m, u32 reg, u32 *value)
{
    unsigned n;
    bool is_rbar;

    if (region_register(m, reg, &n, &is_rbar)) {
        *value = is_rbar ? m->region[n].rbar | (m->arch == MPU_V7M ? n : 0) : m->region[n].attr;
        return true;
    }
    switch (reg) {
    case MPU_TYPE: *value = (u32)m->regions << 8; return true;
    case MPU_CTRL: *value = m->ctrl; return true;
    case MPU_RNR: *value = m->rnr; return true;
    case MPU_MAIR0: case MPU_MAIR1: *value = m->mair[reg == MPU_MAIR1]; return m->arch != MPU_V7M;
    case MPU_SHPR1: *value = m->shpr1; return true;
    case MPU_SHCSR: *value = m->shcsr; return true;
    case MPU_CFSR: *value = m->cfsr; return true;
    case MPU_HFSR: *value = m->hfsr; return true;
    case MPU_MMFAR: *value = m->mmfar; return true;
    case MPU_BFAR: *value = m->bfar; return true;
    default: return false;
    }
}

/* ---- regions by what they are to do ------------------------------------------------------------------------- */

static enum mpu_refused set_v7(struct mpu *m, unsigned n, const struct mpu_want *w)
{
    const int ap = mpu_find_ap(m, w->privileged, w->unprivileged);
    const u32 size = w->bytes ? (u32)__builtin_ctz(w->bytes) - 1 : 0;

    if (w->bytes < GRANULE_BYTES || w->bytes & (w->bytes - 1))
        return MPU_WANT_SIZE;
    if (w->base & (w->bytes - 1))
        return MPU_WANT_BASE;
    if (ap < 0)
        return MPU_WANT_RIGHTS;
    if (w->srd && w->bytes < 256)
        return MPU_WANT_SRD;
    if (w->privileged_never)
        return MPU_WANT_PXN;
    m->region[n].rbar = w->base;
    m->region[n].attr = (w->execute ? 0 : RASR_XN) | (u32)ap << RASR_AP_LSB | (u32)w->srd << RASR_SRD_LSB | size << 1 | 1;
    return MPU_WANT_OK;
}

static enum mpu_refused set_v8(struct mpu *m, unsigned n, const struct mpu_want *w)
{
    const int ap = mpu_find_ap(m, w->privileged, w->unprivileged);

    if (w->bytes & (GRANULE_BYTES - 1))
        return MPU_WANT_SIZE;
    if (w->base & (GRANULE_BYTES - 1) || w->base + (w->bytes - 1) < w->base)
        return MPU_WANT_BASE;
    if (ap < 0)
        return MPU_WANT_RIGHTS;
    if (w->srd)
        return MPU_WANT_SRD;
    if (w->privileged_never && m->arch != MPU_V8_1M)
        return MPU_WANT_PXN;
    m->region[n].rbar = w->base | (u32)ap << 1 | !w->execute;
    m->region[n].attr = ((w->base + (w->bytes - 1)) & ~(GRANULE_BYTES - 1)) | (w->privileged_never ? RLAR_PXN : 0) | 1;
    return MPU_WANT_OK;
}

enum mpu_refused mpu_set_region(struct mpu *m, unsigned n, const struct mpu_want *want)
{
    if (n >= m->regions)
        return MPU_WANT_NUMBER;
    if (!want->bytes) {
        m->region[n].attr = 0;
        return MPU_WANT_OK;
    }
    return m->arch == MPU_V7M ? set_v7(m, n, want) : set_v8(m, n, want);
}

const char *mpu_refused_text(enum mpu_refused why)
{
    static const char *const texts[] = {
        [MPU_WANT_OK] = "it can be set so",
        [MPU_WANT_NUMBER] = "this MPU has no region of that number",
        [MPU_WANT_SIZE] = "a region of v7-M is a power of two from 32 bytes on, one of v8-M a multiple of 32",
        [MPU_WANT_BASE] = "a region of v7-M begins at a multiple of its size, one of v8-M at a multiple of 32, and ends below 4 GiB",
        [MPU_WANT_RIGHTS] = "the access bits cannot say these rights",
        [MPU_WANT_SRD] = "only regions of v7-M from 256 bytes on have subregions",
        [MPU_WANT_PXN] = "only v8.1-M has PXN",
    };

    return texts[why];
}
