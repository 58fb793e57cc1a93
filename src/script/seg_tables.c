/* SPDX-License-Identifier: MIT
 * seg_tables.c - `seg describe`, `seg table`, `seg regs`: descriptor tables as a loader writes them, and listings. */
#include "seg_cmds.h"

#include "base/check.h"

/* What each kind of descriptor begins with. */
static const struct kind { const char *name; u16 rights; bool gate, tall; } kinds[] = { /* tall: 16 bytes in IA-32e mode */
    { "null", 0, false, false },
    { "data", SEG_P | SEG_S | SEG_DB | SEG_WRITABLE, false, false },
    { "code", SEG_P | SEG_S | SEG_DB | SEG_CODE | SEG_READABLE, false, false },
    { "ldt", SEG_P | SEG_TYPE_LDT, false, true },
    { "tss", SEG_P | SEG_TYPE_TSS, false, true },
    { "tss16", SEG_P | SEG_TYPE_TSS16, false, true },
    { "gate", SEG_P | SEG_TYPE_GATE, true, true },
    { "gate16", SEG_P | SEG_TYPE_GATE16, true, false },
};

/* Words that change rights: those that clear, then those that set; for which kinds (S = 1) they are. */
static const struct { const char *name; u16 clear, set; bool any_kind; } changes[] = {
    { "absent", SEG_P, 0, true }, { "16", SEG_DB | SEG_L, 0, false }, { "32", SEG_L, SEG_DB, false }, { "64", SEG_DB, SEG_L, false },
    { "readonly", SEG_WRITABLE, 0, false }, { "down", 0, SEG_DOWN, false }, { "executeonly", SEG_READABLE, 0, false },
    { "conforming", 0, SEG_CONFORMING, false }, { "accessed", 0, SEG_ACCESSED, false },
};

struct wanted { u64 base, limit, dpl, to, offset, params; u16 rights; const struct kind *kind; };

static bool take_change(struct wanted *x, struct word w)
{
    for (size_t i = 0; i < COUNT_OF(changes); i++)
        if (word_is(w, changes[i].name) && (changes[i].any_kind || x->rights & SEG_S)) {
            x->rights = (x->rights & (u16)~changes[i].clear) | changes[i].set;
            return true;
        }
    return false;
}

static bool take_field(struct wanted *x, struct word w, bool wide)
{
    const bool gate = x->kind->gate;
    const struct { const char *key; u64 *to; u64 max; bool here; } fields[] = {
        { "base", &x->base, wide && x->kind->tall ? ~(u64)0 : 0xffffffff, !gate }, { "limit", &x->limit, 0xffffffff, !gate }, { "dpl", &x->dpl, 3, true },
        { "to", &x->to, 0xffff, gate }, { "offset", &x->offset, wide ? ~(u64)0 : 0xffffffff, gate }, { "params", &x->params, 31, gate && !wide },
    };
    struct word value;

    for (size_t i = 0; i < COUNT_OF(fields); i++)
        if (fields[i].here && word_value(w, fields[i].key, &value))
            return word_number(value, fields[i].to) && *fields[i].to <= fields[i].max;
    return false;
}

static bool want(struct interp *in, const struct words *w, struct wanted *x)
{
    const bool wide = seg_in_long_mode(in->seg);

    for (size_t i = 0; i < COUNT_OF(kinds); i++)
        if (word_is(w->w[3], kinds[i].name))
            x->kind = &kinds[i];
    if (!x->kind)
        return fail(in, "null, data, code, ldt, tss, tss16, gate or gate16, not", &w->w[3]);
    x->rights = x->kind->rights;
    for (unsigned i = 4; i < w->n; i++)
        if (!x->rights || (!take_change(x, w->w[i]) && !take_field(x, w->w[i], wide)))
            return fail(in, "no such descriptor:", &w->w[i]);
    x->rights |= (u16)(x->dpl << SEG_DPL_LSB);
    if (x->limit < 1u << 20)
        return true;
    if ((x->limit & 0xfff) != 0xfff)
        return fail(in, "from 1M on a limit ends with its page, 0x...fff", NULL);
    x->rights |= SEG_G;
    return true;
}

bool seg_describe_cmd(struct interp *in, const struct words *w)
{
    struct wanted x = { 0 };
    u64 selector = 0, low, before;

    if (!need_number(in, w, 2, &selector) || !want(in, w, &x))
        return false;
    const bool tall = x.kind->tall && seg_in_long_mode(in->seg);
    if (selector > 0xffff || !seg_peek(in->seg, (u16)selector, &before) || (tall && !seg_peek(in->seg, (u16)selector + 8, &before)))
        return fail(in, "outside its table, or the table is outside RAM:", &w->w[2]);
    low = !x.rights ? 0 : x.kind->gate ? seg_encode_gate((u16)x.to, (u32)x.offset, (u8)x.params, x.rights) : seg_encode((u32)x.base, (u32)x.limit, x.rights);
    seg_poke(in->seg, (u16)selector, low);
    if (tall)
        seg_poke(in->seg, (u16)(selector + 8), (x.kind->gate ? x.offset : x.base) >> 32);
    in->t.len = 0;
    text_0x(&in->t, low);
    line_end(in);
    return true;
}

/* ---- listings ---------------------------------------------------------------------------------------------------------- */

bool seg_table_cmd(struct interp *in, const struct words *w)
{
    const struct pw_out out = listing_out(in);
    const bool ldt = w->n > 2, long_mode = seg_in_long_mode(in->seg);

    if (ldt && !word_is(w->w[2], "ldt"))
        return fail(in, "seg table [ldt]", NULL);
    for (u32 selector = ldt ? 4 : 0; selector < 0x10000; selector += 8) {
        struct text t = { 0 };
        u64 raw;

        if (!seg_peek(in->seg, (u16)selector, &raw))
            break;
        if (!raw)
            continue;
        text_0x(&t, selector);
        text_char(&t, ' ');
        text_emit(&t, &out);
        seg_show_entry(raw, long_mode, &out);
        if (long_mode && !(seg_decode(raw).rights & SEG_S))
            selector += 8; /* the upper half */
        out.put(out.ctx, "\n", 1);
    }
    done_dot(in);
    return true;
}

bool seg_regs_cmd(struct interp *in, const struct words *w)
{
    const struct pw_out out = listing_out(in);
    const struct seg *s = in->seg;
    struct text t = { 0 };

    (void)w;
    for (unsigned i = 0; i < SEG_REGS; i++) {
        text_str(&t, seg_reg_names[i]);
        text_str(&t, "=");
        text_0x(&t, s->reg[i].selector);
        if (s->reg[i].usable) {
            text_char(&t, ' ');
            text_emit(&t, &out);
            seg_show(&s->reg[i], seg_in_long_mode(s), &out);
        } else {
            text_str(&t, " null");
            if (s->reg[i].base) {
                text_str(&t, " base ");
                text_0x(&t, s->reg[i].base);
            }
        }
        text_char(&t, '\n');
        text_emit(&t, &out);
    }
    text_str(&t, seg_in_64bit(s) ? "64-bit" : seg_in_long_mode(s) ? "compatibility" : "protected");
    text_str(&t, " cpl=");
    text_dec(&t, s->cpl);
    text_str(&t, " ip=");
    text_0x(&t, s->ip);
    text_str(&t, " sp=");
    text_0x(&t, s->sp);
    text_str(&t, " gdtr=");
    text_0x(&t, s->gdtr.base);
    text_char(&t, '+');
    text_0x(&t, s->gdtr.limit);
    text_char(&t, '\n');
    text_emit(&t, &out);
    done_dot(in);
    return true;
}
