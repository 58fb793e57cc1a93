/* SPDX-License-Identifier: MIT
 * html.c - a run as one HTML file that opens from disk and asks the network for nothing.
 *
 * The page is html/page.css and the scripts beside it, embedded by tools/embed.py with the hashes of both; its policy lets nothing
 * else run (CSP level 3, section 6.7.3).  The data stands in a JSON data block, which is never executed; '<' is written
 * \u003c there, so no name can end the block.  What the page shows of unknown numbers it gets as null. */
#include "report/html_page.h"
#include "report/html_paths.h"
#include "report/json_internal.h"
#include "report/places.h"
#include "report/startup.h"

#include <stdio.h>
#include <string.h>

/* ---- data ---------------------------------------------------------------------------------------------------------------- */

static void put_events(json_t *row, const struct place *p)
{
    for (int e = 0; e < EVENT_COLUMNS; e++)
        json_array_append_new(row, json_of_num(p->event[e]));
}

/* [NAME, [CHILD...]] appended to the list; gives the list of children. */
static json_t *branch(json_t *list, const char *name)
{
    json_t *o = json_array(), *children = json_array();

    json_array_append_new(o, json_of_text(name));
    json_array_append_new(o, children);
    json_array_append_new(list, o);
    return children;
}

/* Objects of files of functions of lines: places_lines() is in that order, so each name is written once. */
static json_t *line_tree(const struct places *p)
{
    json_t *objects = json_array(), *files = NULL, *functions = NULL, *lines = NULL;

    for (size_t i = 0; i < p->n; i++) {
        const struct place *at = &p->at[i], *last = i ? at - 1 : NULL;
        json_t *row = json_array();
        bool object = !last || strcmp(at->object, last->object), file = object || strcmp(at->file, last->file);
        if (object)
            files = branch(objects, at->object);
        if (file)
            functions = branch(files, at->file);
        if (file || strcmp(at->function, last->function))
            lines = branch(functions, at->function);
        json_array_append_new(row, json_of_num(at->line));
        put_events(row, at);
        json_array_append_new(lines, row);
    }
    return objects;
}

static json_t *mapping_rows(const struct places *p)
{
    json_t *list = json_array();

    for (size_t i = 0; i < p->n; i++) {
        json_t *row = json_array();
        json_array_append_new(row, json_of_text(p->at[i].name));
        json_array_append_new(row, json_of_text(p->at[i].kind));
        json_array_append_new(row, json_of_text(p->at[i].perms));
        json_array_append_new(row, json_of_num(p->at[i].bytes));
        put_events(row, &p->at[i]);
        json_array_append_new(list, row);
    }
    return list;
}

static json_t *event_list(void)
{
    json_t *list = json_array();

    for (int e = 0; e < EVENT_COLUMNS; e++)
        json_array_append_new(list, json_pack("[sss]", event_info[e].name, event_info[e].title, event_info[e].certainty));
    return list;
}

/* Functions that were the first on a page or took a fault: [order, symbol, instructions, pages, faults, mapped, wasted]. */
static json_t *startup_rows(const struct results *r)
{
    json_t *list = json_array();
    struct startup_function f;
    struct startup s;

    startup_begin(&s, r);
    for (unsigned order = 1; startup_next(&s, &f); order++) {
        const struct num n[] = { f.instructions, f.pages, f.faults, f.mapped_pages, f.wasted_pages };
        json_t *row;
        if (!f.pages.n && !f.faults.n)
            continue;
        row = json_array();
        json_array_append_new(row, json_integer(order));
        json_array_append_new(row, json_of_text(f.symbol));
        for (size_t i = 0; i < sizeof n / sizeof n[0]; i++)
            json_array_append_new(row, json_of_num(n[i]));
        json_array_append_new(list, row);
    }
    return list;
}

static json_t *page_data(const struct report *r)
{
    static const char *const written_shorter[] = { "functions", "lines", "mappings", "paths" };
    struct places lines = places_lines(r->results), mappings = places_mappings(r->results);
    json_t *o = NULL, *paths, *report = report_document(r);

    if (report && !lines.failed && !mappings.failed) {
        for (size_t i = 0; i < sizeof written_shorter / sizeof written_shorter[0]; i++)
            json_object_del(report, written_shorter[i]);
        json_object_del(json_object_get(report, "startup"), "functions");
        o = json_object();
        json_object_set_new(o, "events", event_list());
        json_object_set_new(o, "lines", line_tree(&lines));
        json_object_set_new(o, "mappings", mapping_rows(&mappings));
        json_object_set_new(o, "startup", startup_rows(r->results));
        json_object_set(o, "report", report);
        if (r->whatif)
            json_object_set(o, "whatif", r->whatif);
        if ((paths = html_paths(r->results)))
            json_object_set_new(o, "paths", paths);
    }
    json_decref(report);
    places_free(&lines);
    places_free(&mappings);
    return o;
}

/* ---- the file ------------------------------------------------------------------------------------------------------------ */

/* In JSON '<' stands in strings only. */
static int put_data(const char *bytes, size_t len, void *ctx)
{
    FILE *out = ctx;

    for (size_t i = 0; i < len; i++)
        if ((bytes[i] == '<' ? fputs("\\u003c", out) : fputc(bytes[i], out)) == EOF)
            return -1;
    return 0;
}

static void put_escaped(FILE *out, const char *s)
{
    for (; *s; s++)
        if (*s == '<' || *s == '&')
            fputs(*s == '<' ? "&lt;" : "&amp;", out);
        else
            fputc((u8)*s < 0x20 ? ' ' : *s, out);
}

bool report_html(const struct report *r, FILE *out)
{
    json_t *data = page_data(r);
    bool whole = data != NULL;

    if (!whole)
        return false;
    fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
          "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; script-src '" HTML_SCRIPT_HASH "'; style-src '"
          HTML_STYLE_HASH "'; base-uri 'none'; form-action 'none'\">\n"
          "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<meta name=\"color-scheme\" content=\"light dark\">\n<title>", out);
    put_escaped(out, r->summary.arguments ? r->summary.arguments : r->file);
    fputs(" - pagewalk</title>\n<style>", out);
    fwrite(html_style, 1, sizeof html_style, out);
    fputs("</style>\n</head>\n<body>\n<noscript>This report is drawn by its own script, which is switched off here; "
          "<code>pagewalk report FILE</code> prints the same as text.</noscript>\n<script type=\"application/json\" id=\"data\">", out);
    whole = !json_dump_callback(data, put_data, out, JSON_COMPACT);
    json_decref(data);
    fputs("</script>\n<script>", out);
    fwrite(html_script, 1, sizeof html_script, out);
    fputs("</script>\n</body>\n</html>\n", out);
    return whole && !fflush(out) && !ferror(out);
}
