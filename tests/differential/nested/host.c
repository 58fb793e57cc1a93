/* SPDX-License-Identifier: MIT
 * host.c - the command of the comparison of nested paging:
 *
 *   nested-compare IMAGE WAY [--cases N] [--seed N] [--first N] [--show N] [--full]
 *
 * plays N random cases in the emulator and on the model, prints the differences, those with a name counted, and ends with
 * "N passed, N failed".  Exit status: 0 no difference without a name, 1 some, 2 trouble, 77 skipped.  --show prints so many
 * differences of each sort (4); --full every access in which emulator and model differ, named or not.
 *
 * The guest tells only accesses that it finds wrong, and a digest of all (guest.c has the lines).  So a block agrees when the model,
 * with the told accesses put in place of its own, has the same digest: then every other access was the same in both. */
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "differences.h"
#include "model.h"
#include "tests/differential/baremetal/emulator.h"

enum { MAX_WORDS = TOLD_WORDS + NESTED_ENTRIES, OUTCOMES = 16, NAMES = 16, BLOCK = 500, SILENCE_SECONDS = 120 };

struct options { const char *image; const struct way *way; u64 cases, seed, first, show; bool full; };
struct told { u64 number; u32 step; struct nested_seen got; };

struct run {
    struct options o;
    struct params p;
    struct part part;
    struct layout layout;
    struct nested_engine *model;
    struct told told[BLOCK * NESTED_STEPS]; /* of the block so far                                                   */
    u32 tolds, taken;
    u64 next, digest;
    u64 cases, accesses, named[NAMES], unnamed, digests, wrong_model;
    u64 outcome[OUTCOMES];      /* what the guest says it saw                                                        */
};

/* ---- telling ------------------------------------------------------------------------------------------------------- */

static const char *const outcome_name[OUTCOMES] = {
    [ORACLE_DONE] = "done", [ORACLE_PF] = "#PF", [ORACLE_GP] = "#GP", [ORACLE_SS] = "#SS", [NESTED_VIOLATION] = "EPT violation",
    [NESTED_MISCONFIGURATION] = "EPT misconfiguration", [NESTED_PAGE_FAULT] = "nested page fault",
    [NESTED_LOG_FULL] = "log full", [NESTED_LOST] = "something else",
};

static void show_seen(const char *who, const struct nested_seen *g)
{
    printf("    %-9s %s %" PRIx64 " address %" PRIx64 " linear %" PRIx64 " value %" PRIx64 " logged %" PRIu64 " log %" PRIx64
           " data %" PRIx64 "\n      ", who,
           outcome_name[g->raw.outcome % OUTCOMES], g->raw.error, g->raw.address, g->raw.linear, g->raw.value, g->raw.logged, g->raw.log, g->data);
    for (u32 i = 0; i < g->entries; i++)
        printf(" %" PRIx64, g->entry[i]);
    printf("\n");
}

static void show(const struct run *r, const struct nested_difference *d, const struct nested_seen *model, const char *what)
{
    const struct nested_cpu *cpu = &d->c->cpu;
    printf("%s: case %" PRIu64 " access %u: %s\n    %s of %" PRIx64 ", CPL %u AC %u; guest LA57 %d WP %d SMEP %d SMAP %d NXE %d; host "
           "A/D %d modes %d NXE %d\n    before   ", r->o.way->name, d->c->number, (u32)(d->s - d->c->step), what,
           (const char *[]){ "load", "store", "fetch" }[d->s->kind], d->c->va + d->s->offset, d->s->cpl, d->s->ac, cpu->guest.la57,
           cpu->guest.wp, cpu->guest.smep, cpu->guest.smap, cpu->guest.nxe, cpu->ad, cpu->modes, cpu->nxe);
    for (u32 i = 0; i < d->x->answer.entries; i++)
        printf(" %" PRIx64 ":%" PRIx64, d->x->answer.entry[i].pa, d->x->answer.entry[i].before);
    printf("\n");
    show_seen("manual", &d->x->want);
    if (model)
        show_seen("model", model);
    if (d->got)
        show_seen("emulator", d->got);
}

/* ---- one access ---------------------------------------------------------------------------------------------------- */

/* Memory becomes what it was before the access; the case ends. */
static void before(struct run *r, const struct nested_difference *d)
{
    const struct nested_expected *x = d->x;
    for (u32 i = x->answer.entries; i-- > 0;)
        nested_memory(r->model)[x->answer.entry[i].pa / 8] = x->answer.entry[i].before;
    nested_put_data(r->model, d->c, d->s);
}

static bool accessed(void *ctx, const struct nested_case *c, u32 step, const struct nested_expected *x, const struct nested_seen *model)
{
    struct run *r = ctx;
    const struct told *t = r->taken < r->tolds ? &r->told[r->taken] : NULL;
    bool told = t && t->number == c->number && t->step == step;
    struct nested_difference d = { c, &c->step[step], x, told ? &t->got : NULL, r->o.way->emulator == BOCHS ? WHO_BOCHS : WHO_QEMU };

    r->accesses++;
    if (!nested_permitted(x, model) && r->wrong_model++ < r->o.show)
        show(r, &d, model, "the model differs");
    r->digest = nested_digest(r->digest, x, told ? d.got : model);
    if (!told)
        return true;
    r->taken++;
    if (nested_permitted(x, d.got)) /* --full told it */
        return true;
    before(r, &d);
    u32 departs = nested_named(r->model, &d);
    for (u32 i = 0; nested_named_at(i); i++)
        r->named[i] += (nested_named_at(i)->departs & departs) != 0;
    if (r->o.full || (!departs && r->unnamed < r->o.show))
        show(r, &d, model, departs ? "the emulator differs, by name" : "the emulator differs");
    r->unnamed += !departs;
    return false;
}

/* ---- the guest's lines --------------------------------------------------------------------------------------------- */

static u32 words_of(const char *line, u64 *out)
{
    char *end;
    for (u32 n = 0; n < MAX_WORDS; n++, line = end) {
        out[n] = strtoull(line, &end, 16);
        if (end == line)
            return n;
    }
    return MAX_WORDS;
}

static void finish_block(struct run *r, u64 last, u64 digest)
{
    static struct nested_case c;
    struct nested_listener listener = { accessed, r };
    u64 first = r->next;

    r->digest = r->taken = 0;
    for (; r->next <= last; r->next++, r->cases++) {
        nested_generate(&r->p, &r->part, &r->layout, r->next, &c);
        nested_play(r->model, &c, &listener);
    }
    if ((r->digest != digest || r->taken != r->tolds) && r->digests++ < r->o.show)
        printf("%s: cases %" PRIu64 " to %" PRIu64 ": the digests of emulator and model differ; to see where: --first %" PRIu64
               " --cases %" PRIu64 " --full\n", r->o.way->name, first, last, first, last - first + 1);
    r->tolds = 0;
}

static bool keep(struct run *r, const u64 *w, u32 n)
{
    struct told *t = &r->told[r->tolds];
    if (r->tolds++ == BLOCK * NESTED_STEPS || n < TOLD_WORDS)
        return false;
    *t = (struct told){ w[0], (u32)w[1], { { w[2], w[3], w[4], w[5], w[6], w[7], w[8] }, w[9], { 0 }, n - TOLD_WORDS } };
    memcpy(t->got.entry, w + TOLD_WORDS, (n - TOLD_WORDS) * sizeof *w);
    return true;
}

/* false: nonsense. */
static bool take_line(struct run *r, const char *line, bool *done)
{
    u64 w[MAX_WORDS];
    u32 n = words_of(line + 1, w);

    if (line[0] == 'H' && n == 2 && !r->model) {
        r->part = (struct part){ .maxphyaddr = (u32)w[0], .features = (u32)w[1] };
        layout_make(&r->p, &r->layout);
        r->model = model_start(&r->p, &r->part);
        return true;
    }
    if (line[0] == 'D' && r->model)
        return keep(r, w, n);
    if (line[0] == 'B' && n == 2 && r->model && w[0] >= r->next && w[0] < r->p.first + r->p.count) {
        finish_block(r, w[0], w[1]);
        return true;
    }
    *done = line[0] == 'F' && n == 1 + OUTCOMES;
    if (*done)
        memcpy(r->outcome, w + 1, sizeof r->outcome);
    return *done;
}

static volatile sig_atomic_t stop; /* too long a silence, or somebody stops us: ends the read in progress            */

static void on_signal(int signal)
{
    stop = signal;
}

/* true: the emulator came to the end. */
static bool listen(struct run *r)
{
    struct sigaction action = { .sa_handler = on_signal };
    struct running running;
    char line[2048];
    bool done = false;

    sigaction(SIGALRM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    emulator_start(r->o.way, r->o.image, &r->p, &running);
    do {
        alarm(SILENCE_SECONDS);
        if (!fgets(line, sizeof line, running.from))
            break;
        if (!r->model && (line[0] != 'H' || line[1] != ' ') && line[0] != 'X')
            continue; /* Bochs speaks first */
        if (!take_line(r, line, &done)) {
            printf("%s: the guest said: %s", r->o.way->name, line);
            break;
        }
    } while (!done && !stop);
    alarm(0);
    emulator_stop(&running, !done);
    return done;
}

/* ---- the command --------------------------------------------------------------------------------------------------- */

static int usage(void)
{
    fprintf(stderr, "usage: nested-compare IMAGE WAY [--cases N] [--seed N] [--first N] [--show N] [--full], where WAY is one of:\n");
    for (u32 i = 0; way_at(i); i++)
        fprintf(stderr, "  %-14s %s\n", way_at(i)->name, way_at(i)->title);
    return 2;
}

static bool parse(int argc, char **argv, struct options *o)
{
    *o = (struct options){ .cases = 1000, .seed = 1, .show = 4 };
    if (argc < 3)
        return false;
    o->image = argv[1];
    o->way = way_find(argv[2]);
    for (int i = 3; i < argc; i++) {
        const struct { const char *name; u64 *to; } number[] = { { "--cases", &o->cases }, { "--seed", &o->seed },
                                                                 { "--first", &o->first }, { "--show", &o->show } };
        u32 k = 0;
        o->full |= !strcmp(argv[i], "--full");
        if (!strcmp(argv[i], "--full"))
            continue;
        while (k < 4 && strcmp(argv[i], number[k].name))
            k++;
        char *end = NULL;
        if (k == 4 || ++i == argc)
            return false;
        *number[k].to = strtoull(argv[i], &end, 0);
        if (*end)
            return false;
    }
    return o->way && o->cases;
}

static int report(const struct run *r)
{
    u64 failed = r->unnamed + r->digests + r->wrong_model;
    static const struct { u32 feature; const char *name; } row[] = {
        { PART_LA57, "guests of 5 levels" }, { PART_1G, "1 GiB pages" }, { NESTED_1G, "nested ones" }, { NESTED_AD, "A/D" },
        { NESTED_EXECUTE_ONLY, "execute-only" }, { NESTED_MODES, "mode-based execute" }, { NESTED_INFO, "qualification 11:9" },
        { NESTED_LOGS, "page-modification log" },
    };
    printf("%s: %u address bits", r->o.way->name, r->part.maxphyaddr);
    for (u32 i = 0; i < sizeof row / sizeof *row; i++)
        if (r->part.features & row[i].feature)
            printf(", %s", row[i].name);
    printf("\n%s: %" PRIu64 " cases, %" PRIu64 " accesses, seed %" PRIu64 ":", r->o.way->name, r->cases, r->accesses, r->o.seed);
    for (u32 i = 0; i < OUTCOMES; i++)
        if (r->outcome[i])
            printf(" %" PRIu64 " %s", r->outcome[i], outcome_name[i] ? outcome_name[i] : "?");
    printf("\n");
    for (u32 i = 0; nested_named_at(i); i++)
        if (r->named[i])
            printf("  %8" PRIu64 "  %s\n", r->named[i], nested_named_at(i)->name);
    printf("  %8" PRIu64 "  differences without a name\n", r->unnamed);
    printf("%" PRIu64 " passed, %" PRIu64 " failed\n", r->cases - (failed < r->cases ? failed : r->cases), failed);
    return failed ? 1 : 0;
}

int main(int argc, char **argv)
{
    static struct run r;
    if (!parse(argc, argv, &r.o))
        return usage();
    const char *missing = emulator_missing(r.o.way);
    if (missing) {
        printf("skip: %s\n", missing);
        return 77;
    }
    r.p = (struct params){ .magic = PARAMS_MAGIC, .seed = r.o.seed, .first = r.o.first, .count = r.o.cases, .block = BLOCK,
                           .low_end = r.o.way->low_end, .high_end = r.o.way->high_end };
    r.p.flags = (r.o.way->la57 ? PARAMS_LA57 : 0u) | (r.o.full ? PARAMS_FULL : 0u) |
                (u32)(!strncmp(r.o.way->name, "npt", 3) ? PARAMS_NPT : PARAMS_EPT);
    r.next = r.o.first;
    if (!listen(&r)) {
        printf("%s: the emulator ended before the cases did\n", r.o.way->name);
        return 2;
    }
    return report(&r);
}
