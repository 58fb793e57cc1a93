/* SPDX-License-Identifier: MIT
 * startup.c - the main program's functions in the order in which they ran first, as linkers take it: laid out in that order,
 * start-up touches neighbouring pages.
 *   report_symbol_order()   ld.lld --symbol-ordering-file: symbols, a line each
 *   report_section_order()  ld.gold --section-ordering-file: the sections of -ffunction-sections, .text.SYMBOL
 * gold knows no comments; lld skips lines that begin with #. */
#include "report/startup.h"

#include "report/report.h"

#include <string.h>

void startup_begin(struct startup *s, const struct results *r)
{
    const struct results_table *t = results_table(r, "startup");

    *s = (struct startup){ .t = t, .program = results_text(r, "startup.object"), .object = table_column(t, "$object"), .symbol = table_column(t, "$symbol"),
                           .instructions = table_column(t, "instructions"), .pages = table_column(t, "pages"), .faults = table_column(t, "faults"),
                           .mapped_pages = table_column(t, "mapped_pages"), .wasted_pages = table_column(t, "wasted_pages"), .bytes = table_column(t, "bytes") };
}

bool startup_next(struct startup *s, struct startup_function *f)
{
    for (; s->row < table_rows(s->t); s->row++) {
        const char *object = table_text(s->t, s->row, s->object);
        if (!s->program || strcmp(object, s->program))
            continue;
        *f = (struct startup_function){ table_text(s->t, s->row, s->symbol), table_num(s->t, s->row, s->instructions), table_num(s->t, s->row, s->pages),
                                        table_num(s->t, s->row, s->faults), table_num(s->t, s->row, s->mapped_pages),
                                        table_num(s->t, s->row, s->wasted_pages), table_num(s->t, s->row, s->bytes) };
        s->row++;
        return true;
    }
    return false;
}

static void find_code(const struct results *r, const char *object, struct startup_code *c)
{
    const struct results_table *t = results_table(r, "code");
    int name = table_column(t, "$object"), mapped = table_column(t, "mapped_pages"), used = table_column(t, "used_pages");

    for (size_t i = 0; object && i < table_rows(t); i++)
        if (!strcmp(table_text(t, i, name), object)) {
            c->mapped_pages = num_add(c->mapped_pages.known ? c->mapped_pages : num_of(0), table_num(t, i, mapped));
            c->used_pages = num_add(c->used_pages.known ? c->used_pages : num_of(0), table_num(t, i, used));
        }
}

struct startup_code startup_code(const struct results *r)
{
    struct startup_code c = { .functions = 0 };
    struct startup_function f;
    struct startup s;
    u64 bytes = 0, pages = 0;

    startup_begin(&s, r);
    find_code(r, s.program, &c);
    while (startup_next(&s, &f)) {
        c.functions++;
        bytes += f.bytes.n;
        pages += f.pages.n;
    }
    /* Of a stripped program most functions have no names: then nobody knows.                                    */
    c.needed_pages = c.functions && c.used_pages.known && 10 * pages >= 9 * c.used_pages.n ? num_of((bytes + PAGE_BYTES - 1) / PAGE_BYTES) : NUM_UNKNOWN;
    return c;
}

/* Names of symbols hold neither blanks nor control characters; what does is no symbol (or no longer one). */
static bool is_symbol(const char *s)
{
    for (const char *c = s; *c; c++)
        if ((u8)*c <= ' ' || *c == 0x7f || *c == '#')
            return false;
    return *s && strcmp(s, "???") != 0;
}

static void number(FILE *out, const char *before, struct num n, const char *after)
{
    if (n.known)
        fprintf(out, "%s%llu%s", before, (unsigned long long)n.n, after);
    else
        fprintf(out, "%sunknown%s", before, after);
}

static void remark(FILE *out, const struct startup_function *f)
{
    number(out, "# at instruction ", f->instructions, ": ");
    number(out, "new pages ", f->pages, ", ");
    number(out, "faults ", f->faults, ", ");
    number(out, "pages mapped by them ", f->mapped_pages, ", ");
    number(out, "of those never used ", f->wasted_pages, "\n");
}

bool report_symbol_order(const struct report *r, FILE *out)
{
    struct startup_code c = startup_code(r->results);
    struct startup_function f;
    struct startup s;

    fputs("# Functions in the order in which they ran first; for ld.lld --symbol-ordering-file (compile with -ffunction-sections).\n", out);
    number(out, "# Code pages mapped: ", c.mapped_pages, ", ");
    number(out, "used: ", c.used_pages, ", ");
    number(out, "needed if laid out in this order, about: ", c.needed_pages, "\n");
    startup_begin(&s, r->results);
    while (startup_next(&s, &f)) {
        if (!is_symbol(f.symbol))
            continue;
        if (f.pages.n || f.faults.n)
            remark(out, &f);
        fprintf(out, "%s\n", f.symbol);
    }
    return !fflush(out) && !ferror(out);
}

bool report_section_order(const struct report *r, FILE *out)
{
    struct startup_function f;
    struct startup s;

    startup_begin(&s, r->results);
    while (startup_next(&s, &f))
        if (is_symbol(f.symbol))
            fprintf(out, ".text.%s\n", f.symbol);
    return !fflush(out) && !ferror(out);
}
