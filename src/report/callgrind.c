/* SPDX-License-Identifier: MIT
 * callgrind.c - costs by line in the format of callgrind, for callgrind_annotate and KCachegrind
 * (valgrind manual, "Callgrind format specification").
 *
 * Names are compressed: (N) NAME defines, (N) alone repeats, and each name is defined once.  Every line gives every
 * event; the format has no word for unknown, so an unknown number is 0 here and the header says in which columns. */
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

static void put_header(FILE *out, const struct summary *s, const struct num *total)
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
    fputs("\npositions: line\n", out);
    for (int e = 0; e < EVENT_COLUMNS; e++)
        fprintf(out, "event: %s : %s\n", event_info[e].name, event_info[e].title);
    fputs("events:", out);
    for (int e = 0; e < EVENT_COLUMNS; e++)
        fprintf(out, " %s", event_info[e].name);
    fputs("\nsummary:", out);
    put_numbers(out, total);
}

/* ---- body ------------------------------------------------------------------------------------------------------ */

struct writer { FILE *out; struct names object, file, function; };

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

bool report_callgrind(const struct report *r, FILE *out)
{
    struct places lines = places_lines(r->results);
    struct num total[EVENT_COLUMNS];
    struct writer w = { .out = out };
    bool ok = !lines.failed && names_new(&w.object, lines.n + 1) && names_new(&w.file, lines.n + 1) &&
              names_new(&w.function, lines.n + 1);

    for (int e = 0; ok && e < EVENT_COLUMNS; e++)
        total[e] = places_total(&lines, (enum event)e);
    if (ok)
        put_header(out, &r->summary, total);
    for (size_t i = 0; ok && i < lines.n; i++)
        put_place(&w, &lines.at[i], i ? &lines.at[i - 1] : NULL);
    if (ok) {
        fputs("\ntotals:", out);
        put_numbers(out, total);
    }
    names_free(&w.object);
    names_free(&w.file);
    names_free(&w.function);
    places_free(&lines);
    return ok && !fflush(out) && !ferror(out);
}
