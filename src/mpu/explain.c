/* SPDX-License-Identifier: MIT
 * explain.c - a judgement in words: each region that is on and whether it holds the address, what decided, what followed.
 * Called after mpu_access(), with the result it gave. */
#include "internal.h"

#include "base/text.h"

static void put_rw(struct text *t, u8 rights)
{
    text_char(t, rights & MPU_R ? 'r' : '-');
    text_char(t, rights & MPU_W ? 'w' : '-');
}

static const char *executed(const struct mpu *m, unsigned n)
{
    const bool p = mpu_region_rights(m, n, false) & MPU_X, u = mpu_region_rights(m, n, true) & MPU_X;

    return p && u ? "executable" : p ? "executable when privileged" : u ? "executable when unprivileged" : "never executed";
}

static void put_region(struct text *t, const struct mpu *m, unsigned n)
{
    u32 first, last;

    text_dec(t, n);
    if (!mpu_region_span(m, n, &first, &last)) {
        text_str(t, region_on(&m->region[n]) ? " on, but holds nothing" : " off");
        return;
    }
    text_char(t, ' ');
    text_0x(t, first);
    text_char(t, '-');
    text_0x(t, last);
    text_str(t, " privileged ");
    put_rw(t, mpu_region_rights(m, n, false));
    text_str(t, " unprivileged ");
    put_rw(t, mpu_region_rights(m, n, true));
    text_char(t, ' ');
    text_str(t, executed(m, n));
    if (m->arch == MPU_V7M && m->region[n].attr >> RASR_SRD_LSB & 0xff) {
        text_str(t, " subregions off ");
        text_0x(t, m->region[n].attr >> RASR_SRD_LSB & 0xff);
    }
}

void mpu_show_region(const struct mpu *m, unsigned n, const struct pw_out *out)
{
    struct text t = { 0 };

    put_region(&t, m, n);
    text_emit(&t, out);
}

static void explain_regions(const struct mpu *m, u32 addr, const struct pw_out *out)
{
    struct text t = { 0 };
    u32 first, last;

    for (unsigned n = m->regions; n-- > 0; ) {
        if (!mpu_region_span(m, n, &first, &last) || addr < first || addr > last)
            continue;
        text_str(&t, "region ");
        put_region(&t, m, n);
        if (!mpu_region_holds(m, n, addr))
            text_str(&t, ": holds the address, but in a subregion that is off");
        text_emit(&t, out);
    }
}

static const char *const rule_texts[] = {
    [MPU_RULE_OFF] = "the MPU is off: the default memory map (DDI 0403 B3.1)",
    [MPU_RULE_NEGATIVE] = "priority below 0 and HFNMIENA = 0: as if the MPU were off (DDI 0403 B3.5.3)",
    [MPU_RULE_VECTOR] = "vectors are read by the default memory map (DDI 0403 B3.5.1)",
    [MPU_RULE_PPB] = "the private peripheral bus: no region counts here, and it is for privileged code (DDI 0403 B3.1)",
    [MPU_RULE_REGION] = NULL, /* says its number                                                                  */
    [MPU_RULE_BACKGROUND] = "no region holds it, PRIVDEFENA = 1 and the access is privileged: the default memory map",
    [MPU_RULE_NO_REGION] = "no region holds it, and the default memory map is not for this access (DDI 0403 B3.5.1)",
    [MPU_RULE_OVERLAP] = "more than one region holds it: always a fault (DDI 0553 B10.1)",
};

static void explain_rule(const struct mpu *m, const struct mpu_access *a, const struct mpu_result *r, const struct pw_out *out)
{
    struct text t = { 0 };

    text_str(&t, "rule: ");
    if (r->rule == MPU_RULE_REGION) {
        text_str(&t, m->arch == MPU_V7M ? "the highest region decides, " : "the one region decides, ");
        text_dec(&t, r->region);
    } else {
        text_str(&t, rule_texts[r->rule]);
    }
    text_str(&t, a->unprivileged ? ": unprivileged " : ": privileged ");
    put_rw(&t, r->rights);
    text_char(&t, r->rights & MPU_X ? 'x' : '-');
    text_emit(&t, out);
}

void mpu_explain(const struct mpu *m, const struct mpu_access *a, const struct mpu_result *r, const struct pw_out *out)
{
    static const char *const bys[] = { "load from", "store to", "fetch from", "stacking to", "unstacking from",
                                       "lazy floating-point state to", "vector read from" };
    struct text t = { 0 };

    text_str(&t, bys[a->by]);
    text_char(&t, ' ');
    text_0x(&t, a->addr);
    if (r->addr != a->addr) {
        text_str(&t, ", byte at ");
        text_0x(&t, r->addr);
    }
    text_emit(&t, out);
    if (r->rule >= MPU_RULE_REGION)
        explain_regions(m, r->addr, out);
    explain_rule(m, a, r, out);
    switch (r->exception) {
    case MPU_NONE: return;
    case MPU_LOCKUP: text_str(&t, "refused at a priority below 0: nothing can be taken, the processor locks up"); break;
    case MPU_HARDFAULT: text_str(&t, "refused; the handler is not enabled or not of higher priority: HardFault, FORCED"); break;
    default: text_str(&t, r->exception == MPU_BUSFAULT ? "refused: BusFault" : "refused: MemManage"); break;
    }
    text_emit(&t, out);
}
