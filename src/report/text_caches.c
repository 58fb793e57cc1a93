/* SPDX-License-Identifier: MIT
 * text_caches.c - first-level caches (`run --l1`).  Part of the text view; nothing without --l1. */
#include "report/text_internal.h"

struct cache_row { const char *name, *accesses, *missed, *more, *more_missed; }; /* more: counted with them; NULL: nothing   */

static struct num both(const struct results *r, const char *a, const char *b)
{
    return b ? num_add(results_count(r, a), results_count(r, b)) : results_count(r, a);
}

static void cache_row(struct text_view *v, const struct cache_row *row)
{
    const struct results *r = v->report->results;
    struct num accesses = both(r, row->accesses, row->more), missed = both(r, row->missed, row->more_missed);
    double per_1000 = num_share(missed, v->sum->instructions);
    unsigned column = v->field + 15;

    text_label(v, row->name, "");
    text_number(v, accesses);
    screen_right(&v->screen, PLAIN, column, format_num(missed).text);
    screen_right(&v->screen, PLAIN, column += 10, format_rate(num_share(missed, accesses)).text);
    screen_right(&v->screen, PLAIN, column += 10, format_ratio(per_1000 < 0 ? -1 : per_1000 * 1000).text);
    text_end(v);
}

static void lines_row(struct text_view *v)
{
    const struct results *r = v->report->results;
    struct num moved = num_add(results_count(r, "l1.i.moved"), results_count(r, "l1.d.moved"));
    struct num synonyms = num_add(results_count(r, "l1.i.synonyms"), results_count(r, "l1.d.synonyms"));
    struct num homonyms = num_add(results_count(r, "l1.i.homonyms"), results_count(r, "l1.d.homonyms"));

    text_label(v, "lines brought in", "");
    text_number(v, both(r, "l1.i.lines_missed", "l1.d.lines_missed"));
    text_detail(v, "written back %s", format_num(results_count(r, "l1.d.written_back")).text);
    if (num_positive(moved))
        text_detail(v, "from another of their sets %s", format_num(moved).text);
    if (num_positive(synonyms))
        text_detail(v, "with a copy under another address %s", format_num(synonyms).text);
    if (num_positive(homonyms))
        text_detail(v, "hits of another page's line %s", format_num(homonyms).text);
    text_end(v);
}

void text_caches(struct text_view *v)
{
    static const struct cache_row rows[] = {
        { "instruction", "l1.i.fetches", "l1.i.fetches_missed", NULL, NULL },
        { "data", "l1.d.loads", "l1.d.loads_missed", "l1.d.stores", "l1.d.stores_missed" },
        { "  loads", "l1.d.loads", "l1.d.loads_missed", NULL, NULL },
        { "  stores", "l1.d.stores", "l1.d.stores_missed", NULL, NULL },
    };
    unsigned column = v->field + 15;

    if (!results_count(v->report->results, "l1.i.fetches").known)
        return;
    text_section(v, "L1 caches", "modelled");
    screen_right(&v->screen, DIM, v->field, "accesses");
    screen_right(&v->screen, DIM, column, "missed");
    screen_right(&v->screen, DIM, column += 10, "rate");
    screen_right(&v->screen, DIM, column += 10, "MPKI");
    text_end(v);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        cache_row(v, &rows[i]);
    lines_row(v);
}
