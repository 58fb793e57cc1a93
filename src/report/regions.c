/* SPDX-License-Identifier: MIT
 * regions.c - picks the regions worth a huge page.  Called by text_regions.c. */
#include "report/regions.h"

#include <stdlib.h>

static int by_cycles(const void *a, const void *b)
{
    const struct region *x = a, *y = b;
    int d = num_descending(x->walk_cycles, y->walk_cycles);

    return d ? d : -num_descending(x->start, y->start);
}

struct regions regions_worth_huge(const struct results *r)
{
    const struct results_table *t = results_table(r, "regions");
    int whole = table_column(t, "whole"), large = table_column(t, "large"), start = table_column(t, "start"), misses = table_column(t, "misses"),
        touched = table_column(t, "touched_pages"), cycles = table_column(t, "walk_cycles"), mapping = table_column(t, "$mapping"), kind = table_column(t, "$kind");
    struct regions g = { .at = malloc((table_rows(t) + 1) * sizeof *g.at) };

    for (size_t i = 0; g.at && i < table_rows(t); i++)
        if (num_positive(table_num(t, i, whole)) && !num_positive(table_num(t, i, large)) && num_positive(table_num(t, i, cycles)))
            g.at[g.n++] = (struct region){ table_num(t, i, start), table_num(t, i, touched), table_num(t, i, misses), table_num(t, i, cycles),
                                           table_text(t, i, mapping), table_text(t, i, kind) };
    if (g.n)
        qsort(g.at, g.n, sizeof *g.at, by_cycles);
    return g;
}
