/* SPDX-License-Identifier: MIT
 * html_paths.c - call paths for the HTML report: frames that no picture could show are summed up in one frame each parent, so that
 * the page stays small.  Called by html.c.
 *
 * {"functions": [[NAME, OBJECT]...], "events": [NUMBER...], "frames": [[PARENT, FUNCTION, COST...]...]}: the events that are known
 * by path; parents stand before their children, -1 is none; function -1 stands for smaller ones; costs are the frame's own. */
#include "report/html_paths.h"
#include "report/json_internal.h"
#include "report/paths.h"

#include <stdlib.h>

#define FRAMES_MOST 6000u
#define SHARE_LEAST 1e-4

struct known { int event[EVENT_COLUMNS], n; double total[EVENT_COLUMNS]; };

static struct known known_events(const struct paths *p)
{
    struct known k = { .n = 0 };

    for (int e = 0; e < EVENT_COLUMNS; e++)
        if (paths_know(p, (enum event)e)) {
            k.total[k.n] = (double)paths_total(p, (enum event)e).n;
            k.event[k.n++] = e;
        }
    return k;
}

static bool large(const struct path_frame *f, const struct known *k, double share)
{
    for (int i = 0; i < k->n; i++)
        if (k->total[i] > 0 && (double)f->all[k->event[i]].n >= share * k->total[i])
            return true;
    return false;
}

static size_t count_large(const struct paths *p, const struct known *k, double share)
{
    size_t n = 0;

    for (size_t i = 0; i < p->n; i++)
        n += large(&p->at[i], k, share);
    return n;
}

static void append_frame(json_t *frames, json_int_t parent, json_int_t function, const struct known *k, const u64 *cost)
{
    json_t *row = json_array();

    json_array_append_new(row, json_integer(parent));
    json_array_append_new(row, json_integer(function));
    for (int i = 0; i < k->n; i++)
        json_array_append_new(row, json_of_num(num_of(cost[k->event[i]])));
    json_array_append_new(frames, row);
}

/* A frame is as large as those below it at least, so a large one's parents are all there.  number: of each large frame in
 * the list, from 1; rest: what is too small, by the list's number of the large frame above it (0: none). */
static void put_frames(json_t *frames, const struct paths *p, const struct known *k, double share, size_t *number, u64 (*rest)[EVENT_COLUMNS])
{
    size_t listed = 0;

    for (size_t i = 0; i < p->n; i++) {
        const struct path_frame *f = &p->at[i];
        const size_t above = f->parent == PATH_NONE ? 0 : number[f->parent];
        u64 own[EVENT_COLUMNS];
        for (int e = 0; e < EVENT_COLUMNS; e++)
            own[e] = f->own[e].known ? f->own[e].n : 0;
        number[i] = above;
        if (large(f, k, share)) {
            number[i] = ++listed;
            append_frame(frames, (json_int_t)above - 1, f->function, k, own);
        } else {
            for (int e = 0; e < EVENT_COLUMNS; e++)
                rest[above][e] += own[e];
        }
    }
    for (size_t above = 0; above <= listed; above++) {
        u64 any = 0;
        for (int e = 0; e < EVENT_COLUMNS; e++)
            any |= rest[above][e];
        if (any)
            append_frame(frames, (json_int_t)above - 1, -1, k, rest[above]);
    }
}

static json_t *document(const struct paths *p)
{
    const struct known k = known_events(p);
    json_t *o = json_object(), *functions = json_array(), *events = json_array(), *frames = json_array();
    size_t *number = calloc(p->n, sizeof *number);
    u64 (*rest)[EVENT_COLUMNS] = calloc(p->n + 1, sizeof *rest);
    double share = SHARE_LEAST;

    while (share < 1 && count_large(p, &k, share) > FRAMES_MOST)
        share *= 1.5;
    for (size_t i = 0; i < p->functions; i++) {
        json_t *f = json_array();
        json_array_append_new(f, json_of_text(p->function[i].function));
        json_array_append_new(f, json_of_text(p->function[i].object));
        json_array_append_new(functions, f);
    }
    for (int i = 0; i < k.n; i++)
        json_array_append_new(events, json_integer(k.event[i]));
    if (number && rest)
        put_frames(frames, p, &k, share, number, rest);
    free(number);
    free(rest);
    json_object_set_new(o, "functions", functions);
    json_object_set_new(o, "events", events);
    json_object_set_new(o, "frames", frames);
    return o;
}

json_t *html_paths(const struct results *r)
{
    struct paths p = paths_read(r);
    json_t *o = p.n ? document(&p) : NULL;

    paths_free(&p);
    return o;
}
