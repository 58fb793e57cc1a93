/* SPDX-License-Identifier: MIT
 * seg_cmds.c - `seg ...`: x86 segments in front of the machine's paging (pagewalk/segment.h).  Called by interp.c.  They belong
 * to one CPU of the machine there is; a new machine has none. */
#include "seg_cmds.h"

#include "base/check.h"

#include <stdlib.h>

void seg_drop(struct interp *in)
{
    free(in->seg);
    in->seg = NULL;
}

static bool need_u16(struct interp *in, const struct words *w, unsigned at, u16 *out)
{
    u64 v = 0;

    if (!need_number(in, w, at, &v))
        return false;
    if (v > 0xffff)
        return fail(in, "more than 16 bits:", &w->w[at]);
    *out = (u16)v;
    return true;
}

static bool need_segment(struct interp *in, struct word w, enum seg_reg *reg)
{
    for (unsigned i = SEG_ES; i <= SEG_GS; i++)
        if (word_is(w, seg_reg_names[i])) {
            *reg = (enum seg_reg)i;
            return true;
        }
    return fail(in, "es, cs, ss, ds, fs or gs, not", &w);
}

/* ---- answers ------------------------------------------------------------------------------------------------------- */

static void put_vector(struct text *t, const struct seg_result *r)
{
    static const char *const names[] = { [SEG_UD] = "#UD", [SEG_TS_FAULT] = "#TS", [SEG_NP_FAULT] = "#NP", [SEG_SS_FAULT] = "#SS", [SEG_GP_FAULT] = "#GP" };

    if (r->vector == SEG_PF_FAULT) {
        put_fault(t, &r->mmu, r->mmu.va);
        return;
    }
    text_str(t, names[r->vector]);
    if (r->vector == SEG_UD)
        return;
    text_char(t, '(');
    text_0x(t, r->error);
    text_char(t, ')');
}

static void tell_rule(struct interp *in, const struct seg_result *r)
{
    if (!in->options.explain)
        return;
    explain_begin(in);
    text_str(&in->t, "rule: ");
    text_str(&in->t, r->rule);
    line_end(in);
}

/* With --explain: the descriptor that a selector names, as it is before the command. */
static void tell_descriptor(struct interp *in, u16 selector)
{
    u64 raw;

    if (!in->options.explain || !(selector & ~3u))
        return;
    explain_begin(in);
    text_str(&in->t, selector & 4 ? "LDT " : "GDT ");
    text_dec(&in->t, selector >> 3);
    text_str(&in->t, ", RPL ");
    text_dec(&in->t, selector & 3);
    text_str(&in->t, ", CPL ");
    text_dec(&in->t, in->seg->cpl);
    if (seg_peek(in->seg, selector, &raw)) {
        text_str(&in->t, ": ");
        text_emit(&in->t, in->out);
        seg_show_entry(raw, seg_in_long_mode(in->seg), in->out);
    }
    line_end(in);
}

static void put_named(struct text *t, const char *name, u64 v)
{
    text_char(t, ' ');
    text_str(t, name);
    text_char(t, '=');
    text_0x(t, v);
}

/* What a load into a register gave. */
static void answer_load(struct interp *in, enum seg_reg reg, bool done, const struct seg_result *r)
{
    tell_rule(in, r);
    in->t.len = 0;
    if (!done) {
        put_vector(&in->t, r);
    } else if (!in->seg->reg[reg].usable) {
        text_str(&in->t, "ok null");
    } else {
        text_str(&in->t, "ok");
        put_named(&in->t, "base", in->seg->reg[reg].base);
        put_named(&in->t, "limit", in->seg->reg[reg].limit);
    }
    line_end(in);
}

static void answer_transfer(struct interp *in, bool done, const struct seg_result *r)
{
    tell_rule(in, r);
    in->t.len = 0;
    if (done) {
        text_str(&in->t, "ok");
        put_named(&in->t, "cs", in->seg->reg[SEG_CS].selector);
        put_named(&in->t, "ip", in->seg->ip);
        put_named(&in->t, "ss", in->seg->reg[SEG_SS].selector);
        put_named(&in->t, "sp", in->seg->sp);
        text_str(&in->t, " cpl=");
        text_dec(&in->t, in->seg->cpl);
    } else {
        put_vector(&in->t, r);
    }
    line_end(in);
}

static void answer_ok(struct interp *in, bool done, const struct seg_result *r)
{
    tell_rule(in, r);
    in->t.len = 0;
    if (done)
        text_str(&in->t, "ok");
    else
        put_vector(&in->t, r);
    line_end(in);
}

/* ---- commands -------------------------------------------------------------------------------------------------------- */

static bool seg_new(struct interp *in, const struct words *w)
{
    unsigned at = 2, cpu;

    if (in->kernel)
        return fail(in, "the kernel owns this machine's registers", NULL);
    if (!take_cpu(in, w, &at, &cpu))
        return false;
    if (at < w->n)
        return fail(in, "seg new [cpuN]", NULL);
    if (!in->seg && !(in->seg = malloc(sizeof *in->seg)))
        return fail(in, "no memory", NULL);
    seg_init(in->seg, in->mmu, cpu);
    done_ok(in);
    return true;
}

static bool seg_lgdt_cmd(struct interp *in, const struct words *w)
{
    struct seg_result r;
    u16 limit = 0;
    u64 base = 0;
    bool done;

    if (!need_number(in, w, 2, &base) || !need_u16(in, w, 3, &limit))
        return false;
    done = seg_lgdt(in->seg, base, limit, &r);
    answer_ok(in, done, &r);
    return true;
}

static bool seg_lldt_cmd(struct interp *in, const struct words *w)
{
    struct seg_result r;
    u16 selector = 0;
    bool done;

    if (!need_u16(in, w, 2, &selector))
        return false;
    tell_descriptor(in, selector);
    done = seg_lldt(in->seg, selector, &r);
    answer_load(in, SEG_LDTR, done, &r);
    return true;
}

static bool seg_ltr_cmd(struct interp *in, const struct words *w)
{
    struct seg_result r;
    u16 selector = 0;
    bool done;

    if (!need_u16(in, w, 2, &selector))
        return false;
    tell_descriptor(in, selector);
    done = seg_ltr(in->seg, selector, &r);
    answer_load(in, SEG_TR, done, &r);
    return true;
}

static bool seg_load_cmd(struct interp *in, const struct words *w)
{
    enum seg_reg reg = SEG_DS;
    struct seg_result r;
    u16 selector = 0;
    bool done;

    if (!need_segment(in, w->w[2], &reg) || !need_u16(in, w, 3, &selector))
        return false;
    if (reg == SEG_CS)
        return fail(in, "cs is loaded by seg jump, seg call and seg return", NULL);
    tell_descriptor(in, selector);
    done = seg_load(in->seg, reg, selector, &r);
    answer_load(in, reg, done, &r);
    return true;
}

/* The operand's bytes at word `at`, if there is one. */
static bool operand(struct interp *in, const struct words *w, unsigned at, unsigned *bytes)
{
    const bool wide = seg_in_64bit(in->seg);
    u64 v = wide ? 8 : 4;

    if (at < w->n && (!word_number(w->w[at], &v) || (v != 2 && v != 4 && !(v == 8 && wide))))
        return fail(in, wide ? "an operand has 2, 4 or 8 bytes, not" : "an operand has 2 or 4 bytes here, not", &w->w[at]);
    *bytes = (unsigned)v;
    return true;
}

static bool far_transfer(struct interp *in, const struct words *w, bool (*go)(struct seg *, u16, u64, unsigned, struct seg_result *))
{
    struct seg_result r;
    unsigned bytes = 0;
    u16 selector = 0;
    u64 offset = 0;
    bool done;

    if (!need_u16(in, w, 2, &selector) || !need_number(in, w, 3, &offset) || !operand(in, w, 4, &bytes))
        return false;
    tell_descriptor(in, selector);
    done = go(in->seg, selector, offset, bytes, &r);
    answer_transfer(in, done, &r);
    return true;
}

static bool seg_jump_cmd(struct interp *in, const struct words *w) { return far_transfer(in, w, seg_jump); }
static bool seg_call_cmd(struct interp *in, const struct words *w) { return far_transfer(in, w, seg_call); }

static bool seg_return_cmd(struct interp *in, const struct words *w)
{
    struct seg_result r;
    unsigned bytes = 0;
    u16 release = 0;
    bool done;

    if ((w->n > 2 && !need_u16(in, w, 2, &release)) || !operand(in, w, 3, &bytes))
        return false;
    done = seg_return(in->seg, bytes, release, &r);
    answer_transfer(in, done, &r);
    return true;
}

static bool seg_access_cmd(struct interp *in, const struct words *w)
{
    static const struct flag_name kinds[] = { { "r", MMU_LOAD }, { "w", MMU_STORE }, { "x", MMU_FETCH }, { NULL, 0 } };
    enum seg_reg reg = SEG_DS;
    u64 kind, offset = 0, size = 1;
    struct seg_result r;
    bool done;

    if (!word_choice(w->w[2], kinds, &kind))
        return fail(in, "r, w or x, not", &w->w[2]);
    if (!need_segment(in, w->w[3], &reg) || !need_number(in, w, 4, &offset) || (w->n > 5 && !need_number(in, w, 5, &size)))
        return false;
    if (!size || size > PAGE_BYTES)
        return fail(in, "the size of an access is 1 to 4096", NULL);
    if (kind == MMU_FETCH && reg != SEG_CS)
        return fail(in, "code is fetched through cs, not", &w->w[3]);
    if (in->options.explain) {
        explain_begin(in);
        text_str(&in->t, seg_reg_names[reg]);
        text_str(&in->t, in->seg->reg[reg].usable ? ": " : ": null");
        text_emit(&in->t, in->out);
        if (in->seg->reg[reg].usable)
            seg_show(&in->seg->reg[reg], seg_in_long_mode(in->seg), in->out);
        line_end(in);
    }
    done = seg_access(in->seg, reg, offset, (u32)size, (enum mmu_kind)kind, &r);
    tell_rule(in, &r);
    in->t.len = 0;
    if (done) {
        text_str(&in->t, "ok");
        put_named(&in->t, "linear", r.linear);
        put_named(&in->t, "pa", r.mmu.pa);
    } else {
        put_vector(&in->t, &r);
    }
    line_end(in);
    return true;
}

static bool seg_set_cmd(struct interp *in, const struct words *w)
{
    static const struct flag_name names[] = { { "ip", 0 }, { "sp", 1 }, { "fs.base", 2 }, { "gs.base", 3 }, { "kernel.gs.base", 4 }, { NULL, 0 } };
    static const enum seg_reg bases[] = { [2] = SEG_FS, [3] = SEG_GS, [4] = SEG_REGS };
    struct seg_result r = { .rule = "" };
    u64 name, value = 0;
    bool done;

    if (!word_choice(w->w[2], names, &name))
        return fail(in, "ip, sp, fs.base, gs.base or kernel.gs.base, not", &w->w[2]);
    if (!need_number(in, w, 3, &value))
        return false;
    if (name < 2) {
        *(name ? &in->seg->sp : &in->seg->ip) = value;
        done_ok(in);
        return true;
    }
    done = seg_write_base(in->seg, bases[name], value, &r);
    answer_ok(in, done, &r);
    return true;
}

static bool seg_swapgs_cmd(struct interp *in, const struct words *w)
{
    struct seg_result r;
    const bool done = seg_swapgs(in->seg, &r);

    (void)w;
    answer_ok(in, done, &r);
    return true;
}

bool cmd_seg(struct interp *in, const struct words *w)
{
    static const struct { const char *name; command_fn *fn; u8 words_min, words_max; const char *usage; } verbs[] = {
        { "new", seg_new, 2, 3, "seg new [cpuN]" },
        { "lgdt", seg_lgdt_cmd, 4, 4, "seg lgdt BASE LIMIT" },
        { "lldt", seg_lldt_cmd, 3, 3, "seg lldt SELECTOR" },
        { "ltr", seg_ltr_cmd, 3, 3, "seg ltr SELECTOR" },
        { "describe", seg_describe_cmd, 4, WORDS_MAX, "seg describe SELECTOR null|data|code|ldt|tss|tss16|gate|gate16 [base=N] [limit=N] [dpl=N] [...]" },
        { "load", seg_load_cmd, 4, 4, "seg load REG SELECTOR" },
        { "jump", seg_jump_cmd, 4, 5, "seg jump SELECTOR OFFSET [BYTES]" },
        { "call", seg_call_cmd, 4, 5, "seg call SELECTOR OFFSET [BYTES]" },
        { "return", seg_return_cmd, 2, 4, "seg return [RELEASE [BYTES]]" },
        { "access", seg_access_cmd, 5, 6, "seg access r|w|x REG OFFSET [SIZE]" },
        { "set", seg_set_cmd, 4, 4, "seg set ip|sp|fs.base|gs.base|kernel.gs.base VALUE" },
        { "swapgs", seg_swapgs_cmd, 2, 2, "seg swapgs" },
        { "regs", seg_regs_cmd, 2, 2, "seg regs" },
        { "table", seg_table_cmd, 2, 3, "seg table [ldt]" },
    };

    for (size_t i = 0; i < COUNT_OF(verbs); i++) {
        if (!word_is(w->w[1], verbs[i].name))
            continue;
        if (w->n < verbs[i].words_min || w->n > verbs[i].words_max)
            return fail(in, verbs[i].usage, NULL);
        return in->seg || i == 0 ? verbs[i].fn(in, w) : fail(in, "there are no segments: begin with seg new", NULL);
    }
    return fail(in, "new, lgdt, lldt, ltr, describe, load, jump, call, return, access, set, swapgs, regs or table, not", &w->w[1]);
}
