/* SPDX-License-Identifier: MIT
 * replay.h - plays on the model what the guest played, and compares. */
#ifndef BAREMETAL_REPLAY_H
#define BAREMETAL_REPLAY_H

#include "differences.h"

enum { MAX_NAMED = 32 };
struct tally {
    u64 show;                   /* how many of each sort to print                                                    */
    u64 cases, accesses;        /* compared                                                                          */
    u64 named[MAX_NAMED];       /* cases that end in a named difference                                              */
    u64 unnamed;                /* ... in another                                                                    */
    u64 model;                  /* accesses where the model is not what the manual permits                           */
    u64 digests;                /* blocks in which emulator and model differ though both are permitted               */
    u64 free, set;              /* A and D bits that were free; those the emulator set                               */
};

/* Runs cases p->first to p->first + p->count in the emulator and on the model.  verbose: prints every access, and
 * how it differs from the model's.  false: the emulator did not finish (said on stderr). */
bool replay(const struct way *w, const char *image, const struct params *p, bool verbose, struct tally *t);

#endif
