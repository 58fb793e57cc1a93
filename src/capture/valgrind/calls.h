/* SPDX-License-Identifier: GPL-2.0-or-later
 * calls.h - who called whom: each thread's calls that have not returned, and the paths they make.
 *
 * Instrumented code writes a call down (three stores) and takes it off again at the return; nothing is looked up then.
 * Only when something costs something are the calls written down since the last time turned into a path, and each call
 * at most once.  calls.c keeps the calls, paths.c the paths and what they cost. */
#ifndef PAGEWALK_CAP_CALLS_H
#define PAGEWALK_CAP_CALLS_H

#include "cap.h"

struct cap_call {
    Addr sp;                /* the stack pointer when it has returned; ~0: nothing below belongs to this stack      */
    Addr ip;                /* the call instruction                                                                 */
    UWord path;             /* that it makes with those below; 0: not asked for yet                                 */
};
/* The running thread's last call.  Below its first lies an entry with sp ~0. */
extern struct cap_call *cap_call_top;
enum { CALL_FLAGGED = 1 };  /* in sp, which has no such bit: the return is wanted (heap.c)                          */

/* Instrumented code found another stack pointer at a return than the last call should leave: afterwards the call to take
 * off is the last. */
static inline Bool cap_calls_wanted(void) { return cap.opt.call_paths || cap.opt.heap; }

VG_REGPARM(1) void cap_call_unmatched(Addr sp);

void cap_calls_thread_begins(ThreadId tid);
void cap_calls_thread_runs(ThreadId tid);
void cap_calls_thread_stops(ThreadId tid);
void cap_calls_signal(ThreadId tid, Int signo, Bool alt_stack);
void cap_calls_signal_over(ThreadId tid, Int signo);

/* ---- paths -------------------------------------------------------------------------------------------------------- */

enum { PATH_ROOT = 1, PATH_DEPTH_DEFAULT = 100, PATH_DEPTH_MAX = 1000 };

/* The path of the running thread's calls. */
UInt cap_path_here(void);
/* The path and one more call from ip; as deep as paths get, the path itself. */
UInt cap_path_child(UInt path, Addr ip);
/* Like cap_site_at(), for an instruction reached by a path. */
struct sim_site *cap_path_site(Addr ip, UInt path);
/* What a site has cost belongs to this path; to be called before its cost is folded into its line. */
void cap_path_pay(UInt path, const struct sim_site *s);
/* Names of [start, last] are about to go. */
void cap_fold_paths(Addr start, Addr last);
void cap_forget_path_costs(void);
void cap_put_paths(void);

#endif
