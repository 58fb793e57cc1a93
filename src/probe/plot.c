/* SPDX-License-Identifier: MIT
 * plot.c - see plot.h.  Pages to the right, on a logarithmic scale; cycles upwards. */
#include "probe/plot.h"

#include <string.h>

#define ROWS 12
#define LEFT 8             /* "  44.3 |"                                                                            */
#define COLUMNS_LEAST 40u
#define COLUMNS_MOST 100u
#define LABEL_STEP 2       /* powers of four                                                                        */

/* Exact at powers of two and straight in between: near enough for the eye. */
static double lg2(double x)
{
    double whole = 0;

    for (; x >= 2; x /= 2)
        whole++;
    return whole + x - 1;
}

/* A round number of which four reach at least `top`. */
static double tick_for(double top)
{
    static const double round[] = { 1, 1.25, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10 };
    double unit = 0.1;

    for (;; unit *= 10)
        for (unsigned i = 0; i < sizeof round / sizeof *round; i++)
            if (4 * unit * round[i] >= top)
                return unit * round[i];
}

struct canvas { unsigned columns; double low_lg2, high_lg2, top; double height[COLUMNS_MOST]; };

static double column_lg2(const struct canvas *v, unsigned x) { return v->low_lg2 + (v->high_lg2 - v->low_lg2) * x / (v->columns - 1); }

static unsigned column_of(const struct canvas *v, double pages)
{
    double x = (lg2(pages) - v->low_lg2) / (v->high_lg2 - v->low_lg2) * (v->columns - 1);
    return x < 0 ? 0 : x > v->columns - 1 ? v->columns - 1 : (unsigned)(x + 0.5);
}

/* Between the two points around it. */
static double height_at(const struct curve *c, double at)
{
    unsigned i = 0;

    while (i + 1 < c->n && lg2(c->p[i + 1].pages) < at)
        i++;
    if (i + 1 >= c->n)
        return c->p[c->n - 1].cycles;
    double a = lg2(c->p[i].pages), b = lg2(c->p[i + 1].pages), part = b > a ? (at - a) / (b - a) : 0;
    part = part < 0 ? 0 : part > 1 ? 1 : part;
    return c->p[i].cycles + part * (c->p[i + 1].cycles - c->p[i].cycles);
}

static void lay_out(struct canvas *v, const struct curve *c, const struct plot *p)
{
    unsigned columns = p->columns > LEFT + COLUMNS_LEAST ? p->columns - LEFT : COLUMNS_LEAST;

    v->columns = columns < COLUMNS_MOST ? columns : COLUMNS_MOST;
    v->low_lg2 = lg2(c->p[0].pages);
    v->high_lg2 = lg2(c->p[c->n - 1].pages);
    v->top = 1;
    for (unsigned x = 0; x < v->columns; x++) {
        v->height[x] = height_at(c, column_lg2(v, x));
        v->top = v->height[x] > v->top ? v->height[x] : v->top;
    }
    v->top = 4 * tick_for(v->top);
}

static void put_row(FILE *out, const struct canvas *v, unsigned row, bool utf8)
{
    static const char *const eighth[] = { " ", "\u2581", "\u2582", "\u2583", "\u2584", "\u2585", "\u2586", "\u2587", "\u2588" };
    char line[COLUMNS_MOST * 4 + 1];
    size_t used = 0;

    for (unsigned x = 0; x < v->columns; x++) {
        double full = v->height[x] / v->top * ROWS - row;
        int n = full <= 0 ? 0 : full >= 1 ? 8 : (int)(full * 8 + 0.5);
        const char *cell = utf8 ? eighth[n] : n >= 4 ? "#" : " ";
        memcpy(line + used, cell, strlen(cell));
        used += strlen(cell);
    }
    while (used && line[used - 1] == ' ')
        used--;
    if (row % 3 == 2)
        fprintf(out, "%6.1f %s%.*s\n", v->top * (row + 1) / ROWS, utf8 ? "\u2524" : "|", (int)used, line);
    else
        fprintf(out, "%6s %s%.*s\n", "", utf8 ? "\u2502" : "|", (int)used, line);
}

static void put_axis(FILE *out, const struct canvas *v, bool utf8)
{
    char labels[LEFT + COLUMNS_MOST + 8];
    size_t end = LEFT;

    fprintf(out, "%6.1f %s", 0.0, utf8 ? "\u2514" : "+");
    for (unsigned x = 0; x < v->columns; x++)
        fputs(utf8 ? "\u2500" : "-", out);
    memset(labels, ' ', sizeof labels);
    for (unsigned power = (unsigned)v->low_lg2; power <= v->high_lg2; power += LABEL_STEP) {
        char text[16];
        size_t at, n;
        snprintf(text, sizeof text, power >= 10 ? "%uK" : "%u", 1u << (power >= 10 ? power - 10 : power));
        n = strlen(text);
        at = LEFT + column_of(v, (double)(1u << power));
        at = at + n > LEFT + v->columns ? LEFT + v->columns - n : at;
        memcpy(labels + at, text, n);
        end = at + n;
    }
    fprintf(out, "\n%.*s pages\n", (int)end, labels);
}

/* Side by side when there is room, else one below the other. */
static void put_marks(FILE *out, const struct canvas *v, const struct plot *p)
{
    unsigned used = 0;

    for (unsigned i = 0; i < 2; i++) {
        unsigned at = p->mark[i].pages ? LEFT + column_of(v, p->mark[i].pages) : 0;
        if (!at)
            continue;
        if (used >= at) {
            fputc('\n', out);
            used = 0;
        }
        fprintf(out, "%*s%s %s", (int)(at - used), "", p->utf8 ? "\u2191" : "^", p->mark[i].text);
        used = at + 2 + (unsigned)strlen(p->mark[i].text) + 1;
    }
    if (used)
        fputc('\n', out);
}

void plot_curve(FILE *out, const struct curve *c, const struct plot *p)
{
    struct canvas v;

    if (c->n < 2)
        return;
    lay_out(&v, c, p);
    for (unsigned row = ROWS; row-- > 0;)
        put_row(out, &v, row, p->utf8);
    put_axis(out, &v, p->utf8);
    put_marks(out, &v, p);
}
