/* SPDX-License-Identifier: MIT
 * text_processes.c - the other processes of the run, a line each.  Part of the text view. */
#include "report/text_internal.h"

#include <string.h>

static const struct { const char *title; unsigned columns; } columns[] = {
    { "pid", 9 }, { "instructions", 18 }, { "walks", 14 }, { "cycles", 9 }, { "faults", 11 }, { "peak", 12 }, { "exit", 6 },
};

static void put_process(struct text_view *v, const struct report_process *p)
{
    const struct summary *s = &p->summary;
    const char *command = p->arguments && *p->arguments ? p->arguments : p->program ? p->program : "(unknown program)";
    struct words cell[] = { { "" }, format_num(s->instructions), format_num(s->walks),
                            format_percent(num_share(num_add(s->cycles_walk, s->cycles_stlb), s->cycles)),
                            format_num(s->faults), format_pages(s->rss_peak), format_num(summary_status(s)) };
    char name[512];
    unsigned end = 0;

    snprintf(cell[0].text, sizeof cell[0].text, "%llu", (unsigned long long)s->pid.n);
    for (size_t c = 0; c < sizeof columns / sizeof columns[0]; c++)
        screen_right(&v->screen, PLAIN, end += columns[c].columns, cell[c].text);
    screen_put(&v->screen, PLAIN, "  ");
    format_name(name, sizeof name, command, v->screen.width > v->screen.column + 8 ? v->screen.width - v->screen.column : 8, CUT_END);
    screen_put(&v->screen, PLAIN, name);
    text_end(v);
}

void text_processes(struct text_view *v)
{
    const struct report *r = v->report;
    unsigned end = 0;

    if (!r->processes)
        return;
    text_section(v, "Other processes", "");
    screen_printf(&v->screen, DIM, " (translation's share of the cycles is estimated)");
    text_end(v);
    for (size_t c = 0; c < sizeof columns / sizeof columns[0]; c++)
        screen_right(&v->screen, DIM, end += columns[c].columns, columns[c].title);
    screen_put(&v->screen, DIM, "  command");
    text_end(v);
    for (size_t i = 0; i < r->processes; i++)
        put_process(v, &r->process[i]);
}
