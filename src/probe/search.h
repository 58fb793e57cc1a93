/* SPDX-License-Identifier: MIT
 * search.h - what the two halves of the search share: search.c finds the reaches, ways.c the sets. */
#ifndef PAGEWALK_PROBE_SEARCH_H
#define PAGEWALK_PROBE_SEARCH_H

#include "probe/probe.h"

struct search {
    const struct bench *bench;
    const struct probe_plan *plan;
    struct probe_result *r;
    u64 vpn[TOUR_MAX];
};

void search_progress(const struct search *s, double done);
/* The ways and sets of a level whose reach is clear; else nothing.  least: pages it takes to turn over the level in
 * front; the cycles of a page that hits and of one that misses; entries expected; progress.  false: a tour failed. */
bool search_ways(struct search *s, struct level_found *found, unsigned least, double from_cycles, double to_cycles, unsigned hint,
                 double from, double to);

#endif
