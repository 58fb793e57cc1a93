/* SPDX-License-Identifier: MIT
 * timeline.c - counters against the work that the watched process has done.  Called by the embedder (sim.h, "when").
 *
 * An interval is closed by the first event past its end, before that event counts: so what is counted since the last
 * close belongs to it, and whatever else has passed since is empty.  When all are closed, neighbours are joined and
 * intervals are twice as long from there: a run of any length needs the same memory, and few closes.
 *
 * What must hold: closed < SIM_INTERVALS; closed * length <= work < next = (closed + 1) * length. */
#include "sim_internal.h"

#include "base/check.h"

#include <string.h>

#define FIRST_LENGTH 1024u

struct timeline {
    u64 length;                    /* of an interval                                                           */
    u32 closed;
    struct sim_counters last;      /* when the last interval was closed                                        */
    struct sim_interval at[SIM_INTERVALS];
};

size_t timeline_bytes(void) { return sizeof(struct timeline); }

static void count(const struct sim *s, struct sim_counters *c)
{
    const struct mm_counters *k = proc_counters(s->watched);

    *c = (struct sim_counters){ .minor = k->minor, .major = k->major, .copied_pages = k->copied_pages, .zeroed_pages = k->zeroed_pages };
    for (unsigned cpu = 0; cpu < s->cpus; cpu++) {
        const struct mmu_stats *m = mmu_stats(s->mmu, cpu);
        for (unsigned size = 0; size < MMU_SIZES; size++) {
            c->l1i_miss += m->l1_miss[MMU_SIDE_I][size];
            c->l1d_miss += m->l1_miss[MMU_SIDE_D][size];
            c->walks_i += m->walks[MMU_SIDE_I][size];
            c->walks_d += m->walks[MMU_SIDE_D][size];
        }
        c->walks_i += m->walks_faulted[MMU_SIDE_I];
        c->walks_d += m->walks_faulted[MMU_SIDE_D];
        c->walk_cycles += m->cycles_walk;
    }
}

/* Counters are nothing but u64. */
static struct sim_counters combine(struct sim_counters a, const struct sim_counters *b, bool minus)
{
    u64 *to = (u64 *)&a;
    const u64 *from = (const u64 *)b;

    for (size_t i = 0; i < sizeof a / sizeof *to; i++)
        to[i] += minus ? -from[i] : from[i];
    return a;
}

/* What has happened since the last close. */
static struct sim_interval since(const struct sim *s, const struct sim_counters *now, u64 end)
{
    struct sim_interval i = { .end = end, .n = combine(*now, &s->timeline->last, true) };
    struct mm_rss rss;

    mm_rss(s->watched, &rss);
    i.anon_pages = (u32)rss.anon_pages;
    i.file_pages = (u32)rss.file_pages;
    i.shmem_pages = (u32)rss.shmem_pages;
    i.table_pages = (u32)rss.table_pages;
    return i;
}

static void join_neighbours(struct sim *s)
{
    struct timeline *t = s->timeline;

    for (u32 i = 0; i < SIM_INTERVALS / 2; i++) {
        const struct sim_counters first = t->at[2 * i].n;
        t->at[i] = t->at[2 * i + 1];
        t->at[i].n = combine(t->at[i].n, &first, false);
    }
    t->closed = SIM_INTERVALS / 2;
    t->length *= 2;
    heat_join_columns(s);
}

static void close_one(struct sim *s, struct sim_interval i)
{
    struct timeline *t = s->timeline;

    i.end = (t->closed + 1) * t->length;
    t->at[t->closed++] = i;
    if (t->closed == SIM_INTERVALS)
        join_neighbours(s);
}

static void pass(struct sim *s, u64 work)
{
    struct timeline *t = s->timeline;
    struct sim_counters now;
    struct sim_interval i;

    count(s, &now);
    i = since(s, &now, 0);
    t->last = now;
    close_one(s, i);
    for (i.n = (struct sim_counters){ 0 }; work / t->length > t->closed;)
        close_one(s, i);
    s->next_close = (t->closed + 1) * t->length;
    s->heat_column = t->closed / (SIM_INTERVALS / SIM_HEAT_COLUMNS);
}

void sim_worked(struct sim *s, u64 work)
{
    if (RARE(work >= s->next_close))
        pass(s, work);
    if (work > s->work)
        s->work = work;
}

void sim_watch(struct sim *s, struct proc *p)
{
    s->watched = p;
    s->next_close = ~(u64)0;
    s->heat_column = 0;
    s->work = 0;
    if (!p || !(s->timeline || (s->timeline = sim_alloc(s, sizeof *s->timeline, 64))) || !where_begin(s)) {
        s->watched = NULL;
        return;
    }
    memset(s->timeline, 0, sizeof *s->timeline);
    s->timeline->length = s->next_close = FIRST_LENGTH;
    count(s, &s->timeline->last);
}

void sim_each_interval(struct sim *s, void (*see)(void *ctx, const struct sim_interval *i), void *ctx)
{
    const struct timeline *t = s->timeline;
    struct sim_counters now;
    struct sim_interval open;

    if (!s->watched)
        return;
    for (u32 i = 0; i < t->closed; i++)
        see(ctx, &t->at[i]);
    count(s, &now);
    open = since(s, &now, s->work);
    see(ctx, &open);
}

u64 sim_interval_work(const struct sim *s) { return s->watched ? s->timeline->length : 0; }
