/* SPDX-License-Identifier: MIT
 * json_kernel.c - page faults, memory and system calls in the JSON view. */
#include "report/json_internal.h"

static json_t *faults_by_mapping(const struct results *r)
{
    const struct results_table *t = results_table(r, "faults_by_mapping");
    json_t *list = json_array();

    for (size_t row = 0; row < table_rows(t); row++) {
        json_t *o = json_object(), *kinds = json_object();
        const char *name;
        for (unsigned c = 0; (name = table_column_name(t, c)); c++)
            if (name[0] != '$')
                json_put_key(kinds, name, json_of_num(table_num(t, row, (int)c)));
        json_put_text(o, "mapping", table_text(t, row, table_column(t, "$mapping")));
        json_object_set_new(o, "by_kind", kinds);
        json_array_append_new(list, o);
    }
    return list;
}

json_t *json_of_faults(const struct results *r, const struct summary *s)
{
    json_t *o = json_group(s->kernel_certainty), *kinds = json_object();

    json_put(o, "total", s->faults);
    json_put(o, "minor", s->minor);
    json_put(o, "major", s->major);
    for (unsigned i = 0; i < s->kinds; i++)
        json_put_key(kinds, s->kind[i].name, json_of_num(s->kind[i].n));
    json_object_set_new(o, "by_kind", s->kinds ? kinds : json_null());
    if (!s->kinds)
        json_decref(kinds);
    json_put(o, "copied_pages", s->copied_pages);
    json_put(o, "zeroed_pages", s->zeroed_pages);
    json_put(o, "tool", s->faults_tool);
    json_object_set_new(o, "by_mapping", faults_by_mapping(r));
    return o;
}

json_t *json_of_rss(const struct summary *s)
{
    json_t *o = json_group(s->kernel_certainty);
    json_put(o, "page_bytes", num_of(PAGE_BYTES_RSS));
    json_put(o, "peak_pages", s->rss_peak);
    json_put(o, "pages", s->rss);
    json_put(o, "anon_pages", s->rss_anon);
    json_put(o, "file_pages", s->rss_file);
    json_put(o, "shmem_pages", s->rss_shmem);
    return o;
}

json_t *json_of_page_tables(const struct summary *s)
{
    json_t *o = json_group(s->kernel_certainty);
    json_put(o, "page_bytes", num_of(PAGE_BYTES_RSS));
    json_put(o, "peak_pages", s->peak_tables);
    json_put(o, "pages", s->tables);
    return o;
}

json_t *json_of_map_count(const struct summary *s)
{
    json_t *o = json_group("exact");
    json_put(o, "peak", s->maps_peak);
    json_put(o, "limit", s->maps_limit);
    return o;
}

json_t *json_of_shootdowns(const struct summary *s)
{
    json_t *o = json_group("exact");
    json_put(o, "flushed_pages", s->flush_pages);
    json_put(o, "full_flushes", s->flush_full);
    json_put(o, "ipis", s->shootdown_ipis);
    return o;
}

json_t *json_of_syscalls(const struct results *r, const struct summary *s)
{
    static const struct json_key keys[] = {
        { "name", "$name" }, { "calls", "calls" }, { "errors", "errors" }, { "divergent", "divergent" } };
    json_t *o = json_group("exact");
    json_put(o, "total", s->syscalls);
    json_object_set_new(o, "calls", json_of_table(results_table(r, "syscalls"), keys, sizeof keys / sizeof keys[0]));
    return o;
}

json_t *json_of_divergences(const struct results *r, const struct summary *s)
{
    static const struct json_key keys[] = {
        { "call", "$call" }, { "recorded", "$recorded" }, { "modelled", "$modelled" }, { "count", "count" } };
    json_t *o = json_group("exact");
    json_put(o, "total", s->divergent);
    json_object_set_new(o, "list", json_of_table(results_table(r, "divergences"), keys, sizeof keys / sizeof keys[0]));
    return o;
}

json_t *json_of_check(const struct summary *s)
{
    json_t *o;

    if (!s->check_accesses.known)
        return json_null();
    o = json_group("exact");
    json_put(o, "accesses", s->check_accesses);
    json_put(o, "differences", s->check_differences);
    return o;
}

json_t *json_of_check_kernel(const struct summary *s)
{
    json_t *o;

    if (!s->kernel_looks.known)
        return json_null();
    o = json_group("exact");
    json_put(o, "calls", s->kernel_calls);
    json_put(o, "signals", s->kernel_signals);
    json_put(o, "looks", s->kernel_looks);
    json_put(o, "lines", s->kernel_lines);
    json_put(o, "pages", s->kernel_pages);
    return o;
}

json_t *json_of_check_flush(const struct results *r, const struct summary *s)
{
    static const struct json_key keys[] = {
        { "use", "$use" }, { "change", "$change" }, { "rule", "rule" }, { "missing", "missing" }, { "count", "count" } };
    json_t *o;

    if (!s->flush_uses.known)
        return json_null();
    o = json_group("exact");
    json_put(o, "uses", s->flush_uses);
    json_put(o, "missing", s->flush_missing);
    json_put(o, "not_needed", s->flush_not_needed);
    json_object_set_new(o, "list", json_of_table(results_table(r, "flushes"), keys, sizeof keys / sizeof keys[0]));
    return o;
}
