/* SPDX-License-Identifier: MIT
 * diff_places.c - functions and mappings of two reports side by side, and the totals that are compared.
 *
 * Functions are the same when their name and the file name of their object are: two builds lie in different folders.
 * Mappings are the same when name, kind and rights are; the address in the name of an anonymous one does not count, for
 * it moves with everything that was mapped before. */
#include "report/diff_internal.h"
#include "report/format.h"

#include <stdlib.h>
#include <string.h>

const struct total diff_totals[] = {
    { "instructions", "instructions", "exact" },
    { "loads", "loads", "exact" },
    { "stores", "stores", "exact" },
    { "tlb.l1i.misses", "L1I TLB misses", "modelled" },
    { "tlb.l1d.misses", "L1D TLB misses", "modelled" },
    { "walks.total", "page walks", "modelled" },
    { "walks.reads", "entries read by walks", "modelled" },
    { "walks.cycles.walk", "cycles in walks", "estimated" },
    { "faults.minor", "minor faults", "exact" },
    { "faults.major", "major faults", "exact" },
    { "faults.copied_pages", "pages copied", "exact" },
    { "faults.zeroed_pages", "pages zeroed", "exact" },
    { "rss.peak_pages", "peak resident pages", "exact" },
    { "page_tables.peak_pages", "peak page-table pages", "exact" },
    { "syscalls.total", "memory system calls", "exact" },
    { "shootdowns.ipis", "shootdown IPIs", "exact" },
    { 0 },
};

struct delta delta_of(struct num a, struct num b)
{
    if (!a.known || !b.known)
        return (struct delta){ 0 };
    return (struct delta){ .known = true, .less = b.n < a.n, .n = b.n < a.n ? a.n - b.n : b.n - a.n };
}

/* ---- from the reports --------------------------------------------------------------------------------------------------- */

static const char *mapping_name(const json_t *place)
{
    const char *name = diff_string(place, "name");
    return !strcmp(diff_string(place, "kind"), "anon") && !strncmp(name, "anon ", 5) ? "anon" : name;
}

static void read_events(struct num *to, const json_t *place)
{
    for (int e = 0; e < EVENT_COLUMNS; e++)
        to[e] = diff_num(json_object_get(place, event_info[e].name));
    to[EV_FAULTS] = num_add(to[EV_MINOR], to[EV_MAJOR]);
}

static struct change change_of(const json_t *place, int which, bool in_b)
{
    struct change c = { .object = "", .kind = "", .perms = "" };

    if (which == CHANGES_FUNCTIONS) {
        c.name = diff_string(place, "function");
        c.object = format_basename(diff_string(place, "object"));
    } else {
        c.name = mapping_name(place);
        c.kind = diff_string(place, "kind");
        c.perms = diff_string(place, "perms");
    }
    read_events(in_b ? c.b : c.a, place);
    /* The other side adds to this; what it has no row for stays 0, unless the event is not counted for such places. */
    for (int e = 0; e < EVENTS; e++)
        *(in_b ? &c.a[e] : &c.b[e]) = (in_b ? c.b[e] : c.a[e]).known ? num_of(0) : NUM_UNKNOWN;
    return c;
}

static int by_name(const void *x, const void *y)
{
    const struct change *p = x, *q = y;
    int d = strcmp(p->object, q->object);

    d = d ? d : strcmp(p->name, q->name);
    d = d ? d : strcmp(p->kind, q->kind);
    return d ? d : strcmp(p->perms, q->perms);
}

static void fold(struct changes *c)
{
    size_t kept = 0;

    for (size_t i = 0; i < c->n; i++) {
        if (!kept || by_name(&c->at[kept - 1], &c->at[i])) {
            c->at[kept++] = c->at[i];
            continue;
        }
        for (int e = 0; e < EVENTS; e++) {
            c->at[kept - 1].a[e] = num_add(c->at[kept - 1].a[e], c->at[i].a[e]);
            c->at[kept - 1].b[e] = num_add(c->at[kept - 1].b[e], c->at[i].b[e]);
        }
    }
    c->n = kept;
}

struct changes diff_places(const struct diff_side *a, const struct diff_side *b, int which)
{
    const char *key = which == CHANGES_FUNCTIONS ? "functions" : "mappings";
    const json_t *list[2] = { json_object_get(a->report, key), json_object_get(b->report, key) };
    struct changes c = { .at = malloc((json_array_size(list[0]) + json_array_size(list[1]) + 1) * sizeof *c.at) };

    if (!c.at)
        return (struct changes){ .failed = true };
    for (int side = 0; side < 2; side++)
        for (size_t i = 0; i < json_array_size(list[side]); i++)
            c.at[c.n++] = change_of(json_array_get(list[side], i), which, side);
    if (c.n)
        qsort(c.at, c.n, sizeof *c.at, by_name);
    fold(&c);
    return c;
}

void changes_free(struct changes *c)
{
    free(c->at);
    *c = (struct changes){ 0 };
}

static int by_change(const void *x, const void *y, void *ctx)
{
    const enum event by = *(const enum event *)ctx;
    const struct change *p = x, *q = y;
    struct delta dp = delta_of(p->a[by], p->b[by]), dq = delta_of(q->a[by], q->b[by]);
    int d = num_descending((struct num){ dp.n, dp.known }, (struct num){ dq.n, dq.known });

    return d ? d : by_name(x, y);
}

void changes_rank(struct changes *c, enum event by)
{
    if (c->n)
        qsort_r(c->at, c->n, sizeof *c->at, by_change, &by);
}
