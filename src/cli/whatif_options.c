/* SPDX-License-Identifier: MIT
 * whatif_options.c - reads the options of `pagewalk whatif` and `pagewalk advise` (getopt_long). */
#include "cli/whatif_options.h"
#include "cli/alternatives.h"
#include "cli/cli.h"
#include "cli/options.h"

#include "probe/resolve.h"
#include "report/results.h"

#include <getopt.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { JOBS_MAX = 64 };
#define SECONDS_MAX 1e9

static int take_jobs(const char *command, const char *value, struct whatif_options *o)
{
    u64 n;
    if (!parse_number(value, 1, JOBS_MAX, &n))
        return bad_usage(command, "--jobs wants a number from 1 to %d, not '%s'", JOBS_MAX, value);
    o->replay.jobs = (unsigned)n;
    return 0;
}

static int take_seconds(const char *command, const char *value, struct whatif_options *o)
{
    char *end;
    o->basis.seconds = strtod(value, &end);
    if (end == value || *end || !isfinite(o->basis.seconds) || o->basis.seconds <= 0 || o->basis.seconds > SECONDS_MAX)
        return bad_usage(command, "--seconds wants the CPU time of the run, such as 2.5, not '%s'", value);
    return 0;
}

static int take_costs(const char *command, const char *value, struct whatif_options *o)
{
    const struct mmu_profile *p = find_profile(command, value);
    if (!p)
        return STATUS_OURS;
    o->basis.costs = p->timing.costs;
    o->basis.costs.source = NULL;
    o->costs_given = true;
    profile_release(p);
    return o->basis.costs.mhz ? 0 : bad_usage(command, "'%s' has no measured costs; `pagewalk probe` writes a profile that has", value);
}

/* ---- which recording ------------------------------------------------------------------------------------------------ */

static bool is_results(const char *path)
{
    static const char first[] = "pagewalk-results ";
    char seen[sizeof first - 1];
    FILE *f = fopen(path, "re");
    bool is = f && fread(seen, 1, sizeof seen, f) == sizeof seen && !memcmp(seen, first, sizeof seen);
    if (f)
        fclose(f);
    return is;
}

/* Where the results say, or beside them; malloc'ed. */
static char *recording_of(const char *path, const char *said)
{
    const char *folder_end = strrchr(path, '/'), *name = strrchr(said, '/');
    char *beside;
    if (!access(said, R_OK))
        return strdup(said);
    if (asprintf(&beside, "%.*s%s", folder_end ? (int)(folder_end - path + 1) : 0, path, name ? name + 1 : said) < 0)
        return NULL;
    if (!access(beside, R_OK))
        return beside;
    free(beside);
    return NULL;
}

/* A results file stands for the recording that was made with it. */
static int follow_results(const char *command, struct whatif_options *o)
{
    struct results_error err;
    struct results *r = results_read(o->replay.path, NULL, &err);
    const char *said = r ? results_text(r, "recording") : NULL;
    char *found = said ? recording_of(o->replay.path, said) : NULL; /* kept as long as the options are               */
    int status = STATUS_OURS;
    if (!r)
        say("%s %s", o->replay.path, err.text);
    else if (!said)
        status = bad_usage(command, "%s holds counts only: run the program again with --record FILE.pw", o->replay.path);
    else if (!found)
        status = bad_usage(command, "the recording of %s, %s, is not there", o->replay.path, said);
    else
        status = 0;
    o->replay.path = found ? found : o->replay.path;
    results_free(r);
    return status;
}

static int take_file(const char *command, int argc, char **argv, struct whatif_options *o)
{
    if (optind == argc)
        return bad_usage(command, "no recording was given");
    o->replay.path = argv[optind];
    o->words = argv + optind + 1;
    o->n = (unsigned)(argc - optind - 1);
    if (o->n && !strcmp(o->words[0], "--"))
        o->words++, o->n--;
    return is_results(o->replay.path) ? follow_results(command, o) : 0;
}

int parse_whatif_options(const char *command, int argc, char **argv, struct whatif_options *o)
{
    static const struct option longs[] = { { "json", required_argument, NULL, 'J' }, { "html", required_argument, NULL, 'H' },
                                           { "jobs", required_argument, NULL, 'j' }, { "seconds", required_argument, NULL, 's' },
                                           { "costs", required_argument, NULL, 'c' }, { "without", required_argument, NULL, 'w' },
                                           { "quiet", no_argument, NULL, 'q' }, { "help", no_argument, NULL, 'h' }, { 0 } };
    int option, status = 0;
    *o = (struct whatif_options){ .replay.jobs = processors() };
    opterr = 0;
    optind = 0;
    while (!status && (option = getopt_long(argc, argv, ":j:qh", longs, NULL)) != -1)
        switch (option) {
        case 'J': o->json = optarg; break;
        case 'H': o->html = optarg; break;
        case 'w': o->replay.without = optarg; break;
        case 'q': o->quiet = true; break;
        case 'j': status = take_jobs(command, optarg, o); break;
        case 's': status = take_seconds(command, optarg, o); break;
        case 'c': status = take_costs(command, optarg, o); break;
        case 'h': return STATUS_HELP;
        default: return bad_option(command, option, argv);
        }
    return status ? status : take_file(command, argc, argv, o);
}

const struct basis *whatif_basis(struct whatif_options *o, const struct alternative *first)
{
    if (!o->costs_given)
        o->basis.costs = first->costs;
    return &o->basis;
}
