/* SPDX-License-Identifier: MIT
 * sys_cmds.c - the kernel's huge-page settings and its background work: `sys`, `khugepaged`.  Called by interp.c. */
#include "interp_internal.h"

#include <stdio.h>

static void word_text(struct word w, char *out, size_t bytes)
{
    snprintf(out, bytes, "%.*s", (int)w.len, w.s);
}

/* sys FILE: its one line; sys FILE VALUE: ok.  Else the error that open, read or write would give. */
bool cmd_sys(struct interp *in, const struct words *w)
{
    const struct pw_out out = listing_out(in);
    char file[128], value[64];
    long r;

    word_text(w->w[1], file, sizeof file);
    if (w->n == 2) {
        r = kernel_sys_read(in->kernel, file, &out);
        if (r)
            done_value(in, r);
        return true;
    }
    word_text(w->w[2], value, sizeof value);
    r = kernel_sys_write(in->kernel, file, value);
    if (r)
        done_value(in, r);
    else
        done_ok(in);
    return true;
}

static void count(void *ctx, const char *text, size_t len_bytes)
{
    u64 *n = ctx;

    for (size_t i = 0; i < len_bytes && text[i] != '\n'; i++)
        *n = *n * 10 + (u64)(text[i] - '0');
}

static u64 counter(struct interp *in, const char *file)
{
    u64 n = 0;

    kernel_sys_read(in->kernel, file, &(struct pw_out){ count, &n });
    return n;
}

#define COLLAPSED "transparent_hugepage/khugepaged/pages_collapsed"
#define FULL_SCANS "transparent_hugepage/khugepaged/full_scans"

/* khugepaged [N]: N scans now, and what they did. */
bool cmd_khugepaged(struct interp *in, const struct words *w)
{
    u64 n = 1, collapsed = counter(in, COLLAPSED), scans = counter(in, FULL_SCANS);

    if (w->n > 1 && !need_number(in, w, 1, &n))
        return false;
    if (n > 1u << 20)
        return fail(in, "so many scans would take for ever:", &w->w[1]);
    while (n--)
        kernel_khugepaged(in->kernel);
    text_str(&in->t, "ok collapsed=");
    text_dec(&in->t, counter(in, COLLAPSED) - collapsed);
    text_str(&in->t, " full_scans=");
    text_dec(&in->t, counter(in, FULL_SCANS) - scans);
    line_end(in);
    return true;
}
