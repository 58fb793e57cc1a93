/* SPDX-License-Identifier: MIT
 * json_guest.c - the host's tables (`run --guest`) in the JSON view. */
#include "report/json_internal.h"

#include <stdio.h>

static json_t *levels(const struct results *r, const char *what)
{
    json_t *list = json_array();
    char name[32];

    for (int level = 0; level < 4; level++) {
        snprintf(name, sizeof name, "guest.%s.%d", what, level);
        json_array_append_new(list, json_of_num(results_count(r, name)));
    }
    return list;
}

json_t *json_of_guest(const struct results *r)
{
    static const struct { const char *key, *name; } counts[] = {
        { "host_page_bytes", "guest.host_page_bytes" }, { "translations", "guest.translations" }, { "cache_hits", "guest.gpa_hit" },
        { "exits", "guest.exits" }, { "splintered", "guest.splintered" }, { "host_pages", "guest.host_pages" },
        { "host_table_pages", "guest.host_table_pages" } };
    const char *kind = results_text(r, "guest.kind");
    json_t *o;

    if (!kind)
        return json_null();
    o = json_group("modelled");
    json_put_text(o, "kind", kind);
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++)
        json_put(o, counts[i].key, results_count(r, counts[i].name));
    json_object_set_new(o, "host_reads_by_level", levels(r, "reads"));
    json_object_set_new(o, "host_structure_cache_hits_by_level", levels(r, "psc_hit"));
    return o;
}
