/* SPDX-License-Identifier: MIT
 * mpu_cmds.c - `mpu ...`: the memory protection unit, and swapping with it (pagewalk/mpu.h).  Called by interp.c.  It is a
 * machine of its own: no other command knows of it, and `machine` and `boot` leave it alone. */
#include "interp_internal.h"

#include "base/check.h"
#include "mpu_cmds.h"

#include <stdlib.h>

static const struct { const char *name; u32 reg; } registers[] = {
    { "type", MPU_TYPE }, { "ctrl", MPU_CTRL }, { "rnr", MPU_RNR }, { "rbar", MPU_RBAR }, { "rasr", MPU_RASR }, { "rlar", MPU_RLAR },
    { "mair0", MPU_MAIR0 }, { "mair1", MPU_MAIR1 }, { "shpr1", MPU_SHPR1 }, { "shcsr", MPU_SHCSR }, { "cfsr", MPU_CFSR },
    { "hfsr", MPU_HFSR }, { "mmfar", MPU_MMFAR }, { "bfar", MPU_BFAR },
};

void mpu_drop(struct interp *in)
{
    if (in->mpu)
        mpu_swap_end(in->mpu);
    free(in->mpu);
    in->mpu = NULL;
}

bool mpu_take_value(struct interp *in, const struct words *w, unsigned at, const char *key, u64 max, u64 *out)
{
    struct word value;

    for (; at < w->n; at++) {
        if (!word_value(w->w[at], key, &value))
            continue;
        if (!word_number(value, out) || *out > max)
            return fail(in, "not a number that fits:", &w->w[at]);
        return true;
    }
    return true;
}

bool need_u32(struct interp *in, const struct words *w, unsigned at, u32 *out)
{
    u64 v;

    if (!need_number(in, w, at, &v))
        return false;
    if (v > ~(u32)0)
        return fail(in, "more than 32 bits:", &w->w[at]);
    *out = (u32)v;
    return true;
}

/* ---- the machine and its registers --------------------------------------------------------------------------- */

static bool mpu_new(struct interp *in, const struct words *w)
{
    static const struct flag_name archs[] = { { "v7m", MPU_V7M }, { "v8m", MPU_V8M }, { "v8.1m", MPU_V8_1M }, { NULL, 0 } };
    u64 arch, regions = 8;
    struct word value;

    if (!word_choice(w->w[1], archs, &arch))
        return fail(in, "v7m, v8m or v8.1m, region, regions, set, get, access, swap, load, store or sync, not", &w->w[1]);
    if (w->n > 3 || (w->n == 3 && !word_value(w->w[2], "regions", &value)))
        return fail(in, "mpu v7m|v8m|v8.1m [regions=0|8|16]", NULL);
    if (!mpu_take_value(in, w, 2, "regions", MPU_REGIONS_MAX, &regions))
        return false;
    if (regions % 8)
        return fail(in, "an MPU has 0, 8 or 16 regions here, not", &w->w[2]);
    if (!in->mpu && !(in->mpu = calloc(1, sizeof *in->mpu)))
        return fail(in, "no memory", NULL);
    mpu_swap_end(in->mpu);
    mpu_init(&in->mpu->mpu, (enum mpu_arch)arch, (unsigned)regions);
    done_ok(in);
    return true;
}

/* The register called so; false: answered with an error. */
static bool find_register(struct interp *in, struct word w, u32 *reg)
{
    for (size_t i = 0; i < COUNT_OF(registers); i++)
        if (word_is(w, registers[i].name)) {
            *reg = registers[i].reg;
            return true;
        }
    return fail(in, "an MPU has no register", &w);
}

static bool mpu_set_cmd(struct interp *in, const struct words *w)
{
    u32 reg = 0, value = 0;

    if (!find_register(in, w->w[2], &reg) || !need_u32(in, w, 3, &value))
        return false;
    if (!mpu_write(&in->mpu->mpu, reg, value))
        return fail(in, "this MPU has no register", &w->w[2]);
    done_ok(in);
    return true;
}

static bool mpu_get_cmd(struct interp *in, const struct words *w)
{
    u32 reg = 0, value = 0;

    if (!find_register(in, w->w[2], &reg))
        return false;
    if (!mpu_read(&in->mpu->mpu, reg, &value))
        return fail(in, "this MPU has no register", &w->w[2]);
    in->t.len = 0;
    text_0x(&in->t, value);
    line_end(in);
    return true;
}

static const struct flag_name rights[] = { { "none", 0 }, { "r", MPU_R }, { "rw", MPU_R | MPU_W }, { NULL, 0 } };

/* mpu region N BASE SIZE PRIVILEGED UNPRIVILEGED [x] [pxn] [srd=N] */
static bool wanted_region(struct interp *in, const struct words *w, struct mpu_want *want)
{
    u64 priv, unpriv, srd = 0;
    struct word value;

    if (w->n < 7)
        return fail(in, "mpu region N off, or N BASE SIZE none|r|rw none|r|rw [x] [pxn] [srd=N]", NULL);
    if (!need_u32(in, w, 3, &want->base))
        return false;
    if (word_is(w->w[4], "4G"))
        return fail(in, "a region of 4 GiB is set by its registers, not by", &w->w[4]);
    if (!need_u32(in, w, 4, &want->bytes) || !mpu_take_value(in, w, 7, "srd", 255, &srd))
        return false;
    if (!want->bytes)
        return fail(in, "a region has a size", NULL);
    if (!word_choice(w->w[5], rights, &priv) || !word_choice(w->w[6], rights, &unpriv))
        return fail(in, "rights are none, r or rw, not", &w->w[word_choice(w->w[5], rights, &priv) ? 6 : 5]);
    want->privileged = (u8)priv;
    want->unprivileged = (u8)unpriv;
    want->srd = (u8)srd;
    for (unsigned i = 7; i < w->n; i++) {
        if (word_is(w->w[i], "x"))
            want->execute = true;
        else if (word_is(w->w[i], "pxn"))
            want->privileged_never = true;
        else if (!word_value(w->w[i], "srd", &value))
            return fail(in, "a region has no", &w->w[i]);
    }
    return true;
}

static bool mpu_region_cmd(struct interp *in, const struct words *w)
{
    struct mpu_want want = { 0 };
    enum mpu_refused why;
    u32 n = 0;

    if (!need_u32(in, w, 2, &n))
        return false;
    if (!(w->n == 4 && word_is(w->w[3], "off")) && !wanted_region(in, w, &want))
        return false;
    why = mpu_set_region(&in->mpu->mpu, n, &want);
    if (why != MPU_WANT_OK)
        return fail(in, mpu_refused_text(why), NULL);
    done_ok(in);
    return true;
}

static bool mpu_regions_cmd(struct interp *in, const struct words *w)
{
    const struct pw_out out = listing_out(in);

    (void)w;
    for (unsigned n = 0; n < in->mpu->mpu.regions; n++) {
        mpu_show_region(&in->mpu->mpu, n, &out);
        out.put(out.ctx, "\n", 1);
    }
    done_dot(in);
    return true;
}

/* ---- accesses ------------------------------------------------------------------------------------------------- */

static void put_result(struct text *t, const struct mpu *m, const struct mpu_result *r)
{
    static const char *const rules[] = {
        [MPU_RULE_OFF] = "default", [MPU_RULE_NEGATIVE] = "default", [MPU_RULE_VECTOR] = "default", [MPU_RULE_PPB] = "ppb",
        [MPU_RULE_REGION] = "region", [MPU_RULE_BACKGROUND] = "background",
    };

    if (r->exception == MPU_NONE) {
        text_str(t, "ok by=");
        text_str(t, rules[r->rule]);
        if (r->rule == MPU_RULE_REGION)
            text_dec(t, r->region);
        return;
    }
    text_str(t, r->exception == MPU_MEMMANAGE ? "MemManage" : r->exception == MPU_BUSFAULT ? "BusFault" :
                r->exception == MPU_HARDFAULT ? "HardFault" : "lockup");
    text_str(t, " cfsr=");
    text_0x(t, m->cfsr);
    if (m->cfsr & CFSR_MMARVALID) {
        text_str(t, " mmfar=");
        text_0x(t, m->mmfar);
    }
    if (m->cfsr & CFSR_BFARVALID) {
        text_str(t, " bfar=");
        text_0x(t, m->bfar);
    }
    if (m->hfsr) {
        text_str(t, " hfsr=");
        text_0x(t, m->hfsr);
    }
}

/* The words behind the address.  false: answered with an error. */
static bool access_words(struct interp *in, const struct words *w, struct mpu_access *a)
{
    static const struct flag_name bys[] = { { "stacking", MPU_BY_STACKING }, { "unstacking", MPU_BY_UNSTACKING },
                                            { "lazyfp", MPU_BY_LAZY_FP }, { "vector", MPU_BY_VECTOR }, { NULL, 0 } };
    static const struct flag_name levels[] = { { "hardfault", 1 }, { "nmi", 2 }, { NULL, 0 } };
    struct word value;
    u64 n;

    for (unsigned i = 4; i < w->n; i++) {
        if (word_is(w->w[i], "unpriv"))
            a->unprivileged = true;
        else if (word_choice(w->w[i], bys, &n))
            a->by = (u8)n;
        else if (word_value(w->w[i], "priority", &value) && word_choice(value, levels, &n))
            a->priority = -(s32)n;
        else if (word_value(w->w[i], "priority", &value) && word_number(value, &n) && n <= MPU_PRIORITY_THREAD)
            a->priority = (s32)n;
        else if (a->by != MPU_BY_FETCH && word_number(w->w[i], &n) && n <= 8 && n && !(n & (n - 1)))
            a->size_bytes = (u8)n;
        else if (!word_is(w->w[i], "priv"))
            return fail(in, "an access of an MPU has no", &w->w[i]);
    }
    return true;
}

static bool mpu_access_cmd(struct interp *in, const struct words *w)
{
    static const struct flag_name kinds[] = { { "r", MPU_BY_LOAD }, { "w", MPU_BY_STORE }, { "x", MPU_BY_FETCH }, { NULL, 0 } };
    struct mpu_access a = { .size_bytes = 1, .priority = MPU_PRIORITY_THREAD };
    struct mpu_result r;
    u64 kind;

    if (!word_choice(w->w[2], kinds, &kind))
        return fail(in, "r, w or x, not", &w->w[2]);
    a.by = (u8)kind;
    if (a.by == MPU_BY_FETCH)
        a.size_bytes = 2;
    if (!need_u32(in, w, 3, &a.addr) || !access_words(in, w, &a))
        return false;
    if (a.by == MPU_BY_FETCH && a.addr & 1)
        return fail(in, "instructions lie at even addresses, not at", &w->w[3]);
    r = mpu_access(&in->mpu->mpu, &a);
    if (in->options.explain)
        mpu_explain(&in->mpu->mpu, &a, &r, &in->explain_out);
    in->t.len = 0;
    put_result(&in->t, &in->mpu->mpu, &r);
    line_end(in);
    return true;
}

bool cmd_mpu(struct interp *in, const struct words *w)
{
    static const struct { const char *name; command_fn *fn; u8 words_min, words_max; const char *usage; } verbs[] = {
        { "region", mpu_region_cmd, 4, WORDS_MAX, "mpu region N off, or N BASE SIZE none|r|rw none|r|rw [x] [pxn] [srd=N]" },
        { "regions", mpu_regions_cmd, 2, 2, "mpu regions" },
        { "set", mpu_set_cmd, 4, 4, "mpu set REG VALUE" },
        { "get", mpu_get_cmd, 3, 3, "mpu get REG" },
        { "access", mpu_access_cmd, 4, 8,
          "mpu access r|w|x ADDR [SIZE] [priv|unpriv] [priority=N|hardfault|nmi] [stacking|unstacking|lazyfp|vector]" },
        { "swap", mpu_swap_cmd, 6, 8, "mpu swap WINDOW SIZE ram=SIZE page=SIZE [first=N] [regions=N]" },
        { "load", mpu_load_cmd, 3, 4, "mpu load ADDR [COUNT]" },
        { "store", mpu_store_cmd, 4, 5, "mpu store ADDR VALUE [COUNT]" },
        { "sync", mpu_sync_cmd, 2, 2, "mpu sync" },
    };

    for (size_t i = 0; i < COUNT_OF(verbs); i++) {
        if (!word_is(w->w[1], verbs[i].name))
            continue;
        if (w->n < verbs[i].words_min || w->n > verbs[i].words_max)
            return fail(in, verbs[i].usage, NULL);
        return in->mpu ? verbs[i].fn(in, w) : fail(in, "there is no MPU: begin with mpu v7m or mpu v8m", NULL);
    }
    return mpu_new(in, w);
}
