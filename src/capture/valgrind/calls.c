/* SPDX-License-Identifier: GPL-2.0-or-later
 * calls.c - the calls of each thread that have not returned (--call-paths, --heap).  Instrumented code pushes and pops
 * (instrument.c); here is what is not a plain call and return: longjmp, signals on a stack of their own, threads.
 *
 * A stack grows down, so the sp of a call is above those of the calls after it; where that does not hold, the lower
 * entry has been left by a jump.  Such entries are dropped when something below or above them is asked for.
 *
 * What must hold: an array has room for as many calls as a thread can make between two looks at it (one a block). */
#include "calls.h"
#include "heap.h"

enum {
    BLOCKS_AT_ONCE = 100000,            /* that the core runs of one thread before it asks                            */
    CALLS_KEPT = 400000,                /* an 8 MiB stack has no room for more                                        */
    CALLS_ROOM = CALLS_KEPT + 2 * BLOCKS_AT_ONCE,
    THREADS = 4096
};
#define NOT_OURS (~(Addr)0)

static struct { struct cap_call *first, *top; } stack[THREADS];
static struct cap_call nobody[3] = { { NOT_OURS, 0, PATH_ROOT } };
struct cap_call *cap_call_top = nobody;

/* ---- threads ------------------------------------------------------------------------------------------------------ */

static struct cap_call *new_stack(void)
{
    SizeT bytes = page_up(CALLS_ROOM * sizeof(struct cap_call));
    struct cap_call *first = VG_(am_shadow_alloc)(bytes);
    if (!first || !cap_make_sparse(first, bytes))
        VG_(tool_panic)("no room for the calls of a thread");
    *first = (struct cap_call){ NOT_OURS, 0, PATH_ROOT };
    return first;
}

void cap_calls_thread_begins(ThreadId tid)
{
    if (tid < THREADS)
        stack[tid].top = stack[tid].first;
}

/* Entries that a jump has left, from the first of this stack on. */
static void drop_left_calls(struct cap_call *first)
{
    struct cap_call *out = first, *end = cap_call_top;
    for (struct cap_call *c = first + 1; c <= end; c++) {
        Bool changed = out + 1 != c;
        while (out > first && out->sp <= c->sp)
            out--;
        *++out = *c;
        if (changed)
            out->path = c->sp == NOT_OURS ? c->path : 0;
    }
    cap_call_top = out;
}

void cap_calls_thread_runs(ThreadId tid)
{
    if (tid >= THREADS) {
        cap_call_top = nobody;
        return;
    }
    if (!stack[tid].first)
        stack[tid].first = stack[tid].top = new_stack();
    cap_call_top = stack[tid].top;
    if (cap_call_top - stack[tid].first > CALLS_KEPT)
        drop_left_calls(stack[tid].first);
    if (cap_call_top - stack[tid].first > CALLS_KEPT)
        cap_call_top = stack[tid].first + CALLS_KEPT;
}

void cap_calls_thread_stops(ThreadId tid)
{
    if (tid < THREADS)
        stack[tid].top = cap_call_top;
}

/* ---- returns ------------------------------------------------------------------------------------------------------ */

static Addr sp_of(const struct cap_call *c) { return c->sp == NOT_OURS ? NOT_OURS : c->sp & ~(Addr)CALL_FLAGGED; }

/* The calls below a signal's: a handler that has jumped out of its stack returns to one of them. */
static struct cap_call *below(struct cap_call *top, const struct cap_call *first, Addr sp)
{
    for (; top > first; top--)
        if (sp_of(top) == sp)
            return top;
    return NULL;
}

VG_REGPARM(1) void cap_call_unmatched(Addr sp)
{
    struct cap_call *top = cap_call_top, *found;
    while (sp_of(top) < sp)
        top--;
    if (top->sp == NOT_OURS && cap.tid < THREADS && (found = below(top, stack[cap.tid].first, sp)))
        top = found;
    if (top->sp == (sp | CALL_FLAGGED))
        cap_alloc_return(sp);
    cap_call_top = sp_of(top) == sp ? top : top + 1; /* what returned now was never called: one is taken off all the same */
}

/* ---- signals ------------------------------------------------------------------------------------------------------ *
 * A handler on the stack that was interrupted is below it like a call.  One on another stack is not. */

void cap_calls_signal(ThreadId tid, Int signo, Bool alt_stack)
{
    (void)signo;
    if (!alt_stack || tid >= THREADS || !stack[tid].first)
        return;
    cap_calls_thread_runs(tid);
    UWord path = cap_path_here();
    *++cap_call_top = (struct cap_call){ NOT_OURS, 0, path };
    cap_calls_thread_stops(tid);
}

void cap_calls_signal_over(ThreadId tid, Int signo)
{
    struct cap_call *c;
    (void)signo;
    if (tid >= THREADS || !stack[tid].first)
        return;
    for (c = stack[tid].top; c > stack[tid].first && c->sp != NOT_OURS; c--)
        ;
    if (c == stack[tid].first)
        return;
    stack[tid].top = c - 1;
    cap_calls_thread_runs(tid);
}

/* ---- paths -------------------------------------------------------------------------------------------------------- */

UInt cap_path_here(void)
{
    Addr sp = VG_(get_SP)(cap.tid);
    struct cap_call *c = cap_call_top;
    while (c->sp <= sp) /* left by a jump */
        c--;
    cap_call_top = c;
    while (!c->path)
        c--;
    for (; c < cap_call_top; c++) {
        if (UNLIKELY(c[1].sp >= c->sp && c->sp != NOT_OURS)) {
            while (c->sp != NOT_OURS)
                c--;
            drop_left_calls(c);
            return cap_path_here();
        }
        c[1].path = cap_path_child((UInt)c->path, c[1].ip);
    }
    return (UInt)c->path;
}
