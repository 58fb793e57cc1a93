/* SPDX-License-Identifier: MIT
 * main.c - mmfuzz: random memory operations, done by the host's kernel and by the model, compared after every one.
 *
 *     mmfuzz [--seeds FROM-TO] [--ops N] [--smaps] [--time SECONDS] [--no-shrink] [--emit FILE] PERFORMER DISK-FOLDER
 *
 * --ops        operations of a seed (2000)                   --smaps   compare smaps and mincore too, check invariants
 * --time       stop after that many seconds                            after every operation
 * --no-shrink  a difference is only named
 * --emit FILE  write the sequence of the first seed as a scenario, each line with the answer it must get behind #=
 *
 * Prints what was compared and how fast; at the first difference, the shrunk scenario.  Exit status: 0 no difference,
 * 1 a difference, 2 it could not be tried, 77 the host cannot be compared (one line says why). */
#include "mmfuzz.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#define TRIES 3

struct options {
    u64 first, last;
    u32 ops, look;
    bool no_shrink;
    double seconds;
    const char *emit, *performer, *folder;
};

static double now_s(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static double seconds(const struct rusage *u)
{
    return (double)(u->ru_utime.tv_sec + u->ru_stime.tv_sec) + (double)(u->ru_utime.tv_usec + u->ru_stime.tv_usec) * 1e-6;
}

static bool usage(void)
{
    fputs("usage: mmfuzz [--seeds FROM-TO] [--ops N] [--smaps] [--time SECONDS] [--no-shrink] [--emit FILE]\n"
          "              PERFORMER DISK-FOLDER\n", stderr);
    return false;
}

static bool take_option(struct options *o, const char *name, const char *value)
{
    if (!strcmp(name, "--seeds"))
        return sscanf(value, "%" SCNu64 "-%" SCNu64, &o->first, &o->last) == 2;
    if (!strcmp(name, "--ops"))
        return (o->ops = (u32)strtoul(value, NULL, 10)) > 0;
    if (!strcmp(name, "--time"))
        return (o->seconds = strtod(value, NULL)) > 0;
    if (!strcmp(name, "--emit")) {
        o->emit = value;
        return true;
    }
    return false;
}

static bool take_options(struct options *o, int argc, char **argv)
{
    int i = 1;

    *o = (struct options){ .first = 1, .last = 100, .ops = 2000, .seconds = 1e9 };
    for (; i < argc && !strncmp(argv[i], "--", 2); i++) {
        if (!strcmp(argv[i], "--no-shrink"))
            o->no_shrink = true;
        else if (!strcmp(argv[i], "--smaps"))
            o->look = LOOK_SMAPS | LOOK_CORE;
        else if (i + 1 == argc || !take_option(o, argv[i], argv[i + 1]))
            return usage();
        else
            i++;
    }
    if (argc - i != 2)
        return usage();
    o->performer = argv[i];
    o->folder = argv[i + 1];
    return true;
}

static int report_difference(struct run *r, const struct options *o, double seconds)
{
    const u32 before = r->done_ops;

    printf("seed %" PRIu64 ": a difference (%s) at operation %u, after %.2f s; host %s, model %s\n", r->plan.seed,
           r->diff.what, r->diff.at, seconds, r->diff.host, r->diff.model);
    if (o->no_shrink)
        return 1;
    puts("shrinking ...");
    fflush(stdout);
    shrink(r);
    printf("%u operations of %u:\n", r->done_ops, before);
    scene_print(stdout, r);
    return 1;
}

/* The host does what it does at its own pace too (writing back, ageing, compacting).  A difference counts if the same
 * operations bring it about again; one that never comes back is reported and counted apart. */
static bool comes_back(struct run *r)
{
    struct difference first = r->diff;
    const u32 ops = r->done_ops;
    struct op *list = malloc(ops * sizeof *list);
    bool again = false;

    if (!list)
        return true;
    memcpy(list, r->done, ops * sizeof *list);
    r->given = list;
    r->given_ops = ops;
    for (int i = 0; i < TRIES && !again; i++)
        again = run_both(r) == DIFFERENT;
    r->given = NULL;
    if (!again)
        printf("seed %" PRIu64 ": operation %u (%s) differed once and never again: %s at 0x%" PRIx64
               ", host %s, model %s\n", r->plan.seed, first.at, op_name((enum op_kind)list[first.at].kind), first.what,
               first.addr, first.host, first.model);
    free(list);
    return again;
}

/* Somebody may set up the host anew while we run. */
static bool still_the_same(const struct profile *was, const char *folder)
{
    static struct profile is;

    profile_ask(&is, folder);
    if (!is.why_not[0] && !memcmp(&is.kernel, &was->kernel, sizeof is.kernel))
        return true;
    printf("skip: the host was set up differently while the fuzzer ran: %s\n",
           is.why_not[0] ? is.why_not : "see the kernel's settings");
    return false;
}

static int emit(struct run *r, const char *path)
{
    FILE *out = fopen(path, "w");

    if (!out) {
        perror(path);
        return 2;
    }
    scene_print(out, r);
    return fclose(out) ? 2 : 0;
}

static int fuzz(struct run *r, const struct options *o)
{
    const double start = now_s();
    u64 seeds = 0, once = 0;
    struct rusage own, theirs;
    double took, found;

    for (u64 seed = o->first; seed <= o->last && now_s() - start < o->seconds; seed++, seeds++) {
        plan_of_seed(&r->plan, r->profile, seed, o->ops, o->look);
        switch (run_both(r)) {
        case SAME: break;
        case DIFFERENT:
            found = now_s() - start;
            if (!still_the_same(r->profile, o->folder))
                return 77;
            if (comes_back(r))
                return report_difference(r, o, found);
            once++;
            break;
        case BROKEN: fprintf(stderr, "mmfuzz: seed %" PRIu64 ": %s\n", seed, r->diff.host); return 2;
        }
        if (o->emit)
            return emit(r, o->emit);
    }
    took = now_s() - start;
    getrusage(RUSAGE_SELF, &own);
    getrusage(RUSAGE_CHILDREN, &theirs);
    printf("%" PRIu64 " operations over %" PRIu64 " seeds without a difference in %.1f s: %.0f a second (%s)\n",
           r->tally.ops, seeds, took, (double)r->tally.ops / took, r->profile->name);
    printf("processor time of an operation: %.1f us here, %.1f us of the performer\n", 1e6 * seconds(&own) / (double)r->tally.ops,
           1e6 * seconds(&theirs) / (double)r->tally.ops);
    if (once)
        printf("%" PRIu64 " differences were seen once and never again\n", once);
    if (o->look)
        printf("not compared: Referenced differed %" PRIu64 " times, LazyFree was above its lower bound %" PRIu64
               " times\n", r->tally.excluded[EXCLUDED_REFERENCED], r->tally.excluded[EXCLUDED_LAZYFREE]);
    return 0;
}

int main(int argc, char **argv)
{
    static struct profile profile;
    static struct host host;
    static struct run run = { .profile = &profile, .host = &host };
    struct options o;
    const char *why;

    if (!take_options(&o, argc, argv))
        return 2;
    profile_ask(&profile, o.folder);
    if (profile.why_not[0]) {
        printf("skip: %s\n", profile.why_not);
        return 77;
    }
    why = host_open(&host, o.performer, o.folder);
    run.done = malloc((size_t)o.ops * sizeof *run.done);
    run.answers = o.emit ? calloc(o.ops, sizeof *run.answers) : NULL;
    if (why || !run.done || (o.emit && !run.answers)) {
        fprintf(stderr, "mmfuzz: %s\n", why ? why : "no memory");
        return 2;
    }
    return fuzz(&run, &o);
}
