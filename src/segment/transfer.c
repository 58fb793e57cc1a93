/* SPDX-License-Identifier: MIT
 * transfer.c - far jumps, calls and returns: what may become CS, and at which privilege.  SDM2 JMP, CALL, RET; SDM3 5.8.1
 * (direct transfers), 5.8.6 (returns).
 *
 *     direct      conforming code: DPL <= CPL, and the CPL stays       other code: DPL = CPL, RPL <= CPL
 *     return      RPL is the new CPL, never below the old one           conforming: DPL <= RPL, other: DPL = RPL */
#include "internal.h"

#include "base/check.h"

static u64 cut(u64 value, unsigned bytes) { return bytes == 8 ? value : value & ((1ull << 8 * bytes) - 1); }

bool seg_judge_size(const struct seg *s, u16 rights, u16 selector, struct seg_result *r)
{
    return !seg_in_long_mode(s) || (rights & (SEG_L | SEG_DB)) != (SEG_L | SEG_DB) ||
           seg_fault(r, SEG_GP_FAULT, selector & ~SELECTOR_RPL, "L = D = 1 is no code of IA-32e mode [SDM3 5.2.1]");
}

bool seg_judge_ip(const struct seg *s, const struct seg_register *cs, u64 ip, struct seg_result *r)
{
    if (seg_in_long_mode(s) && cs->rights & SEG_L)
        return seg_canonical(s, ip) || seg_fault(r, SEG_GP_FAULT, 0, "the new instruction pointer is not canonical [SDM2 JMP]");
    return (ip & 0xffffffff) <= cs->limit || seg_fault(r, SEG_GP_FAULT, 0, "the new instruction pointer is outside the limit [SDM2 JMP]");
}

void seg_enter(struct seg *s, const struct seg_found *f, u16 selector, unsigned cpl, u64 ip)
{
    s->reg[SEG_CS] = f->d;
    s->reg[SEG_CS].selector = (u16)((selector & ~SELECTOR_RPL) | cpl);
    s->ip = seg_in_64bit(s) ? ip : ip & 0xffffffff;
    seg_set_cpl(s, cpl);
}

/* ---- jumps and calls --------------------------------------------------------------------------------------------------- */

static bool judge_direct(const struct seg *s, u16 selector, const struct seg_found *f, struct seg_result *r)
{
    const u16 rights = f->d.rights;
    const u32 error = selector & ~SELECTOR_RPL;

    if (!is_code(rights))
        return seg_fault(r, SEG_GP_FAULT, error, "neither code nor a call gate of this mode [SDM2 JMP]");
    if (!seg_judge_size(s, rights, selector, r))
        return false;
    if (is_conforming(rights) ? dpl_of(rights) > s->cpl : rpl_of(selector) > s->cpl || dpl_of(rights) != s->cpl)
        return seg_fault(r, SEG_GP_FAULT, error, is_conforming(rights) ? "conforming code: DPL is above CPL [SDM3 5.8.1.2]" :
                         "DPL is not CPL, or RPL is above it [SDM3 5.8.1.1]");
    return rights & SEG_P || seg_fault(r, SEG_NP_FAULT, error, "P = 0 in the code's descriptor [SDM3 6.15, #NP]");
}

/* A gate that the current mode knows; not those of tasks. */
static bool is_call_gate(const struct seg *s, u16 rights)
{
    const unsigned type = rights & SEG_TYPE;

    return !(rights & SEG_S) && (type == SEG_TYPE_GATE || (type == SEG_TYPE_GATE16 && !seg_in_long_mode(s)));
}

static bool transfer(struct seg *s, u16 selector, u64 offset, unsigned bytes, bool call, struct seg_result *r)
{
    struct seg_slots push = { .n = call ? 2 : 0, .bytes = bytes, .value = { s->reg[SEG_CS].selector, s->ip } };
    const u64 ip = cut(offset, bytes);
    struct seg_found f;

    CHECK(bytes == 2 || bytes == 4 || (bytes == 8 && seg_in_64bit(s)));
    if (is_null(selector))
        return seg_fault(r, SEG_GP_FAULT, 0, "CS takes no null selector [SDM2 JMP]");
    if (!seg_find(s, selector, SEG_GP_FAULT, &f, r))
        return false;
    if (is_call_gate(s, f.d.rights))
        return seg_through_gate(s, selector, &f, call, r);
    if (!judge_direct(s, selector, &f, r) || !seg_look_slots(s, s->sp, true, &push, r) || !seg_judge_ip(s, &f.d, ip, r) ||
        !seg_mark_accessed(s, &f, r))
        return false;
    seg_write_slots(s, &push);
    s->sp = seg_move_sp(s, s->sp, -(s64)(push.n * bytes));
    seg_enter(s, &f, selector, s->cpl, ip);
    return seg_done(r, is_conforming(f.d.rights) ? "conforming code: DPL <= CPL, and the CPL stays [SDM3 5.8.1.2]" : "DPL = CPL, RPL <= CPL [SDM3 5.8.1.1]");
}

bool seg_jump(struct seg *s, u16 selector, u64 offset, unsigned operand_bytes, struct seg_result *r)
{
    return transfer(s, selector, offset, operand_bytes, false, r);
}

bool seg_call(struct seg *s, u16 selector, u64 offset, unsigned operand_bytes, struct seg_result *r)
{
    return transfer(s, selector, offset, operand_bytes, true, r);
}

/* ---- returns --------------------------------------------------------------------------------------------------------------- */

static bool judge_return(const struct seg *s, u16 selector, struct seg_found *f, struct seg_result *r)
{
    const u32 error = selector & ~SELECTOR_RPL;
    const unsigned rpl = rpl_of(selector);

    if (!is_code(f->d.rights))
        return seg_fault(r, SEG_GP_FAULT, error, "a return leads to code [SDM2 RET]");
    if (!seg_judge_size(s, f->d.rights, selector, r))
        return false;
    if (rpl < s->cpl)
        return seg_fault(r, SEG_GP_FAULT, error, "no return to more privilege [SDM3 5.8.6]");
    if (is_conforming(f->d.rights) ? dpl_of(f->d.rights) > rpl : dpl_of(f->d.rights) != rpl)
        return seg_fault(r, SEG_GP_FAULT, error, "DPL does not go with the RPL on the stack [SDM2 RET]");
    return f->d.rights & SEG_P || seg_fault(r, SEG_NP_FAULT, error, "P = 0 in the code's descriptor [SDM3 6.15, #NP]");
}

/* The stack that is returned to: null where the target is code of 64 bits above CPL 3. */
static bool find_outer_stack(struct seg *s, const struct seg_found *code, u16 selector, unsigned cpl, struct seg_found *f, struct seg_result *r)
{
    if (is_null(selector)) {
        if (!seg_in_long_mode(s) || !(code->d.rights & SEG_L) || cpl == 3 || rpl_of(selector) != cpl)
            return seg_fault(r, SEG_GP_FAULT, 0, "a null stack but in 64-bit mode below CPL 3 [SDM2 RET]");
        *f = (struct seg_found){ .d.selector = selector };
        return true;
    }
    return seg_find(s, selector, SEG_GP_FAULT, f, r) && seg_judge_stack(f, selector, cpl, SEG_GP_FAULT, r);
}

/* What the new privilege may not have becomes null. */
static void drop_privileged(struct seg *s)
{
    static const u8 data[] = { SEG_ES, SEG_DS, SEG_FS, SEG_GS };

    for (unsigned i = 0; i < COUNT_OF(data); i++) {
        const struct seg_register *d = &s->reg[data[i]];

        if (d->usable && dpl_of(d->rights) < s->cpl && !(is_code(d->rights) && is_conforming(d->rights)))
            seg_make_null(s, (enum seg_reg)data[i], 0);
    }
}

static bool to_less_privilege(struct seg *s, struct seg_found *code, u16 selector, u64 ip, unsigned bytes, u16 release, struct seg_result *r)
{
    const unsigned cpl = rpl_of(selector);
    struct seg_slots pop = { .n = 2, .bytes = bytes };
    struct seg_found stack;

    if (!seg_look_slots(s, seg_move_sp(s, s->sp, 2 * (s64)bytes + release), false, &pop, r) || !seg_read_slots(s, &pop, r) ||
        !find_outer_stack(s, code, (u16)pop.value[1], cpl, &stack, r) || !seg_judge_ip(s, &code->d, ip, r) || !seg_mark_accessed(s, code, r) ||
        (stack.d.usable && !seg_mark_accessed(s, &stack, r)))
        return false;
    seg_enter(s, code, selector, cpl, ip);
    s->reg[SEG_SS] = stack.d;
    s->sp = seg_move_sp(s, pop.value[0], release);
    drop_privileged(s);
    return seg_done(r, "to less privilege, on its stack; segments too privileged for it are null now [SDM3 5.8.6]");
}

bool seg_return(struct seg *s, unsigned operand_bytes, u16 release_bytes, struct seg_result *r)
{
    struct seg_slots pop = { .n = 2, .bytes = operand_bytes };
    struct seg_found f;
    u16 selector;

    CHECK(operand_bytes == 2 || operand_bytes == 4 || (operand_bytes == 8 && seg_in_64bit(s)));
    if (!seg_look_slots(s, s->sp, false, &pop, r) || !seg_read_slots(s, &pop, r))
        return false;
    selector = (u16)pop.value[1];
    if (is_null(selector))
        return seg_fault(r, SEG_GP_FAULT, 0, "CS takes no null selector [SDM2 RET]");
    if (!seg_find(s, selector, SEG_GP_FAULT, &f, r) || !judge_return(s, selector, &f, r))
        return false;
    if (rpl_of(selector) > s->cpl)
        return to_less_privilege(s, &f, selector, pop.value[0], operand_bytes, release_bytes, r);
    if (!seg_judge_ip(s, &f.d, pop.value[0], r) || !seg_mark_accessed(s, &f, r))
        return false;
    s->sp = seg_move_sp(s, s->sp, 2 * (s64)operand_bytes + release_bytes);
    seg_enter(s, &f, selector, s->cpl, pop.value[0]);
    return seg_done(r, "back to the same privilege [SDM3 5.8.6]");
}
