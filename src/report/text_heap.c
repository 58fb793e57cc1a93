/* SPDX-License-Identifier: MIT
 * text_heap.c - the allocation sites that cost most, of a run with --heap.  Part of the text view; silent without. */
#include "report/text_internal.h"

#include <string.h>

struct columns { int how, object, file, function, line, bytes, accesses, misses, cycles, touched, used; };

static struct columns find_columns(const struct results_table *t)
{
    return (struct columns){ table_column(t, "$how"), table_column(t, "$object"), table_column(t, "$file"), table_column(t, "$function"),
                             table_column(t, "line"), table_column(t, "peak_bytes"), table_column(t, "accesses"), table_column(t, "l1d_miss"),
                             table_column(t, "walk_cycles"), table_column(t, "pages_touched"), table_column(t, "pages_used") };
}

/* "malloc in parse (input.c:120)" */
static void put_site(struct text_view *v, const struct results_table *t, size_t row, const struct columns *c)
{
    const char *how = table_text(t, row, c->how), *function = table_text(t, row, c->function), *file = table_text(t, row, c->file);
    char text[1024], shown[1024];
    int n = snprintf(text, sizeof text, "%s%s%.400s", how, *how ? " in " : "", *function ? function : format_basename(table_text(t, row, c->object)));

    if (*file)
        snprintf(text + n, sizeof text - (size_t)n, " (%.400s:%llu)", format_basename(file), (unsigned long long)table_num(t, row, c->line).n);
    format_name(shown, sizeof shown, text, v->screen.width > v->screen.column ? v->screen.width - v->screen.column : 0, CUT_END);
    screen_put(&v->screen, PLAIN, shown);
}

static void put_row(struct text_view *v, const struct results_table *t, size_t row, const struct columns *c)
{
    const struct num misses = table_num(t, row, c->misses), touched = table_num(t, row, c->touched);

    screen_right(&v->screen, PLAIN, 13, format_num(table_num(t, row, c->cycles)).text);
    screen_right(&v->screen, DIM, 21, format_percent(num_share(table_num(t, row, c->cycles), v->sum->cycles_walk)).text);
    screen_right(&v->screen, PLAIN, 33, num_positive(touched) ? format_bytes(table_num(t, row, c->bytes)).text : "-");
    screen_right(&v->screen, PLAIN, 42, format_rate(num_share(misses, table_num(t, row, c->accesses))).text);
    screen_right(&v->screen, PLAIN, 52, num_positive(touched) ? format_num(table_num(t, row, c->used)).text : "-");
    screen_right(&v->screen, PLAIN, 63, num_positive(touched) ? format_num(touched).text : "-");
    screen_put(&v->screen, PLAIN, "  ");
    put_site(v, t, row, c);
    text_end(v);
}

/* The table is sorted by walk cycles. */
void text_heap(struct text_view *v)
{
    const struct results_table *t = results_table(v->report->results, "allocations");
    const struct columns c = find_columns(t);
    static const struct { unsigned column; const char *text; } heads[] = {
        { 13, "walk cycles" }, { 21, "share" }, { 33, "peak bytes" }, { 42, "miss rate" }, { 52, "used of" }, { 63, "pages" } };

    if (!v->top || !table_rows(t))
        return;
    text_section(v, "Allocation sites", "");
    screen_put(&v->screen, PLAIN, " by walk cycles");
    screen_put(&v->screen, DIM, " (estimated; accesses sampled; misses modelled; bytes and pages exact)");
    text_end(v);
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++)
        screen_right(&v->screen, DIM, heads[i].column, heads[i].text);
    screen_put(&v->screen, DIM, "  site");
    text_end(v);
    for (size_t i = 0; i < table_rows(t) && i < v->top && num_positive(table_num(t, i, c.cycles)); i++)
        put_row(v, t, i, &c);
}
