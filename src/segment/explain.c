/* SPDX-License-Identifier: MIT
 * explain.c - a descriptor in words.  Called by listings and explanations. */
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

void seg_show(const struct seg_register *d, bool long_mode, const struct pw_out *out)
{
    struct text t = { 0 };

    text_str(&t, d->rights & SEG_S ? is_code(d->rights) ? "code" : "data" : system_types[long_mode][d->rights & SEG_TYPE]);
    text_str(&t, " base ");
    text_0x(&t, d->base);
    text_str(&t, " limit ");
    text_0x(&t, d->limit);
    text_str(&t, " dpl ");
    text_dec(&t, dpl_of(d->rights));
    if (d->rights & SEG_S)
        put_segment(&t, d->rights, long_mode);
    text_str(&t, d->rights & SEG_P ? "" : " absent");
    text_emit(&t, out);
}
