/* SPDX-License-Identifier: MIT
 * mmfuzz.h - the fuzzer's side: what its files share.  See wire.h for the other side, main.c for how it is used.
 *
 *   profile.c  what the host is: asked, not assumed       plan.c    what a seed decides; random numbers
 *   gen.c      the next operation                         model.c   does it in the model
 *   host.c     the performer and its files                run.c     both in lock step
 *   compare.c  what differs                               scene.c   operations as lines of the scenario language
 *   shrink.c   fewer operations with the same outcome     main.c    options, seeds, the report */
#ifndef PAGEWALK_MMFUZZ_H
#define PAGEWALK_MMFUZZ_H

#include <stdio.h>

#include "pagewalk/sim.h"
#include "wire.h"

/* Above the performer's own memory: a fault that finds no mapping looks at the next one above, which must be the same
 * in the model.  It lies on two page tables. */
#define ARENA_AT (0x600000000000ull - 20 * PAGE_BYTES)
enum { FILES = 5, VIEWS = 200 };

/* ---- the host -------------------------------------------------------------------------------------------------- */

struct profile {
    u32 version;              /* row of the kver table                                                        */
    char name[96];            /* for people                                                                   */
    struct kernel_config kernel;
    u64 memlock_bytes;        /* the most that RLIMIT_MEMLOCK can be for a sequence                           */
    bool soft_dirty;          /* pagemap bit 55 means something                                               */
    bool keys;                /* protection keys                                                              */
    bool disk;                /* the disk folder is on ext4                                                   */
    char why_not[240];        /* not empty: the host cannot be compared, and why                              */
};
void profile_ask(struct profile *p, const char *disk_folder);

/* ---- what a seed decides --------------------------------------------------------------------------------------- */

struct random { u64 state; };
u64 random_next(struct random *r);
u32 below(struct random *r, u32 n);                     /* 0 .. n-1                                            */
static inline bool one_in(struct random *r, u32 n) { return below(r, n) == 0; }

struct file_plan { const char *name; enum mm_fs fs; bool memfd, writable; u64 bytes; };
struct plan {
    u64 seed;
    u32 ops, look, tasks;
    u32 arena_pages;
    bool huge, locks, files, collapse;
    bool ends_in_sets;        /* the last operation is MADV_PAGEOUT                                           */
    bool limits;              /* setrlimit may come, and then no threads                                      */
    bool hardened;            /* PR_SET_MDWE may come, and then no exec                                       */
    bool holes;               /* punched into files of the disk                                               */
    struct setup setup;
    struct file_plan file[FILES];
};
/* look: what to compare besides maps and pagemap. */
void plan_of_seed(struct plan *p, const struct profile *host, u64 seed, u32 ops, u32 look);

/* ---- operations ------------------------------------------------------------------------------------------------ */

/* What is mapped in the process that operates: in the model, which equals the host up to here. */
struct views { u32 n; struct mm_vma_view v[VIEWS]; };
struct gen {
    struct random rnd;
    const struct plan *plan;
    u32 actor, made;
    bool alive[TASKS];
    u64 file_bytes[FILES];
    const struct views *views;
    u64 brk;
};
void gen_begin(struct gen *g, const struct plan *plan);
struct op gen_next(struct gen *g);
/* Does an operation of a list still make sense?  Its actor must live, a child's slot be free.  Keeps count of both. */
bool gen_accept(struct gen *g, struct op *op);
const char *op_name(enum op_kind kind);

/* ---- the model ------------------------------------------------------------------------------------------------- */

struct model {
    struct sim *sim;
    struct kernel *k;
    struct proc *p[TASKS];
    struct mm_file *file[FILES];
    void *ram, *block;
    size_t block_bytes;
    u8 vector[VECTOR_PAGES];
};
struct file_id { char path[160]; u32 dev_major, dev_minor; u64 ino; };
bool model_begin(struct model *m, const struct profile *host, const struct plan *plan, const struct file_id *ids);
void model_end(struct model *m);
/* The result, as a record without looks. */
void model_do(struct model *m, const struct op *op, struct record *r);
void model_views(const struct model *m, u32 slot, struct views *v);
/* Appends what the command's looks see to *r and to data; returns the bytes written. */
u32 model_look(const struct model *m, const struct command *c, struct record *r, u8 *data);

/* ---- the host's side ------------------------------------------------------------------------------------------- */

struct host {
    struct wire *wire;
    int pid;
    int wire_fd, zero_fd, sink_fd, program_fd, file_fd[FILES];
    int keep[FILES][2];       /* pipes that hold the pages of files on the disk                               */
    char folder[2][96];       /* tmpfs, disk                                                                  */
    struct file_id id[FILES];
};
/* NULL, or what went wrong. */
const char *host_open(struct host *h, const char *program, const char *disk_folder);
const char *host_begin(struct host *h, const struct plan *plan);
const char *host_wait(struct host *h, u32 batch);      /* until so many batches are done                        */
void host_publish(struct host *h, u32 batches);
void host_end(struct host *h);

/* ---- both ------------------------------------------------------------------------------------------------------ */

struct difference {
    u32 at;                   /* number of the operation                                                      */
    char what[64];            /* the kind of difference: "result", "faults", "maps" ...                         */
    char host[200], model[200];
    u64 addr;                 /* pagemap, core: which page                                                    */
};
struct tally { u64 ops, batches; u64 excluded[8]; };
enum excluded { EXCLUDED_REFERENCED, EXCLUDED_LAZYFREE, EXCLUDED_KINDS };

/* false: they differ, *d says how. */
bool compare(const struct profile *host, const struct command *c, const struct record *h, const u8 *host_data,
             const struct record *m, const u8 *model_data, struct tally *t, struct difference *d);

enum verdict { SAME, DIFFERENT, BROKEN };
struct run {
    const struct profile *profile;
    struct host *host;
    struct plan plan;
    const struct op *given;   /* NULL: invent them                                                            */
    u32 given_ops;
    struct op *done;          /* those performed, plan.ops of them at most                                     */
    u32 done_ops;
    struct record *answers;   /* NULL, or the model's, of each of them                                        */
    struct tally tally;
    struct difference diff;
};
enum verdict run_both(struct run *r);

void shrink(struct run *r);
void scene_print(FILE *out, const struct run *r);

#endif
