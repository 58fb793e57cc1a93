/* SPDX-License-Identifier: MIT
 * registers.c - see registers.h.  SDM2, MOV to a control register and WRMSR; SDM3 2.5 (CR4), 4.1.2, 4.10.1.  Long mode,
 * CPL 0, with paging: so written for what can be asked there. */
#include "registers.h"

static bool bit(u64 v, u32 n)
{
    return v >> n & 1;
}

u64 register_value(const struct playing *p, u32 which)
{
    const struct context *x = &p->now;
    switch (which) {
    case WRITE_CR0: return 0x80000011 | (u64)x->wp << 16;
    case WRITE_CR3: return p->c->cr3[0];
    case WRITE_CR4:
        return 1u << 5 | (u64)x->pge << 7 | (u64)(p->c->levels == 5) << 12 | (u64)x->pcide << 17 | (u64)x->smep << 20 |
               (u64)x->smap << 21 | (u64)x->pke << 22 | (u64)x->pks << 24;
    default: return 0x500 | (u64)x->nxe << 11;
    }
}

static bool cr4_refused(const struct playing *p, u64 value)
{
    static const struct { u8 bit; u32 feature; } needs[] = {
        { 12, PART_LA57 }, { 17, PART_PCID }, { 20, PART_SMEP }, { 21, PART_SMAP }, { 22, PART_PKU }, { 24, PART_PKS },
    };
    u64 old = register_value(p, WRITE_CR4);
    if (value >> 31) /* reserved */
        return true;
    for (u32 i = 0; i < sizeof needs / sizeof *needs; i++)
        if (bit(value, needs[i].bit) && !(p->part->features & needs[i].feature))
            return true;
    if (bit(value ^ old, 5) || bit(value ^ old, 12)) /* PAE and LA57 cannot change in IA-32e mode */
        return true;
    return bit(value, 17) && !bit(old, 17) && p->c->cr3[0] & 0xfff; /* PCIDE, with a PCID that is not 0 */
}

bool write_refused(const struct playing *p, u32 which, u64 value, u32 quirks)
{
    u32 unchecked = which == WRITE_CR0 ? QUIRK_CR0_UNCHECKED : which == WRITE_EFER ? QUIRK_EFER_UNCHECKED : 0;
    if (quirks & unchecked)
        return false;
    switch (which) {
    case WRITE_CR0: /* bits 63:32; NW without CD */
        return value >> 32 || (bit(value, 29) && !bit(value, 30));
    case WRITE_CR3: /* bits above the physical address width; bit 63 but for PCIDE */
        return (value & ~(1ull << 63)) >> p->part->maxphyaddr || (bit(value, 63) && !p->now.pcide);
    case WRITE_CR4:
        return cr4_refused(p, value);
    default: /* EFER: LME cannot change with paging; all but SCE, LME, LMA, NXE are not there */
        return !bit(value, 8) || value & ~0xd01ull;
    }
}
