/* SPDX-License-Identifier: MIT
 * json.c - a run as JSON, format 1 (docs/json.md says what every key means).
 *
 * Unknown is null and never 0; numbers are integers, exact, but for the shares.  Each group says how sure it is. */
#include "report/json_internal.h"
#include "report/places.h"
#include "report/report.h"

#define JSON_FORMAT 1

/* ---- the run --------------------------------------------------------------------------------------------------- */

static json_t *program(const struct summary *s)
{
    json_t *o = json_group("exact");
    json_put_text(o, "path", s->program);
    json_put_text(o, "arguments", s->arguments);
    json_put(o, "pid", s->pid);
    json_put(o, "parent", s->parent);
    json_put(o, "threads", s->threads);
    json_put(o, "children", s->children);
    json_put(o, "children_not_followed", s->children_not_followed);
    return o;
}

static json_t *how_it_ended(const struct summary *s)
{
    json_t *o = json_group("exact");
    json_put_text(o, "kind", s->exit_kind);
    json_put(o, "value", s->exit_value);
    json_put(o, "status", summary_status(s));
    return o;
}

static json_t *profile(const struct results *r, const struct summary *s)
{
    static const struct json_key keys[] = {
        { "name", "$name" }, { "level", "level" }, { "ports", "$ports" }, { "sizes", "$sizes" }, { "entries", "entries" },
        { "ways", "ways" }, { "sets", "sets" }, { "replacement", "$replacement" }, { "source", "$source" } };
    json_t *o = json_group("modelled");

    json_put_text(o, "name", s->profile);
    json_put_text(o, "title", s->profile_title);
    json_put(o, "cpus", s->cpus);
    json_put_text(o, "kernel", s->kernel);
    json_object_set_new(o, "arrays", json_of_table(results_table(r, "arrays"), keys, sizeof keys / sizeof keys[0]));
    return o;
}

/* ---- places ---------------------------------------------------------------------------------------------------- */

static json_t *known_string(const char *s) { return *s ? json_of_text(s) : json_null(); }

static void put_events(json_t *o, const struct place *p)
{
    for (int e = 0; e < EVENT_COLUMNS; e++)
        json_put(o, event_info[e].name, p->event[e]);
}

static json_t *code_place(const struct place *p, bool with_line)
{
    json_t *o = json_object();
    json_object_set_new(o, "object", known_string(p->object));
    json_object_set_new(o, "file", known_string(p->file));
    json_object_set_new(o, "function", known_string(p->function));
    if (with_line)
        json_put(o, "line", p->line);
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
    json_put(o, "bytes", p->bytes);
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
static json_t *certainty_of_numbers(const struct summary *s)
{
    static const char *const counts[] = { "fetches", "modifies", "kernel_accesses", "bytes", "end", "copied_pages", "zeroed_pages", "anon_pages",
                                          "file_pages", "shmem_pages", "table_pages", "touched_pages", "touched" };
    static const char *const modelled[] = { "misses", "walks" };
    json_t *o = json_object();

    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++)
        json_object_set_new(o, counts[i], json_string("exact"));
    for (size_t i = 0; i < sizeof modelled / sizeof modelled[0]; i++)
        json_object_set_new(o, modelled[i], json_string("modelled"));
    for (int e = 0; e < EVENT_COLUMNS; e++)
        json_object_set_new(o, event_info[e].name, json_string(e == EV_MINOR || e == EV_MAJOR ? s->kernel_certainty : event_info[e].certainty));
    return o;
}

/* ---- other processes --------------------------------------------------------------------------------------------- */

static json_t *processes(const struct report *r)
{
    json_t *list = json_array();

    for (size_t i = 0; i < r->processes; i++) {
        const struct summary *s = &r->process[i].summary;
        json_t *o = json_object();
        json_put_text(o, "file", r->process[i].file);
        json_object_set_new(o, "program", program(s));
        json_object_set_new(o, "exit", how_it_ended(s));
        json_put(o, "instructions", s->instructions);
        json_put(o, "loads", s->loads);
        json_put(o, "stores", s->stores);
        json_put(o, "fetches", s->fetches);
        json_object_set_new(o, "tlb", json_of_tlb(s));
        json_object_set_new(o, "walks", json_of_walks(s));
        json_put(o, "minor", s->minor);
        json_put(o, "major", s->major);
        json_object_set_new(o, "rss", json_of_rss(s));
        json_object_set_new(o, "page_tables", json_of_page_tables(s));
        json_array_append_new(list, o);
    }
    return list;
}

/* ---- the whole ------------------------------------------------------------------------------------------------- */

json_t *report_document(const struct report *r)
{
    const struct summary *s = &r->summary;
    json_t *o = json_object();

    json_object_set_new(o, "format", json_integer(JSON_FORMAT));
    json_put_text(o, "tool", s->tool);
    json_object_set_new(o, "program", program(s));
    json_object_set_new(o, "exit", how_it_ended(s));
    json_put_text(o, "recording", s->recording);
    json_object_set_new(o, "trace", json_of_trace(r->results, s));
    json_object_set_new(o, "certainty", certainty_of_numbers(s));
    json_put(o, "instructions", s->instructions);
    json_put(o, "loads", s->loads);
    json_put(o, "stores", s->stores);
    json_put(o, "modifies", s->modifies);
    json_put(o, "fetches", s->fetches);
    json_put(o, "kernel_accesses", s->kernel_accesses);
    json_object_set_new(o, "profile", profile(r->results, s));
    json_object_set_new(o, "tlb", json_of_tlb(s));
    json_object_set_new(o, "walks", json_of_walks(s));
    json_object_set_new(o, "guest", json_of_guest(r->results));
    json_object_set_new(o, "caches", json_of_caches(r->results));
    json_object_set_new(o, "faults", json_of_faults(r->results, s));
    json_object_set_new(o, "rss", json_of_rss(s));
    json_object_set_new(o, "page_tables", json_of_page_tables(s));
    json_object_set_new(o, "map_count", json_of_map_count(s));
    json_object_set_new(o, "syscalls", json_of_syscalls(r->results, s));
    json_object_set_new(o, "divergences", json_of_divergences(r->results, s));
    json_object_set_new(o, "shootdowns", json_of_shootdowns(s));
    json_object_set_new(o, "check", json_of_check(s));
    json_object_set_new(o, "check_kernel", json_of_check_kernel(s));
    json_object_set_new(o, "check_flush", json_of_check_flush(r->results, s));
    json_object_set_new(o, "timeline", json_of_timeline(r->results));
    json_object_set_new(o, "regions", json_of_regions(r->results));
    json_object_set_new(o, "allocations", json_of_allocations(r->results));
    json_object_set_new(o, "paths", json_of_paths(r->results));
    json_object_set_new(o, "heat", json_of_heat(r->results));
    json_object_set_new(o, "copy_on_write", json_of_cow(r));
    json_object_set_new(o, "startup", json_of_startup(r->results));
    json_object_set_new(o, "functions", place_list(places_functions(r->results), function_place));
    json_object_set_new(o, "lines", place_list(places_lines(r->results), line_place));
    json_object_set_new(o, "mappings", place_list(places_mappings(r->results), mapping_place));
    json_object_set_new(o, "processes", processes(r));
    if (json_object_get(o, "functions") && json_object_get(o, "lines") && json_object_get(o, "mappings"))
        return o;
    json_decref(o);
    return NULL;
}

bool report_json(const struct report *r, FILE *out)
{
    json_t *o = report_document(r);
    bool whole = o && !json_dumpf(o, out, JSON_INDENT(2)) && fputc('\n', out) != EOF && !fflush(out);
    json_decref(o);
    return whole && !ferror(out);
}
