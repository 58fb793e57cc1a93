/* SPDX-License-Identifier: MIT
 * follow.h - what follow.c (events) and follow_calls.c (system calls) share. */
#ifndef PAGEWALK_SIM_FOLLOW_H
#define PAGEWALK_SIM_FOLLOW_H

#include "sim_internal.h"

#include "pagewalk/trace.h"

enum { FOLLOW_CHILDREN = 256, FOLLOW_SPECIALS = 8, FOLLOW_NAME_BYTES = 32, TRACE_PATH_BYTES = 4096 };

struct follower {
    struct sim *sim;
    struct kernel *kernel;
    struct proc *proc, *being_born;
    struct { u64 pid; struct proc *proc; } child[FOLLOW_CHILDREN];
    unsigned cpu, cpus, specials;
    bool runs;                    /* execve is over: there is a process that can access memory                       */
    u64 brk;                      /* the heap's end, as the program was last told                                    */
    char special[FOLLOW_SPECIALS][FOLLOW_NAME_BYTES]; /* names of special mappings                                   */
    u64 stacks, arenas;           /* of threads; mapped so far                                                      */
    struct sim_site site;         /* the system call instruction for which the kernel works now                      */
    struct follow_hooks hooks;
    void (*fold)(void *ctx, struct sim_site *s);
    void *fold_ctx;
    char wish[FOLLOW_WISHES][256]; /* names; "": none                                                               */
    struct follow_populated populated;
    struct { u64 start, end; } granted[FOLLOW_WISHES]; /* memory without a name that got it, as far as it is in one piece */
    struct follow_count count[TRACE_CALLS];
    struct follow_differences differences;
    struct mm_file *file[TRACE_FILES];
};

/* The kernel works for this instruction from now on. */
void follow_pays(struct follower *f, u64 ip);
bool follow_call(struct follower *f, const struct trace_event *e);

#endif
