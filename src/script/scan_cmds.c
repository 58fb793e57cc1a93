/* SPDX-License-Identifier: MIT
 * scan_cmds.c - which pages were written: `NAME clear_refs N` and `NAME pagemap_scan START END [OPTION...]`.  Called by
 * proc_cmds.c. */
#include "interp_internal.h"

#include "base/check.h"

#include <stdlib.h>

#define REGIONS_MAX (1u << 16)

static const struct flag_name category_names[] = {
    { "wpallowed", MM_PAGE_IS_WPALLOWED }, { "written", MM_PAGE_IS_WRITTEN },       { "file", MM_PAGE_IS_FILE },
    { "present", MM_PAGE_IS_PRESENT },     { "swapped", MM_PAGE_IS_SWAPPED },       { "pfnzero", MM_PAGE_IS_PFNZERO },
    { "huge", MM_PAGE_IS_HUGE },           { "soft_dirty", MM_PAGE_IS_SOFT_DIRTY }, { "guard", MM_PAGE_IS_GUARD },
    { NULL, 0 },
};

bool cmd_clear_refs(struct interp *in, struct process *p, const struct words *w)
{
    u64 what;

    if (!need_number(in, w, 2, &what))
        return false;
    put_on_cpu(in, p);
    done_value(in, mm_clear_refs(p->p, what > 5 ? 0 : (int)what));
    return true;
}

/* ---- options ----------------------------------------------------------------------------------------------- */

static bool take_option(struct interp *in, struct word w, struct mm_scan *s)
{
    const struct { const char *key; u64 *to; bool categories; } rows[] = {
        { "mask", &s->category_mask, true },         { "anyof", &s->category_anyof_mask, true },
        { "inverted", &s->category_inverted, true }, { "return", &s->return_mask, true },
        { "max_pages", &s->max_pages, false },       { "vec_len", &s->vec_len, false },
    };
    struct word value, bad;

    if (word_is(w, "wp_matching"))
        s->flags |= MM_SCAN_WP_MATCHING;
    else if (word_is(w, "check_wpasync"))
        s->flags |= MM_SCAN_CHECK_WPASYNC;
    else
        for (size_t i = 0; i <= COUNT_OF(rows); i++) {
            if (i == COUNT_OF(rows))
                return fail(in, "pagemap_scan has no option", &w);
            if (!word_value(w, rows[i].key, &value))
                continue;
            *rows[i].to = 0;
            if (rows[i].categories ? !word_flags(value, category_names, rows[i].to, &bad)
                                   : !word_number(value, rows[i].to))
                return fail(in, "no value for this option:", &w);
            break;
        }
    return true;
}

/* ---- the answer -------------------------------------------------------------------------------------------- */

static void put_categories(struct text *t, u64 c)
{
    const char *between = " ";

    if (!c)
        text_str(t, " none");
    for (const struct flag_name *n = category_names; n->name; n++)
        if (c & n->value) {
            text_str(t, between);
            text_str(t, n->name);
            between = "|";
        }
}

static void tell(struct interp *in, const struct mm_scan *s, long value)
{
    for (long i = 0; i < value; i++) {
        text_0x(&in->t, s->vec[i].start);
        text_char(&in->t, '-');
        text_0x(&in->t, s->vec[i].end);
        put_categories(&in->t, s->vec[i].categories);
        line_end(in);
    }
    if (value < 0) {
        done_value(in, value);
    } else {
        text_str(&in->t, "= ");
        text_dec(&in->t, (u64)value);
        text_str(&in->t, " walk_end=");
        text_0x(&in->t, s->walk_end);
        line_end(in);
    }
    done_dot(in);
}

bool cmd_pagemap_scan(struct interp *in, struct process *p, const struct words *w)
{
    struct mm_scan s = { .vec_len = 1024, .return_mask = MM_PAGE_IS_GUARD * 2 - 1 };

    if (!need_number(in, w, 2, &s.start) || !need_number(in, w, 3, &s.end))
        return false;
    for (unsigned i = 4; i < w->n; i++)
        if (!take_option(in, w->w[i], &s))
            return false;
    if (s.vec_len > REGIONS_MAX)
        return fail(in, "vec_len is at most 65536", NULL);
    s.vec = s.vec_len ? calloc(s.vec_len, sizeof *s.vec) : NULL;
    if (s.vec_len && !s.vec)
        return fail(in, "no memory for the regions", NULL);
    put_on_cpu(in, p);
    tell(in, &s, mm_pagemap_scan(p->p, &s));
    free(s.vec);
    return true;
}
