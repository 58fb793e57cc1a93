/* SPDX-License-Identifier: MIT
 * replay_internal.h - a replay in progress: replay.c runs it, replay_lines.c keeps who caused what, replay_results.c
 * writes its results. */
#ifndef PAGEWALK_TRACE_REPLAY_INTERNAL_H
#define PAGEWALK_TRACE_REPLAY_INTERNAL_H

#include "trace/decode.h"
#include "trace/replay.h"

#include "base/check.h"
#include "pagewalk/profile.h"

struct replay_place { u32 site; u8 kind; };     /* site: index into lines->site                                    */

struct replay_line { char *key; struct sim_cost cost; }; /* key: "object\0file\0function\0" and the line in decimal   */

struct replay_lines {
    struct sim_site *site;       /* one for each instruction                                                       */
    u32 *line_of;                /* of each site: index into line, or ~0: not known yet                            */
    u32 sites, sites_room;
    u32 *slot, slots;            /* sites by instruction: number + 1                                               */
    struct replay_line *line;
    u32 lines, lines_room;
    u32 *line_slot, line_slots;
    bool no_memory;
};

struct replay {
    const char *path;
    char *name;                                 /* the program's                                                       */
    struct decoder *d;
    struct sim *sim;
    struct mmu *mmu;
    struct follower *follower;
    const struct mmu_profile *profile;
    struct mmu_profile_store store;             /* a profile spelled out in the recording                              */
    unsigned cpu, cpus;
    void *block, *ram;
    size_t block_bytes;
    u64 ram_bytes, clock, model_accesses[MMU_SIDES], marked[MMU_SIDES];
    struct mmu_marks marks;
    struct replay_place *place;
    u32 places_room;
    struct replay_lines lines;
    struct trace_event armed[64];               /* what the model lacked for an access that comes; texts are ours       */
    u32 arms;
    bool no_memory;
};

u32 lines_site(struct replay_lines *l, u64 ip);
void lines_name(struct replay_lines *l, const struct trace_event *e);
/* Costs so far go to their lines; addresses may mean other lines from now on. */
void lines_fold(struct replay_lines *l);
/* The site of what the kernel does is not one of ours: its cost goes to the line of its instruction. */
void lines_fold_call(struct replay_lines *l, struct sim_site *s);
void lines_free(struct replay_lines *l);

#endif
