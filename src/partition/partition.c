/* SPDX-License-Identifier: MIT
 * partition.c - base, limit, and contiguous allocation (partition.h).  Holes are not stored: they are what lies between
 * one process and the next. */
#include "pagewalk/partition.h"

#include "base/check.h"

#include <string.h>

void part_init(struct part *p, u64 bytes, u64 unit, enum part_fit fit, bool paged)
{
    memset(p, 0, sizeof *p);
    p->bytes = bytes;
    p->unit = unit;
    p->fit = (u8)fit;
    p->paged = paged;
}

static u64 end_of(const struct part *p, unsigned at) { return p->process[p->order[at]].base + p->process[p->order[at]].limit; }

/* The hole below the at-th process in memory; at = in_memory: the last one. */
static u64 hole_end(const struct part *p, unsigned at)
{
    return at < p->in_memory ? p->process[p->order[at]].base : p->bytes;
}

static u64 hole(const struct part *p, unsigned at, u64 *bytes)
{
    const u64 begin = at ? end_of(p, at - 1) : 0;

    *bytes = hole_end(p, at) - begin;
    return begin;
}

u64 part_free_bytes(const struct part *p) { return p->bytes - p->used; }

u64 part_largest_hole(const struct part *p)
{
    u64 largest = 0, bytes;

    if (p->paged)
        return part_free_bytes(p);
    for (unsigned at = 0; at <= p->in_memory; at++) {
        (void)hole(p, at, &bytes);
        if (bytes > largest)
            largest = bytes;
    }
    return largest;
}

unsigned part_holes(const struct part *p)
{
    unsigned n = 0;
    u64 bytes;

    for (unsigned at = 0; at <= p->in_memory; at++) {
        (void)hole(p, at, &bytes);
        n += bytes != 0;
    }
    return n;
}

/* Is a hole of `bytes` to be taken rather than one of `than`? */
static bool better(const struct part *p, u64 bytes, u64 than)
{
    return p->fit == PART_BEST ? bytes < than : p->fit == PART_WORST && bytes > than;
}

/* The hole to use, as its index; in_memory + 1: none.  Next fit begins with the hole where the last search ended. */
static unsigned find_hole(const struct part *p, u64 want)
{
    const unsigned holes = p->in_memory + 1u;
    unsigned from = 0, found = holes;
    u64 found_bytes = 0, bytes;

    if (p->fit == PART_NEXT)
        while (from < holes && hole_end(p, from) <= p->next)
            from++;
    for (unsigned i = 0; i < holes; i++) {
        const unsigned at = (from + i) % holes;

        (void)hole(p, at, &bytes);
        if (bytes >= want && (found == holes || better(p, bytes, found_bytes))) {
            found = at;
            found_bytes = bytes;
        }
    }
    return found;
}

static bool place(struct part *p, unsigned n, u64 want)
{
    const unsigned at = find_hole(p, want);
    u64 bytes;

    if (want > part_free_bytes(p) || at > p->in_memory) {
        p->failed++;
        p->failed_fragmented += want <= part_free_bytes(p);
        return false;
    }
    p->process[n] = (struct part_process){ .base = hole(p, at, &bytes), .limit = want };
    memmove(&p->order[at + 1], &p->order[at], (p->in_memory - at) * sizeof *p->order);
    p->order[at] = (u16)n;
    p->in_memory++;
    p->used += want;
    p->asked += p->wanted[n];
    p->next = p->process[n].base + want;
    return true;
}

static void take_away(struct part *p, unsigned n)
{
    unsigned at = 0;

    while (p->order[at] != n)
        at++;
    p->in_memory--;
    memmove(&p->order[at], &p->order[at + 1], (p->in_memory - at) * sizeof *p->order);
    p->used -= p->process[n].limit;
    p->asked -= p->wanted[n];
    p->process[n].base = PART_NONE;
}

/* With paging any free frames do: as if all processes lay together at every moment, and nothing were copied. */
static bool place_anywhere(struct part *p, unsigned n, u64 want)
{
    if (p->paged && want <= part_free_bytes(p))
        part_compact(p);
    return place(p, n, want);
}

bool part_start(struct part *p, unsigned n, u64 bytes)
{
    const u64 want = (bytes + p->unit - 1) / p->unit * p->unit;

    if (n >= PART_PROCESSES_MAX || p->process[n].limit || !bytes || want < bytes)
        return false;
    p->wanted[n] = bytes;
    return place_anywhere(p, n, want);
}

bool part_end(struct part *p, unsigned n)
{
    if (n >= PART_PROCESSES_MAX || !p->process[n].limit)
        return false;
    if (p->process[n].base != PART_NONE)
        take_away(p, n);
    p->process[n].limit = 0;
    return true;
}

bool part_swap_out(struct part *p, unsigned n)
{
    if (n >= PART_PROCESSES_MAX || !p->process[n].limit || p->process[n].base == PART_NONE)
        return false;
    take_away(p, n);
    p->swapped_bytes += p->process[n].limit;
    return true;
}

bool part_swap_in(struct part *p, unsigned n)
{
    if (n >= PART_PROCESSES_MAX || !p->process[n].limit || p->process[n].base != PART_NONE)
        return false;
    if (!place_anywhere(p, n, p->process[n].limit))
        return false;
    p->swapped_bytes += p->process[n].limit;
    return true;
}

void part_compact(struct part *p)
{
    u64 base = 0;

    for (unsigned at = 0; at < p->in_memory; at++) {
        struct part_process *x = &p->process[p->order[at]];

        if (x->base != base && !p->paged)
            p->moved_bytes += x->limit;
        x->base = base;
        base += x->limit;
    }
    p->next = base;
}

bool part_access(const struct part *p, unsigned n, u64 va, u64 *pa)
{
    if (p->paged || n >= PART_PROCESSES_MAX || va >= p->process[n].limit || p->process[n].base == PART_NONE)
        return false;
    *pa = p->process[n].base + va;
    return true;
}
