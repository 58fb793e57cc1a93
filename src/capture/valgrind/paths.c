/* SPDX-License-Identifier: GPL-2.0-or-later
 * paths.c - call paths and what they cost.  A path is a path and one more call instruction; path 1 is the empty one.
 * Called by calls.c and access.c for each event, by blocks.c when names are about to go, and by write.c.
 *
 * Paths tell call instructions apart.  The results tell functions apart: a frame is a function, called from a line of the
 * frame above it.  Frames are made when costs are folded, because only then names are looked up. */
#include "calls.h"
#include "put.h"

enum { PATHS_MAX = 1 << 20, SITES_MAX = 1 << 19, FIRST_SLOTS = 1 << 12 };

struct path {
    Addr ip;
    UInt parent;
    UInt frame, line;       /* of the call; frame 0: neither looked up yet                                              */
    UShort depth;
    Bool closed;            /* the code is gone: the same address is another call from now on                           */
};
struct path_site { struct sim_site site; UInt path; };
struct frame {
    const HChar *object, *file, *function;  /* interned                                                               */
    UInt parent, line;                      /* of the call, in the frame above                                        */
    struct sim_cost cost;
};

/* A table of numbers: open addressing, 0 is vacant. */
struct index { UInt *slot; UWord mask, used; };

static struct path *path;
static struct path_site *site;
static struct frame *frame;
static UInt paths = 2, sites = 1, frames = 1, paths_room, sites_room, frames_room;
static struct index of_path, of_site, of_frame;

/* ---- tables ------------------------------------------------------------------------------------------------------- */

static inline UWord mix(UWord a, UWord b)
{
    a = (a ^ b * 0x9e3779b97f4a7c15ull) * 0xff51afd7ed558ccdull;
    return a ^ a >> 32;
}

static UWord hash_path(UInt i) { return mix(path[i].ip, path[i].parent); }
static UWord hash_site(UInt i) { return mix(site[i].site.ip, site[i].path); }
static UWord hash_frame(UInt i) { return mix(mix((UWord)frame[i].function, (UWord)frame[i].object), (UWord)frame[i].parent << 32 | frame[i].line); }

static void index_put(struct index *x, UWord hash, UInt i)
{
    UWord at = hash & x->mask;
    while (x->slot[at])
        at = (at + 1) & x->mask;
    x->slot[at] = i;
    x->used++;
}

static void index_add(struct index *x, UInt i, UWord (*hash)(UInt))
{
    if (!x->slot || 2 * x->used >= x->mask) {
        struct index old = *x;
        x->mask = old.slot ? 2 * old.mask + 1 : FIRST_SLOTS - 1;
        x->slot = VG_(calloc)("pagewalk.paths", x->mask + 1, sizeof(UInt));
        x->used = 0;
        for (UWord at = 0; old.slot && at <= old.mask; at++)
            if (old.slot[at])
                index_put(x, hash(old.slot[at]), old.slot[at]);
        VG_(free)(old.slot);
    }
    index_put(x, hash(i), i);
}

/* Room for one more; what an array held stays. */
static void *room(void *array, UInt used, UInt *have, SizeT each)
{
    if (used < *have)
        return array;
    *have = *have ? 2 * *have : 1024;
    return VG_(realloc)("pagewalk.paths", array, *have * each);
}

/* ---- paths -------------------------------------------------------------------------------------------------------- */

UInt cap_path_child(UInt parent, Addr ip)
{
    UInt depth = parent == PATH_ROOT ? 0 : path[parent].depth, i;
    if (depth >= (UInt)cap.opt.call_paths)
        return parent;
    for (UWord at = mix(ip, parent) & of_path.mask; of_path.slot && (i = of_path.slot[at]); at = (at + 1) & of_path.mask)
        if (path[i].ip == ip && path[i].parent == parent && !path[i].closed)
            return i;
    if (paths == PATHS_MAX)
        return parent;
    path = room(path, paths, &paths_room, sizeof *path);
    path[paths] = (struct path){ .ip = ip, .parent = parent, .depth = (UShort)(depth + 1) };
    index_add(&of_path, paths, hash_path);
    return paths++;
}

struct sim_site *cap_path_site(Addr ip, UInt p)
{
    UInt i;
    for (UWord at = mix(ip, p) & of_site.mask; of_site.slot && (i = of_site.slot[at]); at = (at + 1) & of_site.mask)
        if (site[i].site.ip == ip && site[i].path == p)
            return &site[i].site;
    if (sites >= SITES_MAX && p != PATH_ROOT)
        return cap_path_site(ip, PATH_ROOT);
    site = room(site, sites, &sites_room, sizeof *site);
    site[sites] = (struct path_site){ .site = { .ip = ip }, .path = p };
    index_add(&of_site, sites, hash_site);
    return &site[sites++].site;
}

/* ---- frames ------------------------------------------------------------------------------------------------------- */

static UInt frame_of(UInt parent, const struct cap_line *l, UInt line)
{
    UInt i;
    frame = room(frame, frames, &frames_room, sizeof *frame);
    frame[frames] = (struct frame){ .object = l->object, .file = l->file, .function = l->function, .parent = parent, .line = line };
    for (UWord at = hash_frame(frames) & of_frame.mask; of_frame.slot && (i = of_frame.slot[at]); at = (at + 1) & of_frame.mask)
        if (frame[i].parent == parent && frame[i].line == line && frame[i].function == l->function && frame[i].object == l->object)
            return i;
    index_add(&of_frame, frames, hash_frame);
    return frames++;
}

/* The frame that makes a path's last call; 0: it has none.  *line is where. */
static UInt frame_of_path(UInt p, UInt *line)
{
    UInt chain[PATH_DEPTH_MAX], n = 0, above = 0;
    *line = 0;
    for (; p != PATH_ROOT && !path[p].frame; p = path[p].parent)
        chain[n++] = p;
    if (p != PATH_ROOT) {
        above = path[p].frame;
        *line = path[p].line;
    }
    while (n) {
        struct path *at = &path[chain[--n]];
        const struct cap_line *l = cap_line_of(at->ip);
        above = at->frame = frame_of(above, l, *line);
        *line = at->line = l->line;
    }
    return above;
}

void cap_path_pay(UInt p, const struct sim_site *s)
{
    UInt line, above, f;
    if (!s->cost || !p)
        return;
    above = frame_of_path(p, &line);
    f = frame_of(above, cap_line_of(s->ip), line);
    sim_cost_add(&frame[f].cost, s->cost);
}

void cap_fold_paths(Addr start, Addr last)
{
    UInt line;
    for (UInt i = 1; i < sites; i++)
        if (site[i].site.cost && site[i].site.ip >= start && site[i].site.ip <= last) {
            cap_path_pay(site[i].path, &site[i].site);
            cap_fold_cost(&site[i].site);
        }
    for (UInt i = PATH_ROOT + 1; last != ~(Addr)0 && i < paths; i++)
        if (path[i].ip >= start && path[i].ip <= last && !path[i].closed) {
            frame_of_path(i, &line);
            path[i].closed = True;
        }
}

void cap_forget_path_costs(void)
{
    for (UInt i = 1; i < frames; i++)
        frame[i].cost = (struct sim_cost){ 0 };
}

/* ---- results ------------------------------------------------------------------------------------------------------ */

/* Which frames have cost something, they or those below them: their number in the file, from 1. */
static UInt *number_frames(void)
{
    static const struct sim_cost nothing;
    UInt *number = VG_(calloc)("pagewalk.paths", frames + 1, sizeof *number), next = 1;
    for (UInt i = frames; i-- > 1;)
        if (number[i] || VG_(memcmp)(&frame[i].cost, &nothing, sizeof nothing))
            number[i] = number[frame[i].parent] = 1;
    for (UInt i = 1; i < frames; i++)
        if (number[i])
            number[i] = next++;
    number[0] = 0;
    return number;
}

static UWord hash_function(UInt i) { return mix((UWord)frame[i].function, (UWord)frame[i].object); }

/* For each frame to be written the first frame of the same function; the functions are written as they are met. */
static UInt *put_functions(const UInt *number)
{
    static const HChar *const columns[] = { "$object", "$file", "$function", NULL };
    UInt *first = VG_(calloc)("pagewalk.paths", frames + 1, sizeof *first), functions = 0, j;
    struct index seen = { 0 };
    put_table("path_functions", columns);
    for (UInt i = 1; i < frames; i++) {
        if (!number[i])
            continue;
        for (UWord at = hash_function(i) & seen.mask; seen.slot && (j = seen.slot[at]) && !first[i]; at = (at + 1) & seen.mask)
            if (frame[j].function == frame[i].function && frame[j].object == frame[i].object)
                first[i] = first[j];
        if (first[i])
            continue;
        first[i] = ++functions;
        index_add(&seen, i, hash_function);
        put_begin("row");
        put_string(frame[i].object);
        put_string(frame[i].file);
        put_string(frame[i].function);
        put_end();
    }
    VG_(free)(seen.slot);
    return first;
}

void cap_put_paths(void)
{
    static const HChar *const columns[] = { "parent", "function", "line", RESULTS_COST_COLUMNS, NULL };
    UInt *number = number_frames(), *function = put_functions(number);
    put_table("paths", columns);
    for (UInt i = 1; i < frames; i++) {
        if (!number[i])
            continue;
        put_begin("row");
        put_number(number[frame[i].parent]);
        put_number(function[i]);
        put_number(frame[i].line);
        put_costs(&frame[i].cost);
        put_end();
    }
    VG_(free)(number);
    VG_(free)(function);
}
