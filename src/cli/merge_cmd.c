/* SPDX-License-Identifier: MIT
 * merge_cmd.c - `pagewalk merge`: results files as one table, in CSV, JSON Lines or an SQLite database. */
#include "cli/cli.h"
#include "cli/output.h"

#include "report/merge.h"

#include <errno.h>
#include <getopt.h>
#include <string.h>

struct merge_options { const char *csv, *jsonl, *sqlite; };

static int parse(int argc, char **argv, struct merge_options *o)
{
    static const struct option longs[] = { { "csv", required_argument, NULL, 'c' }, { "jsonl", required_argument, NULL, 'j' },
                                           { "sqlite", required_argument, NULL, 's' }, { "help", no_argument, NULL, 'h' }, { 0 } };
    int option;
    *o = (struct merge_options){ 0 };
    opterr = 0;
    optind = 0;
    while ((option = getopt_long(argc, argv, ":h", longs, NULL)) != -1) {
        if (option == 'h')
            return STATUS_HELP;
        if (option == '?' || option == ':')
            return bad_option("merge", option, argv);
        if (!*optarg)
            return bad_usage("merge", "an output file has an empty name");
        *(option == 'c' ? &o->csv : option == 'j' ? &o->jsonl : &o->sqlite) = optarg;
    }
    if (optind == argc)
        return bad_usage("merge", "no results files were given");
    if (o->csv && o->jsonl && !strcmp(o->csv, o->jsonl))
        return bad_usage("merge", "two outputs cannot both go to '%s'", o->csv);
    if (o->sqlite && !strcmp(o->sqlite, "-"))
        return bad_usage("merge", "a database cannot go to standard output");
    if (!o->csv && !o->jsonl && !o->sqlite)
        o->csv = "-";
    return 0;
}

static bool write_table(const struct merge *m, const char *file, bool (*put)(const struct merge *m, FILE *out))
{
    FILE *out = !strcmp(file, "-") ? stdout : fopen(file, "we");
    bool good = out && put(m, out);
    if (out && out != stdout)
        good = !fclose(out) && good;
    if (!good)
        say("cannot write %s: %s", file, strerror(errno));
    return good;
}

static bool write_database(const struct merge *m, const char *file)
{
    char why[256];
    bool good = merge_sqlite(m, file, why);
    if (!good)
        say("cannot write %s: %s", file, why);
    return good;
}

/* What can be read is joined; what cannot is said. */
static bool read_all(struct merge *m, char **files)
{
    struct results_error err;
    bool good = true;
    for (; *files && !m->no_memory; files++)
        if (!merge_add(m, *files, &err)) {
            say("%s %s", *files, err.text);
            good = false;
        }
    return good;
}

int cmd_merge(int argc, char **argv)
{
    struct merge_options o;
    struct merge m = { 0 };
    int status = parse(argc, argv, &o);
    bool good;

    if (status == STATUS_HELP)
        return print_help(command_find("merge"));
    if (status || !output_check(o.csv) || !output_check(o.jsonl) || !output_check(o.sqlite))
        return STATUS_OURS;
    good = read_all(&m, argv + optind);
    if (m.rows && !m.no_memory) {
        good = (!o.csv || write_table(&m, o.csv, merge_csv)) && good;
        good = (!o.jsonl || write_table(&m, o.jsonl, merge_jsonl)) && good;
        good = (!o.sqlite || write_database(&m, o.sqlite)) && good;
    }
    merge_free(&m);
    return good ? 0 : STATUS_OURS;
}
