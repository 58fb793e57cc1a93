/* SPDX-License-Identifier: MIT
 * curve.c - what a latency curve says; see probe.h.  Pure functions of the points.
 *
 *      cycles
 *        |                         ________   walk
 *        |                        /
 *        |             __________/            second-level hit
 *        |            |          ^ high
 *        |____________|         low           first-level hit
 *        +-------------------------------- pages (log) */
#include "probe/probe.h"

#include <stdlib.h>
#include <string.h>

/* ---- points ---------------------------------------------------------------------------------------------------------- */

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

void curve_add(struct curve *c, unsigned pages, double *rounds, unsigned n)
{
    struct point p = { .pages = pages };
    unsigned at = c->n;

    if (!n || c->n == CURVE_MAX)
        return;
    qsort(rounds, n, sizeof *rounds, ascending);
    p.cycles = rounds[n / 4];
    p.spread = (rounds[n - 1 - n / 4] - rounds[n / 4]) / 2;
    while (at && c->p[at - 1].pages > pages)
        at--;
    if (at && c->p[at - 1].pages == pages)
        return;
    memmove(&c->p[at + 1], &c->p[at], (c->n - at) * sizeof *c->p);
    c->p[at] = p;
    c->n++;
}

/* ---- heights --------------------------------------------------------------------------------------------------------- */

struct band { unsigned n; double median; };

/* Of the points from `low` to `high` pages. */
static struct band band(const struct curve *c, double low, double high)
{
    double v[CURVE_MAX];
    struct band b = { 0, 0 };

    for (unsigned i = 0; i < c->n; i++)
        if (c->p[i].pages >= low && c->p[i].pages <= high)
            v[b.n++] = c->p[i].cycles;
    if (b.n) {
        qsort(v, b.n, sizeof *v, ascending);
        b.median = b.n % 2 ? v[b.n / 2] : (v[b.n / 2 - 1] + v[b.n / 2]) / 2;
    }
    return b;
}

/* Half of all points are quieter than this; twice that, and never less than the timer resolves. */
static double noise_of(const struct curve *c)
{
    double v[CURVE_MAX];

    for (unsigned i = 0; i < c->n; i++)
        v[i] = c->p[i].spread;
    qsort(v, c->n, sizeof *v, ascending);
    return c->n ? 0.05 + 2 * v[c->n / 2] : 0;
}

/* A single point that a disturbance lifted does not count: each is seen as the median of three. */
static double smooth(const struct curve *c, unsigned i)
{
    double v[3];

    if (!i || i + 1 == c->n)
        return c->p[i].cycles;
    for (unsigned k = 0; k < 3; k++)
        v[k] = c->p[i - 1 + k].cycles;
    qsort(v, 3, sizeof *v, ascending);
    return v[1];
}

#define STAYS 3 /* points in a row that must be above                                                              */

/* The first point of at least `from` pages from which on the curve is above; c->n: none. */
static unsigned rises(const struct curve *c, double from, double above)
{
    unsigned row = 0;

    for (unsigned i = 0; i < c->n; i++) {
        row = c->p[i].pages >= from && smooth(c, i) >= above ? row + 1 : 0;
        if (row == STAYS)
            return i + 1 - STAYS;
    }
    return c->n;
}

static double most(double a, double b) { return a > b ? a : b; }

/* Plateaus begin where the ramp behind a step is over: with LRU after a few per cent, with other policies later. */
#define L2_PLATEAU_FROM 1.35
#define L2_PLATEAU_TO 3.0
#define WALK_PLATEAU_FROM 2.0
#define WALK_PLATEAU_TO 3.0
#define POINTS_NEEDED 3
/* Even many quiet rounds do not prove a smaller step than these. */
#define L1_STEP_CYCLES 1.0
#define L2_STEP_CYCLES 3.0
#define NOISES 4

void curve_plateaus(const struct curve *c, struct plateaus *out)
{
    struct band hit = band(c, 0, 14), l2, walk;
    double noise = noise_of(c);
    unsigned first, second;

    *out = (struct plateaus){ .noise = noise, .hit = hit.median };
    out->l1_why = out->l2_why = "no step in the times";
    first = hit.n ? rises(c, 8, hit.median + most(L1_STEP_CYCLES, NOISES * noise)) : c->n;
    if (first == c->n)
        return;
    l2 = band(c, L2_PLATEAU_FROM * c->p[first].pages, L2_PLATEAU_TO * c->p[first].pages);
    out->l1_why = "too few tours behind the step";
    if (l2.n < POINTS_NEEDED)
        return;
    out->l1_clear = true;
    out->l2_hit = l2.median;
    second = rises(c, L2_PLATEAU_FROM * c->p[first].pages, l2.median + most(L2_STEP_CYCLES, most(NOISES * noise, 0.4 * (l2.median - hit.median))));
    if (second == c->n)
        return;
    walk = band(c, WALK_PLATEAU_FROM * c->p[second].pages, WALK_PLATEAU_TO * c->p[second].pages);
    out->l2_why = "too few tours behind the step";
    if (walk.n < POINTS_NEEDED || walk.median - l2.median < most(L2_STEP_CYCLES, NOISES * noise))
        return;
    out->l2_clear = true;
    out->walk = walk.median;
}

/* ---- steps ------------------------------------------------------------------------------------------------------------- */

/* Parts of the tour that miss: fewer is none, more is a good part. */
#define MISS_NONE 0.03
#define MISS_SOME 0.25
#define STEP_WIDEST 2.0

struct step curve_step(const struct curve *c, double from, double to, double noise, unsigned at_least)
{
    double none = from + most(MISS_NONE * (to - from), noise), some = from + most(MISS_SOME * (to - from), 2 * noise);
    unsigned high = rises(c, at_least, some), low = 0;
    struct step s = { 0 };

    if (high == c->n)
        return s;
    for (unsigned i = 0; i < high; i++)
        if (c->p[i].cycles <= none && c->p[i].pages > low)
            low = c->p[i].pages;
    s.low = low;
    s.high = c->p[high].pages;
    s.clear = low && s.high <= STEP_WIDEST * low && none < some;
    return s;
}

unsigned step_size(const struct step *s, unsigned hint)
{
    /* The first pages past the reach are few of the tour: with many sets they hide below MISS_NONE. */
    unsigned low = s->low - s->low * 3 / 100, best = s->low;

    if (hint >= low && hint < s->high)
        return hint;
    for (unsigned n = low; n < s->high; n++)
        if ((n & -n) > (best & -best))
            best = n;
    return best;
}
