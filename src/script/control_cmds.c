/* SPDX-License-Identifier: MIT
 * control_cmds.c - what a process says about its memory as a whole: prctl, limits, names, PKRU; and advice to another
 * process.  Called by proc_cmds.c. */
#include "interp_internal.h"

#include "base/check.h"

static const struct flag_name option_names[] = {
    { "set_thp_disable", MM_PR_SET_THP_DISABLE }, { "get_thp_disable", MM_PR_GET_THP_DISABLE },
    { "set_mdwe", MM_PR_SET_MDWE },               { "get_mdwe", MM_PR_GET_MDWE },
    { "set_mm", MM_PR_SET_MM },                   { NULL, 0 },
};
/* The names that any argument of prctl may have: no two mean the same option. */
static const struct flag_name argument_names[] = {
    { "refuse_exec_gain", 1 },                    { "no_inherit", 2 },
    { "except_advised", 2 },                      { "start_code", MM_PR_SET_MM_START_CODE },
    { "end_code", MM_PR_SET_MM_END_CODE },        { "start_data", MM_PR_SET_MM_START_DATA },
    { "end_data", MM_PR_SET_MM_END_DATA },        { "start_stack", MM_PR_SET_MM_START_STACK },
    { "start_brk", MM_PR_SET_MM_START_BRK },      { "brk", MM_PR_SET_MM_BRK },
    { NULL, 0 },
};
static const struct flag_name limit_names[] = {
    { "data", MM_RLIMIT_DATA }, { "stack", MM_RLIMIT_STACK }, { "memlock", MM_RLIMIT_MEMLOCK }, { "as", MM_RLIMIT_AS },
    { NULL, 0 },
};

bool cmd_prctl(struct interp *in, struct process *p, const struct words *w)
{
    u64 option, v[4] = { 0 };
    struct word bad;

    if (!word_choice(w->w[2], option_names, &option) && !word_number(w->w[2], &option))
        return fail(in, "prctl has no option", &w->w[2]);
    for (unsigned i = 3; i < w->n; i++)
        if (!word_flags(w->w[i], argument_names, &v[i - 3], &bad))
            return fail(in, "no argument of prctl:", &bad);
    put_on_cpu(in, p);
    done_value(in, mm_prctl(p->p, option > 0x7fffffff ? 0 : (int)option, v[0], v[1], v[2], v[3]));
    return true;
}

bool cmd_set_vma_name(struct interp *in, struct process *p, const struct words *w)
{
    const struct word name = w->w[4];
    char text[128];
    u64 addr, len;

    if (!need_number(in, w, 2, &addr) || !need_number(in, w, 3, &len))
        return false;
    if (name.len >= sizeof text)
        return fail(in, "too long a name", NULL);
    copy_name(text, name);
    put_on_cpu(in, p);
    done_value(in, mm_set_vma_name(p->p, addr, len, word_is(name, "none") ? NULL : text));
    return true;
}

bool cmd_setrlimit(struct interp *in, struct process *p, const struct words *w)
{
    u64 resource, bytes = ~(u64)0;

    if (!word_choice(w->w[2], limit_names, &resource))
        return fail(in, "a limit is as, data, stack or memlock, not", &w->w[2]);
    if (!word_is(w->w[3], "unlimited") && !word_number(w->w[3], &bytes))
        return fail(in, "not a size:", &w->w[3]);
    done_value(in, mm_setrlimit(p->p, (int)resource, bytes));
    return true;
}

bool cmd_wrpkru(struct interp *in, struct process *p, const struct words *w)
{
    u64 value;

    if (!need_number(in, w, 2, &value))
        return false;
    if (value >> 32)
        return fail(in, "PKRU has 32 bits", NULL);
    put_on_cpu(in, p);
    mm_set_pkru(p->p, (u32)value);
    done_ok(in);
    return true;
}

bool cmd_rdpkru(struct interp *in, struct process *p, const struct words *w)
{
    (void)w;
    text_0x(&in->t, mm_pkru(p->p));
    line_end(in);
    return true;
}

bool cmd_process_madvise(struct interp *in, struct process *p, const struct words *w)
{
    struct mm_iov iov[WORDS_MAX / 2];
    const struct process *target = find_process(in, w->w[2]);
    struct word bad;
    unsigned n = 0;
    u64 advice;

    if (!target)
        return fail(in, "no process is called", &w->w[2]);
    if (!word_flags(w->w[3], advice_names, &advice, &bad))
        return fail(in, "madvise has no advice", &bad);
    for (unsigned i = 4; i < w->n; i += 2, n++)
        if (!need_number(in, w, i, &iov[n].start) || !need_number(in, w, i + 1, &iov[n].len_bytes))
            return false;
    put_on_cpu(in, p);
    done_value(in, mm_process_madvise(p->p, target->p, iov, n, advice > 0x7fffffff ? -1 : (int)advice, 0));
    return true;
}
