/* SPDX-License-Identifier: MIT
 * explain.c - descriptors in words.  Called by listings and explanations. */
#include "internal.h"

#include "base/text.h"

static const char *const system_types[2][16] = {
    { "reserved", "tss16", "ldt", "tss16-busy", "call-gate16", "task-gate", "interrupt-gate16", "trap-gate16", "reserved", "tss",
      "reserved", "tss-busy", "call-gate", "reserved", "interrupt-gate", "trap-gate" },
    { "reserved", "reserved", "ldt", "reserved", "reserved", "reserved", "reserved", "reserved", "reserved", "tss", "reserved",
      "tss-busy", "call-gate", "reserved", "interrupt-gate", "trap-gate" },
};

static const char *size_of(u16 rights, bool long_mode)
{
    return rights & SEG_CODE && long_mode && rights & SEG_L ? " 64-bit" : rights & SEG_DB ? " 32-bit" : " 16-bit";
}

static void put_segment(struct text *t, u16 rights, bool long_mode)
{
    text_str(t, size_of(rights, long_mode));
    if (rights & SEG_CODE) {
        text_str(t, rights & SEG_READABLE ? " readable" : " execute-only");
        text_str(t, rights & SEG_CONFORMING ? " conforming" : "");
    } else {
        text_str(t, rights & SEG_WRITABLE ? " writable" : " read-only");
        text_str(t, rights & SEG_DOWN ? " expand-down" : "");
    }
    text_str(t, rights & SEG_ACCESSED ? " accessed" : "");
}

static const char *type_name(u16 rights, bool long_mode)
{
    return rights & SEG_S ? is_code(rights) ? "code" : "data" : system_types[long_mode][rights & SEG_TYPE];
}

static void put_dpl(struct text *t, u16 rights)
{
    text_str(t, " dpl ");
    text_dec(t, dpl_of(rights));
}

void seg_show(const struct seg_register *d, bool long_mode, const struct pw_out *out)
{
    struct text t = { 0 };

    text_str(&t, type_name(d->rights, long_mode));
    text_str(&t, " base ");
    text_0x(&t, d->base);
    text_str(&t, " limit ");
    text_0x(&t, d->limit);
    put_dpl(&t, d->rights);
    if (d->rights & SEG_S)
        put_segment(&t, d->rights, long_mode);
    text_str(&t, d->rights & SEG_P ? "" : " absent");
    text_emit(&t, out);
}

void seg_show_entry(u64 raw, bool long_mode, const struct pw_out *out)
{
    const struct seg_register d = seg_decode(raw);
    struct text t = { 0 };

    if (d.rights & SEG_S || !(d.rights & 4)) {
        seg_show(&d, long_mode, out);
        return;
    }
    text_str(&t, type_name(d.rights, long_mode));
    text_str(&t, " to ");
    text_0x(&t, raw >> 16 & 0xffff);
    text_str(&t, " offset ");
    text_0x(&t, (raw & 0xffff) | (raw >> 32 & 0xffff0000));
    if (raw >> 32 & 31 && !long_mode) {
        text_str(&t, " params ");
        text_dec(&t, raw >> 32 & 31);
    }
    put_dpl(&t, d.rights);
    text_str(&t, d.rights & SEG_P ? "" : " absent");
    text_emit(&t, out);
}
