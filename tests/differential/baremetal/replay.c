/* SPDX-License-Identifier: MIT
 * replay.c - see replay.h.  The lines of the guest are described in guest.c.
 *
 * The guest reports only accesses that it finds wrong, and a digest of all.  So a block agrees when the model, with the
 * reported accesses put in place of its own, has the same digest: then every other access was the same in both. */
#include "replay.h"

#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "model.h"
#include "show.h"

enum { MAX_WORDS = 8 + MAX_SEEN, SILENCE_SECONDS = 120 };

struct record { u64 number; u32 step; struct outcome got; };

struct replaying {
    const struct way *way;
    const struct params *p;
    struct part part;
    struct layout layout;
    struct engine *model;
    struct tally *t;
    struct record *record;      /* of the block so far                                                               */
    u32 records, room, taken;
    u64 next, digest;
    u32 quirks;                 /* that explain the access about to be judged                                        */
    bool verbose;
};

/* ---- one access -------------------------------------------------------------------------------------------------- */

static const struct record *told_of(const struct replaying *r, const struct test_case *c, u32 step)
{
    const struct record *told = r->taken < r->records ? &r->record[r->taken] : NULL;
    return told && told->number == c->number && told->step == step ? told : NULL;
}

/* While memory is still as it was before the access. */
static void before(void *ctx, const struct test_case *c, u32 step, const struct expected_at *at)
{
    struct replaying *r = ctx;
    const struct record *told = told_of(r, c, step);
    struct expectation x;

    r->quirks = 0;
    if (!told)
        return;
    foresee(at, 0, &x);
    if (!permitted(&x, &told->got))
        r->quirks = named_quirks(r->way->emulator, at, &x, &told->got);
}

static void judge(struct replaying *r, const struct difference *d)
{
    if (!r->quirks && r->t->unnamed++ < r->t->show)
        show_difference(r->way->name, d, "the emulator differs");
    for (u32 i = 0; named_at(i); i++)
        r->t->named[i] += named_at(i)->emulator == r->way->emulator && named_at(i)->quirk & r->quirks;
}

static bool accessed(void *ctx, const struct test_case *c, u32 step, const struct expectation *x,
                     const struct outcome *got)
{
    struct replaying *r = ctx;
    const struct record *told = told_of(r, c, step);
    struct difference d = { .c = c, .s = &c->step[step], .x = x, .model = got, .got = told ? &told->got : NULL };

    r->t->accesses++;
    if (!permitted(x, got) && r->t->model++ < r->t->show)
        show_difference(r->way->name, &d, "the model differs");
    r->digest = digest(r->digest, x, told ? d.got : got);
    if (!told)
        return true;
    r->taken++;
    if (r->verbose && (digest(0, x, got) != digest(0, x, d.got) || !permitted(x, d.got)))
        show_difference(r->way->name, &d, "emulator and model");
    if (permitted(x, d.got))
        return true;
    judge(r, &d);
    return false;
}

/* ---- the guest's lines ------------------------------------------------------------------------------------------- */

static u32 words_of(const char *line, u64 *out)
{
    u32 n = 0;
    char *end;
    for (const char *at = line + 1; n < MAX_WORDS; at = end) {
        u64 v = strtoull(at, &end, 16);
        if (end == at)
            break;
        out[n++] = v;
    }
    return n;
}

static void keep(struct replaying *r, const u64 *w, u32 n)
{
    if (r->records == r->room) {
        r->room = r->room ? 2 * r->room : 256;
        r->record = realloc(r->record, r->room * sizeof *r->record);
        if (!r->record)
            abort();
    }
    struct record *k = &r->record[r->records++];
    *k = (struct record){ .number = w[0], .step = (u32)w[1],
                          .got = { .raw = { (u32)w[2], (u32)w[3], w[4], w[5] }, .data = { w[6], w[7] },
                                   .entries = n - 8 } };
    memcpy(k->got.entry, w + 8, (n - 8) * sizeof *w);
}

static void finish_block(struct replaying *r, u64 last, u64 digest_told)
{
    static struct test_case c;
    struct listener listener = { before, accessed, r };
    r->digest = 0;
    r->taken = 0;
    for (; r->next <= last; r->next++) {
        generate(r->p, &r->part, &r->layout, r->next, &c);
        play(r->model, &r->part, &c, &listener);
        r->t->cases++;
    }
    if (r->digest != digest_told || r->taken != r->records) {
        if (r->t->digests++ < r->t->show)
            printf("%s: cases up to %" PRIu64 ": the digests of emulator and model differ; to see where:"
                   " --first %" PRIu64 " --cases %u --full\n",
                   r->way->name, last, last / r->p->block * r->p->block, r->p->block);
    }
    r->records = 0;
}

/* false: that was the last, or nonsense. */
static bool take_line(struct replaying *r, const char *line, bool *done)
{
    u64 w[MAX_WORDS];
    u32 n = words_of(line, w);
    if (line[0] == 'H' && n == 2 && !r->model) {
        r->part = (struct part){ .maxphyaddr = (u32)w[0], .features = (u32)w[1] };
        r->model = model_create(&r->part, r->p);
    } else if (line[0] == 'D' && n >= 8 && r->model) {
        keep(r, w, n);
    } else if (line[0] == 'B' && n == 2 && r->model) {
        finish_block(r, w[0], w[1]);
    } else if (line[0] == 'F' && n == 3) {
        r->t->free += w[1];
        r->t->set += w[2];
        *done = r->next == r->p->first + r->p->count;
        return false;
    } else if (line[0] == 'X' && n == 4) {
        printf("%s: the guest went wrong: vector %" PRIu64 " error 0x%" PRIx64 " CR2 0x%" PRIx64 " at 0x%" PRIx64
               " near case %" PRIu64 "\n", r->way->name, w[0], w[1], w[2], w[3], r->next);
        return false;
    }
    return true; /* other lines are the emulator's own talk */
}

static volatile sig_atomic_t stop; /* too long a silence, or somebody stops us: ends the read in progress          */

static void on_signal(int signal)
{
    stop = signal;
}

bool replay(const struct way *w, const char *image, const struct params *p, bool verbose, struct tally *t)
{
    struct replaying r = { .way = w, .p = p, .t = t, .next = p->first, .verbose = verbose };
    struct sigaction action = { .sa_handler = on_signal };
    struct running emulator;
    char line[512];
    bool done = false;

    layout_make(p, &r.layout);
    sigaction(SIGALRM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    emulator_start(w, image, p, &emulator);
    do
        alarm(SILENCE_SECONDS);
    while (fgets(line, sizeof line, emulator.from) && take_line(&r, line, &done) && !stop);
    alarm(0);
    emulator_stop(&emulator, !done);
    if (!done)
        fprintf(stderr, "baremetal: %s did not finish: it got to case %" PRIu64 " of %" PRIu64 "\n", w->name,
                r.next - p->first, p->count);
    if (r.model)
        model_destroy(r.model);
    free(r.record);
    return done;
}
