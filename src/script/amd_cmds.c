/* SPDX-License-Identifier: MIT
 * amd_cmds.c - AMD's invalidations: invlpga, invlpgb, tlbsync.  Called by interp.c. */
#include "interp_internal.h"

#include "base/check.h"

static bool done_status(struct interp *in, enum mmu_status status)
{
    text_str(&in->t, status == MMU_OK ? "ok" : status == MMU_FAULT_UD ? "#UD" : "#GP");
    line_end(in);
    return true;
}

bool cmd_invlpga(struct interp *in, const struct words *w)
{
    unsigned at = 1, cpu;
    u64 va, asid = 0;

    if (!take_cpu(in, w, &at, &cpu) || !need_number(in, w, at, &va) || (at + 1 < w->n && !need_number(in, w, at + 1, &asid)))
        return false;
    if (at + 2 < w->n || asid > 0xffffffff)
        return fail(in, "after the address comes an ASID of 32 bits", NULL);
    return done_status(in, mmu_invlpga(in->mmu, cpu, va, (u32)asid));
}

/* What INVLPGB finds in its registers.  A value goes, shifted, into one of them, and may set a bit of rax. */
struct registers { u64 rax, ecx, edx; };
static const struct { const char *key; u64 max; size_t into; u8 shift; u8 says; } values[] = {
    { "va", ~(u64)0, offsetof(struct registers, rax), 0, MMU_INVLPGB_VA },
    { "pcid", 0xfff, offsetof(struct registers, edx), 16, MMU_INVLPGB_PCID },
    { "asid", 0xffff, offsetof(struct registers, edx), 0, MMU_INVLPGB_ASID },
    { "more", 0xffff, offsetof(struct registers, ecx), 0, 0 },
};
static const struct flag_name flags[] = {
    { "global", MMU_INVLPGB_GLOBAL }, { "final", MMU_INVLPGB_FINAL }, { "nested", MMU_INVLPGB_NESTED }, { NULL, 0 },
};

static bool take_value(struct interp *in, struct word word, struct registers *r, bool *taken)
{
    struct word value;
    u64 number;

    *taken = false;
    for (size_t i = 0; i < COUNT_OF(values); i++) {
        if (!word_value(word, values[i].key, &value))
            continue;
        if (!word_number(value, &number) || number > values[i].max)
            return fail(in, "not possible:", &word);
        number = values[i].says == MMU_INVLPGB_VA ? page_down(number) : number;
        *(u64 *)(void *)((u8 *)r + values[i].into) |= number << values[i].shift;
        r->rax |= values[i].says;
        *taken = true;
    }
    return true;
}

static bool take_word(struct interp *in, struct word word, struct registers *r)
{
    struct word value;
    u64 flag;
    bool taken;

    if (!take_value(in, word, r, &taken))
        return false;
    if (taken)
        return true;
    if (word_value(word, "stride", &value) && (word_is(value, "4K") || word_is(value, "2M")))
        r->ecx |= word_is(value, "2M") ? 1u << 31 : 0;
    else if (word_choice(word, flags, &flag))
        r->rax |= flag;
    else
        return fail(in, "invlpgb has no", &word);
    return true;
}

bool cmd_invlpgb(struct interp *in, const struct words *w)
{
    struct registers r = { 0, 0, 0 };
    unsigned at = 1, cpu;

    if (!take_cpu(in, w, &at, &cpu))
        return false;
    for (; at < w->n; at++)
        if (!take_word(in, w->w[at], &r))
            return false;
    return done_status(in, mmu_invlpgb(in->mmu, cpu, r.rax, (u32)r.ecx, (u32)r.edx));
}

bool cmd_tlbsync(struct interp *in, const struct words *w)
{
    unsigned at = 1, cpu;

    if (!take_cpu(in, w, &at, &cpu))
        return false;
    return at < w->n ? fail(in, "not a CPU:", &w->w[at]) : done_status(in, mmu_tlbsync(in->mmu, cpu));
}
