/* SPDX-License-Identifier: MIT
 * whatif_cmd.c - `pagewalk whatif`: one recording under other settings, a row each. */
#include "cli/alternatives.h"
#include "cli/cli.h"
#include "cli/output.h"
#include "cli/progress.h"

#include "report/format.h"
#include "report/screen.h"

#include <errno.h>
#include <getopt.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_COLUMNS = 30, NUMBER_COLUMNS = 15 };

struct whatif_options { const char *file, *json; unsigned jobs; bool quiet; char **words; unsigned n; };

/* ---- the table ------------------------------------------------------------------------------------------------------ */

static struct words number_words(u64 n) { return format_num((struct num){ n, true }); }

static struct words size_words(u64 pages) { return format_pages((struct num){ pages, true }); }

static const char *const heads[] = { "walk cycles", "faults", "anonymous", "file", "copies", "huge", "peak memory", "page tables" };

static void put_row(struct screen *s, const struct alternative *a, const struct replay_outcome *base)
{
    const struct replay_outcome *o = &a->outcome;
    const u64 *f = o->faults;
    const u64 numbers[] = { o->walk_cycles, o->minor + o->major, f[MM_FAULT_ANON] + f[MM_FAULT_ZEROPAGE] + f[MM_FAULT_STACK],
                            f[MM_FAULT_FILE_READ] + f[MM_FAULT_FILE_COPY] + f[MM_FAULT_SHARED_WRITE] + f[MM_FAULT_SHMEM],
                            f[MM_FAULT_COW_COPY] + f[MM_FAULT_COW_REUSE], f[MM_FAULT_HUGE] };
    struct change c = whatif_change(base, o);
    unsigned column = NAME_COLUMNS;
    screen_put(s, BOLD, a->name);
    for (unsigned i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
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

static void put_table(const struct alternative *a, unsigned n)
{
    struct screen s = { stdout, columns_of(stdout), may_colour(stdout), 0 };
    unsigned column = NAME_COLUMNS;
    for (unsigned i = 0; i < sizeof heads / sizeof heads[0]; i++)
        screen_right(&s, DIM, column += !i ? NUMBER_COLUMNS : i < 6 ? 12 : 14, heads[i]);
    screen_put(&s, DIM, "   run time");
    screen_end(&s);
    for (unsigned i = 0; i < n; i++)
        if (a[i].done)
            put_row(&s, &a[i], &a[0].outcome);
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
    return json_pack("{sIsIsIsosIsIsIsIsI}", "walks", (json_int_t)o->walks, "walk_cycles", (json_int_t)o->walk_cycles, "stlb_cycles",
                     (json_int_t)o->stlb_cycles, "faults", faults, "copied_pages", (json_int_t)o->copied_pages, "zeroed_pages",
                     (json_int_t)o->zeroed_pages, "peak_rss_pages", (json_int_t)o->peak_rss_pages, "peak_table_pages",
                     (json_int_t)o->peak_table_pages, "shootdown_ipis", (json_int_t)o->ipis);
}

static json_t *json_alternative(const struct alternative *a, const struct replay_outcome *base)
{
    json_t *j = json_object();
    struct change c = whatif_change(base, &a->outcome);
    json_object_set_new(j, "settings", json_string(a->name));
    json_object_set_new(j, "outcome", a->done ? json_outcome(&a->outcome) : json_null());
    json_object_set_new(j, "whole", json_boolean(a->done && !a->cut));
    json_object_set_new(j, "run_time_change_percent",
                        a->done && c.known ? json_pack("{sfsfsf}", "low", c.low, "middle", c.middle, "high", c.high) : json_null());
    return j;
}

static bool write_json(const char *file, const struct whatif_options *o, const struct alternative *a, unsigned n)
{
    json_t *all = json_array(), *assumed = json_array(), *j;
    for (unsigned i = 0; i < n; i++)
        json_array_append_new(all, json_alternative(&a[i], &a[0].outcome));
    for (unsigned i = 0; whatif_assumption(i); i++)
        json_array_append_new(assumed, json_pack("{sssfsf}", "what", whatif_assumption(i)->what, "low", whatif_assumption(i)->low, "high",
                                                 whatif_assumption(i)->high));
    j = json_pack("{sisssosssssoso}", "format", 1, "recording", o->file, "alternatives", all, "counts", "as in `pagewalk run --json`", "run_time_change_percent",
                  "estimated", "assumed", assumed, "error", json_null());
    return output_json(file, j);
}

/* ---- the command ------------------------------------------------------------------------------------------------------ */

static int parse(int argc, char **argv, struct whatif_options *o)
{
    static const struct option longs[] = { { "json", required_argument, NULL, 'J' }, { "jobs", required_argument, NULL, 'j' },
                                           { "quiet", no_argument, NULL, 'q' }, { "help", no_argument, NULL, 'h' }, { 0 } };
    int option;
    u64 n;
    *o = (struct whatif_options){ .jobs = processors() };
    opterr = 0;
    optind = 0;
    while ((option = getopt_long(argc, argv, ":j:qh", longs, NULL)) != -1) {
        if (option == 'h')
            return STATUS_HELP;
        if (option == '?' || option == ':')
            return bad_option("whatif", option, argv);
        if (option == 'J')
            o->json = optarg;
        else if (option == 'q')
            o->quiet = true;
        else if (!parse_number(optarg, 1, 64, &n))
            return bad_usage("whatif", "--jobs wants a number from 1 to 64, not '%s'", optarg);
        else
            o->jobs = (unsigned)n;
    }
    if (optind == argc)
        return bad_usage("whatif", "no recording was given");
    o->file = argv[optind];
    o->words = argv + optind + 1;
    o->n = (unsigned)(argc - optind - 1);
    if (o->n && !strcmp(o->words[0], "--"))
        o->words++, o->n--;
    return o->n ? 0 : bad_usage("whatif", "no other setting was given, such as thp=always");
}

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

int cmd_whatif(int argc, char **argv)
{
    struct whatif_options o;
    struct alternative *a;
    int status = parse(argc, argv, &o);
    bool good;

    if (status == STATUS_HELP)
        return print_help(command_find("whatif"));
    if (status || !output_check(o.json))
        return STATUS_OURS;
    a = calloc(o.n + 1, sizeof *a);
    if (!a)
        return STATUS_OURS;
    a[0] = (struct alternative){ .name = "as recorded", .settings = { .thp = -1 } };
    for (unsigned i = 0; i < o.n; i++)
        if (!alternative_parse("whatif", o.words[i], &a[i + 1]))
            return STATUS_OURS;
    progress_begin("replaying");
    whatif_run(o.file, a, o.n + 1, o.jobs, progress_seen, NULL);
    progress_end();
    good = say_errors(a, o.n + 1);
    if (a[0].done && !o.quiet && !(o.json && !strcmp(o.json, "-")))
        put_table(a, o.n + 1);
    good = (!o.json || write_json(o.json, &o, a, o.n + 1)) && good;
    free(a);
    return good ? 0 : STATUS_OURS;
}
