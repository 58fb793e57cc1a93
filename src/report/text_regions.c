/* SPDX-License-Identifier: MIT
 * text_regions.c - the regions of 2 MiB that would be worth a huge page: private anonymous memory of one mapping, not on
 * large pages yet, by what walks for it have cost.  Part of the text view; silent when that is next to nothing. */
#include "report/regions.h"
#include "report/text_internal.h"

#include <stdlib.h>

/* Below this share of the run's cycles nobody would care. */
#define SHARE_LEAST 0.005

static void put_row(struct text_view *v, const struct region *r, unsigned number_columns)
{
    char name[1024];

    screen_right(&v->screen, PLAIN, 2 + number_columns, format_num(r->walk_cycles).text);
    screen_right(&v->screen, DIM, 2 + number_columns + 8, format_percent(num_share(r->walk_cycles, v->sum->cycles_walk)).text);
    screen_right(&v->screen, PLAIN, 2 + number_columns + 21, format_num(r->touched_pages).text);
    screen_put(&v->screen, DIM, " of 512 pages");
    screen_printf(&v->screen, PLAIN, "  0x%llx  ", (unsigned long long)r->start.n);
    format_name(name, sizeof name, format_basename(r->mapping), v->screen.width > v->screen.column ? v->screen.width - v->screen.column : 0, CUT_START);
    screen_put(&v->screen, PLAIN, name);
    text_end(v);
}

void text_regions(struct text_view *v)
{
    struct regions g = regions_worth_huge(v->report->results);
    struct num cycles = num_of(0), untouched = num_of(0);

    for (size_t i = 0; i < g.n; i++) {
        cycles = num_add(cycles, g.at[i].walk_cycles);
        untouched = num_add(untouched, num_sub(num_of(512), g.at[i].touched_pages));
    }
    if (v->top && g.n && num_share(cycles, v->sum->cycles) >= SHARE_LEAST) {
        unsigned columns = format_columns(format_num(g.at[0].walk_cycles).text);
        text_section(v, "Regions worth a huge page", "");
        screen_put(&v->screen, PLAIN, " by walk cycles");
        screen_put(&v->screen, DIM, " (estimated)");
        text_end(v);
        for (size_t i = 0; i < g.n && i < v->top; i++)
            put_row(v, &g.at[i], columns);
        screen_printf(&v->screen, PLAIN, "  %s region%s of 2 MiB, %s of the walk cycles; up to %s more memory if all were huge", format_num(num_of(g.n)).text,
                      g.n == 1 ? "" : "s", format_percent(num_share(cycles, v->sum->cycles_walk)).text, format_pages(untouched).text);
        text_end(v);
    }
    free(g.at);
}
