/* SPDX-License-Identifier: MIT
 * batch.h - shapes of walks that stand in the tables side by side, to be run in every context that they have in
 * common: all registers but the page-table format (vendor, MAXPHYADDR, levels, NXE).  Filled by walks.c. */
#ifndef EXHAUSTIVE_BATCH_H
#define EXHAUSTIVE_BATCH_H

#include "judge.h"

#define BATCH_SHAPES 128u /* a tag each (judge.h); so many that tables and paths stay in a first-level cache */

struct batch {
    struct judge *j;
    unsigned shapes;         /* how many stand in the tables: tags 0 and up                                        */
    uint64_t va[BATCH_SHAPES];
    struct oracle_path path[BATCH_SHAPES];
    unsigned key;            /* of every leaf of this batch                                                        */
    unsigned skip_shapes, skip_contexts; /* one in so many is made, by chance; 1: all                              */
    unsigned one_context_in; /* only contexts whose number is divisible by this                                    */
    uint64_t noise;
    /* for the enumeration: entries by level, without noise; the top level; how many levels may still deviate */
    uint64_t shape[5];
    unsigned top, allowed;
};

/* For the format that j's registers have now.  every: about one case in so many is made. */
void batch_begin(struct batch *b, struct judge *j, unsigned every, unsigned one_context_in);
uint64_t batch_noise(struct batch *b);
/* Is the next shape to be left out? */
bool batch_skips(struct batch *b);
/* The shape of tag b->shapes is written: takes it in, and runs a full batch. */
void batch_add(struct batch *b, uint64_t va);
/* Runs what is left. */
void batch_end(struct batch *b);

#endif
