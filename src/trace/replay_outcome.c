/* SPDX-License-Identifier: MIT
 * replay_outcome.c - what a replay came to, in a few numbers (whatif.c compares them). */
#include "replay_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

u64 replay_instructions(const char *path)
{
    struct decode_error err;
    size_t n;
    char *results = decode_results(path, &n, &err);
    const char *at = results ? strstr(results, "\ncount\tinstructions\t") : NULL;
    u64 instructions = at ? strtoull(at + 20, NULL, 10) : 0;
    free(results);
    return instructions;
}

static u64 weight(u64 walk_cycles, u64 minor) { return walk_cycles + 2000 * minor; }

/* Sorted by insertion: there are few. */
static void into_top(void *ctx, const struct sim_mapping *m)
{
    struct replay_outcome *o = ctx;
    u64 w = weight(m->cost.walk_cycles, m->cost.minor);
    int at = REPLAY_TOP;
    while (at && (!o->top[at - 1].name[0] || weight(o->top[at - 1].walk_cycles, o->top[at - 1].minor) < w))
        at--;
    if (at == REPLAY_TOP || strlen(m->name) >= sizeof o->top[0].name)
        return;
    memmove(&o->top[at + 1], &o->top[at], (size_t)(REPLAY_TOP - 1 - at) * sizeof o->top[0]);
    strcpy(o->top[at].name, m->name);
    strcpy(o->top[at].kind, m->kind);
    o->top[at].bytes = m->bytes;
    o->top[at].walk_cycles = m->cost.walk_cycles;
    o->top[at].minor = m->cost.minor;
}

struct mmu_costs replay_costs(const struct replay *r)
{
    struct mmu_costs c = r->profile->timing.costs;
    c.source = NULL;             /* its text ends with the replay                                                   */
    return c;
}

/* The kernel counts a page that was filled in ahead as a fault; the program took none. */
static void without_populated(const struct replay *r, struct replay_outcome *o)
{
    struct follow_populated p;
    follow_populated(r->follower, &p);
    o->populated = p.pages;
    o->minor -= p.pages;
    for (int kind = 0; kind < MM_FAULT_KINDS; kind++)
        o->faults[kind] -= p.faults[kind];
}

void replay_outcome(const struct replay *r, u64 instructions, struct replay_outcome *o)
{
    const struct mm_counters *c;
    struct mm_rss rss;
    *o = (struct replay_outcome){ .assumed = r->foreign != NULL,
                                  .instructions = r->foreign ? foreign_fact(foreign_of(r), FOREIGN_INSTRUCTIONS).n : instructions };
    if (!follow_proc(r->follower))
        return;
    for (unsigned cpu = 0; cpu < r->cpus; cpu++) {
        const struct mmu_stats *s = mmu_stats(r->mmu, cpu);
        for (int side = 0; side < MMU_SIDES; side++)
            for (int size = 0; size < MMU_SIZES; size++)
                o->walks += s->walks[side][size];
        o->walk_cycles += s->cycles_walk;
        o->stlb_cycles += s->cycles_stlb;
    }
    c = proc_counters(follow_proc(r->follower));
    mm_rss(follow_proc(r->follower), &rss);
    o->minor = c->minor;
    o->major = c->major;
    memcpy(o->faults, c->faults, sizeof o->faults);
    without_populated(r, o);
    o->copied_pages = c->copied_pages;
    o->zeroed_pages = c->zeroed_pages;
    o->ipis = c->ipis;
    o->peak_rss_pages = rss.peak_rss_pages;
    o->peak_table_pages = rss.peak_table_pages;
    sim_each_mapping(r->sim, into_top, o);
}
