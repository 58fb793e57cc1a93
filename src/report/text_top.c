/* SPDX-License-Identifier: MIT
 * text_top.c - who caused it: the first functions, lines and mappings, by walk cycles on the left and by page faults
 * on the right; and the first of each kind for pages copied, zeroed and shootdowns.  Part of the text view. */
#include "report/places.h"
#include "report/text_internal.h"

#include <stdlib.h>
#include <string.h>

/* ---- names ----------------------------------------------------------------------------------------------------- */

struct place_name { char text[1024]; enum cut cut; };

static const char *or_unknown(const char *s) { return *s ? s : "???"; }

static void name_function(const struct place *p, struct place_name *n)
{
    n->cut = CUT_END;
    snprintf(n->text, sizeof n->text, "%s [%s]", or_unknown(p->function), or_unknown(format_basename(p->object)));
}

static void name_line(const struct place *p, struct place_name *n)
{
    n->cut = CUT_START;
    if (*p->file && num_positive(p->line))
        snprintf(n->text, sizeof n->text, "%s:%llu", format_basename(p->file), (unsigned long long)p->line.n);
    else
        snprintf(n->text, sizeof n->text, "%s:?", *p->function ? p->function : or_unknown(format_basename(p->object)));
}

static void name_mapping(const struct place *p, struct place_name *n)
{
    n->cut = CUT_START;
    snprintf(n->text, sizeof n->text, "%s %s", or_unknown(format_basename(p->name)), p->perms);
}

/* ---- one ranking ------------------------------------------------------------------------------------------------ */

struct ranking {
    const char *title;      /* "by walk cycles"                                                                  */
    enum event event, second;
};
static const struct ranking rankings[2] = {
    { "by walk cycles", EV_WALK_CYCLES, EV_FAULTS },
    { "by page faults", EV_FAULTS, EV_WALK_CYCLES },
};

struct kind_of_place {
    const char *title;
    struct places (*get)(const struct results *r);
    void (*name)(const struct place *p, struct place_name *n);
};
static const struct kind_of_place kinds_of_place[] = {
    { "Functions", places_functions, name_function },
    { "Source lines", places_lines, name_line },
    { "Mappings", places_mappings, name_mapping },
};

/* A ranking as it will be printed: the first rows, copied, because the places are sorted again for the other side. */
struct side { const struct ranking *by; struct place *row; size_t rows; struct num total; unsigned number_columns; };

static bool fill(struct side *s, const struct ranking *by, struct places *p, unsigned top, struct num total)
{
    *s = (struct side){ .by = by, .row = malloc((top + 1) * sizeof *s->row), .total = total };
    if (!s->row)
        return false;
    places_rank(p, by->event, by->second);
    for (; s->rows < top && s->rows < p->n && num_positive(p->at[s->rows].event[by->event]); s->rows++)
        s->row[s->rows] = p->at[s->rows];
    s->number_columns = s->rows ? format_columns(format_num(s->row[0].event[by->event]).text) : 0;
    return true;
}

static void put_row(struct text_view *v, const struct side *s, size_t i, const struct kind_of_place *kind, unsigned left, unsigned end)
{
    struct num n = s->row[i].event[s->by->event];
    struct place_name name;
    char shown[1024];

    kind->name(&s->row[i], &name);
    screen_right(&v->screen, PLAIN, left + 2 + s->number_columns, format_num(n).text);
    screen_right(&v->screen, DIM, left + 2 + s->number_columns + 8, format_percent(num_share(n, s->total)).text);
    screen_put(&v->screen, PLAIN, "  ");
    format_name(shown, sizeof shown, name.text, end > v->screen.column ? end - v->screen.column : 0, name.cut);
    screen_put(&v->screen, PLAIN, shown);
}

static void two_rankings(struct text_view *v, const struct kind_of_place *kind, const struct side s[2])
{
    unsigned middle = v->screen.width / 2;
    size_t rows = s[0].rows > s[1].rows ? s[0].rows : s[1].rows;

    text_section(v, kind->title, "");
    for (unsigned k = 0; k < 2; k++) {
        screen_to(&v->screen, k ? middle + 2 : 0);
        screen_printf(&v->screen, k ? BOLD : PLAIN, "%s", k ? kind->title : "");
        screen_printf(&v->screen, PLAIN, " %s", s[k].by->title);
        screen_printf(&v->screen, DIM, " (%s)%s", k ? v->sum->kernel_certainty : "estimated", s[k].rows ? "" : ": none");
    }
    text_end(v);
    for (size_t i = 0; i < rows; i++) {
        if (i < s[0].rows)
            put_row(v, &s[0], i, kind, 0, middle);
        if (i < s[1].rows) {
            screen_to(&v->screen, middle + 2);
            put_row(v, &s[1], i, kind, middle + 2, v->screen.width);
        }
        text_end(v);
    }
}

void text_rankings(struct text_view *v)
{
    for (size_t i = 0; v->top && i < sizeof kinds_of_place / sizeof kinds_of_place[0]; i++) {
        struct places p = kinds_of_place[i].get(v->report->results);
        struct side s[2] = { 0 };
        /* Shares are of the whole run: what execve cost belongs to no function.                                  */
        if (!p.failed && fill(&s[0], &rankings[0], &p, v->top, v->sum->cycles_walk) &&
            fill(&s[1], &rankings[1], &p, v->top, v->sum->faults) && s[0].rows + s[1].rows)
            two_rankings(v, &kinds_of_place[i], s);
        free(s[0].row);
        free(s[1].row);
        places_free(&p);
    }
}

/* ---- the rest ---------------------------------------------------------------------------------------------------- */

/* "memset [libc.so.6] 98.2 %", as long as it is not one of many. */
static void put_first(struct text_view *v, const struct kind_of_place *kind, enum event e, struct num total)
{
    struct places p = kind->get(v->report->results);
    struct place_name name;
    char shown[64];

    places_rank(&p, e, EV_FAULTS);
    if (p.n && num_share(p.at[0].event[e], total) >= 0.05) {
        kind->name(&p.at[0], &name);
        format_name(shown, sizeof shown, name.text, 34, name.cut);
        text_detail(v, "%s %s", shown, format_percent(num_share(p.at[0].event[e], total)).text);
    }
    places_free(&p);
}

void text_others(struct text_view *v)
{
    const struct { enum event event; const char *label; struct num total; } others[] = {
        { EV_COW, "pages copied", v->sum->copied_pages }, { EV_ZEROED, "pages zeroed", v->sum->zeroed_pages },
        { EV_SHOOTDOWNS, "shootdowns", v->sum->shootdown_ipis } };
    bool first = true;

    for (size_t i = 0; v->top && i < sizeof others / sizeof others[0]; i++) {
        if (!num_positive(others[i].total))
            continue;
        if (first) {
            text_section(v, "Pages copied and zeroed, shootdowns", v->sum->kernel_certainty);
            text_end(v);
        }
        first = false;
        text_label(v, others[i].label, "");
        text_number(v, others[i].total);
        for (size_t k = 0; k < sizeof kinds_of_place / sizeof kinds_of_place[0]; k++)
            put_first(v, &kinds_of_place[k], others[i].event, others[i].total);
        text_end(v);
    }
}
