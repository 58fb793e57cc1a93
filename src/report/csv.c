/* SPDX-License-Identifier: MIT
 * csv.c - functions, source lines and mappings as one table for spreadsheets and data tools (RFC 4180: CR LF, quotes
 * doubled).  The first column says what a row is; what is unknown or does not apply to that kind is empty. */
#include "report/places.h"
#include "report/report.h"

#include <string.h>

static void put_text(FILE *out, const char *s)
{
    if (!strpbrk(s, ",\"\r\n")) {
        fputs(s, out);
        return;
    }
    fputc('"', out);
    for (; *s; s++)
        fputs((char[3]){ *s, *s == '"' ? '"' : 0, 0 }, out);
    fputc('"', out);
}

static void put_num(FILE *out, struct num n)
{
    if (n.known)
        fprintf(out, ",%llu", (unsigned long long)n.n);
    else
        fputc(',', out);
}

static void put_row(FILE *out, const char *kind, const struct place *p)
{
    const char *const text[] = { p->object, p->file, p->function }, *const mapping[] = { p->name, p->kind, p->perms };

    fputs(kind, out);
    for (int i = 0; i < 3; i++)
        fputc(',', out), put_text(out, text[i]);
    put_num(out, p->line);
    for (int i = 0; i < 3; i++)
        fputc(',', out), put_text(out, mapping[i]);
    put_num(out, p->bytes);
    for (int e = 0; e < EVENT_COLUMNS; e++)
        put_num(out, p->event[e]);
    fputs("\r\n", out);
}

bool report_csv(const struct report *r, FILE *out)
{
    static const struct { const char *kind; struct places (*get)(const struct results *r); } kinds[] = {
        { "function", places_functions }, { "line", places_lines }, { "mapping", places_mappings } };
    bool ok = true;

    fputs("kind,object,file,function,line,mapping,mapping_kind,perms,bytes", out);
    for (int e = 0; e < EVENT_COLUMNS; e++)
        fprintf(out, ",%s", event_info[e].name);
    fputs("\r\n", out);
    for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++) {
        struct places p = kinds[k].get(r->results);
        places_rank(&p, EV_WALK_CYCLES, EV_FAULTS);
        for (size_t i = 0; i < p.n; i++)
            put_row(out, kinds[k].kind, &p.at[i]);
        ok = ok && !p.failed;
        places_free(&p);
    }
    return ok && !fflush(out) && !ferror(out);
}
