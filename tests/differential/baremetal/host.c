/* SPDX-License-Identifier: MIT
 * host.c - the command of the bare-metal comparison:
 *
 *   baremetal IMAGE WAY [--cases N] [--seed N] [--first N] [--show N] [--full]
 *
 * plays N random cases in the emulator and on the model, prints the differences, those with a name counted, and ends
 * with "N passed, N failed".  Exit status: 0 no difference without a name, 1 some, 2 trouble, 77 skipped.
 * --show prints so many differences of each sort (8); --full every access in which emulator and model differ, named or not. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "replay.h"

struct options { const char *image; const struct way *way; u64 cases, seed, first, show; bool full; };

static int usage(void)
{
    fprintf(stderr, "usage: baremetal IMAGE WAY [--cases N] [--seed N] [--first N] [--show N] [--full], where WAY is one of:\n");
    for (u32 i = 0; way_at(i); i++)
        fprintf(stderr, "  %-12s %s\n", way_at(i)->name, way_at(i)->title);
    return 2;
}

static bool number_after(int argc, char **argv, int *i, const char *name, u64 *out)
{
    char *end;
    if (strcmp(argv[*i], name) || *i + 1 >= argc)
        return false;
    *out = strtoull(argv[++*i], &end, 0);
    return !*end;
}

static bool parse(int argc, char **argv, struct options *o)
{
    *o = (struct options){ .cases = 1000, .seed = 1, .show = 8 };
    if (argc < 3)
        return false;
    o->image = argv[1];
    o->way = way_find(argv[2]);
    for (int i = 3; i < argc; i++) {
        if (!strcmp(argv[i], "--full"))
            o->full = true;
        else if (!number_after(argc, argv, &i, "--cases", &o->cases) &&
                 !number_after(argc, argv, &i, "--seed", &o->seed) && !number_after(argc, argv, &i, "--show", &o->show) &&
                 !number_after(argc, argv, &i, "--first", &o->first))
            return false;
    }
    return o->way && o->cases;
}

static int report(const struct options *o, const struct tally *t)
{
    u64 failed = t->unnamed + t->digests + t->model;
    printf("%s: %" PRIu64 " cases, %" PRIu64 " accesses, seed %" PRIu64 "\n", o->way->name, t->cases, t->accesses,
           o->seed);
    for (u32 i = 0; named_at(i); i++)
        if (t->named[i])
            printf("  %8" PRIu64 "  %s\n", t->named[i], named_at(i)->name);
    printf("  %8" PRIu64 "  differences without a name\n", t->unnamed);
    printf("  %8" PRIu64 "  of %" PRIu64 " entries whose A or D bit is free were set by the emulator\n", t->set, t->free);
    printf("%" PRIu64 " passed, %" PRIu64 " failed\n", t->cases - (failed < t->cases ? failed : t->cases), failed);
    return failed ? 1 : 0;
}

int main(int argc, char **argv)
{
    struct options o;
    struct tally t = { .show = 0 };
    if (!parse(argc, argv, &o))
        return usage();
    const char *missing = emulator_missing(o.way);
    if (missing) {
        printf("skip: %s: %s\n", o.way->name, missing);
        return 77;
    }
    t.show = o.show;
    struct params p = {
        .magic = PARAMS_MAGIC, .seed = o.seed, .first = o.first, .count = o.cases, .low_end = o.way->low_end,
        .high_end = o.way->high_end, .block = 500,
        .flags = (o.way->la57 ? PARAMS_LA57 : 0u) | (o.full ? PARAMS_FULL : 0u) |
                 (o.way->emulator == QEMU ? PARAMS_TAME : 0u), /* it hangs QEMU 7.2 */
    };
    setvbuf(stdout, NULL, _IOLBF, 0);
    bool done = replay(o.way, o.image, &p, o.full, &t);
    return done ? report(&o, &t) : 2;
}
