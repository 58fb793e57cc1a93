/* SPDX-License-Identifier: MIT
 * replay.h - runs a recording again, on the same machine and kernel or on others; or the trace of another tool.
 *
 * With the settings of the recording the counts are those of the run, to the last one. */
#ifndef PAGEWALK_TRACE_REPLAY_H
#define PAGEWALK_TRACE_REPLAY_H

#include "pagewalk/sim.h"
#include "pagewalk/trace.h"

struct replay;
struct replay_error { char text[512]; };   /* one sentence; begins with the file's name                             */

struct replay_settings {                   /* what is not given is as recorded                                      */
    const struct mmu_profile *profile;     /* NULL: as recorded                                                     */
    unsigned cpus;                         /* 0                                                                     */
    u64 ram_bytes;                         /* 0                                                                     */
    int thp;                               /* enum mm_thp; -1                                                       */
    u32 kernel_version;                    /* 618, 612, 601; 0: 618                                                 */
    u32 fault_around_bytes;                /* 4096: none; 0: Linux's default                                        */
    const char *wish[FOLLOW_WISHES];       /* names of mappings (trace.h); NULL: none                               */
    const char *form;                      /* of another tool's trace (foreign.h); NULL: told by its content        */
    enum sim_guest_wish guest;             /* SIM_GUEST_UNSAID                                                      */
    unsigned host_page_lg2;                /* of its memory: 12, 21; 0                                              */
    unsigned page_lg2;                     /* 30: whole GiB of memory in pages of 1 GiB; 0: as the kernel would           */
};

/* NULL: not a recording, or not enough memory; *err says what. */
struct replay *replay_open(const char *path, const struct replay_settings *s, struct replay_error *err);
/* Runs to the end of what can be read; told of the progress in percent. */
void replay_run(struct replay *r, void (*progress)(void *ctx, unsigned percent), void *ctx);
/* False: the recording is cut off or damaged: what was counted is up to there; *err says where. */
bool replay_whole(const struct replay *r, struct replay_error *err);
/* A results file (docs/formats.md) of the replay; malloc'ed, *len_bytes long and one more.  NULL: no memory, or the
 * recording holds no results of its run (*err). */
char *replay_results(struct replay *r, size_t *len_bytes, struct replay_error *err);

/* What a replay came to, in numbers. */
enum { REPLAY_TOP = 8 };
struct replay_outcome {
    u64 instructions;                      /* 0: unknown                                                            */
    u64 walks, walk_cycles, stlb_cycles;   /* cycles ESTIMATED                                                      */
    u64 minor, major, faults[MM_FAULT_KINDS], copied_pages, zeroed_pages;
    bool assumed;                          /* of another tool's trace: it does not say what was mapped when         */
    u64 populated;                         /* filled in because of a wish: in none of the faults                    */
    u64 peak_rss_pages, peak_table_pages, ipis;
    struct { char name[64], kind[8]; u64 bytes, walk_cycles, minor; } top[REPLAY_TOP]; /* mappings by what they cost;
                                                                                          name "": no more          */
};
/* instructions: of the run, from replay_instructions(). */
void replay_outcome(const struct replay *r, u64 instructions, struct replay_outcome *o);
/* What the run executed; 0: the recording holds no results of its run. */
u64 replay_instructions(const char *path);
/* What the profile of the replay says of its machine besides (mmu.h). */
struct mmu_costs replay_costs(const struct replay *r);
void replay_close(struct replay *r);

#endif
