/* SPDX-License-Identifier: MIT
 * table.c - descriptors: their bits, and where a selector finds them.  SDM3 3.4.2 (selectors), 3.4.5 (descriptors), 3.5.1 (tables).
 *
 *   selector  15           3  2  1 0        the descriptor lies at base + 8 * index, and all of it inside the limit
 *             |    index    | TI| RPL |     TI: 0 the GDT, 1 the LDT */
#include "internal.h"

u64 seg_encode(u32 base, u32 limit, u16 rights)
{
    const u32 scaled = rights & SEG_G ? limit >> 12 : limit;

    return (scaled & 0xffff) | (u64)(base & 0xffffff) << 16 | (u64)(rights & 0xff) << 40 | (u64)(scaled >> 16 & 0xf) << 48 |
           (u64)(rights >> 12) << 52 | (u64)(base >> 24) << 56;
}

u64 seg_encode_gate(u16 selector, u32 offset, u8 words, u16 rights)
{
    return (offset & 0xffff) | (u64)selector << 16 | (u64)(words & 31) << 32 | (u64)(rights & 0xff) << 40 | (u64)(offset >> 16) << 48;
}

struct seg_register seg_decode(u64 raw)
{
    const u32 limit = (u32)(raw & 0xffff) | (u32)(raw >> 32 & 0xf0000);
    const u16 rights = (u16)((raw >> 40 & 0xff) | (raw >> 52 & 0xf) << 12);

    return (struct seg_register){ .base = (raw >> 16 & 0xffffff) | (raw >> 32 & 0xff000000), .rights = rights, .usable = true,
                                  .limit = rights & SEG_G ? limit << 12 | 0xfff : limit };
}

/* Where `bytes` of the selector's descriptor begin; false: not all of them are inside. */
static bool locate(const struct seg *s, u16 selector, unsigned bytes, u64 *linear)
{
    const struct seg_register *ldt = &s->reg[SEG_LDTR];
    const bool in_ldt = selector & SELECTOR_LDT;
    const u32 index = selector & ~7u;

    *linear = (in_ldt ? ldt->base : s->gdtr.base) + index;
    return in_ldt ? ldt->usable && index + bytes - 1 <= ldt->limit : index + bytes - 1 <= s->gdtr.limit;
}

bool seg_find(struct seg *s, u16 selector, enum seg_vector vector, struct seg_found *f, struct seg_result *r)
{
    if (!locate(s, selector, 8, &f->linear))
        return seg_fault(r, vector, selector & ~SELECTOR_RPL, "the selector names nothing inside its table's limit [SDM3 3.5.1]");
    if (!seg_read_table(s, f->linear, 8, &f->raw, r))
        return false;
    f->d = seg_decode(f->raw);
    f->d.selector = selector;
    return true;
}

bool seg_find_upper(struct seg *s, u16 selector, const struct seg_found *f, u32 *upper, struct seg_result *r)
{
    u64 linear, high;

    if (!locate(s, selector, 16, &linear))
        return seg_fault(r, SEG_GP_FAULT, selector & ~SELECTOR_RPL, "in IA-32e mode a system descriptor has 16 bytes, and they do not fit [SDM3 5.2.1]");
    if (!seg_read_table(s, f->linear + 8, 8, &high, r))
        return false;
    if (high >> 40 & 0x1f)
        return seg_fault(r, SEG_GP_FAULT, selector & ~SELECTOR_RPL, "the type in a system descriptor's upper half must be 0 [SDM3 5.8.3.1]");
    *upper = (u32)high;
    return true;
}

/* Where byte i of a descriptor lies in memory, without a trace. */
static bool find_byte(const struct seg *s, u64 linear, u64 *pa)
{
    struct mmu_walk w;

    mmu_walk(s->mmu, s->cpu, linear, MMU_LOAD, MMU_IMPLICIT, &w);
    *pa = w.r.pa;
    return w.r.status == MMU_OK && mmu_in_ram(s->mmu, w.r.pa & ~7ull, 8);
}

bool seg_peek(const struct seg *s, u16 selector, u64 *descriptor)
{
    u64 linear, pa;

    if (!locate(s, selector, 8, &linear))
        return false;
    *descriptor = 0;
    for (unsigned i = 0; i < 8; i++) {
        if (!find_byte(s, linear + i, &pa))
            return false;
        *descriptor |= (u64)seg_load_byte(s->mmu, pa) << 8 * i;
    }
    return true;
}

bool seg_poke(const struct seg *s, u16 selector, u64 descriptor)
{
    u64 linear, pa[8];

    if (!locate(s, selector, 8, &linear))
        return false;
    for (unsigned i = 0; i < 8; i++)
        if (!find_byte(s, linear + i, &pa[i]))
            return false;
    for (unsigned i = 0; i < 8; i++)
        seg_store_byte(s->mmu, pa[i], (u8)(descriptor >> 8 * i));
    return true;
}
