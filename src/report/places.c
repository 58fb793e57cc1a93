/* SPDX-License-Identifier: MIT
 * places.c - lines, functions and mappings out of the tables of a results file. */
#include "report/places.h"

#include <stdlib.h>
#include <string.h>

const struct event_info event_info[EVENT_COLUMNS] = {
    [EV_INSTRUCTIONS] = { "instructions", "exact", "Instructions executed" },
    [EV_LOADS] = { "loads", "exact", "Loads" },
    [EV_STORES] = { "stores", "exact", "Stores" },
    [EV_L1I_MISS] = { "l1i_miss", "modelled", "First-level instruction TLB misses" },
    [EV_L1D_MISS] = { "l1d_miss", "modelled", "First-level data TLB misses" },
    [EV_WALKS_I] = { "walks_i", "modelled", "Page walks for instructions" },
    [EV_WALKS_D] = { "walks_d", "modelled", "Page walks for data" },
    [EV_WALK_READS] = { "walk_reads", "modelled", "Page-table entries read" },
    [EV_WALK_CYCLES] = { "walk_cycles", "estimated", "Cycles in page walks (estimated)" },
    [EV_MINOR] = { "minor", "exact", "Minor page faults" },
    [EV_MAJOR] = { "major", "exact", "Major page faults" },
    [EV_COW] = { "cow", "exact", "Pages copied by faults" },
    [EV_ZEROED] = { "zeroed", "exact", "Pages zeroed by faults" },
    [EV_SHOOTDOWNS] = { "shootdowns", "exact", "TLB shootdown interrupts to other CPUs" },
};

/* ---- from a table ---------------------------------------------------------------------------------------------- */

struct columns { int object, file, function, line, name, kind, perms, bytes, event[EVENT_COLUMNS]; };

static struct columns find_columns(const struct results_table *t)
{
    struct columns c = {
        .object = table_column(t, "$object"), .file = table_column(t, "$file"), .function = table_column(t, "$function"),
        .line = table_column(t, "line"), .name = table_column(t, "$name"), .kind = table_column(t, "$kind"),
        .perms = table_column(t, "$perms"), .bytes = table_column(t, "bytes") };

    for (int e = 0; e < EVENT_COLUMNS; e++)
        c.event[e] = table_column(t, event_info[e].name);
    return c;
}

static struct place place_of_row(const struct results_table *t, size_t row, const struct columns *c)
{
    struct place p = {
        .object = table_text(t, row, c->object), .file = table_text(t, row, c->file),
        .function = table_text(t, row, c->function), .line = table_num(t, row, c->line),
        .name = table_text(t, row, c->name), .kind = table_text(t, row, c->kind),
        .perms = table_text(t, row, c->perms), .bytes = table_num(t, row, c->bytes) };

    for (int e = 0; e < EVENT_COLUMNS; e++)
        p.event[e] = table_num(t, row, c->event[e]);
    p.event[EV_FAULTS] = num_add(p.event[EV_MINOR], p.event[EV_MAJOR]);
    return p;
}

static struct places all_rows(const struct results_table *t)
{
    struct places p = { .n = table_rows(t) };
    struct columns c = find_columns(t);

    p.at = malloc((p.n + 1) * sizeof *p.at);
    if (!p.at)
        return (struct places){ .failed = true };
    for (size_t i = 0; i < p.n; i++)
        p.at[i] = place_of_row(t, i, &c);
    return p;
}

void places_free(struct places *p)
{
    free(p->at);
    *p = (struct places){ 0 };
}

/* ---- sums ------------------------------------------------------------------------------------------------------ */

static void add_events(struct place *to, const struct place *from)
{
    for (int e = 0; e < EVENTS; e++)
        to->event[e] = num_add(to->event[e], from->event[e]);
}

/* Neighbours that are the same become one. */
static void fold(struct places *p, int (*differ)(const void *, const void *))
{
    size_t kept = 0;
    struct num most = num_of(0); /* instructions of the row of this group that has most: it gives the file      */

    for (size_t i = 0; i < p->n; i++) {
        struct place from = p->at[i];
        if (kept && !differ(&p->at[kept - 1], &from)) {
            add_events(&p->at[kept - 1], &from);
            if (num_descending(from.event[EV_INSTRUCTIONS], most) >= 0)
                continue;
            p->at[kept - 1].file = from.file;
        } else {
            p->at[kept++] = from;
        }
        most = from.event[EV_INSTRUCTIONS];
    }
    p->n = kept;
}

static int by_line(const void *a, const void *b)
{
    const struct place *x = a, *y = b;
    int d = strcmp(x->object, y->object);

    d = d ? d : strcmp(x->file, y->file);
    d = d ? d : strcmp(x->function, y->function);
    return d ? d : -num_descending(x->line, y->line);
}

static int by_function(const void *a, const void *b)
{
    const struct place *x = a, *y = b;
    int d = strcmp(x->object, y->object);

    return d ? d : strcmp(x->function, y->function);
}

static struct places folded_lines(const struct results *r, int (*order)(const void *, const void *))
{
    struct places p = all_rows(results_table(r, "lines"));

    if (p.n)
        qsort(p.at, p.n, sizeof *p.at, order);
    fold(&p, order);
    return p;
}

struct places places_lines(const struct results *r) { return folded_lines(r, by_line); }

struct places places_functions(const struct results *r)
{
    struct places p = folded_lines(r, by_function);

    for (size_t i = 0; i < p.n; i++)
        p.at[i].line = NUM_UNKNOWN;
    return p;
}

struct places places_mappings(const struct results *r) { return all_rows(results_table(r, "mappings")); }

struct num places_total(const struct places *p, enum event e)
{
    struct num total = num_of(0);

    for (size_t i = 0; i < p->n; i++)
        total = num_add(total, p->at[i].event[e]);
    return total;
}

/* ---- ranking --------------------------------------------------------------------------------------------------- */

struct ranking { enum event first, second; };

static int by_rank(const void *a, const void *b, void *ctx)
{
    const struct ranking *rank = ctx;
    const struct place *x = a, *y = b;
    int d = num_descending(x->event[rank->first], y->event[rank->first]);

    d = d ? d : num_descending(x->event[rank->second], y->event[rank->second]);
    d = d ? d : by_line(x, y);
    d = d ? d : strcmp(x->name, y->name);
    return d ? d : strcmp(x->perms, y->perms);
}

void places_rank(struct places *p, enum event first, enum event second)
{
    if (p->n)
        qsort_r(p->at, p->n, sizeof *p->at, by_rank, &(struct ranking){ first, second });
}
