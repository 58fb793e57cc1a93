/* SPDX-License-Identifier: MIT
 * access.c - an access through a segment: limit, type, then base + offset; then the MMU.  SDM3 5.3 (limits), 5.5 (types), 3.4.4
 * (64-bit mode).
 *
 *     expand-up                           expand-down
 *     0 ......... limit |  not            not | limit + 1 ......... ffffh, or with B ffffffffh
 *
 * In 64-bit mode limits and types count nothing, the bases of ES, CS, SS and DS are 0, and an address must be canonical. */
#include "internal.h"

#include "base/check.h"

const char *const seg_reg_names[SEG_REGS] = { "es", "cs", "ss", "ds", "fs", "gs", "ldtr", "tr" };

static bool inside(const struct seg_register *d, u64 first, u64 last)
{
    const bool down = !(d->rights & SEG_CODE) && d->rights & SEG_DOWN;

    if (!down)
        return last <= d->limit;
    return first > d->limit && last <= (d->rights & SEG_DB ? 0xffffffff : 0xffff);
}

static const char *type_refusal(u16 rights, enum mmu_kind kind)
{
    if (kind == MMU_STORE && !is_writable_data(rights))
        return rights & SEG_CODE ? "code is never written [SDM3 5.5]" : "the data segment is read-only [SDM3 5.5]";
    return kind == MMU_LOAD && !is_readable(rights) ? "the code may be executed, not read [SDM3 5.5]" : NULL;
}

static bool linear_64(const struct seg *s, enum seg_reg reg, u64 offset, u32 size_bytes, struct seg_result *r)
{
    const bool based = reg == SEG_FS || reg == SEG_GS;

    r->linear = offset + (based ? s->reg[reg].base : 0);
    if (!seg_canonical(s, r->linear) || !seg_canonical(s, r->linear + size_bytes - 1))
        return seg_fault(r, reg == SEG_SS ? SEG_SS_FAULT : SEG_GP_FAULT, 0, "the linear address is not canonical [SDM1 3.3.7.1]");
    return seg_done(r, based ? "64-bit mode: the base is added, nothing else is asked [SDM3 3.4.4]" : "64-bit mode: base 0, no limit [SDM3 3.4.4]");
}

bool seg_linear(const struct seg *s, enum seg_reg reg, u64 offset, u32 size_bytes, enum mmu_kind kind, struct seg_result *r)
{
    const struct seg_register *d = &s->reg[reg];
    const enum seg_vector vector = reg == SEG_SS ? SEG_SS_FAULT : SEG_GP_FAULT;
    const u64 first = offset & 0xffffffff;
    const char *refusal;

    CHECK(reg <= SEG_GS && size_bytes && size_bytes <= PAGE_BYTES && (kind != MMU_FETCH || reg == SEG_CS));
    if (seg_in_64bit(s))
        return linear_64(s, reg, offset, size_bytes, r);
    if (!d->usable)
        return seg_fault(r, vector, 0, "a null selector is in the register [SDM3 3.4.2]");
    refusal = type_refusal(d->rights, kind);
    if (refusal)
        return seg_fault(r, SEG_GP_FAULT, 0, refusal);
    if (!inside(d, first, first + size_bytes - 1))
        return seg_fault(r, vector, 0, "outside the limit [SDM3 5.3]");
    r->linear = (d->base + first) & 0xffffffff;
    return seg_done(r, "inside the limit: the base is added [SDM3 3.4]");
}

/* Not in 64-bit mode: an access may go round the end of the 4 GiB. */
static u32 bytes_below_end(const struct seg *s, u64 linear, u32 size_bytes)
{
    const u64 room = (1ull << 32) - linear;

    return seg_in_64bit(s) || size_bytes <= room ? size_bytes : (u32)room;
}

bool seg_access(struct seg *s, enum seg_reg reg, u64 offset, u32 size_bytes, enum mmu_kind kind, struct seg_result *r)
{
    const unsigned flags = reg == SEG_SS ? MMU_SS : 0;
    struct mmu_result first;
    u32 before;

    if (!seg_linear(s, reg, offset, size_bytes, kind, r))
        return false;
    before = bytes_below_end(s, r->linear, size_bytes);
    if (mmu_access(s->mmu, s->cpu, r->linear, before, kind, flags, &r->mmu) != MMU_OK)
        return seg_mmu_fault(r);
    if (before == size_bytes)
        return true;
    first = r->mmu;
    if (mmu_access(s->mmu, s->cpu, 0, size_bytes - before, kind, flags, &r->mmu) != MMU_OK)
        return seg_mmu_fault(r);
    r->mmu = first;
    r->mmu.pieces = 2;
    return true;
}
