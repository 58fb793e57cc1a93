/* SPDX-License-Identifier: MIT
 * cow.c - puts together what parent and child know of a fork.  Called by text_cow.c and json_where.c.
 *
 * Either has written down its own copies with the time of the same clock.  A page that both copied was copied once on the
 * host: who came second found it no longer shared, and kept it.  Rows are runs of neighbouring pages; the times of
 * pages inside a run lie evenly between its ends. */
#include "report/cow.h"

#include <stdlib.h>
#include <string.h>

#define PAGES_MAX (1u << 22) /* 16 GiB                                                                              */

struct copied { u64 page, ns, bytes; size_t place; };
struct copies { struct copied *at; size_t n, room; };

struct columns { int first, last, start, pages, bytes, first_ns, last_ns, object, file, function, line; };

static struct columns find_columns(const struct results_table *t)
{
    return (struct columns){ table_column(t, "first_fork"), table_column(t, "last_fork"), table_column(t, "start"), table_column(t, "pages"),
                             table_column(t, "page_bytes"), table_column(t, "first_ns"), table_column(t, "last_ns"), table_column(t, "$object"),
                             table_column(t, "$file"), table_column(t, "$function"), table_column(t, "line") };
}

/* ---- places --------------------------------------------------------------------------------------------------------- */

static bool same_place(const struct cow_place *a, const struct cow_place *b)
{
    return a->child == b->child && a->line.n == b->line.n && a->page_bytes == b->page_bytes && !strcmp(a->function, b->function) &&
           !strcmp(a->file, b->file) && !strcmp(a->object, b->object);
}

/* The number of this row's place; places are few. */
static size_t place_of(struct cow *c, const struct results_table *t, size_t row, const struct columns *k, bool child)
{
    struct cow_place p = { .child = child, .object = table_text(t, row, k->object), .file = table_text(t, row, k->file),
                           .function = table_text(t, row, k->function), .line = table_num(t, row, k->line), .page_bytes = table_num(t, row, k->bytes).n };
    size_t i = c->places;
    struct cow_place *more;

    while (i && !same_place(&c->place[i - 1], &p))
        i--;
    if (i)
        return i - 1;
    more = realloc(c->place, (c->places + 1) * sizeof *more);
    if (!more) {
        c->failed = true;
        return 0;
    }
    c->place = more;
    c->place[c->places] = p;
    return c->places++;
}

/* ---- pages ---------------------------------------------------------------------------------------------------------- */

static bool add_run(struct copies *to, u64 start, u64 pages, u64 bytes, u64 first_ns, u64 last_ns, size_t place)
{
    if (pages > PAGES_MAX || to->n + pages > PAGES_MAX || last_ns < first_ns)
        return true;                    /* no such row is ever written                                            */
    if (to->n + pages > to->room) {
        size_t room = 2 * (to->n + pages);
        struct copied *more = realloc(to->at, room * sizeof *more);
        if (!more)
            return false;
        to->at = more;
        to->room = room;
    }
    for (u64 i = 0; i < pages; i++)
        to->at[to->n++] = (struct copied){ start + i * bytes, pages > 1 ? first_ns + (last_ns - first_ns) / (pages - 1) * i : first_ns, bytes, place };
    return true;
}

static int by_page(const void *a, const void *b)
{
    const struct copied *x = a, *y = b;
    return x->page < y->page ? -1 : x->page > y->page;
}

/* What one side copied of the pages that this fork left shared, by address. */
static struct copies copies_of(struct cow *c, const struct results *r, u64 fork, bool child)
{
    const struct results_table *t = results_table(r, "copies");
    struct columns k = find_columns(t);
    struct copies to = { 0 };

    for (size_t i = 0; i < table_rows(t) && !c->failed; i++)
        if (table_num(t, i, k.first).n <= fork && fork <= table_num(t, i, k.last).n)
            c->failed = !add_run(&to, table_num(t, i, k.start).n, table_num(t, i, k.pages).n, table_num(t, i, k.bytes).n, table_num(t, i, k.first_ns).n,
                                 table_num(t, i, k.last_ns).n, place_of(c, t, i, &k, child)) || c->failed;
    if (to.n)
        qsort(to.at, to.n, sizeof *to.at, by_page);
    return to;
}

static void count(struct cow *c, const struct copied *p, bool first)
{
    struct cow_place *place = &c->place[p->place];

    place->first += first;
    place->second += !first;
    place->bytes += first ? p->bytes : 0;
}

static void merge(struct cow *c, struct cow_fork *f, const struct copies *parent, const struct copies *child)
{
    u64 first[2] = { 0 }, bytes[2] = { 0 }, both = 0;

    for (size_t i = 0, k = 0; i < parent->n || k < child->n;) {
        const struct copied *a = i < parent->n ? &parent->at[i] : NULL, *b = k < child->n ? &child->at[k] : NULL;
        bool meet = a && b && a->page == b->page, child_first = !a || (b && (meet ? b->ns < a->ns : b->page < a->page));
        const struct copied *one = child_first ? b : a;
        count(c, one, true);
        if (meet)
            count(c, child_first ? a : b, false);
        first[child_first]++;
        bytes[child_first] += one->bytes;
        both += meet;
        i += meet || !child_first;
        k += meet || child_first;
    }
    f->parent_first = num_of(first[0]);
    f->parent_bytes = num_of(bytes[0]);
    if (!f->file)
        return;                         /* what the child did is not known                                        */
    f->child_first = num_of(first[1]);
    f->child_bytes = num_of(bytes[1]);
    f->both = num_of(both);
    f->still_shared = num_sub(f->shared_pages, num_of(first[0] + first[1]));
}

/* ---- forks ---------------------------------------------------------------------------------------------------------- */

/* The results of a child, which is still what was forked; NULL: there are none. */
static const struct results *results_of(struct cow *c, const struct report *r, struct cow_fork *f)
{
    struct results_error err;
    struct results *child = NULL, **more;

    for (size_t i = 0; i < r->processes && !child; i++)
        if (f->child.known && r->process[i].summary.pid.known && r->process[i].summary.pid.n == f->child.n &&
            (child = results_read(r->process[i].file, NULL, &err)))
            f->file = r->process[i].file;
    if (!child)
        return NULL;
    more = realloc(c->held, (c->helds + 1) * sizeof *more);
    if (!more || !results_count(child, "fork.ns").known) { /* it has become another program by execve             */
        c->held = more ? more : c->held;
        results_free(child);
        f->file = NULL;
        return NULL;
    }
    c->held = more;
    return c->held[c->helds++] = child;
}

static int by_pages(const void *a, const void *b)
{
    const struct cow_place *x = a, *y = b;
    u64 m = x->first + x->second, n = y->first + y->second;
    int d = m > n ? -1 : m < n;

    d = d ? d : strcmp(x->function, y->function);
    return d ? d : x->line.n < y->line.n ? -1 : x->line.n > y->line.n;
}

void cow_load(const struct report *r, struct cow *c)
{
    const struct results_table *t = results_table(r->results, "forks");
    int number = table_column(t, "number"), child = table_column(t, "child"), work = table_column(t, "instructions"), shared = table_column(t, "shared_pages");

    *c = (struct cow){ .fork = calloc(table_rows(t) + 1, sizeof *c->fork) };
    c->failed = !c->fork;
    for (size_t i = 0; i < table_rows(t) && !c->failed; i++) {
        struct cow_fork *f = &c->fork[c->forks++];
        struct copies mine, theirs = { 0 };
        const struct results *results;
        *f = (struct cow_fork){ .child = table_num(t, i, child), .instructions = table_num(t, i, work), .shared_pages = table_num(t, i, shared) };
        results = results_of(c, r, f);
        mine = copies_of(c, r->results, table_num(t, i, number).n, false);
        if (results)
            theirs = copies_of(c, results, 0, true);
        if (!c->failed)
            merge(c, f, &mine, &theirs);
        free(mine.at);
        free(theirs.at);
    }
    if (c->places)
        qsort(c->place, c->places, sizeof *c->place, by_pages);
}

void cow_free(struct cow *c)
{
    for (size_t i = 0; i < c->helds; i++)
        results_free(c->held[i]);
    free(c->held);
    free(c->fork);
    free(c->place);
    *c = (struct cow){ 0 };
}
