/* SPDX-License-Identifier: MIT
 * text_paths.c - the call paths that cost most, of a run with --call-paths; what there was none of has no ranking.  Part of the
 * text view; silent without. */
#include "report/paths.h"
#include "report/text_internal.h"

#include <stdlib.h>

static const struct ranking { enum event event; const char *words, *certainty; } rankings[] = {
    { EV_WALK_CYCLES, "walk cycles", "estimated" }, { EV_FAULTS, "page faults", "exact" },   { EV_COW, "pages copied", "exact" },
    { EV_ZEROED, "pages zeroed", "exact" },         { EV_SHOOTDOWNS, "shootdowns", "exact" },
};

struct ranked { const struct path_frame *frame; struct num n; };

static int descending(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;
    int d = num_descending(x->n, y->n);

    return d ? d : (x->frame > y->frame) - (x->frame < y->frame);
}

/* "leaf < two < main": as much of it as the line has room for, from the function that paid on. */
static void put_path(struct text_view *v, const struct paths *p, const struct path_frame *f)
{
    unsigned chain[PATH_FRAMES_MAX], n = path_chain(p, (unsigned)(f - p->at), chain), room;
    char shown[1024];

    for (unsigned i = 0; i < n && v->screen.column + 8 < v->screen.width; i++) {
        if (i)
            screen_put(&v->screen, DIM, " < ");
        room = v->screen.width - v->screen.column;
        format_name(shown, sizeof shown, path_function_name(&p->function[p->at[chain[i]].function]), i + 1 < n ? room - 5 : room, CUT_END);
        screen_put(&v->screen, PLAIN, shown);
        if (i + 1 < n && v->screen.column + 8 >= v->screen.width)
            screen_put(&v->screen, DIM, " ...");
    }
}

static size_t rank(const struct paths *p, enum event e, struct ranked *row)
{
    size_t n = 0;

    for (size_t i = 0; i < p->n; i++)
        if (num_positive(p->at[i].own[e]))
            row[n++] = (struct ranked){ &p->at[i], p->at[i].own[e] };
    if (n)
        qsort(row, n, sizeof *row, descending);
    return n;
}

static void put_ranking(struct text_view *v, const struct paths *p, const struct ranking *by, const struct ranked *row, size_t n)
{
    const unsigned columns = 2 + format_columns(format_num(row[0].n).text);
    const struct num total = paths_total(p, by->event);

    text_section(v, "Call paths", "");
    screen_printf(&v->screen, PLAIN, " by %s", by->words);
    screen_printf(&v->screen, DIM, " (%s)", by->certainty);
    text_end(v);
    for (size_t i = 0; i < n && i < v->top; i++) {
        screen_right(&v->screen, PLAIN, columns, format_num(row[i].n).text);
        screen_right(&v->screen, DIM, columns + 8, format_percent(num_share(row[i].n, total)).text);
        screen_put(&v->screen, PLAIN, "  ");
        put_path(v, p, row[i].frame);
        text_end(v);
    }
}

void text_paths(struct text_view *v)
{
    struct paths p = paths_read(v->report->results);
    struct ranked *row = malloc((p.n + 1) * sizeof *row);
    size_t n;

    for (size_t i = 0; row && v->top && i < sizeof rankings / sizeof rankings[0]; i++)
        if ((n = rank(&p, rankings[i].event, row)))
            put_ranking(v, &p, &rankings[i], row, n);
    free(row);
    paths_free(&p);
}
