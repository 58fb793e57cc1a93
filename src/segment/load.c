/* SPDX-License-Identifier: MIT
 * load.c - loading segment registers: who may load what.  SDM2 MOV, LLDT, LTR, LGDT; SDM3 5.4 to 5.7.
 *
 * The order of checks is the manual's: null, table limit, (the descriptor is read,) type and privilege, present; then the
 * accessed bit is set; then the register changes. */
#include "internal.h"

#include "arch/x86_pte.h"
#include "base/check.h"

bool seg_fault(struct seg_result *r, enum seg_vector vector, u32 error, const char *rule)
{
    r->vector = (u8)vector;
    r->error = error;
    r->rule = rule;
    return false;
}

bool seg_done(struct seg_result *r, const char *rule)
{
    r->vector = SEG_OK;
    r->error = 0;
    r->rule = rule;
    return true;
}

bool seg_mmu_fault(struct seg_result *r)
{
    static const u8 vectors[] = { [MMU_FAULT_PF] = SEG_PF_FAULT, [MMU_FAULT_GP] = SEG_GP_FAULT, [MMU_FAULT_SS] = SEG_SS_FAULT, [MMU_FAULT_UD] = SEG_UD };

    return seg_fault(r, (enum seg_vector)vectors[r->mmu.status], r->mmu.status == MMU_FAULT_PF ? r->mmu.error : 0,
                     r->mmu.status == MMU_FAULT_PF ? "the segment allows it, paging does not [SDM3 4.7]" : "the linear address is not canonical [SDM1 3.3.7.1]");
}

bool seg_in_long_mode(const struct seg *s) { return mmu_get(s->mmu, s->cpu, MMU_EFER) & X86_EFER_LMA; }
bool seg_in_64bit(const struct seg *s) { return s->reg[SEG_CS].rights & SEG_L && seg_in_long_mode(s); }

bool seg_canonical(const struct seg *s, u64 va)
{
    const unsigned shift = mmu_get(s->mmu, s->cpu, MMU_CR4) & X86_CR4_LA57 ? 7 : 16;

    return (u64)((s64)(va << shift) >> shift) == va;
}

void seg_set_cpl(struct seg *s, unsigned cpl)
{
    s->cpl = (u8)cpl;
    mmu_set(s->mmu, s->cpu, MMU_CPL, cpl == 3 ? 3 : 0);
}

static struct seg_register flat(u16 rights)
{
    return (struct seg_register){ .limit = 0xffffffff, .rights = rights | SEG_P | SEG_S | SEG_G | SEG_ACCESSED, .usable = true };
}

void seg_init(struct seg *s, struct mmu *m, unsigned cpu)
{
    *s = (struct seg){ .mmu = m, .cpu = cpu };
    if (seg_in_long_mode(s)) {
        s->reg[SEG_CS] = flat(SEG_CODE | SEG_READABLE | SEG_L);
    } else {
        for (unsigned reg = SEG_ES; reg <= SEG_GS; reg++)
            s->reg[reg] = flat(SEG_WRITABLE | SEG_DB);
        s->reg[SEG_CS] = flat(SEG_CODE | SEG_READABLE | SEG_DB);
    }
    seg_set_cpl(s, 0);
}

/* ---- null selectors ---------------------------------------------------------------------------------------------- */

void seg_make_null(struct seg *s, enum seg_reg reg, u16 selector)
{
    const bool keeps = s->null_keeps_base && (reg == SEG_FS || reg == SEG_GS) && seg_in_long_mode(s);

    s->reg[reg] = (struct seg_register){ .selector = selector, .base = keeps ? s->reg[reg].base : 0 };
}

static bool load_null(struct seg *s, enum seg_reg reg, u16 selector, struct seg_result *r)
{
    if (reg == SEG_SS && !(seg_in_64bit(s) && s->cpl < 3 && rpl_of(selector) == s->cpl))
        return seg_fault(r, SEG_GP_FAULT, 0, "SS takes no null selector but in 64-bit mode below CPL 3, with RPL = CPL [SDM2 MOV]");
    seg_make_null(s, reg, selector);
    return seg_done(r, "a null selector: accesses through it fault, but in 64-bit mode [SDM3 3.4.2]");
}

/* ---- data and stack segments ----------------------------------------------------------------------------------------- */

bool seg_judge_stack(const struct seg_found *f, u16 selector, unsigned cpl, enum seg_vector not_there, struct seg_result *r)
{
    const u32 error = selector & ~SELECTOR_RPL;

    if (rpl_of(selector) != cpl)
        return seg_fault(r, not_there, error, "a stack's RPL is the CPL [SDM3 5.7]");
    if (!is_writable_data(f->d.rights))
        return seg_fault(r, not_there, error, "a stack is a writable data segment [SDM3 5.7]");
    if (dpl_of(f->d.rights) != cpl)
        return seg_fault(r, not_there, error, "a stack's DPL is the CPL [SDM3 5.7]");
    if (!(f->d.rights & SEG_P))
        return seg_fault(r, SEG_SS_FAULT, error, "P = 0 in a stack's descriptor [SDM3 6.15, #SS]");
    return true;
}

static bool judge_data(const struct seg *s, const struct seg_found *f, u16 selector, struct seg_result *r)
{
    const u16 rights = f->d.rights;
    const u32 error = selector & ~SELECTOR_RPL;

    if (!(rights & SEG_S) || !is_readable(rights))
        return seg_fault(r, SEG_GP_FAULT, error, "neither data nor readable code [SDM3 5.5]");
    if (!(is_code(rights) && is_conforming(rights)) && (rpl_of(selector) > dpl_of(rights) || s->cpl > dpl_of(rights)))
        return seg_fault(r, SEG_GP_FAULT, error, "CPL or RPL is above DPL [SDM3 5.6]");
    if (!(rights & SEG_P))
        return seg_fault(r, SEG_NP_FAULT, error, "P = 0 in the descriptor [SDM3 6.15, #NP]");
    return true;
}

bool seg_load(struct seg *s, enum seg_reg reg, u16 selector, struct seg_result *r)
{
    struct seg_found f;

    CHECK(reg <= SEG_GS && reg != SEG_CS);
    if (is_null(selector))
        return load_null(s, reg, selector, r);
    if (!seg_find(s, selector, SEG_GP_FAULT, &f, r))
        return false;
    if (reg == SEG_SS ? !seg_judge_stack(&f, selector, s->cpl, SEG_GP_FAULT, r) : !judge_data(s, &f, selector, r))
        return false;
    if (!seg_mark_accessed(s, &f, r))
        return false;
    s->reg[reg] = f.d;
    return seg_done(r, reg == SEG_SS ? "a writable data segment, RPL = DPL = CPL [SDM3 5.7]" : "max(CPL, RPL) <= DPL, or conforming code [SDM3 5.6]");
}

/* ---- GDTR, LDTR, TR --------------------------------------------------------------------------------------------------- */

static bool privileged(const struct seg *s, struct seg_result *r)
{
    return s->cpl == 0 || seg_fault(r, SEG_GP_FAULT, 0, "for CPL 0 only [SDM3 5.9]");
}

bool seg_lgdt(struct seg *s, u64 base, u16 limit, struct seg_result *r)
{
    if (!privileged(s, r))
        return false;
    if (seg_in_64bit(s) && !seg_canonical(s, base))
        return seg_fault(r, SEG_GP_FAULT, 0, "the base is not canonical [SDM2 LGDT]");
    s->gdtr.base = seg_in_64bit(s) ? base : base & 0xffffffff;
    s->gdtr.limit = limit;
    return seg_done(r, "loaded [SDM2 LGDT]");
}

/* A system segment from the GDT: type, present, and in IA-32e mode the upper half. */
static bool find_system(struct seg *s, u16 selector, bool (*is)(const struct seg *, u16), struct seg_found *f, struct seg_result *r)
{
    const u32 error = selector & ~SELECTOR_RPL;
    u32 upper = 0;

    if (selector & SELECTOR_LDT)
        return seg_fault(r, SEG_GP_FAULT, error, "only the GDT holds such descriptors [SDM3 3.5.1]");
    if (!seg_find(s, selector, SEG_GP_FAULT, f, r))
        return false;
    if (f->d.rights & SEG_S || !is(s, f->d.rights & SEG_TYPE))
        return seg_fault(r, SEG_GP_FAULT, error, "not a descriptor of the type that is wanted [SDM2 LLDT, LTR]");
    if (!(f->d.rights & SEG_P))
        return seg_fault(r, SEG_NP_FAULT, error, "P = 0 in the descriptor [SDM3 6.15, #NP]");
    if (!seg_in_long_mode(s))
        return true;
    if (!seg_find_upper(s, selector, f, &upper, r))
        return false;
    f->d.base |= (u64)upper << 32;
    return seg_canonical(s, f->d.base) || seg_fault(r, SEG_GP_FAULT, error, "the base is not canonical [SDM2 LLDT, LTR]");
}

static bool is_ldt(const struct seg *s, u16 type)
{
    (void)s;
    return type == SEG_TYPE_LDT;
}

/* Available; of 16 bits outside IA-32e mode only. */
static bool is_free_tss(const struct seg *s, u16 type)
{
    return type == SEG_TYPE_TSS || (type == SEG_TYPE_TSS16 && !seg_in_long_mode(s));
}

bool seg_lldt(struct seg *s, u16 selector, struct seg_result *r)
{
    struct seg_found f;

    if (!privileged(s, r))
        return false;
    if (is_null(selector)) {
        s->reg[SEG_LDTR] = (struct seg_register){ .selector = selector };
        return seg_done(r, "a null selector: there is no LDT [SDM2 LLDT]");
    }
    if (!find_system(s, selector, is_ldt, &f, r))
        return false;
    s->reg[SEG_LDTR] = f.d;
    return seg_done(r, "loaded [SDM2 LLDT]");
}

bool seg_ltr(struct seg *s, u16 selector, struct seg_result *r)
{
    struct seg_found f;

    if (!privileged(s, r))
        return false;
    if (is_null(selector))
        return seg_fault(r, SEG_GP_FAULT, 0, "TR takes no null selector [SDM2 LTR]");
    if (!find_system(s, selector, is_free_tss, &f, r) || !seg_mark_busy(s, &f, r))
        return false;
    s->reg[SEG_TR] = f.d;
    return seg_done(r, "loaded, and marked busy [SDM2 LTR]");
}

/* ---- what 64-bit mode keeps ---------------------------------------------------------------------------------------------- */

bool seg_write_base(struct seg *s, enum seg_reg reg, u64 base, struct seg_result *r)
{
    CHECK(reg == SEG_FS || reg == SEG_GS || reg == SEG_REGS);
    if (!privileged(s, r))
        return false;
    if (!seg_canonical(s, base))
        return seg_fault(r, SEG_GP_FAULT, 0, "the base is not canonical [SDM2 WRMSR]");
    *(reg == SEG_REGS ? &s->kernel_gs_base : &s->reg[reg].base) = base;
    return seg_done(r, "the base of 64 bits, without a descriptor [SDM3 3.4.4]");
}

bool seg_swapgs(struct seg *s, struct seg_result *r)
{
    const u64 base = s->reg[SEG_GS].base;

    if (!seg_in_64bit(s))
        return seg_fault(r, SEG_UD, 0, "SWAPGS is an instruction of 64-bit mode [SDM2 SWAPGS]");
    if (!privileged(s, r))
        return false;
    s->reg[SEG_GS].base = s->kernel_gs_base;
    s->kernel_gs_base = base;
    return seg_done(r, "GS.base and IA32_KERNEL_GS_BASE exchanged [SDM2 SWAPGS]");
}
