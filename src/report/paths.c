/* SPDX-License-Identifier: MIT
 * paths.c - call paths out of the tables `path_functions` and `paths` of a results file (docs/formats.md). */
#include "report/paths.h"
#include "report/format.h"

#include <stdlib.h>
#include <string.h>

static void read_functions(struct paths *p, const struct results_table *t)
{
    const int object = table_column(t, "$object"), file = table_column(t, "$file"), function = table_column(t, "$function");

    p->functions = table_rows(t) + 1; /* the first is for rows that name none                                  */
    p->function = calloc(p->functions, sizeof *p->function);
    if (!p->function)
        return;
    p->function[0] = (struct path_function){ "", "", "" };
    for (size_t i = 1; i < p->functions; i++)
        p->function[i] = (struct path_function){ table_text(t, i - 1, object), table_text(t, i - 1, file), table_text(t, i - 1, function) };
}

/* A number that cannot be is the one for none. */
static unsigned below(struct num n, size_t limit) { return n.known && n.n < limit ? (unsigned)n.n : 0; }

static void read_frames(struct paths *p, const struct results_table *t)
{
    const int parent = table_column(t, "parent"), function = table_column(t, "function"), line = table_column(t, "line");
    int event[EVENT_COLUMNS];

    for (int e = 0; e < EVENT_COLUMNS; e++)
        event[e] = table_column(t, event_info[e].name);
    for (size_t i = 0; i < p->n; i++) {
        struct path_frame *f = &p->at[i];
        *f = (struct path_frame){ .parent = below(table_num(t, i, parent), i + 1) - 1u,
                                  .function = below(table_num(t, i, function), p->functions), .line = table_num(t, i, line) };
        for (int e = 0; e < EVENT_COLUMNS; e++)
            f->own[e] = table_num(t, i, event[e]);
        f->own[EV_FAULTS] = num_add(f->own[EV_MINOR], f->own[EV_MAJOR]);
        memcpy(f->all, f->own, sizeof f->all);
    }
}

struct paths paths_read(const struct results *r)
{
    const struct results_table *t = results_table(r, "paths");
    struct paths p = { .n = table_rows(t) };

    if (!p.n)
        return p;
    read_functions(&p, results_table(r, "path_functions"));
    p.at = malloc(p.n * sizeof *p.at);
    if (!p.function || !p.at) {
        paths_free(&p);
        return (struct paths){ .failed = true };
    }
    read_frames(&p, t);
    for (size_t i = p.n; i-- > 0;)
        for (int e = 0; e < EVENTS && p.at[i].parent != PATH_NONE; e++)
            p.at[p.at[i].parent].all[e] = num_add(p.at[p.at[i].parent].all[e], p.at[i].all[e]);
    return p;
}

void paths_free(struct paths *p)
{
    free(p->function);
    free(p->at);
    *p = (struct paths){ 0 };
}

bool paths_know(const struct paths *p, enum event e) { return p->n && p->at[0].own[e].known; }

struct num paths_total(const struct paths *p, enum event e)
{
    struct num total = num_of(0);

    for (size_t i = 0; i < p->n; i++)
        total = num_add(total, p->at[i].own[e]);
    return total;
}

unsigned path_chain(const struct paths *p, unsigned frame, unsigned chain[PATH_FRAMES_MAX])
{
    unsigned n = 0;

    for (; frame != PATH_NONE && n < PATH_FRAMES_MAX; frame = p->at[frame].parent)
        chain[n++] = frame;
    return n;
}

const char *path_function_name(const struct path_function *f)
{
    return *f->function ? f->function : *f->object ? format_basename(f->object) : "???";
}
