/* SPDX-License-Identifier: MIT
 * json.c - a run as JSON, format 1 (docs/json.md says what every key means).
 *
 * Unknown is null and never 0; numbers are integers, exact, but for the shares.  Each group says how sure it is. */
#include "report/places.h"
#include "report/report.h"
#include "report/utf8.h"

#include <jansson.h>

#include <stdlib.h>
#include <string.h>

#define JSON_FORMAT 1

/* ---- values ---------------------------------------------------------------------------------------------------- */

/* JSON's integers end at 2^63 - 1 here; a larger count, which no run reaches, is given as a string of digits. */
static json_t *number(struct num n)
{
    char digits[24];

    if (!n.known)
        return json_null();
    if (n.n <= INT64_MAX)
        return json_integer((json_int_t)n.n);
    snprintf(digits, sizeof digits, "%llu", (unsigned long long)n.n);
    return json_string(digits);
}

/* JSON is UTF-8; a byte that is not becomes U+FFFD. */
static json_t *string(const char *s)
{
    char *clean, *to;
    json_t *j;

    if (!s)
        return json_null();
    to = clean = malloc(3 * strlen(s) + 1);
    if (!clean)
        return NULL;
    while (*s) {
        unsigned len = utf8_length(s);
        memcpy(to, len ? s : "\xef\xbf\xbd", len ? len : 3);
        to += len ? len : 3;
        s += len ? len : 1;
    }
    j = json_stringn(clean, (size_t)(to - clean));
    free(clean);
    return j;
}

static json_t *share(double x) { return x < 0 ? json_null() : json_real(x); }

static json_t *group(const char *certainty)
{
    json_t *o = json_object();
    json_object_set_new(o, "certainty", json_string(certainty));
    return o;
}

static void put(json_t *o, const char *key, struct num n) { json_object_set_new(o, key, number(n)); }
static void put_string(json_t *o, const char *key, const char *s) { json_object_set_new(o, key, string(s)); }

/* { "4k": .., "2m": .., "1g": .. } */
static json_t *by_size(const struct num n[SIZES])
{
    json_t *o = json_object();
    put(o, "4k", n[SIZE_4K]);
    put(o, "2m", n[SIZE_2M]);
    put(o, "1g", n[SIZE_1G]);
    return o;
}

/* { "pte": .., "pde": .., "pdpte": .., "pml4e": .. } */
static json_t *by_level(const struct num n[LEVELS])
{
    static const char *const level[LEVELS] = { "pte", "pde", "pdpte", "pml4e" };
    json_t *o = json_object();
    for (unsigned l = 0; l < LEVELS; l++)
        put(o, level[l], n[l]);
    return o;
}

struct table_key { const char *key, *column; };

/* The rows of a table as a list of objects; columns whose names begin with $ are strings. */
static json_t *table_list(const struct results_table *t, const struct table_key *keys, size_t n)
{
    json_t *list = json_array();

    for (size_t row = 0; row < table_rows(t); row++) {
        json_t *o = json_object();
        for (size_t k = 0; k < n; k++) {
            int column = table_column(t, keys[k].column);
            if (keys[k].column[0] == '$')
                put_string(o, keys[k].key, column < 0 ? NULL : table_text(t, row, column));
            else
                put(o, keys[k].key, table_num(t, row, column));
        }
        json_array_append_new(list, o);
    }
    return list;
}

/* ---- the run --------------------------------------------------------------------------------------------------- */

static json_t *program(const struct summary *s)
{
    json_t *o = group("exact");
    put_string(o, "path", s->program);
    put_string(o, "arguments", s->arguments);
    put(o, "pid", s->pid);
    put(o, "parent", s->parent);
    put(o, "threads", s->threads);
    put(o, "children", s->children);
    put(o, "children_not_followed", s->children_not_followed);
    return o;
}

static json_t *how_it_ended(const struct summary *s)
{
    json_t *o = group("exact");
    put_string(o, "kind", s->exit_kind);
    put(o, "value", s->exit_value);
    put(o, "status", summary_status(s));
    return o;
}

static json_t *profile(const struct results *r, const struct summary *s)
{
    static const struct table_key keys[] = {
        { "name", "$name" }, { "level", "level" }, { "ports", "$ports" }, { "sizes", "$sizes" }, { "entries", "entries" },
        { "ways", "ways" }, { "sets", "sets" }, { "replacement", "$replacement" }, { "source", "$source" } };
    json_t *o = group("modelled");

    put_string(o, "name", s->profile);
    put(o, "cpus", s->cpus);
    put_string(o, "kernel", s->kernel);
    json_object_set_new(o, "arrays", table_list(results_table(r, "arrays"), keys, sizeof keys / sizeof keys[0]));
    return o;
}

/* ---- the machine ------------------------------------------------------------------------------------------------ */

static json_t *tlb_level(struct num accesses, struct num misses, const struct num by[SIZES])
{
    json_t *o = group("modelled");
    put(o, "accesses", accesses);
    put(o, "misses", misses);
    json_object_set_new(o, "misses_by_size", by_size(by));
    return o;
}

static json_t *second_level(const struct summary_side *s)
{
    json_t *o = tlb_level(s->l1_misses, s->stlb_misses, s->stlb_miss);
    put(o, "hits", s->stlb_hits);
    json_object_set_new(o, "hits_by_size", by_size(s->stlb_hit));
    return o;
}

static json_t *tlb(const struct summary *s)
{
    const struct summary_side *i = &s->side[SIDE_I], *d = &s->side[SIDE_D];
    json_t *o = group("modelled");

    json_object_set_new(o, "l1i", tlb_level(i->lookups, i->l1_misses, i->l1_miss));
    json_object_set_new(o, "l1d", tlb_level(d->lookups, d->l1_misses, d->l1_miss));
    json_object_set_new(o, "stlb_instruction", second_level(i));
    json_object_set_new(o, "stlb_data", second_level(d));
    return o;
}

static json_t *walks_side(const struct summary_side *s)
{
    json_t *o = group("modelled");
    put(o, "total", s->walks);
    put(o, "faulted", s->walks_faulted);
    json_object_set_new(o, "by_size", by_size(s->walk));
    return o;
}

static json_t *walks(const struct summary *s)
{
    json_t *o = group("modelled"), *cycles = group("estimated");

    put(o, "total", s->walks);
    put(o, "faulted", s->walks_faulted);
    put(o, "rewalks_dirty", s->rewalks_dirty);
    put(o, "accessed_dirty_writes", s->ad_writes);
    json_object_set_new(o, "instruction", walks_side(&s->side[SIDE_I]));
    json_object_set_new(o, "data", walks_side(&s->side[SIDE_D]));
    put(o, "reads", s->reads);
    json_object_set_new(o, "reads_by_level", by_level(s->read));
    put(o, "structure_cache_hits", s->psc_hits);
    json_object_set_new(o, "structure_cache_hits_by_level", by_level(s->psc_hit));
    put(cycles, "walk", s->cycles_walk);
    put(cycles, "stlb_hit", s->cycles_stlb);
    put(cycles, "base", s->cycles_base);
    json_object_set_new(cycles, "walk_share", share(num_share(s->cycles_walk, s->cycles)));
    json_object_set_new(cycles, "translation_share", share(num_share(num_add(s->cycles_walk, s->cycles_stlb), s->cycles)));
    json_object_set_new(o, "cycles", cycles);
    return o;
}

/* ---- the kernel ------------------------------------------------------------------------------------------------- */

/* A key from the file may be any bytes; JSON keys are UTF-8. */
static void put_clean(json_t *o, const char *key, json_t *value)
{
    json_t *clean = string(key);
    json_object_set_new(o, json_string_value(clean), value);
    json_decref(clean);
}

static json_t *faults_by_mapping(const struct results *r)
{
    const struct results_table *t = results_table(r, "faults_by_mapping");
    json_t *list = json_array();

    for (size_t row = 0; row < table_rows(t); row++) {
        json_t *o = json_object(), *kinds = json_object();
        const char *name;
        for (unsigned c = 0; (name = table_column_name(t, c)); c++)
            if (name[0] != '$')
                put_clean(kinds, name, number(table_num(t, row, (int)c)));
        put_string(o, "mapping", table_text(t, row, table_column(t, "$mapping")));
        json_object_set_new(o, "by_kind", kinds);
        json_array_append_new(list, o);
    }
    return list;
}

static json_t *faults(const struct results *r, const struct summary *s)
{
    json_t *o = group("exact"), *kinds = json_object();

    put(o, "total", s->faults);
    put(o, "minor", s->minor);
    put(o, "major", s->major);
    for (unsigned i = 0; i < s->kinds; i++)
        put_clean(kinds, s->kind[i].name, number(s->kind[i].n));
    json_object_set_new(o, "by_kind", s->kinds ? kinds : json_null());
    if (!s->kinds)
        json_decref(kinds);
    put(o, "copied_pages", s->copied_pages);
    put(o, "zeroed_pages", s->zeroed_pages);
    put(o, "tool", s->faults_tool);
    json_object_set_new(o, "by_mapping", faults_by_mapping(r));
    return o;
}

static json_t *rss(const struct summary *s)
{
    json_t *o = group("exact");
    put(o, "page_bytes", num_of(PAGE_BYTES_RSS));
    put(o, "peak_pages", s->rss_peak);
    put(o, "pages", s->rss);
    put(o, "anon_pages", s->rss_anon);
    put(o, "file_pages", s->rss_file);
    put(o, "shmem_pages", s->rss_shmem);
    return o;
}

static json_t *page_tables(const struct summary *s)
{
    json_t *o = group("exact");
    put(o, "page_bytes", num_of(PAGE_BYTES_RSS));
    put(o, "peak_pages", s->peak_tables);
    put(o, "pages", s->tables);
    return o;
}

static json_t *shootdowns(const struct summary *s)
{
    json_t *o = group("exact");
    put(o, "flushed_pages", s->flush_pages);
    put(o, "full_flushes", s->flush_full);
    put(o, "ipis", s->shootdown_ipis);
    return o;
}

static json_t *syscalls(const struct results *r, const struct summary *s)
{
    static const struct table_key keys[] = {
        { "name", "$name" }, { "calls", "calls" }, { "errors", "errors" }, { "divergent", "divergent" } };
    json_t *o = group("exact");
    put(o, "total", s->syscalls);
    json_object_set_new(o, "calls", table_list(results_table(r, "syscalls"), keys, sizeof keys / sizeof keys[0]));
    return o;
}

static json_t *divergences(const struct results *r, const struct summary *s)
{
    static const struct table_key keys[] = {
        { "call", "$call" }, { "recorded", "$recorded" }, { "modelled", "$modelled" }, { "count", "count" } };
    json_t *o = group("exact");
    put(o, "total", s->divergent);
    json_object_set_new(o, "list", table_list(results_table(r, "divergences"), keys, sizeof keys / sizeof keys[0]));
    return o;
}

static json_t *check(const struct summary *s)
{
    json_t *o;

    if (!s->check_accesses.known)
        return json_null();
    o = group("exact");
    put(o, "accesses", s->check_accesses);
    put(o, "differences", s->check_differences);
    return o;
}

/* ---- places ---------------------------------------------------------------------------------------------------- */

static json_t *known_string(const char *s) { return *s ? string(s) : json_null(); }

static void put_events(json_t *o, const struct place *p)
{
    for (int e = 0; e < EVENT_COLUMNS; e++)
        put(o, event_info[e].name, p->event[e]);
}

static json_t *code_place(const struct place *p, bool with_line)
{
    json_t *o = json_object();
    json_object_set_new(o, "object", known_string(p->object));
    json_object_set_new(o, "file", known_string(p->file));
    json_object_set_new(o, "function", known_string(p->function));
    if (with_line)
        put(o, "line", p->line);
    put_events(o, p);
    return o;
}

static json_t *line_place(const struct place *p) { return code_place(p, true); }
static json_t *function_place(const struct place *p) { return code_place(p, false); }

static json_t *mapping_place(const struct place *p)
{
    json_t *o = json_object();
    json_object_set_new(o, "name", known_string(p->name));
    json_object_set_new(o, "kind", known_string(p->kind));
    json_object_set_new(o, "perms", known_string(p->perms));
    put(o, "bytes", p->bytes);
    put_events(o, p);
    return o;
}

/* Most walk cycles first, then most faults. */
static json_t *place_list(struct places p, json_t *(*one)(const struct place *p))
{
    json_t *list = p.failed ? NULL : json_array();

    places_rank(&p, EV_WALK_CYCLES, EV_FAULTS);
    for (size_t i = 0; list && i < p.n; i++)
        json_array_append_new(list, one(&p.at[i]));
    places_free(&p);
    return list;
}

/* How sure the bare numbers are: those at the top and the events of functions, lines and mappings. */
static json_t *certainty_of_numbers(void)
{
    static const char *const counts[] = { "fetches", "modifies", "kernel_accesses", "bytes" };
    json_t *o = json_object();

    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++)
        json_object_set_new(o, counts[i], json_string("exact"));
    for (int e = 0; e < EVENT_COLUMNS; e++)
        json_object_set_new(o, event_info[e].name, json_string(event_info[e].certainty));
    return o;
}

/* ---- other processes --------------------------------------------------------------------------------------------- */

static json_t *processes(const struct report *r)
{
    json_t *list = json_array();

    for (size_t i = 0; i < r->processes; i++) {
        const struct summary *s = &r->process[i].summary;
        json_t *o = json_object();
        put_string(o, "file", r->process[i].file);
        json_object_set_new(o, "program", program(s));
        json_object_set_new(o, "exit", how_it_ended(s));
        put(o, "instructions", s->instructions);
        put(o, "loads", s->loads);
        put(o, "stores", s->stores);
        put(o, "fetches", s->fetches);
        json_object_set_new(o, "tlb", tlb(s));
        json_object_set_new(o, "walks", walks(s));
        put(o, "minor", s->minor);
        put(o, "major", s->major);
        json_object_set_new(o, "rss", rss(s));
        json_object_set_new(o, "page_tables", page_tables(s));
        json_array_append_new(list, o);
    }
    return list;
}

/* ---- the whole ------------------------------------------------------------------------------------------------- */

static json_t *document(const struct report *r)
{
    const struct summary *s = &r->summary;
    json_t *o = json_object();

    json_object_set_new(o, "format", json_integer(JSON_FORMAT));
    put_string(o, "tool", s->tool);
    json_object_set_new(o, "program", program(s));
    json_object_set_new(o, "exit", how_it_ended(s));
    json_object_set_new(o, "certainty", certainty_of_numbers());
    put(o, "instructions", s->instructions);
    put(o, "loads", s->loads);
    put(o, "stores", s->stores);
    put(o, "modifies", s->modifies);
    put(o, "fetches", s->fetches);
    put(o, "kernel_accesses", s->kernel_accesses);
    json_object_set_new(o, "profile", profile(r->results, s));
    json_object_set_new(o, "tlb", tlb(s));
    json_object_set_new(o, "walks", walks(s));
    json_object_set_new(o, "faults", faults(r->results, s));
    json_object_set_new(o, "rss", rss(s));
    json_object_set_new(o, "page_tables", page_tables(s));
    json_object_set_new(o, "syscalls", syscalls(r->results, s));
    json_object_set_new(o, "divergences", divergences(r->results, s));
    json_object_set_new(o, "shootdowns", shootdowns(s));
    json_object_set_new(o, "check", check(s));
    json_object_set_new(o, "functions", place_list(places_functions(r->results), function_place));
    json_object_set_new(o, "lines", place_list(places_lines(r->results), line_place));
    json_object_set_new(o, "mappings", place_list(places_mappings(r->results), mapping_place));
    json_object_set_new(o, "processes", processes(r));
    return o;
}

bool report_json(const struct report *r, FILE *out)
{
    json_t *o = document(r);
    bool whole = o && json_object_get(o, "functions") && json_object_get(o, "lines") && json_object_get(o, "mappings");

    whole = whole && !json_dumpf(o, out, JSON_INDENT(2)) && fputc('\n', out) != EOF && !fflush(out);
    json_decref(o);
    return whole && !ferror(out);
}
