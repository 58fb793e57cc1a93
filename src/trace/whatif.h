/* SPDX-License-Identifier: MIT
 * whatif.h - one recording under many settings: replays side by side.  What they mean for the run time: estimate.h. */
#ifndef PAGEWALK_TRACE_WHATIF_H
#define PAGEWALK_TRACE_WHATIF_H

#include "trace/replay.h"

struct alternative {
    const char *name;                  /* "thp=always,cpu=zen4"; the first is "as recorded"                           */
    struct replay_settings settings;
    char *words;                       /* what the settings point into; NULL, or its owner's to free                  */
    struct replay_outcome outcome;
    struct mmu_costs costs;            /* of the machine replayed on                                                  */
    bool done;                         /* outcome is there                                                            */
    bool cut;                          /* of what could be read                                                       */
    char error[512];                   /* why not, or where it was cut                                                */
};

/* What is replayed. */
struct whatif {
    const char *path;
    const char *without;               /* a recording of the same program, stopped earlier: what is in it does not count; or NULL */
    unsigned jobs;                     /* at a time                                                                   */
    u64 instructions, without_instructions; /* whatif_run()'s own                                                     */
};
/* Replays all, each in a process of its own.  False: one or more were not done. */
bool whatif_run(struct whatif *w, struct alternative *a, unsigned n, void (*progress)(void *ctx, unsigned percent), void *ctx);

#endif
