/* SPDX-License-Identifier: MIT
 * diff.c - the two sides of a comparison: reads them, and finds numbers in them by name.
 *
 * A name is the path of a number in the JSON report (docs/json.md): faults.minor, tlb.l1d.misses.  In front of it the
 * short names below are tried, which are those of the event columns.  functions[NAME].EVENT and mappings[NAME].EVENT
 * select by name and sum what they find. */
#include "report/diff_internal.h"
#include "report/format.h"
#include "report/json_internal.h"
#include "report/results_internal.h"

#include <stdlib.h>
#include <string.h>

/* ---- the sides ------------------------------------------------------------------------------------------------------- */

static bool is_json(const char *bytes, size_t len_bytes)
{
    size_t blank = strspn(bytes, " \t\r\n");
    return blank < len_bytes && bytes[blank] == '{';
}

static bool read_json(struct diff_side *s, const char *bytes, size_t len_bytes, struct results_error *err)
{
    json_error_t why;
    json_t *format;

    s->report = json_loadb(bytes, len_bytes, JSON_REJECT_DUPLICATES, &why);
    if (!s->report) {
        return results_refuse(err, "is not whole JSON: %.400s in line %d", why.text, why.line);
    }
    format = json_object_get(s->report, "format");
    if (json_is_integer(format) && json_integer_value(format) == 1 && json_is_array(json_object_get(s->report, "functions")))
        return true;
    diff_side_free(s);
    return results_refuse(err, "is not a report of format 1; give a file that `pagewalk run` or `pagewalk report --json` wrote");
}

bool diff_side_read(struct diff_side *s, const char *file, const struct results_progress *progress, struct results_error *err)
{
    struct report r = { .file = file };
    size_t len_bytes;
    char *bytes = results_bytes(file, &len_bytes, err);
    bool good;

    *s = (struct diff_side){ .file = file };
    if (!bytes)
        return false;
    if (is_json(bytes, len_bytes)) {
        good = read_json(s, bytes, len_bytes, err);
        free(bytes);
        return good;
    }
    r.results = results_parse(bytes, len_bytes, progress, err);
    if (!r.results)
        return false;
    summarize(r.results, &r.summary);
    s->report = report_document(&r);
    report_free(&r);
    return s->report || results_refuse(err, "cannot be compared: not enough memory");
}

void diff_side_free(struct diff_side *s)
{
    json_decref(s->report);
    s->report = NULL;
}

/* ---- numbers by name --------------------------------------------------------------------------------------------------- */

static const struct { const char *name, *path; } short_names[] = {
    { "faults.cow", "faults.copied_pages" }, { "cow", "faults.copied_pages" },
    { "minor", "faults.minor" }, { "major", "faults.major" },
    { "walk_cycles", "walks.cycles.walk" }, { "walk_reads", "walks.reads" },
    { "walks_i", "walks.instruction.total" }, { "walks_d", "walks.data.total" },
    { "l1i_cache_miss", "caches.instruction.fetches_missed" }, { "l1d_cache_line_miss", "caches.data.lines_missed" },
    { "l1i_miss", "tlb.l1i.misses" }, { "l1d_miss", "tlb.l1d.misses" },
};

const char *diff_string(const json_t *o, const char *key)
{
    const char *s = json_string_value(json_object_get(o, key));
    return s ? s : "";
}

struct num diff_num(const json_t *n)
{
    u64 digits;

    if (json_is_integer(n) && json_integer_value(n) >= 0)
        return num_of((u64)json_integer_value(n));
    /* docs/json.md: what does not fit an integer is a string of digits. */
    return json_is_string(n) && sscanf(json_string_value(n), "%llu", (unsigned long long *)&digits) == 1 ? num_of(digits) : NUM_UNKNOWN;
}

static enum found number_of(const json_t *n, long double *number)
{
    struct num count = diff_num(n);

    if (!n)
        return FOUND_NOTHING;
    if (json_is_null(n))
        return FOUND_UNKNOWN;
    *number = json_is_real(n) ? (long double)json_real_value(n) : (long double)count.n;
    return json_is_real(n) || count.known ? FOUND : FOUND_NO_NUMBER;
}

static const json_t *follow(const json_t *at, const char *path)
{
    char key[256];

    while (at && *path) {
        size_t len = strcspn(path, ".");
        snprintf(key, sizeof key, "%.*s", (int)len, path);
        at = json_object_get(at, key);
        path += len + (path[len] == '.');
    }
    return at;
}

bool diff_selects_places(const char *name) { return strchr(name, '['); }

static bool is_called(const json_t *place, const char *key, const char *wanted, size_t len)
{
    const char *name = diff_string(place, key), *base = format_basename(name);

    return (strlen(name) == len && !memcmp(name, wanted, len)) || (strlen(base) == len && !memcmp(base, wanted, len));
}

/* list[NAME].EVENT: NAME may itself hold brackets, as [heap] does, so the last "]." ends it. */
static enum found sum_of_places(const json_t *report, const char *name, long double *sum)
{
    const char *open = strchr(name, '['), *close = strstr(open, "]."), *next;
    bool functions = !strncmp(name, "functions[", 10);
    const json_t *list = json_object_get(report, functions ? "functions" : "mappings"), *place;
    enum found found = FOUND_NOTHING, one;
    long double number;
    size_t i;

    if ((!functions && strncmp(name, "mappings[", 9)) || !close)
        return FOUND_NOTHING;
    while ((next = strstr(close + 1, "].")))
        close = next;
    *sum = 0;
    json_array_foreach(list, i, place) {
        if (!is_called(place, functions ? "function" : "name", open + 1, (size_t)(close - open - 1)))
            continue;
        one = number_of(json_object_get(place, close + 2), &number);
        if (one != FOUND)
            return one;
        found = FOUND;
        *sum += number;
    }
    return found;
}

enum found diff_find(const json_t *report, const char *name, long double *number)
{
    static const char by_kind[] = "faults.by_kind.";
    char path[320];
    const json_t *n;

    if (diff_selects_places(name))
        return sum_of_places(report, name, number);
    for (size_t i = 0; i < sizeof short_names / sizeof short_names[0]; i++)
        if (!strcmp(name, short_names[i].name))
            name = short_names[i].path;
    n = follow(report, name);
    if (!n && !strncmp(name, "faults.", 7)) {
        snprintf(path, sizeof path, "%s%s", by_kind, name + 7);
        n = follow(report, path);
    }
    if (!n || !json_is_object(n))
        return number_of(n, number);
    return number_of(json_object_get(n, "total"), number); /* a group: walks, faults                                  */
}

struct num diff_number(const struct json_t *report, const char *name) { return diff_num(follow(report, name)); }
