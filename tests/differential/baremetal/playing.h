/* SPDX-License-Identifier: MIT
 * playing.h - a case while it is played: between play.c (steps) and expect.c (what must happen). */
#ifndef BAREMETAL_PLAYING_H
#define BAREMETAL_PLAYING_H

#include "bytes.h"
#include "play.h"

struct playing {
    struct engine *e;
    const struct part *part;
    const struct test_case *c;
    struct context now;
    struct path path[PATHS];    /* tables may have moved                                                             */
    bool faulted;               /* the access before gave #PF                                                        */
    bool repaired;              /* a STEP_REPAIR changed path 0, where this stood before                             */
    u64 before_repair[LEVELS];
};

/* Where the access would go in the first or second frame of its pages. */
static inline struct place place_in_frame(const struct playing *p, const struct step *s, u32 which)
{
    u32 len = access_len(s->kind, s->size), split = s->offset + len > 4096 ? 4096u - s->offset : len;
    return (struct place){ .pa = { p->path[s->page].frame[which] + s->offset, p->path[1].frame[which] },
                           .split = split, .len = len };
}

/* The bytes there as a number; of code, which nobody writes, 0. */
u64 frame_data(const struct playing *p, const struct step *s, u32 which);

static inline u64 operand_of(const struct step *s) { return ~s->value; }

#endif
