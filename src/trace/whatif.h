/* SPDX-License-Identifier: MIT
 * whatif.h - one recording under many settings: replays side by side, and what they would mean for the run time. */
#ifndef PAGEWALK_TRACE_WHATIF_H
#define PAGEWALK_TRACE_WHATIF_H

#include "trace/replay.h"

struct alternative {
    const char *name;                  /* "thp=always,cpu=zen4"; the first is "as recorded"                           */
    struct replay_settings settings;
    struct replay_outcome outcome;
    bool done;                         /* outcome is there                                                            */
    bool cut;                          /* of what could be read                                                       */
    char error[512];                   /* why not, or where it was cut                                                */
};

/* Replays all, `jobs` at a time, each in a process of its own.  False: one or more were not done. */
bool whatif_run(const char *path, struct alternative *a, unsigned n, unsigned jobs, void (*progress)(void *ctx, unsigned percent), void *ctx);

/* By how many percent the run time would change from one outcome to the other: ESTIMATED, from low to high, since nobody
 * knows how many cycles an instruction, a fault or a page's zeroing takes on the machine at hand (whatif.c: assumed). */
struct change { bool known; double low, middle, high; };
struct change whatif_change(const struct replay_outcome *from, const struct replay_outcome *to);

/* What is assumed, for people: name, low, high, unit, in rows; NULL past the last. */
struct assumption { const char *what; double low, high; };
const struct assumption *whatif_assumption(unsigned i);

#endif
