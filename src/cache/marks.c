/* SPDX-License-Identifier: MIT
 * marks.c - which accesses a front end may skip (cache.h, "marks").  Called by cache.c after every look.
 *
 * Touching the way touched last again changes no policy's state (machine/repl.h), so one mark a set is enough, and all
 * that has to be kept right: a look in a set drops its mark and puts the new one.  Marks of two sets may want one place
 * (PIPT: the set is not in the address); the later one has it. */
#include "internal.h"

#define NO_LINE (~(u64)0) /* no address of a line: those end in zeros                                              */

static u32 place(const struct cache *c, u64 va) { return (u32)(va >> c->line_lg2) & (CACHE_MARKS - 1); }

void mark_drop(struct cache *c, u32 set)
{
    const u64 line = c->marked[set];

    if (!c->marks || line == NO_LINE)
        return;
    c->marked[set] = NO_LINE;
    if (c->marks->load[place(c, line)] == line)
        c->marks->load[place(c, line)] = c->marks->store[place(c, line)] = NO_LINE;
}

void mark_put(struct cache *c, u32 set, u64 va, bool dirty)
{
    const u64 line = va >> c->line_lg2 << c->line_lg2;

    if (!c->marks)
        return;
    mark_drop(c, set);
    c->marked[set] = line;
    c->marks->load[place(c, va)] = line;
    c->marks->store[place(c, va)] = dirty ? line : NO_LINE;
}

void cache_unmark(struct cache *c)
{
    for (u32 set = 0; set <= c->a.set_mask; set++) {
        mark_drop(c, set);
        c->marked[set] = NO_LINE;
    }
}

void cache_bind_marks(struct cache *c, struct cache_marks *marks)
{
    cache_unmark(c);
    c->marks = marks;
    for (u32 i = 0; marks && i < CACHE_MARKS; i++)
        marks->load[i] = marks->store[i] = NO_LINE;
}
