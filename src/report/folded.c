/* SPDX-License-Identifier: MIT
 * folded.c - costs by source line as folded stacks, for flamegraph.pl, inferno and their like: a line is
 * OBJECT;FUNCTION;FILE:LINE COUNT.  Without call paths a stack is where code stands, not who called it; with them it is
 * FUNCTION;FUNCTION;... COUNT, the first caller first.
 * Lines that cost nothing, or whose cost is unknown, are not there. */
#include "report/format.h"
#include "report/paths.h"
#include "report/places.h"
#include "report/report.h"

/* ';' parts frames and a line ends a stack, so neither can be in a name. */
static void put_frame(FILE *out, const char *name)
{
    for (name = *name ? name : "???"; *name; name++)
        fputc(*name == ';' ? ':' : (u8)*name < 0x20 || *name == 0x7f ? '?' : *name, out);
}

static void put_callers(FILE *out, const struct paths *p, unsigned frame)
{
    unsigned chain[PATH_FRAMES_MAX], n = path_chain(p, frame, chain);

    while (n) {
        put_frame(out, path_function_name(&p->function[p->at[chain[--n]].function]));
        if (n)
            fputc(';', out);
    }
}

static void put_paths(FILE *out, const struct paths *p, enum event weight)
{
    for (size_t i = 0; i < p->n; i++) {
        if (!num_positive(p->at[i].own[weight]))
            continue;
        put_callers(out, p, (unsigned)i);
        fprintf(out, " %llu\n", (unsigned long long)p->at[i].own[weight].n);
    }
}

static bool put_lines(const struct report *r, enum event weight, FILE *out)
{
    struct places p = places_lines(r->results);
    bool ok = !p.failed;

    for (size_t i = 0; i < p.n; i++) {
        const struct place *at = &p.at[i];
        if (!num_positive(at->event[weight]))
            continue;
        put_frame(out, format_basename(at->object));
        fputc(';', out);
        put_frame(out, at->function);
        if (*at->file && num_positive(at->line)) {
            fputc(';', out);
            put_frame(out, format_basename(at->file));
            fprintf(out, ":%llu", (unsigned long long)at->line.n);
        }
        fprintf(out, " %llu\n", (unsigned long long)at->event[weight].n);
    }
    places_free(&p);
    return ok;
}

bool report_folded(const struct report *r, enum event weight, FILE *out)
{
    struct paths p = paths_read(r->results);
    bool ok = !p.failed;

    if (paths_know(&p, weight))
        put_paths(out, &p, weight);
    else
        ok = ok && put_lines(r, weight, out);
    paths_free(&p);
    return ok && !fflush(out) && !ferror(out);
}
