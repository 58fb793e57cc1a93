/* SPDX-License-Identifier: MIT
 * csv.c - functions, source lines, mappings and call paths as one table for spreadsheets and data tools (RFC 4180: CR LF, quotes
 * doubled).  The first column says what a row is; what is unknown or does not apply to that kind is empty. */
#include "report/csv.h"
#include "report/paths.h"
#include "report/report.h"

#include <stdlib.h>
#include <string.h>

void csv_put_text(FILE *out, const char *s)
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

static void begin_row(FILE *out, const char *kind, const struct place *p)
{
    const char *const text[] = { p->object, p->file, p->function }, *const mapping[] = { p->name, p->kind, p->perms };

    fputs(kind, out);
    for (int i = 0; i < 3; i++)
        fputc(',', out), csv_put_text(out, text[i]);
    put_num(out, p->line);
    for (int i = 0; i < 3; i++)
        fputc(',', out), csv_put_text(out, mapping[i]);
    put_num(out, p->bytes);
    for (int e = 0; e < EVENT_COLUMNS; e++)
        put_num(out, p->event[e]);
    fputc(',', out);
}

static void put_path(FILE *out, const struct paths *p, unsigned frame)
{
    const struct path_function *f = &p->function[p->at[frame].function];
    struct place at = { .object = f->object, .file = f->file, .function = f->function, .line = p->at[frame].line, .name = "", .kind = "", .perms = "" };
    unsigned chain[PATH_FRAMES_MAX], n = path_chain(p, frame, chain);
    char *text = NULL;
    size_t len;
    FILE *path = open_memstream(&text, &len);

    memcpy(at.event, p->at[frame].own, sizeof at.event);
    begin_row(out, "path", &at);
    while (path && n)
        fputs(path_function_name(&p->function[p->at[chain[--n]].function]), path), fputs(n ? ";" : "", path);
    if (path && !fclose(path))
        csv_put_text(out, text);
    free(text);
    fputs("\r\n", out);
}

static bool put_paths(const struct results *r, FILE *out)
{
    struct paths p = paths_read(r);
    bool ok = !p.failed;

    for (size_t i = 0; i < p.n; i++)
        put_path(out, &p, (unsigned)i);
    paths_free(&p);
    return ok;
}

bool report_csv(const struct report *r, FILE *out)
{
    static const struct { const char *kind; struct places (*get)(const struct results *r); } kinds[] = {
        { "function", places_functions }, { "line", places_lines }, { "mapping", places_mappings } };
    bool ok = true;

    fputs("kind,object,file,function,line,mapping,mapping_kind,perms,bytes", out);
    for (int e = 0; e < EVENT_COLUMNS; e++)
        fprintf(out, ",%s", event_info[e].name);
    fputs(",path\r\n", out);
    for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++) {
        struct places p = kinds[k].get(r->results);
        places_rank(&p, EV_WALK_CYCLES, EV_FAULTS);
        for (size_t i = 0; i < p.n; i++)
            begin_row(out, kinds[k].kind, &p.at[i]), fputs("\r\n", out);
        ok = ok && !p.failed;
        places_free(&p);
    }
    ok = put_paths(r->results, out) && ok;
    return ok && !fflush(out) && !ferror(out);
}
