/* SPDX-License-Identifier: MIT
 * memory.c - descriptor tables and stacks in the machine's memory: translation by the MMU, then bytes.  Called by table.c
 * and by the far transfers.  A translation that faults leaves memory as it was (SDM3 4.6.1: accesses to GDT and LDT are a
 * supervisor's whatever the CPL).  Physical addresses outside RAM read as ones; stores there are lost. */
#include "internal.h"

#include "base/check.h"

/* A linear address: 32 bits but in IA-32e mode, where tables and TSS may lie anywhere. */
static u64 linear_of(const struct seg *s, u64 linear) { return seg_in_long_mode(s) ? linear : linear & 0xffffffff; }

u8 seg_load_byte(const struct mmu *m, u64 pa)
{
    return mmu_in_ram(m, pa & ~7ull, 8) ? (u8)(mmu_peek(m, pa & ~7ull) >> 8 * (pa & 7)) : 0xff;
}

void seg_store_byte(struct mmu *m, u64 pa, u8 value)
{
    const u64 at = pa & ~7ull;
    const unsigned shift = 8 * (pa & 7);

    if (mmu_in_ram(m, at, 8))
        mmu_poke(m, at, (mmu_peek(m, at) & ~(0xffull << shift)) | (u64)value << shift);
}

/* The pieces of an access that lie in one page each, translated; pa of each byte. */
static bool translate(struct seg *s, u64 linear, unsigned bytes, enum mmu_kind kind, unsigned flags, u64 *pa, struct seg_result *r)
{
    u64 page = 0;

    for (unsigned i = 0; i < bytes; i++) {
        const u64 va = linear_of(s, linear + i);

        if (!i || !(va & PAGE_MASK_LOW)) {
            if (mmu_translate(s->mmu, s->cpu, va, kind, flags, &r->mmu) != MMU_OK)
                return seg_mmu_fault(r);
            page = page_down(r->mmu.pa);
        }
        pa[i] = page | (va & PAGE_MASK_LOW);
    }
    return true;
}

bool seg_read_table(struct seg *s, u64 linear, unsigned bytes, u64 *value, struct seg_result *r)
{
    u64 pa[8];

    if (!translate(s, linear, bytes, MMU_LOAD, MMU_IMPLICIT, pa, r))
        return false;
    *value = 0;
    for (unsigned i = 0; i < bytes; i++)
        *value |= (u64)seg_load_byte(s->mmu, pa[i]) << 8 * i;
    return true;
}

/* Byte 5: P, DPL, S and the type. */
static bool write_rights(struct seg *s, struct seg_found *f, u16 rights, struct seg_result *r)
{
    u64 pa = 0;

    if (!translate(s, f->linear + 5, 1, MMU_STORE, MMU_IMPLICIT, &pa, r))
        return false;
    seg_store_byte(s->mmu, pa, (u8)rights);
    f->d.rights = rights;
    return true;
}

bool seg_mark_accessed(struct seg *s, struct seg_found *f, struct seg_result *r)
{
    return f->d.rights & SEG_ACCESSED || write_rights(s, f, f->d.rights | SEG_ACCESSED, r);
}

bool seg_mark_busy(struct seg *s, struct seg_found *f, struct seg_result *r)
{
    return write_rights(s, f, f->d.rights | 2, r);
}

/* ---- stacks ---------------------------------------------------------------------------------------------------- */

/* SS.B says how much of SP counts; the rest of it stays. */
u64 seg_move_sp(const struct seg *s, u64 sp, s64 by)
{
    const u64 mask = seg_in_64bit(s) ? ~(u64)0 : s->reg[SEG_SS].rights & SEG_DB ? 0xffffffff : 0xffff;

    return (sp & ~mask) | ((sp + (u64)by) & mask);
}

bool seg_look_slots(struct seg *s, u64 sp, bool push, struct seg_slots *slots, struct seg_result *r)
{
    u64 pa[8];

    for (unsigned i = 0; i < slots->n; i++) {
        const u64 at = seg_move_sp(s, sp, (push ? -(s64)(i + 1) : (s64)i) * (s64)slots->bytes);
        const u64 offset = seg_in_64bit(s) ? at : s->reg[SEG_SS].rights & SEG_DB ? at & 0xffffffff : at & 0xffff;

        if (!seg_linear(s, SEG_SS, offset, slots->bytes, push ? MMU_STORE : MMU_LOAD, r))
            return false;
        slots->linear[i] = r->linear;
        if (!translate(s, r->linear, slots->bytes, push ? MMU_STORE : MMU_LOAD, MMU_SS, pa, r))
            return false;
    }
    return true;
}

bool seg_read_slots(struct seg *s, struct seg_slots *slots, struct seg_result *r)
{
    u64 pa[8];

    for (unsigned i = 0; i < slots->n; i++) {
        if (!translate(s, slots->linear[i], slots->bytes, MMU_LOAD, MMU_SS, pa, r))
            return false;
        slots->value[i] = 0;
        for (unsigned b = 0; b < slots->bytes; b++)
            slots->value[i] |= (u64)seg_load_byte(s->mmu, pa[b]) << 8 * b;
    }
    return true;
}

void seg_write_slots(struct seg *s, const struct seg_slots *slots)
{
    struct seg_result r;
    u64 pa[8];

    for (unsigned i = 0; i < slots->n; i++) {
        CHECK(translate(s, slots->linear[i], slots->bytes, MMU_STORE, MMU_SS, pa, &r)); /* seg_look_slots() asked  */
        for (unsigned b = 0; b < slots->bytes; b++)
            seg_store_byte(s->mmu, pa[b], (u8)(slots->value[i] >> 8 * b));
    }
}
