/* SPDX-License-Identifier: MIT
 * json_where.c - when and where, of the JSON view: the timeline, the regions of 2 MiB, the map of address by time.
 * What a results file of an older version lacks is null. */
#include "report/json_internal.h"
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
