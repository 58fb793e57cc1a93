/* SPDX-License-Identifier: MIT
 * check_flush.c - `pagewalk script --check-flush`: reports of the missing-invalidation checker (mmu.h) as lines in front of
 * the answer of the command that used what was stale.  Called by interp.c and boot.c.
 *
 * Stores to page tables are put down to the line being done and, where a process does it, to its CPU. */
#include "interp_internal.h"

static void see_stale(void *ctx, const struct mmu_stale *s)
{
    struct interp *in = ctx;

    mmu_stale_put(s, "  ", in->out);
}

/* "line 7 (mprotect)" */
void check_flush_doing(struct interp *in, unsigned cpu)
{
    struct text t = { 0 };

    if (!in->options.check_flush || !in->sim)
        return;
    text_str(&t, "line ");
    text_dec(&t, in->line);
    text_str(&t, " (");
    for (u32 i = 0; i < in->doing.len; i++)
        text_char(&t, in->doing.s[i]);
    text_char(&t, ')');
    text_char(&t, 0);
    sim_doing(in->sim, cpu, t.buf);
}

void check_flush_line(struct interp *in, struct word doing)
{
    in->doing = doing;
    check_flush_doing(in, MMU_NO_CPU);
}

void check_flush_begin(struct interp *in)
{
    if (!in->options.check_flush)
        return;
    sim_on_stale(in->sim, see_stale, in);
    check_flush_doing(in, MMU_NO_CPU);
}

/* What the machine that goes has found. */
void check_flush_end(struct interp *in)
{
    struct mmu_stale_counts n;

    if (!in->sim)
        return;
    n = mmu_check_flush_counts(in->mmu);
    in->stale.uses += n.uses;
    in->stale.missing += n.missing;
    in->stale.not_needed += n.not_needed;
}

static void put_count(struct interp *in, u64 n, const char *what)
{
    text_dec(&in->t, n);
    text_str(&in->t, what);
}

bool interp_flushes(struct interp *in)
{
    if (!in->options.check_flush)
        return true;
    machine_drop(in);
    in->t.len = 0;
    text_str(&in->t, "check-flush: ");
    put_count(in, in->stale.missing, in->stale.missing == 1 ? " flush missing, " : " flushes missing, ");
    put_count(in, in->stale.not_needed, " not needed, in ");
    put_count(in, in->stale.uses, " uses of cached entries");
    line_end(in);
    return !in->stale.missing;
}
