/* SPDX-License-Identifier: MIT
 * replay_internal.h - a replay in progress: replay.c runs it, replay_foreign.c that of another tool's trace, replay_lines.c keeps
 * who caused what, replay_results.c and foreign_results.c write its results. */
#ifndef PAGEWALK_TRACE_REPLAY_INTERNAL_H
#define PAGEWALK_TRACE_REPLAY_INTERNAL_H

#include "trace/decode.h"
#include "trace/foreign/foreign.h"
#include "trace/replay.h"

#include "base/check.h"
#include "pagewalk/profile.h"

#include <stdio.h>

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

struct replay_foreign;           /* replay_foreign.c                                                               */

struct replay {
    const char *cannot;           /* the settings are not possible: why, in words                                   */
    const char *path;
    char *name;                                 /* the program's                                                       */
    struct decoder *d;                          /* of a recording, else NULL                                           */
    struct replay_foreign *foreign;             /* of another tool's trace, else NULL                                  */
    struct replay_settings settings;            /* as given                                                            */
    struct sim *sim;
    struct mmu *mmu;
    struct follower *follower;
    const struct mmu_profile *profile;
    struct mmu_profile_store store;             /* a profile spelled out in the recording                              */
    unsigned cpu, cpus;
    void *block, *ram;
    size_t block_bytes;
    struct mmu_stats before;                    /* of all CPUs, counted before this process was forked                 */
    u64 ram_bytes, clock, model_accesses[MMU_SIDES], marked[MMU_SIDES];
    struct mmu_marks marks;
    struct replay_place *place;
    u32 places_room;
    struct replay_lines lines;
    struct trace_event armed[64];               /* what the model lacked for an access that comes; texts are ours       */
    u32 arms;
    bool no_memory;
};

/* True: an access of this page is done with, its translation was the last of its set (mmu.h, "marks"). */
static inline bool replay_marked(struct replay *r, u8 kind, u64 page)
{
    const struct mmu_mark *m = &r->marks.mark[kind][page >> PAGE_LG2 & (MMU_MARKS - 1)];
    if (RARE(m->page != page))
        return false;
    *m->used = ++r->clock;
    r->marked[kind == MMU_FETCH ? MMU_SIDE_I : MMU_SIDE_D]++;
    return true;
}
/* The others; site: of lines_site().  False: the program would get a signal. */
bool replay_model(struct replay *r, u32 site, u8 kind, u64 va, u32 bytes);

/* So much of the simulated memory is kept for pages of 1 GiB. */
void replay_fill_pools(struct replay *r, u64 bytes);

/* ---- another tool's trace (replay_foreign.c, foreign_results.c) ---------------------------------------------------------- */

bool foreign_begin(struct replay *r, const char *path, const char *form, struct replay_error *err);
/* The process, before its first access; false: its pages cannot be had. */
bool foreign_follow(struct replay *r);
void foreign_run(struct replay *r, void (*progress)(void *ctx, unsigned percent), void *ctx);
bool foreign_replayed(const struct replay *r, struct replay_error *err);
void foreign_end(struct replay *r);
const struct foreign *foreign_of(const struct replay *r);
/* Accesses to addresses that no program can have: they are left out. */
u64 foreign_left_out(const struct replay *r);
/* As replay_results(). */
char *foreign_results(struct replay *r, size_t *len_bytes, struct replay_error *err);

/* ---- pieces of results -------------------------------------------------------------------------------------------------- */

/* Of all CPUs. */
void replay_stats(const struct replay *r, struct mmu_stats *sum);
/* The kernel, and the settings that were given; a setting that was not is as in the recording. */
void replay_put_settings(const struct replay *r, const struct pw_out *out);
/* The last line, after the n bytes of text. */
void replay_put_end(FILE *f, const char *text, size_t n);

/* ---- who caused what (replay_lines.c) ----------------------------------------------------------------------------------- */

u32 lines_site(struct replay_lines *l, u64 ip);
void lines_name(struct replay_lines *l, const struct trace_event *e);
/* Costs so far go to their lines; addresses may mean other lines from now on. */
void lines_fold(struct replay_lines *l);
/* The site of what the kernel does is not one of ours: its cost goes to the line of its instruction. */
void lines_fold_call(struct replay_lines *l, struct sim_site *s);
void lines_forget_costs(struct replay_lines *l);
void lines_free(struct replay_lines *l);

#endif
