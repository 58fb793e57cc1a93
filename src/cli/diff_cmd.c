/* SPDX-License-Identifier: MIT
 * diff_cmd.c - `pagewalk diff`: compares two runs and judges conditions about them.
 *
 * Everything wrong with the conditions is said before a file is read or written. */
#include "cli/cli.h"
#include "cli/output.h"
#include "cli/progress.h"

#include "report/diff.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#define TOP_DEFAULT 10
#define TOP_MAX 10000
#define CONDITIONS_MAX 256
#define STATUS_CONDITION_HOLDS 1

struct diff_options {
    const char *a, *b, *json;
    unsigned top;
    int by;               /* an event, or -1                                                                   */
    bool quiet;
    struct condition condition[CONDITIONS_MAX];
    size_t conditions;
};

enum { OPT_FAIL_IF = 256, OPT_BASELINE, OPT_BY, OPT_JSON, OPT_TOP };

/* ---- options --------------------------------------------------------------------------------------------------------- */

static int condition_option(struct diff_options *o)
{
    struct results_error err;

    if (o->conditions == CONDITIONS_MAX)
        return bad_usage("diff", "--fail-if can be given %d times at most", CONDITIONS_MAX);
    if (!condition_parse(&o->condition[o->conditions++], optarg, &err))
        return bad_usage("diff", "the condition '%s' %s", optarg, err.text);
    return 0;
}

static int take(int option, struct diff_options *o)
{
    u64 n;

    switch (option) {
    case 'h':
        return STATUS_HELP;
    case 'q':
        o->quiet = true;
        return 0;
    case OPT_FAIL_IF:
        return condition_option(o);
    case OPT_BY:
        o->by = find_event("diff", optarg);
        return o->by < 0 ? STATUS_OURS : 0;
    case OPT_TOP:
        if (!parse_number(optarg, 0, TOP_MAX, &n))
            return bad_usage("diff", "--top wants a number from 0 to %d, not '%s'", TOP_MAX, optarg);
        o->top = (unsigned)n;
        return 0;
    case OPT_BASELINE:
        o->a = optarg;
        return *optarg ? 0 : bad_usage("diff", "the baseline has an empty name");
    default:
        o->json = optarg;
        return *optarg ? 0 : bad_usage("diff", "an output file has an empty name");
    }
}

static int parse(int argc, char **argv, struct diff_options *o)
{
    static const struct option longs[] = {
        { "fail-if", required_argument, NULL, OPT_FAIL_IF }, { "baseline", required_argument, NULL, OPT_BASELINE },
        { "by", required_argument, NULL, OPT_BY }, { "json", required_argument, NULL, OPT_JSON },
        { "top", required_argument, NULL, OPT_TOP }, { "quiet", no_argument, NULL, 'q' }, { "help", no_argument, NULL, 'h' }, { 0 } };
    int option, status, files;

    opterr = 0;
    optind = 0;
    while ((option = getopt_long(argc, argv, ":qh", longs, NULL)) != -1) {
        if (option == '?' || option == ':')
            return bad_option("diff", option, argv);
        status = take(option, o);
        if (status)
            return status;
    }
    files = argc - optind + (o->a != NULL);
    if (files != 2)
        return bad_usage("diff", files < 2 ? "two runs are compared; give the earlier one first" : "two runs are compared, not more");
    if (!o->a)
        o->a = argv[optind++];
    o->b = argv[optind];
    if (o->json && (!strcmp(o->json, o->a) || !strcmp(o->json, o->b)))
        return bad_usage("diff", "the output would replace '%s'", o->json);
    return 0;
}

/* ---- the comparison ---------------------------------------------------------------------------------------------------- */

static bool read_side(struct diff_side *s, const char *file)
{
    struct results_error err;
    bool good;

    progress_begin("reading results");
    good = diff_side_read(s, file, &(struct results_progress){ progress_seen, NULL }, &err);
    progress_end();
    if (!good)
        say("%s %s", file, err.text);
    return good;
}

/* 0, STATUS_CONDITION_HOLDS, or STATUS_OURS after saying which condition cannot be judged. */
static int judge(struct diff *d, bool quiet)
{
    struct results_error err;
    int status = 0;

    for (size_t i = 0; i < d->conditions; i++) {
        if (!condition_judge(&d->condition[i], &d->a, &d->b, &err)) {
            say("the condition '%s' %s", d->condition[i].text, err.text);
            return STATUS_OURS;
        }
        if (!d->condition[i].holds)
            continue;
        status = STATUS_CONDITION_HOLDS;
        if (quiet)
            say("%s: %.15Lg in %s", d->condition[i].text, d->condition[i].b, d->b.file);
    }
    return status;
}

static bool show(const struct diff *d, const struct diff_options *o)
{
    bool standard = o->json && !strcmp(o->json, "-"), good = true;
    FILE *out = standard ? stdout : o->json ? fopen(o->json, "we") : NULL;

    errno = 0;
    if (o->json && !out)
        good = false;
    if (out)
        good = diff_json(d, out);
    if (out && !standard)
        good = !fclose(out) && good;
    if (!good) {
        say("cannot write %s: %s", standard ? "standard output" : o->json, errno ? strerror(errno) : "not enough memory");
        return false;
    }
    if (o->quiet || standard)
        return true;
    good = diff_text(d, &(struct diff_text_options){ o->top, columns_of(stdout), may_colour(stdout), o->by }, stdout);
    good = !fflush(stdout) && !ferror(stdout) && good;
    if (!good)
        say("cannot write the comparison: %s", errno ? strerror(errno) : "not enough memory");
    return good;
}

int cmd_diff(int argc, char **argv)
{
    static struct diff_options o;   /* conditions are large                                                         */
    struct diff d = { 0 };
    int status;

    o = (struct diff_options){ .top = TOP_DEFAULT, .by = -1 };
    status = parse(argc, argv, &o);
    if (status == STATUS_HELP)
        return print_help(command_find("diff"));
    if (status)
        return status;
    d.condition = o.condition;
    d.conditions = o.conditions;
    if (!output_check(o.json) || !read_side(&d.a, o.a))
        return STATUS_OURS;
    status = STATUS_OURS;
    if (read_side(&d.b, o.b))
        status = judge(&d, o.quiet || (o.json && !strcmp(o.json, "-")));
    if (status != STATUS_OURS && !show(&d, &o))
        status = STATUS_OURS;
    diff_side_free(&d.a);
    diff_side_free(&d.b);
    return status;
}
