/* SPDX-License-Identifier: MIT
 * sweep_cmd.c - `pagewalk sweep`: one command for each recording under each combination of settings, to be run by whatever runs
 * commands (GNU parallel, a Slurm array); `pagewalk merge` joins what they write.
 *
 * A command stands alone: every path is from the root, every word quoted as it must be, its results have a name of their own. */
#include "cli/cli.h"
#include "cli/sweep_spec.h"

#include "report/results.h"

#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* A point of the sweep: a recording, and a value of each setting. */
struct point { size_t recording, value[SWEEP_SETTINGS_MAX]; };

static size_t points_of(const struct sweep_spec *s)
{
    size_t n = s->recording.n;
    for (unsigned i = 0; i < s->settings; i++)
        n *= s->setting[i].value.n;
    return n;
}

/* The last setting changes fastest. */
static struct point point_at(const struct sweep_spec *s, size_t n)
{
    struct point p;
    for (unsigned i = s->settings; i-- > 0; n /= s->setting[i].value.n)
        p.value[i] = n % s->setting[i].value.n;
    p.recording = n;
    return p;
}

/* As a shell takes it for one word. */
static void put_quoted(FILE *out, const char *word)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=./:,@%";
    if (*word && !word[strspn(word, plain)]) {
        fputs(word, out);
        return;
    }
    fputc('\'', out);
    for (; *word; word++)
        fputs(*word == '\'' ? "'\\''" : (char[2]){ *word, 0 }, out);
    fputc('\'', out);
}

/* "gcc.pw,cpu=zen4,thp=always.results", in the folder of results. */
static bool results_name(const struct sweep_spec *s, const struct point *p, char *to, size_t room)
{
    int n = snprintf(to, room, "%s/%s", s->results, s->called.word[p->recording]);
    for (unsigned i = 0; i < s->settings && n > 0 && (size_t)n < room; i++) {
        const char *value = s->setting[i].value.word[p->value[i]];
        int from = n;
        n += snprintf(to + n, room - (size_t)n, ",%s=%s", s->setting[i].name, value);
        for (char *c = to + from; *c; c++)
            *c = *c == '/' ? '_' : *c;
    }
    if (n > 0 && (size_t)n < room)
        n += snprintf(to + n, room - (size_t)n, ".results");
    return n > 0 && (size_t)n < room;
}

static void put_command(const struct sweep_spec *s, const struct point *p, const char *pagewalk, const char *results)
{
    fputs("mkdir -p ", stdout);
    put_quoted(stdout, s->results);
    fputs(" && ", stdout);
    put_quoted(stdout, pagewalk);
    fputs(" replay -q", stdout);
    for (unsigned i = 0; i < s->settings; i++) {
        printf(" --%s=", s->setting[i].name);
        put_quoted(stdout, s->setting[i].value.word[p->value[i]]);
    }
    fputs(" -o ", stdout);
    put_quoted(stdout, results);
    fputs(" -- ", stdout);
    put_quoted(stdout, s->recording.word[p->recording]);
    fputc('\n', stdout);
}

static bool is_done(const char *results)
{
    struct results_error err;
    struct results *r = results_read(results, NULL, &err);
    results_free(r);
    return r != NULL;
}

static bool list(const struct sweep_spec *s, bool only_missing)
{
    char pagewalk[PATH_MAX], results[PATH_MAX];
    const ssize_t n = readlink("/proc/self/exe", pagewalk, sizeof pagewalk - 1);
    const size_t points = points_of(s);
    if (n < 0) {
        say("cannot tell where this command is");
        return false;
    }
    pagewalk[n] = 0;
    for (size_t i = 0; i < points; i++) {
        const struct point p = point_at(s, i);
        if (!results_name(s, &p, results, sizeof results)) {
            say("the name of a results file would be too long: %s...", results);
            return false;
        }
        if (!only_missing || !is_done(results))
            put_command(s, &p, pagewalk, results);
    }
    return true;
}

static void explain(const struct sweep_spec *s, const char *file)
{
    printf("%zu points: %zu recording%s", points_of(s), s->recording.n, s->recording.n == 1 ? "" : "s");
    for (unsigned i = 0; i < s->settings; i++)
        printf(" x %zu %s", s->setting[i].value.n, s->setting[i].name);
    printf("; results go to %s\n"
           "run them:   pagewalk sweep --list %s | parallel\n"
           "join them:  pagewalk merge --csv sweep.csv %s/*.results\n", s->results, file, s->results);
}

int cmd_sweep(int argc, char **argv)
{
    static const struct option longs[] = { { "list", no_argument, NULL, 'l' }, { "missing", no_argument, NULL, 'm' }, { "help", no_argument, NULL, 'h' },
                                           { 0 } };
    struct sweep_spec spec;
    bool good, lists = false, missing = false;
    int option;

    opterr = 0;
    optind = 0;
    while ((option = getopt_long(argc, argv, ":h", longs, NULL)) != -1) {
        if (option == 'h')
            return print_help(command_find("sweep"));
        if (option == '?' || option == ':')
            return bad_option("sweep", option, argv);
        lists = true;
        missing = missing || option == 'm';
    }
    if (optind + 1 != argc)
        return bad_usage("sweep", optind == argc ? "no file was given that says what to try" : "one file at a time");
    good = sweep_read(argv[optind], &spec) && (!lists || list(&spec, missing));
    if (good && !lists)
        explain(&spec, argv[optind]);
    sweep_free(&spec);
    if (good && fflush(stdout)) {
        say("cannot write the list");
        good = false;
    }
    return good ? 0 : STATUS_OURS;
}
