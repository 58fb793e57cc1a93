/* SPDX-License-Identifier: MIT
 * whatif_cmd.c - `pagewalk whatif`: one recording under other settings, a row each. */
#include "cli/alternatives.h"
#include "cli/cli.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/whatif_options.h"

#include "report/format.h"
#include "report/screen.h"
#include "trace/decode.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_COLUMNS = 30, NUMBER_COLUMNS = 15, NUMBERS = 7 };

/* ---- the table ------------------------------------------------------------------------------------------------------ */

static struct words number_words(u64 n) { return format_num((struct num){ n, true }); }

static struct words size_words(u64 pages) { return format_pages((struct num){ pages, true }); }

static const char *const heads[] = { "walk cycles", "faults", "anonymous", "file", "copies", "huge", "populated", "peak memory", "page tables" };

static void put_row(struct screen *s, const struct alternative *a, const struct replay_outcome *base, const struct basis *basis)
{
    const struct replay_outcome *o = &a->outcome;
    const u64 *f = o->faults;
    const u64 numbers[NUMBERS] = { o->walk_cycles, o->minor + o->major, f[MM_FAULT_ANON] + f[MM_FAULT_ZEROPAGE] + f[MM_FAULT_STACK],
                            f[MM_FAULT_FILE_READ] + f[MM_FAULT_FILE_COPY] + f[MM_FAULT_SHARED_WRITE] + f[MM_FAULT_SHMEM],
                            f[MM_FAULT_COW_COPY] + f[MM_FAULT_COW_REUSE], f[MM_FAULT_HUGE], o->populated };
    struct change c = estimate_change(basis, base, o);
    unsigned column = NAME_COLUMNS;
    screen_put(s, BOLD, a->name);
    for (unsigned i = 0; i < NUMBERS; i++)
        screen_right(s, PLAIN, column += i ? 12 : NUMBER_COLUMNS, number_words(numbers[i]).text);
    screen_right(s, PLAIN, column += 14, size_words(o->peak_rss_pages).text);
    screen_right(s, PLAIN, column += 14, size_words(o->peak_table_pages).text);
    screen_put(s, PLAIN, "   ");
    if (o == base)
        screen_put(s, DIM, "as it is");
    else if (c.known && c.low == 0 && c.high == 0)
        screen_put(s, DIM, "no change");
    else if (!c.known)
        screen_put(s, DIM, "unknown");
    else
        screen_printf(s, c.high < -0.5 ? GOOD : c.low > 0.5 ? ALARM : PLAIN, "%+.1f %% (%+.1f to %+.1f)", c.middle, c.low, c.high);
    screen_end(s);
}

static void put_table(const struct alternative *a, unsigned n, const struct basis *basis)
{
    struct screen s = { stdout, columns_of(stdout), may_colour(stdout), 0 };
    unsigned column = NAME_COLUMNS;
    for (unsigned i = 0; i < sizeof heads / sizeof heads[0]; i++)
        screen_right(&s, DIM, column += !i ? NUMBER_COLUMNS : i < NUMBERS ? 12 : 14, heads[i]);
    screen_put(&s, DIM, "   run time");
    screen_end(&s);
    for (unsigned i = 0; i < n; i++)
        if (a[i].done)
            put_row(&s, &a[i], &a[0].outcome, basis);
    screen_put(&s, DIM, "Counts are exact or modelled as `pagewalk run` counts them; the change in run time is estimated, from low to high (pagewalk help whatif).");
    screen_end(&s);
}

/* ---- JSON ------------------------------------------------------------------------------------------------------------ */

static json_t *json_outcome(const struct replay_outcome *o)
{
    json_t *faults = json_object();
    for (unsigned i = 0; i < MM_FAULT_KINDS; i++)
        json_object_set_new(faults, mm_fault_kind_name((enum mm_fault_kind)i), json_integer((json_int_t)o->faults[i]));
    json_object_set_new(faults, "minor", json_integer((json_int_t)o->minor));
    json_object_set_new(faults, "major", json_integer((json_int_t)o->major));
    return json_pack("{sIsIsIsosIsIsIsIsIsI}", "walks", (json_int_t)o->walks, "walk_cycles", (json_int_t)o->walk_cycles, "stlb_cycles",
                     (json_int_t)o->stlb_cycles, "faults", faults, "populated",
                     (json_int_t)o->populated, "copied_pages", (json_int_t)o->copied_pages, "zeroed_pages",
                     (json_int_t)o->zeroed_pages, "peak_rss_pages", (json_int_t)o->peak_rss_pages, "peak_table_pages",
                     (json_int_t)o->peak_table_pages, "shootdown_ipis", (json_int_t)o->ipis);
}

static json_t *json_alternative(const struct alternative *a, const struct replay_outcome *base, const struct basis *basis)
{
    json_t *j = json_object();
    struct change c = estimate_change(basis, base, &a->outcome);
    json_object_set_new(j, "settings", json_string(a->name));
    json_object_set_new(j, "outcome", a->done ? json_outcome(&a->outcome) : json_null());
    json_object_set_new(j, "whole", json_boolean(a->done && !a->cut));
    json_object_set_new(j, "run_time_change_percent",
                        a->done && c.known ? json_pack("{sfsfsf}", "low", c.low, "middle", c.middle, "high", c.high) : json_null());
    return j;
}

static json_t *json_assumptions(const struct basis *basis)
{
    json_t *all = json_array();
    struct assumption a;
    for (unsigned i = 0; estimate_assumption(basis, i, &a); i++)
        json_array_append_new(all, json_pack("{sssfsfsb}", "what", a.what, "low", a.low, "high", a.high, "measured", a.measured));
    return all;
}

static json_t *json_table(const struct whatif_options *o, const struct alternative *a, unsigned n)
{
    json_t *all = json_array();
    for (unsigned i = 0; i < n; i++)
        json_array_append_new(all, json_alternative(&a[i], &a[0].outcome, &o->basis));
    return json_pack("{sisssosssssososo}", "format", 1, "recording", o->replay.path, "alternatives", all, "counts", "as in `pagewalk run --json`",
                     "run_time_change_percent", "estimated", "seconds", o->basis.seconds > 0 ? json_real(o->basis.seconds) : json_null(), "assumed",
                     json_assumptions(&o->basis), "error", json_null());
}

/* ---- HTML ------------------------------------------------------------------------------------------------------------ */

/* The page of the recorded run, with the table in it. */
static bool write_html(const struct whatif_options *o, json_t *table)
{
    struct view_options view = { .file[VIEW_HTML] = o->html, .quiet = true };
    struct decode_error why;
    struct results_error err;
    struct report report;
    size_t n;
    char *results = decode_results(o->replay.path, &n, &why);
    bool good = false;
    if (!results) {
        say("%s %s", o->replay.path, why.text);
    } else if (!report_parse(&report, o->replay.path, results, n, &err)) {
        say("%s: its results: %s", o->replay.path, err.text);
    } else {
        report.whatif = table;
        good = output_views(&report, &view, stdout);
        report_free(&report);
    }
    json_decref(table);
    return good;
}

/* ---- the command ------------------------------------------------------------------------------------------------------ */

/* What went wrong, once for each reason. */
static bool say_errors(const struct alternative *a, unsigned n)
{
    bool good = true;
    for (unsigned i = 0; i < n; i++) {
        if (a[i].error[0] && (!i || strcmp(a[i].error, a[i - 1].error)))
            say("%s%s", a[i].error, a[i].cut ? "; what follows is up to there" : "");
        good = good && a[i].done && !a[i].cut;
    }
    return good;
}

static struct alternative *parse_alternatives(const struct whatif_options *o)
{
    struct alternative *a = calloc(o->n + 1, sizeof *a);
    bool good = a != NULL;
    for (unsigned i = 0; good && i < o->n; i++)
        good = alternative_parse("whatif", o->words[i], &a[i + 1]);
    if (good) {
        a[0] = (struct alternative){ .name = "as recorded", .settings = { .thp = -1 } };
        return a;
    }
    if (a)
        alternatives_forget(a, o->n + 1);
    free(a);
    return NULL;
}

int cmd_whatif(int argc, char **argv)
{
    struct whatif_options o;
    struct alternative *a;
    int status = parse_whatif_options("whatif", argc, argv, &o);
    bool good;

    if (status == STATUS_HELP)
        return print_help(command_find("whatif"));
    if (!status && !o.n)
        status = bad_usage("whatif", "no other setting was given, such as thp=always");
    if (status || !output_check(o.json) || !output_check(o.html) || !(a = parse_alternatives(&o)))
        return STATUS_OURS;
    progress_begin("replaying");
    whatif_run(&o.replay, a, o.n + 1, progress_seen, NULL);
    progress_end();
    good = say_errors(a, o.n + 1);
    whatif_basis(&o, &a[0]);
    if (a[0].done && !o.quiet && !(o.json && !strcmp(o.json, "-")))
        put_table(a, o.n + 1, &o.basis);
    good = (!o.json || output_json(o.json, json_table(&o, a, o.n + 1))) && good;
    good = (!o.html || write_html(&o, json_table(&o, a, o.n + 1))) && good;
    alternatives_forget(a, o.n + 1);
    free(a);
    return good ? 0 : STATUS_OURS;
}
