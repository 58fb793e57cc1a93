/* SPDX-License-Identifier: MIT
 * json_heap.c - allocation sites, of the JSON view.  Without --heap: null. */
#include "report/json_internal.h"

json_t *json_of_allocations(const struct results *r)
{
    static const struct json_key keys[] = {
        { "how", "$how" }, { "object", "$object" }, { "file", "$file" }, { "function", "$function" }, { "line", "line" }, { "blocks", "blocks" },
        { "bytes", "bytes" }, { "peak_bytes", "peak_bytes" }, { "accesses", "accesses" }, { "pages_touched", "pages_touched" },
        { "pages_used", "pages_used" }, { "l1d_miss", "l1d_miss" }, { "walks_d", "walks_d" }, { "walk_reads", "walk_reads" },
        { "walk_cycles", "walk_cycles" }, { "minor", "minor" }, { "major", "major" }, { "cow", "cow" },
        { "zeroed", "zeroed" }, { "shootdowns", "shootdowns" } };
    const struct results_table *t = results_table(r, "allocations");

    return t ? json_of_table(t, keys, sizeof keys / sizeof keys[0]) : json_null();
}
