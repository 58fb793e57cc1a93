/* SPDX-License-Identifier: MIT
 * folded.c - costs by source line as folded stacks, for flamegraph.pl, inferno and their like: a line is
 * OBJECT;FUNCTION;FILE:LINE COUNT.  Without call paths a stack is where code stands, not who called it.
 * Lines that cost nothing, or whose cost is unknown, are not there. */
#include "report/format.h"
#include "report/places.h"
#include "report/report.h"

/* ';' parts frames and a line ends a stack, so neither can be in a name. */
static void put_frame(FILE *out, const char *name)
{
    for (name = *name ? name : "???"; *name; name++)
        fputc(*name == ';' ? ':' : (u8)*name < 0x20 || *name == 0x7f ? '?' : *name, out);
}

bool report_folded(const struct report *r, enum event weight, FILE *out)
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
    return ok && !fflush(out) && !ferror(out);
}
