/* SPDX-License-Identifier: MIT
 * places.h - the parts of a program that costs are charged to: functions, source lines, mappings.
 * Used by text.c (the first few of a ranking), json.c (all of them) and callgrind.c (lines). */
#ifndef PAGEWALK_REPORT_PLACES_H
#define PAGEWALK_REPORT_PLACES_H

#include "report/results.h"

/* The event columns of docs/formats.md, in their order, and one sum of ours. */
enum event {
    EV_INSTRUCTIONS, EV_LOADS, EV_STORES, EV_L1I_MISS, EV_L1D_MISS, EV_WALKS_I, EV_WALKS_D, EV_WALK_READS, EV_WALK_CYCLES,
    EV_MINOR, EV_MAJOR, EV_COW, EV_ZEROED, EV_SHOOTDOWNS,
    EVENT_COLUMNS,
    EV_FAULTS = EVENT_COLUMNS,      /* minor + major                                                           */
    EVENTS
};
struct event_info { const char *name, *certainty, *title; };
extern const struct event_info event_info[EVENT_COLUMNS];

struct place {
    const char *object, *file, *function;  /* "" when unknown or (mappings) not applicable                      */
    struct num line;
    const char *name, *kind, *perms;       /* mappings only                                                     */
    struct num bytes;
    struct num event[EVENTS];
};
struct places { struct place *at; size_t n; bool failed; /* no memory */ };

/* One place for each line of the program, sorted by object, file, function and line; a line stands once. */
struct places places_lines(const struct results *r);
/* Lines summed by function: what has the same name in the same object is one function.  Its file is that of the
 * line with the most instructions: code inlined from headers counts for the function that it was inlined into. */
struct places places_functions(const struct results *r);
struct places places_mappings(const struct results *r);
void places_free(struct places *p);

/* Sort by an event, largest first; ties by a second event, then by name. */
void places_rank(struct places *p, enum event first, enum event second);
struct num places_total(const struct places *p, enum event e);

#endif
