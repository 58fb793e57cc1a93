/* SPDX-License-Identifier: MIT
 * json_caches.c - first-level caches (`run --l1`) in the JSON view. */
#include "report/json_internal.h"

#include <stdio.h>

struct field { const char *key; bool data_only; };

static json_t *cache_side(const struct results *r, char side, const struct field *fields, size_t n)
{
    json_t *o = json_group("modelled");
    char name[48];

    for (size_t i = 0; i < n; i++) {
        snprintf(name, sizeof name, "l1.%c.%s", side, fields[i].key);
        if (side == 'd' || !fields[i].data_only)
            json_put(o, fields[i].key, results_count(r, name));
    }
    return o;
}

json_t *json_of_caches(const struct results *r)
{
    static const struct field fields[] = {
        { "loads", true }, { "loads_missed", true }, { "stores", true }, { "stores_missed", true }, { "written_back", true },
        { "lines_missed", false }, { "moved", false }, { "synonyms", false }, { "homonyms", false } };
    static const struct json_key keys[] = {
        { "name", "$name" }, { "side", "$side" }, { "form", "$form" }, { "ways", "ways" }, { "sets", "sets" }, { "line_bytes", "line_bytes" },
        { "replacement", "$replacement" }, { "source", "$source" } };
    const size_t n = sizeof fields / sizeof fields[0];
    struct num fetches = results_count(r, "l1.i.fetches");
    json_t *o, *i;

    if (!fetches.known)
        return json_null();
    o = json_group("modelled");
    i = cache_side(r, 'i', fields, n);
    json_put(i, "fetches", fetches);
    json_put(i, "fetches_missed", results_count(r, "l1.i.fetches_missed"));
    json_object_set_new(o, "instruction", i);
    json_object_set_new(o, "data", cache_side(r, 'd', fields, n));
    json_object_set_new(o, "arrays", json_of_table(results_table(r, "caches"), keys, sizeof keys / sizeof keys[0]));
    return o;
}
