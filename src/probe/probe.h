/* SPDX-License-Identifier: MIT
 * probe.h - measuring a processor's data TLBs by timing alone.
 *
 * A tour is a random cyclic walk over a set of pages, one dependent load a page.  Tours longer than a TLB's reach miss
 * it, and the time of a load rises by what the miss costs.  chase.c runs tours on this machine; tests run them on made-up
 * ones.  search.c decides which tours to run, curve.c what their times mean.  Nothing is guessed: what the times do not
 * show clearly is reported as not clear. */
#ifndef PAGEWALK_PROBE_PROBE_H
#define PAGEWALK_PROBE_PROBE_H

#include "pagewalk/types.h"

/* ---- tours --------------------------------------------------------------------------------------------------------- */

#define TOUR_MAX 16384u                /* pages                                                                     */
#define TOUR_VPN_MAX ((u64)1 << 22)    /* page numbers lie below                                                    */

struct bench {
    void *ctx;
    /* Cycles per load of one random tour over these pages, less those of a tour over equally many cache lines on few
     * pages: what address translation costs.  false: the tour cannot be made. */
    bool (*tour)(void *ctx, const u64 *vpn, unsigned pages, double *cycles);
};

/* ---- curves (curve.c) ----------------------------------------------------------------------------------------------- */

#define CURVE_MAX 256
#define ROUNDS_MAX 15

struct point {
    unsigned pages;
    double cycles, spread;   /* lower quartile of the rounds, for disturbances only add; half the distance to the upper */
};
struct curve { unsigned n; struct point p[CURVE_MAX]; };  /* by pages, ascending                                    */

void curve_add(struct curve *c, unsigned pages, double *rounds, unsigned n); /* sorts rounds[]; full: dropped      */

struct plateaus {
    bool l1_clear, l2_clear;     /* there is a step from the first plateau to the second, from that to the third     */
    double hit, l2_hit, walk;    /* heights; l2_hit and walk as far as clear                                         */
    double noise;                /* cycles by which a point may be off                                               */
    const char *l1_why, *l2_why; /* when not clear                                                                   */
};
void curve_plateaus(const struct curve *c, struct plateaus *out);

/* Where a curve leaves the height `from` on its way to `to`: up to `low` pages hit, from `high` on a good part misses. */
struct step { bool clear; unsigned low, high; };
struct step curve_step(const struct curve *c, double from, double to, double noise, unsigned at_least);

/* The size that lies in the step: `hint` if it does, else the roundest number in it. */
unsigned step_size(const struct step *s, unsigned hint);

/* ---- the whole (search.c) --------------------------------------------------------------------------------------------- */

struct level_found {
    bool reach_clear, ways_clear;
    struct step step;
    unsigned entries, ways, sets;    /* as far as clear                                                              */
    bool hashed;                     /* the set is a XOR of two parts of the page number, not its low bits            */
    const char *why;                 /* of the first that is not clear                                               */
};
struct probe_hint { unsigned l1_entries, l2_entries; };  /* what is expected; 0: nothing                            */
struct probe_result {
    struct curve curve;              /* tours over consecutive pages                                                 */
    struct plateaus height;
    struct level_found l1, l2;
};

/* rounds: repeats of every tour, 1 to ROUNDS_MAX.  progress may be NULL; done goes from 0 to 1.  false: a tour failed. */
struct probe_plan {
    unsigned rounds;
    struct probe_hint hint;
    void (*progress)(void *ctx, double done);
    void *progress_ctx;
};
bool probe_run(const struct bench *b, const struct probe_plan *plan, struct probe_result *out);

#endif
