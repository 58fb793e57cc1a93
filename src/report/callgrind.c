/* SPDX-License-Identifier: MIT
 * callgrind.c - costs by line in the format of callgrind, for callgrind_annotate and KCachegrind
 * (valgrind manual, "Callgrind format specification").
 *
 * Names are compressed: (N) NAME defines, (N) alone repeats, and each name is defined once.  Every line gives every
 * event; the format has no word for unknown, so an unknown number is 0 here and the header says in which columns.
 *
 * With call paths the calls follow: what a callee cost with all it called.  A cost belongs to the innermost call of each
 * function that led to it, so that a function and its calls never have more than there is, whatever the recursion.  How
 * often a call was made is not counted: calls=0. */
#include "report/paths.h"
#include "report/places.h"
#include "report/report.h"

#include <stdlib.h>
#include <string.h>

/* ---- names ----------------------------------------------------------------------------------------------------- */

/* Strings of one kind (ob, fl or fn) and their numbers, 1.. in the order of definition; open addressing. */
struct names { const char **slot; unsigned *number; size_t slots; unsigned defined; };

static bool names_new(struct names *n, size_t most)
{
    *n = (struct names){ .slots = 16 };
    while (n->slots < 2 * most)
        n->slots *= 2;
    n->slot = calloc(n->slots, sizeof *n->slot);
    n->number = calloc(n->slots, sizeof *n->number);
    return n->slot && n->number;
}

static void names_free(struct names *n)
{
    free(n->slot);
    free(n->number);
}

static size_t hash(const char *s)
{
    u64 h = 0xcbf29ce484222325ull;  /* FNV-1a */
    for (; *s; s++)
        h = (h ^ (u8)*s) * 0x100000001b3ull;
    return (size_t)h;
}

/* A line of the file must not be broken by a name. */
static void put_printable(FILE *out, const char *s)
{
    for (; *s; s++)
        fputc((u8)*s < 0x20 || *s == 0x7f ? '?' : *s, out);
}

static void put_name(FILE *out, struct names *n, const char *key, const char *name)
{
    size_t at;

    name = *name ? name : "???";
    for (at = hash(name) & (n->slots - 1); n->slot[at] && strcmp(n->slot[at], name); at = (at + 1) & (n->slots - 1))
        ;
    if (n->slot[at]) {
        fprintf(out, "%s=(%u)\n", key, n->number[at]);
        return;
    }
    n->slot[at] = name;
    n->number[at] = ++n->defined;
    fprintf(out, "%s=(%u) ", key, n->number[at]);
    put_printable(out, name);
    fputc('\n', out);
}

/* ---- header ---------------------------------------------------------------------------------------------------- */

static void put_numbers(FILE *out, const struct num *n)
{
    for (int e = 0; e < EVENT_COLUMNS; e++)
        fprintf(out, " %llu", (unsigned long long)n[e].n);
    fputc('\n', out);
}

static void put_unknown_columns(FILE *out, const struct num *total)
{
    for (int e = 0; e < EVENT_COLUMNS; e++)
        if (!total[e].known)
            fprintf(out, "desc: Unknown: %s is not known for every line; 0 stands for unknown\n", event_info[e].name);
}

static void put_unknown_calls(FILE *out, const struct paths *p)
{
    fputs("desc: Unknown: how often calls were made, and for calls", out);
    for (int e = 0; e < EVENT_COLUMNS; e++)
        if (!paths_know(p, (enum event)e))
            fprintf(out, " %s", event_info[e].name);
    fputs("; 0 stands for unknown\n", out);
}

static void put_header(FILE *out, const struct summary *s, const struct num *total, const struct paths *p)
{
    fputs("# callgrind format\nversion: 1\ncreator: pagewalk", out);
    if (s->tool)
        fputc(' ', out), put_printable(out, s->tool);
    if (s->pid.known)
        fprintf(out, "\npid: %llu", (unsigned long long)s->pid.n);
    fputs("\ncmd: ", out);
    put_printable(out, s->arguments ? s->arguments : s->program ? s->program : "(unknown program)");
    fputs("\npart: 1\n\ndesc: CPU profile: ", out);
    put_printable(out, s->profile ? s->profile : "unknown");
    fputs("\ndesc: Certainty: walk_cycles is estimated, TLB misses and walks are modelled, the rest is exact\n", out);
    put_unknown_columns(out, total);
    if (p->n)
        put_unknown_calls(out, p);
    fputs("\npositions: line\n", out);
    for (int e = 0; e < EVENT_COLUMNS; e++)
        fprintf(out, "event: %s : %s\n", event_info[e].name, event_info[e].title);
    fputs("events:", out);
    for (int e = 0; e < EVENT_COLUMNS; e++)
        fprintf(out, " %s", event_info[e].name);
    fputs("\nsummary:", out);
    put_numbers(out, total);
}

/* ---- calls ----------------------------------------------------------------------------------------------------- */

/* All that one function cost when called from one line of another. */
struct edge { const struct path_function *caller, *callee; u64 line; struct num all[EVENT_COLUMNS]; };

struct writer {
    FILE *out;
    struct names object, file, function;
    const struct paths *paths;
    struct edge *edge;             /* sorted by caller                                                              */
    size_t edges;
};

static int by_function(const struct path_function *x, const struct path_function *y)
{
    int d = strcmp(x->object, y->object);
    return d ? d : strcmp(x->function, y->function);
}

static int by_caller(const void *a, const void *b)
{
    const struct edge *x = a, *y = b;
    int d = by_function(x->caller, y->caller);

    d = d ? d : by_function(x->callee, y->callee);
    return d ? d : (x->line > y->line) - (x->line < y->line);
}

static u64 *cost_of(u64 *cost, size_t frame) { return cost + frame * EVENT_COLUMNS; }

static void add_own(u64 *to, const struct path_frame *f)
{
    for (int e = 0; e < EVENT_COLUMNS; e++)
        to[e] += f->own[e].known ? f->own[e].n : 0;
}

/* What frame i cost, put down to the calls that led to it.  seen: by function, the last frame that met it. */
static void charge_callers(const struct paths *p, size_t i, size_t *seen, u64 *cost)
{
    unsigned child = (unsigned)i, up;

    seen[p->at[i].function] = i + 1;
    for (; (up = p->at[child].parent) != PATH_NONE; child = up) {
        if (seen[p->at[up].function] == i + 1)
            continue;
        seen[p->at[up].function] = i + 1;
        add_own(cost_of(cost, child), &p->at[i]);
    }
}

static void join_edges(struct writer *w)
{
    size_t kept = 0;

    qsort(w->edge, w->edges, sizeof *w->edge, by_caller);
    for (size_t i = 0; i < w->edges; i++)
        if (!kept || by_caller(&w->edge[kept - 1], &w->edge[i]))
            w->edge[kept++] = w->edge[i];
        else
            for (int e = 0; e < EVENT_COLUMNS; e++)
                w->edge[kept - 1].all[e] = num_add(w->edge[kept - 1].all[e], w->edge[i].all[e]);
    w->edges = kept;
}

static bool collect_edges(struct writer *w)
{
    const struct paths *p = w->paths;
    size_t *seen = calloc(p->functions + 1, sizeof *seen);
    u64 *cost = calloc((p->n + 1) * EVENT_COLUMNS, sizeof *cost), any;
    const bool ok = seen && cost;

    for (size_t i = 0; ok && i < p->n; i++)
        charge_callers(p, i, seen, cost);
    for (size_t i = 0; ok && i < p->n; i++) {
        const struct path_frame *f = &p->at[i];
        struct edge *edge = &w->edge[w->edges];
        if (f->parent == PATH_NONE)
            continue;
        *edge = (struct edge){ &p->function[p->at[f->parent].function], &p->function[f->function], f->line.n, { { 0 } } };
        any = 0;
        for (int e = 0; e < EVENT_COLUMNS; e++) {
            edge->all[e] = num_of(cost_of(cost, i)[e]);
            any |= edge->all[e].n;
        }
        w->edges += any != 0;
    }
    free(seen);
    free(cost);
    join_edges(w);
    return ok;
}

/* ---- body ------------------------------------------------------------------------------------------------------ */

static void put_place(struct writer *w, const struct place *p, const struct place *before)
{
    bool object = !before || strcmp(p->object, before->object), file = object || strcmp(p->file, before->file);
    bool function = file || strcmp(p->function, before->function);

    if (function)
        fputc('\n', w->out);
    if (object)
        put_name(w->out, &w->object, "ob", p->object);
    if (file)
        put_name(w->out, &w->file, "fl", p->file);
    if (function)
        put_name(w->out, &w->function, "fn", p->function);
    fprintf(w->out, "%llu", (unsigned long long)p->line.n);
    put_numbers(w->out, p->event);
}

static void put_calls(struct writer *w)
{
    for (size_t i = 0; i < w->edges; i++) {
        const struct edge *e = &w->edge[i];
        if (!i || by_function(e->caller, w->edge[i - 1].caller)) {
            fputc('\n', w->out);
            put_name(w->out, &w->object, "ob", e->caller->object);
            put_name(w->out, &w->file, "fl", e->caller->file);
            put_name(w->out, &w->function, "fn", e->caller->function);
        }
        put_name(w->out, &w->object, "cob", e->callee->object);
        put_name(w->out, &w->file, "cfi", e->callee->file);
        put_name(w->out, &w->function, "cfn", e->callee->function);
        fprintf(w->out, "calls=0 0\n%llu", (unsigned long long)e->line);
        put_numbers(w->out, e->all);
    }
}

static bool writer_new(struct writer *w, FILE *out, const struct places *lines, const struct paths *paths)
{
    const size_t most = lines->n + paths->functions + 1;

    *w = (struct writer){ .out = out, .paths = paths, .edge = malloc((paths->n + 1) * sizeof *w->edge) };
    if (lines->failed || paths->failed || !names_new(&w->object, most) || !names_new(&w->file, most) || !names_new(&w->function, most) || !w->edge)
        return false;
    return collect_edges(w);
}

static void writer_free(struct writer *w)
{
    names_free(&w->object);
    names_free(&w->file);
    names_free(&w->function);
    free(w->edge);
}

bool report_callgrind(const struct report *r, FILE *out)
{
    struct places lines = places_lines(r->results);
    struct paths paths = paths_read(r->results);
    struct num total[EVENT_COLUMNS];
    struct writer w;
    bool ok = writer_new(&w, out, &lines, &paths);

    for (int e = 0; ok && e < EVENT_COLUMNS; e++)
        total[e] = places_total(&lines, (enum event)e);
    if (ok)
        put_header(out, &r->summary, total, &paths);
    for (size_t i = 0; ok && i < lines.n; i++)
        put_place(&w, &lines.at[i], i ? &lines.at[i - 1] : NULL);
    if (ok) {
        put_calls(&w);
        fputs("\ntotals:", out);
        put_numbers(out, total);
    }
    writer_free(&w);
    paths_free(&paths);
    places_free(&lines);
    return ok && !fflush(out) && !ferror(out);
}
