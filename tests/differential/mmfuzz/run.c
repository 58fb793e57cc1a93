/* SPDX-License-Identifier: MIT
 * run.c - one sequence in lock step.  The model runs up to two batches ahead: it is asked first, which tells the
 * generator what is mapped and the performer how much to write down; what the host answers is compared a batch later,
 * while the performer already works on the next. */
#include "mmfuzz.h"

#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define MAPS_SLACK 1024u      /* lines of the performer itself, and a few too many                               */
#define SMAPS_SLACK 8192u
#define WORDS_MAX 6144u       /* of one look                                                                     */
#define LOOK_MAX (256u << 10)
#define CHECK_EVERY 16u

struct side { struct record record[BATCH]; u8 *data; u32 used, first_op; };
struct lockstep {
    struct run *run;
    struct model model;
    struct gen gen;
    struct views views;
    struct side side[2];
    u32 published, compared, op;
    bool over;
};

/* A broken invariant of the model traps; then the sequence is worth shrinking like any other. */
static sigjmp_buf trapped;
static void on_trap(int number) { (void)number; siglongjmp(trapped, 1); }

/* ---- what to look at ------------------------------------------------------------------------------------------- */

static void add_span(struct command *c, u64 start, u64 end, u32 *words)
{
    struct span *last = c->spans ? &c->span[c->spans - 1] : NULL;
    u64 page = start >> PAGE_LG2, pages = (end - start) >> PAGE_LG2;

    if (pages > WORDS_MAX - *words)
        pages = WORDS_MAX - *words;
    if (!pages)
        return;
    *words += (u32)pages;
    if (last && last->page + last->pages == page && !(c->look & LOOK_CORE)) {
        last->pages += pages;
    } else if (c->spans < SPANS) {
        c->span[c->spans++] = (struct span){ page, pages };
    } else {
        *words -= (u32)pages;
    }
}

/* The arena whole (what is not mapped must not be there either), and every mapping outside. */
static void choose_spans(const struct lockstep *l, struct command *c)
{
    const u64 arena_end = ARENA_AT + l->run->plan.arena_pages * PAGE_BYTES;
    u32 words = 0;

    c->spans = 0;
    if (!(c->look & LOOK_CORE))
        add_span(c, ARENA_AT, arena_end, &words);
    for (u32 i = 0; i < l->views.n; i++) {
        u64 start = l->views.v[i].start, end = l->views.v[i].end;
        if (!(c->look & LOOK_CORE) && start >= ARENA_AT && start < arena_end)
            start = arena_end;
        if (start < end)
            add_span(c, start, end, &words);
    }
}

/* ---- ahead: the model ------------------------------------------------------------------------------------------ */

static bool next_op(struct lockstep *l, struct op *op)
{
    struct run *r = l->run;

    while (l->op < (r->given ? r->given_ops : r->plan.ops)) {
        *op = r->given ? r->given[l->op] : gen_next(&l->gen);
        l->op++;
        if (gen_accept(&l->gen, op))
            return true;
    }
    return false;
}

static void after_op(struct lockstep *l, const struct op *op, const struct record *r)
{
    if ((op->kind == OP_FORK || op->kind == OP_THREAD) && r->result < 0)
        l->gen.alive[op->a[0]] = false;
    if (op->kind == OP_TRUNCATE)
        l->gen.file_bytes[op->a[0]] = op->a[1];
    model_views(&l->model, l->gen.actor, &l->views);
    l->gen.brk = (u64)mm_brk(l->model.p[l->gen.actor], 0);
}

/* One operation done by the model and written as a command.  false: the sequence is over, or the half is full. */
static bool foresee(struct lockstep *l, struct half *h, struct side *s)
{
    struct command *c = &h->command[h->count];
    struct record *m = &s->record[h->count];
    u32 at = 0;

    if (h->count == BATCH || s->used > DATA_BYTES - LOOK_MAX)
        return false;
    if (!next_op(l, &c->op)) {
        l->over = true;
        return false;
    }
    l->run->done[l->run->done_ops++] = c->op;
    model_do(&l->model, &c->op, m);
    if (l->run->answers)
        l->run->answers[l->run->done_ops - 1] = *m;
    after_op(l, &c->op, m);
    c->look = l->run->plan.look;
    c->at = s->used;
    c->room = 0;
    if (c->op.kind != OP_EXIT) {
        choose_spans(l, c);
        at = model_look(&l->model, c, m, s->data + s->used);
        c->room = ((at + MAPS_SLACK + (c->look & LOOK_SMAPS ? SMAPS_SLACK : 0)) + 15) & ~15u;
    }
    s->used += c->room;
    h->count++;
    return true;
}

/* ---- behind: the host ------------------------------------------------------------------------------------------ */

static bool invariants(struct lockstep *l, u32 at)
{
    const char *broken = mm_check(l->model.k);

    if (!broken)
        return true;
    l->run->diff = (struct difference){ .at = at, .what = "mm_check", .host = "(nothing)" };
    snprintf(l->run->diff.model, sizeof l->run->diff.model, "%s", broken);
    return false;
}

static enum verdict compare_batch(struct lockstep *l)
{
    struct half *h = &l->run->host->wire->half[l->compared & 1];
    struct side *s = &l->side[l->compared & 1];
    const char *why = host_wait(l->run->host, l->compared + 1);

    for (u32 i = 0; i < h->count; i++) {
        const struct command *c = &h->command[i];
        if (why) {
            l->run->diff = (struct difference){ .at = s->first_op, .what = "performer" };
            snprintf(l->run->diff.host, sizeof l->run->diff.host, "%s", why);
            return BROKEN;
        }
        if (!compare(l->run->profile, c, &h->record[i], h->data + c->at, &s->record[i], s->data + c->at,
                     &l->run->tally, &l->run->diff)) {
            l->run->diff.at = s->first_op + i;
            return DIFFERENT;
        }
    }
    l->compared++;
    l->run->tally.batches++;
    return SAME;
}

static enum verdict advance(struct lockstep *l)
{
    const bool thorough = l->run->plan.look || l->run->given;

    while (!l->over || l->compared < l->published) {
        struct half *h = &l->run->host->wire->half[l->published & 1];
        struct side *s = &l->side[l->published & 1];
        enum verdict v;
        if (!l->over && l->published - l->compared < 2) {
            h->count = 0;
            s->used = 0;
            s->first_op = l->run->done_ops;
            while (foresee(l, h, s))
                if ((thorough || l->run->done_ops % CHECK_EVERY == 0) && !invariants(l, l->run->done_ops - 1))
                    return DIFFERENT;
            if (h->count)
                host_publish(l->run->host, ++l->published);
            continue;
        }
        v = compare_batch(l);
        if (v != SAME)
            return v;
    }
    return SAME;
}

/* ---- the run --------------------------------------------------------------------------------------------------- */

static enum verdict broken(struct run *r, const char *why)
{
    r->diff = (struct difference){ .what = "setup" };
    snprintf(r->diff.host, sizeof r->diff.host, "%s", why);
    return BROKEN;
}

static enum verdict guarded(struct lockstep *l)
{
    struct run *r = l->run;

    if (sigsetjmp(trapped, 1)) {
        r->diff = (struct difference){ .at = r->done_ops - 1, .what = "trap", .host = "(goes on)",
                                       .model = "stopped by a broken invariant" };
        return DIFFERENT;
    }
    return advance(l);
}

enum verdict run_both(struct run *r)
{
    static struct lockstep l;
    static u8 *data[2];
    enum verdict v;
    const char *why;

    for (int i = 0; i < 2; i++)
        if (!data[i] && !(data[i] = malloc(DATA_BYTES)))
            return broken(r, "no memory");
    signal(SIGILL, on_trap);
    signal(SIGSEGV, on_trap);
    memset(&l, 0, sizeof l);
    l.run = r;
    l.side[0].data = data[0];
    l.side[1].data = data[1];
    r->done_ops = 0;
    why = host_begin(r->host, &r->plan);
    if (why)
        return broken(r, why);
    gen_begin(&l.gen, &r->plan);
    l.gen.views = &l.views;
    v = model_begin(&l.model, r->profile, &r->plan, r->host->id) ? guarded(&l) : broken(r, "no memory for the model");
    model_end(&l.model);
    host_end(r->host);
    return v;
}
