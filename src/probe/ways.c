/* SPDX-License-Identifier: MIT
 * ways.c - how many ways a TLB has and how it chooses the set; see search.h.
 *
 * Pages a stride apart fall into few sets: the fewer, the sooner they miss.  With a linear index a stride of 2^k or more
 * uses one set when there are 2^k; with a XOR of two parts of the number, a stride of 2^k + 1 does.  The smallest tour
 * that misses is one page more than a set has ways.  For the second level, as many sets at once as it takes to turn over
 * the first. */
#include "probe/search.h"

/* ---- combs -------------------------------------------------------------------------------------------------------------- */

#define STRIDE_LG2_MAX 12
#define DEPTH_MAX 320u         /* pages of one set                                                                  */

/* A comb: page numbers (i * stride) ^ j, i below the depth, j below the rows.  With the stride that meets one set, row j
 * meets a set of its own, `depth` pages deep.  Spread rows are 2^k / rows apart instead of 1. */
struct comb {
    unsigned lg2;              /* the stride is 2^lg2 ...                                                           */
    bool skewed, spread;       /* ... plus one; rows far apart                                                      */
};

struct level {                 /* what combs are to measure                                                         */
    struct level_found *found;
    unsigned least;            /* pages of a tour, at the least: enough to turn over the level in front             */
    double from, to;           /* cycles of a page that hits, of one that misses                                    */
    unsigned hint, limit;      /* entries expected; deepest comb to try                                             */
};

/* As many rows as turn over the level in front, and as few as fit below the stride. */
static unsigned rows_for(const struct level *l, unsigned lg2, unsigned depth)
{
    unsigned rows = 1;
    while (rows * depth < l->least && rows < 1u << lg2)
        rows *= 2;
    return rows;
}

/* The part of the pages that misses; 0 when the level in front answers. */
static bool comb_misses(struct search *s, const struct level *l, const struct comb *c, unsigned depth, double *missing)
{
    unsigned rows = rows_for(l, c->lg2, depth), pages = rows * depth, rounds = s->plan->rounds < 5 ? s->plan->rounds : 5;
    u64 stride = ((u64)1 << c->lg2) + c->skewed, apart = c->spread ? ((u64)1 << c->lg2) / rows : 1;
    double times[ROUNDS_MAX];
    struct curve one = { 0 };

    *missing = 0;
    if (pages < l->least)
        return true;
    for (unsigned i = 0; i < pages; i++)
        s->vpn[i] = (i / rows * stride) ^ (i % rows * apart);
    for (unsigned round = 0; round < rounds; round++)
        if (!s->bench->tour(s->bench->ctx, s->vpn, pages, &times[round]))
            return false;
    curve_add(&one, pages, times, rounds);
    *missing = (one.p[0].cycles - l->from) / (l->to - l->from);
    return true;
}

#define COMB_MISSES 0.15       /* one page too many in each set: with LRU all miss, with other policies a good part */

/* How deep the comb can be before it misses; the limit: no tour up to there missed. */
static bool comb_depth(struct search *s, const struct level *l, struct comb c, unsigned *depth)
{
    unsigned good = 1, bad = 0;
    double missing;

    for (unsigned n = 2; n <= l->limit && !bad; n = n < 8 ? n + 1 : n * 5 / 4) {
        if (!comb_misses(s, l, &c, n, &missing))
            return false;
        *(missing < COMB_MISSES ? &good : &bad) = n;
    }
    while (bad && bad - good > 1) {
        unsigned middle = (good + bad) / 2;
        if (!comb_misses(s, l, &c, middle, &missing))
            return false;
        *(missing < COMB_MISSES ? &good : &bad) = middle;
    }
    *depth = bad ? good : l->limit;
    return true;
}

/* ---- ways -------------------------------------------------------------------------------------------------------------------- */

struct depths { unsigned straight[STRIDE_LG2_MAX + 1], skewed[STRIDE_LG2_MAX + 1]; }; /* strides 2^k, 2^k + 1            */

static bool near_enough(unsigned a, unsigned b) { return a * 10 >= b * 9 && b * 10 >= a * 9; }

#define WAYS_LEAST 2 /* fewer is a comb that never hit: a disturbance, not a set                                    */

/* As many entries as the tours over consecutive pages leave room for; a wrong power of two is far outside. */
static bool fits(const struct level_found *l, u64 entries)
{
    return entries * 5 >= (u64)l->step.low * 4 && entries * 5 <= (u64)l->step.high * 6;
}

/* With policies other than LRU one page too many hardly shows, so a depth may be a little high: the roundest near it. */
static void conclude_ways(struct level_found *l, unsigned depth, unsigned sets, bool hashed, unsigned hint)
{
    struct step s = { true, (depth * 9 + 9) / 10, depth + depth / 16 + 1 };

    l->ways_clear = true;
    l->ways = s.low;
    for (unsigned n = s.low; n < s.high; n++)
        if ((n & -n) > (l->ways & -l->ways))
            l->ways = n;
    if (hint % sets == 0 && hint / sets >= s.low && hint / sets < s.high)
        l->ways = hint / sets;
    l->sets = sets;
    l->hashed = hashed;
    l->entries = l->ways * sets;
}

/* The depth halves with each doubling of the stride until it is the ways, and stays: that is where sets end.  A XOR may
 * look the same, since a comb's rows can meet each other's sets. */
static bool halving_ends(const struct depths *d, const struct level_found *l, unsigned *lg2)
{
    for (unsigned k = 1; k < STRIDE_LG2_MAX; k++) {
        unsigned ways = d->straight[k], before = d->straight[k - 1];
        bool halves = before * 5 >= ways * 8 && (before * 5 <= ways * 12 || before >= DEPTH_MAX);
        bool stays = d->straight[k + 1] * 10 >= ways * 7;
        *lg2 = k;
        if (ways >= WAYS_LEAST && halves && stays && fits(l, (u64)ways << k))
            return true;
    }
    return false;
}

/* With a XOR of two parts of k bits, a stride of 2^k + 1 meets one set. */
static bool skewed_meets_one(const struct depths *d, const struct level_found *l, unsigned *lg2)
{
    for (*lg2 = 2; *lg2 <= STRIDE_LG2_MAX; ++*lg2)
        if (d->skewed[*lg2] >= WAYS_LEAST && d->skewed[*lg2] < DEPTH_MAX && fits(l, (u64)d->skewed[*lg2] << *lg2))
            return true;
    return false;
}

/* One set: no stride makes a difference. */
static bool one_set(const struct depths *d, const struct level_found *l)
{
    for (unsigned k = 0; k <= STRIDE_LG2_MAX / 2; k++)
        if (!near_enough(d->straight[k], l->entries) || !near_enough(d->skewed[k], l->entries))
            return false;
    return true;
}

/* 2^lg2 sets, linear or hashed?  With rows spread over all sets, the wrong stride finds room in others' sets. */
static bool decide_index(struct search *s, const struct level *l, unsigned lg2)
{
    unsigned straight, skewed;

    if (!comb_depth(s, l, (struct comb){ lg2, false, true }, &straight) || !comb_depth(s, l, (struct comb){ lg2, true, true }, &skewed))
        return false;
    if (straight < WAYS_LEAST || skewed < WAYS_LEAST)
        return true;
    if (fits(l->found, (u64)straight << lg2) && skewed >= 2 * straight)
        conclude_ways(l->found, straight, 1u << lg2, false, l->hint);
    else if (fits(l->found, (u64)skewed << lg2) && straight >= 2 * skewed)
        conclude_ways(l->found, skewed, 1u << lg2, true, l->hint);
    return true;
}

static bool find_ways(struct search *s, const struct level *l, double from, double to)
{
    struct depths d;
    unsigned lg2;

    for (unsigned k = 0; k <= STRIDE_LG2_MAX; k++) {
        if (!comb_depth(s, l, (struct comb){ k, false, false }, &d.straight[k]) ||
            !comb_depth(s, l, (struct comb){ k, true, false }, &d.skewed[k]))
            return false;
        search_progress(s, from + (to - from) * k / STRIDE_LG2_MAX);
    }
    l->found->why = "no stride shows the sets";
    if (one_set(&d, l->found))
        conclude_ways(l->found, l->found->entries, 1, false, l->found->entries);
    else if ((halving_ends(&d, l->found, &lg2) || skewed_meets_one(&d, l->found, &lg2)) && !decide_index(s, l, lg2))
        return false;
    if (l->found->ways_clear)
        l->found->why = NULL;
    return true;
}

bool search_ways(struct search *s, struct level_found *found, unsigned least, double from_cycles, double to_cycles, unsigned hint,
                 double from, double to)
{
    unsigned more = found->entries + found->entries / 4 + 2;
    struct level l = { found, least, from_cycles, to_cycles, hint, more < DEPTH_MAX ? more : DEPTH_MAX };

    return !found->reach_clear || find_ways(s, &l, from, to);
}
