/* SPDX-License-Identifier: MIT
 * gate.c - call gates: a far transfer whose target the gate names, and the change to another stack that more privilege
 * brings.  Called by transfer.c.  SDM3 5.8.3 to 5.8.5, SDM2 CALL, JMP.
 *
 *     the new stack, from its TSS          | SS | SP | parameters, as they were | CS | IP |
 *                                        old SP                                       new SP        (down) */
#include "internal.h"

struct gate { u16 selector; u8 words; unsigned bytes; u64 offset; }; /* bytes: of what it pushes                  */

/* Is it a gate that the current mode knows?  Legacy: 16 or 32 bits; IA-32e mode: 64 only. */
static bool decode(struct seg *s, u16 selector, const struct seg_found *f, struct gate *g, struct seg_result *r)
{
    u32 upper = 0;

    g->selector = (u16)(f->raw >> 16);
    g->words = f->raw >> 32 & 31;
    g->offset = f->raw & 0xffff;
    g->bytes = 2;
    if ((f->d.rights & SEG_TYPE) == SEG_TYPE_GATE16)
        return true;
    g->offset |= f->raw >> 32 & 0xffff0000;
    g->bytes = 4;
    if (!seg_in_long_mode(s))
        return true;
    if (!seg_find_upper(s, selector, f, &upper, r))
        return false;
    g->offset |= (u64)upper << 32;
    g->bytes = 8;
    g->words = 0;
    return true;
}

static bool judge_code(const struct seg *s, u16 selector, const struct seg_found *f, bool call, struct seg_result *r)
{
    const u16 rights = f->d.rights;
    const u32 error = selector & ~SELECTOR_RPL;

    if (!is_code(rights))
        return seg_fault(r, SEG_GP_FAULT, error, "a gate leads to code [SDM3 5.8.3]");
    if (dpl_of(rights) > s->cpl || (!call && !is_conforming(rights) && dpl_of(rights) != s->cpl))
        return seg_fault(r, SEG_GP_FAULT, error, "the gate's code: DPL above CPL; with JMP, other than CPL [SDM3 5.8.4]");
    if (seg_in_long_mode(s) && (rights & (SEG_L | SEG_DB)) != SEG_L)
        return seg_fault(r, SEG_GP_FAULT, error, "in IA-32e mode a gate leads to code of 64 bits [SDM3 5.8.3.1]");
    return rights & SEG_P || seg_fault(r, SEG_NP_FAULT, error, "P = 0 in the code's descriptor [SDM3 6.15, #NP]");
}

/* ---- the stack of more privilege --------------------------------------------------------------------------------------- */

/* What the TSS holds for a privilege: stack pointer, then (not in IA-32e mode) the selector. */
static bool stack_from_tss(struct seg *s, unsigned cpl, u64 *sp, u16 *selector, struct seg_result *r)
{
    const struct seg_register *tss = &s->reg[SEG_TR];
    const bool wide = seg_in_long_mode(s), small = !wide && !(tss->rights & 8); /* a TSS of 16 bits                */
    const unsigned sp_bytes = wide ? 8 : small ? 2 : 4;
    const u32 at = small ? 2 + 4 * cpl : 4 + 8 * cpl;
    u64 value;

    if (!tss->usable || at + sp_bytes + (wide ? 0 : 2) - 1 > tss->limit)
        return seg_fault(r, SEG_TS_FAULT, tss->selector & ~SELECTOR_RPL, "the TSS does not reach to this privilege's stack [SDM2 CALL]");
    if (!seg_read_table(s, tss->base + at, sp_bytes, sp, r))
        return false;
    *selector = (u16)cpl;
    if (wide)
        return true;
    if (!seg_read_table(s, tss->base + at + sp_bytes, 2, &value, r))
        return false;
    *selector = (u16)value;
    return true;
}

static bool find_inner_stack(struct seg *s, unsigned cpl, u16 selector, struct seg_found *f, struct seg_result *r)
{
    if (seg_in_long_mode(s)) {
        *f = (struct seg_found){ .d.selector = selector }; /* null, with the new CPL as RPL                         */
        return true;
    }
    if (is_null(selector))
        return seg_fault(r, SEG_TS_FAULT, 0, "the TSS holds a null selector for this privilege's stack [SDM2 CALL]");
    return seg_find(s, selector, SEG_TS_FAULT, f, r) && seg_judge_stack(f, selector, cpl, SEG_TS_FAULT, r);
}

/* The parameters on the old stack, the one at its top first. */
static bool read_parameters(struct seg *s, const struct gate *g, struct seg_slots *p, struct seg_result *r)
{
    *p = (struct seg_slots){ .n = g->words, .bytes = g->bytes };
    return seg_look_slots(s, s->sp, false, p, r) && seg_read_slots(s, p, r);
}

/* The checks are made as if the transfer were over: pushes are the new privilege's.  false: s is as it was. */
static bool enter_inner(struct seg *s, const struct gate *g, struct seg_found *code, struct seg_found *stack, u64 sp, struct seg_result *r)
{
    const struct seg old = *s;
    struct seg_slots parameters, push = { .n = 4u + g->words, .bytes = g->bytes };

    if (!read_parameters(s, g, &parameters, r))
        return false;
    push.value[0] = s->reg[SEG_SS].selector;
    push.value[1] = s->sp;
    for (unsigned i = 0; i < g->words; i++)
        push.value[2 + i] = parameters.value[g->words - 1 - i];
    push.value[2 + g->words] = s->reg[SEG_CS].selector;
    push.value[3 + g->words] = s->ip;
    seg_enter(s, code, g->selector, dpl_of(code->d.rights), g->offset);
    s->reg[SEG_SS] = stack->d;
    s->sp = sp;
    if (!seg_look_slots(s, sp, true, &push, r) || !seg_mark_accessed(s, code, r) || (stack->d.usable && !seg_mark_accessed(s, stack, r))) {
        if (r->vector == SEG_SS_FAULT)
            r->error = stack->d.selector & ~SELECTOR_RPL;
        *s = old;
        seg_set_cpl(s, old.cpl);
        return false;
    }
    s->reg[SEG_CS].rights = code->d.rights;
    s->reg[SEG_SS].rights = stack->d.rights;
    seg_write_slots(s, &push);
    s->sp = seg_move_sp(s, sp, -(s64)(push.n * push.bytes));
    return true;
}

static bool to_more_privilege(struct seg *s, const struct gate *g, struct seg_found *code, struct seg_result *r)
{
    const unsigned cpl = dpl_of(code->d.rights);
    struct seg_found stack;
    u16 selector = 0;
    u64 sp = 0;

    if (!stack_from_tss(s, cpl, &sp, &selector, r) || !find_inner_stack(s, cpl, selector, &stack, r) ||
        !seg_judge_ip(s, &code->d, g->offset, r) || !enter_inner(s, g, code, &stack, sp, r))
        return false;
    return seg_done(r, "through the gate to more privilege, on its own stack [SDM3 5.8.5]");
}

/* ---- through the gate ------------------------------------------------------------------------------------------------------ */

static bool at_same_privilege(struct seg *s, const struct gate *g, struct seg_found *code, bool call, struct seg_result *r)
{
    struct seg_slots push = { .n = call ? 2 : 0, .bytes = g->bytes, .value = { s->reg[SEG_CS].selector, s->ip } };

    if (!seg_look_slots(s, s->sp, true, &push, r) || !seg_judge_ip(s, &code->d, g->offset, r) || !seg_mark_accessed(s, code, r))
        return false;
    seg_write_slots(s, &push);
    s->sp = seg_move_sp(s, s->sp, -(s64)(push.n * push.bytes));
    seg_enter(s, code, g->selector, s->cpl, g->offset);
    return seg_done(r, "through the gate, at the same privilege [SDM3 5.8.4]");
}

bool seg_through_gate(struct seg *s, u16 selector, struct seg_found *f, bool call, struct seg_result *r)
{
    const u32 error = selector & ~SELECTOR_RPL;
    struct seg_found code;
    struct gate g;

    if (dpl_of(f->d.rights) < s->cpl || rpl_of(selector) > dpl_of(f->d.rights))
        return seg_fault(r, SEG_GP_FAULT, error, "CPL or RPL is above the gate's DPL [SDM3 5.8.4]");
    if (!(f->d.rights & SEG_P))
        return seg_fault(r, SEG_NP_FAULT, error, "P = 0 in the gate [SDM3 6.15, #NP]");
    if (!decode(s, selector, f, &g, r))
        return false;
    if (is_null(g.selector))
        return seg_fault(r, SEG_GP_FAULT, 0, "the gate holds a null selector [SDM2 CALL]");
    if (!seg_find(s, g.selector, SEG_GP_FAULT, &code, r) || !judge_code(s, g.selector, &code, call, r))
        return false;
    if (call && !is_conforming(code.d.rights) && dpl_of(code.d.rights) < s->cpl)
        return to_more_privilege(s, &g, &code, r);
    return at_same_privilege(s, &g, &code, call, r);
}
