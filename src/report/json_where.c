/* SPDX-License-Identifier: MIT
 * json_where.c - when and where, of the JSON view: the timeline, the regions of 2 MiB, the map of address by time,
 * copies after fork, start-up.
 * What a results file of an older version lacks is null. */
#include "report/cow.h"
#include "report/json_internal.h"
#include "report/startup.h"
#include "report/timeline.h"

#include <stdlib.h>

json_t *json_of_timeline(const struct results *r)
{
    const struct results_table *t = results_table(r, "timeline");
    json_t *o = json_object();

    if (!t) {
        json_decref(o);
        return json_null();
    }
    json_put(o, "interval", results_count(r, "timeline.interval"));
    for (size_t i = 0; i < TIMELINE_COLUMNS; i++) {
        json_t *list = json_array();
        int column = table_column(t, timeline_column[i].column);
        for (size_t row = 0; row < table_rows(t); row++)
            json_array_append_new(list, json_of_num(table_num(t, row, column)));
        json_object_set_new(o, timeline_column[i].name, list);
    }
    return o;
}

json_t *json_of_regions(const struct results *r)
{
    static const struct json_key keys[] = {
        { "start", "start" }, { "mapping", "$mapping" }, { "kind", "$kind" }, { "touched_pages", "touched_pages" }, { "misses", "misses" },
        { "walks", "walks" }, { "walk_cycles", "walk_cycles" }, { "faults", "faults" }, { "whole", "whole" }, { "large", "large" } };
    const struct results_table *t = results_table(r, "regions");

    return t ? json_of_table(t, keys, sizeof keys / sizeof keys[0]) : json_null();
}

/* "COLUMN:COUNT COLUMN:COUNT ..." as [[COLUMN, COUNT], ...]; ends where the text is not that. */
static json_t *cells(const char *text)
{
    json_t *list = json_array();
    char *end;

    for (const char *at = text; *at; at = end + (*end == ' ')) {
        unsigned long column = strtoul(at, &end, 10);
        if (*end != ':' || end == at)
            break;
        at = end + 1;
        json_array_append_new(list, json_pack("[II]", (json_int_t)column, (json_int_t)strtoul(at, &end, 10)));
        if (*end && *end != ' ')
            break;
    }
    return list;
}

json_t *json_of_heat(const struct results *r)
{
    const struct results_table *t = results_table(r, "heat");
    int start = table_column(t, "start"), misses = table_column(t, "$misses"), touched = table_column(t, "$touched");
    json_t *o = json_object(), *rows = json_array();

    json_put(o, "row_bytes", results_count(r, "heat.row_bytes"));
    json_put(o, "column", results_count(r, "heat.column"));
    for (size_t i = 0; i < table_rows(t); i++) {
        json_t *row = json_object();
        json_put(row, "start", table_num(t, i, start));
        json_object_set_new(row, "misses", cells(table_text(t, i, misses)));
        json_object_set_new(row, "touched", cells(table_text(t, i, touched)));
        json_array_append_new(rows, row);
    }
    json_object_set_new(o, "rows", rows);
    if (t)
        return o;
    json_decref(o);
    return json_null();
}

static json_t *fork_of(const struct cow_fork *f)
{
    json_t *o = json_object();

    json_put(o, "child", f->child);
    json_put_text(o, "file", f->file);
    json_put(o, "instructions", f->instructions);
    json_put(o, "shared_pages", f->shared_pages);
    json_put(o, "parent_first", f->parent_first);
    json_put(o, "parent_bytes", f->parent_bytes);
    json_put(o, "child_first", f->child_first);
    json_put(o, "child_bytes", f->child_bytes);
    json_put(o, "both", f->both);
    json_put(o, "still_shared", f->still_shared);
    return o;
}

static json_t *copying_line(const struct cow_place *p)
{
    json_t *o = json_object();

    json_put_text(o, "who", p->child ? "child" : "parent");
    json_put_text(o, "object", *p->object ? p->object : NULL);
    json_put_text(o, "file", *p->file ? p->file : NULL);
    json_put_text(o, "function", *p->function ? p->function : NULL);
    json_put(o, "line", p->line.n ? p->line : NUM_UNKNOWN);
    json_put(o, "page_bytes", num_of(p->page_bytes));
    json_put(o, "first", num_of(p->first));
    json_put(o, "second", num_of(p->second));
    json_put(o, "bytes", num_of(p->bytes));
    return o;
}

json_t *json_of_cow(const struct report *r)
{
    json_t *o = json_group("exact"), *forks = json_array(), *lines = json_array();
    struct cow c;

    cow_load(r, &c);
    for (size_t i = 0; i < c.forks; i++)
        json_array_append_new(forks, fork_of(&c.fork[i]));
    for (size_t i = 0; i < c.places; i++)
        json_array_append_new(lines, copying_line(&c.place[i]));
    cow_free(&c);
    json_object_set_new(o, "forks", forks);
    json_object_set_new(o, "lines", lines);
    if (results_table(r->results, "forks"))
        return o;
    json_decref(o);
    return json_null();
}

/* The main program's functions; those of libraries are in the results file. */
json_t *json_of_startup(const struct results *r)
{
    json_t *o = json_group("exact"), *functions = json_array();
    struct startup_code c = startup_code(r);
    struct startup_function f;
    struct startup s;

    startup_begin(&s, r);
    json_put_text(o, "object", s.program);
    json_put(o, "mapped_pages", c.mapped_pages);
    json_put(o, "used_pages", c.used_pages);
    json_put(o, "needed_pages", c.needed_pages);
    while (startup_next(&s, &f)) {
        json_t *one = json_object();
        json_put_text(one, "symbol", f.symbol);
        json_put(one, "instructions", f.instructions);
        json_put(one, "pages", f.pages);
        json_put(one, "faults", f.faults);
        json_put(one, "mapped_pages", f.mapped_pages);
        json_put(one, "wasted_pages", f.wasted_pages);
        json_put(one, "bytes", f.bytes);
        json_array_append_new(functions, one);
    }
    json_object_set_new(o, "functions", functions);
    if (s.t)
        return o;
    json_decref(o);
    return json_null();
}
