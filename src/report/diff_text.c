/* SPDX-License-Identifier: MIT
 * diff_text.c - a comparison as text: the totals, then functions and mappings by the size of their change. */
#include "report/diff_internal.h"
#include "report/format.h"
#include "report/screen.h"

#include <stdlib.h>
#include <string.h>

#define NAME_COLUMNS 24
#define NUMBER_COLUMNS 17
#define PERCENT_COLUMNS 11

struct diff_view { struct screen screen; const struct diff *diff; unsigned top; };

static struct words words_change(struct delta d)
{
    struct words w = format_num((struct num){ d.n, d.known }), to;

    if (!d.known || !d.n)
        return d.known ? (struct words){ "=" } : w;
    snprintf(to.text, sizeof to.text, "%c%.40s", d.less ? '-' : '+', w.text);
    return to;
}

static struct words words_percent(struct num a, struct delta d)
{
    struct words to = { "" };

    if (!d.known || !d.n)
        return to;
    if (!a.n)
        return (struct words){ "new" };
    if (d.less && d.n == a.n)
        return (struct words){ "gone" };
    double percent = 100.0 * (double)d.n / (double)a.n;
    snprintf(to.text, sizeof to.text, percent < 0.05 ? "%c<0.1 %%" : percent < 10000 ? "%c%.1f %%" : "%c%.3g %%", d.less ? '-' : '+', percent);
    return to;
}

/* Fewer is better for every number that is compared. */
static enum style style_of(struct delta d) { return !d.known || !d.n ? DIM : d.less ? GOOD : WARN; }

/* A, B, the change and its percentage; ends at a fixed column. */
static void put_numbers(struct diff_view *v, unsigned from, struct num a, struct num b)
{
    struct delta d = delta_of(a, b);

    screen_right(&v->screen, PLAIN, from + NUMBER_COLUMNS, format_num(a).text);
    screen_right(&v->screen, PLAIN, from + 2 * NUMBER_COLUMNS, format_num(b).text);
    screen_right(&v->screen, style_of(d), from + 3 * NUMBER_COLUMNS, words_change(d).text);
    screen_right(&v->screen, style_of(d), from + 3 * NUMBER_COLUMNS + PERCENT_COLUMNS, words_percent(a, d).text);
}

static void put_heads(struct diff_view *v, unsigned from)
{
    screen_right(&v->screen, DIM, from + NUMBER_COLUMNS, "A");
    screen_right(&v->screen, DIM, from + 2 * NUMBER_COLUMNS, "B");
    screen_right(&v->screen, DIM, from + 3 * NUMBER_COLUMNS, "change");
}

static void side(struct diff_view *v, const char *letter, const struct diff_side *s)
{
    const json_t *program = json_object_get(s->report, "program");
    char line[1024], shown[1024];

    snprintf(line, sizeof line, "%s  %.300s  %.600s", letter, s->file, diff_string(program, "arguments"));
    format_name(shown, sizeof shown, line, v->screen.width, CUT_END);
    screen_put(&v->screen, BOLD, shown);
    screen_end(&v->screen);
}

/* Two profiles, kernels or programs can be compared, but not without knowing it. */
static void note_difference(struct diff_view *v, const char *group, const char *key, const char *what)
{
    const char *a = diff_string(json_object_get(v->diff->a.report, group), key);
    const char *b = diff_string(json_object_get(v->diff->b.report, group), key);
    char line[256], shown[256];

    if (!strcmp(a, b))
        return;
    snprintf(line, sizeof line, "Another %s: A %.80s, B %.80s.", what, *a ? a : "unknown", *b ? b : "unknown");
    format_name(shown, sizeof shown, line, v->screen.width, CUT_END);
    screen_put(&v->screen, WARN, shown);
    screen_end(&v->screen);
}

static void totals(struct diff_view *v)
{
    screen_end(&v->screen);
    screen_put(&v->screen, BOLD, "Totals");
    put_heads(v, NAME_COLUMNS);
    screen_end(&v->screen);
    for (const struct total *t = diff_totals; t->name; t++) {
        screen_printf(&v->screen, PLAIN, "  %s", t->title);
        put_numbers(v, NAME_COLUMNS, diff_number(v->diff->a.report, t->name), diff_number(v->diff->b.report, t->name));
        screen_printf(&v->screen, DIM, "  %s", t->certainty);
        screen_end(&v->screen);
    }
}

/* ---- places ----------------------------------------------------------------------------------------------------------- */

static const struct event_info faults_info = { "faults", "exact", "Page faults" };
static const struct event_info *info_of(enum event e) { return e == EV_FAULTS ? &faults_info : &event_info[e]; }

static size_t count_changed(const struct changes *c, enum event by)
{
    size_t n = 0;

    for (size_t i = 0; i < c->n; i++)
        n += delta_of(c->at[i].a[by], c->at[i].b[by]).n != 0;
    return n;
}

static void place_row(struct diff_view *v, const struct change *c, enum event by, int which)
{
    unsigned end = 3 * NUMBER_COLUMNS + PERCENT_COLUMNS + 2;
    char name[1024], shown[1024];

    put_numbers(v, 0, c->a[by], c->b[by]);
    if (which == CHANGES_FUNCTIONS)
        snprintf(name, sizeof name, "%.600s [%.300s]", *c->name ? c->name : "???", *c->object ? c->object : "???");
    else
        snprintf(name, sizeof name, "%.900s %.20s", *c->name ? format_basename(c->name) : "???", c->perms);
    screen_put(&v->screen, PLAIN, "  ");
    format_name(shown, sizeof shown, name, v->screen.width > end + 20 ? v->screen.width - end : 20, CUT_END);
    screen_put(&v->screen, PLAIN, shown);
    screen_end(&v->screen);
}

static bool places(struct diff_view *v, int which, enum event by)
{
    struct changes c = diff_places(&v->diff->a, &v->diff->b, which);
    size_t changed = count_changed(&c, by);
    bool good = !c.failed;

    changes_rank(&c, by);
    screen_end(&v->screen);
    screen_put(&v->screen, BOLD, which == CHANGES_FUNCTIONS ? "Functions" : "Mappings");
    screen_printf(&v->screen, PLAIN, " by change of %s", info_of(by)->name);
    screen_printf(&v->screen, DIM, " (%s): %zu of %zu changed", info_of(by)->certainty, changed, c.n);
    screen_end(&v->screen);
    if (changed) {
        put_heads(v, 0);
        screen_end(&v->screen);
    }
    for (size_t i = 0; i < changed && i < v->top; i++)
        place_row(v, &c.at[i], by, which);
    changes_free(&c);
    return good;
}

/* ---- conditions ------------------------------------------------------------------------------------------------------- */

static struct words words_real(long double x)
{
    struct words to;

    if (x >= 0 && x < 1e18L && x == (long double)(u64)x)
        return format_num(num_of((u64)x));
    snprintf(to.text, sizeof to.text, x >= 100 || x <= -100 ? "%.1Lf" : "%.4Lg", x);
    return to;
}

static void conditions(struct diff_view *v)
{
    char shown[512];

    if (v->diff->conditions)
        screen_end(&v->screen);
    for (size_t i = 0; i < v->diff->conditions; i++) {
        const struct condition *c = &v->diff->condition[i];
        format_name(shown, sizeof shown, c->text, 200, CUT_END);
        screen_printf(&v->screen, c->holds ? ALARM : GOOD, "%s  %s", c->holds ? "FAIL" : "pass", shown);
        screen_printf(&v->screen, DIM, "  (B %s, limit %s)", words_real(c->b).text, words_real(c->limit).text);
        screen_end(&v->screen);
    }
}

/* ---- the whole ---------------------------------------------------------------------------------------------------------- */

bool diff_text(const struct diff *d, const struct diff_text_options *o, FILE *out)
{
    struct diff_view v = { .screen = { .out = out, .width = o->width < 80 ? 80 : o->width, .colour = o->colour }, .diff = d, .top = o->top };
    enum event by[2] = { o->by < 0 ? EV_WALK_CYCLES : (enum event)o->by, EV_FAULTS };
    bool good = true;

    side(&v, "A", &d->a);
    side(&v, "B", &d->b);
    note_difference(&v, "profile", "name", "CPU profile");
    note_difference(&v, "profile", "kernel", "kernel");
    totals(&v);
    for (int i = 0; v.top && i < (o->by < 0 ? 2 : 1); i++)
        good = places(&v, CHANGES_FUNCTIONS, by[i]) && places(&v, CHANGES_MAPPINGS, by[i]) && good;
    conditions(&v);
    return good;
}
