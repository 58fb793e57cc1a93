/* SPDX-License-Identifier: MIT
 * search.c - which tours show what, and in what order; see probe.h.  Called by `pagewalk probe` and by its test.
 *
 *   reach   tours over consecutive pages: sets fill evenly, so the step lies at the number of entries
 *   ways    tours over pages a stride apart (ways.c), which need to know where the steps are */
#include "probe/search.h"

#include <string.h>

void search_progress(const struct search *s, double done)
{
    if (s->plan->progress)
        s->plan->progress(s->plan->progress_ctx, done);
}

/* ---- consecutive pages -------------------------------------------------------------------------------------------------- */

#define GROWTH_PERCENT 9
#define SMALLEST_TOUR 4u

static unsigned next_size(unsigned pages)
{
    unsigned more = pages * GROWTH_PERCENT / 100;
    return pages + (more ? more : 1);
}

static bool consecutive(struct search *s, unsigned pages, double *cycles)
{
    for (unsigned i = 0; i < pages; i++)
        s->vpn[i] = i;
    return s->bench->tour(s->bench->ctx, s->vpn, pages, cycles);
}

/* Rounds go over all sizes in turn, so that a slow second of the machine spoils one round and not one size. */
static bool sweep(struct search *s, const unsigned *size, unsigned sizes, double from, double to)
{
    static double times[CURVE_MAX][ROUNDS_MAX];
    unsigned rounds = s->plan->rounds;

    for (unsigned round = 0; round < rounds; round++)
        for (unsigned i = 0; i < sizes; i++) {
            if (!consecutive(s, size[i], &times[i][round]))
                return false;
            search_progress(s, from + (to - from) * (round * sizes + i) / (rounds * sizes));
        }
    for (unsigned i = 0; i < sizes; i++)
        curve_add(&s->r->curve, size[i], times[i], rounds);
    return true;
}

static bool coarse_sweep(struct search *s)
{
    unsigned size[CURVE_MAX], n = 0;

    for (unsigned pages = SMALLEST_TOUR; pages <= TOUR_MAX && n < CURVE_MAX; pages = next_size(pages))
        size[n++] = pages;
    return sweep(s, size, n, 0, 0.6);
}

#define FINER_POINTS 24u

/* More sizes inside a step: all of them, or evenly spread. */
static bool fine_sweep(struct search *s, const struct step *step, double from, double to)
{
    unsigned low = step->low, width = step->high - low, size[FINER_POINTS], n = 0;

    if (!step->clear || width < 2)
        return true;
    for (unsigned i = 1; i < (width < FINER_POINTS ? width : FINER_POINTS); i++)
        size[n++] = low + (width < FINER_POINTS ? i : i * width / FINER_POINTS);
    return sweep(s, size, n, from, to);
}

static struct step l1_step(const struct search *s)
{
    const struct plateaus *h = &s->r->height;
    return curve_step(&s->r->curve, h->hit, h->l2_hit, h->noise, 8);
}

static struct step l2_step(const struct search *s)
{
    const struct plateaus *h = &s->r->height;
    return curve_step(&s->r->curve, h->l2_hit, h->walk, h->noise, s->r->l1.step.high * 5 / 4);
}

static void conclude_reach(struct level_found *l, bool plateau_clear, const char *why, struct step step, unsigned hint)
{
    l->step = step;
    l->reach_clear = plateau_clear && step.clear;
    l->why = plateau_clear ? step.clear ? NULL : "the step is too wide" : why;
    if (l->reach_clear)
        l->entries = step_size(&step, hint);
}

static bool find_reaches(struct search *s)
{
    struct probe_result *r = s->r;
    struct step none = { 0 };

    if (!coarse_sweep(s))
        return false;
    curve_plateaus(&r->curve, &r->height);
    if (r->height.l1_clear) {
        r->l1.step = l1_step(s);
        if (!fine_sweep(s, &r->l1.step, 0.6, 0.65))
            return false;
    }
    if (r->height.l2_clear) {
        struct step coarse = l2_step(s);
        if (!fine_sweep(s, &coarse, 0.65, 0.75))
            return false;
    }
    conclude_reach(&r->l1, r->height.l1_clear, r->height.l1_why, r->height.l1_clear ? l1_step(s) : none, s->plan->hint.l1_entries);
    conclude_reach(&r->l2, r->height.l2_clear, r->height.l2_why, r->height.l2_clear && r->l1.reach_clear ? l2_step(s) : none,
                   s->plan->hint.l2_entries);
    return true;
}

/* ---- the whole ------------------------------------------------------------------------------------------------------------------ */

bool probe_run(const struct bench *b, const struct probe_plan *plan, struct probe_result *out)
{
    static struct search s; /* too big for a stack                                                                  */
    struct plateaus *h = &out->height;

    memset(out, 0, sizeof *out);
    s = (struct search){ .bench = b, .plan = plan, .r = out };
    if (!find_reaches(&s) || !search_ways(&s, &out->l1, 0, h->hit, h->l2_hit, plan->hint.l1_entries, 0.75, 0.8) ||
        !search_ways(&s, &out->l2, out->l1.entries * 3 / 2, h->l2_hit, h->walk, plan->hint.l2_entries, 0.8, 1))
        return false;
    search_progress(&s, 1);
    return true;
}
