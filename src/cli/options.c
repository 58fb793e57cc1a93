/* SPDX-License-Identifier: MIT
 * options.c - reads the options of `pagewalk run` and `pagewalk report` (getopt_long). */
#include "cli/options.h"
#include "cli/cli.h"

#include "pagewalk/sim.h"
#include "trace/setting_words.h"

#include <getopt.h>
#include <string.h>

#define TOP_DEFAULT 5
#define TOP_MAX 10000
#define PATH_DEPTH_DEFAULT 100
#define PATH_DEPTH_MAX 1000
#define RAM_LEAST_BYTES (16ull << 20)

enum {
    OPT_VIEW = 256, OPT_WEIGHT = OPT_VIEW + VIEWS, OPT_CPU, OPT_CPUS, OPT_TOP, OPT_TRACE_CHILDREN, OPT_CHECK, OPT_CHECK_FLUSH, OPT_CHECK_KERNEL, OPT_NO_FILTER, OPT_RAM, OPT_KEEP,
    OPT_CALL_PATHS, OPT_HEAP, OPT_L1, OPT_GUEST, OPT_HOST_PAGES, OPT_RECORD, OPT_THP, OPT_KERNEL, OPT_FAULT_AROUND, OPT_FORMAT, OPT_PAGES
};

#define VIEW_OPTIONS \
    { "json", required_argument, NULL, OPT_VIEW + VIEW_JSON }, { "callgrind", required_argument, NULL, OPT_VIEW + VIEW_CALLGRIND }, \
    { "html", required_argument, NULL, OPT_VIEW + VIEW_HTML }, { "csv", required_argument, NULL, OPT_VIEW + VIEW_CSV }, \
    { "folded", required_argument, NULL, OPT_VIEW + VIEW_FOLDED }, { "speedscope", required_argument, NULL, OPT_VIEW + VIEW_SPEEDSCOPE }, \
    { "timeline", required_argument, NULL, OPT_VIEW + VIEW_TIMELINE }, \
    { "symbol-order", required_argument, NULL, OPT_VIEW + VIEW_SYMBOL_ORDER }, { "section-order", required_argument, NULL, OPT_VIEW + VIEW_SECTION_ORDER }, \
    { "weight", required_argument, NULL, OPT_WEIGHT }, { "top", required_argument, NULL, OPT_TOP }, \
    { "quiet", no_argument, NULL, 'q' }, { "help", no_argument, NULL, 'h' }

/* ---- shared by both ---------------------------------------------------------------------------------------------- */

static const char *event_name(const void *ctx, unsigned i)
{
    (void)ctx;
    return i < EVENT_COLUMNS ? event_info[i].name : i == EV_FAULTS ? "faults" : NULL;
}

int find_event(const char *command, const char *name)
{
    const char *near = suggest(name, event_name, NULL);

    for (int e = 0; e < EVENTS; e++)
        if (!strcmp(name, event_name(NULL, (unsigned)e)))
            return e;
    if (near)
        bad_usage(command, "there is no event '%s'; did you mean '%s'?", name, near);
    else
        bad_usage(command, "there is no event '%s'", name);
    return -1;
}

/* 1: taken; 0: not one of these; else the status to exit with. */
static int view_option(const char *command, int option, struct view_options *v)
{
    int event;
    u64 n;

    if (option >= OPT_VIEW && option < OPT_VIEW + VIEWS) {
        v->file[option - OPT_VIEW] = optarg;
        return *optarg ? 1 : bad_usage(command, "an output file has an empty name");
    }
    switch (option) {
    case 'h':
        return STATUS_HELP;
    case 'q':
        v->quiet = true;
        return 1;
    case OPT_WEIGHT:
        event = find_event(command, optarg);
        v->weight = event < 0 ? EV_WALK_CYCLES : (enum event)event;
        return event < 0 ? STATUS_OURS : 1;
    case OPT_TOP:
        if (!parse_number(optarg, 0, TOP_MAX, &n))
            return bad_usage(command, "--top wants a number from 0 to %d, not '%s'", TOP_MAX, optarg);
        v->top = (unsigned)n;
        return 1;
    default:
        return 0;
    }
}

static int same_file_twice(const char *command, const char *results, const struct view_options *v)
{
    for (int i = 0; i < VIEWS; i++)
        for (int j = -1; j < i; j++) {
            const char *other = j < 0 ? results : v->file[j];
            if (v->file[i] && other && !strcmp(v->file[i], other) && strcmp(other, "/dev/null"))
                return bad_usage(command, "two outputs cannot both go to '%s'", other);
        }
    return 0;
}

/* 0, or said what is wrong. */
static int one_of(const char *command, const char *option, const char *value, const struct setting_word *words, int *to)
{
    return setting_find(words, value, to) ? 0 : bad_usage(command, "%s does not know '%s'", option, value);
}

/* ---- guests: run and replay ----------------------------------------------------------------------------------------- */

static int guest_option(const char *command, const char **guest)
{
    enum sim_guest_wish wish;

    *guest = optarg ? optarg : "any";
    return sim_guest_word(*guest, &wish) && wish ? 0 : bad_usage(command, "--guest wants ept, npt, any or no, not '%s'", *guest);
}

static int host_pages_option(const char *command, unsigned *lg2)
{
    *lg2 = *optarg == '2' ? 21 : PAGE_LG2;
    return strcmp(optarg, "4k") && strcmp(optarg, "2m") ? bad_usage(command, "--host-pages wants 4k or 2m, not '%s'", optarg) : 0;
}

/* ---- run ---------------------------------------------------------------------------------------------------------- */

static int run_option(int option, struct run_options *o)
{
    int chosen;
    u64 n;

    switch (option) {
    case 'o':
        o->results = optarg;
        return *optarg ? 0 : bad_usage("run", "an output file has an empty name");
    case OPT_CPU:
        o->profile = profile_for_tool("run", optarg);
        return o->profile ? 0 : STATUS_OURS;
    case OPT_CPUS:
        if (!parse_number(optarg, 1, CPUS_MAX, &n))
            return bad_usage("run", "--cpus wants a number from 1 to %d, not '%s'", CPUS_MAX, optarg);
        o->cpus = (unsigned)n;
        return 0;
    case OPT_RAM:
        if (!parse_size(optarg, &n) || n < RAM_LEAST_BYTES)
            return bad_usage("run", "--ram wants a size of at least 16M, such as 512M or 4G, not '%s'", optarg);
        o->ram_bytes = page_down(n);
        return 0;
    case OPT_THP:
        o->thp = optarg;
        return one_of("run", "--thp", optarg, thp_words, &chosen);
    case OPT_RECORD:
        o->record = optarg;
        return *optarg ? 0 : bad_usage("run", "an output file has an empty name");
    case OPT_CALL_PATHS:
        n = PATH_DEPTH_DEFAULT;
        if (optarg && !parse_number(optarg, 1, PATH_DEPTH_MAX, &n))
            return bad_usage("run", "--call-paths wants a number of calls from 1 to %d, not '%s'", PATH_DEPTH_MAX, optarg);
        o->call_paths = (unsigned)n;
        return 0;
    case OPT_HEAP:
        o->heap = true;
        return 0;
    case OPT_L1:
        o->l1 = true;
        return 0;
    case OPT_GUEST:
        return guest_option("run", &o->guest);
    case OPT_HOST_PAGES:
        return host_pages_option("run", &o->host_page_lg2);
    case OPT_TRACE_CHILDREN:
        o->trace_children = true;
        return 0;
    case OPT_CHECK:
        o->check = true;
        return 0;
    case OPT_CHECK_FLUSH:
        o->check_flush = true;
        return 0;
    case OPT_CHECK_KERNEL:
        o->check_kernel = true;
        return 0;
    case OPT_NO_FILTER:
        o->filter = false;
        return 0;
    default:
        o->keep = true;
        return 0;
    }
}

int parse_run_options(int argc, char **argv, struct run_options *o)
{
    static const struct option longs[] = {
        VIEW_OPTIONS,
        { "output", required_argument, NULL, 'o' }, { "cpu", required_argument, NULL, OPT_CPU },
        { "cpus", required_argument, NULL, OPT_CPUS }, { "record", required_argument, NULL, OPT_RECORD }, { "ram", required_argument, NULL, OPT_RAM },
        { "thp", required_argument, NULL, OPT_THP }, { "trace-children", no_argument, NULL, OPT_TRACE_CHILDREN }, { "check", no_argument, NULL, OPT_CHECK },
        { "check-flush", no_argument, NULL, OPT_CHECK_FLUSH },
        { "check-kernel", no_argument, NULL, OPT_CHECK_KERNEL }, { "no-filter", no_argument, NULL, OPT_NO_FILTER }, { "keep", no_argument, NULL, OPT_KEEP },
        { "call-paths", optional_argument, NULL, OPT_CALL_PATHS }, { "heap", no_argument, NULL, OPT_HEAP }, { "l1", no_argument, NULL, OPT_L1 },
        { "guest", optional_argument, NULL, OPT_GUEST }, { "host-pages", required_argument, NULL, OPT_HOST_PAGES }, { 0 } };
    int option, status;

    *o = (struct run_options){ .view = { .top = TOP_DEFAULT, .weight = EV_WALK_CYCLES }, .profile = "skylake", .cpus = 1, .filter = true };
    opterr = 0;
    optind = 0;
    while ((option = getopt_long(argc, argv, "+:o:qh", longs, NULL)) != -1) {
        if (option == '?' || option == ':')
            return bad_option("run", option, argv);
        status = view_option("run", option, &o->view);
        if (!status)
            status = run_option(option, o);
        else if (status == 1)
            status = 0;
        if (status)
            return status;
    }
    o->program = argv + optind;
    if (!*o->program)
        return bad_usage("run", "no program was given");
    if (o->guest && !strcmp(o->guest, "no"))
        o->guest = NULL;
    if (o->host_page_lg2 && !o->guest)
        return bad_usage("run", "--host-pages needs --guest");
    if (o->guest && (o->check || o->check_flush))
        return bad_usage("run", "--guest and %s cannot be used in one run: the check knows one table", o->check ? "--check" : "--check-flush");
    if (o->results && !strcmp(o->results, "-"))
        return bad_usage("run", "the results file cannot go to standard output; --json - can");
    return same_file_twice("run", o->results, &o->view);
}

/* ---- replay -------------------------------------------------------------------------------------------------------- */

static int replay_option(int option, struct replay_options *o)
{
    static const struct setting_word pages[] = { { "4k", PAGE_LG2 }, { "2m", 21 }, { "1g", 30 }, { NULL, 0 } };
    int status, chosen;
    u64 n;

    switch (option) {
    case 'o':
        o->results = optarg;
        return *optarg ? 0 : bad_usage("replay", "an output file has an empty name");
    case OPT_CPU:
        o->profile = optarg;
        return 0;
    case OPT_CPUS:
        if (!parse_number(optarg, 1, CPUS_MAX, &n))
            return bad_usage("replay", "--cpus wants a number from 1 to %d, not '%s'", CPUS_MAX, optarg);
        o->cpus = (unsigned)n;
        return 0;
    case OPT_RAM:
        if (!parse_size(optarg, &n) || n < RAM_LEAST_BYTES)
            return bad_usage("replay", "--ram wants a size of at least 16M, such as 512M or 4G, not '%s'", optarg);
        o->ram_bytes = page_down(n);
        return 0;
    case OPT_THP:
        return one_of("replay", "--thp", optarg, thp_words, &o->thp);
    case OPT_KERNEL:
        return one_of("replay", "--kernel", optarg, kernel_words, &o->kernel_version);
    case OPT_FORMAT:
        o->form = optarg;
        return *optarg ? 0 : bad_usage("replay", "--format wants the name of a form of traces");
    case OPT_PAGES:
        status = one_of("replay", "--pages", optarg, pages, &chosen);
        if (!status) {
            o->thp = chosen == 21 ? MM_THP_ALWAYS : MM_THP_NEVER;
            o->page_lg2 = chosen == 30 ? 30 : 0;
        }
        return status;
    case OPT_GUEST:
        return guest_option("replay", &o->guest);
    case OPT_HOST_PAGES:
        return host_pages_option("replay", &o->host_page_lg2);
    case OPT_L1:
        return bad_usage("replay", "a recording keeps pages, not cache lines; give --l1 to `pagewalk run`");
    default:
        if (!parse_size(optarg, &n) || n < PAGE_BYTES || n > (2u << 20) || (n & (n - 1)))
            return bad_usage("replay", "--fault-around wants a power of two from 4K (none) to 2M, not '%s'", optarg);
        o->fault_around_bytes = n;
        return 0;
    }
}

int parse_replay_options(int argc, char **argv, struct replay_options *o)
{
    static const struct option longs[] = {
        { "output", required_argument, NULL, 'o' }, VIEW_OPTIONS, { "cpu", required_argument, NULL, OPT_CPU },
        { "cpus", required_argument, NULL, OPT_CPUS }, { "ram", required_argument, NULL, OPT_RAM }, { "thp", required_argument, NULL, OPT_THP },
        { "kernel", required_argument, NULL, OPT_KERNEL }, { "fault-around", required_argument, NULL, OPT_FAULT_AROUND },
        { "format", required_argument, NULL, OPT_FORMAT }, { "pages", required_argument, NULL, OPT_PAGES },
        { "guest", optional_argument, NULL, OPT_GUEST }, { "host-pages", required_argument, NULL, OPT_HOST_PAGES },
        { "l1", no_argument, NULL, OPT_L1 }, { 0 } };
    int option, status;

    *o = (struct replay_options){ .view = { .top = TOP_DEFAULT, .weight = EV_WALK_CYCLES }, .thp = -1 };
    opterr = 0;
    optind = 0;
    while ((option = getopt_long(argc, argv, ":o:qh", longs, NULL)) != -1) {
        if (option == '?' || option == ':')
            return bad_option("replay", option, argv);
        status = view_option("replay", option, &o->view);
        if (!status)
            status = replay_option(option, o) ? STATUS_OURS : 1;
        if (status != 1)
            return status;
    }
    if (optind + 1 != argc)
        return bad_usage("replay", optind == argc ? "no recording was given" : "one recording at a time");
    o->file = argv[optind];
    if (o->results && !strcmp(o->results, "-"))
        return bad_usage("replay", "the results file cannot go to standard output; --json - can");
    return same_file_twice("replay", o->results, &o->view);
}

/* ---- report ------------------------------------------------------------------------------------------------------- */

int parse_report_options(int argc, char **argv, struct report_options *o)
{
    static const struct option longs[] = { VIEW_OPTIONS, { 0 } };
    int option, status;

    *o = (struct report_options){ .view = { .top = TOP_DEFAULT, .weight = EV_WALK_CYCLES } };
    opterr = 0;
    optind = 0;
    while ((option = getopt_long(argc, argv, ":qh", longs, NULL)) != -1) {
        if (option == '?' || option == ':')
            return bad_option("report", option, argv);
        status = view_option("report", option, &o->view);
        if (status != 1)
            return status;
    }
    if (optind + 1 != argc)
        return bad_usage("report", optind == argc ? "no results file was given" : "one results file at a time");
    o->file = argv[optind];
    return same_file_twice("report", o->file, &o->view);
}
